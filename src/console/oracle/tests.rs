//! The oracle over its seeds and what is left of them when they are cut.

use super::*;

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/api");
    let all = std::fs::read_dir(folder).expect("seeds");
    let mut all: Vec<_> = all
        .map(|it| it.expect("a file").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a seed"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn it_holds_for_the_seeds_and_what_is_left_of_them() {
    for (_, seed) in seeds() {
        check(&seed);
        for end in (0..seed.len()).step_by(7) {
            check(&seed[..end]);
        }
    }
}

/// A seed that never got through to what it is about would show nothing.
#[test]
fn the_seeds_get_as_far_as_they_are_meant_to() {
    let stand = Stand::new();
    let status = |name: &str| {
        let seed = seeds()
            .into_iter()
            .find(|(it, _)| it == name)
            .expect(name)
            .1;
        let (who, asked) = read(&seed).expect("a request");
        let secret = stand.secret(&who).unwrap_or_default();
        let mark = stand.shell.form_mark(&secret);
        let mut request = Request::new(Body::from(asked.body.replace("{csrf}", &mark)));
        *request.method_mut() = asked.method;
        *request.uri_mut() = asked.uri;
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        let (name, value) = match who.as_str() {
            TOKEN => (header::AUTHORIZATION, format!("Bearer {secret}")),
            _ => (header::COOKIE, format!("poortwacht={secret}")),
        };
        headers.insert(name, value.parse().expect("a header"));
        for (name, value) in asked.headers {
            headers.append(name, value.parse().expect("a header"));
        }
        stand.answer(request).0.status().as_u16()
    };
    for (name, expected) in [
        ("guest-page", 303),
        ("guest-sign-in", 403),
        ("token-list", 200),
        ("token-act", 201),
        ("auditor-case", 200),
        ("auditor-filter", 200),
        ("lead-rule", 303),
        ("analyst-bulk", 200),
        ("officer-release", 200),
        ("admin-close", 200),
    ] {
        assert_eq!(status(name), expected, "{name}");
    }
    assert_eq!(stand.desk.acts().len(), 3, "comment, rule, acknowledgement");
}

//! Heads of requests, against a second parser and by hand.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::names::Probe;
use proptest::prelude::*;

fn hosts(text: &str) -> Vec<String> {
    match request(text.as_bytes()) {
        Probe::Found((found, len)) => {
            assert_eq!(len, text.len(), "{text}");
            let text = |host: Host<'_>| String::from_utf8_lossy(host.text).into_owned();
            found.hosts.iter().map(text).collect()
        }
        _ => panic!("no request: {text}"),
    }
}

#[test]
fn hosts_and_what_is_none() {
    for (text, name) in [
        ("app.clearview.ai", "app.clearview.ai"),
        (" A.example:8080 ", "A.example"),
        ("a.example.:80", "a.example."),
        ("a.example:", "a.example"),
        ("localhost", "localhost"),
        ("a_b.example", "a_b.example"),
        ("b\u{fc}cher.example", "b\u{fc}cher.example"),
        ("1.example", "1.example"),
        ("192.0.2.1.nip.io", "192.0.2.1.nip.io"),
    ] {
        assert_eq!(
            host(text.as_bytes()).unwrap().name,
            name.as_bytes(),
            "{text}"
        );
    }
    let long = "a".repeat(256);
    for text in [
        "",
        ".",
        ":80",
        "192.0.2.1",
        "192.0.2.1:80",
        "1.2",
        "0x7f.1",
        "a.0x1f",
        "[::1]",
        "[::1]:80",
        "::1",
        "a b",
        "a/b",
        "a@b",
        "a:b",
        "a:123456",
        "a%2eb",
        "a\0b",
        &long,
        "a,b",
        "<a>",
        "a:80:80",
    ] {
        assert!(host(text.as_bytes()).is_none(), "{text}");
    }
    for (uri, name) in [
        ("http://a.example/x", Some("a.example")),
        ("HTTP://u:p@A.example:80?x@y", Some("A.example")),
        ("ftp://a.example", Some("a.example")),
        ("http://a.example\\@b.example/", Some("a.example")),
        ("http://x@y@a.example#b", Some("a.example")),
        ("http://[::1]/", None),
        ("http:///a.example", None),
    ] {
        let found = target(uri.as_bytes()).unwrap().map(|host| host.name);
        assert_eq!(found, name.map(str::as_bytes), "{uri}");
    }
    for uri in [
        "/http://a.example",
        "*",
        "a.example:443",
        "?http://a",
        "1x://a",
    ] {
        assert!(target(uri.as_bytes()).is_none(), "{uri}");
    }
}

#[test]
fn what_begins_a_request() {
    for text in [
        "GET /",
        "CONNECT a:443",
        "OPTIONS *",
        "\r\nGET  http:",
        "M-SEARCH *",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let wanted = !text.starts_with("M-");
        assert_eq!(
            matches!(begins(text.as_bytes()), Probe::Found(_)),
            wanted,
            "{text}"
        );
        if wanted && !text.starts_with('\r') {
            for len in 1..text.len().min(4) {
                assert_eq!(
                    begins(&text.as_bytes()[..len]),
                    Probe::NeedMore,
                    "{text} {len}"
                );
            }
        }
    }
    for text in [
        "", "G\0", "GETTER", "GET\r\n", "PING", "SSH-2.0", "HELO x", "RSET", "get /", "POST",
    ] {
        assert!(
            !matches!(begins(text.as_bytes()), Probe::Found(_)),
            "{text}"
        );
    }
}

#[test]
fn the_uri_goes_before_the_field() {
    assert_eq!(
        hosts("GET http://a.example:81/ HTTP/1.1\r\nHost: b.example\r\n\r\n"),
        ["a.example:81"]
    );
    assert_eq!(
        hosts("CONNECT a.example:443 HTTP/1.0\r\nHost: b.example\r\n\r\n"),
        ["a.example:443"]
    );
    assert_eq!(
        hosts("GET / HTTP/1.1\r\nHost: b.example\r\nHost: B.EXAMPLE\r\n\r\n"),
        ["b.example"]
    );
    let many: String = (0..9).map(|n| format!("Host: {n}.example\r\n")).collect();
    assert_eq!(
        hosts(&format!("GET / HTTP/1.1\r\n{many}\r\n")).len(),
        HOSTS_MAX
    );
}

#[test]
fn seeds_and_their_truncations_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/http");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for len in 0..=bytes.len() {
            oracle::check(&bytes[..len]);
        }
        count += 1;
    }
    assert!(count >= 4);
}

/// Pieces that make requests, whole and broken.
fn piece() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Host: a.example\r\n",
        "HOST:b.example:80\r\n",
        "Content-Length: 5\r\n",
        "X: y\r\n",
        "\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: \r\n",
        "Cookie: Host: c.example\r\n",
        "GET / HTTP/1.1\r\n",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn anything_holds(data in prop::collection::vec(any::<u8>(), 0..300)) {
        oracle::check(&data);
    }

    /// What the crate httparse takes for a whole request has the same fields of hosts here.
    #[test]
    fn agrees_with_httparse(pieces in prop::collection::vec(piece(), 1..9)) {
        let text = format!("GET /x HTTP/1.1\r\n{}", pieces.concat());
        oracle::check(text.as_bytes());
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut other = httparse::Request::new(&mut fields);
        let theirs = other.parse(text.as_bytes());
        let ours = request(text.as_bytes());
        match theirs {
            Ok(httparse::Status::Complete(len)) => {
                let Probe::Found((found, used)) = ours else { panic!("not read: {text:?}") };
                prop_assert_eq!(used, len);
                let mut names: Vec<&[u8]> = Vec::new();
                for field in other.headers.iter().filter(|f| f.name.eq_ignore_ascii_case("host")) {
                    let name = field.value.split(|b| *b == b':').next().unwrap();
                    if !name.is_empty() && !names.contains(&name) {
                        names.push(name);
                    }
                }
                let told: Vec<&[u8]> = found.hosts.iter().map(|host| host.name).collect();
                prop_assert_eq!(told, names);
            }
            Ok(httparse::Status::Partial) => prop_assert!(matches!(ours, Probe::NeedMore)),
            // Lines without a colon: more lenient here.
            Err(_) => {}
        }
    }
}

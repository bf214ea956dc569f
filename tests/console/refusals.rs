//! What strangers and hostile requests are told, and that nothing changes by them.

use std::path::PathBuf;

use axum::Router;
use axum::routing::get;
use poortwacht::console::{Limits, Refusal, Role, Visitor};

use super::stand::{Answer, Browser, PASSWORD, Stand, encoded, path_of};

/// Every page for people, with the method that it is asked by.
const PAGES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/account"),
    ("POST", "/account/password"),
    ("GET", "/account/second-factor"),
    ("POST", "/account/second-factor"),
    ("POST", "/account/second-factor/confirm"),
    ("POST", "/account/second-factor/remove"),
    ("POST", "/account/tokens"),
    ("POST", "/account/tokens/revoke"),
    ("POST", "/account/sessions/end"),
    ("GET", "/accounts"),
    ("POST", "/accounts/invite"),
    ("POST", "/accounts/act"),
    ("GET", "/pages/one"),
];

fn pages(_: &poortwacht::console::Shell) -> Router {
    let one = async |visitor: Visitor| visitor.page("one").title;
    let failing = async || -> Result<(), Refusal> { Err(Refusal::Failed) };
    Router::new()
        .route("/pages/one", get(one))
        .route("/pages/failing", get(failing))
}

#[test]
fn a_stranger_gets_nothing_and_changes_nothing() {
    let stand = Stand::with(|_, _| {}, Limits::default(), pages);
    stand.person("eva", &[Role::Analyst]);
    let file = stand.folder.path().join("console/accounts.json");
    let before = std::fs::read(&file).unwrap();
    let mut stranger = Browser::new(&stand);
    stranger.get("/sign-in");
    for (method, path) in PAGES {
        let answer = match *method {
            "GET" => stranger.get(path),
            _ => stranger.post(path, &[("name", "eva"), ("act", "close"), ("label", "x")]),
        };
        if *method == "GET" {
            assert_eq!(answer.status, 303, "{path}");
            assert!(
                answer.header("location").starts_with("/sign-in?next=%2F"),
                "{path}"
            );
        } else {
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.body.contains("Sign in first."), "{path}");
        }
        assert!(!answer.body.contains("eva"), "{path}");
    }
    assert_eq!(stranger.get("/nothing").status, 404);
    assert!(std::fs::read(&file).unwrap() == before);
}

#[test]
fn a_form_needs_the_mark_of_its_own_page() {
    let stand = Stand::new();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let mut other = stand.person("jan", &[Role::Analyst]);
    eva.get("/account");
    other.get("/account");
    let own = format!("http://{}", stand.at);
    let origin = format!("Origin: {own}\r\n");
    let form = |csrf: &str| {
        encoded(&[
            ("csrf", csrf),
            ("label", "x"),
            ("days", "1"),
            ("scope_read", "on"),
        ])
    };
    let good = eva.csrf.clone();
    for (csrf, lines, why) in [
        ("", origin.as_str(), "an empty mark"),
        ("wrong", &origin, "a wrong mark"),
        (&other.csrf, &origin, "a colleague's mark"),
        (&good, "", "no word of where it comes from"),
        (&good, "Origin: https://evil.example\r\n", "another origin"),
        (&good, "Origin: null\r\n", "an origin that hides"),
        (&good, "Origin: http://127.0.0.1:1\r\n", "another port"),
        (&good, "Sec-Fetch-Site: cross-site\r\n", "another site"),
        (&good, "Sec-Fetch-Site: same-site\r\n", "a neighbour"),
        (
            &good,
            &format!("{origin}Sec-Fetch-Site: cross-site\r\n"),
            "two answers",
        ),
    ] {
        let answer = eva.post_raw("/account/tokens", &form(csrf), lines);
        assert_eq!(answer.status, 403, "{why}");
        assert!(
            answer.body.contains("not sent from a page of yours"),
            "{why}"
        );
    }
    let answer = eva.post_raw("/account/tokens", "label=x&days=1", &origin);
    assert_eq!(answer.status, 403, "no mark at all");
    eva.get("/account");
    assert!(
        eva.get("/account").body.contains("There are none."),
        "no token was made"
    );
    // The same with everything in order is taken as far as the password.
    let answer = eva.post_raw("/account/tokens", &form(&good), &origin);
    assert!(
        answer.body.contains("The current password is not right."),
        "{}",
        answer.body
    );
}

#[test]
fn what_people_type_is_text() {
    let stand = Stand::new();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let page = eva.get("/account").body;
    assert!(page.contains("eva &#60;b&#62;&#38;&#34;&#39;"), "{page}");
    assert!(!page.contains("<b>"));
    let script = "<script>alert(1)</script>\"><img src=x>";
    let failed = Browser::new(&stand).sign_in(script, "x y z").body;
    assert!(failed.contains("&#60;script&#62;") && !failed.contains("<script>alert"));
    assert!(!failed.contains("<img"));
}

#[test]
fn templates_turn_escaping_off_nowhere_and_hold_no_script_or_style() {
    let bad = r#"\|\s*safe|\|\s*escape|\{%\s*filter|\sstyle=|<style|\son[a-z]+=|<script(?: src="\{\{ page\.[^"]*\}\}" defer)?>"#;
    let bad = regex::Regex::new(bad).unwrap();
    for sample in [
        "{{ a|safe }}",
        "<p style=\"x\">",
        "<a onclick=\"x\">",
        "<script>",
    ] {
        assert!(bad.is_match(sample), "{sample}");
    }
    let (mut folders, mut seen) = (vec![PathBuf::from("templates")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for found in bad.find_iter(&text) {
                // A file of ours: it changes with its address.
                let own = found.as_str().starts_with("<script src=");
                // The report of a bundle is a file of its own, and served by nobody.
                let report = path.starts_with("templates/evidence") && found.as_str() == "<style";
                assert!(own || report, "{}: {}", path.display(), found.as_str());
            }
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} templates");
}

#[test]
fn every_answer_is_guarded() {
    let stand = Stand::with(|_, _| {}, Limits::default(), pages);
    let link = stand.shell.first_link().unwrap().unwrap();
    let mut eva = stand.person("eva", &[Role::Analyst, Role::Officer]);
    let mut guest = Browser::new(&stand);
    let mut answers = vec![
        guest.get("/sign-in"),
        guest.get(path_of(&link)),
        guest.get("/link/nothing"),
        guest.get("/nothing"),
        guest.get("/"),
        guest.get_with("/account", "Sec-Fetch-Site: cross-site\r\n"),
        guest.post("/sign-in", &[("name", "eva"), ("password", "wrong")]),
        guest.post("/sign-in", &[("name", "eva")]),
        guest.get("/api/nothing"),
        eva.get("/sign-in/second-factor"),
        stand.ask("PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        stand.ask("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
    ];
    let style = guest.get("/sign-in").body;
    let style = style
        .split_once("stylesheet\" href=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    answers.push(guest.get(style));
    assert!(
        answers
            .last()
            .unwrap()
            .header("cache-control")
            .contains("immutable")
    );
    assert!(
        answers.last().unwrap().header("set-cookie").is_empty(),
        "it is the same for all"
    );
    for answer in &answers {
        let head = answer.raw.split_once("\r\n\r\n").unwrap().0;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{head}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{head}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{head}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{head}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{head}");
        if !answer.header("cache-control").contains("immutable") {
            assert_eq!(answer.header("cache-control"), "no-store", "{head}");
        }
        for inline in ["<style", " style=", " onclick=", "javascript:"] {
            assert!(!answer.body.contains(inline), "{inline}");
        }
    }
}

#[test]
fn cookies_stay_where_they_belong() {
    let stand = Stand::new();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    eva.get("/");
    eva.post("/sign-out", &[]);
    let answer = eva.sign_in("eva", PASSWORD);
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("poortwacht=") && !cookie.contains("Secure"),
        "{cookie}"
    );
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    eva.get("/");
    let answer = eva.post("/view", &[("set", "nl"), ("back", "/account")]);
    assert!(
        answer
            .header("set-cookie")
            .contains("poortwacht-view=nl.utc.auto; Path=/; HttpOnly")
    );
    assert!(eva.get("/account").body.contains("Mijn account"));
    let answer = eva.post("/sign-out", &[]);
    assert!(
        answer.header("set-cookie").starts_with("poortwacht=; "),
        "taken away"
    );
}

#[test]
fn nothing_that_comes_in_becomes_a_header() {
    let stand = Stand::new();
    let mut guest = Browser::new(&stand);
    guest.get("/sign-in");
    let evil = "/account\r\nSet-Cookie: evil=1\r\n\r\n<html>";
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let answers: Vec<Answer> = vec![
        guest.post("/view", &[("set", "nl"), ("back", evil)]),
        guest.post(
            "/view",
            &[("set", "nl\r\nX-Evil: 1"), ("back", "//evil.example")],
        ),
        guest.post(
            "/sign-in",
            &[("name", evil), ("password", "x"), ("next", evil)],
        ),
        guest.get("/%0d%0aX-Evil:%201"),
        guest.get("/account?a=%0d%0aX-Evil:%201"),
        guest.get("/sign-in?next=%2F%2Fevil.example"),
        eva.get("/sign-in?next=https://evil.example/"),
        eva.get("/sign-in?next=/account%0d%0aX-Evil:%201"),
    ];
    for answer in &answers {
        let head = answer.raw.split_once("\r\n\r\n").unwrap().0.to_lowercase();
        assert!(
            !head.contains("\r\nx-evil") && !head.contains("set-cookie: evil"),
            "{head}"
        );
        assert!(!answer.header("location").contains("//evil"), "{head}");
    }
    // Not even as what it is: a bare line feed inside a header ends nothing.
    let at = stand.at;
    let split =
        format!("GET / HTTP/1.1\r\nHost: {at}\r\nCookie: a=b\x0bX: y\r\nConnection: close\r\n\r\n");
    assert!(matches!(stand.ask(&split).status, 303 | 400));
}

#[test]
fn wrong_names_and_wrong_passwords_are_told_the_same() {
    let stand = Stand::new();
    stand.person("eva", &[Role::Analyst]);
    stand.audits();
    let plain = |answer: Answer, name: &str| {
        let body = answer.body.replace(name, "NAME");
        let marked = body.split("value=\"").map(|part| {
            let (mark, rest) = part.split_once('"').unwrap_or((part, ""));
            if mark.len() == 43 {
                rest.to_owned()
            } else {
                part.to_owned()
            }
        });
        let body: String = marked.collect();
        let cut = body.find("data-csrf=").unwrap();
        (
            answer.status,
            body[..cut].to_owned(),
            body[cut + 60..].to_owned(),
        )
    };
    let wrong = plain(
        Browser::new(&stand).sign_in("eva", "no such password"),
        "eva",
    );
    let nobody = plain(
        Browser::new(&stand).sign_in("zoe", "no such password"),
        "zoe",
    );
    assert!(wrong == nobody, "{wrong:?}\n{nobody:?}");
    let told = stand.audits();
    assert_eq!(told[0]["account"], "eva");
    assert!(
        told[1]["account"].is_null(),
        "what was typed and is nobody's is not kept"
    );
}

#[test]
fn a_failure_of_ours_is_told_without_detail() {
    let stand = Stand::with(|_, _| {}, Limits::default(), pages);
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let answer = eva.get("/pages/failing");
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.contains("Something failed here."),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("href=\"/account\""),
        "in the visitor's own frame"
    );
    let answer = stand.ask(
        "DELETE /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(answer.status, 403, "a method is no way round the mark");
}

#[test]
fn no_page_message_or_record_holds_a_secret() {
    let stand = Stand::with(|_, _| {}, Limits::default(), pages);
    let link = stand
        .shell
        .invite(None, "eva", [Role::Lead].into_iter().collect())
        .unwrap();
    let mut seen = String::new();
    let mut eva = Browser::new(&stand);
    eva.get(path_of(&link));
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    seen += &eva.post(path_of(&link), &form).body;
    let mut secrets = vec![
        PASSWORD.to_owned(),
        link.rsplit('/').next().unwrap().to_owned(),
    ];
    for path in [
        "/",
        "/account",
        "/accounts",
        "/pages/one",
        "/pages/failing",
        "/nothing",
        "/sign-in",
    ] {
        seen += &eva.get(path).body;
    }
    secrets.extend(eva.jar.values().filter(|value| value.len() == 43).cloned());
    seen += &eva
        .post(
            "/account/password",
            &[("current", PASSWORD), ("new", "x"), ("again", "x")],
        )
        .body;
    seen += &eva
        .post("/account/tokens", &[("label", PASSWORD), ("days", "0")])
        .body;
    seen += &Browser::new(&stand).sign_in("eva", PASSWORD).body;
    seen += &Browser::new(&stand)
        .sign_in("eva", "some other secret")
        .body;
    secrets.push("some other secret".into());
    for audit in stand.audits() {
        seen += &audit.to_string();
    }
    let kept = std::fs::read_to_string(stand.folder.path().join("console/accounts.json")).unwrap();
    for secret in &secrets {
        assert!(!seen.contains(secret.as_str()), "a secret was shown");
        assert!(!kept.contains(secret.as_str()), "a secret is kept in clear");
    }
    assert!(!seen.contains("argon2"), "a hash was shown");
    assert!(secrets.len() >= 4, "{}", secrets.len());
    assert!(kept.contains("$argon2id$"));
}

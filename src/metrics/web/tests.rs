//! The web configuration: what is taken, what is refused, who gets in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use axum::http::HeaderValue;

use super::*;

/// Cost 4, so that tests are quick.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap().replace("$2b$", "$2y$")
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn load(&self, text: &str) -> Result<Web, String> {
        Web::load(&self.write("web.yml", text, 0o600)).map(Option::unwrap)
    }
}

fn basic(pair: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = format!("Basic {}", STANDARD.encode(pair));
    headers.insert(
        header::AUTHORIZATION,
        HeaderValue::from_str(&value).unwrap(),
    );
    headers
}

#[tokio::test]
async fn only_who_is_named_with_the_right_password_gets_in() {
    let place = Place::new();
    let text = format!(
        "basic_auth_users:\n  prom: {}\n  \"\": {}\n",
        hash("s3cret:x"),
        hash("e")
    );
    let web = place.load(&text).unwrap();
    for (pair, wanted) in [
        ("prom:s3cret:x", true),
        // Remembered by now.
        ("prom:s3cret:x", true),
        ("prom:s3cret", false),
        ("prom:", false),
        ("Prom:s3cret:x", false),
        ("other:s3cret:x", false),
        (":e", true),
        ("prom", false),
    ] {
        assert_eq!(web.admits(&basic(pair)).await, wanted, "{pair}");
    }
    let long = format!("prom:{}", "x".repeat(PASSWORD_LEN_MAX + 1));
    assert!(!web.admits(&basic(&long)).await);
    assert!(!web.admits(&HeaderMap::new()).await);
    for odd in ["Basic", "Basic !!", "Bearer abc", ""] {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(odd).unwrap());
        assert!(!web.admits(&headers).await, "{odd}");
    }
    // A new password is in force at once, and the old one is forgotten.
    place.write(
        "web.yml",
        &format!("basic_auth_users: {{prom: {}}}", hash("new")),
        0o600,
    );
    web.reload().unwrap();
    assert!(!web.admits(&basic("prom:s3cret:x")).await);
    assert!(web.admits(&basic("prom:new")).await);
}

#[test]
fn the_hash_of_nobody_is_one() {
    assert_eq!(bcrypt::verify("x", NOBODY).ok(), Some(false));
}

#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let place = Place::new();
    let web = place
        .load(&format!("basic_auth_users:\n  prom: {}\n", hash("a")))
        .unwrap();
    for broken in [
        "basic_auth_users: [",
        "basic_auth_user:\n  a: b\n",
        "basic_auth_users:\n  prom: plain\n",
    ] {
        place.write("web.yml", broken, 0o600);
        assert!(web.reload().is_err(), "{broken}");
        assert!(web.admits(&basic("prom:a")).await, "{broken}");
    }
    fs::remove_file(place.0.path().join("web.yml")).unwrap();
    assert!(web.reload().unwrap_err().contains("cannot read"));
    assert!(!web.admits(&HeaderMap::new()).await);
}

#[test]
fn what_would_not_happen_is_refused_and_no_secret_is_said() {
    let place = Place::new();
    place.write("k.pem", "x", 0o600);
    place.write("open.pem", "x", 0o644);
    place.write("c.pem", "x", 0o644);
    let costly = hash("x").replacen("$04$", "$15$", 1);
    for (text, wanted) in [
        ("http_server_config: {http2: true}", "http_server_config"),
        ("rate_limit: {interval: 1s, burst: 2}", "rate_limit"),
        ("basic_auth_users:\n  bob: hunter2\n", "no bcrypt hash"),
        (&format!("basic_auth_users:\n  bob: {costly}\n"), "cost 15"),
        ("tls_server_config: {cert_file: c.pem}", "key_file"),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem, cipher_suites: [x]}",
            "cipher_suites",
        ),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem, client_auth_type: RequestClientCert}",
            "RequestClientCert",
        ),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem, client_auth_type: RequireAndVerifyClientCert}",
            "needs client_ca_file",
        ),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem, client_ca_file: c.pem}",
            "asks nobody",
        ),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem, min_version: TLS11}",
            "TLS11",
        ),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem, min_version: TLS13, max_version: TLS12}",
            "above",
        ),
        (
            "tls_server_config: {cert_file: c.pem, key_file: k.pem}",
            "no certificate in PEM",
        ),
        (
            "tls_server_config: {cert_file: gone.pem, key_file: k.pem}",
            "gone.pem",
        ),
    ] {
        let Err(why) = place.load(text) else {
            panic!("taken: {text}")
        };
        assert!(why.contains(wanted), "{text}: {why}");
        assert!(why.contains("web.yml"), "{why}");
        assert!(!why.contains("hunter2") && !why.contains("$15$"), "{why}");
    }
    assert!(Web::load(Path::new("")).unwrap().is_none());
    let empty = place.load("{}").unwrap();
    assert!(!empty.is_tls());
}

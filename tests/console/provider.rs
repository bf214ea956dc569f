//! Sign-in by an identity provider: a small one of our own, that can also lie.
//!
//! Enters: what the console asks it. Leaves: metadata, keys, tokens signed with RS256. Never: more
//! than one request on a connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poortwacht::console::{Limits, Role, Settings};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::stand::{Answer, Browser, Stand};

/// What it says of the person, and how it lies.
#[derive(Clone, Default)]
struct Tale {
    claims: BTreeMap<&'static str, Value>,
    other_key: bool,
    no_token: bool,
}

struct Provider {
    at: SocketAddr,
    tale: Arc<Mutex<Tale>>,
    /// What the browser was sent with: state, nonce, challenge.
    asked: Arc<Mutex<BTreeMap<String, String>>>,
}

fn rsa() -> RsaKeyPair {
    let made = Command::new("bash")
        .args([
            "-c",
            "openssl genrsa 2048 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -outform DER",
        ])
        .output();
    RsaKeyPair::from_pkcs8(&made.unwrap().stdout).unwrap()
}

impl Provider {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let provider = Self {
            at,
            tale: Arc::default(),
            asked: Arc::default(),
        };
        let (tale, asked) = (Arc::clone(&provider.tale), Arc::clone(&provider.asked));
        let (key, other) = (rsa(), rsa());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (path, body) = request(&stream);
                let tale = tale.lock().unwrap().clone();
                let key = if tale.other_key { &other } else { &key };
                let told = match path.as_str() {
                    "/.well-known/openid-configuration" => metadata(at),
                    "/keys" => keys(&other, key),
                    "/token" => token(at, key, &tale, &asked.lock().unwrap(), &body),
                    _ => Err(()),
                };
                answer(stream, told);
            }
        });
        provider
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.at)
    }
}

fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        let lower = line.to_lowercase();
        if let Some(n) = lower.strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (path, String::from_utf8(body).unwrap())
}

fn answer(mut stream: TcpStream, told: Result<Value, ()>) {
    let (status, body) = match told {
        Ok(body) => ("200 OK", body.to_string()),
        Err(()) => (
            "400 Bad Request",
            json!({"error": "invalid_grant"}).to_string(),
        ),
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
}

fn metadata(at: SocketAddr) -> Result<Value, ()> {
    Ok(json!({
        "issuer": format!("http://{at}"),
        "authorization_endpoint": format!("http://{at}/authorize"),
        "token_endpoint": format!("http://{at}/token"),
        "jwks_uri": format!("http://{at}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

/// Its true key is always the one that is published: the other belongs to a liar.
fn keys(other: &RsaKeyPair, key: &RsaKeyPair) -> Result<Value, ()> {
    let published = if std::ptr::eq(other, key) {
        return Err(());
    } else {
        key
    };
    let components: ring::rsa::PublicKeyComponents<Vec<u8>> = published.public_key().into();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Ok(json!({ "keys": [{
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one",
        "n": text(&components.n), "e": text(&components.e),
    }] }))
}

fn token(
    at: SocketAddr,
    key: &RsaKeyPair,
    tale: &Tale,
    asked: &BTreeMap<String, String>,
    body: &str,
) -> Result<Value, ()> {
    let form: BTreeMap<_, _> = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    // The verifier shows that whoever redeems the code is who asked for it.
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if form["code"] != "good" || Some(&challenge) != asked.get("code_challenge") {
        return Err(());
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut claims = json!({
        "iss": format!("http://{at}"), "aud": "console", "sub": "7", "nonce": asked["nonce"],
        "iat": now, "exp": now + 300, "preferred_username": "Eva",
    });
    for (key, value) in &tale.claims {
        claims[*key] = value.clone();
    }
    let head = json!({"alg": "RS256", "kid": "one"}).to_string();
    let text = [head, claims.to_string()]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let mut sum = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut sum,
    )
    .unwrap();
    let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(&sum));
    let mut told = json!({"access_token": "x", "token_type": "Bearer"});
    if !tale.no_token {
        told["id_token"] = token.into();
    }
    Ok(told)
}

fn stand(provider: &Provider) -> Stand {
    let set = |settings: &mut Settings, _: &tempfile::TempDir| {
        settings.origin = "http://localhost:9468".into();
        settings.oidc.issuer = provider.issuer();
        settings.oidc.client_id = "console".into();
    };
    let stand = Stand::with(set, Limits::default(), |_| Router::new());
    stand.person("eva", &[Role::Analyst]);
    stand.audits();
    stand
}

/// To the provider; gives back the state.
fn leave(provider: &Provider, browser: &mut Browser<'_>) -> String {
    let answer = browser.get("/sign-in/other?next=/account");
    assert_eq!(answer.status, 303, "{}", answer.body);
    let (to, query) = answer.header("location").split_once('?').unwrap();
    assert_eq!(to, format!("{}/authorize", provider.issuer()));
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly; SameSite=Lax") || cookie.contains("-form="),
        "{cookie}"
    );
    let asked: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(
        asked["redirect_uri"],
        "http://localhost:9468/sign-in/other/back"
    );
    let state = asked["state"].clone();
    *provider.asked.lock().unwrap() = asked;
    state
}

fn back(browser: &mut Browser<'_>, code: &str, state: &str) -> Answer {
    browser.get(&format!("/sign-in/other/back?code={code}&state={state}"))
}

#[test]
fn the_provider_lets_its_account_in_once() {
    let provider = Provider::new();
    let stand = stand(&provider);
    let mut eva = Browser::new(&stand);
    let state = leave(&provider, &mut eva);
    let answer = back(&mut eva, "good", &state);
    assert_eq!(answer.status, 200, "{}", answer.raw);
    assert!(
        answer.body.contains("content=\"0; url=/account\""),
        "by a page of ours"
    );
    assert!(eva.is_in());
    let told = stand.audits();
    assert_eq!(
        (&told[0]["act"], &told[0]["way"]),
        (&"signed_in".into(), &"oidc".into())
    );
    // The same answer a second time, here and in another browser.
    eva.jar.remove("poortwacht");
    assert_eq!(
        back(&mut eva, "good", &state).header("location"),
        "/sign-in?failed=true"
    );
    assert!(!eva.is_in());
    assert!(
        eva.get("/sign-in?failed=true")
            .body
            .contains("did not lead to an account here")
    );
}

#[test]
fn an_answer_belongs_to_the_browser_that_asked() {
    let provider = Provider::new();
    let stand = stand(&provider);
    let (mut eva, mut other) = (Browser::new(&stand), Browser::new(&stand));
    let state = leave(&provider, &mut eva);
    assert_eq!(back(&mut other, "good", &state).status, 303, "no cookie");
    assert!(!other.is_in());
    let theirs = leave(&provider, &mut other);
    let own = leave(&provider, &mut eva);
    assert_ne!(theirs, own);
    assert_eq!(
        back(&mut eva, "good", &theirs).status,
        303,
        "somebody else's state"
    );
    let wrong = "A".repeat(43);
    for (code, state) in [("good", wrong.as_str()), ("good", ""), ("bad", &own)] {
        assert_eq!(
            back(&mut eva, code, state).header("location"),
            "/sign-in?failed=true"
        );
    }
    let late = leave(&provider, &mut eva);
    stand.later(std::time::Duration::from_secs(600));
    assert_eq!(back(&mut eva, "good", &late).status, 303, "too late");
    assert!(!eva.is_in());
}

#[test]
fn a_token_that_lies_is_not_believed() {
    let provider = Provider::new();
    let stand = stand(&provider);
    let mut eva = Browser::new(&stand);
    let claim = |key, value| Tale {
        claims: [(key, value)].into(),
        ..Tale::default()
    };
    let lies = [
        ("another console's", claim("aud", json!("other"))),
        (
            "another provider's",
            claim("iss", json!("https://evil.example")),
        ),
        ("another sign-in's", claim("nonce", json!("of yesterday"))),
        ("of yesterday", claim("exp", json!(1_000_000_000))),
        ("of nobody", claim("preferred_username", Value::Null)),
        (
            "of somebody without an account",
            claim("preferred_username", json!("zoe")),
        ),
        (
            "of a stranger's key",
            Tale {
                other_key: true,
                ..Tale::default()
            },
        ),
        (
            "not there",
            Tale {
                no_token: true,
                ..Tale::default()
            },
        ),
    ];
    for (why, tale) in lies {
        let state = leave(&provider, &mut eva);
        *provider.tale.lock().unwrap() = tale;
        let answer = back(&mut eva, "good", &state);
        assert_eq!(answer.header("location"), "/sign-in?failed=true", "{why}");
        assert!(!eva.is_in(), "{why}");
        *provider.tale.lock().unwrap() = Tale::default();
    }
    let state = leave(&provider, &mut eva);
    assert_eq!(
        back(&mut eva, "good", &state).status,
        200,
        "and the truth is"
    );
}

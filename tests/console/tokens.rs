//! API tokens and what ends them: a new password, a reset, a closed account.

use axum::Router;
use axum::routing::get;
use poortwacht::console::{Limits, Refusal, Right, Role, Visitor};

use super::stand::{Browser, PASSWORD, Stand, app_code, path_of};

const OTHER: &str = "another sentence about nothing";

fn stand() -> Stand {
    let cases = async |visitor: Visitor| {
        visitor.require(Right::SeeCases)?;
        Ok::<_, Refusal>("cases")
    };
    let api = |_: &_| Router::new().route("/api/cases", get(cases));
    Stand::with(|_, _| {}, Limits::default(), api)
}

/// Makes a token in a browser that is in.
fn token(browser: &mut Browser<'_>, label: &str) -> String {
    browser.get("/account");
    let form = [
        ("label", label),
        ("days", "30"),
        ("scope_read", "on"),
        ("password", PASSWORD),
    ];
    let page = browser.post("/account/tokens", &form).body;
    let after = page.split_once("id=\"made-token\">").expect("a token").1;
    after.split('<').next().expect("its end").to_owned()
}

fn status(stand: &Stand, token: &str) -> u16 {
    let at = stand.at;
    let answer = stand.ask(&format!(
        "GET /api/cases HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    ));
    answer.status
}

/// The newest act on the record of this name.
fn told(stand: &Stand, act: &str) -> serde_json::Value {
    let all = stand.audits();
    let found = all.iter().rev().find(|it| it["act"] == act);
    found.unwrap_or_else(|| panic!("{act} in {all:?}")).clone()
}

#[test]
fn a_new_password_revokes_them_unless_their_owner_says_otherwise() {
    let stand = stand();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let mut jan = stand.person("jan", &[Role::Analyst]);
    let (one, two) = (token(&mut eva, "siem"), token(&mut eva, "report"));
    let others = token(&mut jan, "siem");
    let page = eva.get("/account").body;
    assert!(
        page.contains("keep_tokens") && page.contains("<bdi>siem</bdi>"),
        "{page}"
    );
    let change = |from, to| [("current", from), ("new", to), ("again", to)];
    let kept = [&change(PASSWORD, OTHER)[..], &[("keep_tokens", "on")]].concat();
    assert_eq!(eva.post("/account/password", &kept).status, 200);
    assert_eq!((status(&stand, &one), status(&stand, &two)), (200, 200));
    assert!(told(&stand, "password_set")["tokens_revoked"].is_null());
    let answer = eva.post("/account/password", &change(OTHER, PASSWORD));
    assert_eq!(answer.status, 200);
    assert_eq!((status(&stand, &one), status(&stand, &two)), (401, 401));
    assert_eq!(status(&stand, &others), 200, "those of others stay");
    let act = told(&stand, "password_set");
    assert_eq!(act["tokens_revoked"], serde_json::json!(["siem", "report"]));
    assert!(
        !eva.get("/account").body.contains("keep_tokens"),
        "none are left"
    );
}

#[test]
fn a_reset_revokes_them() {
    let stand = stand();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let one = token(&mut eva, "siem");
    let link = stand.shell.reset(None, "eva").expect("a link");
    assert_eq!(
        status(&stand, &one),
        200,
        "a link that nobody followed changes nothing"
    );
    let mut other = Browser::new(&stand);
    other.get(path_of(&link));
    let answer = other.post(path_of(&link), &[("password", OTHER), ("again", OTHER)]);
    assert_eq!(answer.status, 303);
    assert_eq!(status(&stand, &one), 401);
    let act = told(&stand, "password_set");
    assert_eq!(act["tokens_revoked"], serde_json::json!(["siem"]));
}

#[test]
fn a_closed_account_does_not_get_them_back() {
    let stand = stand();
    let mut admin = stand.person("adm", &[Role::Admin]);
    let page = admin.get("/sign-in/second-factor").body;
    let code = app_code(&page, stand.now_s());
    admin.post("/sign-in/second-factor", &[("code", &code)]);
    admin.get("/accounts");
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let one = token(&mut eva, "siem");
    let mut act = |what| {
        let answer = admin.post("/accounts/act", &[("name", "eva"), ("act", what)]);
        assert_eq!(answer.status, 200);
    };
    act("close");
    assert_eq!(status(&stand, &one), 401);
    let told = told(&stand, "disabled");
    assert_eq!(told["tokens_revoked"], serde_json::json!(["siem"]));
    act("open");
    assert_eq!(status(&stand, &one), 401, "revoked, not asleep");
}

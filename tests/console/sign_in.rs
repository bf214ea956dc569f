//! Coming in and going out: links, passwords, second factor, sessions, tokens.

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use poortwacht::console::{Limits, Refusal, Right, Role, Visitor};

use super::stand::{AUDITS_MAX, Browser, PASSWORD, Stand, app_code, path_of};

fn acts(stand: &Stand) -> Vec<String> {
    stand
        .audits()
        .iter()
        .map(|audit| audit["act"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_first_link_makes_one_administrator_and_no_second() {
    let stand = Stand::new();
    let link = stand.shell.first_link().unwrap().unwrap();
    let mut eva = Browser::new(&stand);
    assert_eq!(eva.get(path_of(&link)).status, 200);
    let bad = [
        ("name", "Eva!"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let answer = eva.post(path_of(&link), &bad);
    assert!(answer.status == 403 && answer.body.contains("not a name that can be used"));
    let short = [("name", "eva"), ("password", "short"), ("again", "short")];
    assert!(
        eva.post(path_of(&link), &short)
            .body
            .contains("at least 12")
    );
    let good = [("name", "eva"), ("password", PASSWORD), ("again", PASSWORD)];
    let answer = eva.post(path_of(&link), &good);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/sign-in/second-factor")
    );
    // The password alone opens nothing yet.
    assert!(!eva.is_in());
    let page = eva.get("/sign-in/second-factor").body;
    assert_eq!(
        eva.post("/sign-in/second-factor", &[("code", "000000")])
            .status,
        403
    );
    let code = app_code(&page, stand.now_s());
    assert_eq!(
        eva.post("/sign-in/second-factor", &[("code", &code)])
            .status,
        303
    );
    assert!(eva.get("/accounts").body.contains("eva"));
    let told = [
        "first_link_made",
        "account_made",
        "second_factor_set",
        "signed_in",
    ];
    assert_eq!(acts(&stand), told);
    let mut late = Browser::new(&stand);
    let answer = late.get(path_of(&link));
    assert!(answer.status == 404 && answer.body.contains("used before"));
    late.csrf = eva.csrf.clone();
    assert_ne!(late.post(path_of(&link), &good).status, 303);
    assert!(stand.shell.first_link().unwrap().is_none(), "there is one");
}

#[test]
fn a_link_ends_with_its_time_and_with_a_newer_one() {
    let stand = Stand::new();
    let roles = || [Role::Analyst].into_iter().collect();
    let old = stand.shell.invite(None, "jan", roles()).unwrap();
    let new = stand.shell.invite(None, "jan", roles()).unwrap();
    let mut jan = Browser::new(&stand);
    assert_eq!(jan.get(path_of(&old)).status, 404);
    assert_eq!(jan.get(path_of(&new)).status, 200);
    stand.later(Duration::from_secs(72 * 3600));
    assert_eq!(jan.get(path_of(&new)).status, 404);
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(jan.post(path_of(&new), &form).status, 404);
    assert!(stand.shell.book().account("jan").is_none());
}

#[test]
fn a_code_works_once() {
    let stand = Stand::new();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    eva.get("/account");
    eva.post("/account/second-factor", &[("password", PASSWORD)]);
    let page = eva.get("/account/second-factor").body;
    let code = app_code(&page, stand.now_s());
    let answer = eva.post("/account/second-factor/confirm", &[("code", &code)]);
    assert!(
        answer.body.contains("The second factor is set up."),
        "{}",
        answer.body
    );
    let mut again = Browser::new(&stand);
    assert_eq!(
        again.sign_in("eva", PASSWORD).header("location"),
        "/sign-in/code?next=%2Faccount"
    );
    again.get("/sign-in/code");
    assert_eq!(
        again.post("/sign-in/code", &[("code", &code)]).status,
        403,
        "used at set-up"
    );
    assert!(!again.is_in());
    stand.later(Duration::from_secs(30));
    let code = app_code(&page, stand.now_s());
    again.get("/sign-in/code");
    let answer = again.post("/sign-in/code", &[("code", &code), ("next", "/account")]);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/account")
    );
    assert!(again.is_in());
    let mut thief = Browser::new(&stand);
    thief.sign_in("eva", PASSWORD);
    thief.get("/sign-in/code");
    assert_eq!(
        thief.post("/sign-in/code", &[("code", &code)]).status,
        403,
        "replayed"
    );
    assert!(!thief.is_in());
    // A new password by a link takes the second factor away, and ends what was open.
    let link = stand.shell.reset(None, "eva").unwrap();
    let mut anew = Browser::new(&stand);
    anew.get(path_of(&link));
    let other = "another long sentence altogether";
    assert_eq!(
        anew.post(path_of(&link), &[("password", other), ("again", other)])
            .status,
        303
    );
    assert!(anew.is_in() && !again.is_in() && !eva.is_in());
}

#[test]
fn a_session_ends_for_everybody_who_has_its_token() {
    let stand = Stand::new();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    let stolen = eva.jar.clone();
    let mut thief = Browser {
        jar: stolen,
        ..Browser::new(&stand)
    };
    assert!(thief.is_in(), "a bearer token is a bearer token");
    eva.get("/");
    assert_eq!(eva.post("/sign-out", &[]).header("location"), "/sign-in");
    assert!(!thief.is_in() && !eva.is_in(), "signed out");

    eva.sign_in("eva", PASSWORD);
    let first = eva.jar["poortwacht"].clone();
    assert!(eva.is_in());
    stand.later(Duration::from_secs(29 * 60));
    assert!(eva.is_in());
    stand.later(Duration::from_secs(30 * 60));
    assert!(!eva.is_in(), "idle");
    eva.sign_in("eva", PASSWORD);
    assert!(
        eva.jar["poortwacht"] != first,
        "each sign-in has a token of its own"
    );
    for _ in 0..21 {
        assert!(eva.is_in());
        stand.later(Duration::from_secs(29 * 60));
    }
    assert!(!eva.is_in(), "too old");
    // A token that somebody else chose is not taken over by a sign-in.
    let chosen = "A".repeat(43);
    eva.jar.insert("poortwacht".into(), chosen.clone());
    eva.sign_in("eva", PASSWORD);
    assert!(eva.jar["poortwacht"] != chosen && eva.is_in());
}

/// Somebody with a second factor, signed in.
fn admin(stand: &Stand) -> Browser<'_> {
    let mut admin = stand.person("adm", &[Role::Admin]);
    let page = admin.get("/sign-in/second-factor").body;
    let code = app_code(&page, stand.now_s());
    admin.post("/sign-in/second-factor", &[("code", &code)]);
    admin.get("/accounts");
    admin
}

#[test]
fn roles_change_and_accounts_close_at_once() {
    let stand = Stand::new();
    let mut admin = admin(&stand);
    let mut eva = stand.person("eva", &[Role::Analyst]);
    assert_eq!(eva.get("/accounts").status, 403, "not her page");
    let act = [("name", "jan"), ("role_admin", "on")];
    assert_eq!(eva.post("/accounts/invite", &act).status, 403);
    let act = [
        ("name", "eva"),
        ("act", "roles"),
        ("role_lead", "on"),
        ("role_auditor", "on"),
    ];
    assert_eq!(
        eva.post("/accounts/act", &act).status,
        403,
        "nobody raises herself"
    );
    assert_eq!(admin.post("/accounts/act", &act).status, 200);
    assert!(!eva.is_in(), "a change of roles asks for a new sign-in");
    eva.sign_in("eva", PASSWORD);
    assert!(eva.get("/account").body.contains("Lead, Auditor"));
    stand.audits();
    assert_eq!(
        admin
            .post("/accounts/act", &[("name", "eva"), ("act", "close")])
            .status,
        200
    );
    let told = stand.audits();
    assert_eq!(
        (&told[0]["act"], &told[0]["by"]),
        (&"disabled".into(), &"adm".into())
    );
    assert!(!eva.is_in(), "closed");
    assert_eq!(eva.sign_in("eva", PASSWORD).status, 403);
    let own = admin.post("/accounts/act", &[("name", "adm"), ("act", "close")]);
    assert!(
        own.body.contains("There must be an administrator"),
        "{}",
        own.body
    );
    assert!(admin.is_in());
    assert_eq!(
        admin
            .post("/accounts/act", &[("name", "eva"), ("act", "open")])
            .status,
        200
    );
    assert_eq!(eva.sign_in("eva", PASSWORD).status, 303);
}

#[test]
fn what_is_not_recorded_is_not_done() {
    let stand = Stand::new();
    let roles = || [Role::Analyst].into_iter().collect();
    let mut made = 0;
    // The record takes so many acts; nobody reads them here.
    while stand
        .shell
        .invite(None, &format!("person{}", made % 7), roles())
        .is_ok()
    {
        made += 1;
        assert!(made <= AUDITS_MAX, "the record has no bound");
    }
    assert_eq!(made, AUDITS_MAX);
    let before = std::fs::read(stand.folder.path().join("console/accounts.json")).unwrap();
    assert!(stand.shell.invite(None, "late", roles()).is_err());
    let after = std::fs::read(stand.folder.path().join("console/accounts.json")).unwrap();
    assert!(before == after);
    stand.audits();
    assert!(stand.shell.invite(None, "late", roles()).is_ok());
}

#[test]
fn a_live_page_knows_when_its_visitor_has_left() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Visitor>::new()));
    let keep = std::sync::Arc::clone(&seen);
    let pages = move |_: &_| {
        let live = async move |visitor: Visitor| keep.lock().unwrap().push(visitor);
        Router::new().route("/live", get(live))
    };
    let stand = Stand::with(|_, _| {}, Limits::default(), pages);
    let mut admin = admin(&stand);
    let mut eva = stand.person("eva", &[Role::Analyst]);
    eva.get("/live");
    let last = || seen.lock().unwrap().last().unwrap().clone();
    assert!(last().is_still_in());
    let act = [("name", "eva"), ("act", "roles"), ("role_lead", "on")];
    admin.post("/accounts/act", &act);
    assert!(!last().is_still_in(), "her roles changed");
    eva.sign_in("eva", PASSWORD);
    eva.get("/live");
    assert!(last().is_still_in());
    eva.get("/account");
    eva.post("/sign-out", &[]);
    assert!(!last().is_still_in(), "she left");
    eva.sign_in("eva", PASSWORD);
    eva.get("/live");
    stand.later(Duration::from_secs(30 * 60));
    assert!(!last().is_still_in(), "she fell asleep");
}

fn api() -> Router {
    let read = async |visitor: Visitor| {
        visitor.require(Right::SeeCases)?;
        Ok::<_, Refusal>(format!("cases for {}", visitor.account))
    };
    let close = async |visitor: Visitor| {
        visitor.require(Right::Triage)?;
        Ok::<_, Refusal>("closed")
    };
    Router::new()
        .route("/api/cases", get(read))
        .route("/api/close", post(close))
}

#[test]
fn a_token_does_what_its_scope_and_its_owner_may() {
    let stand = Stand::with(|_, _| {}, Limits::default(), |_| api());
    let mut eva = stand.person("eva", &[Role::Analyst]);
    eva.get("/account");
    let form = [
        ("label", "siem"),
        ("days", "30"),
        ("scope_read", "on"),
        ("password", PASSWORD),
    ];
    let page = eva.post("/account/tokens", &form).body;
    let after = page.split_once("id=\"made-token\">").unwrap().1;
    let token = after.split('<').next().unwrap().to_owned();
    assert!(!eva.get("/account").body.contains(&token), "shown once");
    let at = stand.at;
    let ask = |method: &str, path: &str, token: &str| {
        stand.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        ))
    };
    let answer = ask("GET", "/api/cases", &token);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "cases for eva")
    );
    let answer = ask("POST", "/api/close", &token);
    let told = "urn:poortwacht:problem:refused";
    assert!(
        answer.status == 403 && answer.body.contains(told),
        "no such scope"
    );
    assert_eq!(
        ask("GET", "/account", &token).status,
        303,
        "no page is for programs"
    );
    for wrong in ["", "x", &token[1..], &"A".repeat(43)] {
        let answer = ask("GET", "/api/cases", wrong);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    stand.later(Duration::from_secs(30 * 86_400));
    assert_eq!(ask("GET", "/api/cases", &token).status, 401, "expired");
    eva.sign_in("eva", PASSWORD);
    eva.get("/account");
    let page = eva.post("/account/tokens", &form).body;
    let after = page.split_once("id=\"made-token\">").unwrap().1;
    let token = after.split('<').next().unwrap().to_owned();
    assert_eq!(ask("GET", "/api/cases", &token).status, 200);
    eva.post("/account/tokens/revoke", &[("label", "siem")]);
    assert_eq!(ask("GET", "/api/cases", &token).status, 401, "revoked");
    let told = acts(&stand);
    assert!(
        told.ends_with(&["token_made".into(), "token_revoked".into()]),
        "{told:?}"
    );
}

#[test]
fn an_auditor_sees_cases_and_no_persons() {
    let pages = |_: &_| {
        let persons = async |visitor: Visitor| {
            visitor.require(Right::SeePersons)?;
            Ok::<_, Refusal>("persons")
        };
        api().route("/persons", get(persons))
    };
    let stand = Stand::with(|_, _| {}, Limits::default(), pages);
    let mut auditor = stand.person("works.council", &[Role::Auditor]);
    assert_eq!(auditor.get("/api/cases").status, 200);
    let answer = auditor.get("/persons");
    assert!(answer.status == 403 && answer.body.contains("Your roles do not include this."));
}

#[test]
fn behind_a_prefix_everything_stays_below_it() {
    let prefix = |settings: &mut poortwacht::console::Settings, _: &_| {
        settings.base_path = "/watch".into();
    };
    let stand = Stand::with(prefix, Limits::default(), |_| api());
    let link = stand
        .shell
        .invite(None, "eva", [Role::Analyst].into_iter().collect())
        .unwrap();
    assert!(path_of(&link).starts_with("/watch/link/"));
    let mut eva = Browser::new(&stand);
    for outside in ["/", "/sign-in", "/watchful/sign-in", "/static/x"] {
        assert_eq!(eva.get(outside).status, 404, "{outside}");
    }
    assert_eq!(
        eva.get("/watch").header("location"),
        "/watch/sign-in?next=%2F"
    );
    let answer = eva.get("/watch/account?tab=tokens");
    assert_eq!(
        answer.header("location"),
        "/watch/sign-in?next=%2Faccount%3Ftab%3Dtokens"
    );
    let answer = eva.get_with("/watch/account?tab=1", "Sec-Fetch-Site: cross-site\r\n");
    assert!(
        answer.body.contains("url=/watch/account?tab=1\""),
        "{}",
        answer.body
    );
    eva.get(path_of(&link));
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(
        eva.post(path_of(&link), &form).header("location"),
        "/watch/"
    );
    let page = eva.get("/watch/account").body;
    for key in ["href=\"/", "src=\"/", "action=\"/"] {
        assert!(page.contains(key), "{key}");
        for (at, _) in page.match_indices(key) {
            assert!(
                page[at + key.len()..].starts_with("watch/"),
                "{}",
                &page[at..at + 40]
            );
        }
    }
    assert_eq!(eva.get("/watch/api/cases").body, "cases for eva");
}

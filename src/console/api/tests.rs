//! The API over the fixed record, and its description against the routes.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{DESCRIPTION, ROUTES};
use crate::console::pages::sample::{Asking, CASE, PERSON, SampleDesk};
use crate::console::pages::wish::right;
use crate::console::{Role, Scope};

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn the_description_has_the_routes_and_no_others() {
    let described = read(DESCRIPTION);
    let paths = described["paths"].as_object().expect("paths").iter();
    let described: BTreeSet<(String, String)> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| (method.clone(), path.clone()))
        })
        .collect();
    let routes = ROUTES.iter();
    let routes: BTreeSet<_> = routes
        .map(|(m, p)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    assert_eq!(described, routes);
}

/// Each answer has what the description requires of it, and nothing that it does not name.
fn fits(answer: &Value, schema: &Value, at: &str) {
    let described = read(DESCRIPTION);
    let mut schema = schema.clone();
    if let Some(name) = schema["$ref"].as_str() {
        schema = described["components"]["schemas"][name.rsplit('/').next().unwrap()].clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        for part in parts {
            required(answer, &resolve(part, &described), at);
        }
        return;
    }
    required(answer, &schema, at);
    if let (Some(known), Some(answer)) = (schema["properties"].as_object(), answer.as_object()) {
        for (key, value) in answer {
            let part = known
                .get(key)
                .unwrap_or_else(|| panic!("{at}.{key} is not described"));
            fits(value, part, &format!("{at}.{key}"));
        }
    }
    if let (Some(rows), false) = (answer.as_array(), schema["items"].is_null()) {
        for row in rows {
            fits(row, &schema["items"], &format!("{at}[]"));
        }
    }
}

fn resolve(schema: &Value, described: &Value) -> Value {
    match schema["$ref"].as_str() {
        Some(name) => described["components"]["schemas"][name.rsplit('/').next().unwrap()].clone(),
        None => schema.clone(),
    }
}

fn required(answer: &Value, schema: &Value, at: &str) {
    for key in schema["required"].as_array().into_iter().flatten() {
        let key = key.as_str().expect("a key");
        assert!(
            answer.get(key).is_some(),
            "{at}: {key} is missing in {answer}"
        );
    }
}

/// What is asked at one route: the path, and for a change each body with the scope that it takes
/// (`Some("any")`: each, `None`: no token).
fn asked(
    described: &Value,
    (method, path): super::Route,
) -> (String, Vec<(Value, Option<String>)>) {
    let operation = &described["paths"][path][method];
    let id = match path {
        "/vendors/{id}" => "kairos",
        "/cases/{id}" | "/cases/{id}/acts" | "/cases/{id}/export" => CASE,
        _ => "none",
    };
    let at = format!("/api/v1{}", path.replace("{id}", id).replace("{rule}", id));
    let text = |scope: &Value| scope.as_str().map(str::to_owned);
    let bodies = match operation["x-act-scopes"].as_object() {
        Some(acts) => acts
            .iter()
            .map(|(act, scope)| (json!({ "act": act }), text(scope)))
            .collect(),
        None => {
            assert!(operation.get("x-scope").is_some(), "{method} {path}");
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = resolve(schema, described);
            let act = &schema["properties"]["act"]["enum"][0];
            let body = match act.is_null() {
                true => json!({}),
                false => json!({ "act": act }),
            };
            vec![(body, text(&operation["x-scope"]))]
        }
    };
    (at, bodies)
}

/// The description's scopes are what a token is let in by, at every route and for every act; what no
/// token does, a session does.
#[tokio::test]
async fn scopes_open_what_the_description_says_and_nothing_else() {
    let desk = SampleDesk::new();
    let described = read(DESCRIPTION);
    let mut who: Vec<_> = Scope::ALL
        .iter()
        .map(|scope| (Some(scope.name()), Asking::by_token(&desk, &[*scope])))
        .collect();
    who.push((None, Asking::of(&desk, "ann", &Role::ALL, "en")));
    let mut opened = BTreeSet::new();
    for route in ROUTES {
        let (path, bodies) = asked(&described, *route);
        for (body, needed) in bodies {
            for (scope, asking) in &who {
                let status = match route.0 {
                    "get" => asking.stream(&path).await.status(),
                    _ => asking.json(&path, &body).await.0,
                };
                let fits = match (scope, needed.as_deref()) {
                    (None, _) | (Some(_), Some("any")) => true,
                    (Some(scope), needed) => needed == Some(*scope),
                };
                let let_in = status != StatusCode::FORBIDDEN;
                assert_eq!(let_in, fits, "{scope:?}: {route:?} {body}: {status}");
                opened.extend(scope.filter(|_| let_in && needed.as_deref() != Some("any")));
            }
        }
    }
    assert_eq!(
        opened,
        BTreeSet::from(["audit", "export", "read", "triage"])
    );
}

#[tokio::test]
async fn a_bundle_is_for_whoever_may_export_and_never_with_what_is_sealed() {
    let desk = SampleDesk::new();
    let path = format!("/api/v1/cases/{CASE}/export");
    let lea = Asking::of(&desk, "lea", &[Role::Lead], "en");
    let (status, bundle) = lea.json(&path, &json!({ "reason": "inquiry 7" })).await;
    assert_eq!(status, StatusCode::OK, "{bundle}");
    assert!(
        bundle.contains("inquiry 7") && bundle.contains("sealed: false"),
        "{bundle}"
    );
    for bad in [
        json!({}),
        json!({ "reason": "" }),
        json!({ "reason": "x", "sealed": true }),
    ] {
        let (status, _) = lea.json(&path, &bad).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let (status, _) = lea
        .json("/api/v1/cases/case-none/export", &json!({ "reason": "x" }))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let page = format!("/cases/{CASE}/export");
    let fields = [("text", "inquiry 7"), ("sealed", "on")];
    assert_eq!(lea.form(&page, &fields).await.0, StatusCode::FORBIDDEN);
    let olga = Asking::of(&desk, "olga", &[Role::Officer], "en");
    let (status, bundle) = olga.form(&page, &fields).await;
    assert!(
        status == StatusCode::OK && bundle.contains("sealed: true"),
        "{bundle}"
    );
    let (status, shown) = olga.form(&page, &[("text", " ")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && shown.contains("Reason is missing"));
    for (name, role) in [
        ("ann", Role::Analyst),
        ("rita", Role::Auditor),
        ("adam", Role::Admin),
    ] {
        let who = Asking::of(&desk, name, &[role], "en");
        assert_eq!(who.form(&page, &fields[..1]).await.0, StatusCode::FORBIDDEN);
        assert!(
            !who.get(&format!("/cases/{CASE}"))
                .await
                .1
                .contains("evidence bundle")
        );
    }
    assert_eq!(
        desk.acts().len(),
        2,
        "each is on the record, and nothing else"
    );
}

/// Whoever takes a description's word finds each act in it, and none that is refused as unknown.
#[test]
fn the_acts_are_described() {
    let described = read(DESCRIPTION);
    let schemas = &described["components"]["schemas"];
    let mut acts: BTreeSet<&str> = BTreeSet::from(["suppress"]);
    for name in ["CaseAct", "RuleAct", "RequestAct"] {
        let of = schemas[name]["properties"]["act"]["enum"].as_array();
        acts.extend(of.expect("acts").iter().filter_map(Value::as_str));
    }
    for act in &acts {
        assert!(right(act).is_some(), "{act} is known");
    }
    let known = include_str!("../pages/wish.rs");
    let table = known.split("pub fn right(").nth(1).expect("the table");
    let table = table.split("_ => return None").next().expect("its end");
    let known: BTreeSet<&str> = table.split('"').skip(1).step_by(2).collect();
    assert_eq!(acts, known);
}

#[tokio::test]
async fn answers_are_as_described() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Lead, Role::Officer], "en");
    let act = json!({ "act": "comment", "note": "seen", "revision": 0 });
    assert_eq!(
        ann.json(&format!("/api/v1/cases/{CASE}/acts"), &act)
            .await
            .0,
        StatusCode::CREATED
    );
    let described = read(DESCRIPTION);
    for (path, asked) in [
        ("/cases", "/cases"),
        ("/cases/{id}", "/cases/case-00000000000000aa"),
        ("/hits", "/hits"),
        (
            "/coverage",
            "/coverage?from=2026-03-01T00:00:00Z&until=2026-03-03T00:00:00Z",
        ),
        ("/suppressions", "/suppressions"),
        ("/requests", "/requests"),
        ("/audit", "/audit"),
        ("/health", "/health"),
    ] {
        let (status, text) = ann.get(&format!("/api/v1{asked}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        let get = &described["paths"][path]["get"];
        let schema = &get["responses"]["200"]["content"]["application/json"]["schema"];
        fits(&read(&text), schema, path);
    }
    let (_, text) = ann.get("/api/v1/coverage?from=2026-03-01T00:00:00Z").await;
    assert!(text.contains("\"named\""), "{text}");
}

#[tokio::test]
async fn an_act_is_recorded_once_and_the_second_is_told_who_was_first() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let bob = Asking::of(&desk, "bob", &[Role::Analyst], "en");
    let (_, text) = ann.get("/api/v1/cases?q=vendor:kairos").await;
    assert!(read(&text)["cursor"].is_null(), "there is no other page");
    let case = &read(&text)["rows"][0];
    assert_eq!(case["subject"], PERSON);
    let revision = case["revision"].as_u64();
    let act = json!({
        "act": "close", "verdict": "research", "reason": "ticket 7", "revision": revision
    });
    let path = format!("/api/v1/cases/{CASE}/acts");
    let (status, text) = ann.json(&path, &act).await;
    assert_eq!(status, StatusCode::CREATED, "{text}");
    assert!(read(&text)["entry"].is_u64());
    let (status, text) = bob.json(&path, &act).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let problem = read(&text);
    assert_eq!(problem["changed_by"]["by"], "ann");
    assert_eq!(problem["changed_by"]["verdict"], "research");
    assert_eq!(problem["status"], 409);
    assert_eq!(desk.acts().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_as_a_problem_and_changes_nothing() {
    let desk = SampleDesk::new();
    let ann = Asking::of(&desk, "ann", &[Role::Analyst], "en");
    let lea = Asking::of(&desk, "lea", &[Role::Lead], "en");
    let (status, text) = ann.get("/api/v1/cases?q=stage:nonsense").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let problem = read(&text);
    assert_eq!(problem["type"], "urn:poortwacht:problem:filter");
    assert_eq!(problem["position"], 7);
    for path in [
        "cases?cursor=x",
        "cases?sort=x",
        "cases?what=x",
        "coverage?from=yesterday",
        "coverage?until=",
        "cases?rows=0",
        "hits?rows=501",
        "audit?kind=nonsense",
    ] {
        let (status, _) = lea.get(&format!("/api/v1/{path}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
    }
    let path = format!("/api/v1/cases/{CASE}/acts");
    for (act, status) in [
        (
            json!({ "act": "close", "verdict": "guilty", "reason": "x" }),
            422,
        ),
        (json!({ "act": "close", "verdict": "research" }), 422),
        (json!({ "act": "burn" }), 400),
        (
            json!({ "act": "comment", "text": "x", "case": "other" }),
            422,
        ),
        (json!([1]), 422),
        (json!({ "act": "hold", "reason": "x", "days": 3 }), 403),
        (
            json!({ "act": "suppress", "reason": "x", "days": 3, "filter": "vendor:x" }),
            403,
        ),
    ] {
        let (got, text) = ann.json(&path, &act).await;
        assert_eq!(got.as_u16(), status, "{act}: {text}");
    }
    assert!(desk.acts().is_empty());
}

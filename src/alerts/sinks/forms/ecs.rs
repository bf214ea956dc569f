//! Elastic Common Schema 8.17: a case record as in the hit log, without the subject.
//!
//! Enters: a notice. Leaves: one document. Never: `user.hash`: the pseudonym stays at the gate, the
//! case's id joins both.

use serde_json::json;

use super::{Notice, line, object};
use crate::alerts::sinks::NoticeKind;
use crate::hits::case::DATASET;
use crate::hits::ecs::ECS_VERSION;

/// One document.
pub fn document(of: &Notice) -> Vec<u8> {
    let (number, words) = of.severity.logged();
    let quiet = matches!(of.kind, NoticeKind::Resolved | NoticeKind::Test) || number == 1;
    let case = object([
        ("id", json!(of.case)),
        ("stage", json!(of.stage)),
        ("standing", json!(of.standing)),
        ("confidence", json!(of.confidence)),
        ("grade", json!(of.grade)),
        ("severity", json!(words)),
        ("unit", json!(of.unit)),
        ("site", json!(of.site)),
        ("count", json!(of.count)),
        ("description", json!(of.description)),
    ]);
    line(&json!({
        "@timestamp": of.time.to_string(),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": of.id,
            "kind": if quiet { "event" } else { "alert" },
            "category": ["network"],
            "type": ["info"],
            "action": format!("case-{}", of.kind),
            "module": "poortwacht",
            "dataset": DATASET,
            "severity": number,
            "created": of.taken.to_string(),
        },
        "message": of.summary,
        "rule": {
            "id": of.rule(),
            "name": of.name,
            "category": "case",
            "ruleset": "poortwacht.cases",
        },
        "threat": {"feed": {"name": "Poortwacht catalogue"}},
        "observer": {
            "name": of.observer,
            "type": "sensor",
            "product": "Poortwacht",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "poortwacht": {
            "vendor": {"id": of.vendor, "name": of.vendor_name},
            "case": case,
        },
    }))
}

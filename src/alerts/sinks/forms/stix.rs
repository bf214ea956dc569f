//! STIX 2.1 (OASIS Standard): a bundle with a sighting, or a note on one.
//!
//! Enters: a notice. Leaves: the sensor as identity, the vendor's service as infrastructure, and a
//! sighting (section 5.2) of it; what is taken back, closed or folded is a note (section 4.12). Never:
//! a person or system as what was sighted at: the organisation's sensor says where.
//!
//! Ids come from names (version 5), so each attempt carries the same objects, and the retraction of
//! a sighting points at it without anything being remembered.

use serde_json::{Value, json};

use super::{Notice, line, rfc3339, uuid};
use crate::alerts::sinks::NoticeKind;

/// When what does not change came to be: the ids of identity and infrastructure are the same for
/// ever, so their creation must be too.
const EVER: &str = "2026-01-01T00:00:00.000Z";

/// One bundle.
pub fn bundle(of: &Notice) -> Vec<u8> {
    let identity = format!("identity--{}", uuid::of("observer", &of.observer));
    let mut objects = vec![json!({
        "type": "identity",
        "spec_version": "2.1",
        "id": identity,
        "created": EVER,
        "modified": EVER,
        "name": format!("Poortwacht at {}", of.observer),
        "identity_class": "system",
    })];
    if matches!(of.kind, NoticeKind::Test) {
        objects.push(note(of, &identity, &identity));
    } else {
        let service = format!("infrastructure--{}", uuid::of("vendor", &of.vendor));
        objects.push(json!({
            "type": "infrastructure",
            "spec_version": "2.1",
            "id": service,
            "created_by_ref": identity,
            "created": EVER,
            "modified": EVER,
            "name": of.vendor_name,
            "description": "Service of a vendor of face recognition.",
            "infrastructure_types": ["unknown"],
        }));
        match of.kind {
            NoticeKind::Raised => objects.push(sighting(of, &identity, &service)),
            NoticeKind::Folded => objects.push(note(of, &identity, &service)),
            _ => objects.push(note(of, &identity, &sighting_id(of))),
        }
    }
    line(&json!({
        "type": "bundle",
        "id": format!("bundle--{}", uuid::of("bundle", &of.id)),
        "objects": objects,
    }))
}

/// Of a case, its stage and standing: what a retraction points at.
fn sighting_id(of: &Notice) -> String {
    let case = of.case.as_deref().unwrap_or_default();
    let name = format!("{case}/{}/{}", of.stage, of.standing);
    format!("sighting--{}", uuid::of("sighting", &name))
}

fn sighting(of: &Notice, identity: &str, service: &str) -> Value {
    let (time, taken) = (rfc3339(of.time, 3), rfc3339(of.taken, 3));
    json!({
        "type": "sighting",
        "spec_version": "2.1",
        "id": sighting_id(of),
        "created_by_ref": identity,
        "created": taken,
        "modified": taken,
        "description": format!("{}\n{}", of.summary, of.description),
        "first_seen": time,
        "last_seen": time,
        "count": of.count,
        "confidence": of.confidence,
        "sighting_of_ref": service,
        "where_sighted_refs": [identity],
        "summary": false,
        "labels": labels(of),
        "external_references": references(of),
    })
}

fn note(of: &Notice, identity: &str, on: &str) -> Value {
    let taken = rfc3339(of.taken, 3);
    json!({
        "type": "note",
        "spec_version": "2.1",
        "id": format!("note--{}", uuid::of("note", &of.id)),
        "created_by_ref": identity,
        "created": taken,
        "modified": taken,
        "abstract": of.summary,
        "content": of.description,
        "object_refs": [on],
        "labels": labels(of),
        "external_references": references(of),
    })
}

fn labels(of: &Notice) -> Vec<String> {
    vec![
        format!("poortwacht:kind={}", of.kind),
        format!("poortwacht:stage={}", of.stage),
        format!("poortwacht:standing={}", of.standing),
        format!("poortwacht:severity={}", of.severity),
    ]
}

fn references(of: &Notice) -> Vec<Value> {
    let mut all = vec![json!({"source_name": "poortwacht-alert", "external_id": of.id})];
    let case = of.case.iter();
    all.extend(case.map(|case| json!({"source_name": "poortwacht-case", "external_id": case})));
    all
}

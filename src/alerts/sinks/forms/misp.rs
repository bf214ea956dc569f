//! MISP event (core format), for `events/add` or a feed.
//!
//! Enters: a notice. Leaves: one event with attributes that are for people alone. Never: an indicator
//! for detection (`to_ids` is false throughout); published by us.
//!
//! A retraction or closing is an event that extends the one it is about.

use serde_json::{Value, json};

use super::{Notice, line, rfc3339, uuid};
use crate::alerts::sinks::NoticeKind;
use crate::alerts::words::Severity;

/// One event.
pub fn event(of: &Notice) -> Vec<u8> {
    let level = match of.severity {
        Severity::Critical => "1",
        Severity::Warning => "2",
        Severity::Info => "4",
    };
    let about = || {
        let case = of.case.as_deref().unwrap_or_default();
        uuid::of("event", &format!("{case}/{}/{}", of.stage, of.standing))
    };
    let (own, extends) = match of.kind {
        NoticeKind::Raised => (about(), None),
        NoticeKind::Retracted | NoticeKind::Resolved => (uuid::of("event", &of.id), Some(about())),
        NoticeKind::Folded | NoticeKind::Test => (uuid::of("event", &of.id), None),
    };
    let mut attributes = vec![
        attribute(of, "Internal reference", "text", "alert", &of.id),
        attribute(of, "Attribution", "comment", "vendor", &of.vendor_name),
        attribute(of, "Internal reference", "text", "stage", of.stage.label()),
        attribute(
            of,
            "Internal reference",
            "text",
            "standing",
            of.standing.label(),
        ),
        attribute(of, "Other", "comment", "description", &of.description),
    ];
    let case = of.case.iter();
    attributes.extend(case.map(|case| attribute(of, "Internal reference", "text", "case", case)));
    let tag = |name: String| json!({"name": name, "colour": "#5f6a72"});
    let mut event = json!({
        "uuid": own,
        "info": of.summary,
        "date": rfc3339(of.time, 0).get(..10).unwrap_or_default(),
        "timestamp": seconds(of),
        "threat_level_id": level,
        "analysis": if of.kind == NoticeKind::Resolved { "2" } else { "0" },
        "distribution": "0",
        "published": false,
        "Orgc": {
            "name": format!("Poortwacht at {}", of.observer),
            "uuid": uuid::of("observer", &of.observer),
        },
        "Attribute": attributes,
        "Tag": [
            tag("tlp:amber".into()),
            tag(format!("poortwacht:kind=\"{}\"", of.kind)),
        ],
    });
    if let Some(extends) = extends {
        event["extends_uuid"] = json!(extends);
    }
    line(&json!({"Event": event}))
}

fn attribute(of: &Notice, category: &str, kind: &str, comment: &str, value: &str) -> Value {
    json!({
        "uuid": uuid::of("attribute", &format!("{}/{comment}", of.id)),
        "category": category,
        "type": kind,
        "value": value,
        "comment": comment,
        "to_ids": false,
        "distribution": "5",
        "timestamp": seconds(of),
    })
}

fn seconds(of: &Notice) -> String {
    of.taken.nanos().div_euclid(1_000_000_000).to_string()
}

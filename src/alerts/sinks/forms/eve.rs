//! Alert event of Suricata's EVE log.
//!
//! Enters: a notice. Leaves: one event with the fields that Suricata's own schema names. Never: an
//! address or port: none is known here.
//!
//! Signature ids 1900000 to 1900099 (of the range for rules of one's own): by kind and stage.

use serde_json::json;

use super::{Notice, line, rfc3339};
use crate::alerts::sinks::NoticeKind;
use crate::alerts::words::Severity;

/// The first of our signature ids.
const SIGNATURES: usize = 1_900_000;

/// One event.
pub fn event(of: &Notice) -> Vec<u8> {
    let severity = match of.severity {
        Severity::Critical => 1,
        Severity::Warning => 2,
        Severity::Info => 3,
    };
    let words = match of.severity {
        Severity::Critical => "Critical",
        Severity::Warning => "Major",
        Severity::Info => "Informational",
    };
    let date = rfc3339(of.taken, 0)
        .get(..10)
        .unwrap_or_default()
        .replace('-', "_");
    let time = rfc3339(of.time, 6);
    let mut tags = vec![
        format!("poortwacht.id={}", of.id),
        format!("poortwacht.kind={}", of.kind),
        format!("poortwacht.stage={}", of.stage),
        format!("poortwacht.standing={}", of.standing),
        format!("poortwacht.observer={}", of.observer),
        format!("poortwacht.count={}", of.count),
    ];
    tags.extend(of.case.iter().map(|case| format!("poortwacht.case={case}")));
    line(&json!({
        "timestamp": format!("{}+0000", time.trim_end_matches('Z')),
        "event_type": "alert",
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": signature(of),
            "rev": 1,
            "signature": format!("POORTWACHT {}", of.summary),
            "category": "Potential Corporate Privacy Violation",
            "severity": severity,
            "metadata": {
                "affected_product": [of.vendor],
                "created_at": [date],
                "signature_severity": [words],
                "tag": tags,
            },
        },
    }))
}

fn signature(of: &Notice) -> usize {
    let kind = match of.kind {
        NoticeKind::Raised => 0,
        NoticeKind::Retracted => 20,
        NoticeKind::Resolved => 40,
        NoticeKind::Folded => return SIGNATURES + 60,
        NoticeKind::Test => return SIGNATURES + 99,
    };
    SIGNATURES + kind + of.stage.index()
}

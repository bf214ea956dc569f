//! OCSF 1.8.0, Detection Finding (class 2004).
//!
//! Enters: a notice. Leaves: one event. Never: a device, actor or user: none is told of here.
//!
//! The finding's `uid` is the case, its activity says what changed: created, updated (taken back, or
//! folded), closed.

use serde_json::json;

use super::{Notice, line, millis, object};
use crate::alerts::sinks::NoticeKind;
use crate::alerts::words::Severity;

/// One event.
pub fn finding(of: &Notice) -> Vec<u8> {
    let (activity, activity_name, status, status_name) = match of.kind {
        NoticeKind::Raised | NoticeKind::Test => (1, "Create", 1, "New"),
        // 3, Suppressed: reviewed and found benign or erroneous.
        NoticeKind::Retracted => (2, "Update", 3, "Suppressed"),
        NoticeKind::Folded => (2, "Update", 1, "New"),
        NoticeKind::Resolved => (3, "Close", 4, "Resolved"),
    };
    let (severity, severity_name) = match of.severity {
        Severity::Info => (1, "Informational"),
        Severity::Warning => (3, "Medium"),
        Severity::Critical => (4, "High"),
    };
    let (confidence, confidence_name) = match of.confidence {
        0..=39 => (1, "Low"),
        40..=69 => (2, "Medium"),
        _ => (3, "High"),
    };
    let unmapped = object([
        ("kind", json!(of.kind)),
        ("vendor", json!({"id": of.vendor, "name": of.vendor_name})),
        ("stage", json!(of.stage)),
        ("standing", json!(of.standing)),
        ("grade", json!(of.grade)),
        ("unit", json!(of.unit)),
        ("site", json!(of.site)),
    ]);
    line(&json!({
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": 200_400 + activity,
        "type_name": format!("Detection Finding: {activity_name}"),
        "time": millis(of.time),
        "count": of.count,
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "confidence_id": confidence,
        "confidence": confidence_name,
        "confidence_score": of.confidence,
        "is_alert": matches!(of.kind, NoticeKind::Raised | NoticeKind::Folded),
        "message": of.summary,
        "metadata": {
            "version": "1.8.0",
            "uid": of.id,
            "logged_time": millis(of.taken),
            "log_name": "poortwacht.case",
            "product": {
                "name": "Poortwacht",
                "vendor_name": "Poortwacht",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
        "finding_info": {
            "uid": of.case.as_ref().unwrap_or(&of.id),
            "title": of.summary,
            "desc": of.description,
            "types": [of.name],
            "created_time": millis(of.taken),
            "product": {
                "name": "Poortwacht",
                "vendor_name": "Poortwacht",
                "uid": of.observer,
            },
            "analytic": {
                "type_id": 1,
                "type": "Rule",
                "uid": of.rule(),
                "name": of.name,
            },
        },
        "unmapped": unmapped,
    }))
}

//! Common Event Format (ArcSight's implementation standard, version 0).
//!
//! Enters: a notice. Leaves: `CEF:0|vendor|product|version|signature|name|severity|extension`.
//! Never: a pipe or line end of an alert in the head; an equals sign in a value as it is.

use std::fmt::Write;

use super::{Notice, millis};
use crate::alerts::words::Severity;

/// One event.
pub fn event(of: &Notice) -> String {
    let severity = match of.severity {
        Severity::Info => 2,
        Severity::Warning => 6,
        Severity::Critical => 9,
    };
    let mut out = format!(
        "CEF:0|Poortwacht|Poortwacht|{}|{}|{}|{severity}|",
        head(env!("CARGO_PKG_VERSION")),
        head(&of.rule()),
        head(of.name),
    );
    let confidence = of.confidence.to_string();
    let (rt, cnt) = (millis(of.time).to_string(), of.count.to_string());
    let fields: [(&str, &str); 19] = [
        ("rt", &rt),
        ("dvchost", &of.observer),
        ("externalId", &of.id),
        ("act", of.kind.label()),
        ("cat", "case"),
        ("cnt", &cnt),
        ("cs1Label", "case"),
        ("cs1", of.case.as_deref().unwrap_or_default()),
        ("cs2Label", "vendor"),
        ("cs2", &of.vendor),
        ("cs3Label", "stage"),
        ("cs3", of.stage.label()),
        ("cs4Label", "standing"),
        ("cs4", of.standing.label()),
        ("cs5Label", "grade"),
        ("cs5", &of.grade),
        ("cn1Label", "confidence"),
        ("cn1", &confidence),
        ("msg", &of.summary),
    ];
    for (key, text) in fields {
        if !text.is_empty() {
            let _ = write!(out, "{key}={} ", value(text));
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn head(text: &str) -> String {
    escape(text, |c| matches!(c, '\\' | '|'))
}

fn value(text: &str) -> String {
    escape(text, |c| matches!(c, '\\' | '='))
}

/// A backslash before what is special; control characters, line ends among them, as spaces.
fn escape(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special(c) {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

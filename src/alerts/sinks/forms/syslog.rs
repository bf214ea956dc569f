//! RFC 5424: header, structured data, message.
//!
//! Enters: a notice and the form of its message. Leaves: one message without framing. Never: a header
//! field that is not printable ASCII; a quote, backslash or bracket of an alert as it is (section
//! 6.3.3); more than [`LEN_MAX`] bytes where words can be cut.

use std::fmt::Write;

use super::super::settings::{Facility, Form};
use super::super::transports;
use super::{Notice, rfc3339};
use crate::alerts::words::Severity;

/// What each receiver should be able to take (section 6.1).
pub const LEN_MAX: usize = 2048;
/// Structured data of one's own needs an enterprise number. 32473 is the one that RFC 5612 gives for
/// documentation: we have none of our own.
const SD_ID: &str = "poortwacht@32473";

/// One message.
pub fn message(of: &Notice, form: Form, facility: Facility) -> Vec<u8> {
    // Section 6.2.1: 2 critical, 4 warning, 6 informational.
    let severity = match of.severity {
        Severity::Critical => 2,
        Severity::Warning => 4,
        Severity::Info => 6,
    };
    let mut out = format!(
        "<{}>1 {} {} poortwacht - {} {} ",
        u16::from(facility.number()) * 8 + severity,
        // Section 6.2.3: at most six digits.
        rfc3339(of.time, 6),
        field(&of.observer, 255),
        field(of.kind.label(), 32),
        data(of),
    )
    .into_bytes();
    if form == Form::Text {
        let room = LEN_MAX.saturating_sub(out.len() + BOM.len());
        if !of.summary.is_ascii() {
            out.extend_from_slice(BOM);
        }
        out.extend_from_slice(cut(&of.summary, room).as_bytes());
    } else {
        // Programs read these: no mark before them, nothing cut off.
        out.extend_from_slice(&transports::write(of, form));
    }
    out
}

/// Section 6.4: words in UTF-8 begin with it.
const BOM: &[u8] = b"\xef\xbb\xbf";

fn data(of: &Notice) -> String {
    let mut out = format!("[{SD_ID}");
    let (confidence, count) = (of.confidence.to_string(), of.count.to_string());
    let fields: [(&str, &str); 12] = [
        ("id", &of.id),
        ("kind", of.kind.label()),
        ("case", of.case.as_deref().unwrap_or_default()),
        ("vendor", &of.vendor),
        ("stage", of.stage.label()),
        ("standing", of.standing.label()),
        ("severity", of.severity.label()),
        ("confidence", &confidence),
        ("grade", &of.grade),
        ("count", &count),
        ("unit", of.unit.as_deref().unwrap_or_default()),
        ("site", of.site.as_deref().unwrap_or_default()),
    ];
    for (name, value) in fields {
        if !value.is_empty() {
            let _ = write!(out, " {name}=\"{}\"", escaped(cut(value, 128)));
        }
    }
    out.push(']');
    out
}

/// Section 6.3.3.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// PRINTUSASCII, or `-` for nothing (section 6).
fn field(text: &str, len_max: usize) -> String {
    let plain = text.chars().filter(char::is_ascii_graphic);
    let out: String = plain.take(len_max).collect();
    if out.is_empty() { "-".into() } else { out }
}

/// The head of a text, no character cut in two.
fn cut(text: &str, len_max: usize) -> &str {
    let mut end = len_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

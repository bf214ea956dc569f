//! Forms: a notice as bytes.
//!
//! Enters: a [`Notice`](super::Notice). Leaves: text or JSON in one line, without its end. Never: a
//! control character of an alert as it is; anything that is not in the notice; the clock.

pub mod cef;
pub mod ecs;
pub mod eve;
pub mod json;
pub mod misp;
pub mod ocsf;
pub mod stix;
pub mod syslog;
pub mod text;
mod uuid;

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::notice::Notice;
use crate::base::Timestamp;

/// Milliseconds since 1970.
fn millis(time: Timestamp) -> i64 {
    time.nanos().div_euclid(1_000_000)
}

/// RFC 3339 in UTC with so many digits of a second, at most nine.
fn rfc3339(time: Timestamp, digits: usize) -> String {
    let text = time.to_string();
    let whole = text.trim_end_matches('Z');
    let cut = 9_usize.saturating_sub(digits);
    let kept = whole.len().saturating_sub(cut);
    format!(
        "{}Z",
        whole.get(..kept).unwrap_or(whole).trim_end_matches('.')
    )
}

/// An object without its empty fields.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(fields.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn line(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

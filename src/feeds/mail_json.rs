//! Mail as JSON lines, with field names from the config.
//!
//! Enters: lines. Leaves: a mail for each recipient of a vendor's message. Never: looks at a field
//! that the config does not name.

use serde_json::Value;

use super::config::MailJson;
use super::mail::{Sender, is_ours, message, message_text};
use super::read::{At, Foreign, Read};
use super::stamp::{Zone, moment};
use crate::base::Timestamp;
use crate::event::Event;

const JSON: Foreign = Foreign("a JSON object");
const SENDER: Foreign = Foreign("the sender's address in the field that `fields.sender` names");
const RECIPIENT: Foreign =
    Foreign("an address, or a list of them, in the field that `fields.recipient` names");
const TIME: Foreign =
    Foreign("RFC 3339 or seconds since the epoch in the field that `fields.time` names");

/// One line.
///
/// # Errors
/// [`Foreign`] for what is no such object.
pub fn line(line: &str, feed: &MailJson, at: &At<'_>, out: &mut Vec<Event>) -> Read {
    if line.trim().is_empty() {
        return Ok(());
    }
    let object: Value = serde_json::from_str(line).map_err(|_| JSON)?;
    object.is_object().then_some(()).ok_or(JSON)?;
    let fields = &feed.fields;
    let sender = find(&object, &fields.sender).and_then(Value::as_str);
    let time = find(&object, &fields.time).and_then(|t| time_of(t, at, &feed.zone));
    let (sender, time) = (sender.ok_or(SENDER)?, time.ok_or(TIME)?);
    let Some(sender) = Sender::find(address(sender), time, at) else {
        return Ok(());
    };
    let id = find(&object, &fields.id).and_then(Value::as_str);
    let id = id.and_then(message).map(message_text).unwrap_or_default();
    let one = |text: &str, out: &mut Vec<Event>| {
        for recipient in text.split([',', ';']).map(address) {
            if is_ours(recipient, &feed.mail_domains) {
                out.push(sender.mail(recipient, time, id.clone(), at));
            }
        }
    };
    match find(&object, &fields.recipient) {
        Some(Value::String(text)) => one(text, out),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .for_each(|t| one(t, out)),
        _ => return Err(RECIPIENT),
    }
    Ok(())
}

/// A field as it is named, else the way through objects that its dots describe.
fn find<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| {
        name.split('.')
            .try_fold(object, |value, key| value.get(key))
    })
}

/// The address of `Somebody <a@b>`.
fn address(text: &str) -> &str {
    match text.rsplit_once('<') {
        Some((_, address)) => address.split('>').next().unwrap_or_default(),
        None => text.trim(),
    }
}

fn time_of(value: &Value, at: &At<'_>, zone: &Zone) -> Option<Timestamp> {
    /// Seconds stay below this until the year 5138, milliseconds are above it since 1973.
    const MILLISECONDS_MIN: f64 = 1e11;
    match value {
        Value::String(text) => moment(text, at.learned, zone),
        Value::Number(number) => {
            let number = number.as_f64().filter(|n| (0.0..1e14).contains(n))?;
            let seconds = if number >= MILLISECONDS_MIN {
                number / 1e3
            } else {
                number
            };
            // Whole milliseconds: a double has no more.
            Some(Timestamp(
                ((seconds * 1e3).round() as i64).saturating_mul(1_000_000),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;

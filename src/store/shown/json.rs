//! Values of other modules as JSON for people and programs: times in RFC 3339, no traces.
//!
//! Enters: a head, evidence, steps, attributions, alerts. Leaves: their JSON. Never: what is kept to
//! ask again who somebody was (the pseudonyms of addresses in a trace).

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::cases::{Alert, AttributionEntry, Item, Step};
use crate::record::CaseHead;

pub(super) fn head<S: Serializer>(head: &CaseHead, to: S) -> Result<S::Ok, S::Error> {
    with_times(head, &["opened", "updated"], &[]).serialize(to)
}

pub(super) fn items<S: Serializer>(items: &[Item], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(items.iter().map(|it| with_times(it, &["time"], &["trace"])))
}

pub(super) fn steps<S: Serializer>(steps: &[Step], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(steps.iter().map(|it| with_times(it, &["time"], &[])))
}

pub(super) fn alerts<S: Serializer>(alerts: &[Alert], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(alerts.iter().map(|it| with_times(it, &["time"], &[])))
}

pub(super) fn attribution<S: Serializer>(
    entries: &[AttributionEntry],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(entries.iter().map(|it| {
        let claim = with_times(&it.attribution, &["from", "until", "learned"], &[]);
        json!({
            "act": it.act,
            "time": it.time.to_string(),
            "attribution": claim,
            "other": it.other,
        })
    }))
}

/// A value with these of its fields as times, and without those.
fn with_times<T: Serialize>(value: &T, times: &[&str], without: &[&str]) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        for name in without {
            fields.remove(*name);
        }
        for name in times {
            if let Some(time) = fields.get_mut(*name)
                && let Some(nanos) = time.as_i64()
            {
                *time = Timestamp(nanos).to_string().into();
            }
        }
    }
    value
}

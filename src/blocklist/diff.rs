//! What changed between two catalogues, rule by rule.
//!
//! Enters: an old and a new catalogue. Leaves: changes, ordered by vendor and rule. Never: a change
//! that alters neither a verdict nor what a hit says (notes, sources).

use std::collections::BTreeMap;

use super::schema::Role;
use super::{Catalogue, Match};

/// What happened to a rule.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Vendor id.
    pub vendor: String,
    /// The rule's text.
    pub rule: String,
    /// Its kind.
    pub kind: &'static str,
    /// `field: old -> new` for each field that differs; empty unless changed.
    pub fields: Vec<String>,
}

/// The changes that lead from `old` to `new`.
pub fn diff(old: &Catalogue, new: &Catalogue) -> Vec<Change> {
    let (before, after) = (by_key(old), by_key(new));
    let mut changes = Vec::new();
    for (key, found) in &before {
        match after.get(key) {
            None => changes.push(change("removed", found, Vec::new())),
            Some(now) => {
                let fields = fields(found, now);
                if !fields.is_empty() {
                    changes.push(change("changed", now, fields));
                }
            }
        }
    }
    for (key, found) in &after {
        if !before.contains_key(key) {
            changes.push(change("added", found, Vec::new()));
        }
    }
    changes.sort_by(|a, b| (&a.vendor, &a.rule, a.kind).cmp(&(&b.vendor, &b.rule, b.kind)));
    changes
}

type Key<'c> = (&'c str, &'c str, &'static str);

fn by_key(catalogue: &Catalogue) -> BTreeMap<Key<'_>, Match<'_>> {
    let key = |found: &Match<'_>| found.kind().label();
    catalogue
        .all()
        .map(|m| ((m.vendor().id.as_str(), m.rule(), key(&m)), m))
        .collect()
}

fn change(change: &'static str, found: &Match<'_>, fields: Vec<String>) -> Change {
    Change {
        change,
        vendor: found.vendor().id.clone(),
        rule: found.rule().to_owned(),
        kind: found.kind().label(),
        fields,
    }
}

fn fields(old: &Match<'_>, new: &Match<'_>) -> Vec<String> {
    let role = |found: &Match<'_>| found.role().map_or("-", Role::label);
    let not = |found: &Match<'_>| {
        found
            .host()
            .map_or(String::new(), |h| h.wildcard_not.join(","))
    };
    let (old_not, new_not) = (not(old), not(new));
    [
        ("role", role(old), role(new)),
        ("category", old.category().label(), new.category().label()),
        ("severity", old.severity().label(), new.severity().label()),
        (
            "confidence",
            old.confidence().label(),
            new.confidence().label(),
        ),
        ("class", old.class().label(), new.class().label()),
        ("wildcard_not", &old_not, &new_not),
    ]
    .iter()
    .filter(|(_, old, new)| old != new)
    .map(|(field, old, new)| format!("{field}: {old} -> {new}"))
    .collect()
}

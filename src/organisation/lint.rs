//! What a map may say, but should not go unsaid.
//!
//! Enters: a checked [`Organisation`]. Leaves: sentences for `config check`. Never: refuses
//! anything; names a person.

use super::{Organisation, PlaceKind};
use crate::base::Timestamp;

pub(super) fn warnings(
    organisation: &Organisation,
    is_vendor: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Vec<String> {
    let mut said = Vec::new();
    overlaps(organisation, &mut said);
    for entry in organisation.register() {
        let (reference, line) = (&entry.reference, entry.line);
        if !is_vendor(&entry.vendor) {
            said.push(format!(
                "register entry {reference} (line {line}) is for vendor `{}`, which the catalogue \
                 does not have: it will never apply",
                entry.vendor
            ));
        }
        if entry.valid_to <= now {
            said.push(format!(
                "register entry {reference} (line {line}) was valid up to {}: uses since then are \
                 out of scope",
                entry.valid_to
            ));
        }
    }
    if organisation.people.lacks_domains() {
        said.push(
            "`mail_local_part_is_user` is true, but `mail_domains` is empty: no mailbox is found by \
             it"
            .into(),
        );
    }
    said
}

/// A network inside one of another kind: meant in most cases, a slip of the pen in some.
fn overlaps(organisation: &Organisation, said: &mut Vec<String>) {
    let networks = &organisation.networks;
    for (at, inner) in networks.iter().enumerate() {
        // Sorted by length: the first later one that holds it is the one right around it.
        let around = networks
            .iter()
            .skip(at + 1)
            .find(|outer| outer.net.contains(&inner.net));
        let Some(outer) = around else { continue };
        // A single machine inside a network is the rule, not a slip.
        let single = inner.net.prefix_len() == inner.net.max_prefix_len();
        if inner.place.kind != outer.place.kind && !(single && outer.place.kind == PlaceKind::Staff)
        {
            said.push(format!(
                "{} ({}, line {}) lies inside {} ({}, line {}): the longer prefix counts",
                inner.net, inner.place.kind, inner.line, outer.net, outer.place.kind, outer.line
            ));
        }
    }
}

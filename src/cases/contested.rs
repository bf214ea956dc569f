//! Names that one of two hellos bore: of a decoy and a true one nobody could tell which the server
//! took.
//!
//! Enters: a case's sightings in their order. Leaves: the same, where a contested name that its
//! client had looked up before counts as a contact, and what rests on another one is left out.
//! Never: opens a case, or makes a step, on a name that may have been a decoy's.

use std::borrow::Cow;

use super::sighting::{Sighting, What};
use crate::base::Timestamp;

/// What of `sightings` can be relied on. A client that connects to a name looks it up first, and a
/// tool that makes decoys does not: `within` nanoseconds after a look-up of the name by the same
/// client the name is taken for the one meant. Otherwise the contested name stays as it is, without
/// weight, and the exchanges of its connections are left out.
pub(super) fn settle(sightings: &[Sighting], within: i64) -> Cow<'_, [Sighting]> {
    let contested = |it: &&Sighting| it.what == What::Contested;
    if !sightings.iter().any(|it| contested(&it)) {
        return Cow::Borrowed(sightings);
    }
    let doubtful: Vec<&Sighting> = sightings
        .iter()
        .filter(contested)
        .filter(|it| !was_looked_up(sightings, it, within))
        .collect();
    let rests = |it: &Sighting, opened: Timestamp| {
        let is_of = |other: &Sighting| {
            other.name == it.name
                && other.is_same_client(it)
                && (other.time..=other.end).contains(&opened)
        };
        let sure = |other: &&Sighting| other.what == What::Contact && is_of(other);
        doubtful.iter().any(|other| is_of(other)) && !sightings.iter().any(|other| sure(&other))
    };
    let mut kept = Vec::with_capacity(sightings.len());
    for it in sightings {
        match (it.what, it.exchange) {
            (What::Exchange, Some(exchange)) if rests(it, exchange.opened) => {}
            (What::Contested, _) if !doubtful.iter().any(|other| std::ptr::eq(*other, it)) => {
                kept.push(Sighting {
                    what: What::Contact,
                    ..it.clone()
                });
            }
            _ => kept.push(it.clone()),
        }
    }
    // A contact stands before an exchange of the same moment.
    kept.sort_by(Sighting::order);
    Cow::Owned(kept)
}

fn was_looked_up(sightings: &[Sighting], it: &Sighting, within: i64) -> bool {
    sightings.iter().any(|other| {
        other.what == What::LookUp
            && other.name == it.name
            && other.is_same_client(it)
            && other.time <= it.time
            && it.time.0.saturating_sub(other.end.0) <= within
    })
}

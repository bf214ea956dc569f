//! How a use stands: what the register says, and what no register need say.
//!
//! Enters: a sighting's circumstances. Leaves: a [`Ruling`] with its reason. Never: makes a use
//! worse than the register has it.

use crate::identity::{Attribution, SubjectKind};
use crate::organisation::{Place, PlaceKind, Ruling, Standing};

/// Before anything is known.
pub(super) fn nothing() -> Ruling {
    Ruling {
        standing: Standing::Informational,
        entry: None,
        reason: String::new(),
    }
}

/// A standing that holds whatever the register says; `None` when the register decides.
pub(super) fn exempt(category: &str, role: &str, severity: &str, place: &Place) -> Option<Ruling> {
    let reason = if category == "identity-verification" {
        "identity verification: somebody shows who they are"
    } else if role == "rights" {
        "a host for a data subject's requests: the exercise of a right"
    } else if severity == "informational" {
        "the catalogue has this host as informational"
    } else {
        match place.kind {
            PlaceKind::Research => "a machine of the security team: looking at vendors is its work",
            PlaceKind::Visitors => "the visitors' network: its people are not the organisation's",
            _ => return None,
        }
    };
    Some(Ruling {
        standing: Standing::Informational,
        entry: None,
        reason: reason.into(),
    })
}

const fn badness(standing: Standing) -> u8 {
    match standing {
        Standing::Informational => 0,
        Standing::Authorised => 1,
        Standing::OutOfScope => 2,
        Standing::Unauthorised => 3,
    }
}

/// The worse of two; of equals the first that says why.
pub(super) fn worse(one: Ruling, other: Ruling) -> Ruling {
    let better = badness(other.standing) > badness(one.standing);
    if better || (other.standing == one.standing && one.reason.is_empty()) {
        other
    } else {
        one
    }
}

/// Is `one` worse than `other`?
pub(super) const fn is_worse(one: Standing, other: Standing) -> bool {
    badness(one) > badness(other)
}

/// Does a standing call for an alert?
pub(super) const fn alerts(standing: Standing) -> bool {
    matches!(standing, Standing::Unauthorised | Standing::OutOfScope)
}

/// What can be told of such a subject at most, and how it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A person.
    Person,
    /// A device or address that one person may be at.
    Somebody,
    /// No person works at it.
    Machine,
    /// Many may be: names, and through a proxy visits, but no person's steps.
    Crowd {
        /// Visits can be told.
        visits: bool,
    },
}

/// How a subject of this attribution is judged. An address that stands for many is never judged
/// as one person, whatever the attribution is called.
pub(super) const fn manner(who: &Attribution) -> Manner {
    match (who.kind, who.place.kind) {
        (SubjectKind::Ambiguous, _) => Manner::Crowd { visits: false },
        (SubjectKind::Machine, _) => Manner::Machine,
        (SubjectKind::Person, _) => Manner::Person,
        (_, PlaceKind::Resolver | PlaceKind::MailServer) => Manner::Crowd { visits: false },
        (_, PlaceKind::Proxy) => Manner::Crowd { visits: true },
        (_, PlaceKind::Shared | PlaceKind::Translator) => Manner::Crowd { visits: false },
        (SubjectKind::Organisation, _) => Manner::Crowd { visits: true },
        (_, PlaceKind::Server | PlaceKind::Camera) => Manner::Machine,
        (SubjectKind::Device | SubjectKind::Address, _) => Manner::Somebody,
    }
}

//! The register of authorised systems, and the ruling on a use.
//!
//! Enters: entries, a [`Use`]. Leaves: a [`Ruling`] that says which condition failed. Never: puts
//! an address, a name of a person or a pseudonym in a reason.
//!
//! The order of the questions:
//! 1. Identity verification, a host for data subjects' rights, a rule of severity informational:
//!    `informational`, whatever the register says.
//! 2. An entry of the vendor whose conditions all hold: `authorised`. The conditions are the hosts,
//!    the validity at packet time, and each of networks, subjects and units that the entry gives
//!    (one of each list is enough; a list that is not given sets no condition).
//! 3. Entries of the vendor, none of which fits: `out-of-scope`, with the conditions that failed of
//!    the one that came nearest.
//! 4. Else `unauthorised`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Ruling, Standing, Use};
use crate::base::Timestamp;

/// An authorised system. All of it is required, but of `networks`, `subjects` and `units` one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its reference in the organisation's own register; unique.
    pub reference: String,
    /// Who answers for it.
    pub owner: String,
    /// Vendor id of the catalogue.
    pub vendor: String,
    /// Host names; each covers the names below it. `*` stands for any.
    pub hosts: Vec<String>,
    /// Networks from which it may be used.
    pub networks: Vec<IpNet>,
    /// Pseudonyms of subjects that may use it (`person-...`, `device-...`, `machine-...`).
    pub subjects: Vec<String>,
    /// Units that may use it.
    pub units: Vec<String>,
    /// For what.
    pub purpose: String,
    /// On which ground.
    pub legal_basis: String,
    /// Reference of the legal and ethical review.
    pub review: String,
    /// Reference of the impact assessment.
    pub impact_assessment: String,
    /// Allowed from this moment on.
    pub valid_from: Timestamp,
    /// Up to, and without, this moment.
    pub valid_to: Timestamp,
    /// Line of its table in the file.
    pub line: usize,
}

impl Entry {
    /// Do its networks hold this address? An entry without networks says no.
    pub(super) fn covers_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|net| net.contains(&address))
    }

    fn covers_host(&self, name: &str) -> bool {
        self.hosts.iter().any(|host| {
            host == "*"
                || name == host
                || name
                    .strip_suffix(host.as_str())
                    .is_some_and(|head| head.ends_with('.'))
        })
    }

    /// The conditions that do not hold, in words.
    fn failed(&self, what: &Use<'_>) -> Vec<&'static str> {
        let mut failed = Vec::new();
        if !self.covers_host(what.name) {
            failed.push("the host is not among those of the entry");
        }
        if what.at < self.valid_from {
            failed.push("the entry was not valid yet");
        }
        if what.at >= self.valid_to {
            failed.push("the entry was no longer valid");
        }
        let at_hand = what.entries.contains(&self.reference)
            || what
                .address
                .is_some_and(|it| self.covers_address(it.to_canonical()));
        if !self.networks.is_empty() && !at_hand {
            failed.push("the client is outside the networks of the entry");
        }
        if !self.units.is_empty()
            && !what
                .place
                .unit
                .as_ref()
                .is_some_and(|u| self.units.contains(u))
        {
            failed.push("the unit is none of those of the entry");
        }
        if !self.subjects.is_empty() && !self.subjects.iter().any(|s| s == what.subject.as_str()) {
            failed.push("the subject is none of those of the entry");
        }
        failed
    }
}

/// See the head of this file.
pub(super) fn ruling(register: &[Entry], what: &Use<'_>) -> Ruling {
    if let Some(reason) = informational(what) {
        return Ruling {
            standing: Standing::Informational,
            entry: None,
            reason: reason.into(),
        };
    }
    let mut nearest: Option<(&Entry, Vec<&'static str>)> = None;
    for entry in register.iter().filter(|it| it.vendor == what.vendor) {
        let failed = entry.failed(what);
        if failed.is_empty() {
            return Ruling {
                standing: Standing::Authorised,
                entry: Some(entry.reference.clone()),
                reason: format!(
                    "inside entry {} of the register ({})",
                    entry.reference, entry.purpose
                ),
            };
        }
        if nearest
            .as_ref()
            .is_none_or(|(_, least)| failed.len() < least.len())
        {
            nearest = Some((entry, failed));
        }
    }
    match nearest {
        Some((entry, failed)) => Ruling {
            standing: Standing::OutOfScope,
            entry: Some(entry.reference.clone()),
            reason: format!(
                "entry {} of the register does not cover this: {}",
                entry.reference,
                failed.join("; ")
            ),
        },
        None => Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: "no entry of the register covers this vendor".into(),
        },
    }
}

fn informational(what: &Use<'_>) -> Option<&'static str> {
    if what.category == "identity-verification" {
        return Some("identity verification: a person shows who they are, nobody is searched for");
    }
    if what.role == "rights" {
        return Some("a host for requests of data subjects: opt-out, access, erasure");
    }
    if what.severity == "informational" {
        return Some("the list holds this host to be known, not to be acted upon");
    }
    None
}

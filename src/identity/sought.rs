//! Somebody who asks what is known about them: from what they bring to pseudonyms.
//!
//! Enters: user names, mailboxes, link-layer addresses, addresses with the time in which they had
//! them, in clear. Leaves: [`Sought`], pseudonyms alone. Never: keeps or repeats what was brought;
//! says by its answer whether anything is known of it.
//!
//! A device's name stands under seal alone; what is sealed bears its keyed hash ([`Identity::hosts`]).
//! A name is what a device says of itself and proves nothing: by it alone nothing is theirs for sure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::{Clear, Identity};
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::organisation::Principal;

/// Most things of each kind that somebody may bring.
pub const BROUGHT_MAX: usize = 64;

/// What somebody brings along. In clear: without `Debug`, overwritten when it goes.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brought {
    /// User names, as any source writes them.
    #[serde(default)]
    pub users: Vec<String>,
    /// Mail addresses.
    #[serde(default)]
    pub mailboxes: Vec<String>,
    /// Link-layer addresses of devices of theirs, `00:00:5e:00:53:01`.
    #[serde(default)]
    pub macs: Vec<String>,
    /// Addresses.
    #[serde(default)]
    pub addresses: Vec<Had>,
    /// Names of devices of theirs.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// An address, and when they say they had it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Had {
    /// The address.
    pub address: String,
    /// From then on.
    pub from: Timestamp,
    /// Until then.
    pub until: Timestamp,
}

impl Drop for Brought {
    fn drop(&mut self) {
        self.users.zeroize();
        self.mailboxes.zeroize();
        self.macs.zeroize();
        self.hosts.zeroize();
        for had in &mut self.addresses {
            had.address.zeroize();
        }
    }
}

/// The pseudonyms of what was brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sought {
    /// Subjects that are the person, or a device that they say is theirs.
    pub subjects: BTreeSet<SubjectId>,
    /// Subjects that may be they, at the times below: an address of which nobody could tell who had
    /// it, or which several had.
    pub candidates: BTreeSet<SubjectId>,
    /// Pseudonyms of addresses, each with the time in which they say they had it.
    pub addresses: Vec<(String, Timestamp, Timestamp)>,
    /// Keyed hashes of the names of devices.
    #[serde(default)]
    pub hosts: BTreeSet<String>,
    /// What could not be used, by kind and place, and why.
    pub unusable: Vec<String>,
}

impl Identity {
    /// From what somebody brings to pseudonyms.
    pub fn sought(&self, brought: &Brought) -> Sought {
        let mut sought = Sought::default();
        for (n, user) in brought.users.iter().take(BROUGHT_MAX).enumerate() {
            let why = match self.organisation.principal(user) {
                Principal::Person(name) => {
                    sought.subjects.insert(self.key.person(&name));
                    continue;
                }
                Principal::Machine => "the account of a machine",
                Principal::Service => "the account of a service",
                Principal::Nobody => "nobody's, or means two people",
            };
            sought
                .unusable
                .push(format!("user name {} is {why}", n + 1));
        }
        for (n, mailbox) in brought.mailboxes.iter().take(BROUGHT_MAX).enumerate() {
            match self.person_of_mailbox(mailbox) {
                Some(subject) => drop(sought.subjects.insert(subject)),
                None => sought.unusable.push(format!(
                    "of mailbox {} neither the directory nor a rule says whose it is",
                    n + 1
                )),
            }
        }
        for (n, had) in brought.addresses.iter().take(BROUGHT_MAX).enumerate() {
            match had.address.trim().parse::<IpAddr>() {
                Ok(address) => self.seek_address(address, had, &mut sought),
                Err(_) => sought.unusable.push(format!("address {} is none", n + 1)),
            }
        }
        for (n, mac) in brought.macs.iter().take(BROUGHT_MAX).enumerate() {
            match parsed(mac) {
                Some(mac) => self.seek_device(mac, n, &mut sought),
                None => sought.unusable.push(format!(
                    "link-layer address {} is none: write it like 00:00:5e:00:53:01",
                    n + 1
                )),
            }
        }
        for (n, host) in brought.hosts.iter().take(BROUGHT_MAX).enumerate() {
            match self.host(host) {
                Some(host) => drop(sought.hosts.insert(host)),
                None => sought
                    .unusable
                    .push(format!("the device's name {} is none", n + 1)),
            }
        }
        sought
    }

    /// Keyed hashes of the device names that are about to be sealed, each once.
    pub fn hosts(&self, clear: &Clear) -> Vec<String> {
        let all = clear.hosts.iter().filter_map(|it| self.host(it));
        let all: BTreeSet<String> = all.collect();
        all.into_iter().collect()
    }

    /// However it is written: a domain, and capitals, differ from source to source.
    fn host(&self, name: &str) -> Option<String> {
        let label = name.trim().split('.').next()?.to_lowercase();
        let tag = self.key.word_tag(&[b"host", label.as_bytes()]);
        (!label.is_empty()).then(|| SubjectId::of("host", &tag).to_string())
    }

    fn person_of_mailbox(&self, mailbox: &str) -> Option<SubjectId> {
        let found = self.organisation.mailbox(mailbox)?;
        match self.organisation.principal(&found.user) {
            Principal::Person(name) => Some(self.key.person(&name)),
            _ => None,
        }
    }

    fn seek_address(&self, address: IpAddr, had: &Had, sought: &mut Sought) {
        let pseudonym = self.key.ip(address);
        let digits = pseudonym.trim_start_matches("ip-").to_owned();
        for kind in ["address", "ambiguous"] {
            let subject = SubjectId::new(format!("{kind}-{digits}"));
            sought.candidates.insert(subject);
        }
        sought.addresses.push((pseudonym, had.from, had.until));
    }

    /// A link-layer address that a device made up is known at one address only.
    fn seek_device(&self, mac: [u8; 6], n: usize, sought: &mut Sought) {
        let tag = self.key.mac_tag(mac);
        if mac.first().is_none_or(|first| first & 2 == 0) {
            sought.subjects.insert(SubjectId::of("device", &tag));
            return;
        }
        if sought.addresses.is_empty() {
            sought.unusable.push(format!(
                "link-layer address {} was made up by the device and is known together with an \
                 address only: bring the address too",
                n + 1
            ));
        }
        for (address, _, _) in &sought.addresses {
            let parts: [&[u8]; 3] = [b"weak", &tag, address.as_bytes()];
            let subject = SubjectId::of("device", &self.key.word_tag(&parts));
            sought.subjects.insert(subject);
        }
    }
}

/// Six bytes in hexadecimal digits, with colons, hyphens, dots or nothing between.
fn parsed(text: &str) -> Option<[u8; 6]> {
    let digits: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.'))
        .collect();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut mac = [0; 6];
    for (at, byte) in mac.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(mac)
}

#[cfg(test)]
mod tests;

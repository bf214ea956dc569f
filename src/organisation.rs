//! The organisation: its places, its shared machines, its people's names, and which uses it has
//! authorised.
//!
//! Enters: a TOML file (the map and the register) and, named by it, a CSV file of people. Leaves:
//! the [`Place`] of an address, the [`Principal`] behind a user name, the [`Ruling`] on a use.
//! Never: guesses where an address belongs or who a name is; shows a person's name in `Debug`.
//!
//! `deploy/organisation.toml` lists every key with its meaning.

mod file;
mod lint;
mod people;
mod register;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::hits::SubjectId;

pub use file::OrganisationError;
pub use people::{Mailbox, Principal};
pub use register::Entry;

closed_set! {
    /// What stands behind an address of the organisation.
    PlaceKind {
        /// Workplaces: one person at a time. Also what the map does not name.
        Staff = "staff",
        /// Visitors' network: its people are not the organisation's.
        Visitors = "visitors",
        /// A resolver: a look-up from it is somebody's, but not its own.
        Resolver = "resolver",
        /// A proxy: the same for connections.
        Proxy = "proxy",
        /// Terminal server, VDI pool, kiosk: several people at one time.
        Shared = "shared",
        /// Address translation: many devices behind one address.
        Translator = "translator",
        /// A mail server.
        MailServer = "mail-server",
        /// A server: no person works at it.
        Server = "server",
        /// A camera or another machine with a lens.
        Camera = "camera",
        /// A machine of the security team: it looks at vendors because that is its work.
        Research = "research",
    }
}

closed_set! {
    /// How a use stands to what the organisation has allowed.
    Standing {
        /// No entry of the register covers the vendor.
        Unauthorised = "unauthorised",
        /// Inside an entry: unit, purpose, validity.
        Authorised = "authorised",
        /// An entry for the vendor exists, but not for this.
        OutOfScope = "out-of-scope",
        /// Nothing to act upon: identity verification, eGates, a data subject's rights.
        Informational = "informational",
    }
}

/// Where an address belongs. Owned: it stands in records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What stands behind it.
    pub kind: PlaceKind,
    /// Site, as the map names it.
    pub site: Option<String>,
    /// Organisational unit, as the map names it; of a known person the unit that the directory
    /// gives.
    pub unit: Option<String>,
}

/// A use to be judged against the register.
pub struct Use<'a> {
    /// Vendor id.
    pub vendor: &'a str,
    /// The vendor's category, as in [`HitRule`](crate::event::HitRule); empty when unknown.
    pub category: &'a str,
    /// Severity of the rule that matched; empty when unknown.
    pub severity: &'a str,
    /// Role of the host; empty when unknown.
    pub role: &'a str,
    /// Name seen.
    pub name: &'a str,
    /// The client's address where it is known in clear (register entries name networks).
    pub address: Option<IpAddr>,
    /// References of the register entries whose networks hold the client: what
    /// [`Organisation::entries_at`] said while the address was known
    /// ([`Trace::entries`](crate::identity::Trace::entries)).
    pub entries: &'a [String],
    /// Where the client belongs.
    pub place: &'a Place,
    /// Who it is.
    pub subject: &'a SubjectId,
    /// When.
    pub at: Timestamp,
}

/// What the register says of a use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The standing.
    pub standing: Standing,
    /// Reference of the entry that applies, or that was missed.
    pub entry: Option<String>,
    /// Why, in a sentence for people. Without personal data.
    pub reason: String,
}

/// One network of the map.
#[derive(Clone, Debug)]
struct Network {
    net: IpNet,
    place: Place,
    line: usize,
}

/// Map, people and register, checked. The default is an empty one: every address is a workplace,
/// every use unauthorised. `Debug` shows numbers only.
#[derive(Clone)]
pub struct Organisation {
    /// The longest prefix first, so that the first that holds an address is the one.
    networks: Vec<Network>,
    register: Vec<Entry>,
    routers: BTreeSet<[u8; 6]>,
    people: people::People,
    units: BTreeSet<String>,
    /// Sites, with the devices that there are by the map's word.
    sites: BTreeMap<String, Option<u64>>,
    ticket_hours: u16,
    session_hours: u16,
    digest: String,
    name: String,
}

impl Default for Organisation {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            register: Vec::new(),
            routers: BTreeSet::new(),
            people: people::People::default(),
            units: BTreeSet::new(),
            sites: BTreeMap::new(),
            ticket_hours: TICKET_HOURS,
            session_hours: SESSION_HOURS,
            digest: String::new(),
            name: String::new(),
        }
    }
}

/// Default of `ticket_hours`: the life of a Kerberos ticket in most realms.
const TICKET_HOURS: u16 = 10;
/// Default of `session_hours`.
const SESSION_HOURS: u16 = 24;

impl fmt::Debug for Organisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Organisation({} networks, {} people, {} register entries, {})",
            self.networks.len(),
            self.people.len(),
            self.register.len(),
            self.digest
        )
    }
}

impl Organisation {
    /// Reads the map at `path` and the directory of people that it names (relative to its folder).
    ///
    /// # Errors
    /// [`OrganisationError`]: file, line, what is wrong and what to do, for each problem found.
    pub fn load(path: &Path) -> Result<Self, OrganisationError> {
        file::load(path)
    }

    /// Reads a map from its text; `name` stands for it in errors. A directory of people that it
    /// names is not read: see [`Self::with_people`].
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, name: &str) -> Result<Self, OrganisationError> {
        file::parse(text, name).map(|(organisation, _)| organisation)
    }

    /// Adds the directory of people, CSV with a header line `user,mail,aliases,unit` (`mail` and
    /// `aliases` may hold several, between semicolons).
    ///
    /// # Errors
    /// As [`Self::load`]; two people under one name are refused.
    pub fn with_people(mut self, csv: &str, name: &str) -> Result<Self, OrganisationError> {
        self.people
            .read(csv, name, &self.units)
            .map_err(OrganisationError::new)?;
        self.digest = file::digest(&[self.digest.as_bytes(), csv.as_bytes()]);
        Ok(self)
    }

    /// Name of the organisation, for reports; empty when the map gives none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sixteen hex digits of SHA-256 over the files: says in a record which map was in force.
    /// Empty when there is no map.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Where an address belongs: the most specific network of the map, else plain staff.
    pub fn place(&self, address: IpAddr) -> Place {
        let address = address.to_canonical();
        let found = self.networks.iter().find(|it| it.net.contains(&address));
        found.map_or_else(
            || Place {
                kind: PlaceKind::Staff,
                site: None,
                unit: None,
            },
            |network| network.place.clone(),
        )
    }

    /// The sites of the map, and how many devices there are at each, where the map says.
    pub fn sites(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        self.sites
            .iter()
            .map(|(site, devices)| (site.as_str(), *devices))
    }

    /// Link-layer addresses of routers: what comes from them is not their own.
    pub fn routers(&self) -> impl Iterator<Item = [u8; 6]> {
        self.routers.iter().copied()
    }

    /// Who a user name means, whatever the source wrote.
    pub fn principal(&self, written: &str) -> Principal {
        self.people.principal(written)
    }

    /// Whose mailbox that is.
    pub fn mailbox(&self, recipient: &str) -> Option<Mailbox> {
        self.people.mailbox(recipient)
    }

    /// Canonical names of the people in the directory with the unit that it gives them.
    pub fn people(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.people.iter()
    }

    /// Longest time that a Kerberos reply speaks for a person, in nanoseconds.
    pub fn ticket_ns(&self) -> i64 {
        i64::from(self.ticket_hours) * 3_600_000_000_000
    }

    /// Longest time that a session holds without another message about it, in nanoseconds.
    pub fn session_ns(&self) -> i64 {
        i64::from(self.session_hours) * 3_600_000_000_000
    }

    /// The register, in the order of the file.
    pub fn register(&self) -> &[Entry] {
        &self.register
    }

    /// References of the entries whose networks hold this address, whatever their validity.
    pub fn entries_at(&self, address: IpAddr) -> Vec<String> {
        let address = address.to_canonical();
        let found = self.register.iter().filter(|e| e.covers_address(address));
        found.map(|entry| entry.reference.clone()).collect()
    }

    /// What the register says of a use; the head of `organisation/register.rs` has the order of the
    /// questions.
    pub fn ruling(&self, what: &Use<'_>) -> Ruling {
        register::ruling(&self.register, what)
    }

    /// What is allowed but should be said: overlapping networks, entries that are over or name a
    /// vendor that `is_vendor` does not know. One sentence each.
    pub fn warnings(&self, is_vendor: &dyn Fn(&str) -> bool, now: Timestamp) -> Vec<String> {
        lint::warnings(self, is_vendor, now)
    }
}

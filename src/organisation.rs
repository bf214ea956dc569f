//! The organisation: its places, its shared machines, and which uses it has authorised.
//!
//! Enters: a TOML file (the map and the register). Leaves: the [`Place`] of an address, the
//! [`Ruling`] on a use. Never: guesses where an address belongs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::hits::SubjectId;

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
    /// Organisational unit, as the map names it.
    pub unit: Option<String>,
}

/// A use to be judged against the register.
pub struct Use<'a> {
    /// Vendor id.
    pub vendor: &'a str,
    /// Name seen.
    pub name: &'a str,
    /// The client's address where it is known in clear (register entries name networks).
    pub address: Option<IpAddr>,
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
    /// Why, in a sentence for people.
    pub reason: String,
}

/// Map and register, checked.
#[derive(Clone, Debug, Default)]
pub struct Organisation {}

impl Organisation {
    /// Where an address belongs: the most specific network of the map, else plain staff.
    pub fn place(&self, _address: IpAddr) -> Place {
        Place {
            kind: PlaceKind::Staff,
            site: None,
            unit: None,
        }
    }

    /// What the register says of a use.
    pub fn ruling(&self, _what: &Use<'_>) -> Ruling {
        Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: "no entry of the register covers this vendor".into(),
        }
    }
}

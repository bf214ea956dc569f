//! Feeds: files that others write and this reads, as they grow: leases, assignments, logs.
//!
//! Enters: lease files, AAA, mail, resolver, proxy and translation logs; RADIUS accounting at a
//! listener of our own. Leaves: [`Event`](crate::event::Event)s of the kinds `Fact`, `Translation`,
//! `Mail`, and `Hit` for a look-up that matched. Never: keeps a line that matched nothing; stops
//! the others because one is broken.

use serde::{Deserialize, Serialize};

/// `[[feed]]` of the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// What it is: see [`Kind`].
    pub kind: Kind,
    /// The file, or (dnstap, RADIUS) the socket to listen at.
    pub path: String,
}

crate::base::seen::closed_set! {
    /// What a feed is.
    Kind {
        /// Kea's memfile of DHCPv4 or DHCPv6 leases (CSV).
        Kea = "kea",
    }
}

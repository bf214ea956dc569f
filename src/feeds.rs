//! Feeds: files that others write and this reads, as they grow: leases, assignments, logs.
//!
//! Enters: lease files, AAA, mail, resolver, proxy and translation logs; RADIUS accounting and
//! dnstap at listeners of our own. Leaves: [`Event`](crate::event::Event)s of the kinds `Fact`,
//! `Translation`, `Mail`, and `Hit` for a look-up that matched. Never: keeps a line that matched
//! nothing; tells a line's content in a message; stops the others because one feed is broken.
//!
//! ```text
//! follow (file, rotation) -> lines ----> reader: one parser per format -> events -> bounded queue
//! listen (dnstap, RADIUS) -> datagrams --^                                  `runner` holds threads
//! ```
//!
//! Parsers are pure: a line, the list in force and the time of reading go in, events come out.
//! Nothing about how far a file was read is written down: after a restart leases and assignments
//! are read anew, and a log goes on at its end (the sensor did not see that gap either).

mod config;
mod follow;
mod look;
mod once;
#[doc(hidden)]
pub mod oracle;
mod read;
mod reader;
mod runner;
mod state;

mod aaa;
mod assigned;
mod bind;
mod conntrack;
mod dnsmasq;
mod dnsmasq_log;
mod dnstap;
mod exchange;
mod frames;
mod isc;
mod kea;
mod known;
mod lookup;
mod mail;
mod mail_json;
mod pattern;
mod postfix;
#[cfg(test)]
mod probe;
mod radius;
mod recent;
mod secrets;
mod squid;
mod stamp;
mod tap_socket;
mod unbound;

pub use config::{
    Aaa, AaaPattern, Dnstap, Feed, Kind, LeaseFile, Log, MailFields, MailJson, MailLog, Nat,
    Radius, StartAt,
};
pub use look::{LOOK_LEN_MAX, Look, look};
pub use once::read_once;
pub use runner::Runner;
pub use state::FeedState;

//! What every stage may use: time, names, addresses, bounded buffers and closed sets.
//!
//! Enters: nothing. Leaves: small `Copy` types. Never: I/O, the clock, allocation on a hot path.

pub mod count;
pub mod flowkey;
pub mod hex;
pub mod name;
pub mod seen;
pub mod time;

pub use count::Counters;
pub use flowkey::{Endpoints, Transport};
pub use name::{DomainName, NameBuf, RawName};
pub use seen::{EchVerdict, Outcome, Repeat, Seen, WayRound};
pub use time::Timestamp;

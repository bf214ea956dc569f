//! Hits for people: folded, pseudonymised, one ECS line each.
//!
//! Enters: [`Hit`](crate::event::Hit) in packet time. Leaves: [`Record`], and a log file that
//! survives a full disk. Never: writes an address or a link-layer address in clear unless the
//! config says so with a reason; keeps what did not match.
//!
//! The way of a hit: [`fold`] (repeats become a count) -> [`scribe`] (pseudonyms of [`pseudonym`],
//! evidence cut by [`evidence`], fields of [`ecs`]) -> [`log`].

pub mod community;
pub mod ecs;
pub mod evidence;
pub mod fold;
pub mod guarded;
pub mod log;
pub mod pseudonym;
pub mod scribe;
pub mod show;

pub use ecs::Record;
pub use fold::{Finding, Folder};
pub use log::HitLog;
pub use pseudonym::{Addresses, Key, SubjectId};
pub use scribe::{Observer, Scribe};

//! Hits for people: folded, pseudonymised, one ECS line each.
//!
//! Enters: [`Hit`](crate::event::Hit) in packet time. Leaves: [`Record`], and a log file that
//! survives a full disk. Never: writes an address or a link-layer address in clear unless the
//! config says so with a reason; keeps what did not match.
//!
//! The way of a hit: [`fold`] (repeats become a count) -> [`scribe`] (pseudonyms of [`pseudonym`],
//! evidence cut by [`evidence`], fields of [`ecs`]) -> [`log`].

pub mod case;
pub mod community;
pub mod ecs;
pub mod evidence;
pub mod fold;
pub mod frame;
pub mod guarded;
pub mod log;
pub mod mentions;
pub mod pseudonym;
pub mod scribe;
pub mod show;

pub use case::CaseRecord;
pub use ecs::Record;
pub use fold::{Finding, Folder};
pub use frame::{Frame, FrameFate};
pub use log::HitLog;
pub use mentions::Mentions;
pub use pseudonym::{Addresses, Key, SubjectId};
pub(crate) use pseudonym::{Tag, tag_in};
pub use scribe::{Observer, Scribe};

/// What the hit log takes: a [`Record`] or a [`CaseRecord`].
pub trait Line {
    /// One line with its line feed. Cannot fail for what its fields can hold; an empty line stands
    /// for the impossible case.
    fn to_line(&self) -> Vec<u8>;
}

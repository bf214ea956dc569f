//! `poortwacht doctor`: why a gateway's monitor is, or would be, blind.
//!
//! Enters: the configuration, the system as it is, a sample of traffic. Leaves: [`Finding`]s, each
//! with a level, one sentence of what is and one of what to do. Never: changes anything; keeps or
//! prints an address, a name or a user: of traffic it holds counts only.
//!
//! `gather` is the dirty end: it reads files, asks the kernel, takes frames. `judge` is pure: facts
//! go in, findings come out. `traffic` is pure too: frames go in, counts come out, live or from a
//! file.

pub mod facts;
mod finding;
pub mod gather;
pub mod judge;
pub mod traffic;

pub use finding::{Area, Finding, Id, Level, Report};

//! The data plane alone, as a crate of its own: what `benches/plane` builds and counts.
//!
//! Enters: nothing. Leaves: the modules from frame to hit, without the desk, its store and its
//! pages, so that an optimised build takes a minute. Never: part of the product, whose root is
//! `lib.rs`.

pub mod base;
pub mod capture;
pub mod decode;
pub mod flow;
pub mod names;
pub mod blocklist;
pub mod event;
pub mod presence;
pub mod sensor;

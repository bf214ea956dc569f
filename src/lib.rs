//! Poortwacht: the watch at the gate.
//!
//! The modules stand in the order of the work. A module may use those above it, never one below;
//! `tests/house.rs` reads the `use crate::` lines and fails on an arrow that runs back.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod base;
pub mod blocklist;
pub mod capture;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod decode;
pub mod event;
pub mod flow;
pub mod hits;
pub mod metrics;
pub mod names;
pub mod sensor;

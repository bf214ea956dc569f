//! Poortwacht: the watch at the gate.
//!
//! The modules stand in the order of the work. A module may use those above it, never one below;
//! `tests/house.rs` reads the `use crate::` lines and fails on an arrow that runs back.

#![deny(unsafe_code)]
#![warn(missing_docs)]

// What every stage may use.
pub mod base;
pub mod folder;

// Sensor: parses hostile bytes, holds no key, serves no page.
pub mod capture;
pub mod decode;
pub mod flow;
pub mod names;
pub mod blocklist;
pub mod event;
pub mod presence;
pub mod sensor;

// Desk: holds keys, has no capture right.
pub mod hits;
pub mod organisation;
pub mod identity;
pub mod sealing;
pub mod feeds;
pub mod simulate;
pub mod cases;
pub mod casefile;
pub mod record;
pub mod ledger;
pub mod store;
pub mod alerts;
pub mod updates;
pub mod metrics;
pub mod desk;
pub mod evaluate;
pub mod console;
pub mod evidence;

// The wiring: the only place that knows all stages.
pub mod confine;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod cli;

//! Two processes: the sensor, which parses hostile bytes, and the desk, which holds the key.
//!
//! Enters: a checked configuration. Leaves: a running daemon, and its exit code. Never: logic of a
//! stage.

pub mod control;
pub mod desk;
pub mod fault;
pub mod privilege;
pub mod queue;
pub mod sensor;
pub mod sources;

pub use desk::run;
pub use fault::{Exit, Fault};

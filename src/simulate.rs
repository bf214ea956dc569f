//! Made traffic: from a scenario to frames, or straight to the events that a sensor would make.
//!
//! Enters: a case file, a seed. Leaves: frames (pnet), log files, events, the outcome that the case
//! file expects. Never: knows a rule or threshold of the stages that judge (it may not use `cases`);
//! uses the parsers of the program; looks at the clock (one seed gives one outcome).
//!
//! ```text
//! case file --> case ---\                        /--> frames --> pcapng
//!                        behaviour --> plan -----+--> logs (mail, leases)
//! seed ------> chance --/   sessions             \--> events
//! ```

pub mod behaviour;
pub mod case;
pub mod chance;
pub mod events;
pub mod frames;
pub mod logs;
pub mod pcapng;
pub mod plan;
pub mod population;
pub mod sessions;

pub use case::CaseFile;
pub use chance::Chance;
pub use plan::Plan;

//! How the record stands: figures for metrics and readiness.
//!
//! Enters: what the registrar counts. Leaves: [`State`]. Never: what an entry says.

use std::time::Duration;

use super::Kind;
use crate::base::Counters;
use crate::base::seen::closed_set;

closed_set! {
    /// Why an entry never reached the ledger; the index counts it.
    Lost {
        /// The line was full while the ledger could not be written: the oldest hit went.
        QueueFull = "queue_full",
        /// Still in line when the program ended.
        AtEnd = "at_end",
        /// It cannot be written as text.
        Unfit = "unfit",
    }
}

/// How ledger and store stand.
#[derive(Clone, Debug)]
pub struct State {
    /// Is a record kept at all?
    pub kept: bool,
    /// Entries synced, [`Kind`] along its index.
    pub entries: Counters,
    /// Group commits.
    pub commits: u64,
    /// How long the newest of them took.
    pub commit: Duration,
    /// Group commits that failed and are tried again.
    pub failures: u64,
    /// [`Lost`] along its index.
    pub lost: Counters,
    /// Entries in line now.
    pub waiting: u64,
    /// Entries in the ledger, deleted ones too.
    pub size: u64,
    /// Why the ledger cannot be written now.
    pub failing: Option<String>,
    /// Entries that the store does not hold yet.
    pub store_behind: u64,
    /// Attempts to bring entries into the store that failed and are made again.
    pub store_failures: u64,
    /// Why the store does not follow now.
    pub store_failing: Option<String>,
    /// Payloads that retention deleted.
    pub expired: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            kept: false,
            entries: Counters::new(Kind::ALL.len()),
            commits: 0,
            commit: Duration::ZERO,
            failures: 0,
            lost: Counters::new(Lost::ALL.len()),
            waiting: 0,
            size: 0,
            failing: None,
            store_behind: 0,
            store_failures: 0,
            store_failing: None,
            expired: 0,
        }
    }
}

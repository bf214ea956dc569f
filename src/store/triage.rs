//! Where the work of people on a case stands.
//!
//! Enters: acts in the order of the ledger. Leaves: [`Triage`]. Never: judges whether somebody may.

use serde::Serialize;

use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::record::act::Verdict;

closed_set! {
    /// Where the work on a case stands.
    State {
        /// Nobody has looked at it.
        New = "new",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// Somebody has it.
        Assigned = "assigned",
        /// It is closed, by somebody or because it ended.
        Closed = "closed",
        /// It was closed and is looked at again.
        Reopened = "reopened",
    }
}

/// Where the work on a case stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Triage {
    /// State.
    pub state: State,
    /// Of the last act that changed the state: its number in the ledger plus 1; 0 before any. Who
    /// acts says which one they saw, so that the second of two is told.
    pub revision: u64,
    /// Who has it; an account.
    pub assignee: Option<String>,
    /// As what somebody closed it.
    pub verdict: Option<Verdict>,
    /// Retention stands still until then, nanoseconds since the epoch.
    pub held_until: Option<Timestamp>,
}
pub(super) fn of(_: &rusqlite::Connection, _: &str) -> rusqlite::Result<Option<Triage>> {
    Err(rusqlite::Error::InvalidQuery)
}

//! Sinks beside Alertmanager: where else alerts go, in which form, over which way.
//!
//! Enters: alerts from the spool, each sink's own settings. Leaves: bytes to a file, a socket, a
//! server. Never: a person, a pseudonym or an address of a person; a unit or site unless the sink is
//! allowed to show it; a wait of one sink for another.
//!
//! ```text
//! spool --(cursor of the sink)--> throttle --> notice --> form --> transport --> verdict
//! ```
//!
//! [`forms`] are functions from a [`Notice`] to bytes; [`transports`] bring bytes and say what
//! became of them; [`settings`] says which pairs fit. [`runner`] is a sink's thread.

pub mod forms;
mod notice;
mod probe;
pub(super) mod runner;
mod settings;
mod texts;
pub(super) mod throttle;
pub mod transports;

use crate::base::seen::closed_set;

pub use notice::{Notice, NoticeKind, Said};
pub use probe::{Tested, test, test_alertmanager};
pub use settings::{Facility, Form, Kind, SinkSettings, check_all};
pub use texts::Language;

closed_set! {
    /// Why a sink never gets an alert that it wanted; the index counts it.
    Lost {
        /// The spool was at its bound, and the alert was the oldest that only sinks waited for.
        Spool = "spool-full",
        /// More waited for this sink than its `waiting_max`.
        Waiting = "waiting-max",
        /// It refused the alert, and already has as many dead letters as are kept.
        Dead = "dead-full",
        /// It refused the count of what was folded, which is kept nowhere else.
        Folded = "folded-refused",
    }
}

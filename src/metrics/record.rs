//! The record, as series.
//!
//! Enters: how ledger and store stand. Leaves: their series. Never: what an entry says, or a case.

use super::people::raise;
use super::{Metrics, NONE};
use crate::record::{Kind, Lost, State};

impl Metrics {
    /// Takes over the state of the record.
    pub fn record(&self, state: &State) {
        let f = &self.families;
        for kind in Kind::ALL {
            let to = state.entries.at(kind.index());
            raise(&f.ledger_entries, &[kind.label()], to);
        }
        for reason in Lost::ALL {
            let to = state.lost.at(reason.index());
            raise(&f.ledger_lost, &[reason.label()], to);
        }
        raise(&f.ledger_commits, NONE, state.commits);
        raise(&f.ledger_failures, NONE, state.failures);
        raise(&f.ledger_expired, NONE, state.expired);
        raise(&f.store_failures, NONE, state.store_failures);
        let writable = if state.failing.is_some() { 0.0 } else { 1.0 };
        for (family, value) in [
            (&f.ledger_commit_seconds, state.commit.as_secs_f64()),
            (&f.ledger_writable, writable),
            (&f.ledger_size, state.size as f64),
            (&f.ledger_waiting, state.waiting as f64),
            (&f.store_behind, state.store_behind as f64),
        ] {
            family.with_label_values(NONE).set(value);
        }
    }
}

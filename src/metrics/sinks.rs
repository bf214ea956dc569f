//! Sinks beside the hit log and Alertmanager, as series.
//!
//! Enters: the state of each sink. Leaves: its series, under the names that all sinks share and under
//! those of their own. Never: a label value that is not a sink's name of the configuration, of which
//! there are sixteen at most.

use super::Metrics;
use super::families::Families;
use crate::alerts::sinks::Lost;
use crate::alerts::{Reason, SinkState};
use crate::base::Counters;

impl Metrics {
    /// Takes over the state of the sinks; `old` is the one before, of the same outbox.
    pub(super) fn sinks(&self, new: &[SinkState], old: Option<&[SinkState]>) {
        for state in new {
            let old = old.unwrap_or_default();
            let old = old.iter().find(|it| it.name == state.name);
            one(&self.families, state, old);
        }
    }
}

fn one(f: &Families, state: &SinkState, old: Option<&SinkState>) {
    let name = state.name.as_str();
    let empty = Counters::default();
    let was = |of: fn(&SinkState) -> u64| old.map_or(0, of);
    for (family, new, old) in [
        (&f.alerts_delivered, state.sent, was(|it| it.sent)),
        (&f.sink_folded, state.folded, was(|it| it.folded)),
    ] {
        family
            .with_label_values(&[name])
            .inc_by(new.saturating_sub(old));
    }
    for reason in Reason::ALL {
        let at = reason.index();
        let before = old.map_or(&empty, |it| &it.failed).at(at);
        f.alert_attempts_failed
            .with_label_values(&[name, reason.label()])
            .inc_by(state.failed.at(at).saturating_sub(before));
    }
    for lost in Lost::ALL {
        let at = lost.index();
        let before = old.map_or(&empty, |it| &it.lost).at(at);
        f.sink_lost
            .with_label_values(&[name, lost.label()])
            .inc_by(state.lost.at(at).saturating_sub(before));
    }
    let failing = u64::from(state.failing.is_some());
    for (family, value) in [
        (&f.alerts_waiting, state.waiting),
        (&f.alerts_oldest, state.oldest_seconds),
        (&f.sink_dead, state.dead),
        (&f.sink_failing, failing),
    ] {
        family.with_label_values(&[name]).set(value as f64);
    }
}

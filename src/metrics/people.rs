//! Numbers of identity, feeds and evidence: how much is known, never about whom.
//!
//! Enters: the states of those stages. Leaves: series. Never: a label that a person could be told
//! by (feeds are named by the operator).

use prometheus::IntCounterVec;

use super::{Metrics, NONE};
use crate::base::{Counters, Repeat};
use crate::cases::{Counts, Lost};
use crate::feeds::FeedState;
use crate::hits::FrameFate;
use crate::identity::{Refusal, State};

impl Metrics {
    /// Takes over the state of identity.
    pub fn identity(&self, state: &State) {
        let f = &self.families;
        for reason in Refusal::ALL {
            let to = state.refused.at(reason.index());
            raise(&f.identity_refused, &[reason.label()], to);
        }
        raise(&f.identity_evicted, NONE, state.evicted);
        raise(&f.identity_ambiguous, NONE, state.ambiguous);
        raise(&f.identity_disputed, NONE, state.disputed);
        for (family, value) in [
            (&f.identity_intervals, state.intervals),
            (&f.identity_translations, state.translations),
        ] {
            family.with_label_values(NONE).set(value as f64);
        }
    }

    /// Takes over what was recognised as seen before.
    pub fn repeated(&self, counts: &Counters) {
        for what in Repeat::ALL {
            let to = counts.at(what.index());
            raise(&self.families.repeated, &[what.label()], to);
        }
    }

    /// Takes over what cases lost at their bounds.
    pub fn evidence_lost(&self, counts: &Counts) {
        for (what, count) in Lost::ALL.iter().zip(counts.lost) {
            raise(&self.families.case_evidence_lost, &[what.label()], count);
        }
    }

    /// Takes over what became of the frames of hits.
    pub fn frames(&self, fates: &Counters) {
        for fate in FrameFate::ALL {
            let to = fates.at(fate.index());
            raise(&self.families.hit_frames, &[fate.label()], to);
        }
    }

    /// Takes over the states of the feeds.
    pub fn feeds(&self, states: &[FeedState]) {
        let f = &self.families;
        for state in states {
            let feed = state.name.as_str();
            for (what, count) in [
                ("lines", state.lines),
                ("events", state.events),
                ("malformed", state.malformed),
                ("dropped", state.dropped),
            ] {
                raise(&f.feed_lines, &[feed, what], count);
            }
            let last = state.last.map_or(0, |time| time.nanos() / 1_000_000_000);
            for (family, value) in [
                (&f.feed_open, u64::from(state.open) as f64),
                (&f.feed_lag, state.lag_bytes as f64),
                (&f.feed_read, last as f64),
            ] {
                family.with_label_values(&[feed]).set(value);
            }
        }
    }
}

/// Up to a count that is kept elsewhere.
pub(super) fn raise(family: &IntCounterVec, labels: &[&str], to: u64) {
    let counter = family.with_label_values(labels);
    counter.inc_by(to.saturating_sub(counter.get()));
}

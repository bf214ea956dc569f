//! Cases, alerts and their files, as series.
//!
//! Enters: open cases counted, the state of the case file and of the outbox. Leaves: their series.
//! Never: a case, a subject or a place in a label.

use std::collections::BTreeMap;

use super::{Metrics, NONE, bounded};
use crate::alerts::{self, Reason, Sink};
use crate::base::Counters;
use crate::blocklist::Stage;
use crate::casefile;
use crate::cases::Counts;
use crate::hits::FrameFate;
use crate::organisation::Standing;

/// The stages that a case may reach with a vendor of whom `highest` can be proved.
fn up_to(highest: Stage) -> impl Iterator<Item = Stage> {
    // Where one host carries everything, its own stage stands in for those above `visited`.
    let shared = [Stage::AccountOrRightsRequest, Stage::AccountOrLogin];
    Stage::ALL
        .iter()
        .copied()
        .filter(move |stage| *stage == highest || (*stage < highest && !shared.contains(stage)))
}

impl Metrics {
    /// Declares at 0 the cases that the vendors of the list in force may come to: each with the
    /// highest stage that can be proved of it.
    pub fn provable<'v>(&self, vendors: impl IntoIterator<Item = (&'v str, Stage)>) {
        let mut memory = self.memory();
        for (vendor, highest) in vendors {
            let vendor = bounded(&mut memory.vendors, vendor);
            for stage in up_to(highest) {
                for standing in Standing::ALL {
                    let labels = &[vendor, stage.label(), standing.label()];
                    let _ = self.families.cases.with_label_values(labels);
                }
            }
        }
    }

    /// Takes over the number of open cases.
    pub fn cases(&self, counts: &Counts) {
        let mut memory = self.memory();
        let old = std::mem::replace(&mut memory.cases, counts.open.clone());
        let gone = old.keys().filter(|key| !counts.open.contains_key(*key));
        let mut sums: BTreeMap<[&str; 3], u64> = BTreeMap::new();
        let none = gone.map(|key| (key, 0));
        for ((vendor, stage, standing), count) in
            none.chain(counts.open.iter().map(|(key, count)| (key, *count)))
        {
            // Beyond the bound several vendors share a label.
            let vendor = bounded(&mut memory.vendors, vendor);
            *sums
                .entry([vendor, stage.label(), standing.label()])
                .or_default() += count;
        }
        for (labels, count) in sums {
            self.families
                .cases
                .with_label_values(&labels)
                .set(count as f64);
        }
    }

    /// Takes over the state of the case file.
    pub fn casefile(&self, state: &casefile::State) {
        let mut memory = self.memory();
        let f = &self.families;
        // Fewer writes than before: another one, opened anew.
        let old = memory
            .casefile
            .replace(state.clone())
            .filter(|old| old.writes <= state.writes)
            .unwrap_or_default();
        for (family, new, old) in [
            (&f.casefile_writes, state.writes, old.writes),
            (&f.casefile_failures, state.failures, old.failures),
            (&f.casefile_torn_lines, state.torn_lines, old.torn_lines),
            (
                &f.casefile_broken_lines,
                state.broken_lines,
                old.broken_lines,
            ),
            (&f.casefile_rewrites, state.rewrites, old.rewrites),
            (&f.casefile_deleted, state.deleted, old.deleted),
        ] {
            family
                .with_label_values(NONE)
                .inc_by(new.saturating_sub(old));
        }
        let writable = if state.failing.is_some() { 0.0 } else { 1.0 };
        for (family, value) in [
            (&f.casefile_cases, state.cases as f64),
            (&f.casefile_bytes, state.bytes as f64),
            (&f.casefile_writable, writable),
        ] {
            family.with_label_values(NONE).set(value);
        }
    }

    /// Takes over the state of the outbox.
    pub fn outbox(&self, state: &alerts::State) {
        let mut memory = self.memory();
        let f = &self.families;
        let size = |state: &alerts::State| {
            let sinks: u64 = state.sinks.iter().map(|it| it.sent).sum();
            state.raised.total() + state.delivered.total() + sinks
        };
        let old = memory
            .outbox
            .replace(state.clone())
            .filter(|old| size(old) <= size(state));
        let empty = Counters::default();
        let was = |of: fn(&alerts::State) -> &Counters| old.as_ref().map_or(&empty, of);
        for stage in Stage::ALL {
            let labels = &[stage.label()];
            let at = stage.index();
            let added = state
                .raised
                .at(at)
                .saturating_sub(was(|s| &s.raised).at(at));
            f.alerts.with_label_values(labels).inc_by(added);
            let added = state
                .retracted
                .at(at)
                .saturating_sub(was(|s| &s.retracted).at(at));
            f.alerts_retracted.with_label_values(labels).inc_by(added);
        }
        for sink in Sink::ALL {
            let labels = &[sink.label()];
            let at = sink.index();
            let added = state
                .delivered
                .at(at)
                .saturating_sub(was(|s| &s.delivered).at(at));
            f.alerts_delivered.with_label_values(labels).inc_by(added);
            f.alerts_waiting
                .with_label_values(labels)
                .set(state.waiting.at(at) as f64);
            f.alerts_oldest
                .with_label_values(labels)
                .set(state.oldest_seconds.at(at) as f64);
        }
        for reason in Reason::ALL {
            let at = reason.index();
            let added = state
                .failed
                .at(at)
                .saturating_sub(was(|s| &s.failed).at(at));
            f.alert_attempts_failed
                .with_label_values(&[Sink::Alertmanager.label(), reason.label()])
                .inc_by(added);
        }
        for (family, new, old) in [
            (
                &f.alerts_refused,
                state.refused,
                old.as_ref().map_or(0, |s| s.refused),
            ),
            (
                &f.alert_write_failures,
                state.failures,
                old.as_ref().map_or(0, |s| s.failures),
            ),
        ] {
            family
                .with_label_values(NONE)
                .inc_by(new.saturating_sub(old));
        }
        for (family, value) in [
            (&f.alerts_standing, state.standing),
            (&f.alerts_dead, state.dead),
            (&f.alert_spool_bytes, state.spool_bytes),
        ] {
            family.with_label_values(NONE).set(value as f64);
        }
        self.sinks(&state.sinks, old.as_ref().map(|old| old.sinks.as_slice()));
    }
}

/// Declares at 0 what hangs on closed sets.
pub(super) fn declare(metrics: &super::families::Families) {
    for stage in Stage::ALL {
        for family in [&metrics.alerts, &metrics.alerts_retracted] {
            family.with_label_values(&[stage.label()]).inc_by(0);
        }
    }
    for fate in FrameFate::ALL {
        let labels = &[fate.label()];
        metrics.hit_frames.with_label_values(labels).inc_by(0);
    }
    for sink in Sink::ALL {
        metrics
            .alerts_delivered
            .with_label_values(&[sink.label()])
            .inc_by(0);
        for family in [&metrics.alerts_waiting, &metrics.alerts_oldest] {
            family.with_label_values(&[sink.label()]).set(0.0);
        }
    }
    for reason in Reason::ALL {
        metrics
            .alert_attempts_failed
            .with_label_values(&[Sink::Alertmanager.label(), reason.label()])
            .inc_by(0);
    }
}

//! The desk: hands what the sensor tells from stage to stage.
//!
//! Enters: [`Event`]s and the passing of time. Leaves: [`Record`]s for the hit log, and counts.
//! Never: touches a file, a socket or the clock; takes a hit on trust.

mod casework;

use std::sync::Arc;

use crate::base::Timestamp;
use crate::event::Event;
use crate::hits::log::LogState;
use crate::hits::{Finding, Folder, Record, Scribe, scribe};
use crate::metrics::{Metrics, Readiness};

pub use casework::Casework;

/// Where the time comes from that closes folding windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Packets come as they happen: the wall clock closes windows too, when traffic rests.
    Live,
    /// Packets come from files: packet time alone, so that each replay folds alike.
    Replay,
}

/// Folds, writes down and counts.
pub struct Desk {
    folder: Folder,
    scribe: Scribe,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    clock: Clock,
    findings: Vec<Finding>,
}

impl Desk {
    /// Ties the stages together.
    pub fn new(
        folder: Folder,
        scribe: Scribe,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
        clock: Clock,
    ) -> Self {
        Self {
            folder,
            scribe,
            metrics,
            readiness,
            clock,
            findings: Vec::new(),
        }
    }

    /// Takes one event at `now` (wall clock); appends to `out` the records that it makes ripe.
    pub fn take(&mut self, event: Event, now: Timestamp, out: &mut Vec<Record>) {
        if let Event::Hit(hit) = &event
            && !scribe::is_plausible(hit)
        {
            self.metrics.implausible_hit();
            return;
        }
        self.metrics.observe(&event, now);
        self.readiness.observe(&event);
        match event {
            Event::Hit(hit) => self.folder.take(*hit, &mut self.findings),
            Event::Stats(stats) => {
                self.folder
                    .tick(Timestamp(stats.packet_time), &mut self.findings);
            }
            Event::ListRefused(why) => {
                tracing::error!("the new list was refused, the old one stays in force: {why}");
                return;
            }
            Event::ListLoaded(list) | Event::Ready(list) => {
                tracing::info!(version = %list.version, rules = list.rules,
                    vendors = list.vendors, "the list is in force");
                return;
            }
            Event::SourceEnded(point) => {
                tracing::info!(%point, "the source came to its end");
                return;
            }
            Event::Burst(_)
            | Event::Support(_)
            | Event::Mail(_)
            | Event::Fact(_)
            | Event::Translation(_) => return,
        }
        self.write(out);
    }

    /// What time brings: closes windows that have run out by `now` (wall clock). To be called about
    /// once a second.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Record>) {
        if self.clock == Clock::Live {
            self.folder.tick(now, &mut self.findings);
            self.write(out);
        }
    }

    /// Closes every window: at the end.
    pub fn flush(&mut self, out: &mut Vec<Record>) {
        self.folder.flush(&mut self.findings);
        self.write(out);
    }

    /// Shows the state of the hit log to metrics and readiness. To be called about once a second.
    pub fn hit_log(&self, state: &LogState) {
        self.metrics.hit_log(state);
        self.readiness.hit_log(state);
    }

    /// The sensor process has ended.
    pub fn sensor_gone(&self, why: &str) {
        self.metrics.sensor_gone();
        self.readiness.sensor_gone(why);
    }

    fn write(&mut self, out: &mut Vec<Record>) {
        for finding in self.findings.drain(..) {
            self.metrics.finding(&finding);
            out.push(self.scribe.record(&finding));
        }
        self.metrics.folder(&self.folder);
    }
}

#[cfg(test)]
mod tests;

//! What the program counts, as Prometheus reads it.
//!
//! Enters: [`Event`]s of the sensor, the state of the hit log, of the record, of cases and alerts. Leaves: the pages of [`http`]. Never:
//! a person in a label (labels come from closed sets, the config and the list), a series that
//! appears only when something went wrong (each is declared at 0).
//!
//! [`families`] is the one table of names, labels and help texts; `docs/metrics.md` is held against
//! it by a test. The sensor's counters are cumulative per worker; what a new snapshot adds to the
//! one before is added here, so that the totals survive a restart of the sensor.

mod casework;
pub mod console;
mod people;
mod record;
pub mod families;
pub mod http;
pub mod ready;
mod sinks;
mod snapshot;
pub mod web;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::{Encoder, Registry, TextEncoder};

use crate::base::seen::closed_set;
use crate::base::{Counters, Repeat, Timestamp};
use crate::blocklist::Stage;
use crate::event::{Event, Guard, Hit, ListInfo, Stats};
use crate::hits::log::{LogState, Lost, Operation};
use crate::hits::{Finding, Folder};
use crate::organisation::Standing;
use families::Families;
use snapshot::seconds;
pub(crate) use snapshot::went_back;

pub use ready::Readiness;

/// Most interfaces, and most vendors, that get a label of their own; more become [`OTHER`]. The
/// sensor parses hostile bytes: it must not be able to fill the desk's memory with labels.
const LABELS_MAX: usize = 4096;
/// The label value of all that is beyond the bound.
const OTHER: &str = "other";

/// All metrics of the desk.
pub struct Metrics {
    registry: Registry,
    families: Families,
    memory: Mutex<Memory>,
}

/// What is needed to turn snapshots into increments, and to take old labels away.
#[derive(Default)]
struct Memory {
    workers: HashMap<(u16, String), Stats>,
    interfaces: HashSet<String>,
    vendors: HashSet<String>,
    list_version: Option<String>,
    log: Option<LogState>,
    folded: u64,
    closed_early: u64,
    cases: BTreeMap<(String, Stage, Standing), u64>,
    casefile: Option<crate::casefile::State>,
    outbox: Option<crate::alerts::State>,
}

closed_set! {
    /// Our processes, as a label.
    Process {
        /// Parses what comes from the wire.
        Sensor = "sensor",
        /// Holds the keys.
        Desk = "desk",
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Every family registered, every series whose labels are known declared at 0, and the
    /// process collector.
    pub fn new() -> Self {
        let registry = Registry::new();
        let families = Families::new(&registry);
        // Fails only for a name registered twice, which a test would see.
        let process = prometheus::process_collector::ProcessCollector::for_self();
        let _ = registry.register(Box::new(process));
        declare(&families);
        let metrics = Self {
            registry,
            families,
            memory: Mutex::default(),
        };
        metrics.add_sets(&Stats::default(), &Stats::default());
        for process in Process::ALL {
            metrics.confined(*process, &[]);
        }
        metrics.identity(&crate::identity::State::default());
        metrics.evidence_lost(&crate::cases::Counts::default());
        metrics.record(&crate::record::State::default());
        metrics.declare_console();
        metrics
    }

    /// The families, for what the daemon counts itself.
    pub fn families(&self) -> &Families {
        &self.families
    }

    /// Declares the series of one worker at 0, before its first snapshot.
    pub fn declare_worker(&self, worker: u16, interface: &str) {
        let mut memory = self.memory();
        let stats = Stats {
            worker,
            point: interface.into(),
            // Until it tells otherwise.
            blind: true,
            ..Stats::default()
        };
        let interface = bounded(&mut memory.interfaces, interface);
        self.add_snapshot(&stats, &Stats::default(), interface);
    }

    /// Counts one event of the sensor; `now` is the wall clock.
    pub fn observe(&self, event: &Event, now: Timestamp) {
        let reloads = &self.families.list_reloads;
        match event {
            Event::Ready(list) => {
                self.families.sensor_up.with_label_values(NONE).set(1.0);
                self.list(list, now);
            }
            Event::ListLoaded(list) => {
                reloads.with_label_values(&["loaded"]).inc();
                self.list(list, now);
            }
            Event::ListRefused(_) => reloads.with_label_values(&["refused"]).inc(),
            Event::Hit(hit) => self.hit(hit),
            Event::Stats(stats) => self.stats(stats),
            Event::SourceEnded(_) => self.families.sources_ended.with_label_values(NONE).inc(),
            Event::Confined(guards) => self.confined(Process::Sensor, guards),
            Event::Burst(_)
            | Event::Support(_)
            | Event::Mail(_)
            | Event::Fact(_)
            | Event::Translation(_) => {}
        }
    }

    /// Counts a finding that became a record.
    pub fn finding(&self, finding: &Finding) {
        let action = match finding {
            Finding::First(_) => "name-seen",
            Finding::Folded(_) => "name-seen-again",
        };
        self.families.hit_records.with_label_values(&[action]).inc();
    }

    /// Counts an event that the desk did not take from the sensor.
    pub fn implausible_event(&self) {
        self.families.events_refused.with_label_values(NONE).inc();
    }

    /// Takes over the folder's counts.
    pub fn folder(&self, folder: &Folder) {
        let mut memory = self.memory();
        let f = &self.families;
        let (folded, early) = (folder.folded(), folder.closed_early());
        f.hits_folded
            .with_label_values(NONE)
            .inc_by(folded.saturating_sub(memory.folded));
        f.fold_windows_closed_early
            .with_label_values(NONE)
            .inc_by(early.saturating_sub(memory.closed_early));
        f.fold_windows
            .with_label_values(NONE)
            .set(folder.len() as f64);
        (memory.folded, memory.closed_early) = (folded, early);
    }

    /// Takes over the state of the hit log.
    pub fn hit_log(&self, state: &LogState) {
        let mut memory = self.memory();
        let f = &self.families;
        // Fewer lines than before: another log, opened anew.
        let old = memory
            .log
            .replace(state.clone())
            .filter(|old| old.lines <= state.lines);
        let added = |of: fn(&LogState) -> u64| of(state).saturating_sub(old.as_ref().map_or(0, of));
        f.hit_log_lines
            .with_label_values(NONE)
            .inc_by(added(|s| s.lines));
        f.hit_log_bytes
            .with_label_values(NONE)
            .inc_by(added(|s| s.bytes));
        f.hit_log_rotations
            .with_label_values(NONE)
            .inc_by(added(|s| s.rotations));
        f.hit_log_reopens
            .with_label_values(NONE)
            .inc_by(added(|s| s.reopens));
        f.hit_log_torn_lines
            .with_label_values(NONE)
            .inc_by(added(|s| s.torn_lines));
        let empty = Counters::default();
        let (errors, lost) = old
            .as_ref()
            .map_or((&empty, &empty), |s| (&s.errors, &s.lost));
        for operation in Operation::ALL {
            let at = operation.index();
            f.hit_log_errors
                .with_label_values(&[operation.label()])
                .inc_by(state.errors.at(at).saturating_sub(errors.at(at)));
        }
        for reason in Lost::ALL {
            let at = reason.index();
            f.hit_records_lost
                .with_label_values(&[reason.label()])
                .inc_by(state.lost.at(at).saturating_sub(lost.at(at)));
        }
        f.hit_log_queue_lines
            .with_label_values(NONE)
            .set(state.queue_lines as f64);
        f.hit_log_queue_bytes
            .with_label_values(NONE)
            .set(state.queue_bytes as f64);
        let writable = if state.failing.is_some() { 0.0 } else { 1.0 };
        f.hit_log_writable.with_label_values(NONE).set(writable);
        if let Some(free) = state.free_bytes {
            f.hit_log_free_bytes
                .with_label_values(NONE)
                .set(free as f64);
        }
    }

    /// The number of prefixes that the config excludes.
    pub fn excluded_prefixes(&self, prefixes: usize) {
        self.families
            .excluded_prefixes
            .with_label_values(NONE)
            .set(prefixes as f64);
    }

    /// Which guards were seen to hold for one of our processes.
    pub fn confined(&self, process: Process, guards: &[Guard]) {
        for guard in Guard::ALL {
            let holds = f64::from(u8::from(guards.contains(guard)));
            let labels = [process.label(), guard.label()];
            self.families.confined.with_label_values(&labels).set(holds);
        }
    }

    /// The sensor process is gone; its next snapshots begin at 0.
    pub fn sensor_gone(&self) {
        self.confined(Process::Sensor, &[]);
        self.families.sensor_up.with_label_values(NONE).set(0.0);
        self.memory().workers.clear();
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics cannot be written as text");
        }
        String::from_utf8(text).unwrap_or_default()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Counters hold no invariant that a panic elsewhere could break.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hit(&self, hit: &Hit) {
        let mut memory = self.memory();
        let vendor = bounded(&mut memory.vendors, &hit.rule.vendor);
        self.families.vendor_hits.with_label_values(&[vendor]).inc();
    }

    /// Each vendor of the list in force gets a series at 0. Vendors that left it keep theirs: their
    /// past hits stay true.
    fn list(&self, list: &ListInfo, now: Timestamp) {
        let mut memory = self.memory();
        let f = &self.families;
        // One version at a time, or each reload would leave a series behind.
        if let Some(old) = memory.list_version.replace(list.version.clone()) {
            let _ = f.list_info.remove_label_values(&[&old]);
        }
        for vendor in &list.vendor_ids {
            let vendor = bounded(&mut memory.vendors, vendor);
            f.vendor_hits.with_label_values(&[vendor]).inc_by(0);
        }
        f.list_info.with_label_values(&[&list.version]).set(1.0);
        f.list_rules.with_label_values(NONE).set(list.rules as f64);
        f.list_vendors
            .with_label_values(NONE)
            .set(list.vendors as f64);
        f.list_modified
            .with_label_values(NONE)
            .set(list.modified as f64);
        f.list_loaded
            .with_label_values(NONE)
            .set(seconds(now.nanos()));
    }

    fn stats(&self, new: &Stats) {
        let mut memory = self.memory();
        let key = (new.worker, new.point.clone());
        if memory.workers.len() >= LABELS_MAX && !memory.workers.contains_key(&key) {
            return;
        }
        let old = memory.workers.insert(key, new.clone()).unwrap_or_default();
        // Counters that went back belong to a worker that began anew.
        let old = if went_back(&old, new) {
            Stats::default()
        } else {
            old
        };
        let interface = bounded(&mut memory.interfaces, &new.point);
        self.add_snapshot(new, &old, interface);
    }
}

/// The labels of a family without labels.
const NONE: &[&str] = &[];

/// `value` as a label while there is room in `known`, else [`OTHER`].
fn bounded<'v>(known: &mut HashSet<String>, value: &'v str) -> &'v str {
    if known.contains(value) {
        return value;
    }
    if known.len() >= LABELS_MAX {
        return OTHER;
    }
    known.insert(value.into());
    value
}

/// Declares at 0 what does not hang on config or list.
fn declare(families: &Families) {
    for label in ["loaded", "refused"] {
        families.list_reloads.with_label_values(&[label]).inc_by(0);
    }
    for label in ["name-seen", "name-seen-again"] {
        families.hit_records.with_label_values(&[label]).inc_by(0);
    }
    for operation in Operation::ALL {
        families
            .hit_log_errors
            .with_label_values(&[operation.label()])
            .inc_by(0);
    }
    for what in Repeat::ALL {
        families
            .repeated
            .with_label_values(&[what.label()])
            .inc_by(0);
    }
    for reason in Lost::ALL {
        families
            .hit_records_lost
            .with_label_values(&[reason.label()])
            .inc_by(0);
    }
    for (page, code) in http::ANSWERS {
        families
            .http_requests
            .with_label_values(&[*page, *code])
            .inc_by(0);
    }
    casework::declare(families);
    families
        .build_info
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1.0);
}

#[cfg(test)]
mod tests;

//! What the program counts, as Prometheus reads it.
//!
//! Enters: [`Event`]s of the sensor, the state of the hit log. Leaves: the pages of [`http`]. Never:
//! a person in a label (labels come from closed sets, the config and the list), a series that
//! appears only when something went wrong (each is declared at 0).
//!
//! [`families`] is the one table of names, labels and help texts; `docs/metrics.md` is held against
//! it by a test. The sensor's counters are cumulative per worker; what a new snapshot adds to the
//! one before is added here, so that the totals survive a restart of the sensor.

pub mod families;
pub mod http;
pub mod ready;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::{Encoder, Registry, TextEncoder};

use crate::base::{Counters, Outcome, Seen, Timestamp, Transport};
use crate::decode;
use crate::event::{Event, Hit, ListInfo, LocalNames, Stats};
use crate::hits::log::{LogState, Lost, Operation};
use crate::hits::{Finding, Folder};
use crate::names;
use families::Families;

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
            ..Stats::default()
        };
        let interface = bounded(&mut memory.interfaces, interface);
        self.add_snapshot(&stats, &Stats::default(), interface);
    }

    /// Declares a series at 0 for each vendor of the list in force. Vendors that left the list keep
    /// theirs: their past hits stay true.
    pub fn declare_vendors<'v>(&self, vendors: impl IntoIterator<Item = &'v str>) {
        let mut memory = self.memory();
        for vendor in vendors {
            let vendor = bounded(&mut memory.vendors, vendor);
            self.families
                .vendor_hits
                .with_label_values(&[vendor])
                .inc_by(0);
        }
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

    /// Counts a hit that the desk did not take from the sensor.
    pub fn implausible_hit(&self) {
        self.families.hits_refused.with_label_values(NONE).inc();
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

    /// The sensor process is gone; its next snapshots begin at 0.
    pub fn sensor_gone(&self) {
        self.families.sensor_up.with_label_values(NONE).set(0.0);
        self.memory().workers.clear();
    }

    /// The sensor process was started again.
    pub fn sensor_restarted(&self) {
        self.families.sensor_restarts.with_label_values(NONE).inc();
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

    fn list(&self, list: &ListInfo, now: Timestamp) {
        let mut memory = self.memory();
        let f = &self.families;
        // One version at a time, or each reload would leave a series behind.
        if let Some(old) = memory.list_version.replace(list.version.clone()) {
            let _ = f.list_info.remove_label_values(&[&old]);
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

    fn add_snapshot(&self, new: &Stats, old: &Stats, interface: &str) {
        let f = &self.families;
        let added = |of: fn(&Stats) -> u64| of(new).saturating_sub(of(old));
        let here = &[interface];
        f.frames.with_label_values(here).inc_by(added(|s| s.frames));
        f.wire_bytes
            .with_label_values(here)
            .inc_by(added(|s| s.wire_bytes));
        f.excluded_frames
            .with_label_values(here)
            .inc_by(added(|s| s.excluded));
        f.cut_short_frames
            .with_label_values(here)
            .inc_by(added(|s| s.cut_short));
        f.kernel_dropped_frames
            .with_label_values(here)
            .inc_by(added(|s| s.kernel_drops));
        f.ring_freezes
            .with_label_values(here)
            .inc_by(added(|s| s.ring_freezes));
        f.interface_errors
            .with_label_values(here)
            .inc_by(added(|s| s.interface_errors));
        f.allowed_names
            .with_label_values(NONE)
            .inc_by(added(|s| s.allowed));
        f.events_dropped
            .with_label_values(NONE)
            .inc_by(added(|s| s.events_dropped));
        f.pool_copied_bytes
            .with_label_values(NONE)
            .inc_by(added(|s| s.pool_copied_bytes));
        f.pool_empty
            .with_label_values(NONE)
            .inc_by(added(|s| s.pool_empty));
        self.add_sets(new, old);
        let worker = new.worker.to_string();
        let worker = &[worker.as_str(), interface];
        f.flows.with_label_values(worker).set(new.flows as f64);
        f.worker_heartbeat
            .with_label_values(worker)
            .set(new.heartbeat as f64);
        f.worker_packet
            .with_label_values(worker)
            .set(seconds(new.packet_time));
    }

    /// The counters that go along a closed set.
    fn add_sets(&self, new: &Stats, old: &Stats) {
        let f = &self.families;
        let sets = [
            (
                &f.malformed_frames,
                labels(decode::Malformed::ALL, decode::Malformed::label),
                &new.decode_malformed,
                &old.decode_malformed,
            ),
            (
                &f.ignored_frames,
                labels(decode::NotForUs::ALL, decode::NotForUs::label),
                &new.decode_not_for_us,
                &old.decode_not_for_us,
            ),
            (
                &f.fragments,
                labels(decode::FragmentFate::ALL, decode::FragmentFate::label),
                &new.fragments,
                &old.fragments,
            ),
            (
                &f.malformed_messages,
                labels(names::Malformed::ALL, names::Malformed::label),
                &new.names_malformed,
                &old.names_malformed,
            ),
            (
                &f.names,
                labels(Seen::ALL, Seen::label),
                &new.names,
                &old.names,
            ),
            (
                &f.local_names,
                labels(LocalNames::ALL, LocalNames::label),
                &new.local_names,
                &old.local_names,
            ),
            (
                &f.hits,
                labels(Seen::ALL, Seen::label),
                &new.hits,
                &old.hits,
            ),
            (
                &f.context_names,
                labels(Seen::ALL, Seen::label),
                &new.context,
                &old.context,
            ),
        ];
        for (family, labels, new, old) in sets {
            for (at, label) in labels.into_iter().enumerate() {
                let added = new.at(at).saturating_sub(old.at(at));
                family.with_label_values(&[label]).inc_by(added);
            }
        }
        for (at, (transport, outcome)) in connection_labels().enumerate() {
            let added = new
                .connections
                .at(at)
                .saturating_sub(old.connections.at(at));
            f.connections
                .with_label_values(&[transport, outcome])
                .inc_by(added);
        }
    }
}

/// The labels of a family without labels.
const NONE: &[&str] = &[];

/// Labels of a closed set, in order.
fn labels<T: Copy>(all: &[T], label: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|member| label(*member)).collect()
}

/// Labels of [`Stats::connections`], in its order.
fn connection_labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    // A connection over UDP is a QUIC one.
    [Transport::Tcp, Transport::Udp]
        .into_iter()
        .flat_map(|transport| {
            let transport = match transport {
                Transport::Tcp => "tcp",
                Transport::Udp => "quic",
            };
            Outcome::ALL
                .iter()
                .map(move |outcome| (transport, outcome.label()))
        })
}

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

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// Did any counter fall? Then the worker began anew. (Heartbeat, packet time and the number of
/// flows are no counters.)
fn went_back(old: &Stats, new: &Stats) -> bool {
    let plain: [fn(&Stats) -> u64; 11] = [
        |s| s.frames,
        |s| s.wire_bytes,
        |s| s.excluded,
        |s| s.cut_short,
        |s| s.allowed,
        |s| s.events_dropped,
        |s| s.pool_copied_bytes,
        |s| s.pool_empty,
        |s| s.kernel_drops,
        |s| s.ring_freezes,
        |s| s.interface_errors,
    ];
    let sets: [fn(&Stats) -> &Counters; 9] = [
        |s| &s.decode_malformed,
        |s| &s.decode_not_for_us,
        |s| &s.fragments,
        |s| &s.names_malformed,
        |s| &s.names,
        |s| &s.local_names,
        |s| &s.connections,
        |s| &s.hits,
        |s| &s.context,
    ];
    plain.iter().any(|of| of(new) < of(old))
        || sets.iter().any(|of| of(new).total() < of(old).total())
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
    families
        .build_info
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1.0);
}

#[cfg(test)]
mod tests;

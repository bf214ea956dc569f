//! How the daemon stands, in one JSON object: `poortwacht status --json`.
//!
//! Enters: the text of the metrics, readiness, the wall clock. Leaves: [`Status`]. Never: an address, a
//! name of a person, a name that was seen: nothing that `/metrics` does not say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pages::Figures;
use crate::base::{Outcome, Timestamp};

/// A worker that was silent for longer does not live, in seconds.
const SILENT_MAX_S: f64 = 15.0;

/// How the daemon stands. Counts are of its whole life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// RFC 3339, UTC.
    pub time: String,
    /// Of the program.
    pub version: String,
    /// As `/readyz` says it.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Frames seen.
    pub frames: u64,
    /// Their bytes on the wire.
    pub wire_bytes: u64,
    /// Lost, by place.
    pub drops: Drops,
    /// Of all new connections, how many could be named, 0 to 1; none while there are none.
    pub readable_share: Option<f64>,
    /// Hits, and what they led to.
    pub hits: u64,
    /// Cases by stage and standing, as `stage/standing`, without empty ones.
    pub cases: BTreeMap<String, u64>,
    /// What waits.
    pub waiting: Waiting,
    /// Each worker.
    pub workers: Vec<Worker>,
    /// The list in force.
    pub list: List,
    /// The record.
    pub ledger: Ledger,
    /// By process and guard: was it tried, and did it hold?
    pub sandbox: BTreeMap<String, BTreeMap<String, bool>>,
}

/// What was lost, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drops {
    /// Frames: no room in the ring.
    pub kernel: u64,
    /// Frames: errors and drops of the interface.
    pub interface: u64,
    /// Events between sensor and desk.
    pub events: u64,
    /// Records of the hit log.
    pub records: u64,
}

/// What waits, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Entries for the ledger.
    pub ledger: u64,
    /// Lines for the hit log.
    pub hit_log: u64,
    /// Alerts for their sink.
    pub alerts: u64,
    /// Alerts that a sink refused for good.
    pub alerts_dead: u64,
}

/// One worker of the sensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Its number.
    pub worker: String,
    /// Seconds since it was heard of; none: never.
    pub silent_seconds: Option<f64>,
    /// Was it heard of lately?
    pub live: bool,
}

/// The list in force.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// Its rules.
    pub rules: u64,
    /// Days since its newest change.
    pub age_days: f64,
}

/// The record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Entries.
    pub size: u64,
    /// Can it be written?
    pub writable: bool,
    /// Entries that the store lacks yet.
    pub store_behind: u64,
}

impl Status {
    /// Of the text of the metrics, at `now`; `reasons` say why it is not ready.
    pub fn of(metrics: &str, reasons: Vec<String>, now: Timestamp) -> Self {
        let of = Figures::of(metrics);
        let now_s = now.nanos() as f64 / 1e9;
        let one = |name: &str| whole(of.value(name));
        let sum = |name: &str| whole(of.sum(name));
        let workers = of.each("poortwacht_worker_heartbeat_timestamp_seconds", "worker");
        let workers = workers.into_iter().map(|(worker, beat)| {
            let silent = (beat > 0.0).then(|| (now_s - beat).max(0.0));
            Worker {
                worker,
                silent_seconds: silent,
                live: silent.is_some_and(|age| age < SILENT_MAX_S),
            }
        });
        let modified = of.value("poortwacht_list_modified_timestamp_seconds");
        Self {
            time: now.to_string(),
            version: env!("CARGO_PKG_VERSION").into(),
            ready: reasons.is_empty(),
            reasons,
            frames: sum("poortwacht_frames_total"),
            wire_bytes: sum("poortwacht_wire_bytes_total"),
            drops: Drops {
                kernel: sum("poortwacht_kernel_dropped_frames_total"),
                interface: sum("poortwacht_interface_errors_total"),
                events: sum("poortwacht_events_dropped_total"),
                records: sum("poortwacht_hit_records_lost_total"),
            },
            readable_share: readable_share(&of),
            hits: sum("poortwacht_hits_total"),
            cases: cases(&of),
            waiting: Waiting {
                ledger: one("poortwacht_ledger_waiting"),
                hit_log: one("poortwacht_hit_log_queue_lines"),
                alerts: sum("poortwacht_alerts_waiting"),
                alerts_dead: sum("poortwacht_alerts_dead"),
            },
            workers: workers.collect(),
            list: List {
                rules: one("poortwacht_list_rules"),
                age_days: ((now_s - modified) / 86_400.0).max(0.0),
            },
            ledger: Ledger {
                size: one("poortwacht_ledger_size"),
                writable: of.value("poortwacht_ledger_writable") > 0.0,
                store_behind: one("poortwacht_store_behind_entries"),
            },
            sandbox: sandbox(&of),
        }
    }
}

fn whole(value: f64) -> u64 {
    // Counts of our own: never negative, and far below 2^53.
    value.max(0.0) as u64
}

/// The share of connections that could be named, as the alert rules take it.
fn readable_share(of: &Figures) -> Option<f64> {
    let by_outcome = of.each("poortwacht_connections_total", "outcome");
    let sum = |wanted: &dyn Fn(&str) -> bool| -> f64 {
        let each = by_outcome.iter().filter(|(outcome, _)| wanted(outcome));
        each.map(|(_, count)| count).sum()
    };
    let named = sum(&|outcome| outcome == Outcome::Named.label());
    let all = sum(&|_| true);
    (all > 0.0).then(|| named / all)
}

fn cases(of: &Figures) -> BTreeMap<String, u64> {
    let mut cases = BTreeMap::new();
    for (labels, value) in of.labelled("poortwacht_cases") {
        let (Some(stage), Some(standing)) = (labels.get("stage"), labels.get("standing")) else {
            continue;
        };
        if value > 0.0 {
            *cases.entry(format!("{stage}/{standing}")).or_default() += whole(value);
        }
    }
    cases
}

fn sandbox(of: &Figures) -> BTreeMap<String, BTreeMap<String, bool>> {
    let mut sandbox: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for (labels, value) in of.labelled("poortwacht_confined") {
        if let (Some(process), Some(guard)) = (labels.get("process"), labels.get("guard")) {
            let guards = sandbox.entry(process.clone()).or_default();
            guards.insert(guard.clone(), value > 0.0);
        }
    }
    sandbox
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# HELP x\n\
        poortwacht_frames_total{interface=\"eth0\"} 100\n\
        poortwacht_frames_total{interface=\"eth1\"} 20\n\
        poortwacht_kernel_dropped_frames_total{interface=\"eth0\"} 7\n\
        poortwacht_connections_total{outcome=\"named\",transport=\"tcp\"} 30\n\
        poortwacht_connections_total{outcome=\"named\",transport=\"quic\"} 6\n\
        poortwacht_connections_total{outcome=\"ech\",transport=\"tcp\"} 4\n\
        poortwacht_connections_total{outcome=\"no_payload\",transport=\"tcp\"} 0\n\
        poortwacht_cases{stage=\"visited\",standing=\"unauthorised\"} 2\n\
        poortwacht_cases{stage=\"signed-up\",standing=\"unauthorised\"} 0\n\
        poortwacht_worker_heartbeat_timestamp_seconds{interface=\"eth0\",worker=\"0\"} 100\n\
        poortwacht_worker_heartbeat_timestamp_seconds{interface=\"eth1\",worker=\"1\"} 0\n\
        poortwacht_confined{guard=\"files\",process=\"sensor\"} 1\n\
        poortwacht_confined{guard=\"files\",process=\"desk\"} 0\n\
        poortwacht_ledger_writable 1\n";

    #[test]
    fn figures_become_a_status_and_back() {
        let now = Timestamp::from_secs_nanos(104, 0);
        let status = Status::of(METRICS, vec!["a worker is dead".into()], now);
        assert_eq!(status.time, Timestamp::from_secs_nanos(104, 0).to_string());
        assert!(!status.ready);
        assert_eq!((status.frames, status.drops.kernel), (120, 7));
        assert_eq!(status.readable_share, Some(0.9));
        assert_eq!(
            status.cases,
            BTreeMap::from([("visited/unauthorised".into(), 2)])
        );
        let live: Vec<bool> = status.workers.iter().map(|it| it.live).collect();
        assert_eq!(live, [true, false]);
        assert_eq!(status.workers[0].silent_seconds, Some(4.0));
        assert!(status.sandbox["sensor"]["files"] && !status.sandbox["desk"]["files"]);
        assert!(status.ledger.writable);
        let text = serde_json::to_string(&status).expect("text");
        assert_eq!(serde_json::from_str::<Status>(&text).expect("read"), status);
    }

    #[test]
    fn without_connections_there_is_no_share() {
        let status = Status::of("", Vec::new(), Timestamp::default());
        assert_eq!(status.readable_share, None);
        assert!(status.ready && status.workers.is_empty());
    }
}

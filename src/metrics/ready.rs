//! Is the watch at the gate awake? What `/readyz` answers, with reasons.
//!
//! Enters: events of the sensor, the state of hit log, cases and record, the time. Leaves: reasons why not, in
//! words. Never: "ready" before each condition was seen fulfilled once (a latch, not a hope), or
//! while the workers are dead behind a living process.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::Timestamp;
use crate::event::Event;
use crate::hits::log::LogState;

/// Default age beyond which a worker's heartbeat is too old.
pub const HEARTBEAT_AGE_MAX_DEFAULT: Duration = Duration::from_secs(15);
/// Most workers watched.
const WORKERS_MAX: usize = 4096;

/// The conditions of being ready.
pub struct Readiness {
    heartbeat_age_max_s: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sensor_ready: bool,
    sensor_gone: Option<String>,
    workers_expected: usize,
    /// Heartbeat, in seconds since the epoch, by worker and interface.
    heartbeats: HashMap<(u16, String), i64>,
    ended: HashSet<String>,
    /// Interfaces that are down or gone.
    blind: BTreeSet<String>,
    log_open: bool,
    log_failing: Option<String>,
    cases_failing: Option<String>,
    record_failing: Option<String>,
}

impl Readiness {
    /// Not ready yet. Heartbeats older than `heartbeat_age_max` count as dead.
    pub fn new(heartbeat_age_max: Duration) -> Self {
        Self {
            heartbeat_age_max_s: i64::try_from(heartbeat_age_max.as_secs()).unwrap_or(i64::MAX),
            state: Mutex::default(),
        }
    }

    /// Ready only when so many workers have told their counts.
    pub fn expect_workers(&self, workers: usize) {
        self.state().workers_expected = workers;
    }

    /// Takes in one event of the sensor.
    pub fn observe(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Ready(_) => {
                state.sensor_ready = true;
                state.sensor_gone = None;
            }
            Event::Stats(stats) if !state.ended.contains(&stats.point) => {
                if !stats.blind {
                    state.blind.remove(&stats.point);
                } else if state.blind.len() < WORKERS_MAX {
                    state.blind.insert(stats.point.clone());
                }
                let key = (stats.worker, stats.point.clone());
                if state.heartbeats.len() < WORKERS_MAX || state.heartbeats.contains_key(&key) {
                    state.heartbeats.insert(key, stats.heartbeat);
                }
            }
            // A file that was read to its end needs no worker any more.
            Event::SourceEnded(point) if state.ended.len() < WORKERS_MAX => {
                let before = state.heartbeats.len();
                state.heartbeats.retain(|(_, of), _| of != point);
                let gone = before - state.heartbeats.len();
                state.workers_expected = state.workers_expected.saturating_sub(gone.max(1));
                state.ended.insert(point.clone());
            }
            _ => {}
        }
    }

    /// The sensor process has ended.
    pub fn sensor_gone(&self, why: &str) {
        let mut state = self.state();
        state.sensor_ready = false;
        state.sensor_gone = Some(why.into());
        state.heartbeats.clear();
        state.blind.clear();
    }

    /// The hit log is open and stands so.
    pub fn hit_log(&self, log: &LogState) {
        let mut state = self.state();
        state.log_open = true;
        state.log_failing.clone_from(&log.failing);
    }

    /// The record can be written, or not, and why. A store that is behind makes nobody blind.
    pub fn record(&self, record: &crate::record::State) {
        self.state().record_failing.clone_from(&record.failing);
    }

    /// Cases can be written, or not, and why.
    pub fn cases(&self, failing: Option<&str>) {
        self.state().cases_failing = failing.map(str::to_owned);
    }

    /// Why not ready at `now` (wall clock); empty when ready.
    pub fn reasons(&self, now: Timestamp) -> Vec<String> {
        let state = self.state();
        let mut reasons = Vec::new();
        match (&state.sensor_gone, state.sensor_ready) {
            (Some(why), _) => reasons.push(format!("the sensor has ended: {why}")),
            (None, false) => reasons.push(
                "the sensor has not reported yet that its list is loaded and its sources are open"
                    .into(),
            ),
            (None, true) => {}
        }
        let (have, expected) = (state.heartbeats.len(), state.workers_expected);
        if have < expected {
            reasons.push(format!("{have} of {expected} workers have reported"));
        }
        reasons.extend(self.dead_workers(&state, now));
        reasons.extend(
            state.blind.iter().map(|point| {
                format!("interface {point} is down or gone: nothing is captured there")
            }),
        );
        if !state.log_open {
            reasons.push("the hit log is not open yet".into());
        }
        reasons.extend(state.log_failing.clone());
        reasons.extend(state.cases_failing.clone());
        reasons.extend(state.record_failing.clone());
        reasons
    }

    /// Does the sensor run, and was every one of its workers heard of lately? A down interface or a
    /// full disk is no reason to begin anew.
    pub fn all_live(&self, now: Timestamp) -> bool {
        let state = self.state();
        state.sensor_ready
            && state.heartbeats.len() >= state.workers_expected
            && self.dead_workers(&state, now).is_empty()
    }

    fn dead_workers(&self, state: &State, now: Timestamp) -> Vec<String> {
        let now_s = now.nanos().div_euclid(1_000_000_000);
        let mut dead: Vec<String> = state
            .heartbeats
            .iter()
            .map(|((worker, point), beat)| (worker, point, now_s.saturating_sub(*beat)))
            .filter(|(_, _, age)| *age > self.heartbeat_age_max_s)
            .map(|(worker, point, age)| {
                format!("worker {worker} on {point} last reported {age} seconds ago")
            })
            .collect();
        dead.sort();
        dead
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new(HEARTBEAT_AGE_MAX_DEFAULT)
    }
}

//! Alerts on their way out: one outbox, several sinks, at least once, in order per case.
//!
//! Enters: [`Alert`]s. Leaves: records of the hit log, posts to Alertmanager, messages to other
//! sinks. Never: a person, address or name in a label; an alert lost because Alertmanager is away; a
//! wait for the network in whoever brings an alert; a sink that waits for another.
//!
//! An alert is in the [`spool`] before `put` returns. The desk's thread writes it to the hit log
//! ([`Outbox::write_log`]), the [`courier`]'s thread posts it to Alertmanager, again and again
//! until its case is closed or it is retracted, and each of the other [`sinks`] has a thread and a
//! place in the order of alerts. What is through everywhere is removed.

mod courier;
mod done;
mod post;
mod settings;
pub mod sinks;
mod spool;
#[cfg(test)]
mod tests;
pub mod words;

use std::fs::File;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::base::seen::closed_set;
use crate::base::{Counters, Timestamp};
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind};
use crate::hits::{CaseRecord, HitLog, Mentions, Observer};
use courier::{Courier, Room, Shared};
use post::Client;
use sinks::runner::{Fare, Runner};
use sinks::transports::Transport;
use sinks::{Lost, SinkSettings};
use spool::{Limits, Refusal, Spool};
use words::Words;

pub(crate) use post::trusted_by;
pub use post::{Reason, ask_status};
pub use settings::{Alertmanager, Settings};
pub use spool::letters::{Letter, letters, replay};
pub use spool::look::{Standing, look};

closed_set! {
    /// Where alerts go.
    Sink {
        /// The hit log.
        HitLog = "hit-log",
        /// Alertmanager.
        Alertmanager = "alertmanager",
    }
}

const SINK_ALERTMANAGER: usize = Sink::Alertmanager.index();

/// What was counted since the start.
#[derive(Clone, Debug)]
struct Tally {
    raised: Counters,
    retracted: Counters,
    delivered: Counters,
    failed: Counters,
    refused: u64,
    failures: u64,
}

/// How the outbox stands.
#[derive(Clone, Debug)]
pub struct State {
    /// Alerts raised since the start, [`Stage`] along its index.
    pub raised: Counters,
    /// Alerts retracted since the start, [`Stage`] along its index.
    pub retracted: Counters,
    /// Alerts that a sink took since the start, [`Sink`] along its index.
    pub delivered: Counters,
    /// Attempts to post to Alertmanager that failed since the start, [`Reason`] along its index.
    pub failed: Counters,
    /// Alerts not taken because the spool was at its bound; the caller tries again.
    pub refused: u64,
    /// Alerts not taken because they could not be written; the caller tries again.
    pub failures: u64,
    /// Alerts that wait now, [`Sink`] along its index.
    pub waiting: Counters,
    /// For how many seconds the oldest of them has waited, [`Sink`] along its index.
    pub oldest_seconds: Counters,
    /// Alerts that Alertmanager knows and is told of again and again.
    pub standing: u64,
    /// Dead letters.
    pub dead: u64,
    /// Bytes in the spool.
    pub spool_bytes: u64,
    /// Why alerts do not get through to Alertmanager now.
    pub failing: Option<String>,
    /// The other sinks, in the order of the configuration.
    pub sinks: Vec<SinkState>,
}

/// How one of the other sinks stands.
#[derive(Clone, Debug)]
pub struct SinkState {
    /// Its name.
    pub name: String,
    /// Messages that it took since the start.
    pub sent: u64,
    /// Alerts that were folded since the start.
    pub folded: u64,
    /// Attempts that failed since the start, [`Reason`] along its index.
    pub failed: Counters,
    /// Alerts that it will never get, since the start, [`Lost`] along its index.
    pub lost: Counters,
    /// Alerts that wait now.
    pub waiting: u64,
    /// For how many seconds the oldest of them has waited.
    pub oldest_seconds: u64,
    /// Its dead letters.
    pub dead: u64,
    /// Why alerts do not get through now.
    pub failing: Option<String>,
}

/// What stands between cases and sinks: on disk until each sink has taken it.
pub struct Outbox {
    shared: Arc<Shared>,
    courier: Option<JoinHandle<()>>,
    runners: Vec<JoinHandle<()>>,
    observer: Observer,
    /// Given back with the outbox, also when the courier still waits for an answer.
    _lock: File,
}

impl Outbox {
    /// Opens the spool (made if missing) with what was not delivered, and starts the courier if
    /// there is an Alertmanager. `now` is the wall clock.
    ///
    /// # Errors
    /// A sentence with the path and what to do.
    pub fn open(settings: &Settings, observer: &Observer, now: Timestamp) -> Result<Self, String> {
        Self::open_with(settings, &[], observer, now)
    }

    /// As [`Self::open`], with other sinks, each with its thread.
    ///
    /// # Errors
    /// A sentence with the path and what to do.
    pub fn open_with(
        settings: &Settings,
        sinks: &[SinkSettings],
        observer: &Observer,
        now: Timestamp,
    ) -> Result<Self, String> {
        settings.check()?;
        sinks::check_all(sinks)?;
        let posting = settings.alertmanager.is_on();
        // Before the folder is claimed: a wrong password file is to change nothing.
        let client = if posting {
            Some(Client::new(&settings.alertmanager)?)
        } else {
            None
        };
        let transports = sinks.iter().map(Transport::new);
        let transports: Vec<Transport> = transports.collect::<Result<_, _>>()?;
        let limits = Limits {
            alerts: settings.alerts_max.into(),
            bytes: u64::from(settings.mib_max) << 20,
        };
        let (spool, lock) = Spool::open(&settings.folder, limits, (posting, sinks), now)?;
        let shared = Arc::new(Shared::new(Room {
            spool,
            tally: Tally::new(),
            sinks: sinks.iter().map(|_| Fare::new()).collect(),
            stop: false,
            posting: false,
            failing: None,
        }));
        let courier = match client {
            Some(client) => {
                let words = Words {
                    observer: observer.clone(),
                    settings: settings.alertmanager.clone(),
                };
                let courier = Courier::new(Arc::clone(&shared), client, words);
                let thread = thread::Builder::new().name("alerts".into());
                let started = thread.spawn(move || courier.run());
                Some(started.map_err(|e| format!("cannot start the thread of alerts: {e}"))?)
            }
            None => None,
        };
        // Dropped on an error below, it ends the threads that were started.
        let mut outbox = Self {
            shared,
            courier,
            runners: Vec::new(),
            observer: observer.clone(),
            _lock: lock,
        };
        for (at, (settings, transport)) in sinks.iter().zip(transports).enumerate() {
            let place = (Arc::clone(&outbox.shared), at);
            let runner = Runner::new(place, settings, transport, observer.name.clone());
            let thread = thread::Builder::new().name("sink".into());
            let started = thread.spawn(move || runner.run());
            let started = started.map_err(|e| format!("cannot start a sink's thread: {e}"))?;
            outbox.runners.push(started);
        }
        Ok(outbox)
    }

    /// Takes an alert in; the same id again changes nothing. It is on disk when this returns `Ok`.
    /// `now` is the wall clock.
    ///
    /// # Errors
    /// A sentence; the caller tries again.
    pub fn put(&mut self, alert: &Alert, now: Timestamp) -> Result<(), String> {
        let mut room = self.shared.room();
        match room.spool.put(alert, now) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(Refusal::Full(why)) => {
                room.tally.refused += 1;
                return Err(why);
            }
            Err(Refusal::Disk(why) | Refusal::Unfit(why)) => {
                room.tally.failures += 1;
                return Err(why);
            }
        }
        match alert.kind {
            AlertKind::Raised => room.tally.raised.bump(alert.stage.index()),
            AlertKind::Retracted => room.tally.retracted.bump(alert.stage.index()),
            AlertKind::Resolved => {}
        }
        drop(room);
        self.shared.bell.notify_all();
        Ok(())
    }

    /// A case is closed: what Alertmanager knows of it is over, but for retractions, which stay
    /// their time. Again changes nothing. It is on disk when this returns `Ok`.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn close(&mut self, case: &str, now: Timestamp) -> Result<(), String> {
        self.shared.room().spool.close(case, now)?;
        self.shared.bell.notify_all();
        Ok(())
    }

    /// Deletes every alert that holds one of the words (erasure), dead letters too. Gives how many.
    ///
    /// # Errors
    /// A sentence; the same call may be made again.
    pub fn erase(&mut self, words: &Mentions) -> Result<u64, String> {
        self.shared.room().spool.erase(words)
    }

    /// Records that the hit log has not taken yet, oldest first, at most `most`.
    pub fn unlogged(&self, most: usize) -> Vec<CaseRecord> {
        let room = self.shared.room();
        let entries = room.spool.to_log().take(most);
        entries
            .map(|entry| words::record(&entry.alert, entry.taken, &self.observer))
            .collect()
    }

    /// The record with this `event.id` stands in the hit log, for sure.
    pub fn logged(&mut self, id: &str) {
        let mut room = self.shared.room();
        if room.spool.logged(id) {
            room.tally.delivered.bump(Sink::HitLog.index());
        }
    }

    /// Writes what waits for the hit log into it, in order, as far as it goes. To be called after
    /// each [`Self::put`] and about once a second.
    pub fn write_log(&mut self, log: &mut HitLog, now: Instant) {
        loop {
            let records = self.unlogged(256);
            if records.is_empty() {
                return;
            }
            for record in records {
                if !log.offer(&record, now) {
                    return;
                }
                self.logged(&record.event.id);
            }
        }
    }

    /// How it stands; `now` is the wall clock.
    pub fn state(&self, now: Timestamp) -> State {
        let room = self.shared.room();
        let spool = &room.spool;
        let mut waiting = Counters::new(Sink::ALL.len());
        let mut oldest_seconds = Counters::new(Sink::ALL.len());
        let first = |numbers: &std::collections::BTreeSet<u64>| {
            let entry = numbers.first().and_then(|number| spool.entry(*number));
            entry.map(|entry| entry.since)
        };
        let posts = first(spool.news())
            .into_iter()
            .chain(first(spool.endings()));
        let logs = spool.to_log().next().map(|entry| entry.taken);
        let posted = (spool.news().len() + spool.endings().len()) as u64;
        for (sink, count, oldest) in [
            (Sink::HitLog, spool.unlogged(), logs),
            (Sink::Alertmanager, posted, posts.min()),
        ] {
            waiting.add(sink.index(), count);
            let age = oldest.map_or(0, |since| now.since_ns(since) / 1_000_000_000);
            oldest_seconds.add(sink.index(), age);
        }
        let Tally {
            raised,
            retracted,
            delivered,
            failed,
            refused,
            failures,
        } = room.tally.clone();
        State {
            raised,
            retracted,
            delivered,
            failed,
            refused,
            failures,
            waiting,
            oldest_seconds,
            standing: spool.standing().len() as u64,
            dead: spool.dead(),
            spool_bytes: spool.bytes(),
            failing: room.failing.clone(),
            sinks: sink_states(&room, now),
        }
    }

    /// Ends it: gives the courier up to `grace` to bring what waits, and each
    /// sink to get what waits for it, unless it is away. What is left goes out at the next start.
    pub fn finish(self, grace: Duration) {
        let until = Instant::now() + grace;
        let mut room = self.shared.room();
        let owes = |room: &Room| {
            let posts = !(room.spool.news().is_empty() && room.spool.endings().is_empty());
            let cursors = room.spool.cursors().iter().zip(&room.sinks);
            let mut sinks = cursors.filter(|(_, fare)| fare.failing.is_none());
            self.courier.is_some() && room.failing.is_none() && posts
                || sinks.any(|(cursor, _)| !cursor.waiting().is_empty())
        };
        while owes(&room) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.shared.bell.wait_timeout(room, left);
            room = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let mut room = self.shared.room();
        room.stop = true;
        let posting = room.posting;
        let busy: Vec<bool> = room.sinks.iter().map(|fare| fare.busy).collect();
        drop(room);
        self.shared.bell.notify_all();
        // A courier that waits for an answer finds out later; it touches no file any more.
        if let Some(courier) = self.courier.take().filter(|_| !posting) {
            let _ = courier.join();
        }
        for (runner, busy) in self.runners.drain(..).zip(busy) {
            if !busy {
                let _ = runner.join();
            }
        }
    }
}

fn sink_states(room: &Room, now: Timestamp) -> Vec<SinkState> {
    let cursors = room.spool.cursors().iter().zip(&room.sinks);
    let state = |(cursor, fare): (&spool::cursors::Cursor, &Fare)| {
        let oldest = room.spool.oldest(cursor);
        let mut lost = cursor.lost.clone();
        for kind in Lost::ALL {
            lost.add(kind.index(), fare.lost.at(kind.index()));
        }
        SinkState {
            name: cursor.name().to_owned(),
            sent: fare.sent,
            folded: fare.folded,
            failed: fare.failed.clone(),
            lost,
            waiting: cursor.waiting().len() as u64,
            oldest_seconds: oldest.map_or(0, |since| now.since_ns(since) / 1_000_000_000),
            dead: cursor.dead,
            failing: fare.failing.clone(),
        }
    };
    cursors.map(state).collect()
}

impl Tally {
    fn new() -> Self {
        Self {
            raised: Counters::new(Stage::ALL.len()),
            retracted: Counters::new(Stage::ALL.len()),
            delivered: Counters::new(Sink::ALL.len()),
            failed: Counters::new(Reason::ALL.len()),
            refused: 0,
            failures: 0,
        }
    }
}

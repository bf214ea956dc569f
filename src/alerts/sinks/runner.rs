//! The thread of one sink.
//!
//! Enters: the spool, behind its lock; its own clock. Leaves: what waits for this sink, in order, in
//! its form; what became of it in the spool. Never: holds the lock while it waits for a file or
//! the network; goes past an alert that may still be taken; touches a file after it was told to stop.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Lost;
use super::notice::{Notice, Said};
use super::settings::SinkSettings;
use super::transports::{Parcel, Sent, Transport, Verdict, parcel};
use crate::alerts::courier::{Room, SAY_AGAIN, Shared, pause, random, wall_clock};
use crate::alerts::post::Reason;
use crate::alerts::spool::letters::Again;
use crate::base::{Counters, Timestamp};

/// How often letters are looked for that somebody wants to be sent again.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How a sink fares.
pub(in crate::alerts) struct Fare {
    /// Alerts that it took.
    pub(in crate::alerts) sent: u64,
    /// Alerts that were folded.
    pub(in crate::alerts) folded: u64,
    /// Attempts that failed, [`Reason`] along its index.
    pub(in crate::alerts) failed: Counters,
    /// Lost here, [`Lost`] along its index.
    pub(in crate::alerts) lost: Counters,
    /// Why alerts do not get through now.
    pub(in crate::alerts) failing: Option<String>,
    /// Its thread waits for a file or the network.
    pub(in crate::alerts) busy: bool,
}

impl Fare {
    pub(in crate::alerts) fn new() -> Self {
        Self {
            sent: 0,
            folded: 0,
            failed: Counters::new(Reason::ALL.len()),
            lost: Counters::new(Lost::ALL.len()),
            failing: None,
            busy: false,
        }
    }
}

/// What one attempt brings.
enum Job {
    Alerts(Vec<u64>),
    /// The count of what was folded of a vendor.
    Folded(String),
    Letter(Box<Again>),
}

/// Brings alerts to one sink.
pub(in crate::alerts) struct Runner {
    shared: Arc<Shared>,
    /// Its place among the sinks.
    sink: usize,
    settings: SinkSettings,
    said: Said,
    transport: Transport,
    /// Numbers that the throttle let through and that are not taken yet.
    admitted: BTreeSet<u64>,
    failures: u32,
    not_before: Instant,
    look_at: Instant,
    told: Option<Instant>,
    buried: Option<Instant>,
}

impl Runner {
    /// Reads secrets; connects to nobody.
    pub(in crate::alerts) fn new(
        (shared, sink): (Arc<Shared>, usize),
        settings: &SinkSettings,
        transport: Transport,
        observer: String,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            sink,
            settings: settings.clone(),
            said: Said {
                language: settings.language,
                show_place: settings.show_place,
                observer,
            },
            transport,
            admitted: BTreeSet::new(),
            failures: 0,
            not_before: now,
            look_at: now,
            told: None,
            buried: None,
        }
    }

    /// Works until it is told to stop.
    pub(in crate::alerts) fn run(mut self) {
        while let Some((job, parcels)) = self.next() {
            let seconds = wall_clock().nanos().div_euclid(1_000_000_000);
            let sent = self.transport.send(&parcels, seconds);
            let shared = Arc::clone(&self.shared);
            let mut room = shared.room();
            if let Some(fare) = room.sinks.get_mut(self.sink) {
                fare.busy = false;
            }
            if room.stop {
                // Another process may have the folder already.
                return;
            }
            self.settle(&mut room, &job, sent);
            shared.bell.notify_all();
        }
    }

    /// Waits for something to bring. `None`: the end.
    fn next(&mut self) -> Option<(Job, Vec<Parcel>)> {
        let shared = Arc::clone(&self.shared);
        let mut room = shared.room();
        loop {
            if room.stop {
                return None;
            }
            let now = Instant::now();
            if now >= self.not_before
                && let Some(found) = self.pick(&mut room, now)
            {
                if let Some(fare) = room.sinks.get_mut(self.sink) {
                    fare.busy = true;
                }
                return Some(found);
            }
            let wait = self.wait(&mut room, now);
            let woken = shared.bell.wait_timeout(room, wait);
            room = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait(&self, room: &mut Room, now: Instant) -> Duration {
        if now < self.not_before {
            return self.not_before - now;
        }
        let cursor = room.spool.cursor(self.sink);
        let next = cursor.and_then(|it| it.throttle.next_ns(&self.settings, wall_clock()));
        let look = self.look_at.saturating_duration_since(now);
        next.map_or(look, |ns| look.min(Duration::from_nanos(ns)))
            .max(Duration::from_millis(10))
    }

    /// A count that is due, then letters, then alerts.
    fn pick(&mut self, room: &mut Room, now: Instant) -> Option<(Job, Vec<Parcel>)> {
        let wall = wall_clock();
        let cursor = room.spool.cursor(self.sink)?;
        if let Some(folded) = cursor.throttle.due(&self.settings, wall) {
            let notice = Notice::folded(&folded, wall, &self.said);
            let job = Job::Folded(folded.vendor.to_owned());
            return Some((job, vec![parcel(&notice, &self.settings)]));
        }
        if now >= self.look_at {
            if let Some(again) = room.spool.again(self.sink) {
                let notice = Notice::of(&again.alert, again.taken, &self.said);
                let parcels = vec![parcel(&notice, &self.settings)];
                return Some((Job::Letter(Box::new(again)), parcels));
            }
            self.look_at = now + LOOK_EVERY;
        }
        let (numbers, parcels) = self.alerts(room, wall);
        (!numbers.is_empty()).then_some((Job::Alerts(numbers), parcels))
    }

    fn alerts(&mut self, room: &mut Room, wall: Timestamp) -> (Vec<u64>, Vec<Parcel>) {
        let (mut numbers, mut parcels, mut folded) = (Vec::new(), Vec::new(), Vec::new());
        let cursor = room.spool.cursor(self.sink);
        let waiting: Vec<u64> =
            cursor.map_or_else(Vec::new, |it| it.waiting().iter().copied().collect());
        for number in waiting {
            if numbers.len() >= self.transport.together_max() {
                break;
            }
            let Some((alert, taken)) = room.spool.alert(number) else {
                continue;
            };
            let Some(cursor) = room.spool.cursor(self.sink) else {
                break;
            };
            if !self.admitted.contains(&number)
                && !cursor.throttle.admits(&alert, &self.settings, wall)
            {
                folded.push(number);
                continue;
            }
            self.admitted.insert(number);
            numbers.push(number);
            parcels.push(parcel(
                &Notice::of(&alert, taken, &self.said),
                &self.settings,
            ));
        }
        if !folded.is_empty() {
            room.spool.passed(self.sink, &folded);
            room.spool.save(self.sink);
            if let Some(fare) = room.sinks.get_mut(self.sink) {
                fare.folded += folded.len() as u64;
            }
        }
        (numbers, parcels)
    }

    fn settle(&mut self, room: &mut Room, job: &Job, sent: Sent) {
        if sent.taken > 0 || !matches!(sent.then, Some(Verdict::Later(..))) {
            self.got_through(room);
        }
        match job {
            Job::Alerts(numbers) => self.settle_alerts(room, numbers, &sent),
            Job::Folded(vendor) => self.settle_folded(room, vendor, &sent),
            Job::Letter(again) => self.settle_letter(room, again, &sent),
        }
        if let Some(Verdict::Later(reason, why)) = &sent.then {
            self.failures = self.failures.saturating_add(1);
            self.not_before = Instant::now() + pause(self.failures, random());
            self.say(room, *reason, why);
        }
    }

    fn settle_alerts(&mut self, room: &mut Room, numbers: &[u64], sent: &Sent) {
        let taken = numbers.get(..sent.taken).unwrap_or(numbers);
        let mut passed = taken.to_vec();
        count(room, self.sink, taken.len());
        if let (Some(Verdict::Rejected(status, text)), Some(number)) =
            (&sent.then, numbers.get(sent.taken))
        {
            let answer = (*status, text.as_str());
            room.spool
                .bury_for(self.sink, *number, answer, wall_clock());
            self.refused(room, *status, text);
            passed.push(*number);
        }
        for number in &passed {
            self.admitted.remove(number);
        }
        if !passed.is_empty() {
            room.spool.passed(self.sink, &passed);
            room.spool.save(self.sink);
        }
    }

    fn settle_folded(&mut self, room: &mut Room, vendor: &str, sent: &Sent) {
        if matches!(sent.then, Some(Verdict::Later(..))) {
            return;
        }
        if let Some(Verdict::Rejected(status, text)) = &sent.then {
            self.refused(room, *status, text);
            if let Some(fare) = room.sinks.get_mut(self.sink) {
                fare.lost.bump(Lost::Folded.index());
            }
        }
        count(room, self.sink, sent.taken);
        if let Some(cursor) = room.spool.cursor(self.sink) {
            cursor.throttle.told(vendor);
        }
        room.spool.save(self.sink);
    }

    fn settle_letter(&mut self, room: &mut Room, again: &Again, sent: &Sent) {
        let refusal = match &sent.then {
            Some(Verdict::Later(..)) => return,
            Some(Verdict::Rejected(status, text)) => {
                self.refused(room, *status, text);
                Some((*status, text.as_str()))
            }
            None => None,
        };
        count(room, self.sink, sent.taken);
        room.spool.answered(again, refusal, wall_clock());
    }

    fn got_through(&mut self, room: &mut Room) {
        self.failures = 0;
        self.told = None;
        let fare = room.sinks.get_mut(self.sink);
        if fare.is_some_and(|it| it.failing.take().is_some()) {
            tracing::info!("alerts get through to sink {:?} again", self.settings.name);
        }
    }

    fn refused(&mut self, room: &mut Room, status: u16, text: &str) {
        if let Some(fare) = room.sinks.get_mut(self.sink) {
            fare.failed.bump(Reason::Rejected.index());
        }
        if self.buried.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            self.buried = Some(Instant::now());
            let name = &self.settings.name;
            tracing::error!(
                "sink {name:?} will not take an alert: it answered {status}: {text}; `poortwacht \
                 sinks dead {name}` shows what is kept"
            );
        }
    }

    fn say(&mut self, room: &mut Room, reason: Reason, why: &str) {
        let waiting = room
            .spool
            .cursor(self.sink)
            .map_or(0, |it| it.waiting().len());
        let why = format!(
            "cannot bring alerts to sink {:?} at {}: {why}; {waiting} wait",
            self.settings.name, self.settings.address
        );
        if self.told.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            self.told = Some(Instant::now());
            tracing::error!("{why}");
        }
        if let Some(fare) = room.sinks.get_mut(self.sink) {
            fare.failed.bump(reason.index());
            fare.failing = Some(why);
        }
    }
}

fn count(room: &mut Room, sink: usize, taken: usize) {
    if let Some(fare) = room.sinks.get_mut(sink) {
        fare.sent += taken as u64;
    }
}

//! The thread that brings alerts to Alertmanager.
//!
//! Enters: the spool, behind its lock; its own clock. Leaves: posts, and what became of them in the
//! spool. Never: holds the lock while it waits for the network; brings two alerts of one case in
//! another order than they came.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use super::post::{Client, Outcome, Reason};
use super::sinks::runner::Fare;
use super::spool::Spool;
use super::words::Words;
use super::{SINK_ALERTMANAGER, Tally};
use crate::base::Timestamp;
use crate::cases::{Alert, AlertKind};

/// Shortest and longest pause after a failure.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Time between two messages on the same, lasting failure.
pub(super) const SAY_AGAIN: Duration = Duration::from_secs(300);
/// Alerts in one post, and about how many bytes.
const POST_ALERTS_MAX: usize = 256;
const POST_LEN_MAX: usize = 1 << 20;

/// What desk, courier and the other sinks' threads share.
pub(super) struct Room {
    pub(super) spool: Spool,
    pub(super) tally: Tally,
    /// How each of the other sinks fares, in the order of the configuration.
    pub(super) sinks: Vec<Fare>,
    /// All are to end.
    pub(super) stop: bool,
    /// The courier waits for an answer.
    pub(super) posting: bool,
    /// Why alerts do not get through now.
    pub(super) failing: Option<String>,
}

/// The room, its lock, and the bell that tells of a change.
pub(super) struct Shared {
    room: Mutex<Room>,
    pub(super) bell: Condvar,
}

impl Shared {
    pub(super) fn new(room: Room) -> Self {
        Self {
            room: Mutex::new(room),
            bell: Condvar::new(),
        }
    }

    pub(super) fn room(&self) -> MutexGuard<'_, Room> {
        // The spool's files are the truth; a panic elsewhere cannot have bent them.
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a post says of an alert.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saying {
    There,
    StillThere,
    Over,
}

/// One alert of a post.
struct Item {
    number: u64,
    alert: Arc<Alert>,
    taken: Timestamp,
    /// Since when Alertmanager has known it.
    known: Timestamp,
    saying: Saying,
}

/// Brings alerts.
pub(super) struct Courier {
    shared: Arc<Shared>,
    client: Client,
    words: Words,
    failures: u32,
    not_before: Instant,
    repost_at: Instant,
    /// Standing alerts of this round that are still to be posted again.
    again: VecDeque<u64>,
    /// A post of several was refused: so many go one by one, to find the one that is meant.
    one_by_one: usize,
    said: Option<Instant>,
    buried: Option<Instant>,
}

impl Courier {
    pub(super) fn new(shared: Arc<Shared>, client: Client, words: Words) -> Self {
        let now = Instant::now();
        Self {
            shared,
            client,
            words,
            failures: 0,
            not_before: now,
            // What stood before a start is told anew at once: Alertmanager may have been away too.
            repost_at: now,
            again: VecDeque::new(),
            one_by_one: 0,
            said: None,
            buried: None,
        }
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        while let Some(items) = self.next() {
            let now = wall_clock();
            let outcome = self.client.post(&self.body(&items, now));
            let shared = Arc::clone(&self.shared);
            let mut room = shared.room();
            room.posting = false;
            if room.stop {
                // Another process may have the folder already.
                return;
            }
            self.settle(&mut room, &items, outcome, now);
            shared.bell.notify_all();
        }
    }

    /// Waits for something to post. `None`: the end.
    fn next(&mut self) -> Option<Vec<Item>> {
        let shared = Arc::clone(&self.shared);
        let mut room = shared.room();
        loop {
            if room.stop {
                return None;
            }
            let now = Instant::now();
            if now >= self.not_before {
                self.look_around(&mut room, now);
                let items = self.pick(&room.spool);
                if !items.is_empty() {
                    room.posting = true;
                    return Some(items);
                }
            }
            let until = if now < self.not_before {
                self.not_before
            } else {
                self.repost_at
            };
            let wait = until.saturating_duration_since(now);
            let woken = shared.bell.wait_timeout(room, wait);
            room = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Begins another round of standing alerts when it is time, and lets old retractions go.
    fn look_around(&mut self, room: &mut Room, now: Instant) {
        if now < self.repost_at {
            return;
        }
        self.repost_at = now + self.repost();
        let at = wall_clock();
        room.spool.revive(at);
        let standing: Vec<u64> = room.spool.standing().iter().copied().collect();
        self.again.clear();
        for number in standing {
            let Some(entry) = room.spool.entry(number) else {
                continue;
            };
            if self.ends(&entry.alert, entry.since, at) <= at {
                room.spool.over(number);
            } else {
                self.again.push_back(number);
            }
        }
    }

    /// News first, then endings, then what still stands.
    fn pick(&mut self, spool: &Spool) -> Vec<Item> {
        let most = if self.one_by_one > 0 {
            1
        } else {
            POST_ALERTS_MAX
        };
        if !spool.news().is_empty() {
            return take(spool, spool.news().iter(), Saying::There, most);
        }
        if !spool.endings().is_empty() {
            return take(spool, spool.endings().iter(), Saying::Over, most);
        }
        self.again
            .retain(|number| spool.standing().contains(number));
        take(spool, self.again.iter(), Saying::StillThere, most)
    }

    fn body(&self, items: &[Item], now: Timestamp) -> Vec<u8> {
        let posts: Vec<_> = items
            .iter()
            .map(|item| {
                let ends = match item.saying {
                    Saying::There => self.ends(&item.alert, now, now),
                    Saying::StillThere => self.ends(&item.alert, item.known, now),
                    Saying::Over => now,
                };
                self.words.post(&item.alert, item.taken, ends)
            })
            .collect();
        serde_json::to_vec(&posts).unwrap_or_default()
    }

    /// Until when Alertmanager is to show an alert that it was told of at `told`: a retraction for
    /// its hours, all others until some rounds failed to come.
    fn ends(&self, alert: &Alert, told: Timestamp, now: Timestamp) -> Timestamp {
        let hours = u64::from(self.words.settings.retraction_hours);
        if alert.kind == AlertKind::Retracted {
            after(told, Duration::from_secs(hours * 3600))
        } else {
            after(now, 4 * self.repost())
        }
    }

    fn repost(&self) -> Duration {
        Duration::from_secs(self.words.settings.repost_seconds.into())
    }

    fn settle(&mut self, room: &mut Room, items: &[Item], outcome: Outcome, now: Timestamp) {
        match outcome {
            Outcome::Taken => {
                self.got_through(room);
                self.one_by_one = self.one_by_one.saturating_sub(items.len());
                for item in items {
                    self.taken(room, item, now);
                }
            }
            Outcome::Later(reason, why) => {
                room.tally.failed.bump(reason.index());
                self.failures = self.failures.saturating_add(1);
                self.not_before = Instant::now() + pause(self.failures, random());
                self.say(room, &why);
            }
            Outcome::Rejected(..) if items.len() > 1 => {
                self.got_through(room);
                self.one_by_one = items.len();
            }
            Outcome::Rejected(status, text) => {
                self.got_through(room);
                room.tally.failed.bump(Reason::Rejected.index());
                self.one_by_one = self.one_by_one.saturating_sub(1);
                if let [item] = items {
                    self.bury(room, item, status, &text, now);
                }
            }
        }
    }

    fn taken(&mut self, room: &mut Room, item: &Item, now: Timestamp) {
        match item.saying {
            Saying::There => {
                if room.spool.told(item.number, now) {
                    room.tally.delivered.bump(SINK_ALERTMANAGER);
                }
            }
            Saying::StillThere => {
                self.again.retain(|number| *number != item.number);
            }
            Saying::Over => {
                // It may have been raised again in the meantime: then it stands, and is not over.
                if room.spool.endings().contains(&item.number) {
                    room.spool.over(item.number);
                }
            }
        }
    }

    fn bury(&mut self, room: &mut Room, item: &Item, status: u16, text: &str, now: Timestamp) {
        self.again.retain(|number| *number != item.number);
        if item.saying == Saying::Over {
            room.spool.over(item.number);
        } else {
            room.spool.bury(item.number, status, text, now);
        }
        if self.buried.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            self.buried = Some(Instant::now());
            tracing::error!(
                "Alertmanager at {} will not take an alert of {}: it answered {status}: {text}; \
                 the alert is kept in {}",
                self.client.url(),
                item.alert.case,
                room.spool.path().join("dead").display()
            );
        }
    }

    fn got_through(&mut self, room: &mut Room) {
        self.failures = 0;
        self.said = None;
        if room.failing.take().is_some() {
            tracing::info!("alerts get through to {} again", self.client.url());
        }
    }

    fn say(&mut self, room: &mut Room, why: &str) {
        let waiting = room.spool.news().len() + room.spool.endings().len();
        let why = format!(
            "cannot bring alerts to Alertmanager at {}: {why}; {waiting} wait in {}",
            self.client.url(),
            room.spool.path().display()
        );
        if self.said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            self.said = Some(Instant::now());
            tracing::error!("{why}");
        }
        room.failing = Some(why);
    }
}

fn take<'a>(
    spool: &Spool,
    numbers: impl Iterator<Item = &'a u64>,
    saying: Saying,
    most: usize,
) -> Vec<Item> {
    let mut len = 0;
    let items = numbers.filter_map(|&number| {
        let entry = spool.entry(number)?;
        Some(Item {
            number,
            alert: Arc::clone(&entry.alert),
            taken: entry.taken,
            known: entry.since,
            saying,
        })
    });
    items
        .take(most)
        .take_while(|item| {
            let room = len < POST_LEN_MAX;
            len += item.alert.description.len() + item.alert.summary.len() + 512;
            room
        })
        .collect()
}

/// The pause after so many failures in a row: doubled each time, and shortened by chance to
/// between half and all of it, so that many do not come back at once.
pub(super) fn pause(failures: u32, chance: u16) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let whole = doubled.min(PAUSE_MAX);
    let half = whole / 2;
    (half + half.mul_f64(f64::from(chance) / f64::from(u16::MAX))).max(PAUSE_MIN / 2)
}

pub(super) fn random() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness the pause is at its shortest; that is all.
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    let wait = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
    Timestamp(time.nanos().saturating_add(wait))
}

pub(super) fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_vary() {
        let whole: Vec<u64> = (1..=12).map(|n| pause(n, u16::MAX).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause(5, 0), Duration::from_secs(8));
        assert_eq!(pause(u32::MAX, 0), Duration::from_secs(150));
        assert_eq!(pause(0, 0), Duration::from_millis(500));
    }
}

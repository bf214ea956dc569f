//! How much of the traffic could be read, hour by hour.
//!
//! Enters: [`Event`]s, the time: the wall clock live, packet time in a replay. Leaves: one
//! [`Coverage`] for each hour, the part hours at start and stop too, and what the queue lost.
//! Never: a client, an address, a name that was read; devices are counted by keyed hashes in
//! memory, under a key that dies with the process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;

use crate::base::{Counters, Outcome, Seen, Timestamp, WayRound};
use crate::event::{Event, Fact, Stats};
use crate::metrics::went_back;
use crate::organisation::Organisation;
use crate::record::{Body, Count, Coverage, Entry, Loss, Site};

const SECOND_NS: i64 = 1_000_000_000;
const HOUR: i64 = 3600;
/// A point that is silent for longer was not heard of in between. Workers tell twice a second.
const SILENCE_MAX: i64 = 5;
/// Most workers, and most rows of one table. The sensor parses hostile bytes: it must not be able
/// to fill the memory of the desk.
const ROWS_MAX: usize = 2048;
/// Most devices told apart in an hour.
const DEVICES_MAX: usize = 262_144;
/// Time between two entries about what the queue lost.
const SAY_LOSS_NS: u64 = 60 * SECOND_NS as u64;

/// What does not change from hour to hour.
pub struct Setting {
    /// Sites, and which address belongs to which.
    pub organisation: Arc<Organisation>,
    /// SHA-256 of the configuration, hex.
    pub config: String,
    /// Prefixes that the configuration excludes.
    pub excluded_prefixes: u64,
    /// Does the time come from packets?
    pub replay: bool,
}

/// Counts towards the coverage of the hour.
pub struct Hours {
    setting: Setting,
    list: String,
    open: Option<Hour>,
    /// The newest time told.
    newest: i64,
    workers: HashMap<(u16, String), Stats>,
    /// When each point was last heard of, in seconds.
    heard: HashMap<String, i64>,
    hasher: RandomState,
    lost: u64,
    said: Option<Timestamp>,
}

/// The hour that is being counted.
#[derive(Default)]
struct Hour {
    from: i64,
    /// Its end, if it lasts.
    end: i64,
    connections: Table,
    names: Table,
    ways_round: Table,
    frames: Table,
    lost: Table,
    hits: Table,
    points: Table,
    devices: BTreeMap<String, HashSet<u64>>,
    clock_step_ms: i64,
}

/// Counts by point and what.
#[derive(Default)]
struct Table(BTreeMap<(String, String), u64>);

impl Hours {
    /// Nothing counted yet.
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            list: String::new(),
            open: None,
            newest: i64::MIN,
            workers: HashMap::new(),
            heard: HashMap::new(),
            hasher: RandomState::new(),
            lost: 0,
            said: None,
        }
    }

    /// Counts an event of `now`. Before it comes the hour that is over by then.
    pub fn take(&mut self, event: &Event, now: Timestamp, out: &mut Vec<Entry>) {
        match event {
            Event::Ready(list) | Event::ListLoaded(list) => self.list.clone_from(&list.version),
            Event::Hit(_) | Event::Stats(_) | Event::Fact(_) => {}
            _ => return,
        }
        self.tick(now, out);
        match event {
            Event::Stats(stats) => self.stats(stats),
            Event::Hit(hit) => {
                if let Some(hour) = &mut self.open {
                    hour.hits.add("", &hit.rule.vendor, 1);
                }
            }
            Event::Fact(fact) => self.device(fact),
            _ => {}
        }
    }

    /// What time brings: the hour that is over, and what was lost meanwhile.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Entry>) {
        let at = now.nanos().div_euclid(SECOND_NS);
        if self.setting.replay && at <= 0 {
            return;
        }
        let over = |hour: &Hour| at >= hour.end || at < hour.from.saturating_sub(HOUR);
        if self.open.as_ref().is_some_and(over) {
            // A clock that was set back says nothing of when the hour ended.
            self.close(at.max(self.newest), out);
        }
        if self.open.is_none() {
            self.open = Some(Hour {
                from: at,
                end: at.div_euclid(HOUR).saturating_add(1).saturating_mul(HOUR),
                ..Hour::default()
            });
        }
        self.newest = at;
        let due = self
            .said
            .is_none_or(|said| now.since_ns(said) >= SAY_LOSS_NS);
        if self.lost > 0 && due {
            self.said = Some(now);
            self.say_loss(now, out);
        }
    }

    /// The part of an hour that is counted by now: at a stop.
    pub fn finish(&mut self, out: &mut Vec<Entry>) {
        self.close(self.newest, out);
        if self.lost > 0 {
            self.say_loss(Timestamp(self.newest.saturating_mul(SECOND_NS)), out);
        }
    }

    /// The wall clock went so far ahead of the steady clock, or back.
    pub const fn clock_stepped(&mut self, by_ms: i64) {
        if let Some(hour) = &mut self.open
            && by_ms.unsigned_abs() > hour.clock_step_ms.unsigned_abs()
        {
            hour.clock_step_ms = by_ms;
        }
    }

    fn say_loss(&mut self, time: Timestamp, out: &mut Vec<Entry>) {
        let body = Body::Loss(Loss {
            place: "queue".into(),
            reason: "events of the sensor found no room in the queue to the desk".into(),
            count: std::mem::take(&mut self.lost),
        });
        out.push(Entry { time, body });
    }

    /// Ends the hour at `at`, or at its own end if that came before.
    fn close(&mut self, at: i64, out: &mut Vec<Entry>) {
        let Some(hour) = self.open.take() else {
            return;
        };
        let until = at.clamp(hour.from, hour.end);
        let seen = |site: &str| hour.devices.get(site).map_or(0, |set| set.len() as u64);
        let sites = self.setting.organisation.sites();
        let coverage = Coverage {
            from: hour.from,
            until,
            sites: sites
                .map(|(site, known)| Site {
                    site: site.to_owned(),
                    seen: seen(site),
                    known,
                })
                .collect(),
            connections: hour.connections.rows(),
            names: hour.names.rows(),
            ways_round: hour.ways_round.rows(),
            frames: hour.frames.rows(),
            lost: hour.lost.rows(),
            hits: hour.hits.rows(),
            points: hour.points.rows(),
            excluded_prefixes: self.setting.excluded_prefixes,
            list: self.list.clone(),
            config: self.setting.config.clone(),
            clock_step_ms: hour.clock_step_ms,
        };
        out.push(Entry {
            time: Timestamp(until.saturating_mul(SECOND_NS)),
            body: Body::Coverage(Box::new(coverage)),
        });
    }

    /// What a worker's snapshot has more than the one before.
    fn stats(&mut self, new: &Stats) {
        let key = (new.worker, new.point.clone());
        if self.workers.len() >= ROWS_MAX && !self.workers.contains_key(&key) {
            return;
        }
        let old = self.workers.insert(key, new.clone());
        // Counters that went back belong to a worker that began anew.
        let old = old.filter(|old| !went_back(old, new)).unwrap_or_default();
        let Some(hour) = &mut self.open else {
            return;
        };
        let point = new.point.as_str();
        let more = |of: fn(&Stats) -> u64| of(new).saturating_sub(of(&old));
        for (what, count) in [
            ("seen", more(|s| s.frames)),
            ("excluded", more(|s| s.excluded)),
            ("cut-short", more(|s| s.cut_short)),
            ("not-decoded", more(|s| s.decode_malformed.total())),
        ] {
            hour.frames.add(point, what, count);
        }
        let outcomes = |at: usize| {
            let both = [at, at + Outcome::ALL.len()].into_iter();
            both.map(|at| grown(&new.connections, &old.connections, at))
                .sum::<u64>()
        };
        for outcome in Outcome::ALL {
            let count = outcomes(outcome.index());
            hour.connections.add(point, outcome.label(), count);
        }
        for (what, count) in [
            ("kernel", more(|s| s.kernel_drops)),
            ("interface", more(|s| s.interface_errors)),
            ("queue", more(|s| s.events_dropped)),
            ("table", outcomes(Outcome::Evicted.index())),
            ("pool", more(|s| s.pool_empty)),
        ] {
            hour.lost.add(point, what, count);
        }
        for seen in Seen::ALL {
            let count = grown(&new.names, &old.names, seen.index());
            hour.names.add(point, seen.label(), count);
        }
        for way in WayRound::ALL {
            let count = grown(&new.ways_round, &old.ways_round, way.index());
            hour.ways_round.add(point, way.label(), count);
        }
        self.lost = self.lost.saturating_add(more(|s| s.events_dropped));
        self.hear(new);
    }

    /// Counts the seconds in which a point was awake.
    fn hear(&mut self, stats: &Stats) {
        let replay = self.setting.replay;
        let at = match replay {
            true => stats.packet_time.div_euclid(SECOND_NS),
            false => stats.heartbeat,
        };
        if stats.blind || self.heard.len() >= ROWS_MAX && !self.heard.contains_key(&stats.point) {
            return;
        }
        let last = self.heard.insert(stats.point.clone(), at);
        let since = match last {
            None => 1,
            Some(last) if at <= last => 0,
            Some(last) => match at.saturating_sub(last) {
                gap if replay || gap <= SILENCE_MAX => gap.unsigned_abs(),
                _ => 1,
            },
        };
        if let Some(hour) = &mut self.open {
            hour.points.add(&stats.point, "heard-seconds", since);
        }
    }

    /// A device was heard of at a site.
    fn device(&mut self, fact: &Fact) {
        let (Some(mac), Some(net), Some(hour)) = (fact.mac, fact.net, &mut self.open) else {
            return;
        };
        let Some(site) = self.setting.organisation.place(net.addr()).site else {
            return;
        };
        let known: usize = hour.devices.values().map(HashSet::len).sum();
        if known < DEVICES_MAX {
            let device = self.hasher.hash_one(mac);
            hour.devices.entry(site).or_default().insert(device);
        }
    }
}

fn grown(new: &Counters, old: &Counters, at: usize) -> u64 {
    new.at(at).saturating_sub(old.at(at))
}

impl Table {
    /// Nothing is no row: the page of an hour is as long as what happened in it.
    fn add(&mut self, point: &str, what: &str, count: u64) {
        if count == 0 {
            return;
        }
        let key = (point.to_owned(), what.to_owned());
        let row = match self.0.len() < ROWS_MAX || self.0.contains_key(&key) {
            true => self.0.entry(key),
            false => self.0.entry(("other".into(), "other".into())),
        };
        let sum = row.or_default();
        *sum = sum.saturating_add(count);
    }

    fn rows(self) -> Vec<Count> {
        let rows = self.0.into_iter();
        rows.map(|((point, what), count)| Count { point, what, count })
            .collect()
    }
}

#[cfg(test)]
mod tests;

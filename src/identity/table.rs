//! What was told, by address: nothing in clear, sorted by the time from which it holds.
//!
//! Enters: facts as [`Point`]s. Leaves: the points of an address, the addresses of a device. Never:
//! depends on the order in which facts arrive; grows beyond its bound; keeps a point long after it
//! ended.
//!
//! An answer is a function of the set of points and of the moment asked for: that is why a fact
//! learned late changes past answers in the same way as if it had come in time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::lane::{Bounds, Class, Lane, NEIGHBOUR_NS, class};
use crate::event::{FactAct, FactSource};
use crate::hits::Tag;

/// What is known of a device; both may be missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Device {
    /// Tag of its link-layer address.
    pub(super) mac: Option<Tag>,
    /// Tag of its DHCP identifier.
    pub(super) client: Option<Tag>,
    /// Is the link-layer address locally administered (IEEE 802 bit 1 of the first byte), as those
    /// are which a phone makes up?
    pub(super) weak: bool,
}

impl Device {
    /// Does it say anything?
    pub(super) const fn is_known(&self) -> bool {
        self.mac.is_some() || self.client.is_some()
    }

    /// Are they two devices for sure? Link-layer addresses decide, else identifiers.
    pub(super) fn differs(&self, other: &Self) -> bool {
        match (self.mac, other.mac) {
            (Some(one), Some(two)) => one != two,
            _ => matches!((self.client, other.client), (Some(one), Some(two)) if one != two),
        }
    }

    /// The two together, where they do not differ.
    pub(super) fn with(&self, other: &Self) -> Self {
        Self {
            mac: self.mac.or(other.mac),
            client: self.client.or(other.client),
            weak: if self.mac.is_some() {
                self.weak
            } else {
                other.weak
            },
        }
    }
}

/// What a fact says, without its time: two facts of equal content confirm each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Content {
    pub(super) act: FactAct,
    pub(super) source: FactSource,
    pub(super) origin: Tag,
    pub(super) device: Device,
    pub(super) person: Option<Tag>,
    pub(super) session: Option<Tag>,
    /// Did it come with a host name?
    pub(super) named: bool,
}

/// A content and the enciphered text that belongs to it.
pub(super) struct What {
    pub(super) content: Content,
    pub(super) closed: Option<Box<[u8]>>,
}

/// One fact. Times in nanoseconds since the epoch.
#[derive(Clone)]
pub(super) struct Point {
    pub(super) time: i64,
    /// `i64::MAX`: open.
    pub(super) until: i64,
    pub(super) learned: i64,
    /// Whose clock `time` is by.
    pub(super) clock: Tag,
    pub(super) what: Arc<What>,
}

impl Point {
    fn key(&self) -> (i64, &Content) {
        (self.time, &self.what.content)
    }
}

/// Moments at which a session, or all sessions of a server, ended.
#[derive(Default)]
pub(super) struct Ends {
    sessions: HashMap<(Tag, Tag), Vec<i64>>,
    resets: HashMap<Tag, Vec<i64>>,
    /// Stretches in which the clock of a log ran backwards, by clock.
    disputed: HashMap<Tag, Vec<(i64, i64)>>,
    /// The latest time by each clock.
    newest: HashMap<Tag, i64>,
    len: usize,
}

impl Ends {
    pub(super) fn of_session(&self, origin: Tag, session: Tag) -> &[i64] {
        self.sessions
            .get(&(origin, session))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn resets(&self, origin: &Tag) -> &[i64] {
        self.resets.get(origin).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_disputed(&self, clock: &Tag, at: i64) -> bool {
        let stretches = self.disputed.get(clock);
        stretches.is_some_and(|all| all.iter().any(|(from, to)| (*from..=*to).contains(&at)))
    }
}

/// All points.
pub(super) struct Table {
    lanes: HashMap<Tag, Vec<Point>>,
    /// Of a lane that lost something at its own bound: the moment before which it is not answered.
    losses: HashMap<Tag, i64>,
    /// Of a lane that somebody had who was erased: the same. It outlives the lane.
    erased: HashMap<Tag, i64>,
    devices: HashMap<Tag, BTreeSet<Tag>>,
    pub(super) ends: Ends,
    due: BTreeSet<(i64, Tag)>,
    len: usize,
    pub(super) bounds: Bounds,
    keep_ns: i64,
    len_max: usize,
    pub(super) evicted: u64,
    /// Nothing before this moment is answered: some of it is forgotten.
    pub(super) horizon: i64,
}

/// Two repeats within this time need no middle one.
const CLOSE_NS: i64 = 60_000_000_000;
/// A lane is looked through at least so often.
const SWEEP_NS: i64 = 600_000_000_000;
/// A log that runs back by more than this had its clock set.
const BACKWARDS_NS: i64 = 600_000_000_000;
/// Addresses of a device that are remembered; far beyond what makes a router.
const ADDRESSES_MAX: usize = 256;
/// One part in so many of the bound is for ends.
const ENDS_SHARE: usize = 4;
/// Points of neighbours' words (ARP, ND) at one address. Anybody on the link can make them up.
pub(super) const NEIGHBOURS_MAX: usize = 256;
/// Clocks of logs that are followed apart. A site has a few AAA servers; a log may name any host.
pub(super) const CLOCKS_MAX: usize = 256;
/// Ends kept of one session or server, and disputed stretches of one log.
const ENDS_MAX: usize = 64;

impl Table {
    pub(super) fn new(bounds: Bounds, keep_ns: i64, len_max: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            losses: HashMap::new(),
            erased: HashMap::new(),
            devices: HashMap::new(),
            ends: Ends::default(),
            due: BTreeSet::new(),
            len: 0,
            bounds,
            keep_ns,
            len_max,
            evicted: 0,
            horizon: i64::MIN,
        }
    }

    /// Points and ends held.
    pub(super) fn len(&self) -> usize {
        self.len + self.ends.len
    }

    /// Devices that are linked to an address.
    #[cfg(test)]
    pub(super) fn devices_len(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn points(&self, lane: &Tag) -> &[Point] {
        self.lanes.get(lane).map_or(&[], Vec::as_slice)
    }

    /// The moment before which this address is not answered, for something of it is forgotten.
    pub(super) fn lost(&self, lane: &Tag) -> i64 {
        let lost = [&self.losses, &self.erased].map(|all| all.get(lane).copied());
        lost.into_iter().flatten().max().unwrap_or(i64::MIN)
    }

    /// Addresses that this device (by link-layer address or identifier) was told to have.
    pub(super) fn lanes_of(&self, id: &Tag) -> impl Iterator<Item = &Tag> {
        self.devices.get(id).into_iter().flatten()
    }

    /// Takes a point in; says whether an answer for a past moment may change.
    pub(super) fn insert(&mut self, lane: Tag, point: Point) -> bool {
        let device = point.what.content.device;
        if point.what.content.act == FactAct::Holds {
            for id in [device.mac, device.client].into_iter().flatten() {
                let lanes = self.devices.entry(id).or_default();
                if lanes.len() < ADDRESSES_MAX {
                    lanes.insert(lane);
                }
            }
        }
        let (now, time) = (point.learned, point.time);
        let known = !self.lanes.contains_key(&lane);
        let points = self.lanes.entry(lane).or_default();
        if known {
            self.due.insert((now.saturating_add(SWEEP_NS), lane));
        }
        let at = points.partition_point(|other| other.key() < point.key());
        if let Some(same) = points.get_mut(at).filter(|it| it.key() == point.key()) {
            let news = point.until > same.until;
            same.until = same.until.max(point.until);
            same.learned = same.learned.min(point.learned);
            return news;
        }
        let confirms = at == points.len()
            && points
                .last()
                .is_some_and(|it| it.what.content == point.what.content && it.until >= time);
        if !thinned(points, at, &point) {
            let neighbour = class(point.what.content.source) == Class::Neighbour;
            points.insert(at, point);
            self.len += 1;
            if neighbour && let Some(missed) = drop_neighbour(points) {
                self.len -= 1;
                if let Some(time) = missed {
                    self.evicted += 1;
                    let lost = self.losses.entry(lane).or_insert(i64::MIN);
                    *lost = (*lost).max(time.saturating_add(1)).min(now);
                }
            }
        }
        self.shrink(now);
        !confirms || now > time.saturating_add(1_000_000_000)
    }

    /// Forgets every lane with a point that `is_theirs`, all that it holds, and answers nothing of
    /// before `now` there. Gives the lanes.
    pub(super) fn erase(
        &mut self,
        now: i64,
        is_theirs: impl Fn(&Tag, &Point) -> bool,
    ) -> BTreeSet<Tag> {
        let mut gone = BTreeSet::new();
        let (lanes, ends) = (&mut self.lanes, &mut self.ends);
        let len = &mut self.len;
        lanes.retain(|lane, points| {
            if !points.iter().any(|point| is_theirs(lane, point)) {
                return true;
            }
            for it in points.iter().map(|point| &point.what.content) {
                let times = it
                    .session
                    .and_then(|id| ends.sessions.remove(&(it.origin, id)));
                ends.len -= times.map_or(0, |times| times.len());
            }
            *len -= points.len();
            gone.insert(*lane);
            false
        });
        self.erased.extend(gone.iter().map(|lane| (*lane, now)));
        self.unlink();
        gone
    }

    /// A session, or with `None` every session of this server, ended.
    pub(super) fn end(&mut self, origin: Tag, session: Option<Tag>, time: i64, now: i64) {
        let times = match session {
            Some(session) => self.ends.sessions.entry((origin, session)).or_default(),
            None => self.ends.resets.entry(origin).or_default(),
        };
        let at = times.partition_point(|other| *other < time);
        if times.get(at) != Some(&time) {
            times.insert(at, time);
            self.ends.len += 1;
        }
        if times.len() > ENDS_MAX {
            times.remove(0);
            self.ends.len -= 1;
        }
        if self.ends.len > self.len_max / ENDS_SHARE {
            self.shrink_ends(now);
        }
        self.shrink(now);
    }

    /// At their share of the bound, the oldest ends go, a quarter of them at a time. What they ended
    /// goes with them, lest it come back to life, and nothing before is answered.
    fn shrink_ends(&mut self, now: i64) {
        let all = self.ends.sessions.values().chain(self.ends.resets.values());
        let mut all: Vec<i64> = all.flatten().copied().collect();
        all.sort_unstable();
        let Some(newest) = all.get(all.len() / 4).copied() else {
            return;
        };
        let before = self.len();
        let ends = &self.ends;
        let stopped = |point: &Point| {
            let it = &point.what.content;
            let up_to = |times: &[i64]| times.iter().rfind(|time| **time <= newest).copied();
            let session = it
                .session
                .map_or(&[][..], |id| ends.of_session(it.origin, id));
            class(it.source) == Class::Session
                && up_to(session).is_some_and(|stop| stop >= point.time)
                || up_to(ends.resets(&it.origin)).is_some_and(|reset| reset > point.time)
        };
        for points in self.lanes.values_mut() {
            let count = points.len();
            points.retain(|point| !stopped(point));
            self.len -= count - points.len();
        }
        self.lanes.retain(|_, points| !points.is_empty());
        self.unlink();
        self.ends.len = retain_times(&mut self.ends.sessions, newest)
            + retain_times(&mut self.ends.resets, newest);
        self.evicted += (before - self.len()) as u64;
        self.horizon = self.horizon.max(newest.min(now));
    }

    /// A line of a log with this time: where it lies well before an earlier line's by the same
    /// clock, that was set back (or summer time ended), and what it says of that stretch is not to
    /// be trusted.
    pub(super) fn log_time(&mut self, clock: Tag, time: i64) -> bool {
        let newest = self.ends.newest.entry(clock).or_insert(time);
        let backwards = time < newest.saturating_sub(BACKWARDS_NS);
        if backwards {
            let all = self.ends.disputed.entry(clock).or_default();
            match all.iter_mut().find(|it| it.1 == *newest) {
                Some(stretch) => stretch.0 = stretch.0.min(time),
                None => all.push((time, *newest)),
            }
            if all.len() > ENDS_MAX {
                all.remove(0);
            }
        }
        *newest = (*newest).max(time);
        backwards
    }

    /// The clock to follow for a line of this log: its host's, while there are few; else one for
    /// all the others. Those may then contradict each other, and nobody is named.
    pub(super) fn clock(&self, host: Option<Tag>, log: Tag) -> Tag {
        let newest = &self.ends.newest;
        let fits = |host: &Tag| newest.len() < CLOCKS_MAX || newest.contains_key(host);
        host.filter(fits).unwrap_or(log)
    }

    /// Forgets what has been over for `keep_ns`.
    pub(super) fn tick(&mut self, now: i64) {
        self.horizon = self.horizon.max(now.saturating_sub(self.keep_ns));
        let horizon = self.horizon;
        self.erased.retain(|_, before| *before > horizon);
        let mut emptied = false;
        while let Some((due, lane)) = self.due.first().copied() {
            if due > now {
                break;
            }
            self.due.remove(&(due, lane));
            if self.sweep(lane, now) {
                self.due.insert((now.saturating_add(SWEEP_NS), lane));
            } else {
                emptied = true;
            }
        }
        if emptied {
            self.unlink();
        }
        // Ends outlive what they ended: a lane is swept within `SWEEP_NS`.
        let gone = self.horizon.saturating_sub(3 * SWEEP_NS);
        let mut left = 0;
        for map in [
            retain_times(&mut self.ends.sessions, gone),
            retain_times(&mut self.ends.resets, gone),
        ] {
            left += map;
        }
        self.ends.len = left;
        self.ends.disputed.retain(|_, all| {
            all.retain(|(_, to)| *to > gone);
            !all.is_empty()
        });
        self.ends.newest.retain(|_, newest| *newest > gone);
    }

    /// Drops points of a lane that have been over for long; is any left?
    fn sweep(&mut self, lane: Tag, now: i64) -> bool {
        let Some(points) = self.lanes.get_mut(&lane) else {
            return false;
        };
        let over = now.saturating_sub(self.keep_ns);
        let ends = Lane::new(points, &self.ends, self.bounds, &|_| false).ends();
        let before = points.len();
        let mut ends = ends.into_iter();
        points.retain(|_| ends.next().is_none_or(|end| end > over));
        drop_middles(points, over);
        drop_idle_ends(points, over);
        self.len -= before - points.len();
        if points.is_empty() {
            self.lanes.remove(&lane);
            return false;
        }
        true
    }

    /// Forgets the devices of addresses that are gone.
    fn unlink(&mut self) {
        let lanes = &self.lanes;
        self.losses.retain(|lane, _| lanes.contains_key(lane));
        self.devices.retain(|_, of| {
            of.retain(|lane| lanes.contains_key(lane));
            !of.is_empty()
        });
    }

    /// At the bound, what ended first goes, a sixteenth at a time.
    fn shrink(&mut self, now: i64) {
        if self.len() <= self.len_max {
            return;
        }
        let mut all: Vec<(i64, Tag, usize)> = Vec::with_capacity(self.len);
        for (lane, points) in &self.lanes {
            let ends = Lane::new(points, &self.ends, self.bounds, &|_| false).ends();
            all.extend(
                ends.into_iter()
                    .enumerate()
                    .map(|(at, end)| (end, *lane, at)),
            );
        }
        all.sort_unstable();
        all.truncate(self.len_max / 16 + 1);
        if let Some((end, ..)) = all.last() {
            self.horizon = self.horizon.max((*end).min(now));
        }
        // From the back, so that the places before stay what they are.
        all.sort_unstable_by_key(|(_, lane, at)| (*lane, std::cmp::Reverse(*at)));
        for (_, lane, at) in all {
            if let Some(points) = self.lanes.get_mut(&lane)
                && at < points.len()
            {
                points.remove(at);
                self.len -= 1;
                self.evicted += 1;
            }
        }
        self.lanes.retain(|_, points| !points.is_empty());
        self.unlink();
    }
}

fn retain_times<K: Eq + std::hash::Hash>(map: &mut HashMap<K, Vec<i64>>, gone: i64) -> usize {
    let mut left = 0;
    map.retain(|_, times| {
        times.retain(|time| *time > gone);
        left += times.len();
        !times.is_empty()
    });
    left
}

/// A host that asks for a ticket, or tells its address, every second says the same each time: of
/// three repeats within a minute the middle one moves to the end. Sessions are left alone.
fn thinned(points: &mut Vec<Point>, at: usize, point: &Point) -> bool {
    let source = point.what.content.source;
    if at != points.len()
        || point.what.content.act != FactAct::Holds
        || matches!(source, FactSource::Radius | FactSource::AaaLog)
    {
        return false;
    }
    let same = |it: &&Point| it.what.content == point.what.content;
    let mut last = points.iter().rev().take(8).filter(same);
    let (Some(_), Some(first)) = (last.next(), last.next()) else {
        return false;
    };
    if point.time.saturating_sub(first.time) > CLOSE_NS {
        return false;
    }
    let Some(middle) = points.iter().rposition(|it| same(&it)) else {
        return false;
    };
    let mut moved = points.remove(middle);
    moved.time = point.time;
    moved.until = moved.until.max(point.until);
    moved.learned = point.learned;
    points.push(moved);
    true
}

/// At the bound of an address, a neighbour's word goes: one between two others that say the same
/// within its validity, which nobody misses, else the eldest. Did one go, and of when is it, if it
/// is missed?
fn drop_neighbour(points: &mut Vec<Point>) -> Option<Option<i64>> {
    let is = |it: &Point| class(it.what.content.source) == Class::Neighbour;
    if points.iter().filter(|it| is(it)).count() <= NEIGHBOURS_MAX {
        return None;
    }
    let middle = points.windows(3).position(|three| {
        let [one, two, three] = three else {
            return false;
        };
        is(two)
            && one.what.content == two.what.content
            && three.what.content == two.what.content
            && one.until == i64::MAX
            && three.time.saturating_sub(one.time) <= NEIGHBOUR_NS
    });
    let at = middle.map_or_else(|| points.iter().position(is), |at| Some(at + 1));
    let gone = points.remove(at?);
    Some(middle.is_none().then_some(gone.time))
}

/// Repeats before the horizon: of a run, with nothing in between that contradicts it, the first and
/// the last are enough.
fn drop_middles(points: &mut Vec<Point>, over: i64) {
    let old = points.partition_point(|point| point.time < over);
    // For each content the place of its point before last, and of its last one.
    let mut runs: Vec<(usize, Option<usize>)> = Vec::new();
    let mut drop = vec![false; points.len()];
    for (at, point) in points.iter().enumerate().take(old) {
        let content = &point.what.content;
        runs.retain(|(last, _)| {
            let other = points.get(*last).map(|it| &it.what.content);
            other.is_some_and(|other| other == content || !breaks(content, other))
        });
        let same = |last: usize| {
            points
                .get(last)
                .is_some_and(|it| it.what.content == *content)
        };
        match runs.iter_mut().find(|(last, _)| same(*last)) {
            Some((last, before)) => {
                let covers = |at: usize| points.get(at).is_some_and(|it| it.until >= point.time);
                if before.is_some() && covers(*last) {
                    if let Some(slot) = drop.get_mut(*last) {
                        *slot = true;
                    }
                } else {
                    *before = Some(*last);
                }
                *last = at;
            }
            None => runs.push((at, None)),
        }
    }
    let mut drop = drop.into_iter();
    points.retain(|_| !drop.next().unwrap_or(false));
}

/// May the first content end what the second says?
fn breaks(one: &Content, other: &Content) -> bool {
    one.act != FactAct::Holds
        || one.device.differs(&other.device)
        || one.person != other.person && one.person.is_some()
        || one.origin == other.origin && one.session != other.session
}

/// The end of something goes when nothing is left that it could have ended.
fn drop_idle_ends(points: &mut Vec<Point>, over: i64) {
    let holds = |it: &&Point| it.what.content.act == FactAct::Holds;
    let first = points.iter().find(holds).map_or(i64::MAX, |it| it.time);
    points.retain(|it| it.what.content.act == FactAct::Holds || it.time >= first || it.time > over);
}

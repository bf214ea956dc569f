//! One address (or prefix) over time: which device had it, which people were logged in there.
//!
//! Enters: the points of the address, a moment. Leaves: the device then, and the [`Claim`]s of
//! people that held then. Never: guesses that somebody has left because they are silent.
//!
//! # When a device has the address
//! From its first point to the first point of another device (link-layer addresses decide, else
//! DHCP identifiers), or to a release. That stretch is a [`Tenure`]. Within it the device is known
//! while one of its points is in force: a lease up to its end, a neighbour's word for an hour. When
//! a device comes back while the other one's lease is still in force, two devices claim the
//! address: nobody is named.
//!
//! # When a session (RADIUS, AAA log; grade A) holds
//! From its message to its stop, to the stop of all sessions of its server, to another session that
//! the same server begins on the address (unless a later message shows the first one still going:
//! then both hold), to the end of the tenure; at most `session_hours` after its latest message, for
//! a stop may be lost. A message that comes after the stop of its own session revives nothing.
//!
//! # When a ticket (Kerberos; grade B) holds
//! From the reply to the end of the ticket, at most `ticket_hours`; to the stop of a session of that
//! person there; to the begin of another person's session; to the end of the tenure; and not beyond
//! the lease in which it was seen, unless the lease was renewed.
//!
//! # Hand-over
//! **Another person's ticket does not end one.** A terminal server with one idle user and a desk
//! that one left and another took look the same: a new name, and silence of the old one. Both hold
//! as long as both tickets run, and two people at one time are nobody. So it is ambiguous until the
//! first ticket is over or a sign shows that its holder is gone (a stop, a release, another device).
//! It is so too for [`EARLY_NS`] before the second reply: who types a password was there before the
//! KDC answered, and clocks may differ by that much (RFC 4120 section 1.6). Three people within the
//! life of a ticket show a shared machine: nobody is named there, before or after.
//!
//! # A person before the device
//! A claim made while no device was known belongs to the device that shows within five minutes;
//! one that shows later ends it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::table::{Content, Device, Ends, Point, What};
use crate::event::{FactAct, FactSource};
use crate::hits::Tag;

/// How long before its reply a ticket speaks against another person, and how long a device may
/// stay unknown.
pub(super) const EARLY_NS: i64 = 300_000_000_000;
/// How long a neighbour's word (ARP, ND) is in force.
pub(super) const NEIGHBOUR_NS: i64 = 3_600_000_000_000;
/// So many people within the life of a ticket make a shared machine.
const CROWD: usize = 3;

/// Longest validities, in nanoseconds.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) ticket_ns: i64,
    pub(super) session_ns: i64,
}

/// A stretch in which one device has the address.
#[derive(Clone)]
pub(super) struct Tenure {
    pub(super) from: i64,
    /// The next tenure, or a release; `i64::MAX` while it lasts.
    pub(super) end: i64,
    pub(super) device: Device,
}

/// Who has the address.
pub(super) enum Holder {
    /// No device is known.
    Unknown,
    /// One.
    One(Held),
    /// Two that contradict each other.
    Conflict,
}

/// A device in force.
pub(super) struct Held {
    pub(super) device: Device,
    pub(super) from: i64,
    /// The latest end among the points in force; `i64::MAX`: open.
    pub(super) until: i64,
    pub(super) learned: i64,
    pub(super) whats: Vec<Arc<What>>,
}

/// A person at the address.
pub(super) struct Claim {
    pub(super) person: Tag,
    pub(super) source: FactSource,
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) learned: i64,
    /// The clock of its log ran backwards there.
    pub(super) disputed: bool,
    pub(super) what: Arc<What>,
}

/// What kind of word a source gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Session,
    Ticket,
    Lease,
    Neighbour,
}

/// See [`Class`].
pub(super) const fn class(source: FactSource) -> Class {
    match source {
        FactSource::Radius | FactSource::AaaLog => Class::Session,
        FactSource::Kerberos => Class::Ticket,
        FactSource::Dhcp4 | FactSource::Dhcp6 | FactSource::LeaseFile | FactSource::Static => {
            Class::Lease
        }
        FactSource::Arp | FactSource::Ndp => Class::Neighbour,
    }
}

/// The points of an address, to be asked.
pub(super) struct Lane<'t> {
    points: &'t [Point],
    ends: &'t Ends,
    bounds: Bounds,
    tenures: Vec<Tenure>,
    /// Before this moment nothing is said: something of it is forgotten.
    lost: i64,
}

impl<'t> Lane<'t> {
    /// Devices whose link-layer address is a router's are left out.
    pub(super) fn new(
        points: &'t [Point],
        ends: &'t Ends,
        bounds: Bounds,
        is_router: &dyn Fn(&Tag) -> bool,
    ) -> Self {
        Self {
            points,
            ends,
            bounds,
            tenures: tenures(points, is_router),
            lost: i64::MIN,
        }
    }

    /// Nothing is said of what was before `lost`.
    pub(super) const fn since(mut self, lost: i64) -> Self {
        self.lost = lost;
        self
    }

    fn holds(&self) -> impl Iterator<Item = &'t Point> {
        let points = self.points.iter();
        points.filter(|point| point.what.content.act == FactAct::Holds)
    }

    /// The tenure in which `at` lies.
    fn tenure(&self, at: i64) -> Option<&Tenure> {
        let tenure = self.tenures.iter().rfind(|it| it.from <= at)?;
        (at < tenure.end).then_some(tenure)
    }

    /// The stretch of what was told at `time`: that of its tenure, else up to the next one.
    fn stretch(&self, time: i64) -> (i64, i64) {
        if let Some(tenure) = self.tenure(time) {
            return (tenure.from, tenure.end);
        }
        let next = self.tenures.iter().find(|it| it.from > time);
        let before = self.tenures.iter().rfind(|it| it.from <= time);
        let start = before.map_or(i64::MIN, |it| it.end);
        let end = match next {
            Some(next) if next.from <= time.saturating_add(EARLY_NS) => next.end,
            Some(next) => next.from,
            None => i64::MAX,
        };
        (start, end.min(self.released(time)))
    }

    /// The first release after `time`, of whatever device.
    fn released(&self, time: i64) -> i64 {
        let release = self.points.iter().find(|point| {
            let content = &point.what.content;
            point.time > time
                && content.act == FactAct::Ends
                && class(content.source) == Class::Lease
        });
        release.map_or(i64::MAX, |it| it.time)
    }

    /// Up to when this point is in force by itself.
    fn limit(&self, point: &Point) -> i64 {
        match class(point.what.content.source) {
            Class::Session => point
                .until
                .min(point.time.saturating_add(self.bounds.session_ns)),
            Class::Ticket => point
                .until
                .min(point.time.saturating_add(self.bounds.ticket_ns)),
            Class::Lease => point.until,
            Class::Neighbour => point.until.min(point.time.saturating_add(NEIGHBOUR_NS)),
        }
    }

    /// Which device has the address at `at`.
    pub(super) fn holder(&self, at: i64) -> Holder {
        if at < self.lost {
            return Holder::Unknown;
        }
        let Some(place) = self.tenures.iter().rposition(|it| it.from <= at) else {
            return Holder::Unknown;
        };
        let Some(tenure) = self.tenures.get(place).filter(|it| at < it.end) else {
            return Holder::Unknown;
        };
        if self.is_contested(place, at) {
            return Holder::Conflict;
        }
        let mut held = Held {
            device: tenure.device,
            from: tenure.from,
            until: i64::MIN,
            learned: i64::MIN,
            whats: Vec::new(),
        };
        for point in self.of_device(tenure, at) {
            let limit = self.limit(point).min(tenure.end);
            if limit > at && !self.is_stopped(point, at) {
                held.until = held.until.max(limit);
                held.learned = held.learned.max(point.learned);
                held.whats.push(Arc::clone(&point.what));
            }
        }
        if held.whats.is_empty() {
            Holder::Unknown
        } else {
            Holder::One(held)
        }
    }

    /// Points up to `at` that say that the tenure's device has the address.
    fn of_device(&self, tenure: &Tenure, at: i64) -> impl Iterator<Item = &'t Point> {
        let (from, device) = (tenure.from, tenure.device);
        self.holds().filter(move |point| {
            let told = point.what.content.device;
            (from..=at).contains(&point.time)
                && told.is_known()
                && !told.differs(&device)
                && !matches!(class(point.what.content.source), Class::Ticket)
        })
    }

    /// Did the device come back while the one in between still has a lease?
    fn is_contested(&self, place: usize, at: i64) -> bool {
        let (Some(now), Some(between), Some(before)) = (
            self.tenures.get(place),
            place.checked_sub(1).and_then(|it| self.tenures.get(it)),
            place.checked_sub(2).and_then(|it| self.tenures.get(it)),
        ) else {
            return false;
        };
        if now.device.differs(&before.device) || between.end < now.from {
            return false;
        }
        let Some(last) = self.of_device(between, now.from).last() else {
            return false;
        };
        let origin = last.what.content.origin;
        let replaced = self.holds().any(|point| {
            point.time > last.time
                && point.time <= at
                && point.what.content.origin == origin
                && point.what.content.device.differs(&between.device)
        });
        !replaced && self.limit(last) > at && !self.is_stopped(last, at)
    }

    /// The people whose sessions or tickets hold at `at`.
    pub(super) fn claims(&self, at: i64) -> Vec<Claim> {
        let mut seen: BTreeSet<&Content> = BTreeSet::new();
        let mut claims = Vec::new();
        if at < self.lost {
            return claims;
        }
        for point in self.holds().filter(|point| point.time <= at) {
            let content = &point.what.content;
            if !seen.insert(content) {
                continue;
            }
            let Some(person) = content.person else {
                continue;
            };
            let held = match class(content.source) {
                Class::Session => self.session_at(content, at),
                Class::Ticket => self.ticket_at(content, person, at),
                Class::Lease | Class::Neighbour => None,
            };
            let Some((from, until, last)) = held else {
                continue;
            };
            claims.push(Claim {
                person,
                source: content.source,
                from,
                until,
                learned: last.learned,
                disputed: self.ends.is_disputed(&last.clock, at),
                what: Arc::clone(&last.what),
            });
        }
        claims
    }

    /// Does this session hold? Then from when, up to when, by which point.
    fn session_at(&self, content: &Content, at: i64) -> Option<(i64, i64, &'t Point)> {
        let own = |point: &&Point| point.what.content == *content;
        let last = self.holds().filter(|it| it.time <= at).filter(own).last()?;
        let first = self.holds().find(own)?;
        let limit = self.limit(last).min(self.stretch(last.time).1);
        if at >= limit || self.is_stopped(last, at) || self.is_revived(first, last) {
            return None;
        }
        let next = self.holds().filter(own).find(|it| it.time > at);
        let stop = self.stops(content).find(|stop| *stop > at);
        for other in self
            .holds()
            .filter(|it| it.time > last.time && it.time <= at)
        {
            let it = &other.what.content;
            let another = class(it.source) == Class::Session
                && it.origin == content.origin
                && (it.person, it.session) != (content.person, content.session);
            // A later message of the same session, or its stop, shows that it was still going.
            let going = match (next, stop) {
                (Some(next), _) if content.session.is_some() => next.time > other.time,
                (Some(next), Some(stop)) => stop < next.time,
                (None, Some(_)) => true,
                _ => false,
            };
            if another && !going {
                return None;
            }
        }
        let until = stop.unwrap_or(i64::MAX).min(limit);
        Some((first.time.max(self.stretch(last.time).0), until, last))
    }

    /// Is what this point says stopped by `at`, by a stop or by its server?
    fn is_stopped(&self, point: &Point, at: i64) -> bool {
        let content = &point.what.content;
        let stopped = |stop: i64| stop >= point.time && stop <= at;
        class(content.source) == Class::Session && self.stops(content).any(stopped)
            || self
                .ends
                .resets(&content.origin)
                .iter()
                .any(|reset| *reset > point.time && *reset <= at)
    }

    /// Is it a late message of a session that had been stopped?
    fn is_revived(&self, first: &Point, last: &Point) -> bool {
        let content = &last.what.content;
        content.session.is_some()
            && self.stops(content).any(|stop| {
                let resets = self.ends.resets(&content.origin);
                stop >= first.time
                    && stop < last.time
                    && !resets.iter().any(|it| *it > stop && *it <= last.time)
            })
    }

    /// The stops of a session, in order: by its id, or (without ids) of that person by that server.
    fn stops(&self, content: &Content) -> impl Iterator<Item = i64> {
        let by_id = content
            .session
            .map_or(&[][..], |id| self.ends.of_session(content.origin, id));
        let (origin, session, person) = (content.origin, content.session, content.person);
        let here = self.points.iter().filter(move |point| {
            let it = &point.what.content;
            it.act == FactAct::Ends
                && class(it.source) == Class::Session
                && it.origin == origin
                && match (it.session, session) {
                    (None, _) => it.person.is_none() || it.person == person,
                    (Some(_), None) => it.person.is_some() && it.person == person,
                    // Both have an id: that is `by_id`.
                    (Some(_), Some(_)) => false,
                }
        });
        let mut all: Vec<i64> = by_id
            .iter()
            .copied()
            .chain(here.map(|it| it.time))
            .collect();
        all.sort_unstable();
        all.into_iter()
    }

    /// Does a ticket of this person hold? As [`Self::session_at`].
    fn ticket_at(&self, content: &Content, person: Tag, at: i64) -> Option<(i64, i64, &'t Point)> {
        let own = |point: &&Point| point.what.content == *content;
        let last = self.holds().filter(|it| it.time <= at).filter(own).last()?;
        let (start, end) = self.stretch(last.time);
        if at >= end {
            return None;
        }
        let gone = self.gone_before(person, at);
        let start = start.max(gone.saturating_add(1));
        let all = self.holds().filter(own);
        let mut from = None;
        let mut until = i64::MIN;
        for point in all.filter(|it| (start..=at).contains(&it.time)) {
            let limit = self.limit(point).min(self.cover(point));
            from = from.or(Some(point.time));
            until = until.max(limit);
        }
        let until = until.min(end);
        (at < until).then_some((from?, until, last))
    }

    /// The latest moment up to `at` at which this person was told to be gone: a stop of their
    /// session, or the begin of another person's.
    fn gone_before(&self, person: Tag, at: i64) -> i64 {
        let mut gone = i64::MIN;
        let mut begun: BTreeSet<&Content> = BTreeSet::new();
        for point in self.points.iter().take_while(|it| it.time <= at) {
            let content = &point.what.content;
            if class(content.source) != Class::Session {
                continue;
            }
            let holds = content.act == FactAct::Holds;
            if !holds && content.person == Some(person) {
                gone = gone.max(point.time);
            }
            if holds && begun.insert(content) {
                match content.person {
                    Some(other) if other != person => gone = gone.max(point.time),
                    Some(_) => {
                        let stop = self.stops(content).take_while(|stop| *stop <= at).last();
                        gone = gone.max(stop.unwrap_or(i64::MIN));
                    }
                    None => {}
                }
            }
        }
        gone
    }

    /// Up to when the lease runs in which this was told, with its renewals; open when there is none.
    fn cover(&self, point: &Point) -> i64 {
        let Some(tenure) = self.tenure(point.time) else {
            return i64::MAX;
        };
        let is_lease = |it: &&Point| class(it.what.content.source) == Class::Lease;
        let told = || self.of_device(tenure, i64::MAX);
        let before = told().filter(is_lease).filter(|it| it.time <= point.time);
        let Some(mut cover) = before
            .map(|it| self.limit(it))
            .filter(|limit| *limit > point.time)
            .max()
        else {
            return i64::MAX;
        };
        for later in told() {
            if later.time > cover {
                break;
            }
            cover = cover.max(self.limit(later));
        }
        cover
    }

    /// People whose ticket comes within [`EARLY_NS`] after `at`, on the same device.
    pub(super) fn coming(&self, at: i64) -> impl Iterator<Item = Tag> {
        let end = self.stretch(at).1.min(at.saturating_add(EARLY_NS));
        self.tickets(at.saturating_add(1), end)
    }

    /// Does the machine show more people than one sits at, within the life of a ticket?
    pub(super) fn crowd(&self, at: i64) -> BTreeSet<Tag> {
        let (from, end) = self.stretch(at);
        let life = self.bounds.ticket_ns;
        let from = from.max(at.saturating_sub(life));
        let end = end.min(at.saturating_add(life));
        self.tickets(from, end).collect()
    }

    fn tickets(&self, from: i64, end: i64) -> impl Iterator<Item = Tag> {
        let within = self
            .holds()
            .filter(move |it| (from..end).contains(&it.time));
        within
            .filter(|it| class(it.what.content.source) == Class::Ticket)
            .filter_map(|it| it.what.content.person)
    }

    /// For each point, the moment from which it says nothing any more (`i64::MAX`: it may yet).
    /// The first point of a run lasts as long as the run: it tells since when.
    pub(super) fn ends(&self) -> Vec<i64> {
        let mut ends = vec![i64::MAX; self.points.len()];
        for (at, point) in self.points.iter().enumerate().rev() {
            if point.what.content.act != FactAct::Holds {
                continue;
            }
            let mut end = self.limit(point).min(self.stretch(point.time).1);
            if class(point.what.content.source) == Class::Ticket {
                end = end.min(self.cover(point));
            }
            let stops = class(point.what.content.source) == Class::Session;
            // Only sessions have stops, and to look for them takes a walk through the lane.
            let stop = stops
                .then(|| {
                    let mut all = self.stops(&point.what.content);
                    all.find(|it| *it >= point.time)
                })
                .flatten();
            let resets = self.ends.resets(&point.what.content.origin).iter();
            let reset = resets.copied().find(|it| *it > point.time);
            end = end
                .min(stop.unwrap_or(i64::MAX))
                .min(reset.unwrap_or(i64::MAX));
            let mut later = self.points.iter().enumerate().skip(at + 1);
            let again = later.find(|(_, it)| it.what.content == point.what.content);
            match again {
                Some((next, it)) if it.time <= end => {
                    end = end.max(*ends.get(next).unwrap_or(&end));
                }
                None if stops => end = end.min(self.replaced(point)),
                _ => {}
            }
            if let Some(slot) = ends.get_mut(at) {
                *slot = end;
            }
        }
        ends
    }

    /// When the same server began another session here.
    fn replaced(&self, point: &Point) -> i64 {
        let content = &point.what.content;
        let another = self.holds().find(|other| {
            let it = &other.what.content;
            other.time > point.time
                && class(it.source) == Class::Session
                && it.origin == content.origin
                && (it.person, it.session) != (content.person, content.session)
        });
        let stop = self.stops(content).find(|stop| *stop >= point.time);
        another.map_or(i64::MAX, |it| it.time.max(stop.unwrap_or(i64::MIN)))
    }
}

/// See the head of this file.
fn tenures(points: &[Point], is_router: &dyn Fn(&Tag) -> bool) -> Vec<Tenure> {
    let mut all: Vec<Tenure> = Vec::new();
    for point in points {
        let content = &point.what.content;
        let device = content.device;
        if content.act == FactAct::Ends {
            if class(content.source) == Class::Lease
                && let Some(last) = all.last_mut()
                && last.end == i64::MAX
                && !device.differs(&last.device)
            {
                last.end = point.time;
            }
            continue;
        }
        if !device.is_known() || device.mac.is_some_and(|mac| is_router(&mac)) {
            continue;
        }
        match all.last_mut() {
            Some(last) if last.end == i64::MAX && !device.differs(&last.device) => {
                last.device = last.device.with(&device);
            }
            Some(last) => {
                last.end = last.end.min(point.time);
                all.push(Tenure {
                    from: point.time,
                    end: i64::MAX,
                    device,
                });
            }
            None => all.push(Tenure {
                from: point.time,
                end: i64::MAX,
                device,
            }),
        }
    }
    all
}

/// Is it a crowd? See [`Lane::crowd`].
pub(super) fn is_crowd(people: &BTreeSet<Tag>) -> bool {
    people.len() >= CROWD
}

//! Connections that tell no name, joined with the look-up that led to their address.
//!
//! Enters: addresses out of DNS answers, whose name matched or not; then connections without a
//! name. Leaves: the name that the same client had resolved to that address, with how sure that
//! is. Never: keeps a name that did not match (keyed hashes of client, address and name stand in
//! their place, in memory, until the answer is out of date); grows; takes an answer that nobody asked
//! for; joins a connection that began before the look-up.
//!
//! How sure: [`SURE`] percent, divided by the number of names that this client resolved to that
//! address; less by a quarter when others resolved other names to it, and by a third when it lies in
//! a network that many sites share. Below [`SURE_MIN`] percent nothing is told, only counted.

use std::collections::HashMap;
use std::net::IpAddr;

use ahash::RandomState;
use bytemuck::Zeroable;

use crate::base::Timestamp;
use crate::blocklist::shared_networks;
use ipnet::IpNet;

/// Percent when nothing speaks against it. Not more: the connection itself told nothing.
const SURE: u32 = 80;
/// Percent below which a join is not told.
const SURE_MIN: u32 = 25;
/// From so many percent on, what it rests on has medium confidence, below low.
pub(super) const SURE_MEDIUM: u32 = 50;
/// Connections are made a while after an answer ran out: programs keep what they resolved.
const MARGIN_NS: u64 = 60_000_000_000;
/// So long after it ran out a name that matched is still there: what becomes of a connection is
/// known minutes after it began (see the idle times of `flow::tcp`).
const KEPT_NS: i64 = 720_000_000_000;
/// Bounds of the time to live: some resolvers say 0, nobody needs a day.
const TTL_MIN_S: u32 = 10;
const TTL_MAX_S: u32 = 3600;
/// Pairs of client and address whose name matched, at once; the first to run out gives way.
const MATCHED_MAX: usize = 1024;
/// So many give way at once: looking for them costs a walk over all.
const ROOM: usize = 128;
/// So much of the message is kept as evidence.
const EVIDENCE_LEN_MAX: usize = 512;
/// Longest name kept: what DNS can carry. One with escapes may be longer in its normal form.
const NAME_LEN_MAX: usize = 255;
/// Addresses of one answer that are looked at.
pub(super) const ADDRESSES_MAX: usize = 32;
/// Places in each of the two tables of counts, in sets of [`WAYS`]: a quarter of the connections that
/// are tracked, within these bounds (40 bytes each). Where a client's own place was pushed out, the
/// join is not told.
const COUNTS_MIN: usize = 1 << 10;
const COUNTS_MAX: usize = 1 << 20;
const WAYS: usize = 4;
/// Different names counted at one place; more count as so many.
const NAMES_MAX: usize = 6;

/// A name that matched, and the answer that gave its address. Of a fixed size: nothing is
/// allocated when one is learnt.
#[derive(Clone)]
pub(super) struct Matched {
    name: [u8; NAME_LEN_MAX],
    name_len: u8,
    /// Type of the question.
    pub qtype: u16,
    evidence: [u8; EVIDENCE_LEN_MAX],
    evidence_len: u16,
    until: Timestamp,
    since: Timestamp,
}

impl Matched {
    /// Normal form.
    pub fn name(&self) -> &[u8] {
        self.name
            .get(..usize::from(self.name_len))
            .unwrap_or_default()
    }

    /// The message, or its head.
    pub fn evidence(&self) -> &[u8] {
        let len = usize::from(self.evidence_len);
        self.evidence.get(..len).unwrap_or_default()
    }
}

/// What a connection without a name is told to be.
pub(super) struct Joined<'j> {
    pub matched: &'j Matched,
    /// How sure, in percent.
    pub percent: u8,
}

/// Answer to a connection.
pub(super) enum Answer<'j> {
    /// This client resolved no name that matched to this address.
    Nothing,
    /// It did, but too many names share the address.
    Unsure,
    /// It did.
    Joined(Joined<'j>),
}

/// Different names seen at one place, as keyed hashes.
#[derive(Clone, Copy, Default, Zeroable)]
#[repr(C)]
struct Count {
    key: u64,
    until: i64,
    names: [u32; NAMES_MAX],
}

impl Count {
    fn len(&self) -> u32 {
        self.names.iter().filter(|name| **name != 0).count() as u32
    }

    fn note(&mut self, name: u32) {
        if self.names.contains(&name) {
            return;
        }
        if let Some(free) = self.names.iter_mut().find(|place| **place == 0) {
            *free = name;
        }
    }
}

/// Counts by key, in a fixed table of sets.
struct Counts(Box<[Count]>);

impl Counts {
    /// For `flows` connections: a power of two.
    fn new(flows: usize) -> Self {
        let places = (flows / 4)
            .clamp(COUNTS_MIN, COUNTS_MAX)
            .next_power_of_two();
        Self(bytemuck::allocation::zeroed_slice_box(places))
    }

    fn set(&self, key: u64) -> std::ops::Range<usize> {
        let last = (self.0.len() / WAYS).wrapping_sub(1);
        let first = (key as usize & last).wrapping_mul(WAYS);
        first..first.wrapping_add(WAYS)
    }

    fn note(&mut self, key: u64, name: u32, now: Timestamp, until: Timestamp) {
        let set = self.set(key);
        let places = self.0.get_mut(set).unwrap_or_default();
        let known = places.iter().position(|place| place.key == key);
        let oldest = || {
            let ends = places
                .iter()
                .enumerate()
                .min_by_key(|(_, place)| place.until);
            ends.map_or(0, |(index, _)| index)
        };
        let index = known.unwrap_or_else(oldest);
        let Some(place) = places.get_mut(index) else {
            return;
        };
        if place.key != key || place.until < now.nanos() {
            *place = Count {
                key,
                ..Count::default()
            };
        }
        place.until = place.until.max(until.nanos());
        place.note(name);
    }

    fn at(&self, key: u64, now: Timestamp) -> u32 {
        let places = self.0.get(self.set(key)).unwrap_or_default();
        let known = places.iter().find(|place| place.key == key);
        known
            .filter(|place| place.until >= now.nanos())
            .map_or(0, Count::len)
    }
}

/// What clients resolved, for a while. No `Debug`: it holds addresses of people.
pub(super) struct Joins {
    matched: HashMap<(IpAddr, IpAddr), Matched, RandomState>,
    /// For [`Self::make_room`].
    ends: Vec<Timestamp>,
    /// Names by client and address, and by address alone.
    own: Counts,
    all: Counts,
    /// Networks that many sites share.
    shared: Vec<IpNet>,
    hash: RandomState,
}

/// One answer, for [`Joins::learn`].
pub(super) struct Answered<'a> {
    pub client: IpAddr,
    pub time: Timestamp,
    /// The name asked, in normal form: hashed, not kept.
    pub name: &'a [u8],
    pub message: &'a [u8],
}

impl Joins {
    /// Allocates all that it will ever need, for a worker that tracks about `flows` connections.
    pub fn new(flows: usize, seed: Option<u64>) -> Self {
        let hash = match seed {
            Some(seed) => RandomState::with_seeds(seed, seed ^ 5, seed ^ 6, seed ^ 7),
            None => RandomState::new(),
        };
        Self {
            // Twice, because removing leaves marks that count until the map is cleaned up.
            matched: HashMap::with_capacity_and_hasher(MATCHED_MAX * 2, hash.clone()),
            ends: Vec::with_capacity(MATCHED_MAX),
            own: Counts::new(flows),
            all: Counts::new(flows),
            shared: shared_networks(),
            hash,
        }
    }

    /// `ip` stood in an answer to a client, for `ttl` seconds; `found` is the name in it that
    /// matched, if one did.
    pub fn learn(
        &mut self,
        answer: &Answered<'_>,
        (ip, ttl): (IpAddr, u32),
        found: Option<(&[u8], u16)>,
    ) {
        // What a blocker answers leads nowhere.
        if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
            return;
        }
        let now = answer.time;
        let life_ns = u64::from(ttl.clamp(TTL_MIN_S, TTL_MAX_S)).wrapping_mul(1_000_000_000);
        let until = Timestamp(
            now.nanos()
                .saturating_add(life_ns.wrapping_add(MARGIN_NS) as i64),
        );
        // 0 marks a free place.
        let name = (self.hash.hash_one(answer.name) as u32).max(1);
        let own = self.hash.hash_one((answer.client, ip));
        self.own.note(own, name, now, until);
        self.all.note(self.hash.hash_one(ip), name, now, until);
        let Some((name, qtype)) = found else {
            return;
        };
        let pair = (answer.client, ip);
        if self.matched.len() >= MATCHED_MAX && !self.matched.contains_key(&pair) {
            self.make_room(now);
        }
        // A connection from before this name was resolved is not joined with it, though another
        // name had led to the same address.
        let same = |old: &&Matched| old.until >= now && old.name() == name;
        let since = self.matched.get(&pair).filter(same);
        let mut matched = Matched {
            name: [0; NAME_LEN_MAX],
            name_len: 0,
            qtype,
            evidence: [0; EVIDENCE_LEN_MAX],
            evidence_len: 0,
            until,
            since: since.map_or(now, |old| old.since),
        };
        let Some(place) = matched.name.get_mut(..name.len()) else {
            return;
        };
        place.copy_from_slice(name);
        matched.name_len = name.len() as u8;
        let head = answer.message.len().min(EVIDENCE_LEN_MAX);
        if let (Some(to), Some(from)) =
            (matched.evidence.get_mut(..head), answer.message.get(..head))
        {
            to.copy_from_slice(from);
            matched.evidence_len = head as u16;
        }
        self.matched.insert(pair, matched);
    }

    /// What has run out goes; when that is too little, what runs out first.
    #[cold]
    fn make_room(&mut self, now: Timestamp) {
        self.matched.retain(|_, matched| matched.until >= now);
        let room = MATCHED_MAX.saturating_sub(self.matched.len());
        let surplus = ROOM.saturating_sub(room);
        let Some(place) = surplus.checked_sub(1) else {
            return;
        };
        self.ends.clear();
        let ends = self.matched.values().map(|matched| matched.until);
        self.ends.extend(ends);
        let (before, last, _) = self.ends.select_nth_unstable(place);
        let last = *last;
        let sooner = before.iter().filter(|until| **until < last).count();
        // Of those that run out together as many as are needed.
        let mut others = surplus.saturating_sub(sooner);
        self.matched.retain(|_, matched| {
            let one_of_them = matched.until == last && others > 0;
            others = others.saturating_sub(usize::from(one_of_them));
            matched.until >= last && !one_of_them
        });
    }

    /// Did anybody resolve a name that matched?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.matched.is_empty()
    }

    /// A connection of `client` to `server` that told no name and began at `begun`.
    pub fn find(&self, client: IpAddr, server: IpAddr, begun: Timestamp) -> Answer<'_> {
        let known = self.matched.get(&(client, server));
        let timely = |m: &&Matched| m.since <= begun && begun <= m.until;
        let Some(matched) = known.filter(timely) else {
            return Answer::Nothing;
        };
        let own = self.own.at(self.hash.hash_one((client, server)), begun);
        let all = self.all.at(self.hash.hash_one(server), begun);
        // What was pushed out of a table is not known to be alone.
        let names = if own == 0 { NAMES_MAX as u32 } else { own };
        let mut percent = SURE.checked_div(names).unwrap_or(0);
        if all != own {
            percent = percent.saturating_mul(3) / 4;
        }
        if self.shared.iter().any(|net| net.contains(&server)) {
            percent = percent.saturating_mul(2) / 3;
        }
        if percent < SURE_MIN {
            return Answer::Unsure;
        }
        Answer::Joined(Joined {
            matched,
            percent: percent as u8,
        })
    }

    /// Forgets what ran out [`KEPT_NS`] ago.
    pub fn sweep(&mut self, now: Timestamp) {
        if !self.matched.is_empty() {
            let gone = Timestamp(now.nanos().saturating_sub(KEPT_NS));
            self.matched.retain(|_, matched| matched.until >= gone);
        }
    }
}

#[cfg(test)]
mod tests;

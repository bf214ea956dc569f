//! A fixed table of flows: sets of eight, the longest idle makes room.
//!
//! Hostile flows cost the attacker a set of eight entries, never more of our time or memory: the
//! hash is keyed, a look-up reads at most eight tags and the keys behind equal ones.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use ahash::RandomState;
use bytemuck::Zeroable;

use crate::base::{Endpoints, Transport};

/// Entries per set.
const WAYS: usize = 8;

/// Both directions of a flow under one key: the lower endpoint first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Zeroable)]
#[repr(C)]
pub struct Key {
    low: [u8; 16],
    high: [u8; 16],
    low_port: u16,
    high_port: u16,
    /// IANA number, with bit 8 set for IPv4 (so that ::ffff:a.b.c.d is not a.b.c.d).
    kind: u16,
}

/// Three whole words: derived, each array would bring its length and its own round.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u64::from(self.low_port) << 32 | u64::from(self.high_port) << 16;
        state.write_u128(u128::from_ne_bytes(self.low));
        state.write_u128(u128::from_ne_bytes(self.high));
        state.write_u64(ports | u64::from(self.kind));
    }
}

/// Which endpoint of a [`Key`] sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The lower one.
    Low = 0,
    /// The higher one.
    High = 1,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

impl Key {
    /// The key of a packet's flow, and which side sent the packet.
    pub fn of(ends: &Endpoints) -> (Self, Side) {
        let (src, v4) = bytes(ends.src);
        let (dst, _) = bytes(ends.dst);
        let kind = u16::from(ends.transport.number()) | if v4 { 0x100 } else { 0 };
        let (low, high, side) = if (src, ends.sport) <= (dst, ends.dport) {
            ((src, ends.sport), (dst, ends.dport), Side::Low)
        } else {
            ((dst, ends.dport), (src, ends.sport), Side::High)
        };
        let key = Self {
            low: low.0,
            high: high.0,
            low_port: low.1,
            high_port: high.1,
            kind,
        };
        (key, side)
    }

    /// Which side is likelier the client, when no packet said so: servers listen on the lower port.
    pub const fn likely_client(&self) -> Side {
        if self.high_port > self.low_port {
            Side::High
        } else {
            Side::Low
        }
    }

    /// The ports of the lower and of the higher endpoint.
    pub const fn ports(&self) -> (u16, u16) {
        (self.low_port, self.high_port)
    }

    /// TCP or UDP.
    pub const fn transport(&self) -> Transport {
        if self.kind & 0xff == 6 {
            Transport::Tcp
        } else {
            Transport::Udp
        }
    }

    /// The flow's endpoints as a packet sent by `side` would show them.
    pub fn endpoints(&self, side: Side) -> Endpoints {
        let v4 = self.kind & 0x100 != 0;
        let ends = Endpoints {
            src: address(self.low, v4),
            dst: address(self.high, v4),
            sport: self.low_port,
            dport: self.high_port,
            transport: self.transport(),
        };
        match side {
            Side::Low => ends,
            Side::High => ends.reversed(),
        }
    }
}

fn bytes(ip: IpAddr) -> ([u8; 16], bool) {
    match ip {
        IpAddr::V4(v4) => {
            let mut out = [0; 16];
            if let Some(head) = out.first_chunk_mut::<4>() {
                *head = v4.octets();
            }
            (out, true)
        }
        IpAddr::V6(v6) => (v6.octets(), false),
    }
}

fn address(bytes: [u8; 16], v4: bool) -> IpAddr {
    match bytes.first_chunk::<4>() {
        Some(head) if v4 => IpAddr::from(*head),
        _ => IpAddr::from(bytes),
    }
}

#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Entry<V> {
    key: Key,
    /// Packet time of the newest packet, in seconds since the epoch (wraps in 2106).
    last_s: u32,
    value: V,
}

/// A table of a fixed number of flows.
pub struct Table<V> {
    /// One tag per entry, 0 = free; eight of them fit 16 bytes.
    tags: Vec<[u16; WAYS]>,
    entries: Vec<Entry<V>>,
    hash: RandomState,
    used: usize,
    hand: usize,
}

/// An entry found or made.
pub struct Found<V> {
    /// Where it stands, for [`Table::value`].
    pub index: usize,
    /// Was it made just now?
    pub new: bool,
    /// The flow that had to go for it.
    pub evicted: Option<(Key, V)>,
}

impl<V: Zeroable + Copy> Table<V> {
    /// A table for about `flows` flows (rounded up to a power of two, at least 64). The kernel
    /// maps its pages when first used. `seed` of `None` takes a random hash key.
    pub fn new(flows: usize, seed: Option<u64>) -> Self {
        let sets = flows.div_ceil(WAYS).max(8).next_power_of_two();
        let hash = match seed {
            Some(seed) => RandomState::with_seeds(seed, seed ^ 1, seed ^ 2, seed ^ 3),
            None => RandomState::new(),
        };
        Self {
            tags: bytemuck::allocation::zeroed_vec(sets),
            entries: bytemuck::allocation::zeroed_vec(sets.saturating_mul(WAYS)),
            hash,
            used: 0,
            hand: 0,
        }
    }

    /// Flows in the table.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Is it empty?
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn place(&self, key: &Key) -> (usize, u16) {
        let hash = self.hash.hash_one(key);
        // The number of sets is a power of two, and at least 8.
        let set = (hash as usize) & self.tags.len().wrapping_sub(1);
        ((set), ((hash >> 48) as u16).max(1))
    }

    fn lookup(&self, key: &Key, set: usize, tag: u16) -> Option<usize> {
        let tags = self.tags.get(set)?;
        for (way, &t) in tags.iter().enumerate() {
            let index = set.wrapping_mul(WAYS).wrapping_add(way);
            if t == tag && self.entries.get(index).is_some_and(|e| e.key == *key) {
                return Some(index);
            }
        }
        None
    }

    /// Where the flow of `key` stands, if it is in the table; its idle clock goes on.
    pub fn position(&self, key: &Key) -> Option<usize> {
        let (set, tag) = self.place(key);
        self.lookup(key, set, tag)
    }

    /// The flow of `key`, if it is in the table; its idle clock starts anew at `now_s`.
    pub fn find(&mut self, key: &Key, now_s: u32) -> Option<usize> {
        let (set, tag) = self.place(key);
        let index = self.lookup(key, set, tag)?;
        if let Some(entry) = self.entries.get_mut(index) {
            entry.last_s = now_s;
        }
        Some(index)
    }

    /// The flow of `key`, made (all zero) if it was not there.
    pub fn find_or_insert(&mut self, key: &Key, now_s: u32) -> Found<V> {
        let (set, tag) = self.place(key);
        if let Some(index) = self.lookup(key, set, tag) {
            if let Some(entry) = self.entries.get_mut(index) {
                entry.last_s = now_s;
            }
            return Found {
                index,
                new: false,
                evicted: None,
            };
        }
        let way = self.roomiest(set, now_s);
        let index = set.wrapping_mul(WAYS).wrapping_add(way);
        let mut evicted = None;
        let free = self
            .tags
            .get(set)
            .and_then(|t| t.get(way))
            .is_none_or(|t| *t == 0);
        if free {
            self.used = self.used.saturating_add(1);
        } else {
            evicted = self.entries.get(index).map(|e| (e.key, e.value));
        }
        if let Some(t) = self.tags.get_mut(set).and_then(|t| t.get_mut(way)) {
            *t = tag;
        }
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = Entry {
                key: *key,
                last_s: now_s,
                value: V::zeroed(),
            };
        }
        Found {
            index,
            new: true,
            evicted,
        }
    }

    /// A free way of the set, else the longest idle one.
    fn roomiest(&self, set: usize, now_s: u32) -> usize {
        let tags = self.tags.get(set).copied().unwrap_or_default();
        let mut best = (0, 0u32);
        for (way, &t) in tags.iter().enumerate() {
            if t == 0 {
                return way;
            }
            let index = set.wrapping_mul(WAYS).wrapping_add(way);
            let idle = self
                .entries
                .get(index)
                .map_or(0, |e| now_s.saturating_sub(e.last_s));
            if idle >= best.1 {
                best = (way, idle);
            }
        }
        best.0
    }

    /// The value at an index from [`Table::find`].
    pub fn value(&mut self, index: usize) -> Option<&mut V> {
        self.entries.get_mut(index).map(|e| &mut e.value)
    }

    /// The idle clock of the flow at an index starts anew at `now_s`.
    pub fn touch(&mut self, index: usize, now_s: u32) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.last_s = now_s;
        }
    }

    /// Takes the flow of `key` out of the table.
    pub fn remove(&mut self, key: &Key) -> Option<V> {
        let (set, tag) = self.place(key);
        let index = self.lookup(key, set, tag)?;
        *self.tags.get_mut(set)?.get_mut(index % WAYS)? = 0;
        self.used = self.used.saturating_sub(1);
        self.entries.get(index).map(|entry| entry.value)
    }

    /// Looks at the next `sets` sets: every flow there is shown to `gone(idle seconds, key,
    /// value)`, and leaves the table when the answer is yes.
    pub fn sweep(
        &mut self,
        sets: usize,
        now_s: u32,
        mut gone: impl FnMut(u32, &Key, &mut V) -> bool,
    ) {
        for _ in 0..sets.min(self.tags.len()) {
            let set = self.hand;
            self.hand = self.hand.wrapping_add(1) & self.tags.len().wrapping_sub(1);
            let Some(tags) = self.tags.get_mut(set).filter(|tags| **tags != [0; WAYS]) else {
                continue;
            };
            for (way, tag) in tags.iter_mut().enumerate() {
                if *tag == 0 {
                    continue;
                }
                let index = set.wrapping_mul(WAYS).wrapping_add(way);
                let Some(entry) = self.entries.get_mut(index) else {
                    return;
                };
                let idle_s = now_s.saturating_sub(entry.last_s);
                if gone(idle_s, &entry.key, &mut entry.value) {
                    *tag = 0;
                    self.used = self.used.saturating_sub(1);
                }
            }
        }
    }

    /// Places for flows: every index lies below.
    pub const fn places(&self) -> usize {
        self.entries.len()
    }

    /// Number of sets, for a sweep over everything.
    pub const fn sets(&self) -> usize {
        self.tags.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(n: u16) -> Endpoints {
        Endpoints {
            src: "10.0.0.1".parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            sport: n,
            dport: 443,
            transport: Transport::Tcp,
        }
    }

    #[test]
    fn both_directions_share_a_key() {
        let (a, side_a) = Key::of(&ends(5));
        let (b, side_b) = Key::of(&ends(5).reversed());
        assert_eq!(a, b);
        assert_eq!(side_a, side_b.other());
        assert_eq!(a.endpoints(side_a), ends(5));
        assert_eq!(a.endpoints(side_b), ends(5).reversed());
    }

    #[test]
    fn the_table_never_grows_and_the_longest_idle_goes() {
        let mut table: Table<u64> = Table::new(64, Some(1));
        let mut evictions = 0;
        for n in 0..1000u16 {
            let found = table.find_or_insert(&Key::of(&ends(n)).0, u32::from(n));
            assert!(found.new);
            *table.value(found.index).unwrap() = u64::from(n);
            evictions += usize::from(found.evicted.is_some());
        }
        assert!(table.len() <= 64);
        assert_eq!(evictions, 1000 - table.len());
        let newest = table.find(&Key::of(&ends(999)).0, 1000).unwrap();
        assert_eq!(*table.value(newest).unwrap(), 999);
    }

    #[test]
    fn what_is_removed_is_gone_and_its_place_free() {
        let mut table: Table<u64> = Table::new(64, Some(1));
        for n in 0..20u16 {
            let found = table.find_or_insert(&Key::of(&ends(n)).0, 1);
            *table.value(found.index).unwrap() = u64::from(n);
        }
        let key = Key::of(&ends(7)).0;
        assert_eq!(table.remove(&key), Some(7));
        assert_eq!((table.remove(&key), table.len()), (None, 19));
        assert_eq!(table.position(&key), None);
        assert!(table.position(&Key::of(&ends(8)).0).is_some());
    }

    #[test]
    fn sweep_takes_the_idle_only() {
        let mut table: Table<u64> = Table::new(64, Some(1));
        for n in 0..20u16 {
            table.find_or_insert(&Key::of(&ends(n)).0, u32::from(n));
        }
        let sets = table.sets();
        table.sweep(sets, 20, |idle, _, _| idle > 10);
        assert_eq!(table.len(), 10);
    }
}

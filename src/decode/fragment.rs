//! Datagrams put together from IP fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Enters: one piece with its key. Leaves: the datagram, borrowed from the table, once every byte
//! of it is known. Never: grows; gives out a datagram with a hole or with two versions of a byte.
//!
//! Bounds: [`DATAGRAMS_MAX`] datagrams of up to [`DATAGRAM_LEN_MAX`] bytes, 16 MiB of address
//! space that the kernel backs only where pieces were written, and about 300 KiB of tables. At the
//! limit the oldest datagram makes room. After [`AGE_MAX_NS`] of packet time a datagram is given
//! up. A piece costs one look-up, one copy of its bytes and a bounded clearing, whatever the
//! others were: each expiry was paid for by the piece that began it.
//!
//! What is known is a bitmap over units of eight bytes, the grain of fragment offsets: it has no
//! limit on the number of holes, and a duplicate cannot make it look complete.
//!
//! Two pieces that give the same byte different values condemn the whole datagram, with the pieces
//! still to come (RFC 5722). Equal copies are harmless (RFC 8200 allows to ignore them), and
//! captures that see a frame twice are full of them. IPv4 gets the same rule although RFC 791 lets
//! the later copy win: receivers differ in which copy they keep, so either choice would at times
//! report a name that nobody received. This is a choice in favour of the accused: whoever sends
//! contradicting pieces to a receiver that tolerates them goes unread. It is counted (`conflict`).

use std::collections::HashMap;
use std::net::IpAddr;

use ahash::RandomState;

use super::span::Span;
use super::transport::TCP;
use super::{End, FragmentFate, Malformed};
use crate::base::{Counters, Timestamp};

/// Most datagrams in progress.
pub const DATAGRAMS_MAX: u16 = 256;
/// Longest datagram, in bytes behind the header that said "fragment".
pub const DATAGRAM_LEN_MAX: usize = 65_535;
/// Packet time after which an unfinished datagram is given up, in nanoseconds.
pub const AGE_MAX_NS: u64 = 30_000_000_000;

/// Bytes a unit of the bitmap stands for.
const UNIT: usize = 8;
const WORDS: usize = DATAGRAM_LEN_MAX.div_ceil(UNIT).div_ceil(64);
/// Distance between buffers.
const BUFFER_LEN: usize = WORDS * 64 * UNIT;
/// No slot: the end of the age list.
const NONE: u16 = u16::MAX;

/// What the IP header says of a fragment.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where its first byte stands in the datagram; a multiple of eight.
    pub offset: usize,
    /// Does another piece follow behind it?
    pub more: bool,
    /// Most bytes that the datagram can have beside its header.
    pub len_max: usize,
}

impl Piece {
    /// What can be read of a first piece that the snap length cut. Its datagram can never be whole,
    /// but the head has the ports, and in a DNS message the question. `end` is what
    /// [`Table::insert`] said of the piece; any other verdict stands. How long the datagram was on
    /// the wire only its last piece would say: the longest possible is taken, and what follows
    /// says its own length. TCP has none, and the length would count as bytes sent: for it the
    /// piece's is taken. `next` is the protocol behind the header.
    pub fn cut_head<'f>(&self, next: u8, body: Span<'f>, end: End) -> Result<Span<'f>, End> {
        match end {
            End::Malformed(Malformed::Truncated) if self.offset == 0 && next == TCP => Ok(body),
            End::Malformed(Malformed::Truncated) if self.offset == 0 => Ok(Span {
                bytes: body.bytes,
                wire_len: self.len_max,
            }),
            end => Err(end),
        }
    }
}

/// What pieces of one datagram have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// Protocol in IPv4. 0 in IPv6, where only the first piece's is valid (RFC 8200 section 4.5).
    pub proto: u8,
    pub id: u32,
    /// Networks behind different VLANs may use the same addresses.
    pub vlan: Option<u16>,
    /// As may those in different tunnels: what [`Way`](super::tunnel::Way) made of them.
    pub within: u64,
}

/// The datagrams in progress.
pub(super) struct Table {
    memory: Vec<u8>,
    entries: Vec<Entry>,
    /// Keyed by a secret of the process: nobody can aim at one bucket.
    slots: HashMap<Key, u16, RandomState>,
    free: Vec<u16>,
    oldest: u16,
    newest: u16,
    fates: Counters,
}

struct Entry {
    key: Key,
    started: Timestamp,
    /// Neighbours in the list by age.
    older: u16,
    newer: u16,
    /// Two pieces contradicted each other.
    condemned: bool,
    /// Protocol by the first piece.
    next: u8,
    /// Length, once the last piece said it.
    total: Option<usize>,
    /// End of the furthest byte known.
    end: usize,
    /// How many bits are set in `known`.
    units: usize,
    known: [u64; WORDS],
}

impl Table {
    /// Allocates everything there will ever be, for `datagrams_max` datagrams in progress.
    pub fn new(datagrams_max: u16) -> Self {
        let key = Key {
            src: IpAddr::from([0; 4]),
            dst: IpAddr::from([0; 4]),
            proto: 0,
            id: 0,
            vlan: None,
            within: 0,
        };
        let blank = || Entry {
            key,
            started: Timestamp(0),
            older: NONE,
            newer: NONE,
            condemned: false,
            next: 0,
            total: None,
            end: 0,
            units: 0,
            known: [0; WORDS],
        };
        Self {
            memory: vec![0; BUFFER_LEN.saturating_mul(usize::from(datagrams_max))],
            entries: (0..datagrams_max).map(|_| blank()).collect(),
            // At most half full, so that it clears its own debris in place and never grows.
            slots: HashMap::with_capacity_and_hasher(
                usize::from(datagrams_max).saturating_mul(4),
                RandomState::new(),
            ),
            free: (0..datagrams_max).rev().collect(),
            oldest: NONE,
            newest: NONE,
            fates: Counters::new(FragmentFate::ALL.len()),
        }
    }

    /// [`FragmentFate`] along its index.
    pub const fn fates(&self) -> &Counters {
        &self.fates
    }

    /// Datagrams in progress, condemned ones included.
    pub fn pending(&self) -> usize {
        self.slots.len()
    }

    /// Takes one piece. When it was the last one missing: the protocol of the datagram by its
    /// first piece, and its bytes.
    ///
    /// # Errors
    /// [`End::Fragment`] when more is missing; [`Malformed::Truncated`] when the capture cut the
    /// piece, so that its datagram can never be whole; [`Malformed::BadFragment`].
    pub fn insert(
        &mut self,
        key: Key,
        piece: Piece,
        next: u8,
        body: Span<'_>,
        now: Timestamp,
    ) -> Result<(u8, &[u8]), End> {
        let bytes = body.bytes;
        let end = piece.offset.saturating_add(body.wire_len);
        let odd = piece.more && !body.wire_len.is_multiple_of(UNIT);
        if body.wire_len == 0 || odd || end > piece.len_max {
            return Err(Malformed::BadFragment.into());
        }
        if bytes.len() < body.wire_len {
            return Err(Malformed::Truncated.into());
        }
        self.expire(now);
        let slot = self.slot(key, now);
        let at = usize::from(slot).saturating_mul(BUFFER_LEN);
        let buffer = at..at.saturating_add(BUFFER_LEN);
        let (Some(entry), Some(memory)) = (
            self.entries.get_mut(usize::from(slot)),
            self.memory.get_mut(buffer.clone()),
        ) else {
            return Err(End::Fragment);
        };
        if entry.condemned {
            return Err(Malformed::BadFragment.into());
        }
        if !entry.place(memory, piece, bytes) {
            entry.condemned = true;
            self.count(FragmentFate::Conflict);
            return Err(Malformed::BadFragment.into());
        }
        if piece.offset == 0 {
            entry.next = next;
        }
        let (next, Some(total)) = (entry.next, entry.whole()) else {
            self.count(FragmentFate::Held);
            return Err(End::Fragment);
        };
        self.count(FragmentFate::Reassembled);
        self.remove(slot);
        // The slot is free, but its bytes stay until somebody can borrow the table again.
        let memory = self.memory.get(buffer).unwrap_or_default();
        Ok((next, memory.get(..total).unwrap_or_default()))
    }

    /// Gives up every datagram whose key is `excluded`; for a reload of the prefixes.
    pub fn forget(&mut self, excluded: impl Fn(&Key) -> bool) {
        let mut slot = self.oldest;
        while let Some(entry) = self.entries.get(usize::from(slot)) {
            let (this, newer) = (slot, entry.newer);
            if excluded(&entry.key) {
                self.give_up(this, FragmentFate::Excluded);
            }
            slot = newer;
        }
    }

    fn count(&mut self, fate: FragmentFate) {
        self.fates.bump(fate.index());
    }

    /// Gives up the datagrams that are too old. Time that runs backwards makes nothing old.
    fn expire(&mut self, now: Timestamp) {
        while let Some(entry) = self.entries.get(usize::from(self.oldest)) {
            if now.since_ns(entry.started) <= AGE_MAX_NS {
                break;
            }
            self.give_up(self.oldest, FragmentFate::Expired);
        }
    }

    /// The slot of `key`; a new one begins at `now`.
    fn slot(&mut self, key: Key, now: Timestamp) -> u16 {
        if let Some(&slot) = self.slots.get(&key) {
            let started = self.entries.get(usize::from(slot)).map(|e| e.started);
            if started.is_some_and(|started| now.since_ns(started) <= AGE_MAX_NS) {
                return slot;
            }
            // Too old, but not the oldest: only where time runs backwards.
            self.give_up(slot, FragmentFate::Expired);
        }
        if self.free.is_empty() {
            self.give_up(self.oldest, FragmentFate::Limit);
        }
        let slot = self.free.pop().unwrap_or(NONE);
        let older = self.newest;
        if let Some(entry) = self.entries.get_mut(usize::from(slot)) {
            entry.begin(key, now, older);
            self.slots.insert(key, slot);
            match self.entries.get_mut(usize::from(older)) {
                Some(older) => older.newer = slot,
                None => self.oldest = slot,
            }
            self.newest = slot;
        }
        slot
    }

    /// Removes an unfinished datagram. A condemned one was counted when it was condemned.
    fn give_up(&mut self, slot: u16, fate: FragmentFate) {
        if self
            .entries
            .get(usize::from(slot))
            .is_some_and(|e| !e.condemned)
        {
            self.count(fate);
        }
        self.remove(slot);
    }

    fn remove(&mut self, slot: u16) {
        let Some(entry) = self.entries.get(usize::from(slot)) else {
            return;
        };
        let (key, older, newer) = (entry.key, entry.older, entry.newer);
        match self.entries.get_mut(usize::from(older)) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entries.get_mut(usize::from(newer)) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        self.slots.remove(&key);
        self.free.push(slot);
    }
}

impl Entry {
    fn begin(&mut self, key: Key, now: Timestamp, older: u16) {
        *self = Self {
            key,
            started: now,
            older,
            newer: NONE,
            condemned: false,
            next: 0,
            total: None,
            end: 0,
            units: 0,
            known: [0; WORDS],
        };
    }

    /// The length, once every unit is known.
    fn whole(&self) -> Option<usize> {
        self.total
            .filter(|total| self.units == total.div_ceil(UNIT))
    }

    /// Writes a piece; `false` when it contradicts what is known.
    fn place(&mut self, memory: &mut [u8], piece: Piece, bytes: &[u8]) -> bool {
        let end = piece.offset.saturating_add(bytes.len());
        let total = if piece.more { self.total } else { Some(end) };
        let two_ends = self.total.is_some() && self.total != total;
        self.end = self.end.max(end);
        self.total = total;
        if two_ends || total.is_some_and(|total| self.end > total) {
            return false;
        }
        let Some(target) = memory.get_mut(piece.offset..end) else {
            return false;
        };
        let first = piece.offset / UNIT;
        if !self.agrees(target, bytes, first) {
            return false;
        }
        target.copy_from_slice(bytes);
        self.mark(first, end.div_ceil(UNIT));
        true
    }

    /// Has each unit that is known already the bytes that come again?
    fn agrees(&self, old: &[u8], new: &[u8], first: usize) -> bool {
        let untouched = words(first, first.saturating_add(new.len().div_ceil(UNIT)))
            .all(|(at, mask)| self.known.get(at).is_some_and(|word| word & mask == 0));
        let units = (first..).zip(old.chunks(UNIT).zip(new.chunks(UNIT)));
        untouched
            || units
                .into_iter()
                .all(|(at, (old, new))| !self.knows(at) || old == new)
    }

    fn knows(&self, unit: usize) -> bool {
        self.known
            .get(unit / 64)
            .is_some_and(|word| word >> (unit % 64) & 1 == 1)
    }

    /// Sets units `first..end` and counts those that are new.
    fn mark(&mut self, first: usize, end: usize) {
        for (at, mask) in words(first, end) {
            if let Some(word) = self.known.get_mut(at) {
                let new = (mask & !*word).count_ones();
                self.units = self.units.saturating_add(new as usize);
                *word |= mask;
            }
        }
    }
}

/// The words of a bitmap that hold bits `first..end`, each with the mask of those bits.
fn words(first: usize, end: usize) -> impl Iterator<Item = (usize, u64)> {
    (first / 64..end.div_ceil(64)).map(move |at| {
        let base = at.saturating_mul(64);
        let below = first.saturating_sub(base).min(64) as u32;
        let upto = end.saturating_sub(base).min(64) as u32;
        let ones = |n: u32| u64::MAX.checked_shr(64u32.saturating_sub(n)).unwrap_or(0);
        (at, ones(upto) & !ones(below))
    })
}

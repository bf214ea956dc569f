//! A sparse stretch of a byte stream: which intervals are known, and the bytes themselves.
//!
//! Intervals, never byte counts: a duplicate would make a sum look complete with a hole in it.
//! Where two copies of the same byte differ, the first one stays and `conflict` is set; who wants
//! the other copy too keeps it elsewhere.

use super::pool::{Pool, SLOT_LEN, Slot};
use super::shelf::Kept;

/// Most separate intervals per buffer. Chrome sends up to 10 pieces; desync tools more.
pub const RANGES_MAX: usize = 32;

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// Taken (or already known).
    Stored,
    /// Lies (partly) beyond [`SLOT_LEN`]; what fits was taken.
    BeyondLimit,
    /// Would need more than [`RANGES_MAX`] intervals; not taken.
    TooManyGaps,
}

/// Sparse bytes `0..SLOT_LEN` of a stream, in one pool buffer.
#[derive(Debug)]
pub struct Assembly {
    slot: Slot,
    /// Sorted, disjoint, not touching: `[start, end)`.
    ranges: [(u16, u16); RANGES_MAX],
    used: u8,
    conflict: bool,
}

impl Kept for Assembly {
    fn begin(pool: &mut Pool) -> Option<Self> {
        Self::new(pool)
    }

    fn release(self, pool: &mut Pool) {
        Self::release(self, pool);
    }
}

impl Assembly {
    /// An empty stretch in a buffer of `pool`; `None` when the pool is empty.
    pub fn new(pool: &mut Pool) -> Option<Self> {
        pool.take().map(|slot| Self {
            slot,
            ranges: [(0, 0); RANGES_MAX],
            used: 0,
            conflict: false,
        })
    }

    /// Gives the buffer back.
    pub fn release(self, pool: &mut Pool) {
        pool.give(self.slot);
    }

    /// Did two copies of one byte differ?
    pub const fn conflict(&self) -> bool {
        self.conflict
    }

    /// Did two copies of one byte differ since this was asked last?
    pub const fn take_conflict(&mut self) -> bool {
        std::mem::replace(&mut self.conflict, false)
    }

    /// The buffer that holds it.
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// End of the known interval that `at` lies in.
    pub fn reaches(&self, at: usize) -> Option<usize> {
        let inside = |r: &&(u16, u16)| usize::from(r.0) <= at && at < usize::from(r.1);
        self.known().iter().find(inside).map(|r| usize::from(r.1))
    }

    /// Start of the first known interval behind `at`.
    pub fn next_start(&self, at: usize) -> Option<usize> {
        let behind = |start: &usize| *start > at;
        self.known().iter().map(|r| usize::from(r.0)).find(behind)
    }

    /// The known intervals: sorted, disjoint, `[start, end)`.
    pub fn known(&self) -> &[(u16, u16)] {
        self.ranges
            .get(..usize::from(self.used))
            .unwrap_or_default()
    }

    /// Is anything known beyond the first hole?
    pub fn has_gap(&self) -> bool {
        match self.known() {
            [] => false,
            [first] => first.0 != 0,
            _ => true,
        }
    }

    /// How many bytes are known.
    pub fn len(&self) -> usize {
        let ranges = self.known().iter();
        ranges.map(|r| usize::from(r.1.saturating_sub(r.0))).sum()
    }

    /// The lowest known byte; 0 when nothing is known.
    pub fn start(&self) -> usize {
        self.known().first().map_or(0, |r| usize::from(r.0))
    }

    /// Is nothing known?
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// End of the highest known byte.
    pub fn end(&self) -> usize {
        self.known().last().map_or(0, |r| usize::from(r.1))
    }

    /// Puts `bytes` at `offset`.
    pub fn insert(&mut self, pool: &mut Pool, offset: usize, bytes: &[u8]) -> Insert {
        if offset >= SLOT_LEN {
            return if bytes.is_empty() {
                Insert::Stored
            } else {
                Insert::BeyondLimit
            };
        }
        let fit = bytes.len().min(SLOT_LEN.saturating_sub(offset));
        let piece = bytes.get(..fit).unwrap_or_default();
        if piece.is_empty() {
            return Insert::Stored;
        }
        let (start, end) = (offset, offset.saturating_add(fit));
        // Ranges that touch or overlap [start, end) are first..last.
        let first = self.known().partition_point(|r| usize::from(r.1) < start);
        let last = self.known().partition_point(|r| usize::from(r.0) <= end);
        if first == last && usize::from(self.used) == RANGES_MAX {
            return Insert::TooManyGaps;
        }
        self.write_new(pool, start, piece, first, last);
        self.merge(start, end, first, last);
        if fit < bytes.len() {
            Insert::BeyondLimit
        } else {
            Insert::Stored
        }
    }

    /// Takes over what is known in `other` and not yet here.
    pub fn adopt(&mut self, pool: &mut Pool, other: &Self) {
        for &(from, to) in other.known() {
            let mut at = usize::from(from);
            let to = usize::from(to);
            while at < to {
                let end = match self.reaches(at) {
                    Some(end) => end,
                    None => {
                        let end = self.next_start(at).unwrap_or(to).min(to);
                        pool.copy_between(&other.slot, (at, end), &self.slot, at);
                        let first = self.known().partition_point(|r| usize::from(r.1) < at);
                        let last = self.known().partition_point(|r| usize::from(r.0) <= end);
                        if first == last && usize::from(self.used) == RANGES_MAX {
                            return;
                        }
                        self.merge(at, end, first, last);
                        end
                    }
                };
                at = end;
            }
        }
    }

    /// Writes only the bytes not yet known; compares the others.
    fn write_new(
        &mut self,
        pool: &mut Pool,
        start: usize,
        piece: &[u8],
        first: usize,
        last: usize,
    ) {
        let end = start.saturating_add(piece.len());
        let memory = pool.bytes_mut(&self.slot);
        let mut at = start;
        let mut conflict = false;
        for &(from, to) in self.ranges.get(first..last).unwrap_or_default() {
            let from = usize::from(from).clamp(at, end);
            let to = usize::from(to).clamp(from, end);
            copy(memory, piece, start, at, from);
            let old = memory.get(from..to).unwrap_or_default();
            let new = piece
                .get(from.saturating_sub(start)..to.saturating_sub(start))
                .unwrap_or_default();
            conflict |= old != new;
            at = to;
        }
        copy(memory, piece, start, at, end);
        self.conflict |= conflict;
    }

    fn merge(&mut self, start: usize, end: usize, first: usize, last: usize) {
        let used = usize::from(self.used);
        let mut low = start;
        let mut high = end;
        for &(from, to) in self.ranges.get(first..last).unwrap_or_default() {
            low = low.min(usize::from(from));
            high = high.max(usize::from(to));
        }
        // Offsets stay within SLOT_LEN = 32768, so they fit u16.
        let joined = (low as u16, high as u16);
        if first == last {
            self.ranges
                .copy_within(first..used, first.saturating_add(1));
            self.used = self.used.saturating_add(1);
        } else {
            self.ranges.copy_within(last..used, first.saturating_add(1));
            let gone = last.saturating_sub(first).saturating_sub(1);
            self.used = self.used.saturating_sub(gone as u8);
        }
        if let Some(slot) = self.ranges.get_mut(first) {
            *slot = joined;
        }
    }

    /// The bytes known without a hole from 0.
    pub fn prefix<'p>(&self, pool: &'p Pool) -> &'p [u8] {
        self.from(pool, 0)
    }

    /// The bytes known without a hole from `offset`; empty when that byte is not known.
    pub fn from<'p>(&self, pool: &'p Pool, offset: usize) -> &'p [u8] {
        let end = self.reaches(offset).unwrap_or(offset);
        pool.bytes(&self.slot).get(offset..end).unwrap_or_default()
    }

    /// Drops the first `n` bytes: what stood at `n` stands at 0 afterwards.
    pub fn consume(&mut self, pool: &mut Pool, n: usize) {
        let end = self.end();
        let n = n.min(SLOT_LEN);
        if n < end {
            pool.bytes_mut(&self.slot).copy_within(n..end, 0);
        }
        let cut = n as u16;
        let mut kept = 0usize;
        for i in 0..usize::from(self.used) {
            let Some(&(from, to)) = self.ranges.get(i) else {
                break;
            };
            if to > cut {
                if let Some(slot) = self.ranges.get_mut(kept) {
                    *slot = (from.saturating_sub(cut), to.saturating_sub(cut));
                }
                kept = kept.saturating_add(1);
            }
        }
        self.used = kept as u8;
    }
}

/// Copies `piece` (which begins at stream offset `start`) into `memory` for offsets `from..to`.
fn copy(memory: &mut [u8], piece: &[u8], start: usize, from: usize, to: usize) {
    let source = piece.get(from.saturating_sub(start)..to.saturating_sub(start));
    if let (Some(target), Some(source)) = (memory.get_mut(from..to), source) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duplicate_does_not_fill_a_hole() {
        let mut pool = Pool::new(1);
        let mut a = Assembly::new(&mut pool).unwrap();
        a.insert(&mut pool, 0, b"abc");
        a.insert(&mut pool, 0, b"abc");
        a.insert(&mut pool, 6, b"ghi");
        assert_eq!(a.prefix(&pool), b"abc");
        assert!(a.has_gap());
        a.insert(&mut pool, 3, b"def");
        assert_eq!(a.prefix(&pool), b"abcdefghi");
        assert!(!a.has_gap() && !a.conflict());
    }

    #[test]
    fn the_first_copy_stays_and_the_difference_is_told() {
        let mut pool = Pool::new(1);
        let mut a = Assembly::new(&mut pool).unwrap();
        a.insert(&mut pool, 2, b"XY");
        a.insert(&mut pool, 0, b"abcdef");
        assert_eq!(a.prefix(&pool), b"abXYef");
        assert!(a.conflict());
    }

    #[test]
    fn bounds_hold() {
        let mut pool = Pool::new(1);
        let mut a = Assembly::new(&mut pool).unwrap();
        assert!(Assembly::new(&mut pool).is_none());
        assert_eq!(
            a.insert(&mut pool, SLOT_LEN - 1, b"ab"),
            Insert::BeyondLimit
        );
        assert_eq!(a.insert(&mut pool, SLOT_LEN, b"a"), Insert::BeyondLimit);
        for i in 0..RANGES_MAX - 1 {
            assert_eq!(a.insert(&mut pool, i * 3, b"x"), Insert::Stored);
        }
        assert_eq!(a.insert(&mut pool, 3000, b"x"), Insert::TooManyGaps);
        a.release(&mut pool);
        assert_eq!(pool.free_slots(), 1);
    }

    proptest! {
        /// Any pieces in any order against a naive map of bytes.
        #[test]
        fn agrees_with_a_naive_map(
            pieces in prop::collection::vec((0usize..200, prop::collection::vec(any::<u8>(), 0..40)), 0..25),
            cut in 0usize..100,
        ) {
            let mut pool = Pool::new(1);
            let mut a = Assembly::new(&mut pool).unwrap();
            let mut naive: Vec<Option<u8>> = vec![None; 300];
            for (at, bytes) in &pieces {
                if a.insert(&mut pool, *at, bytes) == Insert::Stored {
                    for (i, b) in bytes.iter().enumerate() {
                        naive[at + i].get_or_insert(*b);
                    }
                }
            }
            let run = |v: &[Option<u8>]| v.iter().map_while(|b| *b).collect::<Vec<u8>>();
            prop_assert_eq!(a.prefix(&pool), run(&naive));
            for at in [0usize, 7, 50] {
                prop_assert_eq!(a.from(&pool, at), run(&naive[at..]));
            }
            a.consume(&mut pool, cut);
            prop_assert_eq!(a.prefix(&pool), run(&naive[cut..]));
        }
    }
}

//! Memory of questions, so that the question repeated in the answer is no second sighting.
//!
//! Enters: keys of questions from queries. Leaves: was this one asked? Never: grows, keeps a name
//! (only keyed hashes), lets the wire choose which slot is overwritten.

use ahash::RandomState;

use crate::base::{Endpoints, NameBuf};

/// Keys in one bucket; the oldest of a full bucket makes room.
const WAYS: usize = 4;
/// Marks the key of a question that only an answer told.
const TOLD: u64 = 1 << 63;

/// A fixed table of keyed hashes. What a flood of queries pushes out costs one duplicate sighting
/// when its answer comes, nothing else.
pub struct Asked {
    buckets: Box<[[u64; WAYS]]>,
    hasher: RandomState,
}

impl Asked {
    /// A table for about `slots` questions (rounded up to a power of two, at least 4), 8 bytes
    /// each. Allocates once.
    pub fn new(slots: usize) -> Self {
        let buckets = slots.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            buckets: vec![[0; WAYS]; buckets].into_boxed_slice(),
            hasher: RandomState::new(),
        }
    }

    /// The key of one question. `client` is turned so that `src` is the asking side: the ends of a
    /// query as they are, those of a response reversed. `name` is the normal form: resolvers
    /// give back the case they got, but need not.
    pub fn key(&self, client: &Endpoints, id: u16, name: &NameBuf, qtype: u16) -> u64 {
        let key = self.hasher.hash_one((client, id, qtype, name.as_bytes()));
        // 0 marks a free slot.
        (key & !TOLD).max(1)
    }

    /// A mark of a name, by which it is known again but cannot be read; never 0.
    pub fn mark(&self, name: &[u8]) -> u32 {
        (self.hasher.hash_one(name) as u32).max(1)
    }

    /// Notes that a query asked this.
    pub fn note_query(&mut self, key: u64) {
        self.put(key);
    }

    /// Notes that an answer told this, whose query was not seen. It was not asked for all that:
    /// anybody can send an answer.
    pub fn note_answer(&mut self, key: u64) {
        self.put(key | TOLD);
    }

    fn put(&mut self, key: u64) {
        let Some(bucket) = self
            .index(key)
            .and_then(|index| self.buckets.get_mut(index))
        else {
            return;
        };
        if bucket.contains(&key) {
            return;
        }
        bucket.rotate_right(1);
        if let Some(newest) = bucket.first_mut() {
            *newest = key;
        }
    }

    /// Was it asked? The key stays, so that a repeated answer is silent too.
    pub fn was_asked(&self, key: u64) -> bool {
        self.holds(key)
    }

    /// Did an answer tell it before ([`Self::note_answer`])?
    pub fn was_told(&self, key: u64) -> bool {
        self.holds(key | TOLD)
    }

    fn holds(&self, key: u64) -> bool {
        self.index(key)
            .and_then(|index| self.buckets.get(index))
            .is_some_and(|bucket| bucket.contains(&key))
    }

    /// The number of buckets is a power of two, so the low bits of the key choose one.
    fn index(&self, key: u64) -> Option<usize> {
        let mask = self.buckets.len().checked_sub(1)?;
        Some((key as usize) & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RawName, Transport};

    fn ends() -> Endpoints {
        Endpoints {
            src: [192, 0, 2, 1].into(),
            dst: [192, 0, 2, 53].into(),
            sport: 40000,
            dport: 53,
            transport: Transport::Udp,
        }
    }

    fn name(text: &[u8]) -> NameBuf {
        let mut buf = NameBuf::new();
        RawName::Text(text).normalise(&mut buf).unwrap();
        buf
    }

    #[test]
    fn an_answer_to_a_seen_query_is_known_and_any_difference_makes_it_new() {
        let mut asked = Asked::new(64);
        let key = asked.key(&ends(), 7, &name(b"App.Example"), 1);
        assert!(!asked.was_asked(key));
        asked.note_query(key);
        let answer_seen_from = ends().reversed();
        let same = asked.key(&answer_seen_from.reversed(), 7, &name(b"app.example"), 1);
        assert!(asked.was_asked(same));
        assert!(asked.was_asked(same), "a repeated answer is silent too");
        let mut other_port = ends();
        other_port.sport = 40001;
        for different in [
            asked.key(&other_port, 7, &name(b"app.example"), 1),
            asked.key(&ends(), 8, &name(b"app.example"), 1),
            asked.key(&ends(), 7, &name(b"api.example"), 1),
            asked.key(&ends(), 7, &name(b"app.example"), 28),
        ] {
            assert!(!asked.was_asked(different));
        }
    }

    #[test]
    fn an_answer_alone_asks_nothing() {
        let mut asked = Asked::new(64);
        let key = asked.key(&ends(), 7, &name(b"app.example"), 1);
        asked.note_answer(key);
        assert!(asked.was_told(key) && !asked.was_asked(key));
        asked.note_query(key);
        assert!(asked.was_told(key) && asked.was_asked(key));
    }

    #[test]
    fn a_flood_pushes_out_the_oldest_and_the_table_stays_its_size() {
        let mut asked = Asked::new(4);
        for key in 1..=4 {
            asked.note_query(key);
            asked.note_query(key);
        }
        assert!((1..=4).all(|key| asked.was_asked(key)));
        asked.note_query(5);
        assert!(!asked.was_asked(1));
        assert!((2..=5).all(|key| asked.was_asked(key)));
        assert_eq!(asked.buckets.len(), 1);
        assert_eq!(Asked::new(0).buckets.len(), 1);
        assert_eq!(Asked::new(65).buckets.len(), 32);
    }
}

//! What was seen a moment ago: a table of fixed size, sets of four, the oldest gives way.
//!
//! Enters: keys with a value and a packet time. Leaves: the value while it is young. Never: grows;
//! believes a time that went back (an entry from the future is old too).

use std::hash::Hash;

use ahash::RandomState;
use bytemuck::Zeroable;

use crate::base::Timestamp;

const WAYS: usize = 4;

#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Entry<V> {
    /// 0: empty.
    key: u64,
    time: i64,
    value: V,
}

/// Values by keyed hash. Backed by memory only as it fills.
pub(super) struct Recent<V> {
    entries: Vec<Entry<V>>,
    hasher: RandomState,
    age_max_ns: u64,
}

impl<V: Zeroable + Copy> Recent<V> {
    /// Room for `sets * 4` values that stay young for `age_max_ns`. `seed` makes the hashing
    /// repeatable, `None` keys it at random.
    pub fn new(sets: usize, age_max_ns: u64, seed: Option<u64>) -> Self {
        Self {
            entries: bytemuck::zeroed_vec(sets.max(1).saturating_mul(WAYS)),
            hasher: match seed {
                Some(seed) => RandomState::with_seeds(seed, 2, 3, 4),
                None => RandomState::new(),
            },
            age_max_ns,
        }
    }

    /// The value noted under `key` no longer than the age ago.
    pub fn find(&self, key: &impl Hash, now: Timestamp) -> Option<&V> {
        let hash = self.hash(key);
        let set = self.entries.get(self.set(hash))?;
        set.iter()
            .find(|entry| entry.key == hash)
            .filter(|entry| entry.time.abs_diff(now.nanos()) <= self.age_max_ns)
            .map(|entry| &entry.value)
    }

    /// Notes `value` under `key`, in place of what stood there or of the oldest.
    pub fn note(&mut self, key: &impl Hash, now: Timestamp, value: V) {
        let hash = self.hash(key);
        let range = self.set(hash);
        let Some(set) = self.entries.get_mut(range) else {
            return;
        };
        let same = set.iter().position(|entry| entry.key == hash);
        let place = same.or_else(|| {
            let oldest = |entry: &&Entry<V>| {
                let age = now.nanos().abs_diff(entry.time);
                if entry.key == 0 { u64::MAX } else { age }
            };
            let oldest = set.iter().max_by_key(oldest)?.key;
            set.iter().position(|entry| entry.key == oldest)
        });
        if let Some(entry) = place.and_then(|at| set.get_mut(at)) {
            *entry = Entry {
                key: hash,
                time: now.nanos(),
                value,
            };
        }
    }

    /// A keyed hash of something else, to compare values by.
    pub fn digest(&self, of: &impl Hash) -> u64 {
        self.hash(of)
    }

    fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key) | 1
    }

    fn set(&self, hash: u64) -> std::ops::Range<usize> {
        let sets = (self.entries.len() / WAYS).max(1);
        // The lowest bit is always set.
        let set = ((hash >> 1) as usize).checked_rem(sets).unwrap_or(0);
        let start = set.saturating_mul(WAYS);
        start..start.saturating_add(WAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn young_values_are_found_and_old_ones_are_not() {
        let mut recent: Recent<u64> = Recent::new(8, 60, Some(1));
        recent.note(&"a", Timestamp(1000), 7);
        assert_eq!(recent.find(&"a", Timestamp(1060)), Some(&7));
        assert_eq!(recent.find(&"a", Timestamp(1061)), None);
        assert_eq!(recent.find(&"a", Timestamp(939)), None, "time went back");
        assert_eq!(recent.find(&"b", Timestamp(1000)), None);
        recent.note(&"a", Timestamp(2000), 8);
        assert_eq!(recent.find(&"a", Timestamp(2000)), Some(&8));
    }

    #[test]
    fn the_oldest_of_a_set_gives_way() {
        let mut recent: Recent<u64> = Recent::new(1, 1000, Some(1));
        for n in 0..6u64 {
            recent.note(&n, Timestamp(n as i64), n);
        }
        let left: Vec<u64> = (0..6)
            .filter(|n| recent.find(n, Timestamp(6)).is_some())
            .collect();
        assert_eq!(left, [2, 3, 4, 5]);
    }
}

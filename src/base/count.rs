//! Counters indexed by a closed set, local to one worker.

use serde::{Deserialize, Serialize};

/// One `u64` per member of a closed set, counted along `index()`. Plain memory: each worker has
/// its own, and hands out copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters(Vec<u64>);

impl Counters {
    /// All zero, for a set of `len` members. Allocates once, at start.
    pub fn new(len: usize) -> Self {
        Self(vec![0; len])
    }

    /// Adds one at `index`; an index outside the set is ignored (it cannot come from `index()`).
    pub fn bump(&mut self, index: usize) {
        self.add(index, 1);
    }

    /// Adds `n` at `index`.
    pub fn add(&mut self, index: usize, n: u64) {
        if let Some(slot) = self.0.get_mut(index) {
            *slot = slot.wrapping_add(n);
        }
    }

    /// The count at `index`, 0 outside the set.
    pub fn at(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Sum over the set.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, n| sum.wrapping_add(*n))
    }

    /// Takes these counts, in the order of the set.
    pub fn set_all(&mut self, counts: &[u64]) {
        self.0.clear();
        self.0.extend_from_slice(counts);
    }

    /// Copies `other` into `self` without allocating when the sizes agree.
    pub fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }
}

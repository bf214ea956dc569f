//! The stretches that streams keep: a fixed number, each with the flow that it belongs to.
//!
//! When all are in use, the one kept longest gives way: half-open messages of a hostile client
//! cost those that come after them nothing.

use crate::flow::assembly::Assembly;
use crate::flow::pool::Pool;
use crate::flow::table::Key;

/// The pool and the stretches that lie in it; a half refers to one by number, from 1.
pub(super) struct Parts {
    pub pool: Pool,
    list: Vec<Option<(Key, Assembly)>>,
    pub free: Vec<u32>,
    /// Goes round: while everything is in use, it points to what was kept longest.
    hand: usize,
}

impl Parts {
    /// At least two: one must be able to give way to the other.
    pub fn new(slots: u32) -> Self {
        let slots = slots.max(2);
        Self {
            pool: Pool::new(slots),
            list: (0..slots).map(|_| None).collect(),
            free: (1..=slots).rev().collect(),
            hand: 0,
        }
    }

    /// A new stretch of `owner`.
    pub fn take(&mut self, owner: &Key) -> Option<u32> {
        let assembly = Assembly::new(&mut self.pool)?;
        let number = self.free.pop()?;
        *self.list.get_mut(number.wrapping_sub(1) as usize)? = Some((*owner, assembly));
        Some(number)
    }

    pub fn give(&mut self, number: u32) {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize);
        if let Some((_, assembly)) = slot.and_then(Option::take) {
            assembly.release(&mut self.pool);
            self.free.push(number);
        }
    }

    pub fn part(&mut self, number: u32) -> Option<(&mut Assembly, &mut Pool)> {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize)?;
        let (_, assembly) = slot.as_mut()?;
        Some((assembly, &mut self.pool))
    }

    /// Less than half is free.
    pub fn scarce(&self) -> bool {
        self.free.len() < self.list.len().div_ceil(2)
    }

    /// Nothing is free.
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }

    /// The flow whose stretch has to go, other than `not`.
    pub fn eldest(&mut self, not: &Key) -> Option<Key> {
        for _ in 0..self.list.len() {
            let at = self.hand;
            self.hand = at.wrapping_add(1) % self.list.len().max(1);
            if let Some(Some((owner, _))) = self.list.get(at)
                && owner != not
            {
                return Some(*owner);
            }
        }
        None
    }
}

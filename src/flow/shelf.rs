//! What is kept until its rest comes: a fixed number of things, each with the flow it belongs to.
//!
//! Enters: what [`Kept`] makes. Leaves: a number by which its flow refers to it. Never: grows.
//!
//! When all are in use, the one kept longest gives way: half a message of a hostile client must not
//! cost those that come after it their names.

use super::pool::Pool;
use super::table::Key;

/// Something whose bytes lie in a [`Pool`].
pub trait Kept: Sized {
    /// A new one; `None` when the pool has no buffer for it.
    fn begin(pool: &mut Pool) -> Option<Self>;
    /// Gives its buffers back.
    fn release(self, pool: &mut Pool);
}

/// A pool and the things that lie in it. A flow refers to its own by number, from 1; 0 is none.
pub struct Shelf<T> {
    pool: Pool,
    list: Vec<Option<(Key, T)>>,
    free: Vec<u32>,
    /// Goes round: while everything is in use, it points to what was kept longest.
    hand: usize,
}

impl<T: Kept> Shelf<T> {
    /// Room for `places` things (at least two: one must be able to give way to the other) with up
    /// to `buffers_each` buffers, so that the pool is never the first to run out.
    pub fn new(places: u32, buffers_each: u32) -> Self {
        let places = places.max(2);
        Self {
            pool: Pool::new(places.saturating_mul(buffers_each)),
            list: (0..places).map(|_| None).collect(),
            free: (1..=places).rev().collect(),
            hand: 0,
        }
    }

    /// A new thing of `owner`; `None` when there is no room.
    pub fn take(&mut self, owner: &Key) -> Option<u32> {
        let number = *self.free.last()?;
        let thing = T::begin(&mut self.pool)?;
        *self.list.get_mut(number.wrapping_sub(1) as usize)? = Some((*owner, thing));
        self.free.pop()
    }

    /// Gives a thing back. A number that is not in use is ignored.
    pub fn give(&mut self, number: u32) {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize);
        if let Some((_, thing)) = slot.and_then(Option::take) {
            thing.release(&mut self.pool);
            self.free.push(number);
        }
    }

    /// The thing with this number, and the pool in which its bytes lie.
    pub fn at(&mut self, number: u32) -> Option<(&mut T, &mut Pool)> {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize)?;
        let (_, thing) = slot.as_mut()?;
        Some((thing, &mut self.pool))
    }

    /// Places that are free.
    pub const fn free(&self) -> usize {
        self.free.len()
    }

    /// Is less than half free?
    pub const fn is_scarce(&self) -> bool {
        self.free.len() < self.list.len().div_ceil(2)
    }

    /// Is nothing free?
    pub const fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Buffers of the pool that are free.
    pub fn free_buffers(&self) -> usize {
        self.pool.free_slots()
    }

    /// The flow whose thing has to go, other than `not`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Endpoints, Transport};
    use crate::flow::Assembly;

    fn key(port: u16) -> Key {
        let ends = Endpoints {
            src: "10.0.0.1".parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            sport: port,
            dport: 443,
            transport: Transport::Tcp,
        };
        Key::of(&ends).0
    }

    #[test]
    fn what_is_given_back_is_free_again() {
        let mut shelf: Shelf<Assembly> = Shelf::new(3, 1);
        let taken: Vec<u32> = (1..=3).filter_map(|n| shelf.take(&key(n))).collect();
        assert_eq!(taken, [1, 2, 3]);
        assert!(shelf.is_full() && shelf.take(&key(4)).is_none());
        shelf.give(2);
        shelf.give(2);
        assert_eq!((shelf.free(), shelf.free_buffers()), (1, 1));
        assert!(shelf.at(2).is_none() && shelf.at(0).is_none() && shelf.at(9).is_none());
        assert_eq!(shelf.take(&key(5)), Some(2));
    }

    #[test]
    fn the_eldest_of_another_flow_gives_way() {
        let mut shelf: Shelf<Assembly> = Shelf::new(2, 1);
        shelf.take(&key(1));
        shelf.take(&key(2));
        assert_eq!(shelf.eldest(&key(1)), Some(key(2)));
        assert_eq!(shelf.eldest(&key(9)), Some(key(1)));
        assert_eq!(shelf.eldest(&key(9)), Some(key(2)));
        shelf.give(1);
        assert_eq!(shelf.eldest(&key(2)), None);
    }
}

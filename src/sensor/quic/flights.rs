//! First flights that are not whole yet: a fixed number, each with the connection it belongs to.
//!
//! When all are in use, the one kept longest gives way: half a hello costs its sender a datagram,
//! and must not cost those who come after it their names.

use crate::flow::{Key, Pool};
use crate::names::quic::Flight;

/// A connection refers to its flight by number, from 1.
pub(super) struct Flights {
    pool: Pool,
    list: Vec<Option<(Key, Flight)>>,
    free: Vec<u32>,
    /// Goes round: while everything is in use, it points to what was kept longest.
    hand: usize,
}

impl Flights {
    /// Each flight may take two buffers, so that the pool is never the first to run out.
    pub fn new(flights: u32) -> Self {
        let flights = flights.max(2);
        Self {
            pool: Pool::new(flights.saturating_mul(2)),
            list: (0..flights).map(|_| None).collect(),
            free: (1..=flights).rev().collect(),
            hand: 0,
        }
    }

    pub fn take(&mut self, owner: &Key) -> Option<u32> {
        let number = self.free.pop()?;
        *self.list.get_mut(number.wrapping_sub(1) as usize)? = Some((*owner, Flight::new()));
        Some(number)
    }

    pub fn give(&mut self, number: u32) {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize);
        if let Some((_, flight)) = slot.and_then(Option::take) {
            flight.release(&mut self.pool);
            self.free.push(number);
        }
    }

    pub fn flight(&mut self, number: u32) -> Option<(&mut Flight, &mut Pool)> {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize)?;
        let (_, flight) = slot.as_mut()?;
        Some((flight, &mut self.pool))
    }

    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }

    /// The connection whose flight has to go, other than `not`.
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

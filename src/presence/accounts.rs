//! Accounting requests that wait for their answer.
//!
//! Enters: requests and answers with their ends. Leaves: a request once its server has answered
//! it. Never: grows; keeps one longer than [`WAIT_NS`].
//!
//! On the wire nobody can check a request's authenticator, and anybody can send one. Only the
//! server, who has the secret, answers those that are true.

use crate::base::{Endpoints, Timestamp};

use super::radius::PACKET_LEN_MAX;

/// Requests that wait at once.
const SLOTS: usize = 256;
/// How long: servers write to disk before they answer, clients send again after 3 to 5 seconds.
pub(super) const WAIT_NS: u64 = 10_000_000_000;

/// One request. Its bytes lie in the store beside it.
#[derive(Clone, Copy)]
struct Waiting {
    ends: Endpoints,
    id: u8,
    time: Timestamp,
    len: usize,
}

/// Requests without an answer so far.
pub(super) struct Accounts {
    waiting: Vec<Option<Waiting>>,
    /// [`PACKET_LEN_MAX`] bytes a slot, backed by memory only as they are used.
    store: Vec<u8>,
    /// Up to when old ones were let go.
    looked: Timestamp,
}

impl Accounts {
    pub fn new() -> Self {
        Self {
            waiting: vec![None; SLOTS],
            store: vec![0; SLOTS.saturating_mul(PACKET_LEN_MAX)],
            looked: Timestamp(0),
        }
    }

    /// Keeps a request; the number of others that gave way unanswered (0 or 1). The same one sent
    /// again keeps its first time.
    pub fn ask(&mut self, ends: &Endpoints, id: u8, time: Timestamp, packet: &[u8]) -> u64 {
        let same = |slot: &Option<Waiting>| slot.is_some_and(|w| w.id == id && w.ends == *ends);
        let place = self.waiting.iter().position(same);
        if place.is_some_and(|at| self.bytes(at) == Some(packet)) {
            return 0;
        }
        let oldest = || {
            let age = |slot: &Option<Waiting>| {
                slot.map_or(u64::MAX, |w| w.time.nanos().abs_diff(time.nanos()))
            };
            let slots = self.waiting.iter().enumerate();
            slots.max_by_key(|(_, slot)| age(slot)).map(|(at, _)| at)
        };
        let Some(at) = place.or_else(oldest) else {
            return 0;
        };
        let start = at.saturating_mul(PACKET_LEN_MAX);
        let room = self
            .store
            .get_mut(start..start.saturating_add(packet.len()));
        let (Some(room), Some(slot)) = (room, self.waiting.get_mut(at)) else {
            return 0;
        };
        room.copy_from_slice(packet);
        let new = Waiting {
            ends: *ends,
            id,
            time,
            len: packet.len(),
        };
        u64::from(slot.replace(new).is_some())
    }

    /// The request that an answer with these `ends` (from the server) is to, with its time. It
    /// waits no longer.
    pub fn answered(
        &mut self,
        ends: &Endpoints,
        id: u8,
        now: Timestamp,
    ) -> Option<(Timestamp, &[u8])> {
        let asked = ends.reversed();
        let same = |slot: &Option<Waiting>| slot.is_some_and(|w| w.id == id && w.ends == asked);
        let at = self.waiting.iter().position(same)?;
        let young = |w: &Waiting| w.time.nanos().abs_diff(now.nanos()) <= WAIT_NS;
        let slot = self.waiting.get_mut(at)?;
        if !slot.as_ref().is_some_and(young) {
            return None;
        }
        let (time, len) = slot.take().map(|w| (w.time, w.len))?;
        let start = at.saturating_mul(PACKET_LEN_MAX);
        Some((time, self.store.get(start..start.saturating_add(len))?))
    }

    /// Lets go of what waited too long, once a second; how many there were.
    pub fn expire(&mut self, now: Timestamp) -> u64 {
        if now.nanos().abs_diff(self.looked.nanos()) < 1_000_000_000 {
            return 0;
        }
        self.looked = now;
        self.drop_older(now, WAIT_NS)
    }

    /// The end: nothing is answered any more.
    pub fn flush(&mut self) -> u64 {
        self.waiting.iter_mut().filter_map(Option::take).count() as u64
    }

    fn drop_older(&mut self, now: Timestamp, age_ns: u64) -> u64 {
        let mut gone = 0u64;
        for slot in &mut self.waiting {
            let old = |w: &mut Waiting| w.time.nanos().abs_diff(now.nanos()) > age_ns;
            gone = gone.saturating_add(u64::from(slot.take_if(old).is_some()));
        }
        gone
    }

    fn bytes(&self, at: usize) -> Option<&[u8]> {
        let len = (*self.waiting.get(at)?)?.len;
        let start = at.saturating_mul(PACKET_LEN_MAX);
        self.store.get(start..start.saturating_add(len))
    }
}

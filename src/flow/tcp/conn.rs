//! One connection: what is known of both of its sides.
//!
//! Enters: what was seen of it. Leaves: who its client is, what was told. Never: reads a byte.

use bytemuck::Zeroable;

use super::half::Half;
use super::{Manner, NAMED};
use crate::base::Outcome;
use crate::decode::TcpMeta;
use crate::flow::begun::Begun;
use crate::flow::table::{Key, Side};

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
pub(super) struct Conn {
    /// Number and time of the newest frame whose payload was looked at.
    pub frame: u64,
    pub time: i64,
    pub sides: [Half; 2],
    /// The reader's mark of the name that settled it; see [`Said::name`].
    pub name: u32,
    pub begun: Begun,
    pub manner: Manner,
    /// 0 while undecided, else 1 + index of its [`Outcome`].
    pub outcome: u8,
    /// 0 unknown, 1 the low side, 2 the high side.
    pub client: u8,
    pub closing: u8,
    /// 1 when the reader wants its later payload.
    pub wanted: u8,
    /// What one side told while the other may tell more: 0, or 1 + index of an [`Outcome`].
    pub told: u8,
    /// Of each side: the reader's note, and [`NAMED`].
    pub notes: [u8; 2],
}

/// A million of them, with their keys, are to fit into 128 MiB.
const _: () = assert!(size_of::<Conn>() <= 72);

impl Conn {
    pub const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Low => &mut self.sides[0],
            Side::High => &mut self.sides[1],
        }
    }

    pub const fn half_and_note(&mut self, side: Side) -> (&mut Half, &mut u8, &mut u32) {
        let [low, high] = &mut self.sides;
        let name = &mut self.name;
        let [low_note, high_note] = &mut self.notes;
        match side {
            Side::Low => (low, low_note, name),
            Side::High => (high, high_note, name),
        }
    }

    /// Did a message of either side tell a name?
    pub const fn named(&self) -> bool {
        (self.notes[0] | self.notes[1]) & NAMED != 0
    }

    pub const fn client_side(&self) -> Option<Side> {
        match self.client {
            1 => Some(Side::Low),
            2 => Some(Side::High),
            _ => None,
        }
    }

    /// The client's side, as far as it is known; else by the ports.
    pub const fn likely_client(&self, key: &Key) -> Side {
        match self.client_side() {
            Some(side) => side,
            None => key.likely_client(),
        }
    }

    pub const fn set_client(&mut self, side: Side) {
        self.client = if matches!(side, Side::Low) { 1 } else { 2 };
    }

    /// `side` sent a hello: without a SYN, that makes it the client.
    pub const fn spoke_first(&mut self, side: Side) {
        if self.client == 0 {
            self.set_client(side);
        }
    }

    /// What stands if nothing better comes.
    pub fn told(&self) -> Option<Outcome> {
        let index = usize::from(self.told).checked_sub(1)?;
        Outcome::ALL.get(index).copied()
    }

    /// Notes what one side told. A name is not taken back.
    pub fn tell(&mut self, outcome: Outcome) {
        if self.told() != Some(Outcome::Named) {
            self.told = (outcome.index() as u8).saturating_add(1);
        }
    }

    /// Of a settled one: is what `side` sends to be looked at, and what the other sends? The message
    /// that settled it may come again.
    pub fn marks(&self, side: Side) -> [bool; 2] {
        let client = self.client_side().filter(|_| self.name != 0);
        [client == Some(side), client == Some(side.other())]
    }

    /// Does a SYN of `side` start another connection on the same ports?
    pub fn restarts(&mut self, side: Side, tcp: TcpMeta) -> bool {
        let settled = self.outcome != 0;
        let half = self.half(side);
        // A client's SYN after the end, whose side had sent nothing: it was met in the middle.
        let after_end = settled && !half.opened() && !half.known() && !tcp.has(TcpMeta::ACK);
        half.restarts(tcp.seq) || after_end
    }
}

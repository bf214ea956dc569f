//! TCP streams: from segments to the bytes where a message may begin (RFC 9293).
//!
//! Enters: segments in any order, cut, doubled, from the middle of a stream, one direction only.
//! Leaves: in-order bytes, shown to a [`Reader`] in the frame itself when they lie there whole,
//! else in a pool buffer. Never: knows a protocol; waits for the SYN; grows.
//!
//! A message may begin at the start of a stream and, since a dialogue may come before it
//! (STARTTLS, CONNECT, SOCKS), at the start of each of the first [`LOOKS_MAX`] segments of a side;
//! also right behind a line of a dialogue that the reader knows, and such lines use up no look.

use super::front::Front;
use super::shelf::Shelf;
use super::table::{Key, Side, Table};
use crate::base::{Outcome, Timestamp};
use crate::decode::{Glance, Inside, Packet, TcpMeta};

mod again;
mod conn;
mod fate;
mod genuine;
mod half;
mod place;
mod reader;
mod segment;
mod stretch;
#[cfg(test)]
mod tests;

use conn::Conn;
use genuine::Manner;
pub use reader::{Desync, Judged, Message, NOTE_MAX, Reader, SKIP_LEN_MAX, Said, Verdict};
use segment::Segment;
pub use segment::say_again;
use stretch::Stretch;

/// The stretches that streams keep.
type Parts = Shelf<Stretch>;

/// Segments of one side in which a message may still begin.
pub const LOOKS_MAX: u8 = 16;
/// Lines of a known dialogue ([`Verdict::Passed`]) that use up no look; each one more does.
pub const LINES_MAX: u8 = 120;
/// Room kept before the first segment of a stream that was met in the middle, in bytes: earlier
/// segments that arrive late still fit.
const MARGIN: usize = 8 * 1024;
/// Segments of such a stream kept in the hope that its head is only late.
const HOLD_MAX: u8 = 8;
/// In a side's note: a message of it told a name.
const NAMED: u8 = 0x40;
/// Idle seconds after which the rest of a message is not waited for any more.
const PATIENCE_S: u32 = 120;
/// Idle seconds after which an unsettled flow gets its fate and leaves the table. Clients open
/// connections ahead of need and speak minutes later.
const UNSETTLED_S: u32 = 600;
/// The same once a FIN or RST was seen. Not at once: a forged RST is a way to blind a monitor.
const CLOSING_S: u32 = 15;
/// Idle seconds after which a settled flow leaves the table: a connection that rests and goes on
/// must not count as another one. Less when it was closed.
const SETTLED_S: u32 = 3600;
const CLOSED_S: u32 = 120;

/// All TCP streams of one worker.
pub struct Streams {
    table: Table<Conn>,
    parts: Parts,
    front: Front,
}

impl Front {
    /// A connection leaves its place, or begins anew.
    fn forget(&mut self, key: &Key, conn: &Conn) {
        if conn.outcome != 0 {
            let ends = self.ends(&key.endpoints(Side::Low));
            self.remove(ends);
        }
    }
}

impl Streams {
    /// Room for about `flows` connections and `slots` unfinished messages. `seed`: see
    /// [`Table::new`].
    pub fn new(flows: usize, slots: u32, seed: Option<u64>) -> Self {
        Self {
            table: Table::new(flows, seed),
            // One for the bytes, one for those in doubt, which are few.
            parts: Parts::new(slots, 2),
            front: Front::new(flows, seed),
        }
    }

    /// Connections in the table.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Is the table empty?
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Is this a segment that changes nothing: of a settled connection that nobody wants to follow,
    /// neither a beginning nor an end, and no part of the message that settled it? Such a connection
    /// only goes on living. `false`: [`Self::push`] it.
    #[inline(always)]
    pub fn passes(&mut self, glance: &Glance<'_>, now: Timestamp) -> bool {
        let Inside::Tcp {
            seq,
            flags,
            payload,
        } = glance.inside
        else {
            return false;
        };
        if flags & (TcpMeta::SYN | TcpMeta::FIN | TcpMeta::RST) != 0 {
            return false;
        }
        let now_s = seconds(now);
        let ends = self.front.ends_of(glance);
        let Some(settled) = self.front.look(ends, now_s) else {
            return false;
        };
        if settled.due {
            self.table.touch(settled.place, now_s);
        }
        !(settled.marked && payload && self.comes_again(settled.place, seq))
    }

    /// May a segment of the client be a part of the message that settled the connection?
    #[inline(never)]
    fn comes_again(&mut self, place: usize, seq: u32) -> bool {
        let conn = self.table.value(place);
        conn.is_none_or(|conn| match conn.client_side() {
            Some(side) => conn.half(side).within(seq).is_some(),
            None => true,
        })
    }

    /// Takes one segment. A packet that is not TCP is ignored.
    pub fn push<R: Reader>(&mut self, packet: &Packet<'_>, frame: u64, reader: &mut R) {
        let Some(tcp) = packet.tcp else { return };
        let (key, side) = Key::of(&packet.ends);
        let now_s = seconds(packet.time);
        let opens = tcp.has(TcpMeta::SYN);
        let index = if opens || packet.payload_wire_len > 0 {
            let found = self.table.find_or_insert(&key, now_s);
            if let Some((old_key, mut old)) = found.evicted {
                let loss = Some(Outcome::Evicted);
                self.front.forget(&old_key, &old);
                fate::leave(&mut self.parts, &old_key, &mut old, loss, reader);
            }
            found.index
        } else {
            match self.table.find(&key, now_s) {
                Some(index) => index,
                None => return,
            }
        };
        let settled = self
            .table
            .value(index)
            .is_some_and(|conn| conn.outcome != 0);
        if packet.payload_wire_len > 0 && !settled && self.parts.is_full() {
            self.make_room(&key, reader);
        }
        let Some(conn) = self.table.value(index) else {
            return;
        };
        if opens && conn.restarts(side, tcp) {
            self.front.forget(&key, conn);
        }
        segment::take(&mut self.parts, (&key, side), conn, packet, frame, reader);
        if conn.outcome != 0 {
            let marks = conn.marks(side);
            let ends = self.front.ends(&packet.ends);
            if conn.wanted == 0 {
                self.front.put(ends, index, now_s, marks);
            } else {
                self.front.remove(ends);
            }
        }
    }

    /// Frees the stretch kept longest, so that what comes now is read. Not one of `key`: its next
    /// segment is here.
    #[cold]
    fn make_room<R: Reader>(&mut self, key: &Key, reader: &mut R) {
        let Some(victim) = self.parts.eldest(key) else {
            return;
        };
        let index = self.table.position(&victim);
        if let Some(conn) = index.and_then(|index| self.table.value(index)) {
            reader.pool_empty();
            let loss = Some(Outcome::ReassemblyLimit);
            fate::give_way(&mut self.parts, &victim, conn, loss, reader);
        }
    }

    /// Lets go of idle connections, looking at `sets` sets of the table.
    pub fn sweep<R: Reader>(&mut self, now: Timestamp, sets: usize, reader: &mut R) {
        let (parts, front) = (&mut self.parts, &mut self.front);
        self.table.sweep(sets, seconds(now), |idle_s, key, conn| {
            let bound = match (conn.outcome != 0, conn.closing == 1) {
                (true, true) => CLOSED_S,
                (true, false) => SETTLED_S,
                (false, true) => CLOSING_S,
                (false, false) => UNSETTLED_S,
            };
            let gone = idle_s > bound;
            if gone {
                front.forget(key, conn);
                fate::leave(parts, key, conn, None, reader);
            } else if idle_s > PATIENCE_S {
                fate::give_way(parts, key, conn, None, reader);
            }
            gone
        });
    }

    /// The end of the capture: every connection gets its fate.
    pub fn flush<R: Reader>(&mut self, reader: &mut R) {
        self.front.clear();
        let parts = &mut self.parts;
        let sets = self.table.sets();
        self.table.sweep(sets, 0, |_, key, conn| {
            fate::leave(parts, key, conn, None, reader);
            true
        });
    }

    /// Sets of the table, for the pace of [`Self::sweep`].
    pub const fn sets(&self) -> usize {
        self.table.sets()
    }
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

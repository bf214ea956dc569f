//! TCP streams: from segments to the bytes where a message may begin (RFC 9293).
//!
//! Enters: segments in any order, cut, doubled, from the middle of a stream, one direction only.
//! Leaves: in-order bytes, shown to a [`Reader`] in the frame itself when they lie there whole,
//! else in a pool buffer. Never: knows a protocol; waits for the SYN; grows.
//!
//! A message may begin at the start of a stream and, since a dialogue may come before it
//! (STARTTLS, CONNECT, SOCKS), at the start of each of the first [`LOOKS_MAX`] segments of a side.

use bytemuck::Zeroable;

use super::assembly::Insert;
use super::pool::SLOT_LEN;
use super::table::{Key, Side, Table};
use crate::base::{Endpoints, Outcome, Timestamp};
use crate::decode::{Packet, TcpMeta};

mod fate;
mod half;
mod parts;
#[cfg(test)]
mod tests;

use half::Half;
use parts::Parts;

/// Segments of one side in which a message may still begin.
pub const LOOKS_MAX: u8 = 16;
/// Room kept before the first segment of a stream that was met in the middle, in bytes: earlier
/// segments that arrive late still fit.
const MARGIN: usize = 8 * 1024;
/// Segments of such a stream kept in the hope that its head is only late.
const HOLD_MAX: u8 = 8;
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

/// What a reader says of bytes that stand where a message may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read a message of so many bytes; another may follow.
    Consumed(usize),
    /// It fits so far; more bytes are needed.
    NeedMore,
    /// No message begins here.
    NotHere,
    /// A message seems to begin here but contradicts itself. Looking goes on: it may be a decoy.
    Broken,
    /// All is known about this connection.
    Decided(Outcome),
}

/// The next stage, as far as streams concern it.
pub trait Reader {
    /// Bytes at a place where a message may begin, sent from `ends.src`.
    fn read(&mut self, bytes: &[u8]) -> Verdict;
    /// The rest of these bytes, sent from `ends.src` up to `frame`, will never come: what can
    /// honestly be said of them? Another connection's packet may be the one looked at.
    fn rest(
        &mut self,
        ends: &Endpoints,
        frame: u64,
        time: Timestamp,
        bytes: &[u8],
    ) -> Option<Outcome>;
    /// The connection's fate, once. `ends.src` is its client: the side that opened it, else the
    /// one that sent a hello, else the one with the higher port.
    fn ended(&mut self, ends: &Endpoints, outcome: Outcome);
    /// `bytes` bytes were copied to a pool buffer.
    fn copied(&mut self, bytes: usize);
    /// All pool buffers were in use; the one kept longest gave way.
    fn pool_empty(&mut self);
}

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Conn {
    /// Number and time of the newest frame whose payload was looked at.
    frame: u64,
    time: i64,
    sides: [Half; 2],
    /// 0 while undecided, else 1 + index of its [`Outcome`].
    outcome: u8,
    /// 0 unknown, 1 the low side, 2 the high side.
    client: u8,
    closing: u8,
    spare: u8,
}

impl Conn {
    const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Low => &mut self.sides[0],
            Side::High => &mut self.sides[1],
        }
    }

    const fn client_side(&self) -> Option<Side> {
        match self.client {
            1 => Some(Side::Low),
            2 => Some(Side::High),
            _ => None,
        }
    }

    const fn set_client(&mut self, side: Side) {
        self.client = if matches!(side, Side::Low) { 1 } else { 2 };
    }

    /// `side` sent a hello: without a SYN, that makes it the client.
    const fn spoke_first(&mut self, side: Side) {
        if self.client == 0 {
            self.set_client(side);
        }
    }

    /// Does a SYN of `side` start another connection on the same ports?
    fn restarts(&mut self, side: Side, tcp: TcpMeta) -> bool {
        let settled = self.outcome != 0;
        let half = self.half(side);
        // A client's SYN after the end, whose side had sent nothing: it was met in the middle.
        let after_end = settled && !half.opened() && !half.known() && !tcp.has(TcpMeta::ACK);
        half.restarts(tcp.seq) || after_end
    }
}

/// All TCP streams of one worker.
pub struct Streams {
    table: Table<Conn>,
    parts: Parts,
}

impl Streams {
    /// Room for about `flows` connections and `slots` unfinished messages. `seed`: see
    /// [`Table::new`].
    pub fn new(flows: usize, slots: u32, seed: Option<u64>) -> Self {
        Self {
            table: Table::new(flows, seed),
            parts: Parts::new(slots),
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
                fate::conclude(&mut self.parts, &old_key, &mut old, loss, reader);
            }
            found.index
        } else {
            match self.table.find(&key, now_s) {
                Some(index) => index,
                None => return,
            }
        };
        if packet.payload_wire_len > 0 && self.parts.is_empty() {
            self.make_room(&key, reader);
        }
        let Some(conn) = self.table.value(index) else {
            return;
        };
        if opens {
            let again = conn.restarts(side, tcp);
            if again {
                fate::conclude(&mut self.parts, &key, conn, None, reader);
                *conn = Conn::zeroed();
            }
            let answers = tcp.has(TcpMeta::ACK);
            conn.set_client(if answers { side.other() } else { side });
            conn.half(side).open(tcp.seq);
            if again {
                conn.half(side).renewed();
            }
        }
        if tcp.has(TcpMeta::FIN | TcpMeta::RST) {
            conn.closing = 1;
        }
        if conn.outcome == 0 && packet.payload_wire_len > 0 {
            (conn.frame, conn.time) = (frame, packet.time.nanos());
            let cut = packet
                .payload_wire_len
                .saturating_sub(packet.payload.len() as u32);
            let segment = Segment {
                // A SYN takes a number of its own.
                seq: tcp.seq.wrapping_add(u32::from(opens)),
                bytes: packet.payload,
                cut,
            };
            data(&mut self.parts, &key, conn, side, &segment, reader);
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
        let parts = &mut self.parts;
        self.table.sweep(sets, seconds(now), |idle_s, key, conn| {
            let bound = match (conn.outcome != 0, conn.closing == 1) {
                (true, true) => CLOSED_S,
                (true, false) => SETTLED_S,
                (false, true) => CLOSING_S,
                (false, false) => UNSETTLED_S,
            };
            let gone = idle_s > bound;
            if gone {
                fate::conclude(parts, key, conn, None, reader);
            } else if idle_s > PATIENCE_S {
                fate::give_way(parts, key, conn, None, reader);
            }
            gone
        });
    }

    /// The end of the capture: every connection gets its fate.
    pub fn flush<R: Reader>(&mut self, reader: &mut R) {
        let parts = &mut self.parts;
        let sets = self.table.sets();
        self.table.sweep(sets, 0, |_, key, conn| {
            fate::conclude(parts, key, conn, None, reader);
            true
        });
    }

    /// Sets of the table, for the pace of [`Self::sweep`].
    pub const fn sets(&self) -> usize {
        self.table.sets()
    }
}

/// Payload with its place in the stream.
struct Segment<'f> {
    seq: u32,
    bytes: &'f [u8],
    /// Bytes that the capture cut off its end.
    cut: u32,
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

/// What to do after a look.
enum Next {
    Go,
    Decide(Outcome),
    /// The rest cannot be put together.
    Lost(Outcome),
}

/// A side's stream while a segment is put into it.
struct Place<'s> {
    parts: &'s mut Parts,
    key: &'s Key,
    half: &'s mut Half,
}

fn data<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    segment: &Segment<'_>,
    reader: &mut R,
) {
    let half = conn.half(side);
    if half.done() {
        return;
    }
    half.saw_payload();
    if segment.bytes.is_empty() {
        half.cut();
        return;
    }
    let mut place = Place { parts, key, half };
    let next = if place.half.part != 0 {
        place.collect(segment, reader)
    } else if place.half.known() {
        place.in_order(segment, reader)
    } else {
        place.midstream(segment, reader)
    };
    let next = match next {
        // The capture itself cut the bytes off: what is there is all there will be.
        Next::Go if segment.cut > 0 && half.part != 0 && !half.holding() => {
            Next::Lost(Outcome::Truncated)
        }
        other => other,
    };
    let end = segment.seq.wrapping_add(segment.bytes.len() as u32);
    half.skip_cut(end, segment.cut);
    match next {
        Next::Go => give_up_looking(parts, key, conn, reader),
        Next::Decide(outcome) => {
            conn.spoke_first(side);
            fate::decide(parts, key, conn, outcome, reader);
        }
        Next::Lost(outcome) => fate::conclude(parts, key, conn, Some(outcome), reader),
    }
}

/// Once the client's side has had its looks, nothing more is to be expected of the connection.
fn give_up_looking<R: Reader>(parts: &mut Parts, key: &Key, conn: &mut Conn, reader: &mut R) {
    let over = match conn.client_side() {
        Some(side) => conn.half(side).done(),
        None => conn.sides.iter().all(Half::done),
    };
    if over {
        fate::conclude(parts, key, conn, None, reader);
    }
}

impl Place<'_> {
    /// Bytes of a side of which nothing is known, or behind a hole in a dialogue.
    fn midstream<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        self.half.set_base(segment.seq);
        let before = self.half.looks;
        let next = self.in_place(segment.bytes, reader);
        let none_began = self.half.looks > before && !self.half.done();
        if matches!(next, Next::Go) && none_began && !self.parts.scarce() {
            // A message's head may only be late: keep this with room before it.
            if let Some(number) = self.parts.take(self.key) {
                let base = segment.seq.wrapping_sub(MARGIN as u32);
                self.half.hold(number, base);
                if let Some((assembly, pool)) = self.parts.part(number) {
                    assembly.insert(pool, MARGIN, segment.bytes);
                    reader.copied(segment.bytes.len());
                }
            }
        }
        next
    }

    /// A side with nothing kept, whose place in the stream is known.
    fn in_order<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        let offset = segment.seq.wrapping_sub(self.half.base) as i32;
        let near = (0..SLOT_LEN as i32).contains(&offset);
        if !near && self.half.doubts_its_syn() {
            return self.midstream(segment, reader);
        }
        if offset <= 0 {
            let skip = offset.unsigned_abs() as usize;
            return match segment.bytes.get(skip..) {
                Some(fresh) if !fresh.is_empty() => self.in_place(fresh, reader),
                _ => Next::Go,
            };
        }
        if self.half.waits_for_head() {
            if near {
                return self.keep(offset as usize, segment.bytes, reader);
            }
            if !self.half.streams() {
                // Nobody's window is that wide before the first byte: a decoy, or much was lost.
                self.half.leave_hole();
                return Next::Go;
            }
        }
        self.midstream(segment, reader)
    }

    /// Shows bytes that begin at the side's base where they lie.
    fn in_place<R: Reader>(&mut self, mut bytes: &[u8], reader: &mut R) -> Next {
        while !bytes.is_empty() {
            match reader.read(bytes) {
                Verdict::Decided(outcome) => return Next::Decide(outcome),
                Verdict::Consumed(n) => {
                    let n = n.clamp(1, bytes.len());
                    self.half.consumed(n);
                    bytes = bytes.get(n..).unwrap_or_default();
                }
                Verdict::NeedMore => return self.keep(0, bytes, reader),
                verdict @ (Verdict::NotHere | Verdict::Broken) => {
                    self.half.looked(bytes.len(), verdict == Verdict::Broken);
                    break;
                }
            }
        }
        Next::Go
    }

    /// Begins a stretch at the side's base.
    fn keep<R: Reader>(&mut self, offset: usize, bytes: &[u8], reader: &mut R) -> Next {
        let Some(number) = self.parts.take(self.key) else {
            // Room was made before: only a pool of nothing but this flow comes here.
            reader.pool_empty();
            return Next::Lost(Outcome::ReassemblyLimit);
        };
        self.half.part = number;
        let Some((assembly, pool)) = self.parts.part(number) else {
            return Next::Go;
        };
        reader.copied(bytes.len().min(SLOT_LEN.saturating_sub(offset)));
        match assembly.insert(pool, offset, bytes) {
            Insert::Stored => Next::Go,
            insert => self.beyond(insert),
        }
    }

    /// A side with a stretch: put the segment in its place and show what is whole.
    fn collect<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        let offset = segment.seq.wrapping_sub(self.half.base) as i32;
        let skip = offset.min(0).unsigned_abs() as usize;
        let at = offset.max(0) as usize;
        let fresh = segment.bytes.get(skip..).filter(|b| !b.is_empty());
        if self.half.holding() && (fresh.is_none() || at >= SLOT_LEN) {
            // What is held lies off the way (a decoy, or much was lost): hold here instead.
            self.let_go();
            return if self.half.done() {
                Next::Go
            } else {
                self.midstream(segment, reader)
            };
        }
        let Some(fresh) = fresh else {
            return Next::Go;
        };
        let Some((assembly, pool)) = self.parts.part(self.half.part) else {
            return Next::Go;
        };
        reader.copied(fresh.len().min(SLOT_LEN.saturating_sub(at)));
        let inserted = assembly.insert(pool, at, fresh);
        let next = if self.half.holding() {
            self.look_back(at, reader)
        } else {
            self.look_at_prefix(reader)
        };
        match next {
            Next::Go if self.half.part != 0 && inserted != Insert::Stored => self.beyond(inserted),
            next => next,
        }
    }

    /// A side that waits for a late head: a message may begin at its lowest byte or at this
    /// segment.
    fn look_back<R: Reader>(&mut self, at: usize, reader: &mut R) -> Next {
        let mut hopeful = false;
        if let Some((assembly, pool)) = self.parts.part(self.half.part) {
            let start = assembly.start();
            for candidate in [Some(start), Some(at).filter(|at| *at != start)] {
                let Some(candidate) = candidate else { continue };
                match reader.read(assembly.from(pool, candidate)) {
                    Verdict::Decided(outcome) => return Next::Decide(outcome),
                    Verdict::NeedMore => hopeful = true,
                    Verdict::Consumed(n) => {
                        let end = candidate.saturating_add(n.max(1));
                        assembly.consume(pool, end);
                        self.half.resume(end);
                        return self.look_at_prefix(reader);
                    }
                    Verdict::NotHere | Verdict::Broken => {}
                }
            }
        }
        let patience = if hopeful {
            HOLD_MAX.saturating_mul(8)
        } else {
            HOLD_MAX
        };
        self.half.held = self.half.held.saturating_add(1);
        if self.half.held > patience {
            self.let_go();
        }
        Next::Go
    }

    /// Waits no longer for a late head.
    fn let_go(&mut self) {
        let part = self.parts.part(self.half.part);
        let end = part.map_or(0, |(assembly, _)| assembly.end());
        self.parts.give(self.half.part);
        self.half.let_go(end);
    }

    /// A side whose stretch begins where a message may begin.
    fn look_at_prefix<R: Reader>(&mut self, reader: &mut R) -> Next {
        loop {
            let Some((assembly, pool)) = self.parts.part(self.half.part) else {
                return Next::Go;
            };
            let prefix = assembly.prefix(pool);
            let len = prefix.len();
            if len == 0 {
                if assembly.is_empty() {
                    self.parts.give(self.half.part);
                    self.half.part = 0;
                }
                return Next::Go;
            }
            match reader.read(prefix) {
                Verdict::Decided(outcome) => return Next::Decide(outcome),
                Verdict::NeedMore => return Next::Go,
                Verdict::Consumed(n) => {
                    let n = n.clamp(1, len);
                    assembly.consume(pool, n);
                    self.half.consumed(n);
                }
                verdict @ (Verdict::NotHere | Verdict::Broken) => {
                    // Bytes behind a hole, if any, are let go: the hole is in a dialogue not ours.
                    self.parts.give(self.half.part);
                    self.half.part = 0;
                    self.half.looked(len, verdict == Verdict::Broken);
                    return Next::Go;
                }
            }
        }
    }

    /// Not everything found its place. A stream of messages starts anew behind it. A single
    /// message is lost once its buffer is full; before that, a segment far ahead only leaves a
    /// hole, lest one forged segment end the reading.
    fn beyond(&mut self, insert: Insert) -> Next {
        if self.half.streams() {
            self.parts.give(self.half.part);
            self.half.forget();
            return Next::Go;
        }
        let part = self.parts.part(self.half.part);
        let full = part.is_none_or(|(assembly, pool)| assembly.prefix(pool).len() >= SLOT_LEN);
        if full || insert == Insert::TooManyGaps {
            return Next::Lost(Outcome::ReassemblyLimit);
        }
        self.half.leave_hole();
        Next::Go
    }
}

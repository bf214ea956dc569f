//! TCP streams: from segments to the bytes where a message may begin (RFC 9293).
//!
//! Enters: segments in any order, cut, doubled, from the middle of a stream, one direction only.
//! Leaves: in-order bytes, shown to a [`Reader`] in the frame itself when they lie there whole,
//! else in a pool buffer. Never: knows a protocol; waits for the SYN; grows.
//!
//! A message may begin at the start of a stream and, since a dialogue may come before it
//! (STARTTLS, CONNECT, SOCKS), at the start of each of the first [`LOOKS_MAX`] segments of a side.

use bytemuck::Zeroable;

use super::assembly::{Assembly, Insert};
use super::pool::{Pool, SLOT_LEN};
use super::table::{Key, Side, Table};
use crate::base::{Endpoints, Outcome, Timestamp};
use crate::decode::{Packet, TcpMeta};

mod half;
#[cfg(test)]
mod tests;

use half::Half;

/// Segments of one side in which a message may still begin.
pub const LOOKS_MAX: u8 = 16;
/// Room kept before the first segment of a stream that was met in the middle, in bytes: earlier
/// segments that arrive late still fit.
const MARGIN: usize = 8 * 1024;
/// Segments of such a stream kept in the hope that its head is only late.
const HOLD_MAX: u8 = 8;
/// Idle seconds after which a flow leaves the table.
const IDLE_S: u32 = 120;
/// The same once a FIN or RST was seen. Not at once: a forged RST is a way to blind a monitor.
const CLOSING_S: u32 = 15;

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
    /// The rest of these bytes will never come: what can honestly be said of them?
    fn rest(
        &mut self,
        ends: &Endpoints,
        frame: u64,
        time: Timestamp,
        bytes: &[u8],
    ) -> Option<Outcome>;
    /// The connection's fate, once. `ends.src` is its client as far as known.
    fn ended(&mut self, ends: &Endpoints, outcome: Outcome);
    /// `bytes` bytes were copied to a pool buffer.
    fn copied(&mut self, bytes: usize);
    /// No pool buffer was free.
    fn pool_empty(&mut self);
}

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Conn {
    /// Number and time of its newest frame.
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
}

/// All TCP streams of one worker.
pub struct Streams {
    table: Table<Conn>,
    parts: Parts,
}

/// The pool and the stretches that lie in it; a half refers to one by number.
struct Parts {
    pool: Pool,
    list: Vec<Option<Assembly>>,
    free: Vec<u32>,
}

impl Parts {
    fn new(slots: u32) -> Self {
        let list = (0..slots).map(|_| None).collect();
        Self {
            pool: Pool::new(slots),
            list,
            free: (1..=slots).rev().collect(),
        }
    }

    /// A new stretch; its number is never 0.
    fn take(&mut self) -> Option<u32> {
        let assembly = Assembly::new(&mut self.pool)?;
        let number = self.free.pop()?;
        *self.list.get_mut(number.wrapping_sub(1) as usize)? = Some(assembly);
        Some(number)
    }

    fn give(&mut self, number: u32) {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize);
        if let Some(assembly) = slot.and_then(Option::take) {
            assembly.release(&mut self.pool);
            self.free.push(number);
        }
    }

    fn part(&mut self, number: u32) -> Option<(&mut Assembly, &mut Pool)> {
        let assembly = self
            .list
            .get_mut(number.wrapping_sub(1) as usize)?
            .as_mut()?;
        Some((assembly, &mut self.pool))
    }

    fn scarce(&self) -> bool {
        self.free.len() < self.list.len().div_ceil(2)
    }
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
        let index = if opens || !packet.payload.is_empty() {
            let found = self.table.find_or_insert(&key, now_s);
            if let Some((old_key, mut old)) = found.evicted {
                finish(
                    &mut self.parts,
                    &old_key,
                    &mut old,
                    Some(Outcome::Evicted),
                    reader,
                );
            }
            found.index
        } else {
            match self.table.find(&key, now_s) {
                Some(index) => index,
                None => return,
            }
        };
        let Some(conn) = self.table.value(index) else {
            return;
        };
        if opens && conn.half(side).restarts(tcp.seq) {
            finish(&mut self.parts, &key, conn, None, reader);
            *conn = Conn::zeroed();
        }
        conn.frame = frame;
        conn.time = packet.time.nanos();
        if opens {
            let client = if tcp.has(TcpMeta::ACK) {
                side.other()
            } else {
                side
            };
            conn.client = if client == Side::Low { 1 } else { 2 };
            conn.half(side).open(tcp.seq);
        }
        if tcp.has(TcpMeta::FIN | TcpMeta::RST) {
            conn.closing = 1;
        }
        if conn.outcome == 0 && !packet.payload.is_empty() {
            let seq = if opens {
                tcp.seq.wrapping_add(1)
            } else {
                tcp.seq
            };
            let missing = packet.payload_wire_len as usize > packet.payload.len();
            let segment = Segment {
                seq,
                bytes: packet.payload,
                missing,
            };
            data(&mut self.parts, &key, conn, side, &segment, reader);
        }
    }

    /// Lets go of idle connections, looking at `sets` sets of the table.
    pub fn sweep<R: Reader>(&mut self, now: Timestamp, sets: usize, reader: &mut R) {
        let idle =
            |idle_s: u32, conn: &Conn| idle_s > if conn.closing == 1 { CLOSING_S } else { IDLE_S };
        let parts = &mut self.parts;
        self.table.sweep(sets, seconds(now), idle, |key, mut conn| {
            finish(parts, key, &mut conn, None, reader);
        });
    }

    /// The end of the capture: every connection gets its fate.
    pub fn flush<R: Reader>(&mut self, reader: &mut R) {
        let parts = &mut self.parts;
        let sets = self.table.sets();
        self.table.sweep(
            sets,
            0,
            |_, _| true,
            |key, mut conn| {
                finish(parts, key, &mut conn, None, reader);
            },
        );
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
    /// The capture cut bytes off its end.
    missing: bool,
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

/// What to do after a look.
enum Next {
    Go,
    Decide(Outcome),
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
    let next = if half.part != 0 {
        collect(parts, half, segment, reader)
    } else if half.known() {
        in_order(parts, half, segment, reader)
    } else {
        midstream(parts, half, segment, reader)
    };
    let next = match next {
        Next::Go if segment.missing && half.part != 0 => cut_short(parts, key, conn, side, reader),
        other => other,
    };
    match next {
        Next::Go => give_up_looking(parts, key, conn, reader),
        Next::Decide(outcome) => finish(parts, key, conn, Some(outcome), reader),
    }
}

/// Once the client's side has had its looks, nothing more is to be expected of the connection.
fn give_up_looking<R: Reader>(parts: &mut Parts, key: &Key, conn: &mut Conn, reader: &mut R) {
    let over = match conn.client_side() {
        Some(side) => conn.half(side).done(),
        None => conn.sides.iter().all(Half::done),
    };
    if over {
        finish(parts, key, conn, None, reader);
    }
}

/// First bytes of a side whose SYN was not seen.
fn midstream<R: Reader>(
    parts: &mut Parts,
    half: &mut Half,
    segment: &Segment<'_>,
    reader: &mut R,
) -> Next {
    half.set_base(segment.seq);
    match in_place(parts, half, segment.bytes, reader) {
        Next::Go if half.looks == 1 && !parts.scarce() => {
            // Its head may only be late: keep it with room before it.
            if let Some(number) = parts.take() {
                half.hold(number, segment.seq.wrapping_sub(MARGIN as u32));
                if let Some((assembly, pool)) = parts.part(number) {
                    assembly.insert(pool, MARGIN, segment.bytes);
                    reader.copied(segment.bytes.len());
                }
            }
            Next::Go
        }
        next => next,
    }
}

/// A side with nothing kept, whose place in the stream is known.
fn in_order<R: Reader>(
    parts: &mut Parts,
    half: &mut Half,
    segment: &Segment<'_>,
    reader: &mut R,
) -> Next {
    let offset = segment.seq.wrapping_sub(half.base) as i32;
    if offset <= 0 {
        let skip = offset.unsigned_abs() as usize;
        return match segment.bytes.get(skip..) {
            Some(fresh) if !fresh.is_empty() => in_place(parts, half, fresh, reader),
            _ => Next::Go,
        };
    }
    if half.waits_for_head() && (offset as usize) < SLOT_LEN {
        return keep(parts, half, offset as usize, segment.bytes, reader);
    }
    // A hole in a dialogue that is not ours: go on behind it.
    half.base = segment.seq;
    in_place(parts, half, segment.bytes, reader)
}

/// Shows bytes that begin at the side's base where they lie.
fn in_place<R: Reader>(
    parts: &mut Parts,
    half: &mut Half,
    mut bytes: &[u8],
    reader: &mut R,
) -> Next {
    while !bytes.is_empty() {
        match reader.read(bytes) {
            Verdict::Decided(outcome) => return Next::Decide(outcome),
            Verdict::Consumed(n) => {
                let n = n.clamp(1, bytes.len());
                half.consumed(n);
                bytes = bytes.get(n..).unwrap_or_default();
            }
            Verdict::NeedMore => return keep(parts, half, 0, bytes, reader),
            verdict @ (Verdict::NotHere | Verdict::Broken) => {
                half.looked(bytes.len(), verdict == Verdict::Broken);
                break;
            }
        }
    }
    Next::Go
}

/// Begins a stretch at the side's base.
fn keep<R: Reader>(
    parts: &mut Parts,
    half: &mut Half,
    offset: usize,
    bytes: &[u8],
    reader: &mut R,
) -> Next {
    let Some(number) = parts.take() else {
        reader.pool_empty();
        return Next::Decide(Outcome::ReassemblyLimit);
    };
    half.part = number;
    let Some((assembly, pool)) = parts.part(number) else {
        return Next::Go;
    };
    reader.copied(bytes.len());
    match assembly.insert(pool, offset, bytes) {
        Insert::Stored => Next::Go,
        Insert::BeyondLimit | Insert::TooManyGaps => beyond(parts, half),
    }
}

/// A side with a stretch: put the segment in its place and show what is whole.
fn collect<R: Reader>(
    parts: &mut Parts,
    half: &mut Half,
    segment: &Segment<'_>,
    reader: &mut R,
) -> Next {
    let offset = segment.seq.wrapping_sub(half.base) as i32;
    let skip = if offset < 0 {
        offset.unsigned_abs() as usize
    } else {
        0
    };
    let Some(fresh) = segment.bytes.get(skip..).filter(|b| !b.is_empty()) else {
        return Next::Go;
    };
    let at = offset.max(0) as usize;
    let Some((assembly, pool)) = parts.part(half.part) else {
        return Next::Go;
    };
    reader.copied(fresh.len().min(SLOT_LEN.saturating_sub(at)));
    let inserted = assembly.insert(pool, at, fresh);
    let next = if half.holding() {
        look_back(parts, half, at, reader)
    } else {
        look_at_prefix(parts, half, reader)
    };
    match next {
        Next::Go if half.part != 0 && inserted != Insert::Stored => beyond(parts, half),
        next => next,
    }
}

/// A side that waits for a late head: a message may begin at its lowest byte or at this segment.
fn look_back<R: Reader>(parts: &mut Parts, half: &mut Half, at: usize, reader: &mut R) -> Next {
    let mut hopeful = false;
    if let Some((assembly, pool)) = parts.part(half.part) {
        for candidate in [assembly.start(), at] {
            match reader.read(assembly.from(pool, candidate)) {
                Verdict::Decided(outcome) => return Next::Decide(outcome),
                Verdict::NeedMore => hopeful = true,
                Verdict::Consumed(_) | Verdict::NotHere | Verdict::Broken => {}
            }
        }
    }
    let patience = if hopeful {
        HOLD_MAX.saturating_mul(8)
    } else {
        HOLD_MAX
    };
    half.held = half.held.saturating_add(1);
    if half.held > patience {
        let end = parts
            .part(half.part)
            .map_or(0, |(assembly, _)| assembly.end());
        parts.give(half.part);
        half.let_go(end);
    }
    Next::Go
}

/// A side whose stretch begins where a message may begin.
fn look_at_prefix<R: Reader>(parts: &mut Parts, half: &mut Half, reader: &mut R) -> Next {
    loop {
        let Some((assembly, pool)) = parts.part(half.part) else {
            return Next::Go;
        };
        let prefix = assembly.prefix(pool);
        let len = prefix.len();
        if len == 0 {
            if assembly.is_empty() {
                parts.give(half.part);
                half.part = 0;
            }
            return Next::Go;
        }
        match reader.read(prefix) {
            Verdict::Decided(outcome) => return Next::Decide(outcome),
            Verdict::NeedMore => return Next::Go,
            Verdict::Consumed(n) => {
                let n = n.clamp(1, len);
                assembly.consume(pool, n);
                half.consumed(n);
            }
            verdict @ (Verdict::NotHere | Verdict::Broken) => {
                // Bytes behind a hole, if any, are let go: the hole is in a dialogue not ours.
                parts.give(half.part);
                half.part = 0;
                half.looked(len, verdict == Verdict::Broken);
                return Next::Go;
            }
        }
    }
}

/// The stretch is full. A stream of messages starts anew behind it; a single message is lost.
fn beyond(parts: &mut Parts, half: &mut Half) -> Next {
    if half.streams() {
        parts.give(half.part);
        half.forget();
        return Next::Go;
    }
    Next::Decide(Outcome::ReassemblyLimit)
}

/// The capture itself cut the bytes off: what is there is all there will be.
fn cut_short<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    reader: &mut R,
) -> Next {
    if conn.half(side).holding() {
        return Next::Go;
    }
    match partial(parts, key, conn, side, reader) {
        Some(outcome) => Next::Decide(outcome),
        None => Next::Decide(Outcome::Truncated),
    }
}

/// Asks the reader about a message whose rest will not come.
fn partial<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    reader: &mut R,
) -> Option<Outcome> {
    let (frame, time) = (conn.frame, Timestamp(conn.time));
    let half = conn.half(side);
    let holding = half.holding();
    let (assembly, pool) = parts.part(half.part)?;
    let at = if holding { assembly.start() } else { 0 };
    let bytes = assembly.from(pool, at);
    if bytes.is_empty() {
        return None;
    }
    reader.rest(&key.endpoints(side), frame, time, bytes)
}

/// Settles a connection: with `outcome`, or with what its state says. Only the first call counts.
fn finish<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    outcome: Option<Outcome>,
    reader: &mut R,
) {
    if conn.outcome == 0 {
        let outcome = outcome.unwrap_or_else(|| fate(parts, key, conn, reader));
        conn.outcome = (outcome.index() as u8).saturating_add(1);
        let client = conn.client_side().unwrap_or(Side::Low);
        reader.ended(&key.endpoints(client), outcome);
    }
    for half in &mut conn.sides {
        if half.part != 0 {
            parts.give(half.part);
            half.part = 0;
        }
    }
}

fn fate<R: Reader>(parts: &mut Parts, key: &Key, conn: &mut Conn, reader: &mut R) -> Outcome {
    for side in [Side::Low, Side::High] {
        if let Some(outcome) = partial(parts, key, conn, side, reader) {
            return outcome;
        }
    }
    let client = conn.client_side();
    let waiting = conn.sides.iter().any(|h| h.part != 0 && !h.holding());
    match client {
        _ if conn.sides.iter().any(Half::broken) => Outcome::Malformed,
        _ if waiting => Outcome::Gap,
        Some(side) if !conn.half(side).payload_seen() => Outcome::NoPayload,
        Some(side) if conn.half(side).opened() => Outcome::OtherProtocol,
        _ => Outcome::Midstream,
    }
}

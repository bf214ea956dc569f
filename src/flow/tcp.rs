//! TCP streams: from segments to the bytes where a message may begin (RFC 9293).
//!
//! Enters: segments in any order, cut, doubled, from the middle of a stream, one direction only.
//! Leaves: in-order bytes, shown to a [`Reader`] in the frame itself when they lie there whole,
//! else in a pool buffer. Never: knows a protocol; waits for the SYN; grows.
//!
//! A message may begin at the start of a stream and, since a dialogue may come before it
//! (STARTTLS, CONNECT, SOCKS), at the start of each of the first [`LOOKS_MAX`] segments of a side;
//! also right behind a line of a dialogue that the reader knows, and such lines use up no look.

use bytemuck::Zeroable;

use super::begun::Begun;
use super::front::Front;
use super::pool::SLOT_LEN;
use super::shelf::Shelf;
use super::table::{Key, Side, Table};
use crate::base::{Endpoints, Outcome, Timestamp, seen::closed_set};
use crate::decode::{Glance, Inside, Packet, TcpMeta};

mod again;
mod fate;
mod genuine;
mod half;
mod place;
mod stretch;
#[cfg(test)]
mod tests;

use genuine::Manner;
use half::Half;
use place::{Next, Place, Told};
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
/// Most bytes passed over at once: places in a stream are compared within half of its numbers.
pub const SKIP_LEN_MAX: usize = 1 << 30;
/// Highest note of a reader.
pub const NOTE_MAX: u8 = 0x3f;
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

/// What a reader says of bytes that stand where a message may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read a message of so many bytes; another may follow. More bytes than were shown, up to
    /// [`SKIP_LEN_MAX`]: those to come are passed over unseen (a body).
    Consumed(usize),
    /// The same for a message that told a name: whatever comes, the connection was named.
    Named(usize),
    /// So many bytes belong to a dialogue that may lead to a message: one may begin right behind
    /// them. Unlike after [`Self::Consumed`], what is missing is not waited for.
    Passed(usize),
    /// It fits so far; more bytes are needed.
    NeedMore,
    /// No message begins here.
    NotHere,
    /// A message seems to begin here but contradicts itself. Looking goes on: it may be a decoy.
    Broken,
    /// This side has told all it can; the other may tell more. `by_client`: is this side the
    /// client's? The outcome, if any, stands when nothing better comes.
    Told {
        /// What became of the connection as far as this side tells.
        outcome: Option<Outcome>,
        /// Was it sent by the client?
        by_client: bool,
    },
    /// All is known about this connection.
    Decided(Outcome),
}

closed_set! {
    /// Signs of somebody who wants to blind a monitor: segments that the receiver will not take
    /// (`decoy-*`), and bytes that can be read in more than one way. Counted by segment.
    Desync {
        /// A wrong checksum, on a side whose SYN had a right one (RFC 9293 section 3.1).
        DecoyChecksum = "decoy-checksum",
        /// A time to live that ends on the way: clearly less than the SYN's.
        DecoyTtl = "decoy-ttl",
        /// Before the first byte of the stream.
        DecoySequence = "decoy-sequence",
        /// No ACK flag, RST with data, or an acknowledgement of what was before the connection
        /// (RFC 9293 section 3.10.7.4, RFC 5961).
        DecoyAck = "decoy-ack",
        /// An MD5 signature (RFC 2385) though the SYN had none, or a timestamp from before the SYN
        /// (RFC 7323 section 5).
        DecoyOption = "decoy-option",
        /// IP options or IPv6 extension headers that the SYN had not.
        DecoyHeader = "decoy-header",
        /// Data in a SYN without the cookie of RFC 7413.
        DecoySyn = "decoy-syn",
        /// Other bytes for a place that was taken, without any sign which are the true ones.
        Overlap = "overlap",
        /// Urgent data where a message begins (RFC 6093).
        Urgent = "urgent",
    }
}

/// What is known of one side of a connection when its bytes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The reader's own, at most [`NOTE_MAX`], 0 at first: what it writes there together with a
    /// message that it read comes back with what follows.
    pub note: u8,
    /// The other side is the client.
    pub answers: bool,
    /// There is more than one reading of these bytes.
    pub contested: bool,
    /// The reader's own: a mark of the name that it told, 0 for none. A message that tells the same
    /// name again is the same message come twice.
    pub name: u32,
}

/// The next stage, as far as streams concern it.
pub trait Reader {
    /// Bytes at a place where a message may begin, sent from `ends.src`.
    fn read(&mut self, bytes: &[u8], said: &mut Said) -> Verdict;
    /// The rest of these bytes, sent from `ends.src` up to the frame `at`, will never come: what can
    /// honestly be said of them? `answers`: the other side is the client, by what was seen of it,
    /// else by its port. Another connection's packet may be the one looked at.
    fn rest(
        &mut self,
        ends: &Endpoints,
        at: (u64, Timestamp),
        answers: bool,
        bytes: &[u8],
    ) -> Option<Outcome>;
    /// A message settled the connection: `side` sent it, and it is `message`. Is what follows to be
    /// told by [`Self::payload`]? `back`: the first byte of the other side that was not seen.
    fn named(&mut self, key: &Key, side: Side, message: &Message, back: Option<u32>) -> bool {
        let _ = (key, side, message, back);
        false
    }
    /// Is [`Self::judged`] worth calling?
    fn wants_judged(&self) -> bool {
        false
    }
    /// By a packet of `time` it became certain what is not read any more.
    fn judged(&mut self, ends: &Endpoints, judged: Judged, time: Timestamp) {
        let _ = (ends, judged, time);
    }
    /// `len` bytes at `seq`, sent by `side` of a connection that is wanted.
    fn payload(&mut self, key: &Key, side: Side, seq: u32, len: u32) {
        let _ = (key, side, seq, len);
    }
    /// A connection that was wanted left the table, or its ports began another one.
    fn left(&mut self, key: &Key) {
        let _ = key;
    }
    /// The connection's fate, once. `ends.src` is its client: the side that opened it, else the
    /// one that sent a hello, else the one with the higher port. `begun`: the time of the first
    /// packet seen. `at`: number and time of the newest frame whose payload was looked at.
    fn ended(&mut self, ends: &Endpoints, begun: Timestamp, at: (u64, Timestamp), outcome: Outcome);
    /// Could a message begin here? To spare the costly looks.
    fn begins(&self, bytes: &[u8]) -> bool {
        let _ = bytes;
        true
    }
    /// A segment stood out.
    fn desync(&mut self, sign: Desync) {
        let _ = sign;
    }
    /// Is there more than one reading of what [`Self::rest`] gets next?
    fn contested(&mut self, yes: bool) {
        let _ = yes;
    }
    /// `bytes` bytes were copied to a pool buffer.
    fn copied(&mut self, bytes: usize);
    /// All pool buffers were in use; the one kept longest gave way.
    fn pool_empty(&mut self);
}

/// What is certain of a connection before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// No payload that `ends.src` sends is looked at any more, unless the other side's bytes change
    /// that.
    ReadOut,
    /// Nothing of it is looked at any more, but what `ends.src` sends within the message that
    /// settled it: sequence number and length. `watched`: [`Reader::payload`] is still called.
    Settled {
        /// Is its later payload counted?
        watched: bool,
        /// Where that message lies, when another one in its place would be read.
        again: Option<(u32, u16)>,
    },
}

/// Where a message lies in its stream, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sequence number of its first byte.
    pub from: u32,
    /// Sequence number behind the highest byte seen.
    pub to: u32,
    /// Segments that brought it.
    pub segments: u32,
}

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Conn {
    /// Number and time of the newest frame whose payload was looked at.
    frame: u64,
    time: i64,
    sides: [Half; 2],
    /// The reader's mark of the name that settled it; see [`Said::name`].
    name: u32,
    begun: Begun,
    manner: Manner,
    /// 0 while undecided, else 1 + index of its [`Outcome`].
    outcome: u8,
    /// 0 unknown, 1 the low side, 2 the high side.
    client: u8,
    closing: u8,
    /// 1 when the reader wants its later payload.
    wanted: u8,
    /// What one side told while the other may tell more: 0, or 1 + index of an [`Outcome`].
    told: u8,
    /// Of each side: the reader's note, and [`NAMED`].
    notes: [u8; 2],
}

/// A million of them, with their keys, are to fit into 128 MiB.
const _: () = assert!(size_of::<Conn>() <= 72);

impl Conn {
    const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Low => &mut self.sides[0],
            Side::High => &mut self.sides[1],
        }
    }

    const fn half_and_note(&mut self, side: Side) -> (&mut Half, &mut u8, &mut u32) {
        let [low, high] = &mut self.sides;
        let name = &mut self.name;
        let [low_note, high_note] = &mut self.notes;
        match side {
            Side::Low => (low, low_note, name),
            Side::High => (high, high_note, name),
        }
    }

    /// Did a message of either side tell a name?
    const fn named(&self) -> bool {
        (self.notes[0] | self.notes[1]) & NAMED != 0
    }

    const fn client_side(&self) -> Option<Side> {
        match self.client {
            1 => Some(Side::Low),
            2 => Some(Side::High),
            _ => None,
        }
    }

    /// The client's side, as far as it is known; else by the ports.
    const fn likely_client(&self, key: &Key) -> Side {
        match self.client_side() {
            Some(side) => side,
            None => key.likely_client(),
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

    /// What stands if nothing better comes.
    fn told(&self) -> Option<Outcome> {
        let index = usize::from(self.told).checked_sub(1)?;
        Outcome::ALL.get(index).copied()
    }

    /// Notes what one side told. A name is not taken back.
    fn tell(&mut self, outcome: Outcome) {
        if self.told() != Some(Outcome::Named) {
            self.told = (outcome.index() as u8).saturating_add(1);
        }
    }

    /// Of a settled one: is what `side` sends to be looked at, and what the other sends? The message
    /// that settled it may come again.
    fn marks(&self, side: Side) -> [bool; 2] {
        let client = self.client_side().filter(|_| self.name != 0);
        [client == Some(side), client == Some(side.other())]
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
        segment(&mut self.parts, (&key, side), conn, packet, frame, reader);
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

/// One segment of a connection.
fn segment<R: Reader>(
    parts: &mut Parts,
    (key, side): (&Key, Side),
    conn: &mut Conn,
    packet: &Packet<'_>,
    frame: u64,
    reader: &mut R,
) {
    let Some(tcp) = packet.tcp else { return };
    let opens = tcp.has(TcpMeta::SYN);
    if opens {
        let again = conn.restarts(side, tcp);
        if again {
            fate::leave(parts, key, conn, None, reader);
            *conn = Conn::zeroed();
        }
        let answers = tcp.has(TcpMeta::ACK);
        conn.set_client(if answers { side.other() } else { side });
        conn.begun.note(packet.time);
        conn.half(side).open(tcp.seq);
        conn.manner.learn(side, packet, answers);
        if again {
            conn.half(side).renewed();
        }
    }
    if tcp.has(TcpMeta::FIN | TcpMeta::RST) {
        conn.closing = 1;
    }
    // The other side says what it has got.
    if conn.outcome == 0 && conn.half(side.other()).part != 0 && tcp.has(TcpMeta::ACK) {
        acknowledged(parts, key, conn, side.other(), tcp.ack, reader);
    }
    if packet.payload_wire_len == 0 {
        return;
    }
    // A SYN takes a number of its own.
    let seq = tcp.seq.wrapping_add(u32::from(opens));
    if conn.outcome == 0 {
        conn.begun.note(packet.time);
        (conn.frame, conn.time) = (frame, packet.time.nanos());
        let cut = packet
            .payload_wire_len
            .saturating_sub(packet.payload.len() as u32);
        let segment = Segment {
            seq,
            bytes: packet.payload,
            cut,
            urgent: urgent(packet, tcp),
            whole: packet.segment.len() <= genuine::SEGMENT_LEN_MAX,
        };
        // It is the client that hides something.
        if packet.journey.hops != 0 && conn.client_side() != Some(side.other()) {
            let half = conn.half(side);
            let kept = half.part != 0 || half.base != seq;
            let begins = kept || reader.begins(packet.payload);
            let sign = genuine::sign(conn, side, packet, tcp, begins);
            if let Some(sign) = sign {
                aside(parts, key, conn, side, (&segment, sign), reader);
                return;
            }
        }
        let before = conn.half(side).done();
        data(parts, key, conn, side, &segment, reader);
        let read_out = conn.half(side).done() && (!before || say_again(frame));
        if conn.outcome != 0 || read_out {
            judge(key, conn, side, packet.time, reader);
        }
        return;
    }
    if conn.name != 0
        && let Some(at) = conn.half(side).within(seq)
        && conn.client_side() == Some(side)
    {
        again::again(parts, (key, side), conn, (packet, at), reader);
        judge(key, conn, side, packet.time, reader);
    } else if say_again(frame) {
        judge(key, conn, side, packet.time, reader);
    }
    if conn.wanted != 0 {
        reader.payload(key, side, seq, packet.payload_wire_len);
    }
}

/// Payload with its place in the stream.
struct Segment<'f> {
    seq: u32,
    bytes: &'f [u8],
    /// Bytes that the capture cut off its end.
    cut: u32,
    /// Where in `bytes` its urgent byte stands.
    urgent: Option<usize>,
    /// Its checksum, if wrong, is the sender's.
    whole: bool,
}

/// Where in the payload the urgent byte stands: the pointer points behind it (RFC 6093 section 2).
fn urgent(packet: &Packet<'_>, tcp: TcpMeta) -> Option<usize> {
    if !tcp.has(TcpMeta::URG) {
        return None;
    }
    let pointer = packet.segment.get(18..)?.first_chunk::<2>()?;
    let at = usize::from(u16::from_be_bytes(*pointer)).checked_sub(1)?;
    (at < packet.payload.len()).then_some(at)
}

/// Sets a segment aside that stands out by a sign: it is read if nothing better comes, or if the
/// receiver says that it took it.
#[cold]
#[inline(never)]
fn aside<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    (segment, sign): (&Segment<'_>, Desync),
    reader: &mut R,
) {
    reader.desync(sign);
    let half = conn.half(side);
    // What the receiver is sure to throw away is not even kept.
    if half.done() || segment.bytes.is_empty() || (sign == Desync::DecoyChecksum && segment.whole) {
        return;
    }
    if !half.known() {
        half.set_base(segment.seq);
    }
    let offset = segment.seq.wrapping_sub(half.base) as i32;
    let at = offset.max(0) as usize;
    let skip = offset.min(0).unsigned_abs() as usize;
    let fresh = segment.bytes.get(skip..).unwrap_or_default();
    if fresh.is_empty() || at >= SLOT_LEN {
        return;
    }
    half.saw_payload();
    if half.part == 0 {
        // Not worth anybody else's place.
        let Some(number) = parts.take(key) else {
            return;
        };
        half.part = number;
        half.held = 0;
    }
    if let Some((stretch, pool)) = parts.at(half.part) {
        stretch.set_aside(pool, at, fresh);
        if let Some(at) = segment.urgent
            && let Some(at) = at.checked_sub(skip)
        {
            stretch.note_urgent(offset.max(0) as usize + at);
        }
    }
    reader.copied(fresh.len());
}

/// The receiver of a side's bytes has got all before `ack`: what was set aside is the truth then, if
/// nothing else came for its place, and what is missing passed elsewhere and will not come.
#[cold]
#[inline(never)]
fn acknowledged<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    ack: u32,
    reader: &mut R,
) {
    let half = conn.half(side);
    let Some((stretch, pool)) = parts.at(half.part) else {
        return;
    };
    let end = stretch.doubtful_end();
    let got = ack.wrapping_sub(half.base) as i32;
    if got < 0 || (got as usize) < end {
        return;
    }
    if end > 0 {
        stretch.believe(pool, got as usize);
    } else if !fate::pass_hole(parts, key, conn, side, got as usize, reader) {
        return;
    }
    let half = conn.half(side);
    // Nothing new: only another look at what is there.
    let segment = Segment {
        seq: half.base,
        bytes: &[],
        cut: 0,
        urgent: None,
        whole: false,
    };
    data(parts, key, conn, side, &segment, reader);
}

/// Frames of a flow that nobody reads go on coming until the one who was told acts on it: it is told
/// again now and then, in case that it forgot.
pub const fn say_again(frame: u64) -> bool {
    frame.is_multiple_of(64)
}

/// Says what is not read any more of a connection whose payload came from `side`.
#[cold]
#[inline(never)]
fn judge<R: Reader>(key: &Key, conn: &mut Conn, side: Side, time: Timestamp, reader: &mut R) {
    if !reader.wants_judged() {
        return;
    }
    if conn.outcome == 0 {
        // While a message of the other side waits for its rest, each acknowledgement counts.
        if conn.told == 0 && conn.half(side.other()).part == 0 {
            reader.judged(&key.endpoints(side), Judged::ReadOut, time);
        }
        return;
    }
    let client = conn.likely_client(key);
    let again = if conn.name == 0 || conn.client_side().is_none() {
        None
    } else {
        conn.half(client).message()
    };
    let watched = conn.wanted != 0;
    reader.judged(
        &key.endpoints(client),
        Judged::Settled { watched, again },
        time,
    );
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

fn data<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    segment: &Segment<'_>,
    reader: &mut R,
) {
    let answers = conn.client_side() == Some(side.other());
    let told = conn.told != 0;
    let (half, note, name) = conn.half_and_note(side);
    if half.done() {
        // What comes again says nothing new of who answers.
        if told && segment.seq.wrapping_sub(half.base) as i32 >= 0 {
            alone(parts, key, conn, side, reader);
        }
        return;
    }
    half.saw_payload();
    let believed = segment.bytes.is_empty() && half.part != 0 && segment.cut == 0;
    if segment.bytes.is_empty() && !believed {
        half.cut();
        return;
    }
    let before = half.first();
    if before.is_some_and(|first| (segment.seq.wrapping_sub(first) as i32) < -1) {
        reader.desync(Desync::DecoySequence);
    }
    let mut place = Place {
        parts,
        key,
        half,
        note,
        answers,
        name,
    };
    let next = if believed {
        place.look_at_prefix(reader)
    } else if place.half.part != 0 {
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
    let named = conn.named();
    if named {
        conn.spoke_first(side);
    }
    match next {
        Next::Go => give_up_looking(parts, key, conn, reader),
        Next::Decide(outcome, mut message) => {
            if message.to == end {
                message.to = end.wrapping_add(segment.cut);
            }
            conn.spoke_first(side);
            fate::want(key, conn, side, &message, reader);
            let outcome = if named { Outcome::Named } else { outcome };
            fate::decide(parts, key, conn, outcome, reader);
            let len = message.to.wrapping_sub(message.from);
            conn.half(side).settle(message.from, len);
        }
        Next::Told(told, mut message) => {
            if message.to == end {
                message.to = end.wrapping_add(segment.cut);
            }
            half_told(parts, key, conn, side, (&told, &message), reader);
        }
        Next::Lost(outcome) => fate::conclude(parts, key, conn, Some(outcome), reader),
    }
}

/// One side has told all it can.
#[cold]
fn half_told<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    (told, message): (&Told, &Message),
    reader: &mut R,
) {
    conn.spoke_first(if told.by_client { side } else { side.other() });
    if let Some(outcome) = told.outcome {
        conn.tell(outcome);
    }
    if told.by_client {
        // Whatever was watched on these ports before is over.
        fate::want(key, conn, side, message, reader);
        conn.half(side.other()).look_anew();
    }
    let half = conn.half(side);
    parts.give(half.part);
    half.finish();
    half.set_base(message.to);
    if conn.half(side.other()).done() {
        fate::conclude(parts, key, conn, None, reader);
    }
}

/// A side that has told all it can goes on, and nothing was ever seen of the other: only this
/// direction passes here.
#[cold]
fn alone<R: Reader>(parts: &mut Parts, key: &Key, conn: &mut Conn, side: Side, reader: &mut R) {
    if !conn.half(side.other()).payload_seen() {
        fate::conclude(parts, key, conn, None, reader);
    }
}

/// Once the client's side has had its looks, nothing more is to be expected of the connection,
/// unless its hello left the name to the server.
fn give_up_looking<R: Reader>(parts: &mut Parts, key: &Key, conn: &mut Conn, reader: &mut R) {
    let over = match conn.client_side() {
        Some(side) if conn.told == 0 => conn.half(side).done(),
        Some(_) => conn.sides.iter().all(Half::done),
        None => conn.sides.iter().all(Half::done),
    };
    if over {
        fate::conclude(parts, key, conn, None, reader);
    }
}

//! A segment put into its connection: is it the truth, where does it belong, and what follows from
//! what the reader says of it?
//!
//! Enters: a segment and its connection. Leaves: what the reader was shown, the connection's fate.
//! Never: looks a connection up.

use bytemuck::Zeroable;

use super::half::Half;
use super::place::{Next, Place, Told};
use super::{Conn, Desync, Judged, Message, Parts, Reader, again, fate, genuine};
use crate::base::{Outcome, Timestamp};
use crate::decode::{Packet, TcpMeta};
use crate::flow::pool::SLOT_LEN;
use crate::flow::table::{Key, Side};

/// Takes one segment of a connection.
pub(super) fn take<R: Reader>(
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

/// Payload with its place in the stream.
pub(super) struct Segment<'f> {
    pub seq: u32,
    pub bytes: &'f [u8],
    /// Bytes that the capture cut off its end.
    pub cut: u32,
    /// Where in `bytes` its urgent byte stands.
    pub urgent: Option<usize>,
    /// Its checksum, if wrong, is the sender's.
    pub whole: bool,
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

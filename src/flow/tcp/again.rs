//! A message that settled a connection comes again: a retransmission, or another message in its place.
//!
//! Enters: a segment of a settled connection that lies within that message. Leaves: what the reader
//! says of it when it differs. Never: changes the connection's fate; takes the last room.
//!
//! A decoy that stands out by nothing that the monitor can see (the capture began after the SYN) is
//! read as the truth, and the truth comes after it. Which of the two the server got cannot be known
//! then, so the name in the later one is told too.

use super::{Conn, Desync, Key, Message, Parts, Reader, Said, Side, Verdict, genuine};
use crate::decode::Packet;

/// `at`: where in the message the segment begins.
#[cold]
#[inline(never)]
pub(super) fn again<R: Reader>(
    parts: &mut Parts,
    (key, side): (&Key, Side),
    conn: &mut Conn,
    (packet, at): (&Packet<'_>, usize),
    reader: &mut R,
) {
    let Some(tcp) = packet.tcp else { return };
    // Perhaps a keep-alive, whose byte means nothing.
    if packet.payload.len() == 1 {
        return;
    }
    if let Some(sign) = genuine::sign(conn, side, packet, tcp, true) {
        reader.desync(sign);
        return;
    }
    let part = conn.half(side).part;
    let (verdict, len) = if part == 0 && at == 0 {
        (show(packet.payload, conn, reader), packet.payload.len())
    } else {
        (Verdict::NeedMore, 0)
    };
    if verdict != Verdict::NeedMore {
        told(conn, (key, side), verdict, len, reader);
        return;
    }
    if part == 0 {
        if parts.is_scarce() {
            return;
        }
        conn.half(side).part = parts.take(key).unwrap_or(0);
    }
    let part = conn.half(side).part;
    let Some((stretch, pool)) = parts.at(part) else {
        return;
    };
    reader.copied(packet.payload.len());
    stretch.insert(pool, at, packet.payload);
    let prefix = stretch.first.prefix(pool);
    if prefix.is_empty() {
        return;
    }
    let len = prefix.len();
    let verdict = show(prefix, conn, reader);
    if verdict != Verdict::NeedMore {
        parts.give(part);
        conn.half(side).part = 0;
        told(conn, (key, side), verdict, len, reader);
    }
}

fn show<R: Reader>(bytes: &[u8], conn: &mut Conn, reader: &mut R) -> Verdict {
    let mut said = Said {
        note: 0,
        answers: false,
        contested: true,
        name: conn.name,
    };
    let before = said.name;
    let verdict = reader.read(bytes, &mut said);
    if matches!(verdict, Verdict::Decided(_)) && said.name != before {
        // One other name is told; a third copy of the same place is nobody's.
        conn.name = 0;
    }
    verdict
}

/// Another name was told: the connection may be worth watching for it.
fn told<R: Reader>(
    conn: &mut Conn,
    (key, side): (&Key, Side),
    verdict: Verdict,
    len: usize,
    reader: &mut R,
) {
    if conn.name != 0 || !matches!(verdict, Verdict::Decided(_)) {
        return;
    }
    reader.desync(Desync::Overlap);
    let from = conn.half(side).base;
    let message = Message {
        from,
        to: from.wrapping_add(len as u32),
        segments: 1,
    };
    if reader.named(key, side, &message, None) {
        conn.wanted = 1;
    }
}

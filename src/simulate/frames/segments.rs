//! A flow cut into packets: which side sends how many bytes when. One answer for those who make
//! frames and those who make events.
//!
//! Enters: a [`Flow`]. Leaves: its packets with payload after the hello.

use super::hello;
use crate::simulate::plan::{Flow, Transport};

/// Microseconds from the first packet of a flow (SYN, Initial) to its hello.
pub const fn hello_after(transport: Transport) -> u64 {
    match transport {
        Transport::H2 => 15_000,
        Transport::H3 => 0,
    }
}

/// Microseconds from the hello to the first exchange: the server's part of the handshake.
const HANDSHAKE: u64 = 40_000;
/// Microseconds from the last packet up to the first down.
const ANSWER: u64 = 30_000;
/// Microseconds from packet to packet.
const GAP: u64 = 120;
/// Bytes of the server's part of the handshake (TCP).
pub const SERVER_FLIGHT: u32 = 900;

/// One packet with payload.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Microseconds after the flow's first packet.
    pub at: u64,
    /// From the client?
    pub up: bool,
    /// Payload bytes.
    pub len: u32,
    /// Does a TLS record begin with it, of this many bytes in all? (TCP)
    pub record: Option<u32>,
}

/// The bytes of the flow's hello.
pub fn hello(flow: &Flow, number: u32) -> Vec<u8> {
    match flow.transport {
        Transport::H2 => hello::tls(&flow.name),
        Transport::H3 => hello::quic(&flow.name, number),
    }
}

/// The packets after the hello.
pub fn segments(flow: &Flow) -> Vec<Segment> {
    let begin = hello_after(flow.transport);
    let (size, mut cursor) = match flow.transport {
        Transport::H2 => (1_400, begin + 20_000),
        Transport::H3 => (1_200, begin + 20_000),
    };
    let mut out = Vec::new();
    if flow.transport == Transport::H2 {
        out.push(Segment {
            at: cursor,
            up: false,
            len: SERVER_FLIGHT,
            record: Some(SERVER_FLIGHT),
        });
    }
    for exchange in &flow.exchanges {
        cursor = (cursor + GAP).max(begin + HANDSHAKE + exchange.at);
        cut(&mut out, &mut cursor, (true, exchange.up), size);
        if exchange.down > 0 {
            cursor += ANSWER;
            cut(&mut out, &mut cursor, (false, exchange.down), size);
        }
    }
    out
}

fn cut(out: &mut Vec<Segment>, cursor: &mut u64, (up, len): (bool, u32), size: u32) {
    let mut left = len;
    while left > 0 {
        let piece = left.min(size);
        out.push(Segment {
            at: *cursor,
            up,
            len: piece,
            record: (left == len).then_some(len),
        });
        left -= piece;
        *cursor += GAP;
    }
}

//! A flow cut into packets: which side sends how many bytes when. One answer for those who make
//! frames and those who make events.
//!
//! Enters: a [`Flow`]. Leaves: its packets with payload after the hello.
//!
//! A recording gives bytes for each exchange, not packets. Three things are put back from what the
//! protocols say: who speaks first, the server's part of the handshake (900 bytes down on each new TCP
//! connection, although a recorded first exchange has one already), and QUIC's acknowledgements, which
//! are datagrams of their own and must not stand as one large upload.

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

/// A client that sends less asks for nothing: WINDOW_UPDATE, PING or an empty SETTINGS in a TLS record
/// (RFC 9113 sections 6.5, 6.7, 6.9: 31 to 39 bytes), an acknowledgement in a datagram. The server spoke
/// first, then.
const REQUEST_LEN_MIN: u32 = 40;
/// A QUIC acknowledgement: short header, packet number, one ACK frame, tag (RFC 9000, 9001).
const ACK_LEN: u32 = 35;

/// How many datagrams answer `len` bytes of bulk: every second is acknowledged (RFC 9000 section
/// 13.2.2), from the hundredth on every tenth (Chromium's and QUICHE's decimation).
const fn acks(len: u32, size: u32) -> u32 {
    let datagrams = len.div_ceil(size);
    match datagrams {
        0..=100 => datagrams / 2,
        more => 50 + (more - 100) / 10,
    }
}

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
        let (up, down) = (exchange.up, exchange.down);
        let acks = match flow.transport {
            Transport::H2 => [0, 0],
            Transport::H3 => [
                (acks(down, size) * ACK_LEN).min(up),
                (acks(up, size) * ACK_LEN).min(down),
            ],
        };
        let asked = Part {
            up: true,
            len: up - acks[0],
            acks: acks[1],
        };
        let answered = Part {
            up: false,
            len: down - acks[1],
            acks: acks[0],
        };
        let parts = if up < REQUEST_LEN_MIN {
            [answered, asked]
        } else {
            [asked, answered]
        };
        for (nth, part) in parts.into_iter().enumerate() {
            if nth > 0 && part.len > 0 {
                cursor += ANSWER;
            }
            part.cut(&mut out, &mut cursor, size);
        }
    }
    out
}

/// What one side says in one go.
struct Part {
    up: bool,
    len: u32,
    /// Bytes of the other side's acknowledgements meanwhile.
    acks: u32,
}

impl Part {
    fn cut(self, out: &mut Vec<Segment>, cursor: &mut u64, size: u32) {
        cut(out, cursor, (self.up, self.len), size);
        let mut left = self.acks;
        while left > 0 {
            let piece = left.min(ACK_LEN);
            cut(out, cursor, (!self.up, piece), size);
            left -= piece;
        }
    }
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

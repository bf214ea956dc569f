//! Is a segment one that the receiver would take?
//!
//! Enters: a segment with payload, and what the connection's earlier packets were like. Leaves: the
//! sign by which it stands out, if any. Never: decides alone; a segment that stands out is read last,
//! and not at all when its checksum is wrong.
//!
//! Tools that blind a monitor send bytes which the server must not get: with a time to live that
//! ends on the way, a wrong checksum, an option that the server refuses, an acknowledgement of what
//! was never sent. What gives them away is the difference to the same side's SYN, so all of this is
//! about connections whose SYN was seen, but for a time to live that ends in the next few hops.
//!
//! RFC 9293 sections 3.1 and 3.10.7.4, RFC 2385 (MD5), RFC 7323 section 5 (PAWS), RFC 7413 (TFO).

use super::{Conn, Desync, Side};
use crate::decode::{Packet, TcpMeta};
use crate::flow::arrival::{Sum, checksum, hops_are_few};

/// Longest segment that is thrown away for its checksum: a longer one was perhaps merged on its way
/// to us, and not every card writes the sum anew.
pub(super) const SEGMENT_LEN_MAX: usize = 1500;

/// An acknowledgement so far back is refused (RFC 5961 section 5.2): before the connection there was
/// no larger window.
const WINDOW_MAX: i32 = 0xffff;

const HEADER_LEN: usize = 20;

const MD5: u8 = 19;
const TIMESTAMPS: u8 = 8;
const FAST_OPEN: u8 = 34;
const EXPERIMENT: u8 = 254;

/// Bits of [`Manner`], for the low side; the high side's stand four higher.
const SYN_SEEN: u8 = 1;
const CHECKSUM_GOOD: u8 = 2;
const SIGNED: u8 = 4;
const EXTENDED: u8 = 8;

/// How the packets of both sides are.
#[derive(Clone, Copy, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Manner {
    /// Of each side: most hops left that were seen, 0 before the first.
    hops: [u8; 2],
    bits: u8,
    /// The upper half of the client's timestamp in its SYN, 0 for none.
    clock: [u8; 2],
}

impl Manner {
    const fn has(self, side: Side, bit: u8) -> bool {
        self.bits & (bit << (4 * side as u8)) != 0
    }

    const fn set(&mut self, side: Side, bit: u8) {
        self.bits |= bit << (4 * side as u8);
    }

    /// Learns from a SYN of `side`.
    pub fn learn(&mut self, side: Side, packet: &Packet<'_>, answers: bool) {
        if packet.segment.is_empty() {
            return;
        }
        if let Some(hops) = self.hops.get_mut(side as usize) {
            *hops = (*hops).max(packet.journey.hops);
        }
        self.set(side, SYN_SEEN);
        if packet.journey.extended {
            self.set(side, EXTENDED);
        }
        let options = options(packet);
        if find(options, MD5).is_some() {
            self.set(side, SIGNED);
        }
        if !answers && let Some(clock) = clock(options) {
            self.clock = clock.to_be_bytes();
        }
        if checksum(packet) == Some(Sum::Good) {
            self.set(side, CHECKSUM_GOOD);
        }
    }

    /// The time to live of a segment with payload, against what its side had before.
    fn hops(&mut self, side: Side, now: u8) -> bool {
        let Some(before) = self.hops.get_mut(side as usize) else {
            return false;
        };
        let few = hops_are_few(*before, now);
        if !few {
            *before = (*before).max(now);
        }
        few
    }
}

/// The sign by which a segment with payload stands out. `begins`: is it worth adding it up?
pub(super) fn sign(
    conn: &mut Conn,
    side: Side,
    packet: &Packet<'_>,
    tcp: TcpMeta,
    begins: bool,
) -> Option<Desync> {
    if conn.manner.hops(side, packet.journey.hops) {
        return Some(Desync::DecoyTtl);
    }
    if packet.segment.is_empty() {
        return None;
    }
    let manner = conn.manner;
    if tcp.has(TcpMeta::SYN) {
        let options = options(packet);
        let cookie = |kind| find(options, kind).is_some_and(|body| body.len() >= 4);
        let asked = cookie(FAST_OPEN) || cookie(EXPERIMENT);
        return (!asked && !tcp.has(TcpMeta::ACK)).then_some(Desync::DecoySyn);
    }
    let other = conn.half(side.other());
    // Nobody's number, but what built packets have: it says nothing.
    let told = tcp.ack != 0;
    let old = told
        && other
            .first()
            .is_some_and(|first| (tcp.ack.wrapping_sub(first) as i32) < -WINDOW_MAX);
    if !tcp.has(TcpMeta::ACK) || tcp.has(TcpMeta::RST) || old {
        return Some(Desync::DecoyAck);
    }
    if !manner.has(side, SYN_SEEN) {
        return None;
    }
    if packet.journey.extended && !manner.has(side, EXTENDED) {
        return Some(Desync::DecoyHeader);
    }
    let options = options(packet);
    if !options.is_empty() {
        let signed = find(options, MD5).is_some() && !manner.has(side, SIGNED);
        let before = u16::from_be_bytes(manner.clock);
        let is_client = conn.client_side() == Some(side);
        let clock = clock(options).filter(|_| before != 0 && is_client);
        let old = clock.is_some_and(|now| (now.wrapping_sub(before) as i16) < -1);
        if signed || old {
            return Some(Desync::DecoyOption);
        }
    }
    let wrong = begins && manner.has(side, CHECKSUM_GOOD) && checksum(packet) == Some(Sum::Wrong);
    wrong.then_some(Desync::DecoyChecksum)
}

fn options<'f>(packet: &Packet<'f>) -> &'f [u8] {
    // What the capture cut off is missing at the end of both.
    let end = packet.segment.len().saturating_sub(packet.payload.len());
    packet.segment.get(HEADER_LEN..end).unwrap_or_default()
}

/// The body of the first option of a kind.
fn find(mut options: &[u8], wanted: u8) -> Option<&[u8]> {
    // The usual ones of a segment with data: two NOPs and timestamps.
    if let [1, 1, TIMESTAMPS, 10, rest @ ..] = options
        && rest.len() == 8
    {
        return (wanted == TIMESTAMPS).then_some(rest);
    }
    loop {
        match options {
            [1, rest @ ..] => options = rest,
            [kind, len, ..] if *kind != 0 && *len >= 2 => {
                let body = options.get(2..usize::from(*len))?;
                if *kind == wanted {
                    return Some(body);
                }
                options = options.get(usize::from(*len)..)?;
            }
            _ => return None,
        }
    }
}

/// The upper half of the sender's timestamp.
fn clock(options: &[u8]) -> Option<u16> {
    let body = find(options, TIMESTAMPS)?;
    body.first_chunk().map(|upper| u16::from_be_bytes(*upper))
}

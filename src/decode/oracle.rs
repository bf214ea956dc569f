//! What must hold for every input: the body of the fuzz target `decode`.
//!
//! Enters: any bytes, read as a series of frames. Each is `link, flags, length (u16, little
//! endian)` and then so many bytes; bit 0 of the flags says that the snap length cut the frame,
//! bit 1 that the kernel took a VLAN tag out, the upper six are seconds since the frame before.

// Assertions are what this file is for; its own arithmetic is on lengths below 2^17.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{
    Addresses, DEPTH_MAX, Decoded, Decoder, Glance, Inside, Malformed, Packet, udp_tunnel,
};
use crate::base::Timestamp;
use crate::capture::{Frame, LinkType, VlanTag};

/// The first nine have the numbers that the seeds know them by; the others follow.
const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::RawIpv4,
    LinkType::RawIpv6,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Unknown(147),
];

/// The link type that a frame's first byte names: by [`LINKS`], then by its place among those that are
/// decoded.
fn link(byte: u8) -> LinkType {
    match LINKS.get(usize::from(byte)) {
        Some(link) => *link,
        None => LinkType::DECODED[usize::from(byte) % LinkType::DECODED.len()],
    }
}

/// The byte for a link type; the tests write frames down with it.
#[cfg(test)]
pub(super) fn number(wanted: LinkType) -> u8 {
    (0..=u8::MAX)
        .find(|byte| link(*byte) == wanted)
        .unwrap_or(8)
}

/// Datagrams in progress: few, so that the limit is met.
const ROOM: u16 = 4;

/// What the snap length took from a frame that is marked so.
const CUT: u32 = 100;

/// Decodes the frames in `data` and asserts what must hold.
pub fn check(data: &[u8]) {
    let frames = read(data);
    let mut decoder = Decoder::with_room(&[], ROOM);
    // Sees the same frames by the general way only.
    let mut twin = Decoder::with_room(&[], ROOM);
    let mut closed = Decoder::with_room(&everything(), ROOM);
    for frame in &frames {
        let halls: Vec<_> = decoder.halls.iter().map(|hall| range(hall)).collect();
        let before = decoder.tunnels.total();
        let glance = decoder.glance(frame);
        let first = decoder.decode(frame);
        let holed = match &first {
            Decoded::Packet(packet) => stays_inside(packet, frame, &halls),
            _ => false,
        };
        assert!(
            same(&first, &twin.decode_any(frame)),
            "the plain way and the general one differ"
        );
        assert!(
            glance.is_none_or(|glance| shows(&glance, &first)),
            "a glance shows what decoding does not"
        );
        assert!(
            closed.glance(frame).is_none(),
            "a glance at what is excluded"
        );
        let peeled = decoder.tunnels.total() - before;
        assert!(peeled <= u64::from(DEPTH_MAX), "{peeled} layers deep");
        assert!(
            !holed || peeled > 0,
            "a datagram out of fragments with a hole"
        );
        let silent = !matches!(
            closed.decode(frame),
            Decoded::Packet(_) | Decoded::Fragment | Decoded::Neighbour(_)
        );
        assert!(silent, "an excluded packet came out");
        padding_changes_nothing(frame);
        cutting_only_shortens(frame);
    }
    assert!(decoder.fragments_pending() <= usize::from(ROOM));
    assert_eq!(closed.fragments_pending(), 0);
    assert_eq!(decoder.tunnels, twin.tunnels);
}

/// Both families whole.
fn everything() -> [IpNet; 2] {
    [Ipv4Net::default().into(), Ipv6Net::default().into()]
}

fn read(mut data: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    let mut secs = 1_700_000_000;
    while let Some(([link, flags, low, high], rest)) = data.split_first_chunk::<4>() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, rest) = rest.split_at(len);
        secs += i64::from(flags >> 2);
        frames.push(Frame {
            bytes,
            wire_len: len as u32 + if flags & 1 == 1 { CUT } else { 0 },
            time: Timestamp::from_secs_nanos(secs, 0),
            vlan: (flags & 2 == 2).then_some(VlanTag {
                tpid: 0x8100,
                tci: 0x2007,
            }),
            link: self::link(*link),
            point: 3,
        });
        data = rest;
    }
    frames
}

fn range(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr() as usize;
    start..start + bytes.len()
}

/// Does a packet that was put together miss bytes? (In a tunnel it may: its length lies.)
fn stays_inside(packet: &Packet<'_>, frame: &Frame<'_>, halls: &[Range<usize>]) -> bool {
    let payload = range(packet.payload);
    let lies_in = |whole: &Range<usize>| whole.start <= payload.start && payload.end <= whole.end;
    let from_frame = lies_in(&range(frame.bytes));
    assert!(
        from_frame || halls.iter().any(lies_in),
        "payload from elsewhere"
    );
    assert!(
        packet.payload.len() <= packet.payload_wire_len as usize,
        "longer than the wire"
    );
    assert_eq!((packet.time, packet.point), (frame.time, frame.point));
    assert!(packet.vlan.is_none_or(|id| (1..=0xfff).contains(&id)));
    !from_frame && packet.payload.len() != packet.payload_wire_len as usize
}

/// Does a glance show what decoding gives?
fn shows(glance: &Glance<'_>, decoded: &Decoded<'_>) -> bool {
    let Decoded::Packet(packet) = decoded else {
        return false;
    };
    let (src, dst) = match glance.addresses {
        Addresses::V4(src, dst) => (Ipv4Addr::from(src).into(), Ipv4Addr::from(dst).into()),
        Addresses::V6(both) => {
            let (pair, _) = both.as_chunks::<16>();
            (IpAddr::from(pair[0]), IpAddr::from(pair[1]))
        }
    };
    let inside = match (glance.inside, packet.tcp) {
        (
            Inside::Tcp {
                seq,
                flags,
                payload,
            },
            Some(tcp),
        ) => (seq, flags, payload) == (tcp.seq, tcp.flags, packet.payload_wire_len > 0),
        (Inside::Udp(payload), None) => {
            range(payload) == range(packet.payload)
                && payload.len() == packet.payload_wire_len as usize
        }
        _ => false,
    };
    let ports = (glance.sport, glance.dport);
    let ends = &packet.ends;
    inside && ports == (ends.sport, ends.dport) && (src, dst) == (ends.src, ends.dst)
}

/// Bytes behind a packet that knows its own length.
fn padding_changes_nothing(frame: &Frame<'_>) {
    let Some(inside) = frame.bytes.get(14..) else {
        return;
    };
    let ip_len = match (&frame.bytes[12..14], inside) {
        ([0x08, 0x00], [_, _, high, low, ..]) => match u16::from_be_bytes([*high, *low]) {
            0 => return,
            len => usize::from(len),
        },
        ([0x86, 0xdd], [_, _, _, _, high, low, ..]) => match u16::from_be_bytes([*high, *low]) {
            0 => return,
            len => usize::from(len) + 40,
        },
        _ => return,
    };
    // With less than a header, which complaint comes first is all that padding can change.
    if frame.link != LinkType::Ethernet || !(20..=inside.len()).contains(&ip_len) {
        return;
    }
    let mut padded = frame.bytes.to_vec();
    padded.extend([0xa5; 18]);
    let long = Frame {
        bytes: &padded,
        wire_len: frame.wire_len + 18,
        ..*frame
    };
    let (mut a, mut b) = (Decoder::with_room(&[], 1), Decoder::with_room(&[], 1));
    assert!(same(&a.decode(frame), &b.decode(&long)), "padding was read");
}

/// A smaller snap length gives the same packet with less payload, or says that it was cut.
fn cutting_only_shortens(frame: &Frame<'_>) {
    let len = frame.bytes.len();
    let step = (len / 8).max(1);
    let mut decoder = Decoder::with_room(&[], 1);
    let whole = decoder.decode(frame);
    // One for all cuts: what was cut off a fragment keeps it out of the table.
    let mut decoder = Decoder::with_room(&[], 1);
    for keep in (0..len).rev().step_by(step) {
        let cut = Frame {
            bytes: &frame.bytes[..keep],
            ..*frame
        };
        let holds = match (decoder.decode(&cut), &whole) {
            (Decoded::Malformed(Malformed::Truncated), _) => true,
            // A first fragment that is cut will never be part of a whole: its head is read at once.
            // (By UDP's own length it may even be complete.)
            (Decoded::Packet(head), Decoded::Fragment) => {
                head.payload.len() <= head.payload_wire_len as usize
            }
            (_, Decoded::Fragment) => true,
            // A tunnel that can no longer be told is the datagram that carries it.
            (Decoded::Packet(part), _) if udp_tunnel::has_port(&part.ends) => true,
            (Decoded::Packet(part), Decoded::Packet(whole)) => {
                let shorter = Packet {
                    payload: part.payload,
                    ..*whole
                };
                whole.payload.starts_with(part.payload)
                    && same(&Decoded::Packet(part), &Decoded::Packet(shorter))
            }
            (part, whole) => same(&part, whole),
        };
        assert!(holds, "{keep} of {len} bytes tell another story");
    }
}

/// Do both say the same, to the last byte?
pub(super) fn same(a: &Decoded<'_>, b: &Decoded<'_>) -> bool {
    match (a, b) {
        (Decoded::Packet(a), Decoded::Packet(b)) => {
            (a.time, a.ends, a.tcp, a.payload) == (b.time, b.ends, b.tcp, b.payload)
                && (a.payload_wire_len, a.src_mac, a.dst_mac, a.vlan, a.point)
                    == (b.payload_wire_len, b.src_mac, b.dst_mac, b.vlan, b.point)
        }
        (Decoded::Excluded, Decoded::Excluded) | (Decoded::Fragment, Decoded::Fragment) => true,
        (Decoded::Neighbour(a), Decoded::Neighbour(b)) => a == b,
        (Decoded::NotForUs(a), Decoded::NotForUs(b)) => a == b,
        (Decoded::Malformed(a), Decoded::Malformed(b)) => a == b,
        _ => false,
    }
}

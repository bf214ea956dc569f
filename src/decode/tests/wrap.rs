//! Layers to put around a packet, written out by hand from their specifications.

use super::build::*;

pub const INNER_SRC: [u8; 6] = [2, 9, 9, 9, 9, 1];
pub const INNER_DST: [u8; 6] = [2, 9, 9, 9, 9, 2];

/// An Ethernet frame with other addresses than the outer one.
pub fn inner_ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&INNER_DST[..], &INNER_SRC, &kind.to_be_bytes(), payload].concat()
}

pub fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = udp(payload);
    datagram[2..4].copy_from_slice(&port.to_be_bytes());
    datagram
}

/// An IPv6 packet from another sender.
pub fn ipv6_with(next: u8, payload: &[u8], src: &str) -> Vec<u8> {
    let mut packet = ipv6(next, payload);
    let src: std::net::Ipv6Addr = src.parse().unwrap();
    packet[8..24].copy_from_slice(&src.octets());
    packet
}

/// An IPv4 packet with its checksum filled in.
pub fn summed(mut packet: Vec<u8>) -> Vec<u8> {
    packet[10..12].fill(0);
    let sum: u32 = packet[..20]
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    packet
}

/// PPP with its framing.
pub fn ppp(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&[0xff, 3], &protocol.to_be_bytes()[..], payload].concat()
}

pub fn pppoe(session: u16, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    [&[0x11, 0], &session.to_be_bytes()[..], &len, payload].concat()
}

pub fn mpls(labels: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, label) in labels.iter().enumerate() {
        let bottom = if at + 1 == labels.len() { 0x100 } else { 0 };
        bytes.extend((label << 12 | bottom | 64).to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

pub fn gre(flags: u16, kind: u16, rest: &[u8], payload: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &kind.to_be_bytes(), rest, payload].concat()
}

/// PPTP's GRE with sequence and acknowledgement numbers.
pub fn pptp(payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let numbers = [len[0], len[1], 0, 9, 0, 0, 0, 1, 0, 0, 0, 1];
    gre(0x3081, 0x880b, &numbers, payload)
}

pub fn vxlan(network: u32, payload: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0], &(network << 8).to_be_bytes()[..], payload].concat()
}

pub fn geneve(kind: u16, network: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let units = options.len() as u8 / 4;
    let network = (network << 8).to_be_bytes();
    [
        &[units, 0],
        &kind.to_be_bytes()[..],
        &network,
        options,
        payload,
    ]
    .concat()
}

pub fn gtp(flags: u8, extensions: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = ((extensions.len() + payload.len()) as u16).to_be_bytes();
    [
        &[flags, 0xff, len[0], len[1], 0, 0, 0, 5],
        extensions,
        payload,
    ]
    .concat()
}

/// L2TPv2 data with length, sequence numbers and an offset of two.
pub fn l2tp(payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16 + 16).to_be_bytes();
    let head = [
        0x4a, 2, len[0], len[1], 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 0xee, 0xee,
    ];
    [&head[..], payload].concat()
}

/// 802.11 data: its four addresses are six ones, twos, threes and fours. The quality field and HT
/// control are there when `kind` and `flags` say so.
pub fn wifi(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, flags, 0, 0];
    for address in [1, 2, 3] {
        bytes.extend([address; 6]);
    }
    bytes.extend([0x10, 0]);
    if flags & 3 == 3 {
        bytes.extend([4; 6]);
    }
    if kind & 0x80 != 0 {
        bytes.extend([0, 0]);
        if flags & 0x80 != 0 {
            bytes.extend([0; 4]);
        }
    }
    bytes.extend(payload);
    bytes
}

/// The same, of 26 bytes, padded to 28.
pub fn wifi_padded(payload: &[u8]) -> Vec<u8> {
    wifi(0x88, 1, &[&[0, 0], payload].concat())
}

/// An A-MSDU.
pub fn aggregate(frames: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        body.extend(INNER_DST);
        body.extend(INNER_SRC);
        body.extend((frame.len() as u16).to_be_bytes());
        body.extend_from_slice(frame);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut bytes = wifi(0x88, 1, &body);
    bytes[24] = 0x80;
    bytes
}

/// Radiotap with two bitmaps, a timestamp and flags.
pub fn radiotap(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0];
    bytes.resize(24, 0);
    bytes.push(flags);
    bytes.extend(payload);
    bytes
}

/// A netfilter log record with a mark, the sender's address and the packet.
pub fn nflog(family: u8, packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![family, 0, 0, 5];
    let mut add = |kind: u16, value: &[u8]| {
        bytes.extend((value.len() as u16 + 4).to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    add(2, &[0; 4]);
    add(8, &[&[0, 6, 0, 0], &INNER_SRC[..], &[0, 0]].concat());
    add(10, b"prefix\0");
    add(9, packet);
    bytes
}

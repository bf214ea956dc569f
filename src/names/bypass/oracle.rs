//! The oracle of the fuzz target `bypass`: what must hold for any bytes; and the maker of packets
//! that the tests need.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{INITIATION_LEN, datagram, may_begin, stream};
use crate::base::{Timestamp, WayRound};

/// A moment that the seeds were made at: 2026-11-22T12:00:00Z.
pub const NOW: Timestamp = Timestamp(1_795_348_800_000_000_000);

/// Takes `data` as a datagram and as the head of a stream. Whatever is said must rest on the whole
/// message: of a datagram no beginning and no continuation of it may say the same; of a stream no
/// shorter beginning may say otherwise than the longer one.
///
/// # Panics
/// When one of these does not hold.
pub fn check(data: &[u8]) {
    for to in [443, 4500] {
        let Some(kind) = datagram(data, to, NOW) else {
            continue;
        };
        let ways = [WayRound::WireGuard, WayRound::OpenVpn, WayRound::Ipsec];
        assert!(ways.contains(&kind), "{kind} is told by no datagram");
        if kind == WayRound::WireGuard {
            assert_eq!(data.len(), INITIATION_LEN);
        }
        let mut longer = data.to_vec();
        longer.push(0x5a);
        assert_eq!(datagram(&longer, to, NOW), None, "one byte too many");
        if let Some((_, shorter)) = data.split_last() {
            assert_eq!(datagram(shorter, to, NOW), None, "one byte too few");
        }
    }
    let told = stream(data, NOW);
    assert!(told.is_none() || may_begin(data), "not looked at");
    for end in 0..data.len().min(128) {
        let shorter = stream(data.get(..end).unwrap_or_default(), NOW);
        assert!(shorter.is_none() || shorter == told, "told, then not");
    }
}

/// So many bytes that look random, the same each time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(next).collect()
}

/// A first message of WireGuard.
pub fn wireguard() -> Vec<u8> {
    let mut packet = noise(INITIATION_LEN);
    packet[..4].copy_from_slice(&[1, 0, 0, 0]);
    packet[39] &= 0x7f;
    packet[132..].fill(0);
    packet
}

/// A first message of IKE version 2 with one payload.
pub fn ike() -> Vec<u8> {
    let body = noise(40);
    let len = (28 + 4 + body.len()) as u32;
    let payload = [&[0, 0], &(4 + body.len() as u16).to_be_bytes()[..], &body].concat();
    let head = [&noise(8)[..], &[0; 8], &[33, 0x20, 34, 0x08], &[0; 4]].concat();
    [head, len.to_be_bytes().to_vec(), payload].concat()
}

/// A client's reset of OpenVPN: plain, or with this many bytes of HMAC (tls-auth).
pub fn openvpn(hmac: Option<usize>) -> Vec<u8> {
    let mut packet = [&[7 << 3][..], &noise(8)].concat();
    if let Some(len) = hmac {
        packet.extend(noise(len));
        packet.extend([0, 0, 0, 1]);
        packet.extend(((NOW.nanos() / 1_000_000_000) as u32).to_be_bytes());
    }
    [packet, vec![0; 5]].concat()
}

/// The same with tls-crypt, or tls-crypt-v2 and a wrapped key of this length.
pub fn openvpn_crypt(wrapped: Option<u16>) -> Vec<u8> {
    let opcode = if wrapped.is_some() { 10 << 3 } else { 7 << 3 };
    let mut packet = [&[opcode][..], &noise(8)].concat();
    packet.extend([0x0f, 0, 0, 1]);
    packet.extend(((NOW.nanos() / 1_000_000_000) as u32).to_be_bytes());
    packet.extend(noise(32 + 5));
    if let Some(len) = wrapped {
        packet.extend(noise(usize::from(len) - 2));
        packet.extend(len.to_be_bytes());
    }
    packet
}

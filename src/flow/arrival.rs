//! Is a packet one that can arrive?
//!
//! Enters: a packet of TCP or UDP. Leaves: what its checksum and its time to live say. Never: decides
//! what follows from that.
//!
//! RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1 (checksums), RFC 791 (time to live).

use std::net::IpAddr;

use crate::base::Transport;
use crate::decode::Packet;

/// So many hops less than others of the same sender had: no sender's routes differ so within a
/// connection.
const HOPS_APART: u8 = 3;
/// Hops left of a packet that is not meant to arrive, when there is nothing to compare it with.
const HOPS_FEW: u8 = 4;

/// Will a packet with `now` hops left end on its way? `before`: the most that were seen of its
/// sender, 0 for none. One whose hops are not known (0) will not.
pub const fn hops_are_few(before: u8, now: u8) -> bool {
    match (before, now) {
        (_, 0) => false,
        (0, _) => now <= HOPS_FEW,
        _ => now.saturating_add(HOPS_APART) <= before,
    }
}

/// What a checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// It is right.
    Good,
    /// It is wrong: the receiver throws the packet away.
    Wrong,
    /// None was made, or it is left to the card: only the sum over the addresses stands there.
    Unfilled,
}

/// The checksum of TCP or UDP; `None` when not all of the packet is here.
#[cold]
#[inline(never)]
pub fn checksum(packet: &Packet<'_>) -> Option<Sum> {
    let segment = packet.segment;
    let at = match packet.ends.transport {
        Transport::Tcp => 16,
        Transport::Udp => 6,
    };
    let field = segment.get(at..)?.first_chunk::<2>()?;
    let field = u16::from_be_bytes(*field);
    if packet.payload.len() < packet.payload_wire_len as usize {
        return None;
    }
    let addresses = match (packet.ends.src, packet.ends.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => add(&src.octets()).wrapping_add(add(&dst.octets())),
        (IpAddr::V6(src), IpAddr::V6(dst)) => add(&src.octets()).wrapping_add(add(&dst.octets())),
        _ => return None,
    };
    let addresses = addresses.wrapping_add(u64::from(packet.ends.transport.number()));
    let pseudo = addresses.wrapping_add(segment.len() as u64);
    Some(match fold(pseudo.wrapping_add(add(segment))) {
        0xffff => Sum::Good,
        _ if field == 0 || field == fold(pseudo) || field == fold(addresses) => Sum::Unfilled,
        _ => Sum::Wrong,
    })
}

/// Big-endian words added up, four bytes at a time: their carries are folded in later.
fn add(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(4);
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    let word = |word: &[u8]| {
        let word = word.first_chunk().copied().unwrap_or_default();
        u64::from(u32::from_be_bytes(word))
    };
    words.map(word).fold(word(&last), u64::wrapping_add)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    sum as u16
}

//! Ways round that carry no name: tunnels, told by the first bytes of their handshake.
//!
//! Enters: a whole UDP payload of any port, or the bytes where a message of a TCP stream may
//! begin. Leaves: what kind of way begins here, or nothing. Never: guesses. One packet has to be
//! enough, so each test asks for the whole shape of a handshake's first message: its exact length,
//! each field that is fixed, and randomness where the protocol has random bytes. A false yes would
//! say of somebody's call or game that it is a tunnel.
//!
//! | what | fixed in a packet of the right length | random bytes pass at most once in |
//! | --- | --- | --- |
//! | WireGuard initiation | 33 bits | 2^33 packets of 148 bytes |
//! | OpenVPN reset, plain | 48 bits | 2^48 of 14 bytes |
//! | OpenVPN reset, tls-auth | 80 bits | 2^80 of 38 to 86 bytes |
//! | OpenVPN reset, tls-crypt | 41 bits | 2^41 of 54 bytes |
//! | IKE, first message | 150 bits | 2^150 |
//! | NAT keepalive of IPsec | 8 bits and port 4500 | 256 of one byte to that port |
//! | PPTP | 80 bits | 2^80 |
//! | SSH | 64 bits | 2^64 |
//!
//! WireGuard: section 5.4.2 of its white paper. OpenVPN: its wire protocol (openvpn-rfc). IKE: RFC
//! 7296 section 3.1, RFC 2408 section 3.1, RFC 3948. PPTP: RFC 2637 section 2.1. SSH: RFC 4253
//! section 4.2.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[doc(hidden)]
pub mod oracle;

use super::reader::Reader;
use crate::base::{Timestamp, WayRound};

/// Port of IPsec behind NAT (RFC 3948).
const NAT_TRAVERSAL: u16 = 4500;

/// Length of WireGuard's first message.
const INITIATION_LEN: usize = 148;

/// `P_CONTROL_HARD_RESET_CLIENT_V2` and `_V3`, key 0.
const RESET_V2: u8 = 7 << 3;
const RESET_V3: u8 = 10 << 3;
/// Opcode, session id.
const RESET_HEAD: usize = 9;
/// Replay protection: number, time.
const REPLAY_LEN: usize = 8;
/// What every reset ends with: no acknowledgements, message 0.
const RESET_TAIL: usize = 5;
/// Length of the HMAC of tls-auth: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
const HMAC_LENS: [usize; 6] = [16, 20, 28, 32, 48, 64];
/// Length of the tag of tls-crypt (HMAC-SHA-256).
const TAG_LEN: usize = 32;
/// Shortest and longest wrapped client key of tls-crypt-v2: tag, 256 bytes of key, length; with
/// metadata, within a datagram.
const WRAPPED_LEN: std::ops::RangeInclusive<usize> = 290..=1100;
/// Packet numbers of a reset: the first few, for it is sent again while nobody answers; of
/// OpenVPN 2.6 with this mark (EARLY_NEG_START).
const EARLY: u32 = 0x0f00_0000;
const RESENT_MAX: u32 = 64;
/// How far a client's clock may be off.
const CLOCK_S: i64 = 400 * 86_400;

/// The way that a whole UDP payload of any port begins, sent to `to`.
#[inline]
pub fn datagram(payload: &[u8], to: u16, time: Timestamp) -> Option<WayRound> {
    match payload {
        [1, 0, 0, 0, ..] if payload.len() == INITIATION_LEN => initiation(payload),
        [RESET_V2 | RESET_V3, ..] => reset(payload, time),
        [0xff] if to == NAT_TRAVERSAL => Some(WayRound::Ipsec),
        _ => None,
    }
    .or_else(|| match payload.get(16..20)? {
        [_, 0x10 | 0x20, 2 | 4 | 34, _] => ike(payload),
        // Behind the mark that tells IKE from ESP.
        [..] if matches!(payload, [0, 0, 0, 0, ..]) => ike(payload.get(4..)?),
        _ => None,
    })
}

/// Could [`datagram`] say anything of a payload of more than one byte with this head?
#[inline(always)]
pub const fn may_be(head: &[u8; 20]) -> bool {
    // What IKE has in its places, behind four zeros too, which no other begins with.
    let ike = matches!(head[17], 0x10 | 0x20) && matches!(head[18], 2 | 4 | 34);
    ike || matches!(
        head,
        [1, 0, 0, 0, ..] | [RESET_V2 | RESET_V3, ..] | [0, 0, 0, 0, ..]
    )
}

/// Could [`stream`] say anything of these bytes? One look at one byte.
#[inline]
pub const fn may_begin(bytes: &[u8]) -> bool {
    matches!(bytes, [0..=4 | b'S', ..])
}

/// The way that begins with these bytes of a TCP stream.
#[inline(never)]
pub fn stream(bytes: &[u8], time: Timestamp) -> Option<WayRound> {
    if bytes.starts_with(b"SSH-2.0-") {
        return Some(WayRound::Tunnel);
    }
    let mut reader = Reader::new(bytes);
    let len = usize::from(reader.u16()?);
    match reader.rest() {
        [RESET_V2 | RESET_V3, ..] => reset(reader.take(len)?, time),
        // Start-Control-Connection-Request of version 1.0: its length counts itself.
        [0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 1, 0, ..] if len == 156 => {
            Some(WayRound::Tunnel)
        }
        _ => None,
    }
}

/// WireGuard: type, reserved, sender, ephemeral key, encrypted key, encrypted time, two MACs.
#[inline(never)]
fn initiation(payload: &[u8]) -> Option<WayRound> {
    let mut reader = Reader::new(payload);
    let _type_and_sender = reader.take(8)?;
    let ephemeral = reader.take(32)?;
    let _static_and_time = reader.take(48 + 28)?;
    let _first_mac = reader.take(16)?;
    let random = payload.get(8..132)?;
    let second_mac = reader.take(16)?;
    // A number below 2^255 (RFC 7748 section 5).
    let is_key = ephemeral.last()? & 0x80 == 0;
    let is_mac = second_mac == [0; 16] || is_random(second_mac);
    (is_key && is_random(random) && is_mac).then_some(WayRound::WireGuard)
}

/// Random bytes hold no four zeros in a row (but once in 2^32 places), and are no text.
fn is_random(bytes: &[u8]) -> bool {
    !bytes.windows(4).any(|four| four == [0; 4]) && bytes.iter().any(|byte| *byte >= 0x80)
}

/// OpenVPN: a client's first message, which opens or opens anew.
#[inline(never)]
fn reset(packet: &[u8], time: Timestamp) -> Option<WayRound> {
    let mut reader = Reader::new(packet);
    let opcode = reader.u8()?;
    let session = reader.take(8)?;
    let spread = session
        .iter()
        .enumerate()
        .filter(|(at, byte)| !session.iter().take(*at).any(|other| other == *byte));
    if spread.count() < 5 {
        return None;
    }
    let is_reset = match opcode {
        RESET_V2 => plain(packet) || hashed(packet, time) || encrypted(packet, time),
        _ => wrapped(packet, time),
    };
    is_reset.then_some(WayRound::OpenVpn)
}

fn plain(packet: &[u8]) -> bool {
    packet.get(RESET_HEAD..) == Some(&[0; RESET_TAIL])
}

/// tls-auth: HMAC, replay protection, then the plain tail.
fn hashed(packet: &[u8], time: Timestamp) -> bool {
    HMAC_LENS.iter().any(|len| {
        let at = RESET_HEAD.saturating_add(*len);
        let tail = at.saturating_add(REPLAY_LEN);
        is_replay_protected(packet, at, time) && packet.get(tail..) == Some(&[0; RESET_TAIL])
    })
}

/// tls-crypt: replay protection, tag, then the tail encrypted.
fn encrypted(packet: &[u8], time: Timestamp) -> bool {
    packet.len() == RESET_HEAD + REPLAY_LEN + TAG_LEN + RESET_TAIL
        && is_replay_protected(packet, RESET_HEAD, time)
}

/// tls-crypt-v2: the same, then the client's key as the server wrapped it, which ends with its
/// length.
fn wrapped(packet: &[u8], time: Timestamp) -> bool {
    const OWN: usize = RESET_HEAD + REPLAY_LEN + TAG_LEN + RESET_TAIL;
    let Some((_, len)) = packet.split_last_chunk::<2>() else {
        return false;
    };
    let len = usize::from(u16::from_be_bytes(*len));
    WRAPPED_LEN.contains(&len)
        && OWN.saturating_add(len) == packet.len()
        && is_replay_protected(packet, RESET_HEAD, time)
}

/// Does a packet number of a reset stand there, and the time of day behind it?
fn is_replay_protected(packet: &[u8], at: usize, time: Timestamp) -> bool {
    let mut reader = Reader::new(packet.get(at..).unwrap_or_default());
    let (Some(number), Some(clock)) = (reader.u32(), reader.u32()) else {
        return false;
    };
    let now = time.nanos().div_euclid(1_000_000_000);
    let number = if number & 0xff00_0000 == EARLY {
        number ^ EARLY
    } else {
        number
    };
    (1..=RESENT_MAX).contains(&number) && i64::from(clock).abs_diff(now) <= CLOCK_S.unsigned_abs()
}

/// IKE: the initiator's first message. The responder has no number yet.
#[inline(never)]
fn ike(message: &[u8]) -> Option<WayRound> {
    let mut reader = Reader::new(message);
    let initiator = reader.take(8)?;
    let responder = reader.take(8)?;
    let [next, version, exchange, flags] = *reader.take(4)?.first_chunk::<4>()?;
    let number = reader.u32()?;
    let len = reader.u32()?;
    let first = match (version, exchange, flags) {
        // SA, or first a cookie or a vendor's mark.
        (0x20, 34, 0x08) => matches!(next, 33 | 41 | 43),
        // Main or aggressive mode: SA.
        (0x10, 2 | 4, 0) => next == 1,
        _ => false,
    };
    let payload = usize::from(Reader::new(reader.rest().get(2..)?).u16()?);
    let whole =
        usize::try_from(len).ok()? == message.len() && (4..=reader.rest().len()).contains(&payload);
    let opens = initiator != [0; 8] && responder == [0; 8] && number == 0;
    (first && whole && opens).then_some(WayRound::Ipsec)
}

#[cfg(test)]
mod tests;

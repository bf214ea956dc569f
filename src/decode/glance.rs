//! A first look at a frame: enough to see whether anything in it can be new.
//!
//! Enters: a frame. Leaves: a [`Glance`], for the plainest of frames: Ethernet II with at most one
//! 802.1Q tag, IPv4 without options or IPv6 without extension headers, one TCP segment or whole UDP
//! datagram, no tunnel's port, no excluded prefix. Never: says anything of another frame, not even
//! that it is broken, so that whatever is refused here is decoded and counted on the general way.
//!
//! Most frames carry more of what was judged before. For them the general [`Decoder::decode`] reads
//! and builds far more than anybody asks for; this reads a dozen fields, and keeps the rest where it
//! lies. What both say of a frame is the same; a test compares them over every capture.
//!
//! RFC 791, RFC 8200, RFC 9293, RFC 768.

use super::Decoder;
use super::exclude::Excluded;
use super::transport::{TCP, UDP};
use super::udp_tunnel;
use crate::capture::{Frame, LinkType};

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
const V4_LEN: usize = 20;
const V6_LEN: usize = 40;
const TCP_LEN: usize = 20;
const UDP_LEN: usize = 8;
/// More fragments, or an offset.
const FRAGMENTED: u16 = 0x3fff;

/// Source and destination address, as they stand in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Addresses<'f> {
    /// Source and destination.
    V4(u32, u32),
    /// Both, one behind the other.
    V6(&'f [u8; 32]),
}

/// What a glance at a frame shows. No `Debug`: it has addresses and payload in clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Glance<'f> {
    /// Source and destination.
    pub addresses: Addresses<'f>,
    /// Sender's port.
    pub sport: u16,
    /// Receiver's port.
    pub dport: u16,
    /// What the transport header says.
    pub inside: Inside<'f>,
}

/// The transport layer of a [`Glance`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inside<'f> {
    /// A TCP segment.
    Tcp {
        /// Sequence number.
        seq: u32,
        /// The flags byte.
        flags: u8,
        /// Are there bytes behind the header, by the headers' own lengths?
        payload: bool,
    },
    /// The payload of a UDP datagram as captured, without padding.
    Udp(&'f [u8]),
}

impl Decoder {
    /// What a glance at `frame` shows; `None` when it is not of the plainest, or excluded.
    #[inline(always)]
    pub fn glance<'f>(&self, frame: &Frame<'f>) -> Option<Glance<'f>> {
        if frame.link != LinkType::Ethernet {
            return None;
        }
        let (mut kind, mut ip) = frame
            .bytes
            .get(ETHERNET_LEN - 2..)?
            .split_first_chunk::<2>()?;
        if *kind == [0x81, 0] {
            (_, ip) = ip.split_first_chunk::<{ TAG_LEN - 2 }>()?;
            (kind, ip) = ip.split_first_chunk::<2>()?;
        }
        match *kind {
            [0x08, 0x00] => v4(ip, &self.excluded),
            [0x86, 0xdd] => v6(ip, &self.excluded),
            _ => None,
        }
    }
}

#[inline(always)]
fn v4<'f>(ip: &'f [u8], excluded: &Excluded) -> Option<Glance<'f>> {
    let head = ip.first_chunk::<V4_LEN>()?;
    let [version, _, t0, t1, _, _, f0, f1, _, proto, _, _, rest @ ..] = head;
    let [s0, s1, s2, s3, d0, d1, d2, d3] = *rest;
    let total = usize::from(u16::from_be_bytes([*t0, *t1]));
    let pieces = u16::from_be_bytes([*f0, *f1]) & FRAGMENTED;
    if *version != 0x45 || pieces != 0 {
        return None;
    }
    let (src, dst) = (
        u32::from_be_bytes([s0, s1, s2, s3]),
        u32::from_be_bytes([d0, d1, d2, d3]),
    );
    if excluded.any() && excluded.holds_either_v4(src, dst) {
        return None;
    }
    let len = total.checked_sub(V4_LEN)?;
    transport(*proto, ip.get(V4_LEN..)?, len, Addresses::V4(src, dst))
}

#[inline(always)]
fn v6<'f>(ip: &'f [u8], excluded: &Excluded) -> Option<Glance<'f>> {
    let head = ip.first_chunk::<V6_LEN>()?;
    let [first, _, _, _, l0, l1, next, _, addresses @ ..] = head;
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    if *first >> 4 != 6 {
        return None;
    }
    if excluded.any() && is_excluded_v6(addresses, excluded) {
        return None;
    }
    transport(*next, ip.get(V6_LEN..)?, len, Addresses::V6(addresses))
}

#[cold]
fn is_excluded_v6(addresses: &[u8; 32], excluded: &Excluded) -> bool {
    let (pair, _) = addresses.as_chunks::<16>();
    pair.iter()
        .any(|one| excluded.holds_v6(u128::from_be_bytes(*one)))
}

/// `len`: what the IP header says of the length of `body`.
#[inline(always)]
fn transport<'f>(
    proto: u8,
    body: &'f [u8],
    len: usize,
    addresses: Addresses<'f>,
) -> Option<Glance<'f>> {
    // A length of 0 is offload's: no header fits it.
    match proto {
        TCP => {
            let head = body.first_chunk::<TCP_LEN>()?;
            let [
                s0,
                s1,
                d0,
                d1,
                q0,
                q1,
                q2,
                q3,
                _,
                _,
                _,
                _,
                offset,
                flags,
                ..,
            ] = *head;
            let header_len = usize::from(offset >> 4).wrapping_mul(4);
            if header_len < TCP_LEN || len.min(body.len()) < header_len {
                return None;
            }
            Some(Glance {
                addresses,
                sport: u16::from_be_bytes([s0, s1]),
                dport: u16::from_be_bytes([d0, d1]),
                inside: Inside::Tcp {
                    seq: u32::from_be_bytes([q0, q1, q2, q3]),
                    flags,
                    payload: len > header_len,
                },
            })
        }
        UDP if !udp_tunnel::may_begin(proto, body) => {
            // What the capture cut is not judged by its beginning.
            let body = body.get(..len)?;
            let [s0, s1, d0, d1, l0, l1, ..] = *body.first_chunk::<UDP_LEN>()?;
            let end = usize::from(u16::from_be_bytes([l0, l1]));
            Some(Glance {
                addresses,
                sport: u16::from_be_bytes([s0, s1]),
                dport: u16::from_be_bytes([d0, d1]),
                inside: Inside::Udp(body.get(UDP_LEN..end)?),
            })
        }
        _ => None,
    }
}

//! ARP (RFC 826) and neighbour discovery (RFC 4861): which device says that an address is its own.
//!
//! Enters: an ARP message, or an IPv6 packet that carries ICMPv6. Leaves: a [`Neighbour`]. Never:
//! takes a probe for a claim (RFC 5227, RFC 4862 section 5.4: the address is not held yet), takes
//! neighbour discovery from beyond the link (RFC 4861 section 7.1: hop limit 255) or out of
//! fragments (RFC 6980), lets an excluded address out.

use std::net::{IpAddr, Ipv4Addr};

use super::exclude::Excluded;
use super::ipv6;
use super::span::Span;
use super::{End, Malformed, NotForUs};
use crate::base::{Timestamp, seen::closed_set};

const ARP_LEN: usize = 28;
/// Ethernet (RFC 826, `ar$hrd` 1), IPv4, addresses of six and of four bytes.
const ARP_HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Type, code, checksum, flags and the target address.
const DISCOVERY_LEN: usize = 24;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;

closed_set! {
    /// How a device told its address.
    NeighbourBy {
        /// ARP request or reply: its sender.
        Arp = "arp",
        /// Neighbour solicitation: its sender; advertisement: its target.
        Ndp = "ndp",
    }
}

/// A device that says "this address is mine". `ip` is never unspecified, loopback, multicast or
/// broadcast, `mac` never a group's or all zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Packet time.
    pub time: Timestamp,
    /// By which protocol.
    pub by: NeighbourBy,
    /// The address.
    pub ip: IpAddr,
    /// The device.
    pub mac: [u8; 6],
}

/// An ARP message. Requests say as much as replies: of their sender.
#[cold]
pub(super) fn arp(span: Span<'_>, excluded: &Excluded, time: Timestamp) -> Result<Neighbour, End> {
    let Some(message) = span.bytes.first_chunk::<ARP_LEN>() else {
        let seen = span.bytes.get(..ARP_HEAD.len()).unwrap_or(span.bytes);
        return Err(if ARP_HEAD.starts_with(seen) {
            span.short(ARP_LEN).into()
        } else {
            NotForUs::NotIp.into()
        });
    };
    let [
        0,
        1,
        8,
        0,
        6,
        4,
        0,
        1 | 2,
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        s0,
        s1,
        s2,
        s3,
        _,
        _,
        _,
        _,
        _,
        _,
        t0,
        t1,
        t2,
        t3,
    ] = *message
    else {
        return Err(NotForUs::NotIp.into());
    };
    let ip = IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3));
    let target = IpAddr::V4(Ipv4Addr::new(t0, t1, t2, t3));
    if excluded.any() && (excluded.holds(ip) || excluded.holds(target)) {
        return Err(End::Excluded);
    }
    let mac = [m0, m1, m2, m3, m4, m5];
    claim(time, NeighbourBy::Arp, ip, mac).ok_or(NotForUs::NotIp.into())
}

/// Does ICMPv6 follow an IPv6 header at once? Between the headers of honest neighbour discovery
/// stands nothing.
#[inline]
pub(super) fn may_be_discovery(span: Span<'_>) -> bool {
    span.bytes.get(6) == Some(&ipv6::ICMPV6)
}

/// An IPv6 packet with ICMPv6 in it.
#[cold]
pub(super) fn discovery(
    span: Span<'_>,
    excluded: &Excluded,
    time: Timestamp,
) -> Result<Neighbour, End> {
    let ip = ipv6::open(span, excluded)?;
    let from_the_link = span.bytes.get(7) == Some(&255);
    if !from_the_link {
        return Err(NotForUs::OtherTransport.into());
    }
    let Some([kind, code]) = ip.body.bytes.first_chunk::<2>() else {
        return Err(ip.body.short(2).into());
    };
    let wanted = match (*kind, *code) {
        (SOLICITATION, 0) => SOURCE_LINK_ADDRESS,
        (ADVERTISEMENT, 0) => TARGET_LINK_ADDRESS,
        _ => return Err(NotForUs::OtherTransport.into()),
    };
    let options = ip.body.after(DISCOVERY_LEN)?;
    let target = ip.body.bytes.get(8..).and_then(<[u8]>::first_chunk);
    let target = u128::from_be_bytes(*target.ok_or(Malformed::Truncated)?);
    if excluded.any() && excluded.holds_v6(target) {
        return Err(End::Excluded);
    }
    let address = if *kind == SOLICITATION {
        ip.src
    } else {
        target
    };
    let Some(mac) = link_address(options, wanted)? else {
        return Err(NotForUs::OtherTransport.into());
    };
    claim(time, NeighbourBy::Ndp, IpAddr::V6(address.into()), mac)
        .ok_or(NotForUs::OtherTransport.into())
}

/// The link-layer address option `wanted` (RFC 4861 section 4.6.1), six bytes long.
fn link_address(mut options: Span<'_>, wanted: u8) -> Result<Option<[u8; 6]>, Malformed> {
    while options.wire_len > 0 {
        let Some([kind, units]) = options.bytes.first_chunk::<2>() else {
            return Err(options.short(2));
        };
        let len = usize::from(*units).saturating_mul(8);
        if len == 0 {
            return Err(Malformed::BadLength);
        }
        let rest = options.after(len)?;
        if *kind == wanted && *units == 1 {
            return Ok(options
                .bytes
                .get(2..)
                .and_then(|b| b.first_chunk().copied()));
        }
        options = rest;
    }
    Ok(None)
}

/// A claim by and of what can hold an address.
fn claim(time: Timestamp, by: NeighbourBy, ip: IpAddr, mac: [u8; 6]) -> Option<Neighbour> {
    let holdable = match ip {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first != 0 && !v4.is_loopback() && !v4.is_multicast() && !v4.is_broadcast()
        }
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_loopback() && !v6.is_multicast(),
    };
    let device = mac != [0; 6] && mac[0] & 1 == 0;
    (holdable && device).then_some(Neighbour { time, by, ip, mac })
}

//! The link layer: frame headers, and the type fields and tags behind them.
//!
//! Enters: a frame, or what is inside a layer that carries frames. Leaves: the layer inside,
//! link-layer addresses, the outermost VLAN id. Never: looks into an IP packet beyond its version
//! nibble.
//!
//! Sources: IEEE 802.3, 802.1Q and 802.2; RFC 1042 (SNAP), RFC 2684 (LLC over ATM); the LINKTYPE
//! registry of tcpdump.org for Linux cooked, loopback, FDDI, IP over InfiniBand and raw IP.

use pnet::packet::ethernet::{EtherType, EtherTypes, EthernetPacket};
use pnet::packet::sll::SLLPacket;
use pnet::packet::sll2::SLL2Packet;
use pnet::packet::vlan::VlanPacket;

use super::layer::{Inside, Layer};
use super::span::Span;
use super::tunnel::{Tunnel, Way};
use super::{End, Malformed, NotForUs, labels, ppp};
use crate::capture::{Frame, LinkType};

/// Most VLAN tags in a row; the one that the kernel took out is not among them.
pub(super) const TAGS_MAX: usize = 4;

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
const SLL_LEN: usize = 16;
const SLL2_LEN: usize = 20;
const FAMILY_LEN: usize = 4;
const FDDI_LEN: usize = 13;
/// InfiniBand: a global routing header of 40 bytes, then the Ethertype and two reserved bytes.
const INFINIBAND_LEN: usize = 44;
/// Seven bytes of preamble and the start delimiter (802.3br).
pub(super) const PREAMBLE_LEN: usize = 8;

/// LLC header of SNAP; five bytes follow it.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
const SNAP_LEN: usize = 8;
/// LLC of IPv4 without SNAP (RFC 1042 leaves it to history, switches still send it).
const LLC_IP: [u8; 3] = [0x06, 0x06, 0x03];
/// LLC of ISO protocols: a NLPID follows (RFC 2684 section 5.1).
const LLC_ISO: [u8; 3] = [0xfe, 0xfe, 0x03];
/// A type field up to here is an 802.3 length: an LLC header follows.
const LLC_LENGTH_MAX: u16 = 1500;
/// Linux cooked: protocol of a frame that begins with an LLC header (`ETH_P_802_2`).
const SLL_LLC: u16 = 4;

/// ARPHRD of Ethernet: the only one whose six bytes are taken for a MAC.
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_FRAD: u16 = 770;
const ARPHRD_RADIOTAP: u16 = 803;
const ARPHRD_NETLINK: u16 = 824;

/// What the link said of a frame. The addresses stay where they are until a packet is made of
/// them: carried by value they went through memory at every step, and cost more than the headers.
#[derive(Clone, Copy, Default)]
pub(super) struct Link<'f> {
    pub src_mac: Option<&'f [u8; 6]>,
    pub dst_mac: Option<&'f [u8; 6]>,
    pub vlan: Option<u16>,
}

/// Which IP header follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

/// The link, which IP header follows, and what begins with it.
pub(super) type Peeled<'f> = (Link<'f>, Version, Span<'f>);

/// Takes the link header off when it is one of the plainest: Ethernet II, at most one 802.1Q tag,
/// IP right behind it.
#[inline]
pub(super) fn peel_plain<'f>(frame: &Frame<'f>) -> Option<Peeled<'f>> {
    if frame.link != LinkType::Ethernet {
        return None;
    }
    let mut kind = EthernetPacket::new(frame.bytes)?.get_ethertype();
    let mut span = whole(frame).after(ETHERNET_LEN).ok()?;
    let mut vlan = taken_out(frame);
    if kind == EtherTypes::Vlan {
        let tag = VlanPacket::new(span.bytes)?;
        kind = tag.get_ethertype();
        vlan = vlan.or(vlan_id(tag.get_vlan_identifier()));
        span = span.after(TAG_LEN).ok()?;
    }
    let version = match kind {
        EtherTypes::Ipv4 => Version::V4,
        EtherTypes::Ipv6 => Version::V6,
        _ => return None,
    };
    let link = Link {
        src_mac: frame.bytes.get(6..)?.first_chunk(),
        dst_mac: frame.bytes.first_chunk(),
        vlan,
    };
    Some((link, version, span))
}

/// As [`peel_plain`], of frames that begin with IP: those of tunnel interfaces.
#[inline]
pub(super) fn peel_raw<'f>(frame: &Frame<'f>) -> Option<Peeled<'f>> {
    let version = match (frame.link, frame.bytes.first()? >> 4) {
        (LinkType::RawIp | LinkType::RawIpv4, 4) => Version::V4,
        (LinkType::RawIp | LinkType::RawIpv6, 6) => Version::V6,
        _ => return None,
    };
    let link = Link {
        vlan: taken_out(frame),
        ..Link::default()
    };
    Some((link, version, whole(frame)))
}

/// The VLAN of the tag that the kernel took out.
#[inline]
pub(super) fn taken_out(frame: &Frame<'_>) -> Option<u16> {
    frame.vlan.and_then(|tag| vlan_id(tag.tci))
}

/// The whole frame.
#[inline]
pub(super) fn whole<'f>(frame: &Frame<'f>) -> Span<'f> {
    Span {
        bytes: frame.bytes,
        wire_len: frame.bytes.len().max(frame.wire_len as usize),
    }
}

/// Raw IP: the version nibble tells which.
pub(super) fn raw_ip(span: Span<'_>) -> Result<Inside<'_>, End> {
    match span.bytes.first() {
        Some(first) => match first >> 4 {
            4 => Ok((Layer::V4, span)),
            6 => Ok((Layer::V6, span)),
            _ => Err(Malformed::BadVersion.into()),
        },
        None => Err(span.short(1).into()),
    }
}

/// An Ethernet header: its addresses take the place of those before.
pub(super) fn ethernet<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some(header) = EthernetPacket::new(span.bytes) else {
        return Err(span.short(ETHERNET_LEN).into());
    };
    way.link.src_mac = span.bytes.get(6..).and_then(<[u8]>::first_chunk);
    way.link.dst_mac = span.bytes.first_chunk();
    let kind = header.get_ethertype().0;
    Ok((Layer::Type(kind), span.after(ETHERNET_LEN)?))
}

/// Follows VLAN tags to what the last type field announces. `kind` is the type field just read,
/// `span` what lies behind it.
pub(super) fn behind_type<'f>(
    mut kind: u16,
    mut span: Span<'f>,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    let mut tags = 0;
    loop {
        match EtherType(kind) {
            EtherTypes::Ipv4 => return Ok((Layer::V4, span)),
            EtherTypes::Ipv6 => return Ok((Layer::V6, span)),
            EtherTypes::Arp => return Ok((Layer::Arp, span)),
            EtherTypes::Vlan | EtherTypes::PBridge | EtherTypes::QinQ => {
                tags = usize::saturating_add(tags, 1);
                if tags > TAGS_MAX {
                    return Err(Malformed::TooManyHeaders.into());
                }
                let Some(tag) = VlanPacket::new(span.bytes) else {
                    return Err(span.short(TAG_LEN).into());
                };
                way.link.vlan = way.link.vlan.or(vlan_id(tag.get_vlan_identifier()));
                kind = tag.get_ethertype().0;
                span = span.after(TAG_LEN)?;
            }
            EtherTypes::PppoeSession => return ppp::pppoe(span, way),
            EtherType(0..=LLC_LENGTH_MAX) => return Ok((Layer::Llc, span)),
            EtherType(other) => return labels::behind_type(other, span, way),
        }
    }
}

/// LLC: SNAP, IPv4, or over ATM a NLPID.
pub(super) fn llc<'f>(span: Span<'f>, atm: bool, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    if span.bytes.starts_with(&LLC_IP) {
        return Ok((Layer::V4, span.after(LLC_IP.len())?));
    }
    if atm && span.bytes.starts_with(&LLC_ISO) {
        return ppp::behind_nlpid(span.after(LLC_ISO.len())?, way);
    }
    if span.bytes.starts_with(&SNAP) && span.bytes.len() >= SNAP_LEN {
        return snap(span.after(3)?, atm, way);
    }
    // Whether it is one of these was cut off.
    let so_far = span.bytes.get(..3).unwrap_or(span.bytes);
    let may_be = |header: &[u8], len: usize| {
        span.bytes.len() < len && span.wire_len >= len && header.starts_with(so_far)
    };
    let iso = atm && may_be(&LLC_ISO, LLC_ISO.len());
    if iso || may_be(&SNAP, SNAP_LEN) || may_be(&LLC_IP, LLC_IP.len()) {
        return Err(Malformed::Truncated.into());
    }
    Err(NotForUs::NotIp.into())
}

/// The five bytes of SNAP: an organisation and what it calls the protocol. An Ethertype cannot be a
/// length again, so no loop comes of it.
pub(super) fn snap<'f>(
    span: Span<'f>,
    atm: bool,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    let Some([o0, o1, o2, high, low]) = span.bytes.first_chunk::<5>() else {
        return Err(span.short(5).into());
    };
    let kind = u16::from_be_bytes([*high, *low]);
    let inside = span.after(5)?;
    match ([*o0, *o1, *o2], kind) {
        // 0000f8 is 802.1H's, for those that a bridge translated.
        ([0, 0, 0 | 0xf8], kind) if kind > LLC_LENGTH_MAX => Ok((Layer::Type(kind), inside)),
        // Bridged 802.3 with or without its checksum (RFC 2427 section 4.2, RFC 2684 section 5.2).
        ([0, 0x80, 0xc2], 1 | 7) => {
            let padding = if atm { 2 } else { 0 };
            let frame = inside.after(padding)?;
            way.enter(Tunnel::Bridged, 0)?;
            Ok((Layer::Ethernet, frame))
        }
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// FDDI: frame control, both addresses, LLC.
pub(super) fn fddi<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let inside = span.after(FDDI_LEN)?;
    // LLC frames, whatever their priority; the rest is the ring's own.
    if span
        .bytes
        .first()
        .is_none_or(|control| control & 0xf0 != 0x50)
    {
        return Err(NotForUs::NotIp.into());
    }
    way.link.dst_mac = span.bytes.get(1..).and_then(<[u8]>::first_chunk);
    way.link.src_mac = span.bytes.get(7..).and_then(<[u8]>::first_chunk);
    Ok((Layer::Llc, inside))
}

/// IP over InfiniBand: the Ethertype stands behind the global routing header.
pub(super) fn infiniband(span: Span<'_>) -> Result<Inside<'_>, End> {
    let inside = span.after(INFINIBAND_LEN)?;
    match span.bytes.get(40..).and_then(<[u8]>::first_chunk) {
        Some(kind) => Ok((Layer::Type(u16::from_be_bytes(*kind)), inside)),
        None => Err(span.short(INFINIBAND_LEN).into()),
    }
}

/// Id 0 is a priority tag: the frame belongs to no VLAN by it (802.1Q section 9.6).
const fn vlan_id(tci: u16) -> Option<u16> {
    match tci & 0x0fff {
        0 => None,
        id => Some(id),
    }
}

/// Linux cooked, version 1.
pub(super) fn cooked_v1<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some(header) = span.bytes.get(..SLL_LEN).and_then(SLLPacket::new) else {
        return Err(span.short(SLL_LEN).into());
    };
    let address = Cooked {
        arphrd: header.get_link_layer_address_type(),
        address_len: header.get_link_layer_address_len(),
        address: span.bytes.get(6..14).unwrap_or_default(),
    };
    let kind = header.get_protocol().0;
    cooked(address, kind, span.after(SLL_LEN)?, way)
}

/// Linux cooked, version 2.
pub(super) fn cooked_v2<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some(header) = span.bytes.get(..SLL2_LEN).and_then(SLL2Packet::new) else {
        return Err(span.short(SLL2_LEN).into());
    };
    let address = Cooked {
        arphrd: header.get_arphrd_type(),
        address_len: u16::from(header.get_link_layer_address_length()),
        address: span.bytes.get(12..20).unwrap_or_default(),
    };
    let kind = header.get_protocol_type().0;
    cooked(address, kind, span.after(SLL2_LEN)?, way)
}

/// What both cooked headers say. pnet's own accessor for the address makes a vector, and its
/// constructors leave the address out of the length that they check: the caller checks it.
struct Cooked<'f> {
    arphrd: u16,
    address_len: u16,
    address: &'f [u8],
}

fn cooked<'f>(
    from: Cooked<'f>,
    kind: u16,
    inside: Span<'f>,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    // Under some ARPHRDs the protocol field is no Ethertype.
    match from.arphrd {
        ARPHRD_FRAD => return Ok((Layer::FrameRelay, inside)),
        ARPHRD_RADIOTAP => return Ok((Layer::Link(LinkType::Radiotap), inside)),
        ARPHRD_NETLINK => return Err(NotForUs::NotIp.into()),
        _ => {}
    }
    // The address is the sender's, whichever way the frame went.
    if from.arphrd == ARPHRD_ETHER && from.address_len == 6 {
        way.link.src_mac = from.address.first_chunk();
    }
    match kind {
        SLL_LLC => Ok((Layer::Llc, inside)),
        // Below the Ethertypes stand Linux' own numbers.
        0..=LLC_LENGTH_MAX => Err(NotForUs::NotIp.into()),
        kind => Ok((Layer::Type(kind), inside)),
    }
}

/// BSD loopback: a 32-bit address family. `Null` has it in the byte order of the host that
/// captured, which no header names: both are tried, families are small numbers.
pub(super) fn loopback(kind: LinkType, span: Span<'_>) -> Result<Inside<'_>, End> {
    let Some(family) = span.bytes.first_chunk::<FAMILY_LEN>() else {
        return Err(span.short(FAMILY_LEN).into());
    };
    let family = match (kind, u32::from_be_bytes(*family)) {
        (LinkType::Null, big) if big > 0xffff => big.swap_bytes(),
        (_, big) => big,
    };
    Ok((of_family(family)?, span.after(FAMILY_LEN)?))
}

/// Which IP header an address family announces.
pub(super) fn of_family(family: u32) -> Result<Layer, End> {
    match family {
        2 => Ok(Layer::V4),
        // Linux; NetBSD and OpenBSD; Solaris; FreeBSD; macOS.
        10 | 24 | 26 | 28 | 30 => Ok(Layer::V6),
        _ => Err(NotForUs::NotIp.into()),
    }
}

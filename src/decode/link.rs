//! The link layer: everything before the IP header.
//!
//! Enters: a frame. Leaves: the IP packet inside it, link-layer addresses, the outermost VLAN id.
//! Never: looks into the IP packet beyond its version nibble.
//!
//! Sources: IEEE 802.3 and 802.1Q; RFC 1042 (SNAP); the LINKTYPE registry of tcpdump.org for
//! Linux cooked, loopback and raw IP.

use pnet::packet::ethernet::{EtherType, EtherTypes, EthernetPacket};
use pnet::packet::sll::SLLPacket;
use pnet::packet::sll2::SLL2Packet;
use pnet::packet::vlan::VlanPacket;

use super::span::Span;
use super::{End, Malformed, NotForUs};
use crate::capture::{Frame, LinkType};

/// Most VLAN tags inside the frame; the one that the kernel took out is not among them.
pub(super) const TAGS_MAX: usize = 4;

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
const SLL_LEN: usize = 16;
const SLL2_LEN: usize = 20;
const FAMILY_LEN: usize = 4;

/// LLC header of RFC 1042 and the OUI under which the type field is an Ethertype.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
const SNAP_LEN: usize = 8;
/// A type field up to here is an 802.3 length: an LLC header follows.
const LLC_LENGTH_MAX: u16 = 1500;
/// Linux cooked: protocol of a frame that begins with an LLC header (`ETH_P_802_2`).
const SLL_LLC: u16 = 4;

/// ARPHRD of Ethernet: the only one whose six bytes are taken for a MAC.
const ARPHRD_ETHER: u16 = 1;
/// ARPHRDs under which the protocol field of a cooked header is no Ethertype: FRAD, 802.11 with
/// radiotap, netlink.
const ARPHRD_NO_ETHERTYPE: [u16; 3] = [770, 803, 824];

/// What the link said of a frame. The addresses stay where they are until a packet is made of
/// them: carried by value they went through memory at every step, and cost more than the headers.
#[derive(Clone, Copy, Default)]
pub(super) struct Link<'f> {
    pub src_mac: Option<&'f [u8; 6]>,
    pub dst_mac: Option<&'f [u8; 6]>,
    pub vlan: Option<u16>,
}

/// Which IP header follows, or that an ARP message does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
    Arp,
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

/// Takes any link header off.
pub(super) fn peel<'f>(frame: &Frame<'f>) -> Result<Peeled<'f>, End> {
    let span = whole(frame);
    let bare = Link {
        vlan: taken_out(frame),
        ..Link::default()
    };
    match frame.link {
        LinkType::Ethernet => ethernet(span, bare),
        LinkType::LinuxSll => cooked_v1(span, bare),
        LinkType::LinuxSll2 => cooked_v2(span, bare),
        LinkType::RawIp => match span.bytes.first() {
            Some(first) => match first >> 4 {
                4 => Ok((bare, Version::V4, span)),
                6 => Ok((bare, Version::V6, span)),
                _ => Err(Malformed::BadVersion.into()),
            },
            None => Err(span.short(1).into()),
        },
        LinkType::RawIpv4 => Ok((bare, Version::V4, span)),
        LinkType::RawIpv6 => Ok((bare, Version::V6, span)),
        LinkType::Null | LinkType::Loop => loopback(frame.link, span, bare),
        LinkType::Unknown(_) => Err(Malformed::UnknownLink.into()),
    }
}

/// The VLAN of the tag that the kernel took out.
#[inline]
fn taken_out(frame: &Frame<'_>) -> Option<u16> {
    frame.vlan.and_then(|tag| vlan_id(tag.tci))
}

#[inline]
fn whole<'f>(frame: &Frame<'f>) -> Span<'f> {
    Span {
        bytes: frame.bytes,
        wire_len: frame.bytes.len().max(frame.wire_len as usize),
    }
}

fn ethernet<'f>(span: Span<'f>, link: Link<'f>) -> Result<Peeled<'f>, End> {
    let Some(header) = EthernetPacket::new(span.bytes) else {
        return Err(span.short(ETHERNET_LEN).into());
    };
    let link = Link {
        src_mac: span.bytes.get(6..).and_then(<[u8]>::first_chunk),
        dst_mac: span.bytes.first_chunk(),
        ..link
    };
    behind_type(header.get_ethertype().0, span.after(ETHERNET_LEN)?, link)
}

/// Follows VLAN tags and SNAP to the IP header. `kind` is the type field just read, `span` what
/// lies behind it.
fn behind_type<'f>(
    mut kind: u16,
    mut span: Span<'f>,
    mut link: Link<'f>,
) -> Result<Peeled<'f>, End> {
    let mut tags = 0;
    loop {
        match EtherType(kind) {
            EtherTypes::Ipv4 => return Ok((link, Version::V4, span)),
            EtherTypes::Ipv6 => return Ok((link, Version::V6, span)),
            EtherTypes::Arp => return Ok((link, Version::Arp, span)),
            EtherTypes::Vlan | EtherTypes::PBridge | EtherTypes::QinQ => {
                tags = usize::saturating_add(tags, 1);
                if tags > TAGS_MAX {
                    return Err(Malformed::TooManyHeaders.into());
                }
                let Some(tag) = VlanPacket::new(span.bytes) else {
                    return Err(span.short(TAG_LEN).into());
                };
                link.vlan = link.vlan.or(vlan_id(tag.get_vlan_identifier()));
                kind = tag.get_ethertype().0;
                span = span.after(TAG_LEN)?;
            }
            EtherType(0..=LLC_LENGTH_MAX) => {
                kind = snap_type(span)?;
                span = span.after(SNAP_LEN)?;
            }
            _ => return Err(NotForUs::NotIp.into()),
        }
    }
}

/// The Ethertype inside a SNAP header. It cannot be a length again, so no loop comes of it.
fn snap_type(span: Span<'_>) -> Result<u16, End> {
    match span.bytes.get(..SNAP_LEN) {
        Some([head @ .., high, low]) if head == SNAP => {
            let kind = u16::from_be_bytes([*high, *low]);
            if kind > LLC_LENGTH_MAX {
                Ok(kind)
            } else {
                Err(NotForUs::NotIp.into())
            }
        }
        // Whether it is SNAP was cut off.
        None if span.wire_len >= SNAP_LEN
            && SNAP.starts_with(span.bytes.get(..6).unwrap_or(span.bytes)) =>
        {
            Err(Malformed::Truncated.into())
        }
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// Id 0 is a priority tag: the frame belongs to no VLAN by it (802.1Q section 9.6).
const fn vlan_id(tci: u16) -> Option<u16> {
    match tci & 0x0fff {
        0 => None,
        id => Some(id),
    }
}

fn cooked_v1<'f>(span: Span<'f>, link: Link<'f>) -> Result<Peeled<'f>, End> {
    let Some(header) = span.bytes.get(..SLL_LEN).and_then(SLLPacket::new) else {
        return Err(span.short(SLL_LEN).into());
    };
    let address = Cooked {
        arphrd: header.get_link_layer_address_type(),
        address_len: header.get_link_layer_address_len(),
        address: span.bytes.get(6..14).unwrap_or_default(),
    };
    let kind = header.get_protocol().0;
    cooked(address, kind, span.after(SLL_LEN)?, link)
}

fn cooked_v2<'f>(span: Span<'f>, link: Link<'f>) -> Result<Peeled<'f>, End> {
    let Some(header) = span.bytes.get(..SLL2_LEN).and_then(SLL2Packet::new) else {
        return Err(span.short(SLL2_LEN).into());
    };
    let address = Cooked {
        arphrd: header.get_arphrd_type(),
        address_len: u16::from(header.get_link_layer_address_length()),
        address: span.bytes.get(12..20).unwrap_or_default(),
    };
    let kind = header.get_protocol_type().0;
    cooked(address, kind, span.after(SLL2_LEN)?, link)
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
    mut link: Link<'f>,
) -> Result<Peeled<'f>, End> {
    // Below the Ethertypes stand Linux' own numbers; of these only LLC leads to IP.
    let own_number = kind <= LLC_LENGTH_MAX && kind != SLL_LLC;
    if own_number || ARPHRD_NO_ETHERTYPE.contains(&from.arphrd) {
        return Err(NotForUs::NotIp.into());
    }
    // The address is the sender's, whichever way the frame went.
    if from.arphrd == ARPHRD_ETHER && from.address_len == 6 {
        link.src_mac = from.address.first_chunk();
    }
    behind_type(kind, inside, link)
}

/// BSD loopback: a 32-bit address family. `Null` has it in the byte order of the host that
/// captured, which no header names: both are tried, families are small numbers.
fn loopback<'f>(kind: LinkType, span: Span<'f>, link: Link<'f>) -> Result<Peeled<'f>, End> {
    let Some(family) = span.bytes.first_chunk::<FAMILY_LEN>() else {
        return Err(span.short(FAMILY_LEN).into());
    };
    let family = match (kind, u32::from_be_bytes(*family)) {
        (LinkType::Null, big) if big > 0xffff => big.swap_bytes(),
        (_, big) => big,
    };
    let version = match family {
        2 => Version::V4,
        // Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => Version::V6,
        _ => return Err(NotForUs::NotIp.into()),
    };
    Ok((link, version, span.after(FAMILY_LEN)?))
}

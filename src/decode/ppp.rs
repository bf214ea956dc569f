//! PPP and the serial links: PPPoE, HDLC, Cisco's HDLC, Frame Relay.
//!
//! Enters: a span that begins with one of them. Leaves: the layer inside. Never: follows a
//! negotiation; undoes a compression.
//!
//! Sources: RFC 1661 and 1662 (PPP), RFC 1990 (multilink), RFC 3518 (bridging), RFC 2516 (PPPoE),
//! RFC 2427 (Frame Relay), ISO 9577 (NLPID); the LINKTYPE registry for Cisco's HDLC.

use super::layer::{Inside, Layer};
use super::link;
use super::span::Span;
use super::tunnel::{Tunnel, Way};
use super::{End, Malformed, NotForUs};
use crate::capture::LinkType;

const PPPOE_LEN: usize = 6;
const HDLC_LEN: usize = 4;
/// Header of a multilink fragment with long sequence numbers.
const MULTILINK_LEN: usize = 4;
/// Address and control of PPP in HDLC-like framing.
const FRAMING: [u8; 2] = [0xff, 0x03];

/// A capture whose frames begin with one of these.
pub(super) fn of_link<'f>(
    kind: LinkType,
    span: Span<'f>,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    let (kind, span) = match kind {
        LinkType::PppPppd | LinkType::PppWithDir => (LinkType::Ppp, span.after(1)?),
        LinkType::CiscoHdlcWithDir => (LinkType::CiscoHdlc, span.after(1)?),
        LinkType::FrameRelayWithDir => (LinkType::FrameRelay, span.after(1)?),
        kind => (kind, span),
    };
    if kind == LinkType::PppEther {
        return pppoe(span, way);
    }
    let Some(first) = span.bytes.first() else {
        return Err(span.short(1).into());
    };
    let (layer, name) = match (kind, first) {
        (LinkType::FrameRelay, _) => (Layer::FrameRelay, Tunnel::FrameRelay),
        // Files of type PPP hold Cisco's HDLC too; unicast and broadcast begin so.
        (LinkType::CiscoHdlc, _) | (_, 0x0f | 0x8f) => (Layer::Hdlc, Tunnel::Hdlc),
        _ => (Layer::Ppp, Tunnel::Ppp),
    };
    way.enter(name, 0)?;
    Ok((layer, span))
}

/// A PPPoE session packet. Its length ends what is inside: Ethernet pads.
pub(super) fn pppoe<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some([version, code, s0, s1, l0, l1]) = span.bytes.first_chunk::<PPPOE_LEN>() else {
        return Err(span.short(PPPOE_LEN).into());
    };
    if *version != 0x11 {
        return Err(Malformed::BadVersion.into());
    }
    // Discovery, on either Ethertype.
    if *code != 0 {
        return Err(NotForUs::NotIp.into());
    }
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let inside = span.after(PPPOE_LEN)?;
    if len > inside.wire_len {
        return Err(Malformed::BadLength.into());
    }
    way.enter(Tunnel::Pppoe, u64::from(u16::from_be_bytes([*s0, *s1])))?;
    Ok((Layer::Ppp, inside.up_to(len)))
}

/// PPP, its framing and the first byte of its protocol field perhaps left out.
pub(super) fn open<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let span = if span.bytes.starts_with(&FRAMING) {
        span.after(FRAMING.len())?
    } else {
        span
    };
    let (protocol, inside) = match *span.bytes {
        // The beginning of the framing, or nothing that is a protocol.
        [0xff] => return Err(span.short(2).into()),
        [low, ..] if low & 1 == 1 => (u16::from(low), span.after(1)?),
        [high, low, ..] => (u16::from_be_bytes([high, low]), span.after(2)?),
        _ => return Err(span.short(2).into()),
    };
    match protocol {
        0x0021 => Ok((Layer::V4, inside)),
        0x0057 => Ok((Layer::V6, inside)),
        0x0281 | 0x0283 => Ok((Layer::Mpls, inside)),
        0x003d => multilink(inside, way),
        0x0031 => bridged(inside, way),
        // Van Jacobson's headers, compressed and encrypted datagrams.
        0x002d | 0x002f | 0x0053 | 0x0055 | 0x00fb | 0x00fd => Err(NotForUs::Encrypted.into()),
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// A multilink fragment that is a whole packet: its first and its last.
fn multilink<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let inside = span.after(MULTILINK_LEN)?;
    if span.bytes.first() != Some(&0xc0) {
        return Err(NotForUs::NotIp.into());
    }
    way.enter(Tunnel::Ppp, 0)?;
    Ok((Layer::Ppp, inside))
}

/// A bridged frame: flags, the kind of MAC, perhaps the LAN's number.
fn bridged<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some([flags, mac]) = span.bytes.first_chunk::<2>() else {
        return Err(span.short(2).into());
    };
    if *mac != 1 {
        return Err(NotForUs::NotIp.into());
    }
    let inside = span.after(if flags & 0x40 != 0 { 6 } else { 2 })?;
    way.enter(Tunnel::Bridged, 0)?;
    Ok((Layer::Ethernet, inside))
}

/// Cisco's HDLC: address, control, Ethertype.
pub(super) fn hdlc(span: Span<'_>) -> Result<Inside<'_>, End> {
    let inside = span.after(HDLC_LEN)?;
    match span.bytes.first_chunk::<HDLC_LEN>() {
        // A length where the Ethertype should be would have no end.
        Some([_, _, high @ 6..=0xff, low]) => {
            Ok((Layer::Type(u16::from_be_bytes([*high, *low])), inside))
        }
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// Frame Relay: an address of two to four bytes, whose last one is odd; then either a control byte
/// and a NLPID, or (Cisco) an Ethertype.
pub(super) fn frame_relay<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let end = span.bytes.iter().take(4).position(|byte| byte & 1 == 1);
    let rest = match end {
        Some(last @ 1..) => span.after(last.saturating_add(1))?,
        None if span.bytes.len() < 4 => return Err(span.short(4).into()),
        _ => return Err(NotForUs::NotIp.into()),
    };
    match *rest.bytes {
        [3, 0, ..] => behind_nlpid(rest.after(2)?, way),
        [3, ..] => behind_nlpid(rest.after(1)?, way),
        [high @ 6..=0xff, low, ..] => {
            Ok((Layer::Type(u16::from_be_bytes([high, low])), rest.after(2)?))
        }
        [_, _, ..] => Err(NotForUs::NotIp.into()),
        _ => Err(rest.short(2).into()),
    }
}

/// What an NLPID announces.
pub(super) fn behind_nlpid<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some(nlpid) = span.bytes.first() else {
        return Err(span.short(1).into());
    };
    let inside = span.after(1)?;
    match nlpid {
        0xcc => Ok((Layer::V4, inside)),
        0x8e => Ok((Layer::V6, inside)),
        0x80 => link::snap(inside, false, way),
        0xcf => Ok((Layer::Ppp, inside)),
        _ => Err(NotForUs::NotIp.into()),
    }
}

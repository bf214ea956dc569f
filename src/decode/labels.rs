//! What stands between an Ethertype and IP beside VLAN tags: MPLS, provider backbones, tags of
//! switches and fabrics, service headers.
//!
//! Enters: an Ethertype and what follows it. Leaves: the layer inside. Never: follows more than
//! [`LABELS_MAX`] labels; takes a pseudowire for Ethernet unless the frame inside agrees.
//!
//! Sources: RFC 3032 and 4448 (MPLS), RFC 4928 (the nibble behind the labels), IEEE 802.1ah,
//! 802.1BR, 802.1CB, IEC 62439-3 (HSR), RFC 6325 (TRILL), RFC 8300 (NSH); Cisco's descriptions of
//! CMD, VN-tag and FabricPath.

use super::layer::{Inside, Layer};
use super::span::Span;
use super::tunnel::{Tunnel, Way};
use super::{End, Malformed, NotForUs, plausible};

/// Most labels of one stack.
pub(super) const LABELS_MAX: usize = 16;
const LABEL_LEN: usize = 4;
/// The label that says "the next one only spreads the load" (RFC 6790).
const ENTROPY_INDICATOR: u32 = 7;

/// What an Ethertype announces that is neither IP nor a VLAN.
pub(super) fn behind_type<'f>(
    kind: u16,
    span: Span<'f>,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    match kind {
        0x8847 | 0x8848 => Ok((Layer::Mpls, span)),
        // Provider backbone: the service's id, then the customer's frame.
        0x88e7 => {
            let id = span
                .bytes
                .first_chunk()
                .map_or(0, |tag| u32::from_be_bytes(*tag));
            let inside = span.after(4)?;
            way.enter(Tunnel::Pbb, u64::from(id & 0x00ff_ffff))?;
            Ok((Layer::Ethernet, inside))
        }
        // TrustSec's CMD, VN-tag, E-tag, 802.1CB, HSR.
        0x8909 => tagged(span, 6, way),
        0x8926 => tagged(span, 4, way),
        0x893f => tagged(span, 6, way),
        0xf1c1 => tagged(span, 4, way),
        0x892f => tagged(span, 4, way),
        0x8903 => fabric(span, 2, way),
        0x22f3 => trill(span, way),
        0x894f => nsh(span, way),
        0x88e5 => Err(NotForUs::Encrypted.into()),
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// `len` bytes and then an Ethertype.
fn tagged<'f>(span: Span<'f>, len: usize, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let rest = span.after(len)?;
    let Some(kind) = rest.bytes.first_chunk() else {
        return Err(rest.short(2).into());
    };
    way.enter(Tunnel::Tag, 0)?;
    Ok((Layer::Type(u16::from_be_bytes(*kind)), rest.after(2)?))
}

/// `len` bytes and then a frame.
fn fabric<'f>(span: Span<'f>, len: usize, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let inside = span.after(len)?;
    way.enter(Tunnel::Fabric, 0)?;
    Ok((Layer::Ethernet, inside))
}

/// TRILL: six bytes and options in units of four.
fn trill<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some(head) = span.bytes.first_chunk() else {
        return Err(span.short(6).into());
    };
    let units = usize::from(u16::from_be_bytes(*head) >> 6 & 0x1f);
    fabric(span, units.saturating_mul(4).saturating_add(6), way)
}

/// The network service header: its length in units of four, and what follows it.
pub(super) fn nsh<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some([_, units, _, next]) = span.bytes.first_chunk::<4>() else {
        return Err(span.short(4).into());
    };
    let len = usize::from(units & 0x3f).saturating_mul(4);
    if len < 8 {
        return Err(Malformed::BadLength.into());
    }
    let inside = span.after(len)?;
    way.enter(Tunnel::Nsh, 0)?;
    match next {
        1 => Ok((Layer::V4, inside)),
        2 => Ok((Layer::V6, inside)),
        3 => Ok((Layer::Ethernet, inside)),
        5 => Ok((Layer::Mpls, inside)),
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// A label stack. What is behind it no field says: IP by its first nibble, else a pseudowire, with
/// a control word where the first nibble is 0.
pub(super) fn mpls<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let (inside, service) = stack(span)?;
    inside.shows(plausible::NEEDED)?;
    let Some(first) = inside.bytes.first() else {
        return Err(inside.short(1).into());
    };
    way.enter(Tunnel::Mpls, u64::from(service))?;
    let word = inside.after(4).ok().filter(|_| first >> 4 == 0);
    match plausible::ip(inside) {
        Some(layer) => Ok((layer, inside)),
        None => match word {
            Some(frame) if plausible::ethernet(frame) => Ok((Layer::Ethernet, frame)),
            _ if plausible::ethernet(inside) => Ok((Layer::Ethernet, inside)),
            // A label is no place for guesses about a broken header: let it say so itself.
            _ if first >> 4 == 4 => Ok((Layer::V4, inside)),
            _ if first >> 4 == 6 => Ok((Layer::V6, inside)),
            Some(frame) if plausible::ppp(frame) => Ok((Layer::Ppp, frame)),
            _ => Err(NotForUs::NotIp.into()),
        },
    }
}

/// What lies behind the stack, and the last label that names a service.
fn stack(mut span: Span<'_>) -> Result<(Span<'_>, u32), Malformed> {
    let (mut service, mut before) = (0, 0);
    for _ in 0..LABELS_MAX {
        let Some(entry) = span.bytes.first_chunk() else {
            return Err(span.short(LABEL_LEN));
        };
        let entry = u32::from_be_bytes(*entry);
        let label = entry >> 12;
        if before != ENTROPY_INDICATOR && label != ENTROPY_INDICATOR {
            service = label;
        }
        before = label;
        span = span.after(LABEL_LEN)?;
        if entry & 0x100 != 0 {
            return Ok((span, service));
        }
    }
    Err(Malformed::TooManyHeaders)
}

/// As [`mpls`], where labels are only a guess: in UDP.
pub(super) fn looks_like_mpls(span: Span<'_>) -> bool {
    stack(span).is_ok_and(|(inside, _)| {
        let word = inside.bytes.first().is_some_and(|first| first >> 4 == 0);
        plausible::ip(inside).is_some()
            || plausible::ethernet(inside)
            || word && inside.after(4).is_ok_and(plausible::ethernet)
    })
}

//! GRE and what travels in it, and the other protocols that stand right behind an IP header.
//!
//! Enters: a span behind an IP header, or a UDP header that GRE follows. Leaves: the layer inside.
//! Never: follows GRE's source routes (RFC 1701), undoes PPTP's encryption.
//!
//! Sources: RFC 2784 and 2890 (GRE), RFC 2637 (PPTP), RFC 3378 (EtherIP), RFC 3931 (L2TPv3);
//! draft-foschiano-erspan-03 (ERSPAN), draft-wilson-wrec-wccp-v2 (WCCP).

use super::layer::{Inside, Layer};
use super::span::Span;
use super::tunnel::{Tunnel, Way};
use super::{End, Malformed, NotForUs, plausible};

const BASE_LEN: usize = 4;
const PPTP_LEN: usize = 8;
const ERSPAN_II_LEN: usize = 8;
const ERSPAN_III_LEN: usize = 12;
const SUBHEADER_LEN: usize = 8;
const REDIRECT_LEN: usize = 4;
/// Cookie and sublayer of an L2TPv3 session.
const COOKIE_LEN_MAX: usize = 12;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// Any GRE header.
pub(super) fn open<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some([f0, f1, k0, k1]) = span.bytes.first_chunk::<BASE_LEN>() else {
        return Err(span.short(BASE_LEN).into());
    };
    let flags = u16::from_be_bytes([*f0, *f1]);
    let kind = u16::from_be_bytes([*k0, *k1]);
    match flags & VERSION {
        0 if flags & ROUTING == 0 => version_0(span, flags, kind, way),
        0 => Err(NotForUs::OtherTransport.into()),
        1 if kind == 0x880b => pptp(span, flags, way),
        _ => Err(Malformed::BadVersion.into()),
    }
}

fn version_0<'f>(
    span: Span<'f>,
    flags: u16,
    kind: u16,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    let mut rest = span.after(BASE_LEN)?;
    if flags & CHECKSUM != 0 {
        rest = rest.after(4)?;
    }
    let mut key = 0;
    if flags & KEY != 0 {
        key = rest
            .bytes
            .first_chunk()
            .map_or(0, |key| u32::from_be_bytes(*key));
        rest = rest.after(4)?;
    }
    if flags & SEQUENCE != 0 {
        rest = rest.after(4)?;
    }
    match kind {
        // Type I has neither a header of its own nor a sequence number.
        0x88be if flags & SEQUENCE == 0 => {
            way.enter(Tunnel::Erspan, 0)?;
            return Ok((Layer::Ethernet, rest));
        }
        0x88be => return erspan_2(rest, way),
        0x22eb => return erspan_3(rest, way),
        _ => {}
    }
    way.enter(Tunnel::Gre, u64::from(key))?;
    match kind {
        // A keepalive, or an end that says nothing.
        0 => Err(NotForUs::OtherTransport.into()),
        0x6558 => Ok((Layer::Ethernet, rest)),
        0x6559 => Ok((Layer::FrameRelay, rest)),
        0x880b => Ok((Layer::Ppp, rest)),
        // WCCP: version 2 puts a redirect header in front.
        0x883e => {
            rest.shows(plausible::NEEDED)?;
            match plausible::ip(rest) {
                Some(layer) => Ok((layer, rest)),
                None => Ok((Layer::V4, rest.after(REDIRECT_LEN)?)),
            }
        }
        // The rest are Ethertypes; a length would be none.
        0x0600.. => Ok((Layer::Type(kind), rest)),
        _ => Err(NotForUs::OtherTransport.into()),
    }
}

/// PPTP: the key is the length of what follows and the call's number. Without a sequence number
/// the packet only acknowledges.
fn pptp<'f>(span: Span<'f>, flags: u16, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some([_, _, _, _, l0, l1, c0, c1]) = span.bytes.first_chunk::<PPTP_LEN>() else {
        return Err(span.short(PPTP_LEN).into());
    };
    if flags & SEQUENCE == 0 {
        return Err(NotForUs::OtherTransport.into());
    }
    let mut rest = span.after(PPTP_LEN)?.after(4)?;
    if flags & ACKNOWLEDGEMENT != 0 {
        rest = rest.after(4)?;
    }
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    if len > rest.wire_len {
        return Err(Malformed::BadLength.into());
    }
    way.enter(Tunnel::Pptp, u64::from(u16::from_be_bytes([*c0, *c1])))?;
    Ok((Layer::Ppp, rest.up_to(len)))
}

/// ERSPAN type II: version 1, the mirrored frame's VLAN, the session.
fn erspan_2<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let frame = span.after(ERSPAN_II_LEN)?;
    erspan(span, 1, way)?;
    Ok((Layer::Ethernet, frame))
}

/// ERSPAN type III: version 2, time and hardware, perhaps a header of the platform.
fn erspan_3<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let mut frame = span.after(ERSPAN_III_LEN)?;
    let [high, low] = *span
        .bytes
        .get(10..)
        .and_then(<[u8]>::first_chunk)
        .unwrap_or(&[0; 2]);
    if low & 1 != 0 {
        frame = frame.after(SUBHEADER_LEN)?;
    }
    erspan(span, 2, way)?;
    match high >> 2 & 0x1f {
        0 => Ok((Layer::Ethernet, frame)),
        2 => {
            frame.shows(plausible::NEEDED)?;
            let layer = plausible::ip(frame).ok_or(NotForUs::OtherTransport)?;
            Ok((layer, frame))
        }
        _ => Err(NotForUs::OtherTransport.into()),
    }
}

/// The head of both: version and VLAN, then the session's number in the lower ten bits. The VLAN is
/// the mirrored frame's, so it counts as met where no other was.
fn erspan(span: Span<'_>, version: u8, way: &mut Way<'_, '_>) -> Result<(), End> {
    let Some([v0, v1, s0, s1]) = span.bytes.first_chunk::<4>() else {
        return Err(span.short(4).into());
    };
    if v0 >> 4 != version {
        return Err(Malformed::BadVersion.into());
    }
    let session = u16::from_be_bytes([*s0, *s1]) & 0x3ff;
    way.enter(Tunnel::Erspan, u64::from(session))?;
    let vlan = u16::from_be_bytes([*v0, *v1]) & 0xfff;
    way.link.vlan = way.link.vlan.or((vlan != 0).then_some(vlan));
    Ok(())
}

/// EtherIP: version 3 and twelve bits of nothing.
pub(super) fn etherip<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some([version, _]) = span.bytes.first_chunk::<2>() else {
        return Err(span.short(2).into());
    };
    if version >> 4 != 3 {
        return Err(Malformed::BadVersion.into());
    }
    let frame = span.after(2)?;
    way.enter(Tunnel::EtherIp, 0)?;
    Ok((Layer::Ethernet, frame))
}

/// L2TPv3 right behind IP: a session, then a cookie and a sublayer whose lengths were agreed on
/// elsewhere.
pub(super) fn l2tp<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let Some(session) = span.bytes.first_chunk() else {
        return Err(span.short(4).into());
    };
    let session = u32::from_be_bytes(*session);
    let behind = span.after(4)?;
    behind.shows(plausible::NEEDED.saturating_add(COOKIE_LEN_MAX))?;
    // Session 0 is control.
    match l2tp_inside(behind).filter(|_| session != 0) {
        Some(inside) => {
            way.enter(Tunnel::L2tp, u64::from(session))?;
            Ok(inside)
        }
        None => Err(NotForUs::OtherTransport.into()),
    }
}

/// What an L2TPv3 session carries, behind a cookie of 0, 4 or 8 bytes and a sublayer of 0 or 4.
pub(super) fn l2tp_inside(span: Span<'_>) -> Option<Inside<'_>> {
    [0, 4, 8, 12].into_iter().find_map(|len| {
        let inside = span.after(len).ok()?;
        let layer = if plausible::ethernet(inside) {
            Layer::Ethernet
        } else if plausible::ppp(inside) {
            Layer::Ppp
        } else {
            plausible::ip(inside)?
        };
        Some((layer, inside))
    })
}

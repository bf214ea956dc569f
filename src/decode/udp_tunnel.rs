//! Tunnels over UDP.
//!
//! Enters: a UDP datagram with a tunnel's port. Leaves: which tunnel it is and the layer inside, or
//! that it is none. Never: takes a datagram for a tunnel by its port alone. A client may have any
//! of these ports, and a name that it asks for must not be lost: the tunnel's header has to be
//! sound and what is inside has to look like a packet, else the datagram stays what it is.
//!
//! Sources: RFC 7348 (VXLAN), draft-ietf-nvo3-vxlan-gpe, RFC 8926 (Geneve), 3GPP TS 29.281 (GTP-U),
//! RFC 4380 (Teredo), RFC 5415 (CAPWAP), RFC 2661 and 3931 (L2TP), RFC 7510 (MPLS), RFC 8086 (GRE),
//! RFC 9300 (LISP), draft-ietf-intarea-gue (GUE); the Wireshark wiki for TZSP.

use super::layer::{Inside, Layer};
use super::span::Span;
use super::transport::Segment;
use super::tunnel::Tunnel;
use super::wifi::Form;
use super::{gre, labels, plausible};
use crate::base::{Endpoints, Transport};

const L2TP: u16 = 1701;
const GTP_U: u16 = 2152;
const TEREDO: u16 = 3544;
const LISP: u16 = 4341;
const GRE: u16 = 4754;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
const CAPWAP: u16 = 5247;
const FOU: u16 = 5555;
const GUE: u16 = 6080;
const GENEVE: u16 = 6081;
const MPLS: u16 = 6635;
const VXLAN_LINUX: u16 = 8472;
const TZSP: u16 = 37_008;

const VXLAN_LEN: usize = 8;
const GENEVE_LEN: usize = 8;
const GTP_LEN: usize = 8;
const LISP_LEN: usize = 8;
/// Most extension headers of GTP-U, and most tags of TZSP.
const EXTENSIONS_MAX: usize = 16;

/// A tunnel with the number of the network in it, and what is inside. `None` where UDP only carries
/// what counts itself.
pub(super) type Found<'f> = (Option<(Tunnel, u64)>, Inside<'f>);

/// May a segment be a tunnel, by its ports? Asked on the plain way, of every datagram: ports of
/// servers lie below the range, those that systems choose for clients above it.
#[inline]
pub(super) const fn may_be(segment: &Segment<'_>) -> bool {
    matches!(segment.transport, Transport::Udp) && (port(segment.dport) || port(segment.sport))
}

/// As [`may_be`], of a body that is not taken apart yet.
#[inline(always)]
pub(super) fn may_begin(proto: u8, body: &[u8]) -> bool {
    proto == Transport::Udp.number()
        && body.first_chunk().is_some_and(|[a, b, c, d]| {
            port(u16::from_be_bytes([*a, *b])) || port(u16::from_be_bytes([*c, *d]))
        })
}

/// As [`may_be`], of a packet; for the oracle.
pub(super) fn has_port(ends: &Endpoints) -> bool {
    ends.transport == Transport::Udp && (port(ends.dport) || port(ends.sport))
}

#[inline]
const fn port(port: u16) -> bool {
    matches!(port, L2TP..=VXLAN_LINUX | TZSP) && known(port)
}

#[inline]
const fn known(port: u16) -> bool {
    matches!(
        port,
        L2TP | GTP_U
            | TEREDO
            | LISP
            | GRE
            | VXLAN
            | VXLAN_GPE
            | CAPWAP
            | FOU
            | GUE
            | GENEVE
            | MPLS
            | VXLAN_LINUX
            | TZSP
    )
}

/// Services have ports below this one, and no tunnel's answer goes to a service.
const SERVICES: u16 = 1024;

/// What the datagram is, by its receiver's port; by its sender's for those that answer from it. Not
/// when it goes to a service: a client that chose its own port well could dress a question to a name
/// server up as a tunnel that the name server knows nothing of.
pub(super) fn find<'f>(segment: &Segment<'f>) -> Option<Found<'f>> {
    let span = segment.payload;
    by_port(segment.dport, span).or_else(|| match segment.sport {
        L2TP | GTP_U | TEREDO | CAPWAP if segment.dport >= SERVICES => by_port(segment.sport, span),
        _ => None,
    })
}

fn by_port(port: u16, span: Span<'_>) -> Option<Found<'_>> {
    match port {
        VXLAN | VXLAN_GPE | VXLAN_LINUX => vxlan(span),
        GENEVE => geneve(span),
        GTP_U => gtp_u(span),
        TEREDO => teredo(span),
        CAPWAP => capwap(span),
        L2TP => l2tp(span),
        MPLS => labels::looks_like_mpls(span).then_some((None, (Layer::Mpls, span))),
        GRE => gre_in_udp(span),
        LISP => lisp(span),
        GUE => gue(span),
        FOU => Some((Some((Tunnel::Fou, 0)), (plausible::ip_alone(span)?, span))),
        TZSP => tzsp(span),
        _ => None,
    }
}

/// A 24-bit network id.
fn network([a, b, c]: [u8; 3]) -> u64 {
    u64::from(u32::from_be_bytes([0, a, b, c]))
}

/// Ethernet, when the frame looks like it.
fn ethernet(span: Span<'_>) -> Option<Inside<'_>> {
    plausible::ethernet(span).then_some((Layer::Ethernet, span))
}

/// IP, when the header looks like it.
fn ip(span: Span<'_>) -> Option<Inside<'_>> {
    Some((plausible::ip(span)?, span))
}

/// VXLAN, with the group policy bits or not, and VXLAN-GPE, whose P bit says that byte 3 names what
/// follows.
fn vxlan(span: Span<'_>) -> Option<Found<'_>> {
    let [flags, policy, group0, next, v0, v1, v2, 0] = *span.bytes.first_chunk::<VXLAN_LEN>()?
    else {
        return None;
    };
    let inside = span.after(VXLAN_LEN).ok()?;
    let inside = match flags {
        0x08 if [policy, group0, next] == [0; 3] => ethernet(inside)?,
        0x88 if policy & !0x48 == 0 => ethernet(inside)?,
        0x0c | 0x0d if [policy, group0] == [0; 2] => match next {
            1 | 2 => ip(inside)?,
            3 => ethernet(inside)?,
            4 if inside.bytes.get(2) == Some(&1) => (Layer::Type(0x894f), inside),
            5 if labels::looks_like_mpls(inside) => (Layer::Mpls, inside),
            _ => return None,
        },
        _ => return None,
    };
    Some((Some((Tunnel::Vxlan, network([v0, v1, v2]))), inside))
}

fn geneve(span: Span<'_>) -> Option<Found<'_>> {
    let [units, flags, k0, k1, v0, v1, v2, 0] = *span.bytes.first_chunk::<GENEVE_LEN>()? else {
        return None;
    };
    if units > 0x3f || flags & 0x3f != 0 {
        return None;
    }
    let options = usize::from(units).saturating_mul(4);
    let inside = span.after(options.saturating_add(GENEVE_LEN)).ok()?;
    let inside = match u16::from_be_bytes([k0, k1]) {
        0x6558 => ethernet(inside)?,
        0x0800 | 0x86dd => ip(inside)?,
        0x8847 if labels::looks_like_mpls(inside) => (Layer::Mpls, inside),
        _ => return None,
    };
    Some((Some((Tunnel::Geneve, network([v0, v1, v2]))), inside))
}

/// GTP-U version 1, a packet of the user's.
fn gtp_u(span: Span<'_>) -> Option<Found<'_>> {
    let [flags, 0xff, l0, l1, t0, t1, t2, t3] = *span.bytes.first_chunk::<GTP_LEN>()? else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    let mut rest = span.after(GTP_LEN).ok()?;
    if flags & 0xf8 != 0x30 || len > rest.wire_len {
        return None;
    }
    rest = rest.up_to(len);
    if flags & 7 != 0 {
        // Sequence number, N-PDU number, and the type of the first extension header.
        let mut next = if flags & 4 != 0 {
            *rest.bytes.get(3)?
        } else {
            0
        };
        rest = rest.after(4).ok()?;
        for _ in 0..EXTENSIONS_MAX {
            if next == 0 {
                break;
            }
            let len = usize::from(*rest.bytes.first()?).saturating_mul(4);
            next = *rest.bytes.get(len.checked_sub(1)?)?;
            rest = rest.after(len).ok()?;
        }
        if next != 0 {
            return None;
        }
    }
    let id = u64::from(u32::from_be_bytes([t0, t1, t2, t3]));
    let inside = ip(rest).or_else(|| ethernet(rest))?;
    Some((Some((Tunnel::GtpU, id)), inside))
}

/// Teredo: perhaps authentication, perhaps an origin, then IPv6 to or from a Teredo address.
fn teredo(mut span: Span<'_>) -> Option<Found<'_>> {
    if let [0, 1, client, value, ..] = *span.bytes {
        // Both lengths, then a nonce of eight bytes and a confirmation of one.
        let len = usize::from(client).saturating_add(usize::from(value));
        span = span.after(len.saturating_add(13)).ok()?;
    }
    if span.bytes.starts_with(&[0, 0]) {
        span = span.after(8).ok()?;
    }
    let of_teredo = |at: usize| {
        span.bytes
            .get(at..)?
            .starts_with(&[0x20, 1, 0, 0])
            .then_some(())
    };
    of_teredo(8).or_else(|| of_teredo(24))?;
    match plausible::ip_alone(span)? {
        Layer::V6 => Some((Some((Tunnel::Teredo, 0)), (Layer::V6, span))),
        _ => None,
    }
}

/// CAPWAP data in clear: a header that says its own length, then 802.3 or 802.11.
fn capwap(span: Span<'_>) -> Option<Found<'_>> {
    let [0, b1, b2, flags, ..] = *span.bytes else {
        return None;
    };
    let len = usize::from(b1 >> 3).saturating_mul(4);
    let binding = b2 >> 1 & 0x1f;
    let (native, fragment, keepalive) = (b2 & 1 != 0, flags & 0x80 != 0, flags & 0x08 != 0);
    if len < 8 || flags & 7 != 0 || keepalive {
        return None;
    }
    // Of a fragmented packet only the head.
    let [offset0, offset1] = *span.bytes.get(6..)?.first_chunk()?;
    if fragment && u16::from_be_bytes([offset0, offset1]) >> 3 != 0 {
        return None;
    }
    let frame = span.after(len).ok()?;
    let inside = if !native {
        ethernet(frame)?
    } else if binding == 1 {
        wifi(frame)?
    } else {
        return None;
    };
    Some((Some((Tunnel::Capwap, 0)), inside))
}

/// 802.11 data whose LLC says IP.
fn wifi(span: Span<'_>) -> Option<Inside<'_>> {
    let (kind, flags, form) = match *span.bytes {
        [kind, flags, ..] if kind & 0x0f == 0x08 => (kind, flags, Form::Plain),
        [flags, kind, ..] if kind & 0x0f == 0x08 => (kind, flags, Form::Swapped),
        _ => return None,
    };
    let addresses = if flags & 3 == 3 { 30 } else { 24 };
    let quality = if kind & 0x80 != 0 { 2 } else { 0 };
    let llc = span
        .bytes
        .get(usize::saturating_add(addresses, quality)..)?;
    llc.starts_with(&[0xaa, 0xaa, 3, 0, 0, 0])
        .then_some((Layer::Wifi(form), span))
}

/// L2TP data of version 2 with PPP, and of version 3.
fn l2tp(span: Span<'_>) -> Option<Found<'_>> {
    let [flags, version, ..] = *span.bytes else {
        return None;
    };
    // Control, and reserved bits.
    if flags & 0xb4 != 0 || version & 0xf0 != 0 {
        return None;
    }
    match version {
        2 => l2tp_2(flags, span),
        3 if flags == 0 => {
            let session = *span.bytes.get(4..)?.first_chunk()?;
            let inside = gre::l2tp_inside(span.after(8).ok()?)?;
            let session = u64::from(u32::from_be_bytes(session));
            Some((Some((Tunnel::L2tp, session)), inside))
        }
        _ => None,
    }
}

fn l2tp_2(flags: u8, mut span: Span<'_>) -> Option<Found<'_>> {
    let word = |span: Span<'_>| Some(u16::from_be_bytes(*span.bytes.first_chunk()?));
    if flags & 0x40 != 0 {
        let len = usize::from(word(span.after(2).ok()?)?);
        if len > span.wire_len {
            return None;
        }
        span = span.up_to(len).after(4).ok()?;
    } else {
        span = span.after(2).ok()?;
    }
    let id = u32::from_be_bytes(*span.bytes.first_chunk()?);
    span = span.after(4).ok()?;
    if flags & 0x08 != 0 {
        span = span.after(4).ok()?;
    }
    if flags & 0x02 != 0 {
        let padding = usize::from(word(span)?);
        span = span.after(padding.saturating_add(2)).ok()?;
    }
    plausible::ppp(span).then_some((Some((Tunnel::L2tp, u64::from(id))), (Layer::Ppp, span)))
}

/// GRE behind UDP: version 0 with a checksum, a key or a sequence number at most, and a packet.
fn gre_in_udp(span: Span<'_>) -> Option<Found<'_>> {
    let [flags, 0, k0, k1, ..] = *span.bytes else {
        return None;
    };
    if flags & 0x4f != 0 {
        return None;
    }
    let optional = (flags & 0xf0).count_ones() as usize;
    let inside = span
        .after(optional.saturating_mul(4).saturating_add(4))
        .ok()?;
    let sound = match u16::from_be_bytes([k0, k1]) {
        0x0800 | 0x86dd => plausible::ip(inside).is_some(),
        0x6558 => plausible::ethernet(inside),
        _ => false,
    };
    sound.then_some((None, (Layer::Gre, span)))
}

/// LISP: eight bytes of flags, nonce and instance, then IP that fills the rest.
fn lisp(span: Span<'_>) -> Option<Found<'_>> {
    let inside = span.after(LISP_LEN).ok()?;
    let id = u64::from(u32::from_be_bytes(*span.bytes.get(4..)?.first_chunk()?));
    Some((
        Some((Tunnel::Lisp, id)),
        (plausible::ip_alone(inside)?, inside),
    ))
}

/// GUE: variant 0 has a header, variant 1 is IP itself.
fn gue(span: Span<'_>) -> Option<Found<'_>> {
    let [head, protocol, ..] = *span.bytes else {
        return None;
    };
    let inside = match (head >> 5, protocol) {
        (2 | 3, _) => span,
        (0, 4 | 41) => {
            let len = usize::from(head & 0x1f).saturating_mul(4);
            span.after(len.saturating_add(4)).ok()?
        }
        _ => return None,
    };
    Some((
        Some((Tunnel::Fou, 0)),
        (plausible::ip_alone(inside)?, inside),
    ))
}

/// TZSP: version, type, what is inside, tags up to the end tag.
fn tzsp(span: Span<'_>) -> Option<Found<'_>> {
    let [1, 0 | 1, 0, kind, ..] = *span.bytes else {
        return None;
    };
    let mut rest = span.after(4).ok()?;
    for _ in 0..EXTENSIONS_MAX {
        match *rest.bytes {
            [0, ..] => rest = rest.after(1).ok()?,
            [1, ..] => {
                let frame = rest.after(1).ok()?;
                let inside = match kind {
                    1 => ethernet(frame)?,
                    18 => wifi(frame)?,
                    _ => return None,
                };
                return Some((Some((Tunnel::Tzsp, 0)), inside));
            }
            [_, len, ..] => rest = rest.after(usize::from(len).saturating_add(2)).ok()?,
            _ => return None,
        }
    }
    None
}

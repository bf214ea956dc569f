//! Does this look like the beginning of a packet?
//!
//! Enters: a span inside something that may be a tunnel. Leaves: which header begins there, when
//! its own fields agree with the room it has. Never: decides what a header that is announced
//! means; only guesses are judged here, and a UDP datagram that fails stays an ordinary one.

use super::layer::Layer;
use super::span::Span;

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
/// VLAN tags looked past.
const TAGS_MAX: usize = 4;
/// As many bytes decide all there is to guess, a word in front included.
pub(super) const NEEDED: usize = 40;

/// An IP header whose length fits: no more than there is room for. (0, as offload leaves it, when
/// there is more room than 16 bits can say.)
pub(super) fn ip(span: Span<'_>) -> Option<Layer> {
    let fits = |layer, len: usize, least: usize| {
        let inside = (least..=span.wire_len).contains(&len);
        (inside || len == 0 && span.wire_len > 0xffff).then_some(layer)
    };
    match *span.bytes {
        [first @ 0x45..=0x4f, _, high, low, ..] => {
            let header_len = usize::from(first & 15).saturating_mul(4);
            let total = usize::from(u16::from_be_bytes([high, low]));
            fits(Layer::V4, total, header_len)
        }
        [0x60..=0x6f, _, _, _, high, low, ..] => {
            match usize::from(u16::from_be_bytes([high, low])) {
                0 if span.wire_len > 0xffff => Some(Layer::V6),
                len => fits(Layer::V6, len.saturating_add(40), 40),
            }
        }
        _ => None,
    }
}

/// An IP packet that fills the span to the byte, its IPv4 header checksum right or its IPv6 next
/// header one that has a use: for ports where no header stands before it.
pub(super) fn ip_alone(span: Span<'_>) -> Option<Layer> {
    let word = |at: usize| {
        let pair = span.bytes.get(at..)?.first_chunk::<2>()?;
        Some(usize::from(u16::from_be_bytes(*pair)))
    };
    match ip(span)? {
        Layer::V4 => {
            let len = usize::from(span.bytes.first()? & 15).saturating_mul(4);
            let header = span.bytes.get(..len)?;
            let sum = header.chunks_exact(2).fold(0u32, |sum, pair| {
                let word = pair
                    .first_chunk::<2>()
                    .map_or(0, |p| u16::from_be_bytes(*p));
                sum.saturating_add(u32::from(word))
            });
            let folded = (sum & 0xffff).saturating_add(sum >> 16);
            (word(2)? == span.wire_len && folded == 0xffff).then_some(Layer::V4)
        }
        _ => {
            let useful = matches!(
                span.bytes.get(6)?,
                4 | 6 | 17 | 41 | 43 | 44 | 47 | 50 | 51 | 58 | 60
            );
            let fills = word(4)?.saturating_add(40) == span.wire_len;
            (useful && fills).then_some(Layer::V6)
        }
    }
}

/// An Ethernet frame that leads to IP, ARP or another layer that is known, as far as its type
/// fields say.
pub(super) fn ethernet(span: Span<'_>) -> bool {
    let mut at = ETHERNET_LEN;
    for _ in 0..=TAGS_MAX {
        let (Some(kind), Ok(inside)) = (kind_before(span, at), span.after(at)) else {
            return false;
        };
        match kind {
            0x8100 | 0x88a8 | 0x9100 => at = at.saturating_add(TAG_LEN),
            0x0800 => return matches!(ip(inside), Some(Layer::V4)),
            0x86dd => return matches!(ip(inside), Some(Layer::V6)),
            0x0806 => return inside.bytes.starts_with(&[0, 1, 8, 0, 6, 4]),
            0x8864 => return inside.bytes.starts_with(&[0x11, 0]),
            0x8847 | 0x8848 | 0x88e7 | 0x8909 | 0x8926 | 0x893f => return true,
            ..=1500 => return inside.bytes.starts_with(&[0xaa, 0xaa, 3, 0, 0, 0]),
            _ => return false,
        }
    }
    false
}

/// The type field in front of byte `at`.
fn kind_before(span: Span<'_>, at: usize) -> Option<u16> {
    let field = span.bytes.get(at.checked_sub(2)?..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

/// PPP whose protocol field says IP, and IP behind it.
pub(super) fn ppp(span: Span<'_>) -> bool {
    let field = span.bytes.strip_prefix(&[0xff, 3]).unwrap_or(span.bytes);
    let framing = span.bytes.len().saturating_sub(field.len());
    let (wanted, len): (fn(Layer) -> bool, usize) = match *field {
        [0, 0x21, ..] => (|layer| matches!(layer, Layer::V4), 2),
        [0x21, ..] => (|layer| matches!(layer, Layer::V4), 1),
        [0, 0x57, ..] => (|layer| matches!(layer, Layer::V6), 2),
        [0x57, ..] => (|layer| matches!(layer, Layer::V6), 1),
        // MPLS in PPP, and a multilink fragment that is whole.
        [2, 0x81 | 0x83, ..] | [0, 0x3d, 0xc0, ..] => return true,
        _ => return false,
    };
    let inside = span.after(framing.saturating_add(len));
    inside.is_ok_and(|inside| ip(inside).is_some_and(wanted))
}

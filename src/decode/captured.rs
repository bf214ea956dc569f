//! Headers that the capturing system itself put in front of a packet.
//!
//! Enters: a frame of PPI, PKTAP, netfilter log, OpenBSD's and Solaris' logs, netANALYZER. Leaves:
//! the packet behind the header. Never: reads of the header more than where the packet begins, and
//! the sender's link address.
//!
//! Sources: the LINKTYPE registry of tcpdump.org, which describes each; `nfnetlink_log.h`.

use super::layer::{Inside, Layer};
use super::span::Span;
use super::tunnel::{Tunnel, Way};
use super::{End, Malformed, NotForUs, link};
use crate::capture::LinkType;

/// Most attributes of a netfilter log record looked at.
const ATTRIBUTES_MAX: usize = 64;
const NFLOG_LEN: usize = 4;
const NFLOG_HWADDR: u16 = 8;
const NFLOG_PAYLOAD: u16 = 9;
const ENC_LEN: usize = 12;
const IPNET_LEN: usize = 24;
const NETANALYZER_LEN: usize = 4;

/// A capture whose frames begin with one of these.
pub(super) fn of_link<'f>(
    kind: LinkType,
    span: Span<'f>,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    let inside = match kind {
        LinkType::Nflog => nflog(span, way)?,
        // Version, flags, length, link type: all little endian.
        LinkType::Ppi => named(span, (2, 2), (4, 4))?,
        // Length, type of record, link type: in the byte order of the Macs there are.
        LinkType::Pktap => named(span, (0, 4), (8, 4))?,
        LinkType::Enc => {
            let inside = span.after(ENC_LEN)?;
            let family = span
                .bytes
                .first_chunk()
                .map_or(0, |af| u32::from_be_bytes(*af));
            let family = if family > 0xffff {
                family.swap_bytes()
            } else {
                family
            };
            (link::of_family(family)?, inside)
        }
        LinkType::Pflog => {
            let Some([len, family]) = span.bytes.first_chunk::<2>() else {
                return Err(span.short(2).into());
            };
            let len = usize::from(*len).next_multiple_of(4);
            (link::of_family(u32::from(*family))?, span.after(len)?)
        }
        LinkType::Ipnet => {
            let inside = span.after(IPNET_LEN)?;
            let family = span.bytes.get(1).copied().unwrap_or(0);
            (link::of_family(u32::from(family))?, inside)
        }
        LinkType::NetAnalyzer => (Layer::Ethernet, span.after(NETANALYZER_LEN)?),
        _ => return Err(Malformed::UnknownLink.into()),
    };
    way.enter(Tunnel::CaptureHeader, 0)?;
    Ok(inside)
}

/// A header that says its length and the link type behind it, both little endian; where each
/// stands is given as place and size.
fn named(
    span: Span<'_>,
    (len_at, len_size): (usize, usize),
    (kind_at, kind_size): (usize, usize),
) -> Result<Inside<'_>, End> {
    let field = |at: usize, size: usize| {
        let bytes = span.bytes.get(at..at.saturating_add(size))?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0u32, |value, byte| value << 8 | u32::from(*byte)),
        )
    };
    let (Some(len), Some(kind)) = (field(len_at, len_size), field(kind_at, kind_size)) else {
        return Err(span.short(kind_at.saturating_add(kind_size)).into());
    };
    let len = len as usize;
    if len < kind_at.saturating_add(kind_size) {
        return Err(Malformed::BadLength.into());
    }
    let kind = u16::try_from(kind).map_or(LinkType::Unknown(u16::MAX), LinkType::from_number);
    Ok((Layer::Link(kind), span.after(len)?))
}

/// A netfilter log record: the family, then attributes of which one is the packet from its network
/// header on, another the sender's link address.
fn nflog<'f>(span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    let mut rest = span.after(NFLOG_LEN)?;
    let family = span.bytes.first().copied().unwrap_or(0);
    let layer = link::of_family(u32::from(family))?;
    for _ in 0..ATTRIBUTES_MAX {
        let Some([l0, l1, k0, k1]) = rest.bytes.first_chunk::<4>() else {
            return Err(if rest.wire_len == 0 {
                NotForUs::NotIp.into()
            } else {
                rest.short(4).into()
            });
        };
        // In the byte order of the host that captured, which no header names: the one in which the
        // attribute has room. A length is at least 4, so not both fit unless they are alike.
        let room = |len: u16| (4..=rest.wire_len).contains(&usize::from(len));
        let little = u16::from_le_bytes([*l0, *l1]);
        let (len, kind) = if room(little) {
            (little, u16::from_le_bytes([*k0, *k1]))
        } else {
            (
                u16::from_be_bytes([*l0, *l1]),
                u16::from_be_bytes([*k0, *k1]),
            )
        };
        if !room(len) {
            return Err(Malformed::BadLength.into());
        }
        let value = rest.up_to(usize::from(len)).after(4)?;
        match kind {
            NFLOG_PAYLOAD => return Ok((layer, value)),
            // Its length, two bytes of nothing, the address.
            NFLOG_HWADDR if value.bytes.starts_with(&[0, 6]) => {
                way.link.src_mac = value.bytes.get(4..).and_then(<[u8]>::first_chunk);
            }
            _ => {}
        }
        rest = rest.after(usize::from(len).next_multiple_of(4).min(rest.wire_len))?;
    }
    Err(Malformed::TooManyHeaders.into())
}

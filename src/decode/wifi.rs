//! 802.11 data frames, and the headers that captures put in front of them.
//!
//! Enters: radiotap, Prism, AVS, or an 802.11 header. Leaves: the LLC header inside, who sent to
//! whom. Never: decrypts; reads a frame that the capture itself calls damaged.
//!
//! Of an aggregate (A-MSDU) the first frame is read, of a fragmented one the first fragment.
//! Sources: IEEE 802.11-2020 section 9.2 and 9.3.2; radiotap.org.

use super::layer::{Inside, Layer};
use super::span::Span;
use super::tunnel::{Tunnel, Way};
use super::{End, Malformed, NotForUs};
use crate::capture::LinkType;

const HEADER_LEN: usize = 24;
const ADDRESS_LEN: usize = 6;
/// Destination, source and length of one frame of an aggregate.
const SUBFRAME_LEN: usize = 14;
/// Prism headers of the usual length, where their own field says nothing.
const PRISM_LEN: usize = 144;
const AVS_MAGIC: [u8; 3] = [0x80, 0x21, 0x10];
/// Words of radiotap's bitmap looked past.
const BITMAPS_MAX: usize = 8;

/// What the LLC header of a frame in clear begins with, for IP.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// How an 802.11 header was written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As on the air.
    Plain,
    /// Padded to a multiple of four, by drivers that align what is behind it.
    Padded,
    /// The two bytes of frame control exchanged, as some access points send it in CAPWAP.
    Swapped,
}

/// A capture whose frames begin with one of these.
pub(super) fn of_link(kind: LinkType, span: Span<'_>) -> Result<Inside<'_>, End> {
    match kind {
        LinkType::Radiotap => return radiotap(span),
        LinkType::Ieee80211 => return Ok((Layer::Wifi(Form::Plain), span)),
        _ => span.shows(8)?,
    }
    match kind {
        _ if span.bytes.starts_with(&AVS_MAGIC) => {
            let len = span.bytes.get(4..).and_then(<[u8]>::first_chunk);
            let len = len.map_or(0, |len| u32::from_be_bytes(*len) as usize);
            Ok((Layer::Wifi(Form::Plain), span.after(len.max(8))?))
        }
        LinkType::Prism => {
            let len = span.bytes.get(4..).and_then(<[u8]>::first_chunk);
            let [little, big] = len.map_or([0; 2], |len| {
                [u32::from_le_bytes(*len), u32::from_be_bytes(*len)]
            });
            let len = match little.min(big) as usize {
                len @ 8..=1024 => len,
                _ => PRISM_LEN,
            };
            Ok((Layer::Wifi(Form::Plain), span.after(len)?))
        }
        _ => Err(NotForUs::NotIp.into()),
    }
}

/// Radiotap: of its fields only the flags matter, which stand behind the bitmaps and a timestamp.
fn radiotap(span: Span<'_>) -> Result<Inside<'_>, End> {
    let Some([version, _, l0, l1, present @ ..]) = span.bytes.first_chunk::<8>() else {
        return Err(span.short(8).into());
    };
    if *version != 0 {
        return Err(Malformed::BadVersion.into());
    }
    let len = usize::from(u16::from_le_bytes([*l0, *l1]));
    if len < 8 {
        return Err(Malformed::BadLength.into());
    }
    let frame = span.after(len)?;
    let flags = radiotap_flags(span.bytes.get(..len).unwrap_or_default(), *present);
    if flags & 0x40 != 0 {
        return Err(NotForUs::Damaged.into());
    }
    let padded = flags & 0x20 != 0;
    let form = if padded { Form::Padded } else { Form::Plain };
    Ok((Layer::Wifi(form), frame))
}

/// The flags field, or 0 where there is none.
fn radiotap_flags(header: &[u8], present: [u8; 4]) -> u8 {
    let present = u32::from_le_bytes(present);
    let (mut at, mut word) = (8usize, present);
    for _ in 0..BITMAPS_MAX {
        if word >> 31 == 0 {
            break;
        }
        let Some(next) = header.get(at..).and_then(<[u8]>::first_chunk) else {
            return 0;
        };
        word = u32::from_le_bytes(*next);
        at = at.saturating_add(4);
    }
    if present & 1 != 0 {
        at = at.next_multiple_of(8).saturating_add(8);
    }
    let flags = header.get(at).filter(|_| present & 2 != 0);
    flags.copied().unwrap_or(0)
}

/// An 802.11 header.
pub(super) fn open<'f>(
    span: Span<'f>,
    form: Form,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    let Some([first, second]) = span.bytes.first_chunk::<2>() else {
        return Err(span.short(2).into());
    };
    let (kind, flags) = match form {
        Form::Swapped => (*second, *first),
        Form::Plain | Form::Padded => (*first, *second),
    };
    // Data, with data in it.
    if kind & 0x0f != 0x08 || kind & 0x40 != 0 {
        return Err(NotForUs::NotIp.into());
    }
    let four_addresses = flags & 3 == 3;
    let quality = kind & 0x80 != 0;
    let base = if four_addresses {
        HEADER_LEN.saturating_add(ADDRESS_LEN)
    } else {
        HEADER_LEN
    };
    let mut len = base;
    if quality {
        // Behind the quality field stands HT control when the order bit is set.
        len = len.saturating_add(if flags & 0x80 != 0 { 6 } else { 2 });
    }
    if form == Form::Padded {
        len = len.next_multiple_of(4);
    }
    let body = span.after(len)?;
    // A later fragment: what it continues is gone.
    if span
        .bytes
        .get(22)
        .is_some_and(|sequence| sequence & 0x0f != 0)
    {
        return Err(NotForUs::NotIp.into());
    }
    let aggregate = quality && span.bytes.get(base).is_some_and(|field| field & 0x80 != 0);
    // Captures that were decrypted keep the bit.
    let clear_at = if aggregate { SUBFRAME_LEN } else { 0 };
    body.shows(SNAP.len().saturating_add(clear_at))?;
    let llc = body.bytes.get(clear_at..).unwrap_or_default();
    if flags & 0x40 != 0 && !llc.starts_with(&SNAP) {
        return Err(NotForUs::Encrypted.into());
    }
    if aggregate {
        let Some(head) = body.bytes.first_chunk::<SUBFRAME_LEN>() else {
            return Err(body.short(SUBFRAME_LEN).into());
        };
        let len = usize::from(u16::from_be_bytes([head[12], head[13]]));
        way.enter(Tunnel::Wifi, 0)?;
        way.link.dst_mac = body.bytes.first_chunk();
        way.link.src_mac = body.bytes.get(ADDRESS_LEN..).and_then(<[u8]>::first_chunk);
        return Ok((Layer::Llc, body.after(SUBFRAME_LEN)?.up_to(len)));
    }
    way.enter(Tunnel::Wifi, 0)?;
    let address = |at: usize| span.bytes.get(at..).and_then(<[u8]>::first_chunk);
    // To the distribution system, from it, neither, or both: table 9-30.
    (way.link.dst_mac, way.link.src_mac) = match flags & 3 {
        0 => (address(4), address(10)),
        1 => (address(16), address(10)),
        2 => (address(4), address(16)),
        _ => (address(16), address(24)),
    };
    Ok((Layer::Llc, body))
}

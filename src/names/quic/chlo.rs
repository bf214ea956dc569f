//! The client hello of Google's own handshake: tags and values.
//!
//! Enters: the message, or its beginning. Leaves: the server's name. Never: keeps what else is in
//! it, such as the user agent (UAID) and the tokens by which a server knows a client again.
//!
//! Source: "QUIC Crypto" by the Chromium project. `CHLO`, the number of tags in two bytes, two
//! bytes of zeros; then each tag with the end of its value; then the values. Little-endian.

use crate::names::reader::Reader;
use crate::names::tls::{Hello, SNI_LEN_MAX, Shape};
use crate::names::{Malformed, Probe};

const CHLO: &[u8; 4] = b"CHLO";
const SNI: &[u8; 4] = b"SNI\0";
const VER: &[u8; 4] = b"VER\0";

/// Before the first tag.
const PREAMBLE_LEN: usize = 8;
/// A tag and the end of its value.
const ENTRY_LEN: usize = 8;
/// Where the name stands in what is kept.
const NAME_AT: usize = PREAMBLE_LEN + 2 * ENTRY_LEN;
/// With a name of [`SNI_LEN_MAX`] bytes and a version.
const KEPT_LEN_MAX: usize = NAME_AT + SNI_LEN_MAX + 4;
/// Most tags in a message.
const ENTRIES_MAX: usize = 128;
/// Longest message: no client sends half as much.
const LEN_MAX: usize = 16 * 1024;

/// Bytes of the whole message. `Malformed`: its tags or ends are out of order, or it is too long.
pub(super) fn message_len(start: &[u8]) -> Probe<usize> {
    let seen = start.len().min(CHLO.len());
    if start.get(..seen) != CHLO.get(..seen) {
        return Probe::NotForUs;
    }
    let broken = Probe::Malformed(Malformed::TlsHello);
    let Some([low, high]) = start.get(4..6) else {
        return Probe::NeedMore;
    };
    let entries = usize::from(u16::from_le_bytes([*low, *high]));
    if !(1..=ENTRIES_MAX).contains(&entries) {
        return broken;
    }
    let values_at = entries
        .saturating_mul(ENTRY_LEN)
        .saturating_add(PREAMBLE_LEN);
    let Some(index) = start.get(PREAMBLE_LEN..values_at) else {
        return Probe::NeedMore;
    };
    let (mut tag, mut end) = (None, 0);
    for entry in Entries(Reader::new(index)) {
        if tag >= Some(entry.0) || end > entry.1 {
            return broken;
        }
        (tag, end) = (Some(entry.0), entry.1);
    }
    match values_at.checked_add(end) {
        Some(total) if total <= LEN_MAX => Probe::Found(total),
        _ => broken,
    }
}

/// Tags as numbers, with the ends of their values.
struct Entries<'a>(Reader<'a>);

impl Iterator for Entries<'_> {
    type Item = (u32, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.0.u32()?.swap_bytes();
        let end = self.0.u32()?.swap_bytes();
        Some((tag, usize::try_from(end).ok()?))
    }
}

/// The value of a tag, as far as the message is there.
fn value<'a>(message: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let mut reader = Reader::new(message);
    reader.take(4)?;
    let entries = usize::from(reader.u16()?.swap_bytes());
    reader.take(2)?;
    let index = reader.take(entries.checked_mul(ENTRY_LEN)?)?;
    let values = reader.rest();
    let mut start = 0;
    for (tag, end) in Entries(Reader::new(index)) {
        if tag == u32::from_le_bytes(*wanted) {
            return values.get(start..end);
        }
        start = end;
    }
    None
}

/// The name in a message that [`message_len`] took, whole or not. `Err`: too long for a name.
pub(super) fn server_name(message: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match value(message, SNI) {
        Some(name) if name.len() > SNI_LEN_MAX => Err(Malformed::TlsServerName),
        name => Ok(name.filter(|name| !name.is_empty())),
    }
}

/// What of a message may be kept as evidence: a message with the name and the version alone.
pub(super) struct Kept {
    bytes: [u8; KEPT_LEN_MAX],
    len: usize,
    name_len: usize,
}

impl Kept {
    /// Out of a whole message.
    pub(super) fn of(message: &[u8]) -> Result<Self, Malformed> {
        let name = server_name(message)?.unwrap_or_default();
        let version = value(message, VER).filter(|version| version.len() == 4);
        let version = version.unwrap_or_default();
        let end = name.len().saturating_add(version.len());
        let [name_end, version_end] = [name.len(), end].map(|end| (end as u32).to_le_bytes());
        let parts: [&[u8]; 8] = [
            CHLO,
            &[2, 0, 0, 0],
            SNI,
            &name_end,
            VER,
            &version_end,
            name,
            version,
        ];
        let mut kept = Self {
            bytes: [0; KEPT_LEN_MAX],
            len: 0,
            name_len: name.len(),
        };
        for part in parts {
            let end = kept.len.saturating_add(part.len());
            if let Some(slot) = kept.bytes.get_mut(kept.len..end) {
                slot.copy_from_slice(part);
                kept.len = end;
            }
        }
        Ok(kept)
    }

    /// The hello, with these bytes put at the front of `scratch`.
    pub(super) fn hello<'a>(&self, scratch: &'a mut [u8]) -> Probe<Hello<'a>> {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        let Some(slot) = scratch.get_mut(..bytes.len()) else {
            return Probe::Malformed(Malformed::TlsHello);
        };
        slot.copy_from_slice(bytes);
        let message: &'a [u8] = slot;
        let name = message.get(NAME_AT..NAME_AT.saturating_add(self.name_len));
        Probe::Found(Hello {
            sni: name.filter(|name| !name.is_empty()),
            ech: false,
            offer: None,
            message,
            alpn: None,
            shape: Shape::Whole,
        })
    }
}

/// The name out of a message whose end never came; nothing of the message is given along.
pub(super) fn peek(start: &[u8]) -> Option<Hello<'_>> {
    let Probe::Found(_) = message_len(start) else {
        return None;
    };
    let sni = server_name(start).ok().flatten()?;
    Some(Hello {
        sni: Some(sni),
        ech: false,
        offer: None,
        message: &[],
        alpn: None,
        shape: Shape::Cut,
    })
}

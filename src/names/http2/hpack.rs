//! Header fields of HTTP/2 (HPACK, RFC 7541), as far as they say where a request goes.
//!
//! Enters: header blocks of one client, in their order. Leaves: [`Fields`]. Never: keeps the
//! content of a field. A decoder must know the sizes of what stands in its dynamic table to tell
//! which entries are gone; it need not know what they hold. So no path, cookie or token of one
//! request is in memory when the next one comes, which no decoder made for servers could promise.

use super::super::reader::Reader;
use super::super::{Malformed, tls};
use super::huffman;

/// Size of the table at first (RFC 9113 section 6.5.2).
const SIZE_AT_FIRST: u32 = 4096;
/// Largest table that is followed. The server says how large it may be, and is not heard.
const SIZE_MAX: u32 = 16 * 1024;
/// What each entry counts for beyond its text (section 4.1).
const ENTRY_EXTRA: u32 = 32;
const ENTRIES_MAX: usize = (SIZE_MAX / ENTRY_EXTRA) as usize;
/// Longest value kept while a block is read: a name, a colon, a port, and room to see that it is
/// too long.
const VALUE_LEN_MAX: usize = tls::SNI_LEN_MAX + 16;
/// Longest name of a field that matters here.
const NAME_LEN_MAX: usize = 16;

/// Lengths of the names in the static table (appendix A), by index from 1.
const STATIC: [u8; 61] = [
    10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14,
    16, 13, 12, 6, 4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10,
    25, 17, 10, 4, 3, 16,
];

/// What a field is, as far as it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Other,
    Authority,
    Method,
    Protocol,
    Host,
}

impl Name {
    fn of(text: &[u8]) -> Self {
        match text {
            b":authority" => Self::Authority,
            b":method" => Self::Method,
            b":protocol" => Self::Protocol,
            b"host" => Self::Host,
            _ => Self::Other,
        }
    }
}

/// A name with its length.
#[derive(Clone, Copy, Default)]
struct Known {
    name: Name,
    len: u16,
}

/// An entry of the dynamic table: what it is, and its size.
#[derive(Clone, Copy, Default)]
struct Entry {
    known: Known,
    size: u16,
    /// Is it `:method: CONNECT`?
    connect: bool,
}

/// The dynamic table of one client.
pub struct Table {
    /// A ring; the newest entry stands before `next`.
    entries: [Entry; ENTRIES_MAX],
    next: usize,
    count: usize,
    size: u32,
    size_max: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            entries: [Entry::default(); ENTRIES_MAX],
            next: 0,
            count: 0,
            size: 0,
            size_max: SIZE_AT_FIRST,
        }
    }
}

/// A value while its block is read. No `Debug`: it may match nothing.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; VALUE_LEN_MAX],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; VALUE_LEN_MAX],
            len: 0,
        }
    }
}

impl Text {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
        }
        self.len = self.len.saturating_add(1);
    }

    /// The value; empty when none was written in this block. One that is too long is cut, and then
    /// too long for a name still.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

/// What a block says of where its request goes.
#[derive(Default)]
pub struct Fields {
    /// `:authority`, when it was written out.
    pub authority: Text,
    /// `host`, when it was written out.
    pub host: Text,
    /// The authority is one that was written out before.
    pub repeated: bool,
    /// Is the method CONNECT? With `:protocol` it is one of RFC 8441, whose authority is that of
    /// the site.
    pub connect: bool,
    /// Is there a `:protocol`?
    pub protocol: bool,
}

/// A string as it stands in a block.
#[derive(Clone, Copy)]
struct Written<'a> {
    bytes: &'a [u8],
    coded: bool,
}

impl Written<'_> {
    /// Its decoded bytes, one by one; their number.
    fn decode(self, mut put: impl FnMut(u8)) -> Option<u32> {
        let len = if self.coded {
            huffman::decode(self.bytes, put)?
        } else {
            self.bytes.iter().for_each(|byte| put(*byte));
            self.bytes.len()
        };
        u32::try_from(len).ok()
    }
}

impl Table {
    /// Takes a header block.
    ///
    /// # Errors
    /// [`Malformed::Http2Block`]: the block is broken, or does not fit what came before; nothing
    /// behind it can be read.
    pub fn read(&mut self, block: &[u8], fields: &mut Fields) -> Result<(), Malformed> {
        let mut reader = Reader::new(block);
        while !reader.is_empty() {
            self.field(&mut reader, fields)
                .ok_or(Malformed::Http2Block)?;
        }
        Ok(())
    }

    fn field(&mut self, reader: &mut Reader<'_>, fields: &mut Fields) -> Option<()> {
        let first = *reader.rest().first()?;
        match first {
            0x80.. => {
                let index = integer(reader, 7)?;
                self.indexed(index, fields)
            }
            0x40.. => self.literal(reader, 6, fields),
            0x20.. => {
                let size = integer(reader, 5).filter(|size| *size <= SIZE_MAX)?;
                self.size_max = size;
                self.shrink(size);
                Some(())
            }
            _ => self.literal(reader, 4, fields),
        }
    }

    /// A field of the tables.
    fn indexed(&self, index: u32, fields: &mut Fields) -> Option<()> {
        let behind = index.checked_sub(1)?;
        if (behind as usize) < STATIC.len() {
            // `:method` stands there with GET and POST only, `:authority` and `host` empty.
            return Some(());
        }
        let entry = self.entry(index)?;
        match entry.known.name {
            Name::Authority | Name::Host => fields.repeated = true,
            Name::Method => fields.connect = entry.connect,
            Name::Protocol => fields.protocol = true,
            Name::Other => {}
        }
        Some(())
    }

    /// A field that is written out, with a name of the tables or one of its own.
    fn literal(&mut self, reader: &mut Reader<'_>, prefix: u8, fields: &mut Fields) -> Option<()> {
        let kept = prefix == 6;
        let index = integer(reader, prefix)?;
        let known = match index {
            0 => new_name(string(reader)?)?,
            index => self.name(index)?,
        };
        let value = string(reader)?;
        let mut text = Text::default();
        let len = match known.name {
            Name::Other => value.decode(|_| {})?,
            _ => value.decode(|byte| text.push(byte))?,
        };
        let connect = known.name == Name::Method && text.as_bytes() == b"CONNECT";
        match known.name {
            Name::Authority => fields.authority = text,
            Name::Host => fields.host = text,
            Name::Method => fields.connect = connect,
            Name::Protocol => fields.protocol = true,
            Name::Other => {}
        }
        if kept {
            let len = u32::from(known.len).checked_add(len)?;
            self.insert(known, len.checked_add(ENTRY_EXTRA)?, connect);
        }
        Some(())
    }

    fn name(&self, index: u32) -> Option<Known> {
        let at = index.checked_sub(1)? as usize;
        let Some(len) = STATIC.get(at) else {
            return Some(self.entry(index)?.known);
        };
        let name = match index {
            1 => Name::Authority,
            2 | 3 => Name::Method,
            38 => Name::Host,
            _ => Name::Other,
        };
        Some(Known {
            name,
            len: u16::from(*len),
        })
    }

    /// The entry of an index behind the static table; the newest comes first.
    fn entry(&self, index: u32) -> Option<Entry> {
        let back = (index as usize).checked_sub(STATIC.len())?;
        if back == 0 || back > self.count {
            return None;
        }
        let at = self.next.wrapping_add(ENTRIES_MAX).wrapping_sub(back) % ENTRIES_MAX;
        self.entries.get(at).copied()
    }

    /// Lets the oldest go until no more than `size` is used.
    fn shrink(&mut self, size: u32) {
        while self.size > size && self.count > 0 {
            let at = self.next.wrapping_add(ENTRIES_MAX).wrapping_sub(self.count) % ENTRIES_MAX;
            let gone = self
                .entries
                .get(at)
                .map_or(0, |entry| u32::from(entry.size));
            self.size = self.size.saturating_sub(gone);
            self.count = self.count.saturating_sub(1);
        }
    }

    /// Puts an entry in; one larger than the table empties it (section 4.4).
    fn insert(&mut self, known: Known, size: u32, connect: bool) {
        let Some(room) = self.size_max.checked_sub(size) else {
            self.shrink(0);
            return;
        };
        self.shrink(room);
        if let Some(slot) = self.entries.get_mut(self.next) {
            *slot = Entry {
                known,
                // No larger than the table, so it fits.
                size: size as u16,
                connect,
            };
        }
        self.next = self.next.wrapping_add(1) % ENTRIES_MAX;
        self.count = self.count.saturating_add(1);
        self.size = self.size.saturating_add(size);
    }
}

fn new_name(written: Written<'_>) -> Option<Known> {
    let mut text = [0u8; NAME_LEN_MAX];
    let mut at = 0usize;
    let len = written.decode(|byte| {
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
        at = at.saturating_add(1);
    })?;
    // A longer one is none of ours.
    let name = text.get(..at).map_or(Name::Other, Name::of);
    let len = u16::try_from(len).ok()?;
    Some(Known { name, len })
}

/// An integer with a prefix of so many bits (section 5.1), at most 2^28 or so.
fn integer(reader: &mut Reader<'_>, prefix: u8) -> Option<u32> {
    let mask = 0xffu8.checked_shr(8u32.checked_sub(u32::from(prefix))?)?;
    let mut value = u32::from(reader.u8()? & mask);
    if value < u32::from(mask) {
        return Some(value);
    }
    for shift in [0u32, 7, 14, 21] {
        let byte = reader.u8()?;
        value = value.checked_add(u32::from(byte & 0x7f).checked_shl(shift)?)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn string<'a>(reader: &mut Reader<'a>) -> Option<Written<'a>> {
    let coded = reader.rest().first()? & 0x80 != 0;
    let len = integer(reader, 7)?;
    let bytes = reader.take(len as usize)?;
    Some(Written { bytes, coded })
}

impl Table {
    /// What always holds; for the oracle.
    pub(super) fn check(&self) {
        let sum: u32 = (0..self.count as u32)
            .filter_map(|back| self.entry(back.saturating_add(62)))
            .map(|entry| u32::from(entry.size))
            .fold(0, u32::saturating_add);
        assert_eq!(sum, self.size);
        assert!(self.size <= self.size_max && self.count <= ENTRIES_MAX);
    }
}

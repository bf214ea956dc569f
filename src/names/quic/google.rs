//! Google's own QUIC, versions Q001 to Q046: packets in clear, and the frames of all its versions.
//!
//! Enters: a datagram; or a payload, opened or in clear. Leaves: [`Clear`], where the frames of a
//! client's packet lie; the pieces of its crypto stream. Never: takes a packet whose hash is wrong,
//! a server's packet, one without its version (the client names it until the server has answered).
//!
//! Source: "QUIC Wire Layout Specification" and "QUIC Crypto" by the Chromium project. Up to Q043
//! the public header: flags, connection id, version, packet number. Q044 to Q046: the long header
//! of an early draft, both id lengths in one byte. Then twelve bytes of FNV-1a over everything
//! else; up to Q033 a byte of private flags; then frames. Integers are big-endian from Q039 on.

use super::frames::{BadFrame, Crypto};
use crate::names::reader::Reader;

/// Bytes of the hash that stands where an authentication tag would.
const HASH_LEN: usize = 12;
/// Id lengths of a client's packet in Q044 to Q046: eight bytes, none.
const CLIENT_ID_LENS: u8 = 0x50;
/// The stream that carries the handshake up to Q046.
const CRYPTO_STREAM: u64 = 1;

/// Stands for the sealed versions, 50 and 51, whose frames are alike.
pub(super) const SEALED: u8 = 50;

/// Offset basis and prime of the 128-bit FNV hash (RFC 9923).
pub(super) const FNV_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;

/// Number of a version `Q0dd` or `T0dd`.
pub(super) fn number(version: u32) -> Option<u8> {
    let [family, zero, tens, ones] = version.to_be_bytes();
    let named = matches!(family, b'Q' | b'T') && zero == b'0';
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|digit| *digit < 10);
    let number = digit(tens)?.checked_mul(10)?.checked_add(digit(ones)?)?;
    named.then_some(number)
}

/// Number of a version that is sent in clear under a public header.
fn in_public_header(version: u32) -> Option<u8> {
    number(version).filter(|number| version >> 24 == u32::from(b'Q') && (1..=43).contains(number))
}

/// Is it sent in clear under a long header?
pub(super) fn in_long_header(version: u32) -> bool {
    version >> 24 == u32::from(b'Q') && number(version).is_some_and(|n| (44..=46).contains(&n))
}

/// May a datagram with this first byte be a client's packet up to Q043? Version and eight bytes of
/// id are there, it is no reset, and the two reserved bits are clear.
#[inline]
pub(super) const fn may_begin(first: u8) -> bool {
    first & 0b1100_1011 == 0b0000_1001
}

/// What a datagram with such a first byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Public {
    /// A client's packet of this version.
    Packet(u32),
    /// A server's list of versions.
    Versions,
    /// Something else.
    Other,
}

#[cold]
pub(super) fn classify(datagram: &[u8]) -> Public {
    let mut reader = Reader::new(datagram);
    reader.take(9);
    let (versions, odd) = reader.rest().as_chunks::<4>();
    let Some(first) = versions.first().map(|bytes| u32::from_be_bytes(*bytes)) else {
        return Public::Other;
    };
    let known = |bytes: &[u8; 4]| {
        let version = u32::from_be_bytes(*bytes);
        number(version).is_some() || super::keys::Version::of(version).is_some()
    };
    if odd.is_empty() && versions.iter().all(known) {
        Public::Versions
    } else if in_public_header(first).is_some() {
        Public::Packet(first)
    } else {
        Public::Other
    }
}

/// A client's packet in clear.
pub(super) struct Clear<'a> {
    bytes: &'a [u8],
    /// Connection id, eight bytes.
    pub(super) id: &'a [u8],
    hash_at: usize,
    pub(super) layout: Layout,
}

impl<'a> Clear<'a> {
    /// `None`: something else, or too short. The hash has not been looked at.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8()?;
        let (id, version, number_len) = if may_begin(first) {
            let id = reader.take(8)?;
            let version = in_public_header(reader.u32()?)?;
            let lens = [1, 2, 4, 6];
            let number_len = lens.get(usize::from(first >> 4 & 0b11)).copied()?;
            (id, version, number_len)
        } else if first & 0x80 != 0 {
            let version = reader.u32().filter(|version| in_long_header(*version))?;
            reader.u8().filter(|lens| *lens == CLIENT_ID_LENS)?;
            let id = reader.take(8)?;
            let version = number(version)?;
            let number_len = match version {
                46 => usize::from(first & 0b11).saturating_add(1),
                _ => 4,
            };
            (id, version, number_len)
        } else {
            return None;
        };
        reader.take(number_len)?;
        let hash_at = bytes.len().saturating_sub(reader.len());
        reader.take(HASH_LEN)?;
        let layout = Layout {
            version,
            number_len,
        };
        (!reader.is_empty()).then_some(Self {
            bytes,
            id,
            hash_at,
            layout,
        })
    }

    /// Is the hash right for a client's packet?
    pub(super) fn is_sound(&self) -> bool {
        let Some((header, rest)) = self.bytes.split_at_checked(self.hash_at) else {
            return false;
        };
        let Some((hash, payload)) = rest.split_at_checked(HASH_LEN) else {
            return false;
        };
        // From Q036 on the sender's role is part of it.
        let role: &[u8] = if self.layout.version > 35 {
            b"Client"
        } else {
            b""
        };
        let sum = [header, payload, role].into_iter().fold(FNV_BASIS, fnv);
        sum.to_le_bytes().starts_with(hash)
    }

    /// The frames, and where they begin in the datagram.
    pub(super) fn frames(&self) -> (&'a [u8], usize) {
        let mut at = self.hash_at.saturating_add(HASH_LEN);
        if self.layout.version < 34 {
            // Private flags; one of them announces a byte that names a group of packets.
            let flags = self.bytes.get(at).copied().unwrap_or_default();
            at = at
                .saturating_add(1)
                .saturating_add(usize::from(flags >> 1 & 1));
        }
        (self.bytes.get(at..).unwrap_or_default(), at)
    }
}

/// Puts `bytes` into the hash.
pub(super) fn fnv(sum: u128, bytes: &[u8]) -> u128 {
    let step = |sum: u128, byte: &u8| (sum ^ u128::from(*byte)).wrapping_mul(FNV_PRIME);
    bytes.iter().fold(sum, step)
}

/// What the frames of a packet depend on.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// 1 to 46 in clear, 50 and 51 in sealed packets.
    pub(super) version: u8,
    /// Bytes of its packet number.
    pub(super) number_len: usize,
}

/// The pieces of the handshake in a payload, in order; ends after the first bad frame.
pub(super) struct GoogleFrames<'a> {
    reader: Reader<'a>,
    len: usize,
    layout: Layout,
}

impl<'a> GoogleFrames<'a> {
    pub(super) const fn new(payload: &'a [u8], layout: Layout) -> Self {
        Self {
            reader: Reader::new(payload),
            len: payload.len(),
            layout,
        }
    }

    /// An integer of the packet's byte order.
    fn uint(&mut self, len: usize) -> Option<u64> {
        let bytes = self.reader.take(len)?;
        let join = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if self.layout.version >= 39 {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        })
    }

    /// The next frame: a piece, or nothing of interest. `None`: broken.
    fn frame(&mut self) -> Option<Option<Crypto<'a>>> {
        match self.reader.u8()? {
            kind @ 0x80.. => return self.stream(kind),
            kind @ 0x40..=0x7f => self.ack(kind)?,
            // RST_STREAM, CONNECTION_CLOSE, GOAWAY, WINDOW_UPDATE, BLOCKED, STOP_WAITING, PING.
            0x01 => self.skip(16)?,
            0x02 => self.skip_reason(4)?,
            0x03 => self.skip_reason(8)?,
            0x04 => self.skip(12)?,
            0x05 => self.skip(4)?,
            0x06 => {
                let entropy = usize::from(self.layout.version < 34);
                self.skip(entropy.saturating_add(self.layout.number_len))?;
            }
            0x07 => {}
            0x08 if self.layout.version >= 48 => {
                let offset = self.reader.varint()?;
                let len = self.reader.varint_len()?;
                return self.piece(offset, len).map(Some);
            }
            _ => return None,
        }
        Some(None)
    }

    /// STREAM: 1, fin, length present, offset length (3 bits), id length (2 bits).
    fn stream(&mut self, kind: u8) -> Option<Option<Crypto<'a>>> {
        let id = self.uint(usize::from(kind & 0b11).saturating_add(1))?;
        let offset_len = match usize::from(kind >> 2 & 0b111) {
            0 => 0,
            bits => bits.saturating_add(1),
        };
        let offset = self.uint(offset_len)?;
        let len = if kind & 0x20 != 0 {
            usize::try_from(self.uint(2)?).ok()?
        } else {
            self.reader.len()
        };
        let piece = self.piece(offset, len)?;
        Some((id == CRYPTO_STREAM && self.layout.version < 48).then_some(piece))
    }

    fn piece(&mut self, offset: u64, len: usize) -> Option<Crypto<'a>> {
        let data = self.reader.take(len)?;
        offset
            .checked_add(len as u64)
            .filter(|end| *end < 1 << 62)?;
        let at = self
            .len
            .saturating_sub(self.reader.len())
            .saturating_sub(len);
        Some(Crypto { offset, data, at })
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.reader.take(len).map(|_| ())
    }

    /// A fixed part, then a phrase behind its length.
    fn skip_reason(&mut self, fixed: usize) -> Option<()> {
        self.skip(fixed)?;
        let len = usize::try_from(self.uint(2)?).ok()?;
        self.skip(len)
    }

    /// ACK: 01, ranges follow, unused, length of the largest number, length of a block.
    fn ack(&mut self, kind: u8) -> Option<()> {
        let lens = [1usize, 2, 4, 6];
        let largest_len = lens.get(usize::from(kind >> 2 & 0b11)).copied()?;
        let block_len = lens.get(usize::from(kind & 0b11)).copied()?;
        let ranges = kind & 0x20 != 0;
        if self.layout.version < 34 {
            // Entropy, largest, delay; times; then what is missing.
            self.skip(largest_len.saturating_add(3))?;
            self.skip_times()?;
            if ranges {
                let missing = usize::from(self.reader.u8()?);
                self.skip(missing.saturating_mul(block_len.saturating_add(1)))?;
                let revived = usize::from(self.reader.u8()?);
                self.skip(revived.saturating_mul(largest_len))?;
            }
            return Some(());
        }
        self.skip(largest_len.saturating_add(2))?;
        let blocks = if ranges {
            usize::from(self.reader.u8()?)
        } else {
            0
        };
        self.skip(block_len)?;
        self.skip(blocks.saturating_mul(block_len.saturating_add(1)))?;
        self.skip_times()
    }

    /// When packets came: a count, then five bytes for the first and three for each other.
    fn skip_times(&mut self) -> Option<()> {
        match usize::from(self.reader.u8()?) {
            0 => Some(()),
            times => self.skip(times.saturating_mul(3).saturating_add(2)),
        }
    }
}

impl<'a> Iterator for GoogleFrames<'a> {
    type Item = Result<Crypto<'a>, BadFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let padding = self.reader.rest().iter().take_while(|byte| **byte == 0);
            let padding = padding.count();
            self.reader.take(padding);
            if self.reader.is_empty() {
                return None;
            }
            match self.frame() {
                Some(Some(piece)) => return Some(Ok(piece)),
                Some(None) => {}
                None => {
                    self.reader = Reader::new(&[]);
                    return Some(Err(BadFrame));
                }
            }
        }
    }
}

//! Authorities out of HTTP/2 in clear (prior knowledge, or after an upgrade from HTTP/1).
//!
//! Enters: frames of a client, behind the preface. Leaves: header blocks, and by [`hpack::Table`]
//! the `:authority` and `host` in them. Never: keeps a header field: of the dynamic table only the
//! sizes are kept, and which entries are authorities; looks at a frame of data; allocates.
//!
//! An authority that a client wrote once and then refers to by its number is told once: what was
//! written is not kept.
//!
//! RFC 9113 sections 3.4, 4, 6.2, 6.10 and 8.3.1; RFC 7541; RFC 8441 (extended CONNECT).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

pub mod hpack;
mod huffman;
#[doc(hidden)]
pub mod oracle;
#[cfg(test)]
mod tests;

use super::reader::Reader;
use super::{Malformed, Probe};

/// Longest header block that is read, with the frames around it, in bytes.
pub const BLOCK_LEN_MAX: usize = 24 * 1024;

const HEAD_LEN: usize = 9;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// What stands at the start of a client's bytes. No `Debug` of a block: cookies and paths are in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A frame without a header block, of so many bytes; more than there are, perhaps.
    Pass(usize),
    /// A whole header block, and the bytes of the frames that hold it.
    Block(&'a [u8], usize),
}

impl std::fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pass(len) => write!(f, "Pass({len})"),
            Self::Block(block, len) => write!(f, "Block({} bytes, {len})", block.len()),
        }
    }
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    len: usize,
    /// What is there of its payload.
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let high = reader.u8()?;
        let low = reader.u16()?;
        let len = usize::from(high) << 16 | usize::from(low);
        let (kind, flags, stream) = (reader.u8()?, reader.u8()?, reader.u32()? & 0x7fff_ffff);
        let rest = reader.rest();
        Some(Self {
            kind,
            flags,
            stream,
            len,
            payload: rest.get(..len).unwrap_or(rest),
        })
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    const fn whole_len(&self) -> usize {
        self.len.saturating_add(HEAD_LEN)
    }

    fn is_whole(&self) -> bool {
        self.payload.len() == self.len
    }

    /// The block's part in a HEADERS frame: without padding and priority.
    fn fragment(&self) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.payload);
        let padding = if self.has(PADDED) { reader.u8()? } else { 0 };
        if self.has(PRIORITY) {
            reader.take(5)?;
        }
        let len = reader.len().checked_sub(usize::from(padding))?;
        reader.take(len)
    }
}

/// The frame at the start of `bytes`, a header block with all its frames. One that comes in several
/// is put together in `scratch`.
pub fn next<'a>(bytes: &'a [u8], scratch: &'a mut [u8]) -> Probe<Step<'a>> {
    let Some(frame) = Frame::read(bytes) else {
        return Probe::NeedMore;
    };
    let broken = match frame.kind {
        // Clients open streams of odd numbers; settings are for the whole connection.
        HEADERS => frame.stream % 2 == 0,
        SETTINGS => frame.stream != 0 || !frame.len.is_multiple_of(6),
        CONTINUATION => true,
        _ => false,
    };
    if broken || (frame.kind == HEADERS && frame.len > BLOCK_LEN_MAX) {
        return Probe::Malformed(Malformed::Http2Frame);
    }
    if frame.kind != HEADERS {
        return Probe::Found(Step::Pass(frame.whole_len()));
    }
    if !frame.is_whole() {
        return Probe::NeedMore;
    }
    let Some(fragment) = frame.fragment() else {
        return Probe::Malformed(Malformed::Http2Frame);
    };
    if frame.has(END_HEADERS) {
        return Probe::Found(Step::Block(fragment, frame.whole_len()));
    }
    join(bytes, &frame, fragment, scratch)
}

/// A block that goes on in CONTINUATION frames, which follow without another between.
fn join<'a>(
    bytes: &[u8],
    first: &Frame<'_>,
    fragment: &[u8],
    scratch: &'a mut [u8],
) -> Probe<Step<'a>> {
    let mut used = first.whole_len();
    let mut len = 0usize;
    let mut part = fragment;
    let mut last = false;
    loop {
        let end = len.saturating_add(part.len());
        let Some(room) = scratch.get_mut(len..end).filter(|_| used <= BLOCK_LEN_MAX) else {
            return Probe::Malformed(Malformed::Http2Frame);
        };
        room.copy_from_slice(part);
        len = end;
        if last {
            let block = scratch.get(..len).unwrap_or_default();
            return Probe::Found(Step::Block(block, used));
        }
        let Some(more) = Frame::read(bytes.get(used..).unwrap_or_default()) else {
            return Probe::NeedMore;
        };
        let follows = more.kind == CONTINUATION && more.stream == first.stream;
        if !follows || more.len > BLOCK_LEN_MAX {
            return Probe::Malformed(Malformed::Http2Frame);
        }
        if !more.is_whole() {
            return Probe::NeedMore;
        }
        used = used.saturating_add(more.whole_len());
        last = more.has(END_HEADERS);
        part = more.payload;
    }
}

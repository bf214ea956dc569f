//! TLS records (RFC 8446 section 5.1) joined into one handshake message.
//!
//! Enters: stream bytes from a record border on. Leaves: the handshake message, in place when one
//! record holds it. Never: looks inside the message beyond its type and length.

use super::hello;
use crate::names::Probe;
use crate::names::reader::Reader;

/// Content type of handshake records.
pub(super) const HANDSHAKE: u8 = 22;

/// Longest fragment that some version of TLS allows, and a little: 2^14 + 256.
const FRAGMENT_LEN_MAX: usize = 16_384 + 256;

const HEADER_LEN: usize = 5;

/// What stands at a record border.
enum Header {
    /// A handshake record whose fragment has this many bytes.
    Handshake(usize),
    /// The header is not all there; what is there fits.
    Cut,
    /// No handshake record.
    Other,
}

fn header(bytes: &[u8]) -> Header {
    let fits = |at: usize, ok: fn(u8) -> bool| bytes.get(at).is_none_or(|byte| ok(*byte));
    // TLS, or TLCP.
    let version = (fits(1, |b| b == 3) && fits(2, |b| b <= 4))
        || (fits(1, |b| b == 1) && fits(2, |b| b == 1));
    if !(fits(0, |b| b == HANDSHAKE) && version) {
        return Header::Other;
    }
    match bytes {
        [_, _, _, high, low, ..] => {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            if len <= FRAGMENT_LEN_MAX {
                Header::Handshake(len)
            } else {
                Header::Other
            }
        }
        _ => Header::Cut,
    }
}

/// See [`super::starts_hello`]; the first byte is known to be 22.
pub(super) fn starts(bytes: &[u8]) -> Probe<()> {
    let mut bytes = bytes;
    loop {
        let len = match header(bytes) {
            Header::Handshake(len) => len,
            Header::Cut => return Probe::NeedMore,
            Header::Other => return Probe::NotForUs,
        };
        let rest = bytes.get(HEADER_LEN..).unwrap_or_default();
        if len > 0 {
            let fragment = rest.get(..len.min(rest.len())).unwrap_or_default();
            return starts_message(fragment, len);
        }
        bytes = rest;
    }
}

/// The first fragment that is not empty, as far as it is there, and its length, when a handshake
/// record begins here. Never `Malformed`.
pub(crate) fn record_starts(bytes: &[u8]) -> Probe<(&[u8], usize)> {
    let mut bytes = bytes;
    loop {
        let len = match header(bytes) {
            Header::Handshake(len) => len,
            Header::Cut => return Probe::NeedMore,
            Header::Other => return Probe::NotForUs,
        };
        let rest = bytes.get(HEADER_LEN..).unwrap_or_default();
        if len > 0 {
            return Probe::Found((rest.get(..len.min(rest.len())).unwrap_or_default(), len));
        }
        bytes = rest;
    }
}

/// What comes behind the handshake bytes of [`handshake`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Perhaps more of them; or the scratch buffer is full.
    More,
    /// Another kind of record.
    Other,
}

/// The handshake bytes of the records at the head of `stream`, put together in `scratch`.
pub(crate) fn handshake<'a>(stream: &[u8], scratch: &'a mut [u8]) -> (&'a [u8], Behind) {
    let mut reader = Reader::new(stream);
    let mut have = 0usize;
    let behind = loop {
        let len = match header(reader.rest()) {
            Header::Handshake(len) => len,
            Header::Cut => break Behind::More,
            Header::Other => break Behind::Other,
        };
        reader.take(HEADER_LEN);
        let fragment = reader.take(len.min(reader.len())).unwrap_or_default();
        let until = have.saturating_add(fragment.len());
        let Some(room) = scratch.get_mut(have..until) else {
            break Behind::More;
        };
        room.copy_from_slice(fragment);
        have = until;
        if fragment.len() < len {
            break Behind::More;
        }
    };
    let scratch: &'a [u8] = scratch;
    (scratch.get(..have).unwrap_or_default(), behind)
}

/// Does a fragment of `len` bytes, of which these are there, begin a ClientHello?
fn starts_message(fragment: &[u8], len: usize) -> Probe<()> {
    match hello::message_len(fragment) {
        Probe::Found(_) => Probe::Found(()),
        // A first record of one to three bytes cannot show more.
        Probe::NeedMore if fragment.len() == len => Probe::Found(()),
        Probe::NeedMore => Probe::NeedMore,
        Probe::NotForUs | Probe::Malformed(_) => Probe::NotForUs,
    }
}

/// The handshake message as far as the records hold it.
pub(super) enum Joined<'a> {
    /// Exactly the message.
    Whole(&'a [u8]),
    /// Its beginning; the rest has not come yet, or does not fit the scratch buffer.
    Part(&'a [u8]),
    /// Its beginning; what follows is no handshake record, or the message cannot be a hello.
    Broken(&'a [u8]),
}

/// Where the joined bytes ended.
enum End {
    Whole,
    Part,
    Broken,
}

/// Joins records from the head of `stream` until the message is whole.
pub(super) fn join<'a>(stream: &'a [u8], scratch: &'a mut [u8]) -> Joined<'a> {
    let mut reader = Reader::new(stream);
    let mut have = 0usize;
    let end = loop {
        let len = match header(reader.rest()) {
            Header::Handshake(len) => len,
            Header::Cut => break End::Part,
            Header::Other => break End::Broken,
        };
        reader.take(HEADER_LEN);
        let fragment = reader.take(len.min(reader.len())).unwrap_or_default();
        let cut = fragment.len() < len;
        if have == 0 {
            match in_place(fragment) {
                Some(message) => return Joined::Whole(message),
                None if cut => return Joined::Part(fragment),
                None => {}
            }
        }
        let fit = fragment.len().min(scratch.len().saturating_sub(have));
        let until = have.saturating_add(fit);
        if let (Some(to), Some(from)) = (scratch.get_mut(have..until), fragment.get(..fit)) {
            to.copy_from_slice(from);
        }
        have = until;
        match hello::message_len(scratch.get(..have).unwrap_or_default()) {
            Probe::Found(total) if total <= have => {
                have = total;
                break End::Whole;
            }
            Probe::Found(_) | Probe::NeedMore if cut || fit < fragment.len() => break End::Part,
            Probe::Found(_) | Probe::NeedMore => {}
            Probe::NotForUs | Probe::Malformed(_) => break End::Broken,
        }
    };
    let scratch: &'a [u8] = scratch;
    let message = scratch.get(..have).unwrap_or_default();
    match end {
        End::Whole => Joined::Whole(message),
        End::Part => Joined::Part(message),
        End::Broken => Joined::Broken(message),
    }
}

/// The message, if this fragment holds all of it.
fn in_place(fragment: &[u8]) -> Option<&[u8]> {
    match hello::message_len(fragment) {
        Probe::Found(total) => fragment.get(..total),
        _ => None,
    }
}

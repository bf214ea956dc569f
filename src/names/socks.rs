//! Targets of SOCKS requests, versions 4, 4a and 5.
//!
//! Enters: a client's bytes. Leaves: the name asked for, where one is, and how many bytes of the
//! dialogue are over. Never: looks at a user name or password (they are stepped over); reads what a
//! server answers; takes an address for a name.
//!
//! RFC 1928, RFC 1929; SOCKS4 and 4a as their authors describe them.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(test)]
mod tests;

use super::Probe;
use super::http::{Host, host};
use super::reader::Reader;

/// First byte of version 4.
pub const VERSION_4: u8 = 4;
/// First byte of version 5.
pub const VERSION_5: u8 = 5;

/// Longest user id or name of version 4, in bytes.
const TEXT_LEN_MAX: usize = 255;
/// Before the user id: version, command, port, address.
const HEAD_4_LEN: usize = 8;

/// What a client of version 5 says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A name and a password, of which nothing is read.
    Password,
    /// The request; the name is there when it asks for one.
    Request(Option<Host<'a>>),
}

/// A whole request of version 4 (no name) or 4a, with its length.
pub fn version_4(bytes: &[u8]) -> Probe<(Option<Host<'_>>, usize)> {
    let fits = |at: usize, ok: fn(u8) -> bool| bytes.get(at).is_none_or(|byte| ok(*byte));
    if !(fits(0, |b| b == VERSION_4) && fits(1, |b| matches!(b, 1 | 2))) {
        return Probe::NotForUs;
    }
    let Some(address) = bytes.get(4..HEAD_4_LEN) else {
        return Probe::NeedMore;
    };
    let (id_len, rest) = match text(bytes.get(HEAD_4_LEN..).unwrap_or_default()) {
        Probe::Found((id, rest)) => (id.len(), rest),
        Probe::NeedMore => return Probe::NeedMore,
        _ => return Probe::NotForUs,
    };
    let used = HEAD_4_LEN.saturating_add(id_len).saturating_add(1);
    // 0.0.0.x: the name follows.
    if !matches!(address, [0, 0, 0, last] if *last != 0) {
        return Probe::Found((None, used));
    }
    match text(rest) {
        Probe::Found((name, _)) => {
            let used = used.saturating_add(name.len()).saturating_add(1);
            Probe::Found((bare(name), used))
        }
        Probe::NeedMore => Probe::NeedMore,
        _ => Probe::NotForUs,
    }
}

/// Printable text up to a zero byte, and what follows.
fn text(bytes: &[u8]) -> Probe<(&[u8], &[u8])> {
    let window = bytes.get(..TEXT_LEN_MAX.saturating_add(1)).unwrap_or(bytes);
    match window.iter().position(|byte| *byte < 0x20) {
        Some(end) if window.get(end) == Some(&0) => {
            let rest = bytes.get(end.saturating_add(1)..).unwrap_or_default();
            Probe::Found((window.get(..end).unwrap_or_default(), rest))
        }
        None if bytes.len() <= TEXT_LEN_MAX => Probe::NeedMore,
        _ => Probe::NotForUs,
    }
}

/// The greeting of version 5, with its length: the methods that the client can do, each once and
/// each one that exists. It says little alone; no name is taken before the request behind it.
pub fn greeting(bytes: &[u8]) -> Probe<usize> {
    if bytes.first() != Some(&VERSION_5) {
        return Probe::NotForUs;
    }
    let Some(count) = bytes.get(1) else {
        return Probe::NeedMore;
    };
    let end = usize::from(*count).saturating_add(2);
    let methods = bytes.get(2..end.min(bytes.len())).unwrap_or_default();
    // 10 to 127 are not assigned, 255 is the server's refusal.
    let exists = |method: &u8| matches!(method, 0..=9 | 0x80..=0xfe);
    let once = |(at, method): (usize, &u8)| !methods.iter().take(at).any(|it| it == method);
    let fit = methods.iter().all(exists) && methods.iter().enumerate().all(once);
    match () {
        () if *count == 0 || !fit => Probe::NotForUs,
        () if bytes.len() < end => Probe::NeedMore,
        () => Probe::Found(end),
    }
}

/// What follows the greeting of version 5, with its length.
pub fn version_5(bytes: &[u8]) -> Probe<(Step<'_>, usize)> {
    match bytes.first() {
        None => Probe::NeedMore,
        Some(1) => password(bytes),
        Some(&VERSION_5) => request(bytes),
        Some(_) => Probe::NotForUs,
    }
}

fn password(bytes: &[u8]) -> Probe<(Step<'_>, usize)> {
    let mut reader = Reader::new(bytes);
    let _version = reader.u8();
    let whole = reader.vec8().is_some() && reader.vec8().is_some();
    if whole {
        let used = bytes.len().saturating_sub(reader.len());
        Probe::Found((Step::Password, used))
    } else {
        Probe::NeedMore
    }
}

fn request(bytes: &[u8]) -> Probe<(Step<'_>, usize)> {
    let fits = |at: usize, ok: fn(u8) -> bool| bytes.get(at).is_none_or(|byte| ok(*byte));
    let sound = fits(1, |b| matches!(b, 1..=3))
        && fits(2, |b| b == 0)
        && fits(3, |b| matches!(b, 1 | 3 | 4));
    if !sound {
        return Probe::NotForUs;
    }
    let mut reader = Reader::new(bytes);
    let found = (|| {
        let head = reader.take(4)?;
        let name = match head.last()? {
            1 => reader.take(4).map(|_| None)?,
            4 => reader.take(16).map(|_| None)?,
            _ => Some(reader.vec8()?),
        };
        reader.u16()?;
        Some((head.get(1).copied(), name))
    })();
    let Some((command, name)) = found else {
        return Probe::NeedMore;
    };
    let used = bytes.len().saturating_sub(reader.len());
    // Of an association (3) it is the client's own address, if any.
    let name = name.filter(|_| command != Some(3)).and_then(bare);
    Probe::Found((Step::Request(name), used))
}

/// A name that brings no port: the port has a field of its own.
fn bare(name: &[u8]) -> Option<Host<'_>> {
    host(name).filter(|host| host.name.len() == name.len())
}

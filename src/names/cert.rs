//! The certificate that a server sends in clear, up to TLS 1.2: the names it is issued to.
//!
//! Enters: a server's side of a stream, from the record of its ServerHello on. Leaves: the
//! [`Leaf`], borrowed. Never: reads a certificate that does not stand right behind a ServerHello
//! of the same side (a client's certificate names a person); allocates; checks a signature (a
//! monitor tells what was shown, not what is true).
//!
//! RFC 5246 sections 7.4.1.3, 7.4.2; RFC 8446 section 4.1.3 (which version a ServerHello chose; a
//! HelloRetryRequest is one of 1.3); RFC 4680 (SupplementalData, which may come between); RFC 5280
//! section 4.1.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod leaf;
#[doc(hidden)]
pub mod oracle;
#[cfg(test)]
mod tests;

use super::reader::Reader;
use super::tls::{self, Behind};
use super::{Malformed, Probe};

pub use leaf::{CertName, Leaf, NAMES_MAX, Names};

/// Handshake types (IANA "TLS HandshakeType").
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SUPPLEMENTAL_DATA: u8 = 23;

/// Type and 24-bit length.
const PREAMBLE_LEN: usize = 4;
/// Shortest ServerHello: version, random, empty session id, cipher suite, compression.
const HELLO_LEN_MIN: usize = 2 + 32 + 1 + 2 + 1;
/// The extensions of a ServerHello are few: none of a real server comes near.
const HELLO_LEN_MAX: usize = 8192;

/// In a ServerHello it means TLS 1.3 or later: everything behind it is encrypted.
const SUPPORTED_VERSIONS: u16 = 43;

/// Could a server's flight begin with these first bytes of a stream or segment?
///
/// `Found`: a handshake record that begins with a ServerHello of a possible length and version, as
/// far as a short first record shows. `NeedMore`: too few bytes to say. Never `Malformed`.
pub fn starts(bytes: &[u8]) -> Probe<()> {
    match tls::record_starts(bytes) {
        Probe::Found((fragment, len)) => match begins_hello(fragment) {
            Probe::NeedMore if fragment.len() == len => Probe::Found(()),
            answer => answer,
        },
        Probe::NeedMore => Probe::NeedMore,
        _ => Probe::NotForUs,
    }
}

/// Are these the type, a possible length and a version of a ServerHello?
fn begins_hello(message: &[u8]) -> Probe<()> {
    match message {
        [kind, ..] if *kind != SERVER_HELLO => Probe::NotForUs,
        [_, high, mid, low, version_high, version_low, ..] => {
            let len = u32::from_be_bytes([0, *high, *mid, *low]) as usize;
            let version = u16::from_be_bytes([*version_high, *version_low]);
            if (HELLO_LEN_MIN..=HELLO_LEN_MAX).contains(&len) && is_version(version) {
                Probe::Found(())
            } else {
                Probe::NotForUs
            }
        }
        _ => Probe::NeedMore,
    }
}

/// The certificate of the server whose side of a stream begins with `prefix`.
///
/// `Found(None)`: it shows none in clear (TLS 1.3, a resumed session, a pre-shared key). Records
/// are put together in `scratch`, which should be as long as `prefix` can get. The first answer
/// other than `NeedMore` is final: a longer prefix gives the same.
pub fn probe<'a>(prefix: &[u8], scratch: &'a mut [u8]) -> Probe<Option<Leaf<'a>>> {
    match starts(prefix) {
        Probe::Found(()) => {}
        Probe::NeedMore => return Probe::NeedMore,
        _ => return Probe::NotForUs,
    }
    let (bytes, behind) = tls::handshake(prefix, scratch);
    match begins_hello(bytes) {
        Probe::Found(()) => {}
        Probe::NeedMore if behind == Behind::More => return Probe::NeedMore,
        _ => return Probe::NotForUs,
    }
    let mut flight = Reader::new(bytes);
    let Step::Whole(_, hello) = message(&mut flight) else {
        return rest_missing(behind);
    };
    match hides(hello) {
        Some(false) => {}
        Some(true) => return Probe::Found(None),
        None => return Probe::Malformed(Malformed::TlsCertificate),
    }
    loop {
        return match message(&mut flight) {
            Step::Whole(SUPPLEMENTAL_DATA, _) => continue,
            // Of the chain only the first is needed, so the message need not be whole.
            Step::Whole(CERTIFICATE, body) => certificate(body, body.len(), behind),
            Step::Part(CERTIFICATE, len, body) => certificate(body, len, behind),
            Step::Part(SUPPLEMENTAL_DATA, ..) | Step::Part(0, 0, []) => rest_missing(behind),
            Step::Whole(..) | Step::Part(..) => Probe::Found(None),
        };
    }
}

/// What stands at a message border.
enum Step<'a> {
    /// Type and body.
    Whole(u8, &'a [u8]),
    /// Type, length by its own field, and what is there; all 0 when not even that much is.
    Part(u8, usize, &'a [u8]),
}

fn message<'a>(flight: &mut Reader<'a>) -> Step<'a> {
    let Some(&[kind, high, mid, low]) = flight.take(PREAMBLE_LEN).and_then(|p| p.first_chunk())
    else {
        return Step::Part(0, 0, &[]);
    };
    let len = u32::from_be_bytes([0, high, mid, low]) as usize;
    match flight.take(len) {
        Some(body) => Step::Whole(kind, body),
        None => Step::Part(kind, len, flight.rest()),
    }
}

/// Nothing more of the handshake will come in clear when another record stands behind.
const fn rest_missing<T>(behind: Behind) -> Probe<Option<T>> {
    match behind {
        Behind::More => Probe::NeedMore,
        Behind::Other => Probe::Found(None),
    }
}

const fn is_version(version: u16) -> bool {
    // SSL 3.0 to TLS 1.2, which 1.3 calls itself too; drafts of 1.3; TLCP (GB/T 38636).
    matches!(version, 0x0300..=0x0304 | 0x7f00..=0x7fff | 0x0101)
}

/// Is what follows this ServerHello encrypted? `None` when it is broken.
fn hides(hello: &[u8]) -> Option<bool> {
    let mut reader = Reader::new(hello);
    let version = reader.u16()?;
    let _random = reader.take(32)?;
    let session_id = reader.vec8()?;
    if session_id.len() > 32 {
        return None;
    }
    let _cipher_and_compression = reader.take(3)?;
    if !matches!(version, 0x0300..=0x0303 | 0x0101) {
        return Some(true);
    }
    if reader.is_empty() {
        return Some(false);
    }
    let mut extensions = Reader::new(reader.vec16()?);
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        extensions.vec16()?;
        if kind == SUPPORTED_VERSIONS {
            return Some(true);
        }
    }
    Some(false)
}

/// The first certificate of a list (RFC 5246 section 7.4.2). `len`: of the whole message.
fn certificate(body: &[u8], len: usize, behind: Behind) -> Probe<Option<Leaf<'_>>> {
    let broken = Probe::Malformed(Malformed::TlsCertificate);
    let mut reader = Reader::new(body);
    let Some(list) = u24(&mut reader) else {
        return if len < 3 {
            broken
        } else {
            rest_missing(behind)
        };
    };
    if list.checked_add(3) != Some(len) {
        return broken;
    }
    if list == 0 {
        return Probe::Found(None);
    }
    let Some(first) = u24(&mut reader) else {
        return if list < 3 {
            broken
        } else {
            rest_missing(behind)
        };
    };
    if first.saturating_add(3) > list {
        return broken;
    }
    match reader.take(first) {
        Some(der) => match Leaf::read(der) {
            Some(leaf) => Probe::Found(Some(leaf)),
            None => broken,
        },
        None => rest_missing(behind),
    }
}

fn u24(reader: &mut Reader<'_>) -> Option<usize> {
    let &[high, mid, low] = reader.take(3)?.first_chunk()?;
    Some(u32::from_be_bytes([0, high, mid, low]) as usize)
}

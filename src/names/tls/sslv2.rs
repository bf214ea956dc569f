//! The ClientHello in SSL 2.0 form, which clients sent so that old servers would answer
//! (RFC 5246 appendix E.2). It has no extensions, so it never carries a name: it is read to be
//! counted as a hello without one.

use super::{Hello, Shape};
use crate::names::Probe;
use crate::names::reader::Reader;

/// Type, version and three lengths.
const FIXED_LEN: usize = 9;

/// See [`super::starts_hello`].
pub(super) fn starts(bytes: &[u8]) -> Probe<()> {
    let fits = |at: usize, ok: fn(u8) -> bool| bytes.get(at).is_none_or(|byte| ok(*byte));
    // The top bit says that the header has two bytes; then the message type.
    if !(fits(0, |b| b & 0x80 != 0) && fits(2, |b| b == 1) && fits(3, |b| b == 3 || b == 0)) {
        return Probe::NotForUs;
    }
    let mut reader = Reader::new(bytes);
    match fixed_part(&mut reader) {
        None => Probe::NeedMore,
        Some(true) => Probe::Found(()),
        Some(false) => Probe::NotForUs,
    }
}

/// Are the fixed fields possible? `None` when they are not all there.
fn fixed_part(reader: &mut Reader<'_>) -> Option<bool> {
    let record = usize::from(reader.u16()? & 0x7fff);
    let _message_type = reader.u8()?;
    let version = reader.u16()?;
    let ciphers = usize::from(reader.u16()?);
    let session = usize::from(reader.u16()?);
    let challenge = usize::from(reader.u16()?);
    let total = FIXED_LEN
        .saturating_add(ciphers)
        .saturating_add(session)
        .saturating_add(challenge);
    Some(
        matches!(version, 0x0002 | 0x0300..=0x0304)
            && total == record
            && ciphers > 0
            && ciphers.is_multiple_of(3)
            && (session == 0 || session == 16)
            && (16..=32).contains(&challenge),
    )
}

/// The hello; [`starts`] has said `Found`.
pub(super) fn parse(prefix: &[u8]) -> Probe<Hello<'_>> {
    let mut reader = Reader::new(prefix);
    let Some(header) = reader.u16() else {
        return Probe::NeedMore;
    };
    match reader.take(usize::from(header & 0x7fff)) {
        None => Probe::NeedMore,
        Some(message) => Probe::Found(Hello {
            sni: None,
            ech: false,
            offer: None,
            message,
            alpn: None,
            shape: Shape::Whole,
        }),
    }
}

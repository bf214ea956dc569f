//! The server name of a TLS ClientHello.
//!
//! Enters: the in-order prefix of a stream, from the first byte of the first record on; or a bare
//! handshake message (as QUIC carries it). Leaves: [`Hello`], borrowed. Never: allocates, copies a
//! message that lies within one record, gives a name that the bytes do not hold.
//!
//! What is lenient, and why: a monitor has to tell what the client asked for, even where a strict
//! server would hang up. So the first name wins; whatever is broken behind it is told by
//! [`Shape::Damaged`]. Records of length zero are skipped (RFC 8446 section 5.1 forbids them for
//! handshake data, servers differ), a record of another type inside the hello is an error.
//!
//! The version 1.1 is that of TLCP (GB/T 38636, China's national TLS), whose hello is the same.
//!
//! RFC 8446 sections 4, 4.1.2, 5.1; RFC 6066 section 3; RFC 7301 (ALPN); RFC 8701 (GREASE);
//! RFC 9849 (ECH); RFC 5246 appendix E.2 (the hello in SSL 2.0 form).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod hello;
mod prelude;
#[doc(hidden)]
pub mod oracle;
mod records;
mod sslv2;

use super::ech::Offer;
use super::{Malformed, Probe};

pub(crate) use hello::{Outline, grease, message_len};
pub use hello::{parse_hello, peek_hello};
pub use prelude::prelude;
pub(crate) use records::{Behind, handshake, record_starts};

use records::Joined;

/// Longest server_name that is taken, in bytes: what DNS can carry (RFC 1035 section 2.3.4).
pub const SNI_LEN_MAX: usize = 255;

/// What a ClientHello tells. No `Debug`: the name may be one that matches nothing.
#[derive(Clone, Copy)]
pub struct Hello<'a> {
    /// First `host_name` of the server_name extension, as sent: any case, perhaps an address or a
    /// trailing dot. `None` when the extension is absent, or its list or the name is empty.
    pub sni: Option<&'a [u8]>,
    /// Is extension 65037 (encrypted_client_hello) there? It says little alone: see
    /// [`super::ech`].
    pub ech: bool,
    /// What that extension offers, when it is there.
    pub offer: Option<Offer>,
    /// The handshake message: type, 24-bit length, body. (Of a hello in SSL 2.0 form: its record
    /// without the two length bytes.) Cut where the bytes end for [`Shape::Cut`].
    pub message: &'a [u8],
    /// First application protocol that is not GREASE.
    pub alpn: Option<&'a [u8]>,
    /// Was it all there, and sound?
    pub shape: Shape,
}

/// How much a [`Hello`] can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Complete, and its lengths agree.
    Whole,
    /// The name was read, but something else in the hello is broken or stands there twice.
    Damaged,
    /// The end is missing; only [`peek_sni`] and [`peek_hello`] give this.
    Cut,
}

/// Could a ClientHello begin with these first bytes of a stream or segment?
///
/// `Found`: record header (type 22, version 3.0 to 3.4 or 1.1, length up to 2^14 + 256), handshake type 1
/// and a possible length; or the whole fixed part of an SSL 2.0 hello. `NeedMore`: too few bytes
/// to say, and all of them fit. Never `Malformed`.
pub fn starts_hello(bytes: &[u8]) -> Probe<()> {
    match bytes.first() {
        None => Probe::NeedMore,
        Some(&records::HANDSHAKE) => records::starts(bytes),
        Some(_) => sslv2::starts(bytes),
    }
}

/// The ClientHello at the head of a stream.
///
/// `prefix`: the stream from where the first record begins. A message in several records is put
/// together in `scratch`, which should be as long as `prefix` can get: a hello that does not fit
/// stays `NeedMore`. The first answer other than `NeedMore` is final: a longer prefix gives the
/// same.
pub fn probe<'a>(prefix: &'a [u8], scratch: &'a mut [u8]) -> Probe<Hello<'a>> {
    match starts_hello(prefix) {
        Probe::Found(()) => {}
        Probe::NeedMore => return Probe::NeedMore,
        Probe::NotForUs => return Probe::NotForUs,
        Probe::Malformed(why) => return Probe::Malformed(why),
    }
    if prefix.first() != Some(&records::HANDSHAKE) {
        return sslv2::parse(prefix);
    }
    match records::join(prefix, scratch) {
        Joined::Whole(message) => parse_hello(message),
        Joined::Part(_) => Probe::NeedMore,
        Joined::Broken(part) => match peek_hello(part) {
            Some(hello) => Probe::Found(Hello {
                shape: Shape::Damaged,
                ..hello
            }),
            None => Probe::Malformed(Malformed::TlsRecord),
        },
    }
}

/// The name out of a stream whose hello never became whole (cut capture, lost segment).
///
/// `Some` only when the server_name extension lies complete in `prefix` and no length seen so far
/// contradicts another; `ech` and `alpn` then tell what stood before the cut.
pub fn peek_sni<'a>(prefix: &'a [u8], scratch: &'a mut [u8]) -> Option<Hello<'a>> {
    if prefix.first() != Some(&records::HANDSHAKE) || starts_hello(prefix) != Probe::Found(()) {
        return None;
    }
    match records::join(prefix, scratch) {
        Joined::Whole(message) | Joined::Part(message) | Joined::Broken(message) => {
            peek_hello(message)
        }
    }
}

#[cfg(test)]
mod tests;

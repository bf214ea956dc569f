//! JA4: a fingerprint of the software that sent a ClientHello, by FoxIO's published definition
//! (github.com/FoxIO-LLC/ja4, `technical_details/JA4.md`; JA4 itself is under BSD 3-Clause).
//!
//! Enters: the handshake message of a hit. Leaves: [`Ja4`], 36 characters on the stack. Never:
//! allocates; computed for frames that did not match; any other member of the JA4+ family, which
//! carries another licence.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use ring::digest;

use super::reader::Reader;
use super::tls::{Outline, grease};
use crate::base::Seen;

/// Characters of a fingerprint: ten, two hashes of twelve, two underscores.
const LEN: usize = 36;

/// Most cipher suites or extensions that are sorted; clients send some twenty.
const LIST_LEN_MAX: usize = 512;

const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// A fingerprint, e.g. `t13d1516h2_8daaf6152771_e5627efa2ab1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ja4([u8; LEN]);

impl Ja4 {
    /// The 36 characters.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever written; see `Text`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The fingerprint of a handshake message as [`super::tls::Hello::message`] holds it.
///
/// `None`: the message is no whole ClientHello in TLS form, or has more than 512 cipher suites or
/// extensions.
pub fn client(message: &[u8], quic: bool) -> Option<Ja4> {
    fingerprint(message, if quic { b"q" } else { b"t" })
}

/// The fingerprint of a hello seen this way; as [`client`], and `d` for DTLS. `None` also for
/// Google's own handshake, which has no ClientHello.
pub fn of(message: &[u8], seen: Seen) -> Option<Ja4> {
    if message.starts_with(b"CHLO") {
        return None;
    }
    match seen {
        Seen::TlsSni => fingerprint(message, b"t"),
        Seen::QuicSni => fingerprint(message, b"q"),
        Seen::DtlsSni => fingerprint(message, b"d"),
        _ => None,
    }
}

fn fingerprint(message: &[u8], carrier: &[u8; 1]) -> Option<Ja4> {
    let outline = Outline::of(message)?;
    let mut ciphers = Sorted::new();
    for suite in values(outline.cipher_suites) {
        ciphers.push(suite)?;
    }
    let mut facts = Facts::new(outline.version);
    let mut walk = outline.extensions;
    for (kind, body) in walk.by_ref() {
        facts.note(kind, body)?;
    }
    if !walk.done() {
        return None;
    }

    let mut text = Text::new();
    text.put(carrier);
    text.put(version_code(facts.version));
    text.put(if facts.named { b"d" } else { b"i" });
    text.put(&two_digits(ciphers.len));
    text.put(&two_digits(facts.extension_count));
    text.put(&alpn_code(facts.alpn));
    text.put(b"_");
    text.put(&hash12(ciphers.sorted(), &[]));
    text.put(b"_");
    text.put(&hash12(facts.extensions.sorted(), facts.signatures));
    Some(Ja4(text.bytes))
}

/// The 16-bit values of a list that are not GREASE.
fn values(list: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let (pairs, _odd) = list.as_chunks::<2>();
    pairs
        .iter()
        .map(|pair| u16::from_be_bytes(*pair))
        .filter(|value| !grease(*value))
}

/// What the extensions contribute.
struct Facts<'a> {
    version: u16,
    versions_seen: bool,
    named: bool,
    alpn: &'a [u8],
    alpn_seen: bool,
    signatures: &'a [u8],
    /// Without GREASE, with server_name and ALPN.
    extension_count: usize,
    /// Without all three.
    extensions: Sorted,
}

impl<'a> Facts<'a> {
    const fn new(legacy_version: u16) -> Self {
        Self {
            version: legacy_version,
            versions_seen: false,
            named: false,
            alpn: &[],
            alpn_seen: false,
            signatures: &[],
            extension_count: 0,
            extensions: Sorted::new(),
        }
    }

    fn note(&mut self, kind: u16, body: &'a [u8]) -> Option<()> {
        if grease(kind) {
            return Some(());
        }
        self.extension_count = self.extension_count.saturating_add(1);
        let mut reader = Reader::new(body);
        match kind {
            SERVER_NAME => {
                self.named = true;
                return Some(());
            }
            ALPN => {
                if !self.alpn_seen {
                    self.alpn_seen = true;
                    self.alpn = first_protocol(body);
                }
                return Some(());
            }
            SIGNATURE_ALGORITHMS if self.signatures.is_empty() => {
                self.signatures = reader.vec16().unwrap_or_default();
            }
            SUPPORTED_VERSIONS if !self.versions_seen => {
                self.versions_seen = true;
                let list = reader.vec8().unwrap_or_default();
                // DTLS counts its versions downwards: 0xfefd is 1.2, 0xfefc is 1.3.
                let newest = |version: &u16| match *version {
                    0xfe00.. => 0x1_0000u32.wrapping_sub(u32::from(*version)),
                    version => u32::from(version),
                };
                self.version = values(list).max_by_key(newest).unwrap_or_default();
            }
            _ => {}
        }
        self.extensions.push(kind)
    }
}

/// The first protocol; GREASE is ignored here as everywhere.
fn first_protocol(body: &[u8]) -> &[u8] {
    let mut list = Reader::new(Reader::new(body).vec16().unwrap_or_default());
    while let Some(protocol) = list.vec8() {
        match *protocol {
            [a, b] if grease(u16::from_be_bytes([a, b])) => {}
            _ => return protocol,
        }
    }
    &[]
}

/// A bounded list that is sorted in the end.
struct Sorted {
    len: usize,
    values: [u16; LIST_LEN_MAX],
}

impl Sorted {
    const fn new() -> Self {
        Self {
            len: 0,
            values: [0; LIST_LEN_MAX],
        }
    }

    fn push(&mut self, value: u16) -> Option<()> {
        *self.values.get_mut(self.len)? = value;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    fn sorted(&mut self) -> &[u16] {
        let values = self.values.get_mut(..self.len).unwrap_or_default();
        values.sort_unstable();
        values
    }
}

/// The text as it grows.
struct Text {
    at: usize,
    bytes: [u8; LEN],
}

impl Text {
    const fn new() -> Self {
        Self {
            at: 0,
            bytes: [b'0'; LEN],
        }
    }

    fn put(&mut self, piece: &[u8]) {
        let end = self.at.saturating_add(piece.len());
        if let Some(slot) = self.bytes.get_mut(self.at..end) {
            slot.copy_from_slice(piece);
        }
        self.at = end;
    }
}

const fn version_code(version: u16) -> &'static [u8; 2] {
    match version {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    }
}

fn two_digits(count: usize) -> [u8; 2] {
    let count = count.min(99) as u8;
    [
        b'0'.saturating_add(count.wrapping_div(10)),
        b'0'.saturating_add(count.wrapping_rem(10)),
    ]
}

/// First and last character of the first protocol; of its hexadecimal form when either is no
/// letter or digit; `00` without one.
fn alpn_code(protocol: &[u8]) -> [u8; 2] {
    match (protocol.first(), protocol.last()) {
        (Some(first), Some(last))
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() =>
        {
            [*first, *last]
        }
        (Some(first), Some(last)) => [hex_digit(first >> 4), hex_digit(last & 0x0f)],
        _ => *b"00",
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0'.saturating_add(nibble),
        _ => b'a'.saturating_sub(10).saturating_add(nibble),
    }
}

const fn hex4(value: u16) -> [u8; 4] {
    let [high, low] = value.to_be_bytes();
    [
        hex_digit(high >> 4),
        hex_digit(high & 0x0f),
        hex_digit(low >> 4),
        hex_digit(low & 0x0f),
    ]
}

/// First twelve hex digits of SHA-256 over `list`, and `_` and `appendix` when that has values;
/// twelve zeros for an empty list.
fn hash12(list: &[u16], appendix: &[u8]) -> [u8; 12] {
    let mut out = [b'0'; 12];
    if list.is_empty() {
        return out;
    }
    let mut context = digest::Context::new(&digest::SHA256);
    feed(&mut context, list.iter().copied(), b"");
    feed(&mut context, values(appendix), b"_");
    let sum = context.finish();
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(sum.as_ref()) {
        *pair = [hex_digit(byte >> 4), hex_digit(byte & 0x0f)];
    }
    out
}

fn feed(context: &mut digest::Context, values: impl Iterator<Item = u16>, before: &[u8]) {
    let mut separator = before;
    for value in values {
        context.update(separator);
        context.update(&hex4(value));
        separator = b",";
    }
}

#[cfg(test)]
mod tests;

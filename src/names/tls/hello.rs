//! The handshake message: type, length, body, extensions.
//!
//! Enters: the message, or its beginning. Leaves: [`Hello`]. RFC 8446 section 4.1.2.

use super::{Hello, SNI_LEN_MAX, Shape};
use crate::names::ech::Offer;
use crate::names::reader::Reader;
use crate::names::{Malformed, Probe};

const CLIENT_HELLO: u8 = 1;

/// Type and 24-bit length.
const PREAMBLE_LEN: usize = 4;

/// Shortest body: version, random, and three empty vectors.
const BODY_LEN_MIN: usize = 2 + 32 + 1 + 2 + 1;

/// Longest body: every vector as long as its length field can say.
const BODY_LEN_MAX: usize = 2 + 32 + (1 + 255) + (2 + 65_535) + (1 + 255) + (2 + 65_535);

/// Extension types that are read (IANA "TLS ExtensionType Values").
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPTED_CLIENT_HELLO: u16 = 65_037;

/// Is this one of the sixteen values 0x0a0a, 0x1a1a, ... 0xfafa (RFC 8701 section 2)?
pub(crate) const fn grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// Bytes of the whole message, preamble included. Sees only the preamble; `Malformed` when no
/// ClientHello has that length.
pub(crate) fn message_len(start: &[u8]) -> Probe<usize> {
    match start {
        [] => Probe::NeedMore,
        [first, ..] if *first != CLIENT_HELLO => Probe::NotForUs,
        [_, high, mid, low, ..] => {
            let body = u32::from_be_bytes([0, *high, *mid, *low]) as usize;
            if (BODY_LEN_MIN..=BODY_LEN_MAX).contains(&body) {
                Probe::Found(body.saturating_add(PREAMBLE_LEN))
            } else {
                Probe::Malformed(Malformed::TlsHello)
            }
        }
        _ => Probe::NeedMore,
    }
}

/// Reads a handshake message without records, as QUIC carries it; bytes behind it are left alone.
///
/// `NotForUs`: another handshake message. `Malformed`: a hello whose lengths contradict each
/// other before a name was read ([`Malformed::TlsHello`]), or a server_name extension that is
/// broken or too long ([`Malformed::TlsServerName`]).
pub fn parse_hello(message: &[u8]) -> Probe<Hello<'_>> {
    let total = match message_len(message) {
        Probe::Found(total) => total,
        Probe::NeedMore => return Probe::NeedMore,
        Probe::NotForUs => return Probe::NotForUs,
        Probe::Malformed(why) => return Probe::Malformed(why),
    };
    let Some(message) = message.get(..total) else {
        return Probe::NeedMore;
    };
    let Some(outline) = Outline::of(message) else {
        return Probe::Malformed(Malformed::TlsHello);
    };
    let walk = match walk(&outline) {
        Ok(walk) => walk,
        Err(why) => return Probe::Malformed(why),
    };
    let sound = walk.sound && outline.extensions_len == outline.extensions_room;
    if !sound && walk.sni.is_none() {
        return Probe::Malformed(Malformed::TlsHello);
    }
    let shape = if sound { Shape::Whole } else { Shape::Damaged };
    Probe::Found(walk.hello(message, shape))
}

/// The name out of the beginning of a handshake message. `Some` only when the server_name
/// extension is complete and no length seen so far contradicts another.
pub fn peek_hello(start: &[u8]) -> Option<Hello<'_>> {
    let Probe::Found(total) = message_len(start) else {
        return None;
    };
    let message = start.get(..total.min(start.len()))?;
    let missing = total.saturating_sub(message.len());
    let outline = Outline::of(message)?;
    if outline.extensions_len != outline.extensions_room.saturating_add(missing) {
        return None;
    }
    let walk = walk(&outline).ok()?;
    walk.sni?;
    Some(walk.hello(message, Shape::Cut))
}

/// The fields of a ClientHello that somebody reads, up to its extensions.
pub(crate) struct Outline<'a> {
    /// legacy_version.
    pub(crate) version: u16,
    /// Two bytes each.
    pub(crate) cipher_suites: &'a [u8],
    /// The extension block, as far as it is there.
    pub(crate) extensions: Extensions<'a>,
    /// Length of the extension block by its own field.
    extensions_len: usize,
    /// Bytes that the message has for it.
    extensions_room: usize,
}

impl<'a> Outline<'a> {
    /// `None` when the message ends, or a vector runs past its end, before the extensions.
    pub(crate) fn of(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        reader.take(PREAMBLE_LEN)?;
        let version = reader.u16()?;
        let _random = reader.take(32)?;
        let _session_id = reader.vec8()?;
        let cipher_suites = reader.vec16()?;
        let _compression = reader.vec8()?;
        // A hello of SSL 3.0 to TLS 1.1 may end here.
        let extensions_len = match reader.u16() {
            Some(len) => usize::from(len),
            None if reader.is_empty() => 0,
            None => return None,
        };
        let room = reader.rest();
        let block = room.get(..extensions_len.min(room.len()))?;
        Some(Self {
            version,
            cipher_suites,
            extensions: Extensions(Reader::new(block)),
            extensions_len,
            extensions_room: room.len(),
        })
    }
}

/// Walks an extension block; ends at its end or before the first extension that is not all there.
#[derive(Clone, Copy)]
pub(crate) struct Extensions<'a>(Reader<'a>);

impl Extensions<'_> {
    /// Has the walk come to the very end?
    pub(crate) const fn done(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut ahead = self.0;
        let kind = ahead.u16()?;
        let body = ahead.vec16()?;
        self.0 = ahead;
        Some((kind, body))
    }
}

/// What the extensions say.
struct Walk<'a> {
    sni: Option<&'a [u8]>,
    offer: Option<Offer>,
    alpn: Option<&'a [u8]>,
    sound: bool,
}

impl<'a> Walk<'a> {
    const fn hello(&self, message: &'a [u8], shape: Shape) -> Hello<'a> {
        Hello {
            sni: self.sni,
            ech: self.offer.is_some(),
            offer: self.offer,
            message,
            alpn: self.alpn,
            shape,
        }
    }
}

fn walk<'a>(outline: &Outline<'a>) -> Result<Walk<'a>, Malformed> {
    let mut walk = Walk {
        sni: None,
        offer: None,
        alpn: None,
        sound: true,
    };
    let (mut names_seen, mut alpn_seen) = (false, false);
    let mut extensions = outline.extensions;
    for (kind, body) in extensions.by_ref() {
        match kind {
            // A second list is forbidden (RFC 8446 section 4.2); servers refuse, so the first
            // one is what the client asked for.
            SERVER_NAME if names_seen => walk.sound = false,
            SERVER_NAME => {
                names_seen = true;
                let list = server_name(body).ok_or(Malformed::TlsServerName)?;
                walk.sni = list.host_name;
                walk.sound &= list.sound;
            }
            ALPN if !alpn_seen => {
                alpn_seen = true;
                walk.alpn = first_protocol(body);
            }
            ENCRYPTED_CLIENT_HELLO => walk.offer = Some(Offer::read(body)),
            _ => {}
        }
    }
    walk.sound &= extensions.done() || outline.extensions_room < outline.extensions_len;
    Ok(walk)
}

/// A server_name list (RFC 6066 section 3).
struct ServerName<'a> {
    host_name: Option<&'a [u8]>,
    sound: bool,
}

/// `None`: broken before a host_name was read, or a host_name longer than [`SNI_LEN_MAX`].
fn server_name(body: &[u8]) -> Option<ServerName<'_>> {
    let mut name = ServerName {
        host_name: None,
        sound: true,
    };
    if body.is_empty() {
        return Some(name);
    }
    let mut reader = Reader::new(body);
    let mut list = Reader::new(reader.vec16()?);
    name.sound = reader.is_empty();
    while !list.is_empty() {
        // Every kind of name begins with a two-byte length, host_name (0) or not.
        let kind = list.u8()?;
        let entry = list.vec16()?;
        if kind == 0 {
            if entry.len() > SNI_LEN_MAX {
                return None;
            }
            name.host_name = Some(entry).filter(|entry| !entry.is_empty());
            break;
        }
    }
    Some(name)
}

/// First entry of a ProtocolNameList (RFC 7301 section 3.1) that is not GREASE.
fn first_protocol(body: &[u8]) -> Option<&[u8]> {
    let mut list = Reader::new(Reader::new(body).vec16()?);
    loop {
        let protocol = list.vec8()?;
        match *protocol {
            [a, b] if grease(u16::from_be_bytes([a, b])) => {}
            _ => return Some(protocol),
        }
    }
}

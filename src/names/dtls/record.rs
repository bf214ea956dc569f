//! Records and handshake fragments (RFC 6347 sections 4.1 and 4.2.2).
//!
//! Enters: a datagram. Leaves: [`Class`]; the fragments of its handshake messages, each with its
//! place. Never: looks into a record that is encrypted.

use super::FIRST_BYTE;
use crate::names::reader::Reader;

/// Longest fragment of a record in clear (RFC 6347 section 4.1).
const RECORD_LEN_MAX: usize = 1 << 14;
/// Longest ClientHello body: TLS's vectors, and a cookie.
const BODY_LEN_MAX: u32 = 2 + 32 + 256 + 256 + 65_537 + 256 + 65_537;
/// Shortest: version, random, and four empty vectors.
const BODY_LEN_MIN: u32 = 2 + 32 + 1 + 1 + 2 + 1;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;

/// What a datagram is, by its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Of a ClientHello.
    Client {
        /// The client's random value, when the fragment begins with the message: the same in each
        /// hello of one connection (RFC 6347 section 4.2.1, RFC 8446 section 4.1.2).
        random: Option<[u8; 32]>,
    },
    /// ServerHello, HelloVerifyRequest.
    Server,
    /// Something else, an encrypted record included.
    NotDtls,
}

/// Is this the version of a record or hello: 1.0, 1.2, 1.3, or OpenSSL's of before the standard?
const fn is_version(version: u16) -> bool {
    matches!(version, 0xfeff | 0xfefd | 0xfefc | 0x0100)
}

/// Classifies one UDP payload, on any port. `wire_len`: its length on the wire, which a capture
/// may have cut.
pub fn classify(datagram: &[u8], wire_len: usize) -> Class {
    if datagram.first() != Some(&FIRST_BYTE) {
        return Class::NotDtls;
    }
    let mut records = Records::new(datagram, wire_len);
    let mut first = None;
    // All of it has to agree.
    while let Some(mut fragments) = records.next() {
        for fragment in fragments.by_ref() {
            first = first.or(Some(fragment));
        }
        records.agree &= fragments.agree;
    }
    let Some(fragment) = first.filter(|_| records.agree) else {
        return Class::NotDtls;
    };
    match fragment.kind {
        CLIENT_HELLO if fragment.is_possible_hello() => Class::Client {
            random: fragment.random(),
        },
        SERVER_HELLO | HELLO_VERIFY_REQUEST if fragment.is_possible_answer() => Class::Server,
        _ => Class::NotDtls,
    }
}

/// Where in a datagram its ClientHello ends, when the first fragment is all of it (RFC 6347
/// section 4.2.2: a record's header, then type, length, number, offset and length of the fragment).
pub fn hello_len(datagram: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(datagram);
    reader.take(13)?;
    let kind = reader.u8()?;
    let len = reader.take(3)?;
    reader.take(2)?;
    let (offset, part) = (reader.take(3)?, reader.take(3)?);
    if kind != CLIENT_HELLO || offset != [0; 3] || part != len {
        return None;
    }
    let [high, mid, low] = *len.first_chunk::<3>()?;
    reader.take(u32::from_be_bytes([0, high, mid, low]) as usize)?;
    datagram.len().checked_sub(reader.len())
}

/// The handshake records of a datagram under epoch 0; ends before the first that is none.
pub(super) struct Records<'a> {
    reader: Reader<'a>,
    /// Bytes on the wire from where the reader stands.
    wire_len: usize,
    /// Did every length fit so far?
    agree: bool,
}

impl<'a> Records<'a> {
    pub(super) const fn new(datagram: &'a [u8], wire_len: usize) -> Self {
        Self {
            reader: Reader::new(datagram),
            wire_len,
            agree: true,
        }
    }

    /// `None`: broken.
    fn record(&mut self) -> Option<Option<Fragments<'a>>> {
        let before = self.reader.len();
        let kind = self.reader.u8().filter(|kind| matches!(kind, 20..=26))?;
        let _version = self.reader.u16().filter(|version| is_version(*version))?;
        let epoch = self.reader.u16()?;
        // The first two of the sequence number's six bytes: no first flight is so long.
        let far = self.reader.u16()?;
        let _sequence = self.reader.u32()?;
        let len = usize::from(self.reader.u16()?);
        let header_len = before.saturating_sub(self.reader.len());
        let wire_len = header_len.saturating_add(len);
        self.wire_len = self.wire_len.checked_sub(wire_len)?;
        let body = match self.reader.take(len) {
            Some(body) => body,
            // Cut by the capture.
            None => self.reader.take(self.reader.len())?,
        };
        if epoch != 0 || kind != FIRST_BYTE {
            return Some(None);
        }
        (far == 0 && (1..=RECORD_LEN_MAX).contains(&len)).then_some(Some(Fragments {
            reader: Reader::new(body),
            wire_len: len,
            agree: true,
        }))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Fragments<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.reader.is_empty() {
            match self.record() {
                Some(Some(record)) => return Some(record),
                Some(None) => {}
                None => {
                    self.agree = false;
                    self.reader = Reader::new(&[]);
                }
            }
        }
        None
    }
}

/// The fragments in one record; ends before the first whose lengths are impossible.
pub(super) struct Fragments<'a> {
    reader: Reader<'a>,
    wire_len: usize,
    /// Did every length fit so far?
    agree: bool,
}

/// A piece of a handshake message.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    kind: u8,
    /// Length of the message, without any header.
    pub(super) total: u32,
    /// Number of the message in its direction.
    pub(super) sequence: u16,
    /// Its place in the message.
    pub(super) offset: u32,
    /// Its length on the wire.
    len: u32,
    /// As far as it was captured.
    pub(super) data: &'a [u8],
}

fn u24(reader: &mut Reader<'_>) -> Option<u32> {
    let high = reader.u8()?;
    let low = reader.u16()?;
    Some(u32::from(high) << 16 | u32::from(low))
}

impl<'a> Fragments<'a> {
    fn fragment(&mut self) -> Option<Fragment<'a>> {
        let before = self.reader.len();
        let kind = self.reader.u8()?;
        let total = u24(&mut self.reader)?;
        let sequence = self.reader.u16()?;
        let offset = u24(&mut self.reader)?;
        let len = u24(&mut self.reader)?;
        if offset.checked_add(len)? > total {
            return None;
        }
        let header_len = before.saturating_sub(self.reader.len());
        let wire_len = header_len.checked_add(usize::try_from(len).ok()?)?;
        self.wire_len = self.wire_len.checked_sub(wire_len)?;
        let whole = self.reader.take(usize::try_from(len).ok()?);
        let data = match whole {
            Some(data) => data,
            None => self.reader.take(self.reader.len())?,
        };
        Some(Fragment {
            kind,
            total,
            sequence,
            offset,
            len,
            data,
        })
    }
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Fragment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let fragment = self.fragment();
        if fragment.is_none() {
            self.agree = false;
            self.reader = Reader::new(&[]);
        }
        fragment
    }
}

impl Fragment<'_> {
    /// Can it be of a ClientHello? The length, and where the fragment begins with the message, its
    /// version and session id.
    pub(super) fn is_possible_hello(&self) -> bool {
        if self.kind != CLIENT_HELLO || !(BODY_LEN_MIN..=BODY_LEN_MAX).contains(&self.total) {
            return false;
        }
        // A client begins with message 0; a second hello answers the server's request.
        if self.sequence > 1 || self.len == 0 {
            return false;
        }
        self.offset != 0 || self.begins_like_a_hello()
    }

    /// Version and session id, as far as they are there.
    fn begins_like_a_hello(&self) -> bool {
        let mut reader = Reader::new(self.data);
        let version = reader.u16().is_none_or(is_version);
        version && (reader.take(32).is_none() || reader.u8().is_none_or(|len| len <= 32))
    }

    fn is_possible_answer(&self) -> bool {
        // A HelloVerifyRequest: version, cookie. A ServerHello: as a client's, up to the session id.
        let lens = match self.kind {
            HELLO_VERIFY_REQUEST => 3..=2 + 1 + 255,
            _ => 2 + 32 + 1 + 2 + 1..=RECORD_LEN_MAX as u32,
        };
        lens.contains(&self.total)
            && self.sequence <= 1
            && self.offset == 0
            && match self.kind {
                HELLO_VERIFY_REQUEST => {
                    let mut reader = Reader::new(self.data);
                    reader.u16().is_some_and(is_version)
                        && reader
                            .u8()
                            .is_some_and(|len| u32::from(len).saturating_add(3) == self.total)
                }
                _ => self.data.len() >= 3 && self.begins_like_a_hello(),
            }
    }

    fn random(&self) -> Option<[u8; 32]> {
        let bytes = self.data.get(2..34).filter(|_| self.offset == 0)?;
        bytes.try_into().ok()
    }
}

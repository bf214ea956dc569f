//! Long headers (RFC 8999 section 5.1, RFC 9000 section 17.2), and what [`google`] has instead.
//!
//! Enters: a datagram, or what is left of it. Leaves: [`Class`], [`Long`]. Never: touches what is
//! protected, beyond the type bits.

use super::CLIENT_DATAGRAM_LEN_MIN;
use super::google::{self, Clear, Public};
use super::keys::Version;
use crate::names::reader::Reader;

/// Longest connection id of the versions whose headers are read (RFC 9000 section 17.2).
pub(super) const CID_LEN_MAX: usize = 20;

/// Shortest destination id that a client may invent (RFC 9000 section 7.2).
pub(super) const CLIENT_CID_LEN_MIN: usize = 8;

/// Packet number and payload of the shortest packet that has a whole header protection sample
/// (RFC 9001 section 5.4.2): four bytes and the tag.
const PROTECTED_LEN_MIN: usize = 4 + 16;

/// Retry integrity tag (RFC 9001 section 5.8).
const RETRY_TAG_LEN: usize = 16;

/// What a datagram is, by its first packet. Nothing is decrypted, so `Initial` may still be a
/// forgery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An Initial packet of a version that can be read.
    Initial {
        /// As it stands in the header.
        version: u32,
        /// Does it carry a token (after a Retry, or of an earlier connection)?
        token: bool,
    },
    /// 0-RTT or Handshake of such a version.
    OtherLong {
        /// As it stands in the header.
        version: u32,
    },
    /// A server asks for a new attempt with its token.
    Retry,
    /// A server lists the versions it knows, one of which is known here.
    VersionNegotiation,
    /// A version that somebody has assigned but whose Initial keys are not known here.
    UnknownVersion(u32),
    /// Something else, a short header included.
    NotQuic,
}

/// Could [`classify`] say anything but [`Class::NotQuic`] of a payload with this head? Asked of every
/// datagram: a short header, or a version that nobody has assigned (RTP has one where its sequence
/// number and time are), says no at once.
#[inline(always)]
pub fn may_begin(head: &[u8; 20]) -> bool {
    let [first, v0, v1, v2, v3, ..] = *head;
    if first < 0x80 {
        return google::may_begin(first);
    }
    let version = u32::from_be_bytes([v0, v1, v2, v3]);
    version <= 1 || may_be_version(version)
}

#[inline(never)]
fn may_be_version(version: u32) -> bool {
    Version::of(version).is_some() || assigned(version)
}

/// Classifies one UDP payload, on any port. Lenient about a payload that the capture cut, strict
/// about everything that a look-alike would have to guess: the version above all.
pub fn classify(datagram: &[u8]) -> Class {
    match datagram.first() {
        Some(0x80..) => long(datagram),
        Some(first) if google::may_begin(*first) => match google::classify(datagram) {
            Public::Packet(version) if Clear::read(datagram).is_some() => Class::Initial {
                version,
                token: false,
            },
            Public::Versions => Class::VersionNegotiation,
            _ => Class::NotQuic,
        },
        _ => Class::NotQuic,
    }
}

fn long(datagram: &[u8]) -> Class {
    let Some(start) = Start::read(datagram) else {
        return Class::NotQuic;
    };
    if google::in_long_header(start.version) {
        let version = start.version;
        return match Clear::read(datagram) {
            Some(_) => Class::Initial {
                version,
                token: false,
            },
            None => Class::OtherLong { version },
        };
    }
    if start.version == 0 {
        return if lists_known_version(start.rest) {
            Class::VersionNegotiation
        } else {
            Class::NotQuic
        };
    }
    if let Some(version) = Version::of(start.version) {
        return match Long::read(&start, version, datagram) {
            None => Class::NotQuic,
            Some(long) => match long.kind {
                Kind::Initial { token } => Class::Initial {
                    version: long.version_number,
                    token,
                },
                Kind::ZeroRtt | Kind::Handshake => Class::OtherLong {
                    version: long.version_number,
                },
                Kind::Retry => Class::Retry,
            },
        };
    }
    if assigned(start.version)
        && start.fixed_bit()
        && datagram.len() >= CLIENT_DATAGRAM_LEN_MIN
        && (start.dcid.len() >= CLIENT_CID_LEN_MIN || google::number(start.version).is_some())
    {
        return Class::UnknownVersion(start.version);
    }
    Class::NotQuic
}

/// Families of versions that are in use but unreadable here. A guess among all 2^32 would take
/// random bytes for QUIC; these few cost one in a million.
fn assigned(version: u32) -> bool {
    // IETF drafts, mvfst (Meta), MsQuic, picoquic, drafts of version 2.
    let family = matches!(
        version >> 8,
        0xff_0000 | 0xfa_ceb0 | 0xab_cd00 | 0x50_4351 | 0x50_4350
    );
    family || google::number(version).is_some()
}

/// The id by which the client's packets of a connection without a server's answer are known:
/// the destination id; empty when there is none.
pub fn connection_id(datagram: &[u8]) -> &[u8] {
    match Clear::read(datagram) {
        Some(clear) => clear.id,
        None => Start::read(datagram).map_or(&[], |start| start.dcid),
    }
}

/// Where the Initial packets at the head of a datagram end: behind them may stand others, which carry
/// data. One of Google's in clear is its whole datagram.
pub fn initials_len(datagram: &[u8]) -> Option<usize> {
    if Clear::read(datagram).is_some() {
        return Some(datagram.len());
    }
    let (mut rest, mut end) = (datagram, None);
    while let Some(packet) = Long::next(rest) {
        if !matches!(packet.kind, Kind::Initial { .. }) {
            break;
        }
        end = datagram.len().checked_sub(packet.after.len());
        rest = packet.after;
        while let [0, behind @ ..] = rest {
            rest = behind;
        }
    }
    end
}

/// The version-independent part of a long header.
struct Start<'a> {
    first: u8,
    version: u32,
    dcid: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Start<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8().filter(|first| first & 0x80 != 0)?;
        let version = reader.u32()?;
        if google::number(version).is_some() && Version::of(version).is_none() {
            // Up to Q046 the lengths of both ids share one byte; there is nothing to check.
            return Some(Self {
                first,
                version,
                dcid: &[],
                rest: reader.rest(),
            });
        }
        let dcid = reader.vec8().filter(|id| id.len() <= CID_LEN_MAX)?;
        reader.vec8().filter(|id| id.len() <= CID_LEN_MAX)?;
        Some(Self {
            first,
            version,
            dcid,
            rest: reader.rest(),
        })
    }

    const fn fixed_bit(&self) -> bool {
        self.first & 0x40 != 0
    }
}

/// Is this the version list of a Version Negotiation packet (RFC 9000 section 17.2.1)? It must
/// name a version known here: zeros alone are too common.
fn lists_known_version(list: &[u8]) -> bool {
    let (versions, odd) = list.as_chunks::<4>();
    odd.is_empty()
        && versions
            .iter()
            .any(|bytes| Version::of(u32::from_be_bytes(*bytes)).is_some())
}

/// Type of a long header packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial {
        /// Does it carry a token (after a Retry, or of an earlier connection)?
        token: bool,
    },
    ZeroRtt,
    Handshake,
    Retry,
}

/// One long header packet of a known version.
pub(super) struct Long<'a> {
    pub(super) kind: Kind,
    /// The version as it stands in the header.
    pub(super) version_number: u32,
    pub(super) version: Version,
    pub(super) dcid: &'a [u8],
    /// From its first byte to the end of its payload, as far as it was captured.
    pub(super) bytes: &'a [u8],
    /// Where the packet number begins.
    pub(super) number_at: usize,
    /// What follows in the datagram.
    pub(super) after: &'a [u8],
}

impl<'a> Long<'a> {
    /// The packet at the head of `bytes`; `None` when there is no long header of a known version
    /// whose lengths are possible.
    pub(super) fn next(bytes: &'a [u8]) -> Option<Self> {
        let start = Start::read(bytes)?;
        let version = Version::of(start.version)?;
        Self::read(&start, version, bytes)
    }

    fn read(start: &Start<'a>, version: Version, bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(start.rest);
        let mut long = Self {
            kind: version.kind(start.first),
            version_number: start.version,
            version,
            dcid: start.dcid,
            bytes,
            number_at: bytes.len(),
            after: &[],
        };
        if long.kind == Kind::Retry {
            // Token and integrity tag, to the end of the datagram.
            return (start.fixed_bit() && reader.len() > RETRY_TAG_LEN).then_some(long);
        }
        let mut cut = false;
        if matches!(long.kind, Kind::Initial { .. }) {
            let len = reader.varint_len();
            long.kind = Kind::Initial {
                token: len.is_some_and(|len| len > 0),
            };
            cut = len.and_then(|len| reader.take(len)).is_none();
        }
        // A client may clear the fixed bit only when it returns a token (RFC 9287 section 3).
        if !start.fixed_bit() && long.kind != (Kind::Initial { token: true }) {
            return None;
        }
        match reader.varint_len() {
            Some(len) if !cut => {
                long.number_at = bytes.len().saturating_sub(reader.len());
                let end = long.number_at.saturating_add(len).min(bytes.len());
                (long.bytes, long.after) = bytes.split_at_checked(end)?;
                (len >= PROTECTED_LEN_MIN).then_some(long)
            }
            // The capture ends within the header: the version is proof enough of what it is.
            _ => Some(long),
        }
    }
}

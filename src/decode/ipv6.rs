//! IPv6 headers (RFC 8200) and the chain of extension headers.
//!
//! Enters: a span that should begin with an IPv6 header. Leaves: addresses and what stands behind
//! the chain, or one piece of a datagram. Never: follows more than [`HEADERS_MAX`] headers, reads
//! an option.
//!
//! Hop-by-hop and destination options (RFC 8200), routing (also RFC 8754), fragment, AH
//! (RFC 4302), mobility (RFC 6275), HIP (RFC 7401) and shim6 (RFC 5533) may follow each other in
//! any order. Jumbograms (RFC 2675) and BIG TCP have payload length 0: the captured length is
//! taken, so the jumbo option needs no reading.

use pnet::packet::ipv6::{ExtensionPacket, FragmentPacket, Ipv6Packet, RoutingPacket};

use super::exclude::Excluded;
use super::fragment::Piece;
use super::span::Span;
use super::transport::{TCP, UDP};
use super::{End, Malformed};

/// Most extension headers of one packet.
pub(super) const HEADERS_MAX: usize = 16;

const HEADER_LEN: usize = 40;
const FRAGMENT_LEN: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
pub(super) const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
pub(super) const ICMPV6: u8 = 58;

/// An IPv6 packet, its chain not yet followed.
pub(super) struct Datagram<'f> {
    /// Address as a number, like `dst`: it stays in registers.
    pub src: u128,
    pub dst: u128,
    /// Type of what `body` begins with.
    pub next: u8,
    /// Hop limit.
    pub hops: u8,
    /// What follows the fixed header, without padding.
    pub body: Span<'f>,
}

impl Datagram<'_> {
    /// Is `body` a TCP segment or a UDP datagram, with nothing between?
    #[inline]
    pub const fn is_plain(&self) -> bool {
        matches!(self.next, TCP | UDP)
    }
}

/// Reads the fixed header. Exclusion comes before any other verdict.
#[inline]
pub(super) fn open<'f>(span: Span<'f>, excluded: &Excluded) -> Result<Datagram<'f>, End> {
    let Some(header) = Ipv6Packet::new(span.bytes) else {
        return Err(span.short(HEADER_LEN).into());
    };
    if header.get_version() != 6 {
        return Err(Malformed::BadVersion.into());
    }
    let (src, dst) = (header.get_source().into(), header.get_destination().into());
    if excluded.any() && excluded.holds_either_v6(src, dst) {
        return Err(End::Excluded);
    }
    let body = span.after(HEADER_LEN)?;
    let body = match header.get_payload_length() {
        0 => body,
        len => body.up_to(usize::from(len)),
    };
    Ok(Datagram {
        src,
        dst,
        next: header.get_next_header().0,
        hops: header.get_hop_limit(),
        body,
    })
}

/// Where one stands in a chain of extension headers.
pub(super) struct Chain<'f> {
    /// Type of what `body` begins with.
    pub next: u8,
    /// What has not been read.
    pub body: Span<'f>,
    /// Set when the last header was a fragment header: `body` is a piece of a datagram.
    pub piece: Option<Piece>,
    /// Where a routing header says that the packet ends up.
    pub final_dst: Option<u128>,
    /// Headers that may still follow.
    left: usize,
    /// Bytes of extension headers passed.
    passed: usize,
}

impl<'f> Chain<'f> {
    /// Nothing followed yet.
    pub const fn new(next: u8, body: Span<'f>) -> Self {
        Self {
            next,
            body,
            piece: None,
            final_dst: None,
            left: HEADERS_MAX,
            passed: 0,
        }
    }

    /// Follows the chain to a transport header or a fragment. A last stop that is excluded
    /// excludes the packet.
    pub fn walk(mut self, excluded: &Excluded) -> Result<Self, End> {
        while is_extension(self.next) && self.piece.is_none() {
            let Some(left) = self.left.checked_sub(1) else {
                return Err(Malformed::TooManyHeaders.into());
            };
            self.left = left;
            if self.next == FRAGMENT {
                self.enter_fragment()?;
                continue;
            }
            self.pass()?;
            if self.final_dst.is_some_and(|last| excluded.holds_v6(last)) {
                return Err(End::Excluded);
            }
        }
        Ok(self)
    }

    /// Passes authentication headers only: what IPv4 may have in front of a transport header.
    pub fn authentication(next: u8, body: Span<'f>) -> Result<(u8, Span<'f>), Malformed> {
        let mut chain = Self::new(next, body);
        while chain.next == AUTHENTICATION {
            let Some(left) = chain.left.checked_sub(1) else {
                return Err(Malformed::TooManyHeaders);
            };
            chain.left = left;
            chain.pass()?;
        }
        Ok((chain.next, chain.body))
    }

    /// The chain goes on inside a datagram put together from pieces; `next` is that of its first.
    pub fn reassembled(self, next: u8, body: Span<'f>) -> Self {
        Self {
            next,
            body,
            piece: None,
            ..self
        }
    }

    fn pass(&mut self) -> Result<(), Malformed> {
        let Some(header) = ExtensionPacket::new(self.body.bytes) else {
            return Err(self.body.short(2));
        };
        let len = header_len(self.next, header.get_hdr_ext_len());
        let next = header.get_next_header().0;
        let rest = self.body.after(len)?;
        if self.next == ROUTING {
            self.final_dst = final_destination(self.body.bytes).or(self.final_dst);
        }
        (self.next, self.body) = (next, rest);
        self.passed = self.passed.saturating_add(len);
        Ok(())
    }

    fn enter_fragment(&mut self) -> Result<(), Malformed> {
        let Some(header) = FragmentPacket::new(self.body.bytes) else {
            return Err(self.body.short(FRAGMENT_LEN));
        };
        // Not `get_fragment_offset`: its mask lets a reserved bit through.
        let field = header.get_fragment_offset_with_flags();
        let (offset, more) = (usize::from(field & !7), field & 1 != 0);
        self.next = header.get_next_header().0;
        let id = header.get_id();
        self.body = self.body.after(FRAGMENT_LEN)?;
        // Neither first of several nor later: an atomic fragment is whole (RFC 6946).
        if more || offset != 0 {
            self.piece = Some(Piece {
                id,
                offset,
                more,
                len_max: 65_535usize.saturating_sub(self.passed),
            });
        }
        Ok(())
    }
}

/// Does `next` name an extension header that [`Chain::walk`] passes?
#[inline]
const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6
    )
}

/// Length of an extension header in bytes. AH counts in units of four (RFC 4302 section 2.2), all
/// others in units of eight (RFC 8200 section 4, RFC 6564).
const fn header_len(kind: u8, units: u8) -> usize {
    let units = units as usize;
    if kind == AUTHENTICATION {
        units.saturating_add(2).saturating_mul(4)
    } else {
        units.saturating_add(1).saturating_mul(8)
    }
}

/// The last stop in a routing header that has stops left. The connection is with that one, not
/// with the hop that the IPv6 header names. Type 0 (RFC 2460) lists it last, type 4 (RFC 8754)
/// first; other types do not name it so.
fn final_destination(bytes: &[u8]) -> Option<u128> {
    let header = RoutingPacket::new(bytes)?;
    let len = header_len(ROUTING, bytes.get(1).copied()?);
    if header.get_segments_left() == 0 {
        return None;
    }
    let at = match header.get_routing_type() {
        0 => len.checked_sub(16)?,
        4 => 8,
        _ => return None,
    };
    let list = bytes.get(8..len)?;
    let address = list.get(at.checked_sub(8)?..)?.first_chunk()?;
    Some(u128::from_be_bytes(*address))
}

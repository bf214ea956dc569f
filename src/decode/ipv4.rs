//! IPv4 headers (RFC 791), and the authentication header behind them (RFC 4302).
//!
//! Enters: a span that should begin with an IPv4 header. Leaves: addresses, protocol and body, or
//! one piece of a datagram. Never: verifies a checksum; the sender's own packets have none yet.

use pnet::packet::ipv4::Ipv4Packet;

use super::exclude::Excluded;
use super::fragment::Piece;
use super::span::Span;
use super::transport::{TCP, UDP};
use super::{End, Malformed};

const HEADER_LEN: usize = 20;
const MORE_FRAGMENTS: u8 = 0b001;

/// An IPv4 packet taken apart.
pub(super) struct Datagram<'f> {
    /// Address as a number, like `dst`: it stays in a register.
    pub src: u32,
    pub dst: u32,
    /// Protocol of `body`.
    pub proto: u8,
    /// Time to live.
    pub hops: u8,
    /// What follows the header and its options, without padding; perhaps a fragment.
    pub body: Span<'f>,
    header_len: usize,
    id: u16,
    offset: u16,
    more: bool,
}

impl Datagram<'_> {
    /// Is `body` a TCP segment or a UDP datagram, with nothing between?
    #[inline]
    pub const fn is_plain(&self) -> bool {
        !self.more && self.offset == 0 && matches!(self.proto, TCP | UDP)
    }

    /// Do options stand between the header and `body`?
    #[inline]
    pub const fn has_options(&self) -> bool {
        self.header_len > HEADER_LEN
    }

    /// What the header says of a fragment, when `body` is one.
    pub fn piece(&self) -> Option<Piece> {
        (self.more || self.offset != 0).then(|| Piece {
            id: u32::from(self.id),
            offset: usize::from(self.offset).saturating_mul(8),
            more: self.more,
            len_max: 65_535usize.saturating_sub(self.header_len),
        })
    }
}

/// Reads the header. Exclusion comes before any other verdict: of an excluded packet nothing is
/// said, not even that it is broken.
#[inline]
pub(super) fn open<'f>(span: Span<'f>, excluded: &Excluded) -> Result<Datagram<'f>, End> {
    let Some(header) = Ipv4Packet::new(span.bytes) else {
        return Err(span.short(HEADER_LEN).into());
    };
    if header.get_version() != 4 {
        return Err(Malformed::BadVersion.into());
    }
    let (src, dst) = (header.get_source().into(), header.get_destination().into());
    if excluded.any() && excluded.holds_either_v4(src, dst) {
        return Err(End::Excluded);
    }
    let header_len = usize::from(header.get_header_length()).saturating_mul(4);
    let total_len = usize::from(header.get_total_length());
    // 0 is what offload leaves there when the packet is longer than 16 bits can say (BIG TCP), or
    // when the card was to fill it in: the captured length is the truth then.
    let inside = if total_len == 0 {
        span
    } else {
        span.up_to(total_len)
    };
    if header_len < HEADER_LEN || inside.wire_len < header_len {
        return Err(Malformed::BadLength.into());
    }
    let body = inside.after(header_len)?;
    Ok(Datagram {
        src,
        dst,
        proto: header.get_next_level_protocol().0,
        hops: header.get_ttl(),
        body,
        header_len,
        id: header.get_identification(),
        offset: header.get_fragment_offset(),
        more: header.get_flags() & MORE_FRAGMENTS != 0,
    })
}

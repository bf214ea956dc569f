//! From a frame to the TCP segment or UDP datagram inside it.
//!
//! Enters: [`Frame`](crate::capture::Frame). Leaves: [`Packet`], or a closed reason. Excluded
//! prefixes end here, before any name is read. Never: knows where a frame came from; panics;
//! verifies a checksum (offload leaves those of outgoing packets unfilled).
//!
//! The way of a frame: `link` takes the link header off, `ipv4` or `ipv6` the IP headers
//! (`exclude` is asked there, before anything behind the addresses is read), `fragment` puts
//! datagrams together, `transport` reads ports, `neighbour` what ARP and neighbour discovery say
//! instead. Each takes a `span` and gives the one inside.
//! Headers are read through pnet's packet views; slices are cut here, because a view's `payload`
//! lives no longer than the view and believes the header's length.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod span;
mod link;
mod exclude;
mod ipv4;
mod ipv6;
mod fragment;
mod transport;
mod neighbour;
#[doc(hidden)]
pub mod oracle;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

use self::exclude::Excluded;
use self::fragment::{Key, Table};
use self::ipv6::Chain;
use self::link::{Link, Peeled, Version};
use self::span::Span;
use self::transport::Segment;
use crate::base::{Counters, Endpoints, Timestamp, seen::closed_set};
use crate::capture::Frame;

pub use self::fragment::{AGE_MAX_NS, DATAGRAM_LEN_MAX, DATAGRAMS_MAX};
pub use self::neighbour::{Neighbour, NeighbourBy};

/// What a TCP header says beyond the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpMeta {
    /// Sequence number of the first payload byte (of the SYN itself when it is set).
    pub seq: u32,
    /// Acknowledgement number; meaningful with ACK.
    pub ack: u32,
    /// The flags byte: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
    pub flags: u8,
}

impl TcpMeta {
    /// FIN bit.
    pub const FIN: u8 = 1;
    /// SYN bit.
    pub const SYN: u8 = 2;
    /// RST bit.
    pub const RST: u8 = 4;
    /// ACK bit.
    pub const ACK: u8 = 16;

    /// Is any of `bits` set?
    pub const fn has(self, bits: u8) -> bool {
        self.flags & bits != 0
    }
}

/// One TCP segment or UDP datagram.
#[derive(Clone, Copy)]
pub struct Packet<'f> {
    /// Packet time.
    pub time: Timestamp,
    /// Addresses and ports, in the packet's direction.
    pub ends: Endpoints,
    /// Present exactly for TCP.
    pub tcp: Option<TcpMeta>,
    /// Payload as captured, without padding.
    pub payload: &'f [u8],
    /// Payload length by the headers, in bytes; more than `payload.len()` when the capture cut it.
    pub payload_wire_len: u32,
    /// Link-layer sender, where the link has one.
    pub src_mac: Option<[u8; 6]>,
    /// Link-layer receiver, where the link has one.
    pub dst_mac: Option<[u8; 6]>,
    /// Outermost VLAN id (12 bits, not 0: that is a priority tag without a VLAN).
    pub vlan: Option<u16>,
    /// Observation point of the frame.
    pub point: u16,
}

closed_set! {
    /// Why a frame gave no packet though it should have; the index counts it.
    Malformed {
        /// A header or a fragment runs past the captured bytes although the wire had them (snap
        /// length).
        Truncated = "truncated",
        /// A header's own length is impossible.
        BadLength = "bad_length",
        /// IP version nibble and link type disagree, or the version is unknown.
        BadVersion = "bad_version",
        /// More than 16 IPv6 extension headers, or more than 4 VLAN tags.
        TooManyHeaders = "too_many_headers",
        /// A fragment that contradicts another, is empty, ends between units of eight bytes
        /// without being the last, or lies outside 65,535 bytes.
        BadFragment = "bad_fragment",
        /// The capture's link type is not one that is decoded.
        UnknownLink = "unknown_link",
    }
}

closed_set! {
    /// A well-formed frame that carries nothing we read.
    NotForUs {
        /// Neither IPv4 nor IPv6, nor an ARP message in which a device claims an address.
        NotIp = "not_ip",
        /// IP, but neither TCP nor UDP, nor neighbour discovery in which a device claims an address.
        OtherTransport = "other_transport",
    }
}

closed_set! {
    /// What became of IP fragments. `held` counts fragments; the others count datagrams, each
    /// once, when its fate is known.
    FragmentFate {
        /// Kept until the rest arrives.
        Held = "held",
        /// The datagram is whole again.
        Reassembled = "reassembled",
        /// Given up: the rest did not come in time.
        Expired = "expired",
        /// Given up: the oldest, when the table was full.
        Limit = "limit",
        /// Given up: two fragments contradicted each other.
        Conflict = "conflict",
        /// Given up: a reload of the config excluded its source or destination.
        Excluded = "excluded",
    }
}

/// What one frame gives.
pub enum Decoded<'a> {
    /// A segment or datagram.
    Packet(Packet<'a>),
    /// No packet, but a device that says which address it holds.
    Neighbour(Neighbour),
    /// Source or destination lies in an excluded prefix; nothing of it may be read or kept.
    Excluded,
    /// A fragment, kept.
    Fragment,
    /// Nothing for us.
    NotForUs(NotForUs),
    /// Broken.
    Malformed(Malformed),
}

/// Why a frame ends before it is a packet.
enum End {
    Excluded,
    Fragment,
    NotForUs(NotForUs),
    Malformed(Malformed),
}

impl From<NotForUs> for End {
    fn from(reason: NotForUs) -> Self {
        Self::NotForUs(reason)
    }
}

impl From<Malformed> for End {
    fn from(reason: Malformed) -> Self {
        Self::Malformed(reason)
    }
}

impl<'a> From<End> for Decoded<'a> {
    fn from(end: End) -> Self {
        match end {
            End::Excluded => Self::Excluded,
            End::Fragment => Self::Fragment,
            End::NotForUs(reason) => Self::NotForUs(reason),
            End::Malformed(reason) => Self::Malformed(reason),
        }
    }
}

/// Turns frames into packets. Owns the excluded prefixes and the fragments in progress:
/// [`DATAGRAMS_MAX`] datagrams of up to [`DATAGRAM_LEN_MAX`] bytes, given up after [`AGE_MAX_NS`]
/// of packet time. All of it is allocated by [`Decoder::new`]: 16 MiB of address space, backed by
/// memory only as fragments come, and about 300 KiB of tables.
pub struct Decoder {
    excluded: Excluded,
    fragments: Table,
}

impl Decoder {
    /// A decoder that gives out nothing from or to the `excluded` prefixes. IPv4 prefixes hold for
    /// the IPv6 spellings of the same addresses too (mapped and NAT64), and mapped prefixes for
    /// IPv4.
    pub fn new(excluded: &[IpNet]) -> Self {
        Self::with_room(excluded, DATAGRAMS_MAX)
    }

    /// As [`Decoder::new`], with room for another number of datagrams.
    fn with_room(excluded: &[IpNet], datagrams_max: u16) -> Self {
        Self {
            excluded: Excluded::new(excluded),
            fragments: Table::new(datagrams_max),
        }
    }

    /// Takes other prefixes; fragments held that they exclude are given up at once. Allocates.
    pub fn set_excluded(&mut self, excluded: &[IpNet]) {
        self.excluded = Excluded::new(excluded);
        let now = &self.excluded;
        self.fragments
            .forget(|key| now.holds(key.src) || now.holds(key.dst));
    }

    /// [`FragmentFate`] along its index.
    pub const fn fragment_fates(&self) -> &Counters {
        self.fragments.fates()
    }

    /// Datagrams of which fragments are held now.
    pub fn fragments_pending(&self) -> usize {
        self.fragments.pending()
    }

    /// What `frame` carries. The packet borrows the frame, or this decoder when it was put
    /// together from fragments; its time, addresses of the link and VLAN are then those of the
    /// frame that completed it.
    #[inline]
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        // The way of nearly every frame: Ethernet, IP, TCP or UDP, nothing between. It stays in
        // registers and builds its packet once, in the caller's place. So whatever is not plain
        // starts again from the frame, in a function that gives the whole answer: results that
        // came back from calls and joined the plain way measured three times the cost.
        match link::peel_plain(frame) {
            Some(peeled) => self.decode_ip(frame, peeled),
            None => self.decode_other_link(frame),
        }
    }

    #[inline(never)]
    fn decode_other_link<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        match link::peel(frame) {
            Ok(peeled) => self.decode_ip(frame, peeled),
            Err(end) => end.into(),
        }
    }

    #[inline]
    fn decode_ip<'a>(
        &'a mut self,
        frame: &Frame<'a>,
        (link, version, span): Peeled<'a>,
    ) -> Decoded<'a> {
        match version {
            Version::V4 => match ipv4::open(span, &self.excluded) {
                Ok(ip) if ip.is_plain() => {
                    let ends = (IpAddr::V4(ip.src.into()), IpAddr::V4(ip.dst.into()));
                    packet(frame, link, ends, transport::open(ip.proto, ip.body))
                }
                Ok(_) => self.decode_any(frame),
                Err(end) => end.into(),
            },
            Version::V6 => match ipv6::open(span, &self.excluded) {
                Ok(ip) if ip.is_plain() => {
                    let ends = (IpAddr::V6(ip.src.into()), IpAddr::V6(ip.dst.into()));
                    packet(frame, link, ends, transport::open(ip.next, ip.body))
                }
                Ok(_) => self.decode_any(frame),
                Err(end) => end.into(),
            },
            Version::Arp => self.decode_any(frame),
        }
    }

    /// Every frame, the plain ones included.
    #[inline(never)]
    fn decode_any<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        let (link, version, span) = match link::peel(frame) {
            Ok(peeled) => peeled,
            Err(end) => return end.into(),
        };
        let opened = match version {
            Version::V4 => self.open_v4(span, link.vlan, frame.time),
            Version::V6 if neighbour::may_be_discovery(span) => {
                return told(neighbour::discovery(span, &self.excluded, frame.time));
            }
            Version::V6 => self.open_v6(span, link.vlan, frame.time),
            Version::Arp => return told(neighbour::arp(span, &self.excluded, frame.time)),
        };
        match opened {
            Ok((ends, proto, body)) => packet(frame, link, ends, transport::open(proto, body)),
            Err(end) => end.into(),
        }
    }

    /// To the transport header of an IPv4 packet. Fragments of protocols that we do not read take
    /// no room in the table.
    fn open_v4<'a>(
        &'a mut self,
        span: Span<'a>,
        vlan: Option<u16>,
        now: Timestamp,
    ) -> Result<(Pair, u8, Span<'a>), End> {
        let ip = ipv4::open(span, &self.excluded)?;
        let (src, dst) = (IpAddr::V4(ip.src.into()), IpAddr::V4(ip.dst.into()));
        if !matches!(
            ip.proto,
            transport::TCP | transport::UDP | ipv6::AUTHENTICATION
        ) {
            return Err(NotForUs::OtherTransport.into());
        }
        let body = match ip.piece() {
            None => ip.body,
            Some(piece) => {
                let key = Key {
                    src,
                    dst,
                    proto: ip.proto,
                    id: piece.id,
                    vlan,
                };
                match self.fragments.insert(key, piece, ip.proto, ip.body, now) {
                    Ok((_, bytes)) => Span::whole(bytes),
                    Err(end) => piece.cut_head(ip.proto, ip.body, end)?,
                }
            }
        };
        let (proto, body) = Chain::authentication(ip.proto, body)?;
        Ok(((src, dst), proto, body))
    }

    /// To the transport header of an IPv6 packet.
    fn open_v6<'a>(
        &'a mut self,
        span: Span<'a>,
        vlan: Option<u16>,
        now: Timestamp,
    ) -> Result<(Pair, u8, Span<'a>), End> {
        let ip = ipv6::open(span, &self.excluded)?;
        let (src, dst) = (IpAddr::V6(ip.src.into()), IpAddr::V6(ip.dst.into()));
        let mut chain = Chain::new(ip.next, ip.body).walk(&self.excluded)?;
        if let Some(piece) = chain.piece {
            let key = Key {
                src,
                dst,
                proto: 0,
                id: piece.id,
                vlan,
            };
            let (head, body) = (chain.next, chain.body);
            let (next, body) = match self.fragments.insert(key, piece, head, body, now) {
                Ok((next, bytes)) => (next, Span::whole(bytes)),
                Err(end) => (head, piece.cut_head(head, body, end)?),
            };
            chain = chain.reassembled(next, body).walk(&self.excluded)?;
            if chain.piece.is_some() {
                // No sender fragments a fragment, and following it would have no end.
                return Err(Malformed::BadFragment.into());
            }
        }
        let dst = chain.final_dst.map_or(dst, |last| IpAddr::V6(last.into()));
        Ok(((src, dst), chain.next, chain.body))
    }
}

fn told<'a>(neighbour: Result<Neighbour, End>) -> Decoded<'a> {
    match neighbour {
        Ok(neighbour) => Decoded::Neighbour(neighbour),
        Err(end) => end.into(),
    }
}

/// Source and destination.
type Pair = (IpAddr, IpAddr);

/// Puts together what the layers said.
#[inline]
fn packet<'a>(
    frame: &Frame<'a>,
    link: Link<'a>,
    (src, dst): Pair,
    segment: Result<Segment<'a>, End>,
) -> Decoded<'a> {
    let segment = match segment {
        Ok(segment) => segment,
        Err(end) => return end.into(),
    };
    Decoded::Packet(Packet {
        time: frame.time,
        ends: Endpoints {
            src,
            dst,
            sport: segment.sport,
            dport: segment.dport,
            transport: segment.transport,
        },
        tcp: segment.tcp,
        payload: segment.payload.bytes,
        payload_wire_len: u32::try_from(segment.payload.wire_len).unwrap_or(u32::MAX),
        src_mac: link.src_mac.copied(),
        dst_mac: link.dst_mac.copied(),
        vlan: link.vlan,
        point: frame.point,
    })
}

//! From a frame to the TCP segment or UDP datagram inside it.
//!
//! Enters: [`Frame`](crate::capture::Frame). Leaves: [`Packet`], or a closed reason. Excluded
//! prefixes end here, before any name is read. Never: knows where a frame came from; panics;
//! verifies a checksum (offload leaves those of outgoing packets unfilled).
//!
//! Most frames are settled by a `glance`, before any of this. The way of a frame: `link` takes the link header off, `ipv4` or `ipv6` the IP headers
//! (`exclude` is asked there, before anything behind the addresses is read), `transport` reads the
//! ports. What is not so plain goes by `walk`: other links and what lies between them and IP
//! (`layer` says which: `labels`, `ppp`, `wifi`, `captured`), tunnels (`gre`, `udp_tunnel`; `tunnel`
//! counts and bounds them, `outsiders` are not believed), `fragment`s, and what ARP and neighbour discovery say (`neighbour`).
//! Each takes a `span` and gives the one inside.
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
mod outsiders;
mod ipv4;
mod ipv6;
mod fragment;
mod transport;
mod neighbour;
mod tunnel;
mod plausible;
mod labels;
mod ppp;
mod wifi;
mod captured;
mod gre;
mod udp_tunnel;
mod layer;
mod walk;
mod glance;
#[doc(hidden)]
pub mod oracle;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

use self::exclude::Excluded;
use self::fragment::Table;
use self::layer::Layer;
use self::link::{Link, Peeled, Version};
use self::outsiders::Outsiders;
use self::transport::Segment;
use self::tunnel::Way;
use self::walk::{Reached, Walk};
use crate::base::{Counters, Endpoints, Timestamp, seen::closed_set};
use crate::capture::Frame;

pub use self::fragment::{AGE_MAX_NS, DATAGRAM_LEN_MAX, DATAGRAMS_MAX};
pub use self::glance::{Addresses, Glance, Inside};
pub use self::neighbour::{Neighbour, NeighbourBy};
pub use self::tunnel::{DEPTH_MAX, Tunnel};

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

    /// URG bit.
    pub const URG: u8 = 32;

    /// Is any of `bits` set?
    pub const fn has(self, bits: u8) -> bool {
        self.flags & bits != 0
    }
}

/// What the innermost IP header tells of a packet's way here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Journey {
    /// Time to live, or hop limit; 0 when it is not known.
    pub hops: u8,
    /// Options or extension headers stand between the IP header and the transport header; a
    /// fragment header alone does so too.
    pub extended: bool,
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
    /// Hops left, and what else the IP header tells.
    pub journey: Journey,
    /// The transport header and payload in one, as captured. For what is read seldom: options and
    /// the checksum.
    pub segment: &'f [u8],
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
        /// More than [`DEPTH_MAX`] layers of links and tunnels, or fragments inside fragments inside
        /// fragments.
        TooDeep = "too_deep",
    }
}

closed_set! {
    /// A well-formed frame that carries nothing we read.
    NotForUs {
        /// Neither IPv4 nor IPv6, nor an ARP message in which a device claims an address.
        NotIp = "not_ip",
        /// IP, but neither TCP nor UDP, nor neighbour discovery in which a device claims an address.
        OtherTransport = "other_transport",
        /// Encrypted or compressed below IP or right behind it: 802.11 with protection, MACsec, ESP,
        /// PPP that negotiated either.
        Encrypted = "encrypted",
        /// Received with errors, as the capture itself says (radiotap). Names in it may be wrong.
        Damaged = "damaged",
        /// In a tunnel that comes from outside, and said to be from or to a monitored client or a private
        /// address: whoever sends such a packet from afar writes into it what he likes.
        ForeignTunnel = "foreign_tunnel",
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
/// memory only as fragments come, about 300 KiB of tables, and 128 KiB for datagrams that are looked
/// into.
pub struct Decoder {
    excluded: Excluded,
    outsiders: Outsiders,
    fragments: Table,
    /// Room for datagrams that were put together, while they are looked into.
    halls: Vec<Vec<u8>>,
    tunnels: Counters,
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
            outsiders: Outsiders::default(),
            fragments: Table::new(datagrams_max),
            halls: walk::halls(),
            tunnels: Counters::new(Tunnel::ALL.len()),
        }
    }

    /// Believes a tunnel of a public address about `monitored` clients and private addresses only
    /// when that address is monitored too or one of `tunnel_ends`. Without monitored networks every tunnel is believed.
    #[must_use]
    pub fn believing(mut self, monitored: &[IpNet], tunnel_ends: &[IpNet]) -> Self {
        self.outsiders = Outsiders::new(monitored, tunnel_ends);
        self
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

    /// [`Tunnel`] along its index: layers taken off.
    pub const fn tunnels(&self) -> &Counters {
        &self.tunnels
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
        match link::peel_raw(frame) {
            Some(peeled) => self.decode_ip(frame, peeled),
            None => self.decode_any(frame),
        }
    }

    // Called from two places; in the plain way a call costs a tenth of the decoding.
    #[inline(always)]
    fn decode_ip<'a>(
        &'a mut self,
        frame: &Frame<'a>,
        (link, version, span): Peeled<'a>,
    ) -> Decoded<'a> {
        match version {
            Version::V4 => match ipv4::open(span, &self.excluded) {
                Ok(ip) if ip.is_plain() && !udp_tunnel::may_begin(ip.proto, ip.body.bytes) => {
                    let ends = (IpAddr::V4(ip.src.into()), IpAddr::V4(ip.dst.into()));
                    let journey = Journey {
                        hops: ip.hops,
                        extended: ip.has_options(),
                    };
                    packet(
                        frame,
                        link,
                        (ends, journey),
                        transport::open(ip.proto, ip.body),
                    )
                }
                Ok(_) => self.decode_any(frame),
                Err(end) => end.into(),
            },
            Version::V6 => match ipv6::open(span, &self.excluded) {
                Ok(ip) if ip.is_plain() && !udp_tunnel::may_begin(ip.next, ip.body.bytes) => {
                    let ends = (IpAddr::V6(ip.src.into()), IpAddr::V6(ip.dst.into()));
                    let journey = Journey {
                        hops: ip.hops,
                        extended: false,
                    };
                    packet(
                        frame,
                        link,
                        (ends, journey),
                        transport::open(ip.next, ip.body),
                    )
                }
                Ok(_) => self.decode_any(frame),
                Err(end) => end.into(),
            },
        }
    }

    /// Every frame, the plain ones included.
    #[inline(never)]
    fn decode_any<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        let walk = Walk {
            excluded: &self.excluded,
            outsiders: &self.outsiders,
            fragments: &mut self.fragments,
            halls: &mut self.halls,
            now: frame.time,
        };
        let way = Way::new(link::taken_out(frame), &mut self.tunnels);
        match walk.walk(way, (Layer::Link(frame.link), link::whole(frame))) {
            Ok(Reached::Segment(link, ends, journey, segment)) => {
                packet(frame, link, (ends, journey), Ok(segment))
            }
            Ok(Reached::Neighbour(neighbour)) => Decoded::Neighbour(neighbour),
            Err(end) => end.into(),
        }
    }
}

/// Source and destination.
type Pair = (IpAddr, IpAddr);

/// Puts together what the layers said.
#[inline]
fn packet<'a>(
    frame: &Frame<'a>,
    link: Link<'a>,
    ((src, dst), journey): (Pair, Journey),
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
        journey,
        segment: segment.whole,
        payload: segment.payload.bytes,
        payload_wire_len: u32::try_from(segment.payload.wire_len).unwrap_or(u32::MAX),
        src_mac: link.src_mac.copied(),
        dst_mac: link.dst_mac.copied(),
        vlan: link.vlan,
        point: frame.point,
    })
}

//! From a frame to the TCP segment or UDP datagram inside it.
//!
//! Enters: [`Frame`](crate::capture::Frame). Leaves: [`Packet`], or a closed reason. Excluded
//! prefixes end here, before any name is read. Never: knows where a frame came from; panics.

use crate::base::{Endpoints, Timestamp, seen::closed_set};

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
    /// Outermost VLAN id (12 bits).
    pub vlan: Option<u16>,
    /// Observation point of the frame.
    pub point: u16,
}

closed_set! {
    /// Why a frame gave no packet though it should have; the index counts it.
    Malformed {
        /// A header runs past the captured bytes although the wire had them (snap length).
        Truncated = "truncated",
        /// A header's own length is impossible.
        BadLength = "bad_length",
        /// IP version nibble and link type disagree, or the version is unknown.
        BadVersion = "bad_version",
        /// IPv6 extension headers beyond the bound.
        TooManyHeaders = "too_many_headers",
        /// A fragment that overlaps another, or lies outside 65,535 bytes.
        BadFragment = "bad_fragment",
        /// The capture's link type is not one that is decoded.
        UnknownLink = "unknown_link",
    }
}

closed_set! {
    /// A well-formed frame that carries nothing we read.
    NotForUs {
        /// Neither IPv4 nor IPv6.
        NotIp = "not_ip",
        /// IP, but neither TCP nor UDP.
        OtherTransport = "other_transport",
    }
}

closed_set! {
    /// What became of IP fragments.
    FragmentFate {
        /// Kept until the rest arrives.
        Held = "held",
        /// The datagram is whole again.
        Reassembled = "reassembled",
        /// Given up: the rest did not come in time.
        Expired = "expired",
        /// Given up: the table or the size bound was full.
        Limit = "limit",
    }
}

/// What one frame gives.
pub enum Decoded<'a> {
    /// A segment or datagram.
    Packet(Packet<'a>),
    /// Source or destination lies in an excluded prefix; nothing of it may be read or kept.
    Excluded,
    /// A fragment, kept.
    Fragment,
    /// Nothing for us.
    NotForUs(NotForUs),
    /// Broken.
    Malformed(Malformed),
}

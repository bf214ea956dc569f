//! Frames from a file or an interface.
//!
//! Enters: a capture file, a pipe, a NIC ring. Leaves: [`Frame`], borrowed from the mapped file or
//! the ring. Never: copies a frame in user space where the source lets it lie, looks inside one.

pub mod error;
pub mod file;
mod input;
mod mapped;
mod merge;
#[doc(hidden)]
pub mod oracle;
mod pcap_file;
mod pcapng;
mod record;
mod unpack;
mod window;

pub use error::{CaptureError, FaultKind};
pub use file::FileSource;
pub mod filter;
pub mod live;

use crate::base::Timestamp;

/// How the bytes of a frame begin (the LINKTYPE registry of tcpdump.org), as far as we decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// 1: Ethernet II.
    Ethernet,
    /// 113: Linux cooked v1.
    LinuxSll,
    /// 276: Linux cooked v2.
    LinuxSll2,
    /// 12, 14, 101: raw IP, the version nibble tells which.
    RawIp,
    /// 228: raw IPv4.
    RawIpv4,
    /// 229: raw IPv6.
    RawIpv6,
    /// 0: BSD loopback, address family in the byte order of the capturing host.
    Null,
    /// 108: OpenBSD loopback, address family in network byte order.
    Loop,
    /// Anything else, by its number: counted, not decoded.
    Unknown(u16),
}

impl LinkType {
    /// From the number in a file header.
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::RawIp,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            228 => Self::RawIpv4,
            229 => Self::RawIpv6,
            276 => Self::LinuxSll2,
            other => Self::Unknown(other),
        }
    }
}

/// VLAN tag that the kernel took out of the frame (`tp_vlan_tpid`, `tp_vlan_tci`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// 0x8100 or 0x88a8.
    pub tpid: u16,
    /// Priority, DEI and the 12-bit id.
    pub tci: u16,
}

/// One frame where the capture holds it.
#[derive(Clone, Copy)]
pub struct Frame<'f> {
    /// Captured bytes, from the link header on.
    pub bytes: &'f [u8],
    /// Length on the wire in bytes; more than `bytes.len()` when the capture cut it.
    pub wire_len: u32,
    /// Packet time.
    pub time: Timestamp,
    /// Tag taken out by the kernel, if any.
    pub vlan: Option<VlanTag>,
    /// How `bytes` begin.
    pub link: LinkType,
    /// Number of the observation point (interface or file), as the source numbers them.
    pub point: u16,
}

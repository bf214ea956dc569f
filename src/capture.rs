//! Frames from a file or an interface.
//!
//! Enters: a capture file, a pipe, a NIC ring. Leaves: [`Frame`], borrowed from the reader's buffer or
//! the ring. Never: copies a frame in user space where the source lets it lie, looks inside one.

pub mod error;
pub mod file;
mod input;
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
pub mod prefilter;

use crate::base::Timestamp;

/// Declares the link types that are decoded, each with its number in the registry.
macro_rules! link_types {
    ($($name:ident = $number:literal $what:literal;)+) => {
        /// How the bytes of a frame begin (the LINKTYPE registry of tcpdump.org), as far as we
        /// decode it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum LinkType {
            $(#[doc = concat!(stringify!($number), ": ", $what)] $name,)+
            /// Anything else, by its number: counted, not decoded.
            Unknown(u16),
        }

        impl LinkType {
            /// All that are decoded.
            pub const DECODED: &'static [Self] = &[$(Self::$name),+];

            /// From the number in a file header.
            pub const fn from_number(number: u16) -> Self {
                match number {
                    $($number => Self::$name,)+
                    // Two systems' own numbers for raw IP, found in old files.
                    12 | 14 => Self::RawIp,
                    other => Self::Unknown(other),
                }
            }

            /// The number in the registry.
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)+
                    Self::Unknown(number) => number,
                }
            }
        }
    };
}

link_types! {
    Null = 0 "BSD loopback, address family in the byte order of the capturing host.";
    Ethernet = 1 "Ethernet II.";
    Ppp = 9 "PPP, with or without its HDLC-like framing.";
    Fddi = 10 "FDDI.";
    PppHdlc = 50 "PPP in HDLC-like framing, or Cisco's HDLC.";
    PppEther = 51 "PPPoE, from its own header on.";
    AtmRfc1483 = 100 "LLC over ATM (RFC 2684).";
    RawIp = 101 "raw IP, the version nibble tells which. 12 and 14 in old files.";
    CiscoHdlc = 104 "Cisco's HDLC.";
    Ieee80211 = 105 "802.11.";
    FrameRelay = 107 "Frame Relay with LAPF (RFC 2427).";
    Loop = 108 "OpenBSD loopback, address family in network byte order.";
    Enc = 109 "OpenBSD's view into IPsec: family, SPI and flags, then IP.";
    LinuxSll = 113 "Linux cooked v1.";
    Pflog = 117 "OpenBSD's packet filter log: a header, then IP.";
    Prism = 119 "802.11 behind a Prism header.";
    Radiotap = 127 "802.11 behind a radiotap header.";
    Avs = 163 "802.11 behind an AVS header.";
    PppPppd = 166 "PPP behind a byte that says the direction, from Linux' pppd.";
    Ppi = 192 "a header that names the link type of what follows it.";
    PppWithDir = 204 "PPP behind a byte that says the direction.";
    CiscoHdlcWithDir = 205 "Cisco's HDLC behind a byte that says the direction.";
    FrameRelayWithDir = 206 "Frame Relay behind a byte that says the direction.";
    Mpls = 219 "MPLS labels.";
    Ipnet = 226 "Solaris' ipnet: a header, then IP.";
    RawIpv4 = 228 "raw IPv4.";
    RawIpv6 = 229 "raw IPv6.";
    Nflog = 239 "Linux' netfilter log: attributes, one of which is the packet.";
    NetAnalyzer = 240 "Ethernet behind four bytes of a netANALYZER.";
    IpOverIb = 242 "IP over InfiniBand (RFC 4391) behind its global routing header.";
    Pktap = 258 "a header of macOS that names the link type of what follows it.";
    EthernetMpacket = 274 "Ethernet with its preamble.";
    LinuxSll2 = 276 "Linux cooked v2.";
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

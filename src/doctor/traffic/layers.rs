//! What stands in a frame that is not read: so that "not decoded" has a name.
//!
//! Enters: a frame that `decode` gave nothing for. Leaves: [`Layer`]. Never: looks behind it.

use crate::base::seen::closed_set;
use crate::base::{Endpoints, Transport};
use crate::capture::{Frame, LinkType};

closed_set! {
    /// Something that hides what is inside from this program, or by its nature from everybody.
    Layer {
        /// PPPoE session (RFC 2516).
        Pppoe = "PPPoE",
        /// MPLS (RFC 3032).
        Mpls = "MPLS",
        /// Provider backbone bridging (IEEE 802.1ah).
        BackboneTag = "802.1ah",
        /// Cisco TrustSec tag.
        TrustSec = "TrustSec",
        /// MACsec (IEEE 802.1AE): encrypted.
        Macsec = "MACsec",
        /// GRE and ERSPAN (RFC 2784).
        Gre = "GRE",
        /// IPv4 in IP (RFC 2003).
        Ipip = "IPIP",
        /// IPv6 in IP (RFC 4213, 2473).
        Ip6InIp = "6in4",
        /// ESP (RFC 4303): encrypted.
        Esp = "ESP",
        /// L2TPv3 over IP (RFC 3931).
        L2tp = "L2TP",
        /// VXLAN (RFC 7348).
        Vxlan = "VXLAN",
        /// Geneve (RFC 8926).
        Geneve = "Geneve",
        /// GTP-U (3GPP TS 29.281).
        Gtp = "GTP-U",
        /// CAPWAP (RFC 5415).
        Capwap = "CAPWAP",
        /// A link type that is not decoded.
        Link = "another link type",
    }
}

/// By the outermost protocol that is none of ours.
pub fn of_frame(frame: &Frame<'_>) -> Option<Layer> {
    let bytes = frame.bytes;
    let (ethertype, ip) = match frame.link {
        LinkType::Ethernet => behind_tags(bytes, 12)?,
        LinkType::LinuxSll => behind_tags(bytes, 14)?,
        LinkType::RawIp | LinkType::RawIpv4 => (0x0800, 0),
        LinkType::RawIpv6 => (0x86dd, 0),
        LinkType::Unknown(_) => return Some(Layer::Link),
        _ => return None,
    };
    match ethertype {
        0x8864 => Some(Layer::Pppoe),
        0x8847 | 0x8848 => Some(Layer::Mpls),
        0x88e7 => Some(Layer::BackboneTag),
        0x8909 => Some(Layer::TrustSec),
        0x88e5 => Some(Layer::Macsec),
        0x0800 => of_protocol(*bytes.get(ip.checked_add(9)?)?),
        0x86dd => of_protocol(*bytes.get(ip.checked_add(6)?)?),
        _ => None,
    }
}

/// The EtherType at `at` behind VLAN tags, and where its payload begins.
fn behind_tags(bytes: &[u8], mut at: usize) -> Option<(u16, usize)> {
    for _ in 0..4 {
        let kind = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at.checked_add(1)?)?]);
        if !matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
            return Some((kind, at.checked_add(2)?));
        }
        at = at.checked_add(4)?;
    }
    None
}

const fn of_protocol(protocol: u8) -> Option<Layer> {
    match protocol {
        4 => Some(Layer::Ipip),
        41 => Some(Layer::Ip6InIp),
        47 => Some(Layer::Gre),
        50 => Some(Layer::Esp),
        115 => Some(Layer::L2tp),
        137 => Some(Layer::Mpls),
        _ => None,
    }
}

/// A tunnel over UDP that came out of `decode` as a plain datagram: what is inside was not read.
pub const fn of_ports(ends: &Endpoints) -> Option<Layer> {
    if !matches!(ends.transport, Transport::Udp) {
        return None;
    }
    match ends.dport {
        4789 => Some(Layer::Vxlan),
        6081 => Some(Layer::Geneve),
        2152 => Some(Layer::Gtp),
        5247 => Some(Layer::Capwap),
        4500 if ends.sport == 4500 => Some(Layer::Esp),
        _ => None,
    }
}

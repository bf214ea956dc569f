//! What may stand between a frame's beginning and the innermost IP header, and how much of it.
//!
//! Enters: each layer as it is taken off. Leaves: its count, the bound on how many there may be, a
//! number that tells one tunnel from another. Never: reads a byte.
//!
//! Who the device is: the link addresses of a packet are those of the innermost frame header with
//! no IP header behind it but the innermost. An IP tunnel ends what the outer header says (it names
//! two routers), and a frame inside the tunnel begins it anew (it names the device). What carries
//! frames over a link without being IP, as MPLS or PPPoE, leaves them. The VLAN is the first one
//! met on the way in.

use std::net::IpAddr;

use super::link::Link;
use super::{Malformed, Pair};
use crate::base::{Counters, seen::closed_set};

/// Most layers taken off one frame beside VLAN tags and IP extension headers, which have bounds of
/// their own.
pub const DEPTH_MAX: u8 = 8;

closed_set! {
    /// A layer that was taken off. Counted once for each time that a frame has it.
    Tunnel {
        /// PPP as the link, in HDLC-like framing or not (RFC 1661, RFC 1662).
        Ppp = "ppp",
        /// PPPoE session (RFC 2516).
        Pppoe = "pppoe",
        /// Cisco's HDLC.
        Hdlc = "hdlc",
        /// Frame Relay (RFC 2427).
        FrameRelay = "frame_relay",
        /// An Ethernet frame bridged over a link of another kind (RFC 2427, RFC 2684, RFC 3518).
        Bridged = "bridged",
        /// 802.11 data in clear, behind radiotap or not.
        Wifi = "wifi",
        /// A header of the capture itself: netfilter log, PPI, PKTAP and the like.
        CaptureHeader = "capture_header",
        /// MPLS label stack (RFC 3032), with IP or a pseudowire (RFC 4448) behind it.
        Mpls = "mpls",
        /// Provider backbone bridge (802.1ah).
        Pbb = "pbb",
        /// A tag between Ethertypes that is no VLAN: TrustSec, VN-tag, E-tag, 802.1CB, HSR.
        Tag = "tag",
        /// FabricPath and TRILL (RFC 6325).
        Fabric = "fabric",
        /// Network service header (RFC 8300).
        Nsh = "nsh",
        /// GRE (RFC 2784, RFC 2890), also over UDP (RFC 8086).
        Gre = "gre",
        /// ERSPAN I, II, III in GRE.
        Erspan = "erspan",
        /// PPTP's GRE with PPP (RFC 2637).
        Pptp = "pptp",
        /// IPv4 in IPv4 (RFC 2003).
        IpIp = "ipip",
        /// IPv6 in IPv4 (RFC 4213).
        SixInFour = "6in4",
        /// IPv4 in IPv6 (RFC 2473).
        FourInSix = "4in6",
        /// IPv6 in IPv6 (RFC 2473).
        SixInSix = "6in6",
        /// Ethernet in IP: EtherIP (RFC 3378), SRv6's L2 (RFC 8986).
        EtherIp = "etherip",
        /// L2TPv2 and L2TPv3 data (RFC 2661, RFC 3931).
        L2tp = "l2tp",
        /// VXLAN (RFC 7348) and VXLAN-GPE.
        Vxlan = "vxlan",
        /// Geneve (RFC 8926).
        Geneve = "geneve",
        /// GTP-U (3GPP TS 29.281).
        GtpU = "gtp_u",
        /// Teredo (RFC 4380).
        Teredo = "teredo",
        /// CAPWAP data (RFC 5415).
        Capwap = "capwap",
        /// TZSP, by which gateways mirror.
        Tzsp = "tzsp",
        /// LISP data (RFC 9300).
        Lisp = "lisp",
        /// IP straight in UDP: FOU, GUE.
        Fou = "fou",
    }
}

/// What is known of the way into a frame so far.
pub(super) struct Way<'f, 'd> {
    /// What the innermost frame header says.
    pub link: Link<'f>,
    /// Tells apart networks that may use the same addresses: tunnels by their ids and ends.
    pub within: u64,
    /// Who sent the outermost IP packet, once what follows is inside one.
    pub outer: Option<IpAddr>,
    left: u8,
    peeled: &'d mut Counters,
}

impl<'d> Way<'_, 'd> {
    /// At the beginning of a frame, of which the kernel took the tag of `vlan` out.
    pub fn new(vlan: Option<u16>, peeled: &'d mut Counters) -> Self {
        Self {
            link: Link {
                vlan,
                ..Link::default()
            },
            within: 0,
            outer: None,
            left: DEPTH_MAX,
            peeled,
        }
    }

    /// A layer was recognised and is taken off.
    pub fn enter(&mut self, kind: Tunnel, id: u64) -> Result<(), Malformed> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(Malformed::TooDeep);
        };
        self.left = left;
        self.peeled.bump(kind.index());
        self.mix(kind as u64);
        self.mix(id);
        Ok(())
    }

    /// What follows is inside an IP packet between `ends`: the frame headers so far name others
    /// than those who speak.
    pub fn leave_ip(&mut self, (src, dst): Pair) {
        (self.link.src_mac, self.link.dst_mac) = (None, None);
        self.outer = self.outer.or(Some(src));
        for end in [src, dst] {
            let bits = match end {
                IpAddr::V4(v4) => u128::from(u32::from(v4)),
                IpAddr::V6(v6) => u128::from(v6),
            };
            self.mix(bits as u64);
            self.mix((bits >> 64) as u64);
        }
    }

    /// Takes `part` into [`Way::within`]. Not against collisions made on purpose: who can send
    /// frames with chosen tunnel ids can as well send them with the same.
    pub fn mix(&mut self, part: u64) {
        let mixed = (self.within ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.within = mixed ^ mixed >> 29;
    }
}

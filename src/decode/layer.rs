//! One step of the general way into a frame: a layer that is not IP, and what is inside it.
//!
//! Enters: which layer begins here, and the span that begins with it. Leaves: the same of the next
//! layer inside. Never: reads an IP header; that is the walk's, which knows the exclusions.

use super::span::Span;
use super::tunnel::Way;
use super::{End, Malformed, captured, gre, labels, link, ppp, wifi};
use crate::capture::LinkType;

/// What begins with a span.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// A frame of this link type.
    Link(LinkType),
    /// An Ethernet header.
    Ethernet,
    /// What an Ethertype announced.
    Type(u16),
    /// 802.2 LLC.
    Llc,
    /// 802.2 LLC over ATM: bridged frames stand behind two bytes more.
    AtmLlc,
    /// An MPLS label stack.
    Mpls,
    /// PPP: framing, if there is any, then the protocol field.
    Ppp,
    /// Cisco's HDLC.
    Hdlc,
    /// Frame Relay's address field.
    FrameRelay,
    /// 802.11.
    Wifi(wifi::Form),
    /// GRE.
    Gre,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// ARP.
    Arp,
}

/// A layer and the span that begins with it.
pub(super) type Inside<'f> = (Layer, Span<'f>);

/// Takes one layer off; IP and ARP stay as they are.
pub(super) fn open<'f>(
    layer: Layer,
    span: Span<'f>,
    way: &mut Way<'f, '_>,
) -> Result<Inside<'f>, End> {
    match layer {
        Layer::Link(kind) => of_link(kind, span, way),
        Layer::Ethernet => link::ethernet(span, way),
        Layer::Type(kind) => link::behind_type(kind, span, way),
        Layer::Llc => link::llc(span, false, way),
        Layer::AtmLlc => link::llc(span, true, way),
        Layer::Mpls => labels::mpls(span, way),
        Layer::Ppp => ppp::open(span, way),
        Layer::Hdlc => ppp::hdlc(span),
        Layer::FrameRelay => ppp::frame_relay(span, way),
        Layer::Wifi(form) => wifi::open(span, form, way),
        Layer::Gre => gre::open(span, way),
        Layer::V4 | Layer::V6 | Layer::Arp => Ok((layer, span)),
    }
}

/// What a frame of link type `kind` begins with.
fn of_link<'f>(kind: LinkType, span: Span<'f>, way: &mut Way<'f, '_>) -> Result<Inside<'f>, End> {
    match kind {
        LinkType::Ethernet => Ok((Layer::Ethernet, span)),
        LinkType::LinuxSll => link::cooked_v1(span, way),
        LinkType::LinuxSll2 => link::cooked_v2(span, way),
        LinkType::RawIp => link::raw_ip(span),
        LinkType::RawIpv4 => Ok((Layer::V4, span)),
        LinkType::RawIpv6 => Ok((Layer::V6, span)),
        LinkType::Null | LinkType::Loop => link::loopback(kind, span),
        LinkType::Fddi => link::fddi(span, way),
        LinkType::IpOverIb => link::infiniband(span),
        LinkType::EthernetMpacket => Ok((Layer::Ethernet, span.after(link::PREAMBLE_LEN)?)),
        LinkType::AtmRfc1483 => Ok((Layer::AtmLlc, span)),
        LinkType::Mpls => Ok((Layer::Mpls, span)),
        LinkType::Ppp
        | LinkType::PppHdlc
        | LinkType::PppPppd
        | LinkType::PppWithDir
        | LinkType::PppEther
        | LinkType::CiscoHdlc
        | LinkType::CiscoHdlcWithDir
        | LinkType::FrameRelay
        | LinkType::FrameRelayWithDir => ppp::of_link(kind, span, way),
        LinkType::Ieee80211 | LinkType::Prism | LinkType::Radiotap | LinkType::Avs => {
            wifi::of_link(kind, span)
        }
        LinkType::Ppi
        | LinkType::Pktap
        | LinkType::Nflog
        | LinkType::Enc
        | LinkType::Pflog
        | LinkType::Ipnet
        | LinkType::NetAnalyzer => captured::of_link(kind, span, way),
        LinkType::Unknown(_) => Err(Malformed::UnknownLink.into()),
    }
}

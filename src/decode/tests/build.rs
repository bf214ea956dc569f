//! Test traffic, built with pnet's mutable packets, and answers that own what they hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet::packet::ethernet::{EtherType, MutableEthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::MutableIpv4Packet;
use pnet::packet::ipv6::{
    MutableExtensionPacket, MutableFragmentPacket, MutableIpv6Packet, MutableRoutingPacket,
};
use pnet::packet::sll::MutableSLLPacket;
use pnet::packet::sll2::MutableSLL2Packet;
use pnet::packet::tcp::MutableTcpPacket;
use pnet::packet::udp::MutableUdpPacket;
use pnet::packet::vlan::MutableVlanPacket;
use pnet::util::MacAddr;

use super::super::{Decoded, Decoder, Malformed, NeighbourBy, NotForUs, TcpMeta};
use crate::base::{Endpoints, Timestamp};
use crate::capture::{Frame, LinkType};

pub const SRC4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const DST4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
pub const SRC6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
pub const DST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 2);
pub const SRC_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const DST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const V4: u16 = 0x0800;
pub const V6: u16 = 0x86dd;

/// `len` zero bytes, filled in by `set`, and then `rest`.
fn header(len: usize, rest: &[u8], set: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; len];
    bytes.extend_from_slice(rest);
    set(&mut bytes);
    bytes
}

pub fn tcp(flags: u8, payload: &[u8]) -> Vec<u8> {
    header(20, payload, |bytes| {
        let mut tcp = MutableTcpPacket::new(bytes).unwrap();
        tcp.set_source(40_000);
        tcp.set_destination(443);
        tcp.set_sequence(0x8000_0001);
        tcp.set_acknowledgement(7);
        tcp.set_data_offset(5);
        tcp.set_flags(flags);
        tcp.set_window(500);
    })
}

pub fn udp(payload: &[u8]) -> Vec<u8> {
    header(8, payload, |bytes| {
        let len = bytes.len() as u16;
        let mut udp = MutableUdpPacket::new(bytes).unwrap();
        udp.set_source(5_000);
        udp.set_destination(53);
        udp.set_length(len);
    })
}

pub fn ipv4(proto: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(proto, 0, payload, |_| ())
}

pub fn ipv4_with(
    proto: u8,
    options_len: usize,
    payload: &[u8],
    set: impl FnOnce(&mut MutableIpv4Packet<'_>),
) -> Vec<u8> {
    header(20 + options_len, payload, |bytes| {
        let len = bytes.len() as u16;
        let mut ip = MutableIpv4Packet::new(bytes).unwrap();
        ip.set_version(4);
        ip.set_header_length(5 + options_len as u8 / 4);
        ip.set_total_length(len);
        ip.set_ttl(64);
        ip.set_next_level_protocol(IpNextHeaderProtocol(proto));
        ip.set_source(SRC4);
        ip.set_destination(DST4);
        set(&mut ip);
    })
}

/// A fragment: bytes `from..to` of `datagram`.
pub fn ipv4_piece(proto: u8, id: u16, datagram: &[u8], from: usize, to: usize) -> Vec<u8> {
    ipv4_with(proto, 0, &datagram[from..to], |ip| {
        ip.set_identification(id);
        ip.set_fragment_offset(from as u16 / 8);
        ip.set_flags(u8::from(to < datagram.len()));
    })
}

pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    header(40, payload, |bytes| {
        let len = bytes.len() as u16 - 40;
        let mut ip = MutableIpv6Packet::new(bytes).unwrap();
        ip.set_version(6);
        ip.set_payload_length(len);
        ip.set_next_header(IpNextHeaderProtocol(next));
        ip.set_hop_limit(64);
        ip.set_source(SRC6);
        ip.set_destination(DST6);
    })
}

/// An extension header of `8 + 8 * units` bytes in front of `rest`: padding options.
pub fn extension(next: u8, units: u8, rest: &[u8]) -> Vec<u8> {
    header(8 + 8 * usize::from(units), rest, |bytes| {
        let mut ext = MutableExtensionPacket::new(bytes).unwrap();
        ext.set_next_header(IpNextHeaderProtocol(next));
        ext.set_hdr_ext_len(units);
        bytes[2..4].copy_from_slice(&[1, 4 + 8 * units]);
    })
}

/// An authentication header with a check value of 12 bytes.
pub fn authentication(next: u8, rest: &[u8]) -> Vec<u8> {
    header(24, rest, |bytes| bytes[..2].copy_from_slice(&[next, 4]))
}

pub fn routing(next: u8, kind: u8, left: u8, stops: &[Ipv6Addr], rest: &[u8]) -> Vec<u8> {
    header(8 + 16 * stops.len(), rest, |bytes| {
        let mut ext = MutableRoutingPacket::new(bytes).unwrap();
        ext.set_next_header(IpNextHeaderProtocol(next));
        ext.set_hdr_ext_len(2 * stops.len() as u8);
        ext.set_routing_type(kind);
        ext.set_segments_left(left);
        for (at, stop) in stops.iter().enumerate() {
            bytes[8 + 16 * at..][..16].copy_from_slice(&stop.octets());
        }
    })
}

/// A fragment header in front of bytes `from..to` of `datagram`.
pub fn fragment(next: u8, id: u32, datagram: &[u8], from: usize, to: usize) -> Vec<u8> {
    header(8, &datagram[from..to], |bytes| {
        let mut ext = MutableFragmentPacket::new(bytes).unwrap();
        ext.set_next_header(IpNextHeaderProtocol(next));
        ext.set_id(id);
        ext.set_fragment_offset(from as u16);
        ext.set_last_fragment(to == datagram.len());
    })
}

pub fn ipv6_piece(next: u8, id: u32, datagram: &[u8], from: usize, to: usize) -> Vec<u8> {
    ipv6(44, &fragment(next, id, datagram, from, to))
}

pub fn ether(kind: u16, payload: &[u8]) -> Vec<u8> {
    header(14, payload, |bytes| {
        let mut eth = MutableEthernetPacket::new(bytes).unwrap();
        eth.set_source(MacAddr::from(SRC_MAC));
        eth.set_destination(MacAddr::from(DST_MAC));
        eth.set_ethertype(EtherType(kind));
    })
}

/// What stands behind an 802.1Q type field.
pub fn tag(id: u16, kind: u16, rest: &[u8]) -> Vec<u8> {
    header(4, rest, |bytes| {
        let mut vlan = MutableVlanPacket::new(bytes).unwrap();
        vlan.set_vlan_identifier(id);
        vlan.set_drop_eligible_indicator(1);
        vlan.set_ethertype(EtherType(kind));
    })
}

/// 802.3 with LLC and SNAP.
pub fn snap(kind: u16, rest: &[u8]) -> Vec<u8> {
    let mut llc = vec![0xaa, 0xaa, 3, 0, 0, 0];
    llc.extend(kind.to_be_bytes());
    llc.extend_from_slice(rest);
    llc
}

pub fn sll(arphrd: u16, kind: u16, rest: &[u8]) -> Vec<u8> {
    header(16, rest, |bytes| {
        let mut sll = MutableSLLPacket::new(bytes).unwrap();
        sll.set_packet_type(4);
        sll.set_link_layer_address_type(arphrd);
        sll.set_link_layer_address_len(6);
        sll.set_link_layer_address(&[2, 0, 0, 0, 0, 1, 0, 0]);
        sll.set_protocol(EtherType(kind));
    })
}

pub fn sll2(arphrd: u16, kind: u16, rest: &[u8]) -> Vec<u8> {
    header(20, rest, |bytes| {
        let mut sll = MutableSLL2Packet::new(bytes).unwrap();
        sll.set_protocol_type(EtherType(kind));
        sll.set_interface_index(2);
        sll.set_arphrd_type(arphrd);
        sll.set_link_layer_address_length(6);
        sll.set_link_layer_address(&[2, 0, 0, 0, 0, 1, 0, 0]);
    })
}

/// A frame that was captured whole, `secs` after the start of the test.
pub fn frame_at(link: LinkType, bytes: &[u8], secs: i64) -> Frame<'_> {
    Frame {
        bytes,
        wire_len: bytes.len() as u32,
        time: Timestamp::from_secs_nanos(1_700_000_000 + secs, 5),
        vlan: None,
        link,
        point: 1,
    }
}

pub fn frame(bytes: &[u8]) -> Frame<'_> {
    frame_at(LinkType::Ethernet, bytes, 0)
}

/// [`Decoded`] that owns its payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Packet(Box<Owned>),
    /// Protocol, address and device.
    Neighbour(NeighbourBy, IpAddr, [u8; 6]),
    Excluded,
    Fragment,
    NotForUs(NotForUs),
    Malformed(Malformed),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    pub ends: Endpoints,
    pub tcp: Option<TcpMeta>,
    pub payload: Vec<u8>,
    pub payload_wire_len: u32,
    pub src_mac: Option<[u8; 6]>,
    pub dst_mac: Option<[u8; 6]>,
    pub vlan: Option<u16>,
}

impl Got {
    /// The packet; anything else fails the test.
    #[track_caller]
    pub fn packet(self) -> Owned {
        match self {
            Self::Packet(packet) => *packet,
            other => panic!("no packet: {other:?}"),
        }
    }
}

pub fn decode_with(decoder: &mut Decoder, frame: &Frame<'_>) -> Got {
    match decoder.decode(frame) {
        Decoded::Packet(p) => Got::Packet(Box::new(Owned {
            ends: p.ends,
            tcp: p.tcp,
            payload: p.payload.to_vec(),
            payload_wire_len: p.payload_wire_len,
            src_mac: p.src_mac,
            dst_mac: p.dst_mac,
            vlan: p.vlan,
        })),
        Decoded::Neighbour(n) => Got::Neighbour(n.by, n.ip, n.mac),
        Decoded::Excluded => Got::Excluded,
        Decoded::Fragment => Got::Fragment,
        Decoded::NotForUs(reason) => Got::NotForUs(reason),
        Decoded::Malformed(reason) => Got::Malformed(reason),
    }
}

/// With a decoder of its own.
pub fn decode(frame: &Frame<'_>) -> Got {
    decode_with(&mut Decoder::with_room(&[], 4), frame)
}

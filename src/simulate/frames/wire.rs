//! Frames of a made-up network, built with pnet's packets.
//!
//! Enters: who speaks to whom, and payloads. Leaves: Ethernet frames in packet time. Never: sends
//! anything; looks at the clock (a seed gives the same capture every time).

use std::collections::BTreeMap;
use std::net::IpAddr;

use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket, TcpFlags};
use pnet::packet::udp::{self, MutableUdpPacket};
use pnet::util::MacAddr;

use super::segments::{Segment, hello_after};
use crate::simulate::plan::Transport;

/// Link-layer address of the router, of servers and of whoever is outside.
const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Frames with their time in microseconds since the start.
#[derive(Default)]
pub struct Wire {
    frames: Vec<(u64, Vec<u8>)>,
    macs: BTreeMap<IpAddr, [u8; 6]>,
}

/// Both ends of a connection, client first.
#[derive(Clone, Copy)]
pub struct Ends {
    /// Address and port.
    pub client: (IpAddr, u16),
    /// Address and port.
    pub server: (IpAddr, u16),
}

impl Wire {
    /// From now on this address has that link-layer address.
    pub fn client(&mut self, address: IpAddr, mac: [u8; 6]) {
        self.macs.insert(address, mac);
    }

    /// One UDP datagram, up (from the client) or down.
    pub fn datagram(&mut self, at: u64, ends: Ends, up: bool, payload: &[u8]) {
        let (from, to) = if up {
            (ends.client, ends.server)
        } else {
            (ends.server, ends.client)
        };
        let mut bytes = vec![0; 8 + payload.len()];
        let mut packet = MutableUdpPacket::new(&mut bytes).expect("room for the header");
        packet.set_source(from.1);
        packet.set_destination(to.1);
        packet.set_length((8 + payload.len()) as u16);
        packet.set_payload(payload);
        let sum = match (from.0, to.0) {
            (IpAddr::V4(a), IpAddr::V4(b)) => udp::ipv4_checksum(&packet.to_immutable(), &a, &b),
            (IpAddr::V6(a), IpAddr::V6(b)) => udp::ipv6_checksum(&packet.to_immutable(), &a, &b),
            _ => unreachable!("a connection has one address family"),
        };
        packet.set_checksum(sum);
        self.frame(at, from.0, to.0, IpNextHeaderProtocols::Udp, &bytes);
    }

    /// A connection: its hello, then what passes. `at` is the time of its first packet.
    pub fn flow(
        &mut self,
        at: u64,
        ends: Ends,
        transport: Transport,
        hello: &[u8],
        segments: &[Segment],
    ) {
        let hello_at = hello_after(transport);
        if transport == Transport::H3 {
            self.datagram(at + hello_at, ends, true, hello);
            for it in segments {
                // Short header packets (RFC 9000 section 17.3.1): all that follows, from outside.
                self.datagram(at + it.at, ends, it.up, &vec![0x41; it.len as usize]);
            }
            return;
        }
        let mut pieces = vec![(hello_at, true, hello.to_vec())];
        // Where each side stands in its TLS record.
        let mut rest: [Vec<u8>; 2] = [Vec::new(), Vec::new()];
        for it in segments {
            let side = &mut rest[usize::from(it.up)];
            if let Some(len) = it.record {
                *side = application_data(len as usize);
            }
            let piece: Vec<u8> = side.drain(..it.len as usize).collect();
            pieces.push((it.at, it.up, piece));
        }
        self.dialogue(at, ends, &pieces);
    }

    /// A whole TCP connection: handshake, the pieces (microseconds after the SYN, from the client?,
    /// bytes), both FINs.
    pub fn dialogue(&mut self, at: u64, ends: Ends, pieces: &[(u64, bool, Vec<u8>)]) {
        let (mut ours, mut theirs) = (1_000, 9_000);
        let mut send = |wire: &mut Self, now: u64, is_up: bool, flags: u8, data: &[u8]| {
            let (seq, ack) = if is_up {
                (&mut ours, theirs)
            } else {
                (&mut theirs, ours)
            };
            wire.segment(at + now, ends, is_up, (*seq, ack, flags), data);
            *seq += data.len() as u32 + u32::from(flags & (TcpFlags::SYN | TcpFlags::FIN) != 0);
        };
        send(self, 0, true, TcpFlags::SYN, &[]);
        send(self, 14_000, false, TcpFlags::SYN | TcpFlags::ACK, &[]);
        send(self, 14_050, true, TcpFlags::ACK, &[]);
        for (now, up, bytes) in pieces {
            send(self, *now, *up, TcpFlags::ACK | TcpFlags::PSH, bytes);
        }
        let end = pieces.last().map_or(20_000, |(now, ..)| now + 1_500_000);
        send(self, end, true, TcpFlags::ACK | TcpFlags::FIN, &[]);
        send(
            self,
            end + 14_000,
            false,
            TcpFlags::ACK | TcpFlags::FIN,
            &[],
        );
        send(self, end + 14_100, true, TcpFlags::ACK, &[]);
    }

    fn segment(&mut self, at: u64, ends: Ends, up: bool, meta: (u32, u32, u8), data: &[u8]) {
        let (from, to) = if up {
            (ends.client, ends.server)
        } else {
            (ends.server, ends.client)
        };
        let mut bytes = vec![0; 20 + data.len()];
        let mut packet = MutableTcpPacket::new(&mut bytes).expect("room for the header");
        packet.set_source(from.1);
        packet.set_destination(to.1);
        packet.set_sequence(meta.0);
        packet.set_acknowledgement(if meta.2 & TcpFlags::ACK != 0 {
            meta.1
        } else {
            0
        });
        packet.set_flags(meta.2);
        packet.set_data_offset(5);
        packet.set_window(64_240);
        packet.set_payload(data);
        let sum = match (from.0, to.0) {
            (IpAddr::V4(a), IpAddr::V4(b)) => tcp::ipv4_checksum(&packet.to_immutable(), &a, &b),
            (IpAddr::V6(a), IpAddr::V6(b)) => tcp::ipv6_checksum(&packet.to_immutable(), &a, &b),
            _ => unreachable!("a connection has one address family"),
        };
        packet.set_checksum(sum);
        self.frame(at, from.0, to.0, IpNextHeaderProtocols::Tcp, &bytes);
    }

    fn frame(
        &mut self,
        at: u64,
        from: IpAddr,
        to: IpAddr,
        protocol: IpNextHeaderProtocol,
        payload: &[u8],
    ) {
        let (kind, packet) = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut bytes = vec![0; 20 + payload.len()];
                let mut packet = MutableIpv4Packet::new(&mut bytes).expect("room for the header");
                packet.set_version(4);
                packet.set_header_length(5);
                packet.set_total_length((20 + payload.len()) as u16);
                packet.set_ttl(64);
                packet.set_next_level_protocol(protocol);
                packet.set_source(from);
                packet.set_destination(to);
                packet.set_payload(payload);
                packet.set_checksum(ipv4::checksum(&packet.to_immutable()));
                (EtherTypes::Ipv4, bytes)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut bytes = vec![0; 40 + payload.len()];
                let mut packet = MutableIpv6Packet::new(&mut bytes).expect("room for the header");
                packet.set_version(6);
                packet.set_payload_length(payload.len() as u16);
                packet.set_hop_limit(64);
                packet.set_next_header(protocol);
                packet.set_source(from);
                packet.set_destination(to);
                packet.set_payload(payload);
                (EtherTypes::Ipv6, bytes)
            }
            _ => unreachable!("a connection has one address family"),
        };
        let mut bytes = vec![0; 14 + packet.len()];
        let mut ether = MutableEthernetPacket::new(&mut bytes).expect("room for the header");
        let mac = |address| {
            let bytes = self.macs.get(&address).copied().unwrap_or(ROUTER);
            MacAddr::from(bytes)
        };
        ether.set_source(mac(from));
        ether.set_destination(mac(to));
        ether.set_ethertype(kind);
        ether.set_payload(&packet);
        self.frames.push((at, bytes));
    }

    /// The frames in packet time.
    pub fn into_frames(mut self) -> Vec<(u64, Vec<u8>)> {
        self.frames.sort_by_key(|(at, _)| *at);
        self.frames
    }
}

/// TLS application data records (RFC 8446 section 5.1), `len` bytes with their heads.
fn application_data(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let piece = (len - bytes.len()).saturating_sub(5).min(16_384);
        bytes.extend([0x17, 3, 3]);
        bytes.extend((piece as u16).to_be_bytes());
        bytes.extend(std::iter::repeat_n(0x5a, piece));
    }
    bytes.truncate(len);
    bytes
}

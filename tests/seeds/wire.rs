//! Frames of a made-up network, built with pnet's packets, and the capture file that holds them.
//!
//! Enters: who speaks to whom, and payloads. Leaves: an Ethernet pcap in packet time. Never: sends
//! anything; looks at the clock (a seed gives the same capture every time).

use std::net::IpAddr;

use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket, TcpFlags};
use pnet::packet::udp::{self, MutableUdpPacket};
use pnet::util::MacAddr;

/// Frames with their time in microseconds since the seed's start.
#[derive(Default)]
pub struct Wire {
    frames: Vec<(u64, Vec<u8>)>,
    next_port: u16,
}

/// Both ends of a connection, client first.
#[derive(Clone, Copy)]
pub struct Ends {
    pub client: (IpAddr, u16),
    pub server: (IpAddr, u16),
}

impl Wire {
    /// A client port that no other connection of this seed has.
    pub fn port(&mut self) -> u16 {
        self.next_port = self.next_port % 20_000 + 1;
        40_000 + self.next_port
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
            _ => panic!("a connection has one address family"),
        };
        packet.set_checksum(sum);
        self.frame(at, from.0, to.0, IpNextHeaderProtocols::Udp, &bytes);
    }

    /// A whole TCP connection: handshake, `hello`, an answer, `up` more bytes, both FINs.
    pub fn connection(&mut self, at: u64, ends: Ends, hello: &[u8], up: usize) {
        let (mut ours, mut theirs) = (1_000, 9_000);
        let mut now = at;
        let mut send = |wire: &mut Self, is_up: bool, flags: u8, data: &[u8]| {
            let (seq, ack) = if is_up {
                (&mut ours, theirs)
            } else {
                (&mut theirs, ours)
            };
            wire.segment(now, ends, is_up, (*seq, ack, flags), data);
            *seq += data.len() as u32 + u32::from(flags & (TcpFlags::SYN | TcpFlags::FIN) != 0);
            now += 150;
        };
        send(self, true, TcpFlags::SYN, &[]);
        send(self, false, TcpFlags::SYN | TcpFlags::ACK, &[]);
        send(self, true, TcpFlags::ACK, &[]);
        send(self, true, TcpFlags::ACK | TcpFlags::PSH, hello);
        send(
            self,
            false,
            TcpFlags::ACK | TcpFlags::PSH,
            &application_data(900),
        );
        let sent = application_data(up);
        for piece in sent.chunks(1_400) {
            send(self, true, TcpFlags::ACK, piece);
        }
        send(self, true, TcpFlags::ACK | TcpFlags::FIN, &[]);
        send(self, false, TcpFlags::ACK | TcpFlags::FIN, &[]);
        send(self, true, TcpFlags::ACK, &[]);
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
            _ => panic!("a connection has one address family"),
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
            _ => panic!("a connection has one address family"),
        };
        let mut bytes = vec![0; 14 + packet.len()];
        let mut ether = MutableEthernetPacket::new(&mut bytes).expect("room for the header");
        ether.set_source(MacAddr::new(2, 0, 0, 0, 0, 1));
        ether.set_destination(MacAddr::new(2, 0, 0, 0, 0, 2));
        ether.set_ethertype(kind);
        ether.set_payload(&packet);
        self.frames.push((at, bytes));
    }

    /// The capture, frames in packet time, `start` in seconds since the epoch.
    pub fn pcap(mut self, start: u64) -> Vec<u8> {
        self.frames.sort_by_key(|(at, _)| *at);
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1u32] {
            file.extend(word.to_le_bytes());
        }
        for (at, bytes) in self.frames {
            let (seconds, micros) = (start + at / 1_000_000, at % 1_000_000);
            for word in [
                seconds as u32,
                micros as u32,
                bytes.len() as u32,
                bytes.len() as u32,
            ] {
                file.extend(word.to_le_bytes());
            }
            file.extend(bytes);
        }
        file
    }
}

/// TLS application data records with `len` bytes in all (RFC 8446 section 5.1).
fn application_data(len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = len;
    while left > 0 {
        let piece = left.min(16_000);
        bytes.extend([0x17, 3, 3]);
        bytes.extend((piece as u16).to_be_bytes());
        bytes.extend(std::iter::repeat_n(0x5a, piece));
        left -= piece;
    }
    bytes
}

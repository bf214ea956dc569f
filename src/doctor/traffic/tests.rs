//! Counts over frames built by ourselves.

use std::net::Ipv4Addr;

use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::MutableIpv4Packet;
use pnet::packet::tcp::MutableTcpPacket;
use pnet::packet::udp::MutableUdpPacket;

use super::{Layer, Surroundings, Traffic, TrafficFacts};
use crate::base::Timestamp;
use crate::capture::{Frame, LinkType};
use crate::event::Stats;
use crate::organisation::Organisation;

const SYN: u8 = 2;
const ACK: u8 = 16;
const RST: u8 = 4;

/// An IPv4 packet in Ethernet.
fn ip(src: [u8; 4], dst: [u8; 4], protocol: IpNextHeaderProtocol, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 14 + 20 + body.len()];
    let mut link = MutableEthernetPacket::new(&mut bytes).unwrap();
    link.set_ethertype(EtherTypes::Ipv4);
    let mut header = MutableIpv4Packet::new(&mut bytes[14..]).unwrap();
    header.set_version(4);
    header.set_header_length(5);
    header.set_total_length(20 + body.len() as u16);
    header.set_ttl(64);
    header.set_next_level_protocol(protocol);
    header.set_source(Ipv4Addr::from(src));
    header.set_destination(Ipv4Addr::from(dst));
    header.set_payload(body);
    bytes
}

type End = ([u8; 4], u16);

fn tcp(src: End, dst: End, flags: u8, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 20 + payload.len()];
    let mut header = MutableTcpPacket::new(&mut body).unwrap();
    header.set_source(src.1);
    header.set_destination(dst.1);
    header.set_sequence(seq);
    header.set_data_offset(5);
    header.set_flags(flags);
    header.set_payload(payload);
    ip(src.0, dst.0, IpNextHeaderProtocols::Tcp, &body)
}

fn udp(src: End, dst: End, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 8 + payload.len()];
    let mut header = MutableUdpPacket::new(&mut body).unwrap();
    header.set_source(src.1);
    header.set_destination(dst.1);
    header.set_length(8 + payload.len() as u16);
    header.set_payload(payload);
    ip(src.0, dst.0, IpNextHeaderProtocols::Udp, &body)
}

/// Frames of one point, a microsecond apart.
struct Sample<'a>(Traffic<'a>, i64);

impl Sample<'_> {
    fn take(&mut self, bytes: &[u8]) {
        self.at(bytes, self.1 + 1000, 0);
    }

    fn at(&mut self, bytes: &[u8], time: i64, point: u16) {
        self.1 = time;
        let frame = Frame {
            bytes,
            wire_len: bytes.len() as u32,
            time: Timestamp(time),
            vlan: None,
            link: LinkType::Ethernet,
            point,
        };
        self.0.frame(&frame, None);
    }
}

fn sampled(around: &Surroundings, map: &str, take: impl Fn(&mut Sample<'_>)) -> TrafficFacts {
    let map = Organisation::parse(map, "map").unwrap();
    let mut sample = Sample(Traffic::new(around, &map), 0);
    take(&mut sample);
    sample.0.end(&Stats::default())
}

fn plain(take: impl Fn(&mut Sample<'_>)) -> TrafficFacts {
    sampled(&Surroundings::default(), "", take)
}

const SERVER: End = ([198, 51, 100, 1], 443);

fn client(nth: u8) -> End {
    ([10, 0, 0, nth], 40_000)
}

/// A conversation of which some sides are seen.
fn talk(sample: &mut Sample<'_>, client: End, up: bool, down: bool) {
    let packets = [
        (true, SYN, 1, &b""[..]),
        (false, SYN | ACK, 1, b""),
        (true, ACK, 2, b""),
        (true, ACK, 2, b"hello"),
        (false, ACK, 2, b"hello yourself"),
        (true, ACK, 7, b"what do you think of this?"),
        (false, ACK, 16, b"not much"),
        (false, ACK, 24, b"but go on"),
    ];
    for (forth, flags, seq, payload) in packets {
        if forth && up {
            sample.take(&tcp(client, SERVER, flags, seq, payload));
        } else if !forth && down {
            sample.take(&tcp(SERVER, client, flags, seq, payload));
        }
    }
}

#[test]
fn both_directions_one_or_the_other() {
    let of = |up, down| {
        let facts = plain(|sample| {
            for nth in 1..=3 {
                talk(sample, client(nth), up, down);
            }
        });
        (facts.talks, facts.talks_one_way, facts.talks_from_client)
    };
    assert_eq!(of(true, true), (3, 0, 0));
    assert_eq!(of(true, false), (3, 3, 3));
    assert_eq!(of(false, true), (3, 3, 0));
}

#[test]
fn what_nobody_answered_is_no_missing_direction() {
    let facts = plain(|sample| {
        for seq in 0..20 {
            // A SYN that is sent again and again, and resets out of nowhere.
            sample.take(&tcp(client(1), SERVER, SYN, 1, b""));
            sample.take(&tcp(SERVER, client(2), RST | ACK, seq, b""));
        }
    });
    assert_eq!((facts.talks, facts.talks_one_way), (0, 0));
}

#[test]
fn connections_count_by_client_and_those_to_ourselves_do_not() {
    let around = Surroundings {
        own: vec!["203.0.113.9".parse().unwrap()],
        monitored: vec!["10.0.0.0/8".parse().unwrap()],
        ..Surroundings::default()
    };
    let own = ([203, 0, 113, 9], 50_000);
    let facts = sampled(&around, "", |sample| {
        talk(sample, client(1), true, true);
        talk(sample, client(2), true, true);
        // Met in the middle, from the server's side.
        sample.take(&tcp(SERVER, client(3), ACK, 5, b"more"));
        sample.take(&tcp(own, SERVER, SYN, 1, b""));
        // Somebody knocks at our door.
        sample.take(&tcp(
            ([192, 0, 2, 66], 60_000),
            ([203, 0, 113, 9], 22),
            SYN,
            1,
            b"",
        ));
        // Nobody knows who called here.
        sample.take(&tcp(
            ([10, 0, 0, 4], 50_000),
            ([10, 0, 0, 5], 50_001),
            ACK,
            1,
            b"x",
        ));
    });
    assert_eq!((facts.connections, facts.clients), (4, 4));
    assert_eq!((facts.connections_own, facts.connections_monitored), (1, 3));
    // Those of the server with three clients, and the two that nobody knows.
    assert_eq!(facts.between_others, 8 + 8 + 1 + 1);
}

#[test]
fn look_ups_their_answers_and_whose_they_are() {
    let resolver = ([192, 0, 2, 53], 53);
    let map = "[[network]]\nprefix = \"10.0.0.1/32\"\nkind = \"resolver\"\n";
    let asked = |askers: u8, map: &str| {
        sampled(&Surroundings::default(), map, |sample| {
            for nth in 1..=askers {
                sample.take(&udp(client(nth), resolver, b"query"));
                sample.take(&udp(client(nth), resolver, b"query again"));
                sample.take(&udp(resolver, client(nth), b"answer"));
            }
        })
    };
    let one = asked(1, map);
    assert_eq!(
        (one.dns_queries, one.dns_answers, one.dns_clients),
        (2, 1, 1)
    );
    assert!(one.dns_from_resolver);
    assert_eq!(one.connections, 0, "a look-up is no connection");
    assert!(!asked(1, "").dns_from_resolver);
    let two = asked(2, map);
    assert_eq!((two.dns_clients, two.dns_from_resolver), (2, false));
}

#[test]
fn one_client_that_the_map_names_is_known() {
    let map = "[[network]]\nprefix = \"10.0.0.1/32\"\nkind = \"proxy\"\n";
    let of = |map: &str| {
        let facts = sampled(&Surroundings::default(), map, |sample| {
            talk(sample, client(1), true, true);
        });
        (facts.clients, facts.client_shared)
    };
    assert_eq!(of(map), (1, true));
    assert_eq!(of(""), (1, false));
}

#[test]
fn the_same_packet_within_a_millisecond_is_seen_twice() {
    let facts = plain(|sample| {
        let packet = tcp(client(1), SERVER, ACK, 2, b"hello");
        sample.at(&packet, 1_000_000, 0);
        sample.at(&packet, 1_500_000, 0);
        sample.at(&packet, 1_600_000, 1);
        // A retransmission.
        sample.at(&packet, 300_000_000, 0);
        // Acknowledgements repeat themselves.
        let bare = tcp(client(1), SERVER, ACK, 7, b"");
        sample.at(&bare, 300_001_000, 0);
        sample.at(&bare, 300_002_000, 0);
    });
    assert_eq!(
        (facts.compared, facts.twice, facts.twice_elsewhere),
        (4, 1, 1)
    );
}

#[test]
fn a_hop_between_does_not_hide_that_it_is_the_same_packet() {
    let facts = plain(|sample| {
        let mut packet = tcp(client(1), SERVER, ACK, 2, b"hello");
        sample.take(&packet);
        // Another router's link addresses, one hop less.
        packet[0..12].fill(7);
        packet[22] = 63;
        sample.take(&packet);
    });
    assert_eq!(facts.twice, 1);
}

#[test]
fn frames_longer_than_the_mtu_are_told_by_transport() {
    let around = Surroundings {
        mtu: vec![Some(1500)],
        ..Surroundings::default()
    };
    let facts = sampled(&around, "", |sample| {
        sample.take(&tcp(client(1), SERVER, ACK, 1, &[7; 1460]));
        sample.take(&tcp(client(1), SERVER, ACK, 2, &[7; 9000]));
        sample.take(&udp(client(1), SERVER, &[7; 2400]));
        // Of another point the MTU is not known.
        sample.at(&udp(client(1), SERVER, &[7; 2400]), 9_000_000, 1);
    });
    assert_eq!((facts.joined_tcp, facts.joined_udp), (1, 1));
}

#[test]
fn what_cannot_be_read_has_a_name() {
    let mut macsec = ip(
        [10, 0, 0, 1],
        [10, 0, 0, 2],
        IpNextHeaderProtocols::Tcp,
        b"",
    );
    macsec[12..14].copy_from_slice(&[0x88, 0xe5]);
    let facts = plain(|sample| {
        sample.take(&ip(
            [10, 0, 0, 1],
            [10, 0, 0, 2],
            IpNextHeaderProtocols::Esp,
            &[0; 40],
        ));
        sample.take(&macsec);
        sample.take(&ip(
            [10, 0, 0, 1],
            [10, 0, 0, 2],
            IpNextHeaderProtocols::Icmp,
            &[0; 40],
        ));
    });
    let expected = [(Layer::Macsec, 1), (Layer::Esp, 1)];
    assert_eq!(facts.undecoded, expected.into());
}

#[test]
fn nothing_of_an_excluded_prefix_is_counted_but_the_frame() {
    let around = Surroundings {
        excluded: vec!["10.0.0.0/8".parse().unwrap()],
        ..Surroundings::default()
    };
    let facts = sampled(&around, "", |sample| talk(sample, client(1), true, true));
    assert_eq!((facts.frames, facts.excluded), (8, 8));
    assert_eq!((facts.talks, facts.connections, facts.compared), (0, 0, 0));
}

#[test]
fn broadcasts_are_nobodys_conversation() {
    let facts = plain(|sample| {
        sample.take(&udp(client(1), ([255; 4], 67), b"x"));
        sample.take(&udp(client(1), ([239, 1, 2, 3], 1900), b"x"));
        sample.take(&udp(client(1), ([10, 0, 0, 255], 138), b"x"));
    });
    assert_eq!((facts.between_others, facts.connections), (0, 0));
}

//! A port is no proof: what comes to a tunnel's port and is no tunnel stays what it is.

use proptest::prelude::*;

use super::super::span::Span;
use super::super::transport::{self, UDP as UDP_PROTO};
use super::super::{Decoder, Malformed, udp_tunnel};
use super::build::*;
use super::wrap::*;

const PORTS: [u16; 14] = [
    1701, 2152, 3544, 4341, 4754, 4789, 4790, 5247, 5555, 6080, 6081, 6635, 8472, 37_008,
];

/// Is a datagram to or from `port` taken for a tunnel?
fn is_tunnel(port: u16, payload: &[u8]) -> bool {
    [udp_to(port, payload), {
        let mut back = udp(payload);
        back[..2].copy_from_slice(&port.to_be_bytes());
        back
    }]
    .iter()
    .any(|datagram| {
        let segment = transport::open(UDP_PROTO, Span::whole(datagram))
            .ok()
            .unwrap();
        assert!(udp_tunnel::may_be(&segment));
        udp_tunnel::find(&segment).is_some()
    })
}

#[test]
fn only_these_ports_are_looked_at() {
    for port in 0..=u16::MAX {
        let datagram = udp_to(port, b"x");
        let segment = transport::open(UDP_PROTO, Span::whole(&datagram))
            .ok()
            .unwrap();
        assert_eq!(
            udp_tunnel::may_be(&segment),
            PORTS.contains(&port),
            "{port}"
        );
    }
}

#[test]
fn no_dns_message_is_taken_for_a_tunnel() {
    let mut messages = Vec::new();
    for (flags, answers, authority) in [
        (0x0100, 0, 0),
        (0x8180, 1, 0),
        (0x8183, 0, 1),
        (0x8580, 33, 0),
    ] {
        for name_len in 1..40u8 {
            let mut message = vec![0, 0];
            for word in [flags, 1, answers, authority, 1u16] {
                message.extend(word.to_be_bytes());
            }
            message.push(name_len);
            message.extend(vec![b'E'; usize::from(name_len)]);
            message.extend([0, 0, 1, 0, 1]);
            message.extend(
                [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1].repeat(answers.into()),
            );
            messages.push(message);
        }
    }
    for mut message in messages {
        // Every id by its first byte, and by its second, which is where headers have their flags.
        for id in 0..=0xffu16 {
            for pair in [
                [id as u8, 0x5a],
                [id as u8, 0],
                [id as u8, 0xff],
                [0x30, id as u8],
                [0, id as u8],
            ] {
                message[..2].copy_from_slice(&pair);
                for port in PORTS {
                    assert!(!is_tunnel(port, &message), "{port} {message:02x?}");
                }
            }
        }
    }
}

#[test]
fn a_question_cannot_be_dressed_up_as_the_answer_of_a_tunnel() {
    // L2TPv3 by its id; behind a cookie of twelve bytes a record that nobody asked for has the
    // type field of MPLS where an Ethernet frame would have it.
    let mut message = vec![0, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend(b"\x07pimeyes\x03com\0\0\x01\0\x01");
    message.extend([0, 0, 16, 0x88, 0x47, 0, 0, 0, 0, 0, 4, 3, b'a', b'b', b'c']);
    let from_tunnel = |to: u16| {
        let mut datagram = udp_to(to, &message);
        datagram[..2].copy_from_slice(&1701u16.to_be_bytes());
        let segment = transport::open(UDP_PROTO, Span::whole(&datagram));
        udp_tunnel::find(&segment.ok().unwrap()).is_some()
    };
    assert!(from_tunnel(40_000), "it looks like one");
    assert!(!from_tunnel(53), "but who asks port 53 asks for a name");
}

proptest! {
    /// Encrypted datagrams (QUIC, WireGuard and what not) are noise.
    #[test]
    fn noise_is_no_tunnel(
        payload in prop::collection::vec(any::<u8>(), 0..1400),
        port in prop::sample::select(PORTS.to_vec()),
    ) {
        prop_assert!(!is_tunnel(port, &payload));
    }

    /// Layers in any order, up to the bound.
    #[test]
    fn any_nesting_is_unwrapped(layers in prop::collection::vec(0usize..14, 0..12)) {
        let mut packet = ipv4(TCP, &tcp(0x18, b"hello"));
        for layer in &layers {
            packet = around(*layer, &packet);
        }
        let bytes = ether(if packet[0] >> 4 == 6 { V6 } else { V4 }, &packet);
        let mut decoder = Decoder::with_room(&[], 4);
        let got = decode_with(&mut decoder, &frame(&bytes));
        if layers.len() <= 8 {
            prop_assert_eq!(got.packet().payload, b"hello");
            prop_assert_eq!(decoder.tunnels().total(), layers.len() as u64);
        } else {
            prop_assert_eq!(got, Got::Malformed(Malformed::TooDeep));
        }
    }
}

/// One layer around an IP packet, in IPv4 or IPv6.
fn around(layer: usize, packet: &[u8]) -> Vec<u8> {
    let six = packet[0] >> 4 == 6;
    let kind = if six { V6 } else { V4 };
    let frame = inner_ether(kind, packet);
    let ppp_in = ppp(if six { 0x57 } else { 0x21 }, packet);
    match layer {
        0 => ipv4(if six { 41 } else { 4 }, packet),
        1 => ipv6(if six { 41 } else { 4 }, packet),
        2 => ipv4(47, &gre(0x2000, kind, &[0, 0, 0, 9], packet)),
        3 => ipv6(47, &gre(0, 0x6558, &[], &frame)),
        4 => ipv4(UDP, &udp_to(4789, &vxlan(7, &frame))),
        5 => ipv6(UDP, &udp_to(6081, &geneve(0x6558, 7, &[0; 4], &frame))),
        6 => ipv4(UDP, &udp_to(2152, &gtp(0x30, &[], packet))),
        7 => ipv4(97, &[&[0x30, 0], frame.as_slice()].concat()),
        8 => ipv4(47, &pptp(&ppp_in)),
        9 => ipv6(UDP, &udp_to(1701, &l2tp(&ppp_in))),
        10 => ipv4(137, &mpls(&[16, 17, 18], packet)),
        11 => ipv6(
            0,
            &extension(137, 0, &mpls(&[16], &[&[0; 4], frame.as_slice()].concat())),
        ),
        12 => ipv4(
            47,
            &gre(0, 0x88be, &[], &inner_ether(0x8100, &tag(3, kind, packet))),
        ),
        _ => ipv4(
            UDP,
            &udp_to(37_008, &[&[1, 0, 0, 1, 1], frame.as_slice()].concat()),
        ),
    }
}

//! Fragments around tunnels, fragments inside tunnels, and both.

use super::super::{Decoder, Malformed};
use super::build::*;
use super::wrap::*;

/// The pieces of a datagram in IPv4.
fn pieces(proto: u8, id: u16, datagram: &[u8], at: usize) -> [Vec<u8>; 2] {
    [(0, at), (at, datagram.len())].map(|(from, to)| ipv4_piece(proto, id, datagram, from, to))
}

/// Puts a packet into the tunnel of that number.
type Wrap = fn(u32, &[u8]) -> Vec<u8>;

fn in_vxlan(network: u32, packet: &[u8]) -> Vec<u8> {
    udp_to(4789, &vxlan(network, &inner_ether(V4, packet)))
}

#[test]
fn a_tunnel_in_fragments_and_fragments_in_a_tunnel() {
    let question = udp(b"a question of some length, so that it can be cut");
    let mut decoder = Decoder::with_room(&[], 4);
    let mut feed = |bytes: &[u8]| decode_with(&mut decoder, &frame(&ether(V4, bytes)));
    // Outer.
    let [first, last] = pieces(UDP, 1, &in_vxlan(7, &ipv4(UDP, &question)), 48);
    assert_eq!(feed(&first), Got::Fragment);
    assert_eq!(feed(&last).packet().payload, question[8..]);
    // Inner.
    let [first, last] = pieces(UDP, 2, &question, 24).map(|piece| ipv4(UDP, &in_vxlan(7, &piece)));
    assert_eq!(feed(&first), Got::Fragment);
    assert_eq!(feed(&last).packet().payload, question[8..]);
    // Inner ones, each of which travels in outer ones.
    let [first, last] = pieces(UDP, 3, &question, 24).map(|piece| in_vxlan(7, &piece));
    for (id, carried) in [(10, first), (11, last)] {
        let [head, tail] = pieces(UDP, id, &carried, 32);
        assert_eq!(feed(&tail), Got::Fragment);
        let got = feed(&head);
        if id == 10 {
            assert_eq!(got, Got::Fragment);
        } else {
            assert_eq!(got.packet().payload, question[8..]);
        }
    }
}

#[test]
fn networks_with_the_same_addresses_do_not_mix() {
    let question = udp(b"a question of some length, so that it can be cut");
    let other = udp(b"another one, as long as that, which is nobody's");
    let [first, last] = pieces(UDP, 2, &question, 24);
    let wraps: [Wrap; 4] = [
        |id, packet| ipv4(UDP, &in_vxlan(id, packet)),
        |id, packet| ipv4(47, &gre(0x2000, V4, &id.to_be_bytes(), packet)),
        |id, packet| ipv4(137, &mpls(&[16, id], packet)),
        |id, packet| ipv4_with(4, 0, packet, |ip| ip.set_source(id.into())),
    ];
    for wrap in wraps {
        let mut decoder = Decoder::with_room(&[], 4);
        let mut feed = |bytes: &[u8]| decode_with(&mut decoder, &frame(&ether(V4, bytes)));
        let [_, foreign] = pieces(UDP, 2, &other, 24);
        assert_eq!(feed(&wrap(100, &first)), Got::Fragment);
        assert_eq!(feed(&wrap(101, &foreign)), Got::Fragment);
        assert_eq!(feed(&wrap(100, &last)).packet().payload, question[8..]);
    }
}

#[test]
fn fragments_three_deep_are_too_deep() {
    let question = udp(b"a question of some length, so that it can be cut");
    let mut packets = vec![ipv4(UDP, &question)];
    for level in 0..3 {
        let mut next = Vec::new();
        for (at, packet) in packets.iter().enumerate() {
            next.extend(pieces(4, level * 100 + at as u16, packet, 16));
        }
        packets = next;
    }
    let mut decoder = Decoder::with_room(&[], 16);
    let mut last = Got::Fragment;
    for packet in &packets {
        last = decode_with(&mut decoder, &frame(&ether(V4, packet)));
    }
    assert_eq!(last, Got::Malformed(Malformed::TooDeep));
}

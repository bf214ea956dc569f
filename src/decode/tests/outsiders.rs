//! What a tunnel from outside says of a client inside is not believed.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::super::{Decoder, NotForUs};
use super::build::*;
use super::wrap::*;

const FOREIGN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
const BRANCH: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn decoder(monitored: &[&str], ends: &[&str]) -> Decoder {
    Decoder::with_room(&[], 4).believing(&nets(monitored), &nets(ends))
}

fn v4(from: Ipv4Addr, to: Ipv4Addr, proto: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4(proto, payload);
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    summed(packet)
}

/// A frame between tunnel ends with a frame inside.
fn in_vxlan(from: Ipv4Addr, to: Ipv4Addr, inner: &[u8], kind: u16) -> Vec<u8> {
    let datagram = udp_to(4789, &vxlan(7, &inner_ether(kind, inner)));
    ether(V4, &v4(from, to, UDP, &datagram))
}

/// `from` carries a segment of one to the other.
fn carries(decoder: &mut Decoder, from: Ipv4Addr, one: Ipv4Addr, other: Ipv4Addr) -> bool {
    let inner = v4(one, other, TCP, &tcp(0x18, b"hello"));
    let wraps = [
        in_vxlan(from, GATEWAY, &inner, V4),
        ether(V4, &v4(from, GATEWAY, 47, &gre(0, V4, &[], &inner))),
        ether(V4, &v4(from, GATEWAY, 4, &inner)),
    ];
    let mut read = wraps
        .iter()
        .map(|bytes| match decode_with(decoder, &frame(bytes)) {
            Got::Packet(packet) => {
                assert_eq!(packet.ends.src, one);
                true
            }
            other => {
                assert_eq!(other, Got::NotForUs(NotForUs::ForeignTunnel));
                false
            }
        });
    let first = read.next().unwrap();
    assert!(
        read.all(|it| it == first),
        "one tunnel is as good as another"
    );
    first
}

#[test]
fn a_tunnel_from_outside_accuses_nobody_inside() {
    let mut decoder = decoder(&["10.0.0.0/8"], &["203.0.113.7/32"]);
    assert!(!carries(&mut decoder, FOREIGN, CLIENT, SERVER));
    // Nor by the answer of a server that he never asked.
    assert!(!carries(&mut decoder, FOREIGN, SERVER, CLIENT));
    // Nor by a name server that stands inside, nor by a device that has no address yet.
    let private = Ipv4Addr::new(172, 16, 0, 53);
    assert!(!carries(&mut decoder, FOREIGN, private, CLIENT));
    assert!(!carries(
        &mut decoder,
        FOREIGN,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST
    ));
}

#[test]
fn tunnels_of_our_own_are_read() {
    let mut known = decoder(&["10.0.0.0/8"], &["203.0.113.7/32"]);
    // A branch office, answers that come from it, a switch that mirrors, a client's own tunnel.
    assert!(carries(&mut known, BRANCH, CLIENT, SERVER));
    assert!(carries(
        &mut known,
        Ipv4Addr::new(172, 16, 9, 9),
        CLIENT,
        SERVER
    ));
    assert!(carries(
        &mut known,
        Ipv4Addr::new(10, 9, 9, 9),
        CLIENT,
        SERVER
    ));
    assert!(carries(&mut known, BRANCH, SERVER, CLIENT));
    // What is between others is not about us.
    assert!(carries(&mut known, FOREIGN, SERVER, BRANCH));
    // Without monitored networks nothing is known of inside and outside.
    assert!(carries(&mut decoder(&[], &[]), FOREIGN, CLIENT, SERVER));
    // And what is in no tunnel is asked nothing.
    let plain = ether(V4, &v4(CLIENT, SERVER, TCP, &tcp(0x18, b"x")));
    let mut strict = decoder(&["10.0.0.0/8"], &[]);
    assert_eq!(
        decode_with(&mut strict, &frame(&plain)).packet().ends.src,
        CLIENT
    );
}

#[test]
fn nobody_outside_says_which_device_holds_an_address() {
    let [a, b, c, d] = CLIENT.octets();
    let claim = [
        &[0, 1, 8, 0, 6, 4, 0, 2][..],
        &INNER_SRC,
        &[a, b, c, d],
        &INNER_DST,
        &[10, 1, 2, 9],
    ]
    .concat();
    let asks = |from, decoder: &mut Decoder| {
        decode_with(decoder, &frame(&in_vxlan(from, GATEWAY, &claim, 0x0806)))
    };
    let mut decoder = decoder(&["10.0.0.0/8"], &["203.0.113.7/32"]);
    assert_eq!(
        asks(FOREIGN, &mut decoder),
        Got::NotForUs(NotForUs::ForeignTunnel)
    );
    assert!(matches!(asks(BRANCH, &mut decoder), Got::Neighbour(..)));
}

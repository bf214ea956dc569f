//! ARP and neighbour discovery: what claims an address, and what only asks for one.

use std::net::{IpAddr, Ipv6Addr};

use super::super::*;
use super::build::*;

const ARP: u16 = 0x0806;
const MAC: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 0x0a];
const OWN: &str = "2001:db8::7";

fn arp(operation: u8, mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    [&head[..], &mac, &sender, &[0; 6], &target].concat()
}

fn octets(address: &str) -> [u8; 16] {
    address.parse::<Ipv6Addr>().unwrap().octets()
}

/// Kind 135 or 136 from `src`, about `target`, with options.
fn discovery(kind: u8, src: &str, target: &str, options: &[u8]) -> Vec<u8> {
    let body = [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &octets(target), options].concat();
    let mut ip = ipv6(58, &body);
    ip[7] = 255;
    ip[8..24].copy_from_slice(&octets(src));
    ip
}

fn link_address(kind: u8) -> Vec<u8> {
    [&[kind, 1][..], &MAC].concat()
}

fn of(kind: u16, body: &[u8]) -> Got {
    decode(&frame(&ether(kind, body)))
}

fn not_ip() -> Got {
    Got::NotForUs(NotForUs::NotIp)
}

fn other() -> Got {
    Got::NotForUs(NotForUs::OtherTransport)
}

#[test]
fn arp_senders_claim_and_probes_do_not() {
    let own = [10, 0, 0, 7];
    let claims = Got::Neighbour(NeighbourBy::Arp, IpAddr::from(own), MAC);
    for (operation, target) in [(1, [10, 0, 0, 1]), (2, [10, 0, 0, 1]), (1, own), (2, own)] {
        assert_eq!(of(ARP, &arp(operation, MAC, own, target)), claims);
    }
    let tagged = ether(0x8100, &tag(7, ARP, &arp(1, MAC, own, own)));
    assert_eq!(decode(&frame(&tagged)), claims);
    for (operation, mac, sender) in [
        (1, MAC, [0; 4]),
        (1, MAC, [127, 0, 0, 1]),
        (2, MAC, [224, 0, 0, 1]),
        (2, MAC, [255; 4]),
        (2, [0; 6], own),
        (2, [0xff; 6], own),
        (2, [1, 0, 0x5e, 0, 0, 1], own),
        (3, MAC, own),
        (0, MAC, own),
    ] {
        assert_eq!(of(ARP, &arp(operation, mac, sender, own)), not_ip());
    }
}

#[test]
fn arp_of_other_links_and_cut_ones() {
    let good = arp(2, MAC, [10, 0, 0, 7], [10, 0, 0, 1]);
    for (at, byte) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (6, 1)] {
        let mut odd = good.clone();
        odd[at] = byte;
        assert_eq!(of(ARP, &odd), not_ip());
    }
    assert_eq!(of(ARP, &good[..27]), Got::Malformed(Malformed::BadLength));
    let bytes = ether(ARP, &good);
    let cut = Frame {
        bytes: &bytes[..30],
        ..frame(&bytes)
    };
    assert_eq!(decode(&cut), Got::Malformed(Malformed::Truncated));
}

#[test]
fn solicitations_claim_their_sender_and_advertisements_their_target() {
    let claims = |ip: &str| Got::Neighbour(NeighbourBy::Ndp, ip.parse().unwrap(), MAC);
    let asks = discovery(135, OWN, "2001:db8::1", &link_address(1));
    assert_eq!(of(V6, &asks), claims(OWN));
    let says = discovery(136, "fe80::7", OWN, &link_address(2));
    assert_eq!(of(V6, &says), claims(OWN));
    let behind_another = [vec![14, 1, 0, 0, 0, 0, 0, 0], link_address(2)].concat();
    assert_eq!(
        of(V6, &discovery(136, "fe80::7", OWN, &behind_another)),
        claims(OWN)
    );
}

#[test]
fn duplicate_address_detection_and_the_rest_claim_nothing() {
    // Who asks whether an address is free has no address and says no device.
    for (kind, src, target, options) in [
        (135, "::", OWN, vec![]),
        (135, "::", OWN, link_address(1)),
        (135, OWN, "2001:db8::1", vec![]),
        (135, OWN, "2001:db8::1", link_address(2)),
        (136, "fe80::7", OWN, vec![]),
        (136, "fe80::7", "ff02::1", link_address(2)),
        (134, "fe80::7", OWN, link_address(1)),
        (128, OWN, OWN, link_address(1)),
    ] {
        assert_eq!(
            of(V6, &discovery(kind, src, target, &options)),
            other(),
            "{kind} {src}"
        );
    }
    let mut from_afar = discovery(136, OWN, OWN, &link_address(2));
    from_afar[7] = 254;
    assert_eq!(of(V6, &from_afar), other(), "through a router");
    let mut code = discovery(136, OWN, OWN, &link_address(2));
    code[41] = 1;
    assert_eq!(of(V6, &code), other());
    let mut extended = ipv6(
        60,
        &extension(58, 0, &discovery(136, OWN, OWN, &link_address(2))[40..]),
    );
    extended[7] = 255;
    assert_eq!(of(V6, &extended), other(), "behind an extension header");
}

#[test]
fn lying_options_are_broken() {
    for (options, reason) in [
        (vec![2, 0, 0, 0, 0, 0, 0, 0], Malformed::BadLength),
        (vec![9, 3, 0, 0, 0, 0, 0, 0], Malformed::BadLength),
        (vec![2], Malformed::BadLength),
    ] {
        let got = of(V6, &discovery(136, OWN, OWN, &options));
        assert_eq!(got, Got::Malformed(reason), "{options:?}");
    }
    let short = discovery(136, OWN, OWN, &[]);
    let mut short = short[..50].to_vec();
    short[5] = 10;
    assert_eq!(of(V6, &short), Got::Malformed(Malformed::BadLength));
}

#[test]
fn excluded_addresses_claim_nothing() {
    let excluded = ["10.9.0.0/16", "2001:db8:9::/48"].map(|net| net.parse().unwrap());
    let mut decoder = Decoder::with_room(&excluded, 1);
    let frames = [
        ether(ARP, &arp(1, MAC, [10, 9, 0, 7], [10, 0, 0, 1])),
        ether(ARP, &arp(1, MAC, [10, 0, 0, 7], [10, 9, 0, 1])),
        ether(V6, &discovery(135, "2001:db8:9::7", OWN, &link_address(1))),
        ether(
            V6,
            &discovery(136, "fe80::7", "2001:db8:9::7", &link_address(2)),
        ),
    ];
    for bytes in &frames {
        assert_eq!(decode_with(&mut decoder, &frame(bytes)), Got::Excluded);
        assert!(matches!(decode(&frame(bytes)), Got::Neighbour(..)));
    }
}

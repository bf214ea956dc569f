//! Excluded prefixes: nothing of such a packet comes out, whatever else is true of it.

use std::net::Ipv6Addr;

use ipnet::IpNet;

use super::super::{Decoder, FragmentFate};
use super::build::*;

fn decoder(prefixes: &[&str]) -> Decoder {
    Decoder::with_room(
        &prefixes
            .iter()
            .map(|p| p.parse().unwrap())
            .collect::<Vec<IpNet>>(),
        4,
    )
}

#[test]
fn either_end_excludes() {
    let v4 = ether(V4, &ipv4(TCP, &tcp(0x18, b"x")));
    let v6 = ether(V6, &ipv6(TCP, &tcp(0x18, b"x")));
    for (prefix, out4, out6) in [
        ("192.0.2.0/24", true, false),
        ("198.51.100.2/32", true, false),
        ("203.0.113.0/24", false, false),
        ("2001:db8:1::/48", false, true),
        ("2001:db8:2::2/128", false, true),
    ] {
        let mut decoder = decoder(&[prefix]);
        assert_eq!(
            decode_with(&mut decoder, &frame(&v4)) == Got::Excluded,
            out4,
            "{prefix}"
        );
        assert_eq!(
            decode_with(&mut decoder, &frame(&v6)) == Got::Excluded,
            out6,
            "{prefix}"
        );
    }
}

#[test]
fn nothing_is_said_of_what_is_excluded() {
    let mut decoder = decoder(&["192.0.2.0/24", "2001:db8:2::/48"]);
    let mut broken = ipv4(TCP, b"");
    broken[0] = 0x41;
    for bytes in [
        ether(V4, &broken),
        ether(V4, &ipv4(1, b"ping")),
        ether(V4, &ipv4(UDP, b"")),
        ether(V4, &ipv4_piece(UDP, 1, &udp(&[1; 40]), 0, 16)),
        ether(V4, &ipv4_piece(UDP, 1, &udp(&[1; 40]), 16, 48)),
        ether(V6, &ipv6_piece(UDP, 1, &udp(&[1; 40]), 16, 48)),
        ether(V6, &ipv6(60, &[1])),
    ] {
        assert_eq!(decode_with(&mut decoder, &frame(&bytes)), Got::Excluded);
    }
    assert_eq!(decoder.fragments_pending(), 0);
}

#[test]
fn mapped_addresses_and_routing_headers_are_no_way_round() {
    let mut mapped = ipv6(TCP, &tcp(0x18, b"x"));
    mapped[24..40].copy_from_slice(&DST4.to_ipv6_mapped().octets());
    let last = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 9);
    let routed = ipv6(43, &routing(TCP, 4, 1, &[last], &tcp(0x18, b"x")));
    let mut decoder = decoder(&["198.51.100.0/24", "2001:db8:9::/48"]);
    for ip in [mapped, routed] {
        assert_eq!(
            decode_with(&mut decoder, &frame(&ether(V6, &ip))),
            Got::Excluded
        );
    }
}

#[test]
fn a_reload_gives_up_what_was_held() {
    let mut decoder = decoder(&[]);
    let datagram = udp(&[1; 40]);
    let v4 = [(0, 16), (16, 48)].map(|(a, b)| ether(V4, &ipv4_piece(UDP, 1, &datagram, a, b)));
    let v6 = [(0, 16), (16, 48)].map(|(a, b)| ether(V6, &ipv6_piece(UDP, 1, &datagram, a, b)));
    assert_eq!(decode_with(&mut decoder, &frame(&v4[0])), Got::Fragment);
    assert_eq!(decode_with(&mut decoder, &frame(&v6[0])), Got::Fragment);
    decoder.set_excluded(&["192.0.2.1/32".parse().unwrap()]);
    assert_eq!(decoder.fragments_pending(), 1);
    assert_eq!(
        decoder.fragment_fates().at(FragmentFate::Excluded.index()),
        1
    );
    assert_eq!(decode_with(&mut decoder, &frame(&v4[1])), Got::Excluded);
    assert_eq!(
        decode_with(&mut decoder, &frame(&v6[1])).packet().payload,
        [1; 40]
    );
    decoder.set_excluded(&[]);
    assert_eq!(decode_with(&mut decoder, &frame(&v4[1])), Got::Fragment);
}

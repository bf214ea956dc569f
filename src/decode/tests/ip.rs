//! IPv4 and IPv6 headers.

use std::net::{IpAddr, Ipv6Addr};

use super::super::{Malformed, NotForUs};
use super::build::*;
use crate::capture::Frame;

const HEADERS: [u8; 6] = [0, 43, 60, 135, 139, 140];

#[track_caller]
fn refused(bytes: &[u8], reason: Malformed) {
    assert_eq!(decode(&frame(bytes)), Got::Malformed(reason));
}

#[test]
fn ipv4_options_are_passed() {
    for options_len in [4, 20, 40] {
        let ip = ipv4_with(UDP, options_len, &udp(b"hi"), |_| ());
        let packet = decode(&frame(&ether(V4, &ip))).packet();
        assert_eq!(packet.payload, b"hi");
        assert_eq!(
            (packet.ends.src, packet.ends.dst),
            (SRC4.into(), DST4.into())
        );
    }
}

#[test]
fn padding_is_not_payload() {
    for (kind, ip) in [
        (V4, ipv4(TCP, &tcp(0x10, b""))),
        (V6, ipv6(TCP, &tcp(0x10, b"x"))),
    ] {
        let bytes = ether(kind, &ip);
        let mut padded = bytes.clone();
        padded.extend([0xee; 20]);
        assert_eq!(decode(&frame(&padded)), decode(&frame(&bytes)));
        assert!(decode(&frame(&padded)).packet().payload.len() < 2);
    }
}

#[test]
fn length_zero_is_offload_and_the_capture_is_trusted() {
    let long = vec![0x5a; 70_000];
    let mut v4 = ipv4_with(TCP, 0, &tcp(0x10, &long), |_| ());
    v4[2..4].fill(0);
    let mut v6 = ipv6(TCP, &tcp(0x10, &long));
    v6[4..6].fill(0);
    // BIG TCP as older kernels mark it: a jumbo option.
    let jumbo = [6, 0, 0xc2, 4, 0, 1, 0x11, 0x84];
    let mut option = ipv6(0, &[jumbo.as_slice(), &tcp(0x10, &long)].concat());
    option[4..6].fill(0);
    for (kind, ip) in [(V4, v4), (V6, v6), (V6, option)] {
        let bytes = ether(kind, &ip);
        let packet = decode(&frame(&bytes)).packet();
        assert_eq!(
            (packet.payload.len(), packet.payload_wire_len),
            (70_000, 70_000)
        );
        // The snap length cut it: what the frame was long on the wire tells the rest.
        let cut = Frame {
            bytes: &bytes[..200],
            ..frame(&bytes)
        };
        let packet = decode(&cut).packet();
        assert_eq!(packet.payload_wire_len, 70_000);
        assert!(packet.payload.len() < 200);
    }
}

#[test]
fn a_cut_capture_leaves_the_length_by_the_header() {
    for (kind, ip) in [
        (V4, ipv4(UDP, &udp(&[1; 100]))),
        (V6, ipv6(UDP, &udp(&[1; 100]))),
    ] {
        let bytes = ether(kind, &ip);
        let cut = Frame {
            bytes: &bytes[..bytes.len() - 60],
            ..frame(&bytes)
        };
        let packet = decode(&cut).packet();
        assert_eq!((packet.payload.len(), packet.payload_wire_len), (40, 100));
        // Also where the source does not know that it was cut.
        let unaware = Frame {
            wire_len: cut.bytes.len() as u32,
            ..cut
        };
        assert_eq!(decode(&unaware), decode(&cut));
    }
}

#[test]
fn ipv4_lengths_that_cannot_be() {
    let with = |set: fn(&mut Vec<u8>)| {
        let mut ip = ipv4(TCP, &tcp(0x10, b"x"));
        set(&mut ip);
        ether(V4, &ip)
    };
    // Four words: what would then be read as TCP makes sense.
    let mut short = ipv4(TCP, &[0x55; 60]);
    short[0] = 0x44;
    refused(&ether(V4, &short), Malformed::BadLength);
    refused(
        &with(|ip| ip[2..4].copy_from_slice(&19u16.to_be_bytes())),
        Malformed::BadLength,
    );
    refused(&with(|ip| ip[0] = 0x4f), Malformed::BadLength);
    refused(&with(|ip| ip.truncate(19)), Malformed::BadLength);
    // No room for a TCP header by IP's own length.
    refused(
        &with(|ip| ip[2..4].copy_from_slice(&39u16.to_be_bytes())),
        Malformed::BadLength,
    );
    let whole = with(|_| ());
    let cut = Frame {
        bytes: &whole[..30],
        ..frame(&whole)
    };
    assert_eq!(decode(&cut), Got::Malformed(Malformed::Truncated));
}

#[test]
fn icmp_and_the_packet_it_quotes_are_no_sighting() {
    let quoted = ipv4(TCP, &tcp(0x18, b"hello"));
    let icmp = [[3, 3, 0, 0, 0, 0, 0, 0].as_slice(), &quoted].concat();
    for (kind, ip) in [(V4, ipv4(1, &icmp)), (V6, ipv6(58, &icmp))] {
        let got = decode(&frame(&ether(kind, &ip)));
        assert_eq!(got, Got::NotForUs(NotForUs::OtherTransport));
    }
}

#[test]
fn extension_headers_in_every_pair_of_orders() {
    for first in HEADERS {
        for second in HEADERS {
            for third in [UDP, 51, 44] {
                let rest = match third {
                    51 => authentication(UDP, &udp(b"deep")),
                    44 => fragment(UDP, 9, &udp(b"deep"), 0, 12),
                    _ => udp(b"deep"),
                };
                let chain = extension(second, 2, &extension(third, 0, &rest));
                let bytes = ether(V6, &ipv6(first, &chain));
                assert_eq!(decode(&frame(&bytes)).packet().payload, b"deep");
            }
        }
    }
}

#[test]
fn authentication_headers_in_ipv4_too() {
    let inside = authentication(51, &authentication(TCP, &tcp(0x18, b"deep")));
    let packet = decode(&frame(&ether(V4, &ipv4(51, &inside)))).packet();
    assert_eq!(packet.payload, b"deep");
    let mut chain = tcp(0x18, b"deep");
    for next in std::iter::once(TCP).chain([51; 16]) {
        chain = authentication(next, &chain);
    }
    refused(&ether(V4, &ipv4(51, &chain)), Malformed::TooManyHeaders);
}

#[test]
fn sixteen_extension_headers_and_no_more() {
    let mut chain = tcp(0x18, b"deep");
    let mut next = TCP;
    for count in 1..=17 {
        chain = extension(next, 0, &chain);
        next = 60;
        let got = decode(&frame(&ether(V6, &ipv6(next, &chain))));
        if count <= 16 {
            assert_eq!(got.packet().payload, b"deep");
        } else {
            assert_eq!(got, Got::Malformed(Malformed::TooManyHeaders));
        }
    }
}

#[test]
fn esp_and_no_next_header_end_the_chain() {
    for next in [50, 59, 132] {
        let why = match next {
            50 => NotForUs::Encrypted,
            _ => NotForUs::OtherTransport,
        };
        for ip in [
            ipv6(next, &[0; 40]),
            ipv6(60, &extension(next, 0, &[0; 40])),
        ] {
            let got = decode(&frame(&ether(V6, &ip)));
            assert_eq!(got, Got::NotForUs(why));
        }
    }
    // Payload length 0 and nothing behind it, as opposed to offload.
    let got = decode(&frame(&ether(V6, &ipv6(59, &[]))));
    assert_eq!(got, Got::NotForUs(NotForUs::OtherTransport));
}

#[test]
fn an_extension_header_longer_than_the_packet() {
    let mut ip = ipv6(60, &extension(TCP, 0, &tcp(0x18, b"x")));
    ip[41] = 200;
    refused(&ether(V6, &ip), Malformed::BadLength);
    refused(&ether(V6, &ipv6(60, &[6])), Malformed::BadLength);
    refused(&ether(V6, &ipv6(44, &[6, 0, 0, 0])), Malformed::BadLength);
    let bytes = ether(V6, &ipv6(60, &extension(TCP, 9, &tcp(0x18, b"x"))));
    let cut = Frame {
        bytes: &bytes[..70],
        ..frame(&bytes)
    };
    assert_eq!(decode(&cut), Got::Malformed(Malformed::Truncated));
}

#[test]
fn the_last_stop_of_a_routing_header_is_the_other_end() {
    let stops =
        [[1u16, 1], [2, 2], [3, 3]].map(|[a, b]| Ipv6Addr::new(0x2001, 0xdb8, a, 0, 0, 0, 0, b));
    for (kind, left, expected) in [
        (0, 2, stops[2]),
        (4, 1, stops[0]),
        (0, 0, DST6),
        (4, 0, DST6),
        (3, 2, DST6),
    ] {
        let header = routing(TCP, kind, left, &stops, &tcp(0x18, b"x"));
        let packet = decode(&frame(&ether(V6, &ipv6(43, &header)))).packet();
        assert_eq!(
            packet.ends.dst,
            IpAddr::V6(expected),
            "type {kind}, {left} left"
        );
        assert_eq!(packet.payload, b"x");
    }
    let empty = routing(TCP, 0, 1, &[], &tcp(0x18, b"x"));
    let packet = decode(&frame(&ether(V6, &ipv6(43, &empty)))).packet();
    assert_eq!(packet.ends.dst, IpAddr::V6(DST6));
}

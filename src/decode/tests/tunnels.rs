//! Links and tunnels: the packet inside is the same whatever was around it, and each layer counts.

use super::super::{DEPTH_MAX, Decoder, Malformed, NeighbourBy, NotForUs, Tunnel};
use super::build::*;
use super::wrap::*;
use crate::capture::LinkType;

const ETHERNET: LinkType = LinkType::Ethernet;

/// What was taken off, by label, in the order of the set.
fn peeled(decoder: &Decoder) -> Vec<&'static str> {
    let counts = decoder.tunnels();
    let times = |kind: &&Tunnel| counts.at(kind.index()) as usize;
    let named = Tunnel::ALL
        .iter()
        .flat_map(|kind| std::iter::repeat_n(kind.label(), times(&kind)));
    named.collect()
}

/// Link type, frame, and the labels of what is taken off.
type Case = (LinkType, Vec<u8>, Vec<&'static str>);

/// Frames with a TCP segment behind one layer each, or two.
pub fn cases() -> Vec<Case> {
    let segment = tcp(0x18, b"hello");
    let (v4, v6) = (ipv4(TCP, &segment), ipv6(TCP, &segment));
    let frame = inner_ether(V4, &v4);
    let on = |kind, bytes: &[u8]| ether(kind, bytes);
    let in4 = |proto, bytes: &[u8]| ether(V4, &ipv4(proto, bytes));
    let in_udp = |port, bytes: &[u8]| ether(V4, &ipv4(UDP, &udp_to(port, bytes)));
    let wifi_frame = wifi(0x88, 1, &snap(V4, &v4));
    let mut cases = vec![
        (LinkType::Ppp, ppp(0x21, &v4), vec!["ppp"]),
        (
            LinkType::Ppp,
            [&[0x57], v6.as_slice()].concat(),
            vec!["ppp"],
        ),
        (LinkType::PppHdlc, ppp(0x57, &v6), vec!["ppp"]),
        (
            LinkType::PppPppd,
            [&[1], ppp(0x21, &v4).as_slice()].concat(),
            vec!["ppp"],
        ),
        (
            LinkType::Ppp,
            ppp(0x3d, &[&[0xc0, 0, 0, 1], &ppp(0x21, &v4)[2..]].concat()),
            vec!["ppp", "ppp"],
        ),
        (
            LinkType::PppEther,
            pppoe(9, &ppp(0x21, &v4)[2..]),
            vec!["pppoe"],
        ),
        (
            LinkType::PppHdlc,
            [&[0x0f, 0, 8, 0], v4.as_slice()].concat(),
            vec!["hdlc"],
        ),
        (
            LinkType::CiscoHdlc,
            [&[0x8f, 0, 0x86, 0xdd], v6.as_slice()].concat(),
            vec!["hdlc"],
        ),
        (
            LinkType::FrameRelay,
            [&[0x18, 0x41, 3, 0xcc], v4.as_slice()].concat(),
            vec!["frame_relay"],
        ),
        (
            LinkType::FrameRelay,
            [&[0x18, 0x41, 8, 0], v4.as_slice()].concat(),
            vec!["frame_relay"],
        ),
        (
            LinkType::FrameRelay,
            [
                &[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7],
                frame.as_slice(),
            ]
            .concat(),
            vec!["frame_relay", "bridged"],
        ),
        (
            LinkType::AtmRfc1483,
            [
                &[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0],
                frame.as_slice(),
            ]
            .concat(),
            vec!["bridged"],
        ),
        (LinkType::AtmRfc1483, snap(V6, &v6), vec![]),
        (
            LinkType::Fddi,
            [&[0x50], &DST_MAC[..], &SRC_MAC, &snap(V4, &v4)].concat(),
            vec![],
        ),
        (LinkType::Ieee80211, wifi_frame.clone(), vec!["wifi"]),
        (
            LinkType::Ieee80211,
            wifi(0x08, 2, &snap(V6, &v6)),
            vec!["wifi"],
        ),
        (
            LinkType::Ieee80211,
            wifi(0x88, 3, &snap(V4, &v4)),
            vec!["wifi"],
        ),
        (
            LinkType::Ieee80211,
            wifi(0x88, 0x81, &snap(V4, &v4)),
            vec!["wifi"],
        ),
        (
            LinkType::Ieee80211,
            aggregate(&[&snap(V4, &v4), &snap(V6, &v6)]),
            vec!["wifi"],
        ),
        (
            LinkType::Radiotap,
            radiotap(0x10, &wifi_frame),
            vec!["wifi"],
        ),
        (
            LinkType::Radiotap,
            radiotap(0x20, &wifi_padded(&snap(V4, &v4))),
            vec!["wifi"],
        ),
        (
            LinkType::Prism,
            [&[0, 0, 0, 0x44, 144, 0, 0, 0], &[0; 136][..], &wifi_frame].concat(),
            vec!["wifi"],
        ),
        (
            LinkType::Avs,
            [
                &[0x80, 0x21, 0x10, 1, 0, 0, 0, 64],
                &[0; 56][..],
                &wifi_frame,
            ]
            .concat(),
            vec!["wifi"],
        ),
        (
            LinkType::Ppi,
            [&[0, 0, 8, 0, 105, 0, 0, 0], wifi_frame.as_slice()].concat(),
            vec!["wifi", "capture_header"],
        ),
        (LinkType::Nflog, nflog(2, &v4), vec!["capture_header"]),
        (LinkType::Nflog, nflog(10, &v6), vec!["capture_header"]),
        (LinkType::Mpls, mpls(&[16, 17], &v4), vec!["mpls"]),
        (
            LinkType::NetAnalyzer,
            [&[0; 4], on(V4, &v4).as_slice()].concat(),
            vec!["capture_header"],
        ),
        (
            LinkType::EthernetMpacket,
            [&[0x55; 8], on(V4, &v4).as_slice()].concat(),
            vec![],
        ),
        (
            ETHERNET,
            on(0x8864, &pppoe(9, &ppp(0x21, &v4)[2..])),
            vec!["pppoe"],
        ),
        (ETHERNET, on(0x8847, &mpls(&[16, 7, 99], &v6)), vec!["mpls"]),
        (
            ETHERNET,
            on(0x8847, &mpls(&[16], &[&[0; 4], frame.as_slice()].concat())),
            vec!["mpls"],
        ),
        (ETHERNET, on(0x8848, &mpls(&[16], &frame)), vec!["mpls"]),
        (
            ETHERNET,
            on(0x88e7, &[&[0, 0, 1, 7], frame.as_slice()].concat()),
            vec!["pbb"],
        ),
        (
            ETHERNET,
            on(0x8909, &[&[1, 1, 0, 1, 0, 9, 8, 0], v4.as_slice()].concat()),
            vec!["tag"],
        ),
        (
            ETHERNET,
            on(
                0x8926,
                &[&[0, 1, 0, 2, 0x81, 0], tag(7, V4, &v4).as_slice()].concat(),
            ),
            vec!["tag"],
        ),
        (
            ETHERNET,
            on(
                0x893f,
                &[&[0, 1, 0, 2, 0, 0, 0x86, 0xdd], v6.as_slice()].concat(),
            ),
            vec!["tag"],
        ),
        (
            ETHERNET,
            on(0x8903, &[&[0, 1], frame.as_slice()].concat()),
            vec!["fabric"],
        ),
        (
            ETHERNET,
            on(
                0x22f3,
                &[&[0, 0x40, 0, 1, 0, 2, 9, 9, 9, 9], frame.as_slice()].concat(),
            ),
            vec!["fabric"],
        ),
        (
            ETHERNET,
            on(
                0x894f,
                &[&[0, 2, 1, 1, 0, 0, 1, 255], v4.as_slice()].concat(),
            ),
            vec!["nsh"],
        ),
        (ETHERNET, in4(4, &v4), vec!["ipip"]),
        (ETHERNET, in4(41, &v6), vec!["6in4"]),
        (ETHERNET, on(V6, &ipv6(4, &v4)), vec!["4in6"]),
        (
            ETHERNET,
            on(V6, &ipv6(0, &extension(41, 0, &v6))),
            vec!["6in6"],
        ),
        (ETHERNET, in4(51, &authentication(4, &v4)), vec!["ipip"]),
        (
            ETHERNET,
            in4(97, &[&[0x30, 0], frame.as_slice()].concat()),
            vec!["etherip"],
        ),
        (ETHERNET, on(V6, &ipv6(143, &frame)), vec!["etherip"]),
        (ETHERNET, in4(137, &mpls(&[16], &v4)), vec!["mpls"]),
        (
            ETHERNET,
            in4(
                115,
                &[&[0, 0, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0], frame.as_slice()].concat(),
            ),
            vec!["l2tp"],
        ),
        (ETHERNET, in4(47, &gre(0, V4, &[], &v4)), vec!["gre"]),
        (
            ETHERNET,
            in4(47, &gre(0xb000, 0x6558, &[1; 12], &frame)),
            vec!["gre"],
        ),
        (ETHERNET, in4(47, &gre(0, 0x883e, &[], &v4)), vec!["gre"]),
        (
            ETHERNET,
            in4(47, &gre(0, 0x883e, &[1, 2, 3, 4], &v4)),
            vec!["gre"],
        ),
        (
            ETHERNET,
            in4(47, &gre(0, 0x88be, &[], &frame)),
            vec!["erspan"],
        ),
        (
            ETHERNET,
            in4(
                47,
                &gre(
                    0x1000,
                    0x88be,
                    &[0, 0, 0, 1, 0x10, 7, 0, 5, 0, 0, 0, 0],
                    &frame,
                ),
            ),
            vec!["erspan"],
        ),
        (
            ETHERNET,
            in4(
                47,
                &gre(
                    0x1000,
                    0x22eb,
                    &[0, 0, 0, 1, 0x20, 7, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
                    &frame,
                ),
            ),
            vec!["erspan"],
        ),
        (ETHERNET, in4(47, &pptp(&ppp(0x21, &v4))), vec!["pptp"]),
    ];
    let udp_cases: Vec<(u16, Vec<u8>, &'static str)> = vec![
        (4789, vxlan(7, &frame), "vxlan"),
        (
            8472,
            vxlan(7, &inner_ether(0x8100, &tag(5, V6, &v6))),
            "vxlan",
        ),
        (
            4790,
            [&[0x0c, 0, 0, 1, 0, 0, 7, 0], v4.as_slice()].concat(),
            "vxlan",
        ),
        (6081, geneve(0x6558, 7, &[0; 8], &frame), "geneve"),
        (6081, geneve(V6, 7, &[], &v6), "geneve"),
        (2152, gtp(0x30, &[], &v4), "gtp_u"),
        (
            2152,
            gtp(0x36, &[0, 1, 0, 0x85, 1, 0, 0, 0xc0, 1, 0, 0, 0], &v6),
            "gtp_u",
        ),
        (3544, ipv6_with(TCP, &segment, "2001:0:1::1"), "teredo"),
        (
            3544,
            [
                &[0, 0, 1, 2, 3, 4, 5, 6],
                ipv6_with(TCP, &segment, "2001:0:1::1").as_slice(),
            ]
            .concat(),
            "teredo",
        ),
        (
            3544,
            [
                &[0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0],
                ipv6_with(TCP, &segment, "2001:0:1::1").as_slice(),
            ]
            .concat(),
            "teredo",
        ),
        (
            5247,
            [&[0, 0x10, 2, 0, 0, 0, 0, 0], frame.as_slice()].concat(),
            "capwap",
        ),
        (1701, l2tp(&ppp(0x21, &v4)), "l2tp"),
        (
            1701,
            [&[0, 3, 0, 0, 0, 0, 0, 5], frame.as_slice()].concat(),
            "l2tp",
        ),
        (6635, mpls(&[16, 17], &v4), "mpls"),
        (4754, gre(0, V4, &[], &v4), "gre"),
        (
            4341,
            [&[0x80, 0, 0, 1, 0, 0, 0, 1], summed(v4.clone()).as_slice()].concat(),
            "lisp",
        ),
        (5555, summed(v4.clone()), "fou"),
        (6080, [&[0, 41, 0, 0], v6.as_slice()].concat(), "fou"),
        (
            37_008,
            [&[1, 0, 0, 1, 0, 0, 10, 1, 7, 1], frame.as_slice()].concat(),
            "tzsp",
        ),
    ];
    for (port, bytes, kind) in udp_cases {
        cases.push((ETHERNET, in_udp(port, &bytes), vec![kind]));
    }
    for swapped in [false, true] {
        let mut wifi_frame = wifi_frame.clone();
        if swapped {
            wifi_frame.swap(0, 1);
        }
        let capwap = [&[0, 0x10, 3, 0, 0, 0, 0, 0], wifi_frame.as_slice()].concat();
        cases.push((ETHERNET, in_udp(5247, &capwap), vec!["wifi", "capwap"]));
    }
    let tzsp = [&[1, 0, 0, 18, 1], wifi_frame.as_slice()].concat();
    cases.push((ETHERNET, in_udp(37_008, &tzsp), vec!["wifi", "tzsp"]));
    cases
}

#[test]
fn each_layer_comes_off_and_counts() {
    for (at, (link, bytes, kinds)) in cases().into_iter().enumerate() {
        let mut decoder = Decoder::with_room(&[], 4);
        let got = decode_with(&mut decoder, &frame_at(link, &bytes, 0));
        let Got::Packet(packet) = got else {
            panic!("case {at} {kinds:?} on {link:?}: {got:?}");
        };
        assert_eq!(packet.payload, b"hello", "case {at} {kinds:?}");
        assert_eq!(peeled(&decoder), kinds, "case {at} on {link:?}");
    }
}

#[test]
fn the_device_is_the_innermost_that_a_frame_names() {
    let v4 = ipv4(TCP, &tcp(0x18, b"hello"));
    let frame_in = inner_ether(0x8100, &tag(5, V4, &v4));
    let of = |bytes: &[u8]| {
        let packet = decode(&frame(bytes)).packet();
        (packet.src_mac, packet.dst_mac, packet.vlan)
    };
    let over_udp = ether(V4, &ipv4(UDP, &udp_to(4789, &vxlan(7, &frame_in))));
    assert_eq!(of(&over_udp), (Some(INNER_SRC), Some(INNER_DST), Some(5)));
    let tagged = ether(0x8100, &tag(9, V4, &over_udp[14..]));
    assert_eq!(of(&tagged), (Some(INNER_SRC), Some(INNER_DST), Some(9)));
    // Two routers spoke; who sits behind them no frame says.
    assert_eq!(of(&ether(V4, &ipv4(4, &v4))), (None, None, None));
    // On a link that carries no other frame, its own addresses stay.
    let session = ether(0x8864, &pppoe(9, &ppp(0x21, &v4)[2..]));
    assert_eq!(of(&session), (Some(SRC_MAC), Some(DST_MAC), None));
    // The mirrored frame's VLAN stands in ERSPAN's header when the tag was taken.
    let mirrored = gre(
        0x1000,
        0x88be,
        &[0, 0, 0, 1, 0x10, 7, 0, 5, 0, 0, 0, 0],
        &inner_ether(V4, &v4),
    );
    assert_eq!(of(&ether(V4, &ipv4(47, &mirrored))).2, Some(7));
    // 802.11 says who sent to whom through which access point.
    for (flags, src, dst) in [(0, 2, 1), (1, 2, 3), (2, 3, 1), (3, 4, 3)] {
        let bytes = wifi(0x08, flags, &snap(V4, &v4));
        let packet = decode(&frame_at(LinkType::Ieee80211, &bytes, 0)).packet();
        assert_eq!(
            (packet.src_mac, packet.dst_mac),
            (Some([src; 6]), Some([dst; 6])),
            "{flags}"
        );
    }
    let nflog = nflog(2, &v4);
    let packet = decode(&frame_at(LinkType::Nflog, &nflog, 0)).packet();
    assert_eq!((packet.src_mac, packet.dst_mac), (Some(INNER_SRC), None));
}

#[test]
fn exclusion_is_asked_at_every_ip_header() {
    let segment = tcp(0x18, b"hello");
    let inner = ipv4_with(TCP, 0, &segment, |ip| ip.set_source([10, 9, 9, 9].into()));
    let bytes = ether(
        V4,
        &ipv4(UDP, &udp_to(4789, &vxlan(7, &inner_ether(V4, &inner)))),
    );
    for (prefix, excluded) in [
        ("10.9.0.0/16", true),
        ("192.0.2.1/32", true),
        ("10.8.0.0/16", false),
    ] {
        let mut decoder = Decoder::with_room(&[prefix.parse().unwrap()], 4);
        let got = decode_with(&mut decoder, &frame(&bytes));
        assert_eq!(got == Got::Excluded, excluded, "{prefix}");
    }
}

#[test]
fn depth_is_bounded_and_a_bomb_costs_its_depth() {
    let mut packet = ipv4(TCP, &tcp(0x18, b"hello"));
    for depth in 1..200u8 {
        packet = ipv4(4, &packet);
        let mut decoder = Decoder::with_room(&[], 4);
        let got = decode_with(&mut decoder, &frame(&ether(V4, &packet)));
        if depth <= DEPTH_MAX {
            assert_eq!(got.packet().payload, b"hello");
        } else {
            assert_eq!(got, Got::Malformed(Malformed::TooDeep), "{depth}");
            assert_eq!(decoder.tunnels().total(), u64::from(DEPTH_MAX));
        }
    }
}

#[test]
fn lengths_that_lie() {
    let v4 = ipv4(TCP, &tcp(0x18, b"hello"));
    let bad =
        |bytes: &[u8]| assert_eq!(decode(&frame(bytes)), Got::Malformed(Malformed::BadLength));
    let mut session = pppoe(9, &ppp(0x21, &v4)[2..]);
    session[4] = 9;
    bad(&ether(0x8864, &session));
    let mut call = pptp(&ppp(0x21, &v4));
    call[4] = 9;
    bad(&ether(V4, &ipv4(47, &call)));
    bad(&ether(
        0x894f,
        &[&[0, 1, 1, 1, 0, 0, 1, 255], v4.as_slice()].concat(),
    ));
    bad(&ether(V4, &ipv4(47, &gre(0x2000, V4, &[], b"ab"))));
    // A stack without a bottom.
    let endless = ether(0x8847, &[0; 200]);
    assert_eq!(
        decode(&frame(&endless)),
        Got::Malformed(Malformed::TooManyHeaders)
    );
    // Over UDP a lie means that it is no tunnel.
    let mut user = gtp(0x30, &[], &v4);
    user[2] = 9;
    let packet = decode(&frame(&ether(V4, &ipv4(UDP, &udp_to(2152, &user))))).packet();
    assert_eq!((packet.ends.dport, packet.payload), (2152, user));
}

#[test]
fn what_cannot_be_read_is_counted_as_that() {
    let v4 = ipv4(TCP, &tcp(0x18, b"hello"));
    let encrypted = Got::NotForUs(NotForUs::Encrypted);
    let secret = wifi(0x08, 0x41, &[7; 60]);
    assert_eq!(
        decode(&frame_at(LinkType::Ieee80211, &secret, 0)),
        encrypted
    );
    // A capture that was decrypted keeps the bit.
    let opened = wifi(0x08, 0x41, &snap(V4, &v4));
    decode(&frame_at(LinkType::Ieee80211, &opened, 0)).packet();
    assert_eq!(decode(&frame(&ether(0x88e5, &[7; 60]))), encrypted);
    assert_eq!(decode(&frame(&ether(V4, &ipv4(50, &[7; 60])))), encrypted);
    assert_eq!(decode(&frame(&ether(V6, &ipv6(50, &[7; 60])))), encrypted);
    assert_eq!(
        decode(&frame_at(LinkType::Ppp, &ppp(0xfd, &[7; 60]), 0)),
        encrypted
    );
    let damaged = radiotap(0x50, &wifi(0x08, 1, &snap(V4, &v4)));
    assert_eq!(
        decode(&frame_at(LinkType::Radiotap, &damaged, 0)),
        Got::NotForUs(NotForUs::Damaged)
    );
    let beacon = wifi(0x80, 0, &[0; 40]);
    assert_eq!(
        decode(&frame_at(
            LinkType::Ieee80211,
            &[&[0x80], &beacon[1..]].concat(),
            0
        )),
        decode(&frame(&ether(0x8863, &[0x11, 9, 0, 0, 0, 0]))),
    );
    for (bytes, kind) in [
        (ppp(0xc021, &[1; 20]), LinkType::Ppp),
        (vec![0x8f, 0, 0x80, 0x35, 0], LinkType::CiscoHdlc),
    ] {
        assert_eq!(
            decode(&frame_at(kind, &bytes, 0)),
            Got::NotForUs(NotForUs::NotIp)
        );
    }
}

#[test]
fn what_an_error_quotes_is_no_packet_inside_or_outside_a_tunnel() {
    let quoted = ipv4(TCP, &tcp(0x18, b"hello"));
    let error = ipv4(1, &[&[3, 4, 0, 0, 0, 0, 5, 0], quoted.as_slice()].concat());
    let error6 = ipv6(
        58,
        &[&[2, 0, 0, 0, 0, 0, 5, 0], ipv6(4, &quoted).as_slice()].concat(),
    );
    let none = Got::NotForUs(NotForUs::OtherTransport);
    for (kind, error) in [(V4, error), (V6, error6)] {
        let tunnels = [
            ether(kind, &error),
            ether(
                V4,
                &ipv4(UDP, &udp_to(4789, &vxlan(7, &inner_ether(kind, &error)))),
            ),
            ether(V4, &ipv4(47, &gre(0, kind, &[], &error))),
            ether(V4, &ipv4(UDP, &udp_to(2152, &gtp(0x30, &[], &error)))),
        ];
        for bytes in tunnels {
            assert_eq!(decode(&frame(&bytes)), none);
        }
    }
    // And an error about a tunnel's packet quotes the tunnel.
    let carried = ipv4(UDP, &udp_to(4789, &vxlan(7, &inner_ether(V4, &quoted))));
    let error = ipv4(1, &[&[3, 3, 0, 0, 0, 0, 0, 0], carried.as_slice()].concat());
    assert_eq!(decode(&frame(&ether(V4, &error))), none);
}

#[test]
fn neighbours_are_heard_where_a_frame_is_inside_and_nowhere_else() {
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 2];
    arp.extend(INNER_SRC);
    arp.extend([10, 0, 0, 5]);
    arp.extend(INNER_DST);
    arp.extend([10, 0, 0, 1]);
    let told = ether(
        V4,
        &ipv4(UDP, &udp_to(4789, &vxlan(7, &inner_ether(0x0806, &arp)))),
    );
    let claim = Got::Neighbour(NeighbourBy::Arp, [10, 0, 0, 5].into(), INNER_SRC);
    assert_eq!(decode(&frame(&told)), claim);
    let solicitation = {
        let mut body = vec![135, 0, 0, 0, 0, 0, 0, 0];
        body.extend(DST6.octets());
        body.extend([1, 1]);
        body.extend(INNER_SRC);
        let mut packet = ipv6(58, &body);
        packet[7] = 255;
        packet
    };
    let heard = ether(
        V4,
        &ipv4(
            UDP,
            &udp_to(4789, &vxlan(7, &inner_ether(V6, &solicitation))),
        ),
    );
    assert_eq!(
        decode(&frame(&heard)),
        Got::Neighbour(NeighbourBy::Ndp, SRC6.into(), INNER_SRC)
    );
    let from_afar = ether(V4, &ipv4(41, &solicitation));
    assert_eq!(
        decode(&frame(&from_afar)),
        Got::NotForUs(NotForUs::OtherTransport)
    );
}

//! Link headers: the IP packet inside is the same whatever was around it.

use super::super::{Malformed, NotForUs};
use super::build::*;
use super::wrap::{radiotap, wifi};
use crate::capture::{LinkType, VlanTag};

/// A TCP segment in IPv4 and in IPv6, each with its Ethertype.
fn both() -> [(u16, Vec<u8>); 2] {
    let segment = tcp(0x18, b"hello");
    [(V4, ipv4(TCP, &segment)), (V6, ipv6(TCP, &segment))]
}

#[track_caller]
fn says_hello(link: LinkType, bytes: &[u8]) -> Owned {
    let packet = decode(&frame_at(link, bytes, 0)).packet();
    assert_eq!(packet.payload, b"hello");
    assert_eq!((packet.ends.sport, packet.ends.dport), (40_000, 443));
    packet
}

#[test]
fn ethernet_gives_both_macs() {
    for (kind, ip) in both() {
        let packet = says_hello(LinkType::Ethernet, &ether(kind, &ip));
        assert_eq!(
            (packet.src_mac, packet.dst_mac),
            (Some(SRC_MAC), Some(DST_MAC))
        );
        assert_eq!(packet.vlan, None);
    }
}

#[test]
fn vlan_tags_up_to_four_deep_and_the_outermost_id() {
    for (kind, ip) in both() {
        let one = ether(0x8100, &tag(7, kind, &ip));
        assert_eq!(says_hello(LinkType::Ethernet, &one).vlan, Some(7));
        let four = tag(
            0xfff,
            0x9100,
            &tag(8, 0x8100, &tag(9, 0x8100, &tag(10, kind, &ip))),
        );
        let packet = says_hello(LinkType::Ethernet, &ether(0x88a8, &four));
        assert_eq!(packet.vlan, Some(0xfff));
        let five = ether(0x88a8, &tag(1, 0x8100, &four));
        assert_eq!(
            decode(&frame(&five)),
            Got::Malformed(Malformed::TooManyHeaders)
        );
    }
}

#[test]
fn the_tag_that_the_kernel_took_is_the_outermost() {
    let (kind, ip) = both()[0].clone();
    let bytes = ether(0x8100, &tag(7, kind, &ip));
    let mut frame = frame(&bytes);
    frame.vlan = Some(VlanTag {
        tpid: 0x88a8,
        tci: 0xe063,
    });
    assert_eq!(decode(&frame).packet().vlan, Some(0x63));
    // A priority tag names no VLAN: the next one does.
    frame.vlan = Some(VlanTag {
        tpid: 0x8100,
        tci: 0xe000,
    });
    assert_eq!(decode(&frame).packet().vlan, Some(7));
    let bytes = ether(0x8100, &tag(0, kind, &ip));
    assert_eq!(says_hello(LinkType::Ethernet, &bytes).vlan, None);
}

#[test]
fn snap_with_an_ip_type_and_no_other_llc() {
    for (kind, ip) in both() {
        let llc = snap(kind, &ip);
        says_hello(LinkType::Ethernet, &ether(llc.len() as u16, &llc));
        let tagged = ether(0x8100, &tag(7, llc.len() as u16, &llc));
        assert_eq!(says_hello(LinkType::Ethernet, &tagged).vlan, Some(7));
        says_hello(LinkType::LinuxSll, &sll(1, 4, &llc));
        for (at, byte) in [(0, 0x42), (2, 0xf3), (5, 1)] {
            let mut other = llc.clone();
            other[at] = byte;
            let bytes = ether(other.len() as u16, &other);
            assert_eq!(decode(&frame(&bytes)), Got::NotForUs(NotForUs::NotIp));
        }
    }
    // A length where SNAP's type should be.
    let nested = snap(8, &snap(V4, &both()[0].1));
    assert_eq!(
        decode(&frame(&ether(8, &nested))),
        Got::NotForUs(NotForUs::NotIp)
    );
    // Three bytes of LLC are a whole frame.
    assert_eq!(
        decode(&frame(&ether(3, &[0xaa, 0xaa, 3]))),
        Got::NotForUs(NotForUs::NotIp)
    );
    // Between the lengths and the Ethertypes there is nothing.
    assert_eq!(
        decode(&frame(&ether(1501, &both()[0].1))),
        Got::NotForUs(NotForUs::NotIp)
    );
    assert_eq!(
        decode(&frame(&ether(0x0806, &[0; 46]))),
        Got::NotForUs(NotForUs::NotIp)
    );
}

#[test]
fn linux_cooked_gives_the_senders_mac() {
    for (kind, ip) in both() {
        let frames = [
            (LinkType::LinuxSll, sll(1, kind, &ip), Some(SRC_MAC), None),
            (LinkType::LinuxSll2, sll2(1, kind, &ip), Some(SRC_MAC), None),
            // Loopback, and an address that is not Ethernet's.
            (LinkType::LinuxSll, sll(772, kind, &ip), None, None),
            (LinkType::LinuxSll2, sll2(778, kind, &ip), None, None),
            (
                LinkType::LinuxSll,
                sll(1, 0x8100, &tag(9, kind, &ip)),
                Some(SRC_MAC),
                Some(9),
            ),
            (
                LinkType::LinuxSll2,
                sll2(1, 0x8100, &tag(9, kind, &ip)),
                Some(SRC_MAC),
                Some(9),
            ),
        ];
        for (link, bytes, src_mac, vlan) in frames {
            let packet = says_hello(link, &bytes);
            assert_eq!(
                (packet.src_mac, packet.dst_mac, packet.vlan),
                (src_mac, None, vlan)
            );
        }
        for bytes in [sll(824, kind, &ip), sll(1, 1, &ip), sll(1, 0x0c, &ip)] {
            let got = decode(&frame_at(LinkType::LinuxSll, &bytes, 0));
            assert_eq!(got, Got::NotForUs(NotForUs::NotIp));
        }
        // Behind two ARPHRDs the protocol field is no Ethertype, but the header is known.
        let air = radiotap(0, &wifi(0x88, 1, &snap(kind, &ip)));
        says_hello(LinkType::LinuxSll, &sll(803, 4, &air));
        let nlpid = if kind == V4 { 0xcc } else { 0x8e };
        let relay = [&[0x18, 0x41, 3, nlpid], ip.as_slice()].concat();
        says_hello(LinkType::LinuxSll2, &sll2(770, 0, &relay));
    }
}

#[test]
fn raw_ip_by_nibble_or_by_link_type() {
    let [(_, v4), (_, v6)] = both();
    for (link, good, bad) in [(LinkType::RawIpv4, &v4, &v6), (LinkType::RawIpv6, &v6, &v4)] {
        let packet = says_hello(link, good);
        assert_eq!((packet.src_mac, packet.dst_mac), (None, None));
        says_hello(LinkType::RawIp, good);
        let got = decode(&frame_at(link, bad, 0));
        assert_eq!(got, Got::Malformed(Malformed::BadVersion));
    }
    let got = decode(&frame_at(LinkType::RawIp, &[0x50; 60], 0));
    assert_eq!(got, Got::Malformed(Malformed::BadVersion));
    let got = decode(&frame_at(LinkType::RawIp, &[], 0));
    assert_eq!(got, Got::Malformed(Malformed::BadLength));
}

#[test]
fn an_ethertype_that_contradicts_the_nibble() {
    let [(_, v4), (_, v6)] = both();
    for bytes in [ether(V6, &v4), ether(V4, &v6)] {
        assert_eq!(
            decode(&frame(&bytes)),
            Got::Malformed(Malformed::BadVersion)
        );
    }
}

#[test]
fn bsd_loopback_in_either_byte_order() {
    let [(_, v4), (_, v6)] = both();
    let families = [(2u32, &v4), (10, &v6), (24, &v6), (28, &v6), (30, &v6)];
    for (family, ip) in families {
        let little = [&family.to_le_bytes(), ip.as_slice()].concat();
        let big = [&family.to_be_bytes(), ip.as_slice()].concat();
        says_hello(LinkType::Null, &little);
        says_hello(LinkType::Null, &big);
        says_hello(LinkType::Loop, &big);
        let got = decode(&frame_at(LinkType::Loop, &little, 0));
        assert_eq!(got, Got::NotForUs(NotForUs::NotIp));
    }
    let other = [&7u32.to_le_bytes(), v4.as_slice()].concat();
    assert_eq!(
        decode(&frame_at(LinkType::Null, &other, 0)),
        Got::NotForUs(NotForUs::NotIp)
    );
}

#[test]
fn an_unknown_link_type_is_said_so() {
    let bytes = ether(V4, &both()[0].1);
    let got = decode(&frame_at(LinkType::Unknown(147), &bytes, 0));
    assert_eq!(got, Got::Malformed(Malformed::UnknownLink));
}

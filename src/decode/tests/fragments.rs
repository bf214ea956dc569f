//! Reassembly: order, duplicates, contradictions, bounds.

use proptest::prelude::*;

use super::super::fragment::AGE_MAX_NS;
use super::super::{Decoder, FragmentFate, Malformed};
use super::build::*;
use crate::capture::{Frame, LinkType};

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

/// Raw-IP frames of one datagram, cut at `borders`.
fn pieces(v6: bool, id: u16, datagram: &[u8], borders: &[usize]) -> Vec<Vec<u8>> {
    let mut at = 0;
    let cut = |to: usize| {
        let from = std::mem::replace(&mut at, to);
        if v6 {
            ipv6_piece(UDP, u32::from(id), datagram, from, to)
        } else {
            ipv4_piece(UDP, id, datagram, from, to)
        }
    };
    borders
        .iter()
        .copied()
        .chain([datagram.len()])
        .map(cut)
        .collect()
}

fn feed(decoder: &mut Decoder, bytes: &[u8], secs: i64) -> Got {
    decode_with(decoder, &frame_at(LinkType::RawIp, bytes, secs))
}

fn fate(decoder: &Decoder, fate: FragmentFate) -> u64 {
    decoder.fragment_fates().at(fate.index())
}

#[test]
fn three_pieces_in_every_order() {
    let payload = text(100);
    for v6 in [false, true] {
        let parts = pieces(v6, 7, &udp(&payload), &[24, 80]);
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut decoder = Decoder::with_room(&[], 4);
            assert_eq!(feed(&mut decoder, &parts[order[0]], 0), Got::Fragment);
            assert_eq!(feed(&mut decoder, &parts[order[1]], 0), Got::Fragment);
            let packet = feed(&mut decoder, &parts[order[2]], 0).packet();
            assert_eq!(packet.payload, payload);
            assert_eq!(packet.payload_wire_len, 100);
            assert_eq!(fate(&decoder, FragmentFate::Held), 2);
            assert_eq!(fate(&decoder, FragmentFate::Reassembled), 1);
            assert_eq!(decoder.fragments_pending(), 0);
        }
    }
}

#[test]
fn the_longest_datagram_in_the_smallest_pieces() {
    // 65,535 bytes of IPv4, less its header, less UDP's.
    let payload = text(65_535 - 20 - 8);
    let datagram = udp(&payload);
    let borders: Vec<usize> = (8..datagram.len()).step_by(8).collect();
    let mut parts = pieces(false, 7, &datagram, &borders);
    // Every second piece first: as many holes as there can be.
    parts.sort_by_key(|part| part[7] & 1);
    let mut decoder = Decoder::with_room(&[], 4);
    let (last, others) = parts.split_last().unwrap();
    for part in others {
        assert_eq!(feed(&mut decoder, part, 0), Got::Fragment);
    }
    assert_eq!(feed(&mut decoder, last, 0).packet().payload, payload);
}

#[test]
fn a_duplicate_does_not_fill_a_hole() {
    let parts = pieces(true, 7, &udp(&text(100)), &[24, 48, 80]);
    let mut decoder = Decoder::with_room(&[], 4);
    for at in [0, 0, 3, 3, 2, 2, 0] {
        assert_eq!(feed(&mut decoder, &parts[at], 0), Got::Fragment);
    }
    assert_eq!(feed(&mut decoder, &parts[1], 0).packet().payload, text(100));
}

#[test]
fn overlaps_that_agree_are_taken_and_others_condemn_the_datagram() {
    let datagram = udp(&text(100));
    let mut liar = datagram.clone();
    liar[30] ^= 1;
    for (v6, make) in [
        (
            false,
            ipv4_piece as fn(u8, u16, &[u8], usize, usize) -> Vec<u8>,
        ),
        (true, |next, id, d, from, to| {
            ipv6_piece(next, u32::from(id), d, from, to)
        }),
    ] {
        let mut decoder = Decoder::with_room(&[], 4);
        let first = make(UDP, 7, &datagram, 0, 40);
        assert_eq!(feed(&mut decoder, &first, 0), Got::Fragment, "v6: {v6}");
        let rest = make(UDP, 7, &datagram, 24, 108);
        assert_eq!(feed(&mut decoder, &rest, 0).packet().payload, text(100));

        assert_eq!(feed(&mut decoder, &first, 0), Got::Fragment);
        let bad = make(UDP, 7, &liar, 24, 108);
        let refused = Got::Malformed(Malformed::BadFragment);
        assert_eq!(feed(&mut decoder, &bad, 0), refused);
        // The pieces still to come are condemned too, but only of this datagram.
        assert_eq!(feed(&mut decoder, &rest, 0), refused);
        assert_eq!(fate(&decoder, FragmentFate::Conflict), 1);
        let other = pieces(v6, 8, &datagram, &[40]);
        assert_eq!(feed(&mut decoder, &other[1], 0), Got::Fragment);
        assert_eq!(feed(&mut decoder, &other[0], 0).packet().payload, text(100));
        // The sentence ends with the datagram's time, and is not counted twice.
        assert_eq!(feed(&mut decoder, &first, 31), Got::Fragment);
        assert_eq!(fate(&decoder, FragmentFate::Expired), 0);
    }
}

#[test]
fn two_ends_or_bytes_behind_the_end_condemn() {
    let datagram = udp(&text(100));
    let longer = udp(&text(200));
    let even = udp(&text(96));
    for (first, second) in [
        ((&even, 80, 104), (&longer, 80, 208)),
        ((&datagram, 80, 108), (&longer, 80, 208)),
        ((&datagram, 80, 108), (&longer, 120, 160)),
        ((&longer, 120, 160), (&datagram, 80, 108)),
    ] {
        let mut decoder = Decoder::with_room(&[], 4);
        let make = |(d, from, to): (&Vec<u8>, usize, usize)| ipv4_piece(UDP, 7, d, from, to);
        assert_eq!(feed(&mut decoder, &make(first), 0), Got::Fragment);
        let refused = Got::Malformed(Malformed::BadFragment);
        assert_eq!(feed(&mut decoder, &make(second), 0), refused);
    }
}

#[test]
fn pieces_that_cannot_be_are_refused_and_harm_nobody() {
    let datagram = udp(&text(100));
    let parts = pieces(false, 7, &datagram, &[48]);
    let mut decoder = Decoder::with_room(&[], 4);
    assert_eq!(feed(&mut decoder, &parts[0], 0), Got::Fragment);
    let piece = |offset: u16, more: bool, bytes: &[u8]| {
        ipv4_with(UDP, 0, bytes, |ip| {
            ip.set_identification(7);
            ip.set_fragment_offset(offset);
            ip.set_flags(u8::from(more));
        })
    };
    for bad in [
        piece(6, true, &[1; 15]),
        piece(6, true, &[]),
        piece(6, false, &[]),
        piece(8191, false, &[1; 8]),
        piece(8190, true, &[1; 16]),
        // 65,520 + 8 bytes fit sixteen bits, but not together with the header.
        piece(8190, false, &[1; 8]),
    ] {
        assert_eq!(
            feed(&mut decoder, &bad, 0),
            Got::Malformed(Malformed::BadFragment)
        );
    }
    assert_eq!(feed(&mut decoder, &parts[1], 0).packet().payload, text(100));
}

#[test]
fn of_the_pieces_that_the_snap_length_cut_the_head_is_read() {
    for (v6, header) in [(false, 20), (true, 48)] {
        let parts = pieces(v6, 7, &udp(&text(100)), &[48]);
        let mut decoder = Decoder::with_room(&[], 4);
        let mut cut = |part: usize, len: usize| {
            let whole = frame_at(LinkType::RawIp, &parts[part], 0);
            let bytes = &parts[part][..header + len];
            decode_with(&mut decoder, &Frame { bytes, ..whole })
        };
        let head = cut(0, 40).packet();
        assert_eq!(head.payload, text(100)[..32]);
        assert_eq!(head.payload_wire_len, 100, "by UDP's own length");
        // Too little for the ports; not the head.
        for (part, len) in [(0, 7), (1, 40)] {
            assert_eq!(cut(part, len), Got::Malformed(Malformed::Truncated));
        }
        assert_eq!(decoder.fragments_pending(), 0);
    }
}

/// TCP does not say how long it is; the bytes of a burst are counted by it.
#[test]
fn a_cut_head_of_tcp_is_as_long_as_its_piece() {
    let segment = tcp(0x18, &text(100));
    let parts = [
        (ipv4_piece(TCP, 7, &segment, 0, 96), 20),
        (ipv6_piece(TCP, 7, &segment, 0, 96), 48),
    ];
    for (piece, header) in parts {
        let whole = frame_at(LinkType::RawIp, &piece, 0);
        let bytes = &piece[..header + 60];
        let mut decoder = Decoder::with_room(&[], 4);
        let head = decode_with(&mut decoder, &Frame { bytes, ..whole }).packet();
        assert_eq!(head.payload, text(100)[..40]);
        assert_eq!(head.payload_wire_len, 76);
    }
}

#[test]
fn keys_keep_datagrams_apart() {
    let datagram = udp(&text(100));
    let tcp_like = tcp(0x18, &text(88));
    let mut decoder = Decoder::with_room(&[], 8);
    let first = ipv4_piece(UDP, 7, &datagram, 0, 48);
    assert_eq!(feed(&mut decoder, &first, 0), Got::Fragment);
    let mut elsewhere = ipv4_piece(UDP, 7, &datagram, 48, 108);
    elsewhere[19] ^= 1;
    for other in [
        ipv4_piece(UDP, 8, &datagram, 48, 108),
        ipv4_piece(TCP, 7, &tcp_like, 48, 108),
        ipv6_piece(UDP, 7, &datagram, 48, 108),
        elsewhere,
    ] {
        assert_eq!(feed(&mut decoder, &other, 0), Got::Fragment);
    }
    let last = ipv4_piece(UDP, 7, &datagram, 48, 108);
    let tagged = ether(0x8100, &tag(5, V4, &last));
    assert_eq!(decode_with(&mut decoder, &frame(&tagged)), Got::Fragment);
    assert_eq!(feed(&mut decoder, &last, 0).packet().payload, text(100));
    assert_eq!(decoder.fragments_pending(), 5);
}

#[test]
fn time_and_room_are_bounded_and_counted() {
    let part = |id| ipv4_piece(UDP, id, &udp(&text(100)), 0, 48);
    let rest = |id| ipv4_piece(UDP, id, &udp(&text(100)), 48, 108);
    let mut decoder = Decoder::with_room(&[], 4);
    for id in 0..4 {
        feed(&mut decoder, &part(id), i64::from(id));
    }
    // The fifth takes the place of the oldest.
    feed(&mut decoder, &part(4), 4);
    assert_eq!(fate(&decoder, FragmentFate::Limit), 1);
    feed(&mut decoder, &rest(1), 5).packet();
    assert_eq!(feed(&mut decoder, &rest(0), 6), Got::Fragment);
    assert_eq!(decoder.fragments_pending(), 4);
    // 30 s after the first piece is in time, later is not.
    let age = (AGE_MAX_NS / 1_000_000_000) as i64;
    feed(&mut decoder, &rest(2), 2 + age).packet();
    assert_eq!(fate(&decoder, FragmentFate::Expired), 0);
    assert_eq!(feed(&mut decoder, &rest(3), 3 + age + 1), Got::Fragment);
    assert_eq!(fate(&decoder, FragmentFate::Expired), 1);
    // Time that runs backwards makes nothing old.
    feed(&mut decoder, &part(3), -1000).packet();
    // But what is too old is not taken up again, though something later stands before it.
    let mut decoder = Decoder::with_room(&[], 4);
    feed(&mut decoder, &part(1), 100);
    feed(&mut decoder, &part(2), 50);
    assert_eq!(feed(&mut decoder, &rest(2), 85), Got::Fragment);
    assert_eq!(fate(&decoder, FragmentFate::Expired), 1);
}

#[test]
fn every_datagram_has_one_fate() {
    let mut decoder = Decoder::with_room(&[], 4);
    let parts: Vec<_> = (0..60)
        .map(|id| pieces(id % 2 == 0, id, &udp(&text(100)), &[48]))
        .collect();
    for (at, part) in parts.iter().enumerate() {
        feed(&mut decoder, &part[0], at as i64 * 9);
        if at % 5 == 0 {
            feed(&mut decoder, &part[1], at as i64 * 9);
        }
        if at % 7 == 1 && at % 5 != 0 {
            let mut liar = part[0].clone();
            *liar.last_mut().unwrap() ^= 1;
            feed(&mut decoder, &liar, at as i64 * 9);
        }
    }
    let held = FragmentFate::Held.index();
    let done = decoder.fragment_fates().total() - decoder.fragment_fates().at(held);
    let condemned_still_there = decoder.fragments_pending() as u64 + done - 60;
    assert!(condemned_still_there <= 1, "{:?}", decoder.fragment_fates());
    for fate in [
        FragmentFate::Reassembled,
        FragmentFate::Expired,
        FragmentFate::Conflict,
    ] {
        assert!(decoder.fragment_fates().at(fate.index()) > 0, "{fate}");
    }
}

#[test]
fn fragments_of_other_protocols_take_no_room() {
    let mut decoder = Decoder::with_room(&[], 4);
    let got = feed(&mut decoder, &ipv4_piece(1, 7, &text(100), 0, 48), 0);
    assert_eq!(got, Got::NotForUs(super::super::NotForUs::OtherTransport));
    assert_eq!(decoder.fragments_pending(), 0);
}

#[test]
fn ipv6_takes_the_protocol_of_the_first_piece() {
    let datagram = extension(UDP, 1, &udp(&text(100)));
    let first = ipv6(60, &extension(44, 0, &fragment(60, 7, &datagram, 0, 64)));
    let last = ipv6_piece(58, 7, &datagram, 64, 124);
    let mut decoder = Decoder::with_room(&[], 4);
    for [one, other] in [[&first, &last], [&last, &first]] {
        assert_eq!(feed(&mut decoder, one, 0), Got::Fragment);
        let packet = feed(&mut decoder, other, 0).packet();
        assert_eq!(packet.payload, text(100));
    }
}

#[test]
fn an_atomic_fragment_is_whole_and_meets_nobody() {
    let mut decoder = Decoder::with_room(&[], 4);
    let held = ipv6_piece(UDP, 7, &udp(&text(100)), 0, 48);
    assert_eq!(feed(&mut decoder, &held, 0), Got::Fragment);
    let atomic = ipv6_piece(UDP, 7, &udp(b"whole"), 0, 13);
    assert_eq!(feed(&mut decoder, &atomic, 0).packet().payload, b"whole");
    let rest = ipv6_piece(UDP, 7, &udp(&text(100)), 48, 108);
    assert_eq!(feed(&mut decoder, &rest, 0).packet().payload, text(100));
}

#[test]
fn reserved_bits_of_the_fragment_header_are_no_offset() {
    let mut atomic = ipv6_piece(UDP, 7, &udp(b"whole"), 0, 13);
    atomic[43] |= 0b110;
    assert_eq!(
        decode(&frame_at(LinkType::RawIp, &atomic, 0))
            .packet()
            .payload,
        b"whole"
    );
}

#[test]
fn a_fragment_of_a_fragment_is_refused() {
    let inner = fragment(UDP, 9, &udp(&text(40)), 0, 24);
    let mut decoder = Decoder::with_room(&[], 4);
    let parts = [(0, 16), (16, 32)].map(|(a, b)| ipv6_piece(44, 7, &inner, a, b));
    assert_eq!(feed(&mut decoder, &parts[0], 0), Got::Fragment);
    assert_eq!(
        feed(&mut decoder, &parts[1], 0),
        Got::Malformed(Malformed::BadFragment)
    );
}

/// A datagram's payload, over IPv6 or not, and where it is cut.
type Flight = (bool, Vec<u8>, Vec<usize>);

/// Datagrams and an order of all their pieces, half of them twice.
fn flights() -> impl Strategy<Value = (Vec<Flight>, Vec<usize>)> {
    let flight = (
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 16..600),
        prop::collection::btree_set(1usize..60, 0..6),
    );
    let cut = |(v6, payload, units): (bool, Vec<u8>, std::collections::BTreeSet<usize>)| {
        let mut cuts: Vec<usize> = units.iter().map(|unit| unit * 8).collect();
        cuts.retain(|at| *at < payload.len() + 8);
        if cuts.is_empty() {
            cuts.push(8);
        }
        (v6, payload, cuts)
    };
    prop::collection::vec(flight.prop_map(cut), 1..4).prop_flat_map(|flights| {
        let count = flights.iter().map(|(_, _, cuts)| cuts.len() + 1).sum();
        let order: Vec<usize> = (0..count).chain(0..count / 2).collect();
        (Just(flights), Just(order).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any order, duplication and interleaving gives each datagram, and nothing else.
    #[test]
    fn order_duplicates_and_interleaving_change_nothing((flights, order) in flights()) {
        let mut frames = Vec::new();
        for (id, (v6, payload, cuts)) in flights.iter().enumerate() {
            let parts = pieces(*v6, id as u16, &udp(payload), cuts);
            frames.extend(parts.into_iter().map(|part| (id, part)));
        }
        let mut decoder = Decoder::with_room(&[], 4);
        let mut whole = vec![0; flights.len()];
        for at in order {
            let (id, part) = &frames[at];
            match feed(&mut decoder, part, 0) {
                Got::Fragment => {}
                Got::Packet(packet) => {
                    prop_assert_eq!(&packet.payload, &flights[*id].1);
                    whole[*id] += 1;
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(whole.iter().all(|times| *times >= 1), "{:?}", whole);
    }
}

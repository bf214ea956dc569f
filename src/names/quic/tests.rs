//! The first flight as a whole; `vectors` holds those of the RFCs, `packets` what single
//! packets and datagrams may look like.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod google;
mod packets;
mod vectors;

use proptest::prelude::*;

use super::header::Long;
use super::keys::{Keys, Side, Version, full_number};
use super::oracle::{Initial, crypto, varint};
use super::*;
use crate::base::Outcome;
use crate::flow::Pool;
use crate::names::tls::Shape;
use crate::names::tls::oracle::{Facts, facts, padded_hello};
use crate::names::{Malformed, Probe, ja4};

const V1_CLIENT: &[u8] = include_bytes!("../../../tests/data/quic/rfc9001-client-initial.bin");
const V1_SERVER: &[u8] = include_bytes!("../../../tests/data/quic/rfc9001-server-initial.bin");
const V1_RETRY: &[u8] = include_bytes!("../../../tests/data/quic/rfc9001-retry.bin");
const V2_CLIENT: &[u8] = include_bytes!("../../../tests/data/quic/rfc9369-client-initial.bin");
const V2_SERVER: &[u8] = include_bytes!("../../../tests/data/quic/rfc9369-server-initial.bin");
const V2_RETRY: &[u8] = include_bytes!("../../../tests/data/quic/rfc9369-retry.bin");
const RFC_HELLO: &[u8] = include_bytes!("../../../tests/data/quic/rfc9001-client-hello.bin");
const CHROMIUM_1: &[u8] = include_bytes!("../../../tests/data/quic/chromium-1.bin");
const CHROMIUM_2: &[u8] = include_bytes!("../../../tests/data/quic/chromium-2.bin");

const RFC_ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
const ID: [u8; 9] = [0x51; 9];

/// A flight with its own pool.
struct Bench {
    flight: Flight,
    pool: Pool,
    scratch: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        Self::with_slots(2)
    }

    fn with_slots(slots: u32) -> Self {
        Self {
            flight: Flight::new(),
            pool: Pool::new(slots),
            scratch: vec![0; 65_536],
        }
    }

    fn push(&mut self, datagram: &[u8]) -> Probe<Facts> {
        let Self {
            flight,
            pool,
            scratch,
        } = self;
        facts(flight.push(datagram, Some(true), pool, scratch))
    }

    fn name(&mut self, datagram: &[u8]) -> Option<String> {
        match self.push(datagram) {
            Probe::Found(hello) => hello.sni.map(|name| String::from_utf8(name).unwrap()),
            _ => None,
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .map(|b| (b as char).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn hello(padding: u16) -> Vec<u8> {
    padded_hello(b"app.clearview.ai", padding, true)
}

/// RFC 9001 appendix A.1, RFC 9369 appendix A.1.
/// RFC 9001 A.2 and RFC 9369 A.2, both ways: opened, and made again byte for byte.
/// RFC 9001 A.3 and RFC 9369 A.3: opened with the server's keys, never with a client's.
#[test]
fn chromium_in_either_order_and_with_duplicates() {
    let orders: [&[&[u8]]; 4] = [
        &[CHROMIUM_1, CHROMIUM_2],
        &[CHROMIUM_2, CHROMIUM_1],
        &[CHROMIUM_1, CHROMIUM_1, CHROMIUM_2],
        &[CHROMIUM_2, CHROMIUM_2, CHROMIUM_1],
    ];
    for order in orders {
        let mut bench = Bench::new();
        let (last, before) = order.split_last().unwrap();
        for datagram in before {
            assert_eq!(bench.push(datagram), Probe::NeedMore);
            assert_eq!(bench.flight.cause(), Outcome::Gap);
        }
        let Probe::Found(hello) = bench.push(last) else {
            panic!("no hello");
        };
        assert_eq!(hello.sni.as_deref(), Some(&b"app.clearview.ai"[..]));
        assert_eq!(hello.alpn.as_deref(), Some(&b"h3"[..]));
        assert_eq!(hello.shape, Shape::Whole);
        assert!(!bench.flight.conflict());
        let ja4 = ja4::client(&hello.message, true).unwrap();
        assert!(ja4.as_str().starts_with("q13d03"), "{ja4}");
        bench.flight.release(&mut bench.pool);
        assert_eq!(bench.pool.free_slots(), 2);
    }
}

#[test]
fn a_changed_destination_id_keeps_the_keys() {
    let hello = hello(1500);
    let first = Initial::first(1, &ID, &crypto(0, &hello[..900])).seal();
    for dcid in [&[][..], &[1, 2, 3], &[7; 20]] {
        let mut bench = Bench::new();
        assert_eq!(bench.push(&first), Probe::NeedMore);
        let rest = crypto(900, &hello[900..]);
        let second = Initial {
            dcid,
            number: 1,
            ..Initial::first(1, &ID, &rest)
        };
        assert_eq!(bench.name(&second.seal()).unwrap(), "app.clearview.ai");
    }
}

#[test]
fn keys_change_after_a_retry_whose_id_may_be_short() {
    let hello = hello(1500);
    for id in [&b"server-chosen-id"[..], b"abc", b""] {
        let mut bench = Bench::new();
        let before = Initial::first(1, &ID, &crypto(0, &hello[..900])).seal();
        assert_eq!(bench.push(&before), Probe::NeedMore);
        let token = [5; 300];
        for (number, from, to) in [(1, 900, hello.len()), (2, 0, 900)] {
            let piece = crypto(from as u64, &hello[from..to]);
            let again = Initial {
                token: &token,
                number,
                ..Initial::first(1, id, &piece)
            };
            let answer = bench.push(&again.seal());
            assert_eq!(matches!(answer, Probe::Found(_)), from == 0, "{answer:?}");
        }
    }
}

#[test]
fn a_short_id_without_token_is_no_first_packet() {
    let hello = hello(100);
    let packet = Initial::first(1, &[1; 7], &crypto(0, &hello)).seal();
    let mut bench = Bench::new();
    assert_eq!(bench.push(&packet), Probe::NotForUs);
    assert_eq!(bench.flight.cause(), Outcome::QuicUndecryptable);
    assert!(!bench.flight.decrypted_any());
}

/// RFC 9369 section 4.1: the same first id, the keys of the new version, one stream.
#[test]
fn the_version_may_change_on_the_way() {
    let hello = hello(1500);
    let mut bench = Bench::new();
    let first = Initial::first(1, &ID, &crypto(0, &hello[..900])).seal();
    assert_eq!(bench.push(&first), Probe::NeedMore);
    let rest = crypto(900, &hello[900..]);
    let second = Initial {
        number: 1,
        dcid: &[3; 4],
        ..Initial::first(0x6b33_43cf, &ID, &rest)
    };
    assert_eq!(bench.name(&second.seal()).unwrap(), "app.clearview.ai");
}

#[test]
fn a_strangers_packets_do_not_disturb_the_client() {
    let hello = hello(1500);
    let other = padded_hello(b"innocent.example", 1500, false);
    let ours = |from: usize, to: usize, number| {
        let payload = crypto(from as u64, &hello[from..to]);
        Initial {
            number,
            ..Initial::first(1, &ID, &payload)
        }
        .seal()
    };
    let mut bench = Bench::new();
    assert_eq!(bench.push(&ours(0, 900, 0)), Probe::NeedMore);
    // Another id, other bytes for the same place: authentic, but a connection of its own.
    for id in [[0xaa; 8], [0xbb; 8]] {
        let forged = Initial::first(1, &id, &crypto(900, &other[900..])).seal();
        assert_eq!(bench.push(&forged), Probe::NeedMore);
        assert_eq!(bench.push(&ours(0, 10, 1)), Probe::NeedMore);
    }
    // The right id but wrong keys.
    let rest = crypto(900, &other[900..]);
    let wrong = Initial {
        key_id: &[1; 8],
        ..Initial::first(1, &ID, &rest)
    };
    assert_eq!(bench.push(&wrong.seal()), Probe::NotForUs);
    let Probe::Found(found) = bench.push(&ours(900, hello.len(), 2)) else {
        panic!("no hello");
    };
    assert_eq!(found.message, hello);
    bench.flight.release(&mut bench.pool);
    assert_eq!(bench.pool.free_slots(), 2);
}

/// RFC 9000 section 14.1: no server would take it.
#[test]
fn an_initial_in_a_short_datagram_does_not_count() {
    let hello = hello(0);
    let packet = Initial {
        payload_len_min: 0,
        ..Initial::first(1, &ID, &crypto(0, &hello))
    }
    .seal();
    let mut bench = Bench::new();
    assert_eq!(bench.push(&packet), Probe::NotForUs);
    // Padding outside the packet is as good as inside.
    let mut padded = packet;
    padded.resize(1200, 0);
    assert_eq!(bench.name(&padded).unwrap(), "app.clearview.ai");
}

#[test]
fn coalesced_packets() {
    let hello = hello(600);
    let part = |from: usize, to: usize, number| {
        let payload = crypto(from as u64, &hello[from..to]);
        Initial {
            number,
            payload_len_min: 0,
            ..Initial::first(1, &ID, &payload)
        }
        .seal()
    };
    let mut zero_rtt = vec![0xd0, 0, 0, 0, 1, 9];
    zero_rtt.extend(ID);
    zero_rtt.extend([0, 0x40, 100]);
    zero_rtt.extend([0xee; 100]);

    let mut datagram = zero_rtt.clone();
    datagram.extend(part(300, hello.len(), 0));
    datagram.extend(&zero_rtt);
    datagram.extend(part(0, 300, 1));
    datagram.resize(1300, 0);
    assert_eq!(classify(&datagram), Class::OtherLong { version: 1 });
    assert_eq!(Bench::new().name(&datagram).unwrap(), "app.clearview.ai");

    // Datagrams padded outside and glued together by GRO.
    let mut glued = part(0, 300, 1);
    glued.resize(1200, 0);
    glued.extend(part(300, hello.len(), 0));
    glued.resize(2400, 0);
    assert_eq!(Bench::new().name(&glued).unwrap(), "app.clearview.ai");

    // A packet with another id does not belong in the datagram.
    let mut mixed = part(0, 300, 1);
    let rest = crypto(300, &hello[300..]);
    mixed.extend(
        Initial {
            dcid: &[2; 8],
            ..Initial::first(1, &ID, &rest)
        }
        .seal(),
    );
    assert_eq!(Bench::new().push(&mixed), Probe::NeedMore);
}

#[test]
fn limits_are_told() {
    let hello = hello(40_000);
    let mut bench = Bench::new();
    let first = Initial::first(1, &ID, &crypto(0, &hello[..900])).seal();
    assert_eq!(bench.push(&first), Probe::NeedMore);
    assert_eq!(bench.flight.cause(), Outcome::ReassemblyLimit);

    let mut bench = Bench::new();
    let far = Initial::first(1, &ID, &crypto(1 << 40, &hello[..900])).seal();
    assert_eq!(bench.push(&far), Probe::NeedMore);
    assert_eq!(bench.flight.cause(), Outcome::ReassemblyLimit);

    let mut bench = Bench::with_slots(0);
    assert_eq!(bench.push(CHROMIUM_1), Probe::NeedMore);
    assert_eq!(bench.flight.cause(), Outcome::ReassemblyLimit);
    assert_eq!(bench.name(V1_CLIENT).unwrap(), "example.com");
}

#[test]
fn a_glance_at_half_a_flight() {
    let hello = padded_hello(b"app.clearview.ai", 1500, false);
    let mut bench = Bench::new();
    bench.push(&Initial::first(1, &ID, &crypto(0, &hello[..900])).seal());
    let glance = bench.flight.peek(&bench.pool).unwrap();
    assert_eq!(glance.sni, Some(&b"app.clearview.ai"[..]));
    assert_eq!(glance.shape, Shape::Cut);
    // The name behind the hole is not guessed at.
    let mut bench = Bench::new();
    bench.push(&Initial::first(1, &ID, &crypto(20, &hello[20..900])).seal());
    assert!(bench.flight.peek(&bench.pool).is_none());
    assert!(bench.flight.has_gap());
}

/// RFC 9000 appendix A.3, and its example.
#[test]
fn a_flight_is_small() {
    assert!(size_of::<Flight>() <= 640, "{}", size_of::<Flight>());
}

#[test]
fn oracle_holds_for_the_fuzz_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/quic");
    let seeds = std::fs::read_dir(folder).unwrap();
    let checked = seeds.map(|seed| oracle::check(&std::fs::read(seed.unwrap().path()).unwrap()));
    assert!(checked.count() >= 3);
}

proptest! {
    /// Any cut into frames, packets and datagrams, in any order, with duplicates.
    #[test]
    fn pieces_do_not_matter(
        padding in 0u16..5000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..14),
        order in any::<prop::sample::Index>(),
        shuffle in prop::collection::vec(any::<u32>(), 15),
        glue in prop::collection::vec(0u8..4, 15),
        twice in any::<prop::sample::Index>(),
    ) {
        let hello = hello(padding);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(hello.len())).collect();
        ends.push(hello.len());
        ends.sort_unstable();
        let mut start = 0;
        let mut frames = Vec::new();
        for end in ends {
            frames.push(crypto(start as u64, &hello[start..end]));
            start = end;
        }
        let mut keyed: Vec<_> = shuffle.iter().zip(frames).collect();
        keyed.sort_by_key(|(key, _)| **key);
        let turn = order.index(keyed.len());
        keyed.rotate_left(turn);
        let again = keyed[twice.index(keyed.len())].clone();
        keyed.insert(twice.index(keyed.len()), again);

        // glue: 0 new datagram, 1 new packet, 2 same packet, 3 same packet behind a PING.
        let mut datagrams: Vec<Vec<Vec<u8>>> = vec![vec![vec![]]];
        for ((_, frame), glue) in keyed.into_iter().zip(glue.iter().cycle()) {
            match glue {
                0 => datagrams.push(vec![vec![]]),
                1 => datagrams.last_mut().unwrap().push(vec![]),
                2 => {}
                _ => datagrams.last_mut().unwrap().last_mut().unwrap().push(1),
            }
            datagrams.last_mut().unwrap().last_mut().unwrap().extend(frame);
        }
        let mut bench = Bench::new();
        let mut number = 0;
        let mut last = Probe::NotForUs;
        for packets in datagrams {
            let mut datagram = Vec::new();
            for payload in packets {
                number += 1;
                let packet = Initial { number, number_len: 2, payload_len_min: 4, ..Initial::first(1, &ID, &payload) };
                datagram.extend(packet.seal());
            }
            datagram.resize(datagram.len().max(1200), 0);
            last = bench.push(&datagram);
        }
        let Probe::Found(found) = last else {
            return Err(TestCaseError::fail(format!("{last:?}")));
        };
        prop_assert_eq!(found.message, hello);
        prop_assert_eq!(found.sni.as_deref(), Some(&b"app.clearview.ai"[..]));
    }

    /// The oracle on plans and on rubbish.
    #[test]
    fn oracle_holds(mut data in prop::collection::vec(any::<u8>(), 1..200)) {
        oracle::check(&data);
        data[0] ^= 1;
        oracle::check(&data);
    }

    /// Random bytes are never taken for a version that can be read.
    #[test]
    fn random_bytes_are_not_quic(data in prop::collection::vec(any::<u8>(), 0..1400)) {
        prop_assert_eq!(classify(&data), Class::NotQuic);
    }
}

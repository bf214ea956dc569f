//! Records, fragments and flights of DTLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use proptest::prelude::*;

use super::oracle::{DTLS_12, body, fragment, record, told};
use super::*;
use crate::base::{Outcome, Seen};
use crate::flow::Pool;
use crate::names::tls::Shape;
use crate::names::tls::oracle::{Facts, client_hello, facts, padded_hello, server_name};
use crate::names::{Malformed, Probe, ja4};

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
            flight: Flight::default(),
            pool: Pool::new(slots),
            scratch: vec![0; 65_536],
        }
    }

    fn push(&mut self, datagram: &[u8]) -> Probe<Facts> {
        let len = datagram.len();
        let (pool, scratch) = (&mut self.pool, &mut self.scratch);
        facts(self.flight.push(datagram, len, pool, scratch))
    }

    fn name(&mut self, datagram: &[u8]) -> Option<String> {
        match self.push(datagram) {
            Probe::Found(hello) => hello.sni.map(|name| String::from_utf8(name).unwrap()),
            _ => None,
        }
    }
}

fn hello() -> Vec<u8> {
    padded_hello(b"app.clearview.ai", 200, true)
}

/// A whole hello in one record.
fn datagram(sequence: u16, cookie: &[u8]) -> Vec<u8> {
    let body = body(&hello(), DTLS_12, cookie);
    record(22, 0, &fragment(1, sequence, &body, 0, body.len()))
}

fn class(datagram: &[u8]) -> Class {
    classify(datagram, datagram.len())
}

#[test]
fn one_record_with_and_without_a_cookie() {
    for (sequence, cookie) in [(0, &b""[..]), (1, &[0xc0; 20]), (1, &[1; 255])] {
        let bytes = datagram(sequence, cookie);
        assert_eq!(
            class(&bytes),
            Class::Client {
                random: Some([7; 32])
            }
        );
        let Probe::Found(found) = Bench::new().push(&bytes) else {
            panic!("no hello");
        };
        assert_eq!(found.sni.as_deref(), Some(&b"app.clearview.ai"[..]));
        assert_eq!(found.alpn.as_deref(), Some(&b"h2"[..]));
        assert_eq!(found.shape, Shape::Whole);
        assert_eq!(found.message, told(&hello(), DTLS_12));
    }
}

#[test]
fn fragments_over_records_and_datagrams() {
    let body = body(&hello(), DTLS_12, b"cookie");
    let piece = |from: usize, to: usize| record(22, 0, &fragment(1, 1, &body, from, to));
    // Two in one record, the third in another, of the same datagram.
    let one = [fragment(1, 1, &body, 0, 90), fragment(1, 1, &body, 90, 180)].concat();
    let all = [record(22, 0, &one), piece(180, body.len())].concat();
    assert_eq!(Bench::new().name(&all).unwrap(), "app.clearview.ai");
    // Turned round, overlapping, twice, with fragments of no length and of another message between.
    let mut bench = Bench::new();
    let other = record(22, 1, &fragment(11, 2, &[5; 300], 100, 200));
    for bytes in [
        piece(100, body.len()),
        piece(30, 60),
        [other.clone(), piece(50, 110)].concat(),
        piece(30, 60),
    ] {
        assert_eq!(bench.push(&bytes), Probe::NeedMore);
    }
    assert_eq!(bench.flight.cause(), Outcome::Gap);
    assert_eq!(bench.push(&other), Probe::NotForUs);
    assert_eq!(bench.name(&piece(0, 40)).unwrap(), "app.clearview.ai");
    assert!(!bench.flight.conflict());
    bench.flight.release(&mut bench.pool);
    assert_eq!(bench.pool.free_slots(), 2);
}

#[test]
fn contradictions_leave_the_first_copy() {
    let ours = body(&hello(), DTLS_12, b"");
    let decoy = body(&padded_hello(b"www.example.com", 201, true), DTLS_12, b"");
    assert_eq!(ours.len(), decoy.len());
    let at = ours.len() - 40;
    let mut bench = Bench::new();
    bench.push(&record(22, 0, &fragment(1, 0, &ours, 0, at)));
    bench.push(&record(22, 0, &fragment(1, 0, &ours, at + 1, ours.len())));
    let found = bench.name(&record(
        22,
        0,
        &fragment(1, 0, &decoy, at - 100, decoy.len()),
    ));
    assert_eq!(found.unwrap(), "app.clearview.ai");
    assert!(bench.flight.conflict());
    // Another length is another message; it does not disturb the first.
    let mut bench = Bench::new();
    let longer = body(&padded_hello(b"www.example.com", 300, true), DTLS_12, b"");
    bench.push(&record(22, 0, &fragment(1, 0, &ours, 0, at)));
    bench.push(&record(
        22,
        0,
        &fragment(1, 0, &longer, at, longer.len() - 1),
    ));
    let rest = record(22, 0, &fragment(1, 0, &ours, at, ours.len()));
    assert_eq!(bench.name(&rest).unwrap(), "app.clearview.ai");
}

/// The first hello lost a piece; the second, with the cookie, is whole.
#[test]
fn the_second_hello_stands_for_the_first() {
    let body = body(&hello(), DTLS_12, b"");
    let mut bench = Bench::new();
    let first = record(22, 0, &fragment(1, 0, &body, 0, 100));
    assert_eq!(bench.push(&first), Probe::NeedMore);
    assert_eq!(
        bench.name(&datagram(1, &[3; 32])).unwrap(),
        "app.clearview.ai"
    );
}

#[test]
fn a_glance_at_half_a_hello() {
    let body = body(
        &padded_hello(b"app.clearview.ai", 300, false),
        DTLS_12,
        &[9; 32],
    );
    let mut bench = Bench::new();
    bench.push(&record(22, 0, &fragment(1, 1, &body, 0, 70)));
    assert!(bench.flight.peek(&bench.pool, &mut bench.scratch).is_none());
    bench.push(&record(22, 0, &fragment(1, 1, &body, 70, 200)));
    let glance = bench.flight.peek(&bench.pool, &mut bench.scratch).unwrap();
    assert_eq!(glance.sni, Some(&b"app.clearview.ai"[..]));
    assert_eq!(glance.shape, Shape::Cut);
}

#[test]
fn limits_are_told() {
    let body = body(
        &padded_hello(b"app.clearview.ai", 40_000, true),
        DTLS_12,
        b"",
    );
    let mut bench = Bench::new();
    assert_eq!(
        bench.push(&record(22, 0, &fragment(1, 0, &body, 0, 900))),
        Probe::NeedMore
    );
    assert_eq!(bench.flight.cause(), Outcome::ReassemblyLimit);
    let mut bench = Bench::with_slots(0);
    let part = record(22, 0, &fragment(1, 0, &body, 0, 900));
    assert_eq!(bench.push(&part), Probe::NeedMore);
    assert_eq!(bench.flight.cause(), Outcome::ReassemblyLimit);
    // A hello in one record needs no buffer.
    assert_eq!(bench.name(&datagram(0, b"")).unwrap(), "app.clearview.ai");
}

#[test]
fn a_broken_hello() {
    let mut body = body(&hello(), DTLS_12, b"");
    // The length of the cookie: more than there is.
    body[35] = 0xff;
    body.truncate(100);
    let bytes = record(22, 0, &fragment(1, 0, &body, 0, body.len()));
    assert_eq!(
        Bench::new().push(&bytes),
        Probe::Malformed(Malformed::TlsHello)
    );
}

#[test]
fn what_does_not_agree_is_not_dtls() {
    let good = datagram(0, b"");
    // Type, version, epoch, sequence number, length; handshake type, lengths, number, offset; the
    // hello's own version and session id.
    let places = [
        (0, 23),
        (1, 3),
        (2, 0xfc ^ 0xff),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
        (11, 9),
        (12, 1),
        (13, 16),
        (13, 0),
        (14, 4),
        (16, 0),
        (18, 2),
        (19, 1),
        (24, 1),
        (25, 3),
        (59, 33),
    ];
    for (at, value) in places {
        let mut bytes = good.clone();
        assert_ne!(bytes[at], value, "{at}");
        bytes[at] = value;
        assert_eq!(class(&bytes), Class::NotDtls, "{at}");
    }
    for bytes in [&good[..good.len() - 1], &[&good[..], &[22]].concat()] {
        assert_eq!(class(bytes), Class::NotDtls);
    }
    // The capture cut it: what is there agrees.
    assert_eq!(
        classify(&good[..100], good.len()),
        Class::Client {
            random: Some([7; 32])
        }
    );
}

#[test]
fn a_servers_answer() {
    let mut request = DTLS_12.to_be_bytes().to_vec();
    request.extend([4, 1, 2, 3, 4]);
    let len = request.len();
    assert_eq!(
        class(&record(22, 0, &fragment(3, 0, &request, 0, len))),
        Class::Server
    );
    request[2] = 5;
    assert_eq!(
        class(&record(22, 0, &fragment(3, 0, &request, 0, len))),
        Class::NotDtls
    );
    let mut hello = DTLS_12.to_be_bytes().to_vec();
    hello.extend([6; 32]);
    hello.extend([0, 0xc0, 0x2b, 0]);
    let len = hello.len();
    assert_eq!(
        class(&record(22, 1, &fragment(2, 1, &hello, 0, len))),
        Class::Server
    );
}

#[test]
fn media_keys_are_told_apart() {
    let media = (14, vec![0, 2, 0, 1, 0]);
    let plain = client_hello(&[(0, server_name(&[b"a.example"]))]);
    assert!(carries_media(&told(&client_hello(&[media]), DTLS_12)));
    assert!(!carries_media(&told(&plain, DTLS_12)));
}

/// FoxIO's definition: `d`, and the newest version offered; DTLS counts downwards.
#[test]
fn ja4_of_a_dtls_hello() {
    let name = (0, server_name(&[b"app.clearview.ai"]));
    let versions = (43, vec![4, 0xfe, 0xfd, 0xfe, 0xfc]);
    let read = |extensions: &[(u16, Vec<u8>)]| {
        let body = body(&client_hello(extensions), DTLS_12, &[1; 9]);
        let bytes = record(22, 0, &fragment(1, 0, &body, 0, body.len()));
        let Probe::Found(hello) = Bench::new().push(&bytes) else {
            panic!("no hello");
        };
        ja4::of(&hello.message, Seen::DtlsSni).unwrap().to_string()
    };
    assert!(read(std::slice::from_ref(&name)).starts_with("dd2d010100_"));
    assert!(read(&[name, versions]).starts_with("dd3d010200_"));
}

#[test]
fn oracle_holds_for_the_fuzz_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/dtls");
    let mut checked = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        for len in (0..=seed.len())
            .rev()
            .step_by(seed.len().div_ceil(40).max(1))
        {
            oracle::check(&seed[..len]);
        }
        checked += 1;
    }
    assert!(checked >= 3);
}

proptest! {
    /// Any pieces in any order, with strangers and duplicates between; and rubbish.
    #[test]
    fn oracle_holds(mut data in prop::collection::vec(any::<u8>(), 1..120)) {
        oracle::check(&data);
        data[0] ^= 1;
        oracle::check(&data);
    }

    /// Random bytes are not taken for DTLS, whatever they begin with.
    #[test]
    fn random_bytes_are_not_dtls(mut data in prop::collection::vec(any::<u8>(), 3..400)) {
        data[..3].copy_from_slice(&[22, 0xfe, 0xfd]);
        prop_assert_eq!(class(&data), Class::NotDtls);
    }
}

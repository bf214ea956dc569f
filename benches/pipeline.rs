//! The whole worker per frame, from decode to no match, in cache; beside a bare walk that only
//! touches each header.
//!
//! Each sample takes a round of frames, so that divan's items per second are frames per second.
//! Nothing here matches: a match is rare and may cost something.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use poortwacht::base::Timestamp;
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::{Frame, LinkType};
use poortwacht::event::{Event, Hit};
use poortwacht::sensor::{Settings, Sink, Worker};

// The maker of single frames; the whole mix is for the test.
#[allow(dead_code)]
#[path = "../tests/mix/mod.rs"]
mod mix;

const ROUND: u32 = 64;

fn main() {
    divan::main();
}

struct NoHits;

impl Sink for NoHits {
    fn tell(&mut self, _event: Event) {}

    fn hit(&mut self, hit: Box<Hit>) {
        panic!("{} matched", hit.name);
    }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        bytes,
        wire_len: bytes.len() as u32,
        time: Timestamp(1_700_000_000_000_000_000),
        vlan: None,
        link: LinkType::Ethernet,
        point: 0,
    }
}

/// Feeds `before` once, then measures `frames` over and over.
fn run(bencher: Bencher, before: &[Vec<u8>], frames: &[Vec<u8>]) {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut worker = Worker::new(&Settings::default(), 0, "bench");
    for bytes in before {
        worker.frame(&frame(bytes), "bench", &list, &mut NoHits);
    }
    bencher
        .counter(ItemsCount::new(frames.len()))
        .bench_local(|| {
            for bytes in black_box(frames) {
                worker.frame(&frame(bytes), "bench", &list, &mut NoHits);
            }
        });
}

fn many(make: impl Fn(u32) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..ROUND).map(make).collect()
}

/// The floor: the Ethernet type and the protocol of each frame, nothing else.
#[divan::bench]
fn bare_walk(bencher: Bencher) {
    let frames = many(|n| mix::tcp(n, true, 5001, 0x10, &[0; 1448]));
    bencher
        .counter(ItemsCount::new(frames.len()))
        .bench_local(|| {
            let mut sum = 0u64;
            for bytes in black_box(&frames) {
                if let (Some(kind), Some(protocol)) = (bytes.get(12..14), bytes.get(23)) {
                    sum += u64::from(kind[0]) + u64::from(kind[1]) + u64::from(*protocol);
                }
            }
            sum
        });
}

/// A data frame of a connection whose hello was read.
#[divan::bench]
fn tcp_data_of_a_settled_flow(bencher: Bencher) {
    let mut before = many(|n| mix::tcp(n, false, 1000, 2, b""));
    before.extend(many(|n| mix::tcp(n, false, 1001, 0x10, &mix::hello())));
    run(
        bencher,
        &before,
        &many(|n| mix::tcp(n, true, 5001, 0x10, &[0; 1448])),
    );
}

/// A bare acknowledgement of such a connection.
#[divan::bench]
fn tcp_acknowledgement(bencher: Bencher) {
    let mut before = many(|n| mix::tcp(n, false, 1000, 2, b""));
    before.extend(many(|n| mix::tcp(n, false, 1001, 0x10, &mix::hello())));
    run(
        bencher,
        &before,
        &many(|n| mix::tcp(n, false, 2925, 0x10, b"")),
    );
}

/// A short-header datagram: no table is touched.
#[divan::bench]
fn udp_data(bencher: Bencher) {
    let mut payload = vec![0x5a; 1250];
    payload[0] = 0x40;
    run(bencher, &[], &many(|n| mix::udp(n, true, 443, &payload)));
}

#[divan::bench]
fn dns_query(bencher: Bencher) {
    run(
        bencher,
        &[],
        &many(|n| mix::udp(n, false, 53, &mix::query(n as u16))),
    );
}

/// The SYN of a new connection and its whole Chromium hello, two frames each.
#[divan::bench]
fn syn_and_hello(bencher: Bencher) {
    let mut frames = Vec::new();
    for n in 0..ROUND {
        // Two numbers by turns: each SYN opens the connection anew.
        for isn in [1000, 900_000_000] {
            frames.push(mix::tcp(n, false, isn, 2, b""));
            frames.push(mix::tcp(n, false, isn + 1, 0x10, &mix::hello()));
        }
    }
    run(bencher, &[], &frames);
}

/// The same hello in two segments, through a buffer: three frames each.
#[divan::bench]
fn syn_and_hello_in_two_segments(bencher: Bencher) {
    let hello = mix::hello();
    let mut frames = Vec::new();
    for n in 0..ROUND {
        for isn in [1000, 900_000_000] {
            frames.push(mix::tcp(n, false, isn, 2, b""));
            frames.push(mix::tcp(n, false, isn + 1, 0x10, &hello[..1400]));
            frames.push(mix::tcp(n, false, isn + 1401, 0x10, &hello[1400..]));
        }
    }
    run(bencher, &[], &frames);
}

/// A QUIC Initial that opens another connection each time.
#[divan::bench]
fn quic_initial(bencher: Bencher) {
    let frames: Vec<Vec<u8>> = (0..ROUND)
        .flat_map(|n| [1u64, 2].map(|id| mix::udp(n, false, 443, &mix::initial(id))))
        .collect();
    run(bencher, &[], &frames);
}

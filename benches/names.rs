//! Budgets: a complete ClientHello to match or no match <= 80 ns, a QUIC Initial <= 2 us.

use divan::{Bencher, black_box};
use poortwacht::flow::Pool;
use poortwacht::names::quic::oracle::{Initial, crypto};
use poortwacht::names::quic::{Flight, classify};
use poortwacht::names::tls::{self, Hello};
use poortwacht::names::{Probe, ja4};

const CHROMIUM: &[u8] = include_bytes!("../tests/data/hello/chromium.bin");
const CURL: &[u8] = include_bytes!("../tests/data/hello/curl.bin");
const RFC_INITIAL: &[u8] = include_bytes!("../tests/data/quic/rfc9001-client-initial.bin");
const QUIC_1: &[u8] = include_bytes!("../tests/data/quic/chromium-1.bin");
const QUIC_2: &[u8] = include_bytes!("../tests/data/quic/chromium-2.bin");

fn main() {
    divan::main();
}

fn sni_len(answer: Probe<Hello<'_>>) -> usize {
    match answer {
        Probe::Found(hello) => hello.sni.map_or(0, <[u8]>::len),
        _ => 0,
    }
}

mod tls_hello {
    use super::*;

    #[divan::bench]
    fn chromium_one_record(bencher: Bencher) {
        let mut scratch = vec![0; 4096];
        bencher.bench_local(|| sni_len(tls::probe(black_box(CHROMIUM), &mut scratch)));
    }

    #[divan::bench]
    fn curl_one_record(bencher: Bencher) {
        let mut scratch = vec![0; 4096];
        bencher.bench_local(|| sni_len(tls::probe(black_box(CURL), &mut scratch)));
    }

    #[divan::bench]
    fn chromium_four_records(bencher: Bencher) {
        let stream = tls::oracle::records(&CHROMIUM[5..], &[1, 600, 600, 1000]);
        let mut scratch = vec![0; 4096];
        bencher.bench_local(|| sni_len(tls::probe(black_box(&stream), &mut scratch)));
    }

    #[divan::bench]
    fn first_segment_only(bencher: Bencher) {
        let mut scratch = vec![0; 4096];
        bencher.bench_local(|| sni_len(tls::probe(black_box(&CHROMIUM[..1448]), &mut scratch)));
    }

    #[divan::bench]
    fn starts_hello_on_other_data(bencher: Bencher) {
        bencher.bench_local(|| tls::starts_hello(black_box(b"\x17\x03\x03\x05\xa0rest")));
    }

    #[divan::bench]
    fn ja4_of_chromium(bencher: Bencher) {
        bencher.bench_local(|| ja4::client(black_box(&CHROMIUM[5..]), false));
    }
}

mod quic_flight {
    use super::*;

    fn pushes(datagrams: &[&[u8]], pool: &mut Pool, scratch: &mut [u8]) -> usize {
        let mut flight = Flight::new();
        let mut len = 0;
        for datagram in datagrams {
            len += sni_len(flight.push(black_box(datagram), Some(true), pool, scratch));
        }
        flight.release(pool);
        len
    }

    /// Keys, opening, name: everything for a hello in one datagram.
    #[divan::bench]
    fn rfc_9001_initial(bencher: Bencher) {
        let (mut pool, mut scratch) = (Pool::new(2), vec![0; 65_536]);
        bencher.bench_local(|| pushes(&[RFC_INITIAL], &mut pool, &mut scratch));
    }

    /// Two datagrams through the pool.
    #[divan::bench]
    fn chromium_two_datagrams(bencher: Bencher) {
        let (mut pool, mut scratch) = (Pool::new(2), vec![0; 65_536]);
        bencher.bench_local(|| pushes(&[QUIC_1, QUIC_2], &mut pool, &mut scratch));
    }

    /// An Initial that no key opens.
    #[divan::bench]
    fn forged_initial(bencher: Bencher) {
        let (mut pool, mut scratch) = (Pool::new(2), vec![0; 65_536]);
        let id = [7; 8];
        let payload = crypto(0, b"x");
        let forged = Initial {
            key_id: &[1; 8],
            ..Initial::first(1, &id, &payload)
        };
        let forged = forged.seal();
        bencher.bench_local(|| pushes(&[&forged], &mut pool, &mut scratch));
    }

    #[divan::bench]
    fn classify_initial(bencher: Bencher) {
        bencher.bench_local(|| classify(black_box(QUIC_1)));
    }

    #[divan::bench]
    fn classify_other(bencher: Bencher) {
        bencher.bench_local(|| classify(black_box(b"\x45some other datagram, short header")));
    }
}

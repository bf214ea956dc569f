//! DTLS, Google's QUIC, and QUIC versions that change, through the worker.

use super::*;
use crate::flow::Desync;
use crate::names::dtls::oracle::{DTLS_12, body, fragment, record, told};
use crate::names::ja4;
use crate::names::quic::oracle::google::{Clear, client_chlo, stream};
use crate::names::quic::oracle::{Initial, crypto};
use crate::names::tls::oracle::{client_hello, padded_hello};

const VENDOR: &str = "app.clearview.ai";

fn of_udp(stats: &crate::event::Stats, outcome: Outcome) -> u64 {
    stats.connections.at(Outcome::ALL.len() + outcome.index())
}

fn total(stats: &crate::event::Stats) -> u64 {
    let outcomes = Outcome::ALL.iter();
    outcomes.map(|outcome| of_udp(stats, *outcome)).sum()
}

fn dtls_hello(sequence: u16, cookie: &[u8]) -> Vec<u8> {
    let body = body(&padded_hello(VENDOR.as_bytes(), 60, true), DTLS_12, cookie);
    record(22, 0, &fragment(1, sequence, &body, 0, body.len()))
}

fn verify_request() -> Vec<u8> {
    let body = [0xfe, 0xfd, 4, 1, 2, 3, 4];
    record(22, 0, &fragment(3, 0, &body, 0, body.len()))
}

/// Without a cookie, again (the timer ran out), the server's request, with the cookie.
#[test]
fn two_hellos_are_one_dtls_connection() {
    let frames = [
        udp(false, 4433, &dtls_hello(0, b"")),
        udp(false, 4433, &dtls_hello(0, b"")),
        udp(true, 4433, &verify_request()),
        udp(false, 4433, &dtls_hello(1, &[1, 2, 3, 4])),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!(seen.names, [(Seen::DtlsSni, VENDOR.to_owned())]);
    assert_eq!((of_udp(&stats, Outcome::Named), total(&stats)), (1, 1));
    let [hit] = &seen.hits[..] else {
        panic!("{} hits", seen.hits.len());
    };
    assert_eq!((hit.seen, hit.name.as_str()), (Seen::DtlsSni, VENDOR));
    assert!(
        hit.ja4
            .as_deref()
            .is_some_and(|ja4| ja4.starts_with("dd2d"))
    );
    // As TLS writes it: no cookie, no fields of a fragment.
    let message = padded_hello(VENDOR.as_bytes(), 60, true);
    assert_eq!(hit.evidence, told(&message, DTLS_12));
    assert_eq!(hit.ends.sport, 41_000);
}

#[test]
fn a_dtls_hello_in_fragments_and_the_next_connection_on_its_ports() {
    let first = body(&padded_hello(VENDOR.as_bytes(), 60, true), DTLS_12, b"");
    let piece = |from: usize, to: usize| record(22, 0, &fragment(1, 0, &first, from, to));
    let mut other = padded_hello(b"www.example.com", 60, true);
    other[6..38].fill(0x33);
    let other = body(&other, DTLS_12, b"");
    let frames = [
        udp(false, 4433, &piece(90, first.len())),
        udp(false, 4433, &piece(0, 40)),
        udp(false, 4433, &piece(30, 100)),
        udp(false, 4433, &piece(0, 40)),
        udp(
            false,
            4433,
            &record(22, 0, &fragment(1, 0, &other, 0, other.len())),
        ),
    ];
    let (seen, stats) = run(&frames);
    let names: Vec<_> = seen.names.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, [VENDOR, "www.example.com"]);
    assert_eq!((of_udp(&stats, Outcome::Named), total(&stats)), (2, 2));
}

#[test]
fn each_dtls_connection_has_one_fate() {
    let nameless_half = body(&padded_hello(VENDOR.as_bytes(), 900, true), DTLS_12, b"");
    let named_half = body(&padded_hello(VENDOR.as_bytes(), 900, false), DTLS_12, b"");
    let half = |body: &[u8]| udp(false, 4433, &record(22, 0, &fragment(1, 0, body, 0, 400)));
    let hello = |extensions: &[(u16, Vec<u8>)]| {
        let body = body(&client_hello(extensions), DTLS_12, b"");
        udp(
            false,
            4433,
            &record(22, 0, &fragment(1, 0, &body, 0, body.len())),
        )
    };
    let cases = [
        (half(&nameless_half), Outcome::Gap),
        (half(&named_half), Outcome::Named),
        (hello(&[(10, vec![0, 2, 0, 29])]), Outcome::NoSni),
        // Media between people (WebRTC) withholds no name.
        (hello(&[(14, vec![0, 2, 0, 1, 0])]), Outcome::OtherProtocol),
        (udp(true, 4433, &verify_request()), Outcome::Midstream),
    ];
    for (frame, outcome) in cases {
        let (_, stats) = run(&[frame]);
        assert_eq!(
            (of_udp(&stats, outcome), total(&stats)),
            (1, 1),
            "{outcome}"
        );
    }
}

/// What speaks UDP and is neither: no name, no connection.
#[test]
fn others_are_not_taken_for_quic_or_dtls() {
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let rtp = [&[0x80, 0x60, 1, 2][..], &[5; 160]].concat();
    let wireguard = [&[1, 0, 0, 0][..], &[0x16; 144]].concat();
    let turn_channel = [&[0x40, 0, 0, 100][..], &dtls_hello(0, b"")].concat();
    let capwap = [&[1, 0, 0, 0][..], &dtls_hello(0, b"")].concat();
    let mut bittorrent = b"d1:ad2:id20:".to_vec();
    bittorrent.extend([0x16; 20]);
    let mut encrypted = dtls_hello(0, b"");
    encrypted[4] = 1;
    let application = record(23, 0, &[9; 60]);
    let mut google = Clear {
        version: 43,
        id: [4; 8],
        number: 1,
        frames: &[7, 0, 0],
    }
    .seal();
    google[0] = 0x08;
    let random = |first: u8| {
        let bytes = (0..200u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
        std::iter::once(first).chain(bytes).collect::<Vec<u8>>()
    };
    let mut frames = vec![];
    for bytes in [
        stun,
        rtp,
        wireguard,
        turn_channel,
        capwap,
        bittorrent,
        encrypted,
        application,
        google,
        random(0x16),
        random(0x09),
        random(0x0d),
        random(0xc3),
        random(0x40),
    ] {
        frames.push(udp(false, 41_641, &bytes));
    }
    let (seen, stats) = run(&frames);
    assert!(seen.names.is_empty());
    assert_eq!(total(&stats), 0);
}

/// The first hello in two packets, again, and the second one after the server's refusal.
#[test]
fn googles_quic_is_one_connection() {
    let hello = client_chlo(VENDOR.as_bytes(), 700, 43);
    let packet = |number: u8, offset: u32, data: &[u8]| {
        let frames = stream(43, offset, data);
        let packet = Clear {
            version: 43,
            id: *b"id-eight",
            number,
            frames: &frames,
        };
        udp(false, 443, &packet.seal())
    };
    let next = hello.len() as u32;
    let frames = [
        packet(2, 500, &hello[500..]),
        packet(1, 0, &hello[..500]),
        packet(3, 0, &hello),
        packet(4, next, &client_chlo(VENDOR.as_bytes(), 100, 43)),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!(seen.names, [(Seen::QuicSni, VENDOR.to_owned())]);
    assert_eq!((of_udp(&stats, Outcome::Named), total(&stats)), (1, 1));
    let hit = &seen.hits[0];
    assert_eq!(hit.ja4, None);
    let agent = b"Chrome";
    assert!(!hit.evidence.windows(agent.len()).any(|at| at == agent));
    assert!(ja4::client(&hit.evidence, true).is_none());
}

fn negotiation() -> Vec<u8> {
    let mut list = vec![0x80, 0, 0, 0, 0, 0, 8];
    list.extend(b"first-id");
    list.extend([0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf]);
    list
}

fn initial(version: u32, shown: Option<u32>, id: &[u8], name: &str) -> Vec<u8> {
    let payload = crypto(0, &padded_hello(name.as_bytes(), 60, true));
    let mut initial = Initial::first(version, id, &payload);
    initial.shown_version = shown;
    udp(false, 443, &initial.seal())
}

/// A version that no server speaks, the server's list, then one of those, under another id.
#[test]
fn a_connection_that_negotiates_its_version_counts_once() {
    let grease = initial(1, Some(0x1a2a_3a4a), b"first-id", VENDOR);
    let list = udp(true, 443, &negotiation());
    let again = initial(0x6b33_43cf, None, b"secondid", VENDOR);
    for frames in [
        vec![grease.clone(), list.clone(), again.clone(), again.clone()],
        vec![grease.clone(), again],
    ] {
        let (seen, stats) = run(&frames);
        assert_eq!((seen.names.len(), total(&stats)), (1, 1));
        assert_eq!(seen.hits.len(), 1);
    }
    // Another name is another connection, whatever went before.
    let other = initial(0x6b33_43cf, None, b"secondid", "pimeyes.com");
    let (seen, stats) = run(&[grease.clone(), list, other]);
    assert_eq!(
        (seen.names.len(), seen.hits.len(), total(&stats)),
        (2, 2, 2)
    );
    // A version that nobody can read at first.
    let mut unknown = vec![0xc3, 0xff, 0, 0, 0x0a, 8];
    unknown.extend(b"first-id");
    unknown.resize(1250, 7);
    let frames = [
        udp(false, 443, &unknown),
        udp(true, 443, &negotiation()),
        initial(1, None, b"secondid", VENDOR),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!(
        (
            seen.names.len(),
            of_udp(&stats, Outcome::Named),
            total(&stats)
        ),
        (1, 1, 1)
    );
    let (_, stats) = run(&frames[..1]);
    assert_eq!(
        (of_udp(&stats, Outcome::QuicVersion), total(&stats)),
        (1, 1)
    );
}

/// A forged Retry does not hide another name behind a token.
#[test]
fn a_token_hides_no_other_name() {
    let retry = include_bytes!("../../../tests/data/quic/rfc9001-retry.bin");
    let payload = crypto(0, &padded_hello(b"pimeyes.com", 60, true));
    let mut second = Initial::first(1, b"secondid", &payload);
    second.token = b"token";
    let frames = [
        initial(1, None, b"first-id", VENDOR),
        udp(true, 443, retry),
        udp(false, 443, &second.seal()),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!((seen.names.len(), total(&stats)), (2, 2));
}

/// A datagram with its time to live and UDP checksum.
fn crafted(mut frame: Vec<u8>, hops: u8, sum: Option<bool>) -> Vec<u8> {
    frame[22] = hops;
    if let Some(right) = sum {
        let (src, dst) = (CLIENT.into(), SERVER.into());
        let udp = pnet::packet::udp::UdpPacket::new(&frame[34..]).unwrap();
        let sum = pnet::packet::udp::ipv4_checksum(&udp, &src, &dst);
        let sum = if right { sum } else { sum ^ 0x0101 };
        frame[40..42].copy_from_slice(&sum.to_be_bytes());
    }
    frame
}

/// zapret's `fake` over QUIC: an Initial for another name that ends on its way or that the server
/// throws away, then the true one.
#[test]
fn a_quic_decoy_is_told_as_contested_and_the_true_hello_is_not() {
    let of = |id: &'static [u8], name| initial(1, None, id, name);
    let decoys = [
        (3, Some(true), Some(Desync::DecoyTtl)),
        (64, Some(false), Some(Desync::DecoyChecksum)),
        (64, Some(true), None),
        (64, None, None),
    ];
    for (hops, sum, sign) in decoys {
        let decoy = crafted(of(b"decoy-id", "facecheck.id"), hops, sum);
        let true_one = crafted(of(b"true--id", VENDOR), 64, Some(true));
        let (seen, stats) = run(&[decoy, true_one]);
        let told: Vec<_> = seen
            .hits
            .iter()
            .map(|hit| (hit.name.as_str(), hit.contested))
            .collect();
        assert_eq!(told, [("facecheck.id", sign.is_some()), (VENDOR, false)]);
        for kind in Desync::ALL {
            assert_eq!(
                stats.desync.at(kind.index()),
                u64::from(sign == Some(*kind))
            );
        }
    }
    // The decoy comes second: it has fewer hops left than the true one had.
    let true_one = crafted(of(b"true--id", VENDOR), 64, Some(true));
    let decoy = crafted(of(b"decoy-id", "facecheck.id"), 8, Some(true));
    let (seen, _) = run(&[true_one, decoy]);
    let told: Vec<_> = seen
        .hits
        .iter()
        .map(|hit| (hit.name.as_str(), hit.contested))
        .collect();
    assert_eq!(told, [(VENDOR, false), ("facecheck.id", true)]);
}

//! Google's own versions. The hash and the layouts are those of public captures of Chrome, which
//! this reader was tried on; the packets here are built.

use super::*;
use crate::names::quic::connection_id;
use crate::names::quic::oracle::google::{self, Clear, chlo, client_chlo, stream};

fn packet(version: u8, frames: &[u8]) -> Vec<u8> {
    Clear {
        version,
        id: *b"id-eight",
        number: 1,
        frames,
    }
    .seal()
}

#[test]
fn each_version_in_clear() {
    for version in [9, 24, 25, 30, 33, 34, 35, 36, 37, 38, 39, 43, 44, 46] {
        let hello = client_chlo(b"app.clearview.ai", 800, version);
        let bytes = packet(version, &stream(version, 0, &hello));
        let number = u32::from_be_bytes([b'Q', b'0', b'0' + version / 10, b'0' + version % 10]);
        let class = Class::Initial {
            version: number,
            token: false,
        };
        assert_eq!(classify(&bytes), class, "{version}");
        assert_eq!(connection_id(&bytes), b"id-eight");
        let mut bench = Bench::new();
        assert_eq!(bench.name(&bytes).unwrap(), "app.clearview.ai", "{version}");
        assert_eq!(bench.flight.first_id(), Some(&b"id-eight"[..]));
    }
}

/// The two versions whose keys come from salts of their own, and the handshake that each speaks.
#[test]
fn each_sealed_version() {
    let tls = hello(300);
    let own = client_chlo(b"app.clearview.ai", 300, 50);
    for (version, hello) in [(b"Q050", &own), (b"T050", &tls), (b"T051", &tls)] {
        let frames = google::crypto(0, hello);
        let bytes = Initial::first(u32::from_be_bytes(*version), &ID, &frames).seal();
        assert_eq!(Bench::new().name(&bytes).unwrap(), "app.clearview.ai");
        // The frames of RFC 9000 are not theirs.
        let frames = crypto(0, hello);
        let bytes = Initial::first(u32::from_be_bytes(*version), &ID, &frames).seal();
        assert_eq!(Bench::new().name(&bytes), None);
    }
}

#[test]
fn a_wrong_hash_or_a_server_gives_nothing() {
    let hello = client_chlo(b"app.clearview.ai", 300, 43);
    let mut bytes = packet(43, &stream(43, 0, &hello));
    for at in [1, 13, 14, 30, 200] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        let mut bench = Bench::new();
        assert_eq!(bench.push(&damaged), Probe::NotForUs, "{at}");
        assert_eq!(bench.flight.cause(), Outcome::QuicUndecryptable);
    }
    // Without the version, or as a reset: somebody else's, or the server's.
    for flags in [0x08, 0x0b, 0x49, 0x89] {
        bytes[0] = flags;
        assert_eq!(classify(&bytes), Class::NotQuic, "{flags:x}");
    }
    // A server's long header: no id for the client, eight bytes of its own.
    let mut long = packet(46, &stream(46, 0, &hello));
    long[5] = 0x05;
    let version = u32::from_be_bytes(*b"Q046");
    assert_eq!(classify(&long), Class::OtherLong { version });
    assert_eq!(Bench::new().push(&long), Probe::NotForUs);
}

#[test]
fn a_servers_list_of_versions() {
    let mut list = vec![0x09];
    list.extend(b"id-eightQ046Q043Q039");
    assert_eq!(classify(&list), Class::VersionNegotiation);
    list.extend([0, 0, 0, 0]);
    assert!(matches!(
        classify(&list),
        Class::Initial { .. } | Class::NotQuic
    ));
    assert_eq!(Bench::new().push(&list), Probe::NotForUs);
}

#[test]
fn frames_before_the_hello() {
    let old = [
        // ACK with a time and what is missing, before Q034; STOP_WAITING with its entropy.
        &[0x60, 1, 9, 0, 0, 1, 7, 0, 0, 0, 0, 1, 4, 2, 0][..],
        &[0x06, 0xee, 1],
    ];
    let new = [
        // ACK with two more blocks and two times; STOP_WAITING; WINDOW_UPDATE; BLOCKED; PING.
        &[0x60, 9, 0, 0, 2, 1, 1, 1, 1, 1, 2, 1, 0, 0, 0, 0, 1, 0, 0][..],
        &[0x06, 1],
        &[4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9],
        &[5, 0, 0, 0, 1, 7],
    ];
    for (version, before) in [(30, old.concat()), (43, new.concat()), (37, new.concat())] {
        let hello = client_chlo(b"app.clearview.ai", 100, version);
        let frames = [before, vec![0, 0], stream(version, 0, &hello)].concat();
        let bytes = packet(version, &frames);
        assert_eq!(
            Bench::new().name(&bytes).unwrap(),
            "app.clearview.ai",
            "{version}"
        );
    }
    // Another stream than the handshake's.
    let mut other = stream(43, 0, &client_chlo(b"app.clearview.ai", 9, 43));
    other[1] = 5;
    assert_eq!(Bench::new().push(&packet(43, &other)), Probe::NeedMore);
}

#[test]
fn hellos_that_are_odd() {
    let read = |message: &[u8]| Bench::new().push(&packet(43, &stream(43, 0, message)));
    // No name; an empty one; one that is too long.
    let Probe::Found(found) = read(&chlo(&[(b"PAD\0", b"--"), (b"VER\0", b"Q043")])) else {
        panic!("no hello");
    };
    assert_eq!(found.sni, None);
    assert!(matches!(read(&chlo(&[(b"SNI\0", b"")])), Probe::Found(hello) if hello.sni.is_none()));
    let long = chlo(&[(b"SNI\0", &[b'a'; 256])]);
    assert_eq!(read(&long), Probe::Malformed(Malformed::TlsServerName));
    // Tags out of order, ends that go back, too many tags, another message.
    let mut message = chlo(&[(b"PAD\0", b"--"), (b"SNI\0", b"a.example")]);
    message[12] = 200;
    assert_eq!(read(&message), Probe::Malformed(Malformed::TlsHello));
    message[4..6].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(read(&message), Probe::Malformed(Malformed::TlsHello));
    message[..4].copy_from_slice(b"REJ\0");
    assert_eq!(read(&message), Probe::Malformed(Malformed::TlsHello));
}

/// The server refused the first hello; the capture begins with the second, further on.
#[test]
fn a_second_hello_further_on() {
    let hello = client_chlo(b"app.clearview.ai", 500, 46);
    let bytes = packet(46, &stream(46, 1024, &hello));
    assert_eq!(Bench::new().name(&bytes).unwrap(), "app.clearview.ai");
}

#[test]
fn a_glance_at_half_a_hello() {
    let hello = client_chlo(b"app.clearview.ai", 300, 43);
    let name_at = hello.windows(4).position(|at| at == b"app.").unwrap();
    let mut bench = Bench::new();
    bench.push(&packet(43, &stream(43, 0, &hello[..name_at + 10])));
    assert!(bench.flight.peek(&bench.pool).is_none());
    bench.push(&packet(43, &stream(43, 0, &hello[..name_at + 20])));
    let glance = bench.flight.peek(&bench.pool).unwrap();
    assert_eq!(glance.sni, Some(&b"app.clearview.ai"[..]));
    assert!(glance.message.is_empty());
}

#[test]
fn oracle_holds_for_the_fuzz_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/gquic");
    let mut checked = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        for len in (0..=seed.len())
            .rev()
            .step_by(seed.len().div_ceil(40).max(1))
        {
            google::check(&seed[..len]);
        }
        checked += 1;
    }
    assert!(checked >= 3);
}

proptest! {
    /// Any pieces in any order, in any version; damaged ones say nothing; rubbish does no harm.
    #[test]
    fn oracle_holds(mut data in prop::collection::vec(any::<u8>(), 1..60)) {
        google::check(&data);
        data[0] ^= 1;
        google::check(&data);
    }
}

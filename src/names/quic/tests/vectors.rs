//! RFC 9001 appendix A, RFC 9369 appendix A, and the table of versions.

use super::*;

#[test]
fn keys_of_the_rfcs() {
    let cases = [
        (
            Version::V1,
            Side::Client,
            "1f369613dd76d5467730efcbe3b1a22d",
            "fa044b2f42a3fd3b46fb255c",
            "9f50449e04a0e810283a1e9933adedd2",
        ),
        (
            Version::V1,
            Side::Server,
            "cf3a5331653c364c88f0f379b6067e37",
            "0ac1493ca1905853b0bba03e",
            "c206b8d9b9f0f37644430b490eeaa314",
        ),
        (
            Version::V2,
            Side::Client,
            "8b1a0bc121284290a29e0971b5cd045d",
            "91f73e2351d8fa91660e909f",
            "45b95e15235d6f45a6b19cbcb0294ba9",
        ),
        (
            Version::V2,
            Side::Server,
            "82db637861d55e1d011f19ea71d5d2a7",
            "dd13c276499c0249d3310652",
            "edf6d05c83121201b436e16877593c3a",
        ),
    ];
    for (version, side, key, iv, hp) in cases {
        let keys = Keys::derive(version, &RFC_ID, side).unwrap();
        assert_eq!(keys.key[..], hex(key));
        assert_eq!(keys.iv[..], hex(iv));
        assert_eq!(keys.hp[..], hex(hp));
    }
}

#[test]
fn client_initials_of_the_rfcs() {
    for (version, packet) in [(1, V1_CLIENT), (0x6b33_43cf, V2_CLIENT)] {
        assert!(matches!(classify(packet), Class::Initial { version: v, .. } if v == version));
        let mut bench = Bench::new();
        let Probe::Found(found) = bench.push(packet) else {
            panic!("no hello");
        };
        assert_eq!(found.sni.as_deref(), Some(&b"example.com"[..]));
        assert_eq!(found.alpn.as_deref(), Some(&b"alpn"[..]));
        assert_eq!(found.message, RFC_HELLO);
        assert_eq!(bench.pool.free_slots(), 2, "one piece needs no buffer");

        // The frame of the RFC writes its length in two bytes where one would do.
        let mut frame = vec![6, 0, 0x40, 0xf1];
        frame.extend(RFC_HELLO);
        let made = Initial {
            number: 2,
            number_len: 4,
            payload_len_min: 1162,
            ..Initial::first(version, &RFC_ID, &frame)
        };
        assert_eq!(made.seal(), packet);
    }
}

#[test]
fn server_initials_of_the_rfcs() {
    for (version, packet) in [(Version::V1, V1_SERVER), (Version::V2, V2_SERVER)] {
        let long = Long::next(packet).unwrap();
        let mut scratch = [0; 200];
        let client = Keys::derive(version, &RFC_ID, Side::Client).unwrap();
        assert!(client.open(&long, None, &mut scratch).is_none());
        let server = Keys::derive(version, &RFC_ID, Side::Server).unwrap();
        let opened = server.open(&long, None, &mut scratch).unwrap();
        assert_eq!((opened.number, opened.reserved_clear), (1, true));
        let payload = &scratch[opened.payload_at..][..opened.payload_len];
        // An ACK frame, then CRYPTO with 90 bytes of a ServerHello.
        assert_eq!(
            &payload[..10],
            hex("0200000000060040 5a02".replace(' ', "").as_str())
        );
        let mut frames = frames::CryptoFrames::new(payload);
        let piece = frames.next().unwrap().unwrap();
        assert_eq!((piece.offset, piece.data.len(), piece.at), (0, 90, 9));
        assert!(frames.next().is_none());
        let mut bench = Bench::new();
        assert_eq!(bench.push(packet), Probe::NotForUs);
    }
}

#[test]
fn retries_of_the_rfcs_are_seen_for_what_they_are() {
    for packet in [V1_RETRY, V2_RETRY] {
        assert_eq!(classify(packet), Class::Retry);
        let mut bench = Bench::new();
        assert_eq!(bench.push(packet), Probe::NotForUs);
        assert_eq!(bench.flight.cause(), Outcome::OtherProtocol);
    }
}

#[test]
fn every_version_of_the_table() {
    let hello = hello(100);
    let numbers = [1, 0x6b33_43cf]
        .into_iter()
        .chain(0xff00_0016..=0xff00_0022)
        .chain([0xface_b001, 0xface_b002, 0xface_b00e]);
    for version in numbers {
        let packet = Initial::first(version, &ID, &crypto(0, &hello)).seal();
        assert!(matches!(classify(&packet), Class::Initial { version: v, .. } if v == version));
        let mut bench = Bench::new();
        assert_eq!(bench.name(&packet).unwrap(), "app.clearview.ai");
        // The same bytes under another version number must not open.
        let mut other = packet.clone();
        other[1..5]
            .copy_from_slice(&(if version == 1 { 0xff00_001d_u32 } else { 1 }).to_be_bytes());
        assert_eq!(bench.push(&other), Probe::NotForUs);
    }
}

/// Interoperability testers provoke negotiation with a first flight that is sealed for v1 or a
/// draft under a version nobody speaks; its second datagram opens with the keys of the first.
#[test]
fn a_first_flight_that_provokes_negotiation_is_read() {
    let hello = hello(1500);
    for salt_of in [1, 0xff00_001d] {
        for version in [0x0a0a_0a0a, 0x1a2a_3a4a, 0xfafa_fafa] {
            let mut bench = Bench::new();
            let mut answers = [(0, 0..900), (1, 900..hello.len())].map(|(number, part)| {
                let payload = crypto(part.start as u64, &hello[part]);
                let initial = Initial {
                    number,
                    shown_version: Some(version),
                    ..Initial::first(salt_of, &ID, &payload)
                };
                let packet = initial.seal();
                assert_eq!(
                    classify(&packet),
                    Class::Initial {
                        version,
                        token: false
                    }
                );
                bench.name(&packet)
            });
            assert_eq!(answers[1].take().as_deref(), Some("app.clearview.ai"));
            assert_eq!(answers[0], None);
        }
    }
}

#[test]
fn any_changed_bit_gives_no_name() {
    for at in 0..V1_CLIENT.len() {
        let mut packet = V1_CLIENT.to_vec();
        packet[at] ^= 0x10;
        let mut bench = Bench::new();
        assert!(!matches!(bench.push(&packet), Probe::Found(_)), "byte {at}");
        assert!(!bench.flight.decrypted_any());
    }
}

#[test]
fn packet_numbers() {
    assert_eq!(full_number(0x9b32, 2, Some(0xa82f_30ea)), 0xa82f_9b32);
    assert_eq!(full_number(2, 4, None), 2);
    assert_eq!(full_number(255, 1, None), 255);
    assert_eq!(full_number(0, 1, Some(255)), 256);
    assert_eq!(full_number(0xff, 1, Some(0x100)), 0xff);
    let hello = hello(1500);
    let mut bench = Bench::new();
    let first = crypto(0, &hello[..900]);
    let first = Initial {
        number: 0x1_00f0,
        number_len: 4,
        ..Initial::first(1, &ID, &first)
    };
    assert_eq!(bench.push(&first.seal()), Probe::NeedMore);
    let second = crypto(900, &hello[900..]);
    let second = Initial {
        number: 0x1_0110,
        ..Initial::first(1, &ID, &second)
    };
    assert_eq!(bench.name(&second.seal()).unwrap(), "app.clearview.ai");
}

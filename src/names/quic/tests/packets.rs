//! Headers and frames: what is taken, refused, or somebody else's.

use super::*;

#[test]
fn a_cut_capture_is_still_quic_but_gives_nothing() {
    for len in [1199, 900, 60, 30, 20, 16] {
        let cut = &CHROMIUM_1[..len];
        assert_eq!(
            classify(cut),
            Class::Initial {
                version: 1,
                token: false
            },
            "{len}"
        );
        let mut bench = Bench::new();
        assert_eq!(bench.push(cut), Probe::NotForUs);
        assert_eq!(bench.flight.cause(), Outcome::QuicUndecryptable);
    }
}

#[test]
fn frames_that_may_stand_in_an_initial() {
    let hello = hello(0);
    let mut frames = vec![0, 0, 1];
    // ACK with two more ranges; ACK with ECN counts; CONNECTION_CLOSE with a reason.
    frames.extend([2, 0x40, 200, 5, 2, 1, 1, 1, 2, 2]);
    frames.extend([3, 9, 5, 0, 1, 7, 7, 0x80, 0, 0, 7]);
    frames.extend([0x1c, 0x41, 0x02, 6, 2, b'n', b'o']);
    frames.extend(crypto(0, &hello));
    let packet = Initial::first(1, &ID, &frames).seal();
    assert_eq!(Bench::new().name(&packet).unwrap(), "app.clearview.ai");
}

#[test]
fn frames_that_are_broken() {
    let hello = hello(0);
    let mut beyond = vec![6];
    beyond.extend(varint((1 << 62) - 1));
    beyond.extend([1, 0]);
    let bad: [&[u8]; 6] = [
        &[8, 0, 1, 1],
        &[0x1d, 0, 0],
        &[2, 1, 0, 0x7f, 0xff, 0],
        &[6, 0, 0x7f, 0xff, 1],
        &[0x40],
        &beyond,
    ];
    for frame in bad {
        let mut payload = vec![1; 1300 - frame.len()];
        payload.extend(frame);
        let packet = Initial {
            payload_len_min: 0,
            ..Initial::first(1, &ID, &payload)
        };
        let mut bench = Bench::new();
        let answer = bench.push(
            &Initial {
                number_len: 4,
                ..packet
            }
            .seal(),
        );
        assert_eq!(answer, Probe::Malformed(Malformed::QuicFrame), "{frame:?}");
        assert_eq!(bench.flight.cause(), Outcome::Malformed);
        // The name wins over what is broken behind it.
        let mut payload = crypto(0, &hello);
        payload.resize(1160, 0);
        payload.extend(frame);
        let packet = Initial::first(1, &ID, &payload).seal();
        assert_eq!(Bench::new().name(&packet).unwrap(), "app.clearview.ai");
    }
    let reserved = crypto(0, &hello);
    let reserved = Initial {
        reserved: 1,
        ..Initial::first(1, &ID, &reserved)
    }
    .seal();
    assert_eq!(
        Bench::new().push(&reserved),
        Probe::Malformed(Malformed::QuicHeader)
    );
}

#[test]
fn a_stream_that_is_no_client_hello() {
    for (start, want) in [
        ([2, 0, 0, 90], Malformed::TlsHello),
        ([1, 0xff, 0, 0], Malformed::TlsHello),
    ] {
        let packet = Initial::first(1, &ID, &crypto(0, &start)).seal();
        assert_eq!(Bench::new().push(&packet), Probe::Malformed(want));
    }
}

#[test]
fn the_servers_side_costs_nothing() {
    let Bench {
        mut flight,
        mut pool,
        mut scratch,
    } = Bench::new();
    let answer = flight.push(V1_CLIENT, Some(false), &mut pool, &mut scratch);
    assert!(matches!(answer, Probe::NotForUs) && !flight.decrypted_any());
    let answer = flight.push(V1_SERVER, None, &mut pool, &mut scratch);
    assert!(matches!(answer, Probe::NotForUs) && !flight.decrypted_any());
}

#[test]
fn what_is_not_quic() {
    let mut rtp_zero = vec![0x80, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0];
    rtp_zero.resize(171, 0x55);
    let mut gquic_like = vec![0xc3];
    gquic_like.extend(b"Q099");
    let others: [(&str, Vec<u8>); 13] = [
        ("empty", vec![]),
        (
            "DTLS 1.2 ClientHello",
            [
                &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 90, 1][..],
                &[0; 1300],
            ]
            .concat(),
        ),
        (
            "STUN binding request",
            [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat(),
        ),
        (
            "RTP, PCMU",
            [
                &[0x80, 0, 0x12, 0x34, 0, 0, 0, 160, 1, 2, 3, 4][..],
                &[0xd5; 160],
            ]
            .concat(),
        ),
        ("RTP whose numbers are all zero", rtp_zero),
        (
            "RTP with marker, like version 1",
            [
                &[0x80, 0, 0, 0, 1, 8][..],
                &[9; 8],
                &[0, 0, 0x41, 0],
                &[9; 1300],
            ]
            .concat(),
        ),
        (
            "DNS query, high id",
            [
                &[0xc4, 0x11, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
                b"\x07example\x03com\x00\x00\x01\x00\x01",
            ]
            .concat(),
        ),
        (
            "WireGuard initiation",
            [&[1, 0, 0, 0][..], &[0x9c; 144]].concat(),
        ),
        (
            "WireGuard data",
            [&[4, 0, 0, 0][..], &[0x9c; 1300]].concat(),
        ),
        ("uTP data", [&[0x01, 0][..], &[0xe1; 1300]].concat()),
        ("random, all bits set", vec![0xff; 1300]),
        ("short header", [&[0x43][..], &[8; 1300]].concat()),
        (
            "version list without a known version",
            [&[0xc0, 0, 0, 0, 0, 0, 0][..], &[9; 12]].concat(),
        ),
    ];
    for (what, bytes) in others {
        assert_eq!(classify(&bytes), Class::NotQuic, "{what}");
        assert_eq!(Bench::new().push(&bytes), Probe::NotForUs, "{what}");
    }
}

#[test]
fn long_headers_of_all_kinds() {
    let long = |first: u8, version: u32, rest: &[u8]| {
        let mut bytes = vec![first];
        bytes.extend(version.to_be_bytes());
        bytes.extend(rest);
        bytes
    };
    let ids = [&[8][..], &[1; 8], &[0]].concat();
    let negotiation = long(
        0x80,
        0,
        &[&ids[..], &[0x0a, 0x1a, 0x2a, 0x3a, 0, 0, 0, 1]].concat(),
    );
    assert_eq!(classify(&negotiation), Class::VersionNegotiation);
    let odd = [&negotiation[..], &[0]].concat();
    assert_eq!(classify(&odd), Class::NotQuic);
    let sealed = [&ids[..], &[0x44, 0], &[3; 1500]].concat();
    assert_eq!(
        classify(&long(0xe0, 1, &sealed)),
        Class::OtherLong { version: 1 }
    );
    let v2 = 0x6b33_43cf;
    assert_eq!(
        classify(&long(0xf0, v2, &sealed)),
        Class::OtherLong { version: v2 }
    );
    for version in [0xff00_000a, 0xabcd_0010, 0x5130_3437, 0x5430_3939] {
        let bytes = long(0xc3, version, &sealed);
        assert_eq!(classify(&bytes), Class::UnknownVersion(version));
        let mut bench = Bench::new();
        assert_eq!(bench.push(&bytes), Probe::NotForUs);
        assert_eq!(bench.flight.cause(), Outcome::QuicVersion);
        assert_eq!(classify(&bytes[..1100]), Class::NotQuic);
    }
    // Too long an id, and too short a payload.
    assert_eq!(
        classify(&long(0xc0, 1, &[&[21][..], &[1; 1300]].concat())),
        Class::NotQuic
    );
    assert_eq!(
        classify(&long(0xc0, 1, &[&ids[..], &[0, 19], &[1; 1300]].concat())),
        Class::NotQuic
    );
    // RFC 9287: the fixed bit may be clear in an Initial with a token only.
    let hello = hello(0);
    for (token, want) in [(&b""[..], None), (b"token", Some("app.clearview.ai"))] {
        let payload = crypto(0, &hello);
        let mut packet = Initial {
            token,
            ..Initial::first(1, &ID, &payload)
        }
        .seal();
        assert_eq!(
            Bench::new().name(&packet).as_deref(),
            Some("app.clearview.ai")
        );
        // Cleared after sealing the tag is wrong; what counts here is what it is taken for.
        packet[0] &= !0x40;
        assert_eq!(
            matches!(classify(&packet), Class::Initial { .. }),
            want.is_some()
        );
    }
}

#[test]
fn a_handshake_packet_alone_is_midstream() {
    let mut packet = vec![0xe0, 0, 0, 0, 1, 8];
    packet.extend([1; 8]);
    packet.extend([0, 0x44, 0xb0]);
    packet.resize(1300, 7);
    let mut bench = Bench::new();
    assert_eq!(bench.push(&packet), Probe::NotForUs);
    assert_eq!(bench.flight.cause(), Outcome::Midstream);
}

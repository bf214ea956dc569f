//! Frames by value; `tests/frames.rs` has those of every capture read by tshark.

use super::*;
use crate::base::{Endpoints, Timestamp, Transport};
use crate::capture::{self, LinkType};
use crate::decode::{Decoded, Decoder, Packet};
use crate::hits::fold::tests::hit as tls_hit;
use crate::names::dns;

/// A query for these names, in this order.
fn query(names: &[&str]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, names.len() as u8, 0, 0, 0, 0, 0, 0];
    for name in names {
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
    }
    message
}

fn hit(seen: Seen, transport: Transport, evidence: &[u8]) -> Hit {
    let mut hit = tls_hit(1, "192.0.2.1", "app.acme.example");
    (hit.seen, hit.ends.transport) = (seen, transport);
    hit.evidence = evidence.to_vec();
    hit
}

/// The packet that our own decoder finds in a rebuilt frame, for as long as it is looked at.
fn with_packet<T>(frame: &Frame, look: impl FnOnce(&Packet<'_>) -> T) -> T {
    assert_eq!(frame.head.link, LinkType::RawIp.number());
    let raw = capture::Frame {
        bytes: &frame.bytes,
        wire_len: frame.head.wire_len,
        time: Timestamp(frame.head.time_ns),
        vlan: None,
        link: LinkType::RawIp,
        point: 0,
    };
    match Decoder::new(&[]).decode(&raw) {
        Decoded::Packet(packet) => look(&packet),
        _ => panic!("no packet in what was rebuilt"),
    }
}

fn made(hit: &Hit) -> Frame {
    Frame::of(hit).map_err(FrameFate::label).unwrap()
}

#[test]
fn of_several_questions_only_the_one_that_matched_is_there() {
    let all = query(&["secret.example", "app.acme.example", "other.example"]);
    let frame = made(&hit(Seen::DnsQuery, Transport::Udp, &all));
    assert_eq!(frame.head.origin, Origin::Rebuilt);
    with_packet(&frame, |packet| {
        assert_eq!(packet.payload, query(&["app.acme.example"]));
    });
    for stranger in [&b"secret"[..], b"other"] {
        assert!(!frame.bytes.windows(stranger.len()).any(|it| it == stranger));
    }
}

#[test]
fn a_rebuilt_packet_goes_the_way_of_its_message() {
    let mut answer = query(&["app.acme.example"]);
    for (bits, from_client) in [(1, true), (0x81, false)] {
        answer[2] = bits;
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut it = hit(Seen::DnsQuery, transport, &answer);
            for (src, dst) in [
                ("192.0.2.1", "203.0.113.80"),
                ("2001:db8::1", "2001:db8::2"),
            ] {
                (it.ends.src, it.ends.dst) = (src.parse().unwrap(), dst.parse().unwrap());
                let frame = made(&it);
                with_packet(&frame, |packet| {
                    let ends = if from_client {
                        it.ends
                    } else {
                        it.ends.reversed()
                    };
                    assert!(packet.ends == ends);
                    assert_eq!(packet.time, it.time);
                    let skip = if transport == Transport::Tcp { 2 } else { 0 };
                    assert_eq!(packet.payload[skip..], answer);
                    assert!(dns::is_lookup(&packet.payload[skip..]));
                });
                assert!(checksums_are_right(&frame.bytes), "{src} {transport:?}");
            }
        }
    }
}

/// The sums over header and segment, each with its checksum in it, are all ones (RFC 1071).
fn checksums_are_right(packet: &[u8]) -> bool {
    let sum = |bytes: &[u8]| {
        let words = bytes
            .chunks(2)
            .map(|it| u32::from(it[0]) << 8 | u32::from(*it.get(1).unwrap_or(&0)));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    };
    let (addresses, protocol, segment) = match packet[0] >> 4 {
        4 => {
            assert_eq!(sum(&packet[..20]), 0xffff);
            (&packet[12..20], packet[9], &packet[20..])
        }
        _ => (&packet[8..40], packet[6], &packet[40..]),
    };
    let len = (segment.len() as u32).to_be_bytes();
    let whole = [addresses, &len, &[0, 0, 0, protocol], segment].concat();
    sum(&whole) == 0xffff
}

#[test]
fn a_log_has_no_frame_and_half_a_thing_makes_none() {
    let fate = |seen, evidence: &[u8]| Frame::of(&hit(seen, Transport::Tcp, evidence)).err();
    assert!(fate(Seen::ResolverLog, b"x") == Some(FrameFate::Log));
    assert!(fate(Seen::ProxyLog, &[]) == Some(FrameFate::Log));
    for seen in Seen::ALL {
        let logged = matches!(seen, Seen::ResolverLog | Seen::ProxyLog);
        assert!(
            logged || fate(*seen, &[]) == Some(FrameFate::Nothing),
            "{seen}"
        );
    }
    assert!(fate(Seen::QuicSni, b"CHLO....") == Some(FrameFate::Nothing));
    assert!(fate(Seen::DtlsSni, &[1, 0, 0, 9, 3, 3]) == Some(FrameFate::Nothing));
    // More than a host: a path, a mailbox.
    for text in [
        &b"acme.example/me"[..],
        b"anna@acme.example",
        b"acme.example\r\nCookie: 1",
    ] {
        for seen in [Seen::HttpHost, Seen::SmtpDomain, Seen::SocksConnect] {
            assert!(fate(seen, text) == Some(FrameFate::Nothing), "{seen}");
        }
    }
}

#[test]
fn a_long_message_is_cut_and_says_so() {
    let hello = [&[1, 0, 0x0f, 0xfc][..], &[7; 4092]].concat();
    let frame = made(&hit(Seen::TlsSni, Transport::Tcp, &hello));
    assert_eq!(frame.bytes.len(), CARRIER_LEN_MAX);
    assert_eq!(frame.head.wire_len as usize, 20 + 20 + 5 + 4096);
    let comment = frame.head.comment("h1");
    assert!(comment.starts_with("Poortwacht: rebuilt"), "{comment}");
    assert!(comment.contains("Cut to 2304 of 4141 bytes.") && comment.ends_with("hit h1."));
}

#[test]
fn what_no_header_holds_stands_in_the_comment() {
    let mut it = hit(Seen::HttpHost, Transport::Tcp, b"app.acme.example:8080");
    it.client_mac = Some([0, 0, 0x5e, 0, 0x53, 1]);
    (it.vlan, it.contested) = (Some(17), true);
    let frame = made(&it);
    let comment = frame.head.comment("h1");
    for words in [
        "stand-in",
        "00-00-5E-00-53-01",
        "VLAN 17",
        "more than one version",
    ] {
        assert!(comment.contains(words), "{words}: {comment}");
    }
    with_packet(&frame, |packet| {
        let text = String::from_utf8_lossy(packet.payload);
        assert_eq!(
            text,
            "OPTIONS * HTTP/1.1\r\nHost: app.acme.example:8080\r\n\r\n"
        );
    });
}

/// A join's answer came from a resolver of whom nothing was kept.
#[test]
fn an_answer_that_led_to_a_connection_comes_from_nobody() {
    let mut answer = query(&["app.acme.example"]);
    answer[2] = 0x81;
    for client in ["192.0.2.1", "2001:db8::1"] {
        let mut it = hit(Seen::DnsJoin, Transport::Tcp, &answer);
        it.ends.src = client.parse().unwrap();
        let frame = made(&it);
        with_packet(&frame, |packet| {
            let Endpoints {
                src,
                dst,
                sport,
                dport,
                transport,
            } = packet.ends;
            assert!(src.is_unspecified() && sport == 53 && dport == 0);
            assert_eq!((dst, transport), (it.ends.src, Transport::Udp));
            assert_eq!(packet.payload, answer);
        });
        let comment = frame.head.comment("h1");
        assert!(comment.contains("who gave it is not known"), "{comment}");
    }
}

#[test]
fn a_carrier_is_taken_when_it_ends_with_its_message() {
    let message = query(&["app.acme.example"]);
    let mut it = hit(Seen::DnsQuery, Transport::Udp, &message);
    let carrier = |bytes: Vec<u8>, wire_len| Carrier {
        link: 1,
        bytes,
        wire_len,
    };
    let good = carrier([&[9; 42], &message[..]].concat(), 90);
    assert!(is_plausible(&good, &it));
    it.carrier = Some(good.clone());
    let frame = made(&it);
    assert_eq!(
        (frame.head.origin, frame.head.wire_len),
        (Origin::Frame, 90)
    );
    assert!(frame.bytes == good.bytes);
    let more = carrier([&good.bytes[..], b"later"].concat(), 90);
    assert!(!is_plausible(&more, &it), "something follows the message");
    assert!(
        !is_plausible(&carrier(good.bytes.clone(), 10), &it),
        "longer than on the wire"
    );
    assert!(!is_plausible(
        &carrier(vec![1; CARRIER_LEN_MAX + 1], 9000),
        &it
    ));
    assert!(!is_plausible(&carrier(Vec::new(), 90), &it));
    it.seen = Seen::HttpHost;
    assert!(
        !is_plausible(&good, &it),
        "a request's frame holds more than the host"
    );
}

/// The seeds of the fuzz target, and every cut of them.
#[test]
fn the_seeds_hold_for_the_oracle() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/frame");
    let mut seeds = 0;
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let seed = std::fs::read(file.path()).unwrap();
        seeds += 1;
        for end in 0..=seed.len() {
            oracle::check(&seed[..end]);
        }
    }
    assert!(seeds >= 10, "{seeds}");
}

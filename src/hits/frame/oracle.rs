//! What must hold for any message that a hit may carry: a frame within its bounds, which our own
//! decoder reads as it was meant.
//!
//! For fuzzing and tests only: panics.

use std::net::IpAddr;

use super::{Frame, FrameFate, Origin};
use crate::base::{EchVerdict, Endpoints, Seen, Timestamp, Transport};
use crate::capture::{self, LinkType};
use crate::decode::{Decoded, Decoder, Packet};
use crate::event::{CARRIER_LEN_MAX, EVIDENCE_LEN_MAX, Hit, HitRule};
use crate::flow::Pool;
use crate::names::Probe;
use crate::names::quic::Flight;
use crate::names::tls::parse_hello;

/// The first byte says how the name was seen, the second by which transport and family; the rest is
/// the message.
pub fn check(data: &[u8]) {
    let [how, way, evidence @ ..] = data else {
        return;
    };
    let seen = Seen::ALL[usize::from(*how) % Seen::ALL.len()];
    let hit = hit(
        seen,
        *way,
        &evidence[..evidence.len().min(EVIDENCE_LEN_MAX)],
    );
    let frame = match Frame::of(&hit) {
        Ok(frame) => frame,
        Err(why) => {
            let logged = matches!(seen, Seen::ResolverLog | Seen::ProxyLog);
            let wanted = if logged {
                FrameFate::Log
            } else {
                FrameFate::Nothing
            };
            assert_eq!(why, wanted);
            return;
        }
    };
    let head = &frame.head;
    assert!(head.is_sound() && head.len as usize == frame.bytes.len());
    assert!(head.origin != Origin::Frame, "there was no frame");
    assert!(head.comment("h").ends_with("hit h."));
    let raw = capture::Frame {
        bytes: &frame.bytes,
        wire_len: head.wire_len,
        time: hit.time,
        vlan: None,
        link: LinkType::RawIp,
        point: 0,
    };
    let mut decoder = Decoder::new(&[]);
    match decoder.decode(&raw) {
        Decoded::Packet(packet) => says_the_same(&hit, &packet, frame.bytes.len()),
        _ => panic!("what was rebuilt is no packet"),
    }
}

/// Does the packet go between the flow's ends, and hold the message?
fn says_the_same(hit: &Hit, packet: &Packet<'_>, len: usize) {
    let (ends, payload) = (packet.ends, packet.payload);
    if hit.seen == Seen::DnsJoin {
        assert!(ends.src.is_unspecified() && ends.dst == hit.ends.src);
    } else {
        assert!(ends == hit.ends || ends == hit.ends.reversed());
    }
    if len == CARRIER_LEN_MAX {
        return;
    }
    let ends_with_message = match hit.seen {
        Seen::TlsSni | Seen::TlsCert => true,
        Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb | Seen::DnsJoin => {
            hit.evidence.get(4..6) <= Some(&[0, 1])
        }
        _ => false,
    };
    assert!(!ends_with_message || payload.ends_with(&hit.evidence));
    if hit.seen == Seen::QuicSni {
        let (mut pool, mut scratch) = (Pool::new(2), vec![0; 65_536]);
        let mut flight = Flight::new();
        let found = flight.push(payload, Some(true), &mut pool, &mut scratch);
        if let Probe::Found(hello) = parse_hello(&hit.evidence) {
            assert!(matches!(found, Probe::Found(same) if same.sni == hello.sni));
        }
    }
}

fn hit(seen: Seen, way: u8, evidence: &[u8]) -> Hit {
    let ends: [IpAddr; 2] = match way & 1 {
        0 => [[192, 0, 2, 1].into(), [203, 0, 113, 80].into()],
        _ => [
            [0xfd00, 0, 0, 0, 0, 0, 0, 1].into(),
            [0xfd00, 0, 0, 0, 0, 0, 0, 2].into(),
        ],
    };
    let transport = match (seen, way & 2) {
        (Seen::QuicSni | Seen::DtlsSni, _) | (_, 0) => Transport::Udp,
        _ => Transport::Tcp,
    };
    Hit {
        time: Timestamp(1),
        frame: 1,
        point: "test".into(),
        ends: Endpoints {
            src: ends[0],
            dst: ends[1],
            sport: 40_000,
            dport: 44_300,
            transport,
        },
        client_mac: None,
        vlan: None,
        seen,
        name: "app.clearview.ai".into(),
        qtype: 0,
        ech: EchVerdict::None,
        rule: HitRule {
            vendor: String::new(),
            vendor_name: String::new(),
            rule: String::new(),
            kind: String::new(),
            role: String::new(),
            category: String::new(),
            severity: String::new(),
            confidence: String::new(),
            source: String::new(),
        },
        ja4: None,
        join: None,
        contested: false,
        evidence: evidence.to_vec(),
        carrier: None,
        list_version: String::new(),
    }
}

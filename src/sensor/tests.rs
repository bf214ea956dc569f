//! The worker over built frames: what clients do not do by themselves.

use std::net::IpAddr;
use std::sync::LazyLock;

use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::MutableIpv4Packet;
use pnet::packet::tcp::MutableTcpPacket;
use pnet::packet::udp::MutableUdpPacket;
use proptest::prelude::*;

use super::*;
use crate::base::{Outcome, Timestamp};
use crate::blocklist::Catalogue;
use crate::capture::{Frame, LinkType};

mod again;
mod carrier;
mod join;
mod certificate;
mod ech;
mod datagrams;
mod desync;
mod mail;
mod starttls;
mod watched;
mod web;
mod ways;

const CLIENT: [u8; 4] = [10, 0, 0, 7];
const SERVER: [u8; 4] = [192, 0, 2, 9];
/// A real client's hello in one record; its name is in the file's README.
const HELLO: &[u8] = include_bytes!("../../tests/data/hello/chromium.bin");
const HELLO_NAME: &str = "app.clearview.ai";

fn frame_of(protocol: IpNextHeaderProtocol, back: bool, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 34 + body.len()];
    let mut ethernet = MutableEthernetPacket::new(&mut bytes).unwrap();
    ethernet.set_ethertype(EtherTypes::Ipv4);
    let mut ip = MutableIpv4Packet::new(&mut bytes[14..]).unwrap();
    ip.set_version(4);
    ip.set_header_length(5);
    ip.set_total_length(u16::try_from(20 + body.len()).unwrap());
    ip.set_ttl(64);
    ip.set_next_level_protocol(protocol);
    let (src, dst) = if back {
        (SERVER, CLIENT)
    } else {
        (CLIENT, SERVER)
    };
    ip.set_source(src.into());
    ip.set_destination(dst.into());
    bytes[34..].copy_from_slice(body);
    bytes
}

fn tcp(seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 20 + payload.len()];
    let mut tcp = MutableTcpPacket::new(&mut body).unwrap();
    tcp.set_source(40_000);
    tcp.set_destination(8443);
    tcp.set_sequence(seq);
    tcp.set_data_offset(5);
    tcp.set_flags(flags);
    tcp.set_payload(payload);
    frame_of(IpNextHeaderProtocols::Tcp, false, &body)
}

fn udp(back: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 8 + payload.len()];
    let mut udp = MutableUdpPacket::new(&mut body).unwrap();
    let (from, to) = if back { (port, 41_000) } else { (41_000, port) };
    udp.set_source(from);
    udp.set_destination(to);
    udp.set_length(u16::try_from(8 + payload.len()).unwrap());
    udp.set_payload(payload);
    frame_of(IpNextHeaderProtocols::Udp, back, &body)
}

/// Names and hits of a run, and the worker's counters.
#[derive(Default, PartialEq)]
struct Seeing {
    names: Vec<(Seen, String)>,
    hits: Vec<Hit>,
    told: Vec<Event>,
}

impl Sink for Seeing {
    fn tell(&mut self, event: Event) {
        self.told.push(event);
    }

    fn hit(&mut self, hit: Box<Hit>) {
        self.hits.push(*hit);
    }
    fn wants_names(&self) -> bool {
        true
    }
    fn name(&mut self, line: &NameLine<'_>) {
        self.names.push((line.seen, line.name.to_owned()));
    }
}

/// Runs the frames, twice: frames that say nothing new told by a glance, and not. Both are the same.
fn run_with(settings: &Settings, frames: &[Vec<u8>]) -> (Seeing, crate::event::Stats) {
    let quickly = run_by(Worker::new(settings, 0, "test"), frames);
    let slowly = run_by(Worker::new(settings, 0, "test").slowly(), frames);
    assert!(quickly.0 == slowly.0, "a glance told otherwise");
    assert_eq!(quickly.1, slowly.1);
    quickly
}

fn run_by(mut worker: Worker, frames: &[Vec<u8>]) -> (Seeing, crate::event::Stats) {
    static LIST: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0])));
    let list = &*LIST;
    let mut seeing = Seeing::default();
    for (i, bytes) in (0i64..).zip(frames) {
        let frame = Frame {
            bytes,
            wire_len: u32::try_from(bytes.len()).unwrap(),
            time: Timestamp(1_700_000_000_000_000_000 + i * 1_000_000),
            vlan: None,
            link: LinkType::Ethernet,
            point: 0,
        };
        worker.frame(&frame, "test", list, &mut seeing);
    }
    worker.flush("test", list, &mut seeing);
    (seeing, worker.stats().clone())
}

fn small() -> Settings {
    Settings {
        flows: 256,
        buffers: 8,
        seed: Some(1),
        ..Settings::default()
    }
}

fn run(frames: &[Vec<u8>]) -> (Seeing, crate::event::Stats) {
    run_with(&small(), frames)
}

fn query(name: &str, qtype: u16) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.bytes());
    }
    out.push(0);
    out.extend(qtype.to_be_bytes());
    out.extend([0, 1]);
    out
}

fn answer(mut query: Vec<u8>) -> Vec<u8> {
    query[2] |= 0x80;
    query
}

#[test]
fn a_look_up_and_its_answer_are_one_sighting() {
    let q = query("App.ClearView.ai", 65);
    let (seen, _) = run(&[udp(false, 53, &q), udp(true, 53, &answer(q.clone()))]);
    assert_eq!(seen.names, [(Seen::DnsQuery, "app.clearview.ai".into())]);
    // Only the answer passes: still one.
    let (seen, _) = run(&[udp(true, 53, &answer(q))]);
    assert_eq!(seen.names.len(), 1);
    assert_eq!(seen.hits[0].ends.src, IpAddr::from(CLIENT));
}

#[test]
fn a_hit_holds_what_the_desk_needs() {
    let (seen, stats) = run(&[tcp(9, 2, b""), tcp(10, 16, HELLO)]);
    let hit = &seen.hits[0];
    assert_eq!((hit.name.as_str(), hit.seen), (HELLO_NAME, Seen::TlsSni));
    assert_eq!(
        (hit.rule.vendor.as_str(), hit.rule.role.as_str()),
        ("clearview-ai", "app")
    );
    assert_eq!((hit.frame, hit.ends.dport), (2, 8443));
    assert!(hit.ja4.as_deref().unwrap().starts_with("t13d"));
    assert_eq!(hit.evidence, &HELLO[5..]);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    assert_eq!(
        stats.pool_copied_bytes, 0,
        "a whole hello is read where it lies"
    );
}

#[test]
fn context_names_make_no_hit() {
    for name in [
        "signin.aws.amazon.com",
        "cloudflare-ech.com",
        "consent.cookiebot.com",
    ] {
        let (seen, stats) = run(&[udp(false, 53, &query(name, 1))]);
        assert!(seen.hits.is_empty(), "{name}");
        assert_eq!(stats.context.total(), 1, "{name}");
    }
}

#[test]
fn an_excluded_client_is_not_read() {
    let settings = Settings {
        excluded: vec!["10.0.0.0/24".parse().unwrap()],
        ..small()
    };
    let frames = [
        tcp(9, 2, b""),
        tcp(10, 16, HELLO),
        udp(true, 53, &answer(query("x.nl", 1))),
    ];
    let (seen, stats) = run_with(&settings, &frames);
    assert!(seen.names.is_empty() && seen.hits.is_empty());
    assert_eq!((stats.excluded, stats.connections.total()), (3, 0));
}

#[test]
fn the_denominator_counts_monitored_clients_to_the_outside() {
    for (monitored, counted) in [("10.0.0.0/8", 1), ("172.16.0.0/12", 0)] {
        let settings = Settings {
            monitored: vec![monitored.parse().unwrap()],
            ..small()
        };
        let (_, stats) = run_with(&settings, &[tcp(9, 2, b""), tcp(10, 16, HELLO)]);
        assert_eq!(stats.connections.total(), counted, "{monitored}");
    }
}

/// IPv4 in IPv4, from a public address: what is inside is whatever its sender wrote.
#[test]
fn a_tunnel_from_outside_makes_no_hit_for_a_monitored_client() {
    let mut frame = udp(false, 53, &query("app.clearview.ai", 1));
    let len = u16::try_from(frame.len() - 14 + 20).unwrap().to_be_bytes();
    let outer = [
        &[0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, 4, 0, 0][..],
        &[203, 0, 113, 66],
        &[198, 51, 100, 1],
    ];
    frame.splice(14..14, outer.concat());
    let monitored = vec!["10.0.0.0/8".parse().unwrap()];
    let tunnel_ends = vec!["203.0.113.66/32".parse().unwrap()];
    let foreign = crate::decode::NotForUs::ForeignTunnel.index();
    for (monitored, tunnel_ends, hits) in [
        (monitored.clone(), vec![], 0),
        (monitored, tunnel_ends, 1),
        (vec![], vec![], 1),
    ] {
        let settings = Settings {
            monitored,
            tunnel_ends,
            ..small()
        };
        let (seen, stats) = run_with(&settings, std::slice::from_ref(&frame));
        assert_eq!(seen.hits.len(), hits);
        assert_eq!(stats.decode_not_for_us.at(foreign), 1 - hits as u64);
    }
}

#[test]
fn local_name_protocols_are_counted_apart() {
    let q = query("app.clearview.ai", 1);
    let (seen, stats) = run(&[
        udp(false, 5353, &q),
        udp(false, 5355, &q),
        udp(false, 137, &q),
    ]);
    assert!(seen.names.is_empty() && seen.hits.is_empty());
    assert_eq!(stats.local_names.total(), 3);
}

#[test]
fn dns_is_read_on_any_udp_port() {
    let q = query("app.clearview.ai", 1);
    for port in [443, 8053, 1900] {
        let (seen, _) = run(&[udp(false, port, &q), udp(true, port, &answer(q.clone()))]);
        assert_eq!(seen.names, [(Seen::DnsQuery, "app.clearview.ai".into())]);
    }
    // A message with a byte over is taken for DNS on its own port only.
    let longer = [&q[..], &[0]].concat();
    let (seen, _) = run(&[udp(false, 8053, &longer)]);
    assert!(seen.names.is_empty());
    let (seen, _) = run(&[udp(false, 53, &longer)]);
    assert_eq!(seen.names.len(), 1);
}

#[test]
fn a_broken_answer_still_gives_its_question() {
    let mut message = answer(query("pimeyes.com", 1));
    message[7] = 1;
    message.extend([0xc0, 0x0c, 0, 5]);
    let (seen, stats) = run(&[udp(true, 53, &message)]);
    assert_eq!(seen.names, [(Seen::DnsQuery, "pimeyes.com".into())]);
    assert_eq!(stats.names_malformed.total(), 1);
}

/// Pieces of `whole` at `cuts`, some twice, in the order of `order`.
fn pieces(whole: &[u8], cuts: &[usize], order: &[u16], twice: &[bool]) -> Vec<(usize, Vec<u8>)> {
    let mut at: Vec<usize> = cuts.iter().map(|c| c % whole.len()).collect();
    at.extend([0, whole.len()]);
    at.sort_unstable();
    at.dedup();
    let mut out = Vec::new();
    for (i, pair) in at.windows(2).enumerate() {
        let copies = if twice.get(i) == Some(&true) { 2 } else { 1 };
        for _ in 0..copies {
            out.push((pair[0], whole[pair[0]..pair[1]].to_vec()));
        }
    }
    let mut keyed: Vec<_> = out.into_iter().enumerate().collect();
    keyed.sort_by_key(|(i, _)| order.get(*i).copied().unwrap_or(0));
    keyed.into_iter().map(|(_, piece)| piece).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any segmentation, order and duplication of a real client's stream gives the same name.
    #[test]
    fn split_invariance_tls(
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        order in prop::collection::vec(any::<u16>(), 42),
        twice in prop::collection::vec(any::<bool>(), 21),
        isn: u32,
    ) {
        let mut frames = vec![tcp(isn, 2, b"")];
        for (at, bytes) in pieces(HELLO, &cuts, &order, &twice) {
            let seq = isn.wrapping_add(1).wrapping_add(u32::try_from(at).unwrap());
            frames.push(tcp(seq, 16, &bytes));
        }
        let (seen, stats) = run(&frames);
        prop_assert_eq!(seen.names, [(Seen::TlsSni, HELLO_NAME.to_owned())]);
        prop_assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    }

    /// The same for the datagrams of a real QUIC flight, with noise of the same flow between.
    #[test]
    fn split_invariance_quic(
        order in prop::collection::vec(any::<u16>(), 6),
        twice in prop::collection::vec(any::<bool>(), 3),
    ) {
        let flight: [&[u8]; 2] = [
            include_bytes!("../../tests/data/quic/chromium-1.bin"),
            include_bytes!("../../tests/data/quic/chromium-2.bin"),
        ];
        let mut sent: Vec<&[u8]> = Vec::new();
        for (i, datagram) in flight.iter().enumerate() {
            sent.push(datagram);
            if twice[i] {
                sent.push(datagram);
            }
        }
        let mut keyed: Vec<_> = sent.into_iter().enumerate().collect();
        keyed.sort_by_key(|(i, _)| order[*i]);
        let frames: Vec<_> = keyed.iter().map(|(_, d)| udp(false, 4433, d)).collect();
        let (seen, _) = run(&frames);
        prop_assert_eq!(seen.names, [(Seen::QuicSni, HELLO_NAME.to_owned())]);
    }
}

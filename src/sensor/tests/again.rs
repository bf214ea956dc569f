//! The same ports again, ports that belong to others, and senders who use up what is kept.

use super::*;
use crate::names::quic::oracle::{Initial, crypto};

const FIRST: [u8; 8] = *b"first-id";
const SECOND: [u8; 8] = *b"secondid";

/// A hello's handshake message; openssl's client, one segment long.
fn message() -> &'static [u8] {
    &include_bytes!("../../../tests/data/hello/openssl.bin")[5..]
}

fn initial(id: &[u8], token: &[u8]) -> Vec<u8> {
    let payload = crypto(0, message());
    let mut initial = Initial::first(1, id, &payload);
    initial.token = token;
    initial.seal()
}

/// Only the first half of the hello.
fn half(id: &[u8]) -> Vec<u8> {
    let payload = crypto(0, &message()[..60]);
    Initial::first(1, id, &payload).seal()
}

fn quic_named(stats: &crate::event::Stats) -> u64 {
    stats
        .connections
        .at(Outcome::ALL.len() + Outcome::Named.index())
}

fn quic_total(stats: &crate::event::Stats) -> u64 {
    let outcomes = 0..Outcome::ALL.len();
    outcomes
        .map(|o| stats.connections.at(Outcome::ALL.len() + o))
        .sum()
}

#[test]
fn a_second_quic_connection_on_the_same_ports_is_read() {
    let frames = [
        udp(false, 443, &initial(&FIRST, b"")),
        udp(false, 443, &initial(&FIRST, b"")),
        udp(false, 443, &initial(&SECOND, b"")),
        udp(false, 443, &initial(&SECOND, b"")),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!(seen.names.len(), 2);
    assert_eq!((quic_named(&stats), quic_total(&stats)), (2, 2));
}

#[test]
fn what_follows_a_hello_is_no_second_connection() {
    // Acknowledgements under the server's id, with the keys of the first.
    let mut later = Initial::first(1, &FIRST, b"\x02\0\0\0\0");
    later.dcid = b"serverid";
    later.number = 2;
    let mut server = Initial::first(1, &FIRST, b"\x02\0\0\0\0");
    server.dcid = b"";
    server.from_server = true;
    let frames = [
        udp(false, 443, &initial(&FIRST, b"")),
        udp(true, 443, &server.seal()),
        udp(false, 443, &later.seal()),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!((seen.names.len(), quic_total(&stats)), (1, 1));
}

#[test]
fn a_hello_sent_again_after_a_retry_is_the_same_connection() {
    let retry = include_bytes!("../../../tests/data/quic/rfc9001-retry.bin");
    let again = initial(&SECOND, b"token");
    let both = [
        udp(false, 443, &initial(&FIRST, b"")),
        udp(true, 443, retry),
        udp(false, 443, &again),
        udp(false, 443, &again),
    ];
    let one_way = [both[0].clone(), both[2].clone(), both[3].clone()];
    for frames in [&both[..], &one_way] {
        let (seen, stats) = run(frames);
        assert_eq!((seen.names.len(), quic_total(&stats)), (1, 1));
    }
    // A token out of an earlier connection, where the server's side is seen and sent no Retry.
    let mut server = Initial::first(1, &FIRST, b"\x02\0\0\0\0");
    server.from_server = true;
    let frames = [
        udp(false, 443, &initial(&FIRST, b"")),
        udp(true, 443, &server.seal()),
        udp(false, 443, &again),
    ];
    assert_eq!(quic_total(&run(&frames).1), 2);
}

#[test]
fn the_servers_initial_may_come_first() {
    let mut server = Initial::first(1, &FIRST, b"\x02\0\0\0\0");
    server.dcid = b"";
    server.from_server = true;
    let frames = [
        udp(true, 443, &server.seal()),
        udp(false, 443, &initial(&FIRST, b"")),
    ];
    let (seen, stats) = run(&frames);
    assert_eq!((seen.names.len(), quic_named(&stats)), (1, 1));
    // Alone, it is a connection of the side with the higher port.
    let settings = Settings {
        monitored: vec!["10.0.0.0/8".parse().unwrap()],
        ..small()
    };
    assert_eq!(quic_total(&run_with(&settings, &frames[..1]).1), 1);
}

/// The frame from another source address and link address.
fn from_host(mut frame: Vec<u8>, host: u16) -> Vec<u8> {
    let [high, low] = host.to_be_bytes();
    frame[28..30].copy_from_slice(&[high, low]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, high, low]);
    frame
}

#[test]
fn half_open_flights_give_way_and_noise_takes_no_place() {
    let mut frames = Vec::new();
    for host in 0..300u16 {
        frames.push(from_host(udp(false, 443, &half(&FIRST)), host));
        // Not authentic: sealed with keys of another id.
        let payload = crypto(0, message());
        let mut noise = Initial::first(1, &FIRST, &payload);
        noise.key_id = &SECOND;
        frames.push(from_host(udp(false, 443, &noise.seal()), 1000 + host));
    }
    let both: [&[u8]; 2] = [
        include_bytes!("../../../tests/data/quic/chromium-1.bin"),
        include_bytes!("../../../tests/data/quic/chromium-2.bin"),
    ];
    frames.extend(both.map(|datagram| udp(false, 443, datagram)));
    let settings = Settings {
        flows: 4096,
        ..small()
    };
    let (seen, stats) = run_with(&settings, &frames);
    assert_eq!(seen.names.last().unwrap().1, HELLO_NAME);
    assert_eq!(quic_total(&stats), 601);
    let undecryptable = Outcome::ALL.len() + Outcome::QuicUndecryptable.index();
    assert_eq!(stats.connections.at(undecryptable), 300);
}

#[test]
fn a_name_read_late_bears_no_link_address_of_another_client() {
    // Nine half hellos with a whole name, of nine hosts, in a pool of eight.
    let head = &HELLO[..HELLO.len() - 20];
    let mut frames = Vec::new();
    for host in 1..=9u16 {
        frames.push(from_host(tcp(9, 2, b""), host));
        frames.push(from_host(tcp(10, 16, head), host));
    }
    let (seen, stats) = run(&frames);
    assert_eq!(seen.hits.len(), 9);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 9);
    for hit in &seen.hits {
        let IpAddr::V4(client) = hit.ends.src else {
            panic!("an IPv4 client")
        };
        let host = u64::from(client.octets()[3]);
        assert_eq!(hit.frame, host * 2, "the frame that brought the name");
        assert_eq!(hit.client_mac, None);
    }
}

#[test]
fn tls_and_quic_are_read_on_the_ports_of_dns() {
    let mut frames = vec![tcp(9, 2, b""), tcp(10, 16, &HELLO[..700])];
    frames.push(tcp(710, 16, &HELLO[700..]));
    for frame in &mut frames {
        frame[36..38].copy_from_slice(&53u16.to_be_bytes());
    }
    let (seen, stats) = run(&frames);
    assert_eq!(seen.names, [(Seen::TlsSni, HELLO_NAME.to_owned())]);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    for port in [53, 5353, 5355, 137] {
        let (seen, _) = run(&[udp(false, port, &initial(&FIRST, b""))]);
        assert_eq!(seen.names.len(), 1, "{port}");
    }
}

#[test]
fn idle_flows_end_by_packet_time_however_little_passes() {
    let list = Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0]));
    let settings = Settings {
        flows: 262_144,
        ..small()
    };
    let mut worker = Worker::new(&settings, 0, "test");
    let mut seeing = Seeing::default();
    let mut frames = 0;
    let syn = tcp(9, 2, b"");
    let beat = udp(false, 123, b"tick");
    for second in 0..700i64 {
        let bytes = if second == 0 { &syn } else { &beat };
        let frame = Frame {
            bytes,
            wire_len: u32::try_from(bytes.len()).unwrap(),
            time: Timestamp(1_700_000_000_000_000_000 + second * 1_000_000_000),
            vlan: None,
            link: LinkType::Ethernet,
            point: 0,
        };
        worker.frame(&frame, "test", &list, &mut seeing);
        frames += 1;
    }
    assert_eq!(
        worker.stats().connections.total(),
        1,
        "after {frames} frames"
    );
}

//! dnstap as Unbound and BIND write it.

use prost::Message as _;

use super::super::follow::Piece;
use super::super::probe::{LEARNED, Probe, list, show};
use super::super::read::At;
use super::{Dnstap, Message, frame};

const UNBOUND: &[u8] = include_bytes!("../../../tests/data/feeds/unbound.dnstap");
const BIND: &[u8] = include_bytes!("../../../tests/data/feeds/bind.dnstap");

/// Without time, frame number and the client's port, which differ from run to run.
fn asked(probe: Probe) -> Vec<String> {
    let told = probe.all();
    let cut = |text: &String| {
        let (_, rest) = text.split_once(" resolver-log ").unwrap();
        let (client, rest) = rest.split_once(" > ").unwrap();
        format!("{} > {rest}", client.rsplit_once(':').unwrap().0)
    };
    told.iter().map(cut).collect()
}

#[test]
fn client_queries_of_both_servers() {
    let want = [
        "10.77.0.200 > 10.77.0.1:53/udp app.clearview.ai 1",
        "10.77.0.200 > 10.77.0.1:53/udp pimeyes.com 28",
        "10.77.0.200 > 10.77.0.1:53/tcp pimeyes.com 1",
        "2001:db8:77::200 > 2001:db8:77::1:53/udp app.clearview.ai 65",
    ];
    assert_eq!(asked(Probe::new("dnstap", "").file(UNBOUND)), want);
    assert_eq!(asked(Probe::new("dnstap", "").file(BIND)), want);
}

#[test]
fn what_was_there_is_passed_over() {
    let mut probe = Probe::new("dnstap", "");
    let (old, new) = UNBOUND.split_at(UNBOUND.len() / 2);
    for piece in [
        Piece::Begin { old: true },
        Piece::Bytes(old),
        Piece::Live,
        Piece::Bytes(new),
    ] {
        probe.reader.piece(&piece, &mut probe.desk);
    }
    let told = asked(probe);
    assert!(!told.is_empty() && told.len() < 4, "{told:?}");
}

#[test]
fn another_file_is_told_once_and_the_next_one_is_read() {
    let mut probe = Probe::new("dnstap", "").file("[1795327871] unbound[291:0] info: x\n");
    probe.more(UNBOUND);
    assert!(probe.told().is_empty() && probe.desk.faults.len() == 1);
    probe.begin(UNBOUND);
    assert_eq!(probe.told().len(), 4);
}

/// A resolver's own queries upstream, answers, and messages with pieces missing.
#[test]
fn only_whole_client_queries_count() {
    let at = At {
        feed: "sample",
        line: 1,
        learned: LEARNED,
        list: list(),
    };
    let query = Message {
        kind: Some(5),
        socket_protocol: Some(3),
        query_address: Some(vec![10, 0, 0, 2]),
        query_time_sec: Some(1_795_329_000),
        query_message: Some(
            b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x07pimeyes\x03com\0\0\x01\0\x01".to_vec(),
        ),
        ..Message::default()
    };
    let read = |message: Message| {
        let tap = Dnstap {
            message: Some(message),
            kind: Some(1),
        };
        let mut out = Vec::new();
        let read = frame(&tap.encode_to_vec(), &at, &mut out);
        (read.is_ok(), out.iter().map(show).collect::<Vec<_>>())
    };
    // DNS over TLS runs over TCP.
    let hit = "06:30:00 line 1 resolver-log 10.0.0.2:0 > 0.0.0.0:53/tcp pimeyes.com 1";
    assert_eq!(read(query.clone()), (true, vec![hit.to_owned()]));
    for kind in (1..14).filter(|kind| *kind != 5) {
        let other = Message {
            kind: Some(kind),
            ..query.clone()
        };
        assert_eq!(read(other), (true, Vec::new()));
    }
    for broken in [
        Message {
            query_address: Some(vec![10, 0, 0]),
            ..query.clone()
        },
        Message {
            query_time_sec: None,
            ..query.clone()
        },
        Message {
            query_port: Some(70_000),
            ..query.clone()
        },
        Message {
            query_message: None,
            ..query
        },
    ] {
        assert_eq!(read(broken), (false, Vec::new()));
    }
    assert!(frame(b"\xff", &at, &mut Vec::new()).is_err());
}

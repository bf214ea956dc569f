//! Connections named by the server's certificate, and those that must not be.

use super::*;
use crate::event::Stats;
use crate::names::cert::oracle::{certificate, flight, server_hello};
use crate::names::tls::oracle::{client_hello, padded_hello, records};

const WILDCARD: &[u8] = include_bytes!("../../../tests/data/certificates/wildcard.der");
const PERSON: &[u8] = include_bytes!("../../../tests/data/certificates/person.der");
const OTHER: &[u8] = include_bytes!("../../../tests/data/certificates/common-name.der");
/// A vendor's name beside somebody else's.
const SHARED: &[u8] = include_bytes!("../../../tests/data/certificates/shared.der");
/// The names of two vendors.
const TWO: &[u8] = include_bytes!("../../../tests/data/certificates/two-vendors.der");
/// A vendor's names beside the mark of a content network.
const MARKED: &[u8] = include_bytes!("../../../tests/data/certificates/marked.der");

enum Part<'p> {
    Client(&'p [u8]),
    Server(&'p [u8]),
}
use Part::{Client, Server};

/// A connection with these payloads in turn; `syn`: from its start on.
fn dialogue(syn: bool, parts: &[Part<'_>]) -> Vec<Vec<u8>> {
    let (mut up, mut down) = (1000u32, 90_000u32);
    let mut frames = Vec::new();
    if syn {
        frames.push(tcp(up, 2, b""));
        frames.push(back(tcp(down, 18, b"")));
        (up, down) = (up + 1, down + 1);
    }
    for part in parts {
        match part {
            Client(bytes) => {
                frames.push(tcp(up, 24, bytes));
                up += u32::try_from(bytes.len()).unwrap();
            }
            Server(bytes) => {
                for piece in bytes.chunks(1400) {
                    frames.push(back(tcp(down, 24, piece)));
                    down += u32::try_from(piece.len()).unwrap();
                }
            }
        }
    }
    frames
}

/// The same frame from the server to the client.
fn back(mut frame: Vec<u8>) -> Vec<u8> {
    for i in 0..4 {
        frame.swap(26 + i, 30 + i);
    }
    frame.swap(34, 36);
    frame.swap(35, 37);
    frame
}

fn nameless() -> Vec<u8> {
    records(&client_hello(&[(10, vec![0, 2, 0, 29])]), &[])
}

fn named(name: &str) -> Vec<u8> {
    records(&padded_hello(name.as_bytes(), 0, false), &[])
}

fn outcome(stats: &Stats, outcome: Outcome) -> u64 {
    stats.connections.at(outcome.index())
}

fn outcomes(stats: &Stats) -> u64 {
    Outcome::ALL.iter().map(|one| outcome(stats, *one)).sum()
}

#[test]
fn a_hello_without_a_name_leaves_it_to_the_certificate() {
    let server = flight(&[WILDCARD, OTHER], &[700]);
    for syn in [true, false] {
        let (seen, stats) = run(&dialogue(syn, &[Client(&nameless()), Server(&server)]));
        let names = ["clearview.ai", "clearview.ai"].map(|n| (Seen::TlsCert, n.to_owned()));
        assert_eq!(seen.names, names);
        assert_eq!(seen.hits.len(), 1, "one certificate is one hit");
        let hit = &seen.hits[0];
        assert_eq!(
            (hit.seen, hit.name.as_str()),
            (Seen::TlsCert, "clearview.ai")
        );
        assert_eq!(hit.ends.src, IpAddr::from(CLIENT), "the client received it");
        assert_eq!(hit.evidence, WILDCARD);
        assert_eq!(hit.rule.confidence, "medium", "nobody checked it");
        assert!(hit.ja4.is_none() && hit.ech.word() == "none");
        assert_eq!((outcome(&stats, Outcome::Named), outcomes(&stats)), (1, 1));
    }
}

/// A retransmission, or a mirror that shows each frame twice.
#[test]
fn a_hello_that_comes_twice_still_leaves_it_to_the_certificate() {
    let server = flight(&[WILDCARD, OTHER], &[700]);
    for syn in [true, false] {
        let frames = dialogue(syn, &[Client(&nameless()), Server(&server)]);
        let doubled: Vec<_> = frames.into_iter().flat_map(|f| [f.clone(), f]).collect();
        let (seen, stats) = run(&doubled);
        assert_eq!((seen.hits.len(), outcomes(&stats)), (1, 1));
        assert_eq!(outcome(&stats, Outcome::Named), 1);
    }
}

/// Met in the middle, behind a proxy's answer: what follows comes in several segments.
#[test]
fn a_flight_in_pieces_behind_an_answer_that_was_met_in_the_middle() {
    let server = flight(&[WILDCARD, OTHER], &[700]);
    let (head, tail) = server.split_at(300);
    let connect = b"CONNECT app.example.com:443 HTTP/1.0\r\n\r\n";
    let answer = b"HTTP/1.0 200 OK\r\n\r\n";
    let hello = nameless();
    for syn in [true, false] {
        let before = [Client(connect), Server(answer), Client(&hello)];
        let parts = before.into_iter().chain([Server(head), Server(tail)]);
        let (seen, stats) = run(&dialogue(syn, &parts.collect::<Vec<_>>()));
        assert_eq!((seen.hits.len(), outcomes(&stats)), (1, 1), "{syn}");
    }
}

/// The same for a client's long hello, behind a dialogue that nobody knows.
#[test]
fn a_hello_in_pieces_behind_bytes_that_were_met_in_the_middle() {
    let hello = records(&padded_hello(b"app.clearview.ai", 2500, false), &[]);
    let pieces: Vec<&[u8]> = hello.chunks(1400).collect();
    assert!(pieces.len() > 1);
    for syn in [true, false] {
        let before = [Client(b"\x00\x07begin"), Server(b"\x00\x03yes")];
        let parts = before
            .into_iter()
            .chain(pieces.iter().map(|piece| Client(piece)));
        let (seen, stats) = run(&dialogue(syn, &parts.collect::<Vec<_>>()));
        assert_eq!((seen.hits.len(), outcomes(&stats)), (1, 1), "{syn}");
    }
}

#[test]
fn the_client_is_the_receiver_when_only_the_server_is_seen() {
    let server = flight(&[WILDCARD], &[]);
    let frames = dialogue(false, &[Server(&server), Server(b"\x17\x03\x03\0\x01x")]);
    let (seen, stats) = run(&frames);
    assert_eq!(seen.hits.len(), 1);
    assert_eq!(seen.hits[0].ends.src, IpAddr::from(CLIENT));
    assert_eq!((outcome(&stats, Outcome::Named), outcomes(&stats)), (1, 1));
}

/// The hello's name is the name: the certificate, whatever it says, is not looked at.
#[test]
fn with_a_server_name_nothing_of_the_server_is_read() {
    let server = flight(&[WILDCARD], &[]);
    let hello = named("www.example.com");
    let (seen, stats) = run(&dialogue(true, &[Client(&hello), Server(&server)]));
    assert_eq!(seen.names, [(Seen::TlsSni, "www.example.com".into())]);
    assert!(seen.hits.is_empty());
    assert_eq!(stats.pool_copied_bytes, 0);
}

#[test]
fn a_client_certificate_is_never_read() {
    let ccert = records(&certificate(&[WILDCARD]), &[]);
    let hello13 = records(&server_hello(0x0303, &[(43, vec![3, 4])]), &[]);
    let hidden = flight(&[OTHER], &[]);
    for server in [hello13, hidden] {
        for hello in [nameless(), named("www.example.com")] {
            let (seen, _) = run(&dialogue(
                true,
                &[Client(&hello), Server(&server), Client(&ccert)],
            ));
            assert!(seen.hits.is_empty());
            assert!(seen.names.iter().all(|(_, name)| name == "www.example.com"));
        }
    }
    // Alone, as the first that is seen of a connection.
    let (seen, _) = run(&dialogue(false, &[Client(&ccert), Client(&ccert)]));
    assert!(seen.names.is_empty() && seen.hits.is_empty());
}

/// A shared certificate accuses nobody: the connection stays without a name.
#[test]
fn names_of_several_owners_prove_nothing() {
    for der in [SHARED, TWO] {
        let (seen, stats) = run(&dialogue(
            true,
            &[Client(&nameless()), Server(&flight(&[der], &[]))],
        ));
        assert!(seen.names.len() >= 2);
        assert!(seen.hits.is_empty());
        assert_eq!((outcome(&stats, Outcome::NoSni), outcomes(&stats)), (1, 1));
    }
    let marked = flight(&[MARKED], &[]);
    let (seen, _) = run(&dialogue(true, &[Client(&nameless()), Server(&marked)]));
    assert_eq!(seen.hits.len(), 1);
    assert_eq!(seen.hits[0].name, "pimeyes.com", "the fewest labels");
}

#[test]
fn without_a_certificate_the_outcome_is_that_of_the_hello() {
    let hello13 = records(&server_hello(0x0303, &[(43, vec![3, 4])]), &[]);
    let resumed = [
        records(&server_hello(0x0303, &[]), &[]),
        b"\x14\x03\x03\0\x01\x01".to_vec(),
    ];
    let person = flight(&[PERSON], &[]);
    let alert = b"\x15\x03\x03\0\x02\x02\x28".to_vec();
    let cut = flight(&[WILDCARD], &[])[..200].to_vec();
    for server in [hello13, resumed.concat(), person, alert, cut, Vec::new()] {
        let (seen, stats) = run(&dialogue(true, &[Client(&nameless()), Server(&server)]));
        assert!(seen.names.is_empty() && seen.hits.is_empty());
        assert_eq!((outcome(&stats, Outcome::NoSni), outcomes(&stats)), (1, 1));
    }
    // One direction only: told when the client goes on alone.
    let (_, stats) = run(&dialogue(
        false,
        &[Client(&nameless()), Client(b"x"), Client(b"y")],
    ));
    assert_eq!((outcome(&stats, Outcome::NoSni), outcomes(&stats)), (1, 1));
}

/// The server asks for another key share, and the hello comes again: one connection, one name.
#[test]
fn a_retry_is_not_a_second_connection() {
    let again = records(
        &server_hello(0x0303, &[(43, vec![3, 4]), (51, vec![0, 29])]),
        &[],
    );
    let hello = named("app.clearview.ai");
    let (seen, stats) = run(&dialogue(
        true,
        &[Client(&hello), Server(&again), Client(&hello)],
    ));
    assert_eq!((seen.hits.len(), outcomes(&stats)), (1, 1));
    let (seen, stats) = run(&dialogue(
        true,
        &[Client(&nameless()), Server(&again), Client(&nameless())],
    ));
    assert_eq!((seen.hits.len(), outcomes(&stats)), (0, 1));
}

/// A flight that is broken is counted, and costs the connection nothing.
#[test]
fn a_broken_certificate_is_counted() {
    let mut server = flight(&[WILDCARD], &[]);
    server[5 + 42 + 4 + 2] ^= 0x10;
    let (seen, stats) = run(&dialogue(true, &[Client(&nameless()), Server(&server)]));
    assert!(seen.hits.is_empty());
    let why = crate::names::Malformed::TlsCertificate.index();
    assert_eq!(stats.names_malformed.at(why), 1);
    assert_eq!(outcome(&stats, Outcome::NoSni), 1);
}

/// A dialogue of many lines before STARTTLS on the server's side too.
#[test]
fn behind_a_long_dialogue_the_certificate_is_still_read() {
    let hello = nameless();
    let server = flight(&[WILDCARD], &[]);
    let mut parts = Vec::new();
    for _ in 0..40 {
        parts.push(Server(b"250 2.0.0 Ok\r\n"));
        parts.push(Client(b"NOOP\r\n"));
    }
    parts.extend([Client(b"STARTTLS\r\n"), Server(b"220 ready\r\n")]);
    parts.extend([Client(&hello), Server(&server)]);
    let (seen, stats) = run(&dialogue(true, &parts));
    assert_eq!((seen.hits.len(), outcomes(&stats)), (1, 1));
}

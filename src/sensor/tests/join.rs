//! Connections without a name, after their client resolved a vendor's name to that address.

use super::*;
use crate::names::dtls::oracle as dtls;
use crate::names::quic::oracle as quic;
use crate::names::tls::oracle::client_hello;

/// An answer that gives [`SERVER`] for the name, for 60 seconds.
fn resolved(name: &str) -> Vec<u8> {
    let mut message = answer(query(name, 1));
    message[7] = 1;
    message.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    message.extend(SERVER);
    message
}

/// The client asks for the name, and is answered [`resolved`].
fn look_up(name: &str) -> Vec<Vec<u8>> {
    let asked = udp(false, 53, &query(name, 1));
    vec![asked, udp(true, 53, &resolved(name))]
}

/// The real client's hello with its server_name under a number that nobody knows.
fn nameless() -> Vec<u8> {
    let mut hello = HELLO.to_vec();
    let name = HELLO_NAME.as_bytes();
    let at = hello.windows(name.len()).position(|w| w == name).unwrap();
    assert_eq!(hello[at - 9..at - 7], [0, 0]);
    hello[at - 9..at - 7].copy_from_slice(&[0x6a, 0x6a]);
    hello
}

fn joined(frames: &[Vec<u8>]) -> (Vec<Hit>, crate::event::Stats) {
    let (seen, stats) = run(frames);
    let mut hits = seen.hits;
    hits.retain(|hit| hit.seen == Seen::DnsJoin);
    (hits, stats)
}

#[test]
fn it_takes_the_name_that_led_there_and_says_how_sure_that_is() {
    let hello = [tcp(9, 2, b""), tcp(10, 16, &nameless())];
    let frames = [look_up(HELLO_NAME), hello.to_vec()].concat();
    let (hits, stats) = joined(&frames);
    let [hit] = hits.as_slice() else {
        panic!("{} hits", hits.len())
    };
    assert_eq!((hit.name.as_str(), hit.join), (HELLO_NAME, Some(80)));
    assert_eq!((hit.frame, hit.ends.dport), (4, 8443));
    assert_eq!(hit.ends.src, IpAddr::from(CLIENT));
    assert_eq!(hit.rule.confidence, "medium", "however sure the list is");
    assert_eq!(hit.evidence, resolved(HELLO_NAME));
    assert_eq!(
        stats.connections.at(Outcome::NoSni.index()),
        1,
        "still unnamed"
    );
    assert_eq!(stats.hits.at(Seen::DnsJoin.index()), 1);
}

#[test]
fn a_name_of_its_own_needs_no_join() {
    let hello = [tcp(9, 2, b""), tcp(10, 16, HELLO)];
    let frames = [look_up(HELLO_NAME), hello.to_vec()].concat();
    assert!(joined(&frames).0.is_empty());
}

#[test]
fn without_a_match_or_a_look_up_nothing_is_told() {
    let hello = [tcp(9, 2, b""), tcp(10, 16, &nameless())];
    let asked = vec![udp(false, 53, &query(HELLO_NAME, 1))];
    for before in [vec![], look_up("www.example.com"), asked] {
        let frames = [before, hello.to_vec()].concat();
        assert!(joined(&frames).0.is_empty());
    }
    // The look-up came after the connection.
    let late = [hello.to_vec(), look_up(HELLO_NAME)].concat();
    assert!(joined(&late).0.is_empty());
    // A scan sends nothing that could have been meant for the vendor.
    let scan = [look_up(HELLO_NAME), vec![tcp(9, 2, b"")]].concat();
    assert!(joined(&scan).0.is_empty());
}

#[test]
fn many_names_on_one_address_are_counted_and_not_told() {
    let mut frames = look_up(HELLO_NAME);
    for name in ["one.example", "two.example", "three.example"] {
        frames.extend(look_up(name));
    }
    frames.extend([tcp(9, 2, b""), tcp(10, 16, &nameless())]);
    let (hits, stats) = joined(&frames);
    assert!(hits.is_empty());
    assert_eq!(stats.joins_unsure, 1);
}

/// Anybody can send an answer to somebody who never asked, as often as they like.
#[test]
fn an_answer_that_nobody_asked_for_joins_nothing() {
    let hello = [tcp(9, 2, b""), tcp(10, 16, &nameless())];
    let forged = vec![udp(true, 53, &resolved(HELLO_NAME)); 3];
    let other = vec![udp(false, 53, &query("www.example.com", 1))];
    let another_id = {
        let mut asked = query(HELLO_NAME, 1);
        asked[0] ^= 1;
        vec![udp(false, 53, &asked)]
    };
    for before in [vec![], other, another_id] {
        let frames = [before, forged.clone(), hello.to_vec()].concat();
        assert!(joined(&frames).0.is_empty());
    }
}

/// A blocker's page, or a resolver of ours that answers for everybody, is no vendor.
#[test]
fn an_address_inside_is_no_vendors() {
    let mut settings = small();
    let hello = [tcp(9, 2, b""), tcp(10, 16, &nameless())];
    let frames = [look_up(HELLO_NAME), hello.to_vec()].concat();
    for (inside, hits) in [("10.0.0.0/8", 1), ("0.0.0.0/0", 0)] {
        settings.monitored = vec![inside.parse().unwrap()];
        let (seen, _) = run_with(&settings, &frames);
        let joins = seen.hits.iter().filter(|hit| hit.seen == Seen::DnsJoin);
        assert_eq!(joins.count(), hits, "{inside}");
    }
}

/// It was open before the look-up, so the name did not lead to it; what it is becomes known later.
#[test]
fn a_connection_that_began_before_the_look_up_is_not_joined() {
    let hello = nameless();
    let (head, tail) = hello.split_at(100);
    let tcp = [tcp(9, 2, b""), tcp(10, 16, head), tcp(10 + 100, 16, tail)];
    let message = client_hello(&[(10, vec![0, 2, 0, 29])]);
    let (head, tail) = message.split_at(20);
    let dtls_body = dtls::body(&message, dtls::DTLS_12, b"");
    let piece = |from, to| {
        let piece = dtls::fragment(1, 0, &dtls_body, from, to);
        udp(false, 4433, &dtls::record(22, 0, &piece))
    };
    let dtls = [piece(0, 20), piece(20, dtls_body.len())];
    let quic = [(0, head), (20, tail)].map(|(offset, part)| {
        let payload = quic::crypto(offset, part);
        let mut initial = quic::Initial::first(1, b"first-id", &payload);
        initial.number = offset;
        udp(false, 443, &initial.seal())
    });
    for (kind, frames) in [("tcp", &tcp[..]), ("dtls", &dtls), ("quic", &quic)] {
        let after = [look_up(HELLO_NAME), frames.to_vec()].concat();
        assert_eq!(joined(&after).0.len(), 1, "{kind}");
        for begun in 1..frames.len() {
            let (before, after) = frames.split_at(begun);
            let frames = [before.to_vec(), look_up(HELLO_NAME), after.to_vec()].concat();
            let (hits, stats) = joined(&frames);
            assert!(hits.is_empty(), "{kind}, {begun} before");
            assert_eq!(stats.connections.total(), 1, "{kind}, {begun} before");
        }
    }
}

/// Of these nothing is ever authentic: when they began is known all the same.
#[test]
fn a_quic_connection_that_cannot_be_opened_is_joined() {
    let mut unknown = vec![0xc0, 0xff, 0, 0, 1, 8];
    unknown.extend(b"first-id");
    unknown.push(0);
    unknown.resize(1250, 0x5a);
    let mut damaged = quic::Initial::first(1, b"first-id", &quic::crypto(0, b"some")).seal();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let cases = [
        ("unknown version", unknown, Outcome::QuicVersion),
        ("damaged", damaged, Outcome::QuicUndecryptable),
    ];
    for (what, datagram, outcome) in cases {
        let datagram = vec![udp(false, 443, &datagram)];
        let after = [look_up(HELLO_NAME), datagram.clone()].concat();
        let (hits, stats) = joined(&after);
        let at: Vec<_> = hits.iter().map(|hit| (hit.frame, hit.ends.dport)).collect();
        assert_eq!(at, [(3, 443)], "{what}");
        let unread = stats.connections.at(Outcome::ALL.len() + outcome.index());
        assert_eq!(unread, 1, "{what}");
        let before = [datagram.clone(), look_up(HELLO_NAME), datagram].concat();
        assert!(joined(&before).0.is_empty(), "{what}");
    }
}

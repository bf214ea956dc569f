//! What the same client was told by the DNS decides whether an ECH extension is GREASE.

use super::*;
use crate::base::EchVerdict;

fn verdict(before: &[Vec<u8>]) -> EchVerdict {
    let mut frames = before.to_vec();
    frames.push(tcp(1000, 24, HELLO));
    let (seen, _) = run(&frames);
    let hellos: Vec<_> = seen.hits.iter().filter(|hit| hit.seen.is_hello()).collect();
    assert_eq!((hellos.len(), hellos[0].name.as_str()), (1, HELLO_NAME));
    hellos[0].ech
}

/// The hello is Chromium's: GREASE, as it sends to every server.
#[test]
fn real_grease_is_told_when_the_question_was_seen_and_not_otherwise() {
    let ask = |name, qtype| {
        let q = query(name, qtype);
        vec![udp(false, 53, &q), udp(true, 53, &answer(q))]
    };
    assert_eq!(verdict(&ask(HELLO_NAME, 65)), EchVerdict::NoEchInDns);
    for silent in [
        // Anybody can send an answer.
        ask(HELLO_NAME, 65)[1..].to_vec(),
        Vec::new(),
        ask(HELLO_NAME, 1),
        ask("www.clearview.ai", 65),
        ask(HELLO_NAME, 65)[..1].to_vec(),
    ] {
        assert_eq!(verdict(&silent), EchVerdict::DnsNotSeen);
    }
}

/// A resolver that answers somebody else says nothing about this client.
#[test]
fn another_clients_answer_is_not_this_ones() {
    let q = query(HELLO_NAME, 65);
    let mut other = udp(true, 53, &answer(q));
    other[33] ^= 1;
    assert_eq!(verdict(&[other]), EchVerdict::DnsNotSeen);
}

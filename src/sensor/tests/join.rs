//! Connections without a name, after their client resolved a vendor's name to that address.

use super::*;

/// An answer that gives [`SERVER`] for the name, for 60 seconds.
fn resolved(name: &str) -> Vec<u8> {
    let mut message = answer(query(name, 1));
    message[7] = 1;
    message.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    message.extend(SERVER);
    message
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
    let frames = [
        udp(true, 53, &resolved(HELLO_NAME)),
        tcp(9, 2, b""),
        tcp(10, 16, &nameless()),
    ];
    let (hits, stats) = joined(&frames);
    let [hit] = hits.as_slice() else {
        panic!("{} hits", hits.len())
    };
    assert_eq!((hit.name.as_str(), hit.join), (HELLO_NAME, Some(80)));
    assert_eq!((hit.frame, hit.ends.dport), (3, 8443));
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
    let frames = [
        udp(true, 53, &resolved(HELLO_NAME)),
        tcp(9, 2, b""),
        tcp(10, 16, HELLO),
    ];
    assert!(joined(&frames).0.is_empty());
}

#[test]
fn without_a_match_or_a_look_up_nothing_is_told() {
    let hello = [tcp(9, 2, b""), tcp(10, 16, &nameless())];
    let other = udp(true, 53, &resolved("www.example.com"));
    let query = udp(false, 53, &query(HELLO_NAME, 1));
    for before in [vec![], vec![other], vec![query]] {
        let frames = [before, hello.to_vec()].concat();
        assert!(joined(&frames).0.is_empty());
    }
    // The look-up came after the connection.
    let late = [hello.to_vec(), vec![udp(true, 53, &resolved(HELLO_NAME))]].concat();
    assert!(joined(&late).0.is_empty());
    // A scan sends nothing that could have been meant for the vendor.
    let scan = [udp(true, 53, &resolved(HELLO_NAME)), tcp(9, 2, b"")];
    assert!(joined(&scan).0.is_empty());
}

#[test]
fn many_names_on_one_address_are_counted_and_not_told() {
    let mut frames = vec![udp(true, 53, &resolved(HELLO_NAME))];
    for name in ["one.example", "two.example", "three.example"] {
        frames.push(udp(true, 53, &resolved(name)));
    }
    frames.extend([tcp(9, 2, b""), tcp(10, 16, &nameless())]);
    let (hits, stats) = joined(&frames);
    assert!(hits.is_empty());
    assert_eq!(stats.joins_unsure, 1);
}

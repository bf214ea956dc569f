//! What may be told of a connection without a name, and what may not.

use super::*;

const CLIENT: &str = "10.0.0.7";
const OWN: &str = "192.0.2.10";
const SHARED: &str = "104.18.1.1";
const FLOWS: usize = 1 << 16;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000_000 + seconds * 1_000_000_000)
}

fn answered(client: &str, seconds: i64, name: &'static str) -> Answered<'static> {
    Answered {
        client: ip(client),
        time: at(seconds),
        name: name.as_bytes(),
        message: b"a message",
    }
}

const fn found(name: &str) -> (&[u8], u16) {
    (name.as_bytes(), 1)
}

/// The client resolved the vendor's name to `server` at second 10, for 60 seconds.
fn resolved(server: &str) -> Joins {
    let mut joins = Joins::new(FLOWS, Some(1));
    let answer = answered(CLIENT, 10, "app.vendor.example");
    joins.learn(&answer, (ip(server), 60), Some(found("app.vendor.example")));
    joins
}

fn percent(joins: &Joins, client: &str, server: &str, seconds: i64) -> Option<u8> {
    match joins.find(ip(client), ip(server), at(seconds)) {
        Answer::Nothing => None,
        Answer::Unsure => Some(0),
        Answer::Joined(joined) => {
            assert_eq!(joined.matched.name(), b"app.vendor.example");
            assert_eq!(joined.matched.evidence(), b"a message");
            Some(joined.percent)
        }
    }
}

#[test]
fn only_the_same_client_to_the_same_address_in_time() {
    let mut joins = Joins::new(FLOWS, Some(1));
    assert!(joins.is_empty() && percent(&joins, CLIENT, OWN, 11).is_none());
    joins = resolved(OWN);
    assert_eq!(percent(&joins, CLIENT, OWN, 11), Some(80));
    assert_eq!(
        percent(&joins, CLIENT, OWN, 130),
        Some(80),
        "within the margin"
    );
    assert_eq!(percent(&joins, CLIENT, OWN, 131), None, "out of date");
    assert_eq!(percent(&joins, CLIENT, OWN, 9), None, "before the look-up");
    assert_eq!(percent(&joins, "10.0.0.8", OWN, 11), None, "somebody else");
    assert_eq!(percent(&joins, CLIENT, "192.0.2.11", 11), None, "elsewhere");
    // The fate of a connection of second 11 may be known ten minutes later.
    joins.sweep(at(731));
    assert_eq!(percent(&joins, CLIENT, OWN, 11), Some(80));
    joins.sweep(at(851));
    assert!(joins.is_empty());
}

/// A second vendor's name leads to the same address later.
#[test]
fn a_connection_is_never_joined_with_a_name_that_was_resolved_after_it() {
    let mut joins = Joins::new(FLOWS, Some(1));
    let answer = answered(CLIENT, 10, "www.vendor.example");
    joins.learn(&answer, (ip(OWN), 60), Some(found("www.vendor.example")));
    let answer = answered(CLIENT, 30, "app.vendor.example");
    joins.learn(&answer, (ip(OWN), 60), Some(found("app.vendor.example")));
    assert_eq!(percent(&joins, CLIENT, OWN, 20), None, "before its look-up");
    assert_eq!(percent(&joins, CLIENT, OWN, 31), Some(40));
    // The same name once more takes nothing back.
    joins.learn(
        &answered(CLIENT, 50, "app.vendor.example"),
        (ip(OWN), 60),
        Some(found("app.vendor.example")),
    );
    assert_eq!(percent(&joins, CLIENT, OWN, 31), Some(40));
}

#[test]
fn each_other_name_of_the_same_client_makes_it_less_sure() {
    let mut joins = resolved(OWN);
    let others = ["www.one.example", "www.two.example", "www.three.example"];
    let mut told = Vec::new();
    for name in others {
        joins.learn(&answered(CLIENT, 12, name), (ip(OWN), 60), None);
        joins.learn(&answered(CLIENT, 12, name), (ip(OWN), 60), None);
        told.push(percent(&joins, CLIENT, OWN, 13));
    }
    assert_eq!(told, [Some(40), Some(26), Some(0)]);
}

#[test]
fn what_others_resolve_and_shared_networks_count_too() {
    let mut joins = resolved(OWN);
    joins.learn(
        &answered("10.0.0.8", 12, "www.one.example"),
        (ip(OWN), 60),
        None,
    );
    assert_eq!(percent(&joins, CLIENT, OWN, 13), Some(60));
    let mut joins = resolved(SHARED);
    assert_eq!(percent(&joins, CLIENT, SHARED, 13), Some(53));
    joins.learn(
        &answered("10.0.0.8", 12, "www.one.example"),
        (ip(SHARED), 60),
        None,
    );
    assert_eq!(percent(&joins, CLIENT, SHARED, 13), Some(40));
    joins.learn(
        &answered(CLIENT, 12, "www.one.example"),
        (ip(SHARED), 60),
        None,
    );
    // Both know both names now: what others resolved is no news.
    assert_eq!(percent(&joins, CLIENT, SHARED, 13), Some(26));
    joins.learn(
        &answered(CLIENT, 12, "www.two.example"),
        (ip(SHARED), 60),
        None,
    );
    assert_eq!(percent(&joins, CLIENT, SHARED, 13), Some(0));
}

#[test]
fn other_names_count_only_while_their_answers_last() {
    let mut joins = Joins::new(FLOWS, Some(1));
    joins.learn(&answered(CLIENT, 0, "www.one.example"), (ip(OWN), 10), None);
    let answer = answered(CLIENT, 100, "app.vendor.example");
    joins.learn(&answer, (ip(OWN), 60), Some(found("app.vendor.example")));
    assert_eq!(percent(&joins, CLIENT, OWN, 101), Some(80));
}

#[test]
fn what_a_blocker_answers_leads_nowhere() {
    let mut joins = Joins::new(FLOWS, Some(1));
    for address in ["0.0.0.0", "::", "127.0.0.1", "::1"] {
        let answer = answered(CLIENT, 10, "app.vendor.example");
        joins.learn(
            &answer,
            (ip(address), 60),
            Some(found("app.vendor.example")),
        );
    }
    assert!(joins.is_empty());
}

#[test]
fn a_flood_stays_within_its_bounds_and_pushes_out_what_ends_first() {
    let mut joins = resolved(OWN);
    for n in 0..20_000u32 {
        let [a, b, c, d] = (0x0a10_0000 + n).to_be_bytes();
        let answer = Answered {
            client: IpAddr::from([a, b, c, d]),
            ..answered(CLIENT, 11, "app.vendor.example")
        };
        joins.learn(&answer, (ip(OWN), 60), Some(found("app.vendor.example")));
    }
    let held = MATCHED_MAX - ROOM..=MATCHED_MAX;
    assert!(held.contains(&joins.matched.len()));
    assert_eq!(percent(&joins, CLIENT, OWN, 12), None);
    assert_eq!(joins.own.0.len(), FLOWS / 4);
}

/// A big net tracks more connections, and its clients resolve more names.
#[test]
fn the_counts_grow_with_the_connections_tracked_within_bounds() {
    for (flows, places) in [
        (0, COUNTS_MIN),
        (1 << 18, 1 << 16),
        (300_000, 1 << 17),
        (usize::MAX, COUNTS_MAX),
    ] {
        assert_eq!(Counts::new(flows).0.len(), places);
    }
    // 30,000 clients with a name each, and a vendor's name among them.
    let mut joins = Joins::new(1 << 18, Some(1));
    let answer = answered(CLIENT, 10, "app.vendor.example");
    joins.learn(&answer, (ip(OWN), 60), Some(found("app.vendor.example")));
    for n in 0..30_000u32 {
        let [a, b, c, d] = (0x0a10_0000 + n).to_be_bytes();
        let answer = Answered {
            client: IpAddr::from([a, b, c, d]),
            ..answered(CLIENT, 11, "www.one.example")
        };
        joins.learn(&answer, (IpAddr::from([192, 2, c, d]), 60), None);
    }
    assert_eq!(percent(&joins, CLIENT, OWN, 12), Some(80));
}

#[test]
fn what_was_pushed_out_of_the_counts_is_not_known_to_be_alone() {
    let mut joins = resolved(OWN);
    joins.own = Counts::new(FLOWS);
    assert_eq!(percent(&joins, CLIENT, OWN, 12), Some(0));
}

//! What a sample of traffic says, and what it must not be taken for.

use super::{Case, Facts, Id, Level, case, judged, level};
use crate::base::Outcome;
use crate::doctor::traffic::{Layer, TrafficFacts};

fn of(facts: &mut Facts) -> &mut TrafficFacts {
    facts.traffic.as_mut().unwrap()
}

pub(super) fn cases() -> Vec<Case> {
    use Level::{Failure, Info, Warning};
    vec![
        case(
            "silence",
            |f, _| *of(f) = TrafficFacts::default(),
            (Id::TrafficFrames, Failure),
        ),
        case(
            "only ourselves",
            |f, _| of(f).between_others = 0,
            (Id::TrafficOthers, Warning),
        ),
        case(
            "a full ring",
            |f, _| of(f).kernel_drops = 1000,
            (Id::TrafficLoss, Failure),
        ),
        case(
            "a ring full for a moment",
            |f, _| of(f).kernel_drops = 3,
            (Id::TrafficLoss, Warning),
        ),
        case(
            "a snap length",
            |f, _| of(f).cut_short = 50,
            (Id::TrafficCut, Warning),
        ),
        case(
            "joined segments",
            |f, _| of(f).joined_tcp = 50,
            (Id::TrafficJoined, Info),
        ),
        case(
            "joined datagrams",
            |f, _| of(f).joined_udp = 50,
            (Id::TrafficJoined, Warning),
        ),
        case(
            "some tunnels",
            |f, _| {
                of(f).undecoded = [(Layer::Esp, 50)].into();
            },
            (Id::TrafficUndecoded, Info),
        ),
        case(
            "a tenth in tunnels",
            |f, _| {
                of(f).undecoded = [(Layer::Macsec, 1000)].into();
            },
            (Id::TrafficUndecoded, Warning),
        ),
        case(
            "tunnels alone",
            |f, _| {
                of(f).undecoded = [(Layer::Link, 10_000)].into();
            },
            (Id::TrafficUndecoded, Failure),
        ),
        case(
            "excluded prefixes",
            |f, _| of(f).excluded = 5,
            (Id::TrafficExcluded, Info),
        ),
        case(
            "one direction",
            |f, _| of(f).talks_one_way = 200,
            (Id::TrafficDirections, Failure),
        ),
        case(
            "look-ups of one direction",
            |f, _| {
                of(f).talks = 0;
                of(f).talks_one_way = 0;
                of(f).dns_answers = 0;
            },
            (Id::TrafficDirections, Failure),
        ),
        case(
            "asymmetric routes",
            |f, _| {
                of(f).talks_one_way = 60;
            },
            (Id::TrafficDirections, Warning),
        ),
        case(
            "answers that take another way",
            |f, _| {
                of(f).dns_answers = 0;
            },
            (Id::TrafficDirections, Warning),
        ),
        case(
            "the outer side of a NAT",
            |f, _| {
                of(f).connections_own = 150;
            },
            (Id::TrafficSide, Failure),
        ),
        case(
            "a workstation",
            |f, _| {
                f.kernel.forwards = false;
                of(f).connections_own = 150;
            },
            (Id::TrafficSide, Warning),
        ),
        case(
            "one client",
            |f, _| of(f).clients = 1,
            (Id::TrafficClients, Warning),
        ),
        case(
            "other networks",
            |f, _| {
                of(f).connections_monitored = 0;
            },
            (Id::TrafficMonitored, Failure),
        ),
        case(
            "a mirror of two ports",
            |f, _| of(f).twice = 2400,
            (Id::TrafficTwice, Warning),
        ),
        case(
            "two interfaces",
            |f, _| {
                of(f).twice_elsewhere = 2400;
            },
            (Id::TrafficTwice, Warning),
        ),
        case(
            "look-ups alone",
            |f, _| {
                of(f).talks = 0;
                of(f).talks_one_way = 0;
                of(f).hellos = 0;
            },
            (Id::TrafficLookups, Warning),
        ),
        case(
            "no look-ups",
            |f, _| {
                of(f).dns_queries = 0;
                of(f).dns_answers = 0;
            },
            (Id::TrafficLookups, Warning),
        ),
        case(
            "an unnamed resolver",
            |f, _| of(f).dns_clients = 1,
            (Id::TrafficResolver, Warning),
        ),
        case(
            "a named resolver",
            |f, _| {
                of(f).dns_clients = 1;
                of(f).dns_from_resolver = true;
            },
            (Id::TrafficResolver, Info),
        ),
        case(
            "names that are hidden",
            |f, _| {
                of(f).outcomes[Outcome::Gap.index()] = 500;
            },
            (Id::TrafficNamed, Warning),
        ),
        case(
            "no hello",
            |f, _| {
                of(f).outcomes.fill(0);
            },
            (Id::TrafficNamed, Info),
        ),
    ]
}

#[test]
fn the_side_that_is_missing_is_told() {
    let what = |change: fn(&mut Facts, &mut crate::config::Config)| {
        let found = judged(change);
        let it = found.into_iter().find(|it| it.id == Id::TrafficDirections);
        it.unwrap().what
    };
    let clients = what(|f, _| {
        of(f).talks_one_way = 200;
        of(f).talks_from_client = 199;
    });
    assert!(clients.contains("no answers seen"), "{clients}");
    let servers = what(|f, _| of(f).talks_one_way = 200);
    assert!(servers.contains("only answers seen"), "{servers}");
}

#[test]
fn a_few_connections_of_the_gateway_are_no_wrong_side() {
    // A gateway that resolves for its clients, in a silent moment.
    let found = judged(|f, _| {
        of(f).connections = 4;
        of(f).connections_own = 4;
        of(f).clients = 1;
    });
    assert_eq!(level(&found, Id::TrafficSide), Some(Level::Ok));
}

#[test]
fn a_few_one_sided_conversations_are_no_missing_direction() {
    let found = judged(|f, _| {
        of(f).talks = 1;
        of(f).talks_one_way = 1;
        of(f).dns_queries = 5;
        of(f).dns_answers = 0;
    });
    assert_eq!(level(&found, Id::TrafficDirections), None);
}

#[test]
fn one_client_that_the_map_calls_shared_is_no_surprise() {
    let found = judged(|f, _| {
        of(f).clients = 1;
        of(f).client_shared = true;
    });
    assert_eq!(level(&found, Id::TrafficClients), Some(Level::Ok));
}

#[test]
fn of_a_file_nothing_is_said_of_this_machine() {
    let found = judged(|f, _| {
        of(f).from_file = true;
        of(f).between_others = 0;
        of(f).kernel_drops = 7;
    });
    for id in [Id::TrafficOthers, Id::TrafficLoss, Id::PacketTime] {
        assert_eq!(level(&found, id), None, "{id}");
    }
}

//! The order of arrival does not matter, and nobody is named who was there only before or after:
//! random facts in random order, held against the rules written down a second time.

use proptest::prelude::*;

use super::*;

const LENGTH: i64 = 300;
const USERS: [&str; 3] = ["anna", "bert", "cora"];

/// One thing that happens at the desk (or at its IPv6 address), in words of the test.
#[derive(Clone, Copy, Debug)]
enum Act {
    Ticket(usize),
    Start(usize, usize),
    Stop(usize, usize),
    Lease(bool),
    Release(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..3usize).prop_map(Act::Ticket),
        3 => (0..3usize, 0..2usize).prop_map(|(user, id)| Act::Start(user, id)),
        2 => (0..3usize, 0..2usize).prop_map(|(user, id)| Act::Stop(user, id)),
        3 => any::<bool>().prop_map(Act::Lease),
        1 => any::<bool>().prop_map(Act::Release),
    ]
}

fn mac(first: bool) -> [u8; 6] {
    if first { M1 } else { M2 }
}

fn made(minutes: i64, six: bool, act: Act) -> Fact {
    let address = if six { DESK6 } else { DESK };
    let id = |user: usize, id: usize| format!("{user}-{id}");
    match act {
        Act::Ticket(user) => Fact {
            until: Some(at(minutes + 100)),
            ..kerberos(minutes, address, USERS[user])
        },
        Act::Start(user, n) => radius(minutes, address, USERS[user], &id(user, n)),
        Act::Stop(user, n) => over(minutes, radius(minutes, address, USERS[user], &id(user, n))),
        Act::Lease(first) => lease(minutes, address, mac(first), 200),
        Act::Release(first) => over(minutes, lease(minutes, address, mac(first), 0)),
    }
}

fn story() -> impl Strategy<Value = Vec<(i64, bool, Act)>> {
    // Even minutes, each once: at one and the same moment nothing has an order.
    let acts =
        prop::collection::btree_map(0..LENGTH / 2, (prop::bool::weighted(0.25), act()), 1..14);
    acts.prop_map(|acts| {
        acts.into_iter()
            .map(|(t, (six, act))| (t * 2, six, act))
            .collect()
    })
}

/// Could this person be at the IPv4 address at `t`? The necessary conditions, one by one.
fn may_be_there(story: &[(i64, bool, Act)], user: usize, t: i64) -> bool {
    let here = |six: bool| {
        let lane: Vec<_> = story.iter().filter(|it| it.1 == six).collect();
        lane.iter().any(|(from, _, act)| {
            let after = || lane.iter().filter(move |it| it.0 > *from && it.0 <= t);
            let own = match act {
                Act::Ticket(who) => *who == user && t < from + 100,
                Act::Start(who, _) => *who == user,
                _ => false,
            };
            let before = lane.iter().filter(|it| it.0 <= *from);
            let device = before.fold(None, |device, it| match it.2 {
                Act::Lease(first) => Some(first),
                // Given back: whoever comes next may have been there unseen.
                Act::Release(first) if device == Some(first) => None,
                _ => device,
            });
            // Another device, or none for sure: over. (Unknown before: the first five minutes
            // are given.)
            let moved = after().any(|it| match it.2 {
                Act::Lease(first) => match device {
                    Some(device) => first != device,
                    None => false,
                },
                Act::Release(first) => device == Some(first),
                _ => false,
            });
            let stopped = after().any(|it| match (act, it.2) {
                (Act::Start(who, n), Act::Stop(other, m)) => *who == other && *n == m,
                _ => false,
            });
            own && *from <= t && !moved && !stopped
        })
    };
    here(false) || here(true)
}

/// Does a ticket of this person at the IPv4 address hold for sure at `t`: the device is the same all
/// along, and no session message of anybody comes after it?
fn surely_there(story: &[(i64, bool, Act)], user: usize, t: i64) -> bool {
    let lane: Vec<_> = story.iter().filter(|it| !it.1).collect();
    let devices: Vec<_> = lane
        .iter()
        .filter(|it| matches!(it.2, Act::Lease(_) | Act::Release(_)))
        .collect();
    lane.iter().any(|(from, _, act)| {
        matches!(act, Act::Ticket(who) if *who == user)
            && *from <= t
            && t < from + 100
            && devices.is_empty()
            && !story.iter().any(|it| {
                // A stop holds by the id of its session, whatever address it bears.
                let told = matches!(it.2, Act::Stop(..)) || matches!(it.2, Act::Start(..)) && !it.1;
                told && it.0 > *from && it.0 <= t
            })
    })
}

/// Traces of both addresses at every third minute, made once: hashing is what costs.
fn asked(it: &mut Office) -> Vec<Trace> {
    let bases = [DESK, DESK6].map(|address| it.it.trace(&ends(address), None, at(0)));
    let moments = (0..LENGTH).step_by(3);
    moments
        .flat_map(|t| {
            bases.clone().map(|base| Trace {
                time: at(t),
                ..base
            })
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arrival_does_not_matter(
        (facts, shuffled) in story().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
    ) {
        let (mut one, mut two) = (office(), office());
        for (minutes, six, act) in facts {
            one.late(made(minutes, six, act), 1000);
        }
        for (minutes, six, act) in shuffled {
            two.late(made(minutes, six, act), 1000);
        }
        for trace in asked(&mut one) {
            prop_assert!(one.it.who(&trace) == two.it.who(&trace));
        }
    }

    #[test]
    fn nobody_is_named_who_was_there_only_before_or_after(facts in story()) {
        let mut it = office();
        for (minutes, six, act) in &facts {
            it.now(made(*minutes, *six, *act));
        }
        for trace in asked(&mut it).into_iter().step_by(2) {
            let t = (trace.time.0 - EIGHT) / MINUTE;
            let who = it.it.who(&trace);
            let said = it.word(&who);
            for (user, name) in USERS.iter().enumerate() {
                let named = said.starts_with(name);
                prop_assert!(!named || may_be_there(&facts, user, t), "{said} at {t}: {facts:?}");
                // Whoever is surely there stands against anybody else.
                let other = USERS.iter().any(|it| it != name && said.starts_with(it));
                prop_assert!(
                    !(other && surely_there(&facts, user, t)),
                    "{said} at {t}, but {name} too: {facts:?}"
                );
            }
        }
    }
}

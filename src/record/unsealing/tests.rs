//! Every way that a request can go, and every way that it must not.

use super::super::Actor;
use super::*;

const T: Timestamp = Timestamp(1_700_000_000_000_000_000);

fn terms() -> Terms {
    Terms {
        threshold: 2,
        officers: ["olga", "piet", "quin"].map(String::from).into(),
        days: 14,
    }
}

fn days(days: i64) -> Timestamp {
    Timestamp(T.0 + days * DAY_NS)
}

fn by(name: &str, act: Act) -> Acted {
    Acted {
        by: Actor {
            name: name.into(),
            means: Means::Console,
        },
        act,
    }
}

fn subject() -> SubjectId {
    SubjectId::new("person-1".into())
}

fn ask(request: &str, case: &str) -> Act {
    Act::RequestUnsealing {
        request: request.into(),
        case: case.into(),
        subject: subject(),
        reason: "misuse is likely, report 7".into(),
    }
}

fn approve() -> Act {
    Act::ApproveUnsealing {
        request: "r1".into(),
        case: "case-1".into(),
        note: String::new(),
    }
}

fn refuse(reason: &str) -> Act {
    Act::RefuseUnsealing {
        request: "r1".into(),
        case: "case-1".into(),
        reason: reason.into(),
    }
}

fn release() -> Act {
    Act::ReleaseUnsealing {
        request: "r1".into(),
        case: "case-1".into(),
        digest: "00".into(),
    }
}

const ANALYST: Party = Party {
    may_ask: true,
    officer: false,
};
const OFFICER: Party = Party {
    may_ask: false,
    officer: true,
};

/// Does an act if it may be done.
fn act(all: &mut Unsealings, at: Timestamp, acted: &Acted, party: Party) -> Result<(), String> {
    all.check(acted, party, &terms(), at)?;
    all.take(at, acted);
    Ok(())
}

fn asked() -> Unsealings {
    let mut all = Unsealings::default();
    act(&mut all, T, &by("anna", ask("r1", "case-1")), ANALYST).unwrap();
    all
}

fn state(all: &Unsealings, at: Timestamp) -> State {
    all.get("r1").unwrap().state(&terms(), at)
}

#[test]
fn two_officers_release_what_an_analyst_asked_for() {
    let mut all = asked();
    assert_eq!(state(&all, T), State::Waiting);
    let early = act(&mut all, T, &by("olga", release()), OFFICER).unwrap_err();
    assert!(early.contains("0 of 2"), "{early}");
    act(&mut all, T, &by("olga", approve()), OFFICER).unwrap();
    assert_eq!(state(&all, T), State::Waiting);
    assert!(act(&mut all, T, &by("olga", release()), OFFICER).is_err());
    act(&mut all, days(1), &by("piet", approve()), OFFICER).unwrap();
    assert_eq!(state(&all, days(1)), State::Approved);
    act(&mut all, days(2), &by("olga", release()), OFFICER).unwrap();
    assert_eq!(state(&all, days(2)), State::Released);
    let it = all.get("r1").unwrap();
    assert_eq!(it.subject, subject());
    assert_eq!(it.approvals.len(), 2);
    assert_eq!(
        (it.releases[0].by.as_str(), it.releases[0].at),
        ("olga", days(2))
    );
}

#[test]
fn the_same_officer_twice_or_who_asked_is_not_enough() {
    let mut all = asked();
    act(&mut all, T, &by("olga", approve()), OFFICER).unwrap();
    let twice = act(&mut all, T, &by("olga", approve()), OFFICER).unwrap_err();
    assert!(twice.contains("another officer"), "{twice}");
    // The record itself cannot make it two either.
    all.take(T, &by("olga", approve()));
    assert_eq!(state(&all, T), State::Waiting);

    let mut own = Unsealings::default();
    let both = Party {
        may_ask: true,
        officer: true,
    };
    act(&mut own, T, &by("olga", ask("r1", "case-1")), both).unwrap();
    let why = act(&mut own, T, &by("olga", approve()), both).unwrap_err();
    assert!(why.contains("who asked cannot approve"), "{why}");
    own.take(T, &by("olga", approve()));
    assert!(own.get("r1").unwrap().approvals.is_empty());
}

#[test]
fn a_role_without_a_share_decides_nothing_and_a_share_without_the_role_neither() {
    let mut all = asked();
    let why = act(&mut all, T, &by("zoe", approve()), OFFICER).unwrap_err();
    assert!(why.contains("has no share"), "{why}");
    let why = act(&mut all, T, &by("olga", approve()), ANALYST).unwrap_err();
    assert!(why.contains("only an officer"), "{why}");
    assert!(act(&mut all, T, &by("bob", refuse("no")), ANALYST).is_err());
    assert!(act(&mut all, T, &by("olga", ask("r2", "case-2")), OFFICER).is_err());
}

#[test]
fn a_refusal_ends_it_and_who_asked_may_take_it_back() {
    for (who, party) in [("olga", OFFICER), ("anna", ANALYST)] {
        let mut all = asked();
        assert!(act(&mut all, T, &by(who, refuse(" ")), party).is_err());
        act(&mut all, T, &by("piet", approve()), OFFICER).unwrap();
        act(&mut all, T, &by(who, refuse("no ground")), party).unwrap();
        assert_eq!(state(&all, T), State::Refused);
        for next in [approve(), release(), refuse("again")] {
            assert!(act(&mut all, T, &by("quin", next), OFFICER).is_err());
        }
        // Asked anew, under another id, it may go another way.
        act(&mut all, T, &by("anna", ask("r2", "case-1")), ANALYST).unwrap();
    }
}

#[test]
fn what_is_not_released_in_time_runs_out() {
    let mut all = asked();
    act(&mut all, days(13), &by("olga", approve()), OFFICER).unwrap();
    assert_eq!(state(&all, days(14)), State::Expired);
    assert!(act(&mut all, days(14), &by("piet", approve()), OFFICER).is_err());
    act(
        &mut all,
        days(14),
        &by("anna", ask("r2", "case-1")),
        ANALYST,
    )
    .unwrap();

    let mut all = asked();
    act(&mut all, days(1), &by("olga", approve()), OFFICER).unwrap();
    act(&mut all, days(13), &by("piet", approve()), OFFICER).unwrap();
    assert_eq!(state(&all, days(26)), State::Approved);
    assert_eq!(state(&all, days(27)), State::Expired);
    let why = act(&mut all, days(27), &by("olga", release()), OFFICER).unwrap_err();
    assert!(why.contains("ran out"), "{why}");
}

#[test]
fn a_release_is_handed_out_again_for_its_time_and_never_decided_again() {
    let mut all = asked();
    for officer in ["olga", "piet"] {
        act(&mut all, T, &by(officer, approve()), OFFICER).unwrap();
    }
    let enough = act(&mut all, T, &by("quin", approve()), OFFICER).unwrap_err();
    assert!(enough.contains("enough"), "{enough}");
    act(&mut all, days(3), &by("olga", release()), OFFICER).unwrap();
    act(&mut all, days(5), &by("piet", release()), OFFICER).unwrap();
    assert_eq!(all.get("r1").unwrap().releases.len(), 2);
    for next in [approve(), refuse("too late")] {
        let why = act(&mut all, days(5), &by("quin", next), OFFICER).unwrap_err();
        assert!(why.contains("released already"), "{why}");
    }
    // Two weeks after the first time, however often it was handed out.
    assert!(act(&mut all, days(17), &by("olga", release()), OFFICER).is_err());
    assert_eq!(state(&all, days(17)), State::Released);
}

#[test]
fn a_request_is_one_case_one_reason_one_id() {
    let mut all = asked();
    let again = act(&mut all, T, &by("bob", ask("r2", "case-1")), ANALYST).unwrap_err();
    assert!(again.contains("r1"), "{again}");
    assert!(act(&mut all, T, &by("bob", ask("r1", "case-2")), ANALYST).is_err());
    let mut empty = ask("r3", "case-3");
    if let Act::RequestUnsealing { reason, .. } = &mut empty {
        *reason = "a\u{1b}[31m".into();
    }
    assert!(act(&mut all, T, &by("bob", empty), ANALYST).is_err());
    // An approval of another case's request is none of this one.
    let other = Act::ApproveUnsealing {
        request: "r1".into(),
        case: "case-9".into(),
        note: String::new(),
    };
    assert!(act(&mut all, T, &by("olga", other), OFFICER).is_err());
    let none = Terms {
        officers: Vec::new(),
        ..terms()
    };
    let it = by("bob", ask("r4", "case-4"));
    assert!(
        all.check(&it, ANALYST, &none, T)
            .unwrap_err()
            .contains("no officers")
    );
}

#[test]
fn requests_that_wait_are_bounded_and_those_of_an_erased_subject_go() {
    let mut all = Unsealings::default();
    for n in 0..WAITING_MAX {
        let it = by("anna", ask(&format!("r{n}"), &format!("case-{n}")));
        act(&mut all, T, &it, ANALYST).unwrap();
    }
    assert_eq!(all.all().len(), WAITING_MAX);
    assert!(act(&mut all, T, &by("anna", ask("x", "case-x")), ANALYST).is_err());
    all.forget(&SubjectId::new("person-2".into()));
    assert_eq!(all.all().len(), WAITING_MAX);
    all.forget(&subject());
    assert!(all.all().is_empty());
}

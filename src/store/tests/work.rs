//! The work on cases: triage, evidence, hits of a case, suppressions, requests, retention.

use super::sample::{self, SECOND, START, VENDORS, act, head, item, numbered, subject};
use super::shown::{CasePage, Page, Total};
use super::*;
use crate::blocklist::Stage;
use crate::cases::AttributionAct;
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::record::act::{Act, Verdict};
use crate::record::{Body, CaseAttribution, CaseStep, Evidence, Hit, differ};

pub(super) const CASE: &str = "case-5f2c9a0e41d7b3c8";
pub(super) const NOW: Timestamp = Timestamp(START + 3600 * SECOND);
pub(super) const PIMEYES: (&str, &str) = VENDORS[1];

pub(super) fn case() -> String {
    CASE.into()
}

pub(super) fn hit_of(who: SubjectId, at: i64, name: &str) -> Body {
    let id = format!("{at:024x}");
    Body::Hit(Box::new(Hit {
        record: sample::record(&id, at, PIMEYES, name, "tls-sni"),
        subject_kind: SubjectKind::Person,
        subject: who,
        grade: Grade::B,
        unit: None,
        site: None,
    }))
}

pub(super) fn evidence(number: u32, at: i64, name: &str, weight: i32) -> Body {
    let item = Some(item(number, at, name, weight));
    Body::Evidence(Box::new(Evidence {
        case: case(),
        number,
        item,
    }))
}

pub(super) fn opened() -> Body {
    Body::Case(Box::new(head(CASE, 1, PIMEYES, subject(0), START)))
}

pub(super) fn ledger(bodies: Vec<Body>) -> Vec<Numbered> {
    let entries = (0..)
        .zip(bodies)
        .map(|(n, body)| (START + n * SECOND, body));
    numbered(0, entries.collect())
}

#[test]
fn the_state_follows_the_acts_and_its_revision_tells_the_second_of_two() {
    let reason = || "because".to_owned();
    let to = || Some("bram".to_owned());
    let steps: Vec<(Act, State, u64)> = vec![
        (
            Act::Comment {
                case: case(),
                text: "hm".into(),
            },
            State::New,
            0,
        ),
        (Act::Acknowledge { case: case() }, State::Acknowledged, 3),
        (
            Act::Assign {
                case: case(),
                to: to(),
            },
            State::Assigned,
            4,
        ),
        (Act::Acknowledge { case: case() }, State::Assigned, 5),
        (
            Act::Assign {
                case: case(),
                to: None,
            },
            State::Acknowledged,
            6,
        ),
        (
            Act::Close {
                case: case(),
                verdict: Verdict::Research,
                reason: reason(),
            },
            State::Closed,
            7,
        ),
        (
            Act::Assign {
                case: case(),
                to: to(),
            },
            State::Closed,
            8,
        ),
        (
            Act::Reopen {
                case: case(),
                reason: reason(),
            },
            State::Reopened,
            9,
        ),
        (
            Act::Hold {
                case: case(),
                reason: reason(),
                until: 2_000_000_000,
            },
            State::Reopened,
            9,
        ),
        (Act::Acknowledge { case: case() }, State::Acknowledged, 11),
    ];
    let mut bodies = vec![opened()];
    bodies.extend(steps.iter().map(|(it, _, _)| act("anna", it.clone())));
    let ledger = ledger(bodies);
    let mut bench = Bench::with(&ledger[..1]);
    assert_eq!(bench.store.triage("case-0"), Ok(None));
    for (at, (what, state, revision)) in steps.iter().enumerate() {
        bench.store.apply(&ledger[at + 1..=at + 1]).unwrap();
        let triage = bench.store.triage(CASE).unwrap().unwrap();
        assert_eq!(
            (triage.state, triage.revision),
            (*state, *revision),
            "{what:?}"
        );
        assert_eq!(triage.verdict.is_some(), matches!(at, 5 | 6), "{what:?}");
        assert_eq!(bench.reader().triage(CASE).unwrap().unwrap(), triage);
    }
    let triage = bench.store.triage(CASE).unwrap().unwrap();
    assert_eq!(triage.held_until, Some(Timestamp(2_000_000_000 * SECOND)));
    assert_eq!(triage.assignee.as_deref(), Some("bram"));

    // A shorter hold does not shorten the longer one; only lifting does.
    let more = vec![
        (
            START,
            act(
                "anna",
                Act::Hold {
                    case: case(),
                    reason: reason(),
                    until: 1_900_000_000,
                },
            ),
        ),
        (
            START,
            act(
                "anna",
                Act::LiftHold {
                    case: case(),
                    reason: reason(),
                },
            ),
        ),
    ];
    let more = numbered(11, more);
    bench.store.apply(&more[..1]).unwrap();
    let held = |bench: &Bench| bench.store.triage(CASE).unwrap().unwrap().held_until;
    assert_eq!(held(&bench), Some(Timestamp(2_000_000_000 * SECOND)));
    bench.store.apply(&more[1..]).unwrap();
    assert_eq!(held(&bench), None);
}

#[test]
fn a_case_that_ended_by_itself_is_closed_until_somebody_reopens_it() {
    let mut ended = head(CASE, 2, PIMEYES, subject(0), START);
    ended.closed = Some("merged".into());
    let reopen = Act::Reopen {
        case: case(),
        reason: "not the same".into(),
    };
    let ledger = ledger(vec![
        opened(),
        Body::Case(Box::new(ended)),
        act("anna", reopen),
    ]);
    let state = |many: usize| {
        Bench::with(&ledger[..many])
            .store
            .triage(CASE)
            .unwrap()
            .unwrap()
            .state
    };
    assert_eq!(
        [state(1), state(2), state(3)],
        [State::New, State::Closed, State::Reopened]
    );
}

#[test]
fn what_is_written_is_what_the_differ_said() {
    let mut case = crate::store::tests::work::whole_case();
    let mut bench = Bench::new();
    let mut next = 0;
    for round in 0..6u32 {
        let written = bench.store.written(CASE).unwrap();
        let bodies = differ::entries(&written, &case);
        assert!(!bodies.is_empty());
        let entries = numbered(next, bodies.into_iter().map(|it| (START, it)).collect());
        next += entries.len() as u64;
        bench.store.apply(&entries).unwrap();
        assert_eq!(
            bench.store.written(CASE).unwrap(),
            differ::Written::of(&case),
            "{round}"
        );
        assert!(differ::entries(&bench.store.written(CASE).unwrap(), &case).is_empty());
        case.revision += 1;
        match round {
            0 => case
                .items
                .push(item(3, START + 9, "app.pimeyes.example", 12)),
            1 => drop(case.items.remove(0)),
            2 => case.items[0].weight = -3,
            3 => case.steps.truncate(1),
            _ => case.attribution.push(sample::attribution(
                AttributionAct::Raised,
                subject(2),
                START,
            )),
        }
    }
    assert_eq!(
        bench.store.written("case-0").unwrap(),
        differ::Written::default()
    );
}

fn whole_case() -> crate::cases::Case {
    let step = |stage| crate::cases::Step {
        stage,
        time: Timestamp(START),
        confidence: 60,
        items: vec![1],
        sum: vec!["+60 connection".into()],
    };
    crate::cases::Case {
        id: case(),
        revision: 1,
        vendor: PIMEYES.0.into(),
        vendor_name: PIMEYES.1.into(),
        subject: subject(0),
        stage: Stage::Visited,
        ruling: head(CASE, 1, PIMEYES, subject(0), START).ruling,
        confidence: 60,
        opened: Timestamp(START),
        updated: Timestamp(START + 10),
        items: vec![
            item(1, START, "www.pimeyes.example", 10),
            item(2, START + 5, "app.pimeyes.example", 11),
        ],
        items_left_out: 3,
        steps: vec![step(Stage::LookedUp), step(Stage::Visited)],
        band: String::new(),
        attribution: vec![sample::attribution(AttributionAct::Made, subject(0), START)],
        closed: None,
        ended: None,
        grounds: crate::cases::Grounds::default(),
    }
}

#[test]
fn a_case_has_the_hits_of_its_subject_and_those_that_its_evidence_names() {
    let (www, app) = ("www.pimeyes.example", "app.pimeyes.example");
    let at = |seconds: i64| START + seconds * SECOND;
    let mut entries = vec![
        (at(0), hit_of(subject(0), at(0), www)),
        (at(10), hit_of(subject(0), at(10), app)),
        // Somebody else's at the time it was written; evidence says that it belongs here.
        (at(20), hit_of(subject(1), at(20), app)),
        // Somebody else's, and at another time.
        (at(21), hit_of(subject(1), at(21), app)),
        // Long after.
        (at(600), hit_of(subject(0), at(600), www)),
    ];
    entries.push((at(60), opened()));
    entries.push((at(60), evidence(1, at(0), www, 10)));
    entries.push((at(60), evidence(2, at(20), app, 10)));
    let mut bench = Bench::with(&numbered(0, entries));
    let view = bench.reader().case(CASE, NOW).unwrap().unwrap();
    let numbers: Vec<u64> = view.hits.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [2, 1, 0]);
    let evidence_of: Vec<_> = view.hits.iter().map(|it| it.evidence).collect();
    assert_eq!(evidence_of, [Some(2), None, Some(1)]);
    assert!(view.hits.iter().all(|it| it.case.as_deref() == Some(CASE)));
    assert_eq!(view.hits_total, Total::Exactly(3));

    let reader = bench.reader();
    let hits = |text: &str| {
        let filter = HitFilter::parse(text).unwrap();
        let rows = reader.hits(&filter, Page::default(), NOW).unwrap().rows;
        rows.iter().map(|it| it.number).collect::<Vec<_>>()
    };
    assert_eq!(
        hits(&format!("case:{CASE} host:app.pimeyes.example")),
        [2, 1]
    );
    assert_eq!(hits(&format!("-case:{CASE}")), [4, 3]);
    assert_eq!(hits("case:case-0"), [0u64; 0]);
    assert_eq!(
        reader
            .hit(&format!("{:024x}", at(20)))
            .unwrap()
            .unwrap()
            .number,
        2
    );
    assert_eq!(reader.hit("none").unwrap(), None);
    assert_eq!(reader.entries_of(CASE).unwrap(), [0, 1, 2, 5, 6, 7]);

    // Evidence that does not count any more names nothing.
    let gone = Body::Evidence(Box::new(Evidence {
        case: case(),
        number: 2,
        item: None,
    }));
    bench
        .store
        .apply(&numbered(8, vec![(at(61), gone)]))
        .unwrap();
    let view = bench.reader().case(CASE, NOW).unwrap().unwrap();
    assert_eq!(
        view.hits.iter().map(|it| it.number).collect::<Vec<_>>(),
        [1, 0]
    );
    assert_eq!(view.evidence.len(), 1);
}

#[test]
fn all_that_concerns_a_subject_is_found() {
    let raised = Body::Attribution(Box::new(CaseAttribution {
        case: case(),
        place: 0,
        entry: sample::attribution(AttributionAct::Made, subject(1), START),
    }));
    let www = "www.pimeyes.example";
    let sealed = Body::Sealed(Box::new(crate::sealing::Sealed {
        hosts: Vec::new(),
        subject: subject(0),
        key: String::new(),
        threshold: 1,
        shares: Vec::new(),
        text: String::new(),
    }));
    let frame = Body::Frame(Box::new(crate::record::Frame {
        hit: format!("{START:024x}"),
        subject: subject(1),
        vendor: PIMEYES.0.into(),
        sealed: String::new(),
    }));
    let bench = Bench::with(&ledger(vec![
        hit_of(subject(1), START, www),
        raised,
        opened(),
        evidence(1, START, www, 10),
        act("anna", Act::Acknowledge { case: case() }),
        sealed,
        frame,
        hit_of(subject(5), START, www),
    ]));
    let reader = bench.reader();
    let of = |who: usize| reader.entries_of_subject(&subject(who)).unwrap();
    assert_eq!(
        (of(0).own, of(0).cases, of(0).of_cases),
        (vec![2, 5], vec![case()], vec![0, 1, 2, 3, 4, 6])
    );
    // The device that the case was about before.
    assert_eq!((of(1).own, of(1).cases), (vec![0, 1, 6], vec![case()]));
    assert_eq!(of(3), shown::SubjectEntries::default());
    assert_eq!(reader.sealed(&subject(0)).unwrap(), [5]);
    assert_eq!(
        reader.sealed(&subject(1)).unwrap(),
        [6],
        "frames are sealed too"
    );
    assert_eq!(reader.frames(&format!("{START:024x}")).unwrap(), [6]);
}

#[test]
fn a_suppression_holds_until_it_ends_and_a_broken_one_hides_nothing() {
    let until = START / SECOND + 7200;
    let suppress = |rule: &str, filter: &str| {
        act(
            "anna",
            Act::Suppress {
                rule: rule.into(),
                filter: filter.into(),
                reason: "research week".into(),
                until,
            },
        )
    };
    let ledger = ledger(vec![
        opened(),
        suppress("one", "vendor:pimeyes"),
        suppress("two", "no such:filter"),
        suppress("three", "suppressed:yes"),
        suppress("four", "unit:IT"),
        act(
            "bram",
            Act::Unsuppress {
                rule: "four".into(),
                reason: "too wide".into(),
            },
        ),
    ]);
    let bench = Bench::with(&ledger);
    let reader = bench.reader();
    let row = |now| {
        reader
            .cases(&CaseFilter::default(), CasePage::default(), now)
            .unwrap()
            .rows[0]
            .suppressed
            .clone()
    };
    assert_eq!(row(NOW), ["one"]);
    assert!(row(Timestamp(until * SECOND)).is_empty());
    let rules = reader.suppressions(NOW).unwrap();
    let shown: Vec<_> = rules
        .iter()
        .map(|it| (it.rule.as_str(), it.in_force, it.broken.is_some()))
        .collect();
    assert_eq!(
        shown,
        [
            ("four", false, false),
            ("three", false, true),
            ("two", false, true),
            ("one", true, false)
        ]
    );
    assert_eq!(rules[0].lifted.as_ref().unwrap().by, "bram");
}

#[test]
fn a_request_is_agreed_to_by_different_people() {
    let (request, reason) = (|| "r-1".to_owned(), || "a reason".to_owned());
    let approve = |by| {
        act(
            by,
            Act::ApproveUnsealing {
                request: request(),
                case: case(),
                note: "yes".into(),
            },
        )
    };
    let release = |by, digest: &str| {
        act(
            by,
            Act::ReleaseUnsealing {
                request: request(),
                case: case(),
                digest: digest.into(),
            },
        )
    };
    let ledger = ledger(vec![
        opened(),
        act(
            "anna",
            Act::RequestUnsealing {
                request: request(),
                case: case(),
                subject: subject(0),
                reason: reason(),
            },
        ),
        approve("dora"),
        approve("dora"),
        approve("emil"),
        release("emil", "00ff"),
        release("anna", "11ee"),
    ]);
    let bench = Bench::with(&ledger[..5]);
    let waiting = bench.reader().requests(true).unwrap();
    let by: Vec<_> = waiting[0]
        .approvals
        .iter()
        .map(|it| it.by.as_str())
        .collect();
    assert_eq!((waiting.len(), by), (1, vec!["dora", "emil"]));
    assert_eq!(bench.reader().counts(NOW).unwrap().requests, 1);
    let bench = Bench::with(&ledger);
    assert!(bench.reader().requests(true).unwrap().is_empty());
    let view = bench.reader().case(CASE, NOW).unwrap().unwrap();
    let releases = view.requests[0].releases.iter();
    let releases: Vec<_> = releases.map(|it| (&*it.by, &*it.note)).collect();
    assert_eq!(releases, [("emil", "00ff"), ("anna", "11ee")], "each one");
    assert_eq!(view.history.len(), 6);
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(
        json["requests"][0]["time"],
        "2026-11-01T00:00:01.000000000Z"
    );
    assert_eq!(json["history"][0]["act"]["act"], "request-unsealing");
}

#[test]
fn a_step_that_does_not_hold_takes_those_behind_it_along() {
    let step = |place: u32, step: bool| {
        Body::Step(Box::new(CaseStep {
            case: case(),
            place,
            step: step.then(|| whole_case().steps[0].clone()),
        }))
    };
    let count = |bodies: Vec<Body>| {
        Bench::with(&ledger(bodies))
            .store
            .written(CASE)
            .unwrap()
            .steps
            .len()
    };
    assert_eq!(count(vec![step(0, true), step(1, true), step(2, true)]), 3);
    assert_eq!(
        count(vec![
            step(0, true),
            step(1, true),
            step(2, true),
            step(1, false)
        ]),
        1
    );
    assert_eq!(
        count(vec![
            step(0, true),
            step(1, true),
            step(0, false),
            step(0, true)
        ]),
        1
    );
}

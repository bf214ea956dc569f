//! Whose an entry is, with the people who must not be mixed up with them.

use super::*;
use crate::blocklist::Stage;
use crate::cases::{AttributionEntry, EvidenceKind};
use crate::event::Hit as Seen;
use crate::hits::{Addresses, Finding, Key, Observer, Scribe};
use crate::identity::{Attribution, Grade, Identity, Settings};
use crate::organisation::{Organisation, Place, PlaceKind, Ruling, Standing};
use crate::record::{Acted, Actor, CaseAttribution, CaseHead, Means};

const SECOND: i64 = 1_000_000_000;

fn key() -> Key {
    Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap()
}

fn subject(text: &str) -> SubjectId {
    SubjectId::new(text.into())
}

fn sought(subjects: &[&str]) -> Sought {
    Sought {
        subjects: subjects.iter().map(|it| subject(it)).collect(),
        ..Sought::default()
    }
}

fn entry(body: Body) -> Entry {
    Entry {
        time: Timestamp(100 * SECOND),
        body,
    }
}

fn head(case: &str, revision: u64, of: &str) -> Entry {
    entry(Body::Case(Box::new(CaseHead {
        id: case.into(),
        revision,
        vendor: "acme".into(),
        vendor_name: "Acme Faces".into(),
        subject: subject(of),
        subject_kind: SubjectKind::Person,
        grade: Grade::A,
        unit: None,
        site: None,
        stage: Stage::Visited,
        ruling: Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: String::new(),
        },
        confidence: 70,
        opened: Timestamp(1),
        updated: Timestamp(2),
        items_left_out: 0,
        band: String::new(),
        closed: None,
        ended: None,
    })))
}

fn claim(case: &str, act: AttributionAct, of: &str) -> Entry {
    entry(Body::Attribution(Box::new(CaseAttribution {
        case: case.into(),
        place: 0,
        entry: AttributionEntry {
            act,
            time: Timestamp(1),
            attribution: Attribution {
                subject: subject(of),
                kind: SubjectKind::Person,
                grade: Grade::A,
                sources: Vec::new(),
                from: None,
                until: None,
                learned: None,
                place: Place {
                    kind: PlaceKind::Staff,
                    site: None,
                    unit: None,
                },
                reason: String::new(),
            },
            other: None,
        },
    })))
}

fn seen(seconds: i64, client: &str, name: &str) -> Seen {
    crate::hits::fold::tests::hit(seconds, client, name)
}

/// A hit as the record has it, of this subject.
fn hit(seconds: i64, client: &str, name: &str, of: &str) -> Entry {
    let observer = Observer { name: "t".into() };
    let scribe = Scribe::new(key(), Addresses::Pseudonym, observer);
    let record = scribe.record(&Finding::First(Box::new(seen(seconds, client, name))));
    Entry {
        time: Timestamp(seconds * SECOND),
        body: Body::Hit(Box::new(Hit {
            record,
            subject: subject(of),
            subject_kind: SubjectKind::Address,
            grade: Grade::None,
            unit: None,
            site: None,
        })),
    }
}

/// Evidence that rests on that hit.
fn evidence(case: &str, seconds: i64, client: &str, name: &str) -> Entry {
    let map = std::sync::Arc::new(Organisation::default());
    let mut identity = Identity::new(Settings::default(), key(), map);
    let hit = seen(seconds, client, name);
    let trace = identity.trace(&hit.ends, None, hit.time);
    entry(Body::Evidence(Box::new(Evidence {
        case: case.into(),
        number: 1,
        item: Some(Item {
            number: 1,
            kind: EvidenceKind::Connection,
            rule: "connection".into(),
            weight: 1,
            stage: Stage::LookedUp,
            time: hit.time,
            point: hit.point.clone(),
            name: name.into(),
            flow: None,
            frames: (hit.frame, hit.frame),
            text: String::new(),
            trace: Some(trace),
        }),
    })))
}

fn dossier(sought: Sought, entries: &[Entry]) -> Dossier {
    let mut survey = Survey::of(sought);
    entries.iter().for_each(|it| survey.take(it));
    let mut dossier = survey.end();
    entries.iter().for_each(|it| dossier.learn(it));
    dossier
}

fn sorts(dossier: &mut Dossier, entries: &[Entry]) -> Vec<Sort> {
    entries.iter().map(|it| dossier.sort(it)).collect()
}

#[test]
fn a_case_is_theirs_by_its_newest_head_whatever_stood_before() {
    let entries = [
        head("case-1", 1, "device-1"),
        head("case-1", 2, "person-1"),
        // It was theirs by mistake, and is another's.
        head("case-2", 1, "person-1"),
        head("case-2", 2, "person-2"),
        head("case-3", 1, "person-3"),
        // Merged into a case of theirs.
        head("case-4", 1, "device-4"),
        claim("case-4", AttributionAct::Merged, "person-1"),
        // Somebody else's whose evidence went to them.
        head("case-5", 1, "person-5"),
        claim("case-5", AttributionAct::Retracted, "person-1"),
    ];
    let mut found = dossier(sought(&["person-1"]), &entries);
    assert_eq!(
        found.own_cases(),
        ["case-1", "case-4"].map(String::from).into()
    );
    assert_eq!(found.cases["case-2"].whose, Whose::Formerly);
    assert!(!found.cases.contains_key("case-3") && !found.cases.contains_key("case-5"));
    // The devices stood for them alone.
    assert_eq!(
        *found.subjects(),
        ["device-1", "device-4", "person-1"].map(subject).into()
    );
    let sorts = sorts(&mut found, &entries);
    let theirs = [0, 1, 5, 6];
    for (n, sort) in sorts.iter().enumerate() {
        assert_eq!(*sort == Sort::Theirs, theirs.contains(&n), "entry {n}");
    }
}

#[test]
fn a_device_that_others_used_too_does_not_stand_for_them() {
    let entries = [
        head("case-1", 1, "device-1"),
        head("case-1", 2, "person-1"),
        head("case-2", 1, "device-1"),
        head("case-2", 2, "person-2"),
        hit(50, "192.0.2.9", "acme.example", "device-1"),
    ];
    let mut found = dossier(sought(&["person-1"]), &entries);
    assert_eq!(*found.subjects(), [subject("person-1")].into());
    assert_eq!(found.sort(&entries[4]), Sort::Not);
    assert!(!found.words().contains("device-1"));
}

#[test]
fn a_hit_written_under_an_address_is_theirs_as_witness_of_their_evidence() {
    let entries = [
        head("case-1", 1, "person-1"),
        evidence("case-1", 50, "192.0.2.9", "acme.example"),
        head("case-2", 1, "person-2"),
        evidence("case-2", 60, "192.0.2.9", "acme.example"),
        hit(50, "192.0.2.9", "acme.example", "address-9"),
        // The same address and name: another moment, another person.
        hit(60, "192.0.2.9", "acme.example", "address-9"),
        hit(50, "192.0.2.10", "acme.example", "address-10"),
        hit(50, "192.0.2.9", "other.example", "address-9"),
    ];
    let mut found = dossier(sought(&["person-1"]), &entries);
    let sorts = sorts(&mut found, &entries);
    assert_eq!(sorts[4..], [Sort::Theirs, Sort::Not, Sort::Not, Sort::Not]);
    let Body::Hit(own) = &entries[4].body else {
        panic!()
    };
    assert!(found.words().contains(&own.record.event.id));
}

#[test]
fn what_nobody_could_tell_is_ambiguous_at_the_time_they_had_the_address() {
    let ip = key().ip("192.0.2.9".parse().unwrap());
    let shared = format!("ambiguous-{}", ip.trim_start_matches("ip-"));
    let entries = [
        head("case-1", 1, &shared),
        evidence("case-1", 50, "192.0.2.9", "acme.example"),
        hit(50, "192.0.2.9", "acme.example", &shared),
        hit(500, "192.0.2.9", "acme.example", &shared),
        head("case-2", 1, "person-2"),
        evidence("case-2", 55, "192.0.2.9", "acme.example"),
    ];
    for (from, until, sort) in [(40, 60, Sort::Ambiguous), (70, 80, Sort::Not)] {
        let mut sought = sought(&["person-1"]);
        sought.candidates.insert(subject(&shared));
        let time = (Timestamp(from * SECOND), Timestamp(until * SECOND));
        sought.addresses.push((ip.clone(), time.0, time.1));
        let mut found = dossier(sought, &entries);
        let sorts = sorts(&mut found, &entries);
        assert_eq!(sorts, [sort, sort, sort, Sort::Not, Sort::Not, Sort::Not]);
        // Somebody else's is counted, and not told.
        let others = found.cases.get("case-2").map(|it| it.whose);
        assert_eq!(others, (sort == Sort::Ambiguous).then_some(Whose::Others));
        // Nothing of it is a word to erase by.
        assert!(!found.words().contains(&shared) && !found.words().contains("case-1"));
    }
}

#[test]
fn acts_on_their_cases_are_theirs_and_an_export_of_them_too() {
    let act = |act| {
        entry(Body::Act(Box::new(Acted {
            by: Actor {
                name: "olga".into(),
                means: Means::Console,
            },
            act,
        })))
    };
    let entries = [
        head("case-1", 1, "person-1"),
        act(Act::Acknowledge {
            case: "case-1".into(),
        }),
        act(Act::Acknowledge {
            case: "case-2".into(),
        }),
        act(Act::Export {
            case: None,
            subject: Some(subject("person-1")),
            what: "subject".into(),
            reason: "r".into(),
            digest: "00".into(),
        }),
        act(Act::RequestUnsealing {
            request: "request-17".into(),
            case: "case-1".into(),
            subject: subject("person-1"),
            reason: "r".into(),
        }),
    ];
    let mut found = dossier(sought(&["person-1"]), &entries);
    let theirs = sorts(&mut found, &entries);
    let theirs: Vec<bool> = theirs.iter().map(|it| *it == Sort::Theirs).collect();
    assert_eq!(theirs, [true, true, false, true, true]);
    assert!(found.words().contains("request-17"));
}

/// A device's name finds cases of nobody known, and never one of a person who is known.
#[test]
fn a_devices_name_finds_what_nobody_is_known_of_and_shows_no_person() {
    let sealed = |of: &str, host: &str| {
        entry(Body::Sealed(Box::new(crate::sealing::Sealed {
            subject: subject(of),
            key: String::new(),
            threshold: 2,
            shares: Vec::new(),
            text: String::new(),
            hosts: vec![host.into()],
        })))
    };
    let of_kind = |case: &str, of: &str, kind: SubjectKind| {
        let mut it = head(case, 1, of);
        if let Body::Case(head) = &mut it.body {
            head.subject_kind = kind;
        }
        it
    };
    let mut sought = sought(&[]);
    sought.hosts.insert("host-07".into());
    let mut survey = Survey::of(sought);
    for it in [
        of_kind("case-1", "device-1", SubjectKind::Device),
        of_kind("case-2", "device-2", SubjectKind::Device),
        of_kind("case-3", "person-3", SubjectKind::Person),
        sealed("device-1", "host-07"),
        sealed("device-2", "host-08"),
        sealed("person-3", "host-07"),
    ] {
        survey.take(&it);
    }
    let found = survey.end();
    let whose = |case: &str| found.cases.get(case).map(|it| it.whose);
    assert_eq!(whose("case-1"), Some(Whose::Ambiguous));
    assert_eq!(whose("case-2"), None);
    assert_eq!(whose("case-3"), Some(Whose::Others));
    assert!(found.own_cases().is_empty());
}

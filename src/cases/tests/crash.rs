//! What a crash or a clean stop leaves: the cases that were written, in the way a journal keeps them.

use std::collections::{BTreeMap, BTreeSet};

use super::signup::{VENDORS, from_the_mail, to_the_form};
use super::*;

/// What stands on disk after these changes: of each case the newest revision that was written.
/// An equal revision is not written again.
fn journal(out: &[Change]) -> Vec<Case> {
    let mut newest: BTreeMap<String, Case> = BTreeMap::new();
    for change in out {
        let Change::Case(case) = change else { continue };
        let text = serde_json::to_string(case).expect("JSON");
        let case: Case = serde_json::from_str(&text).expect("as written");
        let old = newest.get(&case.id);
        if old.is_none_or(|old| old.revision < case.revision) {
            newest.insert(case.id.clone(), case);
        }
    }
    newest.into_values().collect()
}

fn told_again(cases: Vec<Case>) -> Vec<Alert> {
    let mut book = book();
    book.restore(cases);
    book.tell_again()
}

fn ids<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> BTreeSet<(&'a str, AlertKind)> {
    let ids = alerts.into_iter().map(|it| (it.id.as_str(), it.kind));
    ids.collect()
}

fn visit(who: &Who, start: f64) -> Vec<Input> {
    let mut inputs = page(who, "www.kairos.com", start);
    let (at, rest) = (start + 24.0, 21.0);
    inputs.push(later(who, "www.kairos.com", start, at, rest, 420, 36_000));
    inputs
}

#[test]
fn alerts_that_a_crash_left_untold_are_told_under_the_same_ids() {
    let mut book = book();
    let out = feed(&mut book, &sorted(visit(&person(1), 0.0)));
    let lost = alerts(&out);
    assert!(!lost.is_empty());
    assert_eq!(ids(&told_again(journal(&out))), ids(&lost));
}

#[test]
fn a_retraction_that_a_crash_left_untold_is_told() {
    let (me, you) = (person(1), person(2));
    let mut book = book();
    let mut inputs = vec![hit(&me, "www.kairos.com", Seen::DnsQuery, -60.0)];
    inputs.extend(visit(&me, 3_000.0));
    let mut out = feed(&mut book, &sorted(inputs));
    // Part of the case turns out to be another's: the case goes on, its alert does not.
    let mut more = Vec::new();
    let whose = |trace: &Trace| {
        let mine = trace.time < at(2_000.0);
        if mine { &me } else { &you }.attribution.clone()
    };
    book.ask_again(at(3_100.0), &whose, &mut more);
    let lost = alerts(&more);
    assert!(lost.iter().any(|it| it.kind == AlertKind::Retracted));
    out.extend(more);
    let again = told_again(journal(&out));
    assert!(ids(&again).is_superset(&ids(&lost)), "{lost:?} {again:?}");
}

/// The reason is the operator's text; what the alerts ended with is not read out of it.
#[test]
fn a_case_that_was_closed_is_resolved_whatever_the_reason_says() {
    let mut book = book();
    let mut out = feed(&mut book, &sorted(visit(&person(1), 0.0)));
    let id = book.cases().next().expect("a case").id.clone();
    let mut end = Vec::new();
    assert!(book.close(&id, "retracted after a talk", at(100.0), &mut end));
    let was = alerts(&end);
    assert!(was.iter().all(|it| it.kind == AlertKind::Resolved));
    out.extend(end);
    assert_eq!(ids(&told_again(journal(&out))), ids(&was));
}

/// A clean stop at any point: everything that a case rests on is in the journal.
#[test]
fn a_clean_stop_leaves_every_case_as_it_stands() {
    let me = person(1);
    let server = who(SubjectKind::Organisation, PlaceKind::MailServer, 200);
    let mut inputs = to_the_form(&me, VENDORS[1], 40.0, 33.0);
    inputs.push(typed(&server, "luxand.cloud", Seen::DnsQuery, 16, 80.0));
    inputs.extend(from_the_mail(&me, VENDORS[1][1], 150.0));
    inputs.push(Input::Tick(at(400.0)));
    let inputs = sorted(inputs);
    for cut in 0..=inputs.len() {
        let mut book = book();
        let mut out = feed(&mut book, &inputs[..cut]);
        book.put_all_down(&mut out);
        let mut stands: Vec<Case> = book.cases().cloned().collect();
        stands.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(journal(&out), stands, "cut at {cut}");
    }
}

/// Power may fail between any two writes: a sighting may then stand in two cases, never in none.
#[test]
fn between_the_writes_of_a_split_or_a_merge_no_evidence_is_lost() {
    let (me, you) = (person(1), person(2));
    let (one, two) = (
        who(SubjectKind::Device, PlaceKind::Staff, 8),
        who(SubjectKind::Device, PlaceKind::Staff, 9),
    );
    let mut inputs = visit(&one, 0.0);
    inputs.extend(visit(&two, 300.0));
    inputs.extend(visit(&you, 600.0));
    let mut book = book();
    let mut out = feed(&mut book, &sorted(inputs));
    book.put_all_down(&mut out);
    let kept = |cases: &[Case]| -> BTreeSet<String> {
        let grounds = cases.iter().flat_map(|case| &case.grounds.sightings);
        grounds
            .map(|it| format!("{:?} {:?} {}", it.what, it.time, it.name))
            .collect()
    };
    let before = kept(&journal(&out));
    let mut more = Vec::new();
    // Both devices were mine all the time, and part of your case as well.
    let whose = |trace: &Trace| {
        let yours = trace.time >= at(610.0);
        if yours { &you } else { &me }.attribution.clone()
    };
    book.ask_again(at(700.0), &whose, &mut more);
    assert!(more.len() >= 3);
    for change in more {
        out.push(change);
        let now = kept(&journal(&out));
        let lost: Vec<_> = before.difference(&now).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

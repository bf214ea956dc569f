//! Claims about whose it was: raised, split, merged, retracted.

use super::*;

/// A visit seen of `who`.
fn visit(who: &Who, start: f64) -> Vec<Input> {
    let mut inputs = page(who, "www.kairos.com", start);
    inputs.push(later(
        who,
        "www.kairos.com",
        start,
        start + 24.0,
        21.0,
        420,
        36_000,
    ));
    inputs
}

fn ask(book: &mut Casebook, seconds: f64, answer: impl Fn(&Trace) -> Attribution) -> Vec<Change> {
    let mut out = Vec::new();
    book.ask_again(at(seconds), &answer, &mut out);
    out
}

fn open(book: &Casebook) -> Vec<&Case> {
    book.cases().filter(|case| case.is_open()).collect()
}

fn acts(case: &Case) -> Vec<AttributionAct> {
    case.attribution.iter().map(|entry| entry.act).collect()
}

#[test]
fn a_device_becomes_a_person_and_the_case_stays_one() {
    let (device, me) = (who(SubjectKind::Device, PlaceKind::Staff, 8), person(1));
    let mut book = book();
    let before = alerts(&feed(&mut book, &sorted(visit(&device, 0.0))));
    let id = open(&book)[0].id.clone();
    let out = ask(&mut book, 60.0, |_| me.attribution.clone());
    let open = open(&book);
    assert_eq!((open.len(), &open[0].id), (1, &id));
    assert_eq!(open[0].subject, me.attribution.subject);
    assert_eq!(
        acts(open[0]),
        [AttributionAct::Made, AttributionAct::Raised]
    );
    assert_eq!((before.len(), alerts(&out).len()), (1, 0), "told once");
}

#[test]
fn two_devices_of_one_person_are_merged() {
    let (a, b) = (
        who(SubjectKind::Device, PlaceKind::Staff, 8),
        who(SubjectKind::Device, PlaceKind::Staff, 9),
    );
    let me = person(1);
    let mut book = book();
    feed(&mut book, &sorted(visit(&a, 0.0)));
    feed(&mut book, &sorted(visit(&b, 300.0)));
    let oldest = book
        .cases()
        .min_by_key(|case| case.opened)
        .expect("a case")
        .id
        .clone();
    let out = ask(&mut book, 400.0, |_| me.attribution.clone());
    let open = open(&book);
    assert_eq!((open.len(), &open[0].id), (1, &oldest));
    assert!(acts(open[0]).contains(&AttributionAct::Merged));
    let closed: Vec<_> = book.cases().filter(|case| !case.is_open()).collect();
    assert_eq!(closed[0].closed, Some(format!("merged into {oldest}")));
    let resolved = alerts(&out);
    assert_eq!(resolved.len(), 1);
    assert_eq!(resolved[0].kind, AlertKind::Resolved);
    let exchanges = |case: &Case| {
        let all = case.grounds.sightings.iter();
        all.filter(|it| it.what == What::Exchange).count()
    };
    assert_eq!((exchanges(open[0]), exchanges(closed[0])), (4, 0));
}

#[test]
fn a_shared_machine_is_split() {
    let (me, you) = (person(1), person(2));
    let mut book = book();
    let mut inputs = visit(&me, 0.0);
    inputs.extend(visit(&me, 3_000.0));
    feed(&mut book, &sorted(inputs));
    ask(&mut book, 3_100.0, |trace| {
        if trace.time < at(2_000.0) {
            me.attribution.clone()
        } else {
            you.attribution.clone()
        }
    });
    let cases: Vec<Case> = open(&book).into_iter().cloned().collect();
    assert_stage(&cases, &me, Stage::Visited);
    assert_stage(&cases, &you, Stage::Visited);
    let (mine, yours) = (case_of(&cases, &me), case_of(&cases, &you));
    assert_eq!(acts(mine).last(), Some(&AttributionAct::Split));
    assert_eq!(
        mine.attribution.last().and_then(|it| it.other.clone()),
        Some(yours.id.clone())
    );
    assert_eq!(yours.attribution[0].other.as_ref(), Some(&mine.id));
}

#[test]
fn a_wrong_claim_is_taken_back_as_loudly_as_it_was_made() {
    let (me, you) = (person(1), person(2));
    let unsure = who(SubjectKind::Ambiguous, PlaceKind::Staff, 99);
    for other in [&you, &unsure] {
        let mut book = book();
        let told = alerts(&feed(&mut book, &sorted(visit(&me, 0.0))));
        let out = ask(&mut book, 60.0, |_| other.attribution.clone());
        let back: Vec<Alert> = alerts(&out)
            .into_iter()
            .filter(|alert| alert.kind == AlertKind::Retracted)
            .collect();
        assert_eq!(back.len(), told.len());
        for (was, is) in told.iter().zip(&back) {
            assert_eq!(
                (&was.case, was.stage, was.standing),
                (&is.case, is.stage, is.standing)
            );
            assert_eq!(
                (&was.subject, &me.attribution.subject),
                (&is.subject, &is.subject)
            );
            assert_ne!(was.id, is.id);
        }
        let closed = book.cases().find(|case| !case.is_open()).expect("closed");
        assert_eq!(acts(closed).last(), Some(&AttributionAct::Retracted));
        let open = open(&book);
        assert_eq!(open[0].subject, other.attribution.subject);
        let stage = if other.attribution.kind == SubjectKind::Person {
            Stage::Visited
        } else {
            Stage::LookedUp
        };
        assert_eq!(open[0].stage, stage);
    }
}

#[test]
fn a_split_that_takes_the_ground_away_takes_the_alert_back() {
    let (me, you) = (person(1), person(2));
    let mut book = book();
    let mut inputs = vec![hit(&me, "www.kairos.com", Seen::DnsQuery, -60.0)];
    inputs.extend(visit(&me, 3_000.0));
    feed(&mut book, &sorted(inputs));
    let out = ask(&mut book, 3_100.0, |trace| {
        if trace.time < at(2_000.0) {
            me.attribution.clone()
        } else {
            you.attribution.clone()
        }
    });
    let cases: Vec<Case> = open(&book).into_iter().cloned().collect();
    assert_stage(&cases, &me, Stage::LookedUp);
    let kinds: Vec<(AlertKind, Stage)> =
        alerts(&out).iter().map(|it| (it.kind, it.stage)).collect();
    assert!(kinds.contains(&(AlertKind::Retracted, Stage::Visited)));
    assert!(
        kinds.contains(&(AlertKind::Raised, Stage::Visited)),
        "of the other one"
    );
}

#[test]
fn forgetting_takes_no_claim_back() {
    let (me, device) = (person(1), who(SubjectKind::Device, PlaceKind::Staff, 8));
    let address = who(SubjectKind::Address, PlaceKind::Staff, 8);
    // Later than identity remembers: not asked.
    let mut one = book();
    feed(&mut one, &sorted(visit(&me, 0.0)));
    assert!(alerts(&ask(&mut one, 14_400.0, |_| address.attribution.clone())).is_empty());
    // Identity says itself that it remembers no more.
    let mut forgotten = address.attribution.clone();
    forgotten.reason = crate::identity::FORGOTTEN.into();
    assert!(alerts(&ask(&mut one, 60.0, |_| forgotten.clone())).is_empty());
    assert_eq!(open(&one)[0].subject, me.attribution.subject);
    // After a restart the table is empty.
    let cases: Vec<Case> = one.cases().cloned().collect();
    let mut two = book();
    two.restore(cases);
    for answer in [&address, &device] {
        assert!(alerts(&ask(&mut two, 60.0, |_| answer.attribution.clone())).is_empty());
        assert_eq!(open(&two)[0].subject, me.attribution.subject);
    }
    // A device that is only an address now.
    let mut three = book();
    feed(&mut three, &sorted(visit(&device, 0.0)));
    ask(&mut three, 60.0, |_| address.attribution.clone());
    assert_eq!(open(&three)[0].subject, device.attribution.subject);
    // But live, a person whose session turns out to have ended before falls.
    let mut four = book();
    feed(&mut four, &sorted(visit(&me, 0.0)));
    let out = ask(&mut four, 60.0, |_| device.attribution.clone());
    assert_eq!(alerts(&out)[0].kind, AlertKind::Raised, "of the device");
    assert!(
        alerts(&out)
            .iter()
            .any(|alert| alert.kind == AlertKind::Retracted)
    );
}

#[test]
fn closing_and_quiet_resolve_the_alerts() {
    let me = person(1);
    let mut book = book();
    let told = alerts(&feed(&mut book, &sorted(visit(&me, 0.0))));
    let id = told[0].case.clone();
    let mut out = Vec::new();
    assert!(!book.close("case-of-nobody", "a test", at(90.0), &mut out));
    assert!(book.close(&id, "a test", at(90.0), &mut out));
    let resolved = alerts(&out);
    assert_eq!((resolved.len(), resolved[0].kind), (1, AlertKind::Resolved));
    feed(&mut book, &sorted(visit(&me, 300.0)));
    assert_ne!(open(&book)[0].id, id, "what comes after is another case");
    let mut out = Vec::new();
    book.tick(at(95.0 * 86_400.0), &mut out);
    assert!(open(&book).is_empty());
    assert_eq!(alerts(&out)[0].kind, AlertKind::Resolved);
}

#[test]
fn an_alert_waits_while_a_late_source_may_still_contradict() {
    let (me, you) = (person(1), person(2));
    let mut book = book();
    book.known_until(at(-10.0));
    let mut out = feed(&mut book, &sorted(visit(&me, 0.0)));
    book.tick(at(60.0), &mut out);
    assert_eq!(open(&book)[0].stage, Stage::Visited, "the case stands");
    assert!(alerts(&out).is_empty(), "and nobody is told");
    book.known_until(at(30.0));
    book.tick(at(61.0), &mut out);
    book.tick(at(62.0), &mut out);
    assert_eq!(alerts(&out).len(), 1, "told once");

    // Nobody was told before the late source spoke: nothing needs to be taken back.
    let mut book = self::book();
    book.known_until(at(-10.0));
    let mut out = feed(&mut book, &sorted(visit(&me, 0.0)));
    assert!(alerts(&out).is_empty());
    out.extend(ask(&mut book, 60.0, |_| you.attribution.clone()));
    assert!(alerts(&out).is_empty());
    book.known_until(at(60.0));
    book.tick(at(61.0), &mut out);
    let told = alerts(&out);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].kind, &told[0].subject),
        (AlertKind::Raised, &you.attribution.subject)
    );
}

#[test]
fn an_alert_that_waited_is_told_after_a_restart() {
    let me = person(1);
    let mut book = book();
    book.known_until(at(-10.0));
    let mut out = feed(&mut book, &sorted(visit(&me, 0.0)));
    assert!(alerts(&out).is_empty());
    book.put_all_down(&mut out);
    let cases: Vec<Case> = book.cases().cloned().collect();
    let mut again = self::book();
    again.restore(cases);
    let mut out = Vec::new();
    again.tick(at(120.0), &mut out);
    assert_eq!(alerts(&out).len(), 1);
    again.tick(at(121.0), &mut out);
    assert_eq!(alerts(&out).len(), 1);
}

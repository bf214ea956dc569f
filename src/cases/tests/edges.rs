//! Standing, bounds, numbers for metrics, what-if.

use super::signup::{VENDORS, from_the_mail, to_the_form};
use super::*;

#[test]
fn the_worst_standing_counts_and_the_reason_is_given() {
    let (loud, quiet) = (
        crate::organisation::Ruling {
            standing: Standing::OutOfScope,
            entry: Some("R-7".into()),
            reason: "another unit".into(),
        },
        super::super::standing::nothing(),
    );
    let worst = super::super::standing::worse(quiet.clone(), loud.clone());
    assert_eq!(worst, loud);
    assert_eq!(super::super::standing::worse(loud.clone(), quiet), loud);
    for (one, other, is) in [
        (Standing::Unauthorised, Standing::OutOfScope, true),
        (Standing::OutOfScope, Standing::Authorised, true),
        (Standing::Authorised, Standing::Informational, true),
        (Standing::Informational, Standing::Informational, false),
    ] {
        assert_eq!(super::super::standing::is_worse(one, other), is);
    }
}

#[test]
fn a_privacy_host_beside_others_weighs_nothing() {
    let me = person(1);
    let inputs = vec![
        hit(&me, "www.clearview.ai", Seen::DnsQuery, 0.0),
        hit(&me, "privacycompliance.clearview.ai", Seen::TlsSni, 1.0),
        later(
            &me,
            "privacycompliance.clearview.ai",
            0.95,
            20.0,
            18.0,
            900,
            40_000,
        ),
        later(
            &me,
            "privacycompliance.clearview.ai",
            0.95,
            60.0,
            39.0,
            900,
            40_000,
        ),
    ];
    let (cases, alerts) = run(inputs);
    assert_stage(&cases, &me, Stage::LookedUp);
    assert!(alerts.is_empty());
    assert!(told(case_of(&cases, &me)).contains("privacycompliance.clearview.ai"));
}

#[test]
fn a_full_case_counts_what_it_lets_go_and_keeps_its_steps() {
    let me = person(1);
    let mut book = book();
    feed(&mut book, &sorted(page(&me, "www.kairos.com", 0.0)));
    let many = SIGHTINGS_MAX as u64 + 50;
    for n in 0..many {
        let start = 10_000.0 * (n + 1) as f64;
        feed(
            &mut book,
            &[hit(&me, "www.kairos.com", Seen::DnsQuery, start)],
        );
    }
    let case = book.cases().next().expect("a case").clone();
    assert_eq!(case.grounds.sightings.len(), SIGHTINGS_MAX);
    let lost = book.counts().lost[Lost::Sighting.index()];
    assert_eq!(lost, case.grounds.let_go);
    assert_eq!(lost, many + 3 - SIGHTINGS_MAX as u64);
    assert_eq!(case.stage, Stage::Visited);
    assert!(case.items_left_out > 0);
}

#[test]
fn counts_are_by_vendor_stage_and_standing() {
    let mut book = book();
    for n in 1..4 {
        feed(&mut book, &sorted(page(&person(n), "www.kairos.com", 0.0)));
    }
    feed(
        &mut book,
        &[hit(&person(9), "pimeyes.com", Seen::DnsQuery, 0.0)],
    );
    let open = book.counts().open;
    let of = |vendor: &str, stage| open.get(&(vendor.into(), stage, Standing::Unauthorised));
    assert_eq!(of("kairos", Stage::Visited), Some(&3));
    assert_eq!(of("pimeyes", Stage::LookedUp), Some(&1));
    assert_eq!(open.len(), 2);
}

/// The backstop rules alert on these numbers, and such a case alerts nobody.
#[test]
fn a_case_of_which_several_may_be_the_subject_is_not_counted() {
    let unsure = who(SubjectKind::Ambiguous, PlaceKind::Staff, 7);
    let mut book = book();
    for who in [&unsure, &person(8)] {
        feed(&mut book, &[hit(who, "kairos.com", Seen::DnsQuery, 0.0)]);
    }
    assert_eq!(book.cases().count(), 2);
    let open: Vec<u64> = book.counts().open.into_values().collect();
    assert_eq!(open, [1]);
}

#[test]
fn what_if_tells_what_other_rules_would_change() {
    let me = person(1);
    let mut inputs = to_the_form(&me, VENDORS[0], 55.0, 41.0);
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    inputs.extend(from_the_mail(&me, VENDORS[0][1], 160.0));
    let (cases, _) = run(inputs.clone());
    assert!(compare(&cases, &cases).is_empty());
    let text = include_str!("../../../blocklists/rules/rules.toml");
    let text = text.replace("signed-up = 25", "signed-up = 5");
    let rules = Rules::parse(&text, "mine.toml").expect("rules");
    let mut other = Casebook::with_rules(
        Arc::clone(&CATALOGUE),
        Arc::new(Organisation::default()),
        Box::new(|| "case-0000000000000001".into()),
        rules,
    );
    feed(&mut other, &sorted(inputs));
    let other: Vec<Case> = other.cases().cloned().collect();
    let lines = compare(&cases, &other);
    assert!(
        lines
            .iter()
            .any(|it| it.ends_with("signed-up would be account-or-login")),
        "{lines:?}"
    );
    assert!(
        compare(&cases, &[])
            .iter()
            .any(|it| it.contains("no case any more"))
    );
}

#[test]
fn only_changes_that_matter_are_written_at_once() {
    let me = person(1);
    let mut book = book();
    let out = feed(&mut book, &sorted(page(&me, "www.kairos.com", 0.0)));
    let written = |out: &[Change]| {
        out.iter()
            .filter(|it| matches!(it, Change::Case(_)))
            .count()
    };
    assert!(written(&out) >= 2, "opened, visited");
    let more = feed(
        &mut book,
        &[hit(&me, "www.kairos.com", Seen::DnsQuery, 3.0)],
    );
    assert_eq!(written(&more), 0);
    let mut later = Vec::new();
    book.tick(at(40.0), &mut later);
    assert_eq!(written(&later), 1);
    later.clear();
    book.tick(at(80.0), &mut later);
    assert_eq!(written(&later), 0, "nothing new, nothing written");
}

#[test]
fn a_case_is_written_before_its_alert_goes_out() {
    let me = person(1);
    let mut book = book();
    let out = feed(&mut book, &sorted(page(&me, "www.kairos.com", 0.0)));
    let alert = out
        .iter()
        .position(|it| matches!(it, Change::Alert(_)))
        .expect("an alert");
    let Some(Change::Case(case)) = out.get(alert - 1) else {
        panic!("no case before the alert");
    };
    assert_eq!(case.stage, Stage::Visited);
    assert_eq!(
        case.grounds.told.len(),
        1,
        "told is written too: no second alert after a crash"
    );
}

#[test]
fn explain_tells_sums_gaps_reach_and_attribution() {
    let me = person(1);
    let (cases, _) = run(to_the_form(&me, VENDORS[0], 55.0, 41.0));
    let text = told(case_of(&cases, &me));
    for part in [
        "step to account-or-login",
        "points, 60 make this step",
        "not seen:",
        "mail: private mail",
        "payment: not seen",
        "metadata can prove at most integrated",
        "without mail evidence the answer is account-or-login",
        "attribution:",
        "made person, grade A",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

//! The judge, on what was told by hand; the sample, on whole offices.

use std::collections::BTreeMap;

use super::judge::{Heard, judge};
use super::*;
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind, Case, Step};
use crate::event::Event;
use crate::hits::SubjectId;
use crate::organisation::{Ruling, Standing};
use crate::simulate::events::Sensing;
use crate::simulate::population::{CONFOUNDERS, Kind, Office, Reached, SIGNUPS, office};

fn list() -> Arc<Catalogue> {
    Arc::new(Catalogue::builtin().expect("the built-in list"))
}

/// Everybody's pseudonym is their number.
fn names() -> BTreeMap<String, Vec<usize>> {
    let all = 0..CONFOUNDERS + SIGNUPS;
    all.map(|number| (format!("person-{number}"), vec![number]))
        .collect()
}

fn case(person: usize, vendor: &str, stages: &[Stage]) -> Case {
    let step = |stage: &Stage| Step {
        stage: *stage,
        time: Timestamp(1),
        confidence: 90,
        items: Vec::new(),
        sum: Vec::new(),
    };
    Case {
        ended: None,
        id: format!("case-{person}-{vendor}"),
        revision: 1,
        vendor: vendor.into(),
        vendor_name: vendor.into(),
        subject: SubjectId::new(format!("person-{person}")),
        stage: *stages.iter().max().expect("a stage"),
        ruling: Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: String::new(),
        },
        confidence: 90,
        opened: Timestamp(1),
        updated: Timestamp(1),
        items: Vec::new(),
        items_left_out: 0,
        steps: stages.iter().map(step).collect(),
        band: String::new(),
        attribution: Vec::new(),
        closed: None,
        grounds: Default::default(),
    }
}

fn alert(person: usize, vendor: &str) -> Alert {
    Alert {
        id: "1".into(),
        kind: AlertKind::Raised,
        case: format!("case-{person}-{vendor}"),
        vendor: vendor.into(),
        vendor_name: vendor.into(),
        stage: Stage::SignedUp,
        standing: Standing::Unauthorised,
        subject: SubjectId::new(format!("person-{person}")),
        grade: "A".into(),
        confidence: 90,
        unit: None,
        site: None,
        time: Timestamp(1),
        summary: String::new(),
        description: String::new(),
    }
}

/// What a casebook that knows everything would say.
fn perfect(office: &Office) -> Heard {
    let mut heard = Heard::default();
    for (number, person) in office.people.iter().enumerate() {
        for (vendor, truth) in &person.truth {
            let mut stages = match truth.reached {
                Some(Reached::Searched) => vec![Stage::Searching],
                Some(Reached::Visited) => vec![Stage::Visited],
                Some(Reached::Account) => vec![Stage::AccountOrLogin],
                Some(Reached::LookedUp) => vec![Stage::LookedUp],
                _ => vec![],
            };
            if truth.signed_up {
                stages.push(Stage::SignedUp);
                heard.alerts.push(alert(number, vendor));
            }
            if !stages.is_empty() {
                heard.cases.push(case(number, vendor, &stages));
            }
        }
    }
    heard
}

#[test]
fn who_says_all_that_is_true_meets_every_bar() {
    let office = office(3);
    let score = judge(&office, &names(), &perfect(&office), &list());
    assert!(score.failures.is_empty(), "{:#?}", score.failures);
    let found = Score::total(&score.found);
    assert_eq!((found.hits, found.of), (SIGNUPS as u64, SIGNUPS as u64));
    assert_eq!((score.false_total(), score.wrong_person), (0, 0));
    assert_eq!(score.alerted, Share { hits: 2, of: 2 });
    assert_eq!(score.person_days(), (CONFOUNDERS * 5) as u64);
}

#[test]
fn who_says_nothing_finds_nothing() {
    let office = office(3);
    let score = judge(&office, &names(), &Heard::default(), &list());
    assert_eq!(Score::total(&score.found).hits, 0);
    assert_eq!(Score::total(&score.visited).hits, 0);
    assert!(Score::total(&score.visited).of > 5);
}

#[test]
fn a_false_alert_and_a_wrong_person_are_counted() {
    let office = office(3);
    let mut heard = perfect(&office);
    let innocent = office.people.iter().position(|person| {
        let truth = person.truth.get("kairos");
        truth.is_some_and(|truth| !truth.signed_up)
    });
    heard
        .alerts
        .push(alert(innocent.expect("somebody"), "kairos"));
    let stranger = office
        .people
        .iter()
        .position(|person| !person.truth.contains_key("luxand"));
    let told = case(stranger.expect("somebody"), "luxand", &[Stage::Visited]);
    heard.cases.push(told);
    let score = judge(&office, &names(), &heard, &list());
    assert_eq!((score.false_total(), score.wrong_person), (1, 1));
    // An alert about somebody whom nobody knows: a visitor, a machine.
    heard.alerts.push(alert(99, "kairos"));
    assert_eq!(judge(&office, &names(), &heard, &list()).false_total(), 2);
}

/// One office's day in frames: a fifth of its week, the rest is cut off.
#[test]
fn frames_and_events_of_an_office_tell_the_same() {
    for seed in [5, 6] {
        let mut office = office(seed);
        office.plan.moves.retain(|it| it.at < 86_400_000_000);
        let differences = sample::differences(&office.plan, &list(), &Sensing::default());
        let first = &differences[..differences.len().min(5)];
        assert!(differences.is_empty(), "seed {seed}: {first:#?}");
        let told = sample::sensed(&office.plan, &list(), &Sensing::default());
        let count = |is: fn(&Event) -> bool| told.iter().filter(|(_, event)| is(event)).count();
        assert!(count(|event| matches!(event, Event::Hit(_))) > 5);
        assert!(count(|event| matches!(event, Event::Burst(_))) > 5);
        assert!(count(|event| matches!(event, Event::Fact(_))) > 20);
    }
}

#[test]
fn every_kind_of_day_occurs() {
    let mut seen: BTreeMap<Kind, u32> = BTreeMap::new();
    for seed in 1..=40 {
        for (kind, n) in office(seed).days {
            *seen.entry(kind).or_default() += n;
        }
    }
    for kind in Kind::ALL {
        assert!(seen.contains_key(kind), "no day of {kind}");
    }
}

/// The tool of those who work on rules: `WHY=seed cargo test --lib why -- --ignored --nocapture`
/// explains the cases of sign-ups and of false alerts.
#[test]
#[ignore = "a tool, not a test"]
fn why() {
    let seed = std::env::var("WHY")
        .expect("WHY=seed")
        .parse()
        .expect("a number");
    assert!(
        seed < EVALUATION_FROM,
        "evaluation seeds are not looked into"
    );
    let (list, office) = (list(), office(seed));
    let told = crate::simulate::events::events(&office.plan, &list, &Sensing::default());
    let stage = super::run::Stage::set(&office, &Rules::builtin()).expect("a map");
    let heard = stage.play(&told, Without::Nothing, &list);
    let names = stage.names(&office, &told);
    for case in &heard.cases {
        let people = names
            .get(case.subject.as_str())
            .cloned()
            .unwrap_or_default();
        let truth = people
            .iter()
            .find_map(|it| office.people[*it].truth.get(case.vendor.as_str()));
        let Some(truth) = truth else { continue };
        let said = case.steps.iter().any(|step| step.stage == Stage::SignedUp);
        if said == truth.signed_up {
            continue;
        }
        println!("\n#### person {people:?} {:?}", truth.kinds);
        println!("{}", crate::cases::explain(case, &list).join("\n"));
        for it in &case.grounds.sightings {
            let sizes = it
                .exchange
                .map(|x| (x.up, x.down, x.first, x.rest_ns / 1_000_000_000));
            println!(
                "  {} {} {} {sizes:?} x{}",
                it.time, it.what, it.name, it.count
            );
        }
    }
}

//! What is folded is counted, and what takes back is never folded.

use super::*;
use crate::alerts::tests::alert;

const MINUTE: i64 = 60 * 1_000_000_000;

fn settings(alerts: u32) -> SinkSettings {
    toml::from_str(&format!(
        "name = \"soc\"\nkind = \"lines\"\naddress = \"file:///x\"\nthrottle_alerts = {alerts}\n\
         throttle_minutes = 10"
    ))
    .unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000_000 + minutes * MINUTE)
}

fn raised(case: &str) -> Alert {
    alert("a", case, AlertKind::Raised, Stage::SignedUp)
}

#[test]
fn beyond_the_bound_alerts_become_one_count_when_the_time_is_over() {
    let (settings, mut throttle) = (settings(2), Throttle::default());
    let goes: Vec<bool> = (0..5)
        .map(|n| throttle.admits(&raised(&format!("case-{n}")), &settings, at(n)))
        .collect();
    assert_eq!(goes, [true, true, false, false, false]);
    assert!(throttle.due(&settings, at(9)).is_none());
    assert_eq!(throttle.next_ns(&settings, at(9)), Some(MINUTE as u64));
    let due = throttle.due(&settings, at(10)).unwrap();
    assert_eq!((due.vendor, due.count), ("acme", 3));
    assert_eq!(due.cases, ["case-2", "case-3", "case-4"]);
    let first = due.id.clone();
    assert_eq!(throttle.due(&settings, at(11)).unwrap().id, first);
    // What comes before the count is told is counted too.
    assert!(!throttle.admits(&raised("case-9"), &settings, at(11)));
    assert_eq!(throttle.due(&settings, at(11)).unwrap().count, 4);
    throttle.told("acme");
    assert!(throttle.due(&settings, at(99)).is_none());
    assert!(throttle.admits(&raised("case-10"), &settings, at(12)));
}

#[test]
fn a_retraction_or_closing_always_goes_and_counts_for_nothing() {
    let (settings, mut throttle) = (settings(1), Throttle::default());
    for kind in [AlertKind::Retracted, AlertKind::Resolved] {
        for _ in 0..5 {
            let alert = alert("a", "case-1", kind, Stage::SignedUp);
            assert!(throttle.admits(&alert, &settings, at(0)));
        }
    }
    assert!(throttle.admits(&raised("case-1"), &settings, at(0)));
    assert!(!throttle.admits(&raised("case-2"), &settings, at(0)));
    let end = alert("a", "case-2", AlertKind::Retracted, Stage::SignedUp);
    assert!(throttle.admits(&end, &settings, at(0)));
}

#[test]
fn vendors_are_apart_and_an_old_window_goes() {
    let (settings, mut throttle) = (settings(1), Throttle::default());
    let other = Alert {
        vendor: "other".into(),
        ..raised("case-1")
    };
    assert!(throttle.admits(&raised("case-1"), &settings, at(0)));
    assert!(throttle.admits(&other, &settings, at(1)));
    assert_eq!(throttle.windows.len(), 2);
    assert!(throttle.admits(&raised("case-2"), &settings, at(10)));
    assert!(throttle.admits(&other, &settings, at(20)));
    assert_eq!(throttle.windows.len(), 1, "what is over makes room");
    // A clock set back opens a new window rather than an endless one.
    assert!(throttle.admits(&other, &settings, at(-500)));
}

#[test]
fn without_a_bound_nothing_is_remembered() {
    let mut throttle = Throttle::default();
    for n in 0..100 {
        assert!(throttle.admits(&raised(&format!("case-{n}")), &settings(0), at(0)));
    }
    assert_eq!(throttle, Throttle::default());
}

#[test]
fn it_survives_in_text_and_forgets_who_is_erased() {
    let (settings, mut throttle) = (settings(1), Throttle::default());
    for case in ["case-0001", "case-0002", "case-0003"] {
        throttle.admits(&raised(case), &settings, at(0));
    }
    let text = serde_json::to_string(&throttle).unwrap();
    let mut back: Throttle = serde_json::from_str(&text).unwrap();
    assert_eq!(back, throttle);
    let words = Mentions::new(&[String::from("case-0002")].into()).unwrap();
    assert!(back.erase(&words));
    let due = back.due(&settings, at(10)).unwrap();
    assert_eq!((due.count, due.cases), (2, &["case-0003".to_owned()][..]));
    assert!(!back.erase(&words));
}

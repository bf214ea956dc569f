//! Facts in, findings out: a healthy gateway, and one thing wrong at a time.

mod healthy;
mod interface;
mod lists;
mod sample;
mod system;

use std::collections::BTreeSet;

use self::healthy::{config, facts};
use super::{Limits, judge};
use crate::config::Config;
use crate::doctor::facts::Facts;
use crate::doctor::finding::{Finding, Id, Level};

/// One thing wrong with a healthy gateway, and what is said of it.
struct Case {
    what: &'static str,
    change: fn(&mut Facts, &mut Config),
    says: (Id, Level),
}

const fn case(what: &'static str, change: fn(&mut Facts, &mut Config), says: (Id, Level)) -> Case {
    Case { what, change, says }
}

fn judged(change: fn(&mut Facts, &mut Config)) -> Vec<Finding> {
    let (mut facts, mut config) = (facts(), config());
    change(&mut facts, &mut config);
    judge(&facts, &config, Limits::default())
}

fn level(findings: &[Finding], id: Id) -> Option<Level> {
    let of = findings.iter().filter(|finding| finding.id == id);
    of.map(|finding| finding.level).max()
}

fn check(cases: &[Case]) {
    let well = judged(|_, _| {});
    for case in cases {
        let found = judged(case.change);
        let (id, expected) = case.says;
        assert_eq!(level(&found, id), Some(expected), "{}: {id}", case.what);
        assert_ne!(
            level(&well, id),
            Some(expected),
            "{}: {id} is said of a healthy gateway too",
            case.what
        );
        // One fault is told once: nothing else gets worse by it, unless it follows from it.
        let worse: Vec<&Finding> = found
            .iter()
            .filter(|it| it.level > level(&well, it.id).unwrap_or(Level::Ok).max(Level::Info))
            .filter(|it| it.id != id)
            .collect();
        assert!(worse.is_empty(), "{}: {worse:?}", case.what);
    }
}

#[test]
fn of_a_healthy_gateway_nothing_is_said_to_be_wrong() {
    let found = judged(|_, _| {});
    let wrong: Vec<&Finding> = found.iter().filter(|it| it.level > Level::Info).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn cases() -> impl Iterator<Item = Case> {
    let parts = [
        system::cases(),
        interface::cases(),
        lists::cases(),
        sample::cases(),
    ];
    parts.into_iter().flatten()
}

#[test]
fn one_fault_gives_one_finding() {
    check(&cases().collect::<Vec<Case>>());
}

#[test]
fn each_check_is_made_and_each_but_the_informative_ones_can_fail() {
    let cases: Vec<Case> = cases().collect();
    let said: BTreeSet<Id> = judged(|_, _| {}).iter().map(|it| it.id).collect();
    let wrong: BTreeSet<Id> = cases.iter().map(|case| case.says.0).collect();
    for id in Id::ALL {
        assert!(
            said.contains(id) || wrong.contains(id),
            "{id} is never said"
        );
    }
    let never: Vec<&Id> = Id::ALL.iter().filter(|id| !wrong.contains(id)).collect();
    let informative = [
        &Id::ConfigNote,
        &Id::Ebpf,
        &Id::Forwarding,
        &Id::Mtu,
        &Id::LockedMemory,
        &Id::Officers,
    ];
    assert_eq!(never, informative);
}

#[test]
fn what_is_wrong_comes_with_what_to_do_and_both_are_sentences() {
    for found in cases().flat_map(|case| judged(case.change)) {
        let Finding { id, what, next, .. } = &found;
        assert!(!what.is_empty() && !what.ends_with('.'), "{id}: {what}");
        assert!(
            found.level < Level::Warning || !next.is_empty(),
            "{id}: {what}"
        );
        assert!(
            !what.contains("  ") && !next.contains("  "),
            "{id}: {what} {next}"
        );
    }
}

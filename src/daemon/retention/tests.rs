//! What goes when its time is over, and what stays.

use super::*;
use crate::cases::sample::case;
use crate::cases::{Case, Change};
use crate::daemon::books::tests::{Stand, at};
use crate::desk::Output;
use crate::event::Event;
use crate::hits::fold::tests::hit;
use crate::ledger::Ledger;
use crate::record::Kind;

const DAY: i64 = 86_400;

fn retention() -> Retention {
    Retention {
        hits_days: 10,
        frames_days: 10,
        coverage_days: 100,
        accounts_days: 100,
        acts_days: 100,
    }
}

/// Runs until nothing is left to do.
fn keep(stand: &mut Stand, wall: Timestamp) {
    let mut keeper = Keeper::new(retention(), 30, Instant::now());
    let mut now = Instant::now();
    for _ in 0..20 {
        now += LOOK_EVERY;
        stand.books.casefile.tick(wall);
        keeper.tick(&mut stand.books, wall, now);
        stand.write();
    }
}

/// Kinds whose payload is there, and how many are gone.
fn left(stand: &Stand) -> (Vec<String>, usize) {
    let all = Ledger::read(&stand.folder.path().join("ledger"), 0).unwrap();
    let all: Vec<_> = all.map(Result::unwrap).collect();
    let gone = all.iter().filter(|it| it.payload.is_none()).count();
    let there = all.into_iter().filter(|it| it.payload.is_some());
    (there.map(|it| it.kind).collect(), gone)
}

fn put(stand: &mut Stand, case: Case) {
    stand.books.out.changes.push(Change::Case(Box::new(case)));
}

#[test]
fn hits_of_no_case_go_and_those_of_a_case_stay_with_it() {
    let mut stand = Stand::new();
    // One that the casebook made a case of, and five hits that no case rests on.
    let mut out = Output::default();
    let of_case = hit(10 * DAY, "192.0.2.9", "app.acme.example");
    stand
        .desk
        .take(Event::Hit(Box::new(of_case)), at(10 * DAY), &mut out);
    out.entries.clear();
    stand.books.out = out;
    stand.write();
    stand.hits(5);
    stand.write();
    let before = left(&stand).0.len();
    keep(&mut stand, at(9 * DAY));
    assert_eq!(left(&stand), (left(&stand).0, 0), "nothing is so old");

    keep(&mut stand, at(25 * DAY));
    let (there, gone) = left(&stand);
    let hits = there.iter().filter(|kind| *kind == "hit").count();
    assert_eq!((hits, there.len()), (1, before - 5 + 1), "{there:?}");
    assert_eq!(gone, 5);
    assert_eq!(there.last().unwrap(), "deletion", "and it is said");
    let recorded = stand.registrar_entry(there.len() + gone - 1);
    let Body::Act(acted) = recorded.body else {
        panic!();
    };
    assert_eq!(acted.by.name, "poortwacht");
    let Act::Expire { deleted } = acted.act else {
        panic!();
    };
    assert_eq!(deleted, [(Kind::Hit, 5)]);
    assert_eq!(stand.books.registrar.state(0).expired, 5);
    assert_eq!(stand.books.registrar.state(0).store_behind, 0);
}

#[test]
fn a_closed_case_goes_when_the_case_file_has_let_it_go() {
    let mut stand = Stand::new();
    let mut closed = case("case-1", 1, "person-1");
    closed.closed = Some("research: x".into());
    put(&mut stand, closed);
    put(&mut stand, case("case-2", 1, "person-2"));
    stand.write();
    assert_eq!(left(&stand).0, ["case", "case"]);
    // The case file still has it: it would be recorded anew at the next start.
    let mut keeper = Keeper::new(retention(), 30, Instant::now());
    keeper.tick(&mut stand.books, at(40 * DAY), Instant::now() + LOOK_EVERY);
    assert_eq!(left(&stand).1, 0);
    keep(&mut stand, at(40 * DAY));
    assert_eq!(left(&stand), (vec!["case".into(), "deletion".into()], 1));
    assert!(
        stand
            .books
            .registrar
            .written("case-1")
            .unwrap()
            .head
            .is_none()
    );
    assert!(
        stand
            .books
            .registrar
            .written("case-2")
            .unwrap()
            .head
            .is_some()
    );

    let (mut stand, cases) = stand.crash();
    assert_eq!(cases.len(), 1);
    stand.write();
    assert_eq!(left(&stand).0, ["case", "deletion"], "nothing comes back");
}

#[test]
fn a_kind_of_zero_days_is_kept_for_ever() {
    let mut stand = Stand::new();
    stand.hits(2);
    stand.write();
    let mut days = retention();
    days.hits_days = 0;
    let mut keeper = Keeper::new(days, 0, Instant::now());
    keeper.tick(
        &mut stand.books,
        at(40_000 * DAY),
        Instant::now() + LOOK_EVERY,
    );
    stand.write();
    assert_eq!(left(&stand).1, 0);
}

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

fn keeper(stand: &Stand) -> Keeper {
    let folder = stand.folder.path().join("cases");
    Keeper::new(retention(), 30, &folder, Instant::now())
}

/// Runs until nothing is left to do.
fn keep(stand: &mut Stand, wall: Timestamp) {
    let mut keeper = keeper(stand);
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
    let mut keeper = keeper(&stand);
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
    let folder = stand.folder.path().join("cases");
    let mut keeper = Keeper::new(days, 0, &folder, Instant::now());
    keeper.tick(
        &mut stand.books,
        at(40_000 * DAY),
        Instant::now() + LOOK_EVERY,
    );
    stand.write();
    assert_eq!(left(&stand).1, 0);
}

/// Five hits that no case rests on, and the moment when their time is over.
fn five() -> (Stand, Timestamp) {
    let mut stand = Stand::new();
    stand.hits(5);
    stand.write();
    (stand, at(25 * DAY))
}

fn deletions(stand: &Stand) -> Vec<Vec<(Kind, u64)>> {
    let all = Ledger::read(&stand.folder.path().join("ledger"), 0).unwrap();
    let acts = all
        .map(Result::unwrap)
        .filter(|it| it.kind == "deletion")
        .map(|it| Entry::read(Kind::Deletion, &it.payload.unwrap()).unwrap());
    acts.map(|entry| match entry.body {
        Body::Act(acted) => match acted.act {
            Act::Expire { deleted } => deleted,
            _ => panic!(),
        },
        _ => panic!(),
    })
    .collect()
}

/// The turn that finds them, and no further.
fn intend(stand: &mut Stand, wall: Timestamp) -> Keeper {
    let mut keeper = keeper(stand);
    keeper.tick(&mut stand.books, wall, Instant::now() + LOOK_EVERY);
    keeper
}

#[test]
fn a_deletion_is_recorded_before_it_is_done_and_a_crash_between_leaves_it_to_the_next_start() {
    let (mut stand, late) = five();
    let keeper = intend(&mut stand, late);
    assert!(keeper.going.is_some());
    assert_eq!(deletions(&stand), [[(Kind::Hit, 5)]], "it is said");
    assert_eq!(left(&stand).1, 0, "and not yet done");
    let file = stand.folder.path().join("cases").join(GOING);
    assert!(file.exists());

    let (mut stand, _) = stand.crash();
    self::keeper(&stand).resume(&mut stand.books, late);
    assert_eq!(left(&stand), (vec!["deletion".into()], 5));
    assert!(!file.exists());
    assert_eq!(stand.books.registrar.state(0).expired, 5);
    // It is done once, and said once.
    keep(&mut stand, late);
    assert_eq!(deletions(&stand).len(), 1);
    let (mut stand, _) = stand.crash();
    self::keeper(&stand).resume(&mut stand.books, late);
    assert_eq!(left(&stand), (vec!["deletion".into()], 5));
}

#[test]
fn a_deletion_that_was_not_recorded_is_not_done() {
    let (mut stand, late) = five();
    // As a crash leaves it that comes before the entry: five entries, and a word of a sixth.
    let going = Going {
        entry: 5,
        deleted: vec![(Kind::Hit, 5)],
        cases: Vec::new(),
        numbers: vec![0, 1, 2, 3, 4],
        first: 0,
    };
    let file = stand.folder.path().join("cases").join(GOING);
    std::fs::write(&file, serde_json::to_vec(&going).unwrap()).unwrap();
    keeper(&stand).resume(&mut stand.books, late);
    assert_eq!(left(&stand).1, 0);
    assert!(!file.exists());
    // Nor when something else was recorded in its place.
    std::fs::write(&file, serde_json::to_vec(&going).unwrap()).unwrap();
    stand.hits(1);
    stand.write();
    keeper(&stand).resume(&mut stand.books, late);
    assert_eq!(left(&stand).1, 0);
    // Nor by a file that nobody understands.
    std::fs::write(&file, b"{\"entry\":").unwrap();
    keeper(&stand).resume(&mut stand.books, late);
    assert_eq!(left(&stand).1, 0);
    assert!(!file.exists());
}

#[test]
fn while_the_record_cannot_be_written_nothing_is_deleted_and_then_all_of_it() {
    let (mut stand, late) = five();
    stand.set_full(true);
    let mut keeper = intend(&mut stand, late);
    assert!(keeper.going.is_none());
    assert!(!stand.folder.path().join("cases").join(GOING).exists());
    assert_eq!(left(&stand).1, 0);
    stand.set_full(false);
    stand.write();
    let mut now = Instant::now() + LOOK_EVERY;
    for _ in 0..20 {
        now += PAUSE;
        keeper.tick(&mut stand.books, late, now);
    }
    assert_eq!(left(&stand).1, 5);
    assert_eq!(deletions(&stand).len(), 1);
}

#[test]
fn a_deletion_that_fails_half_way_goes_on_when_it_can() {
    let (mut stand, late) = five();
    let mut keeper = intend(&mut stand, late);
    stand.set_full(true);
    let mut now = Instant::now() + LOOK_EVERY;
    for _ in 0..3 {
        now += PAUSE;
        keeper.tick(&mut stand.books, late, now);
    }
    assert_eq!(left(&stand).1, 0);
    assert!(keeper.going.is_some());
    stand.set_full(false);
    for _ in 0..20 {
        now += PAUSE;
        keeper.tick(&mut stand.books, late, now);
    }
    assert_eq!(left(&stand).1, 5);
    assert_eq!(deletions(&stand), [[(Kind::Hit, 5)]]);
}

/// Nobody may put a hold on a case of which half is gone.
#[test]
fn of_a_case_that_goes_first_goes_how_it_stood() {
    let mut stand = Stand::new();
    let mut closed = case("case-1", 1, "person-1");
    closed.closed = Some("research: x".into());
    put(&mut stand, closed.clone());
    stand.write();
    for revision in 2..60 {
        (closed.revision, closed.confidence) = (revision, revision as u8);
        put(&mut stand, closed.clone());
        stand.write();
    }
    stand.books.casefile.tick(at(40 * DAY));
    let mut keeper = intend(&mut stand, at(40 * DAY));
    keeper.piece = PIECE_MIN;
    let going = keeper.going.as_ref().unwrap();
    assert_eq!(
        (going.first, going.cases.as_slice()),
        (59, &["case-1".to_owned()][..])
    );
    let now = Instant::now() + LOOK_EVERY;
    keeper.tick(&mut stand.books, at(40 * DAY), now);
    let store = stand.books.registrar.store().unwrap();
    assert!(store.triage("case-1").unwrap().is_none());
}

/// So many hits whose time is over, and hits that come meanwhile: how long those of one turn wait, the
/// shortest first.
fn caught_up(due: u64) -> Vec<Duration> {
    let mut stand = Stand::new();
    stand.hits(1);
    stand.write();
    let Body::Hit(first) = stand.recorded().remove(0).body else {
        panic!();
    };
    for group in 0..due / 1000 {
        let entries = (0..1000).map(|n| {
            let mut hit = first.clone();
            hit.record.event.id = format!("{:024x}", group * 1000 + n);
            let time = at((group * 1000 + n).cast_signed());
            let body = Body::Hit(hit);
            Entry { time, body }
        });
        let registrar = &mut stand.books.registrar;
        let recorded = registrar.record(entries.collect(), Vec::new(), Instant::now());
        recorded.unwrap();
        registrar.project(Instant::now());
    }
    // From here on they are young.
    stand.made = 10_000;
    let mut keeper = keeper(&stand);
    let (mut now, late) = (Instant::now() + LOOK_EVERY, at(25 * DAY));
    let mut waits = Vec::new();
    while stand.books.registrar.state(0).expired < due + 1 {
        // A tick of the office, and what came before it.
        now += Duration::from_millis(200);
        stand.hits(50);
        let begun = Instant::now();
        keeper.tick(&mut stand.books, late, now);
        stand.books.registrar.tick(late, now);
        stand.write();
        waits.push(begun.elapsed());
        assert!(
            (waits.len() as u64) < 100 + due / 32,
            "it does not catch up"
        );
    }
    assert_eq!(stand.logged().len(), 1 + 50 * waits.len(), "all came");
    assert!(stand.books.registrar.store().is_ok());
    waits.sort_unstable();
    waits
}

fn share(waits: &[Duration], of: usize) -> Duration {
    waits[(waits.len() - 1) * of / 1000]
}

/// Unoptimised and beside other tests.
#[test]
fn hits_do_not_wait_for_what_has_piled_up() {
    let waits = caught_up(20_000);
    assert!(share(&waits, 990) < Duration::from_secs(2), "{waits:?}");
}

/// In `make verify`: optimised. A tick comes five times a second.
#[test]
#[ignore = "200,000 entries: make verify"]
fn two_hundred_thousand_that_are_due_go_within_minutes_and_hits_do_not_wait() {
    let waits = caught_up(200_000);
    let (half, most) = (share(&waits, 500), share(&waits, 990));
    let turns = waits.len();
    println!("{turns} turns of 200 ms; hits waited {half:.2?} (p50), {most:.2?} (p99)");
    assert!(turns < 3000, "ten minutes");
    assert!(most < Duration::from_millis(50), "{most:?}");
}

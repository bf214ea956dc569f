//! What retention may delete, against the plain way of asking: all entries of all cases.

use std::collections::BTreeSet;

use super::*;
use crate::store::tests::{Bench, sample};

/// Everything that belongs to a case.
fn stays(db: &Connection) -> BTreeSet<u64> {
    let mut asked = db
        .prepare("SELECT c.case_id FROM cases c JOIN heads h ON h.number = c.head")
        .unwrap();
    let cases = asked.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let entries = cases.flat_map(|case| subjects::entries_of(db, &case.unwrap()).unwrap());
    entries.collect()
}

/// Entries of a kind of before then that no case has.
fn plainly(db: &Connection, kind: Kind, before: Timestamp) -> BTreeSet<u64> {
    let stays = stays(db);
    let hour = before.nanos().div_euclid(HOUR_NS);
    let mut asked = db
        .prepare("SELECT number FROM entries WHERE kind = ?1 AND deleted = 0 AND hour < ?2")
        .unwrap();
    let all = asked
        .query_map(params![kind.label(), hour], number)
        .unwrap();
    let all = all.map(Result::unwrap);
    all.filter(|it| !stays.contains(it)).collect()
}

/// The same a few rows at a time.
fn in_pieces(bench: &Bench, kind: Kind, before: Timestamp, most: u32) -> Vec<u64> {
    let (mut found, mut place) = (Vec::new(), Some(Place::START));
    let mut looks = 0;
    while let Some(from) = place {
        let free = bench.store.free(kind, before, from, most).unwrap();
        assert!(free.numbers.len() <= most as usize);
        found.extend(free.numbers);
        place = free.next;
        looks += 1;
        assert!(looks < 10_000, "it goes round in circles");
    }
    found
}

#[test]
fn what_belongs_to_no_case_is_found_whatever_the_pieces() {
    let (mut free, mut kept) = (0, 0);
    for seed in 0..6 {
        let bench = Bench::with(&sample::ledger(seed, 1200));
        let middle = Timestamp(sample::START + 40 * 3600 * sample::SECOND);
        for before in [middle, Timestamp(i64::MAX)] {
            for kind in Kind::ALL {
                let plain = plainly(&bench.store.db, *kind, before);
                for most in [1, 7, 10_000] {
                    let found = in_pieces(&bench, *kind, before, most);
                    let set: BTreeSet<u64> = found.iter().copied().collect();
                    assert_eq!(set.len(), found.len(), "{kind}: one came twice");
                    assert_eq!(set, plain, "{kind} {most} {seed}");
                }
                free += plain.len();
            }
        }
        kept += stays(&bench.store.db).len();
    }
    assert!(free > 500 && kept > 500, "{free} {kept}");
}

#[test]
fn cases_whose_time_is_over_are_found_whatever_the_pieces() {
    let bench = Bench::with(&sample::ledger(21, 1500));
    let sql = "SELECT c.case_id FROM cases c JOIN heads h ON h.number = c.head
        WHERE h.closed IS NOT NULL AND h.updated < ?1 AND c.held_until <= ?2 ORDER BY 1";
    let far = Timestamp(i64::MAX);
    let (early, late) = (Timestamp(sample::START), Timestamp(i64::MAX - 1));
    let mut any = 0;
    for (before, now) in [(far, early), (far, late), (early, late)] {
        let mut asked = bench.store.db.prepare(sql).unwrap();
        let plain = asked.query_map(params![before.nanos(), now.nanos()], |row| row.get(0));
        let plain: Vec<String> = plain.unwrap().map(Result::unwrap).collect();
        any += plain.len();
        for most in [1, 3, 10_000] {
            let (mut found, mut from) = (Vec::new(), Some(String::new()));
            while let Some(behind) = from {
                let over = bench.store.over((before, now), &behind, most).unwrap();
                found.extend(over.cases);
                from = over.next;
            }
            assert_eq!(found, plain, "{most}");
        }
    }
    assert!(any > 0);
}

/// What one look costs must not grow with the store.
#[test]
fn a_look_goes_by_indexes() {
    let bench = Bench::with(&sample::ledger(3, 300));
    for kind in [Kind::Hit, Kind::Frame, Kind::Life] {
        let sql = format!("EXPLAIN QUERY PLAN {}", looked(kind));
        let mut explained = bench.store.db.prepare(&sql).unwrap();
        let bound = params![5, kind.label(), 0, 0, 0, 10];
        let steps = explained.query_map(bound, |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        for step in &steps {
            assert!(
                !step.starts_with("SCAN") && !step.contains("TEMP B-TREE"),
                "{kind}: {steps:#?}"
            );
        }
    }
}

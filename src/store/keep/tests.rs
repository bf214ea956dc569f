//! What retention may delete, against the plain way of asking: all entries of all cases.

use std::collections::BTreeSet;

use super::*;
use crate::identity::{Grade, SubjectKind};
use crate::record::{Body, Entry, Hit};
use crate::store::Numbered;
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

/// A hit of somebody else that evidence names belongs to the case; a moment later it does not.
#[test]
fn what_evidence_names_stays_whosesoever_it_was() {
    let mut bench = Bench::with(&sample::ledger(2, 1200));
    let wide = format!("UPDATE heads SET opened = 0, updated = {}", i64::MAX);
    bench.store.db.execute_batch(&wide).unwrap();
    let named: Vec<(i64, String, String, String)> = bench
        .store
        .db
        .prepare(
            "SELECT e.time, e.name, h.vendor, h.vendor_name FROM evidence e
             JOIN cases c ON c.case_id = e.case_id JOIN heads h ON h.number = c.head
             WHERE e.counts
                AND NOT EXISTS (SELECT 1 FROM evidence n WHERE n.case_id = e.case_id
                    AND n.item = e.item AND n.number > e.number)
                AND NOT EXISTS (SELECT 1 FROM evidence n WHERE n.time = e.time + 1) LIMIT 5",
        )
        .unwrap()
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(!named.is_empty());
    for (time, name, vendor, vendor_name) in named {
        for (time, stays) in [(time, true), (time + 1, false)] {
            let number = bench.store.through();
            let id = format!("{number:024x}");
            let record = sample::record(&id, time, (&vendor, &vendor_name), &name, "tls-sni");
            let hit = Hit {
                record,
                subject: SubjectId::new("person-of-nobody-else".into()),
                subject_kind: SubjectKind::Person,
                grade: Grade::B,
                unit: None,
                site: None,
            };
            let (time, body) = (Timestamp(time), Body::Hit(Box::new(hit)));
            let hour = Timestamp(time.nanos().div_euclid(HOUR_NS) * HOUR_NS);
            let entry = Numbered::new(number, hour, Entry { time, body });
            bench.store.apply(&[entry]).unwrap();
            let far = Timestamp(i64::MAX);
            let free = in_pieces(&bench, Kind::Hit, far, 10_000);
            assert_eq!(!free.contains(&number), stays, "{name}");
        }
    }
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

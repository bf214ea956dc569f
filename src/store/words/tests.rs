//! What goes with a series, and what it costs to find out.

use super::*;
use crate::store::tests::{Bench, sample};

/// The plan of a statement, one line for each of its steps.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut explained = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = explained
        .query_map([1], |row| row.get::<_, String>(3))
        .unwrap();
    steps.map(Result::unwrap).collect()
}

#[test]
fn nothing_that_a_deletion_asks_looks_through_a_table() {
    let bench = Bench::new();
    for sql in [UNUSED_SUBJECT, &unused_word(), ENDS] {
        let plan = plan(&bench.store.db, sql);
        assert!(!plan.is_empty());
        let scans = plan.iter().filter(|step| step.starts_with("SCAN series"));
        assert_eq!(scans.count(), 0, "{plan:?}");
        assert!(
            plan.iter().all(|step| !step.starts_with("SCAN hits")),
            "{plan:?}"
        );
    }
    let enforced: bool = bench
        .store
        .db
        .query_row("PRAGMA foreign_keys", [], |row| row.get(0))
        .unwrap();
    assert!(!enforced, "each check would look through all series");
}

/// How often each text is used as a label, counted from the series.
fn counted(db: &Connection) -> Vec<(i64, i64)> {
    let uses = LABELS
        .iter()
        .map(|at| format!("SELECT {} AS word FROM series", COLUMNS[*at]))
        .collect::<Vec<_>>()
        .join(" UNION ALL ");
    let sql = format!(
        "SELECT id, (SELECT count(*) FROM ({uses}) WHERE word = id) FROM words ORDER BY id"
    );
    pairs(db, &sql)
}

fn pairs(db: &Connection, sql: &str) -> Vec<(i64, i64)> {
    let mut all = db.prepare(sql).unwrap();
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_uses_of_labels_are_counted_as_series_come_and_go() {
    let ledger = sample::ledger(13, 2000);
    let mut bench = Bench::with(&ledger);
    let kept = |bench: &Bench| {
        let kept = pairs(&bench.store.db, "SELECT id, labels FROM words ORDER BY id");
        assert_eq!(kept, counted(&bench.store.db));
        kept.iter().filter(|(_, uses)| *uses > 0).count()
    };
    let before = kept(&bench);
    assert!(before > 5, "the sample has labels of each sort");
    bench.store.forget(&(0..1500).collect::<Vec<_>>()).unwrap();
    assert!(kept(&bench) > 0);
    bench
        .store
        .forget(&(1500..2000).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(kept(&bench), 0);
}

#[test]
fn the_columns_with_and_without_an_index_are_all_of_them() {
    let mut all: Vec<&str> = LABELS.iter().map(|at| COLUMNS[*at]).collect();
    all.extend(INDEXED);
    all.push("subject");
    all.sort_unstable();
    let mut columns = COLUMNS;
    columns.sort_unstable();
    assert_eq!(all, columns);
}

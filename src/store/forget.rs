//! What was deleted from the ledger goes from the store.
//!
//! Enters: numbers of entries. Leaves: the store as if their payloads had never been there; the
//! same as a rebuild would make. Never: leaves a trace of them in a free page or in a backup; says
//! that the write-ahead log holds nothing of them before it was cut ([`cut`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Result};

use super::{Store, schema, triage, words};

/// Pace of cutting the write-ahead log while that is owed.
const CUT_EVERY: Duration = Duration::from_secs(5);

/// Tables that have rows of single entries, by the entry's number; `hits` and `heads` aside.
const TABLES: [&str; 8] = [
    "evidence",
    "steps",
    "attributions",
    "alerts",
    "acts",
    "coverage",
    "happenings",
    "frames",
];

pub(super) fn forget(store: &mut Store, numbers: &[u64]) -> std::result::Result<(), String> {
    if numbers.is_empty() {
        return Ok(());
    }
    let forgotten = forget_rows(&mut store.db, numbers);
    // Texts may be gone, and be given another number when they come again.
    store.words.clear();
    forgotten.map_err(|e| schema::fault(&store.path, &e))?;
    store.owed.is_owed = true;
    for backup in schema::backups(&store.path) {
        fs::remove_file(&backup).map_err(|e| {
            format!(
                "cannot delete {}, which holds what was deleted: {e}; delete it by hand",
                backup.display()
            )
        })?;
    }
    // The log is cut when somebody asks for it, or by and by: it may take its time.
    Ok(())
}

/// Pages of before lie in the write-ahead log until it is taken over and cut, which nobody who is in
/// the middle of a question allows.
#[derive(Default)]
pub(super) struct Owed {
    is_owed: bool,
    next: Option<Instant>,
    said: bool,
}

impl Owed {
    /// Of a store just opened: what a crash left in the log is not known.
    pub(super) fn at_open() -> Self {
        Self {
            is_owed: true,
            ..Self::default()
        }
    }
}

/// Cuts the write-ahead log, where that is owed.
pub(super) fn cut(store: &mut Store) -> std::result::Result<(), String> {
    if !store.owed.is_owed {
        return Ok(());
    }
    let busy = store
        .db
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(|e| schema::fault(&store.path, &e))?;
    if busy != 0 {
        return Err(format!(
            "the log of the store, {}-wal, still holds what was deleted: somebody reads the store, \
             and it is cut when they are done",
            store.path.display()
        ));
    }
    store.owed = Owed::default();
    Ok(())
}

/// Cuts it at a moderate pace, where that is owed.
pub(super) fn tend(store: &mut Store, now: Instant) {
    if !store.owed.is_owed || store.owed.next.is_some_and(|at| now < at) {
        return;
    }
    store.owed.next = Some(now + CUT_EVERY);
    if let Err(why) = at_once(store)
        && !std::mem::replace(&mut store.owed.said, true)
    {
        tracing::warn!("{why}");
    }
}

/// Cuts it without waiting for anybody who reads: hits would wait too.
fn at_once(store: &mut Store) -> std::result::Result<(), String> {
    let fault = |e: rusqlite::Error| schema::fault(&store.path, &e);
    let patience: u64 = store
        .db
        .pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0))
        .map_err(fault)?
        .unsigned_abs();
    store.db.busy_timeout(Duration::ZERO).map_err(fault)?;
    let done = cut(store);
    let again = store.db.busy_timeout(Duration::from_millis(patience));
    again.map_err(|e| schema::fault(&store.path, &e))?;
    done
}

fn forget_rows(db: &mut Connection, numbers: &[u64]) -> Result<()> {
    let change = db.transaction()?;
    let mut series = BTreeMap::new();
    let mut cases = BTreeSet::new();
    for number in numbers {
        forget_one(&change, number.cast_signed(), &mut series, &mut cases)?;
    }
    words::sweep(&change, &series)?;
    for case in &cases {
        triage::settle(&change, case)?;
    }
    change.commit()
}

fn forget_one(
    db: &Connection,
    number: i64,
    series: &mut BTreeMap<i64, i64>,
    cases: &mut BTreeSet<String>,
) -> Result<()> {
    let case: Option<Option<String>> = db
        .prepare_cached("SELECT case_id FROM entries WHERE number = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    cases.extend(case.flatten());
    let of_hit: Option<i64> = db
        .prepare_cached("DELETE FROM hits WHERE number = ?1 RETURNING series")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    if let Some(of) = of_hit {
        *series.entry(of).or_default() += 1;
    }
    for table in TABLES {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE number = ?1"))?
            .execute([number])?;
    }
    // The case's row points to it; it is settled afterwards.
    db.prepare_cached("UPDATE cases SET head = NULL WHERE head = ?1")?
        .execute([number])?;
    db.prepare_cached("DELETE FROM heads WHERE number = ?1")?
        .execute([number])?;
    db.prepare_cached(
        "UPDATE entries SET time = NULL, case_id = NULL, subject = NULL, vendor = NULL, deleted = 1
         WHERE number = ?1",
    )?
    .execute([number])?;
    Ok(())
}

//! What the desk asks the store: holds, what was told, and what retention may delete.
//!
//! Enters: times and bounds. Leaves: cases, numbers of entries. Never: anything of a case that is
//! open, or held, as something that may be deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, Result, Row, params};

use super::Store;
use super::apply::HOUR_NS;
use super::query::subjects;
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::Kind;

/// Kinds about a case that outlive it: who saw behind its pseudonym, what left the house.
const OUTLIVING: [Kind; 4] = [Kind::Unsealing, Kind::Export, Kind::Hold, Kind::Deletion];

impl Store {
    /// How long a write may wait for another process. While it waits, so does the desk.
    ///
    /// # Errors
    /// A sentence.
    pub fn patience(&self, wait: Duration) -> std::result::Result<(), String> {
        self.db.busy_timeout(wait).map_err(|e| self.fault(&e))
    }

    /// Cases under a hold that is in force at `now`.
    ///
    /// # Errors
    /// A sentence.
    pub fn held(&self, now: Timestamp) -> std::result::Result<Vec<String>, String> {
        let found = || -> Result<Vec<String>> {
            self.db
                .prepare_cached("SELECT case_id FROM cases WHERE held_until > ?1")?
                .query_map([now.nanos()], |row| row.get(0))?
                .collect()
        };
        found().map_err(|e| self.fault(&e))
    }

    /// Number of the newest entry of a kind whose payload is there. Not for hits.
    ///
    /// # Errors
    /// A sentence.
    pub fn newest(&self, kind: Kind) -> std::result::Result<Option<u64>, String> {
        let found = || -> Result<Option<i64>> {
            let sql = "SELECT max(number) FROM entries
                       WHERE kind = ?1 AND kind <> 'hit' AND deleted = 0";
            let mut asked = self.db.prepare_cached(sql)?;
            asked.query_row([kind.label()], |row| row.get(0))
        };
        let number = found().map_err(|e| self.fault(&e))?;
        Ok(number.map(i64::cast_unsigned))
    }

    /// Ids of the alerts on a case.
    ///
    /// # Errors
    /// A sentence.
    pub fn alerts(&self, case: &str) -> std::result::Result<Vec<String>, String> {
        let found = || -> Result<Vec<String>> {
            self.db
                .prepare_cached("SELECT alert ->> '$.id' FROM alerts WHERE case_id = ?1")?
                .query_map([case], |row| row.get(0))?
                .collect()
        };
        found().map_err(|e| self.fault(&e))
    }

    /// Closed cases without evidence since `before`, not held at `now`; at most `most`.
    ///
    /// # Errors
    /// A sentence.
    pub fn over(
        &self,
        before: Timestamp,
        now: Timestamp,
        most: u32,
    ) -> std::result::Result<Vec<String>, String> {
        let found = || -> Result<Vec<String>> {
            let sql = "SELECT c.case_id FROM cases c JOIN heads h ON h.number = c.head
                       WHERE h.closed IS NOT NULL AND h.updated < ?1 AND c.held_until <= ?2
                       ORDER BY h.updated LIMIT ?3";
            let bound = params![before.nanos(), now.nanos(), most];
            let mut asked = self.db.prepare_cached(sql)?;
            let cases = asked.query_map(bound, |row| row.get(0))?;
            cases.collect()
        };
        found().map_err(|e| self.fault(&e))
    }

    /// What goes with a case: its own entries and its hits, but not those of another case; and with
    /// a subject's last case, what is sealed of the subject. What people did to see behind it, or to
    /// take it out of the house, stays for its own time.
    ///
    /// # Errors
    /// A sentence.
    pub fn goes_with(&self, case: &str) -> std::result::Result<Vec<u64>, String> {
        goes_with(&self.db, case).map_err(|e| self.fault(&e))
    }

    /// Numbers of entries of a kind of before `before` whose payload is there and that belong to no
    /// case; oldest first, at most `most`.
    ///
    /// # Errors
    /// A sentence.
    pub fn free(
        &self,
        kind: Kind,
        before: Timestamp,
        most: usize,
    ) -> std::result::Result<Vec<u64>, String> {
        free(&self.db, kind, before, most).map_err(|e| self.fault(&e))
    }
}

fn number(row: &Row<'_>) -> Result<u64> {
    Ok(row.get::<_, i64>(0)?.cast_unsigned())
}

fn goes_with(db: &Connection, case: &str) -> Result<Vec<u64>> {
    let mut going: BTreeSet<u64> = subjects::entries_of(db, case)?.into_iter().collect();
    for kind in OUTLIVING {
        let mut asked =
            db.prepare_cached("SELECT number FROM entries WHERE case_id = ?1 AND kind = ?2")?;
        for stays in asked.query_map([case, kind.label()], number)? {
            going.remove(&stays?);
        }
    }
    for other in neighbours(db, case)? {
        for stays in subjects::entries_of(db, &other)? {
            going.remove(&stays);
        }
    }
    for subject in subjects_of(db, case)? {
        let mut others = db.prepare_cached(
            "SELECT count(*) FROM cases c JOIN heads h ON h.number = c.head
             WHERE c.case_id <> ?2 AND (c.subject = ?1 OR c.case_id IN
                (SELECT case_id FROM attributions WHERE subject = ?1))",
        )?;
        let others: i64 = others.query_row([&subject, case], |row| row.get(0))?;
        if others == 0 {
            going.extend(subjects::sealed(db, &SubjectId::new(subject))?);
        }
    }
    Ok(going.into_iter().collect())
}

/// Everybody whom a case was ever about.
fn subjects_of(db: &Connection, case: &str) -> Result<Vec<String>> {
    db.prepare_cached(
        "SELECT subject FROM heads WHERE case_id = ?1
         UNION SELECT subject FROM attributions WHERE case_id = ?1",
    )?
    .query_map([case], |row| row.get(0))?
    .collect()
}

/// Other cases of the same vendor and of one of its subjects: a hit may be evidence of both.
fn neighbours(db: &Connection, case: &str) -> Result<Vec<String>> {
    db.prepare_cached(
        "SELECT DISTINCT other.case_id FROM cases c JOIN heads h ON h.number = c.head
         JOIN attributions mine ON mine.case_id = c.case_id
         JOIN attributions other ON other.subject = mine.subject AND other.case_id <> c.case_id
         JOIN cases o ON o.case_id = other.case_id
         JOIN heads oh ON oh.number = o.head AND oh.vendor = h.vendor
         WHERE c.case_id = ?1",
    )?
    .query_map([case], |row| row.get(0))?
    .collect()
}

fn free(db: &Connection, kind: Kind, before: Timestamp, most: usize) -> Result<Vec<u64>> {
    // Only cases that began before then can hold what is so old.
    let cases: Vec<String> = db
        .prepare_cached(
            "SELECT c.case_id FROM cases c JOIN heads h ON h.number = c.head WHERE h.opened < ?1",
        )?
        .query_map([before.nanos()], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut stays = BTreeSet::new();
    for case in cases {
        stays.extend(subjects::entries_of(db, &case)?);
    }
    let hour = before.nanos().div_euclid(HOUR_NS);
    let (sql, bound) = match kind {
        Kind::Hit => (
            "SELECT number FROM hits WHERE time < ?1 AND ?2 <> '' ORDER BY time",
            hour.saturating_mul(HOUR_NS),
        ),
        _ => (
            "SELECT number FROM entries WHERE kind = ?2 AND kind <> 'hit' AND deleted = 0
             AND hour < ?1 ORDER BY hour, number",
            hour,
        ),
    };
    let mut asked = db.prepare_cached(sql)?;
    let all = asked.query_map(params![bound, kind.label()], number)?;
    let free = all.filter(|it| it.as_ref().map_or(true, |it| !stays.contains(it)));
    free.take(most).collect()
}

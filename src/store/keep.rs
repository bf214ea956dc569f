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

    /// Numbers of the entries that hold what is sealed of a subject.
    ///
    /// # Errors
    /// A sentence.
    pub fn sealed(&self, subject: &SubjectId) -> std::result::Result<Vec<u64>, String> {
        subjects::sealed(&self.db, subject).map_err(|e| self.fault(&e))
    }

    /// Looks at so many cases behind `from`, in the order of their ids: those that are closed,
    /// without evidence since `before`, and not held at `now`.
    ///
    /// # Errors
    /// A sentence.
    pub fn over(
        &self,
        (before, now): (Timestamp, Timestamp),
        from: &str,
        most: u32,
    ) -> std::result::Result<Over, String> {
        over(&self.db, (before, now), from, most).map_err(|e| self.fault(&e))
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

    /// Looks at so many entries of a kind of before `before` behind `from`, the oldest first: those
    /// whose payload is there and that belong to no case.
    ///
    /// # Errors
    /// A sentence.
    pub fn free(
        &self,
        kind: Kind,
        before: Timestamp,
        from: Place,
        most: u32,
    ) -> std::result::Result<Free, String> {
        free(&self.db, kind, before, from, most).map_err(|e| self.fault(&e))
    }
}

/// How far a look at entries went: time or hour, series, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place([i64; 3]);

impl Place {
    /// Before the first.
    pub const START: Self = Self([i64::MIN; 3]);
}

/// What a look at entries found.
#[derive(Debug, PartialEq, Eq)]
pub struct Free {
    /// Numbers of entries that may go.
    pub numbers: Vec<u64>,
    /// Where the next look goes on; `None`: all were looked at.
    pub next: Option<Place>,
}

/// What a look at cases found.
#[derive(Debug, PartialEq, Eq)]
pub struct Over {
    /// Cases whose time is over.
    pub cases: Vec<String>,
    /// Behind which the next look goes on; `None`: all were looked at.
    pub next: Option<String>,
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

fn over(
    db: &Connection,
    (before, now): (Timestamp, Timestamp),
    from: &str,
    most: u32,
) -> Result<Over> {
    let sql = "SELECT c.case_id, h.closed IS NOT NULL AND h.updated < ?1 AND c.held_until <= ?2
               FROM cases c LEFT JOIN heads h ON h.number = c.head
               WHERE c.case_id > ?3 ORDER BY c.case_id LIMIT ?4";
    let mut asked = db.prepare_cached(sql)?;
    let bound = params![before.nanos(), now.nanos(), from, most];
    let looked = asked.query_map(bound, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let looked: Vec<(String, bool)> = looked.collect::<Result<_>>()?;
    let full = looked.len() >= most as usize;
    let next = looked.last().filter(|_| full).map(|(case, _)| case.clone());
    let cases = looked.into_iter().filter(|(_, over)| *over);
    Ok(Over {
        cases: cases.map(|(case, _)| case).collect(),
        next,
    })
}

/// Does hit `i` belong to a case? What [`hits::scope`](super::query::hits) asks from the side of the
/// case, from the side of the hit: of its vendor and time, and of a subject that the case is or was
/// about, or named by evidence.
const OF_CASE: &str = "EXISTS (
    SELECT 1 FROM series s JOIN subjects u ON u.id = s.subject
        JOIN words v ON v.id = s.vendor JOIN words n ON n.id = s.name
    WHERE s.id = i.series AND (
        EXISTS (SELECT 1 FROM cases c JOIN heads h ON h.number = c.head
            WHERE c.subject = u.pseudonym AND h.vendor = v.text
            AND i.time BETWEEN h.opened AND h.updated)
        OR EXISTS (SELECT 1 FROM attributions a JOIN cases c ON c.case_id = a.case_id
                JOIN heads h ON h.number = c.head
            WHERE a.subject = u.pseudonym AND h.vendor = v.text
            AND i.time BETWEEN h.opened AND h.updated)
        OR EXISTS (SELECT 1 FROM evidence e JOIN cases c ON c.case_id = e.case_id
                JOIN heads h ON h.number = c.head
            WHERE e.time = i.time AND e.name = n.text AND h.vendor = v.text
            AND i.time BETWEEN h.opened AND h.updated
            AND e.counts AND e.number = (SELECT max(newer.number) FROM evidence newer
                WHERE newer.case_id = e.case_id AND newer.item = e.item))))";

/// Entries of a kind, and whether each belongs to a case: what it costs does not grow with the
/// number of cases.
fn looked(kind: Kind) -> String {
    if kind == Kind::Hit {
        return format!(
            "SELECT i.number, i.time, i.series, {OF_CASE}
             FROM hits i INDEXED BY hits_time
             WHERE i.time < ?1 AND i.time >= ?3 AND (i.time, i.series, i.number) > (?3, ?4, ?5)
                AND ?2 <> '' ORDER BY i.time, i.series, i.number LIMIT ?6"
        );
    }
    let of_case = match kind {
        Kind::Frame => format!(
            "EXISTS (SELECT 1 FROM frames f JOIN hits i ON i.id = f.hit
                WHERE f.number = e.number AND {OF_CASE})"
        ),
        _ => "EXISTS (SELECT 1 FROM cases c WHERE c.case_id = e.case_id AND c.head IS NOT NULL)"
            .into(),
    };
    format!(
        "SELECT e.number, e.hour, 0, {of_case} FROM entries e
         WHERE e.kind = ?2 AND e.kind <> 'hit' AND e.deleted = 0 AND e.hour < ?1
            AND e.hour >= ?3 AND (e.hour, 0, e.number) > (?3, ?4, ?5) ORDER BY e.hour, e.number LIMIT ?6"
    )
}

fn free(
    db: &Connection,
    kind: Kind,
    before: Timestamp,
    Place([time, series, number]): Place,
    most: u32,
) -> Result<Free> {
    let hour = before.nanos().div_euclid(HOUR_NS);
    let until = match kind {
        Kind::Hit => hour.saturating_mul(HOUR_NS),
        _ => hour,
    };
    let mut asked = db.prepare_cached(&looked(kind))?;
    let bound = params![until, kind.label(), time, series, number, most];
    let mut rows = asked.query(bound)?;
    let (mut numbers, mut last, mut count) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        last = Some(Place([row.get(1)?, row.get(2)?, number]));
        count += 1;
        if !row.get::<_, bool>(3)? {
            numbers.push(number.cast_unsigned());
        }
    }
    Ok(Free {
        numbers,
        next: last.filter(|_| count == most),
    })
}

#[cfg(test)]
mod tests;

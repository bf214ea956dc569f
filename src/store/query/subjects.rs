//! Which entries belong to a case, to a subject, and which retention may delete.
//!
//! Enters: a case, a pseudonym, a kind and a time. Leaves: numbers of entries. Never: an entry of a
//! case under a hold as one that may be deleted.

use std::collections::BTreeSet;

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, Result, params};

use super::hits;
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::Kind;
use crate::store::apply::{HOUR_NS, id_of};
use crate::store::filter::Value;
use crate::store::shown::SubjectEntries;

/// All entries of a case: its own, its hits and their frames.
pub fn entries_of(db: &Connection, case: &str) -> Result<Vec<u64>> {
    let mut found = BTreeSet::new();
    let own = db
        .prepare_cached("SELECT number FROM entries WHERE case_id = ?1")?
        .query_map([case], number)?
        .collect::<Result<Vec<u64>>>()?;
    found.extend(own);
    found.extend(hits_of(db, case)?);
    Ok(found.into_iter().collect())
}

fn number(row: &rusqlite::Row<'_>) -> Result<u64> {
    Ok(row.get::<_, i64>(0)?.cast_unsigned())
}

/// Hits of a case, and the entries that hold their frames.
fn hits_of(db: &Connection, case: &str) -> Result<Vec<u64>> {
    let scope = hits::scope(db, &Value::Text(case.to_owned()))?;
    let sql = format!(
        "SELECT i.number FROM series s JOIN hits i ON i.series = s.id
         WHERE {} AND i.time >= ? AND i.time < ? AND {}",
        scope.series.sql, scope.hit.sql
    );
    let span = [scope.span.0, scope.span.1].map(Bound::Integer);
    let bound = scope.series.bound.into_iter().chain(span);
    let bound: Vec<Bound> = bound.chain(scope.hit.bound).collect();
    let mut found: Vec<u64> = db
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(&bound), number)?
        .collect::<Result<_>>()?;
    let frames = format!(
        "SELECT f.number FROM ({sql}) its JOIN hits i ON i.number = its.number
         JOIN frames f ON f.hit = i.id"
    );
    let frames = db
        .prepare_cached(&frames)?
        .query_map(rusqlite::params_from_iter(&bound), number)?
        .collect::<Result<Vec<u64>>>()?;
    found.extend(frames);
    Ok(found)
}

pub fn of_subject(db: &Connection, subject: &SubjectId) -> Result<SubjectEntries> {
    let subject = subject.as_str();
    let own: BTreeSet<u64> = db
        .prepare_cached(
            "SELECT number FROM entries WHERE subject = ?1
             UNION SELECT i.number FROM subjects u JOIN series s ON s.subject = u.id
                JOIN hits i ON i.series = s.id WHERE u.pseudonym = ?1",
        )?
        .query_map([subject], number)?
        .collect::<Result<_>>()?;
    let cases: Vec<String> = db
        .prepare_cached(
            "SELECT case_id FROM cases WHERE subject = ?1
             UNION SELECT case_id FROM heads WHERE subject = ?1
             UNION SELECT case_id FROM attributions WHERE subject = ?1 ORDER BY 1",
        )?
        .query_map([subject], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut of_cases = BTreeSet::new();
    for case in &cases {
        of_cases.extend(entries_of(db, case)?);
    }
    Ok(SubjectEntries {
        own: own.into_iter().collect(),
        cases,
        of_cases: of_cases.into_iter().collect(),
    })
}

pub fn due(
    db: &Connection,
    kind: Kind,
    before: Timestamp,
    now: Timestamp,
    rows: u32,
) -> Result<Vec<u64>> {
    let held = held(db, now)?;
    let hour = before.nanos().div_euclid(HOUR_NS);
    let (sql, bound) = if kind == Kind::Hit {
        let sql = "SELECT number FROM hits INDEXED BY hits_time WHERE time < ?1 ORDER BY time";
        (sql, vec![Bound::Integer(hour.saturating_mul(HOUR_NS))])
    } else {
        let sql = "SELECT number FROM entries
             WHERE kind = ?2 AND kind <> 'hit' AND deleted = 0 AND hour < ?1 ORDER BY hour, number";
        let kind = Bound::Text(kind.label().to_owned());
        (sql, vec![Bound::Integer(hour), kind])
    };
    let mut found = db.prepare_cached(sql)?;
    let all = found.query_map(rusqlite::params_from_iter(bound), number)?;
    let free = all.filter(|it| it.as_ref().map_or(true, |it| !held.contains(it)));
    free.take(rows as usize).collect()
}

/// Entries of cases under a hold, their hits, and what is sealed of their subjects.
fn held(db: &Connection, now: Timestamp) -> Result<BTreeSet<u64>> {
    let cases: Vec<String> = db
        .prepare_cached("SELECT case_id FROM cases WHERE held_until > ?1")?
        .query_map([now.nanos()], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut held = BTreeSet::new();
    for case in cases {
        held.extend(entries_of(db, &case)?);
        let sealed = db
            .prepare_cached(
                "SELECT e.number FROM entries e WHERE e.kind = 'sealed' AND e.subject IN
                    (SELECT subject FROM cases WHERE case_id = ?1
                     UNION SELECT subject FROM attributions WHERE case_id = ?1)",
            )?
            .query_map([&case], number)?
            .collect::<Result<Vec<u64>>>()?;
        held.extend(sealed);
    }
    Ok(held)
}

pub fn sealed(db: &Connection, subject: &SubjectId) -> Result<Vec<u64>> {
    db.prepare_cached(
        "SELECT number FROM entries WHERE subject = ?1 AND kind IN ('sealed', 'frame')
            AND deleted = 0 ORDER BY number",
    )?
    .query_map([subject.as_str()], number)?
    .collect()
}

pub fn frames(db: &Connection, hit: &str) -> Result<Vec<u64>> {
    db.prepare_cached("SELECT number FROM frames WHERE hit = ?1 ORDER BY number")?
        .query_map(params![id_of(hit)], number)?
        .collect()
}

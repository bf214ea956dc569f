//! Which entries belong to a case, to a subject.
//!
//! Enters: a case, a pseudonym, a kind and a time. Leaves: numbers of entries. Never: an entry of a
//! case under a hold as one that may be deleted.

use std::collections::BTreeSet;

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, Result, params};

use super::hits;
use crate::hits::SubjectId;
use crate::store::apply::id_of;
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

//! Lists of hits, newest first, fast whatever the filter.
//!
//! Enters: a filter, a page. Leaves: rows. Never: sorts or counts all that fits.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::search::{Bounds, Search};

use crate::base::{Timestamp, hex};
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::store::apply::id_of;
use crate::store::filter::sql::{self, Condition, HitPlan, Scope};
use crate::store::filter::{HitFilter, Value};
use crate::store::schema;
use crate::store::shown::{Cursor, HitRow, Listing, Page, ROWS_MAX};
use crate::store::written::label;

pub fn list(
    db: &Connection,
    filter: &HitFilter,
    page: Page,
    now: Timestamp,
    bounds: Bounds,
) -> Result<Listing<HitRow>> {
    let plan = plan(db, filter, now)?;
    let rows = page.rows.min(ROWS_MAX) as usize;
    let search = Search::begin(db, &plan, page.after, bounds)?;
    let mut found = search.newest(rows + 1)?;
    let total = search.count()?;
    let more = found.len() > rows;
    found.truncate(rows);
    let next = found.last().filter(|_| more).map(|at| Cursor {
        time: at.0,
        number: at.1.cast_unsigned(),
    });
    let rows = found
        .iter()
        .map(|(_, number)| row(db, *number))
        .collect::<Result<_>>()?;
    Ok(Listing { rows, total, next })
}

/// Hits from entry `from` on, in the order of the ledger; and the number to go on from.
pub fn tail(
    db: &Connection,
    filter: &HitFilter,
    from: u64,
    rows: u32,
    now: Timestamp,
) -> Result<(Vec<HitRow>, u64)> {
    let plan = plan(db, filter, now)?;
    let rows = rows.min(ROWS_MAX);
    let single = plan.single.clone().unwrap_or_else(Condition::always);
    let sql = format!(
        "SELECT i.number FROM hits i CROSS JOIN series s ON s.id = i.series
         WHERE i.number >= ? AND i.time >= ? AND i.time < ? AND {} AND {}
         ORDER BY i.number LIMIT ?",
        plan.series.sql, single.sql
    );
    let bound = [from.cast_signed(), plan.from, plan.until].map(Bound::Integer);
    let bound = bound.into_iter().chain(plan.series.bound);
    let bound = bound.chain(single.bound).chain([Bound::from(rows)]);
    let numbers: Vec<i64> = db
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(bound), |row| row.get(0))?
        .collect::<Result<_>>()?;
    let full = numbers.len() == rows as usize;
    let next = match numbers.last() {
        Some(last) if full => last.cast_unsigned() + 1,
        _ => schema::through(db)?.max(from),
    };
    let found = numbers.iter().map(|number| row(db, *number));
    Ok((found.collect::<Result<_>>()?, next))
}

pub fn one(db: &Connection, id: &str) -> Result<Option<HitRow>> {
    let number = db
        .prepare_cached("SELECT number FROM hits WHERE id = ?1 ORDER BY number LIMIT 1")?
        .query_row(params![id_of(id)], |row| row.get(0))
        .optional()?;
    number.map(|number| row(db, number)).transpose()
}

/// Takes the filter apart, with what is known of the cases that it names.
fn plan(db: &Connection, filter: &HitFilter, now: Timestamp) -> Result<HitPlan> {
    let mut scopes: Vec<(&Value, Scope)> = Vec::new();
    for case in filter.cases() {
        scopes.push((case, scope(db, case)?));
    }
    let of = |case: &Value| {
        let known = scopes.iter().find(|(it, _)| *it == case);
        known.map_or_else(nothing, |(_, scope)| scope.clone())
    };
    Ok(sql::hits(filter, now, &of))
}

/// Subjects that a case (bound twice) is or was about.
const SUBJECTS: &str = "SELECT subject FROM cases WHERE case_id = ?
    UNION SELECT subject FROM attributions WHERE case_id = ?";

/// Of evidence `e`: it is the newest of its item, and counts.
const COUNTS: &str = "e.counts AND e.number = (SELECT max(n.number) FROM evidence n
    WHERE n.case_id = e.case_id AND n.item = e.item)";

/// Hits of a case: of its vendor, between its first and newest evidence, of a subject that it is or
/// was about; and those that its evidence names by time and name, whosesoever they were.
pub(super) fn scope(db: &Connection, case: &Value) -> Result<Scope> {
    let Value::Text(id) = case else {
        return Ok(nothing());
    };
    let head: Option<(String, i64, i64)> = db
        .prepare_cached(
            "SELECT h.vendor, h.opened, h.updated FROM cases c JOIN heads h ON h.number = c.head
             WHERE c.case_id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((vendor, opened, updated)) = head else {
        return Ok(nothing());
    };
    let id = || Bound::Text(id.clone());
    let subjects =
        format!("s.subject IN (SELECT id FROM subjects WHERE pseudonym IN ({SUBJECTS}))");
    let names = "s.name IN (SELECT id FROM words WHERE text IN
        (SELECT name FROM evidence WHERE case_id = ?))";
    let vendors = "s.vendor = (SELECT id FROM words WHERE text = ?)";
    let until = updated.saturating_add(1);
    Ok(Scope {
        series: Condition {
            sql: format!("({vendors} AND ({subjects} OR {names}))"),
            bound: vec![Bound::Text(vendor.clone()), id(), id(), id()],
        },
        hit: Condition {
            sql: format!(
                "({vendors} AND ((i.time >= ? AND i.time < ? AND {subjects}) OR EXISTS (
                    SELECT 1 FROM evidence e WHERE e.case_id = ? AND e.time = i.time AND {COUNTS}
                    AND e.name = (SELECT text FROM words WHERE id = s.name))))"
            ),
            bound: vec![
                Bound::Text(vendor),
                Bound::Integer(opened),
                Bound::Integer(until),
                id(),
                id(),
                id(),
            ],
        },
        span: (opened, until),
    })
}

/// Of a case that there is not.
fn nothing() -> Scope {
    let never = || Condition {
        sql: "0".into(),
        bound: Vec::new(),
    };
    Scope {
        series: never(),
        hit: never(),
        span: (0, 0),
    }
}

/// A hit as it is shown.
fn row(db: &Connection, number: i64) -> Result<HitRow> {
    let mut row = db
        .prepare_cached(
            "SELECT i.number, i.id, i.time, v.text, vn.text, n.text, se.text, r.text, sv.text,
                ru.text, p.text, i.frame, i.repeats, su.pseudonym, k.text, g.text, u.text, si.text
             FROM hits i JOIN series s ON s.id = i.series
             JOIN words v ON v.id = s.vendor JOIN words vn ON vn.id = s.vendor_name
             JOIN words n ON n.id = s.name JOIN words se ON se.id = s.seen
             JOIN words r ON r.id = s.role JOIN words sv ON sv.id = s.severity
             JOIN words ru ON ru.id = s.rule JOIN words p ON p.id = s.point
             JOIN subjects su ON su.id = s.subject JOIN words k ON k.id = s.subject_kind
             JOIN words g ON g.id = s.grade JOIN words u ON u.id = s.unit
             JOIN words si ON si.id = s.site
             WHERE i.number = ?1",
        )?
        .query_row([number], read)?;
    if let Some((case, evidence)) = case_of(db, &row)? {
        row.case = Some(case);
        row.evidence = evidence;
    }
    Ok(row)
}

fn read(row: &Row<'_>) -> Result<HitRow> {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Ok(HitRow {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        id: id_text(row.get(1)?),
        time: Timestamp(row.get(2)?),
        vendor: row.get(3)?,
        vendor_name: row.get(4)?,
        name: row.get(5)?,
        seen: row.get(6)?,
        role: row.get(7)?,
        severity: row.get(8)?,
        rule: row.get(9)?,
        point: row.get(10)?,
        frame: row.get::<_, i64>(11)?.cast_unsigned(),
        repeats: row.get::<_, i64>(12)?.cast_unsigned(),
        subject: SubjectId::new(row.get(13)?),
        subject_kind: label(row, 14, SubjectKind::ALL, SubjectKind::label)?,
        grade: label(row, 15, Grade::ALL, Grade::label)?,
        unit: some(row.get(16)?),
        site: some(row.get(17)?),
        case: None,
        evidence: None,
    })
}

/// An `event.id` again.
fn id_text(id: Bound) -> String {
    match id {
        Bound::Blob(bytes) => hex::encode(&bytes),
        Bound::Text(text) => text,
        _ => String::new(),
    }
}

/// The case of a hit: the one that has it as evidence, else the one of its vendor and subject at
/// that time.
fn case_of(db: &Connection, hit: &HitRow) -> Result<Option<(String, Option<u32>)>> {
    let exact = db
        .prepare_cached(&format!(
            "SELECT e.case_id, e.item FROM evidence e
             JOIN cases c ON c.case_id = e.case_id JOIN heads h ON h.number = c.head
             WHERE e.time = ?1 AND e.name = ?2 AND h.vendor = ?3 AND {COUNTS}
             ORDER BY (h.subject = ?4) DESC, (e.point = ?5) DESC, e.number DESC LIMIT 1"
        ))?
        .query_row(
            params![
                hit.time.nanos(),
                hit.name,
                hit.vendor,
                hit.subject.as_str(),
                hit.point
            ],
            |row| Ok((row.get(0)?, Some(row.get(1)?))),
        )
        .optional()?;
    if exact.is_some() {
        return Ok(exact);
    }
    db.prepare_cached(
        "SELECT c.case_id FROM (SELECT case_id FROM cases WHERE subject = ?1
            UNION SELECT case_id FROM attributions WHERE subject = ?1) about
         JOIN cases c ON c.case_id = about.case_id JOIN heads h ON h.number = c.head
         WHERE h.vendor = ?2 AND h.opened <= ?3 AND h.updated >= ?3
         ORDER BY (h.subject = ?1) DESC, h.opened DESC LIMIT 1",
    )?
    .query_row(
        params![hit.subject.as_str(), hit.vendor, hit.time.nanos()],
        |row| Ok((row.get(0)?, None)),
    )
    .optional()
}

//! Lists of hits, newest first, fast whatever the filter.
//!
//! Enters: a filter, a page. Leaves: rows. Never: sorts or counts all that fits.
//!
//! A filter decides of nearly every hit by its series ([`words`](crate::store::words)), and series
//! are few. Each knows its oldest and newest hit, so the newest rows of any set of series are found
//! by looking into as many series as there are rows on a page: the one with the newest hit first,
//! until no other can have a newer one than those found. Behind a bound of time a series' newest hit
//! is not known without a look; are there too many to look into all, the hits are walked backwards
//! in time instead, where with so many series most of them fit.

use std::collections::HashSet;

use rusqlite::types::Value as Bound;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, params};

use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::store::apply::id_of;
use crate::store::filter::sql::{self, Condition, HitPlan, Scope};
use crate::store::filter::{HitFilter, Value};
use crate::store::schema;
use crate::store::shown::{COUNT_MAX, Cursor, HitRow, Listing, Page, ROWS_MAX, Total};
use crate::store::written::label;

/// Into so many series whose newest hit is not known is looked one by one.
const LOOKS_MAX: usize = 4000;
/// So many hits are walked over before they are looked into after all.
const WALK_MAX: usize = 200_000;

pub fn list(
    db: &Connection,
    filter: &HitFilter,
    page: Page,
    now: Timestamp,
) -> Result<Listing<HitRow>> {
    let plan = plan(db, filter, now)?;
    let rows = page.rows.min(ROWS_MAX) as usize;
    let search = Search::begin(db, &plan, page.after)?;
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

/// A series that may have hits that fit.
struct Series {
    id: i64,
    count: u64,
    first: i64,
    last: i64,
}

/// A search in progress.
struct Search<'a> {
    db: &'a Connection,
    plan: &'a HitPlan,
    /// Rows begin behind this one.
    after: (i64, i64),
    /// Those that fit; `None`: all do.
    series: Option<Vec<Series>>,
}

impl<'a> Search<'a> {
    fn begin(db: &'a Connection, plan: &'a HitPlan, after: Option<Cursor>) -> Result<Self> {
        let after = after.map_or((i64::MAX, i64::MAX), |at| {
            (at.time, at.number.cast_signed())
        });
        let all = plan.series == Condition::always() && plan.single.is_none();
        let series = if all { None } else { Some(fitting(db, plan)?) };
        Ok(Self {
            db,
            plan,
            after,
            series,
        })
    }

    /// The first nanosecond after the newest that a row may have.
    fn until(&self) -> i64 {
        self.plan.until.min(self.after.0.saturating_add(1))
    }

    /// Times and numbers of the newest rows.
    fn newest(&self, rows: usize) -> Result<Vec<(i64, i64)>> {
        let Some(series) = &self.series else {
            return self.newest_of_all(rows);
        };
        let until = self.until();
        let unknown = series.iter().filter(|it| it.last >= until).count();
        if unknown > LOOKS_MAX
            && self.plan.single.is_none()
            && let Some(found) = self.walk(series, rows)?
        {
            return Ok(found);
        }
        self.look(series, rows)
    }

    fn newest_of_all(&self, rows: usize) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT i.time, i.number FROM hits i INDEXED BY hits_time
             WHERE i.time >= ?1 AND i.time < ?2 AND (i.time, i.number) < (?3, ?4)
             ORDER BY i.time DESC, i.number DESC LIMIT ?5";
        let bound = params![
            self.plan.from,
            self.until(),
            self.after.0,
            self.after.1,
            i64::try_from(rows).unwrap_or(i64::MAX),
        ];
        let mut statement = self.db.prepare_cached(sql)?;
        let found = statement.query_map(bound, |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.collect()
    }

    /// Looks into one series after the other.
    fn look(&self, series: &[Series], rows: usize) -> Result<Vec<(i64, i64)>> {
        let until = self.until();
        let newest = |it: &Series| it.last.min(until.saturating_sub(1));
        let mut order: Vec<&Series> = series.iter().filter(|it| it.first < until).collect();
        order.sort_unstable_by_key(|it| std::cmp::Reverse((newest(it), it.id)));
        let mut top: Vec<(i64, i64)> = Vec::new();
        let mut from = self.plan.from;
        let (mut statement, single) = self.of_one_series("i.time, i.number", true)?;
        for it in order {
            if top.len() >= rows && newest(it) < from {
                break;
            }
            let mut bound = vec![Bound::Integer(it.id)];
            bound.extend([from, until, self.after.0, self.after.1].map(Bound::Integer));
            bound.extend(single.iter().cloned());
            bound.push(Bound::Integer(i64::try_from(rows).unwrap_or(i64::MAX)));
            let more = statement.query_map(rusqlite::params_from_iter(bound), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            for at in more {
                top.push(at?);
            }
            top.sort_unstable_by(|a, b| b.cmp(a));
            top.truncate(rows);
            if let (Some(last), true) = (top.last(), top.len() >= rows) {
                from = from.max(last.0);
            }
        }
        Ok(top)
    }

    /// Hits of one series that fit, newest first; and what its condition binds behind the bounds.
    fn of_one_series(
        &self,
        columns: &str,
        sorted: bool,
    ) -> Result<(CachedStatement<'a>, Vec<Bound>)> {
        let (join, condition) = match &self.plan.single {
            Some(single) => ("JOIN series s ON s.id = i.series", single.clone()),
            None => ("", Condition::always()),
        };
        let order = if sorted {
            "ORDER BY i.time DESC, i.number DESC"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {columns} FROM hits i INDEXED BY hits_series {join}
             WHERE i.series = ? AND i.time >= ? AND i.time < ? AND (i.time, i.number) < (?, ?)
             AND {} {order} LIMIT ?",
            condition.sql
        );
        Ok((self.db.prepare_cached(&sql)?, condition.bound))
    }

    /// Walks backwards in time; `None`: for too long.
    fn walk(&self, series: &[Series], rows: usize) -> Result<Option<Vec<(i64, i64)>>> {
        let wanted: HashSet<i64> = series.iter().map(|it| it.id).collect();
        let mut statement = self.db.prepare_cached(
            "SELECT i.time, i.number, i.series FROM hits i INDEXED BY hits_time
             WHERE i.time >= ?1 AND i.time < ?2 AND (i.time, i.number) < (?3, ?4)
             ORDER BY i.time DESC, i.number DESC",
        )?;
        let mut walked = statement.query(params![
            self.plan.from,
            self.until(),
            self.after.0,
            self.after.1
        ])?;
        let mut found = Vec::new();
        for _ in 0..WALK_MAX {
            let Some(row) = walked.next()? else {
                return Ok(Some(found));
            };
            if wanted.contains(&row.get(2)?) {
                found.push((row.get(0)?, row.get(1)?));
                if found.len() >= rows {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// How many fit, on all pages.
    fn count(&self) -> Result<Total> {
        let all;
        let series = match &self.series {
            Some(series) => series,
            None => {
                all = fitting(self.db, self.plan)?;
                &all
            }
        };
        let (from, until) = (self.plan.from, self.plan.until);
        let whole =
            |it: &&Series| self.plan.single.is_none() && it.first >= from && it.last < until;
        let (inside, parts): (Vec<&Series>, Vec<&Series>) = series.iter().partition(whole);
        let mut total: u64 = inside.iter().map(|it| it.count).sum();
        if parts.is_empty() {
            return Ok(Total::Exactly(total));
        }
        let counted = Self {
            after: (i64::MAX, i64::MAX),
            series: None,
            ..*self
        };
        let (mut statement, single) = counted.of_one_series("1", false)?;
        for it in parts {
            if total > COUNT_MAX {
                break;
            }
            let mut bound = vec![Bound::Integer(it.id)];
            bound.extend([from, until, i64::MAX, i64::MAX].map(Bound::Integer));
            bound.extend(single.iter().cloned());
            bound.push(Bound::Integer((COUNT_MAX + 1 - total).cast_signed()));
            let mut rows = statement.query(rusqlite::params_from_iter(bound))?;
            while rows.next()?.is_some() {
                total += 1;
            }
        }
        Ok(if total > COUNT_MAX {
            Total::MoreThan(COUNT_MAX)
        } else {
            Total::Exactly(total)
        })
    }
}

/// Series that may have hits that fit.
fn fitting(db: &Connection, plan: &HitPlan) -> Result<Vec<Series>> {
    let sql = format!(
        "SELECT s.id, s.count, s.first, s.last FROM series s
         WHERE {} AND s.last >= ? AND s.first < ?",
        plan.series.sql
    );
    let bound = plan.series.bound.iter().cloned();
    let bound = bound.chain([plan.from, plan.until].map(Bound::Integer));
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(rusqlite::params_from_iter(bound), |row| {
        Ok(Series {
            id: row.get(0)?,
            count: row.get::<_, i64>(1)?.unsigned_abs(),
            first: row.get(2)?,
            last: row.get(3)?,
        })
    })?;
    found.collect()
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
    use std::fmt::Write as _;
    match id {
        Bound::Blob(bytes) => bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
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

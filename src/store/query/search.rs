//! Finds the newest hits that fit a filter, and how many there are, whatever the filter.
//!
//! Enters: a filter taken apart, where the page begins. Leaves: times and numbers of hits. Never:
//! sorts or counts all that fits.
//!
//! A filter decides of nearly every hit by its series ([`words`](crate::store::words)), and series
//! are fewer. Each knows its oldest and its newest hit. So:
//!
//! - The newest rows of a set of series are found by looking into as many series as there are rows on
//!   a page: the one with the newest hit first, until no other can have a newer one than those found.
//! - Behind a bound of time a series' newest hit is not known without a look. Are there too many to
//!   look into all, the hits are walked backwards in time instead: with so many series, most fit.
//! - Are there more series than [`Bounds::series`], they are not fetched at all: the index on their
//!   newest hits gives those to look into, and the total is told as "more than".

use rusqlite::types::Value as Bound;
use rusqlite::{CachedStatement, Connection, Result, params_from_iter};

use crate::store::filter::sql::{Condition, HitPlan};
use crate::store::shown::{COUNT_MAX, Cursor, Total};

/// Where one way of searching ends and another begins.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most series that are fetched.
    pub series: usize,
    /// Into so many series whose newest hit is not known is looked one by one.
    pub looks: usize,
}

impl Bounds {
    /// As measured.
    pub const USUAL: Self = Self {
        series: 10_000,
        looks: 2000,
    };
}

/// Time and number of a hit.
pub(super) type Found = (i64, i64);

/// A series that may have hits that fit.
struct Series {
    id: i64,
    count: u64,
    first: i64,
    last: i64,
}

/// The series that fit, as far as they were fetched.
enum Set {
    /// Every series fits, and every hit.
    All,
    /// These.
    Known(Vec<Series>),
    /// Too many to fetch.
    Many,
}

/// A search in progress.
pub(super) struct Search<'a> {
    db: &'a Connection,
    plan: &'a HitPlan,
    bounds: Bounds,
    /// Rows begin behind this one.
    after: Found,
    set: Set,
}

impl<'a> Search<'a> {
    pub(super) fn begin(
        db: &'a Connection,
        plan: &'a HitPlan,
        after: Option<Cursor>,
        bounds: Bounds,
    ) -> Result<Self> {
        let after = after.map_or((i64::MAX, i64::MAX), |at| {
            (at.time, at.number.cast_signed())
        });
        let all = plan.series == Condition::always() && plan.single.is_none();
        let set = if all {
            Set::All
        } else {
            let limit = bounds.series + 1;
            // The plus keeps the choice of the index to what the filter asks about.
            let known = fitting(db, plan, "+s.last >= ? AND +s.first < ?", "", limit)?;
            if known.len() > bounds.series {
                Set::Many
            } else {
                Set::Known(known)
            }
        };
        Ok(Self {
            db,
            plan,
            bounds,
            after,
            set,
        })
    }

    /// The first nanosecond after the newest that a row may have.
    fn until(&self) -> i64 {
        self.plan.until.min(self.after.0.saturating_add(1))
    }

    /// The newest rows.
    pub(super) fn newest(&self, rows: usize) -> Result<Vec<Found>> {
        let until = self.until();
        match &self.set {
            Set::All => self.walk(rows, until),
            Set::Known(series) => {
                let unknown = series.iter().filter(|it| it.last >= until).count();
                if unknown > self.bounds.looks && self.plan.single.is_none() {
                    let newest = series.iter().map(|it| it.last.min(until)).max();
                    self.walk(rows, newest.map_or(until, |it| it.saturating_add(1)))
                } else {
                    self.look(series, rows)
                }
            }
            Set::Many if until == i64::MAX && self.plan.single.is_none() => {
                self.look(&self.newest_series(rows)?, rows)
            }
            Set::Many => self.walk(rows, until),
        }
    }

    /// Those of too many series whose newest hits are the newest.
    fn newest_series(&self, rows: usize) -> Result<Vec<Series>> {
        let order = "ORDER BY s.last DESC";
        let span = "s.last >= ? AND s.first < ?";
        let newest = fitting(self.db, self.plan, span, order, rows)?;
        let Some(last) = newest.last().filter(|_| newest.len() >= rows) else {
            return Ok(newest);
        };
        // All that are as new as the last of these, so that it does not matter which came first.
        let plan = HitPlan {
            from: self.plan.from.max(last.last),
            ..self.plan.clone()
        };
        fitting(self.db, &plan, span, order, usize::MAX)
    }

    /// Looks into one series after the other.
    fn look(&self, series: &[Series], rows: usize) -> Result<Vec<Found>> {
        let until = self.until();
        let newest = |it: &Series| it.last.min(until.saturating_sub(1));
        let mut order: Vec<&Series> = series.iter().filter(|it| it.first < until).collect();
        order.sort_unstable_by_key(|it| std::cmp::Reverse((newest(it), it.id)));
        let mut top: Vec<Found> = Vec::new();
        let mut from = self.plan.from;
        let (mut statement, single) = self.of_one_series("ORDER BY i.time DESC, i.number DESC")?;
        for it in order {
            if top.len() >= rows && newest(it) < from {
                break;
            }
            let bound = self.bound_of(it, (from, until), self.after, &single, rows);
            let more = statement.query_map(params_from_iter(bound), |row| {
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

    /// Hits of one series that fit; and what its condition binds behind the bounds.
    fn of_one_series(&self, order: &str) -> Result<(CachedStatement<'a>, Vec<Bound>)> {
        let (join, condition) = match &self.plan.single {
            Some(single) => ("JOIN series s ON s.id = i.series", single.clone()),
            None => ("", Condition::always()),
        };
        let sql = format!(
            "SELECT i.time, i.number FROM hits i INDEXED BY hits_series {join}
             WHERE i.series = ? AND i.time >= ? AND i.time < ? AND (i.time, i.number) < (?, ?)
             AND {} {order} LIMIT ?",
            condition.sql
        );
        Ok((self.db.prepare_cached(&sql)?, condition.bound))
    }

    fn bound_of(
        &self,
        series: &Series,
        span: (i64, i64),
        after: Found,
        single: &[Bound],
        rows: usize,
    ) -> Vec<Bound> {
        let numbers = [series.id, span.0, span.1, after.0, after.1];
        let mut bound: Vec<Bound> = numbers.map(Bound::Integer).into();
        bound.extend_from_slice(single);
        bound.push(limit(rows));
        bound
    }

    /// Walks backwards in time from `until`.
    fn walk(&self, rows: usize, until: i64) -> Result<Vec<Found>> {
        let (sql, bound) = self.walked(until);
        let sql = format!("{sql} ORDER BY i.time DESC, i.number DESC LIMIT ?");
        let bound = bound.into_iter().chain([limit(rows)]);
        let mut statement = self.db.prepare_cached(&sql)?;
        let found = statement.query_map(params_from_iter(bound), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        found.collect()
    }

    /// All hits before `until` that fit, by way of their time.
    fn walked(&self, until: i64) -> (String, Vec<Bound>) {
        let numbers = [self.plan.from, until, self.after.0, self.after.1];
        let mut bound: Vec<Bound> = numbers.map(Bound::Integer).into();
        let mut sql = "SELECT i.time, i.number FROM hits i INDEXED BY hits_time".to_owned();
        let span = "i.time >= ? AND i.time < ? AND (i.time, i.number) < (?, ?)";
        if matches!(self.set, Set::All) {
            return (format!("{sql} WHERE {span}"), bound);
        }
        sql.push_str(" CROSS JOIN series s ON s.id = i.series WHERE ");
        sql.push_str(span);
        let conditions = [Some(&self.plan.series), self.plan.single.as_ref()];
        for condition in conditions.into_iter().flatten() {
            sql.push_str(" AND ");
            sql.push_str(&condition.sql);
            bound.extend(condition.bound.iter().cloned());
        }
        (sql, bound)
    }

    /// How many fit, on all pages.
    pub(super) fn count(&self) -> Result<Total> {
        let bounded = self.plan.from > i64::MIN || self.plan.until < i64::MAX;
        match &self.set {
            Set::Known(series) => self.count_known(series),
            Set::All if !bounded => {
                let sum = "SELECT ifnull(sum(count), 0) FROM series";
                let sum: i64 = self
                    .db
                    .prepare_cached(sum)?
                    .query_row([], |row| row.get(0))?;
                Ok(Total::Exactly(sum.unsigned_abs()))
            }
            // Each has a hit at least.
            Set::Many
                if !bounded
                    && self.plan.single.is_none()
                    && self.bounds.series as u64 >= COUNT_MAX =>
            {
                Ok(Total::MoreThan(COUNT_MAX))
            }
            Set::All | Set::Many => self.count_walked(),
        }
    }

    fn count_walked(&self) -> Result<Total> {
        let whole = Self {
            after: (i64::MAX, i64::MAX),
            set: match self.set {
                Set::All => Set::All,
                Set::Known(_) | Set::Many => Set::Many,
            },
            ..*self
        };
        let (sql, bound) = whole.walked(self.plan.until);
        let sql = format!("SELECT count(*) FROM ({sql} LIMIT ?)");
        let most = usize::try_from(COUNT_MAX + 1).unwrap_or(usize::MAX);
        let bound = bound.into_iter().chain([limit(most)]);
        let count: i64 = self
            .db
            .prepare_cached(&sql)?
            .query_row(params_from_iter(bound), |row| row.get(0))?;
        Ok(total(count.unsigned_abs()))
    }

    fn count_known(&self, series: &[Series]) -> Result<Total> {
        let span = (self.plan.from, self.plan.until);
        let whole =
            |it: &&Series| self.plan.single.is_none() && it.first >= span.0 && it.last < span.1;
        let (inside, parts): (Vec<&Series>, Vec<&Series>) = series.iter().partition(whole);
        let mut count: u64 = inside.iter().map(|it| it.count).sum();
        if parts.is_empty() {
            return Ok(Total::Exactly(count));
        }
        let (mut statement, single) = self.of_one_series("")?;
        for it in parts {
            if count > COUNT_MAX {
                break;
            }
            let most = usize::try_from(COUNT_MAX + 1 - count).unwrap_or(usize::MAX);
            let all = (i64::MAX, i64::MAX);
            let bound = self.bound_of(it, span, all, &single, most);
            let mut rows = statement.query(params_from_iter(bound))?;
            while rows.next()?.is_some() {
                count += 1;
            }
        }
        Ok(total(count))
    }
}

fn total(count: u64) -> Total {
    if count > COUNT_MAX {
        Total::MoreThan(COUNT_MAX)
    } else {
        Total::Exactly(count)
    }
}

fn limit(rows: usize) -> Bound {
    Bound::Integer(i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Series that may have hits that fit: all, or the first of an order.
fn fitting(
    db: &Connection,
    plan: &HitPlan,
    span: &str,
    order: &str,
    most: usize,
) -> Result<Vec<Series>> {
    let index = if order.is_empty() {
        ""
    } else {
        "INDEXED BY series_last"
    };
    let sql = format!(
        "SELECT s.id, s.count, s.first, s.last FROM series s {index}
         WHERE {} AND {span} {order} LIMIT ?",
        plan.series.sql
    );
    let bound = plan.series.bound.iter().cloned();
    let bound = bound.chain([plan.from, plan.until].map(Bound::Integer));
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(bound.chain([limit(most)])), |row| {
        Ok(Series {
            id: row.get(0)?,
            count: row.get::<_, i64>(1)?.unsigned_abs(),
            first: row.get(2)?,
            last: row.get(3)?,
        })
    })?;
    found.collect()
}

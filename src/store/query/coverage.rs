//! Hours of coverage.
//!
//! Enters: a span. Leaves: the hours that touch it. Never: sums: what was not heard of is no zero.

use rusqlite::{Connection, Result, params};

use crate::base::Timestamp;
use crate::record::Coverage;
use crate::store::written::json;

/// Most hours: ten years.
const HOURS_MAX: i64 = 24 * 3660;

pub fn hours(db: &Connection, from: Timestamp, until: Timestamp) -> Result<Vec<(u64, Coverage)>> {
    let second = |at: Timestamp| at.nanos().div_euclid(1_000_000_000);
    // An hour is no longer than that, so one that touches the span begins less than it before.
    let mut found = db.prepare_cached(
        "SELECT number, hour FROM coverage
         WHERE begins >= ?1 - 3600 AND begins < ?2 AND ends > ?1 ORDER BY begins, number LIMIT ?3",
    )?;
    let hours = found.query_map(params![second(from), second(until), HOURS_MAX], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), json(row, 1)?))
    })?;
    hours.collect()
}

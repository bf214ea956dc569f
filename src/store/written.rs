//! Rows become values again.
//!
//! Enters: rows. Leaves: what a case's entries said, folded. Never: takes a row that it does not
//! understand for something else.

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Result, Row};
use serde::de::DeserializeOwned;

use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{AlertKind, AttributionEntry, EvidenceKind, Item, Step};
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::organisation::{Ruling, Standing};
use crate::record::CaseHead;
use crate::record::differ::Written;

/// What the record has of a case.
pub(super) fn written(db: &Connection, case: &str) -> Result<Written> {
    Ok(Written {
        head: head(db, case)?,
        items: items(db, case)?,
        steps: steps(db, case)?,
        attribution: attributions(db, case)?,
    })
}

/// Columns of a head `h` that [`read_head`] takes.
pub(super) const HEAD: &str = "h.case_id, h.revision, h.vendor, h.vendor_name, h.subject, \
    h.subject_kind, h.grade, h.unit, h.site, h.stage, h.standing, h.register_entry, h.reason, \
    h.confidence, h.opened, h.updated, h.items_left_out, h.band, h.closed, h.ended";

/// How many those are.
pub(super) const HEAD_COLUMNS: usize = 20;

/// Reads [`HEAD`] from the first column on.
pub(super) fn read_head(row: &Row<'_>) -> Result<CaseHead> {
    let ended: Option<String> = row.get(19)?;
    Ok(CaseHead {
        id: row.get(0)?,
        revision: row.get::<_, i64>(1)?.cast_unsigned(),
        vendor: row.get(2)?,
        vendor_name: row.get(3)?,
        subject: SubjectId::new(row.get(4)?),
        subject_kind: label(row, 5, SubjectKind::ALL, SubjectKind::label)?,
        grade: label(row, 6, Grade::ALL, Grade::label)?,
        unit: row.get(7)?,
        site: row.get(8)?,
        stage: label(row, 9, Stage::ALL, Stage::label)?,
        ruling: Ruling {
            standing: label(row, 10, Standing::ALL, Standing::label)?,
            entry: row.get(11)?,
            reason: row.get(12)?,
        },
        confidence: row.get(13)?,
        opened: Timestamp(row.get(14)?),
        updated: Timestamp(row.get(15)?),
        items_left_out: row.get::<_, i64>(16)?.cast_unsigned(),
        band: row.get(17)?,
        closed: row.get(18)?,
        ended: ended
            .map(|_| label(row, 19, AlertKind::ALL, AlertKind::label))
            .transpose()?,
    })
}

fn head(db: &Connection, case: &str) -> Result<Option<CaseHead>> {
    db.prepare_cached(&format!(
        "SELECT {HEAD} FROM cases c JOIN heads h ON h.number = c.head WHERE c.case_id = ?1"
    ))?
    .query_row([case], read_head)
    .optional()
}

/// Evidence that counts, by its number within the case.
pub(super) fn items(db: &Connection, case: &str) -> Result<Vec<Item>> {
    // SQLite gives the other columns of the row that has the maximum.
    let mut found = db.prepare_cached(
        "SELECT max(number), counts, item, kind, rule, weight, stage, time, point, name, flow,
            first_frame, last_frame, text, trace
         FROM evidence WHERE case_id = ?1 GROUP BY item ORDER BY item",
    )?;
    let items = found.query_map([case], |row| {
        if row.get::<_, bool>(1)? {
            read_item(row).map(Some)
        } else {
            Ok(None)
        }
    })?;
    items.filter_map(Result::transpose).collect()
}

fn read_item(row: &Row<'_>) -> Result<Item> {
    let trace: Option<String> = row.get(14)?;
    Ok(Item {
        number: row.get(2)?,
        kind: label(row, 3, EvidenceKind::ALL, EvidenceKind::label)?,
        rule: row.get(4)?,
        weight: row.get(5)?,
        stage: label(row, 6, Stage::ALL, Stage::label)?,
        time: Timestamp(row.get(7)?),
        point: row.get(8)?,
        name: row.get(9)?,
        flow: row.get(10)?,
        frames: (
            row.get::<_, i64>(11)?.cast_unsigned(),
            row.get::<_, i64>(12)?.cast_unsigned(),
        ),
        text: row.get(13)?,
        trace: trace.map(|_| json(row, 14)).transpose()?,
    })
}

/// Steps that hold, in order.
pub(super) fn steps(db: &Connection, case: &str) -> Result<Vec<Step>> {
    let mut found =
        db.prepare_cached("SELECT place, step FROM steps WHERE case_id = ?1 ORDER BY number")?;
    let mut rows = found.query([case])?;
    let mut steps: Vec<Option<Step>> = Vec::new();
    while let Some(row) = rows.next()? {
        let place = usize::try_from(row.get::<_, u32>(0)?).unwrap_or(usize::MAX);
        if row.get_ref(1)? == rusqlite::types::ValueRef::Null {
            steps.truncate(place);
        } else {
            put(&mut steps, place, json(row, 1)?);
        }
    }
    Ok(steps.into_iter().flatten().collect())
}

/// Attributions, in order.
pub(super) fn attributions(db: &Connection, case: &str) -> Result<Vec<AttributionEntry>> {
    let mut found = db.prepare_cached(
        "SELECT place, attribution FROM attributions WHERE case_id = ?1 ORDER BY number",
    )?;
    let mut rows = found.query([case])?;
    let mut all: Vec<Option<AttributionEntry>> = Vec::new();
    while let Some(row) = rows.next()? {
        let place = usize::try_from(row.get::<_, u32>(0)?).unwrap_or(usize::MAX);
        put(&mut all, place, json(row, 1)?);
    }
    Ok(all.into_iter().flatten().collect())
}

/// Most places of steps and attributions: far beyond what a case has.
const PLACES_MAX: usize = 65_536;

/// Puts a value at its place. Places before it that were deleted stay empty.
fn put<T>(all: &mut Vec<Option<T>>, place: usize, value: T) {
    if place >= PLACES_MAX {
        return;
    }
    if place >= all.len() {
        all.resize_with(place + 1, || None);
    }
    if let Some(slot) = all.get_mut(place) {
        *slot = Some(value);
    }
}

/// A member of a closed set, by its label.
pub(super) fn label<T: Copy>(
    row: &Row<'_>,
    at: usize,
    all: &[T],
    label: fn(T) -> &'static str,
) -> Result<T> {
    let text: String = row.get(at)?;
    let found = all.iter().copied().find(|it| label(*it) == text);
    found.ok_or_else(|| {
        let why = format!("`{}` is none of its words", text.escape_debug());
        Error::FromSqlConversionFailure(at, Type::Text, why.into())
    })
}

/// A value from JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|e| Error::FromSqlConversionFailure(at, Type::Text, Box::new(e)))
}

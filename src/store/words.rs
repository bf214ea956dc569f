//! Texts that hits share, once each; and the series that hits of the same texts form.
//!
//! Enters: texts of a hit. Leaves: small numbers in their place. Never: keeps a text in memory
//! beyond a bound, or in the file when no hit has it any more ([`sweep`]).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::record::Hit;

/// Numbers remembered of each sort; beyond it they are looked up again.
const REMEMBERED_MAX: usize = 200_000;

/// Numbers of what hits of one series have in common, in the order of [`COLUMNS`].
type Dimensions = [i64; 13];

/// Columns of a series, in the order of its key.
const COLUMNS: [&str; 13] = [
    "subject",
    "name",
    "seen",
    "point",
    "vendor",
    "vendor_name",
    "role",
    "severity",
    "rule",
    "subject_kind",
    "grade",
    "unit",
    "site",
];

/// Numbers given so far, and what the transaction at hand adds to each series.
#[derive(Default)]
pub(super) struct Words {
    words: HashMap<String, i64>,
    subjects: HashMap<String, i64>,
    series: HashMap<Dimensions, i64>,
    grown: HashMap<i64, Growth>,
}

/// What hits add to a series.
struct Growth {
    count: i64,
    first: i64,
    last: i64,
}

impl Words {
    /// Forgets what it remembers: the file may have changed beside it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Number of the series that a hit belongs to; the hit at `time` is counted in it.
    pub(super) fn series(&mut self, db: &Connection, hit: &Hit, time: i64) -> Result<i64> {
        if self.words.len() + self.subjects.len() + self.series.len() > REMEMBERED_MAX {
            self.words.clear();
            self.subjects.clear();
            self.series.clear();
        }
        let of = &hit.record;
        let own = &of.poortwacht;
        let dimensions = [
            self.subject(db, hit.subject.as_str())?,
            self.word(db, &own.name)?,
            self.word(db, &own.seen)?,
            self.word(db, &of.observer.ingress.interface.name)?,
            self.word(db, &own.vendor.id)?,
            self.word(db, &own.vendor.name)?,
            self.word(db, &own.role)?,
            self.word(db, &own.severity)?,
            self.word(db, &of.rule.id)?,
            self.word(db, hit.subject_kind.label())?,
            self.word(db, hit.grade.label())?,
            self.word(db, hit.unit.as_deref().unwrap_or_default())?,
            self.word(db, hit.site.as_deref().unwrap_or_default())?,
        ];
        let id = match self.series.get(&dimensions) {
            Some(id) => *id,
            None => {
                let id = find_or_make(db, &dimensions, time)?;
                self.series.insert(dimensions, id);
                id
            }
        };
        let grown = self.grown.entry(id).or_insert(Growth {
            count: 0,
            first: time,
            last: time,
        });
        grown.count += 1;
        grown.first = grown.first.min(time);
        grown.last = grown.last.max(time);
        Ok(id)
    }

    /// Writes what the hits since the last call added to their series.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<()> {
        let mut add = db.prepare_cached(
            "UPDATE series SET count = count + ?2, first = min(first, ?3), last = max(last, ?4)
             WHERE id = ?1",
        )?;
        for (id, grown) in self.grown.drain() {
            add.execute([id, grown.count, grown.first, grown.last])?;
        }
        Ok(())
    }

    fn word(&mut self, db: &Connection, text: &str) -> Result<i64> {
        let find = "SELECT id FROM words WHERE text = ?1";
        let make = "INSERT INTO words (text) VALUES (?1)";
        number(db, &mut self.words, text, find, make)
    }

    fn subject(&mut self, db: &Connection, pseudonym: &str) -> Result<i64> {
        let find = "SELECT id FROM subjects WHERE pseudonym = ?1";
        let make = "INSERT INTO subjects (pseudonym) VALUES (?1)";
        number(db, &mut self.subjects, pseudonym, find, make)
    }
}

fn number(
    db: &Connection,
    known: &mut HashMap<String, i64>,
    text: &str,
    find: &str,
    make: &str,
) -> Result<i64> {
    if let Some(id) = known.get(text) {
        return Ok(*id);
    }
    let found = db.prepare_cached(find)?.query_row([text], |row| row.get(0));
    let id = match found.optional()? {
        Some(id) => id,
        None => db.prepare_cached(make)?.insert([text])?,
    };
    known.insert(text.to_owned(), id);
    Ok(id)
}

fn find_or_make(db: &Connection, dimensions: &Dimensions, time: i64) -> Result<i64> {
    let equal = COLUMNS.map(|column| format!("{column} = ?")).join(" AND ");
    let found = db
        .prepare_cached(&format!("SELECT id FROM series WHERE {equal}"))?
        .query_row(rusqlite::params_from_iter(dimensions), |row| row.get(0));
    if let Some(id) = found.optional()? {
        return Ok(id);
    }
    let columns = COLUMNS.join(", ");
    let marks = COLUMNS.map(|_| "?").join(", ");
    let values = dimensions.iter().copied().chain([0, time, time]);
    db.prepare_cached(&format!(
        "INSERT INTO series ({columns}, count, first, last) VALUES ({marks}, ?, ?, ?)"
    ))?
    .insert(rusqlite::params_from_iter(values))
}

/// Hits of these series went: counts them anew. A series without hits goes, and with it every text
/// and pseudonym that no other has.
pub(super) fn sweep(db: &Connection, series: &[i64]) -> Result<()> {
    let mut empty = false;
    for id in series {
        let (count, first, last): (i64, Option<i64>, Option<i64>) = db
            .prepare_cached("SELECT count(*), min(time), max(time) FROM hits WHERE series = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if let (Some(first), Some(last)) = (first, last) {
            db.prepare_cached("UPDATE series SET count = ?2, first = ?3, last = ?4 WHERE id = ?1")?
                .execute(params![id, count, first, last])?;
        } else {
            db.prepare_cached("DELETE FROM series WHERE id = ?1")?
                .execute([id])?;
            empty = true;
        }
    }
    if !empty {
        return Ok(());
    }
    db.execute(
        "DELETE FROM subjects WHERE id NOT IN (SELECT subject FROM series)",
        [],
    )?;
    let used = COLUMNS
        .iter()
        .filter(|column| **column != "subject")
        .map(|column| format!("SELECT {column} FROM series"))
        .collect::<Vec<_>>()
        .join(" UNION ");
    db.execute(&format!("DELETE FROM words WHERE id NOT IN ({used})"), [])?;
    Ok(())
}

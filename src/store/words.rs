//! Texts that hits share, once each; and the series that hits of the same texts form.
//!
//! Enters: texts of a hit. Leaves: small numbers in their place. Never: keeps a text in memory
//! beyond a bound, or in the file when no hit has it any more ([`sweep`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Result, Row};

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

/// Columns of a series that have an index of their own: whether a text is used there is a look-up.
const INDEXED: [&str; 7] = [
    "name",
    "point",
    "vendor",
    "vendor_name",
    "rule",
    "unit",
    "site",
];

/// The others, by their place in [`COLUMNS`]: few texts, each in very many series. How often one is
/// used there stands beside it, in `words.labels`.
const LABELS: [usize; 5] = [2, 6, 7, 9, 10];

/// Numbers given so far, and what the transaction at hand adds to each series.
#[derive(Default)]
pub(super) struct Words {
    words: HashMap<String, i64>,
    subjects: HashMap<String, i64>,
    series: HashMap<Dimensions, i64>,
    grown: HashMap<i64, Growth>,
    /// New uses of texts as labels.
    labels: HashMap<i64, i64>,
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
                let (id, is_new) = find_or_make(db, &dimensions, time)?;
                if is_new {
                    for word in labels(&dimensions) {
                        *self.labels.entry(word).or_default() += 1;
                    }
                }
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
        for (word, more) in self.labels.drain() {
            relabel(db, word, more)?;
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

/// The number of a series, and whether it was made just now.
fn find_or_make(db: &Connection, dimensions: &Dimensions, time: i64) -> Result<(i64, bool)> {
    let equal = COLUMNS.map(|column| format!("{column} = ?")).join(" AND ");
    let found = db
        .prepare_cached(&format!("SELECT id FROM series WHERE {equal}"))?
        .query_row(rusqlite::params_from_iter(dimensions), |row| row.get(0));
    if let Some(id) = found.optional()? {
        return Ok((id, false));
    }
    let columns = COLUMNS.join(", ");
    let marks = COLUMNS.map(|_| "?").join(", ");
    let values = dimensions.iter().copied().chain([0, time, time]);
    let id = db
        .prepare_cached(&format!(
            "INSERT INTO series ({columns}, count, first, last) VALUES ({marks}, ?, ?, ?)"
        ))?
        .insert(rusqlite::params_from_iter(values))?;
    Ok((id, true))
}

/// Texts that a series uses as labels.
fn labels(dimensions: &Dimensions) -> impl Iterator<Item = i64> + '_ {
    LABELS.iter().filter_map(|at| dimensions.get(*at).copied())
}

fn relabel(db: &Connection, word: i64, more: i64) -> Result<()> {
    db.prepare_cached("UPDATE words SET labels = labels + ?2 WHERE id = ?1")?
        .execute([word, more])
        .map(drop)
}

/// What series that went had in common with others, or alone.
#[derive(Default)]
struct Gone {
    words: BTreeSet<i64>,
    subjects: BTreeSet<i64>,
    labels: BTreeMap<i64, i64>,
}

impl Gone {
    fn take(&mut self, dimensions: &Dimensions) {
        let [subject, words @ ..] = dimensions;
        self.subjects.insert(*subject);
        self.words.extend(words);
        for word in labels(dimensions) {
            *self.labels.entry(word).or_default() -= 1;
        }
    }

    /// Deletes those texts and pseudonyms that no series has any more. Looks at these alone: what
    /// it costs does not grow with the store.
    fn sweep(&self, db: &Connection) -> Result<()> {
        for (word, less) in &self.labels {
            relabel(db, *word, *less)?;
        }
        let mut subject = db.prepare_cached(UNUSED_SUBJECT)?;
        for id in &self.subjects {
            subject.execute([id])?;
        }
        let mut word = db.prepare_cached(&unused_word())?;
        for id in &self.words {
            word.execute([id])?;
        }
        Ok(())
    }
}

/// Deletes a pseudonym unless a series has it.
const UNUSED_SUBJECT: &str = "DELETE FROM subjects
     WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM series WHERE subject = ?1)";

/// Deletes a text unless a series has it.
fn unused_word() -> String {
    let used = INDEXED.map(|column| {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM series INDEXED BY series_{column} WHERE {column} = ?1)"
        )
    });
    format!(
        "DELETE FROM words WHERE id = ?1 AND labels = 0{}",
        used.concat()
    )
}

fn dimensions(row: &Row<'_>) -> Result<Dimensions> {
    let mut all = [0; COLUMNS.len()];
    for (at, one) in all.iter_mut().enumerate() {
        *one = row.get(at)?;
    }
    Ok(all)
}

/// So many hits of these series went. A series without hits goes, and with it every text and
/// pseudonym that no other has.
pub(super) fn sweep(db: &Connection, series: &BTreeMap<i64, i64>) -> Result<()> {
    let mut gone = Gone::default();
    let delete = format!(
        "DELETE FROM series WHERE id = ?1 RETURNING {}",
        COLUMNS.join(", ")
    );
    for (id, went) in series {
        let (first, last): (Option<i64>, Option<i64>) = db
            .prepare_cached(ENDS)?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let (Some(first), Some(last)) = (first, last) {
            db.prepare_cached(
                "UPDATE series SET count = count - ?2, first = ?3, last = ?4 WHERE id = ?1",
            )?
            .execute([*id, *went, first, last])?;
        } else {
            let was = db
                .prepare_cached(&delete)?
                .query_row([id], dimensions)
                .optional()?;
            was.iter().for_each(|it| gone.take(it));
        }
    }
    gone.sweep(db)
}

/// The first and the last hit of a series: one look-up each, however many lie between.
const ENDS: &str = "SELECT (SELECT min(time) FROM hits WHERE series = ?1),
    (SELECT max(time) FROM hits WHERE series = ?1)";

#[cfg(test)]
mod tests;

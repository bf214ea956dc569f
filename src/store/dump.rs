//! What two stores have to agree on to be equal.
//!
//! Enters: a store. Leaves: its content, table by table, as sorted lines. Never: the numbers that
//! texts and series were given, which depend on the order of work; everything else is there.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, Result};

/// Lines of each table.
pub type Content = BTreeMap<&'static str, Vec<String>>;

/// Tables whose rows are the same in every store of the same content.
const PLAIN: [&str; 12] = [
    "entries",
    "heads",
    "cases",
    "evidence",
    "steps",
    "attributions",
    "alerts",
    "acts",
    "coverage",
    "happenings",
    "frames",
    "words_and_subjects",
];

/// What a series is, in texts.
const SERIES: &str = "SELECT v.text, vn.text, n.text, se.text, r.text, sv.text, ru.text, p.text,
        su.pseudonym, k.text, g.text, u.text, si.text, s.count, s.first, s.last, s.id
     FROM series s
     JOIN words v ON v.id = s.vendor JOIN words vn ON vn.id = s.vendor_name
     JOIN words n ON n.id = s.name JOIN words se ON se.id = s.seen
     JOIN words r ON r.id = s.role JOIN words sv ON sv.id = s.severity
     JOIN words ru ON ru.id = s.rule JOIN words p ON p.id = s.point
     JOIN subjects su ON su.id = s.subject JOIN words k ON k.id = s.subject_kind
     JOIN words g ON g.id = s.grade JOIN words u ON u.id = s.unit
     JOIN words si ON si.id = s.site";

/// The whole content.
pub(super) fn content(db: &Connection) -> Result<Content> {
    let mut content = Content::new();
    for table in PLAIN {
        let sql = if table == "words_and_subjects" {
            "SELECT text, labels FROM words UNION ALL SELECT pseudonym, NULL FROM subjects"
                .to_owned()
        } else {
            format!("SELECT * FROM {table}")
        };
        content.insert(table, sorted(lines(db, &sql)?));
    }
    let mut series = BTreeMap::new();
    for (mut row, text) in rows(db, SERIES)? {
        if let Some(Value::Integer(id)) = row.pop() {
            let end = text.rfind(' ').unwrap_or(text.len());
            series.insert(id, text.get(..end).unwrap_or_default().to_owned());
        }
    }
    let hits = rows(
        db,
        "SELECT number, time, frame, repeats, id, series FROM hits ORDER BY number",
    )?;
    let hits = hits.into_iter().map(|(mut row, text)| {
        let of = match row.pop() {
            Some(Value::Integer(id)) => series.get(&id).map_or("", String::as_str),
            _ => "",
        };
        let end = text.rfind(' ').unwrap_or(text.len());
        format!("{} of {of}", text.get(..end).unwrap_or_default())
    });
    content.insert("hits", sorted(hits.collect()));
    content.insert("series", sorted(series.into_values().collect()));
    Ok(content)
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn lines(db: &Connection, sql: &str) -> Result<Vec<String>> {
    Ok(rows(db, sql)?.into_iter().map(|(_, text)| text).collect())
}

/// Values of each row, and the row as text.
fn rows(db: &Connection, sql: &str) -> Result<Vec<(Vec<Value>, String)>> {
    let mut statement = db.prepare(sql)?;
    let columns = statement.column_count();
    let found = statement.query_map([], |row| {
        let values: Vec<Value> = (0..columns).map(|at| row.get(at)).collect::<Result<_>>()?;
        let texts: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        let text = texts.join(" ");
        Ok((values, text))
    })?;
    found.collect()
}

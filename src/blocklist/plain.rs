//! User lists and the allow-list: what an organisation adds of its own.
//!
//! Enters: texts. Leaves: checked names with their lines. Never: a list with one bad line.

use time::{Date, PrimitiveDateTime, Time};

use super::exchange::{self, Entry};
use super::fields::Fields;
use super::problem::{ListProblem, Problems};
use super::schema::MatchKind;
use super::vendor_file::rule_name;
use crate::base::Timestamp;

/// A list of the organisation's own.
pub(crate) struct PlainList {
    /// Vendor id: the file's stem in lower case, with `-` for what may not stand in an id.
    pub(crate) id: String,
    /// The stem as it is.
    pub(crate) name: String,
    /// Names in normal form, exact or with all below them, with their lines.
    pub(crate) entries: Vec<Entry>,
}

/// Reads a list in any form that `exchange` knows; the first line that tells decides. A list with
/// exceptions that matter is refused: an exception would have to silence the catalogue too.
///
/// # Errors
/// Every problem (up to a bound), with its line.
pub(crate) fn parse_list(path: &str, text: &str) -> Result<PlainList, Vec<ListProblem>> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let file = file.trim_end_matches(".gz").trim_end_matches(".zst");
    let name = file
        .rsplit_once('.')
        .map_or(file, |(stem, _)| stem)
        .to_owned();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let id: String = name.chars().take(64).map(plain).collect();
    let list = exchange::read(exchange::guess(text), path, text);
    if list.bad > 0 {
        return Err(list.problems);
    }
    if let Some(exception) = list.exceptions.first() {
        let what = format!("`{}` is an exception to a wider entry", exception.name);
        let next = "take the list over with `poortwacht list import --exceptions FILE`, which \
                    makes an allow-list of them";
        return Err(vec![ListProblem {
            line: exception.line,
            ..ListProblem::of_file(path, what, next)
        }]);
    }
    let entries = list.entries;
    Ok(PlainList { id, name, entries })
}

/// One entry of the allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Normal form.
    pub name: String,
    /// How it covers names; `exact` unless the entry says otherwise.
    pub kind: MatchKind,
    /// Why it is allowed.
    pub reason: String,
    /// Last day (UTC) on which it counts.
    pub expires: Date,
    /// Line of its table.
    pub line: u32,
}

impl Allow {
    /// The first moment at which it no longer counts.
    pub fn ends(&self) -> Timestamp {
        let midnight = PrimitiveDateTime::new(self.expires, Time::MIDNIGHT).assume_utc();
        Timestamp::from_secs_nanos(midnight.unix_timestamp().saturating_add(86_400), 0)
    }
}

/// Reads an allow-list.
///
/// # Errors
/// Every problem, with line and column.
pub(crate) fn parse_allow(path: &str, text: &str) -> Result<Vec<Allow>, Vec<ListProblem>> {
    let mut problems = Problems::new(path, text);
    let mut entries = Vec::new();
    if let Some(mut fields) = Fields::parse(text, "the allow-list", &mut problems) {
        for mut table in fields.tables("allow", "this [[allow]]", &mut problems) {
            let line = problems.line_of(table.span.start);
            let name = table.need_text("name", &mut problems);
            let kind = table.choice("match", MatchKind::ALL, MatchKind::label, &mut problems);
            let reason = table.need_text("reason", &mut problems);
            let expires = table.need_date("expires", &mut problems);
            table.end(&mut problems);
            let kind = kind.map_or(MatchKind::Exact, |(kind, _)| kind);
            let name = name.and_then(|name| rule_name(&name, kind, &mut problems));
            if let (Some(name), Some((reason, _)), Some((expires, _))) = (name, reason, expires) {
                entries.push(Allow {
                    name,
                    kind,
                    reason,
                    expires,
                    line,
                });
            }
        }
        fields.end(&mut problems);
    }
    if problems.any() {
        Err(problems.into_found())
    } else {
        Ok(entries)
    }
}

//! Plain user lists and the allow-list: what an organisation adds of its own.
//!
//! Enters: texts. Leaves: checked names with their lines. Never: a list with one bad line.

use time::{Date, PrimitiveDateTime, Time};

use super::fields::{Fields, list_name};
use super::problem::{ListProblem, Problems};
use super::schema::MatchKind;
use super::vendor_file::rule_name;
use crate::base::{DomainName, Timestamp};

/// A plain list: one domain a line covers that name and every name below it; `#` begins a comment.
pub(crate) struct PlainList {
    /// Vendor id: the file's stem in lower case, with `-` for what may not stand in an id.
    pub(crate) id: String,
    /// The stem as it is.
    pub(crate) name: String,
    /// Names in normal form, with their lines.
    pub(crate) names: Vec<(DomainName, u32)>,
}

/// Reads a plain list.
///
/// # Errors
/// Every problem (up to a bound), with its line.
pub(crate) fn parse_list(path: &str, text: &str) -> Result<PlainList, Vec<ListProblem>> {
    let mut problems = Problems::new(path, text);
    let file = path.rsplit('/').next().unwrap_or(path);
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
    let mut names = Vec::new();
    let mut number = 0;
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
        number += 1;
        let entry = line.split('#').next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        match list_name(entry) {
            Ok(name) => names.push((name, number)),
            Err((what, next)) => {
                let next = foreign_form(entry).unwrap_or(next);
                problems.on(number, column(line, entry), what, next);
            }
        }
    }
    if names.is_empty() && !problems.any() {
        problems.on(
            0,
            0,
            "the list holds no name",
            "write one domain a line, or do not name it",
        );
    }
    if problems.any() {
        Err(problems.into_found())
    } else {
        Ok(PlainList { id, name, names })
    }
}

fn column(line: &str, entry: &str) -> u32 {
    let before = line.find(entry).map_or(0, |at| line[..at].chars().count());
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

/// What to do about a line in another tool's form.
fn foreign_form(entry: &str) -> Option<&'static str> {
    let mut words = entry.split_whitespace();
    let first = words.next().unwrap_or_default();
    if first.parse::<std::net::IpAddr>().is_ok() && words.next().is_some() {
        Some("this looks like a hosts file: leave the address out, one name a line")
    } else if entry.contains('*') {
        Some("leave the `*.` out: a line covers all names below it")
    } else if entry.contains("://") {
        Some("leave the scheme and the path out")
    } else {
        None
    }
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

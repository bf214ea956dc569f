//! Bare names, one a line: this program's own user lists, and lists of single names.
//!
//! In a user list `name` covers the name and all below it, `=name` the name alone; `#` begins a
//! comment. In a list of single names each line stands for itself. Leaves no pattern: neither form
//! has one.

use std::io::{self, Write};

use super::draft::{Draft, lines};
use super::plan::{Plan, mark};
use super::tally::{LeftOut, Tally};
use crate::blocklist::fields::list_name;
use crate::blocklist::schema::MatchKind;

/// Reads a user list.
pub(super) fn read_plain(text: &str, draft: &mut Draft<'_>) {
    each(text, draft, |line, column, entry, draft| {
        let (name, kind) = match entry.strip_prefix('=') {
            Some(name) => (name.trim_start(), MatchKind::Exact),
            None => (entry, MatchKind::Suffix),
        };
        match list_name(name) {
            Ok(_) => draft.entry(line, name, kind),
            Err((what, next)) => {
                draft.bad_at(line, column, what, foreign_form(entry).unwrap_or(next))
            }
        }
    });
}

/// Reads a list of single names.
pub(super) fn read_domains(text: &str, draft: &mut Draft<'_>) {
    each(text, draft, |line, column, entry, draft| {
        match list_name(entry) {
            Ok(_) => draft.entry(line, entry, MatchKind::Exact),
            Err((what, next)) => {
                draft.bad_at(line, column, what, foreign_form(entry).unwrap_or(next))
            }
        }
    });
}

fn each(text: &str, draft: &mut Draft<'_>, mut one: impl FnMut(u32, u32, &str, &mut Draft<'_>)) {
    for (number, line) in lines(text) {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if !entry.is_empty() {
            one(number, column(line, entry), entry, draft);
        }
    }
}

fn column(line: &str, entry: &str) -> u32 {
    let before = line.find(entry).and_then(|at| line.get(..at));
    let before = before.map_or(0, |before| before.chars().count());
    u32::try_from(before.saturating_add(1)).unwrap_or(u32::MAX)
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

/// Writes a user list.
pub(super) fn write_plain(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "# Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "# `name` covers the name and all names below it, `=name` the name alone."
    )?;
    for one in plan.singles(&mut tally) {
        let cut = one.with_below && plan.has_exceptions(&one.name);
        if cut {
            tally.leave(LeftOut::HasExceptions);
        }
        let sign = if one.with_below && !cut { "" } else { "=" };
        let mark = mark(one.rule).map_or(String::new(), |mark| format!("  # {mark}"));
        writeln!(out, "{sign}{}{mark}", one.name)?;
        tally.written += 1;
    }
    Ok(tally)
}

/// Writes single names.
pub(super) fn write_domains(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "# Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "# Each name stands for itself. A program that takes names below it too takes"
    )?;
    writeln!(
        out,
        "# more than the catalogue says: give it another format."
    )?;
    for one in plan.singles(&mut tally) {
        if one.with_below {
            tally.leave(LeftOut::NamesBelow);
        }
        if let Some(mark) = mark(one.rule) {
            writeln!(out, "# {mark}:")?;
        }
        writeln!(out, "{}", one.name)?;
        tally.written += 1;
    }
    Ok(tally)
}

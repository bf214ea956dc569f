//! The list of ways round: names by which a client hides from the network what it asks for.
//!
//! Enters: the text of `ways-round.toml`, which stands beside the vendor files. Leaves: checked
//! [`Way`]s. Never: a vendor; a name that makes a hit. `blocklists/README.md` tells what each
//! field means to a contributor, `docs/ways-round.md` what each kind means to a reader.

use std::collections::HashMap;
use std::ops::Range;

use super::Catalogue;
use super::fields::{Fields, parse_date};
use super::lint::is_public_suffix;
use super::problem::{ListProblem, Problems};
use super::schema::MatchKind;
use super::vendor_file::rule_name;
use crate::base::WayRound;

/// The file that is such a list.
const FILE: &str = "ways-round.toml";
/// Behind everything else that says the same.
pub(super) const RANK: u8 = 4;
/// The `vendor` of an event about a way round.
pub const VENDOR: &str = "ways-round";
/// The `category` of an event about a way round.
pub const CATEGORY: &str = "way-round";

/// The one top-level domain that may stand in the list: no name below it is asked of the public DNS
/// for another reason (RFC 7686).
pub(super) const TOP: &str = "onion";

/// Kinds that a name can tell. The others are told by their first bytes.
const BY_NAME: &[WayRound] = &[
    WayRound::Doh,
    WayRound::Dot,
    WayRound::Doq,
    WayRound::Odoh,
    WayRound::Ddr,
    WayRound::Relay,
    WayRound::Tor,
    WayRound::VpnName,
    WayRound::Proxy,
];

/// One name of a way round.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Way {
    /// Who runs it, for people.
    pub service: String,
    /// What it is a way of.
    pub kind: WayRound,
    /// Normal form.
    pub name: String,
    /// This name, or every name below it too.
    pub matches: MatchKind,
    /// Sources that anybody can open.
    pub sources: Vec<String>,
    /// Sources that nobody can open, or `from memory`.
    pub unverified_sources: Vec<String>,
    /// Remarks.
    pub note: Option<String>,
    /// Name of the list file, without its folder.
    pub file: String,
    /// Line of the name in that file.
    pub line: u32,
}

/// Is the file at `path` a list of ways rather than a vendor's?
pub(super) fn is_list(path: &str) -> bool {
    path.rsplit('/').next() == Some(FILE)
}

/// Is this the last label of names below [`TOP`], in any case?
#[inline]
pub(super) fn is_top_label(label: &[u8]) -> bool {
    label.len() == TOP.len() && label.eq_ignore_ascii_case(TOP.as_bytes())
}

/// Is this name, in normal form, below [`TOP`]?
pub(super) fn is_below_top(name: &[u8]) -> bool {
    name.strip_suffix(TOP.as_bytes())
        .is_some_and(|head| head.ends_with(b"."))
}

/// Parses the text of `path`.
///
/// # Errors
/// Every problem found, with line and column.
pub(super) fn parse(path: &str, text: &str) -> Result<Vec<Way>, Vec<ListProblem>> {
    let mut problems = Problems::new(path, text);
    let ways = read(text, &mut problems).unwrap_or_default();
    if problems.any() {
        Err(problems.into_found())
    } else {
        Ok(ways)
    }
}

fn read(text: &str, problems: &mut Problems<'_>) -> Option<Vec<Way>> {
    let mut fields = Fields::parse(text, "the list of ways round", problems)?;
    let tables = fields.tables("way", "this [[way]]", problems);
    let span = fields.span.clone();
    fields.end(problems);
    if tables.is_empty() {
        problems.at(&span, "the list has no [[way]]", "add at least one");
    }
    let mut ways = Vec::new();
    let mut lines = HashMap::new();
    for table in tables {
        for (way, span) in service(table, problems).unwrap_or_default() {
            let key = (way.name.clone(), way.matches);
            if let Some(line) = lines.get(&key) {
                let said = format!("`{}` ({}) stands here twice", way.name, way.matches);
                problems.at(&span, said, format!("keep that of line {line}"));
            }
            lines.insert(key, way.line);
            ways.push(way);
        }
    }
    Some(ways)
}

/// One table: the names of a service that are ways of one kind.
fn service(
    mut fields: Fields<'_>,
    problems: &mut Problems<'_>,
) -> Option<Vec<(Way, Range<usize>)>> {
    let service = fields.need_text("service", problems);
    let kind = fields.need_choice("kind", WayRound::ALL, WayRound::label, problems);
    let matches = fields.need_choice("match", MatchKind::ALL, MatchKind::label, problems);
    let names = fields.texts("names", problems);
    let sources = fields.plain_texts("source", problems);
    let unverified_sources = fields.plain_texts("unverified_source", problems);
    let seen = fields.text("seen", problems);
    let note = fields.text("note", problems).map(|(text, _)| text);
    let span = fields.span.clone();
    fields.end(problems);

    if names.is_empty() {
        problems.at(&span, "this [[way]] has no `names`", "add at least one");
    }
    if sources.is_empty() && unverified_sources.is_empty() {
        let next = "give `source`, or `unverified_source` when nobody has looked it up";
        problems.at(&span, "this [[way]] has no source", next);
    }
    if let Some((seen, span)) = &seen
        && parse_date(&format!("{seen}-01")).is_none()
        && parse_date(seen).is_none()
    {
        problems.at(span, "`seen` is no date", "write 2026-04-14 or 2026-04");
    }
    let ((kind, kind_span), (matches, match_span)) = (kind?, matches?);
    if !BY_NAME.contains(&kind) {
        let said = format!("no name tells `{kind}`");
        problems.at(&kind_span, said, "it is told by first bytes: remove it");
    }
    if matches == MatchKind::Pattern {
        let next = "use `exact` or `suffix`";
        problems.at(&match_span, "a way round cannot be a pattern", next);
        return None;
    }
    let service = service?.0;
    let mut ways = Vec::with_capacity(names.len());
    for (text, span) in names {
        let line = problems.line_of(span.start);
        let name = if text == TOP && matches == MatchKind::Suffix {
            text
        } else if let Some(name) = rule_name(&(text, span.clone()), matches, problems) {
            name
        } else {
            continue;
        };
        let way = Way {
            service: service.clone(),
            kind,
            name,
            matches,
            sources: sources.clone(),
            unverified_sources: unverified_sources.clone(),
            note: note.clone(),
            file: FILE.to_owned(),
            line,
        };
        ways.push((way, span));
    }
    Some(ways)
}

/// What a list that loads may still be asked about.
pub(super) fn warnings(catalogue: &Catalogue) -> Vec<ListProblem> {
    let warn = |way: &Way, what: String, next: &str| ListProblem {
        line: way.line,
        column: 1,
        ..ListProblem::of_file(&way.file, what, next)
    };
    let mut found = Vec::new();
    if catalogue.ways.is_empty() && catalogue.vendors.iter().any(|v| !v.hosts.is_empty()) {
        let what = "there is no list of ways round: none is told by its name";
        let next = "put `ways-round.toml` beside the vendor files";
        found.push(ListProblem::of_file(FILE, what, next));
    }
    for way in &catalogue.ways {
        if way.sources.is_empty() {
            let what = format!("`{}` has no source that anybody can open", way.name);
            found.push(warn(way, what, "look it up, add `source`"));
        }
        if way.matches == MatchKind::Suffix && is_public_suffix(&way.name) {
            let what = format!(
                "`{}` is a public suffix: its names have many owners",
                way.name
            );
            found.push(warn(way, what, "name the hosts with `match = \"exact\"`"));
        }
        let mut above = way.name.as_str();
        while let Some((_, rest)) = above.split_once('.') {
            above = rest;
            let same = |other: &&Way| {
                (other.matches, other.kind) == (MatchKind::Suffix, way.kind) && other.name == above
            };
            if catalogue.ways.iter().find(same).is_some() {
                let what = format!("`{}` adds nothing to `{above}`", way.name);
                found.push(warn(way, what, "remove it"));
                break;
            }
        }
    }
    for way in &catalogue.ways_covered {
        let what = format!(
            "`{}` is left out: a rule that makes hits speaks of it",
            way.name
        );
        found.push(warn(way, what, "make sure that this is meant"));
    }
    found
}

#[cfg(test)]
mod tests;

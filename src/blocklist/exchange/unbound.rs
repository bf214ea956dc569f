//! unbound.conf(5): `local-zone:` and `local-data:`.
//!
//! A zone of a type that refuses covers its name and all below it; the longest wins, and
//! `always_transparent` gives a name back to the usual way. A name alone is a `transparent` zone
//! with one address record at its top: other types of it are answered with nothing, and what lies
//! below goes the usual way.

use std::io::{self, Write};
use std::net::IpAddr;

use super::adblock::clipped;
use super::draft::{Draft, Unused, lines};
use super::hosts::is_sink;
use super::plan::{Plan, Zone, mark};
use super::tally::Tally;
use crate::blocklist::schema::MatchKind;

/// Types under which no name of the zone is looked up.
const REFUSING: &[&str] = &[
    "always_nxdomain",
    "always_null",
    "always_nodata",
    "always_refuse",
    "always_deny",
    "static",
    "refuse",
    "deny",
    "inform_deny",
];
/// Types under which names go the usual way.
const LETTING: &[&str] = &[
    "transparent",
    "typetransparent",
    "always_transparent",
    "inform",
    "nodefault",
    "noview",
];

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    for (number, line) in lines(text) {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            let what = format!("`{}` is no line of Unbound", clipped(line));
            draft.bad(number, what, "write local-zone: \"name\" always_nxdomain");
            continue;
        };
        match key.trim() {
            "local-zone" => zone(number, value, draft),
            "local-data" => data(number, value, draft),
            key if !key.is_empty()
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
            {
                if key != "server" {
                    draft.skip(Unused::Setting);
                }
            }
            _ => {
                let what = format!("`{}` is no line of Unbound", clipped(line));
                draft.bad(number, what, "write local-zone: \"name\" always_nxdomain");
            }
        }
    }
}

/// A `#` outside quotes begins a comment.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

fn zone(number: u32, value: &str, draft: &mut Draft<'_>) {
    let mut words = value.split_whitespace().map(|word| word.trim_matches('"'));
    let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
        let what = format!("`local-zone:{}` is not a name and a type", clipped(value));
        draft.bad(number, what, "write local-zone: \"name\" always_nxdomain");
        return;
    };
    if REFUSING.contains(&kind) {
        draft.entry(number, name, MatchKind::Suffix);
    } else if LETTING.contains(&kind) {
        draft.exception(number, name, MatchKind::Suffix);
    } else if [
        "redirect",
        "inform_redirect",
        "block_a",
        "truncate",
        "ipset",
    ]
    .contains(&kind)
    {
        draft.skip(Unused::LocalData);
    } else {
        let what = format!(
            "`{}` is no type of a local zone that is known",
            clipped(kind)
        );
        draft.bad(number, what, "check its spelling, or take the line out");
    }
}

fn data(number: u32, value: &str, draft: &mut Draft<'_>) {
    let value = value.trim().trim_matches(['"', '\'']);
    let mut words = value.split_whitespace();
    let name = words.next().unwrap_or_default();
    let mut rest = words.skip_while(|word| {
        word.bytes().all(|b| b.is_ascii_digit()) || word.eq_ignore_ascii_case("IN")
    });
    match (rest.next(), rest.next().map(str::parse::<IpAddr>)) {
        (Some("A" | "AAAA" | "a" | "aaaa"), Some(Ok(address))) if is_sink(address) => {
            draft.entry(number, name, MatchKind::Exact);
        }
        (Some(_), Some(_)) => draft.skip(Unused::LocalData),
        _ => {
            let what = format!("`local-data:{}` is no record", clipped(value));
            draft.bad(number, what, "write local-data: \"name A 0.0.0.0\"");
        }
    }
}

pub(super) fn write(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "# Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "# always_nxdomain covers a name and all names below it, always_transparent lets"
    )?;
    writeln!(
        out,
        "# one through; `transparent` with a record covers the name alone."
    )?;
    writeln!(out, "server:")?;
    let zones = plan.zones(&mut tally, |_, name, rule| {
        Some(Zone {
            name: format!("={name}"),
            covered: true,
            rule,
        })
    });
    let mut last_single = None;
    for zone in zones {
        // Its transparent zone lets the names below through already.
        if !zone.covered && last_single.as_ref() == Some(&zone.name) {
            continue;
        }
        if let Some(mark) = mark(zone.rule).filter(|_| zone.covered) {
            writeln!(out, "    # {mark}:")?;
        }
        if let Some(name) = zone.name.strip_prefix('=') {
            writeln!(out, "    local-zone: \"{name}.\" transparent")?;
            writeln!(out, "    local-data: \"{name}. 60 IN A 0.0.0.0\"")?;
            tally.written += 1;
            last_single = Some(name.to_owned());
        } else if zone.covered {
            writeln!(out, "    local-zone: \"{}.\" always_nxdomain", zone.name)?;
            tally.written += 1;
        } else {
            writeln!(out, "    local-zone: \"{}.\" always_transparent", zone.name)?;
            tally.exceptions += 1;
        }
    }
    Ok(tally)
}

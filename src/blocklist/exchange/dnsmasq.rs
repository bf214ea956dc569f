//! dnsmasq(8): `address=/name/`, `local=/name/`, `server=/name/`.
//!
//! Each covers the name and all names below it, the longest wins, and `server=/name/#` gives a name
//! back to the usual servers. dnsmasq has no rule for one name alone. An `address=` with a real
//! address is an answer of its own, a `server=` with a server is a way to it: neither is a block.

use std::io::{self, Write};
use std::net::IpAddr;

use super::adblock::clipped;
use super::draft::{Draft, Unused, lines};
use super::hosts::is_sink;
use super::plan::{Plan, mark};
use super::tally::{LeftOut, Tally};
use crate::blocklist::schema::MatchKind;

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    for (number, line) in lines(text) {
        // A `#` within a value (server=/x/#) is no comment; one behind white space is.
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        if ["address", "local", "server"].contains(&key) {
            domains(number, key, value, draft);
        } else if !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            draft.skip(Unused::Setting);
        } else {
            let what = format!("`{}` is no line of dnsmasq", clipped(line));
            draft.bad(number, what, "write address=/name/, or take the line out");
        }
    }
}

/// `/name[/name...]/[target]`
fn domains(number: u32, key: &str, value: &str, draft: &mut Draft<'_>) {
    let Some(rest) = value.strip_prefix('/') else {
        draft.skip(Unused::Setting);
        return;
    };
    let Some((names, target)) = rest.rsplit_once('/') else {
        let what = format!(
            "`{key}={}` does not end its names with a `/`",
            clipped(value)
        );
        draft.bad(number, what, "write address=/name/");
        return;
    };
    let blocks = match (key, target.parse::<IpAddr>()) {
        (_, Err(_)) if target.is_empty() => true,
        ("address", Err(_)) if target == "#" => true,
        ("address", Ok(address)) => is_sink(address),
        _ => false,
    };
    for name in names.split('/') {
        if name == "*" || name == "#" || name.is_empty() {
            let what = "the line covers every name, or names without a dot";
            draft.bad(number, what, "name the domain that is meant");
        } else if name.contains('*') {
            let what = format!("`{}` has a wildcard", clipped(name));
            draft.bad(number, what, "name the domain that is meant");
        } else if blocks {
            draft.entry(number, name, MatchKind::Suffix);
        } else if key != "address" && target == "#" {
            draft.exception(number, name, MatchKind::Suffix);
        } else {
            draft.skip(if key == "address" {
                Unused::LocalData
            } else {
                Unused::Setting
            });
        }
    }
}

pub(super) fn write(key: &str, plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "# Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "# Each line covers a name and all names below it; `/#` lets one through."
    )?;
    let zones = plan.zones(&mut tally, |tally, _, _| {
        tally.leave(LeftOut::SingleName);
        None
    });
    for zone in zones {
        if !zone.covered {
            writeln!(out, "server=/{}/#", zone.name)?;
            tally.exceptions += 1;
            continue;
        }
        if let Some(mark) = mark(zone.rule) {
            writeln!(out, "# {mark}:")?;
        }
        writeln!(out, "{key}=/{}/", zone.name)?;
        tally.written += 1;
    }
    Ok(tally)
}

//! `list test`: what the lists say of names, one TSV line (or JSON object) each.
//!
//! Columns: name as given, verdict, vendor, rule, match, role; `-` where there is nothing.

use std::io::{self, BufRead, Write};

use crate::base::{DomainName, RawName};
use crate::blocklist::{Catalogue, Match, Role, Verdict, Way};

/// Answers for each line of `input`.
pub(super) fn lines(
    catalogue: &Catalogue,
    json: bool,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let end = line.strip_suffix(b"\n").unwrap_or(&line);
        one(catalogue, json, end.strip_suffix(b"\r").unwrap_or(end), out)?;
    }
}

/// Answers for one name.
pub(super) fn one(
    catalogue: &Catalogue,
    json: bool,
    given: &[u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (verdict, found) = match look_up(catalogue, given.trim_ascii()) {
        Verdict::Way(way) => return way_round(way, json, given, out),
        Verdict::None => ("none", None),
        // No hit would be written, but the rule is worth knowing.
        Verdict::Allowed(found) => ("none", Some(found)),
        Verdict::Hit(found) | Verdict::Context(found) => (found.class().label(), Some(found)),
    };
    if json {
        return write_json(given, verdict, found.as_ref(), out);
    }
    write_given(given, out)?;
    let Some(found) = found else {
        return writeln!(out, "\t{verdict}\t-\t-\t-\t-");
    };
    let role = found.role().map_or("-", Role::label);
    let (vendor, rule, kind) = (&found.vendor().id, found.rule(), found.kind());
    writeln!(out, "\t{verdict}\t{vendor}\t{rule}\t{kind}\t{role}")
}

/// A name by which clients hide other names: it is counted by kind.
fn way_round(way: &Way, json: bool, given: &[u8], out: &mut dyn Write) -> io::Result<()> {
    if json {
        let value = serde_json::json!({
            "name": String::from_utf8_lossy(given),
            "verdict": "way-round",
            "vendor": way.service,
            "rule": way.name,
            "match": way.matches.label(),
            "role": way.kind.label(),
            "allowed": false,
        });
        return writeln!(out, "{value}");
    }
    write_given(given, out)?;
    let (service, rule, matches, kind) = (&way.service, &way.name, way.matches, way.kind);
    writeln!(out, "\tway-round\t{service}\t{rule}\t{matches}\t{kind}")
}

/// Only what is a domain name is looked up, so that the address of a page or a path does not seem
/// to be one of its names.
fn look_up<'c>(catalogue: &'c Catalogue, name: &[u8]) -> Verdict<'c> {
    if is_host_name(name) {
        return catalogue.find(&RawName::Text(name));
    }
    if name.is_ascii() {
        return Verdict::None;
    }
    match std::str::from_utf8(name).map(DomainName::parse) {
        Ok(Ok(name)) => catalogue.find(&RawName::Text(name.as_str().as_bytes())),
        _ => Verdict::None,
    }
}

fn is_host_name(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
    name.len() <= 253
        && name
            .split(|&b| b == b'.')
            .all(|l| (1..=63).contains(&l.len()) && l.iter().all(plain))
}

/// The name as given, but for bytes that would break the line or drive a terminal.
fn write_given(given: &[u8], out: &mut dyn Write) -> io::Result<()> {
    if given.iter().all(|&b| b >= 0x20 && b != 0x7f) {
        return out.write_all(given);
    }
    for &byte in given {
        match byte {
            0x20..=0x7e | 0x80.. => out.write_all(&[byte])?,
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    Ok(())
}

fn write_json(
    given: &[u8],
    verdict: &str,
    found: Option<&Match<'_>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let value = serde_json::json!({
        "name": String::from_utf8_lossy(given),
        "verdict": verdict,
        "vendor": found.map(|found| &found.vendor().id),
        "rule": found.map(Match::rule),
        "match": found.map(|found| found.kind().label()),
        "role": found.and_then(Match::role).map(Role::label),
        "allowed": verdict == "none" && found.is_some(),
    });
    writeln!(out, "{value}")
}

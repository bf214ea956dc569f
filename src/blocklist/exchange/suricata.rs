//! A dataset of Suricata (`type string`: one base64 text a line), and rules that use it.
//!
//! A dataset is compared byte by byte with a whole buffer: it holds single names. Names below a
//! suffix need a rule of their own, `dotprefix; content:".name"; endswith;`. Plain names in a
//! dataset file are read too, as people write them.

use std::io::{self, Write};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::adblock::clipped;
use super::draft::{Draft, lines};
use super::plan::{Plan, mark};
use super::tally::{LeftOut, Tally};
use crate::blocklist::fields::list_name;
use crate::blocklist::schema::MatchKind;

/// First rule number: within the range for local use, 1000000 to 1999999.
const FIRST_SID: u32 = 1_947_000;
/// Name of the set, and of the file that the rules load.
const SET: &str = "poortwacht";

/// Protocol and buffer in which a name stands, with what a rule says about it.
const BUFFERS: &[(&str, &str, &str)] = &[
    ("dns", "dns.query", "look-up"),
    ("tls", "tls.sni", "TLS"),
    ("quic", "quic.sni", "QUIC"),
    ("http", "http.host", "HTTP"),
];

/// The text of one line, if it is base64 of a name.
pub(super) fn decoded(line: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(line).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    list_name(&text).is_ok().then_some(text)
}

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    for (number, line) in lines(text) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = decoded(line) {
            draft.entry(number, &name, MatchKind::Exact);
        } else if list_name(line).is_ok() {
            draft.entry(number, line, MatchKind::Exact);
        } else {
            let what = format!("`{}` is neither base64 of a name nor a name", clipped(line));
            draft.bad(number, what, "is this a dataset of type string?");
        }
    }
}

pub(super) fn write(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    for one in plan.singles(&mut tally) {
        if mark(one.rule).is_some() {
            tally.leave(LeftOut::NoMark);
            continue;
        }
        if one.with_below {
            tally.leave(LeftOut::NamesBelow);
        }
        writeln!(out, "{}", BASE64_STANDARD.encode(&one.name))?;
        tally.written += 1;
    }
    Ok(tally)
}

pub(super) fn write_rules(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "# Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "# The first rules load the dataset, which has to lie beside this file:"
    )?;
    writeln!(
        out,
        "#   poortwacht list export --format suricata --output {SET}.lst"
    )?;
    writeln!(
        out,
        "# A dataset is compared byte by byte: a name in another case is not found in it."
    )?;
    writeln!(
        out,
        "# The rules after them cover the names below each suffix, whatever the case."
    )?;
    let mut sid = FIRST_SID;
    for (protocol, buffer, what) in BUFFERS {
        writeln!(
            out,
            "alert {protocol} any any -> any any (msg:\"Poortwacht: {what}, name in the catalogue\"; \
             {buffer}; dataset:isset,{SET},type string,load {SET}.lst; sid:{sid}; rev:1;)"
        )?;
        sid += 1;
    }
    for one in plan.singles(&mut tally) {
        if !one.with_below {
            // It stands in the dataset, or the dataset's export says why not.
            if mark(one.rule).is_some() {
                tally.leave(LeftOut::NoMark);
            }
            continue;
        }
        if plan.has_exceptions(&one.name) {
            tally.leave(LeftOut::HasExceptions);
            continue;
        }
        let vendor = one.rule.map_or("", |rule| rule.vendor().id.as_str());
        let mark = mark(one.rule).map_or(String::new(), |mark| format!(", {mark}"));
        for (protocol, buffer, what) in BUFFERS {
            writeln!(
                out,
                "alert {protocol} any any -> any any (msg:\"Poortwacht: {what}, {vendor}{mark}\"; \
                 {buffer}; dotprefix; content:\".{}\"; nocase; endswith; sid:{sid}; rev:1;)",
                one.name
            )?;
            sid += 1;
        }
        tally.written += 1;
    }
    Ok(tally)
}

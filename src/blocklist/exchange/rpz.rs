//! A response policy zone, QNAME triggers only (draft-vixie-dnsop-dns-rpz sections 3 and 4).
//!
//! `name` is a trigger for the name alone, `*.name` for all below it. `CNAME .` and `CNAME *.`
//! block, `rpz-drop.` too; `rpz-passthru.` is an exception; an address record blocks when the
//! address is unspecified or loopback. Every other answer is a redirect, no block. Zone files are
//! read as far as policy zones need them (RFC 1035 section 5): no `$INCLUDE`, no `$GENERATE`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use super::adblock::clipped;
use super::draft::{Draft, Unused, lines};
use super::hosts::is_sink;
use super::plan::{Labels, Plan, State, mark, text as name_of};
use super::tally::Tally;
use crate::base::DomainName;
use crate::blocklist::fields::list_name;
use crate::blocklist::schema::MatchKind;

/// Labels that mark triggers of other kinds.
const OTHER_TRIGGERS: &[&str] = &["rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname"];
/// Record types without a policy of their own.
const ZONE_DATA: &[&str] = &[
    "SOA",
    "NS",
    "RRSIG",
    "DNSKEY",
    "NSEC",
    "NSEC3",
    "NSEC3PARAM",
    "DS",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Block,
    Pass,
}

/// What a zone says of one name.
#[derive(Clone, Copy, Default)]
struct Said {
    itself: Option<(Policy, u32)>,
    below: Option<(Policy, u32)>,
}

#[derive(Default)]
struct Zone {
    /// The zone itself, without the dot at the end; `None` until it is known.
    apex: Option<String>,
    /// What a name without a dot at its end lies below; `None`: the zone itself.
    origin: Option<String>,
    owner: String,
    said: BTreeMap<DomainName, Said>,
}

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    let mut zone = Zone::default();
    let mut scan = Scan::default();
    let mut begun = 0;
    for (number, line) in lines(text) {
        // What brackets or quotes carry on from the line before is no record of its own.
        let goes_on = scan.is_open();
        let code = scan.code(line);
        if goes_on || code.trim().is_empty() {
            continue;
        }
        begun = number;
        if let Some(directive) = code.strip_prefix('$') {
            zone.directive(number, directive, draft);
            continue;
        }
        zone.record(number, code, draft);
    }
    if scan.is_open() {
        draft.bad(
            begun,
            "a bracket or a quote is not closed",
            "close it; if the zone file is cut short, get it again",
        );
    }
    zone.finish(draft);
}

/// Where in a zone file the reading stands (RFC 1035 section 5.1): a record may go over lines in
/// brackets, and within quotes neither they nor a semicolon mean anything.
#[derive(Default)]
struct Scan {
    brackets: u32,
    quoted: bool,
}

impl Scan {
    const fn is_open(&self) -> bool {
        self.brackets > 0 || self.quoted
    }

    /// The line without its comment.
    fn code<'l>(&mut self, line: &'l str) -> &'l str {
        let mut escaped = false;
        for (at, byte) in line.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => self.quoted = !self.quoted,
                _ if self.quoted => {}
                b'(' => self.brackets = self.brackets.saturating_add(1),
                b')' => self.brackets = self.brackets.saturating_sub(1),
                b';' => return line.get(..at).unwrap_or_default(),
                _ => {}
            }
        }
        line
    }
}

impl Zone {
    fn directive(&mut self, number: u32, directive: &str, draft: &mut Draft<'_>) {
        let mut words = directive.split_whitespace();
        match (words.next(), words.next()) {
            (Some("TTL"), Some(_)) => {}
            (Some("ORIGIN"), Some(origin)) => {
                let origin = origin.trim_end_matches('.').to_ascii_lowercase();
                self.apex.get_or_insert_with(|| origin.clone());
                self.origin = Some(origin);
            }
            _ => {
                let what = format!("`${}` cannot be followed", clipped(directive));
                let next = "have the zone written out whole (named-compilezone)";
                draft.bad(number, what, next);
            }
        }
    }

    fn record(&mut self, number: u32, code: &str, draft: &mut Draft<'_>) {
        let mut words = code.split_whitespace().peekable();
        if !code.starts_with(char::is_whitespace) {
            words.next().unwrap_or_default().clone_into(&mut self.owner);
        }
        let skipped = |word: &&str| {
            let ttl = word.bytes().next().is_some_and(|b| b.is_ascii_digit());
            ttl || word.eq_ignore_ascii_case("IN")
        };
        while words.next_if(skipped).is_some() {}
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        let target = words.next().unwrap_or_default();
        if ZONE_DATA.contains(&kind.as_str()) {
            // The SOA's owner is the zone itself.
            if kind == "SOA" && self.apex.is_none() && self.owner.ends_with('.') {
                self.apex = Some(self.owner.trim_end_matches('.').to_ascii_lowercase());
            }
            return;
        }
        if target.is_empty() {
            let what = format!("`{}` is no record", clipped(code.trim()));
            draft.bad(number, what, "write `name CNAME .`");
            return;
        }
        if let Some(trigger) = self.trigger(number, draft) {
            self.policy(number, &trigger, &kind, target, draft);
        }
    }

    /// The owner without the zone's name.
    fn trigger(&self, number: u32, draft: &mut Draft<'_>) -> Option<String> {
        let owner = self.owner.to_ascii_lowercase();
        let whole = match (owner.strip_suffix('.'), &self.origin) {
            (Some(whole), _) => whole.to_owned(),
            (None, None) => return Self::kind_of_trigger(owner, draft),
            (None, Some(origin)) if owner == "@" => origin.clone(),
            (None, Some(origin)) => format!("{owner}.{origin}"),
        };
        let Some(apex) = &self.apex else {
            let what = format!(
                "`{}` ends with a dot, and the zone's name is not known",
                clipped(&owner)
            );
            draft.bad(
                number,
                what,
                "begin the file with $ORIGIN and the zone's name",
            );
            return None;
        };
        if whole == *apex {
            return None;
        }
        match whole
            .strip_suffix(apex.as_str())
            .and_then(|rest| rest.strip_suffix('.'))
        {
            Some(inside) => Self::kind_of_trigger(inside.to_owned(), draft),
            None => {
                let what = format!("`{}` lies outside the zone", clipped(&owner));
                draft.bad(number, what, "check $ORIGIN and the dot at the end");
                None
            }
        }
    }

    fn kind_of_trigger(trigger: String, draft: &mut Draft<'_>) -> Option<String> {
        if trigger == "@" || trigger.is_empty() {
            return None;
        }
        if trigger
            .rsplit('.')
            .next()
            .is_some_and(|last| OTHER_TRIGGERS.contains(&last))
        {
            draft.skip(Unused::Trigger);
            return None;
        }
        Some(trigger)
    }

    fn policy(
        &mut self,
        number: u32,
        trigger: &str,
        kind: &str,
        target: &str,
        draft: &mut Draft<'_>,
    ) {
        let target = target.to_ascii_lowercase();
        let policy = match (kind, target.as_str()) {
            ("CNAME", "." | "*." | "rpz-drop.") => Policy::Block,
            ("CNAME", "rpz-passthru.") => Policy::Pass,
            ("CNAME", "rpz-tcp-only.") => return draft.skip(Unused::Policy),
            // An old way to say "pass": the name is its own answer.
            ("CNAME", target) if target.trim_end_matches('.') == trigger => Policy::Pass,
            ("A" | "AAAA", address) if address.parse::<IpAddr>().is_ok_and(is_sink) => {
                Policy::Block
            }
            _ => return draft.skip(Unused::LocalData),
        };
        let (name, below) = match trigger.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (trigger, false),
        };
        if name == "*" || trigger == "*" {
            return draft.bad(
                number,
                "`*` covers every name",
                "name the domain that is meant",
            );
        }
        match list_name(name) {
            Ok(name) => {
                let said = self.said.entry(name).or_default();
                let place = if below {
                    &mut said.below
                } else {
                    &mut said.itself
                };
                // An address of each family says the same twice.
                *place = place.or(Some((policy, number)));
            }
            Err((what, next)) => draft.bad(number, what, next),
        }
    }

    fn finish(self, draft: &mut Draft<'_>) {
        use MatchKind::{Exact, Suffix};
        use Policy::{Block, Pass};
        for (name, said) in self.said {
            let text = name.as_str();
            match (said.itself, said.below) {
                (Some((Block, line)), Some((Block, _))) => draft.entry(line, text, Suffix),
                (Some((Block, line)), below) => {
                    draft.entry(line, text, Exact);
                    if let Some((Pass, line)) = below {
                        draft.exception(line, text, Suffix);
                    }
                }
                (Some((Pass, line)), Some((Block, below))) => {
                    draft.entry(below, text, Suffix);
                    draft.exception(line, text, Exact);
                }
                (Some((Pass, line)), Some((Pass, _))) => draft.exception(line, text, Suffix),
                (Some((Pass, line)), None) => draft.exception(line, text, Exact),
                (None, Some((Pass, line))) => draft.exception(line, text, Suffix),
                (None, Some((Block, line))) => {
                    let what = format!("`*.{name}` covers what lies below `{name}`, not itself");
                    draft.bad(
                        line,
                        what,
                        "add a line for the name itself if it is meant too",
                    );
                }
                (None, None) => {}
            }
        }
    }
}

pub(super) fn write(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    let serial = u32::try_from(plan.modified).unwrap_or(1).max(1);
    writeln!(out, "; Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "; `name` answers for the name alone, `*.name` for all names below it."
    )?;
    writeln!(out, "$TTL 300")?;
    writeln!(
        out,
        "@ IN SOA localhost. hostmaster.localhost. {serial} 3600 900 604800 300"
    )?;
    writeln!(out, "@ IN NS localhost.")?;
    let mut above: Vec<(Labels<'_>, State<'_>)> = Vec::new();
    let mut last: Labels<'_> = Vec::new();
    for (name, node) in &plan.nodes {
        while above.last().is_some_and(|(top, _)| !name.starts_with(top)) {
            above.pop();
        }
        let inherited = above.last().map(|(_, state)| *state);
        // A wildcard does not reach past a name that exists, even without records of its own
        // (RFC 4592 section 2.2.2): what lies between is written out.
        if let Some((top, state)) = above.last().filter(|(_, state)| state.covered) {
            for len in top.len().saturating_add(1)..name.len() {
                let between = name.get(..len).unwrap_or_default();
                if !plan.nodes.contains_key(between) && !last.starts_with(between) {
                    let between = name_of(between);
                    record(out, &between, *state)?;
                    record(out, &format!("*.{between}"), *state)?;
                }
            }
        }
        let below = node.suffix.or(inherited);
        let itself = node.exact.or(below);
        let around = inherited.is_some_and(|state| state.covered);
        let text = name_of(name);
        if let Some(mark) = mark(itself.filter(|s| s.covered).and_then(|s| s.rule)) {
            writeln!(out, "; {mark}:")?;
        }
        let covers_below = below.is_some_and(|state| state.covered);
        for (owner, state) in [(text.clone(), itself), (format!("*.{text}"), below)] {
            if let Some(state) = state.filter(|s| s.covered || around || covers_below) {
                record(out, &owner, state)?;
                if !state.covered {
                    tally.exceptions += 1;
                }
            }
        }
        if itself.is_some_and(|state| state.covered) || covers_below {
            tally.written += 1;
        }
        if let Some(state) = node.suffix {
            above.push((name.clone(), state));
        }
        last.clone_from(name);
    }
    Ok(tally)
}

fn record(out: &mut dyn Write, owner: &str, state: State<'_>) -> io::Result<()> {
    let target = if state.covered { "." } else { "rpz-passthru." };
    writeln!(out, "{owner} CNAME {target}")
}

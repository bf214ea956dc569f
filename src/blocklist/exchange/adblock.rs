//! Filter lists of browsers and of AdGuard Home: `||name^` and `@@||name^`, nothing else of them.
//!
//! `||name^` covers the name and all below it. An exception wins over it, `$important` over an
//! exception. A rule that blocks under conditions (`$third-party`, `$domain=`, a type of request)
//! blocks less than the name: it gives no entry. The language has no rule for one name alone.

use std::collections::HashSet;
use std::io::{self, Write};

use super::draft::{Draft, Unused, lines};
use super::plan::{Plan, mark};
use super::tally::{LeftOut, Tally};
use crate::base::DomainName;
use crate::blocklist::schema::MatchKind;

/// Options that take nothing away from a rule.
const WHOLE_OPTIONS: &[&str] = &["important", "all"];

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    let mut important = HashSet::new();
    for (number, line) in lines(text) {
        let line = line.trim();
        let comment = line.starts_with('!') || line.starts_with("# ") || line == "#";
        if line.is_empty() || comment || (line.starts_with('[') && line.ends_with(']')) {
            continue;
        }
        if ["##", "#@#", "#?#", "#$#", "#%#", "#@?#", "#@$#", "$$"]
            .iter()
            .any(|m| line.contains(m))
        {
            draft.skip(Unused::Cosmetic);
            continue;
        }
        one(number, line, draft, &mut important);
    }
    draft.exceptions_win(&important);
}

fn one(number: u32, line: &str, draft: &mut Draft<'_>, important: &mut HashSet<DomainName>) {
    let (rule, exception) = match line.strip_prefix("@@") {
        Some(rule) => (rule, true),
        None => (line, false),
    };
    let (body, options) = match rule.rsplit_once('$') {
        // A `/` behind the `$` belongs to a pattern in slashes.
        Some((body, options)) if !options.contains('/') => (body, options),
        _ => (rule, ""),
    };
    let host = body
        .strip_prefix("||")
        .and_then(|rest| rest.strip_suffix('^'));
    let Some(host) = host.filter(|host| !host.contains(['/', '*', '^', '|', ':', '?', '='])) else {
        let known = body.contains(['/', '*', '^', '|', ':', '?', '=', '&', '-', '_', '.']);
        if known && !body.contains(char::is_whitespace) {
            draft.skip(Unused::PartOfUrl);
        } else {
            let what = format!("`{}` is no filter rule", clipped(line));
            draft.bad(number, what, "write ||name^, or take the line out");
        }
        return;
    };
    let mut options = options
        .split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty());
    let mut strong = false;
    let whole = options.all(|option| {
        strong |= option == "important";
        WHOLE_OPTIONS.contains(&option)
    });
    if exception {
        // In doubt the exception holds: it only ever takes away.
        draft.exception(number, host, MatchKind::Suffix);
    } else if !whole {
        draft.skip(Unused::Conditional);
    } else if let Some(name) = draft.checked(number, host, MatchKind::Suffix) {
        if strong {
            important.insert(name.clone());
        }
        draft.add(number, name, MatchKind::Suffix);
    }
}

/// At most 80 characters, printable.
pub(super) fn clipped(line: &str) -> String {
    let head: String = line.chars().take(80).collect();
    head.escape_debug().to_string()
}

pub(super) fn write(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(
        out,
        "! Title: Catalogue of Poortwacht, version {}",
        plan.version
    )?;
    writeln!(out, "! Each line covers a name and all names below it.")?;
    let zones = plan.zones(&mut tally, |tally, _, _| {
        tally.leave(LeftOut::SingleName);
        None
    });
    let mut excepted: Option<String> = None;
    for zone in zones {
        let below = |top: &String| {
            zone.name
                .strip_suffix(top.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
        };
        if excepted.as_ref().is_some_and(below) {
            if zone.covered {
                tally.leave(LeftOut::BelowException);
            }
            continue;
        }
        if zone.covered {
            if let Some(mark) = mark(zone.rule) {
                writeln!(out, "! {mark}:")?;
            }
            writeln!(out, "||{}^", zone.name)?;
            tally.written += 1;
        } else {
            writeln!(out, "@@||{}^", zone.name)?;
            tally.exceptions += 1;
            excepted = Some(zone.name);
        }
    }
    Ok(tally)
}

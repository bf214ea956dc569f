//! An intelligence file of Zeek: a `#fields` line, then one indicator a line, tabs between.
//!
//! Only `Intel::DOMAIN` is a name, and it is compared with the whole name: it covers nothing below.

use std::io::{self, Write};

use super::adblock::clipped;
use super::draft::{Draft, Unused, lines};
use super::plan::{Plan, mark};
use super::tally::{LeftOut, Tally};
use crate::blocklist::schema::MatchKind;

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    let mut columns: Option<(usize, usize)> = None;
    for (number, line) in lines(text) {
        if line.trim().is_empty() {
            continue;
        }
        if let Some(fields) = line.strip_prefix("#fields") {
            let place = |name: &str| {
                fields
                    .trim_start()
                    .split('\t')
                    .position(|f| f.trim() == name)
            };
            columns = place("indicator").zip(place("indicator_type"));
            if columns.is_none() {
                let what =
                    "`#fields` does not name indicator and indicator_type, with tabs between";
                return draft.bad(number, what, "take the file as its source gave it");
            }
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let Some((name, kind)) = columns else {
            let what = "the first line is no `#fields` line";
            return draft.bad(number, what, "take the file as its source gave it");
        };
        let mut cells = line.split('\t');
        let cells: Vec<&str> = cells.by_ref().collect();
        match (cells.get(name), cells.get(kind)) {
            (Some(name), Some(&"Intel::DOMAIN")) => draft.entry(number, name, MatchKind::Exact),
            (Some(_), Some(kind)) if kind.starts_with("Intel::") => draft.skip(Unused::OtherType),
            _ => {
                let what = format!(
                    "`{}` has no indicator and type, with a tab between",
                    clipped(line)
                );
                draft.bad(number, what, "write name<TAB>Intel::DOMAIN<TAB>source");
            }
        }
    }
}

pub(super) fn write(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(
        out,
        "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc"
    )?;
    for one in plan.singles(&mut tally) {
        if one.with_below {
            tally.leave(LeftOut::NamesBelow);
        }
        let vendor = one.rule.map_or("-", |rule| rule.vendor().id.as_str());
        let role = one
            .rule
            .and_then(|rule| rule.role())
            .map_or("user-list", |role| role.label());
        let mark = mark(one.rule).map_or(String::new(), |mark| format!(", {mark}"));
        writeln!(
            out,
            "{}\tIntel::DOMAIN\tpoortwacht {}\t{vendor}, {role}{mark}",
            one.name, plan.version
        )?;
        tally.written += 1;
    }
    Ok(tally)
}

//! hosts(5), as used for blocking: `0.0.0.0 name [name...]`.
//!
//! Unspecified and loopback addresses block; any other address is a name that somebody serves. Each
//! name stands for itself: a hosts file knows no names below it.

use std::io::{self, Write};
use std::net::IpAddr;

use super::draft::{Draft, Unused, lines};
use super::plan::{Plan, mark};
use super::tally::{LeftOut, Tally};
use crate::blocklist::schema::MatchKind;

/// Names that a hosts file gives to the machine itself.
const OWN_NAMES: &[&str] = &[
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "localhost6.localdomain6",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "0.0.0.0",
];

/// Does an answer with this address block?
pub(super) fn is_sink(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback()
}

pub(super) fn read(text: &str, draft: &mut Draft<'_>) {
    for (number, line) in lines(text) {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(first) = words.next() else { continue };
        // An IPv6 address may name its interface: fe80::1%lo0.
        let plain = first.split('%').next().unwrap_or_default();
        let Ok(address) = plain.parse::<IpAddr>() else {
            let what = format!("`{}` is no address", first.escape_debug());
            draft.bad(
                number,
                what,
                "a line of a hosts file begins with an address",
            );
            continue;
        };
        let mut any = false;
        for name in words {
            any = true;
            if OWN_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
                draft.skip(Unused::OwnName);
            } else if is_sink(address) {
                draft.entry(number, name, MatchKind::Exact);
            } else {
                draft.skip(Unused::OtherAddress);
            }
        }
        if !any {
            draft.bad(number, "the address has no name", "write a name behind it");
        }
    }
}

pub(super) fn write(plan: &Plan<'_>, out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = plan.tally.clone();
    writeln!(out, "# Catalogue of Poortwacht, version {}.", plan.version)?;
    writeln!(
        out,
        "# A hosts file holds single names: what lies below them is not covered."
    )?;
    for one in plan.singles(&mut tally) {
        if one.with_below {
            tally.leave(LeftOut::NamesBelow);
        }
        let mark = mark(one.rule).map_or(String::new(), |mark| format!(" # {mark}"));
        writeln!(out, "0.0.0.0 {}{mark}", one.name)?;
        tally.written += 1;
    }
    Ok(tally)
}

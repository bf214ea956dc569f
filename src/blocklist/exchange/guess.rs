//! Which form a list has, by the first line that tells.
//!
//! Enters: a text. Leaves: a [`Format`]; the user list of this program when nothing tells otherwise.
//! Never: reads more than the first lines.

use super::{Format, suricata};
use crate::blocklist::fields::list_name;

/// Lines looked at.
const LINES_MAX: usize = 1000;

/// The form of a text.
pub fn guess(text: &str) -> Format {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) && text.contains("\"Attribute\"") {
        return Format::MispJson;
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .take(LINES_MAX)
        .find_map(of_line)
        .unwrap_or(Format::Plain)
}

fn of_line(line: &str) -> Option<Format> {
    let first = line.split_whitespace().next()?;
    if line.starts_with("#fields\t") {
        return Some(Format::Zeek);
    }
    if line.starts_with('#') {
        return None;
    }
    if line.starts_with(['!', ';']) {
        return Some(if line.starts_with('!') {
            Format::Adblock
        } else {
            Format::Rpz
        });
    }
    if line.starts_with("||") || line.starts_with("@@||") || line.starts_with("[Adblock") {
        return Some(Format::Adblock);
    }
    if line.starts_with('$') || line.contains(" SOA ") || line.contains(" CNAME ") {
        return Some(Format::Rpz);
    }
    for (begin, format) in [
        ("address=/", Format::Dnsmasq),
        ("local=/", Format::DnsmasqLocal),
        ("server=/", Format::DnsmasqServer),
        ("server:", Format::Unbound),
        ("local-zone:", Format::Unbound),
        ("local-data:", Format::Unbound),
        ("uuid,event_id,", Format::MispCsv),
        ("alert ", Format::SuricataRules),
    ] {
        if line.starts_with(begin) {
            return Some(format);
        }
    }
    if first.parse::<std::net::IpAddr>().is_ok() && first != line {
        return Some(Format::Hosts);
    }
    if list_name(line).is_err() && suricata::decoded(line).is_some() {
        return Some(Format::Suricata);
    }
    Some(Format::Plain)
}

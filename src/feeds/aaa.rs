//! Lines of an authentication or accounting server, by the patterns of the config.
//!
//! Enters: lines. Leaves: facts: who began or ended a session, on which address. Never: keeps a
//! line that no pattern fits.
//!
//! The time is the group `time`, else the stamp at the head of the line. By whose clock: the group
//! `host`, else the host that syslog wrote behind its stamp.

use super::config::AaaAct;
use super::pattern::AaaPatterns;
use super::read::{At, Foreign, Read, fact_event, mac, net, some};
use super::stamp::{Zone, head, moment};
use crate::event::{Event, FactAct, FactSource};

const TIME: Foreign =
    Foreign("a time: a syslog stamp at the head of the line, or one in the group `time`");
const ADDRESS: Foreign = Foreign("an address or prefix in the group `ip`");
const ACT: Foreign = Foreign("`start`, `interim` or `stop` (or login/logout) in the group `act`");
const USER: Foreign = Foreign("a name in the group `user`");

/// One line. A line that no pattern fits is somebody else's, and no fault.
///
/// # Errors
/// [`Foreign`] when a pattern fits and a group makes no sense.
pub fn line(
    line: &str,
    patterns: &AaaPatterns,
    zone: &Zone,
    at: &At<'_>,
    out: &mut Vec<Event>,
) -> Read {
    let Some((groups, act)) = patterns.find(line) else {
        return Ok(());
    };
    let group = |name: &str| groups.name(name).map(|found| found.as_str().trim());
    let act = match group("act") {
        Some(word) => act_of(word).ok_or(ACT)?,
        None if act == AaaAct::Stop => FactAct::Ends,
        None => FactAct::Holds,
    };
    let (time, host) = match group("time") {
        Some(text) => (moment(text, at.learned, zone), None),
        None => match head(line, at.learned, zone) {
            Some((time, rest)) => (Some(time), sender(rest)),
            None => (None, None),
        },
    };
    let mut fact = at.fact(FactSource::AaaLog, act, time.ok_or(TIME)?);
    fact.clock = group("host").or(host).and_then(some);
    fact.net = match group("ip") {
        Some("") | None => None,
        Some(text) => Some(
            net(text)
                .filter(|net| !net.addr().is_unspecified())
                .ok_or(ADDRESS)?,
        ),
    };
    fact.user = group("user").and_then(some);
    fact.mac = group("mac").and_then(mac);
    fact.session = group("session").and_then(some);
    match act {
        FactAct::Holds if fact.net.is_none() => return Err(ADDRESS),
        FactAct::Holds if fact.user.is_none() => return Err(USER),
        // A stop that names nothing ends nothing.
        FactAct::Ends if fact.net.is_none() && fact.session.is_none() => return Err(ADDRESS),
        _ => {}
    }
    out.push(fact_event(fact));
    Ok(())
}

/// The host behind a syslog stamp: RFC 3164 has a tag with a colon behind it, RFC 5424 three more
/// fields. What else stands behind a stamp is the message, and its first word tells no clock.
fn sender(rest: &str) -> Option<&str> {
    let mut words = rest.split(' ');
    let (host, tag) = (words.next()?, words.next()?);
    let is_host = host
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || b".-_:".contains(&it));
    let is_tag = tag.len() > 1 && tag.ends_with(':');
    let mut is_header = || {
        let (_, _, data) = (words.next()?, words.next()?, words.next()?);
        Some(data.starts_with('-') || data.starts_with('['))
    };
    (is_host && !host.ends_with(':') && (is_tag || is_header() == Some(true))).then_some(host)
}

fn act_of(word: &str) -> Option<FactAct> {
    const STARTS: [&str; 9] = [
        "start",
        "interim",
        "interim-update",
        "alive",
        "login",
        "logon",
        "logged in",
        "connect",
        "connected",
    ];
    const STOPS: [&str; 7] = [
        "stop",
        "logout",
        "logoff",
        "logged out",
        "disconnect",
        "disconnected",
        "expired",
    ];
    let is = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    if is(&STARTS) {
        Some(FactAct::Holds)
    } else if is(&STOPS) {
        Some(FactAct::Ends)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;

//! A look-up or request in a resolver's or proxy's log: matched at once and otherwise forgotten.
//!
//! Enters: what a line says. Leaves: a hit, or nothing. Never: keeps or tells a name that did not
//! match; makes a hit of a dual-use or supplier entry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::read::At;
use crate::base::{EchVerdict, Endpoints, NameBuf, RawName, Seen, Timestamp, Transport};
use crate::blocklist::Verdict;
use crate::event::{Event, Hit, HitRule};

/// What a line says. No `Debug`: it has not matched anything yet.
pub struct Lookup<'a> {
    /// When.
    pub time: Timestamp,
    /// Who asked.
    pub client: IpAddr,
    /// Its port; 0 when the log does not tell.
    pub client_port: u16,
    /// Whom it asked, or the server behind the proxy, when the log tells.
    pub server: Option<IpAddr>,
    /// 53, or the port of the request.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// The name.
    pub name: RawName<'a>,
    /// DNS type; 0 for a proxy.
    pub qtype: u16,
    /// [`Seen::ResolverLog`] or [`Seen::ProxyLog`].
    pub seen: Seen,
}

impl Lookup<'_> {
    /// Asks the list in force.
    pub fn find(&self, at: &At<'_>, out: &mut Vec<Event>) {
        let Verdict::Hit(found) = at.list.find_at(&self.name, self.time) else {
            return;
        };
        let mut name = NameBuf::new();
        // It matched, so it has a normal form.
        let _ = self.name.normalise(&mut name);
        let unknown = match self.client {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        out.push(Event::Hit(Box::new(Hit {
            time: self.time,
            frame: at.line,
            point: at.feed.to_owned(),
            ends: Endpoints {
                src: self.client,
                dst: self.server.unwrap_or(unknown),
                sport: self.client_port,
                dport: self.port,
                transport: self.transport,
            },
            client_mac: None,
            vlan: None,
            seen: self.seen,
            name: name.as_str().to_owned(),
            qtype: self.qtype,
            ech: EchVerdict::None,
            rule: HitRule::of(&found),
            ja4: None,
            evidence: Vec::new(),
            carrier: None,
            join: None,
            contested: false,
            list_version: at.list.info().version,
        })));
    }
}

/// A name as a resolver writes it. Escapes of RFC 1035 section 5.1 need no undoing: no name of a
/// list has one, and an escaped dot must not become a border.
pub fn name(text: &str) -> RawName<'_> {
    RawName::Text(text.as_bytes())
}

/// Number of a DNS type (RFC 3597 section 5 for `TYPE65`; dnsmasq writes `type=65`); 0 when the
/// mnemonic is not known here.
pub fn qtype(text: &str) -> u16 {
    const TYPES: [(&str, u16); 18] = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("SOA", 6),
        ("PTR", 12),
        ("MX", 15),
        ("TXT", 16),
        ("AAAA", 28),
        ("SRV", 33),
        ("NAPTR", 35),
        ("DS", 43),
        ("DNSKEY", 48),
        ("TLSA", 52),
        ("SVCB", 64),
        ("HTTPS", 65),
        ("SPF", 99),
        ("ANY", 255),
        ("CAA", 257),
    ];
    let known = TYPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    let numbered = || {
        let (head, digits) = text.split_at_checked(4)?;
        head.eq_ignore_ascii_case("type").then_some(())?;
        digits.strip_prefix('=').unwrap_or(digits).parse().ok()
    };
    known
        .map(|(_, number)| *number)
        .or_else(numbered)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        assert_eq!(qtype("HTTPS"), 65);
        assert_eq!(qtype("TYPE65"), 65);
        assert_eq!(qtype("type=257"), 257);
        assert_eq!(qtype("aaaa"), 28);
        for other in ["", "TYPE", "TYPE70000", "hinfo", "é", "typé1"] {
            assert_eq!(qtype(other), 0, "{other}");
        }
    }
}

//! Writes a finding down as a record.
//!
//! Enters: [`Finding`]s. Leaves: [`Record`]s. Never: an address, link-layer address or client port
//! in pseudonym mode; a word on what a name was used for (a name was seen, and that is all).

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ecs::{
    Client, Destination, Dns, ECS_VERSION, EcsVersion, EventFields, Evidence, Feed, FoldFields,
    Ingress, Interface, Network, Observed, Own, OwnTls, Question, Record, Rule, Source, Threat,
    Tls, TlsClient, Vendor, Vlan,
};
use super::fold::{Finding, Fold};
use super::pseudonym::{Addresses, Key};
use super::{community, evidence, frame};
use crate::base::{EchVerdict, Seen, Timestamp};
use crate::event::{EVIDENCE_LEN_MAX, Hit, HitRule};
use crate::names::tls;

/// Longest name of an application protocol that is written down; registered ones are shorter.
const ALPN_LEN_MAX: usize = 32;

/// Who writes: goes into `observer.*`.
#[derive(Clone, Debug)]
pub struct Observer {
    /// The sensor's name from the config.
    pub name: String,
}

/// Writes findings down.
pub struct Scribe {
    key: Key,
    addresses: Addresses,
    observer: Observer,
    community_seed: u16,
}

impl Scribe {
    /// Pseudonyms and ids come from `key`, in clear mode the ids alone.
    pub fn new(key: Key, addresses: Addresses, observer: Observer) -> Self {
        Self {
            key,
            addresses,
            observer,
            community_seed: 0,
        }
    }

    /// With another seed for the Community ID of clear mode (default 0).
    #[must_use]
    pub fn with_community_seed(mut self, seed: u16) -> Self {
        self.community_seed = seed;
        self
    }

    /// The record of one finding.
    pub fn record(&self, finding: &Finding) -> Record {
        match finding {
            Finding::First(hit) => self.write(hit, None),
            Finding::Folded(fold) => self.write(&fold.first, Some(fold)),
        }
    }

    fn write(&self, hit: &Hit, fold: Option<&Fold>) -> Record {
        let last = fold.map_or(hit.time, |fold| fold.last);
        Record {
            timestamp: last.to_string(),
            ecs: EcsVersion {
                version: ECS_VERSION.into(),
            },
            event: self.event(hit, fold),
            message: message(hit, fold),
            rule: Rule {
                id: format!("{}/{}/{}", hit.rule.vendor, hit.rule.kind, hit.rule.rule),
                name: hit.rule.rule.clone(),
                category: hit.rule.category.clone(),
                ruleset: hit.rule.source.clone(),
                version: hit.list_version.clone(),
            },
            threat: Threat {
                feed: Feed {
                    name: feed(hit).into(),
                },
            },
            source: self.source(hit),
            destination: self.destination(hit),
            network: self.network(hit),
            dns: is_dns(hit).then(|| dns(hit, fold.is_some())),
            tls: hit.seen.is_hello().then(|| Tls {
                client: TlsClient {
                    server_name: hit.name.clone(),
                },
                next_protocol: first_protocol(&hit.evidence),
            }),
            observer: self.observed(hit),
            poortwacht: self.own(hit, fold),
        }
    }

    /// The id of a first hit's record.
    fn id(&self, hit: &Hit, what: &[u8], last: Timestamp, repeats: u64) -> String {
        self.key.event(&[
            what,
            hit.list_version.as_bytes(),
            &hit.time.nanos().to_be_bytes(),
            &hit.frame.to_be_bytes(),
            hit.point.as_bytes(),
            hit.name.as_bytes(),
            hit.seen.label().as_bytes(),
            hit.rule.vendor.as_bytes(),
            hit.rule.kind.as_bytes(),
            hit.rule.rule.as_bytes(),
            self.key.community(&hit.ends).as_bytes(),
            &last.nanos().to_be_bytes(),
            &repeats.to_be_bytes(),
        ])
    }

    fn first_id(&self, hit: &Hit) -> String {
        self.id(hit, b"first", hit.time, 0)
    }

    fn event(&self, hit: &Hit, fold: Option<&Fold>) -> EventFields {
        let id = match fold {
            None => self.first_id(hit),
            Some(fold) => self.id(hit, b"folded", fold.last, fold.repeats),
        };
        let kind = if is_dns(hit) {
            "protocol"
        } else {
            "connection"
        };
        EventFields {
            id,
            // A data subject who uses a right, an identity check: seen, but nothing to alert on.
            kind: if hit.rule.severity == "informational" {
                "event"
            } else {
                "alert"
            }
            .into(),
            category: vec!["network".into()],
            types: vec![kind.into(), "info".into()],
            action: if fold.is_some() {
                "name-seen-again"
            } else {
                "name-seen"
            }
            .into(),
            module: "poortwacht".into(),
            dataset: "poortwacht.hit".into(),
            severity: severity_number(&hit.rule.severity),
            start: fold.map(|_| hit.time.to_string()),
            end: fold.map(|fold| fold.last.to_string()),
        }
    }

    fn source(&self, hit: &Hit) -> Source {
        match self.addresses {
            Addresses::Pseudonym => Source {
                address: self.key.ip(hit.ends.src),
                ip: None,
                port: None,
                mac: None,
            },
            Addresses::Clear { .. } => Source {
                address: hit.ends.src.to_string(),
                ip: Some(hit.ends.src),
                port: Some(hit.ends.sport),
                mac: hit.client_mac.map(mac_text),
            },
        }
    }

    fn destination(&self, hit: &Hit) -> Destination {
        // A host that talks to itself would give the client's address away here.
        let own = hit.ends.dst.to_canonical() == hit.ends.src.to_canonical();
        Destination {
            ip: (!(own && self.hides())).then_some(hit.ends.dst),
            port: hit.ends.dport,
            domain: (!is_dns(hit)).then(|| hit.name.clone()),
        }
    }

    fn network(&self, hit: &Hit) -> Network {
        let internal = is_internal(hit.ends.dst);
        Network {
            transport: hit.ends.transport.label().into(),
            protocol: match hit.seen {
                Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb | Seen::ResolverLog => "dns",
                Seen::TlsSni | Seen::TlsCert => "tls",
                Seen::DtlsSni => "dtls",
                Seen::HttpHost | Seen::HttpConnect | Seen::Http2Authority | Seen::ProxyLog => {
                    "http"
                }
                Seen::SocksConnect => "socks",
                Seen::SmtpDomain => "smtp",
                Seen::DnsJoin => "unknown",
                Seen::QuicSni => "quic",
            }
            .into(),
            family: if hit.ends.dst.is_ipv4() {
                "ipv4"
            } else {
                "ipv6"
            }
            .into(),
            direction: if internal { "internal" } else { "outbound" }.into(),
            community_id: if self.hides() {
                self.key.community(&hit.ends)
            } else {
                community::id(&hit.ends, self.community_seed)
            },
            vlan: hit.vlan.map(|id| Vlan { id: id.to_string() }),
        }
    }

    fn observed(&self, hit: &Hit) -> Observed {
        Observed {
            name: self.observer.name.clone(),
            kind: "sensor".into(),
            product: "Poortwacht".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ingress: Ingress {
                interface: Interface {
                    name: hit.point.clone(),
                },
            },
        }
    }

    fn own(&self, hit: &Hit, fold: Option<&Fold>) -> Own {
        Own {
            name: hit.name.clone(),
            seen: hit.seen.label().into(),
            vendor: Vendor {
                id: hit.rule.vendor.clone(),
                name: hit.rule.vendor_name.clone(),
            },
            role: hit.rule.role.clone(),
            rule_kind: hit.rule.kind.clone(),
            confidence: hit.rule.confidence.clone(),
            severity: hit.rule.severity.clone(),
            frame: fold.map_or(hit.frame, |fold| fold.last_frame),
            client: self.client(hit),
            tls: hit.seen.is_hello().then(|| OwnTls {
                ja4: hit.ja4.clone(),
                ech: hit.ech.word().into(),
                ech_reason: (hit.ech != EchVerdict::None).then(|| hit.ech.label().into()),
            }),
            join_percent: hit.join,
            contested: hit.contested,
            fold: fold.map(|fold| FoldFields {
                first_id: self.first_id(hit),
                first_frame: hit.frame,
                repeats: fold.repeats,
            }),
            evidence: fold.is_none().then(|| self.evidence(hit)).flatten(),
        }
    }

    fn client(&self, hit: &Hit) -> Client {
        match &self.addresses {
            Addresses::Pseudonym => Client {
                addresses: "pseudonym".into(),
                reason: None,
                key: Some(self.key.id().into()),
                mac: hit.client_mac.map(|mac| self.key.mac(mac)),
            },
            Addresses::Clear { reason } => Client {
                addresses: "clear".into(),
                reason: Some(reason.clone()),
                key: None,
                mac: None,
            },
        }
    }

    fn evidence(&self, hit: &Hit) -> Option<Evidence> {
        let kept = evidence::keep(&hit.evidence, hit.seen, &hit.name, self.hides());
        (!kept.bytes.is_empty()).then(|| Evidence {
            kind: evidence_kind(hit.seen).into(),
            data: STANDARD.encode(&kept.bytes),
            redacted: kept.redacted,
        })
    }

    fn hides(&self) -> bool {
        self.addresses == Addresses::Pseudonym
    }
}

/// Could this hit come from a sound sensor? The sensor parses hostile bytes, so the desk takes
/// nothing from it on trust: a hit outside these bounds is dropped and counted.
pub fn is_plausible(hit: &Hit) -> bool {
    is_plausible_name(&hit.name)
        && is_short_text(&hit.point, 255)
        && is_short_text(&hit.list_version, 64)
        && is_plausible_rule(&hit.rule, &["high", "medium", "low", "informational"])
        && hit
            .ja4
            .as_ref()
            .is_none_or(|ja4| ja4.len() <= 64 && is_ja4(ja4))
        && hit.evidence.len() <= EVIDENCE_LEN_MAX
        && hit
            .carrier
            .as_ref()
            .is_none_or(|carrier| frame::is_plausible(carrier, hit))
        && hit.vlan.is_none_or(|id| id < 4096)
        && hit.join.is_some() == (hit.seen == Seen::DnsJoin)
        && hit.join.is_none_or(|percent| (1..=100).contains(&percent))
}

/// A name in normal form: graphic ASCII within its bound.
pub fn is_plausible_name(name: &str) -> bool {
    is_short_text(name, crate::base::name::NORMAL_LEN_MAX)
        && name.bytes().all(|b| b.is_ascii_graphic())
}

/// One line of at most `len_max` bytes that is not empty.
pub fn is_short_text(text: &str, len_max: usize) -> bool {
    text.len() <= len_max && !text.is_empty() && !text.chars().any(char::is_control)
}

/// A rule as the lists write them, with one of these severities.
pub fn is_plausible_rule(rule: &HitRule, severities: &[&str]) -> bool {
    is_short_text(&rule.vendor, 128)
        && is_short_text(&rule.vendor_name, 256)
        && is_short_text(&rule.rule, 1024)
        && is_short_text(&rule.source, 255)
        && ["exact", "pattern", "suffix"].contains(&rule.kind.as_str())
        && severities.contains(&rule.severity.as_str())
        && ["high", "medium", "low"].contains(&rule.confidence.as_str())
        && [&rule.role, &rule.category]
            .into_iter()
            .all(|word| is_word(word))
}

fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_ja4(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_dns(hit: &Hit) -> bool {
    hit.seen.is_lookup()
}

fn dns(hit: &Hit, folded: bool) -> Dns {
    let query = matches!(hit.seen, Seen::DnsQuery | Seen::ResolverLog);
    // A response whose query was not seen carries its question under the same label.
    let asked = query || (!folded && evidence::asks_for(&hit.evidence, &hit.name));
    Dns {
        kind: if query { "query" } else { "answer" }.into(),
        question: Question {
            name: asked.then(|| hit.name.clone()),
            kind: type_text(hit.qtype),
        },
    }
}

/// What the kept bytes are.
const fn evidence_kind(seen: Seen) -> &'static str {
    match seen {
        Seen::TlsSni | Seen::QuicSni | Seen::DtlsSni => "client-hello",
        Seen::TlsCert => "certificate",
        Seen::HttpHost | Seen::HttpConnect | Seen::Http2Authority | Seen::SocksConnect => {
            "request-host"
        }
        Seen::SmtpDomain => "envelope-domain",
        // What a log tells leaves no bytes.
        Seen::DnsQuery
        | Seen::DnsCname
        | Seen::DnsSvcb
        | Seen::DnsJoin
        | Seen::ResolverLog
        | Seen::ProxyLog => "dns-message",
    }
}

/// The application protocol that a kept ClientHello offers first (RFC 7301), when it is one word.
fn first_protocol(evidence: &[u8]) -> Option<String> {
    let alpn = tls::peek_hello(evidence)?.alpn?;
    let word = alpn.len() <= ALPN_LEN_MAX && !alpn.is_empty();
    let text = (word && alpn.iter().all(u8::is_ascii_graphic)).then_some(alpn)?;
    Some(String::from_utf8_lossy(text).to_ascii_lowercase())
}

fn feed(hit: &Hit) -> &str {
    if hit.rule.category == "user-list" {
        &hit.rule.source
    } else {
        "Poortwacht catalogue"
    }
}

/// What the record says in one sentence: that a name was seen, whose it is, how and where.
fn message(hit: &Hit, fold: Option<&Fold>) -> String {
    let whose = if hit.rule.category == "user-list" {
        "on the list"
    } else {
        "of"
    };
    let how = match hit.seen {
        Seen::DnsQuery => "in a DNS question",
        Seen::DnsCname => "in a DNS response",
        Seen::DnsSvcb => "as the target of an HTTPS or SVCB record",
        Seen::TlsSni => "in a TLS ClientHello",
        Seen::QuicSni => "in a QUIC ClientHello",
        Seen::DtlsSni => "in a DTLS ClientHello",
        Seen::TlsCert => "in a server's certificate",
        Seen::HttpHost => "as the host of an HTTP request",
        Seen::HttpConnect => "as the target of an HTTP CONNECT",
        Seen::Http2Authority => "as the authority of an HTTP/2 request",
        Seen::SocksConnect => "as the target of a SOCKS request",
        Seen::SmtpDomain => "in an SMTP envelope",
        Seen::DnsJoin => "as what the client had resolved the address from",
        Seen::ResolverLog => "in a resolver's query log",
        Seen::ProxyLog => "in a proxy's access log",
    };
    let vendor = &hit.rule.vendor_name;
    let place = format!("{how}: {} (role {})", hit.name, hit.rule.role);
    match fold {
        None => format!("A name {whose} {vendor} was seen {place}."),
        Some(Fold { repeats: 1, .. }) => {
            format!("A name {whose} {vendor} was seen once more {place}.")
        }
        Some(fold) => {
            format!(
                "A name {whose} {vendor} was seen {} more times {place}.",
                fold.repeats
            )
        }
    }
}

/// Severity in words to a number, on the scale that Elastic's own detections use.
fn severity_number(severity: &str) -> u8 {
    match severity {
        "high" => 73,
        "medium" => 47,
        "low" => 21,
        _ => 1,
    }
}

pub(super) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02X}")).join("-")
}

/// Private, loopback and link-local destinations do not cross the gateway's outer side.
fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local(),
    }
}

/// Mnemonic of a DNS type, or `TYPE123` (RFC 3597 section 5).
fn type_text(qtype: u16) -> String {
    let known = match qtype {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        43 => "DS",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        255 => "ANY",
        257 => "CAA",
        _ => return format!("TYPE{qtype}"),
    };
    known.into()
}

#[cfg(test)]
mod tests;

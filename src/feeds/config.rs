//! `[[feed]]` of the config: what is read, where, and with which options.
//!
//! Enters: one table of the config. Leaves: [`Feed`], checked. Never: opens what it names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pattern::{AaaPatterns, NatPattern};
use super::stamp::Zone;
use crate::base::DomainName;
use crate::base::seen::closed_set;

/// One `[[feed]]`. `kind` says what it is; each kind has its own keys, and any other is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Feed {
    /// Kea's memfile of DHCPv4 or DHCPv6 leases (CSV).
    Kea(LeaseFile),
    /// ISC dhcpd's `dhcpd.leases` or `dhcpd6.leases`.
    IscDhcpd(LeaseFile),
    /// dnsmasq's lease file.
    Dnsmasq(LeaseFile),
    /// A list of static assignments, CSV or JSON lines.
    Static(LeaseFile),
    /// Lines of an authentication or accounting server.
    Aaa(Aaa),
    /// `conntrack -E -o timestamp,id`.
    Conntrack(Log),
    /// A log of another address translator.
    Nat(Nat),
    /// Unbound's log with `log-queries` or `log-replies`.
    Unbound(Log),
    /// BIND's query log.
    Bind(Log),
    /// dnsmasq's log with `log-queries`.
    DnsmasqLog(Log),
    /// Squid's access log.
    Squid(Log),
    /// dnstap from a resolver, at a Unix socket or in a file.
    Dnstap(Dnstap),
    /// Postfix' mail log.
    Postfix(MailLog),
    /// Exchange's message tracking log.
    Exchange(MailLog),
    /// Mail as JSON lines.
    MailJson(MailJson),
    /// RADIUS accounting, at a listener of our own.
    Radius(Radius),
}

closed_set! {
    /// What a feed is: the label in metrics.
    Kind {
        /// See [`Feed::Kea`].
        Kea = "kea",
        /// See [`Feed::IscDhcpd`].
        IscDhcpd = "isc-dhcpd",
        /// See [`Feed::Dnsmasq`].
        Dnsmasq = "dnsmasq",
        /// See [`Feed::Static`].
        Static = "static",
        /// See [`Feed::Aaa`].
        Aaa = "aaa",
        /// See [`Feed::Conntrack`].
        Conntrack = "conntrack",
        /// See [`Feed::Nat`].
        Nat = "nat",
        /// See [`Feed::Unbound`].
        Unbound = "unbound",
        /// See [`Feed::Bind`].
        Bind = "bind",
        /// See [`Feed::DnsmasqLog`].
        DnsmasqLog = "dnsmasq-log",
        /// See [`Feed::Squid`].
        Squid = "squid",
        /// See [`Feed::Dnstap`].
        Dnstap = "dnstap",
        /// See [`Feed::Postfix`].
        Postfix = "postfix",
        /// See [`Feed::Exchange`].
        Exchange = "exchange",
        /// See [`Feed::MailJson`].
        MailJson = "mail-json",
        /// See [`Feed::Radius`].
        Radius = "radius",
    }
}

/// A file that holds a state: it is read whole at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseFile {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// Where a log is begun that is there at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// Only what is written from now on.
    #[default]
    End,
    /// All that it holds.
    Start,
}

/// A log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// The file; a `*` in its last part means the newest file that fits.
    pub path: PathBuf,
    /// Where it is begun: `end` or `start`. Default `end`.
    #[serde(default)]
    pub from: StartAt,
    /// Time zone of stamps that name none: `UTC`, an offset (`+01:00`) or a name of the time zone
    /// database (`Europe/Amsterdam`). Default `UTC`.
    #[serde(default)]
    pub zone: Zone,
}

/// Lines of an authentication or accounting server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aaa {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// The file; a `*` in its last part means the newest file that fits.
    pub path: PathBuf,
    /// Where it is begun: `end` or `start`. Default `end`.
    #[serde(default)]
    pub from: StartAt,
    /// Time zone of stamps that name none. Default `UTC`.
    #[serde(default)]
    pub zone: Zone,
    /// Patterns, tried in order; the first that fits counts.
    pub patterns: Vec<AaaPattern>,
}

/// One pattern of an AAA feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AaaPattern {
    /// Regular expression (syntax of Rust's `regex`) with named groups: `ip` and `user` (a stop
    /// needs only `ip` or `session`), and optionally `mac`, `session`, `act`, `time`.
    pub line: String,
    /// `start` or `stop`, where the line has no group `act`. Default `start`.
    #[serde(default)]
    pub act: AaaAct,
}

/// What a line of an AAA server means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AaaAct {
    /// A session begins or is confirmed.
    #[default]
    Start,
    /// It ends.
    Stop,
}

/// A log of another address translator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// The file; a `*` in its last part means the newest file that fits.
    pub path: PathBuf,
    /// Where it is begun: `end` or `start`. Default `end`.
    #[serde(default)]
    pub from: StartAt,
    /// Time zone of stamps that name none. Default `UTC`.
    #[serde(default)]
    pub zone: Zone,
    /// Regular expressions, tried in order, with named groups `inside_ip`, `inside_port`,
    /// `outside_ip`, `outside_port`, and optionally `dst_ip`, `dst_port`, `proto` (`tcp`, `udp`, 6,
    /// 17; default TCP), `end` (its presence means that the translation ended), `time`.
    pub patterns: Vec<String>,
}

/// dnstap: give `socket` or `path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dnstap {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// Unix socket that we listen at (mode 0660). Default: none.
    #[serde(default)]
    pub socket: PathBuf,
    /// File that the resolver writes. Default: none.
    #[serde(default)]
    pub path: PathBuf,
    /// Where a file is begun: `end` or `start`. Default `end`.
    #[serde(default)]
    pub from: StartAt,
}

/// A mail server's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailLog {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// The file; a `*` in its last part means the newest file that fits.
    pub path: PathBuf,
    /// Where it is begun: `end` or `start`. Default `end`.
    #[serde(default)]
    pub from: StartAt,
    /// Time zone of stamps that name none. Default `UTC`.
    #[serde(default)]
    pub zone: Zone,
    /// The organisation's own mail domains, subdomains included: mail to others is not looked at.
    /// Default: empty, which means every recipient.
    #[serde(default)]
    pub mail_domains: Vec<DomainName>,
}

/// Mail as JSON lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailJson {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// The file; a `*` in its last part means the newest file that fits.
    pub path: PathBuf,
    /// Where it is begun: `end` or `start`. Default `end`.
    #[serde(default)]
    pub from: StartAt,
    /// Time zone of times that name none. Default `UTC`.
    #[serde(default)]
    pub zone: Zone,
    /// The organisation's own mail domains. Default: empty, which means every recipient.
    #[serde(default)]
    pub mail_domains: Vec<DomainName>,
    /// Names of the fields.
    #[serde(default)]
    pub fields: MailFields,
}

/// Where a JSON line holds what; a dot goes into an object (`envelope.from`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailFields {
    /// Sender's address. Default `sender`.
    pub sender: String,
    /// Recipient's address, or a list of them. Default `recipient`.
    pub recipient: String,
    /// RFC 3339, or seconds or milliseconds since the epoch. Default `time`.
    pub time: String,
    /// Message id. Default `id`.
    pub id: String,
}

impl Default for MailFields {
    fn default() -> Self {
        Self {
            sender: "sender".into(),
            recipient: "recipient".into(),
            time: "time".into(),
            id: "id".into(),
        }
    }
}

/// RADIUS accounting (RFC 2866).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radius {
    /// Its name in messages, metrics and records.
    pub name: String,
    /// UDP address to listen at, e.g. `192.0.2.1:1813`.
    pub listen: SocketAddr,
    /// File of shared secrets, 0600: lines `PREFIX SECRET`, `#` begins a remark.
    pub secrets: PathBuf,
}

/// Longest name of a feed, in bytes: it stands in every record and in a metric's label.
const NAME_LEN_MAX: usize = 64;

impl Feed {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Kea(f) | Self::IscDhcpd(f) | Self::Dnsmasq(f) | Self::Static(f) => &f.name,
            Self::Conntrack(f)
            | Self::Unbound(f)
            | Self::Bind(f)
            | Self::DnsmasqLog(f)
            | Self::Squid(f) => &f.name,
            Self::Aaa(f) => &f.name,
            Self::Nat(f) => &f.name,
            Self::Dnstap(f) => &f.name,
            Self::Postfix(f) | Self::Exchange(f) => &f.name,
            Self::MailJson(f) => &f.name,
            Self::Radius(f) => &f.name,
        }
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Kea(_) => Kind::Kea,
            Self::IscDhcpd(_) => Kind::IscDhcpd,
            Self::Dnsmasq(_) => Kind::Dnsmasq,
            Self::Static(_) => Kind::Static,
            Self::Aaa(_) => Kind::Aaa,
            Self::Conntrack(_) => Kind::Conntrack,
            Self::Nat(_) => Kind::Nat,
            Self::Unbound(_) => Kind::Unbound,
            Self::Bind(_) => Kind::Bind,
            Self::DnsmasqLog(_) => Kind::DnsmasqLog,
            Self::Squid(_) => Kind::Squid,
            Self::Dnstap(_) => Kind::Dnstap,
            Self::Postfix(_) => Kind::Postfix,
            Self::Exchange(_) => Kind::Exchange,
            Self::MailJson(_) => Kind::MailJson,
            Self::Radius(_) => Kind::Radius,
        }
    }

    /// The file it follows and where that is begun; `None` for a listener.
    pub(super) fn file(&self) -> Option<(&Path, StartAt)> {
        Some(match self {
            Self::Kea(f) | Self::IscDhcpd(f) | Self::Dnsmasq(f) | Self::Static(f) => {
                (&f.path, StartAt::Start)
            }
            Self::Conntrack(f)
            | Self::Unbound(f)
            | Self::Bind(f)
            | Self::DnsmasqLog(f)
            | Self::Squid(f) => (&f.path, f.from),
            Self::Aaa(f) => (&f.path, f.from),
            Self::Nat(f) => (&f.path, f.from),
            Self::Dnstap(f) if f.socket.as_os_str().is_empty() => (&f.path, f.from),
            Self::Dnstap(_) | Self::Radius(_) => return None,
            Self::Postfix(f) | Self::Exchange(f) => (&f.path, f.from),
            Self::MailJson(f) => (&f.path, f.from),
        })
    }

    /// Relative paths are taken from the folder of the config file.
    pub fn rebase(&mut self, folder: &Path) {
        self.each_path(&mut |path: &mut PathBuf| {
            if !path.as_os_str().is_empty() && path.is_relative() {
                *path = folder.join(&*path);
            }
        });
    }

    /// The Unix socket that it makes, if it makes one.
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Self::Dnstap(f) if !f.socket.as_os_str().is_empty() => Some(&f.socket),
            _ => None,
        }
    }

    /// Every file that it names.
    pub fn each_path(&mut self, take: &mut dyn FnMut(&mut PathBuf)) {
        match self {
            Self::Kea(f) | Self::IscDhcpd(f) | Self::Dnsmasq(f) | Self::Static(f) => {
                take(&mut f.path);
            }
            Self::Conntrack(f)
            | Self::Unbound(f)
            | Self::Bind(f)
            | Self::DnsmasqLog(f)
            | Self::Squid(f) => take(&mut f.path),
            Self::Aaa(f) => take(&mut f.path),
            Self::Nat(f) => take(&mut f.path),
            Self::Dnstap(f) => {
                take(&mut f.path);
                take(&mut f.socket);
            }
            Self::Postfix(f) | Self::Exchange(f) => take(&mut f.path),
            Self::MailJson(f) => take(&mut f.path),
            Self::Radius(f) => take(&mut f.secrets),
        }
    }

    /// What serde cannot tell: names, patterns, contradictions.
    ///
    /// # Errors
    /// A sentence with the feed, the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        let name = self.name();
        let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.chars().all(word) {
            return Err(format!(
                "[[feed]] name = {name:?}: use 1 to {NAME_LEN_MAX} letters, digits, `-`, `_` or `.`"
            ));
        }
        let wrong = |why: String| format!("[[feed]] `{name}`: {why}");
        match self {
            Self::Aaa(f) => AaaPatterns::compile(&f.patterns).map(drop).map_err(wrong),
            Self::Nat(f) => NatPattern::compile(&f.patterns).map(drop).map_err(wrong),
            Self::Dnstap(f) if f.socket.as_os_str().is_empty() == f.path.as_os_str().is_empty() => {
                Err(wrong(
                    "give either `socket` (we listen, the resolver connects) or `path` (a file)"
                        .into(),
                ))
            }
            _ => Ok(()),
        }
    }

    /// [`Self::check`] of each, and that no name stands twice.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_all(feeds: &[Self]) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for feed in feeds {
            feed.check()?;
            if !seen.insert(feed.name()) {
                return Err(format!(
                    "two [[feed]]s are named `{}`: facts are told apart by that name; rename one",
                    feed.name()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

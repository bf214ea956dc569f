//! Where a sink is.
//!
//! Enters: the text of `address`. Leaves: an [`Address`] that fits the sink's kind, or a sentence
//! with an example. Never: resolves a name; takes a user or password in it.

use std::net::IpAddr;
use std::path::PathBuf;

use ureq::http::Uri;

use super::super::settings::Kind;

/// A machine and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name or address, without brackets.
    pub name: String,
    /// Port.
    pub port: u16,
}

impl Host {
    fn is_loopback(&self) -> bool {
        let address: Result<IpAddr, _> = self.name.parse();
        self.name == "localhost" || address.is_ok_and(|it| it.is_loopback())
    }
}

/// Where a sink is, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A file.
    File(PathBuf),
    /// A Unix socket: datagrams for syslog, a stream for lines.
    Unix(PathBuf),
    /// Datagrams (RFC 5426).
    Udp(Host),
    /// A stream (RFC 6587).
    Tcp(Host),
    /// A stream under TLS (RFC 5425).
    Tls(Host),
    /// `http://` or `https://`, without a slash at the end.
    Web(String, Host),
    /// SMTP without TLS.
    Smtp(Host),
    /// SMTP that must switch to TLS (RFC 3207).
    StartTls(Host),
    /// SMTP under TLS from the start (RFC 8314).
    Smtps(Host),
}

impl Address {
    /// From text.
    ///
    /// # Errors
    /// A sentence with an example.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, String> {
        let example = example(kind);
        let wrong = |why: &str| format!("address {text:?} {why}: write it like {example}");
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong("names no way"));
        };
        if let (Kind::Syslog | Kind::Lines, "unix") | (Kind::Lines, "file") = (kind, scheme) {
            if !rest.starts_with('/') || rest.chars().any(char::is_control) {
                return Err(wrong("is no absolute path"));
            }
            let path = PathBuf::from(rest);
            return Ok(if scheme == "file" {
                Self::File(path)
            } else {
                Self::Unix(path)
            });
        }
        let uri: Uri = text.parse().map_err(|_| wrong("is no address"))?;
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(wrong(
                "holds a user or password: use `user` and `password_file`, which nobody else may \
                 read",
            ));
        }
        let port = |default: Option<u16>| {
            let name = uri.host().unwrap_or_default();
            let name = name.trim_matches(['[', ']']).to_owned();
            match (name.is_empty(), uri.port_u16().or(default)) {
                (false, Some(port)) if port != 0 => Ok(Host { name, port }),
                _ => Err(wrong("has no host or no port")),
            }
        };
        if let (Kind::Webhook | Kind::Elasticsearch, "http" | "https") = (kind, scheme) {
            if text.contains('#') || kind == Kind::Elasticsearch && uri.query().is_some() {
                return Err(wrong("ends in a query or fragment"));
            }
            if kind == Kind::Elasticsearch && text.contains("/_bulk") {
                return Err(wrong("names the path of the API, which is added here"));
            }
            let host = port(Some(if scheme == "http" { 80 } else { 443 }))?;
            return Ok(Self::Web(text.trim_end_matches('/').into(), host));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("goes on after the port"));
        }
        match (kind, scheme) {
            (Kind::Syslog, "udp") => port(Some(514)).map(Self::Udp),
            (Kind::Syslog, "tls") => port(Some(6514)).map(Self::Tls),
            (Kind::Syslog | Kind::Lines, "tcp") => port(None).map(Self::Tcp),
            (Kind::Lines, "tls") => port(None).map(Self::Tls),
            (Kind::Mail, "smtp") => port(Some(25)).map(Self::Smtp),
            (Kind::Mail, "smtp+starttls") => port(Some(587)).map(Self::StartTls),
            (Kind::Mail, "smtps") => port(Some(465)).map(Self::Smtps),
            _ => Err(wrong("is not a way for this kind")),
        }
    }

    /// Is it encrypted?
    pub(crate) fn is_tls(&self) -> bool {
        match self {
            Self::Tls(_) | Self::StartTls(_) | Self::Smtps(_) => true,
            Self::Web(url, _) => url.starts_with("https://"),
            _ => false,
        }
    }

    /// Does it stay on this machine?
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::File(_) | Self::Unix(_) => true,
            Self::Udp(host)
            | Self::Tcp(host)
            | Self::Tls(host)
            | Self::Web(_, host)
            | Self::Smtp(host)
            | Self::StartTls(host)
            | Self::Smtps(host) => host.is_loopback(),
        }
    }
}

const fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Syslog => "`tls://logs.example.org:6514` (or udp://, tcp://, unix:///dev/log)",
        Kind::Lines => "`file:///var/log/poortwacht/alerts.jsonl` (or unix://, tcp://, tls://)",
        Kind::Webhook => "`https://soc.example.org/hooks/poortwacht`",
        Kind::Mail => {
            "`smtp+starttls://mail.example.org:587` (or smtps://, smtp:// for a server on this \
             machine)"
        }
        Kind::Elasticsearch => "`https://search.example.org:9200`",
    }
}

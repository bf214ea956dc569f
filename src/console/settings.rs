//! `[console]`: where it listens and who vouches for visitors.
//!
//! Enters: the configuration. Leaves: [`Settings`], checked. Never: opens what it names.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use axum::http::{HeaderName, Uri};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::rights::Role;

/// `[console]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of the console, `127.0.0.1:9468` for one. Empty: none is served, unless there is a
    /// proxy's socket. Default: empty.
    pub listen: String,
    /// Folder of accounts and tokens; only this user may read it. Default `console`.
    pub folder: PathBuf,
    /// Address as browsers see it, `https://console.example.org`; needed when it is a name, and
    /// not an address in digits or `localhost`. Default: empty.
    pub origin: String,
    /// Prefix of every path, kept by the proxy in front: `/poortwacht`. Default: empty.
    pub base_path: String,
    /// Certificate chain (PEM). Empty: no TLS. Default: empty.
    pub certificate: PathBuf,
    /// Its private key (PEM), readable by this user alone. Default: empty.
    pub key: PathBuf,
    /// Certificates (PEM) of those who may vouch for visitors: a client certificate of theirs lets
    /// in the account that its common name names. Empty: none. Default: empty.
    pub client_ca: PathBuf,
    /// Serve without TLS beyond this machine. Default false.
    pub insecure: bool,
    /// A session ends after so many hours, whatever happens. Default 10.
    pub session_hours: u16,
    /// A session ends after so many minutes without a request. Default 30.
    pub idle_minutes: u16,
    /// Roles that need a second factor (TOTP). Default `["officer", "admin"]`.
    pub second_factor: Vec<Role>,
    /// Time zone of "local time", `Europe/Amsterdam`. Empty: that of this machine. Default: empty.
    pub zone: String,
    /// A proxy that says who somebody is.
    pub proxy: Proxy,
    /// An identity provider.
    pub oidc: Oidc,
}

/// `[console.proxy]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// Unix socket that the proxy connects to, mode 0660. Empty: none. Default: empty.
    pub socket: PathBuf,
    /// Header that names the account; believed over that socket alone. Empty: the proxy only
    /// forwards. Default: empty.
    pub header: String,
}

/// `[console.oidc]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// The provider, `https://login.example.org/realms/office`. Empty: none. Default: empty.
    pub issuer: String,
    /// Name of this console at the provider. Default: empty.
    pub client_id: String,
    /// File with the secret that goes with it, 0600. Empty: a public client. Default: empty.
    pub client_secret_file: PathBuf,
    /// Claim that names the account: `preferred_username`, `email` (when verified) or `sub`.
    /// Default `preferred_username`.
    pub claim: String,
    /// PEM file of the authorities that may vouch for the provider; empty: the system's. Default:
    /// empty.
    pub ca_file: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: String::new(),
            folder: "console".into(),
            origin: String::new(),
            base_path: String::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_ca: PathBuf::new(),
            insecure: false,
            session_hours: 10,
            idle_minutes: 30,
            second_factor: vec![Role::Officer, Role::Admin],
            zone: String::new(),
            proxy: Proxy::default(),
            oidc: Oidc::default(),
        }
    }
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            claim: "preferred_username".into(),
            ca_file: PathBuf::new(),
        }
    }
}

impl Settings {
    /// Is a console served at all?
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty() || !self.proxy.socket.as_os_str().is_empty()
    }

    /// Where to listen over TCP, if anywhere.
    ///
    /// # Errors
    /// When it is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse().map_err(|_| {
            format!(
                "listen = \"{}\" is no address with port: write 127.0.0.1:9468",
                self.listen
            )
        })?;
        Ok(Some(address))
    }

    /// What no single key can tell.
    ///
    /// # Errors
    /// A sentence with the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        let (certificate, key) = (self.has_certificate(), !self.key.as_os_str().is_empty());
        if certificate != key {
            return Err("`certificate` and `key` go together: name both, or neither".into());
        }
        if let Some(address) = self.address()?
            && !(address.ip().is_loopback() || certificate || self.insecure)
        {
            return Err(format!(
                "listen = \"{address}\" can be reached from other machines, and without TLS \
                 passwords would cross the network in clear: name a `certificate` and its `key`, \
                 listen on 127.0.0.1 behind a proxy, or set `insecure = true`"
            ));
        }
        if !self.client_ca.as_os_str().is_empty() && !certificate {
            return Err("`client_ca` needs TLS: name a `certificate` and its `key`".into());
        }
        let base = self.base_path.strip_prefix('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let fine = base.is_some_and(|base| !base.is_empty() && base.chars().all(plain));
        if !(self.base_path.is_empty() || (fine && !self.base_path.ends_with('/'))) {
            return Err(format!(
                "base_path = \"{}\": write it as \"/poortwacht\", or leave it empty",
                self.base_path
            ));
        }
        if !self.origin.is_empty() && self.authority().is_none() {
            return Err(format!(
                "origin = \"{}\": write it as \"https://console.example.org\", without a path",
                self.origin
            ));
        }
        for (key, value, low, high) in [
            ("session_hours", self.session_hours, 1, 168),
            ("idle_minutes", self.idle_minutes, 1, 1440),
        ] {
            if !(low..=high).contains(&value) {
                return Err(format!(
                    "{key} = {value} is out of bounds: use {low} to {high}"
                ));
            }
        }
        self.time_zone()?;
        self.check_vouchers()
    }

    /// What is allowed but should be said.
    pub fn warnings(&self) -> Vec<String> {
        let out = self
            .address()
            .ok()
            .flatten()
            .filter(|at| !at.ip().is_loopback());
        let open = out.filter(|_| self.insecure && !self.has_certificate());
        let warn = |at| {
            format!(
                "the console at {at} is served without TLS: whoever is on the way reads passwords; \
                 name a `certificate` and its `key` under [console]"
            )
        };
        open.map(warn).into_iter().collect()
    }

    fn check_vouchers(&self) -> Result<(), String> {
        let Proxy { socket, header } = &self.proxy;
        if !header.is_empty() && socket.as_os_str().is_empty() {
            return Err(
                "[console.proxy] header needs a `socket`: over TCP anybody could send it".into(),
            );
        }
        if !header.is_empty() && HeaderName::try_from(header.as_str()).is_err() {
            return Err(format!(
                "[console.proxy] header = \"{header}\" is no name of a header"
            ));
        }
        let oidc = &self.oidc;
        if oidc.issuer.is_empty() {
            return Ok(());
        }
        if oidc.client_id.is_empty() || self.origin.is_empty() {
            return Err("[console.oidc] needs a `client_id`, and `origin` under [console]".into());
        }
        if !["preferred_username", "email", "sub"].contains(&oidc.claim.as_str()) {
            let claim = &oidc.claim;
            return Err(format!(
                "[console.oidc] claim = \"{claim}\": use preferred_username, email or sub"
            ));
        }
        let issuer: Option<Uri> = oidc.issuer.parse().ok();
        let fine = issuer.is_some_and(|issuer| match issuer.scheme_str() {
            Some("https") => true,
            Some("http") => issuer
                .host()
                .is_some_and(|host| is_digits(host) || host == "localhost"),
            _ => false,
        });
        if fine {
            Ok(())
        } else {
            Err(format!(
                "[console.oidc] issuer = \"{}\" must be an https address",
                oidc.issuer
            ))
        }
    }

    /// The zone of "local time".
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn time_zone(&self) -> Result<TimeZone, String> {
        if self.zone.is_empty() {
            return Ok(TimeZone::system());
        }
        TimeZone::get(&self.zone).map_err(|_| {
            format!(
                "zone = \"{}\" is not known here: write it as Europe/Amsterdam",
                self.zone
            )
        })
    }

    fn has_certificate(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// Do browsers come over TLS, by our own certificate or a proxy's?
    pub fn is_secure(&self) -> bool {
        self.has_certificate() || self.origin.starts_with("https://")
    }

    /// Host and port in `origin`.
    fn authority(&self) -> Option<&str> {
        let rest = self.origin.strip_prefix("https://");
        let rest = rest.or_else(|| self.origin.strip_prefix("http://"))?;
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
        (!rest.is_empty() && rest.chars().all(fine)).then_some(rest)
    }

    /// Is this what a browser of ours would send as `Host`? A name that is not ours may lead here
    /// all the same, when whoever owns it wants to reach a console through its visitor's browser.
    pub fn is_own_host(&self, host: &str) -> bool {
        self.authority() == Some(host) || is_digits(host) || bare(host) == "localhost"
    }

    /// Is this what a browser on our own page sends as `Origin`? The host of `origin` has that one
    /// alone: the same name without TLS is somebody else.
    pub fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let scheme = if self.has_certificate() {
            "https"
        } else {
            "http"
        };
        let plain = self.authority() != Some(host) && origin == format!("{scheme}://{host}");
        plain || (!self.origin.is_empty() && origin == self.origin)
    }

    /// The beginning of addresses that are handed out.
    pub fn address_for_people(&self) -> String {
        let scheme = if self.has_certificate() {
            "https"
        } else {
            "http"
        };
        match (self.origin.as_str(), self.listen.as_str()) {
            ("", "") => "http://localhost".into(),
            ("", listen) => format!("{scheme}://{listen}"),
            (origin, _) => origin.to_owned(),
        }
    }
}

/// `host` of `host:port`.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.chars().all(|c| c.is_ascii_digit()) => bare,
        _ => host,
    }
}

/// An address in digits, with or without a port.
fn is_digits(host: &str) -> bool {
    let host = bare(host).trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings {
            listen: "127.0.0.1:9468".into(),
            ..Settings::default()
        };
        set(&mut settings);
        settings
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_way_out() {
        type Set = fn(&mut Settings);
        let bad: [(Set, &str); 13] = [
            (|s| s.listen = "localhost:9468".into(), "127.0.0.1:9468"),
            (|s| s.listen = "0.0.0.0:9468".into(), "`insecure = true`"),
            (
                |s| s.listen = "[2001:db8::1]:443".into(),
                "passwords would cross",
            ),
            (|s| s.key = "key.pem".into(), "go together"),
            (|s| s.client_ca = "ca.pem".into(), "needs TLS"),
            (|s| s.base_path = "poortwacht".into(), "\"/poortwacht\""),
            (|s| s.base_path = "/a/".into(), "\"/poortwacht\""),
            (
                |s| s.origin = "https://a.example/x".into(),
                "without a path",
            ),
            (|s| s.session_hours = 0, "1 to 168"),
            (|s| s.zone = "Mars/Olympus".into(), "Europe/Amsterdam"),
            (
                |s| s.proxy.header = "Remote-User".into(),
                "anybody could send it",
            ),
            (
                |s| s.oidc.issuer = "https://id.example".into(),
                "`client_id`",
            ),
            (
                |s| {
                    s.origin = "https://a.example".into();
                    s.oidc.client_id = "poortwacht".into();
                    s.oidc.issuer = "http://id.example".into();
                },
                "https",
            ),
        ];
        for (set, part) in bad {
            let why = with(set).check().unwrap_err();
            assert!(why.contains(part), "{why}");
        }
        let good: [Set; 4] = [
            |_| {},
            |s| (s.listen, s.insecure) = ("0.0.0.0:9468".into(), true),
            |s| (s.certificate, s.key) = ("chain.pem".into(), "key.pem".into()),
            |s| s.base_path = "/watch/console".into(),
        ];
        for set in good {
            with(set).check().unwrap();
        }
    }

    #[test]
    fn a_foreign_name_is_no_host_of_ours() {
        let plain = with(|_| {});
        for own in [
            "127.0.0.1:9468",
            "127.0.0.1",
            "[::1]:9468",
            "localhost:9468",
        ] {
            assert!(plain.is_own_host(own), "{own}");
        }
        for other in [
            "evil.example",
            "127.0.0.1.evil.example:9468",
            "localhost.evil.example",
            "",
        ] {
            assert!(!plain.is_own_host(other), "{other}");
        }
        let named = with(|s| s.origin = "https://console.example.org".into());
        assert!(named.is_own_host("console.example.org"));
        assert!(!named.is_own_host("console.example.org.evil.example"));
        assert!(named.is_own_origin("https://console.example.org", "127.0.0.1:9468"));
        for other in ["null", "http://console.example.org", "https://evil.example"] {
            assert!(
                !named.is_own_origin(other, "console.example.org"),
                "{other}"
            );
        }
    }
}

//! `[[sink]]`: one table for each place that alerts go to.
//!
//! Enters: TOML. Leaves: [`SinkSettings`], checked, with their [`Address`]. Never: holds a secret
//! (files do); opens what it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::texts::Language;
use super::transports::Address;
use crate::alerts::words::Severity;
use crate::base::seen::closed_set;
use crate::blocklist::Stage;
use crate::cases::Alert;

/// Sinks in one configuration: each has a thread and its own metrics.
const SINKS_MAX: usize = 16;
/// Names that mean something else already.
const RESERVED: &[&str] = &["hit-log", "alertmanager", "all"];

closed_set! {
    /// What a sink is.
    Kind {
        /// RFC 5424 over UDP, TCP, TLS or a Unix datagram socket.
        Syslog = "syslog",
        /// Lines in a file or to a socket.
        Lines = "lines",
        /// HTTP POST with a signature.
        Webhook = "webhook",
        /// Mail over SMTP.
        Mail = "mail",
        /// Bulk API of Elasticsearch and OpenSearch.
        Elasticsearch = "elasticsearch",
    }
}

closed_set! {
    /// In which form an alert is written.
    Form {
        /// Words for people.
        Text = "text",
        /// Our own, `docs/notice.schema.json`.
        Json = "json",
        /// Common Event Format.
        Cef = "cef",
        /// Elastic Common Schema.
        Ecs = "ecs",
        /// Alert event of Suricata's EVE.
        Eve = "eve",
        /// OCSF Detection Finding.
        Ocsf = "ocsf",
        /// STIX 2.1 bundle.
        Stix = "stix",
        /// MISP event.
        Misp = "misp",
    }
}

closed_set! {
    /// Facility of syslog messages (RFC 5424 section 6.2.1).
    Facility {
        /// 1
        User = "user",
        /// 3
        Daemon = "daemon",
        /// 4
        Auth = "auth",
        /// 10
        Authpriv = "authpriv",
        /// 16
        Local0 = "local0",
        /// 17
        Local1 = "local1",
        /// 18
        Local2 = "local2",
        /// 19
        Local3 = "local3",
        /// 20
        Local4 = "local4",
        /// 21
        Local5 = "local5",
        /// 22
        Local6 = "local6",
        /// 23
        Local7 = "local7",
    }
}

impl Facility {
    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Daemon => 3,
            Self::Auth => 4,
            Self::Authpriv => 10,
            Self::Local0 => 16,
            Self::Local1 => 17,
            Self::Local2 => 18,
            Self::Local3 => 19,
            Self::Local4 => 20,
            Self::Local5 => 21,
            Self::Local6 => 22,
            Self::Local7 => 23,
        }
    }
}

impl Kind {
    /// The forms that fit; the first is the default.
    pub const fn forms(self) -> &'static [Form] {
        match self {
            Self::Syslog => &[
                Form::Text,
                Form::Cef,
                Form::Json,
                Form::Ecs,
                Form::Eve,
                Form::Ocsf,
            ],
            Self::Lines => &[
                Form::Json,
                Form::Ecs,
                Form::Eve,
                Form::Ocsf,
                Form::Stix,
                Form::Misp,
                Form::Cef,
            ],
            Self::Webhook => &[
                Form::Json,
                Form::Ecs,
                Form::Eve,
                Form::Ocsf,
                Form::Stix,
                Form::Misp,
            ],
            Self::Mail => &[Form::Text],
            Self::Elasticsearch => &[Form::Ecs, Form::Ocsf],
        }
    }
}

/// `[[sink]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {
    /// Its name: lower-case letters, digits and dashes. A label of metrics.
    pub name: String,
    /// `syslog`, `lines`, `webhook`, `mail` or `elasticsearch`.
    pub kind: Kind,
    /// Where: `udp://host:514`, `tcp://host:601`, `tls://host:6514`, `unix:///dev/log`,
    /// `file:///path`, `https://host/path`, `smtp://host:25`, `smtp+starttls://host:587`,
    /// `smtps://host:465`; each kind takes some of them.
    pub address: String,
    /// `text`, `json`, `cef`, `ecs`, `eve`, `ocsf`, `stix` or `misp`. Default: by kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// Least severity: `info`, `warning` or `critical`. Default `warning`.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Stages that it is told of. Empty: all. Default: empty.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Language of texts: `en` or `nl`. Default `en`.
    #[serde(default = "english")]
    pub language: Language,
    /// Most new alerts about one vendor within `throttle_minutes`; of more, one message tells the
    /// count. Retractions and closings always go out. 0: no bound. Default 0.
    #[serde(default)]
    pub throttle_alerts: u32,
    /// Default 60.
    #[serde(default = "hour")]
    pub throttle_minutes: u32,
    /// Unit and site too, where the map of the organisation names them: a small unit may be one
    /// person. Default false.
    #[serde(default)]
    pub show_place: bool,
    /// Most alerts that may wait for it; beyond, the oldest goes and is counted. Default 10000.
    #[serde(default = "ten_thousand")]
    pub waiting_max: u32,
    /// An attempt is given up after so many seconds. Default 10.
    #[serde(default = "ten")]
    pub timeout_seconds: u32,
    /// PEM file with the authorities that may vouch for the server. Empty: those of the system.
    #[serde(default)]
    pub ca_file: PathBuf,
    /// PEM file with our own certificate for the server (`tls://`). Default: empty.
    #[serde(default)]
    pub certificate_file: PathBuf,
    /// PEM file with its key, which nobody else may read. Default: empty.
    #[serde(default)]
    pub key_file: PathBuf,
    /// User name (webhook, mail, elasticsearch). Default: empty.
    #[serde(default)]
    pub user: String,
    /// File that holds the user's password, which nobody else may read. Default: empty.
    #[serde(default)]
    pub password_file: PathBuf,
    /// File that holds a bearer token (webhook) or an API key (elasticsearch). Default: empty.
    #[serde(default)]
    pub token_file: PathBuf,
    /// File that holds the secret of signatures (webhook), which nobody else may read. Default: empty.
    #[serde(default)]
    pub secret_file: PathBuf,
    /// Facility of messages (syslog). Default `local4`.
    #[serde(default = "local4")]
    pub facility: Facility,
    /// Index or data stream (elasticsearch). Default `poortwacht-cases`.
    #[serde(default = "index")]
    pub index: String,
    /// Sender (mail). Default: empty.
    #[serde(default)]
    pub from: String,
    /// Recipients (mail). Default: none.
    #[serde(default)]
    pub to: Vec<String>,
}

const fn warning() -> Severity {
    Severity::Warning
}
const fn english() -> Language {
    Language::En
}
const fn hour() -> u32 {
    60
}
const fn ten() -> u32 {
    10
}
const fn ten_thousand() -> u32 {
    10_000
}
const fn local4() -> Facility {
    Facility::Local4
}
fn index() -> String {
    "poortwacht-cases".into()
}

/// All sinks of a configuration.
///
/// # Errors
/// A sentence with the sink, the key and a way out.
pub fn check_all(sinks: &[SinkSettings]) -> Result<(), String> {
    if sinks.len() > SINKS_MAX {
        return Err(format!(
            "{} [[sink]] tables: at most {SINKS_MAX} are served",
            sinks.len()
        ));
    }
    let mut names = BTreeSet::new();
    for sink in sinks {
        sink.check()
            .map_err(|why| format!("[[sink]] {:?}: {why}", sink.name))?;
        if !names.insert(&sink.name) {
            return Err(format!(
                "[[sink]] {:?}: the name stands twice: give each sink its own",
                sink.name
            ));
        }
    }
    Ok(())
}

impl SinkSettings {
    /// The form in force.
    pub fn form(&self) -> Form {
        self.form.unwrap_or(self.kind.forms()[0])
    }

    /// Does it want this alert? What it wants of a case does not depend on what is said of it, so
    /// whoever was told is told of the end.
    pub fn wants(&self, alert: &Alert) -> bool {
        Severity::of(alert) >= self.severity
            && (self.stages.is_empty() || self.stages.contains(&alert.stage))
    }

    /// Where it is.
    ///
    /// # Errors
    /// A sentence with a way out.
    pub fn address(&self) -> Result<Address, String> {
        Address::parse(self.kind, &self.address)
    }

    /// The file that it writes, if it does.
    pub fn file(&self) -> Option<PathBuf> {
        match self.address() {
            Ok(Address::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Every file that it reads, empty ones too.
    pub fn each_path(&mut self, take: &mut dyn FnMut(&mut PathBuf)) {
        for path in [
            &mut self.ca_file,
            &mut self.certificate_file,
            &mut self.key_file,
            &mut self.password_file,
            &mut self.token_file,
            &mut self.secret_file,
        ] {
            take(path);
        }
    }

    /// What serde cannot tell. Opens nothing.
    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.chars().all(plain) {
            return Err("name: use 1 to 32 lower-case letters, digits and dashes".into());
        }
        if RESERVED.contains(&self.name.as_str()) {
            return Err(format!("name: {:?} is taken; choose another", self.name));
        }
        for (key, value, low, high) in [
            ("throttle_alerts", self.throttle_alerts, 0, 1_000_000),
            ("throttle_minutes", self.throttle_minutes, 1, 10_080),
            ("waiting_max", self.waiting_max, 1, 1_000_000),
            ("timeout_seconds", self.timeout_seconds, 1, 120),
        ] {
            if !(low..=high).contains(&value) {
                return Err(format!(
                    "{key} = {value} is out of bounds: use {low} to {high}"
                ));
            }
        }
        self.check_form()?;
        let address = self.address()?;
        self.check_secrets(&address)?;
        self.check_mail()
    }

    fn check_form(&self) -> Result<(), String> {
        let fits = self.kind.forms();
        if fits.contains(&self.form()) {
            return Ok(());
        }
        let names: Vec<&str> = fits.iter().map(|form| form.label()).collect();
        Err(format!(
            "form {:?} does not fit kind {:?}: use one of {}",
            self.form().label(),
            self.kind.label(),
            names.join(", ")
        ))
    }

    fn check_secrets(&self, address: &Address) -> Result<(), String> {
        let given = |path: &Path| !path.as_os_str().is_empty();
        let web = matches!(self.kind, Kind::Webhook | Kind::Elasticsearch);
        if self.user.is_empty() == given(&self.password_file) {
            return Err("needs both `user` and `password_file`, or neither".into());
        }
        if self.user.chars().any(char::is_control) || web && self.user.contains(':') {
            return Err("user holds a colon or a control character".into());
        }
        if given(&self.certificate_file) != given(&self.key_file) {
            return Err("needs both `certificate_file` and `key_file`, or neither".into());
        }
        for (key, is_given, fits) in [
            (
                "user",
                !self.user.is_empty(),
                web || self.kind == Kind::Mail,
            ),
            ("token_file", given(&self.token_file), web),
            (
                "secret_file",
                given(&self.secret_file),
                self.kind == Kind::Webhook,
            ),
            (
                "certificate_file",
                given(&self.certificate_file),
                matches!(address, Address::Tls(_)),
            ),
            ("ca_file", given(&self.ca_file), address.is_tls()),
        ] {
            if is_given && !fits {
                return Err(format!(
                    "{key} means nothing for kind {:?} at {}: leave it out",
                    self.kind.label(),
                    self.address
                ));
            }
        }
        if !self.user.is_empty() && given(&self.token_file) {
            return Err("has both a password and a token: keep one of them".into());
        }
        let secret = !self.user.is_empty() || given(&self.token_file);
        if secret && !address.is_tls() && !address.is_local() {
            return Err(
                "would send its password or token unencrypted: use https, smtps or smtp+starttls"
                    .into(),
            );
        }
        if self.kind == Kind::Webhook && !given(&self.secret_file) {
            return Err(
                "needs `secret_file`: the receiver must be able to tell our alerts from others' \
                 (`openssl rand -base64 32 > secret; chmod 600 secret`)"
                    .into(),
            );
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let named = !self.index.is_empty() && self.index.len() <= 255;
        if !(named
            && self.index.chars().all(plain)
            && self.index.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            return Err("index: use lower-case letters, digits and `-_.`, a letter first".into());
        }
        Ok(())
    }

    fn check_mail(&self) -> Result<(), String> {
        let given = !self.from.is_empty() || !self.to.is_empty();
        if self.kind != Kind::Mail {
            let why = "from and to belong to kind \"mail\": leave them out";
            return if given { Err(why.into()) } else { Ok(()) };
        }
        if self.to.is_empty() || self.from.is_empty() {
            return Err("needs `from` and `to` (a list of addresses)".into());
        }
        for address in self.to.iter().chain([&self.from]) {
            address
                .parse::<lettre::Address>()
                .map_err(|e| format!("{address:?} is no mail address ({e})"))?;
        }
        Ok(())
    }

    /// What is allowed but should be said.
    pub fn warnings(&self) -> Vec<String> {
        let Ok(address) = self.address() else {
            return Vec::new();
        };
        let mut out = Vec::new();
        if !address.is_tls() && !address.is_local() {
            out.push(format!(
                "sink {:?} sends alerts to {} unencrypted",
                self.name, self.address
            ));
        }
        if matches!(address, Address::Udp(_)) {
            out.push(format!(
                "sink {:?} goes over UDP: what is lost on the way is lost, nobody says so",
                self.name
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests;

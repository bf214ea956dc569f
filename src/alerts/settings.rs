//! `[alerts]`: where alerts wait, and where they go.
//!
//! Enters: TOML. Leaves: [`Settings`], checked. Never: holds a password (files do).

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use crate::hits::guarded;

/// Longest secret file, in bytes.
const SECRET_LEN_MAX: u64 = 16 * 1024;

/// `[alerts]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of the alerts that wait, made with mode 0700 if missing. Default `cases/alerts`.
    pub folder: PathBuf,
    /// Most alerts in it: waiting, standing (posted again until their case is closed), and dead
    /// letters. At the bound new alerts are refused, and counted. Default 100000.
    pub alerts_max: u32,
    /// Most MiB in it. Default 256.
    pub mib_max: u32,
    /// `[alerts.alertmanager]`
    pub alertmanager: Alertmanager,
}

/// `[alerts.alertmanager]`: Prometheus' Alertmanager, API v2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alertmanager {
    /// Its address with its path prefix, e.g. `http://127.0.0.1:9093`. Empty: alerts go to the hit
    /// log alone. Default: empty.
    pub url: String,
    /// Standing alerts are posted again after so many seconds, and run out at Alertmanager after
    /// four times as long without us. Default 60.
    pub repost_seconds: u32,
    /// A retraction is shown for so many hours. Default 24.
    pub retraction_hours: u32,
    /// An attempt is given up after so many seconds. Default 10.
    pub timeout_seconds: u32,
    /// User name for basic authentication. Empty: none. Default: empty.
    pub user: String,
    /// File that holds the user's password, which nobody else may read. Default: empty.
    pub password_file: PathBuf,
    /// File that holds a bearer token, which nobody else may read. Default: empty.
    pub token_file: PathBuf,
    /// PEM file with the authorities that may vouch for an `https` address. Empty: those of the
    /// system. Default: empty.
    pub ca_file: PathBuf,
    /// Page that says what to do: an annotation of each alert. Empty: none. Default: empty.
    pub runbook_url: String,
    /// Annotate an alert with unit and site, where the map of the organisation names them: a small
    /// unit may be one person. Default false.
    pub show_place: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: "cases/alerts".into(),
            alerts_max: 100_000,
            mib_max: 256,
            alertmanager: Alertmanager::default(),
        }
    }
}

impl Default for Alertmanager {
    fn default() -> Self {
        Self {
            url: String::new(),
            repost_seconds: 60,
            retraction_hours: 24,
            timeout_seconds: 10,
            user: String::new(),
            password_file: PathBuf::new(),
            token_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            runbook_url: String::new(),
            show_place: false,
        }
    }
}

impl Settings {
    /// What serde cannot tell. Opens nothing.
    ///
    /// # Errors
    /// A sentence with the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        if self.folder.as_os_str().is_empty() {
            return Err("[alerts] folder is empty: name one".into());
        }
        bounds("alerts.alerts_max", self.alerts_max, 10, 10_000_000)?;
        bounds("alerts.mib_max", self.mib_max, 1, 1 << 20)?;
        self.alertmanager.check()
    }

    /// What is allowed but should be said.
    pub fn warnings(&self) -> Vec<String> {
        let a = &self.alertmanager;
        let mut out = Vec::new();
        if a.is_on() && a.url.starts_with("http://") && !a.is_loopback() {
            let secret = if a.has_secret() {
                ", and the password or token with them"
            } else {
                ""
            };
            out.push(format!(
                "alerts go to {} unencrypted{secret}: use https",
                a.url
            ));
        }
        out
    }
}

impl Alertmanager {
    /// Is there an address?
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    fn has_secret(&self) -> bool {
        [&self.password_file, &self.token_file]
            .into_iter()
            .any(|path| !path.as_os_str().is_empty())
    }

    fn is_loopback(&self) -> bool {
        let uri: Option<Uri> = self.url.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    fn check(&self) -> Result<(), String> {
        let at = "[alerts.alertmanager]";
        bounds(
            "alerts.alertmanager.repost_seconds",
            self.repost_seconds,
            1,
            3600,
        )?;
        bounds(
            "alerts.alertmanager.retraction_hours",
            self.retraction_hours,
            1,
            8760,
        )?;
        bounds(
            "alerts.alertmanager.timeout_seconds",
            self.timeout_seconds,
            1,
            120,
        )?;
        let (password, token) = (&self.password_file, &self.token_file);
        let given = |path: &Path| !path.as_os_str().is_empty();
        if self.user.is_empty() == given(password) {
            return Err(format!(
                "{at} needs both `user` and `password_file`, or neither"
            ));
        }
        if given(password) && given(token) {
            return Err(format!(
                "{at} has both a password and a token: keep one of them"
            ));
        }
        if self.user.contains(':') || self.user.chars().any(char::is_control) {
            return Err(format!(
                "{at} user holds a colon or a control character, which HTTP does not allow"
            ));
        }
        if !self.is_on() {
            let idle = given(password) || given(token) || given(&self.ca_file);
            let why = format!("{at} has no `url`: give one, or leave the other keys out");
            return if idle { Err(why) } else { Ok(()) };
        }
        self.check_url().map_err(|why| format!("{at} url {why}"))
    }

    fn check_url(&self) -> Result<(), String> {
        let example = "write it like `https://alertmanager.example.org:9093`";
        let uri: Uri = self
            .url
            .parse()
            .map_err(|e| format!("is no address ({e}): {example}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(format!(
                "does not begin with http:// or https://: {example}"
            ));
        }
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(
                "holds a user or password: use `user` and `password_file`, which nobody else may \
                 read"
                    .into(),
            );
        }
        if uri.query().is_some() || self.url.contains('#') {
            return Err(format!("ends in a query or fragment: {example}"));
        }
        if uri.path().contains("/api/") {
            return Err(format!(
                "names the path of the API, which is added here: {example}"
            ));
        }
        Ok(())
    }

    /// The value of the `Authorization` header, if there is to be one.
    ///
    /// # Errors
    /// A sentence with the file and what to type.
    pub(super) fn authorization(&self) -> Result<Option<String>, String> {
        use base64::Engine;
        if !self.token_file.as_os_str().is_empty() {
            return Ok(Some(format!("Bearer {}", secret(&self.token_file)?)));
        }
        if self.user.is_empty() {
            return Ok(None);
        }
        let pair = format!("{}:{}", self.user, secret(&self.password_file)?);
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        Ok(Some(format!("Basic {pair}")))
    }
}

/// The first line of a file that nobody else may read.
fn secret(path: &Path) -> Result<String, String> {
    let at = path.display();
    let failed = |e: std::io::Error| format!("cannot read the secret in {at}: {e}");
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(format!("{at} is no file, so no secret is read from it"));
    }
    if guarded::is_exposed(path, &meta) {
        return Err(format!(
            "others may read the secret in {at} (mode {:04o}): type `chmod 600 {at}`, and change \
             the secret if somebody may have",
            meta.mode() & 0o7777
        ));
    }
    let mut text = String::new();
    file.take(SECRET_LEN_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() || line.chars().any(char::is_control) {
        return Err(format!(
            "the first line of {at} is empty or holds a control character: it must be the secret"
        ));
    }
    Ok(line.to_owned())
}

fn bounds(key: &str, value: u32, low: u32, high: u32) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!(
            "{key} = {value} is out of bounds: use {low} to {high}"
        ))
    }
}

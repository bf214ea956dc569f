//! `POST /api/v2/alerts`, over HTTP or HTTPS.
//!
//! Enters: a body. Leaves: whether it was taken, is to be tried again, or will never be taken.
//! Never: follows a redirect (a password would go along), waits longer than its time.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::StatusCode;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::settings::Alertmanager;
use crate::base::seen::closed_set;

/// Bytes kept of an answer that is no "yes".
const ANSWER_LEN_MAX: u64 = 2048;
/// Bytes read of its state, which holds its configuration.
const STATUS_LEN_MAX: u64 = 4 << 20;

closed_set! {
    /// Why an attempt failed; the index counts it.
    Reason {
        /// No connection, or it broke off.
        Unreachable = "unreachable",
        /// No answer in time.
        Timeout = "timeout",
        /// TLS failed: most often its certificate is not one we trust.
        Tls = "tls",
        /// It answered that it cannot now (408, 429, 5xx).
        Unavailable = "unavailable",
        /// It answered something that speaks of our settings, not of the alert: 401, 403, 404, 405,
        /// 407, a redirect, or no HTTP at all.
        Settings = "settings",
        /// It will never take the alert (another 4xx): a dead letter.
        Rejected = "rejected",
    }
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was taken.
    Taken,
    /// Try again later.
    Later(Reason, String),
    /// Do not try again: status and text of the answer.
    Rejected(u16, String),
}

/// The way to one Alertmanager.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Client {
    /// Reads secrets and certificates; connects to nobody.
    pub(super) fn new(settings: &Alertmanager) -> Result<Self, String> {
        let wait = Duration::from_secs(settings.timeout_seconds.into());
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(wait))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("poortwacht/", env!("CARGO_PKG_VERSION")))
            // Once a minute is too seldom to keep a connection.
            .max_idle_connections(0);
        if settings.url.starts_with("https://") {
            config = config.tls_config(trusted_by(&settings.ca_file, "[alerts.alertmanager]")?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            url: format!("{}/api/v2/alerts", settings.url.trim_end_matches('/')),
            authorization: settings.authorization()?,
        })
    }

    /// One attempt.
    pub(super) fn post(&self, body: &[u8]) -> Outcome {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json");
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        match request.send(body) {
            Ok(mut answer) => {
                let status = answer.status();
                if status.is_success() {
                    return Outcome::Taken;
                }
                let mut text = Vec::new();
                let body = answer.body_mut().as_reader();
                // What cannot be read of it is not missed.
                let _ = body.take(ANSWER_LEN_MAX).read_to_end(&mut text);
                refused(status, &printable(&text))
            }
            Err(error) => failed(error),
        }
    }

    /// Where it goes.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// Asks for its state (`GET /api/v2/status`), with the same credentials: its version, or why not.
///
/// # Errors
/// A sentence for people.
pub fn ask_status(settings: &Alertmanager) -> Result<String, String> {
    let client = Client::new(settings)?;
    let url = format!("{}/api/v2/status", settings.url.trim_end_matches('/'));
    let mut request = client.agent.get(&url);
    if let Some(value) = &client.authorization {
        request = request.header("Authorization", value);
    }
    let mut answer = request.call().map_err(|e| e.to_string())?;
    let mut body = Vec::new();
    let reader = answer.body_mut().as_reader();
    // What cannot be read of it is missed below.
    let _ = reader.take(STATUS_LEN_MAX).read_to_end(&mut body);
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status()));
    }
    let state: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|_| "what answers there is no Alertmanager".to_owned())?;
    let version = state.pointer("/versionInfo/version");
    let version = version.and_then(serde_json::Value::as_str);
    version
        .map(|version| printable(version.as_bytes()))
        .ok_or_else(|| "what answers there is no Alertmanager".to_owned())
}

fn refused(status: StatusCode, text: &str) -> Outcome {
    let said = format!("it answered {status}: {text}");
    match status.as_u16() {
        408 | 429 | 500.. => Outcome::Later(Reason::Unavailable, said),
        401 | 403 | 407 => Outcome::Later(
            Reason::Settings,
            format!("{said} (are `user`, `password_file`, `token_file` right?)"),
        ),
        0..=399 | 404 | 405 => Outcome::Later(
            Reason::Settings,
            format!("{said} (is `url` that of an Alertmanager, with its path prefix?)"),
        ),
        number => Outcome::Rejected(number, text.to_owned()),
    }
}

fn failed(error: ureq::Error) -> Outcome {
    Outcome::Later(reason(&error), error.to_string())
}

/// Why there is no answer.
pub(super) fn reason(error: &ureq::Error) -> Reason {
    match error {
        ureq::Error::Timeout(_) => Reason::Timeout,
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => Reason::Tls,
        // A certificate that is not trusted comes as an error of input and output.
        ureq::Error::Io(e) if e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            Reason::Tls
        }
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => Reason::Timeout,
        ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..) => {
            Reason::Settings
        }
        _ => Reason::Unreachable,
    }
}

/// Verification by the authorities in `ca_file`, or by the system's when that is empty; keys by
/// ring. `table` is where `ca_file` stands in the configuration.
///
/// # Errors
/// No authority can be had.
pub(crate) fn trusted_by(ca_file: &Path, table: &str) -> Result<TlsConfig, String> {
    let roots = if ca_file.as_os_str().is_empty() {
        system_roots(table)?
    } else {
        let at = ca_file.display();
        let pem = std::fs::read(ca_file)
            .map_err(|e| format!("cannot read the authorities in {at}: {e}"))?;
        let mut roots = Vec::new();
        for item in parse_pem(&pem) {
            match item {
                Ok(PemItem::Certificate(root)) => roots.push(root),
                Ok(_) => {}
                Err(e) => return Err(format!("{at} is no PEM file: {e}")),
            }
        }
        if roots.is_empty() {
            return Err(format!(
                "{at} holds no certificate: name a PEM file of the authority that vouches for the \
                 server"
            ));
        }
        roots
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn system_roots(table: &str) -> Result<Vec<Certificate<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(format!(
            "this system has no list of certificate authorities (Debian package ca-certificates): \
             install it, or set `ca_file` under {table}"
        ));
    }
    let roots = found.certs.iter();
    Ok(roots
        .map(|root| Certificate::from_der(root.as_ref()).to_owned())
        .collect())
}

/// Printable ASCII as it is, all else as spaces, which are not repeated.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|byte| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                ' '
            }
        })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

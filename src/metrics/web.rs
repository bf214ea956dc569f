//! TLS and basic authentication of the pages, by the web configuration file that Prometheus' own
//! exporters share.
//!
//! Enters: a YAML file of exporter-toolkit's format. Leaves: what is in force, swapped whole. Never: a
//! half of a new file; the old one's end because the new one is broken; a password kept.
//!
//! Taken are `tls_server_config` with `cert_file`, `key_file`, `client_auth_type`, `client_ca_file`,
//! `min_version`, `max_version`, and `basic_auth_users` with bcrypt hashes. Any other key is refused:
//! what it asks for would not happen. Paths are taken from the file's folder.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::hits::guarded;

/// Longest web configuration, and longest PEM file.
const FILE_LEN_MAX: u64 = 1 << 20;
/// Above, one sign-in takes seconds.
const COST_MAX: u32 = 14;
/// Longest password that is looked at: bcrypt sees 72 bytes.
const PASSWORD_LEN_MAX: usize = 256;
/// Good sign-ins remembered.
const KNOWN_MAX: usize = 256;
/// Compared with when there is no such user, so that the answer takes as long.
const NOBODY: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// What is in force.
pub struct Web {
    path: PathBuf,
    force: ArcSwap<Force>,
    /// One hash at a time: guessing must not take the machine.
    hashing: Semaphore,
    /// Keyed hashes of sign-ins that were good.
    known: Mutex<HashSet<[u8; 32]>>,
    key: hmac::Key,
}

struct Force {
    tls: Option<Arc<ServerConfig>>,
    users: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tls_server_config: Option<Tls>,
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
    #[serde(default)]
    client_auth_type: ClientAuth,
    #[serde(default)]
    client_ca_file: PathBuf,
    #[serde(default)]
    min_version: Option<Version>,
    #[serde(default)]
    max_version: Option<Version>,
}

/// As Go names them; those that do not verify are refused.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum ClientAuth {
    #[default]
    NoClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Version {
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

impl Web {
    /// Reads the file; `None` when none is named.
    ///
    /// # Errors
    /// A sentence with the file and what to do.
    pub fn load(path: &Path) -> Result<Option<Self>, String> {
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "this system gives no random numbers".to_owned())?;
        Ok(Some(Self {
            force: ArcSwap::from_pointee(read(path)?),
            path: path.into(),
            hashing: Semaphore::new(1),
            known: Mutex::default(),
            key,
        }))
    }

    /// Reads the file again, and its certificates; connections that stand are not touched.
    ///
    /// # Errors
    /// As [`Self::load`]; what was in force stays.
    pub fn reload(&self) -> Result<(), String> {
        self.force.store(Arc::new(read(&self.path)?));
        self.known().clear();
        Ok(())
    }

    /// Is TLS in force?
    pub fn is_tls(&self) -> bool {
        self.force.load().tls.is_some()
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.force.load().tls.clone().map(TlsAcceptor::from)
    }

    /// May this request in?
    pub(super) async fn admits(&self, headers: &HeaderMap) -> bool {
        let force = self.force.load_full();
        if force.users.is_empty() {
            return true;
        }
        let Some((user, password)) = credentials(headers) else {
            return false;
        };
        let hash = force.users.get(&user).cloned();
        let tag = self.tag(&user, &password, hash.as_deref().unwrap_or_default());
        if hash.is_some() && self.known().contains(&tag) {
            return true;
        }
        let Ok(_turn) = self.hashing.acquire().await else {
            return false;
        };
        let there = hash.is_some();
        let compared = tokio::task::spawn_blocking(move || {
            bcrypt::verify(password.as_bytes(), hash.as_deref().unwrap_or(NOBODY))
        });
        let good = there && matches!(compared.await, Ok(Ok(true)));
        if good {
            let mut known = self.known();
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(tag);
        }
        good
    }

    fn tag(&self, user: &str, password: &str, hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user, password, hash] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().unwrap_or_default()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 7617.
fn credentials(headers: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, coded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(coded.trim()).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let fits = password.len() <= PASSWORD_LEN_MAX;
    fits.then(|| (user.to_owned(), Zeroizing::new(password.to_owned())))
}

fn read(path: &Path) -> Result<Force, String> {
    let at = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("cannot read the web configuration {at}: {e}"))?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(format!("the web configuration {at} is too long"));
    }
    let file: File = serde_saphyr::from_str(&text).map_err(|e| {
        // What it quotes may be a hash.
        let why = e.to_string();
        let line = why.lines().next().unwrap_or_default();
        format!(
            "the web configuration {at} is refused: {line} (docs/metrics.md lists the keys of \
             exporter-toolkit's format that are taken)"
        )
    })?;
    for (user, hash) in &file.basic_auth_users {
        let parts: Result<bcrypt::HashParts, _> = hash.parse();
        let cost = parts
            .map_err(|_| {
                format!(
                    "the web configuration {at}: the password of {user:?} is no bcrypt hash: \
                     `htpasswd -nBC 10 {user}` makes one"
                )
            })?
            .get_cost();
        if cost > COST_MAX {
            return Err(format!(
                "the web configuration {at}: the hash of {user:?} has cost {cost}, each new \
                 sign-in would take seconds: use {COST_MAX} at most"
            ));
        }
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let tls = file.tls_server_config.map(|tls| server(&tls, folder));
    let tls = tls
        .transpose()
        .map_err(|why| format!("the web configuration {at}: {why}"))?;
    Ok(Force {
        tls: tls.map(Arc::new),
        users: file.basic_auth_users,
    })
}

fn server(tls: &Tls, folder: &Path) -> Result<ServerConfig, String> {
    let low = tls.min_version.unwrap_or(Version::Tls12);
    let high = tls.max_version.unwrap_or(Version::Tls13);
    let all: [(Version, &'static SupportedProtocolVersion); 2] = [
        (Version::Tls12, &version::TLS12),
        (Version::Tls13, &version::TLS13),
    ];
    let versions: Vec<_> = all
        .iter()
        .filter(|(it, _)| (low..=high).contains(it))
        .map(|(_, it)| *it)
        .collect();
    if versions.is_empty() {
        return Err("min_version is above max_version".into());
    }
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&versions)
        .map_err(|e| format!("TLS cannot be set up: {e}"))?;
    let given = !tls.client_ca_file.as_os_str().is_empty();
    let builder = match tls.client_auth_type {
        ClientAuth::NoClientCert if given => {
            return Err(
                "client_ca_file without client_auth_type: \"RequireAndVerifyClientCert\" asks \
                 nobody for a certificate"
                    .into(),
            );
        }
        ClientAuth::NoClientCert => builder.with_no_client_auth(),
        asked => {
            let path = folder.join(&tls.client_ca_file);
            if !given {
                return Err("client_auth_type needs client_ca_file".into());
            }
            let mut roots = RootCertStore::empty();
            for one in certificates(&path)? {
                let added = roots.add(one);
                added.map_err(|e| format!("client_ca_file {}: {e}", path.display()))?;
            }
            let provider = Arc::new(default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match asked {
                ClientAuth::VerifyClientCertIfGiven => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            let verifier = verifier
                .build()
                .map_err(|e| format!("client_ca_file: {e}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(&folder.join(&tls.cert_file))?;
    let mut config = builder
        .with_single_cert(chain, key(&folder.join(&tls.key_file))?)
        .map_err(|e| format!("cert_file and key_file: {e}; do they belong together?"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let at = path.display();
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {at}: {e}"))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(format!(
            "{at} holds no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")"
        )),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let at = path.display();
    let bytes = guarded::read(path, FILE_LEN_MAX).map_err(|unfit| match unfit {
        guarded::Unfit::Unreadable(e) => format!("cannot read the key {at}: {e}"),
        guarded::Unfit::Exposed(mode) => {
            format!("the key {at} can be read by others (mode {mode:04o}): `chmod 600` it")
        }
        guarded::Unfit::WrongOwner(owner, own) => {
            format!("the key {at} belongs to user {owner}, the program runs as {own}")
        }
        guarded::Unfit::NotAFile | guarded::Unfit::TooLong => {
            format!("the key {at} is no PEM file")
        }
    })?;
    let bytes = Zeroizing::new(bytes);
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| format!("{at} holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\")"))
}

#[cfg(test)]
mod tests;

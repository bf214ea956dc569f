//! Whom we trust, and who we are.
//!
//! Enters: PEM files. Leaves: the settings of a TLS client. Never: a certificate that is not
//! verified, with its name; a key that others may read.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::super::settings::SinkSettings;
use crate::hits::guarded;

/// Longest PEM file.
const PEM_LEN_MAX: u64 = 1 << 20;

/// Settings of a client that trusts the sink's authorities.
pub(super) fn client(settings: &SinkSettings) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    for root in authorities(&settings.ca_file)? {
        // Of the system's there may be one that is odd; of one's own file each must do.
        match roots.add(root) {
            Err(e) if !settings.ca_file.as_os_str().is_empty() => {
                return Err(format!("ca_file {}: {e}", settings.ca_file.display()));
            }
            _ => {}
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?
        .with_root_certificates(roots);
    if settings.certificate_file.as_os_str().is_empty() {
        return Ok(Arc::new(builder.with_no_client_auth()));
    }
    let chain = certificates(&settings.certificate_file)?;
    let config = builder.with_client_auth_cert(chain, key(&settings.key_file)?);
    let at = settings.certificate_file.display();
    Ok(Arc::new(config.map_err(|e| {
        format!("certificate_file {at} and its key: {e}; do they belong together?")
    })?))
}

/// The authorities in a file, or those of the system.
pub(super) fn authorities(ca_file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    if !ca_file.as_os_str().is_empty() {
        return certificates(ca_file);
    }
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return Err(
            "this system has no list of certificate authorities (Debian package ca-certificates): \
             install it, or set `ca_file`"
                .into(),
        );
    }
    Ok(found)
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
    let bytes = Zeroizing::new(read_guarded(path, PEM_LEN_MAX, "key")?);
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        format!(
            "{} holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\")",
            path.display()
        )
    })
}

/// A file that nobody else may read.
pub(super) fn read_guarded(path: &Path, len_max: u64, what: &str) -> Result<Vec<u8>, String> {
    let at = path.display();
    guarded::read(path, len_max).map_err(|unfit| match unfit {
        guarded::Unfit::Unreadable(e) => format!("cannot read the {what} {at}: {e}"),
        guarded::Unfit::Exposed(mode) => {
            format!("the {what} {at} can be read by others (mode {mode:04o}): `chmod 600` it")
        }
        guarded::Unfit::WrongOwner(owner, own) => {
            format!("the {what} {at} belongs to user {owner}, the program runs as {own}")
        }
        guarded::Unfit::NotAFile => format!("{at} is no file, so no {what} is read from it"),
        guarded::Unfit::TooLong => format!("{at} is too long for a {what}"),
    })
}

/// The first line of such a file.
pub(super) fn secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let bytes = Zeroizing::new(read_guarded(path, 16 * 1024, "secret")?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() || line.chars().any(char::is_control) {
        return Err(format!(
            "the first line of {} is empty or holds a control character: it must be the secret",
            path.display()
        ));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

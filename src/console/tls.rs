//! TLS 1.2 and 1.3 with a certificate of one's own, and client certificates where they are asked.
//!
//! Enters: PEM files. Leaves: an acceptor, and the name in a client's certificate. Never: a key that
//! others may read; an old certificate's end because the new one is broken.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::accounts::is_name;
use super::settings::Settings;
use crate::hits::guarded;

/// Longest PEM file.
const PEM_LEN_MAX: u64 = 1 << 20;

/// The certificate in force.
pub struct Tls {
    settings: Settings,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// `None` when no certificate is named.
    ///
    /// # Errors
    /// A sentence with the file and what to do.
    pub fn load(settings: &Settings) -> Result<Option<Self>, String> {
        if settings.certificate.as_os_str().is_empty() {
            return Ok(None);
        }
        let config = ArcSwap::from_pointee(config(settings)?);
        Ok(Some(Self {
            settings: settings.clone(),
            config,
        }))
    }

    /// Reads the files again; connections that stand are not touched.
    ///
    /// # Errors
    /// As [`Self::load`]; the old certificate stays.
    pub fn reload(&self) -> Result<(), String> {
        self.config.store(Arc::new(config(&self.settings)?));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// The account that the client's certificate names: its common name. It was verified in the
    /// handshake.
    pub(super) fn name_of(connection: &ServerConnection) -> Option<String> {
        let leaf = connection.peer_certificates()?.first()?;
        let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
        let mut names = certificate.subject().iter_common_name();
        // Two common names: nobody knows which is meant.
        let (Some(name), None) = (names.next(), names.next()) else {
            return None;
        };
        let name = name.as_str().ok()?.to_lowercase();
        is_name(&name).then_some(name)
    }
}

fn config(settings: &Settings) -> Result<ServerConfig, String> {
    let chain = certificates(&settings.certificate)?;
    let key = key(&settings.key)?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?;
    let builder = match settings.client_ca.as_os_str().is_empty() {
        true => builder.with_no_client_auth(),
        false => {
            let ca = &settings.client_ca;
            let mut roots = RootCertStore::empty();
            for one in certificates(ca)? {
                roots
                    .add(one)
                    .map_err(|e| format!("client_ca {}: {e}", ca.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                Arc::new(default_provider()),
            );
            // Without one, the sign-in page is there for local accounts.
            let verifier = verifier.allow_unauthenticated().build();
            let verifier = verifier.map_err(|e| format!("client_ca {}: {e}", ca.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|e| {
        let at = settings.certificate.display();
        format!("certificate {at} and its key: {e}; do they belong together?")
    })?;
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
    let bytes = guarded::read(path, PEM_LEN_MAX)
        .map(Zeroizing::new)
        .map_err(|unfit| match unfit {
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
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| format!("{at} holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\")"))
}

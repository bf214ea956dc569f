//! Sign-in by an identity provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636),
//! state and nonce.
//!
//! Enters: the provider's metadata and tokens. Leaves: the name of an account. Never: takes an answer
//! that another browser asked for, or takes one twice; follows a redirect of the provider; makes an
//! account or a role out of a claim.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openidconnect::core::CoreProviderMetadata;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use tokio::sync::Semaphore;

use super::refusal::Refusal;
use super::secret::{Mark, Secret};
use super::settings::{Oidc as Settings, Settings as All};
use crate::alerts::trusted_by;
use crate::base::Timestamp;
use crate::hits::guarded;

/// Where the provider sends people back to, below the base.
pub(super) const BACK: &str = "/sign-in/other/back";

/// Sign-ins under way; a further one ends the oldest.
const PENDING_MAX: usize = 256;
/// How long one may take.
const PENDING_NS: u64 = 600_000_000_000;
/// How long metadata and keys of the provider are kept.
const KEPT_NS: u64 = 300_000_000_000;
/// Talks with the provider at a time.
const AT_ONCE: usize = 4;
/// Longest wait for it.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Longest answer of it, in bytes.
const ANSWER_LEN_MAX: u64 = 1 << 20;
/// Longest secret, in bytes.
const SECRET_LEN_MAX: u64 = 4096;

/// The provider, and sign-ins under way.
pub(super) struct Oidc {
    settings: Settings,
    secret: Option<ClientSecret>,
    back: RedirectUrl,
    agent: ureq::Agent,
    pending: Mutex<HashMap<Mark, Pending>>,
    known: Mutex<Option<(Timestamp, CoreProviderMetadata)>>,
    turns: Semaphore,
}

/// A sign-in that went to the provider.
struct Pending {
    verifier: PkceCodeVerifier,
    nonce: Nonce,
    next: String,
    /// Of the cookie in the browser that asked.
    browser: Mark,
    begun: Timestamp,
}

/// Why a sign-in failed, for the log: the provider's words, no token.
type Why = String;

impl Oidc {
    /// `None` when no provider is named.
    ///
    /// # Errors
    /// A sentence with the key and what to do.
    pub(super) fn new(all: &All) -> Result<Option<Self>, String> {
        let settings = all.oidc.clone();
        if settings.issuer.is_empty() {
            return Ok(None);
        }
        let back = format!("{}{}{BACK}", all.origin, all.base_path);
        let back = RedirectUrl::new(back).map_err(|e| format!("origin: {e}"))?;
        IssuerUrl::new(settings.issuer.clone())
            .map_err(|e| format!("[console.oidc] issuer: {e}"))?;
        let file = &settings.client_secret_file;
        let secret = match file.as_os_str().is_empty() {
            true => None,
            false => {
                let bytes = guarded::read(file, SECRET_LEN_MAX).ok();
                let text = bytes
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| {
                        let at = file.display();
                        format!(
                            "[console.oidc] client_secret_file {at}: it must be a text file of \
                             this user that nobody else can read (`chmod 600`)"
                        )
                    })?;
                Some(ClientSecret::new(text.trim_end().to_owned()))
            }
        };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIME_MAX))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("poortwacht/", env!("CARGO_PKG_VERSION")))
            .tls_config(trusted_by(&settings.ca_file, "[console.oidc]")?)
            .build();
        Ok(Some(Self {
            settings,
            secret,
            back,
            agent: config.new_agent(),
            pending: Mutex::default(),
            known: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }))
    }

    /// Room for one talk with the provider.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub(super) fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Refusal> {
        self.turns.try_acquire().map_err(|_| Refusal::Busy)
    }

    /// Where to send a browser, whose cookie has this mark. Waits for the network.
    ///
    /// # Errors
    /// What the provider, or the way to it, lacks.
    pub(super) fn begin(&self, next: String, browser: Mark, now: Timestamp) -> Result<String, Why> {
        let metadata = self.metadata(now)?;
        let state = Secret::new().map_err(|_| "no randomness")?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.settings.client_id.clone()),
            self.secret.clone(),
        );
        let client = client.set_redirect_uri(self.back.clone());
        let text = state.text();
        let asked = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(text),
            Nonce::new_random,
        );
        let scopes = ["profile", "email"].map(|scope| Scope::new(scope.into()));
        let (url, _, nonce) = asked.add_scopes(scopes).set_pkce_challenge(challenge).url();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, one| now.since_ns(one.begun) < PENDING_NS);
        if pending.len() >= PENDING_MAX {
            let oldest = pending
                .iter()
                .min_by_key(|(_, one)| one.begun)
                .map(|(mark, _)| *mark);
            oldest.map(|mark| pending.remove(&mark));
        }
        pending.insert(
            state.mark(),
            Pending {
                verifier,
                nonce,
                next,
                browser,
                begun: now,
            },
        );
        Ok(url.to_string())
    }

    /// The name that the provider vouches for, and where to go on. Waits for the network.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(super) fn finish(
        &self,
        code: String,
        state: &str,
        browser: Option<Mark>,
        now: Timestamp,
    ) -> Result<(String, String), Why> {
        let mark = Secret::read(state).ok_or("no state of ours")?.mark();
        let taken = self
            .pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&mark);
        let pending = taken.ok_or("a state that is not under way")?;
        if now.since_ns(pending.begun) >= PENDING_NS {
            return Err("it took too long".into());
        }
        if browser != Some(pending.browser) {
            return Err("another browser asked".into());
        }
        let client = CoreClient::from_provider_metadata(
            self.metadata(now)?,
            ClientId::new(self.settings.client_id.clone()),
            self.secret.clone(),
        );
        let client = client.set_redirect_uri(self.back.clone());
        let http = |request| self.http(request);
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| "the provider names no token endpoint")?
            .set_pkce_verifier(pending.verifier)
            .request(&http)
            .map_err(|_| "the provider does not take the code")?;
        let token = answer.id_token().ok_or("the provider gives no ID token")?;
        let verifier = client.id_token_verifier();
        let claims = token
            .claims(&verifier, &pending.nonce)
            .map_err(|e| format!("ID token: {e}"))?;
        let name = self
            .name_in(claims)
            .ok_or("the ID token lacks the claim that names an account")?;
        Ok((name.to_lowercase(), pending.next))
    }

    fn name_in(&self, claims: &CoreIdTokenClaims) -> Option<String> {
        match self.settings.claim.as_str() {
            "email" => {
                // An address that nobody checked may be a colleague's.
                let email = claims
                    .email()
                    .filter(|_| claims.email_verified() == Some(true));
                email.map(|email| email.to_string())
            }
            "sub" => Some(claims.subject().to_string()),
            _ => claims.preferred_username().map(|name| name.to_string()),
        }
    }

    fn metadata(&self, now: Timestamp) -> Result<CoreProviderMetadata, Why> {
        let kept = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |(at, _): &&(Timestamp, _)| now.since_ns(*at) < KEPT_NS;
        if let Some((_, metadata)) = kept().as_ref().filter(fresh) {
            return Ok(metadata.clone());
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|e| e.to_string())?;
        let http = |request| self.http(request);
        let metadata = CoreProviderMetadata::discover(&issuer, &http)
            .map_err(|e| format!("metadata of {}: {e}", self.settings.issuer))?;
        *kept() = Some((now, metadata.clone()));
        Ok(metadata)
    }

    fn http(&self, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
        let (parts, mut body) = self.agent.run(request)?.into_parts();
        let bytes = body.with_config().limit(ANSWER_LEN_MAX).read_to_vec()?;
        Ok(HttpResponse::from_parts(parts, bytes))
    }
}

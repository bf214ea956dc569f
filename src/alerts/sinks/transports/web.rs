//! Webhook: a signed POST (Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`,
//! `webhook-signature`).
//!
//! Enters: a parcel. Leaves: one request. Never: follows a redirect; sends what is not signed.
//!
//! The signature is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. A receiver checks
//! it over the bytes as they came, refuses a timestamp that is minutes old, and drops an id that it
//! knows.

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

use super::super::settings::{Form, SinkSettings};
use super::{Parcel, Reason, Sent, Verdict, tls, wait};
use crate::alerts::post::{self, printable};

/// Bytes kept of an answer that is no "yes".
const ANSWER_LEN_MAX: u64 = 2048;
/// Shortest secret, in bytes: below, it can be guessed.
const SECRET_LEN_MIN: usize = 16;

/// A place to POST to.
pub struct Webhook {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
    key: hmac::Key,
    content_type: &'static str,
}

impl Webhook {
    pub(super) fn new(settings: &SinkSettings) -> Result<Self, String> {
        let text = tls::secret(&settings.secret_file)?;
        let secret = match text.strip_prefix("whsec_") {
            Some(coded) => STANDARD
                .decode(coded)
                .map_err(|_| "secret_file: what follows `whsec_` is no base64".to_owned())?,
            None => text.as_bytes().to_vec(),
        };
        let secret = Zeroizing::new(secret);
        if secret.len() < SECRET_LEN_MIN {
            return Err(format!(
                "secret_file: {} bytes can be guessed; use at least {SECRET_LEN_MIN}",
                secret.len()
            ));
        }
        Ok(Self {
            agent: agent(settings)?,
            url: settings.address.clone(),
            authorization: authorization(settings, "Bearer")?,
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            content_type: match settings.form() {
                Form::Stix => "application/stix+json;version=2.1",
                _ => "application/json",
            },
        })
    }

    pub(super) fn send(&self, parcels: &[Parcel], unix_seconds: i64) -> Sent {
        let mut sent = Sent::all(0);
        for parcel in parcels {
            match self.post(parcel, unix_seconds) {
                None => sent.taken += 1,
                then => {
                    sent.then = then;
                    break;
                }
            }
        }
        sent
    }

    fn post(&self, parcel: &Parcel, unix_seconds: i64) -> Option<Verdict> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", self.content_type)
            .header("webhook-id", &parcel.id)
            .header("webhook-timestamp", unix_seconds.to_string())
            .header(
                "webhook-signature",
                sign(&self.key, &parcel.id, unix_seconds, &parcel.bytes),
            );
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        let (status, text) = match answer(request.send(&parcel.bytes[..]), ANSWER_LEN_MAX) {
            Ok(it) => it,
            Err(verdict) => return Some(verdict),
        };
        refused(status, &text)
    }
}

/// `v1,` and the signature.
fn sign(key: &hmac::Key, id: &str, unix_seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{unix_seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

/// One that verifies, waits no longer than its time, and goes where it is told.
pub(super) fn agent(settings: &SinkSettings) -> Result<ureq::Agent, String> {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(wait(settings)))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent(concat!("poortwacht/", env!("CARGO_PKG_VERSION")))
        .max_idle_connections(0)
        .max_idle_age(Duration::ZERO);
    if settings.address.starts_with("https://") {
        config = config.tls_config(post::trusted_by(&settings.ca_file, "[[sink]]")?);
    }
    Ok(config.build().new_agent())
}

/// The value of the `Authorization` header, if there is to be one; `scheme` goes before a token.
pub(super) fn authorization(
    settings: &SinkSettings,
    scheme: &str,
) -> Result<Option<String>, String> {
    if !settings.token_file.as_os_str().is_empty() {
        let token = tls::secret(&settings.token_file)?;
        return Ok(Some(format!("{scheme} {}", token.as_str())));
    }
    if settings.user.is_empty() {
        return Ok(None);
    }
    let password = tls::secret(&settings.password_file)?;
    let pair = Zeroizing::new(format!("{}:{}", settings.user, password.as_str()));
    Ok(Some(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
}

/// Status and text of an answer.
pub(super) fn answer(
    got: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    len_max: u64,
) -> Result<(u16, Vec<u8>), Verdict> {
    let mut got = got.map_err(|e| Verdict::Later(post::reason(&e), e.to_string()))?;
    let mut text = Vec::new();
    // What cannot be read of it is not missed.
    let _ = got
        .body_mut()
        .as_reader()
        .take(len_max)
        .read_to_end(&mut text);
    Ok((got.status().as_u16(), text))
}

/// What a status means; `None`: taken.
pub(super) fn refused(status: u16, text: &[u8]) -> Option<Verdict> {
    let text = printable(text);
    let said = format!("it answered {status}: {text}");
    Some(match status {
        200..=299 => return None,
        408 | 425 | 429 | 500.. => Verdict::Later(Reason::Unavailable, said),
        401 | 403 | 407 => Verdict::Later(
            Reason::Settings,
            format!("{said} (are password, token or secret right?)"),
        ),
        0..=399 | 404 | 405 => Verdict::Later(
            Reason::Settings,
            format!("{said} (is the address right, with its path?)"),
        ),
        _ => Verdict::Rejected(status, text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // Standard Webhooks 1.0, "Verifying webhook authenticity", its example.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signed = sign(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_what_speaks_of_the_alert_is_given_up() {
        for status in [200, 202, 204] {
            assert_eq!(refused(status, b""), None);
        }
        for status in [301, 401, 403, 404, 408, 429, 500, 503] {
            let verdict = refused(status, b"");
            assert!(matches!(verdict, Some(Verdict::Later(..))), "{status}");
        }
        for status in [400, 409, 413, 422] {
            let verdict = refused(status, b"no\r\nway");
            assert_eq!(verdict, Some(Verdict::Rejected(status, "no way".into())));
        }
    }
}

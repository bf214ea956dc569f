//! Random marks: session tokens, one-time links, API tokens. Whoever shows one is let in, so only
//! digests of them are kept.
//!
//! Enters: randomness of the system. Leaves: a text to hand out once, a [`Mark`] to keep. Never: a
//! secret in a `Debug`, a file or a log.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::refusal::Refusal;

/// 256 random bits. Gone from memory when dropped.
pub struct Secret([u8; 32]);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// [`Refusal::Failed`] when the system has no randomness.
    pub fn new() -> Result<Self, Refusal> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| {
            tracing::error!("the system gives no randomness");
            Refusal::Failed
        })?;
        Ok(Self(bytes))
    }

    /// From its text; `None` for what was never one.
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        // 43 characters hold 32 bytes; a longer text is not even decoded.
        let fits = text.len() == 43;
        let read = fits
            .then(|| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok())
            .flatten();
        (read == Some(32)).then_some(Self(bytes))
    }

    /// The text that is handed out: 43 characters that need no escaping in an address.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is kept of it.
    pub fn mark(&self) -> Mark {
        let mut mark = [0; 32];
        mark.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        Mark(mark)
    }

    /// The mark of a form for whoever carries `cookie`: HMAC-SHA256 under this secret.
    pub fn form_mark(&self, cookie: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, cookie.as_bytes()))
    }

    /// A key for the labels of one session or token. No cookie begins like this.
    pub fn veil_key(&self, of: &Mark) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(b"labels of subjects\0");
        context.update(&of.0);
        let mut made = [0; 32];
        made.copy_from_slice(context.sign().as_ref());
        made
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The digest of a [`Secret`]. Comparing marks tells nothing about secrets: they are random.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 32]);

impl Serialize for Mark {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        // The encoding is the same; what it stands for is not.
        let read = Secret::read(&text).map(|read| Self(read.0));
        read.ok_or_else(|| serde::de::Error::custom("not a mark of 43 characters"))
    }
}

/// Are the texts the same? In a time that does not tell where they differ.
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_back_and_nothing_else_does() {
        let secret = Secret::new().unwrap();
        let again = Secret::read(&secret.text()).unwrap();
        assert!(again.mark() == secret.mark());
        assert!(Secret::new().unwrap().mark() != secret.mark());
        for bad in [
            "",
            "short",
            &"a".repeat(42),
            &"a".repeat(44),
            &"!".repeat(43),
        ] {
            assert!(Secret::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_form_mark_belongs_to_one_cookie_and_one_run() {
        let (key, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert!(same(&key.form_mark("a"), &key.form_mark("a")));
        assert!(!same(&key.form_mark("a"), &key.form_mark("b")));
        assert!(!same(&key.form_mark("a"), &other.form_mark("a")));
    }
}

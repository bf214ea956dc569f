//! Text that an officer may one day read, kept unreadable until then: AES-256-GCM (NIST SP
//! 800-38D) under a key that is made at start, lives in memory alone and is overwritten at the end.
//!
//! Enters: clear text. Leaves: the same enciphered, or again in clear for the moment of sealing.
//! Never: writes its key anywhere; uses a nonce twice.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The key and how often it was used.
pub(super) struct Vault {
    key: Zeroizing<[u8; 32]>,
    used: u64,
}

impl Vault {
    /// A new key; `None` when the system gives no random bytes.
    pub(super) fn new() -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(key.as_mut()).ok()?;
        Some(Self { key, used: 0 })
    }

    /// Enciphers; `None` only when the counter is used up.
    pub(super) fn close(&mut self, text: &[u8]) -> Option<Box<[u8]>> {
        self.used = self.used.checked_add(1)?;
        let nonce = nonce(self.used);
        let mut bytes = Vec::with_capacity(8 + text.len() + 16);
        bytes.extend_from_slice(text);
        let key = self.key()?;
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes)
            .ok()?;
        bytes.extend_from_slice(&self.used.to_be_bytes());
        Some(bytes.into())
    }

    /// Deciphers what [`Self::close`] of this same vault made.
    pub(super) fn open(&self, closed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (body, count) = closed.split_last_chunk::<8>()?;
        let mut bytes = Zeroizing::new(body.to_vec());
        let nonce = nonce(u64::from_be_bytes(*count));
        let len = self
            .key()?
            .open_in_place(nonce, Aad::empty(), &mut bytes)
            .ok()?
            .len();
        bytes.truncate(len);
        Some(bytes)
    }

    fn key(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, self.key.as_ref()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

fn nonce(count: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    for (to, from) in bytes.iter_mut().skip(4).zip(count.to_be_bytes()) {
        *to = from;
    }
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_text_opens_in_its_own_vault_only() {
        let mut vault = Vault::new().unwrap();
        let one = vault.close(b"ajansen").unwrap();
        let two = vault.close(b"ajansen").unwrap();
        assert_ne!(one, two);
        assert!(!one.windows(7).any(|w| w == b"ajansen"));
        assert_eq!(vault.open(&one).unwrap().as_slice(), b"ajansen");
        assert!(Vault::new().unwrap().open(&one).is_none());
        assert!(vault.open(&one[..9]).is_none());
    }
}

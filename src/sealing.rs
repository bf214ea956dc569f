//! Sealing: what is known of a subject in clear, for officers only, k of n of them together.
//!
//! Enters: a [`Clear`] or a [`Frame`] and the officers' public keys (age). Leaves: a [`Sealed`]
//! record or a [`SealedFrame`]: the text under the subject's own data key, that key split k-of-n,
//! each share encrypted to one officer ([`SealedKey`]); for officers, a [`Release`] of both.
//! Never: holds a private key; seals two subjects under one data key; writes a data key anywhere.
//!
//! The text is JSON, filled up with spaces to a multiple of [`BLOCK`] bytes so that its length tells
//! nothing of a name, under AES-256-GCM (NIST SP 800-38D) with the subject as associated data: a
//! text put under another subject's record does not open. The data key is split after Shamir over
//! GF(256); a share is encrypted to its officer by age (X25519). `docs/sealing.md` is the officers'
//! recipe; [`open`] is what it runs.
//!
//! [`Frame`]: crate::hits::Frame

pub mod challenge;
mod frame;
mod open;
#[doc(hidden)]
pub mod oracle;
mod release;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};

use age::x25519::Recipient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blahaj::Sharks;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::hits::SubjectId;
use crate::identity::Clear;

pub use frame::{SealedFrame, TEXT_LEN_MAX as FRAME_TEXT_LEN_MAX};
pub use open::{Share, open, open_share};
pub use release::{DataKeys, Identity, Opened, RELEASE_LEN_MAX, Release};

/// Most officers.
pub const OFFICERS_MAX: usize = 16;
/// Subjects whose data key is kept for the next sealing; beyond it the one sealed first gets a new
/// data key when it is sealed again.
const KEYS_MAX: usize = 4096;
/// The text is filled up to a multiple of this.
const BLOCK: usize = 512;
/// Bytes of the authentication tag behind a text.
const TAG_LEN: usize = 16;
/// Longest name of an officer, in bytes.
const NAME_LEN_MAX: usize = 200;

/// An officer: may open a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Officer {
    /// Name or function, as it stands in records.
    pub name: String,
    /// age recipient (`age1...`).
    pub recipient: String,
}

/// A subject's sealed record, as it is written to disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whose.
    pub subject: SubjectId,
    /// Which data key of the subject: a random word. Empty in records of before there were frames.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Officers that must act together.
    pub threshold: u8,
    /// Name of each officer and their share: age, armoured.
    pub shares: Vec<(String, String)>,
    /// The text under the data key, base64: nonce, text, tag.
    pub text: String,
    /// Keyed hashes of the device names in the text
    /// ([`Identity::hosts`](crate::identity::Identity::hosts)): a name that somebody brings finds
    /// the record by them, and nobody reads a name out of them. For officers they mean nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// A data key, as officers can open it together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKey {
    /// Which one: a random word.
    pub key: String,
    /// Officers that must act together.
    pub threshold: u8,
    /// Name of each officer and their share: age, armoured.
    pub shares: Vec<(String, String)>,
}

/// A subject's data key, and its shares as they were encrypted once: each record of the subject
/// bears the same ones, so that shares of an older record open a newer one.
struct DataKey {
    id: String,
    key: Zeroizing<[u8; 32]>,
    /// Was it handed out as a [`SealedKey`]?
    told: bool,
    shares: Vec<(String, String)>,
}

/// Seals. Holds data keys in memory alone, overwritten when they go.
pub struct Sealer {
    officers: Vec<(String, Recipient)>,
    threshold: u8,
    keys: HashMap<SubjectId, DataKey>,
    order: VecDeque<SubjectId>,
}

impl Sealer {
    /// For these officers, `threshold` of whom must act together.
    ///
    /// # Errors
    /// A sentence: which key is none, or why the numbers do not fit.
    pub fn new(officers: &[Officer], threshold: u8) -> Result<Self, String> {
        let count = officers.len();
        if count > OFFICERS_MAX {
            return Err(format!(
                "{count} officers are too many: name {OFFICERS_MAX} at most"
            ));
        }
        if threshold == 0 || usize::from(threshold) > count {
            return Err(format!(
                "threshold = {threshold} does not fit {count} officers: use 1 to {count}"
            ));
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        let mut found = Vec::with_capacity(count);
        for officer in officers {
            let name = officer.name.trim();
            if name.is_empty() || name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
                return Err("an officer has no name, or none of one short line: give one".into());
            }
            if !names.insert(name.to_owned()) {
                return Err(format!(
                    "two officers are named `{}`: give each a name of its own",
                    name.escape_debug()
                ));
            }
            let recipient = recipient(name, officer.recipient.trim())?;
            if !keys.insert(recipient.to_string()) {
                return Err(format!(
                    "the recipient of `{}` is another officer's too: each needs a key of their own",
                    name.escape_debug()
                ));
            }
            found.push((name.to_owned(), recipient));
        }
        Ok(Self {
            officers: found,
            threshold,
            keys: HashMap::new(),
            order: VecDeque::new(),
        })
    }

    /// Seals what is known of a subject now.
    ///
    /// # Errors
    /// A sentence without anything of what was to be sealed.
    pub fn seal(&mut self, subject: &SubjectId, clear: &Clear) -> Result<Sealed, String> {
        let threshold = self.threshold;
        let data = self.data_key(subject)?;
        let text = Zeroizing::new(serde_json::to_vec(clear).map_err(|_| unsealable())?);
        let len = text.len().div_ceil(BLOCK) * BLOCK;
        let text = enciphered(&data.key, &associated(subject), text, (len, b' '))?;
        Ok(Sealed {
            hosts: Vec::new(),
            subject: subject.clone(),
            key: data.id.clone(),
            threshold,
            shares: data.shares.clone(),
            text,
        })
    }

    fn data_key(&mut self, subject: &SubjectId) -> Result<&mut DataKey, String> {
        if !self.keys.contains_key(subject) {
            if self.keys.len() >= KEYS_MAX
                && let Some(first) = self.order.pop_front()
            {
                self.keys.remove(&first);
            }
            let made = self.split(subject)?;
            self.order.push_back(subject.clone());
            self.keys.insert(subject.clone(), made);
        }
        self.keys
            .get_mut(subject)
            .ok_or_else(|| "the data key was not kept".into())
    }

    /// A new data key, split and encrypted to the officers.
    fn split(&self, subject: &SubjectId) -> Result<DataKey, String> {
        let mut key = Zeroizing::new([0; 32]);
        fill(key.as_mut())?;
        let mut id = [0; 8];
        fill(&mut id)?;
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let dealer = Sharks(self.threshold).dealer(key.as_ref());
        let mut shares = Vec::with_capacity(self.officers.len());
        for ((name, recipient), share) in self.officers.iter().zip(dealer) {
            let share = Share::of(subject, (name, &id), self.threshold, &share);
            let text = share.text()?;
            let armoured = age::encrypt_and_armor(recipient, &text)
                .map_err(|error| format!("a share could not be encrypted with age: {error}"))?;
            shares.push((name.clone(), armoured));
        }
        Ok(DataKey {
            id,
            key,
            told: false,
            shares,
        })
    }
}

/// Parses a recipient. A private key put here by mistake is said, and not repeated.
fn recipient(name: &str, text: &str) -> Result<Recipient, String> {
    let name = name.escape_debug();
    if text.to_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err(format!(
            "the recipient of `{name}` is a private key: it must not leave the officer's machine; \
             make a new one with `age-keygen` and put its public key (age1...) here"
        ));
    }
    text.parse().map_err(|_| {
        format!(
            "the recipient of `{name}` is no age public key (age1... and 58 more characters): \
             `age-keygen -y FILE` shows the one of a key file"
        )
    })
}

/// The text, filled up to `len` bytes with `filler`, under the key: nonce, text, tag, as base64.
fn enciphered(
    key: &[u8; 32],
    associated: &[u8],
    mut text: Zeroizing<Vec<u8>>,
    (len, filler): (usize, u8),
) -> Result<String, String> {
    // Else what grows leaves a copy behind.
    let mut filled = Zeroizing::new(Vec::with_capacity(len));
    filled.append(&mut text);
    filled.resize(len, filler);
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce)?;
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| unsealable())?;
    // Enciphered where it lies: the clear text is overwritten by it.
    let tag = LessSafeKey::new(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated),
            &mut filled,
        )
        .map_err(|_| unsealable())?;
    let mut out = Vec::with_capacity(NONCE_LEN + len + TAG_LEN);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&filled);
    out.extend_from_slice(tag.as_ref());
    Ok(STANDARD.encode(out))
}

fn unsealable() -> String {
    "the text could not be enciphered".into()
}

/// What binds a text to its subject and to this format.
fn associated(subject: &SubjectId) -> Vec<u8> {
    [b"poortwacht/1/sealed\0", subject.as_str().as_bytes()].concat()
}

fn fill(bytes: &mut [u8]) -> Result<(), String> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_| "the system gives no random bytes: nothing was sealed".into())
}

//! Signatures of minisign, prehashed (the way of minisign 0.10 and later).
//!
//! Enters: a file's bytes, the text of its signature, trusted keys. Leaves: who signed and the
//! trusted comment. Never: trust in a key that the signature itself brings along; the old way, which
//! needs the whole file before anything can be said.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use minisign_verify::{Error, PublicKey, Signature};

/// Bytes of a public key or of a signature before the key itself: algorithm, key id.
const ID: std::ops::Range<usize> = 2..10;
/// A signature that was made the old way says so in its first two bytes.
const OLD_WAY: &[u8] = b"Ed";

/// A public key that is trusted.
#[derive(Clone)]
pub struct Key {
    key: PublicKey,
    id: KeyId,
}

/// The number by which minisign tells keys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // minisign writes it as a number, least byte first in the file.
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl Key {
    /// Reads the second line of a `.pub` file, or the whole of it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = text
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or_default();
        let shown: String = line.chars().take(80).collect();
        let wrong = || {
            format!(
                "`{}` is no public key of minisign: give the second line of its .pub file (it \
                 begins with RW)",
                shown.escape_debug()
            )
        };
        let key = PublicKey::from_base64(line).map_err(|_| wrong())?;
        let bytes = BASE64_STANDARD.decode(line).map_err(|_| wrong())?;
        Ok(Self {
            key,
            id: id(&bytes).ok_or_else(wrong)?,
        })
    }

    /// Its number.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

fn id(bytes: &[u8]) -> Option<KeyId> {
    Some(KeyId(bytes.get(ID)?.try_into().ok()?))
}

/// A signature that holds.
pub struct Signed {
    /// The key that made it.
    pub by: KeyId,
    /// What the signer wrote with it; covered by the signature.
    pub trusted_comment: String,
}

/// Checks a signature. `what` names the signed file.
///
/// # Errors
/// Why it does not hold, and what to do.
pub fn verify(what: &str, bytes: &[u8], signature: &str, keys: &[Key]) -> Result<Signed, String> {
    let unreadable = || {
        format!(
            "the signature of {what} is not one of minisign: sign with `minisign -S -m FILE` and \
             give its .minisig"
        )
    };
    let line = signature.lines().nth(1).unwrap_or_default();
    let raw = BASE64_STANDARD
        .decode(line.trim())
        .map_err(|_| unreadable())?;
    let by = id(&raw).ok_or_else(unreadable)?;
    let decoded = Signature::decode(signature).map_err(|_| unreadable())?;
    if raw.starts_with(OLD_WAY) {
        return Err(format!(
            "{what} was signed in the old way (without hashing first): sign it again with minisign \
             0.10 or later, without -l"
        ));
    }
    let Some(key) = keys.iter().find(|key| key.id == by) else {
        let known: Vec<String> = keys.iter().map(|key| key.id.to_string()).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        return Err(format!(
            "{what} was signed by key {by}, which is not trusted (trusted: {known}): get the list \
             from its maker, or add the key to `keys` under [lists.update] after asking him"
        ));
    };
    key.key.verify(bytes, &decoded, false).map_err(|error| match error {
        Error::InvalidSignature => format!(
            "the signature of {what} does not hold: the file or its comment was changed after key \
             {by} signed it; get both again"
        ),
        _ => unreadable(),
    })?;
    Ok(Signed {
        by,
        trusted_comment: decoded.trusted_comment().to_owned(),
    })
}

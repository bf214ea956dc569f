//! Opening, on the officers' own machines: shares, put together, give the data key.
//!
//! Enters: a [`Sealed`] record and the officers' shares as `age -d` gives them. Leaves: the
//! [`Clear`] text. Never: runs in the daemon; says more of a wrong share than that it is wrong.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blahaj::Sharks;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Sealed, associated};
use crate::hits::SubjectId;
use crate::identity::Clear;

/// An officer's share in clear: one line of JSON, as `age -d` shows it. Overwritten when it goes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Of whose data key.
    pub subject: SubjectId,
    /// Of which of them; empty in shares of before there were frames.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Whose share.
    pub officer: String,
    /// Shares that are needed together.
    pub threshold: u8,
    /// The share, base64.
    share: String,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.share.zeroize();
    }
}

impl Share {
    pub(super) fn of(
        subject: &SubjectId,
        (officer, key): (&str, &str),
        threshold: u8,
        share: &blahaj::Share,
    ) -> Self {
        let bytes = Zeroizing::new(Vec::from(share));
        Self {
            subject: subject.clone(),
            key: key.to_owned(),
            officer: officer.to_owned(),
            threshold,
            share: STANDARD.encode(bytes.as_slice()),
        }
    }

    pub(super) fn text(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut text = serde_json::to_vec(self).map_err(|_| "a share could not be written")?;
        text.push(b'\n');
        Ok(Zeroizing::new(text))
    }

    /// Reads what `age -d` gave.
    ///
    /// # Errors
    /// A sentence without anything of the share.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text.trim()).map_err(|_| {
            "this is no share: give what `age -d` writes for the share of one officer, unchanged"
                .into()
        })
    }

    fn bytes(&self) -> Result<blahaj::Share, String> {
        let bytes = STANDARD.decode(&self.share).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| self.broken())?;
        blahaj::Share::try_from(bytes.as_slice()).map_err(|_| self.broken())
    }

    /// Changes one bit.
    #[cfg(test)]
    pub(super) fn flip(&mut self, at: usize) {
        let mut bytes = STANDARD.decode(&self.share).unwrap();
        bytes[at] ^= 1;
        self.share = STANDARD.encode(bytes);
    }

    fn broken(&self) -> String {
        let officer = self.officer.escape_debug();
        format!("the share of `{officer}` is damaged: decrypt it again with `age -d`")
    }
}

/// Opens an officer's share with the text of their age identity file (`AGE-SECRET-KEY-1...`). The
/// same as `age -d -i FILE`, for those who would rather use one program.
///
/// # Errors
/// A sentence without anything of key or share.
pub fn open_share(armoured: &str, identity: &str) -> Result<Share, String> {
    let keys = identity.lines().map(str::trim);
    let key = keys
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .find_map(|line| line.parse::<age::x25519::Identity>().ok())
        .ok_or("the identity file holds no key of the form AGE-SECRET-KEY-1...")?;
    let text = age::decrypt(&key, armoured.as_bytes())
        .map_err(|error| format!("this key does not open the share: {error}"))?;
    let text = Zeroizing::new(text);
    Share::parse(std::str::from_utf8(&text).unwrap_or_default())
}

/// Opens a record with the shares of `threshold` officers.
///
/// # Errors
/// A sentence: too few shares, one twice, one of another subject, or shares that do not fit.
pub fn open(sealed: &Sealed, shares: &[Share]) -> Result<Clear, String> {
    let subject = &sealed.subject;
    let shares: Vec<&Share> = shares.iter().collect();
    let key = data_key(subject, (&sealed.key, sealed.threshold), &shares)?;
    let text = deciphered(&key, &associated(subject), &sealed.text).ok_or_else(unfit)?;
    serde_json::from_slice(&text).map_err(|_| unfit())
}

pub(super) fn unfit() -> String {
    "the shares do not open this record: one is of another record of an earlier run, or was changed"
        .into()
}

/// Puts a data key together from the shares of `threshold` officers.
pub(super) fn data_key(
    subject: &SubjectId,
    (key, threshold): (&str, u8),
    shares: &[&Share],
) -> Result<Zeroizing<Vec<u8>>, String> {
    if let Some(odd) = shares.iter().find(|it| it.subject != *subject) {
        return Err(format!(
            "the share of `{}` is of another subject ({}); this record is of {subject}",
            odd.officer.escape_debug(),
            odd.subject,
        ));
    }
    let of_another = |it: &&&Share| !it.key.is_empty() && !key.is_empty() && it.key != key;
    if let Some(odd) = shares.iter().find(of_another) {
        return Err(format!(
            "the share of `{}` is of another data key ({}) of this subject; this is {key}",
            odd.officer.escape_debug(),
            odd.key.escape_debug(),
        ));
    }
    let needed = usize::from(threshold);
    if needed == 0 || shares.len() < needed {
        return Err(format!(
            "{} of the {needed} shares that are needed: ask {} more officer(s) of this record",
            shares.len(),
            needed.saturating_sub(shares.len())
        ));
    }
    let mut parts = Vec::with_capacity(shares.len());
    let mut places = BTreeSet::new();
    for share in shares {
        let part = share.bytes()?;
        let place = Vec::from(&part).first().copied();
        if !places.insert(place) {
            return Err(format!(
                "the share of `{}` was given twice: each officer gives their own",
                share.officer.escape_debug()
            ));
        }
        parts.push(part);
    }
    let scheme = Sharks(threshold);
    let key = scheme.recover(&parts).map(Zeroizing::new);
    key.map_err(|why| format!("the shares do not fit together: {why}"))
}

/// The text; `None` when it is not of this key, or of something else, or was changed.
pub(super) fn deciphered(key: &[u8], associated: &[u8], text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut text = Zeroizing::new(text.to_vec());
    let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let len = LessSafeKey::new(key)
        .open_in_place(nonce, Aad::from(associated), &mut text)
        .ok()?
        .len();
    text.truncate(len);
    Some(text)
}

//! A release: what the officers get of one subject after it was approved, in one file.
//!
//! Enters: sealed records, frames and keys of a subject; or the text of such a file. Leaves: the
//! file's text; with enough shares, what is in it. Never: a second subject; a private key; anything
//! in clear.
//!
//! JSON: `format` ([`FORMAT`]), the case, the subject, the reason, when it was released; `keys`, each
//! with the officers' shares; `records` (who that is) and `frames`, each with the word of its key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::frame::TEXT_LEN_MAX;
use super::open::{data_key, deciphered};
use super::{
    NAME_LEN_MAX, OFFICERS_MAX, Sealed, SealedFrame, SealedKey, Share, associated, open_share,
};
use crate::hits::{Frame, SubjectId};
use crate::identity::Clear;

/// What a file of this form says of itself.
const FORMAT: &str = "poortwacht-release/1";
/// Longest file read, in bytes: some 15,000 frames.
pub const RELEASE_LEN_MAX: usize = 64 << 20;
/// Longest text of a case, reason, time or word, in bytes.
const WORDS_LEN_MAX: usize = 4096;

/// Sealed things of one subject, for its officers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    format: String,
    /// The case in which it was asked for.
    pub case: String,
    /// Whose.
    pub subject: SubjectId,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// When it was approved, RFC 3339 in UTC.
    pub released: String,
    /// Data keys, each once.
    pub keys: Vec<SealedKey>,
    /// Who the subject is: one text for each time that something was sealed.
    pub records: Vec<Identity>,
    /// Frames of the subject's hits.
    pub frames: Vec<SealedFrame>,
}

/// A sealed record without its shares, which stand with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Under which data key.
    pub key: String,
    /// The text under that key.
    pub text: String,
}

/// Data keys in clear, by their words. Overwritten when they go.
pub type DataKeys = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// What shares opened of a release.
pub struct Opened {
    /// Who the subject is.
    pub identities: Vec<Clear>,
    /// Its frames, each with the id of its hit, in the order of their times.
    pub frames: Vec<(String, Frame)>,
    /// Why a part did not open, a sentence each, without repeats.
    pub closed: Vec<String>,
}

impl Release {
    /// Without anything in it yet.
    pub fn new(case: &str, subject: SubjectId, reason: &str, released: &str) -> Self {
        Self {
            format: FORMAT.into(),
            case: case.into(),
            subject,
            reason: reason.into(),
            released: released.into(),
            keys: Vec::new(),
            records: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Adds a version of the subject's record. `false`: it is another subject's, or of before keys
    /// had words; such a record is opened by itself.
    pub fn add(&mut self, sealed: &Sealed) -> bool {
        if sealed.subject != self.subject || sealed.key.is_empty() {
            return false;
        }
        self.add_key(SealedKey {
            key: sealed.key.clone(),
            threshold: sealed.threshold,
            shares: sealed.shares.clone(),
        });
        self.records.push(Identity {
            key: sealed.key.clone(),
            text: sealed.text.clone(),
        });
        true
    }

    /// Adds a data key, if it is not there.
    pub fn add_key(&mut self, key: SealedKey) {
        if self.keys.iter().all(|known| known.key != key.key) {
            self.keys.push(key);
        }
    }

    /// Adds a frame; its key is added by [`Self::add`] or [`Self::add_key`].
    pub fn add_frame(&mut self, frame: SealedFrame) {
        self.frames.push(frame);
    }

    /// The file's text.
    ///
    /// # Errors
    /// As [`Self::read`]: what could not be read must not be written.
    pub fn write(&self) -> Result<String, String> {
        self.check()?;
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        Ok(text + "\n")
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without repeating content.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > RELEASE_LEN_MAX {
            return Err("it is longer than any release".into());
        }
        let release: Self = serde_json::from_str(text).map_err(|e| {
            format!(
                "it is broken at line {}, column {}: it was changed, or is no release",
                e.line(),
                e.column()
            )
        })?;
        release.check()?;
        Ok(release)
    }

    /// Does it begin like a release? Tells it from a sealed record.
    pub fn is_one(text: &str) -> bool {
        #[derive(Deserialize)]
        struct Tag {
            format: Option<String>,
        }
        let tag = serde_json::from_str::<Tag>(text).ok();
        let format = tag.and_then(|tag| tag.format);
        format.is_some_and(|format| format.starts_with("poortwacht-release/"))
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "it is a release of another form (`{}`, this program reads `{FORMAT}`)",
                self.format.escape_debug()
            ));
        }
        let words = [&self.case, &self.reason, &self.released];
        if words.iter().any(|it| it.len() > WORDS_LEN_MAX) {
            return Err("its case, reason or time is longer than any".into());
        }
        let mut keys = BTreeSet::new();
        for key in &self.keys {
            let officers = key.shares.len();
            let sound = (1..=OFFICERS_MAX).contains(&officers)
                && (1..=officers).contains(&usize::from(key.threshold))
                && key
                    .shares
                    .iter()
                    .all(|(name, _)| name.len() <= NAME_LEN_MAX);
            if !sound || !keys.insert(key.key.as_str()) {
                return Err("one of its keys contradicts itself, or stands twice".into());
            }
        }
        let named = self.records.iter().map(|it| &it.key);
        let named = named.chain(self.frames.iter().map(|it| &it.key));
        if let Some(key) = named.into_iter().find(|key| !keys.contains(key.as_str())) {
            return Err(format!(
                "the key `{}` is missing: ask whoever released it for a whole one",
                key.escape_debug()
            ));
        }
        if self.frames.iter().any(|it| it.text.len() > TEXT_LEN_MAX) {
            return Err("one of its frames is longer than any".into());
        }
        Ok(())
    }

    /// The shares that this identity file opens, of whichever officer; those of `name` alone, if
    /// one is given.
    ///
    /// # Errors
    /// A sentence, when it opens none.
    pub fn shares(&self, name: Option<&str>, identity: &str) -> Result<Vec<Share>, String> {
        let (mut opened, mut why) = (Vec::new(), None);
        for (_, armoured) in self
            .keys
            .iter()
            .flat_map(|key| &key.shares)
            .filter(|(officer, _)| name.is_none_or(|name| name == officer))
        {
            match open_share(armoured, identity) {
                Ok(share) => opened.push(share),
                Err(error) => why = Some(error),
            }
        }
        if opened.is_empty() {
            let none = || "it holds no share of that officer".into();
            return Err(why.unwrap_or_else(none));
        }
        Ok(opened)
    }

    /// Opens what these shares open.
    ///
    /// # Errors
    /// A sentence, when they open nothing.
    pub fn open(&self, shares: &[Share]) -> Result<Opened, String> {
        let (keys, closed) = self.data_keys(shares)?;
        let mut opened = self.open_with(&keys);
        opened.closed.splice(0..0, closed);
        let nothing = opened.identities.is_empty() && opened.frames.is_empty();
        match opened.closed.first() {
            Some(why) if nothing => Err(why.clone()),
            _ => Ok(opened),
        }
    }

    /// The data keys that these shares give, and why they do not give the others.
    ///
    /// # Errors
    /// A sentence: a share is of another subject.
    pub fn data_keys(&self, shares: &[Share]) -> Result<(DataKeys, Vec<String>), String> {
        if let Some(odd) = shares.iter().find(|it| it.subject != self.subject) {
            return Err(format!(
                "the share of `{}` is of another subject ({}); this release is of {}",
                odd.officer.escape_debug(),
                odd.subject,
                self.subject
            ));
        }
        let (mut keys, mut closed) = (DataKeys::new(), Vec::new());
        for key in &self.keys {
            let fits = |share: &&Share| share.key == key.key;
            let shares: Vec<&Share> = shares.iter().filter(fits).collect();
            match data_key(&self.subject, (&key.key, key.threshold), &shares) {
                Ok(data) => drop(keys.insert(key.key.clone(), data)),
                Err(why) if !closed.contains(&why) => closed.push(why),
                Err(_) => {}
            }
        }
        Ok((keys, closed))
    }

    /// Opens what these data keys open.
    pub fn open_with(&self, keys: &DataKeys) -> Opened {
        let mut opened = Opened {
            identities: Vec::new(),
            frames: Vec::new(),
            closed: Vec::new(),
        };
        for record in &self.records {
            let Some(data) = keys.get(record.key.as_str()) else {
                continue;
            };
            let text = deciphered(data, &associated(&self.subject), &record.text);
            match text.and_then(|text| serde_json::from_slice(&text).ok()) {
                Some(clear) => opened.identities.push(clear),
                None => opened.note(format!(
                    "a record under key {} does not open: it was changed, is another subject's, or \
                     a share was changed",
                    record.key.escape_debug()
                )),
            }
        }
        for frame in &self.frames {
            let Some(data) = keys.get(frame.key.as_str()) else {
                continue;
            };
            match frame.open(&self.subject, data) {
                Ok(found) => opened.frames.push((frame.hit.clone(), found)),
                Err(why) => opened.note(why),
            }
        }
        opened.frames.sort_by_key(|(_, frame)| frame.head.time_ns);
        opened
    }
}

impl Opened {
    fn note(&mut self, why: String) {
        if !self.closed.contains(&why) {
            self.closed.push(why);
        }
    }
}

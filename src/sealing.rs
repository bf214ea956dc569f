//! Sealing: what is known of a subject in clear, for officers only, k of n of them together.
//!
//! Enters: a [`Clear`] and the officers' public keys (age). Leaves: a [`Sealed`] record: the text
//! under the subject's own data key, that key split k-of-n, each share encrypted to one officer.
//! Never: holds a private key; seals two subjects under one data key.

use serde::{Deserialize, Serialize};

use crate::hits::SubjectId;
use crate::identity::Clear;

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
    /// Officers that must act together.
    pub threshold: u8,
    /// Name of each officer and their share: age, armoured.
    pub shares: Vec<(String, String)>,
    /// The text under the data key, base64.
    pub text: String,
}

/// Seals.
pub struct Sealer {}

impl Sealer {
    /// For these officers, `threshold` of whom must act together.
    ///
    /// # Errors
    /// A sentence: which key is none, or why the numbers do not fit.
    pub fn new(_officers: &[Officer], _threshold: u8) -> Result<Self, String> {
        Ok(Self {})
    }

    /// Seals what is known of a subject now.
    ///
    /// # Errors
    /// A sentence without anything of what was to be sealed.
    pub fn seal(&mut self, _subject: &SubjectId, _clear: &Clear) -> Result<Sealed, String> {
        Err("not built".into())
    }
}

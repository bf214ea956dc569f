//! `bundle.json`: what the reports are made of, for machines. `docs/evidence.schema.json` has its
//! form.
//!
//! Enters: facts, the vendor, what the exporter says. Leaves: [`Data`], and its text; read back,
//! the same. Never: a statement in one language alone.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::method;
use super::report;
use super::vendor::VendorFacts;
use crate::base::seen::closed_set;
use crate::console::Language;
use crate::record::Kind;

/// What a file of this form says of itself.
pub const FORMAT: &str = "poortwacht-evidence/1";
/// This program.
pub const PROGRAM: &str = concat!("poortwacht ", env!("CARGO_PKG_VERSION"));

/// All that a bundle says in words and figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// [`FORMAT`].
    pub format: String,
    /// The program that made it, with its version.
    pub program: String,
    /// Which texts its reports are written in: begin of a SHA-256, hex.
    pub wording: String,
    /// When, RFC 3339.
    pub made: String,
    /// Why, in the words of whoever exported it.
    pub reason: String,
    /// What follows from the entries.
    pub facts: Facts,
    /// What the catalogue knows of the vendor.
    pub vendor: VendorFacts,
    /// Which entries are there.
    pub entries: Extent,
    /// How it was measured, and what cannot be concluded.
    pub method: Method,
}

/// Which entries are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// How many.
    pub count: u64,
    /// Those without their text.
    pub without: Vec<Without>,
    /// Entries without text that may have been the case's, and of which not even the leaf is here.
    pub without_more: Vec<More>,
    /// Frames that are sealed under an earlier subject of the case; not in the bundle.
    pub frames_elsewhere: u64,
}

/// An entry without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Without {
    /// Its number.
    pub entry: u64,
    /// Its kind.
    pub kind: Kind,
    /// Why.
    pub why: Why,
}

closed_set! {
    /// Why an entry is there without its text.
    Why {
        /// Retention or erasure deleted it.
        Deleted = "deleted",
        /// Whoever exported left it out.
        Withheld = "withheld",
        /// It holds an address in clear.
        Clear = "clear-address",
    }
}

/// How many of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct More {
    /// Which.
    pub kind: Kind,
    /// How many.
    pub count: u64,
}

/// Method and limits, a sentence or two each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// In English.
    pub en: Vec<String>,
    /// In Dutch.
    pub nl: Vec<String>,
}

impl Data {
    /// Of these facts, made now by this program.
    pub fn new(
        facts: Facts,
        vendor: VendorFacts,
        entries: Extent,
        (made, reason): (String, String),
    ) -> Self {
        let method = Method {
            en: method::lines(Language::English, &facts),
            nl: method::lines(Language::Dutch, &facts),
        };
        Self {
            format: FORMAT.into(),
            program: PROGRAM.into(),
            wording: report::wording(),
            made,
            reason,
            facts,
            vendor,
            entries,
            method,
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn write(&self) -> Result<Vec<u8>, String> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|e| e.to_string())?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads its text.
    ///
    /// # Errors
    /// A sentence, without repeating content.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let data: Self = serde_json::from_slice(text).map_err(|e| {
            format!(
                "it is not of the form `{FORMAT}` at line {}, column {}",
                e.line(),
                e.column()
            )
        })?;
        if data.format != FORMAT {
            return Err(format!(
                "it is of the form `{}`, and this program reads `{FORMAT}`",
                data.format.escape_debug()
            ));
        }
        Ok(data)
    }
}

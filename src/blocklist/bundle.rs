//! A whole catalogue in one file: what is signed, fetched and swapped as one.
//!
//! Enters: JSON. Leaves: the vendor files with their names, and when the bundle was made. Never: a
//! file whose name leads elsewhere; a bundle with a key that is not known.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::{ListProblem, is_unruly};

/// What `kind` says.
const KIND: &str = "poortwacht-catalogue";
/// The only version of the form so far.
const FORM: u32 = 1;
/// Most vendor files.
const FILES_MAX: usize = 100_000;

/// A catalogue in one file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    kind: String,
    form: u32,
    /// When it was made: an older bundle does not take the place of a newer one.
    #[serde(with = "moment")]
    pub created: OffsetDateTime,
    /// The vendor files.
    pub files: Vec<BundledFile>,
}

/// One vendor file of a bundle.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    /// `clearview-ai.toml`
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Bundle {
    /// Puts files together.
    pub fn new(created: OffsetDateTime, files: Vec<BundledFile>) -> Self {
        Self {
            kind: KIND.into(),
            form: FORM,
            created,
            files,
        }
    }

    /// Reads one; `file` stands for it in the problem.
    ///
    /// # Errors
    /// It is no bundle, of a later form, or names a file twice or oddly.
    pub fn parse(file: &str, text: &str) -> Result<Self, ListProblem> {
        let refused = |line: usize, what: String, next: &str| ListProblem {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            ..ListProblem::of_file(file, what, next)
        };
        let made = "make it with `poortwacht list bundle`, or name a folder of vendor files";
        let bundle: Self = serde_json::from_str(text).map_err(|e| {
            // It repeats keys as they stand in the file.
            let why = e.to_string().replace(is_unruly, "?");
            refused(
                e.line(),
                format!("this is no catalogue bundle: {why}"),
                made,
            )
        })?;
        if bundle.kind != KIND {
            let what = format!(
                "this is no catalogue bundle: its kind is `{}`",
                bundle.kind.escape_debug()
            );
            return Err(refused(0, what, made));
        }
        if bundle.form != FORM {
            let what = format!(
                "the bundle has form {}, and {FORM} is the latest known",
                bundle.form
            );
            return Err(refused(0, what, "update this program"));
        }
        if bundle.files.is_empty() || bundle.files.len() > FILES_MAX {
            let what = format!(
                "the bundle holds {} files: 1 to {FILES_MAX} are allowed",
                bundle.files.len()
            );
            return Err(refused(0, what, made));
        }
        let mut names = BTreeSet::new();
        for one in &bundle.files {
            let plain = |stem: &str| {
                !stem.is_empty()
                    && stem
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            let shown = one.name.escape_debug();
            if !one.name.strip_suffix(".toml").is_some_and(plain) {
                return Err(refused(
                    0,
                    format!("the bundle names a file `{shown}`"),
                    made,
                ));
            }
            if !names.insert(one.name.as_str()) {
                return Err(refused(
                    0,
                    format!("the bundle holds `{shown}` twice"),
                    made,
                ));
            }
        }
        Ok(bundle)
    }

    /// As text, one file a line.
    pub fn to_text(&self) -> String {
        // Plain strings and numbers: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// When it was made, as text.
    pub fn created_text(&self) -> String {
        self.created.format(&Rfc3339).unwrap_or_default()
    }
}

/// A moment as text (RFC 3339).
mod moment {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    pub(super) fn serialize<S: Serializer>(at: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&at.format(&Rfc3339).map_err(ser::Error::custom)?)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(from)?;
        OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| de::Error::custom("`created` is no moment such as 2026-11-22T12:00:00Z"))
    }
}

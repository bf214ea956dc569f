//! The catalogue from somewhere else: fetched, checked, swapped in whole, and taken back.
//!
//! Enters: a file or address, trusted keys, the bundle in force. Leaves: the new bundle on disk, the
//! old one beside it. Never: a bundle without a good signature (unless a person gives the reason),
//! one older than that in force, half a file.
//!
//! ```text
//! fetch -> signature -> Bundle -> compile, compare with the one in force -> swap
//! ```

pub mod fetch;
pub mod signature;
pub mod swap;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::base::Timestamp;
use crate::blocklist::diff::{Change, diff};
use crate::blocklist::{Bundle, Catalogue, ListProblem, SourceText, lint, unpack};

/// `[lists.update]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// File or address of the bundle; its signature lies beside it, with `.minisig` behind the
    /// name. Default: none.
    pub from: String,
    /// Public keys (minisign) of which one must have signed. Default: none.
    pub keys: Vec<String>,
    /// PEM file of the authorities that may vouch for an https address. Empty: the system's.
    /// Default: empty.
    pub ca_file: PathBuf,
    /// Longest wait for the whole of a download, in seconds. Default 60.
    pub timeout_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            from: String::new(),
            keys: Vec::new(),
            ca_file: PathBuf::new(),
            timeout_seconds: 60,
        }
    }
}

impl Settings {
    /// What no single key can tell.
    ///
    /// # Errors
    /// A sentence with the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        for key in &self.keys {
            signature::Key::parse(key).map_err(|why| format!("[lists.update] keys: {why}"))?;
        }
        if !(1..=3600).contains(&self.timeout_seconds) {
            let given = self.timeout_seconds;
            return Err(format!(
                "lists.update.timeout_seconds = {given} is out of bounds: use 1 to 3600"
            ));
        }
        Ok(())
    }
}

/// How far ahead of this machine's clock a bundle may have been made.
const AHEAD_MAX: Duration = Duration::hours(24);

/// What may be let through, each because a person said so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leave {
    /// A bundle older than the one in force.
    pub older: bool,
    /// A bundle that has lost most of its rules.
    pub shrink: bool,
}

/// A bundle that may be put in force.
pub struct Candidate {
    /// Its bytes, unpacked.
    pub text: String,
    /// When it was made.
    pub created: String,
    /// What it compiles to.
    pub catalogue: Catalogue,
    /// What it changes in verdicts and in what a hit says; a bundle can differ in notes and sources
    /// alone.
    pub changes: Vec<Change>,
    /// Warnings of `lint` that the old one did not have.
    pub warnings: Vec<ListProblem>,
    /// Is it the one that is in force already?
    pub same: bool,
}

/// Why a bundle is not put in force.
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be read, or does not compile.
    Broken(Vec<ListProblem>),
    /// It is older than the one in force, made in the future, or shrank.
    Implausible(String),
}

impl From<ListProblem> for Refusal {
    fn from(problem: ListProblem) -> Self {
        Self::Broken(vec![problem])
    }
}

/// Checks bytes from `source` against what is in force at `target`; without a bundle there, against
/// the catalogue that is built in.
///
/// # Errors
/// [`Refusal`].
pub fn check(
    source: &str,
    bytes: Vec<u8>,
    target: &Path,
    leave: Leave,
    now: OffsetDateTime,
) -> Result<Candidate, Refusal> {
    let text = unpack(source, bytes)?;
    let bundle = Bundle::parse(source, &text)?;
    if bundle.created > now + AHEAD_MAX {
        return Err(Refusal::Implausible(format!(
            "the list was made on {}, which is still to come: check the clock of this machine, and \
             tell who made it",
            bundle.created_text()
        )));
    }
    let catalogue = compile(&bundle).map_err(Refusal::Broken)?;
    let (old, old_bundle) = in_force(target).map_err(Refusal::Broken)?;
    let same = old_bundle.as_ref().is_some_and(|old| *old == bundle);
    if !same && !leave.older {
        newer(&bundle, &old, old_bundle.as_ref())?;
    }
    if !leave.shrink {
        catalogue
            .plausible_after(&old)
            .map_err(|why| Refusal::Implausible(format!("{why} (here: with --allow-shrink)")))?;
    }
    let changes = diff(&old, &catalogue);
    let known = lint::warnings(&old);
    let mut warnings = lint::warnings(&catalogue);
    warnings.retain(|warning| !known.contains(warning));
    let created = bundle.created_text();
    Ok(Candidate {
        text,
        created,
        catalogue,
        changes,
        warnings,
        same,
    })
}

/// Refuses a bundle that was not made after what is in force. The catalogue that is built in has no
/// such moment, but it knows things of a certain day, which an older list cannot.
fn newer(bundle: &Bundle, old: &Catalogue, old_bundle: Option<&Bundle>) -> Result<(), Refusal> {
    let known = OffsetDateTime::from_unix_timestamp(old.info().modified).ok();
    let than = match old_bundle {
        Some(old) if bundle.created <= old.created => {
            format!("not after the one in force ({})", old.created_text())
        }
        None if known.is_some_and(|day| bundle.created < day) => {
            let day = known.map(|day| day.date().to_string()).unwrap_or_default();
            format!("before the newest entry of the catalogue that is built in ({day})")
        }
        _ => return Ok(()),
    };
    Err(Refusal::Implausible(format!(
        "the list was made on {}, {than}: an old list may be played back to hide a name; \
         --allow-older if it is meant",
        bundle.created_text(),
    )))
}

/// What a bundle that was in force before compiles to, for the way back to it.
///
/// # Errors
/// It cannot be read, or does not compile.
pub fn recompile(source: &str, bytes: Vec<u8>) -> Result<Catalogue, Refusal> {
    let bundle = Bundle::parse(source, &unpack(source, bytes)?)?;
    compile(&bundle).map_err(Refusal::Broken)
}

/// The catalogue at `target` and its bundle; without one, the catalogue that is built in.
fn in_force(target: &Path) -> Result<(Catalogue, Option<Bundle>), Vec<ListProblem>> {
    if !target.exists() {
        return Ok((Catalogue::builtin()?, None));
    }
    let (text, _) = crate::blocklist::read_text(target).map_err(|problem| vec![problem])?;
    let bundle =
        Bundle::parse(&target.display().to_string(), &text).map_err(|problem| vec![problem])?;
    Ok((compile(&bundle)?, Some(bundle)))
}

fn compile(bundle: &Bundle) -> Result<Catalogue, Vec<ListProblem>> {
    let files = bundle.files.iter();
    let sources: Vec<SourceText<'_>> = files
        .map(|file| SourceText::Vendor(&file.name, &file.text))
        .collect();
    Catalogue::compile(&sources, Timestamp(i64::MIN))
}

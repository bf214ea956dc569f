//! Sealed records of subjects: `subjects/<subject>.json`.
//!
//! Enters: [`Sealed`] records. Leaves: one file for each subject, with a version for each data
//! key that it was ever sealed under. Never: drops an earlier version under another key (its text
//! may hold what the newer one does not).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder;
use crate::hits::SubjectId;
use crate::sealing::Sealed;

/// Most versions of a subject: one for each life of the process that saw it.
const VERSIONS_MAX: usize = 4096;

/// A subject's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    subject: SubjectId,
    versions: Vec<Sealed>,
}

/// The folder of sealed records.
pub(super) struct Subjects {
    folder: PathBuf,
}

impl Subjects {
    /// Opens or makes it.
    pub(super) fn open(above: &Path) -> Result<Self, String> {
        let folder = folder_in(above);
        folder::make(&folder, "sealed subjects")?;
        folder::sweep(&folder);
        Ok(Self { folder })
    }

    /// Writes a version beside the earlier ones; one with the same shares, which is of the same
    /// data key, takes the place of the one before. `false`: exactly this stands there already.
    pub(super) fn put(&self, sealed: &Sealed) -> Result<bool, String> {
        let path = path(&self.folder, &sealed.subject)?;
        let mut versions = match read(&path, &sealed.subject) {
            Ok(versions) => versions,
            Err(why) => self.set_aside(&path, &why)?,
        };
        let full = versions.len() >= VERSIONS_MAX;
        match versions.last_mut() {
            Some(last) if last == sealed => return Ok(false),
            Some(last) if last.shares == sealed.shares && last.threshold == sealed.threshold => {
                *last = sealed.clone();
            }
            _ if full => {
                return Err(format!(
                    "{} holds {VERSIONS_MAX} versions already; move it away to begin a new one",
                    path.display()
                ));
            }
            _ => versions.push(sealed.clone()),
        }
        let record = Record {
            subject: sealed.subject.clone(),
            versions,
        };
        let failed =
            |e: io::Error| format!("cannot write the sealed record {}: {e}", path.display());
        let bytes = serde_json::to_vec_pretty(&record).map_err(|e| failed(e.into()))?;
        folder::write_whole(&path, &bytes).map_err(failed)?;
        Ok(true)
    }

    /// Deletes a subject's record, and what was set aside of it.
    pub(super) fn delete(&self, subject: &SubjectId) -> Result<(), String> {
        let path = path(&self.folder, subject)?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let aside = format!("{}.broken-", name.unwrap_or_default());
        let failed =
            |e: io::Error| format!("cannot delete the sealed record {}: {e}", path.display());
        for entry in fs::read_dir(&self.folder).map_err(failed)?.flatten() {
            if entry.path() == path || entry.file_name().to_string_lossy().starts_with(&aside) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        folder::sync_above(&path).map_err(failed)
    }

    /// A file that cannot be read stays for those who know how to mend it; a new one is begun.
    fn set_aside(&self, path: &Path, why: &str) -> Result<Vec<Sealed>, String> {
        let name = |number: u32| PathBuf::from(format!("{}.broken-{number}", path.display()));
        let free = (1..).map(name).find(|aside| !aside.exists());
        let aside = free.ok_or_else(|| why.to_owned())?;
        fs::rename(path, &aside).map_err(|e| format!("{why}; it cannot be moved away: {e}"))?;
        tracing::error!("{why}; it was moved to {}", aside.display());
        Ok(Vec::new())
    }
}

/// The versions of a subject's record, oldest first; none when there is no record.
///
/// # Errors
/// A sentence with the path.
pub(super) fn read_in(above: &Path, subject: &SubjectId) -> Result<Vec<Sealed>, String> {
    read(&path(&folder_in(above), subject)?, subject)
}

fn read(path: &Path, subject: &SubjectId) -> Result<Vec<Sealed>, String> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            return Err(format!(
                "cannot read the sealed record {}: {e}",
                path.display()
            ));
        }
    };
    match serde_json::from_slice::<Record>(&text) {
        Ok(record) if record.subject == *subject => Ok(record.versions),
        Ok(_) => Err(format!(
            "the sealed record {} is of another subject than its name says",
            path.display()
        )),
        Err(e) => Err(format!(
            "the sealed record {} is broken at line {}, column {}",
            path.display(),
            e.line(),
            e.column()
        )),
    }
}

fn folder_in(above: &Path) -> PathBuf {
    above.join("subjects")
}

/// The file of a subject, whose pseudonym must be fit for a file name.
fn path(folder: &Path, subject: &SubjectId) -> Result<PathBuf, String> {
    let id = subject.as_str();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if id.is_empty() || id.len() > 200 || !id.bytes().all(plain) {
        return Err("a subject's pseudonym is no plain word: it cannot name a file".into());
    }
    Ok(folder.join(format!("{id}.json")))
}

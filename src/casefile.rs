//! Cases on disk: a journal, one JSON object a line, written through before anything follows from
//! it, and beside it the sealed records of subjects.
//!
//! Enters: [`Case`]s as they change, sealed records. Leaves: the cases as they stood, at the next
//! start. Never: a name or address in clear; a closed case beyond its time.
//!
//! ```text
//! lock                    held by the daemon
//! cases.jsonl             the journal: the newest revision of an id holds
//! cases.jsonl.broken      lines that could not be read, kept aside
//! subjects/<subject>.json sealed, one version for each data key
//! ```

mod journal;
mod subjects;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

// Where it was before others needed it too.
use crate::base::Timestamp;
use crate::cases::Case;
pub(crate) use crate::folder;
use crate::hits::SubjectId;
use crate::sealing::Sealed;
use journal::Journal;
use subjects::Subjects;

const DAY_NS: i64 = 24 * 3600 * 1_000_000_000;
/// Time between two looks for cases whose time is over.
const LOOK_NS: u64 = 3600 * 1_000_000_000;

/// Where cases are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of the cases, made with mode 0700 if missing. Default `cases`.
    pub folder: PathBuf,
    /// A closed case is deleted so many days after its newest evidence, and with a subject's last
    /// case the subject's sealed record; 0: never. Default 180.
    pub closed_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: "cases".into(),
            closed_days: 180,
        }
    }
}

impl Settings {
    /// What serde cannot tell.
    ///
    /// # Errors
    /// A sentence with the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        if self.folder.as_os_str().is_empty() {
            return Err("the folder of the cases is empty: name one".into());
        }
        if self.closed_days > 36_500 {
            return Err(format!(
                "closed_days = {} is out of bounds: use 0 (never) to 36500",
                self.closed_days
            ));
        }
        Ok(())
    }
}

/// How the case file stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Cases in the journal.
    pub cases: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Cases and sealed records written.
    pub writes: u64,
    /// Writes that failed; the caller tries again.
    pub failures: u64,
    /// Half lines found at the end of the journal (a crash) and cut.
    pub torn_lines: u64,
    /// Lines that could not be read, and were set aside.
    pub broken_lines: u64,
    /// Times the journal was rewritten without what is superseded.
    pub rewrites: u64,
    /// Closed cases deleted because their time was over.
    pub deleted: u64,
    /// Why the last write failed, until one succeeds.
    pub failing: Option<String>,
}

/// The folder of the cases, open for writing. One process at a time.
pub struct Casefile {
    settings: Settings,
    journal: Journal,
    subjects: Subjects,
    state: State,
    looked: Timestamp,
    held: BTreeSet<String>,
    _lock: File,
}

/// What a reader found who does not write.
#[derive(Debug, Default)]
pub struct Reading {
    /// The cases, oldest first.
    pub cases: Vec<Case>,
    /// Numbers, from 1, of journal lines that are no case.
    pub broken: Vec<u64>,
}

impl Casefile {
    /// Opens the folder (made if missing) and reads what stands in it: the cases, oldest first. A
    /// half-written last line is cut off, a broken one set aside, and both are said. `now` is the
    /// wall clock: closed cases whose time is over are deleted.
    ///
    /// # Errors
    /// A sentence with the path and what to do.
    pub fn open(settings: &Settings, now: Timestamp) -> Result<(Self, Vec<Case>), String> {
        Self::open_holding(settings, BTreeSet::new(), now)
    }

    /// The same, where these cases are held: see [`Self::hold`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_holding(
        settings: &Settings,
        held: BTreeSet<String>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Case>), String> {
        let lock = folder::claim(&settings.folder, "cases")?;
        let subjects = Subjects::open(&settings.folder)?;
        let path = journal_in(&settings.folder);
        let (journal, found) = Journal::open(&path)?;
        let mut file = Self {
            settings: settings.clone(),
            journal,
            subjects,
            state: State::default(),
            looked: now,
            held,
            _lock: lock,
        };
        if found.torn > 0 {
            file.state.torn_lines = 1;
            tracing::warn!(
                "{} ended in half a line of {} bytes (a crash?); it was cut off",
                path.display(),
                found.torn
            );
        }
        if !found.broken.is_empty() {
            file.state.broken_lines = found.broken.len() as u64;
            file.state.rewrites = 1;
            tracing::error!(
                "{}: {} cannot be read, and {} kept in {}",
                path.display(),
                lines(&found.broken),
                if found.broken.len() == 1 { "is" } else { "are" },
                file.journal.aside().display()
            );
        }
        let mut cases = found.cases;
        for (gone, _) in file.delete_expired(now) {
            cases.remove(&gone);
        }
        file.rewrite_if_bloated();
        Ok((file, by_age(cases.into_values())))
    }

    /// Writes a case as it stands now, and forces it to the disk. A revision that stands there, or
    /// an older one, changes nothing: `false`.
    ///
    /// # Errors
    /// A sentence; the journal is as it was, the caller keeps the change and tries again.
    pub fn put(&mut self, case: &Case) -> Result<bool, String> {
        self.put_all(&[case]).map(|new| new.first() == Some(&true))
    }

    /// Writes several cases, and forces them to the disk together: what [`Self::put`] says, for
    /// each.
    ///
    /// # Errors
    /// As [`Self::put`]; then none of them is written.
    pub fn put_all(&mut self, cases: &[&Case]) -> Result<Vec<bool>, String> {
        let path = journal_in(&self.settings.folder);
        let written = self.journal.put(cases).map_err(|e| {
            format!(
                "cannot write the journal of cases {}: {e}; the case waits in memory",
                path.display()
            )
        });
        let new = self.counted(written)?;
        self.rewrite_if_bloated();
        Ok(new)
    }

    /// From now on retention stands still for these cases, and for no other.
    pub fn hold(&mut self, cases: BTreeSet<String>) {
        self.held = cases;
    }

    /// Deletes cases for good, the sealed records of subjects, and what was set aside of either: a
    /// person's data are erased. Gives how many cases and records there were.
    ///
    /// # Errors
    /// A sentence; some may be gone then, and the same call may be made again.
    pub fn erase(
        &mut self,
        cases: &BTreeSet<String>,
        subjects: &BTreeSet<SubjectId>,
    ) -> Result<(u64, u64), String> {
        let mut records = 0;
        for subject in subjects {
            records += u64::from(
                !subjects::read_in(&self.settings.folder, subject)
                    .map_or(true, |versions| versions.is_empty()),
            );
            self.subjects.delete(subject)?;
        }
        let mut gone: Vec<(String, SubjectId)> = Vec::new();
        for case in cases {
            gone.extend(
                self.journal
                    .subject(case)
                    .map(|it| (case.clone(), it.clone())),
            );
        }
        self.journal.forget(&gone);
        // Also without a case to forget: earlier selves of a case that is left may name the person.
        let path = journal_in(&self.settings.folder);
        let failed = |e: io::Error| {
            format!(
                "cannot write the journal of cases {} anew: {e}",
                path.display()
            )
        };
        self.journal.rewrite().map_err(failed)?;
        self.state.rewrites += 1;
        self.state.deleted += gone.len() as u64;
        // Lines that nobody could read may be anybody's.
        match fs::remove_file(self.journal.aside()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
            _ => Ok((gone.len() as u64, records)),
        }
    }

    /// Writes a subject's sealed record beside its earlier versions.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn seal(&mut self, sealed: &Sealed) -> Result<(), String> {
        let written = self.subjects.put(sealed);
        self.counted(written.map(|new| vec![new])).map(|_| ())
    }

    /// What time brings: deletes what is over. To be called now and then; `now` is the wall clock.
    /// Tells which cases were deleted, and of whom.
    pub fn tick(&mut self, now: Timestamp) -> Vec<(String, SubjectId)> {
        let went_on = self.journal.go_on();
        if !matches!(went_on, Ok(false)) {
            self.rewrote(went_on);
        }
        self.leave_out();
        if now.since_ns(self.looked) < LOOK_NS {
            return Vec::new();
        }
        self.looked = now;
        self.delete_expired(now)
    }

    /// Does a case stand in it?
    pub fn holds(&self, case: &str) -> bool {
        self.journal.holds(case)
    }

    /// How it stands.
    pub fn state(&self) -> State {
        State {
            cases: self.journal.cases(),
            bytes: self.journal.len(),
            ..self.state.clone()
        }
    }

    /// The cases as they stand on disk, for a reader beside the running daemon: takes no lock and
    /// changes nothing.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn read(folder: &Path) -> Result<Reading, String> {
        let path = journal_in(folder);
        let failed = |e: io::Error| {
            format!(
                "cannot read the cases in {}: {e}; name the folder that the daemon writes, as a \
                 user who may read it",
                path.display()
            )
        };
        let found = File::open(&path)
            .and_then(|file| journal::read(&file))
            .map_err(failed)?;
        Ok(Reading {
            cases: by_age(found.cases.into_values()),
            broken: found.broken,
        })
    }

    /// The versions of a subject's sealed record, oldest first; none when there is no record.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn sealed(folder: &Path, subject: &SubjectId) -> Result<Vec<Sealed>, String> {
        subjects::read_in(folder, subject)
    }

    /// The same of these files.
    ///
    /// # Errors
    /// As [`Self::sealed`].
    pub fn versions(&self, subject: &SubjectId) -> Result<Vec<Sealed>, String> {
        subjects::read_in(&self.settings.folder, subject)
    }

    fn counted(&mut self, written: Result<Vec<bool>, String>) -> Result<Vec<bool>, String> {
        match written {
            Ok(new) => {
                let written = new.iter().filter(|new| **new).count();
                self.state.writes += written as u64;
                if written > 0 && self.state.failing.take().is_some() {
                    tracing::info!("cases can be written again");
                }
                Ok(new)
            }
            Err(why) => {
                self.state.failures += 1;
                if self.state.failing.is_none() {
                    tracing::error!("{why}");
                }
                self.state.failing = Some(why.clone());
                Err(why)
            }
        }
    }

    fn rewrite_if_bloated(&mut self) {
        if self.journal.is_bloated() {
            let rewritten = self.journal.rewrite_beside();
            self.rewrote(rewritten);
        }
    }

    /// Cases that are to be forgotten go from the journal.
    fn leave_out(&mut self) {
        if self.journal.owes() && self.journal.may_rewrite() {
            let rewritten = self.journal.rewrite_beside();
            self.rewrote(rewritten);
        }
    }

    /// Counts a rewrite that is done, and says why one failed.
    fn rewrote(&mut self, rewritten: io::Result<bool>) {
        match rewritten {
            Ok(done) => self.state.rewrites += u64::from(done),
            Err(e) => {
                let path = journal_in(&self.settings.folder);
                tracing::error!(
                    "cannot rewrite the journal of cases {}: {e}; the old one grows on",
                    path.display()
                );
            }
        }
    }

    /// Deletes closed cases whose time is over, and the sealed records of subjects without another
    /// case. The records go first: after a crash in between, the cases are still there to find.
    fn delete_expired(&mut self, now: Timestamp) -> Vec<(String, SubjectId)> {
        let days = i64::from(self.settings.closed_days);
        if days == 0 {
            return Vec::new();
        }
        self.delete_aside(Duration::from_secs(days.unsigned_abs() * 86_400));
        let before = Timestamp(now.nanos().saturating_sub(days * DAY_NS));
        let mut gone = self.journal.expired(before, &self.held);
        let others = self.journal.subjects_without(&gone);
        gone.retain(|(_, subject)| {
            others.contains(subject)
                || self
                    .subjects
                    .delete(subject)
                    .inspect_err(|why| tracing::error!("{why}; its case stays as well"))
                    .is_ok()
        });
        if !gone.is_empty() {
            self.journal.forget(&gone);
            self.state.deleted += gone.len() as u64;
        }
        self.leave_out();
        gone
    }

    /// Broken lines are pseudonymous too: they live as long as a closed case.
    fn delete_aside(&self, age: Duration) {
        let aside = self.journal.aside();
        let written = fs::metadata(&aside).and_then(|meta| meta.modified());
        let is_old = |at: SystemTime| at.elapsed().is_ok_and(|since| since > age);
        if written.is_ok_and(is_old)
            && let Err(e) = fs::remove_file(&aside)
        {
            tracing::error!("cannot delete {}: {e}", aside.display());
        }
    }
}

fn journal_in(folder: &Path) -> PathBuf {
    folder.join("cases.jsonl")
}

fn by_age(cases: impl Iterator<Item = Case>) -> Vec<Case> {
    let mut cases: Vec<Case> = cases.collect();
    cases.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
    cases
}

/// "line 3" or "lines 3, 5, 9 and 12 more".
fn lines(numbers: &[u64]) -> String {
    const SAID: usize = 10;
    let said: Vec<String> = numbers.iter().take(SAID).map(u64::to_string).collect();
    let word = if numbers.len() == 1 { "line" } else { "lines" };
    match numbers.len().saturating_sub(SAID) {
        0 => format!("{word} {}", said.join(", ")),
        more => format!("{word} {} and {more} more", said.join(", ")),
    }
}

//! The journal of cases: one line each time a case changes.
//!
//! Enters: cases. Leaves: lines at the end of `cases.jsonl`, and the cases read back from it, the
//! newest revision of each. Never: half a line that stays, a line that is lost because another is
//! broken.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use super::folder;
use crate::base::Timestamp;
use crate::cases::Case;
use crate::hits::SubjectId;

/// A journal shorter than this is not worth rewriting.
const COMPACT_LEN_MIN: u64 = 64 * 1024;
/// Where so much lives it is written anew by a thread: hits would wait for it.
const BESIDE_LEN_MIN: u64 = 1 << 20;

/// What the index holds of a case: where its newest line stands, and what retention asks.
struct Newest {
    revision: u64,
    at: u64,
    len: u64,
    closed: bool,
    updated: Timestamp,
    subject: SubjectId,
}

/// The open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
    living: u64,
    newest: BTreeMap<String, Newest>,
    /// Length to cut back to first: a write left half a line and cutting it failed.
    cut_to: Option<u64>,
    /// After a rewrite failed: not again before the journal is this long.
    rewrite_at: u64,
    /// Holds lines of cases that are to be forgotten.
    owes: bool,
    rewriting: Option<Rewriting>,
}

/// A new journal on its way.
struct Rewriting {
    thread: JoinHandle<io::Result<(File, Vec<u64>)>>,
    /// What it takes over: where the line of each case stood.
    taken: Vec<Line>,
    /// Something was forgotten meanwhile, which it may hold.
    stale: bool,
}

/// Where the newest line of a case stands.
struct Line {
    case: String,
    at: u64,
    len: u64,
}

/// What reading a journal found.
#[derive(Default)]
pub(super) struct Found {
    /// The newest revision of each case.
    pub cases: BTreeMap<String, Case>,
    /// Bytes of half a line at its end.
    pub torn: u64,
    /// Numbers, from 1, of lines that are no case.
    pub broken: Vec<u64>,
    /// Those lines.
    broken_lines: Vec<u8>,
    newest: BTreeMap<String, Newest>,
    len: u64,
}

impl Journal {
    /// Opens or makes it (mode 0600), cuts half a last line, sets broken lines aside.
    pub(super) fn open(path: &Path) -> Result<(Self, Found), String> {
        let failed = |e: io::Error| {
            format!(
                "cannot open the journal of cases {}: {e}; may this user read and write it?",
                path.display()
            )
        };
        let file = open_to_append(path).map_err(failed)?;
        let mut found = read(&file).map_err(failed)?;
        if found.cases.is_empty() && !found.broken.is_empty() {
            return Err(format!(
                "{} holds nothing that this version of the program can read; nothing was changed; \
                 is it a journal of cases? Move it away, or start the version that wrote it",
                path.display()
            ));
        }
        if found.torn > 0 {
            file.set_len(found.len)
                .and_then(|()| file.sync_data())
                .map_err(failed)?;
        }
        folder::sync_above(path).map_err(failed)?;
        let newest = std::mem::take(&mut found.newest);
        let mut journal = Self {
            path: path.into(),
            file,
            len: found.len,
            living: newest.values().map(|newest| newest.len).sum(),
            newest,
            cut_to: None,
            rewrite_at: 0,
            owes: false,
            rewriting: None,
        };
        if !found.broken.is_empty() {
            set_aside(&journal.aside(), &found.broken_lines).map_err(failed)?;
            // Otherwise each start would find the same lines, and set them aside again.
            journal.rewrite().map_err(failed)?;
        }
        Ok((journal, found))
    }

    /// Writes cases down and forces them to the disk together. `false`: this revision stands there
    /// already. On an error none of them stands there.
    pub(super) fn put(&mut self, cases: &[&Case]) -> io::Result<Vec<bool>> {
        let mut lines = Vec::new();
        let mut found: Vec<Option<Newest>> = Vec::with_capacity(cases.len());
        for case in cases {
            let is_old = |it: &Newest| it.revision >= case.revision;
            let earlier = cases.iter().zip(&found);
            let mut earlier = earlier.filter(|(it, _)| it.id == case.id);
            if self.newest.get(&case.id).is_some_and(is_old)
                || earlier.any(|(_, it)| it.as_ref().is_some_and(is_old))
            {
                found.push(None);
                continue;
            }
            let at = lines.len();
            serde_json::to_writer(&mut lines, case)?;
            lines.push(b'\n');
            let len = lines.len() - at;
            found.push(Some(Newest::of(case, self.len + at as u64, len as u64)));
        }
        if !lines.is_empty() {
            self.append(&lines)?;
        }
        let mut new = Vec::with_capacity(cases.len());
        for (case, newest) in cases.iter().zip(found) {
            new.push(newest.is_some());
            let Some(newest) = newest else { continue };
            self.len += newest.len;
            self.living += newest.len;
            if let Some(old) = self.newest.insert(case.id.clone(), newest) {
                self.living -= old.len;
            }
        }
        Ok(new)
    }

    /// Whole lines, or the file as it was.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Some(len) = self.cut_to {
            self.file.set_len(len)?;
            self.cut_to = None;
        }
        let written = self
            .file
            .write_all(lines)
            .and_then(|()| self.file.sync_data());
        if written.is_err() && self.file.set_len(self.len).is_err() {
            self.cut_to = Some(self.len);
        }
        written
    }

    /// Is more than half of it superseded?
    pub(super) fn is_bloated(&self) -> bool {
        self.len > COMPACT_LEN_MIN.max(self.rewrite_at) && self.len > self.living.saturating_mul(2)
    }

    /// Writes a new journal of what lives, and puts it in the place of the old one. Where that is
    /// much, a thread does it, and [`Self::go_on`] ends it: `false`.
    pub(super) fn rewrite_beside(&mut self) -> io::Result<bool> {
        if self.rewriting.is_some() {
            return Ok(false);
        }
        if self.living < BESIDE_LEN_MIN {
            return self.rewrite().map(|()| true);
        }
        let new = folder::unfinished(&self.path);
        let (taken, from) = (self.lines(), self.file.try_clone()?);
        let places: Vec<(u64, u64)> = taken.iter().map(|line| (line.at, line.len)).collect();
        let work = move || copy(&from, places.into_iter(), &new);
        let thread = thread::Builder::new().name("journal".into());
        self.rewriting = Some(Rewriting {
            thread: thread.spawn(work)?,
            taken,
            stale: false,
        });
        Ok(false)
    }

    /// Ends what [`Self::rewrite_beside`] began, once the thread is done: `true`. What was written
    /// meanwhile is added.
    pub(super) fn go_on(&mut self) -> io::Result<bool> {
        let done = |it: &mut Rewriting| it.thread.is_finished();
        let Some(rewriting) = self.rewriting.take_if(done) else {
            return Ok(false);
        };
        let copied = joined(rewriting.thread);
        if rewriting.stale {
            // It is begun anew.
            let _ = fs::remove_file(folder::unfinished(&self.path));
            return Ok(false);
        }
        let copied = copied.and_then(|(file, moved)| self.catch_up(file, &rewriting.taken, moved));
        self.replace_by(copied).map(|()| true)
    }

    /// Adds to a copy the lines that are newer than it. Gives where each one stands now, in the order
    /// of the index, and how long it is.
    fn catch_up(
        &self,
        mut file: File,
        taken: &[Line],
        moved: Vec<u64>,
    ) -> io::Result<(File, Vec<u64>)> {
        let copied: HashMap<&str, (u64, u64)> = taken
            .iter()
            .zip(moved)
            .map(|(line, to)| (line.case.as_str(), (line.at, to)))
            .collect();
        let (mut end, mut places, mut newer) = (file.metadata()?.len(), Vec::new(), Vec::new());
        for (case, newest) in &self.newest {
            match copied.get(case.as_str()) {
                Some((at, to)) if *at == newest.at => places.push(*to),
                _ => {
                    let from = newer.len();
                    let len = usize::try_from(newest.len).unwrap_or_default();
                    newer.resize(from + len, 0);
                    let line = newer.get_mut(from..).unwrap_or_default();
                    self.file.read_exact_at(line, newest.at)?;
                    places.push(end);
                    end += newest.len;
                }
            }
        }
        file.write_all(&newer)?;
        file.sync_data()?;
        Ok((file, places))
    }

    /// Writes a new journal of what lives, and puts it in the place of the old one, now.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        if let Some(rewriting) = self.rewriting.take() {
            // It writes to the same name.
            let _ = joined(rewriting.thread);
        }
        let places: Vec<(u64, u64)> = self.newest.values().map(|it| (it.at, it.len)).collect();
        let new = folder::unfinished(&self.path);
        let copied = copy(&self.file, places.into_iter(), &new);
        self.replace_by(copied)
    }

    /// Puts a new journal in the place of the old one.
    fn replace_by(&mut self, copied: io::Result<(File, Vec<u64>)>) -> io::Result<()> {
        let new = folder::unfinished(&self.path);
        let copied = copied.and_then(|(file, moved)| {
            let len = file.metadata()?.len();
            fs::rename(&new, &self.path)?;
            Ok((file, moved, len))
        });
        match copied {
            Ok((file, moved, len)) => {
                // From the rename on, the old file has no name: nothing may go there any more.
                self.file = file;
                for (newest, at) in self.newest.values_mut().zip(moved) {
                    newest.at = at;
                }
                (self.len, self.rewrite_at, self.cut_to) = (len, 0, None);
                self.owes = false;
                folder::sync_above(&self.path)
            }
            Err(error) => {
                let _ = fs::remove_file(&new);
                self.rewrite_at = self.len.saturating_add(self.len / 4);
                Err(error)
            }
        }
    }

    /// The living lines, in the order of the index.
    fn lines(&self) -> Vec<Line> {
        let lines = self.newest.iter().map(|(case, newest)| Line {
            case: case.clone(),
            at: newest.at,
            len: newest.len,
        });
        lines.collect()
    }

    /// Cases that are closed and were not touched since `before`, with their subjects; without
    /// those that are `held`.
    pub(super) fn expired(
        &self,
        before: Timestamp,
        held: &BTreeSet<String>,
    ) -> Vec<(String, SubjectId)> {
        let old = self.newest.iter();
        old.filter(|(_, newest)| newest.closed && newest.updated < before)
            .filter(|(id, _)| !held.contains(*id))
            .map(|(id, newest)| (id.clone(), newest.subject.clone()))
            .collect()
    }

    /// The subjects of all cases but `gone`.
    pub(super) fn subjects_without(&self, gone: &[(String, SubjectId)]) -> HashSet<&SubjectId> {
        let gone: HashSet<&str> = gone.iter().map(|(id, _)| id.as_str()).collect();
        let rest = self
            .newest
            .iter()
            .filter(|(id, _)| !gone.contains(id.as_str()));
        rest.map(|(_, newest)| &newest.subject).collect()
    }

    /// The subject of a case that stands there.
    pub(super) fn subject(&self, case: &str) -> Option<&SubjectId> {
        self.newest.get(case).map(|newest| &newest.subject)
    }

    /// Leaves cases out at the next [`Self::rewrite`].
    pub(super) fn forget(&mut self, cases: &[(String, SubjectId)]) {
        for (id, _) in cases {
            if let Some(old) = self.newest.remove(id) {
                self.living -= old.len;
                self.owes = true;
                if let Some(rewriting) = &mut self.rewriting {
                    rewriting.stale = true;
                }
            }
        }
    }

    /// Does it still hold what was to be forgotten?
    pub(super) fn owes(&self) -> bool {
        self.owes
    }

    /// Is none on its way, and none failed a moment ago?
    pub(super) fn may_rewrite(&self) -> bool {
        self.rewriting.is_none() && self.len >= self.rewrite_at
    }

    /// Is a new one on its way?
    #[cfg(test)]
    pub(super) const fn is_rewriting(&self) -> bool {
        self.rewriting.is_some()
    }

    /// Does a case stand in it?
    pub(super) fn holds(&self, case: &str) -> bool {
        self.newest.contains_key(case)
    }

    /// Number of cases.
    pub(super) fn cases(&self) -> u64 {
        self.newest.len() as u64
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Where broken lines are kept.
    pub(super) fn aside(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".broken");
        name.into()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(rewriting) = self.rewriting.take() {
            let _ = joined(rewriting.thread);
        }
    }
}

/// What a thread gave.
fn joined<T>(thread: JoinHandle<io::Result<T>>) -> io::Result<T> {
    let ended = thread.join();
    ended.unwrap_or_else(|_| Err(io::Error::other("the thread ended in a panic")))
}

/// Copies lines into a new file, forced to the disk; gives where each one stands there.
fn copy(
    from: &File,
    lines: impl Iterator<Item = (u64, u64)>,
    to: &Path,
) -> io::Result<(File, Vec<u64>)> {
    let _ = fs::remove_file(to);
    let mut out = BufWriter::new(open_to_append(to)?);
    let (mut end, mut moved, mut line) = (0, Vec::new(), Vec::new());
    for (at, len) in lines {
        line.resize(usize::try_from(len).unwrap_or_default(), 0);
        from.read_exact_at(&mut line, at)?;
        out.write_all(&line)?;
        moved.push(end);
        end += len;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((file, moved))
}

impl Newest {
    fn of(case: &Case, at: u64, len: u64) -> Self {
        Self {
            revision: case.revision,
            at,
            len,
            closed: case.closed.is_some(),
            updated: case.updated,
            subject: case.subject.clone(),
        }
    }
}

/// Reads a journal from its start; changes nothing.
pub(super) fn read(file: &File) -> io::Result<Found> {
    let mut found = Found::default();
    let mut input = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let mut number = 0;
    while input.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        let len = line.len() as u64;
        if line.last() != Some(&b'\n') {
            found.torn = len;
            break;
        }
        match serde_json::from_slice::<Case>(&line) {
            Ok(case) => found.take(case, len),
            Err(_) => {
                found.broken.push(number);
                found.broken_lines.extend_from_slice(&line);
            }
        }
        found.len += len;
        line.clear();
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, case: Case, len: u64) {
        let newer = self
            .newest
            .get(&case.id)
            .is_none_or(|newest| newest.revision <= case.revision);
        if newer {
            let newest = Newest::of(&case, self.len, len);
            self.newest.insert(case.id.clone(), newest);
            self.cases.insert(case.id.clone(), case);
        }
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Keeps broken lines, forced to the disk.
fn set_aside(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut aside = open_to_append(path)?;
    aside.write_all(lines)?;
    aside.sync_all()?;
    folder::sync_above(path)
}

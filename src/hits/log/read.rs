//! Reads the hit log back.
//!
//! Enters: the log file and its rotated ones. Leaves: [`Record`]s and [`CaseRecord`]s, oldest first.
//! Never: stops at a line that is none of them (it is counted), waits for a writer.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::Record;
use super::file::numbered;
use crate::hits::CaseRecord;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records of hits.
    pub records: u64,
    /// Records of cases.
    pub cases: u64,
    /// Lines that are none.
    pub unreadable: u64,
}

/// What a line of the log says.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// A name was seen.
    Hit(Box<Record>),
    /// A case came so far.
    Case(Box<CaseRecord>),
}

impl Entry {
    /// `None` when the line is neither.
    fn parse(line: &[u8]) -> Option<Self> {
        if let Ok(record) = serde_json::from_slice(line) {
            return Some(Self::Hit(Box::new(record)));
        }
        let record = serde_json::from_slice(line).ok()?;
        Some(Self::Case(Box::new(record)))
    }

    /// Its `event.id`.
    pub fn id(&self) -> &str {
        match self {
            Self::Hit(record) => &record.event.id,
            Self::Case(record) => &record.event.id,
        }
    }
}

/// The files of the log at `path`, oldest first. Empty when there is none.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = (1..)
        .map(|number| numbered(path, number))
        .take_while(|old| old.exists())
        .collect();
    files.reverse();
    if path.exists() {
        files.push(path.into());
    }
    files
}

/// Hands every record of a hit to `each`, oldest first, until it breaks off.
///
/// # Errors
/// `NotFound` when there is no log at all, or the error of reading a file.
pub fn list(path: &Path, mut each: impl FnMut(Record) -> ControlFlow<()>) -> io::Result<Tally> {
    entries(path, |entry| match entry {
        Entry::Hit(record) => each(*record),
        Entry::Case(_) => ControlFlow::Continue(()),
    })
}

/// Hands every record to `each`, of a hit or of a case, oldest first, until it breaks off.
///
/// # Errors
/// As [`list`].
pub fn entries(path: &Path, mut each: impl FnMut(Entry) -> ControlFlow<()>) -> io::Result<Tally> {
    let mut tally = Tally::default();
    walk(path, |line| {
        let entry = Entry::parse(line);
        match &entry {
            Some(Entry::Hit(_)) => tally.records += 1,
            Some(Entry::Case(_)) => tally.cases += 1,
            None => tally.unreadable += 1,
        }
        entry.map_or(ControlFlow::Continue(()), &mut each)
    })?;
    Ok(tally)
}

/// The record with this `event.id`.
///
/// # Errors
/// As [`list`].
pub fn find(path: &Path, id: &str) -> io::Result<Option<Entry>> {
    let mut found = None;
    walk(path, |line| {
        // Most lines need no parsing: ids are rare in a line by chance.
        if !line
            .windows(id.len().max(1))
            .any(|part| part == id.as_bytes())
        {
            return ControlFlow::Continue(());
        }
        match Entry::parse(line) {
            Some(entry) if entry.id() == id => {
                found = Some(entry);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    })?;
    Ok(found)
}

fn walk(path: &Path, mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let files = files(path);
    if files.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no hit log at {}", path.display()),
        ));
    }
    for file in files {
        let named = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("cannot read {}: {error}", file.display()),
            )
        };
        let mut input = BufReader::new(File::open(&file).map_err(named)?);
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).map_err(named)? > 0 {
            if !line.trim_ascii().is_empty() && each(&line).is_break() {
                return Ok(());
            }
            line.clear();
        }
    }
    Ok(())
}

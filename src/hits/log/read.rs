//! Reads the hit log back.
//!
//! Enters: the log file and its rotated ones. Leaves: [`Record`]s, oldest first. Never: stops at a
//! line that is no record (it is counted), waits for a writer.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::Record;
use super::file::numbered;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Lines that are none.
    pub unreadable: u64,
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

/// Hands every record to `each`, oldest first, until it breaks off.
///
/// # Errors
/// `NotFound` when there is no log at all, or the error of reading a file.
pub fn list(path: &Path, mut each: impl FnMut(Record) -> ControlFlow<()>) -> io::Result<Tally> {
    let mut tally = Tally::default();
    walk(path, |line| match serde_json::from_slice(line) {
        Ok(record) => {
            tally.records += 1;
            each(record)
        }
        Err(_) => {
            tally.unreadable += 1;
            ControlFlow::Continue(())
        }
    })?;
    Ok(tally)
}

/// The record with this `event.id`.
///
/// # Errors
/// As [`list`].
pub fn find(path: &Path, id: &str) -> io::Result<Option<Record>> {
    let mut found = None;
    walk(path, |line| {
        // Most lines need no parsing: ids are rare in a line by chance.
        if !line
            .windows(id.len().max(1))
            .any(|part| part == id.as_bytes())
        {
            return ControlFlow::Continue(());
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(record) if record.event.id == id => {
                found = Some(record);
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

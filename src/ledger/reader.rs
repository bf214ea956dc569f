//! Entries in their order, read from payload files while the daemon may be writing them.
//!
//! Enters: a folder. Leaves: [`Stored`] entries, one after the other; a sentence where a line is
//! broken. Never: takes a lock, changes a file, shows half an entry.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Stored;
use super::layout::{self, BUNDLE_WIDTH};
use super::line::{Broken, LINE_LEN_MAX, Line};

/// The lines of one payload file, as they stand.
pub(super) struct Lines {
    path: PathBuf,
    input: BufReader<File>,
    next: u64,
    /// Entry that stands first in the file behind this one.
    end: u64,
    /// Bytes of the whole lines given so far.
    pub(super) len: u64,
}

/// A line that is no entry, or none that belongs here.
pub(super) struct Bad {
    /// Number of the entry that should stand there.
    pub(super) number: u64,
    /// What is wrong, with the path.
    pub(super) why: String,
    /// How.
    pub(super) how: How,
}

/// In which way a line is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is no entry.
    Broken,
    /// It is the last one and does not end: a write that is under way, or that a crash ended.
    Unfinished,
    /// The disk does not give it.
    Unreadable,
}

impl Lines {
    /// Payload file `index` of a ledger; `None` when there is none.
    pub(super) fn open(folder: &Path, index: u64) -> Result<Option<Self>, String> {
        let path = folder.join(layout::payload(index));
        match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("cannot read {}: {e}", path.display())),
            Ok(file) => Ok(Some(Self {
                path,
                input: BufReader::with_capacity(1 << 16, file),
                next: index * BUNDLE_WIDTH,
                end: (index + 1) * BUNDLE_WIDTH,
                len: 0,
            })),
        }
    }

    /// The next line into `buffer`; `None` at the end of the file.
    pub(super) fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Option<Result<Line<'b>, Bad>> {
        buffer.clear();
        let mut limited = (&mut self.input).take(LINE_LEN_MAX as u64);
        let number = self.next;
        let bad = |how: How, what: &str, path: &Path| Bad {
            number,
            why: format!("{}, entry {number}: {what}", path.display()),
            how,
        };
        match limited.read_until(b'\n', buffer) {
            Err(e) => {
                let what = format!("cannot be read: {e}");
                return Some(Err(bad(How::Unreadable, &what, &self.path)));
            }
            Ok(0) => return None,
            Ok(_) => {}
        }
        let parsed = Line::parse(buffer).and_then(|line| {
            let is_next = line.number == number && number < self.end;
            is_next.then_some(line).ok_or(Broken::Order(line.number))
        });
        Some(match parsed {
            Ok(line) => {
                self.len += buffer.len() as u64;
                self.next += 1;
                Ok(line)
            }
            Err(broken) => {
                let ends_here = broken == Broken::Unfinished && buffer.len() < LINE_LEN_MAX;
                let how = if ends_here {
                    How::Unfinished
                } else {
                    How::Broken
                };
                self.next += u64::from(how == How::Broken);
                Err(bad(how, &format!("the line {broken}"), &self.path))
            }
        })
    }
}

/// Entries of all payload files from one on.
pub(super) struct Entries {
    folder: PathBuf,
    /// Entry that comes next.
    next: u64,
    from: u64,
    lines: Option<Lines>,
    buffer: Vec<u8>,
    ended: bool,
}

impl Entries {
    pub(super) fn new(folder: &Path, from: u64) -> Result<Self, String> {
        let first = from / BUNDLE_WIDTH;
        Ok(Self {
            folder: folder.to_owned(),
            next: first * BUNDLE_WIDTH,
            from,
            lines: Lines::open(folder, first)?,
            buffer: Vec::new(),
            ended: false,
        })
    }

    /// The next entry, of those before `from` too.
    fn step(&mut self) -> Option<Result<Stored, String>> {
        loop {
            match self.lines.as_mut()?.next(&mut self.buffer) {
                Some(Ok(line)) => {
                    self.next += 1;
                    return Some(Ok(Stored::of(&line)));
                }
                Some(Err(bad)) if bad.how == How::Unfinished => {
                    return self.next_file().err().map(Err);
                }
                Some(Err(bad)) => return Some(Err(bad.why)),
                None => match self.next_file() {
                    Ok(lines) => self.lines = Some(lines?),
                    Err(why) => return Some(Err(why)),
                },
            }
        }
    }

    /// The file behind one that ended; none when that was the last.
    fn next_file(&self) -> Result<Option<Lines>, String> {
        let end = self.lines.as_ref().map_or(self.next, |lines| lines.end);
        let index = end / BUNDLE_WIDTH;
        let lines = Lines::open(&self.folder, index)?;
        let is_gap = match lines {
            Some(_) => self.next < end,
            None => Lines::open(&self.folder, index + 1)?.is_some(),
        };
        if is_gap {
            return Err(format!(
                "entry {} is missing in {}, and later ones are there",
                self.next,
                self.folder.display()
            ));
        }
        Ok(lines)
    }
}

impl Iterator for Entries {
    type Item = Result<Stored, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.step() {
                Some(Ok(stored)) if stored.number < self.from => {}
                Some(Ok(stored)) => return Some(Ok(stored)),
                other => {
                    self.ended = true;
                    return other;
                }
            }
        }
        None
    }
}

impl Stored {
    fn of(line: &Line<'_>) -> Self {
        Self {
            number: line.number,
            kind: line.kind.to_owned(),
            time: line.hour.start(),
            payload: line.content.map(|(_, payload)| payload.to_vec()),
        }
    }
}

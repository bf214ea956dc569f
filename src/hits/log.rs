//! The hit log: JSON lines in a file, kept whole through a full disk, a crash and a rotation.
//!
//! Enters: [`Record`]s and the passing of time. Leaves: lines in the file, and [`LogState`] for
//! metrics and readiness. Never: a half line, a growing queue, a lost line that is not counted, a
//! line of the file in a message.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Line, Record};
use crate::base::Counters;
use crate::base::seen::closed_set;

mod erase;
mod file;
pub mod read;

use file::LineFile;

/// Time between attempts while the file cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two messages on the same, lasting failure.
const SAY_AGAIN: Duration = Duration::from_secs(300);

/// When lines are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After each line.
    Always,
    /// At most this long after a line.
    Every(Duration),
    /// When the kernel sees fit.
    Never,
}

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file; old ones get `.1`, `.2` and so on, 1 being the newest.
    pub path: PathBuf,
    /// When lines are forced to the disk.
    pub sync: SyncPolicy,
    /// Begin a new file before this many bytes are passed.
    pub rotate_bytes: Option<u64>,
    /// Begin a new file when this one is so old.
    pub rotate_age: Option<Duration>,
    /// Old files kept.
    pub keep: u32,
    /// Most lines waiting while the file cannot be written.
    pub queue_lines_max: usize,
    /// Most bytes waiting.
    pub queue_bytes_max: usize,
}

impl Settings {
    /// The defaults, for `path`: forced within a second, 64 MiB a file, 10 old files, 10,000 lines
    /// or 16 MiB waiting.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            sync: SyncPolicy::Every(Duration::from_secs(1)),
            rotate_bytes: Some(64 << 20),
            rotate_age: None,
            keep: 10,
            queue_lines_max: 10_000,
            queue_bytes_max: 16 << 20,
        }
    }
}

closed_set! {
    /// What failed on the file; the index counts it.
    Operation {
        /// Writing a line.
        Write = "write",
        /// Forcing lines to the disk.
        Sync = "sync",
        /// Beginning a new file.
        Rotate = "rotate",
        /// Opening the file again.
        Reopen = "reopen",
    }
}

closed_set! {
    /// Why a line never reached the file; the index counts it.
    Lost {
        /// The queue was full: the oldest waiting line went.
        QueueFull = "queue_full",
        /// Still waiting when the program ended.
        AtEnd = "at_end",
    }
}

/// What the log has done so far, and how it stands.
#[derive(Clone, Debug)]
pub struct LogState {
    /// Lines written.
    pub lines: u64,
    /// Bytes written.
    pub bytes: u64,
    /// [`Operation`] along its index.
    pub errors: Counters,
    /// [`Lost`] along its index.
    pub lost: Counters,
    /// New files begun for size or age.
    pub rotations: u64,
    /// Times the file was opened again.
    pub reopens: u64,
    /// Half lines found at the end of the file (a crash) and cut back.
    pub torn_lines: u64,
    /// Lines waiting now.
    pub queue_lines: u64,
    /// Bytes waiting now.
    pub queue_bytes: u64,
    /// Why the file cannot be written now.
    pub failing: Option<String>,
    /// Bytes free for us on its file system, where the system tells.
    pub free_bytes: Option<u64>,
}

/// A failure that lasts.
struct Fault {
    why: String,
    said: Instant,
}

/// The log, open.
pub struct HitLog {
    settings: Settings,
    file: LineFile,
    queue: VecDeque<Vec<u8>>,
    state: LogState,
    write_fault: Option<Fault>,
    sync_fault: Option<Fault>,
    open_fault: Option<Fault>,
    retry_at: Option<Instant>,
    rotate_after: Option<Instant>,
    unsynced_since: Option<Instant>,
    looked_at: Instant,
}

impl HitLog {
    /// Opens or makes (mode 0640) the file, takes its lock, and cuts back a half line that a crash
    /// left at its end.
    ///
    /// # Errors
    /// [`LogError`], which says what to do next.
    pub fn open(settings: Settings, now: Instant) -> Result<Self, LogError> {
        let (file, torn) = LineFile::open(&settings.path)?;
        let mut log = Self {
            file,
            queue: VecDeque::new(),
            state: LogState {
                lines: 0,
                bytes: 0,
                errors: Counters::new(Operation::ALL.len()),
                lost: Counters::new(Lost::ALL.len()),
                rotations: 0,
                reopens: 0,
                torn_lines: 0,
                queue_lines: 0,
                queue_bytes: 0,
                failing: None,
                free_bytes: None,
            },
            write_fault: None,
            sync_fault: None,
            open_fault: None,
            retry_at: None,
            rotate_after: None,
            unsynced_since: None,
            looked_at: now,
            settings,
        };
        log.count_torn(torn);
        Ok(log)
    }

    /// Writes one record, or lets it wait while the file cannot be written.
    pub fn append(&mut self, record: &Record, now: Instant) {
        self.append_all(std::iter::once(record), now);
    }

    /// Writes several records, and forces them to the disk together.
    pub fn append_all<'r>(&mut self, records: impl Iterator<Item = &'r Record>, now: Instant) {
        let before = self.queue.len();
        for record in records {
            let line = record.to_line();
            self.state.queue_bytes += line.len() as u64;
            self.queue.push_back(line);
        }
        if self.queue.len() == before {
            return;
        }
        if self.retry_at.is_none_or(|at| now >= at) {
            self.drain(now);
        }
        while self.queue.len() > self.settings.queue_lines_max
            || self.state.queue_bytes > self.settings.queue_bytes_max as u64
        {
            self.pop();
            self.state.lost.bump(Lost::QueueFull.index());
        }
    }

    /// Writes one line now and forces it to the disk, or does not take it: `false` when it cannot
    /// be written or its being on disk is not sure. For a caller that keeps it and offers it again,
    /// so that it is never among the lost; a line may then stand there twice.
    pub fn offer(&mut self, what: &impl Line, now: Instant) -> bool {
        if self.retry_at.is_some_and(|at| now < at) {
            return false;
        }
        self.drain(now);
        if !self.queue.is_empty() {
            return false;
        }
        let line = what.to_line();
        self.state.queue_bytes += line.len() as u64;
        self.queue.push_back(line);
        self.drain(now);
        if self.pop() {
            return false;
        }
        self.sync(now);
        self.unsynced_since.is_none()
    }

    /// What time brings: attempts after a failure, forcing to the disk, rotation by age, and a new
    /// file when somebody moved ours away. To be called about once a second.
    pub fn tick(&mut self, now: Instant) {
        if now.duration_since(self.looked_at) >= RETRY {
            self.looked_at = now;
            if !self.file.is_in_place(&self.settings.path) {
                self.reopen(now);
            }
        }
        if self
            .settings
            .rotate_age
            .is_some_and(|age| self.file.is_older_than(age))
        {
            self.rotate(now);
        }
        if !self.queue.is_empty() && self.retry_at.is_none_or(|at| now >= at) {
            self.drain(now);
        }
        if let SyncPolicy::Every(pause) = self.settings.sync
            && self
                .unsynced_since
                .is_some_and(|since| now.duration_since(since) >= pause)
        {
            self.sync(now);
        }
    }

    /// Opens the file by its name again, for an outside logrotate. Does nothing when it is still
    /// the same file; keeps the old one when the new one cannot be opened.
    pub fn reopen(&mut self, now: Instant) {
        if self.file.is_in_place(&self.settings.path) {
            return;
        }
        self.sync(now);
        self.open_anew(Operation::Reopen, now);
    }

    /// Writes what waits, and forces it to the disk where that is ever asked for.
    pub fn settle(&mut self, now: Instant) {
        self.drain(now);
        if self.settings.sync != SyncPolicy::Never {
            self.sync(now);
        }
    }

    /// Has every line that was given been written, and forced to the disk where that is asked for?
    pub fn is_settled(&self) -> bool {
        let forced = self.unsynced_since.is_none() || self.settings.sync == SyncPolicy::Never;
        self.queue.is_empty() && forced
    }

    /// Device and inode of the file, and its length in bytes; `None` of what is no file.
    pub fn place(&self) -> Option<(u64, u64, u64)> {
        self.file.place()
    }

    /// How it stands.
    pub fn state(&self) -> LogState {
        let fault = self.write_fault.as_ref().or(self.sync_fault.as_ref());
        LogState {
            queue_lines: self.queue.len() as u64,
            failing: fault.map(|fault| fault.why.clone()),
            free_bytes: self.file.free_bytes(),
            ..self.state.clone()
        }
    }

    /// Writes what waits, forces it to the disk, and closes.
    ///
    /// # Errors
    /// [`LogError::Left`] when lines could not be written; they are counted in the state returned
    /// beside it.
    pub fn close(mut self, now: Instant) -> (LogState, Result<(), LogError>) {
        self.settle(now);
        let left = self.queue.len() as u64;
        let why = self.state().failing;
        while self.pop() {
            self.state.lost.bump(Lost::AtEnd.index());
        }
        let path = self.settings.path.clone();
        let result = match why {
            Some(why) => Err(LogError::Left {
                path,
                lines: left,
                why,
            }),
            None => Ok(()),
        };
        (self.state(), result)
    }

    fn drain(&mut self, now: Instant) {
        while let Some(line) = self.queue.front() {
            let len = line.len() as u64;
            if self.is_full_with(len, now) {
                self.rotate(now);
            }
            let Some(line) = self.queue.front() else {
                break;
            };
            match self.file.write_line(line) {
                Ok(()) => self.written(len, now),
                Err(error) => {
                    self.write_failed(&error, now);
                    if self.settings.sync == SyncPolicy::Always {
                        self.sync(now);
                    }
                    return;
                }
            }
        }
        if self.write_fault.take().is_some() {
            tracing::info!(file = %self.settings.path.display(), "the hit log can be written again");
        }
        self.retry_at = None;
        if self.settings.sync == SyncPolicy::Always {
            self.sync(now);
        }
    }

    fn written(&mut self, len: u64, now: Instant) {
        self.pop();
        self.state.lines += 1;
        self.state.bytes += len;
        self.unsynced_since.get_or_insert(now);
    }

    fn pop(&mut self) -> bool {
        let line = self.queue.pop_front();
        self.state.queue_bytes -= line.as_ref().map_or(0, |line| line.len() as u64);
        line.is_some()
    }

    fn write_failed(&mut self, error: &io::Error, now: Instant) {
        self.state.errors.bump(Operation::Write.index());
        self.retry_at = Some(now + RETRY);
        let path = self.settings.path.display();
        let why = format!("cannot write the hit log {path}: {error}; records wait in memory");
        say(&mut self.write_fault, why, now);
    }

    fn sync(&mut self, now: Instant) {
        if self.unsynced_since.is_none() {
            return;
        }
        match self.file.sync() {
            Ok(()) => {
                self.unsynced_since = None;
                self.sync_fault = None;
            }
            Err(error) => {
                self.state.errors.bump(Operation::Sync.index());
                self.unsynced_since = Some(now);
                let path = self.settings.path.display();
                let why = format!("cannot force the hit log {path} to the disk: {error}");
                say(&mut self.sync_fault, why, now);
            }
        }
    }

    fn is_full_with(&self, len: u64, now: Instant) -> bool {
        let due = self.rotate_after.is_none_or(|after| now >= after);
        let Some(bytes_max) = self.settings.rotate_bytes.filter(|_| due) else {
            return false;
        };
        self.file
            .len()
            .is_some_and(|have| have > 0 && have + len > bytes_max)
    }

    /// Begins a new file. When that fails the old one goes on: a large file loses no hit.
    fn rotate(&mut self, now: Instant) {
        if !self.file.is_regular() || self.file.len() == Some(0) {
            return;
        }
        if self.rotate_after.is_some_and(|after| now < after) {
            return;
        }
        self.sync(now);
        match file::shift(&self.settings.path, self.settings.keep) {
            Ok(()) => {
                self.rotate_after = None;
                if self.open_anew(Operation::Rotate, now) {
                    self.state.rotations += 1;
                }
            }
            Err(error) => {
                self.state.errors.bump(Operation::Rotate.index());
                self.rotate_after = Some(now + SAY_AGAIN);
                tracing::error!(file = %self.settings.path.display(), %error,
                    "cannot begin a new hit log file; the old one grows on");
            }
        }
    }

    fn open_anew(&mut self, operation: Operation, now: Instant) -> bool {
        match LineFile::open(&self.settings.path) {
            Ok((file, torn)) => {
                self.file = file;
                self.open_fault = None;
                self.count_torn(torn);
                if operation == Operation::Reopen {
                    self.state.reopens += 1;
                }
                true
            }
            Err(error) => {
                self.state.errors.bump(operation.index());
                let why = format!("{error}; records go on into the old file");
                say(&mut self.open_fault, why, now);
                false
            }
        }
    }

    fn count_torn(&mut self, torn: Option<u64>) {
        if let Some(bytes) = torn {
            self.state.torn_lines += 1;
            tracing::warn!(file = %self.settings.path.display(), bytes,
                "the hit log ended in half a line (a crash?); it was cut back");
        }
    }
}

/// Notes a failure, and says it once, then at long intervals.
fn say(fault: &mut Option<Fault>, why: String, now: Instant) {
    let said = match fault {
        Some(old) if now.duration_since(old.said) < SAY_AGAIN => old.said,
        _ => {
            tracing::error!("{why}");
            now
        }
    };
    *fault = Some(Fault { why, said });
}

/// Why there is no log, or not all of it; `Display` says what to do next.
#[derive(Debug)]
pub enum LogError {
    /// Cannot be opened, made, read or cut.
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A folder, a pipe or the like.
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// Its content is something else; appending would spoil it.
    NotALog {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes there.
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Lines could not be written before the end.
    Left {
        /// The file.
        path: PathBuf,
        /// How many.
        lines: u64,
        /// Why.
        why: String,
    },
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, error } => write!(
                f,
                "cannot open the hit log {}: {error}; does its folder exist, and may this user \
                 write there?",
                path.display()
            ),
            Self::NotAFile { path } => write!(
                f,
                "cannot write the hit log to {}: it is not a regular file; name one",
                path.display()
            ),
            Self::NotALog { path } => write!(
                f,
                "{} holds something that is not a hit log; nothing was written to it; name \
                 another file",
                path.display()
            ),
            Self::Locked { path } => write!(
                f,
                "another process writes the hit log {0} (`fuser -v {0}` shows which); stop it, or \
                 name another file",
                path.display()
            ),
            Self::Left { path, lines, why } => write!(
                f,
                "{lines} records did not reach the hit log {}: {why}",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

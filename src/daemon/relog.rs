//! Lines that a crash, or a full disk and an end, kept from the hit log.
//!
//! Enters: how far the hit log had come when it was last sure to be complete, the ledger from there
//! on, the ends of the log's files. Leaves: records of hits that are in the one and not in the other.
//! Never: a line that stands in a file that it can find; more in memory than the ids of the lines
//! since then.
//!
//! Every few seconds, when no line waits and what was written is forced to the disk (where
//! `[hits] fsync` wants that), the number of entries is written down ([`Mark`]), and with it which file
//! the log was and how long. At a start only what came later is compared, also when the log was rotated
//! meanwhile. Where the file cannot be found any more (somebody moved it away), the ends of the newest
//! two are taken for it, and a line may come twice.
//!
//! Without such a number (a first start of this version) the newest entries are compared as long as one
//! of them stands in the log; where none does, it is another log, and lacks nothing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::casefile::folder;
use crate::hits::log::read::files;
use crate::hits::{HitLog, Record};
use crate::record::{Body, Entry};

/// So much of a file's end is read where it is not known from where on to read.
const TAIL_LEN: u64 = 32 << 20;
/// Pace of writing down how far the log has come.
const MARK_EVERY: Duration = Duration::from_secs(5);
/// Name of the file of that, in the folder of the cases.
const NAME: &str = "hit-log.json";

/// Each hit of an entry before `entry` has had its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    log: PathBuf,
    entry: u64,
    device: u64,
    inode: u64,
    len: u64,
}

/// Writes down how far the log has come.
pub struct Marker {
    file: PathBuf,
    log: PathBuf,
    entry: Option<u64>,
    due: Option<Instant>,
    failed: bool,
}

impl Marker {
    /// Of the log at `log`; `folder` is that of the cases.
    pub fn new(folder: &Path, log: &Path) -> Self {
        Self {
            file: folder.join(NAME),
            log: log.into(),
            entry: None,
            due: None,
            failed: false,
        }
    }

    /// All `entries` of the ledger were given to the log: if it has written them, that is written
    /// down now and then.
    pub fn tick(&mut self, log: &HitLog, entries: u64, now: Instant) {
        if self.due.is_none_or(|due| now >= due) {
            self.due = Some(now + MARK_EVERY);
            self.mark(log, entries);
        }
    }

    /// The same now.
    pub fn mark(&mut self, log: &HitLog, entries: u64) {
        if self.entry == Some(entries) || !log.is_settled() {
            return;
        }
        let Some((device, inode, len)) = log.place() else {
            return;
        };
        let mark = Mark {
            log: self.log.clone(),
            entry: entries,
            device,
            inode,
            len,
        };
        let text = serde_json::to_vec(&mark).map_err(io::Error::from);
        match text.and_then(|text| folder::write_whole(&self.file, &text)) {
            Ok(()) => (self.entry, self.failed) = (Some(entries), false),
            Err(e) if !self.failed => {
                self.failed = true;
                tracing::error!("cannot write {}: {e}", self.file.display());
            }
            Err(_) => {}
        }
    }

    /// What the last run wrote down of this log, and the ids of the lines since then.
    pub fn before(&self) -> Option<(u64, HashSet<String>)> {
        let mark: Mark = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        (mark.log == self.log).then(|| (mark.entry, mark.since()))
    }
}

impl Mark {
    /// Ids of the lines that were written after it.
    fn since(&self) -> HashSet<String> {
        let files = files(&self.log);
        let is_it = |path: &PathBuf| {
            fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (self.device, self.inode))
        };
        let mut ids = HashSet::new();
        match files.iter().position(is_it) {
            Some(at) => {
                for (later, path) in files.iter().skip(at).enumerate() {
                    // One that was cut meanwhile is read whole.
                    let from = match fs::metadata(path) {
                        Ok(meta) if later == 0 && meta.len() >= self.len => self.len,
                        _ => 0,
                    };
                    ids.extend(ids_from(path, from));
                }
            }
            None => ids.extend(tails(&files)),
        }
        ids
    }
}

/// What the log at `path` lacks of the newest entries, where nothing was written down.
pub fn lacking(entries: Vec<Entry>, path: &Path) -> Vec<Record> {
    let mut hits = hits(entries);
    let logged = tails(&files(path));
    let is_logged = |hit: &Record| logged.contains(&hit.event.id);
    match hits.iter().rposition(is_logged) {
        // Lines are written in the order of entries.
        Some(last) => hits.split_off(last + 1),
        None => Vec::new(),
    }
}

/// Those that are hits.
pub fn hits(entries: Vec<Entry>) -> Vec<Record> {
    let hits = entries.into_iter().filter_map(|it| match it.body {
        Body::Hit(hit) => Some(hit.record),
        _ => None,
    });
    hits.collect()
}

/// Ids at the ends of the newest two files.
fn tails(files: &[PathBuf]) -> HashSet<String> {
    let newest = files.iter().rev().take(2);
    let ids = newest.flat_map(|path| {
        let len = fs::metadata(path).map_or(0, |meta| meta.len());
        ids_from(path, len.saturating_sub(TAIL_LEN))
    });
    ids.collect()
}

/// Ids of the lines from a byte on; none of a file that cannot be read.
fn ids_from(path: &Path, from: u64) -> Vec<String> {
    #[derive(Deserialize)]
    struct Line {
        event: Event,
    }
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    let mut ids = Vec::new();
    let mut read = || -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut input = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line)? > 0 {
            // The first one may be cut: then it is no JSON.
            if let Ok(it) = serde_json::from_slice::<Line>(&line) {
                ids.push(it.event.id);
            }
            line.clear();
        }
        Ok(())
    };
    if let Err(e) = read() {
        tracing::error!("cannot read the hit log {}: {e}", path.display());
    }
    ids
}

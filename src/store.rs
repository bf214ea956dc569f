//! The store: a projection of the ledger in SQLite, to search and to show.
//!
//! Enters: entries of the ledger in their order; numbers of entries whose payloads were deleted.
//! Leaves: cases, hits, coverage, the audit trail, as [`shown`] has them. Never: holds what the
//! ledger does not (it can be deleted at any time and made again), nor a person or an address in
//! clear; what was deleted from the ledger stays in no table, no free page, no backup.
//!
//! One [`Store`] writes, any number of [`Reader`]s read beside it. The content is a function of the
//! entries that have a payload: [`mod@rebuild`] gives the same as [`Store::apply`] and
//! [`Store::forget`] did one after the other ([`dump`] says what "the same" is, tests compare).
//!
//! The order of things: [`schema`] (tables, migrations) <- [`words`] (texts that hits share) <-
//! [`apply`] (an entry becomes rows) <- [`forget`]; [`filter`] (the language of searches) and the
//! queries of [`reader`].

mod apply;
mod checkpoint;
pub mod dump;
pub mod filter;
mod forget;
mod keep;
mod query;
pub mod reader;
pub mod rebuild;
mod saved;
mod schema;
pub mod shown;
#[cfg(test)]
mod tests;
mod triage;
mod words;
mod written;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;

use crate::base::Timestamp;
use crate::record::{Entry, Kind, differ::Written};

pub use filter::{CaseFilter, FilterError, HitFilter};
pub use keep::{Free, Over, Place};
pub use reader::Reader;
pub use rebuild::{rebuild, rebuild_from};
pub use saved::{Saved, SavedViews};
pub use schema::VERSION;
pub use triage::{State, Triage};

use checkpoint::Checkpoints;
use words::Words;

/// An entry with its place in the ledger.
#[derive(Clone, PartialEq)]
pub struct Numbered {
    /// Its number, from 0.
    pub number: u64,
    /// Of what kind, as the ledger has it.
    pub kind: String,
    /// The beginning of the hour in which it happened.
    pub hour: Timestamp,
    /// What it says; `None`: its payload was deleted, or is of a kind that this program does not
    /// know.
    pub entry: Option<Entry>,
}

impl Numbered {
    /// Of an entry just written.
    pub fn new(number: u64, hour: Timestamp, entry: Entry) -> Self {
        Self {
            number,
            kind: entry.kind().label().to_owned(),
            hour,
            entry: Some(entry),
        }
    }

    /// Of what the ledger gives back. A kind that this program does not know (of a newer one)
    /// counts as deleted: it cannot be shown.
    ///
    /// # Errors
    /// A sentence with its number, when the payload is none of its kind.
    pub fn read(
        number: u64,
        kind: String,
        hour: Timestamp,
        payload: Option<&[u8]>,
    ) -> Result<Self, String> {
        let entry = match (Kind::of(&kind), payload) {
            (Some(known), Some(payload)) => Some(
                Entry::read(known, payload)
                    .map_err(|why| format!("entry {number} of the ledger: {why}"))?,
            ),
            _ => None,
        };
        Ok(Self {
            number,
            kind,
            hour,
            entry,
        })
    }
}

/// The store, open for writing. One process at a time.
pub struct Store {
    db: Connection,
    path: PathBuf,
    words: Words,
    through: u64,
    owed: forget::Owed,
    /// Takes over what is written, where somebody asked for it.
    checkpoints: Option<Checkpoints>,
    _lock: File,
}

impl Store {
    /// Opens the store at `path`, made with mode 0600 if missing, and brings it forward to this
    /// program's [`VERSION`]; before that a backup is put beside it. `now` is the wall clock: it
    /// stands in the backup's name.
    ///
    /// # Errors
    /// A sentence with the path and what to do: another process writes it, a newer program made
    /// it, it is damaged.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, String> {
        let lock = schema::claim(path)?;
        let db = schema::open(path, now)?;
        let through = schema::through(&db).map_err(|e| schema::fault(path, &e))?;
        Ok(Self {
            db,
            path: path.to_owned(),
            words: Words::default(),
            through,
            owed: forget::Owed::at_open(),
            checkpoints: None,
            _lock: lock,
        })
    }

    /// Number of the entry that it expects next.
    pub const fn through(&self) -> u64 {
        self.through
    }

    /// Takes entries in, in one transaction: all or none. One that was taken in before changes
    /// nothing.
    ///
    /// # Errors
    /// A sentence; the store is as it was. Entries that are missing in between are an error.
    pub fn apply(&mut self, entries: &[Numbered]) -> Result<(), String> {
        self.wrote();
        apply::apply(self, entries)
    }

    /// From now on a thread takes the write-ahead log over into the file, not this one in the middle
    /// of a commit: for the daemon, where hits wait.
    pub fn take_over_beside(&mut self) {
        self.checkpoints = Checkpoints::start(&self.path, &self.db);
    }

    /// How often the log could not be taken over, and why it cannot now. What was written stands in
    /// the log, and is tried again.
    pub fn taken_over(&self) -> (u64, Option<String>) {
        let checkpoints = self.checkpoints.as_ref();
        checkpoints.map_or((0, None), Checkpoints::state)
    }

    fn wrote(&self) {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.wrote();
        }
    }

    /// Their payloads were deleted: what was made of them goes too, from the backups as well (they
    /// are deleted), so that a rebuild would give the same. Its write-ahead log may hold them until
    /// it is cut by [`Self::cut`] or [`Self::tend`].
    ///
    /// # Errors
    /// A sentence; the store is as it was, or a backup is left.
    pub fn forget(&mut self, numbers: &[u64]) -> Result<(), String> {
        self.wrote();
        forget::forget(self, numbers)
    }

    /// Cuts the write-ahead log if it may hold something that was forgotten.
    ///
    /// # Errors
    /// A sentence: it could not be cut, and still may.
    pub fn cut(&mut self) -> Result<(), String> {
        forget::cut(self)
    }

    /// The same as time goes by: what cannot be cut now is tried again with a later call.
    pub fn tend(&mut self, now: Instant) {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.help(&self.db);
        }
        forget::tend(self, now);
    }

    /// What the record has of a case; nothing of a case that it does not know.
    ///
    /// # Errors
    /// A sentence.
    pub fn written(&self, case: &str) -> Result<Written, String> {
        written::written(&self.db, case).map_err(|e| self.fault(&e))
    }

    /// Where the work on a case stands; `None`: there is no such case.
    ///
    /// # Errors
    /// A sentence.
    pub fn triage(&self, case: &str) -> Result<Option<Triage>, String> {
        triage::of(&self.db, case).map_err(|e| self.fault(&e))
    }

    /// Backups that the program made beside the store, oldest first.
    pub fn backups(&self) -> Vec<PathBuf> {
        schema::backups(&self.path)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its content, table by table, without what depends on the order of work ([`dump`]).
    ///
    /// # Errors
    /// A sentence.
    pub fn content(&self) -> Result<dump::Content, String> {
        dump::content(&self.db).map_err(|e| self.fault(&e))
    }

    fn fault(&self, e: &rusqlite::Error) -> String {
        schema::fault(&self.path, e)
    }
}

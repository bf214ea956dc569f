//! The write-ahead log is taken over into the file beside the one who writes.
//!
//! Enters: word that something was written. Leaves: a log whose pages stand in the file, so that it can
//! begin anew. Never: holds up the writer, but for the few pages that came while it worked, when the
//! log has grown long.
//!
//! SQLite would do it in the middle of a commit, every thousand pages: hundreds of pages written all
//! over the file, and two waits for the disk, while hits wait. Here a thread with a connection of its
//! own does it once a second ([SQLite: write-ahead logging], "passive" checkpoints run beside readers
//! and the writer). Because the writer goes on meanwhile, the log is never empty when it is done; so
//! when it is long, the writer takes over the rest itself, and its next transaction begins the log
//! anew.
//!
//! [SQLite: write-ahead logging]: https://www.sqlite.org/wal.html

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Pace of the thread.
const EVERY: Duration = Duration::from_secs(1);
/// Pages of the log (of 4 KiB) from which on the writer helps: 32 MiB.
const LONG: u64 = 8192;

/// How it went.
#[derive(Default)]
struct Shared {
    /// Something was written since the last time.
    dirty: AtomicBool,
    /// Pages in the log when it was done last; taken by the writer.
    pages: AtomicU64,
    failures: AtomicU64,
    failing: Mutex<Option<String>>,
}

/// The thread; it ends with the value.
pub(super) struct Checkpoints {
    shared: Arc<Shared>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts it for the store at `path`, which `writer` writes. Where that cannot be, SQLite goes on
    /// doing it in commits.
    pub(super) fn start(path: &Path, writer: &Connection) -> Option<Self> {
        let shared = Arc::new(Shared::default());
        let (end, ended) = channel();
        let started = {
            let (shared, path) = (Arc::clone(&shared), path.to_owned());
            let work = move || {
                while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(EVERY) {
                    shared.work(&path);
                }
            };
            let thread = std::thread::Builder::new().name("store-file".into());
            thread.spawn(work)
        };
        let thread = started
            .inspect_err(|e| tracing::error!("cannot start the thread of the store's file: {e}"))
            .ok()?;
        let set = writer.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()));
        if let Err(e) = set {
            tracing::warn!("the store's log is taken over in commits as well: {e}");
        }
        Some(Self {
            shared,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        self.shared.dirty.store(true, Ordering::Relaxed);
    }

    /// Takes over the rest, when the log is long and the thread has just done its part.
    pub(super) fn help(&self, writer: &Connection) {
        if self.shared.pages.swap(0, Ordering::Relaxed) >= LONG {
            // What is busy just now is tried again after the next time.
            let _ = passive(writer);
        }
    }

    /// How often it failed, and why it does now.
    pub(super) fn state(&self) -> (u64, Option<String>) {
        let failing = &self.shared.failing;
        let failing = failing.lock().unwrap_or_else(PoisonError::into_inner);
        (
            self.shared.failures.load(Ordering::Relaxed),
            failing.clone(),
        )
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work(&self, path: &Path) {
        if !self.dirty.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut failing = None;
        match open(path).and_then(|db| passive(&db)) {
            Ok(pages) => self.pages.store(pages, Ordering::Relaxed),
            Err(e) => {
                // What stands in the log stays there, and is taken over the next time.
                self.dirty.store(true, Ordering::Relaxed);
                self.failures.fetch_add(1, Ordering::Relaxed);
                failing = Some(super::schema::fault(path, &e));
            }
        }
        let mut was = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*was, &failing) {
            (None, Some(why)) => tracing::error!(
                "{why}; what was written last is not in the store's file yet, and is tried again"
            ),
            (Some(_), None) => tracing::info!("the store's file can be written again"),
            _ => {}
        }
        *was = failing;
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let path: PathBuf = path.into();
    Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// Takes over what no reader needs; the pages that stand in the log.
fn passive(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        row.get::<_, i64>(1)
    })
    .map(|pages| u64::try_from(pages).unwrap_or_default())
}

#[cfg(test)]
mod tests;

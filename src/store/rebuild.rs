//! The store made again from the ledger.
//!
//! Enters: every entry of the ledger, in order. Leaves: a new store in the place of the old one.
//! Never: touches the old one before the new one is whole; runs beside a daemon that writes.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Numbered, Store, schema};
use crate::base::Timestamp;
use crate::folder;
use crate::ledger::Ledger;

/// Entries of one transaction.
const BATCH: usize = 4096;

/// Makes the store again from the ledger in `folder`; see [`rebuild_from`].
///
/// # Errors
/// A sentence; the old store is as it was.
pub fn rebuild(
    folder: &Path,
    store: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, String> {
    let entries = Ledger::read(folder, 0)?.map(|it| {
        let it = it?;
        Numbered::read(it.number, it.kind, it.time, it.payload.as_deref())
    });
    rebuild_from(entries, store, now, progress)
}

/// Makes the store again: a new file beside the old one, then swapped. `entries` gives the ledger's
/// entries from 0 on; `progress` hears how many were taken in. Gives how many there were.
///
/// # Errors
/// A sentence; the old store is as it was.
pub fn rebuild_from(
    entries: impl Iterator<Item = Result<Numbered, String>>,
    store: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, String> {
    let lock = schema::claim(store)?;
    let new = schema::beside(store, ".rebuilding");
    remove(&new)?;
    let made = make(entries, &new, now, progress);
    let swapped = made.and_then(|count| swap(&new, store).map(|()| count));
    if swapped.is_err() {
        // Whatever is wrong was said; half a store helps nobody.
        let _ = remove(&new);
    }
    drop(lock);
    swapped
}

fn make(
    entries: impl Iterator<Item = Result<Numbered, String>>,
    new: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, String> {
    let mut store = Store::open(new, now)?;
    let mut batch = Vec::with_capacity(BATCH);
    for entry in entries {
        batch.push(entry?);
        if batch.len() >= BATCH {
            store.apply(&batch)?;
            batch.clear();
            progress(store.through());
        }
    }
    store.apply(&batch)?;
    progress(store.through());
    let count = store.through();
    // One whole file, without a log beside it, to be renamed.
    let whole = |store: &Store| -> rusqlite::Result<()> {
        store
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        store
            .db
            .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
    };
    whole(&store).map_err(|e| schema::fault(new, &e))?;
    Ok(count)
}

fn swap(new: &Path, store: &Path) -> Result<(), String> {
    let failed = |e: io::Error| {
        format!(
            "cannot put the new store in the place of {}: {e}; the old one is as it was",
            store.display()
        )
    };
    File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    // The log of the old file must not be taken for one of the new.
    for ending in ["-wal", "-shm"] {
        remove_file(&schema::beside(store, ending)).map_err(failed)?;
    }
    fs::rename(new, store).map_err(failed)?;
    remove(new)?;
    folder::sync_above(store).map_err(failed)
}

/// Removes a half-made store with all that belongs to it.
fn remove(new: &Path) -> Result<(), String> {
    for ending in ["", "-wal", "-shm", "-journal", ".lock"] {
        let path = schema::beside(new, ending);
        remove_file(&path).map_err(|e| format!("cannot remove {}: {e}", path.display()))?;
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

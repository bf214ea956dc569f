//! The file: its tables, how it is opened, brought forward, backed up.
//!
//! Enters: a path. Leaves: a connection to a store of this program's version, or a sentence that
//! says what to do. Never: takes a newer store, or another program's file, for its own.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::base::Timestamp;

/// Version of the tables. A store of an older one is brought forward when it is opened.
pub const VERSION: u32 = 2;

/// What leads from each version to the next; the first makes an empty store.
pub(super) const STEPS: [&str; VERSION as usize] =
    [include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// `application_id` of our files: `PoWt`.
const APPLICATION: i32 = 0x506f_5774;
/// Backups that are kept.
const BACKUPS_MAX: usize = 2;
/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(10);
/// What stays of a write-ahead log that was longer, when it begins anew.
const LOG_LEN: i64 = 64 << 20;
/// Cached statements of a connection.
const STATEMENTS: usize = 128;

/// Takes the lock of the one who writes.
pub(super) fn claim(path: &Path) -> Result<File, String> {
    let lock = beside(path, ".lock");
    let failed = |e: io::Error| {
        format!(
            "cannot lock the store {}: {e}; does its folder exist, and may this user write there?",
            path.display()
        )
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another process writes the store {} (`fuser -v {}` shows which); stop it first",
            path.display(),
            lock.display()
        )),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

/// Opens for writing; the lock is held.
pub(super) fn open(path: &Path, now: Timestamp) -> Result<Connection, String> {
    let failed = |e: io::Error| format!("cannot make the store {}: {e}", path.display());
    touch(path).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(|e| fault(path, &e))?;
    prepare(&db).map_err(|e| fault(path, &e))?;
    bring_forward(&mut db, path, now, &STEPS)?;
    Ok(db)
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // What is deleted is overwritten, in the file and, once it is taken over, in the log.
    db.pragma_update(None, "secure_delete", true)?;
    // The ledger is what a row answers to. A check at each deletion would look through all series.
    db.pragma_update(None, "foreign_keys", false)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -65_536)?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A log that has grown is cut when it begins anew.
    db.pragma_update_and_check(None, "journal_size_limit", LOG_LEN, |_| Ok(()))?;
    // A crash may lose the last transactions, never half of one: the ledger has them, and gives
    // them again from `through` on.
    db.pragma_update(None, "synchronous", "NORMAL")
}

/// Opens for reading.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, String> {
    if !path.exists() {
        return Err(format!(
            "there is no store at {}: the daemon makes it, or `poortwacht rebuild` from the ledger",
            path.display()
        ));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| fault(path, &e))?;
    let ready = || -> rusqlite::Result<()> {
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.pragma_update(None, "query_only", true)?;
        db.pragma_update(None, "trusted_schema", false)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.pragma_update(None, "cache_size", -32_768)
    };
    ready().map_err(|e| fault(path, &e))?;
    match version(&db, path)? {
        VERSION => Ok(db),
        older => Err(format!(
            "the store {} is of version {older}, this program reads {VERSION}: the daemon brings \
             it forward when it starts",
            path.display()
        )),
    }
}

/// Version of a store; 0 of an empty file. Refuses what is not ours, and what is newer.
fn version(db: &Connection, path: &Path) -> Result<u32, String> {
    let read = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let both = read("application_id").and_then(|id| Ok((id, read("user_version")?)));
    let (id, version) = both.map_err(|e| fault(path, &e))?;
    if id == 0 && version == 0 {
        let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        });
        if tables.map_err(|e| fault(path, &e))? == 0 {
            return Ok(0);
        }
    }
    if id != i64::from(APPLICATION) {
        return Err(format!(
            "{} is a database of another program: name another file for the store",
            path.display()
        ));
    }
    match u32::try_from(version) {
        Ok(version) if version <= VERSION => Ok(version),
        _ => Err(format!(
            "the store {} was made by a newer Poortwacht (its tables have version {version}, this \
             program knows {VERSION}): start the newer program, or delete the file and its -wal \
             and -shm, and it is made again from the ledger",
            path.display()
        )),
    }
}

/// Takes each step that is missing, all in one transaction; a store that holds something is
/// copied first.
pub(super) fn bring_forward(
    db: &mut Connection,
    path: &Path,
    now: Timestamp,
    steps: &[&str],
) -> Result<(), String> {
    let from = version(db, path)? as usize;
    if from >= steps.len() {
        return Ok(());
    }
    if from > 0 {
        back_up(db, path, from, now)?;
    }
    let take = |db: &mut Connection| -> rusqlite::Result<()> {
        let change = db.transaction()?;
        for step in steps.iter().skip(from) {
            change.execute_batch(step)?;
        }
        change.pragma_update(None, "application_id", APPLICATION)?;
        change.pragma_update(None, "user_version", steps.len() as i64)?;
        change.commit()
    };
    take(db).map_err(|e| fault(path, &e))?;
    if from > 0 {
        tracing::info!(
            "the store {} was brought from version {from} to {}",
            path.display(),
            steps.len()
        );
    }
    Ok(())
}

/// A whole copy beside the store, compacted; the oldest of too many go.
fn back_up(db: &Connection, path: &Path, from: usize, now: Timestamp) -> Result<(), String> {
    let seconds = now.nanos().div_euclid(1_000_000_000).max(0);
    let copy = beside(path, &format!(".version-{from}-{seconds:012}"));
    let failed = |why: &dyn std::fmt::Display| {
        format!(
            "cannot back up the store to {}: {why}; make room beside it, or delete {} and it is \
             made again from the ledger",
            copy.display(),
            path.display()
        )
    };
    // Of an attempt that failed within the same second.
    let _ = fs::remove_file(&copy);
    touch(&copy).map_err(|e| failed(&e))?;
    let name = copy.to_string_lossy();
    if let Err(e) = db.execute("VACUUM INTO ?", params![name]) {
        let _ = fs::remove_file(&copy);
        return Err(failed(&e));
    }
    let all = backups(path);
    let over = all.len().saturating_sub(BACKUPS_MAX);
    for old in all.iter().take(over) {
        if let Err(e) = fs::remove_file(old) {
            tracing::warn!("cannot delete the old backup {}: {e}", old.display());
        }
    }
    Ok(())
}

/// Backups beside the store, oldest first.
pub(super) fn backups(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let start = format!("{}.version-", name.to_string_lossy());
    let Ok(found) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut all: Vec<(String, PathBuf)> = found
        .flatten()
        .filter_map(|it| {
            let name = it.file_name().to_string_lossy().into_owned();
            // Sorted by the moment, which stands behind the version.
            let (_, moment) = name.strip_prefix(&start)?.split_once('-')?;
            moment
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| (moment.to_owned(), it.path()))
        })
        .collect();
    all.sort();
    all.into_iter().map(|(_, path)| path).collect()
}

/// The store's path with `ending` behind it.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// An empty file of mode 0600, if there is none: SQLite gives its own files the same mode.
fn touch(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(|_| ())
}

/// Number of the entry that is expected next.
pub(super) fn through(db: &Connection) -> rusqlite::Result<u64> {
    let found = db
        .prepare_cached("SELECT number FROM entries ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(found.map_or(0, |number| number.unsigned_abs() + 1))
}

/// What went wrong, and what to do.
pub(super) fn fault(path: &Path, e: &rusqlite::Error) -> String {
    let path = path.display();
    match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => format!(
            "the store {path} is damaged ({e}): delete it and its -wal and -shm, and it is made \
             again from the ledger at the next start, or by `poortwacht rebuild`"
        ),
        Some(ErrorCode::DiskFull) => format!(
            "the disk of the store {path} is full: make room; nothing is lost, the ledger has it"
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("the store {path} is in use by another process: try again")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            format!("cannot open the store {path} ({e}): may this user read and write there?")
        }
        _ => format!("the store {path}: {e}"),
    }
}

//! A folder that belongs to one process and to nobody else's eyes, and files that are there for sure.
//!
//! Enters: a path. Leaves: a folder with mode 0700, its lock, files that are whole or not there.
//! Never: changes the mode of a folder that it did not make.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the lock file in the folder.
const LOCK: &str = "lock";
/// Ending of a file that is being written; what bears it after a crash is rubbish.
const UNFINISHED: &str = ".unfinished";

/// Makes `path` with mode 0700 if it is missing, takes its lock for as long as the answer lives,
/// and removes what a crash left unfinished. `what` names its content in messages.
///
/// # Errors
/// A sentence with the path and what to do.
pub(crate) fn claim(path: &Path, what: &str) -> Result<File, String> {
    make(path, what)?;
    let lock = path.join(LOCK);
    let failed = |e: io::Error| {
        format!(
            "cannot lock the folder of the {what}, {}: {e}; may this user write there?",
            path.display()
        )
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(format!(
                "another process keeps the {what} in {} (`fuser -v {}` shows which); stop it, or \
                 name another folder",
                path.display(),
                lock.display()
            ));
        }
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    sweep(path);
    Ok(file)
}

/// Makes a folder with mode 0700 if it is missing, else makes sure that nobody else may look into
/// it.
///
/// # Errors
/// As [`claim`].
pub(crate) fn make(path: &Path, what: &str) -> Result<(), String> {
    let failed = |e: io::Error| {
        format!(
            "cannot make the folder of the {what}, {}: {e}; does the folder above it exist, and \
             may this user write there?",
            path.display()
        )
    };
    match fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => Err(format!(
            "{} is no folder, so the {what} cannot stand there; name another",
            path.display()
        )),
        Ok(meta) if meta.mode() & 0o077 != 0 => Err(format!(
            "others may look into the folder of the {what}, {0} (mode {1:04o}); if it holds \
             nothing else, type `chmod 700 {0}`, else name a folder of its own",
            path.display(),
            meta.mode() & 0o7777
        )),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(path).map_err(failed)?;
            sync_above(path).map_err(failed)
        }
        Err(e) => Err(failed(e)),
    }
}

/// Puts `bytes` at `path` (mode 0600): whole, forced to the disk, or not at all.
///
/// # Errors
/// Of the file system; then nothing new stands there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = write_new(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written.and_then(|()| sync_above(path))
}

/// Writes a file anew (mode 0600), and forces its content to the disk; its name is the caller's.
///
/// # Errors
/// Of the file system; then any part of it may stand there.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The name that `path` has while it is being written.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

/// Forces the folder that `path` stands in to the disk: a new name there is then sure.
///
/// # Errors
/// Of the file system.
pub(crate) fn sync_above(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Removes what was never finished.
pub(crate) fn sweep(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

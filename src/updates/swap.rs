//! One file takes the place of another, whole; the one before is kept.
//!
//! Enters: a path and bytes. Leaves: the new file under the path, the old one under `.previous`.
//! Never: a moment at which the path holds half a file, or none when there was one: a crash leaves
//! the old file or the new one. Who means to swap holds the file from before looking at it: another
//! who means to is refused meanwhile.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::folder;

/// The moments between which a crash may fall, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has happened.
    Begun,
    /// The new file is half written, under a name of its own.
    HalfWritten,
    /// It is written and forced to disk.
    Written,
    /// The old file has its second name.
    Kept,
    /// The new file has the path; the folder is not yet forced to disk.
    Renamed,
}

/// Where the file before the one in force is kept.
pub fn previous(path: &Path) -> PathBuf {
    beside(path, ".previous")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(end);
    path.with_file_name(name)
}

/// A file that nobody else may swap. Let go of when it is dropped, also by a crash.
pub struct Held<'p> {
    path: &'p Path,
    _lock: File,
}

/// Holds the file under `path`, which need not be there yet.
///
/// # Errors
/// Somebody else holds it, or what the file system says.
pub fn hold(path: &Path) -> io::Result<Held<'_>> {
    let _lock = lock(path)?;
    Ok(Held { path, _lock })
}

impl Held<'_> {
    /// Puts `bytes` under the path and keeps what was there.
    ///
    /// # Errors
    /// What the file system says; the file under the path is then the old one.
    pub fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        replace_watched(self, bytes, &mut |_| Ok(()))
    }

    /// The bytes of the previous file.
    ///
    /// # Errors
    /// There is none, or what the file system says.
    pub fn previous(&self) -> io::Result<Vec<u8>> {
        fs::read(previous(self.path))
    }
}

/// As [`Held::replace`]; `at` is called at each moment, and its error ends it there, as a crash would.
fn replace_watched(
    held: &Held<'_>,
    bytes: &[u8],
    at: &mut dyn FnMut(Moment) -> io::Result<()>,
) -> io::Result<()> {
    let path = held.path;
    at(Moment::Begun)?;
    let new = beside(path, ".new");
    write(&new, bytes, at)?;
    at(Moment::Written)?;
    if path.exists() {
        let keep = beside(path, ".keep");
        let _ = fs::remove_file(&keep);
        fs::hard_link(path, &keep)?;
        fs::rename(&keep, previous(path))?;
        folder::sync_above(path)?;
    }
    at(Moment::Kept)?;
    fs::rename(&new, path)?;
    at(Moment::Renamed)?;
    folder::sync_above(path)
}

/// Writes a file whole or not at all; nothing is kept of what was there.
///
/// # Errors
/// What the file system says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A pipe or device cannot be renamed over, and /dev/stdout must not be, wherever it leads.
    let by_system = ["/dev", "/proc"].iter().any(|top| path.starts_with(top))
        && fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    if by_system || fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let new = beside(path, ".new");
    write(&new, bytes, &mut |_| Ok(())).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    fs::rename(&new, path)?;
    folder::sync_above(path)
}

fn write(new: &Path, bytes: &[u8], at: &mut dyn FnMut(Moment) -> io::Result<()>) -> io::Result<()> {
    // Who may write to the folder may have laid a link there that leads to a file of somebody else.
    let _ = fs::remove_file(new);
    let mut file = File::options().write(true).create_new(true).open(new)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    at(Moment::HalfWritten)?;
    file.write_all(second)?;
    file.sync_all()
}

fn lock(path: &Path) -> io::Result<File> {
    let lock = beside(path, ".lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(libc::O_NOFOLLOW)
        .open(lock)?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => {
            io::Error::other("another update of it is running: wait for its end")
        }
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests;

//! Files that hold a secret: read only when nobody else can read them.
//!
//! Enters: a path. Leaves: the bytes, or why they were not taken. Never: follows a check of the
//! name by an opening of it (the check is on the opened file); waits for a pipe; keeps the bytes.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a secret file is not read.
#[derive(Debug)]
pub enum Unfit {
    /// It cannot be opened or read.
    Unreadable(io::Error),
    /// Not a regular file.
    NotAFile,
    /// It belongs to neither this user nor root: owner, own user id.
    WrongOwner(u32, u32),
    /// Group or others have rights on it: mode.
    Exposed(u32),
    /// Longer than it may be.
    TooLong,
}

/// May others than the owner do anything with it? A credential of the service manager
/// (`LoadCredential=`) is root's, and readable by its unit's user through an access list that
/// shows as a group's right to read.
pub fn is_exposed(path: &Path, meta: &Metadata) -> bool {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let is_credential = meta.uid() == 0
        && credentials.is_some_and(|folder| !folder.is_empty() && path.starts_with(folder));
    let allowed = if is_credential { 0o037 } else { 0o077 };
    meta.mode() & allowed != 0
}

/// The bytes of a secret file of at most `len_max` bytes. It must belong to this user or to root,
/// and nobody else may have any right on it.
///
/// # Errors
/// [`Unfit`]; the caller knows what the file is for and says what to do.
pub fn read(path: &Path, len_max: u64) -> Result<Vec<u8>, Unfit> {
    // Non-blocking, so that a FIFO put there cannot hang the start.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(Unfit::Unreadable)?;
    // The check is on the opened file, not on the name: nothing can be swapped in between.
    let meta = file.metadata().map_err(Unfit::Unreadable)?;
    if !meta.is_file() {
        return Err(Unfit::NotAFile);
    }
    let own = nix::unistd::geteuid().as_raw();
    if meta.uid() != own && meta.uid() != 0 {
        return Err(Unfit::WrongOwner(meta.uid(), own));
    }
    if is_exposed(path, &meta) {
        return Err(Unfit::Exposed(meta.mode() & 0o7777));
    }
    let mut bytes = Vec::new();
    file.take(len_max + 1)
        .read_to_end(&mut bytes)
        .map_err(Unfit::Unreadable)?;
    if bytes.len() as u64 > len_max {
        return Err(Unfit::TooLong);
    }
    Ok(bytes)
}

//! `accounts.json`: read when only this user can read it, written whole and atomically.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::book::Book;
use crate::hits::guarded::{self, Unfit};

/// Longest file: a thousand accounts with all their tokens take less.
const LEN_MAX: u64 = 16 << 20;

pub(super) fn open(folder: &Path, path: &Path) -> Result<Book, String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| {
        format!(
            "cannot make {}: {e}; name another [console] folder",
            folder.display()
        )
    })?;
    let at = path.display();
    let bytes = match guarded::read(path, LEN_MAX) {
        Ok(bytes) => bytes,
        Err(Unfit::Unreadable(e)) if e.kind() == io::ErrorKind::NotFound => {
            let book = Book::default();
            write(path, &book).map_err(|e| {
                format!("cannot write {at}: {e}; free the disk, or name another [console] folder")
            })?;
            return Ok(book);
        }
        Err(Unfit::Unreadable(e)) => return Err(format!("cannot read {at}: {e}")),
        Err(Unfit::NotAFile) => return Err(format!("{at} is no file; move it away")),
        Err(Unfit::WrongOwner(owner, own)) => {
            return Err(format!(
                "{at} belongs to user {owner}, the program runs as {own}: `chown` it"
            ));
        }
        Err(Unfit::Exposed(mode)) => {
            return Err(format!(
                "{at} can be read by others (mode {mode:04o}): `chmod 600` it"
            ));
        }
        Err(Unfit::TooLong) => return Err(format!("{at} is longer than accounts can be")),
    };
    let book: Book = serde_json::from_slice(&bytes).map_err(|e| {
        // The message of serde may quote a value; its place is enough to find it.
        let next = "restore it from a backup, or move it away and start anew";
        format!(
            "{at}, line {} column {}: not accounts as written here; {next}",
            e.line(),
            e.column()
        )
    })?;
    book.check().map_err(|why| format!("{at}: {why}"))?;
    Ok(book)
}

/// All of it or nothing: a new file beside the old one, forced to disk, then put in its place.
pub(super) fn write(path: &Path, book: &Book) -> io::Result<()> {
    let new = path.with_extension("json.new");
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let text = serde_json::to_vec_pretty(book)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

//! Accounts, one-time links and API tokens: one small file, written whole.
//!
//! Enters: `accounts.json` in the console's folder. Leaves: a [`Book`] to look into, changes on disk
//! before they count. Never: a password, link or token in clear (hashes only). The seeds of second
//! factors stand there as they are: the file is readable by this user alone.

mod book;
mod file;

pub use book::{Account, ApiToken, Book, Link, LinkKind, Refused, Totp, is_name, is_shown};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

/// The book in force, and its file.
pub struct Accounts {
    path: PathBuf,
    book: ArcSwap<Book>,
    writing: Mutex<()>,
}

impl Accounts {
    /// Opens the folder, which is made if missing.
    ///
    /// # Errors
    /// A sentence with the path and what to do.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let path = folder.join("accounts.json");
        let book = file::open(folder, &path)?;
        Ok(Self {
            path,
            book: ArcSwap::from_pointee(book),
            writing: Mutex::new(()),
        })
    }

    /// The book as it is now.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// Changes the book. What cannot be written does not count; what is refused changes nothing.
    /// Waits for the disk: call it where that holds up nobody.
    ///
    /// # Errors
    /// What `change` refuses, or [`Refused::Unwritten`].
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut book = Book::clone(&self.book.load());
        let done = change(&mut book)?;
        file::write(&self.path, &book).map_err(|why| {
            tracing::error!("accounts cannot be written: {why}");
            Refused::Unwritten
        })?;
        self.book.store(Arc::new(book));
        Ok(done)
    }
}

#[cfg(test)]
mod tests;

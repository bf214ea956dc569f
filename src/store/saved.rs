//! Saved views: filters that people keep under a name.
//!
//! Enters: a name, a filter, an account. Leaves: the same. They are preferences, no record: they
//! stand in a file of their own beside the store, so that a rebuild, or the deletion of a damaged
//! store, leaves them alone. Never: shows one account's views to another.

use std::path::Path;

use serde::Serialize;

/// A filter under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// `cases` or `hits`.
    pub page: String,
    /// Its name; unique for an account and page.
    pub name: String,
    /// In the language of filters.
    pub filter: String,
}

/// The file of saved views. Opens for each call, so that it can be shared.
#[derive(Clone, Debug)]
pub struct SavedViews {
    path: std::path::PathBuf,
}

impl SavedViews {
    /// Those at `path`; nothing is opened yet.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }
    /// Those of an account, by page and name.
    ///
    /// # Errors
    /// A sentence.
    pub fn of(&self, account: &str) -> Result<Vec<Saved>, String> {
        let _ = (account, &self.path);
        Err("not yet".into())
    }
    /// Keeps one; one of the same page and name is replaced.
    ///
    /// # Errors
    /// A sentence; too many, or too long.
    pub fn keep(&self, account: &str, view: &Saved) -> Result<(), String> {
        let _ = (account, view);
        Err("not yet".into())
    }
    /// Deletes one; says whether it was there.
    ///
    /// # Errors
    /// A sentence.
    pub fn delete(&self, account: &str, page: &str, name: &str) -> Result<bool, String> {
        let _ = (account, page, name);
        Err("not yet".into())
    }
    /// Deletes every view whose filter holds `text`: a pseudonym that is erased. Gives how many.
    ///
    /// # Errors
    /// A sentence.
    pub fn erase(&self, text: &str) -> Result<usize, String> {
        let _ = text;
        Err("not yet".into())
    }
}

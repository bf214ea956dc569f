//! Saved views: filters that people keep under a name.
//!
//! Enters: a name, a filter, an account. Leaves: the same. They are preferences, no record: they
//! stand in a file of their own beside the store, so that a rebuild, or the deletion of a damaged
//! store, leaves them alone. Never: shows one account's views to another.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Result, params};
use serde::Serialize;

use super::filter::LEN_MAX;
use crate::hits::Mentions;

/// Most views of an account.
const VIEWS_MAX: i64 = 100;
/// Longest name, in bytes.
const NAME_LEN_MAX: usize = 200;

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

/// The file of saved views. It is opened for each call, so that it can be shared.
#[derive(Clone, Debug)]
pub struct SavedViews {
    path: PathBuf,
}

impl SavedViews {
    /// Those at `path`; nothing is opened yet.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Those beside the store at `store`.
    pub fn beside(store: &Path) -> Self {
        Self::at(&store.with_extension("views.sqlite"))
    }

    /// Those of an account, by page and name.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn of(&self, account: &str) -> std::result::Result<Vec<Saved>, String> {
        self.with(|db| {
            let mut found = db.prepare(
                "SELECT page, name, filter FROM views WHERE account = ?1 ORDER BY page, name",
            )?;
            let views = found.query_map([account], |row| {
                Ok(Saved {
                    page: row.get(0)?,
                    name: row.get(1)?,
                    filter: row.get(2)?,
                })
            })?;
            views.collect()
        })
    }

    /// Keeps one; one of the same page and name is replaced.
    ///
    /// # Errors
    /// A sentence: it has no name, is too long, there are too many.
    pub fn keep(&self, account: &str, view: &Saved) -> std::result::Result<(), String> {
        let name = view.name.trim();
        if name.is_empty() || name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
            return Err("a view needs a name of one short line".into());
        }
        if view.filter.len() > LEN_MAX || !["cases", "hits"].contains(&view.page.as_str()) {
            return Err("a view is a filter of cases or hits".into());
        }
        let kept = self.with(|db| {
            let change = db.transaction()?;
            change.execute(
                "INSERT OR REPLACE INTO views (account, page, name, filter)
                 VALUES (?1, ?2, ?3, ?4)",
                params![account, view.page, name, view.filter],
            )?;
            let count: i64 = change.query_row(
                "SELECT count(*) FROM views WHERE account = ?1",
                [account],
                |row| row.get(0),
            )?;
            if count > VIEWS_MAX {
                return Ok(false);
            }
            change.commit()?;
            Ok(true)
        })?;
        if kept {
            Ok(())
        } else {
            Err(format!(
                "there are {VIEWS_MAX} views already: delete one first"
            ))
        }
    }

    /// Deletes one; says whether it was there.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn delete(
        &self,
        account: &str,
        page: &str,
        name: &str,
    ) -> std::result::Result<bool, String> {
        self.with(|db| {
            let gone = db.execute(
                "DELETE FROM views WHERE account = ?1 AND page = ?2 AND name = ?3",
                params![account, page, name],
            )?;
            Ok(gone > 0)
        })
    }

    /// Deletes every view whose name or filter mentions somebody who is erased. Gives how many.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn erase(&self, words: &Mentions) -> std::result::Result<u64, String> {
        if !self.path.exists() {
            return Ok(0);
        }
        self.with(|db| {
            let change = db.transaction()?;
            let mut gone = 0;
            {
                let mut all = change.prepare("SELECT account, page, name, filter FROM views")?;
                let all = all.query_map([], |row| {
                    let text = |at| row.get::<_, String>(at);
                    Ok([text(0)?, text(1)?, text(2)?, text(3)?])
                })?;
                let all: Vec<[String; 4]> = all.collect::<Result<_>>()?;
                // Somebody may have typed it in capitals.
                let names = |text: &str| words.are_in(text.to_ascii_lowercase().as_bytes());
                for [account, page, name, filter] in all {
                    if names(&name) || names(&filter) {
                        gone += change.execute(
                            "DELETE FROM views WHERE account = ?1 AND page = ?2 AND name = ?3",
                            params![account, page, name],
                        )?;
                    }
                }
            }
            change.commit()?;
            Ok(gone as u64)
        })
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> std::result::Result<T, String> {
        let path = self.path.display();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options
            .open(&self.path)
            .map_err(|e| format!("cannot make the file of saved views {path}: {e}"))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let answer = Connection::open_with_flags(&self.path, flags).and_then(|mut db| {
            db.busy_timeout(Duration::from_secs(5))?;
            db.pragma_update(None, "secure_delete", true)?;
            db.execute_batch(
                "CREATE TABLE IF NOT EXISTS views (
                    account TEXT NOT NULL, page TEXT NOT NULL, name TEXT NOT NULL,
                    filter TEXT NOT NULL, PRIMARY KEY (account, page, name)
                 ) STRICT, WITHOUT ROWID",
            )?;
            act(&mut db)
        });
        answer.map_err(|e| {
            format!(
                "the file of saved views {path}: {e}; if it is damaged, delete it: views are made \
                 again by hand"
            )
        })
    }
}

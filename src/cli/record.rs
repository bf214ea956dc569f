//! What the commands over the record share: the store's path, its faults, short forms.
//!
//! Enters: options. Leaves: a reader of the store. Never: makes a store.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Common;
use crate::base::Timestamp;
use crate::daemon::{Exit, Fault};
use crate::store::{FilterError, Reader};

/// The store that is meant: the one named, else that of the configuration.
pub(super) fn store(named: Option<&Path>, common: &Common) -> Result<PathBuf, Fault> {
    match named {
        Some(path) => Ok(path.to_owned()),
        None => Ok(common.load()?.ledger.store),
    }
}

pub(super) fn open(path: &Path) -> Result<Reader, Fault> {
    Reader::open(path).map_err(unreadable)
}

pub(super) fn unreadable(why: String) -> Fault {
    Fault::new(Exit::Input, why)
}

pub(super) fn filter_fault(e: &FilterError) -> Fault {
    Fault::new(
        Exit::Usage,
        format!("the filter, {e} (docs/filters.md has all fields)"),
    )
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |it| it.as_nanos());
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// `2026-11-22 06:55:01`, of a time in RFC 3339.
pub(super) fn seconds(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// Enough of a pseudonym to tell it from the others by eye; `--json` has it whole.
pub(super) fn shortened(subject: &str) -> String {
    match subject.split_once('-') {
        Some((kind, digits)) if digits.len() > 8 => {
            format!("{kind}-{}…", digits.get(..8).unwrap_or(digits))
        }
        _ => subject.to_owned(),
    }
}

/// The ledger that is meant: the one named, else that of the configuration.
pub(super) fn ledger(named: Option<&Path>, common: &Common) -> Result<PathBuf, Fault> {
    match named {
        Some(path) => Ok(path.to_owned()),
        None => Ok(common.load()?.ledger.folder),
    }
}

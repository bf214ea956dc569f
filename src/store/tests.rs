//! The store under a made-up ledger.

mod equal;
mod lists;
mod open;
pub(super) mod sample;
mod speed;
mod sums;
mod work;

use super::*;

/// A store in a folder of its own.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite"), Timestamp(0)).unwrap();
        Self { folder, store }
    }

    pub(super) fn with(entries: &[Numbered]) -> Self {
        let mut bench = Self::new();
        for batch in entries.chunks(256) {
            bench.store.apply(batch).unwrap();
        }
        bench
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }
}

//! Tiles and checkpoints: how what is written comes under a signature.
//!
//! Enters: the passing of time. Leaves: tiles, bundles and signed checkpoints on the disk. Never:
//! signs what is not forced to the disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::layout::{self, BUNDLE_WIDTH};
use super::note::Note;
use super::{Act, Ledger, Waiting, opening};
use crate::base::Timestamp;

/// Full tiles and bundles written at a tick at which no checkpoint is due: what a group of entries
/// may have to wait for.
pub(super) const FILES_PER_TICK: usize = 16;
/// Full tiles and bundles that may be on the disk under a name that is not sure.
const FILLED_MAX: usize = 1024;
const SECOND_NS: u64 = 1_000_000_000;

impl Ledger {
    /// Writes of what is full so many files to the disk.
    pub(super) fn flush(&mut self, most: usize) -> Result<(), String> {
        for _ in 0..most {
            if self.filled.len() >= FILLED_MAX {
                self.settle_full()?;
            }
            let Some(Waiting { path, bytes }) = self.waiting.front() else {
                break;
            };
            let path = self.settings.folder.join(path);
            let written = self.disk.put(&path, bytes);
            written.map_err(|e| format!("cannot write {} of the ledger: {e}", path.display()))?;
            self.bytes += bytes.len() as u64;
            self.filled.push(path);
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Makes the names of full tiles sure; their versions from before then go.
    fn settle_full(&mut self) -> Result<(), String> {
        let folders: BTreeSet<&Path> = self
            .filled
            .iter()
            .filter_map(|path| path.parent())
            .collect();
        for folder in folders {
            let synced = self.disk.sync_above(&folder.join("x"));
            synced.map_err(|e| format!("cannot force {} to the disk: {e}", folder.display()))?;
        }
        for path in self.filled.drain(..) {
            let _ = fs::remove_dir_all(layout::partials(&path));
        }
        Ok(())
    }

    /// What time brings: writes what waits, signs a checkpoint when one is due. To be called each
    /// second or so with the wall clock. What fails is told by [`Self::state`], and tried again.
    pub fn tick(&mut self, now: Timestamp) {
        if self.payloads.owes() {
            let _ = self.payloads.settle(&mut self.disk);
        }
        if now.since_ns(self.looked) >= 3600 * SECOND_NS {
            self.looked = now;
            opening::delete_torn(&self.settings.folder, now);
        }
        if self.is_due(now) {
            let _ = self.checkpoint(now);
        } else if !self.waiting.is_empty() {
            let flushed = self.flush(FILES_PER_TICK);
            let _ = self.counted(Act::Checkpoint, flushed);
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let every = u64::from(self.settings.checkpoint_seconds) * SECOND_NS;
        // A clock that was set back must not keep checkpoints away.
        let waited = |at: Timestamp| now < at || now.since_ns(at) >= every;
        self.size() > self.signed && self.signed_at.is_none_or(waited)
    }

    /// Signs a checkpoint now, if the ledger grew since the last one.
    ///
    /// # Errors
    /// A sentence; nothing is lost, and the next tick tries again.
    pub fn checkpoint(&mut self, now: Timestamp) -> Result<(), String> {
        if self.size() == self.signed {
            return Ok(());
        }
        let signed = self.sign();
        if signed.is_err() {
            // Not at each tick.
            self.signed_at = Some(now);
        }
        self.counted(Act::Checkpoint, signed)?;
        self.signed_at = Some(now);
        Ok(())
    }

    fn sign(&mut self) -> Result<(), String> {
        self.flush(usize::MAX)?;
        self.settle_full()?;
        let folder = self.settings.folder.clone();
        let size = self.size();
        let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        if !size.is_multiple_of(BUNDLE_WIDTH) {
            let path = layout::bundle(size / BUNDLE_WIDTH, size % BUNDLE_WIDTH);
            files.push((path, self.bundle.clone()));
        }
        let tiles = self.edge.partial().map(|tile| {
            let width = tile.hashes.len() as u64;
            let path = layout::tile(tile.level, tile.index, width);
            (path, tile.to_bytes())
        });
        files.extend(tiles);
        let checkpoint = Checkpoint {
            origin: self.key.public().name.clone(),
            size,
            root: self.edge.root(),
        };
        let text = checkpoint.to_string();
        let signatures = vec![self.key.sign(&text, 0)];
        let note = Note { text, signatures }.to_string();
        files.push((layout::CHECKPOINT.into(), note.clone().into_bytes()));
        for (path, bytes) in files {
            let path = folder.join(path);
            let written = self.disk.replace(&path, &bytes);
            written.map_err(|e| format!("cannot write {} of the ledger: {e}", path.display()))?;
            self.bytes += bytes.len() as u64;
        }
        self.signed = size;
        let kept = self.history.add(&mut self.disk, &note);
        kept.map_err(|e| {
            let path = folder.join(layout::CHECKPOINTS);
            format!("cannot add the checkpoint to {}: {e}", path.display())
        })
    }

    /// The end: a last checkpoint.
    ///
    /// # Errors
    /// A sentence: why it could not be signed. Entries that were acknowledged are safe all the same.
    pub fn close(mut self, now: Timestamp) -> Result<(), String> {
        self.payloads
            .settle(&mut self.disk)
            .map_err(|e| format!("cannot cut back the ledger's payload files: {e}"))?;
        self.checkpoint(now)
    }
}

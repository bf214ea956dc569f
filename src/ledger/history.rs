//! The file of earlier checkpoints.
//!
//! Enters: each checkpoint as it is signed. Leaves: a file of bounded length in which the newer half
//! is complete and the far past thinned out. Never: loses the oldest one.
//!
//! A checkpoint that is left out says nothing that a later one does not say too: to agree with the
//! later one, a log must agree with all before it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::{layout, tiles};

/// Notes kept.
pub(super) const NOTES_MAX: usize = 8192;

/// The file, open for writing.
pub(super) struct History {
    path: PathBuf,
    file: Option<File>,
    /// Length of its whole notes; what stands behind is cut off before the next one.
    len: u64,
    notes: usize,
}

impl History {
    /// The file of the ledger in `folder`, in which these whole notes stand.
    pub(super) fn new(folder: &Path, found: &[String]) -> Self {
        Self {
            path: folder.join(layout::CHECKPOINTS),
            file: None,
            len: found.iter().map(|note| note.len() as u64).sum(),
            notes: found.len(),
        }
    }

    /// Adds a note.
    ///
    /// # Errors
    /// Of the file system; then the note does not stand there.
    pub(super) fn add(&mut self, disk: &mut Disk, note: &str) -> io::Result<()> {
        if self.notes >= NOTES_MAX {
            self.thin(disk)?;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let (file, _) = disk.open(&self.path)?;
                disk.sync_above(&self.path)?;
                file
            }
        };
        if file.metadata()?.len() > self.len {
            disk.cut(&file, &self.path, self.len)?;
        }
        disk.write(&file, &self.path, note.as_bytes())?;
        disk.sync(&file, &self.path)?;
        self.file = Some(file);
        self.len += note.len() as u64;
        self.notes += 1;
        Ok(())
    }

    /// Leaves out every second note of the older half.
    fn thin(&mut self, disk: &mut Disk) -> io::Result<()> {
        let notes = tiles::read_notes(&self.path).map_err(io::Error::other)?;
        let half = notes.len() / 2;
        let kept = notes.iter().enumerate();
        let kept = kept.filter(|(at, _)| *at >= half || at % 2 == 0);
        let kept: Vec<&str> = kept.map(|(_, note)| note.as_str()).collect();
        let bytes = kept.concat();
        self.file = None;
        disk.replace(&self.path, bytes.as_bytes())?;
        self.len = bytes.len() as u64;
        self.notes = kept.len();
        Ok(())
    }
}

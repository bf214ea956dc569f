//! The acts on files that may fail, so that tests can make each of them fail.
//!
//! Enters: paths and bytes. Leaves: files that are whole and forced to the disk, or an error. Never:
//! takes an error for done.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::folder;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Bytes are written at its end.
    Write,
    /// It is forced to the disk.
    Sync,
    /// It is cut back.
    Cut,
    /// It is written anew as a whole.
    Replace,
}

/// Says whether an act fails, and how.
#[cfg(test)]
pub(super) type Faults = Box<dyn FnMut(Act, &Path) -> Option<io::Error> + Send>;

/// The disk. In tests it can be made to fail.
#[derive(Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: Option<Faults>,
}

impl Disk {
    #[cfg(not(test))]
    fn ask(&mut self, _: Act, _: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn ask(&mut self, act: Act, path: &Path) -> io::Result<()> {
        let fault = self.faults.as_mut().and_then(|faults| faults(act, path));
        fault.map_or(Ok(()), Err)
    }

    /// Opens a file to append to; `true` when it was made just now, which is not yet forced to the
    /// disk.
    pub(super) fn open(&mut self, path: &Path) -> io::Result<(File, bool)> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).mode(0o600);
        match options.open(path) {
            Ok(file) => Ok((file, false)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.make_folder_above(path)?;
                Ok((options.create_new(true).open(path)?, true))
            }
            Err(e) => Err(e),
        }
    }

    /// Writes at the end of a file. After an error any part of the bytes may stand there.
    pub(super) fn write(&mut self, mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(e) = self.ask(Act::Write, path) {
            // As a full disk does it: half is there.
            file.write_all(bytes.split_at(bytes.len() / 2).0)?;
            return Err(e);
        }
        file.write_all(bytes)
    }

    /// Forces a file's content to the disk.
    pub(super) fn sync(&mut self, file: &File, path: &Path) -> io::Result<()> {
        self.ask(Act::Sync, path)?;
        file.sync_data()
    }

    /// Forces the names in the folder above `path` to the disk.
    pub(super) fn sync_above(&mut self, path: &Path) -> io::Result<()> {
        folder::sync_above(path)
    }

    /// Cuts a file back and forces that to the disk.
    pub(super) fn cut(&mut self, file: &File, path: &Path, len: u64) -> io::Result<()> {
        self.ask(Act::Cut, path)?;
        file.set_len(len)?;
        file.sync_all()
    }

    /// Puts bytes at a path: whole and forced to the disk, or not at all.
    pub(super) fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.put(path, bytes)?;
        folder::sync_above(path)
    }

    /// The same, but that the new file has this name is sure only after [`Self::sync_above`].
    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.ask(Act::Replace, path)?;
        self.make_folder_above(path)?;
        let unfinished = folder::unfinished(path);
        let written =
            folder::write_new(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Removes a file; one that is not there is removed already.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => folder::sync_above(path),
        }
    }

    /// Makes the folders above a path that are missing, each forced to the disk.
    fn make_folder_above(&mut self, path: &Path) -> io::Result<()> {
        let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) else {
            return Ok(());
        };
        match DirBuilder::new().mode(0o700).create(above) {
            Ok(()) => folder::sync_above(above),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.make_folder_above(above)?;
                DirBuilder::new().mode(0o700).create(above)?;
                folder::sync_above(above)
            }
            Err(e) => Err(e),
        }
    }
}

//! The payload files as they are written: the log that is forced to the disk before anything counts.
//!
//! Enters: lines. Leaves: files of at most 256 lines, the lines of one call all there or none.
//! Never: goes on behind half a line; trusts a file again whose forcing to the disk has failed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::layout::{self, BUNDLE_WIDTH};

/// The newest payload file.
struct Current {
    index: u64,
    file: File,
    len: u64,
}

/// What a failed call left, to be undone before the next one.
struct Debt {
    index: u64,
    /// The length that counts; none: the file was made by that call.
    len: Option<u64>,
}

/// The payload files of a ledger, open for writing.
pub(super) struct Payloads {
    folder: PathBuf,
    current: Option<Current>,
    debts: Vec<Debt>,
}

impl Payloads {
    /// Those below `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            current: None,
            debts: Vec::new(),
        }
    }

    fn path(&self, index: u64) -> PathBuf {
        self.folder.join(layout::payload(index))
    }

    /// Appends lines, the first of which is entry `first`, and forces them to the disk. Gives the
    /// bytes that were added.
    ///
    /// # Errors
    /// Of the file system; then none of the lines counts, and what stands of them is taken away, now
    /// or before the next call.
    pub(super) fn append(
        &mut self,
        disk: &mut Disk,
        first: u64,
        lines: &[Vec<u8>],
    ) -> io::Result<u64> {
        self.settle(disk)?;
        let mut touched = Vec::new();
        let written = self.append_files(disk, first, lines, &mut touched);
        if written.is_err() {
            self.debts = touched;
            self.current = None;
            let _ = self.settle(disk);
        }
        written
    }

    fn append_files(
        &mut self,
        disk: &mut Disk,
        first: u64,
        lines: &[Vec<u8>],
        touched: &mut Vec<Debt>,
    ) -> io::Result<u64> {
        let (mut number, mut rest, mut bytes) = (first, lines, 0);
        while !rest.is_empty() {
            let index = number / BUNDLE_WIDTH;
            let room = usize::try_from(BUNDLE_WIDTH - number % BUNDLE_WIDTH).unwrap_or(usize::MAX);
            let (here, behind) = rest.split_at(room.min(rest.len()));
            if number % BUNDLE_WIDTH == 0 && self.path(index).exists() {
                let what = format!("{} is there already", self.path(index).display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            bytes += self.append_file(disk, index, &here.concat(), touched)?;
            number += here.len() as u64;
            rest = behind;
        }
        Ok(bytes)
    }

    fn append_file(
        &mut self,
        disk: &mut Disk,
        index: u64,
        bytes: &[u8],
        touched: &mut Vec<Debt>,
    ) -> io::Result<u64> {
        let path = self.path(index);
        let mut is_new = false;
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.index != index)
        {
            let (file, made) = disk.open(&path)?;
            let len = file.metadata()?.len();
            // An empty one may be what a crash left: its name is not sure either.
            is_new = made || len == 0;
            self.current = Some(Current { index, file, len });
        }
        let Some(current) = self.current.as_mut() else {
            return Ok(0);
        };
        let len = (!is_new).then_some(current.len);
        touched.push(Debt { index, len });
        disk.write(&current.file, &path, bytes)?;
        disk.sync(&current.file, &path)?;
        if is_new {
            disk.sync_above(&path)?;
        }
        current.len += bytes.len() as u64;
        Ok(bytes.len() as u64)
    }

    /// Takes away what a failed call left. What counts is copied into a new file: after an error the
    /// system may hold pages of the old one for written that are not.
    ///
    /// # Errors
    /// Of the file system; to be tried again.
    pub(super) fn settle(&mut self, disk: &mut Disk) -> io::Result<()> {
        while let Some(debt) = self.debts.last() {
            let path = self.path(debt.index);
            match debt.len {
                None => disk.remove(&path)?,
                Some(len) => {
                    // First make room: the disk may be full.
                    disk.cut(&fs::OpenOptions::new().write(true).open(&path)?, &path, len)?;
                    let mut bytes = Vec::new();
                    File::open(&path)?.take(len).read_to_end(&mut bytes)?;
                    if bytes.len() as u64 != len {
                        return Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            "it is shorter than what was acknowledged",
                        ));
                    }
                    disk.replace(&path, &bytes)?;
                }
            }
            self.debts.pop();
        }
        Ok(())
    }

    /// Puts a payload file in the place of an old one, whole.
    ///
    /// # Errors
    /// Of the file system; then the old one stands.
    pub(super) fn replace(&mut self, disk: &mut Disk, index: u64, bytes: &[u8]) -> io::Result<()> {
        self.settle(disk)?;
        // The open file would be the old one, which has no name any more.
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.index == index)
        {
            self.current = None;
        }
        let path = self.path(index);
        disk.replace(&path, bytes)
    }

    /// Is there something left to undo?
    pub(super) fn owes(&self) -> bool {
        !self.debts.is_empty()
    }
}

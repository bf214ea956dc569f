//! A file that takes whole lines or nothing.
//!
//! Enters: lines that end in a line feed. Leaves: bytes at the end of the file. Never: half a line
//! that stays, bytes into a file that is not a hit log.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::LogError;
use crate::folder;

/// Step in which the end of the file is searched for the last line feed.
const STEP: u64 = 64 * 1024;

/// The open file.
pub struct LineFile {
    file: File,
    regular: bool,
    /// Length to cut back to first: a write left half a line and cutting it failed.
    cut_to: Option<u64>,
    since: SystemTime,
}

impl LineFile {
    /// Opens or makes it and takes its lock; also gives the bytes of half a line that were cut.
    pub fn open(path: &Path) -> Result<(Self, Option<u64>), LogError> {
        let failed = |error| LogError::Open {
            path: path.into(),
            error,
        };
        // Before opening: a FIFO without a reader would block.
        if let Ok(meta) = fs::metadata(path)
            && !meta.is_file()
            && !meta.file_type().is_char_device()
        {
            return Err(LogError::NotAFile { path: path.into() });
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path)
            .map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        let regular = meta.is_file();
        let since = meta.created().unwrap_or_else(|_| SystemTime::now());
        let mut opened = Self {
            file,
            regular,
            cut_to: None,
            since,
        };
        if !regular {
            return Ok((opened, None));
        }
        match opened.file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::Locked { path: path.into() }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if !opened.begins_like_a_log().map_err(failed)? {
            return Err(LogError::NotALog { path: path.into() });
        }
        let torn = opened.cut_half_line().map_err(failed)?;
        if meta.len() == 0 {
            folder::sync_above(path).map_err(failed)?;
        }
        Ok((opened, torn))
    }

    /// Appends `line` whole, or leaves the file as it was.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.regular {
            return self.file.write_all(line);
        }
        // Asked anew each time: an outside tool may have cut the file.
        let mut before = self.file.metadata()?.len();
        if let Some(len) = self.cut_to {
            if before > len {
                self.file.set_len(len)?;
                before = len;
            }
            self.cut_to = None;
        }
        let written = self.file.write_all(line);
        if written.is_err() && self.file.set_len(before).is_err() {
            self.cut_to = Some(before);
        }
        written
    }

    /// Forces it to the disk.
    pub fn sync(&self) -> io::Result<()> {
        if self.regular {
            self.file.sync_data()
        } else {
            Ok(())
        }
    }

    /// Length in bytes, of a regular file.
    pub fn len(&self) -> Option<u64> {
        self.file
            .metadata()
            .ok()
            .filter(|_| self.regular)
            .map(|meta| meta.len())
    }

    /// Device, inode and length in bytes, of a regular file.
    pub fn place(&self) -> Option<(u64, u64, u64)> {
        let meta = self.file.metadata().ok().filter(|_| self.regular)?;
        Some((meta.dev(), meta.ino(), meta.len()))
    }

    /// Is it a regular file, which can be rotated?
    pub fn is_regular(&self) -> bool {
        self.regular
    }

    /// Was it begun so long ago? A clock set back makes it young.
    pub fn is_older_than(&self, age: Duration) -> bool {
        self.since.elapsed().is_ok_and(|is| is >= age)
    }

    /// Is `path` still this file?
    pub fn is_in_place(&self, path: &Path) -> bool {
        match (self.file.metadata(), fs::metadata(path)) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            // Not to be told (no right to search the folder): stay with what is open.
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), _) => true,
        }
    }

    /// Bytes free for an unprivileged writer on its file system.
    pub fn free_bytes(&self) -> Option<u64> {
        let stat = nix::sys::statvfs::fstatvfs(&self.file)
            .ok()
            .filter(|_| self.regular)?;
        stat.blocks_available().checked_mul(stat.fragment_size())
    }

    fn begins_like_a_log(&mut self) -> io::Result<bool> {
        let mut first = [0];
        self.file.seek(SeekFrom::Start(0))?;
        Ok(self.file.read(&mut first)? == 0 || first == *b"{")
    }

    fn cut_half_line(&mut self) -> io::Result<Option<u64>> {
        let len = self.file.metadata()?.len();
        let whole = self.end_of_last_line(len)?;
        if whole == len {
            return Ok(None);
        }
        self.file.set_len(whole)?;
        self.file.sync_data()?;
        Ok(Some(len - whole))
    }

    fn end_of_last_line(&mut self, len: u64) -> io::Result<u64> {
        let mut end = len;
        let mut block = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(STEP);
            block.clear();
            self.file.seek(SeekFrom::Start(start))?;
            (&self.file).take(end - start).read_to_end(&mut block)?;
            if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }
}

/// Moves `path` to `path.1`, `path.1` to `path.2` and so on; what lies beyond `keep` is deleted.
pub fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let mut beyond = keep.max(1);
    while gone_or(fs::remove_file(numbered(path, beyond)))? {
        beyond += 1;
    }
    for number in (1..keep).rev() {
        gone_or(fs::rename(
            numbered(path, number),
            numbered(path, number + 1),
        ))?;
    }
    if keep == 0 {
        fs::remove_file(path)?
    } else {
        fs::rename(path, numbered(path, 1))?
    }
    folder::sync_above(path)
}

/// The name of an old file.
pub fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

/// Was there something to do? A file that is not there is no error.
fn gone_or(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

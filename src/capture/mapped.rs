//! A regular file in memory, without a copy. The one file of the capture readers with `unsafe`.
//!
//! Enters: an open file. Leaves: its bytes. Never: writes.
//!
//! A mapped file that somebody cuts short while it is read would end the process with SIGBUS, and
//! so would a failing disk. [`Mapped::reach`] therefore asks, before each further step of
//! [`STEP_LEN`] bytes, how long the file is now, and has the kernel bring the step into memory
//! (`MADV_POPULATE_READ`), which reports what would otherwise be a signal. What stays open: a file
//! cut inside the current step, between that question and the use of the bytes. Captures that are
//! rotated by renaming are not concerned; one that is rewritten in place belongs on standard input.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{Advice, Mmap, MmapMut};

/// Bytes between two looks at the length of the file.
pub(super) const STEP_LEN: usize = 1 << 20;

/// A mapped file, or a mapped copy of some bytes (tests).
pub(super) struct Mapped {
    map: Mmap,
    file: Option<File>,
    /// Bytes that are still there; falls when the file gets shorter, never rises.
    len: usize,
}

impl Mapped {
    /// Maps the whole of `file` as long as it is now; later growth is not seen.
    ///
    /// # Errors
    /// What mmap(2) says; also for an empty file.
    pub(super) fn new(file: File) -> io::Result<Self> {
        // SAFETY: the mapping is private to us, read-only and lives as long as `map`. Its bytes can
        // change if somebody writes to the file meanwhile; every reader here copies a header field
        // out once and checks the copy against `len` before it uses it as a length, so a change
        // shows as wrong content, never as an access outside the mapping. Shrinking: see above.
        let map = unsafe { Mmap::map(&file)? };
        // Read-ahead is a wish; a kernel that does not know it is no fault.
        let _ = map.advise(Advice::Sequential);
        let len = map.len();
        Ok(Self {
            map,
            file: Some(file),
            len,
        })
    }

    /// A mapping that holds a copy of `bytes`: the code path of a file without a file.
    pub(super) fn copy_of(bytes: &[u8]) -> io::Result<Self> {
        let mut map = MmapMut::map_anon(bytes.len())?;
        map.copy_from_slice(bytes);
        let map = map.make_read_only()?;
        Ok(Self {
            len: map.len(),
            map,
            file: None,
        })
    }

    /// All bytes mapped at the start, including those past a new, shorter end.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Has the file lost bytes since it was mapped?
    pub(super) fn shrunk(&self) -> bool {
        self.len < self.map.len()
    }

    /// Makes `from..to` safe to read as far as can be known, and gives the end of what is there:
    /// `to`, or less where the file ends.
    ///
    /// # Errors
    /// The file can no longer be read (disk fault).
    pub(super) fn reach(&mut self, from: usize, to: usize) -> io::Result<usize> {
        self.look_again();
        let end = to.min(self.len);
        let Some(ahead) = end
            .checked_sub(from)
            .filter(|&n| n > 0 && self.file.is_some())
        else {
            return Ok(end);
        };
        match self.map.advise_range(Advice::PopulateRead, from, ahead) {
            Ok(()) => Ok(end),
            // Linux before 5.14 does not know the advice.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(end),
            Err(error) => {
                self.look_again();
                if end > self.len {
                    Ok(self.len)
                } else {
                    Err(error)
                }
            }
        }
    }

    fn look_again(&mut self) {
        if let Some(Ok(now)) = self.file.as_ref().map(File::metadata) {
            self.len = self
                .len
                .min(usize::try_from(now.len()).unwrap_or(usize::MAX));
        }
    }
}

//! The part of a file that a reader can see: a bounded buffer that moves along it.
//!
//! Enters: a file or a stream. Leaves: bytes by index. Never: holds more than one record needs,
//! rounded up; waits for more bytes than were asked for.
//!
//! A file is read, not mapped: reading 1 GB of it out of the page cache into a buffer that stays in
//! the processor's own cache costs about half of what mapping and then touching it costs
//! (`docs/measurements/2026-11-22-hot-path.md`), and a file that somebody cuts short meanwhile is an
//! early end, not a signal. In user space nothing is copied but the beginning of a record that the
//! end of the buffer cut.

use std::io::{self, Read};

use super::input::Source;

/// Length of the buffer, until a longer record comes: it lies in the second cache of a core, and is
/// long enough for the cost of a system call to vanish.
const BUFFER_LEN: usize = 256 << 10;

/// Bytes of one file from the reading position on.
pub(super) struct Window {
    store: Store,
    /// Index of the next byte to be read.
    pos: usize,
    /// End of what is there.
    end: usize,
    /// Offset in the file of index 0.
    base: u64,
}

enum Store {
    Stream(Stream),
    Closed,
}

struct Stream {
    source: Source,
    buffer: Vec<u8>,
    ended: bool,
    /// Bytes that the file had when it was opened; 0 for what has no length.
    len: u64,
}

impl Window {
    /// Of what has no length.
    pub(super) fn stream(source: Source) -> Self {
        Self::file(source, 0)
    }

    /// Of a file that has `len` bytes now, before decompression.
    pub(super) fn file(source: Source, len: u64) -> Self {
        let stream = Stream {
            source,
            buffer: vec![0; BUFFER_LEN],
            ended: false,
            len,
        };
        Self {
            store: Store::Stream(stream),
            pos: 0,
            end: 0,
            base: 0,
        }
    }

    /// Offset of the reading position in the file, after decompression.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.pos as u64
    }

    /// Offset in the file, after decompression, of an index that is not void.
    pub(super) fn place_of(&self, index: usize) -> u64 {
        self.base + index as u64
    }

    /// Bytes of the file read so far, before decompression.
    pub(super) fn consumed(&self) -> u64 {
        match &self.store {
            // Of a plain file, what was read ahead does not count.
            Store::Stream(stream) if stream.source.packed() => stream.source.consumed(),
            Store::Stream(_) | Store::Closed => self.offset(),
        }
    }

    /// Length of the buffer of a stream.
    #[cfg(test)]
    pub(super) fn buffer_len(&self) -> usize {
        match &self.store {
            Store::Stream(stream) => stream.buffer.len(),
            Store::Closed => 0,
        }
    }

    /// Do the bytes come out of a decompressor?
    pub(super) fn packed(&self) -> bool {
        matches!(&self.store, Store::Stream(stream) if stream.source.packed())
    }

    /// Did the file become shorter under our hands?
    pub(super) fn shrunk(&self) -> bool {
        matches!(&self.store, Store::Stream(stream)
            if stream.ended && !stream.source.packed() && stream.source.consumed() < stream.len)
    }

    /// Lets go of mapping, buffer and file; nothing is there any more.
    pub(super) fn close(&mut self) {
        self.base = self.consumed();
        self.store = Store::Closed;
        (self.pos, self.end) = (0, 0);
    }

    /// Bytes that are there from the reading position on.
    #[inline]
    pub(super) fn available(&self) -> usize {
        self.end - self.pos
    }

    /// Makes `len` bytes available unless the file ends before; gives the number available. Indexes
    /// from earlier are void afterwards.
    ///
    /// # Errors
    /// What the file system or the decompressor says; the bytes before are still available.
    #[inline]
    pub(super) fn fill(&mut self, len: usize) -> io::Result<usize> {
        if self.available() < len {
            self.fill_slow(len)?;
        }
        Ok(self.available())
    }

    #[cold]
    fn fill_slow(&mut self, len: usize) -> io::Result<()> {
        match &mut self.store {
            Store::Stream(stream) => {
                while self.end - self.pos < len && !stream.ended {
                    if self.end == stream.buffer.len() {
                        if self.pos > 0 {
                            stream.buffer.copy_within(self.pos..self.end, 0);
                            self.base += self.pos as u64;
                            self.end -= self.pos;
                            self.pos = 0;
                        } else {
                            // Grows only when full of bytes that did arrive: a length that the file
                            // merely claims costs nothing.
                            let longer = (stream.buffer.len() * 2).max(BUFFER_LEN);
                            stream.buffer.resize(longer, 0);
                        }
                    }
                    match stream.source.read(&mut stream.buffer[self.end..]) {
                        Ok(0) => stream.ended = true,
                        Ok(n) => self.end += n,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Store::Closed => {}
        }
        Ok(())
    }

    /// A copy of the next `N` bytes, `None` when fewer are available.
    #[inline]
    pub(super) fn head<const N: usize>(&self) -> Option<[u8; N]> {
        self.field(0)
    }

    /// A copy of `N` bytes that lie `at` bytes ahead.
    #[inline]
    pub(super) fn field<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if self.available() < at.saturating_add(N) {
            return None;
        }
        self.all().get(self.pos + at..)?.first_chunk().copied()
    }

    /// The next `len` bytes where they lie; empty when fewer are available.
    #[inline]
    pub(super) fn ahead(&self, len: usize) -> &[u8] {
        if len > self.available() {
            &[]
        } else {
            self.bytes(self.pos, len)
        }
    }

    /// Moves the reading position over `len` available bytes and gives the index of the first.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> usize {
        let start = self.pos;
        self.pos = start.saturating_add(len).min(self.end);
        start
    }

    /// Moves over `len` bytes without keeping them, or to the end of the file if that comes first.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub(super) fn skip(&mut self, mut len: u64) -> io::Result<()> {
        while len > 0 {
            let have = self.fill(1)?;
            if have == 0 {
                break;
            }
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(have);
            self.take(step);
            len -= step as u64;
        }
        Ok(())
    }

    /// Bytes from an index that [`Self::take`] gave; empty when it is void.
    #[inline]
    pub(super) fn bytes(&self, start: usize, len: usize) -> &[u8] {
        self.all()
            .get(start..start.saturating_add(len))
            .unwrap_or_default()
    }

    #[inline]
    fn all(&self) -> &[u8] {
        match &self.store {
            Store::Stream(stream) => &stream.buffer,
            Store::Closed => &[],
        }
    }
}

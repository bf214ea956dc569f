//! Several files as one, in time order.
//!
//! Enters: the files. Leaves: the earliest of their next records, the file named first on a tie.
//! Within one file the file's own order stays, even where its clock ran back. Never: reads a file
//! further than its next record.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::error::CaptureError;
use super::file::OneFile;
use super::record::Record;
use crate::base::Timestamp;

/// The next record of each file, earliest on top. Holds at most one entry per file.
pub(super) struct Merge {
    heap: BinaryHeap<Reverse<(Timestamp, u16)>>,
    /// The next record of each file in the heap.
    next: Vec<Option<Record>>,
    /// Files that were not read from yet, last one first.
    unread: Vec<u16>,
    /// The record on top was handed out; its file must be read on before the next is.
    handed_out: bool,
}

impl Merge {
    /// For `files` files, none of them read from.
    pub(super) fn new(files: u16) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(files.into()),
            next: vec![None; files.into()],
            unread: (0..files).rev().collect(),
            handed_out: false,
        }
    }

    /// The earliest record and the number of its file.
    ///
    /// # Errors
    /// The fault that ended one file; the others go on with the next call.
    pub(super) fn next(
        &mut self,
        files: &mut [OneFile],
    ) -> Result<Option<(u16, Record)>, CaptureError> {
        while let Some(file) = self.unread.pop() {
            if let Some(record) = files[usize::from(file)].next()? {
                self.next[usize::from(file)] = Some(record);
                self.heap.push(Reverse((record.time, file)));
            }
        }
        if self.handed_out {
            self.handed_out = false;
            self.read_on(files)?;
        }
        let Some(&Reverse((_, file))) = self.heap.peek() else {
            return Ok(None);
        };
        self.handed_out = true;
        Ok(self.next[usize::from(file)].map(|record| (file, record)))
    }

    fn read_on(&mut self, files: &mut [OneFile]) -> Result<(), CaptureError> {
        let Some(mut top) = self.heap.peek_mut() else {
            return Ok(());
        };
        let Reverse((_, file)) = *top;
        match files[usize::from(file)].next() {
            Ok(Some(record)) => {
                self.next[usize::from(file)] = Some(record);
                *top = Reverse((record.time, file));
                Ok(())
            }
            ended => {
                PeekMut::pop(top);
                ended.map(|_| ())
            }
        }
    }
}

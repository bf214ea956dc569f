//! Payloads that go for good.
//!
//! Enters: numbers of entries. Leaves: payload files written anew without salt and payload of these.
//! Never: touches a leaf; deletes what no checkpoint covers, for nothing else could make its leaf.

use super::layout::{self, BUNDLE_WIDTH};
use super::{Act, Ledger, reader};
use crate::base::Timestamp;

impl Ledger {
    /// Deletes payload and salt of entries for good. Their leaves stay, and what is left verifies.
    /// Entries that no checkpoint covers yet get one first. Gives how many payloads went; those
    /// that were gone already do not count.
    ///
    /// # Errors
    /// A sentence; some may be deleted then, and the same call may be made again.
    pub fn delete(&mut self, numbers: &[u64], now: Timestamp) -> Result<u64, String> {
        let before = self.deleted;
        let done = self.delete_each(numbers, now);
        self.counted(Act::Delete, done)?;
        Ok(self.deleted - before)
    }

    fn delete_each(&mut self, numbers: &[u64], now: Timestamp) -> Result<(), String> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        let Some(last) = numbers.last() else {
            return Ok(());
        };
        if *last >= self.size() {
            return Err(format!(
                "there is no entry {last}: the ledger holds {}",
                self.size()
            ));
        }
        if *last >= self.signed {
            // Behind the checkpoint the payload is all there is to make the leaf from.
            self.checkpoint(now)?;
        }
        for group in numbers.chunk_by(|a, b| a / BUNDLE_WIDTH == b / BUNDLE_WIDTH) {
            self.delete_in_file(group)?;
        }
        Ok(())
    }

    /// Writes one payload file anew without these.
    fn delete_in_file(&mut self, numbers: &[u64]) -> Result<(), String> {
        let index = numbers.first().map_or(0, |first| first / BUNDLE_WIDTH);
        let gone = "its payload file is missing";
        let lines = reader::Lines::open(&self.settings.folder, index)?;
        let mut lines = lines.ok_or_else(|| format!("cannot delete from {index}: {gone}"))?;
        let (mut kept, mut buffer, mut deleted) = (Vec::new(), Vec::new(), 0u64);
        while let Some(line) = lines.next(&mut buffer) {
            let mut line = line.map_err(|bad| format!("cannot delete: {}", bad.why))?;
            if line.content.is_some() && numbers.binary_search(&line.number).is_ok() {
                line.content = None;
                deleted += 1;
            }
            line.write(&mut kept);
        }
        if deleted == 0 {
            return Ok(());
        }
        let written = self.payloads.replace(&mut self.disk, index, &kept);
        written.map_err(|e| {
            let path = self.settings.folder.join(layout::payload(index));
            format!("cannot delete payloads from {}: {e}", path.display())
        })?;
        self.bytes = self
            .bytes
            .saturating_sub(lines.len.saturating_sub(kept.len() as u64));
        self.deleted += deleted;
        Ok(())
    }
}

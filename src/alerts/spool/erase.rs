//! Alerts that name somebody, taken out of the spool.
//!
//! Enters: the words by which they may be named. Leaves: the folder without those alerts, dead
//! letters and ids, forced to the disk. Never: tells a sink of it: what Alertmanager was told ends
//! there by itself when nobody repeats it.

use std::fs;
use std::io;

use super::name::Name;
use super::{Entry, Spool};
use crate::hits::Mentions;

impl Spool {
    /// Deletes them. Gives how many alerts and dead letters there were.
    pub(in crate::alerts) fn erase(&mut self, words: &Mentions) -> Result<u64, String> {
        let folder = self.folder.display().to_string();
        let failed =
            |e: io::Error| format!("cannot take alerts out of the folder of alerts {folder}: {e}");
        let names = |entry: &Entry| {
            let text = serde_json::to_vec(&*entry.alert).unwrap_or_default();
            words.are_in(&text)
        };
        let entries = self.entries.iter().filter(|(_, entry)| names(entry));
        let numbers: Vec<u64> = entries.map(|(number, _)| *number).collect();
        let mut gone = numbers.len() as u64;
        for number in numbers {
            if let Some(entry) = self.entries.get(&number) {
                let path = self.folder.join(Name::of(number, entry).file());
                match fs::remove_file(path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
                    _ => self.take_out(number),
                }
            }
        }
        for folder in ["dead", "replay"] {
            let letters = fs::read_dir(self.folder.join(folder)).map_err(failed)?;
            for letter in letters.flatten() {
                let text = match fs::read(letter.path()) {
                    // Its sink took it, or somebody asked for it again, in this moment.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    text => text.map_err(failed)?,
                };
                if words.are_in(&text) {
                    fs::remove_file(letter.path()).map_err(failed)?;
                    gone += 1;
                }
            }
        }
        self.count_dead().map_err(failed)?;
        self.erase_folded(words).map_err(failed)?;
        self.done.erase(words).map_err(failed)?;
        self.sync().map_err(failed)?;
        Ok(gone)
    }

    /// Out of memory.
    fn take_out(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(entry.len);
        self.by_id.remove(&entry.alert.id);
        for set in [
            &mut self.to_log,
            &mut self.news,
            &mut self.standing,
            &mut self.endings,
        ] {
            set.remove(&number);
        }
        for cursor in &mut self.sinks {
            cursor.forget(number);
        }
        if let Some(case) = self.by_case.get_mut(&entry.alert.case) {
            case.remove(&number);
            if case.is_empty() {
                self.by_case.remove(&entry.alert.case);
            }
        }
    }
}

//! How far each sink is: what waits for it, and what it will never get.
//!
//! Enters: alerts as they come in, how far a sink came. Leaves: the oldest that waits for it; a file
//! for each sink, so that a restart goes on where it was. Never: an alert kept for a sink that does
//! not want it; one that the hit log or Alertmanager still waits for let go because of a sink.
//!
//! A sink takes alerts in the order of their numbers, so one number says how far it is. Lost in a
//! crash, it makes some alerts go out once more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Spool;
use super::name::Due;
use crate::alerts::sinks::throttle::Throttle;
use crate::alerts::sinks::{Lost, SinkSettings};
use crate::base::Counters;
use crate::base::Timestamp;
use crate::casefile::folder;
use crate::cases::Alert;
use crate::hits::Mentions;

/// Dead letters kept for one sink.
pub(super) const DEAD_MAX: u64 = 1000;

/// How far a sink is.
pub(in crate::alerts) struct Cursor {
    settings: SinkSettings,
    /// At the start it was through with all numbers up to this.
    through: u64,
    waiting: BTreeSet<u64>,
    /// What it folds.
    pub(in crate::alerts) throttle: Throttle,
    /// [`Lost`] along its index.
    pub(in crate::alerts) lost: Counters,
    /// Its dead letters.
    pub(in crate::alerts) dead: u64,
}

/// Its file.
#[derive(Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) through: u64,
    #[serde(default)]
    throttle: Throttle,
}

impl Cursor {
    /// What waits for it, oldest first.
    pub(in crate::alerts) const fn waiting(&self) -> &BTreeSet<u64> {
        &self.waiting
    }

    pub(in crate::alerts) fn name(&self) -> &str {
        &self.settings.name
    }

    /// A new alert, or one that was there at the start.
    pub(super) fn take_in(&mut self, number: u64, alert: &Alert) {
        if number > self.through && self.settings.wants(alert) {
            self.waiting.insert(number);
        }
    }

    /// It is not there any more.
    pub(super) fn forget(&mut self, number: u64) {
        self.waiting.remove(&number);
    }
}

impl Spool {
    /// Reads how far the sinks are. A new one begins with what comes from now on. What is kept of
    /// sinks that are configured no more goes.
    pub(super) fn open_cursors(&mut self, sinks: &[SinkSettings]) -> io::Result<()> {
        let mut gone = Vec::new();
        for file in fs::read_dir(self.folder.join("sinks"))? {
            let path = file?.path();
            if let Some(place) = read(&path)? {
                self.next = self.next.max(place.through.saturating_add(1));
            }
            gone.push(path);
        }
        for settings in sinks {
            let path = self.place(&settings.name);
            let place = read(&path)?;
            if place.is_none() {
                tracing::info!(
                    "sink {:?} is new: it is told of what comes from now on",
                    settings.name
                );
            }
            let place = place.unwrap_or_else(|| Place {
                through: self.next.saturating_sub(1),
                throttle: Throttle::default(),
            });
            gone.retain(|it| *it != path);
            self.sinks.push(Cursor {
                settings: settings.clone(),
                through: place.through,
                waiting: BTreeSet::new(),
                throttle: place.throttle,
                lost: Counters::new(Lost::ALL.len()),
                dead: 0,
            });
        }
        for (at, path) in gone.into_iter().enumerate() {
            tracing::warn!(
                at,
                "{} belongs to a sink that is configured no more: what waited for it is dropped",
                path.display()
            );
            fs::remove_file(path)?;
        }
        // From the first moment: else a crash would make a sink new once more.
        (0..self.sinks.len()).for_each(|sink| self.save(sink));
        Ok(())
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.join("sinks").join(format!("{name}.json"))
    }

    /// One of them.
    pub(in crate::alerts) fn cursor(&mut self, sink: usize) -> Option<&mut Cursor> {
        self.sinks.get_mut(sink)
    }

    /// All of them, in the order of the configuration.
    pub(in crate::alerts) fn cursors(&self) -> &[Cursor] {
        &self.sinks
    }

    /// Since when the oldest that waits for it has waited.
    pub(in crate::alerts) fn oldest(&self, cursor: &Cursor) -> Option<Timestamp> {
        let entry = self.entries.get(cursor.waiting.first()?)?;
        Some(entry.taken)
    }

    /// The sink took these, or never will. To be followed by [`Self::save`].
    pub(in crate::alerts) fn passed(&mut self, sink: usize, numbers: &[u64]) {
        for number in numbers {
            if let Some(cursor) = self.sinks.get_mut(sink) {
                cursor.forget(*number);
            }
            self.settle(*number);
        }
    }

    /// Writes down how far it is and what it folded.
    pub(in crate::alerts) fn save(&self, sink: usize) {
        let Some(cursor) = self.sinks.get(sink) else {
            return;
        };
        let first = cursor.waiting.first().copied().unwrap_or(self.next);
        let place = Place {
            through: first.saturating_sub(1),
            throttle: cursor.throttle.clone(),
        };
        let path = self.place(cursor.name());
        let bytes = serde_json::to_vec(&place).unwrap_or_default();
        if let Err(e) = folder::write_whole(&path, &bytes) {
            tracing::error!(
                "cannot write {}: {e}; after a crash sink {:?} would be told some alerts again",
                path.display(),
                cursor.name()
            );
        }
    }

    pub(super) fn is_awaited(&self, number: u64) -> bool {
        self.sinks.iter().any(|it| it.waiting.contains(&number))
    }

    /// At the bound of the spool, what only sinks wait for gives way, oldest first.
    pub(super) fn make_room(&mut self, len: u64) {
        if self.is_roomy(len) || self.sinks.is_empty() {
            return;
        }
        let idle = self.entries.iter().filter(|(number, entry)| {
            !entry.to_log && entry.due == Due::Off && self.is_awaited(**number)
        });
        let numbers: Vec<u64> = idle.map(|(number, _)| *number).collect();
        for number in numbers {
            if self.is_roomy(len) {
                return;
            }
            for cursor in &mut self.sinks {
                if cursor.waiting.remove(&number) {
                    cursor.lost.bump(Lost::Spool.index());
                }
            }
            self.settle(number);
        }
    }

    /// At a sink's own bound its oldest gives way.
    pub(super) fn shorten(&mut self) {
        let mut gone = Vec::new();
        for cursor in &mut self.sinks {
            while cursor.waiting.len() > cursor.settings.waiting_max as usize {
                gone.extend(cursor.waiting.pop_first());
                cursor.lost.bump(Lost::Waiting.index());
            }
        }
        gone.into_iter().for_each(|number| self.settle(number));
    }

    /// Takes cases that are meant out of what was folded.
    pub(super) fn erase_folded(&mut self, words: &Mentions) -> io::Result<()> {
        for sink in 0..self.sinks.len() {
            let Some(cursor) = self.sinks.get_mut(sink) else {
                continue;
            };
            if cursor.throttle.erase(words) {
                self.save(sink);
            }
        }
        Ok(())
    }

    /// An alert of the spool.
    pub(in crate::alerts) fn alert(&self, number: u64) -> Option<(Arc<Alert>, Timestamp)> {
        let entry = self.entries.get(&number)?;
        Some((Arc::clone(&entry.alert), entry.taken))
    }
}

/// `None`: there is none. One that cannot be understood is as good as none, and said.
pub(super) fn read(path: &std::path::Path) -> io::Result<Option<Place>> {
    let text = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let place = serde_json::from_slice(&text);
    if place.is_err() {
        tracing::error!("{} cannot be read: its sink begins anew", path.display());
    }
    Ok(place.ok())
}

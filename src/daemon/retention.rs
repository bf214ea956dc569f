//! What has had its time goes: by itself, a piece at a time.
//!
//! Enters: the days that each kind is kept, the wall clock. Leaves: entries without payload and salt
//! in the ledger and without rows in the store, and an entry that says how many. Never: deletes what
//! belongs to a case that is open, or under a hold; takes long: hits wait meanwhile.
//!
//! A closed case goes when the case file has let it go ([cases] closed_days), with its hits, and with
//! a subject's last case what is sealed of the subject. Hits and frames of no case, coverage, acts and
//! accounts have days of their own ([ledger.retention]).

use std::time::{Duration, Instant};

use super::books::Books;
use crate::base::Timestamp;
use crate::config::Retention;
use crate::record::act::Act;
use crate::record::{Acted, Actor, Body, Entry, Kind, Means};
use crate::store::Store;

const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// Time between two looks when nothing is left to do.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// Time between two pieces.
const GO_ON: Duration = Duration::from_secs(10);
/// Entries of one piece, but for those of one case, which go together.
const PIECE: usize = 1024;

/// Runs retention by itself.
pub struct Keeper {
    days: Retention,
    closed_days: u32,
    due: Instant,
}

impl Keeper {
    /// Looks for the first time a while after the start: `now`.
    pub fn new(days: Retention, closed_days: u32, now: Instant) -> Self {
        Self {
            days,
            closed_days,
            due: now + GO_ON,
        }
    }

    /// What time brings. `wall` is the wall clock.
    pub fn tick(&mut self, books: &mut Books, wall: Timestamp, now: Instant) {
        if now < self.due {
            return;
        }
        // A hold runs out by itself.
        books.hold(wall);
        let piece = match self.piece(books, wall) {
            Ok(piece) => piece,
            Err(why) => {
                tracing::error!("retention has to wait: {why}");
                Vec::new()
            }
        };
        self.due = now + if piece.is_empty() { LOOK_EVERY } else { GO_ON };
        if piece.is_empty() {
            return;
        }
        match books.registrar.delete(&piece, wall) {
            Ok(deleted) if deleted.is_empty() => {}
            Ok(deleted) => {
                let by = Actor {
                    name: "poortwacht".into(),
                    means: Means::Program,
                };
                let act = Act::Expire { deleted };
                let body = Body::Act(Box::new(Acted { by, act }));
                books.out.entries.push(Entry { time: wall, body });
            }
            Err(why) => tracing::error!("{why}; retention tries again"),
        }
    }

    /// Some entries that have had their time.
    fn piece(&self, books: &Books, wall: Timestamp) -> Result<Vec<u64>, String> {
        if !books.registrar.is_kept() {
            return Ok(Vec::new());
        }
        let store = books.registrar.store()?;
        let mut piece = Vec::new();
        if let Some(before) = before(self.closed_days, wall) {
            for case in store.over(before, wall, PIECE as u32)? {
                if piece.len() >= PIECE {
                    return Ok(piece);
                }
                // The case file goes first: what it holds would be recorded anew.
                if !books.casefile.holds(&case) {
                    piece.extend(store.goes_with(&case)?);
                }
            }
        }
        for kind in Kind::ALL {
            if let Some(before) = self.days(*kind).and_then(|days| before(days, wall)) {
                let most = PIECE.saturating_sub(piece.len());
                piece.extend(free(store, *kind, before, most)?);
            }
        }
        piece.sort_unstable();
        piece.dedup();
        Ok(piece)
    }

    /// For how many days a kind is kept that belongs to no case; `None`: it goes with its case.
    const fn days(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Hit => Some(self.days.hits_days),
            Kind::Frame => Some(self.days.frames_days),
            Kind::Coverage | Kind::List | Kind::Life | Kind::Loss => Some(self.days.coverage_days),
            Kind::Triage | Kind::Unsealing | Kind::Export | Kind::Hold | Kind::Deletion => {
                Some(self.days.acts_days)
            }
            Kind::Account => Some(self.days.accounts_days),
            Kind::Case
            | Kind::Evidence
            | Kind::Step
            | Kind::Attribution
            | Kind::Alert
            | Kind::Sealed => None,
        }
    }
}

fn free(store: &Store, kind: Kind, before: Timestamp, most: usize) -> Result<Vec<u64>, String> {
    match most {
        0 => Ok(Vec::new()),
        most => store.free(kind, before, most),
    }
}

/// The moment so many days ago; `None`: never.
fn before(days: u32, wall: Timestamp) -> Option<Timestamp> {
    let back = i64::from(days).saturating_mul(DAY_NS);
    (days > 0).then(|| Timestamp(wall.nanos().saturating_sub(back)))
}

#[cfg(test)]
mod tests;

//! The registrar: the one who writes the record.
//!
//! Enters: entries in their order. Leaves: them in the ledger, synced, in one group commit; then in
//! the store; then [`Changed`]s for whoever shows pages. Never: a word that something is recorded
//! before it is; a wait of the record for the store.
//!
//! The ledger is the truth, the store follows it. A store that fails falls behind, and is brought up
//! from the ledger later: nothing waits for it in memory.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use crate::base::Timestamp;
use crate::ledger::{self, Ledger, New};
use crate::record::differ::Written;
use crate::record::{Entry, Kind, Lost, State};
use crate::store::{Numbered, Store};

/// Time between attempts while the ledger, or the store, cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// Time between two messages on the same, lasting failure.
const SAY_AGAIN: Duration = Duration::from_secs(300);
/// Cases remembered as they were recorded, while the store is in step.
const RECENT_MAX: usize = 256;
/// Changes that a slow listener may be behind before it is told to look anew.
const CHANGED_MAX: usize = 1024;
/// Entries that the store takes at a time when it is behind.
const CATCH_UP: usize = 4096;

/// An entry is in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: Kind,
    /// The case that it belongs to.
    pub case: Option<String>,
}

/// Writes ledger and store.
pub struct Registrar {
    kept: Option<Kept>,
    /// Cases as the ledger has them: all that the store does not hold yet, and some that it does.
    recent: HashMap<String, Written>,
    changed: broadcast::Sender<Changed>,
    state: State,
    retry_at: Option<Instant>,
    said: Option<Instant>,
    store_retry_at: Option<Instant>,
}

struct Kept {
    ledger: Ledger,
    store: Store,
    folder: PathBuf,
}

impl Registrar {
    /// Keeps no record.
    pub fn without() -> Self {
        Self::of(None)
    }

    fn of(kept: Option<Kept>) -> Self {
        let state = State {
            kept: kept.is_some(),
            ..State::default()
        };
        Self {
            kept,
            recent: HashMap::new(),
            changed: broadcast::channel(CHANGED_MAX).0,
            state,
            retry_at: None,
            said: None,
            store_retry_at: None,
        }
    }

    /// Is a record kept?
    pub const fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// May the ledger be tried now? `false` for a moment after it failed.
    pub fn may_try(&self, now: Instant) -> bool {
        self.retry_at.is_none_or(|at| now >= at)
    }

    /// Why an entry could not be recorded just now; `None` when all is well.
    pub fn failing(&self) -> Option<&str> {
        self.state.failing.as_deref()
    }

    /// Told of each entry that is in ledger and store.
    pub fn listen(&self) -> broadcast::Sender<Changed> {
        self.changed.clone()
    }

    /// A case as the record has it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn written(&self, case: &str) -> Result<Written, String> {
        match (&self.kept, self.recent.get(case)) {
            (_, Some(written)) => Ok(written.clone()),
            (Some(kept), None) => kept.store.written(case),
            (None, None) => Ok(Written::default()),
        }
    }

    /// The store, when it holds all that the ledger holds.
    ///
    /// # Errors
    /// A sentence: no record is kept, or the store is behind.
    pub fn store(&self) -> Result<&Store, String> {
        match (&self.kept, &self.state.store_failing) {
            (None, _) => Err("no record is kept: [ledger] folder is empty".into()),
            (Some(_), Some(why)) => Err(format!("the store is behind the ledger: {why}")),
            (Some(kept), None) => Ok(&kept.store),
        }
    }

    /// Records entries: when it returns they are on the disk. `cases` are those among them, as they
    /// stand with these entries. `None` when no record is kept.
    ///
    /// # Errors
    /// A sentence; none of them is recorded, and the caller tries again.
    pub fn record(
        &mut self,
        entries: Vec<Entry>,
        cases: Vec<(String, Written)>,
        now: Instant,
    ) -> Result<Option<Range<u64>>, String> {
        let Some(kept) = &mut self.kept else {
            return Ok(None);
        };
        let (new, entries) = texts(entries, &mut self.state);
        if new.is_empty() {
            return Ok(None);
        }
        let begun = Instant::now();
        let range = match kept.ledger.append(&new) {
            Ok(range) => range,
            Err(why) => return Err(self.failed(why, now)),
        };
        self.state.commit = begun.elapsed();
        self.state.commits += 1;
        self.state.size = range.end;
        if self.state.failing.take().is_some() {
            tracing::info!("the ledger can be written again");
        }
        (self.retry_at, self.said) = (None, None);
        for entry in &entries {
            self.state.entries.bump(entry.kind().index());
        }
        self.recent.extend(cases);
        self.project(range.start, entries, now);
        Ok(Some(range))
    }

    fn failed(&mut self, why: String, now: Instant) -> String {
        self.state.failures += 1;
        self.retry_at = Some(now + RETRY);
        if self.said.is_none_or(|at| now.duration_since(at) >= SAY_AGAIN) {
            self.said = Some(now);
            tracing::error!("{why}; nothing is acknowledged, hits wait in memory");
        }
        self.state.failing = Some(why.clone());
        why
    }

    /// Into the store, and to whoever listens.
    fn project(&mut self, first: u64, entries: Vec<Entry>, now: Instant) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        let numbered: Vec<Numbered> = (first..)
            .zip(entries)
            .map(|(number, entry)| numbered(number, entry))
            .collect();
        if self.state.store_failing.is_none() {
            if let Err(why) = kept.store.apply(&numbered) {
                self.fell_behind(why, now);
            } else if self.recent.len() > RECENT_MAX {
                self.recent.clear();
            }
        }
        for it in numbered {
            // Nobody may be listening.
            let _ = self.changed.send(Changed {
                number: it.number,
                kind: it.kind,
                case: it.entry.and_then(|entry| entry.case().map(str::to_owned)),
            });
        }
        self.state.store_behind = self.behind();
    }

    fn fell_behind(&mut self, why: String, now: Instant) {
        self.state.store_failures += 1;
        self.store_retry_at = Some(now + RETRY);
        if self.state.store_failing.is_none() {
            tracing::error!("{why}; the record goes on, the store is brought up later");
        }
        self.state.store_failing = Some(why);
    }

    fn behind(&self) -> u64 {
        let Some(kept) = &self.kept else {
            return 0;
        };
        let through = kept.store.through().unwrap_or_default();
        self.state.size.saturating_sub(through)
    }

    /// What time brings: checkpoints, and the store brought up.
    pub fn tick(&mut self, wall: Timestamp, now: Instant) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        kept.ledger.tick(wall);
        let due = self.store_retry_at.is_some_and(|at| now >= at);
        if due {
            self.store_retry_at = None;
            self.catch_up(now);
        }
    }

    /// Brings the store up to the ledger.
    fn catch_up(&mut self, now: Instant) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        match follow(kept) {
            Ok(()) => {
                if self.state.store_failing.take().is_some() {
                    tracing::info!("the store holds again what the ledger holds");
                }
            }
            Err(why) => self.fell_behind(why, now),
        }
        self.state.store_behind = self.behind();
    }

    /// How it stands, with so many entries in line.
    pub fn state(&self, waiting: usize) -> State {
        State {
            waiting: waiting as u64,
            ..self.state.clone()
        }
    }

    /// So many entries will never be recorded.
    pub fn lost(&mut self, why: Lost, count: u64) {
        self.state.lost.add(why.index(), count);
    }

    /// The last checkpoint.
    ///
    /// # Errors
    /// A sentence.
    pub fn close(mut self, wall: Timestamp) -> Result<State, String> {
        match self.kept.take() {
            Some(kept) => kept.ledger.close(wall)?,
            None => {}
        }
        Ok(self.state)
    }
}

/// What cannot be written as text is counted, and stands in nobody's way.
fn texts(entries: Vec<Entry>, state: &mut State) -> (Vec<New>, Vec<Entry>) {
    let (mut new, mut kept) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        match entry.text() {
            Ok(payload) => {
                new.push(New {
                    kind: entry.kind().label().into(),
                    time: entry.time,
                    payload,
                });
                kept.push(entry);
            }
            Err(why) => {
                tracing::error!("{why}; it is lost");
                state.lost.bump(Lost::Unfit.index());
            }
        }
    }
    (new, kept)
}

fn numbered(number: u64, entry: Entry) -> Numbered {
    Numbered {
        number,
        kind: entry.kind(),
        hour: entry.time.nanos().div_euclid(3_600_000_000_000),
        entry: Some(entry),
    }
}

/// From what the store holds to the end of the ledger.
fn follow(kept: &mut Kept) -> Result<(), String> {
    loop {
        let from = kept.store.through()?;
        let mut some = Vec::new();
        for item in Ledger::read(&kept.folder, from)?.into_iter().take(CATCH_UP) {
            some.push(from_ledger(item)?);
        }
        if some.is_empty() {
            return Ok(());
        }
        kept.store.apply(&some)?;
    }
}

fn from_ledger(item: ledger::Item) -> Result<Numbered, String> {
    let kind = Kind::of(&item.kind).ok_or_else(|| format!("entry {}: no kind", item.number))?;
    let entry = item.payload.map(|text| Entry::read(kind, text.as_bytes()));
    Ok(Numbered {
        number: item.number,
        kind,
        hour: item.hour,
        entry: entry.transpose()?,
    })
}

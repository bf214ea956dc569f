//! The registrar: the one who writes the record.
//!
//! Enters: entries in their order. Leaves: them in the ledger, synced, in one group commit; then in
//! the store; then [`Changed`]s for whoever shows pages. Never: a word that something is recorded
//! before it is; a wait of the record for the store.
//!
//! The ledger is the truth, the store follows it. A store that fails falls behind, and is brought up
//! from the ledger later: nothing waits for it in memory.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::recent::Recent;
use crate::base::Timestamp;
pub use crate::console::pages::Changed;
use crate::hits::SubjectId;
use crate::ledger::leaf::Hour;
use crate::ledger::line::PAYLOAD_LEN_MAX;
use crate::ledger::{self, Ledger, New, Recovery, Stored};
use crate::record::differ::Written;
use crate::record::{Body, Entry, Kind, Lost, State};
use crate::sealing::Sealed;
use crate::store::{Numbered, Store};

/// Time between attempts while the ledger cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// The same for the store: an attempt may wait for another process, and hits wait with it.
const STORE_RETRY: Duration = Duration::from_secs(5);
/// How long the store may wait for another process.
const STORE_WAIT: Duration = Duration::from_millis(250);
/// Time between two messages on the same, lasting failure.
const SAY_AGAIN: Duration = Duration::from_secs(300);
/// Changes that a slow listener may be behind before it is told to look anew.
const CHANGED_MAX: usize = 1024;
/// Entries that the store takes at a time when it is behind.
const CATCH_UP: usize = 4096;
/// The same beside the daemon's work, and about how long one turn of it may take: hits wait.
const CATCH_UP_BESIDE: usize = 128;
const CATCH_UP_TURN: Duration = Duration::from_millis(10);
/// The store may follow so far behind when nobody waits for it: each of its commits writes whole pages,
/// and those of a few entries are nearly as many as those of a hundred.
const FOLLOWS_WITHIN: Duration = Duration::from_millis(100);
const FOLLOWS_MAX: usize = 1024;

/// Writes ledger and store.
pub struct Registrar {
    kept: Option<Kept>,
    /// Cases as the ledger has them: all that the store does not hold yet, and some that it does.
    recent: Recent,
    /// In the ledger, and not yet offered to the store.
    pending: Vec<Numbered>,
    pending_since: Option<Instant>,
    changed: broadcast::Sender<Changed>,
    state: State,
    retry_at: Option<Instant>,
    said: Option<Instant>,
    failing_since: Option<Instant>,
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

    /// Opens the ledger (made if missing), and the store, which is brought up to it. `now` is the
    /// wall clock.
    ///
    /// # Errors
    /// A sentence with the path and what to do.
    pub fn open(
        settings: &ledger::Settings,
        store: &Path,
        now: Timestamp,
    ) -> Result<(Self, Recovery), String> {
        let (ledger, recovery) = Ledger::open(settings, now)?;
        let folder = settings.folder.clone();
        let mut store = Store::open(store, now)?;
        if store.through() > ledger.size() {
            return Err(format!(
                "the store {} holds entries that the ledger in {} does not: they do not belong \
                 together; delete the store, and it is made again from the ledger",
                store.path().display(),
                folder.display()
            ));
        }
        while !follow(&folder, &mut store, ledger.size(), CATCH_UP)? {}
        store.patience(STORE_WAIT)?;
        let mut registrar = Self::of(Some(Kept {
            ledger,
            store,
            folder,
        }));
        registrar.state.size = registrar.size();
        Ok((registrar, recovery))
    }

    /// From now on a thread of its own writes the store's file. For the daemon, once its rights are
    /// what they stay: a thread keeps those that it was started with.
    pub fn take_over_beside(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.store.take_over_beside();
        }
    }

    fn size(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.ledger.size())
    }

    fn of(kept: Option<Kept>) -> Self {
        let state = State {
            kept: kept.is_some(),
            ..State::default()
        };
        Self {
            kept,
            recent: Recent::default(),
            pending: Vec::new(),
            pending_since: None,
            changed: broadcast::channel(CHANGED_MAX).0,
            state,
            retry_at: None,
            said: None,
            failing_since: None,
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

    /// The pause after a failure is over: for the end.
    pub fn hurry(&mut self) {
        (self.retry_at, self.store_retry_at) = (None, self.store_retry_at.map(|_| Instant::now()));
    }

    /// Why an entry could not be recorded just now; `None` when all is well.
    pub fn failing(&self) -> Option<&str> {
        self.state.failing.as_deref()
    }

    /// Since when.
    pub const fn failing_since(&self) -> Option<Instant> {
        self.failing_since
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

    /// Records entries: when it returns they are on the disk, and [`Self::project`] is due. `cases` are those among them, as they
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
        // The ledger itself says that it can be written again.
        self.state.failing = None;
        (self.retry_at, self.said, self.failing_since) = (None, None, None);
        for entry in &entries {
            self.state.entries.bump(entry.kind().index());
        }
        self.recent.extend(cases);
        let numbered = (range.start..).zip(entries);
        self.pending
            .extend(numbered.map(|(number, entry)| numbered_as(number, entry)));
        Ok(Some(range))
    }

    fn failed(&mut self, why: String, now: Instant) -> String {
        self.state.failures += 1;
        self.retry_at = Some(now + RETRY);
        self.failing_since.get_or_insert(now);
        if self
            .said
            .is_none_or(|at| now.duration_since(at) >= SAY_AGAIN)
        {
            self.said = Some(now);
            tracing::error!("nothing is acknowledged, hits wait in memory: {why}");
        }
        self.state.failing = Some(why.clone());
        why
    }

    /// As [`Self::project`], once there is enough of it, or it has waited a little. To be called soon
    /// after [`Self::record`], and as time goes by.
    pub fn project_soon(&mut self, now: Instant) {
        let since = *self.pending_since.get_or_insert(now);
        let waited = now.duration_since(since) >= FOLLOWS_WITHIN;
        // One that is behind comes up with each group.
        let behind = self.store_retry_at.is_some_and(|at| now >= at);
        if self.pending.is_empty() {
            self.pending_since = None;
        } else if self.pending.len() >= FOLLOWS_MAX || waited || behind {
            self.project(now);
        }
    }

    /// Brings what was recorded last into the store, and to whoever listens: before anybody asks the
    /// store for what is so.
    pub fn project(&mut self, now: Instant) {
        self.pending_since = None;
        let numbered = std::mem::take(&mut self.pending);
        let Some(kept) = self.kept.as_mut().filter(|_| !numbered.is_empty()) else {
            return;
        };
        if self.state.store_failing.is_none() {
            if let Err(why) = kept.store.apply(&numbered) {
                self.fell_behind(why, now);
            } else {
                self.recent.shorten();
            }
        } else if self.store_retry_at.is_some_and(|at| now >= at) {
            self.catch_up(now);
        }
        for it in numbered {
            let Some(entry) = it.entry else { continue };
            // Nobody may be listening.
            let _ = self.changed.send(Changed {
                number: it.number,
                kind: entry.kind(),
                case: entry.case().map(str::to_owned),
            });
        }
        self.state.store_behind = self.behind();
    }

    fn fell_behind(&mut self, why: String, now: Instant) {
        self.state.store_failures += 1;
        self.store_retry_at = Some(now + STORE_RETRY);
        if self.state.store_failing.is_none() {
            tracing::error!("{why}; the record goes on, the store is brought up later");
        }
        self.state.store_failing = Some(why);
    }

    fn behind(&self) -> u64 {
        let Some(kept) = &self.kept else {
            return 0;
        };
        let behind = self.state.size.saturating_sub(kept.store.through());
        // What is about to be given to it does not count.
        behind.saturating_sub(self.pending.len() as u64)
    }

    /// The newest entry of a kind.
    pub fn newest(&self, kind: Kind) -> Option<Entry> {
        let kept = self.kept.as_ref()?;
        self.entry(kept.store.newest(kind).ok()??)
    }

    /// Ids of the alerts on a case that are in the record.
    pub fn alerts(&self, case: &str) -> Vec<String> {
        let kept = self.kept.as_ref();
        kept.and_then(|kept| kept.store.alerts(case).ok())
            .unwrap_or_default()
    }

    /// What the record has sealed of a subject.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn sealed(&self, subject: &SubjectId) -> Result<Vec<Sealed>, String> {
        let Some(kept) = &self.kept else {
            return Ok(Vec::new());
        };
        let numbers = kept.store.sealed(subject)?;
        let entries = numbers.into_iter().filter_map(|number| self.entry(number));
        let sealed = entries.filter_map(|entry| match entry.body {
            Body::Sealed(sealed) => Some(*sealed),
            _ => None,
        });
        Ok(sealed.collect())
    }

    /// Cases under a hold at `now`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn held(&self, now: Timestamp) -> Result<BTreeSet<String>, String> {
        match &self.kept {
            Some(kept) => Ok(kept.store.held(now)?.into_iter().collect()),
            None => Ok(BTreeSet::new()),
        }
    }

    /// Entries from a number on that can be read, of at most so many.
    pub fn some(&self, from: u64, most: u64) -> Vec<Entry> {
        let Some(kept) = &self.kept else {
            return Vec::new();
        };
        let until = from.saturating_add(most);
        let stored = Ledger::read(&kept.folder, from).into_iter().flatten();
        let stored = stored.map_while(Result::ok);
        let stored = stored.take_while(|it| it.number < until);
        let entries = stored.filter_map(|it| Entry::read(Kind::of(&it.kind)?, &it.payload?).ok());
        entries.collect()
    }

    /// An entry of the ledger; `None` when there is none of this number, or its payload is gone.
    pub fn entry(&self, number: u64) -> Option<Entry> {
        let kept = self.kept.as_ref()?;
        let stored = Ledger::read(&kept.folder, number).ok()?.next()?.ok()?;
        Entry::read(Kind::of(&stored.kind)?, &stored.payload?).ok()
    }

    /// Where the ledger is, and how many entries it holds; `None` when no record is kept.
    pub fn ledger(&self) -> Option<(&Path, u64)> {
        let kept = self.kept.as_ref()?;
        Some((&kept.folder, kept.ledger.size()))
    }

    /// Deletes the payloads of entries, what the store has of them, its backups, and what a crash
    /// left of lines. Gives how many payloads went; those that were gone already do not count.
    ///
    /// # Errors
    /// A sentence; some may be gone then, and the same call may be made again.
    pub fn erase(&mut self, numbers: &[u64], wall: Timestamp) -> Result<u64, String> {
        self.project(Instant::now());
        self.store()?;
        let Some(kept) = &mut self.kept else {
            return Ok(0);
        };
        let gone = kept.ledger.delete(numbers, wall)?;
        kept.store.forget(numbers)?;
        kept.store.cut()?;
        ledger::torn::delete(&kept.folder)?;
        self.recent.clear();
        Ok(gone)
    }

    /// Deletes payload and salt of entries (sorted) from the ledger, and what was made of them from
    /// the store: their time is over, and the record says so. `cases` go with them.
    ///
    /// # Errors
    /// A sentence; some may be deleted then, and the same may be asked again.
    pub fn expire(
        &mut self,
        numbers: &[u64],
        cases: &[String],
        wall: Timestamp,
    ) -> Result<(), String> {
        let Some(kept) = &mut self.kept else {
            return Ok(());
        };
        self.state.expired += kept.ledger.delete(numbers, wall)?;
        // What the record has of a case may be less now.
        for case in cases {
            self.recent.forget(case);
        }
        kept.store.forget(numbers)
    }

    /// Signs a checkpoint now. One that cannot be signed is tried again as time goes by.
    pub fn sign(&mut self, wall: Timestamp) {
        if let Some(kept) = &mut self.kept {
            let _ = kept.ledger.checkpoint(wall);
        }
    }

    /// What time brings: checkpoints, and the store brought up.
    pub fn tick(&mut self, wall: Timestamp, now: Instant) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        kept.ledger.tick(wall);
        self.project_soon(now);
        let Some(kept) = &mut self.kept else {
            return;
        };
        kept.store.tend(now);
        if self.store_retry_at.is_some_and(|at| now >= at) {
            self.catch_up(now);
        }
    }

    /// Brings the store nearer to the ledger, for a turn: hits wait meanwhile.
    fn catch_up(&mut self, now: Instant) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        let begun = Instant::now();
        let size = self.state.size;
        let there = loop {
            match follow(&kept.folder, &mut kept.store, size, CATCH_UP_BESIDE) {
                Ok(false) if begun.elapsed() < CATCH_UP_TURN => {}
                other => break other,
            }
        };
        self.store_retry_at = None;
        match there {
            // Goes on with the next group, or the next tick.
            Ok(false) => self.store_retry_at = Some(now),
            Ok(true) => {
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
        let store = self.kept.as_ref().map(|kept| kept.store.taken_over());
        let failures = store.map_or(0, |(failures, _)| failures);
        State {
            waiting: waiting as u64,
            store_failures: self.state.store_failures + failures,
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
        if let Some(kept) = self.kept.take() {
            kept.ledger.close(wall)?;
        }
        Ok(self.state)
    }
}

#[cfg(test)]
impl Registrar {
    pub(super) fn ledger_fails_while(
        &mut self,
        full: std::sync::Arc<std::sync::atomic::AtomicBool>,
    ) {
        if let Some(kept) = &mut self.kept {
            kept.ledger.fail_while(full);
        }
    }
}

/// What cannot be written as text is counted, and stands in nobody's way.
fn texts(entries: Vec<Entry>, state: &mut State) -> (Vec<New>, Vec<Entry>) {
    let (mut new, mut kept) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        let text = entry
            .text()
            .and_then(|text| match text.len() <= PAYLOAD_LEN_MAX {
                true => Ok(text),
                false => Err(format!("an entry of kind {} is too long", entry.kind())),
            });
        match text {
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

fn numbered_as(number: u64, entry: Entry) -> Numbered {
    let hour = Hour::of(entry.time).start();
    Numbered::new(number, hour, entry)
}

/// Brings the store nearer to the ledger's first `size` entries by at most `most`; `true` when it is
/// there.
fn follow(ledger: &Path, store: &mut Store, size: u64, most: usize) -> Result<bool, String> {
    let from = store.through();
    let left = usize::try_from(size.saturating_sub(from)).unwrap_or(usize::MAX);
    let mut some = Vec::new();
    if left > 0 {
        for stored in Ledger::read(ledger, from)?.take(left.min(most)) {
            let Stored {
                number,
                kind,
                time,
                payload,
            } = stored?;
            some.push(Numbered::read(number, kind, time, payload.as_deref())?);
        }
        if some.is_empty() {
            return Err(format!(
                "the ledger gives no entry {from}, and should hold {size}"
            ));
        }
        store.apply(&some)?;
    }
    Ok(store.through() >= size)
}

//! Reading beside the writer.
//!
//! Enters: the path of the store, filters, pages. Leaves: what [`shown`](super::shown) has. Never:
//! changes the store (the connection is read-only); takes longer than its time; gives more rows
//! than a page holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::filter::{CaseFilter, HitFilter};
use super::query::search::Bounds;
use super::query::{audit, cases, coverage, hits, subjects, vendors};
use super::shown::{
    AuditFilter, AuditRow, CasePage, CaseRow, CaseView, HitRow, InboxCounts, Listing, Page,
    Request, SubjectEntries, Suppression, VendorSummary,
};
use super::{Triage, schema, triage};
use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::Coverage;

/// A question that takes longer is ended.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 4000;

/// A connection that reads. Cheap enough for one per thread; each question sees one state of the
/// store.
pub struct Reader {
    db: Connection,
    path: PathBuf,
    clock: Arc<Clock>,
    bounds: Bounds,
}

/// When the question at hand has to end.
struct Clock {
    since: Instant,
    /// Milliseconds after `since`; 0: no end.
    end_ms: AtomicU64,
    over: AtomicBool,
}

impl Reader {
    /// Opens the store for reading.
    ///
    /// # Errors
    /// A sentence: there is none, a newer program made it, it is damaged.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut db = schema::open_to_read(path)?;
        let clock = Arc::new(Clock {
            since: Instant::now(),
            end_ms: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let watch = Arc::clone(&clock);
        db.progress_handler(STEPS, Some(move || watch.is_over()))
            .map_err(|e| schema::fault(path, &e))?;
        Ok(Self {
            db,
            path: path.to_owned(),
            clock,
            bounds: Bounds::USUAL,
        })
    }

    /// The same, with other bounds of its searches.
    #[cfg(test)]
    pub(super) fn within(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Number of the entry that the store expects next: what was taken in so far lies below.
    ///
    /// # Errors
    /// As of all questions here: a sentence; the store is damaged, or the question took too long.
    pub fn through(&self) -> Result<u64, String> {
        self.ask(schema::through)
    }

    /// Cases that a filter lets through. `now` is the wall clock: ages and suppressions depend on
    /// it.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn cases(
        &self,
        filter: &CaseFilter,
        page: CasePage,
        now: Timestamp,
    ) -> Result<Listing<CaseRow>, String> {
        self.ask(|db| cases::list(db, filter, page, now))
    }

    /// A case with all that belongs to it; `None`: there is none of this id.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn case(&self, id: &str, now: Timestamp) -> Result<Option<CaseView>, String> {
        self.ask(|db| cases::whole(db, id, now))
    }

    /// Where the work on a case stands.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn triage(&self, case: &str) -> Result<Option<Triage>, String> {
        self.ask(|db| triage::of(db, case))
    }

    /// Numbers beside the inbox.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn counts(&self, now: Timestamp) -> Result<InboxCounts, String> {
        self.ask(|db| cases::counts(db, now))
    }

    /// Rules under which cases need no attention, newest first; those that are over too.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn suppressions(&self, now: Timestamp) -> Result<Vec<Suppression>, String> {
        self.ask(|db| cases::suppressions(db, now))
    }

    /// Hits that a filter lets through, newest first.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn hits(
        &self,
        filter: &HitFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Listing<HitRow>, String> {
        self.ask(|db| hits::list(db, filter, page, now, self.bounds))
    }

    /// Hits from entry `number` on that a filter lets through, oldest first: the live tail. Gives
    /// the number to go on from too.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn hits_from(
        &self,
        filter: &HitFilter,
        number: u64,
        rows: u32,
        now: Timestamp,
    ) -> Result<(Vec<HitRow>, u64), String> {
        self.ask(|db| hits::tail(db, filter, number, rows, now))
    }

    /// A hit by its `event.id`.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn hit(&self, id: &str) -> Result<Option<HitRow>, String> {
        self.ask(|db| hits::one(db, id))
    }

    /// Hours of coverage that touch a span, in order, each with its entry's number.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn coverage(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(u64, Coverage)>, String> {
        self.ask(|db| coverage::hours(db, from, until))
    }

    /// Each vendor of which there are hits or cases, by id.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn vendors(&self) -> Result<Vec<VendorSummary>, String> {
        self.ask(vendors::all)
    }

    /// The audit trail, newest first. The cursor's time does not matter.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn audit(&self, filter: &AuditFilter, page: Page) -> Result<Listing<AuditRow>, String> {
        self.ask(|db| audit::list(db, filter, page))
    }

    /// Requests for the identity behind a case, newest first; `open`: only those that wait.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn requests(&self, open: bool) -> Result<Vec<Request>, String> {
        self.ask(|db| audit::requests(db, None, open))
    }

    /// Numbers of all entries of a case, in order: its own, and the hits that are its evidence.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn entries_of(&self, case: &str) -> Result<Vec<u64>, String> {
        self.ask(|db| subjects::entries_of(db, case))
    }

    /// Entries that concern a subject.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn entries_of_subject(&self, subject: &SubjectId) -> Result<SubjectEntries, String> {
        self.ask(|db| subjects::of_subject(db, subject))
    }

    /// Entries that hold the sealed records and frames of a subject, oldest first.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn sealed(&self, subject: &SubjectId) -> Result<Vec<u64>, String> {
        self.ask(|db| subjects::sealed(db, subject))
    }

    /// Entries that hold the sealed frames of a hit, by its `event.id`.
    ///
    /// # Errors
    /// As [`Self::through`].
    pub fn frames(&self, hit: &str) -> Result<Vec<u64>, String> {
        self.ask(|db| subjects::frames(db, hit))
    }

    /// Asks within the time, in one state of the store.
    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, String> {
        self.clock.begin();
        let answer = self
            .db
            .unchecked_transaction()
            .and_then(|_state| question(&self.db));
        let over = self.clock.end();
        answer.map_err(|e| {
            if over {
                format!(
                    "the question took longer than {} s and was ended: narrow the filter, by time \
                     first",
                    TIME_MAX.as_secs()
                )
            } else {
                schema::fault(&self.path, &e)
            }
        })
    }
}

impl Clock {
    fn begin(&self) {
        let end = self.since.elapsed() + TIME_MAX;
        let end_ms = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
        self.over.store(false, Ordering::Relaxed);
        self.end_ms.store(end_ms.max(1), Ordering::Relaxed);
    }

    /// Says whether the time was over.
    fn end(&self) -> bool {
        self.end_ms.store(0, Ordering::Relaxed);
        self.over.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        let end_ms = self.end_ms.load(Ordering::Relaxed);
        let over = end_ms != 0 && self.since.elapsed().as_millis() > u128::from(end_ms);
        if over {
            self.over.store(true, Ordering::Relaxed);
        }
        over
    }
}

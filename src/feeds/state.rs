//! How a feed is doing, for metrics and `doctor`.
//!
//! Enters: counts of the threads. Leaves: [`FeedState`]. Never: holds a word of a line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Feed, Kind};
use crate::base::Timestamp;

/// One feed, as of now. Counters are since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Is its file (or socket) open?
    pub open: bool,
    /// Why not, or what else is wrong, and what to do. No word of a line.
    pub problem: Option<String>,
    /// Lines, frames or datagrams read.
    pub lines: u64,
    /// Events made of them: facts, translations, mails and hits.
    pub events: u64,
    /// Those that were of another format, cut off, longer than 64 KiB, or not authentic.
    pub malformed: u64,
    /// Events lost because the queue was full (listeners only: a file waits).
    pub dropped: u64,
    /// When the newest was read, wall clock.
    pub last: Option<Timestamp>,
    /// Bytes of the file that are not read yet.
    pub lag_bytes: u64,
}

/// A feed's state, shared between its thread and those who ask.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<FeedState>>);

impl Shared {
    /// Nothing read yet.
    pub fn new(feed: &Feed) -> Self {
        Self(Arc::new(Mutex::new(FeedState {
            name: feed.name().to_owned(),
            kind: feed.kind(),
            open: false,
            problem: None,
            lines: 0,
            events: 0,
            malformed: 0,
            dropped: 0,
            last: None,
            lag_bytes: 0,
        })))
    }

    /// As of now.
    pub fn state(&self) -> FeedState {
        self.lock().clone()
    }

    /// To change it. Plain counters: a thread that panicked between two of them broke nothing.
    pub fn lock(&self) -> MutexGuard<'_, FeedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The feed is open or not, and why; said in the log once per change.
    pub fn set(&self, open: bool, problem: Option<String>) {
        let mut state = self.lock();
        let changed = state.problem != problem || state.open != open;
        if changed {
            match &problem {
                Some(why) => tracing::warn!(feed = %state.name, "{why}"),
                None if open => tracing::info!(feed = %state.name, "the feed is open"),
                None => {}
            }
        }
        state.open = open;
        state.problem = problem;
    }
}

//! Repeats of a hit become a count.
//!
//! Enters: hits in packet time. Leaves: the first hit of each kind at once, and one summary when
//! its window closes. Never: looks at the clock (a replay folds as the live run did), grows beyond
//! its bound, loses a hit without counting it in a summary.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Seen, Timestamp};
use crate::event::Hit;

/// Default length of a window, in packet time.
pub const WINDOW_DEFAULT: Duration = Duration::from_secs(300);
/// Default bound of open windows.
pub const WINDOWS_MAX_DEFAULT: usize = 65_536;

/// What comes out of folding.
pub enum Finding {
    /// The first hit of its kind within a window.
    First(Box<Hit>),
    /// What came after it, when the window closes.
    Folded(Box<Fold>),
}

/// A closed window with at least one repeat.
pub struct Fold {
    /// The first hit, without its evidence: that stands in its own record.
    pub first: Hit,
    /// Hits after the first.
    pub repeats: u64,
    /// Packet time of the latest of them.
    pub last: Timestamp,
    /// Frame of the latest of them.
    pub last_frame: u64,
}

#[derive(PartialEq, Eq, Hash)]
struct FoldKey {
    client: IpAddr,
    vendor: String,
    rule: String,
    kind: String,
    name: String,
    seen: Seen,
    point: String,
}

impl FoldKey {
    fn of(hit: &Hit) -> Self {
        Self {
            client: hit.ends.src,
            vendor: hit.rule.vendor.clone(),
            rule: hit.rule.rule.clone(),
            kind: hit.rule.kind.clone(),
            name: hit.name.clone(),
            seen: hit.seen,
            point: hit.point.clone(),
        }
    }
}

/// Opening time, then a running number: a total order in which windows close.
type Opened = (Timestamp, u64);

/// Folds repeats. One table for all workers.
pub struct Folder {
    window_ns: i64,
    windows_max: usize,
    windows: HashMap<Arc<FoldKey>, Fold>,
    by_age: BTreeMap<Opened, Arc<FoldKey>>,
    opened: u64,
    folded: u64,
    closed_early: u64,
}

impl Folder {
    /// With windows of `window` (zero: nothing is folded), at most `windows_max` open at a time.
    pub fn new(window: Duration, windows_max: usize) -> Self {
        Self {
            window_ns: i64::try_from(window.as_nanos()).unwrap_or(i64::MAX),
            windows_max: windows_max.max(1),
            windows: HashMap::new(),
            by_age: BTreeMap::new(),
            opened: 0,
            folded: 0,
            closed_early: 0,
        }
    }

    /// Takes one hit; appends to `out` what is ripe: summaries of windows that its time closes,
    /// then the hit itself if it is the first of its kind.
    pub fn take(&mut self, hit: Hit, out: &mut Vec<Finding>) {
        if self.window_ns == 0 {
            out.push(Finding::First(Box::new(hit)));
            return;
        }
        self.tick(hit.time, out);
        let key = FoldKey::of(&hit);
        if let Some(fold) = self.windows.get_mut(&key) {
            self.folded += 1;
            fold.repeats += 1;
            if hit.time >= fold.last {
                (fold.last, fold.last_frame) = (hit.time, hit.frame);
            }
            return;
        }
        if self.windows.len() >= self.windows_max {
            self.closed_early += 1;
            self.close_oldest(out);
        }
        self.open(Arc::new(key), &hit);
        out.push(Finding::First(Box::new(hit)));
    }

    /// Closes the windows that have run their time by `now` (packet time).
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        while let Some((&(opened, _), _)) = self.by_age.first_key_value() {
            if opened.nanos().saturating_add(self.window_ns) > now.nanos() {
                break;
            }
            self.close_oldest(out);
        }
    }

    /// Closes every window: at the end of a run.
    pub fn flush(&mut self, out: &mut Vec<Finding>) {
        while !self.by_age.is_empty() {
            self.close_oldest(out);
        }
    }

    /// Windows open now.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Is no window open?
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Hits that went into a count instead of a record of their own.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// Windows closed before their time because the table was full.
    pub fn closed_early(&self) -> u64 {
        self.closed_early
    }

    fn open(&mut self, key: Arc<FoldKey>, hit: &Hit) {
        let opened = (hit.time, self.opened);
        self.opened += 1;
        // Up to 16 KiB of evidence in each of the windows would be a gigabyte.
        let first = Hit {
            evidence: Vec::new(),
            carrier: None,
            ..hit.clone()
        };
        let fold = Fold {
            repeats: 0,
            last: hit.time,
            last_frame: hit.frame,
            first,
        };
        self.by_age.insert(opened, Arc::clone(&key));
        self.windows.insert(key, fold);
    }

    fn close_oldest(&mut self, out: &mut Vec<Finding>) {
        let Some((_, key)) = self.by_age.pop_first() else {
            return;
        };
        if let Some(fold) = self.windows.remove(&key).filter(|fold| fold.repeats > 0) {
            out.push(Finding::Folded(Box::new(fold)));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

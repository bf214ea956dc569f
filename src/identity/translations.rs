//! Which inside address stood behind a flow: out of a translator's log.
//!
//! Enters: [`Translation`]s as keyed flow ids and traces of the inside. Leaves: the inside of a
//! flow at a moment. Never: keeps an address; guesses between two.

use std::collections::HashMap;

use super::Trace;
use crate::hits::Tag;

/// Longest time that a translation without an end speaks for.
const OPEN_NS: i64 = 24 * 3_600_000_000_000;
/// A log line may be written this long after the first packet passed.
const LATE_NS: i64 = 2_000_000_000;
/// Translations kept of one flow.
const OF_FLOW_MAX: usize = 32;

/// What stands behind a flow.
pub(super) enum Inside<'t> {
    /// Nothing is logged.
    Unknown,
    /// This client.
    One(&'t Trace),
    /// Two logs, or two lines, name different ones.
    Conflict,
}

struct Line {
    from: i64,
    until: i64,
    origin: Tag,
    inside: Trace,
}

/// The log. Bounded: at `len_max` the flow that was begun first goes.
pub(super) struct Translations {
    flows: HashMap<String, Vec<Line>>,
    len: usize,
    len_max: usize,
}

impl Translations {
    pub(super) fn new(len_max: usize) -> Self {
        Self {
            flows: HashMap::new(),
            len: 0,
            len_max,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// `flow` is the keyed id of the outside; `inside` is whose address it was.
    pub(super) fn insert(&mut self, flow: String, until: Option<i64>, origin: Tag, inside: Trace) {
        let from = inside.time.0;
        let until = until.unwrap_or(i64::MAX).min(from.saturating_add(OPEN_NS));
        if self.len >= self.len_max {
            self.drop_oldest();
        }
        let lines = self.flows.entry(flow).or_default();
        let same = |it: &&mut Line| {
            (it.from, it.origin) == (from, origin) && it.inside.address == inside.address
        };
        if let Some(line) = lines.iter_mut().find(same) {
            // The line that tells the end of what an earlier one began.
            line.until = line.until.min(until);
            return;
        }
        lines.push(Line {
            from,
            until,
            origin,
            inside,
        });
        lines.sort_by_key(|line| line.from);
        self.len += 1;
        if lines.len() > OF_FLOW_MAX {
            lines.remove(0);
            self.len -= 1;
        }
    }

    /// Who was behind the flow at `at`.
    pub(super) fn inside(&self, flow: &str, at: i64) -> Inside<'_> {
        let Some(lines) = self.flows.get(flow) else {
            return Inside::Unknown;
        };
        let mut found = Self::among(lines, at);
        if matches!(found, Inside::Unknown) {
            found = Self::among(lines, at.saturating_add(LATE_NS));
        }
        found
    }

    fn among(lines: &[Line], at: i64) -> Inside<'_> {
        let mut found: Option<&Line> = None;
        for (place, line) in lines.iter().enumerate() {
            // A port in use again replaces what the same log said of it before.
            let replaced = lines
                .iter()
                .skip(place + 1)
                .any(|next| next.origin == line.origin && next.from <= at && next.from > line.from);
            if line.from > at || at > line.until || replaced {
                continue;
            }
            match found {
                Some(other) if other.inside.address != line.inside.address => {
                    return Inside::Conflict;
                }
                _ => found = Some(line),
            }
        }
        found.map_or(Inside::Unknown, |line| Inside::One(&line.inside))
    }

    /// Forgets what was over before `over`.
    pub(super) fn tick(&mut self, over: i64) {
        let mut left = 0;
        self.flows.retain(|_, lines| {
            lines.retain(|line| line.until > over);
            left += lines.len();
            !lines.is_empty()
        });
        self.len = left;
    }

    /// Forgets those whose inside had one of these addresses.
    pub(super) fn erase(&mut self, had: impl Fn(&str) -> bool) {
        let mut left = 0;
        self.flows.retain(|_, lines| {
            lines.retain(|line| !had(&line.inside.address));
            left += lines.len();
            !lines.is_empty()
        });
        self.len = left;
    }

    fn drop_oldest(&mut self) {
        let mut starts: Vec<i64> = self.flows.values().flatten().map(|it| it.from).collect();
        let middle = starts.len() / 16;
        let (_, border, _) = starts.select_nth_unstable(middle);
        let border = *border;
        let mut left = 0;
        self.flows.retain(|_, lines| {
            lines.retain(|line| line.from > border);
            left += lines.len();
            !lines.is_empty()
        });
        self.len = left;
    }
}

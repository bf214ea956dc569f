//! How late the sources of identity speak, and up to when all of them have spoken.
//!
//! Enters: when a fact holds from and when it was learned. Leaves: the moment up to which no source is
//! expected to contradict what is known. Never: waits longer than [`LATE_NS_MAX`] for a source; takes a
//! file that is read from its beginning for a late source.
//!
//! A source that is quiet and a source that is late look the same. So each is believed to be as late as
//! the latest of its newest facts was; once it has told of a later moment, it has spoken.

use std::collections::HashMap;

use crate::hits::Tag;

/// Nobody waits longer than an hour for a source. What was older than that when it was learned is
/// history (a lease file read at the start), no sign of lateness.
const LATE_NS_MAX: i64 = 3_600_000_000_000;
/// Less is on time: the delay of log writers, and of clocks that differ a little.
const PROMPT_NS: i64 = 10_000_000_000;
/// Of so many newest facts the latest counts.
const FACTS: usize = 16;
/// Sources that are told apart; there are a few servers.
const ORIGINS_MAX: usize = 256;

/// What is known of each source's lateness.
#[derive(Default)]
pub(super) struct Lags {
    origins: HashMap<Tag, Origin>,
}

struct Origin {
    /// The latest moment that it has told of.
    newest: i64,
    lags: [i64; FACTS],
    at: usize,
}

impl Lags {
    /// A fact of `origin` that holds from `time` was learned; `news` when it may change what was
    /// said of a past moment. What repeats known things (a file written anew) is not late.
    pub(super) fn note(&mut self, origin: Tag, time: i64, learned: i64, news: bool) {
        if self.origins.len() >= ORIGINS_MAX && !self.origins.contains_key(&origin) {
            return;
        }
        let it = self.origins.entry(origin).or_insert(Origin {
            newest: i64::MIN,
            lags: [0; FACTS],
            at: 0,
        });
        it.newest = it.newest.max(time.min(learned));
        let lag = learned.saturating_sub(time);
        if lag <= PROMPT_NS {
            it.push(0);
        } else if news && lag <= LATE_NS_MAX {
            it.push(lag);
        }
    }

    /// Up to when all have spoken, at `now`; `None` when none is late.
    pub(super) fn settled(&self, now: i64) -> Option<i64> {
        let late = self.origins.values().filter(|it| it.lag() > 0);
        late.map(|it| it.newest.max(now.saturating_sub(it.lag())))
            .min()
    }
}

impl Origin {
    fn push(&mut self, lag: i64) {
        self.lags[self.at] = lag;
        self.at = (self.at + 1) % FACTS;
    }

    fn lag(&self) -> i64 {
        self.lags.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn tag(n: u8) -> Tag {
        crate::hits::tag_in(&format!("ip-{n:032x}")).expect("a pseudonym")
    }

    #[test]
    fn who_is_on_time_is_not_waited_for() {
        let mut lags = Lags::default();
        assert_eq!(lags.settled(99), None);
        lags.note(tag(1), 5 * MINUTE, 5 * MINUTE + 1_000, true);
        assert_eq!(lags.settled(6 * MINUTE), None);
    }

    #[test]
    fn a_late_source_is_waited_for_until_it_has_spoken_or_could_have() {
        let mut lags = Lags::default();
        lags.note(tag(1), 0, 30 * MINUTE, true);
        lags.note(tag(2), 30 * MINUTE, 30 * MINUTE, true);
        assert_eq!(lags.settled(50 * MINUTE), Some(20 * MINUTE));
        // It tells of a later moment, sooner than it used to.
        lags.note(tag(1), 45 * MINUTE, 55 * MINUTE, true);
        assert_eq!(lags.settled(56 * MINUTE), Some(45 * MINUTE));
    }

    #[test]
    fn history_and_repetition_are_not_late_and_lateness_passes() {
        let mut lags = Lags::default();
        lags.note(tag(1), 0, 61 * MINUTE, true);
        lags.note(tag(1), 40 * MINUTE, 61 * MINUTE, false);
        assert_eq!(lags.settled(62 * MINUTE), None);
        lags.note(tag(1), 60 * MINUTE, 90 * MINUTE, true);
        assert!(lags.settled(91 * MINUTE).is_some());
        for n in 0..FACTS as i64 {
            lags.note(tag(1), (92 + n) * MINUTE, (92 + n) * MINUTE, true);
        }
        assert_eq!(lags.settled(200 * MINUTE), None);
    }
}

//! Cases as the record has them, so that the store need not be asked for each change.
//!
//! Enters: what was recorded of cases, what was read of them. Leaves: the same, while it is kept.
//! Never: forgets what the store does not hold yet; grows beyond its bound otherwise.
//!
//! Two halves: when the newer one is full it becomes the older one, and what was not asked for since
//! then goes. So what is used often stays.

use std::collections::HashMap;

use crate::record::differ::Written;

/// Cases of one half.
const CASES_MAX: usize = 4096;
/// Pieces of evidence, steps and attributions of one half: what a case takes grows with them.
const PIECES_MAX: usize = 65_536;

/// The cases.
#[derive(Default)]
pub(super) struct Recent {
    newer: HashMap<String, Written>,
    older: HashMap<String, Written>,
    /// Pieces of the newer half.
    pieces: usize,
}

impl Recent {
    /// A case, if it is remembered.
    pub(super) fn get(&self, case: &str) -> Option<&Written> {
        self.newer.get(case).or_else(|| self.older.get(case))
    }

    /// Cases as they are recorded now.
    pub(super) fn extend(&mut self, cases: impl IntoIterator<Item = (String, Written)>) {
        for (case, written) in cases {
            self.older.remove(&case);
            self.pieces += pieces(&written);
            if let Some(was) = self.newer.insert(case, written) {
                self.pieces -= pieces(&was);
            }
        }
    }

    /// The store holds all of them: what was not used for longest may go.
    pub(super) fn shorten(&mut self) {
        if self.newer.len() > CASES_MAX || self.pieces > PIECES_MAX {
            self.older = std::mem::take(&mut self.newer);
            self.pieces = 0;
        }
    }

    /// A case is not in the record any more, or not all of it.
    pub(super) fn forget(&mut self, case: &str) {
        self.older.remove(case);
        if let Some(was) = self.newer.remove(case) {
            self.pieces -= pieces(&was);
        }
    }

    /// The same of all cases.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What it takes, about.
fn pieces(written: &Written) -> usize {
    1 + written.items.len() + written.steps.len() + written.attribution.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::blocklist::Stage;
    use crate::cases::Step;

    fn some(from: usize, many: usize) -> impl Iterator<Item = (String, Written)> {
        (from..from + many).map(|at| (at.to_string(), Written::default()))
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes_in_time() {
        let mut recent = Recent::default();
        for round in 0..10 {
            recent.extend(some(1_000_000, 1));
            recent.extend(some(round * CASES_MAX, CASES_MAX));
            recent.shorten();
            assert!(recent.get("1000000").is_some(), "{round}");
            let held = recent.newer.len() + recent.older.len();
            assert!(held <= 2 * CASES_MAX + 2, "{held}");
        }
        let newest = (9 * CASES_MAX).to_string();
        assert!(recent.get(&newest).is_some());
        assert!(recent.get("0").is_none());
        recent.forget(&newest);
        assert!(recent.get(&newest).is_none());
    }

    #[test]
    fn nothing_goes_before_the_store_holds_it() {
        let mut recent = Recent::default();
        recent.extend(some(0, 5 * CASES_MAX));
        assert!((0..5 * CASES_MAX).all(|at| recent.get(&at.to_string()).is_some()));
        // Recorded anew: once.
        recent.extend(some(0, 10));
        assert_eq!(recent.newer.len(), 5 * CASES_MAX);
        assert_eq!(recent.pieces, 5 * CASES_MAX);
    }

    #[test]
    fn large_cases_count_for_more() {
        let mut recent = Recent::default();
        let large = |at: usize| {
            let step = Step {
                stage: Stage::Visited,
                time: Timestamp(5),
                confidence: 50,
                items: Vec::new(),
                sum: Vec::new(),
            };
            let written = Written {
                steps: vec![step; PIECES_MAX / 4],
                ..Written::default()
            };
            (at.to_string(), written)
        };
        for at in 0..20 {
            recent.extend([large(at)]);
            recent.shorten();
        }
        assert!(recent.newer.len() + recent.older.len() <= 8);
    }
}

//! What an export wrote and what its format could not hold.
//!
//! Enters: one count at a time. Leaves: totals by reason. Never: a name.

use crate::base::seen::closed_set;

closed_set! {
    /// Why a rule, or part of one, is not in an export.
    LeftOut {
        /// A pattern (`api.*.example.com`): the format has no wildcard of exactly one label.
        Pattern = "patterns that the format cannot say",
        /// A suffix of which only the name itself is written: the format has no names below.
        NamesBelow = "suffixes of which only the name itself is written",
        /// A single name in a format whose every line covers the names below too.
        SingleName = "single names: the format would cover all names below them too",
        /// A suffix in a format without exceptions, and at or below it lie names that are not wanted.
        HasExceptions = "suffixes with exceptions: at most the name itself is written",
        /// A rule below an exception, in a format where exceptions always win.
        BelowException = "rules below an exception, which always wins in this format",
        /// An exception of one name that also takes the names below it out.
        WideException = "exceptions of single names that let the names below them through too",
        /// Dual-use or a supplier's, and the format has no room for the mark.
        NoMark = "dual-use and supplier names: the format has no room for the mark",
    }
}

/// What an export wrote and what it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rules that went out, whole or in part.
    pub written: u64,
    /// Exceptions that went out.
    pub exceptions: u64,
    left: [u64; LeftOut::ALL.len()],
}

impl Tally {
    /// Counts one.
    pub(super) fn leave(&mut self, why: LeftOut) {
        if let Some(count) = self.left.get_mut(why.index()) {
            *count += 1;
        }
    }

    /// How many were left out for this reason.
    pub fn left(&self, why: LeftOut) -> u64 {
        self.left.get(why.index()).copied().unwrap_or(0)
    }

    /// Every reason that occurred, with its count.
    pub fn all_left(&self) -> impl Iterator<Item = (LeftOut, u64)> {
        let all = LeftOut::ALL.iter().map(|&why| (why, self.left(why)));
        all.filter(|(_, count)| *count > 0)
    }
}

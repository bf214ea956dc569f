//! The end of a case, and its new beginning.
//!
//! Enters: which case, why, packet time. Leaves: [`Change`]s: the case as it ended, its alerts
//! resolved or taken back. Never: deletes what retention has not.

use std::collections::BTreeSet;

use super::book::{CASES_MAX, CLOSED_MAX, CaseKey, Casebook, Entry, write};
use super::{Alert, AlertKind, Case, Change, tell};
use crate::base::Timestamp;

impl Casebook {
    /// Closes a case for a reason that somebody gave; `false` when none of this id is open.
    pub fn close(&mut self, case: &str, why: &str, now: Timestamp, out: &mut Vec<Change>) -> bool {
        self.now = self.now.max(now);
        let found = self.open.iter().find(|(_, it)| it.case.id == case);
        let Some(key) = found.map(|(key, _)| key.clone()) else {
            return false;
        };
        self.shut(&key, why, AlertKind::Resolved, out);
        true
    }

    /// May a closed case be opened again? Evidence that came since stands in a case of its own, and
    /// a case that was merged or taken back has no subject any more.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn may_reopen(&self, case: &str) -> Result<(), String> {
        let Some(closed) = self.closed.iter().find(|it| it.id == case) else {
            return Err(format!("{case} is not among the closed cases in memory"));
        };
        if closed.ended == Some(AlertKind::Retracted) {
            return Err(format!(
                "{case} was taken back: what it rested on belongs to another subject"
            ));
        }
        let key = (closed.subject.clone(), closed.vendor.clone());
        match self.open.get(&key) {
            Some(other) => Err(format!(
                "{} is open for the same subject and vendor: work on that one",
                other.case.id
            )),
            None if self.open.len() >= CASES_MAX => Err("too many cases are open".into()),
            None => Ok(()),
        }
    }

    /// Opens a closed case again; `false` when [`Self::may_reopen`] says no. Its stages are told
    /// anew: their alerts were resolved when it was closed.
    pub fn reopen(&mut self, case: &str, now: Timestamp, out: &mut Vec<Change>) -> bool {
        self.now = self.now.max(now);
        if self.may_reopen(case).is_err() {
            return false;
        }
        let at = self.closed.iter().position(|it| it.id == case);
        let Some(mut case) = at.and_then(|at| self.closed.remove(at)) else {
            return false;
        };
        (case.closed, case.ended) = (None, None);
        case.grounds.told.clear();
        let key = (case.subject.clone(), case.vendor.clone());
        self.insert(case);
        if let Some(entry) = self.open.get_mut(&key) {
            entry.change();
            (entry.held, entry.reopened) = (true, self.now);
            write(entry, self.now, out);
        }
        self.tell_held(&key, out);
        true
    }

    /// Closed cases that retention deleted are gone from memory too.
    pub fn forget(&mut self, gone: &BTreeSet<String>) {
        self.closed.retain(|case| !gone.contains(&case.id));
    }

    /// Ends a case and takes back or resolves its alerts.
    pub(super) fn shut(
        &mut self,
        key: &CaseKey,
        why: &str,
        kind: AlertKind,
        out: &mut Vec<Change>,
    ) -> Option<Case> {
        let know = self.knowledge(&key.1);
        let Entry { mut case, .. } = self.open.remove(key)?;
        case.closed = Some(why.to_owned());
        case.ended = Some(kind);
        case.revision += 1;
        // They stay in the record, so that its end can be told again after a crash.
        let told = case.grounds.told.clone();
        let alerts: Vec<Alert> = told
            .iter()
            .map(|told| tell::end(&case, told, kind, why, &know.proof, self.now))
            .collect();
        out.push(Change::Case(Box::new(case.clone())));
        out.extend(
            alerts
                .into_iter()
                .map(|alert| Change::Alert(Box::new(alert))),
        );
        self.shelve(case.clone());
        Some(case)
    }

    pub(super) fn shelve(&mut self, case: Case) {
        if self.closed.len() >= CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(case);
    }
}

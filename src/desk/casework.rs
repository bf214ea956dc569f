//! From hit to case: asks identity who it was, tells the casebook, asks again when more is known.
//!
//! Enters: [`Event`]s. Leaves: [`Change`]s, in the order in which they must be written. Never:
//! decides anything of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::Timestamp;
use crate::cases::{Case, Casebook, Change, Counts};
use crate::event::{Event, Hit};
use crate::hits::SubjectId;
use crate::identity::{Attribution, Identity, Trace};

/// Identity and casebook, as one hand.
pub struct Casework {
    identity: Identity,
    casebook: Casebook,
    /// Facts came that may change whose an item is.
    stale: bool,
    asked: Timestamp,
}

/// Facts come in heaps (a lease file is read): traces are asked again no more often than this.
const ASK_AGAIN_NS: u64 = 1_000_000_000;

impl Casework {
    /// Ties them together.
    pub const fn new(identity: Identity, casebook: Casebook) -> Self {
        Self {
            identity,
            casebook,
            stale: false,
            asked: Timestamp(0),
        }
    }

    /// Takes one event, learned at `learned`.
    pub fn take(&mut self, event: &Event, learned: Timestamp, out: &mut Vec<Change>) {
        self.settle(learned);
        match event {
            Event::Hit(hit) => {
                let trace = self.identity.trace(&hit.ends, hit.client_mac, hit.time);
                let who = self.identity.who(&trace);
                self.casebook.hit(hit, trace, &who, out);
            }
            Event::Burst(burst) => {
                let trace = self
                    .identity
                    .trace(&burst.ends, burst.client_mac, burst.start);
                let who = self.identity.who(&trace);
                self.casebook.burst(burst, trace, &who, out);
            }
            Event::Support(support) => {
                let trace = self
                    .identity
                    .trace(&support.ends, support.client_mac, support.time);
                let who = self.identity.who(&trace);
                self.casebook.support(support, trace, &who, out);
            }
            Event::Mail(mail) => {
                let who = self.identity.mailbox(&mail.recipient, mail.time);
                self.casebook.mail(mail, who.as_ref(), out);
            }
            Event::Fact(fact) => self.stale |= self.identity.learn(fact, learned),
            Event::Translation(it) => self.stale |= self.identity.translate(it, learned),
            Event::Stats(_)
            | Event::Ready(_)
            | Event::ListLoaded(_)
            | Event::ListRefused(_)
            | Event::Confined(_)
            | Event::SourceEnded(_) => {}
        }
        if self.stale && learned.since_ns(self.asked) >= ASK_AGAIN_NS {
            self.ask_again(learned, out);
        }
    }

    /// To ask later whose a hit was.
    pub fn trace(&mut self, hit: &Hit) -> Trace {
        self.identity.trace(&hit.ends, hit.client_mac, hit.time)
    }

    /// What time brings: packet time in a replay, the wall clock live. About once a second.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Change>) {
        if self.stale && now.since_ns(self.asked) >= ASK_AGAIN_NS {
            self.ask_again(now, out);
        }
        self.settle(now);
        self.casebook.tick(now, out);
        self.identity.tick(now);
    }

    /// Alerts wait for sources of identity that are late. While facts have come of which the cases do
    /// not know yet, nothing more is settled.
    fn settle(&mut self, now: Timestamp) {
        match self.identity.settled(now) {
            None => self.casebook.known_until(Timestamp(i64::MAX)),
            Some(known) if !self.stale => self.casebook.known_until(known),
            Some(_) => {}
        }
    }

    fn ask_again(&mut self, now: Timestamp, out: &mut Vec<Change>) {
        (self.stale, self.asked) = (false, now);
        let identity = &self.identity;
        self.casebook
            .ask_again(now, &|trace| identity.who(trace), out);
    }

    /// Cases as they were written down before a restart, which is over at `now`: who held what
    /// before is not known any more.
    pub fn restore(&mut self, cases: Vec<Case>, now: Timestamp, out: &mut Vec<Change>) {
        self.identity.begin(now);
        self.casebook.restore(cases);
        let again = self.casebook.tell_again().into_iter();
        out.extend(again.map(|alert| Change::Alert(Box::new(alert))));
    }

    /// Closes a case for a reason that somebody gave; `false` when none of this id is open.
    pub fn close(&mut self, case: &str, why: &str, now: Timestamp, out: &mut Vec<Change>) -> bool {
        self.casebook.close(case, why, now, out)
    }

    /// Opens a closed case again; `false` when that cannot be done.
    pub fn reopen(&mut self, case: &str, now: Timestamp, out: &mut Vec<Change>) -> bool {
        self.casebook.reopen(case, now, out)
    }

    /// May a closed case be opened again?
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn may_reopen(&self, case: &str) -> Result<(), String> {
        self.casebook.may_reopen(case)
    }

    /// Another list is in force.
    pub fn catalogue(&mut self, catalogue: Arc<crate::blocklist::Catalogue>) {
        self.casebook.catalogue(catalogue);
    }

    /// The cases as they stand.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.casebook.cases()
    }

    /// What is not written yet: at a clean stop.
    pub fn put_all_down(&mut self, out: &mut Vec<Change>) {
        self.casebook.put_all_down(out);
    }

    /// Cases that retention deleted.
    pub fn forget(&mut self, gone: &BTreeSet<String>) {
        self.casebook.forget(gone);
    }

    /// A person's data are erased: their cases go, what names them in others', and who held what
    /// before `now` where they were.
    pub fn erase(
        &mut self,
        cases: &BTreeSet<String>,
        subjects: &BTreeSet<SubjectId>,
        now: Timestamp,
        out: &mut Vec<Change>,
    ) {
        self.identity.erase(subjects, now);
        self.casebook.erase(cases, subjects, out);
    }

    /// How many cases are open, and what was lost at the bounds.
    pub fn counts(&self) -> Counts {
        self.casebook.counts()
    }

    /// Whose a hit is, as far as is known now.
    pub fn holder(&self, hit: &Hit, time: Timestamp) -> Attribution {
        self.identity.holder(&hit.ends, hit.client_mac, time)
    }

    /// Who held what.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}

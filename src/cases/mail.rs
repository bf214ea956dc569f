//! Whose mail was it? Mails and their checks by the mail server, matched with forms.
//!
//! Enters: what waits, packet time. Leaves: mail sightings in the one case that can be meant.
//! Never: in any when two subjects can be meant; opens a case on a mail alone (an advertisement
//! makes nobody a subject); keeps what waits on disk.

use std::collections::VecDeque;

use super::Change;
use super::book::{CaseKey, Casebook, Lost};
use super::intake::may_have_mail;
use super::judge;
use super::rules::SECOND;
use super::sighting::{Sighting, What};
use super::standing;
use crate::base::Timestamp;
use crate::blocklist::Threshold;
use crate::hits::SubjectId;
use crate::identity::SubjectKind;

/// An exchange is told when it is over: two minutes after a mail every form before it is in.
const SETTLE_NS: i64 = 120 * SECOND;
/// A mail waits this long for the first contact of the one it was sent to (an invitation).
const MAIL_NS: i64 = 24 * 3600 * SECOND;
/// A supporting name waits for a hit that is on its way.
const SUPPORT_NS: i64 = 60 * SECOND;
/// Most that waits, of each kind.
const WAITING_MAX: usize = 4096;

/// What came before its case.
#[derive(Default)]
pub(super) struct Waiting {
    /// Not yet two minutes old, in the order of arrival.
    fresh: VecDeque<Letter>,
    /// Older: wait for the first contact of the one they were sent to.
    mails: VecDeque<Letter>,
    supports: VecDeque<Supporting>,
}

struct Letter {
    subject: Option<SubjectId>,
    vendor: String,
    it: Sighting,
}

struct Supporting {
    subject: SubjectId,
    vendors: Option<Vec<String>>,
    /// Vendors whose case has it already.
    given: Vec<String>,
    it: Sighting,
}

impl Waiting {
    /// Returns how many had to give way.
    pub(super) fn mail(&mut self, subject: Option<SubjectId>, vendor: String, it: Sighting) -> u64 {
        self.fresh.push_back(Letter {
            subject,
            vendor,
            it,
        });
        bound(&mut self.fresh)
    }

    /// As [`Self::mail`].
    pub(super) fn support(
        &mut self,
        subject: SubjectId,
        vendors: Option<Vec<String>>,
        given: Vec<String>,
        it: Sighting,
    ) -> u64 {
        let now = it.time;
        self.supports.push_back(Supporting {
            subject,
            vendors,
            given,
            it,
        });
        self.supports
            .retain(|old| now.0.saturating_sub(old.it.time.0) <= SUPPORT_NS);
        bound(&mut self.supports)
    }

    /// What waited for this subject and vendor.
    pub(super) fn claim(
        &mut self,
        subject: &SubjectId,
        vendor: &str,
        now: Timestamp,
    ) -> Vec<Sighting> {
        let mut claimed = Vec::new();
        let mut keeps = |letter: &Letter| {
            let theirs = letter.subject.as_ref() == Some(subject) && letter.vendor == vendor;
            if theirs && now.0.saturating_sub(letter.it.time.0) <= MAIL_NS {
                claimed.push(letter.it.clone());
            }
            !theirs
        };
        self.mails.retain(&mut keeps);
        self.fresh.retain(&mut keeps);
        claimed
    }

    /// The next mail that is due, if one is.
    fn due(&mut self, due: impl Fn(Timestamp) -> bool) -> Option<Letter> {
        let first = self.fresh.front()?;
        if due(first.it.time) {
            self.fresh.pop_front()
        } else {
            None
        }
    }

    /// Supporting names of this subject that the vendor's case has not got, if they are `near`.
    pub(super) fn claim_support(
        &mut self,
        subject: &SubjectId,
        vendor: &str,
        near: impl Fn(&Sighting) -> bool,
    ) -> Vec<Sighting> {
        let mut claimed = Vec::new();
        for waiting in self.supports.iter_mut().filter(|it| it.subject == *subject) {
            let serves = |served: &Vec<String>| served.iter().any(|id| id == vendor);
            let meant = waiting.vendors.as_ref().is_none_or(serves);
            if meant && !waiting.given.iter().any(|id| id == vendor) && near(&waiting.it) {
                waiting.given.push(vendor.to_owned());
                claimed.push(waiting.it.clone());
            }
        }
        claimed
    }
}

fn bound<T>(waiting: &mut VecDeque<T>) -> u64 {
    let over = waiting.len().saturating_sub(WAITING_MAX);
    waiting.drain(..over);
    over as u64
}

/// A check of a mail of which it is not decided whose it was.
pub(super) fn is_unsettled(it: &Sighting) -> bool {
    it.what == What::MailLookUp && it.trace.is_some() && !it.settled
}

impl Casebook {
    /// Time goes on: decides whose the mails are that have waited long enough.
    pub(super) fn settle(&mut self, now: Timestamp, out: &mut Vec<Change>) {
        self.now = self.now.max(now);
        let now = self.now;
        let due = |time: Timestamp| now.0.saturating_sub(time.0) > SETTLE_NS;
        while let Some(letter) = self.waiting.due(due) {
            let addressed = letter.subject.is_some();
            self.match_mail(&letter.vendor, letter.it.clone(), addressed, out);
            // Sent to nobody that the directory knows: nobody will claim it.
            if addressed {
                self.waiting.mails.push_back(letter);
                self.lost[Lost::Waiting.index()] += bound(&mut self.waiting.mails);
            }
        }
        let old = |letter: &Letter| now.0.saturating_sub(letter.it.time.0) > MAIL_NS;
        while self.waiting.mails.front().is_some_and(old) {
            self.waiting.mails.pop_front();
        }
        for (vendor, it) in self.due_look_ups(due) {
            self.match_mail(&vendor, it, false, out);
        }
    }

    /// Checks of a mail by the mail server stand in the organisation's own case until it is decided
    /// whose they are; so they outlive a restart.
    fn due_look_ups(&mut self, due: impl Fn(Timestamp) -> bool) -> Vec<(String, Sighting)> {
        let mut found = Vec::new();
        for key in std::mem::take(&mut self.unsettled) {
            let Some(entry) = self.open.get_mut(&key) else {
                continue;
            };
            let (mut more, mut settled) = (false, false);
            for it in &mut entry.case.grounds.sightings {
                if !is_unsettled(it) {
                    continue;
                }
                if due(it.time) {
                    it.settled = true;
                    settled = true;
                    found.push((key.1.clone(), it.clone()));
                } else {
                    more = true;
                }
            }
            if settled {
                entry.change();
            }
            if more {
                self.unsettled.insert(key);
            }
        }
        found
    }

    /// Gives a mail to the only case that had a form in time; to none when there are two. A mail
    /// `addressed` to a known person is nobody else's: a device at most may be theirs.
    fn match_mail(&mut self, vendor: &str, it: Sighting, addressed: bool, out: &mut Vec<Change>) {
        let know = self.knowledge(vendor);
        let window = know.limits.ns(Threshold::MailMinutes);
        let range = (
            Timestamp(it.time.0.saturating_sub(window)),
            Timestamp(it.time.0.saturating_add(10 * SECOND)),
        );
        let candidates: Vec<CaseKey> = self
            .open
            .iter()
            .filter(|(key, _)| key.1 == vendor)
            .filter(|(_, entry)| {
                let kind = entry.case.kind();
                may_have_mail(kind) && !(addressed && kind == SubjectKind::Person)
            })
            .filter(|(_, entry)| {
                let case = &entry.case;
                let manner = case.who().map(standing::manner);
                manner.is_some_and(|manner| {
                    let seen = &case.grounds.sightings;
                    case.updated >= range.0
                        && judge::form_within(&self.rules, &know, manner, seen, range)
                })
            })
            .map(|(key, _)| key.clone())
            .collect();
        let [key] = candidates.as_slice() else {
            return;
        };
        let mine = Sighting {
            what: What::MailLookUp,
            trace: None,
            roles: Vec::new(),
            quiet: false,
            settled: true,
            ruling: standing::nothing(),
            ..it
        };
        self.add(key, mine, out);
    }
}

//! Who asked for the identity behind a case, who agreed, what was handed out.
//!
//! Enters: entries of [`Kind::Unsealing`](super::Kind::Unsealing), in the order of the record; an
//! act that somebody wants to do. Leaves: how each request stands; whether the act may be done.
//! Never: touches the clock, a key or what is sealed.
//!
//! ```text
//! asked --- k approvals of officers, none by who asked ---> approved --- handed out ---> released
//!   |  refused by an officer, withdrawn by who asked           |
//!   +--> refused                                               +--> refused
//! ```
//!
//! Whatever is not released runs out after a number of days; what is released can be handed out
//! again for as many days, each time on the record. A release cannot be approved or refused any more.

use std::collections::BTreeMap;

use super::{Act, Acted, Means};
use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::hits::SubjectId;

const DAY_NS: i64 = 86_400_000_000_000;
/// Longest reason or remark, in bytes.
pub const WORDS_LEN_MAX: usize = 2000;
/// Most requests that wait at one time.
pub const WAITING_MAX: usize = 256;

/// What is asked of a request, as the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Officers that must agree; as many as must act together to open a record.
    pub threshold: u8,
    /// Names of the officers: those who have shares.
    pub officers: Vec<String>,
    /// Days after which what was not released runs out, and after which a release ends.
    pub days: u32,
}

/// Somebody who wants to do something, as far as that counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// May ask: analysts, leads; whoever has the control socket.
    pub may_ask: bool,
    /// Acts as officer: by role in the console; on the command line by having read a challenge.
    pub officer: bool,
}

closed_set! {
    /// How a request stands.
    State {
        /// Too few officers agreed yet.
        Waiting = "waiting",
        /// Enough agreed; nothing is handed out yet.
        Approved = "approved",
        /// An officer did not agree, or who asked took it back.
        Refused = "refused",
        /// Nobody did enough in time.
        Expired = "expired",
        /// The sealed records were handed out.
        Released = "released",
    }
}

/// Somebody's word on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub by: String,
    /// By which way.
    pub means: Means,
    /// When.
    pub at: Timestamp,
    /// Reason or remark; of a release the digest of what was handed out.
    pub text: String,
}

/// A request for the identity behind a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Random id.
    pub id: String,
    /// The case.
    pub case: String,
    /// Whose identity: the case's subject when it was asked for, and nobody else's later.
    pub subject: SubjectId,
    /// Who asked, and why.
    pub asked: Word,
    /// Officers who agreed, in their order, each once.
    pub approvals: Vec<Word>,
    /// Who did not.
    pub refused: Option<Word>,
    /// When it was handed out, and what.
    pub releases: Vec<Word>,
}

/// When what became of a request: all that its state rests on.
pub struct Course {
    /// When it was asked.
    pub asked: Timestamp,
    /// When each officer agreed, in their order.
    pub approved: Vec<Timestamp>,
    /// Did somebody refuse it?
    pub refused: bool,
    /// When it was handed out first.
    pub released: Option<Timestamp>,
}

impl Course {
    /// How the request stands at `now`.
    pub fn state(&self, terms: &Terms, now: Timestamp) -> State {
        if self.released.is_some() {
            State::Released
        } else if self.refused {
            State::Refused
        } else if now >= self.ends(terms) {
            State::Expired
        } else if self.approved.len() >= usize::from(terms.threshold) {
            State::Approved
        } else {
            State::Waiting
        }
    }

    /// When it runs out; of a release, until when it can be handed out again. Counted from the
    /// approval that was the last one needed, before it from when it was asked for.
    pub fn ends(&self, terms: &Terms) -> Timestamp {
        let enough = usize::from(terms.threshold).checked_sub(1);
        let approved = enough.and_then(|last| self.approved.get(last).copied());
        let from = self.released.or(approved).unwrap_or(self.asked);
        let days = i64::from(terms.days).saturating_mul(DAY_NS);
        Timestamp(from.0.saturating_add(days))
    }
}

impl Request {
    /// When what became of it.
    pub fn course(&self) -> Course {
        Course {
            asked: self.asked.at,
            approved: self.approvals.iter().map(|word| word.at).collect(),
            refused: self.refused.is_some(),
            released: self.releases.first().map(|word| word.at),
        }
    }

    /// How it stands at `now`.
    pub fn state(&self, terms: &Terms, now: Timestamp) -> State {
        self.course().state(terms, now)
    }

    /// How many officers must still agree.
    pub fn missing(&self, terms: &Terms) -> usize {
        usize::from(terms.threshold).saturating_sub(self.approvals.len())
    }

    /// When it runs out: [`Course::ends`].
    pub fn ends(&self, terms: &Terms) -> Timestamp {
        self.course().ends(terms)
    }
}

/// All requests, folded from the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsealings {
    requests: BTreeMap<String, Request>,
}

impl Unsealings {
    /// Takes an act of the record in. What is no act on a known request changes nothing: the record
    /// may have been cut by retention.
    pub fn take(&mut self, at: Timestamp, acted: &Acted) {
        let word = |text: &str| Word {
            by: acted.by.name.clone(),
            means: acted.by.means,
            at,
            text: text.to_owned(),
        };
        match &acted.act {
            Act::RequestUnsealing {
                request,
                case,
                subject,
                reason,
            } => {
                let made = || Request {
                    id: request.clone(),
                    case: case.clone(),
                    subject: subject.clone(),
                    asked: word(reason),
                    approvals: Vec::new(),
                    refused: None,
                    releases: Vec::new(),
                };
                self.requests.entry(request.clone()).or_insert_with(made);
            }
            Act::ApproveUnsealing { request, note, .. } => {
                if let Some(it) = self.requests.get_mut(request)
                    && it.approvals.iter().all(|word| word.by != acted.by.name)
                    && !it.asked.by.eq_ignore_ascii_case(&acted.by.name)
                {
                    it.approvals.push(word(note));
                }
            }
            Act::RefuseUnsealing {
                request, reason, ..
            } => {
                if let Some(it) = self.requests.get_mut(request) {
                    it.refused.get_or_insert_with(|| word(reason));
                }
            }
            Act::ReleaseUnsealing {
                request, digest, ..
            } => {
                if let Some(it) = self.requests.get_mut(request) {
                    it.releases.push(word(digest));
                }
            }
            _ => {}
        }
    }

    /// A request.
    pub fn get(&self, id: &str) -> Option<&Request> {
        self.requests.get(id)
    }

    /// All requests, the newest first.
    pub fn all(&self) -> Vec<&Request> {
        let mut all: Vec<&Request> = self.requests.values().collect();
        all.sort_by(|a, b| (b.asked.at, &b.id).cmp(&(a.asked.at, &a.id)));
        all
    }

    /// Forgets the requests that name a subject (erasure).
    pub fn forget(&mut self, subject: &SubjectId) {
        self.requests.retain(|_, it| it.subject != *subject);
    }

    /// May it be done? Of acts that have nothing to do with unsealing: yes, as far as this goes.
    /// Whether the case exists, and has that subject, the caller knows.
    ///
    /// # Errors
    /// A sentence for whoever wants to do it.
    pub fn check(
        &self,
        acted: &Acted,
        party: Party,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(), String> {
        let name = &acted.by.name;
        match &acted.act {
            Act::RequestUnsealing {
                request,
                case,
                reason,
                ..
            } => self.check_asking((request, case, reason), party, terms, now),
            Act::ApproveUnsealing {
                request,
                case,
                note,
            } => {
                let it = self.of_case(request, case)?;
                words(note, "the remark", false)?;
                officer(name, party, terms)?;
                open(it, terms, now)?;
                // All that can be told: somebody may have two names (docs/sealing.md).
                if it.asked.by.eq_ignore_ascii_case(name) {
                    return Err("who asked cannot approve: another officer must".into());
                }
                if it.approvals.iter().any(|word| word.by == *name) {
                    return Err("you have approved this request: another officer must too".into());
                }
                match it.state(terms, now) {
                    State::Approved => Err("enough officers have approved: release it".into()),
                    _ => Ok(()),
                }
            }
            Act::RefuseUnsealing {
                request,
                case,
                reason,
            } => {
                let it = self.of_case(request, case)?;
                words(reason, "the reason", true)?;
                if it.asked.by != *name {
                    officer(name, party, terms)?;
                }
                open(it, terms, now)
            }
            Act::ReleaseUnsealing { request, case, .. } => {
                let it = self.of_case(request, case)?;
                if !party.officer && !party.may_ask {
                    return Err("only officers and whoever may ask can have it handed out".into());
                }
                check_release(it, terms, now)
            }
            _ => Ok(()),
        }
    }

    fn check_asking(
        &self,
        (request, case, reason): (&str, &str, &str),
        party: Party,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(), String> {
        if !party.may_ask {
            return Err("your role may not ask for an identity: an analyst or lead may".into());
        }
        words(reason, "the reason", true)?;
        if terms.officers.is_empty() {
            return Err(
                "there are no officers, so nothing is sealed: name them under [identity] officers"
                    .into(),
            );
        }
        if self.requests.contains_key(request) {
            return Err("a request of that id exists already".into());
        }
        let undecided =
            |it: &&Request| matches!(it.state(terms, now), State::Waiting | State::Approved);
        if let Some(other) = self
            .requests
            .values()
            .filter(undecided)
            .find(|it| it.case == case)
        {
            return Err(format!(
                "request {} for this case is not decided yet",
                other.id
            ));
        }
        if self.requests.values().filter(undecided).count() >= WAITING_MAX {
            return Err(format!(
                "{WAITING_MAX} requests wait already: decide some first"
            ));
        }
        Ok(())
    }

    fn of_case(&self, request: &str, case: &str) -> Result<&Request, String> {
        let found = self.requests.get(request).filter(|it| it.case == case);
        found.ok_or_else(|| "there is no such request: `poortwacht unseal list` shows them".into())
    }
}

/// May it be handed out now, for the first time or again?
fn check_release(it: &Request, terms: &Terms, now: Timestamp) -> Result<(), String> {
    match it.state(terms, now) {
        State::Approved => Ok(()),
        State::Released if now < it.ends(terms) => Ok(()),
        State::Released => Err(format!(
            "it was released more than {} days ago: ask anew",
            terms.days
        )),
        State::Waiting => Err(format!(
            "{} of {} officers have approved: it cannot be released yet",
            it.approvals.len(),
            terms.threshold
        )),
        State::Refused => Err("it was refused".into()),
        State::Expired => Err(format!("it ran out after {} days: ask anew", terms.days)),
    }
}

/// Is it still to be decided?
fn open(it: &Request, terms: &Terms, now: Timestamp) -> Result<(), String> {
    match it.state(terms, now) {
        State::Waiting | State::Approved => Ok(()),
        State::Refused => Err("it was refused: whoever needs it asks anew".into()),
        State::Expired => Err(format!("it ran out after {} days: ask anew", terms.days)),
        State::Released => Err("it was released already: there is nothing left to decide".into()),
    }
}

/// An officer is who has a share: a role alone does not make one.
fn officer(name: &str, party: Party, terms: &Terms) -> Result<(), String> {
    if !party.officer {
        return Err("only an officer may decide".into());
    }
    if terms.officers.iter().any(|it| it == name) {
        return Ok(());
    }
    Err(format!(
        "`{}` has no share: under [identity] officers no officer bears that name, and the account \
         of an officer must be named as there",
        name.escape_debug()
    ))
}

/// One short text without control characters but line feeds.
fn words(text: &str, what: &str, needed: bool) -> Result<(), String> {
    if needed && text.trim().is_empty() {
        return Err(format!("{what} is missing: it stands in the record"));
    }
    let odd = |c: char| c.is_control() && c != '\n';
    if text.len() > WORDS_LEN_MAX || text.chars().any(odd) {
        return Err(format!(
            "{what} is longer than {WORDS_LEN_MAX} bytes or holds control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

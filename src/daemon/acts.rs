//! What people do, on its way into the record.
//!
//! Enters: who, an [`Act`], the revision that they saw. Leaves: [`Done`] when it is in the ledger
//! and in the store, or [`Refused`], with why and what next. Never: an answer before it is recorded;
//! an act that half happened: it is checked, then recorded, then carried out, and what a crash kept
//! from being carried out is carried out at the next start.
//!
//! Who may do what is asked before an act comes here.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::books::Books;
use super::office::{self, Incoming};
use super::unsealing;
use crate::base::Timestamp;
use crate::cases::Case;
use crate::desk::Desk;
use crate::record::{Act, Acted, Actor, Body, Entry, Kind};
use crate::store::{State, Triage};

/// Pace of bringing what was refused for now.
const INSIST_EVERY: Duration = Duration::from_secs(5);
/// Longest text of an act, in bytes.
pub const TEXT_LEN_MAX: usize = 4096;
/// Longest id or account.
const NAME_LEN_MAX: usize = 256;
/// Longest time that a hold or a rule may last, in seconds.
const LAST_MAX: i64 = 10 * 366 * 86_400;

/// To whoever acts where no act can be recorded.
pub const NO_RECORD: &str = "no record is kept ([ledger] folder is empty), so no act is taken: \
                             nothing was changed";

/// An act is in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Number of its entry.
    pub number: u64,
    /// The revision of its case's triage from now on, where it is about a case.
    pub revision: Option<u64>,
}

/// Why an act was not taken, and what to do next. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused(pub String);

/// The way to the desk for those who serve people.
#[derive(Clone)]
pub struct Handle {
    inbox: SyncSender<Incoming>,
}

impl Handle {
    /// To the office that reads `inbox`.
    pub const fn new(inbox: SyncSender<Incoming>) -> Self {
        Self { inbox }
    }

    /// Does it, and answers when it is in the record. `revision` is that of the case's triage which
    /// whoever acts saw: when it is another by now, the act is refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn act(&self, by: Actor, act: Act, revision: Option<u64>) -> Result<Done, Refused> {
        let (answer, answered) = oneshot::channel();
        self.send(Incoming::Act {
            by,
            act,
            revision,
            answer,
        });
        answered.await.unwrap_or_else(|_| Err(ending()))
    }

    /// Brings an act that has happened already into the record, however long that takes: a sign-in
    /// cannot be refused afterwards. Ends without it only when the office has ended, or where no
    /// record is kept.
    pub fn insist(&self, by: &Actor, act: &Act) {
        loop {
            let (answer, answered) = oneshot::channel();
            let incoming = Incoming::Act {
                by: by.clone(),
                act: act.clone(),
                revision: None,
                answer,
            };
            if self.inbox.send(incoming).is_err() {
                return;
            }
            match answered.blocking_recv() {
                Ok(Ok(_)) => return,
                Ok(Err(Refused(why))) if why == NO_RECORD => return,
                Ok(Err(Refused(why))) => {
                    tracing::warn!("an act in the console is not in the record yet: {why}");
                }
                Err(_) => return,
            }
            std::thread::sleep(INSIST_EVERY);
        }
    }

    /// Hands something to the office, or refuses it at once.
    pub fn send(&self, incoming: Incoming) {
        match self.inbox.try_send(incoming) {
            Ok(()) => {}
            Err(TrySendError::Full(back)) => back.refuse("the desk is busy; try again"),
            Err(TrySendError::Disconnected(back)) => back.refuse(&ending().0),
        }
    }
}

fn ending() -> Refused {
    Refused("the daemon is ending; try again when it runs".into())
}

fn refused<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// Checks an act, records it, carries it out.
///
/// # Errors
/// [`Refused`]; nothing has changed.
pub fn carry_out(
    desk: &mut Desk,
    books: &mut Books,
    (by, act, revision): (Actor, Act, Option<u64>),
) -> Result<Done, Refused> {
    let now = office::now();
    check(&act, now)?;
    if !books.registrar.is_kept() {
        return refused(NO_RECORD);
    }
    // What waits comes first; [`Books::write`] has just tried.
    if let Some(why) = books.registrar.failing() {
        return refused(format!(
            "{why}; nothing is taken until the record can be written"
        ));
    }
    if let Some(case) = act.case() {
        let store = books.registrar.store().map_err(Refused)?;
        let triage = store.triage(case).map_err(Refused)?;
        let triage = triage.ok_or_else(|| no_case(case))?;
        if revision.is_some_and(|seen| seen != triage.revision) {
            return refused(meanwhile(books, &triage));
        }
        fits(desk, case, &act, &triage)?;
    }
    if let Act::RequestUnsealing { case, subject, .. } = &act {
        let written = books.registrar.written(case).map_err(Refused)?;
        if written.head.is_none_or(|head| head.subject != *subject) {
            return refused(format!(
                "{case} is about another subject by now: look at the case again, and ask anew"
            ));
        }
    }
    let acted = Acted {
        by,
        act: act.clone(),
    };
    if act.kind() == Kind::Unsealing {
        let store = books.registrar.store().map_err(Refused)?;
        unsealing::check(store, &books.terms, &acted, now)?;
    }
    let entry = Entry {
        time: now,
        body: Body::Act(Box::new(acted)),
    };
    let recorded = books
        .registrar
        .record(vec![entry], Vec::new(), Instant::now());
    let range = recorded.map_err(|why| Refused(format!("{why}; nothing was changed")))?;
    let Some(range) = range else {
        return refused("the act cannot be written as an entry of the record; nothing was changed");
    };
    books.registrar.project(Instant::now());
    let number = range.start;
    apply(desk, books, &act, now);
    let store = books.registrar.store();
    let revision = act.case().and_then(|case| store.ok()?.triage(case).ok()?);
    Ok(Done {
        number,
        revision: revision.map(|triage| triage.revision),
    })
}

/// What was recorded before a crash and not carried out: cases closed, or opened again.
pub fn make_good(desk: &mut Desk, books: &mut Books) {
    let Ok(store) = books.registrar.store() else {
        return;
    };
    let mut owed = Vec::new();
    for case in desk.casework().cases() {
        let Ok(Some(triage)) = store.triage(&case.id) else {
            continue;
        };
        let is_owed = match (case.is_open(), triage.state) {
            (true, State::Closed) => triage.verdict.is_some(),
            // Where the case file knows more than the record, it was closed once more since.
            (false, State::Reopened) => store
                .written(&case.id)
                .is_ok_and(|written| written.head.is_some_and(|it| it.revision == case.revision)),
            _ => false,
        };
        if is_owed && let Some(Acted { act, .. }) = last(books, &triage).map(|(_, acted)| acted) {
            owed.push(act);
        }
    }
    for act in owed {
        tracing::info!("what somebody did to a case before the end is carried out now");
        apply(desk, books, &act, office::now());
    }
}

fn apply(desk: &mut Desk, books: &mut Books, act: &Act, now: Timestamp) {
    let out = &mut books.out.changes;
    match act {
        Act::Close {
            case,
            verdict,
            reason,
        } => {
            desk.close(case, &format!("{verdict}: {reason}"), now, out);
        }
        Act::Reopen { case, .. } => {
            desk.reopen(case, now, out);
        }
        Act::Hold { .. } | Act::LiftHold { .. } => books.hold(now),
        // A bundle needs a checkpoint that covers its entry.
        Act::Export { .. } => books.registrar.sign(now),
        _ => {}
    }
}

/// Does the act fit how the case stands?
fn fits(desk: &Desk, case: &str, act: &Act, triage: &Triage) -> Result<(), Refused> {
    let known = |it: &&Case| it.id == case;
    let open = desk.casework().cases().find(known).map(Case::is_open);
    match act {
        Act::Acknowledge { .. } | Act::Assign { .. } | Act::Close { .. } => match open {
            Some(true) if triage.state != State::Closed => Ok(()),
            _ => refused(format!("{case} is closed; reopen it first")),
        },
        Act::Reopen { .. } if open != Some(false) => match open {
            Some(_) => refused(format!("{case} is open")),
            None => refused(format!("{case} was closed too long ago to be opened again")),
        },
        Act::Reopen { .. } => desk.casework().may_reopen(case).map_err(Refused),
        Act::LiftHold { .. } if triage.held_until.is_none() => {
            refused(format!("{case} is not held"))
        }
        _ => Ok(()),
    }
}

fn no_case(case: &str) -> Refused {
    let case: String = case.chars().take(64).collect();
    let hint = "`poortwacht cases list` shows them";
    Refused(format!("no case {}; {hint}", case.escape_debug()))
}

/// To the second of two who act at the same time.
fn meanwhile(books: &Books, triage: &Triage) -> String {
    let next = "look at the case again";
    match last(books, triage) {
        Some((time, acted)) => format!("meanwhile changed by {} at {time}; {next}", acted.by.name),
        None => format!("meanwhile changed; {next}"),
    }
}

/// The act that last changed where the work on a case stands.
fn last(books: &Books, triage: &Triage) -> Option<(Timestamp, Acted)> {
    let entry = books.registrar.entry(triage.revision.checked_sub(1)?)?;
    match entry.body {
        Body::Act(acted) => Some((entry.time, *acted)),
        _ => None,
    }
}

/// Are its texts within bounds, its times to come?
fn check(act: &Act, now: Timestamp) -> Result<(), Refused> {
    let seconds = now.nanos().div_euclid(1_000_000_000);
    if let Some(case) = act.case() {
        name("case", case)?;
    }
    match act {
        Act::Acknowledge { .. } => Ok(()),
        Act::Assign { to, .. } => to.as_deref().map_or(Ok(()), |to| name("to", to)),
        Act::Comment { text: it, .. } | Act::Correct { text: it, .. } => text("text", it),
        Act::Close { reason, .. }
        | Act::Reopen { reason, .. }
        | Act::LiftHold { reason, .. }
        | Act::RefuseUnsealing { reason, .. } => text("reason", reason),
        Act::Suppress {
            rule,
            filter,
            reason,
            until,
        } => {
            name("rule", rule)?;
            text("filter", filter)?;
            text("reason", reason)?;
            to_come(*until, seconds)
        }
        Act::Unsuppress { rule, reason } => {
            name("rule", rule)?;
            text("reason", reason)
        }
        Act::RequestUnsealing {
            request, reason, ..
        } => {
            name("request", request)?;
            text("reason", reason)
        }
        Act::ApproveUnsealing { request, note, .. } => {
            name("request", request)?;
            bounded("note", note)
        }
        Act::ReleaseUnsealing {
            request, digest, ..
        } => {
            name("request", request)?;
            name("digest", digest)
        }
        Act::Hold { reason, until, .. } => {
            text("reason", reason)?;
            to_come(*until, seconds)
        }
        Act::Export {
            what,
            reason,
            digest,
            ..
        } => {
            name("what", what)?;
            text("reason", reason)?;
            name("digest", digest)
        }
        Act::Erase {
            reference, reason, ..
        } => {
            bounded("reference", reference)?;
            text("reason", reason)
        }
        Act::Expire { .. } => Ok(()),
        Act::Account {
            account,
            what,
            detail,
        } => {
            bounded("account", account)?;
            name("what", what)?;
            bounded("detail", detail)
        }
    }
}

/// A text that says something.
fn text(key: &str, text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() {
        return refused(format!("`{key}` is empty: say it in a few words"));
    }
    bounded(key, text)
}

fn bounded(key: &str, text: &str) -> Result<(), Refused> {
    if text.len() > TEXT_LEN_MAX {
        return refused(format!(
            "`{key}` has {} bytes; {TEXT_LEN_MAX} are the limit",
            text.len()
        ));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return refused(format!("`{key}` holds a control character; leave it out"));
    }
    Ok(())
}

/// An id, an account: one short line.
fn name(key: &str, text: &str) -> Result<(), Refused> {
    if text.is_empty() || text.len() > NAME_LEN_MAX || text.chars().any(char::is_control) {
        return refused(format!(
            "`{key}` is no name: use one line of 1 to {NAME_LEN_MAX} bytes"
        ));
    }
    Ok(())
}

fn to_come(until: i64, now: i64) -> Result<(), Refused> {
    if until <= now {
        return refused("`until` is over: name a moment to come, in seconds since 1970");
    }
    if until > now.saturating_add(LAST_MAX) {
        return refused("`until` is more than ten years ahead");
    }
    Ok(())
}

#[cfg(test)]
mod tests;

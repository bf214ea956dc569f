//! Erasure (GDPR art. 17): everything about somebody goes, from every place that is ours.
//!
//! Enters: the pseudonyms of a person, a reference, a reason. Leaves: a [`Receipt`], and the entry
//! that says how much went. Never: a pseudonym in that entry; a file that still names them when it
//! says "erased"; anything while a legal hold stands on one of their cases.
//!
//! What is to go is found by a thread of its own, which reads the ledger's files. The office then
//! carries it out in one go, in this order ([`carry_out`]):
//!
//! ```text
//! intent written down -> cases and identity in memory -> saved views -> outbox -> hit log
//!   -> case file, sealed records -> ledger, store and its backups -> the entry -> intent gone
//! ```
//!
//! Each step can be done twice. What could not be finished is tried again as time goes by
//! ([`Finisher`]), and before another erasure begins: there is one intent at a time, and none is ever
//! written over. After a crash the intent is found at the next start and carried out before anything
//! is told or recorded anew ([`resume`], [`finish`]).

pub mod plan;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::acts::{Handle, Refused};
use super::books::Books;
use super::office::{self, Incoming};
use crate::cases::{Case, Change};
use crate::desk::Desk;
use crate::folder;
use crate::hits::{Mentions, SubjectId};
use crate::identity::Sought;
use crate::record::{Act, Acted, Actor, Body, Entry, Kind};
use crate::store::SavedViews;
use plan::Plan;

/// Name of the intent's file, in the folder of the cases.
const INTENT: &str = "erasing.json";
/// How often what is to go is looked for anew, because more of it came meanwhile.
const TRIES: usize = 5;
/// Pauses between attempts to finish one that was cut short: the first, and the longest.
const FINISH_FIRST: Duration = Duration::from_secs(5);
const FINISH_LAST: Duration = Duration::from_secs(300);

/// What somebody wants erased.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Whom.
    pub sought: Sought,
    /// Reference of the request. Not a name.
    pub reference: String,
    /// Why.
    pub reason: String,
}

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// As it was given.
    pub reference: String,
    /// Payloads of the ledger, by kind.
    pub payloads: Vec<(Kind, u64)>,
    /// Cases.
    pub cases: u64,
    /// Sealed records of subjects.
    pub sealed_records: u64,
    /// Lines of the hit log and its old files.
    pub hit_log_lines: u64,
    /// Alerts in the outbox, dead letters too.
    pub alerts: u64,
    /// Saved views of the console whose name or filter named them.
    #[serde(default)]
    pub saved_views: u64,
    /// Digests of copies that were exported or released before: they are not ours to delete.
    pub exported: Vec<String>,
    /// Cases left alone although they may be about the person: nobody could tell whose they are.
    pub ambiguous: u64,
    /// Number of the entry that says so.
    pub entry: Option<u64>,
}

/// What is being erased, on the disk until it is done.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    by: Actor,
    reference: String,
    reason: String,
    cases: BTreeSet<String>,
    subjects: BTreeSet<SubjectId>,
    words: BTreeSet<String>,
    numbers: Vec<u64>,
    deleted: Vec<(Kind, u64)>,
    exported: Vec<String>,
    ambiguous: u64,
    /// Entry behind the last one that was looked at; missing in what an older program wrote.
    #[serde(default)]
    through: Option<u64>,
}

/// Why it was not carried out.
enum Stop {
    /// More of it came meanwhile.
    Again,
    Refused(String),
}

/// Is this case being erased? An erasure that a crash ended stands until the next start.
pub fn is_of(cases: &Path, case: &str) -> bool {
    let text = fs::read(cases.join(INTENT)).unwrap_or_default();
    let intent = serde_json::from_slice::<Intent>(&text).ok();
    // One that cannot be read may be of any case.
    !text.is_empty() && intent.is_none_or(|it| it.cases.contains(case))
}

/// Starts it, on a thread of its own; `answer` is told in the end.
pub fn start(
    office: Handle,
    cases: PathBuf,
    by: Actor,
    wish: Wish,
    answer: oneshot::Sender<Result<Receipt, Refused>>,
) {
    let work = move || {
        // The visitor may have gone; it is carried out all the same.
        let _ = answer.send(erase(&office, &cases, &by, &wish).map_err(Refused));
    };
    let thread = std::thread::Builder::new().name("erasure".into());
    if let Err(e) = thread.spawn(work) {
        tracing::error!("cannot start the thread of an erasure: {e}");
    }
}

fn erase(office: &Handle, cases: &Path, by: &Actor, wish: &Wish) -> Result<Receipt, String> {
    check(wish)?;
    let before = cases.to_owned();
    let (ledger, finished) = ask(office, move |desk, books| {
        // What waits for repeats is written now, so that it can be found.
        desk.settle(office::now(), &mut books.out);
        books.write(desk, office::now());
        let finished = finish_pending(desk, books, &before);
        let ledger = books.registrar.ledger();
        (ledger.map(|(folder, _)| folder.to_owned()), finished)
    })?;
    let ledger = ledger.ok_or("no record is kept: [ledger] folder is empty")?;
    let finished = finished.map_err(|it| it.refusal())?;
    for _ in 0..TRIES {
        let plan = Plan::make(&ledger, &wish.sought)?;
        if plan.is_empty() {
            // The same one asked for once more, after it was cut short.
            return match finished {
                Some(receipt) if receipt.reference == wish.reference => Ok(receipt),
                _ => Err("nothing is known of this person: there is nothing to erase".into()),
            };
        }
        let (intent, through) = (intent(by, wish, plan)?, ledger.clone());
        let cases = cases.to_owned();
        let done = ask(office, move |desk, books| {
            carry_out_planned(desk, books, &cases, intent, &through)
        })?;
        match done {
            Ok(receipt) => return Ok(receipt),
            Err(Stop::Refused(why)) => return Err(why),
            Err(Stop::Again) => {}
        }
    }
    Err("new entries about this person come all the time: try again in a quiet moment".into())
}

fn check(wish: &Wish) -> Result<(), String> {
    for (what, text) in [("reference", &wish.reference), ("reason", &wish.reason)] {
        let fits = !text.trim().is_empty() && text.len() <= 1000;
        if !fits || text.chars().any(char::is_control) {
            return Err(format!("the {what} is empty, too long, or no one line"));
        }
    }
    if wish.sought.subjects.is_empty() {
        return Err(
            "nothing that was given stands for one person for sure: a shared address alone erases \
             nothing, nor does a device's name"
                .into(),
        );
    }
    Ok(())
}

/// Has the office do something, and waits for it.
pub(super) fn ask<T: Send + 'static>(
    office: &Handle,
    what: impl FnOnce(&mut Desk, &mut Books) -> T + Send + 'static,
) -> Result<T, String> {
    let (told, answer) = mpsc::sync_channel(1);
    office.send(Incoming::Do(Box::new(move |desk, books| {
        // Whoever asked waits.
        let _ = told.send(what(desk, books));
    })));
    answer
        .recv()
        .map_err(|_| "the desk is busy or ending; try again".into())
}

fn intent(by: &Actor, wish: &Wish, plan: Plan) -> Result<Intent, String> {
    let now = office::now().nanos() / 1_000_000_000;
    if let Some((case, hold)) = plan.holds.iter().find(|(_, hold)| hold.until > now) {
        let until = crate::base::Timestamp(hold.until.saturating_mul(1_000_000_000));
        return Err(format!(
            "a legal hold stands on {case} until {until}, put there by {}: {}. Whoever put it, or \
             a lead, lifts it; until then nothing of this person is erased",
            hold.by, hold.reason
        ));
    }
    Ok(Intent {
        by: by.clone(),
        reference: wish.reference.clone(),
        reason: wish.reason.clone(),
        cases: plan.cases,
        subjects: plan.subjects,
        words: plan.words,
        numbers: plan.numbers,
        deleted: plan.deleted,
        exported: plan.exported,
        ambiguous: plan.ambiguous,
        through: Some(plan.through),
    })
}

fn carry_out_planned(
    desk: &mut Desk,
    books: &mut Books,
    cases: &Path,
    intent: Intent,
    ledger: &Path,
) -> Result<Receipt, Stop> {
    if let Some(why) = books.failing() {
        return Err(Stop::Refused(format!("{why}; nothing was erased")));
    }
    // Another one may have been cut short meanwhile; what it left comes first.
    let pending = finish_pending(desk, books, cases);
    if let Err(pending) = pending {
        return Err(Stop::Refused(pending.refusal()));
    }
    let mentions = Mentions::new(&intent.words).map_err(Stop::Refused)?;
    let through = intent.through.unwrap_or_default();
    if plan::mentioned_since(ledger, through, &mentions).map_err(Stop::Refused)? {
        return Err(Stop::Again);
    }
    write_down(cases, &intent).map_err(Stop::Refused)?;
    carry_out(desk, books, cases, &intent).map_err(|why| {
        let next = "what is left goes by itself, as soon as it can: it is tried again and again";
        Stop::Refused(format!("{why}; a part is erased, {next}"))
    })
}

fn write_down(cases: &Path, intent: &Intent) -> Result<(), String> {
    let text = serde_json::to_vec(intent).map_err(|e| e.to_string())?;
    let path = cases.join(INTENT);
    folder::write_whole(&path, &text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

fn read(path: &Path) -> Result<Option<Intent>, String> {
    let failed = |why: &dyn std::fmt::Display| {
        format!(
            "an erasure was cut short and cannot be finished: {}: {why}",
            path.display()
        )
    };
    let text = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| failed(&e))?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| failed(&format_args!("line {}, column {}", e.line(), e.column())))
}

/// An erasure that cannot be finished yet.
struct Unfinished {
    reference: String,
    why: String,
}

impl Unfinished {
    /// To whoever wants another one.
    fn refusal(&self) -> String {
        format!(
            "an erasure under `{}` is not finished yet and comes first: {}. It is tried again by \
             itself; ask anew when it is done",
            self.reference, self.why
        )
    }
}

/// Finishes the one that was cut short, if there is one. What came of the person since belongs to it.
fn finish_pending(
    desk: &mut Desk,
    books: &mut Books,
    cases: &Path,
) -> Result<Option<Receipt>, Unfinished> {
    let unfinished = |reference: &str, why| Unfinished {
        reference: reference.to_owned(),
        why,
    };
    let found = read(&cases.join(INTENT)).map_err(|why| unfinished("?", why))?;
    let Some(mut intent) = found else {
        return Ok(None);
    };
    let reference = intent.reference.clone();
    widen(desk, books, cases, &mut intent)
        .and_then(|()| carry_out(desk, books, cases, &intent))
        .map(Some)
        .map_err(|why| unfinished(&reference, why))
}

/// Takes into an intent what came of the person since it was written down.
fn widen(
    desk: &mut Desk,
    books: &mut Books,
    folder: &Path,
    intent: &mut Intent,
) -> Result<(), String> {
    let Some(through) = intent.through else {
        return Ok(());
    };
    desk.settle(office::now(), &mut books.out);
    books.write(desk, office::now());
    let Some((ledger, size)) = books.registrar.ledger() else {
        return Ok(());
    };
    let ledger = ledger.to_owned();
    let held = books.registrar.held(office::now())?;
    let new = desk
        .casework()
        .cases()
        .filter(|case| intent.subjects.contains(&case.subject) && !intent.cases.contains(&case.id));
    let new: Vec<String> = new.map(|case| case.id.clone()).collect();
    if let Some(id) = new.iter().find(|id| held.contains(*id)) {
        return Err(format!(
            "a legal hold was put on {id} meanwhile; whoever put it, or a lead, lifts it"
        ));
    }
    intent.words.extend(new.iter().cloned());
    intent.cases.extend(new);
    plan::each(
        &ledger,
        through,
        Some(&[Kind::Hit, Kind::Alert]),
        |_, entry| {
            let id = match entry.body {
                Body::Hit(hit) if intent.subjects.contains(&hit.subject) => {
                    hit.record.event.id.clone()
                }
                Body::Alert(alert) if intent.cases.contains(&alert.case) => alert.id,
                _ => return,
            };
            intent.words.insert(id);
        },
    )?;
    let mentions = Mentions::new(&intent.words)?;
    for (number, kind) in plan::mentioning(&ledger, through, &mentions)? {
        intent.numbers.push(number);
        match intent.deleted.iter_mut().find(|(it, _)| Some(*it) == kind) {
            Some((_, count)) => *count += 1,
            None => intent.deleted.extend(kind.map(|kind| (kind, 1))),
        }
    }
    intent.through = Some(size);
    write_down(folder, intent)
}

/// Finishes what was cut short, at a pace that slackens while it fails.
pub struct Finisher {
    folder: PathBuf,
    due: Instant,
    pause: Duration,
}

impl Finisher {
    /// `folder` is that of the cases.
    pub fn new(folder: PathBuf, now: Instant) -> Self {
        Self {
            folder,
            due: now + FINISH_FIRST,
            pause: FINISH_FIRST,
        }
    }

    /// What time brings.
    pub fn tick(&mut self, desk: &mut Desk, books: &mut Books, now: Instant) {
        if now < self.due {
            return;
        }
        match finish_pending(desk, books, &self.folder) {
            Ok(finished) => {
                self.pause = FINISH_FIRST;
                if finished.is_some() {
                    tracing::info!("an erasure that was cut short is finished");
                }
            }
            Err(Unfinished { why, .. }) => {
                self.pause = (self.pause * 2).min(FINISH_LAST);
                tracing::error!("an erasure that was cut short cannot be finished yet: {why}");
            }
        }
        self.due = now + self.pause;
    }
}

/// The one place where the order stands.
fn carry_out(
    desk: &mut Desk,
    books: &mut Books,
    cases: &Path,
    intent: &Intent,
) -> Result<Receipt, String> {
    let now = office::now();
    let mentions = Mentions::new(&intent.words)?;
    desk.erase(&intent.cases, &intent.subjects, now, &mut books.out);
    // Others' cases as they are from now on, before older selves of them go.
    books.write(desk, now);
    if let Some(why) = books.failing() {
        return Err(why.to_owned());
    }
    let views = SavedViews::beside(books.registrar.store()?.path());
    let saved_views = views.erase(&mentions)?;
    let alerts = books.outbox.erase(&mentions)?;
    let hit_log_lines = books.log.erase(&mentions, Instant::now())?;
    let (gone, sealed_records) = books.casefile.erase(&intent.cases, &intent.subjects)?;
    books.unsealed(intent.subjects.iter().cloned());
    books.registrar.erase(&intent.numbers, now)?;
    let entry = Entry {
        time: now,
        body: Body::Act(Box::new(Acted {
            by: intent.by.clone(),
            act: Act::Erase {
                reference: intent.reference.clone(),
                reason: intent.reason.clone(),
                deleted: intent.deleted.clone(),
                exported: intent.exported.clone(),
            },
        })),
    };
    let range = books
        .registrar
        .record(vec![entry], Vec::new(), Instant::now())?;
    books.registrar.project(Instant::now());
    let path = cases.join(INTENT);
    match fs::remove_file(&path).and_then(|()| folder::sync_above(&path)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(format!("cannot delete {}: {e}", path.display()));
        }
        _ => {}
    }
    Ok(Receipt {
        reference: intent.reference.clone(),
        payloads: intent.deleted.clone(),
        cases: gone,
        sealed_records,
        hit_log_lines,
        alerts,
        saved_views,
        exported: intent.exported.clone(),
        ambiguous: intent.ambiguous,
        entry: range.map(|range| range.start),
    })
}

/// An erasure that a crash or a full disk cut short: what is still to be done, and the cases as they
/// may be told, without those that are to go. `None`: there is none.
///
/// # Errors
/// A sentence with the path: the file is there and cannot be read.
pub fn resume(folder: &Path, cases: &mut Vec<Case>) -> Result<Option<Resumed>, String> {
    let Some(intent) = read(&folder.join(INTENT))? else {
        return Ok(None);
    };
    cases.retain(|case| !intent.cases.contains(&case.id));
    let mut changed = Vec::new();
    for case in cases.iter_mut() {
        if case.erase(&intent.cases, &intent.subjects) {
            case.revision += 1;
            changed.push(case.clone());
        }
    }
    Ok(Some(Resumed { intent, changed }))
}

/// An erasure to be finished.
pub struct Resumed {
    intent: Intent,
    /// Others' cases that named the person.
    changed: Vec<Case>,
}

/// Finishes it, before the office takes anything in.
pub fn finish(desk: &mut Desk, books: &mut Books, folder: &Path, resumed: Resumed) {
    let changed = resumed.changed.into_iter().map(Box::new);
    books.out.changes.extend(changed.map(Change::Case));
    match carry_out(desk, books, folder, &resumed.intent) {
        Ok(_) => tracing::info!("an erasure that was cut short is finished"),
        Err(why) => tracing::error!(
            "an erasure that was cut short cannot be finished yet: {why}; it is tried again and again"
        ),
    }
}

#[cfg(test)]
mod tests;

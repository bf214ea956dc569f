//! The desk with its files, on a thread of its own: forcing lines to the disk may take its time
//! without holding up a page.
//!
//! Enters: events of the sensor and of feeds, the passing of time. Leaves: the hit log, the case
//! journal, sealed subjects, the outbox. Never: gives up what it could not write yet.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use super::fault::{Exit, Fault};
use super::sources;
use crate::alerts::Outbox;
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::capture::live;
use crate::casefile::Casefile;
use crate::cases::{Case, Change};
use crate::config::Lists;
use crate::desk::{Desk, Output};
use crate::event::{Event, ListInfo};
use crate::hits::{HitLog, SubjectId};

/// Pace of what time brings: retries, forced writes, closing windows, readiness.
const TICK: Duration = Duration::from_millis(200);
/// Most events that are written together. A case's change may stand among them: none waits longer
/// than the others take.
const TOGETHER_MAX: usize = 256;
/// Pace of counting cases for the metrics.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// Pace of looking which addresses this machine has.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Changes that may wait for a disk that is full before older selves of a case are let go.
const WAITING_MAX: usize = 65_536;
/// How long alerts may take to go out at a stop; what is left goes out at the next start.
const OUTBOX_GRACE: Duration = Duration::from_secs(3);
/// Pace of saying that something cannot be written.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What comes in.
pub enum Incoming {
    /// From the sensor.
    Sensor(Event),
    /// The sensor closed its end.
    SensorEnded,
    /// From a feed.
    Feed(Event),
    /// Somebody closes a case.
    Close {
        /// Its id.
        case: String,
        /// Why.
        why: String,
        /// `closed ...` or `refused ...`.
        answer: oneshot::Sender<String>,
    },
}

impl Incoming {
    /// Tells whoever waits for an answer that there will be none.
    pub fn refuse(self, why: &str) {
        if let Self::Close { answer, .. } = self {
            // The visitor may have gone.
            let _ = answer.send(format!("refused {why}"));
        }
    }
}

/// The desk and what it writes.
pub struct Office {
    /// Folds, judges, counts.
    pub desk: Desk,
    /// Hits.
    pub log: HitLog,
    /// Cases.
    pub casefile: Casefile,
    /// Alerts.
    pub outbox: Outbox,
    /// The list that feeds match by.
    pub list: Arc<ArcSwap<Catalogue>>,
    /// Where lists come from, to follow a reload.
    pub lists: Lists,
    /// What was not written yet.
    pub unwritten: Unwritten,
}

/// Changes in the order in which they must reach the disk.
#[derive(Default)]
pub struct Unwritten {
    /// What the desk gave last.
    pub out: Output,
    waiting: VecDeque<Change>,
    /// What was sealed of each subject: the same is not sealed twice.
    sealed: HashMap<SubjectId, [u8; 32]>,
    said: Option<Instant>,
    /// The first case in line is written, its subject not yet sealed.
    owes_seal: bool,
    /// Why the line does not move, while it does not.
    failing: Option<String>,
}

impl Office {
    /// Takes events until the sensor closes its end; tells `reloads` how each reload went.
    ///
    /// # Errors
    /// [`Exit::Output`] when something could not be written at the end.
    pub fn work(
        mut self,
        inbox: &Receiver<Incoming>,
        reopen: &AtomicBool,
        reloads: &mpsc::UnboundedSender<Result<ListInfo, String>>,
    ) -> Result<(), Fault> {
        self.desk.hit_log(&self.log.state());
        self.show();
        let mut ticked = Instant::now();
        let mut shown = Instant::now();
        let mut looked = Instant::now();
        loop {
            let wait = self.desk.wait(now()).map_or(TICK, |wait| wait.min(TICK));
            let mut next = match inbox.recv_timeout(wait) {
                Ok(incoming) => Some(incoming),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => None,
            };
            // What has come meanwhile is written together: forcing it to the disk is what costs.
            let (mut ended, mut taken) = (false, 0);
            while let Some(incoming) = next {
                ended = self.take(incoming, reloads);
                taken += 1;
                next = match ended || taken == TOGETHER_MAX {
                    true => None,
                    false => inbox.try_recv().ok(),
                };
            }
            self.write();
            if ended {
                break;
            }
            if reopen.swap(false, Ordering::Relaxed) {
                self.log.reopen(Instant::now());
            }
            if self.desk.wait(now()).is_some_and(|wait| wait.is_zero()) {
                self.desk.release(now(), &mut self.unwritten.out);
                self.write();
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.desk.tick(now(), &mut self.unwritten.out);
                self.write();
                let gone = self.casefile.tick(now());
                if !gone.is_empty() {
                    let (ids, subjects): (BTreeSet<_>, Vec<_>) = gone.into_iter().unzip();
                    self.desk.forget(&ids);
                    // Their records may be gone: the next case seals anew.
                    for subject in subjects {
                        self.unwritten.sealed.remove(&subject);
                    }
                }
                self.log.tick(ticked);
                self.desk.hit_log(&self.log.state());
                if shown.elapsed() >= SHOW_EVERY {
                    shown = Instant::now();
                    self.show();
                }
                if looked.elapsed() >= LOOK_EVERY {
                    looked = Instant::now();
                    self.desk.own(live::own_addresses());
                }
            }
        }
        self.desk.flush(now(), &mut self.unwritten.out);
        self.write();
        self.show();
        self.desk.sensor_gone("the sensor has ended");
        self.outbox.finish(OUTBOX_GRACE);
        let (state, closed) = self.log.close(Instant::now());
        self.desk.hit_log(&state);
        let left = self.unwritten.waiting.len();
        closed.map_err(|e| Fault::new(Exit::Output, e))?;
        if left > 0 {
            let what = format!(
                "{left} changes of cases could not be written; free the disk of [cases] folder"
            );
            return Err(Fault::new(Exit::Output, what));
        }
        Ok(())
    }

    fn show(&self) {
        let outbox = self.outbox.state(now());
        let failing = self.unwritten.failing.as_deref();
        self.desk
            .show_cases(&self.casefile.state(), &outbox, failing);
    }

    /// Takes one thing in; `true` when it is the last.
    fn take(
        &mut self,
        incoming: Incoming,
        reloads: &mpsc::UnboundedSender<Result<ListInfo, String>>,
    ) -> bool {
        match incoming {
            Incoming::Sensor(event) => {
                match &event {
                    Event::ListLoaded(info) => {
                        self.follow_list();
                        drop(reloads.send(Ok(info.clone())));
                    }
                    Event::ListRefused(why) => drop(reloads.send(Err(why.clone()))),
                    _ => {}
                }
                self.desk.take(event, now(), &mut self.unwritten.out);
            }
            Incoming::Feed(event) => self.desk.take(event, now(), &mut self.unwritten.out),
            Incoming::Close { case, why, answer } => {
                // The visitor may have gone.
                let _ = answer.send(self.close(&case, &why));
            }
            Incoming::SensorEnded => return true,
        }
        false
    }

    fn close(&mut self, case: &str, why: &str) -> String {
        let out = &mut self.unwritten.out.changes;
        let found = self.desk.close(case, why, now(), out);
        self.write();
        reply(case, found, self.unwritten.failing.as_deref())
    }

    /// The sensor has another list: the desk judges by the same one.
    fn follow_list(&mut self) {
        match sources::catalogue(&self.lists) {
            Ok(list) => {
                let list = Arc::new(list);
                self.list.store(Arc::clone(&list));
                self.desk.catalogue(list);
            }
            Err(fault) => tracing::error!("cases are still judged by the old list: {fault}"),
        }
    }

    /// Hits first, then cases, then the alerts that follow from them. What fails stays in line.
    fn write(&mut self) {
        let unwritten = &mut self.unwritten;
        self.log
            .append_all(unwritten.out.records.iter(), Instant::now());
        unwritten.out.records.clear();
        // Nothing keeps them yet: they are counted, and gone.
        unwritten.out.frames.clear();
        for change in unwritten.out.changes.drain(..) {
            unwritten.waiting.push_back(change);
        }
        // An outbox that is full holds up alerts, and not the record of cases. A case that cannot be
        // written holds up all: no alert may go out before its case.
        let (mut cases_stop, mut alerts_stop) = (false, false);
        let mut kept = VecDeque::new();
        let mut failing = None;
        while let Some(change) = unwritten.waiting.pop_front() {
            let written = match &change {
                _ if cases_stop => Ok(false),
                Change::Alert(_) if alerts_stop => Ok(false),
                Change::Alert(alert) => self.outbox.put(alert, now()).map(|()| true),
                Change::Case(case) => self.casefile.put(case).and_then(|new| {
                    if new || unwritten.owes_seal {
                        unwritten.owes_seal = true;
                        let sealed = &mut unwritten.sealed;
                        seal(&mut self.desk, sealed, &mut self.casefile, case)?;
                        unwritten.owes_seal = false;
                    }
                    if case.closed.is_some() {
                        self.outbox.close(&case.id, now())?;
                    }
                    Ok(true)
                }),
            };
            match written {
                Ok(true) => {}
                Ok(false) => kept.push_back(change),
                Err(why) => {
                    alerts_stop = true;
                    cases_stop |= matches!(change, Change::Case(_));
                    kept.push_back(change);
                    failing = Some(why);
                }
            }
        }
        unwritten.waiting = kept;
        if let Some(why) = &failing
            && unwritten.said.is_none_or(|at| at.elapsed() >= SAY_EVERY)
        {
            unwritten.said = Some(Instant::now());
            tracing::error!(waiting = unwritten.waiting.len(), "{why}");
        }
        unwritten.failing = failing;
        shorten(&mut unwritten.waiting);
        self.outbox.write_log(&mut self.log, Instant::now());
    }
}

/// To whoever closes a case. `failing`: why something is not on the disk.
fn reply(case: &str, found: bool, failing: Option<&str>) -> String {
    match (found, failing) {
        (false, _) => format!("refused no open case {case}; `poortwacht cases list` shows them"),
        (true, None) => format!("closed {case}"),
        (true, Some(why)) => format!("closed {case}, but that may not be on the disk yet: {why}"),
    }
}

/// What is known of the case's subject goes under seal, once for each new piece.
fn seal(
    desk: &mut Desk,
    sealed: &mut HashMap<SubjectId, [u8; 32]>,
    casefile: &mut Casefile,
    case: &Case,
) -> Result<(), String> {
    let Some(clear) = desk.casework().identity().clear(&case.subject) else {
        return Ok(());
    };
    let Some(sealer) = desk.sealer() else {
        return Ok(());
    };
    let digest = digest(&clear);
    if sealed.get(&case.subject) == Some(&digest) {
        return Ok(());
    }
    casefile.seal(&sealer.seal(&case.subject, &clear)?)?;
    sealed.insert(case.subject.clone(), digest);
    Ok(())
}

/// Of a text that must not stay in memory.
fn digest(clear: &crate::identity::Clear) -> [u8; 32] {
    let mut text = serde_json::to_vec(clear).unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    text.fill(0);
    digest.as_ref().try_into().unwrap_or_default()
}

/// At the bound a case gives way to its newer self. What is left is bounded by the casebook: one
/// line for each case, and one alert for each of its stages.
fn shorten(waiting: &mut VecDeque<Change>) {
    if waiting.len() <= WAITING_MAX {
        return;
    }
    let mut newest = HashMap::new();
    for change in waiting.iter() {
        if let Change::Case(case) = change {
            newest.insert(case.id.clone(), case.revision);
        }
    }
    waiting.retain(|change| match change {
        Change::Case(case) => newest.get(&case.id) == Some(&case.revision),
        Change::Alert(_) => true,
    });
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_closes_a_case_is_told_when_that_is_not_on_the_disk() {
        assert_eq!(reply("case-1", true, None), "closed case-1");
        let said = reply("case-1", true, Some("no space left"));
        assert!(said.starts_with("closed ") && said.contains("not be on the disk yet: no space"));
        assert!(reply("case-1", false, Some("no space left")).starts_with("refused "));
    }
}

//! The desk with its files, on a thread of its own: forcing lines to the disk may take its time
//! without holding up a page.
//!
//! Enters: events of the sensor and of feeds, the passing of time. Leaves: the hit log, the case
//! journal, sealed subjects, the outbox. Never: gives up what it could not write yet.

use std::collections::{HashMap, VecDeque};
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
use crate::casefile::Casefile;
use crate::cases::{Case, Change};
use crate::config::Lists;
use crate::desk::{Desk, Output};
use crate::event::{Event, ListInfo};
use crate::hits::{HitLog, SubjectId};
use crate::sealing::Sealer;

/// Pace of what time brings: retries, forced writes, closing windows, readiness.
const TICK: Duration = Duration::from_millis(200);
/// Changes that may wait for a disk that is full. A case that waits is replaced by its newer
/// self, so that this many cases and alerts must have changed before any is lost.
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
    /// For the officers, if there are any.
    pub sealer: Option<Sealer>,
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
    out: Output,
    waiting: VecDeque<Change>,
    /// What was sealed of each subject: the same is not sealed twice.
    sealed: HashMap<SubjectId, [u8; 32]>,
    said: Option<Instant>,
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
        let mut ticked = Instant::now();
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(Incoming::Sensor(event)) => {
                    match &event {
                        Event::ListLoaded(info) => {
                            self.follow_list();
                            drop(reloads.send(Ok(info.clone())));
                        }
                        Event::ListRefused(why) => drop(reloads.send(Err(why.clone()))),
                        _ => {}
                    }
                    self.take(event);
                }
                Ok(Incoming::Feed(event)) => self.take(event),
                Ok(Incoming::Close { case, why, answer }) => {
                    // The visitor may have gone.
                    let _ = answer.send(self.close(&case, &why));
                }
                Ok(Incoming::SensorEnded) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if reopen.swap(false, Ordering::Relaxed) {
                self.log.reopen(Instant::now());
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.desk.tick(now(), &mut self.unwritten.out);
                self.write();
                self.casefile.tick(now());
                self.log.tick(ticked);
                self.desk.hit_log(&self.log.state());
            }
        }
        self.desk.flush(&mut self.unwritten.out);
        self.write();
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

    fn take(&mut self, event: Event) {
        self.desk.take(event, now(), &mut self.unwritten.out);
        self.write();
    }

    fn close(&mut self, case: &str, why: &str) -> String {
        let out = &mut self.unwritten.out.changes;
        let reply = match self.desk.close(case, why, now(), out) {
            true => format!("closed {case}"),
            false => format!("refused no open case {case}; `poortwacht cases list` shows them"),
        };
        self.write();
        reply
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
        for record in unwritten.out.records.drain(..) {
            self.log.append(&record, Instant::now());
        }
        for change in unwritten.out.changes.drain(..) {
            unwritten.waiting.push_back(change);
        }
        while let Some(change) = unwritten.waiting.front() {
            let written = match change {
                Change::Case(case) => self
                    .casefile
                    .put(case)
                    .and_then(|()| {
                        let seals = (&mut self.sealer, &mut unwritten.sealed);
                        seal(&self.desk, seals, &mut self.casefile, case)
                    })
                    .and_then(|()| match case.closed {
                        Some(_) => self.outbox.close(&case.id, now()),
                        None => Ok(()),
                    }),
                Change::Alert(alert) => self.outbox.put(alert, now()),
            };
            if let Err(why) = written {
                if unwritten.said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
                    unwritten.said = Some(Instant::now());
                    tracing::error!(waiting = unwritten.waiting.len(), "{why}");
                }
                break;
            }
            unwritten.waiting.pop_front();
        }
        shorten(&mut unwritten.waiting);
        self.outbox.write_log(&mut self.log, Instant::now());
    }
}

/// What is known of the case's subject goes under seal, once for each new piece.
fn seal(
    desk: &Desk,
    (sealer, sealed): (&mut Option<Sealer>, &mut HashMap<SubjectId, [u8; 32]>),
    casefile: &mut Casefile,
    case: &Case,
) -> Result<(), String> {
    let Some(sealer) = sealer else {
        return Ok(());
    };
    let Some(clear) = desk.casework().identity().clear(&case.subject) else {
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

/// At the bound a case gives way to its newer self; only then does the eldest go.
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
    let mut lost = 0u64;
    while waiting.len() > WAITING_MAX {
        waiting.pop_front();
        lost += 1;
    }
    if lost > 0 {
        tracing::error!(
            lost,
            "changes of cases were lost: the disk has been full for too long"
        );
    }
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

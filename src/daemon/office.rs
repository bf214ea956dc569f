//! The desk on a thread of its own: forcing lines to the disk may take its time without holding up
//! a page.
//!
//! Enters: events of the sensor and of feeds, acts of people, the passing of time. Leaves: what
//! [`Books`] writes, answers to acts. Never: gives up what it could not write yet; answers an act
//! before it is in the record.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use super::acts::{self, Done, Refused};
use super::books::Books;
use super::erasure::Finisher;
use super::fault::{Exit, Fault};
use super::retention::Keeper;
use super::sources;
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::capture::live;
use crate::config::Lists;
use crate::desk::Desk;
use crate::event::{Event, ListInfo};
use crate::record::{Act, Actor, Body, Entry, Life};

/// Pace of what time brings: retries, forced writes, closing windows, readiness.
const TICK: Duration = Duration::from_millis(200);
/// Most events that are written together. A case's change may stand among them: none waits longer
/// than the others take.
const TOGETHER_MAX: usize = 256;
/// Pace of counting cases for the metrics.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// Pace of looking which addresses this machine has.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long alerts may take to go out at a stop; what is left goes out at the next start.
const OUTBOX_GRACE: Duration = Duration::from_secs(3);

/// What comes in.
pub enum Incoming {
    /// From the sensor.
    Sensor(Event),
    /// The sensor closed its end.
    SensorEnded,
    /// From a feed.
    Feed(Event),
    /// Somebody acts.
    Act {
        /// Who.
        by: Actor,
        /// What.
        act: Act,
        /// The revision of the case's triage that they saw; `None`: whatever it is.
        revision: Option<u64>,
        /// Told when it is in the record, or why it is not.
        answer: oneshot::Sender<Result<Done, Refused>>,
    },
    /// Something that desk and books are needed for, done in its turn.
    Do(Task),
}

/// What is done in the office's turn.
pub type Task = Box<dyn FnOnce(&mut Desk, &mut Books) + Send>;

impl Incoming {
    /// Tells whoever waits for an answer that there will be none.
    pub fn refuse(self, why: &str) {
        // The visitor may have gone.
        match self {
            Self::Act { answer, .. } => drop(answer.send(Err(Refused(why.to_owned())))),
            // Whoever waits for it hears that it went.
            Self::Do(_) | Self::Sensor(_) | Self::SensorEnded | Self::Feed(_) => {}
        }
    }
}

/// The desk and what it writes.
pub struct Office {
    /// Folds, judges, counts.
    pub desk: Desk,
    /// What is written, and what waits for it.
    pub books: Books,
    /// The list that feeds match by.
    pub list: Arc<ArcSwap<Catalogue>>,
    /// Where lists come from, to follow a reload.
    pub lists: Lists,
    /// Deletes what has had its time.
    pub keeper: Keeper,
    /// Finishes an erasure that was cut short.
    pub finisher: Finisher,
    /// The entry about the end, but for its reason.
    pub life: Life,
    /// Why it ends, when somebody ends it.
    pub stopping: Arc<Mutex<Option<&'static str>>>,
}

/// When this and that was done last.
struct Paces {
    ticked: Instant,
    shown: Instant,
    looked: Instant,
    /// Both clocks at the last tick.
    clocks: (Timestamp, Instant),
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
        self.desk.hit_log(&self.books.log.state());
        self.write();
        self.show();
        let begun = Instant::now();
        let mut paces = Paces {
            ticked: begun,
            shown: begun,
            looked: begun,
            clocks: (now(), begun),
        };
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
            self.write_soon();
            if ended {
                break;
            }
            if reopen.swap(false, Ordering::Relaxed) {
                self.books.log.reopen(Instant::now());
            }
            if self.desk.wait(now()).is_some_and(|wait| wait.is_zero()) {
                self.desk.release(now(), &mut self.books.out);
                self.write_soon();
            }
            if paces.ticked.elapsed() >= TICK {
                self.tick(&mut paces);
            }
        }
        self.end()
    }

    /// What time brings.
    fn tick(&mut self, paces: &mut Paces) {
        paces.ticked = Instant::now();
        let (wall, steady) = (now(), paces.ticked);
        let (wall_before, steady_before) = std::mem::replace(&mut paces.clocks, (wall, steady));
        let went = wall.nanos().saturating_sub(wall_before.nanos());
        let should = i64::try_from(steady.duration_since(steady_before).as_nanos());
        let step = went.saturating_sub(should.unwrap_or(went));
        self.desk.clock_stepped(step / 1_000_000);
        self.desk.tick(wall, &mut self.books.out);
        self.write_soon();
        let gone = self.books.casefile.tick(wall);
        if !gone.is_empty() {
            let (ids, subjects): (BTreeSet<_>, Vec<_>) = gone.into_iter().unzip();
            self.desk.forget(&ids);
            self.books.unsealed(subjects);
        }
        self.keeper.tick(&mut self.books, wall, steady);
        self.finisher.tick(&mut self.desk, &mut self.books, steady);
        self.books.registrar.tick(wall, steady);
        self.books.tick_log(paces.ticked);
        self.desk.hit_log(&self.books.log.state());
        if paces.shown.elapsed() >= SHOW_EVERY {
            paces.shown = Instant::now();
            self.show();
        }
        if paces.looked.elapsed() >= LOOK_EVERY {
            paces.looked = Instant::now();
            self.desk.own(live::own_addresses());
        }
    }

    /// The sensor has ended: what is left is written, and everything closed.
    fn end(mut self) -> Result<(), Fault> {
        self.desk.flush(now(), &mut self.books.out);
        let time = self.desk.moment(now());
        let mut life = self.life.clone();
        if let Some(why) = *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) {
            life.reason = why.into();
        }
        let body = Body::Life(life);
        self.books.out.entries.push(Entry { time, body });
        self.books.registrar.hurry();
        self.write();
        let (unrecorded, unwritten) = self.books.left();
        self.show();
        self.desk.sensor_gone("the sensor has ended");
        self.books.settle_log();
        let Books {
            registrar,
            log,
            outbox,
            ..
        } = self.books;
        outbox.finish(OUTBOX_GRACE);
        let (state, closed) = log.close(Instant::now());
        self.desk.hit_log(&state);
        let failing = registrar.failing().map(str::to_owned);
        let ledger = registrar.close(now());
        closed.map_err(|e| Fault::new(Exit::Output, e))?;
        if unrecorded > 0 {
            let why = failing.unwrap_or_default();
            let what = format!("{unrecorded} hits and changes could not be recorded: {why}");
            return Err(Fault::new(Exit::Output, what));
        }
        ledger.map_err(|why| Fault::new(Exit::Output, why))?;
        if unwritten > 0 {
            let what = format!(
                "{unwritten} changes of cases could not be written; free the disk of [cases] folder"
            );
            return Err(Fault::new(Exit::Output, what));
        }
        Ok(())
    }

    /// Before somebody asks the store.
    fn write(&mut self) {
        self.books.write(&mut self.desk, now());
    }

    /// What came by itself: nobody waits for the store.
    fn write_soon(&mut self) {
        self.books.write_soon(&mut self.desk, now());
    }

    fn show(&self) {
        let books = &self.books;
        let outbox = books.outbox.state(now());
        let record = books.registrar.state(books.waiting());
        // Of the ledger the record's own state tells.
        let beside = |why: &&str| Some(*why) != books.registrar.failing();
        let failing = books.failing().filter(beside);
        self.desk
            .show_cases(&books.casefile.state(), &outbox, failing);
        self.desk.show_record(&record);
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
                self.desk.take(event, now(), &mut self.books.out);
            }
            Incoming::Feed(event) => self.desk.take(event, now(), &mut self.books.out),
            Incoming::Act {
                by,
                act,
                revision,
                answer,
            } => {
                // What came before it is judged and recorded before it.
                self.write();
                let acted = acts::carry_out(&mut self.desk, &mut self.books, (by, act, revision));
                self.write();
                // The visitor may have gone.
                let _ = answer.send(acted);
            }
            Incoming::Do(what) => {
                self.write();
                what(&mut self.desk, &mut self.books);
            }
            Incoming::SensorEnded => return true,
        }
        false
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
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

//! Cases of capture files: the daemon's stages in one process, without its files.
//!
//! Enters: capture files, the configuration, feed files. Leaves: every case as it stood at the end,
//! and the alerts on the way. Never: writes a file; lets a stage know what came later.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use super::fault::{Exit, Fault};
use super::{people, sources};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::capture::file::FileSource;
use crate::cases::{Alert, Case, Change};
use crate::config::Config;
use crate::desk::twice::HOLD_REPLAY;
use crate::desk::{Casework, Twice};
use crate::event::{Event, Hit};
use crate::hits::Key;
use crate::sensor::{Sink, Worker};

/// Packet time between two ticks.
const TICK_NS: u64 = 1_000_000_000;
/// Packet time after the last frame in which what waits is settled.
const SETTLE_NS: i64 = 600_000_000_000;

/// What a replay gives.
#[derive(Default)]
pub struct Outcome {
    /// Cases by id, as they stood at the end, closed ones too.
    pub cases: BTreeMap<String, Case>,
    /// Alerts in their order.
    pub alerts: Vec<Alert>,
    /// Files, or parts of them, that could not be read; what was read before counts.
    pub troubles: Vec<String>,
}

/// Replays `files` under `config`, with pseudonyms under `key`.
///
/// # Errors
/// [`Fault`] when a list, map or file cannot be opened at all.
pub fn cases(config: &Config, files: &[PathBuf], key: &Key) -> Result<Outcome, Fault> {
    let list = Arc::new(sources::catalogue(&config.lists)?);
    let casework = people::casework(config, key, Arc::clone(&list))?;
    let mut told = people::feed_events(config, &list)?;
    // The same moment keeps the order of the feeds.
    told.sort_by_key(time_of);
    let mut sink = Collector {
        twice: people::twice(config, key, HOLD_REPLAY)?,
        ready: Vec::new(),
        casework,
        feeds: told.into(),
        ticked: Timestamp(0),
        newest: Timestamp(0),
        changes: Vec::new(),
        outcome: Outcome::default(),
    };
    let refuse = |e| Fault::new(sources::input_exit(&e), e);
    let (source, closed) = FileSource::open_each(files).map_err(refuse)?;
    let mut source = sources::Files::new(source);
    source.narrow(&config.sensor.filter)?;
    let troubles = &mut Vec::new();
    troubles.extend(closed.iter().map(ToString::to_string));
    let mut worker = Worker::new(&sources::settings(&config.sensor), 0, "files");
    read(&mut source, &mut worker, &list, &mut sink, troubles);
    worker.flush("files", &list, &mut sink);
    sink.end();
    sink.outcome.troubles.append(troubles);
    Ok(sink.outcome)
}

fn read(
    source: &mut sources::Files,
    worker: &mut Worker,
    list: &Catalogue,
    sink: &mut Collector,
    troubles: &mut Vec<String>,
) {
    loop {
        let step = source.step(|frame, point| {
            sink.newest = sink.newest.max(frame.time);
            worker.frame(frame, point, list, sink);
        });
        match step {
            Ok(true) => sink.pass(),
            Ok(false) => return,
            Err(e) => troubles.push(e.to_string()),
        }
    }
}

/// The first fault among the troubles, for an exit code.
///
/// # Errors
/// [`Exit::Input`] when there was any.
pub fn judge(outcome: &Outcome) -> Result<(), Fault> {
    match outcome.troubles.first() {
        None => Ok(()),
        Some(what) => Err(Fault::new(Exit::Input, what)),
    }
}

/// Takes what the worker tells, feeds between, in the order of packet time.
struct Collector {
    twice: Twice,
    ready: Vec<Event>,
    casework: Casework,
    feeds: VecDeque<Event>,
    ticked: Timestamp,
    newest: Timestamp,
    changes: Vec<Change>,
    outcome: Outcome,
}

impl Collector {
    fn take(&mut self, event: Event) {
        self.twice.take(event, self.newest, &mut self.ready);
        self.go_on();
    }

    /// Judges what is no repeat.
    fn go_on(&mut self) {
        self.catch_up(self.newest);
        for event in self.ready.drain(..) {
            self.casework.take(&event, self.newest, &mut self.changes);
        }
        self.keep();
    }

    /// What the feeds told up to `time`.
    fn catch_up(&mut self, time: Timestamp) {
        while self.feeds.front().is_some_and(|next| time_of(next) <= time) {
            if let Some(event) = self.feeds.pop_front() {
                let at = time_of(&event);
                self.casework.take(&event, at, &mut self.changes);
            }
        }
    }

    /// Time passes with the frames, also with those that tell nothing.
    fn pass(&mut self) {
        if self.newest.since_ns(self.ticked) >= TICK_NS {
            self.ticked = self.newest;
            self.catch_up(self.newest);
            self.casework.tick(self.newest, &mut self.changes);
            self.keep();
        }
    }

    /// What the feeds told after the last frame, and what was still open.
    fn end(&mut self) {
        self.twice.flush(&mut self.ready);
        self.go_on();
        while let Some(event) = self.feeds.pop_front() {
            let at = time_of(&event);
            self.newest = self.newest.max(at);
            self.casework.take(&event, at, &mut self.changes);
            self.casework.tick(self.newest, &mut self.changes);
        }
        // Mail that a server checked is settled within minutes: nothing more will come.
        let settled = Timestamp(self.newest.nanos().saturating_add(SETTLE_NS));
        self.casework.tick(settled, &mut self.changes);
        self.keep();
        for case in self.casework.cases() {
            self.outcome.cases.insert(case.id.clone(), case.clone());
        }
    }

    fn keep(&mut self) {
        for change in self.changes.drain(..) {
            match change {
                Change::Case(case) => {
                    self.outcome.cases.insert(case.id.clone(), *case);
                }
                Change::Alert(alert) => self.outcome.alerts.push(*alert),
            }
        }
    }
}

impl Sink for Collector {
    fn hit(&mut self, hit: Box<Hit>) {
        self.take(Event::Hit(hit));
    }

    fn tell(&mut self, event: Event) {
        self.take(event);
    }
}

/// When a feed's event was so.
fn time_of(event: &Event) -> Timestamp {
    match event {
        Event::Hit(hit) => hit.time,
        Event::Mail(mail) => mail.time,
        Event::Fact(fact) => fact.time,
        Event::Translation(it) => it.time,
        _ => Timestamp(i64::MIN),
    }
}

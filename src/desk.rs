//! The desk: hands what the sensor tells from stage to stage.
//!
//! Enters: [`Event`]s and the passing of time. Leaves: hits for the record, [`Change`]s of cases,
//! sealed frames of hits, the coverage of each hour, and counts.
//! Never: touches a file, a socket or the clock; takes a hit on trust.

mod casework;
pub mod coverage;
mod frames;
mod plausible;
pub mod twice;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Counters, Seen, Timestamp};
use crate::blocklist::Catalogue;
use crate::cases::{Case, Change};
use crate::event::{Event, Hit, ListInfo, MailSource};
use crate::hits::log::LogState;
use crate::hits::{Finding, Folder, Scribe, SubjectId};
use crate::metrics::{Metrics, Readiness};
use crate::organisation::Organisation;
use crate::record::{self, Body, Entry};
use crate::sealing::Sealer;
use crate::{alerts, casefile};

use frames::Framer;

pub use casework::Casework;
pub use coverage::Hours;
pub use frames::{FIRST_MAX as FRAMES_FIRST_MAX, Framed};
pub use twice::Twice;

/// Where the time comes from that closes folding windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Packets come as they happen: the wall clock closes windows too, when traffic rests.
    Live,
    /// Packets come from files: packet time alone, so that each replay folds alike.
    Replay,
}

/// What is to be written: hits before changes.
#[derive(Default)]
pub struct Output {
    /// Hits and their packet time; their lines go to the hit log.
    pub hits: Vec<(Timestamp, record::Hit)>,
    /// Cases and alerts, in their order.
    pub changes: Vec<Change>,
    /// What else is worth keeping: lists, coverage, losses.
    pub entries: Vec<Entry>,
    /// Frames of hits whose records came before.
    pub frames: Vec<Framed>,
}

/// How far the clocks of log writers may be ahead of ours.
const AHEAD_NS: u64 = 300_000_000_000;

/// Folds, writes down and counts.
pub struct Desk {
    twice: Twice,
    folder: Folder,
    casework: Casework,
    framer: Framer,
    /// Newest packet time told.
    packet_time: Timestamp,
    scribe: Scribe,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    clock: Clock,
    findings: Vec<Finding>,
    ready: Vec<Event>,
    /// Points whose connections count; empty: all.
    coverage: Vec<String>,
    hours: Hours,
}

impl Desk {
    /// Ties the stages together.
    pub fn new(
        twice: Twice,
        folder: Folder,
        casework: Casework,
        scribe: Scribe,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
        clock: Clock,
    ) -> Self {
        Self {
            twice,
            folder,
            casework,
            framer: Framer::new(None),
            packet_time: Timestamp(0),
            scribe,
            metrics,
            readiness,
            clock,
            findings: Vec::new(),
            ready: Vec::new(),
            coverage: Vec::new(),
            hours: Hours::new(coverage::Setting {
                organisation: Arc::new(Organisation::default()),
                config: String::new(),
                excluded_prefixes: 0,
                replay: clock == Clock::Replay,
            }),
        }
    }

    /// Counts the coverage of each hour under this setting.
    #[must_use]
    pub fn with_hours(mut self, setting: coverage::Setting) -> Self {
        self.hours = Hours::new(setting);
        self
    }

    /// Counts the connections of these points alone: where a connection passes two, it is told by
    /// both. Empty: of all.
    #[must_use]
    pub fn with_coverage(mut self, points: Vec<String>) -> Self {
        self.coverage = points;
        self
    }

    /// Seals for these officers. Without them nothing that stands under seal is kept.
    #[must_use]
    pub fn with_sealer(mut self, sealer: Option<Sealer>) -> Self {
        self.framer = Framer::new(sealer);
        self
    }

    /// Seals, if there are officers: one for frames and records, so that they share data keys.
    pub const fn sealer(&mut self) -> Option<&mut Sealer> {
        self.framer.sealer()
    }

    /// The addresses that this machine has by now: what comes from them may stand for others.
    pub fn own(&mut self, addresses: Vec<IpAddr>) {
        self.twice.own(addresses);
    }

    /// Takes one event at `now` (wall clock); appends to `out` the records that it makes ripe.
    pub fn take(&mut self, event: Event, now: Timestamp, out: &mut Output) {
        if !plausible::is_plausible(&event) || self.is_ahead(&event, now) {
            self.metrics.implausible_event();
            return;
        }
        self.packet_time = self.packet_time.max(seen_at(&event));
        let mut ready = std::mem::take(&mut self.ready);
        self.twice.take(event, self.learned(now), &mut ready);
        self.go_on(ready, now, out);
    }

    /// Lets go on what has waited long enough to be recognised; to be called when
    /// [`Self::wait`] is over.
    pub fn release(&mut self, now: Timestamp, out: &mut Output) {
        let mut ready = std::mem::take(&mut self.ready);
        self.twice.release(self.learned(now), &mut ready);
        self.go_on(ready, now, out);
    }

    /// How long until there is something to release; `None`: nothing waits, or for packets.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let due = self.twice.due().filter(|_| self.clock == Clock::Live)?;
        Some(Duration::from_nanos(due.since_ns(now)))
    }

    fn go_on(&mut self, mut ready: Vec<Event>, now: Timestamp, out: &mut Output) {
        for event in ready.drain(..) {
            self.admit(event, now, out);
        }
        self.ready = ready;
    }

    fn admit(&mut self, mut event: Event, now: Timestamp, out: &mut Output) {
        if let Event::Stats(stats) = &mut event
            && !self.coverage.is_empty()
            && !self.coverage.contains(&stats.point)
        {
            stats.connections = Counters::default();
        }
        self.metrics.observe(&event, now);
        self.readiness.observe(&event);
        let at = self.learned(now);
        self.hours.take(&event, at, &mut out.entries);
        self.casework
            .take(&event, self.learned(now), &mut out.changes);
        match event {
            Event::Hit(hit) => self.folder.take(*hit, &mut self.findings),
            Event::Stats(stats) => {
                self.folder
                    .tick(Timestamp(stats.packet_time), &mut self.findings);
            }
            Event::ListRefused(why) => {
                out.entries
                    .push(list_entry(&ListInfo::default(), Some(&why), now));
                tracing::error!("the new list was refused, the old one stays in force: {why}");
                return;
            }
            Event::ListLoaded(list) | Event::Ready(list) => {
                out.entries.push(list_entry(&list, None, now));
                tracing::info!(version = %list.version, rules = list.rules,
                    vendors = list.vendors, "the list is in force");
                return;
            }
            Event::SourceEnded(point) => {
                tracing::info!(%point, "the source came to its end");
                return;
            }
            Event::Burst(_)
            | Event::Support(_)
            | Event::Mail(_)
            | Event::Fact(_)
            | Event::Translation(_)
            | Event::Confined(_) => return,
        }
        self.write(self.learned(now), out);
    }

    /// What time brings: closes windows that have run out by `now` (wall clock). To be called about
    /// once a second.
    pub fn tick(&mut self, now: Timestamp, out: &mut Output) {
        let now = match self.clock {
            Clock::Live => now,
            Clock::Replay => self.packet_time,
        };
        self.casework.tick(now, &mut out.changes);
        self.hours.tick(now, &mut out.entries);
        if self.clock == Clock::Live {
            self.folder.tick(now, &mut self.findings);
            self.write(now, out);
        }
        self.framer
            .tick(now, self.casework.identity(), &mut out.frames);
    }

    /// Closes every window: at the end.
    pub fn flush(&mut self, now: Timestamp, out: &mut Output) {
        self.settle(now, out);
        self.hours.finish(&mut out.entries);
    }

    /// What was seen is told to its end: nothing waits for repeats or for another point.
    pub fn settle(&mut self, now: Timestamp, out: &mut Output) {
        let mut ready = std::mem::take(&mut self.ready);
        self.twice.flush(&mut ready);
        self.go_on(ready, now, out);
        self.folder.flush(&mut self.findings);
        self.write(self.learned(now), out);
        self.framer.flush(self.casework.identity(), &mut out.frames);
        self.casework.tick(self.packet_time, &mut out.changes);
        // Growth that changed no stage may not have been written yet.
        self.casework.put_all_down(&mut out.changes);
    }

    /// The wall clock went so far ahead of the steady clock, or back, in one step.
    pub const fn clock_stepped(&mut self, by_ms: i64) {
        self.hours.clock_stepped(by_ms);
    }

    /// Cases as they were written down before a restart.
    pub fn restore(&mut self, cases: Vec<Case>, now: Timestamp, out: &mut Output) {
        let from = match self.clock {
            Clock::Live => now,
            Clock::Replay => Timestamp(i64::MIN),
        };
        self.casework.restore(cases, from, &mut out.changes);
    }

    /// Another list is in force.
    pub fn catalogue(&mut self, catalogue: Arc<Catalogue>) {
        self.declare(&catalogue);
        self.casework.catalogue(catalogue);
    }

    /// Closes a case for a reason that somebody gave; `false` when none of this id is open.
    pub fn close(&mut self, case: &str, why: &str, now: Timestamp, out: &mut Vec<Change>) -> bool {
        self.casework.close(case, why, self.learned(now), out)
    }

    /// Opens a closed case again; `false` when that cannot be done.
    pub fn reopen(&mut self, case: &str, now: Timestamp, out: &mut Vec<Change>) -> bool {
        self.casework.reopen(case, self.learned(now), out)
    }

    /// Shows how the record stands. To be called about once a second.
    pub fn show_record(&self, state: &record::State) {
        self.metrics.record(state);
        self.readiness.record(state);
    }

    /// Shows how cases, their file and their alerts stand. To be called about once a second.
    /// `unwritten` says why changes of cases have not reached the disk, if they have not.
    pub fn show_cases(
        &self,
        file: &casefile::State,
        outbox: &alerts::State,
        unwritten: Option<&str>,
    ) {
        let metrics = &self.metrics;
        metrics.repeated(self.twice.counts());
        let counts = self.casework.counts();
        metrics.cases(&counts);
        metrics.evidence_lost(&counts);
        metrics.identity(&self.casework.identity().state());
        metrics.frames(self.framer.fates());
        metrics.casefile(file);
        metrics.outbox(outbox);
        // An Alertmanager that is away makes nobody blind: alerts wait for it.
        self.readiness.cases(file.failing.as_deref().or(unwritten));
    }

    /// Declares what the vendors of a list may come to.
    pub fn declare(&self, list: &Catalogue) {
        let vendors = list.vendors().iter();
        let provable = vendors.filter_map(|v| Some((v.id.as_str(), v.highest_stage?)));
        self.metrics.provable(provable);
    }

    /// Cases that retention deleted.
    pub fn forget(&mut self, gone: &BTreeSet<String>) {
        self.casework.forget(gone);
    }

    /// A person's data are erased: their cases go, what names them in others', and who held what
    /// where they were. `wall` is the wall clock.
    pub fn erase(
        &mut self,
        cases: &BTreeSet<String>,
        subjects: &BTreeSet<SubjectId>,
        wall: Timestamp,
        out: &mut Output,
    ) {
        let now = self.moment(wall);
        self.casework.erase(cases, subjects, now, &mut out.changes);
    }

    /// Identity and cases.
    pub const fn casework(&self) -> &Casework {
        &self.casework
    }

    /// Is a line of a log dated so far ahead that its clock must be wrong? It would move the time of
    /// every case. A replay has no clock to compare with.
    fn is_ahead(&self, event: &Event, now: Timestamp) -> bool {
        let said = match event {
            Event::Hit(hit) if is_of_log(hit) => hit.time,
            Event::Mail(mail) if mail.source == MailSource::Log => mail.time,
            _ => return false,
        };
        self.clock == Clock::Live && said.since_ns(now) > AHEAD_NS
    }

    /// The time of what is known now: packet time in a replay.
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        self.learned(now)
    }

    /// When something is learned that is told now: in a replay nobody may know what came later.
    fn learned(&self, now: Timestamp) -> Timestamp {
        match self.clock {
            Clock::Live => now,
            Clock::Replay => self.packet_time,
        }
    }

    /// Shows the state of the hit log to metrics and readiness. To be called about once a second.
    pub fn hit_log(&self, state: &LogState) {
        self.metrics.hit_log(state);
        self.readiness.hit_log(state);
    }

    /// The sensor process has ended.
    pub fn sensor_gone(&self, why: &str) {
        self.metrics.sensor_gone();
        self.readiness.sensor_gone(why);
    }

    fn write(&mut self, now: Timestamp, out: &mut Output) {
        for finding in self.findings.drain(..) {
            self.metrics.finding(&finding);
            let (hit, time) = match &finding {
                Finding::First(hit) => (&**hit, hit.time),
                Finding::Folded(fold) => (&fold.first, fold.last),
            };
            let who = self.casework.holder(hit, time);
            let record = self.scribe.record(&finding);
            // What is folded into a count has no record of its own, and no frame.
            if let Finding::First(hit) = &finding {
                let hit = (&**hit, record.event.id.as_str());
                self.framer
                    .take(hit, now, &mut self.casework, &mut out.frames);
            }
            let hit = record::Hit {
                record,
                subject: who.subject,
                subject_kind: who.kind,
                grade: who.grade,
                unit: who.place.unit,
                site: who.place.site,
            };
            out.hits.push((time, hit));
        }
        self.metrics.folder(&self.folder);
    }
}

/// A list is in force, or was refused.
fn list_entry(list: &ListInfo, refused: Option<&str>, time: Timestamp) -> Entry {
    let body = Body::List(record::List {
        version: list.version.clone(),
        rules: list.rules,
        vendors: list.vendors,
        refused: refused.map(str::to_owned),
    });
    Entry { time, body }
}

/// Did a resolver's or proxy's log tell of it?
const fn is_of_log(hit: &Hit) -> bool {
    matches!(hit.seen, Seen::ResolverLog | Seen::ProxyLog)
}

/// Packet time that an event of the sensor tells; of what comes out of logs, which may be dated
/// ahead, none.
fn seen_at(event: &Event) -> Timestamp {
    match event {
        Event::Fact(fact) if fact.source.is_wire() => fact.time,
        Event::Mail(mail) if mail.source == MailSource::Wire => mail.time,
        Event::Hit(hit) if !is_of_log(hit) => hit.time,
        Event::Burst(burst) => burst.end,
        Event::Support(support) => support.time,
        Event::Stats(stats) => Timestamp(stats.packet_time),
        _ => Timestamp(0),
    }
}

#[cfg(test)]
pub(crate) mod tests;

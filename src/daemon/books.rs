//! All that the desk writes, in the order of truth.
//!
//! Enters: hits, changes of cases, other entries. Leaves: the case file, the ledger, the hit log, the
//! store, the outbox, in this order. Never: a line in the hit log or an alert of what is not in
//! the ledger; the same entry twice; a line that grows without bound.
//!
//! ```text
//! changes --> case file --\
//! hits, entries -----------+--> ledger (one synced commit) --> hit log --> store --> outbox, answers
//! ```
//!
//! The case file is the memory of the casebook: raw sightings, and what was told. It is written
//! *before* the ledger, so that it is never older than the record. After a crash between the two,
//! the cases read back are compared with what the record has of them, and what is missing is
//! recorded then, once. Alerts have the same id each time they are told: one that is in the record
//! is not recorded again, and the outbox knows those that it took.
//!
//! Hits that a crash kept from the hit log are written there at the next start.
//!
//! When the ledger cannot be written, nothing is acknowledged: hits and changes stay in line, and at
//! its bound the oldest hit goes and is counted. When writing goes on, the first entry says how long
//! nothing could be recorded, and how many hits are lost.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use super::registrar::Registrar;
use super::relog::{self, Marker};
use crate::alerts::Outbox;
use crate::base::Timestamp;
use crate::casefile::Casefile;
use crate::cases::{Alert, Case, Change};
use crate::desk::{Desk, Framed, Output};
use crate::hits::{HitLog, SubjectId};
use crate::record::differ::{self, Written};
use crate::record::unsealing::Terms;
use crate::record::{Body, Entry, Frame, Hit, Loss, Lost};
use crate::sealing::{Sealed, SealedFrame, SealedKey};

/// Changes that may wait for a disk that is full before older selves of a case are let go.
const WAITING_MAX: usize = 65_536;
/// Hits that may wait for the ledger, and their bytes.
const HITS_MAX: usize = 10_000;
const HIT_BYTES_MAX: usize = 16 << 20;
/// Sealed frames that may wait for the ledger.
const FRAMES_MAX: usize = 1024;
/// Data keys of frames that are remembered; a subject has one for each life of the process.
const KEYS_MAX: usize = 16_384;
/// Most things in line that go into one group commit.
const TOGETHER_MAX: usize = 1024;
/// Pace of saying that something cannot be written.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// The files, and what waits for them.
pub struct Books {
    /// Ledger and store.
    pub registrar: Registrar,
    /// Hits.
    pub log: HitLog,
    /// Cases.
    pub casefile: Casefile,
    /// Alerts.
    pub outbox: Outbox,
    /// What is asked of requests for an identity.
    pub terms: Terms,
    /// What the desk gave last.
    pub out: Output,
    /// Not yet in the case file.
    waiting: VecDeque<Change>,
    /// Not yet in the ledger.
    line: VecDeque<Due>,
    /// Not yet in the outbox.
    posts: VecDeque<Post>,
    /// Alerts told before a restart that are in the record.
    recorded: BTreeSet<String>,
    /// Cases in the case file whose subject is not yet sealed.
    owes_seal: BTreeSet<String>,
    /// What was sealed of each subject: the same is not sealed twice.
    sealed: HashMap<SubjectId, [u8; 32]>,
    /// Data keys of frames, as officers can open them, by their word.
    keys: HashMap<String, SealedKey>,
    hits: usize,
    hit_bytes: usize,
    frames: usize,
    /// Hits lost at the bound of which nothing is said yet.
    unsaid: u64,
    said: Option<Instant>,
    /// How far the hit log has come.
    marker: Option<Marker>,
    /// Why cases or alerts cannot be written, while they cannot.
    failing: Option<String>,
}

/// What is to be recorded.
enum Due {
    Hit(Timestamp, Box<Hit>),
    /// A case, and what was sealed of its subject by this occasion.
    Case(Box<Case>, Option<Box<Sealed>>),
    Alert(Box<Alert>),
    Entry(Entry),
}

/// A frame as the record has it: [`Frame::sealed`].
#[derive(serde::Serialize)]
struct KeptFrame<'f> {
    frame: &'f SealedFrame,
    /// The data key, for the officers.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'f SealedKey>,
}

/// What goes to the outbox once it is recorded.
enum Post {
    Alert(Box<Alert>),
    Close(String),
}

/// Entries made of the head of the line.
struct Batch {
    /// Things in line that they are of.
    dues: usize,
    entries: Vec<Entry>,
    cases: HashMap<String, Written>,
}

impl Books {
    /// Nothing waits yet.
    pub fn new(registrar: Registrar, log: HitLog, casefile: Casefile, outbox: Outbox) -> Self {
        Self {
            registrar,
            log,
            casefile,
            outbox,
            terms: Terms {
                threshold: u8::MAX,
                officers: Vec::new(),
                days: 0,
            },
            out: Output::default(),
            waiting: VecDeque::new(),
            line: VecDeque::new(),
            posts: VecDeque::new(),
            recorded: BTreeSet::new(),
            owes_seal: BTreeSet::new(),
            sealed: HashMap::new(),
            keys: HashMap::new(),
            frames: 0,
            hits: 0,
            hit_bytes: 0,
            unsaid: 0,
            said: None,
            marker: None,
            failing: None,
        }
    }

    /// Writes into the hit log at `path` what a crash kept from it, and from now on writes down, in
    /// the folder of the cases, how far the log has come.
    pub fn relog(&mut self, path: &Path, cases: &Path) {
        let now = Instant::now();
        let marker = Marker::new(cases, path);
        let size = self.registrar.ledger().map_or(0, |(_, size)| size);
        let many = match marker.before() {
            // Else it is the log of another ledger.
            Some((entry, logged)) if entry <= size => {
                let mut many = 0;
                let mut next = entry;
                while next < size {
                    let some = self.registrar.some(next, TOGETHER_MAX as u64);
                    next += TOGETHER_MAX as u64;
                    let mut hits = relog::hits(some);
                    hits.retain(|hit| !logged.contains(&hit.event.id));
                    self.log.append_all(hits.iter(), now);
                    many += hits.len();
                }
                many
            }
            Some(_) => 0,
            None => {
                // One group commit may have been on its way.
                let most = 2 * TOGETHER_MAX as u64;
                let tail = self.registrar.some(size.saturating_sub(most), most);
                let lacking = relog::lacking(tail, path);
                self.log.append_all(lacking.iter(), now);
                lacking.len()
            }
        };
        if many > 0 {
            tracing::warn!(
                "{many} hits of the record had no line in the hit log (a crash, or its disk was \
                 full?); they get it now"
            );
        }
        if self.registrar.is_kept() {
            self.marker = Some(marker);
            self.settle_log();
        }
    }

    /// What time brings to the hit log.
    pub fn tick_log(&mut self, now: Instant) {
        self.log.tick(now);
        // Whatever is recorded was given to the log.
        if let (Some(marker), Some((_, size))) = (&mut self.marker, self.registrar.ledger()) {
            marker.tick(&self.log, size, now);
        }
    }

    /// At the start and at the end: what waits for the hit log is written, and how far it has come.
    pub fn settle_log(&mut self) {
        self.log.settle(Instant::now());
        if let (Some(marker), Some((_, size))) = (&mut self.marker, self.registrar.ledger()) {
            marker.mark(&self.log, size);
        }
    }

    /// Cases as they were written down before a restart: what the record has not of them comes
    /// before anything new.
    pub fn restored(&mut self, cases: &[Case]) {
        if !self.registrar.is_kept() {
            return;
        }
        // What is said of the start comes before.
        self.take_in();
        for case in cases {
            let due = |sealed| Due::Case(Box::new(case.clone()), sealed);
            let owed = self.unrecorded(case).unwrap_or_else(|why| {
                tracing::error!("what is sealed is not compared with the record: {why}");
                Vec::new()
            });
            let owed = owed.into_iter().map(|it| due(Some(Box::new(it))));
            self.line.extend(owed);
            self.line.push_back(due(None));
        }
    }

    /// What was sealed of a case's subject, and a crash kept from the record: it went the way of a
    /// change of the case, so only cases that the record lacks something of can lack it.
    fn unrecorded(&self, case: &Case) -> Result<Vec<Sealed>, String> {
        let written = self.registrar.written(&case.id)?;
        if differ::entries(&written, case).is_empty() {
            return Ok(Vec::new());
        }
        let mut sealed = self.casefile.versions(&case.subject)?;
        let recorded = self.registrar.sealed(&case.subject)?;
        sealed.retain(|it| !recorded.contains(it));
        Ok(sealed)
    }

    /// Alerts that are in the record already, though they may be told again.
    pub fn recorded(&mut self, alerts: impl IntoIterator<Item = String>) {
        self.recorded.extend(alerts);
    }

    /// As [`Self::write`], where nobody waits for the store, which follows within a moment.
    pub fn write_soon(&mut self, desk: &mut Desk, wall: Timestamp) {
        self.write_line(desk, wall);
        self.registrar.project_soon(Instant::now());
    }

    /// Writes as far as it goes. What fails stays in line, and is tried again with the next call.
    pub fn write(&mut self, desk: &mut Desk, wall: Timestamp) {
        self.write_line(desk, wall);
        self.registrar.project(Instant::now());
    }

    fn write_line(&mut self, desk: &mut Desk, wall: Timestamp) {
        self.take_in();
        let now = Instant::now();
        self.failing = None;
        if self.registrar.may_try(now) {
            self.put_cases(desk);
            let at = desk.moment(wall);
            // After a failure it is tried again also when nothing is left to record.
            while !self.line.is_empty() || self.registrar.failing().is_some() {
                if let Err(why) = self.record_some(at, now) {
                    self.failing.get_or_insert(why);
                    break;
                }
            }
        }
        self.post(wall);
        self.shorten();
        self.say(now);
        self.outbox.write_log(&mut self.log, now);
    }

    fn take_in(&mut self) {
        let Output {
            hits,
            changes,
            entries,
            frames,
        } = std::mem::take(&mut self.out);
        for (time, hit) in hits {
            self.hits += 1;
            self.hit_bytes += size(&hit);
            self.line.push_back(Due::Hit(time, Box::new(hit)));
        }
        self.line.extend(entries.into_iter().map(Due::Entry));
        for framed in frames {
            let due = self.frame(framed);
            self.line.extend(due);
        }
        self.waiting.extend(changes);
    }

    /// An entry of a sealed frame. Each bears the data key for the officers, so that it can be opened
    /// whichever of them retention leaves.
    fn frame(&mut self, framed: Framed) -> Option<Due> {
        let Framed {
            hit_id,
            subject,
            vendor,
            time,
            sealed,
            key,
        } = framed;
        if let Some(key) = key {
            if self.keys.len() >= KEYS_MAX {
                self.keys.clear();
            }
            self.keys.insert(key.key.clone(), key);
        }
        let key = self.keys.get(&sealed.key);
        let sealed = serde_json::to_string(&KeptFrame {
            frame: &sealed,
            key,
        });
        let body = Body::Frame(Box::new(Frame {
            hit: hit_id,
            subject,
            vendor,
            sealed: sealed.ok()?,
        }));
        self.frames += 1;
        Some(Due::Entry(Entry { time, body }))
    }

    /// Cases into the case file, together. A case that cannot be written holds up all behind it: no
    /// alert may go out before its case.
    fn put_cases(&mut self, desk: &mut Desk) {
        let cases = self.waiting.iter().filter_map(|change| match change {
            Change::Case(case) => Some(&**case),
            Change::Alert(_) => None,
        });
        let cases: Vec<&Case> = cases.collect();
        if !cases.is_empty() {
            match self.casefile.put_all(&cases) {
                Ok(new) => {
                    let new = cases.iter().zip(new).filter(|(_, new)| *new);
                    self.owes_seal.extend(new.map(|(case, _)| case.id.clone()));
                }
                Err(why) => {
                    self.failing.get_or_insert(why);
                    return;
                }
            }
        }
        while let Some(change) = self.waiting.pop_front() {
            match change {
                Change::Alert(alert) => self.line.push_back(Due::Alert(alert)),
                Change::Case(case) => {
                    let owed = self.owes_seal.contains(&case.id);
                    match owed.then(|| self.seal(desk, &case)).transpose() {
                        Ok(sealed) => {
                            self.owes_seal.remove(&case.id);
                            let sealed = sealed.flatten().map(Box::new);
                            self.line.push_back(Due::Case(case, sealed));
                        }
                        Err(why) => {
                            self.failing.get_or_insert(why);
                            self.waiting.push_front(Change::Case(case));
                            return;
                        }
                    }
                }
            }
        }
    }

    /// One group commit from the head of the line, and what follows from it.
    fn record_some(&mut self, at: Timestamp, now: Instant) -> Result<(), String> {
        let batch = self.compose(at)?;
        let entries = batch.entries;
        let cases = batch.cases.into_iter().collect();
        if !entries.is_empty() {
            self.registrar.record(entries, cases, now)?;
        }
        self.unsaid = 0;
        let mut lines = Vec::new();
        for due in self.line.drain(..batch.dues) {
            match due {
                Due::Hit(_, hit) => {
                    self.hits -= 1;
                    self.hit_bytes -= size(&hit);
                    lines.push(hit.record);
                }
                Due::Case(case, _) if case.closed.is_some() => {
                    self.posts.push_back(Post::Close(case.id));
                }
                Due::Alert(alert) => self.posts.push_back(Post::Alert(alert)),
                Due::Entry(it) => self.frames -= usize::from(is_frame(&it)),
                Due::Case(..) => {}
            }
        }
        self.log.append_all(lines.iter(), now);
        Ok(())
    }

    fn compose(&self, at: Timestamp) -> Result<Batch, String> {
        let mut batch = Batch {
            dues: 0,
            entries: Vec::new(),
            cases: HashMap::new(),
        };
        let entry = |time, body| Entry { time, body };
        if let Some(since) = self.registrar.failing_since() {
            let reason = match self.unsaid {
                0 => "the ledger could not be written",
                _ => "the ledger could not be written, and the oldest hits in line gave way",
            };
            let loss = Loss {
                place: "ledger".into(),
                reason: format!("{reason}: for {} seconds", since.elapsed().as_secs()),
                count: self.unsaid,
            };
            batch.entries.push(entry(at, Body::Loss(loss)));
        }
        if !self.registrar.is_kept() {
            batch.dues = self.line.len();
            return Ok(batch);
        }
        for due in self.line.iter().take(TOGETHER_MAX) {
            batch.dues += 1;
            match due {
                Due::Hit(time, hit) => batch.entries.push(entry(*time, Body::Hit(hit.clone()))),
                Due::Case(case, sealed) => {
                    let written = match batch.cases.remove(&case.id) {
                        Some(written) => written,
                        None => self.registrar.written(&case.id)?,
                    };
                    let bodies = differ::entries(&written, case).into_iter();
                    batch
                        .entries
                        .extend(bodies.map(|body| entry(when(&body, at), body)));
                    if let Some(sealed) = sealed {
                        batch.entries.push(entry(at, Body::Sealed(sealed.clone())));
                    }
                    batch.cases.insert(case.id.clone(), Written::of(case));
                }
                Due::Alert(alert) if self.recorded.contains(&alert.id) => {}
                Due::Alert(alert) => batch.entries.push(entry(at, Body::Alert(alert.clone()))),
                Due::Entry(it) => batch.entries.push(it.clone()),
            }
            // A case may be many entries.
            if batch.entries.len() >= TOGETHER_MAX {
                break;
            }
        }
        Ok(batch)
    }

    /// To the outbox. One that is full holds up alerts, and nothing else.
    fn post(&mut self, wall: Timestamp) {
        while let Some(post) = self.posts.front() {
            let taken = match post {
                Post::Alert(alert) => self.outbox.put(alert, wall),
                Post::Close(case) => self.outbox.close(case, wall),
            };
            if let Err(why) = taken {
                self.failing.get_or_insert(why);
                return;
            }
            self.posts.pop_front();
        }
    }

    /// What is known of the case's subject goes under seal, once for each new piece.
    fn seal(&mut self, desk: &mut Desk, case: &Case) -> Result<Option<Sealed>, String> {
        let Some(clear) = desk.casework().identity().clear(&case.subject) else {
            return Ok(None);
        };
        let hosts = desk.casework().identity().hosts(&clear);
        let Some(sealer) = desk.sealer() else {
            return Ok(None);
        };
        let digest = digest(&clear);
        if self.sealed.get(&case.subject) == Some(&digest) {
            return Ok(None);
        }
        let mut sealed = sealer.seal(&case.subject, &clear)?;
        sealed.hosts = hosts;
        self.casefile.seal(&sealed)?;
        self.sealed.insert(case.subject.clone(), digest);
        Ok(Some(sealed))
    }

    /// Retention stands still for the cases that are held at `now`.
    pub fn hold(&mut self, now: Timestamp) {
        match self.registrar.held(now) {
            Ok(held) => self.casefile.hold(held),
            Err(why) => tracing::error!("cases under a hold are not known anew: {why}"),
        }
    }

    /// Records of these subjects may be gone: the next case seals anew.
    pub fn unsealed(&mut self, subjects: impl IntoIterator<Item = SubjectId>) {
        for subject in subjects {
            self.sealed.remove(&subject);
        }
    }

    /// At the bound a case gives way to its newer self, and the oldest hit goes. What is left of
    /// cases is bounded by the casebook: one line for each, and one alert for each of its stages.
    fn shorten(&mut self) {
        if self.waiting.len() > WAITING_MAX {
            let newest = newest(self.waiting.iter().filter_map(|change| match change {
                Change::Case(case) => Some(&**case),
                Change::Alert(_) => None,
            }));
            self.waiting.retain(|change| match change {
                Change::Case(case) => newest.get(&case.id) == Some(&case.revision),
                Change::Alert(_) => true,
            });
        }
        if self.line.len() - self.hits > WAITING_MAX {
            let newest = newest(self.line.iter().filter_map(|due| match due {
                Due::Case(case, _) => Some(&**case),
                _ => None,
            }));
            // What was sealed stays: nobody seals it again.
            self.line.retain(|due| match due {
                Due::Case(case, None) => newest.get(&case.id) == Some(&case.revision),
                _ => true,
            });
        }
        let mut frames = self.frames.saturating_sub(FRAMES_MAX);
        if frames > 0 {
            self.line.retain(|due| match due {
                Due::Entry(it) if frames > 0 && is_frame(it) => {
                    (frames, self.frames) = (frames - 1, self.frames - 1);
                    self.registrar.lost(Lost::QueueFull, 1);
                    false
                }
                _ => true,
            });
        }
        let mut over = self.hits.saturating_sub(HITS_MAX);
        let mut bytes = self.hit_bytes.saturating_sub(HIT_BYTES_MAX);
        if over == 0 && bytes == 0 {
            return;
        }
        let mut lost = 0;
        self.line.retain(|due| match due {
            Due::Hit(_, hit) if over > 0 || bytes > 0 => {
                over = over.saturating_sub(1);
                bytes = bytes.saturating_sub(size(hit));
                self.hits -= 1;
                self.hit_bytes -= size(hit);
                lost += 1;
                false
            }
            _ => true,
        });
        self.unsaid += lost;
        self.registrar.lost(Lost::QueueFull, lost);
    }

    fn say(&mut self, now: Instant) {
        // Of the ledger the registrar speaks.
        let Some(why) = self
            .failing
            .as_ref()
            .filter(|why| Some(why.as_str()) != self.registrar.failing())
        else {
            return;
        };
        if self
            .said
            .is_none_or(|at| now.duration_since(at) >= SAY_EVERY)
        {
            self.said = Some(now);
            let waiting = self.waiting.len() + self.line.len() + self.posts.len();
            tracing::error!(waiting, "{why}");
        }
    }

    /// Why cases or alerts are not on the disk yet, if they are not.
    pub fn failing(&self) -> Option<&str> {
        self.failing.as_deref().or(self.registrar.failing())
    }

    /// Things in line for the ledger.
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// What could not be written, at the end: hits and others in line for the ledger, changes of
    /// cases.
    pub fn left(&mut self) -> (u64, u64) {
        let line = match self.registrar.is_kept() {
            true => self.line.len() as u64,
            false => 0,
        };
        self.registrar.lost(Lost::AtEnd, self.hits as u64);
        (line, (self.waiting.len() + self.posts.len()) as u64)
    }
}

fn is_frame(entry: &Entry) -> bool {
    matches!(entry.body, Body::Frame(_))
}

fn newest<'c>(cases: impl Iterator<Item = &'c Case>) -> HashMap<String, u64> {
    let mut newest = HashMap::new();
    for case in cases {
        newest.insert(case.id.clone(), case.revision);
    }
    newest
}

/// When an entry of a case was so: what was seen has its time, how the case stands is of now.
fn when(body: &Body, at: Timestamp) -> Timestamp {
    match body {
        Body::Evidence(it) => it.item.as_ref().map_or(at, |item| item.time),
        Body::Step(it) => it.step.as_ref().map_or(at, |step| step.time),
        Body::Attribution(it) => it.entry.time,
        _ => at,
    }
}

/// About what a hit takes in memory.
fn size(hit: &Hit) -> usize {
    let evidence = hit.record.poortwacht.evidence.as_ref();
    1024 + evidence.map_or(0, |evidence| evidence.data.len())
}

/// Of a text that must not stay in memory.
fn digest(clear: &crate::identity::Clear) -> [u8; 32] {
    let mut text = serde_json::to_vec(clear).unwrap_or_default();
    let digest = ring::digest::digest(&ring::digest::SHA256, &text);
    text.fill(0);
    digest.as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests;

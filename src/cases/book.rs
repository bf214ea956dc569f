//! The casebook: which cases are open, when they are judged, written down and closed.
//!
//! Enters: sightings (`intake` makes them), packet time. Leaves: [`Change`]s. Never: decides what
//! evidence means (`judge`), or who it was (`identity`); grows without bound.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::bench::Knowledge;
use super::grown::{let_go, take};
use super::judge;
use super::mail::{self, Waiting};
use super::rules::{Rules, SECOND};
use super::sighting::{self, Sighting};
use super::standing::{self, Manner};
use super::{
    Alert, AlertKind, AttributionAct, AttributionEntry, Case, Change, Grounds, Told, tell,
};
use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::blocklist::{Catalogue, LoginMail, Proof, Stage};
use crate::hits::SubjectId;
use crate::identity::{Attribution, SubjectKind};
use crate::organisation::{Organisation, Standing};

/// Most open cases. One more, and the quietest that only looked a name up is closed.
pub const CASES_MAX: usize = 65_536;
/// Most sightings of a case.
pub const SIGHTINGS_MAX: usize = 400;
/// A case that rests on no more than so many sightings is judged with each of them.
const AT_ONCE_MAX: usize = 48;
/// Beyond that, no more often than this (packet time).
const TOGETHER_NS: u64 = 500_000_000;
/// Closed cases kept in memory; those before stand in the case file.
pub(super) const CLOSED_MAX: usize = 4096;
/// A case that only grew is written down again no more often than this, in packet time.
const WRITE_NS: i64 = 30 * SECOND;
/// A case without anything new for this long is over.
const QUIET_NS: i64 = 90 * 86_400 * SECOND;

closed_set! {
    /// What is lost at a bound.
    Lost {
        /// A new case, because all places were taken by cases beyond a look-up.
        Case = "case",
        /// A case that only looked a name up, for a new one.
        LookedUp = "looked-up",
        /// A sighting of a full case.
        Sighting = "sighting",
        /// A mail or supporting name that waited for its case.
        Waiting = "waiting",
    }
}

/// Where random case ids come from: outside, so that the rest can be replayed.
pub type Ids = Box<dyn FnMut() -> String + Send>;

/// Numbers for metrics. No person in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open cases by vendor, stage and standing.
    pub open: BTreeMap<(String, Stage, Standing), u64>,
    /// What was lost, along [`Lost`].
    pub lost: [u64; Lost::ALL.len()],
}

/// Subject and vendor.
pub(super) type CaseKey = (SubjectId, String);

/// All cases.
pub struct Casebook {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) organisation: Arc<Organisation>,
    pub(super) rules: Rules,
    pub(super) ids: Ids,
    pub(super) open: BTreeMap<CaseKey, Entry>,
    pub(super) closed: VecDeque<Case>,
    pub(super) waiting: Waiting,
    /// Newest packet time.
    pub(super) now: Timestamp,
    /// Sightings up to here came from before a restart: who held what then is known no more.
    pub(super) cold: Timestamp,
    pub(super) lost: [u64; Lost::ALL.len()],
    /// Cases with checks of mails that are not yet anybody's.
    pub(super) unsettled: BTreeSet<CaseKey>,
    /// Up to here all sources of identity have spoken: alerts on later evidence wait.
    known: Timestamp,
    know: HashMap<String, Arc<Knowledge>>,
}

/// An open case and what is not yet written down of it.
pub(super) struct Entry {
    pub(super) case: Case,
    pub(super) dirty: bool,
    pub(super) written: Timestamp,
    /// When it was last judged.
    judged: Timestamp,
    /// Sightings came since then.
    stale: bool,
    /// An alert waits until it is known whose the evidence is.
    pub(super) held: bool,
    /// Somebody opened it again then: it is not closed for being quiet before.
    pub(super) reopened: Timestamp,
}

impl Entry {
    /// The case differs from what was written: a journal takes nothing without a new revision.
    pub(super) const fn change(&mut self) {
        self.case.revision += 1;
        self.dirty = true;
    }
}

impl Casebook {
    /// Under the built-in rules and the proofs of the catalogue's vendors.
    pub fn new(catalogue: Arc<Catalogue>, organisation: Arc<Organisation>, ids: Ids) -> Self {
        Self::with_rules(catalogue, organisation, ids, Rules::builtin())
    }

    /// Under other rules.
    pub fn with_rules(
        catalogue: Arc<Catalogue>,
        organisation: Arc<Organisation>,
        ids: Ids,
        rules: Rules,
    ) -> Self {
        Self {
            catalogue,
            organisation,
            rules,
            ids,
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            waiting: Waiting::default(),
            now: Timestamp(i64::MIN),
            cold: Timestamp(i64::MIN),
            lost: [0; Lost::ALL.len()],
            unsettled: BTreeSet::new(),
            known: Timestamp(i64::MAX),
            know: HashMap::new(),
        }
    }

    /// Takes back what was written down before a restart. What waited in memory for its case (a
    /// mail before the first contact) is gone: it is nowhere on disk, on purpose.
    pub fn restore(&mut self, cases: Vec<Case>) {
        for case in cases {
            self.now = self.now.max(case.updated);
            self.cold = self.cold.max(case.updated);
            if case.is_open() {
                let key = (case.subject.clone(), case.vendor.clone());
                let written = case.updated;
                if case.grounds.sightings.iter().any(mail::is_unsettled) {
                    self.unsettled.insert(key.clone());
                }
                let entry = Entry {
                    case,
                    dirty: false,
                    judged: Timestamp(i64::MIN),
                    stale: false,
                    // One may have waited when the program stopped.
                    held: true,
                    reopened: Timestamp(i64::MIN),
                    written,
                };
                self.open.insert(key, entry);
            } else {
                self.shelve(case);
            }
        }
    }

    /// Every alert that the record says went out in the cases just restored: a crash may have come
    /// between the record and the alert. The ids are the same, so that nobody is told twice.
    pub fn tell_again(&mut self) -> Vec<Alert> {
        let open: Vec<Case> = self.open.values().map(|entry| entry.case.clone()).collect();
        let mut out = Vec::new();
        for case in open.iter().chain(&self.closed.clone()) {
            let know = self.knowledge(&case.vendor);
            out.extend(tell::again(case, &know.proof));
        }
        out
    }

    /// Another catalogue is in force, from the next sighting of each case on.
    pub fn catalogue(&mut self, catalogue: Arc<Catalogue>) {
        self.catalogue = catalogue;
        self.know.clear();
    }

    /// What time brings: closes what has been quiet for long, writes down what only grew.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Change>) {
        self.settle(now, out);
        let now = self.now;
        let stale = self.open.iter().filter(|(_, it)| it.stale);
        let stale: Vec<CaseKey> = stale.map(|(key, _)| key.clone()).collect();
        for key in stale {
            self.rejudge(&key, false, out);
        }
        let held = self.open.iter().filter(|(_, it)| it.held);
        let held: Vec<CaseKey> = held.map(|(key, _)| key.clone()).collect();
        for key in held {
            self.tell_held(&key, out);
        }
        let due = |entry: &Entry| now.0.saturating_sub(entry.written.0) >= WRITE_NS;
        for entry in self.open.values_mut().filter(|it| it.dirty && due(it)) {
            write(entry, now, out);
        }
        let quiet: Vec<CaseKey> = self
            .open
            .iter()
            .filter(|(_, it)| now.0.saturating_sub(it.case.updated.max(it.reopened).0) > QUIET_NS)
            .map(|(key, _)| key.clone())
            .collect();
        for key in quiet {
            self.shut(&key, "nothing new for 90 days", AlertKind::Resolved, out);
        }
    }

    /// The cases as they stand: open ones, then the newest of those that are over.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        let open = self.open.values().map(|entry| &entry.case);
        open.chain(&self.closed)
    }

    /// Numbers for metrics. A case of which several may be the subject tells nobody, so that it is
    /// not counted either: an alert on the count would say what the case does not.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            lost: self.lost,
            ..Counts::default()
        };
        let open = self.open.values().map(|entry| &entry.case);
        for case in open.filter(|case| case.kind() != SubjectKind::Ambiguous) {
            let key = (case.vendor.clone(), case.stage, case.ruling.standing);
            *counts.open.entry(key).or_insert(0) += 1;
        }
        counts
    }

    /// The rules in force.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Judges one vendor as if its file said so of its log-in: for what-if.
    pub fn presume(&mut self, vendor: &str, login_mail: LoginMail) {
        let mut know = Knowledge::clone(&self.knowledge(vendor));
        know.proof.login_mail = login_mail;
        self.know.insert(vendor.to_owned(), Arc::new(know));
    }

    pub(super) fn knowledge(&mut self, vendor: &str) -> Arc<Knowledge> {
        if let Some(know) = self.know.get(vendor) {
            return Arc::clone(know);
        }
        let proof = self.catalogue.vendor(vendor);
        let proof = proof.map_or_else(|| Proof::of_stage(None), crate::blocklist::Vendor::proof);
        let limits = self.rules.limits(&proof);
        let know = Arc::new(Knowledge { proof, limits });
        self.know.insert(vendor.to_owned(), Arc::clone(&know));
        know
    }

    pub(super) fn new_case(
        &mut self,
        (vendor, vendor_name): (&str, &str),
        who: &Attribution,
        act: AttributionAct,
        time: Timestamp,
        other: Option<String>,
    ) -> Case {
        Case {
            id: (self.ids)(),
            revision: 0,
            vendor: vendor.to_owned(),
            vendor_name: vendor_name.to_owned(),
            subject: who.subject.clone(),
            stage: Stage::LookedUp,
            ruling: standing::nothing(),
            confidence: 0,
            opened: time,
            updated: time,
            items: Vec::new(),
            items_left_out: 0,
            steps: Vec::new(),
            band: String::new(),
            attribution: vec![AttributionEntry {
                act,
                time,
                attribution: who.clone(),
                other,
            }],
            closed: None,
            ended: None,
            grounds: Grounds::default(),
        }
    }

    pub(super) fn insert(&mut self, case: Case) {
        let key = (case.subject.clone(), case.vendor.clone());
        let entry = Entry {
            written: Timestamp(i64::MIN),
            judged: Timestamp(i64::MIN),
            stale: false,
            held: false,
            reopened: Timestamp(i64::MIN),
            dirty: true,
            case,
        };
        self.open.insert(key, entry);
    }

    /// A better attribution of the same subject takes the place of the one before.
    pub(super) fn improve(&mut self, key: &CaseKey, who: &Attribution) {
        let Some(entry) = self.open.get_mut(key) else {
            return;
        };
        if let Some(last) = entry.case.attribution.last_mut()
            && who.grade < last.attribution.grade
        {
            last.attribution = who.clone();
            entry.change();
        }
    }

    /// Takes a sighting into an open case and judges it anew.
    pub(super) fn add(&mut self, key: &CaseKey, it: Sighting, out: &mut Vec<Change>) {
        let know = self.knowledge(&key.1);
        let Some(entry) = self.open.get_mut(key) else {
            return;
        };
        let case = &mut entry.case;
        self.now = self.now.max(it.end);
        case.opened = case.opened.min(it.time);
        case.updated = case.updated.max(it.end);
        if mail::is_unsettled(&it) {
            self.unsettled.insert(key.clone());
        }
        sighting::put(&mut case.grounds.sightings, it, |it| {
            know.limits.is_small(it)
        });
        let over = case.grounds.sightings.len().saturating_sub(SIGHTINGS_MAX);
        for _ in 0..over {
            let_go(case, &know);
            self.lost[Lost::Sighting.index()] += 1;
        }
        // Judging reads all that a case rests on. In a flood the sightings of half a second are judged
        // together; a person's few are judged at once.
        let rests_on = case.grounds.sightings.len();
        if rests_on > AT_ONCE_MAX && self.now.since_ns(entry.judged) < TOGETHER_NS {
            entry.stale = true;
            return;
        }
        self.rejudge(key, false, out);
    }

    /// Judges a case from what it rests on. When evidence was taken away (`anew`), stages that no
    /// longer stand fall, and what was said of them is taken back.
    pub(super) fn rejudge(&mut self, key: &CaseKey, anew: bool, out: &mut Vec<Change>) {
        let know = self.knowledge(&key.1);
        let now = self.now;
        let Some(entry) = self.open.get_mut(key) else {
            return;
        };
        (entry.judged, entry.stale) = (now, false);
        let case = &mut entry.case;
        let manner = case
            .who()
            .map_or(Manner::Crowd { visits: false }, standing::manner);
        let judged = judge::judge(&self.rules, &know, manner, &case.grounds.sightings);
        let before = (case.steps.len(), case.ruling.clone(), case.band.clone());
        case.revision += 1;
        take(case, judged, anew, &know);
        let mut alerts = Vec::new();
        if anew {
            tell::take_back(case, &know.proof, now, &mut alerts);
        }
        entry.held = tell::raise(case, &know.proof, (now, self.known), &mut alerts);
        entry.dirty = true;
        let grown = before != (case.steps.len(), case.ruling.clone(), case.band.clone());
        if grown || anew || !alerts.is_empty() || entry.written.0 == i64::MIN {
            write(entry, now, out);
        }
        out.extend(
            alerts
                .into_iter()
                .map(|alert| Change::Alert(Box::new(alert))),
        );
    }

    /// All sources of identity have spoken up to `known`. Without this call none is waited for.
    pub const fn known_until(&mut self, known: Timestamp) {
        self.known = known;
    }

    /// Tells what waited, as far as nothing can contradict it any more.
    pub(super) fn tell_held(&mut self, key: &CaseKey, out: &mut Vec<Change>) {
        let know = self.knowledge(&key.1);
        let now = self.now;
        let Some(entry) = self.open.get_mut(key) else {
            return;
        };
        let mut alerts = Vec::new();
        entry.held = tell::raise(&mut entry.case, &know.proof, (now, self.known), &mut alerts);
        if !alerts.is_empty() {
            entry.change();
            write(entry, now, out);
        }
        let alerts = alerts.into_iter();
        out.extend(alerts.map(|alert| Change::Alert(Box::new(alert))));
    }

    /// Writes a case as it stands now, whether or not it reached another stage.
    pub(super) fn put_down(&mut self, key: &CaseKey, out: &mut Vec<Change>) {
        self.rejudge(key, false, out);
        let now = self.now;
        if let Some(entry) = self.open.get_mut(key).filter(|entry| entry.dirty) {
            write(entry, now, out);
        }
    }

    /// What is not written yet: at a clean stop.
    pub fn put_all_down(&mut self, out: &mut Vec<Change>) {
        let dirty = self.open.iter().filter(|(_, it)| it.dirty || it.stale);
        let dirty: Vec<CaseKey> = dirty.map(|(key, _)| key.clone()).collect();
        for key in dirty {
            self.put_down(&key, out);
        }
    }

    /// Room for one more case: the quietest one that only looked a name up gives way.
    pub(super) fn make_room(&mut self, out: &mut Vec<Change>) -> bool {
        if self.open.len() < CASES_MAX {
            return true;
        }
        let quietest = self
            .open
            .iter()
            .filter(|(_, it)| it.case.stage == Stage::LookedUp)
            .min_by(|(a, one), (b, two)| (one.case.updated, a).cmp(&(two.case.updated, b)));
        let Some(key) = quietest.map(|(key, _)| key.clone()) else {
            return false;
        };
        self.lost[Lost::LookedUp.index()] += 1;
        let why = "its place was needed: too many cases are open";
        self.shut(&key, why, AlertKind::Resolved, out);
        true
    }
}

pub(super) fn write(entry: &mut Entry, now: Timestamp, out: &mut Vec<Change>) {
    (entry.dirty, entry.written) = (false, now);
    out.push(Change::Case(Box::new(entry.case.clone())));
}

impl Told {
    pub(super) fn of(case: &Case, stage: Stage) -> Self {
        Self {
            stage,
            standing: case.ruling.standing,
            subject: case.subject.clone(),
            number: case
                .grounds
                .told_ever
                .get(&stage)
                .and_then(|of| of.get(&case.ruling.standing))
                .map_or(1, |count| count.saturating_add(1)),
        }
    }
}

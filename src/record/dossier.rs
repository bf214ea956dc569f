//! Everything that the record has about somebody, and nothing of anybody else.
//!
//! Enters: the pseudonyms of one person (theirs for sure, or such as may be theirs), all entries of
//! the record, twice over. Leaves: which entries are theirs, which only mention them, which cases.
//! Never: counts somebody else's case as theirs because an address or a device was shared.
//!
//! Two walks, since what makes an entry theirs may be written behind it: [`Survey`] finds their
//! cases, [`Dossier`] sorts the entries.
//!
//! A case is theirs when the newest of its heads names one of their subjects, or when it was merged
//! into a case of theirs. A device or address that only such cases were about before is theirs too. A case that was theirs once and then turned out to be another's is counted,
//! not shown. Beyond the entries that name subject or case, a hit belongs to them when it is the
//! witness of their evidence: same client, name and point, and its frame among those of the evidence.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Act, Body, Entry, Evidence, Hit};
use crate::base::Timestamp;
use crate::cases::{AttributionAct, Item};
use crate::hits::SubjectId;
use crate::identity::{Sought, SubjectKind};

/// Times of a hit and of the evidence that it is the witness of lie no farther apart.
const WITNESS_NS: u64 = 6 * 3600 * 1_000_000_000;

/// Is it one of the subjects?
fn is(sought: &Sought, subject: &SubjectId) -> bool {
    sought.subjects.contains(subject)
}

/// Did they have this address then, as they say?
fn had(sought: &Sought, address: &str, at: Timestamp) -> bool {
    let mut had = sought.addresses.iter();
    had.any(|(it, from, until)| it == address && (*from..=*until).contains(&at))
}

/// How a case stands to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// It is about them.
    Theirs,
    /// It may be about them: nobody could tell whose it was, and they had the address at that time,
    /// or have a device of that name.
    Ambiguous,
    /// It was about them once, and turned out to be about somebody else.
    Formerly,
    /// It rests on an address that they had at that time, or on a device of that name, and is about
    /// somebody else.
    Others,
}

/// A case that came up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// How it stands to the person.
    pub whose: Whose,
    /// Vendor for people.
    pub vendor: String,
    /// Its subject.
    pub subject: SubjectId,
    /// What that is.
    pub kind: SubjectKind,
    /// First and newest evidence.
    pub times: (Timestamp, Timestamp),
    /// Is it closed?
    pub closed: bool,
}

/// The first walk: whose cases are whose.
#[derive(Default)]
pub struct Survey {
    sought: Sought,
    /// Subjects of whom a device's name was sealed that was sought.
    named: BTreeSet<SubjectId>,
    heads: BTreeMap<String, Head>,
}

struct Head {
    revision: u64,
    found: Found,
    /// Whom it was about, one after the other.
    subjects: BTreeSet<SubjectId>,
    formerly: bool,
    merged: bool,
    touched: bool,
}

impl Survey {
    /// For these pseudonyms.
    pub fn of(sought: Sought) -> Self {
        Self {
            sought,
            named: BTreeSet::new(),
            heads: BTreeMap::new(),
        }
    }

    /// Takes an entry in; their order does not matter.
    pub fn take(&mut self, entry: &Entry) {
        match &entry.body {
            Body::Case(it) => {
                let head = self.head(&it.id, &it.subject);
                head.subjects.insert(it.subject.clone());
                if head.revision <= it.revision {
                    head.revision = it.revision;
                    head.found.vendor.clone_from(&it.vendor_name);
                    head.found.subject = it.subject.clone();
                    head.found.kind = it.subject_kind;
                    head.found.times = (it.opened, it.updated);
                    head.found.closed = it.closed.is_some();
                }
                let known = is(&self.sought, &it.subject);
                self.mark(&it.id, |head| head.formerly |= known);
            }
            Body::Attribution(it) => {
                let claim = &it.entry.attribution;
                let merged =
                    it.entry.act == AttributionAct::Merged && is(&self.sought, &claim.subject);
                self.head(&it.case, &claim.subject).merged |= merged;
            }
            Body::Evidence(it) => {
                let trace = it.item.as_ref().and_then(|item| item.trace.as_ref());
                let touched = trace.is_some_and(|it| had(&self.sought, it.address(), it.time()));
                let nobody = SubjectId::new(String::new());
                self.head(&it.case, &nobody).touched |= touched;
            }
            Body::Sealed(it) if it.hosts.iter().any(|it| self.sought.hosts.contains(it)) => {
                self.named.insert(it.subject.clone());
            }
            _ => {}
        }
    }

    fn head(&mut self, case: &str, subject: &SubjectId) -> &mut Head {
        let made = || Head {
            revision: 0,
            found: Found {
                whose: Whose::Others,
                vendor: String::new(),
                subject: subject.clone(),
                kind: SubjectKind::Ambiguous,
                times: (Timestamp(0), Timestamp(0)),
                closed: false,
            },
            subjects: BTreeSet::new(),
            formerly: false,
            merged: false,
            touched: false,
        };
        self.heads.entry(case.to_owned()).or_insert_with(made)
    }

    fn mark(&mut self, case: &str, what: impl FnOnce(&mut Head)) {
        if let Some(head) = self.heads.get_mut(case) {
            what(head);
        }
    }

    /// Ends the walk.
    pub fn end(mut self) -> Dossier {
        let mut cases = BTreeMap::new();
        let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
        for (id, head) in self.heads {
            let mut found = head.found;
            let theirs = is(&self.sought, &found.subject) || head.merged;
            let subjects = if theirs { &mut own } else { &mut others };
            subjects.extend(head.subjects);
            // A device says itself what it is called: of a person who is known it proves nothing.
            let named = self.named.contains(&found.subject);
            let nobody_known = found.kind != SubjectKind::Person;
            found.whose = if theirs {
                Whose::Theirs
            } else if head.touched && self.sought.candidates.contains(&found.subject)
                || named && nobody_known
            {
                Whose::Ambiguous
            } else if head.formerly {
                Whose::Formerly
            } else if head.touched || named {
                Whose::Others
            } else {
                continue;
            };
            cases.insert(id, found);
        }
        // A device or address that only cases of theirs were ever about stands for them alone.
        let alone = own.difference(&others).cloned();
        self.sought.subjects.extend(alone);
        Dossier {
            sought: self.sought,
            cases,
            witnessed: BTreeMap::new(),
            words: BTreeSet::new(),
        }
    }
}

/// How an entry stands to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// It is about them.
    Theirs,
    /// It may be about them.
    Ambiguous,
    /// It has nothing to do with them.
    Not,
}

/// What an evidence item rests on: client, name, point.
type Witness = (String, String, String);
/// When a witness saw something, and in which frames.
type Seen = Vec<(Timestamp, (u64, u64))>;

/// The second walk, and the third: sorts entries.
pub struct Dossier {
    sought: Sought,
    /// The cases that came up.
    pub cases: BTreeMap<String, Found>,
    witnessed: BTreeMap<Witness, Seen>,
    words: BTreeSet<String>,
}

impl Dossier {
    /// Is the case theirs?
    pub fn is_theirs(&self, case: &str) -> bool {
        self.whose(case) == Some(Whose::Theirs)
    }

    fn whose(&self, case: &str) -> Option<Whose> {
        self.cases.get(case).map(|it| it.whose)
    }

    /// Subjects that stand for them alone: those sought, and those that their cases were about before
    /// it was known whose they are.
    pub fn subjects(&self) -> &BTreeSet<SubjectId> {
        &self.sought.subjects
    }

    /// Ids of the cases that are theirs.
    pub fn own_cases(&self) -> BTreeSet<String> {
        let all = self.cases.keys();
        all.filter(|id| self.is_theirs(id)).cloned().collect()
    }

    /// Learns what their evidence rests on. To be shown every entry before the first [`Self::sort`].
    pub fn learn(&mut self, entry: &Entry) {
        let Body::Evidence(it) = &entry.body else {
            return;
        };
        if self.is_theirs(&it.case)
            && let Evidence {
                item: Some(item), ..
            } = &**it
            && let Some(witness) = witness(item)
        {
            let seen = self.witnessed.entry(witness).or_default();
            seen.push((item.time, item.frames));
        }
    }

    /// How an entry stands to them. What is theirs adds to the words by which they are mentioned.
    pub fn sort(&mut self, entry: &Entry) -> Sort {
        let sort = self.sort_of(entry);
        if sort == Sort::Theirs {
            match &entry.body {
                Body::Hit(hit) => drop(self.words.insert(hit.record.event.id.clone())),
                Body::Alert(alert) => drop(self.words.insert(alert.id.clone())),
                Body::Act(acted) => {
                    if let Act::RequestUnsealing { request, .. } = &acted.act {
                        self.words.insert(request.clone());
                    }
                }
                _ => {}
            }
        }
        sort
    }

    fn sort_of(&self, entry: &Entry) -> Sort {
        if let Body::Act(acted) = &entry.body
            && let Act::Export {
                subject: Some(subject),
                ..
            } = &acted.act
            && is(&self.sought, subject)
        {
            return Sort::Theirs;
        }
        if let Some(case) = entry.case() {
            return match self.whose(case) {
                Some(Whose::Theirs) => Sort::Theirs,
                Some(Whose::Ambiguous) => Sort::Ambiguous,
                _ => Sort::Not,
            };
        }
        if let Body::Hit(hit) = &entry.body {
            let at = entry.time;
            return if is(&self.sought, &hit.subject) || self.is_witness(hit, at) {
                Sort::Theirs
            } else if self.sought.candidates.contains(&hit.subject)
                && had(&self.sought, &hit.record.source.address, at)
            {
                Sort::Ambiguous
            } else {
                Sort::Not
            };
        }
        match entry.subject() {
            Some(subject) if is(&self.sought, subject) => Sort::Theirs,
            _ => Sort::Not,
        }
    }

    fn is_witness(&self, hit: &Hit, at: Timestamp) -> bool {
        let record = &hit.record;
        let key = (
            record.source.address.clone(),
            record.poortwacht.name.clone(),
            record.observer.ingress.interface.name.clone(),
        );
        let first = record.poortwacht.fold.as_ref().map(|fold| fold.first_frame);
        let frames = [Some(record.poortwacht.frame), first];
        self.witnessed
            .get(&key)
            .into_iter()
            .flatten()
            .any(|(time, span)| {
                at.0.abs_diff(time.0) <= WITNESS_NS
                    && frames
                        .iter()
                        .flatten()
                        .any(|frame| (span.0..=span.1).contains(frame))
            })
    }

    /// The words by which they may be named anywhere: pseudonyms, cases, requests, ids of their hits
    /// and alerts. Whole once every entry was sorted; an entry of others that holds one mentions them.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = self.words.clone();
        words.extend(self.own_cases());
        let subjects = self.sought.subjects.iter();
        words.extend(subjects.map(ToString::to_string));
        words
    }
}

fn witness(item: &Item) -> Option<Witness> {
    let trace = item.trace.as_ref()?;
    Some((
        trace.address().to_owned(),
        item.name.clone(),
        item.point.clone(),
    ))
}

#[cfg(test)]
mod tests;

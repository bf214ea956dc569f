//! Which entries of the ledger belong into the bundle of a case.
//!
//! Enters: entries in their order, twice; deleted ones by kind and hour. Leaves: [`Chosen`]. Never:
//! reads a file; takes what is sealed of another subject than the one that the case is about now.
//!
//! Two walks: [`Survey`] learns whom and what the case is about, [`Selection`] chooses by it. Hits
//! belong to a case as in the store: of its vendor, of a subject that it is or was about, between
//! its first and its newest evidence, and those that a piece of its evidence names.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::base::Timestamp;
use crate::hits::SubjectId;
use crate::record::{Body, CaseHead, Entry, Kind};
use crate::sealing::{SealedFrame, SealedKey};

/// Most entries of a bundle.
pub const ENTRIES_MAX: usize = 20_000;
/// Most deleted entries that may have been the case's of which the leaf is put in; beyond it they
/// are counted.
const GONE_MAX: usize = 1_000;
const HOUR: i64 = 3_600_000_000_000;

/// What stands in [`crate::record::Frame::sealed`].
#[derive(Deserialize)]
pub struct KeptFrame {
    /// The frame.
    pub frame: SealedFrame,
    /// The data key, for the officers; with the first frame under it.
    #[serde(default)]
    pub key: Option<SealedKey>,
}

/// The first walk.
pub struct Survey {
    case: String,
    head: Option<CaseHead>,
    subjects: BTreeSet<SubjectId>,
    opened: Timestamp,
    seen: BTreeMap<u32, (Timestamp, String)>,
    /// First and last entry about the case.
    span: Option<(u64, u64)>,
}

impl Survey {
    /// Of this case.
    pub fn of(case: &str) -> Self {
        Self {
            case: case.to_owned(),
            head: None,
            subjects: BTreeSet::new(),
            opened: Timestamp(i64::MAX),
            seen: BTreeMap::new(),
            span: None,
        }
    }

    /// The kinds that it has to be shown.
    pub const KINDS: [Kind; 5] = [
        Kind::Case,
        Kind::Evidence,
        Kind::Attribution,
        Kind::Step,
        Kind::Alert,
    ];

    /// May an entry of this text be about the case? Asked before the text is read: a ledger is long,
    /// and a case is short.
    pub fn may_be(&self, kind: Kind, payload: &[u8]) -> bool {
        Self::KINDS.contains(&kind) && holds(payload, &self.case)
    }

    /// Takes an entry in.
    pub fn take(&mut self, number: u64, entry: &Entry) {
        if entry.case() != Some(&self.case) {
            return;
        }
        let first = self.span.map_or(number, |(first, _)| first);
        self.span = Some((first, number));
        match &entry.body {
            Body::Case(it) => {
                self.subjects.insert(it.subject.clone());
                self.opened = self.opened.min(it.opened);
                if self
                    .head
                    .as_ref()
                    .is_none_or(|old| old.revision <= it.revision)
                {
                    self.head = Some((**it).clone());
                }
            }
            Body::Attribution(it) => {
                self.subjects.insert(it.entry.attribution.subject.clone());
            }
            Body::Evidence(it) => {
                let now = it.item.as_ref().map(|it| (it.time, it.name.clone()));
                match now {
                    Some(now) => drop(self.seen.insert(it.number, now)),
                    None => drop(self.seen.remove(&it.number)),
                }
            }
            _ => {}
        }
    }

    /// Ends the walk; `None`: the record has no such case.
    pub fn end(self) -> Option<Selection> {
        let head = self.head?;
        let (first, last) = self.span?;
        Some(Selection {
            opened: self.opened.min(head.opened),
            subjects: self.subjects,
            seen: self.seen.into_values().collect(),
            span: (first, last),
            chosen: Chosen::default(),
            settings: BTreeMap::new(),
            hits: BTreeSet::new(),
            frames: Vec::new(),
            keys: BTreeMap::new(),
            head,
        })
    }
}

/// The second walk.
pub struct Selection {
    head: CaseHead,
    subjects: BTreeSet<SubjectId>,
    opened: Timestamp,
    seen: BTreeSet<(Timestamp, String)>,
    span: (u64, u64),
    chosen: Chosen,
    /// The newest list and start before the case.
    settings: BTreeMap<Kind, (u64, Entry)>,
    hits: BTreeSet<String>,
    frames: Vec<(u64, Entry, SealedFrame)>,
    keys: BTreeMap<String, SealedKey>,
}

/// Does the text hold the word?
fn holds(text: &[u8], word: &str) -> bool {
    let word = word.as_bytes();
    let Some(first) = word.first() else {
        return true;
    };
    let begins = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(word));
    let places = text.iter().enumerate().filter(|(_, b)| *b == first);
    places.map(|(at, _)| at).any(|at| begins(&at))
}

/// What goes into the bundle.
#[derive(Default)]
pub struct Chosen {
    /// Entries with their payload, in their order.
    pub entries: Vec<(u64, Entry)>,
    /// Entries whose payload is deleted, and that are, or may have been, the case's.
    pub gone: BTreeMap<u64, Kind>,
    /// How many more of those there are, by kind.
    pub gone_more: BTreeMap<Kind, u64>,
    /// Data keys, for the officers, that stand in no chosen entry.
    pub keys: Vec<SealedKey>,
    /// Frames of the case's hits that are sealed under an earlier subject of it.
    pub frames_elsewhere: u64,
}

impl Selection {
    /// May an entry of this text belong into the bundle?
    pub fn may_be(&self, kind: Kind, payload: &[u8]) -> bool {
        match kind {
            Kind::List | Kind::Life | Kind::Loss | Kind::Coverage => true,
            Kind::Hit => holds(payload, &self.head.vendor),
            // A frame of another vendor may carry the data key.
            Kind::Frame => {
                let subject = self.head.subject.as_str();
                holds(payload, &self.head.vendor) || holds(payload, subject)
            }
            Kind::Sealed => holds(payload, self.head.subject.as_str()),
            _ => holds(payload, &self.head.id),
        }
    }

    /// How the case stands.
    pub fn head(&self) -> &CaseHead {
        &self.head
    }

    /// Takes an entry in.
    pub fn take(&mut self, number: u64, entry: Entry) {
        match &entry.body {
            Body::Frame(it) => {
                if let Ok(kept) = serde_json::from_str::<KeptFrame>(&it.sealed) {
                    if let Some(key) = kept.key.filter(|_| it.subject == self.head.subject) {
                        self.keys.insert(key.key.clone(), key);
                    }
                    if it.vendor == self.head.vendor {
                        self.frames.push((number, entry, kept.frame));
                    }
                }
                return;
            }
            Body::List(_) | Body::Life(_) if number < self.span.0 => {
                self.settings.insert(entry.kind(), (number, entry));
                return;
            }
            Body::Hit(hit) if self.is_of_case(&entry, hit) => {
                self.hits.insert(hit.record.event.id.clone());
            }
            _ if self.belongs(number, &entry) => {}
            _ => return,
        }
        self.chosen.entries.push((number, entry));
    }

    fn is_of_case(&self, entry: &Entry, hit: &crate::record::Hit) -> bool {
        let own = &hit.record.poortwacht;
        let within = (self.opened..=self.head.updated).contains(&entry.time);
        own.vendor.id == self.head.vendor
            && ((within && self.subjects.contains(&hit.subject))
                || self.seen.contains(&(entry.time, own.name.clone())))
    }

    fn belongs(&self, number: u64, entry: &Entry) -> bool {
        let between = (self.span.0..=self.span.1).contains(&number);
        match &entry.body {
            Body::Sealed(it) => it.subject == self.head.subject,
            Body::Coverage(it) => {
                let second = |time: Timestamp| time.nanos().div_euclid(1_000_000_000);
                it.from <= second(self.head.updated) && second(self.opened) < it.until
            }
            Body::List(_) | Body::Life(_) | Body::Loss(_) => between,
            Body::Hit(_) | Body::Frame(_) => false,
            _ => entry.case() == Some(self.head.id.as_str()),
        }
    }

    /// Takes in that the payload of an entry is deleted; `hour` is when it begins.
    pub fn gone(&mut self, number: u64, kind: Kind, hour: Timestamp) {
        let between = (self.span.0..=self.span.1).contains(&number);
        let within = hour.nanos() <= self.head.updated.nanos()
            && self.opened.nanos() < hour.nanos().saturating_add(HOUR);
        let may_be = match kind {
            Kind::Coverage => within,
            Kind::List | Kind::Life | Kind::Loss => between,
            Kind::Account | Kind::Deletion => false,
            _ => between || within,
        };
        if !may_be {
            return;
        }
        if self.chosen.gone.len() < GONE_MAX {
            self.chosen.gone.insert(number, kind);
        } else {
            let more = self.chosen.gone_more.entry(kind).or_default();
            *more = more.saturating_add(1);
        }
    }

    /// Ends the walk. Without `sealed` nothing that officers could open is in it.
    ///
    /// # Errors
    /// A sentence: there are more entries than a bundle holds.
    pub fn end(mut self, sealed: bool) -> Result<Chosen, String> {
        let mut chosen = self.chosen;
        chosen.entries.extend(self.settings.into_values());
        if sealed {
            let mut needed = BTreeSet::new();
            for (number, entry, frame) in self.frames {
                if !self.hits.contains(&frame.hit) {
                    continue;
                }
                if entry.subject() != Some(&self.head.subject) {
                    chosen.frames_elsewhere += 1;
                    continue;
                }
                needed.insert(frame.key);
                chosen.entries.push((number, entry));
            }
            for (_, entry) in &chosen.entries {
                match &entry.body {
                    Body::Sealed(it) => drop(needed.remove(&it.key)),
                    Body::Frame(it) => {
                        let kept = serde_json::from_str::<KeptFrame>(&it.sealed);
                        if let Ok(KeptFrame { key: Some(key), .. }) = kept {
                            needed.remove(&key.key);
                        }
                    }
                    _ => {}
                }
            }
            let missing = needed.iter().filter_map(|key| self.keys.remove(key));
            chosen.keys = missing.collect();
        } else {
            chosen.entries.retain(|(_, it)| it.kind() != Kind::Sealed);
        }
        chosen.entries.sort_by_key(|(number, _)| *number);
        if chosen.entries.len() > ENTRIES_MAX {
            return Err(format!(
                "{} entries belong to this case; a bundle holds {ENTRIES_MAX}: hand out a copy of \
                 the ledger instead (docs/ledger.md)",
                chosen.entries.len()
            ));
        }
        Ok(chosen)
    }
}

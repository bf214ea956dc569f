//! A small record for tests and fuzzing: a store with one case and what belongs to it, and a desk
//! over it.
//!
//! Enters: entries. Leaves: a [`Desk`] that needs no daemon. Never: used by the program.

#[cfg(test)]
mod asking;

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::broadcast;

use super::desk::{Acting, Bundle, Changed, Desk, Exporting, Health, Part, Readers, Releasing};
use crate::base::Timestamp;
use crate::blocklist::{Catalogue, Stage};
use crate::cases::{AttributionAct, AttributionEntry, EvidenceKind, Item, Step};
use crate::event::FactSource;
use crate::hits::SubjectId;
use crate::identity::{Attribution, Grade, SubjectKind};
use crate::organisation::{Organisation, Place, PlaceKind, Ruling, Standing};
use crate::record::act::{Act, Acted, Actor, Means};
use crate::record::unsealing::Terms;
use crate::record::{Body, CaseAttribution, CaseHead, CaseStep, Count, Coverage, Entry, Evidence};
use crate::store::{Numbered, SavedViews, Store};

#[cfg(test)]
pub use asking::Asking;

/// The moment of every test: Monday 2 March 2026, 12:00 UTC.
pub const NOW: Timestamp = Timestamp(1_772_452_800_000_000_000);
/// The one case.
pub const CASE: &str = "case-00000000000000aa";
/// Whose it is.
pub const PERSON: &str = "person-0123456789abcdef0123456789abcdef";
/// Their unit.
pub const UNIT: &str = "policy-unit";
/// What a hostile page or person could bring in.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202e}evil\u{2066}";
const HOUR_NS: i64 = 3_600_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// A desk over a store of its own.
pub struct SampleDesk {
    store: Mutex<Store>,
    entries: Mutex<Vec<Entry>>,
    readers: Arc<Readers>,
    views: SavedViews,
    changed: broadcast::Sender<Changed>,
    catalogue: Arc<Catalogue>,
    /// Kept until the end, where somebody else does not.
    _folder: Box<dyn std::any::Any + Send + Sync>,
}

impl SampleDesk {
    /// With the sample record.
    #[cfg(test)]
    pub fn new() -> Arc<Self> {
        Self::with(entries())
    }

    /// With these entries.
    #[cfg(test)]
    pub fn with(entries: Vec<Entry>) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        Self::at(&path, entries, Box::new(folder))
    }

    /// With these entries, in a folder that is there.
    pub fn at(
        folder: &Path,
        entries: Vec<Entry>,
        kept: Box<dyn std::any::Any + Send + Sync>,
    ) -> Arc<Self> {
        let path = folder.join("store.sqlite");
        let desk = Self {
            store: Mutex::new(Store::open(&path, NOW).expect("a store")),
            entries: Mutex::default(),
            readers: Readers::at(&path),
            views: SavedViews::at(&folder.join("views.sqlite")),
            changed: broadcast::channel(16).0,
            catalogue: Arc::new(Catalogue::builtin().unwrap_or_else(|_| panic!("a list"))),
            _folder: kept,
        };
        for entry in entries {
            desk.append(entry).expect("an entry");
        }
        Arc::new(desk)
    }

    fn append(&self, entry: Entry) -> Result<u64, String> {
        let mut entries = self.entries.lock().expect("a lock");
        let number = entries.len() as u64;
        let hour = Timestamp(entry.time.0.div_euclid(HOUR_NS) * HOUR_NS);
        let mut store = self.store.lock().expect("a lock");
        store.apply(&[Numbered::new(number, hour, entry.clone())])?;
        let _ = self.changed.send(Changed {
            number,
            kind: entry.kind(),
            case: entry.case().map(str::to_owned),
        });
        entries.push(entry);
        Ok(number)
    }

    /// What somebody did by another way.
    pub fn does(&self, who: &str, act: Act) -> u64 {
        self.append(acted(who, act)).expect("an act")
    }

    /// Acts so far.
    pub fn acts(&self) -> Vec<Acted> {
        let entries = self.entries.lock().expect("a lock");
        let acts = entries.iter().filter_map(|it| match &it.body {
            Body::Act(acted) => Some((**acted).clone()),
            _ => None,
        });
        acts.collect()
    }
}

impl Desk for SampleDesk {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    fn views(&self) -> &SavedViews {
        &self.views
    }

    fn act(&self, by: Actor, act: Act, revision: Option<u64>) -> Acting {
        let seen = act.case().and_then(|case| {
            let store = self.store.lock().expect("a lock");
            store.triage(case).expect("triage")
        });
        let is_stale = matches!((&seen, revision), (Some(it), Some(at)) if it.revision != at);
        let entry = Entry {
            time: NOW,
            body: Body::Act(Box::new(Acted { by, act })),
        };
        let done = if is_stale {
            Err("meanwhile changed".into())
        } else {
            self.append(entry)
        };
        Box::pin(async move { done })
    }

    fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changed.subscribe()
    }

    fn entry(&self, number: u64) -> Result<Option<Entry>, String> {
        let entries = self.entries.lock().expect("a lock");
        Ok(usize::try_from(number)
            .ok()
            .and_then(|n| entries.get(n).cloned()))
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    fn organisation(&self) -> Arc<Organisation> {
        Arc::new(Organisation::default())
    }

    fn health(&self) -> Health {
        Health {
            reasons: vec!["interface eth1 is down".into()],
            parts: vec![Part {
                name: "store".into(),
                good: true,
                detail: "0 entries behind the ledger".into(),
            }],
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            threshold: 2,
            officers: vec!["olga".into(), "otto".into()],
            days: 14,
        }
    }

    fn export(&self, by: Actor, what: Bundle) -> Exporting {
        let told = format!("{}:{what:?}", by.name);
        let act = Act::Export {
            case: Some(what.case),
            subject: None,
            what: "evidence".into(),
            reason: what.reason,
            digest: "00ff".into(),
        };
        let done = self.act(by, act, None);
        Box::pin(async move { done.await.map(|_| told.into_bytes()) })
    }

    fn release(&self, by: Actor, request: String) -> Releasing {
        Box::pin(async move { Ok(format!("{}:{request}", by.name).into_bytes()) })
    }
}

/// An act of this minute, in the console.
pub fn acted(who: &str, act: Act) -> Entry {
    let by = Actor {
        name: who.into(),
        means: Means::Console,
    };
    Entry {
        time: NOW,
        body: Body::Act(Box::new(Acted { by, act })),
    }
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(NOW.0 - 3 * HOUR_NS + minutes * MINUTE_NS)
}

fn item(number: u32, kind: EvidenceKind, minutes: i64, text: &str) -> Body {
    Body::Evidence(Box::new(Evidence {
        case: CASE.into(),
        number,
        item: Some(Item {
            number,
            kind,
            rule: "some-rule".into(),
            weight: 30,
            stage: Stage::SignedUp,
            time: at(minutes),
            point: "eth0".into(),
            name: "developer.kairos.com".into(),
            flow: Some("1:flow-of-a-person".into()),
            frames: (3, 5),
            text: text.into(),
            trace: None,
        }),
    }))
}

/// One case of a person, with evidence, a step, an attribution, an hour of coverage.
pub fn entries() -> Vec<Entry> {
    let subject = SubjectId::new(PERSON.into());
    let place = Place {
        kind: PlaceKind::Staff,
        site: Some("The Hague".into()),
        unit: Some(UNIT.into()),
    };
    let claim = AttributionEntry {
        act: AttributionAct::Made,
        time: at(0),
        attribution: Attribution {
            subject: subject.clone(),
            kind: SubjectKind::Person,
            grade: Grade::A,
            sources: vec![FactSource::ALL[0]],
            from: None,
            until: None,
            learned: None,
            place,
            reason: "a session that was authenticated".into(),
        },
        other: None,
    };
    let count = |what: &str, count| Count {
        point: "eth0".into(),
        what: what.into(),
        count,
    };
    let from = at(0).0.div_euclid(HOUR_NS) * 3600;
    let hour = Coverage {
        from,
        until: from + 3600,
        connections: vec![count("named", 83), count("ech", 17)],
        points: vec![count("", 3600)],
        ..Coverage::default()
    };
    let head = CaseHead {
        id: CASE.into(),
        revision: 1,
        vendor: "kairos".into(),
        vendor_name: format!("Kairos {HOSTILE}"),
        subject,
        subject_kind: SubjectKind::Person,
        grade: Grade::A,
        unit: Some(UNIT.into()),
        site: Some("The Hague".into()),
        stage: Stage::SignedUp,
        ruling: Ruling {
            standing: Standing::Unauthorised,
            entry: None,
            reason: "no entry of the register covers the vendor".into(),
        },
        confidence: 87,
        opened: at(0),
        updated: at(9),
        items_left_out: 0,
        band: String::new(),
        closed: None,
        ended: None,
    };
    let step = Step {
        stage: Stage::SignedUp,
        time: at(9),
        confidence: 87,
        items: vec![1, 2],
        sum: vec!["+30 some-rule".into()],
    };
    let bodies = vec![
        Body::Attribution(Box::new(CaseAttribution {
            case: CASE.into(),
            place: 0,
            entry: claim,
        })),
        item(1, EvidenceKind::LookUp, 0, "a name was looked up"),
        item(2, EvidenceKind::Form, 5, HOSTILE),
        item(3, EvidenceKind::Mail, 9, "mail of the vendor came"),
        Body::Step(Box::new(CaseStep {
            case: CASE.into(),
            place: 0,
            step: Some(step),
        })),
        Body::Case(Box::new(head)),
        Body::Coverage(Box::new(hour)),
    ];
    bodies
        .into_iter()
        .map(|body| Entry { time: at(9), body })
        .collect()
}

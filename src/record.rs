//! The record: what is worth keeping, as entries of the ledger.
//!
//! Enters: hits, changes of cases, acts of people, the state of the sensor. Leaves: [`Entry`]s, and
//! their text: one line of JSON each, under a [`Kind`]. Never: a person or address in clear, a name
//! that did not match.
//!
//! Whatever is shown, searched or exported later is folded from these entries alone.

pub mod act;
pub mod differ;
pub mod dossier;
mod state;
pub mod unsealing;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind, AttributionEntry, Item, Step};
use crate::hits::{Record, SubjectId};
use crate::identity::{Grade, SubjectKind};
use crate::organisation::Ruling;
use crate::sealing::Sealed;

pub use act::{Act, Acted, Actor, Means};
pub use state::{Lost, State};

closed_set! {
    /// What an entry tells. Each kind has its own retention.
    Kind {
        /// A name of a vendor was seen.
        Hit = "hit",
        /// How a case stands: written each time something of it changes.
        Case = "case",
        /// A piece of evidence of a case, or that one does not count any more.
        Evidence = "evidence",
        /// A case reached a stage.
        Step = "step",
        /// Whom a case is about: made, raised, split, merged, retracted.
        Attribution = "attribution",
        /// An alert went to the outbox.
        Alert = "alert",
        /// An hour's coverage.
        Coverage = "coverage",
        /// A list of vendors is in force.
        List = "list",
        /// The program began or ended, with its reason.
        Life = "life",
        /// Something of the record was lost, and how much.
        Loss = "loss",
        /// Somebody acknowledged, assigned, commented, closed, suppressed.
        Triage = "triage",
        /// Asked for, approved, refused, released: the identity behind a case.
        Unsealing = "unsealing",
        /// Something was exported.
        Export = "export",
        /// Retention stands still for a case.
        Hold = "hold",
        /// Payloads were deleted: erasure, correction, retention.
        Deletion = "deletion",
        /// What is known of a subject, under seal.
        Sealed = "sealed",
        /// Frames that carried the names of a hit, under seal.
        Frame = "frame",
        /// Accounts of the console: sign-in, roles, tokens.
        Account = "account",
    }
}

impl Kind {
    /// Of its label.
    pub fn of(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.label() == label)
    }
}

/// One entry: when, and what.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// Packet time of what was seen, wall clock of what was done.
    pub time: Timestamp,
    /// What.
    pub body: Body,
}

/// What an entry tells, by its [`Kind`].
#[derive(Clone, PartialEq)]
pub enum Body {
    /// [`Kind::Hit`]
    Hit(Box<Hit>),
    /// [`Kind::Case`]
    Case(Box<CaseHead>),
    /// [`Kind::Evidence`]
    Evidence(Box<Evidence>),
    /// [`Kind::Step`]
    Step(Box<CaseStep>),
    /// [`Kind::Attribution`]
    Attribution(Box<CaseAttribution>),
    /// [`Kind::Alert`]
    Alert(Box<Alert>),
    /// [`Kind::Coverage`]
    Coverage(Box<Coverage>),
    /// [`Kind::List`]
    List(List),
    /// [`Kind::Life`]
    Life(Life),
    /// [`Kind::Loss`]
    Loss(Loss),
    /// [`Kind::Triage`], [`Kind::Unsealing`], [`Kind::Export`], [`Kind::Hold`], [`Kind::Deletion`],
    /// [`Kind::Account`]: as [`Act::kind`] says.
    Act(Box<Acted>),
    /// [`Kind::Sealed`]
    Sealed(Box<Sealed>),
    /// [`Kind::Frame`]
    Frame(Box<Frame>),
}

/// A hit: the line of the hit log, and whose it was as far as was known when it was written.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// As it stands in the hit log.
    pub record: Record,
    /// Whose. Later knowledge stands in the case.
    pub subject: SubjectId,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Unit, where the map or a directory names one.
    pub unit: Option<String>,
    /// Site, where the map names one.
    pub site: Option<String>,
}

/// How a case stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseHead {
    /// Random id.
    pub id: String,
    /// Counts up with each change; the highest holds.
    pub revision: u64,
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// Whom it is about.
    pub subject: SubjectId,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Unit, where one is known.
    pub unit: Option<String>,
    /// Site, where one is known.
    pub site: Option<String>,
    /// Highest stage.
    pub stage: Stage,
    /// How the use stands to the register.
    pub ruling: Ruling,
    /// 0 to 100.
    pub confidence: u8,
    /// Packet time of the first evidence.
    pub opened: Timestamp,
    /// Packet time of the newest.
    pub updated: Timestamp,
    /// Items beyond the bound.
    pub items_left_out: u64,
    /// Uploads as a band.
    pub band: String,
    /// Why it was closed.
    pub closed: Option<String>,
    /// How it ended, if it did.
    pub ended: Option<AlertKind>,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The case's id.
    pub case: String,
    /// Its number within the case.
    pub number: u32,
    /// As it stands now; `None`: it does not count any more.
    pub item: Option<Item>,
}

/// A step of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseStep {
    /// The case's id.
    pub case: String,
    /// Its place among the case's steps, from 0; `None` below: from here on they do not hold any
    /// more.
    pub place: u32,
    /// As it stands now.
    pub step: Option<Step>,
}

/// Whom a case is about, from some moment on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseAttribution {
    /// The case's id.
    pub case: String,
    /// Its place among the case's attributions, from 0.
    pub place: u32,
    /// What was claimed.
    pub entry: AttributionEntry,
}

/// What could be read in one hour, on monitored networks. Counts are of this hour alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Start of the hour, seconds since the epoch; of the first hour the start of the program.
    pub from: i64,
    /// Its end.
    pub until: i64,
    /// Connections by point and outcome (labels of [`crate::base::Outcome`]), TCP and QUIC.
    pub connections: Vec<Count>,
    /// Names read by point and way of seeing them, matched or not.
    pub names: Vec<Count>,
    /// Ways round by point and kind.
    pub ways_round: Vec<Count>,
    /// Frames by point: `seen`, `excluded`, `cut-short`, `not-decoded`.
    pub frames: Vec<Count>,
    /// What was lost, by point and place: `kernel`, `interface`, `queue`, `table`, `pool`.
    pub lost: Vec<Count>,
    /// Hits by vendor.
    pub hits: Vec<Count>,
    /// Each point and the seconds of this hour in which it was heard of.
    pub points: Vec<Count>,
    /// Sites of the map, and devices behind a sensor against the known total, where the map says.
    pub sites: Vec<Site>,
    /// Excluded prefixes: how many.
    pub excluded_prefixes: u64,
    /// Version of the list in force.
    pub list: String,
    /// SHA-256 of the configuration in force, hex.
    pub config: String,
    /// Greatest step of the wall clock against the steady clock, in milliseconds.
    pub clock_step_ms: i64,
}

/// One count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Observation point; empty where it does not apply.
    pub point: String,
    /// Of what.
    pub what: String,
    /// How many.
    pub count: u64,
}

/// A site and how much of it stands behind a sensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// As the map names it.
    pub site: String,
    /// Device-hours heard of in this hour, where that is known.
    pub seen: u64,
    /// Devices that the map says there are; `None`: it does not say.
    pub known: Option<u64>,
}

/// A list in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Content version; empty when it was refused.
    pub version: String,
    /// Rules.
    pub rules: u64,
    /// Vendors.
    pub vendors: u64,
    /// Why it was refused, if it was.
    pub refused: Option<String>,
}

/// The program began or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// `start` or `stop`.
    pub what: String,
    /// Why, as far as it is known: `SIGTERM`, `the sensor ended`, `after a crash`.
    pub reason: String,
    /// Version of the program.
    pub version: String,
    /// Name of the observer.
    pub observer: String,
    /// SHA-256 of the configuration, hex.
    pub config: String,
}

/// Something was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Where: `ledger`, `queue`, `frames`.
    pub place: String,
    /// Why, in a sentence.
    pub reason: String,
    /// How many, where that is known.
    pub count: u64,
}

/// Frames of a hit, under the seal of its subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// `event.id` of the hit.
    pub hit: String,
    /// Whose.
    pub subject: SubjectId,
    /// Vendor id.
    pub vendor: String,
    /// The sealed bytes, base64, with what is needed to open them.
    pub sealed: String,
}

impl Entry {
    /// Of what kind.
    pub fn kind(&self) -> Kind {
        match &self.body {
            Body::Hit(_) => Kind::Hit,
            Body::Case(_) => Kind::Case,
            Body::Evidence(_) => Kind::Evidence,
            Body::Step(_) => Kind::Step,
            Body::Attribution(_) => Kind::Attribution,
            Body::Alert(_) => Kind::Alert,
            Body::Coverage(_) => Kind::Coverage,
            Body::List(_) => Kind::List,
            Body::Life(_) => Kind::Life,
            Body::Loss(_) => Kind::Loss,
            Body::Act(acted) => acted.act.kind(),
            Body::Sealed(_) => Kind::Sealed,
            Body::Frame(_) => Kind::Frame,
        }
    }

    /// Its text: `{"time": nanoseconds, "body": ...}`, one line without its end.
    ///
    /// # Errors
    /// A sentence, when a value cannot be written as JSON.
    pub fn text(&self) -> Result<Vec<u8>, String> {
        fn text<T: Serialize>(time: Timestamp, body: &T) -> serde_json::Result<Vec<u8>> {
            serde_json::to_vec(&Text { time, body })
        }
        let time = self.time;
        let written = match &self.body {
            Body::Hit(it) => text(time, it),
            Body::Case(it) => text(time, it),
            Body::Evidence(it) => text(time, it),
            Body::Step(it) => text(time, it),
            Body::Attribution(it) => text(time, it),
            Body::Alert(it) => text(time, it),
            Body::Coverage(it) => text(time, it),
            Body::List(it) => text(time, it),
            Body::Life(it) => text(time, it),
            Body::Loss(it) => text(time, it),
            Body::Act(it) => text(time, it),
            Body::Sealed(it) => text(time, it),
            Body::Frame(it) => text(time, it),
        };
        written.map_err(|_| format!("an entry of kind {} cannot be written", self.kind()))
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// What is wrong with it, without its content.
    pub fn read(kind: Kind, text: &[u8]) -> Result<Self, String> {
        fn read<'a, T: Deserialize<'a>>(
            kind: Kind,
            text: &'a [u8],
            body: impl FnOnce(T) -> Body,
        ) -> Result<Entry, String> {
            let read: Text<T> = serde_json::from_slice(text)
                .map_err(|e| format!("no entry of kind {kind}: line 1, column {}", e.column()))?;
            Ok(Entry {
                time: read.time,
                body: body(read.body),
            })
        }
        let found = match kind {
            Kind::Hit => read(kind, text, Body::Hit),
            Kind::Case => read(kind, text, Body::Case),
            Kind::Evidence => read(kind, text, Body::Evidence),
            Kind::Step => read(kind, text, Body::Step),
            Kind::Attribution => read(kind, text, Body::Attribution),
            Kind::Alert => read(kind, text, Body::Alert),
            Kind::Coverage => read(kind, text, Body::Coverage),
            Kind::List => read(kind, text, Body::List),
            Kind::Life => read(kind, text, Body::Life),
            Kind::Loss => read(kind, text, Body::Loss),
            Kind::Triage
            | Kind::Unsealing
            | Kind::Export
            | Kind::Hold
            | Kind::Deletion
            | Kind::Account => read(kind, text, Body::Act),
            Kind::Sealed => read(kind, text, Body::Sealed),
            Kind::Frame => read(kind, text, Body::Frame),
        }?;
        if found.kind() == kind {
            Ok(found)
        } else {
            Err(format!(
                "an entry of kind {} stands under {kind}",
                found.kind()
            ))
        }
    }

    /// The case that it belongs to, if it does.
    pub fn case(&self) -> Option<&str> {
        match &self.body {
            Body::Case(it) => Some(&it.id),
            Body::Evidence(it) => Some(&it.case),
            Body::Step(it) => Some(&it.case),
            Body::Attribution(it) => Some(&it.case),
            Body::Alert(it) => Some(&it.case),
            Body::Act(it) => it.act.case(),
            _ => None,
        }
    }

    /// The subject that it is about, if it says so itself.
    pub fn subject(&self) -> Option<&SubjectId> {
        match &self.body {
            Body::Hit(it) => Some(&it.subject),
            Body::Case(it) => Some(&it.subject),
            Body::Attribution(it) => Some(&it.entry.attribution.subject),
            Body::Alert(it) => Some(&it.subject),
            Body::Sealed(it) => Some(&it.subject),
            Body::Frame(it) => Some(&it.subject),
            Body::Act(it) => it.act.subject(),
            _ => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Text<T> {
    time: Timestamp,
    body: T,
}

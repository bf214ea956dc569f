//! Cases: from hits, exchanges, mail and attribution to stages, each with its evidence.
//!
//! Enters: what was seen, whose it was (as far as is known), packet time. Leaves: [`Change`]s: cases
//! opened, steps made, attribution changed, alerts. Never: touches the clock, a file or a socket;
//! holds an address or a name of a person; calls a use a violation of a law.

mod attribution;
pub mod band;
mod bench;
mod book;
mod closing;
mod compare;
mod contested;
mod erase;
mod explain;
mod grown;
mod intake;
mod judge;
mod mail;
mod rules;
#[cfg(test)]
pub(crate) mod sample;
mod sighting;
mod signup;
mod standing;
mod tell;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::blocklist::Stage;
use crate::hits::SubjectId;
use crate::identity::{Attribution, SubjectKind, Trace};
use crate::organisation::{Ruling, Standing};

pub use book::{CASES_MAX, Casebook, Counts, Ids, Lost, SIGHTINGS_MAX};
pub use compare::compare;
pub use erase::ERASED;
pub use explain::explain;
pub use rules::{Goal, Limits, Rule, Rules};
pub use sighting::{Exchange, Sighting, What};

closed_set! {
    /// What kind of evidence an item is. Two kinds are independent when neither follows from the
    /// other.
    EvidenceKind {
        /// A name was looked up.
        LookUp = "look-up",
        /// A connection bore the name.
        Connection = "connection",
        /// Traffic both ways over more than a few seconds.
        Session = "session",
        /// A form-sized exchange after think time, on a host that carries forms.
        Form = "form",
        /// A mail of the vendor reached the subject.
        Mail = "mail",
        /// A mail server looked up the vendor's SPF, DKIM or DMARC.
        MailLookUp = "mail-look-up",
        /// First contact with the app or api host, in order after a form or mail.
        FirstContact = "first-contact",
        /// A sign-in service in between.
        SignIn = "sign-in",
        /// A payment host.
        Payment = "payment",
        /// A tracker or third party of the vendor's site, within seconds.
        ThirdParty = "third-party",
        /// An image-sized exchange upward, then a larger answer.
        Upload = "upload",
        /// A host that is contacted only when the service is used.
        UseHost = "use-host",
        /// Back on another day.
        Return = "return",
        /// Regular exchanges without a person: a machine.
        Regular = "regular",
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Number within the case, from 1.
    pub number: u32,
    /// Its kind.
    pub kind: EvidenceKind,
    /// The rule that made it, as the rules file names it.
    pub rule: String,
    /// Its weight: added to the log-odds-like sum of the stage it speaks for.
    pub weight: i32,
    /// The stage it speaks for.
    pub stage: Stage,
    /// When.
    pub time: Timestamp,
    /// The observation point or feed.
    pub point: String,
    /// The name seen (of the vendor, or of a third party in the catalogue).
    pub name: String,
    /// Pseudonym of the flow, where there is one.
    pub flow: Option<String>,
    /// First and last frame; 0 where there is none.
    pub frames: (u64, u64),
    /// What it shows, in a sentence for people.
    pub text: String,
    /// Who was behind it, to be asked again.
    pub trace: Option<Trace>,
}

/// A stage reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// When, in packet time.
    pub time: Timestamp,
    /// Confidence, 0 to 100.
    pub confidence: u8,
    /// Numbers of the items that carry it.
    pub items: Vec<u32>,
    /// How the confidence came about, line by line.
    pub sum: Vec<String>,
}

closed_set! {
    /// What happened to a case's attribution.
    AttributionAct {
        /// First attribution.
        Made = "made",
        /// From device or address to person.
        Raised = "raised",
        /// Some items belong to another subject: they went to a case of their own.
        Split = "split",
        /// Two cases turned out to be of one subject.
        Merged = "merged",
        /// It was wrong, or nobody can tell any more.
        Retracted = "retracted",
    }
}

/// An entry of a case's attribution record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributionEntry {
    /// What happened.
    pub act: AttributionAct,
    /// When it became known, in packet time.
    pub time: Timestamp,
    /// The attribution since then.
    pub attribution: Attribution,
    /// The other case, in a split or merge.
    pub other: Option<String>,
}

/// One subject and one vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Random id: `case-` and 16 hex digits.
    pub id: String,
    /// Grows with each change.
    pub revision: u64,
    /// Vendor id.
    pub vendor: String,
    /// Vendor's name for people.
    pub vendor_name: String,
    /// Whose it is.
    pub subject: SubjectId,
    /// The highest stage shown.
    pub stage: Stage,
    /// How it stands to the register, with the reason.
    pub ruling: Ruling,
    /// Confidence in `stage`, 0 to 100.
    pub confidence: u8,
    /// First and newest evidence, in packet time.
    pub opened: Timestamp,
    /// Newest evidence.
    pub updated: Timestamp,
    /// Evidence, bounded: what is over the bound is counted in `items_left_out`.
    pub items: Vec<Item>,
    /// Items not kept because of the bound.
    pub items_left_out: u64,
    /// Stages reached, in order.
    pub steps: Vec<Step>,
    /// Estimate of search-like uploads, as a band: `1-5`, ..., `more`; empty when there are none.
    pub band: String,
    /// History of its attribution.
    pub attribution: Vec<AttributionEntry>,
    /// Set when it is over (merged, retracted, closed): why.
    pub closed: Option<String>,
    /// With what its alerts ended; `None` while it is open.
    #[serde(default)]
    pub ended: Option<AlertKind>,
    /// What it rests on, to be judged anew with each sighting and after each restart.
    #[serde(default)]
    pub grounds: Grounds,
}

/// What a case rests on, and what was said of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grounds {
    /// Sightings in a fixed order, bounded by [`SIGHTINGS_MAX`].
    pub sightings: Vec<Sighting>,
    /// Sightings let go because of the bound.
    pub let_go: u64,
    /// Search-like uploads among those.
    pub uploads_let_go: u64,
    /// Alerts that went out and still stand; of a closed case those that its end was about.
    pub told: Vec<Told>,
    /// How often each stage and standing was told, taken back ones too.
    #[serde(default)]
    pub told_ever: BTreeMap<Stage, BTreeMap<Standing, u32>>,
}

/// An alert that went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The stage it was about.
    pub stage: Stage,
    /// The standing it named.
    pub standing: Standing,
    /// Whom it meant.
    pub subject: SubjectId,
    /// How many times it was told by then: one raised again after it was taken back is another one.
    #[serde(default)]
    pub number: u32,
}

impl Case {
    /// The attribution in force; a case has one from its start.
    pub fn who(&self) -> Option<&Attribution> {
        self.attribution.last().map(|entry| &entry.attribution)
    }

    /// What its subject is.
    pub fn kind(&self) -> SubjectKind {
        self.who().map_or(SubjectKind::Ambiguous, |who| who.kind)
    }

    /// Still open?
    pub const fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

closed_set! {
    /// What an alert says.
    AlertKind {
        /// A stage was reached, or the standing became worse.
        Raised = "raised",
        /// An earlier alert was wrong, or its attribution was.
        Retracted = "retracted",
        /// The case is closed.
        Resolved = "resolved",
    }
}

/// What goes out. No personal data: the case id is opaque, the subject a pseudonym.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// For de-duplication: the same in each attempt and after each restart.
    pub id: String,
    /// What it says.
    pub kind: AlertKind,
    /// The case.
    pub case: String,
    /// Vendor id.
    pub vendor: String,
    /// Vendor's name.
    pub vendor_name: String,
    /// The stage it is about.
    pub stage: Stage,
    /// The case's standing.
    pub standing: Standing,
    /// Who, as a pseudonym, and what that is; never part of a label.
    pub subject: SubjectId,
    /// Grade of the attribution.
    pub grade: String,
    /// Confidence, 0 to 100.
    pub confidence: u8,
    /// Unit and site, where the map names them.
    pub unit: Option<String>,
    /// Site.
    pub site: Option<String>,
    /// Packet time of the step.
    pub time: Timestamp,
    /// One line.
    pub summary: String,
    /// What is known, what is not, the evidence, what to do next.
    pub description: String,
}

/// What the casebook has to say after an input.
pub enum Change {
    /// A case is new or different: write it down first.
    Case(Box<Case>),
    /// Then tell.
    Alert(Box<Alert>),
}

#[cfg(test)]
mod tests;

//! The form of what is said of a case.
//!
//! Enters: nothing. Leaves: plain records, as they stand in `bundle.json`. Never: a moment that is
//! not RFC 3339 in UTC.

use serde::{Deserialize, Serialize};

use super::Coverage;
use crate::blocklist::Stage;
use crate::cases::{AlertKind, AttributionAct, EvidenceKind};
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::organisation::Standing;

/// All that is said of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// How the case stands.
    pub case: CaseFacts,
    /// Whom it is about, from when on.
    pub attribution: Vec<Claim>,
    /// Stages that it reached.
    pub steps: Vec<StepFacts>,
    /// Evidence that counts.
    pub evidence: Vec<Piece>,
    /// Numbers of pieces of evidence that were withdrawn.
    pub evidence_withdrawn: Vec<u32>,
    /// Numbers of pieces of which no entry is here: deleted, or left out.
    pub evidence_missing: Vec<u32>,
    /// Names of the vendor that were seen.
    pub names: Vec<NameSeen>,
    /// Days with evidence or hits.
    pub periods: Vec<Day>,
    /// Units that were affected, as far as they are known.
    pub units: Vec<String>,
    /// Sites.
    pub sites: Vec<String>,
    /// Alerts that went out.
    pub alerts: Vec<AlertFacts>,
    /// What people did.
    pub acts: Vec<Deed>,
    /// What could be read meanwhile.
    pub coverage: Coverage,
    /// Versions of the list that were in force, in their order.
    pub lists: Vec<ListFacts>,
    /// SHA-256 of each configuration that was in force, hex.
    pub configurations: Vec<String>,
    /// Versions of the program that wrote the record.
    pub programs: Vec<String>,
    /// What of the record was lost.
    pub losses: Vec<LossFacts>,
    /// Frames under seal.
    pub frames_sealed: u64,
    /// Records of who the subject is, under seal.
    pub records_sealed: u64,
}

/// How the case stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFacts {
    /// Random id.
    pub id: String,
    /// Number of the entry that says all this.
    pub entry: u64,
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// A pseudonym.
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
    /// How it stands to the register.
    pub standing: Standing,
    /// Entry of the register.
    pub register_entry: Option<String>,
    /// Why.
    pub standing_reason: String,
    /// 0 to 100: a sum of weights, no probability.
    pub confidence: u8,
    /// First evidence, RFC 3339.
    pub first: String,
    /// Newest evidence.
    pub last: String,
    /// Estimate of search-like uploads, as a band; empty: none.
    pub uploads_band: String,
    /// Why it was closed.
    pub closed: Option<String>,
    /// Evidence beyond the bound of a case.
    pub evidence_left_out: u64,
}

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// What happened.
    pub act: AttributionAct,
    /// Pseudonym.
    pub subject: SubjectId,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Sources that agree.
    pub sources: Vec<String>,
    /// Why.
    pub reason: String,
    /// The other case of a split or merge.
    pub other: Option<String>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFacts {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// Which.
    pub stage: Stage,
    /// 0 to 100.
    pub confidence: u8,
    /// Numbers of the pieces that carry it.
    pub evidence: Vec<u32>,
    /// How the points came about.
    pub sum: Vec<String>,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Number of its entry.
    pub entry: u64,
    /// Its number in the case.
    pub number: u32,
    /// RFC 3339.
    pub time: String,
    /// What kind.
    pub kind: EvidenceKind,
    /// The rule that made it.
    pub rule: String,
    /// Points.
    pub weight: i32,
    /// The stage that it speaks for.
    pub stage: Stage,
    /// Where it was seen.
    pub point: String,
    /// The name.
    pub name: String,
    /// What it shows.
    pub text: String,
    /// First and last frame; 0: none.
    pub frames: (u64, u64),
}

/// A name of the vendor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameSeen {
    /// The name.
    pub name: String,
    /// What the vendor uses it for.
    pub role: String,
    /// In which ways it was seen.
    pub seen: Vec<String>,
    /// Hits, repeats that were folded included.
    pub hits: u64,
    /// RFC 3339.
    pub first: String,
    /// RFC 3339.
    pub last: String,
}

/// A day, in UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// `2026-11-22`.
    pub day: String,
    /// First moment, RFC 3339.
    pub first: String,
    /// Last.
    pub last: String,
    /// Pieces of evidence.
    pub evidence: u64,
    /// Hits.
    pub hits: u64,
    /// Units, as far as they are known.
    pub units: Vec<String>,
    /// Sites.
    pub sites: Vec<String>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertFacts {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// What it said.
    pub kind: AlertKind,
    /// About which stage.
    pub stage: Stage,
    /// One line.
    pub summary: String,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// Who: an account.
    pub by: String,
    /// By which way.
    pub means: String,
    /// What: as in [`Act`](crate::record::Act).
    pub act: String,
    /// Why, or the note.
    pub text: String,
    /// Until when, RFC 3339: of a hold.
    pub until: Option<String>,
}

/// A list in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFacts {
    /// Its version.
    pub version: String,
    /// Since when; none: only hours of coverage say that it was.
    pub since: Option<String>,
}

/// A loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossFacts {
    /// Number of its entry.
    pub entry: u64,
    /// RFC 3339.
    pub time: String,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

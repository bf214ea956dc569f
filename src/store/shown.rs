//! What the store shows: rows of lists, a case with all that belongs to it.
//!
//! Enters: nothing. Leaves: plain values; as JSON with times in RFC 3339, UTC. Never: a person or
//! an address in clear.

mod json;

use serde::{Serialize, Serializer};

use super::triage::Triage;
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{Alert, AttributionEntry, Item, Step};
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::organisation::Standing;
use crate::record::{Acted, CaseHead, Kind};

/// Most rows of one page.
pub const ROWS_MAX: u32 = 1000;
/// Totals are counted up to here.
pub const COUNT_MAX: u64 = 10_000;

/// How many there are in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// So many.
    Exactly(u64),
    /// More than so many; they were not counted further.
    MoreThan(u64),
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many there are without the bound of the page.
    pub total: Total,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
}

/// A place in a list that is sorted by time, newest first: the last row that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cursor {
    /// Its time, nanoseconds since the epoch.
    pub time: i64,
    /// Its number in the ledger.
    pub number: u64,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many rows; [`ROWS_MAX`] at most.
    pub rows: u32,
    /// Behind this one; `None`: from the newest.
    pub after: Option<Cursor>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            rows: 50,
            after: None,
        }
    }
}

/// By what the inbox is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest evidence.
    #[default]
    Updated,
    /// First evidence.
    Opened,
    /// Highest stage, then confidence.
    Stage,
    /// Confidence.
    Confidence,
}

/// Which part of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CasePage {
    /// By what it is sorted.
    pub order: Order,
    /// The other way round: oldest, lowest first.
    pub ascending: bool,
    /// How many rows; [`ROWS_MAX`] at most.
    pub rows: u32,
    /// How many rows stand before.
    pub skip: u32,
}

impl Default for CasePage {
    fn default() -> Self {
        Self {
            order: Order::Updated,
            ascending: false,
            rows: 50,
            skip: 0,
        }
    }
}

/// A case in the inbox.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseRow {
    /// How it stands.
    #[serde(serialize_with = "json::head")]
    pub head: CaseHead,
    /// Where the work on it stands.
    pub triage: Triage,
    /// Ids of the suppressions in force that it falls under.
    pub suppressed: Vec<String>,
}

/// A case with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseView {
    /// As in the inbox.
    pub row: CaseRow,
    /// Evidence that counts, by number.
    #[serde(serialize_with = "json::items")]
    pub evidence: Vec<Item>,
    /// Steps that hold.
    #[serde(serialize_with = "json::steps")]
    pub steps: Vec<Step>,
    /// Attributions, in order.
    #[serde(serialize_with = "json::attribution")]
    pub attribution: Vec<AttributionEntry>,
    /// Its hits, newest first; at most [`ROWS_MAX`].
    pub hits: Vec<HitRow>,
    /// How many hits there are.
    pub hits_total: Total,
    /// Alerts that went out, in order.
    #[serde(serialize_with = "json::alerts")]
    pub alerts: Vec<Alert>,
    /// What people did with it, in order: triage, notes, holds, unsealing, exports.
    pub history: Vec<Done>,
    /// The requests for its identity.
    pub requests: Vec<Request>,
}

/// An act and its place in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Done {
    /// Number of its entry.
    pub number: u64,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// By whom, and what.
    #[serde(flatten)]
    pub acted: Acted,
}

/// A hit. The message that carried the name stands in the ledger, under `number`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HitRow {
    /// Number of its entry.
    pub number: u64,
    /// `event.id`.
    pub id: String,
    /// Packet time; of repeats that of the latest.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// The name seen.
    pub name: String,
    /// How: a label of [`crate::base::Seen`].
    pub seen: String,
    /// What the vendor uses the host for.
    pub role: String,
    /// Severity in words.
    pub severity: String,
    /// The rule that matched.
    pub rule: String,
    /// Observation point.
    pub point: String,
    /// Frame that completed the name.
    pub frame: u64,
    /// Hits after the first that this line stands for; 0 in the first one's own line.
    pub repeats: u64,
    /// Whose, as far as was known then.
    pub subject: SubjectId,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Unit, where one is known.
    pub unit: Option<String>,
    /// Site, where one is known.
    pub site: Option<String>,
    /// The case that it belongs to, where there is one.
    pub case: Option<String>,
    /// Number of the evidence that it is the witness of, in that case.
    pub evidence: Option<u32>,
}

/// A request for the identity behind a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// The case.
    pub case: String,
    /// Its subject when it was asked.
    pub subject: SubjectId,
    /// Who asked.
    pub by: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Why.
    pub reason: String,
    /// Who agreed, each person once, with their remarks.
    pub approvals: Vec<Approval>,
    /// Who refused, and why.
    pub refused: Option<Approval>,
    /// Each time that it was handed out, in order: to whom, when, the digest of what.
    pub releases: Vec<Approval>,
}

/// Somebody's word on a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Remark, reason or digest.
    pub note: String,
}

/// A rule under which cases need no attention.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suppression {
    /// Its id.
    pub rule: String,
    /// Which cases.
    pub filter: String,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub by: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Until when.
    #[serde(serialize_with = "rfc3339")]
    pub until: Timestamp,
    /// Ended before its time: by whom, when, why.
    pub lifted: Option<Approval>,
    /// Is it in force at the time asked for?
    pub in_force: bool,
    /// Why its filter cannot be used, if it cannot: it matches nothing then.
    pub broken: Option<String>,
}

/// A vendor and what the record has of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VendorSummary {
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// Cases.
    pub cases: u64,
    /// Those that are not closed.
    pub open: u64,
    /// Cases by highest stage.
    pub stages: Vec<(Stage, u64)>,
    /// Lines of hits.
    pub hits: u64,
    /// Subjects of hits.
    pub subjects: u64,
    /// Names seen.
    pub names: u64,
    /// First hit.
    #[serde(serialize_with = "rfc3339_maybe")]
    pub first: Option<Timestamp>,
    /// Newest hit.
    #[serde(serialize_with = "rfc3339_maybe")]
    pub last: Option<Timestamp>,
}

/// Numbers beside the inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InboxCounts {
    /// Cases in all.
    pub cases: u64,
    /// Not closed, not suppressed: what there is to do.
    pub to_do: u64,
    /// Of those, not looked at yet.
    pub new: u64,
    /// Not closed, under a suppression.
    pub suppressed: u64,
    /// Closed.
    pub closed: u64,
    /// Under a legal hold.
    pub held: u64,
    /// To do, by stage.
    pub stages: Vec<(Stage, u64)>,
    /// To do, by standing.
    pub standings: Vec<(Standing, u64)>,
    /// To do, by who has it; empty: nobody.
    pub assignees: Vec<(String, u64)>,
    /// Requests for an identity that wait.
    pub requests: u64,
}

/// Which entries the audit trail shows. Empty: all acts, and what the program did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of these kinds; empty: all but hits and what cases are made of.
    pub kinds: Vec<Kind>,
    /// By this one.
    pub by: Option<String>,
    /// About this case.
    pub case: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    /// Number of the entry.
    pub number: u64,
    /// Its kind.
    pub kind: String,
    /// The beginning of the hour in which it happened.
    #[serde(serialize_with = "rfc3339")]
    pub hour: Timestamp,
    /// When; `None`: its payload was deleted.
    #[serde(serialize_with = "rfc3339_maybe")]
    pub time: Option<Timestamp>,
    /// The case that it is about.
    pub case: Option<String>,
    /// What it says.
    pub what: Told,
}

/// What an entry of the audit trail says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Somebody did something.
    Act(Acted),
    /// A list came into force or was refused, the program began or ended, something was lost.
    List(crate::record::List),
    /// The program began or ended.
    Life(crate::record::Life),
    /// Something was lost.
    Loss(crate::record::Loss),
    /// Its payload was deleted.
    Deleted,
    /// Something else: of a case, a hit, coverage; see there.
    Other,
}

/// Entries that concern a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubjectEntries {
    /// Entries that name the subject themselves.
    pub own: Vec<u64>,
    /// Cases about the subject, now or at any time before.
    pub cases: Vec<String>,
    /// All entries of those cases, and hits that are their evidence.
    pub of_cases: Vec<u64>,
}

/// Writes a time as RFC 3339 in UTC.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(crate) fn rfc3339<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

/// The same of one that may be missing.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(crate) fn rfc3339_maybe<S: Serializer>(
    time: &Option<Timestamp>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => to.collect_str(time),
        None => to.serialize_none(),
    }
}

//! Cases, hits and acts as somebody may see them: for pages and for the API alike.
//!
//! Enters: rows of the store, a [`Veil`]. Leaves: plain values; as JSON with times in RFC 3339.
//! Never: a field that the veil did not see.

mod deed;
mod request;

use serde::Serialize;

use super::veil::Veil;
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{AlertKind, AttributionAct, EvidenceKind, Item, Step};
use crate::identity::{Grade, SubjectKind};
use crate::organisation::Standing;
use crate::record::act::Verdict;
use crate::record::unsealing::Terms;
use crate::store::State;
use crate::store::shown::{CaseRow, CaseView, Done, HitRow, rfc3339, rfc3339_maybe};

pub use deed::Deed;
pub use request::{RequestLine, Word};

/// Whom something is about.
#[derive(Clone, Serialize)]
pub struct Who {
    /// Pseudonym, or a label that holds for this session only.
    #[serde(rename = "subject")]
    pub name: String,
    /// What it is.
    #[serde(rename = "subject_kind")]
    pub kind: SubjectKind,
    /// How surely.
    pub grade: Grade,
    /// Unit, where one is known and may be seen.
    pub unit: Option<String>,
    /// Site, where one is known.
    pub site: Option<String>,
}

impl Who {
    /// What fits a column: `person-3fa85f64` of a pseudonym.
    pub fn short(&self) -> &str {
        match self.name.split_once('-') {
            Some((kind, digits)) if digits.len() == 32 => {
                self.name.get(..kind.len() + 9).unwrap_or(&self.name)
            }
            _ => &self.name,
        }
    }
}

/// A case in a list.
#[derive(Clone, Serialize)]
pub struct CaseLine {
    /// Random id.
    pub id: String,
    /// Revision of the triage: who acts says which one they saw.
    pub revision: u64,
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// Whom it is about.
    #[serde(flatten)]
    pub who: Who,
    /// Highest stage.
    pub stage: Stage,
    /// How the use stands to the register.
    pub standing: Standing,
    /// Why.
    pub standing_reason: String,
    /// Entry of the register, where one applies or was missed.
    pub register_entry: Option<String>,
    /// 0 to 100: a sum of weights, no probability.
    pub confidence: u8,
    /// Uploads as a band; empty: none.
    pub band: String,
    /// First evidence.
    #[serde(serialize_with = "rfc3339")]
    pub opened: Timestamp,
    /// Newest evidence.
    #[serde(serialize_with = "rfc3339")]
    pub updated: Timestamp,
    /// Where the work stands.
    pub state: State,
    /// Who has it.
    pub assignee: Option<String>,
    /// As what somebody closed it.
    pub verdict: Option<Verdict>,
    /// Retention stands still until then.
    #[serde(serialize_with = "rfc3339_maybe")]
    pub held_until: Option<Timestamp>,
    /// Rules in force that suppress it.
    pub suppressed_by: Vec<String>,
    /// How it ended by itself, if it did.
    pub ended: Option<AlertKind>,
    /// Items beyond the bound.
    #[serde(skip)]
    pub items_left_out: u64,
}

impl CaseLine {
    /// As the veil lets it through.
    pub fn of(row: CaseRow, veil: &Veil) -> Self {
        let head = row.head;
        Self {
            id: head.id,
            revision: row.triage.revision,
            vendor: head.vendor,
            vendor_name: head.vendor_name,
            who: Who {
                name: veil.subject(&head.subject),
                kind: head.subject_kind,
                grade: head.grade,
                unit: veil.hide(head.unit),
                site: head.site,
            },
            stage: head.stage,
            standing: head.ruling.standing,
            standing_reason: head.ruling.reason,
            register_entry: head.ruling.entry,
            confidence: head.confidence,
            band: head.band,
            opened: head.opened,
            updated: head.updated,
            state: row.triage.state,
            assignee: row.triage.assignee,
            verdict: row.triage.verdict,
            held_until: row.triage.held_until,
            suppressed_by: row.suppressed,
            ended: head.ended,
            items_left_out: head.items_left_out,
        }
    }

    /// Is it still to be worked on?
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }
}

/// A piece of evidence.
#[derive(Clone, Serialize)]
pub struct Evidence {
    /// Number within the case.
    pub number: u32,
    /// Its kind.
    pub kind: EvidenceKind,
    /// The rule that made it.
    pub rule: String,
    /// Its weight.
    pub weight: i32,
    /// The stage it speaks for.
    pub stage: Stage,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Observation point or feed.
    pub point: String,
    /// The name seen.
    pub name: String,
    /// Pseudonym of the flow, where there is one and it may be seen.
    pub flow: Option<String>,
    /// First and last frame; 0 where there is none.
    pub frames: (u64, u64),
    /// What it shows.
    pub text: String,
    /// Of the connections at that point in that hour, how many in a hundred could be named; `None`:
    /// no coverage of that hour is kept.
    pub readable_percent: Option<u8>,
}

impl Evidence {
    fn of(item: Item, veil: &Veil, hours: &[crate::record::Coverage]) -> Self {
        Self {
            number: item.number,
            kind: item.kind,
            rule: item.rule,
            weight: item.weight,
            stage: item.stage,
            time: item.time,
            // What no frame carried does not depend on what could be read.
            readable_percent: match item.frames {
                (0, _) => None,
                _ => super::readable::percent(hours, &item.point, item.time),
            },
            point: item.point,
            name: item.name,
            flow: veil.hide(item.flow),
            frames: item.frames,
            text: item.text,
        }
    }

    /// `12` or `12–15`; empty: none.
    pub fn frames(&self) -> String {
        match self.frames {
            (0, _) => String::new(),
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}–{last}"),
        }
    }

    /// With its sign.
    pub fn weight(&self) -> String {
        format!("{:+}", self.weight)
    }
}

/// A claim about whom a case is about.
#[derive(Clone, Serialize)]
pub struct Claim {
    /// What happened.
    pub act: AttributionAct,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Whom it names.
    #[serde(flatten)]
    pub who: Who,
    /// Sources that agree.
    pub sources: Vec<&'static str>,
    /// Why. No names.
    pub reason: String,
    /// The other case, in a split or merge.
    pub other: Option<String>,
}

/// An alert that went out.
#[derive(Clone, Serialize)]
pub struct AlertLine {
    /// For de-duplication.
    pub id: String,
    /// What it said.
    pub kind: AlertKind,
    /// The stage it was about.
    pub stage: Stage,
    /// Packet time of the step.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// One line.
    pub summary: String,
}

/// A hit.
#[derive(Clone, Serialize)]
pub struct HitLine {
    /// Number of its entry.
    pub number: u64,
    /// `event.id`.
    pub id: String,
    /// Packet time.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// Vendor id.
    pub vendor: String,
    /// Vendor for people.
    pub vendor_name: String,
    /// The name seen.
    pub name: String,
    /// How.
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
    /// Hits after the first that this line stands for.
    pub repeats: u64,
    /// Whose.
    #[serde(flatten)]
    pub who: Who,
    /// The case that it belongs to.
    pub case: Option<String>,
    /// Number of the evidence that it is the witness of.
    pub evidence: Option<u32>,
}

impl HitLine {
    /// As the veil lets it through.
    pub fn of(row: HitRow, veil: &Veil) -> Self {
        Self {
            number: row.number,
            id: row.id,
            time: row.time,
            vendor: row.vendor,
            vendor_name: row.vendor_name,
            name: row.name,
            seen: row.seen,
            role: row.role,
            severity: row.severity,
            rule: row.rule,
            point: row.point,
            frame: row.frame,
            repeats: row.repeats,
            who: Who {
                name: veil.subject(&row.subject),
                kind: row.subject_kind,
                grade: row.grade,
                unit: veil.hide(row.unit),
                site: row.site,
            },
            case: row.case,
            evidence: row.evidence,
        }
    }
}

/// A case with all that belongs to it.
#[derive(Serialize)]
pub struct CaseWhole {
    /// As in a list.
    #[serde(flatten)]
    pub line: CaseLine,
    /// Evidence that counts.
    pub evidence: Vec<Evidence>,
    /// Steps that hold, with their sums.
    pub steps: Vec<StepLine>,
    /// Whom it is about, in order.
    pub attribution: Vec<Claim>,
    /// Its hits, newest first.
    pub hits: Vec<HitLine>,
    /// Alerts that went out.
    pub alerts: Vec<AlertLine>,
    /// What people did.
    pub history: Vec<Deed>,
    /// Requests for its identity.
    pub requests: Vec<RequestLine>,
}

/// A stage reached.
#[derive(Clone, Serialize)]
pub struct StepLine {
    /// The stage.
    pub stage: Stage,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// 0 to 100.
    pub confidence: u8,
    /// Numbers of the items that carry it.
    pub items: Vec<u32>,
    /// How it came about.
    pub sum: Vec<String>,
}

impl From<Step> for StepLine {
    fn from(step: Step) -> Self {
        Self {
            stage: step.stage,
            time: step.time,
            confidence: step.confidence,
            items: step.items,
            sum: step.sum,
        }
    }
}

impl CaseWhole {
    /// As the veil lets it through. `hours`: coverage of the hours of its evidence.
    pub fn of(
        view: CaseView,
        hours: &[crate::record::Coverage],
        terms: &Terms,
        now: Timestamp,
        veil: &Veil,
    ) -> Self {
        let line = CaseLine::of(view.row, veil);
        let evidence = view.evidence.into_iter();
        let evidence = evidence.map(|it| Evidence::of(it, veil, hours)).collect();
        let mut attribution = Vec::new();
        for entry in view.attribution {
            let who = entry.attribution;
            attribution.push(Claim {
                act: entry.act,
                time: entry.time,
                who: Who {
                    name: veil.subject(&who.subject),
                    kind: who.kind,
                    grade: who.grade,
                    unit: veil.hide(who.place.unit),
                    site: who.place.site,
                },
                sources: who.sources.iter().map(|it| it.label()).collect(),
                reason: who.reason,
                other: entry.other,
            });
        }
        let deed = |it: Done| Deed::of(it.number, it.time, it.acted, veil);
        let history = view.history.into_iter().map(deed).collect();
        let hits = view.hits.into_iter();
        let hits = hits.map(|it| HitLine::of(it, veil)).collect();
        let requests = view.requests.into_iter();
        let requests = requests.map(|it| RequestLine::of(it, terms, now, veil));
        let requests = requests.collect();
        Self {
            line,
            evidence,
            steps: view.steps.into_iter().map(StepLine::from).collect(),
            attribution,
            hits,
            alerts: view
                .alerts
                .into_iter()
                .map(|it| AlertLine {
                    id: it.id,
                    kind: it.kind,
                    stage: it.stage,
                    time: it.time,
                    summary: it.summary,
                })
                .collect(),
            history,
            requests,
        }
    }
}

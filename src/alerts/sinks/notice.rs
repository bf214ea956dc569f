//! What a sink is told: an alert in the sink's language, the count of what was folded, or a test.
//!
//! Enters: an [`Alert`]. Leaves: a [`Notice`], all that any form may say. Never: the subject's
//! pseudonym; a unit or site unless the sink may show it; a summary of more than one line.

use super::texts::{self, Language};
use crate::alerts::words::{self, Severity, one_line};
use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind};
use crate::organisation::Standing;

closed_set! {
    /// What a notice says.
    NoticeKind {
        /// A case reached a stage.
        Raised = "raised",
        /// An earlier alert is taken back.
        Retracted = "retracted",
        /// A case was closed.
        Resolved = "resolved",
        /// So many more alerts about a vendor came than this sink takes in its time.
        Folded = "folded",
        /// Somebody tries the sink.
        Test = "test",
    }
}

/// All that a form may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The same in each attempt: for de-duplication.
    pub id: String,
    /// What it says.
    pub kind: NoticeKind,
    /// The case; none in a count or a test.
    pub case: Option<String>,
    /// Vendor id.
    pub vendor: String,
    /// Vendor's name, in one line.
    pub vendor_name: String,
    /// The stage it is about.
    pub stage: Stage,
    /// How the use stands to the register.
    pub standing: Standing,
    /// How urgent it is. A retraction is as urgent as what it takes back.
    pub severity: Severity,
    /// The alert's name, as Alertmanager knows it.
    pub name: &'static str,
    /// Grade of the attribution.
    pub grade: String,
    /// Confidence, 0 to 100.
    pub confidence: u8,
    /// Unit, where the sink may show it.
    pub unit: Option<String>,
    /// Site, where the sink may show it.
    pub site: Option<String>,
    /// Packet time of the step.
    pub time: Timestamp,
    /// Wall clock when it came into the outbox.
    pub taken: Timestamp,
    /// One line.
    pub summary: String,
    /// What is known, what is not, what to do next; lines end in `\n`, no other control characters.
    pub description: String,
    /// Alerts that it stands for.
    pub count: u64,
    /// The machine that watches.
    pub observer: String,
}

/// How a sink is spoken to.
#[derive(Clone, Debug)]
pub struct Said {
    /// In which language.
    pub language: Language,
    /// Unit and site too.
    pub show_place: bool,
    /// The machine that watches.
    pub observer: String,
}

/// What was folded of one vendor.
pub(in crate::alerts) struct Folded<'a> {
    pub id: String,
    pub vendor: &'a str,
    pub vendor_name: &'a str,
    pub severity: Severity,
    pub stage: Stage,
    pub count: u64,
    pub cases: &'a [String],
    pub since: Timestamp,
    pub minutes: u32,
}

impl Notice {
    /// An alert; `taken` is when it came into the outbox.
    pub fn of(alert: &Alert, taken: Timestamp, said: &Said) -> Self {
        let place = |value: &Option<String>| {
            let value = value.as_deref().filter(|_| said.show_place);
            value.map(one_line)
        };
        Self {
            id: alert.id.clone(),
            kind: match alert.kind {
                AlertKind::Raised => NoticeKind::Raised,
                AlertKind::Retracted => NoticeKind::Retracted,
                AlertKind::Resolved => NoticeKind::Resolved,
            },
            case: Some(one_line(&alert.case)),
            vendor: one_line(&alert.vendor),
            vendor_name: one_line(&alert.vendor_name),
            stage: alert.stage,
            standing: alert.standing,
            severity: Severity::of(alert),
            name: words::name(alert),
            grade: one_line(&alert.grade),
            confidence: alert.confidence,
            unit: place(&alert.unit),
            site: place(&alert.site),
            time: alert.time,
            taken,
            summary: one_line(&texts::summary(alert, said.language)),
            description: many_lines(&texts::description(alert, said.language)),
            count: 1,
            observer: one_line(&said.observer),
        }
    }

    /// So many alerts about a vendor were folded.
    pub(in crate::alerts) fn folded(of: &Folded<'_>, now: Timestamp, said: &Said) -> Self {
        let vendor_name = one_line(of.vendor_name);
        let (summary, description) = texts::folded(of, &vendor_name, said.language);
        Self {
            id: of.id.clone(),
            kind: NoticeKind::Folded,
            case: None,
            vendor: one_line(of.vendor),
            vendor_name,
            stage: of.stage,
            standing: Standing::Unauthorised,
            severity: of.severity,
            name: "PoortwachtFolded",
            grade: "-".into(),
            confidence: 0,
            unit: None,
            site: None,
            time: of.since,
            taken: now,
            summary,
            description: many_lines(&description),
            count: of.count,
            observer: one_line(&said.observer),
        }
    }

    /// A marked test; `id` is to be another each time.
    pub fn test(id: String, now: Timestamp, said: &Said) -> Self {
        let (summary, description) = texts::test(said.language);
        Self {
            id,
            kind: NoticeKind::Test,
            case: None,
            vendor: "poortwacht-test".into(),
            vendor_name: "Poortwacht test".into(),
            stage: Stage::LookedUp,
            standing: Standing::Informational,
            severity: Severity::Info,
            name: "PoortwachtTest",
            grade: "-".into(),
            confidence: 0,
            unit: None,
            site: None,
            time: now,
            taken: now,
            summary: summary.into(),
            description: description.into(),
            count: 1,
            observer: one_line(&said.observer),
        }
    }

    /// The rule that was met, as in the hit log.
    pub fn rule(&self) -> String {
        match self.kind {
            NoticeKind::Folded => "case/folded".into(),
            NoticeKind::Test => "case/test".into(),
            _ => format!("case/{}", self.stage),
        }
    }
}

/// Lines stay lines; all other control characters become spaces.
fn many_lines(text: &str) -> String {
    let clean = |c: char| {
        if c != '\n' && c.is_control() { ' ' } else { c }
    };
    text.replace("\r\n", "\n").chars().map(clean).collect()
}

//! A case in the hit log: Elastic Common Schema 8.17 names, and our own under `poortwacht`.
//!
//! Enters: values from the outbox of alerts, or a line read back. Leaves: JSON as described by
//! `docs/case.schema.json`, which tests hold against every kind of record. Never: a name or
//! address of a person; the subject is a pseudonym.

use serde::{Deserialize, Serialize};

use super::ecs::{EcsVersion, Threat, Vendor};

/// `event.dataset` of these records.
pub const DATASET: &str = "poortwacht.case";

/// One record, one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRecord {
    /// Packet time of the step, RFC 3339 in UTC with nanoseconds.
    #[serde(rename = "@timestamp")]
    pub timestamp: String,
    /// Version of the common schema.
    pub ecs: EcsVersion,
    /// What kind of record this is.
    pub event: CaseEvent,
    /// One sentence for people.
    pub message: String,
    /// The stage, as the rule that was met.
    pub rule: CaseRule,
    /// Where the vendor comes from.
    pub threat: Threat,
    /// The subject.
    pub user: User,
    /// Who says so.
    pub observer: CaseObserver,
    /// What the common schema has no name for.
    pub poortwacht: CaseOwn,
}

/// `event.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseEvent {
    /// The alert's id: a line with the same id says the same once more (it may come twice after a
    /// crash).
    pub id: String,
    /// `alert`; `event` for what needs no action: resolved, authorised, informational.
    pub kind: String,
    /// `network`.
    pub category: Vec<String>,
    /// `info`.
    #[serde(rename = "type")]
    pub types: Vec<String>,
    /// `case-raised`, `case-retracted` or `case-resolved`.
    pub action: String,
    /// `poortwacht`.
    pub module: String,
    /// [`DATASET`].
    pub dataset: String,
    /// 1 informational, 47 medium, 73 high.
    pub severity: u8,
    /// Wall clock when the alert was taken into the outbox.
    pub created: String,
}

/// `rule.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRule {
    /// `case/` and the stage.
    pub id: String,
    /// The name of the alert, as Alertmanager knows it.
    pub name: String,
    /// `case`.
    pub category: String,
    /// `poortwacht.cases`.
    pub ruleset: String,
}

/// `user.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The subject's pseudonym.
    pub hash: String,
}

/// `observer.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseObserver {
    /// The observer's name from the config.
    pub name: String,
    /// `sensor`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `Poortwacht`.
    pub product: String,
    /// Version of the program.
    pub version: String,
}

/// `poortwacht.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseOwn {
    /// Whose service it is.
    pub vendor: Vendor,
    /// The case.
    pub case: CaseFields,
}

/// `poortwacht.case.*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFields {
    /// Random id of the case.
    pub id: String,
    /// The stage that the record is about.
    pub stage: String,
    /// How the use stands to the register.
    pub standing: String,
    /// Confidence in the stage, 0 to 100.
    pub confidence: u8,
    /// Grade of the attribution.
    pub grade: String,
    /// `high`, `medium` or `informational`.
    pub severity: String,
    /// Unit, where the map names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Site, where the map names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What is known, what is not, the evidence, what to do next.
    pub description: String,
}

impl super::Line for CaseRecord {
    fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

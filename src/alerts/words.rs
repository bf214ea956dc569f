//! What an alert says to each sink.
//!
//! Enters: an [`Alert`]. Leaves: labels, annotations and times for Alertmanager (API v2), or a
//! [`CaseRecord`] for the hit log. Never: a person, pseudonym, address, unit or site in a label.

use std::collections::BTreeMap;

use serde::Serialize;

use super::settings::Alertmanager;
use crate::base::Timestamp;
use crate::base::seen::closed_set;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind};
use crate::hits::case::{CaseEvent, CaseFields, CaseObserver, CaseOwn, CaseRule, DATASET, User};
use crate::hits::ecs::{ECS_VERSION, EcsVersion, Feed, Threat, Vendor};
use crate::hits::{CaseRecord, Observer};
use crate::organisation::Standing;

/// The name of an alert, as Alertmanager knows it.
pub const fn name(alert: &Alert) -> &'static str {
    match alert.kind {
        AlertKind::Retracted => "PoortwachtRetracted",
        AlertKind::Raised | AlertKind::Resolved => stage_name(alert.stage),
    }
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::LookedUp => "PoortwachtLookedUp",
        Stage::Visited => "PoortwachtVisited",
        Stage::AccountOrRightsRequest => "PoortwachtAccountOrRightsRequest",
        Stage::AccountOrLogin => "PoortwachtAccountOrLogin",
        Stage::SignedUp => "PoortwachtTrialAccount",
        Stage::Searching => "PoortwachtSearching",
        Stage::Integrated => "PoortwachtIntegrated",
    }
}

closed_set! {
    /// How urgent an alert is, as Prometheus' rules write it; in order.
    Severity {
        /// Nothing to do.
        Info = "info",
        /// To be looked at.
        Warning = "warning",
        /// To be acted on.
        Critical = "critical",
    }
}

impl Severity {
    /// By what was seen and how it stands.
    pub const fn of(alert: &Alert) -> Self {
        match (alert.standing, alert.stage) {
            (Standing::Authorised | Standing::Informational, _) | (_, Stage::LookedUp) => {
                Self::Info
            }
            (_, Stage::Visited | Stage::AccountOrRightsRequest) => Self::Warning,
            (_, Stage::AccountOrLogin | Stage::SignedUp | Stage::Searching | Stage::Integrated) => {
                Self::Critical
            }
        }
    }

    /// As the hit log writes it, in a number and in words.
    pub(super) const fn logged(self) -> (u8, &'static str) {
        match self {
            Self::Info => (1, "informational"),
            Self::Warning => (47, "medium"),
            Self::Critical => (73, "high"),
        }
    }
}

/// Two alerts with one identity have the same labels: to Alertmanager they are one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    kind: AlertKind,
    stage: Stage,
    standing: Standing,
}

impl Identity {
    /// Of an alert within its case.
    pub(super) const fn of(alert: &Alert) -> Self {
        Self {
            kind: alert.kind,
            stage: alert.stage,
            standing: alert.standing,
        }
    }
}

/// One alert as `POST /api/v2/alerts` takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Post<'a> {
    labels: BTreeMap<&'static str, &'a str>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
}

/// Writes posts.
pub(super) struct Words {
    pub(super) observer: Observer,
    pub(super) settings: Alertmanager,
}

impl Words {
    /// An alert that holds until `ends`; `taken` is when it came into the outbox.
    pub(super) fn post<'a>(
        &'a self,
        alert: &'a Alert,
        taken: Timestamp,
        ends: Timestamp,
    ) -> Post<'a> {
        // A sensor's clock may run ahead: what begins after it ends would be refused.
        let starts = alert.time.min(taken).min(ends);
        Post {
            labels: self.labels(alert),
            annotations: self.annotations(alert),
            starts_at: starts.to_string(),
            ends_at: ends.to_string(),
        }
    }

    fn labels<'a>(&'a self, alert: &'a Alert) -> BTreeMap<&'static str, &'a str> {
        BTreeMap::from([
            ("alertname", name(alert)),
            ("case", alert.case.as_str()),
            ("instance", self.observer.name.as_str()),
            ("severity", Severity::of(alert).label()),
            ("stage", alert.stage.label()),
            ("standing", alert.standing.label()),
            ("vendor", alert.vendor.as_str()),
        ])
    }

    fn annotations(&self, alert: &Alert) -> BTreeMap<&'static str, String> {
        let mut all = BTreeMap::from([
            ("summary", alert.summary.clone()),
            ("description", alert.description.clone()),
            ("confidence", format!("{} of 100", alert.confidence)),
            ("grade", alert.grade.clone()),
        ]);
        if !self.settings.runbook_url.is_empty() {
            all.insert("runbook_url", self.settings.runbook_url.clone());
        }
        let place = [("unit", &alert.unit), ("site", &alert.site)];
        for (key, value) in place {
            if let Some(value) = value.as_ref().filter(|_| self.settings.show_place) {
                all.insert(key, value.clone());
            }
        }
        all
    }
}

/// The record of an alert; `taken` is when it came into the outbox.
pub fn record(alert: &Alert, taken: Timestamp, observer: &Observer) -> CaseRecord {
    let (number, severity) = Severity::of(alert).logged();
    CaseRecord {
        timestamp: alert.time.to_string(),
        ecs: EcsVersion {
            version: ECS_VERSION.into(),
        },
        event: event(alert, taken, number),
        message: one_line(&alert.summary),
        rule: CaseRule {
            id: format!("case/{}", alert.stage),
            name: name(alert).into(),
            category: "case".into(),
            ruleset: "poortwacht.cases".into(),
        },
        threat: Threat {
            feed: Feed {
                name: "Poortwacht catalogue".into(),
            },
        },
        user: User {
            hash: alert.subject.as_str().into(),
        },
        observer: CaseObserver {
            name: observer.name.clone(),
            kind: "sensor".into(),
            product: "Poortwacht".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        poortwacht: CaseOwn {
            vendor: Vendor {
                id: alert.vendor.clone(),
                name: alert.vendor_name.clone(),
            },
            case: CaseFields {
                id: alert.case.clone(),
                stage: alert.stage.label().into(),
                standing: alert.standing.label().into(),
                confidence: alert.confidence,
                grade: alert.grade.clone(),
                severity: severity.into(),
                unit: alert.unit.clone(),
                site: alert.site.clone(),
                description: alert.description.clone(),
            },
        },
    }
}

fn event(alert: &Alert, taken: Timestamp, severity: u8) -> CaseEvent {
    let quiet = alert.kind == AlertKind::Resolved || severity == 1;
    CaseEvent {
        id: alert.id.clone(),
        kind: if quiet { "event" } else { "alert" }.into(),
        category: vec!["network".into()],
        types: vec!["info".into()],
        action: format!("case-{}", alert.kind),
        module: "poortwacht".into(),
        dataset: DATASET.into(),
        severity,
        created: taken.to_string(),
    }
}

/// A message is one line, whatever a vendor's name may hold.
pub(super) fn one_line(text: &str) -> String {
    text.split(char::is_control)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

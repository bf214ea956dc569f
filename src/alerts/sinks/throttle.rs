//! Not more new alerts about one vendor than a sink takes in its time; of more, their count.
//!
//! Enters: alerts, the time. Leaves: whether one goes out; when its time is over, what was folded.
//! Never: folds a retraction or a closing; forgets a count that was not told.

use std::collections::BTreeMap;

use ring::digest;
use serde::{Deserialize, Serialize};

use super::notice::Folded;
use super::settings::SinkSettings;
use crate::alerts::words::Severity;
use crate::base::Timestamp;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind};
use crate::hits::Mentions;

/// Cases listed in a count.
const CASES_MAX: usize = 20;

/// What is open, by vendor; a vendor without new alerts for a while is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::alerts) struct Throttle {
    windows: BTreeMap<String, Window>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    since: Timestamp,
    sent: u32,
    folded: u64,
    cases: Vec<String>,
    vendor_name: String,
    severity: Severity,
    stage: Stage,
}

impl Window {
    /// Also when the clock was set back behind its begin.
    fn is_over(&self, span: u64, now: Timestamp) -> bool {
        now < self.since || now.since_ns(self.since) >= span
    }
}

impl Throttle {
    /// Does it go out? Else it is counted.
    pub(in crate::alerts) fn admits(
        &mut self,
        alert: &Alert,
        settings: &SinkSettings,
        now: Timestamp,
    ) -> bool {
        if settings.throttle_alerts == 0 || alert.kind != AlertKind::Raised {
            return true;
        }
        let span = span(settings);
        // What is over and owes no count makes room.
        self.windows
            .retain(|_, it| it.folded > 0 || !it.is_over(span, now));
        let severity = Severity::of(alert);
        let window = self
            .windows
            .entry(alert.vendor.clone())
            .or_insert_with(|| Window {
                since: now,
                sent: 0,
                folded: 0,
                cases: Vec::new(),
                vendor_name: alert.vendor_name.clone(),
                severity,
                stage: alert.stage,
            });
        if window.folded == 0 && window.sent < settings.throttle_alerts {
            window.sent += 1;
            return true;
        }
        if window.folded == 0 {
            (window.severity, window.stage) = (severity, alert.stage);
        }
        window.folded += 1;
        window.severity = window.severity.max(severity);
        window.stage = window.stage.max(alert.stage);
        if window.cases.len() < CASES_MAX && !window.cases.contains(&alert.case) {
            window.cases.push(alert.case.clone());
        }
        false
    }

    /// A count that is to be told.
    pub(in crate::alerts) fn due(
        &self,
        settings: &SinkSettings,
        now: Timestamp,
    ) -> Option<Folded<'_>> {
        let span = span(settings);
        let mut over = self
            .windows
            .iter()
            .filter(|(_, it)| it.folded > 0 && it.is_over(span, now));
        let (vendor, it) = over.next()?;
        Some(Folded {
            id: id(&settings.name, vendor, it.since),
            vendor,
            vendor_name: &it.vendor_name,
            severity: it.severity,
            stage: it.stage,
            count: it.folded,
            cases: &it.cases,
            since: it.since,
            minutes: settings.throttle_minutes,
        })
    }

    /// In how many nanoseconds the next count is due.
    pub(in crate::alerts) fn next_ns(
        &self,
        settings: &SinkSettings,
        now: Timestamp,
    ) -> Option<u64> {
        let open = self.windows.values().filter(|it| it.folded > 0);
        let left = open.map(|it| span(settings).saturating_sub(now.since_ns(it.since)));
        left.min()
    }

    /// The count was told.
    pub(in crate::alerts) fn told(&mut self, vendor: &str) {
        self.windows.remove(vendor);
    }

    /// Takes cases that hold one of the words out; `true`: there were some.
    pub(in crate::alerts) fn erase(&mut self, words: &Mentions) -> bool {
        let mut found = false;
        for window in self.windows.values_mut() {
            let before = window.cases.len();
            window.cases.retain(|case| !words.are_in(case.as_bytes()));
            found |= window.cases.len() != before;
        }
        found
    }
}

fn span(settings: &SinkSettings) -> u64 {
    u64::from(settings.throttle_minutes) * 60 * 1_000_000_000
}

/// The same in each attempt.
fn id(sink: &str, vendor: &str, since: Timestamp) -> String {
    let text = format!("{sink}/{vendor}/{}", since.nanos());
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let hex = hash.as_ref().iter().take(8).map(|b| format!("{b:02x}"));
    format!("folded-{}", hex.collect::<String>())
}

#[cfg(test)]
mod tests;

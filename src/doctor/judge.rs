//! From facts to findings.
//!
//! Enters: [`Facts`], the configuration in force, [`Limits`]. Leaves: [`Finding`]s. Never: asks the
//! system anything; says "all is well" of what could not be found out.

mod interface;
mod lists;
mod machine;
mod offload;
mod place;
mod setup;
mod traffic;
#[cfg(test)]
mod tests;

use super::facts::Facts;
use super::finding::{Finding, Id, Level};
use crate::config::Config;

/// What counts as too old.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Days after which a list is stale.
    pub list_days: u32,
    /// Hours after which a feed is silent for too long.
    pub feed_hours: u32,
}

impl Default for Limits {
    /// Ninety days, one day.
    fn default() -> Self {
        Self {
            list_days: 90,
            feed_hours: 24,
        }
    }
}

/// Everything that the facts tell.
pub fn judge(facts: &Facts, config: &Config, limits: Limits) -> Vec<Finding> {
    let mut out = Vec::new();
    setup::rights(facts, &mut out);
    setup::files(facts, config, &mut out);
    setup::daemon(facts, config, &mut out);
    machine::kernel(&facts.kernel, config, &mut out);
    machine::prefilter(facts, config, &mut out);
    interface::sources(facts, config, &mut out);
    for interface in &facts.interfaces {
        interface::interface(interface, &facts.existing, config, &mut out);
    }
    machine::memory(&facts.memory, config, &mut out);
    machine::clock(&facts.clock, facts.traffic.as_ref(), &mut out);
    lists::lists(&facts.lists, config, limits, &mut out);
    lists::feeds(&facts.feeds, limits, &mut out);
    lists::alertmanager(facts.alertmanager.as_ref(), config, &mut out);
    if let Some(traffic) = &facts.traffic {
        traffic::traffic(traffic, config, &mut out);
        place::place(traffic, facts.kernel.forwards, config, &mut out);
    }
    out
}

/// Judges a sample alone: for capture files, where the system has no say.
pub fn judge_sample(facts: &Facts, config: &Config) -> Vec<Finding> {
    let mut out = Vec::new();
    if let Some(sample) = &facts.traffic {
        traffic::traffic(sample, config, &mut out);
        place::place(sample, true, config, &mut out);
    }
    out
}

/// Adds findings in few words.
trait Say {
    fn ok(&mut self, id: Id, what: impl Into<String>);
    fn info(&mut self, id: Id, what: impl Into<String>, next: impl Into<String>);
    fn warn(&mut self, id: Id, what: impl Into<String>, next: impl Into<String>);
    fn fail(&mut self, id: Id, what: impl Into<String>, next: impl Into<String>);
}

impl Say for Vec<Finding> {
    fn ok(&mut self, id: Id, what: impl Into<String>) {
        self.push(Finding::ok(id, what));
    }

    fn info(&mut self, id: Id, what: impl Into<String>, next: impl Into<String>) {
        self.push(Finding::new(id, Level::Info, what, next));
    }

    fn warn(&mut self, id: Id, what: impl Into<String>, next: impl Into<String>) {
        self.push(Finding::new(id, Level::Warning, what, next));
    }

    fn fail(&mut self, id: Id, what: impl Into<String>, next: impl Into<String>) {
        self.push(Finding::new(id, Level::Failure, what, next));
    }
}

/// Bytes in words: `64 MiB`.
fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} bytes"),
        1024..0x10_0000 => format!("{} KiB", count >> 10),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", count >> 20),
        _ => format!("{} GiB", count >> 30),
    }
}

/// A span in words: `3 days`.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Hundredths, rounded down.
const fn percent(part: u64, whole: u64) -> u64 {
    match part.saturating_mul(100).checked_div(whole) {
        Some(share) => share,
        None => 0,
    }
}

//! What a worker tells, in a form that can be compared.
//!
//! Enters: events of two workers that saw the same traffic. Leaves: lines without what must differ:
//! numbers of frames, because fewer came. Never: leaves out a name, an end, a count.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use poortwacht::base::{Endpoints, Timestamp};
use poortwacht::capture::prefilter::{Verdict, Verdicts};
use poortwacht::event::{Event, Hit, Stats};
use poortwacht::sensor::{Settings, Sink};

/// What was told, as JSON without some fields.
pub struct Heard {
    pub lines: Vec<String>,
    pub verdicts: Option<Verdicts>,
    without: &'static [&'static str],
}

impl Heard {
    /// Of a file: times are the same.
    pub fn of_file(verdicts: Option<Verdicts>) -> Self {
        Self {
            lines: Vec::new(),
            verdicts,
            without: &["frame", "frames"],
        }
    }

    /// Of the wire: the kernel stamps a frame for each ring anew.
    pub fn of_wire(verdicts: Option<Verdicts>) -> Self {
        Self {
            without: &[
                "frame", "frames", "time", "start", "end", "opened", "rest_ns",
            ],
            ..Self::of_file(verdicts)
        }
    }

    fn note(&mut self, event: &Event) {
        let mut value = serde_json::to_value(event).unwrap();
        strip(&mut value, self.without);
        self.lines.push(value.to_string());
    }
}

fn strip(value: &mut serde_json::Value, without: &[&str]) {
    if let serde_json::Value::Object(fields) = value {
        fields.retain(|key, _| !without.contains(&key.as_str()));
        fields.values_mut().for_each(|inner| strip(inner, without));
    }
}

impl Sink for Heard {
    fn hit(&mut self, hit: Box<Hit>) {
        self.note(&Event::Hit(hit));
    }

    fn tell(&mut self, event: Event) {
        self.note(&event);
    }

    fn wants_verdicts(&self) -> bool {
        self.verdicts.is_some()
    }

    fn judged(&mut self, ends: &Endpoints, verdict: Verdict, _: Timestamp) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp(now.as_nanos() as i64);
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.tell(ends, verdict, now);
        }
    }
}

pub fn settings() -> Settings {
    Settings {
        flows: 4096,
        buffers: 64,
        seed: Some(1),
        ..Settings::default()
    }
}

/// What must not differ of the counters, as text.
pub fn counts(stats: &Stats) -> Vec<String> {
    [
        ("names", &stats.names),
        ("hits", &stats.hits),
        ("context", &stats.context),
        ("support", &stats.support),
        ("bursts", &stats.bursts),
        ("connections", &stats.connections),
        ("desync", &stats.desync),
        ("ways round", &stats.ways_round),
        ("presence", &stats.presence),
        ("malformed messages", &stats.names_malformed),
        ("local names", &stats.local_names),
    ]
    .map(|(what, counters)| format!("{what}: {counters:?}"))
    .into()
}

/// One line for each that only one of the two has.
pub fn differences(name: &str, whole: &[String], behind: &[String]) -> Vec<String> {
    let only = |a: &[String], b: &[String], which: &str| {
        let lost = a.iter().filter(|line| !b.contains(line));
        lost.map(|line| format!("{name}: only {which}: {line}"))
            .collect::<Vec<_>>()
    };
    let mut faults = only(whole, behind, "without the filter");
    faults.extend(only(behind, whole, "behind the filter"));
    if whole.len() != behind.len() {
        let (whole, behind) = (whole.len(), behind.len());
        faults.push(format!(
            "{name}: {whole} lines without, {behind} behind the filter"
        ));
    }
    faults
}

/// Every capture of the tree.
pub fn captures() -> Vec<PathBuf> {
    let root = super::tree().join("tests/data/captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().flatten() {
        for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with("capture") {
                found.push(file.path());
            }
        }
    }
    found.sort();
    found
}

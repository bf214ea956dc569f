//! What would change: the same input judged under two sets of rules.
//!
//! Enters: the cases of both. Leaves: a line per difference, none when there is none. Never: goes
//! by case ids, which are random.

use std::collections::BTreeMap;

use super::Case;

/// Differences of `b` against `a`, by vendor and subject.
pub fn compare(a: &[Case], b: &[Case]) -> Vec<String> {
    let (a, b) = (by_key(a), by_key(b));
    let mut lines = Vec::new();
    for (key, case) in &a {
        match b.get(key) {
            None => lines.push(format!(
                "{} {}: no case any more (was {})",
                key.0, key.1, case.stage
            )),
            Some(other) => {
                lines.extend(differ(case, other).map(|it| format!("{} {}: {it}", key.0, key.1)))
            }
        }
    }
    for (key, case) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
        lines.push(format!("{} {}: a new case, {}", key.0, key.1, case.stage));
    }
    lines.sort();
    lines
}

fn by_key(cases: &[Case]) -> BTreeMap<(&str, &str, u8), &Case> {
    let mut map = BTreeMap::new();
    for case in cases {
        let closed = u8::from(!case.is_open());
        map.insert((case.vendor.as_str(), case.subject.as_str(), closed), case);
    }
    map
}

fn differ(a: &Case, b: &Case) -> impl Iterator<Item = String> {
    let mut lines = Vec::new();
    if a.stage != b.stage {
        lines.push(format!("{} would be {}", a.stage, b.stage));
    }
    if a.ruling.standing != b.ruling.standing {
        lines.push(format!(
            "{} would be {}",
            a.ruling.standing, b.ruling.standing
        ));
    }
    for step in &a.steps {
        let other = b.steps.iter().find(|it| it.stage == step.stage);
        match other {
            None => lines.push(format!("the step to {} would not be made", step.stage)),
            Some(other) if other.confidence != step.confidence => lines.push(format!(
                "the step to {} would have {} points, not {}",
                step.stage, other.confidence, step.confidence
            )),
            Some(other) if other.time != step.time => lines.push(format!(
                "the step to {} would be made at {}, not {}",
                step.stage, other.time, step.time
            )),
            Some(_) => {}
        }
    }
    for step in &b.steps {
        if !a.steps.iter().any(|it| it.stage == step.stage) {
            lines.push(format!("a step to {} would be made", step.stage));
        }
    }
    if a.band != b.band {
        let named = |band: &str| {
            if band.is_empty() {
                "none".to_owned()
            } else {
                band.to_owned()
            }
        };
        lines.push(format!(
            "band {} would be {}",
            named(&a.band),
            named(&b.band)
        ));
    }
    lines.into_iter()
}

//! What could be read while the case went on, on monitored networks.
//!
//! Enters: hours of coverage. Leaves: sums, and a share for each hour. Never: a share without its
//! denominator; an hour that nothing tells of as one in which nothing happened.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::{Outcome, Timestamp};
use crate::record::{self, Count};

const HOUR: i64 = 3600;
/// Most hours of a case that are counted one by one: ten years.
const HOURS_MAX: i64 = 88_000;
/// Hours that one entry can touch at most: it is of one hour.
const SPAN_MAX: usize = 2;

/// Coverage of the case's period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Of what all of it speaks: `on monitored networks`.
    pub of: String,
    /// First hour that is told of, RFC 3339; empty: none is.
    pub from: String,
    /// End of the last one.
    pub until: String,
    /// Hours of the clock from the first to the newest evidence.
    pub hours_of_case: u64,
    /// Of these, hours of which no entry tells.
    pub hours_without: u64,
    /// New outbound connections, TCP and QUIC.
    pub connections: u64,
    /// Of these, those whose name was read.
    pub named: u64,
    /// The same in a hundred, rounded down; none: no connection.
    pub share_percent: Option<u64>,
    /// Connections by what became of them; the largest first.
    pub outcomes: Vec<Quantity>,
    /// Names by the way in which they were read, matched or not.
    pub names: Vec<Quantity>,
    /// Ways round by kind.
    pub ways_round: Vec<Quantity>,
    /// Frames: `seen`, `excluded`, `cut-short`, `not-decoded`.
    pub frames: Vec<Quantity>,
    /// What was lost, by place.
    pub lost: Vec<Quantity>,
    /// Points and the seconds in which they were heard of.
    pub points: Vec<Quantity>,
    /// Sites.
    pub sites: Vec<SiteShare>,
    /// Prefixes that the configuration excludes; the most of any hour.
    pub excluded_prefixes: u64,
    /// Greatest step of the clock, in milliseconds.
    pub clock_step_ms: i64,
    /// Each hour.
    pub hours: Vec<Hour>,
}

/// How many of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// Of what.
    pub what: String,
    /// How many.
    pub count: u64,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteShare {
    /// As the map names it.
    pub site: String,
    /// Device-hours that were heard of.
    pub device_hours_seen: u64,
    /// Device-hours that there would be if all its devices were on; none: the map does not say.
    pub device_hours_known: Option<u64>,
}

/// An hour, or a part of one at a start or stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hour {
    /// RFC 3339.
    pub from: String,
    /// Its end.
    pub until: String,
    /// Connections.
    pub connections: u64,
    /// Of these, those with a name.
    pub named: u64,
    /// Version of the list in force.
    pub list: String,
}

impl Coverage {
    /// Of these hours, for a case between two moments.
    pub(super) fn of(hours: &[record::Coverage], opened: Timestamp, updated: Timestamp) -> Self {
        let mut hours: Vec<&record::Coverage> = hours.iter().collect();
        hours.sort_by_key(|it| (it.from, it.until));
        let connections = sums(&hours, |it| &it.connections);
        let all = total(&connections);
        let is_named = |it: &&Quantity| it.what == Outcome::Named.label();
        let named = connections.iter().find(is_named).map_or(0, |it| it.count);
        let (of_case, without) = gaps(&hours, opened, updated);
        let until = hours.iter().map(|it| it.until).max();
        Self {
            of: "on monitored networks".into(),
            from: hours.first().map_or_else(String::new, |it| second(it.from)),
            until: until.map_or_else(String::new, second),
            hours_of_case: of_case,
            hours_without: without,
            connections: all,
            named,
            share_percent: named.saturating_mul(100).checked_div(all),
            outcomes: connections,
            names: sums(&hours, |it| &it.names),
            ways_round: sums(&hours, |it| &it.ways_round),
            frames: sums(&hours, |it| &it.frames),
            lost: sums(&hours, |it| &it.lost),
            points: points(&hours),
            sites: sites(&hours),
            excluded_prefixes: hours
                .iter()
                .map(|it| it.excluded_prefixes)
                .max()
                .unwrap_or(0),
            clock_step_ms: hours
                .iter()
                .map(|it| it.clock_step_ms)
                .max_by_key(|it| it.unsigned_abs())
                .unwrap_or(0),
            hours: hours.iter().map(|it| hour(it)).collect(),
        }
    }
}

fn second(at: i64) -> String {
    let text = Timestamp::from_secs_nanos(at, 0).to_string();
    text.replace(".000000000Z", "Z")
}

fn hour(it: &record::Coverage) -> Hour {
    let of = |what: &dyn Fn(&&Count) -> bool| -> u64 {
        let counts = it.connections.iter().filter(what).map(|it| it.count);
        counts.fold(0, u64::saturating_add)
    };
    Hour {
        from: second(it.from),
        until: second(it.until),
        connections: of(&|_| true),
        named: of(&|it| it.what == Outcome::Named.label()),
        list: it.list.clone(),
    }
}

fn total(counts: &[Quantity]) -> u64 {
    let counts = counts.iter().map(|it| it.count);
    counts.fold(0, u64::saturating_add)
}

fn ordered(sums: BTreeMap<String, u64>) -> Vec<Quantity> {
    let sums = sums.into_iter().filter(|(_, count)| *count > 0);
    let mut sums: Vec<_> = sums.map(|(what, count)| Quantity { what, count }).collect();
    sums.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
    sums
}

fn sums(
    hours: &[&record::Coverage],
    of: impl Fn(&record::Coverage) -> &Vec<Count>,
) -> Vec<Quantity> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for it in hours.iter().flat_map(|hour| of(hour)) {
        let sum = sums.entry(it.what.clone()).or_default();
        *sum = sum.saturating_add(it.count);
    }
    ordered(sums)
}

fn points(hours: &[&record::Coverage]) -> Vec<Quantity> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for it in hours.iter().flat_map(|hour| &hour.points) {
        let sum = sums.entry(it.point.clone()).or_default();
        *sum = sum.saturating_add(it.count);
    }
    ordered(sums)
}

fn sites(hours: &[&record::Coverage]) -> Vec<SiteShare> {
    let mut sums: BTreeMap<&str, (u64, Option<u64>)> = BTreeMap::new();
    for it in hours.iter().flat_map(|hour| &hour.sites) {
        let sum = sums.entry(&it.site).or_default();
        sum.0 = sum.0.saturating_add(it.seen);
        if let Some(known) = it.known {
            sum.1 = Some(sum.1.unwrap_or(0).saturating_add(known));
        }
    }
    let sites = sums.into_iter().map(|(site, (seen, known))| SiteShare {
        site: site.to_owned(),
        device_hours_seen: seen,
        device_hours_known: known,
    });
    sites.collect()
}

/// Hours of the clock of the case, and those that no entry touches.
fn gaps(hours: &[&record::Coverage], opened: Timestamp, updated: Timestamp) -> (u64, u64) {
    let number = |time: Timestamp| time.nanos().div_euclid(1_000_000_000).div_euclid(HOUR);
    let (first, last) = (number(opened), number(updated));
    let last = last.min(first.saturating_add(HOURS_MAX));
    let mut told = BTreeSet::new();
    for it in hours.iter().filter(|it| it.from < it.until) {
        let from = it.from.div_euclid(HOUR).max(first);
        let until = it.until.saturating_sub(1).div_euclid(HOUR).min(last);
        told.extend((from..=until).take(SPAN_MAX));
    }
    let all = (first..=last).count();
    (all as u64, (all - told.len()) as u64)
}

//! How much could be read: shares and sums of hours of coverage.
//!
//! Enters: hours of the record. Leaves: shares, buckets, sums. Never: a share without its
//! denominator: no connection is no share, not a whole one.

use std::collections::BTreeMap;

use crate::base::{Outcome, Timestamp};
use crate::record::{Count, Coverage};

const SECOND_NS: i64 = 1_000_000_000;

/// Of the connections in the hour around `at`, how many in a hundred could be named: at `point`, or
/// at all points where that one has no count of its own (files that are read are counted as one).
pub fn percent(hours: &[Coverage], point: &str, at: Timestamp) -> Option<u8> {
    let second = at.nanos().div_euclid(SECOND_NS);
    let around = |it: &&Coverage| it.from <= second && second < it.until;
    let count = |point| {
        let hours = hours.iter().filter(around);
        hours.fold((0, 0), |(named, all), hour| {
            let (n, a) = at_point(hour, point);
            (named + n, all + a)
        })
    };
    let (named, all) = match count(Some(point)) {
        (_, 0) => count(None),
        own => own,
    };
    share(named, all)
}

/// Named and all connections of an hour, at one point or at all.
pub fn at_point(hour: &Coverage, point: Option<&str>) -> (u64, u64) {
    let counted = hour.connections.iter();
    let counted = counted.filter(|it| point.is_none_or(|point| it.point == point));
    counted.fold((0, 0), |(named, all), it| {
        let is_named = it.what == Outcome::Named.label();
        (named + if is_named { it.count } else { 0 }, all + it.count)
    })
}

/// In a hundred, rounded down; `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<u8> {
    let percent = part.saturating_mul(100).checked_div(whole)?;
    u8::try_from(percent).ok()
}

/// A stretch of time of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Its start, seconds since the epoch.
    pub from: i64,
    /// Its end.
    pub until: i64,
    /// Connections that could be named.
    pub named: u64,
    /// All.
    pub all: u64,
    /// Hours of coverage in it.
    pub hours: usize,
}

impl Bucket {
    /// In a hundred; `None`: no connection, or no coverage.
    pub fn percent(&self) -> Option<u8> {
        share(self.named, self.all)
    }
}

/// Cuts a span into buckets of `length` seconds and fills them.
pub fn buckets(hours: &[Coverage], from: i64, until: i64, length: i64) -> Vec<Bucket> {
    let length = length.max(3600);
    let first = from.div_euclid(length) * length;
    let count = (((until - first).max(0) + length - 1) / length).min(2000);
    let mut all: Vec<Bucket> = (0..count)
        .map(|n| Bucket {
            from: first + n * length,
            until: first + (n + 1) * length,
            ..Bucket::default()
        })
        .collect();
    for hour in hours {
        let place = (hour.from - first).div_euclid(length);
        let Some(bucket) = usize::try_from(place).ok().and_then(|n| all.get_mut(n)) else {
            continue;
        };
        let (named, connections) = at_point(hour, None);
        bucket.named += named;
        bucket.all += connections;
        bucket.hours += 1;
    }
    all
}

/// Counts of all hours by what they count, largest first.
pub fn sums(
    hours: &[Coverage],
    of: impl Fn(&Coverage) -> &Vec<Count>,
    key: impl Fn(&Count) -> String,
) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for it in hours.iter().flat_map(of) {
        *sums.entry(key(it)).or_default() += it.count;
    }
    let mut sums: Vec<(String, u64)> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(from: i64, named: u64, other: u64) -> Coverage {
        let count = |what: &str, count| Count {
            point: "eth0".into(),
            what: what.into(),
            count,
        };
        Coverage {
            from,
            until: from + 3600,
            connections: vec![count("named", named), count("no_sni", other)],
            ..Coverage::default()
        }
    }

    #[test]
    fn no_connection_is_no_share() {
        let hours = [hour(0, 0, 0), hour(3600, 9, 1)];
        let at = |s| Timestamp::from_secs_nanos(s, 0);
        assert_eq!(percent(&hours, "eth0", at(10)), None);
        assert_eq!(percent(&hours, "eth0", at(3600)), Some(90));
        assert_eq!(percent(&hours, "a file", at(3600)), Some(90));
        assert_eq!(percent(&hours, "eth0", at(7200)), None);
    }

    #[test]
    fn hours_without_coverage_stay_empty_buckets() {
        let hours = [hour(3600, 1, 1), hour(3 * 3600, 3, 0)];
        let cut = buckets(&hours, 0, 4 * 3600, 3600);
        let shares: Vec<_> = cut.iter().map(Bucket::percent).collect();
        assert_eq!(shares, [None, Some(50), None, Some(100)]);
        assert_eq!(cut[0].hours, 0);
    }
}

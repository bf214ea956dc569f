//! Packet time: nanoseconds since the Unix epoch, as the capture gives them.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment in packet time, in nanoseconds since 1970-01-01T00:00:00Z. Never read from the clock
/// by a stage: a replay gives the same result as the live run.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From seconds and nanoseconds; saturates instead of wrapping on a hostile header.
    pub const fn from_secs_nanos(secs: i64, nanos: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to `self`, 0 when `earlier` lies later.
    pub const fn since_ns(self, earlier: Self) -> u64 {
        let d = self.0.saturating_sub(earlier.0);
        if d < 0 { 0 } else { d as u64 }
    }
}

/// RFC 3339 in UTC with nine digits after the second, or the bare nanoseconds when the value lies
/// outside the years that RFC 3339 can write.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.div_euclid(1_000_000_000);
        let nanos = self.0.rem_euclid(1_000_000_000);
        match OffsetDateTime::from_unix_timestamp(secs)
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok())
        {
            Some(text) => write!(f, "{}.{nanos:09}Z", text.trim_end_matches('Z')),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_rfc3339_with_nanoseconds() {
        let t = Timestamp::from_secs_nanos(1_583_366_400, 7);
        assert_eq!(t.to_string(), "2020-03-05T00:00:00.000000007Z");
    }

    #[test]
    fn saturates_and_orders() {
        assert_eq!(Timestamp::from_secs_nanos(i64::MAX, 1).0, i64::MAX);
        assert_eq!(Timestamp(5).since_ns(Timestamp(9)), 0);
        assert_eq!(Timestamp(9).since_ns(Timestamp(5)), 4);
    }
}

//! Times in a filter: moments, spans, ages.
//!
//! Enters: text. Leaves: a span in nanoseconds, an age in minutes; and the text again. Times are
//! UTC. Never: a time outside the years 1970 to 2199.

use std::fmt;

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::base::Timestamp;

const NS: i64 = 1_000_000_000;
/// 2200-01-01.
const SECONDS_MAX: i64 = 7_258_118_400;
/// Longest age: a hundred years.
const MINUTES_MAX: u32 = 100 * 366 * 1440;

/// How much of a moment was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `2026-11-01`: the whole day.
    Day,
    /// `2026-11-01T10:00`: the whole minute.
    Minute,
    /// `2026-11-01T10:00:30`: the whole second.
    Second,
}

/// A day, minute or second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its beginning, seconds since the epoch.
    seconds: i64,
    precision: Precision,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Within this day, minute or second.
    On(Moment),
    /// From the beginning of the first to the end of the second; `None`: no bound. Not both.
    Between(Option<Moment>, Option<Moment>),
}

impl Moment {
    /// Reads `2026-11-01`, with `T10:00` or `T10:00:30` and `Z` behind it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (day, clock) = match text.split_once('T') {
            Some((day, clock)) => (day, Some(clock.strip_suffix('Z').unwrap_or(clock))),
            None => (text, None),
        };
        let mut parts = day.split('-');
        let year: i32 = digits(parts.next()?, 4)?.try_into().ok()?;
        let month: u8 = digits(parts.next()?, 2)?.try_into().ok()?;
        let date: u8 = digits(parts.next()?, 2)?.try_into().ok()?;
        if parts.next().is_some() {
            return None;
        }
        let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, date).ok()?;
        let (time, precision) = match clock {
            None => (Time::MIDNIGHT, Precision::Day),
            Some(clock) => read_clock(clock)?,
        };
        let seconds = PrimitiveDateTime::new(date, time)
            .assume_utc()
            .unix_timestamp();
        (0..SECONDS_MAX)
            .contains(&seconds)
            .then_some(Self { seconds, precision })
    }

    /// Its first nanosecond.
    pub const fn begin(self) -> i64 {
        self.seconds.saturating_mul(NS)
    }

    /// The first nanosecond after it.
    pub const fn end(self) -> i64 {
        let length = match self.precision {
            Precision::Day => 86_400,
            Precision::Minute => 60,
            Precision::Second => 1,
        };
        self.seconds.saturating_add(length).saturating_mul(NS)
    }
}

fn read_clock(clock: &str) -> Option<(Time, Precision)> {
    let mut parts = clock.split(':');
    let hour: u8 = digits(parts.next()?, 2)?.try_into().ok()?;
    let minute: u8 = digits(parts.next()?, 2)?.try_into().ok()?;
    let second = parts.next();
    if parts.next().is_some() {
        return None;
    }
    match second {
        None => Some((Time::from_hms(hour, minute, 0).ok()?, Precision::Minute)),
        Some(second) => {
            let second: u8 = digits(second, 2)?.try_into().ok()?;
            Some((
                Time::from_hms(hour, minute, second).ok()?,
                Precision::Second,
            ))
        }
    }
}

/// Exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp(self.seconds).map_err(|_| fmt::Error)?;
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        match self.precision {
            Precision::Day => Ok(()),
            Precision::Minute => write!(f, "T{:02}:{:02}", at.hour(), at.minute()),
            Precision::Second => {
                write!(f, "T{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
            }
        }
    }
}

impl Span {
    /// Reads a moment, or two with `..` between, of which one may be left out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some((from, until)) = text.split_once("..") else {
            return Moment::parse(text).map(Self::On);
        };
        let side = |text: &str| -> Option<Option<Moment>> {
            if text.is_empty() {
                Some(None)
            } else {
                Moment::parse(text).map(Some)
            }
        };
        match (side(from)?, side(until)?) {
            (None, None) => None,
            (Some(from), Some(until)) if from.begin() >= until.end() => None,
            (from, until) => Some(Self::Between(from, until)),
        }
    }

    /// Its first nanosecond, and the first after it.
    pub fn bounds(self) -> (i64, i64) {
        match self {
            Self::On(moment) => (moment.begin(), moment.end()),
            Self::Between(from, until) => (
                from.map_or(i64::MIN, Moment::begin),
                until.map_or(i64::MAX, Moment::end),
            ),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(moment) => write!(f, "{moment}"),
            Self::Between(from, until) => {
                if let Some(from) = from {
                    write!(f, "{from}")?;
                }
                f.write_str("..")?;
                match until {
                    Some(until) => write!(f, "{until}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Units of an age, longest first, in minutes.
const UNITS: [(char, u32); 4] = [('w', 10_080), ('d', 1440), ('h', 60), ('m', 1)];

/// Reads `30m`, `12h`, `7d`, `2w`: minutes.
pub(super) fn parse_age(text: &str) -> Option<u32> {
    let unit = text.chars().next_back()?;
    let (_, minutes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let count = text.strip_suffix(unit)?;
    let all_digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    let age = all_digits.then(|| count.parse::<u32>().ok())??;
    age.checked_mul(*minutes).filter(|age| *age <= MINUTES_MAX)
}

/// In the longest unit that fits, but weeks: seven days are called that.
pub(super) fn print_age(minutes: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fits = |(_, unit): &&(char, u32)| minutes.is_multiple_of(*unit);
    match UNITS.iter().skip(1).find(fits) {
        Some((name, unit)) => write!(f, "{}{name}", minutes.checked_div(*unit).unwrap_or(0)),
        None => write!(f, "{minutes}m"),
    }
}

/// The moment that lies so many minutes before `now`.
pub(super) const fn before(now: Timestamp, minutes: u32) -> i64 {
    let ns = (minutes as i64).saturating_mul(60).saturating_mul(NS);
    now.nanos().saturating_sub(ns)
}

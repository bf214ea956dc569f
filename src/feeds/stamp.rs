//! Times as logs write them.
//!
//! Enters: text, the zone from the config, the time of reading. Leaves: a [`Timestamp`]. Never:
//! reads the clock; takes a stamp that it does not know for now.
//!
//! RFC 3339, the head of RFC 5424 section 6, the stamp of RFC 3164 section 4.1.2 (no year, no
//! zone), BIND's `22-Nov-2026 06:00:00.123`, the common log format's `22/Nov/2026:06:00:00 +0000`,
//! and seconds since the epoch.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::base::Timestamp;

/// A time zone of the config, read from the system's database when the config is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            name: "UTC".into(),
            zone: TimeZone::UTC,
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl TryFrom<String> for Zone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        let zone = match name.as_str() {
            "UTC" | "Z" => Some(TimeZone::UTC),
            text => match offset(text) {
                Some(seconds) => jiff::tz::Offset::from_seconds(seconds)
                    .ok()
                    .map(TimeZone::fixed),
                None => TimeZone::get(text).ok(),
            },
        };
        match zone {
            Some(zone) => Ok(Self { name, zone }),
            None => Err(format!(
                "zone = {name:?} is no time zone: write `UTC`, an offset such as `+01:00`, or a name \
                 such as `Europe/Amsterdam` (which needs the package tzdata)"
            )),
        }
    }
}

/// `+01:00`, `-0530`, `Z` in seconds.
fn offset(text: &str) -> Option<i32> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i32 = digits.parse().ok()?;
    (value / 100 < 24 && value % 100 < 60).then(|| sign * (value / 100 * 3600 + value % 100 * 60))
}

impl Zone {
    /// A local time. Where the clock was set back and the hour is there twice, the one nearer to
    /// the time of reading.
    fn moment(&self, local: DateTime, learned: Timestamp) -> Option<Timestamp> {
        let both = self.zone.to_ambiguous_timestamp(local);
        let at = |t: jiff::Timestamp| i64::try_from(t.as_nanosecond()).ok().map(Timestamp);
        let earlier = at(both.earlier().ok()?)?;
        let later = at(both.later().ok()?)?;
        let far = |t: Timestamp| t.0.abs_diff(learned.0);
        Some(if far(later) < far(earlier) {
            later
        } else {
            earlier
        })
    }
}

/// A whole text that is a time in one of the forms above.
pub fn moment(text: &str, learned: Timestamp, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim().trim_matches(['[', ']']);
    epoch(text)
        .or_else(|| whole(text, iso(text, learned, zone)))
        .or_else(|| whole(text, bsd(text, learned, zone)))
        .or_else(|| whole(text, dashed(text, learned, zone)))
        .or_else(|| common(text))
}

fn whole(text: &str, found: Option<(Timestamp, usize)>) -> Option<Timestamp> {
    found.filter(|(_, len)| *len == text.len()).map(|(t, _)| t)
}

/// The time at the head of a line, and what stands behind it: syslog in the form of RFC 3164 or
/// 5424 (with or without `<PRI>`), RFC 3339, BIND's form, `[seconds]`.
pub fn head<'t>(line: &'t str, learned: Timestamp, zone: &Zone) -> Option<(Timestamp, &'t str)> {
    if let Some(rest) = line.strip_prefix('[') {
        let (inside, rest) = rest.split_once(']')?;
        return Some((epoch(inside.trim())?, rest.trim_start()));
    }
    let line = without_priority(line);
    let found = iso(line, learned, zone)
        .or_else(|| bsd(line, learned, zone))
        .or_else(|| dashed(line, learned, zone));
    let (time, len) = found?;
    let rest = line.get(len..)?;
    // A stamp ends at a border, else it was the head of something else.
    rest.is_empty()
        .then_some(rest)
        .or_else(|| rest.strip_prefix(' '))
        .map(|rest| (time, rest.trim_start()))
}

/// `<34>` and RFC 5424's version behind it.
fn without_priority(line: &str) -> &str {
    let inside = line.strip_prefix('<').and_then(|l| l.split_once('>'));
    match inside {
        Some((number, rest)) if number.len() <= 3 && number.parse::<u16>().is_ok() => {
            rest.strip_prefix("1 ").unwrap_or(rest)
        }
        _ => line,
    }
}

/// Seconds since the epoch, with a fraction or not.
pub fn epoch(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if seconds.is_empty() || seconds.len() > 11 || !seconds.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Timestamp::from_secs_nanos(
        seconds.parse().ok()?,
        nanos(fraction)?,
    ))
}

/// Digits behind the point, as nanoseconds.
fn nanos(digits: &str) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    nine.parse().ok()
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn month(text: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(text))?;
    Some(at as i8 + 1)
}

/// Two digits, or a blank and one.
fn two(text: &str) -> Option<i8> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    text.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    text.parse().ok()
}

/// `06:00:00` and up to nine digits behind a point or comma; with its length in bytes.
fn clock(text: &str) -> Option<((i8, i8, i8, i32), usize)> {
    let part = |at: usize| text.get(at..at + 2).and_then(two);
    let colon = |at: usize| (text.as_bytes().get(at) == Some(&b':')).then_some(());
    let (hour, minute, second) = (part(0)?, part(3)?, part(6)?);
    colon(2)?;
    colon(5)?;
    // A leap second is the last moment of the second before.
    let second = second.min(59 + i8::from(second > 60));
    let rest = text.get(8..)?;
    let digits = rest.strip_prefix(['.', ',']).unwrap_or_default();
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    match digits.get(..len).and_then(nanos) {
        Some(nanos) => Some(((hour, minute, second, nanos as i32), 9 + len)),
        None => Some(((hour, minute, second, 0), 8)),
    }
}

fn local(year: i16, month: i8, day: i8, clock: (i8, i8, i8, i32)) -> Option<DateTime> {
    DateTime::new(year, month, day, clock.0, clock.1, clock.2, clock.3).ok()
}

/// RFC 3339; without an offset it is local time.
fn iso(text: &str, learned: Timestamp, zone: &Zone) -> Option<(Timestamp, usize)> {
    let date = text.get(..10)?;
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() != 4
        || month.len() != 2
        || !matches!(text.as_bytes().get(10)?, b'T' | b't' | b' ')
    {
        return None;
    }
    let (clock, len) = clock(text.get(11..)?)?;
    let local = local(year.parse().ok()?, two(month)?, two(day)?, clock)?;
    let rest = text.get(11 + len..)?;
    let zone_len = match rest.as_bytes() {
        [b'Z' | b'z', ..] => 1,
        [b'+' | b'-', _, _, b':', ..] => 6,
        [b'+' | b'-', ..] => 5,
        _ => 0,
    };
    if zone_len == 0 {
        return Some((zone.moment(local, learned)?, 11 + len));
    }
    let seconds = offset(rest.get(..zone_len)?)?;
    Some((fixed(local, seconds)?, 11 + len + zone_len))
}

fn fixed(local: DateTime, offset_seconds: i32) -> Option<Timestamp> {
    let offset = jiff::tz::Offset::from_seconds(offset_seconds).ok()?;
    let nanos = offset.to_timestamp(local).ok()?.as_nanosecond();
    i64::try_from(nanos).ok().map(Timestamp)
}

/// `Nov 22 06:00:00`: the year is the one that comes nearest to the time of reading.
fn bsd(text: &str, learned: Timestamp, zone: &Zone) -> Option<(Timestamp, usize)> {
    let month = month(text.get(..3)?)?;
    let day = two(text.get(4..6)?)?;
    let bytes = text.as_bytes();
    if bytes.get(3) != Some(&b' ') || bytes.get(6) != Some(&b' ') {
        return None;
    }
    let (clock, len) = clock(text.get(7..)?)?;
    let now = jiff::Timestamp::from_nanosecond(learned.0.into()).ok()?;
    let year = now.to_zoned(zone.zone.clone()).year();
    let candidates = [year - 1, year, year + 1].into_iter();
    candidates
        .filter_map(|year| zone.moment(local(year, month, day, clock)?, learned))
        .min_by_key(|t| t.0.abs_diff(learned.0))
        .map(|time| (time, 7 + len))
}

/// `22-Nov-2026 06:00:00.123`.
fn dashed(text: &str, learned: Timestamp, zone: &Zone) -> Option<(Timestamp, usize)> {
    let date = text.get(..11)?;
    let mut parts = date.split('-');
    let (day, month, year) = (two(parts.next()?)?, month(parts.next()?)?, parts.next()?);
    if text.as_bytes().get(11) != Some(&b' ') {
        return None;
    }
    let (clock, len) = clock(text.get(12..)?)?;
    let time = zone.moment(local(year.parse().ok()?, month, day, clock)?, learned)?;
    Some((time, 12 + len))
}

/// `22/Nov/2026:06:00:00 +0000`.
fn common(text: &str) -> Option<Timestamp> {
    let mut parts = text.get(..11)?.split('/');
    let (day, month, year) = (two(parts.next()?)?, month(parts.next()?)?, parts.next()?);
    let (clock, len) = clock(text.get(11..)?.strip_prefix(':')?)?;
    let zone = text.get(12 + len..)?.strip_prefix(' ')?;
    fixed(local(year.parse().ok()?, month, day, clock)?, offset(zone)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::try_from(name.to_owned()).unwrap()
    }

    /// 2026-11-22T06:00:00Z.
    const NOW: Timestamp = Timestamp(1_795_327_200_000_000_000);

    fn read(text: &str, in_zone: &str) -> Option<String> {
        moment(text, NOW, &zone(in_zone)).map(|t| t.to_string())
    }

    #[test]
    fn all_forms_give_the_same_moment() {
        let want = Some("2026-11-22T05:59:58.500000000Z".to_owned());
        for (text, zone) in [
            ("1795327198.5", "UTC"),
            ("2026-11-22T05:59:58.5Z", "Europe/Amsterdam"),
            ("2026-11-22T06:59:58.500+01:00", "UTC"),
            ("2026-11-22T06:59:58.500", "Europe/Amsterdam"),
            ("2026-11-22 00:29:58,5-0530", "UTC"),
            ("22-Nov-2026 05:59:58.500", "UTC"),
            ("22-Nov-2026 06:59:58.500", "+01:00"),
            ("22/Nov/2026:06:59:58.5 +0100", "UTC"),
            ("Nov 22 05:59:58.5", "UTC"),
        ] {
            assert_eq!(read(text, zone), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "Nov 31 05:00:00",
            "2026-13-01T00:00:00Z",
            "2026-11-22T25:00:00Z",
            "2026-11-22T05:59:58Zx",
            "22/Nov/2026:06:59:58",
            "12345678901234567890",
            "1795327198.",
        ] {
            assert_eq!(read(text, "UTC"), None, "{text}");
        }
        for name in ["Mars/Base", "+25:00", "", "1"] {
            assert!(Zone::try_from(name.to_owned()).is_err(), "{name}");
        }
    }

    #[test]
    fn the_year_is_the_nearest_one() {
        let new_year = Timestamp(1_798_761_600_000_000_000); // 2027-01-01T00:00:00Z
        let at = |text| {
            moment(text, new_year, &Zone::default())
                .unwrap()
                .to_string()
        };
        assert!(at("Dec 31 23:59:59").starts_with("2026-12-31"));
        assert!(at("Jan  1 00:00:02").starts_with("2027-01-01"));
        // Only one of the three years has that day.
        let leap = Timestamp(1_804_000_000_000_000_000); // March 2027
        let found = moment("Feb 29 10:00:00", leap, &Zone::default()).unwrap();
        assert!(found.to_string().starts_with("2028-02-29"));
    }

    #[test]
    fn the_hour_that_is_there_twice_is_the_nearer_one() {
        let amsterdam = zone("Europe/Amsterdam");
        // On 25 October 2026 the clock goes from 03:00 CEST (01:00Z) back to 02:00 CET.
        for (learned, want) in [
            (1_792_888_230, "2026-10-25T00:30:00"),
            (1_792_891_830, "2026-10-25T01:30:00"),
        ] {
            let learned = Timestamp::from_secs_nanos(learned, 0);
            let found = moment("Oct 25 02:30:00", learned, &amsterdam).unwrap();
            assert!(found.to_string().starts_with(want), "{found}");
        }
    }

    #[test]
    fn heads_of_lines() {
        for (line, rest) in [
            ("Nov 22 06:00:00 host prog[1]: x", "host prog[1]: x"),
            ("<34>Nov 22 06:00:00 host x", "host x"),
            (
                "<34>1 2026-11-22T06:00:00Z host app - - - x",
                "host app - - - x",
            ),
            ("2026-11-22T07:00:00.000+01:00 host x", "host x"),
            ("[1795327200] unbound[1:0] info: x", "unbound[1:0] info: x"),
            ("22-Nov-2026 06:00:00.000 queries: x", "queries: x"),
        ] {
            let (time, found) = head(line, NOW, &Zone::default()).expect(line);
            assert_eq!((time, found), (NOW, rest));
        }
        assert!(head("Nov 22 06:00:00x", NOW, &Zone::default()).is_none());
        assert!(head("nothing", NOW, &Zone::default()).is_none());
    }
}

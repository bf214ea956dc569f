//! What a person brings, read from standard input.
//!
//! Enters: lines. Leaves: [`Brought`]. Never: repeats a line in a message.

use std::io::{self, BufRead, IsTerminal};

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use zeroize::Zeroizing;

use crate::base::Timestamp;
use crate::daemon::fault::say;
use crate::daemon::{Exit, Fault};
use crate::identity::{Brought, Had};

/// Longest input, in bytes.
const LEN_MAX: usize = 64 * 1024;

/// Reads to the end, or on a terminal to an empty line.
pub(super) fn read() -> Result<Brought, Fault> {
    let input = io::stdin().lock();
    let asked = input.is_terminal();
    if asked {
        say("what does the person bring? One thing a line, an empty line ends it:");
        say("  user NAME | mailbox ADDRESS | mac 00:00:5e:00:53:01 | address ADDRESS FROM UNTIL");
        say("  host NAME");
    }
    let mut brought = Brought::default();
    let mut input = io::Read::take(input, LEN_MAX as u64);
    let (mut line, mut number) = (Zeroizing::new(String::new()), 0);
    loop {
        line.clear();
        let len = input
            .read_line(&mut line)
            .map_err(|e| Fault::new(Exit::Input, format!("cannot read standard input: {e}")))?;
        number += 1;
        if len == 0 || (asked && line.trim().is_empty()) {
            break;
        }
        take(&mut brought, line.trim()).map_err(|why| {
            Fault::new(
                Exit::Input,
                format!("line {number} of standard input: {why}"),
            )
        })?;
    }
    let nothing = brought.users.is_empty()
        && brought.mailboxes.is_empty()
        && brought.macs.is_empty()
        && brought.addresses.is_empty()
        && brought.hosts.is_empty();
    if nothing {
        let what = "nothing was given: put lines like `user NAME` on standard input";
        return Err(Fault::new(Exit::Input, what));
    }
    Ok(brought)
}

fn take(brought: &mut Brought, line: &str) -> Result<(), String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let (what, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if rest.is_empty() {
        return Err("it needs a word (user, mailbox, mac, address, host) and a value".into());
    }
    match what {
        "user" => brought.users.push(rest.to_owned()),
        "mailbox" => brought.mailboxes.push(rest.to_owned()),
        "mac" => brought.macs.push(rest.to_owned()),
        "address" => brought.addresses.push(had(rest)?),
        "host" => brought.hosts.push(rest.to_owned()),
        _ => return Err("it begins with none of: user, mailbox, mac, address, host".into()),
    }
    Ok(())
}

fn had(text: &str) -> Result<Had, String> {
    let mut words = text.split_whitespace();
    let address = words.next().unwrap_or_default().to_owned();
    let (from, until) = match (words.next(), words.next(), words.next()) {
        (None, ..) => (Timestamp(i64::MIN), Timestamp(i64::MAX)),
        (Some(from), Some(until), None) => (moment(from, false)?, moment(until, true)?),
        _ => return Err("an address has no time, or two: `address 192.0.2.7 FROM UNTIL`".into()),
    };
    if from > until {
        return Err("the time ends before it begins".into());
    }
    Ok(Had {
        address,
        from,
        until,
    })
}

/// RFC 3339, or a day in UTC: its beginning, or its end.
fn moment(text: &str, end: bool) -> Result<Timestamp, String> {
    const DAY_NS: i128 = 86_400_000_000_000;
    let day = format_description!("[year]-[month]-[day]");
    let nanos = match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(moment) => moment.unix_timestamp_nanos(),
        Err(_) => {
            let day = Date::parse(text, &day).map_err(|_| {
                "a time is written 2026-03-01 or 2026-03-01T09:30:00+01:00".to_owned()
            })?;
            let begin = day.midnight().assume_utc().unix_timestamp_nanos();
            begin + if end { DAY_NS - 1 } else { 0 }
        }
    };
    i64::try_from(nanos)
        .map(Timestamp)
        .map_err(|_| "the time is out of bounds".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_what_they_say_and_wrong_ones_are_not_repeated() {
        let mut brought = Brought::default();
        for line in [
            "# a remark",
            "user  DOMAIN\\jansen",
            "mailbox a@example.org",
            "mac 00:00:5e:00:53:01",
            "host jansen-pc",
            "address 192.0.2.7",
            "address 2001:db8::7 2026-03-01 2026-03-01",
            "",
        ] {
            take(&mut brought, line).unwrap();
        }
        assert_eq!(brought.users, ["DOMAIN\\jansen"]);
        assert_eq!(brought.addresses.len(), 2);
        assert_eq!(brought.hosts, ["jansen-pc"]);
        let day = &brought.addresses[1];
        assert_eq!(day.until.0 - day.from.0, 86_400_000_000_000 - 1);
        for bad in [
            "jansen",
            "name jansen",
            "user",
            "address 192.0.2.7 yesterday today",
            "address 192.0.2.7 2026-03-02 2026-03-01",
            "address 192.0.2.7 2026-03-02",
        ] {
            let why = take(&mut brought, bad).unwrap_err();
            assert!(!why.contains("jansen"), "{why}");
        }
        let at = moment("2026-03-01T01:00:00+01:00", false).unwrap();
        assert_eq!(at, moment("2026-03-01", false).unwrap());
    }
}

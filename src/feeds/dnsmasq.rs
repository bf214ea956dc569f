//! dnsmasq's lease file, v4 and v6.
//!
//! Enters: the whole text (dnsmasq writes the file anew at each change) and the time of reading.
//! Leaves: entries for [`super::assigned::Snapshot`]. Never: takes the expiry for the start.
//!
//! `EXPIRY MAC ADDRESS HOST CLIENT-ID`; behind a line `duid ...` the second field of a row is the
//! number of the association, and the client id is the client's DUID. 0 is a lease without end; a
//! dnsmasq without a clock (`HAVE_BROKEN_RTC`) writes the length of the lease instead. No start
//! stands there: a lease holds from when it was first read.

use super::assigned::Entry;
use super::read::{Foreign, address, hex, mac, some};
use crate::base::Timestamp;

const FORMAT: Foreign = Foreign("`EXPIRY MAC ADDRESS HOST CLIENT-ID` of a dnsmasq lease file");

/// Below this a number is the length of a lease, not a moment: 9 September 2001.
const LENGTH_MAX: i64 = 1_000_000_000;

/// One line.
///
/// # Errors
/// [`Foreign`] for what is no lease.
pub fn line(line: &str, learned: Timestamp) -> Result<Option<Entry>, Foreign> {
    if line.is_empty() || line.starts_with("duid ") {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split(' ').collect();
    let [expiry, second, held, host, client] = fields[..] else {
        return Err(FORMAT);
    };
    let expiry: i64 = expiry.parse().ok().filter(|n| *n >= 0).ok_or(FORMAT)?;
    let held = address(held).ok_or(FORMAT)?;
    let until = match expiry {
        0 => None,
        length if length < LENGTH_MAX => Some(Timestamp(
            learned
                .0
                .saturating_add(length.saturating_mul(1_000_000_000)),
        )),
        moment => Some(Timestamp::from_secs_nanos(moment, 0)),
    };
    let named = |text: &str| (text != "*").then_some(()).and_then(|()| some(text));
    Ok(Some(Entry {
        net: held.into(),
        mac: held.is_ipv4().then(|| mac(second)).flatten(),
        client_id: (client != "*").then(|| hex(client)).flatten(),
        host: named(host),
        from: None,
        until,
        // The length is the same in each reading, the moment that it gives is not.
        said: line.to_owned(),
    }))
}

#[cfg(test)]
mod tests;

//! What every parser takes and gives.
//!
//! Enters: a line's surroundings. Leaves: events pushed to the caller's vector. Never: keeps a
//! line.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::event::{Event, Fact, FactAct, FactSource};
use crate::presence::address::spelled;

/// Where a line stands. No `Debug`: it is passed beside people's lines.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// Name of the feed.
    pub feed: &'a str,
    /// Number of the line, from 1, counted from where reading began.
    pub line: u64,
    /// When it was read.
    pub learned: Timestamp,
    /// The list in force.
    pub list: &'a Catalogue,
}

/// A line that is not of the feed's format; what was expected, without a word of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign(pub &'static str);

/// Whether a line could be read. `Ok` also for a line of the format that tells nothing.
pub type Read = Result<(), Foreign>;

impl At<'_> {
    /// A fact of this feed in which nothing is known yet but what it does.
    pub fn fact(&self, source: FactSource, act: FactAct, time: Timestamp) -> Fact {
        Fact {
            time,
            until: None,
            source,
            origin: self.feed.to_owned(),
            act,
            net: None,
            mac: None,
            client_id: None,
            circuit: None,
            clock: None,
            host: None,
            user: None,
            session: None,
        }
    }
}

/// A fact as an event.
pub fn fact_event(fact: Fact) -> Event {
    Event::Fact(Box::new(fact))
}

/// UTF-8 as it is; other bytes are taken for ISO 8859-1, so that different bytes stay different.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// An address, without a zone index (`%eth0`).
pub fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

/// An address or a prefix; an address stands for itself alone.
pub fn net(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(net) => Some(net.trunc()),
        Err(_) => address(text).map(IpNet::from),
    }
}

/// A link-layer address, as [`spelled`] reads it on the wire too: never an IP address or a number.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    spelled(text.as_bytes())
}

/// Longest client identifier (RFC 2132 section 2) or DUID (RFC 8415 section 11.1), in bytes.
pub const CLIENT_ID_LEN_MAX: usize = 255;

/// Bytes of a client identifier, written as hex pairs apart by `:` (or not apart).
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let fits = digits.len() <= 2 * CLIENT_ID_LEN_MAX;
    if !fits || digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|d| d as u8);
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

/// The text, when there is any; longer ones than anybody's name are not names.
pub fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= 512).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_addresses_in_all_ways_of_writing() {
        let want = Some([2, 0, 0, 0xab, 0x77, 1]);
        for text in [
            "02:00:00:ab:77:01",
            "02-00-00-AB-77-01",
            "020000ab7701",
            "0200.00ab.7701",
        ] {
            assert_eq!(mac(text), want, "{text}");
        }
        for text in [
            "",
            "02:00:00:ab:77",
            "02:00:00:ab:77:01:00",
            "02:00:00:ab:77:0g",
            // What VPN servers and telephones write into Calling-Station-Id.
            "185.120.130.140",
            "316123456789",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    #[test]
    fn prefixes_addresses_and_bytes() {
        assert_eq!(net("10.0.0.7/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(net("fe80::1%eth0").unwrap().to_string(), "fe80::1/128");
        assert!(net("10.0.0").is_none());
        assert_eq!(hex("01:ff"), Some(vec![1, 255]));
        assert_eq!(hex("1"), None);
        assert_eq!(text(b"caf\xe9"), "café");
        assert_ne!(text(b"\xe8"), text(b"\xe9"));
    }
}

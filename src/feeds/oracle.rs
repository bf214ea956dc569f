//! What must hold for any bytes in a feed: no panic, and no event that says more than the bytes do.
//!
//! The first byte picks the format, the rest is the file. Each event's name, address, user, host
//! and session must stand in those bytes (in another spelling of an address, perhaps; not checked
//! where a format has escapes and the bytes hold one). And any cutting into pieces gives the same
//! events.

use std::net::IpAddr;
use std::sync::OnceLock;

use super::config::Feed;
use super::follow::Piece;
use super::radius::Request;
use super::read::{At, Read, address, text};
use super::reader::{Reader, Take};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::event::Event;

/// Formats, in the order of the first byte; patterns for those that have some.
const FEEDS: [&str; 14] = [
    "kind='kea'",
    "kind='isc-dhcpd'",
    "kind='dnsmasq'",
    "kind='static'",
    "kind='aaa'\n[[patterns]]\nline='(?<act>\\w+) user=(?<user>\\S*) ip=(?<ip>\\S*) session=(?<session>\\S*)'",
    "kind='conntrack'",
    "kind='unbound'",
    "kind='bind'",
    "kind='dnsmasq-log'",
    "kind='squid'",
    "kind='dnstap'",
    "kind='postfix'",
    "kind='exchange'",
    "kind='mail-json'",
];
/// The byte for RADIUS stands behind them; its secret is this.
const SECRET: &[u8] = b"secret";

/// 2026-11-22T06:40:00Z.
const LEARNED: Timestamp = Timestamp(1_795_329_600_000_000_000);

struct Desk {
    list: &'static Catalogue,
    events: Vec<Event>,
}

impl Take for Desk {
    fn at(&self, number: u64) -> At<'_> {
        At {
            feed: "oracle",
            line: number,
            learned: LEARNED,
            list: self.list,
        }
    }

    fn take(&mut self, _number: u64, _read: Read, events: &mut Vec<Event>) {
        self.events.append(events);
    }
}

fn list() -> Option<&'static Catalogue> {
    static LIST: OnceLock<Option<Catalogue>> = OnceLock::new();
    LIST.get_or_init(|| Catalogue::builtin().ok()).as_ref()
}

/// Reads `data` as the file of a feed.
pub fn check(data: &[u8]) {
    let (Some((first, bytes)), Some(list)) = (data.split_first(), list()) else {
        return;
    };
    let format = usize::from(*first) % (FEEDS.len() + 1);
    let Some(keys) = FEEDS.get(format) else {
        return radius(bytes, list);
    };
    let (head, tail) = keys.split_once('\n').unwrap_or((keys, ""));
    let config = format!("{head}\nname='oracle'\npath='x'\n{tail}");
    let feed: Result<Feed, _> = toml::from_str(&config);
    let Ok(feed) = feed else {
        panic!("the oracle's own config is wrong: {config}");
    };
    let whole = read(&feed, bytes, bytes.len().max(1), list);
    for event in &whole {
        said(event, bytes, format == 10);
    }
    let pieces = read(&feed, bytes, 7, list);
    assert!(whole == pieces, "another cutting gives other events");
}

fn read(feed: &Feed, bytes: &[u8], size: usize, list: &'static Catalogue) -> Vec<Event> {
    let mut desk = Desk {
        list,
        events: Vec::new(),
    };
    let Ok(Some(mut reader)) = Reader::new(feed) else {
        return Vec::new();
    };
    if matches!(reader, Reader::Whole(..)) {
        reader.whole(bytes, LEARNED, &mut desk);
        return desk.events;
    }
    reader.piece(&Piece::Begin { old: false }, &mut desk);
    for piece in bytes.chunks(size) {
        reader.piece(&Piece::Bytes(piece), &mut desk);
    }
    reader.piece(&Piece::Live, &mut desk);
    reader.piece(&Piece::Left, &mut desk);
    desk.events
}

/// A request is authentic only with the right secret, and what it says stands in it.
fn radius(bytes: &[u8], list: &'static Catalogue) {
    let Ok(request) = Request::check(bytes, SECRET) else {
        return;
    };
    assert!(Request::check(bytes, b"another").is_err());
    let answer = request.answer(SECRET);
    assert!(answer.len() >= 20 && answer.get(1) == bytes.get(1));
    let desk = Desk {
        list,
        events: Vec::new(),
    };
    let mut events = Vec::new();
    let read = request.facts(IpAddr::from([192, 0, 2, 1]), &desk.at(1), &mut events);
    assert!(read.is_ok() || events.is_empty());
    for event in &events {
        if let Event::Fact(fact) = event {
            let words = [&fact.user, &fact.session];
            for word in words.into_iter().flatten() {
                // Other alphabets are spelled anew.
                assert!(!word.is_ascii() || holds(bytes, word));
            }
        }
    }
}

/// Does each text of an event stand in the bytes?
fn said(event: &Event, bytes: &[u8], binary: bool) {
    let lower = text(bytes).to_ascii_lowercase();
    let escaped = bytes.contains(&b'\\') || lower.contains("&#x");
    let stands = |word: &str| {
        let word = word.to_ascii_lowercase();
        // In a DNS message lengths stand between labels.
        let here = if binary {
            word.split('.').all(|label| lower.contains(label))
        } else {
            lower.contains(&word)
        };
        assert!(
            // The normal form of a name escapes what is no letter.
            here || escaped || word.contains(['"', '\\']),
            "an event says what no line says"
        );
    };
    let held = |ip: IpAddr| {
        let octets = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let spelled = |c: char| !(c.is_ascii_hexdigit() || ".:".contains(c));
        // `1.2.3.4:80`, `10.0.0.1#53`: borders differ, so cut at each that there may be.
        let mut words = lower.split(spelled);
        let here = ip.is_unspecified()
            || words.any(|w| {
                let short = w.trim_end_matches(':');
                address(w) == Some(ip) || address(short) == Some(ip)
            });
        let raw = binary && bytes.windows(octets.len()).any(|window| window == octets);
        assert!(here || raw || escaped, "an address that stands nowhere");
    };
    match event {
        Event::Hit(hit) => {
            stands(&hit.name);
            held(hit.ends.src);
            held(hit.ends.dst);
        }
        Event::Mail(mail) => {
            stands(&mail.name);
            stands(&mail.recipient);
        }
        Event::Translation(it) => {
            held(it.inside.src);
            held(it.outside.src);
        }
        Event::Fact(fact) => {
            let words = [&fact.host, &fact.user, &fact.session];
            words.into_iter().flatten().for_each(|word| stands(word));
            // A prefix may have been written with an address inside of it.
            if let Some(net) = fact.net.filter(|n| n.prefix_len() == n.max_prefix_len()) {
                held(net.addr());
            }
        }
        _ => panic!("no feed makes such an event"),
    }
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes
        .windows(word.len())
        .any(|window| window == word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/feeds");
        let files = std::fs::read_dir(folder).unwrap().flatten();
        files
            .map(|file| std::fs::read(file.path()).unwrap())
            .collect()
    }

    #[test]
    fn seeds_their_truncations_and_damages() {
        let seeds = seeds();
        assert_eq!(seeds.len(), FEEDS.len() + 1);
        for seed in seeds {
            check(&seed);
            for len in (0..seed.len()).step_by(1 + seed.len() / 40) {
                check(&seed[..len]);
                let mut damaged = seed.clone();
                damaged[len.max(1)] ^= 0x15;
                check(&damaged);
            }
        }
    }

    /// Each seed makes events, so that the checks have something to look at.
    #[test]
    fn each_seed_says_something() {
        let mut seen = [false; FEEDS.len() + 1];
        for seed in seeds() {
            let format = usize::from(seed[0]) % (FEEDS.len() + 1);
            seen[format] = match FEEDS.get(format) {
                None => Request::check(&seed[1..], SECRET).is_ok(),
                Some(keys) => {
                    let (head, tail) = keys.split_once('\n').unwrap_or((keys, ""));
                    let config = format!("{head}\nname='oracle'\npath='x'\n{tail}");
                    let feed: Feed = toml::from_str(&config).unwrap();
                    !read(&feed, &seed[1..], 4096, list().unwrap()).is_empty()
                }
            };
        }
        assert_eq!(seen, [true; FEEDS.len() + 1]);
    }

    #[test]
    #[should_panic(expected = "no line says")]
    fn a_word_from_nowhere_is_found() {
        let feed: Feed = toml::from_str("kind='static'\nname='x'\npath='x'").unwrap();
        let bytes = b"address,mac,host\n10.0.0.1,02:00:00:00:77:01,a1\n";
        let events = read(&feed, bytes, 9, list().unwrap());
        said(&events[0], b"10.0.0.1,b1", false);
    }

    #[test]
    #[should_panic(expected = "stands nowhere")]
    fn an_address_from_nowhere_is_found() {
        let feed: Feed = toml::from_str("kind='static'\nname='x'\npath='x'").unwrap();
        let bytes = b"address,mac,host\n10.0.0.1,02:00:00:00:77:01,a1\n";
        let events = read(&feed, bytes, 9, list().unwrap());
        said(&events[0], b"10.0.0.12,a1", false);
    }
}

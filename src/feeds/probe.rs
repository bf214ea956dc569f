//! For tests: a feed's config and a file's bytes in, events as text and faults out.

use std::sync::OnceLock;

use super::config::Feed;
use super::follow::Piece;
use super::read::{At, Read};
use super::reader::{Reader, Take};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::event::{Event, Fact};

/// When everything is read: 2026-11-22T06:40:00Z, some minutes after the samples were made.
pub const LEARNED: Timestamp = Timestamp(1_795_329_600_000_000_000);

/// The catalogue inside the program.
pub fn list() -> &'static Catalogue {
    static LIST: OnceLock<Catalogue> = OnceLock::new();
    LIST.get_or_init(|| Catalogue::builtin().unwrap_or_else(|_| panic!("the built-in list")))
}

/// A reader and what it gave.
pub struct Probe {
    pub reader: Reader,
    pub desk: Desk,
}

/// What it gave so far.
pub struct Desk {
    pub learned: Timestamp,
    pub events: Vec<Event>,
    /// Line, and what was expected there.
    pub faults: Vec<(u64, &'static str)>,
    pub lines: u64,
}

impl Take for Desk {
    fn at(&self, number: u64) -> At<'_> {
        At {
            feed: "sample",
            line: number,
            learned: self.learned,
            list: list(),
        }
    }

    fn take(&mut self, number: u64, read: Read, events: &mut Vec<Event>) {
        self.lines += u64::from(number > 0);
        self.faults.extend(read.err().map(|f| (number, f.0)));
        self.events.append(events);
    }
}

impl Probe {
    /// `kind`, and further keys in TOML. Name and path are given.
    pub fn new(kind: &str, keys: &str) -> Self {
        let text = format!("kind = '{kind}'\nname = 'sample'\npath = 'x'\n{keys}");
        let feed: Feed = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
        feed.check().unwrap();
        Self {
            reader: Reader::new(&feed).unwrap().expect("a feed with a file"),
            desk: Desk {
                learned: LEARNED,
                events: Vec::new(),
                faults: Vec::new(),
                lines: 0,
            },
        }
    }

    /// A file that is there at the start, from its first byte.
    pub fn file(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.begin(bytes);
        self
    }

    /// A file (again), from its first byte.
    pub fn begin(&mut self, bytes: impl AsRef<[u8]>) {
        if matches!(self.reader, Reader::Whole(..)) {
            let learned = self.desk.learned;
            self.reader.whole(bytes.as_ref(), learned, &mut self.desk);
            return;
        }
        for piece in [
            Piece::Begin { old: false },
            Piece::Bytes(bytes.as_ref()),
            Piece::Live,
        ] {
            self.reader.piece(&piece, &mut self.desk);
        }
    }

    /// What is appended.
    pub fn more(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader
            .piece(&Piece::Bytes(bytes.as_ref()), &mut self.desk);
    }

    /// Events since the last call, as text.
    pub fn told(&mut self) -> Vec<String> {
        self.desk.events.drain(..).map(|e| show(&e)).collect()
    }

    /// Events of a sample without a fault.
    pub fn all(mut self) -> Vec<String> {
        assert_eq!(self.desk.faults, []);
        self.told()
    }
}

/// `HH:MM:SS` of the day on which the samples were made, or the whole.
pub fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    let short = text
        .strip_prefix("2026-11-22T")
        .and_then(|t| t.strip_suffix(".000000000Z"));
    short.unwrap_or(&text).to_owned()
}

/// One line that says all.
pub fn show(event: &Event) -> String {
    match event {
        Event::Fact(fact) => fact_text(fact),
        Event::Hit(hit) => {
            assert!(hit.point == "sample" && hit.evidence.is_empty() && hit.ja4.is_none());
            let e = hit.ends;
            format!(
                "{} line {} {} {}:{} > {}:{}/{} {} {}",
                clock(hit.time),
                hit.frame,
                hit.seen,
                e.src,
                e.sport,
                e.dst,
                e.dport,
                e.transport.label(),
                hit.name,
                hit.qtype
            )
        }
        Event::Mail(mail) => format!(
            "{} {} {} to {} {}",
            clock(mail.time),
            mail.rule.vendor,
            mail.name,
            mail.recipient,
            mail.id
        ),
        Event::Translation(it) => format!(
            "{}..{} {} {}:{} as {}:{} to {}:{}",
            clock(it.time),
            it.until.map_or(String::new(), clock),
            it.inside.transport.label(),
            it.inside.src,
            it.inside.sport,
            it.outside.src,
            it.outside.sport,
            it.outside.dst,
            it.outside.dport
        ),
        _ => panic!("no feed makes such an event"),
    }
}

fn fact_text(fact: &Fact) -> String {
    let hex = crate::base::hex::encode;
    let mut text = format!("{} {}", fact.act, clock(fact.time));
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(" {key}{value}"));
        }
    };
    add("..", fact.until.map(clock));
    add("", fact.net.map(|net| net.to_string()));
    add("mac=", fact.mac.map(|mac| hex(&mac)));
    add("id=", fact.client_id.as_deref().map(hex));
    add("host=", fact.host.clone());
    add("user=", fact.user.clone());
    add("session=", fact.session.clone());
    add("by=", Some(fact.origin.clone()).filter(|o| o != "sample"));
    text
}

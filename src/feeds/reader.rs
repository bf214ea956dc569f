//! From bytes to events: cuts lines and gives them to the parser of the feed's format.
//!
//! Enters: pieces of a followed file, or a whole text. Leaves: events and counts. Never: buffers
//! more than one line of [`LINE_LEN_MAX`]; reads a line that is not finished (half an address is
//! another address).

use super::aaa;
use super::assigned::{Assigned, Entry, Snapshot};
use super::config::{Feed, MailJson};
use super::conntrack::{self, Conntrack};
use super::exchange::Exchange;
use super::follow::Piece;
use super::frames::{Frames, Next};
use super::isc::Isc;
use super::kea::Kea;
use super::pattern::{AaaPatterns, NatPattern};
use super::postfix::Postfix;
use super::read::{At, Foreign, Read, text};
use super::stamp::Zone;
use super::unbound::Unbound;
use super::{bind, dnsmasq, dnsmasq_log, dnstap, mail_json, squid};
use crate::base::{DomainName, Timestamp};
use crate::event::{Event, FactSource};

/// Longest line that is read; longer ones are passed over and counted.
pub const LINE_LEN_MAX: usize = 64 * 1024;

/// A parser of lines, with its options.
pub enum Lines {
    /// Kea.
    Kea(Kea),
    /// ISC dhcpd.
    Isc(Isc),
    /// AAA by patterns.
    Aaa(AaaPatterns, Zone),
    /// conntrack.
    Conntrack(Conntrack),
    /// NAT by patterns.
    Nat(NatPattern, Zone),
    /// Unbound.
    Unbound(Unbound, Zone),
    /// BIND.
    Bind(Zone),
    /// dnsmasq's query log.
    DnsmasqLog(Zone),
    /// Squid.
    Squid,
    /// Postfix.
    Postfix(Postfix, Zone, Vec<DomainName>),
    /// Exchange.
    Exchange(Exchange, Vec<DomainName>),
    /// JSON lines.
    MailJson(Box<MailJson>),
}

/// How the bytes of a feed's file are read.
pub enum Reader {
    /// Line by line, as they are appended.
    Lines(Box<Lines>, Cutter),
    /// dnstap frames.
    Frames(Frames, Pass),
    /// Whole, at each change.
    Whole(WholeKind, Snapshot),
}

/// Which whole files there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WholeKind {
    /// dnsmasq's leases.
    Dnsmasq,
    /// Static assignments.
    Static,
}

/// What is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pass {
    /// Nothing.
    #[default]
    Nothing,
    /// All that was there when the feed was opened.
    Old,
    /// All up to the next file: the stream is broken.
    Rest,
}

/// Where events and faults go.
pub trait Take {
    /// What a line's events are made with; `number` is the line's.
    fn at(&self, number: u64) -> At<'_>;
    /// A line and its events.
    fn take(&mut self, number: u64, read: Read, events: &mut Vec<Event>);
}

impl Reader {
    /// The reader of a feed; `None` for a listener.
    ///
    /// # Errors
    /// A pattern that cannot be compiled.
    pub fn new(feed: &Feed) -> Result<Option<Self>, String> {
        let lines = |lines| Self::Lines(Box::new(lines), Cutter::default());
        Ok(Some(match feed {
            Feed::Kea(_) => lines(Lines::Kea(Kea::default())),
            Feed::IscDhcpd(_) => lines(Lines::Isc(Isc::default())),
            Feed::Dnsmasq(_) => {
                Self::Whole(WholeKind::Dnsmasq, Snapshot::new(FactSource::LeaseFile))
            }
            Feed::Static(_) => Self::Whole(WholeKind::Static, Snapshot::new(FactSource::Static)),
            Feed::Aaa(f) => lines(Lines::Aaa(
                AaaPatterns::compile(&f.patterns)?,
                f.zone.clone(),
            )),
            Feed::Conntrack(_) => lines(Lines::Conntrack(Conntrack::default())),
            Feed::Nat(f) => lines(Lines::Nat(
                NatPattern::compile(&f.patterns)?,
                f.zone.clone(),
            )),
            Feed::Unbound(f) => lines(Lines::Unbound(Unbound::default(), f.zone.clone())),
            Feed::Bind(f) => lines(Lines::Bind(f.zone.clone())),
            Feed::DnsmasqLog(f) => lines(Lines::DnsmasqLog(f.zone.clone())),
            Feed::Squid(_) => lines(Lines::Squid),
            Feed::Postfix(f) => lines(Lines::Postfix(
                Postfix::default(),
                f.zone.clone(),
                f.mail_domains.clone(),
            )),
            Feed::Exchange(f) => {
                lines(Lines::Exchange(Exchange::default(), f.mail_domains.clone()))
            }
            Feed::MailJson(f) => lines(Lines::MailJson(Box::new(f.clone()))),
            Feed::Dnstap(f) if f.socket.as_os_str().is_empty() => {
                Self::Frames(Frames::default(), Pass::Nothing)
            }
            Feed::Dnstap(_) | Feed::Radius(_) => return Ok(None),
        }))
    }

    /// A piece of the followed file.
    pub fn piece(&mut self, piece: &Piece<'_>, to: &mut impl Take) {
        match self {
            Self::Lines(lines, cutter) => cutter.piece(piece, lines, to),
            Self::Frames(frames, pass) => frame_piece(frames, pass, piece, to),
            Self::Whole(..) => {}
        }
    }

    /// A whole text. A line that is wrong is told and left out; the rest counts.
    pub fn whole(&mut self, bytes: &[u8], learned: Timestamp, to: &mut impl Take) {
        let Self::Whole(kind, snapshot) = self else {
            return;
        };
        let (mut entries, mut assigned): (Vec<Entry>, _) = (Vec::new(), Assigned::default());
        let (mut number, mut complete) = (0, true);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            let read = line_of(line, *kind).and_then(|line| match kind {
                WholeKind::Dnsmasq => dnsmasq::line(&line, learned),
                WholeKind::Static => assigned.line(&line, learned),
            });
            let read = read.map(|entry| entries.extend(entry));
            complete &= read.is_ok();
            to.take(number, read, &mut Vec::new());
        }
        let mut events = Vec::new();
        snapshot.take(entries, complete, &to.at(number), &mut events);
        for event in events {
            to.take(0, Ok(()), &mut vec![event]);
        }
    }
}

const TOO_LONG: Foreign = Foreign("a line of at most 64 KiB");
const CUT: Foreign = Foreign("the end of the last line; it was left out");

/// A line of a whole file; one without an end was cut off (a person's editor may leave it so, but a
/// server never does).
fn line_of(line: &[u8], kind: WholeKind) -> Result<std::borrow::Cow<'_, str>, Foreign> {
    let ended = line.strip_suffix(b"\n");
    if ended.is_none() && kind == WholeKind::Dnsmasq {
        return Err(CUT);
    }
    let line = ended.unwrap_or(line);
    if line.len() > LINE_LEN_MAX {
        return Err(TOO_LONG);
    }
    Ok(text(line.strip_suffix(b"\r").unwrap_or(line)))
}

/// Cuts bytes into lines.
#[derive(Default)]
pub struct Cutter {
    half: Vec<u8>,
    number: u64,
    /// The present line is too long: passed over up to its end.
    skipping: bool,
    pass: Pass,
}

impl Cutter {
    fn piece(&mut self, piece: &Piece<'_>, lines: &mut Lines, to: &mut impl Take) {
        match piece {
            Piece::Begin { old } => {
                self.pass = if *old { Pass::Old } else { Pass::Nothing };
                (self.number, self.skipping) = (0, false);
                self.half.clear();
                lines.begin();
            }
            Piece::Bytes(bytes) => self.bytes(bytes, lines, to),
            Piece::Live => {
                self.pass = Pass::Nothing;
                lines.caught_up();
            }
            Piece::Left => {
                if !self.half.is_empty() || self.skipping {
                    to.take(self.number + 1, Err(CUT), &mut Vec::new());
                }
                self.half.clear();
                self.skipping = false;
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8], lines: &mut Lines, to: &mut impl Take) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(end) = part.strip_suffix(b"\n") else {
                self.keep(part);
                return;
            };
            self.keep(end);
            self.number += 1;
            let line = std::mem::take(&mut self.half);
            let too_long = std::mem::take(&mut self.skipping);
            self.line(&line, too_long, lines, to);
            self.half = line;
            self.half.clear();
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skipping || self.half.len() + part.len() > LINE_LEN_MAX {
            self.skipping = true;
            self.half.clear();
        } else {
            self.half.extend_from_slice(part);
        }
    }

    fn line(&self, line: &[u8], too_long: bool, lines: &mut Lines, to: &mut impl Take) {
        // Of what is passed over, the header of a table is still needed.
        if self.pass != Pass::Nothing && !line.starts_with(b"#") {
            return;
        }
        let mut events = Vec::new();
        let read = if too_long {
            Err(TOO_LONG)
        } else {
            let line = text(line.strip_suffix(b"\r").unwrap_or(line));
            lines.line(&line, &to.at(self.number), &mut events)
        };
        to.take(self.number, read, &mut events);
    }
}

impl Lines {
    fn begin(&mut self) {
        match self {
            Self::Kea(kea) => kea.known.begin(),
            Self::Isc(isc) => isc.begin(),
            _ => {}
        }
    }

    fn caught_up(&mut self) {
        match self {
            Self::Kea(kea) => kea.known.caught_up(),
            Self::Isc(isc) => isc.known.caught_up(),
            _ => {}
        }
    }

    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what is not of the format.
    pub fn line(&mut self, line: &str, at: &At<'_>, out: &mut Vec<Event>) -> Read {
        match self {
            Self::Kea(kea) => kea.line(line, at, out),
            Self::Isc(isc) => isc.line(line, at, out),
            Self::Aaa(patterns, zone) => aaa::line(line, patterns, zone, at, out),
            Self::Conntrack(conntrack) => conntrack.line(line, at, out),
            Self::Nat(patterns, zone) => conntrack::nat_line(line, patterns, zone, at, out),
            Self::Unbound(unbound, zone) => unbound.line(line, zone, at, out),
            Self::Bind(zone) => bind::line(line, zone, at, out),
            Self::DnsmasqLog(zone) => dnsmasq_log::line(line, zone, at, out),
            Self::Squid => squid::line(line, at, out),
            Self::Postfix(postfix, zone, domains) => {
                postfix.line(line, (zone, domains.as_slice()), at, out)
            }
            Self::Exchange(exchange, domains) => exchange.line(line, domains, at, out),
            Self::MailJson(feed) => mail_json::line(line, feed, at, out),
        }
    }
}

fn frame_piece(frames: &mut Frames, pass: &mut Pass, piece: &Piece<'_>, to: &mut impl Take) {
    match piece {
        Piece::Begin { old } => {
            *frames = Frames::default();
            *pass = if *old { Pass::Old } else { Pass::Nothing };
        }
        Piece::Bytes(_) if *pass == Pass::Rest => {}
        Piece::Bytes(bytes) => {
            frames.push(bytes);
            if let Err(foreign) = drain(frames, *pass == Pass::Nothing, to, &mut |_| {}) {
                *pass = Pass::Rest;
                to.take(frames.count + 1, Err(foreign), &mut Vec::new());
            }
        }
        Piece::Live if *pass == Pass::Old => *pass = Pass::Nothing,
        Piece::Live => {}
        Piece::Left => {
            if frames.is_within_a_frame() && *pass != Pass::Rest {
                to.take(frames.count + 1, Err(CUT), &mut Vec::new());
            }
        }
    }
}

/// Takes all whole frames out; `answer` gets what the writer must be told.
///
/// # Errors
/// The stream is no such stream.
pub fn drain(
    frames: &mut Frames,
    read: bool,
    to: &mut impl Take,
    answer: &mut impl FnMut(&[u8]),
) -> Result<(), Foreign> {
    loop {
        let number = frames.count + 1;
        match frames.next().map_err(|broken| Foreign(broken.0))? {
            Next::Data(frame) if read => {
                let mut events = Vec::new();
                let read = dnstap::frame(frame, &to.at(number), &mut events);
                to.take(number, read, &mut events);
            }
            Next::Data(_) => {}
            Next::Answer(bytes) | Next::End(bytes) => answer(&bytes),
            Next::Wait => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

//! HTTP and SOCKS in clear: the hosts that clients ask for, request after request.
//!
//! Enters: a client's bytes where a message may begin, and the note left with what came before.
//! Leaves: sightings. Never: keeps a host, or any byte of a stream; looks into a body.

use super::Sink;
use super::context::Context;
use crate::base::{EchVerdict, Outcome, RawName, Seen, Timestamp};
use crate::flow::{Key, Table, Verdict};
use crate::names::http::{self, Begins, Body, Host};
use crate::names::http2::{self, Step, hpack};
use crate::names::{Malformed, Probe, Sighting, socks};

/// Notes of this reader (see [`crate::flow::Reader::read`]). Those of SMTP are in
/// [`super::mail`].
pub(super) mod note {
    /// Nothing is known.
    pub const NONE: u8 = 0;
    /// HTTP/1: the next request, or another protocol after an upgrade.
    pub const HTTP: u8 = 1;
    /// HTTP/1: the next request; something else stood in its place.
    pub const HTTP_LOST: u8 = 2;
    /// HTTP/1: a chunk of a body.
    pub const CHUNK: u8 = 3;
    /// HTTP/1: the fields behind the last chunk.
    pub const TRAILER: u8 = 4;
    /// HTTP/2: a frame.
    pub const HTTP2: u8 = 5;
    /// SOCKS 5: the client has greeted.
    pub const SOCKS: u8 = 6;
    /// A proxy was asked for a connection: anything may follow.
    pub const TUNNEL: u8 = 7;
}

/// HTTP/2 connections in clear that are followed at once; the longest idle gives way.
const HTTP2_MAX: usize = 256;

/// What is kept from one request to the next. Allocated at start; no part of it holds a name.
pub(super) struct Web {
    connections: Table<u32>,
    tables: Vec<hpack::Table>,
}

/// How far a read has come.
#[derive(Default)]
struct Progress {
    used: usize,
    named: bool,
}

impl Progress {
    const fn verdict(&self) -> Verdict {
        match (self.used, self.named) {
            (0, _) => Verdict::NeedMore,
            (used, true) => Verdict::Named(used),
            (used, false) => Verdict::Consumed(used),
        }
    }

    /// Nothing behind this can be read. What was named before stays named.
    const fn stop(&self) -> Verdict {
        Verdict::Decided(if self.named {
            Outcome::Named
        } else {
            Outcome::OtherProtocol
        })
    }

    const fn pass(&mut self, len: usize) {
        self.used = self.used.saturating_add(len);
    }
}

impl Web {
    pub fn new(seed: Option<u64>) -> Self {
        let connections: Table<u32> = Table::new(HTTP2_MAX, seed);
        let places = connections.places();
        Self {
            connections,
            tables: (0..places).map(|_| hpack::Table::default()).collect(),
        }
    }

    /// Bytes of which nothing is known: does one of these protocols begin? `None`: none does.
    #[inline]
    pub fn begin<S: Sink>(
        &mut self,
        bytes: &[u8],
        (note, scratch): (&mut u8, &mut [u8]),
        context: &mut Context<'_, S>,
    ) -> Option<Verdict> {
        match bytes.first().copied() {
            Some(b'A'..=b'Z' | b'\r' | b'\n' | socks::VERSION_4 | socks::VERSION_5) => {
                self.begin_cold(bytes, (note, scratch), context)
            }
            _ => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_cold<S: Sink>(
        &mut self,
        bytes: &[u8],
        (note, scratch): (&mut u8, &mut [u8]),
        context: &mut Context<'_, S>,
    ) -> Option<Verdict> {
        match bytes.first() {
            Some(&socks::VERSION_4) => socks_4(bytes, note, context),
            Some(&socks::VERSION_5) => match socks::greeting(bytes) {
                Probe::Found(used) => {
                    *note = note::SOCKS;
                    Some(Verdict::Consumed(used))
                }
                Probe::NeedMore => Some(Verdict::NeedMore),
                _ => None,
            },
            _ => match http::begins(bytes) {
                Probe::Found(Begins::Preamble) => match http::preamble(bytes) {
                    Probe::Found(used) => Some(Verdict::Consumed(used)),
                    Probe::NeedMore => Some(Verdict::NeedMore),
                    _ => None,
                },
                Probe::Found(_) => self.http(bytes, (note, scratch), context),
                Probe::NeedMore => Some(Verdict::NeedMore),
                _ => None,
            },
        }
    }

    /// What follows, as the note has it. `None`: look at it as at something new.
    pub fn go_on<S: Sink>(
        &mut self,
        bytes: &[u8],
        (note, scratch): (&mut u8, &mut [u8]),
        context: &mut Context<'_, S>,
    ) -> Option<Verdict> {
        match *note {
            note::HTTP | note::HTTP_LOST | note::CHUNK | note::TRAILER => {
                self.http(bytes, (note, scratch), context)
            }
            note::HTTP2 => {
                let mut progress = Progress::default();
                Some(self.http2(bytes, &mut progress, scratch, context))
            }
            note::SOCKS => socks_5(bytes, note, context),
            _ => None,
        }
    }

    /// Requests of HTTP/1, as many as are there.
    fn http<S: Sink>(
        &mut self,
        bytes: &[u8],
        (note, scratch): (&mut u8, &mut [u8]),
        context: &mut Context<'_, S>,
    ) -> Option<Verdict> {
        let mut progress = Progress::default();
        while let Some(rest) = bytes.get(progress.used..).filter(|rest| !rest.is_empty()) {
            let next = match *note {
                note::CHUNK => chunk(rest, note),
                note::TRAILER => trailer(rest, note),
                _ => match http::begins(rest) {
                    Probe::Found(Begins::Preface(len)) => {
                        *note = note::HTTP2;
                        self.follow(context);
                        progress.pass(len);
                        return Some(self.http2(bytes, &mut progress, scratch, context));
                    }
                    Probe::Found(Begins::Request) => request(rest, note, &mut progress, context),
                    Probe::NeedMore => Next::NeedMore,
                    _ if is_blank(rest) => Next::Pass(rest.len()),
                    _ => Next::Else,
                },
            };
            match next {
                Next::Pass(len) => progress.pass(len),
                Next::NeedMore => break,
                Next::Stop => return Some(progress.stop()),
                Next::Else if progress.used > 0 => break,
                Next::Else => {
                    if *note == note::HTTP {
                        *note = note::HTTP_LOST;
                        context.malformed(Malformed::HttpLost);
                    }
                    return None;
                }
                Next::Broken(why) => {
                    context.malformed(why);
                    return Some(progress.stop());
                }
            }
            if *note == note::TUNNEL {
                break;
            }
        }
        Some(progress.verdict())
    }

    /// An HTTP/2 connection begins.
    fn follow<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        let (key, _) = Key::of(&context.around.ends);
        let found = self
            .connections
            .find_or_insert(&key, seconds(context.around.time));
        if found.evicted.is_some() {
            context.malformed(Malformed::Http2Limit);
        }
        if let Some(table) = self.tables.get_mut(found.index) {
            *table = hpack::Table::default();
        }
    }

    /// Frames of HTTP/2 behind what was used, as many as are there.
    fn http2<S: Sink>(
        &mut self,
        bytes: &[u8],
        progress: &mut Progress,
        scratch: &mut [u8],
        context: &mut Context<'_, S>,
    ) -> Verdict {
        let (key, _) = Key::of(&context.around.ends);
        let now = seconds(context.around.time);
        let place = self.connections.find(&key, now);
        let Some(table) = place.and_then(|place| self.tables.get_mut(place)) else {
            // Another connection took its place, and was counted then.
            return progress.stop();
        };
        while let Some(rest) = bytes.get(progress.used..).filter(|rest| !rest.is_empty()) {
            match http2::next(rest, scratch) {
                Probe::Found(Step::Pass(len)) => progress.pass(len),
                Probe::Found(Step::Block(block, len)) => {
                    let mut fields = hpack::Fields::default();
                    if let Err(why) = table.read(block, &mut fields) {
                        context.malformed(why);
                        return progress.stop();
                    }
                    progress.named |= tell_fields(&fields, context);
                    progress.pass(len);
                }
                Probe::NeedMore if rest.len() < http2::BLOCK_LEN_MAX => break,
                Probe::Malformed(why) => {
                    context.malformed(why);
                    return progress.stop();
                }
                Probe::NeedMore | Probe::NotForUs => {
                    context.malformed(Malformed::Http2Frame);
                    return progress.stop();
                }
            }
        }
        progress.verdict()
    }
}

/// What came of one look.
enum Next {
    /// Go on behind so many bytes.
    Pass(usize),
    NeedMore,
    /// Something else stands here.
    Else,
    Stop,
    Broken(Malformed),
}

fn request<S: Sink>(
    bytes: &[u8],
    note: &mut u8,
    progress: &mut Progress,
    context: &mut Context<'_, S>,
) -> Next {
    let (request, len) = match http::request(bytes) {
        Probe::Found(found) => found,
        Probe::NeedMore => return Next::NeedMore,
        Probe::NotForUs => return Next::Else,
        Probe::Malformed(why) => return Next::Broken(why),
    };
    progress.named |= tell_request(&request, context);
    *note = note::HTTP;
    match request.body {
        _ if !request.whole => Next::Broken(Malformed::HttpHead),
        _ if request.connect => {
            *note = note::TUNNEL;
            Next::Pass(len)
        }
        Body::Length(body) => Next::Pass(len.saturating_add(body)),
        Body::Chunked => {
            *note = note::CHUNK;
            Next::Pass(len)
        }
        Body::Unknown => Next::Broken(Malformed::HttpBody),
    }
}

fn chunk(bytes: &[u8], note: &mut u8) -> Next {
    match http::chunk(bytes) {
        Probe::Found((0, line)) => {
            *note = note::TRAILER;
            Next::Pass(line)
        }
        // A line end follows the chunk.
        Probe::Found((len, line)) => Next::Pass(line.saturating_add(len).saturating_add(2)),
        Probe::NeedMore => Next::NeedMore,
        Probe::Malformed(why) => Next::Broken(why),
        Probe::NotForUs => Next::Stop,
    }
}

fn trailer(bytes: &[u8], note: &mut u8) -> Next {
    match http::trailer_line(bytes) {
        Probe::Found((last, len)) => {
            if last {
                *note = note::HTTP;
            }
            Next::Pass(len)
        }
        Probe::NeedMore => Next::NeedMore,
        Probe::Malformed(why) => Next::Broken(why),
        Probe::NotForUs => Next::Stop,
    }
}

fn socks_4<S: Sink>(bytes: &[u8], note: &mut u8, context: &mut Context<'_, S>) -> Option<Verdict> {
    match socks::version_4(bytes) {
        Probe::Found((host, used)) => {
            *note = note::TUNNEL;
            Some(tunnel(host, used, context))
        }
        Probe::NeedMore => Some(Verdict::NeedMore),
        _ => None,
    }
}

fn socks_5<S: Sink>(bytes: &[u8], note: &mut u8, context: &mut Context<'_, S>) -> Option<Verdict> {
    match socks::version_5(bytes) {
        Probe::Found((socks::Step::Password, used)) => Some(Verdict::Consumed(used)),
        Probe::Found((socks::Step::Request(host), used)) => {
            *note = note::TUNNEL;
            Some(tunnel(host, used, context))
        }
        Probe::NeedMore => Some(Verdict::NeedMore),
        _ => None,
    }
}

fn tunnel<S: Sink>(host: Option<Host<'_>>, used: usize, context: &mut Context<'_, S>) -> Verdict {
    match host {
        Some(host) => {
            tell(host, Seen::SocksConnect, context);
            Verdict::Named(used)
        }
        None => Verdict::Consumed(used),
    }
}

/// A request whose rest will not come: were its whole lines enough for a name?
pub(super) fn rest<S: Sink>(bytes: &[u8], context: &mut Context<'_, S>) -> Option<Outcome> {
    let request = http::peek(bytes)?;
    tell_request(&request, context).then_some(Outcome::Named)
}

fn tell_request<S: Sink>(request: &http::Request<'_>, context: &mut Context<'_, S>) -> bool {
    if request.odd_host {
        context.malformed(Malformed::HttpHost);
    }
    let seen = if request.connect {
        Seen::HttpConnect
    } else {
        Seen::HttpHost
    };
    for host in request.hosts.iter() {
        tell(host, seen, context);
    }
    !request.hosts.is_empty()
}

/// The authority of a block; the `host` field where there is none (RFC 9113 section 8.3.1).
fn tell_fields<S: Sink>(fields: &hpack::Fields, context: &mut Context<'_, S>) -> bool {
    let authority = fields.authority.as_bytes();
    let text = match authority {
        [] if fields.repeated => return true,
        [] => fields.host.as_bytes(),
        text => text,
    };
    // Against the rule, but it is what some libraries send.
    let user = text.iter().rposition(|byte| *byte == b'@');
    let place = user.map_or(0, |at| at.saturating_add(1));
    let Some(host) = text.get(place..).and_then(http::host) else {
        let named = text.iter().any(u8::is_ascii_alphabetic) && !text.contains(&b'[');
        if named {
            context.malformed(Malformed::HttpHost);
        }
        return false;
    };
    let seen = if fields.connect && !fields.protocol {
        Seen::HttpConnect
    } else {
        Seen::Http2Authority
    };
    tell(host, seen, context);
    true
}

fn tell<S: Sink>(host: Host<'_>, seen: Seen, context: &mut Context<'_, S>) {
    context.sighting(&Sighting {
        name: RawName::Text(host.name),
        seen,
        ech: EchVerdict::None,
        qtype: 0,
        client_is_src: true,
        evidence: host.text,
    });
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

//! Reads DNS messages, ClientHellos, Kerberos messages, requests of HTTP and SOCKS, and SMTP
//! envelopes out of TCP streams.

use super::Sink;
use super::context::Context;
use super::mail::{self, Envelopes};
use super::web::{self, Web, note};
use crate::base::{Endpoints, Outcome, Seen, Timestamp};
use crate::capture::prefilter::{self as kernel, Again};
use crate::event::Event;
use crate::flow::tcp::{Judged, Message};
use crate::flow::{Desync, Key, Reader, Said, Side, Verdict};
use crate::names::http::{self, Begins};
use crate::names::{self, Probe, bypass, dns, tls};
use crate::presence::{self, At, Watch};

/// Port of DNS over TCP (RFC 7766).
pub(super) const DNS_PORT: u16 = 53;
/// From here on a Kerberos reply is read without waiting for its end: the name stands before the
/// ticket, which may be longer than what is kept of a stream.
const KERBEROS_HEAD: usize = 16 * 1024;

/// The names of one packet's stream.
pub(super) struct StreamReader<'c, 'w, S> {
    pub context: &'c mut Context<'w, S>,
    pub scratch: &'c mut [u8],
    pub presence: &'c mut Watch,
    pub envelopes: &'c mut Envelopes,
    pub web: &'c mut Web,
}

impl<S: Sink> StreamReader<'_, '_, S> {
    fn is_dns(ends: &Endpoints) -> bool {
        ends.sport == DNS_PORT || ends.dport == DNS_PORT
    }

    pub(super) fn malformed(&mut self, why: names::Malformed) {
        self.context.malformed(why);
    }

    /// A dialogue that has begun goes on. `None`: look at the bytes as at something new.
    #[cold]
    #[inline(never)]
    fn go_on(&mut self, bytes: &[u8], note: &mut u8) -> Option<Verdict> {
        if mail::is_mail(*note) {
            return self.envelopes.go_on(bytes, note, self.context);
        }
        let kept = (note, &mut *self.scratch);
        self.web.go_on(bytes, kept, self.context)
    }

    fn read_dns(&mut self, bytes: &[u8]) -> Verdict {
        match dns::next_tcp_message(bytes) {
            Probe::Found((message, used)) => {
                self.context.dns(message);
                Verdict::Consumed(used)
            }
            Probe::NeedMore => Verdict::NeedMore,
            Probe::NotForUs => Verdict::NotHere,
            Probe::Malformed(why) => {
                self.malformed(why);
                Verdict::Broken
            }
        }
    }

    /// Requests and envelopes: what a client says, never what answers it.
    #[inline]
    fn begin(&mut self, bytes: &[u8], said: &mut Said) -> Option<Verdict> {
        if said.answers {
            return None;
        }
        let kept = (&mut said.note, &mut *self.scratch);
        let found = self.web.begin(bytes, kept, self.context);
        found.or_else(|| self.envelopes.begin(bytes, &mut said.note, self.context))
    }

    fn read_kerberos(&mut self, bytes: &[u8]) -> Verdict {
        match presence::next_tcp_message(bytes) {
            Probe::Found((message, used)) if self.ticket(message) => Verdict::Consumed(used),
            Probe::NeedMore if bytes.len() < KERBEROS_HEAD => Verdict::NeedMore,
            Probe::NeedMore if self.ticket(bytes.get(4..).unwrap_or_default()) => {
                Verdict::Decided(Outcome::OtherProtocol)
            }
            _ => Verdict::NotHere,
        }
    }

    fn read_any(&mut self, bytes: &[u8], said: &mut Said) -> Verdict {
        // After STARTTLS a hello follows where a mail's next command would.
        let may_turn = mail::is_mail(said.note) && bytes.first() == Some(&0x16);
        if said.note != note::NONE
            && let Some(verdict) = self.go_on(bytes, &mut said.note)
        {
            return match verdict {
                Verdict::NotHere if may_turn => self.read_tls(bytes, said),
                _ => verdict,
            };
        }
        if bypass::may_begin(bytes) {
            self.context.way_of_stream(bytes);
        }
        let ends = &self.context.around.ends;
        let dns = Self::is_dns(ends);
        let kerberos = presence::spoken(ends) == Some(presence::Protocol::Kerberos);
        // TLS on any port, these included: what begins a hello would announce a DNS message of
        // at least 5,635 bytes with a format error, and a Kerberos message of 352 MiB; no line of
        // SMTP begins so.
        let hello =
            bytes.first() == Some(&0x16) && (!dns || tls::starts_hello(bytes) == Probe::Found(()));
        // What begins with a method would be a DNS message of 16 KiB, a Kerberos message of a GiB.
        let request = (dns || kerberos)
            && !said.answers
            && http::begins(bytes) == Probe::Found(Begins::Request);
        match () {
            () if hello => self.read_tls(bytes, said),
            () if request => self.begin(bytes, said).unwrap_or(Verdict::NotHere),
            () if dns => self.read_dns(bytes),
            () if kerberos => self.read_kerberos(bytes),
            () => match self.begin(bytes, said) {
                None | Some(Verdict::NotHere) => self.read_tls(bytes, said),
                Some(verdict) => verdict,
            },
        }
    }

    fn ticket(&mut self, message: &[u8]) -> bool {
        let context = &mut *self.context;
        let at = At {
            time: context.around.time,
            ends: &context.around.ends,
            point: context.point,
        };
        let sink = &mut *context.sink;
        let mut tell = |fact| sink.tell(Event::Fact(Box::new(fact)));
        self.presence.kerberos(at, message, &mut tell)
    }
}

impl<S: Sink> Reader for StreamReader<'_, '_, S> {
    fn read(&mut self, bytes: &[u8], said: &mut Said) -> Verdict {
        self.context.contested = said.contested;
        let verdict = self.read_any(bytes, said);
        self.context.contested = false;
        verdict
    }

    fn rest(
        &mut self,
        ends: &Endpoints,
        at: (u64, Timestamp),
        answers: bool,
        bytes: &[u8],
    ) -> Option<Outcome> {
        if Self::is_dns(ends) {
            return None;
        }
        if let Some(hello) = tls::peek_sni(bytes, self.scratch) {
            let read = |context: &mut Context<'_, S>| context.hello(&hello, Seen::TlsSni);
            return Some(self.context.elsewhere(ends, at, read));
        }
        // A request in what a server sends (a page about HTTP, a log) is none.
        if answers {
            return None;
        }
        let read = |context: &mut Context<'_, S>| web::rest(bytes, context);
        self.context.elsewhere(ends, at, read)
    }

    fn named(&mut self, key: &Key, _: Side, message: &Message, back: Option<u32>) -> bool {
        self.context.settled_by(key, message, back)
    }

    fn wants_judged(&self) -> bool {
        self.context.sink.wants_verdicts()
    }

    fn judged(&mut self, ends: &Endpoints, judged: Judged, time: Timestamp) {
        let again = |again: Option<(u32, u16)>| again.map(|(from, len)| Again { from, len });
        let verdict = match judged {
            Judged::ReadOut => kernel::Verdict::ReadOut,
            Judged::Settled {
                watched: true,
                again: place,
            } => kernel::Verdict::Watched(again(place)),
            Judged::Settled { again: place, .. } => kernel::Verdict::Settled(again(place)),
        };
        self.context.sink.judged(ends, verdict, time);
    }

    fn payload(&mut self, key: &Key, side: Side, seq: u32, len: u32) {
        self.context.segment(key, side, seq, len);
    }

    fn left(&mut self, key: &Key) {
        self.context.left(key);
    }

    fn ended(
        &mut self,
        ends: &Endpoints,
        begun: Timestamp,
        at: (u64, Timestamp),
        outcome: Outcome,
    ) {
        self.web.ended(ends);
        // DNS has names of its own and is no part of what should carry a server name.
        let hello = matches!(outcome, Outcome::Named | Outcome::NoSni | Outcome::Ech);
        if hello || !Self::is_dns(ends) {
            self.context.connection(ends, begun, at, outcome);
        }
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        let first = bytes.first();
        first == Some(&0x16) || first.is_some_and(u8::is_ascii_alphabetic)
    }

    fn desync(&mut self, sign: Desync) {
        self.context.stats.desync.bump(sign.index());
    }

    fn contested(&mut self, yes: bool) {
        self.context.contested = yes;
    }

    fn copied(&mut self, bytes: usize) {
        let count = &mut self.context.stats.pool_copied_bytes;
        *count = count.wrapping_add(bytes as u64);
    }

    fn pool_empty(&mut self) {
        let count = &mut self.context.stats.pool_empty;
        *count = count.wrapping_add(1);
    }
}

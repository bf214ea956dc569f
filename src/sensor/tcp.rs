//! Reads DNS messages and ClientHellos out of TCP streams.

use super::Sink;
use super::context::Context;
use crate::base::{Endpoints, Outcome, Seen, Timestamp};
use crate::flow::tcp::Message;
use crate::flow::{Key, Reader, Side, Verdict};
use crate::names::{self, Probe, dns, tls};

/// Port of DNS over TCP (RFC 7766).
pub(super) const DNS_PORT: u16 = 53;

/// The names of one packet's stream.
pub(super) struct StreamReader<'c, 'w, S> {
    pub context: &'c mut Context<'w, S>,
    pub scratch: &'c mut [u8],
}

impl<S: Sink> StreamReader<'_, '_, S> {
    fn is_dns(ends: &Endpoints) -> bool {
        ends.sport == DNS_PORT || ends.dport == DNS_PORT
    }

    fn malformed(&mut self, why: names::Malformed) {
        self.context.stats.names_malformed.bump(why.index());
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

    fn read_tls(&mut self, bytes: &[u8]) -> Verdict {
        match tls::probe(bytes, self.scratch) {
            Probe::Found(hello) => Verdict::Decided(self.context.hello(&hello, Seen::TlsSni)),
            Probe::NeedMore => Verdict::NeedMore,
            Probe::NotForUs => Verdict::NotHere,
            Probe::Malformed(why) => {
                self.malformed(why);
                Verdict::Broken
            }
        }
    }
}

impl<S: Sink> Reader for StreamReader<'_, '_, S> {
    fn read(&mut self, bytes: &[u8]) -> Verdict {
        if !Self::is_dns(&self.context.around.ends) {
            return self.read_tls(bytes);
        }
        // TLS on any port, this one included: what begins a hello would announce a DNS message of
        // at least 5,635 bytes with a format error.
        let hello = bytes.first() == Some(&0x16) && tls::starts_hello(bytes) == Probe::Found(());
        if hello {
            self.read_tls(bytes)
        } else {
            self.read_dns(bytes)
        }
    }

    fn rest(
        &mut self,
        ends: &Endpoints,
        frame: u64,
        time: Timestamp,
        bytes: &[u8],
    ) -> Option<Outcome> {
        if Self::is_dns(ends) {
            return None;
        }
        let hello = tls::peek_sni(bytes, self.scratch)?;
        let read = |context: &mut Context<'_, S>| context.hello(&hello, Seen::TlsSni);
        Some(self.context.elsewhere(ends, (frame, time), read))
    }

    fn named(&mut self, key: &Key, _: Side, message: &Message, back: Option<u32>) -> bool {
        self.context.settled_by(key, message, back)
    }

    fn payload(&mut self, key: &Key, side: Side, seq: u32, len: u32) {
        self.context.segment(key, side, seq, len);
    }

    fn left(&mut self, key: &Key) {
        self.context.left(key);
    }

    fn ended(&mut self, ends: &Endpoints, outcome: Outcome) {
        // DNS has names of its own and is no part of what should carry a server name.
        let hello = matches!(outcome, Outcome::Named | Outcome::NoSni | Outcome::Ech);
        if hello || !Self::is_dns(ends) {
            self.context.connection(ends, outcome);
        }
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

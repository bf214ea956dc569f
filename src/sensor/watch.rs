//! Watched flows of a worker: the hit that began each, and how its exchanges are told.
//!
//! Enters: hits, later payload of their flows. Leaves: [`Event::Burst`]. Never: watches a flow for
//! a look-up alone, or for a name that did not match.

use super::Sink;
use super::context::Context;
use super::support::Recent;
use crate::base::{Endpoints, Seen, Timestamp, Transport};
use crate::capture::prefilter::Verdict;
use crate::decode::Packet;
use crate::event::{Burst, Event, Hit, HitRule, Stats};
use crate::flow::tcp::Message;
use crate::flow::watch::DATAGRAM_LEN_MIN;
use crate::flow::{Exchange, Key, Opening, Side, Watch, exchange::Payload};
use crate::presence;

/// Flows watched at once.
const WATCHED_MAX: usize = 4096;
/// In so many steps a round over the watched flows is made.
const SWEEP_STEPS: usize = 8;

/// What is kept of a hit while its flow is watched. No `Debug`: it names people's addresses.
pub(super) struct Mark {
    point: String,
    ends: Endpoints,
    client_mac: Option<[u8; 6]>,
    rule: HitRule,
    name: String,
    opened: Timestamp,
    contested: bool,
    frame: u64,
}

impl Mark {
    fn of(hit: &Hit) -> Self {
        Self {
            point: hit.point.clone(),
            ends: hit.ends,
            client_mac: hit.client_mac,
            rule: hit.rule.clone(),
            name: hit.name.clone(),
            opened: hit.time,
            contested: hit.contested,
            frame: hit.frame,
        }
    }

    fn burst(&self, exchange: &Exchange) -> Burst {
        Burst {
            point: self.point.clone(),
            ends: self.ends,
            client_mac: self.client_mac,
            rule: self.rule.clone(),
            name: self.name.clone(),
            start: exchange.start,
            end: exchange.end,
            frames: exchange.frames,
            rest_ns: exchange.rest_ns,
            opened: self.opened,
            contested: self.contested,
            up: exchange.up,
            down: exchange.down,
            up_frames: exchange.up_frames,
            down_frames: exchange.down_frames,
        }
    }
}

/// What a worker remembers of its hits.
pub(super) struct Trail {
    watch: Watch<Mark>,
    pub recent: Recent,
    /// A hello made a hit; its flow has not been told yet.
    pending: Option<Box<Mark>>,
}

impl Trail {
    /// Allocates everything but the marks.
    pub fn new(seed: Option<u64>) -> Self {
        Self::with_room(WATCHED_MAX, seed)
    }

    pub fn with_room(watched: usize, seed: Option<u64>) -> Self {
        Self {
            watch: Watch::new(watched, seed),
            recent: Recent::new(seed),
            pending: None,
        }
    }

    /// Might a UDP flow between these two ports be watched?
    #[inline(always)]
    pub fn may_hold(&self, from: u16, to: u16) -> bool {
        self.watch.may_hold(from, to)
    }

    /// Brings the counters up to date.
    pub fn count(&self, stats: &mut Stats) {
        stats.watched = self.watch.len() as u64;
        stats.watched_given_up = self.watch.given_up();
    }
}

/// Sends a burst on its way.
fn teller<'s, S: Sink>(
    sink: &'s mut S,
    stats: &'s mut Stats,
) -> impl FnMut(&Mark, &Exchange) + use<'s, S> {
    |mark, exchange| {
        stats.bursts.bump(match mark.ends.transport {
            Transport::Tcp => 0,
            Transport::Udp => 1,
        });
        sink.tell(Event::Burst(Box::new(mark.burst(exchange))));
    }
}

impl<S: Sink> Context<'_, S> {
    /// A hit was made: its client may be supported, and the flow of a hello watched.
    #[cold]
    pub fn note(&mut self, hit: &Hit) {
        // A mail's client is a mail server or program: what else it looks up is not support.
        if hit.seen == Seen::SmtpDomain {
            return;
        }
        self.trail.recent.hit(hit.ends.src, hit.time);
        if hit.seen.is_hello() {
            self.trail.pending = Some(Box::new(Mark::of(hit)));
        }
    }

    /// A hello settled the flow of `key`; `sent` are its bytes and frames. Watches the flow if the
    /// hello made a hit. What was watched under that key before is over.
    pub fn settled(
        &mut self,
        key: &Key,
        (bytes, frames): (u64, u32),
        (next, back): (u32, Option<u32>),
    ) -> bool {
        let tell = teller(self.sink, self.stats);
        let Some(mark) = self.trail.pending.take() else {
            self.trail.watch.end(key, tell);
            return false;
        };
        let opening = Opening {
            client: Key::of(&mark.ends).1,
            message: Payload {
                time: mark.opened,
                frame: mark.frame,
                up: true,
                bytes,
                frames,
            },
            next,
            back,
        };
        self.trail.watch.begin(key, &opening, mark, tell);
        true
    }

    /// The datagrams with a short header of this flow are read no more. Where any datagram may be a
    /// message of another protocol, by its port, they are.
    #[cold]
    pub fn judged_datagrams(&mut self, key: &Key) {
        if !self.sink.wants_verdicts() {
            return;
        }
        let ends = key.endpoints(key.likely_client());
        let read = |port| matches!(port, 53 | 137 | 5353 | 5355);
        if read(ends.sport) || read(ends.dport) || presence::spoken(&ends).is_some() {
            return;
        }
        let verdict = if self.trail.watch.holds(key) {
            Verdict::Watched(None)
        } else {
            Verdict::Settled(None)
        };
        self.sink.judged(&ends, verdict, self.around.time);
    }

    /// The same for a hello over TCP.
    pub fn settled_by(&mut self, key: &Key, message: &Message, back: Option<u32>) -> bool {
        let bytes = message.to.wrapping_sub(message.from);
        let sent = (u64::from(bytes), message.segments);
        self.settled(key, sent, (message.to, back))
    }

    /// Payload of a watched TCP flow.
    pub fn segment(&mut self, key: &Key, side: Side, seq: u32, len: u32) {
        let at = (self.around.frame, self.around.time);
        let tell = teller(self.sink, self.stats);
        self.trail.watch.segment(key, side, (seq, len), at, tell);
    }

    /// A datagram, if its flow is watched; `false` when it is not.
    #[inline]
    pub fn datagram(&mut self, packet: &Packet<'_>) -> bool {
        self.trail.may_hold(packet.ends.sport, packet.ends.dport) && self.watched_datagram(packet)
    }

    #[cold]
    fn watched_datagram(&mut self, packet: &Packet<'_>) -> bool {
        let (key, side) = Key::of(&packet.ends);
        let at = (self.around.frame, packet.time);
        let tell = teller(self.sink, self.stats);
        let len = packet.payload_wire_len;
        self.trail.watch.datagram(&key, side, len, at, tell)
    }

    /// A flow is at its end.
    pub fn left(&mut self, key: &Key) {
        let tell = teller(self.sink, self.stats);
        self.trail.watch.end(key, tell);
    }

    /// Tells what has come to rest by `now`, as far as `steps` of a round of [`SWEEP_STEPS`] reach,
    /// and forgets clients whose hits are long past.
    pub fn rest(&mut self, now: Timestamp, steps: usize) {
        self.trail.recent.sweep(now);
        if self.trail.watch.is_empty() {
            return;
        }
        let round = self.trail.watch.sets();
        let sets = round.div_ceil(SWEEP_STEPS).saturating_mul(steps);
        let tell = teller(self.sink, self.stats);
        self.trail.watch.sweep(now, sets.min(round), tell);
    }

    /// The end of the capture.
    pub fn flush(&mut self) {
        let tell = teller(self.sink, self.stats);
        self.trail.watch.flush(tell);
    }
}

/// Bytes and frames that a client's datagram of a first flight counts for.
pub(super) const fn sent(packet: &Packet<'_>) -> (u64, u32) {
    if packet.payload_wire_len < DATAGRAM_LEN_MIN {
        (0, 0)
    } else {
        (packet.payload_wire_len as u64, 1)
    }
}

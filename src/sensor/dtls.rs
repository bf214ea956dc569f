//! DTLS connections: one first flight each, in a fixed table beside a fixed set of buffers.
//!
//! Enters: datagrams of any port. Leaves: whole hellos to the context, each connection's fate.
//! Never: keeps anything for a datagram that does not agree with itself.
//!
//! A hello without a name that asks for media keys (WebRTC, RFC 5764) counts as
//! [`Outcome::OtherProtocol`], not as a name that was withheld: media goes between people, and what
//! brought them together had a connection of its own.

use ahash::RandomState;
use bytemuck::Zeroable;

use super::Sink;
use super::context::Context;
use super::watch;
use crate::base::{Outcome, Seen, Timestamp};
use crate::decode::Packet;
use crate::flow::{Begun, Kept, Key, Pool, Shelf, Side, Table};
use crate::names::Probe;
use crate::names::dtls::{self, Class, Flight};

/// Idle seconds after which a connection leaves the table: handshake timers grow to 60 seconds
/// (RFC 6347 section 4.2.4.1).
const IDLE_S: u32 = 120;
/// One DTLS connection is expected to this many others.
const SHARE: usize = 16;
/// The same for unfinished flights.
const BUFFERS_SHARE: u32 = 8;

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Conn {
    /// Number and time of the newest frame of its flight.
    frame: u64,
    time: i64,
    /// Keyed hash of the client's random value; 0 while it is not known.
    id: u64,
    /// Number of its flight, 0 for none.
    flight: u32,
    /// 0 while undecided, else 1 + index of its [`Outcome`].
    outcome: u8,
    /// 0 unknown, 1 the low side, 2 the high side.
    client: u8,
    /// The capture cut one of its datagrams short.
    cut: u8,
    begun: Begun,
}

/// A first flight that is not whole yet.
struct First {
    flight: Flight,
    /// Bytes and datagrams of the client so far.
    sent: (u64, u32),
}

impl Kept for First {
    fn begin(_: &mut Pool) -> Option<Self> {
        Some(Self {
            flight: Flight::default(),
            sent: (0, 0),
        })
    }

    fn release(self, pool: &mut Pool) {
        self.flight.release(pool);
    }
}

/// A flight takes up to two buffers.
const BUFFERS_EACH: u32 = 2;

type Flights = Shelf<First>;

/// All DTLS connections of one worker.
pub(super) struct Connections {
    table: Table<Conn>,
    flights: Flights,
    hash: RandomState,
}

impl Connections {
    /// Room for a part of `flows` connections and of `buffers` unfinished flights.
    pub fn new(flows: usize, buffers: u32, seed: Option<u64>) -> Self {
        let places = buffers.div_ceil(BUFFERS_SHARE);
        Self {
            table: Table::new(flows.div_ceil(SHARE), seed),
            flights: Flights::new(places, BUFFERS_EACH),
            hash: RandomState::new(),
        }
    }

    /// Connections in the table.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Sets of the table, for the pace of [`Self::sweep`].
    pub const fn sets(&self) -> usize {
        self.table.sets()
    }

    /// One datagram of any port; `false` when it is not DTLS, or encrypted.
    #[inline]
    pub fn push<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        scratch: &mut [u8],
        context: &mut Context<'_, S>,
    ) -> bool {
        packet.payload.first() == Some(&dtls::FIRST_BYTE) && self.record(packet, scratch, context)
    }

    #[cold]
    #[inline(never)]
    fn record<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        scratch: &mut [u8],
        context: &mut Context<'_, S>,
    ) -> bool {
        let class = dtls::classify(packet.payload, packet.payload_wire_len as usize);
        if class == Class::NotDtls {
            return false;
        }
        let (key, side) = Key::of(&packet.ends);
        let found = self.table.find_or_insert(&key, seconds(packet.time));
        if let Some((old_key, mut old)) = found.evicted {
            let loss = Some(Outcome::Evicted);
            conclude(
                &mut self.flights,
                &old_key,
                &mut old,
                loss,
                scratch,
                context,
            );
        }
        if self.flights.is_full() {
            self.make_room(&key, scratch, context);
        }
        let Some(conn) = self.table.value(found.index) else {
            return true;
        };
        let client = if (class == Class::Server) == (side == Side::Low) {
            2
        } else {
            1
        };
        let Class::Client { random } = class else {
            if conn.client == 0 {
                conn.client = client;
            }
            return true;
        };
        let id = random.map(|random| self.hash.hash_one(random).max(1));
        if conn.outcome != 0 {
            // More of the same; or a new connection on the same ports, which begins with another
            // random value.
            if id.is_none_or(|id| id == conn.id) {
                return true;
            }
            *conn = Conn::zeroed();
        }
        conn.client = client;
        if let Some(id) = id {
            conn.id = id;
        }
        first_flight(&mut self.flights, &key, conn, packet, scratch, context);
        true
    }

    /// Frees the flight kept longest, so that what comes now is read.
    #[cold]
    fn make_room<S: Sink>(&mut self, key: &Key, scratch: &mut [u8], context: &mut Context<'_, S>) {
        let Some(victim) = self.flights.eldest(key) else {
            return;
        };
        let index = self.table.position(&victim);
        if let Some(conn) = index.and_then(|index| self.table.value(index)) {
            context.stats.pool_empty = context.stats.pool_empty.wrapping_add(1);
            let loss = Some(Outcome::ReassemblyLimit);
            conclude(&mut self.flights, &victim, conn, loss, scratch, context);
        }
    }

    /// Lets go of idle connections, looking at `sets` sets of the table.
    pub fn sweep<S: Sink>(
        &mut self,
        now: Timestamp,
        sets: usize,
        scratch: &mut [u8],
        context: &mut Context<'_, S>,
    ) {
        let flights = &mut self.flights;
        self.table.sweep(sets, seconds(now), |idle_s, key, conn| {
            let gone = idle_s > IDLE_S;
            if gone {
                conclude(flights, key, conn, None, scratch, context);
            }
            gone
        });
    }

    /// The end of the capture: every connection gets its fate.
    pub fn flush<S: Sink>(&mut self, scratch: &mut [u8], context: &mut Context<'_, S>) {
        let flights = &mut self.flights;
        let sets = self.table.sets();
        self.table.sweep(sets, 0, |_, key, conn| {
            conclude(flights, key, conn, None, scratch, context);
            true
        });
    }
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

/// A piece of the hello of a connection without a fate.
fn first_flight<S: Sink>(
    flights: &mut Flights,
    key: &Key,
    conn: &mut Conn,
    packet: &Packet<'_>,
    scratch: &mut [u8],
    context: &mut Context<'_, S>,
) {
    let wire_len = packet.payload_wire_len as usize;
    conn.cut |= u8::from(wire_len > packet.payload.len());
    if conn.flight == 0 {
        let Some(number) = flights.take(key) else {
            return;
        };
        conn.flight = number;
        // A new connection: what was watched on its ports is over.
        context.left(key);
    }
    let Some((First { flight, sent }, pool)) = flights.at(conn.flight) else {
        return;
    };
    let (bytes, datagrams) = watch::sent(packet);
    let alone = *sent == (0, 0);
    sent.0 = sent.0.saturating_add(bytes);
    sent.1 = sent.1.saturating_add(datagrams);
    conn.begun.note(packet.time);
    (conn.frame, conn.time) = (context.around.frame, packet.time.nanos());
    let before = flight.copied_bytes();
    let answer = flight.push(packet.payload, wire_len, pool, scratch);
    let copied = flight.copied_bytes().wrapping_sub(before);
    let count = &mut context.stats.pool_copied_bytes;
    *count = count.wrapping_add(copied);
    let outcome = match answer {
        Probe::Found(hello) => {
            context.came_in_one(alone);
            outcome(&hello, context)
        }
        Probe::NeedMore | Probe::NotForUs => return,
        Probe::Malformed(why) => {
            context.stats.names_malformed.bump(why.index());
            Outcome::Malformed
        }
    };
    decide(flights, key, conn, outcome, context);
}

fn outcome<S: Sink>(hello: &crate::names::tls::Hello<'_>, context: &mut Context<'_, S>) -> Outcome {
    match context.hello(hello, Seen::DtlsSni) {
        Outcome::NoSni if dtls::carries_media(hello.message) => Outcome::OtherProtocol,
        outcome => outcome,
    }
}

/// Settles a connection with `outcome`. Only the first call counts.
fn decide<S: Sink>(
    flights: &mut Flights,
    key: &Key,
    conn: &mut Conn,
    outcome: Outcome,
    context: &mut Context<'_, S>,
) {
    let sent = flights.at(conn.flight).map_or((0, 0), |(f, _)| f.sent);
    flights.give(conn.flight);
    conn.flight = 0;
    if matches!(outcome, Outcome::Named | Outcome::NoSni | Outcome::Ech) {
        context.settled(key, sent, (0, None));
    }
    if conn.outcome == 0 {
        conn.outcome = (outcome.index() as u8).saturating_add(1);
        let at = (conn.frame, Timestamp(conn.time));
        let begun = conn.begun.time(at.1);
        context.connection(&key.endpoints(client(key, conn)), begun, at, outcome);
    }
}

/// Who is the client: the sender of a ClientHello, the receiver of the answer to one.
const fn client(key: &Key, conn: &Conn) -> Side {
    match conn.client {
        1 => Side::Low,
        2 => Side::High,
        _ => key.likely_client(),
    }
}

/// Settles a connection of which nothing more is to be expected: with a name, if one can be read
/// out of what there is, else with `loss`, else with what its state says.
fn conclude<S: Sink>(
    flights: &mut Flights,
    key: &Key,
    conn: &mut Conn,
    loss: Option<Outcome>,
    scratch: &mut [u8],
    context: &mut Context<'_, S>,
) {
    if conn.outcome != 0 {
        return;
    }
    let mut told = None;
    if let Some((First { flight, .. }, pool)) = flights.at(conn.flight) {
        // The tail of the hello never came; the name may have.
        let ends = key.endpoints(client(key, conn));
        told = flight.peek(pool, scratch).map(|hello| {
            let at = (conn.frame, Timestamp(conn.time));
            context.elsewhere(&ends, at, |context| outcome(&hello, context))
        });
        let cause = if conn.cut != 0 {
            Outcome::Truncated
        } else {
            flight.cause()
        };
        told = told.or(loss).or(Some(cause));
    }
    // Without a flight only the server's side was seen.
    let outcome = told.or(loss).unwrap_or(Outcome::Midstream);
    decide(flights, key, conn, outcome, context);
}

//! QUIC connections: one first flight each, in a fixed table beside a fixed set of buffers.
//!
//! Enters: datagrams of any port. Leaves: whole hellos to the context, each connection's fate.
//! Never: keeps anything for a packet that is not authentic; holds a flight for ever.

use ahash::RandomState;
use bytemuck::Zeroable;

use super::Sink;
use super::context::Context;
use super::watch;
use crate::base::{Outcome, Seen, Timestamp};
use crate::decode::Packet;
use crate::flow::arrival::{Sum, checksum, hops_are_few};
use crate::flow::{Begun, Desync, Kept, Key, Pool, Shelf, Side, Table};
use crate::names::Probe;
use crate::names::quic::{self, Class, Flight};
use crate::names::tls::Hello;

/// Idle seconds after which a connection leaves the table.
const IDLE_S: u32 = 60;
/// A client that was sent a Retry or a list of versions comes back within this time.
const RETRY_NS: u64 = 3_000_000_000;

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Conn {
    /// Number and time of the newest frame of its flight.
    frame: u64,
    time: i64,
    /// Keyed hash of the id by which a settled connection is known; 0 for none.
    id: u64,
    /// Keyed hash of the name that it told; 0 for none.
    name: u64,
    /// Version of its newest authentic packet.
    version: u32,
    /// Number of its flight, 0 for none.
    flight: u32,
    /// 0 while undecided, else 1 + index of its [`Outcome`].
    outcome: u8,
    /// 0 unknown, 1 the low side, 2 the high side.
    client: u8,
    /// Why nothing could be opened so far: 0, or 1 + index of an [`Outcome`].
    unread: u8,
    flags: u8,
    /// Most hops left that a hello on these ports had, 0 before the first.
    hops: u8,
    begun: Begun,
}

/// A version whose keys are not public was seen.
const UNKNOWN_VERSION: u8 = 1;
/// The capture cut one of its Initials short.
const CUT: u8 = 2;
/// A Retry was seen.
const RETRIED: u8 = 4;
/// The server's side was seen.
const ANSWERED: u8 = 8;
/// The server listed its versions.
const NEGOTIATED: u8 = 16;
/// It goes on where another one was told to start over: it counts only if it tells another name.
const AGAIN: u8 = 32;

impl Conn {
    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Was a packet of `side` sent by the client? `None` while nobody knows.
    const fn from(&self, side: Side) -> Option<bool> {
        match (self.client, side) {
            (0, _) => None,
            (1, Side::Low) | (2, Side::High) => Some(true),
            _ => Some(false),
        }
    }

    /// What is said of it when no hello was read and no flight is there to ask.
    fn unread(&self) -> Outcome {
        if self.has(CUT) {
            return Outcome::Truncated;
        }
        let told = usize::from(self.unread).checked_sub(1);
        match told.and_then(|index| Outcome::ALL.get(index)) {
            Some(outcome) => *outcome,
            None if self.has(UNKNOWN_VERSION) => Outcome::QuicVersion,
            None => Outcome::Midstream,
        }
    }
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
            flight: Flight::new(),
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

/// All QUIC connections of one worker.
pub(super) struct Connections {
    table: Table<Conn>,
    flights: Flights,
    hash: RandomState,
}

/// One Initial with what is needed to read it.
struct Datagram<'p> {
    packet: &'p Packet<'p>,
    side: Side,
    version: u32,
    token: bool,
}

impl Connections {
    /// Room for about `flows` connections and `buffers` unfinished flights.
    pub fn new(flows: usize, buffers: u32, seed: Option<u64>) -> Self {
        Self {
            table: Table::new(flows, seed),
            flights: Flights::new(buffers, BUFFERS_EACH),
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

    /// One datagram of any port; `false` when it is not QUIC.
    pub fn push<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        scratch: &mut [u8],
        context: &mut Context<'_, S>,
    ) -> bool {
        let class = quic::classify(packet.payload);
        if class == Class::NotQuic {
            return false;
        }
        let (key, side) = Key::of(&packet.ends);
        let found = self.table.find_or_insert(&key, seconds(packet.time));
        if let Some((old_key, mut old)) = found.evicted {
            let loss = Some(Outcome::Evicted);
            conclude(&mut self.flights, &old_key, &mut old, loss, context);
        }
        if let Some(conn) = self.table.value(found.index) {
            conn.flags |= match class {
                Class::UnknownVersion(_) => UNKNOWN_VERSION,
                Class::Retry => RETRIED,
                Class::VersionNegotiation => NEGOTIATED,
                _ => 0,
            };
            if conn.from(side) == Some(false) {
                conn.flags |= ANSWERED;
            }
            if conn.outcome == 0 && conn.flight == 0 {
                // Perhaps nothing of it can ever be opened: then this is all that is known.
                conn.begun.note(packet.time);
                (conn.frame, conn.time) = (context.around.frame, packet.time.nanos());
            }
        }
        let Class::Initial { version, token } = class else {
            return true;
        };
        if self.flights.is_full() {
            self.make_room(&key, context);
        }
        if let Some(conn) = self.table.value(found.index) {
            let datagram = Datagram {
                packet,
                side,
                version,
                token,
            };
            if conn.outcome == 0 {
                first_flight(
                    &mut self.flights,
                    &self.hash,
                    &key,
                    conn,
                    &datagram,
                    scratch,
                    context,
                );
            } else {
                settled(
                    &mut self.flights,
                    &self.hash,
                    &key,
                    conn,
                    &datagram,
                    scratch,
                    context,
                );
            }
            // Again with each Initial: the kernel lets everything pass from one on, because it may
            // begin another connection.
            if conn.outcome != 0 {
                context.judged_datagrams(&key);
            }
        }
        true
    }

    /// Frees the flight kept longest, so that what comes now is read.
    #[cold]
    fn make_room<S: Sink>(&mut self, key: &Key, context: &mut Context<'_, S>) {
        let Some(victim) = self.flights.eldest(key) else {
            return;
        };
        let index = self.table.position(&victim);
        if let Some(conn) = index.and_then(|index| self.table.value(index)) {
            context.stats.pool_empty = context.stats.pool_empty.wrapping_add(1);
            let loss = Some(Outcome::ReassemblyLimit);
            conclude(&mut self.flights, &victim, conn, loss, context);
        }
    }

    /// Lets go of idle connections, looking at `sets` sets of the table.
    pub fn sweep<S: Sink>(&mut self, now: Timestamp, sets: usize, context: &mut Context<'_, S>) {
        let flights = &mut self.flights;
        self.table.sweep(sets, seconds(now), |idle_s, key, conn| {
            let gone = idle_s > IDLE_S;
            if gone {
                conclude(flights, key, conn, None, context);
            }
            gone
        });
    }

    /// The end of the capture: every connection gets its fate.
    pub fn flush<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        let flights = &mut self.flights;
        let sets = self.table.sets();
        self.table.sweep(sets, 0, |_, key, conn| {
            conclude(flights, key, conn, None, context);
            true
        });
    }
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

/// An Initial of a connection without a fate.
fn first_flight<S: Sink>(
    flights: &mut Flights,
    hash: &RandomState,
    key: &Key,
    conn: &mut Conn,
    datagram: &Datagram<'_>,
    scratch: &mut [u8],
    context: &mut Context<'_, S>,
) {
    let packet = datagram.packet;
    if packet.payload_wire_len as usize > packet.payload.len() {
        conn.flags |= CUT;
    }
    if conn.flight == 0 {
        let Some(number) = flights.take(key) else {
            return;
        };
        conn.flight = number;
    }
    let from_client = conn.from(datagram.side);
    let again = conn.has(AGAIN);
    let Some((First { flight, sent }, pool)) = flights.at(conn.flight) else {
        return;
    };
    let alone = *sent == (0, 0);
    let before = flight.copied_bytes();
    let answer = flight.push(packet.payload, from_client, pool, scratch);
    let outcome = match answer {
        Probe::Found(hello) => {
            context.came_in_one(alone);
            Some(tell(conn, key, packet, &hello, hash, context))
        }
        Probe::NeedMore | Probe::NotForUs => None,
        Probe::Malformed(why) => {
            context.stats.names_malformed.bump(why.index());
            Some(Outcome::Malformed)
        }
    };
    let ours = !matches!(answer, Probe::NotForUs);
    let Some((First { flight, sent }, _)) = flights.at(conn.flight) else {
        return;
    };
    let copied = flight.copied_bytes().wrapping_sub(before);
    let count = &mut context.stats.pool_copied_bytes;
    *count = count.wrapping_add(copied);
    if ours {
        if *sent == (0, 0) && !again {
            // A new connection: what was watched on its ports is over, and what came before it and
            // could not be opened was another one.
            context.left(key);
            conn.begun = Begun::zeroed();
        }
        let (bytes, datagrams) = watch::sent(packet);
        sent.0 = sent.0.saturating_add(bytes);
        sent.1 = sent.1.saturating_add(datagrams);
        conn.begun.note(packet.time);
        (conn.frame, conn.time) = (context.around.frame, packet.time.nanos());
        if conn.client == 0 {
            conn.client = if datagram.side == Side::Low { 1 } else { 2 };
        }
        conn.id = flight.first_id().map_or(0, |id| hash.hash_one(id));
        conn.version = datagram.version;
    } else if !flight.decrypted_any() {
        // Nothing authentic: it keeps no flight, else anybody's noise would use them up.
        let cause = (flight.cause().index() as u8).saturating_add(1);
        let undecryptable = (Outcome::QuicUndecryptable.index() as u8).saturating_add(1);
        if conn.unread != undecryptable {
            conn.unread = cause;
        }
        flights.give(conn.flight);
        conn.flight = 0;
    }
    if let Some(outcome) = outcome {
        decide(flights, key, conn, outcome, context);
    }
}

/// An Initial on the ports of a settled connection: more of the same, or a new connection that
/// uses them again.
fn settled<S: Sink>(
    flights: &mut Flights,
    hash: &RandomState,
    key: &Key,
    conn: &mut Conn,
    datagram: &Datagram<'_>,
    scratch: &mut [u8],
    context: &mut Context<'_, S>,
) {
    let packet = datagram.packet;
    let id = quic::connection_id(packet.payload);
    if conn.from(datagram.side) == Some(false) || hash.hash_one(id) == conn.id {
        return;
    }
    // After a Retry the same hello comes again under another id, with the server's token. (Tokens
    // come out of earlier connections too; so where the server's side is seen, the Retry must be.)
    // After a list of versions it comes again in another one (RFC 9000 section 6.2).
    let soon = packet.time.since_ns(Timestamp(conn.time)) < RETRY_NS;
    let told = |flag| conn.has(flag) || !conn.has(ANSWERED);
    let retried = datagram.token && told(RETRIED);
    let renegotiated = datagram.version != conn.version && told(NEGOTIATED);
    let again = soon && (retried || renegotiated);
    // Only the first Initials of a connection open with the id that stands in them.
    let mut fresh = Conn {
        name: conn.name,
        hops: conn.hops,
        flags: if again {
            AGAIN | conn.flags & ANSWERED
        } else {
            0
        },
        ..Conn::zeroed()
    };
    first_flight(flights, hash, key, &mut fresh, datagram, scratch, context);
    if fresh.flight != 0 || fresh.outcome != 0 {
        *conn = fresh;
    }
}

/// Tells the name of a hello, unless it was told already and the client only came back with it.
fn tell<S: Sink>(
    conn: &mut Conn,
    key: &Key,
    packet: &Packet<'_>,
    hello: &Hello<'_>,
    hash: &RandomState,
    context: &mut Context<'_, S>,
) -> Outcome {
    let name = hello.sni.map_or(0, |name| hash.hash_one(name).max(1));
    if conn.has(AGAIN) {
        if name == conn.name {
            return Outcome::Named;
        }
        // Another name: whatever it looked like, it is a connection of its own.
        conn.flags &= !AGAIN;
        context.left(key);
    }
    conn.name = name;
    let sign = decoy(conn, packet);
    if let Some(sign) = sign {
        context.stats.desync.bump(sign.index());
    }
    context.contested = sign.is_some();
    let outcome = context.hello(hello, Seen::QuicSni);
    context.contested = false;
    outcome
}

/// The sign by which a hello's datagram stands out as one that is not meant to arrive. It is told
/// all the same, as contested: nobody tells a client of QUIC which Initial the server took, and a
/// decoy's name is told beside the true one, which comes under a connection id of its own.
fn decoy(conn: &mut Conn, packet: &Packet<'_>) -> Option<Desync> {
    let hops = packet.journey.hops;
    if hops_are_few(conn.hops, hops) {
        return Some(Desync::DecoyTtl);
    }
    conn.hops = conn.hops.max(hops);
    (checksum(packet) == Some(Sum::Wrong)).then_some(Desync::DecoyChecksum)
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
    if conn.has(AGAIN) {
        // Counted when it began.
        conn.outcome = (outcome.index() as u8).saturating_add(1);
        return;
    }
    let hello = matches!(outcome, Outcome::Named | Outcome::NoSni | Outcome::Ech);
    if hello {
        context.settled(key, sent, (0, None));
    }
    if conn.outcome == 0 {
        conn.outcome = (outcome.index() as u8).saturating_add(1);
        let at = (conn.frame, Timestamp(conn.time));
        let begun = conn.begun.time(at.1);
        context.connection(&key.endpoints(client(key, conn)), begun, at, outcome);
    }
}

/// Who is the client: the sender of the first authentic Initial, else the higher port.
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
    context: &mut Context<'_, S>,
) {
    if conn.outcome != 0 {
        return;
    }
    let mut outcome = None;
    let first = flights.at(conn.flight).filter(|_| !conn.has(AGAIN));
    if let Some((First { flight, .. }, pool)) = first {
        // The tail of the hello never came; the name may have.
        let ends = key.endpoints(client(key, conn));
        outcome = flight.peek(pool).map(|hello| {
            let at = (conn.frame, Timestamp(conn.time));
            context.elsewhere(&ends, at, |context| context.hello(&hello, Seen::QuicSni))
        });
        outcome = outcome.or(loss).or_else(|| {
            Some(if conn.has(CUT) {
                Outcome::Truncated
            } else {
                flight.cause()
            })
        });
    }
    let outcome = outcome.or(loss).unwrap_or_else(|| conn.unread());
    decide(flights, key, conn, outcome, context);
}

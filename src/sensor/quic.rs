//! QUIC connections: one first flight each, in a fixed table beside a fixed set of buffers.

use bytemuck::Zeroable;

use super::Sink;
use super::context::Context;
use crate::base::{Outcome, Seen, Timestamp};
use crate::decode::Packet;
use crate::flow::{Key, Pool, Side, Table};
use crate::names::Probe;
use crate::names::quic::{self, Class, Flight};

/// Idle seconds after which a connection leaves the table.
const IDLE_S: u32 = 60;

/// One connection. All zero is a new one.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Conn {
    /// Number and time of the newest frame of its flight.
    frame: u64,
    time: i64,
    /// Number of its flight, 0 for none.
    flight: u32,
    /// 0 while undecided, else 1 + index of its [`Outcome`].
    outcome: u8,
    /// 0 unknown, 1 the low side, 2 the high side.
    client: u8,
    /// A version whose keys are not public was seen.
    unknown_version: u8,
    /// The capture cut one of its Initials short.
    cut: u8,
}

/// All QUIC connections of one worker.
pub(super) struct Connections {
    table: Table<Conn>,
    flights: Flights,
}

struct Flights {
    pool: Pool,
    list: Vec<Option<Flight>>,
    free: Vec<u32>,
}

impl Flights {
    fn take(&mut self) -> Option<u32> {
        let number = self.free.pop()?;
        *self.list.get_mut(number.wrapping_sub(1) as usize)? = Some(Flight::new());
        Some(number)
    }

    fn give(&mut self, number: u32) {
        let slot = self.list.get_mut(number.wrapping_sub(1) as usize);
        if let Some(flight) = slot.and_then(Option::take) {
            flight.release(&mut self.pool);
            self.free.push(number);
        }
    }

    fn flight(&mut self, number: u32) -> Option<(&mut Flight, &mut Pool)> {
        let flight = self
            .list
            .get_mut(number.wrapping_sub(1) as usize)?
            .as_mut()?;
        Some((flight, &mut self.pool))
    }
}

impl Connections {
    /// Room for about `flows` connections and `buffers` unfinished flights.
    pub fn new(flows: usize, buffers: u32, seed: Option<u64>) -> Self {
        let flights = Flights {
            pool: Pool::new(buffers),
            list: (0..buffers).map(|_| None).collect(),
            free: (1..=buffers).rev().collect(),
        };
        Self {
            table: Table::new(flows, seed),
            flights,
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

    /// One datagram of any port.
    pub fn push<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        scratch: &mut [u8],
        context: &mut Context<'_, S>,
    ) {
        let class = quic::classify(packet.payload);
        if class == Class::NotQuic {
            return;
        }
        let (key, side) = Key::of(&packet.ends);
        let found = self.table.find_or_insert(&key, seconds(packet.time));
        if let Some((old_key, mut old)) = found.evicted {
            finish(
                &mut self.flights,
                &old_key,
                &mut old,
                Some(Outcome::Evicted),
                context,
            );
        }
        let Some(conn) = self.table.value(found.index) else {
            return;
        };
        if conn.outcome != 0 {
            return;
        }
        match class {
            Class::Initial { .. } | Class::Retry => {
                let from_client = conn.from(side);
                if conn.flight == 0 {
                    let Some(number) = self.flights.take() else {
                        context.stats.pool_empty = context.stats.pool_empty.wrapping_add(1);
                        let limit = Some(Outcome::ReassemblyLimit);
                        return finish(&mut self.flights, &key, conn, limit, context);
                    };
                    conn.flight = number;
                }
                conn.cut |= u8::from(packet.payload_wire_len as usize > packet.payload.len());
                (conn.frame, conn.time) = (context.around.frame, packet.time.nanos());
                let Some((flight, pool)) = self.flights.flight(conn.flight) else {
                    return;
                };
                let before = flight.copied_bytes();
                let answer = flight.push(packet.payload, from_client, pool, scratch);
                let outcome = match answer {
                    Probe::Found(hello) => Some(context.hello(&hello, Seen::QuicSni)),
                    Probe::NeedMore | Probe::NotForUs => None,
                    Probe::Malformed(why) => {
                        context.stats.names_malformed.bump(why.index());
                        Some(Outcome::Malformed)
                    }
                };
                let Some((flight, _)) = self.flights.flight(conn.flight) else {
                    return;
                };
                let copied = flight.copied_bytes().wrapping_sub(before);
                let count = &mut context.stats.pool_copied_bytes;
                *count = count.wrapping_add(copied);
                if conn.client == 0 && flight.decrypted_any() {
                    conn.client = if side == Side::Low { 1 } else { 2 };
                }
                if outcome.is_some() {
                    finish(&mut self.flights, &key, conn, outcome, context);
                }
            }
            Class::UnknownVersion(_) => conn.unknown_version = 1,
            Class::OtherLong { .. } | Class::VersionNegotiation | Class::NotQuic => {}
        }
    }

    /// Lets go of idle connections, looking at `sets` sets of the table.
    pub fn sweep<S: Sink>(&mut self, now: Timestamp, sets: usize, context: &mut Context<'_, S>) {
        let flights = &mut self.flights;
        self.table.sweep(
            sets,
            seconds(now),
            |idle_s, _| idle_s > IDLE_S,
            |key, mut conn| finish(flights, key, &mut conn, None, context),
        );
    }

    /// The end of the capture: every connection gets its fate.
    pub fn flush<S: Sink>(&mut self, context: &mut Context<'_, S>) {
        let flights = &mut self.flights;
        let sets = self.table.sets();
        self.table.sweep(
            sets,
            0,
            |_, _| true,
            |key, mut conn| finish(flights, key, &mut conn, None, context),
        );
    }
}

impl Conn {
    /// Was a packet of `side` sent by the client? `None` while nobody knows.
    const fn from(&self, side: Side) -> Option<bool> {
        match (self.client, side) {
            (0, _) => None,
            (1, Side::Low) | (2, Side::High) => Some(true),
            _ => Some(false),
        }
    }
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

/// Settles a connection: with `outcome`, or with what its state says. Only the first call counts.
fn finish<S: Sink>(
    flights: &mut Flights,
    key: &Key,
    conn: &mut Conn,
    outcome: Option<Outcome>,
    context: &mut Context<'_, S>,
) {
    let client = if conn.client == 2 {
        Side::High
    } else {
        Side::Low
    };
    let ends = key.endpoints(client);
    let mut told = None;
    if let Some((flight, pool)) = flights.flight(conn.flight) {
        if outcome.is_none() && conn.outcome == 0 {
            // The tail of the hello never came; the name may have.
            (context.around.frame, context.around.time) = (conn.frame, Timestamp(conn.time));
            context.around.ends = ends;
            let partial = flight
                .peek(pool)
                .map(|hello| context.hello(&hello, Seen::QuicSni));
            let cause = || {
                if conn.cut == 1 {
                    Outcome::Truncated
                } else {
                    flight.cause()
                }
            };
            told = Some(partial.unwrap_or_else(cause));
        }
        flights.give(conn.flight);
        conn.flight = 0;
    }
    if conn.outcome != 0 {
        return;
    }
    let unread = if conn.unknown_version == 1 {
        Outcome::QuicVersion
    } else {
        Outcome::Midstream
    };
    let outcome = outcome.or(told).unwrap_or(unread);
    conn.outcome = (outcome.index() as u8).saturating_add(1);
    context.connection(&ends, outcome);
}

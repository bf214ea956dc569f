//! Watched flows: those whose later payload is counted, because something in them matched.
//!
//! Enters: segments and datagrams of such flows. Leaves: [`Exchange`]s, each with the mark that its
//! flow was given. Never: grows (the longest idle gives way); looks at payload.
//!
//! TCP is counted by sequence numbers: a byte that comes again (a retransmission, a keep-alive
//! probe) counts once, and what the capture missed counts with the segment behind the hole. QUIC
//! hides its numbers: a datagram counts when it is too large for mere acknowledgements, see
//! [`DATAGRAM_LEN_MIN`], with all its bytes, and one that the network doubles counts twice. A QUIC
//! connection that moves to another address or port (RFC 9000 section 9) is not followed.

use bytemuck::Zeroable;

use super::exchange::{Exchange, Exchanges, Payload};
use super::table::{Key, Side, Table};
use crate::base::{Timestamp, Transport};

/// Shorter QUIC datagrams are not payload, in bytes. Acknowledgements go up during a download, and
/// there are many: counted, they would look like an upload. Without losses they take a client 31 to
/// 53 bytes, MAX_DATA and PING included, and its shortest requests, for pictures of one page, 85
/// (measured: `tests/data/captures/session-h3`). Between the two, more room is left to the
/// acknowledgements: after losses each gap takes two bytes more (RFC 9000 section 19.3.1), and a
/// server's connection id may be 20 bytes long instead of 8.
pub const DATAGRAM_LEN_MIN: u32 = 80;
/// A segment that begins so far ahead of all that was seen is not believed until the next one
/// continues it: it may be forged, and would make everything before it look like a repetition.
const HOLE_LEN_MAX: i32 = 1 << 20;
/// The same for a segment that lies so far behind: no window is that wide.
const BACK_LEN_MAX: i32 = 1 << 26;
/// Idle seconds after which a QUIC flow is forgotten; its end is not seen. Ten times the idle
/// timeout that browsers ask for.
const DATAGRAM_IDLE_S: u32 = 300;
/// The same for TCP, as a backstop: [`Watch::end`] comes before.
const STREAM_IDLE_S: u32 = 7200;
/// Buckets that say whether a QUIC flow with such ports is watched at all.
const PORTS: usize = 4096;

/// Where one direction of a TCP stream stands.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct Line {
    /// End of the highest byte believed.
    next: u32,
    /// End of the last segment that was not believed.
    far: u32,
    known: u32,
}

impl Line {
    const fn at(next: u32) -> Self {
        Self {
            next,
            far: next,
            known: 1,
        }
    }

    /// How many bytes of `seq..seq+len` are new.
    fn fresh(&mut self, seq: u32, len: u32) -> u32 {
        let end = seq.wrapping_add(len);
        let hole = seq.wrapping_sub(self.next) as i32;
        let strange = !(-BACK_LEN_MAX..=HOLE_LEN_MAX).contains(&hole);
        if self.known == 0 || (strange && seq == self.far) {
            *self = Self::at(end);
            return len;
        }
        if strange {
            self.far = end;
            return len;
        }
        let more = end.wrapping_sub(self.next) as i32;
        if more <= 0 {
            return 0;
        }
        self.next = end;
        more as u32
    }
}

/// One watched flow.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
struct State {
    exchanges: Exchanges,
    /// The frame that made it watched.
    opened: u64,
    /// The client's stream, the server's.
    lines: [Line; 2],
    /// Place of its mark.
    mark: u32,
    /// 1 the low side is the client, 2 the high side.
    client: u32,
}

impl State {
    const fn is_client(&self, side: Side) -> bool {
        matches!((self.client, side), (1, Side::Low) | (2, Side::High))
    }
}

/// How a flow is when its watch begins: the message that matched has passed.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Who sent that message.
    pub client: Side,
    /// Its last frame, its bytes and frames so far.
    pub message: Payload,
    /// Sequence number behind it; for TCP.
    pub next: u32,
    /// Sequence number of the first byte of the other side that was not seen, if known; for TCP.
    pub back: Option<u32>,
}

/// All watched flows of one worker, each with its mark `T`.
pub struct Watch<T> {
    table: Table<State>,
    marks: Vec<Option<Box<T>>>,
    /// How many QUIC flows have ports that fall into each bucket.
    ports: Vec<u16>,
    given_up: u64,
}

impl<T> Watch<T> {
    /// Room for about `flows` flows. `seed`: see [`Table::new`].
    pub fn new(flows: usize, seed: Option<u64>) -> Self {
        let table: Table<State> = Table::new(flows, seed);
        Self {
            marks: (0..table.places()).map(|_| None).collect(),
            table,
            ports: vec![0; PORTS],
            given_up: 0,
        }
    }

    /// Flows watched now.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Is nothing watched?
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Is the flow of `key` watched?
    pub fn holds(&self, key: &Key) -> bool {
        self.table.position(key).is_some()
    }

    /// Flows given up so far because others needed their place.
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Watches the flow of `key` from now on. A watch that it had before ends.
    pub fn begin(
        &mut self,
        key: &Key,
        opening: &Opening,
        mark: Box<T>,
        mut tell: impl FnMut(&T, &Exchange),
    ) {
        self.end(key, &mut tell);
        let found = self
            .table
            .find_or_insert(key, seconds(opening.message.time));
        if let Some((old_key, mut old)) = found.evicted {
            self.given_up = self.given_up.wrapping_add(1);
            self.forget(&old_key, &mut old, &mut tell);
        }
        if let Some(place) = self.marks.get_mut(found.index) {
            *place = Some(mark);
        }
        if let Some(state) = self.table.value(found.index) {
            state.mark = found.index as u32;
            state.client = if opening.client == Side::Low { 1 } else { 2 };
            state.opened = opening.message.frame;
            state.lines = [
                Line::at(opening.next),
                opening.back.map_or_else(Line::zeroed, Line::at),
            ];
            // The first payload ends nothing.
            let _ = state.exchanges.payload(&opening.message);
        }
        self.count_ports(key, true);
    }

    /// Takes `len` bytes at `seq` that `side` sent.
    pub fn segment(
        &mut self,
        key: &Key,
        side: Side,
        (seq, len): (u32, u32),
        (frame, time): (u64, Timestamp),
        tell: impl FnMut(&T, &Exchange),
    ) {
        let Some(index) = self.table.find(key, seconds(time)) else {
            return;
        };
        let Some(state) = self.table.value(index) else {
            return;
        };
        let up = state.is_client(side);
        let fresh = state.lines[usize::from(!up)].fresh(seq, len);
        self.take(index, u64::from(fresh), up, (frame, time), tell);
    }

    /// Might a UDP flow between these two ports be watched? Costs one look at a small table.
    #[inline]
    pub fn may_hold(&self, from: u16, to: u16) -> bool {
        let bucket = usize::from(from ^ to) % PORTS;
        self.ports.get(bucket).is_some_and(|n| *n > 0)
    }

    /// Takes a datagram of `len` bytes that `side` sent. `false` when its flow is not watched.
    pub fn datagram(
        &mut self,
        key: &Key,
        side: Side,
        len: u32,
        (frame, time): (u64, Timestamp),
        tell: impl FnMut(&T, &Exchange),
    ) -> bool {
        let Some(index) = self.table.find(key, seconds(time)) else {
            return false;
        };
        let Some(state) = self.table.value(index) else {
            return false;
        };
        let up = state.is_client(side);
        // The frame that began the watch is counted already.
        if len >= DATAGRAM_LEN_MIN && frame != state.opened {
            self.take(index, u64::from(len), up, (frame, time), tell);
        }
        true
    }

    fn take(
        &mut self,
        index: usize,
        bytes: u64,
        up: bool,
        (frame, time): (u64, Timestamp),
        mut tell: impl FnMut(&T, &Exchange),
    ) {
        if bytes == 0 {
            return;
        }
        let payload = Payload {
            time,
            frame,
            up,
            bytes,
            frames: 1,
        };
        let state = self.table.value(index);
        let ended = state.and_then(|state| state.exchanges.payload(&payload));
        if let (Some(exchange), Some(Some(mark))) = (ended, self.marks.get(index)) {
            tell(mark, &exchange);
        }
    }

    /// The flow is at its end, or became another one: what it has is told.
    pub fn end(&mut self, key: &Key, mut tell: impl FnMut(&T, &Exchange)) {
        if let Some(mut state) = self.table.remove(key) {
            self.forget(key, &mut state, &mut tell);
        }
    }

    /// Tells what has come to rest by `now`, looking at `sets` sets of the table.
    pub fn sweep(&mut self, now: Timestamp, sets: usize, mut tell: impl FnMut(&T, &Exchange)) {
        let (marks, ports) = (&mut self.marks, &mut self.ports);
        self.table.sweep(sets, seconds(now), |idle_s, key, state| {
            let place = marks.get_mut(state.mark as usize);
            let bound = match key.transport() {
                Transport::Tcp => STREAM_IDLE_S,
                Transport::Udp => DATAGRAM_IDLE_S,
            };
            let gone = idle_s > bound;
            if let Some(place) = place {
                let rested = state.exchanges.rested(now);
                if let (Some(exchange), Some(mark)) = (rested, &place) {
                    tell(mark, &exchange);
                }
                if gone {
                    *place = None;
                }
            }
            if gone {
                count(ports, key, false);
            }
            gone
        });
    }

    /// The end of the capture: every exchange in progress is told.
    pub fn flush(&mut self, mut tell: impl FnMut(&T, &Exchange)) {
        let marks = &mut self.marks;
        let sets = self.table.sets();
        self.table.sweep(sets, 0, |_, _, state| {
            if let Some(mark) = marks.get_mut(state.mark as usize).and_then(Option::take)
                && let Some(exchange) = state.exchanges.end()
            {
                tell(&mark, &exchange);
            }
            true
        });
        self.ports.fill(0);
    }

    /// Sets of the table, for the pace of [`Self::sweep`].
    pub const fn sets(&self) -> usize {
        self.table.sets()
    }

    /// Tells and lets go of what left the table.
    fn forget(&mut self, key: &Key, state: &mut State, tell: &mut impl FnMut(&T, &Exchange)) {
        let mark = self.marks.get_mut(state.mark as usize);
        if let Some(mark) = mark.and_then(Option::take)
            && let Some(exchange) = state.exchanges.end()
        {
            tell(&mark, &exchange);
        }
        self.count_ports(key, false);
    }

    fn count_ports(&mut self, key: &Key, more: bool) {
        count(&mut self.ports, key, more);
    }
}

/// Counts a QUIC flow in or out of its bucket.
fn count(ports: &mut [u16], key: &Key, more: bool) {
    if key.transport() != Transport::Udp {
        return;
    }
    let (low, high) = key.ports();
    if let Some(n) = ports.get_mut(usize::from(low ^ high) % PORTS) {
        // There are fewer flows than a bucket can count.
        *n = if more {
            n.saturating_add(1)
        } else {
            n.saturating_sub(1)
        };
    }
}

const fn seconds(time: Timestamp) -> u32 {
    (time.nanos() / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests;

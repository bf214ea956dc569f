//! From the payload of one flow to its exchanges: what went up and down between two rests.
//!
//! Enters: moments with payload, direction and bytes. Leaves: [`Exchange`]. Never: allocates; looks
//! at what the payload says.
//!
//! An exchange begins with payload of the client and ends when the flow rests for [`REST_NS`].
//! Payload of the server alone (a push, a session ticket after a rest) extends an exchange but
//! begins none. Two bounds bend the rule:
//!
//! - A request of at least [`SMALL_LEN`] bytes that has not been answered by as much waits for its
//!   answer up to [`ANSWER_NS`]: a search takes the server seconds, and what it finds belongs to
//!   what was uploaded. Only the server's payload can end that wait as an answer; the client's, after
//!   a rest, begins another exchange, so that the rest before it (a person reads, thinks, types)
//!   stays visible.
//! - An exchange is cut at [`LONG_NS`], so that streaming or polling without rest is told in time.
//!   The next one then begins with the next payload of the client, after hardly a rest. What only
//!   the server sends after the cut belongs to none.
//!
//! A FIN or RST ends nothing: a forged one must not cut an upload in two, and a flow that has ended
//! rests anyway.

use bytemuck::Zeroable;

use crate::base::Timestamp;

/// A flow that carries no payload for so long rests, in nanoseconds. A browser that loads a page
/// asks for the next part within a round trip or two after the last (tens to hundreds of
/// milliseconds, beyond a satellite about 700), and scripts poll while waiting about once a second
/// or faster; a person who reads, types or chooses a file leaves seconds. Of the whole numbers of
/// seconds, one is the only one between the two.
pub const REST_NS: u64 = 1_000_000_000;
/// How long a request waits for its answer, in nanoseconds: longer than face searches take to
/// answer (seconds), shorter than what long polling lets a request hang (25 seconds and more).
pub const ANSWER_NS: u64 = 10_000_000_000;
/// An exchange is cut when it lasts so long, in nanoseconds.
pub const LONG_NS: u64 = 60_000_000_000;
/// Less is no request and no answer, in bytes: HTTP/2 housekeeping (SETTINGS, PING, WINDOW_UPDATE,
/// GOAWAY: 31 to 39 bytes each inside a TLS record) and a TLS Finished (58 to 80) stay below.
pub const SMALL_LEN: u64 = 100;

/// One exchange. See [`crate::event::Burst`] for what the fields mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Time of its first payload, the client's.
    pub start: Timestamp,
    /// Time of its last payload.
    pub end: Timestamp,
    /// Numbers of those frames.
    pub frames: (u64, u64),
    /// Nanoseconds from the flow's payload before it to `start`; 0 for the first.
    pub rest_ns: u64,
    /// Bytes from the client.
    pub up: u64,
    /// Bytes to the client.
    pub down: u64,
    /// Frames with new payload from the client.
    pub up_frames: u32,
    /// Frames with new payload to the client.
    pub down_frames: u32,
}

/// Payload of one frame, or of the frames that ended with it.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    /// Packet time.
    pub time: Timestamp,
    /// Number of the frame.
    pub frame: u64,
    /// Was it sent by the client?
    pub up: bool,
    /// New bytes, at least 1.
    pub bytes: u64,
    /// Frames, at least 1.
    pub frames: u32,
}

/// Where a flow stands. All zero: nothing seen.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
pub struct Exchanges {
    start: i64,
    /// Time and frame of the newest payload, of an exchange or not.
    last: i64,
    first_frame: u64,
    last_frame: u64,
    rest_ns: u64,
    up: u64,
    down: u64,
    /// Bytes of the server since the last request.
    answered: u64,
    up_frames: u32,
    down_frames: u32,
    open: u8,
    /// A request waits for its answer.
    owed: u8,
    /// Any payload so far?
    seen: u8,
    spare: [u8; 5],
}

impl Default for Exchanges {
    fn default() -> Self {
        Self::zeroed()
    }
}

impl Exchanges {
    /// Takes payload; gives the exchange that had ended before it, if one had.
    pub fn payload(&mut self, payload: &Payload) -> Option<Exchange> {
        let waits = self.owed != 0 && !payload.up;
        let ended = if self.is_over(payload.time, waits) {
            self.end()
        } else {
            None
        };
        if self.open == 0 && payload.up {
            self.begin(payload);
        }
        if self.open != 0 {
            self.add(payload);
        }
        self.last = if self.seen == 0 {
            payload.time.nanos()
        } else {
            self.last.max(payload.time.nanos())
        };
        self.seen = 1;
        ended
    }

    /// The exchange that has ended by `now`, if one has.
    pub fn rested(&mut self, now: Timestamp) -> Option<Exchange> {
        let waits = self.owed != 0;
        if self.is_over(now, waits) {
            self.end()
        } else {
            None
        }
    }

    /// The exchange in progress: nothing more is to be expected.
    pub fn end(&mut self) -> Option<Exchange> {
        if self.open == 0 {
            return None;
        }
        let exchange = Exchange {
            start: Timestamp(self.start),
            end: Timestamp(self.last),
            frames: (self.first_frame, self.last_frame),
            rest_ns: self.rest_ns,
            up: self.up,
            down: self.down,
            up_frames: self.up_frames,
            down_frames: self.down_frames,
        };
        (self.open, self.owed) = (0, 0);
        Some(exchange)
    }

    const fn is_over(&self, now: Timestamp, waits: bool) -> bool {
        let rest = now.since_ns(Timestamp(self.last));
        let bound = if waits { ANSWER_NS } else { REST_NS };
        let long = now.since_ns(Timestamp(self.start)) >= LONG_NS;
        self.open != 0 && (rest >= bound || long)
    }

    fn begin(&mut self, payload: &Payload) {
        let rest_ns = if self.seen == 0 {
            0
        } else {
            payload.time.since_ns(Timestamp(self.last))
        };
        *self = Self {
            start: payload.time.nanos(),
            last: self.last,
            first_frame: payload.frame,
            rest_ns,
            open: 1,
            seen: self.seen,
            ..Self::zeroed()
        };
    }

    fn add(&mut self, payload: &Payload) {
        self.last_frame = payload.frame;
        if payload.up {
            self.up = self.up.saturating_add(payload.bytes);
            self.up_frames = self.up_frames.saturating_add(payload.frames);
            if payload.bytes >= SMALL_LEN {
                (self.owed, self.answered) = (1, 0);
            }
        } else {
            self.down = self.down.saturating_add(payload.bytes);
            self.down_frames = self.down_frames.saturating_add(payload.frames);
            self.answered = self.answered.saturating_add(payload.bytes);
            if self.answered >= SMALL_LEN {
                self.owed = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;

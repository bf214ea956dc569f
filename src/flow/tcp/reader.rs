//! What streams ask of the next stage, and what it answers.
//!
//! Enters: nothing. Leaves: [`Reader`] and the words between it and the streams: [`Verdict`],
//! [`Said`], [`Message`], [`Desync`]. Never: holds state.

use crate::base::{Endpoints, Outcome, Timestamp, seen::closed_set};
use crate::flow::table::{Key, Side};

/// Most bytes passed over at once: places in a stream are compared within half of its numbers.
pub const SKIP_LEN_MAX: usize = 1 << 30;
/// Highest note of a reader.
pub const NOTE_MAX: u8 = 0x3f;

/// What a reader says of bytes that stand where a message may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read a message of so many bytes; another may follow. More bytes than were shown, up to
    /// [`SKIP_LEN_MAX`]: those to come are passed over unseen (a body).
    Consumed(usize),
    /// The same for a message that told a name: whatever comes, the connection was named.
    Named(usize),
    /// So many bytes belong to a dialogue that may lead to a message: one may begin right behind
    /// them. Unlike after [`Self::Consumed`], what is missing is not waited for.
    Passed(usize),
    /// It fits so far; more bytes are needed.
    NeedMore,
    /// No message begins here.
    NotHere,
    /// A message seems to begin here but contradicts itself. Looking goes on: it may be a decoy.
    Broken,
    /// This side has told all it can; the other may tell more. `by_client`: is this side the
    /// client's? The outcome, if any, stands when nothing better comes.
    Told {
        /// What became of the connection as far as this side tells.
        outcome: Option<Outcome>,
        /// Was it sent by the client?
        by_client: bool,
    },
    /// All is known about this connection.
    Decided(Outcome),
}

closed_set! {
    /// Signs of somebody who wants to blind a monitor: segments that the receiver will not take
    /// (`decoy-*`), and bytes that can be read in more than one way. Counted by segment.
    Desync {
        /// A wrong checksum, on a side whose SYN had a right one (RFC 9293 section 3.1).
        DecoyChecksum = "decoy-checksum",
        /// A time to live that ends on the way: clearly less than the SYN's.
        DecoyTtl = "decoy-ttl",
        /// Before the first byte of the stream.
        DecoySequence = "decoy-sequence",
        /// No ACK flag, RST with data, or an acknowledgement of what was before the connection
        /// (RFC 9293 section 3.10.7.4, RFC 5961).
        DecoyAck = "decoy-ack",
        /// An MD5 signature (RFC 2385) though the SYN had none, or a timestamp from before the SYN
        /// (RFC 7323 section 5).
        DecoyOption = "decoy-option",
        /// IP options or IPv6 extension headers that the SYN had not.
        DecoyHeader = "decoy-header",
        /// Data in a SYN without the cookie of RFC 7413.
        DecoySyn = "decoy-syn",
        /// Other bytes for a place that was taken, without any sign which are the true ones.
        Overlap = "overlap",
        /// Urgent data where a message begins (RFC 6093).
        Urgent = "urgent",
    }
}

/// What is known of one side of a connection when its bytes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The reader's own, at most [`NOTE_MAX`], 0 at first: what it writes there together with a
    /// message that it read comes back with what follows.
    pub note: u8,
    /// The other side is the client.
    pub answers: bool,
    /// There is more than one reading of these bytes.
    pub contested: bool,
    /// The reader's own: a mark of the name that it told, 0 for none. A message that tells the same
    /// name again is the same message come twice.
    pub name: u32,
}

/// The next stage, as far as streams concern it.
pub trait Reader {
    /// Bytes at a place where a message may begin, sent from `ends.src`.
    fn read(&mut self, bytes: &[u8], said: &mut Said) -> Verdict;
    /// The rest of these bytes, sent from `ends.src` up to the frame `at`, will never come: what can
    /// honestly be said of them? `answers`: the other side is the client, by what was seen of it,
    /// else by its port. Another connection's packet may be the one looked at.
    fn rest(
        &mut self,
        ends: &Endpoints,
        at: (u64, Timestamp),
        answers: bool,
        bytes: &[u8],
    ) -> Option<Outcome>;
    /// A message settled the connection: `side` sent it, and it is `message`. Is what follows to be
    /// told by [`Self::payload`]? `back`: the first byte of the other side that was not seen.
    fn named(&mut self, key: &Key, side: Side, message: &Message, back: Option<u32>) -> bool {
        let _ = (key, side, message, back);
        false
    }
    /// Is [`Self::judged`] worth calling?
    fn wants_judged(&self) -> bool {
        false
    }
    /// By a packet of `time` it became certain what is not read any more.
    fn judged(&mut self, ends: &Endpoints, judged: Judged, time: Timestamp) {
        let _ = (ends, judged, time);
    }
    /// `len` bytes at `seq`, sent by `side` of a connection that is wanted.
    fn payload(&mut self, key: &Key, side: Side, seq: u32, len: u32) {
        let _ = (key, side, seq, len);
    }
    /// A connection that was wanted left the table, or its ports began another one.
    fn left(&mut self, key: &Key) {
        let _ = key;
    }
    /// The connection's fate, once. `ends.src` is its client: the side that opened it, else the
    /// one that sent a hello, else the one with the higher port. `begun`: the time of the first
    /// packet seen. `at`: number and time of the newest frame whose payload was looked at.
    fn ended(&mut self, ends: &Endpoints, begun: Timestamp, at: (u64, Timestamp), outcome: Outcome);
    /// Could a message begin here? To spare the costly looks.
    fn begins(&self, bytes: &[u8]) -> bool {
        let _ = bytes;
        true
    }
    /// A segment stood out.
    fn desync(&mut self, sign: Desync) {
        let _ = sign;
    }
    /// Is there more than one reading of what [`Self::rest`] gets next?
    fn contested(&mut self, yes: bool) {
        let _ = yes;
    }
    /// `bytes` bytes were copied to a pool buffer.
    fn copied(&mut self, bytes: usize);
    /// All pool buffers were in use; the one kept longest gave way.
    fn pool_empty(&mut self);
}

/// What is certain of a connection before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// No payload that `ends.src` sends is looked at any more, unless the other side's bytes change
    /// that.
    ReadOut,
    /// Nothing of it is looked at any more, but what `ends.src` sends within the message that
    /// settled it: sequence number and length. `watched`: [`Reader::payload`] is still called.
    Settled {
        /// Is its later payload counted?
        watched: bool,
        /// Where that message lies, when another one in its place would be read.
        again: Option<(u32, u16)>,
    },
}

/// Where a message lies in its stream, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sequence number of its first byte.
    pub from: u32,
    /// Sequence number behind the highest byte seen.
    pub to: u32,
    /// Segments that brought it.
    pub segments: u32,
}

//! A client's first flight: fragments of its hellos put in order.
//!
//! Enters: the datagrams of one UDP flow. Leaves: [`Hello`]. Never: holds more than two buffers of
//! the pool.
//!
//! A client says hello twice when the server asks for a cookie or another key share: message 0 and
//! message 1. They are kept apart by that number. Fragments may come in any order, twice, cut anew,
//! overlapping; the first copy of a byte stays, as everywhere.

use super::record::{Fragment, Records};
use crate::base::Outcome;
use crate::flow::pool::SLOT_LEN;
use crate::flow::{Assembly, Insert, Pool};
use crate::names::reader::Reader;
use crate::names::tls::{Hello, Outline, parse_hello, peek_hello};
use crate::names::{Malformed, Probe};

/// Hellos kept apart.
const HELLOS_MAX: usize = 2;
/// Type and length of a message in TLS's form.
const PREAMBLE_LEN: usize = 4;
/// Extension use_srtp (RFC 5764 section 4.1.1).
const USE_SRTP: u16 = 14;

/// The first flight of the client of one UDP flow. Must end in [`release`](Self::release), else its
/// buffers are lost to the pool.
#[derive(Default)]
pub struct Flight {
    hellos: [Option<Partial>; HELLOS_MAX],
    copied: u64,
    over_limit: bool,
    malformed: bool,
}

/// A hello that is not whole yet.
struct Partial {
    total: u32,
    body: Assembly,
}

/// Where a whole body lies.
enum Place<'d> {
    Datagram(&'d [u8]),
    Buffer(usize),
}

impl Flight {
    /// Takes one datagram of the client, in the order seen; `wire_len` as for
    /// [`classify`](super::classify). `scratch` must be longer than a buffer of the pool.
    ///
    /// `Found`: a hello is whole. `NeedMore`: pieces are missing. `NotForUs`: no piece of a hello
    /// in it. `Malformed`: whole, but broken.
    pub fn push<'a>(
        &mut self,
        datagram: &[u8],
        wire_len: usize,
        pool: &mut Pool,
        scratch: &'a mut [u8],
    ) -> Probe<Hello<'a>> {
        let mut answer = Probe::NotForUs;
        let mut whole = None;
        for fragment in Records::new(datagram, wire_len).flatten() {
            if !fragment.is_possible_hello() {
                continue;
            }
            answer = Probe::NeedMore;
            whole = self.take(&fragment, pool);
            if whole.is_some() {
                break;
            }
        }
        let body = match whole {
            None => return answer,
            Some(Place::Datagram(body)) => body,
            Some(Place::Buffer(index)) => self.prefix(index, pool),
        };
        let Some(len) = as_tls(body, body.len(), scratch) else {
            self.malformed = true;
            return Probe::Malformed(Malformed::TlsHello);
        };
        let answer = parse_hello(scratch.get(..len).unwrap_or_default());
        self.malformed |= matches!(answer, Probe::Malformed(_));
        answer
    }

    /// Keeps a fragment; tells where the body lies when it is whole.
    fn take<'d>(&mut self, fragment: &Fragment<'d>, pool: &mut Pool) -> Option<Place<'d>> {
        let total = usize::try_from(fragment.total).ok()?;
        let index = usize::from(fragment.sequence);
        let place = self.hellos.get_mut(index)?;
        if place.is_none() && fragment.data.len() == total {
            return Some(Place::Datagram(fragment.data));
        }
        if total > SLOT_LEN {
            self.over_limit = true;
        }
        if place.is_none() {
            let Some(body) = Assembly::new(pool) else {
                self.over_limit = true;
                return None;
            };
            let total = fragment.total;
            *place = Some(Partial { total, body });
        }
        // Another length makes it another message: the first one stays.
        let partial = place
            .as_mut()
            .filter(|partial| partial.total == fragment.total)?;
        let offset = usize::try_from(fragment.offset).ok()?;
        match partial.body.insert(pool, offset, fragment.data) {
            Insert::Stored => {}
            Insert::BeyondLimit | Insert::TooManyGaps => self.over_limit = true,
        }
        self.copied = self.copied.saturating_add(fragment.data.len() as u64);
        (partial.body.prefix(pool).len() == total).then_some(Place::Buffer(index))
    }

    fn prefix<'p>(&self, index: usize, pool: &'p Pool) -> &'p [u8] {
        let partial = self.hellos.get(index).and_then(Option::as_ref);
        partial.map_or(&[], |partial| partial.body.prefix(pool))
    }

    /// The name out of a hello whose end never came; see [`peek_hello`].
    pub fn peek<'a>(&self, pool: &Pool, scratch: &'a mut [u8]) -> Option<Hello<'a>> {
        let named = |index: &usize| {
            // Told twice, because what is found borrows the scratch buffer.
            let mut copy = [0; PEEK_LEN];
            let len = self.partly_as_tls(*index, pool, &mut copy);
            len.and_then(|len| peek_hello(copy.get(..len)?)).is_some()
        };
        let index = (0..HELLOS_MAX).find(named)?;
        let len = self.partly_as_tls(index, pool, scratch)?;
        peek_hello(scratch.get(..len)?)
    }

    fn partly_as_tls(&self, index: usize, pool: &Pool, out: &mut [u8]) -> Option<usize> {
        let partial = self.hellos.get(index)?.as_ref()?;
        let known = partial.body.prefix(pool);
        let room = out.len().saturating_sub(PREAMBLE_LEN);
        let known = known.get(..known.len().min(room))?;
        as_tls(known, usize::try_from(partial.total).ok()?, out)
    }

    /// Bytes copied to pool buffers so far.
    pub const fn copied_bytes(&self) -> u64 {
        self.copied
    }

    /// Did two copies of one byte differ?
    pub fn conflict(&self) -> bool {
        let hellos = self.hellos.iter().flatten();
        hellos.into_iter().any(|partial| partial.body.conflict())
    }

    /// Why there is no name, when the flow ends without one.
    pub const fn cause(&self) -> Outcome {
        if self.over_limit {
            Outcome::ReassemblyLimit
        } else if self.malformed {
            Outcome::Malformed
        } else {
            Outcome::Gap
        }
    }

    /// Gives the buffers back.
    pub fn release(self, pool: &mut Pool) {
        for partial in self.hellos.into_iter().flatten() {
            partial.body.release(pool);
        }
    }
}

/// So much of a hello is looked at to see whether its name is there.
const PEEK_LEN: usize = 4096;

/// Writes a body (or its beginning; `total` is its whole length) to `out` as the message that TLS
/// would send: type and length in front, no cookie. Gives the bytes written. `None`: it ends before
/// the cookie does, or does not fit.
fn as_tls(body: &[u8], total: usize, out: &mut [u8]) -> Option<usize> {
    let mut reader = Reader::new(body);
    reader.take(34)?;
    reader.vec8()?;
    let before = body.get(..body.len().saturating_sub(reader.len()))?;
    let cookie = reader.vec8()?;
    let behind = reader.rest();
    let gone = cookie.len().saturating_add(1);
    let [_, high, mid, low] = u32::try_from(total.checked_sub(gone)?).ok()?.to_be_bytes();
    let mut at = 0usize;
    for part in [&[1, high, mid, low], before, behind] {
        let end = at.checked_add(part.len())?;
        out.get_mut(at..end)?.copy_from_slice(part);
        at = end;
    }
    Some(at)
}

/// Does the hello ask for media keys (WebRTC)? Such connections go between people, not to a server
/// with a name. `message`: as [`Hello::message`] holds it.
pub fn carries_media(message: &[u8]) -> bool {
    let outline = Outline::of(message);
    outline.is_some_and(|mut outline| outline.extensions.any(|(kind, _)| kind == USE_SRTP))
}

//! DNS over TCP: each message behind its length in two bytes (RFC 1035 section 4.2.2, RFC 7766).
//!
//! Enters: the in-order bytes of one direction, from the start of a length. Leaves: one message
//! and how many bytes it took. Never: copies, guesses where a message begins.

use super::message::Header;
use crate::names::{Malformed, Probe};

/// Most messages of length 0 skipped in a row. Nobody sends them; without a bound, a stream of
/// zeros would be read again from its start with every segment.
const EMPTY_MAX: usize = 16;

/// The next message of `stream`, and the number of bytes up to its end (the length and skipped
/// messages of length 0 included): drop those, then ask again for the next pipelined one.
///
/// The answer depends on the bytes alone, not on how they arrived: with fewer than a length and a
/// header it is `NeedMore`; then it is decided whether this can be DNS at all (`NotForUs`: the
/// opcode is unassigned or the counts promise more than the length can hold); then the rest is
/// waited for. `Malformed` means a length shorter than a header.
pub fn next_tcp_message(stream: &[u8]) -> Probe<(&[u8], usize)> {
    let mut at = 0usize;
    for _ in 0..=EMPTY_MAX {
        let rest = stream.get(at..).unwrap_or_default();
        let Some((&prefix, body)) = rest.split_first_chunk::<2>() else {
            return Probe::NeedMore;
        };
        let len = usize::from(u16::from_be_bytes(prefix));
        at = at.saturating_add(2);
        if len == 0 {
            continue;
        }
        if len < Header::LEN {
            return Probe::Malformed(Malformed::DnsTruncated);
        }
        let Some(header) = Header::read(body) else {
            return Probe::NeedMore;
        };
        if !header.opcode_is_assigned() || !header.fits(len) {
            return Probe::NotForUs;
        }
        return match body.get(..len) {
            Some(message) => Probe::Found((message, at.saturating_add(len))),
            None => Probe::NeedMore,
        };
    }
    Probe::Malformed(Malformed::DnsTruncated)
}

//! What is said of a connection when it ends, or when its place is needed.

use super::half::Half;
use super::{Conn, Message, NAMED, Parts, Reader};
use crate::base::{Outcome, Timestamp};
use crate::flow::table::{Key, Side};

/// Settles a connection with `outcome`. Only the first call counts.
pub(super) fn decide<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    outcome: Outcome,
    reader: &mut R,
) {
    if conn.outcome == 0 {
        conn.outcome = (outcome.index() as u8).saturating_add(1);
        let ends = key.endpoints(conn.likely_client(key));
        let at = (conn.frame, Timestamp(conn.time));
        reader.ended(&ends, conn.begun.time(at.1), at, outcome);
    }
    for half in &mut conn.sides {
        if half.part != 0 {
            parts.give(half.part);
            half.part = 0;
        }
    }
}

/// Settles a connection of which nothing more is to be expected: with a name, if one can be read
/// out of what there is, else with `loss`, else with what its state says.
pub(super) fn conclude<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    loss: Option<Outcome>,
    reader: &mut R,
) {
    let outcome = if conn.outcome == 0 {
        partial(parts, key, conn, reader)
            .or_else(|| conn.named().then_some(Outcome::Named))
            .or_else(|| conn.told())
            .or(loss)
            .unwrap_or_else(|| state(conn))
    } else {
        // Counted already: this only gives back what it kept.
        Outcome::Midstream
    };
    decide(parts, key, conn, outcome, reader);
}

/// The last of a connection: its fate, and an end to its payload.
pub(super) fn leave<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    loss: Option<Outcome>,
    reader: &mut R,
) {
    conclude(parts, key, conn, loss, reader);
    if conn.wanted != 0 {
        reader.left(key);
    }
}

/// Asks the reader whether it wants what follows the `message` of `side`.
pub(super) fn want<R: Reader>(
    key: &Key,
    conn: &mut Conn,
    side: Side,
    message: &Message,
    reader: &mut R,
) {
    let back = conn.half(side.other()).next();
    conn.wanted = u8::from(reader.named(key, side, message, back));
}

/// Makes a connection give back its stretches, because they are needed or were idle too long. One
/// that kept the beginning of a message is settled; the others go on without.
pub(super) fn give_way<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    loss: Option<Outcome>,
    reader: &mut R,
) {
    let mut lost = false;
    for half in &mut conn.sides {
        if half.part == 0 {
            continue;
        }
        if half.holding() {
            let end = parts.at(half.part).map_or(0, |(part, _)| part.first.end());
            parts.give(half.part);
            half.let_go(end);
        } else if half.streams() {
            parts.give(half.part);
            half.forget();
        } else {
            lost = true;
        }
    }
    if lost {
        conclude(parts, key, conn, loss, reader);
    }
}

/// Goes on behind a hole that the receiver has got, with all that lies behind it: the capture lost
/// it, and it will not come. `got`: how far from the base. Was there one?
pub(super) fn pass_hole<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    got: usize,
    reader: &mut R,
) -> bool {
    let at = (conn.frame, Timestamp(conn.time));
    let answers = conn.likely_client(key) != side;
    let (half, note, _) = conn.half_and_note(side);
    let Some((stretch, pool)) = parts.at(half.part).filter(|_| !half.holding()) else {
        return false;
    };
    let known = &stretch.first;
    if !stretch.is_plain() || !known.has_gap() || got < known.end() {
        return false;
    }
    let len = known.prefix(pool).len();
    if len > 0 {
        // Of a single message with a hole in it the head is told when the connection ends.
        if !half.streams() {
            return false;
        }
        let ends = key.endpoints(side);
        if reader.rest(&ends, at, answers, known.prefix(pool)) == Some(Outcome::Named) {
            *note |= NAMED;
        }
    }
    let behind = match len {
        0 => known.start(),
        len => known.next_start(len).unwrap_or(len),
    };
    stretch.consume(pool, behind);
    half.base = half.base.wrapping_add(behind as u32);
    half.leave_hole();
    true
}

/// Asks the reader about messages whose rest will not come.
fn partial<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    reader: &mut R,
) -> Option<Outcome> {
    let at = (conn.frame, Timestamp(conn.time));
    for side in [Side::Low, Side::High] {
        if let Some(outcome) = doubtful(parts, key, conn, side, reader) {
            return Some(outcome);
        }
        let Some((stretch, pool)) = parts.at(conn.half(side).part) else {
            continue;
        };
        let assembly = &stretch.first;
        // Not always byte 0: a forged SYN may have told a wrong start.
        let bytes = assembly.from(pool, assembly.start());
        if bytes.is_empty() {
            continue;
        }
        let (from, to) = (assembly.start() as u32, assembly.end() as u32);
        let answers = conn.likely_client(key) != side;
        if let Some(outcome) = reader.rest(&key.endpoints(side), at, answers, bytes) {
            let half = conn.half(side);
            let message = Message {
                from: half.base.wrapping_add(from),
                to: half.base.wrapping_add(to),
                segments: u32::from(half.held).max(1),
            };
            conn.spoke_first(side);
            want(key, conn, side, &message, reader);
            return Some(outcome);
        }
    }
    None
}

/// Asks the reader about bytes of which there are several readings, or none that is sure.
fn doubtful<R: Reader>(
    parts: &mut Parts,
    key: &Key,
    conn: &mut Conn,
    side: Side,
    reader: &mut R,
) -> Option<Outcome> {
    let at = (conn.frame, Timestamp(conn.time));
    let ends = key.endpoints(side);
    let answers = conn.likely_client(key) != side;
    let (stretch, pool) = parts.at(conn.half(side).part)?;
    let unsure = stretch.doubtful_end() > 0;
    if stretch.is_plain() && !unsure {
        return None;
    }
    let sure = stretch.start() == stretch.first.start() && !stretch.first.is_empty();
    if sure && stretch.is_plain() {
        let bytes = stretch.first.from(pool, stretch.first.start());
        if let Some(outcome) = reader.rest(&ends, at, answers, bytes) {
            return Some(outcome);
        }
    }
    stretch.settle_for_doubtful();
    let start = stretch.start();
    let mut told = None;
    for reading in stretch.readings() {
        let Some((slot, len)) = stretch.compose(pool, reading, start) else {
            continue;
        };
        let bytes = pool.bytes(&slot).get(..len).unwrap_or_default();
        if !bytes.is_empty() && told.is_none() {
            reader.contested(stretch.contested());
            told = reader.rest(&ends, at, answers, bytes);
            reader.contested(false);
        }
        pool.give(slot);
    }
    if told.is_some() {
        conn.spoke_first(side);
    }
    told
}

fn state(conn: &mut Conn) -> Outcome {
    let client = conn.client_side();
    let waiting = |half: &Half| half.has_hole() || (half.part != 0 && !half.holding());
    let cut = match client {
        Some(side) => conn.half(side).was_cut(),
        None => conn.sides.iter().any(Half::was_cut),
    };
    match client {
        _ if conn.sides.iter().any(Half::broken) => Outcome::Malformed,
        _ if conn.sides.iter().any(waiting) => Outcome::Gap,
        _ if cut => Outcome::Truncated,
        Some(side) if !conn.half(side).payload_seen() => Outcome::NoPayload,
        Some(side) if conn.half(side).opened() => Outcome::OtherProtocol,
        _ => Outcome::Midstream,
    }
}

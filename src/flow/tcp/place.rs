//! One side's stream while a segment is put into it: where a message may begin, what is kept of it.
//!
//! Enters: a segment with its place in the stream. Leaves: what the reader said of the bytes that
//! are whole. Never: settles a connection.

use super::Desync;
use super::half::Half;
use super::stretch::Reading;
use super::{
    HOLD_MAX, MARGIN, Message, NAMED, NOTE_MAX, Parts, Reader, SKIP_LEN_MAX, Said, Segment, Verdict,
};
use crate::base::Outcome;
use crate::flow::assembly::Insert;
use crate::flow::pool::SLOT_LEN;
use crate::flow::table::Key;

/// What to do after a look.
pub(super) enum Next {
    Go,
    Decide(Outcome, Message),
    Told(Told, Message),
    /// The rest cannot be put together.
    Lost(Outcome),
}

/// What a side said that can say no more: see [`Verdict::Told`].
pub(super) struct Told {
    pub outcome: Option<Outcome>,
    pub by_client: bool,
}

/// A side's stream while a segment is put into it.
pub(super) struct Place<'s> {
    pub parts: &'s mut Parts,
    pub key: &'s Key,
    pub half: &'s mut Half,
    /// The reader's, and whether a name was told.
    pub note: &'s mut u8,
    /// The other side is the client.
    pub answers: bool,
    /// The reader's mark of the name that it told.
    pub name: &'s mut u32,
}

impl Place<'_> {
    /// Bytes of a side of which nothing is known, or behind a hole in a dialogue.
    pub fn midstream<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        self.half.set_base(segment.seq);
        let before = self.half.looks;
        let next = self.in_place(segment.bytes, reader);
        let none_began = self.half.looks > before && !self.half.done();
        if matches!(next, Next::Go) && none_began && !self.parts.is_scarce() {
            // A message's head may only be late: keep this with room before it.
            if let Some(number) = self.parts.take(self.key) {
                let base = segment.seq.wrapping_sub(MARGIN as u32);
                self.half.hold(number, base);
                if let Some((assembly, pool)) = self.parts.at(number) {
                    assembly.insert(pool, MARGIN, segment.bytes);
                    reader.copied(segment.bytes.len());
                }
            }
        }
        next
    }

    /// A side with nothing kept, whose place in the stream is known.
    pub fn in_order<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        let offset = segment.seq.wrapping_sub(self.half.base) as i32;
        let near = (0..SLOT_LEN as i32).contains(&offset);
        if !near && self.half.doubts_its_syn() {
            return self.midstream(segment, reader);
        }
        if segment.urgent.is_some() && (0..=0).contains(&offset) {
            return self.keep_urgent(segment, reader);
        }
        if offset <= 0 {
            let skip = offset.unsigned_abs() as usize;
            return match segment.bytes.get(skip..) {
                Some(fresh) if !fresh.is_empty() => self.in_place(fresh, reader),
                _ => Next::Go,
            };
        }
        if self.half.waits_for_head() {
            if near {
                return self.keep(offset as usize, segment.bytes, reader);
            }
            if !self.half.streams() {
                // Nobody's window is that wide before the first byte: a decoy, or much was lost.
                self.half.leave_hole();
                return Next::Go;
            }
        }
        self.midstream(segment, reader)
    }

    /// Shows bytes that begin at the side's base where they lie.
    fn in_place<R: Reader>(&mut self, mut bytes: &[u8], reader: &mut R) -> Next {
        while !bytes.is_empty() {
            match self.show(bytes, reader) {
                Verdict::Decided(outcome) => {
                    return Next::Decide(outcome, self.message(0, bytes.len(), 1));
                }
                Verdict::Told { outcome, by_client } => {
                    let told = Told { outcome, by_client };
                    return Next::Told(told, self.message(0, bytes.len(), 1));
                }
                verdict @ (Verdict::Consumed(n) | Verdict::Named(n) | Verdict::Passed(n)) => {
                    let n = n.clamp(1, SKIP_LEN_MAX);
                    self.step(n, !matches!(verdict, Verdict::Passed(_)));
                    bytes = bytes.get(n..).unwrap_or_default();
                    if self.half.done() {
                        break;
                    }
                }
                Verdict::NeedMore => return self.keep(0, bytes, reader),
                verdict @ (Verdict::NotHere | Verdict::Broken) => {
                    self.half.looked(bytes.len(), verdict == Verdict::Broken);
                    break;
                }
            }
        }
        Next::Go
    }

    /// Moves behind a message, or behind a line of a dialogue.
    const fn step(&mut self, n: usize, message: bool) {
        if message {
            self.half.consumed(n);
        } else {
            self.half.passed(n);
        }
    }

    /// Begins a stretch at the side's base.
    fn keep<R: Reader>(&mut self, offset: usize, bytes: &[u8], reader: &mut R) -> Next {
        let Some(number) = self.parts.take(self.key) else {
            // Room was made before: only a pool of nothing but this flow comes here.
            reader.pool_empty();
            return Next::Lost(Outcome::ReassemblyLimit);
        };
        self.half.part = number;
        self.half.held = 1;
        let Some((assembly, pool)) = self.parts.at(number) else {
            return Next::Go;
        };
        reader.copied(bytes.len().min(SLOT_LEN.saturating_sub(offset)));
        match assembly.insert(pool, offset, bytes).0 {
            Insert::Stored => Next::Go,
            insert => self.beyond(insert),
        }
    }

    /// A side with a stretch: put the segment in its place and show what is whole.
    pub fn collect<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        let offset = segment.seq.wrapping_sub(self.half.base) as i32;
        let skip = offset.min(0).unsigned_abs() as usize;
        let at = offset.max(0) as usize;
        let fresh = segment.bytes.get(skip..).filter(|b| !b.is_empty());
        if self.half.holding() && (fresh.is_none() || at >= SLOT_LEN) {
            // What is held lies off the way (a decoy, or much was lost): hold here instead.
            self.let_go();
            return if self.half.done() {
                Next::Go
            } else {
                self.midstream(segment, reader)
            };
        }
        let Some(fresh) = fresh else {
            return Next::Go;
        };
        let Some((assembly, pool)) = self.parts.at(self.half.part) else {
            return Next::Go;
        };
        // A keep-alive: one byte of anything in the place of the last one (RFC 9293 section 3.8.4).
        if fresh.len() == 1 && assembly.first.reaches(at) == Some(at.saturating_add(1)) {
            return Next::Go;
        }
        reader.copied(fresh.len().min(SLOT_LEN.saturating_sub(at)));
        let before = assembly.first.len();
        let (inserted, differs) = assembly.insert(pool, at, fresh);
        let more = assembly.first.len() > before;
        if differs {
            reader.desync(Desync::Overlap);
        }
        if let Some(urgent) = segment.urgent.and_then(|urgent| urgent.checked_sub(skip))
            && assembly.note_urgent(at.saturating_add(urgent))
        {
            reader.desync(Desync::Urgent);
        }
        let next = if self.half.holding() {
            self.look_back(at, reader)
        } else {
            self.half.held = self.half.held.saturating_add(u8::from(more));
            self.look_at_prefix(reader)
        };
        match next {
            Next::Go if self.half.part != 0 && inserted != Insert::Stored => self.beyond(inserted),
            next => next,
        }
    }

    /// A side that waits for a late head: a message may begin at its lowest byte, at this
    /// segment, or at an earlier one of which this is the rest.
    fn look_back<R: Reader>(&mut self, at: usize, reader: &mut R) -> Next {
        let mut hopeful = false;
        if let Some((stretch, pool)) = self.parts.at(self.half.part) {
            let start = stretch.first.start();
            let hope = stretch.hope.filter(|hope| *hope != start);
            let here = Some(at).filter(|at| *at != start && Some(*at) != hope);
            for candidate in [Some(start), hope, here].into_iter().flatten() {
                let assembly = &mut stretch.first;
                let bytes = assembly.from(pool, candidate);
                match show(
                    bytes,
                    self.half,
                    kept(self.note, self.name, self.answers),
                    reader,
                ) {
                    Verdict::Decided(outcome) => {
                        let held = u32::from(self.half.held).saturating_add(2);
                        let segments = if candidate == start { held } else { 1 };
                        let end = assembly.end();
                        return Next::Decide(outcome, self.message(candidate, end, segments));
                    }
                    Verdict::NeedMore => {
                        hopeful = true;
                        if candidate != start {
                            stretch.hope.get_or_insert(candidate);
                        }
                    }
                    Verdict::Told { outcome, by_client } => {
                        let told = Told { outcome, by_client };
                        let end = assembly.end();
                        return Next::Told(told, self.message(candidate, end, 1));
                    }
                    Verdict::Consumed(n) | Verdict::Named(n) => {
                        let end = candidate.saturating_add(n.clamp(1, SKIP_LEN_MAX));
                        stretch.consume(pool, end);
                        self.half.resume(end);
                        return self.look_at_prefix(reader);
                    }
                    Verdict::NotHere | Verdict::Broken | Verdict::Passed(_) => {
                        if hope == Some(candidate) {
                            stretch.hope = None;
                        }
                    }
                }
            }
        }
        let patience = if hopeful {
            HOLD_MAX.saturating_mul(8)
        } else {
            HOLD_MAX
        };
        self.half.held = self.half.held.saturating_add(1);
        if self.half.held > patience {
            self.let_go();
        }
        Next::Go
    }

    /// The message that begins `from` bytes behind the base, of which bytes up to `to` were seen.
    const fn message(&self, from: usize, to: usize, segments: u32) -> Message {
        Message {
            from: self.half.base.wrapping_add(from as u32),
            to: self.half.base.wrapping_add(to as u32),
            segments,
        }
    }

    /// Waits no longer for a late head.
    fn let_go(&mut self) {
        let part = self.parts.at(self.half.part);
        let end = part.map_or(0, |(stretch, _)| stretch.first.end());
        self.parts.give(self.half.part);
        self.half.let_go(end);
    }

    /// A side whose stretch begins where a message may begin.
    pub fn look_at_prefix<R: Reader>(&mut self, reader: &mut R) -> Next {
        loop {
            let Some((assembly, pool)) = self.parts.at(self.half.part) else {
                return Next::Go;
            };
            if !assembly.is_plain() {
                return self.look_at_readings(reader);
            }
            let nothing = assembly.is_empty();
            let assembly = &mut assembly.first;
            let prefix = assembly.prefix(pool);
            let len = prefix.len();
            if len == 0 {
                if nothing {
                    self.parts.give(self.half.part);
                    self.half.part = 0;
                }
                return Next::Go;
            }
            match show(
                prefix,
                self.half,
                kept(self.note, self.name, self.answers),
                reader,
            ) {
                Verdict::Decided(outcome) => {
                    let (end, segments) = (assembly.end(), u32::from(self.half.held));
                    return Next::Decide(outcome, self.message(0, end, segments));
                }
                Verdict::NeedMore => return Next::Go,
                Verdict::Told { outcome, by_client } => {
                    let (end, segments) = (assembly.end(), u32::from(self.half.held));
                    let told = Told { outcome, by_client };
                    return Next::Told(told, self.message(0, end, segments));
                }
                verdict @ (Verdict::Consumed(n) | Verdict::Named(n) | Verdict::Passed(n)) => {
                    let n = n.clamp(1, SKIP_LEN_MAX);
                    self.consume(n);
                    self.step(n, !matches!(verdict, Verdict::Passed(_)));
                }
                verdict @ (Verdict::NotHere | Verdict::Broken) => {
                    // Bytes behind a hole, if any, are let go: the hole is in a dialogue not ours.
                    self.parts.give(self.half.part);
                    self.half.part = 0;
                    self.half.looked(len, verdict == Verdict::Broken);
                    return Next::Go;
                }
            }
        }
    }

    /// Drops the first bytes of the stretch.
    fn consume(&mut self, n: usize) {
        if let Some((stretch, pool)) = self.parts.at(self.half.part) {
            stretch.consume(pool, n);
        }
    }

    /// Begins a stretch with a segment that carries an urgent byte.
    #[cold]
    fn keep_urgent<R: Reader>(&mut self, segment: &Segment<'_>, reader: &mut R) -> Next {
        let next = self.keep(0, segment.bytes, reader);
        let (Next::Go, Some(at)) = (&next, segment.urgent) else {
            return next;
        };
        if let Some((stretch, _)) = self.parts.at(self.half.part) {
            reader.desync(Desync::Urgent);
            stretch.note_urgent(at);
        }
        self.look_at_prefix(reader)
    }

    /// A side whose stretch can be read in more than one way: all are read, and a name in any of
    /// them is told. Only the first that is a message settles where the stream goes on.
    #[cold]
    #[inline(never)]
    fn look_at_readings<R: Reader>(&mut self, reader: &mut R) -> Next {
        loop {
            let Some((stretch, _)) = self.parts.at(self.half.part) else {
                return Next::Go;
            };
            let contested = stretch.contested();
            let mut next = None;
            let mut hopeful = false;
            let (mut longest, mut broken) = (0, false);
            for reading in stretch.readings() {
                let settled = next.is_some();
                // What else it could be matters only if the bytes are contested.
                if settled && !(contested && reading == Reading::Other) {
                    continue;
                }
                let Some((verdict, len)) = self.show_reading(reading, contested, reader) else {
                    continue;
                };
                longest = longest.max(len);
                match verdict {
                    Verdict::NeedMore => hopeful = true,
                    Verdict::NotHere => {}
                    Verdict::Broken => broken = true,
                    found if !settled => next = Some((found, reading)),
                    _ => {}
                }
            }
            let Some((stretch, _)) = self.parts.at(self.half.part) else {
                return Next::Go;
            };
            let (end, segments) = (stretch.first.end(), u32::from(self.half.held));
            match next {
                Some((Verdict::Decided(outcome), _)) => {
                    return Next::Decide(outcome, self.message(0, end, segments));
                }
                Some((Verdict::Told { outcome, by_client }, _)) => {
                    let told = Told { outcome, by_client };
                    return Next::Told(told, self.message(0, end, segments));
                }
                Some((
                    verdict @ (Verdict::Consumed(n) | Verdict::Named(n) | Verdict::Passed(n)),
                    reading,
                )) => {
                    let n = stretch.raw(reading, n.clamp(1, SKIP_LEN_MAX));
                    self.consume(n);
                    self.step(n, !matches!(verdict, Verdict::Passed(_)));
                    match self.parts.at(self.half.part) {
                        Some((stretch, _)) if stretch.is_plain() => {
                            return self.look_at_prefix(reader);
                        }
                        _ => {}
                    }
                }
                _ if hopeful || longest == 0 => return Next::Go,
                _ => {
                    self.parts.give(self.half.part);
                    self.half.part = 0;
                    self.half.looked(longest, broken);
                    return Next::Go;
                }
            }
        }
    }

    /// Shows one reading: what the reader said, and how long it was. `None`: nothing to show.
    fn show_reading<R: Reader>(
        &mut self,
        reading: Reading,
        contested: bool,
        reader: &mut R,
    ) -> Option<(Verdict, usize)> {
        let (stretch, pool) = self.parts.at(self.half.part)?;
        let (slot, len) = stretch.compose(pool, reading, 0)?;
        let bytes = pool.bytes(&slot).get(..len).unwrap_or_default();
        let kept = Kept {
            contested,
            ..kept(self.note, self.name, self.answers)
        };
        let verdict = (len > 0).then(|| show(bytes, self.half, kept, reader));
        pool.give(slot);
        verdict.map(|verdict| (verdict, len))
    }

    /// Shows bytes that do not lie in a stretch.
    fn show<R: Reader>(&mut self, bytes: &[u8], reader: &mut R) -> Verdict {
        let kept = kept(self.note, self.name, self.answers);
        show(bytes, self.half, kept, reader)
    }

    /// Not everything found its place. A stream of messages starts anew behind it. A single
    /// message is lost once its buffer is full; before that, a segment far ahead only leaves a
    /// hole, lest one forged segment end the reading.
    fn beyond(&mut self, insert: Insert) -> Next {
        if self.half.streams() {
            self.parts.give(self.half.part);
            self.half.forget();
            return Next::Go;
        }
        let part = self.parts.at(self.half.part);
        let full = part.is_none_or(|(stretch, pool)| stretch.first.prefix(pool).len() >= SLOT_LEN);
        if full || insert == Insert::TooManyGaps {
            return Next::Lost(Outcome::ReassemblyLimit);
        }
        self.half.leave_hole();
        Next::Go
    }
}

/// What the reader left of what it read before, and what it is to know of the bytes.
struct Kept<'s> {
    note: &'s mut u8,
    name: &'s mut u32,
    answers: bool,
    contested: bool,
}

const fn kept<'s>(note: &'s mut u8, name: &'s mut u32, answers: bool) -> Kept<'s> {
    Kept {
        note,
        name,
        answers,
        contested: false,
    }
}

/// Shows `bytes` to the reader, with the note that it left.
fn show<R: Reader>(bytes: &[u8], half: &mut Half, kept: Kept<'_>, reader: &mut R) -> Verdict {
    let note = kept.note;
    let mut said = Said {
        note: *note & NOTE_MAX,
        answers: kept.answers,
        contested: kept.contested,
        name: *kept.name,
    };
    let verdict = reader.read(bytes, &mut said);
    *kept.name = said.name;
    *note = (*note & NAMED) | (said.note & NOTE_MAX);
    if matches!(verdict, Verdict::Named(_)) {
        *note |= NAMED;
        // Each name is worth as many looks as the first.
        half.looks = 0;
    }
    verdict
}

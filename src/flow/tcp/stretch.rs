//! What a side keeps of its stream: the bytes it surely sent, and those that are in doubt.
//!
//! Enters: segments at their offset. Leaves: one or more readings of the same stretch. Never: lets
//! bytes in doubt stand in for others.
//!
//! `first` holds the first copy of each byte. `other` holds what stood out by a sign
//! ([`super::genuine`]), or, once two segments without one differ (`contested`), the later copies.
//! Bytes of TCP's urgent data are in the numbering of the stream, but most receivers take them out
//! of what they read (RFC 6093 section 2): their offsets are kept beside.

use crate::flow::assembly::{Assembly, Insert};
use crate::flow::pool::{Pool, SLOT_LEN, Slot};
use crate::flow::shelf::Kept;

/// Most urgent bytes per stretch.
const URGENT_MAX: usize = 8;

/// A stretch of one side's stream.
pub(super) struct Stretch {
    pub first: Assembly,
    other: Option<Assembly>,
    contested: bool,
    /// Where else than at its lowest byte a message seems to begin, while a late head is waited for.
    pub hope: Option<usize>,
    /// Offsets plus one; 0 is none.
    urgent: [u16; URGENT_MAX],
}

impl Kept for Stretch {
    fn begin(pool: &mut Pool) -> Option<Self> {
        Some(Self {
            first: Assembly::new(pool)?,
            other: None,
            contested: false,
            hope: None,
            urgent: [0; URGENT_MAX],
        })
    }

    fn release(self, pool: &mut Pool) {
        self.first.release(pool);
        if let Some(other) = self.other {
            other.release(pool);
        }
    }
}

/// A way to read a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// First copies, without urgent bytes.
    First,
    /// First copies, with urgent bytes.
    Inline,
    /// The other copies where there are any, without urgent bytes.
    Other,
}

impl Stretch {
    /// Is there one reading only?
    pub fn is_plain(&self) -> bool {
        !self.contested && !self.has_urgent()
    }

    /// Did segments without a sign differ?
    pub const fn contested(&self) -> bool {
        self.contested
    }

    /// Is nothing kept of it, not even in doubt?
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.other.is_none()
    }

    pub fn has_urgent(&self) -> bool {
        self.urgent.iter().any(|at| *at != 0)
    }

    /// End of the bytes set aside because of a sign; 0 when there are none.
    pub fn doubtful_end(&self) -> usize {
        match &self.other {
            Some(other) if !self.contested => other.end(),
            _ => 0,
        }
    }

    /// Puts bytes in their place. `true` when they differ from those that stood there.
    pub fn insert(&mut self, pool: &mut Pool, at: usize, bytes: &[u8]) -> (Insert, bool) {
        let inserted = self.first.insert(pool, at, bytes);
        if !self.first.take_conflict() {
            return (inserted, false);
        }
        self.contest(pool, at, bytes);
        (inserted, true)
    }

    #[cold]
    fn contest(&mut self, pool: &mut Pool, at: usize, bytes: &[u8]) {
        if !self.contested
            && let Some(doubtful) = self.other.take()
        {
            doubtful.release(pool);
        }
        if self.other.is_none() {
            self.other = Assembly::new(pool);
        }
        if let Some(other) = &mut self.other {
            self.contested = true;
            other.insert(pool, at, bytes);
            other.take_conflict();
        }
    }

    /// Sets bytes aside that stood out by a sign.
    pub fn set_aside(&mut self, pool: &mut Pool, at: usize, bytes: &[u8]) {
        if self.contested {
            return;
        }
        if self.other.is_none() {
            self.other = Assembly::new(pool);
        }
        if let Some(other) = &mut self.other {
            other.insert(pool, at, bytes);
            other.take_conflict();
        }
    }

    /// The receiver has taken all up to `end`: what was set aside before it and came no other way
    /// is what it got.
    pub fn believe(&mut self, pool: &mut Pool, end: usize) {
        let Some(other) = self.other.take() else {
            return;
        };
        if self.contested || other.end() > end {
            self.other = Some(other);
            return;
        }
        self.first.adopt(pool, &other);
        other.release(pool);
    }

    /// The byte at an offset is urgent. `true` when that was not known.
    pub fn note_urgent(&mut self, at: usize) -> bool {
        let Ok(mark) = u16::try_from(at.saturating_add(1)) else {
            return false;
        };
        if at >= SLOT_LEN || self.urgent.contains(&mark) {
            return false;
        }
        match self.urgent.iter_mut().find(|place| **place == 0) {
            Some(place) => *place = mark,
            None => return false,
        }
        self.urgent.sort_unstable();
        true
    }

    /// How many bytes of the stream are the first `n` of a reading.
    pub fn raw(&self, reading: Reading, n: usize) -> usize {
        let mut raw = n;
        if reading != Reading::Inline {
            for mark in self.urgent.iter().filter(|mark| **mark != 0) {
                if usize::from(*mark).saturating_sub(1) < raw {
                    raw = raw.saturating_add(1);
                }
            }
        }
        raw
    }

    /// Drops the first `n` bytes of the stream.
    pub fn consume(&mut self, pool: &mut Pool, n: usize) {
        self.hope = None;
        self.first.consume(pool, n);
        if let Some(other) = &mut self.other {
            other.consume(pool, n);
            if other.is_empty()
                && let Some(other) = self.other.take()
            {
                other.release(pool);
                self.contested = false;
            }
        }
        let gone = u16::try_from(n).unwrap_or(u16::MAX);
        for mark in &mut self.urgent {
            *mark = mark.saturating_sub(gone);
        }
        self.urgent.sort_unstable();
    }

    /// Which readings there are, the likeliest first.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + use<> {
        let (urgent, contested) = (self.has_urgent(), self.contested);
        [
            Some(Reading::First),
            urgent.then_some(Reading::Inline),
            contested.then_some(Reading::Other),
        ]
        .into_iter()
        .flatten()
    }

    /// Writes a reading from `start` on, as far as it is known without a hole, to a buffer of its
    /// own: the buffer, which is to be given back, and the length.
    pub fn compose(
        &self,
        pool: &mut Pool,
        reading: Reading,
        start: usize,
    ) -> Option<(Slot, usize)> {
        let target = pool.take()?;
        let other = self.other.as_ref().filter(|_| reading == Reading::Other);
        let mut to = 0usize;
        let mut at = start;
        while at < SLOT_LEN {
            let (source, end) = match other.and_then(|other| other.reaches(at)) {
                Some(end) => (other, end),
                None => match self.first.reaches(at) {
                    Some(end) => {
                        let next = other.and_then(|other| other.next_start(at));
                        (Some(&self.first), end.min(next.unwrap_or(end)))
                    }
                    None => break,
                },
            };
            let urgent = |mark: &&u16| usize::from(**mark) > at && usize::from(**mark) <= end;
            let stop = match self.urgent.iter().find(urgent) {
                Some(mark) if reading != Reading::Inline => usize::from(*mark).saturating_sub(1),
                _ => end,
            };
            if let Some(source) = source {
                pool.copy_between(source.slot(), (at, stop), &target, to);
            }
            to = to.saturating_add(stop.saturating_sub(at));
            // An urgent byte is stepped over.
            at = if stop < end {
                stop.saturating_add(1)
            } else {
                end
            };
        }
        Some((target, to))
    }

    /// The lowest byte that is known, whichever way.
    pub fn start(&self) -> usize {
        match &self.other {
            Some(other) if self.first.is_empty() => other.start(),
            Some(other) => self.first.start().min(other.start()),
            None => self.first.start(),
        }
    }

    /// Shows what was set aside as if it were contested, for want of anything better.
    pub const fn settle_for_doubtful(&mut self) -> bool {
        let any = self.other.is_some();
        self.contested |= any;
        any
    }
}

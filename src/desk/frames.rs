//! Frames of hits, on their way under seal.
//!
//! Enters: hits that became a record, each with the id of that record. Leaves: [`Framed`]: the frame
//! under the data key of the one subject it belongs to. Never: keeps a frame that nobody could open
//! (no officers, no frames); puts one frame under two subjects.
//!
//! Whose a hit was is often told seconds after it. So a frame waits [`HOLD_NS`], and longer while a
//! source of identity is known to be late, and is sealed for whoever it was by what is known then.
//! What becomes known still later moves the case, not the frame: it stays with the subject of then.
//!
//! Of each subject and vendor the first [`FIRST_MAX`] frames are kept, then the first of each hour of
//! packet time.

use std::collections::{HashMap, VecDeque};

use crate::base::{Counters, Timestamp};
use crate::event::Hit;
use crate::hits::{Frame, FrameFate, SubjectId};
use crate::identity::{Identity, Trace};
use crate::sealing::{SealedFrame, SealedKey, Sealer};

/// Frames of one subject and vendor that are kept at once.
pub const FIRST_MAX: u32 = 64;
/// Facts that come this late are on time (see `identity::lag`).
const HOLD_NS: u64 = 10_000_000_000;
/// No source is waited for longer than this.
const PATIENCE_NS: u64 = 3_600_000_000_000;
/// Frames that wait at once; the first is sealed before its time when there are more.
const WAITING_MAX: usize = 1024;
/// Pairs of subject and vendor that are counted; the one counted first gives way, and would begin
/// anew.
const PAIRS_MAX: usize = 16_384;
const HOUR_NS: i64 = 3_600_000_000_000;

/// A sealed frame, for the record.
pub struct Framed {
    /// Id of the hit's record.
    pub hit_id: String,
    /// Whose it is: nobody else's.
    pub subject: SubjectId,
    /// Whose name was seen.
    pub vendor: String,
    /// Packet time of the hit.
    pub time: Timestamp,
    /// The frame.
    pub sealed: SealedFrame,
    /// With the first frame under a data key: the key for the officers. Must be kept as long as the
    /// frames under it; when it goes, they are gone.
    pub key: Option<SealedKey>,
}

struct Waiting {
    frame: Frame,
    hit_id: String,
    vendor: String,
    time: Timestamp,
    trace: Trace,
    since: Timestamp,
}

/// How many frames a pair has.
struct Tally {
    first: u32,
    hour: i64,
}

impl Tally {
    /// Is one more kept?
    fn admit(&mut self, hour: i64) -> bool {
        let more = self.first < FIRST_MAX || hour > self.hour;
        if more {
            self.first = self.first.saturating_add(1).min(FIRST_MAX);
            self.hour = self.hour.max(hour);
        }
        more
    }
}

/// Seals frames, and records for whoever asks.
pub(super) struct Framer {
    sealer: Option<Sealer>,
    waiting: VecDeque<Waiting>,
    pairs: HashMap<(SubjectId, String), Tally>,
    order: VecDeque<(SubjectId, String)>,
    fates: Counters,
}

impl Framer {
    pub(super) fn new(sealer: Option<Sealer>) -> Self {
        Self {
            sealer,
            waiting: VecDeque::new(),
            pairs: HashMap::new(),
            order: VecDeque::new(),
            fates: Counters::new(FrameFate::ALL.len()),
        }
    }

    pub(super) const fn sealer(&mut self) -> Option<&mut Sealer> {
        self.sealer.as_mut()
    }

    /// What became of frames, along [`FrameFate`].
    pub(super) const fn fates(&self) -> &Counters {
        &self.fates
    }

    /// Takes a hit's frame; `trace` asks whose it was. At the bound another one goes to `out`.
    pub(super) fn take(
        &mut self,
        (hit, hit_id): (&Hit, &str),
        now: Timestamp,
        casework: &mut super::Casework,
        out: &mut Vec<Framed>,
    ) {
        if self.sealer.is_none() {
            self.fates.bump(FrameFate::NoOfficers.index());
            return;
        }
        let frame = match Frame::of(hit) {
            Ok(frame) => frame,
            Err(why) => return self.fates.bump(why.index()),
        };
        self.waiting.push_back(Waiting {
            frame,
            hit_id: hit_id.to_owned(),
            vendor: hit.rule.vendor.clone(),
            time: hit.time,
            trace: casework.trace(hit),
            since: now,
        });
        if self.waiting.len() > WAITING_MAX
            && let Some(first) = self.waiting.pop_front()
        {
            self.seal(first, casework.identity(), out);
        }
    }

    /// Seals what has waited long enough by `now`.
    pub(super) fn tick(&mut self, now: Timestamp, identity: &Identity, out: &mut Vec<Framed>) {
        if self.waiting.is_empty() {
            return;
        }
        let settled = identity.settled(now);
        let ripe = |it: &Waiting| {
            let waited = now.since_ns(it.since);
            let told = settled.is_none_or(|until| until >= it.time);
            waited >= HOLD_NS && told || waited >= PATIENCE_NS
        };
        let (ripe, waiting): (VecDeque<_>, _) = self.waiting.drain(..).partition(ripe);
        self.waiting = waiting;
        for it in ripe {
            self.seal(it, identity, out);
        }
    }

    /// Seals everything: at the end.
    pub(super) fn flush(&mut self, identity: &Identity, out: &mut Vec<Framed>) {
        while let Some(it) = self.waiting.pop_front() {
            self.seal(it, identity, out);
        }
    }

    fn seal(&mut self, it: Waiting, identity: &Identity, out: &mut Vec<Framed>) {
        let Some(sealer) = &mut self.sealer else {
            return;
        };
        let subject = identity.whose(&it.trace);
        let pair = (subject.clone(), it.vendor.clone());
        let hour = it.time.nanos().div_euclid(HOUR_NS);
        if !tally(&mut self.pairs, &mut self.order, pair).admit(hour) {
            self.fates.bump(FrameFate::Bound.index());
            return;
        }
        match sealer.seal_frame(&subject, &it.hit_id, &it.frame) {
            Ok((sealed, key)) => {
                let fate = FrameFate::from(it.frame.head.origin);
                self.fates.bump(fate.index());
                out.push(Framed {
                    hit_id: it.hit_id,
                    subject,
                    vendor: it.vendor,
                    time: it.time,
                    sealed,
                    key,
                });
            }
            Err(why) => {
                self.fates.bump(FrameFate::Failed.index());
                tracing::error!("{why}: the hit stands in the log without it");
            }
        }
    }
}

fn tally<'t>(
    pairs: &'t mut HashMap<(SubjectId, String), Tally>,
    order: &mut VecDeque<(SubjectId, String)>,
    pair: (SubjectId, String),
) -> &'t mut Tally {
    if !pairs.contains_key(&pair) {
        if pairs.len() >= PAIRS_MAX
            && let Some(first) = order.pop_front()
        {
            pairs.remove(&first);
        }
        order.push_back(pair.clone());
    }
    let new = Tally {
        first: 0,
        hour: i64::MIN,
    };
    pairs.entry(pair).or_insert(new)
}

#[cfg(test)]
mod tests;

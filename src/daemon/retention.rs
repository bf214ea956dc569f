//! What has had its time goes: by itself, a piece at a time.
//!
//! Enters: the days that each kind is kept, the wall clock. Leaves: an entry that says how many go,
//! then entries without payload and salt in the ledger and without rows in the store. Never: deletes
//! what belongs to a case that is open, or under a hold, when it is said to go; deletes before the
//! entry about it is on the disk; takes long: hits wait meanwhile.
//!
//! A closed case goes when the case file has let it go ([cases] closed_days), with its hits, and with
//! a subject's last case what is sealed of the subject. Hits and frames of no case, coverage, acts and
//! accounts have days of their own ([ledger.retention]).
//!
//! ```text
//! look on (a turn) -> numbers written down -> entry recorded -> deleted, a turn at a time -> look on
//! ```
//!
//! The numbers stand in a file until they are gone. When a crash comes between the entry and the end of
//! the deletion, the next start deletes the rest ([`Keeper::resume`]); when it comes before the entry,
//! the file is thrown away and all is looked for anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::books::Books;
use crate::base::Timestamp;
use crate::casefile::folder;
use crate::config::Retention;
use crate::ledger::Ledger;
use crate::record::act::Act;
use crate::record::{Acted, Actor, Body, Entry, Kind, Means};
use crate::store::{Place, Store};

const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// Time between two looks when nothing is left to do.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// After the start, and after something failed.
const PAUSE: Duration = Duration::from_secs(10);
/// About how long one turn may take: hits wait so long, a few times a second.
const TURN: Duration = Duration::from_millis(20);
/// Rows of the store that are looked at in one question.
const LOOKED: u32 = 256;
/// Entries that one entry about them speaks of, but for those of one case, which go together.
const TOGETHER: usize = 4096;
/// Entries deleted in one turn: as many as the last turns had time for, within these bounds.
const PIECE_MIN: usize = 32;
const PIECE_MAX: usize = 4096;
/// Name of the file of what is going, in the folder of the cases.
const GOING: &str = "expiring.json";

/// Runs retention by itself.
pub struct Keeper {
    days: Retention,
    closed_days: u32,
    file: PathBuf,
    due: Instant,
    round: Round,
    going: Option<Going>,
    piece: usize,
}

/// How far one look at everything has come.
#[derive(Clone)]
enum Round {
    /// Cases behind this one.
    Cases(String),
    /// The kinds from this place in [`Kind::ALL`] on, of the first the entries behind a place.
    Kinds(usize, Place),
    /// There is nothing more.
    Over,
}

/// What is recorded as deleted, and is being deleted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Going {
    /// Number of the entry that says so.
    entry: u64,
    /// What it says.
    deleted: Vec<(Kind, u64)>,
    /// Cases that go as a whole.
    cases: Vec<String>,
    /// Entries, in the order in which they go: how cases stood, then the rest, hits last.
    numbers: Vec<u64>,
    /// So many at the head go in the first turn: after it nobody can act on the cases.
    first: usize,
}

/// What one turn found.
#[derive(Default)]
struct Found {
    cases: Vec<String>,
    numbers: Vec<u64>,
}

impl Keeper {
    /// Looks for the first time a while after the start: `now`. `folder` is that of the cases.
    pub fn new(days: Retention, closed_days: u32, folder: &Path, now: Instant) -> Self {
        Self {
            days,
            closed_days,
            file: folder.join(GOING),
            due: now + PAUSE,
            round: Round::Cases(String::new()),
            going: None,
            piece: 256,
        }
    }

    /// At the start: deletes what was recorded as deleted and is not yet.
    pub fn resume(&mut self, books: &mut Books, wall: Timestamp) {
        let path = self.file.display();
        let going: Going = match fs::read(&self.file) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(going) => going,
                Err(e) => {
                    tracing::error!("{path} cannot be read, and counts for nothing: {e}");
                    return self.done();
                }
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(e) => return tracing::error!("cannot read {path}: {e}; retention looks anew"),
        };
        if !going.is_recorded(books) {
            return self.done();
        }
        tracing::info!("a deletion that a crash kept from its end goes on");
        self.going = Some(going);
        while self.going.is_some() {
            if let Err(why) = self.carry_on(books, wall) {
                return tracing::error!("{why}; retention tries again");
            }
        }
    }

    /// What time brings: one turn, if it is time. `wall` is the wall clock.
    pub fn tick(&mut self, books: &mut Books, wall: Timestamp, now: Instant) {
        if now < self.due {
            return;
        }
        self.due = match self.turn(books, wall) {
            Ok(true) => now,
            Ok(false) => now + LOOK_EVERY,
            Err(why) => {
                tracing::error!("retention has to wait: {why}");
                now + PAUSE
            }
        };
    }

    /// Looks, or deletes; `false`: there is nothing left to do.
    fn turn(&mut self, books: &mut Books, wall: Timestamp) -> Result<bool, String> {
        if self.going.is_some() {
            self.carry_on(books, wall)?;
            return Ok(true);
        }
        if !books.registrar.is_kept() {
            return Ok(false);
        }
        books.registrar.project(Instant::now());
        if matches!(&self.round, Round::Cases(from) if from.is_empty()) {
            // A hold runs out by itself.
            books.hold(wall);
        }
        let before = self.round.clone();
        let found = self.look(books, wall)?;
        if !found.numbers.is_empty()
            && let Err(why) = self.intend(books, found, wall)
        {
            // They are found again.
            self.round = before;
            return Err(why);
        }
        if matches!(self.round, Round::Over) && self.going.is_none() {
            self.round = Round::Cases(String::new());
            return Ok(false);
        }
        Ok(true)
    }

    /// Goes on with the round for a turn, or until there is enough to delete.
    fn look(&mut self, books: &Books, wall: Timestamp) -> Result<Found, String> {
        let begun = Instant::now();
        let store = books.registrar.store()?;
        let mut found = Found::default();
        loop {
            self.round = match std::mem::replace(&mut self.round, Round::Over) {
                Round::Cases(from) => {
                    let round = self.cases(books, store, (&from, wall), (begun, &mut found));
                    // What failed is looked at again.
                    round.inspect_err(|_| self.round = Round::Cases(from))?
                }
                Round::Kinds(at, place) => {
                    let round = self.kinds(store, (at, place), wall, &mut found);
                    round.inspect_err(|_| self.round = Round::Kinds(at, place))?
                }
                Round::Over => return Ok(found),
            };
            if found.numbers.len() >= TOGETHER || begun.elapsed() >= TURN {
                return Ok(found);
            }
        }
    }

    fn cases(
        &self,
        books: &Books,
        store: &Store,
        (from, wall): (&str, Timestamp),
        (begun, found): (Instant, &mut Found),
    ) -> Result<Round, String> {
        let Some(before) = before(self.closed_days, wall) else {
            return Ok(Round::Kinds(0, Place::START));
        };
        let over = store.over((before, wall), from, LOOKED)?;
        for case in over.cases {
            // The case file goes first: what it holds would be recorded anew.
            if books.casefile.holds(&case) {
                continue;
            }
            found.numbers.extend(store.goes_with(&case)?);
            found.cases.push(case.clone());
            if found.numbers.len() >= TOGETHER || begun.elapsed() >= TURN {
                return Ok(Round::Cases(case));
            }
        }
        Ok(over
            .next
            .map_or(Round::Kinds(0, Place::START), Round::Cases))
    }

    fn kinds(
        &self,
        store: &Store,
        (at, place): (usize, Place),
        wall: Timestamp,
        found: &mut Found,
    ) -> Result<Round, String> {
        let Some(kind) = Kind::ALL.get(at) else {
            return Ok(Round::Over);
        };
        let before = self.days(*kind).and_then(|days| before(days, wall));
        let next = match before {
            Some(before) => {
                let free = store.free(*kind, before, place, LOOKED)?;
                found.numbers.extend(free.numbers);
                free.next
            }
            None => None,
        };
        Ok(match next {
            Some(next) => Round::Kinds(at, next),
            None => Round::Kinds(at + 1, Place::START),
        })
    }

    /// Writes down what is to go, and records that it does.
    fn intend(&mut self, books: &mut Books, found: Found, wall: Timestamp) -> Result<(), String> {
        if let Some(why) = books.registrar.failing() {
            return Err(why.to_owned());
        }
        let Some((folder, size)) = books.registrar.ledger() else {
            return Ok(());
        };
        let going = Going::of(folder, size, found)?;
        if !going.deleted.is_empty() {
            let text = serde_json::to_vec(&going).map_err(|e| e.to_string())?;
            folder::write_whole(&self.file, &text)
                .map_err(|e| format!("cannot write {}: {e}", self.file.display()))?;
            let by = Actor {
                name: "poortwacht".into(),
                means: Means::Program,
            };
            let act = Act::Expire {
                deleted: going.deleted.clone(),
            };
            let body = Body::Act(Box::new(Acted { by, act }));
            let entry = Entry { time: wall, body };
            let now = Instant::now();
            let recorded = books.registrar.record(vec![entry], Vec::new(), now);
            if recorded.is_err() {
                self.done();
            }
            recorded?;
            books.registrar.project(now);
        }
        self.going = Some(going);
        Ok(())
    }

    /// Deletes as much as a turn has time for.
    fn carry_on(&mut self, books: &mut Books, wall: Timestamp) -> Result<(), String> {
        let Some(going) = &mut self.going else {
            return Ok(());
        };
        let begun = Instant::now();
        let many = self.piece.max(going.first).min(going.numbers.len());
        let mut piece = going.numbers.get(..many).unwrap_or_default().to_vec();
        piece.sort_unstable();
        books.registrar.expire(&piece, &going.cases, wall)?;
        going.numbers.drain(..many);
        going.first = 0;
        let took = begun.elapsed();
        if took > TURN {
            self.piece = (self.piece / 2).max(PIECE_MIN);
        } else if took < TURN / 3 {
            self.piece = (self.piece * 2).min(PIECE_MAX);
        }
        if going.numbers.is_empty() {
            self.going = None;
            self.done();
        }
        Ok(())
    }

    /// Nothing is going any more. A file that a crash leaves all the same does no harm: what it
    /// names is gone.
    fn done(&self) {
        if let Err(e) = fs::remove_file(&self.file)
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::error!("cannot remove {}: {e}", self.file.display());
        }
    }

    /// For how many days a kind is kept that belongs to no case; `None`: it goes with its case.
    const fn days(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Hit => Some(self.days.hits_days),
            Kind::Frame => Some(self.days.frames_days),
            Kind::Coverage | Kind::List | Kind::Life | Kind::Loss => Some(self.days.coverage_days),
            Kind::Triage | Kind::Unsealing | Kind::Export | Kind::Hold | Kind::Deletion => {
                Some(self.days.acts_days)
            }
            Kind::Account => Some(self.days.accounts_days),
            Kind::Case
            | Kind::Evidence
            | Kind::Step
            | Kind::Attribution
            | Kind::Alert
            | Kind::Sealed => None,
        }
    }
}

impl Going {
    /// Of what was found; `size` entries stand in the ledger in `folder`.
    fn of(folder: &Path, size: u64, mut found: Found) -> Result<Self, String> {
        found.numbers.sort_unstable();
        found.numbers.dedup();
        let there = kinds(folder, &found.numbers)?;
        let mut deleted = Vec::new();
        for kind in Kind::ALL {
            let many = there.iter().filter(|(_, it)| it == kind).count();
            if many > 0 {
                deleted.push((*kind, many as u64));
            }
        }
        let rank = |number: &u64| {
            let at = there.binary_search_by_key(number, |(number, _)| *number);
            match at.ok().and_then(|at| there.get(at)).map(|(_, kind)| *kind) {
                Some(Kind::Case) => 0,
                Some(Kind::Hit | Kind::Frame) => 2,
                _ => 1,
            }
        };
        let first = found.numbers.iter().filter(|it| rank(it) == 0).count();
        found.numbers.sort_by_key(|number| rank(number));
        Ok(Self {
            entry: size,
            deleted,
            cases: found.cases,
            numbers: found.numbers,
            first,
        })
    }

    /// Does the entry stand in the ledger?
    fn is_recorded(&self, books: &Books) -> bool {
        let entry = books.registrar.entry(self.entry);
        match entry.map(|entry| entry.body) {
            Some(Body::Act(acted)) => {
                acted.act
                    == Act::Expire {
                        deleted: self.deleted.clone(),
                    }
            }
            _ => false,
        }
    }
}

/// Entries whose payload is there, and of what kind they are. `numbers` are sorted.
fn kinds(ledger: &Path, numbers: &[u64]) -> Result<Vec<(u64, Kind)>, String> {
    /// Entries nearer to each other are read in one go.
    const NEAR: u64 = 256;
    let mut there = Vec::with_capacity(numbers.len());
    for group in numbers.chunk_by(|a, b| b.saturating_sub(*a) < NEAR) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        for stored in Ledger::read(ledger, *first)? {
            let stored = stored?;
            if stored.number > *last {
                break;
            }
            let asked = group.binary_search(&stored.number).is_ok() && stored.payload.is_some();
            if let Some(kind) = Kind::of(&stored.kind).filter(|_| asked) {
                there.push((stored.number, kind));
            }
        }
    }
    Ok(there)
}

/// The moment so many days ago; `None`: never.
fn before(days: u32, wall: Timestamp) -> Option<Timestamp> {
    let back = i64::from(days).saturating_mul(DAY_NS);
    (days > 0).then(|| Timestamp(wall.nanos().saturating_sub(back)))
}

#[cfg(test)]
mod tests;

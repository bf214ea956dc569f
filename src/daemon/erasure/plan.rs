//! What an erasure takes away, found in the ledger's files.
//!
//! Enters: the folder of a ledger that may be growing, the pseudonyms of a person. Leaves: a
//! [`Plan`]. Never: writes; holds more of the ledger in memory than one entry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::hits::{Mentions, SubjectId};
use crate::identity::Sought;
use crate::ledger::{Ledger, Stored};
use crate::record::dossier::{Dossier, Sort, Survey, Whose};
use crate::record::{Act, Body, Entry, Kind};

/// A hold that was put on a case.
pub struct Hold {
    /// Until when, seconds since the epoch.
    pub until: i64,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What goes.
#[derive(Default)]
pub struct Plan {
    /// Entry behind the last one that was looked at.
    pub through: u64,
    /// Their cases.
    pub cases: BTreeSet<String>,
    /// Their subjects.
    pub subjects: BTreeSet<SubjectId>,
    /// Words by which they may be named.
    pub words: BTreeSet<String>,
    /// Entries whose payloads go.
    pub numbers: Vec<u64>,
    /// How many of each kind.
    pub deleted: Vec<(Kind, u64)>,
    /// Digests of what was exported or released.
    pub exported: Vec<String>,
    /// Holds on their cases that were not lifted.
    pub holds: BTreeMap<String, Hold>,
    /// Cases that may be theirs, and stay.
    pub ambiguous: u64,
}

impl Plan {
    /// Looks through the whole ledger: three times, for what makes an entry theirs may stand behind
    /// it.
    ///
    /// # Errors
    /// A sentence: the ledger cannot be read.
    pub fn make(folder: &Path, sought: &Sought) -> Result<Self, String> {
        let mut dossier = dossier(folder, sought)?;
        let mut plan = Self::default();
        let mut theirs = BTreeSet::new();
        plan.through = each(folder, 0, None, |stored, entry| {
            if dossier.sort(&entry) == Sort::Theirs {
                theirs.insert(stored.number);
                plan.note(&entry);
            }
        })?;
        plan.words = dossier.words();
        plan.cases = dossier.own_cases();
        plan.subjects.clone_from(dossier.subjects());
        let cases = dossier.cases.values();
        plan.ambiguous = cases.filter(|it| it.whose == Whose::Ambiguous).count() as u64;
        let mentions = Mentions::new(&plan.words)?;
        let mut deleted: BTreeMap<Kind, u64> = BTreeMap::new();
        raw(folder, 0, |stored| {
            let payload = stored.payload.as_deref();
            if stored.number < plan.through
                && let Some(payload) = payload
                && (theirs.contains(&stored.number) || mentions.are_in(payload))
            {
                plan.numbers.push(stored.number);
                if let Some(kind) = Kind::of(&stored.kind) {
                    *deleted.entry(kind).or_default() += 1;
                }
            }
            Ok(())
        })?;
        plan.deleted = deleted.into_iter().collect();
        Ok(plan)
    }

    fn note(&mut self, entry: &Entry) {
        let Body::Act(acted) = &entry.body else {
            return;
        };
        match &acted.act {
            Act::Export { digest, .. } | Act::ReleaseUnsealing { digest, .. } => {
                self.exported.push(digest.clone());
            }
            Act::Hold {
                case,
                reason,
                until,
            } => {
                let hold = Hold {
                    until: *until,
                    by: acted.by.name.clone(),
                    reason: reason.clone(),
                };
                self.holds.insert(case.clone(), hold);
            }
            Act::LiftHold { case, .. } => drop(self.holds.remove(case)),
            _ => {}
        }
    }

    /// Is there nothing about them?
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.cases.is_empty()
    }
}

/// The first two walks: whose cases are whose, and what their evidence rests on.
///
/// # Errors
/// A sentence: the ledger cannot be read.
pub fn dossier(folder: &Path, sought: &Sought) -> Result<Dossier, String> {
    let mut survey = Survey::of(sought.clone());
    let made_of = [Kind::Case, Kind::Attribution, Kind::Evidence, Kind::Sealed];
    each(folder, 0, Some(&made_of), |_, entry| survey.take(&entry))?;
    let mut dossier = survey.end();
    each(folder, 0, Some(&[Kind::Evidence]), |_, entry| {
        dossier.learn(&entry)
    })?;
    Ok(dossier)
}

/// Shows each entry that has a payload, of these kinds. Gives the number behind the last one.
///
/// # Errors
/// A sentence: the ledger cannot be read.
pub fn each(
    folder: &Path,
    from: u64,
    kinds: Option<&[Kind]>,
    mut show: impl FnMut(&Stored, Entry),
) -> Result<u64, String> {
    raw(folder, from, |stored| {
        let kind = Kind::of(&stored.kind);
        let wanted = kind.filter(|kind| kinds.is_none_or(|kinds| kinds.contains(kind)));
        if let (Some(kind), Some(payload)) = (wanted, &stored.payload) {
            let entry = Entry::read(kind, payload)
                .map_err(|why| format!("entry {} of the ledger: {why}", stored.number))?;
            show(stored, entry);
        }
        Ok(())
    })
}

fn raw(
    folder: &Path,
    from: u64,
    mut show: impl FnMut(&Stored) -> Result<(), String>,
) -> Result<u64, String> {
    let mut through = from;
    for stored in Ledger::read(folder, from)? {
        let stored = stored?;
        through = stored.number + 1;
        show(&stored)?;
    }
    Ok(through)
}

/// Does an entry from `from` on name them?
///
/// # Errors
/// A sentence: the ledger cannot be read.
pub fn mentioned_since(folder: &Path, from: u64, mentions: &Mentions) -> Result<bool, String> {
    Ok(!mentioning(folder, from, mentions)?.is_empty())
}

/// Entries from `from` on that name them, with their kinds.
///
/// # Errors
/// A sentence: the ledger cannot be read.
pub fn mentioning(
    folder: &Path,
    from: u64,
    mentions: &Mentions,
) -> Result<Vec<(u64, Option<Kind>)>, String> {
    let mut found = Vec::new();
    raw(folder, from, |stored| {
        let payload = stored.payload.as_deref();
        if payload.is_some_and(|it| mentions.are_in(it)) {
            found.push((stored.number, Kind::of(&stored.kind)));
        }
        Ok(())
    })?;
    Ok(found)
}

//! The verdict on a bundle, for people and machines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{FAULTS_MAX, Request};
use crate::evidence::archive::Name;
use crate::evidence::data::PROGRAM;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Does all of it hold?
    pub verifies: bool,
    /// Was it opened by officers?
    pub opened: bool,
    /// The case.
    pub case: String,
    /// The key that was verified with.
    pub key: String,
    /// Does that key come from the bundle itself?
    pub key_from_bundle: bool,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Their root, hex.
    pub root: String,
    /// Entries in the bundle, by kind.
    pub kinds: BTreeMap<String, Counts>,
    /// The entry that tells of this export.
    pub exported: Option<Exported>,
    /// The program that made it.
    pub program: String,
    /// Do figures and reports follow from the entries? `false` also when another version of the
    /// program made them: then it was not compared.
    pub compared: bool,
    /// Earlier checkpoints that it grew out of.
    pub earlier: Vec<Confirmed>,
    /// Witnesses that signed it, or what it grew out of.
    pub witnesses: Vec<Confirmed>,
    /// What is wrong, the first ones.
    pub faults: Vec<Fault>,
    /// How much is wrong.
    pub fault_count: u64,
    /// What cannot be known, a sentence each.
    pub limits: Vec<String>,
}

/// Entries of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub entries: u64,
    /// Those without text: deleted or withheld.
    pub without_text: u64,
}

/// Who exported it, when and why, by the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Number of the entry.
    pub entry: u64,
    /// Account, or user of the machine.
    pub by: String,
    /// By which way.
    pub means: String,
    /// RFC 3339.
    pub time: String,
    /// Why.
    pub reason: String,
}

/// A checkpoint that the bundle's grew out of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Where it is from, or who signed it.
    pub source: String,
    /// How many entries it covers.
    pub size: u64,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// In which file; none: the archive itself, or what was given beside it.
    pub file: Option<&'static str>,
    /// Which entry of the ledger.
    pub entry: Option<u64>,
    /// What.
    pub what: String,
}

impl Report {
    pub(super) fn fault(
        &mut self,
        file: Option<Name>,
        entry: Option<u64>,
        what: impl Into<String>,
    ) {
        self.fault_count = self.fault_count.saturating_add(1);
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault {
                file: file.map(Name::label),
                entry,
                what: what.into(),
            });
        }
    }

    /// Is an entry in this file said to be wrong?
    pub(super) fn has_entry_faults_in(&self, file: Name) -> bool {
        let here = |it: &Fault| it.entry.is_some() && it.file == Some(file.label());
        self.faults.iter().any(here)
    }

    /// The verdict, and what it leaves open.
    pub(super) fn concluded(mut self, request: &Request) -> Self {
        self.verifies = self.fault_count == 0;
        self.key_from_bundle = request.key.is_none();
        if !self.verifies {
            return self;
        }
        let mut say = |text: &str| self.limits.push(text.to_owned());
        if request.key.is_none() {
            say(
                "The key lies in the bundle: this proves only that the bundle agrees with itself. \
                 Whoever made it could have made the key too; give the log's key with --key.",
            );
        }
        if request.earlier.is_empty() && request.witnesses.is_empty() {
            say(
                "Without an earlier checkpoint or a witness a rewrite of the log by the holder of \
                 its key cannot be excluded.",
            );
        }
        say(
            "That no entry of the case was left out is not proved: only the whole ledger shows that.",
        );
        if !self.compared {
            let said = format!(
                "{} made it, this is {PROGRAM} of another build: the reports are those that were \
                 exported, but were not made again from the entries to compare them.",
                self.program.escape_debug()
            );
            self.limits.push(said);
        }
        self
    }
}

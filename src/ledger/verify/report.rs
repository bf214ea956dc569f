//! What verifying found, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::note::VerifierKey;

/// Faults that are told one by one; more are counted.
const FAULTS_MAX: usize = 20;

/// What verifying found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Nothing is wrong.
    pub verifies: bool,
    /// The key that it was verified with.
    pub key: String,
    /// The key stood in the folder itself.
    pub key_from_folder: bool,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Root of their tree, in base64.
    pub root: String,
    /// What kinds of entries there are.
    pub kinds: BTreeMap<String, Kind>,
    /// Whole entries behind the checkpoint, which nothing vouches for yet.
    pub unsigned: u64,
    /// Number of the first entry that is wrong.
    pub first_wrong: Option<u64>,
    /// What is wrong, the first ones.
    pub faults: Vec<Fault>,
    /// How many things are wrong.
    pub fault_count: u64,
    /// Checkpoints in the folder that the entries agree with.
    pub checkpoints: u64,
    /// Checkpoints that were put aside earlier and that the entries agree with.
    pub earlier: Vec<Confirmed>,
    /// The newest checkpoint that each witness signed.
    pub witnesses: Vec<Witnessed>,
    /// What cannot be known, in sentences.
    pub limits: Vec<String>,
}

/// Entries of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// How many.
    pub entries: u64,
    /// Of these, how many have lost their payload by deletion.
    pub deleted: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// With which entry.
    pub entry: Option<u64>,
    /// What.
    pub what: String,
}

/// An earlier checkpoint that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Where it is from.
    pub source: String,
    /// The entries under it.
    pub size: u64,
}

/// What a witness vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// Its name.
    pub name: String,
    /// The entries under the checkpoint that it signed.
    pub size: u64,
    /// When it did, in RFC 3339.
    pub time: String,
}

impl Report {
    pub(super) fn new(key: &VerifierKey, key_from_folder: bool) -> Self {
        Self {
            verifies: false,
            key: key.to_string(),
            key_from_folder,
            size: 0,
            root: String::new(),
            kinds: BTreeMap::new(),
            unsigned: 0,
            first_wrong: None,
            faults: Vec::new(),
            fault_count: 0,
            checkpoints: 0,
            earlier: Vec::new(),
            witnesses: Vec::new(),
            limits: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, entry: Option<u64>, what: String) {
        self.fault_count += 1;
        self.first_wrong = match (self.first_wrong, entry) {
            (Some(first), Some(entry)) => Some(first.min(entry)),
            (first, entry) => first.or(entry),
        };
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { entry, what });
        }
    }

    pub(super) fn count(&mut self, kind: &str, deleted: bool) {
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.to_owned(), Kind::default());
        }
        if let Some(counts) = self.kinds.get_mut(kind) {
            counts.entries += 1;
            counts.deleted += u64::from(deleted);
        }
    }

    /// The verdict, and what it does not cover.
    pub(super) fn conclude(&mut self, has_earlier: bool, witnesses: &[VerifierKey]) {
        for key in witnesses {
            if !self.witnesses.iter().any(|said| said.name == key.name) {
                self.fault(
                    None,
                    format!("no checkpoint bears the signature of {}", key.name),
                );
            }
        }
        self.verifies = self.fault_count == 0;
        if self.key_from_folder {
            let text = "The key was taken from the folder itself: compare it with one that you \
                        have from elsewhere, or anybody can have made this ledger.";
            self.limits.push(text.into());
        }
        let earlier = self.earlier.iter().map(|said| said.size);
        let anchored = earlier.chain(self.witnesses.iter().map(|said| said.size));
        match anchored.max().filter(|size| *size > 0) {
            None if has_earlier || !witnesses.is_empty() => {}
            None => self.limits.push(
                "Without an earlier checkpoint or a witness a rewrite by the holder of the key \
                 cannot be excluded."
                    .into(),
            ),
            Some(size) if size < self.size => self.limits.push(format!(
                "A rewrite by the holder of the key is excluded for the first {size} entries; for \
                 the later {} it is not.",
                self.size - size
            )),
            Some(_) => {}
        }
        if self.unsigned > 0 {
            self.limits.push(format!(
                "{} behind the checkpoint are not signed yet and were not verified.",
                match self.unsigned {
                    1 => "1 entry".to_owned(),
                    more => format!("{more} entries"),
                }
            ));
        }
        let deleted: u64 = self.kinds.values().map(|kind| kind.deleted).sum();
        if deleted > 0 {
            self.limits.push(format!(
                "Of deleted payloads ({deleted}) kind and hour verify; what they said and why they \
                 went, these files alone cannot tell."
            ));
        }
    }
}

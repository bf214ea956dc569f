//! A bundle put together, in two halves: what the entry of the export names, then what proves it.
//!
//! Enters: lines of payload files, the vendor, a reason; later the entry of the export and the
//! proofs. Leaves: [`Prepared`] with its digest; the archive. Never: a line that it could not read,
//! an address in clear.
//!
//! The order is what makes it provable: the files are fixed, their manifest's digest goes into the
//! ledger with who, why and when, and only then the checkpoint is signed that covers it all.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{self, File, Name};
use super::data::{Data, Extent, More, PROGRAM, Why, Without};
use super::facts::Facts;
use super::listed::{self, Growth};
use super::report;
use super::select::Chosen;
use super::vendor::VendorFacts;
use super::{WHAT, readme};
use crate::console::Language;
use crate::ledger::line::Line;
use crate::ledger::proof::Piece;
use crate::record::{Act, Body, Entry, Kind};

/// What an export is made of.
pub struct Wish<'w> {
    /// The case.
    pub case: &'w str,
    /// Why; stands in the record and in the bundle.
    pub reason: &'w str,
    /// Wall clock, RFC 3339.
    pub made: String,
    /// Kinds whose text is left out.
    pub withhold: &'w BTreeSet<Kind>,
    /// What the catalogue knows.
    pub vendor: VendorFacts,
    /// Notes that witnesses signed too, as they stand in the ledger's folder; may be empty.
    pub witnessed: String,
}

/// The files that the manifest names.
pub struct Prepared {
    case: String,
    reason: String,
    files: Vec<File>,
    numbers: Vec<u64>,
}

/// What proves them.
pub struct Seal {
    /// The tlog-proof of the export's entry.
    pub export: String,
    /// Leaf and path of each entry.
    pub pieces: Vec<Piece>,
    /// Proofs from earlier checkpoints.
    pub growth: Vec<Growth>,
    /// The checkpoint that all of it stands under.
    pub checkpoint: String,
    /// The log's public key.
    pub key: String,
}

/// Puts the first half together. `lines` are the payload file's lines of the entries in `chosen`, in
/// their order: what they say counts, whatever was chosen by.
///
/// # Errors
/// A sentence: a line is broken, or nothing says how the case stands.
pub fn prepare(wish: Wish<'_>, chosen: &Chosen, lines: &[Vec<u8>]) -> Result<Prepared, String> {
    prepare_by(PROGRAM, wish, chosen, lines)
}

/// The same, as another version of the program would.
pub(super) fn prepare_by(
    program: &str,
    wish: Wish<'_>,
    chosen: &Chosen,
    lines: &[Vec<u8>],
) -> Result<Prepared, String> {
    let mut extent = Extent {
        count: lines.len() as u64,
        frames_elsewhere: chosen.frames_elsewhere,
        without_more: more(&chosen.gone_more),
        ..Extent::default()
    };
    let (mut text, mut entries, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for bytes in lines {
        let line = Line::parse(bytes).map_err(|broken| format!("a line of the ledger {broken}"))?;
        let number = line.number;
        let kind = Kind::of(line.kind).ok_or_else(|| {
            let known = "it was written by a newer program";
            format!("entry {number} is of kind {}: {known}", line.kind)
        })?;
        numbers.push(number);
        let entry = match line.content {
            None => Err(Why::Deleted),
            Some((_, payload)) => {
                let entry = Entry::read(kind, payload)
                    .map_err(|why| format!("entry {number} of the ledger: {why}"))?;
                shown(entry, wish.withhold)
            }
        };
        let mut shorter = line;
        match entry {
            Ok(entry) => entries.push((number, entry)),
            Err(why) => {
                let entry = number;
                extent.without.push(Without { entry, kind, why });
                shorter.content = None;
            }
        }
        shorter.write(&mut text);
    }
    let facts = Facts::of(wish.case, &entries)?;
    let reason = wish.reason.to_owned();
    let mut data = Data::new(facts, wish.vendor, extent, (wish.made, reason.clone()));
    data.program = program.to_owned();
    let mut files = written(&data)?;
    let mut add = |name, bytes: Vec<u8>| files.push(File { name, bytes });
    add(Name::Entries, text);
    if !chosen.keys.is_empty() {
        let mut keys = serde_json::to_vec_pretty(&chosen.keys).map_err(|e| e.to_string())?;
        keys.push(b'\n');
        add(Name::Keys, keys);
    }
    if !wish.witnessed.is_empty() {
        add(Name::Witnessed, wish.witnessed.into_bytes());
    }
    let manifest = listed::manifest(&files).into_bytes();
    files.push(File {
        name: Name::Manifest,
        bytes: manifest,
    });
    Ok(Prepared {
        case: wish.case.to_owned(),
        reason,
        files,
        numbers,
    })
}

/// The files that follow from the data.
pub(super) fn written(data: &Data) -> Result<Vec<File>, String> {
    let html = |language| report::html(data, language).map(String::into_bytes);
    Ok(vec![
        File {
            name: Name::Readme,
            bytes: readme::text(data).into_bytes(),
        },
        File {
            name: Name::English,
            bytes: html(Language::English)?,
        },
        File {
            name: Name::Dutch,
            bytes: html(Language::Dutch)?,
        },
        File {
            name: Name::Data,
            bytes: data.write()?,
        },
    ])
}

/// The entry, if it may be shown.
fn shown(entry: Entry, withhold: &BTreeSet<Kind>) -> Result<Entry, Why> {
    if withhold.contains(&entry.kind()) {
        return Err(Why::Withheld);
    }
    match &entry.body {
        Body::Hit(hit) if hit.record.poortwacht.client.addresses != "pseudonym" => Err(Why::Clear),
        _ => Ok(entry),
    }
}

fn more(counts: &BTreeMap<Kind, u64>) -> Vec<More> {
    let counts = counts.iter().filter(|(_, count)| **count > 0);
    counts
        .map(|(kind, count)| More {
            kind: *kind,
            count: *count,
        })
        .collect()
}

impl Prepared {
    /// What the record is told.
    pub fn act(&self) -> Act {
        Act::Export {
            case: Some(self.case.clone()),
            subject: None,
            what: WHAT.into(),
            reason: self.reason.clone(),
            digest: self.digest(),
        }
    }

    /// SHA-256 of the manifest, hex.
    pub fn digest(&self) -> String {
        let manifest = self.files.iter().find(|it| it.name == Name::Manifest);
        manifest.map_or_else(String::new, |it| listed::digest(&it.bytes))
    }

    /// Somebody bends a file before the manifest is made. `false`: there was nothing to bend.
    #[cfg(test)]
    pub(super) fn forge(&mut self, name: Name, from: &str, to: &str) -> bool {
        let mut bent = false;
        for file in self.files.iter_mut().filter(|it| it.name == name) {
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            bent = text.contains(from);
            file.bytes = text.replacen(from, to, 1).into_bytes();
        }
        let manifest = listed::manifest(&self.files).into_bytes();
        let is_manifest = |it: &&mut File| it.name == Name::Manifest;
        if let Some(file) = self.files.iter_mut().find(is_manifest) {
            file.bytes = manifest;
        }
        bent
    }

    /// Numbers of the entries, in their order.
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// The whole archive.
    ///
    /// # Errors
    /// As [`archive::write`].
    pub fn seal(mut self, seal: &Seal) -> Result<Vec<u8>, String> {
        let mut add = |name, text: String| {
            let bytes = text.into_bytes();
            self.files.push(File { name, bytes });
        };
        add(Name::Export, seal.export.clone());
        add(
            Name::Proofs,
            seal.pieces.iter().map(listed::proof_line).collect(),
        );
        if !seal.growth.is_empty() {
            let lines = seal.growth.iter().map(listed::growth_line);
            add(Name::Growth, lines.collect());
        }
        add(Name::Checkpoint, seal.checkpoint.clone());
        add(Name::Key, format!("{}\n", seal.key));
        archive::write(&self.case, &self.files)
    }
}

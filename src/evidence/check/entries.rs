//! Each entry of a bundle: its line, its leaf, its path to the root.
//!
//! Enters: `entries.tsv`, `proofs.tsv`, what was signed. Leaves: the entries that hold. Never: an
//! entry whose path was not followed to the root.

use super::{Ground, Report};
use crate::evidence::archive::Name;
use crate::evidence::listed;
use crate::evidence::opened::file;
use crate::ledger::leaf::Leaf;
use crate::ledger::line::Line;
use crate::ledger::proof::Piece;
use crate::ledger::tree;
use crate::record::{Entry, Kind};

/// What the entries say.
#[derive(Default)]
pub(super) struct Shown {
    /// Those with their text.
    pub(super) entries: Vec<(u64, Entry)>,
    /// Number and kind of those without.
    pub(super) without: Vec<(u64, String)>,
    /// All.
    pub(super) count: u64,
}

/// Why an entry does not hold, and in which file that is to be seen.
type Wrong = (Name, String);

/// Checks each. After a line too many or too few nothing behind it fits, so it ends there.
pub(super) fn check(ground: &Ground<'_>, report: &mut Report) -> Shown {
    let mut shown = Shown::default();
    let (lines, lines_end) = cut(file(ground.files, Name::Entries));
    let (proofs, proofs_end) = cut(file(ground.files, Name::Proofs));
    let even = lines.len() == proofs.len();
    let mut last = None;
    for at in 0..lines.len().max(proofs.len()) {
        let line = lines.get(at).copied();
        let proof = proofs.get(at).and_then(|it| std::str::from_utf8(it).ok());
        let piece = proof.and_then(listed::parse_proof);
        // Each file bears the number; the one that is right so far names the entry.
        let proved = piece.as_ref().map(|piece| piece.number);
        let written = line.and_then(number_of);
        let checked = match line {
            None => Err((
                Name::Entries,
                "it is missing here, and its proof is not".to_owned(),
            )),
            Some(line) => one(ground, line, piece.as_ref(), proofs.get(at).is_some(), last),
        };
        match checked {
            Ok((number, entry, kind)) => {
                last = Some(number);
                count(&mut shown, report, (number, entry, kind));
            }
            Err((name, what)) => {
                let number = match name {
                    Name::Proofs => written.or(proved),
                    _ => proved.or(written),
                };
                report.fault(Some(name), number, what);
                if !even {
                    return shown;
                }
                last = number.or(last);
            }
        }
    }
    for (ends, name) in [(lines_end, Name::Entries), (proofs_end, Name::Proofs)] {
        if !ends && !report.has_entry_faults_in(name) {
            report.fault(Some(name), last, "the last line does not end");
        }
    }
    shown
}

fn count(
    shown: &mut Shown,
    report: &mut Report,
    (number, entry, kind): (u64, Option<Entry>, String),
) {
    let counts = report.kinds.entry(kind.clone()).or_default();
    counts.entries = counts.entries.saturating_add(1);
    shown.count = shown.count.saturating_add(1);
    match entry {
        Some(entry) => shown.entries.push((number, entry)),
        None => {
            counts.without_text = counts.without_text.saturating_add(1);
            shown.without.push((number, kind));
        }
    }
}

/// Lines without their ends, and whether the last one ends.
fn cut(bytes: &[u8]) -> (Vec<&[u8]>, bool) {
    if bytes.is_empty() {
        return (Vec::new(), true);
    }
    let whole = bytes.strip_suffix(b"\n");
    let lines = whole.unwrap_or(bytes).split(|b| *b == b'\n').collect();
    (lines, whole.is_some())
}

/// The number that a line begins with, broken or not.
fn number_of(line: &[u8]) -> Option<u64> {
    let field = line.split(|b| *b == b'\t').next()?;
    crate::ledger::line::number(std::str::from_utf8(field).ok()?)
}

/// One entry: its number, what it says, its kind.
fn one(
    ground: &Ground<'_>,
    text: &[u8],
    piece: Option<&Piece>,
    has_proof: bool,
    last: Option<u64>,
) -> Result<(u64, Option<Entry>, String), Wrong> {
    let here = |what: &str| (Name::Entries, what.to_owned());
    let there = |what: &str| (Name::Proofs, what.to_owned());
    let whole = [text, b"\n"].concat();
    let line = Line::parse(&whole).map_err(|broken| here(&format!("its line {broken}")))?;
    let piece = piece.ok_or_else(|| match has_proof {
        true => there("its proof is none"),
        false => there("its proof is missing"),
    })?;
    let hash = tree::leaf_hash(&piece.leaf);
    let holds = |number| {
        let head = &ground.head;
        tree::includes(&hash, number, head.size, &piece.path, &head.root)
    };
    let leaf = Leaf::parse(&piece.leaf).ok_or_else(|| there("its leaf is none"))?;
    let is_its_own = match line.leaf() {
        Some(own) => own == leaf,
        None => line.kind == leaf.kind && line.hour == leaf.hour && line.fits(&hash),
    };
    if !holds(piece.number) {
        // Which of the two files is the changed one?
        return Err(if holds(line.number) && is_its_own {
            there("it bears another number in its proof")
        } else {
            there(&format!(
                "its path does not lead to the root of the {} entries that were signed",
                ground.head.size
            ))
        });
    }
    if line.number != piece.number {
        return Err(here(&format!("its line bears the number {}", line.number)));
    }
    if !is_its_own {
        return Err(here("its line is not the one that the log committed to"));
    }
    if last.is_some_and(|last| last >= line.number) {
        return Err(here("it stands twice, or out of order"));
    }
    let kind = line.kind.to_owned();
    let Some((_, payload)) = line.content else {
        return Ok((line.number, None, kind));
    };
    let known = Kind::of(line.kind).ok_or_else(|| {
        here(&format!(
            "it is of kind {kind}, which this program does not know: use a newer one"
        ))
    })?;
    let entry = Entry::read(known, payload).map_err(|why| here(&why))?;
    Ok((line.number, Some(entry), kind))
}

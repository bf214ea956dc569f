//! The proof that one entry stands in the ledger, in one file that needs nothing else.
//!
//! Enters: a ledger and a number; or a proof and a key. Leaves: the other's text; what it proves.
//! Never: trusts what a proof carries beside the leaf before it hashes to it.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra BASE64               what the entry says, see below
//! index 1234
//! BASE64                     the path to the root, one hash a line
//!
//! the checkpoint, a signed note
//! ```
//!
//! `extra` holds the line of the payload file, or, when its payload is deleted or withheld, `leaf`,
//! a tab and the leaf in hexadecimal digits.
//!
//! C2SP tlog-proof.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, Signed};
use super::layout::{self, BUNDLE_WIDTH};
use super::leaf::{Hour, Leaf};
use super::line::{self, Line};
use super::note::VerifierKey;
use super::reader::Lines;
use super::tiles::{self, Tiles};
use super::tree::{self, Hash};
use super::verify;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Longest path: a tree of 2^64 leaves.
const PATH_LEN_MAX: usize = 64;

/// What a proof shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Proven {
    /// Number of the entry.
    pub number: u64,
    /// Its kind.
    pub kind: String,
    /// Its hour.
    pub hour: Hour,
    /// Its payload, where the proof has it.
    pub payload: Option<Vec<u8>>,
    /// The checkpoint that it stands under, with its signatures.
    pub signed: Signed,
}

/// Writes the proof of an entry. Without `payload` it shows kind and hour only.
///
/// # Errors
/// A sentence: there is no such entry, it is not signed yet, or the files contradict each other.
pub fn prove(folder: &Path, number: u64, payload: bool) -> Result<String, String> {
    let signed = tiles::read_checkpoint(&folder.join(layout::CHECKPOINT))?;
    let signed = signed.ok_or_else(|| {
        format!(
            "there is no checkpoint in {}: is it the folder of a ledger?",
            folder.display()
        )
    })?;
    let piece = piece(folder, &signed.checkpoint, number)?;
    let line = payload.then(|| line_of(folder, number)).transpose()?;
    Ok(text(&piece, line, &signed))
}

/// The same under a checkpoint that the caller has.
///
/// # Errors
/// As [`prove`].
pub fn prove_under(folder: &Path, signed: &Signed, number: u64) -> Result<String, String> {
    let piece = piece(folder, &signed.checkpoint, number)?;
    Ok(text(&piece, Some(line_of(folder, number)?), signed))
}

/// What leads from one entry to a root, without what the entry says.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// Number of the entry.
    pub number: u64,
    /// Its leaf, as it stands in the tree.
    pub leaf: Vec<u8>,
    /// Siblings on the way to the root, lowest first.
    pub path: Vec<Hash>,
}

/// Leaf and path of an entry below a checkpoint of this ledger.
///
/// # Errors
/// As [`prove`].
pub fn piece(folder: &Path, head: &Checkpoint, number: u64) -> Result<Piece, String> {
    let size = head.size;
    if number >= size {
        return Err(format!(
            "entry {number} is not under the checkpoint, which covers {size} entries; a new one is \
             signed each minute"
        ));
    }
    let files = Tiles::new(folder);
    let index = number / BUNDLE_WIDTH;
    let width = size
        .saturating_sub(index.saturating_mul(BUNDLE_WIDTH))
        .min(BUNDLE_WIDTH);
    let leaves = files.bundle(index, width)?;
    let at = usize::try_from(number % BUNDLE_WIDTH).unwrap_or(usize::MAX);
    let leaf = leaves.get(at).ok_or("the bundle is too short")?;
    let path = tree::inclusion(&mut (&files, size), number, size)?;
    if !tree::includes(&tree::leaf_hash(leaf), number, size, &path, &head.root) {
        return Err(format!(
            "the files do not lead from entry {number} to the checkpoint: `poortwacht verify` tells \
             what is wrong"
        ));
    }
    Ok(Piece {
        number,
        leaf: leaf.clone(),
        path,
    })
}

/// The proof that a checkpoint of this ledger grew out of its first `old` entries.
///
/// # Errors
/// `old` is 0 or more than the checkpoint covers, or the files cannot be read.
pub fn growth(folder: &Path, head: &Checkpoint, old: u64) -> Result<Vec<Hash>, String> {
    tree::consistency(&mut (&Tiles::new(folder), head.size), old, head.size)
}

/// The root of the first `size` entries, by the tiles.
///
/// # Errors
/// There are not so many, or the files cannot be read.
pub fn root(folder: &Path, head: &Checkpoint, size: u64) -> Result<Hash, String> {
    if size > head.size {
        return Err(format!("there are only {} entries", head.size));
    }
    tree::range_hash(&mut (&Tiles::new(folder), head.size), 0, size)
}

fn text(piece: &Piece, line: Option<Vec<u8>>, signed: &Signed) -> String {
    let with_payload = |line: &Vec<u8>| Line::parse(line).is_ok_and(|it| it.content.is_some());
    let extra = line.filter(with_payload).unwrap_or_else(|| {
        let digits = super::hex::encode(&piece.leaf);
        format!("leaf\t{digits}").into_bytes()
    });
    let number = piece.number;
    let mut text = format!(
        "{FIRST_LINE}\nextra {}\nindex {number}\n",
        STANDARD.encode(extra)
    );
    for hash in &piece.path {
        text.push_str(&STANDARD.encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&signed.note.to_string());
    text
}

/// The line of an entry in its payload file, with its end.
///
/// # Errors
/// The file cannot be read, or ends before it.
pub fn line_of(folder: &Path, number: u64) -> Result<Vec<u8>, String> {
    let index = number / BUNDLE_WIDTH;
    let lines = Lines::open(folder, index)?;
    let mut lines = lines.ok_or_else(|| {
        format!(
            "{} is missing",
            folder.join(layout::payload(index)).display()
        )
    })?;
    let mut buffer = Vec::new();
    while let Some(line) = lines.next(&mut buffer) {
        let line = line.map_err(|bad| bad.why)?;
        if line.number == number {
            return Ok(buffer);
        }
    }
    Err(format!(
        "{} ends before entry {number}",
        layout::payload(index).display()
    ))
}

/// Checks a proof with the key of the log.
///
/// # Errors
/// A sentence: why it proves nothing.
pub fn check(text: &str, key: &VerifierKey) -> Result<Proven, String> {
    let form = || "it is no tlog-proof".to_owned();
    let (head, note) = text.split_once("\n\n").ok_or_else(form)?;
    let mut lines = head.split('\n');
    let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name));
    field(FIRST_LINE)
        .filter(|rest| rest.is_empty())
        .ok_or_else(form)?;
    let extra = field("extra ").ok_or("it does not say what the entry is (no `extra` line)")?;
    let extra = STANDARD
        .decode(extra)
        .map_err(|_| "its `extra` line is not base64")?;
    let number = field("index ")
        .and_then(line::number)
        .ok_or("it has no `index` line")?;
    let path: Option<Vec<Hash>> = lines
        .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
        .collect();
    let path = path.ok_or("a line of its path is no hash")?;
    if path.len() > PATH_LEN_MAX {
        return Err("its path is longer than any tree is high".into());
    }
    let signed = Signed::parse(note).map_err(|why| format!("its checkpoint: {why}"))?;
    verify::of_log(&signed, key).map_err(|why| format!("its checkpoint: {why}"))?;
    let (leaf, payload) = leaf_of(&extra, number)?;
    let head = &signed.checkpoint;
    if !tree::includes(
        &tree::leaf_hash(&leaf),
        number,
        head.size,
        &path,
        &head.root,
    ) {
        return Err(format!(
            "its path does not lead from this entry to the root of the {} entries that were signed",
            head.size
        ));
    }
    let leaf = Leaf::parse(&leaf).ok_or("its leaf is none that this program writes")?;
    Ok(Proven {
        number,
        kind: leaf.kind.to_owned(),
        hour: leaf.hour,
        payload,
        signed,
    })
}

/// Is a proof that [`check`] takes written as [`prove`] writes it, to the last byte?
pub fn is_canonical(proof: &str) -> bool {
    let again = || {
        let (head, note) = proof.split_once("\n\n")?;
        let mut lines = head.split('\n').skip(1);
        let extra = STANDARD
            .decode(lines.next()?.strip_prefix("extra ")?)
            .ok()?;
        let number = line::number(lines.next()?.strip_prefix("index ")?)?;
        let path: Option<Vec<Hash>> = lines
            .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
            .collect();
        let piece = Piece {
            number,
            leaf: leaf_of(&extra, number).ok()?.0,
            path: path?,
        };
        Some(text(&piece, Some(extra), &Signed::parse(note).ok()?))
    };
    again().is_some_and(|again| again == proof)
}

/// Leaf and payload out of the `extra` line.
fn leaf_of(extra: &[u8], number: u64) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    if let Some(digits) = extra.strip_prefix(b"leaf\t") {
        let leaf = super::hex::decode_all(digits).ok_or("its leaf is not hexadecimal")?;
        return Ok((leaf, None));
    }
    let line = Line::parse(extra).map_err(|broken| format!("the entry in it {broken}"))?;
    if line.number != number {
        return Err(format!(
            "the entry in it is {}, its index {number}",
            line.number
        ));
    }
    let leaf = line.leaf().ok_or("the entry in it has no payload")?;
    Ok((
        leaf.to_bytes(),
        line.content.map(|(_, payload)| payload.to_vec()),
    ))
}

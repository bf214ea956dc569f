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

use super::checkpoint::Signed;
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
    let size = signed.checkpoint.size;
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
    if !tree::includes(
        &tree::leaf_hash(leaf),
        number,
        size,
        &path,
        &signed.checkpoint.root,
    ) {
        return Err(format!(
            "the files do not lead from entry {number} to the checkpoint: `poortwacht verify` tells \
             what is wrong"
        ));
    }
    let line = if payload {
        line_of(folder, number)?
    } else {
        None
    };
    let extra = line.unwrap_or_else(|| format!("leaf\t{}", super::hex::encode(leaf)).into_bytes());
    let mut text = format!(
        "{FIRST_LINE}\nextra {}\nindex {number}\n",
        STANDARD.encode(extra)
    );
    for hash in path {
        text.push_str(&STANDARD.encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&signed.note.to_string());
    Ok(text)
}

/// The line of an entry that has its payload.
fn line_of(folder: &Path, number: u64) -> Result<Option<Vec<u8>>, String> {
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
            return Ok(line.content.is_some().then_some(buffer));
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

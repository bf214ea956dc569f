//! Tiles, entry bundles and notes, read from the folder of a ledger.
//!
//! Enters: a folder, hostile perhaps. Leaves: hashes, leaves, checkpoints; a sentence with the path
//! where there are none. Never: writes; reads more of a file than it may hold.
//!
//! C2SP tlog-tiles.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Signed};
use super::layout::{self, BUNDLE_WIDTH};
use super::leaf::LEAF_LEN_MAX;
use super::tree::{self, Hash, Nodes, TILE_WIDTH};

/// Longest bundle, in bytes.
const BUNDLE_LEN_MAX: usize = TILE_WIDTH * (2 + LEAF_LEN_MAX);
/// Longest file of several notes, in bytes.
const NOTES_LEN_MAX: usize = 16 << 20;

/// The tiles below a folder.
#[derive(Clone, Debug)]
pub struct Tiles {
    folder: PathBuf,
}

impl Tiles {
    /// Those of the ledger in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The first `width` hashes of a tile.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn tile(&self, level: u8, index: u64, width: u64) -> Result<Vec<Hash>, String> {
        let path = |width| layout::tile(level, index, width);
        let len = width.saturating_mul(32);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (path, bytes) = self.either(path(width), path(BUNDLE_WIDTH), TILE_WIDTH * 32)?;
        let fits = bytes.len() == len || (bytes.len() == TILE_WIDTH * 32 && is_full(&path));
        let part = bytes
            .get(..len)
            .filter(|_| fits)
            .ok_or_else(|| format!("{} holds {} bytes, not {len}", path.display(), bytes.len()))?;
        let (hashes, _) = part.as_chunks::<32>();
        Ok(hashes.to_vec())
    }

    /// The first `width` leaves of a bundle.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn bundle(&self, index: u64, width: u64) -> Result<Vec<Vec<u8>>, String> {
        let path = |width| layout::bundle(index, width);
        let (path, bytes) = self.either(path(width), path(BUNDLE_WIDTH), BUNDLE_LEN_MAX)?;
        let mut leaves = unbundle(&bytes).ok_or_else(|| {
            format!(
                "{} is no bundle of leaves: a length in it is wrong",
                path.display()
            )
        })?;
        let held = leaves.len() as u64;
        if held != width && !(is_full(&path) && held == BUNDLE_WIDTH) {
            return Err(format!(
                "{} holds {held} leaves, not {width}",
                path.display()
            ));
        }
        leaves.truncate(usize::try_from(width).unwrap_or(usize::MAX));
        Ok(leaves)
    }

    /// The file, or the one that took its place when it became full.
    fn either(
        &self,
        partial: PathBuf,
        full: PathBuf,
        len_max: usize,
    ) -> Result<(PathBuf, Vec<u8>), String> {
        let path = self.folder.join(&partial);
        match read_at_most(&path, len_max) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && partial != full => {
                let instead = self.folder.join(full);
                let read = read_at_most(&instead, len_max);
                read.map(|bytes| (instead, bytes))
                    .map_err(|_| unreadable(&path, &e))
            }
            Err(e) => Err(unreadable(&path, &e)),
            Ok(bytes) => Ok((path, bytes)),
        }
    }
}

/// A name of digits; the name of a partial one stands in a folder `NAME.p`.
fn is_full(path: &Path) -> bool {
    let above = path.parent().and_then(Path::extension);
    above.is_none_or(|extension| extension != "p")
}

impl Nodes for (&Tiles, u64) {
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, String> {
        let (tiles, size) = self;
        let (tile_level, within) = (level / 8, level % 8);
        let first = index.checked_shl(within).unwrap_or(u64::MAX);
        let tile = first / BUNDLE_WIDTH;
        let all = size.checked_shr(tile_level.saturating_mul(8)).unwrap_or(0);
        let width = all
            .saturating_sub(tile.saturating_mul(BUNDLE_WIDTH))
            .min(BUNDLE_WIDTH);
        let hashes = tiles.tile(u8::try_from(tile_level).unwrap_or(u8::MAX), tile, width)?;
        let at = usize::try_from(first % BUNDLE_WIDTH).unwrap_or(usize::MAX);
        let part = hashes.get(at..at.saturating_add(1usize << within));
        part.map(tree::above)
            .ok_or_else(|| format!("no node {index} at level {level} in a tree of {size}"))
    }
}

/// The leaves of a bundle: each behind its length in two bytes. `None`: the lengths are wrong.
pub fn unbundle(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut leaves, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (len, behind) = rest.split_first_chunk::<2>()?;
        let (leaf, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        leaves.push(leaf.to_vec());
        rest = behind;
    }
    Some(leaves)
}

/// Adds a leaf to a bundle.
pub fn bundle_up(bundle: &mut Vec<u8>, leaf: &[u8]) {
    // A leaf is at most 70 bytes long.
    bundle.extend(u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
    bundle.extend(leaf);
}

/// One note from a file; `None` when there is no such file.
///
/// # Errors
/// A sentence with the path.
pub fn read_checkpoint(path: &Path) -> Result<Option<Signed>, String> {
    let Some(text) = read_text(path)? else {
        return Ok(None);
    };
    let parsed = Signed::parse(&text);
    parsed
        .map(Some)
        .map_err(|why| format!("{} is no checkpoint: {why}", path.display()))
}

/// The notes of a file that holds several, as text; none when there is no such file.
///
/// # Errors
/// A sentence with the path.
pub fn read_notes(path: &Path) -> Result<Vec<String>, String> {
    let text = read_text(path)?.unwrap_or_default();
    Ok(checkpoint::several(&text).map(str::to_owned).collect())
}

fn read_text(path: &Path) -> Result<Option<String>, String> {
    match read_at_most(path, NOTES_LEN_MAX) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(path, &e)),
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| format!("{} is not text in UTF-8", path.display())),
    }
}

/// The whole file; an error when it is longer.
fn read_at_most(path: &Path, len_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = (len_max as u64).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > len_max {
        let what = format!("it is longer than {len_max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, e: &io::Error) -> String {
    format!("cannot read {}: {e}", path.display())
}

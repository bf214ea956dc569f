//! The Merkle tree of RFC 6962: hashes of leaves and nodes, the right edge that a writer keeps, and
//! proofs.
//!
//! Enters: leaves, one after the other; nodes by level and index. Leaves: full tiles of 256 hashes,
//! roots, proofs and their judgement. Never: touches a file.
//!
//! RFC 6962 section 2.1 (hashes, paths), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (checking them).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use ring::digest::{Context, Digest, SHA256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 256;
/// Levels of the tree that a tile spans.
const TILE_HEIGHT: u32 = 8;

fn bytes(digest: &Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// SHA-256 of several parts, one behind the other.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    bytes(&context.finish())
}

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// The hash of a node above two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash above `hashes`, whose number is a power of two.
pub fn above(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let pairs = row.chunks(2);
        row = pairs
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                other => other.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(empty_root)
}

/// A tile, full or not: `hashes` of nodes at `level * 8` above the leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0: of leaves.
    pub level: u8,
    /// Its place within the level.
    pub index: u64,
    /// 1 to 256 of them.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// As it stands in its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }
}

/// What a growing tree needs to remember: for each level the hashes of its last tile, while that is
/// not full. A few kilobytes for any size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// A tree of this size, from the hashes of its last tiles that are not full, lowest level first.
    ///
    /// # Errors
    /// Their numbers do not fit the size.
    pub fn new(size: u64, levels: Vec<Vec<Hash>>) -> Result<Self, String> {
        let fits = levels
            .iter()
            .zip(widths(size))
            .all(|(row, width)| row.len() == width);
        if !fits || levels.len() != widths(size).count() {
            return Err(format!("these tiles are not the edge of {size} entries"));
        }
        Ok(Self { size, levels })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes one more leaf; a tile that it fills goes to `full`, the lowest first.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        self.size = self.size.saturating_add(1);
        let mut hash = leaf;
        for level in 0u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(row) = self.levels.get_mut(at) else {
                return;
            };
            row.push(hash);
            if row.len() < TILE_WIDTH {
                return;
            }
            let hashes = std::mem::take(row);
            hash = above(&hashes);
            full.push(Tile {
                level,
                index: tiles_full(self.size, level).saturating_sub(1),
                hashes,
            });
        }
    }

    /// The last tiles, those that are not full and not empty.
    pub fn partial(&self) -> impl Iterator<Item = Tile> {
        let levels = (0u8..).zip(&self.levels).filter(|(_, row)| !row.is_empty());
        levels.map(|(level, row)| Tile {
            level,
            index: tiles_full(self.size, level),
            hashes: row.clone(),
        })
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for row in &self.levels {
            // The smallest perfect subtree stands furthest right.
            let mut rest = row.as_slice();
            while !rest.is_empty() {
                let width = 1usize << rest.len().trailing_zeros();
                let (left, subtree) = rest.split_at(rest.len().saturating_sub(width));
                let hash = above(subtree);
                root = Some(root.map_or(hash, |right| node_hash(&hash, &right)));
                rest = left;
            }
        }
        root.unwrap_or_else(empty_root)
    }
}

/// Full tiles of a level in a tree of this size.
pub fn tiles_full(size: u64, level: u8) -> u64 {
    let shift = u32::from(level)
        .saturating_add(1)
        .saturating_mul(TILE_HEIGHT);
    size.checked_shr(shift).unwrap_or(0)
}

/// For each level, lowest first, how many hashes stand in its last tile that is not full. Ends at
/// the highest level that has any tile.
pub fn widths(size: u64) -> impl Iterator<Item = usize> {
    let mut rest = size;
    std::iter::from_fn(move || {
        let width = rest & 0xff;
        let some = rest > 0;
        rest >>= TILE_HEIGHT;
        some.then_some(usize::try_from(width).unwrap_or(0))
    })
}

/// Where proofs take nodes from: `level` above the leaves and index within it. Asked only for nodes
/// whose subtree is full.
pub trait Nodes {
    /// The hash of the node.
    ///
    /// # Errors
    /// A sentence: why it cannot be had.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, String>;
}

/// The largest power of two below `n`; `n` above 1.
fn split(n: u64) -> u64 {
    let highest = n.saturating_sub(1).checked_ilog2().unwrap_or(0);
    1u64.checked_shl(highest).unwrap_or(0)
}

/// MTH of the leaves from `start` to before `end`, as RFC 6962 has it.
///
/// # Errors
/// Of the nodes.
pub fn range_hash(nodes: &mut impl Nodes, start: u64, end: u64) -> Result<Hash, String> {
    let width = end.saturating_sub(start);
    if width == 0 {
        return Ok(empty_root());
    }
    if width.is_power_of_two() && start & width.saturating_sub(1) == 0 {
        let level = width.trailing_zeros();
        return nodes.node(level, start.checked_shr(level).unwrap_or(0));
    }
    let middle = start.saturating_add(split(width));
    let left = range_hash(nodes, start, middle)?;
    let right = range_hash(nodes, middle, end)?;
    Ok(node_hash(&left, &right))
}

/// The path from leaf `index` to the root of a tree of `size` leaves: siblings, lowest first.
///
/// # Errors
/// No such leaf, or of the nodes.
pub fn inclusion(nodes: &mut impl Nodes, index: u64, size: u64) -> Result<Vec<Hash>, String> {
    if index >= size {
        return Err(format!("there is no entry {index} in a tree of {size}"));
    }
    let (mut start, mut end, mut path) = (0u64, size, Vec::new());
    while end.saturating_sub(start) > 1 {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if index < middle {
            path.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that a tree of `size` leaves grew out of its first `old` ones.
///
/// # Errors
/// `old` is 0 or above `size`, or of the nodes.
pub fn consistency(nodes: &mut impl Nodes, old: u64, size: u64) -> Result<Vec<Hash>, String> {
    if old == 0 || old > size {
        return Err(format!("no proof leads from {old} entries to {size}"));
    }
    let (mut start, mut end, mut whole, mut path) = (0u64, size, true, Vec::new());
    while old < end {
        let middle = start.saturating_add(split(end.saturating_sub(start)));
        if old <= middle {
            path.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(nodes, start, middle)?);
            start = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(range_hash(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Does `path` lead from this leaf to this root?
pub fn includes(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size.saturating_sub(1), *leaf);
    for step in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Does `path` show that the tree with `root` grew out of the one with `old_root`?
pub fn is_consistent(
    (old, old_root): (u64, &Hash),
    (size, root): (u64, &Hash),
    path: &[Hash],
) -> bool {
    if old == size {
        return path.is_empty() && old_root == root;
    }
    if old == 0 || old > size {
        return false;
    }
    let first = old.is_power_of_two().then_some(old_root);
    let mut steps = first.into_iter().chain(path);
    let Some(seed) = steps.next() else {
        return false;
    };
    let (mut node, mut last) = (old.saturating_sub(1), size.saturating_sub(1));
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut before, mut now) = (*seed, *seed);
    for step in steps {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            before = node_hash(step, &before);
            now = node_hash(step, &now);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            now = node_hash(&now, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && now == *root
}

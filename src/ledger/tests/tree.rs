//! The tree against the definition in RFC 6962, against published values, and against another
//! implementation.

use proptest::prelude::*;
use tlog_tiles::{HashReader, check_record, check_tree, prove_record, prove_tree, stored_hashes};

use super::super::hex;
use super::super::tree::*;

/// MTH as RFC 6962 section 2.1 defines it.
fn naive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(&naive(&leaves[..k]), &naive(&leaves[k..]))
        }
    }
}

/// Nodes of a tree held in memory.
struct Memory(Vec<Hash>);

impl Nodes for Memory {
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, String> {
        let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
        let part = self
            .0
            .get(from..to)
            .ok_or("asked for a node that is not full")?;
        Ok(naive(part))
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn grown(leaves: &[Hash]) -> (Edge, Vec<Tile>) {
    let (mut edge, mut full) = (Edge::default(), Vec::new());
    leaves.iter().for_each(|leaf| edge.push(*leaf, &mut full));
    (edge, full)
}

/// The tree that the tests of Certificate Transparency use: eight leaves, and the root after each.
#[test]
fn published_roots() {
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    assert_eq!(
        hex::encode(&empty_root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let mut edge = Edge::default();
    let mut hashes = Vec::new();
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        let leaf = leaf_hash(&hex::decode_all(leaf.as_bytes()).unwrap());
        hashes.push(leaf);
        edge.push(leaf, &mut Vec::new());
        assert_eq!(hex::encode(&edge.root()), root);
    }
    // The inclusion proof of leaf 0 in the tree of 8, from the same source.
    let path = inclusion(&mut Memory(hashes), 0, 8).unwrap();
    let path: Vec<String> = path.iter().map(|hash| hex::encode(hash)).collect();
    assert_eq!(
        path,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
}

#[test]
fn tiles_are_those_of_the_standard() {
    // The example of C2SP tlog-tiles.
    assert_eq!(widths(70_000).collect::<Vec<_>>(), [112, 17, 1]);
    let full = |level| tiles_full(70_000, level);
    assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
    assert_eq!(widths(256).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(widths(0).count(), 0);
    let leaves = leaves(66_000);
    let (edge, tiles) = grown(&leaves);
    assert_eq!(tiles.len(), 257 + 1);
    for tile in &tiles {
        let span = TILE_WIDTH.pow(u32::from(tile.level));
        for (at, hash) in tile.hashes.iter().enumerate() {
            let from = (tile.index as usize * TILE_WIDTH + at) * span;
            assert!(*hash == naive(&leaves[from..from + span]));
        }
    }
    let partial: Vec<_> = edge
        .partial()
        .map(|t| (t.level, t.index, t.hashes.len()))
        .collect();
    assert_eq!(partial, [(0, 257, 208), (1, 1, 1), (2, 0, 1)]);
    let rows = |edge: &Edge| {
        let mut rows = vec![Vec::new(); 3];
        edge.partial()
            .for_each(|tile| rows[usize::from(tile.level)] = tile.hashes);
        rows
    };
    assert!(Edge::new(66_000, rows(&edge)).unwrap() == edge);
    assert!(Edge::new(66_001, rows(&edge)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_edge_has_the_root_of_the_definition(count in 0usize..1500) {
        let leaves = leaves(count);
        prop_assert_eq!(grown(&leaves).0.root(), naive(&leaves));
    }

    /// Proofs made here hold here and with the other implementation; those made there, here; and
    /// one with a changed hash, place or size nowhere.
    #[test]
    fn proofs_hold_with_another_implementation(
        size in 1u64..400, at in any::<u64>(), old in any::<u64>(), flip in any::<usize>(),
    ) {
        let (index, old) = (at % size, 1 + old % size);
        let all = leaves(size as usize);
        let root = naive(&all);
        let old_root = naive(&all[..old as usize]);
        let theirs = theirs(size);
        let hash = |hash: &Hash| tlog_tiles::Hash(*hash);

        let path = inclusion(&mut Memory(all.clone()), index, size).unwrap();
        prop_assert!(includes(&all[index as usize], index, size, &path, &root));
        let other = prove_record(size, index, &theirs).unwrap();
        prop_assert_eq!(&path.iter().map(hash).collect::<Vec<_>>(), &other);
        check_record(&other, size, hash(&root), index, hash(&all[index as usize])).unwrap();
        if !path.is_empty() {
            let mut bad = path.clone();
            let which = flip % bad.len();
            bad[which][flip % 32] ^= 1;
            prop_assert!(!includes(&all[index as usize], index, size, &bad, &root));
            prop_assert!(!includes(&all[index as usize], index, size, &path[1..], &root));
        }
        let longer = [&path[..], &[root]].concat();
        prop_assert!(!includes(&all[index as usize], index, size, &longer, &root));
        prop_assert!(!includes(&all[index as usize], index ^ 1, size, &path, &root) || size == 1);
        prop_assert!(!includes(&all[index as usize], size, size, &path, &root));

        let path = consistency(&mut Memory(all.clone()), old, size).unwrap();
        prop_assert!(is_consistent((old, &old_root), (size, &root), &path));
        let other = prove_tree(size, old, &theirs).unwrap();
        prop_assert_eq!(&path.iter().map(hash).collect::<Vec<_>>(), &other);
        check_tree(&other, size, hash(&root), old, hash(&old_root)).unwrap();
        prop_assert!(!is_consistent((old, &root), (size, &old_root), &path) || old == size);
        if !path.is_empty() {
            let mut bad = path.clone();
            let which = flip % bad.len();
            bad[which][flip % 32] ^= 1;
            prop_assert!(!is_consistent((old, &old_root), (size, &root), &bad));
            prop_assert!(!is_consistent((old, &old_root), (size, &root), &path[1..]));
        }
        let longer = [&path[..], &[root]].concat();
        prop_assert!(!is_consistent((old, &old_root), (size, &root), &longer));
        prop_assert!(!is_consistent((0, &old_root), (size, &root), &path));
        prop_assert!(!is_consistent((size + 1, &old_root), (size, &root), &path));
    }
}

/// All hashes of a tree, in the order of the other implementation.
struct Theirs(Vec<tlog_tiles::Hash>);

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|at| self.0[*at as usize]).collect())
    }
}

fn theirs(size: u64) -> Theirs {
    let mut stored = Theirs(Vec::new());
    for n in 0..size {
        let more = stored_hashes(n, &(n as usize).to_be_bytes(), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

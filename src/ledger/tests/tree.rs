//! The tree against the definition in RFC 6962, against published values, and against another
//! implementation.

use proptest::prelude::*;

use super::super::tree::*;

/// MTH as RFC 6962 section 2.1 defines it.
fn naive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&naive(&leaves[..k]), &naive(&leaves[k..]))
        }
    }
}

/// Nodes of a tree held in memory.
struct Memory(Vec<Hash>);

impl Nodes for Memory {
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, String> {
        let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
        let part = self.0.get(from..to).ok_or("not full")?;
        Ok(naive(part))
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_edge_has_the_root_of_the_definition(count in 0usize..1500) {
        let leaves = leaves(count);
        let (mut edge, mut full) = (Edge::default(), Vec::new());
        leaves.iter().for_each(|leaf| edge.push(*leaf, &mut full));
        prop_assert_eq!(edge.root(), naive(&leaves));
    }
}

//! What must hold for any bytes shown as frames or as a header block: used by tests and by the fuzz
//! target.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::hpack::{Fields, Table};
use super::{BLOCK_LEN_MAX, Step, next};
use crate::names::Probe;

/// Asserts it.
pub fn check(data: &[u8]) {
    frames(data);
    // The first byte says where a block ends and the next begins.
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let mut table = Table::default();
    for block in rest.chunks(usize::from(*first).max(1)) {
        let mut fields = Fields::default();
        let read = table.read(block, &mut fields);
        table.check();
        // A name stands in the block that told it, or is coded there in no less than 5 bits a byte.
        let len = fields.authority.as_bytes().len();
        assert!(len <= block.len().saturating_mul(8) / 5);
        if read.is_err() {
            break;
        }
    }
}

fn frames(data: &[u8]) {
    let mut scratch = vec![0; BLOCK_LEN_MAX];
    let mut at = 0;
    while at < data.len() {
        let rest = &data[at..];
        let found = match next(rest, &mut scratch) {
            Probe::Found(Step::Pass(len)) => len,
            Probe::Found(Step::Block(block, len)) => {
                assert!(block.len() + 9 <= len && len <= rest.len());
                len
            }
            _ => break,
        };
        assert!(found >= 9);
        // A part of it never says something else.
        let mut scratch = vec![0; BLOCK_LEN_MAX];
        for len in 0..found.min(rest.len()).min(40) {
            match next(&rest[..len], &mut scratch) {
                Probe::NeedMore => {}
                Probe::Found(Step::Pass(len)) => assert_eq!(len, found),
                other => panic!("a part says {}", matches!(other, Probe::Found(_))),
            }
        }
        at += found;
    }
}

//! What must hold for any bytes in the files of a ledger: no panic, and what is accepted is what
//! the program itself would have written.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::checkpoint::{Signed, several};
use super::leaf::Leaf;
use super::line::Line;
use super::note::VerifierKey;
use super::{proof, tiles, tree};

/// A key that signed the seeds.
const KEY: &str = include_str!("../../fuzz/seeds/ledger_read/key");

/// Reads `data` as each kind of file. What can be read must be written again as itself, so no two
/// files say the same thing in different bytes, and no line counts that is not whole.
pub fn check(data: &[u8]) {
    for line in data.split_inclusive(|b| *b == b'\n') {
        check_line(line);
    }
    if let Some(leaves) = tiles::unbundle(data) {
        let mut again = Vec::new();
        leaves
            .iter()
            .for_each(|leaf| tiles::bundle_up(&mut again, leaf));
        assert!(again == data, "a bundle is written in one way only");
        leaves.iter().for_each(|leaf| check_leaf(leaf));
    }
    check_leaf(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let key = VerifierKey::parse(KEY).unwrap();
    let pieces: usize = several(text).map(str::len).sum();
    assert!(pieces <= text.len());
    for note in several(text) {
        check_note(note, &key);
    }
    if let Ok(parsed) = VerifierKey::parse(text) {
        let again = VerifierKey::parse(&parsed.to_string());
        assert!(again == Ok(parsed), "a key reads as itself");
    }
    if let Ok(proven) = proof::check(text, &key) {
        assert!(proven.number < proven.signed.checkpoint.size);
        assert!(super::verify::of_log(&proven.signed, &key).is_ok());
    }
}

fn check_line(bytes: &[u8]) {
    let Ok(line) = Line::parse(bytes) else {
        return;
    };
    let mut again = Vec::new();
    line.write(&mut again);
    assert!(again == bytes, "a line is written in one way only");
    if let Some(leaf) = line.leaf() {
        let leaf = leaf.to_bytes();
        assert!(line.fits(&tree::leaf_hash(&leaf)));
        check_leaf(&leaf);
        // Cut or lengthened it is no line any more.
        assert!(Line::parse(&bytes[..bytes.len() - 1]).is_err());
        let longer = [&bytes[..bytes.len() - 1], b"x\n"].concat();
        assert!(Line::parse(&longer).is_err());
    }
}

fn check_leaf(bytes: &[u8]) {
    if let Some(leaf) = Leaf::parse(bytes) {
        assert!(
            leaf.to_bytes() == bytes,
            "a leaf is written in one way only"
        );
    }
}

fn check_note(text: &str, key: &VerifierKey) {
    let Ok(signed) = Signed::parse(text) else {
        return;
    };
    let again = Signed::parse(&signed.note.to_string());
    assert!(again.as_ref() == Ok(&signed), "a note reads as itself");
    if let Ok(Some(_)) = signed.note.signed_by(key) {
        let mut changed = signed.note.clone();
        changed.text.push_str("x\n");
        assert!(changed.signed_by(key).is_err());
    }
}

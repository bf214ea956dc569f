//! The small files of a bundle: manifest, proofs, proofs of growth.
//!
//! Enters: their rows, or their text, hostile too. Leaves: the other of the two. Never: reads a line
//! that would be written otherwise.
//!
//! ```text
//! manifest.txt    SHA-256 in hexadecimal digits, two spaces, name          as `sha256sum -c` reads it
//! proofs.tsv      number TAB leaf TAB hashes, all hexadecimal, a space between two hashes
//! growth.tsv      number of entries TAB root TAB hashes
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt::Write as _;

use super::archive::{File, Name};
use crate::ledger::proof::Piece;
use crate::ledger::tree::{self, Hash};
use crate::ledger::{hex, leaf, line};

/// Longest path: a tree of 2^64 leaves; of growth one hash more.
const PATH_LEN_MAX: usize = 65;

/// The manifest of those of the files that it names.
pub fn manifest(files: &[File]) -> String {
    let mut text = String::new();
    for name in Name::ALL.iter().filter(|name| name.is_listed()) {
        if let Some(file) = files.iter().find(|file| file.name == *name) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  {name}", digest(&file.bytes));
        }
    }
    text
}

/// SHA-256, in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(&tree::sha256(&[bytes]))
}

/// A line of `proofs.tsv`, with its end.
pub fn proof_line(piece: &Piece) -> String {
    format!(
        "{}\t{}\t{}\n",
        piece.number,
        hex::encode(&piece.leaf),
        path_text(&piece.path)
    )
}

/// Reads such a line, without its end.
pub fn parse_proof(text: &str) -> Option<Piece> {
    let [number, digits, path] = fields(text)?;
    let leaf = hex::decode_all(digits.as_bytes()).filter(|it| it.len() <= leaf::LEAF_LEN_MAX)?;
    Some(Piece {
        number: line::number(number)?,
        leaf,
        path: parse_path(path)?,
    })
}

/// That the tree grew out of its first `size` entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many those were.
    pub size: u64,
    /// The root above them.
    pub root: Hash,
    /// The proof.
    pub path: Vec<Hash>,
}

/// A line of `growth.tsv`, with its end.
pub fn growth_line(growth: &Growth) -> String {
    format!(
        "{}\t{}\t{}\n",
        growth.size,
        hex::encode(&growth.root),
        path_text(&growth.path)
    )
}

/// Reads such a line, without its end.
pub fn parse_growth(text: &str) -> Option<Growth> {
    let [size, root, path] = fields(text)?;
    Some(Growth {
        size: line::number(size)?,
        root: hex::decode(root.as_bytes())?,
        path: parse_path(path)?,
    })
}

fn fields(text: &str) -> Option<[&str; 3]> {
    let mut fields = text.split('\t');
    let found = [fields.next()?, fields.next()?, fields.next()?];
    fields.next().is_none().then_some(found)
}

fn path_text(path: &[Hash]) -> String {
    let hashes: Vec<String> = path.iter().map(|hash| hex::encode(hash)).collect();
    hashes.join(" ")
}

fn parse_path(text: &str) -> Option<Vec<Hash>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let hashes = text.split(' ').map(|hash| hex::decode(hash.as_bytes()));
    let path: Vec<Hash> = hashes.collect::<Option<_>>()?;
    (path.len() <= PATH_LEN_MAX).then_some(path)
}

/// The whole lines of a file, without their ends; `None`: the last one does not end, or it is no
/// text.
pub fn lines(bytes: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    Some(text.strip_suffix('\n')?.split('\n').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_in_one_way_only() {
        let piece = Piece {
            number: 17,
            leaf: vec![1, 2, 255],
            path: vec![[1; 32], [2; 32]],
        };
        let text = proof_line(&piece);
        assert!(parse_proof(text.trim_end()).as_ref() == Some(&piece));
        let growth = Growth {
            size: 9,
            root: [7; 32],
            path: Vec::new(),
        };
        let bare = growth_line(&growth);
        assert_eq!(parse_growth(bare.trim_end_matches('\n')), Some(growth));
        for (at, _) in text.trim_end().char_indices() {
            let mut bent = text.trim_end().to_owned();
            let other = if bent[at..].starts_with('0') {
                "1"
            } else {
                "0"
            };
            bent.replace_range(at..=at, other);
            if let Some(read) = parse_proof(&bent) {
                assert!(
                    read != piece && proof_line(&read).trim_end() == bent,
                    "{bent}"
                );
            }
        }
        for bad in [
            "",
            "1",
            "1\t0a",
            "01\t0a\t",
            "1\t0A\t",
            "1\t0a\t\t",
            "1\t0a\t00",
        ] {
            assert!(parse_proof(bad).is_none(), "{bad}");
        }
        assert_eq!(lines(b"a\nb\n"), Some(vec!["a", "b"]));
        assert_eq!(lines(b"a\nb"), None);
        assert_eq!(lines(b""), Some(vec![]));
    }

    #[test]
    fn the_manifest_is_one_of_sha256sum() {
        let file = |name, bytes: &[u8]| File {
            name,
            bytes: bytes.to_vec(),
        };
        let files = [file(Name::Key, b"k"), file(Name::Readme, b"abc")];
        let text = manifest(&files);
        assert_eq!(
            text,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  README.txt\n"
        );
    }
}

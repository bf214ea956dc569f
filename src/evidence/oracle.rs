//! What must hold for any bytes that somebody hands over as a bundle: they are refused in one short
//! sentence, or every byte of them counts.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::archive::{self, File, Name};
use super::check::{Request, verify};
use super::{listed, open, releases};
use crate::ledger::hex;

/// A bundle that verifies, for its parts to be exchanged.
const GOOD: &[u8] = include_bytes!("../../fuzz/seeds/bundle/good");

/// Reads `data` as an archive, and as each file of one that is good otherwise.
pub fn check(data: &[u8]) {
    check_archive(data);
    check_lines(data);
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let (case, mut files) = archive::read(GOOD).expect("the good one");
    let name = Name::ALL[usize::from(*first) % Name::ALL.len()];
    let is_other = match files.iter_mut().find(|file| file.name == name) {
        Some(file) => {
            let other = file.bytes != rest;
            file.bytes = rest.to_vec();
            other
        }
        None => {
            let bytes = rest.to_vec();
            files.push(File { name, bytes });
            true
        }
    };
    let bent = archive::write(&case, &files).expect("it is not long");
    let report = check_archive(&bent);
    // A proof of growth may be added by anybody, if it holds; nothing else may.
    assert!(
        !is_other || !report || name == Name::Growth,
        "{name} counts for nothing"
    );
}

/// Whether it verifies.
fn check_archive(data: &[u8]) -> bool {
    let report = verify(data, &Request::default());
    for fault in &report.faults {
        assert!(!fault.what.is_empty() && fault.what.len() < 5000);
    }
    assert_eq!(report.verifies, report.faults.is_empty());
    match archive::read(data) {
        Ok((case, files)) => {
            assert!(archive::write(&case, &files).as_deref() == Ok(data));
            assert!(files.len() <= Name::ALL.len());
            if let Ok(Some(release)) = releases(data) {
                // Without shares nothing comes out.
                assert!(open(data, &[]).is_err());
                assert!(release.open_with(&Default::default()).frames.is_empty());
            }
        }
        Err(why) => assert!(!report.verifies && !why.contains('\n')),
    }
    report.verifies
}

fn check_lines(data: &[u8]) {
    for line in listed::lines(data).unwrap_or_default() {
        if let Some(piece) = listed::parse_proof(line) {
            assert_eq!(listed::proof_line(&piece).trim_end_matches('\n'), line);
        }
        if let Some(growth) = listed::parse_growth(line) {
            assert_eq!(listed::growth_line(&growth).trim_end_matches('\n'), line);
            assert!(line.contains(&hex::encode(&growth.root)));
        }
    }
}

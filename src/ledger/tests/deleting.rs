//! Payloads that are deleted: gone for good, while the rest still verifies; and reading.

use std::fs;
use std::path::Path;

use super::super::*;
use super::{NOW, closed, entries, open, stored, verifies};

/// Does any file of the ledger hold these bytes?
fn found(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return found(&path, needle);
        }
        let bytes = fs::read(&path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn a_deleted_payload_and_its_salt_are_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let (mut ledger, _) = open(dir.path());
    ledger.append(&entries(0..300)).unwrap();
    let lines = fs::read_to_string(folder.join("payload/001")).unwrap();
    let line = lines
        .lines()
        .find(|line| line.starts_with("299\t"))
        .unwrap();
    let salt = line.split('\t').nth(4).unwrap().to_owned();
    assert!(found(&folder, b"{\"n\":299}") && found(&folder, salt.as_bytes()));
    // Not under a checkpoint yet: it gets one first.
    assert_eq!(ledger.state().signed, 0);
    assert_eq!(ledger.delete(&[299, 0, 17, 17], NOW).unwrap(), 3);
    assert_eq!(ledger.state().signed, 300);
    assert!(!found(&folder, b"{\"n\":299}") && !found(&folder, salt.as_bytes()));
    assert!(!found(&folder, b"{\"n\":17}") && found(&folder, b"{\"n\":18}"));
    // What is gone is gone; what never was is an error.
    assert_eq!(ledger.delete(&[17, 299], NOW).unwrap(), 0);
    assert!(
        ledger
            .delete(&[300], NOW)
            .unwrap_err()
            .contains("there is no entry 300")
    );
    assert_eq!(ledger.delete(&[], NOW).unwrap(), 0);
    // The open payload file was written anew: the next entries go to the new one.
    ledger.append(&entries(300..310)).unwrap();
    ledger.close(NOW).unwrap();
    let gone = |n| (![0, 17, 299].contains(&n)).then_some(n);
    assert_eq!(stored(dir.path()), (0..310).map(gone).collect::<Vec<_>>());
    let report = verifies(dir.path(), 310);
    let deleted: u64 = report.kinds.values().map(|kind| kind.deleted).sum();
    assert_eq!(deleted, 3);
    let (ledger, recovery) = open(dir.path());
    assert_eq!((ledger.size(), recovery), (310, Recovery::default()));
}

#[test]
fn all_of_a_ledger_can_go() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 600);
    let (mut ledger, _) = open(dir.path());
    let all: Vec<u64> = (0..600).collect();
    assert_eq!(ledger.delete(&all, NOW).unwrap(), 600);
    ledger.append(&entries(600..601)).unwrap();
    ledger.close(NOW).unwrap();
    assert_eq!(stored(dir.path())[600], Some(600));
    assert_eq!(verifies(dir.path(), 601).kinds["hit"].deleted, 200);
}

#[test]
fn the_bytes_of_the_state_are_those_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    ledger.append(&entries(0..250)).unwrap();
    let before = ledger.state().bytes;
    ledger.delete(&[3], NOW).unwrap();
    ledger.append(&entries(250..300)).unwrap();
    assert!(ledger.state().bytes > before);
    drop(ledger);
    let (ledger, _) = open(dir.path());
    assert_eq!(ledger.state().bytes, bytes_in(&dir.path().join("ledger")));
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.metadata().unwrap() {
        meta if meta.is_dir() => bytes_in(&entry.path()),
        meta => meta.len(),
    });
    sizes.sum()
}

#[test]
fn reading_begins_anywhere_and_works_beside_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let (mut ledger, _) = open(dir.path());
    ledger.append(&entries(0..600)).unwrap();
    for from in [0, 1, 255, 256, 257, 511, 512, 599, 600, 601, 5000] {
        let numbers = Ledger::read(&folder, from).unwrap().map(|stored| {
            let Ok(stored) = stored else {
                panic!("unreadable")
            };
            stored.number
        });
        assert!(numbers.eq(from..600), "from {from}");
    }
    let first = Ledger::read(&folder, 599)
        .unwrap()
        .next()
        .unwrap()
        .ok()
        .unwrap();
    assert_eq!(first.kind, "coverage");
    assert_eq!(first.time.to_string(), "2026-11-22T13:00:00.000000000Z");
    // Half a line at the end is a write under way.
    let path = folder.join("payload/002");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"600\thi"].concat()).unwrap();
    assert_eq!(Ledger::read(&folder, 0).unwrap().count(), 600);
    // A broken line is not passed over, and nothing follows it.
    let text = String::from_utf8(whole.clone()).unwrap();
    fs::write(&path, text.replace("{\"n\":550}", "{\"n\":55}")).unwrap();
    let all: Vec<_> = Ledger::read(&folder, 0).unwrap().collect();
    assert_eq!(all.len(), 551);
    let why = all[550].as_ref().err().unwrap();
    assert!(
        why.contains("entry 550") && why.contains("does not fit its check"),
        "{why}"
    );
    // A file that ends early, and one that is missing, with entries behind.
    fs::write(&path, whole).unwrap();
    let middle = folder.join("payload/001");
    let lines = fs::read(&middle).unwrap();
    fs::write(&middle, &lines[..lines.len() / 2]).unwrap();
    let why = Ledger::read(&folder, 0)
        .unwrap()
        .last()
        .unwrap()
        .err()
        .unwrap();
    assert!(
        why.contains("payload/001") || why.contains("missing"),
        "{why}"
    );
    fs::remove_file(&middle).unwrap();
    let last = Ledger::read(&folder, 0).unwrap().last().unwrap();
    assert!(last.is_err(), "a gap is not an end");
}

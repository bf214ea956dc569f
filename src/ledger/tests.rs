//! The ledger on real files: what is written is there, in order, and goes on where it ended.

mod deleting;
mod failing;
mod notes;
mod opening;
mod tree;

use std::path::Path;

use super::*;

/// 2026-11-22T13:20:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_795_353_600_000_000_000);

pub(super) fn settings(folder: &Path) -> Settings {
    Settings {
        folder: folder.join("ledger"),
        origin: "poortwacht/test".into(),
        checkpoint_seconds: 60,
    }
}

/// Entries `from..to`, of three kinds, their payload naming their number.
pub(super) fn entries(range: std::ops::Range<u64>) -> Vec<New> {
    range
        .map(|n| New {
            kind: ["hit", "step", "coverage"][n as usize % 3].into(),
            time: Timestamp(NOW.nanos() + n as i64 * 1_000_000_000),
            payload: format!("{{\"n\":{n}}}").into_bytes(),
        })
        .collect()
}

pub(super) fn open(folder: &Path) -> (Ledger, Recovery) {
    Ledger::open(&settings(folder), NOW).unwrap()
}

/// A closed ledger of `count` entries.
pub(super) fn closed(folder: &Path, count: u64) {
    let (mut ledger, _) = open(folder);
    ledger.append(&entries(0..count)).unwrap();
    ledger.close(NOW).unwrap();
}

/// Numbers in payloads, as read back; `None` where deleted.
pub(super) fn stored(folder: &Path) -> Vec<Option<u64>> {
    let all = Ledger::read(&folder.join("ledger"), 0).unwrap();
    all.enumerate()
        .map(|(at, stored)| {
            let stored = stored.unwrap();
            assert_eq!(stored.number, at as u64);
            let payload = stored.payload?;
            let text = String::from_utf8(payload).unwrap();
            Some(text[5..text.len() - 1].parse().unwrap())
        })
        .collect()
}

/// Verifies a ledger of `size` entries with its own key.
pub(super) fn verifies(folder: &Path, size: u64) -> verify::Report {
    let request = verify::Request {
        folder: folder.join("ledger"),
        key: None,
        earlier: Vec::new(),
        witnesses: Vec::new(),
    };
    let report = verify::verify(&request).unwrap();
    assert!(report.verifies, "{:?}", report.faults);
    assert_eq!(report.size, size);
    report
}

#[test]
fn what_is_appended_is_there_and_goes_on_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, recovery) = open(dir.path());
    assert!(recovery.fresh);
    assert_eq!(ledger.append(&entries(0..3)).unwrap(), 0..3);
    assert_eq!(ledger.append(&entries(3..700)).unwrap(), 3..700);
    assert_eq!(ledger.append(&[]).unwrap(), 700..700);
    ledger.tick(NOW);
    assert_eq!(ledger.append(&entries(700..1000)).unwrap(), 700..1000);
    let root = ledger.root();
    drop(ledger);
    let (mut ledger, recovery) = open(dir.path());
    assert_eq!((recovery.resumed, recovery.cut_bytes), (300, 0));
    assert_eq!(ledger.root(), root);
    ledger.append(&entries(1000..1025)).unwrap();
    ledger.close(NOW).unwrap();
    let (ledger, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery::default());
    assert_eq!(ledger.size(), 1025);
    drop(ledger);
    let all: Vec<_> = (0..1025).map(Some).collect();
    assert_eq!(stored(dir.path()), all);
}

/// What the fuzzer looks for, over its seeds, each also cut at each length and with bytes changed.
#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/ledger_read");
    let mut seen = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for at in 0..bytes.len() {
            oracle::check(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            oracle::check(&changed);
        }
        oracle::check(&bytes);
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}

/// Makes the seeds from a small ledger.
#[test]
#[ignore = "writes fuzz/seeds/ledger_read"]
fn make_the_seeds_of_the_fuzzer() {
    let seeds = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fuzz/seeds/ledger_read"
    ));
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 9);
    let (mut ledger, _) = open(dir.path());
    ledger.delete(&[4], NOW).unwrap();
    ledger.append(&entries(9..11)).unwrap();
    ledger.close(NOW).unwrap();
    let folder = dir.path().join("ledger");
    for (from, to) in [
        ("payload/000", "payload"),
        ("tile/entries/000.p/11", "bundle"),
        ("checkpoint", "checkpoint"),
        ("checkpoints", "checkpoints"),
        ("key.pub", "key"),
    ] {
        std::fs::copy(folder.join(from), seeds.join(to)).unwrap();
    }
    let whole = proof::prove(&folder, 7, true).unwrap();
    std::fs::write(seeds.join("proof"), whole).unwrap();
    let bare = proof::prove(&folder, 4, true).unwrap();
    std::fs::write(seeds.join("proof-bare"), bare).unwrap();
}

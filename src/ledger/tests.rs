//! The ledger on real files: what is written is there, in order, and goes on where it ended.

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

//! Verifying while entries are written: the folder itself, and copies made in the meantime.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use poortwacht::base::Timestamp;
use poortwacht::ledger::verify::{Request, verify};
use poortwacht::ledger::{Ledger, proof};

use super::bench::{NOW, entries, settings};

fn verified(folder: &Path) -> u64 {
    let request = Request {
        folder: folder.to_owned(),
        key: None,
        earlier: Vec::new(),
        witnesses: Vec::new(),
    };
    let report = verify(&request).unwrap();
    assert!(report.verifies, "{:?}", report.faults);
    report.size
}

/// As docs/ledger.md says: checkpoints first.
fn copied(folder: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in ["checkpoint", "checkpoints", "key.pub", "tile", "payload"] {
        copy_what_stays(&folder.join(name), &to.join(name));
    }
}

/// Files may go while they are copied: the versions of a tile from before it was full.
fn copy_what_stays(from: &Path, to: &Path) {
    if !from.is_dir() {
        let _ = fs::copy(from, to);
        return;
    }
    fs::create_dir_all(to).unwrap();
    // Full ones last, so that none is missed that takes the place of one that went.
    let entries = fs::read_dir(from).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort_by_key(|name| !name.to_string_lossy().ends_with(".p"));
    for name in names {
        copy_what_stays(&from.join(&name), &to.join(&name));
    }
}

#[test]
fn a_ledger_verifies_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let (mut ledger, _) = Ledger::open(&settings(&folder), NOW).unwrap();
    ledger.append(&entries(0..10, "n")).unwrap();
    ledger.checkpoint(NOW).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut size = 10;
            for round in 1.. {
                // A checkpoint with each seventh group, a deletion now and then.
                let now = Timestamp(NOW.nanos() + round * 10_000_000_000);
                let more = 1 + round as u64 % 90;
                ledger.append(&entries(size..size + more, "n")).unwrap();
                size += more;
                ledger.tick(now);
                if round % 10 == 0 {
                    ledger.delete(&[size / 2], now).unwrap();
                }
                if done.load(Ordering::Relaxed) {
                    return size;
                }
            }
            0
        });
        let (mut before, mut rounds) = (0, 0);
        while before < 1500 || rounds < 12 {
            rounds += 1;
            let size = verified(&folder);
            assert!(size >= before);
            before = size;
            let proof = proof::prove(&folder, size - 1, true).unwrap();
            assert!(proof.contains(&format!("index {}", size - 1)));
            let to = dir.path().join("copy");
            copied(&folder, &to);
            assert!(verified(&to) >= size);
            fs::remove_dir_all(to).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() >= before);
    });
}

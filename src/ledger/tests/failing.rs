//! Each act on a file made to fail: what was refused is not there, what was acknowledged is, and
//! the same ledger goes on.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::disk::{Act, Disk, Faults};
use super::super::signing::FILES_PER_TICK;
use super::super::*;
use super::{NOW, closed, entries, settings, stored, verifies};

/// Which acts fail: the act, a part of the path, how many of them pass first, how many then fail.
type Plan = Arc<Mutex<Option<(Act, &'static str, u32, u32)>>>;

fn faulty(plan: &Plan) -> Disk {
    let plan = Arc::clone(plan);
    let faults: Faults = Box::new(move |act: Act, path: &Path| {
        let mut plan = plan.lock().unwrap();
        let (failing, part, pass, fail) = plan.as_mut()?;
        if *failing != act || !path.to_string_lossy().contains(*part) {
            return None;
        }
        if *pass > 0 {
            *pass -= 1;
            return None;
        }
        *fail = fail.checked_sub(1)?;
        Some(io::Error::from_raw_os_error(28))
    });
    Disk {
        faults: Some(faults),
    }
}

fn open(folder: &Path, plan: &Plan) -> Ledger {
    opening::open(&settings(folder), faulty(plan), NOW)
        .unwrap()
        .0
}

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.nanos() + seconds * 1_000_000_000)
}

#[test]
fn a_group_that_fails_anywhere_is_not_there_and_can_be_given_again() {
    for (act, part, pass) in [
        (Act::Write, "payload/000", 0),
        (Act::Sync, "payload/000", 0),
        // The group spans three files.
        (Act::Write, "payload/001", 0),
        (Act::Sync, "payload/001", 0),
        (Act::Write, "payload/002", 0),
        (Act::Sync, "payload/002", 0),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let mut ledger = open(dir.path(), &plan);
        ledger.append(&entries(0..200)).unwrap();
        *plan.lock().unwrap() = Some((act, part, pass, 2));
        for failure in 1..=2 {
            let why = ledger.append(&entries(200..700)).unwrap_err();
            assert!(why.contains("cannot write entries to the ledger"), "{why}");
            let state = ledger.state();
            assert_eq!((state.entries, state.failures), (200, failure));
            assert_eq!(state.failing, Some(why));
            // What a reader sees, and a start after a crash now.
            assert_eq!(stored(dir.path()).len(), 200, "{act:?} {part}");
        }
        assert_eq!(ledger.append(&entries(200..700)).unwrap(), 200..700);
        assert_eq!(ledger.state().failing, None);
        ledger.close(NOW).unwrap();
        let all: Vec<_> = (0..700).map(Some).collect();
        assert_eq!(stored(dir.path()), all);
        verifies(dir.path(), 700);
    }
}

#[test]
fn what_cannot_be_taken_away_at_once_is_taken_away_first_next_time() {
    for (act, part) in [(Act::Cut, "payload/000"), (Act::Replace, "payload/000")] {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let mut ledger = open(dir.path(), &plan);
        ledger.append(&entries(0..10)).unwrap();
        let failing = Arc::clone(&plan);
        let mut first = true;
        // The write fails, and so do two tries to undo it.
        ledger.disk.faults = Some(Box::new(move |asked: Act, path: &Path| {
            if asked == Act::Write && first {
                first = false;
                *failing.lock().unwrap() = Some((act, part, 0, 2));
                return Some(io::Error::from_raw_os_error(5));
            }
            let mut plan = failing.lock().unwrap();
            let (act, part, _, fail) = plan.as_mut()?;
            if *act != asked || !path.to_string_lossy().contains(*part) {
                return None;
            }
            *fail = fail.checked_sub(1)?;
            Some(io::Error::from_raw_os_error(5))
        }));
        assert!(ledger.append(&entries(10..20)).is_err());
        assert!(ledger.append(&entries(10..20)).is_err());
        assert_eq!(ledger.append(&entries(10..20)).unwrap(), 10..20);
        ledger.close(NOW).unwrap();
        let all: Vec<_> = (0..20).map(Some).collect();
        assert_eq!(stored(dir.path()), all);
        verifies(dir.path(), 20);
    }
}

/// The file on which forcing failed is not trusted again: its content moves into a new one.
#[test]
fn after_a_failed_sync_the_payload_file_is_a_new_one() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let mut ledger = open(dir.path(), &plan);
    ledger.append(&entries(0..10)).unwrap();
    let inode = || {
        fs::metadata(dir.path().join("ledger/payload/000"))
            .unwrap()
            .ino()
    };
    let before = inode();
    *plan.lock().unwrap() = Some((Act::Sync, "payload/000", 0, 1));
    ledger.append(&entries(10..20)).unwrap_err();
    assert_ne!(inode(), before);
    ledger.append(&entries(10..20)).unwrap();
    assert_eq!(stored(dir.path()).len(), 20);
}

#[test]
fn tiles_that_cannot_be_written_wait_and_entries_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let mut ledger = open(dir.path(), &plan);
    *plan.lock().unwrap() = Some((Act::Replace, "tile/", 0, u32::MAX));
    ledger.append(&entries(0..1000)).unwrap();
    assert_eq!(ledger.size(), 1000);
    ledger.tick(NOW);
    assert!(ledger.state().failing.unwrap().contains("tile/"));
    assert_eq!(ledger.state().signed, 0);
    // Entries behind them are refused before the queue grows without end.
    let mut refused = None;
    for n in 1..200 {
        if let Err(why) = ledger.append(&entries(n * 1000..(n + 1) * 1000)) {
            refused = Some(why);
            break;
        }
    }
    assert!(refused.unwrap().contains("tile/"));
    assert!(ledger.waiting.len() < WAITING_MAX + 20);
    let (size, waiting) = (ledger.size(), ledger.waiting.len());
    *plan.lock().unwrap() = None;
    ledger.append(&entries(size..size + 1)).unwrap();
    assert_eq!(ledger.waiting.len(), waiting.saturating_sub(WAITING_MAX));
    // Between two checkpoints a tick writes a few of them.
    ledger.append(&entries(size + 1..size + 10_001)).unwrap();
    let waiting = ledger.waiting.len();
    ledger.tick(later(1));
    assert_eq!(ledger.waiting.len(), waiting - FILES_PER_TICK);
    let size = size + 10_000;
    ledger.close(NOW).unwrap();
    verifies(dir.path(), size + 1);
}

#[test]
fn a_checkpoint_that_fails_is_said_and_tried_again_when_one_is_due() {
    for part in ["tile/0/000.p", "tile/entries/000.p", "ledger/checkpoint"] {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let mut ledger = open(dir.path(), &plan);
        ledger.append(&entries(0..10)).unwrap();
        *plan.lock().unwrap() = Some((Act::Replace, part, 0, 1));
        ledger.tick(NOW);
        let state = ledger.state();
        assert_eq!((state.signed, state.failures), (0, 1), "{part}");
        assert!(state.failing.unwrap().contains(part));
        ledger.tick(later(59));
        assert_eq!(ledger.state().signed, 0);
        ledger.tick(later(60));
        let state = ledger.state();
        assert_eq!((state.signed, state.failing), (10, None));
        drop(ledger);
        verifies(dir.path(), 10);
    }
    // The history fails: the checkpoint stands all the same.
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let mut ledger = open(dir.path(), &plan);
    for (n, fails) in [(0, false), (10, true), (20, false)] {
        ledger.append(&entries(n..n + 10)).unwrap();
        *plan.lock().unwrap() = Some((Act::Write, "checkpoints", 0, u32::from(fails)));
        ledger.tick(later(n as i64 * 60));
        assert_eq!(ledger.state().signed, n + 10);
        assert_eq!(ledger.state().failing.is_some(), fails);
    }
    drop(ledger);
    assert_eq!(verifies(dir.path(), 30).checkpoints, 3);
}

#[test]
fn checkpoints_come_when_due_also_when_the_clock_is_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path(), &Plan::default());
    ledger.tick(NOW);
    assert_eq!(ledger.state().signed_at, None, "nothing to sign");
    for (at, appended, signed) in [(0, 1, 1), (59, 2, 1), (60, 3, 3), (61, 4, 3), (-500, 5, 5)] {
        ledger.append(&entries(appended - 1..appended)).unwrap();
        ledger.tick(later(at));
        assert_eq!(
            (ledger.size(), ledger.state().signed),
            (appended, signed),
            "at {at}"
        );
    }
}

#[test]
fn a_deletion_that_fails_leaves_the_payload_and_can_be_made_again() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 600);
    let plan = Plan::default();
    let mut ledger = open(dir.path(), &plan);
    *plan.lock().unwrap() = Some((Act::Replace, "payload/001", 0, 1));
    assert!(ledger.delete(&[3, 300], NOW).is_err());
    let state = ledger.state();
    assert_eq!((state.deleted, state.failures), (1, 1));
    assert!(stored(dir.path())[300].is_some());
    assert_eq!(ledger.delete(&[3, 300], NOW).unwrap(), 1);
    assert_eq!(ledger.state().failing, None);
    assert!(stored(dir.path())[300].is_none());
}

#[test]
fn what_is_no_entry_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path(), &Plan::default());
    let long = vec![b'x'; line::PAYLOAD_LEN_MAX + 1];
    for (kind, payload, why) in [
        ("", &b"{}"[..], "kind"),
        ("Hit", b"{}", "kind"),
        ("a kind", b"{}", "kind"),
        ("abcdefghijklmnopqrstuvwxyz-123456", b"{}", "kind"),
        ("hit", b"{\n}", "one line"),
        ("hit", b"{\t}", "one line"),
        ("hit", &long, "limit"),
    ] {
        let mut new = entries(0..2);
        new[1].kind = kind.into();
        new[1].payload = payload.into();
        let said = ledger.append(&new).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(ledger.size(), 0);
    let mut new = entries(0..2);
    new[0].payload = Vec::new();
    new[1].payload = vec![b'\xff'; line::PAYLOAD_LEN_MAX];
    ledger.append(&new).unwrap();
    let back: Vec<_> = Ledger::read(&dir.path().join("ledger"), 0)
        .unwrap()
        .collect();
    assert_eq!(back.len(), 2);
    for (new, back) in new.into_iter().zip(back) {
        assert_eq!(back.unwrap().payload, Some(new.payload));
    }
    ledger.close(NOW).unwrap();
    verifies(dir.path(), 2);
}

//! The log stays short while the writer writes, and nothing is lost.

use std::time::Instant;

use super::*;
use crate::store::tests::{Bench, sample};

fn log_len(bench: &Bench) -> u64 {
    let mut log = bench.path().into_os_string();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |meta| meta.len())
}

#[test]
fn the_log_is_taken_over_while_the_writer_goes_on() {
    let ledger = sample::ledger(5, 3000);
    let mut bench = Bench::new();
    bench.store.take_over_beside();
    for batch in ledger.chunks(16) {
        bench.store.apply(batch).unwrap();
    }
    let grown = log_len(&bench);
    assert!(grown > 1 << 20, "no commit takes it over: {grown}");
    let until = Instant::now() + Duration::from_secs(60);
    let checkpoints = bench.store.checkpoints.as_ref().unwrap();
    while checkpoints.shared.pages.load(Ordering::Relaxed) == 0 {
        assert!(Instant::now() < until, "the thread does nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    // All of it stands in the file: nothing is left to take over, and the log begins anew.
    let (pages, done): (i64, i64) = bench
        .store
        .db
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(pages, done);
    assert_eq!(checkpoints.state(), (0, None));
    bench.store.checkpoints = None;
    let same = Bench::with(&ledger);
    assert!(bench.store.content().unwrap() == same.store.content().unwrap());
}

/// What tells one beginning of the log from the next.
fn salts(bench: &Bench) -> Vec<u8> {
    let mut log = bench.path().into_os_string();
    log.push("-wal");
    std::fs::read(log).unwrap()[16..24].to_vec()
}

#[test]
fn the_writer_helps_when_the_log_is_long_and_only_then() {
    let ledger = sample::ledger(5, 1000);
    let mut bench = Bench::with(&ledger[..500]);
    let checkpoints = Checkpoints::start(&bench.path(), &bench.store.db).unwrap();
    let mut batches = ledger[500..].chunks(50);
    let mut after = |pages| {
        bench.store.apply(batches.next().unwrap()).unwrap();
        checkpoints.shared.pages.store(pages, Ordering::Relaxed);
        checkpoints.help(&bench.store.db);
        bench.store.apply(batches.next().unwrap()).unwrap();
        salts(&bench)
    };
    let first = after(LONG - 1);
    assert_eq!(after(LONG - 1), first, "it was left alone");
    let second = after(LONG);
    assert_ne!(second, first, "it began anew");
    assert_eq!(checkpoints.shared.pages.load(Ordering::Relaxed), 0);
}

#[test]
fn what_cannot_be_taken_over_is_told_and_tried_again() {
    let shared = Shared::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    std::fs::write(
        &path,
        b"no database, but long enough to be looked at as one",
    )
    .unwrap();
    shared.dirty.store(true, Ordering::Relaxed);
    shared.work(&path);
    shared.work(&path);
    assert_eq!(shared.failures.load(Ordering::Relaxed), 2);
    let why = shared.failing.lock().unwrap().clone().unwrap();
    assert!(why.contains("damaged"), "{why}");
    std::fs::remove_file(&path).unwrap();
    drop(Connection::open(&path).unwrap());
    shared.work(&path);
    assert_eq!(*shared.failing.lock().unwrap(), None);
    assert!(!shared.dirty.load(Ordering::Relaxed));
}

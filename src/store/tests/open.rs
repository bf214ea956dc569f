//! The file: damaged, newer, foreign, older; its rights and backups.

use std::os::unix::fs::PermissionsExt;

use super::sample;
use super::*;

#[test]
fn the_files_belong_to_one_user_and_one_writer() {
    let bench = Bench::with(&sample::ledger(1, 50));
    let _reader = bench.reader();
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", file.file_name());
    }
    let why = Store::open(&bench.path(), Timestamp(0)).err().unwrap();
    assert!(why.contains("another process writes the store"), "{why}");
}

#[test]
fn what_was_taken_in_is_there_after_the_next_start() {
    let bench = Bench::with(&sample::ledger(1, 50));
    let (path, before) = (bench.path(), bench.store.content().unwrap());
    drop(bench.store);
    let store = Store::open(&path, Timestamp(0)).unwrap();
    assert_eq!(store.through(), 50);
    assert_eq!(store.content().unwrap(), before);
}

#[test]
fn a_newer_a_foreign_and_a_damaged_file_are_refused() {
    let bench = Bench::with(&sample::ledger(1, 50));
    let path = bench.path();
    bench
        .store
        .db
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    drop(bench.store);
    for why in [
        Store::open(&path, Timestamp(0)).err().unwrap(),
        Reader::open(&path).err().unwrap(),
    ] {
        assert!(why.contains("newer Poortwacht"), "{why}");
    }

    let foreign = bench.folder.path().join("foreign.sqlite");
    let db = Connection::open(&foreign).unwrap();
    db.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(db);
    let why = Store::open(&foreign, Timestamp(0)).err().unwrap();
    assert!(why.contains("another program"), "{why}");

    std::fs::write(
        &path,
        b"no database at all, but long enough to be looked at",
    )
    .unwrap();
    for why in [
        Store::open(&path, Timestamp(0)).err().unwrap(),
        Reader::open(&path).err().unwrap(),
    ] {
        assert!(
            why.contains("damaged") && why.contains("delete it"),
            "{why}"
        );
    }
    let why = Reader::open(&bench.folder.path().join("none"))
        .err()
        .unwrap();
    assert!(
        why.contains("there is no store") && why.contains("poortwacht rebuild"),
        "{why}"
    );
}

#[test]
fn a_damaged_page_is_told_as_such() {
    let bench = Bench::with(&sample::ledger(1, 2000));
    let path = bench.path();
    drop(bench.store);
    let mut bytes = std::fs::read(&path).unwrap();
    let len = bytes.len();
    bytes[8192..len].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let reader = Reader::open(&path);
    let why = match reader {
        Ok(reader) => reader.vendors().err().unwrap(),
        Err(why) => why,
    };
    assert!(why.contains("damaged"), "{why}");
}

#[test]
fn an_older_store_is_backed_up_and_brought_forward_and_erasure_reaches_the_backup() {
    let mut bench = Bench::with(&sample::ledger(1, 100));
    let path = bench.path();
    let older = |db: &Connection| db.pragma_update(None, "user_version", VERSION).unwrap();
    let with = |more| [&schema::STEPS[..], &[more]].concat();
    let steps = with("CREATE TABLE more (x) STRICT");
    let strict = with("CREATE TABLE more (x ANY) STRICT");
    // A step that fails changes nothing; the backup is there.
    let why = schema::bring_forward(&mut bench.store.db, &path, Timestamp(1), &steps);
    assert!(why.is_err());
    for second in 1..=4 {
        older(&bench.store.db);
        let _ = bench.store.db.execute_batch("DROP TABLE more");
        let now = Timestamp(second * 1_000_000_000);
        schema::bring_forward(&mut bench.store.db, &path, now, &strict).unwrap();
    }
    let backups = bench.store.backups();
    assert_eq!(backups.len(), 2, "{backups:?}");
    let copy = Connection::open(&backups[1]).unwrap();
    let count: i64 = copy
        .query_row("SELECT count(*) FROM entries", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 100);
    let mode = std::fs::metadata(&backups[1]).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    drop(copy);

    bench.store.forget(&[3]).unwrap();
    assert!(bench.store.backups().is_empty());
}

/// A store as version 1 had it.
fn first_version(bench: Bench) -> (tempfile::TempDir, PathBuf) {
    let path = bench.path();
    let back = "ALTER TABLE words DROP COLUMN labels; PRAGMA user_version = 1";
    bench.store.db.execute_batch(back).unwrap();
    drop(bench.store);
    (bench.folder, path)
}

#[test]
fn a_store_of_version_1_is_brought_forward_and_is_what_a_new_one_would_be() {
    let bench = Bench::with(&sample::ledger(1, 500));
    let before = bench.store.content().unwrap();
    let (_folder, path) = first_version(bench);
    let why = Reader::open(&path).err().unwrap();
    assert!(why.contains("of version 1"), "{why}");
    let mut store = Store::open(&path, Timestamp(7_000_000_000)).unwrap();
    assert_eq!(store.content().unwrap(), before);
    let backups = store.backups();
    assert!(
        backups.len() == 1 && backups[0].ends_with("store.sqlite.version-1-000000000007"),
        "{backups:?}"
    );
    // And it forgets like one.
    store.forget(&(0..500).collect::<Vec<_>>()).unwrap();
    assert!(store.content().unwrap()["words_and_subjects"].is_empty());
    assert!(store.backups().is_empty());
    drop(store);
    let store = Store::open(&path, Timestamp(0)).unwrap();
    assert!(store.backups().is_empty(), "it is brought forward once");
}

#[test]
fn saved_views_belong_to_an_account_and_outlive_the_store() {
    let bench = Bench::new();
    let views = SavedViews::at(&bench.folder.path().join("views.sqlite"));
    let view = |name: &str, filter: &str| Saved {
        page: "cases".into(),
        name: name.into(),
        filter: filter.into(),
    };
    views.keep("anna", &view("mine", "assignee:anna")).unwrap();
    views
        .keep("anna", &view("mine", "assignee:anna -state:closed"))
        .unwrap();
    views
        .keep("bram", &view("one", "subject:person-0000000000001000"))
        .unwrap();
    assert_eq!(
        views.of("anna").unwrap(),
        [view("mine", "assignee:anna -state:closed")]
    );
    assert!(views.keep("anna", &view(" ", "x")).is_err());
    assert!(
        views
            .keep("anna", &view("long", &"x".repeat(3000)))
            .is_err()
    );
    std::fs::remove_file(bench.path()).unwrap();
    let words = std::collections::BTreeSet::from(["person-0000000000001000".to_owned()]);
    let words = crate::hits::Mentions::new(&words).unwrap();
    views
        .keep("bram", &view("PERSON-0000000000001000", "-state:closed"))
        .unwrap();
    assert_eq!(views.erase(&words).unwrap(), 2);
    assert_eq!(views.erase(&words).unwrap(), 0);
    assert!(views.of("bram").unwrap().is_empty());
    assert!(views.delete("anna", "cases", "mine").unwrap());
    assert!(!views.delete("anna", "cases", "mine").unwrap());
    for number in 0..100 {
        views.keep("anna", &view(&number.to_string(), "x")).unwrap();
    }
    let why = views.keep("anna", &view("one more", "x")).unwrap_err();
    assert!(why.contains("100 views"), "{why}");
}

/// Whoever reads keeps the log of the store from being cut: it is owed, said, and made good.
#[test]
fn what_was_deleted_is_in_the_log_of_the_store_until_nobody_reads() {
    let mut bench = Bench::with(&sample::ledger(1, 100));
    bench.store.cut().unwrap();
    let log = bench.path().with_file_name(format!(
        "{}-wal",
        bench.path().file_name().unwrap().to_str().unwrap()
    ));
    let len = || std::fs::metadata(&log).map_or(0, |it| it.len());
    assert_eq!(len(), 0);
    bench
        .store
        .patience(std::time::Duration::from_millis(20))
        .unwrap();
    let reader = Connection::open(bench.path()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM entries;")
        .unwrap();
    bench.store.forget(&[3, 4]).unwrap();
    assert!(len() > 0);
    let why = bench.store.cut().unwrap_err();
    assert!(why.contains("still holds what was deleted"), "{why}");
    let now = std::time::Instant::now();
    bench.store.tend(now);
    assert!(len() > 0);
    drop(reader);
    // Not at each tick: a while later.
    bench.store.tend(now);
    assert!(len() > 0);
    bench.store.tend(now + std::time::Duration::from_secs(6));
    assert_eq!(len(), 0);
    bench.store.cut().unwrap();
}

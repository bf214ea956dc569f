//! One content, by whatever way it came about.

use proptest::prelude::*;

use super::sample::{self, Dice};
use super::*;

/// The ledger after these payloads were deleted.
fn without(ledger: &[Numbered], gone: &[u64]) -> Vec<Numbered> {
    let mut ledger = ledger.to_vec();
    for it in &mut ledger {
        if gone.contains(&it.number) {
            it.entry = None;
        }
    }
    ledger
}

/// Made anew from a ledger, through the text of each entry, as `poortwacht rebuild` does.
fn rebuilt(ledger: &[Numbered], bench: &Bench) -> dump::Content {
    let path = bench.folder.path().join("other.sqlite");
    let stored = ledger.iter().map(|it| {
        let text = it.entry.as_ref().map(|entry| entry.text().unwrap());
        Numbered::read(it.number, it.kind.clone(), it.hour, text.as_deref())
    });
    let mut heard = 0;
    let count = rebuild_from(stored, &path, Timestamp(0), &mut |n| heard = n).unwrap();
    assert_eq!((count, heard), (ledger.len() as u64, count));
    let store = Store::open(&path, Timestamp(0)).unwrap();
    store.content().unwrap()
}

fn assert_same(a: &dump::Content, b: &dump::Content) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (table, lines) in a {
        assert_eq!(lines, &b[table], "{table}");
    }
}

#[test]
fn a_rebuild_gives_the_same_also_after_deletions() {
    let ledger = sample::ledger(7, 3000);
    let mut bench = Bench::with(&ledger);
    let before = bench.store.content().unwrap();
    for table in before.keys() {
        assert!(!before[table].is_empty(), "the sample has no {table}");
    }
    assert_same(&before, &rebuilt(&ledger, &bench));

    let mut dice = Dice(99);
    let gone: Vec<u64> = (0..600).map(|_| dice.below(ledger.len()) as u64).collect();
    for some in gone.chunks(100) {
        bench.store.forget(some).unwrap();
    }
    let after = bench.store.content().unwrap();
    assert_ne!(before, after);
    assert_same(&after, &rebuilt(&without(&ledger, &gone), &bench));

    // What comes after a deletion is taken in the same way.
    let more = sample::numbered(
        3000,
        vec![(
            sample::START,
            sample::act(
                "anna",
                crate::record::Act::Acknowledge {
                    case: "case-0000000000000001".into(),
                },
            ),
        )],
    );
    bench.store.apply(&more).unwrap();
    let mut ledger = without(&ledger, &gone);
    ledger.extend(more);
    assert_same(&bench.store.content().unwrap(), &rebuilt(&ledger, &bench));
}

#[test]
fn when_everything_is_deleted_nothing_is_left_but_numbers_kinds_and_hours() {
    let ledger = sample::ledger(11, 800);
    let mut bench = Bench::with(&ledger);
    let all: Vec<u64> = (0..800).collect();
    bench.store.forget(&all).unwrap();
    for (table, lines) in bench.store.content().unwrap() {
        assert_eq!(
            lines.len(),
            if table == "entries" { 800 } else { 0 },
            "{table}"
        );
    }
    drop(bench.store);
    // Neither in free pages nor in the log.
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for word in [
            "person-", "device-", "case-", "pimeyes", "because", "Bureau",
        ] {
            let found = bytes.windows(word.len()).any(|it| it == word.as_bytes());
            assert!(!found, "{word}");
        }
    }
}

#[test]
fn an_entry_that_was_taken_in_changes_nothing_and_a_gap_is_refused() {
    let ledger = sample::ledger(3, 300);
    let mut bench = Bench::with(&ledger[..200]);
    let before = bench.store.content().unwrap();
    bench.store.apply(&ledger[..150]).unwrap();
    assert_same(&bench.store.content().unwrap(), &before);
    assert_eq!(bench.store.through(), 200);

    let why = bench.store.apply(&ledger[201..]).unwrap_err();
    assert!(
        why.contains("entry 201") && why.contains("expects 200"),
        "{why}"
    );
    assert_same(&bench.store.content().unwrap(), &before);

    // Some known, some new.
    bench.store.apply(&ledger[150..]).unwrap();
    assert_same(
        &bench.store.content().unwrap(),
        &Bench::with(&ledger).store.content().unwrap(),
    );
}

#[test]
fn a_batch_that_fails_leaves_nothing_behind() {
    let ledger = sample::ledger(5, 200);
    let mut bench = Bench::with(&ledger[..100]);
    let before = bench.store.content().unwrap();
    bench
        .store
        .db
        .execute_batch(
            "CREATE TEMP TRIGGER no BEFORE INSERT ON entries
        WHEN NEW.number = 150 BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    assert!(bench.store.apply(&ledger[100..]).is_err());
    assert_same(&bench.store.content().unwrap(), &before);
    bench.store.db.execute_batch("DROP TRIGGER no").unwrap();
    bench.store.apply(&ledger[100..]).unwrap();
    assert_same(
        &bench.store.content().unwrap(),
        &Bench::with(&ledger).store.content().unwrap(),
    );
}

#[test]
fn a_rebuild_that_fails_leaves_the_store_alone() {
    let ledger = sample::ledger(5, 200);
    let bench = Bench::with(&ledger);
    let (path, before) = (bench.path(), bench.store.content().unwrap());
    let entries = || ledger.iter().cloned().map(Ok);
    let busy = rebuild_from(entries(), &path, Timestamp(0), &mut |_| {}).unwrap_err();
    assert!(busy.contains("another process writes"), "{busy}");
    drop(bench.store);
    let broken = entries().take(90).chain([Err("entry 90 is broken".into())]);
    let why = rebuild_from(broken, &path, Timestamp(0), &mut |_| {}).unwrap_err();
    assert!(why.contains("entry 90"), "{why}");
    assert_same(
        &Store::open(&path, Timestamp(0)).unwrap().content().unwrap(),
        &before,
    );
    let names: Vec<_> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert!(
        !names
            .iter()
            .any(|it| it.to_string_lossy().contains("rebuilding")),
        "{names:?}"
    );

    assert_eq!(
        rebuild_from(entries(), &path, Timestamp(0), &mut |_| {}).unwrap(),
        200
    );
    assert_same(
        &Store::open(&path, Timestamp(0)).unwrap().content().unwrap(),
        &before,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_deleted_a_rebuild_gives_the_same(
        seed in any::<u64>(),
        gone in prop::collection::vec(0u64..250, 0..200),
        at in 1usize..250,
    ) {
        let ledger = sample::ledger(seed, 250);
        // Deleted half-way, then more comes in, then the rest is deleted.
        let mut bench = Bench::with(&ledger[..at]);
        let early: Vec<u64> = gone.iter().copied().filter(|it| *it < at as u64).collect();
        bench.store.forget(&early).unwrap();
        bench.store.apply(&ledger[at..]).unwrap();
        bench.store.forget(&gone).unwrap();
        assert_same(&bench.store.content().unwrap(), &rebuilt(&without(&ledger, &gone), &bench));
    }
}

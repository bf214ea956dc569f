//! Starts: after a crash, after a loss, and where one must not start at all.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::*;
use super::{NOW, closed, entries, open, settings, stored, verifies};

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn refused(folder: &Path) -> String {
    match Ledger::open(&settings(folder), NOW) {
        Ok(_) => panic!("it was opened"),
        Err(why) => why,
    }
}

#[test]
fn a_torn_end_is_cut_back_set_aside_and_said() {
    let whole = b"304\thit\t2026-11-22T13:00:00Z\t0011223344556677\t";
    for (torn, lines) in [
        (&b"30"[..], 1),
        (whole, 1),
        (&[0; 5000], 1),
        (&[b'\n'; 3], 3),
        (&[0xff; 700], 1),
        (b"304\thit\tnow\nmore\nand half", 3),
        // A line of a later number.
        (b"305\thit\t2026-11-22T13:00:00Z\t0011223344556677\n", 1),
    ] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 300);
        let (mut ledger, _) = open(dir.path());
        ledger.append(&entries(300..304)).unwrap();
        drop(ledger);
        let path = dir.path().join("ledger/payload/001");
        append(&path, torn);
        let (mut ledger, recovery) = open(dir.path());
        assert_eq!(
            (recovery.resumed, recovery.cut_bytes),
            (4, torn.len() as u64)
        );
        assert_eq!(recovery.cut_lines, lines);
        assert_eq!(fs::read(&recovery.aside[0]).unwrap(), torn);
        assert_eq!(ledger.append(&entries(304..310)).unwrap(), 304..310);
        ledger.close(NOW).unwrap();
        let all: Vec<_> = (0..310).map(Some).collect();
        assert_eq!(stored(dir.path()), all);
        verifies(dir.path(), 310);
        // Not for ever: it may hold what a person has the right to see deleted.
        let aside = &recovery.aside[0];
        let since = fs::metadata(aside).unwrap().modified().unwrap();
        let at = |days: i64| {
            let now = since.duration_since(std::time::UNIX_EPOCH).unwrap();
            Timestamp(now.as_nanos() as i64 + days * 86_400 * 1_000_000_000)
        };
        let (mut ledger, _) = Ledger::open(&settings(dir.path()), at(6)).unwrap();
        assert!(aside.exists());
        ledger.tick(at(8));
        assert!(!aside.exists());
    }
}

/// A group that spans files, of which the disk kept a part.
#[test]
fn files_behind_a_torn_one_are_set_aside_too() {
    for (cut, kept) in [(Some(250), 250), (None, 256)] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 100);
        let (mut ledger, _) = open(dir.path());
        ledger.append(&entries(100..800)).unwrap();
        drop(ledger);
        let path = |index: &str| dir.path().join("ledger/payload").join(index);
        let bytes = fs::read(path("000")).unwrap();
        match cut {
            Some(lines) => {
                let lines = bytes.split_inclusive(|b| *b == b'\n').take(lines);
                let kept = lines.collect::<Vec<_>>().concat();
                fs::write(path("000"), [&kept[..], b"25"].concat()).unwrap();
            }
            // The second file lost its end, down to nothing.
            None => fs::write(path("001"), b"").unwrap(),
        }
        let (mut ledger, recovery) = open(dir.path());
        assert_eq!(ledger.size(), kept);
        assert!(recovery.cut_bytes > 10_000);
        assert!(!path("002").exists());
        ledger.append(&entries(kept..900)).unwrap();
        ledger.close(NOW).unwrap();
        assert_eq!(stored(dir.path()).len(), 900);
        verifies(dir.path(), 900);
    }
}

#[test]
fn what_a_checkpoint_promises_must_be_there() {
    let gone =
        |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    type Edit = Box<dyn Fn(&Path)>;
    let edits: Vec<(&str, Edit)> = vec![
        ("those from 512 on", Box::new(gone("payload/002"))),
        (
            "tile/entries/002.p/188",
            Box::new(gone("tile/entries/002.p/188")),
        ),
        ("tile/1/000.p/2", Box::new(gone("tile/1/000.p/2"))),
        (
            "from 512 on",
            Box::new(|folder: &Path| fs::write(folder.join("payload/002"), b"").unwrap()),
        ),
        (
            "entry 600",
            Box::new(|folder: &Path| {
                let path = folder.join("payload/002");
                let text = fs::read_to_string(&path)
                    .unwrap()
                    .replace("{\"n\":600}", "{\"n\":6}");
                fs::write(path, text).unwrap();
            }),
        ),
        (
            "its tiles are not those of the 700 entries",
            Box::new(|folder: &Path| {
                let path = folder.join("tile/1/000.p/2");
                let mut bytes = fs::read(&path).unwrap();
                bytes[0] ^= 1;
                fs::write(path, bytes).unwrap();
            }),
        ),
        (
            "its last bundle",
            Box::new(|folder: &Path| {
                let path = folder.join("tile/entries/002.p/188");
                let mut bytes = fs::read(&path).unwrap();
                bytes[40] ^= 1;
                fs::write(path, bytes).unwrap();
            }),
        ),
        (
            "does not hold",
            Box::new(|folder: &Path| {
                for name in ["checkpoint", "checkpoints"] {
                    let path = folder.join(name);
                    let text = fs::read_to_string(&path)
                        .unwrap()
                        .replace("\n700\n", "\n512\n");
                    fs::write(path, text).unwrap();
                }
            }),
        ),
        (
            "its checkpoint is gone",
            Box::new(|folder: &Path| {
                fs::remove_file(folder.join("checkpoint")).unwrap();
                fs::remove_file(folder.join("checkpoints")).unwrap();
            }),
        ),
    ];
    for (expected, edit) in edits {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 700);
        let folder = dir.path().join("ledger");
        edit(&folder);
        let before = tree_of(&folder);
        let why = refused(dir.path());
        assert!(why.contains(expected), "no `{expected}` in {why}");
        assert!(why.contains("not what its checkpoint promises"), "{why}");
        assert!(why.contains("Put the newest copy"), "{why}");
        assert!(
            before == tree_of(&folder),
            "{expected}: something was changed"
        );
    }
}

/// Every file with its content.
fn tree_of(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree_of(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

#[test]
fn an_old_checkpoint_file_is_outdone_by_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    ledger.append(&entries(0..10)).unwrap();
    ledger.checkpoint(NOW).unwrap();
    let checkpoint = dir.path().join("ledger/checkpoint");
    let old = fs::read(&checkpoint).unwrap();
    ledger.append(&entries(10..30)).unwrap();
    ledger.close(NOW).unwrap();
    fs::write(&checkpoint, old).unwrap();
    let (ledger, recovery) = open(dir.path());
    assert_eq!((ledger.size(), recovery.resumed), (30, 0));
}

#[test]
fn the_key_stays_with_its_ledger() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 10);
    let folder = dir.path().join("ledger");
    let mode = |name: &str| {
        fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("key"), mode("payload/000")), (0o600, 0o600));
    // The name is that of its first start.
    let renamed = Settings {
        origin: "poortwacht/renamed".into(),
        ..settings(dir.path())
    };
    let (mut ledger, _) = Ledger::open(&renamed, NOW).unwrap();
    ledger.append(&entries(10..11)).unwrap();
    assert!(ledger.public_key().starts_with("poortwacht/test+"));
    ledger.close(NOW).unwrap();
    verifies(dir.path(), 11);
    let key = fs::read(folder.join("key")).unwrap();
    let other = tempfile::tempdir().unwrap();
    closed(other.path(), 1);
    fs::copy(other.path().join("ledger/key"), folder.join("key")).unwrap();
    assert!(refused(dir.path()).contains("not signed by poortwacht/test+"));
    fs::write(folder.join("key"), "nonsense").unwrap();
    assert!(refused(dir.path()).contains("is no key of a ledger"));
    fs::remove_file(folder.join("key")).unwrap();
    assert!(refused(dir.path()).contains("put it back from a copy"));
    fs::write(folder.join("key"), key).unwrap();
    open(dir.path());
}

#[test]
fn a_start_that_ended_early_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = open(dir.path());
    let key = ledger.public_key();
    drop(ledger);
    fs::remove_file(dir.path().join("ledger/checkpoint")).unwrap();
    fs::remove_file(dir.path().join("ledger/key.pub")).unwrap();
    let (ledger, recovery) = open(dir.path());
    assert!(recovery.fresh);
    assert_eq!(ledger.public_key(), key);
    drop(ledger);
    // Killed before its first checkpoint of entries.
    let (mut ledger, _) = open(dir.path());
    ledger.append(&entries(0..600)).unwrap();
    drop(ledger);
    let (ledger, recovery) = open(dir.path());
    assert_eq!(
        (ledger.size(), recovery.resumed, recovery.fresh),
        (600, 600, false)
    );
}

#[test]
fn settings_and_folders_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    for (change, why) in [
        (
            Settings {
                folder: "".into(),
                ..settings(dir.path())
            },
            "folder",
        ),
        (
            Settings {
                origin: "a b".into(),
                ..settings(dir.path())
            },
            "origin",
        ),
        (
            Settings {
                origin: "a+b".into(),
                ..settings(dir.path())
            },
            "origin",
        ),
        (
            Settings {
                checkpoint_seconds: 0,
                ..settings(dir.path())
            },
            "checkpoint_seconds",
        ),
        (
            Settings {
                checkpoint_seconds: 90_000,
                ..settings(dir.path())
            },
            "checkpoint_seconds",
        ),
    ] {
        let said = Ledger::open(&change, NOW).err().unwrap();
        assert!(said.contains(why), "{said}");
    }
    let (_ledger, _) = open(dir.path());
    assert!(refused(dir.path()).contains("another process keeps the ledger"));
    assert!(
        Ledger::read(&dir.path().join("gone"), 0)
            .err()
            .unwrap()
            .contains("gone")
    );
}

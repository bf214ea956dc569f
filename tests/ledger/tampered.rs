//! What can be done to a ledger, and what both verifiers must say to it.

use std::fs;
use std::path::Path;

use poortwacht::ledger::Ledger;
use tempfile::TempDir;

use super::bench::{NOW, copy, entries, ledger, program, second, settings, text};

const PLAIN: &[&str] = &[];
const WITH_300: &[&str] = &["--checkpoint", "at-300"];
const WITH_700: &[&str] = &["--checkpoint", "at-700"];

/// Both verifiers; what the first one said.
fn both(dir: &Path, more: &[&str], verifies: bool, what: &str) -> String {
    let args = [&["ledger", "--key", "log.pub"], more].concat();
    let ours = program(dir, &[&["verify"], &args[..]].concat());
    let said = text(&ours);
    let code = i32::from(!verifies);
    assert_eq!(ours.status.code(), Some(code), "{what}: {said}");
    if let Some(second) = second(dir, &args) {
        assert_eq!(
            second.status.code(),
            Some(code),
            "{what}, second: {}",
            text(&second)
        );
    }
    said
}

/// Runs an edit on a fresh ledger: neither verifier may accept it.
fn refused(what: &str, expected: &str, edit: impl FnOnce(&Path)) {
    let dir = ledger();
    edit(&dir.path().join("ledger"));
    let said = both(dir.path(), PLAIN, false, what);
    assert!(
        said.contains(expected),
        "{what}: no `{expected}` in\n{said}"
    );
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Where `needle` begins.
fn find(bytes: &[u8], needle: &str) -> usize {
    let found = bytes
        .windows(needle.len())
        .position(|w| w == needle.as_bytes());
    found.unwrap_or_else(|| panic!("no {needle}"))
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn a_good_one_verifies_and_what_cannot_be_known_is_said() {
    let dir = ledger();
    let said = both(dir.path(), PLAIN, true, "good");
    for expected in [
        "700 entries",
        "coverage    233 entries",
        "hit         234 entries, 1 without payload (deleted)",
        "4 entries behind the checkpoint are not signed yet",
        "Without an earlier checkpoint or a witness a rewrite by the holder of the key cannot be \
         excluded.",
    ] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
    let said = both(dir.path(), WITH_300, true, "good, with one of 300");
    assert!(said.contains("excluded for the first 300 entries; for the later 400 it is not"));
    let said = both(dir.path(), WITH_700, true, "good, with one of 700");
    assert!(!said.contains("rewrite"), "{said}");
    // The same on a copy, and with its own key, which is said to prove less.
    copy(&dir.path().join("ledger"), &dir.path().join("copy"));
    let output = program(dir.path(), &["verify", "copy"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains("The key was taken from the folder itself"));
    let output = program(
        dir.path(),
        &["verify", "copy", "--key", "log.pub", "--json"],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verifies"], true);
    assert_eq!(json["size"], 700);
    assert_eq!(json["kinds"]["step"]["deleted"], 0);
    assert_eq!(json["kinds"]["coverage"]["deleted"], 2);
    assert_eq!(json["checkpoints"], 4);
    assert_eq!(json["limits"].as_array().unwrap().len(), 3);
}

#[test]
fn one_byte_in_a_payload_file_names_the_entry() {
    refused("payload", "first wrong entry is 301", |folder| {
        edit(&folder.join("payload/001"), |bytes| {
            let at = find(bytes, "{\"n\":301}");
            bytes[at + 5] = b'4';
        });
    });
    refused("salt", "first wrong entry is 9", |folder| {
        edit(&folder.join("payload/000"), |bytes| {
            let at = find(bytes, "{\"n\":9}") - 2;
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        });
    });
    refused("kind", "first wrong entry is 258", |folder| {
        edit(&folder.join("payload/001"), |bytes| {
            let at = find(bytes, "258\thit");
            bytes[at + 4] = b'p';
        });
    });
    refused(
        "hour of a deleted one",
        "first wrong entry is 5",
        |folder| {
            edit(&folder.join("payload/000"), |bytes| {
                let at = find(bytes, "5\tcoverage\t2026-11-22T13");
                bytes[at + 23] = b'1';
            });
        },
    );
    refused(
        "check of a deleted one",
        "first wrong entry is 5",
        |folder| {
            edit(&folder.join("payload/000"), |bytes| {
                let at = find(bytes, "5\tcoverage\t") + 32;
                bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            });
        },
    );
}

/// A whole line, right in itself, of another payload.
#[test]
fn a_line_that_was_exchanged_names_the_entry() {
    let other = rewritten(700);
    let theirs = lines(&fs::read(other.path().join("ledger/payload/001")).unwrap());
    refused(
        "payload",
        "entry 301: its payload is not the one that its leaf",
        |folder| {
            edit(&folder.join("payload/001"), |bytes| {
                let mut all = lines(bytes);
                all[301 - 256].clone_from(&theirs[301 - 256]);
                *bytes = all.concat();
            });
        },
    );
}

#[test]
fn one_byte_in_any_other_file_is_seen() {
    refused("leaf", "first wrong entry is 2", |folder| {
        edit(&folder.join("tile/entries/000"), |bytes| {
            let at = find(bytes, "coverage") + 15;
            bytes[at] ^= 1;
        });
    });
    refused("length of a leaf", "tile/entries/001", |folder| {
        edit(&folder.join("tile/entries/001"), |bytes| bytes[1] ^= 1);
    });
    refused(
        "leaf in a partial bundle",
        "first wrong entry is 512",
        |folder| {
            edit(&folder.join("tile/entries/002.p/188"), |bytes| {
                bytes[20] ^= 1
            });
        },
    );
    refused("tile", "first wrong entry is 3", |folder| {
        edit(&folder.join("tile/0/000"), |bytes| bytes[100] ^= 0x80);
    });
    refused(
        "tile above",
        "tile/1/000.p/2 is not the tile above",
        |folder| {
            edit(&folder.join("tile/1/000.p/2"), |bytes| bytes[63] ^= 1);
        },
    );
    refused("root", "does not hold", |folder| {
        edit(&folder.join("checkpoint"), |bytes| {
            let at = find(bytes, "\n700\n") + 8;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        });
    });
    refused("origin", "another key, or another log", |folder| {
        let note = fs::read_to_string(folder.join("checkpoint")).unwrap();
        let note = note.replace("poortwacht/test", "poortwacht/tess");
        fs::write(folder.join("checkpoint"), note).unwrap();
    });
    refused("signature", "does not hold", |folder| {
        edit(&folder.join("checkpoint"), |bytes| {
            let at = bytes.len() - 20;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        });
    });
    refused("history", "note 1 of checkpoints", |folder| {
        edit(&folder.join("checkpoints"), |bytes| {
            let at = find(bytes, "\n300\n") + 1;
            bytes[at] = b'2';
        });
    });
}

#[test]
fn what_is_cut_reordered_or_missing_is_seen() {
    let missing = |name: &'static str, expected: &'static str| {
        refused(name, expected, |folder| {
            fs::remove_file(folder.join(name)).unwrap()
        });
    };
    missing("payload/001", "first wrong entry is 256");
    missing("tile/entries/000", "first wrong entry is 0");
    missing("tile/0/002.p/188", "first wrong entry is 512");
    missing("tile/1/000.p/2", "tile/1/000.p/2");
    refused("payload file cut", "first wrong entry is 650", |folder| {
        edit(&folder.join("payload/002"), |bytes| {
            let at = find(bytes, "\n650\t");
            bytes.truncate(at + 1);
        });
    });
    refused(
        "payload file cut in a line",
        "first wrong entry is 650",
        |folder| {
            edit(&folder.join("payload/002"), |bytes| {
                let at = find(bytes, "\n650\t");
                bytes.truncate(at + 9);
            });
        },
    );
    refused(
        "payload file longer",
        "goes on behind its last entry",
        |folder| {
            edit(&folder.join("payload/000"), |bytes| {
                bytes.extend(b"256\thit\n")
            });
        },
    );
    refused("bundle cut", "tile/entries/001", |folder| {
        edit(&folder.join("tile/entries/001"), |bytes| {
            bytes.truncate(9000)
        });
    });
    refused(
        "two lines change places",
        "first wrong entry is 10",
        |folder| {
            edit(&folder.join("payload/000"), |bytes| {
                let mut all = lines(bytes);
                all.swap(10, 13);
                *bytes = all.concat();
            });
        },
    );
    refused(
        "two leaves change places",
        "first wrong entry is 10",
        |folder| {
            edit(&folder.join("tile/entries/000"), |bytes| {
                // All of one kind are of one length, 43 and 2: swap entries 10 and 13 (`step`).
                let len = |n: usize| 40 + [3, 4, 8][n % 3];
                let start = |n: usize| (0..n).map(len).sum::<usize>();
                let (a, b) = (start(10), start(13));
                for at in 0..len(10) {
                    bytes.swap(a + at, b + at);
                }
            });
        },
    );
    refused(
        "two files change places",
        "first wrong entry is 0",
        |folder| {
            let name = |name: &str| folder.join("payload").join(name);
            fs::rename(name("000"), name("x")).unwrap();
            fs::rename(name("001"), name("000")).unwrap();
            fs::rename(name("x"), name("001")).unwrap();
        },
    );
}

/// Leaves and tiles rewritten so that they agree with each other: only the signature is left.
#[test]
fn a_rewrite_without_the_key_breaks_the_signature() {
    let other = rewritten(700);
    refused(
        "rewritten",
        "says another root for the first 300 entries",
        |folder| {
            for name in ["payload", "tile"] {
                fs::remove_dir_all(folder.join(name)).unwrap();
                copy(&other.path().join("ledger").join(name), &folder.join(name));
            }
        },
    );
}

/// Another ledger, whose entries differ from number 310 on when it has the same key.
fn rewritten(count: u64) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(&settings(&dir.path().join("ledger")), NOW).unwrap();
    ledger.append(&entries(0..count, "x")).unwrap();
    ledger.close(NOW).unwrap();
    dir
}

#[test]
fn a_rollback_is_seen_with_what_was_put_aside_and_only_then() {
    // The folder as it was at 300 entries: consistent in itself.
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(&settings(&dir.path().join("ledger")), NOW).unwrap();
    ledger.append(&entries(0..300, "n")).unwrap();
    ledger.checkpoint(NOW).unwrap();
    copy(&dir.path().join("ledger"), &dir.path().join("old"));
    copy(
        &dir.path().join("ledger/key.pub"),
        &dir.path().join("log.pub"),
    );
    copy(
        &dir.path().join("ledger/checkpoint"),
        &dir.path().join("at-300"),
    );
    ledger.append(&entries(300..700, "n")).unwrap();
    ledger.close(NOW).unwrap();
    copy(
        &dir.path().join("ledger/checkpoint"),
        &dir.path().join("at-700"),
    );
    fs::remove_dir_all(dir.path().join("ledger")).unwrap();
    fs::rename(dir.path().join("old"), dir.path().join("ledger")).unwrap();
    let said = both(dir.path(), PLAIN, true, "rolled back, nothing put aside");
    assert!(said.contains("cannot be excluded"));
    both(
        dir.path(),
        WITH_300,
        true,
        "rolled back to what was put aside",
    );
    let said = both(dir.path(), WITH_700, false, "rolled back");
    assert!(
        said.contains("at-700 promises 700 entries, the ledger has 300"),
        "{said}"
    );
    // `checkpoint` is older than the history, as in a copy made while the daemon signed: the newer
    // one counts.
    let dir = self::ledger();
    copy(
        &dir.path().join("at-300"),
        &dir.path().join("ledger/checkpoint"),
    );
    let said = both(dir.path(), WITH_700, true, "an older checkpoint");
    assert!(said.contains("checkpoint  700 entries"), "{said}");
    // So does what the history alone promises and is not there.
    fs::remove_file(dir.path().join("ledger/payload/002")).unwrap();
    let said = both(dir.path(), PLAIN, false, "cut behind an older checkpoint");
    assert!(said.contains("first wrong entry is 512"), "{said}");
}

/// The holder of the key writes another past, and signs it.
#[test]
fn what_the_holder_of_the_key_rewrites_is_seen_with_what_was_put_aside_and_only_then() {
    let dir = ledger();
    let folder = dir.path().join("ledger");
    for name in ["payload", "tile"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
    for name in ["checkpoint", "checkpoints"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let (mut ledger, recovery) = Ledger::open(&settings(&folder), NOW).unwrap();
    assert!(recovery.fresh);
    ledger.append(&entries(0..310, "n")).unwrap();
    ledger.append(&entries(310..720, "forged")).unwrap();
    ledger.close(NOW).unwrap();
    let said = both(dir.path(), PLAIN, true, "signed again, nothing put aside");
    assert!(said.contains("a rewrite by the holder of the key cannot be excluded"));
    for args in [WITH_300, WITH_700] {
        let said = both(dir.path(), args, false, "signed again");
        assert!(said.contains("says another root"), "{said}");
    }
}

#[test]
fn what_is_given_must_be_of_this_log() {
    let dir = ledger();
    let other = rewritten(10);
    copy(
        &other.path().join("ledger/checkpoint"),
        &dir.path().join("foreign"),
    );
    copy(
        &other.path().join("ledger/key.pub"),
        &dir.path().join("foreign.pub"),
    );
    let said = both(
        dir.path(),
        &["--checkpoint", "foreign"],
        false,
        "foreign checkpoint",
    );
    assert!(
        said.contains("foreign: it is not signed by poortwacht/test+"),
        "{said}"
    );
    fs::write(dir.path().join("none"), "").unwrap();
    let said = both(
        dir.path(),
        &["--checkpoint", "none"],
        false,
        "empty checkpoint",
    );
    assert!(said.contains("none holds no checkpoint"), "{said}");
    let code = |args: &[&str]| program(dir.path(), args).status.code();
    assert_eq!(code(&["verify", "ledger", "--key", "foreign.pub"]), Some(1));
    assert_eq!(code(&["verify", "gone", "--key", "log.pub"]), Some(4));
    assert_eq!(code(&["verify", "ledger", "--key", "gone"]), Some(4));
    assert_eq!(code(&["verify", "ledger", "--key", "at-300"]), Some(3));
    assert_eq!(code(&["verify", "ledger", "--checkpoint", "gone"]), Some(4));
    assert_eq!(code(&["verify"]), Some(2));
}

#[test]
fn the_torn_end_of_the_history_is_no_fault() {
    let dir = ledger();
    edit(&dir.path().join("ledger/checkpoints"), |bytes| {
        let len = bytes.len();
        bytes.truncate(len - 30);
    });
    both(dir.path(), PLAIN, true, "history torn");
}

//! What the tests of the ledger work on and with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use poortwacht::base::Timestamp;
use poortwacht::ledger::{Ledger, New, Settings};
use tempfile::TempDir;

/// 2026-11-22T13:20:00Z.
pub const NOW: Timestamp = Timestamp(1_795_353_600_000_000_000);

pub fn settings(folder: &Path) -> Settings {
    Settings {
        folder: folder.to_owned(),
        origin: "poortwacht/test".into(),
        checkpoint_seconds: 60,
    }
}

pub fn entries(range: std::ops::Range<u64>, word: &str) -> Vec<New> {
    let entry = |n: u64| New {
        kind: ["hit", "step", "coverage"][n as usize % 3].into(),
        time: Timestamp(NOW.nanos() + n as i64 * 1_000_000_000),
        payload: format!("{{\"{word}\":{n}}}").into_bytes(),
    };
    range.map(entry).collect()
}

/// A ledger of 700 entries in several checkpoints (300, 600, 700), of which three are deleted, with
/// four entries behind the last checkpoint; and beside it what an auditor put aside at 300.
pub fn ledger() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(&settings(&dir.path().join("ledger")), NOW).unwrap();
    for (from, to) in [(0, 300), (300, 600), (600, 700)] {
        ledger.append(&entries(from..to, "n")).unwrap();
        ledger.checkpoint(NOW).unwrap();
        if to == 300 {
            copy(
                &dir.path().join("ledger/checkpoint"),
                &dir.path().join("at-300"),
            );
        }
    }
    assert_eq!(ledger.delete(&[5, 6, 299], NOW).unwrap(), 3);
    copy(
        &dir.path().join("ledger/key.pub"),
        &dir.path().join("log.pub"),
    );
    copy(
        &dir.path().join("ledger/checkpoint"),
        &dir.path().join("at-700"),
    );
    ledger.append(&entries(700..704, "n")).unwrap();
    dir
}

pub fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// Runs the program in `dir`.
pub fn program(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.env_remove("POORTWACHT_CONFIG").output().unwrap()
}

/// Runs the second verifier in `dir`; none where Python lacks what it needs.
pub fn second(dir: &Path, args: &[&str]) -> Option<Output> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/verifier.py");
    let python = |first: &[&str]| {
        let mut command = Command::new("python3");
        command.args(first).current_dir(dir).stdin(Stdio::null());
        command
    };
    let found = python(&["-c", "import cryptography"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "python3-cryptography is missing: run tests/setup test"
        );
        eprintln!("skipped: python3-cryptography is missing, see tests/setup");
        return None;
    }
    Some(python(&[]).arg(script).args(args).output().unwrap())
}

pub fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

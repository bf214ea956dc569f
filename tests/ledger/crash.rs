//! A writer that is killed at random moments, and one whose disk fills up.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use poortwacht::base::Timestamp;
use poortwacht::ledger::verify::{Request, verify};
use poortwacht::ledger::{Ledger, New, Settings};

use super::bench::{NOW, second, settings, text};

const ROUNDS: u64 = 10;

fn child(test: &str, folder: &Path, round: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
        .env("LEDGER_FOLDER", folder)
        .env("LEDGER_ROUND", round.to_string());
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Ten writers, each killed somewhere between its first word and a fifth of a second later. What
/// each said to be written is there, as it said, and all of it verifies.
#[test]
fn what_a_killed_writer_acknowledged_is_there_and_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut writer = child("crash::child_that_writes", &folder, round)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let first = lines.by_ref().find(|line| {
            let line = line.as_ref().unwrap();
            line.starts_with("wrote ")
        });
        let pause =
            Duration::from_micros(u64::from(std::process::id()) * (round + 1) * 7919 % 200_000);
        std::thread::sleep(pause);
        writer.kill().unwrap();
        for line in first.into_iter().chain(lines) {
            let line = line.unwrap();
            // A last line may be cut in the middle: it ends with a dot.
            let Some(said) = line
                .strip_prefix("wrote ")
                .and_then(|said| said.strip_suffix('.'))
            else {
                continue;
            };
            let (number, payload) = said.split_once(' ').unwrap();
            let before = acknowledged.insert(number.parse().unwrap(), payload.to_owned());
            assert_eq!(before, None, "number {number} was given twice");
        }
        writer.wait().unwrap();
        compare(&folder, &acknowledged, round);
    }
    assert!(
        acknowledged.len() > 100,
        "the writers wrote next to nothing"
    );
    let (ledger, _) = Ledger::open(&quick(&folder), NOW).unwrap();
    let size = ledger.size();
    ledger.close(NOW).unwrap();
    let request = Request {
        folder,
        key: None,
        earlier: Vec::new(),
        witnesses: Vec::new(),
    };
    let report = verify(&request).unwrap();
    assert!(report.verifies, "{:?}", report.faults);
    assert_eq!((report.size, report.unsigned), (size, 0));
    if let Some(second) = second(dir.path(), &["ledger", "--key", "ledger/key.pub"]) {
        assert_eq!(second.status.code(), Some(0), "{}", text(&second));
    }
}

fn compare(folder: &Path, acknowledged: &BTreeMap<u64, String>, round: u64) {
    let mut stored = BTreeMap::new();
    for entry in Ledger::read(folder, 0).unwrap() {
        // What stands behind the last whole entry is for the next start to cut off.
        let Ok(entry) = entry else { break };
        let payload = String::from_utf8(entry.payload.unwrap()).unwrap();
        stored.insert(entry.number, payload);
    }
    for (number, payload) in acknowledged {
        assert_eq!(
            stored.get(number),
            Some(payload),
            "round {round}, entry {number}"
        );
    }
}

/// Signs every second, so that checkpoints are written under the axe too.
fn quick(folder: &Path) -> Settings {
    Settings {
        checkpoint_seconds: 1,
        ..settings(folder)
    }
}

#[test]
#[ignore = "run by the test above, which kills it"]
fn child_that_writes() {
    let folder = std::env::var("LEDGER_FOLDER").unwrap();
    let round: u64 = std::env::var("LEDGER_ROUND").unwrap().parse().unwrap();
    let (mut ledger, _) = Ledger::open(&quick(Path::new(&folder)), NOW).unwrap();
    for group in 0u64.. {
        // 20 ms of the ledger's time for each group: a checkpoint for every 50th of them.
        let now = Timestamp(NOW.nanos() + group as i64 * 20_000_000);
        let new: Vec<New> = (0..1 + group * 7 % 40)
            .map(|n| New {
                kind: "hit".into(),
                time: now,
                payload: format!("{round}-{group}-{n}-{}", "x".repeat(300)).into_bytes(),
            })
            .collect();
        let numbers = ledger.append(&new).unwrap();
        let mut out = std::io::stdout().lock();
        for (number, new) in numbers.zip(&new) {
            let payload = std::str::from_utf8(&new.payload).unwrap();
            writeln!(out, "wrote {number} {payload}.").unwrap();
        }
        out.flush().unwrap();
        ledger.tick(now);
    }
}

/// On a file system of 512 KiB: entries are refused whole when it is full, and taken when there is
/// room again; nothing that was acknowledged is lost.
#[test]
fn a_full_disk_refuses_and_takes_again() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: a small file system needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=512k poortwacht-test \"$LEDGER_FOLDER\" && exec \"$@\"";
    let child = child("crash::child_on_a_small_disk", folder.path(), 0);
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount, "sh"])
        .arg(child.get_program())
        .args(child.get_args())
        .env("LEDGER_FOLDER", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    if said.contains("Operation not permitted") || said.contains("permission denied") {
        return println!("skipped: no file system may be mounted here: {said}");
    }
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by the test above, on a disk of its own"]
fn child_on_a_small_disk() {
    let disk = std::env::var("LEDGER_FOLDER").unwrap();
    let disk = Path::new(&disk);
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![0; 200 * 1024]).unwrap();
    let folder = disk.join("ledger");
    let (mut ledger, _) = Ledger::open(&settings(&folder), NOW).unwrap();
    let group = |n: u64| -> Vec<New> {
        let new = |m: u64| New {
            kind: "hit".into(),
            time: NOW,
            payload: format!("{n}-{m}-{}", "x".repeat(700)).into_bytes(),
        };
        (0..9).map(new).collect()
    };
    let (mut written, mut refusals) = (Vec::new(), 0);
    for n in 0..1000 {
        match ledger.append(&group(n)) {
            Ok(numbers) => written.extend(numbers.zip(group(n))),
            Err(why) => {
                assert!(why.contains("they wait"), "{why}");
                refusals += 1;
                assert!(ledger.state().failures >= refusals);
                assert!(ledger.state().failing.is_some());
                ledger.tick(NOW);
                if refusals == 5 {
                    break;
                }
            }
        }
    }
    assert_eq!(refusals, 5, "the disk did not fill up");
    assert!(written.len() > 50);
    std::fs::remove_file(&ballast).unwrap();
    // The same ledger goes on, without a start.
    let numbers = ledger.append(&group(5000)).unwrap();
    assert_eq!(numbers.start, written.len() as u64);
    written.extend(numbers.zip(group(5000)));
    let later = Timestamp(NOW.nanos() + 120_000_000_000);
    ledger.tick(later);
    assert_eq!(ledger.state().failing, None);
    ledger.close(later).unwrap();
    let stored: Vec<_> = Ledger::read(&folder, 0)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(stored.len(), written.len());
    for (stored, (number, new)) in stored.iter().zip(&written) {
        assert_eq!(stored.number, *number);
        assert_eq!(stored.payload.as_ref(), Some(&new.payload), "{number}");
    }
    let request = Request {
        folder,
        key: None,
        earlier: Vec::new(),
        witnesses: Vec::new(),
    };
    let report = verify(&request).unwrap();
    assert!(report.verifies, "{:?}", report.faults);
}

//! The log through crashes, full disks and rotations.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::hits::fold::tests::hit;
use crate::hits::{Addresses, Finding, Key, Observer, Scribe};

fn record(frame: u64) -> Record {
    let key = Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap();
    let scribe = Scribe::new(
        key,
        Addresses::Pseudonym,
        Observer {
            name: "gate".into(),
        },
    );
    let mut hit = hit(1, "192.0.2.1", "app.acme.example");
    hit.frame = frame;
    scribe.record(&Finding::First(Box::new(hit)))
}

fn frames(path: &Path) -> Vec<u64> {
    let mut frames = Vec::new();
    let tally = read::list(path, |record| {
        frames.push(record.poortwacht.frame);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(
        tally,
        read::Tally {
            cases: 0,
            records: frames.len() as u64,
            unreadable: 0
        }
    );
    frames
}

struct Place {
    folder: tempfile::TempDir,
    now: Instant,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            now: Instant::now(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hits.jsonl")
    }

    fn open(&self, change: impl FnOnce(&mut Settings)) -> HitLog {
        let mut settings = Settings::new(self.path());
        change(&mut settings);
        HitLog::open(settings, self.now).unwrap()
    }
}

#[test]
fn lines_come_back_and_are_found_by_id() {
    let place = Place::new();
    let mut log = place.open(|_| {});
    (0..5).for_each(|frame| log.append(&record(frame), place.now));
    let mode = fs::metadata(place.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o640, 0, "{mode:o}");
    assert_eq!(frames(&place.path()), [0, 1, 2, 3, 4]);
    let wanted = record(3);
    let found = read::find(&place.path(), &wanted.event.id).unwrap();
    assert!(matches!(found, Some(read::Entry::Hit(record)) if *record == wanted));
    assert!(
        read::find(&place.path(), "ffffffffffffffffffffffff")
            .unwrap()
            .is_none()
    );
    let none = read::find(&place.folder.path().join("none"), "x")
        .err()
        .unwrap();
    assert_eq!(none.kind(), io::ErrorKind::NotFound);
    let (state, result) = log.close(place.now);
    result.unwrap();
    assert_eq!(
        (state.lines, state.bytes),
        (5, fs::metadata(place.path()).unwrap().len())
    );
}

#[test]
fn a_line_that_is_no_record_is_counted_and_passed_over() {
    let place = Place::new();
    let mut log = place.open(|_| {});
    log.append(&record(1), place.now);
    drop(log);
    let mut file = OpenOptions::new().append(true).open(place.path()).unwrap();
    file.write_all(b"{\"broken\":\n\n").unwrap();
    file.write_all(&record(2).to_line()).unwrap();
    let mut seen = 0;
    let tally = read::list(&place.path(), |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(
        tally.unwrap(),
        read::Tally {
            cases: 0,
            records: 2,
            unreadable: 1
        }
    );
    let id = record(2).event.id;
    assert!(read::find(&place.path(), &id).unwrap().is_some());
}

#[test]
fn half_a_line_left_by_a_crash_is_cut_back_and_counted() {
    let whole = [record(1).to_line(), record(2).to_line()].concat();
    let half = record(3).to_line();
    for cut in [1, half.len() / 2, half.len() - 1] {
        let place = Place::new();
        fs::write(place.path(), [&whole, &half[..cut]].concat()).unwrap();
        let mut log = place.open(|_| {});
        assert_eq!(log.state().torn_lines, 1);
        log.append(&record(4), place.now);
        assert_eq!(frames(&place.path()), [1, 2, 4]);
    }
    // nothing but half a line, longer than one search step
    let place = Place::new();
    fs::write(place.path(), [b"{".repeat(200_000)].concat()).unwrap();
    let log = place.open(|_| {});
    assert_eq!(
        (
            log.state().torn_lines,
            fs::metadata(place.path()).unwrap().len()
        ),
        (1, 0)
    );
}

#[test]
fn what_is_no_hit_log_is_left_alone() {
    let place = Place::new();
    fs::write(place.path(), "root:x:0:0").unwrap();
    let error = HitLog::open(Settings::new(place.path()), place.now)
        .err()
        .unwrap();
    assert!(matches!(error, LogError::NotALog { .. }), "{error}");
    assert_eq!(fs::read(place.path()).unwrap(), b"root:x:0:0");
    let error = HitLog::open(Settings::new(place.folder.path()), place.now)
        .err()
        .unwrap();
    assert!(matches!(error, LogError::NotAFile { .. }), "{error}");
    let nowhere = place.folder.path().join("no/such/folder.jsonl");
    let error = HitLog::open(Settings::new(nowhere), place.now)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("does its folder exist"),
        "{error}"
    );
}

#[test]
fn two_writers_do_not_share_a_file() {
    let place = Place::new();
    let first = place.open(|_| {});
    let error = HitLog::open(Settings::new(place.path()), place.now)
        .err()
        .unwrap();
    assert!(matches!(error, LogError::Locked { .. }), "{error}");
    drop(first);
    place.open(|_| {});
}

#[test]
fn rotation_by_size_keeps_a_bounded_number_of_whole_files() {
    let place = Place::new();
    let line = record(0).to_line().len() as u64;
    let mut log = place.open(|s| (s.rotate_bytes, s.keep) = (Some(line * 3 + 10), 2));
    (0..10).for_each(|frame| log.append(&record(frame), place.now));
    // 0-2 are gone, 3-5 in .2, 6-8 in .1, 9 in the file
    assert_eq!(frames(&place.path()), [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(log.state().rotations, 3);
    let names = fs::read_dir(place.folder.path()).unwrap().count();
    assert_eq!(names, 3);
    let id = record(4).event.id;
    assert!(
        read::find(&place.path(), &id).unwrap().is_some(),
        "in an old file"
    );
    // fewer are kept after a change of the config
    drop(log);
    let mut log = place.open(|s| (s.rotate_bytes, s.keep) = (Some(line), 1));
    log.append(&record(10), place.now);
    assert_eq!(frames(&place.path()), [9, 10]);
}

#[test]
fn rotation_by_age_leaves_an_empty_file_alone() {
    let place = Place::new();
    let mut log = place.open(|s| s.rotate_age = Some(Duration::ZERO));
    log.tick(place.now);
    assert_eq!(log.state().rotations, 0);
    log.append(&record(1), place.now);
    log.tick(place.now);
    assert_eq!(log.state().rotations, 1);
    assert_eq!(fs::metadata(place.path()).unwrap().len(), 0);
    assert_eq!(frames(&place.path()), [1]);
}

#[test]
fn a_file_moved_away_is_opened_anew_on_request_or_by_itself() {
    let place = Place::new();
    let mut log = place.open(|_| {});
    let moved = place.folder.path().join("moved");
    log.append(&record(1), place.now);
    log.reopen(place.now);
    assert_eq!(log.state().reopens, 0, "still in its place");
    fs::rename(place.path(), &moved).unwrap();
    log.reopen(place.now);
    log.append(&record(2), place.now);
    assert_eq!((frames(&moved), frames(&place.path())), (vec![1], vec![2]));
    fs::remove_file(place.path()).unwrap();
    log.tick(place.now + RETRY);
    log.append(&record(3), place.now + RETRY);
    assert_eq!(frames(&place.path()), [3]);
    assert_eq!(log.state().reopens, 2);
}

#[test]
fn a_device_that_is_always_full_makes_the_queue_give_up_the_oldest() {
    let now = Instant::now();
    let mut settings = Settings::new("/dev/full");
    settings.queue_lines_max = 3;
    let mut log = HitLog::open(settings, now).unwrap();
    (0..5).for_each(|frame| log.append(&record(frame), now));
    let state = log.state();
    assert_eq!(
        (state.queue_lines, state.lost.at(Lost::QueueFull.index())),
        (3, 2)
    );
    assert_eq!(state.lines, 0);
    assert!(
        state.failing.as_ref().unwrap().contains("/dev/full"),
        "{:?}",
        state.failing
    );
    // one attempt only: the next comes after a second
    assert_eq!(state.errors.at(Operation::Write.index()), 1);
    log.tick(now + RETRY);
    assert_eq!(log.state().errors.at(Operation::Write.index()), 2);
    assert!(
        log.queue
            .front()
            .is_some_and(|line| *line == record(2).to_line())
    );
    let (state, result) = log.close(now + RETRY);
    assert_eq!(state.lost.at(Lost::AtEnd.index()), 3);
    let error = result.err().unwrap().to_string();
    assert!(
        error.starts_with("3 records did not reach the hit log"),
        "{error}"
    );
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let now = Instant::now();
    let mut settings = Settings::new("/dev/full");
    settings.queue_bytes_max = record(1).to_line().len() * 2 + 10;
    let mut log = HitLog::open(settings, now).unwrap();
    (0..9).for_each(|frame| log.append(&record(frame), now));
    assert_eq!(log.state().queue_lines, 2);
    let waiting: usize = log.queue.iter().map(Vec::len).sum();
    assert_eq!(log.state().queue_bytes, waiting as u64);
}

#[test]
fn lines_are_forced_to_the_disk_as_asked() {
    let place = Place::new();
    let pause = Duration::from_millis(500);
    let mut log = place.open(|s| s.sync = SyncPolicy::Every(pause));
    log.append(&record(1), place.now);
    log.tick(place.now + pause / 2);
    assert!(log.unsynced_since.is_some());
    log.tick(place.now + pause);
    assert!(log.unsynced_since.is_none());
    drop(log);
    let mut log = place.open(|s| s.sync = SyncPolicy::Always);
    log.append(&record(2), place.now);
    assert!(log.unsynced_since.is_none());
}

/// Set for the run inside the namespace: a folder on a file system of 64 KiB.
const SMALL_DISK: &str = "POORTWACHT_TEST_SMALL_DISK";

#[test]
fn a_full_disk_loses_nothing_and_leaves_no_half_line() {
    if let Some(folder) = std::env::var_os(SMALL_DISK) {
        return on_a_small_disk(Path::new(&folder));
    }
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root to mount a small disk in a namespace of its own");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k poortwacht-test \"$0\" && exec \"$@\"";
    let name = "hits::log::tests::a_full_disk_loses_nothing_and_leaves_no_half_line";
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(SMALL_DISK, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{run:?}");
}

fn on_a_small_disk(folder: &Path) {
    let now = Instant::now();
    let path = folder.join("hits.jsonl");
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![0; 40 * 1024]).unwrap();
    let mut log = HitLog::open(Settings::new(&path), now).unwrap();
    let free = log.state().free_bytes.unwrap();
    assert!((1..64 * 1024).contains(&free), "{free}");
    (0..40).for_each(|frame| log.append(&record(frame), now));
    let state = log.state();
    assert!(
        state.failing.is_some() && state.lines > 0 && state.queue_lines > 0,
        "{state:?}"
    );
    assert_eq!(state.lines + state.queue_lines, 40);
    // what stands in the file is whole, though the write that failed wrote a part
    assert_eq!(frames(&path).len() as u64, state.lines);
    assert_eq!(fs::metadata(&path).unwrap().len(), state.bytes);
    fs::remove_file(&ballast).unwrap();
    log.tick(now + RETRY);
    let state = log.state();
    assert_eq!(
        (state.failing, state.queue_lines, state.lines),
        (None, 0, 40)
    );
    assert_eq!(frames(&path), (0..40).collect::<Vec<_>>());
}

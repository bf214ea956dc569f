//! The record under the axe: the real daemon, killed, out of room, on a disk that fails. Whatever it
//! acknowledged, by a line in the hit log or an answer to an act, is in the ledger.
//!
//! Enters: the built binary; for the full disk root, for the failing one a C compiler; without them a
//! test prints `skipped:` with the reason. Leaves: a failure that says what was lost. Never: a network.

#[path = "record/load.rs"]
mod load;
#[path = "record/stand.rs"]
mod stand;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use poortwacht::base::Timestamp;
use poortwacht::ledger::Ledger;
use poortwacht::record::{Act, Body, Entry};
use poortwacht::store::{Numbered, Store, rebuild_from};
use stand::{Stand, capture, comment, wait};

/// Whoever measures time is alone; the others run beside each other.
static ALONE: RwLock<()> = RwLock::new(());

/// Hits of one round.
const FLOOD: usize = 6_000;

/// A case to work on, made by a look-up and a proper stop.
fn case_of(stand: &Stand) -> String {
    let file = stand.path("first.pcap");
    capture(&file, ["app.clearview.ai".to_owned()].into_iter());
    let daemon = stand.daemon(&file);
    wait("the first hit", || stand.logged().len() == 1);
    let (code, said) = daemon.stop();
    assert_eq!(code, Some(0), "{said}");
    let case = stand.recorded().into_values().find_map(|it| match it.body {
        Body::Case(head) => Some(head.id),
        _ => None,
    });
    case.expect("a case")
}

/// What the outside has seen acknowledged, and what it found in the ledger.
#[derive(Default)]
struct Seen {
    hits: BTreeSet<String>,
    notes: BTreeMap<u64, String>,
    /// Up to where the hit log was read.
    log_at: u64,
    /// Number of the first entry that was not read yet.
    next: u64,
    recorded: BTreeSet<String>,
    noted: BTreeMap<u64, String>,
}

impl Seen {
    /// Lines that came to the hit log, each once.
    fn look(&mut self, stand: &Stand) {
        for id in stand.logged_from(&mut self.log_at) {
            assert!(self.hits.insert(id.clone()), "{id} stands twice in the log");
        }
    }

    /// Entries that came to the ledger, each hit once; then: is all of it there?
    fn compare(&mut self, stand: &Stand, round: u64) {
        for (number, entry) in stand.recorded_from(self.next) {
            assert_eq!(number, self.next, "round {round}: an entry is missing");
            self.next += 1;
            match entry.body {
                Body::Hit(hit) => {
                    let id = hit.record.event.id;
                    assert!(
                        self.recorded.insert(id.clone()),
                        "round {round}: {id} twice"
                    );
                }
                Body::Act(acted) => {
                    if let Act::Comment { text, .. } = acted.act {
                        self.noted.insert(number, text);
                    }
                }
                _ => {}
            }
        }
        let lost = self.hits.difference(&self.recorded).count();
        assert_eq!(
            lost, 0,
            "round {round}: hits were acknowledged, and are lost"
        );
        for (number, text) in &self.notes {
            let found = self.noted.get(number);
            assert_eq!(found, Some(text), "round {round}: acknowledged as {number}");
        }
    }
}

/// Acts on a case until the daemon is gone; what it answered.
fn act(socket: &Path, case: &str, round: u64) -> BTreeMap<u64, String> {
    let mut done = BTreeMap::new();
    for at in 0.. {
        let text = format!("note {round}-{at}");
        let Some(answer) = stand::ask(socket, &comment(case, &text)) else {
            if socket.exists() && at == 0 {
                continue;
            }
            return done;
        };
        let answer: serde_json::Value = serde_json::from_str(&answer).expect(&answer);
        if let Some(number) = answer["done"]["number"].as_u64() {
            assert_eq!(done.insert(number, text), None);
        }
    }
    done
}

fn killed(rounds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(folder.path());
    let case = case_of(&stand);
    let mut seen = Seen::default();
    for round in 0..rounds {
        let file = stand.path("flood.pcap");
        let name = |at| format!("n{round}-{at}.flood.example");
        capture(&file, (0..FLOOD).map(name));
        let before = stand.log_len();
        let mut daemon = stand.daemon(&file);
        let (socket, case) = (daemon.socket(), case.clone());
        wait("the control socket", || {
            assert!(daemon.is_alive(), "round {round}: {}", daemon.said());
            socket.exists()
        });
        let acting = std::thread::spawn(move || act(&socket, &case, round));
        // Somewhere in the flood, or, one time in four, already while it starts.
        if round % 4 != 3 {
            wait("a hit", || stand.log_len() > before);
        }
        let dice = u64::from(std::process::id()) * (round + 1) * 7919;
        std::thread::sleep(Duration::from_micros(dice % 400_000));
        // Seen by the outside while it lived, and what was still to be seen.
        seen.look(&stand);
        daemon.kill();
        drop(daemon);
        seen.notes.extend(acting.join().unwrap());
        seen.look(&stand);
        seen.compare(&stand, round);
        let (hits, notes) = (seen.hits.len(), seen.notes.len());
        println!(
            "kill {round}: {hits} lines, {notes} answers, {} entries",
            seen.next
        );
    }
    assert!(seen.hits.len() as u64 > 100 * rounds, "{}", seen.hits.len());
    // One in four is killed while it starts.
    let answers = seen.notes.len() as u64;
    assert!(answers * 2 >= rounds, "{answers}");
    finish(&stand, seen);
}

/// A proper life and stop; then all of it verifies, and the store can be made again.
fn finish(stand: &Stand, mut seen: Seen) {
    let empty = stand.path("empty.pcap");
    capture(&empty, std::iter::empty());
    let daemon = stand.daemon(&empty);
    wait("its end", || daemon.said().contains("came to its end"));
    let (code, said) = daemon.stop();
    assert_eq!(code, Some(0), "{said}");
    seen.look(stand);
    // Each entry anew: nothing may have changed since.
    (seen.next, seen.recorded, seen.noted) = Default::default();
    seen.compare(stand, u64::MAX);
    assert_eq!(
        seen.hits, seen.recorded,
        "the log lacks what the ledger has"
    );
    let ledger = stand.ledger();
    let (code, said) = stand.command(&["verify", &ledger.display().to_string()]);
    assert_eq!(code, Some(0), "{said}");
    // Made again beside the one that went through all of it.
    let again = stand.path("again.sqlite");
    let entries = Ledger::read(&ledger, 0).unwrap().map(|stored| {
        let it = stored?;
        Numbered::read(it.number, it.kind, it.time, it.payload.as_deref())
    });
    let now = Timestamp(1);
    rebuild_from(entries, &again, now, &mut |_| {}).unwrap();
    let content = |path: &Path| Store::open(path, now).unwrap().content().unwrap();
    let (one, two) = (content(&stand.path("cases/store.sqlite")), content(&again));
    for (table, lines) in &one {
        assert!(lines == &two[table], "{table} differs");
    }
    // Each life but the last began after a crash.
    let lives = stand
        .recorded()
        .into_values()
        .filter_map(|it| match it.body {
            Body::Life(life) => Some((life.what, life.reason)),
            _ => None,
        });
    let lives: Vec<(String, String)> = lives.collect();
    assert_eq!(lives[0].1, "first start");
    assert_eq!(
        lives.last().unwrap(),
        &("stop".to_owned(), "SIGTERM".to_owned())
    );
}

#[test]
fn what_was_acknowledged_before_a_kill_is_in_the_record_after_it() {
    let _beside = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    killed(10);
}

#[test]
#[ignore = "200 kills take minutes: make verify"]
fn two_hundred_kills() {
    let _beside = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    killed(200);
}

/// How many `loss` entries of the ledger tell of an outage.
fn outages(entries: &BTreeMap<u64, Entry>) -> usize {
    let told = entries.values().filter(|it| match &it.body {
        Body::Loss(loss) => loss.place == "ledger" && loss.reason.contains("could not be written"),
        _ => false,
    });
    told.count()
}

/// A flood while the ledger cannot be written: nothing is acknowledged, all of it comes afterwards.
fn outage(stand: &Stand, daemon: stand::Daemon, case: &str, mend: impl FnOnce()) {
    wait("the failure", || {
        daemon.said().contains("nothing is acknowledged")
    });
    let before = stand.logged();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(
        stand.logged().len(),
        before.len(),
        "a line without its entry"
    );
    let answer = daemon.ask(&comment(case, "in the dark")).unwrap();
    assert!(answer.starts_with("{\"refused\":"), "{answer}");
    mend();
    let until = std::time::Instant::now() + Duration::from_secs(100);
    while stand.logged().len() < FLOOD + 1 {
        let come = stand.logged().len();
        assert!(
            std::time::Instant::now() < until,
            "{come} came: {}",
            daemon.said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let answer = daemon.ask(&comment(case, "in the light")).unwrap();
    assert!(answer.starts_with("{\"done\":"), "{answer}");
    let (code, said) = daemon.stop();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(outages(&stand.recorded()), 1);
    finish(stand, Seen::default());
}

/// Makes what is preloaded; `None` without a C compiler.
fn shim(folder: &Path) -> Option<PathBuf> {
    let shim = folder.join("shim.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/record/shim.c");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&shim)
        .args([source, "-ldl"])
        .output();
    made.is_ok_and(|made| made.status.success()).then_some(shim)
}

#[test]
fn while_the_disk_cannot_be_forced_nothing_is_acknowledged_and_then_all_of_it() {
    let _beside = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = shim(folder.path()) else {
        return println!("skipped: no C compiler");
    };
    let stand = Stand::new(folder.path());
    let case = case_of(&stand);
    let file = stand.path("flood.pcap");
    capture(&file, (0..FLOOD).map(|at| format!("n{at}.flood.example")));
    let flag = stand.path("broken");
    fs::write(&flag, "").unwrap();
    let daemon = stand.daemon_with(&file, |command| {
        command.env("LD_PRELOAD", &shim).env("SYNC_FAILS", &flag);
    });
    outage(&stand, daemon, &case, || fs::remove_file(&flag).unwrap());
}

/// The store follows the record: its disk holds up nobody, and it is told.
#[test]
fn while_the_stores_file_cannot_be_forced_the_record_goes_on_and_it_is_told() {
    let _beside = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = shim(folder.path()) else {
        return println!("skipped: no C compiler");
    };
    let stand = Stand::new(folder.path());
    let case = case_of(&stand);
    let file = stand.path("flood.pcap");
    capture(&file, (0..FLOOD).map(|at| format!("n{at}.flood.example")));
    let flag = stand.path("broken");
    fs::write(&flag, "").unwrap();
    let daemon = stand.daemon_with(&file, |command| {
        command.env("LD_PRELOAD", &shim);
        command.env("SYNC_FAILS", &flag);
        command.env("SYNC_FAILS_AT", "store.sqlite");
    });
    wait("all of it", || stand.logged().len() == FLOOD + 1);
    let failures = |daemon: &stand::Daemon| daemon.metric("poortwacht_store_failures_total");
    wait("the failure", || failures(&daemon) > 0.0);
    let said = daemon.said();
    assert!(said.contains("store.sqlite: disk I/O error"), "{said}");
    assert!(!said.contains("nothing is acknowledged"), "{said}");
    fs::remove_file(&flag).unwrap();
    wait("the store", || {
        daemon.metric("poortwacht_store_behind_entries") == 0.0
    });
    // And as long as it is forced to nothing, it is forced in vain no more.
    let mut before = failures(&daemon);
    wait("an end of failures", || {
        std::thread::sleep(Duration::from_secs(2));
        let now = failures(&daemon);
        now == std::mem::replace(&mut before, now)
    });
    let answer = daemon.ask(&comment(&case, "in the light")).unwrap();
    assert!(answer.starts_with("{\"done\":"), "{answer}");
    let (code, said) = daemon.stop();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(outages(&stand.recorded()), 0);
    finish(&stand, Seen::default());
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_then_all_of_it() {
    let _beside = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: a small file system needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let mount =
        "mount -t tmpfs -o size=96m,mode=700 poortwacht-test \"$RECORD_FOLDER\" && exec \"$@\"";
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_on_a_small_disk",
            "--ignored",
            "--nocapture",
        ])
        .env("RECORD_FOLDER", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    if said.contains("Operation not permitted") || said.contains("permission denied") {
        return println!("skipped: no file system may be mounted here: {said}");
    }
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "started on a small file system by on_a_full_disk_nothing_is_acknowledged_and_then_all_of_it"]
fn child_on_a_small_disk() {
    let _beside = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    // The ledger and what goes with it on the small disk, the rest beside it.
    let small = std::env::var("RECORD_FOLDER").unwrap();
    let beside = tempfile::tempdir().unwrap();
    let stand = Stand::new(beside.path());
    std::os::unix::fs::symlink(&small, stand.path("cases")).unwrap();
    let case = case_of(&stand);
    let file = stand.path("flood.pcap");
    capture(&file, (0..FLOOD).map(|at| format!("n{at}.flood.example")));
    let spare = Path::new(&small).join("spare");
    let mut more = fs::File::create(&spare).unwrap();
    // Whatever room is left.
    while std::io::Write::write_all(&mut more, &[1; 4096]).is_ok() {}
    // Held open, it would keep its room after it is removed.
    drop(more);
    fs::File::options()
        .write(true)
        .open(&spare)
        .and_then(|it| it.set_len(it.metadata()?.len().saturating_sub(600 * 1024)))
        .unwrap();
    let daemon = stand.daemon(&file);
    outage(&stand, daemon, &case, || fs::remove_file(&spare).unwrap());
}

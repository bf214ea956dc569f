//! The service as it runs: confined in every thread, sensor and desk as units of their own under two
//! users, a watchdog that a dead worker starves, the units' score, and the way in by `init`.
//!
//! Enters: the program, `systemd-socket-activate` and `systemd-analyze` where they are; without them
//! a test prints `skipped:`. Leaves: a failure that says what was not guarded.

#[path = "confined/daemon.rs"]
mod daemon;

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use daemon::{Daemon, PROGRAM, has, patiently};

#[test]
fn every_thread_of_both_processes_is_confined() {
    let daemon = Daemon::start();
    let status = daemon.status();
    for process in ["sensor", "desk"] {
        for (guard, holds) in status["sandbox"][process].as_object().expect("guards") {
            assert!(holds.as_bool() == Some(true), "{process}: {guard}");
        }
    }
    let sensor = daemon.child();
    for pid in [daemon.pid(), sensor] {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
        let mut seen = 0;
        for thread in threads.flatten() {
            let text = fs::read_to_string(thread.path().join("status")).expect("a status");
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.expect(name).trim().to_owned()
            };
            let name = field("Name:");
            assert_eq!(field("Seccomp:"), "2", "{name}");
            assert_eq!(field("NoNewPrivs:"), "1", "{name}");
            assert_eq!(field("CapPrm:").trim_start_matches('0'), "", "{name}");
            // The process' own filters are two; a worker has two more.
            let filters: u32 = field("Seccomp_filters:").parse().expect("a number");
            assert_eq!(
                filters,
                if name.starts_with("worker") { 4 } else { 2 },
                "{name}"
            );
            seen += 1;
        }
        assert!(seen >= 3, "{seen} threads");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core"))
            .expect("a line");
        assert_eq!(core.split_whitespace().nth(4), Some("0"));
    }
}

#[test]
fn all_of_the_work_is_done_inside() {
    let daemon = Daemon::start();
    daemon.ask(&["reload"]);
    fs::write(
        daemon.folder().join("lists/own.txt"),
        "pimeyes.com\nexample.net\n",
    )
    .expect("written");
    assert!(
        daemon.ask(&["reload"]).starts_with("loaded"),
        "a list that was swapped"
    );
    // Moved away, as logrotate does it, the log is begun anew.
    fs::rename(
        daemon.folder().join("hits.jsonl"),
        daemon.folder().join("hits.old"),
    )
    .expect("moved");
    daemon.ask(&["reload"]);
    patiently("a new hit log", || {
        daemon.folder().join("hits.jsonl").exists()
    });
    let line = daemon.ask(&["top", "--count", "2"]);
    assert_eq!(line.lines().count(), 2, "{line}");
    assert!(
        line.contains("workers_live=") && line.contains("ready=yes"),
        "{line}"
    );
    assert!(daemon.page("/metrics").contains("process_open_fds"));
    let messages = daemon.end();
    assert!(!messages.contains("not permitted"), "{messages}");
    assert!(!messages.contains("Permission denied"), "{messages}");
}

#[test]
fn sensor_and_desk_are_units_of_their_own_and_a_dead_worker_feeds_no_watchdog() {
    if !has("systemd-socket-activate") {
        return println!("skipped: systemd-socket-activate is not here");
    }
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: a network of our own takes root");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let manager = UnixDatagram::bind(folder.path().join("notify")).expect("bound");
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set");
    let heard = |within: Duration| {
        manager.set_read_timeout(Some(within)).expect("set");
        let mut word = [0; 256];
        let len = manager.recv(&mut word).ok()?;
        Some(String::from_utf8_lossy(&word[..len]).into_owned())
    };
    let daemon = Daemon::as_units(folder.path());
    let ready = heard(Duration::from_secs(60)).expect("a word");
    assert!(ready.starts_with("READY=1"), "{ready}");
    assert!(heard(Duration::from_secs(5)).is_some_and(|it| it == "WATCHDOG=1"));
    assert_eq!(daemon.status()["ready"], true);
    daemon.stop_sensor();
    // Words that were on their way, and the time that a worker may be silent.
    let until = Instant::now() + Duration::from_secs(40);
    while heard(Duration::from_secs(3)).is_some() {
        assert!(
            Instant::now() < until,
            "a dead sensor still feeds the watchdog"
        );
    }
    daemon.go_on();
    assert!(heard(Duration::from_secs(10)).is_some_and(|it| it == "WATCHDOG=1"));
}

#[test]
fn the_units_score_two_or_better() {
    if !has("systemd-analyze") {
        return println!("skipped: systemd-analyze is not here");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    for unit in ["poortwacht.service", "poortwacht-sensor.service"] {
        let run = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager", "--threshold=20"])
            .arg(root.join(unit))
            .output()
            .expect("run");
        let said = String::from_utf8_lossy(&run.stdout);
        let last = said.lines().last().unwrap_or_default();
        assert!(run.status.success(), "{unit}: {last}");
        // Where the units' program is not installed, verify complains of it alone.
        let run = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(root.join(unit))
            .output()
            .expect("run");
        let said = String::from_utf8_lossy(&run.stderr);
        let wrong = said
            .lines()
            .filter(|line| line.contains("deploy/systemd") || line.contains("Unknown key"));
        let wrong: Vec<_> = wrong
            .filter(|line| !line.contains("is not executable"))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn init_asks_at_a_terminal_and_never_writes_over() {
    if !has("script") {
        return println!("skipped: script (util-linux) is not here");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (config, state) = (folder.path().join("p.toml"), folder.path().join("state"));
    let typed = format!(
        "{PROGRAM} init --interface lo --output {} --state {} --unit=never-asked-for; true",
        config.display(),
        state.display()
    );
    // A flag that is none: told, nothing written.
    assert!(at_a_terminal(&typed, "").contains("unexpected"));
    assert!(!config.exists());
    let typed = typed.replace(" --unit=never-asked-for; true", "");
    let said = at_a_terminal(
        &typed,
        "10.0.0.0/99\n10.0.0.0/8\n\n\nhttp://127.0.0.1:9093\nDPIA 7\nn\n",
    );
    assert!(said.contains("10.0.0.0/99 is no network"), "{said}");
    assert!(said.contains("poortwacht run --config"), "{said}");
    let check = Command::new(PROGRAM)
        .args(["config", "check", "--config"])
        .arg(&config)
        .output()
        .expect("run");
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
    let text = fs::read_to_string(&config).expect("read");
    assert!(text.contains("monitored = [\"10.0.0.0/8\"]") && text.contains("# Ring per worker"));
    let again = at_a_terminal(&format!("{typed} --yes"), "");
    assert!(again.contains("never written over"), "{again}");
    assert_eq!(fs::read_to_string(&config).expect("read"), text);
    // Without a terminal nothing is asked.
    let run = Command::new(PROGRAM)
        .args(["init", "--output"])
        .arg(folder.path().join("q.toml"))
        .stdin(Stdio::null())
        .output()
        .expect("run");
    assert_eq!(run.status.code(), Some(2));
}

/// Types a command at a pseudo-terminal, and what it asks for.
fn at_a_terminal(command: &str, answers: &str) -> String {
    let mut script = Command::new("script")
        .args(["-qec", command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script");
    let mut keys = script.stdin.take().expect("piped");
    keys.write_all(answers.as_bytes()).expect("typed");
    // What was typed must not end before it was read.
    let end = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(3));
        drop(keys);
    });
    let said = script.wait_with_output().expect("an end");
    end.join().expect("no panic");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

//! The program as a person meets it: what each bad input says and which exit code it gives.
//!
//! Enters: the built program, files made here. Leaves: a failure with what the program said. Never:
//! reaches a network; the parts that need root print `skipped:` without it.

#[path = "cli/bad_input.rs"]
mod bad_input;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bad_input::bench;

const CAPTURE: &str = "tests/data/captures/first-day/capture.pcapng";
/// Hits in it, before repeats are folded; lines of `read`.
const CAPTURE_LINES: usize = 13;

fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    command
        .args(args)
        .current_dir(dir)
        .env_remove("POORTWACHT_CONFIG")
        .env("POORTWACHT_LOG", "trace")
        .stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const RUN: &str = "run --hits hits.jsonl --key key --control sock --listen 127.0.0.1:0";

/// What prints, with every output closed early or full.
#[test]
fn an_output_that_cannot_be_written_is_told_and_a_closed_pipe_is_no_fault() {
    let dir = bench();
    let hits = program(dir.path(), &["read", "-q", "whole.pcapng"])
        .output()
        .unwrap();
    fs::write(dir.path().join("hits.jsonl"), &hits.stdout).unwrap();
    let first: serde_json::Value =
        serde_json::from_slice(hits.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    let id = first.pointer("/event/id").unwrap().as_str().unwrap();
    for args in [
        &["read", "whole.pcapng"][..],
        &["read", "--names", "whole.pcapng"],
        &["config", "show"],
        &["config", "check"],
        &["list", "stats"],
        &["list", "show", "clearview-ai"],
        &["hits", "list", "--log", "hits.jsonl"],
        &["hits", "show", id, "--log", "hits.jsonl"],
        &["manual", "man"],
    ] {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let output = program(dir.path(), args).stdout(full()).output().unwrap();
        let told = said(&output);
        assert_eq!(output.status.code(), Some(8), "{args:?}: {told}");
        assert!(
            told.contains("No space left") && !told.contains("panicked"),
            "{args:?}: {told}"
        );

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(dir.path(), args).stdout(writer).output().unwrap();
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        assert!(!told.contains("panicked"), "{args:?}: {told}");

        let output = program(dir.path(), args).stderr(full()).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?} with standard error full"
        );
        assert!(!output.stdout.is_empty(), "{args:?}");
    }
}

/// A daemon that replays the capture; ended when dropped.
struct Daemon {
    child: Child,
    told: PathBuf,
    control: PathBuf,
    dir: PathBuf,
}

impl Daemon {
    fn start(dir: &Path, more: &[&str], told: Option<File>) -> Self {
        let run: Vec<&str> = RUN.split_whitespace().chain(more.iter().copied()).collect();
        let path = dir.join("told");
        let told = told.unwrap_or_else(|| File::create(&path).unwrap());
        let child = program(dir, &run)
            .stdout(Stdio::null())
            .stderr(told)
            .spawn()
            .unwrap();
        let mut daemon = Self {
            child,
            told: path,
            control: dir.join("sock"),
            dir: dir.to_owned(),
        };
        let until = Instant::now() + Duration::from_secs(20);
        while daemon.reload().status.code() != Some(0) {
            let ended = daemon.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "no daemon: {ended:?}: {}",
                daemon.told()
            );
        }
        daemon
    }

    fn reload(&self) -> Output {
        let control = self.control.to_str().unwrap();
        program(&self.dir, &["reload", "--control", control])
            .output()
            .unwrap()
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap_or_default()
    }

    fn wait_for(&self, what: &str, done: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !done() {
            assert!(
                Instant::now() < until,
                "waited in vain for {what}: {}",
                self.told()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn lines(&self) -> usize {
        let log = fs::read(self.dir.join("hits.jsonl")).unwrap_or_default();
        log.iter().filter(|byte| **byte == b'\n').count()
    }

    fn sensor(&self) -> i32 {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        children.trim().parse().unwrap()
    }

    fn signal(&self, id: i32, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).unwrap();
    }

    fn end(&mut self) -> Option<i32> {
        self.signal(self.child.id() as i32, nix::sys::signal::SIGTERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_reload_that_is_refused_says_so_and_changes_nothing() {
    let dir = bench();
    let list = |lines: usize| {
        let text: String = (0..lines).map(|n| format!("n{n}.example\n")).collect();
        fs::write(dir.path().join("own.txt"), text).unwrap();
    };
    list(40);
    let more = ["--read", "whole.pcapng", "--user-list", "own.txt"];
    let mut daemon = Daemon::start(dir.path(), &more, None);
    let refused = |part: &str| {
        let output = daemon.reload();
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.contains("old list stays") && told.contains(part),
            "{told}"
        );
    };
    fs::write(dir.path().join("own.txt"), "good.example\nbad..line\n").unwrap();
    refused("own.txt:2:1");
    // The catalogue beside it would hide that this list lost nearly everything.
    list(3);
    refused("3 rules where it had 40");
    fs::remove_file(dir.path().join("own.txt")).unwrap();
    refused("cannot be read");
    list(39);
    assert_eq!(daemon.reload().status.code(), Some(0));
    assert_eq!(daemon.told().matches("the new list was refused").count(), 3);
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn two_daemons_at_once_do_not_share_a_thing() {
    let dir = bench();
    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
    for (key, more, exit, part) in [
        ("hit log", "--control other", 8, "another process writes"),
        (
            "cases",
            "--hits other.jsonl",
            8,
            "another process keeps the ledger",
        ),
        (
            "socket",
            "--hits other.jsonl --cases other",
            7,
            "another daemon answers",
        ),
    ] {
        let line = format!("{} --read whole.pcapng {more}", RUN);
        let mut args: Vec<&str> = line.split_whitespace().collect();
        let option = more.split(' ').next().unwrap();
        let at = args.iter().position(|arg| *arg == option).unwrap();
        args.drain(at..at + 2);
        let output = program(dir.path(), &args).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{key}: {}", said(&output));
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    assert_eq!(daemon.end(), Some(0));
    assert!(!daemon.control.exists(), "the socket goes with the daemon");
}

#[test]
fn a_stale_socket_and_a_torn_line_are_left_behind_by_a_crash_and_mended() {
    let dir = bench();
    drop(UnixListener::bind(dir.path().join("sock")).unwrap());
    let lines = {
        let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
        daemon.wait_for("hits", || daemon.lines() > 0);
        let sensor = daemon.sensor();
        // Both at once, as the kernel does when memory runs out.
        daemon.signal(sensor, nix::sys::signal::SIGKILL);
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
        daemon.lines()
    };
    let log = dir.path().join("hits.jsonl");
    let mut file = File::options().append(true).open(&log).unwrap();
    file.write_all(b"{\"@timestamp\":\"20").unwrap();
    drop(file);
    let output = program(dir.path(), &["hits", "list", "--log", "hits.jsonl"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let out = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(out, lines, "what stood before the torn line is read");

    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
    daemon.wait_for("hits", || daemon.lines() >= 2 * lines);
    assert!(
        daemon.told().contains("ended in half a line"),
        "{}",
        daemon.told()
    );
    assert_eq!(daemon.end(), Some(0));
    let output = program(dir.path(), &["hits", "list", "--log", "hits.jsonl"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_hangup_of_both_processes_reloads_and_reopens_a_moved_log() {
    let dir = bench();
    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
    daemon.wait_for("hits", || daemon.lines() > 0);
    let log = dir.path().join("hits.jsonl");
    fs::rename(&log, dir.path().join("moved.jsonl")).unwrap();
    let before = daemon.told().matches("the list is in force").count();
    // As `killall -HUP` does.
    daemon.signal(daemon.sensor(), nix::sys::signal::SIGHUP);
    daemon.signal(daemon.child.id() as i32, nix::sys::signal::SIGHUP);
    daemon.wait_for("the reload", || {
        daemon.told().matches("the list is in force").count() > before
    });
    daemon.wait_for("the new log", || log.exists());
    assert_eq!(daemon.end(), Some(0), "{}", daemon.told());
}

#[test]
fn the_end_of_either_process_ends_the_other_and_says_why() {
    let dir = bench();
    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
    daemon.signal(daemon.sensor(), nix::sys::signal::SIGKILL);
    assert_eq!(daemon.child.wait().unwrap().code(), Some(70));
    assert!(
        daemon.told().contains("the sensor ended: signal: 9"),
        "{}",
        daemon.told()
    );

    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
    let sensor = daemon.sensor();
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    daemon.wait_for("the end of the sensor", || {
        // Gone, or waiting for whoever inherited it to take note.
        fs::read_to_string(format!("/proc/{sensor}/stat")).map_or(true, |s| s.contains(") Z "))
    });
}

#[test]
fn a_full_disk_under_the_messages_does_not_end_the_watch() {
    let dir = bench();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], Some(full));
    daemon.wait_for("hits", || daemon.lines() > 0);
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn a_replay_that_missed_something_ends_with_the_code_for_it() {
    let dir = bench();
    let more = [
        "--read",
        "cut.pcapng",
        "--read",
        "user0.pcap",
        "--read",
        "whole.pcapng",
    ];
    let mut daemon = Daemon::start(dir.path(), &more, None);
    daemon.wait_for("the end of the files", || {
        daemon.told().contains("came to its end")
    });
    assert_eq!(daemon.end(), Some(4));
    let told = daemon.told();
    assert!(
        told.contains("cut.pcapng") && told.contains("link type 147"),
        "{told}"
    );
}

#[test]
fn both_processes_give_up_what_they_hold() {
    let dir = bench();
    let mut daemon = Daemon::start(dir.path(), &["--read", "whole.pcapng"], None);
    for id in [daemon.sensor(), daemon.child.id() as i32] {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        for line in [
            "CapEff:\t0000000000000000",
            "CapPrm:\t0000000000000000",
            "NoNewPrivs:\t1",
        ] {
            assert!(status.contains(line), "{line} of {id} in {status}");
        }
    }
    assert_eq!(daemon.end(), Some(0));
}

#[test]
fn a_live_start_without_the_right_names_the_right() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can become somebody else");
        return;
    }
    let dir = bench();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let binary = dir.path().join("poortwacht");
    fs::copy(env!("CARGO_BIN_EXE_poortwacht"), &binary).unwrap();
    fs::remove_file(dir.path().join("key")).unwrap();
    for via in ["ring", "pcap"] {
        let run = format!("{RUN} -i lo --via {via}");
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
        ]);
        let command = command
            .arg(&binary)
            .args(run.split_whitespace())
            .current_dir(dir.path());
        let output = match command.output() {
            Ok(output) => output,
            Err(e) => return println!("skipped: no setpriv: {e}"),
        };
        let told = said(&output);
        assert_eq!(output.status.code(), Some(5), "{told}");
        assert!(
            told.contains("CAP_NET_RAW") && told.contains("setcap"),
            "{told}"
        );
    }
}

//! Where the kernel refuses the program, the next best filter is taken, or the start is refused.
//!
//! Tried for real: without CAP_BPF, with a `bpf` call that a seccomp filter forbids, beside a filter
//! expression, and against what the configuration demands.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lab::Lab;

/// Starts what follows with every `bpf` call answered by EPERM.
const NO_BPF: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
CALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
# ld nr; jeq CALL, 0, 1; ret ERRNO | EPERM; ret ALLOW
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, CALL), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// What the documentation asks for, and nothing else.
const JUST_THOSE: [&str; 2] = ["setpriv", "--bounding-set=-all,+net_raw,+bpf"];
const NO_CAPABILITY: [&str; 2] = ["setpriv", "--bounding-set=-bpf,-sys_admin"];

/// Runs the daemon on `cap0` until it is ready or ends; what it said, and its last metrics.
fn run(lab: &Lab, before: &[&str], options: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let messages = fs::File::create(folder.path().join("messages")).unwrap();
    let (hits, key, control, cases) = (path("hits"), path("key"), path("control"), path("cases"));
    let own = [
        "run",
        "-i",
        "cap0",
        "--listen",
        "127.0.0.1:9477",
        "--hits",
        &hits,
        "--key",
        &key,
        "--control",
        &control,
        "--cases",
        &cases,
    ];
    let mut process = Command::new("ip")
        .args(["netns", "exec", &lab.near])
        .args(before)
        .arg(env!("CARGO_BIN_EXE_poortwacht"))
        .args(own)
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(messages)
        .spawn()
        .unwrap();
    let fetch = || {
        let page = "http://127.0.0.1:9477/metrics";
        let curl = Command::new("ip")
            .args([
                "netns",
                "exec",
                &lab.near,
                "curl",
                "-sf",
                "--max-time",
                "5",
                page,
            ])
            .output();
        curl.map_or_else(
            |_| String::new(),
            |it| String::from_utf8_lossy(&it.stdout).into(),
        )
    };
    let until = Instant::now() + Duration::from_secs(20);
    let mut metrics = String::new();
    while process.try_wait().unwrap().is_none() && Instant::now() < until {
        metrics = fetch();
        if metrics.contains("poortwacht_prefilter{") && metrics.contains("kind=\"none\"} 1")
            || metrics.contains("kind=\"classic\"} 1")
            || metrics.contains("kind=\"ebpf\"} 1")
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // `ip netns exec`, `setpriv` and the script become the program itself.
    let _ = kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM);
    let status = process.wait().unwrap();
    let said = fs::read(folder.path().join("messages")).unwrap();
    let output = Output {
        status,
        stdout: Vec::new(),
        stderr: said,
    };
    (output, metrics)
}

#[test]
fn the_next_best_filter_is_taken_and_said_or_the_start_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let no_bpf = ["python3", "-c", NO_BPF];
    let excluding = ["--exclude", "192.0.2.0/24"];
    let expression = ["--filter", "tcp or udp"];
    let classic: [(&[&str], &[&str], &str, &str); 7] = [
        (&[], &[], "ebpf", ""),
        (&JUST_THOSE, &[], "ebpf", ""),
        (&[], &excluding, "ebpf", ""),
        (&NO_CAPABILITY, &excluding, "classic", "needs CAP_BPF"),
        (&NO_CAPABILITY, &[], "none", "needs CAP_BPF"),
        (&no_bpf, &excluding, "classic", "needs CAP_BPF"),
        (&[], &expression, "classic", "a filter expression is given"),
    ];
    for (before, options, kind, why) in classic {
        let (output, metrics) = run(&lab, before, options);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{before:?} {options:?}: {said}");
        let series = format!("poortwacht_prefilter{{interface=\"cap0\",kind=\"{kind}\"}} 1");
        assert!(
            metrics.contains(&series),
            "{before:?} {options:?}: {said}\n{metrics}"
        );
        let lines: Vec<&str> = said.lines().filter(|it| it.contains("watching")).collect();
        assert_eq!(lines.len(), 1, "said once: {said}");
        assert!(
            lines[0].contains(kind) && lines[0].contains(why),
            "{}",
            lines[0]
        );
        assert_eq!(
            lines[0].contains("no_ebpf"),
            !why.is_empty(),
            "{}",
            lines[0]
        );
    }
    let require = ["--require", "ebpf"];
    let refused: [(&[&str], &[&str], i32, &str); 4] = [
        (
            &NO_CAPABILITY,
            &[],
            5,
            "the eBPF prefilter is required and is not in force",
        ),
        (&no_bpf, &[], 5, "needs CAP_BPF"),
        (&[], &["--filter", "tcp"], 3, "stands against a `filter`"),
        (&[], &["--via", "pcap"], 3, "classic filters only"),
    ];
    for (before, options, code, why) in refused {
        let (output, _) = run(&lab, before, &[&require[..], options].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(why), "{before:?} {options:?}: {said}");
        assert_eq!(output.status.code(), Some(code), "{said}");
    }
    let (output, _) = run(&lab, &[], &require);
    assert!(output.status.success());
}

#[test]
fn too_little_memory_that_may_be_locked_makes_it_a_ring() {
    let Some(lab) = Lab::new() else { return };
    lab.ip_near(&["addr", "flush", "dev", "cap0"]);
    let little = [
        "setpriv",
        "--bounding-set=-ipc_lock",
        "prlimit",
        "--memlock=65536",
    ];
    let (output, metrics) = run(&lab, &little, &["--via", "xdp"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let line = said.lines().find(|line| line.contains("watching")).unwrap();
    assert!(
        line.contains("via=\"ring\"") && line.contains("No buffer space"),
        "{line}"
    );
    assert!(
        metrics.contains("kind=\"ebpf\"} 1"),
        "the ring has its filter: {metrics}"
    );
    let (output, _) = run(&lab, &little, &["--via", "xdp", "--require", "xdp"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("AF_XDP is required and cannot be had"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(9), "{said}");
    let (output, _) = run(&lab, &[], &["--via", "xdp", "--require", "xdp"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("via=\"xdp-copy\""),
        "{said}"
    );
}

#[test]
fn a_table_that_does_not_fit_is_refused_with_the_reason() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: loading a program into the kernel needs root");
    }
    let wanted = poortwacht::capture::prefilter::Wanted {
        ethernet: true,
        keep: u32::MAX,
        excluded: &[],
        flows: u32::MAX,
    };
    let Err(refused) = poortwacht::capture::prefilter::Prefilter::load(&wanted) else {
        panic!("four thousand million flows found room");
    };
    assert!(refused.why.starts_with("making its tables: "), "{refused}");
    assert!(!refused.permission);
}

//! The record on the command line: a daemon writes, the commands read and act.
//!
//! Enters: the built program, a capture. Leaves: a failure with what the program said. Never:
//! reaches a network.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CAPTURE: &str = "tests/data/captures/first-day/capture.pcapng";
const WAIT: Duration = Duration::from_secs(60);

fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    command
        .args(args)
        .current_dir(dir)
        .env_remove("POORTWACHT_CONFIG")
        .stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    program(dir, args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command prints, when it does as asked.
fn printed(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// A daemon that replays the capture and then waits.
struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path) -> Self {
        let args = [
            "run",
            "--read",
            "day.pcapng",
            "--hits",
            "hits.jsonl",
            "--key",
            "key",
            "--control",
            "sock",
            "--listen",
            "127.0.0.1:0",
            "--cases",
            "cases",
        ];
        let log = fs::File::create(dir.join("log")).unwrap();
        Self(program(dir, &args).stderr(log).spawn().unwrap())
    }

    fn end(mut self) {
        let id = nix::unistd::Pid::from_raw(self.0.id() as i32);
        nix::sys::signal::kill(id, nix::sys::signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for<T>(dir: &Path, what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        let log = || fs::read_to_string(dir.join("log")).unwrap_or_default();
        assert!(begin.elapsed() < WAIT, "no {what}: {}", log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_day_is_searched_worked_on_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
    fs::copy(capture, dir.join("day.pcapng")).unwrap();
    let daemon = Daemon::start(dir);
    let store = ["--store", "cases/store.sqlite"];
    let search = |args: &[&str]| {
        let all: Vec<&str> = args.iter().chain(&store).copied().collect();
        let output = run(dir, &all);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(|| lines(&text))
    };
    let cases = wait_for(dir, "cases", || {
        search(&["cases", "list", "--json"]).filter(|it| !it.is_empty())
    });
    let hits = wait_for(dir, "hits", || {
        search(&["hits", "--json"]).filter(|it| it.len() >= 2)
    });
    let first = &hits[0];
    let (vendor, id) = (
        first["vendor"].as_str().unwrap(),
        first["id"].as_str().unwrap(),
    );
    let of = |filter: &str| search(&["hits", "--json", filter]).unwrap();
    assert!(
        of(&format!("vendor:{vendor}"))
            .iter()
            .all(|it| it["vendor"] == vendor)
    );
    assert!(
        of(&format!(" -vendor:{vendor}"))
            .iter()
            .all(|it| it["vendor"] != vendor)
    );
    assert!(of("\"' OR 1=1 --\"").is_empty());
    let shown = printed(dir, &["hits", "show", id, "--log", "hits.jsonl"]);
    assert!(shown.contains(id));

    let wrong = run(dir, &["hits", "vendr:x", "--store", "cases/store.sqlite"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        said(&wrong).contains("did you mean `vendor`"),
        "{}",
        said(&wrong)
    );
    let none = run(dir, &["hits", "--store", "nowhere"]);
    assert_eq!(none.status.code(), Some(4));
    assert!(said(&none).contains("there is no store"), "{}", said(&none));

    work(dir, cases[0]["head"]["id"].as_str().unwrap());
    follow(dir);
    daemon.end();

    let list = ["cases", "list", "--json", "--store"];
    let before = printed(dir, &[&list[..], &["cases/store.sqlite"]].concat());
    let args = [
        "rebuild",
        "--ledger",
        "cases/ledger",
        "--store",
        "again",
        "--json",
    ];
    let made: Value = serde_json::from_str(&printed(dir, &args)).unwrap();
    assert!(made["entries"].as_u64().unwrap() > hits.len() as u64);
    assert_eq!(printed(dir, &[&list[..], &["again"]].concat()), before);
}

/// Two people at one case: the second is told.
fn work(dir: &Path, case: &str) {
    let act = |args: &[&str]| {
        let mut all = vec!["cases", args[0], case];
        all.extend(&args[1..]);
        all.extend(["--control", "sock"]);
        run(dir, &all)
    };
    let seen = |filter: &str| {
        let args = [
            "cases",
            "list",
            "--json",
            filter,
            "--store",
            "cases/store.sqlite",
        ];
        lines(&printed(dir, &args))
    };
    let revision = seen(&format!("case:{case}"))[0]["triage"]["revision"].to_string();
    let acked = act(&["ack", "--revision", &revision, "--json"]);
    assert!(acked.status.success(), "{}", said(&acked));
    let second = act(&[
        "close",
        "--as",
        "research",
        "--why",
        "mine",
        "--revision",
        &revision,
    ]);
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    assert!(said(&second).starts_with("poortwacht: refused") || said(&second).contains("refused"));
    assert_eq!(seen(&format!("case:{case} state:acknowledged")).len(), 1);

    assert!(act(&["note", "spoke", "with", "them"]).status.success());
    assert!(act(&["assign", "anna"]).status.success());
    assert!(
        act(&["close", "--as", "research", "--why", "ticket-7"])
            .status
            .success()
    );
    let wrong = act(&["close", "--as", "nothing", "--why", "x"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(
        seen(&format!("case:{case} verdict:research assignee:anna")).len(),
        1
    );
    let text = printed(
        dir,
        &["cases", "show", case, "--store", "cases/store.sqlite"],
    );
    for part in [
        "noted: spoke with them",
        "gave it to anna",
        "closed it as research: ticket-7",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = printed(
        dir,
        &[
            "cases",
            "show",
            case,
            "--json",
            "--store",
            "cases/store.sqlite",
        ],
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(
        json["row"]["head"]["opened"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert!(json["evidence"][0].get("trace").is_none());
}

/// `--follow` prints what is there, then waits.
fn follow(dir: &Path) {
    let args = [
        "hits",
        "--follow",
        "--json",
        "--limit",
        "2",
        "--store",
        "cases/store.sqlite",
    ];
    let mut child = program(dir, &args).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut times = Vec::new();
    for _ in 0..2 {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        let hit: Value = serde_json::from_str(&line).unwrap();
        times.push(hit["time"].as_str().unwrap().to_owned());
    }
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    child.wait().unwrap();
}

//! The daemon on a real interface: a client in one namespace resolves and fetches through a router
//! namespace, and what the daemon on the router says is compared with what the client did.
//!
//! Enters: root, and the tools of the lab; without them each test prints `skipped:` with the
//! reason. Leaves: a failure that says what was lost or said too much. Never: reaches an address
//! outside the namespaces that `tests/lab/stand` makes and removes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const DNS4: &str = "198.51.100.53";
const DNS6: &str = "2001:db8:2::53";
const VENDOR4: &str = "198.51.100.81";
const VENDOR6: &str = "2001:db8:2::81";
const EXCLUDED4: &str = "192.0.2.11";
const EXCLUDED6: &str = "2001:db8:1::11";
const PAGES: &str = "127.0.0.1:9477";

/// Names that a client uses here and no list holds; nothing may ever write one down.
const BENIGN: &[&str] = &[
    "www.example.com",
    "news.example.org",
    "intranet.example.net",
    "clearviewregional.edu",
    "portal.example.org",
];

/// One at a time: two labs at once would disturb each other's timing on a small machine.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn the_hit_log_holds_exactly_what_the_client_did() {
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    let pinging = lab.ping();

    for (family, server) in [("-4", DNS4), ("-6", DNS6)] {
        let dig = |words: &[&str]| {
            lab.client(&[&["dig", &format!("@{server}"), "+tries=2"], words].concat())
        };
        dig(&["app.clearview.ai", "A"]);
        dig(&["App.Clearview.AI", "AAAA", "+tcp"]);
        dig(&["www.clearview.ai", "HTTPS"]);
        dig(&["portal.example.org", "A"]);
        dig(&["clearviewregional.edu", "A"]);
        lab.curl(&[family, "https://www.example.com/"]);
        lab.curl(&[family, "https://facecheck.id/"]);
    }
    for server in [VENDOR4, VENDOR6] {
        let to = if server.contains(':') {
            format!("[{server}]:443")
        } else {
            format!("{server}:443")
        };
        lab.client(&[
            "openssl",
            "s_client",
            "-connect",
            &to,
            "-servername",
            "pimeyes.com",
        ]);
        lab.client(&["openssl", "s_client", "-connect", &to, "-noservername"]);
    }
    // The second client stands in an excluded prefix: nothing of it may be read.
    lab.client(&[
        "dig",
        &format!("@{DNS4}"),
        "-b",
        EXCLUDED4,
        "findclone.ru",
        "A",
    ]);
    lab.client(&[
        "dig",
        &format!("@{DNS6}"),
        "-b",
        EXCLUDED6,
        "findclone.ru",
        "A",
    ]);
    let pinned = [
        "--resolve",
        "lenso.ai:443:198.51.100.81",
        "--interface",
        EXCLUDED4,
    ];
    lab.curl(&[&pinned[..], &["https://lenso.ai/"]].concat());

    let mut expected: BTreeSet<Seen> = BTreeSet::new();
    for family in ["ipv4", "ipv6"] {
        for (seen, name) in [
            ("dns-query", "app.clearview.ai"),
            ("dns-query", "www.clearview.ai"),
            ("dns-svcb", "app.clearview.ai"),
            ("dns-cname", "app.clearview.ai"),
            ("tls-sni", "facecheck.id"),
            ("tls-sni", "pimeyes.com"),
        ] {
            expected.insert([seen.into(), name.into(), family.into()]);
        }
    }
    // curl asks the resolver of the client's configuration, which is the IPv4 one.
    expected.insert(["dns-query".into(), "facecheck.id".into(), "ipv4".into()]);

    let metrics = daemon.page("/metrics");
    assert_eq!(pinging.end(), "lost 0", "forwarding suffered");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    let log = lab.log();
    assert_eq!(
        seen_in(&log),
        expected,
        "\nlog:\n{log}\nmessages:\n{messages}"
    );
    for drops in [
        "kernel_dropped_frames",
        "events_dropped",
        "hit_records_lost",
        "hits_refused",
    ] {
        let dropped = sum(&metrics, &format!("poortwacht_{drops}_total"));
        assert_eq!(dropped, 0.0, "{drops}");
    }
    // The kernel's filter drops the excluded frames before anything could count them.
    assert_eq!(sum(&metrics, "poortwacht_excluded_prefixes"), 2.0);
    assert!(
        sum(&metrics, "poortwacht_frames_total") > 100.0,
        "the daemon saw next to nothing"
    );
    for name in BENIGN
        .iter()
        .copied()
        .chain(["findclone.ru", "lenso.ai", EXCLUDED4, EXCLUDED6])
    {
        for (place, text) in [
            ("hit log", &log),
            ("metrics", &metrics),
            ("messages", &messages),
        ] {
            // The messages may state the exclusion itself, never its traffic.
            let stated = place == "messages" && [EXCLUDED4, EXCLUDED6].contains(&name);
            assert!(
                stated || !text.contains(name),
                "`{name}` stands in the {place}:\n{text}"
            );
        }
    }
}

#[test]
fn a_browser_is_seen() {
    let Some(lab) = Lab::open() else { return };
    if let Some(why) = lacking(&["chromium"]) {
        return println!("skipped: {why}");
    }
    let daemon = lab.daemon();
    let (folder, spki) = (lab.folder.path().join("profile"), &lab.spki);
    let page = lab.client(&[
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        &format!("--user-data-dir={}", folder.display()),
        &format!("--ignore-certificate-errors-spki-list={spki}"),
        "--dump-dom",
        "https://app.clearview.ai/",
    ]);
    assert!(page.contains("<h1>"), "chromium fetched nothing: {page}");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    let log = lab.log();
    let found: BTreeSet<_> = seen_in(&log)
        .into_iter()
        .map(|[seen, name, _]| (seen, name))
        .collect();
    for seen in ["dns-query", "tls-sni"] {
        assert!(
            found.contains(&(seen.into(), "app.clearview.ai".into())),
            "{seen}: {log}"
        );
    }
    assert!(
        found.iter().all(|(_, name)| name.ends_with("clearview.ai")),
        "{found:?}"
    );
}

#[test]
fn reload_under_load_loses_nothing() {
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    let pinging = lab.ping();
    let mut loads = [lab.load("dns", 3_000), lab.load("tls", 400)];
    let mut reloads = 0;
    while loads.iter_mut().any(|load| load.running()) && reloads < 12 {
        std::thread::sleep(Duration::from_millis(200));
        match reloads % 2 {
            0 => daemon.signal(Signal::SIGHUP),
            _ => lab.reload(),
        }
        reloads += 1;
    }
    let asked: BTreeSet<String> = loads.into_iter().flat_map(Load::finish).collect();
    assert!(
        reloads >= 4 && asked.len() == 3_400,
        "{reloads} reloads, {} names",
        asked.len()
    );
    let metrics = daemon.page("/metrics");
    assert_eq!(pinging.end(), "lost 0", "forwarding suffered");
    let (status, messages) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{status}\n{messages}");
    assert!(sum(&metrics, "poortwacht_list_reloads_total") >= f64::from(reloads / 2));
    assert_eq!(sum(&metrics, "poortwacht_kernel_dropped_frames_total"), 0.0);
    nothing_lost(&asked, &lab.log());
}

#[test]
fn sigterm_under_load_loses_nothing() {
    let Some(lab) = Lab::open() else { return };
    let daemon = lab.daemon();
    let mut loads = [lab.load("dns", 1_000_000), lab.load("tls", 1_000_000)];
    std::thread::sleep(Duration::from_secs(2));
    // What was answered up to here was on the wire before the signal.
    let asked: BTreeSet<String> = loads.iter_mut().flat_map(Load::so_far).collect();
    let (status, messages) = daemon.end(Signal::SIGTERM);
    for load in loads {
        load.stop();
    }
    assert!(
        asked.len() > 200,
        "only {} names in two seconds",
        asked.len()
    );
    assert!(status.success(), "{status}\n{messages}");
    nothing_lost(&asked, &lab.log());
}

/// `[seen, name, family]` of a hit.
type Seen = [String; 3];

fn seen_in(log: &str) -> BTreeSet<Seen> {
    let text = |record: &serde_json::Value, path: &str| {
        let value = record.pointer(path).and_then(|value| value.as_str());
        value
            .unwrap_or_else(|| panic!("no {path} in {record}"))
            .to_owned()
    };
    let records = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON in the hit log"));
    records
        .map(|r| {
            [
                text(&r, "/poortwacht/seen"),
                text(&r, "/poortwacht/name"),
                text(&r, "/network/type"),
            ]
        })
        .collect()
}

fn nothing_lost(asked: &BTreeSet<String>, log: &str) {
    let logged: BTreeSet<String> = seen_in(log).into_iter().map(|[_, name, _]| name).collect();
    let lost: Vec<_> = asked.difference(&logged).collect();
    assert!(
        lost.is_empty(),
        "{} of {} names lost: {lost:?}",
        lost.len(),
        asked.len()
    );
}

/// Sum over all series of a metric; a metric that is not there is a failure, not a zero.
fn sum(metrics: &str, name: &str) -> f64 {
    let series = metrics.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    let values: Vec<f64> = series
        .map(|line| {
            line.rsplit(' ')
                .next()
                .unwrap_or_default()
                .parse()
                .expect(line)
        })
        .collect();
    assert!(!values.is_empty(), "no {name} among the metrics");
    values.iter().sum()
}

/// Namespaces and servers; removed when it is dropped.
struct Lab {
    _turn: MutexGuard<'static, ()>,
    stand: Child,
    folder: tempfile::TempDir,
    client: String,
    router: String,
    ca: String,
    spki: String,
}

impl Lab {
    /// The lab, or nothing (and a line that says why) without root or without its tools.
    fn open() -> Option<Self> {
        let tools = [
            "ip", "dnsmasq", "nginx", "openssl", "curl", "dig", "ethtool", "python3",
        ];
        let root = nix::unistd::geteuid().is_root();
        let why = if root {
            lacking(&tools)
        } else {
            Some("needs root".to_owned())
        };
        if let Some(why) = why {
            println!("skipped: the live tests: {why}");
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut stand = Command::new("python3")
            .arg(root_folder().join("tests/lab/stand"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/lab/stand starts");
        let mut said = std::collections::BTreeMap::new();
        for line in BufReader::new(stand.stdout.take().expect("a pipe")).lines() {
            let line = line.expect("text from tests/lab/stand");
            match line.split_once(' ') {
                Some((word, value)) => said.insert(word.to_owned(), value.to_owned()),
                None if line == "ready" => break,
                None => panic!("tests/lab/stand said `{line}`"),
            };
        }
        let mut word = |word: &str| {
            said.remove(word)
                .unwrap_or_else(|| panic!("the lab has no {word}"))
        };
        let (client, router) = (word("client"), word("router"));
        let (ca, spki) = (word("ca"), word("spki"));
        Some(Self {
            _turn: turn,
            stand,
            folder,
            client,
            router,
            ca,
            spki,
        })
    }

    /// Writes the configuration that the daemon under test runs with.
    fn write_config(&self) -> PathBuf {
        let folder = self.folder.path();
        let path = folder.join("poortwacht.toml");
        let text = format!(
            r#"
[sensor]
interfaces = ["lan0"]
excluded = ["{EXCLUDED4}/32", "{EXCLUDED6}/128"]

[hits]
path = "{hits}"

[privacy]
key_file = "{key}"
impact_assessment = "live test"

[http]
listen = "{PAGES}"

[control]
socket = "{control}"
"#,
            hits = folder.join("hits.jsonl").display(),
            key = folder.join("pseudonym.key").display(),
            control = folder.join("control.sock").display(),
        );
        fs::write(&path, text).expect("the configuration can be written");
        path
    }

    fn inside(&self, space: &str, command: &[&str]) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", space])
            .args(command)
            .stdin(Stdio::null());
        inside
    }

    /// Runs a program in the client's namespace; what it printed.
    fn client(&self, command: &[&str]) -> String {
        let output = self
            .inside(&self.client, command)
            .output()
            .expect("the client's program");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            output.status.success(),
            "{command:?}: {}\n{said}",
            output.status
        );
        said
    }

    fn curl(&self, words: &[&str]) {
        let page = self.client(
            &[
                &["curl", "-sS", "--max-time", "10", "--cacert", &self.ca],
                words,
            ]
            .concat(),
        );
        assert!(page.contains("<h1>"), "curl {words:?}: {page}");
    }

    /// Starts the daemon in the router and waits until it is ready.
    fn daemon(&self) -> Daemon<'_> {
        let config = self.write_config();
        let messages = self.folder.path().join("messages");
        let binary = env!("CARGO_BIN_EXE_poortwacht");
        let command = [
            binary,
            "run",
            "--config",
            config.to_str().expect("a plain path"),
        ];
        let process = self
            .inside(&self.router, &command)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&messages).expect("a file for the messages"))
            .spawn()
            .expect("the daemon starts");
        let mut daemon = Daemon {
            lab: self,
            process,
            messages,
        };
        let until = Instant::now() + Duration::from_secs(20);
        while !daemon.ready() {
            let ended = daemon.process.try_wait().expect("the daemon can be asked");
            let late = Instant::now() > until;
            assert!(
                ended.is_none() && !late,
                "not ready: {ended:?}\n{}",
                daemon.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn reload(&self) {
        let config = self.folder.path().join("poortwacht.toml");
        let binary = env!("CARGO_BIN_EXE_poortwacht");
        let command = [
            binary,
            "reload",
            "--config",
            config.to_str().expect("a plain path"),
        ];
        let output = self
            .inside(&self.router, &command)
            .output()
            .expect("poortwacht reload");
        assert!(
            output.status.success(),
            "reload: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn ping(&self) -> Load {
        let script = root_folder().join("tests/lab/ping.py");
        let mut command = self.inside(&self.client, &["python3"]);
        Load::start(command.arg(script).arg(VENDOR4).stdin(Stdio::piped()))
    }

    fn load(&self, kind: &str, count: u32) -> Load {
        let script = root_folder().join("tests/lab/load.py");
        let mut command = self.inside(&self.client, &["python3"]);
        Load::start(command.arg(script).arg(kind).arg(count.to_string()))
    }

    fn log(&self) -> String {
        read(&self.folder.path().join("hits.jsonl"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The end of its input tells the stand to take everything down.
        drop(self.stand.stdin.take());
        let _ = self.stand.wait();
    }
}

/// The daemon in the router's namespace; killed if a test fails before it ends it.
struct Daemon<'a> {
    lab: &'a Lab,
    process: Child,
    messages: PathBuf,
}

impl Daemon<'_> {
    fn fetch(&self, path: &str) -> Option<String> {
        let url = format!("http://{PAGES}{path}");
        let command = ["curl", "-sSf", "--max-time", "5", &url];
        let output = self.lab.inside(&self.lab.router, &command).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn ready(&self) -> bool {
        self.fetch("/readyz").is_some()
    }

    /// A page, once the workers' newest counters are in it.
    fn page(&self, path: &str) -> String {
        std::thread::sleep(Duration::from_millis(2_500));
        self.fetch(path)
            .unwrap_or_else(|| panic!("no {path}\n{}", self.said()))
    }

    fn said(&self) -> String {
        read(&self.messages)
    }

    fn signal(&self, signal: Signal) {
        // `ip netns exec` becomes the program itself, so this is the daemon's own pid.
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a pid"));
        kill(pid, signal).expect("the daemon can be signalled");
    }

    /// Ends it; its exit status and everything that it said.
    fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.process.try_wait().expect("the daemon can be asked") {
                return (status, self.said());
            }
            assert!(
                Instant::now() < until,
                "still running 20 s after {signal}\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program in the client's namespace that prints a line for each thing that was answered.
struct Load {
    process: Child,
    lines: std::sync::Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Load {
    fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("a load starts");
        let lines = std::sync::Arc::new(Mutex::new(Vec::new()));
        let (sink, out) = (lines.clone(), process.stdout.take().expect("a pipe"));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                sink.lock().expect("the list of names").push(line);
            }
        });
        Self {
            process,
            lines,
            reader: Some(reader),
        }
    }

    fn running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    fn so_far(&mut self) -> Vec<String> {
        self.lines.lock().expect("the list of names").clone()
    }

    /// Waits for its own end.
    fn finish(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let status = self.process.wait().expect("a load ends");
        assert!(status.success(), "a load failed: {status}");
        self.reader.take().map(|reader| reader.join());
        self.so_far()
    }

    /// For a ping: ends it; `lost N`.
    fn end(self) -> String {
        let lines = self.finish();
        let last = lines.last().expect("ping says what it lost");
        last.split_once("lost")
            .map_or_else(String::new, |(_, n)| format!("lost{n}"))
    }

    fn stop(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The tools that are not installed, in words.
fn lacking(tools: &[&str]) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let there = |tool: &str| places.iter().any(|place| place.join(tool).exists());
    let lacking: Vec<&str> = tools.iter().copied().filter(|tool| !there(tool)).collect();
    (!lacking.is_empty()).then(|| format!("not installed: {}", lacking.join(" ")))
}

fn root_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    file.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text
}

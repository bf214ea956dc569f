//! The office held open for one test: namespaces, servers, the daemon in the router, a day's work.
//!
//! Enters: root and tools, else nothing opens. Leaves: what the daemon wrote and said. Never:
//! leaves a namespace or a process behind; reaches an address outside the namespaces.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PAGES: &str = "127.0.0.1:9477";

/// What the office needs; `tests/setup test` installs it for root.
const TOOLS: &[&str] = &[
    "ip",
    "ethtool",
    "openssl",
    "nginx",
    "dnsmasq",
    "dhclient",
    "chromium",
    "chromedriver",
    "postfix",
    "freeradius",
    "radclient",
    "krb5kdc",
    "kdb5_util",
    "kadmin.local",
    "kinit",
    "prometheus-alertmanager",
    "curl",
    "python3",
];

/// Two officers: whose private keys nobody has.
const OFFICERS: [&str; 2] = [
    "age1ss4su63e05s0hfk92379a9yw08xrg7qusx4cj7dfkgjydu0xu5ns40t07c",
    "age1lk0z6sh9px7al5kggpfctjn2q3hlpxu6xrktgw8enymghx9zeatsjtpvc2",
];

/// One at a time: two offices at once would disturb each other's timing on a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// How a day is played.
#[derive(Clone, Copy)]
pub struct Variant {
    /// `h2` or `h3`.
    pub transport: &'static str,
    /// `direct` (look-ups pass the router) or `internal` (a resolver inside, its log is a feed).
    pub resolver: &'static str,
    /// `radius` or `kerberos`.
    pub names: &'static str,
}

/// An employee, in clear.
pub struct Person {
    pub user: String,
    pub host: String,
    pub mac: String,
}

/// Namespaces and servers; removed when it is dropped.
pub struct Office {
    _turn: MutexGuard<'static, ()>,
    stand: Child,
    lines: BufReader<ChildStdout>,
    pub folder: tempfile::TempDir,
    variant: Variant,
    words: BTreeMap<String, String>,
}

impl Office {
    /// The office, or nothing (and a line that says why) without root or without its tools.
    pub fn open(variant: Variant) -> Option<Self> {
        let root = nix::unistd::geteuid().is_root();
        let why = if root {
            lacking().or_else(|| lacking_h3(variant))
        } else {
            Some("needs root".to_owned())
        };
        if let Some(why) = why {
            println!("skipped: the test with people: {why}");
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::tempdir().expect("a scratch folder");
        let stand = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/office/stand");
        let lab = folder.path().join("office");
        fs::create_dir(&lab).expect("a folder for the office");
        let mut stand = Command::new("python3")
            .arg(stand)
            .arg(&lab)
            .args([variant.transport, variant.resolver, variant.names])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/office/stand starts");
        let lines = BufReader::new(stand.stdout.take().expect("a pipe"));
        let mut office = Self {
            _turn: turn,
            stand,
            lines,
            folder,
            variant,
            words: BTreeMap::new(),
        };
        office.hear("ready");
        Some(office)
    }

    /// Reads `word value` lines until `last`.
    fn hear(&mut self, last: &str) {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self
                .lines
                .read_line(&mut line)
                .expect("text from tests/office/stand");
            assert!(read > 0, "tests/office/stand ended before it said `{last}`");
            match line.trim_end().split_once(' ') {
                Some((word, value)) => self.words.insert(word.to_owned(), value.to_owned()),
                None if line.trim_end() == last => return,
                None => panic!("tests/office/stand said `{line}`"),
            };
        }
    }

    fn order(&mut self, word: &str, answer: &str) {
        let pipe = self.stand.stdin.as_mut().expect("the stand listens");
        writeln!(pipe, "{word}").expect("the stand listens");
        self.hear(answer);
    }

    /// Plays the day: two to three minutes.
    pub fn play(&mut self) {
        self.order("play", "played");
    }

    pub fn start_alertmanager(&mut self) {
        self.order("alertmanager", "started");
    }

    pub fn word(&self, word: &str) -> &str {
        let found = self.words.get(word);
        found.unwrap_or_else(|| panic!("the office has no {word}"))
    }

    /// The day's marks that are moments, in nanoseconds since the epoch.
    pub fn moments(&self) -> BTreeMap<String, i64> {
        let marks = self.words.iter();
        let moments = marks.filter_map(|(mark, text)| Some((mark.clone(), nanoseconds(text)?)));
        moments.collect()
    }

    pub fn person(&self, name: &str) -> Person {
        let mut words = self
            .word(&format!("person-{name}"))
            .split(' ')
            .map(str::to_owned);
        let mut next = || words.next().expect("user, host and link-layer address");
        Person {
            user: next(),
            host: next(),
            mac: next(),
        }
    }

    /// What the daemon writes: everything of it stands in here.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn write_config(&self) -> PathBuf {
        let out = self.out();
        fs::create_dir_all(&out).expect("a folder for what the daemon writes");
        let mut feeds = vec![("mail", "postfix", self.word("mail-log"))];
        if self.variant.resolver == "internal" {
            feeds.push(("resolver", "dnsmasq-log", self.word("resolver-log")));
            feeds.push(("leases", "dnsmasq", self.word("leases")));
        }
        let feeds: Vec<String> = feeds
            .iter()
            .map(|(name, kind, path)| {
                format!("[[feed]]\nname = \"{name}\"\nkind = \"{kind}\"\npath = \"{path}\"\n")
            })
            .collect();
        let text = format!(
            r#"
[sensor]
interfaces = ["lan0"]

[hits]
path = "{out}/hits.jsonl"

[privacy]
key_file = "{out}/pseudonym.key"
impact_assessment = "test with people"

[organisation]
map = "{map}"

{officers}
[cases]
folder = "{out}/cases"

[alerts]
folder = "{out}/alerts"

[alerts.alertmanager]
url = "http://{alertmanager}"
repost_seconds = 5

[http]
listen = "{PAGES}"

[control]
socket = "{out}/control.sock"

{feeds}"#,
            out = out.display(),
            map = self.word("map"),
            officers = officers(),
            alertmanager = self.word("alertmanager"),
            feeds = feeds.join("\n"),
        );
        let path = self.folder.path().join("poortwacht.toml");
        fs::write(&path, text).expect("the configuration can be written");
        path
    }

    fn in_router(&self, command: &[&str]) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", self.word("router")])
            .args(command)
            .stdin(Stdio::null());
        inside
    }

    /// A page of the router's loopback, if it is there.
    pub fn fetch(&self, url: &str) -> Option<String> {
        let output = self
            .in_router(&["curl", "-sSf", "--max-time", "5", url])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    /// What Alertmanager shows now; `None` while it is down.
    pub fn alerts(&self) -> Option<Vec<Value>> {
        let url = format!("http://{}/api/v2/alerts", self.word("alertmanager"));
        serde_json::from_str(&self.fetch(&url)?).ok()
    }

    /// Starts the daemon in the router and waits until it is ready.
    pub fn daemon(&self) -> Daemon {
        let config = self.write_config();
        let messages = self.out().join("messages");
        let config = config.to_str().expect("a plain path");
        let process = self
            .in_router(&[env!("CARGO_BIN_EXE_poortwacht"), "run", "--config", config])
            .stdout(Stdio::null())
            .stderr(fs::File::create(&messages).expect("a file for the messages"))
            .spawn()
            .expect("the daemon starts");
        let mut daemon = Daemon { process, messages };
        let until = Instant::now() + Duration::from_secs(20);
        while self.fetch(&format!("http://{PAGES}/readyz")).is_none() {
            let ended = daemon.process.try_wait().expect("the daemon can be asked");
            let late = Instant::now() > until;
            assert!(
                ended.is_none() && !late,
                "not ready: {ended:?}\n{}",
                daemon.said()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        daemon
    }

    pub fn metrics(&self) -> String {
        let page = self.fetch(&format!("http://{PAGES}/metrics"));
        page.expect("the daemon's metrics")
    }

    /// The cases as `poortwacht cases list` prints them.
    pub fn cases(&self) -> Vec<Value> {
        let folder = self.out().join("cases");
        let output = Command::new(env!("CARGO_BIN_EXE_poortwacht"))
            .args(["cases", "list", "--json", "--folder"])
            .arg(folder)
            .output()
            .expect("poortwacht cases");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "poortwacht cases list: {said}");
        json_lines(output.stdout)
    }
}

/// Cases that the program finds in a kept day, with the day's moments. Everything is judged in a
/// copy: a key is made beside the configuration.
pub fn replay(day: &Path) -> (BTreeMap<String, i64>, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let kept = |name: &str| day.join(name);
    let mut feeds = format!(
        "[[feed]]\nname = \"mail\"\nkind = \"postfix\"\npath = \"{}\"\n",
        kept("mail.log").display()
    );
    if kept("resolver.log").exists() {
        feeds += &format!(
            "[[feed]]\nname = \"resolver\"\nkind = \"dnsmasq-log\"\npath = \"{}\"\n",
            kept("resolver.log").display()
        );
    }
    let config = format!(
        "{}\n[privacy]\nkey_file = \"key\"\n\n[organisation]\nmap = \"{}\"\n\n{feeds}",
        officers(),
        kept("organisation.toml").display()
    );
    let path = folder.path().join("poortwacht.toml");
    fs::write(&path, config).expect("the configuration can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_poortwacht"))
        .args(["read", "--cases", "--json", "-q", "--config"])
        .arg(&path)
        .arg(kept("capture.pcap.gz"))
        .output()
        .expect("poortwacht read");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", day.display());
    let marks = fs::read_to_string(kept("marks.tsv")).expect("marks.tsv");
    let moments = marks.lines().filter_map(|line| {
        let (mark, text) = line.split_once('\t')?;
        Some((mark.to_owned(), nanoseconds(text)?))
    });
    (moments.collect(), json_lines(output.stdout))
}

/// Seconds since the epoch, with a fraction.
fn nanoseconds(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    Some((seconds * 1e9) as i64)
}

fn json_lines(text: Vec<u8>) -> Vec<Value> {
    let text = String::from_utf8(text).expect("text");
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().expect("JSON lines")
}

/// `[identity]` with both officers.
fn officers() -> String {
    format!(
        r#"[identity]
officers = [
  {{ name = "privacy officer", recipient = "{}" }},
  {{ name = "works council", recipient = "{}" }},
]
threshold = 2
"#,
        OFFICERS[0], OFFICERS[1]
    )
}

impl Drop for Office {
    fn drop(&mut self) {
        // The end of its input tells the stand to take everything down.
        drop(self.stand.stdin.take());
        let _ = self.stand.wait();
    }
}

/// The daemon in the router's namespace; killed if a test fails before it ends it.
pub struct Daemon {
    process: Child,
    messages: PathBuf,
}

impl Daemon {
    pub fn said(&self) -> String {
        fs::read_to_string(&self.messages).unwrap_or_default()
    }

    /// Ends it; its exit status and everything that it said.
    pub fn end(mut self) -> (ExitStatus, String) {
        // `ip netns exec` becomes the program itself, so this is the daemon's own pid.
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("the daemon can be signalled");
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.process.try_wait().expect("the daemon can be asked") {
                return (status, self.said());
            }
            assert!(Instant::now() < until, "still running\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The tools that are not installed, in words.
fn lacking() -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let there = |tool: &str| places.iter().any(|place| place.join(tool).exists());
    let lacking: Vec<&str> = TOOLS.iter().copied().filter(|tool| !there(tool)).collect();
    (!lacking.is_empty()).then(|| format!("not installed: {}", lacking.join(" ")))
}

/// HTTP/3 needs an environment with aioquic, which `tests/setup test` makes.
fn lacking_h3(variant: Variant) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/quicvenv.py");
    let made = || Command::new("python3").arg(script).output();
    let there = variant.transport != "h3" || made().is_ok_and(|output| output.status.success());
    (!there).then(|| "no aioquic (tests/lab/quicvenv.py says why)".to_owned())
}

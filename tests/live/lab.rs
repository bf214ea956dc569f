//! The lab held open for one test: namespaces, servers, the daemon in the router, clients.
//!
//! Enters: root and tools, else nothing opens. Leaves: what the daemon wrote and said. Never:
//! leaves a namespace or a process behind; reaches an address outside the namespaces.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{EXCLUDED4, EXCLUDED6, VENDOR4};

const PAGES: &str = "127.0.0.1:9477";

/// One at a time: two labs at once would disturb each other's timing on a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// Namespaces and servers; removed when it is dropped.
pub struct Lab {
    _turn: MutexGuard<'static, ()>,
    stand: Child,
    pub folder: tempfile::TempDir,
    client: String,
    router: String,
    ca: String,
    pub spki: String,
}

impl Lab {
    /// The lab, or nothing (and a line that says why) without root or without its tools.
    pub fn open() -> Option<Self> {
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
    pub fn client(&self, command: &[&str]) -> String {
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

    pub fn curl(&self, words: &[&str]) {
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
    pub fn daemon(&self) -> Daemon<'_> {
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

    pub fn reload(&self) {
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

    /// Puts a page of `len` bytes on every web server.
    pub fn put_page(&self, page: &str, len: usize) {
        let text = b"<h1>bulk</h1>".iter().cycle().take(len);
        let place = self.folder.path().join("www").join(page);
        fs::write(place, text.copied().collect::<Vec<u8>>()).expect("the page can be written");
    }

    /// How many bytes of a page arrived, and how often a byte of it was wrong.
    pub fn download(&self, url: &str) -> String {
        let count = "import sys; d = sys.stdin.buffer.read(); p = b'<h1>bulk</h1>'; \
                     print(len(d), d == (p * (len(d) // 13 + 1))[:len(d)])";
        let curl = format!("curl -sS --max-time 60 --cacert {} {url}", self.ca);
        let both = format!("{curl} | python3 -c \"{count}\"");
        self.client(&["bash", "-c", &both]).trim().to_owned()
    }

    pub fn ping(&self) -> Load {
        let script = root_folder().join("tests/lab/ping.py");
        let mut command = self.inside(&self.client, &["python3"]);
        Load::start(command.arg(script).arg(VENDOR4).stdin(Stdio::piped()))
    }

    pub fn load(&self, kind: &str, count: u32) -> Load {
        let script = root_folder().join("tests/lab/load.py");
        let mut command = self.inside(&self.client, &["python3"]);
        Load::start(command.arg(script).arg(kind).arg(count.to_string()))
    }

    pub fn log(&self) -> String {
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
pub struct Daemon<'a> {
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
    pub fn page(&self, path: &str) -> String {
        std::thread::sleep(Duration::from_millis(2_500));
        self.fetch(path)
            .unwrap_or_else(|| panic!("no {path}\n{}", self.said()))
    }

    fn said(&self) -> String {
        read(&self.messages)
    }

    pub fn signal(&self, signal: Signal) {
        // `ip netns exec` becomes the program itself, so this is the daemon's own pid.
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a pid"));
        kill(pid, signal).expect("the daemon can be signalled");
    }

    /// Ends it; its exit status and everything that it said.
    pub fn end(mut self, signal: Signal) -> (ExitStatus, String) {
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
pub struct Load {
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

    pub fn running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    pub fn so_far(&mut self) -> Vec<String> {
        self.lines.lock().expect("the list of names").clone()
    }

    /// Waits for its own end.
    pub fn finish(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let status = self.process.wait().expect("a load ends");
        assert!(status.success(), "a load failed: {status}");
        self.reader.take().map(|reader| reader.join());
        self.so_far()
    }

    /// For a ping: ends it; `lost N`.
    pub fn end(self) -> String {
        let lines = self.finish();
        let last = lines.last().expect("ping says what it lost");
        last.split_once("lost")
            .map_or_else(String::new, |(_, n)| format!("lost{n}"))
    }

    pub fn stop(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The tools that are not installed, in words.
pub fn lacking(tools: &[&str]) -> Option<String> {
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

//! A daemon that replays a capture in a folder of its own, as one service or as two units.
//!
//! Enters: a folder. Leaves: a running daemon that ends with its owner. Never: touches an interface.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_poortwacht");
/// A user that owns nothing.
const NOBODY: u32 = 65534;
const CAPTURE: &str = "tests/data/captures/first-day/capture.pcapng";

/// Is there such a tool?
pub fn has(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .output();
    found.is_ok_and(|it| it.status.success())
}

/// Waits until it is so.
pub fn patiently(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < until, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub struct Daemon {
    own: Option<tempfile::TempDir>,
    folder: PathBuf,
    desk: Child,
    sensor: Option<Child>,
    port: u16,
}

impl Daemon {
    /// `poortwacht run`, ready.
    pub fn start() -> Self {
        let own = tempfile::tempdir().expect("a folder");
        let folder = own.path().to_owned();
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
        let port = prepare(&folder, &format!("read = [{capture:?}]"));
        let desk = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(folder.join("p.toml"))
            .stderr(log(&folder))
            .spawn()
            .expect("started");
        let daemon = Self {
            own: Some(own),
            folder,
            desk,
            sensor: None,
            port,
        };
        patiently("readiness", || {
            daemon.try_page("/readyz").starts_with("HTTP/1.1 200")
        });
        daemon
    }

    /// The desk with a socket that a service manager made; the sensor under another user, on the
    /// loopback of a network of its own. For root only.
    pub fn as_units(folder: &Path) -> Self {
        let port = prepare(folder, "interfaces = [\"lo\"]\nring_mib = 2");
        // The other user passes through, and sees nothing on the way.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("set");
        let socket = folder.join("sensor.sock");
        let desk = Command::new("systemd-socket-activate")
            .arg("-l")
            .arg(&socket)
            .args([
                "-E",
                "NOTIFY_SOCKET",
                "-E",
                "WATCHDOG_USEC",
                PROGRAM,
                "run",
                "--config",
            ])
            .arg(folder.join("p.toml"))
            .env("NOTIFY_SOCKET", folder.join("notify"))
            .env("WATCHDOG_USEC", "1500000")
            .stderr(log(folder))
            .spawn()
            .expect("started");
        patiently("the socket", || socket.exists());
        chown(&socket, Some(NOBODY), Some(NOBODY)).expect("given");
        let other = format!(
            "setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=+net_raw \
             --ambient-caps=+net_raw"
        );
        // Where the program lies in a folder that only root may enter, it stays root.
        let start = format!(
            "ip link set lo up; {other} test -x {PROGRAM} || exec {PROGRAM} sensor --socket $0; \
             exec {other} {PROGRAM} sensor --socket $0"
        );
        let sensor = Command::new("unshare")
            .args(["--net", "sh", "-c", &start])
            .arg(&socket)
            .stderr(log(folder))
            .spawn()
            .expect("started");
        Self {
            own: None,
            folder: folder.to_owned(),
            desk,
            sensor: Some(sensor),
            port,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn pid(&self) -> u32 {
        self.desk.id()
    }

    /// The sensor that the desk started.
    pub fn child(&self) -> u32 {
        let (pid, mut found) = (self.pid(), None);
        patiently("a sensor", || {
            let path = format!("/proc/{pid}/task/{pid}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            found = children
                .split_whitespace()
                .next()
                .and_then(|it| it.parse().ok());
            found.is_some()
        });
        found.expect("found")
    }

    pub fn stop_sensor(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let sensor = self.sensor.as_ref().expect("a unit of its own");
        kill(
            Pid::from_raw(sensor.id().try_into().expect("a pid")),
            signal,
        )
        .expect("sent");
    }

    /// What a command that asks this daemon prints.
    pub fn ask(&self, words: &[&str]) -> String {
        let run = Command::new(PROGRAM)
            .args(words)
            .arg("--control")
            .arg(self.folder.join("control.sock"))
            .output()
            .expect("run");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{words:?}: {said}");
        String::from_utf8(run.stdout).expect("text")
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.ask(&["status", "--json"])).expect("JSON")
    }

    pub fn page(&self, path: &str) -> String {
        let text = self.try_page(path);
        assert!(text.starts_with("HTTP/1.1 200"), "{path}: {text}");
        text
    }

    fn try_page(&self, path: &str) -> String {
        let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = socket.write_all(request.as_bytes());
        let _ = socket.read_to_string(&mut answer);
        answer
    }

    /// Ends it in order, and gives what it said.
    pub fn end(mut self) -> String {
        let pid = Pid::from_raw(self.pid().try_into().expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("sent");
        let status = self.desk.wait().expect("an end");
        let said = fs::read_to_string(self.folder.join("log")).expect("the log");
        assert!(status.success(), "{status}\n{said}");
        said
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Whoever has ended already is as gone as one could wish.
        for child in std::iter::once(&mut self.desk).chain(&mut self.sensor) {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(self.own.take());
    }
}

fn log(folder: &Path) -> Stdio {
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"));
    file.expect("a log").into()
}

/// Writes a configuration; gives the port of its pages.
fn prepare(folder: &Path, source: &str) -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let lists = folder.join("lists");
    fs::create_dir(&lists).expect("made");
    fs::write(lists.join("own.txt"), "pimeyes.com\n").expect("written");
    let text = format!(
        "[sensor]\n{source}\n[lists]\nuser = [\"lists/own.txt\"]\n\
         [hits]\npath = \"hits.jsonl\"\n[privacy]\nkey_file = \"pseudonym.key\"\n\
         [cases]\nfolder = \"cases\"\n[ledger]\nfolder = \"ledger\"\nstore = \"store.sqlite\"\n\
         [alerts]\nfolder = \"alerts\"\n[http]\nlisten = \"127.0.0.1:{port}\"\n\
         [control]\nsocket = \"control.sock\"\n"
    );
    fs::write(folder.join("p.toml"), text).expect("written");
    port
}

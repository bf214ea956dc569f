//! A daemon of its own, captures that flood it, and the outside that watches what it acknowledges.
//!
//! Enters: the built binary. Leaves: processes that end with the test. Never: a network.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use poortwacht::ledger::Ledger;
use poortwacht::record::{Entry, Kind};
use serde_json::{Value, json};

/// Files of one gateway, through the lives of several daemons.
pub struct Stand {
    pub folder: PathBuf,
}

impl Stand {
    /// In a folder that exists and is empty.
    pub fn new(folder: &Path) -> Self {
        fs::write(folder.join("list.txt"), "flood.example\n").unwrap();
        // One file, however long it is.
        fs::write(folder.join("config.toml"), "[hits]\nrotate_mib = 0\n").unwrap();
        Self {
            folder: folder.to_owned(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn ledger(&self) -> PathBuf {
        self.path("cases/ledger")
    }

    /// Starts a daemon that reads a capture.
    pub fn daemon(&self, capture: &Path) -> Daemon {
        self.daemon_with(capture, |_| {})
    }

    pub fn daemon_with(&self, capture: &Path, adjust: impl FnOnce(&mut Command)) -> Daemon {
        // A socket path may be 107 bytes long.
        let control = tempfile::tempdir().unwrap();
        let socket = control.path().join("c");
        let said = fs::File::create(self.path("said.txt")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
        command.args(["run", "--listen", "127.0.0.1:0", "--read"]);
        command.arg(capture);
        for (flag, path) in [
            ("--hits", self.path("hits.jsonl")),
            ("--key", self.path("key")),
            ("--cases", self.path("cases")),
            ("--user-list", self.path("list.txt")),
            ("--control", socket.clone()),
            ("--config", self.path("config.toml")),
        ] {
            command.arg(flag).arg(path);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        adjust(&mut command);
        Daemon {
            child: command.spawn().unwrap(),
            socket,
            said: self.path("said.txt"),
            _control: control,
        }
    }

    /// Length of the hit log.
    pub fn log_len(&self) -> u64 {
        fs::metadata(self.path("hits.jsonl")).map_or(0, |meta| meta.len())
    }

    /// Ids of whole lines in the hit log.
    pub fn logged(&self) -> Vec<String> {
        self.logged_from(&mut 0)
    }

    /// Ids of whole lines from `at` on, which moves behind them.
    pub fn logged_from(&self, at: &mut u64) -> Vec<String> {
        let Ok(mut file) = fs::File::open(self.path("hits.jsonl")) else {
            return Vec::new();
        };
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(*at)).unwrap();
        file.read_to_end(&mut text).unwrap();
        let end = text
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |end| end + 1);
        *at += end as u64;
        let whole = std::str::from_utf8(&text[..end]).unwrap();
        let records = whole.lines().map(|line| {
            let record: Value = serde_json::from_str(line).expect(line);
            record
        });
        let hits = records.filter(|it| it["event"]["dataset"] == "poortwacht.hit");
        hits.map(|it| it["event"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Every entry that can be read, by number.
    pub fn recorded(&self) -> BTreeMap<u64, Entry> {
        self.recorded_from(0)
    }

    /// Those from a number on.
    pub fn recorded_from(&self, from: u64) -> BTreeMap<u64, Entry> {
        let Ok(entries) = Ledger::read(&self.ledger(), from) else {
            return BTreeMap::new();
        };
        // What stands behind the last whole entry is for the next start to cut off.
        let whole = entries.map_while(Result::ok);
        whole
            .map(|it| {
                let kind = Kind::of(&it.kind).unwrap();
                (it.number, Entry::read(kind, &it.payload.unwrap()).unwrap())
            })
            .collect()
    }

    pub fn command(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_poortwacht"))
            .args(words)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }
}

/// A running daemon; killed with the value.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    said: PathBuf,
    _control: tempfile::TempDir,
}

impl Daemon {
    /// One line in, one line out; `None` when nobody answers.
    pub fn ask(&self, line: &str) -> Option<String> {
        ask(&self.socket, line)
    }

    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it properly; its exit code and what it said.
    pub fn stop(mut self) -> (Option<i32>, String) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.code(), self.said())
    }

    /// A value without labels, as `/metrics` has it now; 0 while there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let said = self.said();
        let at = said.split("metrics at http://").nth(1);
        let Some(at) = at.and_then(|it| it.split("/metrics").next()) else {
            return 0.0;
        };
        let mut stream = TcpStream::connect(at).unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0.0, |value| value.trim().parse().expect(value))
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line in, one line out.
pub fn ask(socket: &Path, line: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    stream.write_all(format!("{line}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    answer.ends_with('\n').then(|| answer.trim_end().to_owned())
}

/// An act as it goes over the socket.
pub fn comment(case: &str, text: &str) -> String {
    json!({"act": {"act": "comment", "case": case, "text": text}}).to_string()
}

pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A capture of DNS questions, one for each name, a millisecond apart, each from one of a hundred
/// clients. Built packets.
pub fn capture(path: &Path, names: impl Iterator<Item = String>) {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0; 8]);
    file.extend(65_535u32.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    for (at, name) in names.enumerate() {
        let at = u32::try_from(at).unwrap();
        let frame = question(&name, at);
        file.extend((1_795_353_600 + at / 1000).to_le_bytes());
        file.extend((at % 1000 * 1000).to_le_bytes());
        for _ in 0..2 {
            file.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
        }
        file.extend(frame);
    }
    fs::write(path, file).unwrap();
}

/// Ethernet, IPv4 (RFC 791), UDP (RFC 768), a question of type A (RFC 1035).
fn question(name: &str, at: u32) -> Vec<u8> {
    let mut dns = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    dns[..2].copy_from_slice(&(at as u16).to_be_bytes());
    for label in name.split('.') {
        dns.push(u8::try_from(label.len()).unwrap());
        dns.extend(label.as_bytes());
    }
    dns.extend([0, 0, 1, 0, 1]);
    let client = [10, 9, 0, u8::try_from(at % 100).unwrap() + 1];
    let port = 20_000 + (at % 40_000) as u16;
    let length = |more: usize| u16::try_from(dns.len() + more).unwrap().to_be_bytes();
    let mut ip = vec![0x45, 0];
    ip.extend(length(28));
    ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    ip.extend(client);
    ip.extend([198, 51, 100, 53]);
    let sum = ip
        .chunks(2)
        .map(|two| u32::from(two[0]) << 8 | u32::from(two[1]));
    let sum: u32 = sum.sum();
    let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, client[3], 8, 0];
    frame.extend(ip);
    frame.extend(port.to_be_bytes());
    frame.extend(53u16.to_be_bytes());
    frame.extend(length(8));
    frame.extend([0, 0]);
    frame.extend(dns);
    frame
}

//! A daemon over folders of its own, three officers, and a search through every file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// User, host and link-layer address of the people of the day; the last had nothing to do with a
/// vendor.
pub const PEOPLE: [[&str; 3]; 5] = [
    ["adevries", "laptop-adevries", "00:00:5e:00:53:01"],
    ["bjansen", "laptop-bjansen", "00:00:5e:00:53:02"],
    ["cbakker", "pc-cbakker", "00:00:5e:00:53:03"],
    ["doosterhuis", "laptop-doosterhuis", "00:00:5e:00:53:04"],
    ["emeijer", "pc-emeijer", "00:00:5e:00:53:05"],
];

/// A case as the journal has it.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: String,
    pub subject: String,
    pub whole: serde_json::Value,
}

pub struct Bench {
    pub dir: TempDir,
}

/// A running daemon.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Ended as an operator would.
    pub fn stop(mut self) {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// Ended as a power cut would.
    pub fn kill(mut self) {
        kill(self.pid(), Signal::SIGKILL).unwrap();
        self.child.wait().unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bench {
    /// The day with RADIUS: people are known.
    pub fn day() -> Self {
        let day = data("office/radius-h2");
        Self::new(
            &day.join("capture.pcap.gz"),
            Some(&day.join("organisation.toml")),
        )
    }

    /// The same day without map, and without what tells who had an address: nobody is known.
    pub fn without_sources() -> Self {
        Self::new(&data("office/radius-h2").join("capture.pcap.gz"), None)
    }

    fn new(capture: &Path, organisation: Option<&Path>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let officers = [(); 3].map(|()| age::x25519::Identity::generate());
        let list: Vec<String> = officers
            .iter()
            .enumerate()
            .map(|(n, it)| format!("{{ name = \"o{n}\", recipient = \"{}\" }}", it.to_public()))
            .collect();
        let quiet = data("presence/neighbours/capture.pcapng");
        let map = match organisation {
            Some(path) => format!("[organisation]\nmap = {path:?}\n"),
            None => {
                "[sensor]\nfilter = \"not udp port 1813 and not udp port 67 and not arp\"\n".into()
            }
        };
        for (name, read) in [("run.toml", capture), ("quiet.toml", quiet.as_path())] {
            let (sensor, rest) = match map.strip_prefix("[sensor]\n") {
                Some(filter) => (filter, ""),
                None => ("", map.as_str()),
            };
            let config = format!(
                "[sensor]\nread = [{read:?}]\n{sensor}[identity]\nthreshold = 2\nofficers = [{}]\n\
                 {rest}[http]\nlisten = \"127.0.0.1:0\"\n",
                list.join(", ")
            );
            fs::write(dir.path().join(name), config).unwrap();
        }
        for (n, officer) in officers.iter().enumerate() {
            let path = dir.path().join(format!("officer-{n}.key"));
            fs::write(path, officer.to_string().expose_secret()).unwrap();
        }
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("POORTWACHT_CONFIG", "run.toml")
            .env("POORTWACHT_LOG", "trace");
        command
    }

    /// Plays the file to its end, and stays.
    pub fn start(&self, config: &str) -> Daemon {
        let path = self.path(&format!("said-{config}.log"));
        let said = fs::File::create(&path).unwrap();
        let child = self
            .command(&["run", "--config", config])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let mut daemon = Daemon { child };
        let until = Instant::now() + Duration::from_secs(60);
        while !fs::read_to_string(&path)
            .unwrap()
            .contains("came to its end")
        {
            let running = daemon.child.try_wait().unwrap().is_none();
            assert!(
                Instant::now() < until && running,
                "{}",
                fs::read_to_string(&path).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        // What the sensor told last is still on its way through the desk.
        std::thread::sleep(Duration::from_millis(700));
        daemon
    }

    pub fn spawn(&self, args: &[&str], input: &str) -> Child {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child
    }

    pub fn program(&self, args: &[&str], input: &str) -> Output {
        self.spawn(args, input).wait_with_output().unwrap()
    }

    /// What it prints when it succeeds.
    pub fn ok(&self, args: &[&str], input: &str) -> String {
        let output = self.program(args, input);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says when the answer is no.
    pub fn no(&self, args: &[&str], input: &str) -> String {
        let output = self.program(args, input);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", said(&output));
        said(&output)
    }

    /// A line on the control socket.
    pub fn ask(&self, line: &str) -> String {
        use std::io::Read;
        let mut socket =
            std::os::unix::net::UnixStream::connect(self.path("poortwacht.sock")).unwrap();
        writeln!(socket, "{line}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    /// An act on the control socket.
    pub fn act(&self, act: &str) {
        let answer = self.ask(&format!("{{\"act\": {act}}}"));
        assert!(answer.contains("done"), "{answer}");
    }

    /// The cases as the journal has them: of each the newest line.
    pub fn cases(&self) -> Vec<Case> {
        let text = fs::read_to_string(self.path("cases/cases.jsonl")).unwrap();
        let mut cases = std::collections::BTreeMap::new();
        for line in text.lines() {
            let whole: serde_json::Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| whole[key].as_str().unwrap().to_owned();
            let (id, subject) = (word("id"), word("subject"));
            cases.insert(id.clone(), Case { id, subject, whole });
        }
        cases.into_values().collect()
    }

    /// The one case of a person, found as they would be.
    pub fn case_of(&self, user: &str) -> Case {
        let found = self.ok(&["subject", "find"], &format!("user {user}\n"));
        let own: Vec<&str> = found
            .lines()
            .filter(|line| line.ends_with("\ttheirs"))
            .collect();
        assert_eq!(own.len(), 1, "{user}: {found}");
        let id = own[0].split('\t').next().unwrap();
        self.cases().into_iter().find(|case| case.id == id).unwrap()
    }

    /// Words that name a person: subject, case, flows and addresses of nobody else, ids of hits.
    pub fn words_of(&self, case: &Case) -> BTreeSet<String> {
        let mut words = BTreeSet::from([case.id.clone(), case.subject.clone()]);
        let mut others = String::new();
        for other in self.cases() {
            if other.id != case.id {
                others += &other.whole.to_string();
            }
        }
        let mut pseudonyms = Vec::new();
        collect(&case.whole, &mut pseudonyms);
        words.extend(pseudonyms.into_iter().filter(|word| !others.contains(word)));
        let log = fs::read_to_string(self.path("hits.jsonl")).unwrap();
        for line in log.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let address = value["source"]["address"].as_str().unwrap_or_default();
            if words.contains(address) {
                words.insert(value["event"]["id"].as_str().unwrap().to_owned());
            }
        }
        words
    }

    /// Subjects and cases of the others.
    pub fn others_than(&self, case: &Case) -> BTreeSet<String> {
        let others = self
            .cases()
            .into_iter()
            .filter(|it| it.subject != case.subject);
        others.flat_map(|it| [it.id, it.subject]).collect()
    }

    pub fn gone(&self, words: &BTreeSet<String>) {
        for word in words {
            let held = self.holding(word);
            assert!(held.is_none(), "`{word}` still stands in {held:?}");
        }
    }

    pub fn verifies(&self) {
        self.ok(&["verify", "cases/ledger", "--json"], "");
    }

    /// Entries of one kind, as the ledger's files have them.
    pub fn record(&self, kind: &str) -> Vec<serde_json::Value> {
        let mut files = Vec::new();
        walk(&self.path("cases/ledger/payload"), &mut files);
        files.sort();
        let mut found = Vec::new();
        for file in files {
            for line in fs::read_to_string(file).unwrap().lines() {
                let fields: Vec<&str> = line.split('\t').collect();
                if fields.len() == 6 && fields[1] == kind {
                    found.push(serde_json::from_str(fields[5]).unwrap());
                }
            }
        }
        found
    }

    /// The first file below the folder, of those that the daemon wrote or said, that holds a word.
    pub fn holding(&self, word: &str) -> Option<PathBuf> {
        // A file that is written anew meanwhile goes away under its passing name: look at all again.
        let mut looks = (0..100).map(|_| self.look_for(word));
        let found = looks.find_map(Result::ok);
        found.expect("files stay where they are for a moment")
    }

    fn look_for(&self, word: &str) -> io::Result<Option<PathBuf>> {
        let mut files = Vec::new();
        walk(self.dir.path(), &mut files);
        let word = word.to_ascii_lowercase();
        for path in files {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".toml") || name.ends_with(".key") {
                continue;
            }
            let bytes = fs::read(&path)?.to_ascii_lowercase();
            let mut parts = bytes.windows(word.len());
            if parts.any(|part| part == word.as_bytes()) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// The code that an officer reads out of their challenge.
    pub fn code(&self, request: &str, officer: usize) -> String {
        let name = format!("o{officer}");
        let text = self.ok(&["unseal", "challenge", request, "--officer", &name], "");
        let key = fs::read_to_string(self.path(&format!("officer-{officer}.key"))).unwrap();
        let key: age::x25519::Identity = key.parse().unwrap();
        let clear = age::decrypt(&key, text.as_bytes()).unwrap();
        let clear = String::from_utf8(clear).unwrap();
        assert!(clear.contains("report 7"), "{clear}");
        clear.trim().lines().last().unwrap().to_owned()
    }

    pub fn share(&self, file: &str, officer: usize) -> String {
        let (key, name) = (format!("officer-{officer}.key"), format!("o{officer}"));
        let text = self.ok(
            &[
                "officer",
                "share",
                file,
                "--name",
                &name,
                "--identity",
                &key,
            ],
            "",
        );
        let path = format!("share-{officer}.key");
        fs::write(self.path(&path), text).unwrap();
        path
    }

    pub fn user(&self) -> String {
        let uid = nix::unistd::geteuid();
        let user = nix::unistd::User::from_uid(uid).unwrap();
        user.map_or_else(|| format!("uid {uid}"), |user| user.name)
    }

    pub fn sha256(&self, name: &str) -> String {
        self.sha256_at(&self.path(name))
    }

    pub fn sha256_at(&self, path: &Path) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &fs::read(path).unwrap());
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Pseudonyms anywhere in a value.
fn collect(value: &serde_json::Value, words: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => {
            let is = ["person-", "device-", "ip-", "mac-", "1:"];
            if is.iter().any(|start| text.starts_with(start)) {
                words.push(text.clone());
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|it| collect(it, words)),
        serde_json::Value::Object(fields) => fields.values().for_each(|it| collect(it, words)),
        _ => {}
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

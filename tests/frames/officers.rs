//! Officers on their own machines: the program, and the documented recipe with stock programs.
//!
//! Enters: releases made of two captures, `docs/sealing.md`. Leaves: a failure that names what could
//! be opened and should not, or the other way round.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use poortwacht::hits::Frame;
use poortwacht::hits::frame::pcapng;
use poortwacht::sealing::Release;
use tempfile::TempDir;

use super::bench::{self, Bench, OFFICERS};

/// A folder with the releases of two subjects and the officers' keys.
struct Machine {
    dir: TempDir,
    release: Release,
    frames: Vec<(String, Frame)>,
}

fn capture(name: &str) -> Vec<poortwacht::event::Hit> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut files = fs::read_dir(root.join(name)).unwrap().flatten();
    let file = files.find(|it| it.file_name().to_string_lossy().starts_with("capture"));
    bench::hits(&file.unwrap().path())
}

impl Machine {
    fn new() -> Self {
        let mut bench = Bench::new();
        let hits = [capture("vlan"), capture("curl-ipv6")].concat();
        let releases = bench.releases(&hits);
        let [first, .., last] = &releases[..] else {
            panic!("two subjects are needed");
        };
        assert_ne!(first.subject, last.subject);
        let dir = tempfile::tempdir().unwrap();
        for (name, key) in OFFICERS.iter().zip(&bench.keys) {
            fs::write(dir.path().join(format!("{name}.key")), key).unwrap();
        }
        fs::write(dir.path().join("release.json"), first.write().unwrap()).unwrap();
        fs::write(dir.path().join("other.json"), last.write().unwrap()).unwrap();
        let shares = [0, 1].map(|n| first.shares(None, &bench.keys[n]).unwrap());
        let shares: Vec<_> = shares.into_iter().flatten().collect();
        let frames = first.open(&shares).unwrap().frames;
        assert!(frames.len() > 1);
        Self {
            release: first.clone(),
            dir,
            frames,
        }
    }

    fn officer(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
        command
            .arg("officer")
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// An officer's shares of a file, in a file.
    fn share(&self, file: &str, officer: &str) -> String {
        let key = format!("{officer}.key");
        let output = self.officer(&["share", file, "--key", &key]);
        assert!(output.status.success(), "{}", said(&output));
        let name = format!("share-{officer}-of-{file}");
        fs::write(self.dir.path().join(&name), &output.stdout).unwrap();
        name
    }

    fn write(&self, name: &str, release: &Release) {
        let text = serde_json::to_string(release).unwrap();
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn refused(&self, code: i32, words: &str, args: &[&str]) -> Output {
        let output = self.officer(args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            said(&output)
        );
        assert!(said(&output).contains(words), "{args:?}: {}", said(&output));
        output
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn changed(text: &str) -> String {
    let at = text.len() / 2;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    [&text[..at], other, &text[at + 1..]].concat()
}

#[test]
fn two_officers_open_a_release_one_after_the_other() {
    let it = Machine::new();
    let share = it.share("release.json", "legal");
    let args = [
        "open",
        "release.json",
        "--key",
        "privacy.key",
        "--share",
        &share,
    ];
    let output = it.officer(&[&args[..], &["--frames", "out.pcapng"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("case case-1, subject address-"), "{text}");
    let address = &it.release.open(&[]).err().unwrap();
    assert!(address.contains("0 of the 2 shares"), "{address}");
    let path = it.dir.path().join("out.pcapng");
    let frames = it.frames.iter().map(|(hit, frame)| (hit.as_str(), frame));
    assert_eq!(fs::read(&path).unwrap(), pcapng::file(frames));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds addresses");
    it.refused(
        8,
        "name a new file",
        &[&args[..], &["--frames", "out.pcapng"]].concat(),
    );

    let output = it.officer(&[&args[..], &["--json"]].concat());
    let whole: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(whole["subject"], it.release.subject.as_str());
    assert_eq!(whole["frames"].as_array().unwrap().len(), it.frames.len());
    assert_eq!(whole["frames"][0]["origin"], "frame");
    assert_eq!(whole["not_opened"].as_array().unwrap().len(), 0);
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_opened() {
    let it = Machine::new();
    let key = ["--key", "privacy.key"];
    let open = |file, more: &[&'static str]| [&["open", file], &key[..], more].concat();
    let alone = it.refused(1, "1 of the 2 shares", &open("release.json", &[]));
    assert!(alone.stdout.is_empty());
    // The officer's own, twice.
    it.share("release.json", "privacy");
    let twice = open(
        "release.json",
        &["--share", "share-privacy-of-release.json"],
    );
    it.refused(1, "given twice", &twice);
    it.share("other.json", "legal");
    let foreign = open("release.json", &["--share", "share-legal-of-other.json"]);
    it.refused(1, "of another subject", &foreign);
    let stranger = age::x25519::Identity::generate();
    let text = age::secrecy::ExposeSecret::expose_secret(&stranger.to_string()).to_owned();
    fs::write(it.dir.path().join("stranger.key"), text).unwrap();
    let stranger = ["share", "release.json", "--key", "stranger.key"];
    let output = it.refused(1, "does not open the share", &stranger);
    assert!(
        said(&output).contains("legal, privacy, security"),
        "{}",
        said(&output)
    );
    let nobody = [
        "share",
        "release.json",
        "--key",
        "legal.key",
        "--name",
        "nobody",
    ];
    it.refused(1, "no share of that officer", &nobody);
    it.refused(
        4,
        "is no share",
        &open("release.json", &["--share", "legal.key"]),
    );
    it.refused(
        4,
        "no release, and no sealed record",
        &open("privacy.key", &[]),
    );
    it.refused(4, "is the path right", &open("nowhere.json", &[]));

    // One share changed: the key that comes out opens nothing.
    let path = it.dir.path().join(it.share("release.json", "legal"));
    let mut share: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let bytes = share["share"].as_str().unwrap().to_owned();
    share["share"] = changed(&bytes).into();
    fs::write(it.dir.path().join("bent.json"), share.to_string()).unwrap();
    let bent = open("release.json", &["--share", "bent.json"]);
    it.refused(1, "does not open", &bent);
}

#[test]
fn a_changed_byte_is_named_and_the_rest_opens() {
    let it = Machine::new();
    it.share("release.json", "legal");
    let args = |file| {
        [
            "open",
            file,
            "--key",
            "privacy.key",
            "--share",
            "share-legal-of-release.json",
        ]
    };
    let mut release = it.release.clone();
    release.frames[1].text = changed(&release.frames[1].text);
    it.write("bent-frame.json", &release);
    let output = it.refused(
        4,
        "the frame of hit hit-1 was changed",
        &args("bent-frame.json"),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\"addresses\""), "{text}");

    // A frame under another hit's id, a record of another subject.
    let mut release = it.release.clone();
    release.frames[0].hit = "hit-1".into();
    it.write("moved.json", &release);
    it.refused(
        4,
        "the frame of hit hit-1 was changed, or is another",
        &args("moved.json"),
    );
    let mut release = it.release.clone();
    release.records[0].text = changed(&release.records[0].text);
    it.write("bent-record.json", &release);
    it.refused(4, "a record under key", &args("bent-record.json"));

    let mut release = it.release.clone();
    release.frames[0].key = "0".into();
    it.write("no-key.json", &release);
    it.refused(4, "the key `0` is missing", &args("no-key.json"));
    let mut release = it.release.clone();
    release.keys[0].threshold = 9;
    it.write("threshold.json", &release);
    it.refused(4, "contradicts itself", &args("threshold.json"));
    let text = it.release.write().unwrap();
    for (file, text, words) in [
        (
            "cut.json",
            &text[..text.len() / 2],
            "no release, and no sealed record",
        ),
        (
            "more.json",
            &text.replacen("\"case\"", "\"more\": 1, \"case\"", 1),
            "broken at line 3",
        ),
        (
            "form.json",
            &text.replacen("release/1", "release/2", 1),
            "of another form",
        ),
    ] {
        fs::write(it.dir.path().join(file), text).unwrap();
        it.refused(4, words, &args(file));
    }
}

/// `docs/sealing.md`, "With stock programs", word for word.
#[test]
fn stock_programs_open_a_release_by_the_recipe() {
    let there = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !there("age", &["--version"]) || !there("python3", &["-c", "import cryptography"]) {
        return println!("skipped: age or python3-cryptography is not installed");
    }
    let it = Machine::new();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sealing.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_, script) = docs.split_once("```python\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    fs::write(it.dir.path().join("open-release.py"), script).unwrap();
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        let output = command
            .args(args)
            .current_dir(it.dir.path())
            .output()
            .unwrap();
        (output.status.success(), output)
    };
    let mut files = Vec::new();
    for officer in ["security", "legal"] {
        let (well, output) = run(
            "python3",
            &["open-release.py", "take", "release.json", officer],
        );
        assert!(well, "{}", said(&output));
        let (key, share) = (format!("{officer}.key"), format!("share-{officer}-1.age"));
        let (well, output) = run("age", &["-d", "-i", &key, &share]);
        assert!(well, "{}", said(&output));
        let file = format!("{officer}.json");
        fs::write(it.dir.path().join(&file), &output.stdout).unwrap();
        files.push(file);
    }
    let open = ["open-release.py", "open", "release.json", "frames.pcap"];
    let (well, output) = run("python3", &[&open[..], &[&files[0]]].concat());
    assert!(
        !well && said(&output).contains("1 of the 2 shares"),
        "{}",
        said(&output)
    );
    let (well, output) = run("python3", &[&open[..], &[&files[0], &files[1]]].concat());
    assert!(well, "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("\"addresses\"") && text.contains("\"hit\": \"hit-0\""),
        "{text}"
    );
    // The frames' bytes, in their order.
    let bytes = fs::read(it.dir.path().join("frames.pcap.1")).unwrap();
    let mut rest = &bytes[24..];
    for (_, frame) in it.frames.iter().filter(|(_, frame)| frame.head.link == 1) {
        let (found, behind) = rest[16..].split_at(frame.bytes.len());
        assert!(found == frame.bytes, "the recipe gives other bytes");
        rest = behind;
    }
    assert!(rest.is_empty());
}

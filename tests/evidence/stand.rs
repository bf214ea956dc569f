//! A day played once, its bundles, and both verifiers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use super::bench::{Bench, PEOPLE};

pub struct Stand {
    pub bench: Bench,
    /// The case that the bundles are of.
    pub case: String,
    /// `quiet.tar`: exported without a daemon, so with the hour's coverage.
    pub bundle: Vec<u8>,
    /// Entries of kind export.
    pub exports: Vec<serde_json::Value>,
}

/// One for all tests that change nothing in the ledger.
pub fn stand() -> &'static Stand {
    static STAND: LazyLock<Stand> = LazyLock::new(Stand::new);
    &STAND
}

impl Stand {
    /// `quiet.tar` while the daemon runs, `case.tar` when it has ended, `opened.tar` of that.
    pub fn new() -> Self {
        let bench = Bench::day();
        let daemon = bench.start("run.toml");
        let case = bench.case_of(PEOPLE[0][0]).id;
        let note = "Asked the unit; <script>alert(1)</script> & \"waiting\"";
        bench.ok(&["cases", "note", &case, note], "");
        let export = |out| {
            let args = [
                "evidence",
                "export",
                &case,
                "--reason",
                "inquiry 2026-14",
                "--out",
                out,
            ];
            bench.ok(&args, "")
        };
        let said = export("quiet.tar");
        assert!(said.contains("manifest sha256"), "{said}");
        daemon.stop();
        export("case.tar");
        let one = bench.ok(
            &["officer", "share", "case.tar", "--key", "officer-0.key"],
            "",
        );
        fs::write(bench.path("one.json"), one).unwrap();
        let open = [
            "evidence",
            "open",
            "case.tar",
            "--key",
            "officer-2.key",
            "--share",
            "one.json",
        ];
        bench.ok(&[&open[..], &["--out", "opened.tar"]].concat(), "");
        let bundle = fs::read(bench.path("case.tar")).unwrap();
        let exports = bench.record("export");
        Self {
            bench,
            case,
            bundle,
            exports,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    pub fn ok(&self, args: &[&str]) -> String {
        self.bench.ok(args, "")
    }

    /// What it says, on both channels, when the answer is no.
    pub fn no(&self, args: &[&str]) -> String {
        let output = self.bench.program(args, "");
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output));
        text(&output)
    }
}

pub fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Name below the folder, where its head begins, its bytes.
pub fn spans(bundle: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
    let mut archive = tar::Archive::new(bundle);
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let name = path.split_once('/').unwrap().1.to_owned();
        let at = usize::try_from(entry.raw_header_position()).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        found.push((name, at, bytes));
    }
    found
}

pub fn files(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let spans = spans(bundle).into_iter();
    spans.map(|(name, _, bytes)| (name, bytes)).collect()
}

pub fn file(bundle: &[u8], name: &str) -> Vec<u8> {
    let found = files(bundle).into_iter().find(|it| it.0 == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

pub fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Runs the second verifier; none where Python lacks what it needs.
pub fn second(it: &Stand, bundle: &str, more: &[&str]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundle_verifier.py");
    let python = || {
        let mut command = Command::new("python3");
        command
            .current_dir(it.bench.dir.path())
            .stdin(Stdio::null());
        command
    };
    let found = python().args(["-c", "import cryptography"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "python3-cryptography is missing: run tests/setup test"
        );
        eprintln!("skipped: python3-cryptography is missing, see tests/setup");
        return None;
    }
    let args = [bundle, "--key", "cases/ledger/key.pub"];
    Some(python().arg(script).args(args).args(more).output().unwrap())
}

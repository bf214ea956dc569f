//! Runs `poortwacht doctor` and reads its answer, which is checked against the schema each time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

pub const BINARY: &str = env!("CARGO_BIN_EXE_poortwacht");

pub fn root_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What it printed, and its exit code.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub json: Value,
}

impl Answer {
    pub fn finding(&self, id: &str) -> Option<&Value> {
        let rank = |it: &&Value| {
            let levels = ["ok", "info", "warning", "failure"];
            levels.iter().position(|level| it["level"] == *level)
        };
        let all = self.json["findings"].as_array().expect("a list");
        all.iter().filter(|it| it["id"] == id).max_by_key(rank)
    }

    fn text(&self, id: &str, key: &str) -> &str {
        let finding = self.finding(id);
        let finding = finding.unwrap_or_else(|| panic!("no {id} in {:#}", self.json));
        finding[key].as_str().unwrap_or_default()
    }

    /// The worst level of this check.
    pub fn level(&self, id: &str) -> &str {
        self.text(id, "level")
    }

    pub fn what(&self, id: &str) -> &str {
        self.text(id, "what")
    }

    pub fn next(&self, id: &str) -> &str {
        self.text(id, "do")
    }

    /// The level of this check of one subject.
    pub fn of(&self, id: &str, subject: &str) -> &str {
        let all = self.json["findings"].as_array().expect("a list");
        let found = all
            .iter()
            .find(|it| it["id"] == id && it["subject"] == subject);
        found.map_or("", |it| it["level"].as_str().unwrap_or_default())
    }
}

/// `poortwacht doctor ... --json` here.
pub fn doctor(words: &[&str]) -> Answer {
    ask(&[&[BINARY, "doctor", "--json"], words].concat())
}

/// The same, behind other programs.
pub fn ask(command: &[&str]) -> Answer {
    let output = Command::new(command[0])
        .args(&command[1..])
        .env_remove("POORTWACHT_CONFIG")
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{command:?}: {e}; {said}"));
    let wrong: Vec<String> = schema().iter_errors(&json).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{json:#}");
    let code = output.status.code().expect("an exit code");
    Answer { code, json }
}

/// What it prints to a pipe without `--json`.
pub fn plain(words: &[&str]) -> String {
    let output = Command::new(BINARY).arg("doctor").args(words).output();
    String::from_utf8(output.expect("it runs").stdout).expect("text")
}

fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let path = root_folder().join("docs/doctor.schema.json");
        let text = std::fs::read_to_string(path).expect("the schema is in docs");
        let schema = serde_json::from_str(&text).expect("it is JSON");
        jsonschema::validator_for(&schema).expect("it is a schema")
    })
}

/// The program where every user can run it.
pub fn for_everybody() -> PathBuf {
    static PLACE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = PLACE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        tool(
            "chmod",
            &["0755", folder.path().to_str().expect("a plain path")],
        );
        std::fs::copy(BINARY, folder.path().join("poortwacht")).expect("a copy");
        folder
    });
    folder.path().join("poortwacht")
}

pub fn tool(program: &str, words: &[&str]) {
    let status = Command::new(program).args(words).status();
    assert!(status.is_ok_and(|it| it.success()), "{program} {words:?}");
}

//! The record's pages in a real Chromium, over a daemon that was told a week: triage by keyboard, live
//! updates, two analysts at once, unsealing by two people, Dutch, a phone, no scripts; axe-core finds
//! no serious fault.
//!
//! Enters: the program. Leaves: a verdict; with `PICTURES` set to a folder, the pictures of the
//! documents. Never: a network beyond loopback. Needs what `tests/setup test` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment of Playwright; none where it cannot be made.
fn environment() -> Option<PathBuf> {
    let made = Command::new("python3")
        .arg("tests/browser/venv.py")
        .output()
        .ok()?;
    let folder = String::from_utf8(made.stdout).ok()?;
    made.status.success().then(|| PathBuf::from(folder.trim()))
}

#[test]
#[ignore = "a minute and a half in a real browser: make verify"]
fn the_pages_work_for_people_in_a_real_browser() {
    let tools = ["/usr/bin/chromium", "/usr/bin/age-keygen"];
    let missing = tools.iter().find(|tool| !Path::new(tool).exists());
    let (Some(venv), None) = (environment(), missing) else {
        eprintln!("skipped: needs python3, chromium, age and Playwright (tests/setup test)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = std::env::var_os("PICTURES").map(PathBuf::from);
    let pictures = pictures.unwrap_or_else(|| folder.path().join("pictures"));
    let run = Command::new(venv.join("bin/python"))
        .arg("tests/browser/drive.py")
        .arg(env!("CARGO_BIN_EXE_poortwacht"))
        .arg(folder.path().join("stage"))
        .arg(pictures)
        .output()
        .expect("python runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        run.status.success(),
        "{}\n{}",
        said(&run.stdout),
        said(&run.stderr)
    );
}

#[test]
fn the_description_of_the_api_is_valid() {
    let Some(venv) = environment() else {
        eprintln!("skipped: needs the environment of tests/browser/venv.py");
        return;
    };
    let run = Command::new(venv.join("bin/python"))
        .args([
            "-m",
            "openapi_spec_validator",
            "src/console/static/openapi.json",
        ])
        .output()
        .expect("python runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stdout)
    );
}

//! Lists in and out as a person uses them: golden files, resolvers from Debian that are given the
//! lists, signed updates over a real HTTP server.
//!
//! Enters: the built program; `unbound`, `named`, `dnsmasq`, `dig`, `minisign`: without one of them
//! its test prints `skipped:`. Leaves: a failure with what was said. Never: a network beyond
//! loopback.

#[path = "lists/exchange.rs"]
mod exchange;
#[path = "lists/resolvers.rs"]
mod resolvers;
#[path = "lists/server.rs"]
mod server;
#[path = "lists/updates.rs"]
mod updates;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/lists")
        .join(name)
}

/// Is the program there? Otherwise says that its test is skipped.
fn has(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = path
        .split(':')
        .chain(["/usr/sbin"])
        .any(|dir| Path::new(dir).join(program).exists());
    if !found {
        println!("skipped: no {program} here");
    }
    found
}

fn list(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poortwacht"))
        .arg("list")
        .args(args)
        .current_dir(dir)
        .env_remove("POORTWACHT_CONFIG")
        .env_remove("http_proxy")
        .env_remove("https_proxy")
        .env_remove("all_proxy")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Exit code and standard error.
fn told(output: &Output) -> (i32, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[track_caller]
fn refused(dir: &Path, args: &[&str], code: i32, wanted: &str) {
    let (exit, said) = told(&list(dir, args));
    assert!(
        exit == code && said.contains(wanted),
        "{args:?}: {exit}: {said}"
    );
}

#[track_caller]
fn done(dir: &Path, args: &[&str], wanted: &str) -> String {
    let output = list(dir, args);
    let (exit, said) = told(&output);
    assert!(
        exit == 0 && said.contains(wanted),
        "{args:?}: {exit}: {said}"
    );
    String::from_utf8(output.stdout).unwrap()
}

//! The rules, dashboards and runbooks, as the tests want them.
//!
//! Enters: `deploy/prometheus`, `deploy/grafana`, `docs`. Leaves: rules and expressions. Never: a YAML
//! parser: the rules are written in one form, and `promtool` says whether it is YAML.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// An alert or a recording.
pub struct Rule {
    pub alert: bool,
    pub name: String,
    pub expr: String,
    /// The lines of the rule.
    pub text: String,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder with this ending, sorted.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

/// Every rule of `deploy/prometheus/rules`.
pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for path in files("deploy/prometheus/rules", ".yml") {
        let text = read(path);
        for (alert, mark) in [(true, "\n  - alert: "), (false, "\n  - record: ")] {
            for part in text.split(mark).skip(1) {
                let text = part.split("\n  - ").next().unwrap_or_default();
                rules.push(Rule {
                    alert,
                    name: text.lines().next().unwrap_or_default().to_owned(),
                    expr: expr_of(text),
                    text: text.to_owned(),
                });
            }
        }
    }
    rules
}

fn expr_of(rule: &str) -> String {
    let after = rule.split("\n    expr: ").nth(1).expect("an expression");
    let first = after.lines().next().unwrap_or_default();
    if first != "|" {
        let quoted = first.strip_prefix('\'').and_then(|f| f.strip_suffix('\''));
        return quoted.unwrap_or(first).to_owned();
    }
    let block = after.lines().skip(1);
    let lines: Vec<&str> = block.map_while(|l| l.strip_prefix("      ")).collect();
    lines.join("\n")
}

/// The dashboards with their names.
pub fn dashboards() -> Vec<(String, Value)> {
    let files = files("deploy/grafana", ".json").into_iter();
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_str(&read(path)).unwrap())
        })
        .collect()
}

/// The expressions of a dashboard's panels.
pub fn exprs(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// As Prometheus would get it from Grafana.
pub fn without_variables(expr: &str) -> String {
    expr.replace("$__rate_interval", "5m")
        .replace("$instance", ".*")
        .replace("$interface", ".*")
        .replace("$vendor", ".*")
        .replace("$feed", ".*")
}

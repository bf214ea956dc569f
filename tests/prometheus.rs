//! The rules, dashboards and Alertmanager's example: do the tools take them, do they name what the program has, and
//! does each alert fire when it should and only then?
//!
//! Enters: `deploy/`, `docs/runbooks`, `promtool`, `amtool`; for the live test root and `prometheus`. Without them a
//! test prints `skipped:` with the reason. Leaves: a verdict. Never: a network beyond loopback and its namespaces.

#[path = "prometheus/expr.rs"]
mod expr;
#[path = "prometheus/files.rs"]
mod files;
#[path = "prometheus/live.rs"]
mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use expr::{grouping, selectors};
use files::{dashboards, exprs, read, root, rules, without_variables};
use poortwacht::metrics::families::TABLE;

/// What the process collector and Prometheus itself give.
const OF_OTHERS: &[&str] = &[
    "up",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
];

/// Runs a tool in a folder of `deploy`; `None`, with the reason printed, where it is not installed.
fn tool(name: &str, folder: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let run = Command::new(name)
        .args(arguments)
        .current_dir(root().join(folder))
        .output();
    let Ok(output) = run else {
        println!("skipped: no {name} (Debian packages prometheus, prometheus-alertmanager)");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some((output.status.success(), said))
}

fn content(name: &str, folder: &str, arguments: &[&str]) {
    if let Some((good, said)) = tool(name, folder, arguments) {
        assert!(good, "{name} {arguments:?}:\n{said}");
    }
}

/// File names of a folder, relative to `deploy/prometheus`.
fn relative(folder: &str) -> Vec<String> {
    let files = files::files(&format!("deploy/prometheus/{folder}"), ".yml");
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    files
        .iter()
        .map(|path| format!("{folder}/{}", name(path)))
        .collect()
}

#[test]
fn promtool_takes_the_rules_and_each_alert_fires_when_it_should() {
    let all = |command: &[&str], files: &[String]| {
        let files = files.iter().map(String::as_str);
        let arguments: Vec<&str> = command.iter().copied().chain(files).collect();
        content("promtool", "deploy/prometheus", &arguments);
    };
    all(&["check", "rules", "--lint-fatal"], &relative("rules"));
    all(&["test", "rules"], &relative("tests"));
}

#[test]
fn each_alert_is_tried_firing_and_quiet() {
    let tests: String = relative("tests")
        .iter()
        .map(|file| read(format!("deploy/prometheus/{file}")))
        .collect();
    for rule in rules().iter().filter(|rule| rule.alert) {
        let name = &rule.name;
        let part = |what: &str| {
            let head = format!("- name: {name} {what}\n");
            let part = tests.split(&head).nth(1);
            let part = part.unwrap_or_else(|| panic!("no test `{name} {what}`"));
            part.split("\n- name: ").next().unwrap().to_owned()
        };
        let fires = part("fires");
        assert!(
            fires.contains(&format!(r#"alertname="{name}",severity="#)),
            "{fires}"
        );
        assert!(part("is quiet").contains("exp_samples: []"), "{name}");
    }
}

#[test]
fn each_alert_says_what_it_is_and_has_a_page() {
    let mut pages: BTreeSet<String> = files::files("docs/runbooks", ".md")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    pages.remove("README");
    let index = read("docs/runbooks/README.md");
    for rule in rules().iter().filter(|rule| rule.alert) {
        let name = &rule.name;
        assert!(name.starts_with("Poortwacht"), "{name}");
        for part in [
            "for: ",
            "severity: ",
            "audience: ",
            "summary: ",
            "description: ",
        ] {
            assert!(
                rule.text.contains(&format!(" {part}")),
                "{name} has no {part}"
            );
        }
        let url = format!("/docs/runbooks/{name}.md");
        assert!(rule.text.contains(&url), "{name}: {}", rule.text);
        assert!(pages.remove(name), "no page docs/runbooks/{name}.md");
        assert!(
            index.contains(&format!("({name}.md)")),
            "{name} is not in the index"
        );
        let page = read(format!("docs/runbooks/{name}.md"));
        for head in [
            "What it means",
            "Look at first",
            "Likely causes",
            "What to do",
            "What is lost meanwhile",
        ] {
            assert!(
                page.contains(&format!("\n## {head}\n")),
                "{name}: no `{head}`"
            );
        }
    }
    assert!(pages.is_empty(), "pages of no alert: {pages:?}");
}

/// Every expression with where it stands.
fn all_exprs() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = rules().into_iter().map(|r| (r.name, r.expr)).collect();
    for (name, dashboard) in dashboards() {
        all.extend(
            exprs(&dashboard)
                .into_iter()
                .map(|expr| (name.clone(), expr)),
        );
    }
    all
}

#[test]
fn what_they_name_is_what_the_program_has() {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().map(|f| (f.name, f.labels)).collect();
    let recorded: BTreeMap<String, BTreeSet<String>> = rules()
        .into_iter()
        .filter(|rule| !rule.alert)
        .map(|rule| {
            // The level in its name: `instance_transport:...`.
            let level = rule.name.split(':').next().unwrap().split('_');
            let labels = level.chain(["job"]).map(str::to_owned).collect();
            (rule.name, labels)
        })
        .collect();
    let docs = read("docs/metrics.md");
    for (place, expr) in all_exprs() {
        let mut known: BTreeSet<String> = ["job", "instance"].map(str::to_owned).into();
        for selector in selectors(&expr) {
            let metric = selector.metric.as_str();
            let labels: BTreeSet<String> = match (table.get(metric), recorded.get(metric)) {
                (Some(labels), _) => labels.iter().map(|l| (*l).to_owned()).collect(),
                (None, Some(labels)) => labels.clone(),
                (None, None) => {
                    assert!(
                        OF_OTHERS.contains(&metric),
                        "{place}: no metric {metric}: {expr}"
                    );
                    BTreeSet::new()
                }
            };
            known.extend(labels);
            for (label, values) in selector.matchers {
                assert!(
                    known.contains(&label),
                    "{place}: {metric} has no label {label}"
                );
                let free = ["job", "instance", "interface", "vendor", "feed"];
                for value in values.iter().filter(|_| !free.contains(&label.as_str())) {
                    let named = docs.contains(&format!("`{value}`"));
                    assert!(named, "{place}: {label} is never {value:?}");
                }
            }
        }
        for label in grouping(&expr) {
            assert!(
                known.contains(&label),
                "{place}: nothing has a label {label}: {expr}"
            );
        }
    }
}

#[test]
fn every_metric_is_used_or_said_to_be_for_looking_up_only() {
    let used: BTreeSet<String> = all_exprs()
        .iter()
        .flat_map(|(_, expr)| selectors(expr))
        .map(|selector| selector.metric)
        .collect();
    let docs = read("docs/metrics.md");
    let section = docs.split("## For looking up only").nth(1).unwrap();
    let only: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'))
        .collect();
    for family in TABLE {
        let (used, listed) = (used.contains(family.name), only.contains(family.name));
        assert!(
            used || listed,
            "{} is used nowhere and not listed",
            family.name
        );
        assert!(!(used && listed), "{} is used and listed", family.name);
    }
    let unknown = only
        .iter()
        .find(|name| !TABLE.iter().any(|f| f.name == **name));
    assert_eq!(unknown, None, "listed, but no metric");
}

#[test]
fn dashboards_keep_to_the_model_and_promtool_parses_them() {
    let mut uids = BTreeSet::new();
    let mut rules = String::from("groups:\n- name: dashboards\n  rules:\n");
    for (name, dashboard) in dashboards() {
        assert_eq!(dashboard["uid"], name.as_str());
        assert!(uids.insert(dashboard["title"].as_str().unwrap().to_owned()));
        assert!(dashboard["schemaVersion"].as_u64() >= Some(36), "{name}");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let names: BTreeSet<&str> = variables
            .iter()
            .map(|v| v["name"].as_str().unwrap())
            .collect();
        assert!(
            names.is_superset(&["datasource", "instance"].into()),
            "{name}: {names:?}"
        );
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title}");
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            for (x, y) in (0..at("w")).flat_map(|x| (0..at("h")).map(move |y| (x, y))) {
                let cell = (at("x") + x, at("y") + y);
                assert!(
                    cell.0 < 24 && cells.insert(cell),
                    "{name}: {title} lies on another"
                );
            }
            if panel["type"] == "row" {
                continue;
            }
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!(
                    target["datasource"]["uid"], "${datasource}",
                    "{name}: {title}"
                );
            }
        }
        for (number, expr) in exprs(&dashboard).iter().enumerate() {
            for variable in expr.split('$').skip(1) {
                let variable = variable
                    .split(|c: char| c != '_' && !c.is_alphanumeric())
                    .next();
                let known = variable.is_some_and(|v| v == "__rate_interval" || names.contains(v));
                assert!(known, "{name}: no such variable: {expr}");
            }
            let plain = without_variables(expr);
            let record = name.replace('-', "_");
            rules += &format!("  - record: {record}:{number}\n    expr: |\n      {plain}\n");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboards.yml");
    fs::write(&file, rules).unwrap();
    content(
        "promtool",
        "deploy",
        &["check", "rules", &file.to_string_lossy()],
    );
}

#[test]
fn the_scrape_example_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("prometheus.yml"),
        read("deploy/prometheus/prometheus.yml"),
    )
    .unwrap();
    for made in ["poortwacht.password", "poortwacht-ca.pem"] {
        fs::write(folder.path().join(made), "").unwrap();
    }
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    for file in files::files("deploy/prometheus/rules", ".yml") {
        fs::copy(&file, rules.join(file.file_name().unwrap())).unwrap();
    }
    let config = folder.path().join("prometheus.yml");
    content(
        "promtool",
        "deploy",
        &["check", "config", &config.to_string_lossy()],
    );
}

/// Labels, and who is told.
const ROUTES: &[(&str, &str)] = &[
    (
        "alertname=PoortwachtTrialAccount severity=critical case=case-1 vendor=acme",
        "soc-urgent",
    ),
    (
        "alertname=PoortwachtVisited severity=warning case=case-1 vendor=acme",
        "soc",
    ),
    (
        "alertname=PoortwachtRetracted severity=critical case=case-1 vendor=acme",
        "soc-urgent",
    ),
    (
        "alertname=PoortwachtRetracted severity=warning case=case-1 vendor=acme",
        "soc",
    ),
    (
        "alertname=PoortwachtTrialAccountBackstop severity=critical audience=soc backstop=yes",
        "soc-urgent",
    ),
    (
        "alertname=PoortwachtOutOfScopeBackstop severity=warning audience=soc backstop=yes",
        "soc",
    ),
    (
        "alertname=PoortwachtWayRoundSeen severity=warning audience=soc",
        "soc",
    ),
    (
        "alertname=PoortwachtAlertsDead severity=critical audience=soc",
        "soc-urgent",
    ),
    (
        "alertname=PoortwachtSensorDown severity=critical audience=operators",
        "operators-urgent",
    ),
    (
        "alertname=PoortwachtListStale severity=warning audience=operators",
        "operators",
    ),
    (
        "alertname=PoortwachtVisitorsRefused severity=info audience=operators",
        "operators",
    ),
    (
        "alertname=PoortwachtAwake severity=none audience=deadman",
        "deadman",
    ),
    ("alertname=SomethingElse severity=critical", "operators"),
];

#[test]
fn alertmanagers_example_is_taken_and_tells_the_right_people() {
    let folder = "deploy/alertmanager";
    content("amtool", folder, &["check-config", "alertmanager.yml"]);
    for (labels, receiver) in ROUTES {
        let verify = format!("--verify.receivers={receiver}");
        let mut arguments = vec![
            "config",
            "routes",
            "test",
            "--config.file=alertmanager.yml",
            &verify,
        ];
        arguments.extend(labels.split(' '));
        content("amtool", folder, &arguments);
    }
    // Each audience and severity of the rules is one that a route was tried for.
    for rule in rules().iter().filter(|rule| rule.alert) {
        let value = |label: &str| {
            let after = rule
                .text
                .split(&format!("\n      {label}: "))
                .nth(1)
                .unwrap();
            format!("{label}={}", after.lines().next().unwrap())
        };
        let tried = ROUTES.iter().any(|(labels, _)| {
            labels.contains(&value("severity")) && labels.contains(&value("audience"))
        });
        assert!(tried, "no route was tried for {}", rule.name);
    }
    // What inhibits or is inhibited exists: as a rule, or as an alert that the gateway posts.
    let config = read("deploy/alertmanager/alertmanager.yml");
    let docs = read("docs/alerts.md");
    let words = config.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|w| w.starts_with("Poortwacht")) {
        let known =
            rules().iter().any(|rule| rule.name == word) || docs.contains(&format!("`{word}`"));
        assert!(known, "alertmanager.yml names {word}");
    }
}

//! Every seed through the command line, as somebody with a capture and the logs beside it would ask.
//!
//! Enters: the files of a seed. Leaves: a failure that names the seed. Here the feed files count, the
//! organisation's map, and the wiring; who is who stands under a key of each run, so a case is told
//! by its vendor.

use std::fs;
use std::process::Command;

use poortwacht::blocklist::Stage;
use poortwacht::simulate::case::ExpectedCase;
use serde_json::Value;

use super::{Played, report, root};

/// With officers, so that people are told from devices. Nobody has their private keys.
const CONFIG: &str = r#"[identity]
officers = [
  { name = "privacy officer", recipient = "age1ss4su63e05s0hfk92379a9yw08xrg7qusx4cj7dfkgjydu0xu5ns40t07c" },
  { name = "works council", recipient = "age1lk0z6sh9px7al5kggpfctjn2q3hlpxu6xrktgw8enymghx9zeatsjtpvc2" },
]
threshold = 2
"#;

#[test]
fn the_command_tells_the_cases_of_every_seed() {
    report(|played| {
        let cases = told(played)?;
        let expect = &played.case.expect;
        let mut wrong: Vec<String> = Vec::new();
        for it in &expect.cases {
            let must = it.stage.is_some() || !it.evidence.is_empty();
            let of_vendor = || {
                cases
                    .iter()
                    .filter(|case| text(case, "/vendor") == it.vendor)
            };
            if must && !of_vendor().any(|case| is_meant(it, case)) {
                let found: Vec<String> = of_vendor().map(summary).collect();
                wrong.push(format!("{}: not {it:?}; told: {found:?}", it.who));
            }
        }
        for case in cases
            .iter()
            .filter(|case| is_somebody(case) && is_far(case))
        {
            if !expect.cases.iter().any(|it| is_meant(it, case)) {
                wrong.push(format!("unexpected: {}", summary(case)));
            }
        }
        for vendor in &expect.no_case_of {
            if cases.iter().any(|case| text(case, "/vendor") == vendor) {
                wrong.push(format!("a case of {vendor}"));
            }
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(format!("\n  {}", wrong.join("\n  "))),
        }
    });
}

/// What `read --cases --json` prints, without what was merged or taken back.
fn told(played: &Played) -> Result<Vec<Value>, String> {
    let config = played.folder.join("poortwacht.toml");
    fs::write(&config, CONFIG).map_err(|e| e.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    command.current_dir(root());
    command
        .args(["read", "--cases", "--json", "--config"])
        .arg(&config);
    for (option, file) in [
        ("--organisation", "organisation.toml"),
        ("--feeds", "feeds.toml"),
    ] {
        command.arg(option).arg(played.folder.join(file));
    }
    for net in &played.case.exclude {
        command.arg("--exclude").arg(net.to_string());
    }
    let output = command
        .arg(played.capture())
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.trim()));
    }
    let lines = String::from_utf8(output.stdout).map_err(|e| e.to_string())?;
    let cases: Result<Vec<Value>, _> = lines.lines().map(serde_json::from_str).collect();
    let mut cases = cases.map_err(|e| e.to_string())?;
    cases.retain(|case| case["closed"].is_null());
    Ok(cases)
}

fn is_meant(it: &ExpectedCase, case: &Value) -> bool {
    let same = |expected: &Option<String>, found: &str| {
        expected.as_ref().is_none_or(|expected| expected == found)
    };
    let items = case["items"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |kind: &String| items.iter().any(|item| item["kind"] == **kind);
    it.vendor == text(case, "/vendor")
        && same(&it.stage, text(case, "/stage"))
        && it
            .at_most
            .as_ref()
            .is_none_or(|most| place(text(case, "/stage")) <= place(most))
        && (it.standing == "any" || it.standing == text(case, "/ruling/standing"))
        && same(&it.band, text(case, "/band"))
        && same(&it.kind, attribution(case, "kind"))
        && same(&it.grade, attribution(case, "grade"))
        && it.evidence.iter().all(has)
}

fn text<'c>(case: &'c Value, path: &str) -> &'c str {
    case.pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A field of the newest attribution.
fn attribution<'c>(case: &'c Value, field: &str) -> &'c str {
    let newest = case["attribution"].as_array().and_then(|all| all.last());
    newest.map_or("", |newest| text(newest, &format!("/attribution/{field}")))
}

fn place(stage: &str) -> Option<usize> {
    Stage::ALL.iter().position(|it| it.label() == stage)
}

fn is_far(case: &Value) -> bool {
    place(text(case, "/stage")) > place(Stage::LookedUp.label())
}

fn is_somebody(case: &Value) -> bool {
    ["person", "device", "address"].contains(&attribution(case, "kind"))
}

fn summary(case: &Value) -> String {
    let (kind, grade) = (attribution(case, "kind"), attribution(case, "grade"));
    let [vendor, stage, standing, band] =
        ["/vendor", "/stage", "/ruling/standing", "/band"].map(|path| text(case, path));
    format!("{vendor} at {stage}, {standing}, {kind} {grade}, band `{band}`")
}

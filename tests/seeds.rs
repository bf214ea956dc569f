//! The cases behind the project, played: each `seeds/*.toml` becomes a capture by `poortwacht
//! simulate`, and the program must find in it what the seed says, and say nothing else about
//! anybody.
//!
//! Enters: a seed (who does what, when). Leaves: a failure that names the seed. The frames come
//! from `src/simulate` (pnet), which uses none of the parsers under test.

#[path = "seeds/cases.rs"]
mod cases;
#[path = "seeds/command.rs"]
mod command;
#[path = "seeds/confounders.rs"]
mod confounders;
#[path = "seeds/identity.rs"]
mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use poortwacht::simulate::case::ExpectedHit;
use poortwacht::simulate::{CaseFile, Plan};

/// What a check gets to see of a seed.
struct Played {
    case: CaseFile,
    plan: Plan,
    /// Folder with `capture.pcapng`, `organisation.toml`, `feeds.toml` and the logs.
    folder: PathBuf,
}

impl Played {
    fn capture(&self) -> PathBuf {
        self.folder.join("capture.pcapng")
    }
}

#[test]
fn hits_are_those_of_the_seed() {
    report(|played| {
        let found = hits(&read(played, "--json")?.0)?;
        let counted: BTreeSet<ExpectedHit> =
            found.iter().map(|hit| agreed(hit, &played.case)).collect();
        let expected: BTreeSet<_> = played.case.hits.iter().cloned().collect();
        if counted != expected {
            return Err(format!("\n  expected {expected:#?}\n  found {found:#?}"));
        }
        Ok(())
    });
}

/// Without the count, where the seed gives none.
fn agreed(hit: &ExpectedHit, case: &CaseFile) -> ExpectedHit {
    let uncounted = ExpectedHit {
        count: None,
        ..hit.clone()
    };
    if case.hits.contains(&uncounted) {
        return uncounted;
    }
    hit.clone()
}

#[test]
fn names_are_those_of_the_steps() {
    report(|played| {
        let text = read(played, "--names")?.0;
        let rows = text
            .lines()
            .skip(1)
            .map(|line| line.split('\t').skip(4).collect::<Vec<_>>());
        let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in rows {
            let [seen, name] = row[..] else {
                return Err(format!("not six columns: {row:?}"));
            };
            *found.entry((seen.into(), name.into())).or_default() += 1;
        }
        let expected = played.plan.sightings(&played.case.exclude);
        if found != expected {
            return Err(format!("\n  expected {expected:?}\n  found {found:?}"));
        }
        Ok(())
    });
}

/// What did not match is in no output; without a hit there is no output at all.
#[test]
fn nothing_is_said_about_anybody_else() {
    report(|played| {
        let (log, messages) = read(played, "--json")?;
        if played.case.hits.is_empty() && !log.is_empty() {
            return Err(format!(
                "{} bytes in the log of a day without hits",
                log.len()
            ));
        }
        let named: BTreeSet<&str> = played
            .case
            .hits
            .iter()
            .map(|hit| hit.name.as_str())
            .collect();
        // A look-up's question stands in the evidence of a hit on its CNAME, so compare names
        // only where they stand as text of their own.
        for (_, name) in played
            .plan
            .sightings(&[])
            .keys()
            .filter(|(_, name)| !named.contains(name.as_str()))
        {
            let quoted = format!("\"{name}\"");
            if log.contains(&quoted) || messages.contains(name.as_str()) {
                return Err(format!("`{name}` did not match and is in the output"));
            }
        }
        Ok(())
    });
}

#[test]
fn the_papers_are_all_played() {
    let played: BTreeSet<String> = seeds().into_iter().map(|(_, seed)| seed.paper).collect();
    let papers: BTreeSet<String> = (1..=5).map(|n| format!("P{n}")).collect();
    assert_eq!(played, papers);
    for (name, seed) in seeds() {
        assert!(
            seed.title.len() > 8 && seed.story.len() > 40,
            "{name} says too little"
        );
        assert!(!seed.steps.is_empty(), "{name}: nothing happens");
    }
}

/// The same file and seed give the same bytes; another seed gives others where chance has a say.
#[test]
fn a_seed_gives_one_capture() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = root().join("seeds/trial-account-proved.toml");
    let make = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        simulate(&case, seed, &out, folder.path()).expect("it can be made");
        fs::read(out).expect("it is there")
    };
    let first = make("a", "1");
    // Not `assert_eq`: it would print the captures.
    assert!(first == make("b", "1"), "the same seed, other bytes");
    assert!(first != make("c", "2"), "another seed, the same bytes");
}

/// Hits of a log, folded repeats added up.
fn hits(log: &str) -> Result<BTreeSet<ExpectedHit>, String> {
    let mut found: BTreeMap<[String; 5], u64> = BTreeMap::new();
    for line in log.lines() {
        let record: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("{e} in: {line}"))?;
        let text = |path: &str| match record.pointer(path).and_then(|value| value.as_str()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("no {path} in: {line}")),
        };
        let key = [
            text("/poortwacht/vendor/id")?,
            text("/rule/name")?,
            text("/poortwacht/seen")?,
            text("/poortwacht/name")?,
            text("/poortwacht/severity")?,
        ];
        let repeats = record
            .pointer("/poortwacht/fold/repeats")
            .and_then(|value| value.as_u64());
        *found.entry(key).or_default() += repeats.unwrap_or(1);
    }
    let expected =
        |([vendor, rule, seen, name, severity], count): ([String; 5], u64)| ExpectedHit {
            vendor,
            rule,
            seen,
            name,
            severity,
            count: Some(count),
        };
    Ok(found.into_iter().map(expected).collect())
}

fn seeds() -> Vec<(String, CaseFile)> {
    let folder = root().join("seeds");
    let files = fs::read_dir(&folder)
        .expect("seeds/ can be listed")
        .flatten();
    let mut found: Vec<(String, CaseFile)> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("a seed can be read");
            let seed = CaseFile::parse(&text).unwrap_or_else(|e| panic!("seeds/{name}.toml: {e}"));
            (name, seed)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() >= 8, "only {} seeds", found.len());
    found
}

/// Standard output and standard error of `poortwacht read HOW CAPTURE`.
fn read(played: &Played, how: &str) -> Result<(String, String), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    let command = command
        .current_dir(root())
        .arg("read")
        .arg(how)
        .arg(played.capture());
    for net in &played.case.exclude {
        command.arg("--exclude").arg(net.to_string());
    }
    let output = command.output().map_err(|e| e.to_string())?;
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, messages.trim()));
    }
    Ok((
        String::from_utf8(output.stdout).map_err(|e| e.to_string())?,
        messages,
    ))
}

/// `poortwacht simulate`, with the files beside the capture in `folder`.
fn simulate(case: &Path, seed: &str, out: &Path, folder: &Path) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    command.arg("simulate").arg(case).args(["--seed", seed]);
    command.arg("--out").arg(out).arg("--feeds").arg(folder);
    command.arg("--expect").arg(folder.join("expect.json"));
    let output = command.output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(())
}

/// Every seed, made once for all tests.
fn all_played() -> &'static [(String, Played)] {
    static PLAYED: LazyLock<(TempDir, Vec<(String, Played)>)> = LazyLock::new(|| {
        let all = tempfile::tempdir().expect("a folder for the captures");
        let played = seeds().into_iter().map(|(name, case)| {
            let folder = all.path().join(&name);
            fs::create_dir(&folder).expect("a folder of its own");
            let plan = case.plan(1).expect("its plan");
            let played = Played { case, plan, folder };
            let file = root().join(format!("seeds/{name}.toml"));
            let made = simulate(&file, "1", &played.capture(), &played.folder);
            made.unwrap_or_else(|why| panic!("{name}: {why}"));
            (name, played)
        });
        let played = played.collect();
        (all, played)
    });
    &PLAYED.1
}

/// Checks every seed and fails with all complaints.
fn report(check: impl Fn(&Played) -> Result<(), String>) {
    let verdicts = all_played()
        .iter()
        .filter_map(|(name, played)| check(played).err().map(|why| format!("{name}: {why}")));
    let complaints: Vec<String> = verdicts.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The generator against tshark, which shares nothing with it or with the program.
#[test]
fn captures_hold_what_tshark_reads() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return println!("skipped: tshark is not installed");
    }
    report(|played| {
        let mut command = Command::new("tshark");
        command.args(["-r".as_ref(), played.capture().as_os_str()]);
        command.args(["-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]);
        for field in [
            "frame.protocols",
            "dns.flags.response",
            "dns.qry.name",
            "dns.cname",
        ] {
            command.args(["-e", field]);
        }
        command.args(["-e", "tls.handshake.extensions_server_name"]);
        // A wrong checksum must not pass unseen.
        command.args([
            "-o",
            "tcp.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
        ]);
        command.args(["-e", "_ws.expert.message"]);
        let output = command.output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [layers, response, question, cname, sni, expert] = fields[..] else {
                return Err(format!("not six columns: {line}"));
            };
            if expert.contains("hecksum") {
                return Err(format!("a bad checksum: {expert}"));
            }
            let quic = layers.split(':').any(|layer| layer == "quic");
            let question = if response == "0" || response == "False" {
                question
            } else {
                ""
            };
            let kinds = [
                ("dns-query", question),
                ("dns-cname", cname),
                (if quic { "quic-sni" } else { "tls-sni" }, sni),
            ];
            for (seen, names) in kinds {
                for name in names.split('|').filter(|name| !name.is_empty()) {
                    *found.entry((seen.into(), name.into())).or_default() += 1;
                }
            }
        }
        let expected = played.plan.sightings(&[]);
        if found != expected {
            return Err(format!("\n  expected {expected:?}\n  tshark {found:?}"));
        }
        Ok(())
    });
}

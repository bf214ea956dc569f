//! Replays every capture under `tests/data/captures` and compares names and hits with the truth
//! that lies beside it.
//!
//! Enters: a folder with `capture.*`, `names.tsv` (distinct `seen<TAB>name`), `hits.tsv`
//! (`vendor<TAB>rule<TAB>seen<TAB>count`) and, where tshark errs, `tshark.tsv`. Leaves: one
//! failure that lists every difference of every capture. The truth was made by tshark and by hand
//! (`tests/lab`), never by the program under test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use poortwacht::base::Seen;

const HEADER: &str = "frame\ttime\tsource\tdestination\tseen\tname";

type Pair = (String, String);
type HitKey = (String, String, String);

#[test]
fn names_are_those_of_the_truth() {
    report(&cases(), |case| {
        let rows = names_of(case)?;
        let found: BTreeSet<Pair> = rows.into_iter().map(|row| (row.seen, row.name)).collect();
        difference(&pairs(&case.folder.join("names.tsv")), &found)
    });
}

#[test]
fn hits_are_those_of_the_truth() {
    let schema = json(&read(&root().join("docs/hit.schema.json")));
    let schema = jsonschema::validator_for(&schema).expect("docs/hit.schema.json is a schema");
    report(&cases(), |case| {
        let expected = hits_expected(&read(&case.folder.join("hits.tsv")));
        difference(&expected, &hits_found(&schema, &printed("--json", case)?)?)
    });
}

/// The second opinion, capture by capture: the same names in hellos, TLS and QUIC, but for what
/// `tshark.tsv` says of tshark; and each DNS question completed at the frame where tshark has it.
#[test]
fn tshark_reads_the_same() {
    if let Some(tool) = missing("tshark") {
        return println!("skipped: {tool} is not installed");
    }
    report(&cases(), |case| {
        let tshark = tshark(case)?;
        let (mut hellos, mut questions) = (BTreeSet::new(), BTreeSet::new());
        for row in names_of(case)? {
            match row.seen.as_str() {
                "dns-query" => drop(questions.insert((row.frame.to_string(), row.name))),
                seen if seen.ends_with("-sni") => drop(hellos.insert((row.seen, row.name))),
                _ => {}
            }
        }
        difference(&mended(case, tshark.hellos)?, &hellos)?;
        // dns-odd holds broken messages, on whose names tshark differs as tshark.tsv says.
        if case.name == "dns-odd" {
            return Ok(());
        }
        // Questions behind a layer that tshark does not know.
        let unseen = unseen(case)?;
        if let Some((_, name)) = tshark.questions.iter().find(|(_, n)| unseen.contains(n)) {
            return Err(format!("tshark.tsv: tshark does see `{name}`"));
        }
        questions.retain(|(_, name)| !unseen.contains(name));
        difference(&tshark.questions, &questions)
    });
}

/// Names of questions that tshark misses, by `tshark.tsv`.
fn unseen(case: &Case) -> Result<BTreeSet<String>, String> {
    let departures = fs::read_to_string(case.folder.join("tshark.tsv")).unwrap_or_default();
    let missed = departures
        .lines()
        .filter_map(|line| line.strip_prefix("missed\t"));
    let pairs = missed.map(pair_of).collect::<Result<Vec<_>, _>>()?;
    let dns = pairs.into_iter().filter(|pair| pair.0 == "dns-query");
    Ok(dns.map(|pair| pair.1).collect())
}

/// What tshark reads, with what `tshark.tsv` says about it put right.
fn mended(case: &Case, mut found: BTreeSet<Pair>) -> Result<BTreeSet<Pair>, String> {
    let departures = fs::read_to_string(case.folder.join("tshark.tsv")).unwrap_or_default();
    for line in departures.lines() {
        let (how, pair) = line
            .split_once('\t')
            .ok_or("a line of tshark.tsv has no tab")?;
        let pair = pair_of(pair)?;
        let holds = match how {
            _ if pair.0.starts_with("dns-") => true,
            "missed" => found.insert(pair.clone()),
            "wrong" => found.remove(&pair),
            other => return Err(format!("tshark.tsv: `{other}` is neither missed nor wrong")),
        };
        if !holds {
            return Err(format!(
                "tshark.tsv: tshark is not wrong about {pair:?} (any more)"
            ));
        }
    }
    Ok(found)
}

/// One folder below `tests/data/captures`.
struct Case {
    name: String,
    folder: PathBuf,
    capture: PathBuf,
    /// Exit code of `poortwacht read`: 0, or what the file `exit` says.
    exit: i32,
}

fn cases() -> Vec<Case> {
    let captures = root().join("tests/data/captures");
    let folders = fs::read_dir(&captures).expect("tests/data/captures can be listed");
    let folders = folders
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let mut found: Vec<Case> = folders
        .map(|folder| {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let files = fs::read_dir(&folder)
                .expect("a case can be listed")
                .flatten();
            let mut captures = files.map(|file| file.path()).filter(|file| {
                file.file_stem()
                    .is_some_and(|stem| stem.to_string_lossy().starts_with("capture"))
            });
            let capture = captures
                .next()
                .unwrap_or_else(|| panic!("{name} has no capture.*"));
            let exit = fs::read_to_string(folder.join("exit")).unwrap_or_else(|_| "0".into());
            let exit = exit.trim().parse().expect("an exit code");
            Case {
                name,
                folder,
                capture,
                exit,
            }
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(
        found.len() >= 40,
        "only {} captures: is the tree whole?",
        found.len()
    );
    found
}

/// One line of `--names`.
struct Row {
    frame: u64,
    seen: String,
    name: String,
}

fn names_of(case: &Case) -> Result<Vec<Row>, String> {
    rows(&printed("--names", case)?)
}

fn rows(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines();
    match lines.next() {
        Some(HEADER) => {}
        other => return Err(format!("the header line is {other:?}")),
    }
    lines.map(row).collect()
}

fn row(line: &str) -> Result<Row, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [frame, time, source, destination, seen, name] = columns[..] else {
        return Err(format!("not six columns: {line}"));
    };
    let address = |text: &str| text.parse::<IpAddr>().map_err(|e| format!("`{text}`: {e}"));
    address(source).and(address(destination))?;
    if !time.starts_with("20") || time.len() < 20 {
        return Err(format!("not a time: `{time}`"));
    }
    if !Seen::ALL.iter().any(|known| known.label() == seen) {
        return Err(format!("`{seen}` is not in the closed set"));
    }
    let frame: u64 = frame.parse().map_err(|e| format!("frame `{frame}`: {e}"))?;
    if frame == 0 || name.is_empty() {
        return Err(format!("frame 0 or an empty name: {line}"));
    }
    Ok(Row {
        frame,
        seen: seen.into(),
        name: name.into(),
    })
}

fn hits_expected(text: &str) -> BTreeSet<(HitKey, u64)> {
    let lines = text.lines().map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [vendor, rule, seen, count] = columns[..] else {
            panic!("not four columns: {line}")
        };
        (
            (vendor.into(), rule.into(), seen.into()),
            count.parse().expect("a count"),
        )
    });
    lines.collect()
}

/// Sums the hits of a log by vendor, rule and how the name was seen. A record of folded repeats
/// stands for as many hits as it says.
fn hits_found(
    schema: &jsonschema::Validator,
    log: &str,
) -> Result<BTreeSet<(HitKey, u64)>, String> {
    let mut sums: BTreeMap<HitKey, u64> = BTreeMap::new();
    for line in log.lines() {
        let record: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("{e} in: {line}"))?;
        if let Some(error) = schema.iter_errors(&record).next() {
            return Err(format!(
                "not as docs/hit.schema.json says: {error} in: {line}"
            ));
        }
        let text = |path: &str| match record.pointer(path).and_then(|value| value.as_str()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("no {path} in: {line}")),
        };
        let key = (
            text("/poortwacht/vendor/id")?,
            text("/rule/name")?,
            text("/poortwacht/seen")?,
        );
        let repeats = record
            .pointer("/poortwacht/fold/repeats")
            .and_then(|value| value.as_u64());
        *sums.entry(key).or_default() += repeats.unwrap_or(1);
    }
    Ok(sums.into_iter().collect())
}

/// Standard output of `poortwacht read HOW CAPTURE`, which must end as the case says.
fn printed(how: &str, case: &Case) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    let command = command.current_dir(root()).arg("read").arg(how);
    output(command.arg(&case.capture), case.exit)
}

fn output(command: &mut Command, exit: i32) -> Result<String, String> {
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.code() != Some(exit) {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("{}, not {exit}: {said}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}

fn missing(tool: &'static str) -> Option<&'static str> {
    Command::new(tool)
        .arg("--version")
        .output()
        .is_err()
        .then_some(tool)
}

/// What tshark reads in a capture.
#[derive(Default)]
struct Tshark {
    /// How seen, name.
    hellos: BTreeSet<Pair>,
    /// Frame, name.
    questions: BTreeSet<Pair>,
}

fn tshark(case: &Case) -> Result<Tshark, String> {
    let mut command = Command::new("tshark");
    command.args([
        "-2",
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "aggregator=|",
    ]);
    command
        .args(["-o", "tcp.reassemble_out_of_order:TRUE", "-r"])
        .arg(&case.capture);
    let sni = [
        "tls.handshake.extensions_server_name",
        "dtls.handshake.extensions_server_name",
        "gquic.tag.sni",
    ];
    let (mut asked, mut answered) = (BTreeSet::new(), Vec::new());
    let dns = ["dns.id", "dns.flags.response", "dns.qry.name"];
    let fields = ["frame.protocols", "frame.number"].iter().chain(&sni);
    for field in fields.chain(&dns) {
        command.args(["-e", field]);
    }
    let mut found = Tshark::default();
    // tshark answers 2 for a capture that is cut short.
    for line in output(&mut command, if case.exit == 0 { 0 } else { 2 })?.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [layers, frame, sni, dtls, gquic, id, response, question] = columns[..] else {
            return Err(format!("not eight columns: {line}"));
        };
        let has = |wanted: &str| layers.split(':').any(|layer| layer == wanted);
        // What tshark puts in angle brackets is no name.
        let names = |column: &str| -> Vec<String> {
            let names = column
                .split('|')
                .filter(|n| !n.is_empty() && !n.starts_with('<'));
            names.map(normal).collect()
        };
        let seen = if has("quic") { "quic-sni" } else { "tls-sni" };
        for (seen, column) in [(seen, sni), ("dtls-sni", dtls), ("quic-sni", gquic)] {
            let names = names(column).into_iter();
            found
                .hellos
                .extend(names.map(|name| (seen.to_owned(), name)));
        }
        // mDNS and LLMNR are layers of their own; what an ICMP error quotes is no new sighting.
        if !has("dns") || has("icmp") {
            continue;
        }
        let answer = response.split('|').any(|r| r == "1" || r == "True");
        for name in names(question) {
            let key = (id.to_owned(), name.clone());
            if answer {
                answered.push((key, (frame.to_owned(), name)));
            } else {
                asked.insert(key);
                found.questions.insert((frame.to_owned(), name));
            }
        }
    }
    // The question of an answer counts where its query is not in the capture.
    answered.retain(|(key, _)| !asked.contains(key));
    found
        .questions
        .extend(answered.into_iter().map(|(_, question)| question));
    Ok(found)
}

/// Lower case, no trailing dot, bytes that are not printable ASCII as RFC 1035 section 5.1.
fn normal(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name.bytes()
        .map(|b| {
            if (0x21..=0x7e).contains(&b) {
                char::from(b).to_string()
            } else {
                format!("\\{b:03}")
            }
        })
        .collect()
}

fn pair_of(line: &str) -> Result<Pair, String> {
    let pair = line
        .split_once('\t')
        .ok_or_else(|| format!("not two columns: {line}"))?;
    Ok((pair.0.into(), pair.1.into()))
}

fn pairs(path: &Path) -> BTreeSet<Pair> {
    read(path)
        .lines()
        .map(|line| pair_of(line).expect("names.tsv has two columns"))
        .collect()
}

/// What is lacking and what is too much.
fn difference<T: Ord + std::fmt::Debug>(
    expected: &BTreeSet<T>,
    found: &BTreeSet<T>,
) -> Result<(), String> {
    let lacking: Vec<_> = expected.difference(found).collect();
    let surplus: Vec<_> = found.difference(expected).collect();
    if lacking.is_empty() && surplus.is_empty() {
        return Ok(());
    }
    Err(format!("lacking {lacking:?}, too much {surplus:?}"))
}

/// Fails with the complaints of all cases, so that one run shows everything.
fn report(cases: &[Case], check: impl Fn(&Case) -> Result<(), String>) {
    let complaint = |case: &Case| Some(format!("{}: {}", case.name, check(case).err()?));
    let complaints: Vec<String> = cases.iter().filter_map(complaint).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("docs/hit.schema.json is JSON")
}

mod the_harness_can_fail {
    use super::*;

    const LINE: &str = "7\t2026-11-22T03:00:00Z\t192.0.2.10\t198.51.100.53\tdns-query\tx.example";

    #[test]
    fn on_rows() {
        let with = |line: &str| rows(&format!("{HEADER}\n{line}\n"));
        assert_eq!(with(LINE).unwrap().len(), 1);
        assert!(rows(LINE).is_err(), "without a header");
        assert!(with(&LINE.replace("dns-query", "dns")).is_err());
        assert!(with(&LINE.replace("192.0.2.10", "192.0.2.10:53")).is_err());
        assert!(with(&LINE.replace("7\t", "0\t")).is_err());
        assert!(with(&format!("{LINE}\tmore")).is_err());
    }

    #[test]
    fn on_hits() {
        let schema = json(r#"{"required": ["rule"]}"#);
        let schema = jsonschema::validator_for(&schema).unwrap();
        let hit = r#"{"rule":{"name":"r"},"poortwacht":{"vendor":{"id":"v"},"seen":"tls-sni"}}"#;
        let folded = hit.replace(r#""seen""#, r#""fold":{"repeats":4},"seen""#);
        let log = format!("{hit}\n{folded}\n");
        let expected = hits_expected("v\tr\ttls-sni\t5\n");
        assert_eq!(hits_found(&schema, &log).unwrap(), expected);
        assert!(difference(&expected, &hits_found(&schema, hit).unwrap()).is_err());
        assert!(hits_found(&schema, "{}").is_err(), "not as the schema says");
        assert!(hits_found(&schema, "no JSON").is_err());
    }

    #[test]
    fn on_names() {
        let one: BTreeSet<Pair> = [("tls-sni".into(), "a.example".into())].into();
        assert!(difference(&one, &one.clone()).is_ok());
        assert!(difference(&one, &BTreeSet::new()).is_err());
        assert!(difference(&BTreeSet::new(), &one).is_err());
        assert_eq!(normal("B\u{fc}cher.Example."), "b\\195\\188cher.example");
    }
}

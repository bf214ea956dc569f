//! The cases behind the project, played: each `seeds/*.toml` becomes a capture, and the program
//! must find in it the hits that the seed says, and say nothing else about anybody.
//!
//! Enters: a seed (who does what, when). Leaves: a failure that names the seed. The frames come
//! from `seeds/wire.rs` (pnet) and `seeds/hello.rs`, not from the parsers under test.

#[path = "seeds/hello.rs"]
mod hello;
#[path = "seeds/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use wire::{Ends, Wire};

/// 2 March 2026, 07:00 UTC.
const START: u64 = 1_772_434_800;
const SERVER4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 81);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x81);

/// One scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    title: String,
    /// `P1` to `P5`: the paper that the fact comes from.
    paper: String,
    story: String,
    /// Who is in it, by a word for the part they play.
    clients: BTreeMap<String, IpAddr>,
    #[serde(rename = "step")]
    steps: Vec<Step>,
    #[serde(rename = "hit", default)]
    hits: Vec<Expected>,
}

/// One thing that a client does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Seconds after the seed's start.
    at: u64,
    client: String,
    does: Does,
    name: String,
    /// DNS type number of a look-up; 1 is A, 28 AAAA, 65 HTTPS.
    #[serde(default = "one")]
    qtype: u16,
    /// CNAME targets in the answer of a look-up.
    #[serde(default)]
    cname: Vec<String>,
    /// Server's port of a connection.
    #[serde(default = "https")]
    port: u16,
    /// Bytes that the client sends after its hello.
    #[serde(default = "some_bytes")]
    up: usize,
    /// How often, and how many seconds apart.
    #[serde(default = "once")]
    times: u64,
    #[serde(default = "minute")]
    every: u64,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Does {
    LookUp,
    Tls,
    Quic,
}

fn one() -> u16 {
    1
}
fn https() -> u16 {
    443
}
fn some_bytes() -> usize {
    600
}
fn once() -> u64 {
    1
}
fn minute() -> u64 {
    60
}

/// Hits that must come out, alike but for their time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    vendor: String,
    rule: String,
    seen: String,
    name: String,
    severity: String,
    count: u64,
}

#[test]
fn hits_are_those_of_the_seed() {
    report(|seed, capture| {
        let found = hits(&read(capture, "--json")?.0)?;
        let expected: BTreeSet<_> = seed.hits.iter().cloned().collect();
        if found != expected {
            return Err(format!("\n  expected {expected:#?}\n  found {found:#?}"));
        }
        Ok(())
    });
}

#[test]
fn names_are_those_of_the_steps() {
    report(|seed, capture| {
        let text = read(capture, "--names")?.0;
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
        let expected = seed.sightings();
        if found != expected {
            return Err(format!("\n  expected {expected:?}\n  found {found:?}"));
        }
        Ok(())
    });
}

/// What did not match is in no output; without a hit there is no output at all.
#[test]
fn nothing_is_said_about_anybody_else() {
    report(|seed, capture| {
        let (log, messages) = read(capture, "--json")?;
        if seed.hits.is_empty() && !log.is_empty() {
            return Err(format!(
                "{} bytes in the log of a day without hits",
                log.len()
            ));
        }
        let named: BTreeSet<&str> = seed.hits.iter().map(|hit| hit.name.as_str()).collect();
        // A look-up's question stands in the evidence of a hit on its CNAME, so compare names
        // only where they stand as text of their own.
        for (_, name) in seed
            .sightings()
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
        assert!(!seed.sightings().is_empty(), "{name}: nothing happens");
    }
}

impl Seed {
    fn capture(&self) -> Vec<u8> {
        let mut wire = Wire::default();
        let mut id = 0;
        for step in &self.steps {
            let client = *self
                .clients
                .get(&step.client)
                .expect("a client of the seed");
            let server = match client {
                IpAddr::V4(_) => IpAddr::V4(SERVER4),
                IpAddr::V6(_) => IpAddr::V6(SERVER6),
            };
            for turn in 0..step.times {
                id += 1;
                let at = (step.at + turn * step.every) * 1_000_000;
                let port = if step.does == Does::LookUp {
                    53
                } else {
                    step.port
                };
                let ends = Ends {
                    client: (client, wire.port()),
                    server: (server, port),
                };
                step.play(&mut wire, at, id, ends);
            }
        }
        wire.pcap(START)
    }

    /// How often each name must be seen.
    fn sightings(&self) -> BTreeMap<(String, String), u64> {
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for step in &self.steps {
            let seen = match step.does {
                Does::LookUp => "dns-query",
                Does::Tls => "tls-sni",
                Does::Quic => "quic-sni",
            };
            *counts.entry((seen.into(), step.name.clone())).or_default() += step.times;
            for target in &step.cname {
                *counts
                    .entry(("dns-cname".into(), target.clone()))
                    .or_default() += step.times;
            }
        }
        counts
    }
}

impl Step {
    fn play(&self, wire: &mut Wire, at: u64, id: u16, ends: Ends) {
        match self.does {
            Does::LookUp => {
                wire.datagram(
                    at,
                    ends,
                    true,
                    &hello::dns(id, &self.name, self.qtype, None),
                );
                let answer = hello::dns(id, &self.name, self.qtype, Some(&self.cname));
                wire.datagram(at + 700, ends, false, &answer);
            }
            Does::Tls => wire.connection(at, ends, &hello::tls(&self.name), self.up),
            Does::Quic => {
                wire.datagram(at, ends, true, &hello::quic(&self.name, id));
                // Short header packets (RFC 9000 section 17.3.1): all that follows, as seen from outside.
                for (number, piece) in vec![0x41; self.up.max(1)].chunks(1_200).enumerate() {
                    let at = at + 900 + 100 * number as u64;
                    wire.datagram(at, ends, number % 4 != 3, piece);
                }
            }
        }
    }
}

/// Hits of a log, folded repeats added up.
fn hits(log: &str) -> Result<BTreeSet<Expected>, String> {
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
    let expected = |([vendor, rule, seen, name, severity], count): ([String; 5], u64)| Expected {
        vendor,
        rule,
        seen,
        name,
        severity,
        count,
    };
    Ok(found.into_iter().map(expected).collect())
}

fn seeds() -> Vec<(String, Seed)> {
    let folder = root().join("seeds");
    let files = fs::read_dir(&folder)
        .expect("seeds/ can be listed")
        .flatten();
    let mut found: Vec<(String, Seed)> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("a seed can be read");
            let seed = toml::from_str(&text).unwrap_or_else(|e| panic!("seeds/{name}.toml: {e}"));
            (name, seed)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() >= 8, "only {} seeds", found.len());
    found
}

/// Standard output and standard error of `poortwacht read HOW CAPTURE`.
fn read(capture: &Path, how: &str) -> Result<(String, String), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    let command = command
        .current_dir(root())
        .arg("read")
        .arg(how)
        .arg(capture);
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

/// Plays every seed and fails with all complaints.
fn report(check: impl Fn(&Seed, &Path) -> Result<(), String>) {
    let folder = tempfile::tempdir().expect("a folder for the captures");
    let mut complaints = Vec::new();
    for (name, seed) in seeds() {
        let capture = folder.path().join(format!("{name}.pcap"));
        fs::write(&capture, seed.capture()).expect("the capture can be written");
        complaints.extend(
            check(&seed, &capture)
                .err()
                .map(|why| format!("{name}: {why}")),
        );
    }
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
    report(|seed, capture| {
        let mut command = Command::new("tshark");
        command.args(["-r".as_ref(), capture.as_os_str()]);
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
        let expected = seed.sightings();
        if found != expected {
            return Err(format!("\n  expected {expected:?}\n  tshark {found:?}"));
        }
        Ok(())
    });
}

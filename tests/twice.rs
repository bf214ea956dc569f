//! One flow at two points counts once: real clients behind a real translator, seen on both of its
//! sides, out of files in either order of arrival, and live.
//!
//! Enters: `tests/data/two-points`; for the live part root and the tools of the lab, else it prints
//! `skipped:` with the reason. Leaves: a failure that says what was told twice or not at all. Never:
//! reaches an address outside the namespaces that `tests/lab/two_points` makes and removes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const ANNA: &str = "192.0.2.10";
const BERT: &str = "192.0.2.11";
const ANNA6: &str = "2001:db8:1::10";
const GATES: [&str; 2] = ["198.51.100.1", "2001:db8:2::1"];

/// What `tests/lab/two_points` does: how it was seen, the name, who, how often.
const DONE: [(&str, &str, &str, u32); 12] = [
    ("dns-query", "app.clearview.ai", ANNA, 1),
    ("dns-query", "pimeyes.com", ANNA6, 1),
    ("tls-sni", "facecheck.id", ANNA, 1),
    ("tls-sni", "facecheck.id", ANNA6, 1),
    ("tls-sni", "pimeyes.com", ANNA, 1),
    ("tls-sni", "www.clearview.ai", ANNA, 1),
    ("tls-sni", "www.clearview.ai", BERT, 1),
    ("dns-query", "findclone.ru", ANNA, 1),
    ("dns-query", "findclone.ru", BERT, 1),
    ("tls-sni", "lenso.ai", ANNA, 2),
    ("quic-sni", "api.eyematch.ai", ANNA, 1),
    ("quic-sni", "api.eyematch.ai", ANNA6, 1),
];

type Seen = (String, String, String);

fn done() -> BTreeMap<Seen, u32> {
    let each = DONE.iter();
    each.map(|(seen, name, who, count)| {
        (
            (seen.to_string(), name.to_string(), who.to_string()),
            *count,
        )
    })
    .collect()
}

/// A folder with a configuration that names the translator in a map and folds nothing.
struct Bench(TempDir);

impl Bench {
    fn new(sensor: &str, map: bool) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let nets = GATES.map(|gate| {
            let len = if gate.contains(':') { 128 } else { 32 };
            format!("[[network]]\nprefix = \"{gate}/{len}\"\nkind = \"translator\"\n")
        });
        bench.write("map.toml", nets.concat().as_bytes());
        let map = if map {
            bench.path("map.toml")
        } else {
            PathBuf::new()
        };
        let config = format!(
            "[sensor]\n{sensor}\n[hits]\npath = {:?}\nfold_seconds = 0\n[privacy]\nkey_file = {:?}\n\
             addresses = \"clear\"\nclear_reason = \"a test\"\nimpact_assessment = \"a test\"\n\
             [organisation]\nmap = {map:?}\n[cases]\nfolder = {:?}\n[control]\nsocket = {:?}\n",
            bench.path("hits.jsonl"),
            bench.path("key"),
            bench.path("cases"),
            bench.path("sock"),
        );
        bench.write("poortwacht.toml", config.as_bytes());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn read(&self, args: &[&str], files: &[&Path]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_poortwacht"))
            .args(["read", "--json", "--config"])
            .arg(self.path("poortwacht.toml"))
            .args(args)
            .args(files)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn data(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("tests/data/two-points").join(name)
}

/// How often each thing stands in a hit log.
fn told(log: &str) -> BTreeMap<Seen, u32> {
    let mut told = BTreeMap::new();
    for line in log.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        // Alerts of cases stand in the same log.
        if record["event"]["dataset"] != "poortwacht.hit" {
            continue;
        }
        let text = |path: &str| match record.pointer(path).and_then(|it| it.as_str()) {
            Some(text) => text.to_owned(),
            None => panic!("no {path} in {record}"),
        };
        let key = (
            text("/poortwacht/seen"),
            text("/poortwacht/name"),
            text("/source/ip"),
        );
        *told.entry(key).or_default() += 1;
    }
    told
}

/// The packets of a classic pcap file, each with its time in microseconds.
fn packets(path: &Path) -> (Vec<u8>, Vec<(i64, Vec<u8>)>) {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_c3d4, "{}", path.display());
    let (mut at, mut packets) = (24, Vec::new());
    while at < bytes.len() {
        let end = at + 16 + word(at + 8) as usize;
        let time = i64::from(word(at)) * 1_000_000 + i64::from(word(at + 4));
        packets.push((time, bytes[at + 8..end].to_vec()));
        at = end;
    }
    (bytes[..24].to_vec(), packets)
}

fn file(head: &[u8], packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut file = head.to_vec();
    for (time, rest) in packets {
        file.extend(u32::try_from(time / 1_000_000).unwrap().to_le_bytes());
        file.extend(u32::try_from(time % 1_000_000).unwrap().to_le_bytes());
        file.extend(rest);
    }
    file
}

/// The outer side comes later, at the same time or earlier; the files in each order, and as one.
#[test]
fn files_of_both_sides_count_once_in_each_order() {
    let by_map = Bench::new("", true);
    let monitored = "monitored = [\"192.0.2.0/24\", \"2001:db8:1::/64\"]";
    let by_networks = Bench::new(monitored, false);
    let (lan, wan) = (data("lan.pcap"), data("wan.pcap"));
    let (head, outer) = packets(&wan);
    let (_, inner) = packets(&lan);
    for bench in [&by_map, &by_networks] {
        assert_eq!(told(&bench.read(&[], &[&lan])), done(), "one side alone");
        for shift in [0, 300, -300, -500_000] {
            let moved = outer
                .iter()
                .map(|(time, rest)| (time + shift, rest.clone()));
            let mut all: Vec<_> = moved.collect();
            let shifted = bench.write("wan.pcap", &file(&head, &all));
            for files in [[&lan, &shifted], [&shifted, &lan]] {
                let files = files.map(PathBuf::as_path);
                assert_eq!(told(&bench.read(&[], &files)), done(), "{shift} {files:?}");
            }
            all.extend(inner.iter().cloned());
            all.sort_by_key(|(time, _)| *time);
            let one = bench.write("one.pcap", &file(&head, &all));
            assert_eq!(
                told(&bench.read(&[], &[&one])),
                done(),
                "{shift} in one file"
            );
        }
    }
    // Without a word about the translator, nothing is taken for anything else.
    let unknown = Bench::new("", false);
    let both = told(&unknown.read(&[], &[&lan, &wan]));
    assert_eq!(both.values().sum::<u32>(), 2 * done().values().sum::<u32>());
}

/// Cases rest on each flow once, with its exchanges.
#[test]
fn cases_of_both_sides_are_those_of_one() {
    let bench = Bench::new("", true);
    let judged = |files: &[&Path]| {
        let text = bench.read(&["--cases"], files);
        let mut cases: Vec<_> = text.lines().map(rests_on).collect();
        cases.sort();
        cases
    };
    let (lan, wan) = (data("lan.pcap"), data("wan.pcap"));
    let one = judged(&[&lan]);
    assert!(one.len() >= 5, "{one:?}");
    let exchanges: usize = one.iter().map(|case| case.3).sum();
    assert!(exchanges > 5, "{one:?}");
    assert_eq!(judged(&[&lan, &wan]), one);
    assert_ne!(judged(&[&wan]), one);
}

/// Vendor, subject, stage, and how many sightings a case rests on.
fn rests_on(line: &str) -> (String, String, String, usize) {
    let case: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| {
        case[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key}: {case}"))
            .to_owned()
    };
    let sightings = case["grounds"]["sightings"].as_array().map_or(0, Vec::len);
    (text("vendor"), text("subject"), text("stage"), sightings)
}

/// Is the environment there that speaks QUIC?
fn aioquic() -> bool {
    let home = std::env::var("HOME").unwrap_or_default();
    let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{home}/.cache"));
    Path::new(&cache)
        .join("poortwacht-lab/venv/bin/python")
        .exists()
}

#[test]
fn live_on_both_sides_of_a_translator() {
    let tools = [
        "ip", "nft", "dnsmasq", "nginx", "openssl", "curl", "dig", "ethtool", "python3", "tcpdump",
    ];
    let path = std::env::var("PATH").unwrap_or_default();
    let there = |tool: &&str| std::env::split_paths(&path).any(|place| place.join(tool).exists());
    let lacking: Vec<_> = tools.into_iter().filter(|tool| !there(tool)).collect();
    if !nix::unistd::geteuid().is_root() || !lacking.is_empty() {
        return println!("skipped: needs root, and {lacking:?}");
    }
    if !aioquic() {
        return println!("skipped: no aioquic, which `tests/setup test` installs");
    }
    // Interfaces in the order in which the outer one is opened first; no map: the router knows its
    // own addresses.
    let sensor = "interfaces = [\"wan0\", \"lan0\"]\ncoverage = [\"lan0\"]";
    let bench = Bench::new(sensor, false);
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/two_points");
    let output = Command::new("python3")
        .arg(lab)
        .arg(bench.0.path())
        .arg(env!("CARGO_BIN_EXE_poortwacht"))
        .arg(bench.path("poortwacht.toml"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let log = fs::read_to_string(bench.path("hits.jsonl")).unwrap();
    let metrics = fs::read_to_string(bench.path("metrics")).unwrap();
    let value = |series: &str| -> u32 {
        let mut lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
        let found = lines.find(|(name, _)| *name == series);
        found
            .unwrap_or_else(|| panic!("no {series}"))
            .1
            .parse()
            .unwrap()
    };
    let repeated = |what: &str| value(&format!("poortwacht_repeated_total{{what=\"{what}\"}}"));
    let mut told = told(&log);
    let outer: u32 = told
        .iter()
        .filter(|((.., who), _)| GATES.contains(&who.as_str()))
        .map(|(_, count)| count)
        .sum();
    told.retain(|(.., who), _| !GATES.contains(&who.as_str()));
    assert_eq!(told, done(), "{log}");
    // On a machine that is out of breath the outer side may be more than its wait ahead: then it is
    // told too, and counted, and nothing else is.
    assert_eq!(outer, repeated("late"), "{log}");
    assert!(outer <= 2, "{outer} of them came late");
    let all: u32 = done().values().sum();
    assert_eq!(
        repeated("dns") + repeated("hello"),
        all - outer,
        "{metrics}"
    );
    assert!(repeated("burst") > 0, "{metrics}");
    // A connection is in the denominator once: nine of them, and what dig and the lab ask over TCP.
    let connections: f64 = metrics
        .lines()
        .filter(|line| line.starts_with("poortwacht_connections_total{outcome=\"named\""))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert_eq!(connections, 9.0, "{metrics}");
}

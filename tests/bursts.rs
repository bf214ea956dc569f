//! Replays captures of real clients and compares the bursts with those that tshark's packets give.
//!
//! Enters: `tests/data/captures/*/bursts.tsv`, one line for each exchange of each flow that made a
//! hit: transport, name, client's port, first and last frame, rest before it in microseconds, bytes
//! up and down, frames up and down; flows that tshark cannot read are not in it. Made by `tests/lab/bursts.py` out of what tshark says of each
//! packet, never by the program under test. Leaves: one failure that lists every difference.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use poortwacht::base::{Endpoints, Transport};
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::decode::{Decoded, Decoder};
use poortwacht::event::{Burst, Event, Hit, Support};
use poortwacht::sensor::{Settings, Sink, Worker};

/// Everything that was told.
#[derive(Default)]
struct Heard {
    hits: Vec<Hit>,
    bursts: Vec<Burst>,
    support: Vec<Support>,
}

impl Sink for Heard {
    fn hit(&mut self, hit: Box<Hit>) {
        self.hits.push(*hit);
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Burst(burst) => self.bursts.push(*burst),
            Event::Support(support) => self.support.push(*support),
            _ => {}
        }
    }
}

fn settings(excluded: &[&str]) -> Settings {
    Settings {
        excluded: excluded.iter().map(|net| net.parse().unwrap()).collect(),
        flows: 4096,
        buffers: 16,
        seed: Some(1),
        ..Settings::default()
    }
}

/// What `workers` workers hear of a capture, each of the address pairs that fall to it.
fn replay(capture: &Path, settings: &Settings, workers: u16) -> Heard {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut heard = Heard::default();
    for number in 0..workers {
        let mut worker = Worker::new(settings, number, "replay");
        let mut source = FileSource::open(&[capture.to_owned()]).expect("the capture opens");
        let mut fanout = Decoder::new(&[]);
        // One capture is cut short on purpose: what comes before the end counts.
        while let Ok(Some(frame)) = source.next_frame() {
            let ours = match fanout.decode(&frame) {
                Decoded::Packet(packet) => pair(&packet.ends) % workers == number,
                _ => number == 0,
            };
            if ours {
                worker.frame(&frame, "replay", &list, &mut heard);
            }
        }
        worker.flush("replay", &list, &mut heard);
    }
    heard
}

/// The same number for both directions.
fn pair(ends: &Endpoints) -> u16 {
    let sum = |ip: std::net::IpAddr| match ip {
        std::net::IpAddr::V4(ip) => ip.octets().iter().map(|b| u16::from(*b)).sum::<u16>(),
        std::net::IpAddr::V6(ip) => ip.octets().iter().map(|b| u16::from(*b)).sum::<u16>(),
    };
    sum(ends.src) + sum(ends.dst)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures")
}

/// Folder, capture file, for every capture of the tree.
fn captures() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root()).unwrap().flatten() {
        for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with("capture") {
                found.push((folder.path(), file.path()));
            }
        }
    }
    found.sort();
    found
}

fn line(burst: &Burst, frames: bool) -> String {
    let transport = match burst.ends.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "quic",
    };
    let at = if frames { burst.frames } else { (0, 0) };
    format!(
        "{transport}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        burst.name,
        burst.ends.sport,
        at.0,
        at.1,
        burst.rest_ns / 1000,
        burst.up,
        burst.down,
        burst.up_frames,
        burst.down_frames
    )
}

/// Transport, name and client's port of a line.
fn flow(line: &str) -> &str {
    let third = line.match_indices('\t').nth(2);
    third.map_or(line, |(at, _)| &line[..at])
}

#[test]
fn bursts_are_those_of_tsharks_packets() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (folder, capture) in captures() {
        let Ok(expected) = fs::read_to_string(folder.join("bursts.tsv")) else {
            continue;
        };
        let expected: BTreeSet<&str> = expected.lines().collect();
        let heard = replay(&capture, &settings(&[]), 1);
        let flows: BTreeSet<&str> = expected.iter().map(|line| flow(line)).collect();
        let found: Vec<String> = heard.bursts.iter().map(|b| line(b, true)).collect();
        let found = found.iter().map(String::as_str);
        let found: BTreeSet<&str> = found.filter(|line| flows.contains(flow(line))).collect();
        compared += expected.len();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let missing = expected
            .difference(&found)
            .map(|l| format!("{name}: missing {l}"));
        wrong.extend(missing);
        let more = found
            .difference(&expected)
            .map(|l| format!("{name}: too many {l}"));
        wrong.extend(more);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(compared > 90, "only {compared} bursts: is the tree whole?");
}

/// Every flow that made a hit has a first exchange that begins with that hit, and no other flow has
/// any. Later ones come after it and never overlap.
#[test]
fn every_hit_of_a_hello_has_its_first_exchange() {
    let mut firsts = 0;
    for (_, capture) in captures() {
        let heard = replay(&capture, &settings(&[]), 1);
        for hit in heard.hits.iter().filter(|hit| hit.seen.is_hello()) {
            let first = heard.bursts.iter().find(|burst| {
                burst.is_first() && burst.frames.0 == hit.frame && burst.ends == hit.ends
            });
            let first = first.unwrap_or_else(|| panic!("{}: {}", capture.display(), hit.frame));
            assert!(first.name == hit.name && first.rule == hit.rule);
            assert!(first.client_mac == hit.client_mac && first.opened == hit.time);
            assert!(first.up > 0 && first.up_frames > 0);
            firsts += 1;
        }
        let told = heard.bursts.iter().filter(|burst| burst.is_first()).count();
        let hits = heard.hits.iter().filter(|hit| hit.seen.is_hello()).count();
        assert_eq!(told, hits, "{}", capture.display());
        for burst in &heard.bursts {
            let hit = |hit: &&Hit| hit.seen.is_hello() && hit.ends == burst.ends;
            assert!(heard.hits.iter().any(|h| hit(&h)), "{}", capture.display());
            assert!(burst.start <= burst.end && burst.opened <= burst.start);
        }
    }
    assert!(firsts > 80, "{firsts}");
}

#[test]
fn two_workers_tell_what_one_tells() {
    for (_, capture) in captures() {
        let told = |workers: u16| {
            let heard = replay(&capture, &settings(&[]), workers);
            let lines: BTreeSet<String> = heard.bursts.iter().map(|b| line(b, false)).collect();
            lines
        };
        // Fragments cannot be dealt by address pair here: they go to the first worker.
        if !capture.to_string_lossy().contains("fragments") {
            assert_eq!(told(1), told(2), "{}", capture.display());
        }
    }
}

#[test]
fn an_excluded_client_has_neither_bursts_nor_support() {
    let (mut with, mut without) = (0, 0);
    for (_, capture) in captures() {
        let all = replay(&capture, &settings(&[]), 1);
        with += all.bursts.len() + all.support.len();
        let clients: BTreeSet<String> = (all.bursts.iter())
            .map(|burst| burst.ends.src.to_string())
            .chain(
                all.support
                    .iter()
                    .map(|support| support.ends.src.to_string()),
            )
            .map(|ip| format!("{ip}/{}", if ip.contains(':') { 128 } else { 32 }))
            .collect();
        let clients: Vec<&str> = clients.iter().map(String::as_str).collect();
        let none = replay(&capture, &settings(&clients), 1);
        without += none.bursts.len() + none.support.len();
    }
    assert!(with > 100 && without == 0, "{with} and {without}");
}

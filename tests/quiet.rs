//! A frame that is told by a glance changes nothing: with and without that short way, the worker
//! gives the same hits, names, events and counters, in the same order.
//!
//! Enters: every bundled capture; and connections made up at random, whose ports are used again,
//! whose hellos come late, twice, in pieces or with another name, in tables so small that flows lose
//! their places. Leaves: a failure that names the capture, or the shortest such course of events.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use poortwacht::base::Timestamp;
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::{FileSource, Frame, LinkType};
use poortwacht::event::{Event, Hit};
use poortwacht::sensor::{NameLine, Settings, Sink, Worker};
use proptest::prelude::*;

// The makers of single frames.
#[allow(dead_code)]
mod mix;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

static LIST: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0])));

/// Everything that leaves a worker, in order, as text.
#[derive(Default, PartialEq)]
struct Transcript(Vec<String>);

impl Sink for Transcript {
    fn tell(&mut self, event: Event) {
        self.0.push(serde_json::to_string(&event).unwrap());
    }

    fn hit(&mut self, hit: Box<Hit>) {
        self.0.push(serde_json::to_string(&hit).unwrap());
    }

    fn wants_names(&self) -> bool {
        true
    }

    fn name(&mut self, line: &NameLine<'_>) {
        let NameLine {
            frame,
            time,
            ends,
            seen,
            name,
        } = line;
        let (time, seen) = (time.nanos(), seen.label());
        self.0.push(format!(
            "{frame} {time} {} {} {seen} {name}",
            ends.src, ends.sport
        ));
    }
}

fn settings(flows: usize) -> Settings {
    Settings {
        flows,
        buffers: 8,
        seed: Some(7),
        ..Settings::default()
    }
}

/// Runs `feed` over a worker of each kind: both transcripts, counters at their ends.
fn both(settings: &Settings, feed: impl Fn(&mut Worker, &mut Transcript)) -> [Transcript; 2] {
    let quickly = Worker::new(settings, 0, "test");
    let slowly = Worker::new(settings, 0, "test").slowly();
    [quickly, slowly].map(|mut worker| {
        let mut out = Transcript::default();
        feed(&mut worker, &mut out);
        // Also before the end: what is in the tables.
        out.0.push(serde_json::to_string(worker.stats()).unwrap());
        worker.flush("test", &LIST, &mut out);
        out.0.push(serde_json::to_string(worker.stats()).unwrap());
        out
    })
}

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path
                .extension()
                .and_then(|e| e.to_str())
                .unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if matches!(kind, "pcap" | "pcapng" | "gz" | "zst" | "cap") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_capture_says_the_same() {
    let (mut read, mut names) = (0, 0);
    let mut differing = Vec::new();
    for path in captures() {
        // A small table too: flows lose their places, and come back.
        for flows in [64, 65_536] {
            let [quickly, slowly] = both(&settings(flows), |worker, out| {
                let Ok(mut source) = FileSource::open(std::slice::from_ref(&path)) else {
                    return;
                };
                while let Ok(Some(frame)) = source.next_frame() {
                    worker.frame(&frame, "test", &LIST, out);
                }
            });
            read += 1;
            names += quickly.0.len();
            if quickly != slowly {
                differing.push(path.display().to_string());
            }
        }
    }
    assert!(differing.is_empty(), "{differing:?}");
    assert!(read > 120 && names > 3000, "{read} captures, {names} lines");
}

/// What may happen next to one of a few connections.
#[derive(Clone, Debug)]
enum Act {
    Syn {
        isn: u32,
    },
    SynAck,
    Hello {
        listed: bool,
        pieces: usize,
        late: u32,
    },
    Data {
        back: bool,
        seq: u32,
    },
    Ack {
        back: bool,
    },
    Flags {
        back: bool,
        flags: u8,
    },
    Line {
        text: &'static str,
    },
    Quic {
        id: u64,
    },
    Short {
        back: bool,
    },
    Query,
    Wait {
        seconds: i64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let isn = prop_oneof![Just(1000u32), Just(77_777_000), any::<u32>()];
    let line = prop_oneof![
        Just("GET / HTTP/1.1\r\nHost: www.example.net\r\n\r\n"),
        Just("CONNECT app.clearview.ai:443 HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n"),
        Just("EHLO mail.example.net\r\n"),
        Just("STARTTLS\r\n"),
    ];
    prop_oneof![
        3 => isn.prop_map(|isn| Act::Syn { isn }),
        1 => Just(Act::SynAck),
        4 => (any::<bool>(), 1usize..4, prop_oneof![4 => Just(0u32), 1 => 0u32..5000])
            .prop_map(|(listed, pieces, late)| Act::Hello { listed, pieces, late }),
        6 => (any::<bool>(), 0u32..8000).prop_map(|(back, seq)| Act::Data { back, seq }),
        3 => any::<bool>().prop_map(|back| Act::Ack { back }),
        1 => (any::<bool>(), prop_oneof![Just(0x11u8), Just(0x04), Just(0x14)])
            .prop_map(|(back, flags)| Act::Flags { back, flags }),
        1 => line.prop_map(|text| Act::Line { text }),
        1 => (1u64..4).prop_map(|id| Act::Quic { id }),
        2 => any::<bool>().prop_map(|back| Act::Short { back }),
        1 => Just(Act::Query),
        1 => prop_oneof![Just(1i64), Just(20), Just(130), Just(700), Just(3700)]
            .prop_map(|seconds| Act::Wait { seconds }),
    ]
}

/// The frames of a course of events, with their times.
fn frames(acts: &[(u32, Act)]) -> Vec<(i64, Vec<u8>)> {
    let mut now = START;
    let mut first = [1001u32; 4];
    let mut out = Vec::new();
    for (client, act) in acts {
        let client = *client;
        now += 3_000_000;
        let base = first[client as usize % 4];
        let mut push = |bytes| out.push((now, bytes));
        match act {
            Act::Syn { isn } => {
                first[client as usize % 4] = isn.wrapping_add(1);
                push(mix::tcp(client, false, *isn, 2, b""));
            }
            Act::SynAck => push(mix::tcp(client, true, 5000, 0x12, b"")),
            Act::Hello {
                listed,
                pieces,
                late,
            } => {
                let hello = if *listed {
                    mix::listed_hello()
                } else {
                    mix::hello()
                };
                let len = hello.len().div_ceil(*pieces);
                for (n, piece) in hello.chunks(len).enumerate() {
                    let seq = base.wrapping_add(*late).wrapping_add((n * len) as u32);
                    push(mix::tcp(client, false, seq, 0x18, piece));
                }
            }
            Act::Data { back, seq } => {
                let from = if *back { 5001 } else { base };
                push(mix::tcp(
                    client,
                    *back,
                    from.wrapping_add(*seq),
                    0x10,
                    &[0x5a; 600],
                ));
            }
            Act::Ack { back } => push(mix::tcp(client, *back, base, 0x10, b"")),
            Act::Flags { back, flags } => push(mix::tcp(client, *back, base, *flags, b"")),
            Act::Line { text } => push(mix::tcp(client, false, base, 0x18, text.as_bytes())),
            Act::Quic { id } => push(mix::udp(client, false, 443, &mix::initial(*id))),
            Act::Short { back } => push(mix::udp(client, *back, 443, &[0x41; 300])),
            Act::Query => push(mix::udp(client, false, 53, &mix::query(client as u16))),
            Act::Wait { seconds } => now += seconds * SECOND,
        }
    }
    out
}

fn frame(time: i64, bytes: &[u8]) -> Frame<'_> {
    Frame {
        bytes,
        wire_len: bytes.len() as u32,
        time: Timestamp(time),
        vlan: None,
        link: LinkType::Ethernet,
        point: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn ports_that_are_used_again_say_the_same(
        acts in prop::collection::vec((0u32..4, act()), 1..60),
    ) {
        let frames = frames(&acts);
        let [quickly, slowly] = both(&settings(64), |worker, out| {
            for (time, bytes) in &frames {
                worker.frame(&frame(*time, bytes), "test", &LIST, out);
            }
        });
        prop_assert_eq!(quickly.0, slowly.0);
    }
}

/// The built mix, with tables for a fraction of its flows.
#[test]
fn a_mix_too_large_for_the_tables_says_the_same() {
    for flows in [64, 256, 4096] {
        let [quickly, slowly] = both(&settings(flows), |worker, out| {
            mix::frames(40_000, |bytes, time| {
                worker.frame(&frame(time, bytes), "test", &LIST, out);
            });
        });
        assert!(quickly == slowly, "tables for {flows} flows");
        assert!(quickly.0.len() > 1000);
    }
}

/// The comparison can fail: a settled connection whose ports a new one takes tells its name.
#[test]
fn a_new_connection_on_the_ports_of_a_settled_one_is_read() {
    let acts = [
        Act::Syn { isn: 1000 },
        Act::Hello {
            listed: false,
            pieces: 1,
            late: 0,
        },
        Act::Data { back: true, seq: 0 },
        Act::Data {
            back: true,
            seq: 600,
        },
        Act::Syn { isn: 500_000 },
        Act::Hello {
            listed: true,
            pieces: 2,
            late: 0,
        },
        Act::Data { back: true, seq: 0 },
    ];
    let acts: Vec<_> = acts.into_iter().map(|act| (1, act)).collect();
    let frames = frames(&acts);
    let [quickly, slowly] = both(&settings(64), |worker, out| {
        for (time, bytes) in &frames {
            worker.frame(&frame(*time, bytes), "test", &LIST, out);
        }
    });
    assert!(quickly == slowly);
    let named = |name: &str| quickly.0.iter().filter(|line| line.contains(name)).count();
    assert!(named("app.clearmind.nl") == 1 && named("tls-sni app.clearview.ai") == 1);
}

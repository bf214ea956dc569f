//! Every capture of the tree, once whole and once as the kernel's filter lets it through.
//!
//! The kernel runs its program on each frame (BPF_PROG_TEST_RUN) with what the sensor has judged so
//! far, at once and without the delay of a ring: nothing sheds more than this. What it keeps back is
//! not shown to the second worker.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aya::programs::{SocketFilter, TestRun, TestRunOptions};
use poortwacht::base::{Endpoints, Timestamp};
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::prefilter::{Prefilter, Shed, Verdict, Verdicts, Wanted};
use poortwacht::capture::{FileSource, Frame, LinkType};
use poortwacht::event::{Event, Hit, Stats};
use poortwacht::sensor::{Settings, Sink, Worker};

/// Bytes of a frame that BPF_PROG_TEST_RUN takes on every kernel; longer ones pass.
const TRIED_LEN_MAX: usize = 3000;

/// What was told, without the numbers of frames: of those fewer came.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    verdicts: Option<Verdicts>,
}

impl Heard {
    fn note(&mut self, event: &Event) {
        let mut value = serde_json::to_value(event).unwrap();
        without_frames(&mut value);
        self.lines.push(value.to_string());
    }
}

fn without_frames(value: &mut serde_json::Value) {
    if let serde_json::Value::Object(fields) = value {
        fields.retain(|key, _| key != "frame" && key != "frames");
        fields.values_mut().for_each(without_frames);
    }
}

impl Sink for Heard {
    fn hit(&mut self, hit: Box<Hit>) {
        self.note(&Event::Hit(hit));
    }

    fn tell(&mut self, event: Event) {
        self.note(&event);
    }

    fn wants_verdicts(&self) -> bool {
        self.verdicts.is_some()
    }

    fn judged(&mut self, ends: &Endpoints, verdict: Verdict, _: Timestamp) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp(now.as_nanos() as i64);
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.tell(ends, verdict, now);
        }
    }
}

/// The kernel's program, and how frames are shown to it.
struct Kernel {
    prefilter: Prefilter,
    shown: u64,
}

impl Kernel {
    fn new() -> Self {
        let wanted = Wanted {
            // A test run hands the program its packet from the network header on.
            ethernet: false,
            keep: u32::MAX,
            excluded: &[],
            flows: 4096,
        };
        let prefilter = Prefilter::load(&wanted).unwrap_or_else(|why| panic!("{why}"));
        Self {
            prefilter,
            shown: 0,
        }
    }

    /// How many bytes of the frame it keeps.
    fn keeps(&mut self, frame: &Frame<'_>) -> usize {
        let whole = frame.bytes.len();
        let tagged = frame.vlan.is_some();
        let (header, bytes): (usize, Vec<u8>) = match frame.link {
            LinkType::Ethernet if !tagged => (14, frame.bytes.to_vec()),
            LinkType::RawIp => {
                let kind: [u8; 2] = match frame.bytes.first().map(|first| first >> 4) {
                    Some(6) => [0x86, 0xdd],
                    _ => [8, 0],
                };
                (0, [&[2; 12][..], &kind, frame.bytes].concat())
            }
            _ => return whole,
        };
        if bytes.len() <= 14 || bytes.len() > TRIED_LEN_MAX || frame.wire_len as usize != whole {
            return whole;
        }
        self.shown += 1;
        let program = self.prefilter.program().program_mut("prefilter").unwrap();
        let filter: &mut SocketFilter = program.try_into().unwrap();
        let options = TestRunOptions {
            data_in: Some(&bytes),
            ..TestRunOptions::new()
        };
        let kept = filter.test_run(options).unwrap().return_value as usize;
        match kept {
            0 => 0,
            kept => kept.saturating_add(header).min(whole),
        }
    }
}

fn settings() -> Settings {
    Settings {
        flows: 4096,
        buffers: 64,
        seed: Some(1),
        ..Settings::default()
    }
}

struct Played {
    lines: Vec<String>,
    stats: Stats,
}

fn play(capture: &Path, list: &Catalogue, mut kernel: Option<&mut Kernel>) -> Played {
    let mut worker = Worker::new(&settings(), 0, "replay");
    let mut heard = Heard::default();
    if let Some(kernel) = &mut kernel {
        heard.verdicts = kernel.prefilter.take_verdicts();
    }
    let mut source = FileSource::open(&[capture.to_owned()]).expect("the capture opens");
    while let Ok(Some(frame)) = source.next_frame() {
        let kept = match &mut kernel {
            Some(kernel) => kernel.keeps(&frame),
            None => frame.bytes.len(),
        };
        if kept > 0 {
            let bytes = &frame.bytes[..kept];
            worker.frame(&Frame { bytes, ..frame }, "replay", list, &mut heard);
        }
    }
    worker.flush("replay", list, &mut heard);
    heard.lines.sort();
    Played {
        lines: heard.lines,
        stats: worker.stats().clone(),
    }
}

fn captures() -> Vec<PathBuf> {
    let root = super::tree().join("tests/data/captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().flatten() {
        for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with("capture") {
                found.push(file.path());
            }
        }
    }
    found.sort();
    found
}

/// What must not differ, as text.
fn counts(stats: &Stats) -> Vec<String> {
    [
        ("names", &stats.names),
        ("hits", &stats.hits),
        ("context", &stats.context),
        ("support", &stats.support),
        ("bursts", &stats.bursts),
        ("connections", &stats.connections),
        ("desync", &stats.desync),
        ("ways round", &stats.ways_round),
        ("presence", &stats.presence),
        ("malformed messages", &stats.names_malformed),
        ("local names", &stats.local_names),
    ]
    .map(|(what, counters)| format!("{what}: {counters:?}"))
    .into()
}

#[test]
fn every_capture_tells_the_same_behind_the_filter() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: loading a program into the kernel needs root");
    }
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut faults = Vec::new();
    let (mut frames, mut shown) = (0, 0);
    let mut shed = Shed::default();
    let all = captures();
    for capture in &all {
        let whole = play(capture, &list, None);
        let mut kernel = Kernel::new();
        let behind = play(capture, &list, Some(&mut kernel));
        frames += whole.stats.frames;
        shown += kernel.shown;
        let kept_back = kernel.prefilter.shed();
        for (sum, more) in shed.frames.iter_mut().zip(kept_back.frames) {
            *sum += more;
        }
        let name = capture.strip_prefix(super::tree()).unwrap().display();
        let both = [
            (whole.lines, behind.lines),
            (counts(&whole.stats), counts(&behind.stats)),
        ];
        for (whole, behind) in both {
            let only = |a: &[String], b: &[String], which: &str| {
                let lost = a.iter().filter(|line| !b.contains(line));
                lost.map(|line| format!("{name}: only {which}: {line}"))
                    .collect::<Vec<_>>()
            };
            faults.extend(only(&whole, &behind, "without the filter"));
            faults.extend(only(&behind, &whole, "behind the filter"));
            if whole.len() != behind.len() {
                faults.push(format!("{name}: {} and {} lines", whole.len(), behind.len()));
            }
        }
    }
    eprintln!(
        "{} captures, {frames} frames, {shown} shown to the kernel, kept back {:?}",
        all.len(),
        shed.frames
    );
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    // All ways of shedding but exclusion were tried.
    assert!(shed.frames[..3].iter().all(|frames| *frames > 0), "{shed:?}");
}

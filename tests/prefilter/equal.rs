//! Every capture of the tree, once whole and once as the kernel's filter lets it through.
//!
//! The kernel runs its program on each frame (BPF_PROG_TEST_RUN) with what the sensor has judged so
//! far, at once and without the delay of a ring: nothing sheds more than this. What it keeps back is
//! not shown to the second worker.

use std::path::Path;

use aya::programs::{SocketFilter, TestRun, TestRunOptions};
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::prefilter::{Prefilter, Shed, Wanted};
use poortwacht::capture::{FileSource, Frame, LinkType};
use poortwacht::event::Stats;
use poortwacht::sensor::Worker;

use super::listen::{Heard, captures, counts, differences, settings};

/// Bytes of a frame that BPF_PROG_TEST_RUN takes on every kernel; longer ones pass.
const TRIED_LEN_MAX: usize = 3000;

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

struct Played {
    lines: Vec<String>,
    stats: Stats,
}

fn play(capture: &Path, list: &Catalogue, mut kernel: Option<&mut Kernel>) -> Played {
    let mut worker = Worker::new(&settings(), 0, "replay");
    let verdicts = kernel.as_mut().and_then(|it| it.prefilter.take_verdicts());
    let mut heard = Heard::of_file(verdicts);
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
        let name = name.to_string();
        faults.extend(differences(&name, &whole.lines, &behind.lines));
        let (whole, behind) = (counts(&whole.stats), counts(&behind.stats));
        faults.extend(differences(&name, &whole, &behind));
    }
    eprintln!(
        "{} captures, {frames} frames, {shown} shown to the kernel, kept back {:?}",
        all.len(),
        shed.frames
    );
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    // All ways of shedding but exclusion were tried.
    assert!(
        shed.frames[..3].iter().all(|frames| *frames > 0),
        "{shed:?}"
    );
}

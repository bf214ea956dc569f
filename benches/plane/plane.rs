//! The worker over a capture file, and nothing else: what `guard` counts under callgrind.
//!
//! Enters: a capture file; or `--write FILE`, and then a number of frames. Leaves: counters on
//! standard output; or such a file of the large mix (`tests/mix/large.rs`). Never: reads a
//! configuration; keeps a hit.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::event::{Event, Hit};
use poortwacht::sensor::{Settings, Sink, Worker};

#[allow(dead_code)]
#[path = "../../tests/mix/mod.rs"]
mod mix;

struct Counted(u64);

impl Sink for Counted {
    fn tell(&mut self, _: Event) {
        self.0 += 1;
    }

    fn hit(&mut self, _: Box<Hit>) {
        self.0 += 1;
    }
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [write, file, frames] if write == "--write" => {
            let frames = frames.parse().map_err(io::Error::other)?;
            mix::write(BufWriter::new(File::create(file)?), |each| {
                mix::large::frames(frames, each)
            })
            .map(drop)
        }
        [slowly, file] if slowly == "--slowly" => read(file, true),
        [file] => read(file, false),
        _ => Err(io::Error::other(
            "FILE, --slowly FILE, or --write FILE FRAMES",
        )),
    }
}

/// `slowly`: every frame the general way.
fn read(file: &str, slowly: bool) -> io::Result<()> {
    let list =
        Catalogue::builtin().map_err(|problems| io::Error::other(problems[0].to_string()))?;
    let settings = Settings {
        seed: Some(1),
        ..Settings::default()
    };
    let mut worker = Worker::new(&settings, 0, "plane");
    if slowly {
        worker = worker.slowly();
    }
    let mut sink = Counted(0);
    let mut source = FileSource::open(&[PathBuf::from(file)]).map_err(io::Error::other)?;
    while let Some(frame) = source.next_frame().map_err(io::Error::other)? {
        worker.frame(&frame, "plane", &list, &mut sink);
    }
    worker.flush("plane", &list, &mut sink);
    let stats = worker.stats();
    let (names, connections) = (stats.names.total(), stats.connections.total());
    let Counted(events) = sink;
    writeln!(
        io::stdout(),
        "{} frames, {names} names, {events} events, {connections} connections",
        stats.frames
    )
}

//! The worker over a capture file, and nothing else: what callgrind counts.
//!
//! Enters: a capture file, or none. Leaves: counters. Never: writes.

use std::path::PathBuf;

use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::event::{Event, Hit};
use poortwacht::sensor::{Settings, Sink, Worker};

struct Counted(u64);

impl Sink for Counted {
    fn tell(&mut self, _: Event) {
        self.0 += 1;
    }

    fn hit(&mut self, _: Box<Hit>) {
        self.0 += 1;
    }
}

fn main() {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let settings = Settings {
        seed: Some(1),
        ..Settings::default()
    };
    let mut worker = Worker::new(&settings, 0, "plane");
    if std::env::args().any(|arg| arg == "--slowly") {
        worker = worker.slowly();
    }
    let paths: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .map(PathBuf::from)
        .collect();
    let mut sink = Counted(0);
    let mut source = FileSource::open(&paths).unwrap_or_else(|error| panic!("{error}"));
    while let Ok(Some(frame)) = source.next_frame() {
        worker.frame(&frame, "plane", &list, &mut sink);
    }
    worker.flush("plane", &list, &mut sink);
    let stats = worker.stats();
    println!(
        "{} frames, {} names, {} events, {} connections",
        stats.frames,
        stats.names.total(),
        sink.0,
        stats.connections.total()
    );
}

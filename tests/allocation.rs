//! Nothing is allocated on the data plane after start-up, as long as nothing matches and nobody is
//! told to hold an address.
//!
//! Enters: every bundled capture without a hit, and a built mix of ordinary traffic. Leaves: the
//! number of allocations that the worker made, which must be 0. The allocator here only counts;
//! that is what `unsafe` is for.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use poortwacht::base::Timestamp;
use poortwacht::blocklist::{Catalogue, SourceText};
use poortwacht::capture::{FileSource, Frame, LinkType, VlanTag};
use poortwacht::event::{Event, FactSource, Hit};
use poortwacht::sensor::{Settings, Sink, Worker};

mod mix;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static FACTS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged. The counter is a plain cell of
// this thread without a destructor, so it neither allocates nor outlives its storage.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations so far, but for the two of each fact about a neighbour that left: the name of its
/// point and its box.
fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get) - 2 * FACTS.with(Cell::get)
}

/// Nothing may match.
struct NoHits;

impl Sink for NoHits {
    fn tell(&mut self, event: Event) {
        let Event::Fact(fact) = event else {
            panic!("something matched");
        };
        assert!(matches!(fact.source, FactSource::Arp | FactSource::Ndp));
        FACTS.with(|n| n.set(n.get() + 1));
    }

    fn hit(&mut self, hit: Box<Hit>) {
        panic!("{} matched", hit.name);
    }
}

/// A frame of a file, kept.
struct Kept {
    bytes: Vec<u8>,
    wire_len: u32,
    time: Timestamp,
    vlan: Option<VlanTag>,
    link: LinkType,
}

impl Kept {
    fn frame(&self) -> Frame<'_> {
        Frame {
            bytes: &self.bytes,
            wire_len: self.wire_len,
            time: self.time,
            vlan: self.vlan,
            link: self.link,
            point: 0,
        }
    }
}

fn kept(path: &Path) -> Vec<Kept> {
    let mut source = FileSource::open(&[path.to_owned()]).expect("a capture of the tree opens");
    let mut frames = Vec::new();
    // One capture is cut short on purpose: what comes before the end counts.
    while let Ok(Some(frame)) = source.next_frame() {
        frames.push(Kept {
            bytes: frame.bytes.to_vec(),
            wire_len: frame.wire_len,
            time: frame.time,
            vlan: frame.vlan,
            link: frame.link,
        });
    }
    frames
}

/// Every bundled capture, and whether its truth holds a hit.
fn captures() -> Vec<(PathBuf, bool)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let Ok(hits) = fs::read_to_string(folder.join("hits.tsv")) else {
            continue;
        };
        let any = hits
            .lines()
            .any(|line| !line.is_empty() && !line.starts_with('#'));
        let files = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path());
        let captures = files.filter(|f| {
            f.file_stem()
                .is_some_and(|s| s.to_string_lossy().starts_with("capture"))
        });
        found.extend(captures.map(|file| (file, any)));
    }
    found.sort();
    found
}

fn worker() -> (Worker, Catalogue) {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let settings = Settings {
        excluded: vec!["203.0.113.0/24".parse().unwrap()],
        monitored: vec!["10.0.0.0/8".parse().unwrap()],
        flows: 4096,
        buffers: 16,
        seed: Some(1),
        ..Settings::default()
    };
    (Worker::new(&settings, 0, "test"), list)
}

/// The cryptography looks at the processor once.
fn warm_up(worker: &mut Worker, list: &Catalogue) {
    let bytes = mix::udp(1, false, 443, &mix::initial(1));
    feed(worker, list, &bytes, 1);
}

fn feed(worker: &mut Worker, list: &Catalogue, bytes: &[u8], time: i64) {
    let frame = Frame {
        bytes,
        wire_len: bytes.len() as u32,
        time: Timestamp(time),
        vlan: None,
        link: LinkType::Ethernet,
        point: 0,
    };
    worker.frame(&frame, "test", list, &mut NoHits);
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    drop(std::hint::black_box(vec![0u8; 100]));
    assert_eq!(allocations() - before, 1);
}

/// Captures without a hit against the whole catalogue, the others against a list that holds none of
/// their names.
#[test]
fn captures_without_a_match_allocate_nothing() {
    let (mut worker, whole) = worker();
    let other = SourceText::UserList("other.txt", "nobody.example\n");
    let other = Catalogue::compile(&[other], Timestamp(0)).unwrap_or_else(|p| panic!("{}", p[0]));
    warm_up(&mut worker, &whole);
    let captures = captures();
    for (path, hits) in &captures {
        let list = if *hits { &other } else { &whole };
        let frames = kept(path);
        let before = allocations();
        for kept in &frames {
            worker.frame(&kept.frame(), "test", list, &mut NoHits);
        }
        worker.flush("test", list, &mut NoHits);
        assert_eq!(allocations() - before, 0, "{}", path.display());
    }
    let names = worker.stats().names.total();
    assert!(
        captures.len() > 40 && names > 500,
        "{} captures, {names} names",
        captures.len()
    );
}

#[test]
fn ordinary_traffic_allocates_nothing() {
    let (mut worker, list) = worker();
    warm_up(&mut worker, &list);
    let mut made = 0;
    mix::frames(100_000, |bytes, time| {
        let before = allocations();
        feed(&mut worker, &list, bytes, time);
        made += allocations() - before;
    });
    let before = allocations();
    worker.flush("test", &list, &mut NoHits);
    made += allocations() - before;
    let stats = worker.stats();
    assert_eq!(made, 0, "allocations");
    // It was not idle: names of each kind, fragments, buffers.
    assert!(stats.names.total() > 3000, "{} names", stats.names.total());
    assert!(stats.fragments.total() > 0 && stats.pool_copied_bytes > 0);
}

/// Counts what is told, and drops it.
#[derive(Default)]
struct Told(usize);

impl Sink for Told {
    fn tell(&mut self, _: Event) {
        self.0 += 1;
    }

    fn hit(&mut self, _: Box<Hit>) {
        self.0 += 1;
    }
}

/// Sessions whose flows are watched: only a frame at which something leaves may allocate.
#[test]
fn a_watched_flow_allocates_only_for_what_is_told() {
    let (mut worker, list) = worker();
    warm_up(&mut worker, &list);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut told = Told::default();
    for session in ["session-h2", "session-h3"] {
        for kept in kept(&root.join(session).join("capture.pcap")) {
            let (before, events) = (allocations(), told.0);
            worker.frame(&kept.frame(), "test", &list, &mut told);
            let made = allocations() - before;
            assert!(
                told.0 > events || made == 0,
                "{session}: {made} allocations"
            );
        }
    }
    let stats = worker.stats();
    assert!(stats.bursts.total() > 5 && stats.watched > 0);
}

/// The captures with hits, each new parser among them: a frame at which nothing leaves allocates
/// only when it is an answer of the DNS about a name that matched (kept for connections that will
/// tell none), or the sender of a mail.
#[test]
fn captures_with_hits_allocate_only_at_a_match() {
    let (mut worker, list) = worker();
    warm_up(&mut worker, &list);
    let mut told = Told::default();
    let mut silent = Vec::new();
    for (path, any) in captures() {
        if !any {
            continue;
        }
        for (number, kept) in kept(&path).iter().enumerate() {
            let stats = worker.stats();
            let matches = stats.smtp_senders;
            let (before, events) = (allocations(), told.0);
            worker.frame(&kept.frame(), "test", &list, &mut told);
            let made = allocations() - before;
            let sender = worker.stats().smtp_senders > matches;
            if made > 0 && told.0 == events && !sender {
                silent.push(format!("{} {}: {made}", path.display(), number + 1));
            }
        }
    }
    println!("{}", silent.join("\n"));
    assert!(silent.is_empty());
}

/// Writes a capture file of the mix for measurements: `MIX_FILE=mix.pcap MIX_FRAMES=1000000`.
#[test]
#[ignore = "writes a large file for docs/measurements"]
fn write_the_mix() {
    let path = std::env::var("MIX_FILE").expect("MIX_FILE names the file to write");
    let frames = std::env::var("MIX_FRAMES").map_or(1_000_000, |n| n.parse().unwrap());
    let out = BufWriter::new(File::create(path).unwrap());
    mix::write(out, |each| mix::frames(frames, each)).unwrap();
}

/// The yardstick of docs/measurements: opens `MIX_FILE` as the product does and touches the
/// Ethernet type and the protocol of each frame, nothing else.
#[test]
#[ignore = "reads the file that `write_the_mix` wrote"]
fn walk_the_mix() {
    let path = std::env::var("MIX_FILE").expect("MIX_FILE names the file to read");
    let mut source = FileSource::open(&[PathBuf::from(path)]).expect("the mix opens");
    let (mut frames, mut sum) = (0u64, 0u64);
    while let Some(frame) = source.next_frame().expect("the mix is whole") {
        if let (Some(kind), Some(protocol)) = (frame.bytes.get(12..14), frame.bytes.get(23)) {
            sum += u64::from(kind[0]) + u64::from(kind[1]) + u64::from(*protocol);
        }
        frames += 1;
    }
    println!("{frames} frames, sum {sum}");
}

//! A worker under attack: memory stays as it was at the start, a frame costs a bounded time, honest
//! names still come through, and everything is counted.
//!
//! Enters: floods of SYNs, of hellos that drip byte by byte and never end, of first fragments, of
//! QUIC Initials that cannot be opened, of look-ups of random names; between their frames, honest
//! connections to a vendor: SYN, answer, and a hello in two segments. Leaves: a table of what was
//! seen, or a failure. The allocator only counts; that is what `unsafe` is for.
//!
//! The short run is part of `make test`; `make verify` runs the long one, optimised.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::LazyLock;

use nix::sys::resource::{UsageWho, getrusage};
use poortwacht::base::{Outcome, Timestamp};
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::{Frame, LinkType};
use poortwacht::event::{Event, Hit, Stats};
use poortwacht::sensor::{Settings, Sink, Worker};

// The makers of single frames.
#[allow(dead_code)]
mod mix;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

fn more(bytes: i64) {
    LIVE.with(|n| n.set(n.get() + bytes));
}

// SAFETY: every call is handed to the system's allocator unchanged. The counters are plain cells of
// this thread without a destructor, so they neither allocate nor outlive their storage.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        more(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        more(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        more(-(layout.size() as i64));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        more(size as i64 - layout.size() as i64);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

static LIST: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0])));

/// Frames of the attack between two honest ones.
const BETWEEN: u64 = 15;
/// Honest connections in progress at a time.
const HONEST: u64 = 8;
/// Frames of each: SYN, SYN and ACK, two segments of a hello.
const STEPS: u64 = 4;

/// Counts, and keeps nothing.
#[derive(Default)]
struct Hits {
    told: u64,
    /// Exchanges of their flows.
    events: u64,
    /// Allocations at frames at which nothing left.
    silent: u64,
}

impl Sink for Hits {
    fn tell(&mut self, _: Event) {
        self.events += 1;
    }

    fn hit(&mut self, _: Box<Hit>) {
        self.told += 1;
    }
}

/// A kind of flood: its name, a frame by its number, and how many times as much as a frame of the
/// ordinary mix one of it may cost.
struct Attack {
    name: &'static str,
    frame: fn(u64) -> Vec<u8>,
    dearer_max: f64,
}

const ATTACKS: &[Attack] = &[
    Attack {
        name: "SYN flood",
        frame: syn,
        dearer_max: 5.0,
    },
    Attack {
        name: "hellos that drip",
        frame: drip,
        dearer_max: 4.0,
    },
    Attack {
        name: "first fragments",
        frame: fragment,
        dearer_max: 6.0,
    },
    Attack {
        name: "QUIC Initials of noise",
        frame: noise,
        dearer_max: 30.0,
    },
    Attack {
        name: "look-ups of random names",
        frame: look_up,
        dearer_max: 6.0,
    },
];

/// A number that looks random, from 24 bits of which each flood has its own addresses.
fn scattered(n: u64) -> u64 {
    let n = (n ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    n ^ n >> 29
}

fn attacker(n: u64) -> u32 {
    0x0080_0000 | (scattered(n) as u32 & 0x007f_ffff)
}

fn syn(n: u64) -> Vec<u8> {
    mix::tcp(attacker(n), false, scattered(n) as u32, 2, b"")
}

/// 2,000 connections, each of which sends the next byte of its hello in turn.
fn drip(n: u64) -> Vec<u8> {
    let (client, at) = (attacker(n % 2000), (n / 2000) as usize);
    if at == 0 {
        return mix::tcp(client, false, 1000, 2, b"");
    }
    let hello = mix::hello();
    let at = (at - 1) % (hello.len() - 1);
    mix::tcp(client, false, 1001 + at as u32, 0x10, &hello[at..=at])
}

fn fragment(n: u64) -> Vec<u8> {
    let mut frame = mix::udp(attacker(n), false, 4500, &[0x5a; 800]);
    // More fragments follow; a number of its own.
    frame[20] |= 0x20;
    frame[18..20].copy_from_slice(&(scattered(n) as u16).to_be_bytes());
    frame
}

fn noise(n: u64) -> Vec<u8> {
    let mut initial = mix::initial(scattered(n));
    let last = initial.len() - 1;
    initial[last] ^= 1;
    mix::udp(attacker(n), false, 443, &initial)
}

fn look_up(n: u64) -> Vec<u8> {
    let mut query = (n as u16).to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let label = format!("{:016x}", scattered(n));
    query.push(label.len() as u8);
    query.extend(label.as_bytes());
    query.extend(b"\x07example\x03net\0\0\x01\0\x01");
    mix::udp(attacker(n), false, 53, &query)
}

/// Frame `n` of the honest ones: which connection, and is it its last?
fn honest(n: u64) -> Vec<u8> {
    let round = n / (HONEST * STEPS);
    let (client, step) = (round * HONEST + n % HONEST, n / HONEST % STEPS);
    let client = client as u32;
    let hello = mix::listed_hello();
    let (head, tail) = hello.split_at(1400);
    match step {
        0 => mix::tcp(client, false, 1000, 2, b""),
        1 => mix::tcp(client, true, 5000, 0x12, b""),
        2 => mix::tcp(client, false, 1001, 0x10, head),
        _ => mix::tcp(client, false, 2401, 0x10, tail),
    }
}

fn feed(worker: &mut Worker, bytes: &[u8], number: u64, out: &mut Hits) {
    let frame = Frame {
        bytes,
        wire_len: bytes.len() as u32,
        time: Timestamp(1_700_000_000_000_000_000 + number as i64 * 20_000),
        vlan: None,
        link: LinkType::Ethernet,
        point: 0,
    };
    let (before, left) = (ALLOCATIONS.with(Cell::get), out.told + out.events);
    worker.frame(&frame, "test", &LIST, out);
    if out.told + out.events == left {
        out.silent += ALLOCATIONS.with(Cell::get) - before;
    }
}

/// Processor time of this thread, in seconds.
fn spent() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("the system counts");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Seconds that each of `count` frames took, built beforehand in batches.
fn timed(
    worker: &mut Worker,
    count: u64,
    out: &mut Hits,
    mut make: impl FnMut(u64, &mut Vec<Vec<u8>>),
) -> f64 {
    let (mut taken, mut number) = (0.0, 0u64);
    let mut batch = Vec::new();
    while number < count {
        batch.clear();
        while batch.len() < 2000 {
            make(number + batch.len() as u64, &mut batch);
        }
        let before = spent();
        for bytes in &batch {
            feed(worker, bytes, number, out);
            number += 1;
        }
        taken += spent() - before;
    }
    taken / number as f64
}

/// What came of one attack.
struct Seen {
    dearer: f64,
    sent: u64,
    told: u64,
    stats: Stats,
}

fn settings(flows: usize, buffers: u32) -> Settings {
    Settings {
        flows,
        buffers,
        seed: Some(1),
        ..Settings::default()
    }
}

fn under(attack: &Attack, frames: u64, settings: &Settings, ordinary: f64) -> Seen {
    let mut worker = Worker::new(settings, 0, "test");
    let mut out = Hits::default();
    feed(
        &mut worker,
        &mix::udp(1, false, 443, &mix::initial(1)),
        0,
        &mut out,
    );
    out = Hits::default();
    let live = LIVE.with(Cell::get);
    let mut honest_frames = 0;
    let each = timed(&mut worker, frames, &mut out, |number, batch| {
        if number % (BETWEEN + 1) == BETWEEN {
            batch.push(honest(honest_frames));
            honest_frames += 1;
        } else {
            batch.push((attack.frame)(number));
        }
    });
    let grown = LIVE.with(Cell::get) - live;
    let stats = worker.stats().clone();
    assert_eq!(
        out.silent, 0,
        "{}: allocations though nothing left",
        attack.name
    );
    // What is left is one mark for each flow that is watched, which are bounded.
    let marks = stats.watched as i64 * 2048 + (1 << 20);
    assert!(grown < marks, "{}: {grown} bytes more", attack.name);
    // A connection counts when its last frame was there.
    let sent = honest_frames / (HONEST * STEPS) * HONEST;
    worker.flush("test", &LIST, &mut out);
    Seen {
        dearer: each / ordinary,
        sent,
        told: out.told,
        stats: worker.stats().clone(),
    }
}

fn ordinary(frames: u64, settings: &Settings) -> f64 {
    let mut worker = Worker::new(settings, 0, "test");
    let mut made = Vec::new();
    mix::frames(frames, |bytes, _| made.push(bytes.to_vec()));
    let mut made = made.into_iter();
    timed(
        &mut worker,
        frames - 2000,
        &mut Hits::default(),
        |_, batch| {
            batch.push(made.next().expect("as many as are timed"));
        },
    )
}

fn every_attack(frames: u64, settings: &Settings) {
    let ordinary = ordinary(frames.min(60_000), settings);
    println!("an ordinary frame: {:.0} ns", ordinary * 1e9);
    println!(
        "{:<26} {:>9} {:>16} {:>9} {:>9}",
        "attack", "dearer", "honest told", "evicted", "pool"
    );
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let seen = under(attack, frames, settings, ordinary);
        let share = seen.told as f64 / seen.sent as f64;
        let evicted = seen.stats.connections.at(Outcome::Evicted.index());
        println!(
            "{:<26} {:>8.1}x {:>7} of {:>5} {:>9} {:>9}",
            attack.name, seen.dearer, seen.told, seen.sent, evicted, seen.stats.pool_empty
        );
        if share < 0.99 {
            wrong.push(format!(
                "{}: {share:.3} of the honest names told",
                attack.name
            ));
        }
        if seen.dearer > attack.dearer_max {
            let bound = attack.dearer_max;
            wrong.push(format!(
                "{}: {:.1} times as dear, not {bound}",
                attack.name, seen.dearer
            ));
        }
        wrong.extend(
            uncounted(attack, &seen, settings).map(|what| format!("{}: {what}", attack.name)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What of an attack was not counted, if anything.
fn uncounted(attack: &Attack, seen: &Seen, settings: &Settings) -> Option<String> {
    let stats = &seen.stats;
    let flood = stats.frames / (BETWEEN + 1) * BETWEEN;
    let places = settings.flows as u64;
    let counted = match attack.name {
        "SYN flood" | "QUIC Initials of noise" => {
            (stats.connections.total(), flood.min(places * 2))
        }
        "hellos that drip" => (stats.pool_empty, 1),
        "first fragments" => (stats.fragments.at(0), flood * 9 / 10),
        _ => (stats.names.total(), flood * 9 / 10),
    };
    (counted.0 < counted.1)
        .then(|| format!("{} counted, at least {} expected", counted.0, counted.1))
}

#[test]
fn honest_names_come_through_every_attack() {
    every_attack(40_000, &settings(4096, 64));
}

/// With the tables of the product: `cargo test --release --test attack -- --ignored --nocapture`.
#[test]
#[ignore = "long: part of `make verify`"]
fn honest_names_come_through_every_attack_for_long() {
    every_attack(
        4_000_000,
        &Settings {
            seed: Some(1),
            ..Settings::default()
        },
    );
}

/// A million tracked flows: what their table takes, and how many of them it holds at once.
#[test]
fn a_million_flows_take_at_most_128_mib() {
    use poortwacht::flow::Streams;
    let before = LIVE.with(Cell::get);
    let streams = Streams::new(1_000_000, 0, Some(1));
    let taken = LIVE.with(Cell::get) - before;
    println!("{:.1} MiB", taken as f64 / f64::from(1 << 20));
    assert!(taken <= 128 << 20, "{taken} bytes");
    assert!(streams.is_empty());
}

/// How many of a million flows such a worker holds at once, and the memory that is in use then.
#[test]
#[ignore = "long: part of `make verify`"]
fn of_a_million_flows_most_are_held_at_once() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    };
    let mut worker = Worker::new(&settings(1_000_000, 64), 0, "test");
    let mut out = Hits::default();
    let before = resident();
    for n in 0..1_000_000 {
        feed(&mut worker, &mix::tcp(n, false, n, 2, b""), 0, &mut out);
    }
    let held = worker.stats().flows;
    println!("{held} held, {} MiB more in use", resident() - before);
    assert!(held > 850_000, "{held}");
}

//! The whole pipeline over a large built mix, as a process, beside what a user would have instead.
//!
//! Enters: `tests/mix/large.rs`, written to a file of 1.6 GB in the folder for temporary files (or
//! `BENCH_DIR`), and removed after. Leaves: a table: processor seconds of each program as the
//! operating system accounts them, and the ratio of ours to each, run by run in turn. What is not
//! installed is skipped, and said. Never: judges.
//!
//! `BENCH_FRAMES` (2,058,589), `BENCH_RUNS` (5) and `BENCH_OURS` (another build) may be set. tshark takes minutes: it runs once.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::statvfs::statvfs;
use nix::sys::time::TimeVal;
use poortwacht::capture::FileSource;

// The large mix alone.
#[allow(dead_code)]
#[path = "../tests/mix/mod.rs"]
mod mix;

const FRAMES: u64 = 2_058_589;
const RUNS: u64 = 5;
/// Most bytes a frame may take in the file.
const FRAME_LEN: u64 = 1_000;

fn main() {
    // cargo's own arguments say nothing here.
    if let Ok(file) = std::env::var("WALK") {
        return walk(Path::new(&file));
    }
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (frames, runs) = (number("BENCH_FRAMES", FRAMES), number("BENCH_RUNS", RUNS));
    let folder = std::env::var("BENCH_DIR").map_or_else(|_| std::env::temp_dir(), PathBuf::from);
    let free = statvfs(&folder).map_or(u64::MAX, |disk| {
        disk.blocks_available() * disk.fragment_size()
    });
    if free < frames * FRAME_LEN {
        return println!(
            "whole: skipped, {} has no room for the mix",
            folder.display()
        );
    }
    let file = Written(folder.join(format!("poortwacht-mix-{}.pcap", std::process::id())));
    let names = file.write(frames);
    let len = std::fs::metadata(&file.0).map_or(0, |meta| meta.len());
    let told = names.queries + names.hellos;
    println!(
        "{frames} frames, {len} bytes; {told} frames tell a name ({} look-ups, {} hellos), one in \
         {}; {} of them a vendor's",
        names.queries,
        names.hellos,
        frames / told.max(1),
        names.vendors
    );
    table(programs(&file.0), runs);
}

/// A file that goes when this does.
struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Written {
    fn write(&self, frames: u64) -> mix::large::Names {
        let out = BufWriter::with_capacity(1 << 20, File::create(&self.0).expect("a new file"));
        mix::write(out, |each| mix::large::frames(frames, each)).expect("room on the disk")
    }
}

/// A program on the file. The first is ours, to which the others are compared.
struct Program {
    name: &'static str,
    command: Command,
    /// Too dear to run more than once.
    once: bool,
}

fn programs(file: &Path) -> Vec<Program> {
    let made = |name, program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).arg(file);
        Program {
            name,
            command,
            once: false,
        }
    };
    let built = option_env!("CARGO_BIN_EXE_poortwacht").unwrap_or("poortwacht");
    let ours = std::env::var("BENCH_OURS").unwrap_or_else(|_| built.to_owned());
    let narrow = "(tcp[((tcp[12]&0xf0)>>2)]=0x16) or udp port 53";
    let mut own = made("poortwacht", &ours, &["read", "--quiet"]);
    own.command.arg("--json");
    let itself = std::env::current_exe().expect("this program has a path");
    let mut walk = Command::new(itself);
    walk.env("WALK", file);
    let walk = Program {
        name: "bare walk",
        command: walk,
        once: false,
    };
    let mut tcpdump = made("tcpdump, narrow filter", "tcpdump", &["-q", "-nn", "-r"]);
    tcpdump.command.args(["-w", "/dev/null", narrow]);
    let ndpi = made("ndpiReader", "ndpiReader", &["-q", "-i"]);
    let mut tshark = made("tshark, names", "tshark", &["-n", "-r"]);
    tshark.once = true;
    tshark.command.args([
        "-Y",
        "tls.handshake.type == 1 or dns",
        "-T",
        "fields",
        "-e",
        "dns.qry.name",
        "-e",
        "tls.handshake.extensions_server_name",
    ]);
    vec![own, walk, tcpdump, ndpi, tshark]
}

/// Processor seconds of user and system of one run; `None` when it cannot be started.
fn run(command: &mut Command) -> Option<[f64; 2]> {
    let before = spent();
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = quiet.status().ok()?;
    if !status.success() {
        println!("{:?} ended with {status}", command.get_program());
    }
    let after = spent();
    Some([after[0] - before[0], after[1] - before[1]])
}

/// Of all children so far.
fn spent() -> [f64; 2] {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts");
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    [seconds(usage.user_time()), seconds(usage.system_time())]
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn table(mut commands: Vec<Program>, runs: u64) {
    // Each in turn, so that a machine whose speed drifts is the same to all.
    let mut taken: Vec<Vec<[f64; 2]>> = vec![Vec::new(); commands.len()];
    for round in 0..=runs {
        for (command, taken) in commands.iter_mut().zip(&mut taken) {
            if command.once && round != 1 {
                continue;
            }
            // The first round only warms up.
            if let Some(times) = run(&mut command.command)
                && round > 0
            {
                taken.push(times);
            }
        }
    }
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>22}",
        "program", "user s", "system s", "both s", "ours to it"
    );
    let both = |times: &[f64; 2]| times[0] + times[1];
    let own: Vec<f64> = taken[0].iter().map(both).collect();
    for (command, taken) in commands.iter().zip(&taken) {
        if taken.is_empty() {
            println!("{:<24} skipped: it is not installed", command.name);
            continue;
        }
        let column =
            |of: &dyn Fn(&[f64; 2]) -> f64| median(&mut taken.iter().map(of).collect::<Vec<_>>());
        let mut ratios: Vec<f64> = own
            .iter()
            .zip(taken)
            .map(|(own, it)| own / both(it))
            .collect();
        let middle = median(&mut ratios);
        println!(
            "{:<24} {:>8.3} {:>8.3} {:>8.3} {:>6.3} ({:.3} to {:.3})",
            command.name,
            column(&|times| times[0]),
            column(&|times| times[1]),
            column(&both),
            middle,
            ratios[0],
            ratios[ratios.len() - 1],
        );
    }
}

/// The yardstick: opens the file as the product does and touches the Ethernet type and the protocol
/// of each frame, nothing else.
fn walk(file: &Path) {
    let mut source = FileSource::open(&[file.to_owned()]).expect("the mix opens");
    let (mut frames, mut sum) = (0u64, 0u64);
    while let Some(frame) = source.next_frame().expect("the mix is whole") {
        if let (Some(kind), Some(protocol)) = (frame.bytes.get(12..14), frame.bytes.get(23)) {
            sum += u64::from(kind[0]) + u64::from(kind[1]) + u64::from(*protocol);
        }
        frames += 1;
    }
    println!("{frames} frames, sum {sum}");
}

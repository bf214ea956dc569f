//! A worker on an interface behind each kind of kernel filter: what a frame costs it.
//!
//! Enters: `live INTERFACE none|classic|ebpf|xdp SECONDS [EXCLUDED]`, as root. Leaves: one line: frames
//! and bytes that came and that stayed, losses, names, seconds of processor. Never: writes a name.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use poortwacht::base::{Endpoints, Timestamp};
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::live::{LiveConfig, Via, open};
use poortwacht::capture::prefilter::{Kind, Verdict, Verdicts};
use poortwacht::event::{Event, Hit};
use poortwacht::sensor::{Settings, Sink, Worker};

struct Counted(u64, Option<Verdicts>);

impl Sink for Counted {
    fn tell(&mut self, _: Event) {
        self.0 += 1;
    }

    fn hit(&mut self, _: Box<Hit>) {
        self.0 += 1;
    }

    fn wants_verdicts(&self) -> bool {
        self.1.is_some()
    }

    fn judged(&mut self, ends: &Endpoints, verdict: Verdict, time: Timestamp) {
        if let Some(verdicts) = &mut self.1 {
            verdicts.tell(ends, verdict, time);
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [interface, kind, seconds, excluded @ ..] = words.as_slice() else {
        panic!("live INTERFACE none|classic|ebpf|xdp SECONDS [EXCLUDED]");
    };
    let config = LiveConfig {
        interfaces: vec![interface.clone()],
        promiscuous: true,
        ring_bytes: 256 << 20,
        via: if kind == "xdp" { Via::Xdp } else { Via::Ring },
        prefilter: match kind.as_str() {
            "ebpf" => Kind::Ebpf,
            "classic" => Kind::Classic,
            _ => Kind::None,
        },
        require_ebpf: kind == "ebpf",
        require_xdp: kind == "xdp",
        excluded: excluded
            .iter()
            .map(|net| net.parse().expect("a prefix"))
            .collect(),
        ..LiveConfig::default()
    };
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut source = open(&config)
        .unwrap_or_else(|error| panic!("{error}"))
        .remove(0);
    let mut worker = Worker::new(&Settings::default(), 0, interface);
    let mut sink = Counted(0, source.take_verdicts());
    println!("ready");
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("seconds"));
    let before = cpu();
    while Instant::now() < end {
        let each = &mut |frame: poortwacht::capture::Frame<'_>| {
            worker.frame(&frame, interface, &list, &mut sink);
        };
        source
            .next_batch(Duration::from_millis(100), each)
            .expect("frames");
    }
    let spent = cpu() - before;
    let kernel = source.kernel_stats();
    let stats = worker.stats();
    println!(
        "frames={} bytes={} kept_back={} bytes_kept_back={} lost={} names={} events={} verdicts={:?} \
         seconds={:.3}",
        stats.frames,
        stats.wire_bytes,
        kernel.shed.frames.iter().sum::<u64>(),
        kernel.shed.bytes.iter().sum::<u64>(),
        kernel.drops,
        stats.names.total(),
        sink.0,
        sink.1.as_ref().map(Verdicts::counts),
        spent
    );
}

/// Seconds of processor of this process so far.
fn cpu() -> f64 {
    let used = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel counts");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(used.user_time()) + seconds(used.system_time())
}

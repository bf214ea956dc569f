//! Sources on one end of a veth pair, each with a worker: one behind each kind of kernel filter.

use std::time::{Duration, Instant};

use pnet::datalink::Channel;
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::capture::LinkType;
use poortwacht::capture::live::{LiveConfig, LiveSource, Via};
use poortwacht::capture::prefilter::Kind;
use poortwacht::event::Stats;
use poortwacht::sensor::Worker;

use super::lab::{Lab, on, within};
use super::listen::{Heard, captures, counts, differences, settings};

/// A source with its worker.
pub struct Watcher {
    pub source: LiveSource,
    worker: Worker,
    pub heard: Heard,
}

impl Watcher {
    pub fn open(lab: &Lab, prefilter: Kind) -> Self {
        let config = LiveConfig {
            prefilter,
            require_ebpf: prefilter == Kind::Ebpf,
            flows: 4096,
            promiscuous: true,
            ..on("cap0", Via::Ring)
        };
        let mut source = lab.open(&config).pop().unwrap();
        // Without exclusion a classic filter has nothing to do.
        let wanted = if prefilter == Kind::Ebpf {
            Kind::Ebpf
        } else {
            Kind::None
        };
        assert_eq!(source.prefilter(), (wanted, None));
        let heard = Heard::of_wire(source.take_verdicts());
        Self {
            source,
            worker: Worker::new(&settings(), 0, "cap0"),
            heard,
        }
    }

    /// Takes what waits; how many frames.
    pub fn step(&mut self, list: &Catalogue, wait: Duration) -> usize {
        let (worker, heard) = (&mut self.worker, &mut self.heard);
        let each = &mut |frame: poortwacht::capture::Frame<'_>| {
            worker.frame(&frame, "cap0", list, heard);
        };
        self.source.next_batch(wait, each).unwrap()
    }

    /// The end: everything in the ring is read, and told.
    pub fn end(mut self, list: &Catalogue) -> (Vec<String>, Stats, LiveSource) {
        let mut quiet = Instant::now();
        while quiet.elapsed() < Duration::from_millis(60) {
            if self.step(list, Duration::from_millis(10)) > 0 {
                quiet = Instant::now();
            }
        }
        self.worker.flush("cap0", list, &mut self.heard);
        self.heard.lines.sort();
        assert_eq!(
            self.source.kernel_stats().drops,
            0,
            "the test itself was too slow"
        );
        (self.heard.lines, self.worker.stats().clone(), self.source)
    }
}

/// Frames of a capture that can go over the pair, whole and of Ethernet.
pub fn frames(capture: &std::path::Path) -> Vec<Vec<u8>> {
    let mut source = FileSource::open(&[capture.to_owned()]).unwrap();
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = source.next_frame() {
        let whole = frame.bytes.len() == frame.wire_len as usize;
        if frame.link == LinkType::Ethernet && whole && (14..65_000).contains(&frame.bytes.len()) {
            frames.push(frame.bytes.to_vec());
        }
    }
    frames
}

#[test]
fn over_the_wire_every_capture_tells_the_same_behind_the_filter() {
    let Some(lab) = Lab::new() else { return };
    // Nothing of the namespaces' own between the captures, and room for frames that offloads made.
    for space in [&lab.near, &lab.far] {
        let off = ["netns", "exec", space, "sysctl", "-qw"];
        let six = ["net.ipv6.conf.all.disable_ipv6=1"];
        let done = std::process::Command::new("ip")
            .args(off)
            .args(six)
            .status();
        assert!(done.unwrap().success());
    }
    lab.ip_near(&["link", "set", "cap0", "mtu", "65535"]);
    lab.ip_far(&["link", "set", "far0", "mtu", "65535"]);
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let mut sender = within(&lab.far, || {
        let all = pnet::datalink::interfaces().into_iter();
        let interface = all.into_iter().find(|it| it.name == "far0").unwrap();
        match pnet::datalink::channel(&interface, pnet::datalink::Config::default()) {
            Ok(Channel::Ethernet(sender, _)) => sender,
            _ => panic!("no channel"),
        }
    });
    let (mut faults, mut sent, mut kept_back) = (Vec::new(), 0, [0; 4]);
    for capture in captures() {
        let frames = frames(&capture);
        if frames.is_empty() {
            continue;
        }
        let mut watchers = [Kind::None, Kind::Ebpf].map(|kind| Watcher::open(&lab, kind));
        for few in frames.chunks(4) {
            for frame in few {
                sender.send_to(frame, None).unwrap().unwrap();
            }
            sent += few.len();
            // Time enough, most of the time, for a verdict to reach the kernel.
            let until = Instant::now() + Duration::from_millis(9);
            while Instant::now() < until {
                for watcher in &mut watchers {
                    watcher.step(&list, Duration::from_millis(1));
                }
            }
        }
        let [whole, behind] = watchers.map(|watcher| watcher.end(&list));
        let name = capture
            .strip_prefix(super::tree())
            .unwrap()
            .display()
            .to_string();
        faults.extend(differences(&name, &whole.0, &behind.0));
        faults.extend(differences(&name, &counts(&whole.1), &counts(&behind.1)));
        let mut source = behind.2;
        let shed = source.kernel_stats().shed;
        for (sum, more) in kept_back.iter_mut().zip(shed.frames) {
            *sum += more;
        }
    }
    eprintln!("{sent} frames sent, kept back {kept_back:?}");
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(kept_back[0] > 100 && kept_back[2] > 100, "{kept_back:?}");
}

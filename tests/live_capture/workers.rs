//! Several workers on one interface: who gets what, and nobody anything twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use poortwacht::capture::Frame;
use poortwacht::capture::live::{LiveConfig, LiveSource, Via};

use crate::PORT;
use crate::lab::*;

#[test]
fn two_workers_share_by_address_pair_and_keep_fragments_together() {
    const HOSTS: u32 = 24;
    let Some(lab) = Lab::new() else { return };
    let far_hosts = |host: u32| [format!("10.77.1.{host}"), format!("fd77::1:{host}")];
    for host in 1..=HOSTS {
        for (address, bits) in far_hosts(host).iter().zip(["16", "64"]) {
            lab.address(&lab.far, "far0", &format!("{address}/{bits}"));
        }
    }
    let config = LiveConfig {
        workers_per_interface: 2,
        ..on("cap0", Via::Ring)
    };
    let mut sources = lab.open(&config);
    assert_eq!(
        sources.iter().map(LiveSource::worker).collect::<Vec<_>>(),
        [0, 1]
    );
    // From `near`: a small datagram and one in three fragments to each host; each answers.
    for host in 1..=HOSTS {
        for address in far_hosts(host) {
            let answering = within(&lab.far, || {
                UdpSocket::bind((address.as_str(), PORT)).unwrap()
            });
            let asking = within(&lab.near, || {
                let any = if address.contains(':') { NEAR6 } else { NEAR4 };
                UdpSocket::bind((any, 0)).unwrap()
            });
            for len in [20, 4000] {
                let mut room = [0; 5000];
                asking
                    .send_to(&vec![1; len], (address.as_str(), PORT))
                    .unwrap();
                let (len, from) = answering.recv_from(&mut room).unwrap();
                answering.send_to(&room[..len], from).unwrap();
            }
        }
    }
    let mut workers_of: BTreeMap<(IpAddr, IpAddr), (BTreeSet<u16>, usize)> = BTreeMap::new();
    for source in &mut sources {
        let kept = collect(source, |_| true);
        for ip in kept.iter().filter_map(Kept::ip) {
            let pair = (ip.src.min(ip.dst), ip.src.max(ip.dst));
            // UDP, or an IPv6 fragment.
            if ip.protocol == 17 || ip.protocol == 44 {
                let entry = workers_of.entry(pair).or_default();
                entry.0.insert(source.worker());
                entry.1 += 1;
            }
        }
        assert_eq!(source.kernel_stats().drops, 0);
    }
    assert_eq!(workers_of.len(), 2 * HOSTS as usize);
    let mut shares = [0; 2];
    for (pair, (workers, frames)) in &workers_of {
        assert_eq!(workers.len(), 1, "{pair:?} is split");
        // One frame and three fragments, there and back.
        assert_eq!(*frames, 8, "{pair:?}");
        shares[usize::from(*workers.first().unwrap())] += 1;
    }
    assert!(
        shares.iter().all(|share| *share >= 8),
        "one worker has nearly all: {shares:?}"
    );
}

#[test]
fn nothing_comes_twice_or_past_the_filter_while_workers_join() {
    let Some(lab) = Lab::new() else { return };
    let config = LiveConfig {
        workers_per_interface: 2,
        filter: Some(format!("udp dst port {PORT}")),
        ring_bytes: 2 * 1024 * 1024,
        ..on("cap0", Via::Ring)
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            within(&lab.far, || {
                let socket = UdpSocket::bind((FAR4, 0)).unwrap();
                for number in 0u32.. {
                    for port in [PORT, PORT + 1] {
                        let _ = socket.send_to(&number.to_be_bytes(), (NEAR4, port));
                    }
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        });
        // Also when an assertion fails: else the sender would go on for ever.
        let _stop = Stop(&over);
        for _ in 0..20 {
            let mut sources = lab.open(&config);
            let mut seen = BTreeSet::new();
            let begun = Instant::now();
            // What was in the rings when the last worker had joined counts: 60 ms are plenty, and
            // on a busy machine the sender may come late.
            while begun.elapsed() < Duration::from_millis(60) || seen.is_empty() {
                assert!(begun.elapsed() < Duration::from_secs(10), "nothing comes");
                for source in &mut sources {
                    let mut kept = Vec::new();
                    let each = &mut |frame: Frame<'_>| kept.push(Kept::of(&frame));
                    source.next_batch(Duration::from_millis(10), each).unwrap();
                    for frame in &kept {
                        let number = frame.number(PORT).expect("past the filter");
                        assert!(seen.insert(number), "twice");
                    }
                }
            }
        }
    });
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

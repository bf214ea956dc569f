//! Live capture on real interfaces: a veth pair, the loopback and a tun device in namespaces of the
//! test's own. Root only; skipped, and said so, elsewhere.

#[path = "live_capture/lab.rs"]
mod lab;
#[path = "live_capture/loss.rs"]
mod loss;
#[path = "live_capture/workers.rs"]
mod workers;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use lab::*;
use pnet::datalink::Channel;
use poortwacht::capture::live::{KernelFilter, LiveConfig, LiveError, Via, open};
use poortwacht::capture::{LinkType, VlanTag};

const VIAS: [Via; 2] = [Via::Ring, Via::Pcap];
const PORT: u16 = 5300;

fn all(count: u32) -> (Vec<u32>, Vec<u32>) {
    ((0..count).collect(), (0..count).collect())
}

#[test]
fn every_datagram_is_seen_once_and_none_is_dropped() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        // Narrowed, so that the namespace's own neighbour discovery does not change the counts.
        let config = LiveConfig {
            filter: Some(format!("udp dst port {PORT}")),
            ..on("cap0", via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        assert_eq!(
            (source.point_name(), source.worker(), source.point()),
            ("cap0", 0, 0)
        );
        assert_eq!(source.kernel_filter(), KernelFilter::Expression);
        lab.send(PORT, 0..1000);
        let kept = collect(&mut source, |kept| numbers(kept, PORT) == all(1000));
        assert_eq!(numbers(&kept, PORT), all(1000), "{via:?}");
        assert!(
            kept.iter()
                .all(|frame| frame.bytes.len() == frame.wire_len as usize)
        );
        assert!(
            kept.iter()
                .all(|frame| frame.link == LinkType::Ethernet && frame.point == 0)
        );
        let stats = source.kernel_stats();
        assert_eq!(
            (stats.drops, stats.freezes, stats.broken_blocks),
            (0, 0, 0),
            "{via:?}"
        );
        assert_eq!(stats.received, 2000, "{via:?}");
        assert_eq!(
            source.kernel_stats(),
            stats,
            "cumulative, though reading resets the kernel's"
        );
    }
}

#[test]
fn frames_larger_than_the_mtu_are_seen_whole() {
    const LEN: usize = 4_000_000;
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        for address in [NEAR4, NEAR6] {
            let mut source = lab.one(via);
            let listener = within(&lab.near, || TcpListener::bind((address, 0)).unwrap());
            let port = listener.local_addr().unwrap().port();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    within(&lab.far, || {
                        let mut stream = TcpStream::connect((address, port)).unwrap();
                        stream.write_all(&vec![7; LEN]).unwrap();
                    })
                });
                scope.spawn(|| {
                    let mut received = Vec::new();
                    listener
                        .accept()
                        .unwrap()
                        .0
                        .read_to_end(&mut received)
                        .unwrap();
                    assert_eq!(received.len(), LEN);
                });
            });
            let covered = |kept: &[Kept]| stream_bytes(kept, port);
            let kept = collect(&mut source, |kept| covered(kept) == LEN);
            assert_eq!(covered(&kept), LEN, "{via:?} {address}");
            let largest = kept.iter().map(|frame| frame.bytes.len()).max().unwrap();
            assert!(
                largest > 3000,
                "{via:?} {address}: segments were not joined: {largest}"
            );
            assert!(
                kept.iter()
                    .all(|frame| frame.bytes.len() == frame.wire_len as usize)
            );
            assert_eq!(source.kernel_stats().drops, 0);
        }
    }
}

/// How many bytes of the stream to `port` the frames cover.
fn stream_bytes(kept: &[Kept], port: u16) -> usize {
    let mut start = None;
    let mut ranges = Vec::new();
    for ip in kept.iter().filter_map(Kept::ip) {
        if ip.protocol != 6 || ip.payload.get(2..4) != Some(&port.to_be_bytes()) {
            continue;
        }
        let sequence = u32::from_be_bytes(ip.payload[4..8].try_into().unwrap());
        let header = usize::from(ip.payload[12] >> 4) * 4;
        if ip.payload[13] & 2 != 0 {
            start = Some(sequence.wrapping_add(1));
        } else if let Some(start) = start {
            let from = sequence.wrapping_sub(start) as usize;
            ranges.push((from, from + ip.payload.len() - header));
        }
    }
    ranges.sort_unstable();
    let mut covered = 0;
    for (from, to) in ranges {
        if from <= covered && to > covered {
            covered = to;
        }
    }
    covered
}

#[test]
fn excluded_prefixes_do_not_reach_the_ring() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            excluded: vec![
                "10.77.0.2/32".parse().unwrap(),
                "fd77::2/128".parse().unwrap(),
            ],
            ..on("cap0", via)
        };
        let mut excluding = lab.open(&config).pop().unwrap();
        let mut seeing = lab.one(via);
        assert_eq!(excluding.kernel_filter(), KernelFilter::Exclusion);
        lab.send(PORT, 0..20);
        let kept = collect(&mut seeing, |kept| numbers(kept, PORT) == all(20));
        assert_eq!(numbers(&kept, PORT), all(20));
        let kept = collect(&mut excluding, |_| true);
        let excluded: [IpAddr; 2] = [FAR4.parse().unwrap(), FAR6.parse().unwrap()];
        for ip in kept.iter().filter_map(Kept::ip) {
            assert!(
                !excluded.contains(&ip.src) && !excluded.contains(&ip.dst),
                "{via:?}"
            );
        }
        // Others are seen: from an address that is not excluded.
        lab.address(&lab.far, "far0", "10.77.0.9/16");
        within(&lab.far, || {
            let socket = UdpSocket::bind(("10.77.0.9", 0)).unwrap();
            socket.send_to(&7u32.to_be_bytes(), (NEAR4, PORT)).unwrap();
        });
        let kept = collect(&mut excluding, |kept| !numbers(kept, PORT).0.is_empty());
        assert_eq!(numbers(&kept, PORT), (vec![7], vec![]), "{via:?}");
        lab.ip_far(&["addr", "del", "10.77.0.9/16", "dev", "far0"]);
    }
}

#[test]
fn an_expression_narrows_and_a_bad_one_is_refused() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            filter: Some("udp dst port 5301".to_owned()),
            excluded: vec!["192.0.2.0/24".parse().unwrap()],
            ..on("cap0", via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        assert_eq!(source.kernel_filter(), KernelFilter::Both);
        lab.send(5300, 0..20);
        lab.send(5301, 0..20);
        let kept = collect(&mut source, |kept| numbers(kept, 5301) == all(20));
        assert_eq!(kept.len(), 40, "{via:?}");
        assert_eq!(numbers(&kept, 5301), all(20));

        let config = LiveConfig {
            filter: Some("udp dst port".to_owned()),
            ..on("cap0", via)
        };
        let Err(LiveError::Filter(error)) = within(&lab.near, || open(&config)) else {
            panic!("accepted");
        };
        assert_eq!(error.expression, "udp dst port");
    }
}

/// A UDP datagram to [`PORT`] that holds `number`, behind these tags.
fn tagged(tags: &[(u16, u16)], number: u32) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1]);
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend([0x08, 0x00, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend([198, 51, 100, 1, 198, 51, 100, 2, 0x9c, 0x40]);
    frame.extend(PORT.to_be_bytes());
    frame.extend([0, 12, 0, 0]);
    frame.extend(number.to_be_bytes());
    frame
}

fn send_frames(lab: &Lab, frames: &[Vec<u8>]) {
    within(&lab.far, || {
        let interface = pnet::datalink::interfaces()
            .into_iter()
            .find(|i| i.name == "far0")
            .unwrap();
        let Ok(Channel::Ethernet(mut sender, _)) =
            pnet::datalink::channel(&interface, pnet::datalink::Config::default())
        else {
            panic!("no channel");
        };
        for frame in frames {
            sender.send_to(frame, None).unwrap().unwrap();
        }
    });
}

#[test]
fn the_tag_that_the_kernel_takes_out_is_kept() {
    let Some(lab) = Lab::new() else { return };
    let frames = [
        tagged(&[(0x8100, 0xa005)], 1),
        tagged(&[(0x88a8, 9), (0x8100, 5)], 2),
        tagged(&[], 3),
        tagged(&[(0x8100, 0)], 4),
    ];
    let mut ring = lab.one(Via::Ring);
    let mut pcap = lab.one(Via::Pcap);
    send_frames(&lab, &frames);
    let ours = |kept: Vec<Kept>| -> Vec<Kept> {
        kept.into_iter()
            .filter(|frame| frame.bytes[6..12] == [2, 0, 0, 0, 0, 1])
            .collect()
    };
    let kept = ours(collect(&mut ring, |kept| kept.len() >= 4));
    let tags: Vec<_> = kept.iter().map(|frame| frame.vlan).collect();
    let tag = |tpid, tci| Some(VlanTag { tpid, tci });
    assert_eq!(
        tags,
        [tag(0x8100, 0xa005), tag(0x88a8, 9), None, tag(0x8100, 0)]
    );
    // The outer tag is out of the bytes, the inner one still in.
    assert_eq!(
        kept[0].bytes[12..],
        frames[2][12..frames[2].len() - 4]
            .iter()
            .copied()
            .chain(1u32.to_be_bytes())
            .collect::<Vec<_>>()
    );
    assert_eq!(kept[1].bytes[12..16], [0x81, 0, 0, 5]);

    let kept = ours(collect(&mut pcap, |kept| kept.len() >= 4));
    for (kept, sent) in kept.iter().zip(&frames) {
        assert_eq!(
            (&kept.bytes, kept.vlan),
            (sent, None),
            "libpcap puts the tag back"
        );
    }
    assert_eq!(kept.len(), 4);
}

#[test]
fn vlan_in_an_expression_looks_at_the_tag_that_was_taken_out() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            filter: Some("vlan 5 and udp".to_owned()),
            ..on("cap0", via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        let frames = [
            tagged(&[], 1),
            tagged(&[(0x8100, 6)], 2),
            tagged(&[(0x8100, 5)], 3),
        ];
        send_frames(&lab, &frames);
        let kept = collect(&mut source, |kept| !kept.is_empty());
        assert_eq!(kept.len(), 1, "{via:?}");
        assert_eq!(kept[0].number(PORT), Some((false, 3)));
    }
}

#[test]
fn the_loopback_shows_each_packet_once() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let mut source = lab.open(&on("lo", via)).pop().unwrap();
        within(&lab.near, || {
            for number in 0..50u32 {
                send_to("127.0.0.1", PORT, &number.to_be_bytes());
                send_to("::1", PORT, &number.to_be_bytes());
            }
        });
        let kept = collect(&mut source, |kept| numbers(kept, PORT) == all(50));
        assert_eq!(numbers(&kept, PORT), all(50), "{via:?}");
        assert_eq!(kept[0].link, LinkType::Ethernet);
    }
}

#[test]
fn what_the_host_sends_itself_is_seen_too() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let mut source = lab.one(via);
        assert_eq!(source.kernel_filter(), KernelFilter::None);
        within(&lab.near, || send_to(FAR4, PORT, &1u32.to_be_bytes()));
        let kept = collect(&mut source, |kept| !numbers(kept, PORT).0.is_empty());
        assert_eq!(numbers(&kept, PORT), (vec![1], vec![]), "{via:?}");
    }
}

#[test]
fn one_packet_is_handed_over_promptly() {
    const ROUNDS: u32 = 40;
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let mut source = lab.one(via);
        let mut ages = Vec::new();
        for round in 0..ROUNDS {
            lab.send(PORT, round..round + 1);
            let begun = Instant::now();
            while ages.len() < 2 * (round as usize + 1) {
                assert!(
                    begun.elapsed() < Duration::from_secs(5),
                    "{via:?}: nothing comes"
                );
                let mut kept = Vec::new();
                source
                    .next_batch(Duration::from_secs(5), &mut |frame| {
                        kept.push(Kept::of(&frame))
                    })
                    .unwrap();
                ages.extend(
                    kept.iter()
                        .filter(|f| f.number(PORT).is_some())
                        .map(|f| f.age_ns),
                );
            }
        }
        ages.sort_unstable();
        let (median, worst) = (ages[ages.len() / 2], ages[ages.len() - 1]);
        eprintln!(
            "{via:?}: median {} us, worst {} us",
            median / 1000,
            worst / 1000
        );
        assert!(ages[0] >= 0, "handed over before it was stamped");
        assert!(median <= 20_000_000, "{via:?}: median {median} ns");
    }
}

#[test]
fn a_quiet_interface_returns_when_the_time_is_over() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            filter: Some("udp port 1".to_owned()),
            ..on("cap0", via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        let begun = Instant::now();
        let timeout = Duration::from_millis(150);
        assert_eq!(
            source
                .next_batch(timeout, &mut |_| panic!("a frame"))
                .unwrap(),
            0
        );
        assert!(
            begun.elapsed() >= timeout && begun.elapsed() < 20 * timeout,
            "{via:?}"
        );
    }
}

#[test]
fn interfaces_are_told_apart() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            interfaces: vec!["lo".into(), "cap0".into()],
            ..on("lo", via)
        };
        let mut sources = lab.open(&config);
        lab.send(PORT, 0..1);
        within(&lab.near, || {
            send_to("127.0.0.1", PORT, &1u32.to_be_bytes())
        });
        for (source, expected) in sources.iter_mut().zip([("lo", 0, 1), ("cap0", 1, 0)]) {
            let kept = collect(source, |kept| !numbers(kept, PORT).0.is_empty());
            assert_eq!(
                (source.point_name(), source.point()),
                (expected.0, expected.1)
            );
            assert_eq!(numbers(&kept, PORT).0, [expected.2]);
            assert!(kept.iter().all(|frame| frame.point == expected.1));
        }
    }
}

#[test]
fn the_snap_length_cuts_and_the_length_on_the_wire_stays() {
    let Some(lab) = Lab::new() else { return };
    for (via, filter) in VIAS
        .into_iter()
        .flat_map(|via| [(via, None), (via, Some("udp"))])
    {
        let config = LiveConfig {
            snaplen: 60,
            filter: filter.map(str::to_owned),
            ..on("cap0", via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        within(&lab.far, || send_to(NEAR4, PORT, &[0; 1000]));
        let kept = collect(&mut source, |kept| !numbers(kept, PORT).0.is_empty());
        let frame = kept
            .iter()
            .find(|frame| frame.number(PORT).is_some())
            .unwrap();
        assert_eq!(
            (frame.bytes.len(), frame.wire_len),
            (60, 14 + 20 + 8 + 1000),
            "{via:?}"
        );
    }
}

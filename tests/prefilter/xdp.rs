//! AF_XDP on one end of a veth pair (copy mode: a veth has no other).
//!
//! The port is made a tap: no address, no route. The same frames are sent to a ring and to AF_XDP,
//! one after the other, because AF_XDP leaves nothing for the ring.

use std::net::UdpSocket;
use std::time::Duration;

use pnet::datalink::{Channel, DataLinkSender};
use poortwacht::capture::live::{LiveConfig, LiveError, LiveSource, Via, open};
use poortwacht::capture::prefilter::Kind;

use super::lab::{Kept, Lab, NEAR4, collect, on, send_to, within};
use super::listen::captures;
use super::wire::frames;

fn config(via: Via) -> LiveConfig {
    LiveConfig {
        promiscuous: true,
        ring_bytes: 4 << 20,
        ..on("cap0", via)
    }
}

/// Takes the addresses away, and with them the routes; nothing is said by itself any more.
fn make_tap(lab: &Lab) {
    for space in [&lab.near, &lab.far] {
        let off = ["netns", "exec", space, "sysctl", "-qw"];
        let six = ["net.ipv6.conf.all.disable_ipv6=1"];
        let done = std::process::Command::new("ip")
            .args(off)
            .args(six)
            .status();
        assert!(done.unwrap().success());
    }
    lab.ip_near(&["addr", "flush", "dev", "cap0"]);
}

fn sender(lab: &Lab) -> Box<dyn DataLinkSender> {
    within(&lab.far, || {
        let all = pnet::datalink::interfaces().into_iter();
        let interface = all.into_iter().find(|it| it.name == "far0").unwrap();
        match pnet::datalink::channel(&interface, pnet::datalink::Config::default()) {
            Ok(Channel::Ethernet(sender, _)) => sender,
            _ => panic!("no channel"),
        }
    })
}

fn refused(lab: &Lab, config: &LiveConfig) -> LiveError {
    let Err(error) = within(&lab.near, || open(config)) else {
        panic!("opened");
    };
    error
}

#[test]
fn where_own_traffic_passes_it_is_refused_unless_it_is_wanted() {
    let Some(lab) = Lab::new() else { return };
    let error = refused(&lab, &config(Via::Xdp));
    let text = error.to_string();
    assert!(
        matches!(error, LiveError::CarriesTraffic { .. }) && text.contains("it has an address"),
        "{text}"
    );
    let wanted = LiveConfig {
        xdp_own_traffic: true,
        ..config(Via::Xdp)
    };
    assert_eq!(lab.open(&wanted)[0].way(), ("xdp-copy", None));
    // Without an address a route may still lead over it.
    lab.ip_near(&["addr", "flush", "dev", "cap0"]);
    lab.ip_near(&["route", "add", "default", "dev", "cap0"]);
    let text = refused(&lab, &config(Via::Xdp)).to_string();
    assert!(text.contains("the default route leads over it"), "{text}");
}

#[test]
fn what_cannot_be_taken_by_it_is_taken_by_a_ring_or_refused() {
    let Some(lab) = Lab::new() else { return };
    let of = |require_xdp| LiveConfig {
        require_xdp,
        ..on("lo", Via::Xdp)
    };
    let source = lab.open(&of(false)).pop().unwrap();
    assert_eq!(source.way(), ("ring", Some("it is no Ethernet port")));
    let text = refused(&lab, &of(true)).to_string();
    assert!(
        text.contains("AF_XDP is required and cannot be had"),
        "{text}"
    );
    // Two at once on one queue.
    make_tap(&lab);
    let _first = lab.open(&config(Via::Xdp));
    let source = lab.open(&config(Via::Xdp)).pop().unwrap();
    let (way, why) = source.way();
    assert!(
        way == "ring" && why.is_some_and(|why| why.contains("busy")),
        "{why:?}"
    );
}

/// What of `frames` comes, sent a few at a time.
fn taken(
    source: &mut LiveSource,
    sender: &mut dyn DataLinkSender,
    frames: &[Vec<u8>],
) -> Vec<Kept> {
    let mut kept = Vec::new();
    for few in frames.chunks(64) {
        for frame in few {
            sender.send_to(frame, None).unwrap().unwrap();
        }
        let wait = Duration::from_millis(20);
        let mut left = few.len();
        for _ in 0..50 {
            left -= source
                .next_batch(wait, &mut |frame| kept.push(Kept::of(&frame)))
                .unwrap()
                .min(left);
            if left == 0 {
                break;
            }
        }
    }
    kept
}

#[test]
fn the_same_frames_come_as_by_a_ring_and_the_host_has_its_port_back_after() {
    let Some(lab) = Lab::new() else { return };
    make_tap(&lab);
    let mut sender = sender(&lab);
    let fits = |frame: &Vec<u8>| (60..1514).contains(&frame.len());
    let mut sent: Vec<Vec<u8>> = captures().iter().flat_map(|path| frames(path)).collect();
    // A tag leaves the frame on the way to a ring.
    sent.retain(|frame| fits(frame) && !matches!(frame[12..14], [0x81, 0] | [0x88, 0xa8]));
    assert!(sent.len() > 3000, "{}", sent.len());
    let mut of = |via| {
        let mut source = lab.open(&config(via)).pop().unwrap();
        let kept = taken(&mut source, &mut *sender, &sent);
        let stats = source.kernel_stats();
        assert_eq!((stats.drops, stats.xdp_lost), (0, [0; 2]), "{via:?}");
        assert_eq!(stats.received, sent.len() as u64, "{via:?}");
        let second = 1_000_000_000;
        assert!(
            kept.iter()
                .all(|it| it.vlan.is_none() && (0..second).contains(&it.age_ns))
        );
        if via == Via::Xdp {
            assert_eq!(source.way(), ("xdp-copy", None));
            assert_eq!(source.prefilter().0, Kind::None);
        }
        kept.into_iter()
            .map(|it| (it.wire_len, it.bytes))
            .collect::<Vec<_>>()
    };
    let (ring, xdp) = (of(Via::Ring), of(Via::Xdp));
    assert!(
        ring == xdp,
        "{} frames by a ring, {} by AF_XDP",
        ring.len(),
        xdp.len()
    );
    // The source is gone: the host hears again.
    lab.address(&lab.near, "cap0", &format!("{NEAR4}/16"));
    let socket = within(&lab.near, || UdpSocket::bind((NEAR4, 5300)).unwrap());
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    within(&lab.far, || send_to(NEAR4, 5300, b"again"));
    let mut room = [0; 16];
    assert_eq!(socket.recv(&mut room).unwrap(), 5);
}

#[test]
fn an_expression_narrows_and_losses_are_counted_by_place() {
    let Some(lab) = Lab::new() else { return };
    make_tap(&lab);
    let mut sender = sender(&lab);
    let all: Vec<Vec<u8>> = captures().iter().flat_map(|path| frames(path)).collect();
    let all: Vec<Vec<u8>> = all
        .into_iter()
        .filter(|it| it.len() < 1514)
        .take(2500)
        .collect();
    let narrow = LiveConfig {
        filter: Some("udp".to_owned()),
        ..config(Via::Xdp)
    };
    let mut source = lab.open(&narrow).pop().unwrap();
    for frame in &all[..100] {
        sender.send_to(frame, None).unwrap().unwrap();
    }
    let kept = collect(&mut source, |_| false);
    let udp = kept
        .iter()
        .filter(|it| it.ip().is_some_and(|ip| ip.protocol == 17))
        .count();
    assert!(
        udp == kept.len() && udp > 0 && udp < 100,
        "{udp} of {}",
        kept.len()
    );
    drop(source);
    // 1,024 chunks of 4 KiB, and nobody reads.
    let mut source = lab.open(&config(Via::Xdp)).pop().unwrap();
    for frame in &all {
        sender.send_to(frame, None).unwrap().unwrap();
    }
    let lost = source.kernel_stats();
    let kept = collect(&mut source, |_| false);
    assert_eq!(kept.len() as u64 + lost.drops, all.len() as u64, "{lost:?}");
    assert!(
        lost.drops > 1000 && lost.xdp_lost[0] == lost.drops,
        "{lost:?}"
    );
    // What came back is used again.
    for frame in &all[..500] {
        sender.send_to(frame, None).unwrap().unwrap();
    }
    assert_eq!(collect(&mut source, |kept| kept.len() == 500).len(), 500);
}

#[test]
fn an_interface_that_goes_away_is_told() {
    let Some(lab) = Lab::new() else { return };
    make_tap(&lab);
    let mut source = lab.open(&config(Via::Xdp)).pop().unwrap();
    let mut told = || {
        let none = &mut |_: poortwacht::capture::Frame<'_>| {};
        (0..40).find_map(|_| source.next_batch(Duration::from_millis(100), none).err())
    };
    lab.ip_near(&["link", "set", "cap0", "down"]);
    assert!(matches!(told(), Some(LiveError::InterfaceDown { .. })));
    lab.ip_near(&["link", "del", "cap0"]);
    let gone = told().unwrap();
    assert!(matches!(gone, LiveError::InterfaceGone { .. }), "{gone}");
}

//! What is lost, and what is missing: drops, freezes, interfaces that go, rights that are not there.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use poortwacht::capture::LinkType;
use poortwacht::capture::live::{LiveConfig, LiveError, LiveSource, Via, open};

use crate::lab::*;
use crate::{PORT, VIAS, all};

/// The next error that the source tells.
fn next_error(source: &mut LiveSource) -> LiveError {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if let Err(error) = source.next_batch(Duration::from_millis(50), &mut |_| ()) {
            return error;
        }
    }
    panic!("no error came");
}

/// Lets errors pass until a datagram to [`PORT`] comes; calls `send` before each try.
fn goes_on(source: &mut LiveSource, send: impl Fn()) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut seen = false;
    while !seen && Instant::now() < deadline {
        send();
        let mut look = |frame: poortwacht::capture::Frame<'_>| {
            seen |= Kept::of(&frame).number(PORT).is_some();
        };
        if let Err(error) = source.next_batch(Duration::from_millis(50), &mut look) {
            assert!(error.is_survivable(), "{error}");
        }
    }
    seen
}

#[test]
fn what_finds_no_room_is_counted_and_capture_goes_on() {
    const SENT: u32 = 4000;
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            ring_bytes: 2 * 1024 * 1024,
            filter: Some(format!("udp dst port {PORT}")),
            ..on("cap0", via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        within(&lab.far, || {
            let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).unwrap();
            for number in 0..SENT {
                let mut payload = number.to_be_bytes().to_vec();
                payload.resize(1400, 0);
                let _ = socket.send_to(&payload, (NEAR4, PORT));
            }
        });
        let stats = source.kernel_stats();
        assert!(
            stats.drops > 1000 && stats.received > 100,
            "{via:?} {stats:?}"
        );
        assert_eq!(stats.drops + stats.received, u64::from(SENT), "{via:?}");
        if via == Via::Ring {
            assert!(stats.freezes >= 1, "{stats:?}");
        }
        let kept = collect(&mut source, |kept| kept.len() as u64 == stats.received);
        assert_eq!(kept.len() as u64, stats.received, "{via:?}");
        lab.send(PORT, 0..10);
        let kept = collect(&mut source, |kept| numbers(kept, PORT) == all(10));
        assert_eq!(numbers(&kept, PORT), all(10), "{via:?}");
        assert_eq!(source.kernel_stats().drops, stats.drops, "{via:?}");
    }
}

#[test]
fn an_interface_that_goes_down_is_told_and_capture_goes_on_when_it_is_up() {
    let Some(lab) = Lab::new() else { return };
    for workers in [1, 2] {
        let config = LiveConfig {
            workers_per_interface: workers,
            ..on("cap0", Via::Ring)
        };
        let mut sources = lab.open(&config);
        lab.ip_near(&["link", "set", "cap0", "down"]);
        for source in &mut sources {
            let error = next_error(source);
            assert!(matches!(error, LiveError::InterfaceDown { .. }), "{error}");
            assert!(error.is_survivable() && error.to_string().contains("`cap0` is down"));
            assert_eq!(source.kernel_stats().interface_downs, 1);
            assert!(!source.is_up());
        }
        lab.ip_near(&["link", "set", "cap0", "up"]);
        lab.address(&lab.near, "cap0", &format!("{NEAR6}/64"));
        assert!(either_goes_on(&mut sources, &lab), "{workers} workers");
    }
}

/// With two workers the frames of one pair of hosts come to one of them.
fn either_goes_on(sources: &mut [LiveSource], lab: &Lab) -> bool {
    (0..20).any(|_| {
        lab.send(PORT, 0..1);
        sources.iter_mut().any(|source| {
            let mut seen = false;
            let mut look = |frame: poortwacht::capture::Frame<'_>| {
                seen |= Kept::of(&frame).number(PORT).is_some();
            };
            let _ = source.next_batch(Duration::from_millis(50), &mut look);
            seen
        })
    })
}

#[test]
fn an_interface_that_is_down_at_first_is_waited_for() {
    let Some(lab) = Lab::new() else { return };
    lab.ip_near(&["link", "set", "cap0", "down"]);
    for workers in [1, 2] {
        let config = LiveConfig {
            workers_per_interface: workers,
            ..on("cap0", Via::Ring)
        };
        let mut sources = lab.open(&config);
        for source in &mut sources {
            let error = next_error(source);
            assert!(matches!(error, LiveError::InterfaceDown { .. }), "{error}");
        }
        lab.ip_near(&["link", "set", "cap0", "up"]);
        assert!(either_goes_on(&mut sources, &lab), "{workers} workers");
        lab.ip_near(&["link", "set", "cap0", "down"]);
    }
    let refused = within(&lab.near, || open(&on("cap0", Via::Pcap)).map(|_| ()));
    assert!(
        matches!(refused, Err(LiveError::InterfaceDown { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_interface_that_is_deleted_is_told_and_its_successor_is_taken() {
    let Some(lab) = Lab::new() else { return };
    let config = LiveConfig {
        promiscuous: true,
        ..on("cap0", Via::Ring)
    };
    let mut source = lab.open(&config).pop().unwrap();
    lab.ip_far(&["link", "del", "far0"]);
    let mut error = next_error(&mut source);
    while matches!(error, LiveError::InterfaceDown { .. }) {
        error = next_error(&mut source);
    }
    assert!(
        matches!(error, LiveError::InterfaceGone { recovers: true, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("`cap0` no longer exists"),
        "{error}"
    );
    lab.join();
    // The successor is taken without any right.
    within(&lab.near, || {
        caps::clear(None, CapSet::Effective).unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            source
                .next_batch(Duration::from_millis(50), &mut |_| ())
                .unwrap();
        }
    });
    assert_eq!(lab.promiscuity(), 1);
    assert!(goes_on(&mut source, || lab.send(PORT, 0..1)));
    assert_eq!(source.kernel_stats().interface_downs, 1);
}

#[test]
fn a_group_and_libpcap_do_not_take_a_successor_and_say_so() {
    let Some(lab) = Lab::new() else { return };
    let config = LiveConfig {
        workers_per_interface: 2,
        ..on("cap0", Via::Ring)
    };
    let mut sources = lab.open(&config);
    sources.push(lab.one(Via::Pcap));
    lab.ip_near(&["link", "del", "cap0"]);
    for source in &mut sources {
        let mut error = next_error(source);
        while matches!(error, LiveError::InterfaceDown { .. }) {
            error = next_error(source);
        }
        assert!(
            matches!(
                error,
                LiveError::InterfaceGone {
                    recovers: false,
                    ..
                }
            ),
            "{error}"
        );
        assert!(
            !error.is_survivable() && error.to_string().contains("restart"),
            "{error}"
        );
        // Told once; to go on calling is harmless.
        let begun = Instant::now();
        assert_eq!(
            source
                .next_batch(Duration::from_millis(50), &mut |_| ())
                .unwrap(),
            0
        );
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }
}

#[test]
fn without_the_right_the_message_names_it() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let refused = within(&lab.near, || {
            caps::drop(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap();
            open(&on("cap0", via)).map(|_| ())
        });
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("CAP_NET_RAW") && text.contains("setcap"),
            "{via:?}: {text}"
        );
    }
}

#[test]
fn cap_net_raw_is_all_it_takes_also_for_promiscuous_mode() {
    let Some(lab) = Lab::new() else { return };
    for via in VIAS {
        let config = LiveConfig {
            promiscuous: true,
            workers_per_interface: 2,
            filter: Some("udp".to_owned()),
            excluded: vec!["192.0.2.0/24".parse().unwrap()],
            ..on("cap0", via)
        };
        let sources = within(&lab.near, || {
            let only = [Capability::CAP_NET_RAW].into_iter().collect();
            caps::set(None, CapSet::Effective, &only).unwrap();
            open(&config)
        });
        let mut sources = sources.unwrap_or_else(|error| panic!("{via:?}: {error}"));
        assert!(lab.promiscuity() >= 1, "{via:?}");
        assert!(either_goes_on(&mut sources, &lab), "{via:?}");
    }
    // A process that another test is just starting may hold the sockets a moment longer.
    let deadline = Instant::now() + Duration::from_secs(5);
    while lab.promiscuity() > 0 {
        assert!(Instant::now() < deadline, "still promiscuous");
    }
}

/// Opens the tun device `name`, which brings its carrier up.
#[allow(unsafe_code)]
fn tun(name: &str) -> std::fs::File {
    let device = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .expect("tun device");
    // SAFETY: ifreq is made of integers and unions of integers and pointers; zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as i16;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which is live here.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    device
}

#[test]
fn a_link_without_a_header_is_raw_ip_in_both_directions() {
    let Some(lab) = Lab::new() else { return };
    // A device each: the first may outlive its test by the moment a starting process holds it.
    for (via, name, net) in [(Via::Ring, "tun0", 98), (Via::Pcap, "tun1", 99)] {
        let mut device = within(&lab.near, || tun(name));
        lab.ip_near(&["link", "set", name, "up"]);
        lab.address(&lab.near, name, &format!("10.{net}.0.1/24"));
        let config = LiveConfig {
            filter: Some("udp".to_owned()),
            ..on(name, via)
        };
        let mut source = lab.open(&config).pop().unwrap();
        within(&lab.near, || {
            send_to(&format!("10.{net}.0.2"), PORT, &1u32.to_be_bytes())
        });
        let mut packet = vec![
            0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, net, 0, 2, 10, net, 0, 1,
        ];
        packet.extend([0x9c, 0x40]);
        packet.extend(PORT.to_be_bytes());
        packet.extend([0, 12, 0, 0, 0, 0, 0, 2]);
        device.write_all(&packet).unwrap();
        let kept = collect(&mut source, |kept| numbers(kept, PORT).0.len() == 2);
        assert_eq!(numbers(&kept, PORT).0, [1, 2], "{via:?}");
        assert!(
            kept.iter().all(|frame| frame.link == LinkType::RawIp),
            "{via:?}"
        );
        assert_eq!(source.kernel_stats().interface_errors, 0);
        device
            .write_all(&[0xff; 20])
            .expect_err("neither IPv4 nor IPv6: dropped by the interface");
        let stats = source.kernel_stats();
        assert_eq!((stats.interface_errors, stats.drops), (1, 0), "{via:?}");
    }
}

//! Each rule of the kernel's program by itself: what passes, what is trimmed, what stays.
//!
//! Frames built here are run through the program (BPF_PROG_TEST_RUN) with one verdict in force. A
//! test run hands the program its packet from the network header on.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aya::programs::{SocketFilter, TestRun, TestRunOptions};
use ipnet::IpNet;
use poortwacht::base::{Endpoints, Timestamp, Transport};
use poortwacht::capture::prefilter::{Again, Fate, Prefilter, Shedding, Verdict, Verdicts, Wanted};

const WHOLE: u32 = u32::MAX;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const IPV6_HEADER: usize = 40;

/// The program with its table.
struct Kernel {
    prefilter: Prefilter,
    verdicts: Verdicts,
}

impl Kernel {
    /// `None`, and a line that says so, without root.
    fn new(keep: u32, excluded: &[&str]) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: loading a program into the kernel needs root");
            return None;
        }
        let excluded: Vec<IpNet> = excluded.iter().map(|net| net.parse().unwrap()).collect();
        let mut prefilter = Prefilter::load(&Wanted {
            ethernet: false,
            keep,
            excluded: &excluded,
            flows: 64,
        })
        .unwrap_or_else(|why| panic!("{why}"));
        let verdicts = prefilter.take_verdicts().unwrap();
        Some(Self {
            prefilter,
            verdicts,
        })
    }

    fn tell(&mut self, flow: &Flow, verdict: Verdict) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp(now.as_nanos() as i64);
        let told = self.verdicts.counts()[Fate::Told as usize];
        self.verdicts.tell(&flow.ends(), verdict, now);
        assert_eq!(self.verdicts.counts()[Fate::Told as usize], told + 1);
    }

    fn run(&mut self, packet: &[u8], repeat: u32) -> (u32, Duration) {
        let kind: [u8; 2] = match packet.first().map(|first| first >> 4) {
            Some(4) => [8, 0],
            Some(6) => [0x86, 0xdd],
            _ => [8, 6],
        };
        let frame = [&[2; 12][..], &kind, packet].concat();
        let program = self.prefilter.program().program_mut("prefilter").unwrap();
        let filter: &mut SocketFilter = program.try_into().unwrap();
        let options = TestRunOptions {
            data_in: Some(&frame),
            repeat,
            ..TestRunOptions::new()
        };
        let result = filter.test_run(options).unwrap();
        (result.return_value, result.duration)
    }

    fn keeps(&mut self, packet: &[u8]) -> u32 {
        self.run(packet, 1).0
    }
}

/// Client and server, client first.
#[derive(Clone, Copy)]
struct Flow(SocketAddr, SocketAddr, Transport);

impl Flow {
    fn tcp(client: &str, server: &str) -> Self {
        Self(
            client.parse().unwrap(),
            server.parse().unwrap(),
            Transport::Tcp,
        )
    }

    fn udp(client: &str, server: &str) -> Self {
        Self(
            client.parse().unwrap(),
            server.parse().unwrap(),
            Transport::Udp,
        )
    }

    const fn back(self) -> Self {
        Self(self.1, self.0, self.2)
    }

    const fn ends(&self) -> Endpoints {
        Endpoints {
            src: self.0.ip(),
            dst: self.1.ip(),
            sport: self.0.port(),
            dport: self.1.port(),
            transport: self.2,
        }
    }

    fn packet(&self, number: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = match (self.0.ip(), self.1.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let len = u16::try_from(20 + rest.len()).unwrap().to_be_bytes();
                let head = [0x45, 0, len[0], len[1], 0, 0, 0x40, 0, 64, number, 0, 0];
                [&head[..], &src.octets(), &dst.octets()].concat()
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
                let head = [0x60, 0, 0, 0, len[0], len[1], number, 64];
                [&head[..], &src.octets(), &dst.octets()].concat()
            }
            _ => panic!("two families"),
        };
        packet.extend(rest);
        packet
    }

    fn segment(&self, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
        let mut tcp = [self.0.port().to_be_bytes(), self.1.port().to_be_bytes()].concat();
        tcp.extend(seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        // Three words of options.
        tcp.extend([0x80, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend([1; 12]);
        tcp.extend(payload);
        self.packet(6, &tcp)
    }

    fn data(&self, seq: u32) -> Vec<u8> {
        self.segment(ACK, seq, 1, &[0x17; 1200])
    }

    fn datagram(&self, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(8 + payload.len()).unwrap();
        let mut udp = [self.0.port(), self.1.port(), len, 0]
            .map(u16::to_be_bytes)
            .concat();
        udp.extend(payload);
        self.packet(17, &udp)
    }

    fn headers(&self) -> u32 {
        let network = if self.0.is_ipv4() { 20 } else { IPV6_HEADER };
        let transport = if self.2 == Transport::Tcp { 32 } else { 8 };
        u32::try_from(network + transport).unwrap()
    }
}

fn streams() -> [Flow; 4] {
    [
        Flow::tcp("192.0.2.10:50000", "198.51.100.80:443"),
        Flow::tcp("198.51.100.81:50000", "192.0.2.11:443"),
        Flow::tcp("[2001:db8:1::10]:50000", "[2001:db8:2::80]:443"),
        Flow::tcp("192.0.2.10:50001", "192.0.2.10:443"),
    ]
}

#[test]
fn of_a_settled_stream_nothing_comes_but_what_may_change_that() {
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    for flow in streams() {
        let other = Flow(SocketAddr::new(flow.0.ip(), 50_007), flow.1, flow.2);
        for way in [flow, flow.back()] {
            assert_eq!(kernel.keeps(&way.data(5000)), WHOLE, "nobody judged it");
        }
        let again = Some(Again {
            from: u32::MAX - 9,
            len: 100,
        });
        kernel.tell(&flow, Verdict::Settled(again));
        for way in [flow, flow.back()] {
            assert_eq!(kernel.keeps(&way.data(5000)), 0);
            assert_eq!(kernel.keeps(&way.segment(ACK, 5000, 1, &[])), 0);
            for flags in [FIN | ACK, RST, RST | ACK] {
                assert_eq!(kernel.keeps(&way.segment(flags, 5000, 1, &[1; 9])), WHOLE);
            }
        }
        // The message that settled it, across the end of the numbers.
        for (seq, kept) in [
            (u32::MAX - 10, 0),
            (u32::MAX - 9, WHOLE),
            (89, WHOLE),
            (90, 0),
        ] {
            assert_eq!(kernel.keeps(&flow.data(seq)), kept, "{seq}");
            assert_eq!(kernel.keeps(&flow.back().data(seq)), 0, "{seq}");
        }
        assert_eq!(kernel.keeps(&other.data(5000)), WHOLE, "another port");
        let datagrams = Flow(flow.0, flow.1, Transport::Udp);
        assert_eq!(
            kernel.keeps(&datagrams.datagram(&[0x40; 900])),
            WHOLE,
            "another protocol"
        );
        // A new connection on the same ports, from whichever side it is seen.
        for way in [flow, flow.back()] {
            kernel.tell(&flow, Verdict::Settled(None));
            assert_eq!(kernel.keeps(&way.data(5000)), 0);
            assert_eq!(kernel.keeps(&way.segment(SYN, 9, 0, &[])), WHOLE);
            assert_eq!(kernel.keeps(&flow.data(5000)), WHOLE);
            assert_eq!(kernel.keeps(&flow.back().data(5000)), WHOLE);
        }
    }
}

#[test]
fn of_a_watched_flow_the_headers_come() {
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    let again = Again { from: 100, len: 50 };
    for flow in streams() {
        kernel.tell(&flow, Verdict::Watched(Some(again)));
        for way in [flow, flow.back()] {
            assert_eq!(kernel.keeps(&way.data(5000)), flow.headers());
            // Nothing behind its headers: nothing to trim.
            assert_eq!(kernel.keeps(&way.segment(ACK, 5000, 1, &[])), WHOLE);
        }
        assert_eq!(kernel.keeps(&flow.data(149)), WHOLE);
    }
    for flow in [
        Flow::udp("192.0.2.10:50000", "198.51.100.80:443"),
        Flow::udp("[2001:db8:1::10]:50000", "[2001:db8:2::80]:443"),
    ] {
        kernel.tell(&flow, Verdict::Watched(None));
        assert_eq!(kernel.keeps(&flow.datagram(&[0x41; 900])), flow.headers());
        assert_eq!(
            kernel.keeps(&flow.back().datagram(&[0x7f; 900])),
            flow.headers()
        );
        assert_eq!(kernel.keeps(&flow.datagram(&[0xe0; 900])), WHOLE);
    }
    let shed = kernel.prefilter.shed();
    assert_eq!(shed.frames[Shedding::Watched as usize], 12);
    assert_eq!(shed.bytes[Shedding::Watched as usize], 8 * 1200 + 4 * 900);
}

#[test]
fn what_one_side_says_stays_while_the_other_is_listened_to() {
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    for flow in streams() {
        let server = flow.back();
        kernel.tell(&server, Verdict::ReadOut);
        let says = |ack, flags| server.segment(flags, 5000, ack, &[0x17; 1200]);
        // What it acknowledges is news once.
        assert_eq!(kernel.keeps(&says(7, ACK)), WHOLE);
        assert_eq!(kernel.keeps(&says(7, ACK)), 0);
        assert_eq!(kernel.keeps(&says(8, ACK)), WHOLE);
        assert_eq!(kernel.keeps(&says(8, ACK)), 0);
        assert_eq!(kernel.keeps(&says(9, 0)), 0, "it acknowledges nothing");
        assert_eq!(kernel.keeps(&server.segment(ACK, 5000, 8, &[])), WHOLE);
        assert_eq!(kernel.keeps(&says(8, FIN | ACK)), WHOLE);
        assert_eq!(kernel.keeps(&flow.data(5000)), WHOLE);
        assert_eq!(kernel.keeps(&says(8, ACK)), 0);
        // TLS begins: the answer is worth a look again.
        assert_eq!(
            kernel.keeps(&flow.segment(ACK, 5000, 1, &[0x16, 3, 1])),
            WHOLE
        );
        assert_eq!(kernel.keeps(&says(8, ACK)), WHOLE);
    }
}

#[test]
fn of_a_settled_quic_flow_only_short_headers_stay() {
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    let flow = Flow::udp("192.0.2.10:50000", "198.51.100.80:443");
    let long = |first: u8, version: u32| [&[first][..], &version.to_be_bytes(), &[0; 900]].concat();
    let (one, two) = (1, 0x6b33_43cf);
    // Handshake, 0-RTT, Retry; DNS, DTLS, STUN, WireGuard; nothing at all.
    let pass = [
        long(0xe3, one),
        long(0xd3, one),
        long(0xf3, one),
        long(0xc3, two),
        long(0xc3, 0),
        vec![0x12, 0x34, 1, 0, 0, 1],
        vec![22, 0xfe, 0xfd, 0],
        vec![0, 1, 0, 0],
        vec![4, 0, 0, 0],
        vec![],
    ];
    kernel.tell(&flow, Verdict::Settled(None));
    for payload in &pass {
        for way in [flow, flow.back()] {
            assert_eq!(
                kernel.keeps(&way.datagram(payload)),
                WHOLE,
                "{payload:02x?}"
            );
            assert_eq!(
                kernel.keeps(&way.datagram(&[0x40; 900])),
                0,
                "after {payload:02x?}"
            );
            assert_eq!(kernel.keeps(&way.datagram(&[0x7f])), 0);
        }
    }
    // An Initial may begin another connection.
    for initial in [long(0xc3, one), long(0xd3, two), long(0xc0, 0xff00_001d)] {
        kernel.tell(&flow, Verdict::Settled(None));
        assert_eq!(kernel.keeps(&flow.back().datagram(&[0x40; 900])), 0);
        assert_eq!(kernel.keeps(&flow.datagram(&initial)), WHOLE);
        assert_eq!(kernel.keeps(&flow.back().datagram(&[0x40; 900])), WHOLE);
    }
}

#[test]
fn what_is_not_understood_passes_though_its_flow_is_settled() {
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    let (four, six) = (streams()[0], streams()[2]);
    for flow in [four, six] {
        kernel.tell(&flow, Verdict::Settled(None));
        assert_eq!(kernel.keeps(&flow.data(5000)), 0);
    }
    let changed = |flow: &Flow, at: usize, byte: u8| {
        let mut packet = flow.data(5000);
        packet[at] = byte;
        packet
    };
    for (at, byte, what) in [
        (0, 0x46, "options"),
        (0, 0x65, "no version of IPv4"),
        (6, 0x20, "a first fragment"),
        (7, 0x10, "a later fragment"),
        (9, 47, "GRE"),
        (9, 4, "IP in IP"),
        (9, 50, "ESP"),
        (2, 0x7f, "a length beyond the frame"),
        (32, 0x40, "a TCP header that is too short"),
    ] {
        assert_eq!(kernel.keeps(&changed(&four, at, byte)), WHOLE, "{what}");
    }
    let mut unsized_ = four.data(5000);
    unsized_[2..4].fill(0);
    assert_eq!(kernel.keeps(&unsized_), WHOLE, "a length left to offloads");
    for (at, byte, what) in [
        (6, 0, "hop-by-hop options"),
        (6, 44, "a fragment"),
        (6, 41, "IPv6 in IPv6"),
        (0, 0x50, "no version of IPv6"),
    ] {
        assert_eq!(kernel.keeps(&changed(&six, at, byte)), WHOLE, "{what}");
    }
    // The test run itself takes no less than a header of IPv4.
    for len in [20, 21, 30, 39] {
        assert_eq!(kernel.keeps(&four.data(5000)[..len]), WHOLE, "cut at {len}");
    }
    assert_eq!(kernel.keeps(&[0; 28]), WHOLE, "ARP");
}

#[test]
fn excluded_prefixes_stay_out_whatever_stands_behind_the_address() {
    let excluded = ["192.0.2.77/24", "203.0.113.7/32", "2001:db8:9::/48"];
    let Some(mut kernel) = Kernel::new(WHOLE, &excluded) else {
        return;
    };
    for (client, server, kept) in [
        ("192.0.2.10:1", "198.51.100.1:53", 0),
        ("198.51.100.1:53", "192.0.2.255:1", 0),
        ("192.0.3.0:1", "198.51.100.1:53", WHOLE),
        ("203.0.113.7:1", "198.51.100.1:53", 0),
        ("203.0.113.6:1", "198.51.100.1:53", WHOLE),
        ("[2001:db8:9:1::1]:1", "[2001:db8::1]:53", 0),
        ("[2001:db8::1]:1", "[2001:db8:9:ffff::]:53", 0),
        ("[2001:db8:a::1]:1", "[2001:db8::1]:53", WHOLE),
    ] {
        let flow = Flow::udp(client, server);
        assert_eq!(
            kernel.keeps(&flow.datagram(&[1; 40])),
            kept,
            "{client} {server}"
        );
        // Whatever it carries: ICMP, a fragment header, an unknown protocol.
        for protocol in [1, 44, 132] {
            assert_eq!(
                kernel.keeps(&flow.packet(protocol, &[0; 40])),
                kept,
                "{client}"
            );
        }
    }
    assert!(kernel.prefilter.shed().frames[Shedding::Excluded as usize] >= 20);
    // Far more than a classic filter holds.
    let many: Vec<String> = (0..5000u32)
        .map(|n| format!("10.{}.{}.0/25", n >> 8, n & 255))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut kernel = Kernel::new(WHOLE, &many).unwrap();
    let of = |client: &str| Flow::udp(client, "198.51.100.1:53").datagram(&[1; 40]);
    assert_eq!(kernel.keeps(&of("10.19.135.1:1")), 0);
    assert_eq!(kernel.keeps(&of("10.19.135.128:1")), WHOLE);
}

#[test]
fn the_snap_length_holds_for_what_passes() {
    let Some(mut kernel) = Kernel::new(256, &[]) else {
        return;
    };
    let flow = streams()[0];
    assert_eq!(kernel.keeps(&flow.data(5000)), 256);
    kernel.tell(&flow, Verdict::Watched(None));
    assert_eq!(kernel.keeps(&flow.data(5000)), flow.headers());
}

#[test]
fn a_verdict_that_is_too_old_is_not_told() {
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    let flow = streams()[0];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let old = Timestamp(now.as_nanos() as i64 - 1_500_000_000);
    kernel
        .verdicts
        .tell(&flow.ends(), Verdict::Settled(None), old);
    assert_eq!(kernel.verdicts.counts(), [0, 1, 0]);
    assert_eq!(kernel.keeps(&flow.data(5000)), WHOLE);
}

#[test]
#[ignore = "a measurement; run it with --ignored --nocapture on a quiet machine"]
fn what_a_frame_costs_the_kernel() {
    const REPEAT: u32 = 2_000_000;
    let Some(mut kernel) = Kernel::new(WHOLE, &[]) else {
        return;
    };
    let [settled, watched, _, _] = streams();
    kernel.tell(&settled, Verdict::Settled(None));
    kernel.tell(&watched, Verdict::Watched(None));
    let strange = Flow::tcp("192.0.2.99:50000", "198.51.100.80:443");
    let strange_six = Flow::tcp("[2001:db8:1::99]:50000", "[2001:db8:2::80]:443");
    for (what, packet) in [
        ("no IP", vec![0; 28]),
        ("IPv4 TCP, flow not judged", strange.data(5000)),
        ("IPv6 TCP, flow not judged", strange_six.data(5000)),
        ("IPv4 TCP, flow settled", settled.data(5000)),
        ("IPv4 TCP, flow watched", watched.data(5000)),
    ] {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            best = best.min(kernel.run(&packet, REPEAT).1);
        }
        println!("{what}: {} ns", best.as_nanos());
    }
}

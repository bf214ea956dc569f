//! Flows that made a hit, and what leaves the worker because of them.

use super::*;
use crate::event::{Burst, Support};
use crate::flow::exchange::{ANSWER_NS, REST_NS};
use crate::names::quic::oracle::{Initial, crypto};

const START: i64 = 1_700_000_000_000_000_000;
const SYN: u8 = 2;
const ACK: u8 = 16;
const RST: u8 = 4;

/// A worker with a clock of its own, in milliseconds.
struct Bench {
    worker: Worker,
    list: Catalogue,
    seen: Seeing,
}

impl Bench {
    fn new() -> Self {
        Self::with(&small())
    }

    fn with(settings: &Settings) -> Self {
        Self {
            worker: Worker::new(settings, 0, "test"),
            list: Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0])),
            seen: Seeing::default(),
        }
    }

    fn frame(&mut self, ms: i64, bytes: &[u8]) {
        self.cut_frame(ms, bytes, bytes.len());
    }

    /// A frame of which the capture kept `kept` bytes.
    fn cut_frame(&mut self, ms: i64, bytes: &[u8], kept: usize) {
        let frame = Frame {
            bytes: &bytes[..kept],
            wire_len: u32::try_from(bytes.len()).unwrap(),
            time: at(ms),
            vlan: None,
            link: LinkType::Ethernet,
            point: 0,
        };
        self.worker
            .frame(&frame, "test", &self.list, &mut self.seen);
    }

    fn sweep(&mut self, ms: i64) {
        self.worker
            .sweep(at(ms), "test", &self.list, &mut self.seen);
    }

    fn flush(&mut self) {
        self.worker.flush("test", &self.list, &mut self.seen);
    }

    fn bursts(&self) -> Vec<&Burst> {
        let mut bursts = Vec::new();
        for event in &self.seen.told {
            if let Event::Burst(burst) = event {
                bursts.push(&**burst);
            }
        }
        bursts
    }

    fn support(&self) -> Vec<&Support> {
        let mut support = Vec::new();
        for event in &self.seen.told {
            if let Event::Support(told) = event {
                support.push(&**told);
            }
        }
        support
    }

    /// Bytes up and down of each burst.
    fn sums(&self) -> Vec<(u64, u64)> {
        self.bursts().iter().map(|b| (b.up, b.down)).collect()
    }
}

const fn at(ms: i64) -> Timestamp {
    Timestamp(START + ms * 1_000_000)
}

/// From the server.
fn tcp_back(seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = tcp(seq, flags, payload);
    let (mut ip, mut ports) = ([0; 8], [0; 4]);
    ip.copy_from_slice(&frame[26..34]);
    ports.copy_from_slice(&frame[34..38]);
    ip.rotate_left(4);
    ports.rotate_left(2);
    frame[26..34].copy_from_slice(&ip);
    frame[34..38].copy_from_slice(&ports);
    frame
}

/// Handshake up to the hello; the next byte of the client is number 10 + its length, the server's
/// is 101.
fn hello(bench: &mut Bench) -> u32 {
    bench.frame(0, &tcp(9, SYN, b""));
    bench.frame(1, &tcp_back(100, SYN | ACK, b""));
    bench.frame(3, &tcp(10, ACK, HELLO));
    10 + u32::try_from(HELLO.len()).unwrap()
}

#[test]
fn a_burst_is_tied_to_its_hit() {
    let mut bench = Bench::new();
    let next = hello(&mut bench);
    bench.frame(10, &tcp_back(101, ACK, &[0; 1400]));
    bench.frame(4010, &tcp(next, ACK, &[0; 900]));
    bench.frame(4030, &tcp_back(1501, ACK, &[0; 500]));
    bench.flush();
    let len = HELLO.len() as u64;
    assert_eq!(bench.sums(), [(len, 1400), (900, 500)]);
    let (hit, bursts) = (&bench.seen.hits[0], bench.bursts());
    for burst in &bursts {
        assert!(burst.ends == hit.ends && burst.client_mac == hit.client_mac);
        assert!(burst.rule == hit.rule && burst.name == hit.name);
        assert_eq!((burst.opened, burst.point.as_str()), (hit.time, "test"));
    }
    assert!(bursts[0].is_first() && !bursts[1].is_first());
    assert_eq!((bursts[0].frames, bursts[1].frames), ((3, 4), (5, 6)));
    assert_eq!(bursts[1].rest_ns, 4_000_000_000);
    assert_eq!((bursts[1].start, bursts[1].end), (at(4010), at(4030)));
    let stats = bench.worker.stats();
    assert_eq!((stats.bursts.at(0), stats.bursts.at(1)), (2, 0));
}

#[test]
fn a_rest_is_told_without_another_frame() {
    let mut bench = Bench::new();
    hello(&mut bench);
    bench.frame(10, &tcp_back(101, ACK, &[0; 1400]));
    let rest = 10 + REST_NS as i64 / 1_000_000;
    let mut now = 10;
    while bench.bursts().is_empty() {
        now += 100;
        bench.sweep(now);
        assert!(now < rest + 1000, "not told within a second after the rest");
    }
    assert!(now >= rest);
    assert_eq!(bench.worker.stats().watched, 1);
    bench.flush();
    assert_eq!((bench.bursts().len(), bench.worker.stats().watched), (1, 0));
}

#[test]
fn a_reset_loses_nothing() {
    for flags in [RST, RST | ACK, 1 | ACK] {
        let mut bench = Bench::new();
        let next = hello(&mut bench);
        bench.frame(10, &tcp_back(101, ACK, &[0; 1400]));
        bench.frame(2000, &tcp(next, ACK, &[0; 1400]));
        // Forged by a third party, or a half-close.
        bench.frame(2001, &tcp(next + 1400, flags, b""));
        bench.frame(2002, &tcp_back(1501, flags, b""));
        bench.frame(2010, &tcp(next + 1400, ACK, &[0; 1400]));
        bench.frame(
            2010 + ANSWER_NS as i64 / 2_000_000,
            &tcp_back(1501, ACK, &[0; 800]),
        );
        bench.flush();
        assert_eq!(bench.sums()[1..], [(2800, 800)], "flags {flags}");
    }
}

#[test]
fn copies_probes_and_late_segments_add_nothing() {
    let mut bench = Bench::new();
    let next = hello(&mut bench);
    bench.frame(4, &tcp(10, ACK, HELLO));
    bench.frame(2000, &tcp(next - 1, ACK, b"x"));
    bench.frame(3000, &tcp(next + 700, ACK, &[0; 700]));
    bench.frame(3001, &tcp(next, ACK, &[0; 700]));
    bench.frame(3002, &tcp(next, ACK, &[0; 700]));
    bench.flush();
    assert_eq!(bench.sums(), [(HELLO.len() as u64, 0), (1400, 0)]);
    assert_eq!(bench.bursts()[1].up_frames, 1);
}

#[test]
fn cut_frames_count_by_their_length_on_the_wire() {
    let mut bench = Bench::new();
    let next = hello(&mut bench);
    bench.cut_frame(2000, &tcp(next, ACK, &[0; 1400]), 54);
    bench.cut_frame(2001, &tcp(next + 1400, ACK, &[0; 1400]), 96);
    bench.flush();
    assert_eq!(bench.sums()[1], (2800, 0));
}

#[test]
fn ports_used_again_end_the_watch() {
    let mut bench = Bench::new();
    let next = hello(&mut bench);
    bench.frame(5000, &tcp(next, ACK, &[0; 200]));
    bench.frame(6000, &tcp(777_000, SYN, b""));
    assert_eq!(bench.bursts().len(), 2, "what it had is told");
    bench.frame(6010, &tcp(777_001, ACK, &[0; 1400]));
    bench.frame(6020, &tcp_back(101, ACK, &[0; 1400]));
    bench.flush();
    assert_eq!(bench.bursts().len(), 2);
}

#[test]
fn a_look_up_watches_nothing() {
    let mut bench = Bench::new();
    bench.frame(0, &udp(false, 53, &query("app.clearview.ai", 1)));
    bench.frame(10, &udp(true, 53, &answer(query("app.clearview.ai", 1))));
    assert_eq!(bench.worker.stats().watched, 0);
    bench.flush();
    assert_eq!((bench.seen.hits.len(), bench.seen.told.len()), (1, 0));
}

fn initial(id: &[u8], message: &[u8]) -> Vec<u8> {
    Initial::first(1, id, &crypto(0, message)).seal()
}

/// A ClientHello for `name`: version, random, no session, one cipher suite, no compression.
fn other_message(name: &str) -> Vec<u8> {
    let len = name.len() as u16;
    let mut list = vec![0];
    list.extend(len.to_be_bytes());
    list.extend(name.bytes());
    let mut extension = vec![0, 0];
    extension.extend((len + 5).to_be_bytes());
    extension.extend((len + 3).to_be_bytes());
    extension.extend(list);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((extension.len() as u16).to_be_bytes());
    body.extend(extension);
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    message
}

#[test]
fn quic_counts_datagrams_that_can_be_payload() {
    let short = |len: usize| {
        let mut payload = vec![0x5a; len];
        payload[0] = 0x40;
        payload
    };
    let mut bench = Bench::new();
    let vendor = initial(b"first-id", &other_message("app.clearview.ai"));
    bench.frame(0, &udp(false, 443, &vendor));
    for n in 0..20 {
        bench.frame(10 + n, &udp(true, 443, &short(1200)));
        bench.frame(10 + n, &udp(false, 443, &short(40)));
    }
    bench.frame(6000, &udp(false, 443, &short(700)));
    bench.frame(6010, &udp(true, 443, &short(300)));
    // Nobody else's: another pair of ports.
    bench.frame(6011, &udp(true, 8443, &short(300)));
    // The same ports begin another connection, to somebody else.
    let elsewhere = initial(b"secondid", &other_message("www.example.com"));
    bench.frame(6500, &udp(false, 443, &elsewhere));
    bench.frame(6510, &udp(true, 443, &short(1200)));
    bench.flush();
    assert_eq!(bench.seen.names.len(), 2);
    let (first, sums) = (vendor.len() as u64, bench.sums());
    assert_eq!(sums, [(first, 24_000), (700, 300)]);
    assert_eq!(bench.worker.stats().bursts.at(1), 2);
}

/// The hello of what comes next is not whole yet, or never is.
#[test]
fn quic_ports_used_again_end_the_watch() {
    let mut bench = Bench::new();
    let vendor = initial(b"first-id", &other_message("app.clearview.ai"));
    bench.frame(0, &udp(false, 443, &vendor));
    bench.frame(5000, &udp(false, 443, &[0x40; 200]));
    // Not authentic: it begins nothing.
    let mut noise = initial(b"noise-id", &other_message("www.example.com"));
    let last = noise.len() - 1;
    noise[last] ^= 1;
    bench.frame(5010, &udp(false, 443, &noise));
    assert_eq!(bench.worker.stats().watched, 1);
    let half = &other_message("www.example.com")[..40];
    bench.frame(6000, &udp(false, 443, &initial(b"secondid", half)));
    assert_eq!(bench.bursts().len(), 2, "what it had is told");
    assert_eq!(bench.worker.stats().watched, 0);
    bench.frame(6010, &udp(true, 443, &[0x40; 1200]));
    bench.frame(6020, &udp(false, 443, &[0x40; 1400]));
    bench.flush();
    assert_eq!(bench.bursts().len(), 2);
}

/// A server that says much before the hello (a long dialogue before STARTTLS): what it said then,
/// of which the last part is not remembered, is no answer to the hello.
#[test]
fn what_a_server_said_before_the_hello_is_no_answer() {
    let mut bench = Bench::new();
    bench.frame(0, &tcp(9, SYN, b""));
    bench.frame(1, &tcp_back(100, SYN | ACK, b""));
    for n in 0..40u32 {
        bench.frame(2, &tcp_back(101 + n * 1000, ACK, &[b'a'; 1000]));
    }
    bench.frame(3, &tcp(10, ACK, HELLO));
    bench.frame(20, &tcp_back(101 + 40 * 1000, ACK, &[0; 300]));
    bench.flush();
    assert_eq!(bench.sums(), [(HELLO.len() as u64, 300)]);
}

const DUAL_USE: &str = "consent.cookiebot.com";

#[test]
fn a_context_name_near_a_hit_is_support() {
    let mut bench = Bench::new();
    hello(&mut bench);
    bench.frame(2000, &udp(false, 53, &query(DUAL_USE, 1)));
    bench.frame(
        30_003,
        &udp(true, 53, &answer(query("signin.aws.amazon.com", 1))),
    );
    bench.frame(30_100, &udp(false, 53, &query(DUAL_USE, 28)));
    bench.flush();
    let support = bench.support();
    let names: Vec<&str> = support.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, [DUAL_USE, "signin.aws.amazon.com"]);
    for told in &support {
        assert_eq!(told.ends.src, IpAddr::from(CLIENT));
        assert_eq!((told.ends.dport, told.seen), (53, Seen::DnsQuery));
    }
    assert_eq!((support[0].frame, support[0].time), (4, at(2000)));
    let stats = bench.worker.stats();
    assert_eq!((stats.context.total(), stats.support.total()), (3, 2));
}

#[test]
fn a_context_name_before_the_hit_or_of_somebody_else_stays_a_count() {
    let mut bench = Bench::new();
    bench.frame(0, &udp(false, 53, &query(DUAL_USE, 1)));
    bench.frame(10, &tcp(10, ACK, HELLO));
    // The server of the hit asks, as if it were a client.
    bench.frame(20, &udp(true, 53, &query(DUAL_USE, 1)));
    bench.flush();
    assert!(bench.support().is_empty());
    let stats = bench.worker.stats();
    assert_eq!((stats.context.total(), stats.support.total()), (2, 0));
}

#[test]
fn a_day_of_context_names_leaves_nothing() {
    let mut bench = Bench::new();
    for minute in 0..24 * 60 {
        for (n, name) in [DUAL_USE, "signin.aws.amazon.com", "cloudflare-ech.com"]
            .iter()
            .enumerate()
        {
            let ms = minute * 60_000 + n as i64 * 500;
            bench.frame(ms, &udp(false, 53, &query(name, 1)));
        }
    }
    bench.flush();
    assert!(bench.seen.hits.is_empty() && bench.seen.told.is_empty());
    assert!(bench.worker.stats().context.total() >= 24 * 60 * 3);
}

#[test]
fn an_excluded_client_has_neither() {
    let mut bench = Bench::with(&Settings {
        excluded: vec!["10.0.0.0/24".parse().unwrap()],
        ..small()
    });
    let next = hello(&mut bench);
    bench.frame(2000, &tcp(next, ACK, &[0; 1400]));
    bench.frame(2010, &udp(false, 53, &query(DUAL_USE, 1)));
    bench.flush();
    assert!(bench.seen.hits.is_empty() && bench.seen.told.is_empty());
}

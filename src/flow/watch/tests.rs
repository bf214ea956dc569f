//! Watched flows: what counts as new bytes, and what becomes of a flow that loses its place.

use super::super::exchange::REST_NS;
use super::*;
use crate::base::Endpoints;
use proptest::prelude::*;

const START: i64 = 1_700_000_000_000_000_000;

/// What was told: port of the client, bytes up and down, frames up and down.
type Told = (u16, u64, u64, u32, u32);

fn may_hold<T>(watch: &Watch<T>, ends: &Endpoints) -> bool {
    watch.may_hold(ends.sport, ends.dport)
}

fn ends(port: u16, transport: Transport) -> Endpoints {
    Endpoints {
        src: "10.0.0.1".parse().unwrap(),
        dst: "192.0.2.1".parse().unwrap(),
        sport: port,
        dport: 443,
        transport,
    }
}

const fn at(ms: i64) -> Timestamp {
    Timestamp(START + ms * 1_000_000)
}

fn opening(client: Side, frame: u64, ms: i64, next: u32) -> Opening {
    Opening {
        client,
        message: Payload {
            time: at(ms),
            frame,
            up: true,
            bytes: 500,
            frames: 2,
        },
        next,
        back: Some(1),
    }
}

/// A watch whose marks are the clients' ports, and what it told.
struct Bench {
    watch: Watch<u16>,
    told: Vec<Told>,
    frame: u64,
}

impl Bench {
    fn new() -> Self {
        Self {
            watch: Watch::new(64, Some(1)),
            told: Vec::new(),
            frame: 10,
        }
    }

    fn begin(&mut self, ends: &Endpoints, ms: i64, next: u32) {
        let (key, side) = Key::of(ends);
        let tell = note(&mut self.told);
        let opening = opening(side, self.frame, ms, next);
        let mark = Box::new(ends.sport);
        self.watch.begin(&key, &opening, mark, tell);
    }

    fn segment(&mut self, ends: &Endpoints, ms: i64, seq: u32, len: u32) {
        self.frame += 1;
        let (key, side) = Key::of(ends);
        let tell = note(&mut self.told);
        let when = (self.frame, at(ms));
        self.watch.segment(&key, side, (seq, len), when, tell);
    }

    fn datagram(&mut self, ends: &Endpoints, ms: i64, len: u32) -> bool {
        self.frame += 1;
        let (key, side) = Key::of(ends);
        let tell = note(&mut self.told);
        let when = (self.frame, at(ms));
        may_hold(&self.watch, ends) && self.watch.datagram(&key, side, len, when, tell)
    }

    fn sweep(&mut self, ms: i64) {
        let sets = self.watch.sets();
        self.watch.sweep(at(ms), sets, note(&mut self.told));
    }

    fn flush(&mut self) {
        self.watch.flush(note(&mut self.told));
    }
}

fn note(told: &mut Vec<Told>) -> impl FnMut(&u16, &Exchange) + use<'_> {
    |mark, e| told.push((*mark, e.up, e.down, e.up_frames, e.down_frames))
}

#[test]
fn each_byte_of_a_stream_counts_once() {
    let up = ends(40_000, Transport::Tcp);
    let down = up.reversed();
    let mut bench = Bench::new();
    // Close to where the numbers begin anew.
    bench.begin(&up, 0, u32::MAX - 99);
    bench.segment(&up, 10, u32::MAX - 99, 1000);
    bench.segment(&up, 20, u32::MAX - 99, 1000);
    bench.segment(&up, 30, 899, 1);
    bench.segment(&up, 40, 600, 700);
    // Out of order: the later segment brings the hole with it, the late one nothing.
    bench.segment(&down, 50, 1001, 1000);
    bench.segment(&down, 60, 1, 1000);
    // Met late: from the first segment seen.
    bench.flush();
    assert_eq!(bench.told, [(40_000, 500 + 1000 + 400, 2000, 4, 1)]);
    assert!(bench.watch.is_empty());
}

#[test]
fn a_keep_alive_probe_is_no_payload() {
    let up = ends(40_000, Transport::Tcp);
    let mut bench = Bench::new();
    bench.begin(&up, 0, 1000);
    for n in 1..20 {
        bench.segment(&up, n * 900, 999, 1);
    }
    bench.sweep(20_000);
    bench.segment(&up, 30_000, 1000, 200);
    bench.flush();
    assert_eq!(bench.told, [(40_000, 500, 0, 2, 0), (40_000, 200, 0, 1, 0)]);
}

#[test]
fn a_segment_far_off_is_believed_when_the_next_continues_it() {
    let up = ends(40_000, Transport::Tcp);
    let far = 1 << 30;
    for far in [far, far * 3] {
        let mut bench = Bench::new();
        bench.begin(&up, 0, 1000);
        // A forged one counts for itself and hides nothing.
        bench.segment(&up, 1, far, 50);
        bench.segment(&up, 2, 1000, 1400);
        bench.segment(&up, 3, 2400, 1400);
        // Much was lost: the stream goes on over there.
        bench.segment(&up, 4, far + 9000, 1000);
        bench.segment(&up, 5, far + 10_000, 1000);
        bench.segment(&up, 6, far + 10_000, 1000);
        bench.flush();
        assert_eq!(bench.told[0].1, 500 + 50 + 2800 + 2000);
    }
}

#[test]
fn a_server_met_late_counts_from_its_first_segment() {
    let up = ends(40_000, Transport::Tcp);
    let (key, side) = Key::of(&up);
    let mut bench = Bench::new();
    let mut late = opening(side, 1, 0, 1000);
    late.back = None;
    let tell = note(&mut bench.told);
    bench.watch.begin(&key, &late, Box::new(1), tell);
    bench.segment(&up.reversed(), 10, 77_000, 300);
    bench.flush();
    assert_eq!(bench.told, [(1, 500, 300, 2, 1)]);
}

#[test]
fn small_datagrams_are_not_payload() {
    let up = ends(41_000, Transport::Udp);
    let mut bench = Bench::new();
    assert!(!may_hold(&bench.watch, &up));
    bench.begin(&up, 0, 0);
    bench.frame -= 1;
    // The frame that began the watch comes once more out of the same loop.
    assert!(bench.datagram(&up, 0, 1230));
    assert!(bench.datagram(&up, 10, DATAGRAM_LEN_MIN));
    for n in 0..50 {
        assert!(bench.datagram(&up.reversed(), 20 + n, 1200));
        assert!(bench.datagram(&up, 20 + n, DATAGRAM_LEN_MIN - 1));
    }
    assert!(!bench.datagram(&ends(41_001, Transport::Udp), 80, 1200));
    // Another flow in the same bucket.
    assert!(!bench.datagram(&ends(41_000 ^ 4096, Transport::Udp), 80, 1200));
    bench.flush();
    assert_eq!(bench.told, [(41_000, 580, 60_000, 3, 50)]);
    assert!(!may_hold(&bench.watch, &up));
}

#[test]
fn the_longest_idle_gives_way_and_is_told() {
    let mut bench = Bench::new();
    for n in 0..1000 {
        bench.begin(&ends(n, Transport::Udp), i64::from(n) * 1000, 0);
    }
    assert!(bench.watch.len() <= 64);
    assert_eq!(bench.watch.given_up(), 1000 - bench.watch.len() as u64);
    assert_eq!(bench.told.len() as u64, bench.watch.given_up());
    assert!(may_hold(&bench.watch, &ends(999, Transport::Udp)));
    bench.flush();
    let mut marks: Vec<u16> = bench.told.iter().map(|told| told.0).collect();
    marks.sort_unstable();
    assert_eq!(marks, (0..1000).collect::<Vec<u16>>());
    assert!((0..1000).all(|n| !may_hold(&bench.watch, &ends(n, Transport::Udp))));
}

#[test]
fn another_flow_on_the_same_ports_begins_anew() {
    let up = ends(40_000, Transport::Tcp);
    let mut bench = Bench::new();
    bench.begin(&up, 0, 1000);
    bench.segment(&up, 10, 1000, 100);
    bench.begin(&up, 500, 90_000_000);
    bench.segment(&up, 510, 90_000_000, 100);
    bench.watch.end(&Key::of(&up).0, note(&mut bench.told));
    assert_eq!(bench.told, [(40_000, 600, 0, 3, 0); 2]);
    assert_eq!((bench.watch.len(), bench.watch.given_up()), (0, 0));
    bench.segment(&up, 520, 90_000_100, 100);
    bench.flush();
    assert_eq!(bench.told.len(), 2);
}

#[test]
fn a_quic_flow_that_is_silent_is_forgotten() {
    let up = ends(41_000, Transport::Udp);
    let mut bench = Bench::new();
    bench.begin(&up, 0, 0);
    bench.begin(&ends(40_000, Transport::Tcp), 0, 1000);
    bench.sweep(300_000);
    assert_eq!((bench.watch.len(), bench.told.len()), (2, 2));
    bench.sweep(301_000);
    assert_eq!(bench.watch.len(), 1);
    assert!(!may_hold(&bench.watch, &up));
    bench.flush();
    assert_eq!(bench.told.len(), 2);
}

#[test]
fn what_rests_is_told_by_the_sweep() {
    let up = ends(41_000, Transport::Udp);
    let mut bench = Bench::new();
    bench.begin(&up, 0, 0);
    bench.datagram(&up.reversed(), 100, 1200);
    bench.sweep(99 + REST_NS as i64 / 1_000_000);
    assert!(bench.told.is_empty());
    bench.sweep(100 + REST_NS as i64 / 1_000_000);
    assert_eq!(bench.told, [(41_000, 500, 1200, 2, 1)]);
    assert_eq!(bench.watch.len(), 1);
}

proptest! {
    /// A stream cut, doubled, reordered within a window: every byte once, whatever the numbers.
    #[test]
    fn any_segmentation_gives_the_same_sum(
        isn: u32,
        lens in prop::collection::vec(1u32..3000, 1..60),
        order in prop::collection::vec(0usize..6, 60),
        twice in prop::collection::vec(any::<bool>(), 60),
    ) {
        let up = ends(40_000, Transport::Tcp);
        let mut bench = Bench::new();
        bench.begin(&up, 0, isn);
        let mut sent = Vec::new();
        let mut seq = isn;
        for (n, len) in lens.iter().enumerate() {
            sent.push((n + order[n], seq, *len));
            if twice[n] {
                sent.push((n + order[n] * 2, seq, *len));
            }
            seq = seq.wrapping_add(*len);
        }
        sent.sort_by_key(|(place, _, _)| *place);
        for (n, (_, seq, len)) in (0i64..).zip(&sent) {
            bench.segment(&up, n, *seq, *len);
        }
        bench.flush();
        prop_assert_eq!(bench.told.len(), 1);
        prop_assert_eq!(bench.told[0].1, 500 + u64::from(lens.iter().sum::<u32>()));
    }
}

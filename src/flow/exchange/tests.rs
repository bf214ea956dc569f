//! Exchanges by example, and against a naive judge with full memory.

use super::*;
use proptest::prelude::*;

/// Milliseconds, up?, bytes; the frame is the place in the list, from 1.
type Moment = (i64, bool, u64);

const START: i64 = 1_700_000_000_000_000_000;

fn payload(at: usize, moment: &Moment) -> Payload {
    Payload {
        time: Timestamp(START + moment.0 * 1_000_000),
        frame: at as u64 + 1,
        up: moment.1,
        bytes: moment.2,
        frames: 1,
    }
}

/// All exchanges of a flow; `ticks` are moments (in milliseconds) at which time is told besides.
fn run(moments: &[Moment], ticks: &[i64]) -> Vec<Exchange> {
    let mut flow = Exchanges::default();
    let mut told = Vec::new();
    let mut ticks = ticks.iter().peekable();
    for (at, moment) in moments.iter().enumerate() {
        while let Some(tick) = ticks.next_if(|tick| **tick < moment.0) {
            told.extend(flow.rested(Timestamp(START + tick * 1_000_000)));
        }
        told.extend(flow.payload(&payload(at, moment)));
    }
    told.extend(flow.end());
    told
}

/// The rule as it is written, over the whole list, again and again from its beginning.
fn naive(moments: &[Moment]) -> Vec<Exchange> {
    let ms = |n: i64| n * 1_000_000;
    let mut told = Vec::new();
    let mut first = 0;
    while let Some(begin) = (first..moments.len()).find(|at| moments[*at].1) {
        // Does `at` still belong to the exchange of `begin..at`?
        let belongs = |at: usize| {
            let part = &moments[begin..at];
            let asked = part.iter().rposition(|m| m.1 && m.2 >= SMALL_LEN);
            let waits = !moments[at].1
                && asked.is_some_and(|asked| {
                    let after = part[asked..].iter().filter(|m| !m.1);
                    after.map(|m| m.2).sum::<u64>() < SMALL_LEN
                });
            let bound = if waits { ANSWER_NS } else { REST_NS };
            let rest = ms(moments[at].0 - moments[at - 1].0) as u64;
            rest < bound && (ms(moments[at].0 - moments[begin].0) as u64) < LONG_NS
        };
        let next = (begin + 1..moments.len()).find(|at| !belongs(*at));
        let end = next.unwrap_or(moments.len());
        let part = &moments[begin..end];
        let sum = |up: bool| {
            let of = part.iter().filter(|m| m.1 == up);
            of.fold((0, 0), |(bytes, n), m| (bytes + m.2, n + 1))
        };
        let ((up, up_frames), (down, down_frames)) = (sum(true), sum(false));
        told.push(Exchange {
            start: Timestamp(START + ms(moments[begin].0)),
            end: Timestamp(START + ms(moments[end - 1].0)),
            frames: (begin as u64 + 1, end as u64),
            rest_ns: match begin {
                0 => 0,
                _ => ms(moments[begin].0 - moments[begin - 1].0) as u64,
            },
            up,
            down,
            up_frames,
            down_frames,
        });
        first = end;
    }
    told
}

/// `up` and `down` of each exchange.
fn sums(moments: &[Moment]) -> Vec<(u64, u64)> {
    let told = run(moments, &[]);
    assert_eq!(told, naive(moments));
    told.iter().map(|e| (e.up, e.down)).collect()
}

const UP: bool = true;
const DOWN: bool = false;

#[test]
fn a_rest_parts_two_exchanges() {
    let page = [
        (0, UP, 500),
        (30, DOWN, 9000),
        (1029, UP, 300),
        (1050, DOWN, 700),
    ];
    assert_eq!(sums(&page), [(800, 9700)]);
    let form = [
        (0, UP, 500),
        (30, DOWN, 9000),
        (1030, UP, 300),
        (1050, DOWN, 700),
    ];
    assert_eq!(sums(&form), [(500, 9000), (300, 700)]);
    assert_eq!(run(&form, &[])[1].rest_ns, REST_NS);
}

#[test]
fn the_server_alone_begins_nothing() {
    assert!(sums(&[(0, DOWN, 500), (10, DOWN, 500)]).is_empty());
    let pushed = [
        (0, UP, 500),
        (10, DOWN, 500),
        (2000, DOWN, 90_000),
        (2500, UP, 60),
    ];
    assert_eq!(sums(&pushed), [(500, 500), (60, 0)]);
    // The push is payload: the flow had not rested for longer than that.
    assert_eq!(run(&pushed, &[])[1].rest_ns, 500_000_000);
}

#[test]
fn a_late_answer_belongs_to_its_request() {
    let search = [
        (0, UP, 1428),
        (5, UP, 90_000),
        (20, DOWN, 35),
        (4800, DOWN, 40_000),
    ];
    assert_eq!(sums(&search), [(91_428, 40_035)]);
    // Once answered, a rest is a rest.
    let more = [(0, UP, 1428), (300, DOWN, 200), (4800, DOWN, 40_000)];
    assert_eq!(sums(&more), [(1428, 200)]);
    // Nobody waits for ever, and not for housekeeping.
    assert_eq!(sums(&[(0, UP, 1428), (10_000, DOWN, 400)]), [(1428, 0)]);
    assert_eq!(sums(&[(0, UP, 99), (1000, DOWN, 400)]), [(99, 0)]);
    // What the client says after a rest is something new.
    assert_eq!(
        sums(&[(0, UP, 1428), (3000, UP, 400)]),
        [(1428, 0), (400, 0)]
    );
}

#[test]
fn what_never_rests_is_cut() {
    let polling: Vec<Moment> = (0..200).map(|n| (n * 500, n % 2 == 0, 150)).collect();
    let told = run(&polling, &[]);
    assert_eq!(told, naive(&polling));
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|e| e.end.since_ns(e.start) < LONG_NS));
    assert_eq!(told[1].rest_ns, 500_000_000);
    // A download goes on alone: its tail belongs to no exchange.
    let film: Vec<Moment> = (0..900).map(|n| (n * 100, n == 0, 1400)).collect();
    assert_eq!(sums(&film), [(1400, 599 * 1400)]);
}

#[test]
fn a_time_that_goes_back_breaks_nothing() {
    let mut flow = Exchanges::default();
    assert_eq!(flow.payload(&payload(0, &(5000, UP, 200))), None);
    assert_eq!(flow.payload(&payload(1, &(4000, DOWN, 300))), None);
    assert_eq!(flow.rested(Timestamp(0)), None);
    let told = flow.end().unwrap();
    assert_eq!((told.start, told.end), (told.start, told.start));
    assert_eq!((told.up, told.down, told.rest_ns), (200, 300, 0));
    assert_eq!(flow.end(), None);
}

#[test]
fn a_rest_is_told_when_it_is_long_enough() {
    let mut flow = Exchanges::default();
    let at = |ms: i64| Timestamp(START + ms * 1_000_000);
    flow.payload(&payload(0, &(0, UP, 300)));
    assert_eq!(flow.rested(at(9_999)), None);
    assert!(flow.rested(at(10_000)).is_some());
    flow.payload(&payload(1, &(20_000, UP, 300)));
    flow.payload(&payload(2, &(20_100, DOWN, 300)));
    assert_eq!(flow.rested(at(21_099)), None);
    assert!(flow.rested(at(21_100)).is_some());
    assert_eq!(flow.rested(at(90_000)), None);
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let gap = prop_oneof![
        6 => 0i64..400,
        2 => 900i64..1100,
        2 => 1000i64..15_000,
        1 => 9_990i64..10_010,
    ];
    let bytes = prop_oneof![1u64..150, 95u64..105, 1000u64..2000];
    prop::collection::vec((gap, any::<bool>(), bytes), 0..120).prop_map(|steps| {
        let mut now = 0;
        let walk = |(gap, up, bytes)| {
            now += gap;
            (now, up, bytes)
        };
        steps.into_iter().map(walk).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The same as the naive judge; and however often time is told between, nothing changes.
    #[test]
    fn agrees_with_the_naive_judge(
        list in moments(),
        mut ticks in prop::collection::vec(0i64..200_000, 0..60),
    ) {
        ticks.sort_unstable();
        let expected = naive(&list);
        prop_assert_eq!(&run(&list, &[]), &expected);
        prop_assert_eq!(&run(&list, &ticks), &expected);
        for pair in expected.windows(2) {
            prop_assert!(pair[0].frames.1 < pair[1].frames.0);
        }
    }
}

//! Lines that come in pieces, too long, in other alphabets, or never to their end.

use super::super::probe::Probe;
use super::*;

const LOG: &[u8] = include_bytes!("../../../tests/data/feeds/squid-access.log");

#[test]
fn any_cutting_gives_the_same_events() {
    let want = Probe::new("squid", "").file(LOG).all();
    assert_eq!(want.len(), 4);
    for size in [1, 2, 3, 50, 1000] {
        let mut probe = Probe::new("squid", "").file("");
        for piece in LOG.chunks(size) {
            probe.more(piece);
        }
        assert_eq!(probe.all(), want);
    }
}

/// `10.0.0.1` may be the head of `10.0.0.12`.
#[test]
fn half_a_line_is_not_read_and_told_when_it_stays_so() {
    let pattern = "[[patterns]]\nline = 'user=(?<user>\\S+) ip=(?<ip>\\S+)'\n";
    let mut probe = Probe::new("aaa", pattern).file("Nov 22 06:30:00 h p: user=a ip=10.0.0.1");
    assert!(probe.told().is_empty());
    probe.more("2\n");
    assert_eq!(probe.told(), ["holds 06:30:00 10.0.0.12/32 user=a"]);
    probe.more("Nov 22 06:30:00 h p: user=a ip=10.0.0.1");
    probe.reader.piece(&Piece::Left, &mut probe.desk);
    assert!(probe.told().is_empty() && probe.desk.faults == [(2, CUT.0)]);
}

#[test]
fn a_line_too_long_is_passed_over_and_counted() {
    let long = vec![b'x'; LINE_LEN_MAX + 1];
    let bytes = [&long[..], b"\n", LOG].concat();
    for size in [1 << 20, 4096] {
        let mut probe = Probe::new("squid", "").file("");
        for piece in bytes.chunks(size) {
            probe.more(piece);
        }
        assert_eq!(probe.told().len(), 4);
        assert_eq!(probe.desk.faults, [(1, TOO_LONG.0)]);
    }
}

#[test]
fn other_alphabets_stay_apart() {
    let pattern = "[[patterns]]\nline = 'user=(?<user>\\S+) ip=(?<ip>\\S+)'\n";
    let mut probe = Probe::new("aaa", pattern)
        .file(b"Nov 22 06:30:00 h p: user=ren\xe9 ip=10.0.0.1\r\nNov 22 06:30:00 h p: user=ren\xe8 ip=10.0.0.1\n");
    assert_eq!(
        probe.told(),
        [
            "holds 06:30:00 10.0.0.1/32 user=rené",
            "holds 06:30:00 10.0.0.1/32 user=renè"
        ]
    );
}

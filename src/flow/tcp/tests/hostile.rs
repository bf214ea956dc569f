//! Streams of a sender who wants to blind the monitor, and honest streams that look like one.

use super::*;
use crate::flow::pool::SLOT_LEN;

const SYN: u8 = TcpMeta::SYN;
const ACK: u8 = TcpMeta::ACK;

/// From the server's side.
fn back(seq: u32, flags: u8, payload: &[u8]) -> Packet<'_> {
    let mut packet = packet(seq, flags, payload);
    packet.ends = packet.ends.reversed();
    packet
}

fn from_port(sport: u16, mut packet: Packet<'_>) -> Packet<'_> {
    packet.ends.sport = sport;
    packet
}

fn at(seconds: i64, mut packet: Packet<'_>) -> Packet<'_> {
    packet.time = Timestamp(seconds * 1_000_000_000);
    packet
}

fn got(packets: &[Packet<'_>]) -> (Vec<Vec<u8>>, Vec<Outcome>) {
    let mut toy = Toy::default();
    run(&mut toy, packets);
    (toy.got, toy.ended)
}

#[test]
fn a_forged_syn_does_not_blind() {
    // Far off, just before and just behind the true number.
    for forged in [3_000_000_000, 2_000_000, 40, 9 - 5] {
        let (got, ended) = got(&[
            packet(9, SYN, b""),
            packet(forged, SYN, b""),
            packet(10, ACK, b"#\x04a"),
            packet(13, ACK, b"b$d"),
        ]);
        assert_eq!(ended.last(), Some(&Outcome::Named), "{forged}: {ended:?}");
        assert!(!got.is_empty());
    }
}

#[test]
fn a_decoy_before_the_window_is_not_read() {
    let (got, _) = got(&[
        packet(100_000, SYN, b""),
        packet(100_001 - 10_000, ACK, b"#\x05decoy"),
        packet(100_001, ACK, b"#\x02ab"),
    ]);
    assert_eq!(got, [b"ab".to_vec()]);
}

#[test]
fn a_segment_far_ahead_does_not_blind() {
    for far in [40_000, 1_000_000, 2_100_000_000u32] {
        // Before the first byte, within a message, and within a dialogue.
        let before = [
            packet(9, SYN, b""),
            packet(10 + far, ACK, b"junk"),
            packet(10, ACK, b"#\x02a"),
            packet(13, ACK, b"b"),
        ];
        let within = [
            packet(9, SYN, b""),
            packet(10, ACK, b"#\x02a"),
            packet(10 + far, ACK, b"junk"),
            packet(13, ACK, b"b"),
        ];
        let dialogue = [
            packet(9, SYN, b""),
            packet(10, ACK, b"EHLO"),
            packet(10 + far, ACK, b"junk"),
            packet(14, ACK, b"#\x02a"),
            packet(17, ACK, b"b"),
        ];
        for packets in [&before[..], &within, &dialogue] {
            assert_eq!(got(packets).0, [b"ab".to_vec()], "{far}");
        }
    }
}

#[test]
fn a_segment_across_the_end_of_the_buffer_does_not_blind() {
    let (got, _) = got(&[
        packet(9, SYN, b""),
        packet(10, ACK, b"#\x02a"),
        packet(10 + SLOT_LEN as u32 - 1, ACK, b"junk"),
        packet(13, ACK, b"b"),
    ]);
    assert_eq!(got, [b"ab".to_vec()]);
}

#[test]
fn a_hello_longer_than_the_buffer_is_a_limit() {
    struct Endless(Vec<Outcome>);
    impl Reader for Endless {
        fn read(&mut self, _: &[u8], _: &mut Said) -> Verdict {
            Verdict::NeedMore
        }
        fn rest(
            &mut self,
            _: &Endpoints,
            _: (u64, Timestamp),
            _: bool,
            _: &[u8],
        ) -> Option<Outcome> {
            None
        }
        fn ended(&mut self, _: &Endpoints, _: Timestamp, _: (u64, Timestamp), outcome: Outcome) {
            self.0.push(outcome);
        }
        fn copied(&mut self, _: usize) {}
        fn pool_empty(&mut self) {}
    }
    // Whether or not segments end where the buffer does.
    for len in [1024usize, 1000] {
        let mut endless = Endless(Vec::new());
        let mut streams = Streams::new(64, 8, Some(1));
        streams.push(&packet(9, SYN, b""), 1, &mut endless);
        let bytes = vec![0; len];
        for i in 0..40 {
            streams.push(&packet(10 + i * len as u32, ACK, &bytes), 2, &mut endless);
        }
        assert_eq!(endless.0, [Outcome::ReassemblyLimit]);
        assert_eq!(streams.parts.free_buffers(), 16);
    }
}

#[test]
fn keep_alives_and_zero_window_probes_do_no_harm() {
    let (got, ended) = got(&[
        packet(9, SYN, b""),
        packet(9, ACK, b"\0"),
        packet(10, ACK, b"#"),
        packet(10, ACK, b"#"),
        packet(11, ACK, b"\x02"),
        packet(11, ACK, b"\x02"),
        packet(12, ACK, b"ab"),
        packet(13, ACK, b"b"),
    ]);
    assert_eq!((got, ended), (vec![b"ab".to_vec()], vec![Outcome::Named]));
}

#[test]
fn a_reordered_hello_after_a_dialogue_is_found() {
    let (got, _) = got(&[
        packet(9, SYN, b""),
        packet(10, ACK, b"EHLO"),
        packet(17, ACK, b"b"),
        packet(14, ACK, b"#\x02a"),
    ]);
    assert_eq!(got, [b"ab".to_vec()]);
}

#[test]
fn messages_behind_a_middle_are_read_once_each() {
    let mut toy = Toy {
        many: true,
        ..Toy::default()
    };
    // The middle of a message; a whole one from before it comes late; then more.
    let p = [
        packet(1000, ACK, b"middle"),
        packet(996, ACK, b"#\x02ab"),
        packet(1006, ACK, b"#\x02cd"),
        packet(1010, ACK, b"#\x02ef"),
    ];
    run(&mut toy, &p);
    assert_eq!(toy.got, [b"ab", b"cd", b"ef"].map(|m| m.to_vec()));
}

#[test]
fn half_open_messages_give_way_to_later_ones() {
    let mut toy = Toy::default();
    let mut streams = Streams::new(4096, 8, Some(1));
    for port in 1..=500 {
        streams.push(&from_port(port, packet(9, SYN, b"")), 1, &mut toy);
        // Every tenth shows its name in what there is.
        let half: &[u8] = if port % 10 == 0 {
            b"#\x09a$"
        } else {
            b"#\x09ab"
        };
        streams.push(&from_port(port, packet(10, ACK, half)), 2, &mut toy);
    }
    assert_eq!(toy.pool_empty, 500 - 8);
    let honest = [
        packet(9, SYN, b""),
        packet(10, ACK, b"#\x03x"),
        packet(13, ACK, b"yz"),
    ];
    for p in &honest {
        streams.push(p, 3, &mut toy);
    }
    assert_eq!(toy.got.last().unwrap(), b"xyz");
    streams.flush(&mut toy);
    let count = |outcome| toy.ended.iter().filter(|o| **o == outcome).count();
    assert_eq!(toy.ended.len(), 501, "each connection has one fate");
    assert_eq!(count(Outcome::Named), 51);
    assert_eq!(streams.parts.free_buffers(), 16);
}

#[test]
fn a_flooded_table_gives_every_flow_one_fate_and_all_buffers_back() {
    let mut toy = Toy::default();
    let mut streams = Streams::new(64, 8, Some(1));
    for port in 1..=5000 {
        streams.push(&from_port(port, packet(9, SYN, b"#\x09")), 1, &mut toy);
        streams.push(&from_port(port, packet(12, ACK, b"a")), 2, &mut toy);
    }
    streams.flush(&mut toy);
    assert_eq!(toy.ended.len(), 5000);
    assert_eq!(streams.parts.free(), 8);
}

#[test]
fn the_client_is_who_opened_or_sent_the_hello_or_has_the_higher_port() {
    for (packets, client) in [
        (vec![packet(9, SYN, b"")], 40_000),
        (vec![back(9, SYN | ACK, b"")], 40_000),
        (vec![back(9, SYN, b"")], 443),
        (vec![packet(10, ACK, b"bulk")], 40_000),
        (vec![back(10, ACK, b"bulk")], 40_000),
        (vec![back(10, ACK, b"#\x01a")], 443),
        (vec![back(10, ACK, b"#\x09$")], 443),
    ] {
        let mut toy = Toy::default();
        run(&mut toy, &packets);
        assert_eq!(toy.clients, [client]);
    }
}

#[test]
fn a_banner_of_the_server_and_both_sides_half_done() {
    let (got, ended) = got(&[
        packet(9, SYN, b""),
        back(99, SYN | ACK, b""),
        back(100, ACK, b"220 mail"),
        back(108, ACK, b"#\x09half"),
        packet(10, ACK, b"EHLO"),
        packet(14, ACK, b"#\x02a"),
        packet(17, ACK, b"b"),
    ]);
    assert_eq!((got, ended), (vec![b"ab".to_vec()], vec![Outcome::Named]));
}

#[test]
fn a_connection_that_rests_counts_once_and_one_that_wakes_late_is_read() {
    let mut toy = Toy::default();
    let mut streams = Streams::new(64, 8, Some(1));
    let sets = streams.sets();
    let mut step = |p: &Packet<'_>, toy: &mut Toy| {
        streams.sweep(p.time, sets, toy);
        streams.push(p, 1, toy);
    };
    step(&at(0, packet(9, SYN, b"")), &mut toy);
    step(&at(300, packet(10, ACK, b"#\x01a")), &mut toy);
    step(&at(2000, packet(13, ACK, b"more")), &mut toy);
    step(&at(4000, packet(17, ACK, b"more")), &mut toy);
    assert_eq!(
        (toy.got.len(), toy.ended.as_slice()),
        (1, &[Outcome::Named][..])
    );
}

#[test]
fn an_idle_half_message_gives_its_buffer_back() {
    let mut toy = Toy::default();
    let mut streams = Streams::new(64, 8, Some(1));
    streams.push(&at(0, packet(9, SYN, b"#\x09a$")), 1, &mut toy);
    assert_eq!(streams.parts.free(), 7);
    let sets = streams.sets();
    streams.sweep(Timestamp(121_000_000_000), sets, &mut toy);
    assert_eq!(streams.parts.free(), 8);
    assert_eq!(toy.ended, [Outcome::Named]);
    streams.flush(&mut toy);
    assert_eq!(toy.ended.len(), 1);
}

#[test]
fn ports_used_again_after_a_middle_are_another_connection() {
    let mut download = vec![back(5, ACK, b"x")];
    // Decided by the looks of both sides.
    for i in 0..16 {
        download.push(back(5 + i, ACK, b"x"));
        download.push(packet(5 + i, ACK, b"x"));
    }
    download.push(packet(900_000, SYN, b""));
    download.push(packet(900_001, ACK, b"#\x01a"));
    let (got, ended) = got(&download);
    assert_eq!(got, [b"a".to_vec()]);
    assert_eq!(ended, [Outcome::Midstream, Outcome::Named]);
}

#[test]
fn a_syn_after_a_side_that_sent_nothing_begins_another_connection() {
    let (got, _) = got(&[
        back(5, ACK, b"#\x01s"),
        packet(900_000, SYN, b""),
        packet(900_001, ACK, b"#\x01a"),
    ]);
    assert_eq!(got, [b"s".to_vec(), b"a".to_vec()]);
}

#[test]
fn headers_only_is_a_cut_capture() {
    let mut headers = packet(10, ACK, b"");
    headers.payload_wire_len = 600;
    assert_eq!(got(&[packet(9, SYN, b""), headers]).1, [Outcome::Truncated]);
    assert_eq!(got(&[headers]).1, [Outcome::Truncated]);
}

#[test]
fn a_cut_dialogue_leaves_no_hole() {
    let mut toy = Toy::default();
    let mut cut = packet(10, ACK, b"EHLO");
    cut.payload_wire_len = 100;
    run(
        &mut toy,
        &[packet(9, SYN, b""), cut, packet(110, ACK, b"#\x01a")],
    );
    assert_eq!((toy.got, toy.copied), (vec![b"a".to_vec()], 0));
}

#[test]
fn times_of_a_hostile_capture_do_no_harm() {
    let times = [i64::MIN, -1, 0, i64::MAX, 1, -1_000_000_000, i64::MAX - 5];
    let mut toy = Toy::default();
    let mut streams = Streams::new(64, 8, Some(1));
    for (i, time) in (1u16..).zip(times.iter().cycle().take(700)) {
        let mut p = from_port(i, packet(9, SYN, b"#\x09a"));
        p.time = Timestamp(*time);
        streams.sweep(p.time, 2, &mut toy);
        streams.push(&p, 1, &mut toy);
    }
    streams.flush(&mut toy);
    assert_eq!(toy.ended.len(), 700);
    assert_eq!(streams.parts.free(), 8);
}

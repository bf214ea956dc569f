//! What the tools against censorship send, trick by trick, and what a server makes of it.
//!
//! Built packets: the shapes of GoodbyeDPI, zapret (nfqws), ByeDPI and SpoofDPI, with a decoy that is
//! as good a hello as the true one. `docs/desync.md` has the table.

use super::*;
use crate::flow::Desync;
use pnet::packet::tcp::ipv4_checksum;

mod random;

const ISN: u32 = 1_000_000;
const SERVER_ISN: u32 = 77_000;
/// As long as the true name.
const DECOY_NAME: &str = "www.w3-decoy.org";

/// How a segment differs from an honest one.
#[derive(Clone, Copy, Debug)]
struct Craft {
    hops: u8,
    flags: u8,
    ack: u32,
    wrong_sum: bool,
    md5: bool,
    clock: Option<u32>,
    urgent: u16,
    ip_option: bool,
}

const HONEST: Craft = Craft {
    hops: 64,
    flags: 0x18,
    ack: SERVER_ISN + 1,
    wrong_sum: false,
    md5: false,
    clock: Some(50_000_000),
    urgent: 0,
    ip_option: false,
};
const LOW_TTL: Craft = Craft { hops: 5, ..HONEST };
const WRONG_SUM: Craft = Craft {
    wrong_sum: true,
    ..HONEST
};
const MD5: Craft = Craft {
    md5: true,
    clock: None,
    ..HONEST
};
const BAD_ACK: Craft = Craft {
    ack: SERVER_ISN + 1 - 66_000,
    ..HONEST
};
const NO_ACK: Craft = Craft {
    flags: 0x08,
    ack: 0,
    ..HONEST
};
const OLD_CLOCK: Craft = Craft {
    clock: Some(50_000_000 - 600_000),
    ..HONEST
};
const IP_OPTION: Craft = Craft {
    ip_option: true,
    ..HONEST
};

/// Each sign by which a tool keeps its decoy from the server.
const SIGNS: [(&str, Craft, Desync); 7] = [
    ("ttl", LOW_TTL, Desync::DecoyTtl),
    ("badsum", WRONG_SUM, Desync::DecoyChecksum),
    ("md5sig", MD5, Desync::DecoyOption),
    ("badack", BAD_ACK, Desync::DecoyAck),
    ("datanoack", NO_ACK, Desync::DecoyAck),
    ("ts", OLD_CLOCK, Desync::DecoyOption),
    ("ip options", IP_OPTION, Desync::DecoyHeader),
];

fn options(craft: Craft) -> Vec<u8> {
    let mut options = Vec::new();
    if let Some(clock) = craft.clock {
        options.extend([1, 1, 8, 10]);
        options.extend(clock.to_be_bytes());
        options.extend([0; 4]);
    }
    if craft.md5 {
        options.extend([19, 18]);
        options.extend([0xab; 16]);
        options.extend([1, 1]);
    }
    options
}

/// A frame of the client, or of the server (`back`), with all its sums right but those that are
/// meant to be wrong.
fn frame(back: bool, seq: u32, craft: Craft, payload: &[u8]) -> Vec<u8> {
    let options = options(craft);
    let mut body = vec![0; 20 + options.len()];
    body[20..].copy_from_slice(&options);
    body.extend(payload);
    let (src, dst) = if back {
        (SERVER, CLIENT)
    } else {
        (CLIENT, SERVER)
    };
    let (sport, dport) = if back { (443, 40_000) } else { (40_000, 443) };
    let mut tcp = MutableTcpPacket::new(&mut body).unwrap();
    tcp.set_source(sport);
    tcp.set_destination(dport);
    tcp.set_sequence(seq);
    tcp.set_acknowledgement(craft.ack);
    tcp.set_data_offset(u8::try_from(5 + options.len() / 4).unwrap());
    tcp.set_flags(craft.flags);
    tcp.set_urgent_ptr(craft.urgent);
    tcp.set_window(501);
    let sum = ipv4_checksum(&tcp.to_immutable(), &src.into(), &dst.into());
    tcp.set_checksum(if craft.wrong_sum { sum ^ 0x1234 } else { sum });
    let mut bytes = frame_of(IpNextHeaderProtocols::Tcp, back, &body);
    let mut ip = MutableIpv4Packet::new(&mut bytes[14..]).unwrap();
    ip.set_ttl(craft.hops);
    if craft.ip_option {
        ip.set_header_length(6);
        ip.set_total_length(u16::try_from(24 + body.len()).unwrap());
        bytes.splice(34..34, [1, 1, 1, 0]);
    }
    bytes
}

/// A segment: where in the stream, how, what.
type Part<'p> = (i64, Craft, &'p [u8]);

fn opening() -> Vec<Vec<u8>> {
    let syn = Craft {
        flags: 2,
        ack: 0,
        ..HONEST
    };
    let back = Craft {
        flags: 0x12,
        ack: ISN + 1,
        ..HONEST
    };
    let ack = Craft {
        flags: 0x10,
        ..HONEST
    };
    vec![
        frame(false, ISN, syn, b""),
        frame(true, SERVER_ISN, back, b""),
        frame(false, ISN + 1, ack, b""),
    ]
}

fn segments(parts: &[Part<'_>]) -> Vec<Vec<u8>> {
    let seq = |at: i64| (i64::from(ISN + 1) + at) as u32;
    let parts = parts.iter();
    parts
        .map(|(at, craft, bytes)| frame(false, seq(*at), *craft, bytes))
        .collect()
}

fn sent(parts: &[Part<'_>]) -> (Seeing, crate::event::Stats) {
    let mut frames = opening();
    frames.extend(segments(parts));
    run(&frames)
}

fn decoy() -> Vec<u8> {
    let mut bytes = HELLO.to_vec();
    let at = name_at();
    bytes[at..at + HELLO_NAME.len()].copy_from_slice(DECOY_NAME.as_bytes());
    bytes
}

/// Where in the hello its name stands.
fn name_at() -> usize {
    let name = HELLO_NAME.as_bytes();
    HELLO
        .windows(name.len())
        .position(|part| part == name)
        .unwrap()
}

fn names(seeing: &Seeing) -> Vec<&str> {
    seeing.names.iter().map(|(_, name)| name.as_str()).collect()
}

/// The true name, once, and nothing else.
fn assert_true(trick: &str, (seeing, stats): &(Seeing, crate::event::Stats)) {
    assert_eq!(names(seeing), [HELLO_NAME], "{trick}");
    assert!(seeing.hits.iter().all(|hit| !hit.contested), "{trick}");
    assert_eq!(seeing.hits.len(), 1, "{trick}");
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1, "{trick}");
}

#[test]
fn splits_of_goodbyedpi_e_f_and_of_zapret_multisplit_and_byedpi_split() {
    let name = name_at();
    // At byte 1, in the record header, behind it, in the name and at its edges.
    for cut in [
        1,
        3,
        5,
        6,
        name,
        name + 1,
        name + 8,
        name + HELLO_NAME.len(),
    ] {
        let (a, b) = HELLO.split_at(cut);
        let at = cut as i64;
        assert_true("split", &sent(&[(0, HONEST, a), (at, HONEST, b)]));
        assert_true("disorder", &sent(&[(at, HONEST, b), (0, HONEST, a)]));
    }
}

#[test]
fn fake_before_the_hello_of_zapret_fake_and_goodbyedpi_fake_packet() {
    let decoy = decoy();
    for (trick, craft, sign) in SIGNS {
        let out = sent(&[(0, craft, &decoy), (0, HONEST, HELLO)]);
        assert_true(trick, &out);
        assert_eq!(out.1.desync.at(sign.index()), 1, "{trick}");
        // Twice, as with --dpi-desync-repeats, and with the hello split behind it.
        let cut = name_at() + 4;
        let (a, b) = HELLO.split_at(cut);
        let parts = [
            (0, craft, &decoy[..]),
            (0, craft, &decoy),
            (cut as i64, HONEST, b),
            (0, HONEST, a),
        ];
        assert_true(trick, &sent(&parts));
    }
}

#[test]
fn badseq_of_zapret_and_wrong_seq_of_goodbyedpi() {
    let decoy = decoy();
    let out = sent(&[(-10_000, HONEST, &decoy), (0, HONEST, HELLO)]);
    assert_true("badseq", &out);
    assert_eq!(out.1.desync.at(Desync::DecoySequence.index()), 1);
}

#[test]
fn fakedsplit_and_fakeddisorder_of_zapret() {
    let decoy = decoy();
    let cut = name_at() + 4;
    let at = cut as i64;
    let ((a, b), (fake_a, fake_b)) = (HELLO.split_at(cut), decoy.split_at(cut));
    for (trick, craft, _) in SIGNS {
        let split = [
            (0, craft, fake_a),
            (0, HONEST, a),
            (0, craft, fake_a),
            (at, craft, fake_b),
            (at, HONEST, b),
            (at, craft, fake_b),
        ];
        assert_true(trick, &sent(&split));
        let disorder = [
            (at, craft, fake_b),
            (at, HONEST, b),
            (at, craft, fake_b),
            (0, craft, fake_a),
            (0, HONEST, a),
            (0, craft, fake_a),
        ];
        assert_true(trick, &sent(&disorder));
    }
}

#[test]
fn seqovl_of_zapret_multisplit_hides_bytes_before_the_stream() {
    let decoy = decoy();
    let first = [&decoy[..300], &HELLO[..700]].concat();
    let out = sent(&[(-300, HONEST, &first), (700, HONEST, &HELLO[700..])]);
    assert_true("seqovl", &out);
}

#[test]
fn seqovl_of_zapret_multidisorder_is_read_both_ways() {
    // The second part comes first and covers the end of the first part with other bytes. Linux takes
    // the first part whole; Windows keeps what it had.
    let decoy = decoy();
    let cut = name_at() + HELLO_NAME.len();
    let from = name_at();
    let second = [&decoy[from..cut], &HELLO[cut..]].concat();
    let (seeing, stats) = sent(&[(from as i64, HONEST, &second), (0, HONEST, &HELLO[..cut])]);
    let mut told = names(&seeing);
    told.sort_unstable();
    assert_eq!(told, [HELLO_NAME, DECOY_NAME]);
    assert!(seeing.hits.len() == 1 && seeing.hits[0].contested);
    assert!(stats.desync.at(Desync::Overlap.index()) > 0);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
}

#[test]
fn disorder_of_byedpi_sends_true_bytes_with_a_ttl_of_one_first() {
    let (a, b) = HELLO.split_at(name_at() + 2);
    let at = a.len() as i64;
    let dying = Craft { hops: 1, ..HONEST };
    assert_true(
        "disorder",
        &sent(&[(0, dying, a), (at, HONEST, b), (0, HONEST, a)]),
    );
    // Its fake: other bytes of the same length, and the kernel sends the true ones again.
    let decoy = decoy();
    let parts = [
        (0, LOW_TTL, &decoy[..a.len()]),
        (at, HONEST, b),
        (0, HONEST, a),
    ];
    assert_true("fake", &sent(&parts));
}

#[test]
fn oob_of_byedpi_is_no_part_of_the_stream() {
    for cut in [1, 3, 7, name_at() + 3] {
        let (a, b) = HELLO.split_at(cut);
        let first = [a, b"a"].concat();
        let urgent = Craft {
            flags: 0x38,
            urgent: u16::try_from(first.len()).unwrap(),
            ..HONEST
        };
        let at = first.len() as i64;
        let out = sent(&[(0, urgent, &first), (at, HONEST, b)]);
        assert_true("oob", &out);
        assert_eq!(out.1.desync.at(Desync::Urgent.index()), 1);
        assert_true("disoob", &sent(&[(at, HONEST, b), (0, urgent, &first)]));
        let dying = Craft { hops: 1, ..urgent };
        let parts = [(0, dying, &first[..]), (at, HONEST, b), (0, urgent, &first)];
        assert_true("disoob", &sent(&parts));
    }
    // A receiver that reads urgent data in line gets a hello only when the byte belongs to it.
    let inline = Craft {
        flags: 0x38,
        urgent: 100,
        ..HONEST
    };
    assert_true("inline", &sent(&[(0, inline, HELLO)]));
}

#[test]
fn syndata_of_zapret_is_not_taken_without_a_cookie() {
    let decoy = decoy();
    let syn = Craft {
        flags: 2,
        ack: 0,
        ..HONEST
    };
    let mut frames = opening();
    frames[0] = frame(false, ISN, syn, &decoy);
    frames.extend(segments(&[(0, HONEST, HELLO)]));
    let out = run(&frames);
    assert_true("syndata", &out);
    assert_eq!(out.1.desync.at(Desync::DecoySyn.index()), 1);
}

#[test]
fn what_stood_out_is_read_when_the_server_took_it_or_nothing_better_came() {
    for (trick, craft, _) in SIGNS.into_iter().filter(|(_, craft, _)| !craft.wrong_sum) {
        let mut frames = opening();
        frames.extend(segments(&[(0, craft, HELLO)]));
        // At the end.
        let (seeing, _) = run(&frames);
        assert_eq!(names(&seeing), [HELLO_NAME], "{trick}");
        // The server has it: no doubt is left.
        let ack = Craft {
            flags: 0x10,
            ack: ISN + 1 + HELLO.len() as u32,
            ..HONEST
        };
        frames.push(frame(true, SERVER_ISN + 1, ack, b""));
        assert_true(trick, &run(&frames));
    }
    // What the server's checksum refuses is never told.
    let (a, b) = HELLO.split_at(1000);
    let (seeing, _) = sent(&[(0, WRONG_SUM, a), (1000, WRONG_SUM, b)]);
    assert!(seeing.names.is_empty() && seeing.hits.is_empty());
}

#[test]
fn offload_leaves_no_sum_and_is_no_decoy() {
    // What the card was to fill in: the sum over the addresses, or nothing.
    let mut frames = opening();
    let mut segment = frame(false, ISN + 1, HONEST, HELLO);
    let len = segment.len() - 34;
    let mut pseudo: u32 = CLIENT
        .chunks(2)
        .chain(SERVER.chunks(2))
        .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]))
        .sum::<u32>()
        + 6
        + len as u32;
    pseudo = (pseudo & 0xffff) + (pseudo >> 16);
    segment[34 + 16..34 + 18].copy_from_slice(&(pseudo as u16).to_be_bytes());
    frames.push(segment);
    assert_true("partial", &run(&frames));
    // A sender none of whose sums are right.
    let all: Vec<_> = [opening(), segments(&[(0, HONEST, HELLO)])].concat();
    let unfilled = all.into_iter().map(|mut frame| {
        frame[34 + 16] ^= 0x55;
        frame
    });
    assert_true("none right", &run(&unfilled.collect::<Vec<_>>()));
}

#[test]
fn without_the_syn_the_second_name_is_told_too() {
    // Nothing to compare with: the decoy is read as a hello, and so is what comes in its place.
    let decoy = decoy();
    let frames = segments(&[
        (0, MD5, &decoy),
        (0, HONEST, &HELLO[..900]),
        (900, HONEST, &HELLO[900..]),
    ]);
    let (seeing, stats) = run(&frames);
    assert_eq!(names(&seeing), [DECOY_NAME, HELLO_NAME]);
    assert!(seeing.hits[0].contested);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
}

#[test]
fn a_hello_sent_again_is_told_once() {
    for cut in [1, 500, 1400] {
        let (a, b) = HELLO.split_at(cut);
        let at = cut as i64;
        let whole = (0, HONEST, HELLO);
        let parts = [
            whole,
            whole,
            (0, HONEST, a),
            (at, HONEST, b),
            whole,
            (at, HONEST, b),
        ];
        assert_true("again", &sent(&parts));
    }
}

#[test]
fn hostcase_hostnospace_methodeol_of_zapret_and_goodbyedpi() {
    for request in [
        "GET / HTTP/1.1\r\nhoSt: app.clearview.ai\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:app.clearview.ai\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:   app.clearview.ai  \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: aPp.ClEaRvIeW.aI\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.clearview.ai.\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
        "GET / HTTP/1.1\nHost: app.clearview.ai\n\n",
    ] {
        let (seeing, _) = sent(&[(0, HONEST, request.as_bytes())]);
        assert_eq!(names(&seeing), [HELLO_NAME], "{request:?}");
    }
    // And a decoy request before the true one.
    let (decoy, request) = (
        b"GET / HTTP/1.1\r\nHost: www.w3-decoy.org\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
    );
    for (trick, craft, _) in SIGNS {
        let (seeing, _) = sent(&[(0, craft, decoy), (0, HONEST, request)]);
        assert_eq!(names(&seeing), [HELLO_NAME], "{trick}");
    }
}

#[test]
fn tlsrec_of_byedpi_and_split_tls_of_tpws_and_spoofdpi() {
    let message = &HELLO[5..];
    let record = |part: &[u8]| {
        let len = u16::try_from(part.len()).unwrap().to_be_bytes();
        [&[0x16, 3, 1, len[0], len[1]][..], part].concat()
    };
    let name = name_at() - 5;
    for cut in [1, 4, 5, 40, name, name + 1, name + 7, message.len() - 1] {
        let (a, b) = message.split_at(cut);
        let (a, b) = (record(a), record(b));
        let whole = [a.clone(), b.clone()].concat();
        assert_true("tlsrec", &sent(&[(0, HONEST, &whole)]));
        let at = a.len() as i64;
        assert_true("tlsrec, split", &sent(&[(at, HONEST, &b), (0, HONEST, &a)]));
    }
    // In twenty records, one a segment.
    let records: Vec<Vec<u8>> = message
        .chunks(message.len().div_ceil(20))
        .map(record)
        .collect();
    let mut at = 0;
    let mut parts: Vec<Part<'_>> = Vec::new();
    for record in &records {
        parts.push((at, HONEST, record));
        at += record.len() as i64;
    }
    assert_eq!(parts.len(), 20);
    assert_true("twenty", &sent(&parts));
    parts.reverse();
    assert_true("twenty", &sent(&parts));
}

//! TLS inside other protocols: the hello behind a dialogue, in its own segment or not.

use super::*;
use crate::names::tls::oracle::{padded_hello, records};

fn hello() -> Vec<u8> {
    records(&padded_hello(b"app.clearview.ai", 0, false), &[])
}

/// The client's side of a connection to `port`, in segments.
fn sends(port: u16, segments: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let to = |mut frame: Vec<u8>| {
        frame[36..38].copy_from_slice(&port.to_be_bytes());
        frame
    };
    let mut seq = 1000u32;
    let mut frames = vec![to(tcp(seq, 2, b""))];
    seq += 1;
    for segment in segments {
        frames.push(to(tcp(seq, 24, segment)));
        seq += u32::try_from(segment.len()).unwrap();
    }
    frames
}

fn preludes() -> Vec<(u16, Vec<u8>)> {
    let mysql = [
        &[32, 0, 0, 1, 0x85, 0xae, 0xff, 0x19, 0, 0, 0, 1, 45][..],
        &[0; 23],
    ]
    .concat();
    let ldap = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037".to_vec();
    let rdp = b"\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0".to_vec();
    let tds = b"\x12\x01\0\x0e\0\0\0\0\0\0\x06\xff\0\0\x12\x01\0\x80\0\0\x01\0".to_vec();
    vec![
        (25, b"STARTTLS\r\n".to_vec()),
        (10_025, b"STARTTLS\r\n".to_vec()),
        (143, b"a STARTTLS\r\n".to_vec()),
        (110, b"STLS\r\n".to_vec()),
        (21, b"AUTH TLS\r\n".to_vec()),
        (119, b"CAPABILITIES\r\nSTARTTLS\r\n".to_vec()),
        (4190, b"STARTTLS\r\n".to_vec()),
        (6667, b"STARTTLS\r\n".to_vec()),
        (
            5222,
            b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec(),
        ),
        (389, ldap),
        (5432, b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
        (3306, mysql),
        (3389, rdp),
        (1433, tds),
    ]
}

#[test]
fn the_hello_is_found_right_behind_and_in_the_next_segment() {
    for (port, prelude) in preludes() {
        let hello = hello();
        let joined = [&prelude[..], &hello].concat();
        let (head, tail) = joined.split_at(prelude.len() + 70);
        for segments in [
            vec![joined.clone()],
            vec![prelude.clone(), hello.clone()],
            vec![head.to_vec(), tail.to_vec()],
        ] {
            let (seen, _) = run(&sends(port, &segments));
            assert_eq!(seen.hits.len(), 1, "port {port}: {prelude:?}");
        }
    }
}

#[test]
fn a_long_dialogue_does_not_end_the_search() {
    for line in [
        &b"NOOP\r\n"[..],
        b"a7 NOOP\r\n",
        b"FEAT\r\n",
        b"RCPT TO:<a@b.example>\r\n",
    ] {
        for port in [25, 21, 10_143] {
            let mut segments = vec![line.to_vec(); 100];
            segments.push(b"STARTTLS\r\n".to_vec());
            segments.push(hello());
            let (seen, _) = run(&sends(port, &segments));
            assert_eq!(seen.hits.len(), 1, "port {port}: {line:?}");
        }
    }
}

/// The search has an end: the connection is told to speak something else, not forgotten.
#[test]
fn beyond_the_bound_the_outcome_says_so() {
    let lines = usize::from(crate::flow::tcp::LINES_MAX) + usize::from(crate::flow::tcp::LOOKS_MAX);
    let mut segments = vec![b"a7 NOOP\r\n".to_vec(); lines];
    segments.push(hello());
    let (seen, stats) = run(&sends(143, &segments));
    assert!(seen.hits.is_empty());
    assert_eq!(stats.connections.at(Outcome::OtherProtocol.index()), 1);
    // One line fewer, and it is found.
    segments.remove(0);
    let (seen, _) = run(&sends(143, &segments));
    assert_eq!(seen.hits.len(), 1);
}

/// A hello inside something else (a mail's attachment, a page, an upload) is no hello.
#[test]
fn a_hello_behind_anything_else_is_no_name() {
    for text in [
        &b"POST / HTTP/1.1\r\nHost: x.example\r\nContent-Length: 9000\r\n\r\n"[..],
        b"Subject: capture\r\n",
        b"STARTTLS please\r\nSTOR hello.bin\r\n",
        b"* STARTTLS\r\n",
        b"220-STARTTLS\r\n",
        b"\r\n",
    ] {
        let (seen, _) = run(&sends(8080, &[[text, &hello()].concat()]));
        let hellos = seen.names.iter().filter(|(seen, _)| seen.is_hello());
        assert_eq!(hellos.count(), 0, "{text:?}");
    }
}

/// A line lost on the way to the sensor is not waited for.
#[test]
fn a_hole_in_the_dialogue_costs_nothing() {
    let segments = [b"a NOOP\r\n".to_vec(), b"b STARTTLS\r\n".to_vec(), hello()];
    let mut frames = sends(143, &segments);
    frames.remove(2);
    let (seen, _) = run(&frames);
    assert_eq!(seen.hits.len(), 1);
}

/// TLCP (GB/T 38636): the same hello under another version.
#[test]
fn the_chinese_national_tls_is_read() {
    let mut hello = hello();
    hello[1..3].copy_from_slice(&[1, 1]);
    hello[9..11].copy_from_slice(&[1, 1]);
    let (seen, _) = run(&sends(443, &[hello]));
    assert_eq!(seen.hits.len(), 1);
}

//! Real hellos, built ones, and every way to cut them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use proptest::prelude::*;

use super::oracle::{
    Facts, client_hello, client_hello_with_block, facts, message, padded_hello, record, records,
    server_name,
};
use super::*;

const CHROMIUM: &[u8] = include_bytes!("../../../tests/data/hello/chromium.bin");
const FIREFOX: &[u8] = include_bytes!("../../../tests/data/hello/firefox.bin");
const CURL: &[u8] = include_bytes!("../../../tests/data/hello/curl.bin");
const PYTHON: &[u8] = include_bytes!("../../../tests/data/hello/python.bin");
const OPENSSL: &[u8] = include_bytes!("../../../tests/data/hello/openssl.bin");
const OPENSSL_12: &[u8] = include_bytes!("../../../tests/data/hello/openssl-tls12.bin");
const OPENSSL_NO_SNI: &[u8] = include_bytes!("../../../tests/data/hello/openssl-no-sni.bin");

fn read(stream: &[u8]) -> Probe<Facts> {
    facts(probe(stream, &mut vec![0; stream.len()]))
}

fn found(stream: &[u8]) -> Facts {
    match read(stream) {
        Probe::Found(facts) => facts,
        other => panic!("no hello: {other:?}"),
    }
}

fn with_names(body: Vec<u8>) -> Vec<u8> {
    records(&client_hello(&[(0, body)]), &[])
}

#[test]
fn real_clients() {
    type Case = (
        &'static [u8],
        Option<&'static str>,
        bool,
        Option<&'static str>,
    );
    let cases: [Case; 7] = [
        (CHROMIUM, Some("app.clearview.ai"), true, Some("h2")),
        (FIREFOX, Some("www.example.com"), true, Some("h2")),
        (CURL, Some("app.clearview.ai"), false, Some("h2")),
        (PYTHON, Some("www.example.com"), false, Some("http/1.1")),
        (OPENSSL, Some("www.example.com"), false, None),
        (OPENSSL_12, Some("www.example.com"), false, None),
        (OPENSSL_NO_SNI, None, false, None),
    ];
    for (stream, sni, ech, alpn) in cases {
        let hello = found(stream);
        assert_eq!(hello.sni.as_deref(), sni.map(str::as_bytes));
        assert_eq!(hello.ech, ech);
        assert_eq!(hello.alpn.as_deref(), alpn.map(str::as_bytes));
        assert_eq!(hello.shape, Shape::Whole);
        assert_eq!(hello.message, &stream[5..]);
    }
}

#[test]
fn one_record_is_read_where_it_lies() {
    let mut no_scratch = [0; 0];
    let Probe::Found(hello) = probe(CHROMIUM, &mut no_scratch) else {
        panic!("no hello");
    };
    assert_eq!(hello.message.as_ptr(), CHROMIUM[5..].as_ptr());
}

#[test]
fn a_prefix_is_not_enough() {
    for stream in [CHROMIUM, FIREFOX, OPENSSL] {
        for len in 0..stream.len() {
            assert_eq!(read(&stream[..len]), Probe::NeedMore, "{len}");
        }
        let mut longer = stream.to_vec();
        longer.extend(record(20, &[1]));
        assert_eq!(read(&longer), read(stream));
        // A bare message with something behind it.
        let bare = facts(parse_hello(&longer[5..]));
        assert_eq!(bare, read(stream));
    }
}

#[test]
fn a_glance_gives_the_name_as_soon_as_it_is_there_and_never_before() {
    for stream in [CHROMIUM, FIREFOX, OPENSSL, CURL] {
        let whole = found(stream);
        let name = whole.sni.unwrap();
        let at = stream.windows(name.len()).position(|w| w == name).unwrap();
        for len in 0..=stream.len() {
            let mut scratch = [0; 4096];
            let glance = peek_sni(&stream[..len], &mut scratch);
            assert_eq!(glance.and_then(|g| g.sni).is_some(), len >= at + name.len());
            assert!(glance.is_none_or(|g| g.sni == Some(&name) && g.shape == Shape::Cut));
        }
    }
    let mut scratch = [0; 4096];
    assert!(peek_sni(OPENSSL_NO_SNI, &mut scratch).is_none());
}

#[test]
fn a_glance_is_stricter_than_the_whole() {
    let mut message = padded_hello(b"a.example", 90, false);
    assert!(peek_hello(&message[..100]).is_some());
    assert!(peek_hello(&message).is_some());
    // One byte more or less than the extension block says.
    for change in [1u8, 0xff] {
        let mut other = message.clone();
        other[3] = other[3].wrapping_add(change);
        assert!(peek_hello(&other[..100]).is_none());
    }
    message[0] = 2;
    assert!(peek_hello(&message[..100]).is_none());
}

#[test]
fn a_glance_also_looks_through_records() {
    let stream = records(&CHROMIUM[5..], &[1, 700, 1, 30]);
    let mut scratch = [0; 4096];
    let seen = (0..stream.len()).filter_map(|len| {
        let glance = peek_sni(&stream[..len], &mut scratch)?;
        Some(glance.sni == Some(b"app.clearview.ai"))
    });
    let seen: Vec<bool> = seen.collect();
    assert!(!seen.is_empty() && seen.iter().all(|right| *right));
}

type Name<'a> = Probe<Option<&'a [u8]>>;

#[test]
fn server_name_lists() {
    let long = [b'a'; 256];
    let cases: [(Vec<u8>, Name<'_>); 15] = [
        (
            server_name(&[b"a.example"]),
            Probe::Found(Some(b"a.example")),
        ),
        (
            server_name(&[b"APP.Clearview.AI."]),
            Probe::Found(Some(b"APP.Clearview.AI.")),
        ),
        (
            server_name(&[b"192.0.2.7"]),
            Probe::Found(Some(b"192.0.2.7")),
        ),
        (
            server_name(&[b"first", b"second"]),
            Probe::Found(Some(b"first")),
        ),
        (
            server_name(&[&long[..255]]),
            Probe::Found(Some(&long[..255])),
        ),
        (
            server_name(&[&long]),
            Probe::Malformed(Malformed::TlsServerName),
        ),
        (server_name(&[]), Probe::Found(None)),
        (server_name(&[b""]), Probe::Found(None)),
        (vec![], Probe::Found(None)),
        // Another kind of name before the host name.
        (
            vec![0, 9, 7, 0, 1, b'x', 0, 0, 2, b'a', b'b'],
            Probe::Found(Some(b"ab")),
        ),
        // Only another kind.
        (vec![0, 4, 7, 0, 1, b'x'], Probe::Found(None)),
        // The list is longer than the extension; the name is longer than the list.
        (
            vec![0, 9, 0, 0, 2, b'a', b'b'],
            Probe::Malformed(Malformed::TlsServerName),
        ),
        (
            vec![0, 5, 0, 0, 3, b'a', b'b'],
            Probe::Malformed(Malformed::TlsServerName),
        ),
        (vec![0], Probe::Malformed(Malformed::TlsServerName)),
        // Bytes behind the list do not take the name away.
        (
            vec![0, 5, 0, 0, 2, b'a', b'b', 9],
            Probe::Found(Some(b"ab")),
        ),
    ];
    for (body, want) in cases {
        let got = match read(&with_names(body.clone())) {
            Probe::Found(hello) => Probe::Found(hello.sni),
            Probe::NeedMore => Probe::NeedMore,
            Probe::NotForUs => Probe::NotForUs,
            Probe::Malformed(why) => Probe::Malformed(why),
        };
        let want = match want {
            Probe::Found(name) => Probe::Found(name.map(<[u8]>::to_vec)),
            Probe::NeedMore => Probe::NeedMore,
            Probe::NotForUs => Probe::NotForUs,
            Probe::Malformed(why) => Probe::Malformed(why),
        };
        assert_eq!(got, want, "{body:?}");
    }
}

#[test]
fn the_name_wins_over_what_is_broken_behind_it() {
    let mut block = vec![0, 0];
    let body = server_name(&[b"a.example"]);
    block.extend((body.len() as u16).to_be_bytes());
    block.extend(&body);
    let sound = found(&records(&client_hello_with_block(&block), &[]));
    assert_eq!(sound.shape, Shape::Whole);

    for tail in [&[0u8][..], &[0, 16, 0, 9, 1], &[0xff; 3]] {
        let mut block = block.clone();
        block.extend(tail);
        let hello = found(&records(&client_hello_with_block(&block), &[]));
        assert_eq!(hello.sni.as_deref(), Some(&b"a.example"[..]));
        assert_eq!(hello.shape, Shape::Damaged);
        // The same rubbish alone, or before the name, gives nothing.
        let mut before = tail.to_vec();
        before.extend(&block);
        for block in [tail, &before[..]] {
            let answer = read(&records(&client_hello_with_block(block), &[]));
            assert_eq!(answer, Probe::Malformed(Malformed::TlsHello));
        }
    }
    // Bytes of the message behind the extension block.
    let mut message = client_hello_with_block(&block);
    message.push(0);
    message[3] += 1;
    assert_eq!(found(&records(&message, &[])).shape, Shape::Damaged);
}

#[test]
fn of_two_server_name_extensions_the_first_counts() {
    let twice = [
        (0, server_name(&[b"first.example"])),
        (0, server_name(&[b"second.example"])),
    ];
    let hello = found(&records(&client_hello(&twice), &[]));
    assert_eq!(hello.sni.as_deref(), Some(&b"first.example"[..]));
    assert_eq!(hello.shape, Shape::Damaged);
}

#[test]
fn grease_is_no_protocol() {
    let alpn = b"\x00\x09\x02\x3a\x3a\x02h3\x02h2".to_vec();
    let hello = found(&records(&client_hello(&[(16, alpn)]), &[]));
    assert_eq!(hello.alpn.as_deref(), Some(&b"h3"[..]));
    assert!(grease(0x0a0a) && grease(0xfafa) && !grease(0x0a1a) && !grease(0x1301));
}

#[test]
fn a_hello_may_end_before_the_extensions() {
    let mut body = vec![3, 0];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0, 10, 1, 0]);
    let hello = found(&records(&message(1, &body), &[]));
    assert_eq!((hello.sni, hello.shape), (None, Shape::Whole));
    body.push(0);
    let answer = read(&records(&message(1, &body), &[]));
    assert_eq!(answer, Probe::Malformed(Malformed::TlsHello));
}

#[test]
fn other_protocols_are_told_at_once() {
    let others: [&[u8]; 11] = [
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-OpenSSH_9.2",
        &[20, 3, 3, 0, 1, 1],
        &[21, 3, 3, 0, 2, 2, 40],
        &[23, 3, 3, 0, 9],
        &[22, 3, 3, 0, 90, 2],
        &[22, 2, 0],
        &[22, 3, 5],
        &[22, 3, 1, 0x41, 1],
        &[22, 3, 1, 0, 4, 1, 0xff, 0, 0],
        &[0x80, 0x2e, 2],
    ];
    for bytes in others {
        assert_eq!(starts_hello(bytes), Probe::NotForUs, "{bytes:?}");
        assert_eq!(read(bytes), Probe::NotForUs);
        for len in 0..bytes.len() {
            let answer = starts_hello(&bytes[..len]);
            assert!(matches!(answer, Probe::NeedMore | Probe::NotForUs));
        }
    }
}

#[test]
fn records_of_length_zero_are_skipped() {
    let message = &OPENSSL[5..];
    for lens in [&[0, 0, 1, 0, 50, 0][..], &[3, 0, 0, 1, 0]] {
        assert_eq!(read(&records(message, lens)), read(OPENSSL));
    }
    assert_eq!(starts_hello(&[22, 3, 1, 0, 0]), Probe::NeedMore);
    assert_eq!(starts_hello(&[22, 3, 1, 0, 0, 23]), Probe::NotForUs);
}

#[test]
fn another_record_inside_the_hello_is_an_error_but_the_name_wins() {
    let message = padded_hello(b"a.example", 300, false);
    for (cut, want) in [(40, None), (200, Some(&b"a.example"[..]))] {
        let mut stream = record(22, &message[..cut]);
        stream.extend(record(21, &[1, 0]));
        stream.extend(record(22, &message[cut..]));
        match (read(&stream), want) {
            (Probe::Found(hello), Some(name)) => {
                assert_eq!(hello.sni.as_deref(), Some(name));
                assert_eq!(hello.shape, Shape::Damaged);
            }
            (answer, _) => assert_eq!(answer, Probe::Malformed(Malformed::TlsRecord)),
        }
    }
}

#[test]
fn a_hello_longer_than_a_record() {
    let message = padded_hello(b"a.example", 30_000, true);
    let stream = records(&message, &[]);
    assert_eq!(found(&stream).sni.as_deref(), Some(&b"a.example"[..]));
    // Too small a scratch buffer is no reason to guess.
    let mut scratch = vec![0; 20_000];
    assert_eq!(facts(probe(&stream, &mut scratch)), Probe::NeedMore);
}

#[test]
fn the_ssl_2_form() {
    let mut hello = vec![0x80, 9 + 6 + 16, 1, 3, 1, 0, 6, 0, 0, 0, 16];
    hello.extend([0, 0, 0x35, 0, 0, 4]);
    hello.extend([5; 16]);
    for len in 0..hello.len() {
        assert_eq!(read(&hello[..len]), Probe::NeedMore);
    }
    let facts = found(&hello);
    assert_eq!((facts.sni, facts.shape), (None, Shape::Whole));
    assert_eq!(facts.message, &hello[2..]);
    // Cipher specs of three bytes each; a challenge of 16 to 32; lengths that add up.
    for (at, byte) in [(6, 7), (10, 15), (1, 32), (8, 3)] {
        let mut broken = hello.clone();
        broken[at] = byte;
        assert_eq!(read(&broken), Probe::NotForUs);
    }
    hello[1] += 1;
    hello[6] += 1;
    assert_eq!(read(&hello), Probe::NotForUs);
}

proptest! {
    /// Any cut of a message into records gives the same hello.
    #[test]
    fn records_do_not_matter(
        file in 0usize..7,
        lens in prop::collection::vec(prop_oneof![0usize..4, 0usize..2000], 0..40),
    ) {
        let files = [CHROMIUM, FIREFOX, CURL, PYTHON, OPENSSL, OPENSSL_12, OPENSSL_NO_SNI];
        let stream = files[file];
        prop_assert_eq!(read(&records(&stream[5..], &lens)), read(stream));
    }

    /// The oracle on hellos with a few bytes changed, and on rubbish.
    #[test]
    fn oracle_holds(
        file in 0usize..7,
        lens in prop::collection::vec(0usize..900, 0..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        rubbish in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let files = [CHROMIUM, FIREFOX, CURL, PYTHON, OPENSSL, OPENSSL_12, OPENSSL_NO_SNI];
        let mut stream = records(&files[file][5..], &lens);
        for (at, byte) in changes {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        oracle::check(&stream);
        oracle::check(&rubbish);
    }
}

//! What must hold for every input of the TLS parser; and the maker of hellos that it needs.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{Hello, Shape, parse_hello, peek_hello, peek_sni, probe, starts_hello};
use crate::names::Probe;
use crate::names::ja4;

/// A ClientHello message (without records) with these extensions.
pub fn client_hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (kind, body) in extensions {
        block.extend(kind.to_be_bytes());
        block.extend((body.len() as u16).to_be_bytes());
        block.extend(body);
    }
    client_hello_with_block(&block)
}

/// The same with the extension block as given, sound or not.
pub fn client_hello_with_block(block: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0x1a, 0x1a, 0x13, 0x01]);
    body.extend([1, 0]);
    body.extend((block.len() as u16).to_be_bytes());
    body.extend(block);
    message(1, &body)
}

/// A handshake message of any type.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend(body);
    message
}

/// Body of a server_name extension that lists host names.
pub fn server_name(names: &[&[u8]]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.push(0);
        list.extend((name.len() as u16).to_be_bytes());
        list.extend(*name);
    }
    let mut body = (list.len() as u16).to_be_bytes().to_vec();
    body.extend(list);
    body
}

/// A hello for `name` that is `padding` bytes longer than it must be; the name comes before or
/// behind the padding.
pub fn padded_hello(name: &[u8], padding: u16, name_last: bool) -> Vec<u8> {
    let name = (0u16, server_name(&[name]));
    let padding = (21u16, vec![0; usize::from(padding)]);
    let alpn = (16u16, b"\x00\x03\x02h2".to_vec());
    client_hello(&if name_last {
        [padding, alpn, name]
    } else {
        [name, alpn, padding]
    })
}

/// One record.
pub fn record(kind: u8, fragment: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 3, 1];
    record.extend((fragment.len() as u16).to_be_bytes());
    record.extend(fragment);
    record
}

/// A message in records of these lengths, in turn; 0 makes an empty record.
pub fn records(message: &[u8], lens: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = message;
    let mut lens = lens.iter().copied().chain(std::iter::repeat(16_384));
    while !rest.is_empty() {
        let (fragment, behind) = rest.split_at(lens.next().unwrap_or(1).min(rest.len()));
        out.extend(record(22, fragment));
        rest = behind;
    }
    out
}

/// The parts of a hello, to compare and print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// See [`Hello::sni`].
    pub sni: Option<Vec<u8>>,
    /// See [`Hello::ech`].
    pub ech: bool,
    /// See [`Hello::alpn`].
    pub alpn: Option<Vec<u8>>,
    /// See [`Hello::message`].
    pub message: Vec<u8>,
    /// See [`Hello::shape`].
    pub shape: Shape,
}

/// Owned parts of what a parser answered.
pub fn facts(answer: Probe<Hello<'_>>) -> Probe<Facts> {
    match answer {
        Probe::Found(hello) => Probe::Found(Facts {
            sni: hello.sni.map(<[u8]>::to_vec),
            ech: hello.ech,
            alpn: hello.alpn.map(<[u8]>::to_vec),
            message: hello.message.to_vec(),
            shape: hello.shape,
        }),
        Probe::NeedMore => Probe::NeedMore,
        Probe::NotForUs => Probe::NotForUs,
        Probe::Malformed(why) => Probe::Malformed(why),
    }
}

/// Asserts what must hold when `data` is the head of a stream.
pub fn check(data: &[u8]) {
    let mut scratch = vec![0; data.len()];
    let whole = facts(probe(data, &mut scratch));
    if let Probe::Found(hello) = &whole {
        check_found(data, hello);
    }
    check_prefixes(data, &whole);
    // The same bytes as a bare message.
    if let Probe::Found(hello) = parse_hello(data) {
        assert_within(data, hello.message);
        for part in hello.sni.iter().chain(&hello.alpn) {
            assert_within(hello.message, part);
        }
        fingerprint(hello.message);
    }
    let _ = peek_hello(data);
}

fn check_found(data: &[u8], hello: &Facts) {
    assert_ne!(hello.shape, Shape::Cut, "probe gave half a hello");
    assert_eq!(starts_hello(data), Probe::Found(()));
    if let Some(sni) = &hello.sni {
        assert!((1..=super::SNI_LEN_MAX).contains(&sni.len()));
        let mut windows = hello.message.windows(sni.len());
        assert!(windows.any(|window| window == sni), "an invented name");
    }
    fingerprint(&hello.message);
    // Not for the SSL 2.0 form, nor when a record behind the name was broken.
    let bare = facts(parse_hello(&hello.message));
    if data[0] == 22 && bare == Probe::Found(hello.clone()) {
        let lens: Vec<usize> = data.iter().map(|byte| usize::from(*byte)).collect();
        let split = records(&hello.message, &lens[..lens.len().min(200)]);
        let mut scratch = vec![0; split.len()];
        if lens[0] > 0 {
            assert_eq!(facts(probe(&split, &mut scratch)), bare);
        }
    }
}

/// The first answer is final, and a glance at a part never tells another name than the whole.
fn check_prefixes(data: &[u8], whole: &Probe<Facts>) {
    let mut scratch = vec![0; data.len()];
    let step = (data.len() / 64).max(1);
    for len in (0..data.len()).step_by(step) {
        let prefix = &data[..len];
        let answer = facts(probe(prefix, &mut scratch));
        if answer != Probe::NeedMore {
            assert_eq!(&answer, whole, "the answer changed after {len} bytes");
        }
        if let Some(glance) = peek_sni(prefix, &mut scratch) {
            match whole {
                Probe::Found(hello) => assert_eq!(glance.sni, hello.sni.as_deref()),
                Probe::NeedMore => assert!(glance.sni.is_some()),
                other => panic!("a glance at {len} bytes gave a name, the whole {other:?}"),
            }
        }
        let start = starts_hello(prefix);
        let end = starts_hello(data);
        assert!(start == Probe::NeedMore || start == end);
    }
}

fn fingerprint(message: &[u8]) {
    if let Some(ja4) = ja4::client(message, false) {
        assert_eq!(ja4.as_str().len(), 36);
        assert!(
            ja4.as_str()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        );
    }
}

fn assert_within(outer: &[u8], inner: &[u8]) {
    let (outer, inner) = (outer.as_ptr_range(), inner.as_ptr_range());
    assert!(outer.start <= inner.start && inner.end <= outer.end);
}

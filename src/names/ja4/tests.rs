//! JA4 against the published examples, and hellos that are not whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::*;
use crate::names::tls::oracle::{client_hello, message, server_name};

/// The example of FoxIO's JA4.md: ciphers, extensions and signature algorithms in the original
/// order of its `JA4_ro`, and the fingerprint that stands there.
const CIPHERS: [u16; 15] = [
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];
const EXTENSIONS: [u16; 16] = [
    0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
    0xff01, 0x000b, 0x000a, 0x0015,
];
const SIGNATURES: [u16; 8] = [
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
];

fn bytes(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

fn vec16(values: &[u16]) -> Vec<u8> {
    let mut out = ((values.len() * 2) as u16).to_be_bytes().to_vec();
    out.extend(bytes(values));
    out
}

fn body(kind: u16, signatures: &[u16]) -> Vec<u8> {
    match kind {
        0x0000 => server_name(&[b"example.com"]),
        0x0010 => b"\x00\x0c\x02h2\x08http/1.1".to_vec(),
        0x000d => vec16(signatures),
        0x002b => b"\x06\x4a\x4a\x03\x04\x03\x03".to_vec(),
        _ => vec![],
    }
}

fn hello(ciphers: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let whole = client_hello(extensions);
    let block = &whole[4 + 2 + 32 + 1 + 6 + 2..];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(vec16(ciphers));
    body.extend([1, 0]);
    body.extend(block);
    message(1, &body)
}

fn published(signatures: &[u16]) -> Vec<u8> {
    let extensions: Vec<_> = EXTENSIONS
        .iter()
        .map(|kind| (*kind, body(*kind, signatures)))
        .collect();
    hello(&CIPHERS, &extensions)
}

#[test]
fn the_published_example() {
    let ja4 = client(&published(&SIGNATURES), false).unwrap();
    assert_eq!(ja4.as_str(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    let quic = client(&published(&SIGNATURES), true).unwrap();
    assert_eq!(quic.as_str(), "q13d1516h2_8daaf6152771_e5627efa2ab1");
}

/// JA4.md: without signature algorithms the underscore goes too.
#[test]
fn the_published_example_without_signature_algorithms() {
    let ja4 = client(&published(&[]), false).unwrap();
    assert_eq!(ja4.as_str(), "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

#[test]
fn order_and_grease_do_not_matter() {
    let mut ciphers = CIPHERS.to_vec();
    ciphers.reverse();
    ciphers.insert(0, 0x3a3a);
    let mut signatures = SIGNATURES.to_vec();
    signatures.insert(3, 0xdada);
    let mut extensions: Vec<_> = EXTENSIONS
        .iter()
        .rev()
        .map(|kind| (*kind, body(*kind, &signatures)))
        .collect();
    extensions.insert(0, (0x8a8a, vec![]));
    extensions.push((0xeaea, vec![0]));
    let ja4 = client(&hello(&ciphers, &extensions), false).unwrap();
    assert_eq!(ja4.as_str(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

/// The five examples of JA4.md, and those of one or no character.
#[test]
fn protocol_codes() {
    let cases: [(&[u8], &[u8; 2]); 10] = [
        (b"\xab", b"ab"),
        (b"\xab\xcd", b"ad"),
        (b"\x30\xab", b"3b"),
        (b"\x30\x31\xab\xcd", b"3d"),
        (b"\x30\xab\xcd\x31", b"01"),
        (b"http/1.1", b"h1"),
        (b"h2", b"h2"),
        (b"h", b"hh"),
        (b"", b"00"),
        (b"/x", b"28"),
    ];
    for (protocol, code) in cases {
        assert_eq!(&alpn_code(protocol), code, "{protocol:?}");
    }
}

#[test]
fn nothing_is_written_as_zeros() {
    let ja4 = client(&hello(&[], &[]), false).unwrap();
    assert_eq!(ja4.as_str(), "t12i000000_000000000000_000000000000");
    let only_grease = hello(&[0x0a0a], &[(0x1a1a, vec![]), (0, server_name(&[]))]);
    let ja4 = client(&only_grease, false).unwrap();
    assert_eq!(ja4.as_str(), "t12d000100_000000000000_000000000000");
}

#[test]
fn counts_stop_at_99_and_lists_at_512() {
    let many: Vec<u16> = (0..200).collect();
    let ja4 = client(&hello(&many, &[]), false).unwrap();
    assert_eq!(&ja4.as_str()[..10], "t12i990000");
    let too_many: Vec<u16> = (0..513).map(|n| n * 2).collect();
    assert!(client(&hello(&too_many, &[]), false).is_none());
}

#[test]
fn what_is_no_whole_hello_has_none() {
    let message = published(&SIGNATURES);
    assert!(client(&message[..message.len() - 1], false).is_none());
    assert!(client(&message[..20], false).is_none());
    assert!(client(b"", false).is_none());
}

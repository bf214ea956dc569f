//! Each dialogue that may lead to TLS, whole and cut; and what is none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::*;

/// What real clients send; where these bytes come from is noted where it is not the RFC.
fn preludes() -> Vec<Vec<u8>> {
    let lines = [
        "EHLO client.example\r\n",
        "STARTTLS\r\n",
        "starttls\n",
        "a1 STARTTLS\r\n",
        ". CAPABILITY\r\n",
        "STLS\r\n",
        "CAPA\r\n",
        "AUTH TLS\r\n",
        "AUTH SSL\r\n",
        "FEAT\r\n",
        "CAPABILITIES\r\n",
        "CAP LS 302\r\n",
        "USER ann\r\n",
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='x.example'>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"></starttls>",
    ];
    let mut all: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    all.push([b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16", LDAP_START_TLS].concat());
    all.push(POSTGRES_SSL.to_vec());
    all.push(POSTGRES_GSS.to_vec());
    let mysql = [
        &[32, 0, 0, 1, 0x85, 0xae, 0xff, 0x19, 0, 0, 0, 1, 45][..],
        &[0; 23],
    ]
    .concat();
    all.push(mysql);
    all.push(b"\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0".to_vec());
    all.push(b"\x12\x01\0\x0e\0\0\0\0\0\0\x06\xff\0\0".to_vec());
    all.push(vec![20, 3, 3, 0, 1, 1]);
    all.push(vec![21, 3, 1, 0, 2, 1, 112]);
    all.push(vec![22, 3, 1, 0, 4, 0, 0, 0, 0]);
    all
}

#[test]
fn each_prelude_is_passed_and_no_byte_more() {
    for bytes in preludes() {
        assert_eq!(prelude(&bytes), Some(bytes.len()), "{bytes:?}");
        let hello = [&bytes[..], b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c"].concat();
        assert_eq!(prelude(&hello), Some(bytes.len()), "{hello:?}");
    }
    // Only the header of the packet in which the hello travels.
    assert_eq!(
        prelude(b"\x12\x01\x00\x80\0\0\x01\0\x16\x03\x01\0\x73"),
        Some(8)
    );
}

#[test]
fn half_a_prelude_is_none() {
    for bytes in preludes() {
        for end in 0..bytes.len() {
            let half = &bytes[..end];
            assert!(prelude(half).is_none() || half.contains(&b'>'), "{half:?}");
        }
    }
}

#[test]
fn other_protocols_are_none() {
    let long = [b"NOOP ", [b'x'; LINE_LEN_MAX].as_slice(), b"\r\n"].concat();
    let mut login = [0; 40];
    login[..4].copy_from_slice(&[36, 0, 0, 1]);
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n"[..],
        b"Host: x.example\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"220 ready\r\n",
        b"\r\n",
        b"STARTTLSX\r\n",
        b"+OK\r\n",
        b"* OK IMAP4rev1\r\n",
        b"a1 LOGIN x y\r\n",
        b"<html>\n",
        b"{\"a\":1}\n",
        &long,
        &login,
        b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0",
        b"\x03\0\0\x0b\x06\xd0\0\0\0\0\0",
        b"\0\0\0\x08\0\x03\0\0",
        b"\x16\x03\x01\0\x04\x01\0\0\0",
        b"\x15\x03\x01\0\x10",
        b"\x14\x03\x03\0\x01\x02",
    ] {
        assert_eq!(prelude(bytes), None, "{bytes:?}");
    }
}

//! Requests of all versions, whole and in parts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;

/// Each part waits; the whole tells this name and length.
fn tells(
    bytes: &[u8],
    name: Option<&str>,
    read: impl Fn(&[u8]) -> Probe<(Option<Host<'_>>, usize)>,
) {
    for len in 1..bytes.len() {
        assert!(read(&bytes[..len]) == Probe::NeedMore, "{len} bytes");
    }
    let longer = [bytes, b"\x16more"].concat();
    match read(&longer) {
        Probe::Found((host, used)) => {
            assert_eq!(used, bytes.len());
            assert_eq!(host.map(|host| host.name), name.map(str::as_bytes));
        }
        _ => panic!("{bytes:?}"),
    }
}

fn five(bytes: &[u8]) -> Probe<(Option<Host<'_>>, usize)> {
    match version_5(bytes) {
        Probe::Found((Step::Request(host), used)) => Probe::Found((host, used)),
        Probe::Found((Step::Password, used)) => Probe::Found((None, used)),
        Probe::NeedMore => Probe::NeedMore,
        _ => Probe::NotForUs,
    }
}

#[test]
fn names_and_addresses() {
    tells(
        b"\x04\x01\x01\xbb\0\0\0\x01user\0a.example\0",
        Some("a.example"),
        version_4,
    );
    tells(
        b"\x04\x01\x01\xbb\0\0\0\x01\0a.example\0",
        Some("a.example"),
        version_4,
    );
    tells(b"\x04\x01\x01\xbb\xc0\0\x02\x01user\0", None, version_4);
    tells(b"\x04\x01\x01\xbb\0\0\0\0user\0", None, version_4);
    tells(
        b"\x05\x01\0\x03\x09a.example\x01\xbb",
        Some("a.example"),
        five,
    );
    tells(
        b"\x05\x02\0\x03\x09a.example\x01\xbb",
        Some("a.example"),
        five,
    );
    tells(b"\x05\x03\0\x03\x09a.example\x01\xbb", None, five);
    tells(b"\x05\x01\0\x03\x09192.0.2.1\x01\xbb", None, five);
    tells(b"\x05\x01\0\x03\x0ba.example:1\x01\xbb", None, five);
    tells(b"\x05\x01\0\x01\xc0\0\x02\x01\x01\xbb", None, five);
    tells(b"\x05\x01\0\x04................\x01\xbb", None, five);
    tells(b"\x01\x04anna\x06secret", None, five);
}

#[test]
fn what_is_none() {
    for bytes in [
        &b"\x04\x03"[..],
        b"\x04\x01\0\x50\x7f\0\0\x01us\x01er\0",
        b"\x05",
        b"\x04\0",
    ] {
        assert!(matches!(version_4(bytes), Probe::NotForUs), "{bytes:?}");
    }
    for bytes in [
        &b"\x05\0"[..],
        b"\x05\x01\x01",
        b"\x05\x01\0\x02",
        b"\x05\x04",
        b"\x16\x03",
    ] {
        assert!(matches!(version_5(bytes), Probe::NotForUs), "{bytes:?}");
    }
    assert_eq!(greeting(b"\x05\x02\0\x02\x05"), Probe::Found(4));
    assert_eq!(greeting(b"\x05\x02\0"), Probe::NeedMore);
    for bytes in [
        &b"\x05\0"[..],
        b"\x05\x02\0\0",
        b"\x05\x01\xff",
        b"\x05\x01\x20",
        b"\x04\x01\0",
    ] {
        assert_eq!(greeting(bytes), Probe::NotForUs, "{bytes:?}");
    }
    let endless = [&b"\x04\x01\x01\xbb\0\0\0\x01"[..], &[b'a'; 300]].concat();
    assert!(matches!(version_4(&endless), Probe::NotForUs));
}

//! What must hold for any bytes shown as the head of a client's stream: used by tests and by the
//! fuzz target.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{Begins, Body, HEAD_LEN_MAX, Request, begins, chunk, host, peek, preamble, request};
use crate::names::{Probe, socks};

/// Asserts it.
pub fn check(data: &[u8]) {
    let whole = answer(data);
    if let Probe::Found((found, len)) = &whole {
        check_found(data, found, *len);
    }
    let step = (data.len() / 64).max(1);
    for len in (0..data.len().min(HEAD_LEN_MAX)).step_by(step) {
        let part = answer(&data[..len]);
        // The first answer is final; but for empty lines alone, which nobody waits behind.
        let blank = data[..len].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if !matches!(part, Probe::NeedMore) && !blank {
            assert!(part == whole, "another answer after {len} bytes");
        }
        // A glance tells no other hosts than the whole.
        if let (Some(glance), Probe::Found((found, _))) = (peek(&data[..len]), &whole) {
            for host in glance.hosts.iter() {
                assert!(found.hosts.iter().any(|it| it.name == host.name));
            }
        }
    }
    if let Some(host) = host(data) {
        assert_within(data, host.text);
        assert_within(host.text, host.name);
        assert!(!host.name.contains(&b'@') && !host.name.contains(&b'/'));
    }
    check_socks(data);
    if let Probe::Found((_, line)) = chunk(data) {
        assert!((2..=data.len()).contains(&line));
    }
    if let Probe::Found(len) = preamble(data) {
        assert!((1..=data.len()).contains(&len));
    }
}

fn answer(bytes: &[u8]) -> Probe<(Request<'_>, usize)> {
    match begins(bytes) {
        Probe::Found(Begins::Request) => request(bytes),
        Probe::Found(_) | Probe::NotForUs => Probe::NotForUs,
        Probe::NeedMore => Probe::NeedMore,
        Probe::Malformed(why) => Probe::Malformed(why),
    }
}

fn check_found(data: &[u8], found: &Request<'_>, len: usize) {
    assert!((1..=data.len()).contains(&len));
    for host in found.hosts.iter() {
        assert_within(&data[..len], host.text);
        assert_within(host.text, host.name);
        assert!(!host.name.is_empty());
    }
    if found.whole {
        assert!(data[..len].ends_with(b"\n"), "a head ends with a line");
    } else {
        assert_eq!(found.body, Body::Unknown);
    }
}

fn check_socks(data: &[u8]) {
    if let Probe::Found((found, len)) = socks::version_4(data) {
        assert!((9..=data.len()).contains(&len));
        found.iter().for_each(|host| assert_within(data, host.name));
    }
    if let Probe::Found((step, len)) = socks::version_5(data) {
        assert!((3..=data.len()).contains(&len));
        if let socks::Step::Request(Some(host)) = step {
            assert_within(&data[..len], host.name);
        }
    }
    if let Probe::Found(len) = socks::greeting(data) {
        assert!((3..=data.len()).contains(&len));
    }
}

fn assert_within(outer: &[u8], inner: &[u8]) {
    let (outer, inner) = (outer.as_ptr_range(), inner.as_ptr_range());
    assert!(outer.start <= inner.start && inner.end <= outer.end);
}

//! What must hold for every sequence of datagrams; and the maker of records that it needs.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{Class, Flight, classify};
use crate::flow::Pool;
use crate::names::Probe;
use crate::names::tls::oracle::{facts, padded_hello};

/// Version of DTLS 1.2 as it stands in records and hellos.
pub const DTLS_12: u16 = 0xfefd;

/// A TLS hello (without records) as DTLS has it: its body with another version and a cookie.
pub fn body(message: &[u8], version: u16, cookie: &[u8]) -> Vec<u8> {
    let id_end = 39 + usize::from(message[38]);
    let mut body = version.to_be_bytes().to_vec();
    body.extend(&message[6..id_end]);
    body.push(cookie.len() as u8);
    body.extend(cookie);
    body.extend(&message[id_end..]);
    body
}

/// What a [`Flight`] makes of that body: the TLS hello with the version of DTLS.
pub fn told(message: &[u8], version: u16) -> Vec<u8> {
    let mut told = message.to_vec();
    told[4..6].copy_from_slice(&version.to_be_bytes());
    told
}

/// A fragment of a handshake message of this type, with its header.
pub fn fragment(kind: u8, sequence: u16, body: &[u8], start: usize, end: usize) -> Vec<u8> {
    let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
    let mut out = vec![kind];
    out.extend(u24(body.len()));
    out.extend(sequence.to_be_bytes());
    out.extend(u24(start));
    out.extend(u24(end - start));
    out.extend(&body[start..end]);
    out
}

/// A record of this type under epoch 0.
pub fn record(kind: u8, number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(DTLS_12.to_be_bytes());
    out.extend([0, 0, 0, 0, 0, 0, 0, number]);
    out.extend((content.len() as u16).to_be_bytes());
    out.extend(content);
    out
}

/// Asserts what must hold. The first byte says whether the rest is a series of datagrams or a plan
/// for the pieces of a known hello.
pub fn check(data: &[u8]) {
    match data.split_first() {
        Some((mode, rest)) if mode & 1 == 0 => datagrams(rest),
        Some((_, rest)) => plan(rest),
        None => {}
    }
}

/// `data`: datagrams, each behind its length in two bytes.
fn datagrams(data: &[u8]) {
    let mut pool = Pool::new(2);
    let mut scratch = vec![0; 65_536];
    let mut flight = Flight::default();
    let mut seen: Vec<u8> = Vec::new();
    let mut rest = data;
    while let [high, low, behind @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (datagram, behind) = behind.split_at(len);
        rest = behind;
        let class = classify(datagram, datagram.len());
        // A length that does not agree makes it something else.
        let longer = [datagram, &[0]].concat();
        assert!(class == Class::NotDtls || classify(&longer, longer.len()) == Class::NotDtls);
        let Class::Client { .. } = class else {
            continue;
        };
        seen.extend(datagram);
        let answer = facts(flight.push(datagram, datagram.len(), &mut pool, &mut scratch));
        match answer {
            Probe::Found(hello) => {
                assert_eq!(hello.message.first(), Some(&1));
                let name = hello.sni.unwrap_or_default();
                assert!(name.len() <= 255 && hello.message.len() <= seen.len());
            }
            Probe::NotForUs => panic!("classified as a hello, and no piece of one"),
            Probe::NeedMore | Probe::Malformed(_) => {}
        }
        let _ = flight.peek(&pool, &mut scratch);
    }
    flight.release(&mut pool);
    assert_eq!(pool.free_slots(), 2);
}

/// Sends a known hello in pieces as the plan says: in any order, some twice, some overlapping, with
/// fragments of another message and records of another type between.
fn plan(plan: &[u8]) {
    let mut plan = plan.iter().copied();
    let mut next = move || usize::from(plan.next().unwrap_or(0));
    let name = b"app.clearview.ai";
    let message = padded_hello(name, (next() * 16) as u16, next() & 1 == 1);
    let cookie = vec![0xc0; next() % 33];
    let sequence = (next() & 1) as u16;
    let body = body(&message, DTLS_12, &cookie);
    let mut pool = Pool::new(2);
    let mut scratch = vec![0; 65_536];
    let mut flight = Flight::default();
    let mut sent = vec![false; body.len()];
    for step in 0u8.. {
        // In the end, what is missing in order, so that the hello gets whole.
        let (start, end) = if step < 20 {
            let start = (next() * 256 + next()) % body.len();
            (start, (start + 1 + next() * 4).min(body.len()))
        } else {
            let start = sent.iter().position(|sent| !sent).unwrap_or(0);
            (start, (start + 700).min(body.len()))
        };
        sent[start..end].fill(true);
        let other = record(22, step, &fragment(16, 3, &[9; 40], 0, 40));
        let ours = record(22, step, &fragment(1, sequence, &body, start, end));
        let datagram = match next() % 3 {
            0 => ours,
            1 => [ours, other].concat(),
            _ => [ours.clone(), record(20, step, &[1]), ours].concat(),
        };
        let class = classify(&datagram, datagram.len());
        let random = (start == 0 && end >= 34).then(|| body[2..34].try_into().unwrap());
        assert_eq!(class, Class::Client { random });
        let answer = facts(flight.push(&datagram, datagram.len(), &mut pool, &mut scratch));
        let done = sent.iter().all(|sent| *sent);
        match answer {
            Probe::Found(hello) => {
                assert!(done, "an answer before the hello was whole");
                assert_eq!(hello.sni.as_deref(), Some(&name[..]));
                assert_eq!(hello.message, told(&message, DTLS_12));
                break;
            }
            Probe::NeedMore => assert!(!done, "no answer though the hello is whole"),
            other => panic!("{other:?}"),
        }
    }
    assert!(!flight.conflict());
    flight.release(&mut pool);
    assert_eq!(pool.free_slots(), 2);
}

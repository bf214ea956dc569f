//! The same for Google's own versions: what must hold, and the maker of their packets.

use super::{Initial, varint};
use crate::flow::Pool;
use crate::names::Probe;
use crate::names::quic::google::{FNV_BASIS, fnv};
use crate::names::quic::{Class, Flight, classify};
use crate::names::tls::oracle::{Facts, facts};

/// A CHLO with these tags, sorted as they must be.
pub fn chlo(tags: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut tags = tags.to_vec();
    tags.sort_by_key(|(tag, _)| u32::from_le_bytes(**tag));
    let mut index: Vec<u8> = Vec::new();
    let mut values: Vec<u8> = Vec::new();
    for (tag, value) in &tags {
        values.extend(*value);
        index.extend(*tag);
        index.extend((values.len() as u32).to_le_bytes());
    }
    let mut message = b"CHLO".to_vec();
    message.extend((tags.len() as u32).to_le_bytes());
    message.extend(index);
    message.extend(values);
    message
}

/// One as Chrome sent it: padding, the name, the version, the user agent, a token.
pub fn client_chlo(name: &[u8], padding: usize, version: u8) -> Vec<u8> {
    chlo(&[
        (b"PAD\0", &vec![b'-'; padding]),
        (b"SNI\0", name),
        (b"VER\0", &tag(version)),
        (b"UAID", b"dev Chrome/64.0.3282.186 Linux x86_64"),
        (b"STK\0", &[0x5a; 56]),
    ])
}

fn tag(version: u8) -> [u8; 4] {
    [b'Q', b'0', b'0' + version / 10, b'0' + version % 10]
}

/// A piece of the handshake as versions up to Q046 send it: a frame of stream 1.
pub fn stream(version: u8, offset: u32, data: &[u8]) -> Vec<u8> {
    // Length present, four bytes of offset, one of id.
    let mut frame = vec![0x80 | 0x20 | 0b011 << 2, 1];
    if version >= 39 {
        frame.extend(offset.to_be_bytes());
        frame.extend((data.len() as u16).to_be_bytes());
    } else {
        frame.extend(offset.to_le_bytes());
        frame.extend((data.len() as u16).to_le_bytes());
    }
    frame.extend(data);
    frame
}

/// The same as Q050, T050 and T051 send it.
pub fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![8];
    frame.extend(varint(offset));
    frame.extend(varint(data.len() as u64));
    frame.extend(data);
    frame
}

/// A client's packet in clear.
pub struct Clear<'a> {
    /// 1 to 46.
    pub version: u8,
    /// Connection id.
    pub id: [u8; 8],
    /// Its number's low byte.
    pub number: u8,
    /// Frames.
    pub frames: &'a [u8],
}

impl Clear<'_> {
    /// The packet with its hash.
    pub fn seal(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        if self.version < 44 {
            // Version, eight bytes of id, one of packet number.
            packet.push(if self.version < 33 { 0x0d } else { 0x09 });
            packet.extend(self.id);
            packet.extend(tag(self.version));
            packet.push(self.number);
        } else {
            packet.push(if self.version == 46 { 0xc3 } else { 0xff });
            packet.extend(tag(self.version));
            packet.push(0x50);
            packet.extend(self.id);
            packet.extend([0, 0, 0, self.number]);
        }
        let mut payload = Vec::new();
        if self.version < 34 {
            payload.push(0);
        }
        payload.extend(self.frames);
        let role: &[u8] = if self.version > 35 { b"Client" } else { b"" };
        let sum = [&packet[..], &payload, role]
            .into_iter()
            .fold(FNV_BASIS, fnv);
        packet.extend(&sum.to_le_bytes()[..12]);
        packet.extend(payload);
        packet
    }
}

/// Versions that a plan chooses from; 50 is sealed.
const VERSIONS: [u8; 10] = [9, 24, 30, 33, 35, 37, 39, 43, 46, 50];

/// Asserts what must hold. The first byte says whether the rest is one datagram or a plan.
pub fn check(data: &[u8]) {
    match data.split_first() {
        Some((mode, rest)) if mode & 1 == 0 => datagram(rest),
        Some((_, rest)) => plan(rest),
        None => {}
    }
}

/// Rubbish, and rubbish inside a packet that is sound: no panic, no name that is not there.
fn datagram(data: &[u8]) {
    let version = VERSIONS[usize::from(data.first().copied().unwrap_or(0)) % 9];
    let packet = Clear {
        version,
        id: [3; 8],
        number: 1,
        frames: data,
    };
    for bytes in [data.to_vec(), packet.seal()] {
        let mut pool = Pool::new(2);
        let mut scratch = vec![0; 65_536];
        let mut flight = Flight::new();
        let class = classify(&bytes);
        let answer = facts(flight.push(&bytes, None, &mut pool, &mut scratch));
        if let Probe::Found(hello) = answer {
            assert!(matches!(
                class,
                Class::Initial { .. } | Class::OtherLong { .. }
            ));
            if let Some(name) = hello.sni {
                assert!(!name.is_empty() && name.len() <= 255);
            }
        }
        flight.release(&mut pool);
        assert_eq!(pool.free_slots(), 2);
    }
}

/// A known hello in pieces of the lengths that the plan names, turned round, one of them twice.
fn plan(plan: &[u8]) {
    let at = |index: usize| usize::from(plan.get(index).copied().unwrap_or(0));
    let version = VERSIONS[at(0) % VERSIONS.len()];
    let name = b"app.clearview.ai";
    let message = client_chlo(name, at(1) * 8, version);
    let mut pieces = Vec::new();
    let mut start = 0;
    for index in 0.. {
        let end = (start + 1 + at(index + 4) * 4).min(message.len());
        let end = if index >= 12 { message.len() } else { end };
        pieces.push((start, end));
        start = end;
        if start == message.len() {
            break;
        }
    }
    let turn = at(2) % pieces.len();
    pieces.rotate_left(turn);
    pieces.insert(0, pieces[at(3) % pieces.len()]);
    let mut pool = Pool::new(2);
    let mut scratch = vec![0; 65_536];
    let mut flight = Flight::new();
    let mut sent = vec![false; message.len()];
    for (number, &(start, end)) in pieces.iter().enumerate() {
        sent[start..end].fill(true);
        let bytes = packet(version, number as u8, start, &message[start..end]);
        // The same with a bit turned says nothing.
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let answer = flight.push(&damaged, Some(true), &mut pool, &mut scratch);
        assert!(
            matches!(answer, Probe::NotForUs),
            "a damaged packet was read"
        );
        let answer = facts(flight.push(&bytes, Some(true), &mut pool, &mut scratch));
        let done = sent.iter().all(|sent| *sent);
        match answer {
            Probe::Found(hello) => {
                assert!(done, "an answer before the hello was whole");
                is_what_may_be_kept(&hello, name);
            }
            Probe::NeedMore => assert!(!done, "no answer though the hello is whole"),
            other => panic!("{other:?}"),
        }
    }
    flight.release(&mut pool);
    assert_eq!(pool.free_slots(), 2);
}

fn packet(version: u8, number: u8, offset: usize, data: &[u8]) -> Vec<u8> {
    if version == 50 {
        let frames = crypto(offset as u64, data);
        let first = Initial::first(u32::from_be_bytes(*b"Q050"), &[7; 8], &frames);
        return Initial {
            number: u64::from(number),
            ..first
        }
        .seal();
    }
    let mut frames = vec![7];
    frames.extend(stream(version, offset as u32, data));
    frames.extend([0; 5]);
    Clear {
        version,
        id: [7; 8],
        number,
        frames: &frames,
    }
    .seal()
}

/// The name; and as evidence nothing by which a server knows a client.
fn is_what_may_be_kept(hello: &Facts, name: &[u8]) {
    assert_eq!(hello.sni.as_deref(), Some(name));
    assert!(hello.message.starts_with(b"CHLO") && hello.message.len() <= 24 + 255 + 4);
    for secret in [&b"UAID"[..], b"Chrome", &[0x5a; 8], b"----"] {
        assert!(!hello.message.windows(secret.len()).any(|at| at == secret));
    }
}

//! What must hold for every sequence of datagrams; and the maker of Initial packets that it needs.
//!
//! For fuzzing and tests only: allocates and panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

pub mod google;

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::keys::{Keys, Side, Version};
use super::{CLIENT_DATAGRAM_LEN_MIN, Class, Flight, classify};
use crate::flow::Pool;
use crate::names::Probe;
use crate::names::tls::oracle::{facts, padded_hello};

/// An Initial packet before its protection.
#[derive(Clone)]
pub struct Initial<'a> {
    /// As it shall stand in the header; must be a version that can be read.
    pub version: u32,
    /// Another number to stand in the header in its place, with the same keys.
    pub shown_version: Option<u32>,
    /// The id that the keys come from.
    pub key_id: &'a [u8],
    /// Destination id in the header.
    pub dcid: &'a [u8],
    /// Source id in the header.
    pub scid: &'a [u8],
    /// Token, usually empty.
    pub token: &'a [u8],
    /// Full packet number.
    pub number: u64,
    /// Bytes of it that are sent, 1 to 4.
    pub number_len: usize,
    /// Bits 2 and 3 of the first byte; must be 0 in honest packets.
    pub reserved: u8,
    /// With the keys of the server's side?
    pub from_server: bool,
    /// Frames; zeros are added up to `payload_len_min`.
    pub payload: &'a [u8],
    /// Least length of the payload.
    pub payload_len_min: usize,
}

impl<'a> Initial<'a> {
    /// A client's first packet that fills a datagram of at least 1,200 bytes.
    pub fn first(version: u32, dcid: &'a [u8], payload: &'a [u8]) -> Self {
        Self {
            version,
            shown_version: None,
            key_id: dcid,
            dcid,
            scid: &[],
            token: &[],
            number: 0,
            number_len: 1,
            reserved: 0,
            from_server: false,
            payload,
            payload_len_min: 1200,
        }
    }

    /// The protected packet (RFC 9001 section 5).
    pub fn seal(&self) -> Vec<u8> {
        let version = Version::of(self.version).unwrap();
        let mut payload = self.payload.to_vec();
        payload.resize(payload.len().max(self.payload_len_min), 0);
        let kind = u8::from(matches!(version, Version::V2 | Version::V2Draft01));
        let mut packet = vec![0xc0 | kind << 4 | self.reserved << 2 | (self.number_len - 1) as u8];
        packet.extend(self.shown_version.unwrap_or(self.version).to_be_bytes());
        for id in [self.dcid, self.scid] {
            packet.push(id.len() as u8);
            packet.extend(id);
        }
        packet.extend(varint(self.token.len() as u64));
        packet.extend(self.token);
        let len = self.number_len + payload.len() + 16;
        packet.extend((0x4000 | len as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend(&self.number.to_be_bytes()[8 - self.number_len..]);

        let side = if self.from_server {
            Side::Server
        } else {
            Side::Client
        };
        let keys = Keys::derive(version, self.key_id, side).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &keys.key).unwrap());
        let nonce = Nonce::assume_unique_for_key(keys.nonce(self.number));
        key.seal_in_place_append_tag(nonce, Aad::from(&packet), &mut payload)
            .unwrap();
        packet.extend(payload);

        let hp = HeaderProtectionKey::new(&AES_128, &keys.hp).unwrap();
        let mask = hp.new_mask(&packet[number_at + 4..number_at + 20]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        for i in 0..self.number_len {
            packet[number_at + i] ^= mask[i + 1];
        }
        packet
    }
}

/// A variable-length integer in its shortest form.
pub fn varint(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (0x4000 | value as u16).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (0x8000_0000 | value as u32).to_be_bytes().to_vec(),
        _ => (0xc000_0000_0000_0000 | value).to_be_bytes().to_vec(),
    }
}

/// A CRYPTO frame.
pub fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![6];
    frame.extend(varint(offset));
    frame.extend(varint(data.len() as u64));
    frame.extend(data);
    frame
}

/// Asserts what must hold. The first byte says whether the rest is a series of datagrams or a plan
/// for the pieces of a known hello.
pub fn check(data: &[u8]) {
    match data.split_first() {
        Some((mode, rest)) if mode & 1 == 0 => datagrams(rest),
        Some((_, rest)) => plan(&mut Plan(rest)),
        None => {}
    }
}

/// `data`: datagrams, each behind its length in two bytes.
fn datagrams(data: &[u8]) {
    let mut pool = Pool::new(2);
    let mut scratch = vec![0; 65_536];
    let mut flight = Flight::new();
    let mut rest = data;
    while let [high, low, behind @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (datagram, behind) = behind.split_at(len);
        rest = behind;
        let before = flight.decrypted_any();
        let class = classify(datagram);
        let answer = facts(flight.push(datagram, None, &mut pool, &mut scratch));
        if answer != Probe::NotForUs {
            let initial = matches!(class, Class::Initial { .. } | Class::OtherLong { .. });
            assert!(initial && flight.decrypted_any());
            assert!(datagram.len() >= CLIENT_DATAGRAM_LEN_MIN);
        } else {
            assert_eq!(before, flight.decrypted_any());
        }
        if let (Probe::Found(hello), false) = (answer, before) {
            assert!(hello.sni.is_none_or(|name| !name.is_empty()));
            damaged(datagram, &mut scratch);
        }
        let answer = flight.push(datagram, Some(false), &mut pool, &mut scratch);
        assert!(matches!(answer, Probe::NotForUs));
    }
    flight.release(&mut pool);
    assert_eq!(pool.free_slots(), 2);
}

/// A datagram that gave a name gives none when every packet in it has a bit turned: the first
/// byte of its version, or what the tag covers.
fn damaged(datagram: &[u8], scratch: &mut [u8]) {
    let mut pool = Pool::new(2);
    let mut flight = Flight::new();
    let mut bytes = datagram.to_vec();
    // From the destination id's length on, so that the header stays one of a known version.
    for byte in bytes.iter_mut().skip(40) {
        *byte ^= 0x01;
    }
    let answer = flight.push(&bytes, None, &mut pool, scratch);
    assert!(
        !matches!(answer, Probe::Found(_)),
        "a forged packet gave a name"
    );
    flight.release(&mut pool);
}

/// Reads choices from fuzz input; zeros when it is used up.
struct Plan<'a>(&'a [u8]);

impl Plan<'_> {
    fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (usize::from(self.u8()) << 8 | usize::from(self.u8())) % limit.max(1)
    }
}

const VERSIONS: [u32; 10] = [
    1,
    0x6b33_43cf,
    0xff02_0000,
    0x709a_50c4,
    0xface_b00e,
    0xabcd_0000,
    0xff00_001d,
    0xff00_0022,
    0xff00_001b,
    0xff00_0016,
];

/// Sends a known hello in pieces as the plan says, among strangers, rubbish and duplicates. Before
/// every byte was sent there must be no answer; afterwards the one right name.
fn plan(plan: &mut Plan<'_>) {
    let name = b"app.clearview.ai";
    let hello = padded_hello(name, plan.below(6000) as u16, plan.u8() & 1 == 1);
    let version = VERSIONS[plan.below(VERSIONS.len())];
    // Never the stranger's id: two senders under one id cannot be told apart by looking on.
    let id = [plan.u8() & 0x7f; 20];
    let id = &id[..8 + plan.below(13)];
    let mut pool = Pool::new(2);
    let mut scratch = vec![0; 65_536];
    let mut flight = Flight::new();
    let mut sent = vec![false; hello.len()];
    let mut last = Vec::new();
    let mut number = plan.below(300) as u64;
    for step in 0.. {
        // In the end, everything once more in order, so that the hello gets whole.
        let ending = plan.0.is_empty() || step >= 24;
        let (datagram, ours) = match plan.u8() % 8 {
            0 if !ending => (stranger(version), false),
            1 if !ending => (vec![plan.u8(); 1200], false),
            2 if !ending && !last.is_empty() => (last.clone(), true),
            _ => {
                let start = if ending {
                    sent.iter().position(|sent| !sent).unwrap_or(0)
                } else {
                    plan.below(hello.len())
                };
                let end = (start + 1 + plan.below(1100)).min(hello.len());
                let end = if ending {
                    (start + 1100).min(hello.len())
                } else {
                    end
                };
                sent[start..end].fill(true);
                number += 1 + plan.below(3) as u64;
                let mut payload = vec![1; plan.below(4)];
                payload.extend(crypto(start as u64, &hello[start..end]));
                let other_id = [9; 5];
                let first = last.is_empty();
                let initial = Initial {
                    // Once keys are known the client may use the server's id.
                    dcid: if first || plan.u8() & 1 == 0 {
                        id
                    } else {
                        &other_id
                    },
                    key_id: id,
                    number,
                    number_len: 2 + plan.below(3),
                    ..Initial::first(version, id, &payload)
                };
                last = initial.seal();
                (last.clone(), true)
            }
        };
        let answer = facts(flight.push(&datagram, Some(true), &mut pool, &mut scratch));
        let done = sent.iter().all(|sent| *sent);
        match answer {
            Probe::Found(found) => {
                assert!(done && ours, "an answer before the hello was whole");
                assert_eq!(found.sni.as_deref(), Some(&name[..]));
                assert_eq!(found.message, hello);
            }
            Probe::Malformed(why) => panic!("malformed: {why}"),
            Probe::NeedMore => assert!(!done || !ours, "no answer though the hello is whole"),
            Probe::NotForUs => assert!(!ours, "an honest packet was not opened"),
        }
        if done && ours {
            break;
        }
    }
    flight.release(&mut pool);
    assert_eq!(pool.free_slots(), 2);
}

/// Half a hello for another name under another connection id.
fn stranger(version: u32) -> Vec<u8> {
    let hello = padded_hello(b"other.example", 900, false);
    let id = [0xe1; 9];
    Initial::first(version, &id, &crypto(0, &hello[..600])).seal()
}

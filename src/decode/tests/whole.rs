//! What must hold for every frame: the oracle of the fuzz target, over built and mutated frames.

use proptest::prelude::*;

use super::super::oracle;
use super::build::*;

/// Valid frames of many shapes, each with the oracle's number of its link type.
pub fn samples() -> Vec<(u8, Vec<u8>)> {
    let segment = tcp(0x18, b"some bytes of a hello");
    let datagram = udp(b"a question");
    let v4 = ipv4(TCP, &segment);
    let v6 = ipv6(
        0,
        &extension(60, 1, &extension(51, 0, &authentication(TCP, &segment))),
    );
    let routed = ipv6(43, &routing(UDP, 4, 1, &[SRC6, DST6], &datagram));
    let optioned = ipv4_with(UDP, 12, &datagram, |_| ());
    let llc = snap(V4, &v4);
    vec![
        (0, ether(V4, &v4)),
        (0, ether(V6, &v6)),
        (0, ether(V6, &routed)),
        (0, ether(V4, &optioned)),
        (0, ether(0x88a8, &tag(3, 0x8100, &tag(4, V6, &v6)))),
        (0, ether(llc.len() as u16, &llc)),
        (0, ether(V4, &ipv4_piece(UDP, 7, &datagram, 0, 16))),
        (0, ether(V4, &ipv4_piece(UDP, 7, &datagram, 16, 18))),
        (0, ether(V6, &ipv6_piece(UDP, 7, &datagram, 0, 16))),
        (0, ether(V6, &ipv6_piece(UDP, 7, &datagram, 16, 18))),
        (1, sll(1, 0x8100, &tag(3, V4, &optioned))),
        (2, sll2(1, V6, &routed)),
        (3, v4.clone()),
        (4, optioned),
        (5, v6.clone()),
        (6, [&30u32.to_le_bytes(), v6.as_slice()].concat()),
        (7, [&2u32.to_be_bytes(), v4.as_slice()].concat()),
    ]
}

/// Links and tunnels around a segment.
pub fn tunnelled() -> Vec<(u8, Vec<u8>)> {
    super::tunnels::cases()
        .into_iter()
        .map(|(link, bytes, _)| (oracle::number(link), bytes))
        .collect()
}

/// One frame in the oracle's notation.
fn noted(link: u8, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let len = (bytes.len() as u16).to_le_bytes();
    [&[link, flags, len[0], len[1]], bytes].concat()
}

#[test]
fn every_sample_at_every_length() {
    for (link, bytes) in samples() {
        for keep in 0..=bytes.len() {
            oracle::check(&noted(link, 0, &bytes[..keep]));
            oracle::check(&noted(link, 3, &bytes[..keep]));
        }
    }
}

#[test]
fn every_tunnel_at_every_length() {
    for (link, bytes) in tunnelled() {
        for keep in 0..=bytes.len() {
            oracle::check(&noted(link, 1, &bytes[..keep]));
        }
        oracle::check(&noted(link, 2, &bytes));
    }
}

#[test]
fn the_samples_are_what_they_claim() {
    let mut packets = 0;
    for (_, bytes) in samples().iter().filter(|(link, _)| *link == 0) {
        match decode(&frame(bytes)) {
            Got::Packet(_) => packets += 1,
            Got::Fragment => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(packets, 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Bytes of valid frames overwritten, frames strung together, cut, tagged.
    #[test]
    fn broken_frames_hold_it_too(
        picks in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), prop::collection::vec(
                (any::<prop::sample::Index>(), any::<u8>()), 0..4)),
            1..6,
        ),
    ) {
        let samples = [samples(), tunnelled()].concat();
        let mut data = Vec::new();
        for (pick, flags, changes) in picks {
            let (link, mut bytes) = pick.get(&samples).clone();
            for (at, byte) in changes {
                *at.get_mut(&mut bytes) = byte;
            }
            data.extend(noted(link, flags, &bytes));
        }
        oracle::check(&data);
    }

    /// No structure at all.
    #[test]
    fn noise_holds_it_too(data in prop::collection::vec(any::<u8>(), 0..400)) {
        oracle::check(&data);
    }
}

//! The oracle of the fuzz target `bypass`: what must hold for any bytes.

use super::{INITIATION_LEN, datagram, may_begin, stream};
use crate::base::{Timestamp, WayRound};

/// A moment that the seeds were made at: 2026-11-22T12:00:00Z.
pub const NOW: Timestamp = Timestamp(1_795_348_800_000_000_000);

/// Takes `data` as a datagram and as the head of a stream. Whatever is said must rest on the whole
/// message: of a datagram no beginning and no continuation of it may say the same; of a stream no
/// shorter beginning may say otherwise than the longer one.
///
/// # Panics
/// When one of these does not hold.
pub fn check(data: &[u8]) {
    for to in [443, 4500] {
        let Some(kind) = datagram(data, to, NOW) else {
            continue;
        };
        let ways = [WayRound::WireGuard, WayRound::OpenVpn, WayRound::Ipsec];
        assert!(ways.contains(&kind), "{kind} is told by no datagram");
        if kind == WayRound::WireGuard {
            assert_eq!(data.len(), INITIATION_LEN);
        }
        let mut longer = data.to_vec();
        longer.push(0x5a);
        assert_eq!(datagram(&longer, to, NOW), None, "one byte too many");
        if let Some((_, shorter)) = data.split_last() {
            assert_eq!(datagram(shorter, to, NOW), None, "one byte too few");
        }
    }
    let told = stream(data, NOW);
    assert!(told.is_none() || may_begin(data), "not looked at");
    for end in 0..data.len().min(128) {
        let shorter = stream(data.get(..end).unwrap_or_default(), NOW);
        assert!(shorter.is_none() || shorter == told, "told, then not");
    }
}

//! What the sensor says of a flow, as the kernel's table takes it.
//!
//! Enters: endpoints and a [`Verdict`]. Leaves: an entry of the map `flows`. Never: tells what is
//! too old: on the same ports another connection may have begun since.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use aya::maps::{HashMap, MapData};

use crate::base::{Endpoints, Timestamp, Transport};

/// A judged frame this much older than now is too old to tell the kernel, in nanoseconds: before so
/// long no system uses the ports of a closed connection again.
const LATE_NS: u64 = 1_000_000_000;

/// What the sensor has judged of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing more is read of it.
    Settled(Option<Again>),
    /// A name in it matched: of what follows only times, numbers and lengths are wanted.
    Watched(Option<Again>),
    /// Nothing more is read of what the source end says; the other end is still listened to.
    ReadOut,
}

/// Where the message lies that settled a TCP flow: what the source end sends there again is read,
/// for it may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// Sequence number of its first byte.
    pub from: u32,
    /// Its length in bytes.
    pub len: u16,
}

/// What became of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The kernel took it.
    Told,
    /// Too late to be told.
    Late,
    /// The kernel refused it.
    Failed,
}

impl Fate {
    /// All, in the order of [`Verdicts::counts`].
    pub const ALL: &'static [Self] = &[Self::Told, Self::Late, Self::Failed];

    /// In one word, for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// Bytes of `struct key` in prefilter.bpf.c.
pub(super) const KEY_LEN: usize = 40;
/// Bytes of `struct verdict`.
pub(super) const VERDICT_LEN: usize = 24;

pub(super) type Flows = HashMap<MapData, [u8; KEY_LEN], [u8; VERDICT_LEN]>;

/// One worker's way to tell the kernel. `Send`.
pub struct Verdicts {
    flows: Flows,
    told: u64,
    late: u64,
    failed: u64,
}

impl Verdicts {
    pub(super) const fn new(flows: Flows) -> Self {
        Self {
            flows,
            told: 0,
            late: 0,
            failed: 0,
        }
    }

    /// Tells the kernel what was judged by a frame of time `time`. `ends.src` is the end that a
    /// [`Verdict::ReadOut`] or an [`Again`] is about. A verdict that the kernel does not take is
    /// counted: the flow's frames go on coming.
    pub fn tell(&mut self, ends: &Endpoints, verdict: Verdict, time: Timestamp) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
        if Timestamp(now).since_ns(time) > LATE_NS {
            self.late = self.late.wrapping_add(1);
            return;
        }
        let (key, high) = key(ends);
        match self.flows.insert(key, value(verdict, high), 0) {
            Ok(()) => self.told = self.told.wrapping_add(1),
            Err(_) => self.failed = self.failed.wrapping_add(1),
        }
    }

    /// What became of the verdicts, along [`Fate::ALL`].
    pub const fn counts(&self) -> [u64; Fate::ALL.len()] {
        [self.told, self.late, self.failed]
    }
}

/// The key of a flow, and whether the source is its higher end.
pub(super) fn key(ends: &Endpoints) -> ([u8; KEY_LEN], bool) {
    let (src, dst) = (address(ends.src), address(ends.dst));
    let high = (src, ends.sport) > (dst, ends.dport);
    let ((low, low_port), (up, up_port)) = if high {
        ((dst, ends.dport), (src, ends.sport))
    } else {
        ((src, ends.sport), (dst, ends.dport))
    };
    let mut key = [0; KEY_LEN];
    key[..16].copy_from_slice(&low);
    key[16..32].copy_from_slice(&up);
    key[32..34].copy_from_slice(&low_port.to_be_bytes());
    key[34..36].copy_from_slice(&up_port.to_be_bytes());
    key[36] = match ends.transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    };
    key[37] = if ends.src.is_ipv4() { 4 } else { 6 };
    (key, high)
}

fn address(ip: IpAddr) -> [u8; 16] {
    let mut bytes = [0; 16];
    match ip {
        IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes = ip.octets(),
    }
    bytes
}

const LOW_READ_OUT: u8 = 1;
const HIGH_READ_OUT: u8 = 2;
const SETTLED: u8 = 4;
const WATCHED: u8 = 8;

/// `high`: the source end is the higher one.
pub(super) fn value(verdict: Verdict, high: bool) -> [u8; VERDICT_LEN] {
    let (what, again) = match verdict {
        Verdict::Settled(again) => (SETTLED, again),
        Verdict::Watched(again) => (SETTLED | WATCHED, again),
        Verdict::ReadOut if high => (HIGH_READ_OUT, None),
        Verdict::ReadOut => (LOW_READ_OUT, None),
    };
    let mut value = [0; VERDICT_LEN];
    // The time and the acknowledgements before these are the program's own.
    if let Some(again) = again {
        value[8..12].copy_from_slice(&again.from.to_ne_bytes());
        value[20..22].copy_from_slice(&again.len.to_ne_bytes());
        value[23] = if high { 2 } else { 1 };
    }
    value[22] = what;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(src: &str, dst: &str, transport: Transport) -> Endpoints {
        let at = |text: &str| text.parse::<std::net::SocketAddr>().unwrap();
        let (src, dst) = (at(src), at(dst));
        Endpoints {
            src: src.ip(),
            dst: dst.ip(),
            sport: src.port(),
            dport: dst.port(),
            transport,
        }
    }

    #[test]
    fn both_directions_have_one_key_and_each_family_its_own() {
        let there = ends("192.0.2.9:443", "192.0.2.10:50000", Transport::Tcp);
        let (low, high) = (key(&there), key(&there.reversed()));
        assert_eq!((low.0, low.1, high.1), (high.0, false, true));
        let same_address = ends("10.0.0.1:2", "10.0.0.1:1", Transport::Tcp);
        assert!(key(&same_address).1);
        let mapped = ends("[c000:209::]:443", "[c000:20a::]:50000", Transport::Tcp);
        assert_ne!(key(&mapped).0, low.0);
        let datagrams = ends("192.0.2.9:443", "192.0.2.10:50000", Transport::Udp);
        assert_ne!(key(&datagrams).0, low.0);
    }

    #[test]
    fn what_is_judged_stands_where_the_program_looks() {
        let again = Again {
            from: 0x0102_0304,
            len: 0x0506,
        };
        let told = value(Verdict::Watched(Some(again)), true);
        assert_eq!(told[8..12], 0x0102_0304u32.to_ne_bytes());
        assert_eq!(told[20..22], 0x0506u16.to_ne_bytes());
        assert_eq!(told[22..], [12, 2]);
        assert_eq!(value(Verdict::Settled(None), true)[22..], [4, 0]);
        assert_eq!(value(Verdict::ReadOut, false)[22..], [1, 0]);
        assert_eq!(value(Verdict::ReadOut, true)[22..], [2, 0]);
    }
}

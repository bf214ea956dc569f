//! What must bind nobody, beside what does: built messages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::base::{Endpoints, Timestamp, Transport};
use crate::decode::{Neighbour, NeighbourBy};
use crate::event::{Fact, FactAct};

mod dhcp;
mod kdc;
mod radius_accounting;

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [192, 0, 2, 1];
const MAC: [u8; 6] = [0x02, 0, 0x5e, 0x10, 0, 0x0a];
const START: i64 = 1_700_000_000;

/// A watch with a clock, and what it told.
struct Seat {
    watch: Watch,
    secs: i64,
}

impl Seat {
    fn new() -> Self {
        Self {
            watch: Watch::new(Some(1)),
            secs: START,
        }
    }

    fn take(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), bytes: &[u8]) -> Vec<Fact> {
        let ends = Endpoints {
            src: Ipv4Addr::from(from.0).into(),
            dst: Ipv4Addr::from(to.0).into(),
            sport: from.1,
            dport: to.1,
            transport: Transport::Udp,
        };
        let at = At {
            time: Timestamp::from_secs_nanos(self.secs, 0),
            ends: &ends,
            point: "lan",
        };
        let mut facts = Vec::new();
        self.watch.datagram(at, bytes, &mut |fact| facts.push(fact));
        facts
    }

    fn withheld(&self, why: Withheld) -> u64 {
        self.watch.withheld().at(why.index())
    }

    fn broken(&self, why: Malformed) -> u64 {
        self.watch.malformed().at(why.index())
    }

    fn neighbour(&mut self, ip: &str, mac: [u8; 6]) -> usize {
        let told = Neighbour {
            time: Timestamp::from_secs_nanos(self.secs, 0),
            by: NeighbourBy::Arp,
            ip: ip.parse().unwrap(),
            mac,
        };
        let mut count = 0;
        self.watch.neighbour(&told, "lan", &mut |fact| {
            assert!(fact.mac == Some(mac) && fact.act == FactAct::Holds && fact.until.is_none());
            count += 1;
        });
        count
    }
}

/// The only fact.
#[track_caller]
fn one(mut facts: Vec<Fact>) -> Fact {
    assert_eq!(facts.len(), 1);
    facts.remove(0)
}

#[test]
fn a_neighbour_is_news_once_a_minute() {
    let mut seat = Seat::new();
    let other = [2, 0, 0, 0, 0, 9];
    assert_eq!(seat.neighbour("192.0.2.10", MAC), 1);
    assert_eq!(seat.neighbour("192.0.2.10", MAC), 0);
    assert_eq!(seat.neighbour("192.0.2.11", MAC), 1, "another address");
    assert_eq!(seat.neighbour("192.0.2.10", other), 1, "another device");
    assert_eq!(seat.neighbour("192.0.2.10", MAC), 1, "and back again");
    seat.secs += 60;
    assert_eq!(seat.neighbour("192.0.2.10", MAC), 0);
    seat.secs += 1;
    assert_eq!(seat.neighbour("192.0.2.10", MAC), 1);
    seat.secs -= 3600;
    assert_eq!(
        seat.neighbour("192.0.2.10", MAC),
        1,
        "time went back: a new start"
    );
    assert_eq!(seat.withheld(Withheld::Repeated), 2);
}

#[test]
fn a_storm_of_claims_does_not_pass() {
    let mut seat = Seat::new();
    let told: usize = (0..5000u32)
        .map(|n| seat.neighbour(&Ipv4Addr::from(0x0a00_0000 + n).to_string(), MAC))
        .sum();
    assert_eq!(told, 512);
    assert_eq!(seat.withheld(Withheld::Flood), 5000 - 512);
    seat.secs += 1;
    assert_eq!(seat.neighbour("192.0.2.10", MAC), 1);
    let dropped = Ipv4Addr::from(0x0a00_0000 + 4999).to_string();
    assert_eq!(seat.neighbour(&dropped, MAC), 1, "it was not told before");
    assert_eq!(seat.neighbour(&dropped, MAC), 0);
}

#[test]
fn ports_say_what_is_spoken() {
    let of = |sport, dport, transport| {
        spoken(&Endpoints {
            src: IpAddr::from(CLIENT),
            dst: IpAddr::from(SERVER),
            sport,
            dport,
            transport,
        })
    };
    assert_eq!(of(68, 67, Transport::Udp), Some(Protocol::Dhcp4));
    assert_eq!(of(547, 546, Transport::Udp), Some(Protocol::Dhcp6));
    assert_eq!(of(5000, 1646, Transport::Udp), Some(Protocol::Radius));
    assert_eq!(of(88, 5000, Transport::Tcp), Some(Protocol::Kerberos));
    assert_eq!(of(67, 68, Transport::Tcp), None);
    assert_eq!(of(5000, 53, Transport::Udp), None);
}

#[test]
fn the_oracle_holds_for_the_seeds_and_their_cuts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/presence");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let seed = std::fs::read(file.path()).unwrap();
        oracle::check(&seed);
        for cut in (0..seed.len()).step_by(seed.len() / 40 + 1) {
            oracle::check(&seed[..cut]);
        }
        seen += 1;
    }
    assert!(seen >= 6);
}

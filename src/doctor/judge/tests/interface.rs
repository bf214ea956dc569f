//! Interfaces, their rings and offloads.

use super::*;
use crate::doctor::facts::{CardRing, Hash, Master, MasterKind};

pub(super) fn cases() -> Vec<Case> {
    use Level::{Failure, Info, Warning};
    vec![
        case(
            "nothing to watch",
            |f, _| f.interfaces.clear(),
            (Id::Sources, Failure),
        ),
        case(
            "files to replay",
            |f, c| {
                f.interfaces.clear();
                c.sensor.read = vec!["day.pcap".into()];
            },
            (Id::Sources, Info),
        ),
        case(
            "no such interface",
            |f, _| {
                f.interfaces[0].exists = false;
            },
            (Id::InterfaceExists, Failure),
        ),
        case(
            "down",
            |f, _| f.interfaces[0].up = false,
            (Id::InterfaceUp, Failure),
        ),
        case(
            "no cable",
            |f, _| {
                f.interfaces[0].carrier = Some(false);
            },
            (Id::InterfaceCarrier, Failure),
        ),
        case(
            "loopback",
            |f, _| f.interfaces[0].loopback = true,
            (Id::InterfaceKind, Warning),
        ),
        case(
            "a tunnel",
            |f, _| {
                f.interfaces[0].hardware = Some(65534);
            },
            (Id::InterfaceKind, Info),
        ),
        case(
            "monitor mode",
            |f, _| {
                f.interfaces[0].hardware = Some(803);
            },
            (Id::InterfaceKind, Failure),
        ),
        case(
            "a member of a bond",
            |f, _| {
                f.interfaces[0].master = Some(Master {
                    name: "bond0".into(),
                    kind: MasterKind::Bond,
                });
            },
            (Id::InterfaceMember, Warning),
        ),
        case(
            "a port of a bridge",
            |f, _| {
                f.interfaces[0].master = Some(Master {
                    name: "br0".into(),
                    kind: MasterKind::Bridge,
                });
            },
            (Id::InterfaceMember, Info),
        ),
        case(
            "a mirror port without promiscuous mode",
            |f, _| {
                f.interfaces[0].addresses = 0;
            },
            (Id::Promiscuous, Warning),
        ),
        case(
            "a ring too small for its speed",
            |f, _| {
                f.interfaces[0].speed = Some(100_000);
            },
            (Id::RingTime, Warning),
        ),
        case(
            "an unknown speed",
            |f, _| f.interfaces[0].speed = None,
            (Id::RingTime, Info),
        ),
        case(
            "losses of the card",
            |f, _| {
                f.interfaces[0].rx_losses = [("rx_crc_errors".into(), 500)].into();
            },
            (Id::RxDrops, Warning),
        ),
        case(
            "a few losses of many",
            |f, _| {
                f.interfaces[0].rx_losses = [("rx_dropped".into(), 5)].into();
            },
            (Id::RxDrops, Info),
        ),
        case(
            "a small card ring",
            |f, _| {
                f.interfaces[0].rx_ring = Some(CardRing {
                    now: 256,
                    most: 4096,
                });
            },
            (Id::RxRing, Info),
        ),
        case(
            "directions on different queues",
            |f, _| {
                f.interfaces[0].hash = Some(Hash::Asymmetric);
            },
            (Id::RxQueues, Info),
        ),
        case("GRO", |f, _| on(f, "rx-gro"), (Id::OffloadGro, Info)),
        case("LRO", |f, _| on(f, "rx-lro"), (Id::OffloadLro, Warning)),
        case(
            "UDP GRO",
            |f, _| {
                on(f, "rx-gro");
                on(f, "rx-udp-gro-forwarding");
            },
            (Id::OffloadUdpGro, Warning),
        ),
        case(
            "fraglist GRO",
            |f, _| {
                on(f, "rx-gro");
                on(f, "rx-gro-list");
            },
            (Id::OffloadUdpGro, Warning),
        ),
        case(
            "TSO",
            |f, _| on(f, "tx-tcp-segmentation"),
            (Id::OffloadSegmentation, Info),
        ),
        case(
            "VLAN offload",
            |f, _| on(f, "rx-vlan-hw-parse"),
            (Id::OffloadVlan, Info),
        ),
    ]
}

fn on(facts: &mut Facts, feature: &str) {
    facts.interfaces[0].features.insert(feature.into(), true);
}

#[test]
fn a_card_ring_that_overflowed_is_worse_than_a_small_one() {
    let found = judged(|f, _| {
        f.interfaces[0].rx_ring = Some(CardRing {
            now: 256,
            most: 4096,
        });
        f.interfaces[0].rx_losses = [("rx_missed_errors".into(), 5)].into();
    });
    assert_eq!(level(&found, Id::RxRing), Some(Level::Warning));
    let ring = found.iter().find(|it| it.id == Id::RxRing).unwrap();
    assert!(
        ring.next.contains("ethtool -G lan0 rx 4096"),
        "{}",
        ring.next
    );
}

#[test]
fn udp_gro_without_gro_is_not_in_effect() {
    let found = judged(|f, _| on(f, "rx-udp-gro-forwarding"));
    assert_eq!(level(&found, Id::OffloadUdpGro), Some(Level::Ok));
}

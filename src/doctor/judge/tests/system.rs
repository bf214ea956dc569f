//! Rights, files, daemon, kernel, interface, memory, clock, lists, feeds.

use super::{Case, Id, Level, case, check, judged, level};
use crate::doctor::facts::{CardRing, Control, Hash, Master, MasterKind};

#[test]
fn one_fault_gives_one_finding() {
    check(&cases());
}

pub(super) fn cases() -> Vec<Case> {
    let mut all = own();
    all.extend(interface());
    all.extend(machine());
    all.extend(lists());
    all
}

fn own() -> Vec<Case> {
    use Level::{Failure, Info, Warning};
    vec![
        case(
            "no capability",
            |f, _| {
                f.process.net_raw = false;
                f.process.packet_socket = Some("Operation not permitted".into());
            },
            (Id::CaptureRight, Failure),
        ),
        case(
            "a seccomp filter in the way",
            |f, _| {
                f.process.packet_socket = Some("Operation not permitted".into());
            },
            (Id::CaptureRight, Failure),
        ),
        case(
            "the capture does not open",
            |f, _| {
                f.process.capture = Some(Err("no memory for the capture ring".into()));
            },
            (Id::CaptureOpens, Failure),
        ),
        case(
            "confined",
            |f, _| f.process.no_new_privs = true,
            (Id::Confinement, Info),
        ),
        case("asked by root", |f, _| f.process.uid = 0, (Id::RunAs, Info)),
        case(
            "asked by a third",
            |f, _| f.process.uid = 7,
            (Id::RunAs, Warning),
        ),
        case(
            "a refused configuration",
            |f, _| {
                f.config = Some(("x.toml".into(), Err("config x.toml:3: unknown key".into())));
            },
            (Id::Config, Failure),
        ),
        case(
            "no configuration",
            |f, _| f.config = None,
            (Id::Config, Info),
        ),
        case(
            "an open key",
            |f, _| {
                f.files.key = Some(Err("others can reach the key file".into()));
            },
            (Id::KeyFile, Failure),
        ),
        case(
            "no place for a key",
            |f, _| {
                f.files.key = None;
                f.files.key_place.problem = Some("Permission denied".into());
            },
            (Id::KeyFile, Failure),
        ),
        case(
            "a hit log of somebody else",
            |f, _| {
                f.files.hits.problem = Some("Permission denied".into());
            },
            (Id::HitLog, Failure),
        ),
        case(
            "a folder of cases that is none",
            |f, _| {
                f.files.cases.problem = Some("is no folder".into());
            },
            (Id::CaseFolder, Failure),
        ),
        case(
            "a folder of alerts that is none",
            |f, _| {
                f.files.alerts.problem = Some("is no folder".into());
            },
            (Id::AlertFolder, Failure),
        ),
        case(
            "a full disk",
            |f, _| {
                f.files.hits.free_bytes = Some(1 << 20);
            },
            (Id::FreeSpace, Failure),
        ),
        case(
            "a disk that rotation may fill",
            |f, _| {
                f.files.hits.free_bytes = Some(500 << 20);
            },
            (Id::FreeSpace, Warning),
        ),
        case(
            "no daemon",
            |f, _| f.daemon.control = Control::Absent,
            (Id::DaemonRunning, Info),
        ),
        case(
            "a socket left over",
            |f, _| {
                f.daemon.control = Control::LeftOver;
            },
            (Id::DaemonRunning, Info),
        ),
        case(
            "a socket of somebody else",
            |f, _| {
                f.daemon.control = Control::Forbidden;
            },
            (Id::DaemonRunning, Warning),
        ),
        case(
            "a daemon that is not ready",
            |f, _| {
                f.daemon.ready = Some(Err(vec!["interface lan0 is down or gone".into()]));
            },
            (Id::DaemonReady, Failure),
        ),
        case(
            "pages that do not answer",
            |f, _| f.daemon.ready = None,
            (Id::DaemonReady, Warning),
        ),
        case(
            "a daemon that loses frames",
            |f, _| {
                let name = "poortwacht_kernel_dropped_frames_total";
                f.daemon.metrics.insert(name.into(), 7.0);
            },
            (Id::DaemonLoss, Warning),
        ),
        case(
            "a list that was not reloaded",
            |f, _| {
                f.daemon.list_version = Some("ffff".into());
            },
            (Id::DaemonList, Warning),
        ),
        case(
            "an address that is taken",
            |f, _| {
                f.daemon.control = Control::Absent;
                f.daemon.address = Some(Err("Address already in use".into()));
            },
            (Id::PagesAddress, Failure),
        ),
    ]
}

fn interface() -> Vec<Case> {
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

fn on(facts: &mut crate::doctor::facts::Facts, feature: &str) {
    facts.interfaces[0].features.insert(feature.into(), true);
}

fn machine() -> Vec<Case> {
    use Level::{Failure, Info, Warning};
    vec![
        case(
            "an old kernel",
            |f, _| {
                f.kernel.release = "4.4.0-210-generic".into();
            },
            (Id::KernelVersion, Failure),
        ),
        case(
            "a kernel out of care",
            |f, _| {
                f.kernel.release = "4.19.0".into();
            },
            (Id::KernelVersion, Warning),
        ),
        case(
            "no version",
            |f, _| f.kernel.release = "odd".into(),
            (Id::KernelVersion, Info),
        ),
        case(
            "no JIT",
            |f, _| f.kernel.bpf_jit = Some(0),
            (Id::BpfJit, Warning),
        ),
        case(
            "a small optmem",
            |f, c| {
                f.kernel.optmem_max = Some(20_480);
                c.sensor.excluded = (0..250)
                    .map(|n| format!("192.0.2.{n}/32").parse().unwrap())
                    .collect();
            },
            (Id::SocketMemory, Warning),
        ),
        case(
            "a full backlog",
            |f, _| {
                f.kernel.backlog_drops = Some(3);
            },
            (Id::Softnet, Warning),
        ),
        case(
            "cut off",
            |f, _| f.kernel.time_squeezed = Some(3),
            (Id::Softnet, Info),
        ),
        case(
            "rings larger than the machine",
            |_, c| {
                c.sensor.ring_mib = 4096;
                c.sensor.workers = 4;
            },
            (Id::RingMemory, Failure),
        ),
        case(
            "rings larger than what is free",
            |f, _| {
                f.memory.available = Some(120 << 20);
                f.memory.total = Some(1 << 30);
            },
            (Id::RingMemory, Warning),
        ),
        case(
            "a tight control group",
            |f, _| {
                f.memory.group_limit = Some(64 << 20);
            },
            (Id::TableMemory, Failure),
        ),
        case(
            "tables larger than what is free",
            |f, c| {
                f.memory.available = Some(200 << 20);
                c.sensor.ring_mib = 64;
            },
            (Id::TableMemory, Warning),
        ),
        case(
            "a limit of address space",
            |f, _| {
                f.memory.address_space = Some(100 << 20);
            },
            (Id::AddressSpace, Failure),
        ),
        case(
            "more workers than processors",
            |_, c| {
                c.sensor.workers = 6;
            },
            (Id::Processors, Warning),
        ),
        case(
            "no time service",
            |f, _| {
                f.clock.synchronised = Some(false);
            },
            (Id::ClockSynchronised, Warning),
        ),
        case(
            "a jump",
            |f, _| {
                f.clock.jumped_ns = Some(-3_000_000_000);
            },
            (Id::ClockJump, Warning),
        ),
        case(
            "packets of another time",
            |f, _| {
                f.traffic.as_mut().unwrap().packet_time_off_ns = 3_600_000_000_000;
            },
            (Id::PacketTime, Warning),
        ),
        case(
            "local time",
            |f, _| f.clock.zone = "Europe/Amsterdam".into(),
            (Id::TimeZone, Info),
        ),
    ]
}

fn lists() -> Vec<Case> {
    use Level::{Failure, Info, Warning};
    vec![
        case(
            "a refused list",
            |f, _| {
                f.lists.list = Some(Err("the list is refused:\na.toml:3: bad".into()));
            },
            (Id::List, Failure),
        ),
        case(
            "an empty list",
            |f, _| list(f).rules = 0,
            (Id::List, Failure),
        ),
        case(
            "weak spots",
            |f, _| list(f).warnings = 3,
            (Id::ListLint, Info),
        ),
        case(
            "a stale list",
            |f, _| list(f).age_s = 91 * 86_400,
            (Id::ListAge, Warning),
        ),
        case(
            "an allow entry that is over",
            |f, _| {
                list(f).expired = 1;
            },
            (Id::AllowExpired, Warning),
        ),
        case(
            "no map",
            |f, _| f.lists.organisation = Some(Ok(None)),
            (Id::Organisation, Info),
        ),
        case(
            "a refused map",
            |f, _| {
                f.lists.organisation = Some(Err("map.toml:3: bad".into()));
            },
            (Id::Organisation, Failure),
        ),
        case(
            "a map with a slip",
            |f, _| {
                f.lists.organisation =
                    Some(Ok(Some(vec!["one network lies inside another".into()])));
            },
            (Id::Organisation, Warning),
        ),
        case(
            "refused rules",
            |f, _| {
                f.lists.rules = Some("rules.toml: bad".into());
            },
            (Id::CaseRules, Failure),
        ),
        case(
            "a feed that is gone",
            |f, _| {
                f.feeds[0].problem = Some("leases.csv: no such file".into());
            },
            (Id::FeedFile, Failure),
        ),
        case(
            "a feed that listens",
            |f, _| f.feeds[0].listens = true,
            (Id::FeedFile, Info),
        ),
        case(
            "a silent feed",
            |f, _| {
                f.feeds[0].age_s = Some(25 * 3600);
            },
            (Id::FeedFresh, Warning),
        ),
        case(
            "a feed of another kind",
            |f, _| {
                f.feeds[0].foreign = 100;
            },
            (Id::FeedFormat, Failure),
        ),
        case(
            "a feed of several programs",
            |f, _| {
                f.feeds[0].foreign = 60;
            },
            (Id::FeedFormat, Warning),
        ),
        case(
            "an empty feed",
            |f, _| f.feeds[0].lines = 0,
            (Id::FeedFormat, Info),
        ),
        case(
            "no Alertmanager",
            |f, _| {
                f.alertmanager = Some(Err("connection refused".into()));
            },
            (Id::Alertmanager, Failure),
        ),
        case(
            "an Alertmanager nobody asked",
            |f, _| f.alertmanager = None,
            (Id::Alertmanager, Info),
        ),
    ]
}

fn list(facts: &mut crate::doctor::facts::Facts) -> &mut crate::doctor::facts::ListFacts {
    facts.lists.list.as_mut().unwrap().as_mut().unwrap()
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

#[test]
fn no_new_privs_makes_setcap_the_wrong_advice() {
    let found = judged(|f, _| {
        f.process.net_raw = false;
        f.process.no_new_privs = true;
        f.process.packet_socket = Some("Operation not permitted".into());
    });
    let right = found.iter().find(|it| it.id == Id::CaptureRight).unwrap();
    assert!(right.next.contains("has no effect here"), "{}", right.next);
}

#[test]
fn a_longer_patience_makes_an_old_list_fit() {
    let (mut facts, config) = (super::facts(), super::config());
    list(&mut facts).age_s = 100 * 86_400;
    let limits = super::Limits {
        list_days: 120,
        ..super::Limits::default()
    };
    let found = super::judge(&facts, &config, limits);
    assert_eq!(level(&found, Id::ListAge), Some(Level::Ok));
}

/// What the system has given this process, in bytes of address space.
fn address_space() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = line.unwrap().trim().strip_suffix("kB").unwrap();
    kib.trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn the_estimate_of_a_workers_tables_is_near_a_worker() {
    // So large that what other tests take meanwhile does not matter. The pages are never touched.
    let mut config = super::config();
    config.sensor.flows_max = 1 << 22;
    config.sensor.buffers_max = 1 << 14;
    let settings = crate::sensor::Settings {
        flows: 1 << 22,
        buffers: 1 << 14,
        ..crate::sensor::Settings::default()
    };
    let before = address_space();
    let worker = crate::sensor::Worker::new(&settings, 0, "x");
    let took = address_space() - before;
    drop(worker);
    let estimate = crate::doctor::judge::machine::worker_bytes(&config);
    let off = estimate.abs_diff(took);
    assert!(off < took / 5, "estimate {estimate}, took {took}");
}

//! Rights, files, daemon, kernel, memory, clock.

use super::{Case, Id, Level, case, judged};
use crate::doctor::facts::Control;

pub(super) fn cases() -> Vec<Case> {
    let mut all = own();
    all.extend(machine());
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

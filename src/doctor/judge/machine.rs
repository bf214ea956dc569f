//! Kernel, memory, clock.

use super::{Say, bytes, span};
use crate::capture::prefilter::Kind;
use crate::config::{Config, Prefilter, Via};
use crate::doctor::facts::{Clock, Facts, Kernel, Memory};
use crate::doctor::finding::{Finding, Id};
use crate::doctor::traffic::TrafficFacts;

/// Address space of one flow in the tables of TCP and QUIC together, with its share of what is kept of
/// look-ups, in bytes. Measured; a test compares [`worker_bytes`] with a worker.
const FLOW_BYTES: u64 = 260;
/// Bytes of one buffer.
const BUFFER_BYTES: u64 = 32 * 1024;
/// Buffers of all pools for one of `buffers_max`, in quarters: TCP and QUIC take two each,
/// DTLS a quarter.
const POOLS_QUARTERS: u64 = 17;
/// What a worker has apart from that: fragments, questions, presence, scratch.
const WORKER_BYTES: u64 = 20 << 20;
/// A distance of packet time from the clock that is no delay any more.
const OFF_MAX_NS: u64 = 2_000_000_000;
/// Movement of the clock against the steady one that no time service makes by slewing.
const JUMP_MAX_NS: u64 = 50_000_000;

pub(super) fn kernel(kernel: &Kernel, config: &Config, out: &mut Vec<Finding>) {
    let release = &kernel.release;
    match version(release) {
        Some(have) if have < (4, 12) => out.fail(
            Id::KernelVersion,
            format!("kernel {release} is older than 4.12"),
            "use a newer one, or `via = \"pcap\"`: several workers need fanout groups of 4.12",
        ),
        Some(have) if have < (5, 10) => out.warn(
            Id::KernelVersion,
            format!("kernel {release} has what the ring needs, but is not maintained any more"),
            "use 5.10 or newer",
        ),
        Some(_) => out.ok(
            Id::KernelVersion,
            format!("kernel {release} has AF_PACKET rings and fanout groups"),
        ),
        None => out.info(
            Id::KernelVersion,
            format!("the version of this kernel cannot be told from `{release}`"),
            "",
        ),
    }
    match kernel.bpf_jit {
        Some(0) => out.warn(
            Id::BpfJit,
            "packet filters are interpreted, not compiled: each frame costs more",
            "`sysctl net.core.bpf_jit_enable=1`",
        ),
        Some(_) => out.ok(Id::BpfJit, "packet filters are compiled"),
        None => out.info(
            Id::BpfJit,
            "net.core.bpf_jit_enable cannot be read in this network namespace",
            "",
        ),
    }
    socket_memory(kernel, config, out);
    softnet(kernel, out);
    out.info(
        Id::Forwarding,
        if kernel.forwards {
            "this machine forwards packets: it is a gateway"
        } else {
            "this machine does not forward packets: it sees its own traffic, or that of a mirror \
             port"
        },
        "",
    );
}

/// What stands before the rings, as it was tried.
pub(super) fn prefilter(facts: &Facts, config: &Config, out: &mut Vec<Finding>) {
    match &facts.process.prefilter {
        Some((Kind::Ebpf, _)) => out.ok(
            Id::Ebpf,
            "the kernel runs the eBPF prefilter: the bulk of judged flows stays there",
        ),
        Some((kind, why)) => {
            let refused = why.as_ref().map(|why| format!(": {why}"));
            out.info(
                Id::Ebpf,
                format!(
                    "the eBPF prefilter is not in force, but {}{}",
                    match kind {
                        Kind::Classic => "a classic filter",
                        _ => "none",
                    },
                    refused.unwrap_or_default()
                ),
                if config.sensor.prefilter == Prefilter::Ebpf {
                    "nothing is missed without it, it only costs more: docs/operations/prefilter.md"
                } else {
                    ""
                },
            );
        }
        None if facts.kernel.bpf => out.info(Id::Ebpf, "the kernel has the bpf system call", ""),
        None => out.info(Id::Ebpf, "the kernel lacks the bpf system call", ""),
    }
}

fn socket_memory(kernel: &Kernel, config: &Config, out: &mut Vec<Finding>) {
    let Some(room) = kernel.optmem_max else {
        return;
    };
    // A filter instruction is 8 bytes, and one prefix takes about two for IPv4, eight for IPv6,
    // for either end.
    let prefixes = config.sensor.excluded.len() as u64;
    let need = prefixes.saturating_mul(2 * 8 * 8);
    let what = format!("net.core.optmem_max leaves {} for a filter", bytes(room));
    if need > room {
        out.warn(
            Id::SocketMemory,
            format!("{what}, and {prefixes} excluded prefixes may need more"),
            "raise net.core.optmem_max, or name fewer, larger prefixes: else they are left out in \
             user space only",
        );
    } else {
        out.ok(Id::SocketMemory, what);
    }
}

fn softnet(kernel: &Kernel, out: &mut Vec<Finding>) {
    let Some(drops) = kernel.backlog_drops else {
        return;
    };
    let squeezed = kernel.time_squeezed.unwrap_or(0);
    if drops > 0 {
        out.warn(
            Id::Softnet,
            format!(
                "{drops} frames were dropped before any socket since the machine started: the \
                 backlog of a processor was full"
            ),
            "raise net.core.netdev_max_backlog, and spread receive queues over processors",
        );
    } else if squeezed > 0 {
        out.info(
            Id::Softnet,
            format!("no frame was dropped before the sockets; receiving was cut off {squeezed} times for lack of time"),
            "if drops of the interface rise too, raise net.core.netdev_budget",
        );
    } else {
        out.ok(
            Id::Softnet,
            "no frame was dropped between the drivers and the sockets",
        );
    }
}

/// Major and minor.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Workers of all interfaces.
fn workers(config: &Config) -> u64 {
    let each = match config.sensor.via {
        Via::Ring => u64::from(config.sensor.workers.max(1)),
        Via::Pcap | Via::Xdp => 1,
    };
    each * config.sensor.interfaces.len().max(1) as u64
}

/// Address space of one worker's tables and buffers.
pub(in crate::doctor) fn worker_bytes(config: &Config) -> u64 {
    let sensor = &config.sensor;
    let flows = u64::from(sensor.flows_max).next_power_of_two();
    flows * FLOW_BYTES
        + u64::from(sensor.buffers_max) * BUFFER_BYTES * POOLS_QUARTERS / 4
        + WORKER_BYTES
}

pub(super) fn memory(memory: &Memory, config: &Config, out: &mut Vec<Finding>) {
    let workers = workers(config);
    let rings = workers * (u64::from(config.sensor.ring_mib) << 20);
    let tables = workers * worker_bytes(config);
    rings_fit(memory, rings, out);
    tables_fit(memory, rings, tables, out);
    match memory.address_space {
        Some(limit) if limit < rings + tables => out.fail(
            Id::AddressSpace,
            format!(
                "the limit of address space is {}, but rings and tables take {}",
                bytes(limit),
                bytes(rings + tables)
            ),
            "raise it (`ulimit -v`, `LimitAS=` in the unit), or make rings and tables smaller",
        ),
        _ => out.ok(Id::AddressSpace, "the limit of address space leaves room"),
    }
    out.info(
        Id::LockedMemory,
        match memory.locked {
            None => "locked memory is not limited".to_owned(),
            Some(limit) => format!(
                "locked memory is limited to {}; AF_PACKET rings do not count against it",
                bytes(limit)
            ),
        },
        "",
    );
    let have = memory.processors as u64;
    if have > 0 && workers > have {
        out.warn(
            Id::Processors,
            format!("{workers} workers share the processors, of which there are {have}"),
            "no more workers than processors: each is bound to one",
        );
    } else {
        out.ok(
            Id::Processors,
            format!("workers: {workers}, processors: {have}"),
        );
    }
}

fn rings_fit(memory: &Memory, rings: u64, out: &mut Vec<Finding>) {
    let next = "lower `ring_mib` or `workers` under [sensor]";
    let have = format!("the capture rings take {} in all", bytes(rings));
    match (memory.total, memory.available) {
        (Some(total), _) if rings > total / 2 => out.fail(
            Id::RingMemory,
            format!(
                "{have}, more than half of the {} of this machine",
                bytes(total)
            ),
            next,
        ),
        (_, Some(free)) if rings > free / 2 => out.warn(
            Id::RingMemory,
            format!(
                "{have}, more than half of the {} that are free now",
                bytes(free)
            ),
            next,
        ),
        (None, None) => {}
        _ => out.ok(Id::RingMemory, format!("{have}, and the machine has room")),
    }
}

fn tables_fit(memory: &Memory, rings: u64, tables: u64, out: &mut Vec<Finding>) {
    let next = "lower `flows_max` or `buffers_max` under [sensor], or give more memory";
    let need = format!("tables and buffers take up to {} when full", bytes(tables));
    match (memory.group_limit, memory.available) {
        // Rings are the kernel's pages and do not count against a group.
        (Some(limit), _) if tables > limit => out.fail(
            Id::TableMemory,
            format!(
                "{need}, but the control group of this process may have {}",
                bytes(limit)
            ),
            "raise `MemoryMax=` in the unit, or lower `flows_max` and `buffers_max`",
        ),
        // Rings that are too large themselves are told above.
        (_, Some(free)) if rings <= free / 2 && tables + rings > free => out.warn(
            Id::TableMemory,
            format!(
                "{need}, with the rings {}, and {} are free now",
                bytes(tables + rings),
                bytes(free)
            ),
            next,
        ),
        _ => out.ok(Id::TableMemory, need),
    }
}

pub(super) fn clock(clock: &Clock, traffic: Option<&TrafficFacts>, out: &mut Vec<Finding>) {
    let error = clock.error_max_us.unwrap_or(0);
    match clock.synchronised {
        Some(true) => out.ok(
            Id::ClockSynchronised,
            format!(
                "a time service keeps the clock, within {} ms by the kernel's bound",
                error / 1000
            ),
        ),
        Some(false) => out.warn(
            Id::ClockSynchronised,
            "no time service keeps the clock",
            "start one (systemd-timesyncd, chrony): who held an address is found by time, and a \
             minute off may accuse somebody else",
        ),
        None => out.info(
            Id::ClockSynchronised,
            "the kernel does not say whether a time service keeps the clock",
            "",
        ),
    }
    if let Some(jump) = clock.jumped_ns {
        if jump.unsigned_abs() > JUMP_MAX_NS {
            out.warn(
                Id::ClockJump,
                format!(
                    "the clock jumped by {} ms while traffic was watched",
                    jump / 1_000_000
                ),
                "let the time service slew it, and look for a second service that sets it too",
            );
        } else {
            out.ok(
                Id::ClockJump,
                "the clock did not jump while traffic was watched",
            );
        }
    }
    let live = traffic.filter(|it| !it.from_file && it.frames > 0);
    if let Some(traffic) = live {
        let off = traffic.packet_time_off_ns;
        if off > OFF_MAX_NS {
            out.warn(
                Id::PacketTime,
                format!(
                    "packet time and the clock differ by {}",
                    span(off / 1_000_000_000)
                ),
                "look for hardware time stamps that nobody disciplines, and for a clock that was \
                 set",
            );
        } else {
            out.ok(Id::PacketTime, "packet time agrees with the clock");
        }
    }
    if !clock.zone.is_empty() {
        let utc = matches!(
            clock.zone.as_str(),
            "UTC" | "Etc/UTC" | "Zulu" | "Etc/Zulu" | "Etc/UCT" | "GMT" | "Etc/GMT"
        );
        let what = format!(
            "the time zone is {}; records are in UTC either way",
            clock.zone
        );
        if utc {
            out.ok(Id::TimeZone, what);
        } else {
            out.info(
                Id::TimeZone,
                what,
                "give each log feed its `zone`: their lines are in local time",
            );
        }
    }
}

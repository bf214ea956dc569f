//! What this process may do.

use caps::{CapSet, Capability};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::capture::live::{self, LiveConfig, LiveSource};
use crate::capture::prefilter::Kind;
use crate::config::Config;
use crate::daemon::sources;
use crate::doctor::facts::Process;

/// The smallest ring that the capture takes: whether the large one fits is a matter of memory.
const RING_BYTES: usize = 2 << 20;

pub(super) fn gather() -> Process {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').trim().parse::<u32>().ok()
    };
    Process {
        uid: nix::unistd::geteuid().as_raw(),
        net_raw: caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap_or(false),
        no_new_privs: number("NoNewPrivs") == Some(1),
        seccomp: number("Seccomp").unwrap_or(0),
        packet_socket: packet_socket(),
        capture: None,
        prefilter: None,
    }
}

/// Opens a packet socket that receives nothing, and closes it.
fn packet_socket() -> Option<String> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socket(AddressFamily::Packet, SockType::Raw, flags, None)
        .err()
        .map(|errno| errno.desc().to_owned())
}

/// Opens the capture with the filter and the exclusion of the configuration, and closes it. What
/// stood before the rings, and why nothing better?
pub(super) fn try_capture(config: &Config) -> Option<Result<Before, String>> {
    let sensor = &config.sensor;
    if sensor.interfaces.is_empty() {
        return None;
    }
    let opened = live::open(&small(config, sensor.workers));
    let before = |sources: Vec<LiveSource>| {
        let each = sources.iter().map(LiveSource::prefilter);
        let least = each.min_by_key(|(kind, _)| *kind);
        least.map_or((Kind::None, None), |(kind, why)| {
            (kind, why.map(str::to_owned))
        })
    };
    Some(opened.map(before).map_err(|e| e.to_string()))
}

/// The kind of filter before the ring, and why it is not the best.
type Before = (Kind, Option<String>);

/// The capture of the configuration with a small ring.
pub(super) fn small(config: &Config, workers: u16) -> LiveConfig {
    LiveConfig {
        workers_per_interface: workers,
        ring_bytes: RING_BYTES,
        ..sources::live_config(&config.sensor)
    }
}

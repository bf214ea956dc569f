//! Frames from network interfaces, as they pass.
//!
//! Enters: [`LiveConfig`]. Leaves: one [`LiveSource`] per worker, and from it [`Frame`]s. Never:
//! takes a packet away from the network, prints one, needs a privilege after [`open`].
//!
//! Two ways: an AF_PACKET ring (TPACKET_V3, the default on Linux) and libpcap. Frames come as the
//! kernel has them: GRO and TSO have joined segments to frames of up to 64 KiB and more, and sent
//! packets may not have their checksum yet.

mod block;
mod error;
mod fanout;
mod interface;
mod mapping;
mod pcap;
mod program;
mod ring;
mod socket;
mod xdp;

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use ipnet::IpNet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::time::TimeSpec;
use nix::unistd::Pid;

pub use self::block::{Reading, Walked, walk_block};
pub use self::error::LiveError;
pub use self::interface::own_addresses;
pub use self::pcap::PcapSource;
pub use self::program::KernelFilter;
pub use self::ring::Ring;
pub use self::xdp::XdpSource;

use super::Frame;
use super::prefilter::{Kind, Refused, Shed, Verdicts};

/// The way into the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// An AF_PACKET ring.
    #[default]
    Ring,
    /// libpcap: slower, one worker per interface, any link type that libpcap knows.
    Pcap,
    /// AF_XDP: frames that reach nobody else, for mirror and tap ports; one worker per interface.
    /// Where the system refuses it, an AF_PACKET ring.
    Xdp,
}

/// What to capture, and how.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// Names of the interfaces. Their order numbers the observation points ([`Frame::point`]).
    pub interfaces: Vec<String>,
    /// Rings per interface; 0 counts as 1. libpcap always has one.
    pub workers_per_interface: u16,
    /// The way into the kernel.
    pub via: Via,
    /// Also take frames that are not addressed to this host (a mirror port).
    pub promiscuous: bool,
    /// A pcap-filter(7) expression that narrows what comes in.
    pub filter: Option<String>,
    /// Prefixes that may not be watched: dropped in the kernel as far as it can tell, and in
    /// `decode` in any case.
    pub excluded: Vec<IpNet>,
    /// Bytes of ring for each worker, rounded down to whole MiB, at least 2 MiB.
    pub ring_bytes: usize,
    /// Most bytes kept of a frame; 0 keeps it whole.
    pub snaplen: u32,
    /// The most that the kernel is asked to keep back. The next best is taken where it refuses.
    pub prefilter: Kind,
    /// Nothing but the eBPF program will do: refuse, rather than take the next best.
    pub require_ebpf: bool,
    /// Judged flows that the kernel can hold for each worker.
    pub flows: u32,
    /// Nothing but AF_XDP will do, where it was asked for.
    pub require_xdp: bool,
    /// Take frames by AF_XDP even where own or forwarded traffic passes, and cut it off.
    pub xdp_own_traffic: bool,
}

impl Default for LiveConfig {
    /// One ring of 64 MiB, whole frames, no interface yet.
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            workers_per_interface: 1,
            via: Via::Ring,
            promiscuous: false,
            filter: None,
            excluded: Vec::new(),
            ring_bytes: 64 * 1024 * 1024,
            snaplen: 0,
            prefilter: Kind::Classic,
            require_ebpf: false,
            flows: 65_536,
            require_xdp: false,
            xdp_own_traffic: false,
        }
    }
}

/// Opens every interface. Needs CAP_NET_RAW, also for promiscuous mode; once it has returned, no
/// privilege is needed any more. An interface that is down is opened by the ring (the first
/// [`next_batch`](LiveSource::next_batch) reports it, and capture begins when it comes up) and
/// refused by libpcap.
///
/// # Errors
/// Any [`LiveError`] that names what is wrong with the configuration or missing in the system.
pub fn open(config: &LiveConfig) -> Result<Vec<LiveSource>, LiveError> {
    interface::check_names(&config.interfaces)?;
    check_memory(config)?;
    let mut sources = Vec::new();
    for (point, name) in config.interfaces.iter().enumerate() {
        let point = u16::try_from(point).unwrap_or(u16::MAX);
        match config.via {
            Via::Ring | Via::Xdp => {
                let interface = interface::look_up(name, point)?;
                let mut no_xdp = None;
                if config.via == Via::Xdp {
                    match open_xdp(&interface, config)? {
                        Ok(source) => {
                            sources.push(LiveSource::Xdp(Box::new(source)));
                            continue;
                        }
                        Err(refused) => no_xdp = Some(refused.why),
                    }
                }
                for mut ring in ring::open(&interface, config)? {
                    ring.instead_of_xdp(no_xdp.clone());
                    sources.push(LiveSource::Ring(Box::new(ring)));
                }
            }
            Via::Pcap => {
                let source = pcap::open(name, point, config)?;
                sources.push(LiveSource::Pcap(Box::new(source)));
            }
        }
    }
    Ok(sources)
}

/// AF_XDP, or why the next best way is taken.
fn open_xdp(
    interface: &interface::Interface,
    config: &LiveConfig,
) -> Result<Result<XdpSource, Refused>, LiveError> {
    let name = interface.name.clone();
    match xdp::open(interface, config) {
        Ok(source) => Ok(Ok(source)),
        Err(xdp::Not::Fault(error)) => Err(error),
        Err(xdp::Not::Carries(why)) => Err(LiveError::CarriesTraffic { name, why }),
        Err(xdp::Not::Refused(refused)) if config.require_xdp => Err(LiveError::XdpRequired {
            name,
            permission: refused.permission,
            why: refused.why,
        }),
        Err(xdp::Not::Refused(refused)) => Ok(Err(refused)),
    }
}

/// The kernel would rather end other programs than refuse a ring that is far too large.
fn check_memory(config: &LiveConfig) -> Result<(), LiveError> {
    let workers = match config.via {
        // Where AF_XDP is refused, rings come in its place.
        Via::Ring | Via::Xdp => u64::from(config.workers_per_interface.max(1)),
        Via::Pcap => 1,
    };
    let rings = workers.saturating_mul(config.interfaces.len() as u64);
    let bytes = rings.saturating_mul(config.ring_bytes as u64);
    match memory_of_machine() {
        Some(memory) if bytes > memory / 2 => Err(LiveError::RingsTooLarge { bytes, memory }),
        _ => Ok(()),
    }
}

/// `MemTotal` of /proc/meminfo in bytes.
fn memory_of_machine() -> Option<u64> {
    let table = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = table
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// One worker's share of one interface. `Send`: opened by one thread, moved to its own.
pub enum LiveSource {
    /// An AF_PACKET ring.
    Ring(Box<Ring>),
    /// libpcap.
    Pcap(Box<PcapSource>),
    /// AF_XDP.
    Xdp(Box<XdpSource>),
}

/// Where AF_XDP drops a frame: no memory was free for it, or it is too long; its ring was full.
pub const XDP_PLACES: [&str; 2] = ["memory", "ring"];

/// What the kernel counted for one worker since [`open`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelStats {
    /// Frames put into the ring: passed the filter and found room. On the loopback this counts both
    /// copies of a packet, of which one is handed over.
    pub received: u64,
    /// Frames that passed the filter and found no room.
    pub drops: u64,
    /// Times the ring stood still because every block was waiting for the worker (0 with libpcap).
    pub freezes: u64,
    /// Receive errors and drops of the interface, before any socket. Of the whole interface, so
    /// told by its worker 0 alone and 0 for the others.
    pub interface_errors: u64,
    /// Times the interface went down or disappeared.
    pub interface_downs: u64,
    /// Blocks left before their end because an offset pointed outside. Not 0 means a fault.
    pub broken_blocks: u64,
    /// What the eBPF program kept back.
    pub shed: Shed,
    /// Frames that AF_XDP dropped, along [`XDP_PLACES`].
    pub xdp_lost: [u64; XDP_PLACES.len()],
}

impl LiveSource {
    /// Name of the interface.
    pub fn point_name(&self) -> &str {
        match self {
            Self::Ring(ring) => ring.point_name(),
            Self::Pcap(source) => source.point_name(),
            Self::Xdp(source) => source.point_name(),
        }
    }

    /// Number of the observation point, as in [`Frame::point`].
    pub fn point(&self) -> u16 {
        match self {
            Self::Ring(ring) => ring.point(),
            Self::Pcap(source) => source.point(),
            Self::Xdp(source) => source.point(),
        }
    }

    /// Which worker of this interface, from 0.
    pub fn worker(&self) -> u16 {
        match self {
            Self::Ring(ring) => ring.worker(),
            Self::Pcap(_) | Self::Xdp(_) => 0,
        }
    }

    /// Which filter is in force before frames come here.
    pub fn kernel_filter(&self) -> KernelFilter {
        match self {
            Self::Ring(ring) => ring.kernel_filter(),
            Self::Pcap(source) => source.kernel_filter(),
            Self::Xdp(_) => KernelFilter::None,
        }
    }

    /// By which way frames come, in one word, and why it is not the one that was asked for.
    pub fn way(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Ring(ring) => ("ring", ring.no_xdp()),
            Self::Pcap(_) => ("pcap", None),
            Self::Xdp(source) if source.is_zero_copy() => ("xdp-zerocopy", None),
            Self::Xdp(_) => ("xdp-copy", None),
        }
    }

    /// What stands before the ring, and why it is less than was asked for.
    pub fn prefilter(&self) -> (Kind, Option<&str>) {
        match self {
            Self::Ring(ring) => ring.prefilter(),
            Self::Pcap(source) => (
                source.kernel_filter().kind(),
                Some("libpcap knows no other"),
            ),
            Self::Xdp(_) => (Kind::None, Some("AF_XDP hands over every frame")),
        }
    }

    /// The way to tell the kernel what was judged, where the eBPF program is in force; once.
    pub const fn take_verdicts(&mut self) -> Option<Verdicts> {
        match self {
            Self::Ring(ring) => ring.take_verdicts(),
            Self::Pcap(_) | Self::Xdp(_) => None,
        }
    }

    /// Waits at most `timeout` for frames, hands each to `each` where the ring holds it, gives the
    /// room back, and returns how many there were. Returns at once when frames are waiting, and may
    /// return 0 before the time is over.
    ///
    /// # Errors
    /// [`LiveError::InterfaceDown`] and [`LiveError::InterfaceGone`], once for each time it happens;
    /// [`is_survivable`](LiveError::is_survivable) says whether to go on calling. Others are final.
    pub fn next_batch(
        &mut self,
        timeout: Duration,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, LiveError> {
        match self {
            Self::Ring(ring) => ring.next_batch(timeout, each),
            Self::Pcap(source) => source.next_batch(timeout, each),
            Self::Xdp(source) => source.next_batch(timeout, each),
        }
    }

    /// Was the interface up when last looked at? Nothing is captured while it is not.
    pub fn is_up(&self) -> bool {
        match self {
            Self::Ring(ring) => ring.is_up(),
            Self::Pcap(source) => source.is_up(),
            Self::Xdp(source) => source.is_up(),
        }
    }

    /// What the kernel counted since [`open`]. Reading sets the kernel's own counters to 0; this
    /// adds them up. To be called every few minutes at least: they have 32 bits.
    pub fn kernel_stats(&mut self) -> KernelStats {
        match self {
            Self::Ring(ring) => ring.kernel_stats(),
            Self::Pcap(source) => source.kernel_stats(),
            Self::Xdp(source) => source.kernel_stats(),
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// The time is over, or a signal came.
    Quiet,
    Ready,
    Error,
}

fn wait(source: &impl AsFd, timeout: Duration) -> io::Result<Readiness> {
    let mut fds = [PollFd::new(source.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut fds, Some(TimeSpec::from_duration(timeout)), None) {
        Ok(0) | Err(Errno::EINTR) => Ok(Readiness::Quiet),
        Ok(_) => {
            let events = fds[0].revents().unwrap_or(PollFlags::POLLERR);
            let bad = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
            Ok(if events.intersects(bad) {
                Readiness::Error
            } else {
                Readiness::Ready
            })
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Binds the calling thread to one processor: the `worker`-th, counted over all interfaces and round
/// again, of those that the thread may run on. Returns its number.
///
/// # Errors
/// [`LiveError::Pinning`]: slower, not wrong.
pub fn pin_to_cpu(worker: u16) -> Result<usize, LiveError> {
    let failed = |errno: Errno| LiveError::Pinning {
        worker,
        source: errno.into(),
    };
    let this_thread = Pid::from_raw(0);
    let allowed = sched_getaffinity(this_thread).map_err(failed)?;
    let cpus: Vec<usize> = (0..CpuSet::count())
        .filter(|cpu| allowed.is_set(*cpu).unwrap_or(false))
        .collect();
    let cpu = cpus
        .get(usize::from(worker) % cpus.len().max(1))
        .copied()
        .ok_or_else(|| failed(Errno::EINVAL))?;
    let mut one = CpuSet::new();
    one.set(cpu).map_err(failed)?;
    sched_setaffinity(this_thread, &one).map_err(failed)?;
    Ok(cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_can_be_moved_to_its_thread() {
        fn is_send<T: Send>() {}
        is_send::<LiveSource>();
        is_send::<super::super::filter::Filter>();
    }

    #[test]
    fn a_missing_interface_is_told_before_a_missing_permission() {
        for via in [Via::Ring, Via::Pcap] {
            let config = LiveConfig {
                interfaces: vec!["nosuch0".into()],
                via,
                ..LiveConfig::default()
            };
            assert!(matches!(open(&config), Err(LiveError::Missing { .. })));
        }
    }

    #[test]
    fn rings_larger_than_half_of_the_memory_are_refused() {
        let memory = memory_of_machine().unwrap();
        let config = |workers| LiveConfig {
            interfaces: vec!["lo".into()],
            workers_per_interface: workers,
            ring_bytes: usize::try_from(memory / 5).unwrap(),
            ..LiveConfig::default()
        };
        assert!(check_memory(&config(2)).is_ok());
        let error = check_memory(&config(3)).unwrap_err();
        assert!(
            error.to_string().contains("more than half of the"),
            "{error}"
        );
    }

    #[test]
    fn a_worker_is_pinned_to_one_processor_and_the_count_goes_round() {
        let many = std::thread::available_parallelism().unwrap().get();
        let cpu = |worker: usize| {
            std::thread::spawn(move || {
                let cpu = pin_to_cpu(u16::try_from(worker).unwrap()).unwrap();
                let now = sched_getaffinity(Pid::from_raw(0)).unwrap();
                let set = (0..CpuSet::count())
                    .filter(|n| now.is_set(*n).unwrap())
                    .count();
                assert!(set == 1 && now.is_set(cpu).unwrap());
                cpu
            })
            .join()
            .unwrap()
        };
        assert_eq!(cpu(0), cpu(many));
        if many > 1 {
            assert_ne!(cpu(0), cpu(1));
        }
    }
}

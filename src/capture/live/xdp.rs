//! The AF_XDP way, for mirror and tap ports: frames without the kernel's network stack.
//!
//! Enters: an interface that carries nobody's own traffic. Leaves: frames where the card or the
//! kernel put them. Never: lets go of the rule that such frames reach nobody else: on an interface
//! that carries own or forwarded traffic it would cut the network off, so it is refused there.
//!
//! One socket for each queue, all read by one worker: so both directions of a flow meet, whatever
//! the card's hash does. The frames carry no timestamp: a batch has the time at which it was taken.
//! A VLAN tag stays in the frame, unless the card takes it out (switch `rxvlan` off).

mod place;
mod socket;

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aya::maps::{MapData, XskMap};
use aya::programs::{Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use self::socket::{CHUNK_LEN, Socket};
use super::interface::{ErrorCounter, Interface};
use super::program::user_expression;
use super::socket::{Delivery, PacketSocket};
use super::{KernelStats, LiveConfig, LiveError, XDP_PLACES};
use crate::base::Timestamp;
use crate::capture::filter::Filter;
use crate::capture::prefilter::Refused;
use crate::capture::{Frame, LinkType};

/// The program as clang built it.
static OBJECT: &[u8] = include_bytes_aligned!("xdp/redirect.bpf.o");
/// Pace of looking whether the interface is up.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A worker that has caught up lets frames gather for so long: woken for each, it would spend many
/// times as much. At 10 Gbit/s of frames of 1,000 bytes, 625 gather, of the 16,384 that a ring of
/// 64 MiB holds.
const PAUSE: Duration = Duration::from_micros(500);
/// Fewest and most chunks of one socket.
const CHUNKS: (usize, usize) = (64, 1 << 18);

/// All queues of one interface.
pub struct XdpSource {
    // Dropped first: the interface's frames go their way again.
    _program: Ebpf,
    _sockets: XskMap<MapData>,
    queues: Vec<Socket>,
    interface: Interface,
    filter: Option<Filter>,
    /// Holds promiscuous mode.
    packets: PacketSocket,
    stats: KernelStats,
    errors: ErrorCounter,
    up: bool,
    looked: Instant,
}

/// Why an interface is not taken this way.
pub(super) enum Not {
    /// It carries own or forwarded traffic.
    Carries(String),
    /// The next best way may do.
    Refused(Refused),
    /// No way will do.
    Fault(LiveError),
}

/// Opens every queue of `interface`.
pub(super) fn open(interface: &Interface, config: &LiveConfig) -> Result<XdpSource, Not> {
    if interface.link != LinkType::Ethernet || interface.loopback {
        return Err(Not::Refused(Refused::because("it is no Ethernet port")));
    }
    if !config.xdp_own_traffic
        && let Some(why) = place::carries(&interface.name)
    {
        return Err(Not::Carries(why));
    }
    let filter = user_expression(config).map(|text| Filter::compile(text, LinkType::Ethernet));
    let filter = filter.transpose().map_err(|e| Not::Fault(e.into()))?;
    let opened = take_over(interface, config).map_err(Not::Refused)?;
    let (program, sockets, queues, packets) = opened;
    Ok(XdpSource {
        _program: program,
        _sockets: sockets,
        queues,
        filter,
        up: packets.is_up(&interface.name).unwrap_or(false),
        packets,
        stats: KernelStats::default(),
        errors: ErrorCounter::start(&interface.name),
        looked: Instant::now(),
        interface: interface.clone(),
    })
}

type Opened = (Ebpf, XskMap<MapData>, Vec<Socket>, PacketSocket);

/// Sockets first, the program that feeds them last.
fn take_over(interface: &Interface, config: &LiveConfig) -> Result<Opened, Refused> {
    let count = queues(&interface.name);
    let system = |doing: &'static str| move |e: io::Error| Refused::new(doing, &e);
    let packets = PacketSocket::open(Delivery::WithLinkHeader)
        .map_err(system("opening a socket for promiscuous mode"))?;
    if config.promiscuous {
        packets
            .promiscuous(interface.index)
            .map_err(system("setting promiscuous mode"))?;
    }
    let mut program = EbpfLoader::new()
        .btf(None)
        .map_max_entries("sockets", count)
        .load(OBJECT)
        .map_err(|e| Refused::new("making the table of sockets", &e))?;
    let map = program.take_map("sockets");
    let map = map.ok_or_else(|| Refused::because("the object in this program is another one"))?;
    let mut sockets =
        XskMap::try_from(map).map_err(|e| Refused::new("the table of sockets", &e))?;
    let each = config.ring_bytes / CHUNK_LEN / count as usize;
    let chunks = each.clamp(CHUNKS.0, CHUNKS.1);
    // The largest power of two that is not more.
    let chunks = 1u32 << chunks.ilog2();
    let mut open = Vec::new();
    for queue in 0..count {
        let socket = Socket::open(interface.index, queue, chunks)
            .map_err(system("opening an AF_XDP socket"))?;
        sockets
            .set(queue, socket.as_fd().as_raw_fd(), 0)
            .map_err(|e| Refused::new("entering a socket into the table", &e))?;
        open.push(socket);
    }
    let redirect: &mut Xdp = program
        .program_mut("redirect")
        .ok_or_else(|| Refused::because("the object in this program is another one"))?
        .try_into()
        .map_err(|e| Refused::new("its kind of program", &e))?;
    redirect
        .load()
        .map_err(|e| Refused::new("loading the program", &e))?;
    let index = u32::try_from(interface.index).unwrap_or_default();
    redirect
        .attach_to_if_index(index, XdpMode::Default)
        .map_err(|e| Refused::new("attaching the program to the interface", &e))?;
    Ok((program, sockets, open, packets))
}

/// How many receive queues the interface has.
fn queues(name: &str) -> u32 {
    let folder = format!("/sys/class/net/{name}/queues");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let receiving = entries.filter(|it| it.file_name().as_encoded_bytes().starts_with(b"rx-"));
    u32::try_from(receiving.count()).unwrap_or(1).max(1)
}

impl XdpSource {
    /// Name of the interface.
    pub fn point_name(&self) -> &str {
        &self.interface.name
    }

    /// Number of the observation point, as in [`Frame::point`].
    pub fn point(&self) -> u16 {
        self.interface.point
    }

    /// Does the card write into our memory by itself, on every queue?
    pub fn is_zero_copy(&self) -> bool {
        self.queues.iter().all(Socket::is_zero_copy)
    }

    /// See [`LiveSource::is_up`](super::LiveSource::is_up).
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// See [`LiveSource::next_batch`](super::LiveSource::next_batch).
    pub fn next_batch(
        &mut self,
        timeout: Duration,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, LiveError> {
        let frames = self.take(each);
        if frames > 0 {
            return Ok(frames);
        }
        std::thread::sleep(PAUSE.min(timeout));
        let frames = self.take(each);
        if frames > 0 {
            return Ok(frames);
        }
        self.look_for_interface()?;
        self.wait(timeout).map_err(|source| LiveError::System {
            name: self.interface.name.clone(),
            doing: "waiting for frames",
            source,
        })?;
        Ok(self.take(each))
    }

    fn take(&mut self, each: &mut impl FnMut(Frame<'_>)) -> usize {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
        let (filter, point) = (&self.filter, self.interface.point);
        let mut frames = 0;
        for queue in &mut self.queues {
            let taken = queue.take(|bytes| {
                let frame = Frame {
                    bytes,
                    wire_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                    time: Timestamp(now),
                    vlan: None,
                    link: LinkType::Ethernet,
                    point,
                };
                if filter.as_ref().is_none_or(|filter| filter.accepts(&frame)) {
                    frames += 1;
                    each(frame);
                }
            });
            self.stats.received = self.stats.received.wrapping_add(taken as u64);
        }
        frames
    }

    fn wait(&self, timeout: Duration) -> io::Result<()> {
        let watch = |queue| PollFd::new(queue, PollFlags::POLLIN);
        let mut fds: Vec<PollFd<'_>> = self.queues.iter().map(|q| watch(q.as_fd())).collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(timeout)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// A socket of this kind says nothing of an interface that went down or away: looks now and then.
    fn look_for_interface(&mut self) -> Result<(), LiveError> {
        if self.looked.elapsed() < LOOK_AGAIN {
            return Ok(());
        }
        self.looked = Instant::now();
        let name = self.interface.name.clone();
        let index = self.packets.index_of(&name);
        if index.ok().flatten() != Some(self.interface.index) {
            self.up = false;
            self.stats.interface_downs += 1;
            return Err(LiveError::InterfaceGone {
                name,
                recovers: false,
            });
        }
        // Asked of a socket, which stays in the network namespace that it was opened in.
        let up = self.packets.is_up(&name).unwrap_or(false);
        let was_up = std::mem::replace(&mut self.up, up);
        if was_up && !self.up {
            self.stats.interface_downs += 1;
            return Err(LiveError::InterfaceDown { name });
        }
        Ok(())
    }

    /// See [`LiveSource::kernel_stats`](super::LiveSource::kernel_stats).
    pub fn kernel_stats(&mut self) -> KernelStats {
        let mut lost = [0u64; XDP_PLACES.len()];
        for counted in self.queues.iter().filter_map(|queue| queue.counted().ok()) {
            for (sum, more) in lost.iter_mut().zip([counted.dropped, counted.ring_full]) {
                *sum = sum.wrapping_add(more);
            }
        }
        self.stats.xdp_lost = lost;
        let [dropped, ring_full] = lost;
        self.stats.drops = dropped.wrapping_add(ring_full);
        self.stats.interface_errors = self.errors.total();
        self.stats
    }
}

//! The AF_PACKET way: one TPACKET_V3 ring per worker.
//!
//! Enters: an interface, a filter. Leaves: frames where the kernel put them. Never: copies one;
//! takes a packet from the network (a ring only watches, unlike AF_XDP).
//!
//! A socket is opened with no protocol, gets its ring and a filter that lets nothing through, is
//! bound, joins its group, and only then gets the real filter, which is locked. So no frame of
//! another interface, none that the filter should have kept out, and none twice from the time before
//! the group was complete, is ever in the ring.

use std::io;
use std::time::{Duration, Instant};

use super::block::{Reading, walk_block};
use super::fanout::by_address_pair;
use super::interface::{ErrorCounter, Interface};
use super::mapping::Mapping;
use super::program::{KernelFilter, Program, Programs, user_expression};
use super::socket::{PacketSocket, RingShape};
use super::{KernelStats, LiveConfig, LiveError, Readiness, wait};
use crate::capture::prefilter::{Kind, Prefilter, Refused, Verdicts, Wanted};
use crate::capture::{Frame, LinkType};

/// Bytes of a block. A frame must fit into one: BIG TCP makes frames of up to 512 KiB.
const BLOCK_LEN: usize = 1024 * 1024;
/// A block with at least one frame is handed over after this time at the latest (twice this, when
/// it was opened just before the frame came). The alert budget is 100 ms for the whole way.
const RETIRE_MS: u32 = 4;
/// How often a lost interface is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What was being done when a call failed.
const WAITING: &str = "waiting for frames";
const LOOKING: &str = "looking for the interface";

/// One worker's ring.
pub struct Ring {
    // Dropped before the socket: the kernel frees a ring only when nobody maps it.
    mapping: Mapping,
    socket: PacketSocket,
    next: usize,
    interface: Interface,
    worker: u16,
    promiscuous: bool,
    grouped: bool,
    filter: KernelFilter,
    prefilter: Option<Prefilter>,
    /// Why not.
    refused: Option<Refused>,
    no_xdp: Option<String>,
    link_state: LinkState,
    stats: KernelStats,
    /// Of the interface, so told by its first worker alone.
    errors: Option<ErrorCounter>,
}

/// What is known of the interface's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkState {
    Up,
    Down { looked: Instant },
    Gone { looked: Instant },
}

/// Opens one ring for each worker of `interface`.
pub(super) fn open(interface: &Interface, config: &LiveConfig) -> Result<Vec<Ring>, LiveError> {
    let programs = Programs::compile(interface, config)?;
    let workers = config.workers_per_interface.max(1);
    let mut rings: Vec<Ring> = Vec::with_capacity(usize::from(workers));
    for worker in 0..workers {
        rings.push(Ring::silent(interface, config, worker)?);
    }
    if workers > 1 {
        group(&rings, interface).map_err(failed(interface, "sharing frames out to its workers"))?;
        rings.iter_mut().for_each(|ring| ring.grouped = true);
    }
    for ring in &mut rings {
        ring.filter = ring.listen(&programs, config)?;
    }
    Ok(rings)
}

/// Makes the rings one fanout group.
fn group(rings: &[Ring], interface: &Interface) -> io::Result<()> {
    let Some((first, rest)) = rings.split_first() else {
        return Ok(());
    };
    let number = first.socket.open_fanout()?;
    rest.iter()
        .try_for_each(|ring| ring.socket.join_fanout(number))?;
    let ethernet = interface.link == LinkType::Ethernet;
    first.socket.share_out(&by_address_pair(ethernet))
}

fn load_prefilter(
    interface: &Interface,
    config: &LiveConfig,
    socket: &PacketSocket,
) -> Result<Prefilter, Refused> {
    if user_expression(config).is_some() {
        return Err(Refused::because(
            "a filter expression is given, and a socket runs one filter",
        ));
    }
    let mut prefilter = Prefilter::load(&Wanted {
        ethernet: interface.link == LinkType::Ethernet,
        keep: match config.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        },
        excluded: &config.excluded,
        flows: config.flows,
    })?;
    prefilter.attach(socket)?;
    Ok(prefilter)
}

fn failed(interface: &Interface, doing: &'static str) -> impl Fn(io::Error) -> LiveError {
    move |source| {
        let name = interface.name.clone();
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => LiveError::NotPermitted { name },
            _ => LiveError::System {
                name,
                doing,
                source,
            },
        }
    }
}

impl Ring {
    /// Everything but the filter: bound, and nothing comes in yet.
    fn silent(interface: &Interface, config: &LiveConfig, worker: u16) -> Result<Self, LiveError> {
        let blocks = (config.ring_bytes / BLOCK_LEN).max(2);
        let no_memory = |source: io::Error| LiveError::RingMemory {
            name: interface.name.clone(),
            bytes: blocks * BLOCK_LEN,
            source,
        };
        let failed = |doing| failed(interface, doing);
        let shape = RingShape {
            block_len: BLOCK_LEN as u32,
            blocks: u32::try_from(blocks)
                .map_err(|_| no_memory(io::Error::from_raw_os_error(libc::ENOMEM)))?,
            retire_ms: RETIRE_MS,
        };
        let socket = PacketSocket::open(interface.delivery).map_err(failed("opening a socket"))?;
        socket
            .attach_filter(&Program::nothing())
            .map_err(failed("keeping the socket silent while it is set up"))?;
        socket.request_ring(shape).map_err(no_memory)?;
        let mapping = Mapping::new(&socket, BLOCK_LEN, blocks).map_err(no_memory)?;
        if config.promiscuous {
            socket
                .promiscuous(interface.index)
                .map_err(failed("setting promiscuous mode"))?;
        }
        socket
            .bind(interface.index)
            .map_err(failed("binding the socket"))?;
        Ok(Self {
            mapping,
            socket,
            next: 0,
            interface: interface.clone(),
            worker,
            promiscuous: config.promiscuous,
            grouped: false,
            filter: KernelFilter::None,
            prefilter: None,
            refused: None,
            no_xdp: None,
            link_state: LinkState::Up,
            stats: KernelStats::default(),
            errors: (worker == 0).then(|| ErrorCounter::start(&interface.name)),
        })
    }

    /// Puts the real filter in force. A kernel without room for the exclusions gets the expression
    /// alone: `decode` drops what is excluded in any case.
    fn listen(
        &mut self,
        programs: &Programs,
        config: &LiveConfig,
    ) -> Result<KernelFilter, LiveError> {
        if self.attach_prefilter(config)? {
            self.lock_filter()?;
            return Ok(KernelFilter::Flows);
        }
        let (mut program, mut in_force) = programs.best();
        let mut attached = self.socket.attach_filter(program);
        if attached.is_err()
            && let Some((smaller, without_exclusion)) = programs.without_exclusion()
        {
            (program, in_force) = (smaller, without_exclusion);
            attached = self.socket.attach_filter(program);
        }
        attached.map_err(|_| LiveError::FilterTooLong {
            name: self.interface.name.clone(),
            instructions: program.len(),
        })?;
        self.lock_filter()?;
        Ok(in_force)
    }

    /// Puts the eBPF program in force, if it is wanted and the kernel takes it.
    fn attach_prefilter(&mut self, config: &LiveConfig) -> Result<bool, LiveError> {
        if config.prefilter != Kind::Ebpf && !config.require_ebpf {
            return Ok(false);
        }
        match load_prefilter(&self.interface, config, &self.socket) {
            Ok(prefilter) => {
                self.prefilter = Some(prefilter);
                Ok(true)
            }
            Err(refused) if config.require_ebpf => Err(LiveError::EbpfRequired {
                name: self.interface.name.clone(),
                why: refused.why,
                permission: refused.permission,
            }),
            Err(refused) => {
                self.refused = Some(refused);
                Ok(false)
            }
        }
    }

    fn lock_filter(&self) -> Result<(), LiveError> {
        self.socket
            .lock_filter()
            .map_err(failed(&self.interface, "locking the filter"))
    }

    /// Name of the interface.
    pub fn point_name(&self) -> &str {
        &self.interface.name
    }

    /// Number of the observation point, as in [`Frame::point`].
    pub fn point(&self) -> u16 {
        self.interface.point
    }

    /// Which worker of the interface, from 0.
    pub fn worker(&self) -> u16 {
        self.worker
    }

    /// What the kernel filters for this ring.
    pub fn kernel_filter(&self) -> KernelFilter {
        self.filter
    }

    /// See [`LiveSource::prefilter`](super::LiveSource::prefilter).
    pub fn prefilter(&self) -> (Kind, Option<&str>) {
        let refused = self.refused.as_ref();
        (
            self.filter.kind(),
            refused.map(|refused| refused.why.as_str()),
        )
    }

    /// AF_XDP was asked for and refused: why.
    pub(super) fn instead_of_xdp(&mut self, why: Option<String>) {
        self.no_xdp = why;
    }

    /// Why it is not AF_XDP, when that was asked for.
    pub fn no_xdp(&self) -> Option<&str> {
        self.no_xdp.as_deref()
    }

    /// See [`LiveSource::take_verdicts`](super::LiveSource::take_verdicts).
    pub const fn take_verdicts(&mut self) -> Option<Verdicts> {
        match &mut self.prefilter {
            Some(prefilter) => prefilter.take_verdicts(),
            None => None,
        }
    }

    /// See [`LiveSource::next_batch`](super::LiveSource::next_batch). A batch is one block.
    pub fn next_batch(
        &mut self,
        timeout: Duration,
        each: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, LiveError> {
        if let Some(frames) = self.next_block(each) {
            return Ok(frames);
        }
        self.look_for_interface()?;
        match wait(&self.socket, timeout).map_err(failed(&self.interface, WAITING))? {
            Readiness::Quiet => Ok(0),
            Readiness::Ready => Ok(self.next_block(each).unwrap_or(0)),
            Readiness::Error => match self.next_block(each) {
                Some(frames) => Ok(frames),
                None => self.error().map(|()| 0),
            },
        }
    }

    /// The frames of the next block, if the kernel has handed it over, and the block back.
    fn next_block(&mut self, each: &mut impl FnMut(Frame<'_>)) -> Option<usize> {
        let block = self.mapping.take(self.next)?;
        let reading = Reading {
            link: self.interface.link,
            point: self.interface.point,
            skip_outgoing: self.interface.loopback,
        };
        let walked = walk_block(block.bytes(), reading, each);
        drop(block);
        self.next = (self.next + 1) % self.mapping.blocks();
        self.stats.broken_blocks += u64::from(walked.broken);
        Some(walked.frames)
    }

    /// Tells the pending error of the socket.
    fn error(&mut self) -> Result<(), LiveError> {
        let pending = self
            .socket
            .pending_error()
            .map_err(failed(&self.interface, WAITING))?;
        let Some(source) = pending else { return Ok(()) };
        if source.raw_os_error() != Some(libc::ENETDOWN) {
            return Err(failed(&self.interface, WAITING)(source));
        }
        self.stats.interface_downs += 1;
        if self.bound_index()?.is_none() {
            return Err(self.gone());
        }
        self.link_state = LinkState::Down {
            looked: Instant::now(),
        };
        Err(LiveError::InterfaceDown {
            name: self.interface.name.clone(),
        })
    }

    fn bound_index(&self) -> Result<Option<i32>, LiveError> {
        self.socket
            .bound_index()
            .map_err(failed(&self.interface, LOOKING))
    }

    fn gone(&mut self) -> LiveError {
        self.link_state = LinkState::Gone {
            looked: Instant::now(),
        };
        LiveError::InterfaceGone {
            name: self.interface.name.clone(),
            recovers: !self.grouped,
        }
    }

    /// After a loss, now and then: is the interface back? One that was only down goes on by itself;
    /// one that was deleted and made anew has another number, and the socket is bound to that (which
    /// needs no privilege, but which the kernel does not allow to a member of a group).
    fn look_for_interface(&mut self) -> Result<(), LiveError> {
        let (LinkState::Down { looked } | LinkState::Gone { looked }) = self.link_state else {
            return Ok(());
        };
        if looked.elapsed() < LOOK_AGAIN {
            return Ok(());
        }
        if self.bound_index()?.is_some() {
            let up = self.socket.is_up(&self.interface.name);
            self.link_state = if up.map_err(failed(&self.interface, LOOKING))? {
                LinkState::Up
            } else {
                LinkState::Down {
                    looked: Instant::now(),
                }
            };
            return Ok(());
        }
        if let LinkState::Down { .. } = self.link_state {
            return Err(self.gone());
        }
        self.link_state = LinkState::Gone {
            looked: Instant::now(),
        };
        if !self.grouped
            && let Some(index) = self.rebind().map_err(failed(&self.interface, LOOKING))?
        {
            self.interface.index = index;
            // Up for now: were it not, the socket has an error pending that says so.
            self.link_state = LinkState::Up;
        }
        Ok(())
    }

    /// Binds to the interface that has the name now, if there is one, and returns its number.
    fn rebind(&self) -> io::Result<Option<i32>> {
        let Some(index) = self.socket.index_of(&self.interface.name)? else {
            return Ok(None);
        };
        if self.promiscuous {
            self.socket.promiscuous(index)?;
        }
        self.socket.bind(index).map(|()| Some(index))
    }

    /// See [`LiveSource::is_up`](super::LiveSource::is_up).
    pub fn is_up(&self) -> bool {
        self.link_state == LinkState::Up
    }

    /// See [`LiveSource::kernel_stats`](super::LiveSource::kernel_stats).
    pub fn kernel_stats(&mut self) -> KernelStats {
        // It cannot fail on a ring that was opened; and a count is no reason to stop watching.
        if let Ok(counted) = self.socket.statistics() {
            let drops = u64::from(counted.drops);
            self.stats.drops += drops;
            self.stats.received += u64::from(counted.packets).saturating_sub(drops);
            self.stats.freezes += u64::from(counted.freezes);
        }
        if let Some(errors) = &mut self.errors {
            self.stats.interface_errors = errors.total();
        }
        if let Some(prefilter) = &self.prefilter {
            self.stats.shed = prefilter.shed();
        }
        self.stats
    }
}

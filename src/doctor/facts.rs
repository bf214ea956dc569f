//! What was gathered, as plain data: the judging part needs nothing else.
//!
//! `None` means that it could not be found out, which is a finding of its own or silence, never a
//! guess. Nothing here holds an address or a name of anybody.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::traffic::TrafficFacts;
use crate::capture::prefilter::Kind;

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// This process.
    pub process: Process,
    /// The configuration file: its path, and why it is refused.
    pub config: Option<(PathBuf, Result<(), String>)>,
    /// The files and folders that the daemon writes.
    pub files: Files,
    /// A daemon that runs.
    pub daemon: Daemon,
    /// The kernel.
    pub kernel: Kernel,
    /// The interfaces to be watched, in the order of the configuration.
    pub interfaces: Vec<Interface>,
    /// Every interface of the machine.
    pub existing: Vec<String>,
    /// Memory and limits.
    pub memory: Memory,
    /// The clock.
    pub clock: Clock,
    /// Lists, map, rules.
    pub lists: Lists,
    /// Feeds.
    pub feeds: Vec<FeedFile>,
    /// Alertmanager's answer, when it was asked.
    pub alertmanager: Option<Result<String, String>>,
    /// What passed by; `None` when nobody listened.
    pub traffic: Option<TrafficFacts>,
}

/// This process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Effective user id.
    pub uid: u32,
    /// CAP_NET_RAW is in force.
    pub net_raw: bool,
    /// No program that it starts can gain a right.
    pub no_new_privs: bool,
    /// Mode of seccomp: 0 none, 1 strict, 2 filter.
    pub seccomp: u32,
    /// Why a packet socket could not be opened; `None` when it could.
    pub packet_socket: Option<String>,
    /// Opening the capture as the daemon would, with a small ring: not tried, or how it went.
    pub capture: Option<Result<(), String>>,
    /// What stood before its rings, and why nothing better; `None` when it was not tried.
    pub prefilter: Option<(Kind, Option<String>)>,
}

/// A file or folder that is written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// Is it there?
    pub exists: bool,
    /// Its owner, or that of the folder where it will be made.
    pub owner: Option<u32>,
    /// Can this user write it, or make it? If not, why.
    pub problem: Option<String>,
    /// Bytes free for this user on its file system.
    pub free_bytes: Option<u64>,
}

/// Files that the daemon writes, and its key.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The key: not made yet, or sound, or why not.
    pub key: Option<Result<(), String>>,
    /// Where the key is, or will be made.
    pub key_place: Written,
    /// The hit log.
    pub hits: Written,
    /// The folder of the cases.
    pub cases: Written,
    /// The folder of the alerts.
    pub alerts: Written,
}

/// What answers at the control socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Control {
    /// No file there.
    #[default]
    Absent,
    /// A file that nobody answers.
    LeftOver,
    /// This user may not connect.
    Forbidden,
    /// Somebody answers.
    Answers,
}

/// A daemon that runs.
#[derive(Clone, Debug, Default)]
pub struct Daemon {
    /// Its control socket.
    pub control: Control,
    /// `/readyz`: no answer (`None`), ready, or why not.
    pub ready: Option<Result<(), Vec<String>>>,
    /// Sums over the label values of its metrics, by family.
    pub metrics: BTreeMap<String, f64>,
    /// Version of the list in force.
    pub list_version: Option<String>,
    /// The address of the pages can be had; else why not. Only tried when no daemon answers.
    pub address: Option<Result<(), String>>,
}

/// The kernel.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// As `uname -r` says it.
    pub release: String,
    /// `net.core.bpf_jit_enable`; `None` where the network namespace hides it.
    pub bpf_jit: Option<u64>,
    /// The kernel has the bpf system call.
    pub bpf: bool,
    /// `net.core.optmem_max`.
    pub optmem_max: Option<u64>,
    /// `net.core.rmem_max`.
    pub rmem_max: Option<u64>,
    /// `net.ipv4.ip_forward` or the same for IPv6.
    pub forwards: bool,
    /// Frames dropped because the backlog of a processor was full, since the start of the machine.
    pub backlog_drops: Option<u64>,
    /// Times a processor ran out of its budget for receiving, since the start of the machine.
    pub time_squeezed: Option<u64>,
}

/// Size of a card's ring, now and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardRing {
    /// Descriptors.
    pub now: u32,
    /// Most that the card allows.
    pub most: u32,
}

/// How a card shares packets out to its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// Both directions of a connection to the same queue.
    Symmetric,
    /// Not so.
    Asymmetric,
}

/// One interface.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Is it there?
    pub exists: bool,
    /// `IFF_UP`.
    pub up: bool,
    /// `IFF_PROMISC`.
    pub promiscuous: bool,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// It has a link; `None` when it is down.
    pub carrier: Option<bool>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// Mbit/s; `None` when the driver does not say.
    pub speed: Option<u32>,
    /// ARPHRD number.
    pub hardware: Option<u32>,
    /// Kernel driver, or kind of a virtual interface.
    pub driver: Option<String>,
    /// Bond, bridge or other device that it belongs to.
    pub master: Option<Master>,
    /// Number of addresses, link-local ones not counted.
    pub addresses: usize,
    /// Receive queues.
    pub rx_queues: usize,
    /// Received frames.
    pub rx_packets: u64,
    /// Losses by the name of their counter in `/sys/class/net/IF/statistics`, without zeros.
    pub rx_losses: BTreeMap<String, u64>,
    /// Features of `ethtool -k` by name, on or off; empty when the kernel did not say.
    pub features: BTreeMap<String, bool>,
    /// The card's receive ring.
    pub rx_ring: Option<CardRing>,
    /// How the queues are chosen; `None` when there is no choice or the driver does not say.
    pub hash: Option<Hash>,
}

/// What an interface belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: MasterKind,
}

/// What an interface belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterKind {
    /// A bond.
    Bond,
    /// A bridge.
    Bridge,
    /// Something else (VRF, team, a virtual switch).
    Other,
}

/// Memory and limits, in bytes.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Of the machine.
    pub total: Option<u64>,
    /// Free, or to be freed at once.
    pub available: Option<u64>,
    /// Smallest limit of the control groups of this process.
    pub group_limit: Option<u64>,
    /// RLIMIT_AS; `None` when unlimited.
    pub address_space: Option<u64>,
    /// RLIMIT_MEMLOCK; `None` when unlimited.
    pub locked: Option<u64>,
    /// Processors that this process may run on.
    pub processors: usize,
}

/// The clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// The kernel says that a time service keeps it.
    pub synchronised: Option<bool>,
    /// The kernel's bound of its error, in microseconds.
    pub error_max_us: Option<u64>,
    /// Nanoseconds that it moved against the steady clock while traffic was watched.
    pub jumped_ns: Option<i64>,
    /// Name of the time zone; empty when unknown.
    pub zone: String,
}

/// Lists, map, rules.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The list: what it holds, or why it is refused.
    pub list: Option<Result<ListFacts, String>>,
    /// The map: none (`Ok(None)`), its warnings, or why it is refused.
    pub organisation: Option<Result<Option<Vec<String>>, String>>,
    /// The rules of the cases: why they are refused.
    pub rules: Option<String>,
}

/// A list that could be loaded.
#[derive(Clone, Debug, Default)]
pub struct ListFacts {
    /// Its version.
    pub version: String,
    /// Rules.
    pub rules: u64,
    /// Vendors.
    pub vendors: u64,
    /// The catalogue inside the program.
    pub builtin: bool,
    /// Seconds since its newest change.
    pub age_s: u64,
    /// Warnings of `list lint`.
    pub warnings: usize,
    /// Entries of the allow-list that are over.
    pub expired: usize,
}

/// A feed's file, as far as it can be judged without following it.
#[derive(Clone, Debug, Default)]
pub struct FeedFile {
    /// Its name.
    pub name: String,
    /// Its kind, as in the configuration.
    pub kind: &'static str,
    /// It listens and has no file.
    pub listens: bool,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// Seconds since it was last written.
    pub age_s: Option<u64>,
    /// Lines (or frames) that were looked at.
    pub lines: u64,
    /// Those of another format.
    pub foreign: u64,
}

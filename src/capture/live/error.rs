//! What can go wrong with an interface, in words that say what to do next.

use std::{fmt, io};

use crate::capture::filter::FilterError;

/// Why a live source could not be opened, or stopped giving frames.
#[derive(Debug)]
pub enum LiveError {
    /// The configuration names no interface.
    NoneGiven,
    /// No interface has this name.
    Missing {
        /// The name asked for.
        name: String,
        /// The names that exist, in the system's order.
        existing: Vec<String>,
    },
    /// The same interface is named twice: each frame would be seen twice.
    Twice {
        /// The name.
        name: String,
    },
    /// The process may not open packet sockets.
    NotPermitted {
        /// The interface.
        name: String,
    },
    /// The interface carries a link layer that the ring cannot hand over as Ethernet or raw IP.
    UnsupportedLink {
        /// The interface.
        name: String,
        /// Its ARPHRD number, as in `/sys/class/net/NAME/type`.
        hardware: u16,
    },
    /// libpcap refuses the filter expression.
    Filter(FilterError),
    /// The kernel has no room for the filter program.
    FilterTooLong {
        /// The interface.
        name: String,
        /// Instructions of the program.
        instructions: usize,
    },
    /// The kernel has no memory for the ring.
    RingMemory {
        /// The interface.
        name: String,
        /// Bytes asked for, for this one worker.
        bytes: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// All rings together would take more than half of the machine's memory.
    RingsTooLarge {
        /// Bytes of all rings.
        bytes: u64,
        /// Bytes of memory in the machine.
        memory: u64,
    },
    /// The interface is down. Survivable: capture goes on when it is up again.
    InterfaceDown {
        /// The interface.
        name: String,
    },
    /// The interface no longer exists.
    InterfaceGone {
        /// The interface.
        name: String,
        /// Whether capture goes on by itself when an interface of this name appears.
        recovers: bool,
    },
    /// A system call failed.
    System {
        /// The interface.
        name: String,
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// libpcap failed.
    Pcap {
        /// The interface.
        name: String,
        /// libpcap's words.
        message: String,
    },
    /// The eBPF program is required and cannot be in force.
    EbpfRequired {
        /// The interface.
        name: String,
        /// Why not.
        why: String,
        /// Would a right that the process lacks help?
        permission: bool,
    },
    /// AF_XDP is required and cannot be had.
    XdpRequired {
        /// The interface.
        name: String,
        /// Why not.
        why: String,
        /// Would a right that the process lacks help?
        permission: bool,
    },
    /// AF_XDP would cut off the host or others here.
    CarriesTraffic {
        /// The interface.
        name: String,
        /// How that is known.
        why: String,
    },
    /// A worker could not be bound to a processor.
    Pinning {
        /// The worker, counted over all interfaces.
        worker: u16,
        /// What the kernel said.
        source: io::Error,
    },
}

impl LiveError {
    /// Is it worth calling [`next_batch`](super::LiveSource::next_batch) again?
    pub fn is_survivable(&self) -> bool {
        matches!(
            self,
            Self::InterfaceDown { .. } | Self::InterfaceGone { recovers: true, .. }
        )
    }
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoneGiven => write!(f, "no interface to capture from: name at least one"),
            Self::Missing { name, existing } => write!(
                f,
                "there is no interface `{name}`; there are: {}",
                if existing.is_empty() {
                    "none".to_owned()
                } else {
                    existing.join(", ")
                }
            ),
            Self::Twice { name } => {
                write!(
                    f,
                    "interface `{name}` is named twice: each frame would count twice"
                )
            }
            Self::NotPermitted { name } => write!(
                f,
                "no permission to capture from `{name}`: this needs CAP_NET_RAW. Run as root, or \
                 `setcap cap_net_raw+ep` on the program, or put \
                 `AmbientCapabilities=CAP_NET_RAW` into the systemd unit"
            ),
            Self::UnsupportedLink { name, hardware } => write!(
                f,
                "interface `{name}` has the link type {hardware} (ARPHRD), which the ring does not \
                 read; try `--via pcap`"
            ),
            Self::Filter(error) => error.fmt(f),
            Self::FilterTooLong { name, instructions } => write!(
                f,
                "the filter for `{name}` has {instructions} instructions and the kernel refuses it \
                 as too long; shorten the expression or raise net.core.optmem_max"
            ),
            Self::RingMemory {
                name,
                bytes,
                source,
            } => write!(
                f,
                "no memory for the capture ring of `{name}` ({} MiB for each worker): {source}; \
                 make the ring smaller or use fewer workers",
                bytes / (1024 * 1024)
            ),
            Self::RingsTooLarge { bytes, memory } => write!(
                f,
                "the capture rings would take {} MiB, more than half of the {} MiB of this \
                 machine; make them smaller or use fewer workers",
                bytes >> 20,
                memory >> 20
            ),
            Self::InterfaceDown { name } => write!(
                f,
                "interface `{name}` is down: nothing is captured until it is up (`ip link set \
                 {name} up`)"
            ),
            Self::InterfaceGone {
                name,
                recovers: true,
            } => write!(
                f,
                "interface `{name}` no longer exists: capture goes on when one of this name is \
                 back"
            ),
            Self::InterfaceGone {
                name,
                recovers: false,
            } => write!(
                f,
                "interface `{name}` no longer exists: restart the capture when it is back"
            ),
            Self::System {
                name,
                doing,
                source,
            } => {
                write!(f, "interface `{name}`: {doing} failed: {source}")
            }
            Self::EbpfRequired { name, why, .. } => write!(
                f,
                "interface `{name}`: the eBPF prefilter is required and is not in force: {why}; \
                 without `require` the next best filter is taken"
            ),
            Self::XdpRequired { name, why, .. } => write!(
                f,
                "interface `{name}`: AF_XDP is required and cannot be had: {why}; without `require` \
                 an AF_PACKET ring is taken"
            ),
            Self::CarriesTraffic { name, why } => write!(
                f,
                "interface `{name}`: AF_XDP takes every frame away from this host, and here {why}: it \
                 would be cut off. Use `via = \"ring\"`; on a mirror port whose traffic is nobody's, \
                 set `xdp_own_traffic = true`"
            ),
            Self::Pcap { name, message } => write!(f, "interface `{name}`: libpcap: {message}"),
            Self::Pinning { worker, source } => {
                write!(
                    f,
                    "worker {worker} could not be bound to one processor: {source}"
                )
            }
        }
    }
}

impl std::error::Error for LiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::RingMemory { source, .. }
            | Self::System { source, .. }
            | Self::Pinning { source, .. } => Some(source),
            Self::Filter(error) => Some(error),
            _ => None,
        }
    }
}

impl From<FilterError> for LiveError {
    fn from(error: FilterError) -> Self {
        Self::Filter(error)
    }
}

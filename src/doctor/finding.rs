//! What is said of one thing that was looked at.
//!
//! Enters: a judgement. Leaves: [`Finding`] and [`Report`], as people and programs read them
//! (`docs/doctor.schema.json`). Never: holds an address of a client, a name or a user.

use serde::Serialize;

use crate::base::seen::closed_set;

closed_set! {
    /// How bad it is.
    Level {
        /// As it should be.
        Ok = "ok",
        /// Good to know; nothing to do, or a matter of taste.
        Info = "info",
        /// Some traffic is, or may become, invisible, or somebody will be misled.
        Warning = "warning",
        /// The monitor is blind, will not start, or loses what it is there for.
        Failure = "failure",
    }
}

closed_set! {
    /// What was looked at.
    Area {
        /// What this process may do.
        Rights = "rights",
        /// The configuration and the files that it names.
        Files = "files",
        /// A daemon that runs.
        Daemon = "daemon",
        /// The kernel.
        Kernel = "kernel",
        /// A network interface.
        Interface = "interface",
        /// Memory and its limits.
        Memory = "memory",
        /// The clock.
        Clock = "clock",
        /// The lists, the map, the officers.
        Lists = "lists",
        /// Files of others that are followed.
        Feeds = "feeds",
        /// Servers elsewhere.
        Network = "network",
        /// What passes by.
        Traffic = "traffic",
    }
}

macro_rules! ids {
    ($($(#[$m:meta])* $area:ident { $($(#[$vm:meta])* $v:ident = $label:literal),+ $(,)? })+) => {
        closed_set! {
            /// Which check a finding is of: stable, so that scripts can tell them apart.
            Id { $($($(#[$vm])* $v = $label),+),+ }
        }
        impl Id {
            /// Where it belongs.
            pub const fn area(self) -> Area {
                match self { $($(Self::$v => Area::$area),+),+ }
            }
        }
    };
}

ids! {
    Rights {
        /// CAP_NET_RAW.
        CaptureRight = "capture-right",
        /// A ring (or libpcap) opened on the interface.
        CaptureOpens = "capture-opens",
        /// `no_new_privs` and seccomp.
        Confinement = "confinement",
        /// Another user than the daemon's asks.
        RunAs = "run-as",
    }
    Files {
        /// The configuration file.
        Config = "config",
        /// What the configuration allows but should be said.
        ConfigNote = "config-note",
        /// The key of the pseudonyms.
        KeyFile = "key-file",
        /// The hit log and its folder.
        HitLog = "hit-log",
        /// The folder of the cases.
        CaseFolder = "case-folder",
        /// The folder of waiting alerts.
        AlertFolder = "alert-folder",
        /// Room on the file system of each of them.
        FreeSpace = "free-space",
    }
    Daemon {
        /// Does a daemon answer at the control socket?
        DaemonRunning = "daemon-running",
        /// `/readyz`.
        DaemonReady = "daemon-ready",
        /// Frames and events that it lost, by its own metrics.
        DaemonLoss = "daemon-loss",
        /// Is the list on the disk the one in force?
        DaemonList = "daemon-list",
        /// The address of the pages, while no daemon runs.
        PagesAddress = "pages-address",
    }
    Kernel {
        /// Its version.
        KernelVersion = "kernel-version",
        /// The compiler of packet filters.
        BpfJit = "bpf-jit",
        /// eBPF and its type information.
        Ebpf = "ebpf",
        /// Frames dropped between driver and sockets.
        Softnet = "softnet",
        /// Room for filters and socket options.
        SocketMemory = "socket-memory",
        /// Does this machine forward packets?
        Forwarding = "forwarding",
    }
    Interface {
        /// Is there something to watch?
        Sources = "sources",
        /// Does it exist?
        InterfaceExists = "interface-exists",
        /// Is it up?
        InterfaceUp = "interface-up",
        /// Has it a link?
        InterfaceCarrier = "interface-carrier",
        /// What it is: Ethernet, a tunnel, loopback.
        InterfaceKind = "interface-kind",
        /// Does it belong to a bond or a bridge?
        InterfaceMember = "interface-member",
        /// Frames for other machines.
        Promiscuous = "promiscuous",
        /// Longest frame on the wire.
        Mtu = "mtu",
        /// Ring against speed.
        RingTime = "ring-time",
        /// What the interface itself lost.
        RxDrops = "rx-drops",
        /// The ring of the network card.
        RxRing = "rx-ring",
        /// Receive queues and their hash.
        RxQueues = "rx-queues",
        /// Generic receive offload.
        OffloadGro = "offload-gro",
        /// Large receive offload.
        OffloadLro = "offload-lro",
        /// UDP datagrams joined.
        OffloadUdpGro = "offload-udp-gro",
        /// Own segments cut by the hardware.
        OffloadSegmentation = "offload-segmentation",
        /// VLAN tags taken out by the hardware.
        OffloadVlan = "offload-vlan",
    }
    Memory {
        /// All rings against the memory of the machine.
        RingMemory = "ring-memory",
        /// Tables and buffers against memory and the limit of the control group.
        TableMemory = "table-memory",
        /// RLIMIT_AS.
        AddressSpace = "address-space",
        /// RLIMIT_MEMLOCK.
        LockedMemory = "locked-memory",
        /// Workers against processors.
        Processors = "processors",
    }
    Clock {
        /// Is it kept by a time service?
        ClockSynchronised = "clock-synchronised",
        /// Did it jump during the sample?
        ClockJump = "clock-jump",
        /// Packet time against the clock.
        PacketTime = "packet-time",
        /// The time zone of the machine.
        TimeZone = "time-zone",
    }
    Lists {
        /// Can it be loaded?
        List = "list",
        /// Weak spots.
        ListLint = "list-lint",
        /// Its age.
        ListAge = "list-age",
        /// Entries of the allow-list that are over.
        AllowExpired = "allow-expired",
        /// The map and the register.
        Organisation = "organisation",
        /// The rules of the cases.
        CaseRules = "case-rules",
        /// Who may open sealed identities.
        Officers = "officers",
    }
    Feeds {
        /// Its file is there and readable.
        FeedFile = "feed-file",
        /// When it was last written.
        FeedFresh = "feed-fresh",
        /// Are its lines of its format?
        FeedFormat = "feed-format",
    }
    Network {
        /// Does Alertmanager answer?
        Alertmanager = "alertmanager",
    }
    Traffic {
        /// Frames at all.
        TrafficFrames = "traffic-frames",
        /// Traffic of others.
        TrafficOthers = "traffic-others",
        /// Frames lost during the sample.
        TrafficLoss = "traffic-loss",
        /// Frames cut short.
        TrafficCut = "traffic-cut",
        /// Frames longer than the wire allows.
        TrafficJoined = "traffic-joined",
        /// Frames of which nothing can be read.
        TrafficUndecoded = "traffic-undecoded",
        /// Frames of excluded prefixes.
        TrafficExcluded = "traffic-excluded",
        /// Both directions?
        TrafficDirections = "traffic-directions",
        /// Which side of the address translation?
        TrafficSide = "traffic-side",
        /// One client alone?
        TrafficClients = "traffic-clients",
        /// Clients in the monitored networks?
        TrafficMonitored = "traffic-monitored",
        /// The same frame twice.
        TrafficTwice = "traffic-twice",
        /// Look-ups and connections, together.
        TrafficLookups = "traffic-lookups",
        /// Whose look-ups they are.
        TrafficResolver = "traffic-resolver",
        /// Connections that could be named.
        TrafficNamed = "traffic-named",
    }
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub id: Id,
    /// Where it belongs.
    pub area: Area,
    /// How bad it is.
    pub level: Level,
    /// The interface, file or feed that it is about, where there are several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// One sentence: what is.
    pub what: String,
    /// One sentence: what to do. Empty when there is nothing.
    #[serde(rename = "do", skip_serializing_if = "String::is_empty")]
    pub next: String,
}

impl Finding {
    /// As it should be.
    pub fn ok(id: Id, what: impl Into<String>) -> Self {
        Self::new(id, Level::Ok, what, "")
    }

    /// A finding with what is and what to do.
    pub fn new(id: Id, level: Level, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            id,
            area: id.area(),
            level,
            subject: String::new(),
            what: what.into(),
            next: next.into(),
        }
    }

    /// The same, about this.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }
}

/// How many findings of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Of [`Level::Ok`].
    pub ok: usize,
    /// Of [`Level::Info`].
    pub info: usize,
    /// Of [`Level::Warning`].
    pub warning: usize,
    /// Of [`Level::Failure`].
    pub failure: usize,
}

/// Everything that was found, as `--json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this shape; it rises when something is taken away or changes its meaning.
    pub schema: u32,
    /// Version of the program.
    pub version: &'static str,
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// What was looked at: names of interfaces or files.
    pub sources: Vec<String>,
    /// Seconds of live traffic that were looked at; 0 for none.
    pub listened_seconds: u32,
    /// The worst level found.
    pub worst: Level,
    /// How many findings of each level.
    pub summary: Summary,
    /// The findings, by area.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Sorts the findings by area, keeping their order within it, and counts them.
    pub fn new(time: String, sources: Vec<String>, listened: u32, mut all: Vec<Finding>) -> Self {
        all.sort_by_key(|finding| finding.area);
        let count = |level| all.iter().filter(|it| it.level == level).count();
        Self {
            schema: 1,
            version: env!("CARGO_PKG_VERSION"),
            time,
            sources,
            listened_seconds: listened,
            worst: all.iter().map(|it| it.level).max().unwrap_or(Level::Ok),
            summary: Summary {
                ok: count(Level::Ok),
                info: count(Level::Info),
                warning: count(Level::Warning),
                failure: count(Level::Failure),
            },
            findings: all,
        }
    }

    /// Is all well? `strict` counts warnings too.
    pub fn is_well(&self, strict: bool) -> bool {
        self.summary.failure == 0 && !(strict && self.summary.warning > 0)
    }
}

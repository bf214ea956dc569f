//! What crosses from the sensor to the desk: owned, serialised, small.
//!
//! Enters: matches and counters of a worker. Leaves: [`Event`]. Never: a name that did not match.

#[doc(hidden)]
pub mod oracle;
pub mod wire;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::base::{Counters, EchVerdict, Endpoints, Seen, Timestamp};
use crate::blocklist::{Match, Way, ways};
use crate::capture::prefilter::Kind;

/// A match, with all that the desk needs to write it down. No `Debug`: it names people's addresses.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Packet time of the frame that completed the name.
    pub time: Timestamp,
    /// Number of that frame, from 1, within its worker (or, offline, within the run).
    pub frame: u64,
    /// Name of the observation point: interface, or file name without its folder.
    pub point: String,
    /// Addresses and ports, turned so that `src` is the client.
    pub ends: Endpoints,
    /// The client's link-layer address, where the link has one.
    pub client_mac: Option<[u8; 6]>,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// How the name was seen.
    pub seen: Seen,
    /// The name in its normal form.
    pub name: String,
    /// DNS type of the question; 0 for TLS and QUIC.
    pub qtype: u16,
    /// ECH verdict; `None` for DNS.
    pub ech: EchVerdict,
    /// What the list says of it.
    pub rule: HitRule,
    /// JA4 of the ClientHello; `None` for DNS.
    pub ja4: Option<String>,
    /// How sure it is, in percent, that the connection was to this name; only for
    /// [`Seen::DnsJoin`], whose connection tells no name.
    pub join: Option<u8>,
    /// The connection's bytes came in more than one version, and nothing said which of them the
    /// server got: the name stands in one of them.
    pub contested: bool,
    /// The DNS message or ClientHello, cut at [`EVIDENCE_LEN_MAX`] bytes.
    pub evidence: Vec<u8>,
    /// The frame itself, when the message lay in it whole and nothing else stood before it.
    pub carrier: Option<Carrier>,
    /// Version of the list that matched.
    pub list_version: String,
}

/// Most bytes of evidence kept with a hit.
pub const EVIDENCE_LEN_MAX: usize = 16 * 1024;

/// The frame that carried a message, cut where the message ends. No `Debug`: it holds addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// Number of its link type in the registry of tcpdump.org.
    pub link: u16,
    /// From the link header to the end of the message, at most [`CARRIER_LEN_MAX`] bytes. A VLAN tag
    /// that the kernel had taken out is back in its place.
    pub bytes: Vec<u8>,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
}

/// Most bytes of a frame that are kept. A browser's hello with post-quantum keys and a ticket has
/// some 2,100; sealed and as text it stays below 4 KiB (see `sealing`).
pub const CARRIER_LEN_MAX: usize = 2304;

/// The rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitRule {
    /// Vendor id, e.g. `clearview-ai`.
    pub vendor: String,
    /// Vendor's name for people.
    pub vendor_name: String,
    /// The rule's text, e.g. `app.clearview.ai` or `rekognition.*.api.aws`.
    pub rule: String,
    /// `exact`, `pattern` or `suffix`.
    pub kind: String,
    /// `marketing`, `signup`, `auth`, `app`, `api`, `upload`, `mail`, `docs`, `cdn`, `payment`, `rights`.
    pub role: String,
    /// `face-search`, `face-api`, `identity-verification`, `surveillance-platform`, or `user-list`.
    pub category: String,
    /// `high`, `medium`, `low` or `informational`.
    pub severity: String,
    /// `high`, `medium` or `low`: how sure we are that the name is the vendor's.
    pub confidence: String,
    /// Where the rule comes from: list file name.
    pub source: String,
}

impl HitRule {
    /// What an event keeps of a rule that matched.
    pub fn of(found: &Match<'_>) -> Self {
        let vendor = found.vendor();
        Self {
            vendor: vendor.id.clone(),
            vendor_name: vendor.name.clone(),
            rule: found.rule().to_owned(),
            kind: found.kind().label().to_owned(),
            role: found
                .role()
                .map_or("unspecified", |role| role.label())
                .to_owned(),
            category: found.category().label().to_owned(),
            severity: found.severity().label().to_owned(),
            confidence: found.confidence().label().to_owned(),
            source: found.source().to_owned(),
        }
    }

    /// What a supporting event keeps of a way round.
    pub fn of_way(way: &Way) -> Self {
        let confidence = if way.sources.is_empty() {
            "low"
        } else {
            "high"
        };
        Self {
            vendor: ways::VENDOR.to_owned(),
            vendor_name: way.service.clone(),
            rule: way.name.clone(),
            kind: way.matches.label().to_owned(),
            role: way.kind.label().to_owned(),
            category: ways::CATEGORY.to_owned(),
            severity: "context-only".to_owned(),
            confidence: confidence.to_owned(),
            source: way.file.clone(),
        }
    }
}

/// Counters of one worker since its start. Cumulative: the newest snapshot holds everything, so a
/// lost one costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Which worker, from 0.
    pub worker: u16,
    /// Name of its observation point.
    pub point: String,
    /// Wall-clock seconds since the epoch when the worker made this snapshot (its heartbeat).
    pub heartbeat: i64,
    /// Time of its newest frame, nanoseconds since the epoch.
    pub packet_time: i64,
    /// Frames seen.
    pub frames: u64,
    /// Bytes on the wire of those frames.
    pub wire_bytes: u64,
    /// Frames dropped because a prefix is excluded by the config.
    pub excluded: u64,
    /// Frames whose capture was cut short.
    pub cut_short: u64,
    /// [`crate::decode::Malformed`] along its index.
    pub decode_malformed: Counters,
    /// [`crate::decode::NotForUs`] along its index.
    pub decode_not_for_us: Counters,
    /// [`crate::decode::FragmentFate`] along its index.
    pub fragments: Counters,
    /// Layers of links and tunnels taken off, along [`crate::decode::Tunnel`].
    pub tunnels: Counters,
    /// [`crate::names::Malformed`] along its index.
    pub names_malformed: Counters,
    /// Names read, [`Seen`] along its index, matched or not.
    pub names: Counters,
    /// Messages that tell who is behind an address, read, along
    /// `presence::Protocol`.
    pub presence: Counters,
    /// Such messages that could not be read, along `presence::Malformed`.
    pub presence_malformed: Counters,
    /// Such messages that told nothing, along `presence::Withheld`.
    pub presence_withheld: Counters,
    /// Senders of mails in SMTP in clear, matched or not.
    pub smtp_senders: u64,
    /// Mails of vendors in SMTP in clear, by recipient.
    pub smtp_mails: u64,
    /// Ways round seen, along [`crate::base::WayRound`]: look-ups and connections, not people.
    pub ways_round: Counters,
    /// Segments of senders who want to blind a monitor, along [`crate::flow::Desync`].
    pub desync: Counters,
    /// mDNS, LLMNR, NetBIOS messages along [`LocalNames`].
    pub local_names: Counters,
    /// Connections by [`crate::base::Outcome`], TCP then QUIC: `transport * len + outcome`.
    pub connections: Counters,
    /// Hits by [`Seen`].
    pub hits: Counters,
    /// Names that matched a context, supplier or dual-use entry (counted only), by [`Seen`].
    pub context: Counters,
    /// Those of them that were told because the same client had just made a hit, by [`Seen`].
    pub support: Counters,
    /// Exchanges on watched flows told: TCP, QUIC.
    pub bursts: Counters,
    /// Flows watched now.
    pub watched: u64,
    /// Watched flows given up because others needed their place.
    pub watched_given_up: u64,
    /// Connections without a name, to an address that their client had resolved from a name that
    /// matched, not told because too many names share the address.
    pub joins_unsure: u64,
    /// Matches silenced by the allow-list.
    pub allowed: u64,
    /// Events lost because the queue to the desk was full.
    pub events_dropped: u64,
    /// Bytes copied to pool buffers because a name did not lie within one frame.
    pub pool_copied_bytes: u64,
    /// Times the pool was empty.
    pub pool_empty: u64,
    /// Flow entries in use now.
    pub flows: u64,
    /// Kernel: frames dropped because the ring was full.
    pub kernel_drops: u64,
    /// Kernel: times the ring froze.
    pub ring_freezes: u64,
    /// Interface: receive errors and drops below the socket. Told by one worker per interface.
    pub interface_errors: u64,
    /// Times the interface went down or disappeared.
    pub interface_downs: u64,
    /// Ring blocks left before their end because an offset pointed outside; not 0 means a fault.
    pub broken_blocks: u64,
    /// The interface is down or gone now: nothing is captured.
    pub blind: bool,
    /// What stands between the interface and this worker; `None` when it reads files.
    pub prefilter: Option<Kind>,
    /// Frames of which the kernel kept back all or most, along `capture::prefilter::Shedding`.
    pub shed_frames: Counters,
    /// Their bytes that did not come.
    pub shed_bytes: Counters,
    /// Frames that AF_XDP dropped, along `capture::live::XDP_PLACES`.
    pub xdp_lost: Counters,
    /// What was told to the kernel's filter, along `capture::prefilter::Fate`.
    pub verdicts: Counters,
}

crate::base::seen::closed_set! {
    /// Name protocols of the local net: recognised and counted, never mixed with DNS.
    LocalNames {
        /// UDP port 5353 (RFC 6762).
        Mdns = "mdns",
        /// UDP port 5355 (RFC 4795).
        Llmnr = "llmnr",
        /// UDP port 137 (RFC 1002).
        Netbios = "netbios",
    }
}

crate::base::seen::closed_set! {
    /// What keeps a process of ours from doing harm when it is taken over. Each is tried before it
    /// is told.
    Guard {
        /// No capability is left.
        Capabilities = "capabilities",
        /// Nothing can be gained again by executing a program (`no_new_privs`).
        Privileges = "privileges",
        /// No core is written, no other process of the same user may look in.
        CoreDumps = "core-dumps",
        /// Files outside a few folders cannot be opened (Landlock).
        Files = "files",
        /// System calls that the work does not need are refused (seccomp).
        Calls = "calls",
    }
}

/// The list in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListInfo {
    /// Content version: the first 16 hex digits of SHA-256 over the rules.
    pub version: String,
    /// Number of rules.
    pub rules: u64,
    /// Number of vendors.
    pub vendors: u64,
    /// Their ids: each gets a series.
    pub vendor_ids: Vec<String>,
    /// Newest modification time among its files, seconds since the epoch.
    pub modified: i64,
}

/// One exchange on a watched flow (one that made a hit): what went up and what came down between
/// two rests, as [`crate::flow::exchange`] parts them. Sizes and times only. Over TCP each byte of
/// the stream counts once; over QUIC the datagrams that are too large for mere acknowledgements
/// count, headers and all ([`crate::flow::watch`]).
///
/// The first exchange of a flow carries the handshake: the hello and what follows it without a
/// rest, often the first request too. See [`Burst::is_first`]. No `Debug`: it names people's addresses.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// Name of the observation point.
    pub point: String,
    /// Addresses and ports, turned so that `src` is the client.
    pub ends: Endpoints,
    /// The client's link-layer address, where the link has one.
    pub client_mac: Option<[u8; 6]>,
    /// The rule that made the flow watched.
    pub rule: HitRule,
    /// The name that made it watched, in normal form.
    pub name: String,
    /// Packet time of the first frame with client payload of this exchange.
    pub start: Timestamp,
    /// Packet time of its last frame with payload.
    pub end: Timestamp,
    /// Numbers of those two frames.
    pub frames: (u64, u64),
    /// Nanoseconds without payload on this flow before `start`, 0 for its first exchange: while a
    /// person reads, thinks or types, a flow rests.
    pub rest_ns: u64,
    /// When the flow made its hit.
    pub opened: Timestamp,
    /// Its hit was contested: see [`Hit::contested`].
    #[serde(default)]
    pub contested: bool,
    /// Payload bytes from the client.
    pub up: u64,
    /// Payload bytes to the client.
    pub down: u64,
    /// Frames with payload from the client.
    pub up_frames: u32,
    /// Frames with payload to the client.
    pub down_frames: u32,
}

impl Burst {
    /// Is it the first exchange of its flow? Its `start` and first frame are those of the hit: the
    /// frame that completed the hello; the hello's earlier frames count too. The handshake is in
    /// `up`, mostly with the first request: 0.8 kB (curl) to 3.2 kB (browsers) over TCP, 4.3 to
    /// 5.6 kB over QUIC in the captures of the tree. A form that opens a connection of its own
    /// stands on top of that.
    pub fn is_first(&self) -> bool {
        self.start == self.opened && self.rest_ns == 0
    }
}

/// A dual-use or supplier name (tracker, sign-in service, payment) seen of a client within
/// seconds after a hit of the same client: support, never a finding. No `Debug`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Support {
    /// Packet time.
    pub time: Timestamp,
    /// Frame number.
    pub frame: u64,
    /// Name of the observation point.
    pub point: String,
    /// Addresses and ports, turned so that `src` is the client.
    pub ends: Endpoints,
    /// The client's link-layer address.
    pub client_mac: Option<[u8; 6]>,
    /// How the name was seen.
    pub seen: Seen,
    /// The name in its normal form.
    pub name: String,
    /// What the list says of it.
    pub rule: HitRule,
}

/// A mail from a vendor to somebody of the organisation, out of a mail log or SMTP in clear. Made
/// on a match only: other mail leaves no trace. No `Debug`: it names the recipient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// When it was handed over.
    pub time: Timestamp,
    /// Name of the feed, or of the observation point.
    pub point: String,
    /// Where it was seen.
    pub source: MailSource,
    /// The sender's domain, in normal form.
    pub name: String,
    /// What the list says of that domain.
    pub rule: HitRule,
    /// The recipient's address, lower case.
    pub recipient: String,
    /// Queue or message id, to tell one mail from its retries; empty when there is none.
    pub id: String,
}

crate::base::seen::closed_set! {
    /// Where a mail was seen.
    MailSource {
        /// A mail server's log or tracking file.
        Log = "mail-log",
        /// SMTP in clear on the wire (RFC 5321).
        Wire = "smtp",
    }
}

crate::base::seen::closed_set! {
    /// Where a fact about an address comes from.
    FactSource {
        /// DHCPv4 on the wire (RFC 2131).
        Dhcp4 = "dhcpv4",
        /// DHCPv6 on the wire (RFC 8415).
        Dhcp6 = "dhcpv6",
        /// RADIUS accounting, on the wire or at our own listener (RFC 2866).
        Radius = "radius",
        /// Kerberos AS exchange or ticket reply on the wire (RFC 4120).
        Kerberos = "kerberos",
        /// ARP on the wire (RFC 826).
        Arp = "arp",
        /// Neighbour discovery on the wire (RFC 4861).
        Ndp = "ndp",
        /// A DHCP server's lease file (Kea, ISC dhcpd, dnsmasq).
        LeaseFile = "lease-file",
        /// A list of static assignments.
        Static = "static",
        /// A log of an authentication or accounting server.
        AaaLog = "aaa-log",
    }
}

impl FactSource {
    /// Is it a protocol that the sensor reads, so that a fact's time is packet time?
    pub const fn is_wire(self) -> bool {
        match self {
            Self::Dhcp4 | Self::Dhcp6 | Self::Radius | Self::Kerberos | Self::Arp | Self::Ndp => {
                true
            }
            Self::LeaseFile | Self::Static | Self::AaaLog => false,
        }
    }
}

crate::base::seen::closed_set! {
    /// What a fact does to what was known.
    FactAct {
        /// The binding begins, or is confirmed anew: up to `until`, else open.
        Holds = "holds",
        /// The binding ended at `time` (release, logoff, expiry told by the server).
        Ends = "ends",
        /// Every session that this server keeps ended at `time` (accounting-on/off: a restart).
        AllEnd = "all-end",
    }
}

/// "This address was held by": one message or line of an identity source. Fields that the source
/// does not tell are `None`. No `Debug`: it names people.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// From when it holds: packet time, or the time in the line.
    pub time: Timestamp,
    /// End of the lease or ticket as the source gives it.
    pub until: Option<Timestamp>,
    /// Kind of source.
    pub source: FactSource,
    /// The server, feed or point that says so: facts of one origin replace one another, those of
    /// two can contradict.
    pub origin: String,
    /// What it does.
    pub act: FactAct,
    /// The address held, or the prefix (RADIUS Framed-IPv6-Prefix, DHCPv6 prefix delegation).
    /// `None` for what ends a session by its id, or all.
    pub net: Option<IpNet>,
    /// The device's link-layer address.
    pub mac: Option<[u8; 6]>,
    /// DHCPv4 client identifier (option 61) or DHCPv6 DUID.
    pub client_id: Option<Vec<u8>>,
    /// Relay agent information (option 82): where the device is plugged in.
    pub circuit: Option<Vec<u8>>,
    /// The device's own name (option 12 or 81, or the lease file's).
    pub host: Option<String>,
    /// The person, as the source writes it (User-Name, Kerberos principal).
    pub user: Option<String>,
    /// Accounting session id (RADIUS 44).
    pub session: Option<String>,
    /// Whose clock `time` is by, where several write one log.
    pub clock: Option<String>,
}

/// An address translation, out of a conntrack or NAT log: looks behind the translator. No `Debug`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Translation {
    /// From when it holds.
    pub time: Timestamp,
    /// Up to when; `None` while it stands.
    pub until: Option<Timestamp>,
    /// The feed that says so.
    pub origin: String,
    /// Addresses and ports before the translation, `src` is the client.
    pub inside: Endpoints,
    /// Addresses and ports after it.
    pub outside: Endpoints,
}

/// What the sensor (and, for facts, mail and translations, a feed) tells the desk.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Sources are open and the list is loaded.
    Ready(ListInfo),
    /// A match.
    Hit(Box<Hit>),
    /// A worker's counters.
    Stats(Box<Stats>),
    /// A reload was carried out.
    ListLoaded(ListInfo),
    /// A reload was refused and the old list stays; why, in words.
    ListRefused(String),
    /// A file source came to its end.
    SourceEnded(String),
    /// An exchange on a watched flow.
    Burst(Box<Burst>),
    /// A dual-use or supplier name near a hit.
    Support(Box<Support>),
    /// A mail of a vendor.
    Mail(Box<Mail>),
    /// Who held an address.
    Fact(Box<Fact>),
    /// What an address was translated to.
    Translation(Box<Translation>),
    /// Which guards were seen to hold for the sensor once its sources were open.
    Confined(Vec<Guard>),
}

/// What the desk tells the sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Read the lists again.
    Reload,
    /// Drain and end.
    Stop,
}

//! One TOML file; unknown keys are errors with their line; every default is written down here.
//!
//! Enters: a file and the command line. Leaves: [`Config`], checked. Never: opens what it names.

mod check;
mod origin;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::base::hex;
use crate::feeds::Feed;
use crate::sealing::Officer;
use crate::{alerts, casefile, console, ledger, updates};

pub use origin::{Line, Origin};

/// The whole configuration. Each table and key has a default; `deploy/poortwacht.toml` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is captured and where.
    pub sensor: Sensor,
    /// Which names are looked for.
    pub lists: Lists,
    /// Where matches are written.
    pub hits: Hits,
    /// What may be known about people.
    pub privacy: Privacy,
    /// Places, shared machines, authorised systems.
    pub organisation: Organisation,
    /// Who held an address.
    pub identity: Identity,
    /// Files of others that are followed. Default: none.
    #[serde(rename = "feed")]
    pub feeds: Vec<Feed>,
    /// Cases and where they are kept.
    pub cases: Cases,
    /// The record: ledger and store.
    pub ledger: Ledger,
    /// Alerts on their way out.
    pub alerts: alerts::Settings,
    /// Where alerts go beside the hit log and Alertmanager. Default: none.
    #[serde(rename = "sink")]
    pub sinks: Vec<alerts::sinks::SinkSettings>,
    /// Metrics and health pages.
    pub http: Http,
    /// The control socket.
    pub control: Control,
    /// The console.
    pub console: console::Settings,
}

/// `[sensor]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sensor {
    /// Interfaces to watch. Default: none.
    pub interfaces: Vec<String>,
    /// Capture files to read instead of interfaces, in time order. Default: none.
    pub read: Vec<PathBuf>,
    /// How frames are taken from an interface: `ring`, `pcap`, or, on a mirror or tap port, `xdp`.
    /// Default `ring`.
    pub via: Via,
    /// With `via = "xdp"`: take frames even where the host's own or forwarded traffic passes, which
    /// cuts it off. Default false.
    pub xdp_own_traffic: bool,
    /// The most that the kernel may keep back before the ring: `ebpf` (the bulk of flows that were
    /// judged), `classic` (what is excluded) or `none`. Where the kernel refuses one, the next is
    /// taken. Default `ebpf`.
    pub prefilter: Prefilter,
    /// What must be in force, or the sensor does not start: `none`, `ebpf` or `xdp`. Default `none`.
    pub require: Require,
    /// Workers per interface, each on a processor of its own. Default 1.
    pub workers: u16,
    /// Take frames for other machines too (mirror port). Default false.
    pub promiscuous: bool,
    /// pcap filter expression that narrows the capture. Default: none.
    pub filter: String,
    /// Ring size per worker in MiB. Default 64.
    pub ring_mib: u32,
    /// Prefixes dropped before any name is read, as source or destination. Default: none.
    pub excluded: Vec<IpNet>,
    /// Networks whose clients are monitored: the coverage denominator counts their connections to
    /// the outside, and a tunnel from outside is not believed about them. Empty: every connection
    /// counts, every tunnel is believed. Default: empty.
    pub monitored: Vec<IpNet>,
    /// Public addresses, outside `monitored` and not this machine's, whose tunnels (GRE, VXLAN and
    /// the like) may carry monitored clients: branch offices, tunnel brokers. Default: none.
    pub tunnel_ends: Vec<IpNet>,
    /// Interfaces whose connections count for coverage. Where a connection passes two of them, name
    /// the one nearer to the clients. Empty: all. Default: empty.
    pub coverage: Vec<String>,
    /// TCP and QUIC connections tracked per worker; the look-ups remembered for joining a connection
    /// without a name grow with it (a quarter as many pairs of client and address). Default 262144.
    pub flows_max: u32,
    /// Buffers of 32 KiB per worker for unfinished messages. Default 1024.
    pub buffers_max: u32,
    /// Events that may wait for the desk. Default 65536.
    pub queue_max: u32,
}

/// How frames are taken from an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// AF_PACKET with a TPACKET_V3 ring (Linux).
    #[default]
    Ring,
    /// libpcap, anywhere.
    Pcap,
    /// AF_XDP, for mirror and tap ports (Linux).
    Xdp,
}

/// What the kernel may keep back before the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Prefilter {
    /// The bulk of flows that were judged, and what is excluded: an eBPF program.
    #[default]
    Ebpf,
    /// What is excluded: a classic BPF program.
    Classic,
    /// Nothing.
    None,
}

/// What must be in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// Nothing: the next best way is taken.
    #[default]
    None,
    /// The eBPF prefilter on every interface.
    Ebpf,
    /// AF_XDP on every interface.
    Xdp,
}

/// `[lists]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lists {
    /// Folder of vendor files, or one bundle of them. Empty: the catalogue inside the program.
    /// Default: empty.
    pub dir: PathBuf,
    /// Lists of your own, one name a line or in a form that docs/lists.md names. Default: none.
    pub user: Vec<PathBuf>,
    /// Allow-list (TOML, each entry with reason and expiry). Empty: none. Default: empty.
    pub allow: PathBuf,
    /// Where `list update` gets a newer bundle for `dir`.
    pub update: updates::Settings,
}

/// `[hits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hits {
    /// The hit log, one JSON object a line. Default `hits.jsonl`.
    pub path: PathBuf,
    /// Repeats of the same client, name and rule within so many seconds are folded. Default 300.
    pub fold_seconds: u32,
    /// When written lines are forced to disk: `always`, `interval` (each second) or `never`.
    /// Default `always`.
    pub fsync: Fsync,
    /// A new file is begun at this size in MiB; 0: never. Default 100.
    pub rotate_mib: u32,
    /// A new file is begun after so many hours; 0: never. Default 0.
    pub rotate_hours: u32,
    /// Old files kept. Default 10.
    pub rotate_keep: u16,
}

/// When written lines are forced to disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// After each hit.
    #[default]
    Always,
    /// Once a second.
    Interval,
    /// Left to the kernel.
    Never,
}

/// `[privacy]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Key of the pseudonyms, 0600. Made at the first start if missing. Default `pseudonym.key`.
    pub key_file: PathBuf,
    /// `pseudonym` or `clear`. Default `pseudonym`.
    pub addresses: Addresses,
    /// Why addresses are written in clear; required with `clear`, and recorded. Default: empty.
    pub clear_reason: String,
    /// Reference of the data protection impact assessment (GDPR art. 35). Live runs without it
    /// say so at each start. Default: empty.
    pub impact_assessment: String,
}

/// How client addresses are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addresses {
    /// As keyed pseudonyms.
    #[default]
    Pseudonym,
    /// In clear, with a recorded reason.
    Clear,
}

/// `[organisation]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organisation {
    /// The map and the register of authorised systems (TOML). Empty: none; then every address is
    /// a workplace and every use unauthorised. Default: empty.
    pub map: PathBuf,
}

/// `[identity]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Officers who may open sealed identities together, each with an age recipient. Empty: no
    /// user name is kept, and cases are of devices. Default: none.
    pub officers: Vec<Officer>,
    /// How many officers must act together. Default 2.
    pub threshold: u8,
    /// Days after which a request for an identity runs out, and a release with it. Default 14.
    pub request_days: u16,
    /// Hours that an interval stays in memory after its end. Default 4.
    pub keep_hours: u16,
    /// Most intervals in memory. Default 262144.
    pub intervals_max: u32,
}

/// `[cases]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cases {
    /// Folder of the case journal, the sealed subjects and the outbox. Default `cases`.
    pub folder: PathBuf,
    /// A closed case is deleted so many days after its newest evidence, and with a subject's last
    /// case the sealed record; 0: never. Default 180.
    pub closed_days: u32,
    /// Rules file (TOML) that replaces the built-in weights and thresholds. Empty: built in.
    /// Default: empty.
    pub rules: PathBuf,
}

/// `[ledger]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// Folder of the ledger, made with mode 0700 if missing. Empty: no record is kept. Default
    /// `cases/ledger`.
    pub folder: PathBuf,
    /// The store, made again from the ledger whenever it is missing. Default `cases/store.sqlite`.
    pub store: PathBuf,
    /// Name of this log in its checkpoints and of its key, like `poortwacht/gateway.example.org`.
    /// Counts when the ledger is made. Default `poortwacht`.
    pub origin: String,
    /// Seconds between two checkpoints of a growing ledger. Default 60.
    pub checkpoint_seconds: u32,
    /// `[ledger.retention]`
    pub retention: Retention,
}

/// `[ledger.retention]`: after so many days payload and salt of an entry are deleted; 0: never. What
/// belongs to a case that is open, or held, stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Hits of no case that is kept. Default 180.
    pub hits_days: u32,
    /// Frames that carried the names of hits. Default 180.
    pub frames_days: u32,
    /// Coverage of the hours, lists in force, starts and stops, losses. Default 1825.
    pub coverage_days: u32,
    /// Sign-ins, roles, tokens. Default 365.
    pub accounts_days: u32,
    /// Unsealings, exports, holds, deletions, and acts on no case. Default 1825.
    pub acts_days: u32,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address of `/metrics`, `/healthz` and `/readyz`. Default `127.0.0.1:9477`.
    pub listen: SocketAddr,
    /// Web configuration file of Prometheus' exporter-toolkit: TLS and basic authentication for
    /// these pages, read again at each reload. Empty: none. Default: empty.
    pub web_config: PathBuf,
}

/// `[control]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Unix socket for `poortwacht reload`. Default `poortwacht.sock`.
    pub socket: PathBuf,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            read: Vec::new(),
            via: Via::Ring,
            xdp_own_traffic: false,
            prefilter: Prefilter::Ebpf,
            require: Require::None,
            workers: 1,
            promiscuous: false,
            filter: String::new(),
            ring_mib: 64,
            excluded: Vec::new(),
            monitored: Vec::new(),
            tunnel_ends: Vec::new(),
            coverage: Vec::new(),
            flows_max: 262_144,
            buffers_max: 1024,
            queue_max: 65_536,
        }
    }
}

impl Default for Hits {
    fn default() -> Self {
        Self {
            path: "hits.jsonl".into(),
            fold_seconds: 300,
            fsync: Fsync::Always,
            rotate_mib: 100,
            rotate_hours: 0,
            rotate_keep: 10,
        }
    }
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            key_file: "pseudonym.key".into(),
            addresses: Addresses::Pseudonym,
            clear_reason: String::new(),
            impact_assessment: String::new(),
        }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            officers: Vec::new(),
            threshold: 2,
            request_days: 14,
            keep_hours: 4,
            intervals_max: 262_144,
        }
    }
}

impl Default for Cases {
    fn default() -> Self {
        Self {
            folder: "cases".into(),
            closed_days: 180,
            rules: PathBuf::new(),
        }
    }
}

impl Cases {
    /// What the case file needs to know.
    pub fn settings(&self) -> casefile::Settings {
        casefile::Settings {
            folder: self.folder.clone(),
            closed_days: self.closed_days,
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            folder: "cases/ledger".into(),
            store: "cases/store.sqlite".into(),
            origin: "poortwacht".into(),
            checkpoint_seconds: 60,
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            hits_days: 180,
            frames_days: 180,
            coverage_days: 1825,
            accounts_days: 365,
            acts_days: 1825,
        }
    }
}

impl Ledger {
    /// Is a record kept?
    pub fn is_kept(&self) -> bool {
        !self.folder.as_os_str().is_empty()
    }

    /// What the ledger needs to know.
    pub fn settings(&self) -> ledger::Settings {
        ledger::Settings {
            folder: self.folder.clone(),
            origin: self.origin.clone(),
            checkpoint_seconds: self.checkpoint_seconds,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9477)),
            web_config: PathBuf::new(),
        }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self {
            socket: "poortwacht.sock".into(),
        }
    }
}

/// Why a configuration is refused: where, what, what next.
#[derive(Debug)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and a way out.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            ConfigError(format!(
                "cannot read config {}: {e}; give another file with --config, or none for the \
                 defaults",
                path.display()
            ))
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads and checks a text; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(String::new(), |s| {
                let before = text.get(..s.start).unwrap_or(text);
                format!(":{}", before.matches('\n').count() + 1)
            });
            ConfigError(format!(
                "config {name}{at}: {}\n(`poortwacht config show` lists every key)",
                e.to_string().trim_end()
            ))
        })?;
        config
            .check()
            .map_err(|why| ConfigError(format!("config {name}: {why}")))?;
        Ok(config)
    }

    /// SHA-256 of every effective value, hex: says in the record what was in force.
    pub fn digest(&self) -> String {
        let text = toml::to_string(self).unwrap_or_default();
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        hex::encode(digest.as_ref())
    }

    /// Relative paths are taken from the folder of the config file.
    pub fn rebase(&mut self, folder: &Path) {
        self.each_path(&mut |path: &mut PathBuf| {
            if !path.as_os_str().is_empty() && path.is_relative() && path.as_os_str() != "-" {
                *path = folder.join(&*path);
            }
        });
        let from = &mut self.lists.update.from;
        if !from.is_empty() && !updates::fetch::is_address(from) && Path::new(from).is_relative() {
            *from = folder.join(&*from).display().to_string();
        }
    }

    /// Every file and folder that it names, empty ones too. A key that is missing here is not found
    /// beside the configuration, and cannot be read by the desk once it is confined.
    pub fn each_path(&mut self, take: &mut dyn FnMut(&mut PathBuf)) {
        self.sensor.read.iter_mut().for_each(&mut *take);
        self.lists.user.iter_mut().for_each(&mut *take);
        self.feeds.iter_mut().for_each(|feed| feed.each_path(take));
        self.sinks.iter_mut().for_each(|sink| sink.each_path(take));
        for path in [
            &mut self.organisation.map,
            &mut self.cases.folder,
            &mut self.cases.rules,
            &mut self.ledger.folder,
            &mut self.ledger.store,
            &mut self.alerts.folder,
            &mut self.alerts.alertmanager.password_file,
            &mut self.alerts.alertmanager.token_file,
            &mut self.alerts.alertmanager.ca_file,
            &mut self.lists.dir,
            &mut self.lists.allow,
            &mut self.lists.update.ca_file,
            &mut self.hits.path,
            &mut self.privacy.key_file,
            &mut self.control.socket,
            &mut self.http.web_config,
            &mut self.console.folder,
            &mut self.console.certificate,
            &mut self.console.key,
            &mut self.console.client_ca,
            &mut self.console.proxy.socket,
            &mut self.console.oidc.client_secret_file,
            &mut self.console.oidc.ca_file,
        ] {
            take(path);
        }
    }
}

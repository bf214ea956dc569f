//! From the configuration to open sources and a compiled list.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use crate::blocklist::{Catalogue, ListProblem};
use crate::capture::error::{CaptureError, FaultKind};
use crate::capture::file::FileSource;
use crate::capture::filter::Filter;
use crate::capture::live::{self, LiveConfig, LiveError, LiveSource};
use crate::capture::prefilter::Kind;
use crate::capture::{Frame, LinkType};
use crate::config::{Lists, Prefilter, Require, Sensor, Via};
use crate::event::ListInfo;
use crate::sensor::Settings;

use super::fault::{Exit, Fault};

/// What a sensor reads.
pub enum Opened {
    /// One source per worker.
    Live(Vec<LiveSource>),
    /// Files in time order.
    Files(Files),
}

/// Capture files with their names and what narrows them.
pub struct Files {
    source: FileSource,
    points: Vec<String>,
    filter: Option<Filters>,
    /// Frames by file and number of a link type that is not decoded.
    undecoded: BTreeMap<(u16, u16), u64>,
}

/// Frames of a file that were not decoded because of their link type.
pub struct Undecoded {
    /// The file, as it was named.
    pub place: String,
    /// Number of the link type.
    pub link: u16,
    /// How many.
    pub frames: u64,
}

impl fmt::Display for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            link,
            frames,
        } = self;
        write!(
            f,
            "{place}: {frames} frames have link type {link}, which is not decoded: no name in them \
             was read. Capture on a link of Ethernet, Linux cooked (`tcpdump -i any`), raw IP or \
             BSD loopback"
        )
    }
}

impl Files {
    /// Of what `source` opened.
    pub fn new(source: FileSource) -> Self {
        let name = |point| source.point_name(point).to_owned();
        let points = (0..source.len()).map(name).collect();
        Self {
            source,
            points,
            filter: None,
            undecoded: BTreeMap::new(),
        }
    }

    /// What was not decoded so far because of its link type.
    pub fn undecoded(&self) -> Vec<Undecoded> {
        let each = self.undecoded.iter();
        each.map(|(&(point, link), &frames)| Undecoded {
            place: self.source.place(point).to_owned(),
            link,
            frames,
        })
        .collect()
    }

    /// Looks only at frames that `expression` accepts; an empty one accepts all.
    ///
    /// # Errors
    /// When libpcap does not understand it.
    pub fn narrow(&mut self, expression: &str) -> Result<(), Fault> {
        if !expression.trim().is_empty() {
            self.filter = Some(Filters::new(expression)?);
        }
        Ok(())
    }

    /// Bytes read so far, and in total where that is known.
    pub fn progress(&self) -> (u64, Option<u64>) {
        self.source.progress()
    }

    /// Hands the next frame and the name of its file to `each`; `false` at the end.
    ///
    /// # Errors
    /// The fault that ends one of the files; the others go on.
    pub fn step(&mut self, mut each: impl FnMut(&Frame<'_>, &str)) -> Result<bool, CaptureError> {
        let Some(frame) = self.source.next_frame()? else {
            return Ok(false);
        };
        if self
            .filter
            .as_mut()
            .is_none_or(|filter| filter.accepts(&frame))
        {
            if let LinkType::Unknown(link) = frame.link {
                let frames = self.undecoded.entry((frame.point, link)).or_default();
                *frames = frames.saturating_add(1);
            }
            let point = self
                .points
                .get(usize::from(frame.point))
                .map_or("", String::as_str);
            each(&frame, point);
        }
        Ok(true)
    }
}

/// One expression compiled for each link type that comes along.
struct Filters {
    expression: String,
    compiled: Vec<(LinkType, Option<Filter>)>,
}

impl Filters {
    fn new(expression: &str) -> Result<Self, Fault> {
        // Checked now, so that a typing error does not look like an empty capture.
        let ethernet = Filter::compile(expression, LinkType::Ethernet)
            .map_err(|e| Fault::new(Exit::Config, e))?;
        Ok(Self {
            expression: expression.to_owned(),
            compiled: vec![(LinkType::Ethernet, Some(ethernet))],
        })
    }

    /// A link type that libpcap cannot filter is let through: a filter may narrow what is looked
    /// at, never blind it.
    fn accepts(&mut self, frame: &Frame<'_>) -> bool {
        let known = self
            .compiled
            .iter()
            .position(|(link, _)| *link == frame.link);
        let index = known.unwrap_or_else(|| {
            let filter = Filter::compile(&self.expression, frame.link).ok();
            self.compiled.push((frame.link, filter));
            self.compiled.len() - 1
        });
        self.compiled
            .get(index)
            .and_then(|(_, filter)| filter.as_ref())
            .is_none_or(|filter| filter.accepts(frame))
    }
}

/// Does libpcap understand the filter? An empty one is none.
///
/// # Errors
/// [`Exit::Config`] with its words.
pub fn check_filter(expression: &str) -> Result<(), Fault> {
    if expression.trim().is_empty() {
        return Ok(());
    }
    Filters::new(expression).map(drop)
}

/// Most flows that the kernel's table is made for: about 130 bytes each, allocated at once.
const KERNEL_FLOWS_MAX: u32 = 1 << 20;

/// The exit code for a fault of a capture file.
pub fn input_exit(error: &CaptureError) -> Exit {
    match error.kind() {
        FaultKind::Permission => Exit::Permission,
        _ => Exit::Input,
    }
}

fn live_exit(error: &LiveError) -> Exit {
    match error {
        LiveError::NotPermitted { .. }
        | LiveError::EbpfRequired {
            permission: true, ..
        }
        | LiveError::XdpRequired {
            permission: true, ..
        } => Exit::Permission,
        LiveError::Filter(_) | LiveError::CarriesTraffic { .. } => Exit::Config,
        _ => Exit::Interface,
    }
}

/// Opens interfaces or files.
///
/// # Errors
/// With the code that fits: input, interface, permission, or config for the filter.
pub fn open(sensor: &Sensor) -> Result<Opened, Fault> {
    if !sensor.read.is_empty() {
        let source = FileSource::open(&sensor.read).map_err(|e| Fault::new(input_exit(&e), e))?;
        let mut files = Files::new(source);
        files.narrow(&sensor.filter)?;
        return Ok(Opened::Files(files));
    }
    live::open(&live_config(sensor))
        .map(Opened::Live)
        .map_err(|e| Fault::new(live_exit(&e), e))
}

/// How the interfaces are to be opened.
pub fn live_config(sensor: &Sensor) -> LiveConfig {
    LiveConfig {
        interfaces: sensor.interfaces.clone(),
        // One worker takes all queues; a ring in its place has as many.
        workers_per_interface: match sensor.via {
            Via::Xdp => 1,
            Via::Ring | Via::Pcap => sensor.workers,
        },
        via: match sensor.via {
            Via::Ring => live::Via::Ring,
            Via::Pcap => live::Via::Pcap,
            Via::Xdp => live::Via::Xdp,
        },
        promiscuous: sensor.promiscuous,
        filter: Some(sensor.filter.clone()).filter(|f| !f.trim().is_empty()),
        excluded: sensor.excluded.clone(),
        ring_bytes: (sensor.ring_mib as usize) << 20,
        prefilter: match sensor.prefilter {
            Prefilter::Ebpf => Kind::Ebpf,
            Prefilter::Classic => Kind::Classic,
            Prefilter::None => Kind::None,
        },
        require_ebpf: sensor.require == Require::Ebpf,
        require_xdp: sensor.require == Require::Xdp,
        xdp_own_traffic: sensor.xdp_own_traffic,
        flows: sensor.flows_max.min(KERNEL_FLOWS_MAX),
        ..LiveConfig::default()
    }
}

/// Bounds and choices of each worker.
pub fn settings(sensor: &Sensor) -> Settings {
    let mut tunnel_ends = sensor.tunnel_ends.clone();
    if !sensor.interfaces.is_empty() {
        tunnel_ends.extend(live::own_addresses().into_iter().map(IpNet::from));
    }
    Settings {
        tunnel_ends,
        excluded: sensor.excluded.clone(),
        monitored: sensor.monitored.clone(),
        flows: sensor.flows_max as usize,
        buffers: sensor.buffers_max,
        // Replays hash alike each time, so that the same capture gives the same lines.
        seed: if sensor.read.is_empty() {
            None
        } else {
            Some(1)
        },
    }
}

/// Loads and compiles the lists in the configuration.
///
/// # Errors
/// [`Exit::List`] with every problem on a line of its own.
pub fn catalogue(lists: &Lists) -> Result<Catalogue, Fault> {
    let allow = Some(lists.allow.as_path()).filter(|p| !p.as_os_str().is_empty());
    let dir = Some(lists.dir.as_path()).filter(|p| !p.as_os_str().is_empty());
    let loaded = Catalogue::load(dir, &lists.user, allow);
    if let Ok(list) = &loaded {
        for (file, allow) in list.expired() {
            tracing::warn!(%file, line = allow.line, expired = %allow.expires,
                "an entry of the allow-list has expired and counts no more");
        }
    }
    loaded.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ListProblem::to_string).collect();
        Fault::new(
            Exit::List,
            format!("the list is refused:\n{}", lines.join("\n")),
        )
    })
}

/// What the desk has to know of a list.
pub fn info(list: &Catalogue) -> ListInfo {
    let info = list.info();
    ListInfo {
        version: info.version,
        rules: info.rules,
        vendors: info.vendors,
        vendor_ids: list
            .vendors()
            .iter()
            .map(|vendor| vendor.id.clone())
            .collect(),
        modified: info.modified,
    }
}

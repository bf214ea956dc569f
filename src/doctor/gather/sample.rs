//! A sample of traffic, live or from files, through the sensor's own worker.
//!
//! Enters: open interfaces or files. Leaves: [`TrafficFacts`]. Never: keeps a frame; hands a hit or a
//! fact on: the sink forgets them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::interface::own_addresses;
use super::process::small;
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::capture::file::FileSource;
use crate::capture::live::{self, LiveSource};
use crate::capture::prefilter::Kind;
use crate::config::Config;
use crate::daemon::{Exit, Fault, office, people, sources};
use crate::doctor::facts::Interface;
use crate::doctor::traffic::{Surroundings, Traffic, TrafficFacts};
use crate::event::{Event, Hit, Stats};
use crate::sensor::{Settings, Sink, Worker};

/// Ring of the sample: it takes what comes, for seconds.
const RING_BYTES: usize = 16 << 20;
/// Longest wait for frames of one interface.
const WAIT: Duration = Duration::from_millis(50);
/// Flows and buffers of a sample, at most.
const FLOWS_MAX: usize = 65_536;
const BUFFERS_MAX: u32 = 256;
/// Frames of a file between two words of progress.
const PROGRESS_EVERY: u64 = 1 << 14;

/// Hears how far a sample is.
pub trait Progress {
    /// So much of the whole is done, with so many frames.
    fn step(&mut self, done: u64, whole: Option<u64>, frames: u64);
}

/// Hits and facts of a sample are nobody's business.
struct Nobody;

impl Sink for Nobody {
    fn hit(&mut self, _hit: Box<Hit>) {}
    fn tell(&mut self, _event: Event) {}
}

fn settings(config: &Config) -> Settings {
    let mut settings = sources::settings(&config.sensor);
    settings.flows = settings.flows.min(FLOWS_MAX);
    settings.buffers = settings.buffers.min(BUFFERS_MAX);
    settings
}

/// Nothing matches in a sample, so any list will do.
fn list() -> Result<Catalogue, Fault> {
    Catalogue::compile(&[], Timestamp(0))
        .map_err(|_| Fault::new(Exit::Internal, "an empty list cannot be compiled"))
}

fn surroundings(config: &Config) -> Surroundings {
    Surroundings {
        excluded: config.sensor.excluded.clone(),
        monitored: config.sensor.monitored.clone(),
        ..Surroundings::default()
    }
}

/// Watches the interfaces of the configuration with one worker each.
pub(super) fn live(
    config: &Config,
    interfaces: &[Interface],
    time: Duration,
    progress: &mut dyn Progress,
) -> Result<TrafficFacts, Fault> {
    let around = Surroundings {
        own: own_addresses(),
        mtu: interfaces.iter().map(|it| it.mtu).collect(),
        ..surroundings(config)
    };
    // A map that cannot be loaded is a finding of its own.
    let map = people::organisation(config).unwrap_or_default();
    let mut how = small(config, 1);
    how.ring_bytes = RING_BYTES;
    // Every frame is looked at.
    (how.prefilter, how.require_ebpf) = (Kind::Classic, false);
    let mut sources = live::open(&how).map_err(|e| Fault::new(Exit::Interface, e))?;
    let list = list()?;
    let settings = settings(config);
    let mut workers: Vec<Worker> = sources
        .iter()
        .zip(0u16..)
        .map(|(source, number)| Worker::new(&settings, number, source.point_name()))
        .collect();
    let mut traffic = Traffic::new(&around, &map);
    let begun = Instant::now();
    let mut frames = 0;
    while begun.elapsed() < time {
        for (source, worker) in sources.iter_mut().zip(&mut workers) {
            frames += batch(source, worker, &list, &mut traffic)?;
        }
        let whole = u64::try_from(time.as_millis()).ok();
        let done = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        progress.step(done, whole, frames);
    }
    let mut sum: Option<Stats> = None;
    for (source, worker) in sources.iter_mut().zip(&mut workers) {
        worker.flush(source.point_name(), &list, &mut Nobody);
        let drops = source.kernel_stats().drops;
        let stats = worker.stats();
        stats.kernel_drops = drops;
        match &mut sum {
            None => sum = Some(stats.clone()),
            Some(sum) => add(sum, stats),
        }
    }
    let mut facts = traffic.end(&sum.unwrap_or_default());
    facts.filtered = !config.sensor.filter.trim().is_empty();
    Ok(facts)
}

/// Takes what waits in one ring.
fn batch(
    source: &mut LiveSource,
    worker: &mut Worker,
    list: &Catalogue,
    traffic: &mut Traffic<'_>,
) -> Result<u64, Fault> {
    let point = source.point_name().to_owned();
    let now = office::now();
    let taken = source.next_batch(WAIT, &mut |frame| {
        traffic.frame(&frame, Some(now));
        worker.frame(&frame, &point, list, &mut Nobody);
    });
    match taken {
        Ok(frames) => Ok(frames as u64),
        // That it is down has been found already.
        Err(e) if e.is_survivable() => {
            std::thread::sleep(WAIT);
            Ok(0)
        }
        Err(e) => Err(Fault::new(Exit::Interface, e)),
    }
}

/// What `TrafficFacts` takes over of a second worker.
fn add(sum: &mut Stats, more: &Stats) {
    for index in 0..crate::base::Seen::ALL.len() {
        sum.names.add(index, more.names.at(index));
    }
    for index in 0..2 * crate::base::Outcome::ALL.len() {
        sum.connections.add(index, more.connections.at(index));
    }
    sum.kernel_drops += more.kernel_drops;
}

/// Reads files to their end.
pub(super) fn files(
    config: &Config,
    files: &[PathBuf],
    progress: &mut dyn Progress,
) -> Result<TrafficFacts, Fault> {
    let around = surroundings(config);
    let map = people::organisation(config).unwrap_or_default();
    let refuse = |e| Fault::new(sources::input_exit(&e), e);
    let mut source = sources::Files::new(FileSource::open(files).map_err(refuse)?);
    source.narrow(&config.sensor.filter)?;
    let list = list()?;
    let mut worker = Worker::new(&settings(config), 0, "files");
    let mut traffic = Traffic::new(&around, &map);
    let mut frames = 0u64;
    loop {
        let more = source.step(|frame, point| {
            traffic.frame(frame, None);
            worker.frame(frame, point, &list, &mut Nobody);
        });
        if !more.map_err(refuse)? {
            break;
        }
        frames += 1;
        if frames.is_multiple_of(PROGRESS_EVERY) {
            let (done, whole) = source.progress();
            progress.step(done, whole, frames);
        }
    }
    worker.flush("files", &list, &mut Nobody);
    let mut facts = traffic.end(worker.stats());
    facts.from_file = true;
    facts.filtered = !config.sensor.filter.trim().is_empty();
    Ok(facts)
}

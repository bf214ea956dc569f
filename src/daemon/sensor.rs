//! The sensor process: capture to match. Holds no key, serves no page; gives up its privileges
//! once its sources are open.
//!
//! Enters: the configuration and commands over the socketpair on standard input; frames. Leaves:
//! events over the same socketpair.

use std::io::BufReader;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::fault::{Exit, Fault};
use super::grants;
use super::notify::{self, Notifier, Pulse};
use super::queue::{self, Outlet, Queue};
use super::sources::{self, Files};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::capture::live::LiveSource;
use crate::capture::prefilter::Shedding;
use crate::config::{self, Lists};
use crate::confine::{self, Cell};
use crate::event::{Command, Event, wire};
use crate::sensor::{Settings, Worker};

/// Longest wait for frames: the pace of idle sweeps and of stopping.
const WAIT: Duration = Duration::from_millis(100);
/// Pace of the counters.
const STATS_EVERY: Duration = Duration::from_millis(500);
/// What stands in the rings at a stop is still read, but no longer than this.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Most bytes told of why a list was refused.
const REFUSAL_LEN_MAX: usize = 16 * 1024;
/// Frames of a file between two looks at the clock and the list in force.
const FILE_BATCH: usize = 1024;

/// A worker's thread.
type Running = thread::JoinHandle<Result<(), Fault>>;

/// What all threads of the sensor share.
struct Shared {
    list: ArcSwap<Catalogue>,
    stop: Arc<AtomicBool>,
    settings: Settings,
    pulse: Pulse,
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Dropped, it makes every thread drain and end: a sensor that is half blind must not look whole.
struct EndsAll(Arc<Shared>);

impl Drop for EndsAll {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// What the sensor is told of the configuration: nothing about people, keys or officers.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct SensorConfig {
    /// What is captured and where.
    pub sensor: config::Sensor,
    /// Which names are looked for.
    pub lists: Lists,
}

/// The sensor's main. Without `socket`, standard input is the socketpair to the desk; with it, this is
/// a unit of its own, and the desk waits there.
pub fn main(socket: Option<&Path>) -> ExitCode {
    super::start_log();
    match run(socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => fault.report(),
    }
}

fn run(place: Option<&Path>) -> Result<(), Fault> {
    let broken = |e: std::io::Error| {
        Fault::new(
            Exit::Internal,
            format!("the sensor lost the desk: {e}; `sensor` is started by `poortwacht run` only"),
        )
    };
    let mut to_desk = desk(place).map_err(broken)?;
    // As a child, our parent has taken the manager's words out of the environment.
    let notifier = Notifier::from_env();
    let mut from_desk = BufReader::new(to_desk.try_clone().map_err(broken)?);
    let config: SensorConfig = wire::read(&mut from_desk)
        .and_then(|c| c.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into()))
        .map_err(broken)?;

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(broken)?;
    }
    // The desk reloads at SIGHUP; `killall -HUP` sends it to us too, and it must not end us.
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default()).map_err(broken)?;
    let list = sources::catalogue(&config.lists)?;
    let info = sources::info(&list);
    let opened = sources::open(&config.sensor)?;
    let settings = sources::settings(&config.sensor);
    super::privilege::drop_groups()?;
    super::privilege::drop_all()?;
    let grants = grants::sensor(&config.lists, !config.sensor.read.is_empty());
    let guards = super::confined("sensor", Cell::Sensor, &grants)?;

    let shared = Arc::new(Shared {
        list: ArcSwap::from_pointee(list),
        stop,
        settings,
        pulse: Pulse::new(match &opened {
            sources::Opened::Live(sources) => sources.len(),
            sources::Opened::Files(_) => 1,
        }),
    });
    let (queue, events) = Queue::new(config.sensor.queue_max as usize);
    let writer = {
        let shared = Arc::clone(&shared);
        thread::Builder::new()
            .name("to-desk".into())
            .spawn(move || {
                // Without a writer nobody would hear of what is seen.
                let _all = EndsAll(shared);
                queue::drain(&events, &mut to_desk)
            })
    }
    .map_err(broken)?;
    queue.outlet(true).send(Event::Confined(guards));
    queue.outlet(true).send(Event::Ready(info));
    let workers = start(opened, &shared, &queue).map_err(broken)?;
    notifier.ready("watching");
    if notifier.is_heard() {
        let shared = Arc::clone(&shared);
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                while !shared.stopping() {
                    if shared.pulse.all_live(notify::SILENCE_MAX) {
                        notifier.alive();
                    }
                    thread::sleep(notifier.pace());
                }
                notifier.ending();
            })
            .map_err(broken)?;
    }
    let commands = {
        let (shared, queue) = (Arc::clone(&shared), queue.clone());
        move || obey(from_desk, &config, &shared, &queue)
    };
    // Detached: it ends with the process, or sets `stop` when the desk is gone.
    thread::Builder::new()
        .name("from-desk".into())
        .spawn(commands)
        .map_err(broken)?;

    let mut fault = Ok(());
    for worker in workers {
        let panicked = |_| {
            Err(Fault::new(
                Exit::Internal,
                "a worker of the sensor ended in a panic",
            ))
        };
        let end = worker.join().unwrap_or_else(panicked);
        fault = fault.and(end);
    }
    // The command thread may hold a clone of the queue: closing takes a message of its own.
    queue.close();
    drop(queue);
    match writer.join() {
        Ok(Ok(())) => fault,
        Ok(Err(e)) => Err(Fault::new(
            Exit::Internal,
            format!("the desk is gone ({e}), so the sensor ends too; start `poortwacht run` again"),
        )),
        Err(_) => Err(Fault::new(
            Exit::Internal,
            "the sensor's writer ended in a panic",
        )),
    }
}

/// The way to the desk.
fn desk(place: Option<&Path>) -> std::io::Result<UnixStream> {
    match place {
        Some(place) => UnixStream::connect(place),
        None => Ok(UnixStream::from(
            std::io::stdin().as_fd().try_clone_to_owned()?,
        )),
    }
}

fn start(
    opened: sources::Opened,
    shared: &Arc<Shared>,
    queue: &Queue,
) -> std::io::Result<Vec<Running>> {
    let mut threads = Vec::new();
    match opened {
        sources::Opened::Live(sources) => {
            for (number, source) in (0u16..).zip(sources) {
                let (all, outlet) = (EndsAll(Arc::clone(shared)), queue.outlet(false));
                let name = format!("worker-{number}");
                let body = move || live(source, number, &all.0, outlet);
                threads.push(thread::Builder::new().name(name).spawn(body)?);
            }
        }
        sources::Opened::Files(source) => {
            let (all, outlet) = (EndsAll(Arc::clone(shared)), queue.outlet(true));
            let body = move || files(source, &all.0, outlet);
            threads.push(thread::Builder::new().name("worker-0".into()).spawn(body)?);
        }
    }
    Ok(threads)
}

/// Carries out what the desk says.
fn obey(
    mut from_desk: BufReader<UnixStream>,
    config: &SensorConfig,
    shared: &Shared,
    queue: &Queue,
) {
    loop {
        match wire::read::<Command>(&mut from_desk) {
            Ok(Some(Command::Reload)) => {
                let event = match reload(config, shared) {
                    Ok(info) => Event::ListLoaded(info),
                    Err(why) => Event::ListRefused(shortened(why)),
                };
                queue.outlet(true).send(event);
            }
            // Without a desk there is nobody to tell: stop.
            Ok(Some(Command::Stop) | None) | Err(_) => {
                shared.stop.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// A list with a million bad lines must not make a message that nobody takes.
fn shortened(mut why: String) -> String {
    if why.len() > REFUSAL_LEN_MAX {
        why.truncate(why.floor_char_boundary(REFUSAL_LEN_MAX));
        why.push_str("\n... and more: `poortwacht list lint` shows all");
    }
    why
}

/// Compiles the lists beside the one in force and swaps it whole, or refuses.
fn reload(config: &SensorConfig, shared: &Shared) -> Result<crate::event::ListInfo, String> {
    let fresh = sources::catalogue(&config.lists).map_err(|fault| fault.message)?;
    fresh.plausible_after(&shared.list.load())?;
    let info = sources::info(&fresh);
    shared.list.store(Arc::new(fresh));
    Ok(info)
}

fn live(
    mut source: LiveSource,
    number: u16,
    shared: &Shared,
    mut outlet: Outlet,
) -> Result<(), Fault> {
    let point = source.point_name().to_owned();
    let mut worker = Worker::new(&shared.settings, number, &point);
    outlet.tell_kernel(source.take_verdicts());
    say_filter(&source, &point, number);
    if let Err(e) = crate::capture::live::pin_to_cpu(number) {
        tracing::warn!(worker = number, "not pinned to a processor: {e}");
    }
    // The prefilter's counters are read once while their number can still be looked up.
    let _ = source.kernel_stats();
    narrow()?;
    let mut told = Instant::now();
    let mut complaint = Complaint::default();
    let mut drain_until = None;
    let mut failed = None;
    loop {
        let list = shared.list.load();
        let wait = if drain_until.is_some() {
            Duration::ZERO
        } else {
            WAIT
        };
        let batch = source.next_batch(wait, &mut |frame| {
            worker.frame(&frame, &point, &list, &mut outlet);
        });
        let taken = batch.unwrap_or_else(|e| {
            if e.is_survivable() {
                complaint.say(&point, &e);
                thread::sleep(WAIT);
            } else {
                // The others drain and end too.
                failed = Some(Fault::new(Exit::Interface, e));
                shared.stop.store(true, Ordering::Relaxed);
            }
            0
        });
        if taken == 0 {
            worker.sweep(now(), &point, &list, &mut outlet);
        }
        if told.elapsed() >= STATS_EVERY {
            told = Instant::now();
            shared.pulse.beat(number);
            publish_live(&mut worker, &mut source, &mut outlet);
            if source.is_up() {
                complaint.end(&point);
            }
        }
        if shared.stopping() {
            // The ring may wait now, so that the last events need not be dropped.
            outlet.wait_at_bound();
            let until = *drain_until.get_or_insert_with(|| Instant::now() + DRAIN_MAX);
            if taken == 0 || Instant::now() >= until {
                worker.flush(&point, &list, &mut outlet);
                publish_live(&mut worker, &mut source, &mut outlet);
                return failed.map_or(Ok(()), Err);
            }
        }
    }
}

/// A worker opens nothing and starts nothing.
fn narrow() -> Result<(), Fault> {
    confine::narrow(Cell::Worker).map_err(|e| Fault::new(Exit::Permission, e))
}

fn publish_live(worker: &mut Worker, source: &mut LiveSource, outlet: &mut Outlet) {
    let kernel = source.kernel_stats();
    let stats = worker.stats();
    stats.kernel_drops = kernel.drops;
    stats.ring_freezes = kernel.freezes;
    stats.interface_errors = kernel.interface_errors;
    stats.interface_downs = kernel.interface_downs;
    stats.broken_blocks = kernel.broken_blocks;
    stats.blind = !source.is_up();
    stats.prefilter = Some(source.prefilter().0);
    stats.shed_frames.set_all(&kernel.shed.frames);
    stats.shed_bytes.set_all(&kernel.shed.bytes);
    stats.xdp_lost.set_all(&kernel.xdp_lost);
    stats.verdicts.set_all(&outlet.verdicts());
    publish(worker, outlet);
}

/// Which way frames come and which filter stands before it, and why no better one.
fn say_filter(source: &LiveSource, point: &str, worker: u16) {
    let (prefilter, no_ebpf) = source.prefilter();
    let (via, no_xdp) = source.way();
    tracing::info!(
        interface = point,
        worker,
        via,
        no_xdp,
        prefilter = prefilter.as_str(),
        kernel_filter = source.kernel_filter().as_str(),
        no_ebpf,
        "watching"
    );
}

fn publish(worker: &mut Worker, outlet: &mut Outlet) {
    let stats = worker.stats();
    stats.events_dropped = outlet.dropped;
    stats.heartbeat = now().nanos() / 1_000_000_000;
    let mut told = stats.clone();
    // Frames of watched flows that the kernel trimmed are no loss.
    let trimmed = told.shed_frames.at(Shedding::Watched as usize);
    told.cut_short = told.cut_short.saturating_sub(trimmed);
    let event = Event::Stats(Box::new(told));
    outlet.send(event);
}

fn files(mut source: Files, shared: &Shared, mut outlet: Outlet) -> Result<(), Fault> {
    narrow()?;
    let mut worker = Worker::new(&shared.settings, 0, "files");
    let mut told = Instant::now();
    let mut ended = false;
    let mut faults = 0u32;
    while !shared.stopping() {
        let list = shared.list.load();
        for _ in 0..FILE_BATCH {
            if ended {
                break;
            }
            let step = source.step(|frame, point| worker.frame(frame, point, &list, &mut outlet));
            ended = !step.unwrap_or_else(|e| {
                // What was read before stays; the other files go on.
                tracing::error!("{e}");
                faults = faults.saturating_add(1);
                true
            });
            if ended {
                for unread in source.undecoded() {
                    tracing::error!("{unread}");
                    faults = faults.saturating_add(1);
                }
                worker.flush("files", &list, &mut outlet);
                publish(&mut worker, &mut outlet);
                outlet.send(Event::SourceEnded("files".into()));
            }
        }
        if ended {
            thread::sleep(WAIT);
        }
        if told.elapsed() >= STATS_EVERY {
            told = Instant::now();
            shared.pulse.beat(0);
            publish(&mut worker, &mut outlet);
        }
    }
    if !ended {
        worker.flush("files", &shared.list.load(), &mut outlet);
    }
    publish(&mut worker, &mut outlet);
    match faults {
        0 => Ok(()),
        _ => Err(Fault::new(
            Exit::Input,
            "not every file could be read whole: the messages above name them",
        )),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Says a trouble of an interface once, then at most once a minute; another trouble at once.
#[derive(Default)]
struct Complaint(Option<(Instant, String)>);

impl Complaint {
    fn say(&mut self, point: &str, what: &dyn std::fmt::Display) {
        let what = what.to_string();
        let said = |(at, last): &(Instant, String)| {
            *last == what && at.elapsed() <= Duration::from_secs(60)
        };
        if !self.0.as_ref().is_some_and(said) {
            tracing::error!(interface = point, "{what}");
            self.0 = Some((Instant::now(), what));
        }
    }

    /// It is over, if there was one.
    fn end(&mut self, point: &str) {
        if self.0.take().is_some() {
            tracing::info!(interface = point, "the interface is watched again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_refusal_still_fits_a_message() {
        let why = "é".repeat(crate::event::wire::MESSAGE_LEN_MAX);
        let event = Event::ListRefused(shortened(why));
        let mut wire = Vec::new();
        wire::encode(&event, &mut wire).unwrap();
        assert_eq!(shortened("short".into()), "short");
    }
}

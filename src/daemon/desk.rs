//! The desk process: events to hit log and metrics. Holds the key, has no capture right.
//!
//! Enters: the configuration, events of the sensor, signals, requests on the control socket.
//! Leaves: the hit log, pages, commands to the sensor.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::acts::{self, Handle};
use super::books::Books;
use super::control::Control;
use super::fault::{Exit, Fault};
use super::notify::Notifier;
use super::office::{self, Office};
use super::partner::Partner;
use super::registrar::Registrar;
use super::retention::Keeper;
use super::serve::{Asked, Followed, Pages, serve};
use super::{
    console, erasure, grants, pages as record_pages, people, privilege, sources, unsealing,
};
use crate::alerts::Outbox;
use crate::casefile::Casefile;
use crate::cases::{Case, Change};
use crate::config::{self, Config};
use crate::confine::Cell;
use crate::desk::twice::{HOLD_LIVE, HOLD_REPLAY};
use crate::desk::{Clock, Desk, coverage};
use crate::hits::fold::WINDOWS_MAX_DEFAULT;
use crate::hits::log::{self, SyncPolicy};
use crate::hits::{Addresses, Folder, HitLog, Key, Observer, Scribe};
use crate::ledger::Recovery;
use crate::metrics::ready::HEARTBEAT_AGE_MAX_DEFAULT;
use crate::metrics::web::Web;
use crate::metrics::{Metrics, Process, Readiness, http};
use crate::record::{Body, Entry, Kind, Life, Loss};

/// Runs the daemon until a signal ends it.
///
/// # Errors
/// [`Fault`] with the exit code that fits.
pub fn run(config: Config) -> Result<(), Fault> {
    super::start_log();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let wiring = |e: std::io::Error| Fault::new(Exit::Internal, format!("cannot start: {e}"));
    let listener = http::bind(config.http.listen).map_err(|e| Fault::new(Exit::Listen, e))?;
    let nav = match config.ledger.is_kept() {
        true => crate::console::pages::nav(),
        false => Vec::new(),
    };
    let console = console::open(&config, nav)?;
    let key = key(&config)?;
    let scribe = scribe_with(&config, key.clone());
    let list = Arc::new(sources::catalogue(&config.lists)?);
    let casework = people::casework(&config, &key, Arc::clone(&list))?;
    let sealer = people::sealer(&config)?;
    let unusable = |why: String| Fault::new(Exit::Output, why);
    let log = HitLog::open(log_settings(&config.hits), Instant::now())
        .map_err(|e| Fault::new(Exit::Output, e))?;
    let (mut registrar, found) = registrar(&config).map_err(unusable)?;
    let held = registrar.held(office::now()).map_err(unusable)?;
    let (casefile, cases) =
        Casefile::open_holding(&config.cases.settings(), held, office::now()).map_err(unusable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(wiring)?;
    let control = runtime.block_on(async { Control::bind(&config.control.socket) })?;
    let notifier = Notifier::from_env();
    let (partner, socket) = Partner::join(&config)?;
    let kept = rights_for(&config.hits.path);
    privilege::keep_only(&kept)?;
    grants::prepare(&config).map_err(wiring)?;
    let guards = super::confined("desk", Cell::Desk, &grants::desk(&config))?;
    if let Some(warning) = grants::key_beside_lists(&config) {
        tracing::warn!("{warning}");
    }
    // Rights belong to a thread: those that are started from here on have none.
    registrar.take_over_beside();
    let outbox = Outbox::open_with(&config.alerts, &config.sinks, &observer(), office::now())
        .map_err(unusable)?;
    let at = listener.local_addr().map_err(wiring)?;
    let web = Web::load(&config.http.web_config).map_err(|why| Fault::new(Exit::Config, why))?;
    let scheme = if web.as_ref().is_some_and(Web::is_tls) {
        "https"
    } else {
        "http"
    };
    tracing::info!("metrics at {scheme}://{at}/metrics");

    let metrics = Arc::new(Metrics::new());
    metrics.confined(Process::Desk, &guards);
    metrics.excluded_prefixes(config.sensor.excluded.len());
    let readiness = Arc::new(Readiness::new(HEARTBEAT_AGE_MAX_DEFAULT));
    let workers = workers(&config);
    readiness.expect_workers(workers.len());
    for (number, point) in (0u16..).zip(&workers) {
        metrics.declare_worker(number, point);
    }
    let clock = if config.sensor.read.is_empty() {
        Clock::Live
    } else {
        Clock::Replay
    };
    let hold = match clock {
        Clock::Replay => HOLD_REPLAY,
        // One worker sees things in their order.
        Clock::Live if workers.len() < 2 => Duration::ZERO,
        Clock::Live => HOLD_LIVE,
    };
    let twice = people::twice(&config, &key, hold)?;
    let window = Duration::from_secs(config.hits.fold_seconds.into());
    let folder = Folder::new(window, WINDOWS_MAX_DEFAULT);
    let mut desk = Desk::new(
        twice,
        folder,
        casework,
        scribe,
        Arc::clone(&metrics),
        Arc::clone(&readiness),
        clock,
    )
    .with_coverage(config.sensor.coverage.clone())
    .with_sealer(sealer)
    .with_hours(coverage::Setting {
        organisation: Arc::new(people::organisation(&config)?),
        config: config.digest(),
        excluded_prefixes: config.sensor.excluded.len() as u64,
        replay: clock == Clock::Replay,
    });
    desk.declare(&list);
    let mut books = Books::new(registrar, log, casefile, outbox);
    books.relog(&config.hits.path, &config.cases.folder);
    let life = begin(&config, &mut books, found);
    books.terms = unsealing::terms(&config.identity);
    let folder = config.cases.folder.clone();
    let mut cases = cases;
    let resumed = erasure::resume(&folder, &mut cases).map_err(unusable)?;
    restore(&mut desk, &mut books, cases);
    if let Some(resumed) = resumed {
        erasure::finish(&mut desk, &mut books, &folder, resumed);
    }
    let mut keeper = Keeper::new(
        config.ledger.retention,
        config.cases.closed_days,
        &folder,
        Instant::now(),
    );
    keeper.resume(&mut books, office::now());
    let finisher = erasure::Finisher::new(folder.clone(), Instant::now());
    let asked = Asked {
        cases: folder,
        officers: unsealing::Desk::new(key.clone(), &config.identity),
    };
    let list = Arc::new(ArcSwap::new(list));
    let stopping = Arc::new(Mutex::new(None));
    let office = Office {
        desk,
        books,
        list: Arc::clone(&list),
        lists: config.lists.clone(),
        keeper,
        finisher,
        life,
        stopping: Arc::clone(&stopping),
    };
    let recorded = office.books.registrar.listen();
    let organisation = Arc::new(people::organisation(&config)?);
    let pages = Pages {
        listener,
        metrics,
        readiness,
        web: web.map(Arc::new),
    };
    let start_console = {
        let (metrics, readiness) = (Arc::clone(&pages.metrics), Arc::clone(&pages.readiness));
        let list = Arc::clone(&list);
        let config = config.clone();
        move |office: Handle| {
            let parts = record_pages::Parts {
                office,
                recorded,
                list,
                organisation,
                metrics,
                readiness,
            };
            console
                .map(|console| console.start(&config, parts))
                .transpose()
        }
    };
    let followed = Followed {
        feeds: config.feeds,
        list,
    };
    let pages = (pages, start_console);
    runtime.block_on(serve(
        office,
        followed,
        pages,
        (control, asked),
        (partner, socket),
        &notifier,
    ))
}

/// Ledger and store, if a record is kept.
fn registrar(config: &Config) -> Result<(Registrar, Recovery), String> {
    if !config.ledger.is_kept() {
        return Ok((Registrar::without(), Recovery::default()));
    }
    Registrar::open(
        &config.ledger.settings(),
        &config.ledger.store,
        office::now(),
    )
}

/// The first entries of this run: what the last one lost, and that this one begins. Gives what the
/// entry about its end will say.
fn begin(config: &Config, books: &mut Books, found: Recovery) -> Life {
    let time = office::now();
    let mut say = |body| books.out.entries.push(Entry { time, body });
    if found.cut_bytes > 0 {
        say(Body::Loss(Loss {
            place: "ledger".into(),
            reason: format!(
                "{} bytes behind the last whole entry were cut off: a crash",
                found.cut_bytes
            ),
            count: found.cut_lines,
        }));
    }
    let mut life = Life {
        what: "start".into(),
        reason: String::new(),
        version: env!("CARGO_PKG_VERSION").into(),
        observer: observer().name,
        config: config.digest(),
    };
    let last = books.registrar.newest(Kind::Life);
    life.reason = match last.map(|entry| entry.body) {
        Some(Body::Life(last)) if last.what == "start" => "after a crash",
        Some(_) => "after a stop",
        None => "first start",
    }
    .into();
    books.out.entries.push(Entry {
        time,
        body: Body::Life(life.clone()),
    });
    Life {
        what: "stop".into(),
        reason: "the sensor ended".into(),
        ..life
    }
}

/// Cases as they were written down before, and what of them has not reached the record yet.
fn restore(desk: &mut Desk, books: &mut Books, cases: Vec<Case>) {
    books.restored(&cases);
    desk.restore(cases, office::now(), &mut books.out);
    let again = books.out.changes.iter().filter_map(|change| match change {
        Change::Alert(alert) => Some(alert.case.clone()),
        Change::Case(_) => None,
    });
    let again: BTreeSet<String> = again.collect();
    for case in again {
        let told = books.registrar.alerts(&case);
        books.recorded(told);
    }
    acts::make_good(desk, books);
}

/// The observation point of each worker, in the order of their numbers.
fn workers(config: &Config) -> Vec<String> {
    let sensor = &config.sensor;
    if !sensor.read.is_empty() {
        return vec!["files".into()];
    }
    let each = match sensor.via {
        config::Via::Pcap | config::Via::Xdp => 1,
        config::Via::Ring => usize::from(sensor.workers),
    };
    let points = sensor.interfaces.iter();
    points
        .flat_map(|point| std::iter::repeat_n(point.clone(), each))
        .collect()
}

fn log_settings(hits: &config::Hits) -> log::Settings {
    let mut settings = log::Settings::new(&hits.path);
    settings.sync = match hits.fsync {
        config::Fsync::Always => SyncPolicy::Always,
        config::Fsync::Interval => SyncPolicy::Every(Duration::from_secs(1)),
        config::Fsync::Never => SyncPolicy::Never,
    };
    let mib = u64::from(hits.rotate_mib) << 20;
    settings.rotate_bytes = Some(mib).filter(|bytes| *bytes > 0);
    let age = Duration::from_secs(u64::from(hits.rotate_hours) * 3600);
    settings.rotate_age = Some(age).filter(|age| !age.is_zero());
    settings.keep = hits.rotate_keep.into();
    settings
}

/// Root without capabilities is bound by file permissions: in a folder of somebody else, rotation
/// needs one right.
fn rights_for(log: &Path) -> Vec<caps::Capability> {
    let folder = log
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let owner = std::fs::metadata(folder).map(|m| m.uid());
    if owner.is_ok_and(|uid| uid == nix::unistd::geteuid().as_raw()) {
        Vec::new()
    } else {
        vec![caps::Capability::CAP_DAC_OVERRIDE]
    }
}

/// The configured key, made at the first start.
///
/// # Errors
/// [`Exit::Config`] when the key cannot be used or made.
pub fn key(config: &Config) -> Result<Key, Fault> {
    let path = &config.privacy.key_file;
    if path.exists() {
        Key::load(path)
    } else {
        Key::create(path)
    }
    .map_err(|e| Fault::new(Exit::Config, e))
}

/// A key that is forgotten with this run.
///
/// # Errors
/// [`Exit::Internal`] when there is no randomness.
pub fn key_for_one_run() -> Result<Key, Fault> {
    Key::ephemeral().map_err(|e| Fault::new(Exit::Internal, e))
}

/// Writes hits down under `key`.
pub fn scribe_with(config: &Config, key: Key) -> Scribe {
    let addresses = match config.privacy.addresses {
        config::Addresses::Pseudonym => Addresses::Pseudonym,
        config::Addresses::Clear => Addresses::Clear {
            reason: config.privacy.clear_reason.trim().to_owned(),
        },
    };
    Scribe::new(key, addresses, observer())
}

/// Who writes.
pub fn observer() -> Observer {
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|n| n.into_string().ok())
        .unwrap_or_else(|| "poortwacht".into());
    Observer { name }
}

//! The desk process: events to hit log and metrics. Holds the key, has no capture right.
//!
//! Enters: the configuration, events of the sensor, signals, requests on the control socket.
//! Leaves: the hit log, pages, commands to the sensor.

use std::collections::VecDeque;
use std::io::BufReader;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

use super::control::{Control, Request};
use super::fault::{Exit, Fault};
use super::privilege;
use crate::config::{self, Config};
use crate::event::{Command, Event, ListInfo, wire};
use crate::hits::{Addresses, Key, Observer, Scribe};

/// Pace of what time brings: retries, forced writes, closing windows, readiness.
const TICK: Duration = Duration::from_millis(200);
/// Events read ahead of the desk; behind it the socket fills, then the sensor's queue.
const AHEAD: usize = 1024;
/// How long the sensor may take to drain at a stop before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the daemon until a signal ends it.
///
/// # Errors
/// [`Fault`] with the exit code that fits.
pub fn run(config: Config) -> Result<(), Fault> {
    start_log();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let wiring = |e: std::io::Error| Fault::new(Exit::Internal, format!("cannot start: {e}"));
    let listener = listen(&config)?;
    let desk = super::desk_core(&config)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wiring)?;
    let control = runtime.block_on(async { Control::bind(&config.control.socket) })?;
    let (child, socket) = start_sensor(&config).map_err(wiring)?;
    let kept = rights_for(&config.hits.path);
    privilege::keep_only(&kept)?;
    tracing::info!("metrics at http://{}/metrics", config.http.listen);
    runtime.block_on(serve(desk, listener, control, child, socket))
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POORTWACHT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call (there is none) would only be refused.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .try_init();
}

fn listen(config: &Config) -> Result<TcpListener, Fault> {
    let address = config.http.listen;
    let refuse = |e: std::io::Error| {
        let hint = "another program may have it; choose one with --listen or [http] listen";
        Fault::new(Exit::Listen, format!("cannot listen on {address}: {e}; {hint}"))
    };
    let listener = TcpListener::bind(address).map_err(refuse)?;
    listener.set_nonblocking(true).map_err(refuse)?;
    Ok(listener)
}

/// The sensor as our child: its end of the socketpair is its standard input.
fn start_sensor(config: &Config) -> std::io::Result<(Child, UnixStream)> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let child = Program::new(std::env::current_exe()?)
        .arg("sensor")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // Ctrl-C is for the desk, which then tells the sensor to drain.
        .process_group(0)
        .spawn()?;
    wire::write(config, &mut ours)?;
    Ok((child, ours))
}

/// Root without capabilities is bound by file permissions: in a folder of somebody else, rotation
/// needs one right.
fn rights_for(log: &Path) -> Vec<caps::Capability> {
    let folder = log.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = std::fs::metadata(folder).map(|m| m.uid());
    if owner.is_ok_and(|uid| uid == nix::unistd::geteuid().as_raw()) {
        Vec::new()
    } else {
        vec![caps::Capability::CAP_DAC_OVERRIDE]
    }
}

/// Pseudonyms under the configured key, made at the first start.
///
/// # Errors
/// [`Exit::Config`] when the key cannot be used or made.
pub fn scribe(config: &Config) -> Result<Scribe, Fault> {
    let path = &config.privacy.key_file;
    let key = if path.exists() { Key::load(path) } else { Key::create(path) }
        .map_err(|e| Fault::new(Exit::Config, e))?;
    Ok(scribe_with(config, key))
}

/// Pseudonyms under a key that is forgotten with this run.
///
/// # Errors
/// [`Exit::Internal`] when there is no randomness.
pub fn scribe_for_one_run(config: &Config) -> Result<Scribe, Fault> {
    let key = Key::ephemeral().map_err(|e| Fault::new(Exit::Internal, e))?;
    Ok(scribe_with(config, key))
}

fn scribe_with(config: &Config, key: Key) -> Scribe {
    let addresses = match config.privacy.addresses {
        config::Addresses::Pseudonym => Addresses::Pseudonym,
        config::Addresses::Clear => {
            Addresses::Clear { reason: config.privacy.clear_reason.trim().to_owned() }
        }
    };
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|n| n.into_string().ok())
        .unwrap_or_else(|| "poortwacht".into());
    Scribe::new(key, addresses, Observer { name })
}

/// What the thread of events tells the thread of pages and signals.
enum Told {
    Reload(Result<ListInfo, String>),
}

//! Word to the service manager: ready, alive, ending (`sd_notify(3)`).
//!
//! Enters: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` of the environment. Leaves: datagrams on
//! a socket that is connected at the start, so that it works confined. Never: says "alive" by
//! itself: whoever calls has heard of every worker.

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What our children must not have: they would speak in our name.
pub const VARIABLES: &[&str] = &[
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];
/// A worker that was not heard of for so long is dead.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The service manager, if there is one.
#[derive(Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says. A socket that cannot be reached is told in the log, and is none.
    pub fn from_env() -> Self {
        let Some(place) = env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let socket = connected(&place).map_err(|e| {
            tracing::warn!("the service manager's socket {place:?} cannot be reached: {e}");
        });
        let micros = env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|it| it.parse().ok());
        let ours =
            env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        Self {
            socket: socket.ok(),
            watchdog: micros.filter(|_| ours).map(Duration::from_micros),
        }
    }

    /// How often to call [`Self::alive`]: thrice within the time that the manager waits.
    pub fn pace(&self) -> Duration {
        let third = self.watchdog.unwrap_or(Duration::from_secs(30)) / 3;
        third.clamp(Duration::from_millis(10), Duration::from_secs(10))
    }

    /// Is there anybody to tell?
    pub fn is_heard(&self) -> bool {
        self.socket.is_some()
    }

    /// The work is set up.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// Every worker was heard of.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            self.say("WATCHDOG=1");
        }
    }

    /// The end has begun.
    pub fn ending(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, what: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen cannot be told so.
            let _ = socket.send(what.as_bytes());
        }
    }
}

fn connected(place: &OsString) -> std::io::Result<UnixDatagram> {
    let address = match place.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(place)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // It must not hold up the watch.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// When each worker was last heard of.
pub struct Pulse {
    since: Instant,
    /// Milliseconds from `since`.
    beats: Vec<AtomicU64>,
}

impl Pulse {
    /// All are alive now.
    pub fn new(workers: usize) -> Self {
        Self {
            since: Instant::now(),
            beats: (0..workers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A worker lives.
    pub fn beat(&self, worker: u16) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(beat) = self.beats.get(usize::from(worker)) {
            beat.store(millis, Ordering::Relaxed);
        }
    }

    /// Was every worker heard of lately?
    pub fn all_live(&self, silence_max: Duration) -> bool {
        let now = self.since.elapsed();
        let age = |beat: &AtomicU64| {
            now.saturating_sub(Duration::from_millis(beat.load(Ordering::Relaxed)))
        };
        self.beats.iter().all(|beat| age(beat) <= silence_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives_and_without_a_manager_nothing_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("notify");
        let manager = UnixDatagram::bind(&place).expect("bound");
        let notifier = Notifier {
            socket: connected(&place.into_os_string()).ok(),
            watchdog: Some(Duration::from_secs(30)),
        };
        notifier.ready("2 workers");
        notifier.alive();
        let mut heard = [0; 64];
        let mut next = || {
            let len = manager.recv(&mut heard).expect("a word");
            String::from_utf8_lossy(&heard[..len]).into_owned()
        };
        assert_eq!(next(), "READY=1\nSTATUS=2 workers");
        assert_eq!(next(), "WATCHDOG=1");
        assert_eq!(notifier.pace(), Duration::from_secs(10));
        assert!(!Notifier::default().is_heard());
        Notifier::default().alive();
    }

    #[test]
    fn one_silent_worker_is_enough() {
        let pulse = Pulse::new(2);
        std::thread::sleep(Duration::from_millis(30));
        assert!(pulse.all_live(Duration::from_secs(10)));
        pulse.beat(0);
        assert!(!pulse.all_live(Duration::from_millis(20)));
        pulse.beat(1);
        assert!(pulse.all_live(Duration::from_millis(20)));
        // A number that nobody has is nobody's beat.
        pulse.beat(9);
    }
}

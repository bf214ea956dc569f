//! The sensor as the desk has it: a child of its own, or a unit of its own under another user.
//!
//! Enters: the configuration, and of the service manager a socket, if there is one. Leaves: a
//! connected sensor that was told what to capture. Never: tells it anything about people, keys or
//! officers.
//!
//! With a socket of the service manager (socket activation) the sensor is a unit: it comes to that
//! socket, which only its user may open, and this process needs no right to capture at all.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command as Program, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::fault::{Exit, Fault};
use super::notify;
use super::sensor::SensorConfig;
use crate::config::Config;
use crate::event::wire;

/// Longest wait for a sensor that is a unit of its own.
const COME_MAX: Duration = Duration::from_secs(60);

/// The other process.
pub enum Partner {
    /// Our child.
    Child(Child),
    /// A unit of the service manager, which ends and starts it.
    Unit,
}

/// How the sensor ended.
pub enum Ended {
    /// As a child does.
    Status(ExitStatus),
    /// It closed its end; its unit's log says the rest.
    Gone,
}

impl Partner {
    /// Starts the sensor, or waits for it, and tells it what to do.
    ///
    /// # Errors
    /// [`Exit::Internal`] when it cannot be started or does not come.
    pub fn join(config: &Config) -> Result<(Self, UnixStream), Fault> {
        let failed = |e: std::io::Error| Fault::new(Exit::Internal, format!("cannot start: {e}"));
        let told = SensorConfig {
            sensor: config.sensor.clone(),
            lists: config.lists.clone(),
        };
        let handed = listenfd::ListenFd::from_env().take_unix_listener(0);
        let (partner, mut socket) = match handed.ok().flatten() {
            Some(listener) => (Self::Unit, come(&listener)?),
            None => start().map_err(failed)?,
        };
        wire::write(&told, &mut socket).map_err(failed)?;
        Ok((partner, socket))
    }

    /// Ends a sensor that does not end by itself. A unit is ended by its closed socket, and by the
    /// service manager.
    pub fn end(&mut self) -> std::io::Result<()> {
        match self {
            Self::Child(child) => child.kill(),
            Self::Unit => Ok(()),
        }
    }

    /// Has it ended? Its socket is closed.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn ended(&mut self) -> std::io::Result<Option<Ended>> {
        match self {
            Self::Child(child) => Ok(child.try_wait()?.map(Ended::Status)),
            Self::Unit => Ok(Some(Ended::Gone)),
        }
    }
}

/// The sensor as our child: its end of the socketpair is its standard input.
fn start() -> std::io::Result<(Partner, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut program = Program::new(std::env::current_exe()?);
    for variable in notify::VARIABLES {
        program.env_remove(variable);
    }
    let child = program
        .arg("sensor")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        // Ctrl-C is for the desk, which then tells the sensor to drain.
        .process_group(0)
        .spawn()?;
    Ok((Partner::Child(child), ours))
}

/// Waits for the sensor's unit.
fn come(listener: &UnixListener) -> Result<UnixStream, Fault> {
    let failed =
        |e: std::io::Error| Fault::new(Exit::Internal, format!("the sensor's socket: {e}"));
    tracing::info!("waiting for the sensor, a unit of its own");
    let until = Instant::now() + COME_MAX;
    listener.set_nonblocking(true).map_err(failed)?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(failed)?;
                return Ok(stream);
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(failed(e)),
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Fault::new(
                Exit::Internal,
                format!(
                    "no sensor came within {} seconds: `journalctl -u poortwacht-sensor` says why",
                    COME_MAX.as_secs()
                ),
            ));
        }
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        // Looked at again in any case.
        let _ = poll(&mut fds, wait);
    }
}

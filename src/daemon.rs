//! Two processes: the sensor, which parses hostile bytes, and the desk, which holds the key.
//!
//! Enters: a checked configuration. Leaves: a running daemon, and its exit code. Never: logic of a
//! stage.

pub mod acts;
pub mod books;
pub mod console;
pub mod control;
pub mod desk;
pub mod erasure;
pub mod evidence;
pub mod fault;
pub mod grants;
pub mod notify;
pub mod office;
pub mod pages;
pub mod partner;
pub mod people;
pub mod person;
pub mod privilege;
pub mod queue;
mod recent;
pub mod registrar;
mod relog;
pub mod replay;
pub mod retention;
pub mod sensor;
mod serve;
pub mod sources;
pub mod status;
pub mod unsealing;

pub use desk::run;
pub use fault::{Exit, Fault};

use crate::confine;
use crate::event::Guard;

/// Confines this process, and says once what this machine cannot do of it.
fn confined(
    process: &str,
    cell: confine::Cell,
    grants: &confine::Grants,
) -> Result<Vec<Guard>, Fault> {
    let confined = confine::enter(cell, grants).map_err(|e| Fault::new(Exit::Permission, e))?;
    for what in &confined.lacking {
        tracing::warn!("the {process} is confined in part: {what}");
    }
    Ok(confined.guards)
}

/// Messages of the daemon go to standard error; `POORTWACHT_LOG` sets how many.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POORTWACHT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call (there is none) would only be refused.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        // It would print the failure to standard error, and panic because that is what failed: a
        // full disk under a redirected log must not end the watch.
        .log_internal_errors(false)
        .try_init();
}

//! The dirty end: asks the system, reads files, takes frames.
//!
//! Enters: the configuration, what the command line asks for. Leaves: [`Facts`]. Never: changes
//! anything (the one thing that is opened, a packet socket, is closed again); judges; keeps a
//! secret that it had to read.

mod clock;
mod daemon;
mod ethtool;
mod files;
mod interface;
mod kernel;
mod lists;
mod memory;
mod process;
mod sample;
mod timex;

use std::time::Duration;

use super::facts::Facts;
use super::traffic::TrafficFacts;
use crate::config::Config;
use crate::daemon::Fault;

pub use self::sample::Progress;

/// What is asked for beyond looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// How long live traffic is watched; 0 not at all.
    pub listen: Duration,
    /// Ask servers elsewhere too.
    pub network: bool,
}

/// Everything but traffic; `parsed` is how the configuration file was read, if one was named.
pub fn system(config: &Config, wishes: Wishes) -> Facts {
    let (lists, catalogue) = lists::gather(config);
    let mut process = process::gather();
    let tried = process::try_capture(config);
    process.prefilter = tried.clone().and_then(Result::ok);
    process.capture = tried.map(|tried| tried.map(drop));
    Facts {
        process,
        config: None,
        files: files::gather(config),
        daemon: daemon::gather(config),
        kernel: kernel::gather(),
        interfaces: interface::gather(&config.sensor.interfaces),
        existing: interface::existing(),
        memory: memory::gather(),
        clock: clock::gather(),
        feeds: lists::feeds(config, catalogue.as_ref()),
        lists,
        alertmanager: wishes
            .network
            .then(|| daemon::alertmanager(config))
            .flatten(),
        traffic: None,
    }
}

/// Watches the interfaces for a while; adds what it saw, and whether the clock jumped meanwhile.
///
/// # Errors
/// When the interfaces cannot be opened, or fail.
pub fn listen(
    config: &Config,
    time: Duration,
    progress: &mut dyn Progress,
    facts: &mut Facts,
) -> Result<(), Fault> {
    let before = clock::Pair::now();
    facts.traffic = Some(sample::live(config, &facts.interfaces, time, progress)?);
    facts.clock.jumped_ns = before.and_then(|pair| pair.jumped());
    Ok(())
}

/// The same of capture files.
///
/// # Errors
/// When one of them cannot be read.
pub fn read(
    config: &Config,
    files: &[std::path::PathBuf],
    progress: &mut dyn Progress,
) -> Result<TrafficFacts, Fault> {
    sample::files(config, files, progress)
}

//! What the running processes cannot do any more, whatever happens in them.
//!
//! Enters: which process this is, and the folders that it works in. Leaves: this thread, and all
//! that it starts from then on, without the rest of the file system and without the system calls
//! that the work does not need; and what of it was *seen* to hold. Never: takes the kernel's "yes"
//! for it; after entering, a forbidden file and a forbidden call are tried.
//!
//! Landlock (Linux 5.13; Debian 12 has it) for files and TCP ports, seccomp for system calls,
//! `no_new_privs`, no core dumps: a core of the desk holds keys, one of the sensor packets. Rights
//! belong to threads, so [`enter`] is called before others are started. A kernel that lacks
//! Landlock is told, once, and the work goes on.

mod calls;
mod files;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

pub use self::calls::{Call, Cell};

use crate::event::Guard;

/// Where a process may go. Folders; a file stands for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Read, with all that is below.
    pub read: Vec<PathBuf>,
    /// Read, write, make and remove, with all that is below.
    pub write: Vec<PathBuf>,
    /// May it connect to TCP ports? It may never open one to others from here on.
    pub connects: bool,
    /// May it send signals to processes outside?
    pub signals: bool,
}

/// What is in force, and what is not and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// Seen to hold.
    pub guards: Vec<Guard>,
    /// In words, for the log: what could not be had.
    pub lacking: Vec<String>,
}

/// Why a process could not be confined.
#[derive(Debug)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot confine this process: {}; is it run under another sandbox?",
            self.0
        )
    }
}
impl std::error::Error for Refused {}

/// Confines this thread and those that it starts from now on.
///
/// # Errors
/// [`Refused`] when the kernel has a part of it and refuses to set it up. A kernel without Landlock
/// is none.
pub fn enter(cell: Cell, grants: &Grants) -> Result<Confined, Refused> {
    let refused = |what: &str, e: &dyn fmt::Display| Refused(format!("{what}: {e}"));
    prctl::set_no_new_privs().map_err(|e| refused("no_new_privs", &e))?;
    no_core_dumps().map_err(|e| refused("core dumps", &e))?;
    let mut confined = Confined::default();
    if let Some(lacking) = files::restrict(grants).map_err(|e| refused("Landlock", &e))? {
        confined.lacking.push(lacking);
    }
    calls::restrict(cell).map_err(|e| refused("seccomp", &e))?;
    confined.guards = seen();
    for guard in [Guard::Files, Guard::Calls] {
        // What the kernel does not have has been said.
        if confined.lacking.is_empty() && !confined.guards.contains(&guard) {
            confined.lacking.push(format!(
                "a forbidden thing was tried and went through ({guard})"
            ));
        }
    }
    Ok(confined)
}

/// Confines this thread further: a worker needs less than its process.
///
/// # Errors
/// [`Refused`] when the kernel does not take the filter.
pub fn narrow(cell: Cell) -> Result<(), Refused> {
    calls::restrict(cell).map_err(|e| Refused(format!("seccomp: {e}")))
}

/// No core is written of this process, and no other process of its user may look into it.
fn no_core_dumps() -> Result<(), Errno> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)
}

/// Which guards hold for this thread, as far as it can be tried.
pub fn seen() -> Vec<Guard> {
    let holds = |guard: &Guard| match guard {
        Guard::Capabilities => no_capability(),
        Guard::Privileges => prctl::get_no_new_privs().unwrap_or(false),
        Guard::CoreDumps => !prctl::get_dumpable().unwrap_or(true),
        // Everybody may read the root folder, but for whom Landlock or a filter forbids it.
        Guard::Files => File::open("/").is_err(),
        // Asks for nothing, and is therefore always granted, but by a filter.
        Guard::Calls => unshare(CloneFlags::empty()) == Err(Errno::EPERM),
    };
    Guard::ALL.iter().copied().filter(holds).collect()
}

fn no_capability() -> bool {
    let empty = |set| caps::read(None, set).is_ok_and(|have| have.is_empty());
    empty(caps::CapSet::Effective) && empty(caps::CapSet::Permitted)
}

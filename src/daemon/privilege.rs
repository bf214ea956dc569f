//! Giving up what is not needed any more.

use caps::{CapSet, Capability, CapsHashSet};

use super::fault::{Exit, Fault};

/// Leaves all groups but the process' own, where this user may.
///
/// # Errors
/// [`Exit::Permission`] when the kernel refuses though the right is there.
pub fn drop_groups() -> Result<(), Fault> {
    match nix::unistd::setgroups(&[]) {
        // Without the right there is nobody who could have given us any groups but the unit.
        Ok(()) | Err(nix::errno::Errno::EPERM) => Ok(()),
        Err(e) => Err(Fault::new(
            Exit::Permission,
            format!("cannot leave groups: {e}"),
        )),
    }
}

/// Gives up every capability of this thread and of those it starts later; nothing can be gained
/// again by executing a program.
///
/// # Errors
/// [`Exit::Permission`] when the kernel refuses.
pub fn drop_all() -> Result<(), Fault> {
    keep_only(&[])
}

/// The same, but keeps those of `kept` that are there.
///
/// # Errors
/// As [`drop_all`].
pub fn keep_only(kept: &[Capability]) -> Result<(), Fault> {
    let refuse = |what: &str, why: &dyn std::fmt::Display| {
        Fault::new(Exit::Permission, format!("cannot give up {what}: {why}"))
    };
    nix::sys::prctl::set_no_new_privs().map_err(|e| refuse("the right to gain privileges", &e))?;
    let have = caps::read(None, CapSet::Permitted).map_err(|e| refuse("capabilities", &e))?;
    let rest: CapsHashSet = kept.iter().copied().filter(|c| have.contains(c)).collect();
    // The bounding and ambient sets may be out of reach for an unprivileged process: with
    // no_new_privs they give nothing.
    let _ = caps::clear(None, CapSet::Ambient);
    let _ = caps::clear(None, CapSet::Bounding);
    let none = CapsHashSet::new();
    for (set, wanted) in [
        (CapSet::Inheritable, &none),
        (CapSet::Effective, &rest),
        (CapSet::Permitted, &rest),
    ] {
        caps::set(None, set, wanted).map_err(|e| refuse("capabilities", &e))?;
    }
    Ok(())
}

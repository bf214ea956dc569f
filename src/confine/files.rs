//! Landlock: which files can be reached at all, and TCP ports.
//!
//! Enters: [`Grants`]. Leaves: a thread for which the rest of the file system cannot be opened. Files
//! that are open stay open. Never: makes a folder; what is not there is not granted.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::Grants;

/// What is asked for; an older kernel gives what it has.
const ABI_WANTED: ABI = ABI::V6;

/// To read files and look into folders.
fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// To keep files: all but to execute one, and to make devices and pipes.
fn keeping() -> BitFlags<AccessFs> {
    reading()
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// Restricts this thread; says what the kernel does not have, if it is so.
pub(super) fn restrict(grants: &Grants) -> Result<Option<String>, RulesetError> {
    let mut net: BitFlags<AccessNet> = AccessNet::BindTcp.into();
    if !grants.connects {
        net |= AccessNet::ConnectTcp;
    }
    let mut scopes: BitFlags<Scope> = Scope::AbstractUnixSocket.into();
    if !grants.signals {
        scopes |= Scope::Signal;
    }
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_WANTED))?
        .handle_access(net)?
        .scope(scopes)?
        .create()?;
    let read = grants.read.iter().map(|path| (path, reading()));
    let write = grants.write.iter().map(|path| (path, keeping()));
    for (path, mut access) in read.chain(write) {
        // What is not there cannot be opened either.
        let Ok(place) = PathFd::new(path) else {
            continue;
        };
        if !path.is_dir() {
            access &= AccessFs::from_file(ABI_WANTED);
        }
        ruleset = ruleset.add_rule(PathBeneath::new(place, access))?;
    }
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => None,
        RulesetStatus::PartiallyEnforced => Some(
            "this kernel's Landlock is older than 6.12: a part of it (TCP ports, signals, moving \
             between folders) is not restricted"
                .into(),
        ),
        RulesetStatus::NotEnforced => Some(
            "this kernel has no Landlock (Linux 5.13, with `landlock` among its security modules): \
             files are guarded by their permissions and the unit alone"
                .into(),
        ),
    })
}

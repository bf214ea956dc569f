//! seccomp: which system calls can be made at all.
//!
//! Enters: [`Cell`]. Leaves: a thread whose other calls are refused with `EPERM`. Never: ends a
//! process for a call: a list that lacks one would end the watch with it, and the refusal is seen in
//! the log of whoever needed it.
//!
//! `clone3` is refused with `ENOSYS`, so that the C library falls back to `clone`, of which the flags
//! can be looked at: threads, no processes. Memory is never mapped as executable by the sensor; the
//! desk's resolver loads the modules that `nsswitch.conf` names.

mod table;

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

pub use self::table::Call;

use crate::base::seen::closed_set;

closed_set! {
    /// What is confined.
    Cell {
        /// The sensor, all of it.
        Sensor = "sensor",
        /// A worker of the sensor: parses what comes from the wire.
        Worker = "worker",
        /// The desk, all of it.
        Desk = "desk",
    }
}

/// Restricts this thread and those that it starts.
pub(super) fn restrict(cell: Cell) -> Result<(), Error> {
    // Which of the two stands first does not matter: the stricter answer counts.
    apply_filter(&without_clone3()?)?;
    apply_filter(&allowed(cell)?)
}

fn arch() -> Result<TargetArch, BackendError> {
    std::env::consts::ARCH.try_into()
}

fn without_clone3() -> Result<BpfProgram, BackendError> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let refuse = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch()?)?.try_into()
}

fn allowed(cell: Cell) -> Result<BpfProgram, BackendError> {
    let calls = Call::ALL.iter().filter(|call| call.cells.contains(&cell));
    let mut rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for call in calls {
        let rule = narrowed(call.number, cell)?;
        rules
            .entry(call.number)
            .or_insert_with(Vec::new)
            .extend(rule);
    }
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch()?)?.try_into()
}

/// Where the arguments are looked at too. None: any will do.
fn narrowed(number: i64, cell: Cell) -> Result<Vec<SeccompRule>, BackendError> {
    let is = |argument: u8, value: u64| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
    };
    let bits = |argument: u8, mask: u64, value: u64| {
        let masked = SeccompCmpOp::MaskedEq(mask);
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, masked, value)
    };
    let one_of = |argument: u8, values: &[u64]| {
        let each = values
            .iter()
            .map(|value| SeccompRule::new(vec![is(argument, *value)?]));
        each.collect::<Result<Vec<_>, _>>()
    };
    let flag = |flag: libc::c_int| u64::from(flag.unsigned_abs());
    match number {
        libc::SYS_clone => {
            let thread = flag(libc::CLONE_THREAD);
            Ok(vec![SeccompRule::new(vec![bits(0, thread, thread)?])?])
        }
        libc::SYS_mmap | libc::SYS_mprotect if cell != Cell::Desk => {
            let executable = flag(libc::PROT_EXEC);
            Ok(vec![SeccompRule::new(vec![bits(2, executable, 0)?])?])
        }
        libc::SYS_bpf => one_of(0, table::BPFS),
        libc::SYS_prctl => one_of(0, table::PRCTLS),
        libc::SYS_ioctl => one_of(1, table::IOCTLS),
        libc::SYS_socket => one_of(0, table::FAMILIES),
        _ => Ok(Vec::new()),
    }
}

//! The kernel's word on its clock: adjtimex(2), asked and not set.
//!
//! Leaves: whether a time service keeps the clock, and the bound of its error. Never: sets it.

#![allow(unsafe_code)]

/// Synchronised, and the bound of the error in microseconds; `None` when the kernel does not say
/// (a seccomp filter may forbid the call).
pub(super) fn state() -> Option<(bool, u64)> {
    // SAFETY: timex is made of integers only, for which zero is a value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live timex; its `modes` of 0 make the call read only.
    let result = unsafe { libc::adjtimex(&raw mut timex) };
    (result != -1).then(|| {
        let synchronised = timex.status & libc::STA_UNSYNC == 0;
        (synchronised, u64::try_from(timex.maxerror).unwrap_or(0))
    })
}

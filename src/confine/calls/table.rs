//! The system calls that stay, each with who needs it and what for.
//!
//! Enters: nothing. Leaves: [`Call::ALL`]. docs/operations/sandbox.md has the same table, with what
//! the tests were seen to use; a test compares the two.

use super::Cell;
use super::Cell::{Desk, Sensor, Worker};

/// A system call that stays allowed.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name, as in `syscalls(2)`.
    pub name: &'static str,
    /// Its number on this kind of processor.
    pub number: i64,
    /// To whom.
    pub cells: &'static [Cell],
    /// What for.
    pub why: &'static str,
}

const ALL: &[Cell] = &[Sensor, Worker, Desk];
const BOTH: &[Cell] = &[Sensor, Desk];
const SENSOR: &[Cell] = &[Sensor, Worker];
const DESK: &[Cell] = &[Desk];

macro_rules! calls {
    ($($(#[$only:meta])* $number:ident $cells:ident $why:literal;)+) => {
        impl Call {
            /// Every one.
            pub const ALL: &'static [Self] = &[$($(#[$only])* Self {
                name: short(stringify!($number)),
                number: libc::$number,
                cells: $cells,
                why: $why,
            }),+];
        }
    };
}

/// `read` of `SYS_read`.
const fn short(name: &'static str) -> &'static str {
    name.split_at(4).1
}

calls! {
    // Memory, threads, time.
    SYS_brk ALL "the allocator";
    SYS_mmap ALL "the allocator, stacks of threads; at the desk libraries of the resolver";
    SYS_munmap ALL "the same, given back";
    SYS_mremap ALL "the allocator";
    SYS_mprotect ALL "guard pages of stacks, the allocator";
    SYS_madvise ALL "memory given back to the kernel";
    SYS_futex ALL "locks and queues";
    SYS_clone BOTH "threads (never processes)";
    SYS_set_robust_list BOTH "a thread that begins";
    SYS_rseq BOTH "a thread that begins";
    SYS_sched_getaffinity ALL "how many processors there are; pinning";
    SYS_sched_setaffinity SENSOR "a worker is pinned to its processor";
    SYS_sched_yield ALL "a queue that is contended";
    SYS_clock_gettime ALL "where the kernel gives no vDSO";
    SYS_clock_getres ALL "where the kernel gives no vDSO";
    SYS_gettimeofday ALL "where the kernel gives no vDSO";
    SYS_clock_nanosleep ALL "pauses";
    SYS_nanosleep ALL "pauses";
    SYS_restart_syscall ALL "a pause that a signal interrupted";
    SYS_getrandom ALL "keys, salts, seeds of hash tables";
    SYS_exit ALL "a thread that ends";
    SYS_exit_group ALL "the process ends";
    SYS_rt_sigreturn ALL "a signal was handled";
    SYS_rt_sigaction ALL "handlers; a panic takes SIGABRT's away";
    SYS_rt_sigprocmask ALL "a thread that begins or ends; a panic";
    SYS_sigaltstack ALL "stack overflow is told, in each thread";
    SYS_getpid ALL "a panic; SQLite's locks";
    SYS_gettid ALL "a panic";
    SYS_tgkill ALL "a panic ends the process";
    SYS_prctl BOTH "names of threads, `no_new_privs` (see PRCTLS)";
    SYS_seccomp BOTH "a thread gives up more";
    SYS_capget BOTH "what is in force is seen";

    // Whatever is open.
    SYS_read ALL "sockets, files, pipes";
    SYS_readv BOTH "sockets";
    SYS_pread64 ALL "counters of the interface; SQLite";
    SYS_write ALL "sockets, files, messages";
    SYS_writev ALL "sockets, messages";
    SYS_close ALL "what was opened, and what a run ends with";
    SYS_fstat ALL "size of a file";
    SYS_lseek ALL "files";
    SYS_fcntl ALL "descriptors: close-on-exec, non-blocking, locks of SQLite";
    SYS_ioctl ALL "the interface's state; non-blocking sockets (see IOCTLS)";
    #[cfg(target_arch = "x86_64")]
    SYS_poll ALL "libpcap; the resolver";
    SYS_ppoll ALL "waiting for frames";
    SYS_recvfrom ALL "sockets, libpcap";
    SYS_sendto ALL "sockets; the watchdog of systemd";
    SYS_recvmsg BOTH "sockets";
    SYS_sendmsg BOTH "sockets";
    SYS_shutdown BOTH "an end that is said";
    SYS_getsockopt ALL "counters of the ring; errors of sockets";
    SYS_setsockopt ALL "a ring that finds its interface again; sockets";
    SYS_getsockname ALL "is the ring still bound to its interface?";
    SYS_bind ALL "a ring that finds its interface again; sockets of the resolver and of feeds";

    SYS_bpf SENSOR "verdicts of the prefilter go to the kernel, its counters come back (see BPFS)";

    // Files: lists at a reload; all that the desk keeps.
    SYS_openat BOTH "lists; what the desk keeps";
    SYS_newfstatat BOTH "lists; what the desk keeps";
    SYS_statx ALL "lists; what the desk keeps; how much of a capture file is left";
    SYS_getdents64 BOTH "lists; what the desk keeps";
    #[cfg(target_arch = "x86_64")]
    SYS_readlink BOTH "where a path leads";
    SYS_readlinkat BOTH "where a path leads";
    SYS_getcwd BOTH "where a path leads";
    #[cfg(target_arch = "x86_64")]
    SYS_access DESK "SQLite: is a journal there?";
    SYS_faccessat DESK "SQLite: is a journal there?";
    SYS_faccessat2 DESK "SQLite: is a journal there?";
    SYS_pwrite64 DESK "SQLite, the ledger";
    SYS_pwritev DESK "the ledger";
    SYS_ftruncate DESK "what a crash left is cut back; SQLite";
    SYS_fallocate DESK "SQLite";
    SYS_fsync DESK "the record is on the disk before anybody is told";
    SYS_fdatasync DESK "the same";
    SYS_flock DESK "one process a folder";
    #[cfg(target_arch = "x86_64")]
    SYS_unlink DESK "retention; files that were moved on";
    SYS_unlinkat DESK "retention; files that were moved on";
    #[cfg(target_arch = "x86_64")]
    SYS_rename DESK "a file is swapped whole; the hit log is rotated";
    SYS_renameat DESK "the same";
    SYS_renameat2 DESK "the same";
    #[cfg(target_arch = "x86_64")]
    SYS_mkdir DESK "folders of the ledger, of dead letters";
    SYS_mkdirat DESK "the same";
    #[cfg(target_arch = "x86_64")]
    SYS_rmdir DESK "a folder that is empty";
    #[cfg(target_arch = "x86_64")]
    SYS_chmod DESK "a socket that only some may open";
    SYS_fchmod DESK "files that only we may read";
    SYS_fchmodat DESK "the same";
    SYS_fchown DESK "SQLite: a journal belongs to whom its database belongs";
    SYS_umask DESK "the same";
    SYS_utimensat DESK "SQLite";
    SYS_statfs DESK "how much room is left";
    SYS_fstatfs DESK "how much room is left";

    // The desk among others.
    SYS_socket DESK "sinks, the resolver, feeds (see FAMILIES)";
    SYS_socketpair DESK "signals of tokio";
    SYS_connect DESK "sinks, the resolver";
    SYS_listen DESK "dnstap";
    SYS_accept4 DESK "pages, the control socket, dnstap";
    SYS_getpeername DESK "who visits";
    SYS_sendmmsg DESK "the resolver";
    SYS_recvmmsg DESK "the resolver";
    SYS_epoll_create1 DESK "tokio";
    SYS_epoll_ctl DESK "tokio";
    #[cfg(target_arch = "x86_64")]
    SYS_epoll_wait DESK "tokio";
    SYS_epoll_pwait DESK "tokio";
    SYS_eventfd2 DESK "tokio";
    SYS_pipe2 DESK "signals";
    SYS_dup DESK "a second handle";
    SYS_wait4 DESK "the sensor has ended";
    SYS_waitid DESK "the sensor has ended";
    SYS_kill DESK "a sensor that does not drain is ended";
    SYS_geteuid DESK "SQLite; who we are";
    SYS_getuid DESK "who we are";
    SYS_getegid DESK "who we are";
    SYS_getgid DESK "who we are";
    SYS_uname DESK "the name of the machine";
    SYS_sysinfo DESK "sorting of the C library: how much memory there is";
    SYS_getrusage DESK "metrics of the process";
    SYS_prlimit64 DESK "metrics of the process";
}

/// Of `bpf`: look into a map of our own, put in, take out. No program is loaded any more.
pub(super) const BPFS: &[u64] = &[1, 2, 3];

const fn number(value: libc::c_int) -> u64 {
    value.unsigned_abs() as u64
}

/// Of `prctl`: the name of a thread and of a piece of memory, and the way to further filters; and
/// what is asked to see what is in force.
pub(super) const PRCTLS: &[u64] = &[
    number(libc::PR_SET_NAME),
    number(libc::PR_SET_VMA),
    number(libc::PR_SET_NO_NEW_PRIVS),
    number(libc::PR_GET_NO_NEW_PRIVS),
    number(libc::PR_GET_DUMPABLE),
    number(libc::PR_CAPBSET_READ),
];

/// Of `ioctl`: number and state of an interface, non-blocking and close-on-exec, is it a terminal?
pub(super) const IOCTLS: &[u64] = &[
    libc::SIOCGIFINDEX,
    libc::SIOCGIFFLAGS,
    libc::FIONBIO,
    libc::FIONREAD,
    libc::FIOCLEX,
    libc::TCGETS,
    libc::TIOCGWINSZ,
];

/// Of `socket`: no packet socket, no Bluetooth, none of the rest. Netlink: the resolver asks which
/// families of addresses this machine has.
pub(super) const FAMILIES: &[u64] = &[
    number(libc::AF_UNIX),
    number(libc::AF_INET),
    number(libc::AF_INET6),
    number(libc::AF_NETLINK),
];

//! The kernel, as /proc and /sys tell it.

use std::path::Path;

use crate::doctor::facts::Kernel;

pub(super) fn gather() -> Kernel {
    let (backlog_drops, time_squeezed) = softnet();
    let forwards = ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]
        .iter()
        .any(|key| number(&format!("/proc/sys/net/{key}")).is_some_and(|on| on > 0));
    Kernel {
        release: text("/proc/sys/kernel/osrelease"),
        bpf_jit: number("/proc/sys/net/core/bpf_jit_enable"),
        // This key is there exactly with CONFIG_BPF_SYSCALL.
        bpf: Path::new("/proc/sys/kernel/unprivileged_bpf_disabled").exists(),
        optmem_max: number("/proc/sys/net/core/optmem_max"),
        rmem_max: number("/proc/sys/net/core/rmem_max"),
        forwards,
        backlog_drops,
        time_squeezed,
    }
}

/// One line of a file, without its end; empty when it cannot be read.
pub(super) fn text(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// A file that holds a number.
pub(super) fn number(path: &str) -> Option<u64> {
    text(path).parse().ok()
}

/// Sums over the processors of the second and third column of /proc/net/softnet_stat.
fn softnet() -> (Option<u64>, Option<u64>) {
    let table = text("/proc/net/softnet_stat");
    let column = |nth: usize| {
        table
            .lines()
            .map(|line| {
                let word = line.split_ascii_whitespace().nth(nth)?;
                u64::from_str_radix(word, 16).ok()
            })
            .sum::<Option<u64>>()
            .filter(|_| !table.is_empty())
    };
    (column(1), column(2))
}

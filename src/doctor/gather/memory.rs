//! Memory of the machine and the limits of this process.

use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use super::kernel::number;
use crate::doctor::facts::Memory;

pub(super) fn gather() -> Memory {
    let table = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |key: &str| {
        let line = table.lines().find_map(|line| line.strip_prefix(key))?;
        let kib = line.trim_start_matches(':').trim().strip_suffix("kB")?;
        Some(kib.trim().parse::<u64>().ok()? * 1024)
    };
    Memory {
        total: of("MemTotal"),
        available: of("MemAvailable"),
        group_limit: group_limit(),
        address_space: limit(Resource::RLIMIT_AS),
        locked: limit(Resource::RLIMIT_MEMLOCK),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
    }
}

fn limit(which: Resource) -> Option<u64> {
    let (soft, _) = getrlimit(which).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

/// The smallest limit from the group of this process up to the root, of cgroup v2 or v1.
fn group_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let each = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/');
        match controllers {
            "" => smallest(Path::new("/sys/fs/cgroup"), path, "memory.max"),
            _ if controllers.split(',').any(|it| it == "memory") => smallest(
                Path::new("/sys/fs/cgroup/memory"),
                path,
                "memory.limit_in_bytes",
            ),
            _ => None,
        }
    });
    // cgroup v1 writes "no limit" as a number near the largest one.
    each.filter(|limit| *limit < 1 << 60).min()
}

fn smallest(root: &Path, path: &str, file: &str) -> Option<u64> {
    let mut folder: PathBuf = root.join(path);
    let mut least = None;
    while folder.starts_with(root) {
        let here = folder.join(file);
        let limit = here.to_str().and_then(number);
        least = match (least, limit) {
            (Some(a), Some(b)) => Some(u64::min(a, b)),
            (a, b) => a.or(b),
        };
        if !folder.pop() {
            break;
        }
    }
    least
}

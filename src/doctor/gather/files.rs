//! Files and folders that the daemon reads and writes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, faccessat};

use crate::config::Config;
use crate::doctor::facts::{Files, Written};
use crate::hits::Key;

pub(super) fn gather(config: &Config) -> Files {
    let key = &config.privacy.key_file;
    Files {
        // The key is read to see whether it is sound, and forgotten.
        key: key
            .exists()
            .then(|| Key::load(key).map(drop).map_err(|e| e.to_string())),
        key_place: file(key),
        hits: file(&config.hits.path),
        cases: folder(&config.cases.folder),
        alerts: folder(&config.alerts.folder),
    }
}

/// A file: it is written itself if it is there, and its folder in any case (rotation).
fn file(path: &Path) -> Written {
    let parent = parent(path);
    let exists = path.exists();
    let problem = if path.is_dir() {
        Some("a folder stands there".to_owned())
    } else if parent.is_dir() {
        let of_file = exists.then(|| unwritable(path)).flatten();
        of_file.or_else(|| unwritable(&parent))
    } else {
        Some(format!("there is no folder {}", parent.display()))
    };
    Written {
        path: path.to_owned(),
        exists,
        owner: owner(if exists { path } else { &parent }),
        problem,
        free_bytes: free(&parent),
    }
}

/// A folder, which the daemon makes if need be.
fn folder(path: &Path) -> Written {
    let mut there = path.to_owned();
    while !there.exists() {
        there = parent(&there);
        if there.as_os_str() == "/" || there.as_os_str() == "." {
            break;
        }
    }
    let problem = if there.is_dir() {
        unwritable(&there)
    } else {
        Some(format!("{} is no folder", there.display()))
    };
    Written {
        path: path.to_owned(),
        exists: path.exists(),
        owner: owner(&there),
        problem,
        free_bytes: free(&there),
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|meta| meta.uid())
}

/// Why this user (not the one who started a set-uid program) may not write there.
fn unwritable(path: &Path) -> Option<String> {
    let wanted = if path.is_dir() {
        AccessFlags::W_OK | AccessFlags::X_OK
    } else {
        AccessFlags::W_OK
    };
    faccessat(AT_FDCWD, path, wanted, AtFlags::AT_EACCESS)
        .err()
        .map(|errno| format!("{}: {}", path.display(), errno.desc()))
}

fn free(path: &Path) -> Option<u64> {
    let system = statvfs(path).ok()?;
    Some(
        system
            .blocks_available()
            .saturating_mul(system.fragment_size()),
    )
}

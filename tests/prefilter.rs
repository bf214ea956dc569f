//! The kernel prefilter: the object in the tree is that of its source, and the sensor finds the same
//! with it and without it.
//!
//! Enters: the source, the captures of the tree, root. Leaves: one failure that lists every
//! difference. Without root what needs the kernel prints `skipped:` with the reason.

#[path = "prefilter/bulk.rs"]
mod bulk;
#[path = "prefilter/equal.rs"]
mod equal;
#[path = "prefilter/fallback.rs"]
mod fallback;
#[allow(dead_code, reason = "the capture's own tests use the rest of it")]
#[path = "live_capture/lab.rs"]
mod lab;
#[path = "prefilter/listen.rs"]
mod listen;
#[path = "prefilter/wire.rs"]
mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The instructions of an object, and what they are told at load.
fn sections(object: &Path, scratch: &Path) -> Vec<Vec<u8>> {
    let section = |name: &str| {
        let out: PathBuf = scratch.join("section");
        let dump = format!("{name}={}", out.display());
        let objcopy = Command::new("llvm-objcopy")
            .args(["--dump-section", &dump])
            .arg(object)
            .arg(scratch.join("copy"))
            .status();
        assert!(
            objcopy.is_ok_and(|status| status.success()),
            "llvm-objcopy does not run: install the Debian packages clang and llvm (tests/setup test)"
        );
        std::fs::read(out).unwrap()
    };
    [".relsocket", "socket", "maps", ".rodata", "license"]
        .map(section)
        .into()
}

#[test]
fn the_object_in_the_tree_is_built_from_its_source() {
    let scratch = tempfile::tempdir().unwrap();
    let built = scratch.path().join("prefilter.bpf.o");
    let folder = tree().join("src/capture/prefilter");
    let flags = "-O2 -target bpf -mcpu=v2 -Wall -Wextra -Werror -c";
    let clang = Command::new("clang")
        .args(flags.split(' '))
        .arg(folder.join("prefilter.bpf.c"))
        .arg("-o")
        .arg(&built)
        .output();
    let clang = clang.unwrap_or_else(|why| {
        panic!("clang does not run ({why}): install the Debian package clang (tests/setup test)")
    });
    assert!(
        clang.status.success(),
        "{}",
        String::from_utf8_lossy(&clang.stderr)
    );
    let names = [
        "relocations",
        "instructions",
        "maps",
        "constants",
        "license",
    ];
    let kept = sections(&folder.join("prefilter.bpf.o"), scratch.path());
    let fresh = sections(&built, scratch.path());
    for (name, (kept, fresh)) in names.iter().zip(kept.iter().zip(&fresh)) {
        // Relocations name symbols by their place in a table that is shortened in the tree.
        let same = if *name == "relocations" {
            kept.len() == fresh.len()
        } else {
            kept == fresh
        };
        assert!(
            same,
            "the {name} of src/capture/prefilter/prefilter.bpf.o are not those of its source: run \
             `make prefilter` (with the clang of Debian 12)"
        );
    }
}

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
#[path = "prefilter/rules.rs"]
mod rules;
#[path = "prefilter/wire.rs"]
mod wire;
#[path = "prefilter/xdp.rs"]
mod xdp;

use std::path::{Path, PathBuf};
use std::process::Command;

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sections of an object that make the program what it is, by name.
fn sections(object: &Path, scratch: &Path, names: &[&str]) -> Vec<Vec<u8>> {
    let section = |name: &&str| {
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
    names.iter().map(section).collect()
}

#[test]
fn the_objects_in_the_tree_are_built_from_their_sources() {
    let own = [
        (
            "capture/prefilter/prefilter.bpf",
            &["socket", ".relsocket", "maps", ".rodata", "license"][..],
        ),
        (
            "capture/live/xdp/redirect.bpf",
            &["xdp", ".relxdp", "maps", "license"],
        ),
    ];
    for (name, names) in own {
        let scratch = tempfile::tempdir().unwrap();
        let built = scratch.path().join("built.o");
        let source = tree().join("src").join(format!("{name}.c"));
        let flags = "-O2 -target bpf -mcpu=v2 -Wall -Wextra -Werror -c";
        let clang = Command::new("clang")
            .args(flags.split(' '))
            .arg(&source)
            .arg("-o")
            .arg(&built)
            .output();
        let clang = clang.unwrap_or_else(|why| {
            panic!(
                "clang does not run ({why}): install the Debian package clang (tests/setup test)"
            )
        });
        let said = String::from_utf8_lossy(&clang.stderr);
        assert!(clang.status.success(), "{said}");
        let kept = sections(&source.with_extension("o"), scratch.path(), names);
        let fresh = sections(&built, scratch.path(), names);
        for (part, (kept, fresh)) in names.iter().zip(kept.iter().zip(&fresh)) {
            // Relocations name symbols by their place in a table that is shorter in the tree.
            let same = if part.starts_with(".rel") {
                kept.len() == fresh.len()
            } else {
                kept == fresh
            };
            assert!(
                same,
                "{part} of src/{name}.o is not that of its source: run `make prefilter` (with the \
                 clang of Debian 12)"
            );
        }
    }
}

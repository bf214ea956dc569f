//! Writes the list of files in `blocklists/` so that the catalogue can be built into the program.
//!
//! Enters: the folder. Leaves: `builtin.rs` in `OUT_DIR`, one `(name, text)` pair per vendor file,
//! ordered by name. Never: looks into a file; what is in them is checked when they are read.

use std::error::Error;
use std::fmt::Write;
use std::{env, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("blocklists");
    println!("cargo:rerun-if-changed={}", dir.display());
    println!("cargo:rerun-if-changed=build.rs");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let name = entry?
            .file_name()
            .into_string()
            .map_err(|_| "a list with no UTF-8 name")?;
        if name.ends_with(".toml") {
            names.push(name);
        }
    }
    names.sort();
    let mut code =
        String::from("/// Vendor files of the built-in catalogue: file name and text.\n");
    code.push_str("pub(super) const FILES: &[(&str, &str)] = &[\n");
    for name in names {
        writeln!(code, "    ({name:?}, include_str!({:?})),", dir.join(&name))?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("builtin.rs"), code)?;
    Ok(())
}

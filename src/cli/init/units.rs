//! The units of systemd, where no package brought them.
//!
//! Enters: the configuration's path, this program's. Leaves: files below /etc. Never: writes over
//! one, starts or enables anything.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::daemon::{Exit, Fault};

/// Where units are looked for.
const FOLDERS: &[&str] = &[
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// What is written, and where.
const FILES: &[(&str, &str)] = &[
    (
        "/etc/systemd/system/poortwacht.service",
        include_str!("../../../deploy/systemd/poortwacht.service"),
    ),
    (
        "/etc/systemd/system/poortwacht-sensor.service",
        include_str!("../../../deploy/systemd/poortwacht-sensor.service"),
    ),
    (
        "/etc/systemd/system/poortwacht-sensor.socket",
        include_str!("../../../deploy/systemd/poortwacht-sensor.socket"),
    ),
    (
        "/etc/sysusers.d/poortwacht.conf",
        include_str!("../../../deploy/systemd/sysusers.conf"),
    ),
    (
        "/etc/tmpfiles.d/poortwacht.conf",
        include_str!("../../../deploy/systemd/tmpfiles.conf"),
    ),
];

/// Is there a unit already?
pub(super) fn are_there() -> bool {
    let mut folders = FOLDERS.iter();
    folders.any(|folder| Path::new(folder).join("poortwacht.service").exists())
}

/// Writes them, with the paths of this program and of `config`.
///
/// # Errors
/// When one is there, or cannot be written.
pub(super) fn install(config: &Path) -> Result<Vec<PathBuf>, Fault> {
    let program = std::env::current_exe()
        .map_err(|e| Fault::new(Exit::Internal, format!("where is this program? {e}")))?;
    let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    let mut written = Vec::new();
    for (place, text) in FILES {
        let text = for_paths(text, &program, &config);
        let path = PathBuf::from(place);
        write(&path, &text).map_err(|e| {
            let done = "what was written before stays; write the rest by hand from deploy/systemd";
            Fault::new(Exit::Output, format!("cannot write {place}: {e}; {done}"))
        })?;
        written.push(path);
    }
    Ok(written)
}

fn for_paths(text: &str, program: &Path, config: &Path) -> String {
    text.replace("/usr/bin/poortwacht", &program.display().to_string())
        .replace(
            "/etc/poortwacht/poortwacht.toml",
            &config.display().to_string(),
        )
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_name_this_program_and_this_configuration() {
        for (place, text) in FILES {
            let (program, config) = (Path::new("/opt/p/poortwacht"), Path::new("/srv/p.toml"));
            let text = for_paths(text, program, config);
            assert!(!text.contains("/usr/bin/poortwacht"), "{place}");
            if place.ends_with("poortwacht.service") {
                assert!(text.contains("ExecStart=/opt/p/poortwacht run --config /srv/p.toml"));
            }
        }
    }
}

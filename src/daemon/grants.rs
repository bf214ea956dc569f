//! Where each process may go once its work is set up.
//!
//! Enters: the configuration. Leaves: [`Grants`]. Never: grants the sensor anything that the lists
//! do not need.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::alerts::sinks::SinkSettings;
use crate::config::{Config, Lists};
use crate::confine::Grants;

/// What the C library and the runtime read at the desk: resolver, users, authorities, time zones,
/// libraries of the resolver, our own counters.
const SYSTEM: &[&str] = &[
    "/etc",
    "/usr/lib",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/proc/self",
    "/proc/stat",
    "/proc/meminfo",
    "/proc/sys/kernel/osrelease",
];
/// How many counters the prefilter's maps have of each kind.
const PROCESSORS: &str = "/sys/devices/system/cpu/possible";
/// What libpcap asks when an expression names a port or a protocol.
const NAMES: &[&str] = &["/etc/services", "/etc/protocols", "/etc/nsswitch.conf"];

/// The sensor reads its lists again when it is told to; everything else it holds open.
pub fn sensor(lists: &Lists, replays: bool) -> Grants {
    let mut read = folders(listed(lists));
    if replays {
        read.extend(NAMES.iter().map(PathBuf::from));
    } else {
        read.push(PROCESSORS.into());
    }
    Grants {
        read,
        ..Grants::default()
    }
}

fn listed(lists: &Lists) -> impl Iterator<Item = PathBuf> {
    let named = lists.user.iter().chain([&lists.dir, &lists.allow]);
    named.cloned()
}

/// The desk reads what the configuration names, and keeps its own folders.
pub fn desk(config: &Config) -> Grants {
    let mut named = Vec::new();
    config
        .clone()
        .each_path(&mut |path| named.push(path.clone()));
    let mut read = folders(named);
    read.extend(SYSTEM.iter().map(PathBuf::from));
    let cases = [
        &config.cases.folder,
        &config.alerts.folder,
        &config.ledger.folder,
    ];
    let mut write: Vec<PathBuf> = cases.map(|folder| folder.clone()).into();
    if config.console.is_on() {
        write.push(config.console.folder.clone());
    }
    let files = [
        &config.hits.path,
        &config.ledger.store,
        &config.control.socket,
        &config.console.proxy.socket,
    ];
    let sockets = config.feeds.iter().filter_map(|feed| feed.socket());
    let logs: Vec<PathBuf> = config.sinks.iter().filter_map(SinkSettings::file).collect();
    write.extend(
        files
            .into_iter()
            .map(PathBuf::as_path)
            .chain(sockets)
            .chain(logs.iter().map(PathBuf::as_path))
            .filter_map(above),
    );
    write.retain(|path| !path.as_os_str().is_empty());
    Grants {
        read,
        write,
        connects: true,
        signals: true,
    }
}

/// Makes what is not there yet: a folder that is missing cannot be granted.
///
/// # Errors
/// When a folder cannot be made.
pub fn prepare(config: &Config) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&config.alerts.folder)
}

/// Could the sensor read the key, by the folders it is granted?
pub fn key_beside_lists(config: &Config) -> Option<String> {
    let key = std::fs::canonicalize(&config.privacy.key_file).ok()?;
    let granted = folders(listed(&config.lists));
    let holds =
        |path: &&PathBuf| std::fs::canonicalize(path).is_ok_and(|folder| key.starts_with(folder));
    granted.iter().find(holds).map(|folder| {
        format!(
            "the key of the pseudonyms lies in {}, where the sensor reads its lists: keep them in \
             folders of their own",
            folder.display()
        )
    })
}

/// Folders as they are; of a file its folder, because a file is swapped by a rename.
fn folders(named: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = named
        .into_iter()
        .filter(|path| !path.as_os_str().is_empty() && path.as_os_str() != "-")
        .filter_map(|path| {
            if path.is_dir() {
                Some(path)
            } else {
                above(&path)
            }
        })
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// The folder of a file. A file in the root folder stands for itself.
fn above(file: &Path) -> Option<PathBuf> {
    if file.as_os_str().is_empty() {
        return None;
    }
    Some(match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) if folder == Path::new("/") => file.to_owned(),
        Some(folder) => folder.to_owned(),
        None => file.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sensor_reads_its_lists_and_nothing_else() {
        let lists = Lists {
            user: vec!["/srv/lists/own.txt".into(), "near.txt".into()],
            ..Lists::default()
        };
        let granted = sensor(&lists, true);
        let expected: Vec<PathBuf> = vec![".".into(), "/srv/lists".into()];
        assert_eq!(granted.read[..2], expected);
        let rest = granted.read[2..].iter();
        assert!(rest.eq(NAMES.iter().map(Path::new)));
        assert!(granted.write.is_empty() && !granted.connects && !granted.signals);
        let live = sensor(&Lists::default(), false);
        assert_eq!(live.read, [PathBuf::from(PROCESSORS)]);
    }

    #[test]
    fn the_desk_keeps_its_folders_and_reads_whatever_the_configuration_names() {
        let mut config = Config::default();
        config.organisation.map = "/srv/map/organisation.toml".into();
        config.hits.path = "/srv/log/hits.jsonl".into();
        let granted = desk(&config);
        assert!(granted.read.contains(&"/srv/map".into()));
        assert!(granted.write.contains(&"/srv/log".into()));
        assert!(granted.write.contains(&"cases".into()));
        assert!(!granted.write.contains(&"/srv/map".into()));
        // Root is never granted.
        config.hits.path = "/hits.jsonl".into();
        assert!(!desk(&config).write.contains(&"/".into()));
    }

    #[test]
    fn a_key_beside_the_lists_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::default();
        config.privacy.key_file = folder.path().join("key");
        std::fs::write(&config.privacy.key_file, "x").expect("written");
        config.lists.user = vec![folder.path().join("lists/own.txt")];
        assert!(key_beside_lists(&config).is_none());
        config.lists.user = vec![folder.path().join("own.txt")];
        assert!(key_beside_lists(&config).is_some());
    }
}

//! Where lists come from: a folder, a bundle, files, or the program itself.
//!
//! Enters: paths. Leaves: a compiled catalogue. Never: follows a sub-folder; keeps the texts.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Catalogue;
use super::bundle::Bundle;
use super::compile::SourceText;
use super::packed::unpack;
use super::problem::ListProblem;
use crate::base::Timestamp;

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// Longest list file, in bytes: 16 million names of 30 bytes.
const FILE_LEN_MAX: u64 = 512 << 20;

/// Vendor files of the catalogue that is built in: name and text.
pub fn builtin_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}

enum Kind {
    Vendor,
    UserList,
    Allow,
}

/// A file that was read.
struct ReadFile {
    kind: Kind,
    path: String,
    text: String,
}

/// See [`Catalogue::load`].
pub(super) fn load(
    dir: Option<&Path>,
    user_lists: &[PathBuf],
    allow: Option<&Path>,
) -> Result<Catalogue, Vec<ListProblem>> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    let mut modified = 0;
    let mut wanted: Vec<(Kind, PathBuf)> = Vec::new();
    let mut bundle = None;
    if let Some(file) = dir.filter(|dir| dir.is_file()) {
        let name = file.display().to_string();
        let read = read(file).and_then(|(text, _)| Bundle::parse(&name, &text));
        match read {
            Ok(read) => {
                // The file's own time is when it was put there.
                modified = read.created.unix_timestamp();
                bundle = Some(read);
            }
            Err(problem) => problems.push(problem),
        }
    } else if let Some(dir) = dir {
        match vendor_paths(dir) {
            Ok(paths) => wanted.extend(paths.into_iter().map(|path| (Kind::Vendor, path))),
            Err(problem) => problems.push(problem),
        }
    }
    wanted.extend(user_lists.iter().map(|path| (Kind::UserList, path.clone())));
    wanted.extend(allow.map(|path| (Kind::Allow, path.to_path_buf())));
    for (kind, path) in wanted {
        match read(&path) {
            Ok((text, changed)) => {
                modified = modified.max(changed);
                files.push(ReadFile {
                    kind,
                    path: path.display().to_string(),
                    text,
                });
            }
            Err(problem) => problems.push(problem),
        }
    }
    let builtin = if dir.is_none() { FILES } else { &[] };
    let mut sources: Vec<SourceText<'_>> = builtin
        .iter()
        .map(|(name, text)| SourceText::Vendor(name, text))
        .collect();
    let bundled = bundle.iter().flat_map(|bundle| &bundle.files);
    sources.extend(bundled.map(|file| SourceText::Vendor(&file.name, &file.text)));
    sources.extend(files.iter().map(|file| match file.kind {
        Kind::Vendor => SourceText::Vendor(&file.path, &file.text),
        Kind::UserList => SourceText::UserList(&file.path, &file.text),
        Kind::Allow => SourceText::Allow(&file.path, &file.text),
    }));
    match Catalogue::compile(&sources, now()) {
        Ok(mut catalogue) if problems.is_empty() => {
            if dir.is_some() {
                catalogue.modified = modified;
            } else {
                catalogue.modified = catalogue.modified.max(modified);
            }
            Ok(catalogue)
        }
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn vendor_paths(dir: &Path) -> Result<Vec<PathBuf>, ListProblem> {
    let name = dir.display().to_string();
    let unreadable = |error: std::io::Error| {
        ListProblem::of_file(
            &name,
            format!("cannot be read: {error}"),
            "check path and permission",
        )
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        let next = "name the folder that holds one TOML file per vendor";
        return Err(ListProblem::of_file(
            &name,
            "the folder holds no vendor file",
            next,
        ));
    }
    paths.sort();
    Ok(paths)
}

/// The text of a list file, unpacked, and when it was last changed, in seconds since the epoch.
///
/// # Errors
/// It cannot be read or unpacked, is no UTF-8, or is longer than 512 MiB.
pub fn read(path: &Path) -> Result<(String, i64), ListProblem> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        ListProblem::of_file(
            &name,
            format!("cannot be read: {error}"),
            "check path and permission",
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    let changed = file
        .metadata()
        .and_then(|meta| meta.modified())
        .map_err(unreadable)?;
    let mut bytes = Vec::new();
    let _ = file
        .take(FILE_LEN_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LEN_MAX {
        let what = format!("is longer than {} MiB", FILE_LEN_MAX >> 20);
        return Err(ListProblem::of_file(
            &name,
            what,
            "split it or check what it is",
        ));
    }
    let text = unpack(&name, bytes)?;
    let changed = changed
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    Ok((text, i64::try_from(changed).unwrap_or(i64::MAX)))
}

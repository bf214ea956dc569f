//! A release in the hands of its officers: one opens their share, another opens all.
//!
//! Enters: a release, shares, keys. Leaves: shares; who the subject is; frames as pcapng. Never:
//! writes over a file; keeps silent about a part that did not open.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::base::Timestamp;
use crate::daemon::{Exit, Fault};
use crate::hits::frame::{Head, Origin, pcapng};
use crate::identity::Clear;
use crate::sealing::{Opened, Release, Share};

/// What an officer wants of a release.
pub(super) struct Wanted<'a> {
    pub shares: &'a [PathBuf],
    pub key: Option<&'a Path>,
    pub frames: Option<&'a Path>,
    pub json: bool,
}

fn parse(path: &Path, text: &str) -> Result<Release, Fault> {
    Release::read(text).map_err(|why| Fault::new(Exit::Input, format!("{}: {why}", path.display())))
}

/// An officer's shares, a line each.
pub(super) fn share(
    (path, text): (&Path, &str),
    name: Option<&str>,
    identity: &Path,
) -> Result<(), Fault> {
    let release = parse(path, text)?;
    let mut lines = Zeroizing::new(String::new());
    for share in own(&release, name, identity)? {
        lines.push_str(&serde_json::to_string(&share).unwrap_or_default());
        lines.push('\n');
    }
    super::super::print(&lines)
}

fn own(release: &Release, name: Option<&str>, identity: &Path) -> Result<Vec<Share>, Fault> {
    let identity = Zeroizing::new(super::read(identity, super::FILE_LEN_MAX)?);
    let shares = release.shares(name, &identity);
    shares.map_err(|why| {
        let officers = release.keys.iter().flat_map(|key| &key.shares);
        let mut names: Vec<&str> = officers.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let names = names.join(", ");
        let what = format!("{why}; the release is for: {}", names.escape_debug());
        Fault::new(Exit::No, what)
    })
}

/// The shares given and, with a key, the officer's own.
pub(in crate::cli) fn shares(
    release: &Release,
    files: &[PathBuf],
    key: Option<&Path>,
) -> Result<Vec<Share>, Fault> {
    let mut shares = match key {
        Some(key) => own(release, None, key)?,
        None => Vec::new(),
    };
    for (path, text) in files.iter().zip(super::texts(files)?) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let refuse =
                |why: String| Fault::new(Exit::Input, format!("{}: {why}", path.display()));
            shares.push(Share::parse(line).map_err(refuse)?);
        }
    }
    Ok(shares)
}

/// Opens it with the shares given and, with a key, the officer's own.
pub(super) fn open((path, text): (&Path, &str), wanted: &Wanted<'_>) -> Result<(), Fault> {
    let release = parse(path, text)?;
    let shares = shares(&release, wanted.shares, wanted.key)?;
    let opened = release
        .open(&shares)
        .map_err(|why| Fault::new(Exit::No, why))?;
    if let Some(path) = wanted.frames {
        write_frames(path, &opened)?;
    }
    let text = if wanted.json {
        as_json(&release, &opened)?
    } else {
        as_text(&release, &opened)
    };
    super::super::print(&text)?;
    match opened.closed.is_empty() {
        true => Ok(()),
        false => {
            let what = format!(
                "a part of {} did not open: {}",
                path.display(),
                opened.closed.join("; ")
            );
            Err(Fault::new(Exit::Input, what))
        }
    }
}

/// To a new file that nobody else can read: it holds addresses.
fn write_frames(path: &Path, opened: &Opened) -> Result<(), Fault> {
    let refuse = |error: io::Error| {
        let next = match error.kind() {
            io::ErrorKind::AlreadyExists => "name a new file",
            _ => "does its folder exist, and is there room?",
        };
        let what = format!("cannot write {}: {error}; {next}", path.display());
        Fault::new(Exit::Output, what)
    };
    let frames = opened
        .frames
        .iter()
        .map(|(hit, frame)| (hit.as_str(), frame));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(refuse)?;
    file.write_all(&pcapng::file(frames)).map_err(refuse)
}

fn as_text(release: &Release, opened: &Opened) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for clear in &opened.identities {
        text.push_str(&serde_json::to_string_pretty(clear).unwrap_or_default());
        text.push('\n');
    }
    let count = |origin: Origin| {
        let of = |(_, frame): &&(String, crate::hits::Frame)| frame.head.origin == origin;
        opened.frames.iter().filter(of).count()
    };
    let counts = Origin::ALL.iter().map(|it| format!("{} {it}", count(*it)));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let told = |text: &str| text.escape_debug().to_string();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "case {}, subject {}, released {}: {}\nframes: {counts}",
        told(&release.case),
        told(release.subject.as_str()),
        told(&release.released),
        told(&release.reason),
    );
    text
}

/// What is shown of a frame.
#[derive(Serialize)]
struct Shown<'o> {
    hit: &'o str,
    time: String,
    #[serde(flatten)]
    head: &'o Head,
}

#[derive(Serialize)]
struct Whole<'o> {
    case: &'o str,
    subject: &'o str,
    reason: &'o str,
    released: &'o str,
    identities: &'o [Clear],
    frames: Vec<Shown<'o>>,
    not_opened: &'o [String],
}

fn as_json(release: &Release, opened: &Opened) -> Result<Zeroizing<String>, Fault> {
    let frames = opened.frames.iter().map(|(hit, frame)| Shown {
        hit,
        time: Timestamp(frame.head.time_ns).to_string(),
        head: &frame.head,
    });
    let whole = Whole {
        case: &release.case,
        subject: release.subject.as_str(),
        reason: &release.reason,
        released: &release.released,
        identities: &opened.identities,
        frames: frames.collect(),
        not_opened: &opened.closed,
    };
    let text = serde_json::to_string(&whole).map_err(|e| Fault::new(Exit::Internal, e))?;
    Ok(Zeroizing::new(text + "\n"))
}

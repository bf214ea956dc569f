//! How a ledger is opened: its key, its last checkpoint, and what stands behind that.
//!
//! Enters: a folder. Leaves: a [`Ledger`] that goes on where the last run ended. Never: reads more
//! than the edge of the tree and the last payload files; opens a ledger that its own checkpoint
//! contradicts.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::checkpoint::{Checkpoint, Signed};
use super::disk::Disk;
use super::history::History;
use super::layout::{self, BUNDLE_WIDTH};
use super::note::{Kind, Note, SignerKey};
use super::payloads::Payloads;
use super::reader::{How, Lines};
use super::tiles::{self, Tiles};
use super::tree::{self, Edge};
use super::{Ledger, Recovery, Settings};
use crate::base::Timestamp;
use crate::folder;

/// What a crash left is kept so long.
const TORN_AGE: Duration = Duration::from_secs(7 * 86_400);
/// Ending of a file that is being written, as [`folder`] has it.
const UNFINISHED: &str = ".unfinished";

pub(super) fn open(
    settings: &Settings,
    mut disk: Disk,
    now: Timestamp,
) -> Result<(Ledger, Recovery), String> {
    settings.check()?;
    let path = settings.folder.as_path();
    let lock = folder::claim(path, "ledger")?;
    let (notes, newest) = newest_checkpoint(path)?;
    let (key, fresh) = match &newest {
        None if ![layout::PAYLOAD, layout::TILE]
            .iter()
            .any(|name| path.join(name).exists()) =>
        {
            (make(settings, &mut disk)?, true)
        }
        _ => (existing_key(path)?, false),
    };
    let newest = match newest {
        Some(newest) => newest,
        None if fresh => first_checkpoint(path, &key, &mut disk)?,
        None => return Err(contradicted(path, "its checkpoint is gone")),
    };
    believe(path, &newest, &key)?;
    let (edge, bundle) = edge(path, &newest.checkpoint)?;
    let mut ledger = Ledger {
        settings: settings.clone(),
        disk,
        key,
        payloads: Payloads::new(path),
        history: History::new(path, &notes),
        signed: edge.size(),
        edge,
        bundle,
        waiting: std::collections::VecDeque::new(),
        filled: Vec::new(),
        signed_at: None,
        looked: now,
        bytes: sweep(path),
        deleted: 0,
        failures: 0,
        failing: Vec::new(),
        _lock: lock,
    };
    delete_torn(path, now);
    let mut recovery = Recovery {
        fresh,
        ..Recovery::default()
    };
    resume(&mut ledger, &mut recovery, now)?;
    Ok((ledger, recovery))
}

/// The ledger and its checkpoint do not go together.
fn contradicted(folder: &Path, what: &str) -> String {
    let folder = folder.display();
    format!(
        "the ledger in {folder} is not what its checkpoint promises: {what}. Files were lost, \
         changed, or put back from an older copy; nothing was changed now. Put the newest copy of \
         the folder in its place. If there is none, move the folder away and keep it (`poortwacht \
         verify DIR` tells what of it stands); the next start then makes a new ledger with a new key"
    )
}

/// The notes of the history, and the checkpoint that promises most.
fn newest_checkpoint(folder: &Path) -> Result<(Vec<String>, Option<Signed>), String> {
    let current = tiles::read_checkpoint(&folder.join(layout::CHECKPOINT))?;
    let mut notes = tiles::read_notes(&folder.join(layout::CHECKPOINTS))?;
    // A crash may have ended in the middle of the last one.
    let last = notes.last().map(|note| Signed::parse(note));
    if last.as_ref().is_some_and(Result::is_err) {
        notes.pop();
    }
    let last = last.and_then(Result::ok);
    let size = |signed: &Signed| signed.checkpoint.size;
    Ok((notes, last.into_iter().chain(current).max_by_key(size)))
}

fn existing_key(folder: &Path) -> Result<SignerKey, String> {
    let path = folder.join(layout::KEY);
    let text = fs::read_to_string(&path).map(Zeroizing::new).map_err(|e| {
        format!(
            "cannot read the key of the ledger, {}: {e}; put it back from a copy. Without it this \
             ledger cannot go on: move its folder away and keep it, the next start makes a new one",
            path.display()
        )
    })?;
    SignerKey::parse(&text).map_err(|why| {
        format!(
            "{} is no key of a ledger: {why}; put it back from a copy",
            path.display()
        )
    })
}

/// Makes the key of a new ledger, or takes the one that an unfinished start left.
fn make(settings: &Settings, disk: &mut Disk) -> Result<SignerKey, String> {
    let path = settings.folder.join(layout::KEY);
    let failed = |e: io::Error| {
        format!(
            "cannot write the key of the ledger, {}: {e}; may this user write there?",
            path.display()
        )
    };
    let key = if path.exists() {
        existing_key(&settings.folder)?
    } else {
        let (key, text) = SignerKey::generate(&settings.origin, Kind::Log)?;
        disk.replace(&path, text.as_bytes()).map_err(failed)?;
        key
    };
    let public = format!("{}\n", key.public());
    let to = settings.folder.join(layout::PUBLIC_KEY);
    disk.replace(&to, public.as_bytes()).map_err(failed)?;
    Ok(key)
}

/// From its first moment on a ledger has a checkpoint, so one without was robbed of it.
fn first_checkpoint(folder: &Path, key: &SignerKey, disk: &mut Disk) -> Result<Signed, String> {
    let checkpoint = Checkpoint {
        origin: key.public().name.clone(),
        size: 0,
        root: tree::empty_root(),
    };
    let text = checkpoint.to_string();
    let signatures = vec![key.sign(&text, 0)];
    let note = Note { text, signatures };
    let path = folder.join(layout::CHECKPOINT);
    let written = disk.replace(&path, note.to_string().as_bytes());
    written.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    Ok(Signed { note, checkpoint })
}

/// Was it signed by this ledger's key, and is it of this ledger?
fn believe(folder: &Path, newest: &Signed, key: &SignerKey) -> Result<(), String> {
    let public = key.public();
    let what = match newest.note.signed_by(public) {
        Ok(Some(_)) if newest.checkpoint.origin == public.name => return Ok(()),
        Ok(Some(_)) => format!("it is of the log {}", newest.checkpoint.origin),
        Ok(None) => format!("it is not signed by {public}, the key beside it"),
        Err(why) => why,
    };
    Err(contradicted(folder, &what))
}

/// The edge of the tree under a checkpoint, and the leaves of its last bundle.
fn edge(folder: &Path, checkpoint: &Checkpoint) -> Result<(Edge, Vec<u8>), String> {
    let size = checkpoint.size;
    let files = Tiles::new(folder);
    let load = || {
        let (mut rows, mut bundle) = (Vec::new(), Vec::new());
        for (level, width) in (0u8..).zip(tree::widths(size)) {
            let width = width as u64;
            if width == 0 {
                rows.push(Vec::new());
            } else {
                rows.push(files.tile(level, tree::tiles_full(size, level), width)?);
            }
        }
        if !size.is_multiple_of(BUNDLE_WIDTH) {
            let leaves = files.bundle(size / BUNDLE_WIDTH, size % BUNDLE_WIDTH)?;
            let hashes = leaves.iter().map(|leaf| tree::leaf_hash(leaf));
            if !rows
                .first()
                .is_some_and(|row| hashes.eq(row.iter().copied()))
            {
                return Err("its last bundle of leaves does not fit its tile".to_owned());
            }
            leaves
                .iter()
                .for_each(|leaf| tiles::bundle_up(&mut bundle, leaf));
        }
        let edge = Edge::new(size, rows)?;
        if edge.root() == checkpoint.root {
            Ok((edge, bundle))
        } else {
            Err(format!(
                "its tiles are not those of the {size} entries that were signed"
            ))
        }
    };
    load().map_err(|why| contradicted(folder, &why))
}

/// Takes up what stands behind the checkpoint, up to the last whole entry.
fn resume(ledger: &mut Ledger, recovery: &mut Recovery, now: Timestamp) -> Result<(), String> {
    let folder = ledger.settings.folder.clone();
    let signed = ledger.signed;
    let mut index = signed.saturating_sub(1) / BUNDLE_WIDTH;
    let mut torn = None;
    let mut buffer = Vec::new();
    let mut next = index * BUNDLE_WIDTH;
    while let Some(mut lines) = Lines::open(&folder, index)? {
        while let Some(line) = lines.next(&mut buffer) {
            match line {
                Ok(line) if line.number < signed => {}
                Ok(line) => match line.leaf() {
                    Some(leaf) => ledger.grow(&leaf.to_bytes()),
                    None => return Err(contradicted(&folder, "an entry behind it is deleted")),
                },
                Err(bad) if bad.how == How::Unreadable => return Err(bad.why),
                Err(bad) if bad.number < signed => return Err(contradicted(&folder, &bad.why)),
                Err(_) => {
                    torn = Some((index, lines.len));
                    break;
                }
            }
            next += 1;
        }
        index += 1;
        if torn.is_some() || next != index * BUNDLE_WIDTH {
            break;
        }
    }
    if next < signed {
        let what = format!("of {signed} entries, those from {next} on have no payload file");
        return Err(contradicted(&folder, &what));
    }
    recovery.resumed = ledger.size() - signed;
    cut(ledger, recovery, torn, next, now)
}

/// Sets aside what stands behind the last whole entry, then cuts it off.
fn cut(
    ledger: &mut Ledger,
    recovery: &mut Recovery,
    torn: Option<(u64, u64)>,
    next: u64,
    now: Timestamp,
) -> Result<(), String> {
    let folder = ledger.settings.folder.clone();
    // A group can span two files: behind a torn one, or one that ends early, another may stand.
    let behind = next
        .div_ceil(BUNDLE_WIDTH)
        .max(torn.map_or(0, |(index, _)| index + 1));
    let there = |index| folder.join(layout::payload(index)).exists();
    let behind = (behind..).take_while(|index| there(*index) || there(index + 1));
    let behind = behind.map(|index| (index, 0));
    let ends: Vec<(u64, u64)> = torn.into_iter().chain(behind).collect();
    // The last first: a crash here must not leave a gap before one that is still there.
    for (index, len) in ends.into_iter().rev() {
        let path = folder.join(layout::payload(index));
        if !path.exists() {
            continue;
        }
        let failed = |e: io::Error| {
            let path = path.display();
            format!(
                "cannot cut {path} back to its last whole entry: {e}; may this user write there?"
            )
        };
        let bytes = tail(&path, len).map_err(failed)?;
        let aside = folder.join(layout::torn(now.nanos() / 1_000_000_000, index));
        if !bytes.is_empty() {
            ledger.disk.replace(&aside, &bytes).map_err(failed)?;
            recovery.aside.push(aside);
        }
        if len == 0 {
            ledger.disk.remove(&path).map_err(failed)?;
        } else {
            let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
            ledger.disk.cut(&file, &path, len).map_err(failed)?;
        }
        let lines = bytes.split_inclusive(|b| *b == b'\n').count();
        recovery.cut_lines += lines as u64;
        recovery.cut_bytes += bytes.len() as u64;
    }
    if recovery.cut_bytes > 0 {
        tracing::warn!(
            "the ledger in {} ended in {} bytes behind its last whole entry (a crash?); they were \
             cut off and set aside in {}",
            folder.display(),
            recovery.cut_bytes,
            folder.join(layout::TORN).display()
        );
    }
    Ok(())
}

fn tail(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes what a crash left unfinished in the folders of the ledger; gives the bytes of the rest.
fn sweep(folder: &Path) -> u64 {
    let (mut bytes, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                let _ = fs::remove_file(entry.path());
            } else {
                bytes += meta.len();
            }
        }
    }
    bytes
}

/// Deletes what crashes left a week ago: it may hold payloads.
pub(super) fn delete_torn(folder: &Path, now: Timestamp) {
    let now = u64::try_from(now.nanos()).map_or(SystemTime::UNIX_EPOCH, |nanos| {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
    });
    for entry in fs::read_dir(folder.join(layout::TORN))
        .into_iter()
        .flatten()
        .flatten()
    {
        let written = entry.metadata().and_then(|meta| meta.modified());
        let is_old = |at| now.duration_since(at).is_ok_and(|age| age > TORN_AGE);
        let path: PathBuf = entry.path();
        if written.is_ok_and(is_old)
            && let Err(e) = fs::remove_file(&path)
        {
            tracing::error!("cannot delete {}: {e}", path.display());
        }
    }
}

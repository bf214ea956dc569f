//! The ledger: everything worth keeping, in an order and a form that cannot be bent in silence.
//!
//! Enters: entries (a kind, a time, a payload). Leaves: payload files, a Merkle tree over them,
//! signed checkpoints; proofs and their verification. Never: looks into a payload; counts an entry
//! as written before it is forced to the disk; signs a tree that does not grow out of the last one.
//!
//! An entry goes to its payload file first, and counts from there. Its leaf (kind, hour, salted
//! commitment) goes into tiles and bundles, which are forced to the disk as they become full and
//! before each checkpoint. A payload can be deleted; its leaf stays, so the tree still verifies.
//! docs/ledger.md has the format in full.
//!
//! RFC 6962 section 2.1; C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature,
//! tlog-proof.

pub mod checkpoint;
mod deleting;
mod disk;
mod history;
mod layout;
pub mod leaf;
pub mod line;
pub mod note;
mod opening;
#[doc(hidden)]
pub mod oracle;
mod payloads;
pub mod proof;
mod reader;
mod signing;
#[cfg(test)]
mod tests;
pub mod tiles;
pub mod torn;
pub mod tree;
pub mod verify;
pub mod witness;

pub(crate) use crate::base::hex;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use disk::Disk;
use history::History;
use layout::BUNDLE_WIDTH;
use leaf::{Hour, Leaf};
use line::{Line, PAYLOAD_LEN_MAX};
use note::SignerKey;
use payloads::Payloads;
use tree::{Edge, Hash, Tile};

/// Full tiles and bundles that may wait for the disk before entries are refused.
const WAITING_MAX: usize = 256;

/// Where the ledger is kept, and how often it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of the ledger, made with mode 0700 if missing. Default `ledger`.
    pub folder: PathBuf,
    /// Name of this log in its checkpoints and of its key, like `poortwacht/gateway.example.org`.
    /// Counts when the ledger is made; an existing one keeps its name. Default `poortwacht`.
    pub origin: String,
    /// Seconds between two checkpoints of a growing ledger. Default 60.
    pub checkpoint_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: "ledger".into(),
            origin: "poortwacht".into(),
            checkpoint_seconds: 60,
        }
    }
}

impl Settings {
    /// What serde cannot tell.
    ///
    /// # Errors
    /// A sentence with the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        if self.folder.as_os_str().is_empty() {
            return Err("the folder of the ledger is empty: name one".into());
        }
        if !note::is_name(&self.origin) {
            return Err(format!(
                "origin = \"{}\" cannot name a ledger: use 1 to 128 characters without spaces and \
                 `+`, like `poortwacht/gateway.example.org`",
                self.origin.escape_debug()
            ));
        }
        if !(1..=86_400).contains(&self.checkpoint_seconds) {
            return Err(format!(
                "checkpoint_seconds = {} is out of bounds: use 1 to 86400",
                self.checkpoint_seconds
            ));
        }
        Ok(())
    }
}

/// An entry that is to be written.
#[derive(Clone)]
pub struct New {
    /// What it is: 1 to 32 of `a-z`, `0-9`, `-` and `.`. Stays for good, as does the hour.
    pub kind: String,
    /// When it happened. Only the hour stands outside the payload.
    pub time: Timestamp,
    /// One line, at most 1 MiB, without line feeds and tabs. Can be deleted.
    pub payload: Vec<u8>,
}

/// An entry as it stands in the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number, from 0.
    pub number: u64,
    /// Its kind.
    pub kind: String,
    /// The beginning of the hour in which it happened.
    pub time: Timestamp,
    /// Its payload; none when that was deleted.
    pub payload: Option<Vec<u8>>,
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The ledger was made just now.
    pub fresh: bool,
    /// Entries behind the last checkpoint that were taken up again: a run that did not end properly.
    pub resumed: u64,
    /// Bytes behind the last whole entry, cut off. No entry that was acknowledged stood there,
    /// unless the disk lost what it had confirmed.
    pub cut_bytes: u64,
    /// Lines that were begun in them.
    pub cut_lines: u64,
    /// Where they are kept, for a week.
    pub aside: Vec<PathBuf>,
}

/// How the ledger stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Entries that are forced to the disk.
    pub entries: u64,
    /// Of these, those under the last checkpoint.
    pub signed: u64,
    /// When that was signed; none: not in this run.
    pub signed_at: Option<Timestamp>,
    /// Bytes in the folder: what was there at the start and what was written since.
    pub bytes: u64,
    /// Payloads deleted in this run.
    pub deleted: u64,
    /// Acts that failed: groups of entries not written, checkpoints not signed, payloads not deleted.
    pub failures: u64,
    /// Why the last act of any of these kinds failed, until one of the same kind succeeds.
    pub failing: Option<String>,
}

/// What can fail on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Append,
    Checkpoint,
    Delete,
}

/// A tile or bundle on its way to the disk.
struct Waiting {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The ledger, open for writing. One process at a time.
pub struct Ledger {
    settings: Settings,
    disk: Disk,
    key: SignerKey,
    payloads: Payloads,
    history: History,
    edge: Edge,
    /// Leaves of the last bundle, while that is not full.
    bundle: Vec<u8>,
    waiting: VecDeque<Waiting>,
    /// Full tiles and bundles whose names are not sure yet: no checkpoint covers them.
    filled: Vec<PathBuf>,
    signed: u64,
    signed_at: Option<Timestamp>,
    looked: Timestamp,
    bytes: u64,
    deleted: u64,
    failures: u64,
    failing: Vec<(Act, String)>,
    _lock: File,
}

impl Ledger {
    /// Opens the ledger, or makes it. Takes up entries behind the last checkpoint, cuts off half a
    /// last one. `now` is the wall clock.
    ///
    /// # Errors
    /// A sentence with the path and what to do. A ledger that is shorter than its checkpoint
    /// promises, or differs from it, is never opened.
    pub fn open(settings: &Settings, now: Timestamp) -> Result<(Self, Recovery), String> {
        opening::open(settings, Disk::default(), now)
    }

    /// Writes entries, all forced to the disk when this returns, and gives their numbers.
    ///
    /// # Errors
    /// A sentence. Then none of them counts, and the same group may be given again.
    pub fn append(&mut self, new: &[New]) -> Result<std::ops::Range<u64>, String> {
        let first = self.size();
        let written = self.write(new);
        self.counted(Act::Append, written)?;
        Ok(first..self.size())
    }

    fn write(&mut self, new: &[New]) -> Result<(), String> {
        if self.waiting.len() >= WAITING_MAX {
            self.flush(WAITING_MAX)?;
        }
        let first = self.size();
        let mut lines = Vec::with_capacity(new.len());
        let mut leaves = Vec::with_capacity(new.len());
        for (number, entry) in (first..).zip(new) {
            let (line, leaf) = compose(number, entry)?;
            lines.push(line);
            leaves.push(leaf);
        }
        let written = self.payloads.append(&mut self.disk, first, &lines);
        self.bytes += written.map_err(|e| {
            format!(
                "cannot write entries to the ledger in {}: {e}; they wait",
                self.settings.folder.join(layout::PAYLOAD).display()
            )
        })?;
        leaves.iter().for_each(|leaf| self.grow(leaf));
        Ok(())
    }

    /// Takes a leaf into the tree.
    fn grow(&mut self, leaf: &[u8]) {
        let mut full: Vec<Tile> = Vec::new();
        tiles::bundle_up(&mut self.bundle, leaf);
        self.edge.push(tree::leaf_hash(leaf), &mut full);
        if self.edge.size().is_multiple_of(BUNDLE_WIDTH) {
            self.waiting.push_back(Waiting {
                path: layout::bundle(self.edge.size() / BUNDLE_WIDTH - 1, BUNDLE_WIDTH),
                bytes: std::mem::take(&mut self.bundle),
            });
        }
        self.waiting.extend(full.iter().map(|tile| Waiting {
            path: layout::tile(tile.level, tile.index, BUNDLE_WIDTH),
            bytes: tile.to_bytes(),
        }));
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root of the tree as it stands.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The text of the public key.
    pub fn public_key(&self) -> String {
        self.key.public().to_string()
    }

    /// How it stands.
    pub fn state(&self) -> State {
        State {
            entries: self.size(),
            signed: self.signed,
            signed_at: self.signed_at,
            bytes: self.bytes,
            deleted: self.deleted,
            failures: self.failures,
            failing: self.failing.first().map(|(_, why)| why.clone()),
        }
    }

    /// Entries from number `from` on, in their order. Takes no lock: works beside the running
    /// daemon, whose last entries may not be acknowledged yet. After an error nothing follows.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn read(
        folder: &Path,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Stored, String>> + use<>, String> {
        let there = fs::metadata(folder);
        there.map_err(|e| format!("cannot read the ledger in {}: {e}", folder.display()))?;
        reader::Entries::new(folder, from)
    }

    /// For tests of those who write here: nothing can be written while `full`.
    #[cfg(test)]
    pub(crate) fn fail_while(&mut self, full: std::sync::Arc<std::sync::atomic::AtomicBool>) {
        let fails = move || full.load(std::sync::atomic::Ordering::Relaxed);
        self.disk.faults = Some(Box::new(move |_, _| {
            fails().then(|| std::io::Error::from_raw_os_error(nix::libc::ENOSPC))
        }));
    }

    fn counted(&mut self, act: Act, done: Result<(), String>) -> Result<(), String> {
        let was = self.failing.iter().position(|(failed, _)| *failed == act);
        match &done {
            Ok(()) => {
                if let Some(at) = was {
                    self.failing.remove(at);
                    tracing::info!("the ledger can be written again");
                }
            }
            Err(why) => {
                self.failures += 1;
                match was.and_then(|at| self.failing.get_mut(at)) {
                    Some((_, said)) => said.clone_from(why),
                    None => {
                        tracing::error!("{why}");
                        self.failing.push((act, why.clone()));
                    }
                }
            }
        }
        done
    }
}

/// Line and leaf of an entry.
fn compose(number: u64, entry: &New) -> Result<(Vec<u8>, Vec<u8>), String> {
    let kind = entry.kind.as_str();
    if !leaf::is_kind(kind) {
        return Err(format!(
            "`{}` cannot be the kind of an entry",
            kind.escape_debug()
        ));
    }
    let payload = entry.payload.as_slice();
    if payload.len() > PAYLOAD_LEN_MAX {
        return Err(format!(
            "an entry of kind {kind} has {} bytes; {PAYLOAD_LEN_MAX} are the limit",
            payload.len()
        ));
    }
    if payload.contains(&b'\n') || payload.contains(&b'\t') {
        return Err(format!(
            "an entry of kind {kind} is not one line without tabs"
        ));
    }
    let mut salt = [0; 32];
    let filled = SystemRandom::new().fill(&mut salt);
    filled.map_err(|_| "the system gives no random bytes")?;
    let hour = Hour::of(entry.time);
    let commitment = leaf::commit(&salt, payload);
    let leaf = Leaf {
        kind,
        hour,
        commitment,
    }
    .to_bytes();
    let mut line = Vec::with_capacity(payload.len() + 256);
    Line {
        number,
        kind,
        hour,
        check: line::check_of(&tree::leaf_hash(&leaf)),
        content: Some((salt, payload)),
    }
    .write(&mut line);
    Ok((line, leaf))
}

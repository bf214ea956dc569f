//! Lines that a crash kept from the hit log.
//!
//! Enters: the newest entries of the ledger, the end of the hit log. Leaves: records of hits that are
//! in the one and not in the other. Never: a line that stands there; lines of a log that was begun
//! anew, or moved, since.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::hits::Record;
use crate::record::{Body, Entry};

/// So much of the log's end is read: more than one group commit can be behind.
const TAIL_LEN: u64 = 32 << 20;

/// What the log at `path` lacks of `entries`. Where none of their hits stands in it, it is another
/// log, and lacks nothing.
pub fn lacking(entries: Vec<Entry>, path: &Path) -> Vec<Record> {
    let hits = entries.into_iter().filter_map(|it| match it.body {
        Body::Hit(hit) => Some(hit.record),
        _ => None,
    });
    let mut hits: Vec<Record> = hits.collect();
    let logged = logged(path);
    let is_logged = |hit: &Record| logged.contains(&hit.event.id);
    match hits.iter().rposition(is_logged) {
        // Lines are written in the order of entries.
        Some(last) => hits.split_off(last + 1),
        None => Vec::new(),
    }
}

/// Ids at the end of the log; none of a log that cannot be read.
fn logged(path: &Path) -> HashSet<String> {
    #[derive(serde::Deserialize)]
    struct Line {
        event: Event,
    }
    #[derive(serde::Deserialize)]
    struct Event {
        id: String,
    }
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(TAIL_LEN)))?;
        let mut tail = Vec::new();
        file.take(TAIL_LEN).read_to_end(&mut tail)?;
        Ok(tail)
    };
    let tail = tail().unwrap_or_default();
    // The first line may be cut: then it is no JSON.
    let lines = tail.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    lines.map(|line| line.event.id).collect()
}

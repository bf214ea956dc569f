//! Does a ledger verify? From its files and the public key alone.
//!
//! Enters: a folder (a copy, or the one a daemon is writing), a key, checkpoints that were put aside
//! earlier, keys of witnesses. Leaves: a [`Report`]: what holds, the first wrong entry, and what
//! cannot be known. Never: writes; takes a statement of the folder for true because it stands there.

mod anchors;
mod report;
mod walk;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::layout;
use super::note::VerifierKey;
use super::tiles;
use anchors::Anchors;
pub use anchors::of_log;
pub use report::{Confirmed, Fault, Kind, Report, Witnessed};

/// What is to be verified, and against what.
pub struct Request {
    /// The folder of the ledger.
    pub folder: PathBuf,
    /// The key of the log; none: the one in the folder, which proves less.
    pub key: Option<VerifierKey>,
    /// Text of files with checkpoints that were put aside earlier, each with where it is from.
    pub earlier: Vec<(String, String)>,
    /// Keys of witnesses, each of which must have signed some checkpoint of the ledger.
    pub witnesses: Vec<VerifierKey>,
}

/// Verifies a ledger.
///
/// # Errors
/// A sentence: there is nothing that could be verified.
pub fn verify(request: &Request) -> Result<Report, String> {
    let folder = request.folder.as_path();
    let (key, from_folder) = match &request.key {
        Some(key) => (key.clone(), false),
        None => (key_in(folder)?, true),
    };
    let path = folder.join(layout::CHECKPOINT);
    let mut report = Report::new(&key, from_folder);
    let checkpoint = match tiles::read_checkpoint(&path) {
        Ok(Some(checkpoint)) => checkpoint,
        Ok(None) => {
            return Err(format!(
                "there is no checkpoint in {}: is it the folder of a ledger?",
                folder.display()
            ));
        }
        Err(why) => {
            report.fault(None, why);
            return Ok(report);
        }
    };
    if let Err(why) = anchors::of_log(&checkpoint, &key) {
        report.fault(None, format!("the checkpoint: {why}"));
        return Ok(report);
    }
    let (anchors, newest) = Anchors::gather(request, &key, checkpoint, &mut report);
    report.size = newest.size;
    report.root = STANDARD.encode(newest.root);
    walk::walk(folder, newest.size, anchors, &mut report);
    report.conclude(!request.earlier.is_empty(), &request.witnesses);
    Ok(report)
}

/// The public key in the folder.
///
/// # Errors
/// A sentence with the path.
pub fn key_in(folder: &std::path::Path) -> Result<VerifierKey, String> {
    let path = folder.join(layout::PUBLIC_KEY);
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("cannot read the key {}: {e}; name one", path.display()))?;
    VerifierKey::parse(&text).map_err(|why| format!("{} is no key: {why}", path.display()))
}

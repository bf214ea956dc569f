//! A witness: somebody else who looks at the ledger now and then and signs that it only grew.
//!
//! Enters: the folder of a ledger, the log's key, the checkpoint that this witness signed last.
//! Leaves: the newest checkpoint with the witness's signature on it. Never: signs what did not grow
//! out of what it signed before.
//!
//! C2SP tlog-cosignature (`cosignature/v1`). The exchange of C2SP tlog-witness over HTTP is not
//! spoken: a witness here reads files.

use std::path::Path;

use super::checkpoint::Signed;
use super::layout;
use super::note::{SignerKey, VerifierKey};
use super::tiles::{self, Tiles};
use super::{tree, verify};

/// Signs the newest checkpoint of the ledger in `folder` at `seconds` since 1970. `before` is what
/// this witness signed last; without it, the ledger is taken as it stands. Gives the note with the
/// log's signature and the witness's.
///
/// # Errors
/// A sentence: why this must not be signed.
pub fn sign(
    folder: &Path,
    log: &VerifierKey,
    before: Option<&Signed>,
    witness: &SignerKey,
    seconds: u64,
) -> Result<Signed, String> {
    let path = folder.join(layout::CHECKPOINT);
    let newest = tiles::read_checkpoint(&path)?;
    let mut newest = newest.ok_or_else(|| format!("there is no {}", path.display()))?;
    verify::of_log(&newest, log).map_err(|why| format!("{}: {why}", path.display()))?;
    if let Some(before) = before {
        verify::of_log(before, log).map_err(|why| format!("what was signed last: {why}"))?;
        grew(folder, before, &newest)?;
    }
    let signature = witness.sign(&newest.note.text, seconds);
    let log_id = (&log.name, log.id);
    newest
        .note
        .signatures
        .retain(|line| (&line.name, line.id) == log_id);
    newest.note.signatures.push(signature);
    Ok(newest)
}

/// Did the ledger grow out of what it was?
fn grew(folder: &Path, before: &Signed, newest: &Signed) -> Result<(), String> {
    let (old, new) = (&before.checkpoint, &newest.checkpoint);
    if new.size < old.size {
        return Err(format!(
            "the ledger has {} entries, but {} were signed before: it was rolled back",
            new.size, old.size
        ));
    }
    if old.size == 0 {
        return Ok(());
    }
    let files = Tiles::new(folder);
    let path = tree::consistency(&mut (&files, new.size), old.size, new.size)?;
    if tree::is_consistent((old.size, &old.root), (new.size, &new.root), &path) {
        Ok(())
    } else {
        Err(format!(
            "the ledger of {} entries did not grow out of the {} that were signed before: entries \
             were changed",
            new.size, old.size
        ))
    }
}

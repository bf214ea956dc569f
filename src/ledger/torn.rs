//! What crashes left of lines, deleted before its time.
//!
//! Enters: the folder of a ledger. Leaves: it without them. Never: touches an entry: what stands
//! there was never acknowledged.

use std::fs;
use std::io;
use std::path::Path;

use super::layout;

/// Deletes all of it: nobody can say of half a line whose it is.
///
/// # Errors
/// A sentence with the path.
pub fn delete(folder: &Path) -> Result<(), String> {
    let torn = folder.join(layout::TORN);
    let failed = |e: io::Error| format!("cannot delete from {}: {e}", torn.display());
    let entries = match fs::read_dir(&torn) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
    }
    Ok(())
}

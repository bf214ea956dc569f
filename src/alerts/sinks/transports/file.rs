//! Lines into a file.
//!
//! Enters: parcels. Leaves: one line each at the end of the file, forced to the disk. Never: half a
//! line joined to the next; a file held open, so that it can be rotated away by its name.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{Parcel, Reason, Sent};

/// A file.
pub struct File {
    path: PathBuf,
}

impl File {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn send(&self, parcels: &[Parcel]) -> Sent {
        match self.append(parcels) {
            Ok(()) => Sent::all(parcels.len()),
            Err(e) => {
                let reason = match e.kind() {
                    io::ErrorKind::NotFound
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::IsADirectory => Reason::Settings,
                    _ => Reason::Unavailable,
                };
                Sent::later(reason, format!("cannot write {}: {e}", self.path.display()))
            }
        }
    }

    fn append(&self, parcels: &[Parcel]) -> io::Result<()> {
        // A pipe without a reader would hang; a log shipper's group may read.
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(libc::O_NONBLOCK)
            .open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut text = Vec::new();
        // What a full disk or a crash cut short stays a line of its own.
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                text.push(b'\n');
            }
        }
        for parcel in parcels {
            text.extend_from_slice(&parcel.bytes);
            text.push(b'\n');
        }
        file.write_all(&text)?;
        file.sync_data()
    }
}

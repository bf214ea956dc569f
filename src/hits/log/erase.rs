//! Lines that name somebody, taken out of every file of the log.
//!
//! Enters: the words by which they may be named. Leaves: the files without those lines, each whole
//! and forced to the disk. Never: half a file; changes a line that stays; touches a file that holds
//! none of the words.
//!
//! A crash in between leaves each file as it was or as it should be; the same call finishes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::file::LineFile;
use super::{HitLog, read};
use crate::folder;
use crate::hits::mentions::Mentions;

impl HitLog {
    /// Deletes every line that holds one of the words, in the log and in its old files, and what
    /// waits in memory. Gives how many lines went.
    ///
    /// # Errors
    /// A sentence; some files may be done then, and the same call may be made again.
    pub fn erase(&mut self, words: &Mentions, now: Instant) -> Result<u64, String> {
        self.drain(now);
        let mut gone = 0;
        let waiting = std::mem::take(&mut self.queue);
        for line in waiting {
            if words.are_in(&line) {
                gone += 1;
                self.state.queue_bytes -= line.len() as u64;
            } else {
                self.queue.push_back(line);
            }
        }
        if !self.file.is_regular() {
            return Ok(gone);
        }
        let path = self.settings.path.clone();
        for old in read::files(&path) {
            let failed = |e: io::Error| {
                format!(
                    "cannot take lines out of the hit log {}: {e}",
                    old.display()
                )
            };
            let lines = without(&old, words).map_err(failed)?;
            gone += lines;
            if lines > 0 && old == path {
                // The file that is open has no name any more: nothing may go there.
                let (file, _) = LineFile::open(&path).map_err(|e| e.to_string())?;
                (self.file, self.unsynced_since) = (file, None);
            }
        }
        Ok(gone)
    }
}

/// Puts the file anew without the lines that hold a word. Gives how many there were.
fn without(path: &Path, words: &Mentions) -> io::Result<u64> {
    let found = lines(path, |line| words.are_in(line))?;
    if found == 0 {
        return Ok(0);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    let unfinished = PathBuf::from(name);
    let copied = copy(path, &unfinished, words).and_then(|()| fs::rename(&unfinished, path));
    if copied.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    copied.and_then(|()| folder::sync_above(path))?;
    Ok(found)
}

fn copy(from: &Path, to: &Path, words: &Mentions) -> io::Result<()> {
    let meta = fs::metadata(from)?;
    // What a crash left there is not ours to append to.
    match fs::remove_file(to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(meta.mode() & 0o777)
        .open(to)?;
    if file.metadata()?.uid() != meta.uid() || file.metadata()?.gid() != meta.gid() {
        fchown(&file, Some(meta.uid()), Some(meta.gid()))?;
    }
    file.set_permissions(meta.permissions())?;
    let mut out = BufWriter::new(file);
    let mut written = Ok(());
    lines(from, |line| {
        if written.is_ok() && !words.are_in(line) {
            written = out.write_all(line);
        }
        false
    })?;
    written?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Shows each line; gives how many were said to be it.
fn lines(path: &Path, mut is_it: impl FnMut(&[u8]) -> bool) -> io::Result<u64> {
    let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
    let (mut line, mut count) = (Vec::new(), 0);
    while input.read_until(b'\n', &mut line)? > 0 {
        count += u64::from(is_it(&line));
        line.clear();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::hits::Line;
    use crate::hits::log::{Settings, SyncPolicy};

    struct Text(String);

    impl Line for Text {
        fn to_line(&self) -> Vec<u8> {
            format!("{{\"hash\":\"{}\"}}\n", self.0).into_bytes()
        }
    }

    fn mentions() -> Mentions {
        Mentions::new(&BTreeSet::from(["person-00112233".to_owned()]))
            .ok()
            .unwrap()
    }

    #[test]
    fn lines_go_from_every_file_and_the_log_goes_on_in_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hits.jsonl");
        let old = dir.path().join("hits.jsonl.1");
        let other = dir.path().join("hits.jsonl.2");
        let line = |who: &str| Text(who.into()).to_line();
        let keep = [line("person-2"), line("person-3")].concat();
        let both = [line("person-2"), line("person-00112233"), line("person-3")].concat();
        fs::write(&old, &both).unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&other, &keep).unwrap();
        let inode = fs::metadata(&other).unwrap().ino();
        // What a crash left half done.
        fs::write(
            dir.path().join("hits.jsonl.1.unfinished"),
            "person-00112233",
        )
        .unwrap();
        let mut settings = Settings::new(&path);
        settings.sync = SyncPolicy::Always;
        let now = Instant::now();
        let mut log = HitLog::open(settings, now).unwrap();
        for who in ["person-2", "person-00112233", "person-3"] {
            assert!(log.offer(&Text(who.into()), now));
        }
        assert_eq!(log.erase(&mentions(), now), Ok(2));
        assert!(log.offer(&Text("person-4".into()), now));
        assert_eq!(
            fs::read(&path).unwrap(),
            [keep.clone(), line("person-4")].concat()
        );
        assert_eq!(fs::read(&old).unwrap(), keep);
        assert_eq!(fs::metadata(&old).unwrap().mode() & 0o777, 0o600);
        // A file without them was not touched.
        assert_eq!(fs::metadata(&other).unwrap().ino(), inode);
        assert!(!dir.path().join("hits.jsonl.1.unfinished").exists());
        assert_eq!(log.erase(&mentions(), now), Ok(0));
        // It is still locked.
        assert!(HitLog::open(Settings::new(&path), now).is_err());
    }
}

//! The ids of alerts that are through, so that the same alert is not taken in twice.
//!
//! Enters: ids. Leaves: whether one was noted. Never: grows beyond its bound (the oldest go).

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::folder;
use crate::hits::Mentions;

/// Ids remembered.
const IDS_MAX: usize = 65_536;

/// The ids, in memory and in a file. The file is not forced to the disk: what a crash takes from it
/// may be told once more, and lost is nothing.
pub(super) struct Done {
    path: PathBuf,
    file: File,
    order: VecDeque<String>,
    ids: HashSet<String>,
    lines: usize,
}

impl Done {
    /// Opens or makes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(e),
        };
        // Half a last line is an id cut short, which nobody will ask for.
        let mut done = Self {
            path: path.into(),
            file: append_to(path)?,
            order: VecDeque::new(),
            ids: HashSet::new(),
            lines: 0,
        };
        let lines: Vec<&str> = text.lines().collect();
        for id in lines.iter().skip(lines.len().saturating_sub(IDS_MAX)) {
            done.remember((*id).to_owned());
        }
        done.lines = lines.len();
        if !text.is_empty() && !text.ends_with('\n') {
            done.rewrite()?;
        }
        Ok(done)
    }

    /// Was it noted?
    pub(super) fn holds(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Notes it.
    pub(super) fn note(&mut self, id: &str) {
        self.remember(id.to_owned());
        self.lines += 1;
        let written = if self.lines > IDS_MAX * 2 {
            self.rewrite()
        } else {
            self.file.write_all(format!("{id}\n").as_bytes())
        };
        if let Err(e) = written {
            tracing::error!("cannot write {}: {e}", self.path.display());
        }
    }

    /// Forgets one: its alert is to go out again.
    pub(super) fn forget(&mut self, id: &str) {
        if self.ids.remove(id) {
            self.order.retain(|it| it != id);
            if let Err(e) = self.rewrite() {
                tracing::error!("cannot write {}: {e}", self.path.display());
            }
        }
    }

    /// Forgets the ids that hold one of the words.
    pub(super) fn erase(&mut self, words: &Mentions) -> io::Result<()> {
        self.order.retain(|id| !words.are_in(id.as_bytes()));
        self.ids.retain(|id| !words.are_in(id.as_bytes()));
        self.rewrite()
    }

    fn remember(&mut self, id: String) {
        if !self.ids.insert(id.clone()) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > IDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let text: String = self.order.iter().map(|id| format!("{id}\n")).collect();
        folder::write_whole(&self.path, text.as_bytes())?;
        self.file = append_to(&self.path)?;
        self.lines = self.order.len();
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

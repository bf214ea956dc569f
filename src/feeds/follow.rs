//! A file that somebody else writes, followed as it grows.
//!
//! Enters: a path, polls. Leaves: its bytes in order, with the marks that a reader needs. Never:
//! waits for a pipe; reads a byte twice unless the file was written anew; leaves a rotated file
//! before its end.
//!
//! Rotation by rename: the old file is read until it has rested for two polls, then the new one
//! from its start. Copy and truncate: the file is shorter than what was read, or its head is
//! another. A file that appears late is read from its start.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::config::StartAt;

/// Bytes read of one file in one poll, so that none starves the others.
const POLL_LEN_MAX: usize = 4 << 20;
/// Bytes at the head that are compared to tell a file that was written anew.
const HEAD_LEN: usize = 64;
/// Polls without a byte after which a renamed file is left.
const QUIET_POLLS: u8 = 2;
/// A folder is looked through for a newer file once in so many polls.
const LOOK_EVERY: u32 = 10;

/// What a reader is handed.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'b> {
    /// A file begins; `old` when what it holds up to [`Piece::Live`] is to be passed over.
    Begin {
        /// See above.
        old: bool,
    },
    /// Bytes of it.
    Bytes(&'b [u8]),
    /// Everything that stood there when it was opened has been handed out.
    Live,
    /// The file is left for good: an unfinished line will not be finished.
    Left,
}

/// What a poll came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Polled {
    /// More waits to be read at once.
    pub more: bool,
    /// Is a file open?
    pub open: bool,
    /// What is wrong, in words, with a way out.
    pub problem: Option<String>,
    /// Bytes not read yet.
    pub lag_bytes: u64,
}

/// Follows one path.
pub struct Follower {
    path: PathBuf,
    from: StartAt,
    open: Option<Open>,
    /// The first opening passes over what is there, if the config says so.
    first: bool,
    polls: u32,
}

struct Open {
    file: File,
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
    offset: u64,
    head: Vec<u8>,
    /// Its length when it was opened; `None` once that is reached.
    live_at: Option<u64>,
    quiet: u8,
}

impl Follower {
    /// Opens nothing yet.
    pub fn new(path: &Path, from: StartAt) -> Self {
        Self {
            path: path.to_owned(),
            from,
            open: None,
            first: true,
            polls: 0,
        }
    }

    /// Reads on.
    pub fn poll(&mut self, each: &mut impl FnMut(Piece<'_>)) -> Polled {
        self.polls = self.polls.wrapping_add(1);
        if self.open.is_none()
            && let Err(error) = self.begin(each)
        {
            // What appears later is new from its first byte.
            self.first &= error.kind() != io::ErrorKind::NotFound;
            return Polled {
                more: false,
                open: false,
                problem: Some(self.why(&error)),
                lag_bytes: 0,
            };
        }
        let Some(open) = &mut self.open else {
            return Polled {
                more: false,
                open: false,
                problem: None,
                lag_bytes: 0,
            };
        };
        match open.read(each) {
            Ok(0) => {
                let problem = self.look_for_another(each);
                Polled {
                    more: false,
                    open: self.open.is_some(),
                    problem,
                    lag_bytes: 0,
                }
            }
            Ok(_) => {
                open.quiet = 0;
                let lag_bytes = open.lag();
                Polled {
                    more: lag_bytes > 0,
                    open: true,
                    problem: None,
                    lag_bytes,
                }
            }
            Err(error) => {
                self.open = None;
                each(Piece::Left);
                Polled {
                    more: false,
                    open: false,
                    problem: Some(self.why(&error)),
                    lag_bytes: 0,
                }
            }
        }
    }

    fn why(&self, error: &io::Error) -> String {
        let path = self.path.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                format!("there is no file {path}; it is read as soon as it appears")
            }
            io::ErrorKind::PermissionDenied => format!(
                "{path} may not be read by this user: give it to a group of the daemon \
                 (`setfacl -m g:poortwacht:r {path}` and the same for its folder's default); it is \
                 tried again"
            ),
            _ => format!("{path} cannot be read: {error}; it is tried again"),
        }
    }

    fn begin(&mut self, each: &mut impl FnMut(Piece<'_>)) -> io::Result<()> {
        let path = newest(&self.path)?;
        let open = Open::new(path)?;
        let old = self.first && self.from == StartAt::End && open.live_at != Some(0);
        self.first = false;
        self.open = Some(open);
        each(Piece::Begin { old });
        Ok(())
    }

    /// Is the path another file by now?
    fn look_for_another(&mut self, each: &mut impl FnMut(Piece<'_>)) -> Option<String> {
        let open = self.open.as_mut()?;
        let many = is_pattern(&self.path);
        if many && !self.polls.is_multiple_of(LOOK_EVERY) && open.quiet == 0 {
            return None;
        }
        let now = newest(&self.path).and_then(|path| Ok((path.metadata()?, path)));
        let (meta, _) = match now {
            Ok(now) => now,
            // Between rename and create; the old one stays open, what is written to it is read.
            Err(error) => return Some(self.why(&error)),
        };
        if id(&meta) == open.id {
            open.quiet = 0;
            return None;
        }
        open.quiet = open.quiet.saturating_add(1);
        if open.quiet < QUIET_POLLS {
            return None;
        }
        self.open = None;
        each(Piece::Left);
        self.begin(each).err().map(|error| self.why(&error))
    }
}

impl Open {
    fn new(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(&path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(Self {
            id: id(&meta),
            live_at: Some(meta.len()),
            file,
            path,
            offset: 0,
            head: Vec::new(),
            quiet: 0,
        })
    }

    fn lag(&self) -> u64 {
        let len = self.file.metadata().map_or(self.offset, |meta| meta.len());
        len.saturating_sub(self.offset)
    }

    /// Hands out what is new, up to the bound; how many bytes that were.
    fn read(&mut self, each: &mut impl FnMut(Piece<'_>)) -> io::Result<usize> {
        if self.was_written_anew()? {
            tracing::info!(file = %self.path.display(),
                "the file was written anew: it is read from its start");
            let len = self.file.metadata()?.len();
            (self.offset, self.live_at) = (0, Some(len));
            self.head.clear();
            each(Piece::Left);
            each(Piece::Begin { old: false });
        }
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0;
        while total < POLL_LEN_MAX {
            self.mark_live(each);
            // Up to the mark first.
            let room = match self.live_at {
                Some(end) => {
                    usize::try_from(end - self.offset).map_or(buffer.len(), |n| n.min(buffer.len()))
                }
                None => buffer.len(),
            };
            let read = self
                .file
                .read_at(buffer.get_mut(..room).unwrap_or_default(), self.offset)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                // Shorter than it was a moment ago: the next poll sees to it.
                break;
            }
            let wanted = HEAD_LEN.saturating_sub(self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..wanted]);
            self.offset += read as u64;
            total += read;
            each(Piece::Bytes(bytes));
        }
        self.mark_live(each);
        Ok(total)
    }

    fn mark_live(&mut self, each: &mut impl FnMut(Piece<'_>)) {
        if self.live_at.is_some_and(|end| self.offset >= end) {
            self.live_at = None;
            each(Piece::Live);
        }
    }

    /// Shorter than what was read, or with another head.
    fn was_written_anew(&self) -> io::Result<bool> {
        if self.file.metadata()?.len() < self.offset {
            return Ok(true);
        }
        let mut head = [0; HEAD_LEN];
        let head = &mut head[..self.head.len()];
        Ok(self.file.read_exact_at(head, 0).is_err() || *head != *self.head)
    }
}

fn id(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

fn is_pattern(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().contains(&b'*'))
}

/// The path itself, or the newest file that fits the `*` in its last part.
pub(super) fn newest(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    let Some((head, tail)) = name.and_then(|name| name.split_once('*')) else {
        return Ok(path.to_owned());
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let fits = |name: &str| {
        name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
    };
    let files = std::fs::read_dir(folder)?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let meta = entry.metadata().ok()?;
        let time = meta.modified().ok()?;
        (fits(&name) && meta.is_file()).then(|| (time, entry.path()))
    });
    let newest = files.max().map(|(_, path)| path);
    newest.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// A file that is written anew at each change: read whole, when it rests.
pub struct Whole {
    path: PathBuf,
    /// Inode, length and time of change at the last poll, and at the last reading.
    seen: Option<Shape>,
    taken: Option<Shape>,
}

type Shape = ((u64, u64), u64, (i64, i64));

/// Longest such file, in bytes.
const WHOLE_LEN_MAX: u64 = 64 << 20;

impl Whole {
    /// Opens nothing yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: None,
            taken: None,
        }
    }

    /// The text, when there is a new one and it has rested since the last poll.
    ///
    /// # Errors
    /// What is wrong, in words, with a way out.
    pub fn poll(&mut self) -> Result<Option<Vec<u8>>, String> {
        self.read().map_err(|error| {
            (self.seen, self.taken) = (None, None);
            Follower::new(&self.path, StartAt::Start).why(&error)
        })
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let open = Open::new(self.path.clone())?;
        let before = shape(&open.file.metadata()?);
        let rests = self.seen.replace(before) == Some(before);
        if !rests || self.taken == Some(before) {
            return Ok(None);
        }
        if before.1 > WHOLE_LEN_MAX {
            return Err(io::Error::other(format!(
                "it is longer than {WHOLE_LEN_MAX} bytes"
            )));
        }
        let mut text = vec![0; usize::try_from(before.1).unwrap_or(0)];
        let read = open.file.read_exact_at(&mut text, 0);
        // Whoever wrote while it was read has half a text in there.
        if read.is_err() || shape(&open.file.metadata()?) != before {
            return Ok(None);
        }
        self.taken = Some(before);
        Ok(Some(text))
    }
}

fn shape(meta: &Metadata) -> Shape {
    (id(meta), meta.len(), (meta.mtime(), meta.mtime_nsec()))
}

#[cfg(test)]
mod tests;

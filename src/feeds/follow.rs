//! A file that somebody else writes, followed as it grows.
//!
//! Enters: a path, polls. Leaves: its bytes in order, with the marks that a reader needs. Never:
//! waits for a pipe; reads a byte twice unless the file was written anew; leaves a rotated file
//! before its end.
//!
//! Rotation by rename: the old file is read until it has rested for two polls, then the new one
//! from its start. Copy and truncate: the file is shorter than what was read, or its head is
//! another. A file that appears late is read from its start. A pattern (`*`) begins with the newest
//! file and goes on with the oldest of those that have more to say, so that none is left out when
//! several come between two looks, and what is written late into an older one is read too.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
    /// A file that could not be read on: it may be the same one that opens again.
    broken: Option<Open>,
    /// Of a pattern: how far each other file was read. As many as stand in the folder.
    read: HashMap<PathBuf, Place>,
    /// The first opening passes over what is there, if the config says so.
    first: bool,
    polls: u32,
}

/// How far a file was read.
struct Place {
    /// Device and inode.
    id: (u64, u64),
    offset: u64,
    head: Vec<u8>,
}

struct Open {
    file: File,
    path: PathBuf,
    place: Place,
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
            broken: None,
            read: HashMap::new(),
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
                self.broken = self.open.take();
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
        if let Some(broken) = &self.broken {
            let again = Open::new(broken.path.clone());
            let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
            match again {
                Ok(open) if open.place.id == broken.place.id => {
                    // Whether it was written anew meanwhile, its head and length tell.
                    let file = open.file;
                    self.open = self.broken.take().map(|broken| Open { file, ..broken });
                    return Ok(());
                }
                Err(error) if !(gone(&error) && self.is_pattern()) => return Err(error),
                _ => {
                    self.broken = None;
                    each(Piece::Left);
                }
            }
        }
        let mut open = Open::new(self.pick()?)?;
        if let Some(place) = self.read.remove(&open.path)
            && place.id == open.place.id
        {
            open.go_on_at(place)?;
        }
        let old = self.first && self.from == StartAt::End && open.live_at != Some(0);
        self.first = false;
        self.open = Some(open);
        each(Piece::Begin { old });
        Ok(())
    }

    /// Which file to open.
    fn pick(&mut self) -> io::Result<PathBuf> {
        let Some(mut files) = files(&self.path)? else {
            return Ok(self.path.clone());
        };
        if self.first {
            // What is older counts as read.
            let newest = files.pop().ok_or(io::ErrorKind::NotFound)?;
            self.read = files.into_iter().map(Found::passed).collect();
            return Ok(newest.path);
        }
        let next = self.next(files);
        next.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The oldest file of a pattern that has more to say, and is not open.
    fn next(&mut self, files: Vec<Found>) -> Option<PathBuf> {
        let mut read = HashMap::with_capacity(files.len());
        let mut next = None;
        for file in files {
            let is_open = |open: &Open| (open.place.id, &open.path) == (file.id, &file.path);
            if self.open.as_ref().is_some_and(is_open) {
                continue;
            }
            let place = self.read.remove(&file.path).filter(|it| it.id == file.id);
            if place.as_ref().is_none_or(|it| it.offset != file.len) && next.is_none() {
                next = Some(file.path.clone());
            }
            read.extend(place.map(|it| (file.path, it)));
        }
        // Who is gone from the folder is forgotten.
        self.read = read;
        next
    }

    fn is_pattern(&self) -> bool {
        split(&self.path).is_some()
    }

    /// Is the path another file by now?
    fn look_for_another(&mut self, each: &mut impl FnMut(Piece<'_>)) -> Option<String> {
        let many = self.is_pattern();
        let open = self.open.as_mut()?;
        if many && !self.polls.is_multiple_of(LOOK_EVERY) && open.quiet == 0 {
            return None;
        }
        let another = match files(&self.path) {
            Ok(Some(files)) => Ok(self.next(files).is_some()),
            Ok(None) => self.path.metadata().map(|meta| id(&meta) != open.place.id),
            Err(error) => Err(error),
        };
        let open = self.open.as_mut()?;
        match another {
            Ok(true) => open.quiet = open.quiet.saturating_add(1),
            Ok(false) => open.quiet = 0,
            // Between rename and create; the old one stays open, what is written to it is read.
            Err(error) => return Some(self.why(&error)),
        }
        if open.quiet < QUIET_POLLS {
            return None;
        }
        let left = self.open.take()?;
        if many {
            self.read.insert(left.path, left.place);
        }
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
        let place = Place {
            id: id(&meta),
            offset: 0,
            head: Vec::new(),
        };
        Ok(Self {
            live_at: Some(meta.len()),
            file,
            path,
            place,
            quiet: 0,
        })
    }

    /// Goes on where this file was left, unless it is another text by now. Of one that was passed
    /// over the head is not known yet.
    fn go_on_at(&mut self, mut place: Place) -> io::Result<()> {
        let len = usize::try_from(place.offset).unwrap_or(HEAD_LEN);
        if place.head.is_empty() && place.offset <= self.file.metadata()?.len() {
            place.head = vec![0; len.min(HEAD_LEN)];
            self.file.read_exact_at(&mut place.head, 0)?;
        }
        let fresh = std::mem::replace(&mut self.place, place);
        if self.was_written_anew()? {
            self.place = fresh;
        }
        Ok(())
    }

    fn lag(&self) -> u64 {
        let len = self
            .file
            .metadata()
            .map_or(self.place.offset, |meta| meta.len());
        len.saturating_sub(self.place.offset)
    }

    /// Hands out what is new, up to the bound; how many bytes that were.
    fn read(&mut self, each: &mut impl FnMut(Piece<'_>)) -> io::Result<usize> {
        if self.was_written_anew()? {
            tracing::info!(file = %self.path.display(),
                "the file was written anew: it is read from its start");
            let len = self.file.metadata()?.len();
            (self.place.offset, self.live_at) = (0, Some(len));
            self.place.head.clear();
            each(Piece::Left);
            each(Piece::Begin { old: false });
        }
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0;
        while total < POLL_LEN_MAX {
            self.mark_live(each);
            // Up to the mark first.
            let room = match self.live_at {
                Some(end) => usize::try_from(end - self.place.offset)
                    .map_or(buffer.len(), |n| n.min(buffer.len())),
                None => buffer.len(),
            };
            let read = self.file.read_at(
                buffer.get_mut(..room).unwrap_or_default(),
                self.place.offset,
            )?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                // Shorter than it was a moment ago: the next poll sees to it.
                break;
            }
            let wanted = HEAD_LEN
                .saturating_sub(self.place.head.len())
                .min(bytes.len());
            self.place.head.extend_from_slice(&bytes[..wanted]);
            self.place.offset += read as u64;
            total += read;
            each(Piece::Bytes(bytes));
        }
        self.mark_live(each);
        Ok(total)
    }

    fn mark_live(&mut self, each: &mut impl FnMut(Piece<'_>)) {
        if self.live_at.is_some_and(|end| self.place.offset >= end) {
            self.live_at = None;
            each(Piece::Live);
        }
    }

    /// Shorter than what was read, or with another head.
    fn was_written_anew(&self) -> io::Result<bool> {
        if self.file.metadata()?.len() < self.place.offset {
            return Ok(true);
        }
        let mut head = [0; HEAD_LEN];
        let head = &mut head[..self.place.head.len()];
        match self.file.read_exact_at(head, 0) {
            Ok(()) => Ok(*head != *self.place.head),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            // That tells nothing of the text.
            Err(error) => Err(error),
        }
    }
}

fn id(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// A file that fits a pattern. Sorted by the time of its last change.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    changed: SystemTime,
    path: PathBuf,
    id: (u64, u64),
    len: u64,
}

impl Found {
    /// As read to its end.
    fn passed(self) -> (PathBuf, Place) {
        let place = Place {
            id: self.id,
            offset: self.len,
            head: Vec::new(),
        };
        (self.path, place)
    }
}

/// What stands before and behind the `*` in the last part of a path.
fn split(path: &Path) -> Option<(&str, &str)> {
    path.file_name()?.to_str()?.split_once('*')
}

/// The files that fit a pattern, the newest last; `None` when it is none.
fn files(path: &Path) -> io::Result<Option<Vec<Found>>> {
    let Some((head, tail)) = split(path) else {
        return Ok(None);
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let fits = |name: &str| {
        name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
    };
    let found = std::fs::read_dir(folder)?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let meta = entry.metadata().ok()?;
        (fits(&name) && meta.is_file()).then_some(Found {
            changed: meta.modified().ok()?,
            path: entry.path(),
            id: id(&meta),
            len: meta.len(),
        })
    });
    let mut found: Vec<Found> = found.collect();
    found.sort_unstable();
    Ok(Some(found))
}

/// The path itself, or the newest file that fits its pattern.
pub(super) fn newest(path: &Path) -> io::Result<PathBuf> {
    match files(path)? {
        None => Ok(path.to_owned()),
        Some(mut found) => match found.pop() {
            Some(newest) => Ok(newest.path),
            None => Err(io::ErrorKind::NotFound.into()),
        },
    }
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

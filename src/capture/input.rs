//! Opening a file, a pipe or standard input, and taking off gzip or zstd.
//!
//! Enters: a path, or `-`. Leaves: a [`Window`] over the capture's own bytes and, for a regular
//! file, its length. Compression is told by its magic number, never by the name (RFC 1952 section
//! 2.3.1, RFC 8878 section 3.1). Never: reads further than asked; keeps what was decompressed.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::error::{CaptureError, FaultKind};
use super::unpack::Unpack;
use super::window::Window;

/// Length of a magic number.
const MAGIC_LEN: usize = 4;

/// An open input.
pub(super) struct Input {
    pub window: Window,
    /// Length of the file on disk, `None` for a stream.
    pub len: Option<u64>,
}

impl Input {
    /// Opens the file at `path`; `-` is standard input. Opening a FIFO waits for its writer.
    pub(super) fn open(path: &Path, place: &str) -> Result<Self, CaptureError> {
        let opened = if path.as_os_str() == "-" {
            standard_input()
        } else {
            File::open(path)
        };
        let fault = |doing: &str, error: &io::Error| CaptureError::from_io(place, doing, error);
        let file = opened.map_err(|e| fault("cannot open it", &e))?;
        let meta = file
            .metadata()
            .map_err(|e| fault("cannot look at it", &e))?;
        if meta.is_dir() {
            return Err(fault("cannot read it", &io::ErrorKind::IsADirectory.into()));
        }
        if file.is_terminal() {
            return Err(CaptureError::new(
                FaultKind::NotACapture,
                place,
                "it is a terminal",
                "Pipe a capture into it, e.g. from `tcpdump -U -w -`.",
            ));
        }
        // Files of length 0 are read as a stream: those under /proc and /sys are not empty at all.
        // So is standard input: its position need not be the start of the file.
        let whole = meta.is_file() && meta.len() > 0 && path.as_os_str() != "-";
        let opened = if whole {
            Self::regular(file, meta.len())
        } else {
            Self::from_pipe(file)
        };
        opened.map_err(|e| fault("cannot read it", &e))
    }

    fn regular(file: File, len: u64) -> io::Result<Self> {
        let mut magic = [0; MAGIC_LEN];
        let got = file.read_at(&mut magic, 0)?;
        // The kernel reads further ahead; one that does not know the wish is no fault.
        let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
        let source = Source::new(Packing::of(&magic[..got]), Raw::new(&[], Box::new(file)))?;
        Ok(Self {
            window: Window::file(source, len),
            len: Some(len),
        })
    }

    /// From bytes in memory, along the way of a file.
    pub(super) fn in_memory(bytes: &[u8]) -> io::Result<Self> {
        let magic = bytes.get(..MAGIC_LEN).unwrap_or(bytes);
        let raw = Raw::new(&[], Box::new(io::Cursor::new(bytes.to_vec())));
        let len = bytes.len() as u64;
        Ok(Self {
            window: Window::file(Source::new(Packing::of(magic), raw)?, len),
            len: Some(len),
        })
    }

    /// From a pipe, a device, or standard input.
    pub(super) fn from_pipe(file: File) -> io::Result<Self> {
        Self::piped(Waiting(file))
    }

    /// From any stream of bytes.
    pub(super) fn piped(mut reader: impl Read + Send + 'static) -> io::Result<Self> {
        let mut magic = [0; MAGIC_LEN];
        let mut got = 0;
        while got < MAGIC_LEN {
            match reader.read(&mut magic[got..]) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let magic = &magic[..got];
        let source = Source::new(Packing::of(magic), Raw::new(magic, Box::new(reader)))?;
        Ok(Self {
            window: Window::stream(source),
            len: None,
        })
    }
}

/// Our own descriptor of standard input, without the buffer of the standard library.
fn standard_input() -> io::Result<File> {
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// A file whose reads wait even if somebody (the process at the other end of the terminal or pipe)
/// has set it to non-blocking.
struct Waiting(File);

impl Read for Waiting {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let fd = PollFd::new(self.0.as_fd(), PollFlags::POLLIN);
                    poll(&mut [fd], PollTimeout::NONE)?;
                }
                done => return done,
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            // A skippable frame, with which pzstd and seekable archives begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A stream of the capture's own bytes.
pub(super) enum Source {
    Plain(Raw),
    Packed(Box<Unpack>),
}

impl Source {
    fn new(packing: Packing, raw: Raw) -> io::Result<Self> {
        Ok(match packing {
            Packing::None => Self::Plain(raw),
            Packing::Gzip => Self::Packed(Box::new(Unpack::gzip(raw))),
            Packing::Zstd => Self::Packed(Box::new(Unpack::zstd(raw)?)),
        })
    }

    pub(super) fn packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// Bytes read from the file, before decompression.
    pub(super) fn consumed(&self) -> u64 {
        match self {
            Self::Plain(raw) => raw.read,
            Self::Packed(unpack) => unpack.get_ref().read,
        }
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(out),
            Self::Packed(unpack) => unpack.read(out),
        }
    }
}

/// The stream as it comes, with the magic number put back and the bytes counted. One `dyn` call per
/// buffer, none per frame.
pub(super) struct Raw {
    magic: io::Cursor<Vec<u8>>,
    inner: Box<dyn Read + Send>,
    read: u64,
}

impl Raw {
    fn new(magic: &[u8], inner: Box<dyn Read + Send>) -> Self {
        Self {
            magic: io::Cursor::new(magic.to_vec()),
            inner,
            read: 0,
        }
    }
}

impl Read for Raw {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = match self.magic.read(out)? {
            0 => self.inner.read(out)?,
            n => n,
        };
        self.read += n as u64;
        Ok(n)
    }
}

//! What can go wrong with a capture, said so that a person can act on it.
//!
//! Enters: what a reader found. Leaves: [`CaptureError`], one line that says where, what and what
//! next, and a [`FaultKind`] for the exit code. Never: a byte of a frame, in any text.

use std::fmt;
use std::io;

/// The kind of fault; the command line maps it to an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// No such file, folder where a file is wanted, or no such interface.
    NotFound,
    /// The operating system said no.
    Permission,
    /// Not a single byte in it.
    Empty,
    /// Not in a format that is read here.
    NotACapture,
    /// It ends inside a record; everything before was read.
    Truncated,
    /// A record, or the compressed stream around it, is impossible; everything before was read.
    Corrupt,
    /// The operating system failed to read.
    Io,
}

/// A fault of one source. Frames before it were delivered, other sources go on.
pub struct CaptureError(Box<Text>);

struct Text {
    kind: FaultKind,
    place: String,
    at: Option<At>,
    what: String,
    next: String,
}

/// Where in a file a fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Byte offset from the start of the file, after decompression.
    pub byte: u64,
    /// Number of the frame, from 1, that could not be read.
    pub frame: u64,
}

impl CaptureError {
    /// A fault at `place` (file or interface): `what` is wrong, and what to do `next` (a sentence).
    pub fn new(
        kind: FaultKind,
        place: impl Into<String>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self(Box::new(Text {
            kind,
            place: place.into(),
            at: None,
            what: what.into(),
            next: next.into(),
        }))
    }

    /// The same fault with its position.
    #[must_use]
    pub fn located(mut self, at: At) -> Self {
        self.0.at = Some(at);
        self
    }

    /// A failed call of the operating system on the file `place`.
    pub fn from_io(place: impl Into<String>, doing: &str, error: &io::Error) -> Self {
        use io::ErrorKind as E;
        let (kind, next) = match error.kind() {
            E::NotFound => (FaultKind::NotFound, "Check the path."),
            E::PermissionDenied => (
                FaultKind::Permission,
                "Make it readable for this user, or run as one who may.",
            ),
            E::IsADirectory => (FaultKind::NotFound, "Name the files in it."),
            _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => (
                FaultKind::Io,
                "Read fewer files at a time, or raise the limit (`ulimit -n`).",
            ),
            _ => (
                FaultKind::Io,
                "Check the disk or the other end of the pipe, then try again.",
            ),
        };
        Self::new(kind, place, format!("{doing}: {error}"), next)
    }

    /// The kind of fault.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// The file or interface it belongs to, as it was named.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// Position in the file, where the fault has one.
    pub fn at(&self) -> Option<At> {
        self.0.at
    }
}

/// `PLACE: WHAT (frame N, byte M). NEXT`, on one line: control characters in a file name come out
/// escaped.
impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(f, "{}: {}", printable(&text.place), text.what)?;
        if let Some(At { byte, frame }) = text.at {
            write!(f, " (frame {frame}, byte {byte})")?;
        }
        write!(f, ". {}", text.next)
    }
}

impl fmt::Debug for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for CaptureError {}

/// `text` with its control characters escaped, so that a file name cannot forge a line.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if c.is_control() {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_line_with_place_what_position_and_next() {
        let error = CaptureError::new(FaultKind::Corrupt, "a\nb.pcap", "it is torn", "Mend it.")
            .located(At { byte: 40, frame: 2 });
        assert_eq!(
            error.to_string(),
            "a\\nb.pcap: it is torn (frame 2, byte 40). Mend it."
        );
    }

    #[test]
    fn operating_system_errors_keep_their_kind() {
        let kind = |code| {
            CaptureError::from_io("x", "cannot open", &io::Error::from_raw_os_error(code)).kind()
        };
        assert_eq!(kind(libc::ENOENT), FaultKind::NotFound);
        assert_eq!(kind(libc::EACCES), FaultKind::Permission);
        assert_eq!(kind(libc::EISDIR), FaultKind::NotFound);
        assert_eq!(kind(libc::EIO), FaultKind::Io);
        let full = io::Error::from_raw_os_error(libc::EMFILE);
        let text = CaptureError::from_io("x", "cannot open", &full).to_string();
        assert!(text.contains("ulimit -n"), "{text}");
    }
}

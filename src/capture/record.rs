//! What both file formats share: byte order, bounds, one record, one fault.
//!
//! Enters: nothing. Leaves: small values. Never: frame bytes; a [`Record`] says where they lie.

use std::io;

use super::LinkType;
use super::error::FaultKind;
use super::window::Window;
use crate::base::Timestamp;

/// A frame up to this length is accepted whatever snapshot length the header states: writers state
/// 0 or 65,535 and then store frames merged by receive offload (BIG TCP: up to 512 KiB).
const SNAPLEN_TRUSTED: u32 = 1 << 20;

/// No frame is longer than this, whatever the header states. Bounds the window.
pub(super) const FRAME_LEN_MAX: u32 = 64 << 20;

/// Longest frame that a file or interface with this snapshot length may hold, in bytes.
pub(super) const fn frame_limit(snaplen: u32) -> u32 {
    if snaplen < SNAPLEN_TRUSTED {
        SNAPLEN_TRUSTED
    } else if snaplen > FRAME_LEN_MAX {
        FRAME_LEN_MAX
    } else {
        snaplen
    }
}

/// Byte order of a file or section, against little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    #[inline]
    pub(super) fn u32_at<const N: usize>(self, head: &[u8; N], at: usize) -> u32 {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The first `W` words of a header; asks for the order once.
    #[inline]
    pub(super) fn words<const N: usize, const W: usize>(self, head: &[u8; N]) -> [u32; W] {
        const { assert!(4 * W <= N) };
        match self {
            Self::Little => std::array::from_fn(|word| Self::Little.u32_at(head, 4 * word)),
            Self::Big => std::array::from_fn(|word| Self::Big.u32_at(head, 4 * word)),
        }
    }

    #[inline]
    pub(super) fn u16_at<const N: usize>(self, head: &[u8; N], at: usize) -> u16 {
        let bytes = [head[at], head[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }
}

/// One frame in the window: where it lies and what its header says.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// Index of its first byte in the window; good until the window is filled again.
    pub start: usize,
    /// Captured bytes.
    pub len: u32,
    /// Bytes on the wire, never fewer than `len`.
    pub wire_len: u32,
    pub time: Timestamp,
    pub link: LinkType,
}

/// Why a reader cannot go on in its file.
pub(super) struct Fault {
    pub kind: FaultKind,
    /// Byte offset of the record concerned, after decompression.
    pub byte: u64,
    pub what: String,
}

/// The next record, the clean end, or the fault that ends the file.
pub(super) type Step = Result<Option<Record>, Box<Fault>>;

impl Fault {
    #[cold]
    pub(super) fn corrupt(window: &Window, what: String) -> Box<Self> {
        Box::new(Self {
            kind: FaultKind::Corrupt,
            byte: window.offset(),
            what,
        })
    }

    /// The file ends where `what` (a noun), of which the window holds the start, should go on for
    /// `needed` bytes.
    #[cold]
    pub(super) fn truncated(window: &Window, what: &str, needed: u64) -> Box<Self> {
        Self::truncated_from(window, window.offset(), what, needed)
    }

    /// The same for something that began at `byte` and was partly passed over.
    #[cold]
    pub(super) fn truncated_from(window: &Window, byte: u64, what: &str, needed: u64) -> Box<Self> {
        let have = window.offset() + window.available() as u64 - byte;
        let what = if window.shrunk() {
            format!("the file became shorter while it was read, inside {what}")
        } else {
            format!("it ends inside {what}: {have} of {needed} bytes are there")
        };
        Box::new(Self {
            kind: FaultKind::Truncated,
            byte,
            what,
        })
    }

    /// Reading failed below the format: the disk, the pipe or the compressed stream.
    #[cold]
    pub(super) fn read(window: &Window, error: &io::Error) -> Box<Self> {
        let (kind, what) = if error.raw_os_error().is_some() || !window.packed() {
            (FaultKind::Io, format!("cannot read on: {error}"))
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            (
                FaultKind::Truncated,
                "the compressed stream ends before its end mark".to_owned(),
            )
        } else {
            (
                FaultKind::Corrupt,
                format!("the compressed stream is broken: {error}"),
            )
        };
        Box::new(Self {
            kind,
            byte: window.offset(),
            what,
        })
    }
}

//! What must hold for any bytes whatever that are read as a capture file; the fuzz target and the
//! property tests call [`check`].
//!
//! Enters: bytes. Leaves: nothing, or a panic that names the broken promise.

use std::io::{self, Read, Write};

use super::LinkType;
use super::error::{At, CaptureError, FaultKind};
use super::file::{FileSource, OneFile};
use super::input::Input;
use crate::base::Timestamp;

/// One frame, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub time: Timestamp,
    pub wire_len: u32,
    pub link: LinkType,
    pub bytes: Vec<u8>,
}

/// All frames of one input, and the fault at its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub frames: Vec<Copied>,
    pub fault: Option<(FaultKind, Option<At>)>,
}

impl Outcome {
    /// Was it refused before there was a frame, as no capture or as damaged?
    fn refused_at_head(&self) -> bool {
        let kinds = [FaultKind::Corrupt, FaultKind::NotACapture];
        let kind = self.fault.as_ref().map(|(kind, _)| *kind);
        self.frames.is_empty() && kind.is_some_and(|kind| kinds.contains(&kind))
    }
}

/// Reads `data` as a file, in pieces of several sizes and packed, and compares: the same frames, the
/// same fault at the same place, each frame a part of the input and behind the one before it.
///
/// # Panics
/// When one of these does not hold.
pub fn check(data: &[u8]) {
    let whole = whole(data);
    for piece_len in [1, 13, 4_096] {
        let pieces = Pieces {
            data: data.to_vec(),
            at: 0,
            piece_len,
        };
        let piecewise = outcome(Input::piped(pieces));
        // Damage right at the head of a packed file: whether the unpacker says so before or after it
        // has given the first bytes, which are no capture, depends on how much it is shown.
        let headless = packed(data) && whole.refused_at_head() && piecewise.refused_at_head();
        assert!(
            headless || whole == piecewise,
            "in pieces of {piece_len}: {whole:?} is not {piecewise:?}"
        );
    }
    if !packed(data) {
        let packed = gzip(data).expect("gzip into memory");
        assert_eq!(
            whole,
            outcome(Input::in_memory(&packed)),
            "packed with gzip"
        );
    }
}

/// The outcome of a file, its frames checked against the file.
fn whole(data: &[u8]) -> Outcome {
    if data.is_empty() || packed(data) {
        return outcome(Input::in_memory(data));
    }
    let mut frames = Vec::new();
    let mut last_end = 0;
    let fault = one_file(Input::in_memory(data)).and_then(|mut file| {
        while let Some(record) = file.next()? {
            let frame = file.frame(record, 0);
            let start = usize::try_from(file.place_of(record)).expect("it lies in memory");
            let end = start + record.len as usize;
            assert!(start >= last_end, "frames do not overlap");
            assert_eq!(
                frame.bytes,
                &data[start..end],
                "a frame is a part of the file"
            );
            assert!(frame.wire_len >= record.len, "no frame grew after the wire");
            last_end = end;
            frames.push(copied(&frame));
        }
        Ok(())
    });
    Outcome {
        frames,
        fault: fault.err().map(|error| (error.kind(), error.at())),
    }
}

/// Everything one input gives.
pub(super) fn outcome(input: io::Result<Input>) -> Outcome {
    let mut frames = Vec::new();
    let read = || {
        let mut source = FileSource::from_files(vec![one_file(input)?])?;
        while let Some(frame) = source.next_frame()? {
            frames.push(copied(&frame));
        }
        Ok(())
    };
    let fault = read().err().map(|error: CaptureError| {
        assert!(!error.to_string().contains('\n'), "one line: {error}");
        (error.kind(), error.at())
    });
    Outcome { frames, fault }
}

pub(super) fn one_file(input: io::Result<Input>) -> Result<OneFile, CaptureError> {
    let input = input.map_err(|e| CaptureError::from_io("test", "cannot open it", &e))?;
    OneFile::new("test".to_owned(), "test".to_owned(), input)
}

fn copied(frame: &super::Frame<'_>) -> Copied {
    Copied {
        time: frame.time,
        wire_len: frame.wire_len,
        link: frame.link,
        bytes: frame.bytes.to_vec(),
    }
}

fn packed(data: &[u8]) -> bool {
    matches!(data, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..])
        || matches!(data, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// `data` as one gzip member.
pub(super) fn gzip(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data)?;
    encoder.finish()
}

/// A stream that never hands out more than `piece_len` bytes at once, like a slow pipe.
pub(super) struct Pieces {
    pub data: Vec<u8>,
    pub at: usize,
    pub piece_len: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.data[self.at..];
        let n = rest.len().min(out.len()).min(self.piece_len);
        out[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

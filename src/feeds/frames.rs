//! Frame Streams, the framing of dnstap (the fstrm library's format).
//!
//! Enters: bytes as they come. Leaves: frames, and what must be answered. Never: buffers more than
//! one frame.
//!
//! A frame is its length (32 bits, big endian) and that many bytes. Length 0 is an escape: a
//! control frame follows, again with its length; its first 32 bits are its type. On a socket the
//! writer says READY and waits for ACCEPT, then START; at its end STOP, and waits for FINISH. A
//! file begins with START.

/// Longest data frame: a DNS message and its surroundings.
const FRAME_LEN_MAX: usize = 128 * 1024;
/// Longest control frame that the library accepts.
const CONTROL_LEN_MAX: usize = 512;
/// The only content that is read.
const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";

const ACCEPT: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 3;
const READY: u32 = 4;
const FINISH: u32 = 5;
/// The one field of a control frame.
const FIELD_CONTENT_TYPE: u32 = 1;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'b> {
    /// A frame with data.
    Data(&'b [u8]),
    /// Say this to the writer (nothing of the kind is needed for a file).
    Answer(Vec<u8>),
    /// The stream ended in good order; say this.
    End(Vec<u8>),
    /// Not whole yet.
    Wait,
}

/// Why a stream is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub &'static str);

const NOT_STARTED: Broken = Broken("a Frame Streams file or stream (no START at its head)");
const TOO_LONG: Broken = Broken("a frame within the bound (the length is absurd)");
const CONTROL: Broken = Broken("a control frame of the Frame Streams format");
const OTHER: Broken = Broken("content `protobuf:dnstap.Dnstap` (it is something else)");

/// Takes a stream apart.
#[derive(Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Where the next frame begins in it.
    at: usize,
    started: bool,
    /// Frames so far.
    pub count: u64,
}

impl Frames {
    /// Bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Is a frame begun that is not whole?
    pub fn is_within_a_frame(&self) -> bool {
        self.at < self.buffer.len()
    }

    /// The next frame of what came.
    ///
    /// # Errors
    /// [`Broken`]: nothing behind it can be trusted.
    pub fn next(&mut self) -> Result<Next<'_>, Broken> {
        let Some(len) = self.word(0) else {
            return Ok(Next::Wait);
        };
        if len == 0 {
            return self.control();
        }
        if !self.started {
            return Err(NOT_STARTED);
        }
        let len = len as usize;
        if len > FRAME_LEN_MAX {
            return Err(TOO_LONG);
        }
        let start = self.at + 4;
        if self.buffer.len() < start + len {
            return Ok(Next::Wait);
        }
        self.at = start + len;
        self.count += 1;
        Ok(Next::Data(
            self.buffer.get(start..start + len).unwrap_or_default(),
        ))
    }

    fn word(&self, offset: usize) -> Option<u32> {
        word(self.buffer.get(self.at + offset..)?)
    }

    fn control(&mut self) -> Result<Next<'_>, Broken> {
        let Some(len) = self.word(4) else {
            return Ok(Next::Wait);
        };
        let len = len as usize;
        if !(4..=CONTROL_LEN_MAX).contains(&len) {
            return Err(CONTROL);
        }
        let start = self.at + 8;
        let Some(body) = self.buffer.get(start..start + len) else {
            return Ok(Next::Wait);
        };
        let (kind, fields) = (word(body).unwrap_or(0), body.get(4..).unwrap_or_default());
        let fits = content_fits(fields)?;
        self.at = start + len;
        match kind {
            READY if fits => Ok(Next::Answer(control_frame(ACCEPT, true))),
            START if fits => {
                self.started = true;
                self.next()
            }
            READY | START => Err(OTHER),
            STOP => {
                self.started = false;
                Ok(Next::End(control_frame(FINISH, false)))
            }
            // The other side's answers stand in no file and come to no listener.
            _ => Err(CONTROL),
        }
    }
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// Is dnstap among the content types (or is none named)?
fn content_fits(mut fields: &[u8]) -> Result<bool, Broken> {
    let (mut any, mut ours) = (false, false);
    while !fields.is_empty() {
        let (kind, len) = match (word(fields), fields.get(4..).and_then(word)) {
            (Some(kind), Some(len)) => (kind, len as usize),
            _ => return Err(CONTROL),
        };
        let value = fields.get(8..).and_then(|rest| rest.get(..len));
        let value = value.ok_or(CONTROL)?;
        if kind == FIELD_CONTENT_TYPE {
            any = true;
            ours |= value == CONTENT;
        }
        fields = fields.get(8 + len..).unwrap_or_default();
    }
    Ok(ours || !any)
}

fn control_frame(kind: u32, with_content: bool) -> Vec<u8> {
    let mut body = kind.to_be_bytes().to_vec();
    if with_content {
        body.extend(FIELD_CONTENT_TYPE.to_be_bytes());
        body.extend((CONTENT.len() as u32).to_be_bytes());
        body.extend(CONTENT);
    }
    let mut frame = vec![0; 4];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = include_bytes!("../../tests/data/feeds/unbound.dnstap");

    fn lengths(frames: &mut Frames, out: &mut Vec<usize>) -> bool {
        loop {
            match frames.next().unwrap() {
                Next::Data(frame) => out.push(frame.len()),
                Next::Answer(_) => {}
                Next::End(_) => return true,
                Next::Wait => return false,
            }
        }
    }

    #[test]
    fn any_cutting_gives_the_same_frames() {
        let (mut whole, mut frames) = (Vec::new(), Frames::default());
        frames.push(FILE);
        assert!(lengths(&mut frames, &mut whole));
        assert!(whole.len() > 10);
        for size in [1, 3, 7, 64] {
            let (mut pieces, mut frames, mut ended) = (Vec::new(), Frames::default(), false);
            for piece in FILE.chunks(size) {
                frames.push(piece);
                ended |= lengths(&mut frames, &mut pieces);
            }
            assert!(ended && pieces == whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_writer_on_a_socket_is_answered() {
        let mut frames = Frames::default();
        frames.push(&control_frame(READY, true));
        assert_eq!(frames.next(), Ok(Next::Answer(control_frame(ACCEPT, true))));
        assert_eq!(frames.next(), Ok(Next::Wait));
        frames.push(&control_frame(START, true));
        frames.push(&[0, 0, 0, 2, 7, 8]);
        assert_eq!(frames.next(), Ok(Next::Data(&[7, 8])));
        frames.push(&control_frame(STOP, false));
        assert_eq!(frames.next(), Ok(Next::End(control_frame(FINISH, false))));
    }

    #[test]
    fn what_is_no_stream_is_given_up() {
        let broken = |bytes: &[u8]| {
            let mut frames = Frames::default();
            frames.push(bytes);
            frames.next().err()
        };
        assert_eq!(broken(b"[1795327871] unbound"), Some(NOT_STARTED));
        assert_eq!(broken(&[0, 0, 0, 0, 0, 0, 9, 9]), Some(CONTROL));
        assert_eq!(broken(&control_frame(99, false)), Some(CONTROL));
        let mut other = control_frame(START, true);
        let last = other.len() - 1;
        other[last] = b'x';
        assert_eq!(broken(&other), Some(OTHER));
        let mut absurd = control_frame(START, true);
        absurd.extend([255; 8]);
        assert_eq!(broken(&absurd), Some(TOO_LONG));
    }
}

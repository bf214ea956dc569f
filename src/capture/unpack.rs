//! gzip (RFC 1952, RFC 1951) and zstd (RFC 8878), so that nothing before a damaged place is lost.
//!
//! Enters: the packed stream. Leaves: the capture's own bytes, all that come before a fault, and
//! then the fault: `UnexpectedEof` where the stream breaks off, `InvalidData` where it is damaged.
//! Several members or frames, one behind the other, are one stream. Never: holds more than one
//! step's output; waits for more input than the next bytes need.
//!
//! The ready-made readers of flate2 and zstd drop what the same call unpacked before it met the
//! damage, up to a whole buffer of frames. Here each step gives out what it made even if it failed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::input::Raw;

/// Largest window that a zstd frame may ask for, as a power of two: 128 MiB, what `zstd -d` allows
/// too. It is the most memory that a packed file can make us use.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Longest output of one step: a zstd block (RFC 8878 section 3.1.1.2.4).
const OUTPUT_LEN: usize = 128 << 10;

/// flate2's decompressor turns round a buffer of this length; see [`Gzip::body`].
const DEFLATE_TURN_LEN: usize = 32 << 10;

/// Longest first bite of a zstd frame: its magic number and the byte that tells how long the header
/// is.
const ZSTD_START_LEN: usize = 5;

/// An unpacked view of a stream.
pub(super) struct Unpack {
    input: BufReader<Raw>,
    format: Format,
    output: Vec<u8>,
    /// What of `output` was not handed out yet.
    rest: std::ops::Range<usize>,
    /// What follows behind `rest`.
    end: Option<io::Result<()>>,
}

enum Format {
    Gzip(Gzip),
    Zstd(Zstd),
}

/// What one step made, and whether the stream goes on behind it.
struct Made {
    len: usize,
    end: Option<io::Result<()>>,
}

impl Unpack {
    pub(super) fn gzip(raw: Raw) -> Self {
        let gzip = Gzip {
            inflate: Decompress::new(false),
            crc: Crc::new(),
            part: Part::Header,
        };
        Self::new(raw, Format::Gzip(gzip))
    }

    pub(super) fn zstd(raw: Raw) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
        Ok(Self::new(
            raw,
            Format::Zstd(Zstd {
                decoder,
                bite: ZSTD_START_LEN,
                inside: true,
            }),
        ))
    }

    fn new(raw: Raw, format: Format) -> Self {
        let input = BufReader::with_capacity(64 << 10, raw);
        Self {
            input,
            format,
            output: vec![0; OUTPUT_LEN],
            rest: 0..0,
            end: None,
        }
    }

    pub(super) fn get_ref(&self) -> &Raw {
        self.input.get_ref()
    }
}

impl Read for Unpack {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.end.take() {
                Some(Err(error)) => return Err(error),
                Some(Ok(())) => {
                    self.end = Some(Ok(()));
                    return Ok(0);
                }
                None => {}
            }
            let made = match &mut self.format {
                Format::Gzip(gzip) => gzip.step(&mut self.input, &mut self.output),
                Format::Zstd(zstd) => zstd.step(&mut self.input, &mut self.output),
            };
            self.rest = 0..made.len;
            self.end = made.end;
        }
        let len = out.len().min(self.rest.len());
        out[..len].copy_from_slice(&self.output[self.rest.start..][..len]);
        self.rest.start += len;
        Ok(len)
    }
}

impl From<io::Result<usize>> for Made {
    fn from(made: io::Result<usize>) -> Self {
        match made {
            Ok(len) => Self { len, end: None },
            // A signal is no fault; the next step starts where this one did.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Self { len: 0, end: None },
            Err(error) => Self {
                len: 0,
                end: Some(Err(error)),
            },
        }
    }
}

fn damaged(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The next packed bytes; the stream must not end here.
fn more(input: &mut impl BufRead) -> io::Result<&[u8]> {
    match input.fill_buf()? {
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => Ok(bytes),
    }
}

struct Gzip {
    inflate: Decompress,
    crc: Crc,
    part: Part,
}

enum Part {
    Header,
    Body,
    Trailer,
}

impl Gzip {
    fn step(&mut self, input: &mut impl BufRead, output: &mut [u8]) -> Made {
        match self.part {
            Part::Header => self.header(input).map(|()| 0).into(),
            Part::Body => self.body(input, output),
            Part::Trailer => match self.trailer(input) {
                Ok(true) => Made {
                    len: 0,
                    end: Some(Ok(())),
                },
                Ok(false) => Made { len: 0, end: None },
                Err(error) => Made::from(Err(error)),
            },
        }
    }

    /// RFC 1952 section 2.3.
    fn header(&mut self, input: &mut impl BufRead) -> io::Result<()> {
        const CHECKSUM: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        const RESERVED: u8 = 0xe0;
        let head: [u8; 10] = array(input)?;
        let flags = head[3];
        if head[..3] != [0x1f, 0x8b, 8] || flags & RESERVED != 0 {
            return Err(damaged("no gzip header where one must stand"));
        }
        if flags & EXTRA != 0 {
            let len = u16::from_le_bytes(array(input)?);
            skip(input, len.into())?;
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && array::<1>(input)? != [0] {}
        }
        if flags & CHECKSUM != 0 {
            skip(input, 2)?;
        }
        self.inflate.reset(false);
        self.crc.reset();
        self.part = Part::Body;
        Ok(())
    }

    fn body(&mut self, input: &mut impl BufRead, output: &mut [u8]) -> Made {
        let packed = match more(input) {
            Ok(packed) => packed,
            Err(error) => return Made::from(Err(error)),
        };
        let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
        // With room up to where the decompressor's own buffer turns round, and no further, it hands
        // over all that it has made before it says that the stream is damaged.
        let room = DEFLATE_TURN_LEN - made as usize % DEFLATE_TURN_LEN;
        let status = self
            .inflate
            .decompress(packed, &mut output[..room], FlushDecompress::None);
        let read = (self.inflate.total_in() - read) as usize;
        let len = (self.inflate.total_out() - made) as usize;
        input.consume(read);
        self.crc.update(&output[..len]);
        let end = match status {
            Ok(Status::StreamEnd) => {
                self.part = Part::Trailer;
                None
            }
            Ok(_) if read > 0 || len > 0 => None,
            Ok(_) | Err(_) => Some(Err(damaged("its deflate data make no sense"))),
        };
        Made { len, end }
    }

    /// Checksum and length; `true` when nothing follows.
    fn trailer(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        let tail: [u8; 8] = array(input)?;
        let (crc, len) = (
            self.crc.sum().to_le_bytes(),
            self.crc.amount().to_le_bytes(),
        );
        if tail != *[crc, len].as_flattened() {
            return Err(damaged("its checksum is wrong"));
        }
        self.part = Part::Header;
        at_end(input)
    }
}

fn at_end(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(<[u8]>::is_empty),
        }
    }
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(input: &mut impl Read, len: u64) -> io::Result<()> {
    if io::copy(&mut input.take(len), &mut io::sink())? < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

struct Zstd {
    decoder: Decoder<'static>,
    /// Most packed bytes for the next step: up to the end of one block, so that a damaged block
    /// does not take the one before it along.
    bite: usize,
    /// Is a frame open?
    inside: bool,
}

impl Zstd {
    fn step(&mut self, input: &mut impl BufRead, output: &mut [u8]) -> Made {
        if !self.inside {
            match at_end(input).and_then(|end| self.decoder.reinit().map(|()| end)) {
                Ok(true) => {
                    return Made {
                        len: 0,
                        end: Some(Ok(())),
                    };
                }
                Ok(false) => (self.inside, self.bite) = (true, ZSTD_START_LEN),
                Err(error) => return Made::from(Err(error)),
            }
        }
        self.block(input, output).into()
    }

    fn block(&mut self, input: &mut impl BufRead, output: &mut [u8]) -> io::Result<usize> {
        /// What the decoder asks for ends behind the header of the next block.
        const BLOCK_HEADER_LEN: usize = 3;
        let packed = more(input)?;
        let bite = &packed[..packed.len().min(self.bite)];
        let mut from = InBuffer::around(bite);
        let mut to = OutBuffer::around(output);
        let wish = self.decoder.run(&mut from, &mut to).map_err(damaged)?;
        let (read, len) = (from.pos(), to.pos());
        if read == 0 && len == 0 && wish != 0 {
            return Err(damaged("its zstd data make no sense"));
        }
        input.consume(read);
        self.inside = wish != 0;
        self.bite = if wish > BLOCK_HEADER_LEN {
            wish - BLOCK_HEADER_LEN
        } else {
            wish.max(1)
        };
        Ok(len)
    }
}

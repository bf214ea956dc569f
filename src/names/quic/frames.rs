//! Frames of an Initial packet (RFC 9000 sections 12.4 and 19).
//!
//! Enters: a decrypted payload. Leaves: its CRYPTO pieces, each with its place. Never: takes a
//! frame that may not stand in an Initial.

use crate::names::reader::Reader;

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;
const CONNECTION_CLOSE: u64 = 0x1c;

/// A piece of the handshake stream.
#[derive(Clone, Copy)]
pub(super) struct Crypto<'a> {
    /// Its place in the stream; offset and end are below 2^62.
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
    /// Where `data` stands in the payload.
    pub(super) at: usize,
}

/// A frame that may not stand in an Initial, or runs past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadFrame;

/// The CRYPTO frames of a payload, in order; ends after the first bad frame.
pub(super) struct CryptoFrames<'a> {
    reader: Reader<'a>,
    len: usize,
}

impl<'a> CryptoFrames<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(payload),
            len: payload.len(),
        }
    }

    /// The next frame: a CRYPTO piece, or nothing of interest. `None`: broken.
    fn frame(&mut self) -> Option<Option<Crypto<'a>>> {
        let reader = &mut self.reader;
        match reader.varint()? {
            PADDING | PING => {}
            kind @ (ACK | ACK_ECN) => skip_ack(reader, kind == ACK_ECN)?,
            CRYPTO => {
                let offset = reader.varint()?;
                let len = reader.varint_len()?;
                let data = reader.take(len)?;
                let end = offset.saturating_add(len as u64);
                if end >= 1 << 62 {
                    return None;
                }
                let at = self.len.saturating_sub(reader.len()).saturating_sub(len);
                return Some(Some(Crypto { offset, data, at }));
            }
            CONNECTION_CLOSE => {
                let _error = reader.varint()?;
                let _frame_type = reader.varint()?;
                let len = reader.varint_len()?;
                reader.take(len)?;
            }
            _ => return None,
        }
        Some(None)
    }
}

impl<'a> Iterator for CryptoFrames<'a> {
    type Item = Result<Crypto<'a>, BadFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // Chrome pads with hundreds of zeros: step over a run at once.
            let padding = self.reader.rest().iter().take_while(|byte| **byte == 0);
            let padding = padding.count();
            self.reader.take(padding);
            if self.reader.is_empty() {
                return None;
            }
            match self.frame() {
                Some(Some(crypto)) => return Some(Ok(crypto)),
                Some(None) => {}
                None => {
                    self.reader = Reader::new(&[]);
                    return Some(Err(BadFrame));
                }
            }
        }
    }
}

/// RFC 9000 section 19.3.
fn skip_ack(reader: &mut Reader<'_>, ecn: bool) -> Option<()> {
    let _largest = reader.varint()?;
    let _delay = reader.varint()?;
    let ranges = reader.varint()?;
    let _first_range = reader.varint()?;
    // Each range takes two bytes at least, so the payload bounds the loop.
    for _ in 0..ranges {
        let _gap = reader.varint()?;
        let _len = reader.varint()?;
    }
    if ecn {
        for _ in 0..3 {
            reader.varint()?;
        }
    }
    Some(())
}

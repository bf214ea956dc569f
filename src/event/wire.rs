//! Events on the socketpair: a little-endian `u32` length, then postcard bytes.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

/// Longest message accepted, in bytes; a longer length means the stream is broken.
pub const MESSAGE_LEN_MAX: usize = 1 << 20;

/// Writes one message into `buffer` (cleared first), framed.
///
/// # Errors
/// `InvalidData` when it cannot be serialised or is longer than [`MESSAGE_LEN_MAX`].
pub fn encode<T: Serialize>(message: &T, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    buffer.extend([0; 4]);
    *buffer = postcard::to_extend(message, std::mem::take(buffer)).map_err(broken)?;
    let len = buffer.len().saturating_sub(4);
    if len > MESSAGE_LEN_MAX {
        return Err(broken("event longer than the bound"));
    }
    if let Some(head) = buffer.get_mut(..4) {
        head.copy_from_slice(&(len as u32).to_le_bytes());
    }
    Ok(())
}

/// Writes one framed message to `out`.
///
/// # Errors
/// As [`encode`], or the error of `out`.
pub fn write<T: Serialize>(message: &T, out: &mut impl Write) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(256);
    encode(message, &mut buffer)?;
    out.write_all(&buffer)
}

/// Reads one framed message; `None` at a clean end of the stream.
///
/// # Errors
/// The error of `input`, or `InvalidData` on a broken message.
pub fn read<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    match input.read_exact(&mut head) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let len = u32::from_le_bytes(head) as usize;
    if len > MESSAGE_LEN_MAX {
        return Err(broken("event longer than the bound"));
    }
    let mut body = vec![0; len];
    input.read_exact(&mut body)?;
    decode(&body).map(Some)
}

/// One message from its body (without the length).
///
/// # Errors
/// `InvalidData` on a broken message.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    postcard::from_bytes(body).map_err(broken)
}

fn broken(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("event stream between sensor and desk: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, ListInfo};

    #[test]
    fn a_message_comes_back() {
        let info = ListInfo {
            version: "ab".into(),
            rules: 1,
            vendors: 1,
            modified: 2,
            ..ListInfo::default()
        };
        let mut wire = Vec::new();
        write(&Event::Ready(info), &mut wire).unwrap();
        write(&Event::ListRefused("no".into()), &mut wire).unwrap();
        let mut input = wire.as_slice();
        assert!(matches!(read(&mut input).unwrap(), Some(Event::Ready(i)) if i.rules == 1));
        assert!(matches!(
            read(&mut input).unwrap(),
            Some(Event::ListRefused(_))
        ));
        assert!(read::<Event>(&mut input).unwrap().is_none());
    }

    #[test]
    fn a_broken_length_is_an_error() {
        assert!(read::<Event>(&mut [0xff; 8].as_slice()).is_err());
    }
}

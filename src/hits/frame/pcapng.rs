//! Frames as a pcapng file (draft-ietf-opsawg-pcapng), for Wireshark.
//!
//! Enters: opened frames. Leaves: the file's bytes: one section, an interface for each observation
//! point and link type, nanoseconds, and beside each packet a comment that says how true it is.
//! Never: writes a file.

use super::Frame;

/// Block types.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// Options: of any block, of a section, of an interface.
const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;

/// The file: each frame with the id of its hit, in the order given.
pub fn file<'f>(frames: impl IntoIterator<Item = (&'f str, &'f Frame)>) -> Vec<u8> {
    file_by(concat!("poortwacht ", env!("CARGO_PKG_VERSION")), frames)
}

/// The same, as written by another version of this program.
pub fn file_by<'f>(
    program: &str,
    frames: impl IntoIterator<Item = (&'f str, &'f Frame)>,
) -> Vec<u8> {
    let mut out = Vec::new();
    // Byte order mark, version 1.0, length not told.
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend(u64::MAX.to_le_bytes());
    option(&mut section, APPLICATION, program.as_bytes());
    end(&mut section);
    block(&mut out, SECTION, &section);
    let mut interfaces: Vec<(&str, u16)> = Vec::new();
    for (hit, frame) in frames {
        let head = &frame.head;
        let of = (head.point.as_str(), head.link);
        let number = interfaces.iter().position(|known| *known == of);
        let number = number.unwrap_or_else(|| {
            interface(&mut out, of);
            interfaces.push(of);
            interfaces.len() - 1
        });
        packet(&mut out, number as u32, hit, frame);
    }
    out
}

fn interface(out: &mut Vec<u8>, (name, link): (&str, u16)) {
    // No snap length.
    let mut body = [&link.to_le_bytes()[..], &[0; 6]].concat();
    option(&mut body, NAME, name.as_bytes());
    option(&mut body, RESOLUTION, &[9]);
    end(&mut body);
    block(out, INTERFACE, &body);
}

fn packet(out: &mut Vec<u8>, interface: u32, hit: &str, frame: &Frame) {
    let time = frame.head.time_ns.max(0) as u64;
    let mut body = Vec::with_capacity(frame.bytes.len() + 256);
    for word in [
        interface,
        (time >> 32) as u32,
        time as u32,
        frame.bytes.len() as u32,
        frame.head.wire_len,
    ] {
        body.extend(word.to_le_bytes());
    }
    body.extend_from_slice(&frame.bytes);
    pad(&mut body);
    option(&mut body, COMMENT, frame.head.comment(hit).as_bytes());
    end(&mut body);
    block(out, PACKET, &body);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(len.to_le_bytes());
    body.extend(value.iter().take(len.into()));
    pad(body);
}

fn end(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

/// Blocks begin at multiples of four bytes, so what is within them may be counted from their start.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let total = (12 + body.len() as u32).to_le_bytes();
    out.extend(kind.to_le_bytes());
    out.extend(total);
    out.extend_from_slice(body);
    out.extend(total);
}

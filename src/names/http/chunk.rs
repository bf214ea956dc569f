//! Bodies in chunks: only their lengths are read (RFC 9112 section 7.1).

use super::super::{Malformed, Probe};

/// Longest line before a chunk, extensions included, in bytes.
const LINE_LEN_MAX: usize = 4096;
/// Most hex digits of a length: chunks beyond 256 MiB are not followed.
const DIGITS_MAX: usize = 7;

/// Length of the chunk whose first line stands at the start of `bytes` (0 for the last one), and of
/// that line.
pub fn chunk(bytes: &[u8]) -> Probe<(usize, usize)> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let digits = digits.take(DIGITS_MAX.saturating_add(1)).count();
    if digits > DIGITS_MAX || (digits == 0 && !bytes.is_empty()) {
        return Probe::Malformed(Malformed::HttpBody);
    }
    let line_len = match line(bytes) {
        Probe::Found(line_len) => line_len,
        Probe::NeedMore => return Probe::NeedMore,
        _ => return Probe::Malformed(Malformed::HttpBody),
    };
    let behind = bytes.get(digits..line_len).unwrap_or_default();
    let ends = matches!(behind.first(), Some(b'\r' | b'\n' | b';' | b' ' | b'\t'));
    let text = bytes
        .get(..digits)
        .and_then(|text| std::str::from_utf8(text).ok());
    match text.and_then(|text| usize::from_str_radix(text, 16).ok()) {
        Some(len) if ends => Probe::Found((len, line_len)),
        _ => Probe::Malformed(Malformed::HttpBody),
    }
}

/// Length of a line of the trailer section, and whether it is the empty one that ends it.
pub fn trailer_line(bytes: &[u8]) -> Probe<(bool, usize)> {
    match line(bytes) {
        Probe::Found(len) => {
            let last = matches!(bytes.get(..len), Some(b"\r\n" | b"\n"));
            Probe::Found((last, len))
        }
        Probe::NeedMore => Probe::NeedMore,
        _ => Probe::Malformed(Malformed::HttpBody),
    }
}

fn line(bytes: &[u8]) -> Probe<usize> {
    let window = bytes.get(..LINE_LEN_MAX).unwrap_or(bytes);
    match window.iter().position(|byte| *byte == b'\n') {
        Some(end) => Probe::Found(end.saturating_add(1)),
        None if bytes.len() < LINE_LEN_MAX => Probe::NeedMore,
        None => Probe::NotForUs,
    }
}

//! A name from the wire, made ready for the table.
//!
//! Enters: a [`RawName`]. Leaves: its last two labels for the filter (the way of almost every
//! name), then its whole normal form with the places of its labels: quickly for a plain name,
//! slowly for an odd one. Never: allocates (UTS 46 may, for Unicode longer than a name); takes a
//! dot inside a label for a border. RFC 1035 sections 3.1, 4.1.4; UTS 46.

use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{ErrorPolicy, Hyphens, ProcessingSuccess, Uts46};

use crate::base::name::NORMAL_LEN_MAX;
use crate::base::{NameBuf, RawName};

/// Longest name in text form (255 wire bytes less the first length byte and the root).
const TEXT_LEN_MAX: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const LABEL_LEN_MAX: usize = 63;
/// Most labels that 255 wire bytes can hold.
const LABELS_MAX: usize = 127;
/// What the end of a name says before the rest is looked at. Its last two labels are ASCII, in any
/// case.
pub(crate) enum Tail<'f> {
    /// A text without its final dot; the last two labels begin at these bytes.
    Text(&'f [u8], [usize; 2]),
    /// The last two labels of a name in a DNS message.
    Wire(&'f [u8], &'f [u8]),
    /// The whole name has to be looked at: something here is not ASCII.
    Odd,
    /// No rule can match: fewer than two labels, or broken.
    Hopeless,
}

/// Finds the last two labels.
#[inline]
pub(crate) fn tail<'f>(name: &RawName<'f>) -> Tail<'f> {
    match *name {
        RawName::Text(text) => tail_of_text(text),
        RawName::Wire { msg, at } => tail_of_wire(msg, at),
    }
}

#[inline]
fn tail_of_text(text: &[u8]) -> Tail<'_> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.len() > NORMAL_LEN_MAX {
        return Tail::Hopeless;
    }
    let mut last = 0;
    let mut left = 0;
    let mut all = 0;
    for (at, &byte) in text.iter().enumerate().rev() {
        all |= byte;
        if byte == b'.' {
            if last > 0 {
                left = at + 1;
                break;
            }
            last = at + 1;
        }
    }
    if all >= 0x80 {
        Tail::Odd
    } else if last == 0 {
        Tail::Hopeless
    } else {
        Tail::Text(text, [left, last])
    }
}

/// Walks the labels of a DNS message with the same rules as [`RawName::normalise`], but keeps no
/// more than where the last two stand.
#[inline]
fn tail_of_wire(msg: &[u8], at: u16) -> Tail<'_> {
    let mut last: [&[u8]; 2] = [&[], &[]];
    let walked = walk(msg, at, |label| {
        last = [last[1], label];
        true
    });
    if walked.is_none() || last[0].is_empty() {
        Tail::Hopeless
    } else if last[0].is_ascii() && last[1].is_ascii() {
        Tail::Wire(last[0], last[1])
    } else {
        Tail::Odd
    }
}

/// Hands over each label of a name in a DNS message; `None` when the name is broken, has more
/// labels than a name can have, or `each` says no.
#[inline]
fn walk<'f>(msg: &'f [u8], at: u16, mut each: impl FnMut(&'f [u8]) -> bool) -> Option<()> {
    let mut pos = usize::from(at);
    // A pointer must point before the piece it stands in, so loops end by themselves.
    let mut ceiling = pos;
    let mut labels = 0;
    loop {
        let len = *msg.get(pos)?;
        match len & 0xc0 {
            0 if len == 0 => return Some(()),
            0 => {
                let end = pos + 1 + usize::from(len);
                labels += 1;
                if labels > LABELS_MAX || !each(msg.get(pos + 1..end)?) {
                    return None;
                }
                pos = end;
            }
            0xc0 => {
                let target = usize::from(len & 0x3f) << 8 | usize::from(*msg.get(pos + 1)?);
                if target >= ceiling {
                    return None;
                }
                (ceiling, pos) = (target, target);
            }
            _ => return None,
        }
    }
}

/// A whole name of letters, digits, `-` and `_`, as nearly all are: its normal form, on the stack.
pub(crate) struct PlainName {
    text: [u8; TEXT_LEN_MAX + 1],
    starts: [u16; LABELS_MAX],
}

impl PlainName {
    /// Room for one name.
    pub(crate) const fn new() -> Self {
        Self {
            text: [0; TEXT_LEN_MAX + 1],
            starts: [0; LABELS_MAX],
        }
    }

    /// Reads `name`; `None` when it is something else than a plain name.
    pub(crate) fn read(&mut self, name: &RawName<'_>) -> Option<(&[u8], &[u16])> {
        let (mut len, mut labels) = (0, 0);
        let mut push = |label: &[u8]| {
            let end = len + label.len();
            let (Some(room), Some(start)) =
                (self.text.get_mut(len..end + 1), self.starts.get_mut(labels))
            else {
                return false;
            };
            *start = len as u16;
            let mut plain = (1..=LABEL_LEN_MAX).contains(&label.len());
            for (slot, &byte) in room.iter_mut().zip(label) {
                *slot = byte.to_ascii_lowercase();
                plain &= byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            }
            room[label.len()] = b'.';
            (len, labels) = (end + 1, labels + 1);
            plain
        };
        match *name {
            RawName::Text(text) => {
                let text = text.strip_suffix(b".").unwrap_or(text);
                if !text.split(|&byte| byte == b'.').all(&mut push) {
                    return None;
                }
            }
            RawName::Wire { msg, at } => walk(msg, at, &mut push)?,
        }
        Some((
            self.text.get(..len.checked_sub(1)?)?,
            &self.starts[..labels],
        ))
    }
}

/// A whole name of any bytes: its normal form, on the stack.
pub(crate) struct OddName {
    normal: NameBuf,
    /// A-labels, when the wire carried U-labels.
    ascii: Text,
    starts: [u16; LABELS_MAX],
    labels: usize,
}

impl OddName {
    /// Room for one name.
    pub(crate) const fn new() -> Self {
        Self {
            normal: NameBuf::new(),
            ascii: Text {
                len: 0,
                bytes: [0; TEXT_LEN_MAX + 1],
            },
            starts: [0; LABELS_MAX],
            labels: 0,
        }
    }

    /// Reads `name`; `None` when it is no name that DNS could carry.
    pub(crate) fn read(&mut self, name: &RawName<'_>) -> Option<(&[u8], &[u16])> {
        name.normalise(&mut self.normal).ok()?;
        let normal = self.normal.as_bytes();
        let text = match to_a_labels(normal, &mut self.ascii) {
            true => self.ascii.as_bytes(),
            false => normal,
        };
        self.labels = split(text, &mut self.starts)?;
        Some((text, &self.starts[..self.labels]))
    }
}

/// Finds where the labels begin; `None` for an empty label, a label or a name that is too long.
fn split(text: &[u8], starts: &mut [u16; LABELS_MAX]) -> Option<usize> {
    let (mut labels, mut label_len, mut wire_len) = (0usize, 0usize, 0usize);
    let mut at = 0;
    let mut start = 0;
    loop {
        let byte = text.get(at).copied();
        if byte.is_none_or(|b| b == b'.') {
            if label_len == 0 || label_len > LABEL_LEN_MAX {
                return None;
            }
            wire_len += label_len + 1;
            *starts.get_mut(labels)? = u16::try_from(start).ok()?;
            labels += 1;
            (label_len, start) = (0, at + 1);
            at += 1;
            if byte.is_none() {
                break;
            }
        } else {
            label_len += 1;
            at += escape_len(text, at);
        }
    }
    // Each label counted its border, the last one has none.
    (wire_len - 1 <= TEXT_LEN_MAX).then_some(labels)
}

/// Bytes of the normal form that stand for one byte on the wire, from `at` on: 1, `\.` or `\255`.
fn escape_len(text: &[u8], at: usize) -> usize {
    match (text.get(at), text.get(at + 1)) {
        (Some(b'\\'), Some(b'0'..=b'9')) => 4,
        (Some(b'\\'), _) => 2,
        _ => 1,
    }
}

/// Some clients put Unicode on the wire. Writes the A-label form of such a name; false when the
/// name is ASCII, is no UTF-8, has a dot or backslash inside a label, or is forbidden by UTS 46:
/// it is then matched as it stands, so that its lower labels still tell the zone.
fn to_a_labels(normal: &[u8], out: &mut Text) -> bool {
    if !normal.contains(&b'\\') {
        return false;
    }
    let mut raw = Bytes::new();
    let mut at = 0;
    let mut unicode = false;
    while at < normal.len() {
        let byte = match escape_len(normal, at) {
            1 => normal[at],
            4 => {
                let digit =
                    |n: usize| u16::from(normal.get(at + n).map_or(0, |d| d.wrapping_sub(b'0')));
                let value = digit(1) * 100 + digit(2) * 10 + digit(3);
                unicode |= value >= 0x80;
                u8::try_from(value).unwrap_or(0)
            }
            _ => return false,
        };
        if !raw.push(byte) {
            return false;
        }
        at += escape_len(normal, at);
    }
    if !unicode {
        return false;
    }
    out.len = 0;
    let done = Uts46::new().process(
        raw.as_bytes(),
        AsciiDenyList::EMPTY,
        Hyphens::Allow,
        ErrorPolicy::FailFast,
        |_, _, _| false,
        out,
        None,
    );
    // UTS 46 takes an ideographic full stop for a dot. On the wire it is none, so a conversion
    // that makes new borders is not the name that was asked for.
    let dots = |text: &[u8]| text.iter().filter(|&&b| b == b'.').count();
    matches!(done, Ok(ProcessingSuccess::WroteToSink)) && dots(out.as_bytes()) == dots(normal)
}

/// Unescaped bytes of a name: a U-label is at most four bytes a character.
struct Bytes {
    len: usize,
    bytes: [u8; 4 * (TEXT_LEN_MAX + 1)],
}

impl Bytes {
    const fn new() -> Self {
        Self {
            len: 0,
            bytes: [0; 4 * (TEXT_LEN_MAX + 1)],
        }
    }

    fn push(&mut self, byte: u8) -> bool {
        let Some(slot) = self.bytes.get_mut(self.len) else {
            return false;
        };
        *slot = byte;
        self.len += 1;
        true
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Where UTS 46 writes to.
struct Text {
    len: usize,
    bytes: [u8; TEXT_LEN_MAX + 1],
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

//! A name from the wire, made ready for the table.
//!
//! Enters: a [`RawName`]. Leaves: its last two labels for the filter (the way of almost every
//! name), or its whole normal form with the places of its labels. Never: allocates; takes a dot
//! inside a label for a border. RFC 1035 sections 3.1, 4.1.4; UTS 46.

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
/// Room for two labels and the dot between them.
const TAIL_LEN_MAX: usize = 2 * LABEL_LEN_MAX + 1;

/// What the end of a name says before the rest is looked at.
pub(crate) enum Tail<'a> {
    /// Its last two labels, ASCII, in any case, begin at this byte of this text, which may hold the
    /// labels before them.
    Labels(&'a [u8], usize),
    /// The whole name has to be looked at: something here is not ASCII.
    Odd,
    /// No rule can match: fewer than two labels, or broken.
    Hopeless,
}

/// Room on the stack for the last two labels of a name that is not text.
pub(crate) type TailRoom = [u8; TAIL_LEN_MAX];

/// Finds the last two labels. `room` is used for names in DNS messages only.
#[inline]
pub(crate) fn tail<'a>(name: &RawName<'a>, room: &'a mut TailRoom) -> Tail<'a> {
    match *name {
        RawName::Text(text) => tail_of_text(text),
        RawName::Wire { msg, at } => tail_of_wire(msg, at, room),
    }
}

#[inline]
fn tail_of_text(text: &[u8]) -> Tail<'_> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.len() > NORMAL_LEN_MAX {
        return Tail::Hopeless;
    }
    let mut dots = 0;
    let mut from = 0;
    let mut all = 0;
    for (at, &byte) in text.iter().enumerate().rev() {
        all |= byte;
        if byte == b'.' {
            dots += 1;
            if dots == 2 {
                from = at + 1;
                break;
            }
        }
    }
    if all >= 0x80 {
        Tail::Odd
    } else if dots == 0 || text.len() - from > TAIL_LEN_MAX {
        Tail::Hopeless
    } else {
        Tail::Labels(text, from)
    }
}

/// Walks the labels of a DNS message with the same rules as [`RawName::normalise`], but keeps no
/// more than where the last two stand.
fn tail_of_wire<'a>(msg: &[u8], at: u16, room: &'a mut TailRoom) -> Tail<'a> {
    let mut pos = usize::from(at);
    let mut ceiling = pos;
    let mut last: [(usize, usize); 2] = [(0, 0); 2];
    let mut labels = 0;
    loop {
        let Some(&len) = msg.get(pos) else {
            return Tail::Hopeless;
        };
        match len & 0xc0 {
            0 if len == 0 => break,
            0 => {
                last = [last[1], (pos + 1, pos + 1 + usize::from(len))];
                pos = last[1].1;
                labels += 1;
                if labels > LABELS_MAX {
                    return Tail::Hopeless;
                }
            }
            0xc0 => {
                let Some(&low) = msg.get(pos + 1) else {
                    return Tail::Hopeless;
                };
                let target = usize::from(len & 0x3f) << 8 | usize::from(low);
                if target >= ceiling {
                    return Tail::Hopeless;
                }
                (ceiling, pos) = (target, target);
            }
            _ => return Tail::Hopeless,
        }
    }
    if labels < 2 {
        return Tail::Hopeless;
    }
    let (Some(left), Some(right)) = (msg.get(last[0].0..last[0].1), msg.get(last[1].0..last[1].1))
    else {
        return Tail::Hopeless;
    };
    if !left.is_ascii() || !right.is_ascii() {
        return Tail::Odd;
    }
    let len = left.len() + 1 + right.len();
    room[..left.len()].copy_from_slice(left);
    room[left.len()] = b'.';
    room[left.len() + 1..len].copy_from_slice(right);
    Tail::Labels(&room[..len], 0)
}

/// A whole name in normal form, on the stack.
pub(crate) struct WholeName {
    normal: NameBuf,
    /// A-labels, when the wire carried U-labels.
    ascii: Text,
    starts: [u16; LABELS_MAX],
    labels: usize,
}

impl WholeName {
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

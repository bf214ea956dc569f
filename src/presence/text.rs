//! Names as messages carry them, on the stack.
//!
//! Enters: bytes. Leaves: text that is fit to be shown, or nothing. Never: allocates; repairs.

/// Longest name kept, in bytes: what DNS allows (RFC 1035 section 2.3.4).
pub(super) const TEXT_LEN_MAX: usize = 255;

/// A name of a device, on the stack.
#[derive(Clone, Copy, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Text {
    bytes: [u8; TEXT_LEN_MAX],
    len: u8,
}

impl Text {
    pub const EMPTY: Self = Self {
        bytes: [0; TEXT_LEN_MAX],
        len: 0,
    };

    /// A copy of `bytes` if they are [`fit`], else empty.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = Self::EMPTY;
        let found = fit(bytes).unwrap_or_default().as_bytes();
        let room = text.bytes.get_mut(..found.len());
        if let (Some(room), Ok(len)) = (room, u8::try_from(found.len())) {
            room.copy_from_slice(found);
            text.len = len;
        }
        text
    }

    /// A name in labels (RFC 1035 section 3.1), whole or partial (RFC 4702 section 2.3.1: without
    /// its end), dotted. Pointers have nothing to point to here; a dot in a label is no border, so
    /// such a name is not taken.
    pub fn of_labels(mut bytes: &[u8]) -> Self {
        let mut dotted = [0u8; TEXT_LEN_MAX];
        let mut filled = 0usize;
        while let Some((len, rest)) = bytes.split_first() {
            let len = usize::from(*len);
            let Some((label, rest)) = rest.split_at_checked(len) else {
                return Self::EMPTY;
            };
            if len == 0 {
                break;
            }
            if len > 63 || label.contains(&b'.') {
                return Self::EMPTY;
            }
            let start = if filled == 0 {
                0
            } else {
                filled.saturating_add(1)
            };
            let end = start.saturating_add(len);
            let (Some(border), true) = (dotted.get_mut(filled), end <= TEXT_LEN_MAX) else {
                return Self::EMPTY;
            };
            *border = b'.';
            if let Some(room) = dotted.get_mut(start..end) {
                room.copy_from_slice(label);
            }
            filled = end;
            bytes = rest;
        }
        Self::of(dotted.get(..filled).unwrap_or_default())
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `None` when empty.
    pub fn to_owned(self) -> Option<String> {
        let bytes = self.bytes.get(..usize::from(self.len))?;
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Text fit to be shown: UTF-8 of at most [`TEXT_LEN_MAX`] bytes without control characters or
/// line and paragraph borders, not blank. A zero byte at the end is an old habit and no part of it.
pub(super) fn fit(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().rposition(|byte| *byte != 0)?;
    let bytes = bytes.get(..=end)?;
    let text = std::str::from_utf8(bytes).ok()?;
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = text.len() <= TEXT_LEN_MAX && !text.chars().any(odd) && !text.trim().is_empty();
    shown.then_some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_as_it_is_or_not_at_all() {
        assert_eq!(Text::of(b"LAPTOP-7").to_owned().unwrap(), "LAPTOP-7");
        assert_eq!(Text::of(b"laptop\0\0").to_owned().unwrap(), "laptop");
        assert_eq!(
            Text::of("pc-jörg".as_bytes()).to_owned().unwrap(),
            "pc-jörg"
        );
        let reversed = "pc\u{202e}gro".as_bytes();
        for bytes in [
            b"".as_slice(),
            b"\0",
            b" ",
            b"a\nb",
            b"a\0b",
            b"j\xf6rg",
            &[b'a'; 256],
            reversed,
        ] {
            assert!(Text::of(bytes).to_owned().is_none(), "{bytes:?}");
        }
        assert_eq!(Text::of(&[b'a'; 255]).to_owned().unwrap().len(), 255);
    }

    #[test]
    fn labels_become_dotted() {
        let of = |bytes: &[u8]| Text::of_labels(bytes).to_owned();
        assert_eq!(of(b"\x06laptop\x04corp\x00").unwrap(), "laptop.corp");
        assert_eq!(of(b"\x06laptop").unwrap(), "laptop", "a partial name");
        for bytes in [
            b"".as_slice(),
            b"\0",
            b"\x07laptop",
            b"\xc0\x00",
            b"\x03a.b\x00",
            b"\x40",
        ] {
            assert_eq!(of(bytes), None, "{bytes:?}");
        }
        let long: Vec<u8> = [[63].as_slice(), &[b'a'; 63]].concat().repeat(4);
        assert_eq!(of(&long).unwrap().len(), 255);
        assert_eq!(of(&[long.as_slice(), b"\x01b"].concat()), None);
    }
}

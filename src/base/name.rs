//! Names as they stand on the wire, and their one normal form.
//!
//! A [`RawName`] borrows from the frame. [`RawName::normalise`] writes the normal form into a
//! [`NameBuf`] on the stack: ASCII lower case, no trailing dot, a byte that is no letter, digit,
//! `-`, `_` or `*` escaped as in RFC 1035 section 5.1 (`\.` and `\DDD`), so that a dot inside a
//! label can never pass for a border between labels.

use std::fmt;

/// Longest normal form kept, in bytes: 255 wire bytes, each escaped to four characters.
pub const NORMAL_LEN_MAX: usize = 1024;

/// Longest name that DNS can carry, in wire bytes (RFC 1035 section 2.3.4).
pub const WIRE_LEN_MAX: usize = 255;

/// A name where the frame holds it.
#[derive(Clone, Copy)]
pub enum RawName<'f> {
    /// Dotted text, as in a TLS server_name.
    Text(&'f [u8]),
    /// Labels of a DNS message at an offset; may go through compression pointers into `msg`.
    Wire {
        /// The whole message, from its header on.
        msg: &'f [u8],
        /// Offset of the first length byte.
        at: u16,
    },
}

/// Why a name has no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// No label at all (the root, an empty server_name).
    Empty,
    /// Longer than DNS allows.
    TooLong,
    /// A label runs past the end of the message.
    Truncated,
    /// A compression pointer that does not point backwards, or a reserved label type.
    BadPointer,
}

impl<'f> RawName<'f> {
    /// Writes the normal form into `out` (cleared first).
    ///
    /// # Errors
    /// [`NameError`]; `out` is then empty.
    pub fn normalise(&self, out: &mut NameBuf) -> Result<(), NameError> {
        out.clear();
        let result = match *self {
            RawName::Text(text) => normalise_text(text, out),
            RawName::Wire { msg, at } => normalise_wire(msg, at, out),
        };
        if result.is_err() {
            out.clear();
        }
        result
    }
}

fn normalise_text(text: &[u8], out: &mut NameBuf) -> Result<(), NameError> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    for (index, label) in text.split(|byte| *byte == b'.').enumerate() {
        if index > 0 {
            out.push(b'.')?;
        }
        out.push_label(label)?;
    }
    Ok(())
}

fn normalise_wire(msg: &[u8], at: u16, out: &mut NameBuf) -> Result<(), NameError> {
    let mut pos = usize::from(at);
    // A pointer must point before the piece it stands in (RFC 1035 section 4.1.4, "prior"), so
    // each jump strictly lowers the ceiling and loops end by themselves.
    let mut ceiling = pos;
    let mut wire_len = 1usize;
    loop {
        let len = *msg.get(pos).ok_or(NameError::Truncated)?;
        match len & 0xc0 {
            0x00 if len == 0 => break,
            0x00 => {
                let start = pos.saturating_add(1);
                let end = start.saturating_add(usize::from(len));
                let label = msg.get(start..end).ok_or(NameError::Truncated)?;
                wire_len = wire_len.saturating_add(usize::from(len)).saturating_add(1);
                if wire_len > WIRE_LEN_MAX {
                    return Err(NameError::TooLong);
                }
                if out.len > 0 {
                    out.push(b'.')?;
                }
                out.push_label(label)?;
                pos = end;
            }
            0xc0 => {
                let low = *msg.get(pos.saturating_add(1)).ok_or(NameError::Truncated)?;
                let target = (usize::from(len & 0x3f) << 8) | usize::from(low);
                if target >= ceiling {
                    return Err(NameError::BadPointer);
                }
                ceiling = target;
                pos = target;
            }
            _ => return Err(NameError::BadPointer),
        }
    }
    if out.len == 0 {
        Err(NameError::Empty)
    } else {
        Ok(())
    }
}

/// Each byte in lower case, or 0 when it must be escaped.
const FOLDED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        if byte != b'.' && byte != b'\\' {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// The normal form of one name, on the stack.
#[derive(Clone)]
pub struct NameBuf {
    len: usize,
    bytes: [u8; NORMAL_LEN_MAX],
}

impl Default for NameBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl NameBuf {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self {
            len: 0,
            bytes: [0; NORMAL_LEN_MAX],
        }
    }

    /// Empties it.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// The normal form as bytes: printable ASCII only.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The normal form as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever pushed, so this cannot fail; an empty name is the safe answer.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) -> Result<(), NameError> {
        let slot = self.bytes.get_mut(self.len).ok_or(NameError::TooLong)?;
        *slot = byte;
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// A label: at once when no byte of it needs an escape, which is practically always.
    fn push_label(&mut self, label: &[u8]) -> Result<(), NameError> {
        let end = self.len.saturating_add(label.len());
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            let mut plain = true;
            for (slot, byte) in room.iter_mut().zip(label) {
                *slot = FOLDED[usize::from(*byte)];
                plain &= *slot != 0;
            }
            if plain {
                self.len = end;
                return Ok(());
            }
        }
        label.iter().try_for_each(|byte| self.push_escaped(*byte))
    }

    fn push_escaped(&mut self, byte: u8) -> Result<(), NameError> {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' => self.push(byte),
            b'A'..=b'Z' => self.push(byte.to_ascii_lowercase()),
            b'.' | b'\\' => {
                self.push(b'\\')?;
                self.push(byte)
            }
            0x21..=0x7e => self.push(byte),
            _ => {
                self.push(b'\\')?;
                self.push(b'0'.saturating_add(byte.wrapping_div(100)))?;
                self.push(b'0'.saturating_add(byte.wrapping_div(10).wrapping_rem(10)))?;
                self.push(b'0'.saturating_add(byte.wrapping_rem(10)))
            }
        }
    }
}

/// A checked, normalised domain name that owns its text: for lists, config and events.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why a text is no domain name; `Display` says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDomain {
    /// The text as given.
    pub given: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a domain name: {}",
            self.given.escape_debug(),
            self.why
        )
    }
}
impl std::error::Error for BadDomain {}

impl DomainName {
    /// Parses dotted text: IDN becomes its A-label (UTS 46), upper case folds, one trailing dot
    /// goes. Labels of 1 to 63 bytes, at most 253 bytes in all.
    ///
    /// # Errors
    /// [`BadDomain`] with the reason in words.
    pub fn parse(text: &str) -> Result<Self, BadDomain> {
        let bad = |why: &str| BadDomain {
            given: text.chars().take(300).collect(),
            why: why.into(),
        };
        let trimmed = text.strip_suffix('.').unwrap_or(text);
        if trimmed.is_empty() {
            return Err(bad("it is empty"));
        }
        let ascii = idna::domain_to_ascii(trimmed)
            .map_err(|_| bad("it cannot be written as an ASCII (punycode) name"))?;
        if ascii.len() > 253 {
            return Err(bad("it is longer than 253 bytes"));
        }
        for label in ascii.split('.') {
            if label.is_empty() || label.len() > 63 {
                return Err(bad("a label is empty or longer than 63 bytes"));
            }
            if !label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            {
                return Err(bad(
                    "only letters, digits, `-`, `_` and dots may stand in it",
                ));
            }
        }
        Ok(Self(ascii))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Hash, order and equality are those of the text, so that a map can be asked with a text.
impl std::borrow::Borrow<str> for DomainName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DomainName {
    type Error = BadDomain;
    fn try_from(text: String) -> Result<Self, BadDomain> {
        Self::parse(&text)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(raw: RawName<'_>) -> Result<String, NameError> {
        let mut buf = NameBuf::new();
        raw.normalise(&mut buf).map(|()| buf.as_str().to_owned())
    }

    #[test]
    fn text_folds_case_and_one_trailing_dot() {
        assert_eq!(
            norm(RawName::Text(b"App.ClearView.AI.")).unwrap(),
            "app.clearview.ai"
        );
        assert_eq!(norm(RawName::Text(b"")), Err(NameError::Empty));
        assert_eq!(norm(RawName::Text(b".")), Err(NameError::Empty));
        assert_eq!(
            norm(RawName::Text(b"caf\xc3\xa9.nl")).unwrap(),
            "caf\\195\\169.nl"
        );
    }

    #[test]
    fn wire_follows_backward_pointers_only() {
        let msg = b"\x02ai\x00\x09clearview\xc0\x00\xc0\x0f";
        assert_eq!(norm(RawName::Wire { msg, at: 4 }).unwrap(), "clearview.ai");
        // at 16: a pointer to 15, which is the second byte of another pointer, and so on
        assert!(
            norm(RawName::Wire {
                msg: b"\xc0\x00",
                at: 0
            })
            .is_err()
        );
        assert_eq!(
            norm(RawName::Wire {
                msg: b"\xc0\x02\x00",
                at: 0
            }),
            Err(NameError::BadPointer)
        );
        assert_eq!(
            norm(RawName::Wire {
                msg: b"\x05ab",
                at: 0
            }),
            Err(NameError::Truncated)
        );
        assert_eq!(
            norm(RawName::Wire {
                msg: b"\x00",
                at: 0
            }),
            Err(NameError::Empty)
        );
    }

    #[test]
    fn a_dot_inside_a_label_is_no_border() {
        let msg = b"\x0cclearview.ai\x00";
        assert_eq!(
            norm(RawName::Wire { msg, at: 0 }).unwrap(),
            "clearview\\.ai"
        );
    }

    #[test]
    fn a_label_at_once_is_the_same_as_byte_by_byte() {
        for byte in 0..=255 {
            let label = [b'A', byte, b'z'];
            let (mut at_once, mut one_by_one) = (NameBuf::new(), NameBuf::new());
            at_once.push_label(&label).unwrap();
            for byte in label {
                one_by_one.push_escaped(byte).unwrap();
            }
            assert_eq!(at_once.as_str(), one_by_one.as_str());
        }
    }

    #[test]
    fn wire_longer_than_255_is_refused() {
        let mut msg = Vec::new();
        for _ in 0..5 {
            msg.push(63);
            msg.extend([b'a'; 63]);
        }
        msg.push(0);
        assert_eq!(
            norm(RawName::Wire { msg: &msg, at: 0 }),
            Err(NameError::TooLong)
        );
    }

    #[test]
    fn domain_name_knows_idn_and_refuses_rubbish() {
        assert_eq!(
            DomainName::parse("Bücher.Example.").unwrap().as_str(),
            "xn--bcher-kva.example"
        );
        assert_eq!(
            DomainName::parse("CLEARVIEW.ai").unwrap().as_str(),
            "clearview.ai"
        );
        for bad in ["", ".", "a..b", "a b.com", "http://x.y/"] {
            assert!(DomainName::parse(bad).is_err(), "{bad}");
        }
    }
}

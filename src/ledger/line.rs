//! A line of a payload file: one entry, with what makes its leaf.
//!
//! Enters: the bytes of a line, hostile ones too. Leaves: [`Line`], borrowed. Never: allocates for
//! what it reads, accepts a line whose check does not fit, so half a line is never an entry.
//!
//! ```text
//! number TAB kind TAB hour TAB check TAB salt TAB payload LF      an entry
//! number TAB kind TAB hour TAB check LF                           its payload is deleted
//! ```
//!
//! `hour` is RFC 3339 (`2026-11-22T13:00:00Z`), `check` the first 8 bytes of the leaf's hash in
//! hexadecimal digits, `salt` 32 bytes in the same form.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::hex;
use super::leaf::{self, Hour, Leaf, Salt};
use super::tree::{self, Hash};

/// Longest payload, in bytes.
pub const PAYLOAD_LEN_MAX: usize = 1 << 20;
/// Longest line with its end, in bytes.
pub const LINE_LEN_MAX: usize = PAYLOAD_LEN_MAX + 256;
const CHECK_LEN: usize = 8;

/// A line, read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'b> {
    /// Number of the entry.
    pub number: u64,
    /// Its kind.
    pub kind: &'b str,
    /// Its hour.
    pub hour: Hour,
    /// Begin of the hash of its leaf.
    pub check: [u8; CHECK_LEN],
    /// Salt and payload; none when they are deleted.
    pub content: Option<(Salt, &'b [u8])>,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It does not end.
    Unfinished,
    /// Its fields are not those of an entry.
    Form,
    /// Its fields do not hash to its check.
    Check,
    /// It is the entry of another number.
    Order(u64),
}

/// In words, behind "the line".
impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => f.write_str("does not end"),
            Self::Form => f.write_str("is no entry"),
            Self::Check => {
                f.write_str("does not fit its check: a byte of it was changed, or never written")
            }
            Self::Order(number) => write!(f, "is of entry {number}"),
        }
    }
}

impl<'b> Line<'b> {
    /// Reads a line with its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &'b [u8]) -> Result<Self, Broken> {
        let fields = line.strip_suffix(b"\n").ok_or(Broken::Unfinished)?;
        let line = Self::fields(fields).ok_or(Broken::Form)?;
        match line.leaf() {
            Some(leaf) if !line.fits(&tree::leaf_hash(&leaf.to_bytes())) => Err(Broken::Check),
            _ => Ok(line),
        }
    }

    fn fields(line: &'b [u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b'\t');
        let mut text = || std::str::from_utf8(fields.next()?).ok();
        let number = number(text()?)?;
        let kind = text().filter(|kind| leaf::is_kind(kind))?;
        let hour = parse_hour(text()?)?;
        let check = hex::decode(text()?.as_bytes())?;
        let content = match fields.next() {
            None => None,
            Some(salt) => Some((hex::decode(salt)?, fields.next()?)),
        };
        fields.next().is_none().then_some(Self {
            number,
            kind,
            hour,
            check,
            content,
        })
    }

    /// The leaf that this entry must have in the tree; none when its payload is deleted.
    pub fn leaf(&self) -> Option<Leaf<'b>> {
        let (salt, payload) = self.content?;
        Some(Leaf {
            kind: self.kind,
            hour: self.hour,
            commitment: leaf::commit(&salt, payload),
        })
    }

    /// Is this the hash of its leaf, as far as the line can tell?
    pub fn fits(&self, leaf: &Hash) -> bool {
        leaf.starts_with(&self.check)
    }

    /// Writes the line, with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.number.to_string().as_bytes());
        out.push(b'\t');
        out.extend(self.kind.as_bytes());
        out.push(b'\t');
        out.extend(hour_text(self.hour).as_bytes());
        out.push(b'\t');
        out.extend(hex::encode(&self.check).as_bytes());
        if let Some((salt, payload)) = &self.content {
            out.push(b'\t');
            out.extend(hex::encode(salt).as_bytes());
            out.push(b'\t');
            out.extend(*payload);
        }
        out.push(b'\n');
    }
}

/// The check of a leaf.
pub fn check_of(leaf: &Hash) -> [u8; CHECK_LEN] {
    leaf.first_chunk().copied().unwrap_or_default()
}

/// A decimal number as this program writes it: no sign, no leading zero.
pub fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn hour_text(hour: Hour) -> String {
    let seconds = i64::from(hour.0).saturating_mul(3600);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn parse_hour(text: &str) -> Option<Hour> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let hour = Hour(i32::try_from(time.unix_timestamp().checked_div_euclid(3600)?).ok()?);
    // One way to write an hour: what differs from it was not written by this program.
    (hour_text(hour) == text).then_some(hour)
}

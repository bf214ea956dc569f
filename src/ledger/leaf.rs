//! What of an entry goes into the tree: its kind, the hour, and a commitment to the rest.
//!
//! Enters: an entry, or the bytes of a leaf. Leaves: the other of the two. Never: the payload, which
//! a leaf does not hold and which its salt keeps from being guessed.
//!
//! ```text
//! 1 byte    version, 1
//! 1 byte    length of the kind
//! n bytes   kind: a-z, 0-9, `-`, `.`
//! 4 bytes   hours since 1970-01-01T00Z, signed, big-endian
//! 32 bytes  SHA-256(salt || payload)
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::tree::{self, Hash};
use crate::base::Timestamp;

/// Version of the format of a leaf.
const VERSION: u8 = 1;
/// Longest kind, in bytes.
pub const KIND_LEN_MAX: usize = 32;
/// Longest leaf, in bytes.
pub const LEAF_LEN_MAX: usize = 2 + KIND_LEN_MAX + 4 + 32;
const HOUR_NS: i64 = 3_600_000_000_000;

/// Random bytes that make a commitment unguessable.
pub type Salt = [u8; 32];

/// An hour of the calendar: hours since 1970-01-01T00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(pub i32);

impl Hour {
    /// The hour in which a moment lies.
    pub fn of(time: Timestamp) -> Self {
        // Nanoseconds in 64 bits span 5 million hours, so this always fits.
        let hours = time.nanos().checked_div_euclid(HOUR_NS);
        Self(hours.and_then(|h| i32::try_from(h).ok()).unwrap_or(0))
    }

    /// Its beginning.
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0).saturating_mul(HOUR_NS))
    }
}

/// A leaf, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'b> {
    /// What kind of entry it stands for.
    pub kind: &'b str,
    /// When.
    pub hour: Hour,
    /// To what its salt and payload must hash.
    pub commitment: Hash,
}

impl<'b> Leaf<'b> {
    /// Reads a leaf; `None` when these bytes are none.
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (len, rest) = rest.split_first()?;
        let (kind, rest) = rest.split_at_checked(usize::from(*len))?;
        let (hour, commitment) = rest.split_first_chunk::<4>()?;
        let kind = std::str::from_utf8(kind).ok()?;
        if *version != VERSION || !is_kind(kind) {
            return None;
        }
        Some(Self {
            kind,
            hour: Hour(i32::from_be_bytes(*hour)),
            commitment: commitment.try_into().ok()?,
        })
    }

    /// Its bytes, as they stand in an entry bundle.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEAF_LEN_MAX);
        bytes.push(VERSION);
        // A kind is at most 32 bytes long.
        bytes.push(u8::try_from(self.kind.len()).unwrap_or(u8::MAX));
        bytes.extend(self.kind.as_bytes());
        bytes.extend(self.hour.0.to_be_bytes());
        bytes.extend(self.commitment);
        bytes
    }
}

/// May this be the kind of an entry?
pub fn is_kind(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (1..=KIND_LEN_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The commitment to a payload.
pub fn commit(salt: &Salt, payload: &[u8]) -> Hash {
    tree::sha256(&[salt, payload])
}

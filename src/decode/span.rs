//! A stretch of a frame: the bytes that were captured, and how many there were on the wire.
//!
//! Every layer takes a [`Span`] and gives the one inside it. The two lengths tell a header that the
//! snap length cut ([`Malformed::Truncated`]) from one that never had room
//! ([`Malformed::BadLength`]).

use super::Malformed;

/// Captured bytes and their length on the wire; `wire_len` is never less than `bytes.len()`.
#[derive(Clone, Copy)]
pub(super) struct Span<'f> {
    /// What was captured.
    pub bytes: &'f [u8],
    /// What the wire had, in bytes.
    pub wire_len: usize,
}

impl<'f> Span<'f> {
    /// Bytes that are all there.
    pub const fn whole(bytes: &'f [u8]) -> Self {
        let wire_len = bytes.len();
        Self { bytes, wire_len }
    }

    /// Why `need` bytes could not be read from here.
    #[cold]
    pub const fn short(self, need: usize) -> Malformed {
        if self.wire_len < need {
            Malformed::BadLength
        } else {
            Malformed::Truncated
        }
    }

    /// Are the first `len` bytes here, or all there were? What is guessed from bytes must not come
    /// out otherwise because some were not captured.
    pub fn shows(self, len: usize) -> Result<(), Malformed> {
        if self.bytes.len() < self.wire_len.min(len) {
            return Err(Malformed::Truncated);
        }
        Ok(())
    }

    /// What lies behind the first `len` bytes.
    #[inline]
    pub fn after(self, len: usize) -> Result<Self, Malformed> {
        match self.bytes.get(len..) {
            Some(bytes) => Ok(Self {
                bytes,
                wire_len: self.wire_len.saturating_sub(len),
            }),
            None => Err(self.short(len)),
        }
    }

    /// The first `wire_len` bytes by a header's own length: what lies behind is padding, what is
    /// missing was not captured.
    #[inline]
    pub fn up_to(self, wire_len: usize) -> Self {
        let bytes = self.bytes.get(..wire_len).unwrap_or(self.bytes);
        Self { bytes, wire_len }
    }
}

//! A cursor over borrowed bytes.
//!
//! Enters: a slice. Leaves: numbers and sub-slices of it, or `None` at its end. Never: copies,
//! panics, moves on after a failed read. Source: RFC 8446 section 3 (vectors), RFC 9000
//! section 16 (variable-length integers).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// Reads big-endian fields from the front of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        let (&bytes, rest) = self.rest.split_first_chunk::<2>()?;
        self.rest = rest;
        Some(u16::from_be_bytes(bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (&bytes, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_be_bytes(bytes))
    }

    /// A vector with a one-byte length.
    pub(crate) fn vec8(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = ahead.u8()?;
        let body = ahead.take(usize::from(len))?;
        *self = ahead;
        Some(body)
    }

    /// A vector with a two-byte length.
    pub(crate) fn vec16(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = ahead.u16()?;
        let body = ahead.take(usize::from(len))?;
        *self = ahead;
        Some(body)
    }

    /// A variable-length integer of 1, 2, 4 or 8 bytes, at most 2^62 - 1.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let first = *self.rest.first()?;
        let len = 1usize << (first >> 6);
        let bytes = self.take(len)?;
        let mut value = u64::from(first & 0x3f);
        for &byte in bytes.get(1..).unwrap_or_default() {
            value = (value << 8) | u64::from(byte);
        }
        Some(value)
    }

    /// A variable-length integer that counts bytes of this very message.
    pub(crate) fn varint_len(&mut self) -> Option<usize> {
        let mut ahead = *self;
        let len = usize::try_from(ahead.varint()?).ok()?;
        *self = ahead;
        Some(len)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    /// The four examples of RFC 9000 appendix A.1, and the longer spelling of 37.
    #[test]
    fn varints_of_rfc_9000() {
        let cases: [(&[u8], u64); 5] = [
            (
                &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c],
                151_288_809_941_952_652,
            ),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ];
        for (bytes, value) in cases {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.varint(), Some(value));
            assert!(reader.is_empty());
            let mut cut = Reader::new(&bytes[..bytes.len() - 1]);
            assert_eq!(cut.varint(), None);
        }
    }

    #[test]
    fn a_failed_read_moves_nothing() {
        let mut reader = Reader::new(&[0, 9, 1, 2]);
        assert_eq!(reader.vec16(), None);
        assert_eq!(reader.len(), 4);
        assert_eq!(reader.vec8(), Some(&[][..]));
        assert_eq!(reader.vec8(), None);
        assert_eq!(reader.u32(), None);
        assert_eq!(reader.u16(), Some(0x0901));
    }
}

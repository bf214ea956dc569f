//! The parts of a DNS message: header, question, record, name (RFC 1035 section 4.1).
//!
//! Enters: the message and an offset. Leaves: small `Copy` values that say where each part lies.
//! Never: allocates, reads past the message, follows a pointer forwards.

use std::ops::Range;

use crate::base::name::WIRE_LEN_MAX;

/// Opcode of a look-up.
pub const OPCODE_QUERY: u8 = 0;

/// Record types that mean something here (IANA, Domain Name System Parameters).
pub mod rtype {
    /// IPv4 address (RFC 1035).
    pub const A: u16 = 1;
    /// IPv6 address (RFC 3596).
    pub const AAAA: u16 = 28;
    /// Canonical name (RFC 1035).
    pub const CNAME: u16 = 5;
    /// EDNS (RFC 6891): class and TTL hold other things.
    pub const OPT: u16 = 41;
    /// Service binding (RFC 9460).
    pub const SVCB: u16 = 64;
    /// Service binding for HTTPS (RFC 9460).
    pub const HTTPS: u16 = 65;
}

/// Why a part could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It runs past the end.
    Truncated,
    /// A pointer that does not point backwards, a reserved label type, more than 255 bytes.
    Name,
    /// The budget of labels and pointers is used up.
    Steps,
}

/// Labels and pointers that may still be followed.
#[derive(Clone, Copy)]
pub struct Steps(pub u32);

/// The header (RFC 1035 section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Message id.
    pub id: u16,
    /// QR, opcode, AA, TC, RD, RA, Z, AD, CD, RCODE.
    pub flags: u16,
    /// QDCOUNT.
    pub questions: u16,
    /// ANCOUNT.
    pub answers: u16,
    /// NSCOUNT.
    pub authorities: u16,
    /// ARCOUNT.
    pub additionals: u16,
}

impl Header {
    /// Length in bytes; the first question stands behind it.
    pub const LEN: usize = 12;

    /// The header, when the message is long enough to have one.
    pub fn read(message: &[u8]) -> Option<Self> {
        let &[i, d, f, g, q, r, a, b, n, s, x, y] = message.first_chunk::<{ Self::LEN }>()?;
        Some(Self {
            id: u16::from_be_bytes([i, d]),
            flags: u16::from_be_bytes([f, g]),
            questions: u16::from_be_bytes([q, r]),
            answers: u16::from_be_bytes([a, b]),
            authorities: u16::from_be_bytes([n, s]),
            additionals: u16::from_be_bytes([x, y]),
        })
    }

    /// QR: a response.
    pub const fn is_response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Opcode, 0 to 15.
    pub const fn opcode(self) -> u8 {
        ((self.flags >> 11) & 15) as u8
    }

    /// QUERY, IQUERY, STATUS, NOTIFY, UPDATE or DSO: those that IANA has assigned.
    pub const fn opcode_is_assigned(self) -> bool {
        matches!(self.opcode(), 0 | 1 | 2 | 4 | 5 | 6)
    }

    /// Can a message of `len` bytes hold what the counts promise? A question takes at least 5
    /// bytes, a record 11.
    pub const fn fits(self, len: usize) -> bool {
        let records = (self.answers as usize)
            .saturating_add(self.authorities as usize)
            .saturating_add(self.additionals as usize);
        let least = (self.questions as usize)
            .saturating_mul(5)
            .saturating_add(records.saturating_mul(11))
            .saturating_add(Self::LEN);
        least <= len
    }
}

/// IN, CH, HS, NONE or ANY (IANA).
pub const fn class_is_assigned(class: u16) -> bool {
    matches!(class, 1 | 3 | 4 | 254 | 255)
}

/// Where a name stands; checked through all its pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Offset of its first byte.
    pub at: usize,
    /// Offset behind its last byte in place: behind the root label or the first pointer.
    pub end: usize,
    /// No label at all.
    pub is_root: bool,
}

impl Name {
    /// Checks the name at `at`, following each pointer.
    ///
    /// A pointer must lead before the piece of the name that it ends ("prior", RFC 1035 section
    /// 4.1.4), the rule of [`RawName::normalise`](crate::base::RawName::normalise): whatever
    /// passes here has a normal form. A target inside the header is read as resolvers read it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(message: &[u8], at: usize, steps: &mut Steps) -> Result<Self, Fault> {
        let mut pos = at;
        let mut ceiling = at;
        let mut wire_len = 1usize;
        let mut end = None;
        loop {
            steps.0 = steps.0.checked_sub(1).ok_or(Fault::Steps)?;
            let len = *message.get(pos).ok_or(Fault::Truncated)?;
            if len == 0 {
                break;
            }
            match len & 0xc0 {
                0x00 => {
                    // A label that runs past the end is found by the next round's `get`.
                    let step = usize::from(len).saturating_add(1);
                    wire_len = wire_len.saturating_add(step);
                    if wire_len > WIRE_LEN_MAX {
                        return Err(Fault::Name);
                    }
                    pos = pos.saturating_add(step);
                }
                0xc0 => {
                    let after = pos.saturating_add(2);
                    let low = *message.get(pos.saturating_add(1)).ok_or(Fault::Truncated)?;
                    let target = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                    if target >= ceiling {
                        return Err(Fault::Name);
                    }
                    end.get_or_insert(after);
                    ceiling = target;
                    pos = target;
                }
                _ => return Err(Fault::Name),
            }
        }
        Ok(Self {
            at,
            end: end.unwrap_or(pos.saturating_add(1)),
            is_root: wire_len == 1,
        })
    }

    /// Offset behind the name at `at` without following its pointer: enough to find the next
    /// field behind a name that nobody asks for.
    ///
    /// # Errors
    /// [`Fault::Truncated`], or [`Fault::Name`] on a reserved label type.
    pub fn skip(message: &[u8], at: usize) -> Result<usize, Fault> {
        let mut pos = at;
        loop {
            let len = *message.get(pos).ok_or(Fault::Truncated)?;
            match len & 0xc0 {
                0x00 if len == 0 => return Ok(pos.saturating_add(1)),
                0x00 => pos = pos.saturating_add(usize::from(len)).saturating_add(1),
                0xc0 => return Ok(pos.saturating_add(2)),
                _ => return Err(Fault::Name),
            }
        }
    }
}

/// One question (RFC 1035 section 4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// QNAME.
    pub name: Name,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// Offset behind it.
    pub end: usize,
}

impl Question {
    /// The question at `at`.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(message: &[u8], at: usize, steps: &mut Steps) -> Result<Self, Fault> {
        let name = Name::read(message, at, steps)?;
        let &[t, u, c, d] = message
            .get(name.end..)
            .and_then(|rest| rest.first_chunk::<4>())
            .ok_or(Fault::Truncated)?;
        Ok(Self {
            name,
            qtype: u16::from_be_bytes([t, u]),
            qclass: u16::from_be_bytes([c, d]),
            end: name.end.saturating_add(4),
        })
    }
}

/// One resource record (RFC 1035 section 4.1.3); its data lies within the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset of the owner name, which is skipped, not checked.
    pub owner: usize,
    /// TYPE.
    pub rtype: u16,
    /// CLASS.
    pub class: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// Where RDATA lies; the next record begins at its end.
    pub data: Range<usize>,
}

impl Record {
    /// The record at `at`.
    ///
    /// # Errors
    /// [`Fault`], never [`Fault::Steps`].
    pub fn read(message: &[u8], at: usize) -> Result<Self, Fault> {
        let fixed = Name::skip(message, at)?;
        let &[t, u, c, d, l0, l1, l2, l3, r, s] = message
            .get(fixed..)
            .and_then(|rest| rest.first_chunk::<10>())
            .ok_or(Fault::Truncated)?;
        let start = fixed.saturating_add(10);
        let end = start.saturating_add(usize::from(u16::from_be_bytes([r, s])));
        if end > message.len() {
            return Err(Fault::Truncated);
        }
        Ok(Self {
            owner: at,
            rtype: u16::from_be_bytes([t, u]),
            class: u16::from_be_bytes([c, d]),
            ttl: u32::from_be_bytes([l0, l1, l2, l3]),
            data: start..end,
        })
    }
}

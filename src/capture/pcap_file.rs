//! The classic pcap format (draft-ietf-opsawg-pcap), and its "modified" variant with longer record
//! headers.
//!
//! Enters: a window at the start of the file. Leaves: records in the order of the file. Never:
//! guesses where the next record may begin once one was impossible.

use super::LinkType;
use super::error::FaultKind;
use super::record::{Fault, Order, Record, Step, frame_limit};
use super::window::Window;
use crate::base::Timestamp;

const HEADER_LEN: usize = 24;
const RECORD_LEN: usize = 16;
/// Record header of the modified format: interface index, protocol and packet type follow.
const MODIFIED_RECORD_LEN: usize = 24;

/// Magic numbers by the byte order of the file, as they stand in it.
pub(super) const MAGICS: [[u8; 4]; 6] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
];

/// A pcap file behind its header.
pub(super) struct PcapFile {
    order: Order,
    /// Nanoseconds in one unit of the fraction: 1,000 or 1.
    unit_ns: i64,
    record_len: usize,
    /// Before version 2.4 some writers swapped the two lengths.
    lengths_unsure: bool,
    frame_limit: u32,
    link: LinkType,
}

impl PcapFile {
    /// Reads the file header; the window stands at a magic number of this format.
    pub(super) fn open(window: &mut Window) -> Result<Self, Box<Fault>> {
        window
            .fill(HEADER_LEN)
            .map_err(|e| Fault::read(window, &e))?;
        let Some(head) = window.head::<HEADER_LEN>() else {
            return Err(Fault::truncated(
                window,
                "the file header",
                HEADER_LEN as u64,
            ));
        };
        let order = if head[0] == 0xa1 {
            Order::Big
        } else {
            Order::Little
        };
        let (unit_ns, record_len) = match order.u32_at(&head, 0) {
            0xa1b2_3c4d => (1, RECORD_LEN),
            0xa1b2_cd34 => (1_000, MODIFIED_RECORD_LEN),
            _ => (1_000, RECORD_LEN),
        };
        let (major, minor) = (order.u16_at(&head, 4), order.u16_at(&head, 6));
        if major != 2 {
            let what = format!("pcap version {major}.{minor} is not known, only 2.x is");
            return Err(Box::new(Fault {
                kind: FaultKind::NotACapture,
                byte: 4,
                what,
            }));
        }
        // The upper six bits say whether and how long a frame check sequence is (draft section 4).
        let link = order.u32_at(&head, 20) & 0x03ff_ffff;
        window.take(HEADER_LEN);
        Ok(Self {
            order,
            unit_ns,
            record_len,
            lengths_unsure: minor < 4,
            frame_limit: frame_limit(order.u32_at(&head, 16)),
            link: u16::try_from(link).map_or(LinkType::Unknown(u16::MAX), LinkType::from_number),
        })
    }

    /// The next record.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window) -> Step {
        let have = window
            .fill(self.record_len)
            .map_err(|e| Fault::read(window, &e))?;
        if have < self.record_len {
            if have == 0 && !window.shrunk() {
                return Ok(None);
            }
            return Err(Fault::truncated(
                window,
                "a record header",
                self.record_len as u64,
            ));
        }
        let Some(head) = window.head::<RECORD_LEN>() else {
            return Ok(None);
        };
        let [secs, fraction, mut len, mut wire_len] = self.order.words(&head);
        if self.lengths_unsure && len > wire_len {
            (len, wire_len) = (wire_len, len);
        }
        if len > self.frame_limit {
            let limit = self.frame_limit;
            let what = format!("a record claims {len} bytes, more than the {limit} it may have");
            return Err(Fault::corrupt(window, what));
        }
        let whole = self.record_len + len as usize;
        let have = window.fill(whole).map_err(|e| Fault::read(window, &e))?;
        if have < whole {
            return Err(Fault::truncated(window, "a record", whole as u64));
        }
        // Both fields are 32 bits wide, so neither sum nor product can leave 64 bits.
        let secs = i64::from(secs);
        let nanos = i64::from(fraction) * self.unit_ns;
        Ok(Some(Record {
            start: window.take(whole) + self.record_len,
            len,
            wire_len: wire_len.max(len),
            time: Timestamp::from_secs_nanos(secs, nanos),
            link: self.link,
        }))
    }
}

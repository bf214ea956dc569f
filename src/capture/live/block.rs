//! One block of a TPACKET_V3 ring, walked as plain bytes.
//!
//! Enters: a block that the kernel has handed over. Leaves: each [`Frame`] in it, where it lies.
//! Never: trusts an offset. The layout is that of linux/if_packet.h; each offset is checked against
//! the block before a slice is made, so that no header, whoever wrote it, reaches outside.

use std::mem::offset_of;

use libc::{sockaddr_ll, tpacket_block_desc, tpacket_hdr_v1, tpacket_hdr_variant1, tpacket3_hdr};

use crate::base::Timestamp;
use crate::capture::{Frame, LinkType, VlanTag};

/// How the frames of a ring are to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// How their bytes begin.
    pub link: LinkType,
    /// Number of the observation point.
    pub point: u16,
    /// Leave out what the host sends itself: on the loopback each packet is shown twice, once
    /// leaving and once arriving.
    pub skip_outgoing: bool,
}

/// What a walk met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Frames handed over.
    pub frames: usize,
    /// An offset pointed outside the block; what followed was left out.
    pub broken: bool,
}

const HEADER_AT: usize = offset_of!(tpacket_block_desc, hdr);
/// Where the word stands by which a block changes its owner.
pub(super) const STATUS_AT: usize = HEADER_AT + offset_of!(tpacket_hdr_v1, block_status);
const FRAMES_AT: usize = HEADER_AT + offset_of!(tpacket_hdr_v1, num_pkts);
const FIRST_AT: usize = HEADER_AT + offset_of!(tpacket_hdr_v1, offset_to_first_pkt);
const USED_AT: usize = HEADER_AT + offset_of!(tpacket_hdr_v1, blk_len);
/// The link-layer address follows the frame's header at the next multiple of the alignment.
const ADDRESS_AT: usize = size_of::<tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
const KIND_AT: usize = ADDRESS_AT + offset_of!(sockaddr_ll, sll_pkttype);
const VLAN_AT: usize = offset_of!(tpacket3_hdr, hv1);

/// Tag protocol when the kernel does not say: 802.1Q.
const TPID_DEFAULT: u16 = 0x8100;

/// Hands each frame of `block` to `each`, in the order of the ring.
pub fn walk_block(block: &[u8], reading: Reading, each: &mut impl FnMut(Frame<'_>)) -> Walked {
    let mut walked = Walked::default();
    let Some((count, first, used)) = head(block) else {
        return Walked {
            broken: true,
            ..walked
        };
    };
    let Some(used) = block.get(..used) else {
        return Walked {
            broken: true,
            ..walked
        };
    };
    let mut rest = used.get(first..);
    for nth in 0..count {
        let Some((frame, next)) = rest.and_then(|rest| one(rest, reading)) else {
            walked.broken = true;
            break;
        };
        if let Some(frame) = frame {
            each(frame);
            walked.frames += 1;
        }
        if nth + 1 < count {
            // An offset of 0 would read the same frame again.
            rest = rest.filter(|_| next != 0).and_then(|rest| rest.get(next..));
        }
    }
    walked
}

/// Number of frames, offset of the first one, bytes in use.
fn head(block: &[u8]) -> Option<(u32, usize, usize)> {
    Some((
        word(block, FRAMES_AT)?,
        word(block, FIRST_AT)? as usize,
        word(block, USED_AT)? as usize,
    ))
}

/// The frame at the start of `at` (`None` when it is to be left out) and the way to the next one.
fn one(at: &[u8], reading: Reading) -> Option<(Option<Frame<'_>>, usize)> {
    let next = word(at, offset_of!(tpacket3_hdr, tp_next_offset))? as usize;
    if reading.skip_outgoing && *at.get(KIND_AT)? == libc::PACKET_OUTGOING {
        return Some((None, next));
    }
    let start = half(at, offset_of!(tpacket3_hdr, tp_mac))? as usize;
    let captured = word(at, offset_of!(tpacket3_hdr, tp_snaplen))? as usize;
    let bytes = at.get(start..)?.get(..captured)?;
    let seconds = word(at, offset_of!(tpacket3_hdr, tp_sec))?;
    let nanoseconds = word(at, offset_of!(tpacket3_hdr, tp_nsec))?;
    let frame = Frame {
        bytes,
        wire_len: word(at, offset_of!(tpacket3_hdr, tp_len))?,
        time: Timestamp::from_secs_nanos(i64::from(seconds), i64::from(nanoseconds)),
        vlan: vlan(at)?,
        link: reading.link,
        point: reading.point,
    };
    Some((Some(frame), next))
}

/// The tag that the kernel took out. Its two halves are each valid only with their own bit.
#[allow(
    clippy::option_option,
    reason = "outer: within the block; inner: tagged"
)]
fn vlan(at: &[u8]) -> Option<Option<VlanTag>> {
    let status = word(at, offset_of!(tpacket3_hdr, tp_status))?;
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return Some(None);
    }
    let tci = word(at, VLAN_AT + offset_of!(tpacket_hdr_variant1, tp_vlan_tci))?;
    let tpid = if status & libc::TP_STATUS_VLAN_TPID_VALID != 0 {
        half(at, VLAN_AT + offset_of!(tpacket_hdr_variant1, tp_vlan_tpid))?
    } else {
        TPID_DEFAULT
    };
    // The kernel keeps the 16-bit TCI in a 32-bit field.
    Some(Some(VlanTag {
        tpid,
        tci: tci as u16,
    }))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;

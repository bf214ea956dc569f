//! The pcapng format (draft-ietf-opsawg-pcapng): sections, interfaces, packet blocks.
//!
//! Enters: a window at a section header. Leaves: records in the order of the file. Blocks that
//! carry no packet are passed over, however long they are. Never: guesses where the next block may
//! begin once one was impossible; keeps more than [`INTERFACES_MAX`] interfaces.
//!
//! `pcap-parser` takes section headers and interface descriptions apart, with their options. Packet
//! blocks are read here: that crate (0.17) collects the options behind a packet in a vector, which
//! is an allocation for each such frame. Its reading of two options is left aside as well: it
//! refuses every binary `if_tsresol`, and reads `if_tsoffset` as little-endian in every section.

mod clock;

use pcap_parser::pcapng::{
    parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
    parse_sectionheaderblock,
};
use pcap_parser::{BOM_MAGIC, EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC};

use self::clock::Clock;
use super::LinkType;
use super::error::FaultKind;
use super::record::{Fault, Order, Record, Step, frame_limit};
use super::window::Window;
use crate::base::Timestamp;

/// The obsolete packet block (draft appendix A).
const PB_MAGIC: u32 = 2;

/// Type, length and, at the end, the length again.
const BLOCK_LEN_MIN: u32 = 12;
/// Longest section header or interface description, and most options behind a packet, in bytes.
const META_LEN_MAX: u32 = 1 << 20;
/// Most interfaces in one section.
const INTERFACES_MAX: usize = 65_536;

/// The magic number as it stands in a file of either byte order.
pub(super) const MAGIC: [u8; 4] = SHB_MAGIC.to_le_bytes();

/// A pcapng file behind its first section header.
pub(super) struct Pcapng {
    order: Order,
    /// Interfaces of this section, by number.
    interfaces: Vec<Interface>,
    /// Time of the last packet that had one.
    last: Timestamp,
}

#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// 0: no limit.
    snaplen: u32,
    /// Longest frame that is believed.
    frame_limit: u32,
    clock: Clock,
}

/// What the header of a packet block says.
struct PacketHead {
    interface: u32,
    /// Units of the interface's clock; `None` in a simple packet block.
    ticks: Option<u64>,
    len: u32,
    wire_len: u32,
    /// Bytes before the frame, and bytes of the whole block.
    header_len: usize,
    block_len: u32,
}

impl Pcapng {
    /// Reads the first section header; the window stands at [`MAGIC`].
    pub(super) fn open(window: &mut Window) -> Result<Self, Box<Fault>> {
        let mut new = Self {
            order: Order::Little,
            interfaces: Vec::new(),
            last: Timestamp::default(),
        };
        match new.section(window) {
            Ok(()) => Ok(new),
            Err(mut fault) => {
                // Corrupt from the first block on means that it is something else.
                if fault.kind == FaultKind::Corrupt {
                    fault.kind = FaultKind::NotACapture;
                }
                Err(fault)
            }
        }
    }

    /// The next record.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window) -> Step {
        loop {
            let have = window.fill(8).map_err(|e| Fault::read(window, &e))?;
            let Some(head) = window.head::<8>() else {
                if have == 0 && !window.shrunk() {
                    return Ok(None);
                }
                return Err(Fault::truncated(window, "a block header", 8));
            };
            let [kind, len] = self.order.words(&head);
            let packet = match kind {
                EPB_MAGIC => self.enhanced(window, len)?,
                SPB_MAGIC => self.simple(window, len)?,
                PB_MAGIC => self.obsolete(window, len)?,
                IDB_MAGIC => {
                    self.interface(window, len)?;
                    continue;
                }
                SHB_MAGIC => {
                    self.section(window)?;
                    continue;
                }
                _ => {
                    self.pass_over(window, len)?;
                    continue;
                }
            };
            return self.record(window, &packet).map(Some);
        }
    }

    /// Enhanced packet block, draft section 4.3.
    #[inline]
    fn enhanced(&self, window: &mut Window, block_len: u32) -> Result<PacketHead, Box<Fault>> {
        let head = fixed::<28>(window, block_len)?;
        let [_, _, interface, high, low, len, wire_len] = self.order.words(&head);
        Ok(PacketHead {
            interface,
            ticks: Some(u64::from(high) << 32 | u64::from(low)),
            len,
            wire_len,
            header_len: 28,
            block_len,
        })
    }

    /// Packet block, draft appendix A: a 16-bit interface number, then a drop count.
    #[cold]
    fn obsolete(&self, window: &mut Window, block_len: u32) -> Result<PacketHead, Box<Fault>> {
        let head = fixed::<28>(window, block_len)?;
        let interface = self.order.u16_at(&head, 8);
        Ok(PacketHead {
            interface: interface.into(),
            ..self.enhanced(window, block_len)?
        })
    }

    /// Simple packet block, draft section 4.4: no time, interface 0, and the captured length is the
    /// smaller of wire length and snapshot length.
    #[cold]
    fn simple(&self, window: &mut Window, block_len: u32) -> Result<PacketHead, Box<Fault>> {
        let head = fixed::<12>(window, block_len)?;
        let wire_len = self.order.u32_at(&head, 8);
        let snaplen = self
            .interfaces
            .first()
            .map_or(0, |interface| interface.snaplen);
        let len = if snaplen == 0 {
            wire_len
        } else {
            wire_len.min(snaplen)
        };
        Ok(PacketHead {
            interface: 0,
            ticks: None,
            len,
            wire_len,
            header_len: 12,
            block_len,
        })
    }

    /// Checks a packet block against its interface and its own length, and steps over it.
    #[inline]
    fn record(&mut self, window: &mut Window, head: &PacketHead) -> Result<Record, Box<Fault>> {
        let Some(&interface) = self.interfaces.get(head.interface as usize) else {
            let (number, known) = (head.interface, self.interfaces.len());
            let what = format!("a packet names interface {number}, but {known} are described");
            return Err(Fault::corrupt(window, what));
        };
        let len = head.len;
        let limit = interface.frame_limit;
        // Frame and options must fit between header and closing length; `fixed` has made sure that
        // these two fit.
        let room = head.block_len - head.header_len as u32 - 4;
        if len > room || len > limit || room - len > META_LEN_MAX {
            let what = format!(
                "a packet claims {len} bytes in a block of {}; it may have {}",
                head.block_len,
                room.min(limit)
            );
            return Err(Fault::corrupt(window, what));
        }
        let whole = whole_block(window, head.block_len, self.order)?;
        if let Some(ticks) = head.ticks {
            self.last = interface.clock.time(ticks);
        }
        Ok(Record {
            start: window.take(whole) + head.header_len,
            len,
            wire_len: head.wire_len.max(len),
            time: self.last,
            link: interface.link,
        })
    }

    /// Section header block, draft section 4.1. Its section length is not needed: blocks say where
    /// they end.
    #[cold]
    fn section(&mut self, window: &mut Window) -> Result<(), Box<Fault>> {
        window.fill(12).map_err(|e| Fault::read(window, &e))?;
        let Some(head) = window.head::<12>() else {
            return Err(Fault::truncated(window, "a section header", 28));
        };
        self.order = match Order::Little.u32_at(&head, 8) {
            BOM_MAGIC => Order::Little,
            swapped if swapped == BOM_MAGIC.swap_bytes() => Order::Big,
            _ => {
                let what = "a section header has no byte-order mark".to_owned();
                return Err(Fault::corrupt(window, what));
            }
        };
        let len = self.order.u32_at(&head, 4);
        let whole = meta_block(window, len, self.order, "a section header")?;
        let Ok((_, section)) = parse_sectionheaderblock(window.ahead(whole)) else {
            return Err(Fault::corrupt(
                window,
                "a section header cannot be read".to_owned(),
            ));
        };
        if section.major_version != 1 {
            let (major, minor) = (section.major_version, section.minor_version);
            let what = format!("pcapng version {major}.{minor} is not known, only 1.x is");
            return Err(Fault::corrupt(window, what));
        }
        window.take(whole);
        self.interfaces.clear();
        Ok(())
    }

    /// Interface description block, draft section 4.2.
    #[cold]
    fn interface(&mut self, window: &mut Window, len: u32) -> Result<(), Box<Fault>> {
        if self.interfaces.len() >= INTERFACES_MAX {
            let what = format!("a section describes more than {INTERFACES_MAX} interfaces");
            return Err(Fault::corrupt(window, what));
        }
        let whole = meta_block(window, len, self.order, "an interface description")?;
        let block = window.ahead(whole);
        let parsed = match self.order {
            Order::Little => parse_interfacedescriptionblock_le(block),
            Order::Big => parse_interfacedescriptionblock_be(block),
        };
        let Ok((_, idb)) = parsed else {
            let what = "an interface description cannot be read".to_owned();
            return Err(Fault::corrupt(window, what));
        };
        self.interfaces.push(Interface {
            // The field is 16 bits wide; the crate only widens it.
            link: LinkType::from_number(idb.linktype.0 as u16),
            snaplen: idb.snaplen,
            frame_limit: frame_limit(idb.snaplen),
            clock: Clock::from_options(&idb.options, self.order),
        });
        window.take(whole);
        Ok(())
    }

    /// A block without a packet.
    #[cold]
    fn pass_over(&self, window: &mut Window, len: u32) -> Result<(), Box<Fault>> {
        check_len(window, len, BLOCK_LEN_MIN)?;
        let byte = window.offset();
        window
            .skip(u64::from(len) - 4)
            .and_then(|()| window.fill(4))
            .map_err(|e| Fault::read(window, &e))?;
        let Some(tail) = window.head::<4>() else {
            return Err(Fault::truncated_from(window, byte, "a block", len.into()));
        };
        if self.order.u32_at(&tail, 0) != len {
            return Err(two_lengths(byte));
        }
        window.take(4);
        Ok(())
    }
}

/// The first `N` bytes of a block that must have them, its closing length besides.
#[inline]
fn fixed<const N: usize>(window: &mut Window, block_len: u32) -> Result<[u8; N], Box<Fault>> {
    check_len(window, block_len, N as u32 + 4)?;
    window.fill(N).map_err(|e| Fault::read(window, &e))?;
    window
        .head::<N>()
        .ok_or_else(|| Fault::truncated(window, "a block", block_len.into()))
}

#[inline]
fn check_len(window: &Window, len: u32, min: u32) -> Result<(), Box<Fault>> {
    if len < min || !len.is_multiple_of(4) {
        let what = format!("a block claims {len} bytes; it needs {min} and a multiple of 4");
        return Err(Fault::corrupt(window, what));
    }
    Ok(())
}

/// Brings a block that is read as one into the window.
fn meta_block(
    window: &mut Window,
    len: u32,
    order: Order,
    what: &str,
) -> Result<usize, Box<Fault>> {
    check_len(window, len, BLOCK_LEN_MIN)?;
    if len > META_LEN_MAX {
        let what = format!("{what} claims {len} bytes, more than {META_LEN_MAX}");
        return Err(Fault::corrupt(window, what));
    }
    whole_block(window, len, order)
}

/// Makes a block available up to its closing length, which must repeat the first.
#[inline]
fn whole_block(window: &mut Window, len: u32, order: Order) -> Result<usize, Box<Fault>> {
    let whole = len as usize;
    let have = window.fill(whole).map_err(|e| Fault::read(window, &e))?;
    if have < whole {
        return Err(Fault::truncated(window, "a block", len.into()));
    }
    match window.field::<4>(whole - 4) {
        Some(tail) if order.u32_at(&tail, 0) == len => Ok(whole),
        _ => Err(two_lengths(window.offset())),
    }
}

#[cold]
fn two_lengths(byte: u64) -> Box<Fault> {
    let what = "a block states two different lengths".to_owned();
    Box::new(Fault {
        kind: FaultKind::Corrupt,
        byte,
        what,
    })
}

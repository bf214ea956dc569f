//! One direction of a connection: where its stream stands and what is kept of it.

use bytemuck::Zeroable;

use super::{LINES_MAX, LOOKS_MAX};

const KNOWN: u8 = 1;
const FROM_SYN: u8 = 2;
const HOLDING: u8 = 4;
const STREAMS: u8 = 8;
const PAYLOAD: u8 = 16;
const BROKEN: u8 = 32;
const RENEWED: u8 = 64;
const CUT: u8 = 128;

/// One direction. All zero: nothing seen.
#[derive(Clone, Copy, Zeroable)]
#[repr(C)]
pub(super) struct Half {
    /// Sequence number of the first byte that was not yet shown, or of byte 0 of the stretch.
    pub base: u32,
    /// Sequence number of the SYN.
    isn: u32,
    /// Number of the stretch, 0 for none.
    pub part: u32,
    /// Segments in which no message began.
    pub looks: u8,
    /// Segments in the stretch; while holding, without the first.
    pub held: u8,
    flags: u8,
    /// Lines of a known dialogue, up to [`LINES_MAX`]; and [`HOLE`].
    lines: u8,
}

/// The bit of `lines` that says that a segment lay too far ahead to be kept.
const HOLE: u8 = 128;
const _: () = assert!(LINES_MAX < HOLE);

impl Half {
    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub const fn known(&self) -> bool {
        self.has(KNOWN)
    }

    pub const fn opened(&self) -> bool {
        self.has(FROM_SYN)
    }

    /// Waiting for the head of a stream met in the middle.
    pub const fn holding(&self) -> bool {
        self.has(HOLDING)
    }

    /// Did it carry messages one after the other?
    pub const fn streams(&self) -> bool {
        self.has(STREAMS)
    }

    /// Sequence number of the first byte that was not yet seen, if that is known. After the last
    /// look nobody keeps it.
    pub fn next(&self) -> Option<u32> {
        (self.known() && self.part == 0 && !self.done()).then_some(self.base)
    }

    pub const fn payload_seen(&self) -> bool {
        self.has(PAYLOAD)
    }

    pub const fn saw_payload(&mut self) {
        self.flags |= PAYLOAD;
    }

    /// Had all its looks.
    pub const fn done(&self) -> bool {
        self.looks >= LOOKS_MAX && self.part == 0
    }

    /// Is a SYN with this number the start of another connection on the same ports?
    pub const fn restarts(&self, isn: u32) -> bool {
        if self.opened() {
            return self.isn != isn;
        }
        // Data came first: only reordered if it lies right behind this SYN.
        self.known() && self.base.wrapping_sub(isn) > 0x1_0000
    }

    /// Number of the first byte behind its SYN, when that was seen.
    pub fn first(&self) -> Option<u32> {
        self.opened().then(|| self.isn.wrapping_add(1))
    }

    /// The connection is settled by a message of `len` bytes at `from` of this side. From here on
    /// that is all that is kept of it: what counted looks and segments now holds the length.
    pub const fn settle(&mut self, from: u32, len: u32) {
        let len = if len > 0xffff { 0xffff } else { len as u16 };
        self.base = from;
        [self.looks, self.held] = len.to_le_bytes();
    }

    /// Where the message lies that settled the connection, and its length.
    pub fn message(&self) -> Option<(u32, u16)> {
        let len = u16::from_le_bytes([self.looks, self.held]);
        (len > 0).then_some((self.base, len))
    }

    /// Where in the message that settled the connection `seq` lies.
    pub const fn within(&self, seq: u32) -> Option<usize> {
        let at = seq.wrapping_sub(self.base);
        let len = u16::from_le_bytes([self.looks, self.held]) as u32;
        if at < len { Some(at as usize) } else { None }
    }

    /// Its SYN was seen.
    pub const fn open(&mut self, isn: u32) {
        if self.opened() {
            return;
        }
        self.isn = isn;
        self.flags |= FROM_SYN;
        if !self.known() {
            self.flags |= KNOWN;
            self.base = isn.wrapping_add(1);
        }
    }

    pub const fn set_base(&mut self, seq: u32) {
        self.base = seq;
        self.flags |= KNOWN;
    }

    /// Its SYN took the place of another one of the same connection.
    pub const fn renewed(&mut self) {
        self.flags |= RENEWED;
    }

    /// A second SYN came, and then a segment that does not fit it. The SYN may be forged (a way to
    /// blind a monitor: the receiver ignores it), so the segment is believed.
    pub const fn doubts_its_syn(&self) -> bool {
        self.has(RENEWED) && self.untouched() && self.part == 0 && !self.streams()
    }

    /// The capture cut off all of its payload.
    pub const fn cut(&mut self) {
        self.flags |= CUT | PAYLOAD;
    }

    /// Did the capture cut it off before anything could be looked at?
    pub const fn was_cut(&self) -> bool {
        self.has(CUT) && self.untouched()
    }

    /// A segment lay too far ahead to be kept.
    pub const fn leave_hole(&mut self) {
        self.lines |= HOLE;
    }

    /// Was there such a segment?
    pub const fn has_hole(&self) -> bool {
        self.lines & HOLE != 0
    }

    /// The capture cut `n` bytes off the segment that ends at `end`.
    pub const fn skip_cut(&mut self, end: u32, n: u32) {
        if self.base == end {
            self.base = end.wrapping_add(n);
        }
    }

    /// At the start of the stream, or between messages, a missing piece is waited for.
    pub const fn waits_for_head(&self) -> bool {
        (self.opened() && self.untouched()) || self.streams()
    }

    /// Has it neither had a look nor a line?
    const fn untouched(&self) -> bool {
        self.looks == 0 && self.lines & !HOLE == 0
    }

    /// `n` bytes of a known dialogue stood at the base.
    pub const fn passed(&mut self, n: usize) {
        self.base = self.base.wrapping_add(n as u32);
        if self.lines & !HOLE < LINES_MAX {
            self.lines = self.lines.wrapping_add(1);
        } else {
            self.looks = self.looks.saturating_add(1);
        }
    }

    /// It has told all it can: no more looks.
    pub const fn finish(&mut self) {
        self.part = 0;
        self.flags &= !HOLDING;
        self.looks = LOOKS_MAX;
    }

    /// The other side's message makes it worth looking again, wherever its stream stands now.
    pub const fn look_anew(&mut self) {
        if self.done() {
            self.forget();
            self.looks = 1;
        }
    }

    /// A message of `n` bytes was read.
    pub const fn consumed(&mut self, n: usize) {
        self.base = self.base.wrapping_add(n as u32);
        self.flags |= STREAMS;
    }

    /// Did a message begin that contradicted itself?
    pub const fn broken(&self) -> bool {
        self.has(BROKEN)
    }

    /// No message began in the `n` bytes at the base, or a broken one.
    pub const fn looked(&mut self, n: usize, broken: bool) {
        self.flags |= if broken { BROKEN } else { 0 };
        self.base = self.base.wrapping_add(n as u32);
        self.looks = self.looks.saturating_add(1);
    }

    /// Keeps a stretch that begins at `base`, before what was seen.
    pub const fn hold(&mut self, part: u32, base: u32) {
        self.part = part;
        self.base = base;
        self.held = 0;
        self.flags |= HOLDING;
    }

    /// Stops holding; the stream goes on `end` bytes behind the base.
    pub const fn let_go(&mut self, end: usize) {
        self.part = 0;
        self.flags &= !HOLDING;
        self.base = self.base.wrapping_add(end as u32);
        self.looks = self.looks.saturating_add(self.held);
    }

    /// A message was read out of what is held: from here on it is a stream like any other.
    pub const fn resume(&mut self, n: usize) {
        self.flags &= !HOLDING;
        self.consumed(n);
    }

    /// Starts anew with the next segment.
    pub const fn forget(&mut self) {
        self.part = 0;
        self.flags &= !(KNOWN | HOLDING);
    }
}

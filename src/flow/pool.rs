//! Fixed buffers, allocated once at start; the kernel maps their pages when first used.

/// Bytes in one buffer: the longest ClientHello or DNS-over-TCP backlog that is put together.
pub const SLOT_LEN: usize = 32 * 1024;

/// A buffer taken from a [`Pool`]. Neither `Copy` nor `Clone`: it must go back by [`Pool::give`].
#[derive(Debug)]
pub struct Slot(u32);

/// A fixed number of buffers of [`SLOT_LEN`] bytes.
pub struct Pool {
    memory: Vec<u8>,
    free: Vec<u32>,
}

impl Pool {
    /// A pool of `slots` buffers; `slots * SLOT_LEN` bytes of address space.
    pub fn new(slots: u32) -> Self {
        let memory = vec![0; SLOT_LEN.saturating_mul(slots as usize)];
        Self {
            memory,
            free: (0..slots).rev().collect(),
        }
    }

    /// Takes a buffer, or `None` when all are in use.
    pub fn take(&mut self) -> Option<Slot> {
        self.free.pop().map(Slot)
    }

    /// Gives a buffer back. Its bytes stay until overwritten; nobody reads beyond what they wrote.
    pub fn give(&mut self, slot: Slot) {
        self.free.push(slot.0);
    }

    /// Buffers not in use.
    pub fn free_slots(&self) -> usize {
        self.free.len()
    }

    /// The bytes of a buffer.
    pub fn bytes(&self, slot: &Slot) -> &[u8] {
        let at = (slot.0 as usize).saturating_mul(SLOT_LEN);
        self.memory
            .get(at..at.saturating_add(SLOT_LEN))
            .unwrap_or_default()
    }

    /// Copies `from` of one buffer to `at` of another.
    pub fn copy_between(&mut self, source: &Slot, from: (usize, usize), target: &Slot, at: usize) {
        let (low, high) = (from.0.min(SLOT_LEN), from.1.min(SLOT_LEN));
        let len = high.saturating_sub(low).min(SLOT_LEN.saturating_sub(at));
        let from = (source.0 as usize)
            .saturating_mul(SLOT_LEN)
            .saturating_add(low);
        let to = (target.0 as usize)
            .saturating_mul(SLOT_LEN)
            .saturating_add(at.min(SLOT_LEN));
        if from.saturating_add(len) <= self.memory.len()
            && to.saturating_add(len) <= self.memory.len()
        {
            self.memory.copy_within(from..from.saturating_add(len), to);
        }
    }

    /// The bytes of a buffer, to write.
    pub fn bytes_mut(&mut self, slot: &Slot) -> &mut [u8] {
        let at = (slot.0 as usize).saturating_mul(SLOT_LEN);
        self.memory
            .get_mut(at..at.saturating_add(SLOT_LEN))
            .unwrap_or_default()
    }
}

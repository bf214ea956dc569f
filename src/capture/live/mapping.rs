//! The memory that the kernel and one worker share: the blocks of a TPACKET_V3 ring.
//!
//! Enters: a packet socket with a ring. Leaves: a block that the kernel has handed over, as bytes,
//! and back. Never: looks at a block that the kernel still owns.

#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::block::STATUS_AT;

/// The mapped ring: `blocks` blocks of `block_len` bytes, one after the other.
pub(super) struct Mapping {
    base: NonNull<u8>,
    block_len: usize,
    blocks: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; `Mapping` is its only owner and gives
// out a block only through `&mut self`.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the ring that was requested on `socket` with this shape. `block_len` is a multiple of
    /// the page size, so that each block's header is aligned.
    pub(super) fn new(socket: impl AsFd, block_len: usize, blocks: usize) -> io::Result<Self> {
        assert!(
            block_len.is_multiple_of(4096) && block_len > 0,
            "blocks are whole pages"
        );
        let bytes = block_len
            .checked_mul(blocks)
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe {
            mmap(
                None,
                bytes,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                socket,
                0,
            )
        }?;
        Ok(Self {
            base: base.cast(),
            block_len,
            blocks,
        })
    }

    /// Number of blocks.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Block `nth` if the kernel has handed it over.
    pub(super) fn take(&mut self, nth: usize) -> Option<Lent<'_>> {
        assert!(nth < self.blocks, "the ring has {} blocks", self.blocks);
        // SAFETY: `nth` is below the number of blocks, so the offset stays inside the mapping.
        let start = unsafe { self.base.add(nth * self.block_len) };
        let lent = Lent {
            start,
            len: self.block_len,
            _ring: std::marker::PhantomData,
        };
        // Acquire: what the kernel wrote into the block before it set the bit is seen after.
        let status = lent.status().load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            std::mem::forget(lent);
            return None;
        }
        Some(lent)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping made in `new`, and every `Lent` borrows
        // from `self`, so none is left. A failure would leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.base.cast(), self.block_len * self.blocks) };
    }
}

/// A block in the worker's hands. Dropping it, also in a panic, gives it back to the kernel.
pub(super) struct Lent<'m> {
    start: NonNull<u8>,
    len: usize,
    _ring: std::marker::PhantomData<&'m mut Mapping>,
}

impl Lent<'_> {
    /// The block's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the block lies inside the mapping, which outlives `self`. The kernel does not
        // write to a block between setting TP_STATUS_USER and our clearing it, and we clear it only
        // in `drop`, when no slice borrowed from `self` is left.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: blocks begin on a page and STATUS_AT is a multiple of 4, so the word is aligned
        // and inside the mapping. Kernel and worker change it only as a whole word.
        unsafe { AtomicU32::from_ptr(self.start.add(STATUS_AT).cast().as_ptr()) }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // Release: all our reading of the block is done before the kernel may write to it again.
        self.status()
            .store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

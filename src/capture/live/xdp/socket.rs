//! An AF_XDP socket with its memory and the two rings that receiving takes (linux/if_xdp.h).
//!
//! Enters: an interface, a queue, how many chunks. Leaves: each received frame where the kernel or
//! the card put it, and its chunk back. Never: sends; believes an address or a length that a ring
//! holds; lends a chunk that the kernel may write to.

#![allow(unsafe_code)]

use std::io;
use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{c_int, socklen_t, xdp_desc, xdp_mmap_offsets, xdp_ring_offset};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Bytes of a chunk: a page, of which the kernel keeps 256 in front of the frame. A longer frame is
/// dropped and counted.
pub(super) const CHUNK_LEN: usize = 4096;
/// Frames handed over before their chunks are given back.
const BATCH_MAX: u32 = 256;

/// A mapping of its own, unmapped on drop.
struct Area {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; an `Area` is its only owner, and what is
// read and written through it goes through `&mut` of the socket.
unsafe impl Send for Area {}

impl Area {
    /// `len` bytes of zeros.
    fn anonymous(len: usize) -> io::Result<Self> {
        let bytes = NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidInput)?;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe { mmap_anonymous(None, bytes, prot, flags) }?;
        Ok(Self {
            base: base.cast(),
            len,
        })
    }

    /// One of the socket's rings.
    fn of(socket: &OwnedFd, page: libc::off_t, len: usize) -> io::Result<Self> {
        let bytes = NonZeroUsize::new(len).ok_or(io::ErrorKind::InvalidInput)?;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE;
        // SAFETY: as above.
        let base = unsafe { mmap(None, bytes, prot, flags, socket, page) }?;
        Ok(Self {
            base: base.cast(),
            len,
        })
    }

    /// Where `size` bytes at `at` begin, if they lie inside and at a multiple of `align`.
    fn place(&self, at: u64, size: usize, align: usize) -> Option<NonNull<u8>> {
        let at = usize::try_from(at).ok()?;
        let inside = at.checked_add(size)? <= self.len && at.is_multiple_of(align);
        // SAFETY: the offset was found to lie inside the mapping.
        inside.then(|| unsafe { self.base.add(at) })
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping, of which nothing is lent any more. A
        // failure would leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.base.cast(), self.len) };
    }
}

/// One ring: we and the kernel each have one end of it.
struct Queue<T> {
    // Kept mapped for the pointers below.
    _area: Area,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    entries: NonNull<T>,
    mask: u32,
}

// SAFETY: the pointers point into `_area`, which is owned and `Send`.
unsafe impl<T: Copy + Send> Send for Queue<T> {}

impl<T: Copy> Queue<T> {
    /// `entries` is a power of two, as the kernel demands.
    fn map(
        socket: &OwnedFd,
        page: libc::off_t,
        at: &xdp_ring_offset,
        entries: u32,
    ) -> io::Result<Self> {
        let bytes = (entries as usize).saturating_mul(size_of::<T>());
        let len = usize::try_from(at.desc).unwrap_or(usize::MAX);
        let area = Area::of(socket, page, len.saturating_add(bytes))?;
        let outside = || io::Error::other("a ring of AF_XDP has a shape that is not known");
        let word = |at| area.place(at, 4, 4).map(NonNull::cast::<AtomicU32>);
        let producer = word(at.producer).ok_or_else(outside)?;
        let consumer = word(at.consumer).ok_or_else(outside)?;
        let first = area.place(at.desc, bytes, align_of::<T>());
        Ok(Self {
            producer,
            consumer,
            entries: first.ok_or_else(outside)?.cast(),
            mask: entries.wrapping_sub(1),
            _area: area,
        })
    }

    const fn produced(&self) -> &AtomicU32 {
        // SAFETY: `map` checked that the word lies aligned inside the mapping, which lives as long as
        // `self`; both sides change it only as a whole word.
        unsafe { self.producer.as_ref() }
    }

    const fn consumed(&self) -> &AtomicU32 {
        // SAFETY: as in `produced`.
        unsafe { self.consumer.as_ref() }
    }

    const fn entry(&self, number: u32) -> NonNull<T> {
        // SAFETY: masked, the number is below the number of entries, all of which lie inside.
        unsafe { self.entries.add((number & self.mask) as usize) }
    }

    /// Entry `number`, which the kernel has produced and we have not consumed.
    fn read(&self, number: u32) -> T {
        // SAFETY: any bytes are a value of the integers that `T` is made of, the place is aligned and
        // inside, and the kernel does not write to an entry between producing and our consuming it.
        unsafe { self.entry(number).read_volatile() }
    }

    /// Entry `number`, which the kernel has consumed and we have not produced.
    fn write(&mut self, number: u32, value: T) {
        // SAFETY: aligned and inside; the kernel does not read an entry before we have produced it.
        unsafe { self.entry(number).write_volatile(value) }
    }
}

/// What the kernel counted for one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Frames dropped for want of a chunk, or because they are longer than one.
    pub(super) dropped: u64,
    /// Frames dropped because the receive ring was full.
    pub(super) ring_full: u64,
}

/// A socket bound to one queue of an interface.
pub(super) struct Socket {
    fd: OwnedFd,
    received: Queue<xdp_desc>,
    fill: Queue<u64>,
    memory: Area,
    zero_copy: bool,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Socket {
    /// Opens, fills and binds it. `chunks` is a power of two. Needs CAP_NET_RAW, and memory that may
    /// be locked. The kernel takes the card's own memory path where there is one, and copies where
    /// not.
    pub(super) fn open(index: c_int, queue: u32, chunks: u32) -> io::Result<Self> {
        let fd = open_socket()?;
        let memory = Area::anonymous((chunks as usize).saturating_mul(CHUNK_LEN))?;
        let region = libc::xdp_umem_reg {
            addr: memory.base.as_ptr() as u64,
            len: memory.len as u64,
            chunk_size: CHUNK_LEN as u32,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set(&fd, libc::XDP_UMEM_REG, &region)?;
        set(&fd, libc::XDP_UMEM_FILL_RING, &chunks)?;
        // Nothing is sent, but the kernel wants the ring.
        set(&fd, libc::XDP_UMEM_COMPLETION_RING, &64u32)?;
        set(&fd, libc::XDP_RX_RING, &chunks)?;
        let at = offsets(&fd)?;
        let fill_page = libc::off_t::try_from(libc::XDP_UMEM_PGOFF_FILL_RING)
            .map_err(|_| io::ErrorKind::Unsupported)?;
        let mut socket = Self {
            received: Queue::map(&fd, libc::XDP_PGOFF_RX_RING, &at.rx, chunks)?,
            fill: Queue::map(&fd, fill_page, &at.fr, chunks)?,
            memory,
            zero_copy: false,
            fd,
        };
        for chunk in 0..chunks {
            socket
                .fill
                .write(chunk, u64::from(chunk) * CHUNK_LEN as u64);
        }
        socket.fill.produced().store(chunks, Ordering::Release);
        bind(&socket.fd, index, queue)?;
        let options: u32 = value(&socket.fd, libc::XDP_OPTIONS)?;
        socket.zero_copy = options & libc::XDP_OPTIONS_ZEROCOPY != 0;
        Ok(socket)
    }

    /// Does the card write into our memory by itself?
    pub(super) const fn is_zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// Hands the frames that are there to `each`, and their chunks back to the kernel; how many.
    pub(super) fn take(&mut self, mut each: impl FnMut(&[u8])) -> usize {
        // Acquire: what the kernel wrote before it produced an entry is seen after.
        let produced = self.received.produced().load(Ordering::Acquire);
        let from = self.received.consumed().load(Ordering::Relaxed);
        let count = produced.wrapping_sub(from).min(BATCH_MAX);
        let filled = self.fill.produced().load(Ordering::Relaxed);
        for nth in 0..count {
            let entry = self.received.read(from.wrapping_add(nth));
            if let Some(place) = self.memory.place(entry.addr, entry.len as usize, 1) {
                // SAFETY: the bytes lie inside the mapping, which outlives this call. The kernel
                // does not write to a chunk between handing it over and our giving it back below.
                each(unsafe { std::slice::from_raw_parts(place.as_ptr(), entry.len as usize) });
            }
            // There are as many entries as chunks: one that came back always finds room.
            let chunk = entry.addr & !(CHUNK_LEN as u64 - 1);
            self.fill.write(filled.wrapping_add(nth), chunk);
        }
        // Release: all our reading is done, and the entries are written.
        let consumed = from.wrapping_add(count);
        self.received.consumed().store(consumed, Ordering::Release);
        let filled = filled.wrapping_add(count);
        self.fill.produced().store(filled, Ordering::Release);
        count as usize
    }

    /// What the kernel counted since the socket was opened.
    pub(super) fn counted(&self) -> io::Result<Counted> {
        let all: [u64; 6] = value(&self.fd, libc::XDP_STATISTICS)?;
        // A frame that finds no chunk counts as dropped too, so that count is left out.
        let [dropped, _, _, ring_full, _, _] = all;
        Ok(Counted { dropped, ring_full })
    }
}

const _: () = assert!(offset_of!(libc::xdp_statistics, rx_ring_full) == 24);

/// By hand: nix knows no AF_XDP.
fn open_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a system call without pointers.
    let fd = unsafe { libc::socket(libc::AF_XDP, kind, 0) };
    done(fd)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
}

fn bind(fd: &OwnedFd, index: c_int, queue: u32) -> io::Result<()> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: 0,
        sxdp_ifindex: u32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: 0,
    };
    // SAFETY: the pointer is to a live sockaddr_xdp, and the length is its size.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_xdp>() as socklen_t,
        )
    };
    done(result)
}

fn offsets(fd: &OwnedFd) -> io::Result<xdp_mmap_offsets> {
    // Four rings of four numbers: rx, tx, fill, completion.
    let all: [u64; 16] = value(fd, libc::XDP_MMAP_OFFSETS)?;
    let ring = |nth: usize| xdp_ring_offset {
        producer: all[4 * nth],
        consumer: all[4 * nth + 1],
        desc: all[4 * nth + 2],
        flags: all[4 * nth + 3],
    };
    Ok(xdp_mmap_offsets {
        rx: ring(0),
        tx: ring(1),
        fr: ring(2),
        cr: ring(3),
    })
}

fn set<T>(fd: &OwnedFd, name: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads at most size_of::<T>() bytes at a pointer to a live T.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as socklen_t,
        )
    };
    done(result)
}

/// Types that any bytes make a value of.
trait Plain: Sized {
    const ZERO: Self;
}
impl Plain for u32 {
    const ZERO: Self = 0;
}
impl<const N: usize> Plain for [u64; N] {
    const ZERO: Self = [0; N];
}

fn value<T: Plain>(fd: &OwnedFd, name: c_int) -> io::Result<T> {
    let mut value = T::ZERO;
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, which is the size of the live `value`, and any
    // bytes are a value of a `Plain` type.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_XDP,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    };
    done(result).map(|()| value)
}

fn done(result: c_int) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

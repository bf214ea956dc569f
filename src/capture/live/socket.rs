//! A packet socket and its options, as in packet(7) and linux/if_packet.h.
//!
//! Enters: what the ring wants. Leaves: system calls with checked arguments. Never: reads a packet.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::{c_int, c_void, socklen_t};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::super::filter::Instruction;

/// What the kernel hands over with each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// From the link header on (`SOCK_RAW`).
    WithLinkHeader,
    /// From the network header on (`SOCK_DGRAM`), whatever the link.
    FromNetworkHeader,
}

/// What PACKET_STATISTICS counted since it was last read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Passed the filter, dropped or not.
    pub(super) packets: u32,
    pub(super) drops: u32,
    pub(super) freezes: u32,
}

/// Shape of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingShape {
    pub(super) block_len: u32,
    pub(super) blocks: u32,
    pub(super) retire_ms: u32,
}

/// An AF_PACKET socket. Closed on drop.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PacketSocket {
    /// Opens it with protocol 0: until [`bind`](Self::bind) not one packet arrives.
    pub(super) fn open(delivery: Delivery) -> io::Result<Self> {
        let kind = match delivery {
            Delivery::WithLinkHeader => SockType::Raw,
            Delivery::FromNetworkHeader => SockType::Datagram,
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        Ok(Self {
            fd: socket(AddressFamily::Packet, kind, flags, None)?,
        })
    }

    /// Asks for a TPACKET_V3 receive ring.
    pub(super) fn request_ring(&self, shape: RingShape) -> io::Result<()> {
        let version = libc::tpacket_versions::TPACKET_V3 as c_int;
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        // TPACKET_V3 packs frames of any size; the frame size only has to divide the block.
        const FRAME: u32 = 2048;
        let request = libc::tpacket_req3 {
            tp_block_size: shape.block_len,
            tp_block_nr: shape.blocks,
            tp_frame_size: FRAME,
            // The kernel refuses a ring whose frames it cannot count.
            tp_frame_nr: (shape.block_len / FRAME).wrapping_mul(shape.blocks),
            tp_retire_blk_tov: shape.retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
    }

    /// Puts a filter in force, in place of the one before it.
    pub(super) fn attach_filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    /// From here on the filter cannot be changed or taken off.
    pub(super) fn lock_filter(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &(1 as c_int))
    }

    /// Sets the interface to promiscuous for as long as this socket lives.
    pub(super) fn promiscuous(&self, index: c_int) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Listens to every protocol of one interface.
    pub(super) fn bind(&self, index: c_int) -> io::Result<()> {
        // SAFETY: sockaddr_ll is made of integers only, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index;
        // SAFETY: the pointer is to a live sockaddr_ll, and the length is its size.
        let result = unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as socklen_t,
            )
        };
        done(result)
    }

    /// The interface that the socket is bound to; `None` once that is gone.
    pub(super) fn bound_index(&self) -> io::Result<Option<c_int>> {
        // SAFETY: as in `bind`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut len = size_of::<libc::sockaddr_ll>() as socklen_t;
        // SAFETY: both pointers are to live values, and `len` says how much room there is.
        let result = unsafe {
            libc::getsockname(self.fd.as_raw_fd(), (&raw mut address).cast(), &raw mut len)
        };
        done(result)?;
        Ok((address.sll_ifindex > 0).then_some(address.sll_ifindex))
    }

    /// Opens a fanout group and returns its number; the kernel chooses one that nobody has.
    pub(super) fn open_fanout(&self) -> io::Result<u16> {
        let kind = libc::PACKET_FANOUT_CBPF | libc::PACKET_FANOUT_FLAG_UNIQUEID;
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &(kind << 16))?;
        let group: u32 = self.value(libc::SOL_PACKET, libc::PACKET_FANOUT)?;
        Ok(group as u16)
    }

    /// Joins a fanout group.
    pub(super) fn join_fanout(&self, group: u16) -> io::Result<()> {
        let request = u32::from(group) | libc::PACKET_FANOUT_CBPF << 16;
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &request)
    }

    /// Sets the program by which the group of this socket shares out its packets.
    pub(super) fn share_out(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
    }

    /// What was counted since the last reading, which also sets it to 0.
    pub(super) fn statistics(&self) -> io::Result<Counted> {
        let counted: [u32; 3] = self.value(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        let [packets, drops, freezes] = counted;
        Ok(Counted {
            packets,
            drops,
            freezes,
        })
    }

    /// The pending error of the socket, which is cleared by reading it.
    pub(super) fn pending_error(&self) -> io::Result<Option<io::Error>> {
        let error: c_int = self.value(libc::SOL_SOCKET, libc::SO_ERROR)?;
        Ok((error != 0).then(|| io::Error::from_raw_os_error(error)))
    }

    /// The number of the interface of this name, where there is one.
    pub(super) fn index_of(&self, name: &str) -> io::Result<Option<c_int>> {
        let Some(request) = ask(self.as_fd(), name, libc::SIOCGIFINDEX)? else {
            return Ok(None);
        };
        // SAFETY: SIOCGIFINDEX answered, and it answers with this member.
        Ok(Some(unsafe { request.ifr_ifru.ifru_ifindex }))
    }

    /// Is the interface of this name up?
    pub(super) fn is_up(&self, name: &str) -> io::Result<bool> {
        let Some(request) = ask(self.as_fd(), name, libc::SIOCGIFFLAGS)? else {
            return Ok(false);
        };
        // SAFETY: SIOCGIFFLAGS answered, and it answers with this member.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        Ok(c_int::from(flags) & libc::IFF_UP != 0)
    }

    fn set_program(&self, level: c_int, name: c_int, program: &[Instruction]) -> io::Result<()> {
        let mut filter: Vec<libc::sock_filter> = program
            .iter()
            .map(|i| libc::sock_filter {
                code: i.code,
                jt: i.jt,
                jf: i.jf,
                k: i.k,
            })
            .collect();
        let len =
            u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        // The kernel copies the program during the call, while `filter` lives.
        self.set(
            level,
            name,
            &libc::sock_fprog {
                len,
                filter: filter.as_mut_ptr(),
            },
        )
    }

    fn set<T>(&self, level: c_int, name: c_int, value: &T) -> io::Result<()> {
        // SAFETY: the kernel reads at most size_of::<T>() bytes at a pointer to a live T.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                name,
                std::ptr::from_ref(value).cast::<c_void>(),
                size_of::<T>() as socklen_t,
            )
        };
        done(result)
    }

    fn value<T: Plain>(&self, level: c_int, name: c_int) -> io::Result<T> {
        let mut value = T::default();
        let mut len = size_of::<T>() as socklen_t;
        // SAFETY: the kernel writes at most `len` bytes, which is the size of the live `value`, and
        // any bytes are a value of a `Plain` type.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                level,
                name,
                (&raw mut value).cast::<c_void>(),
                &raw mut len,
            )
        };
        done(result).map(|()| value)
    }
}

/// The ARPHRD number of the interface of this name, where there is one. Needs no privilege.
pub(super) fn hardware_of(name: &str) -> io::Result<Option<u16>> {
    let any = std::os::unix::net::UnixDatagram::unbound()?;
    let Some(request) = ask(any.as_fd(), name, libc::SIOCGIFHWADDR)? else {
        return Ok(None);
    };
    // SAFETY: SIOCGIFHWADDR answered, and it answers with this member.
    Ok(Some(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family }))
}

/// One of the netdevice(7) questions about `name`, put to any socket; `None` when there is no such
/// interface.
fn ask(
    socket: BorrowedFd<'_>,
    name: &str,
    question: libc::Ioctl,
) -> io::Result<Option<libc::ifreq>> {
    // SAFETY: ifreq is made of integers and unions of integers and pointers; zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays 0. A longer name cannot exist.
    if name.len() >= request.ifr_name.len() {
        return Ok(None);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the questions asked above read and write one ifreq, which is live here.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), question, &raw mut request) };
    match done(result) {
        Ok(()) => Ok(Some(request)),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Types that any bytes make a value of.
trait Plain: Default {}
impl Plain for u32 {}
impl Plain for c_int {}
impl Plain for [u32; 3] {}

fn done(result: c_int) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

//! Captures made byte by byte, for tests only.

use crate::base::Timestamp;
use crate::capture::LinkType;
use crate::capture::oracle::Copied;
use crate::capture::record::Order;

/// Turns numbers into the bytes of a file in one byte order.
#[derive(Clone)]
pub struct Build {
    pub order: Order,
    pub bytes: Vec<u8>,
}

impl Build {
    pub fn new(order: Order) -> Self {
        Self {
            order,
            bytes: Vec::new(),
        }
    }

    pub fn u16(mut self, n: u16) -> Self {
        self.bytes.extend(match self.order {
            Order::Little => n.to_le_bytes(),
            Order::Big => n.to_be_bytes(),
        });
        self
    }

    pub fn u32(mut self, n: u32) -> Self {
        self.bytes.extend(match self.order {
            Order::Little => n.to_le_bytes(),
            Order::Big => n.to_be_bytes(),
        });
        self
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn pad(mut self) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Header of a pcap file.
    pub fn pcap(order: Order, magic: u32, snaplen: u32, link: u32) -> Self {
        Self::new(order)
            .u32(magic)
            .u16(2)
            .u16(4)
            .u32(0)
            .u32(0)
            .u32(snaplen)
            .u32(link)
    }

    /// One record of a pcap file.
    pub fn frame(self, secs: u32, fraction: u32, wire_len: u32, bytes: &[u8]) -> Self {
        self.u32(secs)
            .u32(fraction)
            .u32(bytes.len() as u32)
            .u32(wire_len)
            .raw(bytes)
    }

    /// Any pcapng block.
    pub fn block(self, kind: u32, body: impl FnOnce(Self) -> Self) -> Self {
        let body = body(Self::new(self.order)).pad().bytes;
        let len = body.len() as u32 + 12;
        self.u32(kind).u32(len).raw(&body).u32(len)
    }

    /// Section header; the section length is left open (-1).
    pub fn section(mut self, order: Order) -> Self {
        self.order = order;
        self.block(0x0a0d_0d0a, |b| {
            b.u32(0x1a2b_3c4d)
                .u16(1)
                .u16(0)
                .u32(u32::MAX)
                .u32(u32::MAX)
                .option(4, b"build")
                .end()
        })
    }

    /// Interface description with the given options in front of the end mark.
    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        self.block(1, |b| {
            let b = b.u16(link).u16(0).u32(snaplen);
            options
                .iter()
                .fold(b, |b, (code, value)| b.option(*code, value))
                .end()
        })
    }

    /// Enhanced packet block with a comment behind the frame.
    pub fn enhanced(self, interface: u32, ticks: u64, wire_len: u32, bytes: &[u8]) -> Self {
        self.block(6, |b| {
            b.u32(interface)
                .ticks(ticks)
                .u32(bytes.len() as u32)
                .u32(wire_len)
                .raw(bytes)
                .pad()
                .option(1, b"a comment")
                .end()
        })
    }

    /// Obsolete packet block.
    pub fn obsolete(self, interface: u16, ticks: u64, wire_len: u32, bytes: &[u8]) -> Self {
        self.block(2, |b| {
            b.u16(interface)
                .u16(9)
                .ticks(ticks)
                .u32(bytes.len() as u32)
                .u32(wire_len)
                .raw(bytes)
        })
    }

    /// Simple packet block.
    pub fn simple(self, wire_len: u32, bytes: &[u8]) -> Self {
        self.block(3, |b| b.u32(wire_len).raw(bytes))
    }

    fn ticks(self, ticks: u64) -> Self {
        self.u32((ticks >> 32) as u32).u32(ticks as u32)
    }

    fn option(self, code: u16, value: &[u8]) -> Self {
        self.u16(code).u16(value.len() as u16).raw(value).pad()
    }

    fn end(self) -> Self {
        self.u16(0).u16(0)
    }
}

/// A frame as it should come out.
pub fn wanted(nanos: i64, wire_len: u32, link: LinkType, bytes: &[u8]) -> Copied {
    Copied {
        time: Timestamp(nanos),
        wire_len,
        link,
        bytes: bytes.to_vec(),
    }
}

/// A small valid pcap file and the offsets at which it may end cleanly.
pub fn small_pcap() -> (Vec<u8>, Vec<usize>) {
    let mut build = Build::pcap(Order::Little, 0xa1b2_c3d4, 262_144, 1);
    let mut borders = vec![build.bytes.len()];
    for n in 0..5u32 {
        build = build.frame(n, n, 100, &vec![n as u8; 20 * n as usize]);
        borders.push(build.bytes.len());
    }
    (build.bytes, borders)
}

/// A small valid pcapng file, likewise; a border lies behind each block.
pub fn small_pcapng() -> (Vec<u8>, Vec<usize>) {
    let mut borders = Vec::new();
    let mut build = Build::new(Order::Little);
    let mut step = |build: Build| {
        borders.push(build.bytes.len());
        build
    };
    build = step(build.section(Order::Big));
    build = step(build.interface(1, 0, &[(9, &[9])]));
    build = step(build.enhanced(0, 1, 60, b"first"));
    build = step(build.block(5, |b| b.raw(&[7; 40])));
    build = step(build.simple(6, b"second"));
    build = step(build.section(Order::Little));
    build = step(build.interface(113, 96, &[]));
    build = step(build.obsolete(0, 5, 5, b"third"));
    (build.bytes, borders)
}

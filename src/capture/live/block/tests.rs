//! Blocks written by hand, as af_packet.c lays them out, and then bent.

use super::*;

const READING: Reading = Reading {
    link: LinkType::Ethernet,
    point: 3,
    skip_outgoing: false,
};
const BLOCK: usize = 4096;
/// Where af_packet.c puts the first frame: the block header rounded up to 8.
const FIRST: usize = 48;
/// Header, link-layer address, room for an Ethernet header, aligned: as in af_packet.c.
const MAC: u16 = 82;

struct Put<'a> {
    bytes: &'a [u8],
    wire_len: u32,
    kind: u8,
    status: u32,
    tci: u32,
    tpid: u16,
}

impl<'a> Put<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            wire_len: bytes.len() as u32,
            kind: 0,
            status: 0,
            tci: 0,
            tpid: 0,
        }
    }
}

fn set<const N: usize>(block: &mut [u8], at: usize, value: [u8; N]) {
    block[at..at + N].copy_from_slice(&value);
}

/// The block and where each frame's header stands in it.
fn block_of(frames: &[Put<'_>]) -> (Vec<u8>, Vec<usize>) {
    let mut block = vec![0; BLOCK];
    let mut at = FIRST;
    let mut starts = Vec::new();
    for (nth, put) in frames.iter().enumerate() {
        starts.push(at);
        let size = (usize::from(MAC) + put.bytes.len()).next_multiple_of(8);
        let next = if nth + 1 == frames.len() { 0 } else { size };
        set(&mut block, at, (next as u32).to_ne_bytes());
        set(
            &mut block,
            at + 4,
            (1_700_000_000 + nth as u32).to_ne_bytes(),
        );
        set(&mut block, at + 8, 999_999_999u32.to_ne_bytes());
        set(&mut block, at + 12, (put.bytes.len() as u32).to_ne_bytes());
        set(&mut block, at + 16, put.wire_len.to_ne_bytes());
        set(&mut block, at + 20, put.status.to_ne_bytes());
        set(&mut block, at + 24, MAC.to_ne_bytes());
        set(&mut block, at + 32, put.tci.to_ne_bytes());
        set(&mut block, at + 36, put.tpid.to_ne_bytes());
        block[at + 48 + 10] = put.kind;
        let data = at + usize::from(MAC);
        block[data..data + put.bytes.len()].copy_from_slice(put.bytes);
        at += size;
    }
    set(&mut block, 8, libc::TP_STATUS_USER.to_ne_bytes());
    set(&mut block, 12, (frames.len() as u32).to_ne_bytes());
    set(&mut block, 16, (FIRST as u32).to_ne_bytes());
    set(&mut block, 20, (at as u32).to_ne_bytes());
    (block, starts)
}

/// Everything of a frame, owned.
type Copied = (Vec<u8>, u32, i64, Option<VlanTag>);

fn walk(block: &[u8], reading: Reading) -> (Vec<Copied>, Walked) {
    let mut seen = Vec::new();
    let walked = walk_block(block, reading, &mut |frame: Frame<'_>| {
        assert_eq!((frame.link, frame.point), (reading.link, reading.point));
        seen.push((
            frame.bytes.to_vec(),
            frame.wire_len,
            frame.time.nanos(),
            frame.vlan,
        ));
    });
    (seen, walked)
}

#[test]
fn frames_come_in_order_with_length_time_and_tag() {
    let valid = libc::TP_STATUS_VLAN_VALID;
    let both = valid | libc::TP_STATUS_VLAN_TPID_VALID;
    let (block, _) = block_of(&[
        Put::of(b"first"),
        Put {
            wire_len: 70_000,
            ..Put::of(b"cut short")
        },
        Put {
            status: both,
            tci: 0x6005,
            tpid: 0x88a8,
            ..Put::of(b"service tag")
        },
        Put {
            status: valid,
            tci: 7,
            tpid: 0xdead,
            ..Put::of(b"tag without protocol")
        },
        Put {
            tci: 7,
            tpid: 0x8100,
            ..Put::of(b"stale metadata")
        },
        Put::of(b""),
    ]);
    let (seen, walked) = walk(&block, READING);
    assert_eq!(
        walked,
        Walked {
            frames: 6,
            broken: false
        }
    );
    assert_eq!(
        seen[0],
        (b"first".to_vec(), 5, 1_700_000_000_999_999_999, None)
    );
    assert_eq!(seen[1].1, 70_000);
    assert_eq!(
        seen[2].3,
        Some(VlanTag {
            tpid: 0x88a8,
            tci: 0x6005
        })
    );
    assert_eq!(
        seen[3].3,
        Some(VlanTag {
            tpid: 0x8100,
            tci: 7
        })
    );
    assert_eq!(seen[4].3, None);
    assert_eq!(seen[5].0, b"");
}

#[test]
fn the_copy_that_leaves_is_left_out_only_when_asked() {
    let outgoing = Put {
        kind: libc::PACKET_OUTGOING,
        ..Put::of(b"leaving")
    };
    let (block, _) = block_of(&[outgoing, Put::of(b"arriving")]);
    assert_eq!(walk(&block, READING).1.frames, 2);
    let (seen, walked) = walk(
        &block,
        Reading {
            skip_outgoing: true,
            ..READING
        },
    );
    assert_eq!(
        walked,
        Walked {
            frames: 1,
            broken: false
        }
    );
    assert_eq!(seen[0].0, b"arriving");
}

#[test]
fn an_empty_block_is_whole() {
    let (block, _) = block_of(&[]);
    assert_eq!(walk(&block, READING).1, Walked::default());
}

#[test]
fn what_stands_before_a_bad_offset_is_kept() {
    let (good, starts) = block_of(&[Put::of(b"one"), Put::of(b"two"), Put::of(b"three")]);
    let second = starts[1];
    // Field, value: of the second frame's header.
    let bends: [(usize, u32); 5] = [
        (0, 0),                // next: itself
        (0, u32::MAX),         // next: far outside
        (0, BLOCK as u32 - 1), // next: at the edge
        (12, BLOCK as u32),    // captured length beyond the block
        (24, 0xffff),          // start of the data beyond the block
    ];
    for (at, value) in bends {
        let mut block = good.clone();
        set(&mut block, second + at, value.to_ne_bytes());
        let (seen, walked) = walk(&block, READING);
        assert!(walked.broken, "field {at} = {value}");
        let kept = if at == 0 { 2 } else { 1 };
        assert_eq!(walked.frames, kept, "field {at} = {value}");
        assert_eq!(seen[0].0, b"one");
    }
}

#[test]
fn a_bad_block_header_gives_nothing() {
    for (at, value) in [
        (16, u32::MAX),
        (20, BLOCK as u32 + 1),
        (16, BLOCK as u32),
        (20, 10),
    ] {
        let (mut block, _) = block_of(&[Put::of(b"one")]);
        set(&mut block, at, value.to_ne_bytes());
        assert_eq!(
            walk(&block, READING).1,
            Walked {
                frames: 0,
                broken: true
            },
            "{at} {value}"
        );
    }
    let (mut block, _) = block_of(&[Put::of(b"one")]);
    set(&mut block, 12, u32::MAX.to_ne_bytes());
    assert_eq!(
        walk(&block, READING).1,
        Walked {
            frames: 1,
            broken: true
        }
    );
    for len in 0..FIRST {
        assert!(walk(&block[..len], READING).1.broken);
    }
}

proptest::proptest! {
    /// Any bytes at all: it ends, stays inside, and hands over no more than the header says.
    #[test]
    fn any_bytes_are_survived(
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512),
        count in 0u32..40,
        first in 0u32..600,
    ) {
        let mut block = noise;
        if block.len() > 24 {
            set(&mut block, 12, count.to_ne_bytes());
            set(&mut block, 16, first.to_ne_bytes());
            let used = block.len() as u32;
            set(&mut block, 20, used.to_ne_bytes());
        }
        let outer = block.as_ptr_range();
        let walked = walk_block(&block, READING, &mut |frame: Frame<'_>| {
            let inner = frame.bytes.as_ptr_range();
            assert!(outer.start <= inner.start && inner.end <= outer.end);
        });
        proptest::prop_assert!(walked.frames <= 40 || block.len() <= 24);
    }
}

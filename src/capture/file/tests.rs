//! Capture files built byte by byte, and what becomes of them when they are cut or bent.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::base::Timestamp;
use crate::capture::LinkType;
use crate::capture::oracle::{self, Copied, Outcome, Pieces, gzip, outcome};
use crate::capture::record::Order;

mod build;
mod faults;
mod second_opinion;
mod several;
mod streams;

use build::{Build, wanted};

/// A file, what must come out of it, and whether libpcap reads it too.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    frames: Vec<Copied>,
    libpcap: bool,
}

/// Every variant of both formats, each whole and valid.
fn cases() -> Vec<Case> {
    let mut cases = pcap_cases();
    cases.extend(pcapng_cases());
    cases
}

fn pcap_cases() -> Vec<Case> {
    use LinkType::{Ethernet, LinuxSll, Unknown};
    let long = vec![0x5a; 600_000];
    let mut cases = Vec::new();
    let mut add = |name, build: Build, frames: &[Copied], libpcap| {
        cases.push(Case {
            name,
            bytes: build.bytes,
            frames: frames.to_vec(),
            libpcap,
        });
    };
    for order in [Order::Little, Order::Big] {
        let micro = Build::pcap(order, 0xa1b2_c3d4, 65_535, 1);
        let two = [
            wanted(1_000_000_002_000_003_000, 3, Ethernet, b"abc"),
            wanted(1_000_000_001_999_999_000, 1_500, Ethernet, b"defgh"),
        ];
        let filled = micro.clone().frame(1_000_000_002, 3, 3, b"abc");
        add(
            "micro",
            filled.frame(1_000_000_001, 999_999, 1_500, b"defgh"),
            &two,
            true,
        );
        add("no frame", micro, &[], true);

        let nano = Build::pcap(order, 0xa1b2_3c4d, 65_535, 113);
        let one = [wanted(7_000_000_009, 2, LinuxSll, b"xy")];
        add("nano", nano.frame(7, 9, 2, b"xy"), &one, true);

        let modified = Build::pcap(order, 0xa1b2_cd34, 65_535, 1)
            .u32(7)
            .u32(9)
            .u32(2)
            .u32(2);
        let modified = modified.u32(3).u16(0x800).raw(&[4, 0]).raw(b"xy");
        let one = [wanted(7_000_009_000, 2, Ethernet, b"xy")];
        add("modified", modified, &one, true);

        // Frame check sequence of 4 bytes announced in the upper bits.
        let fcs = Build::pcap(order, 0xa1b2_c3d4, 65_535, 0x4400_0001).frame(1, 0, 1, b"f");
        add(
            "fcs bits",
            fcs,
            &[wanted(1_000_000_000, 1, Ethernet, b"f")],
            true,
        );

        let old = Build::new(order)
            .u32(0xa1b2_c3d4)
            .u16(2)
            .u16(2)
            .u32(0)
            .u32(0)
            .u32(96)
            .u32(1);
        let old = old.u32(1).u32(0).u32(1_500).u32(2).raw(b"ol");
        add(
            "2.2",
            old,
            &[wanted(1_000_000_000, 1_500, Ethernet, b"ol")],
            true,
        );
    }
    let little = |snaplen, link| Build::pcap(Order::Little, 0xa1b2_c3d4, snaplen, link);
    let one = |link| [wanted(1_000_000_000, 3, link, b"abc")];
    add(
        "snaplen 0",
        little(0, 1).frame(1, 0, 3, b"abc"),
        &one(Ethernet),
        true,
    );
    add(
        "snaplen -1",
        little(u32::MAX, 1).frame(1, 0, 3, b"abc"),
        &one(Ethernet),
        true,
    );
    add(
        "other link",
        little(0, 195).frame(1, 0, 3, b"abc"),
        &one(Unknown(195)),
        true,
    );
    let high = little(0, 0x0001_0001).frame(1, 0, 3, b"abc");
    add("link beyond 16 bits", high, &one(Unknown(u16::MAX)), false);
    let merged = little(65_535, 1).frame(1, 0, 600_000, &long);
    let frame = wanted(1_000_000_000, 600_000, Ethernet, &long);
    add("longer than the snaplen", merged, &[frame], false);
    let fraction = little(0, 1).frame(u32::MAX, u32::MAX, 0, b"");
    let end = wanted(4_294_971_589_967_295_000, 0, Ethernet, b"");
    add("latest time", fraction, &[end], false);
    let shorter = little(0, 1).frame(1, 0, 1, b"abc");
    add("wire length too short", shorter, &one(Ethernet), false);
    cases
}

fn pcapng_cases() -> Vec<Case> {
    use LinkType::{Ethernet, LinuxSll2, RawIp};
    let mut cases = Vec::new();
    let mut add = |name, build: Build, frames: &[Copied], libpcap| {
        cases.push(Case {
            name,
            bytes: build.bytes,
            frames: frames.to_vec(),
            libpcap,
        });
    };
    for order in [Order::Little, Order::Big] {
        let section = || Build::new(order).section(order);
        let plain = section()
            .interface(1, 96, &[])
            .enhanced(0, 5_000_007, 99, b"hello");
        let hello = wanted(5_000_007_000, 99, Ethernet, b"hello");
        add(
            "enhanced",
            plain.clone(),
            std::slice::from_ref(&hello),
            true,
        );
        add("no block but the section", section(), &[], false);

        let simple = plain.clone().simple(200, &[1; 96]).simple(3, b"abc");
        let spb = wanted(5_000_007_000, 200, Ethernet, &[1; 96]);
        let short = wanted(5_000_007_000, 3, Ethernet, b"abc");
        add(
            "simple takes the time before",
            simple,
            &[hello.clone(), spb, short],
            false,
        );
        let first = section().interface(1, 0, &[]).simple(2, b"ab");
        add(
            "simple first",
            first,
            &[wanted(0, 2, Ethernet, b"ab")],
            true,
        );

        let old = section().interface(1, 0, &[]).obsolete(0, 9, 4, b"old!");
        add(
            "obsolete",
            old,
            &[wanted(9_000, 4, Ethernet, b"old!")],
            true,
        );

        let skipped = section()
            .block(0x8000_0bad, |b| b.raw(&[9; 333]))
            .interface(1, 96, &[]);
        let skipped = skipped.block(5, |b| b.raw(&[0; 12])).block(4, |b| b);
        let skipped = skipped.block(0xbad, |b| b.raw(&[3; 600_000]));
        let skipped = skipped.enhanced(0, 5_000_007, 99, b"hello");
        add("other blocks", skipped, std::slice::from_ref(&hello), true);

        let offset = match order {
            Order::Little => 100i64.to_le_bytes(),
            Order::Big => 100i64.to_be_bytes(),
        };
        let several = section()
            .interface(1, 0, &[(2, b"eth0"), (9, &[9]), (14, &offset)])
            .interface(276, 0, &[(9, &[0x80 | 10])])
            .interface(101, 0, &[(9, &[3]), (11, b"\0ip")])
            .enhanced(2, 4, 1, b"c")
            .enhanced(1, 1_536, 1, b"b")
            .enhanced(0, 7, 1, b"a");
        let frames = [
            wanted(4_000_000, 1, RawIp, b"c"),
            wanted(1_500_000_000, 1, LinuxSll2, b"b"),
            wanted(100_000_000_007, 1, Ethernet, b"a"),
        ];
        add("several interfaces", several, &frames, false);

        let other = if order == Order::Little {
            Order::Big
        } else {
            Order::Little
        };
        let sections = plain
            .section(other)
            .interface(276, 0, &[(9, &[9])])
            .enhanced(0, 8, 1, b"z");
        let frames = [hello, wanted(8, 1, LinuxSll2, b"z")];
        add("sections of either order", sections, &frames, false);
    }
    cases
}

/// Reads through every route there is; all must agree with the first, which is given back.
fn through_every_route(name: &str, bytes: &[u8]) -> Outcome {
    let first = outcome(Input::in_memory(bytes));
    let agree = |route: &str, other: Outcome| {
        assert_eq!(first, other, "{name}: {route}");
    };
    let folder = tempfile::tempdir().unwrap();
    let on_disk = |bytes: &[u8]| {
        let path = folder.path().join("capture");
        std::fs::write(&path, bytes).unwrap();
        outcome(Ok(Input::open(&path, "test").unwrap()))
    };
    agree("file", on_disk(bytes));
    agree("gzip", on_disk(&gzip(bytes).unwrap()));
    let (front, back) = bytes.split_at(bytes.len() / 2);
    agree(
        "two gzip members",
        on_disk(&[gzip(front).unwrap(), gzip(back).unwrap()].concat()),
    );
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    agree("zstd", on_disk(&zstd(bytes)));
    agree(
        "two zstd frames",
        on_disk(&[zstd(front), zstd(back)].concat()),
    );
    let skippable = [
        &[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4],
        &*zstd(bytes),
    ]
    .concat();
    agree("zstd behind a skippable frame", on_disk(&skippable));
    let pieces = |piece_len, data: Vec<u8>| {
        outcome(Input::piped(Pieces {
            data,
            at: 0,
            piece_len,
        }))
    };
    agree("stream in pieces of 7", pieces(7, bytes.to_vec()));
    agree("stream", pieces(usize::MAX, bytes.to_vec()));
    agree(
        "gzip stream in pieces of 5",
        pieces(5, gzip(bytes).unwrap()),
    );
    agree("zstd stream in pieces of 5", pieces(5, zstd(bytes)));
    first
}

#[test]
fn every_variant_gives_its_frames_through_every_route() {
    for case in cases() {
        let got = through_every_route(case.name, &case.bytes);
        assert_eq!(got.fault, None, "{}", case.name);
        assert_eq!(got.frames, case.frames, "{}", case.name);
    }
}

#[test]
fn frames_of_a_file_are_not_copied() {
    let build = Build::pcap(Order::Little, 0xa1b2_c3d4, 0, 1);
    let bytes = build.frame(1, 0, 3, b"abc").frame(1, 0, 2, b"de").bytes;
    let mut source = source_of(&bytes);
    let mut address = || source.next_frame().unwrap().unwrap().bytes.as_ptr() as usize;
    assert_eq!(address() + 3 + 16, address(), "as far apart as in the file");
}

/// A source over bytes in memory.
fn source_of(bytes: &[u8]) -> FileSource {
    FileSource::from_files(vec![
        oracle::one_file(Input::in_memory(bytes)).ok().unwrap(),
    ])
    .ok()
    .unwrap()
}

/// A file of that name in `folder`.
fn file_in(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

/// All that a source gives, frame or fault.
fn read_all(source: &mut FileSource) -> Vec<Result<(u16, Vec<u8>), CaptureError>> {
    let mut all = Vec::new();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => all.push(Ok((frame.point, frame.bytes.to_vec()))),
            Ok(None) => return all,
            Err(error) => all.push(Err(error)),
        }
    }
}

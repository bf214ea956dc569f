//! Files that are not whole, not captures, or not there.

use proptest::prelude::*;

use super::build::{small_pcap, small_pcapng};
use super::*;

fn fault_of(bytes: &[u8]) -> (usize, FaultKind) {
    let got = through_every_route("fault", bytes);
    (got.frames.len(), got.fault.expect("a fault").0)
}

fn little(snaplen: u32) -> Build {
    Build::pcap(Order::Little, 0xa1b2_c3d4, snaplen, 1)
}

#[test]
fn a_file_without_a_byte_is_empty() {
    let got = through_every_route("empty", b"");
    assert_eq!(
        got,
        Outcome {
            frames: vec![],
            fault: Some((FaultKind::Empty, None))
        }
    );
}

#[test]
fn other_files_are_no_captures() {
    for bytes in [
        &b"#!"[..],
        b"text, not packets",
        b"\xfd7zXZ\0",
        b"\x0a\x0d\x0d\x0a____________",
    ] {
        assert_eq!(fault_of(bytes), (0, FaultKind::NotACapture), "{bytes:?}");
    }
    let mut version = little(0).bytes;
    version[4] = 3;
    assert_eq!(fault_of(&version), (0, FaultKind::NotACapture));
    let twice = gzip(&gzip(&little(0).bytes).unwrap()).unwrap();
    let error = OneFile::new(
        "twice".into(),
        "twice".into(),
        Input::in_memory(&twice).unwrap(),
    );
    let text = error.err().unwrap().to_string();
    assert!(
        text.starts_with("twice: it is packed twice; unpack it once first. "),
        "{text}"
    );
}

#[test]
fn impossible_lengths_are_corrupt_and_keep_what_came_before() {
    let good = || little(65_535).frame(1, 0, 3, b"abc");
    let too_long = good()
        .u32(1)
        .u32(0)
        .u32((1 << 20) + 1)
        .u32(60)
        .raw(&[0; 64]);
    assert_eq!(fault_of(&too_long.bytes), (1, FaultKind::Corrupt));

    let ng = || {
        Build::new(Order::Little)
            .section(Order::Little)
            .interface(1, 0, &[])
            .enhanced(0, 1, 1, b"a")
    };
    for (name, build) in [
        ("odd length", ng().u32(5).u32(13).raw(&[0; 20])),
        ("length below 12", ng().u32(5).u32(8).raw(&[0; 20])),
        ("two lengths", ng().u32(5).u32(16).u32(0).u32(20)),
        (
            "two lengths, packet",
            ng().u32(6).u32(32).raw(&[0; 20]).u32(36),
        ),
        ("packet without an interface", ng().enhanced(1, 1, 1, b"a")),
        (
            "interface of the section before",
            ng().section(Order::Big).enhanced(0, 1, 1, b"a"),
        ),
        (
            "packet block without room",
            ng().block(6, |b| b.raw(&[0; 12])),
        ),
        (
            "frame longer than its block",
            ng().block(6, |b| b.raw(&[0; 12]).u32(5).u32(5).u32(0)),
        ),
        ("interface block too short", ng().block(1, |b| b.u32(1))),
        (
            "section of another version",
            ng().block(0x0a0d_0d0a, |b| {
                b.u32(0x1a2b_3c4d).u16(2).u16(0).raw(&[0xff; 8])
            }),
        ),
    ] {
        let got = through_every_route(name, &build.bytes);
        assert_eq!(got.fault.map(|f| f.0), Some(FaultKind::Corrupt), "{name}");
        assert_eq!(got.frames.len(), 1, "{name}");
        let at = got.fault.unwrap().1.unwrap();
        assert_eq!(
            (at.frame, at.byte >= ng().bytes.len() as u64),
            (2, true),
            "{name}: {at:?}"
        );
    }
}

#[test]
fn nothing_in_a_file_can_grow_without_bound() {
    let ng = || {
        Build::new(Order::Little)
            .section(Order::Little)
            .interface(1, 0, &[])
    };
    let many = |n| (1..n).fold(ng(), |b, _| b.interface(1, 0, &[]));
    let two_mib = vec![0; 2 << 20];
    let end_of = |b: Build| b.enhanced(0, 1, 1, b"a").bytes;
    let got = outcome(Input::in_memory(&end_of(many(65_536))));
    assert_eq!(
        (got.frames.len(), got.fault),
        (1, None),
        "as many as there may be"
    );
    for (name, bytes) in [
        ("interfaces", end_of(many(65_537))),
        (
            "interface description",
            end_of(ng().block(1, |b| b.u32(1).u32(0).raw(&two_mib))),
        ),
        (
            "options behind a packet",
            end_of(ng().block(6, |b| b.raw(&[0; 20]).raw(&two_mib))),
        ),
        ("frame", end_of(ng().enhanced(0, 1, 1, &two_mib))),
    ] {
        let got = outcome(Input::in_memory(&bytes));
        assert_eq!(got.frames.len(), 0, "{name}");
        assert_eq!(got.fault.map(|f| f.0), Some(FaultKind::Corrupt), "{name}");
    }
    let section = Build::new(Order::Little).block(0x0a0d_0d0a, |b| {
        b.u32(0x1a2b_3c4d)
            .u16(1)
            .u16(0)
            .raw(&[0xff; 8])
            .raw(&two_mib)
    });
    let got = outcome(Input::in_memory(&section.bytes));
    assert_eq!(
        got.fault,
        Some((FaultKind::NotACapture, None)),
        "section header"
    );
}

#[test]
fn a_fault_far_into_a_stream_is_placed_like_in_a_file() {
    let long = (0..3_000).fold(little(0), |b, n| b.frame(n, 0, 333, &[n as u8; 333]));
    let got = through_every_route("far", &long.clone().raw(&[0xff; 20]).bytes);
    let at = At {
        byte: long.bytes.len() as u64,
        frame: 3_001,
    };
    assert_eq!(got.fault, Some((FaultKind::Corrupt, Some(at))));
}

#[test]
fn the_message_says_where_and_what_next() {
    let cut = little(0)
        .frame(1, 0, 3, b"abc")
        .u32(1)
        .u32(0)
        .u32(40)
        .u32(40)
        .raw(b"xyz")
        .bytes;
    let passed = Build::new(Order::Little)
        .section(Order::Little)
        .u32(5)
        .u32(96)
        .raw(&[0; 40]);
    let mut all = read_all(&mut source_of(&passed.bytes));
    let text = all.pop().unwrap().unwrap_err().to_string();
    let wanted = "test: it ends inside a block: 48 of 96 bytes are there (frame 1, byte 44). ";
    assert!(text.starts_with(wanted), "{text}");

    let mut source = source_of(&cut);
    let mut all = read_all(&mut source);
    let text = all.pop().unwrap().unwrap_err().to_string();
    assert_eq!(
        text,
        "test: it ends inside a record: 19 of 56 bytes are there (frame 2, byte 43). \
         The frame before it was read; if the file is still being written, read it again later."
    );
    assert!(source.next_frame().unwrap().is_none(), "said once");
}

#[test]
fn what_cannot_be_opened_says_so() {
    let kind = |path: &Path| FileSource::open(&[path.to_owned()]).err().unwrap().kind();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(kind(&folder.path().join("missing")), FaultKind::NotFound);
    assert_eq!(kind(folder.path()), FaultKind::NotFound, "a folder");
    assert_eq!(kind(&file_in(&folder, "empty.pcap", b"")), FaultKind::Empty);
    assert_eq!(kind(Path::new("/dev/null")), FaultKind::Empty);
    assert_eq!(
        kind(Path::new("/proc/self/status")),
        FaultKind::NotACapture,
        "length 0, not empty"
    );
    let twice = [PathBuf::from("-"), PathBuf::from("-")];
    assert!(
        FileSource::open(&twice)
            .err()
            .unwrap()
            .to_string()
            .contains("named twice")
    );
}

#[test]
fn a_compressed_stream_that_breaks_off_or_is_damaged_is_told_apart() {
    let mut build = little(0);
    let mut noise = 1u32;
    for n in 0..9_000 {
        let bytes: Vec<u8> = (0..100)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        build = build.frame(n, 0, 100, &bytes);
    }
    let read = |packed: &[u8]| {
        let got = outcome(Input::in_memory(packed));
        (got.frames.len(), got.fault.map(|f| f.0))
    };
    for packed in [
        gzip(&build.bytes).unwrap(),
        zstd::encode_all(&*build.bytes, 1).unwrap(),
    ] {
        assert_eq!(read(&packed), (9_000, None));
        let (frames, fault) = read(&packed[..packed.len() / 2]);
        assert!(
            (3_000..4_600).contains(&frames),
            "{frames} frames of the first half"
        );
        assert_eq!(fault, Some(FaultKind::Truncated));
        let mut rest = packed.clone();
        rest.extend(b"rubbish behind the end");
        assert_eq!(read(&rest), (9_000, Some(FaultKind::Corrupt)));
    }
    let mut damaged = gzip(&build.bytes).unwrap();
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    assert_eq!(
        read(&damaged),
        (9_000, Some(FaultKind::Corrupt)),
        "checksum"
    );
}

/// `frames` frames of text, packed by `pack`, which is flushed after every tenth.
fn packed_text<W: Write>(frames: u32, mut pack: W) -> W {
    pack.write_all(&little(0).bytes).unwrap();
    for n in 0..frames {
        let text = format!("{n:x} {:x}", n.wrapping_mul(2_654_435_761)).repeat(40);
        let frame = Build::new(Order::Little).frame(n, 0, 1_500, text.as_bytes());
        pack.write_all(&frame.bytes).unwrap();
        if n % 10 == 9 {
            pack.flush().unwrap();
        }
    }
    pack
}

#[test]
fn nothing_before_a_damaged_place_in_a_packed_file_is_lost() {
    const FRAMES: u32 = 1_500;
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let packs = [
        ("gzip", packed_text(FRAMES, gzip).finish().unwrap()),
        ("zstd", packed_text(FRAMES, zstd).finish().unwrap()),
    ];
    for (name, packed) in packs {
        let whole = outcome(Input::in_memory(&packed)).frames;
        assert_eq!(whole.len(), FRAMES as usize);
        for at in (1_000..packed.len() - 1_000).step_by(packed.len() / 100) {
            let mut damaged = packed.clone();
            damaged[at..at + 64].fill(0xff);
            let pieces = Pieces {
                data: damaged,
                at: 0,
                piece_len: 7_001,
            };
            let got = outcome(Input::piped(pieces)).frames.len();
            // The same stream broken off there shows what can be had.
            let cut = outcome(Input::in_memory(&packed[..at])).frames;
            assert_eq!(cut, whole[..cut.len()], "{name}: cut at {at}");
            assert!(
                cut.len() * packed.len() > at * FRAMES as usize / 2,
                "{name}: {at}"
            );
            assert!(
                got >= cut.len(),
                "{name}: {got} of {} frames, {at}",
                cut.len()
            );
        }
        let mut damaged = packed.clone();
        let half = packed.len() / 2;
        damaged[half..half + 64].fill(0xff);
        assert_eq!(
            outcome(Input::in_memory(&damaged)).fault.unwrap().0,
            FaultKind::Corrupt
        );
        oracle::check(&damaged);
    }
}

#[test]
fn a_gzip_header_may_have_every_field() {
    let (bytes, _) = small_pcap();
    let mut packed = flate2::GzBuilder::new()
        .extra(vec![7; 300])
        .filename("a name")
        .comment("a comment")
        .write(Vec::new(), flate2::Compression::best());
    packed.write_all(&bytes).unwrap();
    let mut packed = packed.finish().unwrap();
    let wanted = outcome(Input::in_memory(&bytes));
    assert_eq!(outcome(Input::in_memory(&packed)), wanted);
    // With the checksum of the header, which nothing here writes: flag 2, two bytes behind it.
    packed[3] |= 2;
    let end = 10 + 2 + 300 + "a name".len() + 1 + "a comment".len() + 1;
    packed.splice(end..end, [0x12, 0x34]);
    assert_eq!(outcome(Input::in_memory(&packed)), wanted);
    packed[3] |= 0x80;
    assert_eq!(
        outcome(Input::in_memory(&packed)).fault.unwrap().0,
        FaultKind::Corrupt
    );
}

#[test]
fn a_file_cut_short_while_it_is_read_is_a_fault() {
    let mut build = little(0);
    for n in 0..4_000 {
        build = build.frame(n, 0, 1_000, &[7; 1_000]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder, "cut.pcap", &build.bytes);
    let mut source = FileSource::open(std::slice::from_ref(&path)).unwrap();
    assert!(source.next_frame().unwrap().is_some());
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(2_000_000).unwrap();
    let all = read_all(&mut source);
    let (frames, fault) = (all.len() - 1, all.last().unwrap().as_ref().unwrap_err());
    assert_eq!(fault.kind(), FaultKind::Truncated);
    assert!(
        fault
            .to_string()
            .contains("became shorter while it was read"),
        "{fault}"
    );
    assert_eq!(
        frames,
        (2_000_000 - 24) / 1_016 - 1,
        "all that are whole in what is left"
    );
}

/// Cut at `at`: all frames that are whole come out, then the end, clean exactly on a border.
fn check_cut(bytes: &[u8], borders: &[usize], at: usize) {
    let whole = outcome(Input::in_memory(bytes));
    assert_eq!(whole.fault, None);
    let got = outcome(Input::in_memory(&bytes[..at]));
    assert_eq!(got.frames[..], whole.frames[..got.frames.len()]);
    let clean = at == bytes.len() || borders.contains(&at);
    match got.fault {
        None => assert!(clean, "cut at {at} is no border"),
        Some((kind, _)) => {
            assert!(!clean, "cut at {at} is a border");
            let wanted = if at == 0 {
                FaultKind::Empty
            } else {
                FaultKind::Truncated
            };
            assert_eq!(kind, wanted, "cut at {at}");
        }
    }
    oracle::check(&bytes[..at]);
}

#[test]
fn a_capture_may_be_cut_anywhere() {
    let (bytes, borders) = small_pcap();
    for at in 0..=bytes.len() {
        check_cut(&bytes, &borders, at);
        let whole = borders
            .iter()
            .filter(|&&border| border <= at)
            .count()
            .saturating_sub(1);
        assert_eq!(
            outcome(Input::in_memory(&bytes[..at])).frames.len(),
            whole,
            "cut at {at}"
        );
    }
    let (bytes, borders) = small_pcapng();
    for at in 0..=bytes.len() {
        check_cut(&bytes, &borders, at);
        let whole = [2, 4, 7]
            .iter()
            .filter(|&&block| borders[block] <= at)
            .count();
        assert_eq!(
            outcome(Input::in_memory(&bytes[..at])).frames.len(),
            whole,
            "cut at {at}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn cut_and_packed_captures_agree(
        frames in prop::collection::vec((any::<u32>(), any::<u32>(), 0usize..300), 0..20),
        cut in 0.0..1.0f64,
    ) {
        let mut build = little(96);
        let mut borders = vec![build.bytes.len()];
        for (secs, fraction, len) in frames {
            build = build.frame(secs, fraction, 2_000, &vec![len as u8; len]);
            borders.push(build.bytes.len());
        }
        let at = (build.bytes.len() as f64 * cut) as usize;
        check_cut(&build.bytes, &borders, at);
    }

    #[test]
    fn flipped_bytes_never_panic_and_never_leave_the_file(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        pcapng in any::<bool>(),
    ) {
        let (mut bytes, _) = if pcapng { small_pcapng() } else { small_pcap() };
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        oracle::check(&bytes);
    }
}

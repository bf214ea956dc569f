//! The same files read by libpcap, and the committed captures against what tshark made of them.

use pcap::{Capture, Precision};

use super::build::small_pcap;
use super::*;

/// Time, captured length, wire length and bytes of each frame, by libpcap; and whether it ended in
/// an error.
fn by_libpcap(path: &Path) -> (Vec<(i64, u32, Vec<u8>)>, bool) {
    let Ok(mut capture) = Capture::from_file_with_precision(path, Precision::Nano) else {
        return (Vec::new(), true);
    };
    let mut frames = Vec::new();
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                let ts = packet.header.ts;
                let time = Timestamp::from_secs_nanos(ts.tv_sec, ts.tv_usec);
                assert_eq!(packet.header.caplen as usize, packet.data.len());
                frames.push((time.nanos(), packet.header.len, packet.data.to_vec()));
            }
            Err(pcap::Error::NoMorePackets) => return (frames, false),
            Err(_) => return (frames, true),
        }
    }
}

fn ours(bytes: &[u8]) -> (Vec<(i64, u32, Vec<u8>)>, bool) {
    let got = outcome(Input::in_memory(bytes));
    let frame = |frame: Copied| (frame.time.nanos(), frame.wire_len, frame.bytes);
    (
        got.frames.into_iter().map(frame).collect(),
        got.fault.is_some(),
    )
}

#[test]
fn libpcap_reads_the_same_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for case in cases().into_iter().filter(|case| case.libpcap) {
        let path = file_in(&folder, "case", &case.bytes);
        assert_eq!(by_libpcap(&path), ours(&case.bytes), "{}", case.name);
        compared += 1;
    }
    assert_eq!(compared, 23);
}

#[test]
fn libpcap_knows_the_same_link_type() {
    let folder = tempfile::tempdir().unwrap();
    // DLT numbers as libpcap gives them on Linux; raw IP is 12 there whatever the file says.
    for (file, dlt) in [
        (1, 1),
        (0x4400_0001, 1),
        (113, 113),
        (276, 276),
        (101, 12),
        (0, 0),
    ] {
        let bytes = Build::pcap(Order::Little, 0xa1b2_c3d4, 0, file)
            .frame(1, 0, 1, b"a")
            .bytes;
        let path = file_in(&folder, "link", &bytes);
        let theirs = Capture::from_file(&path).unwrap().get_datalink();
        assert_eq!(theirs.0, dlt, "{file:#x}");
        let link = outcome(Input::in_memory(&bytes)).frames[0].link;
        assert_eq!(LinkType::from_number(dlt as u16), link, "{file:#x}");
    }
}

#[test]
fn libpcap_sees_the_same_frames_in_a_cut_file() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = small_pcap();
    for at in 0..bytes.len() {
        let path = file_in(&folder, "cut", &bytes[..at]);
        assert_eq!(by_libpcap(&path), ours(&bytes[..at]), "cut at {at}");
    }
}

/// One line of a `.tsv` beside a committed capture.
fn line_of(frame: &Copied) -> String {
    let nanos = frame.time.nanos();
    let encapsulation = match frame.link {
        LinkType::Ethernet => 1,
        LinkType::LinuxSll => 25,
        LinkType::LinuxSll2 => 210,
        _ => 0,
    };
    let hex: String = frame
        .bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "{}.{:09}\t{encapsulation}\t{}\t{}\t{hex}",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000,
        frame.wire_len,
        frame.bytes.len()
    )
}

#[test]
fn committed_captures_give_what_tshark_saw() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/capture");
    let mut compared = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Ok(wanted) = std::fs::read_to_string(folder.join(format!("{name}.tsv"))) else {
            continue;
        };
        let got = outcome(Ok(Input::open(&path, &name).unwrap()));
        let lines: Vec<_> = got.frames.iter().map(line_of).collect();
        let wanted: Vec<_> = wanted.lines().skip(1).collect();
        assert!(!wanted.is_empty(), "{name}");
        assert_eq!(lines, wanted, "{name}");
        let fault = (name == "truncated.pcap").then_some(FaultKind::Truncated);
        assert_eq!(got.fault.map(|f| f.0), fault, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 8);
}

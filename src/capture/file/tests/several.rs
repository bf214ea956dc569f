//! Several files at once: order, faults, names, progress.

use super::*;

/// A pcap file whose frames hold their own label, at the given seconds.
fn at_seconds(label: &str, seconds: &[u32]) -> Vec<u8> {
    let build = Build::pcap(Order::Little, 0xa1b2_c3d4, 0, 1);
    let name = |n: usize| format!("{label}{n}").into_bytes();
    seconds
        .iter()
        .enumerate()
        .fold(build, |b, (n, s)| b.frame(*s, 0, 2, &name(n)))
        .bytes
}

fn labels(all: &[Result<(u16, Vec<u8>), CaptureError>]) -> String {
    let label = |entry: &Result<(u16, Vec<u8>), CaptureError>| match entry {
        Ok((_, bytes)) => String::from_utf8(bytes.clone()).unwrap(),
        Err(error) => format!(
            "{}:{:?}",
            error.place().rsplit('/').next().unwrap(),
            error.kind()
        ),
    };
    all.iter().map(label).collect::<Vec<_>>().join(" ")
}

#[test]
fn frames_come_in_time_order_and_the_first_file_wins_a_tie() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [
        file_in(&folder, "a.pcap", &at_seconds("a", &[1, 5, 9])),
        file_in(
            &folder,
            "b.pcap.gz",
            &gzip(&at_seconds("b", &[1, 2, 20])).unwrap(),
        ),
        // Its clock ran back: its own order stays, and holds nobody else up.
        file_in(&folder, "c.pcap", &at_seconds("c", &[6, 3, 7])),
        file_in(&folder, "none.pcap", &at_seconds("none", &[])),
    ];
    let mut source = FileSource::open(&paths).unwrap();
    let all = read_all(&mut source);
    assert_eq!(labels(&all), "a0 b0 b1 a1 c0 c1 c2 a2 b2");
    assert!(
        all.iter()
            .flatten()
            .all(|(point, bytes)| { u16::from(bytes[0] - b'a') == *point })
    );
    let names: Vec<_> = (0..5).map(|point| source.point_name(point)).collect();
    assert_eq!(names, ["a.pcap", "b.pcap.gz", "c.pcap", "none.pcap", ""]);
}

#[test]
fn a_fault_belongs_to_one_file_and_comes_once() {
    let folder = tempfile::tempdir().unwrap();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 1].to_vec();
    let paths = [
        file_in(&folder, "first.pcap", &cut(at_seconds("x", &[1]))),
        file_in(&folder, "a.pcap", &at_seconds("a", &[1, 5])),
        file_in(&folder, "later.pcap", &cut(at_seconds("l", &[2, 3]))),
        file_in(&folder, "last.pcap", &cut(at_seconds("y", &[1]))),
    ];
    let all = read_all(&mut FileSource::open(&paths).unwrap());
    assert_eq!(
        labels(&all),
        "first.pcap:Truncated last.pcap:Truncated a0 l0 later.pcap:Truncated a1"
    );
}

#[test]
fn no_file_at_all_has_no_frame() {
    assert!(
        FileSource::open(&[])
            .unwrap()
            .next_frame()
            .unwrap()
            .is_none()
    );
}

#[test]
fn progress_counts_bytes_on_disk_and_ends_at_the_total() {
    let folder = tempfile::tempdir().unwrap();
    let plain = at_seconds("a", &[1, 2]);
    let packed = gzip(&at_seconds("b", &[3])).unwrap();
    let cut = &at_seconds("c", &[1])[..30];
    let total = (plain.len() + packed.len() + cut.len()) as u64;
    let paths = [
        file_in(&folder, "a", &plain),
        file_in(&folder, "b", &packed),
        file_in(&folder, "c", cut),
    ];
    let mut source = FileSource::open(&paths).unwrap();
    let (start, of) = source.progress();
    assert!(start < total);
    assert_eq!(of, Some(total));
    read_all(&mut source);
    assert_eq!(source.progress(), (total, Some(total)));
}

#[test]
fn a_file_name_cannot_forge_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder, "a\nb.pcap", &at_seconds("a", &[]));
    let source = FileSource::open(&[path]).unwrap();
    assert_eq!(source.point_name(0), "a\\nb.pcap");
}

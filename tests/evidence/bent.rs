//! Bundles with something changed: each is refused, and the right place is named.

use std::fs;

use poortwacht::evidence::{Report, Request, archive, verify};
use poortwacht::ledger::note::VerifierKey;

use super::stand::{self, Stand, second, spans, stand};

fn request(it: &Stand) -> Request {
    let key = fs::read_to_string(it.path("cases/ledger/key.pub")).unwrap();
    Request {
        key: Some(VerifierKey::parse(&key).unwrap()),
        ..Request::default()
    }
}

/// Where to change a file: every byte of a small one, of a large one some in each part.
fn places(name: &str, bytes: &[u8]) -> Vec<usize> {
    match name {
        "entries.tsv" | "proofs.tsv" => {
            let mut starts: Vec<usize> = vec![0];
            starts.extend(
                bytes
                    .iter()
                    .enumerate()
                    .filter(|it| *it.1 == b'\n')
                    .map(|it| it.0 + 1),
            );
            let mut all = Vec::new();
            for pair in starts.windows(2) {
                let len = pair[1] - pair[0];
                all.extend([0, len / 7, len / 2, len - 2, len - 1].map(|at| pair[0] + at));
            }
            all
        }
        _ if bytes.len() <= 1000 => (0..bytes.len()).collect(),
        _ => (0..40).map(|n| n * (bytes.len() - 1) / 39).collect(),
    }
}

/// The entry whose line holds this byte.
fn entry_at(bytes: &[u8], at: usize) -> u64 {
    let from = bytes[..at]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |it| it + 1);
    let digits = bytes[from..].iter().take_while(|b| b.is_ascii_digit());
    let digits: Vec<u8> = digits.copied().collect();
    std::str::from_utf8(&digits).unwrap().parse().unwrap()
}

fn bend(report: &Report, name: &str, entry: Option<u64>, at: usize) {
    assert!(!report.verifies, "{name}, byte {at}: nobody saw it");
    let first = &report.faults[0];
    assert_eq!(first.file, Some(name), "byte {at}: {first:?}");
    if entry.is_some() {
        assert_eq!(first.entry, entry, "{name}, byte {at}: {first:?}");
    }
}

#[test]
fn one_changed_byte_names_the_entry_or_the_file() {
    let it = stand();
    let request = request(it);
    let mut tried = 0;
    for bundle in ["case.tar", "opened.tar"] {
        let whole = fs::read(it.path(bundle)).unwrap();
        assert!(verify(&whole, &request).verifies);
        for (name, head, bytes) in spans(&whole) {
            if bundle == "opened.tar" && !name.starts_with("opened/") {
                continue;
            }
            for at in places(&name, &bytes) {
                let mut bent = whole.clone();
                bent[head + 512 + at] ^= [1, 0x20, 0x80][at % 3];
                let report = verify(&bent, &request);
                let by_entry = matches!(name.as_str(), "entries.tsv" | "proofs.tsv");
                let entry = by_entry.then(|| entry_at(&bytes, at));
                bend(&report, &name, entry, at);
                tried += 1;
            }
            // Its head, and what fills it up.
            for at in [0, 12, 100, 124, 136, 148, 156, 257, 300, 511] {
                let mut bent = whole.clone();
                bent[head + at] ^= 1;
                let report = verify(&bent, &request);
                assert!(!report.verifies, "{name}: byte {at} of its head");
                assert_eq!(report.faults[0].file, None);
            }
            let filled = bytes.len().next_multiple_of(512) - bytes.len();
            if filled > 0 {
                let mut bent = whole.clone();
                bent[head + 512 + bytes.len()] = 1;
                let report = verify(&bent, &request);
                assert!(!report.verifies && report.faults[0].what.contains(&name));
            }
        }
    }
    assert!(tried > 1500, "{tried}");
}

#[test]
fn both_verifiers_refuse_the_same() {
    let it = stand();
    let request = request(it);
    let Some(good) = second(it, "case.tar", &[]) else {
        return;
    };
    assert!(good.status.success());
    for (number, (name, head, bytes)) in spans(&it.bundle).into_iter().enumerate() {
        for part in [3, 2] {
            let at = head + 512 + bytes.len() / part;
            let mut bent = it.bundle.clone();
            bent[at] ^= 1;
            assert!(!verify(&bent, &request).verifies);
            let file = format!("bent-{number}-{part}.tar");
            fs::write(it.path(&file), bent).unwrap();
            let said = second(it, &file, &[]).unwrap();
            assert_eq!(
                said.status.code(),
                Some(1),
                "{name}: {}",
                stand::text(&said)
            );
        }
    }
    for len in [0, 511, 512, it.bundle.len() / 2, it.bundle.len() - 1] {
        let cut = &it.bundle[..len];
        let report = verify(cut, &request);
        assert!(
            !report.verifies && report.faults[0].what.len() > 20,
            "{len}"
        );
        let file = format!("cut-{len}.tar");
        fs::write(it.path(&file), cut).unwrap();
        let said = second(it, &file, &[]).unwrap();
        assert_eq!(said.status.code(), Some(1), "{len}: {}", stand::text(&said));
        let why = it.no(&["verify", &file]);
        assert!(why.contains("DOES NOT VERIFY"), "{why}");
    }
}

/// Whole files swapped, left out, put in: by somebody who knows the format and has no key.
#[test]
fn what_is_left_out_swapped_or_added_is_named() {
    let it = stand();
    let request = request(it);
    let (case, files) = archive::read(&it.bundle).unwrap();
    let (_, other) = archive::read(&fs::read(it.path("quiet.tar")).unwrap()).unwrap();
    for at in 0..files.len() {
        let mut fewer = files.clone();
        let left = fewer.remove(at);
        let report = verify(&archive::write(&case, &fewer).unwrap(), &request);
        assert!(!report.verifies, "{} may be left out", left.name);
        assert_eq!(report.faults[0].file, Some(left.name.label()));
        let mut swapped = files.clone();
        let Some(put) = other.iter().find(|file| file.name == left.name) else {
            continue;
        };
        if put.bytes == left.bytes {
            continue;
        }
        swapped[at] = put.clone();
        let report = verify(&archive::write(&case, &swapped).unwrap(), &request);
        assert!(!report.verifies, "{} may be swapped", left.name);
    }
    // A line less in both files: the manifest knows.
    let mut fewer = files.clone();
    for file in &mut fewer {
        if matches!(file.name.label(), "entries.tsv" | "proofs.tsv") {
            let end = file.bytes.iter().position(|b| *b == b'\n').unwrap();
            file.bytes.drain(..=end);
        }
    }
    let report = verify(&archive::write(&case, &fewer).unwrap(), &request);
    assert_eq!(
        report.faults[0].file,
        Some("entries.tsv"),
        "{:?}",
        report.faults
    );
    // Another case's name on the folder.
    let report = verify(&archive::write("case-0", &files).unwrap(), &request);
    assert!(!report.verifies && report.faults[0].what.contains("another case"));
}

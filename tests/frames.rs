//! The frames of hits: every capture of the tree is played, the frames of its hits are sealed, opened
//! with the shares of two officers of three, and read by tshark.
//!
//! Enters: `tests/data/captures`, a key pair for each officer made here. Leaves: a failure that lists
//! every hit whose name tshark does not find in its frame, and everything in a frame that is no
//! hit's. Never: needs root or the network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use poortwacht::base::Seen;
use poortwacht::hits::Frame;
use poortwacht::hits::frame::{FrameFate, Origin, pcapng};

#[path = "frames/bench.rs"]
mod bench;
#[path = "frames/officers.rs"]
mod officers;
#[path = "frames/wireshark.rs"]
mod wireshark;

use bench::{Bench, Played};

/// A capture, what was played of it, and its frames as they came out of the seal.
struct Case {
    name: String,
    folder: PathBuf,
    capture: PathBuf,
    hits: Vec<Played>,
}

/// Folder and file of each capture.
fn captures() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().flatten() {
        let files = fs::read_dir(folder.path()).into_iter().flatten().flatten();
        let named = |file: &fs::DirEntry| file.file_name().to_string_lossy().starts_with("capture");
        found.extend(files.filter(named).map(|file| (folder.path(), file.path())));
    }
    found.sort();
    found
}

fn cases() -> Vec<Case> {
    let case = |(folder, capture): (PathBuf, PathBuf)| Case {
        name: folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        hits: Bench::new().play(&capture),
        folder,
        capture,
    };
    captures().into_iter().map(case).collect()
}

/// Names of which `tshark.tsv` says that tshark misses them.
fn missed(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("tshark.tsv")).unwrap_or_default();
    let missed = text
        .lines()
        .filter_map(|line| line.strip_prefix("missed\t"));
    missed
        .filter_map(|pair| Some(pair.split_once('\t')?.1.to_owned()))
        .collect()
}

/// All names that the capture holds, by its truth.
fn held(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("names.tsv")).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_once('\t'));
    names.map(|(_, name)| name.to_owned()).collect()
}

#[test]
fn tshark_reads_the_name_of_each_hit_and_no_other() {
    let cases = cases();
    let (mut wrong, mut origins) = (Vec::new(), BTreeMap::new());
    let mut protocols = BTreeSet::new();
    for case in &cases {
        for played in &case.hits {
            let (hit, frame) = (&played.hit, played.frame.as_ref());
            match frame {
                Ok(frame) => *origins.entry((hit.seen, frame.head.origin)).or_insert(0) += 1,
                // A hello of Google's old QUIC in two datagrams: of it the name alone is handed on.
                Err(why) if hit.name == "halves.clearview.ai" => {
                    assert_eq!(*why, FrameFate::Nothing);
                }
                Err(why) => wrong.push(format!(
                    "{}: {} of {} has no frame: {why}",
                    case.name, hit.seen, hit.name
                )),
            }
        }
        if wireshark::is_missing() {
            continue;
        }
        compare(case, &mut protocols, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let of = |seen, origin| origins.get(&(seen, origin)).copied().unwrap_or(0);
    for (seen, origin, least) in [
        (Seen::DnsQuery, Origin::Frame, 150),
        (Seen::DnsQuery, Origin::Rebuilt, 5),
        (Seen::DnsCname, Origin::Frame, 5),
        (Seen::DnsSvcb, Origin::Rebuilt, 1),
        (Seen::TlsSni, Origin::Frame, 50),
        (Seen::TlsSni, Origin::Rebuilt, 30),
        (Seen::QuicSni, Origin::Frame, 20),
        (Seen::QuicSni, Origin::Rebuilt, 10),
        (Seen::DtlsSni, Origin::Frame, 1),
        (Seen::DtlsSni, Origin::Rebuilt, 1),
        (Seen::TlsCert, Origin::Rebuilt, 1),
        (Seen::HttpHost, Origin::StandIn, 5),
        (Seen::HttpConnect, Origin::StandIn, 1),
        (Seen::Http2Authority, Origin::StandIn, 1),
        (Seen::SocksConnect, Origin::StandIn, 1),
        (Seen::SmtpDomain, Origin::StandIn, 1),
    ] {
        let count = of(seen, origin);
        assert!(count >= least, "{count} frames of {seen} are {origin}");
    }
    if wireshark::is_missing() {
        return println!("skipped: tshark is not installed");
    }
    for protocol in [
        "vlan", "ipv6", "vxlan", "gre", "quic", "gquic", "dtls", "pppoes", "tcp",
    ] {
        assert!(
            protocols.contains(protocol),
            "no {protocol} in {protocols:?}"
        );
    }
}

/// Frames that tshark can read together: no port of one is another protocol's.
fn groups(hits: &[Played]) -> Vec<Vec<(&Played, &Frame)>> {
    let mut groups: Vec<(BTreeMap<String, &str>, Vec<_>)> = Vec::new();
    for played in hits {
        let Ok(frame) = &played.frame else { continue };
        let (port, protocol) = (
            wireshark::port(&played.hit),
            wireshark::protocol(&played.hit),
        );
        let fits = |(ports, _): &(BTreeMap<String, &str>, _)| {
            ports.get(&port).is_none_or(|known| *known == protocol)
        };
        let at = groups.iter().position(fits).unwrap_or_else(|| {
            groups.push((BTreeMap::new(), Vec::new()));
            groups.len() - 1
        });
        groups[at].0.insert(port, protocol);
        groups[at].1.push((played, frame));
    }
    groups.into_iter().map(|(_, frames)| frames).collect()
}

/// Holds the frames of a capture against what tshark says.
fn compare(case: &Case, protocols: &mut BTreeSet<String>, wrong: &mut Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames.pcapng");
    let (held, missed) = (held(&case.folder), missed(&case.folder));
    let of_dns = |it: &Played| it.hit.seen.is_lookup() && it.frame.is_ok();
    let whole = match case.hits.iter().any(of_dns) {
        true => wireshark::read_whole(&case.capture),
        false => Vec::new(),
    };
    for frames in groups(&case.hits) {
        let written = frames
            .iter()
            .map(|(played, frame)| (played.id.as_str(), *frame));
        fs::write(&file, pcapng::file(written)).unwrap();
        let hits: Vec<_> = frames.iter().map(|(played, _)| &played.hit).collect();
        let shown = wireshark::read(&file, &hits);
        assert_eq!(shown.len(), frames.len(), "{}: packets", case.name);
        for ((played, frame), shown) in frames.iter().zip(shown) {
            let hit = &played.hit;
            let mut say = |what: String| {
                let origin = frame.head.origin;
                wrong.push(format!(
                    "{}: {} {} ({origin}): {what}",
                    case.name, hit.seen, hit.name
                ));
            };
            let name = hit.name.replace('\\', "");
            if !shown.names.contains(&name) && !missed.contains(&hit.name) {
                say(format!("tshark shows {:?}", shown.names));
            }
            let comment = frame.head.comment(&played.id);
            let begins = match frame.head.origin {
                Origin::Frame => "Poortwacht: real frame",
                Origin::Rebuilt => "Poortwacht: rebuilt",
                Origin::StandIn => "Poortwacht: stand-in",
            };
            if shown.comment != comment || !comment.starts_with(begins) {
                say(format!("the comment is `{}`", shown.comment));
            }
            protocols.extend(shown.protocols.split(':').map(str::to_owned));
            // A DNS message has the names that its one question is about; others have their own.
            let mut own = shown.names;
            if hit.seen.is_lookup() {
                if frame.head.origin == Origin::Frame {
                    let there = whole.get(hit.frame as usize - 1).map(|it| &it.names);
                    let read = there.filter(|there| !there.is_empty());
                    if read.is_some_and(|there| !own.is_subset(there)) {
                        say(format!("its frame {} does not have {own:?}", hit.frame));
                    }
                }
            } else if hit.seen != Seen::TlsCert && own.iter().any(|it| *it != name) {
                say(format!("other names: {own:?}"));
            }
            own.insert(name);
            let strangers = held
                .iter()
                .filter(|it| !own.iter().any(|own| own.contains(*it)));
            for stranger in strangers.filter(|it| bench::holds(&frame.bytes, it)) {
                say(format!("`{stranger}` stands in its bytes"));
            }
        }
    }
}

/// What follows the message in a frame is nowhere: of a real frame the last byte is the message's.
#[test]
fn frames_end_where_the_message_ends() {
    let mut cut = 0;
    for (name, capture) in captures() {
        for hit in bench::hits(&capture) {
            let Ok(frame) = Frame::of(&hit) else { continue };
            assert_eq!(frame.head.len as usize, frame.bytes.len());
            let clear = matches!(
                hit.seen,
                Seen::DnsQuery | Seen::DnsCname | Seen::DnsSvcb | Seen::TlsSni
            );
            if frame.head.origin != Origin::Frame {
                continue;
            }
            if clear {
                assert!(
                    frame.bytes.ends_with(&hit.evidence),
                    "{name:?}: {}",
                    hit.name
                );
            }
            cut += usize::from(frame.head.len < frame.head.wire_len);
        }
    }
    assert!(cut > 0, "no frame of the tree goes on behind its message");
}

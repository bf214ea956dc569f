//! Frames under seal, and releases.

use super::*;
use crate::event::CARRIER_LEN_MAX;
use crate::hits::Frame;
use crate::hits::fold::tests::hit as tls_hit;
use crate::hits::frame::Head;

fn frame(len: usize) -> Frame {
    let mut hit = tls_hit(1, "192.0.2.1", "app.acme.example");
    hit.evidence = vec![7; len];
    Frame::of(&hit).map_err(|_| "a frame").unwrap()
}

fn release(of: &SubjectId) -> Release {
    Release::new("case-1", of.clone(), "a reason", "2026-01-02T03:04:05Z")
}

type Bend = fn(&mut Release);

/// A release of a record and two frames, and the shares of all officers.
fn released(it: &mut Desk) -> (Release, Vec<Share>) {
    let who = subject(1);
    let mut release = release(&who);
    for id in ["h1", "h2"] {
        let (sealed, key) = it.sealer.seal_frame(&who, id, &frame(100)).unwrap();
        key.into_iter().for_each(|key| release.add_key(key));
        release.add_frame(sealed);
    }
    assert!(release.add(&it.sealer.seal(&who, &clear()).unwrap()));
    let keys = it.keys.iter();
    let shares = keys.flat_map(|key| release.shares(None, key).unwrap());
    let shares = shares.collect();
    (release, shares)
}

#[test]
fn a_frame_comes_back_with_enough_shares_and_its_key_is_told_once() {
    let mut it = desk(3, 2);
    let mut told = 0;
    for id in ["h1", "h2"] {
        let (sealed, key) = it.sealer.seal_frame(&subject(1), id, &frame(100)).unwrap();
        told += usize::from(key.is_some());
        assert_eq!((sealed.hit.as_str(), sealed.key.len()), (id, 16));
        assert!(sealed.text.len() <= FRAME_TEXT_LEN_MAX);
    }
    assert_eq!(told, 1);
    let (_, key) = it
        .sealer
        .seal_frame(&subject(2), "h3", &frame(100))
        .unwrap();
    assert!(key.is_some(), "another subject has another key");
    let (release, shares) = released(&mut it);
    assert_eq!(release.keys.len(), 1, "records and frames share it");
    for enough in [&shares[..2], &shares[1..]] {
        let opened = release.open(enough).unwrap();
        let hits: Vec<&str> = opened.frames.iter().map(|(hit, _)| hit.as_str()).collect();
        assert_eq!(hits, ["h1", "h2"]);
        assert!(opened.frames.iter().all(|(_, it)| *it == frame(100)));
        assert!(opened.identities == [clear()] && opened.closed.is_empty());
    }
    assert!(why(release.open(&shares[..1])).contains("1 of the 2 shares"));
    assert!(why(release.open(&[])).contains("0 of the 2 shares"));
}

/// The longest frame with the longest point that the desk takes still fits a line of the record.
#[test]
fn the_longest_frame_fits_and_lengths_tell_little() {
    let mut it = desk(16, 1);
    let mut longest = frame(9000);
    assert_eq!(longest.bytes.len(), CARRIER_LEN_MAX);
    longest.head.point = "p".repeat(255);
    longest.head.client_mac = Some("00-00-5E-00-53-01".into());
    (longest.head.vlan, longest.head.contested) = (Some(4095), true);
    longest.head.time_ns = i64::MIN;
    let (sealed, _) = it.sealer.seal_frame(&subject(1), "h1", &longest).unwrap();
    assert!(
        sealed.text.len() <= FRAME_TEXT_LEN_MAX,
        "{}",
        sealed.text.len()
    );
    longest.head.point = "\"".repeat(400);
    let said = why(it.sealer.seal_frame(&subject(1), "h1", &longest));
    assert!(said.contains("too long"), "{said}");
    let text = |it: &mut Desk, len| {
        let (sealed, _) = it
            .sealer
            .seal_frame(&subject(1), "h1", &frame(len))
            .unwrap();
        sealed.text.len()
    };
    assert_eq!(text(&mut it, 10), text(&mut it, 20));
}

/// A frame is its subject's and its hit's alone, and nobody's with a byte changed.
#[test]
fn a_frame_that_was_moved_or_changed_does_not_open() {
    let mut it = desk(2, 2);
    let (whole, shares) = released(&mut it);
    let bent: [(&str, Bend); 3] = [
        ("another hit", |it| it.frames[0].hit = "h9".into()),
        ("swapped", |it| {
            let text = it.frames[1].text.clone();
            it.frames[0].text = text;
        }),
        ("cut", |it| it.frames[0].text.truncate(40)),
    ];
    for (what, bend) in bent {
        let mut release = whole.clone();
        bend(&mut release);
        let opened = release.open(&shares).unwrap();
        assert_eq!((opened.frames.len(), opened.closed.len()), (1, 1), "{what}");
        let said = &opened.closed[0];
        let hit = &release.frames[0].hit;
        assert!(said.contains(&format!("hit {hit} was changed")), "{said}");
    }
    for at in [0, 11, 12, 300, 3000] {
        let mut release = whole.clone();
        let mut bytes = STANDARD.decode(&release.frames[0].text).unwrap();
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 1;
        release.frames[0].text = STANDARD.encode(bytes);
        assert_eq!(release.open(&shares).unwrap().frames.len(), 1, "byte {at}");
    }
    // Another subject's name over all of it; a record in place of a frame.
    let mut other = whole.clone();
    other.subject = subject(2);
    assert!(why(other.open(&shares)).contains("another subject"));
    let mut mixed = whole.clone();
    mixed.frames[0].text = mixed.records[0].text.clone();
    assert_eq!(mixed.open(&shares).unwrap().frames.len(), 1);
}

#[test]
fn shares_of_two_runs_are_told_apart() {
    let mut it = desk(2, 2);
    let (mut release, shares) = released(&mut it);
    // The daemon was started anew: the same officers, another data key.
    it.sealer.keys.clear();
    let (later, more) = released(&mut it);
    for key in &later.keys {
        release.add_key(key.clone());
    }
    for (number, mut frame) in later.frames.into_iter().enumerate() {
        if number == 0 {
            release.add_frame(frame.clone());
        }
        // The first run's word over the later run's text.
        frame.key = release.keys[0].key.clone();
        release.add_frame(frame);
    }
    let half = release.open(&shares).unwrap();
    assert_eq!((half.frames.len(), half.identities.len()), (2, 1));
    assert!(
        half.closed
            .iter()
            .any(|why| why.contains("0 of the 2 shares"))
    );
    let all = release.open(&[shares, more].into_iter().flatten().collect::<Vec<_>>());
    let all = all.unwrap();
    assert_eq!(
        (all.frames.len(), all.closed.len()),
        (3, 2),
        "{:?}",
        all.closed
    );
    let (old, new) = (&release.keys[0].key, &release.keys[1].key);
    assert_ne!(old, new);
}

#[test]
fn a_release_is_read_as_it_was_written() {
    let mut it = desk(2, 2);
    let (release, _) = released(&mut it);
    let text = release.write().unwrap();
    assert!(Release::is_one(&text) && Release::read(&text).unwrap() == release);
    assert!(!text.contains("192.0.2.1") && !text.contains("jansen"));
    assert!(!Release::is_one("{\"versions\": []}") && !Release::is_one("nonsense"));
    let mut foreign = release.clone();
    assert!(!foreign.add(&it.sealer.seal(&subject(2), &clear()).unwrap()));
    let mut old = it.sealer.seal(&subject(1), &clear()).unwrap();
    old.key.clear();
    assert!(!foreign.add(&old), "of before keys had words");
    assert!(foreign == release);
    let bad: [(&str, Bend); 6] = [
        ("is missing", |it| it.keys.clear()),
        ("contradicts itself", |it| it.keys[0].threshold = 0),
        ("contradicts itself", |it| it.keys[0].shares.clear()),
        ("stands twice", |it| it.keys.push(it.keys[0].clone())),
        ("longer than any", |it| it.frames[0].text = "A".repeat(5000)),
        ("longer than any", |it| it.reason = "A".repeat(5000)),
    ];
    for (words, bend) in bad {
        let mut bent = release.clone();
        bend(&mut bent);
        let said = why(bent.write());
        assert!(said.contains(words), "{said}");
        let text = serde_json::to_string(&bent).unwrap();
        assert_eq!(why(Release::read(&text)), said);
    }
    let said = why(Release::read(&text.replacen("release/1", "release/9", 1)));
    assert!(said.contains("of another form"), "{said}");
    for cut in [0, 1, text.len() / 2, text.len() - 3] {
        assert!(why(Release::read(&text[..cut])).contains("broken at line"));
    }
}

/// What stands in front of a frame's bytes is checked too, though only officers' programs see it.
#[test]
fn a_head_that_contradicts_itself_is_no_frame() {
    let mut it = desk(1, 1);
    let who = subject(1);
    let bent: [fn(&mut Head); 3] = [
        |it| it.len = 5000,
        |it| it.wire_len = 1,
        |it| it.point.clear(),
    ];
    for bend in bent {
        let mut frame = frame(100);
        bend(&mut frame.head);
        let (sealed, key) = it.sealer.seal_frame(&who, "h1", &frame).unwrap();
        let mut release = release(&who);
        it.sealer.keys.clear();
        release.add_key(key.unwrap());
        release.add_frame(sealed);
        let shares = release.shares(None, &it.keys[0]).unwrap();
        assert!(why(release.open(&shares)).contains("was changed"));
    }
}

/// The seeds of the fuzz target, a real release, and cuts of both.
#[test]
fn the_seeds_hold_for_the_oracle() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/release");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let mut seeds: Vec<Vec<u8>> = files.map(|it| std::fs::read(it.path()).unwrap()).collect();
    assert_eq!(seeds.len(), 2);
    let (release, _) = released(&mut desk(1, 1));
    seeds.push(release.write().unwrap().into_bytes());
    for seed in seeds {
        for end in (0..=seed.len()).rev().step_by(1 + seed.len() / 500) {
            oracle::check(&seed[..end]);
        }
    }
}

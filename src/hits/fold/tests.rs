//! Folding by value.

use super::*;
use crate::base::{EchVerdict, Endpoints, Transport};
use crate::event::HitRule;

pub(crate) fn hit(seconds: i64, client: &str, name: &str) -> Hit {
    Hit {
        time: Timestamp::from_secs_nanos(seconds, 0),
        frame: seconds as u64,
        point: "eth0".into(),
        ends: Endpoints {
            src: client.parse().unwrap(),
            dst: "203.0.113.80".parse().unwrap(),
            sport: 40_000,
            dport: 443,
            transport: Transport::Tcp,
        },
        client_mac: None,
        vlan: None,
        seen: Seen::TlsSni,
        name: name.into(),
        qtype: 0,
        ech: EchVerdict::None,
        rule: HitRule {
            vendor: "acme".into(),
            vendor_name: "Acme Faces".into(),
            rule: "acme.example".into(),
            kind: "suffix".into(),
            role: "app".into(),
            category: "face-search".into(),
            severity: "high".into(),
            confidence: "high".into(),
            source: "acme.toml".into(),
        },
        ja4: None,
        evidence: vec![1, 2, 3],
        carrier: None,
        join: None,
        contested: false,
        list_version: "0123456789abcdef".into(),
    }
}

fn folder() -> Folder {
    Folder::new(Duration::from_secs(300), 100)
}

/// `first NAME@TIME` or `fold NAME xN FIRST..LAST`.
fn told(out: &[Finding]) -> Vec<String> {
    let seconds = |time: Timestamp| time.nanos() / 1_000_000_000;
    out.iter()
        .map(|finding| match finding {
            Finding::First(hit) => format!("first {}@{}", hit.name, seconds(hit.time)),
            Finding::Folded(fold) => format!(
                "fold {} x{} {}..{}/{}",
                fold.first.name,
                fold.repeats,
                seconds(fold.first.time),
                seconds(fold.last),
                fold.last_frame
            ),
        })
        .collect()
}

fn run(folder: &mut Folder, hits: impl IntoIterator<Item = Hit>) -> Vec<String> {
    let mut out = Vec::new();
    hits.into_iter().for_each(|hit| folder.take(hit, &mut out));
    told(&out)
}

#[test]
fn the_first_comes_at_once_and_repeats_as_one_summary() {
    let mut folder = folder();
    let hits = [0, 1, 2, 299].map(|t| hit(t, "192.0.2.1", "a.acme.example"));
    assert_eq!(run(&mut folder, hits), ["first a.acme.example@0"]);
    assert_eq!((folder.len(), folder.folded()), (1, 3));
    // 300 s after the first the window is over: the summary, then a first again
    assert_eq!(
        run(&mut folder, [hit(300, "192.0.2.1", "a.acme.example")]),
        [
            "fold a.acme.example x3 0..299/299",
            "first a.acme.example@300"
        ]
    );
}

#[test]
fn a_window_without_repeats_closes_silently() {
    let mut folder = folder();
    run(&mut folder, [hit(0, "192.0.2.1", "a.acme.example")]);
    let mut out = Vec::new();
    folder.tick(Timestamp::from_secs_nanos(299, 999_999_999), &mut out);
    assert_eq!(folder.len(), 1);
    folder.tick(Timestamp::from_secs_nanos(300, 0), &mut out);
    assert!(folder.is_empty() && out.is_empty());
}

#[test]
fn each_part_of_the_key_makes_a_kind_of_its_own() {
    let base = || hit(0, "192.0.2.1", "a.acme.example");
    let mut others = vec![
        hit(0, "192.0.2.2", "a.acme.example"),
        hit(0, "192.0.2.1", "b.acme.example"),
    ];
    for change in [
        (|h: &mut Hit| h.rule.vendor = "other".into()) as fn(&mut Hit),
        |h| h.rule.rule = "other".into(),
        |h| h.rule.kind = "exact".into(),
        |h| h.seen = Seen::QuicSni,
        |h| h.point = "eth1".into(),
    ] {
        let mut other = base();
        change(&mut other);
        others.push(other);
    }
    for other in others {
        let mut folder = folder();
        assert_eq!(run(&mut folder, [base(), other]).len(), 2);
    }
    let mut same = base();
    (same.frame, same.ends.sport, same.list_version) = (9, 9, "new".into());
    let mut folder = folder();
    assert_eq!(run(&mut folder, [base(), same]).len(), 1);
}

#[test]
fn at_the_bound_the_oldest_window_closes_early_and_its_count_is_told() {
    let mut folder = Folder::new(Duration::from_secs(300), 2);
    let told = run(
        &mut folder,
        [
            hit(0, "192.0.2.1", "a.acme.example"),
            hit(1, "192.0.2.2", "b.acme.example"),
            hit(2, "192.0.2.1", "a.acme.example"),
            hit(3, "192.0.2.3", "c.acme.example"),
        ],
    );
    assert_eq!(
        told,
        [
            "first a.acme.example@0",
            "first b.acme.example@1",
            "fold a.acme.example x1 0..2/2",
            "first c.acme.example@3"
        ]
    );
    assert_eq!((folder.len(), folder.closed_early()), (2, 1));
}

#[test]
fn flush_tells_every_count_and_no_hit_is_lost() {
    let mut folder = folder();
    let mut out = Vec::new();
    for t in 0..1000 {
        folder.take(
            hit(t, &format!("192.0.2.{}", t % 7), "a.acme.example"),
            &mut out,
        );
    }
    folder.flush(&mut out);
    let total: u64 = out
        .iter()
        .map(|finding| match finding {
            Finding::First(_) => 1,
            Finding::Folded(fold) => fold.repeats,
        })
        .sum();
    assert_eq!(total, 1000);
    assert!(folder.is_empty());
}

#[test]
fn a_frame_out_of_order_or_from_a_wrong_clock_holds_nothing_up() {
    let mut folder = folder();
    // a repeat from before the first, as a second worker may hand it over
    let told_first = run(
        &mut folder,
        [
            hit(10, "192.0.2.1", "a.acme.example"),
            hit(9, "192.0.2.1", "a.acme.example"),
        ],
    );
    assert_eq!(told_first, ["first a.acme.example@10"]);
    // far in the future: closes what is open, and does not keep later windows from closing
    let told = run(
        &mut folder,
        [
            hit(4_000_000_000, "192.0.2.9", "z.acme.example"),
            hit(20, "192.0.2.1", "b.acme.example"),
            hit(21, "192.0.2.1", "b.acme.example"),
            hit(400, "192.0.2.1", "c.acme.example"),
        ],
    );
    assert_eq!(
        told,
        [
            "fold a.acme.example x1 10..10/10",
            "first z.acme.example@4000000000",
            "first b.acme.example@20",
            "fold b.acme.example x1 20..21/21",
            "first c.acme.example@400"
        ]
    );
}

#[test]
fn a_window_of_zero_folds_nothing() {
    let mut folder = Folder::new(Duration::ZERO, 10);
    let hits = [0, 0, 0].map(|t| hit(t, "192.0.2.1", "a.acme.example"));
    assert_eq!(run(&mut folder, hits).len(), 3);
    assert!(folder.is_empty());
}

//! Which frames are kept, for whom, and when.

use std::sync::Arc;

use super::*;
use crate::base::Seen;
use crate::blocklist::Catalogue;
use crate::cases::Casebook;
use crate::desk::Casework;
use crate::event::{Fact, FactAct, FactSource};
use crate::hits::Key;
use crate::hits::fold::tests::hit as tls_hit;
use crate::organisation::Organisation;
use crate::sealing::{Officer, Release};

fn casework() -> Casework {
    let key = Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap();
    let organisation = Arc::new(Organisation::default());
    let list = Arc::new(Catalogue::builtin().map_err(|_| "a list").unwrap());
    Casework::new(
        Identity::new(Default::default(), key, Arc::clone(&organisation)),
        Casebook::new(list, organisation, Box::new(|| "case-0".into())),
    )
}

struct Bench {
    framer: Framer,
    casework: Casework,
    out: Vec<Framed>,
    key: String,
}

impl Bench {
    fn new() -> Self {
        let key = age::x25519::Identity::generate();
        let officer = Officer {
            name: "privacy".into(),
            recipient: key.to_public().to_string(),
        };
        Self {
            framer: Framer::new(Some(Sealer::new(&[officer], 1).unwrap())),
            casework: casework(),
            out: Vec::new(),
            key: age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned(),
        }
    }

    /// A hit of that second, told then.
    fn take(&mut self, seconds: i64, client: &str) {
        let hit = tls_hit(seconds, client, "app.acme.example");
        let id = format!("{client}@{seconds}");
        self.framer
            .take((&hit, &id), at(seconds), &mut self.casework, &mut self.out);
    }

    fn tick(&mut self, seconds: i64) {
        let identity = self.casework.identity();
        self.framer.tick(at(seconds), identity, &mut self.out);
    }

    fn fate(&self, fate: FrameFate) -> u64 {
        self.framer.fates().at(fate.index())
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs_nanos(seconds, 0)
}

#[test]
fn the_first_64_then_one_an_hour() {
    let mut it = Bench::new();
    // One a minute for a day, and another client in between.
    for minute in 0..24 * 60 {
        it.take(minute * 60, "192.0.2.1");
        it.tick(minute * 60 + 20);
    }
    it.take(90_000, "192.0.2.2");
    it.tick(90_020);
    // Two hours are over with the 64; of the 22 that follow, the first each.
    assert_eq!(it.out.len(), 64 + 22 + 1);
    assert_eq!(it.fate(FrameFate::Rebuilt), 87);
    assert_eq!(it.fate(FrameFate::Bound), 24 * 60 - 86);
    let subjects: std::collections::BTreeSet<_> = it.out.iter().map(|it| &it.subject).collect();
    assert_eq!(subjects.len(), 2);
    let keys = it.out.iter().filter(|it| it.key.is_some()).count();
    assert_eq!(keys, 2, "a key of its own for each, told once");
}

#[test]
fn without_officers_nothing_is_kept_and_that_is_counted() {
    let mut it = Bench::new();
    it.framer = Framer::new(None);
    it.take(1, "192.0.2.1");
    it.framer.flush(it.casework.identity(), &mut it.out);
    assert!(it.out.is_empty() && it.framer.waiting.is_empty());
    assert_eq!(it.fate(FrameFate::NoOfficers), 1);
}

#[test]
fn what_has_no_frame_is_counted_by_reason() {
    let mut it = Bench::new();
    for (seen, fate) in [
        (Seen::ResolverLog, FrameFate::Log),
        (Seen::HttpHost, FrameFate::Nothing),
    ] {
        let mut hit = tls_hit(1, "192.0.2.1", "app.acme.example");
        (hit.seen, hit.evidence) = (seen, Vec::new());
        it.framer
            .take((&hit, "h"), at(1), &mut it.casework, &mut it.out);
        assert_eq!(it.fate(fate), 1, "{fate}");
    }
    assert!(it.framer.waiting.is_empty());
}

/// The lease comes some seconds after the hit: the frame is the device's, and nobody else's.
#[test]
fn a_frame_waits_for_who_it_was() {
    let mut it = Bench::new();
    it.take(100, "192.0.2.1");
    it.tick(105);
    assert!(it.out.is_empty(), "it waits");
    let lease = Fact {
        time: at(50),
        until: Some(at(4000)),
        source: FactSource::Dhcp4,
        origin: "lan0".into(),
        act: FactAct::Holds,
        net: Some("192.0.2.1/32".parse().unwrap()),
        mac: Some([0, 0, 0x5e, 0, 0x53, 1]),
        client_id: None,
        circuit: None,
        host: None,
        user: None,
        session: None,
        clock: None,
    };
    let event = crate::event::Event::Fact(Box::new(lease));
    it.casework.take(&event, at(106), &mut Vec::new());
    // It came 56 seconds late: that long it is waited for who speaks of the hit's moment.
    it.tick(111);
    let early = it.out.len();
    it.tick(200);
    assert_eq!((early, it.out.len()), (0, 1));
    let framed = &it.out[0];
    assert!(
        framed.subject.as_str().starts_with("device-"),
        "{}",
        framed.subject
    );
    assert_eq!(
        (framed.hit_id.as_str(), framed.vendor.as_str()),
        ("192.0.2.1@100", "acme")
    );

    let mut release = Release::new("case-0", framed.subject.clone(), "why", "when");
    release.add_key(framed.key.clone().unwrap());
    release.add_frame(framed.sealed.clone());
    let shares = release.shares(None, &it.key).unwrap();
    let opened = release.open(&shares).unwrap();
    assert_eq!(opened.frames[0].1.head.time_ns, at(100).nanos());
}

#[test]
fn no_more_than_the_bound_wait_and_all_are_sealed_at_the_end() {
    let mut it = Bench::new();
    for number in 0..WAITING_MAX as i64 + 3 {
        it.take(100, &format!("10.0.{}.{}", number / 256, number % 256));
    }
    assert_eq!((it.framer.waiting.len(), it.out.len()), (WAITING_MAX, 3));
    it.framer.waiting.truncate(5);
    it.framer.flush(it.casework.identity(), &mut it.out);
    assert_eq!((it.framer.waiting.len(), it.out.len()), (0, 8));
}

//! What is written when, and what a full disk, a crash, a slow store make of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::*;
use crate::alerts;
use crate::cases::sample::case;
use crate::desk::tests::desk as new_desk;
use crate::desk::{Clock, tests::hit_event};
use crate::hits::{Addresses, Observer, log};
use crate::ledger::Ledger;
use crate::record::Kind;

/// Books on files of their own.
pub(in crate::daemon) struct Stand {
    pub folder: TempDir,
    pub desk: Desk,
    pub books: Books,
    /// Nothing can be written to the ledger while set.
    full: Arc<AtomicBool>,
    /// Hits made.
    pub made: i64,
}

pub(in crate::daemon) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs_nanos(seconds, 0)
}

impl Stand {
    pub fn new() -> Self {
        let (stand, cases) = Self::open(tempfile::tempdir().unwrap());
        assert!(cases.is_empty());
        stand
    }

    fn open(folder: TempDir) -> (Self, Vec<Case>) {
        let path = |name: &str| folder.path().join(name);
        let settings = crate::ledger::Settings {
            folder: path("ledger"),
            ..Default::default()
        };
        let (mut registrar, _) = Registrar::open(&settings, &path("store.sqlite"), at(1)).unwrap();
        let full = Arc::new(AtomicBool::new(false));
        registrar.ledger_fails_while(Arc::clone(&full));
        let settings = crate::casefile::Settings {
            folder: path("cases"),
            closed_days: 30,
        };
        let (casefile, cases) = Casefile::open(&settings, at(1)).unwrap();
        let settings = alerts::Settings {
            folder: path("alerts"),
            ..Default::default()
        };
        let observer = Observer {
            name: "gate".into(),
        };
        let outbox = Outbox::open(&settings, &observer, at(1)).unwrap();
        let log = HitLog::open(log::Settings::new(path("hits.jsonl")), Instant::now()).unwrap();
        let mut books = Books::new(registrar, log, casefile, outbox);
        books.restored(&cases);
        let (desk, _) = new_desk(Addresses::Pseudonym, Clock::Live);
        let stand = Self {
            folder,
            desk,
            books,
            full,
            made: 0,
        };
        (stand, cases)
    }

    /// As after kill -9: nothing is closed, and opened anew.
    pub fn crash(self) -> (Self, Vec<Case>) {
        let Self { folder, books, .. } = self;
        drop(books);
        Self::open(folder)
    }

    pub fn hits(&mut self, count: i64) {
        let mut out = Output::default();
        for n in self.made..self.made + count {
            self.desk.take(hit_event(1 + n * 400), at(n), &mut out);
        }
        self.made += count;
        self.books.out.hits.append(&mut out.hits);
    }

    pub fn write(&mut self) {
        self.books.registrar.hurry();
        self.books.write(&mut self.desk, at(5));
    }

    pub fn relog(&mut self) {
        let path = |name| self.folder.path().join(name);
        let (log, cases) = (path("hits.jsonl"), path("cases"));
        self.books.relog(&log, &cases);
    }

    pub fn set_full(&mut self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Ids in the hit log.
    pub fn logged(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("hits.jsonl")).unwrap();
        let id = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
        text.lines()
            .map(|line| id(line)["event"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn recorded(&self) -> Vec<Entry> {
        Ledger::read(&self.folder.path().join("ledger"), 0)
            .unwrap()
            .map(|stored| {
                let stored = stored.unwrap();
                Entry::read(Kind::of(&stored.kind).unwrap(), &stored.payload.unwrap()).unwrap()
            })
            .collect()
    }

    pub fn registrar_entry(&self, number: usize) -> Entry {
        self.books.registrar.entry(number as u64).unwrap()
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.recorded().iter().map(|it| it.kind().label()).collect()
    }
}

fn ids(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .filter_map(|it| match &it.body {
            Body::Hit(hit) => Some(hit.record.event.id.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_hit_has_its_line_when_it_is_in_the_ledger_and_not_before() {
    let mut stand = Stand::new();
    stand.set_full(true);
    stand.hits(3);
    stand.write();
    assert!(stand.logged().is_empty() && stand.recorded().is_empty());
    assert!(stand.books.failing().is_some());
    let state = stand.books.registrar.state(stand.books.waiting());
    assert_eq!((state.waiting, state.failures, state.size), (3, 1, 0));
    // Not at each event: the disk is asked again after a while.
    stand.books.write(&mut stand.desk, at(5));
    assert_eq!(stand.books.registrar.state(0).failures, 1);

    stand.set_full(false);
    stand.hits(1);
    stand.write();
    assert_eq!(stand.logged().len(), 4);
    assert_eq!(
        stand.logged(),
        ids(&stand.recorded()),
        "in one order, each once"
    );
    assert_eq!(stand.books.failing(), None);
    assert_eq!(stand.kinds(), ["loss", "hit", "hit", "hit", "hit"]);
    let state = stand.books.registrar.state(stand.books.waiting());
    assert_eq!(
        (state.waiting, state.commits, state.store_behind),
        (0, 1, 0)
    );
    assert_eq!(state.entries.at(Kind::Hit.index()), 4);
    let Entry { body, .. } = &stand.recorded()[1];
    let Body::Hit(hit) = body else { panic!() };
    assert!(
        hit.subject.as_str().starts_with("address-"),
        "whose it is, as far as is known"
    );
}

#[test]
fn beyond_the_bound_the_oldest_hits_go_and_the_record_says_how_many() {
    let mut stand = Stand::new();
    stand.set_full(true);
    stand.hits(HITS_MAX as i64 + 3);
    stand.write();
    let state = stand.books.registrar.state(stand.books.waiting());
    assert_eq!(state.lost.at(Lost::QueueFull.index()), 3);
    assert_eq!(state.waiting, HITS_MAX as u64);
    stand.set_full(false);
    stand.write();
    let recorded = stand.recorded();
    let Body::Loss(loss) = &recorded[0].body else {
        panic!("{:?}", recorded[0].kind());
    };
    assert_eq!((loss.place.as_str(), loss.count), ("ledger", 3));
    assert_eq!(stand.logged().len(), HITS_MAX);
    assert_eq!(stand.logged(), ids(&recorded));
    let losses = stand.kinds().iter().filter(|kind| **kind == "loss").count();
    assert_eq!(losses, 1, "it is said once");
}

fn alert(id: &str) -> Box<Alert> {
    let json = serde_json::json!({
        "id": id, "kind": "raised", "case": "case-1", "vendor": "acme",
        "vendor_name": "Acme Faces", "stage": "visited", "standing": "unauthorised",
        "subject": "person-1", "grade": "A", "confidence": 70, "unit": null, "site": null,
        "time": 5, "summary": "s", "description": "d",
    });
    Box::new(serde_json::from_value(json).unwrap())
}

#[test]
fn what_a_crash_kept_from_the_ledger_is_recorded_at_the_next_start_once() {
    let mut stand = Stand::new();
    let mut one = case("case-1", 1, "person-1");
    stand
        .books
        .out
        .changes
        .push(Change::Case(Box::new(one.clone())));
    stand.write();
    assert_eq!(stand.kinds(), ["case"]);
    // The case file took the next revision and the ledger did not.
    stand.set_full(true);
    (one.revision, one.confidence) = (2, 90);
    let changes = &mut stand.books.out.changes;
    changes.push(Change::Case(Box::new(one.clone())));
    changes.push(Change::Alert(alert("alert-1")));
    stand.write();
    assert_eq!(stand.kinds(), ["case"]);
    assert!(
        stand.books.outbox.unlogged(9).is_empty(),
        "no alert without its entry"
    );

    let (mut stand, cases) = stand.crash();
    assert_eq!(
        cases[0].revision, 2,
        "the case file is never older than the record"
    );
    // The casebook tells it again.
    stand
        .books
        .out
        .changes
        .push(Change::Alert(alert("alert-1")));
    stand.write();
    assert_eq!(stand.kinds(), ["case", "case", "alert"]);
    let (mut stand, _) = stand.crash();
    stand.books.recorded(["alert-1".to_owned()]);
    stand
        .books
        .out
        .changes
        .push(Change::Alert(alert("alert-1")));
    stand.write();
    assert_eq!(
        stand.kinds(),
        ["case", "case", "alert"],
        "nothing is missing any more"
    );
    let text = std::fs::read_to_string(stand.folder.path().join("hits.jsonl")).unwrap();
    assert_eq!(text.matches("\"alert-1\"").count(), 1, "told once: {text}");
}

#[test]
fn without_a_ledger_all_goes_on_as_ever() {
    let mut stand = Stand::new();
    stand.books.registrar = Registrar::without();
    stand.hits(2);
    let changes = &mut stand.books.out.changes;
    changes.push(Change::Case(Box::new(case("case-1", 1, "person-1"))));
    changes.push(Change::Alert(alert("alert-1")));
    stand.write();
    assert_eq!(stand.logged().len(), 3);
    assert_eq!(stand.books.waiting(), 0);
    assert!(
        !stand.folder.path().join("ledger/payload/000").exists() || stand.recorded().is_empty()
    );
}

/// The record does not wait for the store, and the store comes up by itself.
#[test]
fn a_store_that_another_process_holds_is_brought_up_later() {
    let mut stand = Stand::new();
    stand.hits(1);
    stand.write();
    let other = rusqlite::Connection::open(stand.folder.path().join("store.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    stand.hits(3);
    let mut one = case("case-1", 1, "person-1");
    stand
        .books
        .out
        .changes
        .push(Change::Case(Box::new(one.clone())));
    stand.write();
    (one.revision, one.confidence) = (2, 90);
    stand
        .books
        .out
        .changes
        .push(Change::Case(Box::new(one.clone())));
    stand.write();
    assert_eq!(stand.logged().len(), 4, "the record goes on");
    let state = stand.books.registrar.state(0);
    // Each time that it is asked: the pause is over at once here.
    assert_eq!((state.store_failures, state.store_behind), (2, 5));
    assert_eq!(state.failing, None);
    assert!(
        stand.books.registrar.store().is_err(),
        "nobody is shown half"
    );

    other.execute_batch("ROLLBACK").unwrap();
    stand.books.registrar.hurry();
    stand.books.registrar.tick(at(6), Instant::now());
    let state = stand.books.registrar.state(0);
    assert_eq!((state.store_failing, state.store_behind), (None, 0));
    let written = stand.books.registrar.written("case-1").unwrap();
    assert_eq!(written.head.unwrap().confidence, 90);
    // What was recorded while it was away is compared with what the ledger has.
    assert_eq!(stand.kinds(), ["hit", "hit", "hit", "hit", "case", "case"]);
}

#[test]
fn hits_that_a_crash_kept_from_the_hit_log_get_their_line_at_the_next_start() {
    let mut stand = Stand::new();
    stand.hits(5);
    stand.write();
    let log = stand.folder.path().join("hits.jsonl");
    let all = std::fs::read_to_string(&log).unwrap();
    let kept: Vec<&str> = all.lines().take(3).collect();
    std::fs::write(&log, kept.join("\n") + "\n").unwrap();
    let (mut stand, _) = stand.crash();
    for _ in 0..2 {
        stand.relog();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), all);
    }
    // A log that was begun anew gets no old lines.
    std::fs::write(&log, "").unwrap();
    let (mut stand, _) = stand.crash();
    stand.relog();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
}

/// Lines of the hit log, and of the file before it.
fn lines(stand: &Stand) -> (Vec<String>, Vec<String>) {
    let of = |name: &str| {
        let text = std::fs::read_to_string(stand.folder.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    (of("hits.jsonl.1"), of("hits.jsonl"))
}

/// The log's disk was full for longer than the newest entries reach back, or the last lines were never
/// forced to it: not one of them stands there.
#[test]
fn hits_of_a_long_outage_of_the_log_get_their_line_too() {
    let mut stand = Stand::new();
    stand.hits(5);
    stand.write();
    stand.relog();
    stand.hits(3 * TOGETHER_MAX as i64);
    stand.write();
    let (_, all) = lines(&stand);
    assert_eq!(all.len(), 5 + 3 * TOGETHER_MAX);
    let log = stand.folder.path().join("hits.jsonl");
    std::fs::write(&log, all[..5].join("\n") + "\n").unwrap();
    let (mut stand, _) = stand.crash();
    for _ in 0..2 {
        stand.relog();
        assert!(lines(&stand).1 == all, "each once, in order");
    }
}

#[test]
fn a_rotation_hides_no_line() {
    let mut stand = Stand::new();
    stand.hits(3);
    stand.write();
    stand.relog();
    stand.hits(7);
    stand.write();
    let (_, all) = lines(&stand);
    let path = |name: &str| stand.folder.path().join(name);
    // Rotated after the sixth; the last two were lost; one in the middle as well.
    std::fs::write(path("hits.jsonl"), all[..6].join("\n") + "\n").unwrap();
    std::fs::rename(path("hits.jsonl"), path("hits.jsonl.1")).unwrap();
    std::fs::write(path("hits.jsonl"), all[7].clone() + "\n").unwrap();
    let (mut stand, _) = stand.crash();
    for _ in 0..2 {
        stand.relog();
        let (old, new) = lines(&stand);
        assert!(old == all[..6]);
        assert!(
            new == [7, 6, 8, 9].map(|at: usize| all[at].clone()),
            "{}",
            new.len()
        );
    }
}

#[test]
fn another_log_gets_no_old_lines() {
    let mut stand = Stand::new();
    stand.hits(3);
    stand.write();
    stand.relog();
    stand.hits(3);
    stand.write();
    let (mut stand, _) = stand.crash();
    let before = lines(&stand);
    let cases = stand.folder.path().join("cases");
    let other = stand.folder.path().join("other.jsonl");
    stand.books.relog(&other, &cases);
    assert!(lines(&stand) == before);
}

/// Lines that wait are not written down as written.
#[test]
fn what_waits_for_the_log_is_not_taken_for_logged() {
    let mut stand = Stand::new();
    stand.hits(2);
    stand.write();
    stand.relog();
    let mark = || std::fs::read(stand.folder.path().join("cases/hit-log.json")).unwrap();
    let before = mark();
    let mut marker = Marker::new(
        &stand.folder.path().join("cases"),
        &stand.folder.path().join("hits.jsonl"),
    );
    let mut settings = log::Settings::new(stand.folder.path().join("full"));
    settings.sync = log::SyncPolicy::Every(Duration::from_secs(1));
    let mut full = HitLog::open(settings, Instant::now()).unwrap();
    let entry = stand.recorded().remove(0);
    let record = relog::hits(vec![entry]).remove(0);
    full.append(&record, Instant::now());
    marker.mark(&full, 9);
    assert_eq!(mark(), before, "not forced to the disk yet");
    full.settle(Instant::now());
    marker.mark(&full, 9);
    assert_ne!(mark(), before);
}

/// The case file took the case and what is sealed of its subject, the ledger neither.
#[test]
fn what_was_sealed_before_a_crash_is_recorded_at_the_next_start_once() {
    let sealed = |text: &str| Sealed {
        subject: SubjectId::new("person-1".into()),
        key: text.into(),
        hosts: Vec::new(),
        threshold: 1,
        shares: vec![("anna".into(), text.into())],
        text: text.into(),
    };
    let mut stand = Stand::new();
    let mut one = case("case-1", 1, "person-1");
    let change = |case: &Case| Change::Case(Box::new(case.clone()));
    stand.books.casefile.seal(&sealed("of before")).unwrap();
    stand.books.out.changes.push(change(&one));
    stand.write();
    let body = Body::Sealed(Box::new(sealed("of before")));
    let entry = Entry { time: at(1), body };
    stand.books.out.entries.push(entry);
    stand.write();
    (one.revision, one.confidence) = (2, 90);
    stand.set_full(true);
    stand.books.casefile.seal(&sealed("of then")).unwrap();
    stand.books.out.changes.push(change(&one));
    stand.write();
    assert_eq!(stand.kinds(), ["case", "sealed"]);

    let (mut stand, _) = stand.crash();
    stand.write();
    assert_eq!(stand.kinds(), ["case", "sealed", "case", "sealed"]);
    let Body::Sealed(last) = &stand.recorded()[3].body else {
        panic!();
    };
    assert!(**last == sealed("of then"));
    let (mut stand, _) = stand.crash();
    stand.write();
    assert_eq!(stand.kinds().len(), 4, "nothing is missing any more");
}

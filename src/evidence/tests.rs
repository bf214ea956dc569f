//! Small bundles made of a small ledger; the big ones are in `tests/evidence.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::archive::{self, Name};
use super::compose::prepare_by;
use super::select::{Chosen, Survey};
use super::{Prepared, Request, Seal, VendorFacts, Wish, oracle, verify};
use crate::base::Timestamp;
use crate::blocklist::Catalogue;
use crate::ledger::checkpoint::Signed;
use crate::ledger::{Ledger, New, Settings, proof, tiles};
use crate::record::{Entry, Kind};

const NOW: Timestamp = Timestamp::from_secs_nanos(1_790_000_000, 0);
const CASE: &str = "case-0a0b0c0d";

fn moment(second: i64) -> i64 {
    NOW.0 + second * 1_000_000_000
}

fn attribution(subject: &str, act: &str, at: i64) -> Value {
    json!({"case": CASE, "place": 0, "entry": {"act": act, "time": moment(at), "other": null,
        "attribution": {"subject": subject, "kind": "person", "grade": "A", "sources": ["radius"],
            "from": null, "until": null, "learned": null,
            "place": {"kind": "staff", "site": "Utrecht", "unit": "Toezicht"},
            "reason": "a session was on at the address"}}})
}

fn item(number: u32, at: i64, text: &str) -> Value {
    json!({"case": CASE, "number": number, "item": {"number": number, "kind": "connection",
        "rule": "connection", "weight": 95, "stage": "visited", "time": moment(at),
        "point": "eth0", "name": "www.kairos.com", "flow": null, "frames": [7, 9], "text": text,
        "trace": null}})
}

fn head(revision: u64, until: i64) -> Value {
    json!({"id": CASE, "revision": revision, "vendor": "kairos", "vendor_name": "Kairos",
        "subject": "person-00ff", "subject_kind": "person", "grade": "A", "unit": "Toezicht",
        "site": "Utrecht", "stage": "account-or-login", "ruling": {"standing": "unauthorised",
        "entry": null, "reason": "no entry"}, "confidence": 90, "opened": moment(0),
        "updated": moment(until), "items_left_out": 0, "band": "", "closed": null, "ended": null})
}

fn coverage(from: i64, named: u64) -> Value {
    let count = |what: &str, count: u64| json!({"point": "eth0", "what": what, "count": count});
    json!({"from": from, "until": from + 3600, "connections": [count("named", named),
        count("ech", 1)], "names": [], "ways_round": [count("doh", 2)], "frames": [], "lost": [],
        "hits": [], "points": [count("", 3600)], "sites": [{"site": "Utrecht", "seen": 3,
        "known": 9}], "excluded_prefixes": 1, "list": "v1", "config": "c1", "clock_step_ms": 0})
}

/// Kind and body of each entry: a case, and what else is in such a ledger.
fn entries() -> Vec<(Kind, Value)> {
    let hour = NOW.0 / 1_000_000_000 / 3600 * 3600;
    let life = json!({"what": "start", "reason": "", "version": "0.1.0", "observer": "gate",
        "config": "c1"});
    let list =
        |version: &str| json!({"version": version, "rules": 9, "vendors": 3, "refused": null});
    let comment = json!({"by": {"name": "eva", "means": "console"}, "act": {"act": "comment",
        "case": CASE, "text": "<img src=x onerror=alert(1)> & \"quoted\" 'text'"}});
    vec![
        (Kind::Life, life),
        (Kind::List, list("v0")),
        (Kind::List, list("v1")),
        (Kind::Attribution, attribution("person-00ff", "made", 0)),
        (Kind::Evidence, item(1, 0, "connection to www.kairos.com")),
        (Kind::Evidence, item(2, 5, "</td><script>alert(1)</script>")),
        (Kind::Case, head(1, 5)),
        (Kind::Coverage, coverage(hour, 9)),
        (Kind::Coverage, coverage(hour - 7200, 1)),
        (Kind::Evidence, item(3, 9, "a form")),
        (
            Kind::Evidence,
            json!({"case": CASE, "number": 2, "item": null}),
        ),
        (Kind::Case, head(2, 9)),
        (Kind::Case, {
            let mut other = head(1, 9);
            other["id"] = "case-0e".into();
            other
        }),
        (Kind::Triage, comment),
    ]
}

struct Bench {
    _dir: tempfile::TempDir,
    folder: std::path::PathBuf,
    ledger: Ledger,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            folder: dir.path().join("ledger"),
            ..Settings::default()
        };
        let (mut ledger, _) = Ledger::open(&settings, NOW).unwrap();
        for (kind, body) in entries() {
            let payload = json!({"time": NOW.0, "body": body}).to_string();
            Entry::read(kind, payload.as_bytes()).unwrap();
            ledger.append(&[new(kind, payload.into_bytes())]).unwrap();
        }
        Self {
            _dir: dir,
            folder: settings.folder,
            ledger,
        }
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn chosen(&self) -> Chosen {
        let all: Vec<_> = Ledger::read(self.folder(), 0)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut survey = Survey::of(CASE);
        let entry = |stored: &crate::ledger::Stored| {
            let kind = Kind::of(&stored.kind).unwrap();
            let payload = stored.payload.as_ref()?;
            Some(Entry::read(kind, payload).unwrap())
        };
        for stored in &all {
            if let Some(entry) = entry(stored) {
                survey.take(stored.number, &entry);
            }
        }
        let mut selection = survey.end().unwrap();
        for stored in &all {
            match entry(stored) {
                Some(entry) => selection.take(stored.number, entry),
                None => selection.gone(stored.number, Kind::of(&stored.kind).unwrap(), stored.time),
            }
        }
        selection.end(true).unwrap()
    }

    fn prepared(&self, program: &str, withhold: &[Kind]) -> Prepared {
        let chosen = self.chosen();
        let numbers: BTreeSet<u64> = chosen.entries.iter().map(|it| it.0).collect();
        let numbers = numbers
            .iter()
            .chain(chosen.gone.keys())
            .collect::<BTreeSet<_>>();
        let lines = numbers.iter().map(|it| proof::line_of(self.folder(), **it));
        let lines: Vec<Vec<u8>> = lines.map(Result::unwrap).collect();
        let catalogue = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
        let wish = Wish {
            case: CASE,
            reason: "an <inquiry>",
            made: NOW.to_string(),
            withhold: &withhold.iter().copied().collect(),
            vendor: VendorFacts::of("kairos", &catalogue),
            witnessed: String::new(),
        };
        prepare_by(program, wish, &chosen, &lines).unwrap()
    }

    fn bundle(&mut self, program: &str, withhold: &[Kind]) -> Vec<u8> {
        let prepared = self.prepared(program, withhold);
        self.sealed(prepared)
    }

    fn sealed(&mut self, prepared: Prepared) -> Vec<u8> {
        let act = json!({"by": {"name": "eva", "means": "console"}, "act": prepared.act()});
        let payload = json!({"time": NOW.0, "body": act}).to_string();
        let range = self
            .ledger
            .append(&[new(Kind::Export, payload.into_bytes())]);
        self.ledger.checkpoint(NOW).unwrap();
        let signed: Signed = tiles::read_checkpoint(&self.folder().join("checkpoint"))
            .unwrap()
            .unwrap();
        let piece = |it: &u64| proof::piece(self.folder(), &signed.checkpoint, *it).unwrap();
        let seal = Seal {
            export: proof::prove_under(self.folder(), &signed, range.unwrap().start).unwrap(),
            pieces: prepared.numbers().iter().map(piece).collect(),
            growth: Vec::new(),
            checkpoint: signed.note.to_string(),
            key: self.ledger.public_key(),
        };
        prepared.seal(&seal).unwrap()
    }
}

fn new(kind: Kind, payload: Vec<u8>) -> New {
    New {
        kind: kind.label().into(),
        time: NOW,
        payload,
    }
}

fn file(bundle: &[u8], name: Name) -> String {
    let (_, files) = archive::read(bundle).unwrap();
    let found = files.into_iter().find(|file| file.name == name).unwrap();
    String::from_utf8(found.bytes).unwrap()
}

fn data(bundle: &[u8]) -> Value {
    serde_json::from_str(&file(bundle, Name::Data)).unwrap()
}

#[test]
fn the_entries_of_the_case_are_chosen_and_no_others() {
    let mut bench = Bench::new();
    let bundle = bench.bundle(super::PROGRAM, &[]);
    let report = verify(&bundle, &Request::default());
    assert!(report.verifies && report.compared, "{:?}", report.faults);
    let kinds = |kind: &str| report.kinds.get(kind).map_or(0, |it| it.entries);
    // The list in force before, this hour's coverage, nothing of the other case.
    assert_eq!((kinds("list"), kinds("life")), (1, 1));
    assert_eq!(
        (kinds("coverage"), kinds("case"), kinds("evidence")),
        (1, 2, 4)
    );
    let data = data(&bundle);
    let facts = &data["facts"];
    assert_eq!(facts["lists"][0]["version"], "v1");
    assert_eq!(facts["evidence_withdrawn"], json!([2]));
    assert_eq!(facts["evidence"].as_array().unwrap().len(), 2);
    assert_eq!(facts["units"], json!(["Toezicht"]));
    assert_eq!(facts["coverage"]["share_percent"], 90);
    assert_eq!(facts["coverage"]["sites"][0]["device_hours_known"], 9);
    assert_eq!(facts["configurations"], json!(["c1"]));
    let method = data["method"]["en"].to_string();
    assert!(method.contains("Account or log-in"), "{method}");
}

#[test]
fn what_people_wrote_is_text_in_every_file() {
    let mut bench = Bench::new();
    let bundle = bench.bundle(super::PROGRAM, &[]);
    for name in [Name::English, Name::Dutch] {
        let text = file(&bundle, name);
        assert!(text.contains("&#60;img src=x onerror=alert(1)&#62; &#38; &#34;quoted&#34;"));
        assert!(text.contains("an &#60;inquiry&#62;"));
        assert!(!text.contains("<img") && !text.contains("<script"));
        assert_eq!(text.matches("<style>").count(), 1);
    }
}

#[test]
fn what_is_withheld_or_deleted_is_said_and_figures_follow_what_is_left() {
    let mut bench = Bench::new();
    let whole = bench.bundle(super::PROGRAM, &[]);
    let less = bench.bundle(super::PROGRAM, &[Kind::Triage]);
    assert!(!file(&less, Name::Entries).contains("onerror"));
    let without = data(&less)["entries"]["without"].clone();
    assert_eq!(
        without,
        json!([{"entry": 13, "kind": "triage", "why": "withheld"}])
    );
    // Piece 1 and the hour's coverage go.
    bench.ledger.delete(&[4, 7], NOW).unwrap();
    let bundle = bench.bundle(super::PROGRAM, &[]);
    for bundle in [&whole, &less, &bundle] {
        let report = verify(bundle, &Request::default());
        assert!(report.verifies && report.compared, "{:?}", report.faults);
    }
    let data = data(&bundle);
    assert_eq!(data["facts"]["evidence_missing"], json!([1]));
    assert_eq!(data["facts"]["coverage"]["hours_without"], 1);
    let report = file(&bundle, Name::Dutch);
    assert!(report.contains("verwijderd: bewaartermijn of wissing"));
    assert!(report.contains("Van aanwijzingen 1 is hier geen vermelding"));
}

/// Somebody who may export writes what does not follow from the entries.
#[test]
fn figures_and_reports_must_follow_from_the_entries() {
    let mut bench = Bench::new();
    for (name, from, to) in [
        (Name::Data, "\"confidence\": 90", "\"confidence\": 99"),
        (
            Name::Data,
            "\"unit\": \"Toezicht\"",
            "\"unit\": \"Bestuur\"",
        ),
        (Name::English, "90 of 100 points", "99 of 100 points"),
        (Name::Dutch, "Toezicht", "Bestuur"),
        (Name::Readme, "Kairos", "PimEyes"),
    ] {
        let mut prepared = bench.prepared(super::PROGRAM, &[]);
        assert!(prepared.forge(name, from, to), "{name}: {from}");
        let bundle = bench.sealed(prepared);
        let report = verify(&bundle, &Request::default());
        assert!(!report.verifies, "{name}: {to}");
        assert_eq!(
            report.faults[0].file,
            Some(name.label()),
            "{:?}",
            report.faults
        );
    }
    let other = bench.bundle("poortwacht 0.0.0", &[]);
    let report = verify(&other, &Request::default());
    assert!(report.verifies && !report.compared, "{:?}", report.faults);
    assert!(
        report
            .limits
            .iter()
            .any(|it| it.contains("poortwacht 0.0.0"))
    );
}

/// What the fuzzer looks for, over its seeds, some cut and bent.
#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/bundle");
    let mut seen = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for n in 0..40 {
            let at = n * bytes.len() / 40;
            oracle::check(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            oracle::check(&changed);
        }
        oracle::check(&bytes);
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
    let good = std::fs::read(format!("{seeds}/good")).unwrap();
    let report = verify(&good, &Request::default());
    assert!(report.verifies, "{:?}", report.faults);
}

/// Makes the seeds from a small ledger, as a version that there never was: so they stay good.
#[test]
#[ignore = "writes fuzz/seeds/bundle"]
fn make_the_seeds_of_the_fuzzer() {
    let seeds = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/bundle"));
    let good = Bench::new().bundle("poortwacht 0.0.0", &[Kind::Triage]);
    std::fs::create_dir_all(seeds).unwrap();
    std::fs::write(seeds.join("good"), &good).unwrap();
    for (at, name) in Name::ALL.iter().enumerate() {
        let (_, files) = archive::read(&good).unwrap();
        let Some(file) = files.iter().find(|file| file.name == *name) else {
            continue;
        };
        if matches!(name, Name::English | Name::Dutch | Name::Readme) {
            continue;
        }
        let mut seed = vec![at as u8];
        seed.extend(&file.bytes);
        std::fs::write(seeds.join(name.label()), seed).unwrap();
    }
}

//! Payloads that retention or erasure deleted: the bundle says so, and verifies.

use std::fs;

use poortwacht::base::Timestamp;
use poortwacht::ledger::{Ledger, Settings};

use super::stand::{self, Stand, second};

/// Number and kind of the entries of a bundle.
fn entries(bundle: &[u8]) -> Vec<(u64, String)> {
    let text = String::from_utf8(stand::file(bundle, "entries.tsv")).unwrap();
    let entry = |line: &str| {
        let mut fields = line.split('\t');
        let number = fields.next().unwrap().parse().unwrap();
        (number, fields.next().unwrap().to_owned())
    };
    text.lines().map(entry).collect()
}

#[test]
fn a_bundle_says_what_is_deleted_and_one_from_before_still_verifies() {
    let it = Stand::new();
    let all = entries(&it.bundle);
    let of = |kind: &'static str| all.iter().filter(move |it| it.1 == kind).map(|it| it.0);
    let gone: Vec<u64> = of("evidence")
        .take(2)
        .chain(of("hit").take(1))
        .chain(of("coverage"))
        .collect();
    assert!(gone.len() >= 4, "{all:?}");
    let settings = Settings {
        folder: it.path("cases/ledger"),
        ..Settings::default()
    };
    let now = Timestamp::from_secs_nanos(1_800_000_000, 0);
    let (mut ledger, _) = Ledger::open(&settings, now).unwrap();
    assert_eq!(ledger.delete(&gone, now).unwrap(), gone.len() as u64);
    ledger.close(now).unwrap();

    it.ok(&["verify", "case.tar", "--key", "cases/ledger/key.pub"]);
    let args = [
        "evidence",
        "export",
        it.case.as_str(),
        "--reason",
        "later",
        "--out",
        "later.tar",
    ];
    it.ok(&args);
    let later = fs::read(it.path("later.tar")).unwrap();
    let said = it.ok(&["verify", "later.tar", "--key", "cases/ledger/key.pub"]);
    assert!(
        said.contains("1 entry, 1 without text (deleted or withheld)"),
        "{said}"
    );
    if let Some(output) = second(&it, "later.tar", &[]) {
        assert!(output.status.success(), "{}", stand::text(&output));
    }
    let data: serde_json::Value =
        serde_json::from_slice(&stand::file(&later, "bundle.json")).unwrap();
    let without = data["entries"]["without"].as_array().unwrap();
    for number in &gone {
        let found = without.iter().find(|it| it["entry"] == *number);
        assert_eq!(found.unwrap()["why"], "deleted", "{number}");
    }
    assert_eq!(
        data["facts"]["coverage"]["share_percent"],
        serde_json::Value::Null
    );
    assert_eq!(data["facts"]["coverage"]["hours_without"], 1);
    let report = String::from_utf8(stand::file(&later, "report.en.html")).unwrap();
    assert!(report.contains("deleted: retention or erasure"));
    assert!(report.contains("No entry tells how much could be read"));
}

//! Keys, foreign logs, earlier checkpoints, witnesses.

use std::fs;

use poortwacht::evidence::archive::{self, Name};
use poortwacht::evidence::{Request, verify};
use poortwacht::ledger::checkpoint::{Checkpoint, several};
use poortwacht::ledger::note::{Kind, Note, SignerKey};

use super::stand::{Stand, second, stand};

fn signed(key: &SignerKey, size: u64, root: [u8; 32]) -> String {
    let text = Checkpoint {
        origin: key.public().name.clone(),
        size,
        root,
    }
    .to_string();
    let signatures = vec![key.sign(&text, 0)];
    Note { text, signatures }.to_string()
}

#[test]
fn a_wrong_key_and_a_foreign_checkpoint_are_refused() {
    let it = stand();
    let (foreign, _) = SignerKey::generate("poortwacht", Kind::Log).unwrap();
    fs::write(it.path("foreign.pub"), format!("{}\n", foreign.public())).unwrap();
    let why = it.no(&["verify", "case.tar", "--key", "foreign.pub"]);
    assert!(
        why.contains("WRONG       key.pub") && why.contains("a wrong key"),
        "{why}"
    );

    let (case, mut files) = archive::read(&it.bundle).unwrap();
    for file in &mut files {
        if file.name == Name::Checkpoint {
            file.bytes = signed(&foreign, 1000, [1; 32]).into_bytes();
        }
    }
    let report = verify(&archive::write(&case, &files).unwrap(), &Request::default());
    assert_eq!(report.faults[0].file, Some("checkpoint"));
    assert!(
        report.faults[0].what.contains("not signed by"),
        "{:?}",
        report.faults
    );
    // With the key exchanged too, nothing stands under it.
    for file in &mut files {
        if file.name == Name::Key {
            file.bytes = format!("{}\n", foreign.public()).into_bytes();
        }
    }
    let report = verify(&archive::write(&case, &files).unwrap(), &Request::default());
    let entry = report.faults.iter().find(|fault| fault.entry.is_some());
    assert!(!report.verifies && entry.is_some(), "{:?}", report.faults);
}

#[test]
fn an_earlier_checkpoint_must_be_one_that_the_log_grew_out_of() {
    let it = Stand::new();
    let notes = fs::read_to_string(it.path("cases/ledger/checkpoints")).unwrap();
    let first = several(&notes).next().unwrap();
    fs::write(it.path("first.txt"), first).unwrap();
    let args = [
        "verify",
        "case.tar",
        "--key",
        "cases/ledger/key.pub",
        "--checkpoint",
        "first.txt",
    ];
    let why = it.no(&args);
    assert!(why.contains("`--since`"), "{why}");

    let case = it.case.as_str();
    let export = [
        "evidence",
        "export",
        case,
        "--reason",
        "r",
        "--since",
        "first.txt",
        "--out",
    ];
    it.ok(&[&export[..], &["since.tar"]].concat());
    let since = |earlier: &'static str| {
        let key = "cases/ledger/key.pub";
        ["verify", "since.tar", "--key", key, "--checkpoint", earlier]
    };
    let said = it.ok(&since("first.txt"));
    assert!(said.contains("the log grew out of them"), "{said}");
    assert!(!said.contains("cannot be excluded"), "{said}");
    if let Some(output) = second(&it, "since.tar", &["--checkpoint", "first.txt"]) {
        assert!(output.status.success(), "{}", super::stand::text(&output));
    }

    // The holder of the key signed another past, or a longer one.
    let text = fs::read_to_string(it.path("cases/ledger/key")).unwrap();
    let key = SignerKey::parse(&text).unwrap();
    let size = poortwacht::ledger::checkpoint::Signed::parse(first)
        .unwrap()
        .checkpoint
        .size;
    for (name, size, words) in [
        ("rewritten.txt", size, "the log was rewritten"),
        (
            "longer.txt",
            1_000_000,
            "the bundle is older, or the log was cut back",
        ),
    ] {
        fs::write(it.path(name), signed(&key, size, [7; 32])).unwrap();
        let why = it.no(&since(name));
        assert!(why.contains(words) && why.contains(name), "{why}");
        if let Some(output) = second(&it, "since.tar", &["--checkpoint", name]) {
            assert_eq!(output.status.code(), Some(1));
        }
    }
    let (stranger, _) = SignerKey::generate("poortwacht", Kind::Log).unwrap();
    fs::write(it.path("stranger.txt"), signed(&stranger, size, [7; 32])).unwrap();
    assert!(it.no(&since("stranger.txt")).contains("not signed by"));
    fs::write(it.path("nothing.txt"), "\n").unwrap();
    assert!(it.no(&since("nothing.txt")).contains("no checkpoint"));

    // A witness saw an earlier state; its word leads to the bundle.
    it.ok(&["witness", "key", "auditor.example.org", "auditor.key"]);
    let log = [
        "--log",
        "cases/ledger/key.pub",
        "--key",
        "auditor.key",
        "--state",
        "seen",
    ];
    let sign = [&["witness", "sign", "cases/ledger"][..], &log, &["--first"]].concat();
    fs::write(it.path("cases/ledger/witnessed"), it.ok(&sign)).unwrap();
    let plain = [
        "evidence",
        "export",
        case,
        "--reason",
        "r",
        "--out",
        "witnessed.tar",
    ];
    it.ok(&plain);
    let key = "cases/ledger/key.pub";
    let said = it.ok(&[
        "verify",
        "witnessed.tar",
        "--key",
        key,
        "--witness",
        "auditor.key.pub",
    ]);
    assert!(said.contains("witness     auditor.example.org"), "{said}");
    let why = it.no(&[
        "verify",
        "case.tar",
        "--key",
        key,
        "--witness",
        "auditor.key.pub",
    ]);
    assert!(
        why.contains("bears the signature of auditor.example.org"),
        "{why}"
    );
}

//! Proofs and witnesses, as they pass between people.

use std::fs;

use poortwacht::ledger::note::VerifierKey;
use poortwacht::ledger::{Ledger, proof};

use super::bench::{NOW, copy, entries, ledger, program, second, settings, text};

#[test]
fn a_proof_holds_with_the_key_alone_and_a_changed_one_does_not() {
    let dir = ledger();
    for (entry, bare, expected) in [
        ("0", false, "{\"n\":0}"),
        ("301", false, "{\"n\":301}"),
        ("699", true, "payload     not in this proof"),
        ("5", false, "payload     not in this proof"),
    ] {
        let mut args = vec!["prove", "ledger", entry, "--out", "entry.tlog-proof"];
        args.extend(bare.then_some("--bare"));
        let output = program(dir.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let alone = tempfile::tempdir().unwrap();
        for name in ["entry.tlog-proof", "log.pub"] {
            copy(&dir.path().join(name), &alone.path().join(name));
        }
        let check = ["verify", "--proof", "entry.tlog-proof", "--key", "log.pub"];
        let output = program(alone.path(), &check);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(text(&output).contains(expected), "{}", text(&output));
        // Any byte of it, changed: it proves nothing, or the same.
        let good = fs::read(alone.path().join("entry.tlog-proof")).unwrap();
        let key = fs::read_to_string(alone.path().join("log.pub")).unwrap();
        let key = VerifierKey::parse(&key).unwrap();
        let said = proof::check(std::str::from_utf8(&good).unwrap(), &key)
            .ok()
            .unwrap();
        let (mut held, mut refused) = (0, 0);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let checked = std::str::from_utf8(&bad)
                .ok()
                .map(|text| proof::check(text, &key));
            match checked {
                Some(Ok(proven)) => {
                    held += 1;
                    assert!((proven.number, &proven.payload) == (said.number, &said.payload));
                    assert!(proven.signed == said.signed, "byte {at}");
                }
                _ => refused += 1,
            }
        }
        assert!(held < 8 && refused > 600, "{held} {refused}");
    }
    fs::write(
        dir.path().join("bad.tlog-proof"),
        "c2sp.org/tlog-proof@v1\n\n",
    )
    .unwrap();
    let output = program(
        dir.path(),
        &["verify", "--proof", "bad.tlog-proof", "--key", "log.pub"],
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let refused = program(dir.path(), &["prove", "ledger", "700"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(
        text(&refused).contains("not under the checkpoint"),
        "{}",
        text(&refused)
    );
    let output = program(dir.path(), &["verify", "--proof", "entry.tlog-proof"]);
    assert_eq!(output.status.code(), Some(2), "a proof needs a key");
}

#[test]
fn a_witness_signs_what_grew_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let run = |args: &str| program(dir.path(), &args.split(' ').collect::<Vec<_>>());
    let (mut ledger, _) = Ledger::open(&settings(&folder), NOW).unwrap();
    ledger.append(&entries(0..300, "n")).unwrap();
    ledger.checkpoint(NOW).unwrap();
    copy(&folder.join("key.pub"), &dir.path().join("log.pub"));
    assert_eq!(
        run("witness key auditor.example auditor.key").status.code(),
        Some(0)
    );
    assert_eq!(
        run("witness key auditor.example auditor.key").status.code(),
        Some(8)
    );
    let sign = "witness sign ledger --log log.pub --key auditor.key --state seen.txt";
    assert_eq!(
        run(sign).status.code(),
        Some(4),
        "nothing was signed before"
    );
    let verify = "verify ledger --key log.pub --witness auditor.key.pub";
    let said = run(verify);
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    assert!(text(&said).contains("no checkpoint bears the signature of auditor.example"));
    let first = run(&format!("{sign} --first"));
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));
    fs::write(folder.join("witnessed"), &first.stdout).unwrap();
    ledger.append(&entries(300..800, "n")).unwrap();
    ledger.checkpoint(NOW).unwrap();
    let said = run(verify);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    assert!(text(&said).contains("witness     auditor.example: 300 entries on 20"));
    assert!(text(&said).contains("excluded for the first 300 entries; for the later 500"));
    let second_time = run(sign);
    assert_eq!(second_time.status.code(), Some(0), "{}", text(&second_time));
    let both = [first.stdout, second_time.stdout].concat();
    fs::write(folder.join("witnessed"), &both).unwrap();
    let said = run(verify);
    assert!(
        text(&said).contains("auditor.example: 800 entries"),
        "{}",
        text(&said)
    );
    let args = ["ledger", "--key", "log.pub", "--witness", "auditor.key.pub"];
    if let Some(said) = second(dir.path(), &args) {
        assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    }
    // The witness's word is not to be changed, not even its time.
    let note = String::from_utf8(both).unwrap();
    let at = note.rfind("— auditor.example ").unwrap() + "— auditor.example ".len() + 12;
    let mut forged = note.into_bytes();
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    fs::write(folder.join("witnessed"), forged).unwrap();
    assert_eq!(run(verify).status.code(), Some(1));
    if let Some(said) = second(dir.path(), &args) {
        assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    }
    // Rewritten by the holder of the key: the witness refuses, and what it signed before tells.
    drop(ledger);
    for name in ["payload", "tile"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
    for name in ["checkpoint", "checkpoints", "witnessed"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let (mut ledger, _) = Ledger::open(&settings(&folder), NOW).unwrap();
    ledger.append(&entries(0..900, "forged")).unwrap();
    ledger.close(NOW).unwrap();
    let said = run(sign);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        text(&said).contains("did not grow out of the 800"),
        "{}",
        text(&said)
    );
    let said = run("verify ledger --key log.pub --checkpoint seen.txt");
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
}

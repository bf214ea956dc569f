//! A person's rights and the officers' keys, on a real daemon that played a kept day.
//!
//! Enters: `tests/data/office` (a recorded day with known people). Leaves: a failure that names the
//! file or the answer. Never: needs root or the network.

#[path = "privacy/bench.rs"]
mod bench;

use std::fs;

use bench::{Bench, PEOPLE};

/// Who asked takes it back, and may ask anew.
#[test]
fn a_request_is_taken_back_by_who_asked() {
    let bench = Bench::day();
    let daemon = bench.start("run.toml");
    let anna = bench.case_of(PEOPLE[0][0]);
    let ask = ["unseal", "request", &anna.id, "--reason", "report 7"];
    let asked = bench.ok(&ask, "");
    let request = asked.trim().strip_prefix("asked: ").unwrap().to_owned();
    let said = bench.ok(&["unseal", "refuse", &request, "--reason", "over"], "");
    assert!(said.contains("taken back"), "{said}");
    let again = bench.no(&["unseal", "refuse", &request, "--reason", "over"], "");
    assert!(again.contains("it was refused"), "{again}");
    assert!(
        bench
            .ok(&["unseal", "list", "--all"], "")
            .contains("refused")
    );
    bench.ok(&ask, "");
    daemon.stop();
}

/// Asked by one, approved by two with their keys, opened by them, and by nobody else.
#[test]
fn an_identity_is_opened_by_two_officers_after_a_request_and_no_other_with_it() {
    let bench = Bench::day();
    let daemon = bench.start("run.toml");
    let [anna, chris] = [bench.case_of(PEOPLE[0][0]), bench.case_of(PEOPLE[2][0])];
    assert_ne!(anna.id, chris.id);

    let asked = bench.ok(&["unseal", "request", &anna.id, "--reason", "report 7"], "");
    let request = asked.trim().strip_prefix("asked: ").unwrap().to_owned();
    let twice = bench.no(&["unseal", "request", &anna.id, "--reason", "again"], "");
    assert!(twice.contains(&request), "{twice}");
    let early = bench.no(&["unseal", "release", &request, "--out", "early.json"], "");
    assert!(early.contains("0 of 2"), "{early}");
    assert!(!bench.path("early.json").exists());

    // A raw act proves nobody an officer, and an identity is that of the case's own subject.
    let refuse = serde_json::json!({"act": {
        "act": "refuse-unsealing", "request": request, "case": anna.id, "reason": "x",
    }});
    let why = bench.ask(&refuse.to_string());
    assert!(why.contains("refused") && why.contains("unseal"), "{why}");
    let other = serde_json::json!({"act": {
        "act": "request-unsealing", "request": "request-9", "case": chris.id,
        "subject": anna.subject, "reason": "x",
    }});
    let why = bench.ask(&other.to_string());
    assert!(why.contains("about another subject"), "{why}");

    // An officer proves who they are by reading what only their key opens.
    let code = bench.code(&request, 0);
    for (officer, wrong) in [("o1", code.as_str()), ("o0", "00"), ("o0", "")] {
        let why = bench.no(
            &["unseal", "approve", &request, "--officer", officer],
            wrong,
        );
        assert!(why.contains("not the code"), "{why}");
    }
    bench.ok(&["unseal", "approve", &request, "--officer", "o0"], &code);
    let again = bench.no(&["unseal", "approve", &request, "--officer", "o0"], &code);
    assert!(again.contains("another officer"), "{again}");
    let one = bench.no(&["unseal", "release", &request, "--out", "early.json"], "");
    assert!(one.contains("1 of 2"), "{one}");
    let code = bench.code(&request, 2);
    bench.ok(
        &[
            "unseal",
            "approve",
            &request,
            "--officer",
            "o2",
            "--note",
            "ok",
        ],
        &code,
    );
    let list = bench.ok(&["unseal", "list", "--json"], "");
    assert!(
        list.contains("\"approved\"") && list.contains("\"o2\""),
        "{list}"
    );
    // Nobody's word is taken for what is handed out.
    let raw = serde_json::json!({"act": {
        "act": "release-unsealing", "request": request, "case": anna.id, "digest": "00",
    }});
    let why = bench.ask(&raw.to_string());
    assert!(why.contains("refused") && why.contains("unseal"), "{why}");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for (released, part) in [
        (now.as_nanos() as u64, "not what the record holds"),
        (1, "too long ago"),
    ] {
        let forged = serde_json::json!({"unseal": {"release": {
            "request": request, "released": released, "digest": "00",
        }}});
        let why = bench.ask(&forged.to_string());
        assert!(why.contains("refused") && why.contains(part), "{why}");
    }
    bench.ok(
        &["unseal", "release", &request, "--out", "release.json"],
        "",
    );
    let late = bench.no(&["unseal", "refuse", &request, "--reason", "too late"], "");
    assert!(late.contains("released already"), "{late}");

    // Each of them on their own machine, with two shares: this one person, and nobody else.
    let shares = [
        bench.share("release.json", 0),
        bench.share("release.json", 2),
    ];
    let opened = bench.ok(
        &[
            "officer",
            "open",
            "release.json",
            "--share",
            &shares[0],
            "--share",
            &shares[1],
        ],
        "",
    );
    assert!(opened.contains(PEOPLE[0][0]), "{opened}");
    for other in &PEOPLE[1..] {
        assert!(!opened.contains(other[0]), "{opened}");
    }
    let alone = bench.no(
        &["officer", "open", "release.json", "--share", &shares[0]],
        "",
    );
    assert!(alone.contains("1 of the 2"), "{alone}");
    let theirs = format!("cases/subjects/{}.json", chris.subject);
    let why = bench.no(
        &[
            "officer", "open", &theirs, "--share", &shares[0], "--share", &shares[1],
        ],
        "",
    );
    assert!(why.contains("another subject"), "{why}");

    // Who, when and why stand in the record, and the daemon never had a private key.
    let record = bench.record("unsealing");
    assert_eq!(record.len(), 4, "{record:?}");
    for (entry, (act, by)) in record.iter().zip([
        ("request-unsealing", bench.user()),
        ("approve-unsealing", "o0".into()),
        ("approve-unsealing", "o2".into()),
        ("release-unsealing", bench.user()),
    ]) {
        assert_eq!(entry["body"]["act"]["act"], act, "{entry}");
        assert_eq!(entry["body"]["by"]["name"], by.as_str(), "{entry}");
        assert!(entry["time"].as_i64().is_some_and(|time| time > 0));
    }
    assert_eq!(record[0]["body"]["act"]["reason"], "report 7");
    assert!(bench.holding("AGE-SECRET-KEY").is_none());
    daemon.stop();
}

/// Access: everything about one, nothing of another.
#[test]
fn a_person_gets_what_the_record_has_about_them_and_nothing_of_others() {
    let bench = Bench::day();
    let daemon = bench.start("run.toml");
    let [anna, chris] = [bench.case_of(PEOPLE[0][0]), bench.case_of(PEOPLE[2][0])];
    // However the name is written, and by the mailbox too.
    let found = bench.ok(
        &["subject", "find"],
        &format!("user {}\n", PEOPLE[0][0].to_uppercase()),
    );
    assert!(
        found.contains(&anna.id) && !found.contains(&chris.id),
        "{found}"
    );
    let none = bench.no(&["subject", "find"], &format!("user {}\n", PEOPLE[4][0]));
    assert!(none.contains("nothing is known"), "{none}");
    // A device says itself what it is called: by that alone nobody's case is shown.
    let host = bench.ok(&["subject", "find"], &format!("host {}\n", PEOPLE[0][1]));
    assert!(
        host.contains("are about somebody else") && !host.contains("case-"),
        "{host}"
    );
    let stranger = bench.no(&["subject", "find"], "host nobodys-laptop\n");
    assert!(stranger.contains("nothing is known"), "{stranger}");

    bench.ok(
        &[
            "subject",
            "correct",
            &anna.id,
            "--text",
            "the screen was shared",
        ],
        "",
    );
    let who = format!("user {}\nmac {}\n", PEOPLE[0][0], PEOPLE[0][2]);
    bench.ok(
        &[
            "subject",
            "export",
            "--out",
            "answer",
            "--reason",
            "request 9",
        ],
        &who,
    );
    let json = fs::read_to_string(bench.path("answer/subject.json")).unwrap();
    let html = fs::read_to_string(bench.path("answer/subject.html")).unwrap();
    for text in [&json, &html] {
        assert!(text.contains(&anna.id) && text.contains("the screen was shared"));
        for case in bench.cases() {
            let own = case.subject == anna.subject;
            assert_eq!(text.contains(&case.id), own, "{}", case.id);
            assert_eq!(text.contains(&case.subject), own, "{}", case.subject);
        }
    }
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let kinds: Vec<&str> = value["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "hit",
        "case",
        "evidence",
        "step",
        "attribution",
        "sealed",
        "triage",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    // A colleague's name is not theirs; the export is on the record with its digest.
    assert!(
        !json.contains(&format!("\"name\": \"{}\"", bench.user())),
        "{json}"
    );
    let record = bench.record("export");
    assert_eq!(record.len(), 1);
    assert_eq!(
        record[0]["body"]["act"]["digest"],
        bench.sha256("answer/subject.json").as_str()
    );
    // What was brought is nowhere.
    for word in PEOPLE.iter().flatten() {
        let held = bench.holding(word);
        assert!(held.is_none(), "`{word}` stands in {held:?}");
    }
    daemon.stop();
}

/// Nobody could tell whose an address was: it is shown as that, and not erased with anybody.
#[test]
fn what_may_be_theirs_is_marked_and_left_alone() {
    let bench = Bench::without_sources();
    let daemon = bench.start("run.toml");
    let cases = bench.cases();
    let brought = "address 192.0.2.101\naddress 192.0.2.102 2001-01-01 2001-01-02\n";
    let found = bench.ok(&["subject", "find"], brought);
    assert!(found.contains("AMBIGUOUS"), "{found}\n{cases:?}");
    let why = bench.no(
        &["subject", "erase", "--reference", "r", "--reason", "x"],
        brought,
    );
    assert!(why.contains("shared address alone erases nothing"), "{why}");
    bench.ok(
        &[
            "subject",
            "export",
            "--out",
            "answer",
            "--reason",
            "request 9",
        ],
        brought,
    );
    let json = fs::read_to_string(bench.path("answer/subject.json")).unwrap();
    assert!(json.contains("\"ambiguous\": true"), "{json}");
    assert!(
        !json.contains("trace") && !json.contains("evidence"),
        "{json}"
    );
    daemon.stop();
}

/// Erasure: every file is searched for every word of theirs, before and after.
#[test]
fn a_person_is_gone_from_every_file_and_the_ledger_still_verifies() {
    let bench = Bench::day();
    let daemon = bench.start("run.toml");
    let anna = bench.case_of(PEOPLE[0][0]);
    let who = format!("user {}\n", PEOPLE[0][0]);
    bench.ok(
        &[
            "subject",
            "export",
            "--out",
            "answer",
            "--reason",
            "request 9",
        ],
        &who,
    );
    let words = bench.words_of(&anna);
    assert!(words.len() > 5, "{words:?}");
    let others = bench.others_than(&anna);
    assert!(others.len() >= 2, "{others:?}");
    fs::rename(
        bench.path("answer"),
        bench.dir.path().with_extension("answer"),
    )
    .unwrap();

    // A hold stands in the way, and says so.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let until = now.as_secs() + 86_400;
    bench.act(&format!(
        "{{\"act\": \"hold\", \"case\": \"{}\", \"reason\": \"inquiry 3\", \"until\": {until}}}",
        anna.id
    ));
    let erase = [
        "subject",
        "erase",
        "--reference",
        "request-9",
        "--reason",
        "art. 17",
        "--json",
    ];
    let why = bench.no(&erase, &who);
    assert!(
        why.contains("legal hold") && why.contains("inquiry 3"),
        "{why}"
    );
    for word in &words {
        assert!(
            bench.holding(word).is_some(),
            "{word} should still be there"
        );
    }
    bench.act(&format!(
        "{{\"act\": \"lift-hold\", \"case\": \"{}\", \"reason\": \"inquiry over\"}}",
        anna.id
    ));

    let receipt: serde_json::Value = serde_json::from_str(&bench.ok(&erase, &who)).unwrap();
    assert!(receipt["hit_log_lines"].as_u64() > Some(0), "{receipt}");
    assert_eq!(receipt["cases"], 1, "{receipt}");
    assert_eq!(receipt["sealed_records"], 1, "{receipt}");
    let answer = bench.dir.path().with_extension("answer");
    let digest = bench.sha256_at(&answer.join("subject.json"));
    assert_eq!(receipt["exported"][0], digest.as_str(), "{receipt}");
    fs::remove_dir_all(answer).unwrap();
    bench.gone(&words);
    for word in &others {
        assert!(
            bench.holding(word).is_some(),
            "{word} is somebody else's, and gone"
        );
    }
    assert!(
        bench
            .no(&["subject", "find"], &who)
            .contains("nothing is known")
    );
    let again = bench.no(&erase, &who);
    assert!(again.contains("nothing is known"), "{again}");
    let record = bench.record("deletion");
    assert_eq!(
        record.last().unwrap()["body"]["act"]["reference"],
        "request-9"
    );
    bench.verifies();
    daemon.stop();
    bench.gone(&words);
    bench.verifies();
}

/// It fails in the middle, the daemon dies; the next start finishes it before anything else.
#[test]
fn an_erasure_that_was_cut_short_is_finished_at_the_next_start() {
    let bench = Bench::day();
    let daemon = bench.start("run.toml");
    let anna = bench.case_of(PEOPLE[0][0]);
    let who = format!("user {}\n", PEOPLE[0][0]);
    let words = bench.words_of(&anna);
    // The hit log cannot be written anew while a folder stands in its way.
    fs::create_dir(bench.path("hits.jsonl.unfinished")).unwrap();
    let chris = format!("user {}\n", PEOPLE[2][0]);
    let erase = [
        "subject",
        "erase",
        "--reference",
        "request-9",
        "--reason",
        "art. 17",
    ];
    let why = bench.no(&erase, &who);
    assert!(why.contains("a part is erased"), "{why}");
    let begun = fs::read(bench.path("cases/erasing.json")).unwrap();
    // Another one waits for it, and does not write it over.
    let other = [
        "subject",
        "erase",
        "--reference",
        "request-10",
        "--reason",
        "art. 17",
    ];
    let why = bench.no(&other, &chris);
    assert!(why.contains("`request-9` is not finished yet"), "{why}");
    let left: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.path("cases/erasing.json")).unwrap()).unwrap();
    let begun: serde_json::Value = serde_json::from_slice(&begun).unwrap();
    assert_eq!(left["cases"], begun["cases"]);
    daemon.kill();
    fs::remove_dir(bench.path("hits.jsonl.unfinished")).unwrap();
    assert!(bench.holding(&anna.id).is_some());
    let daemon = bench.start("quiet.toml");
    bench.gone(&words);
    assert!(!bench.path("cases/erasing.json").exists());
    bench.verifies();
    assert!(
        bench
            .no(&["subject", "find"], &who)
            .contains("nothing is known")
    );
    bench.ok(&other, &chris);
    assert!(
        bench
            .no(&["subject", "find"], &chris)
            .contains("nothing is known")
    );
    daemon.stop();
    bench.gone(&words);
    bench.verifies();
}

/// Killed at whatever moment: once it runs again and is asked again, it is done.
#[test]
fn an_erasure_survives_a_kill_at_any_moment() {
    for pause_ms in [0, 20, 60] {
        let bench = Bench::day();
        let daemon = bench.start("run.toml");
        let anna = bench.case_of(PEOPLE[0][0]);
        let who = format!("user {}\n", PEOPLE[0][0]);
        let words = bench.words_of(&anna);
        let erase = [
            "subject",
            "erase",
            "--reference",
            "request-9",
            "--reason",
            "art. 17",
        ];
        let asking = bench.spawn(&erase, &who);
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        daemon.kill();
        drop(asking);
        let daemon = bench.start("quiet.toml");
        // Begun and finished by the start, or never begun.
        let _ = bench.program(&erase, &who);
        bench.gone(&words);
        bench.verifies();
        daemon.stop();
    }
}

//! Evidence bundles of a real daemon that played a kept day: made, verified by two programs, bent,
//! opened by officers.
//!
//! Enters: `tests/data/office` (a recorded day with known people). Leaves: a failure that names the
//! byte, the file or the answer. Never: needs root or the network.

#[path = "privacy/bench.rs"]
#[allow(dead_code)]
mod bench;
#[path = "evidence/bent.rs"]
mod bent;
#[path = "evidence/gone.rs"]
mod gone;
#[path = "evidence/stand.rs"]
mod stand;
#[path = "evidence/trust.rs"]
mod trust;

use std::fs;
use std::process::Command;

use bench::PEOPLE;
use stand::{Stand, files, second, stand};

/// How a person of the day may stand in a file.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for [user, host, mac] in PEOPLE {
        forms.extend([user, host, mac].map(str::to_owned));
        forms.extend([mac.replace(':', ""), mac.replace(':', "-")]);
    }
    forms.extend((101..=105).map(|n| format!("192.0.2.{n}")));
    forms
}

fn holds(bytes: &[u8], word: &str) -> bool {
    let low = bytes.to_ascii_lowercase();
    let word = word.to_ascii_lowercase();
    low.windows(word.len()).any(|part| part == word.as_bytes())
}

#[test]
fn a_bundle_verifies_names_nobody_and_stands_in_the_record() {
    let it = stand();
    for bundle in ["case.tar", "quiet.tar"] {
        let said = it.ok(&["verify", bundle, "--key", "cases/ledger/key.pub"]);
        assert!(said.contains("\nVerifies.\n"), "{said}");
        assert!(!said.contains("proves only that"), "{said}");
        let own = it.ok(&["verify", bundle]);
        assert!(
            own.contains("proves only that the bundle agrees with itself"),
            "{own}"
        );
        let bytes = fs::read(it.path(bundle)).unwrap();
        for word in forms() {
            assert!(!holds(&bytes, &word), "`{word}` stands in {bundle}");
        }
        if let Some(output) = second(it, bundle, &[]) {
            assert!(output.status.success(), "{}", stand::text(&output));
        }
    }
    // The search can find.
    assert!(holds(&it.bundle, "kairos") && holds(&it.bundle, &it.case));
    let opened = fs::read(it.path("opened.tar")).unwrap();
    assert!(holds(&opened, "adevries") && holds(&opened, "192.0.2.101"));

    // Who, why and when stand in the record, with the digest of the manifest.
    let manifest = stand::file(&it.bundle, "manifest.txt");
    let exports = &it.exports;
    let told = exports.iter().find(|entry| {
        entry["body"]["act"]["digest"] == stand::sha256(&manifest)
            && entry["body"]["act"]["reason"] == "inquiry 2026-14"
    });
    let told = told.unwrap_or_else(|| panic!("{exports:?}"));
    assert_eq!(told["body"]["act"]["case"], it.case);
    assert_eq!(told["body"]["by"]["means"], "command");

    // With stock programs.
    let unpacked = it.path("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let run = |program: &str, args: &[&str], dir: &std::path::Path| {
        let output = Command::new(program).args(args).current_dir(dir).output();
        assert!(output.unwrap().status.success(), "{program} {args:?}");
    };
    let bundle = it.path("case.tar").display().to_string();
    run("tar", &["xf", &bundle], &unpacked);
    let folder = unpacked.join(format!("evidence-{}", it.case));
    run("sha256sum", &["-c", "--quiet", "manifest.txt"], &folder);
}

#[test]
fn the_reports_say_what_they_must_in_both_languages_and_run_nothing() {
    let it = stand();
    for (name, words) in [
        (
            "report.en.html",
            [
                "on monitored networks",
                "What cannot be concluded",
                "Under seal",
            ],
        ),
        (
            "report.nl.html",
            [
                "op bewaakte netwerken",
                "Wat niet kan worden geconcludeerd",
                "Verzegeld",
            ],
        ),
    ] {
        let text = String::from_utf8(stand::file(&it.bundle, name)).unwrap();
        for word in words {
            assert!(text.contains(word), "{name}: {word}");
        }
        // What an analyst wrote is text.
        assert!(
            text.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
            "{name}"
        );
        for bad in [
            "<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", " on",
        ] {
            let tags = text.split('<').filter_map(|tag| tag.split('>').next());
            let found = tags
                .into_iter()
                .any(|tag| format!("<{tag}").contains(bad) && tag.len() < 2000);
            assert!(!found || bad == " on", "{name}: {bad}");
        }
        assert!(text.contains("default-src 'none'"), "{name}");
        // The parts that every reader has to find.
        for part in [
            "kairos.com",
            "Oracle Apiary",
            "github.com/api-evangelist",
            "100 %",
        ] {
            assert!(text.contains(part), "{name}: {part}");
        }
    }
}

#[test]
fn what_machines_read_is_as_the_schema_says() {
    let it = stand();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.schema.json");
    let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for bundle in ["case.tar", "quiet.tar"] {
        let bytes = fs::read(it.path(bundle)).unwrap();
        let data: serde_json::Value =
            serde_json::from_slice(&stand::file(&bytes, "bundle.json")).unwrap();
        let wrong: Vec<String> = schema.iter_errors(&data).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let mut more = data.clone();
        more["facts"]["identity"] = "adevries".into();
        assert!(!schema.is_valid(&more));
        assert_eq!(data["facts"]["coverage"]["of"], "on monitored networks");
    }
    let data: serde_json::Value =
        serde_json::from_slice(&stand::file(&it.bundle, "bundle.json")).unwrap();
    assert_eq!(data["facts"]["case"]["stage"], "searching");
    assert_eq!(data["facts"]["coverage"]["share_percent"], 100);
    assert!(data["facts"]["periods"][0]["evidence"].as_u64().unwrap() > 5);
    let relations = data["vendor"]["relations"].as_array().unwrap();
    assert!(relations.iter().any(|it| it["supplier"] == "Oracle Apiary"));
    let hosts = data["vendor"]["hosts"].as_array().unwrap();
    assert!(hosts.iter().all(|it| {
        let of = |key: &str| it[key].as_array().unwrap().len();
        of("sources") + of("unverified_sources") > 0
    }));
}

#[test]
fn two_officers_open_it_and_one_does_not() {
    let it = stand();
    let one = [
        "evidence",
        "open",
        "case.tar",
        "--key",
        "officer-2.key",
        "--out",
        "alone.tar",
    ];
    let why = it.no(&one);
    assert!(why.contains("1 of the 2 shares"), "{why}");
    assert!(!it.path("alone.tar").exists());

    let opened = fs::read(it.path("opened.tar")).unwrap();
    let said = it.ok(&["verify", "opened.tar", "--key", "cases/ledger/key.pub"]);
    assert!(
        said.contains("opened by officers") && said.contains("\nVerifies.\n"),
        "{said}"
    );
    if let Some(output) = second(it, "opened.tar", &[]) {
        assert!(output.status.success(), "{}", stand::text(&output));
    }
    // It holds all of the other, and three files.
    let (before, after) = (files(&it.bundle), files(&opened));
    assert_eq!(after.len(), before.len() + 3);
    assert!(before.iter().all(|file| after.contains(file)));

    let frames = stand::file(&opened, "opened/frames.pcapng");
    fs::write(it.path("frames.pcapng"), frames).unwrap();
    let tshark = Command::new("tshark")
        .args([
            "-r",
            "frames.pcapng",
            "-T",
            "fields",
            "-e",
            "ip.src",
            "-e",
            "frame.comment",
        ])
        .args([
            "-e",
            "tls.handshake.extensions_server_name",
            "-e",
            "dns.qry.name",
        ])
        .current_dir(it.bench.dir.path())
        .output();
    let Ok(tshark) = tshark else {
        assert!(
            std::env::var_os("CI").is_none(),
            "tshark is missing: run tests/setup test"
        );
        return;
    };
    let said = String::from_utf8(tshark.stdout).unwrap();
    assert!(said.lines().count() >= 4, "{said}");
    assert!(
        said.lines()
            .all(|line| line.starts_with("192.0.2.101\tPoortwacht: ")),
        "{said}"
    );
    assert!(said.contains("api.kairos.com"), "{said}");

    // The same shares open the same through the other command.
    let said = it.ok(&[
        "officer",
        "open",
        "case.tar",
        "--key",
        "officer-2.key",
        "--share",
        "one.json",
    ]);
    assert!(said.contains("adevries"), "{said}");
}

#[test]
fn what_is_withheld_is_not_in_it_and_the_rest_verifies() {
    let it = Stand::new();
    let marker = "Asked the unit";
    assert!(holds(&it.bundle, marker));
    let base = [
        "evidence",
        "export",
        it.case.as_str(),
        "--reason",
        "less",
        "--out",
        "less.tar",
    ];
    it.ok(&[&base[..], &["--no-sealed", "--withhold", "triage"]].concat());
    let bytes = fs::read(it.path("less.tar")).unwrap();
    assert!(!holds(&bytes, marker) && !holds(&bytes, "BEGIN AGE"));
    let said = it.ok(&["verify", "less.tar", "--key", "cases/ledger/key.pub"]);
    assert!(
        said.contains("without text (deleted or withheld)"),
        "{said}"
    );
    let why = it.no(&[
        "evidence",
        "open",
        "less.tar",
        "--key",
        "officer-0.key",
        "--out",
        "x.tar",
    ]);
    assert!(why.contains("nothing is sealed"), "{why}");
    // The file is not written over, and the refused export is not in the record.
    let exports = it.bench.record("export").len();
    let again = it
        .bench
        .program(&[&base[..], &["--no-sealed"]].concat(), "");
    assert_eq!(again.status.code(), Some(8), "{}", bench::said(&again));
    for (args, words) in [
        (
            vec![
                "evidence", "export", "case-0", "--reason", "r", "--out", "y.tar",
            ],
            "no case case-0",
        ),
        (
            vec![
                "evidence",
                "export",
                "case-../../x",
                "--reason",
                "r",
                "--out",
                "y.tar",
            ],
            "no case",
        ),
    ] {
        let why = it.no(&args);
        assert!(why.contains(words), "{why}");
    }
    let empty = [
        "evidence",
        "export",
        it.case.as_str(),
        "--reason",
        " ",
        "--out",
        "y.tar",
    ];
    assert_eq!(it.bench.program(&empty, "").status.code(), Some(2));
    // Of a case that is being erased nothing is handed out.
    fs::write(it.path("cases/erasing.json"), "{").unwrap();
    let erased = [
        "evidence",
        "export",
        it.case.as_str(),
        "--reason",
        "r",
        "--out",
        "y.tar",
    ];
    let why = it.no(&erased);
    assert!(why.contains("being erased"), "{why}");
    assert!(!it.path("y.tar").exists());
    assert_eq!(it.bench.record("export").len(), exports);
}

//! What a list file may say, and how it is refused: problems with their place, allow-list, version,
//! warnings.

use super::*;

#[test]
fn one_bad_line_refuses_the_list_and_says_where() {
    let list = "good.example\n0.0.0.0 ads.example\n  *.x.example\ncom\nhttps://a.example/\n::1\n";
    let problems = Catalogue::compile(&[SourceText::UserList("l.txt", list)], Timestamp(0));
    let said: Vec<String> = problems
        .err()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        said[0].starts_with("l.txt:2:1: `0.0.0.0 ads.example` is not a domain"),
        "{said:?}"
    );
    assert!(
        said[0].ends_with("leave the address out, one name a line"),
        "{said:?}"
    );
    assert!(said[1].starts_with("l.txt:3:3: "), "{said:?}");
    assert!(
        said[2].starts_with("l.txt:4:1: `com` has one label"),
        "{said:?}"
    );
    assert!(
        said[4].starts_with("l.txt:6:1: `::1` is an address"),
        "{said:?}"
    );
    assert_eq!(said.len(), 5);
}

#[test]
fn every_problem_of_a_vendor_file_is_reported_with_its_place() {
    let text = "id = \"w\"\nname = \"\"\ncategory = \"face\"\nseverity = \"high\"\nstatus = 1\n\
        colour = \"red\"\n[[host]]\nname = \"a b.com\"\nmatch = \"exakt\"\nrole = \"app\"\n\
        dual_use = \"no\"\n";
    let problems = Catalogue::compile(&[SourceText::Vendor("d/v.toml", text)], Timestamp(0));
    let places: Vec<(u32, u32)> = problems
        .as_ref()
        .err()
        .unwrap()
        .iter()
        .map(|p| (p.line, p.column))
        .collect();
    let said: Vec<String> = problems
        .err()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    for place in [(1, 6), (2, 8), (3, 12), (5, 10), (6, 1)] {
        assert!(places.contains(&place), "{place:?} of {said:#?}");
    }
    let broken = "id = \"v\"\nname = \n";
    let problems = Catalogue::compile(&[SourceText::Vendor("v.toml", broken)], Timestamp(0));
    assert_eq!(problems.err().unwrap()[0].line, 2);
}

#[test]
fn problems_of_hosts_are_reported() {
    let bad = [
        (
            "a.example.com",
            "exact",
            "seen = \"last year\"",
            "`seen` is no date",
        ),
        ("*.com", "pattern", "", "reaches too far"),
        ("a.example.com", "pattern", "", "is no pattern"),
        ("a.*.*.com", "pattern", "", "is no pattern"),
        ("a*.example.com", "pattern", "", "is no pattern"),
        (
            "a.example.com",
            "exact",
            "wildcard_not = [\"s3\"]",
            "cannot stand here",
        ),
        ("com", "suffix", "", "one label only"),
        (
            "a.example.com",
            "exact",
            "severity = \"context-only\"",
            "context-only",
        ),
        (
            "a.example.com",
            "exact",
            "also_roles = [\"boss\"]",
            "may not be `boss`",
        ),
        (
            "a.example.com",
            "exact",
            "[[relation]]\nserves = \"nobody\"\nwhat = \"x\"",
            "nobody",
        ),
    ];
    for (name, kind, more, wanted) in bad {
        let text = vendor_text("v", &[(name, kind, more)]);
        let problems = Catalogue::compile(&[SourceText::Vendor("v.toml", &text)], Timestamp(0));
        let said = problems.err().unwrap_or_default();
        assert!(
            said.iter().any(|p| p.to_string().contains(wanted)),
            "{wanted}: {said:?}"
        );
        assert!(said.iter().all(|p| p.line > 0), "{said:?}");
    }
    let twice = vendor_text(
        "v",
        &[
            ("a.example.com", "exact", ""),
            ("A.example.com", "exact", ""),
        ],
    );
    let problems = Catalogue::compile(&[SourceText::Vendor("v.toml", &twice)], Timestamp(0));
    assert!(problems.err().unwrap()[0].what.contains("twice"));
}

#[test]
fn the_allow_list_silences_hits_until_it_expires() {
    let day = |text: &str| {
        let date = fields::parse_date(text).unwrap();
        Timestamp::from_secs_nanos(date.midnight().assume_utc().unix_timestamp(), 0)
    };
    let allow = "[[allow]]\nname = \"App.example.com\"\nreason = \"contract 12\"\n\
        expires = 2026-12-31\n[[allow]]\nname = \"old.example.com\"\nmatch = \"suffix\"\n\
        reason = \"was\"\nexpires = \"2025-01-01\"\n";
    let hosts = [
        ("example.com", "suffix", ""),
        ("d.example.com", "exact", "dual_use = true"),
    ];
    let vendor = vendor_text("v", &hosts);
    let sources = [
        SourceText::Vendor("v.toml", &vendor),
        SourceText::Allow("a.toml", allow),
    ];
    let catalogue = Catalogue::compile(&sources, day("2026-06-01"))
        .ok()
        .unwrap();
    let at = |name: &'static str, at| catalogue.find_at(&RawName::Text(name.as_bytes()), at);
    let app = b"app.example.com";
    assert!(matches!(
        catalogue.find(&RawName::Text(app)),
        Verdict::Allowed(_)
    ));
    assert!(matches!(
        at("app.example.com", day("2026-12-31")),
        Verdict::Allowed(_)
    ));
    assert!(matches!(
        at("app.example.com", day("2027-01-01")),
        Verdict::Hit(_)
    ));
    // Exact unless it says suffix; expired at loading; context stays context.
    assert!(matches!(
        at("x.app.example.com", day("2026-06-02")),
        Verdict::Hit(_)
    ));
    assert!(matches!(
        at("old.example.com", day("2026-06-02")),
        Verdict::Hit(_)
    ));
    assert!(matches!(
        at("d.example.com", day("2026-06-02")),
        Verdict::Context(_)
    ));
    assert_eq!(catalogue.expired().len(), 1);
    assert!(
        lint::warnings(&catalogue)
            .iter()
            .any(|w| w.what.contains("ended on 2025-01-01"))
    );

    let bad = "[[allow]]\nname = \"a.example.com\"\n[[allow]]\nname = \"b.example.com\"\n\
        reason = \"x\"\nexpires = \"soon\"\n";
    let problems = Catalogue::compile(&[SourceText::Allow("a.toml", bad)], Timestamp(0));
    let said: Vec<String> = problems
        .err()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(said.iter().any(|s| s.contains("no `reason`")), "{said:?}");
    assert!(said.iter().any(|s| s.contains("no `expires`")), "{said:?}");
    assert!(
        said.iter()
            .any(|s| s.starts_with("a.toml:6:11: `expires` is no date")),
        "{said:?}"
    );
}

#[test]
fn version_is_of_the_rules_not_of_their_order_or_notes() {
    let a = (
        "a.toml",
        vendor_text("a", &[("a.example.com", "exact", "note = \"x\"")]),
    );
    let b = (
        "b.toml",
        vendor_text("b", &[("b.example.com", "exact", "")]),
    );
    let one = compile(&[a.clone(), b.clone()], &[]).info().version;
    assert_eq!(one.len(), 16);
    assert_eq!(compile(&[b.clone(), a.clone()], &[]).info().version, one);
    let other_note = (a.0, a.1.replace("\"x\"\n", "\"y\"\n"));
    assert_eq!(compile(&[other_note, b.clone()], &[]).info().version, one);
    let other_role = (a.0, a.1.replace("role = \"app\"", "role = \"api\""));
    assert_ne!(compile(&[other_role, b], &[]).info().version, one);
}

#[test]
fn a_shrunk_list_is_implausible() {
    let list = |n: usize| {
        let text: String = (0..n).map(|n| format!("n{n}.example\n")).collect();
        compile(&[], &[("l.txt", &text)])
    };
    assert!(list(50).plausible_after(&list(100)).is_ok());
    assert!(list(49).plausible_after(&list(100)).is_err());
    assert!(list(1).plausible_after(&list(1)).is_ok());
    // A large list beside it does not hide what one list lost.
    let beside = |n: usize| {
        let large: String = (0..1000).map(|n| format!("m{n}.example\n")).collect();
        let small: String = (0..n).map(|n| format!("n{n}.example\n")).collect();
        compile(&[], &[("large.txt", &large), ("small.txt", &small)])
    };
    assert!(beside(20).plausible_after(&beside(40)).is_ok());
    assert!(beside(19).plausible_after(&beside(40)).is_err());
    assert!(beside(1).plausible_after(&beside(19)).is_ok());
    assert!(
        Catalogue::compile(&[], Timestamp(0))
            .ok()
            .unwrap()
            .plausible_after(&list(1))
            .is_err()
    );
}

#[test]
fn the_catalogue_knows_whom_suppliers_serve() {
    let catalogue = builtin();
    let suppliers: HashSet<&str> = catalogue
        .vendors()
        .iter()
        .filter(|v| v.relations.iter().any(|r| r.serves == "clearview-ai"))
        .map(|v| v.id.as_str())
        .collect();
    assert!(
        suppliers.contains("wix") && suppliers.contains("auth0"),
        "{suppliers:?}"
    );
    assert_eq!(suppliers.len(), 13);
}

#[test]
fn warnings_name_what_is_weak() {
    let vendors = [
        (
            "a.toml",
            vendor_text(
                "a",
                &[("github.io", "suffix", ""), ("x.example.com", "exact", "")],
            ),
        ),
        (
            "b.toml",
            vendor_text("b", &[("x.example.com", "exact", "seen = \"2026-01\"")]),
        ),
    ];
    let catalogue = compile(&vendors, &[("l.txt", "e.example\nw.e.example\n")]);
    let said: Vec<String> = lint::warnings(&catalogue)
        .iter()
        .map(ToString::to_string)
        .collect();
    for wanted in [
        "a.toml:7:1: `github.io` is a public suffix",
        "a.toml:7:1: `github.io` has no date",
        "`x.example.com` (exact) stands in b.toml too",
        "l.txt:2:1: `w.e.example` adds nothing to `e.example`",
    ] {
        assert!(
            said.iter().any(|s| s.contains(wanted)),
            "{wanted} in {said:#?}"
        );
    }
}

#[test]
fn no_list_writes_on_the_terminal_of_who_looks_at_it() {
    let compiled =
        |text: &str| Catalogue::compile(&[SourceText::Vendor("v.toml", text)], Timestamp(0));
    let plain = vendor_text("v", &[("a.example", "exact", "")]);
    assert!(compiled(&plain).is_ok());
    assert!(
        compiled(&plain.replace("\"V\"", "\"V\\n\\tw\"")).is_ok(),
        "lines of a note"
    );
    for bad in ["\\u001b[2J", "\\u009b2J", "\\u202e", "\\u0007"] {
        for (from, to) in [
            ("\"V\"", format!("\"V{bad}\"")),
            ("[\"x\"]", format!("[\"x{bad}\"]")),
        ] {
            let problems = compiled(&plain.replace(from, &to)).err().unwrap();
            let said = problems[0].to_string();
            assert!(said.contains("control"), "{said}");
            assert!(
                said.is_ascii() && !said.contains(char::is_control),
                "{said:?}"
            );
        }
    }
    let bundle = "{\"kind\":\"poortwacht-catalogue\",\"\\u001b]0;x\\u202e\":1}";
    let said = Bundle::parse("b.json", bundle).err().unwrap().to_string();
    assert!(
        said.is_ascii() && !said.contains(char::is_control),
        "{said:?}"
    );
}

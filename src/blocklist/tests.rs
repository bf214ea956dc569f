//! The catalogue's promises: every line of the test sets, one truth table over both matchers, and
//! random lists against random names.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::base::NameBuf;

const VENDOR_HEAD: &str = "name = \"V\"\ncategory = \"face-search\"\nseverity = \"high\"\n\
     status = \"active\"\nhighest_stage = \"visited\"\n";

fn builtin() -> Catalogue {
    Catalogue::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A vendor file with these hosts: (name, match, more lines).
fn vendor_text(id: &str, hosts: &[(&str, &str, &str)]) -> String {
    let mut text = format!("id = \"{id}\"\n{VENDOR_HEAD}");
    for (name, kind, more) in hosts {
        text += &format!(
            "[[host]]\nname = \"{name}\"\nmatch = \"{kind}\"\nrole = \"app\"\n\
             confidence = \"high\"\nprovenance = \"sourced\"\nsource = [\"x\"]\n{more}\n"
        );
    }
    text
}

fn compile(vendors: &[(&str, String)], lists: &[(&str, &str)]) -> Catalogue {
    let vendors = vendors
        .iter()
        .map(|(path, text)| SourceText::Vendor(path, text));
    let lists = lists
        .iter()
        .map(|(path, text)| SourceText::UserList(path, text));
    let sources: Vec<_> = vendors.chain(lists).collect();
    Catalogue::compile(&sources, Timestamp(0)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The fast matcher's rule for a text name, after asking the same of a DNS message and of the
/// naive matcher.
fn find<'c>(catalogue: &'c Catalogue, name: &str) -> Option<Match<'c>> {
    let fast = rule_of(catalogue.find(&RawName::Text(name.as_bytes())));
    let labels: Vec<&[u8]> = name
        .strip_suffix('.')
        .unwrap_or(name)
        .as_bytes()
        .split(|&b| b == b'.')
        .collect();
    let mut msg = Vec::new();
    for label in &labels {
        msg.push(label.len().min(63) as u8);
        msg.extend(label.iter().take(63));
    }
    msg.push(0);
    let whole = labels.iter().all(|label| (1..=63).contains(&label.len())) && msg.len() <= 255;
    if whole {
        let wire = rule_of(catalogue.find(&RawName::Wire { msg: &msg, at: 0 }));
        assert_eq!(wire, fast, "wire and text differ on {name}");
    }
    let mut buf = NameBuf::new();
    if whole && name.is_ascii() && RawName::Text(name.as_bytes()).normalise(&mut buf).is_ok() {
        let labels: Vec<&str> = buf.as_str().split('.').collect();
        assert_eq!(
            naive::find(catalogue, &labels),
            fast,
            "naive and fast differ on {name}"
        );
    }
    fast.map(|rule| Match { catalogue, rule })
}

fn rule_of(verdict: Verdict<'_>) -> Option<u32> {
    match verdict {
        Verdict::None => None,
        Verdict::Hit(found) | Verdict::Context(found) | Verdict::Allowed(found) => Some(found.rule),
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split('\t').collect())
}

#[test]
fn every_benign_line_is_no_hit() {
    let catalogue = builtin();
    let text = include_str!("../../tests/data/catalogue/benign.txt");
    let mut count = 0;
    for line in lines(text) {
        count += 1;
        let found = find(&catalogue, line[0]);
        match line[1].strip_prefix("dual:") {
            None => assert!(
                found.is_none(),
                "{} matches {}",
                line[0],
                found.unwrap().rule()
            ),
            Some(vendor) => {
                let found = found.unwrap_or_else(|| panic!("{} matches nothing", line[0]));
                assert_eq!(found.vendor().id, vendor, "{}", line[0]);
                assert_ne!(found.class(), Class::Hit, "{}", line[0]);
            }
        }
    }
    assert_eq!(count, 362, "lines of the set");
}

#[test]
fn every_edge_line_matches_as_it_says() {
    let catalogue = builtin();
    let text = include_str!("../../tests/data/catalogue/edge_positive.tsv");
    let mut count = 0;
    for line in lines(text) {
        count += 1;
        let found = find(&catalogue, line[0]).unwrap_or_else(|| panic!("{} is none", line[0]));
        let role = found.role().unwrap().label();
        let got = [
            line[0],
            &found.vendor().id,
            found.rule(),
            found.kind().label(),
            role,
        ];
        assert_eq!(got, line[..]);
    }
    assert_eq!(count, 34, "lines of the set");
}

#[test]
fn every_rule_of_the_catalogue_matches_its_own_name_with_itself() {
    let catalogue = builtin();
    assert_eq!(
        (catalogue.info().rules, catalogue.info().vendors),
        (321, 176)
    );
    for rule in catalogue.all() {
        let name = rule.rule().replace('*', "eu-west-1");
        let found = find(&catalogue, &name).unwrap();
        // A pattern may hold a more specific exact rule.
        assert!(
            found.rule == rule.rule || found.kind() == MatchKind::Exact,
            "{name}"
        );
        assert_eq!(found.vendor().id, rule.vendor().id);
    }
}

#[test]
fn supplier_and_dual_use_hosts_are_context_never_a_hit() {
    let catalogue = builtin();
    let mut count = 0;
    for rule in catalogue.all().filter(|rule| rule.class() != Class::Hit) {
        count += 1;
        let host = rule.host().unwrap();
        assert!(host.dual_use || rule.category() == Category::Supplier);
        for name in [
            rule.rule().replace('*', "x"),
            rule.rule().replace('*', "X") + ".",
        ] {
            let verdict = catalogue.find(&RawName::Text(name.as_bytes()));
            assert!(matches!(verdict, Verdict::Context(_)), "{name}");
        }
    }
    assert_eq!(count, 95);
}

/// Look-alikes, neighbours and endpoints beyond the test sets.
#[test]
fn truth_table_of_the_builtin_catalogue() {
    let cases: &[(&str, &str)] = &[
        // typing errors and look-alikes
        ("clearviw.ai", "-"),
        ("clearview-ai.com", "-"),
        ("clearview.ai.nl", "-"),
        ("xclearview.ai", "-"),
        ("clearview.a", "-"),
        ("ai", "-"),
        ("clearview", "-"),
        ("pimeyes.com.ru", "-"),
        ("pimeyescom", "-"),
        ("wwwpimeyes.com", "-"),
        ("facecheck.idd", "-"),
        ("lenso.ai.lens.com", "-"),
        ("cloudwalk.io", "-"),
        ("rocai.com", "-"),
        ("real.com", "-"),
        ("evil.covi.real.com", "-"),
        ("xn--clearvew-q2a.ai", "-"),
        // cloud neighbours
        ("rekognition.amazonaws.com", "-"),
        ("rekognition.s3.amazonaws.com", "-"),
        ("rekognition.s3-eu-west-1.amazonaws.com", "-"),
        ("rekognition.s3.eu-west-1.amazonaws.com", "-"),
        ("x.rekognition.eu-west-1.amazonaws.com", "-"),
        ("rekognition.eu-west-1.amazonaws.com.cn", "-"),
        ("xrekognition.eu-west-1.api.aws", "-"),
        ("api.aws", "-"),
        ("cognitiveservices.azure.com", "-"),
        ("facebody.oss-cn-shanghai.aliyuncs.com", "-"),
        ("face.obs.myhuaweicloud.com", "-"),
        ("face.obs.cn-north-4.myhuaweicloud.com", "-"),
        ("iai.ap-guangzhou.extra.tencentcloudapi.com", "-"),
        ("cloudfront.net", "-"),
        ("www.yandex.com", "-"),
        // regional endpoints
        (
            "rekognition.eu-central-1.amazonaws.com",
            "aws-rekognition dual-use",
        ),
        (
            "rekognition-fips.ca-central-1.api.aws",
            "aws-rekognition dual-use",
        ),
        (
            "streaming-rekognition.us-east-1.amazonaws.com",
            "aws-rekognition dual-use",
        ),
        (
            "vpce-0a1.rekognition.eu-west-1.vpce.amazonaws.com",
            "aws-rekognition dual-use",
        ),
        (
            "us-east-1.console.aws.amazon.com",
            "aws-rekognition dual-use",
        ),
        ("facebody.cn-beijing.aliyuncs.com", "alibaba-facebody hit"),
        ("iai.ap-guangzhou.tencentcloudapi.com", "tencent-face hit"),
        ("face.cn-south-1.myhuaweicloud.com", "huawei-frs hit"),
        ("api.us.onfido.com", "onfido hit"),
        ("eu.rp.secure.iproov.me", "iproov hit"),
        ("a.eu.rp.secure.iproov.me", "iproov hit"),
        // the more specific rule wins, also across vendors
        ("clearviewai.statuspage.io", "clearview-ai hit"),
        ("www.clearviewai.statuspage.io", "statuspage supplier"),
        ("statuspage.io", "statuspage supplier"),
        ("kairos.docs.apiary.io", "kairos hit"),
        ("kairos2.docs.apiary.io", "apiary supplier"),
        ("avcc.lexisnexisrisk.com", "clearview-ai dual-use"),
        ("www.lexisnexisrisk.com", "lexisnexis-risk supplier"),
        ("avcc.lexisnexusrisk.com", "clearview-ai dual-use"),
        (
            "clearviewai-cd-ktsdu06f6r5cqdad.edge.tenants.us.auth0.com",
            "clearview-ai hit",
        ),
        ("other-cd-1.edge.tenants.us.auth0.com", "auth0 supplier"),
        ("static.wixstatic.com", "wix supplier"),
        // ways to write a name
        ("PIMEYES.COM.", "pimeyes hit"),
        ("clearview.ai..", "-"),
        (".clearview.ai", "-"),
        ("a..clearview.ai", "-"),
        ("_dmarc.clearview.ai", "clearview-ai hit"),
        ("*.clearview.ai", "clearview-ai hit"),
        ("https://clearview.ai/", "-"),
    ];
    let catalogue = builtin();
    for (name, wanted) in cases {
        let got = find(&catalogue, name).map_or("-".into(), |found| {
            format!("{} {}", found.vendor().id, found.class())
        });
        assert_eq!(got, *wanted, "{name}");
    }
}

#[test]
fn privacy_rights_are_informational() {
    let catalogue = builtin();
    let found = find(&catalogue, "privacycompliance.clearview.ai").unwrap();
    assert_eq!(found.role(), Some(Role::Rights));
    assert_eq!(found.severity(), Severity::Informational);
    let text = vendor_text("v", &[("o.example.com", "exact", "severity = \"high\"")])
        .replace("role = \"app\"", "role = \"rights\"");
    let problems = Catalogue::compile(&[SourceText::Vendor("v.toml", &text)], Timestamp(0));
    assert!(problems.err().unwrap()[0].what.contains("role rights"));
}

#[test]
fn exact_beats_pattern_beats_longest_suffix() {
    let hosts = [
        ("example.com", "suffix", ""),
        ("a.example.com", "suffix", ""),
        ("a.*.example.com", "pattern", ""),
        ("*.b.example.com", "pattern", ""),
        ("a.b.example.com", "exact", ""),
        ("x.*.y.example.com", "pattern", "wildcard_not = [\"s3\"]"),
    ];
    let catalogue = compile(&[("v.toml", vendor_text("v", &hosts))], &[]);
    let cases = [
        ("example.com", "example.com"),
        ("z.example.com", "example.com"),
        ("a.example.com", "a.example.com"),
        ("z.a.example.com", "a.example.com"),
        ("a.z.example.com", "a.*.example.com"),
        ("z.b.example.com", "*.b.example.com"),
        ("a.b.example.com", "a.b.example.com"),
        ("z.a.b.example.com", "example.com"),
        ("x.q.y.example.com", "x.*.y.example.com"),
        ("x.s3.y.example.com", "example.com"),
        ("x.s3-eu.y.example.com", "example.com"),
        ("x.q.q.y.example.com", "example.com"),
    ];
    for (name, rule) in cases {
        assert_eq!(find(&catalogue, name).unwrap().rule(), rule, "{name}");
    }
}

#[test]
fn names_in_unicode_match_both_ways() {
    let hosts = [
        ("bücher.example", "suffix", ""),
        ("xn--mnchen-3ya.example", "suffix", ""),
    ];
    let catalogue = compile(&[("v.toml", vendor_text("v", &hosts))], &[]);
    for name in [
        "bücher.example",
        "BÜCHER.example.",
        "www.bücher.example",
        "XN--Bcher-KVA.example",
    ] {
        assert_eq!(
            find(&catalogue, name).unwrap().rule(),
            "xn--bcher-kva.example",
            "{name}"
        );
    }
    let three = [
        ("bücher.co.example", "suffix", ""),
        ("a.b.co.example", "exact", ""),
    ];
    let deep = compile(&[("v.toml", vendor_text("v", &three))], &[]);
    for name in [
        "BÜCHER.co.example",
        "ü.bücher.co.example",
        "xn--bcher-kva.co.example",
    ] {
        assert_eq!(
            find(&deep, name).unwrap().rule(),
            "xn--bcher-kva.co.example",
            "{name}"
        );
    }
    assert!(find(&deep, "ücher.co.example").is_none());
    let found = find(&catalogue, "ü.münchen.example").unwrap();
    assert_eq!(found.rule(), "xn--mnchen-3ya.example");
    // Not convertible, but the zone is plain to see.
    let odd = b"\xff.xn--bcher-kva.example";
    assert!(rule_of(catalogue.find(&RawName::Text(odd))).is_some());
    // An ideographic full stop is no border on the wire.
    assert!(find(&catalogue, "bücher。example").is_none());
    assert!(find(&builtin(), "clearview。ai").is_none());
}

#[test]
fn a_dot_inside_a_label_is_no_border() {
    let catalogue = builtin();
    let wire = |msg: &[u8]| rule_of(catalogue.find(&RawName::Wire { msg, at: 0 }));
    assert!(wire(b"\x09clearview\x02ai\x00").is_some());
    assert!(wire(b"\x0cclearview.ai\x00").is_none());
    assert!(wire(b"\x10app.clearview.ai\x00").is_none());
    assert!(wire(b"\x03www\x0cclearview.ai\x00").is_none());
    assert!(wire(b"\x0drekognition.x\x01y\x09amazonaws\x03com\x00").is_none());
    assert!(wire(b"\x0brekognition\x03x.y\x09amazonaws\x03com\x00").is_none());
    // Below the vendor's zone whatever the lowest label looks like.
    assert!(wire(b"\x03a.b\x09clearview\x02ai\x00").is_some());
}

#[test]
fn hostile_names_end() {
    let catalogue = builtin();
    let deep = format!("{}clearview.ai", "a.".repeat(120));
    assert_eq!(find(&catalogue, &deep).unwrap().rule(), "clearview.ai");
    let too_deep = format!("{}clearview.ai", "a.".repeat(125));
    assert!(find(&catalogue, &too_deep).is_none());
    let dots = [b'.'; 70_000];
    assert!(rule_of(catalogue.find(&RawName::Text(&dots))).is_none());
    let long = format!("{}.clearview.ai", "a".repeat(64));
    assert!(rule_of(catalogue.find(&RawName::Text(long.as_bytes()))).is_none());
    let looped = RawName::Wire {
        msg: b"\x01a\xc0\x00",
        at: 0,
    };
    assert!(rule_of(catalogue.find(&looped)).is_none());
    for cut in 0..8 {
        let msg = &b"\x03www\x04real\x03com\x00"[..cut];
        assert!(rule_of(catalogue.find(&RawName::Wire { msg, at: 0 })).is_none());
    }
}

#[test]
fn names_in_messages_follow_pointers() {
    let catalogue = builtin();
    let msg = b"\x09clearview\x02ai\x00\x03App\xc0\x00";
    let found = rule_of(catalogue.find(&RawName::Wire { msg, at: 14 }));
    assert_eq!(catalogue.table.text(found.unwrap()), "app.clearview.ai");
}

#[test]
fn user_lists_stand_beside_the_catalogue() {
    let list = "\u{feff}# ours\r\nExample.ORG # a comment\r\n\r\nclearview.ai\nhubspot.com\n";
    let vendors = [
        (
            "clearview-ai.toml",
            vendor_text("clearview-ai", &[("clearview.ai", "suffix", "")]),
        ),
        (
            "hub.toml",
            vendor_text("hub", &[("hubspot.com", "suffix", "dual_use = true")]),
        ),
    ];
    let catalogue = compile(&vendors, &[("lists/Our List.txt", list)]);
    let found = find(&catalogue, "www.example.org").unwrap();
    assert_eq!(
        (found.vendor().id.as_str(), found.role()),
        ("our-list", None)
    );
    assert_eq!(
        (found.category(), found.severity()),
        (Category::UserList, Severity::Medium)
    );
    assert_eq!((found.source(), found.line()), ("Our List.txt", 2));
    // The catalogue knows more about its own; the user's wish beats "context only".
    assert_eq!(
        find(&catalogue, "clearview.ai").unwrap().vendor().id,
        "clearview-ai"
    );
    assert_eq!(
        find(&catalogue, "hubspot.com").unwrap().vendor().id,
        "our-list"
    );
}

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

fn label() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "ab",
        "com",
        "nl",
        "x-1",
        "s3",
        "s3-b",
        "xn--bcher-kva",
    ])
    .prop_map(str::to_owned)
}

fn rule() -> impl Strategy<Value = (String, usize, bool)> {
    (
        prop::collection::vec(label(), 2..6),
        0..3usize,
        any::<bool>(),
        any::<usize>(),
    )
        .prop_map(|(mut labels, kind, dual, star)| {
            let kind = if kind == 2 && labels.len() < 3 {
                0
            } else {
                kind
            };
            if kind == 2 {
                let at = star % (labels.len() - 2);
                labels[at] = "*".into();
            }
            (labels.join("."), kind, dual)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The compiled table and the naive walk agree, on any list and any name.
    #[test]
    fn fast_is_naive(
        rules in prop::collection::vec(rule(), 1..40),
        names in prop::collection::vec(prop::collection::vec(label(), 1..8), 1..40),
    ) {
        let kinds = ["exact", "suffix", "pattern"];
        let mut seen = HashSet::new();
        let more = |(text, kind, dual): &(String, usize, bool)| {
            let not = if *kind == 2 && text.len() % 2 == 0 { "wildcard_not = [\"s3\"]\n" } else { "" };
            format!("{not}dual_use = {dual}")
        };
        let texts: Vec<(usize, &str, &str, String)> = rules
            .iter()
            .enumerate()
            .filter(|(n, rule)| seen.insert((n % 2, rule.0.clone(), rule.1)))
            .map(|(n, rule)| (n % 2, rule.0.as_str(), kinds[rule.1], more(rule)))
            .collect();
        let half = |which: usize| -> Vec<(&str, &str, &str)> {
            texts.iter().filter(|t| t.0 == which).map(|t| (t.1, t.2, t.3.as_str())).collect()
        };
        let mut vendors = vec![("v.toml", vendor_text("v", &half(0)))];
        if !half(1).is_empty() {
            vendors.push(("w.toml", vendor_text("w", &half(1))));
        }
        let catalogue = compile(&vendors, &[]);
        for labels in names {
            // `find` itself compares text, wire and naive.
            let _ = find(&catalogue, &labels.join("."));
        }
    }

    /// Any bytes: no panic, and text and wire agree on what they both can say.
    #[test]
    fn any_bytes_have_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300u16) {
        let catalogue = compile(&[("v.toml", vendor_text("v", &[("a.b", "suffix", "")]))], &[]);
        let _ = catalogue.find(&RawName::Text(&bytes));
        let _ = catalogue.find(&RawName::Wire { msg: &bytes, at });
        oracle::check(&bytes);
    }

    /// Vendor files with a few bytes changed, lost or doubled keep the oracle's promises.
    #[test]
    fn damaged_vendor_files_are_refused_or_right(
        file in prop::sample::select(vec!["aws-rekognition", "pimeyes", "wix", "onfido"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..6),
    ) {
        let mut bytes = file_text(file).into_bytes();
        for (at, how, byte) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len()))),
                2 => bytes.insert(at, b"\"[]=\n#.*"[usize::from(byte) % 8]),
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        oracle::check(&bytes);
    }
}

fn file_text(id: &str) -> String {
    let path = format!("{}/blocklists/{id}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// A vendor file with a `[proof]`.
fn with_proof(stage: &str, proof: &str) -> Result<Catalogue, Vec<ListProblem>> {
    let text = format!(
        "id = \"x\"\nname = \"X\"\ncategory = \"face-api\"\nseverity = \"medium\"\n\
         status = \"active\"\nhighest_stage = \"{stage}\"\n[proof]\n{proof}\n[[host]]\n\
         name = \"x.example\"\nmatch = \"suffix\"\nrole = \"marketing\"\nconfidence = \"high\"\n\
         provenance = \"sourced\"\nsource = [\"a page\"]\n"
    );
    let source = SourceText::Vendor("x.toml", &text);
    Catalogue::compile(&[source], Timestamp(0))
}

#[test]
fn a_proof_is_read_whole() {
    let proof = "signup = \"account-or-login\"\nsearch = true\nreason = \"a reason\"\n\
                 use_hosts = [\"jsc*.x.example\"]\ndemo_hosts = [\"go.x.example\"]\n\
                 also = [\"a remark\"]\n[[proof.threshold]]\nname = \"image_bytes_up\"\n\
                 value = 9_000\nreason = \"crops\"\nmeasured = true";
    let catalogue = with_proof("searching", proof).unwrap_or_else(|p| panic!("{p:?}"));
    let proof = catalogue.vendor("x").expect("x").proof();
    assert_eq!(proof.signup, SignupProof::AccountOrLogin);
    assert_eq!(proof.highest(), Stage::Searching);
    let own = &proof.thresholds[0];
    assert_eq!(
        (own.name, own.value, own.measured),
        (Threshold::ImageBytesUp, 9_000, true)
    );
    for (name, is) in [
        ("jsc7.x.example", true),
        ("jsc.x.example", true),
        ("xjsc7.x.example", false),
        ("a.jsc7.x.example", false),
        ("x.example", false),
    ] {
        assert_eq!(proof.is_use_host(name), is, "{name}");
    }
    assert!(proof.is_demo_host("go.x.example"));
}

#[test]
fn a_proof_that_cannot_be_is_refused_with_its_place() {
    let good = "signup = \"none\"\nreason = \"a reason\"\n";
    assert!(with_proof("visited", good).is_ok());
    let table = [
        ("searching", good.to_owned(), "[proof] reaches `visited`"),
        ("visited", "signup = \"none\"\n".into(), "has no `reason`"),
        (
            "visited",
            "signup = \"maybe\"\nreason = \"r\"".into(),
            "may not be `maybe`",
        ),
        (
            "visited",
            format!("{good}sure = true"),
            "unknown key `sure`",
        ),
        (
            "integrated",
            format!("{good}integration = true"),
            "`integration` without `search`",
        ),
        (
            "visited",
            format!("{good}use_hosts = [\"*.example\"]"),
            "names no host",
        ),
        (
            "visited",
            format!("{good}use_hosts = [\"a.**.x.example\"]"),
            "names no host",
        ),
        (
            "visited",
            format!("{good}[[proof.threshold]]\nname = \"luck\"\nvalue = 1\nreason = \"r\""),
            "may not be `luck`",
        ),
        (
            "visited",
            format!(
                "{good}[[proof.threshold]]\nname = \"page_bytes_up\"\nvalue = -1\nreason = \"r\""
            ),
            "no whole number",
        ),
    ];
    for (stage, proof, says) in table {
        let Err(problems) = with_proof(stage, &proof) else {
            panic!("taken: {proof}");
        };
        assert!(
            problems.iter().any(|it| it.to_string().contains(says)),
            "{says}: {problems:?}"
        );
    }
}

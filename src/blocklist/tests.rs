//! The catalogue's promises: every line of the test sets, and one truth table over both matchers.

mod files;
mod proof;
mod random;

use std::collections::HashSet;

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
        Verdict::None | Verdict::Way(_) => None,
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

fn file_text(id: &str) -> String {
    let path = format!("{}/blocklists/{id}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

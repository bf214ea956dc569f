//! The list of ways: its form, its names, and what stands beside them.

use std::collections::BTreeSet;

use super::super::{Catalogue, SourceText, Verdict, lint};
use super::*;
use crate::base::{RawName, Timestamp};

fn way(text: &str) -> String {
    format!(
        "[[way]]\nservice = \"S\"\nkind = \"doh\"\nmatch = \"exact\"\nsource = [\"x\"]\n{text}\n"
    )
}

fn load(ways: &str, user: &str) -> Result<Catalogue, Vec<ListProblem>> {
    let sources = [
        SourceText::Vendor("d/ways-round.toml", ways),
        SourceText::UserList("own.txt", user),
    ];
    Catalogue::compile(&sources, Timestamp(0))
}

fn problem(text: &str) -> String {
    let found = parse("d/ways-round.toml", text).expect_err("a problem");
    found.iter().map(|p| format!("{p}\n")).collect()
}

fn verdict<'c>(list: &'c Catalogue, name: &str) -> Verdict<'c> {
    list.find(&RawName::Text(name.as_bytes()))
}

#[test]
fn the_built_in_list_loads_and_every_name_is_found_by_its_kind() {
    let list = Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0]));
    assert!(list.ways().len() > 200, "{}", list.ways().len());
    assert!(list.ways_covered.is_empty(), "{:?}", list.ways_covered);
    for way in list.ways() {
        for name in [way.name.clone(), format!("a.{}", way.name)] {
            let found = match verdict(&list, &name) {
                Verdict::Way(found) => Some(found.kind),
                _ => None,
            };
            // Of two the more specific one speaks.
            let own = name == way.name;
            let above = list
                .ways()
                .iter()
                .filter(|w| w.matches == MatchKind::Suffix);
            let mut above = above.filter(|w| name.ends_with(&format!(".{}", w.name)));
            match found {
                Some(kind) if own => assert_eq!(kind, way.kind, "{name}"),
                Some(kind) => assert!(above.any(|w| w.kind == kind), "{name}"),
                None => assert!(!own && way.matches == MatchKind::Exact, "{name}"),
            }
        }
    }
    let kinds: BTreeSet<_> = list.ways().iter().map(|way| way.kind).collect();
    // Nothing speaks DoQ only; ALPN and port tell it.
    assert_eq!(kinds.len() + 1, BY_NAME.len(), "{kinds:?}");
    for name in ["a.onion", "A.B.ONION", "a.onion."] {
        let found = verdict(&list, name);
        assert!(
            matches!(found, Verdict::Way(w) if w.kind == WayRound::Tor),
            "{name}"
        );
    }
    assert!(matches!(verdict(&list, "onion"), Verdict::None));
}

/// What a page, a system or a program asks for without hiding anything.
#[test]
fn no_ordinary_name_is_a_way_round() {
    let list = Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0]));
    let own = include_str!("../../../tests/data/catalogue/ordinary.txt");
    let benign = include_str!("../../../tests/data/catalogue/benign.txt");
    let names: Vec<&str> = (own.lines().chain(benign.lines()))
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').next().unwrap_or(line))
        .collect();
    assert!(names.len() > 450, "{}", names.len());
    for name in names {
        assert!(!matches!(verdict(&list, name), Verdict::Way(_)), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    assert!(parse("ways-round.toml", &way("names = [\"dns.example\"]")).is_ok());
    for (text, says) in [
        (way("names = []"), "this [[way]] has no `names`"),
        (way("names = [\"dns\"]"), "`dns` has one label only"),
        (way("names = [\"1.1.1.1\"]"), "`1.1.1.1` is an address"),
        (
            way("names = [\"a.example\", \"A.example\"]"),
            "stands here twice; keep that of line 6",
        ),
        (
            way("names = [\"a.example\"]\nextra = 1"),
            "unknown key `extra` in this [[way]]",
        ),
        (
            way("names = [\"a.example\"]\nseen = \"soon\""),
            "`seen` is no date",
        ),
        (
            way("names = [\"a.example\"]").replace("source", "sauce"),
            "this [[way]] has no source",
        ),
        (
            way("names = [\"a.example\"]").replace("doh", "wireguard"),
            "no name tells `wireguard`",
        ),
        (
            way("names = [\"*.example.com\"]").replace("exact", "pattern"),
            "a way round cannot be a pattern",
        ),
        ("x = 1".into(), "unknown key `x` in the list of ways round"),
        (String::new(), "the list has no [[way]]"),
    ] {
        let said = problem(&text);
        assert!(said.contains(says), "{text}: {said}");
    }
    assert!(
        problem(&way("names = [\"onion\"]")).contains("one label only"),
        "exact"
    );
}

#[test]
fn a_rule_that_makes_hits_goes_before_a_way() {
    let names = way("names = [\"a.example\", \"c.a.example\", \"d.example\"]");
    let list = load(&names, "a.example\n").unwrap_or_else(|p| panic!("{}", p[0]));
    assert!(matches!(verdict(&list, "a.example"), Verdict::Hit(_)));
    assert!(matches!(verdict(&list, "c.a.example"), Verdict::Hit(_)));
    assert!(matches!(verdict(&list, "d.example"), Verdict::Way(_)));
    let left: Vec<_> = list.ways_covered.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(left, ["a.example", "c.a.example"]);
    let said: String = lint::warnings(&list)
        .iter()
        .map(|w| format!("{w}\n"))
        .collect();
    assert!(said.contains("`a.example` is left out"), "{said}");
}

#[test]
fn ways_are_no_rules_but_part_of_the_version() {
    let one = load(&way("names = [\"a.example\"]"), "x.example").unwrap();
    let two = load(&way("names = [\"b.example\"]"), "x.example").unwrap();
    assert_eq!((one.info().rules, one.all().count()), (1, 1));
    assert_ne!(one.info().version, two.info().version);
    let same = load(
        &format!("# a remark\n{}", way("names = [\"a.example\"]")),
        "x.example",
    );
    assert_eq!(one.info().version, same.unwrap().info().version);
}

#[test]
fn a_list_of_ways_that_shrank_is_refused() {
    let of = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("\"n{i}.example\"")).collect();
        load(
            &way(&format!("names = [{}]", names.join(", "))),
            "x.example",
        )
        .unwrap()
    };
    assert!(of(10).plausible_after(&of(20)).is_ok());
    let said = of(9).plausible_after(&of(20)).unwrap_err();
    assert!(said.contains("9 names of ways round"), "{said}");
}

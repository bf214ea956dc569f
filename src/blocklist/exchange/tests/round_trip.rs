//! Random catalogues, written in every form and read again: nothing is ever widened, and what is
//! not told as left out is the same. The truth is the naive matcher's.

use proptest::prelude::*;

use super::*;
use crate::base::Timestamp;
use crate::blocklist::{Catalogue, Class, Severity, SourceText, naive};

/// Every name of the little world: up to four labels of two letters below one domain.
fn world() -> Vec<String> {
    let mut names = vec!["w.com".to_owned()];
    let mut last = names.clone();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|name| ["a", "b"].map(|l| format!("{l}.{name}")))
            .collect();
        names.extend(last.iter().cloned());
    }
    names
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    kind: &'static str,
    informational: bool,
    dual_use: bool,
}

fn rule() -> impl Strategy<Value = Rule> {
    let labels = prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..4);
    let kind = prop::sample::select(vec!["exact", "exact", "suffix", "suffix", "pattern"]);
    (
        labels,
        kind,
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut labels, kind, informational, dual_use, star)| {
            if kind == "pattern" {
                if labels.is_empty() {
                    labels.push("a");
                }
                let at = star.index(labels.len());
                labels[at] = "*";
            }
            labels.push("w.com");
            Rule {
                name: labels.join("."),
                kind,
                informational,
                dual_use,
            }
        })
}

fn vendor(rules: &[Rule]) -> String {
    let mut text = String::from(
        "id = \"v\"\nname = \"V\"\ncategory = \"face-search\"\nseverity = \"high\"\n\
         status = \"active\"\nhighest_stage = \"visited\"\n",
    );
    let mut seen = std::collections::BTreeSet::new();
    for rule in rules {
        if !seen.insert((&rule.name, rule.kind)) {
            continue;
        }
        let severity = if rule.informational {
            "informational"
        } else {
            "high"
        };
        text += &format!(
            "[[host]]\nname = \"{}\"\nmatch = \"{}\"\nrole = \"app\"\nseverity = \"{severity}\"\n\
             dual_use = {}\nconfidence = \"high\"\nprovenance = \"sourced\"\nsource = [\"s\"]\n",
            rule.name, rule.kind, rule.dual_use
        );
    }
    text
}

fn allow(rules: &[Rule]) -> String {
    let entry = |rule: &Rule| {
        format!(
            "[[allow]]\nname = \"{}\"\nmatch = \"{}\"\nreason = \"r\"\nexpires = 2999-01-01\n",
            rule.name, rule.kind
        )
    };
    rules.iter().map(entry).collect()
}

/// Does an entry of the allow-list silence the name?
fn is_allowed(catalogue: &Catalogue, name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    catalogue.allowed().iter().any(|entry| {
        let rule: Vec<&str> = entry.name.split('.').collect();
        match entry.kind {
            MatchKind::Exact => rule == labels,
            MatchKind::Suffix => labels.ends_with(&rule),
            MatchKind::Pattern => {
                rule.len() == labels.len()
                    && rule.iter().zip(&labels).all(|(r, l)| *r == "*" || r == l)
            }
        }
    })
}

/// Is the name a hit above informational, by the naive matcher?
fn truth(catalogue: &Catalogue, name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let found = naive::find(catalogue, &labels);
    let hit = found
        .and_then(|rule| catalogue.all().nth(rule as usize))
        .is_some_and(|found| found.class() == Class::Hit && found.severity() == Severity::High);
    hit && !is_allowed(catalogue, name)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_out_comes_back_and_is_never_wider(
        rules in prop::collection::vec(rule(), 1..9),
        allowed in prop::collection::vec(rule(), 0..2),
    ) {
        let (vendor, allow) = (vendor(&rules), allow(&allowed));
        let mut sources = vec![SourceText::Vendor("v.toml", &vendor)];
        if !allow.is_empty() {
            sources.push(SourceText::Allow("allow.toml", &allow));
        }
        // A pattern may reach too far for the loader: not this test's matter.
        let Ok(catalogue) = Catalogue::compile(&sources, Timestamp(0)) else { return Ok(()) };
        let plan = Plan::of(&catalogue, &Selection::default());
        let world = world();
        for name in &world {
            let labels: Vec<&str> = name.rsplit('.').collect();
            let (planned, wanted) = (plan.covers(&labels), truth(&catalogue, name));
            prop_assert!(!planned || wanted, "plan widens to {}", name);
            if plan.tally.all_left().next().is_none() {
                prop_assert_eq!(planned, wanted, "plan and catalogue differ on {}", name);
            }
        }
        for &format in Format::ALL {
            let mut text = Vec::new();
            let tally = write(format, &plan, &mut text).unwrap();
            if tally.written == 0 || !format.is_readable() {
                continue;
            }
            let text = String::from_utf8(text).unwrap();
            let list = read(format, "again", &text);
            prop_assert!(list.problems.is_empty(), "{}: {:?}\n{}", format, list.problems, text);
            let exact = tally.all_left().next().is_none();
            for name in &world {
                let labels: Vec<&str> = name.rsplit('.').collect();
                let (again, planned) = (list.covers(name), plan.covers(&labels));
                prop_assert!(!again || planned, "{} widens to {}\n{}", format, name, text);
                if exact || format == Format::Rpz {
                    prop_assert_eq!(again, planned, "{} differs on {}\n{}", format, name, text);
                }
            }
        }
    }
}

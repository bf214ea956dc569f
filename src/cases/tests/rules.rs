//! The rules file.

use super::*;
use crate::blocklist::{SignupProof, Threshold};

const TEXT: &str = include_str!("../../../blocklists/rules/rules.toml");

#[test]
fn the_built_in_rules_are_whole() {
    let rules = Rules::builtin();
    assert_eq!(rules, Rules::parse(TEXT, "rules.toml").expect("rules"));
    for &rule in Rule::ALL {
        let weighs = Goal::ALL.iter().any(|&goal| rules.weight(rule, goal) != 0);
        // What may be a decoy is on record, and nothing rests on it.
        assert_eq!(weighs, rule != Rule::Contested, "`{rule}`");
    }
}

#[test]
fn a_broken_file_says_what_and_where() {
    let bad = |from: &str, to: &str| {
        let text = TEXT.replacen(from, to, 1);
        assert_ne!(text, TEXT);
        Rules::parse(&text, "mine.toml").expect_err("broken")
    };
    let table = [
        ("rule = \"session\"", "rule = \"seance\"", "seance"),
        ("points = 82", "points = \"many\"", "line"),
        ("visited = 45", "visited = 4500", "keep weights within 1000"),
        ("visited = 45", "visted = 45", "visted"),
        ("rule = \"page\"", "rule = \"session\"", "twice"),
        (
            "reason = \"A page or two read.\"",
            "reason = \" \"",
            "has no reason",
        ),
    ];
    for (from, to, says) in table {
        let error = bad(from, to);
        assert!(
            error.starts_with("mine.toml: ") && error.contains(says),
            "{error}"
        );
    }
    let start = TEXT
        .find("[[threshold]]\nname = \"regular_spread\"")
        .expect("the last one");
    let error = Rules::parse(&TEXT[..start], "mine.toml").expect_err("cut");
    assert!(error.contains("not given: `regular_spread`"), "{error}");
}

#[test]
fn no_sign_up_without_form_mail_and_first_contact() {
    // The points of the stage keep what the reasons in the file promise.
    let rules = Rules::builtin();
    let of = |rule| rules.weight(rule, Goal::SignedUp);
    let points = rules.points(Goal::SignedUp);
    let elsewhere = of(Rule::Form)
        + of(Rule::FillLong)
        + of(Rule::FirstContact)
        + of(Rule::Mail)
        + of(Rule::BackAfterMail)
        + of(Rule::ServiceAfter);
    assert!(elsewhere < points, "a log-in with a code, without reading");
    let whole = of(Rule::Form)
        + of(Rule::FillLong)
        + of(Rule::FirstContact)
        + of(Rule::MailLookUp)
        + of(Rule::BackAfterMail)
        + of(Rule::ReadingLong);
    assert!(
        whole >= points,
        "a whole sign-up with the weaker mail evidence"
    );
}

#[test]
fn each_vendors_proof_agrees_with_its_hosts() {
    let mut signed_up = Vec::new();
    for vendor in CATALOGUE.vendors() {
        let proof = vendor.proof();
        if let Some(highest) = vendor.highest_stage {
            assert_eq!(proof.highest(), highest, "{}", vendor.id);
        }
        assert!(vendor.highest_stage <= Some(Stage::Visited) || vendor.proof.is_some());
        if proof.signup == SignupProof::SignedUp {
            signed_up.push(vendor.id.as_str());
            let mut hosts = vendor.hosts.iter();
            let own =
                hosts.any(|host| host.role == crate::blocklist::Role::Signup && !host.dual_use);
            assert!(own, "{} has no sign-up host of its own", vendor.id);
        }
    }
    assert_eq!(signed_up, ["faceplusplus", "kairos", "luxand"]);
}

#[test]
fn a_vendors_own_threshold_takes_the_place_of_the_default() {
    let mut proof = CATALOGUE.vendor("kairos").expect("kairos").proof();
    let rules = Rules::builtin();
    assert_eq!(rules.limits(&proof).of(Threshold::ImageBytesUp), 25_000);
    proof.thresholds.push(crate::blocklist::OwnThreshold {
        name: Threshold::ImageBytesUp,
        value: 9_000,
        reason: "it takes small crops".into(),
        measured: false,
    });
    assert_eq!(rules.limits(&proof).of(Threshold::ImageBytesUp), 9_000);
}

//! The matcher as one would write it first: every rule is tried, label by label.
//!
//! The tests and the fuzz target hold the compiled table against it. Enters: the rules of a
//! catalogue and a name as a list of labels. Never: used by the program.

use super::Catalogue;
use super::schema::MatchKind;

/// The most specific rule of `catalogue` for a name given as its labels in normal form.
pub fn find(catalogue: &Catalogue, labels: &[&str]) -> Option<u32> {
    let mut best: Option<(Specific, u32)> = None;
    for rule in 0..catalogue.rules() {
        let text = catalogue.table.text(rule);
        let not = catalogue
            .host_of(rule)
            .map_or(&[][..], |host| &host.wildcard_not[..]);
        let Some(specific) = specific(text, catalogue.table.kind(rule), not, labels) else {
            continue;
        };
        let rank = super::rank_of(catalogue, rule);
        // A tie goes to the lower rank, then to the earlier rule.
        let better = best.is_none_or(|(old, old_rule)| {
            (specific, std::cmp::Reverse(rank))
                > (old, std::cmp::Reverse(super::rank_of(catalogue, old_rule)))
        });
        if better {
            best = Some((specific, rule));
        }
    }
    best.map(|(_, rule)| rule)
}

/// Exact beats pattern beats suffix; then more literal labels at the right end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specific {
    Suffix(usize),
    Pattern(usize),
    Exact,
}

fn specific(text: &str, kind: MatchKind, not: &[String], labels: &[&str]) -> Option<Specific> {
    let rule: Vec<&str> = text.split('.').collect();
    match kind {
        MatchKind::Exact => (rule == labels).then_some(Specific::Exact),
        MatchKind::Suffix => labels
            .ends_with(&rule)
            .then_some(Specific::Suffix(rule.len())),
        MatchKind::Pattern => {
            let same = rule.len() == labels.len()
                && rule.iter().zip(labels).all(|(rule, label)| {
                    rule == label
                        || *rule == "*"
                            && !label.contains('\\')
                            && !not.iter().any(|p| label.starts_with(p.as_str()))
                });
            let tail = rule.iter().rev().take_while(|label| **label != "*").count();
            same.then_some(Specific::Pattern(tail))
        }
    }
}

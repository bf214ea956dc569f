//! What a catalogue that loads may still be asked about.
//!
//! Enters: a compiled catalogue. Leaves: warnings, each with file and line. Never: an error; what
//! is an error keeps the catalogue from loading.

use std::collections::HashMap;

use super::schema::{Class, Confidence, Host, MatchKind, Severity, Stage, Vendor};
use super::{Catalogue, ListProblem, Match};

/// All warnings, ordered by file and line.
pub fn warnings(catalogue: &Catalogue) -> Vec<ListProblem> {
    let by_rule = ByRule::of(catalogue);
    let mut warnings = Vec::new();
    for found in catalogue.all() {
        if let Some(host) = found.host() {
            warnings.extend(sources(&found, host));
            warnings.extend(confidence(&found, host));
        }
        warnings.extend(public_suffix(&found));
        warnings.extend(by_rule.twin(&found));
        warnings.extend(by_rule.shadow(&found));
    }
    warnings.extend(catalogue.vendors().iter().filter_map(no_proof));
    warnings.extend(super::ways::warnings(catalogue));
    for (file, allow) in catalogue.expired() {
        let what = format!(
            "the allowance of `{}` ended on {}",
            allow.name, allow.expires
        );
        let next = "it is ignored: remove it, or renew it with a reason";
        warnings.push(ListProblem {
            line: allow.line,
            column: 1,
            ..ListProblem::of_file(file, what, next)
        });
    }
    warnings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    warnings
}

fn warning(found: &Match<'_>, what: String, next: &str) -> ListProblem {
    let problem = ListProblem::of_file(found.source(), what, next);
    ListProblem {
        line: found.line(),
        column: 1,
        ..problem
    }
}

/// A stage above a visit is claimed, and no `[proof]` says why.
fn no_proof(vendor: &Vendor) -> Option<ListProblem> {
    let stage = vendor
        .highest_stage
        .filter(|&stage| stage > Stage::Visited)?;
    if vendor.proof.is_some() {
        return None;
    }
    let what = format!("`highest_stage` is `{stage}` without a [proof]");
    let next = "say what can be proved, and why, in [proof]";
    Some(ListProblem::of_file(&vendor.file, what, next))
}

/// No source that anybody can open, no date.
fn sources(found: &Match<'_>, host: &Host) -> Option<ListProblem> {
    let what = match (host.verified(), &host.seen) {
        (false, None) => "has no source that anybody can open, and no date",
        (false, Some(_)) => "has no source that anybody can open",
        (true, None) => "has no date on which its source was seen",
        (true, Some(_)) => return None,
    };
    let next = "look it up, add `source` and `seen`";
    Some(warning(found, format!("`{}` {what}", host.name), next))
}

/// A name that may be somebody else's should not weigh much. Under a suffix rule of the same
/// vendor the owner is sure and only the host is not.
fn confidence(found: &Match<'_>, host: &Host) -> Option<ListProblem> {
    let weak = host.confidence == Confidence::Low && found.class() == Class::Hit;
    let heavy = matches!(host.severity, Severity::High | Severity::Medium);
    let own_zone = || {
        found.vendor().hosts.iter().any(|other| {
            other.kind == MatchKind::Suffix
                && other.confidence != Confidence::Low
                && is_below(&host.name, &other.name)
        })
    };
    if !weak || !heavy || own_zone() {
        return None;
    }
    let what = format!(
        "`{}` has low confidence but {} severity",
        host.name, host.severity
    );
    Some(warning(
        found,
        what,
        "give it `severity = \"low\"` until a better source is found",
    ))
}

/// A suffix rule that covers names of unrelated owners. Suppliers are shared by nature.
fn public_suffix(found: &Match<'_>) -> Option<ListProblem> {
    if found.kind() != MatchKind::Suffix || found.class() == Class::Supplier {
        return None;
    }
    if !is_public_suffix(found.rule()) {
        return None;
    }
    let what = format!(
        "`{}` is a public suffix: its names have many owners",
        found.rule()
    );
    Some(warning(
        found,
        what,
        "name the vendor's own host with `match = \"exact\"`",
    ))
}

/// Do the names right below `name` have many owners?
pub(super) fn is_public_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

/// Rules by kind and text, to find those that say the same or nothing new.
struct ByRule<'c>(HashMap<(MatchKind, &'c str), Vec<Match<'c>>>);

impl<'c> ByRule<'c> {
    fn of(catalogue: &'c Catalogue) -> Self {
        let mut map: HashMap<_, Vec<Match<'c>>> = HashMap::new();
        for found in catalogue.all() {
            map.entry((found.kind(), found.rule()))
                .or_default()
                .push(found);
        }
        Self(map)
    }

    /// The same rule in another file.
    fn twin(&self, found: &Match<'c>) -> Option<ListProblem> {
        let all = self.0.get(&(found.kind(), found.rule()))?;
        let other = all
            .iter()
            .find(|other| other.vendor().id != found.vendor().id)?;
        let what = format!(
            "`{}` ({}) stands in {} too",
            found.rule(),
            found.kind(),
            other.source()
        );
        Some(warning(found, what, "keep it where it belongs"))
    }

    /// A suffix rule below another suffix rule that says the same already, or that belongs to
    /// somebody else.
    fn shadow(&self, found: &Match<'c>) -> Option<ListProblem> {
        if found.kind() != MatchKind::Suffix {
            return None;
        }
        let mut rest = found.rule();
        while let Some((_, above)) = rest.split_once('.') {
            rest = above;
            let Some(all) = self.0.get(&(MatchKind::Suffix, above)) else {
                continue;
            };
            let other = all.first()?;
            if other.vendor().id != found.vendor().id {
                if other.class() != Class::Hit {
                    return None;
                }
                let what = format!("`{}` takes names from {}", found.rule(), other.source());
                return Some(warning(found, what, "make sure that both are right"));
            }
            let same = other.role() == found.role()
                && other.class() == found.class()
                && other.severity() == found.severity();
            let what = format!("`{}` adds nothing to `{above}`", found.rule());
            return same.then(|| warning(found, what, "remove it"));
        }
        None
    }
}

fn is_below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone)
        .is_some_and(|head| head.ends_with('.'))
}

//! What is to be exported: a tree of names, each covered or not.
//!
//! Enters: a catalogue and a [`Selection`]. Leaves: the wanted rules, and the exceptions without
//! which a suffix would cover a name that the catalogue gives to another rule (a dual-use host, an
//! identity check, an entry of the allow-list). Never: a suffix whose exceptions were forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::tally::{LeftOut, Tally};
use crate::blocklist::schema::{Class, MatchKind, Role, Severity};
use crate::blocklist::{Catalogue, Match, rank_of};

/// Which rules are wanted.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Main roles; empty: all. A rule of a user list has no role and counts when this is empty.
    pub roles: Vec<Role>,
    /// Vendor ids; empty: all.
    pub vendors: Vec<String>,
    /// Severities.
    pub severities: Vec<Severity>,
    /// Dual-use hosts too, marked.
    pub dual_use: bool,
    /// Suppliers' hosts too, marked.
    pub suppliers: bool,
}

impl Default for Selection {
    /// What is worth blocking: hits above informational, so that neither identity checks nor the
    /// pages on which people use their privacy rights are cut off.
    fn default() -> Self {
        Self {
            roles: Vec::new(),
            vendors: Vec::new(),
            severities: vec![Severity::High, Severity::Medium, Severity::Low],
            dual_use: false,
            suppliers: false,
        }
    }
}

impl Selection {
    fn wants(&self, found: &Match<'_>) -> bool {
        let class = match found.class() {
            Class::Hit => self.severities.contains(&found.severity()),
            Class::DualUse => self.dual_use && self.severities.contains(&found.severity()),
            Class::Supplier => self.suppliers,
        };
        let role = self.roles.is_empty() || found.role().is_some_and(|r| self.roles.contains(&r));
        let vendor = self.vendors.is_empty() || self.vendors.contains(&found.vendor().id);
        class && role && vendor
    }
}

/// Labels from the right: `["ai", "clearview", "app"]`. In this order a name stands before all
/// names below it, and these follow at once.
pub(super) type Labels<'c> = Vec<&'c str>;

/// What holds of a name by itself, or of it and all below it.
#[derive(Clone, Copy)]
pub(super) struct State<'c> {
    /// Covered, or an exception.
    pub(super) covered: bool,
    /// The rule that says so; none for an entry of the allow-list.
    pub(super) rule: Option<Match<'c>>,
}

/// What is said about one name.
#[derive(Clone, Copy, Default)]
pub(super) struct Node<'c> {
    /// Of this one name.
    pub(super) exact: Option<State<'c>>,
    /// Of it and all below it.
    pub(super) suffix: Option<State<'c>>,
}

/// What is to be exported.
pub struct Plan<'c> {
    pub(super) nodes: BTreeMap<Labels<'c>, Node<'c>>,
    pub(super) tally: Tally,
    pub(super) version: String,
    pub(super) modified: i64,
}

/// One covered name.
pub(super) struct Single<'c> {
    pub(super) name: String,
    pub(super) rule: Option<Match<'c>>,
    /// Are all names below it covered by the same rule?
    pub(super) with_below: bool,
}

/// One zone of a format whose every line covers a name and all below it.
pub(super) struct Zone<'c> {
    pub(super) name: String,
    pub(super) covered: bool,
    pub(super) rule: Option<Match<'c>>,
}

impl<'c> Plan<'c> {
    /// Picks what is wanted and finds the exceptions.
    pub fn of(catalogue: &'c Catalogue, selection: &Selection) -> Self {
        let info = catalogue.info();
        let mut plan = Self {
            nodes: BTreeMap::new(),
            tally: Tally::default(),
            version: info.version,
            modified: info.modified,
        };
        let mut unwanted_patterns: Vec<Labels<'c>> = Vec::new();
        for (_, rule) in in_force(catalogue) {
            let found = Match { catalogue, rule };
            let covered = selection.wants(&found);
            let labels: Labels<'c> = found.rule().rsplit('.').collect();
            let state = State {
                covered,
                rule: Some(found),
            };
            match found.kind() {
                MatchKind::Exact => plan.nodes.entry(labels).or_default().exact = Some(state),
                MatchKind::Suffix => plan.nodes.entry(labels).or_default().suffix = Some(state),
                MatchKind::Pattern if covered => plan.tally.leave(LeftOut::Pattern),
                MatchKind::Pattern => unwanted_patterns.push(labels),
            }
        }
        for allow in catalogue.allowed() {
            let labels: Labels<'c> = allow.name.rsplit('.').collect();
            plan.allow(labels, allow.kind, &mut unwanted_patterns);
        }
        plan.avoid(&unwanted_patterns);
        plan.forget_idle_exceptions();
        plan
    }

    /// An entry of the allow-list silences every rule.
    fn allow(
        &mut self,
        labels: Labels<'c>,
        kind: MatchKind,
        unwanted_patterns: &mut Vec<Labels<'c>>,
    ) {
        let hole = State {
            covered: false,
            rule: None,
        };
        match kind {
            MatchKind::Exact => self.nodes.entry(labels).or_default().exact = Some(hole),
            MatchKind::Suffix => {
                let below = |name: &Labels<'c>| name.starts_with(&labels);
                self.nodes.retain(|name, _| !below(name));
                self.nodes.entry(labels).or_default().suffix = Some(hole);
            }
            MatchKind::Pattern => {
                for (name, node) in &mut self.nodes {
                    if fits(&labels, name) && node.exact.is_some() {
                        node.exact = Some(hole);
                    }
                }
                unwanted_patterns.push(labels);
            }
        }
    }

    /// No format can say "one label, whichever" as an exception: a suffix that has such names below
    /// it is cut down to its own name.
    fn avoid(&mut self, patterns: &[Labels<'c>]) {
        let mut cut = 0;
        for (name, node) in &mut self.nodes {
            let Some(state) = node.suffix.filter(|state| state.covered) else {
                continue;
            };
            if patterns.iter().any(|pattern| reaches_below(pattern, name)) {
                node.suffix = Some(State {
                    covered: false,
                    ..state
                });
                let itself = patterns.iter().any(|pattern| fits(pattern, name));
                if node.exact.is_none() && !itself {
                    node.exact = Some(state);
                }
                cut += 1;
            }
        }
        (0..cut).for_each(|_| self.tally.leave(LeftOut::HasExceptions));
    }

    /// An exception matters only below a covered suffix.
    fn forget_idle_exceptions(&mut self) {
        let mut above: Vec<(Labels<'c>, bool)> = Vec::new();
        let mut idle: BTreeSet<Labels<'c>> = BTreeSet::new();
        for (name, node) in &mut self.nodes {
            let inherited = inherited(&mut above, name);
            if let Some(state) = node.suffix {
                above.push((name.clone(), state.covered));
                if !state.covered && !inherited {
                    node.suffix = None;
                }
            }
            let around = node.suffix.map_or(inherited, |state| state.covered);
            if node.exact.is_some_and(|state| !state.covered) && !around {
                node.exact = None;
            }
            if node.exact.is_none() && node.suffix.is_none() {
                idle.insert(name.clone());
            }
        }
        self.nodes.retain(|name, _| !idle.contains(name));
    }

    /// Does the plan cover a name, given as its labels from the right? The most specific statement
    /// wins. Never used to write: the tests hold the formats against it.
    pub fn covers(&self, labels: &[&str]) -> bool {
        if let Some(state) = self.nodes.get(labels).and_then(|node| node.exact) {
            return state.covered;
        }
        let suffix = |len: usize| self.nodes.get(labels.get(..len)?)?.suffix;
        (1..=labels.len())
            .rev()
            .find_map(suffix)
            .is_some_and(|state| state.covered)
    }

    /// Every covered name that a rule gives, for formats that know single names, or zones without
    /// exceptions.
    pub(super) fn singles(&self, tally: &mut Tally) -> Vec<Single<'c>> {
        let mut found = Vec::new();
        for (name, node) in &self.nodes {
            let with_below = node.suffix.is_some_and(|state| state.covered);
            match node.exact.or(node.suffix) {
                Some(State {
                    covered: true,
                    rule,
                }) => found.push(Single {
                    name: text(name),
                    rule,
                    with_below,
                }),
                // All below it is covered, and not the name itself.
                _ if with_below => tally.leave(LeftOut::HasExceptions),
                _ => {}
            }
        }
        found
    }

    /// Does an exception lie at or below this name?
    pub(super) fn has_exceptions(&self, name: &str) -> bool {
        let labels: Labels<'_> = name.rsplit('.').collect();
        let below = self.nodes.range(labels.clone()..);
        let mut below = below.take_while(|(name, _)| name.starts_with(&labels));
        below.any(|(_, node)| {
            [node.exact, node.suffix]
                .into_iter()
                .flatten()
                .any(|state| !state.covered)
        })
    }

    /// Zones, parents first, for formats whose every line covers the names below too. Single names
    /// that no zone covers go to `single`; an exception of one name becomes one of a zone.
    pub(super) fn zones(
        &self,
        tally: &mut Tally,
        mut single: impl FnMut(&mut Tally, &str, Option<Match<'c>>) -> Option<Zone<'c>>,
    ) -> Vec<Zone<'c>> {
        let mut above: Vec<(Labels<'c>, bool)> = Vec::new();
        let mut zones = Vec::new();
        for (name, node) in &self.nodes {
            let inherited = inherited(&mut above, name);
            let text = text(name);
            let suffix = node.suffix.filter(|state| state.covered != inherited);
            let around = node.suffix.map_or(inherited, |state| state.covered);
            let exact = node.exact.filter(|state| state.covered != around);
            let zone = match (suffix, exact) {
                // The name itself is no longer covered: neither is what lies below it.
                (_, Some(State { covered: false, .. })) => {
                    tally.leave(LeftOut::WideException);
                    inherited.then_some(State {
                        covered: false,
                        rule: None,
                    })
                }
                (suffix, Some(state)) => {
                    if let Some(zone) = single(tally, &text, state.rule) {
                        zones.push(zone);
                    }
                    suffix
                }
                (suffix, None) => suffix,
            };
            if let Some(state) = zone {
                above.push((name.clone(), state.covered));
                zones.push(Zone {
                    name: text,
                    covered: state.covered,
                    rule: state.rule,
                });
            }
        }
        zones
    }
}

/// Forgets what is not above `name`, and says whether the nearest zone above it is covered.
fn inherited(above: &mut Vec<(Labels<'_>, bool)>, name: &Labels<'_>) -> bool {
    while above.last().is_some_and(|(top, _)| !name.starts_with(top)) {
        above.pop();
    }
    above.last().is_some_and(|(_, covered)| *covered)
}

/// For each kind and text, the rule that the matcher answers with.
fn in_force(catalogue: &Catalogue) -> BTreeMap<(MatchKind, &str), u32> {
    let mut best: BTreeMap<(MatchKind, &str), u32> = BTreeMap::new();
    for rule in 0..catalogue.rules() {
        let found = Match { catalogue, rule };
        let place = best.entry((found.kind(), found.rule())).or_insert(rule);
        if rank_of(catalogue, rule) < rank_of(catalogue, *place) {
            *place = rule;
        }
    }
    best
}

/// Labels from the right, as text.
pub(super) fn text(labels: &[&str]) -> String {
    labels.iter().rev().copied().collect::<Vec<_>>().join(".")
}

fn same(pattern: &str, label: &str) -> bool {
    pattern == "*" || pattern == label
}

/// Is `name` one of the names of `pattern`?
fn fits(pattern: &[&str], name: &[&str]) -> bool {
    pattern.len() == name.len() && pattern.iter().zip(name).all(|(p, l)| same(p, l))
}

/// Can a name of `pattern` lie at or below `zone`?
fn reaches_below(pattern: &[&str], zone: &[&str]) -> bool {
    pattern.len() >= zone.len() && pattern.iter().zip(zone).all(|(p, l)| same(p, l))
}

/// How a rule is marked in an export: nothing, or `dual-use` or `supplier`.
pub(super) fn mark(rule: Option<Match<'_>>) -> Option<&'static str> {
    let class = rule?.class();
    (class != Class::Hit).then(|| class.label())
}

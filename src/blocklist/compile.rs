//! From texts to a [`Catalogue`].
//!
//! Enters: the texts of all files. Leaves: one compiled catalogue, or every problem found. Never:
//! reads a file; asks what day it is.

use std::collections::HashMap;
use std::fmt::Write;

use ring::digest;

use super::plain::{self, Allow, PlainList};
use super::problem::ListProblem;
use super::schema::{Category, Class, Confidence, MatchKind, Severity, Status, Vendor};
use super::table::{RULES_MAX, TableBuilder};
use super::ways::{self, Way};
use super::{Catalogue, RuleFacts, rank, vendor_file};
use crate::base::Timestamp;

/// The text of one list file.
pub enum SourceText<'t> {
    /// A vendor file, TOML, or the list of [`ways`] by its name: path for messages, text.
    Vendor(&'t str, &'t str),
    /// A plain list: path for messages, text.
    UserList(&'t str, &'t str),
    /// The allow-list, TOML: path for messages, text.
    Allow(&'t str, &'t str),
}

/// Compiles the texts. `now` decides which allow-list entries have expired.
pub(super) fn compile(
    sources: &[SourceText<'_>],
    now: Timestamp,
) -> Result<Catalogue, Vec<ListProblem>> {
    let mut draft = Draft::default();
    for source in sources {
        match *source {
            SourceText::Vendor(path, text) if ways::is_list(path) => {
                match ways::parse(path, text) {
                    Ok(ways) => draft.ways.extend(ways),
                    Err(problems) => draft.problems.extend(problems),
                }
            }
            SourceText::Vendor(path, text) => match vendor_file::parse(path, text) {
                Ok(vendor) => draft.add_vendor(path, vendor),
                Err(problems) => draft.problems.extend(problems),
            },
            SourceText::UserList(path, text) => match plain::parse_list(path, text) {
                Ok(list) => draft.add_list(path, list),
                Err(problems) => draft.problems.extend(problems),
            },
            SourceText::Allow(path, text) => match plain::parse_allow(path, text) {
                Ok(entries) => draft.add_allow(path, entries, now),
                Err(problems) => draft.problems.extend(problems),
            },
        }
    }
    draft.check_relations();
    draft.finish()
}

#[derive(Default)]
struct Draft {
    vendors: Vec<Vendor>,
    paths: HashMap<String, String>,
    rules: Vec<RuleFacts>,
    table: TableBuilder,
    allow: Vec<Allow>,
    allow_table: TableBuilder,
    expired: Vec<(String, Allow)>,
    ways: Vec<Way>,
    top_way: Option<Way>,
    ways_covered: Vec<Way>,
    problems: Vec<ListProblem>,
}

impl Draft {
    /// Takes the id, or notes who has it already.
    fn claim(&mut self, id: &str, path: &str) -> bool {
        if let Some(other) = self.paths.get(id) {
            let what = format!("the id `{id}` belongs to {other} already");
            self.problems
                .push(ListProblem::of_file(path, what, "rename this file"));
            return false;
        }
        self.paths.insert(id.to_owned(), path.to_owned());
        true
    }

    fn add_vendor(&mut self, path: &str, vendor: Vendor) {
        if !self.claim(&vendor.id, path) {
            return;
        }
        let number = self.vendors.len() as u32;
        for (n, host) in vendor.hosts.iter().enumerate() {
            let class = match (vendor.category, host.dual_use) {
                (Category::Supplier, _) => Class::Supplier,
                (_, true) => Class::DualUse,
                (_, false) => Class::Hit,
            };
            let facts = RuleFacts {
                vendor: number,
                host: n as u32,
                line: host.line,
                role: Some(host.role),
                severity: host.severity,
                confidence: host.confidence,
                class,
            };
            let rank = rank(class, vendor.category);
            if self
                .table
                .push(&host.name, host.kind, rank, &host.wildcard_not)
                .is_none()
            {
                return self.full(path);
            }
            self.rules.push(facts);
        }
        self.vendors.push(vendor);
    }

    fn add_list(&mut self, path: &str, list: PlainList) {
        if !self.claim(&list.id, path) {
            return;
        }
        let number = self.vendors.len() as u32;
        // `exchange` keeps of each name and kind the first line only.
        for entry in &list.entries {
            let rank = rank(Class::Hit, Category::UserList);
            if self
                .table
                .push(entry.name.as_str(), entry.kind, rank, &[])
                .is_none()
            {
                return self.full(path);
            }
            self.rules.push(RuleFacts {
                vendor: number,
                host: u32::MAX,
                line: entry.line,
                role: None,
                severity: Severity::Medium,
                confidence: Confidence::Medium,
                class: Class::Hit,
            });
        }
        self.vendors.push(user_list_vendor(path, list));
    }

    fn full(&mut self, path: &str) {
        let what = format!("the catalogue is full: it holds at most {RULES_MAX} rules");
        self.problems.push(ListProblem::of_file(
            path,
            what,
            "leave out what is not needed",
        ));
    }

    fn add_allow(&mut self, path: &str, entries: Vec<Allow>, now: Timestamp) {
        for entry in entries {
            if entry.ends() <= now {
                self.expired.push((path.to_owned(), entry));
            } else if self
                .allow_table
                .push(&entry.name, entry.kind, 0, &[])
                .is_none()
            {
                return self.full(path);
            } else {
                self.allow.push(entry);
            }
        }
    }

    fn check_relations(&mut self) {
        // With a vendor file missing because of its own problem, its name would seem unknown.
        if !self.problems.is_empty() {
            return;
        }
        for vendor in &self.vendors {
            for relation in &vendor.relations {
                if !self.paths.contains_key(&relation.serves) {
                    self.problems.push(ListProblem {
                        file: self.paths[&vendor.id].clone(),
                        line: relation.line,
                        column: 1,
                        what: format!("no vendor has the id `{}`", relation.serves.escape_debug()),
                        next: "name the id of a vendor file".into(),
                    });
                }
            }
        }
    }

    /// Puts the ways behind all rules. One that a hit's rule speaks of stays out: a hit must not
    /// become a count because the same name is also a way round.
    fn add_ways(&mut self) {
        let mut wanted: HashMap<String, bool> = HashMap::new();
        for way in &self.ways {
            let mut rest = Some(way.name.as_str());
            while let Some(name) = rest {
                wanted.insert(name.to_owned(), false);
                rest = name.split_once('.').map(|(_, above)| above);
            }
        }
        let mut exact: HashMap<String, bool> = wanted.clone();
        for (n, facts) in self.rules.iter().enumerate() {
            let (text, kind) = self.table.rule(n as u32);
            let map = match kind {
                _ if facts.class != Class::Hit => continue,
                MatchKind::Suffix => &mut wanted,
                MatchKind::Exact => &mut exact,
                MatchKind::Pattern => continue,
            };
            if let Some(hit) = map.get_mut(text) {
                *hit = true;
            }
        }
        for way in std::mem::take(&mut self.ways) {
            let mut rest = Some(way.name.as_str());
            let mut covered = exact[&way.name];
            while let Some(name) = rest.filter(|_| !covered) {
                covered = wanted[name];
                rest = name.split_once('.').map(|(_, above)| above);
            }
            if way.name == ways::TOP {
                self.top_way = Some(way);
            } else if covered {
                self.ways_covered.push(way);
            } else if self
                .table
                .push(&way.name, way.matches, ways::RANK, &[])
                .is_none()
            {
                return self.full(&way.file);
            } else {
                self.ways.push(way);
            }
        }
    }

    fn finish(mut self) -> Result<Catalogue, Vec<ListProblem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.add_ways();
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let mut catalogue = Catalogue {
            vendors: self.vendors,
            table: self.table.build(),
            rules: self.rules,
            allow_table: self.allow_table.build(),
            allow: self.allow,
            expired: self.expired,
            ways: self.ways,
            top_way: self.top_way,
            ways_covered: self.ways_covered,
            version: String::new(),
            modified: 0,
        };
        catalogue.version = version(&catalogue);
        catalogue.modified = newest_seen(&catalogue.vendors);
        Ok(catalogue)
    }
}

fn user_list_vendor(path: &str, list: PlainList) -> Vendor {
    Vendor {
        id: list.id,
        name: list.name,
        aliases: Vec::new(),
        legal_entity: None,
        country: None,
        category: Category::UserList,
        severity: Severity::Medium,
        status: Status::Active,
        highest_stage: None,
        note: None,
        sources: Vec::new(),
        unverified_sources: Vec::new(),
        flow: None,
        proof: None,
        hosts: Vec::new(),
        relations: Vec::new(),
        file: path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

/// First 16 hex digits of SHA-256 over all that decides a verdict. The lines are sorted, so that
/// neither the order of files nor a note changes it.
fn version(catalogue: &Catalogue) -> String {
    let mut order: Vec<u32> = (0..catalogue.rules()).collect();
    order.sort_unstable_by_key(|&rule| (catalogue.table.text(rule), rule));
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut line = String::new();
    let mut same_text: Vec<String> = Vec::new();
    let mut last = "";
    for rule in order {
        let found = super::Match { catalogue, rule };
        if found.rule() != last {
            flush(&mut same_text, &mut hash);
            last = found.rule();
        }
        line.clear();
        let role = found.role().map_or("-", super::Role::label);
        let not = found
            .host()
            .map_or(String::new(), |host| host.wildcard_not.join(","));
        // Writing to a string cannot fail.
        let _ = writeln!(
            line,
            "{}\t{}\t{not}\t{}\t{}\t{role}\t{}\t{}\t{}",
            found.rule(),
            found.kind(),
            found.vendor().id,
            found.category(),
            found.severity(),
            found.confidence(),
            found.class(),
        );
        same_text.push(line.clone());
    }
    flush(&mut same_text, &mut hash);
    let mut allow: Vec<String> = catalogue
        .allow
        .iter()
        .map(|a| format!("allow\t{}\t{}\t{}\n", a.name, a.kind, a.expires))
        .collect();
    flush(&mut allow, &mut hash);
    let way = |w: &Way| format!("way\t{}\t{}\t{}\n", w.name, w.matches, w.kind);
    let mut ways: Vec<String> = (catalogue.ways.iter().chain(&catalogue.top_way))
        .map(way)
        .collect();
    flush(&mut ways, &mut hash);
    hash.finish()
        .as_ref()
        .iter()
        .take(8)
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

fn flush(lines: &mut Vec<String>, hash: &mut digest::Context) {
    lines.sort_unstable();
    for line in lines.drain(..) {
        hash.update(line.as_bytes());
    }
}

fn newest_seen(vendors: &[Vendor]) -> i64 {
    let hosts = vendors.iter().flat_map(|vendor| &vendor.hosts);
    let newest = hosts
        .filter_map(|host| host.seen.as_deref())
        .max()
        .unwrap_or_default();
    let day = if newest.len() == 7 {
        format!("{newest}-01")
    } else {
        newest.to_owned()
    };
    super::fields::parse_date(&day).map_or(0, |d| d.midnight().assume_utc().unix_timestamp())
}

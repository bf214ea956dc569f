//! The catalogue of vendors, compiled for matching.
//!
//! Enters: `blocklists/*.toml`, the organisation's plain lists, its allow-list; then names.
//! Leaves: [`Verdict`], which carries a [`Match`]. Never: grows slower with the list; sees a
//! packet; allocates while it matches; looks at the clock while it matches.
//!
//! ```text
//! files -> vendor_file, ways, plain -> compile -> Catalogue { table, vendors, allow }
//!                                               ^ query (RawName) -> table -> rule -> Verdict
//! ```

mod bundle;
mod compile;
pub mod diff;
pub mod exchange;
mod fields;
mod files;
mod filter;
pub mod lint;
#[doc(hidden)]
pub mod naive;
#[doc(hidden)]
pub mod oracle;
mod packed;
mod plain;
mod problem;
mod proof;
mod query;
pub mod schema;
mod shared;
mod table;
mod vendor_file;
pub mod ways;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{RawName, Timestamp};

pub use bundle::{Bundle, BundledFile};
pub use compile::SourceText;
pub use files::{builtin_files, read as read_text};
pub use packed::unpack;
pub use plain::Allow;
pub use problem::{ListProblem, PROBLEMS_PER_FILE_MAX};
pub use schema::{
    Category, Class, Confidence, Host, LoginMail, MatchKind, OwnThreshold, Proof, Role, Severity,
    SignupProof, Stage, Threshold, Vendor,
};
pub use shared::shared_networks;
pub use table::RULES_MAX;

use query::{OddName, PlainName, Tail};
use table::Table;
pub use ways::Way;

/// A source with fewer rules may shrink as it likes at a reload.
const SOURCE_LEN_MIN: usize = 20;

/// The catalogue in force: vendors, user lists and the allow-list, compiled. Immutable; a reload
/// makes a new one beside it.
pub struct Catalogue {
    vendors: Vec<Vendor>,
    table: Table,
    rules: Vec<RuleFacts>,
    allow_table: Table,
    allow: Vec<Allow>,
    expired: Vec<(String, Allow)>,
    /// Their rules stand in `table` behind those of `rules`.
    ways: Vec<Way>,
    /// The way of a whole top-level domain, which the table cannot hold.
    top_way: Option<Way>,
    /// Ways left out because a vendor's or the user's own rule speaks of the name.
    ways_covered: Vec<Way>,
    version: String,
    modified: i64,
}

/// What the verdict needs of a rule, kept small: a list may hold millions.
#[derive(Clone, Copy)]
struct RuleFacts {
    vendor: u32,
    /// Index in the vendor's hosts; `u32::MAX` for a user list.
    host: u32,
    line: u32,
    role: Option<Role>,
    severity: Severity,
    confidence: Confidence,
    class: Class,
}

/// Which list is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// First 16 hex digits of SHA-256 over the rules and the allow-list, whatever their order.
    pub version: String,
    /// Number of rules.
    pub rules: u64,
    /// Number of vendors, suppliers and user lists.
    pub vendors: u64,
    /// Newest modification time among the files, seconds since the epoch; for the built-in
    /// catalogue the newest date on which a source was seen.
    pub modified: i64,
}

/// What the catalogue says of a name.
#[derive(Clone, Copy)]
pub enum Verdict<'c> {
    /// Nothing.
    None,
    /// A vendor's own host.
    Hit(Match<'c>),
    /// A dual-use host or a supplier's: to be counted, support at most.
    Context(Match<'c>),
    /// A hit that the allow-list silences.
    Allowed(Match<'c>),
    /// A name by which clients hide other names: to be counted by kind, support at most.
    Way(&'c Way),
}

/// A rule that matched.
#[derive(Clone, Copy)]
pub struct Match<'c> {
    catalogue: &'c Catalogue,
    rule: u32,
}

impl Catalogue {
    /// Reads and compiles: the vendor files of `dir`, a folder or a bundle (or the built-in ones),
    /// `user_lists` in any form of [`exchange`]
    /// beside them, and an allow-list, of which entries that have expired today are left out.
    ///
    /// # Errors
    /// Every problem of every file; a list with one bad line is refused whole.
    pub fn load(
        dir: Option<&Path>,
        user_lists: &[PathBuf],
        allow: Option<&Path>,
    ) -> Result<Self, Vec<ListProblem>> {
        files::load(dir, user_lists, allow)
    }

    /// The catalogue that is built into the program.
    ///
    /// # Errors
    /// None in a released program: a test compiles it.
    pub fn builtin() -> Result<Self, Vec<ListProblem>> {
        Self::load(None, &[], None)
    }

    /// Compiles texts. `now` decides which entries of an allow-list have expired.
    ///
    /// # Errors
    /// Every problem of every text.
    pub fn compile(sources: &[SourceText], now: Timestamp) -> Result<Self, Vec<ListProblem>> {
        compile::compile(sources, now)
    }

    /// What the catalogue says of a name. Allowed is what the allow-list allowed when it was
    /// loaded; see [`Self::find_at`].
    #[inline]
    pub fn find(&self, name: &RawName<'_>) -> Verdict<'_> {
        self.find_at(name, Timestamp(i64::MIN))
    }

    /// The same at a moment in packet time: an allow-list entry that has expired by then no longer
    /// silences anything, even if the list was loaded before.
    #[inline]
    pub fn find_at(&self, name: &RawName<'_>, at: Timestamp) -> Verdict<'_> {
        let may = match query::tail(name) {
            Tail::Hopeless => false,
            Tail::Text(text, labels) => {
                self.table.may_match_text(text, labels) || ways::is_top_label(&text[labels[1]..])
            }
            Tail::Wire(left, right) => {
                self.table.may_match(left, right) || ways::is_top_label(right)
            }
            Tail::Odd => true,
        };
        if may {
            self.find_whole(name, at)
        } else {
            Verdict::None
        }
    }

    #[inline(never)]
    fn find_whole(&self, name: &RawName<'_>, at: Timestamp) -> Verdict<'_> {
        match PlainName::new().read(name) {
            Some((text, starts)) => self.verdict(text, starts, at),
            None => self.find_odd(name, at),
        }
    }

    #[cold]
    fn find_odd(&self, name: &RawName<'_>, at: Timestamp) -> Verdict<'_> {
        match OddName::new().read(name) {
            Some((text, starts)) => self.verdict(text, starts, at),
            None => Verdict::None,
        }
    }

    fn verdict(&self, text: &[u8], starts: &[u16], at: Timestamp) -> Verdict<'_> {
        let Some(rule) = self.table.find(text, starts) else {
            let way = self.top_way.as_ref().filter(|_| ways::is_below_top(text));
            return way.map_or(Verdict::None, Verdict::Way);
        };
        if let Some(way) = (rule as usize).checked_sub(self.rules.len()) {
            return self.ways.get(way).map_or(Verdict::None, Verdict::Way);
        }
        let found = Match {
            catalogue: self,
            rule,
        };
        if found.class() != Class::Hit {
            return Verdict::Context(found);
        }
        let allow = self.allow_table.find(text, starts);
        match allow.and_then(|n| self.allow.get(n as usize)) {
            Some(allow) if at < allow.ends() => Verdict::Allowed(found),
            _ => Verdict::Hit(found),
        }
    }

    /// Which list this is.
    pub fn info(&self) -> Info {
        Info {
            version: self.version.clone(),
            rules: self.rules.len() as u64,
            vendors: self.vendors.len() as u64,
            modified: self.modified,
        }
    }

    /// May this list take the place of `old`? A list that has lost more than half of its rules was
    /// more likely cut short than edited. So was one source of it that had [`SOURCE_LEN_MIN`] rules
    /// or more: a large list beside it must not hide that.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn plausible_after(&self, old: &Self) -> Result<(), String> {
        let (now, before) = (self.rules.len(), old.rules.len());
        if now == 0 || now * 2 < before {
            return Err(format!(
                "the new list has {now} rules where the old one has {before}: too few to be an edit; \
                 restart with it if it is meant"
            ));
        }
        let (now, before) = (self.ways.len(), old.ways.len());
        if before >= SOURCE_LEN_MIN && now * 2 < before {
            return Err(format!(
                "the new list has {now} names of ways round where the old one has {before}: too \
                 few to be an edit; restart with it if it is meant"
            ));
        }
        let new = self.rules_by_source();
        let old = old.rules_by_source().into_iter();
        for (id, before) in old.filter(|(_, n)| *n >= SOURCE_LEN_MIN) {
            let now = new.get(id).copied().unwrap_or(0);
            if now * 2 < before {
                return Err(format!(
                    "`{id}` has {now} rules where it had {before}: too few to be an edit; restart \
                     with it if it is meant"
                ));
            }
        }
        Ok(())
    }

    /// How many rules each vendor or user list has, by its id.
    fn rules_by_source(&self) -> BTreeMap<&str, usize> {
        let mut counts = vec![0; self.vendors.len()];
        for rule in &self.rules {
            counts[rule.vendor as usize] += 1;
        }
        self.vendors
            .iter()
            .map(|v| v.id.as_str())
            .zip(counts)
            .collect()
    }

    /// All vendors, suppliers and user lists, in the order of the files.
    pub fn vendors(&self) -> &[Vendor] {
        &self.vendors
    }

    /// The vendor with this id.
    pub fn vendor(&self, id: &str) -> Option<&Vendor> {
        self.vendors.iter().find(|vendor| vendor.id == id)
    }

    /// All rules, as matches of themselves.
    pub fn all(&self) -> impl Iterator<Item = Match<'_>> {
        (0..self.rules()).map(|rule| Match {
            catalogue: self,
            rule,
        })
    }

    /// The allow-list entries in force.
    pub fn allowed(&self) -> &[Allow] {
        &self.allow
    }

    /// The allow-list entries that had expired at loading, with their file.
    pub fn expired(&self) -> &[(String, Allow)] {
        &self.expired
    }

    /// The names of ways round, in the order of their file.
    pub fn ways(&self) -> &[Way] {
        &self.ways
    }

    fn rules(&self) -> u32 {
        self.rules.len() as u32
    }

    fn host_of(&self, rule: u32) -> Option<&Host> {
        let facts = self.rules.get(rule as usize)?;
        self.vendors
            .get(facts.vendor as usize)?
            .hosts
            .get(facts.host as usize)
    }
}

impl<'c> Match<'c> {
    fn facts(&self) -> &'c RuleFacts {
        &self.catalogue.rules[self.rule as usize]
    }

    /// The vendor, supplier or user list.
    pub fn vendor(&self) -> &'c Vendor {
        &self.catalogue.vendors[self.facts().vendor as usize]
    }

    /// The rule's text, e.g. `app.clearview.ai` or `rekognition.*.api.aws`.
    pub fn rule(&self) -> &'c str {
        self.catalogue.table.text(self.rule)
    }

    /// How the rule covers names.
    pub fn kind(&self) -> MatchKind {
        self.catalogue.table.kind(self.rule)
    }

    /// The host's role; `None` for a user list.
    pub fn role(&self) -> Option<Role> {
        self.facts().role
    }

    /// The vendor's category.
    pub fn category(&self) -> Category {
        self.vendor().category
    }

    /// Severity of this host.
    pub fn severity(&self) -> Severity {
        self.facts().severity
    }

    /// How sure it is that the name is the vendor's.
    pub fn confidence(&self) -> Confidence {
        self.facts().confidence
    }

    /// Hit, dual-use or supplier.
    pub fn class(&self) -> Class {
        self.facts().class
    }

    /// Name of the list file, without its folder.
    pub fn source(&self) -> &'c str {
        &self.vendor().file
    }

    /// Line of the rule in that file.
    pub fn line(&self) -> u32 {
        self.facts().line
    }

    /// The host with sources and notes; `None` for a user list.
    pub fn host(&self) -> Option<&'c Host> {
        self.catalogue.host_of(self.rule)
    }
}

/// Whose rule wins when two say the same: lower wins.
fn rank(class: Class, category: Category) -> u8 {
    match (class, category) {
        (Class::Hit, Category::UserList) => 1,
        (Class::Hit, _) => 0,
        (Class::DualUse, _) => 2,
        (Class::Supplier, _) => 3,
    }
}

fn rank_of(catalogue: &Catalogue, rule: u32) -> u8 {
    let found = Match { catalogue, rule };
    rank(found.class(), found.category())
}

#[cfg(test)]
mod tests;

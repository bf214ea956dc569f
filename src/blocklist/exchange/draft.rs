//! Entries as they are read, and what is to be said about the lines that gave none.
//!
//! Enters: names with their line and kind, lines that are of no use, lines that are wrong. Leaves:
//! [`Imported`]. Never: an entry for a whole public suffix; more problems or entries than the
//! bounds.

use std::collections::hash_map::Entry as Place;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::Format;
use crate::base::DomainName;
use crate::base::seen::closed_set;
use crate::blocklist::fields::list_name;
use crate::blocklist::problem::{ListProblem, Problems};
use crate::blocklist::schema::MatchKind;
use crate::blocklist::table::RULES_MAX;

/// Most entries of one list.
pub const ENTRIES_MAX: usize = RULES_MAX;

closed_set! {
    /// Why a line that was understood gives no entry.
    Unused {
        /// hosts: the machine's own names, or a name with an address that is no block.
        OtherAddress = "names with a real address",
        /// hosts: `localhost` and the like.
        OwnName = "names of the machine itself",
        /// RPZ: rpz-ip, rpz-client-ip, rpz-nsip, rpz-nsdname.
        Trigger = "triggers other than a query name",
        /// RPZ, dnsmasq, Unbound: an answer of its own (a redirect), no block.
        LocalData = "answers of their own",
        /// RPZ: rpz-tcp-only; Unbound: a zone type that blocks nothing.
        Policy = "policies that block nothing",
        /// AdBlock: cosmetic rules and scriptlets.
        Cosmetic = "cosmetic rules",
        /// AdBlock: paths, addresses, wildcards.
        PartOfUrl = "rules for a part of an address",
        /// AdBlock: blocked under conditions only.
        Conditional = "rules with conditions",
        /// dnsmasq: names that go to another server; settings of dnsmasq and Unbound.
        Setting = "other settings",
        /// Zeek and MISP: addresses, hashes and so on.
        OtherType = "indicators that are no names",
        /// MISP: not marked for detection, or deleted.
        NotForDetection = "attributes that are not for detection",
        /// An exception to nothing in this list.
        IdleException = "exceptions to nothing in the list",
        /// An entry below an exception that wins.
        Excepted = "entries below an exception",
        /// Said before.
        Repeated = "repetitions",
    }
}

/// One name of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Normal form.
    pub name: DomainName,
    /// `exact` or `suffix`.
    pub kind: MatchKind,
    /// Line, from 1.
    pub line: u32,
}

/// What a list says. The most specific statement about a name wins.
pub struct Imported {
    /// The form in which it was read.
    pub format: Format,
    /// What it covers, in the order of the list.
    pub entries: Vec<Entry>,
    /// What it excepts from its own entries.
    pub exceptions: Vec<Entry>,
    /// Wrong lines, up to a bound, and how many more there were.
    pub problems: Vec<ListProblem>,
    /// All wrong lines.
    pub bad: u64,
    unused: [u64; Unused::ALL.len()],
}

impl Imported {
    /// Every reason for which lines gave no entry, with their number.
    pub fn unused(&self) -> impl Iterator<Item = (Unused, u64)> {
        let all = Unused::ALL.iter().zip(self.unused);
        all.map(|(&why, count)| (why, count))
            .filter(|(_, count)| *count > 0)
    }

    /// Drops the entries that have exceptions, and the exceptions. Returns how many.
    pub fn leave_excepted(&mut self) -> usize {
        let before = self.entries.len();
        let exceptions = std::mem::take(&mut self.exceptions);
        let zones: BTreeSet<&str> = exceptions
            .iter()
            .flat_map(|e| zones_of(e.name.as_str()))
            .collect();
        self.entries
            .retain(|e| e.kind == MatchKind::Exact || !zones.contains(e.name.as_str()));
        before - self.entries.len()
    }

    /// Does the list cover a name in normal form?
    pub fn covers(&self, name: &str) -> bool {
        let exact = |list: &[Entry]| {
            list.iter()
                .any(|e| e.kind == MatchKind::Exact && e.name.as_str() == name)
        };
        if exact(&self.exceptions) {
            return false;
        }
        if exact(&self.entries) {
            return true;
        }
        let longest = |list: &[Entry]| {
            let above = list
                .iter()
                .filter(|e| e.kind == MatchKind::Suffix && is_in(name, &e.name));
            above.map(|e| e.name.as_str().len()).max()
        };
        longest(&self.entries) > longest(&self.exceptions)
    }
}

/// Is `name` the zone or below it?
fn is_in(name: &str, zone: &DomainName) -> bool {
    let rest = name.strip_suffix(zone.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Names with their lines. A list may hold millions, so each name is held once.
#[derive(Default)]
struct Names {
    exact: HashMap<DomainName, u32>,
    suffix: HashMap<DomainName, u32>,
}

impl Names {
    fn of(&mut self, kind: MatchKind) -> &mut HashMap<DomainName, u32> {
        match kind {
            MatchKind::Suffix => &mut self.suffix,
            _ => &mut self.exact,
        }
    }

    /// Adds a name; false when it is there already.
    fn add(&mut self, name: DomainName, kind: MatchKind, line: u32) -> bool {
        match self.of(kind).entry(name) {
            Place::Vacant(place) => {
                place.insert(line);
                true
            }
            Place::Occupied(_) => false,
        }
    }

    fn len(&self) -> usize {
        self.exact.len() + self.suffix.len()
    }

    /// In the order of the list.
    fn into_entries(self) -> Vec<Entry> {
        let entry = |kind| move |(name, line)| Entry { name, kind, line };
        let exact = self.exact.into_iter().map(entry(MatchKind::Exact));
        let suffix = self.suffix.into_iter().map(entry(MatchKind::Suffix));
        let mut entries: Vec<Entry> = exact.chain(suffix).collect();
        entries.sort_unstable_by(|a, b| (a.line, &a.name, a.kind).cmp(&(b.line, &b.name, b.kind)));
        entries
    }
}

/// A list while it is read.
pub(super) struct Draft<'s> {
    format: Format,
    problems: Problems<'s>,
    bad: u64,
    entries: Names,
    exceptions: Names,
    unused: [u64; Unused::ALL.len()],
    full: bool,
}

impl<'s> Draft<'s> {
    pub(super) fn new(format: Format, file: &'s str, text: &'s str) -> Self {
        Self {
            format,
            problems: Problems::new(file, text),
            bad: 0,
            entries: Names::default(),
            exceptions: Names::default(),
            unused: [0; Unused::ALL.len()],
            full: false,
        }
    }

    /// A wrong line; 0 for the list as a whole.
    pub(super) fn bad(&mut self, line: u32, what: impl Into<String>, next: &str) {
        self.bad += 1;
        self.problems.on(line, 0, what, next);
    }

    /// A wrong part of a line, with its column.
    pub(super) fn bad_at(&mut self, line: u32, column: u32, what: impl Into<String>, next: &str) {
        self.bad += 1;
        self.problems.on(line, column, what, next);
    }

    /// A line that is understood and gives no entry.
    pub(super) fn skip(&mut self, why: Unused) {
        if let Some(count) = self.unused.get_mut(why.index()) {
            *count += 1;
        }
    }

    /// An entry, if its name may stand in a list.
    pub(super) fn entry(&mut self, line: u32, text: &str, kind: MatchKind) {
        if let Some(name) = self.checked(line, text, kind) {
            self.add(line, name, kind);
        }
    }

    /// An exception, if its name is one at all.
    pub(super) fn exception(&mut self, line: u32, text: &str, kind: MatchKind) {
        match list_name(text) {
            Ok(name) if self.has_room(line) => {
                self.exceptions.add(name, kind, line);
            }
            Ok(_) => {}
            Err((what, next)) => self.bad(line, what, next),
        }
    }

    /// The name, or a problem noted.
    pub(super) fn checked(&mut self, line: u32, text: &str, kind: MatchKind) -> Option<DomainName> {
        match list_name(text).and_then(|name| narrow(name, kind)) {
            Ok(name) => Some(name),
            Err((what, next)) => {
                self.bad(line, what, next);
                None
            }
        }
    }

    /// Adds a checked name.
    pub(super) fn add(&mut self, line: u32, name: DomainName, kind: MatchKind) {
        if !self.has_room(line) {
            return;
        }
        if !self.entries.add(name, kind, line) {
            self.skip(Unused::Repeated);
        }
    }

    fn has_room(&mut self, line: u32) -> bool {
        if self.entries.len() + self.exceptions.len() < ENTRIES_MAX {
            return true;
        }
        if !self.full {
            self.full = true;
            let what = format!("the list has more than {ENTRIES_MAX} entries");
            self.bad(line, what, "split it or check what it is");
        }
        false
    }

    /// Exceptions of zones win over every suffix entry at or below them, but for those named in
    /// `important`: these win over exceptions. As in filter lists of browsers.
    pub(super) fn exceptions_win(&mut self, important: &HashSet<DomainName>) {
        let exceptions = &mut self.exceptions.suffix;
        let before = self.entries.suffix.len();
        self.entries.suffix.retain(|name, _| {
            important.contains(name)
                || !zones_of(name.as_str()).any(|zone| exceptions.contains_key(zone))
        });
        let lost = before - self.entries.suffix.len();
        exceptions.retain(|name, _| !zones_of(name.as_str()).any(|zone| important.contains(zone)));
        (0..lost).for_each(|_| self.skip(Unused::Excepted));
    }

    pub(super) fn finish(mut self) -> Imported {
        self.settle();
        let entries = self.entries.into_entries();
        let exceptions = self.exceptions.into_entries();
        if entries.is_empty() && self.bad == 0 {
            self.bad = 1;
            let what = format!("the list holds no name that can be used as {}", self.format);
            self.problems
                .on(0, 0, what, "check what it is, and its `--format`");
        }
        let problems = self.problems.into_found();
        let (format, bad, unused) = (self.format, self.bad, self.unused);
        Imported {
            format,
            entries,
            exceptions,
            problems,
            bad,
            unused,
        }
    }

    /// Drops exceptions that except nothing, and entries that are excepted by name.
    fn settle(&mut self) {
        for exception in std::mem::take(&mut self.exceptions).into_entries() {
            let Entry { name, kind, line } = exception;
            let taken = self.entries.of(kind).remove(&name).is_some();
            if taken {
                self.skip(Unused::Excepted);
            }
            if self.is_above(name.as_str(), kind == MatchKind::Exact) {
                self.exceptions.add(name, kind, line);
            } else if !taken {
                self.skip(Unused::IdleException);
            }
        }
    }

    /// Is there a suffix entry above `name`, or at it when `itself` counts?
    fn is_above(&self, name: &str, itself: bool) -> bool {
        let mut zones = zones_of(name).skip(usize::from(!itself));
        zones.any(|zone| self.entries.suffix.contains_key(zone))
    }
}

/// The name itself and every name above it.
fn zones_of(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| {
        rest.split_once('.').map(|(_, above)| above)
    })
}

/// Refuses names that belong to everybody: `co.uk` always, `github.io` with all below it.
fn narrow(name: DomainName, kind: MatchKind) -> Result<DomainName, (String, &'static str)> {
    let Some(suffix) = psl::suffix(name.as_str().as_bytes()) else {
        return Ok(name);
    };
    let whole = suffix.is_known() && suffix.as_bytes() == name.as_str().as_bytes();
    let private = suffix.typ() == Some(psl::Type::Private);
    if whole && (kind == MatchKind::Suffix || !private) {
        let what = format!("`{name}` is a public suffix: names of many owners lie below it");
        return Err((what, "name the host that is meant"));
    }
    Ok(name)
}

/// The lines of a text with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1u32..).zip(text.lines())
}

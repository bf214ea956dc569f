//! The compiled table: one name in, the most specific rule out.
//!
//! Enters: rules in normal form, then names in normal form. Leaves: the index of a rule. Never:
//! allocates after it is built; compares text that is not a whole label.
//!
//! The naive version walks all rules (see `naive.rs`, which the tests hold against this one). Two
//! ideas make it independent of the list's length:
//!
//! 1. Every rule has two literal labels at its right end. A bit filter over those last two labels
//!    (12 bits a key, so 1.5 MB for a million) answers almost every miss with one hash and one
//!    memory access.
//! 2. Many names share their last two labels with some rule (`co.uk`, `amazonaws.com`). A second
//!    filter knows every ending of every rule, and which endings are nodes, so that these end
//!    early too.
//! 3. Behind the filters stands one hash table of *nodes*. A node is a text that starts at a label:
//!    the name of an exact or suffix rule, or what stands to the right of a pattern's `*`. A name
//!    is looked up at each of its labels, right to left, never deeper than the deepest rule.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::filter::{Filter, fold_hash, pair_hash};
use super::schema::MatchKind;

/// Most rules in one catalogue.
pub const RULES_MAX: usize = 16_000_000;

const NONE: u32 = u32::MAX;

/// One rule's text within the arena.
#[derive(Clone, Copy)]
struct Key {
    start: u32,
    len: u8,
    kind: MatchKind,
    rank: u8,
}

/// What is known about one text that starts at a label.
#[derive(Clone, Copy)]
struct Node {
    start: u32,
    len: u8,
    exact: u32,
    suffix: u32,
    /// Range in `patterns`: rules whose `*` stands just left of this text.
    patterns: (u32, u32),
}

/// Collects rules; [`TableBuilder::build`] compiles them.
#[derive(Default)]
pub(crate) struct TableBuilder {
    arena: String,
    keys: Vec<Key>,
    wildcard_not: HashMap<u32, Vec<String>>,
}

impl TableBuilder {
    /// Adds a rule in its normal form (at most 253 bytes, at least two literal labels at its right
    /// end) and returns its index, which counts from 0. Among rules of one kind and text the
    /// lowest `rank` wins, then the first. `None` when the table is full.
    pub(crate) fn push(
        &mut self,
        text: &str,
        kind: MatchKind,
        rank: u8,
        wildcard_not: &[String],
    ) -> Option<u32> {
        let index = u32::try_from(self.keys.len())
            .ok()
            .filter(|&n| (n as usize) < RULES_MAX)?;
        let start = u32::try_from(self.arena.len()).ok()?;
        let len = u8::try_from(text.len()).ok()?;
        self.arena.push_str(text);
        self.keys.push(Key {
            start,
            len,
            kind,
            rank,
        });
        if !wildcard_not.is_empty() {
            self.wildcard_not.insert(index, wildcard_not.to_vec());
        }
        Some(index)
    }

    /// Text and kind of a rule that was added.
    pub(crate) fn rule(&self, index: u32) -> (&str, MatchKind) {
        let key = self.keys[index as usize];
        let start = key.start as usize;
        (&self.arena[start..start + usize::from(key.len)], key.kind)
    }

    /// Compiles.
    pub(crate) fn build(self) -> Table {
        let seed = RandomState::new().hash_one(0u8);
        let mut table = Table {
            seed,
            last_two: Filter::new(0),
            endings: Filter::new(0),
            nodes: Vec::with_capacity(self.keys.len()),
            by_text: HashTable::with_capacity(self.keys.len()),
            patterns: Vec::new(),
            depth: 0,
            arena: self.arena.into_boxed_str(),
            keys: self.keys.into_boxed_slice(),
            wildcard_not: self.wildcard_not,
        };
        let mut patterns: HashMap<u32, Vec<u32>> = HashMap::new();
        for index in 0..table.keys.len() {
            table.add(index as u32, &mut patterns);
        }
        table.fill_filters();
        for (node, rules) in patterns {
            let start = table.patterns.len() as u32;
            table.patterns.extend(rules);
            table.nodes[node as usize].patterns = (start, table.patterns.len() as u32);
        }
        table
    }
}

/// The compiled table.
pub(crate) struct Table {
    seed: u64,
    /// Last two labels of every node; marked [`NODE`] where they are all of it.
    last_two: Filter,
    /// Every ending of every node from three labels on, and every node marked [`NODE`].
    endings: Filter,
    nodes: Vec<Node>,
    by_text: HashTable<u32>,
    patterns: Vec<u32>,
    /// Labels of the deepest node.
    depth: usize,
    arena: Box<str>,
    keys: Box<[Key]>,
    wildcard_not: HashMap<u32, Vec<String>>,
}

impl Table {
    /// The rule's text.
    pub(crate) fn text(&self, rule: u32) -> &str {
        let key = self.keys[rule as usize];
        &self.arena[key.start as usize..key.start as usize + usize::from(key.len)]
    }

    /// The rule's kind.
    pub(crate) fn kind(&self, rule: u32) -> MatchKind {
        self.keys[rule as usize].kind
    }

    fn rank(&self, rule: u32) -> u8 {
        self.keys[rule as usize].rank
    }

    /// Could a name with these last two labels (ASCII, any case) match? No means no.
    #[inline]
    pub(crate) fn may_match(&self, left: &[u8], right: &[u8]) -> bool {
        self.last_two.holds(pair_hash(self.seed, left, right))
    }

    /// Could a dotted name match, whose last two labels begin at these places? No means no.
    #[inline]
    pub(crate) fn may_match_text(&self, name: &[u8], [left, right]: [usize; 2]) -> bool {
        let hash = pair_hash(self.seed, &name[left..right - 1], &name[right..]);
        self.last_two.holds(hash)
            && (self.last_two.holds(hash ^ NODE) || self.may_match_longer(name, left))
    }

    /// The last two labels are the ending of a node, but no node. Is there one among the longer
    /// endings of the name?
    #[inline(never)]
    fn may_match_longer(&self, name: &[u8], mut from: usize) -> bool {
        while from > 0 {
            let end = from - 1;
            let dot = name[..end].iter().rposition(|&b| b == b'.');
            from = dot.map_or(0, |dot| dot + 1);
            // Unicode on the wire has another spelling in the table.
            if !name[from..end].is_ascii() {
                return true;
            }
            let hash = fold_hash(self.seed, &name[from..]);
            if !self.endings.holds(hash) {
                return false;
            }
            if self.endings.holds(hash ^ NODE) {
                return true;
            }
        }
        false
    }

    /// The most specific rule for a name in normal form, whose labels begin at `starts`: exact
    /// beats pattern, a pattern with more labels to the right of its `*` beats one with fewer, a
    /// long suffix beats a short one.
    pub(crate) fn find(&self, name: &[u8], starts: &[u16]) -> Option<u32> {
        let mut suffix = NONE;
        let mut pattern = NONE;
        let deepest = starts.len().saturating_sub(self.depth);
        for at in (deepest..starts.len().saturating_sub(1)).rev() {
            let start = usize::from(starts[at]);
            let hash = fold_hash(self.seed, &name[start..]);
            // No rule ends like this, so none ends in more of it either.
            if at + 2 < starts.len() && !self.endings.holds(hash) {
                break;
            }
            let Some(node) = self.node(hash, &name[start..]) else {
                continue;
            };
            if node.suffix != NONE {
                suffix = node.suffix;
            }
            if at == 0 && node.exact != NONE {
                return Some(node.exact);
            }
            if at > 0 && node.patterns.1 > node.patterns.0 {
                let wildcard = usize::from(starts[at - 1])..start - 1;
                if let Some(rule) = self.pattern(node.patterns, name, wildcard) {
                    pattern = rule;
                }
            }
        }
        Some(pattern)
            .filter(|&p| p != NONE)
            .or(Some(suffix).filter(|&s| s != NONE))
    }

    fn pattern(
        &self,
        (from, to): (u32, u32),
        name: &[u8],
        wildcard: std::ops::Range<usize>,
    ) -> Option<u32> {
        let head = &name[..wildcard.start];
        let label = &name[wildcard];
        // A label with an escape is no host label; a wildcard stands for those only.
        if label.contains(&b'\\') {
            return None;
        }
        self.patterns[from as usize..to as usize]
            .iter()
            .copied()
            .find(|&rule| {
                let text = self.text(rule).as_bytes();
                text.starts_with(head)
                    && text.get(head.len()) == Some(&b'*')
                    && self
                        .wildcard_not
                        .get(&rule)
                        .is_none_or(|not| !not.iter().any(|p| label.starts_with(p.as_bytes())))
            })
    }

    fn node(&self, hash: u64, text: &[u8]) -> Option<&Node> {
        if !self.endings.holds(hash ^ NODE) {
            return None;
        }
        let found = self
            .by_text
            .find(hash, |&node| self.node_text(node) == text)?;
        self.nodes.get(*found as usize)
    }

    fn node_text(&self, node: u32) -> &[u8] {
        let node = &self.nodes[node as usize];
        let start = node.start as usize;
        &self.arena.as_bytes()[start..start + usize::from(node.len)]
    }

    fn add(&mut self, rule: u32, patterns: &mut HashMap<u32, Vec<u32>>) {
        let key = self.keys[rule as usize];
        let text = self.text(rule);
        let skip = match key.kind {
            MatchKind::Pattern => text.find("*.").map_or(0, |star| star + 2),
            MatchKind::Exact | MatchKind::Suffix => 0,
        };
        let tail = &text.as_bytes()[skip..];
        let depth = tail.iter().filter(|&&b| b == b'.').count() + 1;
        let len = tail.len() as u8;
        self.depth = self.depth.max(depth);
        let node = self.node_at(key.start + skip as u32, len);
        match key.kind {
            MatchKind::Exact => {
                let old = self.nodes[node as usize].exact;
                self.nodes[node as usize].exact = self.better(old, rule);
            }
            MatchKind::Suffix => {
                let old = self.nodes[node as usize].suffix;
                self.nodes[node as usize].suffix = self.better(old, rule);
            }
            MatchKind::Pattern => {
                let rules = patterns.entry(node).or_default();
                let at = rules.partition_point(|&other| self.rank(other) <= key.rank);
                rules.insert(at, rule);
            }
        }
    }

    /// Sizes the filters by what will be in them, then fills them.
    fn fill_filters(&mut self) {
        let mut last_two: Vec<u64> = Vec::with_capacity(self.nodes.len());
        let mut longer: Vec<u64> = Vec::with_capacity(self.nodes.len());
        for node in 0..self.nodes.len() {
            let text = self.node_text(node as u32);
            longer.push(fold_hash(self.seed, text) ^ NODE);
            let mut labels = text.rsplit(|&b| b == b'.');
            let (right, left) = (labels.next(), labels.next());
            let (right, left) = (right.unwrap_or_default(), left.unwrap_or_default());
            let pair = pair_hash(self.seed, left, right);
            last_two.push(pair);
            let mut len = right.len() + 1 + left.len();
            if len == text.len() {
                last_two.push(pair ^ NODE);
            }
            for label in labels {
                len += 1 + label.len();
                longer.push(fold_hash(self.seed, &text[text.len() - len..]));
            }
        }
        self.last_two = Filter::of(last_two);
        self.endings = Filter::of(longer);
    }

    fn better(&self, old: u32, new: u32) -> u32 {
        if old != NONE && self.rank(old) <= self.rank(new) {
            old
        } else {
            new
        }
    }

    /// The node of an arena range, made when it is new.
    fn node_at(&mut self, start: u32, len: u8) -> u32 {
        let range = start as usize..start as usize + usize::from(len);
        let text = &self.arena.as_bytes()[range];
        let hash = fold_hash(self.seed, text);
        if let Some(&node) = self
            .by_text
            .find(hash, |&node| self.node_text(node) == text)
        {
            return node;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node {
            start,
            len,
            exact: NONE,
            suffix: NONE,
            patterns: (0, 0),
        });
        let (seed, nodes, arena) = (self.seed, &self.nodes, &self.arena);
        self.by_text.insert_unique(hash, node, |&other| {
            let Node { start, len, .. } = nodes[other as usize];
            let range = start as usize..start as usize + usize::from(len);
            fold_hash(seed, &arena.as_bytes()[range])
        });
        node
    }
}

/// Tells "this ending is a node" from "this is the ending of a node" within one filter.
const NODE: u64 = 0xd6e8_feb8_6659_fd93;

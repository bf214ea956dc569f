//! Named-group patterns of the config.
//!
//! Enters: regular expressions and a line. Leaves: the groups' texts. Never: backtracks (the regex
//! crate runs in time linear to the line); compiles into more than [`PROGRAM_LEN_MAX`].

use regex::{Captures, Regex, RegexBuilder};

use super::config::{AaaAct, AaaPattern};

/// Longest compiled pattern, in bytes.
const PROGRAM_LEN_MAX: usize = 1 << 20;
/// Most patterns of one feed.
const PATTERNS_MAX: usize = 32;

/// The patterns of an AAA feed.
#[derive(Clone)]
pub struct AaaPatterns(Vec<(Regex, AaaAct)>);

/// The patterns of a NAT feed.
#[derive(Clone)]
pub struct NatPattern(Vec<Regex>);

impl AaaPatterns {
    /// Compiles and checks.
    ///
    /// # Errors
    /// Which pattern, what is wrong, what is needed.
    pub fn compile(patterns: &[AaaPattern]) -> Result<Self, String> {
        count(patterns.len())?;
        let each = patterns.iter().enumerate().map(|(n, pattern)| {
            let regex = build(n, &pattern.line)?;
            let known = ["user", "ip", "mac", "session", "act", "time", "host"];
            only_known(n, &regex, &known)?;
            let stops = pattern.act == AaaAct::Stop;
            if stops && !has(&regex, "ip") && !has(&regex, "session") {
                return Err(format!(
                    "pattern {} has neither group `(?<ip>...)` nor `(?<session>...)`: a stop must \
                     name what it ends",
                    n + 1
                ));
            }
            let missing = ["ip", "user"].into_iter().find(|group| !has(&regex, group));
            match missing {
                Some(group) if !stops => Err(format!(
                    "pattern {} has no group `(?<{group}>...)`: a start must name address and person",
                    n + 1
                )),
                _ => Ok((regex, pattern.act)),
            }
        });
        each.collect::<Result<_, _>>().map(Self)
    }

    /// The groups of the first pattern that fits.
    pub fn find<'l>(&self, line: &'l str) -> Option<(Captures<'l>, AaaAct)> {
        let mut each = self.0.iter();
        each.find_map(|(regex, act)| Some((regex.captures(line)?, *act)))
    }
}

impl NatPattern {
    /// Compiles and checks.
    ///
    /// # Errors
    /// As [`AaaPatterns::compile`].
    pub fn compile(patterns: &[String]) -> Result<Self, String> {
        count(patterns.len())?;
        let needed = ["inside_ip", "inside_port", "outside_ip", "outside_port"];
        let known = [&needed[..], &["dst_ip", "dst_port", "proto", "end", "time"]].concat();
        let each = patterns.iter().enumerate().map(|(n, pattern)| {
            let regex = build(n, pattern)?;
            only_known(n, &regex, &known)?;
            match needed.iter().find(|group| !has(&regex, group)) {
                Some(group) => Err(format!(
                    "pattern {} has no group `(?<{group}>...)`: without it nobody can look behind \
                     the translator",
                    n + 1
                )),
                None => Ok(regex),
            }
        });
        each.collect::<Result<_, _>>().map(Self)
    }

    /// The groups of the first pattern that fits.
    pub fn find<'l>(&self, line: &'l str) -> Option<Captures<'l>> {
        self.0.iter().find_map(|regex| regex.captures(line))
    }
}

fn count(n: usize) -> Result<(), String> {
    match n {
        0 => Err("`patterns` is empty: give at least one".into()),
        1..=PATTERNS_MAX => Ok(()),
        _ => Err(format!(
            "`patterns` has {n} entries: at most {PATTERNS_MAX} are read"
        )),
    }
}

fn build(n: usize, text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text)
        .size_limit(PROGRAM_LEN_MAX)
        .dfa_size_limit(2 * PROGRAM_LEN_MAX)
        .build();
    built.map_err(|e| {
        format!(
            "pattern {} is no regular expression that can be used: {e}",
            n + 1
        )
    })
}

fn has(regex: &Regex, group: &str) -> bool {
    regex.capture_names().flatten().any(|name| name == group)
}

fn only_known(n: usize, regex: &Regex, known: &[&str]) -> Result<(), String> {
    let mut names = regex.capture_names().flatten();
    match names.find(|name| !known.contains(name)) {
        Some(name) => Err(format!(
            "pattern {} has a group `{name}` that means nothing here: use {}",
            n + 1,
            known.join(", ")
        )),
        None => Ok(()),
    }
}

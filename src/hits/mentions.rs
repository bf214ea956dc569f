//! Mentions by which somebody may be named: pseudonyms, ids of cases, hits and alerts.
//!
//! Enters: the words, then lines. Leaves: whether a line holds one of them. Never: keeps a line.

use std::collections::BTreeSet;

use regex::bytes::{Regex, RegexBuilder};

/// Shortest word: a shorter one might stand in a line by chance.
pub const WORD_LEN_MIN: usize = 8;
/// Bytes that the searching machine may take.
const SIZE_MAX: usize = 256 << 20;

/// Finds any of many words in a line, in one pass.
pub struct Mentions {
    pattern: Option<Regex>,
}

impl Mentions {
    /// For these words; those shorter than [`WORD_LEN_MIN`] are left out.
    ///
    /// # Errors
    /// A sentence, when they are too many.
    pub fn new(words: &BTreeSet<String>) -> Result<Self, String> {
        let long = words.iter().filter(|word| word.len() >= WORD_LEN_MIN);
        let each: Vec<String> = long.map(|word| regex::escape(word)).collect();
        if each.is_empty() {
            return Ok(Self { pattern: None });
        }
        let pattern = RegexBuilder::new(&each.join("|"))
            .unicode(false)
            .size_limit(SIZE_MAX)
            .build()
            .map_err(|_| format!("{} words are too many to search for at once", each.len()))?;
        Ok(Self {
            pattern: Some(pattern),
        })
    }

    /// Does the text hold one of them?
    pub fn are_in(&self, text: &[u8]) -> bool {
        self.pattern.as_ref().is_some_and(|it| it.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_any_word_and_by_no_other() {
        let set = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let words = Mentions::new(&set(&["person-0011223344", "case-0a.b[c", "r1"]))
            .ok()
            .unwrap();
        assert!(words.are_in(b"{\"hash\":\"person-0011223344\"}"));
        assert!(words.are_in(b"merged into case-0a.b[c"));
        assert!(!words.are_in(b"case-0axb[c r1 person-001122334"));
        assert!(!Mentions::new(&set(&[])).ok().unwrap().are_in(b"anything"));
        let many = (0..20_000).map(|n| format!("case-{n:016x}")).collect();
        let many = Mentions::new(&many).ok().unwrap();
        assert!(many.are_in(b"of case-0000000000004e1f."));
        assert!(!many.are_in(b"of case-0000000000004e20."));
    }
}

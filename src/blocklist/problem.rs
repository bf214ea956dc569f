//! What is wrong with a list, said so that a person can mend it.
//!
//! Enters: a file's name, its text, a byte offset. Leaves: [`ListProblem`]. Never: the text of a
//! name that was seen on the wire.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;

/// Most problems kept per file; a hosts file given by mistake has a million of them.
pub const PROBLEMS_PER_FILE_MAX: usize = 50;

/// One problem in one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProblem {
    /// File as the user named it.
    pub file: String,
    /// Line from 1; 0 when the problem is the file itself.
    pub line: u32,
    /// Column from 1, in characters; 0 when the whole line is meant.
    pub column: u32,
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub next: String,
}

impl ListProblem {
    /// A problem of the file as a whole.
    pub fn of_file(file: &str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            what: what.into(),
            next: next.into(),
        }
    }
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": {}; {}", self.what, self.next)
    }
}

impl std::error::Error for ListProblem {}

/// Collects the problems of one file.
pub(crate) struct Problems<'s> {
    file: &'s str,
    text: &'s str,
    /// Where each line begins; known once somebody asks for a line.
    starts: OnceCell<Vec<usize>>,
    found: Vec<ListProblem>,
    suppressed: usize,
}

impl<'s> Problems<'s> {
    /// None yet, for the file `file` that reads `text`.
    pub(crate) const fn new(file: &'s str, text: &'s str) -> Self {
        Self {
            file,
            text,
            starts: OnceCell::new(),
            found: Vec::new(),
            suppressed: 0,
        }
    }

    /// Notes one at a byte range of the text.
    pub(crate) fn at(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) {
        let (line, column) = self.position(span.start);
        self.on(line, column, what, next);
    }

    /// Notes one at a line and column.
    pub(crate) fn on(
        &mut self,
        line: u32,
        column: u32,
        what: impl Into<String>,
        next: impl Into<String>,
    ) {
        if self.found.len() >= PROBLEMS_PER_FILE_MAX {
            self.suppressed += 1;
            return;
        }
        let file = self.file.to_owned();
        self.found.push(ListProblem {
            file,
            line,
            column,
            what: what.into(),
            next: next.into(),
        });
    }

    /// Line of a byte offset, from 1.
    pub(crate) fn line_of(&self, offset: usize) -> u32 {
        self.position(offset).0
    }

    /// Line and column (characters), both from 1, of a byte offset.
    fn position(&self, offset: usize) -> (u32, u32) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let starts = self.starts.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let line = starts.partition_point(|start| *start <= offset);
        let start = starts[line - 1];
        let column = self.text[start..offset].chars().count() + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }

    /// Has any been noted?
    pub(crate) fn any(&self) -> bool {
        !self.found.is_empty()
    }

    /// Hands them over; a last one tells how many more there were.
    pub(crate) fn into_found(mut self) -> Vec<ListProblem> {
        if self.suppressed > 0 {
            let what = format!("{} more problems like these", self.suppressed);
            self.found.push(ListProblem::of_file(
                self.file,
                what,
                "mend the first ones and retry",
            ));
        }
        self.found
    }
}

/// Would a character do something to the terminal of who reads the text, or show it in another order
/// than it has? A line's end and a tab do not count: notes have lines.
pub(crate) fn is_unruly(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_characters_not_bytes() {
        let problems = Problems::new("x.txt", "a\nbü=x");
        assert_eq!(problems.position(0), (1, 1));
        assert_eq!(problems.position(1), (1, 2), "the line's end belongs to it");
        assert_eq!(problems.position(2), (2, 1));
        assert_eq!(problems.position(5), (2, 3));
        assert_eq!(problems.position(999), (2, 5));
    }

    #[test]
    fn a_flood_of_problems_is_cut() {
        let mut problems = Problems::new("x.txt", "");
        for n in 1..=60 {
            problems.on(n, 0, "bad", "mend it");
        }
        let found = problems.into_found();
        assert_eq!(found.len(), PROBLEMS_PER_FILE_MAX + 1);
        assert_eq!(found[0].to_string(), "x.txt:1: bad; mend it");
        assert_eq!(
            found[50].to_string(),
            "x.txt: 10 more problems like these; mend the first ones and retry"
        );
    }
}

//! Checkpoints: what a log promises at one size, as the text of a signed note; and files of several.
//!
//! Enters: text. Leaves: origin, size and root; notes one by one. Never: says whether they hold.
//!
//! C2SP tlog-checkpoint.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::line;
use super::note::{NOTE_LEN_MAX, Note};
use super::tree::Hash;

/// The head of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is of.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree of the first `size` entries.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a note. Extension lines are passed over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let (origin, size, root) = (line(), line(), line());
        let origin = origin.ok_or("its first line names no origin")?.to_owned();
        let size = size.and_then(line::number);
        let size = size.ok_or("its second line is no number of entries")?;
        let root = root.and_then(|root| STANDARD.decode(root).ok()?.try_into().ok());
        let root = root.ok_or("its third line is no hash of 32 bytes in base64")?;
        if lines.any(str::is_empty) {
            return Err("an empty line stands in its text".into());
        }
        Ok(Self { origin, size, root })
    }
}

/// The text of the note, with its last newline.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

/// A checkpoint with the note that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The note.
    pub note: Note,
    /// What its text says.
    pub checkpoint: Checkpoint,
}

impl Signed {
    /// Reads a note and its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let note = Note::parse(text)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        Ok(Self { note, checkpoint })
    }
}

/// The notes of a file that holds several, one behind the other, each to be parsed. What stands
/// behind the last whole one comes last, and does not parse.
pub fn several(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_start_matches('\n');
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (note, behind) = rest.split_at_checked(first_len(rest)).unwrap_or((rest, ""));
        rest = behind.trim_start_matches('\n');
        Some(note)
    })
}

/// Length of the first note: up to the last of the signature lines that follow its first empty
/// line.
fn first_len(text: &str) -> usize {
    let Some(at) = text.find("\n\n") else {
        return text.len();
    };
    let mut len = at.saturating_add(2);
    for line in text.get(len..).unwrap_or_default().split_inclusive('\n') {
        if !line.starts_with('—') || len > NOTE_LEN_MAX {
            break;
        }
        len = len.saturating_add(line.len());
    }
    len
}

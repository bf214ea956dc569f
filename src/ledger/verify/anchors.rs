//! Checkpoints that the entries must agree with: the newest, the history, those put aside earlier,
//! those of witnesses.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::Request;
use super::report::{Confirmed, Report, Witnessed};
use crate::base::Timestamp;
use crate::ledger::checkpoint::{self, Checkpoint, Signed};
use crate::ledger::note::VerifierKey;
use crate::ledger::tree::Hash;
use crate::ledger::{layout, tiles};

/// Where a checkpoint is from.
enum Source {
    /// The folder itself.
    Folder(String),
    /// Somebody else.
    Given(String),
}

struct Anchor {
    size: u64,
    root: Hash,
    source: Source,
    witnessed: Vec<Witnessed>,
}

/// The checkpoints, smallest first.
pub(super) struct Anchors {
    rest: Peekable<IntoIter<Anchor>>,
    /// Size of the last one that held.
    held: u64,
}

/// Is it a checkpoint of this log, signed by its key?
///
/// # Errors
/// A sentence: why not.
pub fn of_log(signed: &Signed, key: &VerifierKey) -> Result<(), String> {
    if signed.note.signed_by(key)?.is_none() {
        return Err(format!(
            "it is not signed by {key}: another key, or another log"
        ));
    }
    if signed.checkpoint.origin != key.name {
        let origin = &signed.checkpoint.origin;
        return Err(format!("it is of the log {origin}, not of {}", key.name));
    }
    Ok(())
}

impl Anchors {
    /// All of them, and the one of the folder that promises most. It need not be `checkpoint`: the
    /// daemon may have signed a new one since that was read or copied.
    pub(super) fn gather(
        request: &Request,
        key: &VerifierKey,
        checkpoint: Signed,
        report: &mut Report,
    ) -> (Self, Checkpoint) {
        let mut newest = checkpoint.checkpoint.clone();
        let mut all = vec![Anchor {
            size: newest.size,
            root: newest.root,
            source: Source::Folder(layout::CHECKPOINT.into()),
            witnessed: witnessed(&checkpoint, &request.witnesses, report),
        }];
        for name in [layout::CHECKPOINTS, layout::WITNESSED] {
            let notes = tiles::read_notes(&request.folder.join(name));
            let notes = notes.unwrap_or_else(|why| {
                report.fault(None, why);
                Vec::new()
            });
            let last = notes.len().saturating_sub(1);
            for (at, note) in notes.iter().enumerate() {
                // What a crash left of a last one is cut off at the next start.
                if at == last && !note.ends_with('\n') {
                    break;
                }
                let source = Source::Folder(format!("note {} of {name}", at + 1));
                let anchor = anchor(note, source, key, &request.witnesses, report);
                if let Some(anchor) = &anchor
                    && anchor.size > newest.size
                {
                    (newest.size, newest.root) = (anchor.size, anchor.root);
                }
                all.extend(anchor);
            }
        }
        for (name, text) in &request.earlier {
            let mut notes = checkpoint::several(text).peekable();
            if notes.peek().is_none() {
                report.fault(None, format!("{name} holds no checkpoint"));
            }
            for note in notes {
                let source = Source::Given(name.clone());
                all.extend(anchor(note, source, key, &request.witnesses, report));
            }
        }
        all.sort_by_key(|anchor| anchor.size);
        let anchors = Self {
            rest: all.into_iter().peekable(),
            held: 0,
        };
        (anchors, newest)
    }

    /// Compares those of this size with the root that the entries have.
    pub(super) fn compare(&mut self, size: u64, root: impl Fn() -> Hash, report: &mut Report) {
        while let Some(anchor) = self.rest.next_if(|anchor| anchor.size == size) {
            if root() != anchor.root {
                report.fault(None, self.disagreement(&anchor));
                continue;
            }
            self.held = size;
            for said in anchor.witnessed {
                let newer = report
                    .witnesses
                    .iter_mut()
                    .find(|old| old.name == said.name);
                match newer {
                    Some(old) => *old = said,
                    None => report.witnesses.push(said),
                }
            }
            match anchor.source {
                Source::Folder(_) => report.checkpoints += 1,
                Source::Given(source) => report.earlier.push(Confirmed { source, size }),
            }
        }
    }

    fn disagreement(&self, anchor: &Anchor) -> String {
        let held = self.held;
        format!(
            "{} says another root for the first {} entries: {}",
            name(&anchor.source),
            anchor.size,
            if held > 0 {
                format!(
                    "one of the entries {held} to {} is not what was signed",
                    anchor.size - 1
                )
            } else {
                "one of them is not what was signed".into()
            }
        )
    }

    /// Those that promise more entries than there are.
    pub(super) fn finish(&mut self, size: u64, report: &mut Report) {
        for anchor in self.rest.by_ref() {
            let what = format!(
                "{} promises {} entries, the ledger has {size}: it was rolled back or cut",
                name(&anchor.source),
                anchor.size
            );
            report.fault(Some(size), what);
        }
    }
}

fn name(source: &Source) -> &str {
    match source {
        Source::Folder(name) | Source::Given(name) => name,
    }
}

fn anchor(
    note: &str,
    source: Source,
    key: &VerifierKey,
    witnesses: &[VerifierKey],
    report: &mut Report,
) -> Option<Anchor> {
    let signed = Signed::parse(note).and_then(|signed| of_log(&signed, key).map(|()| signed));
    match signed {
        Ok(signed) => Some(Anchor {
            size: signed.checkpoint.size,
            root: signed.checkpoint.root,
            witnessed: witnessed(&signed, witnesses, report),
            source,
        }),
        Err(why) => {
            report.fault(None, format!("{}: {why}", name(&source)));
            None
        }
    }
}

/// Which witnesses signed it, and when.
fn witnessed(signed: &Signed, witnesses: &[VerifierKey], report: &mut Report) -> Vec<Witnessed> {
    let mut said = Vec::new();
    for key in witnesses {
        match signed.note.signed_by(key) {
            Ok(None) => {}
            Ok(Some(time)) => {
                let seconds = time.and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
                said.push(Witnessed {
                    name: key.name.clone(),
                    size: signed.checkpoint.size,
                    time: Timestamp::from_secs_nanos(seconds, 0).to_string(),
                });
            }
            Err(why) => report.fault(None, why),
        }
    }
    said
}

//! Did the checkpoint of a bundle grow out of what somebody saw earlier?
//!
//! Enters: `growth.tsv`, `witnessed`, what the verifier has put aside. Leaves: what is confirmed.
//! Never: takes silence for a yes: a checkpoint that nothing leads from is a fault.

use super::{Confirmed, Ground, Report, Request};
use crate::evidence::archive::Name;
use crate::evidence::listed::{self, Growth};
use crate::evidence::opened::file;
use crate::ledger::checkpoint::{Checkpoint, Signed, several};
use crate::ledger::note::VerifierKey;
use crate::ledger::{tree, verify};

/// Most notes of one file.
const NOTES_MAX: usize = 8192;

pub(super) fn check(ground: &Ground<'_>, own: &Signed, request: &Request, report: &mut Report) {
    let growth = lines(ground, report);
    for (source, text) in &request.earlier {
        let mut found = false;
        for note in several(text).take(NOTES_MAX) {
            found = true;
            let signed = Signed::parse(note)
                .and_then(|signed| verify::of_log(&signed, &ground.key).map(|()| signed));
            let confirmed = match signed {
                Ok(signed) => leads(ground, &growth, &signed.checkpoint),
                Err(why) => Err(why),
            };
            match confirmed {
                Ok(size) => report.earlier.push(Confirmed {
                    source: source.clone(),
                    size,
                }),
                Err(why) => report.fault(None, None, format!("{source}: {why}")),
            }
        }
        if !found {
            report.fault(None, None, format!("{source}: it holds no checkpoint"));
        }
    }
    witnesses(ground, own, &growth, request, report);
}

/// The lines of `growth.tsv` that hold.
fn lines(ground: &Ground<'_>, report: &mut Report) -> Vec<Growth> {
    let text = file(ground.files, Name::Growth);
    let Some(lines) = listed::lines(text) else {
        report.fault(
            Some(Name::Growth),
            None,
            "it is no text, or its last line does not end",
        );
        return Vec::new();
    };
    let mut holding = Vec::new();
    let head = (ground.head.size, &ground.head.root);
    for line in lines {
        match listed::parse_growth(line) {
            Some(it) if tree::is_consistent((it.size, &it.root), head, &it.path) => {
                holding.push(it);
            }
            _ => report.fault(
                Some(Name::Growth),
                None,
                "a proof in it does not lead from an earlier checkpoint to this one",
            ),
        }
    }
    holding
}

/// Does this checkpoint lead to the bundle's? Gives how many entries it covers.
fn leads(ground: &Ground<'_>, growth: &[Growth], earlier: &Checkpoint) -> Result<u64, String> {
    let size = earlier.size;
    let head = &ground.head;
    if size > head.size {
        return Err(format!(
            "it covers {size} entries, the bundle's checkpoint {}: the bundle is older, or the log \
             was cut back; ask for a bundle of today",
            head.size
        ));
    }
    if size == head.size || size == 0 {
        let root = if size == 0 {
            tree::empty_root()
        } else {
            head.root
        };
        return if earlier.root == root {
            Ok(size)
        } else {
            Err(format!(
                "it says another root over the same {size} entries: the log was rewritten"
            ))
        };
    }
    let of_size = |it: &&Growth| it.size == size;
    match growth.iter().find(of_size) {
        Some(it) if it.root == earlier.root => Ok(size),
        Some(_) => Err(format!(
            "the bundle's checkpoint did not grow out of it: over the first {size} entries it says \
             another root; the log was rewritten"
        )),
        None => Err(format!(
            "the bundle holds no proof that leads from a checkpoint of {size} entries: ask for an \
             export with `--since` and this checkpoint"
        )),
    }
}

fn witnesses(
    ground: &Ground<'_>,
    own: &Signed,
    growth: &[Growth],
    request: &Request,
    report: &mut Report,
) {
    let text = std::str::from_utf8(file(ground.files, Name::Witnessed)).unwrap_or_default();
    let notes = several(text).take(NOTES_MAX).map(Signed::parse);
    let notes: Vec<Signed> = notes.filter_map(Result::ok).chain([own.clone()]).collect();
    for key in &request.witnesses {
        match newest(ground, growth, &notes, key) {
            Ok(Some(size)) => report.witnesses.push(Confirmed {
                source: key.name.clone(),
                size,
            }),
            Ok(None) => {
                let what = format!("no checkpoint in it bears the signature of {}", key.name);
                report.fault(Some(Name::Witnessed), None, what);
            }
            Err(why) => report.fault(Some(Name::Witnessed), None, why),
        }
    }
}

/// How many entries the newest checkpoint covers that this witness signed.
fn newest(
    ground: &Ground<'_>,
    growth: &[Growth],
    notes: &[Signed],
    key: &VerifierKey,
) -> Result<Option<u64>, String> {
    let mut newest = None;
    for signed in notes {
        if signed.note.signed_by(key)?.is_some() {
            verify::of_log(signed, &ground.key)?;
            newest = newest.max(Some(leads(ground, growth, &signed.checkpoint)?));
        }
    }
    Ok(newest)
}

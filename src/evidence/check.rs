//! Does a bundle verify? From its bytes and a public key alone, without a network.
//!
//! Enters: the bytes of an archive, hostile ones too; a key, checkpoints put aside earlier, keys of
//! witnesses. Leaves: a [`Report`]: what holds, which entry or file is wrong, what cannot be known.
//! Never: takes a statement of the bundle for true because it stands there.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod entries;
mod growth;
mod told;

use super::archive::{self, File, Name};
use super::data::{Data, Extent, PROGRAM, Why};
use super::facts::Facts;
use super::opened::{self, file};
use super::{WHAT, compose, listed};
use crate::ledger::checkpoint::{Checkpoint, Signed};
use crate::ledger::note::VerifierKey;
use crate::ledger::{proof, verify};
use crate::record::{Act, Acted, Body, Entry, Kind};

pub use told::{Confirmed, Counts, Exported, Fault, Report};

/// Faults that are told one by one.
const FAULTS_MAX: usize = 50;

/// Against what a bundle is verified.
#[derive(Default)]
pub struct Request {
    /// The key of the log; none: the one in the bundle, which proves less.
    pub key: Option<VerifierKey>,
    /// Text of files with checkpoints that were put aside earlier, each with where it is from.
    pub earlier: Vec<(String, String)>,
    /// Keys of witnesses, each of which must have signed a checkpoint in the bundle.
    pub witnesses: Vec<VerifierKey>,
}

/// What of a bundle was found to hold, for the steps that follow.
struct Ground<'b> {
    files: &'b [File],
    key: VerifierKey,
    /// What was signed.
    head: Checkpoint,
}

/// Verifies a bundle.
pub fn verify(bytes: &[u8], request: &Request) -> Report {
    let mut report = Report::default();
    let (case, files) = match archive::read(bytes) {
        Ok(read) => read,
        Err(why) => {
            report.fault(None, None, why);
            return report.concluded(request);
        }
    };
    report.case = case;
    report.opened = files.iter().any(|file| file.name.is_opened());
    for name in Name::ALL {
        let needed = name.is_needed() || (report.opened && name.is_opened());
        if needed && files.iter().all(|file| file.name != *name) {
            report.fault(Some(*name), None, "it is missing");
        }
    }
    if !report.faults.is_empty() {
        return report.concluded(request);
    }
    let Some(key) = key(&files, request, &mut report) else {
        return report.concluded(request);
    };
    report.key = key.to_string();
    let own = checkpoint(&files, &key, &mut report);
    let export = export(&files, &key, own.as_ref(), &mut report);
    let head = own.or_else(|| export.as_ref().map(|(_, signed)| signed.clone()));
    let Some(head) = head else {
        return report.concluded(request);
    };
    let ground = Ground {
        files: &files,
        key,
        head: head.checkpoint.clone(),
    };
    report.size = ground.head.size;
    report.root = crate::ledger::hex::encode(&ground.head.root);
    let shown = entries::check(&ground, &mut report);
    let act = export.map(|(act, _)| act);
    if let Some(Act::Export { digest, .. }) = &act {
        manifest(&files, digest, &mut report);
    }
    if report.faults.is_empty() {
        data(&ground, act.as_ref(), &shown, &mut report);
    }
    growth::check(&ground, &head, request, &mut report);
    if report.opened && report.faults.is_empty() {
        for (name, why) in opened::check(&files) {
            report.fault(Some(name), None, why);
        }
    }
    report.concluded(request)
}

/// The key to verify with.
fn key(files: &[File], request: &Request, report: &mut Report) -> Option<VerifierKey> {
    let bytes = file(files, Name::Key);
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let own = VerifierKey::parse(text).and_then(|key| match format!("{key}\n") == text {
        true => Ok(key),
        false => Err("it is not written as a key is".to_owned()),
    });
    match (own, &request.key) {
        (Ok(own), Some(given)) => {
            if own != *given {
                let what = format!(
                    "the bundle is of the key {own}, the one that you gave is {given}: a wrong key, \
                     or a bundle of another log"
                );
                report.fault(Some(Name::Key), None, what);
                return None;
            }
            Some(own)
        }
        (Ok(own), None) => Some(own),
        (Err(why), given) => {
            report.fault(Some(Name::Key), None, format!("it is no public key: {why}"));
            given.clone()
        }
    }
}

/// The checkpoint, if it is one of this log and bears the log's signature alone: another one would
/// be bytes that prove nothing.
fn checkpoint(files: &[File], key: &VerifierKey, report: &mut Report) -> Option<Signed> {
    let text = std::str::from_utf8(file(files, Name::Checkpoint)).unwrap_or_default();
    let signed = Signed::parse(text).and_then(|signed| {
        verify::of_log(&signed, key)?;
        if signed.note.signatures.len() != 1 || signed.note.to_string() != text {
            return Err("something was added to it".into());
        }
        Ok(signed)
    });
    match signed {
        Ok(signed) => Some(signed),
        Err(why) => {
            report.fault(Some(Name::Checkpoint), None, why);
            None
        }
    }
}

/// The entry of this export, proved.
fn export(
    files: &[File],
    key: &VerifierKey,
    own: Option<&Signed>,
    report: &mut Report,
) -> Option<(Act, Signed)> {
    match exported(files, key) {
        Err(why) => {
            report.fault(Some(Name::Export), None, why);
            None
        }
        Ok((told, act, signed)) => {
            if own.is_some_and(|own| *own != signed) {
                let what = "it stands under another checkpoint than the bundle's";
                report.fault(Some(Name::Export), None, what);
            }
            if act.case() != Some(report.case.as_str()) {
                let what = "the export that it tells of is of another case than the folder's name";
                report.fault(Some(Name::Export), None, what);
            }
            report.exported = Some(told);
            Some((act, signed))
        }
    }
}

fn exported(files: &[File], key: &VerifierKey) -> Result<(Exported, Act, Signed), String> {
    let text = std::str::from_utf8(file(files, Name::Export)).map_err(|_| "it is no text")?;
    let proven = proof::check(text, key)?;
    if !proof::is_canonical(text) || proven.signed.note.signatures.len() != 1 {
        return Err("it is not written as this program writes a proof".into());
    }
    if proven.kind != Kind::Export.label() {
        return Err(format!("it is an entry of kind {}", proven.kind));
    }
    let payload = proven.payload.ok_or("it does not say what was exported")?;
    let entry = Entry::read(Kind::Export, &payload)?;
    let Body::Act(acted) = entry.body else {
        return Err("it is no export".into());
    };
    let Acted { by, act } = *acted;
    let Act::Export { what, reason, .. } = &act else {
        return Err("it is no export".into());
    };
    if what != WHAT {
        return Err(format!("it is of an export of {}", what.escape_debug()));
    }
    let told = Exported {
        entry: proven.number,
        by: by.name,
        means: by.means.to_string(),
        time: entry.time.to_string(),
        reason: reason.clone(),
    };
    Ok((told, act, proven.signed))
}

/// The files against the manifest, and the manifest against the entry of the export.
fn manifest(files: &[File], digest: &str, report: &mut Report) {
    let manifest = file(files, Name::Manifest);
    let should_be = listed::manifest(files);
    if listed::digest(manifest) != digest {
        let what = if listed::digest(should_be.as_bytes()) == digest {
            "it was changed: the files are those that were exported"
        } else {
            "it is not the one that the entry of the export names"
        };
        return report.fault(Some(Name::Manifest), None, what);
    }
    if should_be.as_bytes() == manifest {
        return;
    }
    let said: Vec<&str> = listed::lines(manifest).unwrap_or_default();
    for name in Name::ALL.iter().filter(|name| name.is_listed()) {
        let ends = format!("  {name}");
        let is_of = |line: &&&str| line.ends_with(&ends);
        let said = said.iter().find(is_of);
        let is = should_be.lines().find(|line| is_of(&line));
        let what = match (said, is) {
            (Some(said), Some(is)) if **said == *is => continue,
            (None, None) => continue,
            (Some(_), Some(_)) if report.has_entry_faults_in(*name) => continue,
            (Some(_), Some(_)) => "it was changed: its SHA-256 is not the manifest's",
            (Some(_), None) => "it is missing, and the manifest names it",
            (None, Some(_)) => "it was added: the manifest does not name it",
        };
        report.fault(Some(*name), None, what);
    }
    if report.faults.is_empty() {
        report.fault(
            Some(Name::Manifest),
            None,
            "it is not written as it should be",
        );
    }
}

/// What the bundle says in words and figures, against its entries.
fn data(ground: &Ground<'_>, act: Option<&Act>, shown: &entries::Shown, report: &mut Report) {
    let text = file(ground.files, Name::Data);
    let read = match Data::read(text) {
        Ok(read) => read,
        Err(why) => return report.fault(Some(Name::Data), None, why),
    };
    report.program = read.program.clone();
    if read.facts.case.id != report.case {
        return report.fault(Some(Name::Data), None, "it is of another case");
    }
    if let Some(Act::Export { reason, .. }) = act
        && *reason != read.reason
    {
        let what = "it gives another reason than the entry of the export";
        return report.fault(Some(Name::Data), None, what);
    }
    if let Some(why) = extent(&read.entries, shown) {
        return report.fault(Some(Name::Data), None, why);
    }
    if read.program != PROGRAM {
        return;
    }
    let facts = match Facts::of(&report.case, &shown.entries) {
        Ok(facts) => facts,
        Err(why) => return report.fault(Some(Name::Data), None, why),
    };
    let (made, reason) = (read.made.clone(), read.reason.clone());
    let again = Data::new(
        facts,
        read.vendor.clone(),
        read.entries.clone(),
        (made, reason),
    );
    if again.facts != read.facts {
        let what = "what it says does not follow from the entries beside it";
        return report.fault(Some(Name::Data), None, what);
    }
    if again.wording != read.wording {
        return;
    }
    if again != read {
        let what = "its method and limits are not those of such a case";
        return report.fault(Some(Name::Data), None, what);
    }
    let again = match compose::written(&again) {
        Ok(again) => again,
        Err(why) => return report.fault(Some(Name::Data), None, why),
    };
    for made in again {
        if made.bytes != file(ground.files, made.name) {
            let what = "it does not follow from the entries beside it";
            report.fault(Some(made.name), None, what);
        }
    }
    report.compared = report.faults.is_empty();
}

/// Does it say rightly which entries are without text? A hit with an address in clear and one that
/// somebody withheld cannot be told apart.
fn extent(said: &Extent, shown: &entries::Shown) -> Option<&'static str> {
    let same = said.count == shown.count
        && said.without.len() == shown.without.len()
        && said
            .without
            .iter()
            .zip(&shown.without)
            .all(|(said, (number, kind))| said.entry == *number && said.kind.label() == kind);
    let sound = said.without.iter().all(|it| Why::ALL.contains(&it.why));
    (!same || !sound).then_some("it says otherwise which entries are here")
}

//! Everything about a person, to be handed to them.
//!
//! Enters: pseudonyms, the ledger's files. Leaves: [`Export`]. Never: a colleague's name, another
//! subject, another's case; of what may be somebody else's, more than time, vendor and name.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::daemon::erasure::plan::{dossier, each};
use crate::daemon::office;
use crate::hits::SubjectId;
use crate::identity::{Sought, SubjectKind};
use crate::record::dossier::{Dossier, Sort, Whose};
use crate::record::{Body, Entry};

/// Stands where something of somebody else stood.
const LEFT_OUT: &str = "left out";

/// What is handed over.
#[derive(Serialize)]
pub(super) struct Export {
    format: &'static str,
    /// When it was made, RFC 3339.
    pub(super) made: String,
    /// What a reader must know.
    pub(super) notes: Vec<&'static str>,
    /// Cases that are about the person, or may be.
    pub(super) cases: Vec<CaseFound>,
    /// Everything else, in the order of the record.
    pub(super) entries: Vec<EntryFound>,
}

/// A case.
#[derive(Serialize)]
pub(super) struct CaseFound {
    pub(super) id: String,
    pub(super) whose: Whose,
    pub(super) vendor: String,
    pub(super) kind: SubjectKind,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) closed: bool,
}

/// An entry.
#[derive(Serialize)]
pub(super) struct EntryFound {
    pub(super) number: u64,
    pub(super) kind: String,
    pub(super) time: String,
    /// It may be about somebody else.
    pub(super) ambiguous: bool,
    pub(super) content: Value,
}

const NOTES: [&str; 6] = [
    "Subjects stand here as pseudonyms, as in the record: keyed hashes of a name, device or address.",
    "`ambiguous`: nobody could tell whose it was. It may be about you or about somebody else, so only \
     time, vendor and name are given.",
    "Names of colleagues who worked on a case are left out, and so is what is about other people.",
    "Your user name, addresses and device names stand under seal. Officers open them together, on \
     request, and only on their own machines.",
    "For some hours, who held which address is also kept in memory, as pseudonyms, never on disk \
     without a hit.",
    "Copies that went to other systems of the organisation (log collector, alerts) are told of by the \
     organisation itself.",
];

/// The subject to name in the record of the export: the person, if one is known.
pub(super) fn main_subject(sought: &Sought) -> Option<SubjectId> {
    let person = |it: &&SubjectId| it.as_str().starts_with("person-");
    let all = &sought.subjects;
    all.iter().find(person).or_else(|| all.first()).cloned()
}

/// Collects it.
pub(super) fn collect(ledger: &Path, sought: &Sought) -> Result<Export, String> {
    let mut found = dossier(ledger, sought)?;
    let mut entries = Vec::new();
    each(ledger, 0, None, |stored, entry| {
        let sort = found.sort(&entry);
        if sort == Sort::Not {
            return;
        }
        let ambiguous = sort == Sort::Ambiguous;
        let Some(content) = (match ambiguous {
            true => outline(&entry),
            false => Some(content(&entry, &stored.payload, &found)),
        }) else {
            return;
        };
        entries.push(EntryFound {
            number: stored.number,
            kind: stored.kind.clone(),
            time: entry.time.to_string(),
            ambiguous,
            content,
        });
    })?;
    let shown = found
        .cases
        .iter()
        .filter(|(_, it)| matches!(it.whose, Whose::Theirs | Whose::Ambiguous));
    let time = |at: Timestamp| at.to_string();
    Ok(Export {
        format: "poortwacht-subject/1",
        made: office::now().to_string(),
        notes: NOTES.to_vec(),
        cases: shown
            .map(|(id, it)| CaseFound {
                id: id.clone(),
                whose: it.whose,
                vendor: it.vendor.clone(),
                kind: it.kind,
                first: time(it.times.0),
                last: time(it.times.1),
                closed: it.closed,
            })
            .collect(),
        entries,
    })
}

/// What may be somebody else's: only what was seen, and when.
fn outline(entry: &Entry) -> Option<Value> {
    match &entry.body {
        Body::Hit(hit) => Some(json!({
            "vendor": hit.record.poortwacht.vendor.name,
            "name": hit.record.poortwacht.name,
            "seen": hit.record.poortwacht.seen,
        })),
        Body::Case(head) => Some(json!({"vendor": head.vendor_name, "stage": head.stage})),
        _ => None,
    }
}

fn content(entry: &Entry, payload: &Option<Vec<u8>>, found: &Dossier) -> Value {
    match &entry.body {
        Body::Sealed(sealed) => json!({
            "subject": sealed.subject,
            "sealed": "user name, addresses and device names, for the officers alone",
            "officers_needed": sealed.threshold,
        }),
        Body::Frame(frame) => json!({
            "subject": frame.subject,
            "hit": frame.hit,
            "sealed": "the network frame that carried the name, for the officers alone",
        }),
        _ => {
            let payload = payload.as_deref().unwrap_or_default();
            let mut value: Value = serde_json::from_slice(payload).unwrap_or_default();
            let mut body = value.get_mut("body").map(Value::take).unwrap_or_default();
            leave_out(&mut body, found);
            body
        }
    }
}

/// Takes out what is somebody else's.
fn leave_out(value: &mut Value, found: &Dossier) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let text = value.as_str();
                let others = match key.as_str() {
                    "by" => {
                        if let Some(name) = value.get_mut("name") {
                            *name = json!("a colleague");
                        }
                        false
                    }
                    "to" => text.is_some(),
                    "other" => text.is_some_and(|id| !found.is_theirs(id)),
                    "subject" => text.is_some_and(|it| !is_own(it, found)),
                    _ => false,
                };
                if others {
                    *value = json!(LEFT_OUT);
                } else {
                    leave_out(value, found);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| leave_out(value, found)),
        _ => {}
    }
}

fn is_own(subject: &str, found: &Dossier) -> bool {
    found
        .subjects()
        .contains(&SubjectId::new(subject.to_owned()))
}
